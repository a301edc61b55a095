"""The relief that normals tell of: a height map and the ambient light that reaches into it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage

from ..errors import MatshotError
from ..image.color import Pixels
from ..image.normals import height_from_normal
from ..image.types import Wrap

#: Relief below this, in pixels, is rounding: the map is flat.
_FLAT = 1e-3
#: Directions in which horizons are sought.
_DIRECTIONS = 16
#: How far, in parts of the longer side, and by what factor each distance is larger than the one before.
_REACH = 1 / 16
_STRIDE = 1.25


@dataclass(frozen=True)
class Relief:
    """Height of one surface.

    Attributes:
        height: ``H x W x 1``, all of [0, 1]; 0.5 everywhere if the surface is flat.
        scale: what one unit of height stands for, in widths of the map; more than 0.
    """

    height: Pixels
    scale: float

    def strengthened(self, strength: float) -> Relief:
        """The relief of a surface whose height is multiplied by a factor from 0 on; 0 is flat."""
        if strength == 1:
            return self
        scale = self.scale * strength
        if scale * self.height.shape[1] > _FLAT:
            return Relief(self.height, scale)
        return Relief(np.full_like(self.height, 0.5), _FLAT / self.height.shape[1])

    def occlusion(self, wrap: Wrap) -> Pixels:
        """Ambient occlusion ``H x W x 1``, see :func:`occlusion`."""
        return occlusion(self.height[..., 0] * np.float32(self.scale * self.height.shape[1]), wrap)


def relief_of_normals(normal: Pixels, wrap: Wrap, *, drift: float = 0.0) -> Relief:
    """Height of the surface that has these normals.

    Height is :func:`~matshot.image.normals.height_from_normal`. Small errors of slopes on one side add up, so
    that a photographed plane comes out as a hill: ``drift`` takes off what is larger than a radius.

    Args:
        normal: ``H x W x 3`` unit vectors, +X right, +Y up.
        wrap: axes on which they repeat.
        drift: deviation of the Gaussian whose mean is subtracted from the height, in longer sides of the map, with the
            mean slope of axes that do not repeat; 1/16 suits photographs. 0 keeps all.

    Raises:
        MatshotError: for less than 3 components, or a drift that is out of range.
    """
    if not 0 <= drift <= 1:
        raise MatshotError(f"The drift of the height is a part of the longer side between 0 and 1, not {drift:g}.")
    surface = height_from_normal(normal, wrap)[..., 0]
    if drift > 0:
        surface = _without_drift(surface, wrap, drift * max(surface.shape))
    lowest, highest = float(surface.min()), float(surface.max())
    scale = max(highest - lowest, _FLAT)
    height = (
        0.5 + (surface - (lowest + highest) / 2) / scale if highest - lowest > _FLAT else np.full_like(surface, 0.5)
    )
    return Relief(height.clip(0, 1).astype(np.float32)[..., np.newaxis], scale / surface.shape[1])


def occlusion(surface: Pixels, wrap: Wrap) -> Pixels:
    """Part of an even sky's light that reaches each point, as it falls on a level surface; nothing is reflected.

    In directions all around, the horizon's elevation h is the steepest way up to any of a few points, at distances
    that grow up to a sixteenth of the longer side: horizon-based ambient occlusion, Bavoil, Sainz and Dimitrov 2008,
    "Image-Space Horizon-Based Ambient Occlusion". From the zenith down to it, a direction's light weighted with its
    cosine is ``integral of 2 sin t cos t dt = cos^2 h``, of which the mean is taken (Timonen 2013, "Line-Sweep Ambient
    Obscurance", has the same of a tilted surface; but renderers multiply by the cosine of the normal map themselves).

    Args:
        surface: ``H x W`` height in pixels.
        wrap: axes on which it repeats; others continue as in a mirror.

    Returns:
        ``H x W x 1``, (0, 1].
    """
    rows, columns = surface.shape
    reach = max(1, round(_REACH * max(rows, columns)))
    margin = reach + 1
    around = surface
    for axis, letter in enumerate("yx"):
        margins = [(margin, margin) if axis == padded else (0, 0) for padded in (0, 1)]
        around = np.pad(around, margins, mode="wrap" if letter in wrap else "symmetric")

    def moved(down: int, right: int) -> Pixels:
        return around[margin + down : margin + down + rows, margin + right : margin + right + columns]

    light, slope, way, part = (np.zeros_like(surface) for _ in range(4))
    for azimuth in 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS:
        slope[:] = 0
        for distance, places in _samples(reach, azimuth):
            np.multiply(surface, -1 / distance, out=way)
            for down, right, weight in places:
                np.multiply(moved(down, right), weight / distance, out=part)
                np.add(way, part, out=way)
            np.maximum(slope, way, out=slope)
        light += 1 / (1 + np.square(slope))
    return np.asarray(light / _DIRECTIONS, dtype=np.float32)[..., np.newaxis]


def _samples(reach: int, azimuth: float) -> list[tuple[float, list[tuple[int, int, float]]]]:
    """Points along an azimuth, counter-clockwise from +X, as distances and the pixels on whose line each lies.

    A point lies on a whole column, or row where the way is steeper, between two pixels, which are given as rows down,
    columns right and weight. Taking the nearest instead would make the highest of a few points too high.
    """
    right, down = math.cos(azimuth), -math.sin(azimuth)
    longer = max(abs(right), abs(down))
    distances = np.append(_STRIDE ** np.arange(np.log(reach) / np.log(_STRIDE)), reach)
    samples = []
    for count in np.unique(np.maximum(1, np.floor(distances * longer))):
        distance = float(count) / longer
        first_down, first_right = math.floor(distance * down + 1e-6), math.floor(distance * right + 1e-6)
        beyond_down, beyond_right = distance * down - first_down, distance * right - first_right
        places = [
            (first_down + step_down, first_right + step_right, weight)
            for step_down, share_down in ((0, 1 - beyond_down), (1, beyond_down))
            for step_right, share_right in ((0, 1 - beyond_right), (1, beyond_right))
            if (weight := share_down * share_right) > 1e-6
        ]
        samples.append((distance, places))
    return samples


def _without_drift(surface: Pixels, wrap: Wrap, deviation: float) -> Pixels:
    """A surface less its Gaussian mean; axes that do not repeat lose their climb and continue as in a mirror."""
    level: Pixels = surface
    for axis, letter in enumerate("yx"):
        if letter not in wrap:
            place = np.arange(surface.shape[axis]) - (surface.shape[axis] - 1) / 2
            climb = np.tensordot(place, level.mean(axis=1 - axis), 1) / max(np.square(place).sum(), 1)
            level = (level - climb * place.reshape((-1, 1) if axis == 0 else (1, -1))).astype(np.float32)
    unrolled = level
    for axis, letter in enumerate("yx"):
        if letter not in wrap:
            unrolled = np.concatenate([unrolled, np.flip(unrolled, axis)], axis=axis)
    spectrum = scipy.ndimage.fourier_gaussian(scipy.fft.rfft2(unrolled), deviation, n=unrolled.shape[1])
    mean = scipy.fft.irfft2(spectrum, s=unrolled.shape)
    return np.asarray(level - mean[: surface.shape[0], : surface.shape[1]], dtype=np.float32)
