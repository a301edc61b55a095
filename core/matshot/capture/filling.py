"""Filling of what a highlight hides with the surface's own texture.

A surface that looks alike all over shows elsewhere what is hidden here. The part that continues the hole's
surroundings best is laid over the hole as a whole, so that joints of a wall meet and texture is as lively as around;
only the seam is put together of patches.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from ..image.color import Mask, Pixels, linear_from_srgb, srgb_from_linear
from ..progress import Progress
from ..synthesis.patches import enlarged_transfer, inpainting_transfer
from .flattening import Flattened

#: Longer side at which holes are filled, and the least of a photograph that must be left for it.
_SIDE = 640
_LEAST_KNOWN = 0.4
#: Longer side of the part around a hole from which it is filled, in longer sides of the hole.
_AROUND = 3.0
#: Pixels around a hole by which what continues it is recognized, and on both sides of its border that patches mend.
_RECOGNIZED = 24
_SEAM = 6
#: Weight of a difference in contrast, beside one in level: what is smooth fits everything a little.
_ALIKE_CONTRAST = 2.0


def filled(flat: Flattened, *, threads: int = 1, progress: Progress | None = None) -> Flattened:
    """The same with its hole filled by the surface's own texture.

    Args:
        flat: of a photograph.
        threads: that compare patches.
        progress: told now and then.

    Raises:
        Cancelled: when the listener says so.
    """
    if not flat.hole.any() or flat.hole.mean() > 1 - _LEAST_KNOWN:
        return flat
    shrink = min(1.0, _SIDE / max(flat.hole.shape))
    planes = srgb_from_linear(flat.color)
    seam = _laid_over(planes, flat.hole, shrink)
    rows, columns = _around(flat.hole)
    part, part_seam, hole = planes[rows, columns], seam[rows, columns], flat.hole[rows, columns]
    small_side = min(1.0, _SIDE / max(hole.shape))
    small, small_seam = _resized(part, small_side), _resized(part_seam.astype(np.float32), small_side) > 0
    transfer = inpainting_transfer(small, small_seam, even_use=True, threads=threads, progress=progress)
    if small_side < 1:
        # What goes where is decided in small; what comes is as fine as the photograph.
        transfer = enlarged_transfer(transfer, hole.shape, hole.shape)
    result = np.where(part_seam[..., np.newaxis], transfer.apply(part), part)
    color = flat.color.copy()
    color[rows, columns][hole] = linear_from_srgb(result[hole].clip(0, 1))
    return replace(flat, color=color)


def _around(hole: Mask) -> tuple[slice, slice]:
    """Rows and columns of a hole and what it is filled from."""
    down, across = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    margin = round(_AROUND * max(int(np.ptp(down)), int(np.ptp(across)), 16) / 2)
    height, width = hole.shape
    return (
        slice(max(0, int(down[0]) - margin), min(height, int(down[-1]) + margin + 1)),
        slice(max(0, int(across[0]) - margin), min(width, int(across[-1]) + margin + 1)),
    )


def _laid_over(planes: Pixels, hole: Mask, shrink: float) -> Mask:
    """Lay the part of a picture that continues best over each hole, in place; the pixels that patches must mend still.

    Args:
        planes: ``H x W x 3``, display-encoded.
        hole: ``H x W``.
        shrink: of the picture in which parts are compared.
    """
    small, small_hole = _resized(planes, shrink), _resized(hole.astype(np.float32), shrink) > 0
    count, labels = cv2.connectedComponents(hole.astype(np.uint8))
    seam: Mask = np.zeros_like(hole)
    usual = planes[~hole].mean(axis=0)
    depth = _SEAM / shrink
    for number in range(1, count):
        one: Mask = labels == number
        moved = _continuation(small, small_hole, _resized(one.astype(np.float32), shrink) > 0)
        rows, columns = np.nonzero(one)
        if moved is not None:
            there = (rows + round(moved[0] / shrink), columns + round(moved[1] / shrink))
            height, width = hole.shape
            planes[one] = planes[there[0].clip(0, height - 1), there[1].clip(0, width - 1)]
            inside = cv2.distanceTransform(np.pad(one, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
            seam |= one & (inside <= depth)
        else:
            planes[one] = usual
            seam |= one
    return seam


def _continuation(planes: Pixels, hole: Mask, one: Mask) -> tuple[int, int] | None:
    """Rows down and columns right to the part of a picture whose surroundings are most like those of one hole.

    The covariance of two parts tells whether joints meet. Of parts that have nothing in common it prefers none; their
    squared difference would prefer the one with the least texture.

    Returns:
        Nothing if the hole fits nowhere else.
    """
    size = 2 * _RECOGNIZED + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    ring = (cv2.dilate(one.astype(np.uint8), disc) > 0) & ~hole
    down, across = (np.flatnonzero((ring | one).any(axis=axis)) for axis in (1, 0))
    if not ring.any():
        return None
    box = (slice(int(down[0]), int(down[-1]) + 1), slice(int(across[0]), int(across[-1]) + 1))
    weight = ring[box].astype(np.float32)
    known = (~hole).astype(np.float32)

    def correlated(image: Pixels, template: Pixels) -> Pixels:
        return np.asarray(cv2.matchTemplate(image, template, cv2.TM_CCORR), np.float32)

    count = correlated(known, weight)
    free = (correlated(1 - known, one[box].astype(np.float32)) < 0.5) & (count > 0.7 * weight.sum())
    if not free.any():
        return None
    count = np.maximum(count, 1)
    cost = np.zeros_like(count)
    for channel in np.moveaxis(planes - planes[~hole].mean(axis=0), 2, 0):
        image, template = channel * known, np.ascontiguousarray(channel[box] * weight)
        level, own_level = correlated(image, weight) / count, correlated(known, template) / count
        variance = correlated(image * image, weight) / count - level * level
        own_variance = correlated(known, template * template) / count - own_level * own_level
        together = correlated(image, template) / count - level * own_level
        contrast = np.sqrt(np.maximum(variance, 0)) - np.sqrt(np.maximum(own_variance, 0))
        cost += np.square(level - own_level) + _ALIKE_CONTRAST * np.square(contrast) - 2 * together
    cost[~free] = np.inf
    row, column = np.unravel_index(int(cost.argmin()), cost.shape)
    return int(row) - box[0].start, int(column) - box[1].start


def _resized(plane: Pixels, factor: float) -> Pixels:
    if factor == 1:
        return plane
    size = (round(plane.shape[1] * factor), round(plane.shape[0] * factor))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)
