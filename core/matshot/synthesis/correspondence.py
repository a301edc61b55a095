"""From where in a source every pixel of a result comes: one answer for all maps, so that they stay in step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels
from ..image.types import Wrap

Index = NDArray[np.int32]

#: Side of a patch in pixels.
PATCH = 8
#: Pixels from patch to patch of a result, where its size allows.
STRIDE = 2
#: Deviation in pixels of the weight that a patch has around its middle. Narrow: pixels come from where they fit best,
#: and only neighbours of different origin are blended.
SHARP, SOFT = 1.0, 2.0
#: Patches that are placed at a time.
_BAND = 16384


@dataclass(frozen=True)
class Transfer:
    """Overlapping patches of a source, placed on the regular grid of a result.

    Attributes:
        height: of the result, in pixels.
        width: of the result, in pixels.
        wrap: axes on which the result repeats; patches cross its edges there.
        source_height: of the source, in pixels.
        source_width: of the source, in pixels.
        source_wrap: axes on which the source repeats; patches cross its edges there.
        down: row of each patch's upper left pixel in the source, ``rows x columns`` of the grid.
        right: column of it.
        strides: pixels from patch to patch of the result, down and across; they divide a side that repeats.
    """

    height: int
    width: int
    wrap: Wrap
    source_height: int
    source_width: int
    source_wrap: Wrap
    down: Index
    right: Index
    strides: tuple[int, int]

    @property
    def limits(self) -> tuple[int, int]:
        """Numbers of rows and columns of the source at which a patch can begin."""
        return begins(self.source_height, "y" in self.source_wrap), begins(self.source_width, "x" in self.source_wrap)

    def placed(self, down: NDArray[np.integer], right: NDArray[np.integer]) -> Transfer:
        """The same with patches from elsewhere; places beyond the source's limits come back into them."""
        inside = []
        for place, letter, limit in zip((down, right), "yx", self.limits, strict=True):
            inside.append((place % limit if letter in self.source_wrap else place.clip(0, limit - 1)).astype(np.int32))
        return replace(self, down=inside[0], right=inside[1])

    def apply(self, pixels: Pixels) -> Pixels:
        """The result's pixels, given any ``H x W x C`` of the source, weighted means where patches disagree."""
        source = bordered(pixels, self.source_wrap)
        result = np.empty((self.height, self.width, pixels.shape[2]), dtype=np.float32)
        for first, last in self.bands():
            start = first * self.strides[0]
            stop = self.height if last == len(self.down) else last * self.strides[0]
            result[start:stop] = self.rows(source, first, last, SHARP)[: stop - start, : self.width]
        return result

    def bands(self) -> Iterator[tuple[int, int]]:
        """Rows of the grid, first and behind the last, in portions that need little memory."""
        count = max(1, _BAND // self.down.shape[1])
        for first in range(0, len(self.down), count):
            yield first, min(first + count, len(self.down))

    def rows(self, source: Pixels, first: int, last: int, deviation: float) -> Pixels:
        """All pixels that some rows of patches cover, from the first row's upper to the last row's lower border.

        Args:
            source: of :func:`bordered`.
            first: row of the grid.
            last: row behind the last.
            deviation: of the patches' weights.

        Returns:
            ``stride (last - first - 1) + PATCH`` rows; as many columns as all patches cover, beyond the width of the
            result where it repeats or is no multiple of the stride.
        """
        step_y, step_x = self.strides
        down, above = _around(first, last, len(self.down), step_y, "y" in self.wrap)
        across, before = _around(0, self.down.shape[1], self.down.shape[1], step_x, "x" in self.wrap)
        index = (self.down[np.ix_(down, across)] * source.shape[1] + self.right[np.ix_(down, across)]).ravel()
        flat = source.reshape(-1, source.shape[2])
        count_y, count_x = len(down), len(across)
        shape = (step_y * (count_y - 1) + PATCH, step_x * (count_x - 1) + PATCH)
        total = np.zeros((*shape, source.shape[2]), dtype=np.float32)
        weight = np.zeros((*shape, 1), dtype=np.float32)
        falloff = _falloff(deviation)
        for y in range(PATCH):
            for x in range(PATCH):
                place = (slice(y, y + step_y * count_y, step_y), slice(x, x + step_x * count_x, step_x))
                values = flat.take(index + (y * source.shape[1] + x), axis=0).reshape(count_y, count_x, -1)
                values *= falloff[y, x]
                total[place] += values
                weight[place] += falloff[y, x]
        total /= weight
        top, left = above * step_y, before * step_x
        height = step_y * (last - first - 1) + PATCH
        width = step_x * (self.down.shape[1] - 1) + PATCH
        return total[top : top + height, left : left + width]


def empty_transfer(
    size: tuple[int, int], wrap: Wrap, source_size: tuple[int, int], source_wrap: Wrap, stride: int = STRIDE
) -> Transfer:
    """A grid whose patches all come from the source's first pixel.

    On an axis that repeats the patches go round the result; on one that ends they cover it, the last reaching over.

    Args:
        size: rows and columns of the result.
        wrap: axes on which it repeats.
        source_size: rows and columns of the source.
        source_wrap: axes on which it repeats.
        stride: pixels from patch to patch, where that divides a side that repeats; else 1.
    """
    strides, counts = [], []
    for side, letter in zip(size, "yx", strict=True):
        repeats = letter in wrap
        step = 1 if repeats and side % stride else stride
        strides.append(step)
        counts.append(side // step if repeats else max(1, -(-(side - PATCH) // step) + 1))
    nowhere = np.zeros((counts[0], counts[1]), dtype=np.int32)
    return Transfer(*size, wrap, *source_size, source_wrap, nowhere, nowhere, (strides[0], strides[1]))


def begins(size: int, repeats: bool) -> int:
    """Number of places along an axis of a source at which a patch can begin."""
    return size if repeats else size - PATCH + 1


def bordered(pixels: Pixels, wrap: Wrap) -> Pixels:
    """A source with its own beginning behind its end on axes that repeat, so that patches are whole everywhere."""
    border = ((0, PATCH - 1 if "y" in wrap else 0), (0, PATCH - 1 if "x" in wrap else 0), (0, 0))
    return np.ascontiguousarray(np.pad(pixels, border, mode="wrap"), dtype=np.float32)


def _around(first: int, last: int, count: int, step: int, repeats: bool) -> tuple[NDArray[np.intp], int]:
    """Places of the grid whose patches touch those of a range, and how many of them lie before it."""
    reach = -(-PATCH // step) - 1
    if repeats:
        return np.arange(first - reach, last + reach) % count, reach
    start = max(0, first - reach)
    return np.arange(start, min(count, last + reach)), first - start


def _falloff(deviation: float) -> Pixels:
    way = np.exp(-0.5 * np.square((np.arange(PATCH) - (PATCH - 1) / 2) / deviation))
    return np.asarray(way[:, np.newaxis] * way, dtype=np.float32)
