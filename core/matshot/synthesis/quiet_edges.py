"""Where the edges of a tileable result lie: along lines that nothing sets apart.

A result that repeats can be moved around its edges without a change to what is seen when it is tiled. An edge along a
joint of tiles, or through a row of nails, is nevertheless a poor one: programs that filter, compress or scale
textures without wrapping damage what lies there first, and half a joint on either side does not look tileable.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..image.color import Pixels
from ..material.types import Material

#: Part of the lines that are nearer to the mean in their step, up to which a line is ordinary in a map.
_ORDINARY = 0.6
#: Step of a joint beyond the mean step, in parts of that.
_JOINT = 2.0
#: Part of the side, one in so many, by which an edge keeps away from joints where it can.
_AWAY = 32
#: Range of a plane up to which it is constant, and has no steps.
_FLAT = 1e-3
#: Rows or columns that are moved or compared at a time: bounds memory.
_BAND = 256


def lay_edges(material: Material, axes: str) -> None:
    """Move the maps of a material in place, as little as needed for its edges to lie along ordinary lines in all maps.

    Args:
        material: whose maps repeat on the axes.
        axes: letters of axes to move along.
    """
    for axis, letter in enumerate("yx"):
        if letter in axes:
            # Angles jump where they are no different.
            planes = [texture.pixels for kind, texture in material.maps.items() if kind != "anisotropy_angle"]
            shift = quiet_shift(planes, axis)
            if shift:
                for texture in material.maps.values():
                    _move(texture.pixels, shift, axis)


def quiet_shift(planes: Sequence[Pixels], axis: int) -> int:
    """Pixels by which textures have to move, all alike, for an ordinary step across their edge.

    A step is ordinary when it differs little from the mean step: neither larger, as along a joint, nor smaller.

    Args:
        planes: ``H x W x C`` each, any encoding, repeating on the axis.
        axis: 0 for the edge between the last row and the first, 1 for columns.

    Returns:
        The shift of least size whose edge is ordinary in all planes, and away from joints, or the most ordinary one.
    """
    worst: NDArray[np.float64] | None = None
    largest: NDArray[np.float64] | float = 0.0
    for pixels in planes:
        steps = _steps(pixels, axis)
        if steps is None:
            continue
        unusual = np.abs(steps / steps.mean() - 1)
        largest = np.maximum(largest, unusual)
        order = np.sort(unusual)
        ranks = np.searchsorted(order, unusual, side="left") / len(order)
        worst = ranks if worst is None else np.maximum(worst, ranks)
    if worst is None:
        return 0
    # The line before pixel n becomes the edge by a shift of -n.
    count = len(worst)
    shifts = -((np.arange(count) + count // 2) % count - count // 2)
    # A joint close beside the edge would leave a sliver of a tile there.
    joints = np.pad(largest > _JOINT, count, mode="wrap")
    away = scipy.ndimage.distance_transform_cdt(~joints)[count:-count] if joints.any() else np.full(count, count)
    away = np.minimum(away, count // _AWAY)
    fitting = worst <= max(_ORDINARY, float(worst.min()))
    fitting &= away == away[fitting].max()
    return int(min(shifts[fitting], key=abs))


def _steps(pixels: Pixels, axis: int) -> NDArray[np.float64] | None:
    """Mean absolute step from each line's predecessor to it, None for what is constant."""
    if float(np.ptp(pixels, axis=(0, 1)).max()) <= _FLAT:
        return None
    along = np.moveaxis(pixels, axis, 0)
    total = np.zeros(len(along), dtype=np.float64)
    for first in range(0, along.shape[1], _BAND):
        band = along[:, first : first + _BAND]
        total[1:] += np.abs(np.diff(band, axis=0)).sum(axis=(1, 2), dtype=np.float64)
        total[0] += np.abs(band[0] - band[-1]).sum(dtype=np.float64)
    return total if total.any() else None


def _move(pixels: Pixels, shift: int, axis: int) -> None:
    for first in range(0, pixels.shape[1 - axis], _BAND):
        band = pixels[first : first + _BAND] if axis else pixels[:, first : first + _BAND]
        band[...] = np.roll(band, shift, axis)
