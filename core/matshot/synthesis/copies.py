"""How large a piece of the source a result holds as it is: measured in the field that it was arranged by."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .correspondence import Transfer


def largest_copy(transfer: Transfer) -> float:
    """The largest connected part of a result whose pixels come from one offset into the source.

    Parts are not followed across the edges of a result that repeats.

    Args:
        transfer: what the result is arranged by.

    Returns:
        Square root of the part's area, in parts of that of the source.
    """
    # Runs of equal offsets along rows are the nodes of a graph, and runs that touch below each other its edges.
    begins = np.ones(transfer.down.shape, dtype=bool)
    begins[:, 1:] = ~_continued(transfer, 1)
    runs = np.cumsum(begins, dtype=np.int32).reshape(begins.shape) - np.int32(1)
    # One edge where two runs begin to touch is enough.
    alike = _continued(transfer, 0) & (begins[1:] | begins[:-1])
    above, below = runs[:-1][alike], runs[1:][alike]
    count = int(runs[-1, -1]) + 1
    graph = coo_array((np.ones(len(above), dtype=np.int8), (above, below)), shape=(count, count))
    _, parts = connected_components(graph, directed=False)
    lengths = np.diff(np.append(np.flatnonzero(begins), begins.size))
    patches = float(np.bincount(parts, weights=lengths).max())
    pixels = min(patches * transfer.strides[0] * transfer.strides[1], transfer.height * transfer.width)
    return float(np.sqrt(pixels / (transfer.source_height * transfer.source_width)))


def coherent_squares(
    transfer: Transfer, sides: tuple[int, int], active: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Whether the patch and those below and beside it, as many as given, all come from one offset into the source.

    Args:
        transfer: of patches.
        sides: patches down and across, at least 2.
        active: patches that squares consist of; all if not given.

    Returns:
        Of each patch of the grid; none that reach across the edges of a result that repeats.
    """
    below, beside = _continued(transfer, 0), _continued(transfer, 1)
    linked = np.zeros(transfer.down.shape, dtype=np.uint8)
    linked[:-1, :-1] = below[:, :-1] & beside[:-1] & beside[1:]
    kernel = np.ones((sides[0] - 1, sides[1] - 1), dtype=np.uint8)
    if active is not None:
        linked[:-1, :-1] &= active[:-1, :-1] & active[1:, :-1] & active[:-1, 1:] & active[1:, 1:]
    squares = cv2.erode(linked, kernel, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(squares > 0)


def largest_square(transfer: Transfer) -> float:
    """Side of the largest square of a result whose patches come from one offset, in parts of the source's shorter."""
    step = max(transfer.strides)
    least, most = 1, min(transfer.down.shape)
    while least < most:
        side = (least + most + 1) // 2
        counts = [side * step // stride for stride in transfer.strides]
        least, most = (side, most) if coherent_squares(transfer, (counts[0], counts[1])).any() else (least, side - 1)
    return least * step / min(transfer.source_height, transfer.source_width)


def _continued(transfer: Transfer, axis: int) -> NDArray[np.bool_]:
    """Whether each patch but the first along an axis comes from where the one before it continues in the source.

    Args:
        transfer: of patches.
        axis: 0 for down, 1 for across; shorter by one in the returned array.
    """
    both = np.True_
    lengths = (transfer.source_height, transfer.source_width)
    for place, letter, length, along in zip((transfer.down, transfer.right), "yx", lengths, (0, 1), strict=True):
        way = np.diff(place, axis=axis)
        way -= np.int32(transfer.strides[axis] if along == axis else 0)
        if letter in transfer.source_wrap:
            way %= np.int32(length)
        both = both & (way == 0)
    return np.asarray(both)
