"""The convert tool: a material as another program wants it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from matshot_host.graph import ROUGHNESS

from ..errors import MatshotError
from ..image.types import DEPTHS, Convention, Depth, Texture
from ..material.resize import shrunk
from ..material.types import MapKind, Material, pack_orm
from ..progress import Listener, Progress
from .assets import delivered

Packing = Literal["none", "orm"]
Format = Literal["same", "png", "tif", "exr", "tga", "jpg"]

#: Maps that a packed one takes in.
_TAKEN_IN: tuple[MapKind, ...] = ("ao", "roughness", "metallic", "gloss")
#: Longest side that can be asked for.
_LONGEST = 32768


@dataclass(frozen=True)
class ConvertOptions:
    """Parameters of the tool; names, defaults and meaning are the same in every face.

    Attributes:
        normal: green channel of the normal map's file: ``gl`` (+Y up) or ``dx`` (+Y down).
        pack: ``orm`` joins ambient occlusion, roughness and metallic in R, G and B of one map instead of their own;
            ``none`` takes such a map apart.
        size: pixels of the longer side at most; 0 keeps it.
        format: of the maps; ``same`` keeps that of each.
        depth: bits of all maps; ``same`` keeps those of each, or the closest that the format holds.
    """

    normal: Convention = "gl"
    pack: Packing = "none"
    size: int = 0
    format: Format = "same"
    depth: Depth | Literal["same"] = "same"

    def __post_init__(self) -> None:
        """Refuse what does not exist, in one sentence."""
        for name, value, offered in (
            ("normal convention", self.normal, get_args(Convention)),
            ("packing", self.pack, get_args(Packing)),
            ("format", self.format, get_args(Format)),
            ("depth", self.depth, ("same", *DEPTHS)),
        ):
            if value not in offered:
                raise MatshotError(f"There is no {name} {value!r}; there are {', '.join(offered)}.")
        if not 0 <= self.size <= _LONGEST:
            raise MatshotError(f"The size is 1 to {_LONGEST} pixels, or 0 to keep it, not {self.size}.")


def convert(material: Material, options: ConvertOptions | None = None, *, progress: Listener | None = None) -> Material:
    """What of a conversion concerns the maps themselves: which there are, and their size.

    A packed map gets what shaders take where a map is missing: open, as rough as without a map, no metal. Without any
    map that it could hold, none is made.

    Args:
        material: of any maps.
        options: how it is wanted.
        progress: told ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        The material, whose ``parameters`` hold the options under ``converted`` beside how it was made.

    Raises:
        MatshotError: for a packed map that is none.
        Cancelled: when the listener says so.
    """
    chosen = options or ConvertOptions()
    part = Progress(progress)
    part(0.0, "shrinking")
    made = shrunk(material, chosen.size) if chosen.size else material
    part(0.6, "packing")
    made = _packed(made.unpacked()) if chosen.pack == "orm" else made.unpacked()
    part(1.0)
    return replace(made, parameters={**made.parameters, "converted": asdict(chosen)})


def save_converted(material: Material, folder: Path, options: ConvertOptions | None = None) -> Path:
    """Write what :func:`convert` made, in the convention, format and depth that the options name.

    Raises:
        MatshotError: when a map does not fit the format or the folder cannot be written.
    """
    chosen = options or ConvertOptions()
    return delivered(
        material,
        folder,
        suffix=None if chosen.format == "same" else f".{chosen.format}",
        depth=None if chosen.depth == "same" else chosen.depth,
        convention=chosen.normal,
    )


def _packed(material: Material) -> Material:
    """With ``orm`` instead of the maps that it holds; at the place of the first of them."""
    taken = [kind for kind in material.maps if kind in _TAKEN_IN]
    if not taken:
        return material
    orm = pack_orm(material.with_maps({**material.maps, "roughness": _roughness(material, taken[0])}))
    maps: dict[MapKind, Texture] = {}
    for kind, texture in material.maps.items():
        if kind == taken[0]:
            maps["orm"] = orm
        elif kind not in taken:
            maps[kind] = texture
    return material.with_maps(maps)


def _roughness(material: Material, like: MapKind) -> Texture:
    if "roughness" in material.maps:
        return material.maps["roughness"]
    if "gloss" in material.maps:
        gloss = material.maps["gloss"]
        return gloss.with_pixels(1 - gloss.pixels)
    other = material.maps[like]
    return other.with_pixels(np.full_like(other.pixels, ROUGHNESS))
