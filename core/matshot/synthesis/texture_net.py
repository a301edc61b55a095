"""The feed-forward engine: a network fitted to one source, which makes textures like it, of any size, in one pass.

As in Ulyanov, Lebedev, Vedaldi and Lempitsky 2016, "Texture Networks: Feed-forward Synthesis of Textures and Stylized
Images", section 3, a convolutional network turns noise at several scales into a texture, and each source has its own.
It is not trained by gradients: layers are fitted one after the other, each in closed form. A layer is a convolution
with directions of patches, a curve for each direction, and the transposed convolution, which takes what the curves ask
for back into the picture. The curves move the distribution along their direction to the source's. This is the step
along the sliced Wasserstein distance of patches (Elnekave and Weiss 2022, "Generating Natural Images with Direct Patch
Distributions Matching", equation 3), kept as a layer as in Dai and Seljak 2021, "Sliced Iterative Normalizing Flows",
algorithm 1.

The picture grows octave by octave. It begins as a small layout by the patch engine, so that bricks stay bricks. Every
octave adds noise with the power spectrum of the source's detail, and its layers make texture of both. Pictures wrap,
and a pixel depends on its surroundings alone, in whatever band it is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
from scipy import fft

from ..image.color import Pixels
from ..image.types import Wrap
from ..inference.session import usable_threads
from ..progress import Progress
from .fast_style import resampled
from .neural import check_texture, double_size, half_size, halved_sources, octave_count
from .patches import synthesized_transfer
from .periodicity import Repetition, regularity, structure
from .texture_loss import PATCH, Array, PatchStatistics, color_axes, sampled_patches

#: Layers of the finest octave and of the others.
_LAYERS = (12, 24)
#: Distance of the patches that a layer sees; which of them is drawn for each layer.
_STRIDE = 2
#: Steps of a curve.
_STEPS = 512
#: Quantiles that a curve is fitted to: few enough that what chance made of one picture is not learnt.
_QUANTILES = 64
#: Pixels of a picture up to which its layers see every direction of patches.
_SMALL = 128 * 128
#: Longest side in pixels of the pictures that layers are fitted to.
_FITTING = 1024
#: Shorter side that these have at least, where up to ``_MORE`` times the source's side reaches it: what a small picture
#: has by chance would be learnt.
_ENOUGH = 768
_MORE = 3
#: Part of the source's detail that is noise; layers make the rest.
_NOISE = 0.5
#: Side of the filters that give noise its power spectrum, odd.
_FILTER = 17
#: Rows of a picture that are computed at a time, even.
_BAND = 64
#: Seed of the fit.
_SEED = 1


@dataclass(frozen=True)
class Layer:
    """A step of the network.

    Attributes:
        directions: ``(K, 3 PATCH^2)``, orthonormal, of patches channel by channel.
        starts: ``(K,)``, where each curve begins.
        scales: ``(K,)``, its steps per unit.
        moves: ``(K, _STEPS)``, how far patches are moved.
        phase: row and column of the first patch.
    """

    directions: Array
    starts: Array
    scales: Array
    moves: Array
    phase: tuple[int, int]


@dataclass(frozen=True)
class Octave:
    """Noise and layers of an octave.

    Attributes:
        filters: ``(3, side, side)``, of noise along the axes; none where the layers see the layout at its own size.
        axes: ``(3, 3)``, rows along which the source's colors are not correlated.
        layers: of the network.
    """

    filters: Array | None
    axes: Array
    layers: tuple[Layer, ...] = ()


@dataclass(frozen=True)
class Layout:
    """What the patch engine makes the beginning from.

    Attributes:
        picture: the source in its coarsest octave.
        wrap: axes on which it repeats.
        repeats: repetitions, down and across.
        structure: of the source.
        variety: as the patch engine takes it.
    """

    picture: Pixels
    wrap: Wrap
    repeats: tuple[Repetition, Repetition]
    structure: float
    variety: float

    def synthesized(self, size: tuple[int, int], seed: int, threads: int, progress: Progress) -> Pixels:
        """A wrapping picture like it."""
        transfer = synthesized_transfer(
            self.picture,
            (1.0, 1.0, 1.0),
            *size,
            wrap="xy",
            source_wrap=self.wrap,
            repeats=self.repeats,
            seed=seed,
            variety=self.variety,
            structure=self.structure,
            threads=threads,
            progress=progress,
        )
        return transfer.apply(self.picture)


@dataclass(frozen=True)
class TextureNet:
    """A network that makes textures like one source.

    Attributes:
        layout: what they begin with.
        octaves: from coarse to fine.
        lowest: ``(3,)``, least value of each of the source's channels.
        highest: likewise.
    """

    layout: Layout
    octaves: tuple[Octave, ...]
    lowest: Array
    highest: Array


def fitted_net(
    source: Pixels,
    height: int,
    width: int,
    *,
    source_wrap: Wrap = "none",
    variety: float = 0.5,
    threads: int = 0,
    progress: Progress | None = None,
) -> TextureNet:
    """The network of a source; it is the same for all seeds.

    Args:
        source: ``H x W x 3``, display-encoded in [0, 1].
        height: of the textures that it is for; small ones have fewer octaves.
        width: of them.
        source_wrap: axes on which the source repeats.
        variety: 0 to 1, as the patch engine takes it for the layout.
        threads: of the CPU; 0 for all.
        progress: called after every layer.

    Raises:
        MatshotError: for sizes below :data:`~matshot.synthesis.neural.SMALLEST`, or values that are not numbers.
        Cancelled: when the listener raises it.
    """
    check_texture(source, height, width)
    progress, threads = progress or Progress(None), threads or usable_threads()
    count = octave_count(source.shape[:2], (height, width))
    sources = halved_sources(source, source_wrap, count)
    small = 2 ** (count - 1)
    repeats = regularity(source)
    down, right = (Repetition(one.period and one.period / small, one.strength) for one in repeats)
    layout = Layout(*sources[-1], (down, right), structure(source, repeats), variety)
    random = np.random.default_rng(_SEED)
    # Quantiles of as many samples in each.
    work = np.array([_LAYERS[min(number, 1)] for number in range(max(1, count - 1))], dtype=float)
    more = min(_MORE, max(1, -(-_ENOUGH // min(source.shape[:2]))))
    high, wide = (_even(more * side) for side in layout.picture.shape[:2])
    picture = layout.synthesized((high, wide), _SEED, threads, progress.part(0, 0.05))
    octaves: list[Octave] = []
    for number in reversed(range(max(1, count - 1))):
        part = progress.part(*(0.05 + 0.95 * work[later:].sum() / work.sum() for later in (number + 1, number)))
        example, wrap = sources[number]
        octave = Octave(None, color_axes(example))
        if number < count - 1:
            octave = replace(octave, filters=_filters(example @ octave.axes.T, wrap))
            high, wide = (2 * side for side in picture.shape[:2])
            # A part of a large picture tells enough; that it does not wrap shows in few of its patches.
            picture = double_size(picture, high, wide)[:_FITTING, :_FITTING]
            picture = picture + _noise(octave, picture, random)
        wanted = PatchStatistics(example, wrap, random)
        layers: list[Layer] = []
        total = _LAYERS[min(number, 1)]
        for turn in range(total):
            layers.append(_fitted_layer(picture, wanted, random))
            picture = _moved(picture, layers[-1], threads)
            part((turn + 1) / total)
        octaves.append(replace(octave, layers=tuple(layers)))
    return TextureNet(layout, tuple(octaves), source.min(axis=(0, 1)), source.max(axis=(0, 1)))


def texture_of(
    net: TextureNet,
    height: int,
    width: int,
    *,
    wrap: Wrap = "none",
    seed: int = 0,
    threads: int = 0,
    progress: Progress | None = None,
    shown: Callable[[Pixels], None] | None = None,
) -> Pixels:
    """A texture by a network.

    Args:
        net: of :func:`fitted_net`.
        height: of the result.
        width: of the result.
        wrap: axes on which the result must repeat. A side that is odd is resampled by a pixel for it.
        seed: equal seeds give equal results.
        threads: of the CPU; 0 for all.
        progress: called after every layer.
        shown: called with the picture after each octave, smaller than the result except for the last.

    Returns:
        ``height x width x 3``, within the source's range of each channel.

    Raises:
        Cancelled: when the listener raises it.
    """
    progress, threads = progress or Progress(None), threads or usable_threads()
    random = np.random.default_rng(seed)
    count = len(net.octaves)
    sizes = [(_even(-(-height >> number)), _even(-(-width >> number))) for number in range(count + 1)]
    first = count if net.octaves[0].filters is not None else count - 1
    picture = net.layout.synthesized(sizes[first], seed, threads, progress.part(0, 0.1))
    work = np.array([(1 + len(octave.layers)) * 4.0**number for number, octave in enumerate(net.octaves)])
    for number, octave in enumerate(net.octaves):
        part = progress.part(*(0.1 + 0.9 * work[:later].sum() / work.sum() for later in (number, number + 1)))
        if octave.filters is not None:
            picture = _enlarged(picture, sizes[count - 1 - number])
            picture += _noise(octave, picture, random)
        for turn, layer in enumerate(octave.layers):
            part(turn / len(octave.layers))
            picture = _moved(picture, layer, threads)
        if shown is not None and number < count - 1:
            shown(picture.clip(0, 1))
    fitting = [_even(side) if axis in wrap else side for axis, side in zip("yx", (height, width), strict=True)]
    result = resampled(picture[: fitting[0], : fitting[1]], (height, width), wrap).clip(net.lowest, net.highest)
    if shown is not None:
        shown(result)
    return result


def _even(side: int) -> int:
    return side + side % 2


def _enlarged(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """A wrapping picture at about twice its size."""
    if size == (2 * picture.shape[0], 2 * picture.shape[1]):
        return double_size(picture, *size)
    return resampled(picture, size, "xy")


def _filters(planes: Pixels, wrap: Wrap) -> Array:
    """Filters that give white noise the power spectrum of what half the size does not show of planes, each alike."""
    reach = _FILTER // 2
    # An even margin, so that pairs of pixels stay pairs.
    margin = 2 * reach
    wide = planes
    for axis, letter in enumerate("yx"):
        ends = [(0, 0)] * 3
        ends[axis] = (margin, margin)
        wide = np.pad(wide, ends, mode="wrap" if letter in wrap else "symmetric")
    detail = (wide - double_size(half_size(wide), *wide.shape[:2]))[margin:-margin, margin:-margin]
    size = np.square(detail, dtype=np.float64).mean(axis=(0, 1))
    for axis, letter in enumerate("yx"):
        if letter not in wrap:
            fade = np.hanning(detail.shape[axis] + 2)[1:-1].astype(np.float32)
            detail = detail * np.expand_dims(fade, (1 - axis, 2))
    shape = [max(side, _FILTER) for side in detail.shape[:2]]
    amplitude = np.abs(fft.rfft2(detail, s=shape, axes=(0, 1)))
    response = np.roll(fft.irfft2(amplitude, s=shape, axes=(0, 1)), (reach, reach), (0, 1))[:_FILTER, :_FILTER]
    response = response * np.multiply.outer(*[np.hanning(_FILTER + 2)[1:-1]] * 2)[..., np.newaxis]
    power = np.square(response).sum(axis=(0, 1))
    # A plane without detail has a filter without any.
    response *= _NOISE * np.sqrt(size / np.maximum(power, 1e-30)) * (power > 1e-30)
    return np.ascontiguousarray(response.transpose(2, 0, 1), dtype=np.float32)


def _noise(octave: Octave, picture: Pixels, random: np.random.Generator) -> Pixels:
    """Wrapping noise as large as a picture, with the power spectrum of the octave's detail."""
    assert octave.filters is not None
    reach, (height, width) = _FILTER // 2, picture.shape[:2]
    planes = np.empty((height, width, 3), dtype=np.float32)
    for number, kernel in enumerate(octave.filters):
        white = np.pad(random.standard_normal((height, width), dtype=np.float32), reach, mode="wrap")
        planes[..., number] = cv2.filter2D(white, -1, kernel)[reach:-reach, reach:-reach]
    return np.asarray(planes @ octave.axes)


