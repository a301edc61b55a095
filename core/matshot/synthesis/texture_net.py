"""The feed-forward engine: a network fitted to one source, which makes textures like it, of any size, in one pass.

As in Ulyanov, Lebedev, Vedaldi and Lempitsky 2016, "Texture Networks: Feed-forward Synthesis of Textures and Stylized
Images", section 3, a convolutional network makes a texture at several scales, and each source has its own. Two things
differ. It is not trained by gradients: layers are fitted one after the other, each in closed form. A layer is a
convolution with directions of patches, a curve for each direction, and the transposed convolution, which takes what the
curves ask for back into the picture. The curves move the distribution along their direction to the source's. This is
the step along the sliced Wasserstein distance of patches (Elnekave and Weiss 2022, "Generating Natural Images with
Direct Patch Distributions Matching", equation 3), kept as a layer as in Dai and Seljak 2021, "Sliced Iterative
Normalizing Flows", algorithm 1. And instead of noise, of which so few layers make stains, it gets a rough layout:
small blocks that the patch engine has arranged in the coarsest octave, at every octave's own size. Layers make what
is blurred and doubled there look like the source.

Pictures wrap, and a pixel depends on its surroundings alone, in whatever band it is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..image.color import Pixels
from ..image.types import Wrap
from ..inference.session import usable_threads
from ..progress import Progress
from .correspondence import Transfer
from .fast_style import resampled
from .neural import check_texture, double_size, half_size, halved_sources, octave_count
from .patches import enlarged_transfer, synthesized_transfer
from .periodicity import Repetition, regularity, structure
from .texture_loss import PATCH, Array, PatchStatistics, sampled_patches

#: Layers of the finest octave and of the others.
_LAYERS = (6, 8)
#: Distance of the patches that a layer sees; which of them is drawn for each layer.
_STRIDE = 2
#: Steps of a curve.
_STEPS = 512
#: Quantiles that a curve is fitted to: few enough that what chance made of one picture is not learnt.
_QUANTILES = 64
#: Pixels of a picture up to which its layers see every direction of patches.
_SMALL = 128 * 128
#: Shorter side that these have at least, where up to ``_MORE`` times the source's side reaches it: what a small picture
#: has by chance would be learnt.
_ENOUGH = 768
_MORE = 3
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
    """The source and the layers of an octave.

    Attributes:
        example: ``H x W x 3``, the source at its size.
        wrap: axes on which that repeats.
        layers: of the network.
    """

    example: Pixels
    wrap: Wrap
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

    def transfer(self, size: tuple[int, int], seed: int, threads: int, progress: Progress) -> Transfer:
        """Where a wrapping picture like it has its patches from."""
        return synthesized_transfer(
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
    work = np.array([1 + _LAYERS[min(number, 1)] for number in range(max(1, count - 1))], dtype=float)
    more = min(_MORE, max(1, -(-_ENOUGH // min(source.shape[:2]))))
    high, wide = (_even(more * side) for side in layout.picture.shape[:2])
    transfer = layout.transfer((high, wide), _SEED, threads, progress.part(0, 0.05))
    picture = transfer.apply(layout.picture)
    octaves: list[Octave] = []
    for number in reversed(range(max(1, count - 1))):
        part = progress.part(*(0.05 + 0.95 * work[later:].sum() / work.sum() for later in (number + 1, number)))
        example, wrap = sources[number]
        if number < count - 1:
            transfer = enlarged_transfer(transfer, (2 * transfer.height, 2 * transfer.width), example.shape[:2])
            picture = _grown(picture, transfer, example)
        wanted = PatchStatistics(example, wrap, random)
        layers: list[Layer] = []
        total = _LAYERS[min(number, 1)]
        for turn in range(total):
            layers.append(_fitted_layer(picture, wanted, random))
            picture = _moved(picture, layers[-1], threads)
            part((turn + 1) / total)
        octaves.append(Octave(example, wrap, tuple(layers)))
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
    count = len(net.octaves)
    sizes = [(_even(-(-height >> number)), _even(-(-width >> number))) for number in range(count + 1)]
    grows = [octave.example.shape != net.layout.picture.shape for octave in net.octaves]
    first = count if grows[0] else count - 1
    transfer = net.layout.transfer(sizes[first], seed, threads, progress.part(0, 0.1))
    picture = transfer.apply(net.layout.picture)
    work = np.array([(1 + len(octave.layers)) * 4.0**number for number, octave in enumerate(net.octaves)])
    for number, octave in enumerate(net.octaves):
        part = progress.part(*(0.1 + 0.9 * work[:later].sum() / work.sum() for later in (number, number + 1)))
        if grows[number]:
            transfer = enlarged_transfer(transfer, sizes[count - 1 - number], octave.example.shape[:2])
            picture = _grown(picture, transfer, octave.example)
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


def _grown(picture: Pixels, transfer: Transfer, example: Pixels) -> Pixels:
    """A wrapping picture at the size of a transfer, about twice its own, with detail from where that has patches from.

    What the coarser picture shows, it keeps.
    """
    detail = transfer.apply(example)
    size = detail.shape[:2]
    missing = picture - resampled(half_size(detail), picture.shape[:2], "xy")
    if size == (2 * picture.shape[0], 2 * picture.shape[1]):
        detail += double_size(missing, *size)
    else:
        detail += resampled(missing, size, "xy")
    return detail


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
        list(pool.map(partial(_move_band, picture, result, layer), starts))
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
    steps = values.astype(np.intp)
    for number, curve in enumerate(layer.moves):
        np.take(curve, steps[number], out=values[number], mode="clip")
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
