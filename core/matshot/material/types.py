"""Materials in memory: named maps that describe one surface, pixel for pixel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from matshot_host.description import DESCRIPTION as DESCRIPTION
from matshot_host.graph import ROUGHNESS

from ..errors import MatshotError, unknown_choice
from ..image.types import Convention, Encoding, Texture, Wrap, tiling

#: Every kind of map.
MapKind = Literal[
    "basecolor",
    "normal",
    "roughness",
    "metallic",
    "height",
    "ao",
    "specular",
    "anisotropy",
    "anisotropy_angle",
    "opacity",
    "emission",
    "gloss",
    "orm",
]

MAP_KINDS: tuple[str, ...] = get_args(MapKind)

#: Maps of color.
_COLORS = ("basecolor", "emission")

#: Maps of one number per pixel. A specular map may be a color and is not among them.
SCALARS = ("roughness", "metallic", "height", "ao", "anisotropy", "anisotropy_angle", "opacity", "gloss")

#: Reflectance at normal incidence of a dielectric whose specular is 1.
DIELECTRIC_REFLECTANCE = 0.08

#: Channels of a packed map, and their values without a map: no occlusion, medium roughness, no metal.
_PACKED: tuple[tuple[MapKind, float], ...] = (("ao", 1.0), ("roughness", 0.5), ("metallic", 0.0))


@dataclass(frozen=True, eq=False)
class RawMaps:
    """Maps as they were before any slider, from which :func:`~matshot.capture.adjustments.adjusted_material` starts.

    Attributes:
        kinds: maps that the raw material has among those that sliders change.
        maps: those of them in memory.
        file: that holds those that are neither in memory nor the same as in the material; None for none.
        height_scale: what one unit of the raw height stands for, in widths of the map, if known.
    """

    kinds: tuple[MapKind, ...]
    maps: Mapping[MapKind, Texture] = field(default_factory=dict)
    file: Path | None = None
    height_scale: float | None = None


@dataclass(frozen=True, eq=False)
class Material:
    """Maps of one surface: same size, same wrap, each pixel the same spot.

    Attributes:
        maps: by kind. ``basecolor`` and ``emission`` are colors (``srgb`` or ``linear``), ``normal`` holds unit
            vectors (+X right, +Y up), the others are ``data``; roughness is perceptual. ``orm`` is ambient occlusion,
            roughness and metallic in R, G and B; ``gloss`` is what older workflows have instead of roughness and
            is kept as it is.
        name: of the material.
        physical_size: meters that width and height of the maps span, if known.
        height_scale: meters that one unit of the height map stands for, if known.
        origin: where it came from (a file, a web page, a tool).
        parameters: everything about how it was made, as JSON can hold it.
        raw: what the sliders of ``adjust`` start from; None for the maps themselves. Other maps drop it.

    Raises:
        MatshotError: unknown kind, wrong encoding or channels, sizes or wraps that differ, no map at all.
        TypeError: for maps that are not textures.

    Example:
        >>> from matshot import Material
        >>> from matshot.shading.procedural import brick_wall
        >>> wall = brick_wall(64)
        >>> bricks = Material({"basecolor": wall["basecolor"], "normal": wall["normal_gl"]}, name="bricks")
        >>> bricks
        <Material bricks, 64 x 64, tiles on x and y: basecolor, normal>
    """

    maps: Mapping[MapKind, Texture]
    name: str = "material"
    physical_size: tuple[float, float] | None = None
    height_scale: float | None = None
    origin: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    raw: RawMaps | None = None

    def __post_init__(self) -> None:
        """Check that the maps belong together."""
        if not isinstance(self.maps, Mapping):
            raise TypeError(f"Material takes a dictionary of maps, got a {type(self.maps).__name__}.")
        if not self.maps:
            raise MatshotError(f"The material {self.name} has no maps.")
        for kind, texture in self.maps.items():
            if not isinstance(texture, Texture):
                raise TypeError(f"The {kind} map must be a Texture, got {type(texture).__name__}.")
            _check_map(self.name, kind, texture)
        sizes = {kind: f"{texture.width} x {texture.height}" for kind, texture in self.maps.items()}
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{kind} {size}" for kind, size in sizes.items())
            raise MatshotError(f"The maps of {self.name} differ in size: {listed}.")
        if len({texture.wrap for texture in self.maps.values()}) > 1:
            listed = ", ".join(f"{kind} {texture.wrap}" for kind, texture in self.maps.items())
            raise MatshotError(f"The maps of {self.name} wrap on different axes: {listed}.")

    def __repr__(self) -> str:
        """What it is, without its pixels."""
        size = f"{self.width} x {self.height}"
        return f"<Material {self.name}, {size}, {tiling(self.wrap)}: {', '.join(self.maps)}>"

    @property
    def width(self) -> int:
        """Columns of every map."""
        return next(iter(self.maps.values())).width

    @property
    def height(self) -> int:
        """Rows of every map."""
        return next(iter(self.maps.values())).height

    @property
    def wrap(self) -> Wrap:
        """Axes on which every map repeats."""
        return next(iter(self.maps.values())).wrap

    def with_maps(self, maps: Mapping[MapKind, Texture]) -> Material:
        """The same material with other maps, of which no raw ones are known."""
        return replace(self, maps=dict(maps), raw=None)

    def with_wrap(self, wrap: Wrap) -> Material:
        """The same material whose maps repeat on these axes."""
        maps = {kind: replace(texture, wrap=wrap) for kind, texture in self.maps.items()}
        return replace(self, maps=maps)

    def unpacked(self) -> Material:
        """The same material with ``orm`` split into its three maps; separate maps take precedence over packed ones."""
        if "orm" not in self.maps:
            return self
        maps = {**unpack_orm(self.maps["orm"]), **self.maps}
        del maps["orm"]
        return self.with_maps(maps)


def with_notes(material: Material, notes: Iterable[str], *, first: bool = False) -> Material:
    """A material with more notes for the user in its ``parameters``, each of them once.

    Args:
        material: to add to.
        notes: to add.
        first: put them before those that are there.
    """
    known = list(material.parameters.get("notes", ()))
    joined = list(dict.fromkeys([*notes, *known] if first else [*known, *notes]))
    return replace(material, parameters={**material.parameters, "notes": joined}) if joined else material


def map_encoding(kind: MapKind) -> Encoding:
    """How the pixels of a map are encoded in integer files: ``srgb``, ``normal`` or ``data`` (packed maps too)."""
    if kind in _COLORS:
        return "srgb"
    return "normal" if kind == "normal" else "data"


def map_stem(kind: MapKind, convention: Convention = "gl") -> str:
    """Name of a map's file, without suffix, in a folder that Matshot writes."""
    return f"normal_{convention}" if kind == "normal" else kind


