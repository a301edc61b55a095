"""Asset names, with the prefixes and suffixes of Unreal projects."""

from __future__ import annotations

import re
from typing import Callable

#: Suffix of a texture's name by map.
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
#: Other suffixes that projects use.
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
#: An A alone is more often the first of several variants than anisotropy.
_MAPS = {**_ALIASES, **{suffix: kind for kind, suffix in SUFFIXES.items() if not kind.startswith("anisotropy")}}
_PREFIXES = ("T_", "MI_", "M_")
#: Characters of a name: asset paths have at most 260, including the folder.
_LONGEST = 60


def asset_name(text: str) -> str:
    """Text as a valid asset name; ``Material`` if no valid character is left."""
    return re.sub(r"\W+", "_", text).strip("_")[:_LONGEST].strip("_") or "Material"


def texture_name(base: str, kind: str) -> str:
    """Name of a texture of a material, such as ``T_Wall_BC``."""
    return f"T_{base}_{SUFFIXES[kind]}"


def instance_name(base: str) -> str:
    """Name of a material instance, such as ``MI_Wall``."""
    return f"MI_{base}"


def map_of(name: str) -> str:
    """The map that the suffix of a name stands for; empty without a known suffix."""
    base, _, suffix = name.rpartition("_")
    return _MAPS.get(suffix.upper(), "") if base and f"{base}_" not in _PREFIXES else ""


def base_of(name: str) -> str:
    """The part between prefix and suffix: ``Wall`` of ``T_Wall_BC``."""
    for prefix in _PREFIXES:
        if name.startswith(prefix) and len(name) > len(prefix):
            name = name[len(prefix) :]
            break
    return asset_name(name.rpartition("_")[0] if map_of(name) else name)


def derived_name(name: str, suffix: str) -> str:
    """Name of a result: ``T_Wall_x4_BC`` of ``T_Wall_BC``."""
    end = "_" + name.rpartition("_")[2] if map_of(name) else ""
    return f"T_{base_of(name)}_{asset_name(suffix)}{end}"


def free_name(name: str, taken: Callable[[str], bool]) -> str:
    """The name, with the first number from 2 that makes it free if it is taken."""
    number, candidate = 1, name
    while taken(candidate):
        number += 1
        candidate = f"{name}_{number}"
    return candidate
