"""An artist's sliders on a captured surface."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from ..errors import MatshotError
from ..image.color import Pixels
from ..image.normals import renormalised
from ..shading.surface import Surface

Metal = Literal["auto", "on", "off"]

#: Factor on the odds of roughness at the slider's ends: 0.5 becomes 0.89 or 0.11.
_ODDS = 8.0
#: How far from 0 and 1 roughness moves at the slider's ends, where there are no odds to change.
_ENDS = 0.02
#: Strongest normals and height.
STRONGEST = 4.0
#: Reflectance at normal incidence of a dielectric whose specular is 1.
_SPECULAR = 0.08


def adjusted(
    surface: Surface, *, roughness: float = 0.0, normal_strength: float = 1.0, metal: Metal = "auto"
) -> Surface:
    """A surface with the sliders set; at their defaults it is the same.

    The strength of the height is not here, since a surface has none: it belongs to
    :func:`~matshot.capture.relief.height_and_occlusion`, to which the unadjusted normals go, so that shading and
    displacement are set apart.

    Args:
        surface: as captured.
        roughness: [-1, 1], 0 leaves it. Multiplies the odds ``r / (1 - r)`` of perceptual roughness by ``8 ** slider``:
            values keep their order and are not clipped, gloss changes as roughness does under the opposite slider,
            which also undoes it. Only the outermost 2 % at most are made one, since 0 and 1 could not move else.
        normal_strength: [0, 4], factor on the slopes; 0 is flat.
        metal: ``on`` and ``off`` make all of it a metal or none, ``auto`` leaves it. The colour keeps what returns
            from normal incidence, diffuse and specular together: a dielectric's own reflectance is added to the base
            color of what becomes a metal, and taken off that of what ceases to be one.

    Raises:
        MatshotError: for a slider that is out of its range.
    """
    _require("roughness", roughness, -1, 1)
    _require("strength of the normals", normal_strength, 0, STRONGEST)
    if metal not in ("auto", "on", "off"):
        raise MatshotError(f"Metal is auto, on or off, not {metal!r}.")
    result = surface
    if roughness != 0:
        result = replace(result, roughness=_with_odds(result.roughness, roughness))
    if normal_strength != 1:
        factors = np.array([normal_strength, normal_strength, 1], dtype=np.float32)
        result = replace(result, normal=renormalised(result.normal * factors))
    if metal != "auto":
        result = _as_metal(result) if metal == "on" else _as_dielectric(result)
    return result


def _require(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise MatshotError(f"The {name} is between {least:g} and {most:g}, not {value:g}.")


def _with_odds(roughness: Pixels, slider: float) -> Pixels:
    away = _ENDS * abs(slider)
    inside = roughness.clip(away, 1 - away)
    return np.asarray(inside / (inside + (1 - inside) * _ODDS**-slider), dtype=np.float32)


def _as_metal(surface: Surface) -> Surface:
    returned = surface.base_color + _SPECULAR * surface.specular * (1 - surface.metallic)
    # What was above 1 was so before.
    color = np.minimum(returned, np.maximum(surface.base_color, 1))
    return replace(surface, base_color=color, metallic=np.ones_like(surface.metallic))


def _as_dielectric(surface: Surface) -> Surface:
    left = surface.base_color - _SPECULAR * surface.specular * surface.metallic
    return replace(surface, base_color=np.maximum(left, 0), metallic=np.zeros_like(surface.metallic))
