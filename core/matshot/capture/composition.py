"""One surface out of what the lamp's fit, the flattened photograph and the network say.

What the whole photograph says (how bright, how rough, metal or not) comes from the lamp's fit, base color from the
photograph without its lamp, and only what varies from place to place from the network. What the network says of a
surface that is alike all over must not depend on where in the photograph it is: in the middle, where light comes from
the lens, nothing tells slopes, and at the border nothing tells gloss. So slopes get the same strength in all rings
around the highlight, and roughness has no trend over them.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from scipy.special import expit, logit

from ..color import Pixels, linear_from_srgb, srgb_from_linear
from ..jobs import Progress
from ..render import Camera
from ..surface import Surface
from ..synthesis.patches import refilled
from ..synthesis.planes import normals_of_slopes, slopes
from .fitting import Scale, expected_response
from .flattening import Flattened, ring_gain, rings_of
from .lamp import Lamp, Shading

#: Longer side at which holes are filled, and where the network's slopes are compared with the photograph.
_FILLED_SIDE, _COMPARED_SIDE = 640, 640
#: Longer side of the part around a hole from which it is filled, in longer sides of the hole.
_AROUND = 3.0
#: Range of roughness, and deviation of its logarithm of odds from place to place at most.
_SMOOTHEST, _ROUGHEST, _VARIED = 0.08, 0.95, 0.8
#: Part of the mean highlight's width that relief may account for.
_RELIEF_SHARE = 0.75
#: Deviations in pixels between which slopes are compared with the photograph's detail.
_FINE, _COARSE = 1.0, 12.0
#: Range in which slopes are strengthened, and slope beyond which the photograph does not respond evenly.
_WEAKEST, _STRONGEST, _STEEP = 0.7, 4.0, 1.5
#: Correlation of expected and seen detail below which nothing is learnt from it.
_LEAST_CORRELATION = 0.05


def filled(flat: Flattened, *, threads: int = 1, progress: Progress | None = None) -> Flattened:
    """The same with its hole filled by the texture around it.

    Args:
        flat: of a photograph.
        threads: that compare patches.
        progress: told now and then.

    Raises:
        Cancelled: when the listener says so.
    """
    if not flat.hole.any() or flat.hole.mean() > 0.6:
        return flat
    height, width = flat.hole.shape
    down, across = np.flatnonzero(flat.hole.any(axis=1)), np.flatnonzero(flat.hole.any(axis=0))
    margin = round(_AROUND * max(np.ptp(down), np.ptp(across), 16) / 2)
    rows = slice(max(0, down[0] - margin), min(height, down[-1] + margin + 1))
    columns = slice(max(0, across[0] - margin), min(width, across[-1] + margin + 1))
    planes = srgb_from_linear(flat.color[rows, columns])
    hole = flat.hole[rows, columns]
    # What the picture would be without texture is the first guess.
    known = ~hole
    planes[hole] = planes[known].mean(axis=0) if known.any() else planes.mean(axis=(0, 1))
    shrink = min(1.0, _FILLED_SIDE / max(hole.shape))
    if shrink < 1:
        size = (round(hole.shape[1] * shrink), round(hole.shape[0] * shrink))
        small = np.asarray(cv2.resize(planes, size, interpolation=cv2.INTER_AREA), np.float32)
        small_hole = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
        result = refilled(small, small_hole, threads=threads, progress=progress)
        result = np.asarray(cv2.resize(result, hole.shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)
    else:
        result = refilled(planes, hole, threads=threads, progress=progress)
    color = flat.color.copy()
    # A soft border: what is next to a hole is a little burnt, too.
    soft = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), max(1.0, max(height, width) / 600))
    share = np.where(hole, 1, np.clip(2 * soft, 0, 1))[..., np.newaxis]
    color[rows, columns] += (linear_from_srgb(result.clip(0, 1)) - color[rows, columns]) * share
    return replace(flat, color=color)


def as_lit_from_the_lens(flat: Flattened, lamp: Lamp, camera: Camera) -> Pixels:
    """The photograph as a flash at the lens would have taken it, without fall-off and tilt, ``H x W x 3``."""
    ideal = replace(lamp, position=camera.position, falloff=0.0, tilt=(0.0, 0.0), anisotropy=(0.0, 0.0))
    shading: Shading = ideal.shading(camera)
    return shading.light * (flat.color / np.asarray(lamp.base_color, np.float32))


def composed_surface(predicted: Surface, flat: Flattened, lamp: Lamp, camera: Camera) -> Surface:
    """The surface whose mean is the lamp's, whose base color the flattened photograph's, and that varies as predicted.

    Args:
        predicted: by the network.
        flat: its hole filled.
        lamp: see :func:`~matshot.capture.lamp.fitted_lamp`.
        camera: of the photograph.
    """
    steepness = slopes(predicted.normal)
    known = ~flat.hole
    ring, sector = rings_of(flat.distance, camera, known)
    magnitude = np.hypot(steepness[..., 0], steepness[..., 1])
    gain = ring_gain(magnitude, ring, sector, known, flat.distance)
    steepness = steepness * gain[..., np.newaxis]
    steepness *= np.float32(slope_strength(steepness, flat, lamp, camera))
    return Surface.of(
        flat.color,
        normals_of_slopes(steepness.astype(np.float32)),
        _roughness(predicted.roughness, steepness, flat, lamp, camera),
        lamp.metallic,
    )


def slope_strength(steepness: Pixels, flat: Flattened, lamp: Lamp, camera: Camera) -> float:
    """By how much the photograph's detail is stronger than that of a surface with these slopes would be.

    Least squares of the logarithm of brightness against the slopes' component towards the lamp times how a level
    surface responds to it, over bands of detail and where light is slanted.
    """
    shrink = min(1.0, _COMPARED_SIDE / max(camera.width, camera.height))
    size = (round(camera.width * shrink), round(camera.height * shrink))
    eye = Camera(*size, camera.fov)
    small, distance = (
        np.asarray(cv2.resize(planes, size, interpolation=cv2.INTER_AREA), np.float32)
        for planes in (steepness, flat.distance)
    )
    known = cv2.resize(flat.hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) == 0
    tone = np.log(np.maximum(flat.color, 1e-4)).mean(axis=2)
    seen = _detail(np.asarray(cv2.resize(tone, size, interpolation=cv2.INTER_AREA), np.float32))
    scale = Scale(1.0, lamp.metallic, np.asarray(lamp.base_color, np.float32), lamp.roughness)
    response = expected_response(scale, eye, lamp.light)
    expected = _detail(response.along_x * small[..., 0] + response.along_y * small[..., 1])
    slanted = known & (distance > np.quantile(distance, 0.4))
    a, b = expected[slanted].astype(np.float64), seen[slanted].astype(np.float64)
    if a.size < 100 or a.std() < 1e-6 or b.std() < 1e-6:
        return 1.0
    correlation = float(np.corrcoef(a, b)[0, 1])
    if correlation < _LEAST_CORRELATION:
        return 1.0
    return float(np.clip((a @ b) / (a @ a), _WEAKEST, _STRONGEST))


def _detail(plane: Pixels) -> Pixels:
    fine = cv2.GaussianBlur(plane, (0, 0), _FINE)
    return np.asarray(fine - cv2.GaussianBlur(plane, (0, 0), _COARSE), np.float32)


def _roughness(predicted: Pixels, steepness: Pixels, flat: Flattened, lamp: Lamp, camera: Camera) -> Pixels:
    """Roughness whose mean, with what relief adds to it, is that of the mean highlight, and that has no trend."""
    width = lamp.roughness**4
    # Slopes widen a highlight: alpha^2 of microfacets is twice the variance of their slopes along an axis.
    relief = float(np.minimum(np.square(steepness), 1).mean())
    own = (max(width - 2 * relief, (1 - _RELIEF_SHARE) * width)) ** 0.25
    odds = logit(predicted[..., 0].clip(0.02, 0.98).astype(np.float64)).astype(np.float32)
    known = ~flat.hole
    ring, _ = rings_of(flat.distance, camera, known)
    means = np.array(
        [
            odds[(ring == number) & known].mean() if ((ring == number) & known).any() else np.nan
            for number in range(int(ring.max()) + 1)
        ]
    )
    places = np.array(
        [
            flat.distance[ring == number].mean() if (ring == number).any() else np.nan
            for number in range(int(ring.max()) + 1)
        ]
    )
    seen = np.isfinite(means)
    trend = np.interp(flat.distance, places[seen], means[seen]).astype(np.float32)
    varied = odds - trend
    varied = _VARIED * np.tanh(varied / _VARIED)
    level = logit(np.clip(own, _SMOOTHEST, _ROUGHEST))
    return expit(varied + level).clip(_SMOOTHEST, _ROUGHEST).astype(np.float32)[..., np.newaxis]
