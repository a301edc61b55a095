"""Materials in memory: named maps that describe one surface, pixel for pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from matshot_host.description import DESCRIPTION as DESCRIPTION

from ..errors import MatshotError
from ..image.types import Convention, Encoding, Texture, Wrap

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


_COLORS = ("basecolor", "emission")


#: Maps of one number per pixel. A specular map may be a colour, and so stays as it is.
SCALARS = ("roughness", "metallic", "height", "ao", "anisotropy", "anisotropy_angle", "opacity", "gloss")


#: Channels of a packed map, and what stands there without a map: open, and not a metal.
_PACKED: tuple[tuple[MapKind, float], ...] = (("ao", 1.0), ("roughness", 0.5), ("metallic", 0.0))


@dataclass(frozen=True)
class Material:
    """Maps of one surface: same size, same wrap, each pixel the same spot.

    Attributes:
        maps: by kind. ``basecolor`` and ``emission`` are colours (``srgb`` or ``linear``), ``normal`` holds unit
            vectors (+X right, +Y up), the others are ``data``; roughness is perceptual. ``orm`` is ambient occlusion,
            roughness and metallic in R, G and B; ``gloss`` is what older workflows have instead of roughness and
            stays as it is.
        name: of the material.
        physical_size: metres that width and height of the maps span, if known.
        height_scale: metres that one unit of the height map stands for, if known.
        origin: where it came from (a file, a web page, a tool).
        parameters: everything about how it was made, as JSON can hold it.

    Raises:
        MatshotError: unknown kind, wrong encoding or channels, sizes or wraps that differ, no map at all.
    """

    maps: Mapping[MapKind, Texture]
    name: str = "material"
    physical_size: tuple[float, float] | None = None
    height_scale: float | None = None
    origin: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check once, where a material is made, that its maps belong together."""
        if not self.maps:
            raise MatshotError(f"The material {self.name} has no map.")
        for kind, texture in self.maps.items():
            _check_map(self.name, kind, texture)
        sizes = {kind: f"{texture.width} x {texture.height}" for kind, texture in self.maps.items()}
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{kind} {size}" for kind, size in sizes.items())
            raise MatshotError(f"The maps of {self.name} differ in size: {listed}.")
        if len({texture.wrap for texture in self.maps.values()}) > 1:
            listed = ", ".join(f"{kind} {texture.wrap}" for kind, texture in self.maps.items())
            raise MatshotError(f"The maps of {self.name} do not wrap on the same axes: {listed}.")

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
        """The same material with other maps."""
        return replace(self, maps=dict(maps))

    def unpacked(self) -> Material:
        """With ``orm`` split into its three maps; maps that were there separately win over the packed ones."""
        if "orm" not in self.maps:
            return self
        maps = {**unpack_orm(self.maps["orm"]), **self.maps}
        del maps["orm"]
        return self.with_maps(maps)


def map_encoding(kind: MapKind) -> Encoding:
    """How the pixels of a map are encoded in integer files: ``srgb``, ``normal`` or ``data`` (packed maps too)."""
    if kind in _COLORS:
        return "srgb"
    return "normal" if kind == "normal" else "data"


def map_stem(kind: MapKind, convention: Convention = "gl") -> str:
    """Name of a map's file, without suffix, in a folder that Matshot writes."""
    return f"normal_{convention}" if kind == "normal" else kind


def pack_orm(material: Material) -> Texture:
    """Ambient occlusion, roughness and metallic in R, G and B, as Unreal and glTF order them.

    Missing occlusion is 1 (open), missing metallic 0.

    Returns:
        ``data`` with 3 channels, whose depth is roughness's.

    Raises:
        MatshotError: without a roughness map.
    """
    if "roughness" not in material.maps:
        raise MatshotError(f"{material.name} has no roughness map, without which there is nothing to pack.")
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
        raise MatshotError(f"A packed occlusion, roughness and metallic map has 3 channels, not {orm.pixels.shape[2]}.")
    return {
        kind: orm.with_pixels(np.ascontiguousarray(orm.pixels[..., channel : channel + 1]))
        for channel, (kind, _) in enumerate(_PACKED)
    }


def _check_map(name: str, kind: str, texture: Texture) -> None:
    encoding = map_encoding(map_kind(kind))
    channels = texture.pixels.shape[2]
    allowed = ("srgb", "linear") if encoding == "srgb" else (encoding,)
    if texture.encoding not in allowed:
        raise MatshotError(f"The {kind} map of {name} is {' or '.join(allowed)}, not {texture.encoding}.")
    if kind in SCALARS and channels != 1:
        raise MatshotError(f"The {kind} map of {name} has one channel, not {channels}.")
    if kind in ("normal", "orm") and channels < 3:
        raise MatshotError(f"The {kind} map of {name} has 3 channels, not {channels}.")


def map_kind(name: str) -> MapKind:
    """A name as a map kind.

    Raises:
        MatshotError: for a name that is none.
    """
    for kind in get_args(MapKind):
        if kind == name:
            return kind  # type: ignore[no-any-return]
    raise MatshotError(f"There is no map {name!r}; there are {', '.join(MAP_KINDS)}.")
