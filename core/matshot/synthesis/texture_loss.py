"""Pictures optimized until their statistics are those of another; ONNX graphs give loss and gradient.

Graphs return a loss and its gradient. One compares the features of a network (Gatys, Ecker and Bethge 2015,
"Texture Synthesis Using Convolutional Neural Networks"; Heitz et al. 2021, "A Sliced Wasserstein Loss for Neural
Texture Synthesis") and is minimized by L-BFGS. One compares the distributions of patches along random directions
(Elnekave and Weiss 2022, "Generating Natural Images with Direct Patch Distributions Matching"). Its gradient along
orthonormal directions is the mean of what the patches over a pixel want it to move, so a full step along it needs no
step size; and directions that mix only principal components of like variance see faint structure, color above all,
which directions drawn from the whole sphere hardly do. Tens of steps do then what hundreds of Adam's did.

The features see only so far. Regularity over longer distances is in the power spectrum (Liu,
Gousseau and Xia 2016, "Texture Synthesis Through Convolutional Neural Networks and Spectrum Constraints"), which a
third graph compares along with the features, as autocorrelations (Wiener and Khinchin): those of pictures of different
sizes compare, and a source that does not wrap has them too.

Pictures here wrap on both axes. Large ones go window by window, in bounded memory. The target of a window is not
that of the whole picture but the change that the whole picture lacks, so that it may differ from other windows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft
from scipy.optimize import minimize

from ..errors import MatshotError
from ..image.color import Pixels
from ..image.types import Wrap
from ..inference.cards import Registry, installed_models
from ..inference.memory import memory_budget, resident_bytes
from ..inference.session import Device, Network
from ..progress import Progress

Array = NDArray[np.float32]
Random = np.random.Generator

#: Side of raw patches, in pixels.
PATCH = 7
#: Distance between the patches that the graph compares.
STRIDE = 2
#: Levels of features whose distributions are compared.
SLICED = (2, 3, 4)
#: The level of features that is a picture's content.
CONTENT = 2

#: Longest side of a window of features, in pixels.
_FEATURE_WINDOW = 512
#: Part of it, at each border, that is only context.
_FEATURE_MARGIN = 32
#: Longest side of a window of patches.
_PATCH_WINDOW = 384
#: Part of it, at each border, that is only context.
_PATCH_MARGIN = PATCH - 1
#: Narrowest window of features.
_SMALLEST_WINDOW = 192
#: Bytes that each of its pixels needs at most.
_BYTES_PER_PIXEL = 2000
#: Directions in a step.
_DIRECTIONS = 64
#: Principal components of like variance that are rotated among each other.
_BAND = 12
#: First components, which are directions of every step.
_FIRST = 16
#: Pixels of a picture up to which every step uses all directions.
_SMALL = 128 * 128
#: Samples of the patches or features of a source.
_SAMPLES = 32768
#: Samples of those of a window.
_WINDOW_SAMPLES = 4096
#: Cost of a squared excess over [0, 1].
_RANGE_WEIGHT = 0.01
#: Longest lag of autocorrelations, in pixels.
_REACH = 32
#: Longest lag in parts of the source's side: longer ones have too few pairs.
_REACH_SHARE = 1 / 4
#: Weight of their relative squared difference, where each level's Gram matrix has 1; theirs decreases faster.
_SPECTRUM_WEIGHT = 30.0
#: Vectors that L-BFGS remembers.
_MEMORY = 8


class Objectives:
    """The graphs.

    Args:
        device: where networks run.
        threads: of the CPU; 0 for all.
        models: to choose from; those installed by default.
        memory: bound on the memory of the process, such as ``2G``; empty for a share of what is free.

    Attributes:
        window: longest side of a window of features, in pixels.

    Raises:
        MatshotError: when one is missing, or for too little memory.
    """

    def __init__(
        self, device: Device = "auto", threads: int = 0, models: Registry | None = None, memory: str = ""
    ) -> None:
        known = models or installed_models()
        self.features = Network(known.require("synthesis", "features"), device, threads)
        self.objective = Network(known.require("synthesis", "objective"), device, threads)
        self.patches = Network(known.require("synthesis", "patches"), device, threads)
        self.spectrum = Network(known.require("synthesis", "spectrum"), device, threads)
        pixels = max(0, memory_budget(memory) - resident_bytes()) / _BYTES_PER_PIXEL
        grid = self.objective.grid
        self.window = min(_FEATURE_WINDOW, int(np.sqrt(pixels)) // grid * grid)
        if self.window < _SMALLEST_WINDOW:
            raise MatshotError("Synthesis needs more memory; raise the limit with --memory, or close other programs.")


class PatchStatistics:
    """The patches of a picture that others are given.

    Args:
        picture: ``H x W x C``, at least ``PATCH`` high and wide.
        wrap: axes on which it repeats.
        random: draws samples and directions.
    """

    def __init__(self, picture: Pixels, wrap: Wrap, random: Random) -> None:
        self._random = random
        self._patches = sampled_patches(picture, wrap, random)
        centered = self._patches - self._patches.mean(axis=0)
        _, self._components = np.linalg.eigh(centered.T.astype(np.float64) @ centered)

    def directions(self, every: bool = False) -> Array:
        """Orthonormal directions of patches, ``(K, C PATCH^2)``: the first components', and others by chance."""
        size = len(self._components)
        count = size if every else _DIRECTIONS
        ordered = self._components[:, ::-1].T
        cuts = [0, *range(int(self._random.integers(1, _BAND)), size, _BAND), size]
        turned = [
            _rotation(stop - start, self._random) @ ordered[start:stop] for start, stop in itertools.pairwise(cuts)
        ]
        others = _FIRST + self._random.choice(size - _FIRST, count - _FIRST, replace=False)
        chosen = np.concatenate(turned)[np.concatenate([np.arange(_FIRST), others])]
        return np.ascontiguousarray(chosen, dtype=np.float32)

    def patch_values(self, directions: Array) -> Array:
        """The picture's patches along directions, in ascending order, ``(count, M)``."""
        return np.sort(directions @ self._patches.T, axis=1)


