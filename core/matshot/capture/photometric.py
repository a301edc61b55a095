"""What a flash photograph says for certain about maps that a network guessed.

Two things follow from the photograph by arithmetic once the rest is known: how wide the highlight is, since a surface
that is alike all over would be evenly bright without it, and what base color makes the lit maps equal to the
photograph.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels
from ..image.normals import renormalised
from ..shading.render import Camera, flash, render
from ..shading.surface import Surface

Mask = NDArray[np.bool_]

#: Longer side at which the highlight's profile is looked at.
_PROFILE_SIDE = 160
#: Rings around the middle: outer radii in longer sides. Few pixels lie in the middle, and the highlight is steep there.
_RINGS = np.array([0, 0.03, 0.06, 0.09, 0.12, 0.16, 0.2, 0.25, 0.3, 0.36, 0.42, 0.5, 0.6, 0.71])
#: Part of a ring that must be usable, and least number of its pixels.
_RING_SHARE, _RING_PIXELS = 0.6, 10
#: Relative deviation of a ring's brightness that the texture itself accounts for.
_RING_NOISE = 0.06
#: Shifts of the odds of roughness that are tried, as logarithms, and their deviation from none.
_SHIFTS, _SHIFT_DEVIATION = np.arange(-2.5, 4.01, 0.25), 0.8
#: Roughness of materials: mean and deviation; and where one is doubtfully smooth, from quite to not at all.
_USUAL, _USUAL_DEVIATION = 0.52, 0.22
_DOUBTFUL = (0.15, 0.35)
#: Share of a rise in roughness that is made of a surface that is not doubtfully smooth.
_RISE = 0.25
#: The same of the flash's intensity, by which the highlight stands out of the diffuse light.
_INTENSITIES, _INTENSITY_DEVIATION = np.linspace(-1.8, 1.8, 25), 0.5
#: Least light for each unit of base color that it is solved from, and the range of what is found.
_LEAST_DIFFUSE = 1e-4
#: Deviation of a trend of base color, in logarithms, that textures have by chance; pixels that it is learnt from.
_CHANCE_TREND, _TREND_PIXELS = 0.1, 4000
_DARKEST, _BRIGHTEST = 0.001, 1.5


@dataclass(frozen=True)
class Explained:
    """Maps that explain a photograph.

    Attributes:
        surface: the maps.
        exposure: intensity of the flash with which they look like the photograph.
    """

    surface: Surface
    exposure: float


def explained(surface: Surface, camera: Camera, photograph: Pixels, usable: Mask) -> Explained:
    """Maps whose highlight is as narrow as the photograph's and whose lit base color is the photograph.

    Args:
        surface: as guessed, of the photograph's size.
        camera: of the photograph.
        photograph: ``H x W x 3``, its flash light, scene-linear.
        usable: ``H x W``, where it can be trusted; elsewhere the guess stays.
    """
    found = with_highlights_width(surface, camera, photograph, usable)
    found = with_explained_color(found, camera, photograph, usable).surface
    found = with_even_color(found, camera, usable)
    return Explained(found, fitted_exposure(found, camera, photograph, usable))


def with_even_color(surface: Surface, camera: Camera, usable: Mask) -> Surface:
    """Maps whose base color is not brighter or darker in the middle of the photograph than towards its edges.

    No real flash is quite at the lens and quite as bright in all directions, and what it is not ends up in the base
    color. A surface that is alike all over has no such trend: a polynomial in the distance to the middle, of the
    logarithm of brightness, is taken off as far as it is stronger than what textures have by chance.

    Args:
        surface: of the photograph's size.
        camera: of it.
        usable: ``H x W``, where base color is known.
    """
    x, y = camera.axes()
    squared = np.square(x)[np.newaxis] + np.square(y)[:, np.newaxis]
    basis = np.stack([np.ones_like(squared), squared, np.square(squared)], axis=2)
    brightness = np.log(np.maximum(surface.base_color.mean(axis=2), np.float32(_DARKEST)))
    if usable.sum() < _TREND_PIXELS:
        return surface
    step = max(1, int(usable.sum()) // _TREND_PIXELS)
    coefficients = np.linalg.lstsq(basis[usable][::step], brightness[usable][::step], rcond=None)[0]
    trend = basis[..., 1:] @ coefficients[1:]
    trend -= trend[usable].mean()
    strength = float(trend[usable].std())
    share = max(0.0, 1 - (_CHANCE_TREND / max(strength, 1e-9)) ** 2)
    evened = surface.base_color * np.exp(-share * trend)[..., np.newaxis].astype(np.float32)
    return replace(surface, base_color=np.minimum(evened, np.float32(1)))


def fitted_exposure(surface: Surface, camera: Camera, photograph: Pixels, usable: Mask) -> float:
    """The flash's intensity with which the lit maps come closest to the photograph, in least squares."""
    lit = render(surface, camera, [flash(camera)])[usable]
    return float((lit * photograph[usable]).sum() / max(float(np.square(lit).sum()), 1e-12))


