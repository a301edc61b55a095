"""Nearest patches: of every patch of a picture, the most similar one of a source."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..image.color import Pixels
from ..image.types import Wrap
from .correspondence import PATCH, SOFT, Index, Transfer, begins, bordered
from .periodicity import Repetition

#: Periods from the first pixel to places along an axis, and whether there are any.
Cycles = tuple[NDArray[np.float64], bool]

#: Principal components of patches that are compared, and patches that these are found from.
_COMPONENTS, _SAMPLES = 40, 20000
#: Rows of the source that are described at a time.
_ROWS = 64
#: Pairs of patches that prices settle on and that are compared at a time.
_PAIRS = 8_000_000
#: Rounds in which prices settle, and their temperature in parts of the mean squared size of patches.
_SETTLING, _TEMPERATURE = 60, 0.03
#: What use of twice the fair amount costs, in parts of the mean distance found, and the least of that in parts of the
#: mean squared size of patches.
_FAIRNESS, _LEAST = 1.0, 0.01
#: What a patch pays that is out of step by half a period, in parts of the mean squared size of patches, where the
#: repetition's strength is 1/2; with s it goes by s / (1 - s), up to the larger one.
_OUT_OF_STEP, _MOST_OUT_OF_STEP = 0.5, 8.0
#: Shortest period in pixels that places of whole pixels can be in step with.
_SHORTEST = 2.5
#: Sweeps of neighbours' offers and random search, and random places in each.
_SWEEPS, _PLACES = 2, 3
_NEIGHBOURS = ((1, 0), (-1, 0), (0, 1), (0, -1))


class Target(Protocol):
    """A picture whose patches are to be found."""

    def rows(self, transfer: Transfer, first: int, last: int) -> Pixels:
        """Pixels under some rows of a transfer's patches, as :meth:`Transfer.rows` gives them."""