def _fitted_layer(picture: Pixels, wanted: PatchStatistics, random: np.random.Generator) -> Layer:
    """The layer that moves a wrapping picture's patches to where those of the source are."""
    directions = wanted.directions(every=picture.shape[0] * picture.shape[1] <= _SMALL)
    own = sampled_patches(picture, "xy", random)
    places = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    ours, theirs = (
        np.quantile(values, places, axis=1).T for values in (directions @ own.T, wanted.patch_values(directions))
    )
    starts, stops = ours[:, 0], ours[:, -1]
    scales = (_STEPS - 1) / np.maximum(stops - starts, 1e-6)
    steps = starts[:, np.newaxis] + np.arange(_STEPS) / scales[:, np.newaxis]
    moves = [np.interp(at, know, to - know) for at, know, to in zip(steps, ours, theirs, strict=True)]
    starts, scales, curves = (table.astype(np.float32) for table in (starts, scales, np.stack(moves)))
    phase = (int(random.integers(_STRIDE)), int(random.integers(_STRIDE)))
    return Layer(directions, starts, scales, curves, phase)


def _moved(picture: Pixels, layer: Layer, threads: int) -> Pixels:
    """A wrapping picture of even sides after a layer."""
    result = np.empty_like(picture)
    starts = range(0, picture.shape[0], _BAND)
    with ThreadPoolExecutor(threads, "matshot") as pool:
        for done in pool.map(partial(_move_band, picture, result, layer), starts):
            assert done is None
    return result