def with_explained_color(surface: Surface, camera: Camera, photograph: Pixels, usable: Mask) -> Explained:
    """Maps whose base color makes them, lit by the flash, equal to the photograph.

    The light that GGX reflects is linear in base color, of a metal as of a dielectric: two renderings tell it. Which
    part is base color and which is exposure cannot be told; the mean of the guess decides.

    Args:
        surface: as guessed.
        camera: of the photograph.
        photograph: ``H x W x 3``, its flash light, scene-linear.
        usable: ``H x W``, where it can be trusted; elsewhere the guess stays.
    """
    exposure = fitted_exposure(surface, camera, photograph, usable)
    highlight, by_color = _linear_in_color(surface, camera)
    color = (photograph / np.float32(exposure) - highlight) / np.maximum(by_color, np.float32(_LEAST_DIFFUSE))
    color = color.clip(_DARKEST, _BRIGHTEST)
    guess = np.maximum(surface.base_color, np.float32(_DARKEST))
    scale = float(guess[usable].sum() / max(float(color[usable].sum()), 1e-12))
    color = np.where(usable[..., np.newaxis], color * np.float32(scale), guess)
    result = replace(surface, base_color=np.minimum(color, np.float32(1)))
    return Explained(result, fitted_exposure(result, camera, photograph, usable))


def _linear_in_color(surface: Surface, camera: Camera) -> tuple[Pixels, Pixels]:
    """Radiance of a black base color under the flash, and how much a white one adds to it."""
    lights = [flash(camera)]
    black = render(replace(surface, base_color=np.zeros_like(surface.base_color)), camera, lights)
    grey = render(replace(surface, base_color=np.full_like(surface.base_color, 0.5)), camera, lights)
    return black, (grey - black) * 2


def with_highlights_width(surface: Surface, camera: Camera, photograph: Pixels, usable: Mask) -> Surface:
    """Maps whose roughness agrees with the width of the photograph's highlight.

    In rings around the middle the photograph's brightness, divided by how a matte surface would be lit, is a
    constant plus the highlight's profile. All roughnesses are shifted together, by the logarithm of their odds, to
    the mean of the shifts weighted with their likelihood. They are lowered as far as that says and raised by a part
    of it: bumps that the normals do not show widen a highlight, so that a wide one says little, but nothing narrows
    it.

    Args:
        surface: as guessed.
        camera: of the photograph.
        photograph: ``H x W x 3``, its flash light, scene-linear.
        usable: ``H x W``, where it can be trusted.
    """
    small, eye, seen, trusted = _made_small(surface, camera, photograph, usable)
    x, y = eye.axes()
    radius = np.hypot(x[np.newaxis], y[:, np.newaxis])
    rings = [(radius >= inner) & (radius < outer) for inner, outer in pairwise(_RINGS)]
    rings = [ring & trusted for ring in rings if (ring & trusted).sum() >= max(_RING_PIXELS, _RING_SHARE * ring.sum())]
    if len(rings) < 4:
        return surface
    start = fitted_exposure(small, eye, seen, trusted)
    matte = _linear_in_color(small, eye)[1].mean(axis=2)
    brightness = seen.mean(axis=2)

    def profile(picture: Pixels) -> NDArray[np.float64]:
        return np.array([picture[ring].mean() / max(float(matte[ring].mean()), 1e-9) for ring in rings])

    wanted = profile(brightness)
    weight = 1 / np.square(_RING_NOISE * np.maximum(wanted, 1e-9))
    intensity = start * np.exp(_INTENSITIES)[:, np.newaxis]
    doubts = []
    unusual = []
    for shift in _SHIFTS:
        shifted = _shifted(small, shift)
        unusual.append((float(shifted.roughness.mean()) - _USUAL) / _USUAL_DEVIATION)
        black = replace(shifted, base_color=np.zeros_like(small.base_color))
        rest = wanted - intensity * profile(render(black, eye, [flash(eye)]).mean(axis=2))
        level = np.maximum((rest * weight).sum(axis=1) / weight.sum(), 0.02 * intensity[:, 0])
        doubt = (np.square(rest - level[:, np.newaxis]) * weight).sum(axis=1)
        doubts.append(doubt)
    # Where nothing fits well, the light was not quite what it is taken for, and fitting a little better means little.
    surprise = max(1.0, float(np.min(doubts)) / len(rings))
    doubt = np.array(doubts) / surprise + np.square(_INTENSITIES / _INTENSITY_DEVIATION)
    total = doubt.min(axis=1) + np.square(_SHIFTS / _SHIFT_DEVIATION) + np.square(unusual)
    likelihood = np.exp((total.min() - total) / 2)
    shift = float((_SHIFTS * likelihood).sum() / likelihood.sum())
    if shift > 0:
        shift *= float(np.interp(small.roughness.mean(), _DOUBTFUL, (1, _RISE)))
    return _shifted(surface, shift)


def _shifted(surface: Surface, shift: float) -> Surface:
    inside = surface.roughness.clip(0.02, 0.98)
    odds = inside / (1 - inside) * np.float32(np.exp(shift))
    return replace(surface, roughness=odds / (1 + odds))


def _made_small(
    surface: Surface, camera: Camera, photograph: Pixels, usable: Mask
) -> tuple[Surface, Camera, Pixels, Mask]:
    shrink = min(1.0, _PROFILE_SIDE / max(camera.width, camera.height))
    width, height = max(8, round(camera.width * shrink)), max(8, round(camera.height * shrink))

    def averaged(planes: Pixels) -> Pixels:
        small = cv2.resize(np.ascontiguousarray(planes), (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.float32).reshape(height, width, -1)

    maps = {field.name: averaged(getattr(surface, field.name)) for field in fields(surface)}
    maps["normal"] = renormalised(maps["normal"])
    trusted = averaged(usable.astype(np.float32))[..., 0] > 0.7
    return Surface(**maps), Camera(width, height, camera.fov), averaged(photograph), trusted
