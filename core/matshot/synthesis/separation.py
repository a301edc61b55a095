"""Large copies, cut in two: half of each comes from another place of the source where that fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels
from .copies import coherent_squares
from .correspondence import Transfer
from .patch_search import Source, Target, queries_of

#: Least side in pixels of a square that is cut: a single patch is nearly as large as smaller ones.
_LEAST = 12
#: Shorter side in pixels of the octaves of a source from which copies are not cut: they hardly grow any more.
_LARGE = 320
#: Patches along each side of a square that are compared.
_COMPARED = 6
#: Mean squared distance of another piece's patches up to which it fits, in parts of the patches' mean squared size. Two
#: patches drawn by chance are 2 apart.
_FITTING = 1.5
#: Cost of a place that is used twice as often as is fair, in the same.
_USE_COST = 0.1


def separated_transfer(
    transfer: Transfer,
    target: Target,
    source: Source,
    penalty: Pixels,
    limit: float,
    rng: np.random.Generator,
    active: NDArray[np.bool_] | None = None,
) -> Transfer:
    """The same patches, but where a square of them is too large a copy, a half of it from elsewhere.

    Of the two halves that one is exchanged for which another piece, at least as far away as a copy may be large, is
    nearer to what is there now. A copy of what has nothing like it, such as the only knot, is left. Later rounds fit
    the new pieces to their neighbors.

    Small and large octaves stay as they are, and textures that are laid of whole cells, such as tiles.

    Args:
        transfer: patches so far.
        target: picture that they are to be like.
        source: of patches.
        penalty: on each patch of the source, as in :func:`~matshot.synthesis.patch_search.improved_matches`.
        limit: side of a square from which it is a large copy, in parts of the source's shorter side.
        rng: for the order, and the direction of cuts.
        active: patches that may change, ``rows x columns`` of the grid; all if not given.
    """
    shorter = min(source.height, source.width)
    if source.is_of_cells or shorter >= _LARGE or not _LEAST <= limit * shorter < shorter:
        return transfer
    sides = [max(3, int(np.ceil(limit * shorter / stride)) - 1) for stride in transfer.strides]
    squares = coherent_squares(transfer, (sides[0], sides[1]), active)
    base = np.square(source.projected).sum(axis=1) + np.float32(_USE_COST * source.size) * penalty
    down, right = transfer.down.copy(), transfer.right.copy()
    current = replace(transfer, down=down, right=right)
    for number in rng.permutation(np.flatnonzero(squares)):
        first = divmod(int(number), squares.shape[1])
        if not squares[first]:
            continue
        axis, halves = int(rng.integers(2)), []
        for begin, end in ((0, sides[axis] // 2), (sides[axis] // 2, sides[axis])):
            part = [slice(start, start + side) for start, side in zip(first, sides, strict=True)]
            part[axis] = slice(first[axis] + begin, first[axis] + end)
            half = (part[0], part[1])
            halves.append((*_nearest_piece(current, target, source, base, half, limit * shorter), half))
        distance, place, half = min(halves, key=lambda found: found[0])
        if distance <= _FITTING * source.size:
            steps = [np.arange(one.stop - one.start) * step for one, step in zip(half, transfer.strides, strict=True)]
            down[half], right[half] = place[0] + steps[0][:, np.newaxis], place[1] + steps[1]
            # Squares that share a patch with it are no copies any more.
            squares[
                tuple(slice(max(0, one.start - side + 1), one.stop) for one, side in zip(half, sides, strict=True))
            ] = 0
        else:
            # Those a little beside it are about the same.
            squares[
                tuple(slice(max(0, at - side // 4), at + side // 4 + 1) for at, side in zip(first, sides, strict=True))
            ] = 0
    return current


def _nearest_piece(
    transfer: Transfer,
    target: Target,
    source: Source,
    base: Pixels,
    part: tuple[slice, slice],
    limit: float,
) -> tuple[float, tuple[int, int]]:
    """Mean distance of the piece that is nearest to some patches, and the place of its first patch in the source.

    Args:
        transfer: patches so far.
        target: picture that the piece is to be like.
        source: of patches.
        base: squared length of each patch and what it costs besides.
        part: rows and columns of the grid.
        limit: pixels that the piece is away from the present one, down or across.
    """
    rows, columns = (np.arange(one.start, one.stop, -(-(one.stop - one.start) // _COMPARED)) for one in part)
    active = np.zeros(tuple(one.stop - one.start for one in part), dtype=bool)
    active[np.ix_(rows - part[0].start, columns - part[1].start)] = True
    span = part[1].start, part[1].stop
    queries = queries_of(transfer, target, source, part[0].start, part[0].stop, active, span)
    products = (-2 * queries @ source.projected.T).reshape(len(rows), len(columns), *transfer.limits)
    costs, (high, wide) = (
        base.reshape(transfer.limits),
        (
            limit_ - (one.stop - one.start - 1) * step
            for limit_, one, step in zip(transfer.limits, part, transfer.strides, strict=True)
        ),
    )
    if min(high, wide) < 1:
        return np.inf, (0, 0)
    total = np.zeros((high, wide), dtype=np.float32)
    for row, ahead in enumerate((rows - part[0].start) * transfer.strides[0]):
        for column, along in enumerate((columns - part[1].start) * transfer.strides[1]):
            there = slice(ahead, ahead + high), slice(along, along + wide)
            distances = products[row, column][there]
            distances += costs[there]
            total += distances
    here = transfer.down[part[0].start, part[1].start], transfer.right[part[0].start, part[1].start]
    total[tuple(slice(max(0, int(np.ceil(at - limit))), int(at + limit) + 1) for at in here)] = np.inf
    best = int(total.argmin())
    # Those between the compared ones may be forbidden.
    if not np.isfinite(
        costs[best // wide :, best % wide :][: costs.shape[0] - high + 1, : costs.shape[1] - wide + 1]
    ).all():
        return np.inf, (0, 0)
    distance = (float(total.flat[best]) + float(np.square(queries).sum())) / len(queries)
    return distance, divmod(best, wide)