class TargetStatistics(PatchStatistics):
    """Statistics of a picture that others are given.

    Args:
        objectives: that compare.
        picture: ``H x W x 3``, display-encoded, at least ``PATCH`` high and wide.
        wrap: axes on which it repeats.
        random: draws samples.

    Attributes:
        mean: ``(3,)``.
        grams: a matrix for each level.
        features: ``(width, n)``, some of each level of ``SLICED``.
        axes: ``(3, 3)``, rows along which colors are not correlated.
        correlations: :func:`autocorrelations` along them.
    """

    def __init__(self, objectives: Objectives, picture: Pixels, wrap: Wrap, random: Random) -> None:
        self.mean = picture.mean(axis=(0, 1))
        levels = _inner_features(objectives, picture, wrap)
        self.grams = [_gram(level) for level in levels]
        self.features = {number: _sampled_columns(levels[number], _SAMPLES, random) for number in SLICED}
        self.axes = _color_axes(picture)
        reach = [min(_REACH, int(side * _REACH_SHARE)) for side in picture.shape[:2]]
        self.correlations = autocorrelations(picture @ self.axes.T, wrap, (reach[0], reach[1]))
        super().__init__(picture, wrap, random)

    def spectrum_inputs(self, height: int, width: int) -> dict[str, Array]:
        """Inputs of the graph that compares power spectra, for a wrapping picture of this size."""
        correlations = self.correlations
        for axis, side in ((1, height), (2, width)):
            # Longer lags are the same as shorter ones there.
            surplus = max(0, correlations.shape[axis] - side + 1) // 2
            correlations = np.delete(correlations, [*range(surplus), *range(-surplus, 0)], axis)
        size = max(float(np.square(correlations).sum()), 1e-12)
        weight = np.array(_SPECTRUM_WEIGHT / size, np.float32)
        return {"correlations": correlations, "axes": self.axes, "weight": weight}


