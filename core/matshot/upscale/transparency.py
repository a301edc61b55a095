"""Colour under transparent texels."""

from __future__ import annotations

import numpy as np

from ..image.color import Pixels


def is_constant(alpha: Pixels) -> bool:
    """Whether alpha says nothing, so that it need not be enlarged and may stay exactly what it is."""
    return bool(alpha.min() == alpha.max())


def bled(color: Pixels, alpha: Pixels, wrap: str, reach: int) -> Pixels:
    """Give fully transparent texels the colour of the nearest one that is not.

    Whatever an exporter left there (black, most often) would otherwise be drawn into the visible edge as a halo.

    Args:
        color: ``H x W x C``.
        alpha: ``H x W x 1``; 0 is transparent.
        wrap: axes on which the nearest texel may lie across the edge.
        reach: texels that an edge can look across; only matters for how far is looked across the wrap.

    Returns:
        A new array; ``color`` itself when nothing is transparent, or everything is.
    """
    from scipy.ndimage import distance_transform_edt

    hidden = alpha[..., 0] <= 0
    if not hidden.any() or hidden.all():
        return color
    height, width = hidden.shape
    pad_y = min(reach, height) if "y" in wrap else 0
    pad_x = min(reach, width) if "x" in wrap else 0
    padded = np.pad(hidden, ((pad_y, pad_y), (pad_x, pad_x)), mode="wrap")
    rows, columns = distance_transform_edt(padded, return_distances=False, return_indices=True)
    inside = (slice(pad_y, pad_y + height), slice(pad_x, pad_x + width))
    return color[(rows[inside] - pad_y) % height, (columns[inside] - pad_x) % width]  # type: ignore[no-any-return]
