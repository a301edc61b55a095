"""Rings around the highlight of a flash photograph, by which what belongs to the lamp is told from the surface's.

A surface that is alike all over is so in every ring. What differs between rings by more than between sectors of one is
the lamp's.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..image.color import Mask, Pixels
from ..shading.render import Camera

#: Rings of equal area, and sectors of each, in which contrast is compared.
_RINGS = 16
_SECTORS = 8
#: Range in which contrast is changed.
_LEAST_GAIN = 0.3
_MOST_GAIN = 4.0
#: Quantile of magnitudes by which contrast is measured, and pixels of a sector of a ring that are too few for it.
_QUANTILE = 0.75
_LEAST_CELL = 30
#: Width and number of the rings in which a trend is seen, in longer sides.
_TREND_STEP = 0.015
_TREND_STEPS = 64


def rings_of(distance: Pixels, camera: Camera, known: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of the ring of equal area around the highlight, from the middle out, and of the sector of each pixel.

    Args:
        distance: ``H x W``, to the highlight.
        camera: of the photograph.
        known: ``H x W``, pixels that count.
    """
    edges = np.quantile(distance[known][::7], np.linspace(0, 1, _RINGS + 1)[1:-1]) if known.any() else np.zeros(1)
    x, y = camera.axes()
    angle = np.arctan2(y[:, np.newaxis], x[np.newaxis]) + np.pi
    return np.searchsorted(edges, distance), np.minimum(
        (angle * (_SECTORS / (2 * np.pi))).astype(np.intp), _SECTORS - 1
    )


def ring_gain(
    magnitude: Pixels, ring: NDArray[np.intp], sector: NDArray[np.intp], known: Mask, distance: Pixels
) -> Pixels:
    """The factor ``H x W`` that makes a magnitude the same in all rings.

    As far as rings differ by more than sectors of one ring do: a picture in which something else is in the middle is
    not one of a surface that is alike all over.

    Args:
        magnitude: ``H x W``.
        ring: number of the ring, from the middle out.
        sector: number of the sector.
        known: ``H x W``, pixels that count.
        distance: ``H x W``, over which the factor changes smoothly.
    """
    middles, quantiles = cell_quantiles(magnitude, ring, sector, known, distance, np.array([_QUANTILE]))
    table = np.log(np.maximum(quantiles[..., 0], 1e-6))
    seen = np.isfinite(table).sum(axis=1) >= 2
    if seen.sum() < 4:
        return np.ones_like(magnitude)
    levels = np.nanmean(table[seen], axis=1)
    usual = float(np.median(levels))
    chance = float(np.nanmean(np.nanvar(table[seen], axis=1) / np.isfinite(table[seen]).sum(axis=1)))
    share = max(0.0, 1 - chance / max(float(np.var(levels)), 1e-9))
    gain = np.exp(share * (usual - levels)).clip(_LEAST_GAIN, _MOST_GAIN)
    return np.asarray(np.interp(distance, middles[seen], gain), dtype=np.float32)


def cell_quantiles(
    plane: Pixels,
    ring: NDArray[np.intp],
    sector: NDArray[np.intp],
    known: Mask,
    distance: Pixels,
    levels: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean distance of each ring, and quantiles of its sectors, ``rings x sectors x levels``; NaN where unknown.

    Args:
        plane: ``H x W``, any values.
        ring: number of the ring, from the middle out.
        sector: number of the sector.
        known: ``H x W``, pixels that count.
        distance: ``H x W``.
        levels: of the quantiles, [0, 1].
    """
    step = 1 + plane.size // 400_000
    some = known.ravel()[::step]
    values, rings, sectors, far = (each.ravel()[::step][some] for each in (plane, ring, sector, distance))
    count = np.bincount(rings, minlength=_RINGS)
    middles = np.bincount(rings, weights=far, minlength=_RINGS) / np.maximum(count, 1)
    cells = (rings * _SECTORS + sectors).astype(np.int16)
    ends = np.cumsum(np.bincount(cells, minlength=_RINGS * _SECTORS))
    sorted_values = np.asarray(values[np.argsort(cells, kind="stable")], dtype=np.float32)
    table = np.full((_RINGS * _SECTORS, len(levels)), np.nan)
    for number, (start, stop) in enumerate(pairwise([0, *ends])):
        if stop - start > _LEAST_CELL:
            table[number] = np.quantile(sorted_values[start:stop], levels)
    return middles, table.reshape(_RINGS, _SECTORS, len(levels))


def trend_by_distance(plane: Pixels, distance: Pixels, known: Mask) -> Pixels:
    """What of a plane ``H x W`` depends on the distance to the highlight alone.

    Args:
        plane: any values.
        distance: ``H x W``, in longer sides.
        known: ``H x W``, pixels that count; nearer ones than any of them get the nearest's.
    """
    number = np.minimum((distance / _TREND_STEP).astype(np.intp), _TREND_STEPS - 1)
    count = np.bincount(number[known], minlength=_TREND_STEPS).astype(np.float64)
    total = np.bincount(number[known], weights=plane[known], minlength=_TREND_STEPS)
    # Rings of few pixels lean on their neighbors.
    kernel = np.array([0.25, 0.5, 0.25])
    total, count = np.convolve(total, kernel, "same"), np.convolve(count, kernel, "same")
    seen = count > 0
    if not seen.any():
        return np.zeros_like(plane)
    middles = (np.arange(_TREND_STEPS) + 0.5) * _TREND_STEP
    return np.asarray(np.interp(distance, middles[seen], total[seen] / count[seen]), dtype=np.float32)