def roughness_map(material: Material, like: MapKind) -> Texture:
    """Roughness, of its own map or gloss inverted; without both, what a surface without a map has.

    Args:
        material: that is rough.
        like: a map of numbers, whose size and wrap a constant takes.
    """
    if "roughness" in material.maps:
        return material.maps["roughness"]
    if "gloss" in material.maps:
        gloss = material.maps["gloss"]
        return gloss.with_pixels(1 - gloss.pixels)
    other = material.maps[like]
    return other.with_pixels(np.full_like(other.pixels, ROUGHNESS))


def pack_orm(material: Material) -> Texture:
    """Ambient occlusion, roughness and metallic in R, G and B, as Unreal and glTF order them.

    Missing occlusion is 1 (open), missing metallic 0.

    Returns:
        ``data`` with 3 channels, whose depth is roughness's.

    Raises:
        MatshotError: without a roughness map.
    """
    if "roughness" not in material.maps:
        raise MatshotError(f"{material.name} has no roughness map to pack.")
    roughness = material.maps["roughness"]
    planes = []
    for kind, missing in _PACKED:
        texture = material.maps.get(kind)
        planes.append(np.full_like(roughness.pixels, missing) if texture is None else texture.pixels)
    return roughness.with_pixels(np.concatenate(planes, axis=2))


def unpack_orm(orm: Texture) -> dict[MapKind, Texture]:
    """Split what :func:`pack_orm` joined into ``ao``, ``roughness`` and ``metallic``, one channel each.

    Raises:
        MatshotError: for less than 3 channels.
    """
    if orm.pixels.shape[2] < 3:
        raise MatshotError(f"A packed map has 3 channels (occlusion, roughness, metallic), got {orm.pixels.shape[2]}.")
    return {
        kind: orm.with_pixels(np.ascontiguousarray(orm.pixels[..., channel : channel + 1]))
        for channel, (kind, _) in enumerate(_PACKED)
    }


def _check_map(name: str, kind: str, texture: Texture) -> None:
    encoding = map_encoding(map_kind(kind))
    channels = texture.pixels.shape[2]
    allowed = ("srgb", "linear") if encoding == "srgb" else (encoding,)
    if texture.encoding not in allowed:
        raise MatshotError(f"The {kind} map of {name} must be {' or '.join(allowed)}, got {texture.encoding}.")
    if kind in SCALARS and channels != 1:
        raise MatshotError(f"The {kind} map of {name} must have one channel, got {channels}.")
    if kind in ("normal", "orm") and channels < 3:
        raise MatshotError(f"The {kind} map of {name} must have 3 channels, got {channels}.")


def map_kind(name: str) -> MapKind:
    """A name as a map kind.

    Raises:
        MatshotError: for an unknown name.
    """
    for kind in get_args(MapKind):
        if kind == name:
            return kind  # type: ignore[no-any-return]
    raise unknown_choice("map", name, MAP_KINDS)
