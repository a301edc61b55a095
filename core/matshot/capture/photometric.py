"""What a flash photograph says for certain about maps that a network guessed.

Once the rest is known it follows by arithmetic what base color makes the lit maps equal to the photograph, and how
strong the flash was.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..image.color import Mask, Pixels
from ..shading.render import Camera, PointLight, flash, render
from ..shading.surface import Surface

#: Least light for each unit of base color that it is solved from, and the range of what is found.
_LEAST_DIFFUSE = 1e-4
#: Deviation of a trend of base color, in logarithms, that textures have by chance; pixels that it is learnt from.
_CHANCE_TREND = 0.1
_TREND_PIXELS = 4000
_DARKEST = 0.001
_BRIGHTEST = 1.5


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


def fitted_exposure(
    surface: Surface, camera: Camera, photograph: Pixels, usable: Mask, lamp: PointLight | None = None
) -> float:
    """The intensity of a lamp, or of a flash at the lens, with which the lit maps come closest to the photograph."""
    lit = render(surface, camera, [lamp or flash(camera)])[usable]
    return float((lit * photograph[usable]).sum() / max(float(np.square(lit).sum()), 1e-12))


def with_explained_color(
    surface: Surface, camera: Camera, photograph: Pixels, usable: Mask, lamp: PointLight | None = None
) -> Surface:
    """Maps whose base color makes them, lit by the flash, equal to the photograph.

    The light that GGX reflects is linear in base color, of a metal as of a dielectric: two renderings tell it. Which
    part is base color and which is exposure cannot be told; the mean of the guess decides.

    Args:
        surface: as guessed.
        camera: of the photograph.
        photograph: ``H x W x 3``, its flash light, scene-linear.
        usable: ``H x W``, where it can be trusted; elsewhere the guess stays.
        lamp: the flash; without one, a flash at the lens.
    """
    exposure = fitted_exposure(surface, camera, photograph, usable, lamp)
    highlight, by_color = _linear_in_color(surface, camera, lamp)
    color = (photograph / np.float32(exposure) - highlight) / np.maximum(by_color, np.float32(_LEAST_DIFFUSE))
    color = color.clip(_DARKEST, _BRIGHTEST)
    guess = np.maximum(surface.base_color, np.float32(_DARKEST))
    scale = float(guess[usable].sum() / max(float(color[usable].sum()), 1e-12))
    color = np.where(usable[..., np.newaxis], color * np.float32(scale), guess)
    return replace(surface, base_color=np.minimum(color, np.float32(1)))


def _linear_in_color(surface: Surface, camera: Camera, lamp: PointLight | None = None) -> tuple[Pixels, Pixels]:
    """Radiance of a black base color under the flash, and how much a white one adds to it."""
    lights = [lamp or flash(camera)]
    black = render(replace(surface, base_color=np.zeros_like(surface.base_color)), camera, lights)
    gray = render(replace(surface, base_color=np.full_like(surface.base_color, 0.5)), camera, lights)
    return black, (gray - black) * 2
