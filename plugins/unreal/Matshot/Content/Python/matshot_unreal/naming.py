"""Names of assets, with the prefixes and suffixes that Unreal projects use."""

from __future__ import annotations

import re
from typing import Callable

#: End of a texture's name, by the map that it holds.
SUFFIXES = {
    "basecolor": "BC",
    "normal": "N",
    "orm": "ORM",
    "height": "H",
    "specular": "S",
    "anisotropy": "A",
    "anisotropy_angle": "AA",
    "opacity": "O",
    "emission": "E",
    "roughness": "R",
    "metallic": "M",
    "ao": "AO",
}
#: What else textures of these maps end with in projects.
_ALIASES = {
    "D": "basecolor",
    "ALBEDO": "basecolor",
    "DIFFUSE": "basecolor",
    "BASECOLOR": "basecolor",
    "NRM": "normal",
    "NORMAL": "normal",
    "HEIGHT": "height",
    "DISP": "height",
    "ROUGHNESS": "roughness",
    "METALLIC": "metallic",
    "OCCLUSION": "ao",
    "EMISSIVE": "emission",
    "OPACITY": "opacity",
}
#: A single A is more often the first of several variants than an anisotropy.
_MAPS = {**_ALIASES, **{suffix: kind for kind, suffix in SUFFIXES.items() if not kind.startswith("anisotropy")}}
_PREFIXES = ("T_", "MI_", "M_")
#: Asset paths may have 260 characters, and a folder needs some of them.
_LONGEST = 60


def plain(text: str) -> str:
    """Text as the name of an asset can hold it; ``Material`` where nothing is left of it."""
    return re.sub(r"\W+", "_", text).strip("_")[:_LONGEST].strip("_") or "Material"


def texture_name(base: str, kind: str) -> str:
    """Name of the texture with one map of a material, ``T_Wall_BC``."""
    return f"T_{base}_{SUFFIXES[kind]}"


def instance_name(base: str) -> str:
    """Name of the instance of a material, ``MI_Wall``."""
    return f"MI_{base}"


def map_of(name: str) -> str:
    """The map that a texture of this name holds by its suffix; empty where it has none that is known."""
    before, _, suffix = name.rpartition("_")
    return _MAPS.get(suffix.upper(), "") if before and f"{before}_" not in _PREFIXES else ""


def base_of(name: str) -> str:
    """What is between prefix and suffix: ``Wall`` of ``T_Wall_BC``."""
    for prefix in _PREFIXES:
        if name.startswith(prefix) and len(name) > len(prefix):
            name = name[len(prefix) :]
            break
    return plain(name.rpartition("_")[0] if map_of(name) else name)


def derived(name: str, said: str) -> str:
    """Name of what was made of a texture: ``T_Wall_x4_BC`` of ``T_Wall_BC``."""
    end = "_" + name.rpartition("_")[2] if map_of(name) else ""
    return f"T_{base_of(name)}_{plain(said)}{end}"


def free(wanted: str, taken: Callable[[str], bool]) -> str:
    """A name that is not taken: the one that is wanted, else with the first number from 2 that makes it one."""
    number, name = 1, wanted
    while taken(name):
        number += 1
        name = f"{wanted}_{number}"
    return name
