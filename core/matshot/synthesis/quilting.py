"""A start for textures with structure: large blocks of the source, each chosen to fit those beside it.

Efros and Freeman 2001, "Image Quilting for Texture Synthesis and Transfer", section 2: blocks overlap, and each is
drawn from those whose overlap with the blocks before it is nearly the best. Blocks that would merely continue a
neighbor at its own place in the source are left out, or the result would be the source again. Cuts are left to later
rounds.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels
from .correspondence import PATCH, Transfer

#: Overlap of blocks in parts of their side.
_OVERLAP = 1 / 4
#: Cost of a block up to which it may be drawn, in parts of the best one's.
_TOLERANCE = 1.1
#: Cost of a place that a block was taken from before, in parts of the median cost.
_AGAIN = 0.5
#: Parts of a block's side from the place that continues a neighbor in which blocks are not drawn.
_CONTINUATION = 1 / 4
#: Planes that are compared; the filter takes up to four.
_CHANNELS = 4


def quilted_transfer(field: Transfer, pixels: Pixels, side: int, rng: np.random.Generator) -> Transfer:
    """Patches of overlapping blocks that fit to each other.

    Args:
        field: grid to fill.
        pixels: source, ``H x W x C``, without a border.
        side: of a block, in pixels; shorter where the source or the result is.
        rng: draws among blocks that fit about equally.
    """
    size = (field.height, field.width)
    high, wide = (min(side, *both) for both in zip(pixels.shape[:2], size, strict=True))
    border = [
        (0, length - 1 if letter in field.source_wrap else 0) for length, letter in zip((high, wide), "yx", strict=True)
    ]
    source = np.pad(pixels[..., :_CHANNELS], [*border, (0, 0)], mode="wrap").astype(np.float32)
    canvas = np.zeros((*size, source.shape[2]), dtype=np.float32)
    # The place in the source of each pixel, and whether there is one yet.
    origin = np.zeros((2, *size), dtype=np.int64)
    covered = np.zeros(size, dtype=np.float32)
    used = np.zeros((source.shape[0] - high + 1, source.shape[1] - wide + 1), dtype=np.float32)
    overlap = [max(2, round(_OVERLAP * length)) for length in (high, wide)]
    steps = [length - over for length, over in zip((high, wide), overlap, strict=True)]
    drawn: dict[tuple[int, int], tuple[int, int, int, int]] = {}
    for row, top in enumerate(range(0, size[0], steps[0])):
        for column, left in enumerate(range(0, size[1], steps[1])):
            rows, row_inside = _line(top, high, size[0], "y" in field.wrap)
            columns, column_inside = _line(left, wide, size[1], "x" in field.wrap)
            inside = row_inside[:, np.newaxis] & column_inside
            known = covered[np.ix_(rows, columns)] * inside
            cost = _cost(source, canvas[np.ix_(rows, columns)], known) if known.any() else np.zeros_like(used)
            cost += _AGAIN * float(np.median(cost)) * used
            grid = (-(-size[0] // steps[0]), -(-size[1] // steps[1]))
            for place in _beside(row, column, grid):
                if place in drawn:
                    cost[_continuation(drawn[place], (top, left), field, used.shape, _CONTINUATION * side)] = np.inf
            if not np.isfinite(cost).any():
                cost = used.copy()
            fitting = np.flatnonzero(cost <= _TOLERANCE * cost.min() + 1e-6)
            down, right = divmod(int(fitting[rng.integers(len(fitting))]), cost.shape[1])
            drawn[row, column] = (top, left, down, right)
            used += _bump(used.shape[0], down, high / 3)[:, np.newaxis] * _bump(used.shape[1], right, wide / 3)
            # Of what overlaps, the outer half stays the earlier block's.
            edge = np.minimum(_from_edge(high)[:, np.newaxis] * overlap[1], _from_edge(wide) * overlap[0])
            taken = inside & ((known == 0) | (edge >= overlap[0] * overlap[1] // 2))
            y, x = np.nonzero(taken)
            there = rows[y], columns[x]
            canvas[there] = source[down + y, right + x]
            origin[0][there], origin[1][there] = down + y, right + x
            covered[there] = 1
    middle = [
        (np.arange(count) * stride + PATCH // 2).clip(0, None if letter in field.wrap else length - 1) % length
        for count, stride, length, letter in zip(field.down.shape, field.strides, size, "yx", strict=True)
    ]
    # The place of a patch is that of its middle, less the way to it.
    begin = [np.arange(count) * stride for count, stride in zip(field.down.shape, field.strides, strict=True)]
    back = [
        np.where(letter in field.wrap, PATCH // 2, center - start)
        for center, start, letter in zip(middle, begin, "yx", strict=True)
    ]
    places = np.ix_(*middle)
    return field.with_patches(origin[0][places] - back[0][:, np.newaxis], origin[1][places] - back[1])


def _line(start: int, length: int, side: int, repeats: bool) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Lines of a result under a block, and which of them are not beyond its end."""
    lines = np.arange(start, start + length)
    return lines % side, (lines < side) | repeats


def _cost(source: Pixels, block: Pixels, known: Pixels) -> Pixels:
    """Mean squared difference of every block of a source from the known pixels of one."""
    mask = np.repeat(known[..., np.newaxis], source.shape[2], axis=2).astype(np.float32)
    squares = cv2.matchTemplate(source, np.ascontiguousarray(block), cv2.TM_SQDIFF, mask=mask)
    return np.asarray(np.maximum(squares, 0) / mask.sum(), dtype=np.float32)


def _beside(row: int, column: int, grid: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Blocks around one of a grid, across its ends, too."""
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            if down or right:
                yield (row + down) % grid[0], (column + right) % grid[1]


def _continuation(
    neighbor: tuple[int, int, int, int],
    place: tuple[int, int],
    field: Transfer,
    shape: tuple[int, ...],
    reach: float,
) -> tuple[NDArray[np.intp], ...]:
    """Places of a source near the one that continues a neighbor: rows and columns of an open mesh."""
    near = []
    for axis, letter in enumerate("yx"):
        step, length = place[axis] - neighbor[axis], (field.height, field.width)[axis]
        if letter in field.wrap:
            step = (step + length // 2) % length - length // 2
        away = np.abs(np.arange(shape[axis]) - neighbor[2 + axis] - step)
        if letter in field.source_wrap:
            around = (field.source_height, field.source_width)[axis]
            away = np.minimum(away % around, around - away % around)
        near.append(np.flatnonzero(away < reach))
    return np.ix_(*near)


def _bump(count: int, place: int, width: float) -> Pixels:
    return np.asarray(np.exp(-np.square((np.arange(count) - place) / width)), dtype=np.float32)


def _from_edge(length: int) -> NDArray[np.int64]:
    """Pixels from the nearer end of a line."""
    place = np.arange(length)
    return np.minimum(place, length - 1 - place)
