"""Asset names, with the prefixes and suffixes of Unreal projects."""

from __future__ import annotations

import re
from typing import Callable

from matshot_host.map_names import guess_name

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
#: Suffixes that mean something else in Unreal than elsewhere.
_OWN = {suffix: kind for kind, suffix in SUFFIXES.items() if not kind.startswith("anisotropy")}
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
    """The map that a name stands for, as everywhere in Matshot; empty where it says none."""
    base, _, suffix = name.rpartition("_")
    if f"{base}_" in _PREFIXES:
        return ""
    if base and suffix.upper() in _OWN:
        return _OWN[suffix.upper()]
    guess = guess_name(name)
    return guess.kind if guess is not None and guess.base else ""


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
