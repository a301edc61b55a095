"""Glints: bright specks where facets of a surface mirror the lamp, which are no part of its base color.

In the middle of a flash photograph all of a glossy surface mirrors the lamp; far from it only facets do that happen to
lean towards it, and they stand out the more the darker all else is. A white speck of paint stands out everywhere. So on
a surface that is alike all over, specks belong to the base color as far as they stand out in the ring around the
highlight where they do so least.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels
from ..shading.render import Camera
from .flattening import Flattened, blurred
from .rings import cell_quantiles, rings_of, trend_by_distance

#: Deviation of what counts as a speck's surroundings, in longer sides, and in pixels at least.
_AROUND = 1 / 85
_LEAST_AROUND = 2.0
#: Quantiles by which rings are compared: the first stays, since specks are few.
_LEVELS = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999])
#: Rings that tell something, and the fewest of them.
_LEAST_RINGS = 4
#: By how much the variance of rings must exceed what sectors tell of chance.
_CHANCE = 2.0
#: What a glint takes from a pixel, as a logarithm, from which on its chroma is the surroundings', and surroundings' is
#: not its own.
_WHITENED = np.float32(0.3)
_WHITE = np.float32(0.1)
#: How much more colorful than its surroundings, as a logarithm, a speck is that has a color of its own.
_COLORFUL = np.float32(0.15)


def without_glints(color: Pixels, flat: Flattened, camera: Camera) -> Pixels:
    """Base color of a dielectric whose specks stand out alike in all rings around the highlight, ``H x W x 3``.

    As far as rings differ by more than sectors of one ring do. The lamp's light is white here, so a speck that is more
    colorful than its surroundings is none.

    Args:
        color: scene-linear, of the photograph without its lamp.
        flat: the photograph without its lamp.
        camera: of the photograph.
    """
    tone = np.log(np.maximum(color, np.float32(1e-3)))
    brightness = tone.mean(axis=2)
    chroma = tone - brightness[..., np.newaxis]
    deviation = max(_LEAST_AROUND, _AROUND * max(brightness.shape))
    weight = flat.known.astype(np.float32)[..., np.newaxis]
    around = blurred(brightness[..., np.newaxis] * weight, deviation) / (blurred(weight, deviation) + np.float32(1e-3))
    over = np.asarray(brightness - around[..., 0], dtype=np.float32)
    glint = _over_least_ring(over, flat, camera)
    if not glint.any():
        return color
    weight = np.exp(-glint / _WHITE)[..., np.newaxis]
    usual = blurred(chroma * weight, deviation) / (blurred(weight, deviation) + np.float32(1e-3))
    more = np.abs(chroma).max(axis=2) - np.abs(usual).max(axis=2)
    glint *= (1 - more / _COLORFUL).clip(0, 1) * ~flat.other
    share = (1 - np.exp(-glint / _WHITENED))[..., np.newaxis]
    clean = np.exp(tone - glint[..., np.newaxis] + share * (usual - chroma))
    # Rings were as bright as each other with their glints.
    before, after = (trend_by_distance(each.mean(axis=2), flat.distance, flat.known) for each in (color, clean))
    gain = before / np.maximum(after, np.float32(1e-6))
    return np.asarray((clean * (gain / np.median(gain))[..., np.newaxis]).clip(0, 1), dtype=np.float32)


def _over_least_ring(over: Pixels, flat: Flattened, camera: Camera) -> Pixels:
    """By how much pixels stand out more than pixels of the same rank do in the ring where they do least, ``H x W``."""
    ring, sector = rings_of(flat.distance, camera, flat.known)
    middles, table = cell_quantiles(over, ring, sector, flat.known, flat.distance, _LEVELS)
    count = np.isfinite(table[..., 0]).sum(axis=1)
    seen = count >= 2
    excess = np.zeros_like(over)
    if seen.sum() < _LEAST_RINGS:
        return excess
    each = np.nanmean(table[seen], axis=1)
    chance = (np.nanvar(table[seen], axis=1) / count[seen, np.newaxis]).mean(axis=0)
    share = np.maximum(0, 1 - np.square(_CHANCE * chance / np.maximum(each.var(axis=0), 1e-9)))
    # One ring can be low by chance.
    neighbors = np.pad(each, ((1, 1), (0, 0)), mode="edge")
    least = ((neighbors[:-2] + neighbors[1:-1] + neighbors[2:]) / 3).min(axis=0)
    wanted = np.maximum.accumulate(each + share * np.minimum(least - each, 0), axis=1)
    place = np.interp(flat.distance, middles[seen], np.arange(len(each))).astype(np.float32)
    for number, (own, new) in enumerate(zip(each, wanted, strict=True)):
        part = (1 - np.abs(place - number)).clip(0, 1) * (over > own[0])
        there = part > 0
        excess[there] += part[there] * _excess(over[there], own, new)
    return excess


def _excess(values: Pixels, own: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """What takes values from one set of quantiles to a lower one; beyond the last, in the same proportion."""
    beyond = 1 - min(1.0, float(wanted[-1]) / max(float(own[-1]), 1e-6))
    lower = np.interp(values, own, (own - wanted) - (own[0] - wanted[0])) + beyond * np.maximum(values - own[-1], 0)
    return np.asarray(np.maximum(lower, 0), dtype=np.float64)