def autocorrelations(picture: Pixels, wrap: Wrap, reach: tuple[int, int]) -> Array:
    """Mean product of a picture's pixels that are a lag apart, each plane less its mean.

    Where the picture does not repeat, the mean is over the pairs that it holds.

    Args:
        picture: ``H x W x C``.
        wrap: axes on which it repeats.
        reach: longest lags, rows and columns, shorter than the sides.

    Returns:
        ``(C, 2 rows + 1, 2 columns + 1)``, from minus the longest lag to plus it.
    """
    planes = (picture - picture.mean(axis=(0, 1))).transpose(2, 0, 1).astype(np.float64)
    sizes, pairs, lags = [], [], []
    for axis, side, longest in zip("yx", picture.shape[:2], reach, strict=True):
        sizes.append(side if axis in wrap else fft.next_fast_len(side + longest, real=True))
        lags.append(np.arange(-longest, longest + 1))
        pairs.append(np.full(len(lags[-1]), side) if axis in wrap else side - np.abs(lags[-1]))
    spectrum = fft.rfft2(planes, s=sizes)
    sums = fft.irfft2(np.square(np.abs(spectrum)), s=sizes)
    down, across = (lag % size for lag, size in zip(lags, sizes, strict=True))
    return np.asarray(sums[:, down[:, np.newaxis], across] / np.multiply.outer(*pairs), dtype=np.float32)


