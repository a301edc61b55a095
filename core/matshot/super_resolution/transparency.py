"""Color under transparent texels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..image.color import Pixels

#: Alpha from which on color is divided by it.
_LEAST_COVER = 1 / 64


def is_constant(alpha: Pixels) -> bool:
    """Whether alpha is the same everywhere, so that it stays exactly what it is instead of being enlarged."""
    return bool(alpha.min() == alpha.max())


def bled_color(color: Pixels, alpha: Pixels, wrap: str, reach: int) -> Pixels:
    """Color in which fully transparent texels have the color of the nearest one that is not.

    Whatever an exporter left there (black, most often) would otherwise bleed into the visible edge as a halo.

    Args:
        color: ``H x W x C``.
        alpha: ``H x W x 1``; 0 is transparent.
        wrap: axes on which the nearest texel may lie across the edge.
        reach: distance in texels over which an edge has an influence; limits the search across the wrap.

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


@dataclass(frozen=True)
class Coverage:
    """A picture whose color came multiplied by alpha, taken apart: ``color * alpha + light`` is what is stored.

    Attributes:
        color: straight, ``H x W x C``; that of the nearest covered pixel where little is covered.
        light: of glows and flames, which covers nothing; None without any.
    """

    color: Pixels
    light: Pixels | None


def coverage(color: Pixels, alpha: Pixels, wrap: str, reach: int) -> Coverage:
    """A picture's covered color and its light without coverage.

    A color cannot be brighter than what is fully covered (or than white), so that what is divided by a small alpha
    stays finite: the rest is light.

    Args:
        color: straight, ``H x W x C``; where alpha is 0 it is light.
        alpha: ``H x W x 1``.
        wrap: axes on which it repeats.
        reach: as :func:`bled_color`.
    """
    stored = color * np.where(alpha > 0, alpha, 1)
    covered = alpha >= _LEAST_COVER
    whole = alpha[..., 0] >= 1
    brightest = max(1.0, float(stored[whole].max())) if whole.any() else 1.0
    straight = np.where(covered, np.minimum(color, brightest), 0)
    light = stored - straight * np.maximum(alpha, 0)
    light[np.abs(light) <= 1e-5 * np.abs(stored)] = 0
    bled = bled_color(straight, np.where(covered, alpha, 0), wrap, reach)
    return Coverage(bled, light if bool(light.any()) else None)
