"""The pixels of a source that a result consists of: the same for all maps, so that they stay registered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels
from ..image.types import Wrap

#: Rows or columns of patches.
Index = NDArray[np.int32]
#: First row or column of a grid, and the one behind the last.
Span = tuple[int, int]

#: Side of a patch in pixels.
PATCH = 8
#: Pixels from patch to patch of a result, where its size allows.
STRIDE = 2
#: Deviation in pixels of a patch's weight around its middle in results: pixels come from the patch that fits best, and
#: only neighbors of different origin are blended.
SHARP = 1.0
#: The same while patches are searched for, when more patches decide on a pixel.
SOFT = 2.0
#: Label of pixels that nothing may come from.
NOWHERE = 255
#: Weight of a patch where its label is another than the result's, in parts of its own.
_DISAGREEING = np.float32(1e-12)
#: Patches that are placed at a time.
_BAND = 16384


class Arrangement(Protocol):
    """What arranges a source's pixels, the same way in every map."""

    @property
    def height(self) -> int:
        """Rows of the result."""

    @property
    def width(self) -> int:
        """Columns of the result."""

    @property
    def wrap(self) -> Wrap:
        """Axes on which the result repeats."""

    def apply(self, pixels: Pixels) -> Pixels:
        """The result's pixels, given any ``H x W x C`` of the source."""


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
        rows = start_count(self.source_height, "y" in self.source_wrap)
        return rows, start_count(self.source_width, "x" in self.source_wrap)

    @property
    def numbers(self) -> Index:
        """Number of each patch among those of the source, counted row by row; ``rows x columns`` of the grid."""
        return self.down * np.int32(self.limits[1]) + self.right

    def with_patches(self, down: NDArray[np.integer], right: NDArray[np.integer]) -> Transfer:
        """The same grid with other patches; places beyond the source's limits are wrapped or clipped."""
        inside = []
        for place, letter, limit in zip((down, right), "yx", self.limits, strict=True):
            inside.append((place % limit if letter in self.source_wrap else place.clip(0, limit - 1)).astype(np.int32))
        return replace(self, down=inside[0], right=inside[1])

    def apply(self, pixels: Pixels) -> Pixels:
        """The result's pixels, given any ``H x W x C`` of the source, weighted means where patches disagree."""
        source = with_border(pixels, self.source_wrap)
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

    def rows(
        self,
        source: Pixels,
        first: int,
        last: int,
        deviation: float,
        agreement: Agreement | None = None,
        columns: Span | None = None,
    ) -> Pixels:
        """All pixels that some rows of patches cover, from the first row's upper to the last row's lower border.

        Args:
            source: of :func:`with_border`.
            first: row of the grid.
            last: row behind the last.
            deviation: of the patches' weights.
            agreement: labels of source and result; patches count where both are the same.
            columns: of the grid whose patches are covered; all if not given.

        Returns:
            ``stride (last - first - 1) + PATCH`` rows, and columns likewise: of all columns of the grid as many as
            patches cover, beyond the width of the result where it repeats or is not a multiple of the stride.
        """
        step_y, step_x = self.strides
        left, right = columns or (0, self.down.shape[1])
        down, above = _around(first, last, len(self.down), step_y, "y" in self.wrap)
        across, before = _around(left, right, self.down.shape[1], step_x, "x" in self.wrap)
        index = (self.down[np.ix_(down, across)] * source.shape[1] + self.right[np.ix_(down, across)]).ravel()
        flat = source.reshape(-1, source.shape[2])
        count_y, count_x = len(down), len(across)
        shape = (step_y * (count_y - 1) + PATCH, step_x * (count_x - 1) + PATCH)
        total = np.zeros((*shape, source.shape[2]), dtype=np.float32)
        weight = np.zeros((*shape, 1), dtype=np.float32)
        falloff = _falloff(deviation)
        labels = None
        if agreement is not None:
            labels = agreement.window(((first - above) * step_y, (left - before) * step_x), shape, self.wrap)
        for y in range(PATCH):
            for x in range(PATCH):
                place = (slice(y, y + step_y * count_y, step_y), slice(x, x + step_x * count_x, step_x))
                there = index + (y * source.shape[1] + x)
                values = flat.take(there, axis=0).reshape(count_y, count_x, -1)
                share: Pixels | np.float32 = falloff[y, x]
                if agreement is not None and labels is not None:
                    alike = agreement.of(agreement.source.take(there).reshape(count_y, count_x), labels[place])
                    share = np.where(alike, share, share * _DISAGREEING)[..., np.newaxis]
                values *= share
                total[place] += values
                weight[place] += share
        total /= weight
        height, width = (step * (count - 1) + PATCH for step, count in ((step_y, last - first), (step_x, right - left)))
        return total[above * step_y :, before * step_x :][:height, :width]


@dataclass(frozen=True)
class Agreement:
    """Labels of a source's pixels and of a result's: a pixel only comes from pixels with its own label.

    Attributes:
        source: ``H x W``, with the border of :func:`with_border`; :data:`NOWHERE` where nothing may come from.
        target: ``h x w``.
        tolerance: difference up to which labels agree, where they are levels.
    """

    source: NDArray[np.uint8]
    target: NDArray[np.uint8]
    tolerance: int = 0

    def of(self, source: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Whether labels of both sides agree."""
        if not self.tolerance:
            return np.asarray(source == target)
        return np.asarray(np.abs(source.astype(np.int16) - target) <= self.tolerance)

    def window(self, origin: tuple[int, int], shape: tuple[int, int], wrap: Wrap) -> NDArray[np.uint8]:
        """Labels of a part of the result, which may reach beyond it.

        Args:
            origin: row and column of its first pixel.
            shape: rows and columns.
            wrap: axes on which the result repeats; on others the last labels are repeated.
        """
        index = []
        for start, count, side, letter in zip(origin, shape, self.target.shape, "yx", strict=True):
            place = np.arange(start, start + count)
            index.append(place % side if letter in wrap else place.clip(0, side - 1))
        return np.asarray(self.target[np.ix_(*index)])


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


def start_count(size: int, repeats: bool) -> int:
    """Number of positions along an axis of a source at which a patch can start."""
    return size if repeats else size - PATCH + 1


def with_border(pixels: Pixels, wrap: Wrap) -> Pixels:
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