def _move_band(picture: Pixels, result: Pixels, layer: Layer, start: int) -> None:
    """Rows of a picture after a layer.

    Pixels are sorted by whether their row and column are odd, so that all that a layer does runs along memory.
    """
    height, width = picture.shape[:2]
    stop = min(start + _BAND, height)
    # Patches that cover the band begin up to a patch before it.
    top, left = (-(PATCH - 1) + phase for phase in layer.phase)
    rows = np.arange(start + top, stop + PATCH) % height
    columns = np.arange(left, width + PATCH) % width
    part = picture[rows[:, np.newaxis], columns].transpose(2, 0, 1)
    high, wide = (-(-(side - place) // _STRIDE) for side, place in ((stop - start, top), (width, left)))
    sorted_part = [
        [np.ascontiguousarray(part[:, i::_STRIDE, j::_STRIDE]) for j in range(_STRIDE)] for i in range(_STRIDE)
    ]
    channels = part.shape[0]
    patches = np.empty((channels, PATCH, PATCH, high, wide), dtype=np.float32)
    for i in range(PATCH):
        for j in range(PATCH):
            own = sorted_part[i % _STRIDE][j % _STRIDE]
            down, right = i // _STRIDE, j // _STRIDE
            patches[:, i, j] = own[:, down : down + high, right : right + wide]
    values = layer.directions @ patches.reshape(len(layer.directions[0]), -1)
    values -= layer.starts[:, np.newaxis]
    values *= layer.scales[:, np.newaxis]
    np.clip(values, 0, _STEPS - 1, out=values)
    steps = values.astype(np.int32)
    for number, curve in enumerate(layer.moves):
        np.take(curve, steps[number], out=values[number])
    moves = (layer.directions.T @ values).reshape(patches.shape)
    total = [[np.zeros_like(one) for one in line] for line in sorted_part]
    for i in range(PATCH):
        for j in range(PATCH):
            down, right = i // _STRIDE, j // _STRIDE
            total[i % _STRIDE][j % _STRIDE][:, down : down + high, right : right + wide] += moves[:, i, j]
    whole = np.empty_like(part)
    for i in range(_STRIDE):
        for j in range(_STRIDE):
            # So many patches cover a pixel.
            covered = (-(-(PATCH - i) // _STRIDE)) * (-(-(PATCH - j) // _STRIDE))
            whole[:, i::_STRIDE, j::_STRIDE] = total[i][j] / np.float32(covered)
    inner = whole[:, -top : -top + stop - start, -left : -left + width]
    result[start:stop] = picture[start:stop] + inner.transpose(1, 2, 0)
