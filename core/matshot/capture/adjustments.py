"""An artist's sliders: on a captured surface, and on a material at any time after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from matshot_host.tools import ADJUST

from ..image.color import Pixels, linear_from_srgb, srgb_from_linear
from ..image.normals import unit_normals
from ..image.types import Texture
from ..material.raw import maps_as_raw, raw_maps
from ..material.types import DIELECTRIC_REFLECTANCE, MapKind, Material, RawMaps, pack_orm
from ..options import ToolOptions
from ..progress import Listener, Progress
from ..shading.surface import DIELECTRIC, Surface
from .relief import Relief

Metal = Literal["auto", "on", "off"]

#: Factor on the odds of roughness at the slider's ends: 0.5 becomes 0.89 or 0.11.
_ODDS = 8.0
#: How far from 0 and 1 roughness moves at the slider's ends, where there are no odds to change.
_ENDS = 0.02
#: Maps that sliders write.
_CHANGED: tuple[MapKind, ...] = ("basecolor", "normal", "roughness", "gloss", "metallic", "height", "ao")
#: Maps that a packed one holds.
_PACKED: tuple[MapKind, ...] = ("ao", "roughness", "metallic")


@dataclass(frozen=True)
class AdjustOptions(ToolOptions):
    """Parameters of the tool; names, defaults and meaning are the same in every face.

    Attributes:
        roughness: shift of roughness, see :func:`adjusted`.
        normal: strength of the normals.
        height: strength of the height.
        metal: ``auto``, ``on`` or ``off``.
        width: meters that the width of the maps spans; 0 leaves what is known.
    """

    table: ClassVar = ADJUST

    roughness: float = 0.0
    normal: float = 1.0
    height: float = 1.0
    metal: Metal = "auto"
    width: float = 0.0

    @property
    def sliders(self) -> dict[str, float | str]:
        """Those that each run sets, by name."""
        return {"roughness": self.roughness, "normal": self.normal, "height": self.height, "metal": self.metal}


def adjusted(
    surface: Surface, *, roughness: float = 0.0, normal_strength: float = 1.0, metal: Metal = "auto"
) -> Surface:
    """A surface with the sliders set; at their defaults it is the same.

    The strength of the height is not here, since a surface has none: it belongs to
    :class:`~matshot.capture.relief.Relief`, which is that of the unadjusted normals, so that shading and displacement
    are set apart.

    Args:
        surface: as captured.
        roughness: [-1, 1], 0 leaves it. Multiplies the odds ``r / (1 - r)`` of perceptual roughness by ``8 ** slider``:
            values keep their order and are not clipped, gloss changes as roughness does under the opposite slider,
            which also undoes it. Only the outermost 2 % at most are made one, since 0 and 1 could not move else.
        normal_strength: [0, 4], factor on the slopes; 0 is flat.
        metal: ``on`` and ``off`` make all of it a metal or none, ``auto`` leaves it. The color keeps what returns
            from normal incidence, diffuse and specular together: a dielectric's own reflectance is added to the base
            color of what becomes a metal, and taken off that of what ceases to be one.

    Raises:
        MatshotError: for a slider that is out of its range.
    """
    ADJUST.check({"roughness": roughness, "normal": normal_strength, "metal": metal})
    result = surface
    if roughness != 0:
        result = replace(result, roughness=_with_odds(result.roughness, roughness))
    if normal_strength != 1:
        factors = np.array([normal_strength, normal_strength, 1], dtype=np.float32)
        result = replace(result, normal=unit_normals(result.normal * factors))
    if metal != "auto":
        result = _as_metal(result) if metal == "on" else _as_dielectric(result)
    return result


def adjusted_material(
    material: Material, options: AdjustOptions | None = None, *, progress: Listener | None = None
) -> Material:
    """A material with the sliders set again, from its raw maps: as the capture would have made it with these sliders.

    Sliders that are left out return to their defaults, so without options the material is as it was captured. A
    material without raw maps starts from its maps as they are, which become its raw ones.

    Args:
        material: of any maps; those that no slider concerns are left alone.
        options: see :class:`AdjustOptions`.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        The material, whose ``parameters`` hold the sliders, and ``notes`` of what could not be done.

    Raises:
        MatshotError: when the raw maps are damaged.
        Cancelled: when the listener says so.
    """
    chosen, part = options or AdjustOptions(), Progress(progress)
    part(0.0, "adjusting")
    raw, notes = raw_maps(material), []
    if raw is None:
        raw = maps_as_raw(material)
        notes.append(f"{material.name} has no raw maps: the sliders start from its maps as they are.")
    old = material.unpacked()
    # What a slider added is not among the raw maps, and goes with the slider.
    maps = {kind: old.maps[kind] for kind in old.maps if kind in raw.maps or kind not in _CHANGED}
    for kind, texture in adjusted_maps(raw, chosen, notes).items():
        source = old.maps[kind].source if kind in old.maps else None
        maps[kind] = replace(texture, source=source, wrap=material.wrap)
    size, scale = material.physical_size, material.height_scale
    if chosen.width:
        size = (chosen.width, chosen.width * material.height / material.width)
    parameters = {**material.parameters, **chosen.sliders, "notes": notes}
    if raw.height_scale is not None:
        widths = _relief(raw).strengthened(chosen.height).scale if "height" in raw.maps else raw.height_scale
        parameters["height_scale_in_widths"] = widths
        scale = widths * size[0] if size is not None else None
    ordered = [kind for kind in old.maps if kind in maps] + [kind for kind in maps if kind not in old.maps]
    result = old.with_maps({kind: maps[kind] for kind in ordered})
    if "orm" in material.maps:
        packed = [kind for kind in result.maps if kind in _PACKED]
        own = {kind: texture for kind, texture in result.maps.items() if kind not in packed}
        result = result.with_maps({**own, "orm": replace(pack_orm(result), source=material.maps["orm"].source)})
    part(1.0)
    return replace(result, physical_size=size, height_scale=scale, parameters=parameters, raw=raw)


def adjusted_maps(raw: RawMaps, sliders: AdjustOptions, notes: list[str]) -> dict[MapKind, Texture]:
    """Raw maps with the sliders set; those that no slider concerns are the same objects.

    Args:
        raw: complete, see :func:`~matshot.material.raw.raw_maps`.
        sliders: to set.
        notes: that a sentence is added to for what could not be done.
    """
    maps = dict(raw.maps)
    if not maps:
        return maps
    surface = _surface(raw, colored=sliders.metal != "auto")
    changed = adjusted(surface, roughness=sliders.roughness, normal_strength=sliders.normal, metal=sliders.metal)
    if changed.roughness is not surface.roughness:
        if "roughness" in maps:
            maps["roughness"] = _with_values(maps["roughness"], changed.roughness)
        if "gloss" in maps:
            maps["gloss"] = _with_values(maps["gloss"], 1 - changed.roughness)
    if changed.normal is not surface.normal and "normal" in maps:
        maps["normal"] = _with_values(maps["normal"], changed.normal)
    if changed.metallic is not surface.metallic:
        if "metallic" in maps or sliders.metal == "on":
            like = maps.get("metallic") or Texture(changed.metallic, "data")
            maps["metallic"] = _with_values(like, changed.metallic)
        if "basecolor" in maps:
            color = maps["basecolor"]
            pixels = srgb_from_linear(changed.base_color) if color.encoding == "srgb" else changed.base_color
            maps["basecolor"] = _with_values(color, pixels)
    if sliders.height != 1 and "height" in maps:
        _strengthen_relief(maps, raw, sliders.height, notes)
    return maps


def _strengthen_relief(maps: dict[MapKind, Texture], raw: RawMaps, strength: float, notes: list[str]) -> None:
    height = maps["height"]
    if raw.height_scale is None:
        maps["height"] = _with_values(height, 0.5 + (height.color[..., :1] - 0.5) * np.float32(strength))
        notes.append("The scale of the height is unknown, so the contrast of the height map was changed instead.")
        return
    relief = _relief(raw).strengthened(strength)
    if relief.height is not height.pixels:
        maps["height"] = _with_values(height, relief.height)
    if "ao" in maps:
        maps["ao"] = _with_values(maps["ao"], relief.occlusion(height.wrap))


def _relief(raw: RawMaps) -> Relief:
    assert raw.height_scale is not None
    return Relief(raw.maps["height"].color[..., :1], raw.height_scale)


def _surface(raw: RawMaps, *, colored: bool) -> Surface:
    """The reflectance that raw maps describe; what there is no map for is as a shader would take it.

    Args:
        raw: complete.
        colored: whether the base color is needed, whose decoding takes the most time; else it is black.
    """
    maps: Mapping[MapKind, Texture] = raw.maps
    like = next(iter(maps.values())).pixels

    def values(kind: MapKind, default: float) -> Pixels | float:
        return maps[kind].color[..., :1] if kind in maps else default

    color = np.zeros((*like.shape[:2], 3), dtype=np.float32)
    if colored and "basecolor" in maps:
        stored = maps["basecolor"].color
        light = linear_from_srgb(stored) if maps["basecolor"].encoding == "srgb" else stored
        color = np.broadcast_to(light, color.shape)
    roughness = 1 - maps["gloss"].color[..., :1] if "gloss" in maps else values("roughness", 0.6)
    return Surface.of(
        color,
        maps["normal"].pixels[..., :3] if "normal" in maps else None,
        values("roughness", 0.6) if "roughness" in maps else roughness,
        values("metallic", 0.0),
        values("specular", DIELECTRIC),
    )


def _with_values(texture: Texture, values: Pixels) -> Texture:
    """A texture with other values in its color channels; what it has beyond them stays."""
    stored = texture.pixels if texture.encoding == "normal" else texture.color
    if values.shape[2] > stored.shape[2]:
        values = values.mean(axis=2, keepdims=True)
    beyond = texture.pixels[..., 3:] if texture.encoding == "normal" else texture.alpha
    parts = [values] if beyond is None or not beyond.shape[2] else [values, beyond]
    return texture.with_pixels(np.ascontiguousarray(np.concatenate(parts, axis=2), dtype=np.float32))


def _with_odds(roughness: Pixels, slider: float) -> Pixels:
    away = _ENDS * abs(slider)
    inside = roughness.clip(away, 1 - away)
    return np.asarray(inside / (inside + (1 - inside) * _ODDS**-slider), dtype=np.float32)


def _as_metal(surface: Surface) -> Surface:
    returned = surface.base_color + DIELECTRIC_REFLECTANCE * surface.specular * (1 - surface.metallic)
    # What was above 1 was so before.
    color = np.minimum(returned, np.maximum(surface.base_color, 1))
    return replace(surface, base_color=color, metallic=np.ones_like(surface.metallic))


def _as_dielectric(surface: Surface) -> Surface:
    left = surface.base_color - DIELECTRIC_REFLECTANCE * surface.specular * surface.metallic
    return replace(surface, base_color=np.maximum(left, 0), metallic=np.zeros_like(surface.metallic))
