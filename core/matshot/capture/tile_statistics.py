"""Texture statistics of each tile given back to the picture that was transported out of it.

Matching every pixel on its own averages textures and loses detail that the guide does not explain. The transported
picture of a tile should have the tile's own statistics: the histograms of the bands of an image pyramid (Heeger and
Bergen 1995, "Pyramid-Based Texture Analysis/Synthesis"), without leaving what was transported (Aittala, Weyrich and
Lehtinen 2015, "Two-Shot SVBRDF Capture for Stationary Materials", section 4.2).
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..image.color import Mask, Pixels
from ..progress import Progress
from .lumitexels import Lumitexels

#: Bands of the pyramid, each half as fine as the one before.
_BANDS = 4
#: Quantiles by which histograms are matched.
_QUANTILES = np.linspace(0, 1, 65)
#: Range in which a band's contrast is changed.
_LEAST_GAIN = 0.5
_MOST_GAIN = 2.0


def with_pyramid_statistics(
    picture: NDArray[np.float32],
    example: NDArray[np.float32],
    share: float = 0.5,
    usable: Mask | None = None,
) -> NDArray[np.float32]:
    """A picture whose pyramid bands are distributed more like an example's.

    Each band of a Laplacian pyramid and what is left below it gets the example's histogram by way of its quantiles.

    Args:
        picture: ``H x W``.
        example: ``h x w``, of any size.
        share: how far to go: 0 is the picture as it is, 1 the example's histograms.
        usable: pixels of the example that count, ``h x w``; all without.

    Returns:
        ``H x W``.
    """
    own, other = _bands(picture), _bands(example)
    count = np.ones(example.shape, bool) if usable is None else usable
    result = np.zeros_like(picture)
    for index, (band, wanted) in enumerate(zip(own, other, strict=True)):
        source = np.quantile(band, _QUANTILES)
        target = np.quantile(wanted[count], _QUANTILES)
        moved = np.interp(band, source, target)
        if index < len(own) - 1:
            moved = np.clip(moved / np.where(np.abs(band) > 1e-6, band, 1), _LEAST_GAIN, _MOST_GAIN) * band
        result += ((1 - share) * band + share * moved).astype(np.float32)
    return result


def _bands(picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Differences between ever stronger blurs, and the last blur; they add up to the picture."""
    bands = []
    rest = picture
    for level in range(_BANDS):
        blur = cv2.GaussianBlur(rest, (0, 0), 0.8 * 2**level, borderType=cv2.BORDER_REFLECT_101)
        softer = np.asarray(blur, np.float32)
        bands.append(rest - softer)
        rest = softer
    return [*bands, rest]


def with_tile_statistics(
    lumitexels: Lumitexels,
    flash: Pixels,
    mask: Mask,
    *,
    share: float = 0.5,
    progress: Progress | None = None,
) -> Lumitexels:
    """The lumitexels with each tile's transported picture given that tile's statistics.

    Pictures are compared as logarithms, in luminance; colors follow by the same factor. The first lumitexel, which was
    not transported, stays.

    Args:
        lumitexels: of the master tile, one for itself and one for each of its tiles.
        flash: ``H x W x 3``, linear, the photograph that they are from.
        mask: ``H x W``, where it is usable.
        share: see :func:`with_pyramid_statistics`.
        progress: told after every tile.

    Raises:
        Cancelled: when the listener says so.
    """
    floor = np.float32(0.02 * max(float(np.median(flash)), 1e-6))
    values = lumitexels.values.copy()
    for index, tile in enumerate(lumitexels.tiles, start=1):
        usable = mask[tile.rows, tile.columns]
        if usable.any():
            picture = np.log(values[:, :, index].mean(axis=2) + floor)
            example = np.log(np.maximum(flash[tile.rows, tile.columns], 0).mean(axis=2) + floor)
            moved = with_pyramid_statistics(picture, example, share, usable)
            values[:, :, index] *= np.exp(moved - picture)[..., np.newaxis]
        if progress is not None:
            progress(index / len(lumitexels.tiles))
    return replace(lumitexels, values=values)