@dataclass(frozen=True)
class Source:
    """A source of patches.

    Attributes:
        pixels: ``H x W x C``, bordered.
        height: without the border.
        width: without the border.
        wrap: axes on which it repeats.
        basis: principal components, ``(PATCH^2 C) x k``.
        described: every patch in them, row by row, and then its place in the repetition; ``N x (k + ...)``.
        size: mean squared length of the patches' descriptions.
        repeats: repetitions down and across that patches are kept in step with.
    """

    pixels: Pixels
    height: int
    width: int
    wrap: Wrap
    basis: Pixels
    described: Pixels
    size: float
    repeats: tuple[Repetition, Repetition]

    @staticmethod
    def of(pixels: Pixels, wrap: Wrap, repeats: tuple[Repetition, Repetition], rng: np.random.Generator) -> Source:
        """Describe all patches.

        Args:
            pixels: ``H x W x C`` with a mean of zero.
            wrap: axes on which they repeat.
            repeats: repetitions inside, down and across.
            rng: chooses the patches that components are found from.
        """
        height, width = pixels.shape[:2]
        whole = bordered(pixels, wrap)
        rows, columns = begins(height, "y" in wrap), begins(width, "x" in wrap)
        chosen = rng.integers(rows * columns, size=min(_SAMPLES, 4 * rows * columns))
        some = sliding_window_view(whole, (PATCH, PATCH), axis=(0, 1))[chosen // columns, chosen % columns]
        flat = some.reshape(len(chosen), -1).astype(np.float64)
        _, vectors = np.linalg.eigh(flat.T @ flat)
        basis = np.ascontiguousarray(vectors[:, ::-1][:, :_COMPONENTS], dtype=np.float32)
        described = np.concatenate(
            [_described(whole[row : min(row + _ROWS, rows) + PATCH - 1], basis) for row in range(0, rows, _ROWS)]
        )
        size = max(float(np.square(described).sum(axis=1, dtype=np.float64).mean()), 1e-12)
        source = Source(whole, height, width, wrap, basis, described, size, repeats)
        phases = source.phases(
            *(_cycles(np.arange(n), r.period) for n, r in zip((rows, columns), repeats, strict=True))
        )
        if phases is None:
            return source
        return replace(source, described=np.concatenate([described, phases.reshape(rows * columns, -1)], axis=1))

    def phases(self, down: Cycles, right: Cycles) -> Pixels | None:
        """Places in the repetitions, ``rows x columns x k``; what being out of step costs is a squared difference.

        Args:
            down: periods from the first row to each row; where nothing repeats only their number counts.
            right: likewise for columns.

        Returns:
            None where nothing repeats on either axis.
        """
        parts = []
        shape = (len(down[0]), len(right[0]))
        for axis, (turns, repeats) in enumerate((down, right)):
            if repeats:
                strength = self.repeats[axis].strength
                stiffness = min(_OUT_OF_STEP * strength / max(1 - strength, 1e-6), _MOST_OUT_OF_STEP)
                angle = np.broadcast_to(np.expand_dims(2 * np.pi * turns, 1 - axis), shape)
                parts += [np.sqrt(stiffness * self.size) / 2 * wave for wave in (np.cos(angle), np.sin(angle))]
        return np.stack(parts, axis=2).astype(np.float32) if parts else None

    def in_step(self, transfer: Transfer) -> Transfer:
        """The same patches, moved by as little as puts them in step with the repetitions."""
        moved = []
        for axis, (place, limit) in enumerate(zip((transfer.down, transfer.right), transfer.limits, strict=True)):
            period = self.repeats[axis].period
            wanted, repeats = _wanted(transfer, self, axis)
            if period is None or not repeats:
                moved.append(place.astype(np.int64))
                continue
            ahead = np.mod(np.expand_dims(wanted, 1 - axis) * period - place + period / 2, period) - period / 2
            there = place + ahead
            there = np.where(there < -0.5, there + period, there)
            there = np.where(there > limit - 0.5, there - period, there)
            moved.append(np.rint(there).astype(np.int64))
        return transfer.placed(moved[0], moved[1])


def _cycles(place: NDArray[np.intp], period: float | None) -> Cycles:
    repeats = period is not None and period >= _SHORTEST
    return place / (period or 1.0), repeats


def _wanted(transfer: Transfer, source: Source, axis: int) -> Cycles:
    """Periods from the result's first pixel to each patch; a whole number of them fits on an axis that repeats."""
    own = period = source.repeats[axis].period
    side = (transfer.height, transfer.width)[axis]
    if period is not None and period >= _SHORTEST and "yx"[axis] in transfer.wrap:
        own = side / max(1, round(side / period))
    return _cycles(np.arange(transfer.down.shape[axis]) * transfer.strides[axis], own)


def fairly_matched(transfer: Transfer, target: Target, source: Source) -> Transfer:
    """Patches such that all of the source is in use alike: the transport plan's best entry of each row.

    All pairs of patches are compared, the prices settle on some of the rows.
    """
    queries = _queries(transfer, target, source, 0, len(transfer.down), None)
    lengths = np.square(source.described).sum(axis=1)
    scale = np.float32(-1 / (_TEMPERATURE * source.size))

    def kernel(some: Pixels) -> Pixels:
        distances = lengths - 2 * (some @ source.described.T)
        distances -= distances.min(axis=1, keepdims=True)
        distances *= scale
        return np.asarray(np.exp(np.maximum(distances, -80, out=distances), out=distances))

    rows = max(1, _PAIRS // len(source.described))
    sample = kernel(queries[:: -(-len(queries) // rows)])
    price: Pixels = np.ones(sample.shape[1], dtype=np.float32)
    for _ in range(_SETTLING):
        share = 1 / (sample @ price)
        price = np.asarray(len(sample) / len(price) / (share @ sample), dtype=np.float32)
    parts = [(kernel(queries[row : row + rows]) * price).argmax(axis=1) for row in range(0, len(queries), rows)]
    return transfer.placed(*np.divmod(np.concatenate(parts).reshape(transfer.down.shape), transfer.limits[1]))


def improved(
    transfer: Transfer,
    target: Target,
    source: Source,
    penalty: Pixels,
    rng: np.random.Generator,
    *,
    threads: int = 1,
    active: NDArray[np.bool_] | None = None,
) -> Transfer:
    """Patches that are at least as near, where a neighbour or chance offers one.

    Args:
        transfer: patches so far.
        target: picture that they are to be like.
        source: of patches.
        penalty: on each patch of the source, at least 0; that of :func:`use_penalty`, or infinite on forbidden ones.
        rng: for the random search.
        threads: that search.
        active: patches of the grid that may change; all if not given.
    """
    bands = list(transfer.bands())
    seeds = rng.integers(1 << 62, size=len(bands))

    def band(number: int) -> tuple[Index, Index]:
        first, last = bands[number]
        some = np.ones((last - first, transfer.down.shape[1]), bool) if active is None else active[first:last]
        if not some.any():
            return transfer.down[first:last], transfer.right[first:last]
        queries = _queries(transfer, target, source, first, last, None if active is None else some)
        return _searched(transfer, source, queries, first, last, some, penalty, np.random.default_rng(seeds[number]))

    # Every band sees the others as they were, so that it does not matter which is done first.
    with ThreadPoolExecutor(max(1, threads)) as pool:
        found = list(pool.map(band, range(len(bands))))
    return transfer.placed(np.concatenate([y for y, _ in found]), np.concatenate([x for _, x in found]))


def use_penalty(transfer: Transfer) -> Pixels:
    """By how much each patch of the source is in use beyond what is fair, in parts of that; ``N``."""
    rows, columns = transfer.limits
    places = (transfer.down * columns + transfer.right).ravel()
    counts = np.bincount(places, minlength=rows * columns).astype(np.float32)
    dense = cv2.blur(counts.reshape(rows, columns), (PATCH, PATCH), borderType=cv2.BORDER_REFLECT)
    fair = transfer.down.size / (rows * columns)
    return np.asarray(np.maximum(0, dense / fair - 1), dtype=np.float32).ravel()


def _described(pixels: Pixels, basis: Pixels, strides: tuple[int, int] = (1, 1)) -> Pixels:
    windows = sliding_window_view(pixels, (PATCH, PATCH), axis=(0, 1))[:: strides[0], :: strides[1]]
    return np.asarray(windows.reshape(-1, len(basis)) @ basis)


def _queries(
    transfer: Transfer, target: Target, source: Source, first: int, last: int, active: NDArray[np.bool_] | None
) -> Pixels:
    """Descriptions of a target's patches, of the active ones of some rows."""
    pixels = target.rows(transfer, first, last)
    step_y, step_x = transfer.strides
    if active is None:
        described = _described(pixels, source.basis, transfer.strides)
    else:
        windows = sliding_window_view(pixels, (PATCH, PATCH), axis=(0, 1))[::step_y, ::step_x]
        described = windows[active].reshape(-1, len(source.basis)) @ source.basis
    (down, repeats), right = _wanted(transfer, source, 0), _wanted(transfer, source, 1)
    phases = source.phases((down[first:last], repeats), right)
    if phases is None:
        return described
    chosen = phases.reshape(-1, phases.shape[2]) if active is None else phases[active]
    return np.concatenate([described, chosen], axis=1)


def _searched(
    transfer: Transfer,
    source: Source,
    queries: Pixels,
    first: int,
    last: int,
    active: NDArray[np.bool_],
    penalty: Pixels,
    rng: np.random.Generator,
) -> tuple[Index, Index]:
    """Places for a band of the grid, after sweeps over it in which all active patches are offered others at once."""
    limits = transfer.limits
    count, columns = active.shape
    around = np.arange(first - 1, last + 1)
    around = around % len(transfer.down) if "y" in transfer.wrap else around.clip(0, len(transfer.down) - 1)
    field = transfer.down[around] * np.int32(limits[1]) + transfer.right[around]
    row, column = (index.astype(np.int32) for index in np.nonzero(active))

    def squared(place: Index) -> Pixels:
        difference = source.described.take(place, axis=0)
        difference -= queries
        return np.asarray(np.einsum("ij,ij->i", difference, difference))

    place = field[row + 1, column]
    distance = squared(place)
    scale = np.float32(_FAIRNESS * (distance.mean(dtype=np.float64) + _LEAST * source.size))
    best = distance + scale * penalty.take(place)

    def offer(down: Index, right: Index) -> None:
        down = down % limits[0] if "y" in source.wrap else down.clip(0, limits[0] - 1)
        right = right % limits[1] if "x" in source.wrap else right.clip(0, limits[1] - 1)
        other = down * np.int32(limits[1]) + right
        cost = squared(other) + scale * penalty.take(other)
        better = cost < best
        place[better], best[better] = other[better], cost[better]

    for sweep in range(_SWEEPS):
        for dy, dx in _NEIGHBOURS:
            beside = (column + dx) % columns if "x" in transfer.wrap else (column + dx).clip(0, columns - 1)
            theirs = field[row + 1 + dy, beside]
            offer(
                theirs // limits[1] - np.int32(dy * transfer.strides[0]),
                theirs % limits[1] - np.int32(dx * transfer.strides[1]),
            )
            field[row + 1, column] = place
        radius = max(limits) >> (3 * sweep)
        for _ in range(_PLACES):
            jump = rng.integers(-radius, radius + 1, size=(2, len(place)), dtype=np.int32)
            for along, repeat in zip(jump, source.repeats, strict=True):
                if repeat.period is not None and _SHORTEST <= repeat.period <= radius:
                    along[:] = np.rint(np.rint(along / repeat.period) * repeat.period)
            offer(place // limits[1] + jump[0], place % limits[1] + jump[1])
            radius = max(1, radius // 4)
        field[row + 1, column] = place
    found = field[1 : count + 1]
    return found // limits[1], found % limits[1]


@dataclass(frozen=True)
class Voted:
    """The picture that patches themselves make: every pixel the mean of what they say."""

    source: Source

    def rows(self, transfer: Transfer, first: int, last: int) -> Pixels:
        """Pixels under some rows of patches."""
        return transfer.rows(self.source.pixels, first, last, SOFT)


@dataclass(frozen=True)
class Given:
    """A picture that is given, whole, as ``H x W x C``."""

    pixels: Pixels

    def rows(self, transfer: Transfer, first: int, last: int) -> Pixels:
        """Pixels under some rows of patches; beyond an end the last ones again."""
        step_y, step_x = transfer.strides
        down = np.arange(first * step_y, (last - 1) * step_y + PATCH)
        right = np.arange((transfer.down.shape[1] - 1) * step_x + PATCH)
        high, wide = self.pixels.shape[:2]
        down = down % high if "y" in transfer.wrap else down.clip(0, high - 1)
        right = right % wide if "x" in transfer.wrap else right.clip(0, wide - 1)
        return np.asarray(self.pixels[np.ix_(down, right)])


@dataclass(frozen=True)
class Repaired:
    """A given picture outside a hole, and inside what the patches make."""

    source: Source
    given: Given
    hole: Given

    def rows(self, transfer: Transfer, first: int, last: int) -> Pixels:
        """Pixels under some rows of patches."""
        inside = self.hole.rows(transfer, first, last) > 0
        made, given = Voted(self.source).rows(transfer, first, last), self.given.rows(transfer, first, last)
        return np.asarray(np.where(inside, made, given), dtype=np.float32)
