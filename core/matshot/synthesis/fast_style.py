"""Style in one pass: a network paints any look's texture over a picture's structure, tile by tile.

The network sees both in standard colors (:mod:`~matshot.synthesis.standard_colors`) and the look as the statistics of
the texture descriptor's features, so it only has to know texture. What holds for a whole picture, its palette and the
look's statistics, is measured once; every pixel depends on its surroundings alone then, and tiles are exact. Noise is
an input and repeats where the picture does, and so does the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels
from ..image.types import Wrap
from ..inference.cards import Registry, installed_models
from ..inference.memory import Chain, largest_tile, memory_budget, resident_bytes
from ..inference.session import Device, Network, network
from ..inference.tiling import MirroredRows, Span, TiledRows, spans
from ..progress import Progress
from .standard_colors import Palette, palette_of

#: Strengths that the network was trained for.
_STRENGTHS = (0.3, 1.0)
#: Deviation in pixels beyond which structure stays the content's.
_COARSE = 4.0
#: Reach in pixels of the filter that separates it.
_REACH_OF_COARSE = int(np.ceil(3 * _COARSE))
#: Longest side of a tile: a wide margin makes small ones expensive.
_LARGEST_TILE = 1024
#: Side of the tiles that a look is seen in.
_LOOK_TILE = 512
#: Pixels around a place that it is resampled from.
_REACH = 4
#: Rows that are read at a time.
_CHUNK = 256


@dataclass(frozen=True)
class LookStatistics:
    """What the network is given of a look.

    Attributes:
        covariances: ``(1, sum of squared widths)``, of the channels of the descriptor's levels, row by row, in parts of
            the level's mean square.
        means: ``(1, sum of widths)``, means of the channels in parts of the root of that.
        sizes: ``(1, levels)``, the logarithm of that root.
    """

    covariances: NDArray[np.float32]
    means: NDArray[np.float32]
    sizes: NDArray[np.float32]


def look_statistics(
    features: Network, look: Pixels, wrap: Wrap, progress: Progress | None = None, tile: int = _LOOK_TILE
) -> LookStatistics:
    """Statistics of a picture, seen tile by tile.

    Args:
        features: the texture descriptor's.
        look: ``H x W x 3`` in standard colors.
        wrap: axes on which it repeats; on the others it continues mirrored.
        progress: called after every tile.
        tile: side of the tiles in pixels.
    """
    progress = progress or Progress(None)
    height, width = look.shape[:2]
    margin, grid = features.receptive_field, features.grid
    # Every read lies inside what the picture continues to, so all axes count as wrapping here.
    down, across = (spans(side, tile, margin, grid, wraps=True) for side in (height, width))
    sums: list[NDArray[np.float64]] = []
    totals: list[NDArray[np.float64]] = []
    for number, rows in enumerate(down):
        strip = look[_continued(rows, height, "y" in wrap)]
        for place, columns in enumerate(across):
            part = strip[:, _continued(columns, width, "x" in wrap)]
            batch = np.ascontiguousarray(part.transpose(2, 0, 1)[np.newaxis], dtype=np.float32)
            for level, given in enumerate(features.results(image=batch)):
                inner = given[0][:, _kept(rows, level), :][:, :, _kept(columns, level)]
                flat = inner.reshape(len(inner), -1)
                if level == len(sums):
                    sums.append(np.zeros((len(flat), len(flat))))
                    totals.append(np.zeros(len(flat) + 1))
                exact = flat.astype(np.float64)
                sums[level] += exact @ exact.T
                totals[level] += np.append(exact.sum(axis=1), exact.shape[1])
            progress((number * len(across) + place + 1) / (len(down) * len(across)))
    covariances, means, sizes = [], [], []
    for products, total in zip(sums, totals, strict=True):
        gram, mean = products / total[-1], total[:-1] / total[-1]
        size = max(float(np.diagonal(gram).mean()), 1e-8)
        covariances.append((gram - np.outer(mean, mean)).ravel() / size)
        means.append(mean / np.sqrt(size))
        sizes.append(np.log(size) / 2)
    parts = (np.concatenate(covariances), np.concatenate(means), np.asarray(sizes))
    return LookStatistics(*(part[np.newaxis].astype(np.float32) for part in parts))


def fast_styled(
    content: Pixels,
    look: Pixels,
    wraps: tuple[Wrap, Wrap],
    *,
    strength: float = 0.7,
    seed: int = 0,
    memory: str = "",
    device: Device = "auto",
    threads: int = 0,
    models: Registry | None = None,
    tile: int = 0,
    progress: Progress | None = None,
) -> Pixels:
    """A picture in a look's texture and palette.

    Args:
        content: ``H x W x 3``, display-encoded.
        look: likewise, of any other size.
        wraps: axes on which they repeat.
        strength: 0 keeps the content's fine structure, 1 its coarse structure alone.
        seed: of the noise.
        memory: bound on the memory of the process, such as ``2G``; empty for a share of what is free.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: of the CPU; 0 for all.
        models: to choose from; those installed by default.
        tile: side of the tiles in pixels; 0 for the largest that memory allows.
        progress: called after every tile.

    Returns:
        Display-encoded, of the content's size; may leave [0, 1].

    Raises:
        MatshotError: for too little memory or a missing model.
        Cancelled: when the listener raises it.
    """
    progress = progress or Progress(None)
    known = models or installed_models()
    features = network(known.require("synthesis", "features"), device, threads)
    painter = network(known.require("synthesis", "style"), device, threads)
    size = content.shape[:2]
    fitting = tuple(
        max(1, round(side / painter.grid)) * painter.grid if axis in wraps[0] else side
        for axis, side in zip("yx", size, strict=True)
    )
    # Where it repeats, the network's grid has to continue over the border.
    content = resampled(content, fitting, wraps[0])
    own, other = palette_of(content), palette_of(look)
    statistics = look_statistics(features, other.standard(look), wraps[1], progress.part(0.0, 0.1))
    random = np.random.default_rng(seed)
    rows = _StandardRows(content, random.standard_normal(content.shape[:2], dtype=np.float32), own)
    operator = _Painter(painter, statistics, strength)
    # The network was not trained on what it sees of a picture's edge, so it gets mirrored surroundings.
    down, across = (
        0 if axis in wraps[0] else min(operator.receptive_field // operator.grid * operator.grid, side)
        for axis, side in zip("yx", content.shape[:2], strict=True)
    )
    mirrored = MirroredRows(rows, down, across)
    side = tile or largest_tile(
        [Chain([operator], mirrored.height, mirrored.width, rows.channels)],
        memory_budget(memory),
        resident_bytes() + content.nbytes,
        _LARGEST_TILE,
    )
    tiled = TiledRows(mirrored, operator, wraps[0], side, progress.part(0.1, 1.0), keep=1)
    result = np.empty_like(content)
    for start in range(0, rows.height, _CHUNK):
        stop = min(start + _CHUNK, rows.height)
        painted = tiled.read(start + down, stop + down)[:, across : across + rows.width]
        result[start:stop] = other.colored(painted)
    return resampled(result, size, wraps[0])


def resampled(picture: Pixels, size: tuple[int, ...], wrap: Wrap) -> Pixels:
    """The picture at another size that is not much smaller, bicubic; it repeats where it did."""
    if picture.shape[:2] == size:
        return picture
    height, width = picture.shape[:2]
    ends = [(_REACH, _REACH) if axis in wrap else (0, 0) for axis in "yx"]
    wide = np.pad(picture, [*ends, (0, 0)], mode="wrap")
    # Centers of the new pixels in those of the wide picture.
    rows, columns = (
        (np.arange(new, dtype=np.float32) + 0.5) * np.float32(old / new) - 0.5 + first
        for new, old, (first, _) in zip(size, (height, width), ends, strict=True)
    )
    across, down = np.meshgrid(columns, rows)
    resampled = cv2.remap(wide, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(resampled, dtype=np.float32)


@dataclass(frozen=True)
class _StandardRows:
    """A picture in standard colors, and noise, by rows."""

    color: Pixels
    noise: NDArray[np.float32]
    palette: Palette

    channels = 4

    @property
    def height(self) -> int:
        return int(self.color.shape[0])

    @property
    def width(self) -> int:
        return int(self.color.shape[1])

    def read(self, start: int, stop: int) -> Pixels:
        standard = self.palette.standard(self.color[start:stop])
        return np.concatenate([standard, self.noise[start:stop, :, np.newaxis]], axis=2)


class _Painter:
    """The network with the look that every tile gets; the fourth plane is noise.

    What is coarse stays the content's. Fine structure is the network's and the content's by strength, with shares whose
    squares sum to 1: both are unlike each other, and so their mixture has the contrast of either.
    """

    planes = _StandardRows.channels

    def __init__(self, painter: Network, look: LookStatistics, strength: float) -> None:
        self._painter = painter
        self._look = {**vars(look), "strength": np.full((1, 1), np.clip(strength, *_STRENGTHS), np.float32)}
        self._shares = np.float32(np.sin(np.pi / 2 * strength)), np.float32(np.cos(np.pi / 2 * strength))
        self.scale, self.outputs = painter.scale, painter.outputs
        self.receptive_field, self.grid = painter.receptive_field + _REACH_OF_COARSE, painter.grid
        self.bytes_per_pixel = painter.bytes_per_pixel

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        painted = self._painter(batch[:, :3], noise=batch[:, 3:], **self._look)
        mixed = np.empty_like(painted)
        for number, (content, result) in enumerate(zip(batch[:, :3], painted, strict=True)):
            coarse, fine = _separated(content.transpose(1, 2, 0))
            detail = _separated(result.transpose(1, 2, 0))[1]
            mixed[number] = (coarse + self._shares[0] * detail + self._shares[1] * fine).transpose(2, 0, 1)
        return mixed


def _separated(picture: Pixels) -> tuple[Pixels, Pixels]:
    """Coarse and fine structure, which sum to the picture."""
    side = 2 * _REACH_OF_COARSE + 1
    coarse = np.asarray(cv2.GaussianBlur(np.ascontiguousarray(picture), (side, side), _COARSE), dtype=np.float32)
    return coarse, np.asarray(picture - coarse, dtype=np.float32)


def _continued(span: Span, size: int, wraps: bool) -> NDArray[np.intp]:
    """Lines that a read touches: modulo the size where the picture repeats, else mirrored."""
    lines = np.arange(span.read_start, span.read_stop)
    if wraps:
        return lines % size
    lines = lines % (2 * size)
    return np.asarray(np.where(lines < size, lines, 2 * size - 1 - lines))


def _kept(span: Span, level: int) -> slice:
    """Lines of a level's features that a tile counts."""
    start = (span.start - span.read_start) >> level
    return slice(start, max(start + 1, start + ((span.stop - span.start) >> level)))