def with_patches_of(
    objectives: Objectives,
    target: TargetStatistics,
    picture: Pixels,
    steps: int,
    random: Random,
    *,
    rate: float = 1.0,
    enough: float = 0.0,
    progress: Progress | None = None,
) -> Pixels:
    """A wrapping picture moved so that its patches are distributed as in the target.

    Args:
        objectives: that compare.
        target: statistics to reach.
        picture: ``H x W x 3``, display-encoded, at least ``PATCH`` high and wide.
        steps: how many, at most.
        random: draws directions and where the picture is cut.
        rate: part of a full step.
        enough: squared distance, in parts of the target distributions' variance, at which to stop.
        progress: called after every window of every step.
    """
    progress = progress or Progress(None)
    height, width = picture.shape[:2]
    windows = list(_windows(height, width, _PATCH_WINDOW, _PATCH_MARGIN, 1))
    result = picture
    for number in range(steps):
        directions = target.directions(every=height * width <= _SMALL)
        values = target.patch_values(directions)
        shift = (int(random.integers(height)), int(random.integers(width)))
        result = np.roll(result, shift, (0, 1)) + np.float32(rate) * (target.mean - result.mean(axis=(0, 1)))
        stepped, distance = result.copy(), 0.0
        wide = np.pad(result, ((0, PATCH - 1), (0, PATCH - 1), (0, 0)), mode="wrap")
        own = np.sort(directions @ patches_at_random(wide, _SAMPLES, random).T, axis=1)
        moves = _moves(own, values)
        for place, window in enumerate(windows):
            progress((number + place / len(windows)) / steps)
            part = window.cut(result)
            # Their targets are not those of all patches: of a period of 2 or 4 pixels they have only some phases.
            patches = np.sort(directions @ _compared_patches(part, _SAMPLES // 2, random).T, axis=1)
            targets = _transported(patches, own, moves)
            loss, gradient = objectives.patches.results(
                image=_batch(part), directions=directions.reshape(-1, 3, PATCH, PATCH), values=targets
            )
            # From the mean over all samples to the mean over the patches that cover a pixel.
            samples = len(directions) * (part.shape[0] // STRIDE) * (part.shape[1] // STRIDE)
            step = gradient[0].transpose(1, 2, 0) * np.float32(rate * samples / 2 * (STRIDE / PATCH) ** 2)
            window.put(stepped, part - step)
            distance += float(loss) / len(windows)
        result = np.roll(stepped, (-shift[0], -shift[1]), (0, 1))
        if distance < enough * float(values.var(axis=1).mean()):
            break
    return result


def with_features_of(
    objectives: Objectives,
    target: TargetStatistics,
    picture: Pixels,
    iterations: int,
    random: Random,
    *,
    content: Pixels | None = None,
    content_weight: float = 0.0,
    progress: Progress | None = None,
) -> Pixels:
    """A wrapping picture changed so that its features correlate and are distributed as in the target.

    So is its power spectrum, if the picture is not larger than a window (its cost grows with the cube of the side; the
    octave below has covered long distances then) and no other content has to stay.

    Args:
        objectives: that compare.
        target: statistics to reach.
        picture: ``H x W x 3``, display-encoded.
        iterations: of L-BFGS in each window.
        random: draws directions.
        content: a picture of the same size, whose features must stay in place.
        content_weight: of their relative squared difference, where each level's Gram matrix counts 1.
        progress: called after every evaluation.
    """
    height, width = picture.shape[:2]
    grid = objectives.objective.grid
    windows = list(_windows(height, width, objectives.window, _FEATURE_MARGIN, grid))
    directions = {number: _directions(len(values), random) for number, values in target.features.items()}
    values = {number: np.sort(directions[number] @ target.features[number], axis=1) for number in SLICED}
    whole = _Whole(objectives, windows, picture, random) if len(windows) > 1 else None
    fixed = {f"directions_{number}": directions[number] for number in SLICED}
    fixed["gram_weights"] = np.array([1 / max(float(np.square(one).sum()), 1e-12) for one in target.grams], np.float32)
    # As many levels as Gram matrices are compared: each of those with distributions counts as much again.
    spread = [max(float(np.square(target.features[number]).mean()), 1e-12) for number in SLICED]
    fixed["slice_weights"] = np.array([1 / one for one in spread], np.float32)
    result = picture.copy()
    progress = progress or Progress(None)
    for place, window in enumerate(windows):
        stretch = progress.part(place / len(windows), (place + 1) / len(windows))
        part = window.cut(result)
        grams, targets = target.grams, values
        if whole is not None:
            levels = [one[0] for one in objectives.features.results(image=_batch(part))]
            # The context counts too, but does not change.
            counting = np.float32(window.share)
            grams = [
                _gram(level.reshape(len(level), -1)) + counting * (goal - all_over)
                for level, goal, all_over in zip(levels, target.grams, whole.grams, strict=True)
            ]
            targets = {}
            for number in SLICED:
                inner = directions[number] @ _sampled_columns(
                    _inside(levels[number], window, number), _WINDOW_SAMPLES, random
                )
                own = np.sort(directions[number] @ whole.features[number], axis=1)
                context = levels[number].reshape(len(levels[number]), -1)
                context = _sampled_columns(context, round(inner.shape[1] * (1 / window.share - 1)), random)
                transported = _transported(inner, own, _moves(own, values[number]))
                targets[number] = np.sort(np.concatenate([transported, directions[number] @ context], axis=1), axis=1)
        inputs = {
            **fixed,
            **{f"values_{number}": targets[number] for number in SLICED},
            "grams": np.concatenate([one.ravel() for one in grams])[np.newaxis].astype(np.float32),
            "content_weight": np.zeros((), np.float32),
        }
        features = objectives.features.results(image=_batch(part if content is None else window.cut(content)))[CONTENT]
        inputs["content"] = features
        if content is not None:
            scale = max(float(np.square(features).mean()), 1e-12)
            inputs["content_weight"] = np.array(content_weight / scale, np.float32)
        spectrum = target.spectrum_inputs(height, width) if whole is None and content is None else None
        window.put(result, _optimized_window(objectives, part, window, inputs, spectrum, iterations, stretch))
    return result


def sampled_patches(picture: Pixels, wrap: Wrap, random: Random) -> Array:
    """Patches of a picture that repeats on some axes, as :func:`patches_at_random` gives them."""
    over = [(0, PATCH - 1 if axis in wrap else 0) for axis in "yx"]
    return patches_at_random(np.pad(picture, (*over, (0, 0)), mode="wrap"), _SAMPLES, random)


def patches_at_random(picture: Pixels, most: int, random: Random) -> Array:
    """All patches inside a picture if they are not too many, else some, ``(M, 3 PATCH^2)``, channel by channel."""
    views = sliding_window_view(picture, (PATCH, PATCH), axis=(0, 1))
    rows, columns = views.shape[:2]
    if rows * columns <= most:
        return np.ascontiguousarray(views).reshape(rows * columns, -1)
    places = random.choice(rows * columns, most, replace=False)
    return np.asarray(views[places // columns, places % columns].reshape(most, -1))


def _compared_patches(picture: Pixels, most: int, random: Random) -> Array:
    """The patches of a wrapping picture that the graph compares, as :func:`patches_at_random` gives them."""
    over = PATCH - STRIDE
    wide = np.pad(picture, ((0, over), (0, over), (0, 0)), mode="wrap")
    views = sliding_window_view(wide, (PATCH, PATCH), axis=(0, 1))[::STRIDE, ::STRIDE]
    rows, columns = views.shape[:2]
    places = np.arange(rows * columns)
    if len(places) > most:
        places = random.choice(len(places), most, replace=False)
    return np.asarray(views[places // columns, places % columns].reshape(len(places), -1))


@dataclass(frozen=True)
class _Window:
    """A part of a wrapping picture: lines that count, and context around them."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    inner_rows: slice
    inner_columns: slice

    @property
    def share(self) -> float:
        """Part of the window that counts."""
        rows, columns = (inner.stop - inner.start for inner in (self.inner_rows, self.inner_columns))
        return float(rows * columns / (len(self.rows) * len(self.columns)))

    def cut(self, picture: Pixels) -> Pixels:
        return picture[self.rows[:, np.newaxis], self.columns]

    def put(self, picture: Pixels, part: Pixels) -> None:
        inner = part[self.inner_rows, self.inner_columns]
        picture[self.rows[self.inner_rows][:, np.newaxis], self.columns[self.inner_columns]] = inner


class _Whole:
    """Statistics of a picture that is judged window by window."""

    def __init__(self, objectives: Objectives, windows: list[_Window], picture: Pixels, random: Random) -> None:
        shares, grams = [], []
        kept: dict[int, list[Array]] = {number: [] for number in SLICED}
        for window in windows:
            levels = objectives.features.results(image=_batch(window.cut(picture)))
            inner = [_inside(level[0], window, number) for number, level in enumerate(levels)]
            shares.append(inner[0].shape[1] / (picture.shape[0] * picture.shape[1]))
            grams.append([_gram(level) for level in inner])
            for number in SLICED:
                kept[number].append(_sampled_columns(inner[number], _SAMPLES // len(windows), random))
        self.grams = [
            sum((share * one for share, one in zip(shares, level, strict=True)), np.zeros_like(level[0]))
            for level in zip(*grams, strict=True)
        ]
        self.features = {number: np.concatenate(some, axis=1) for number, some in kept.items()}


def _windows(height: int, width: int, side: int, margin: int, grid: int) -> Iterator[_Window]:
    across = list(_spans(width, side, margin, grid))
    for rows, inner_rows in _spans(height, side, margin, grid):
        for columns, inner_columns in across:
            yield _Window(rows, columns, inner_rows, inner_columns)


def _spans(size: int, side: int, margin: int, grid: int) -> Iterator[tuple[NDArray[np.intp], slice]]:
    """Lines of each window along one axis, and which of them count. One that holds all needs no context: it wraps."""
    if size <= side and size % grid == 0:
        yield np.arange(size), slice(0, size)
        return
    count = -(-size // (side - 2 * margin - grid))
    borders = [round(number * size / count) for number in range(count + 1)]
    for start, stop in itertools.pairwise(borders):
        length = -(-(stop - start + 2 * margin) // grid) * grid
        yield np.arange(start - margin, start - margin + length) % size, slice(margin, margin + stop - start)


def _inside(level: Array, window: _Window, number: int) -> Array:
    """Features ``(C, n)`` where the window counts."""
    rows, columns = (
        slice(inner.start >> number, max(inner.stop >> number, (inner.start >> number) + 1))
        for inner in (window.inner_rows, window.inner_columns)
    )
    return level[:, rows, columns].reshape(len(level), -1)


def _inner_features(objectives: Objectives, picture: Pixels, wrap: Wrap) -> list[Array]:
    """Features ``(C, n)`` of each level of a picture that goes on beyond its borders as it wraps, or mirrored."""
    grid = objectives.features.grid
    reach = -(-objectives.features.receptive_field // grid) * grid
    height, width = picture.shape[:2]
    wide = picture
    for axis, letter in enumerate("yx"):
        ends = [(0, 0)] * 3
        ends[axis] = (reach, reach + -picture.shape[axis] % grid)
        wide = np.pad(wide, ends, mode="wrap" if letter in wrap else "symmetric")
    inner = _Window(np.arange(0), np.arange(0), slice(reach, reach + height), slice(reach, reach + width))
    levels = objectives.features.results(image=_batch(wide))
    return [_inside(level[0], inner, number) for number, level in enumerate(levels)]


def _optimized_window(
    objectives: Objectives,
    part: Pixels,
    window: _Window,
    inputs: dict[str, Array],
    spectrum: dict[str, Array] | None,
    iterations: int,
    progress: Progress,
) -> Pixels:
    """A window after L-BFGS; its context stays. With inputs of the spectrum, it counts inside, which wraps."""
    height, width = part.shape[:2]
    free = np.zeros((1, 1, height, width), dtype=np.float32)
    inside = (slice(None), slice(None), window.inner_rows, window.inner_columns)
    free[inside] = 1
    most = round(1.5 * iterations) + 1
    evaluations = itertools.count()

    def loss_and_gradient(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        progress(next(evaluations) / most)
        image = values.reshape(1, 3, height, width).astype(np.float32)
        loss, gradient = objectives.objective.results(image=image, **inputs)
        excess = image - image.clip(0, 1)
        total = float(loss) + _RANGE_WEIGHT * float(np.square(excess).sum())
        if spectrum is not None:
            loss, by_inside = objectives.spectrum.results(image=np.ascontiguousarray(image[inside]), **spectrum)
            total += float(loss)
            gradient[inside] += by_inside
        return total, (free * (gradient + 2 * _RANGE_WEIGHT * excess)).ravel().astype(np.float64)

    minimum: Any = minimize(
        loss_and_gradient,
        _batch(part).ravel().astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": iterations, "maxfun": most, "maxcor": _MEMORY},
    )
    changed = minimum.x.reshape(3, height, width).transpose(1, 2, 0)
    return np.ascontiguousarray(changed, dtype=np.float32)


def _color_axes(picture: Pixels) -> Array:
    """Principal axes of a picture's colors, ``(3, 3)``, row by row."""
    centered = (picture - picture.mean(axis=(0, 1))).reshape(-1, 3).astype(np.float64)
    _, axes = np.linalg.eigh(centered.T @ centered)
    return np.ascontiguousarray(axes.T, dtype=np.float32)


def _moves(own: Array, values: Array) -> Array:
    """How far each of ascending samples ``(K, m)`` has to move for them to be distributed as ``(K, M)`` are."""
    places = (np.arange(own.shape[1]) + 0.5) / own.shape[1]
    value_places = (np.arange(values.shape[1]) + 0.5) / values.shape[1]
    target = np.stack([np.interp(places, value_places, row) for row in values])
    return (target - own).astype(np.float32)


def _transported(samples: Array, own: Array, moves: Array) -> Array:
    """Samples ``(K, n)`` of a part moved as those of the whole at the same values; beyond these, as the outermost."""
    transported = [row + np.interp(row, *known) for row, *known in zip(samples, own, moves, strict=True)]
    return np.stack(transported).astype(np.float32)


def _gram(features: Array) -> Array:
    return np.asarray(features @ features.T / features.shape[1])


def _sampled_columns(features: Array, most: int, random: Random) -> Array:
    """At most so many columns."""
    if features.shape[1] <= most:
        return features
    return np.ascontiguousarray(features[:, random.choice(features.shape[1], most, replace=False)])


def _directions(size: int, random: Random) -> Array:
    """As many orthonormal directions as features have channels, or half of ``_DIRECTIONS``."""
    return np.ascontiguousarray(_rotation(size, random)[: _DIRECTIONS // 2], dtype=np.float32)


def _rotation(size: int, random: Random) -> NDArray[np.float64]:
    """A random orthonormal matrix."""
    basis, rest = np.linalg.qr(random.standard_normal((size, size)))
    return np.asarray(basis * np.sign(np.diag(rest)))


def _batch(picture: Pixels) -> Array:
    """``H x W x C`` as ``1 x C x H x W``."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[np.newaxis], dtype=np.float32)
