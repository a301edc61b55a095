"""``material.json``: what the maps of a material folder are, how their files hold them, and what they measure.

Standard library only, Python 3.7 syntax, because hosts bring their own Python.
"""

import glob
import json
import os
from typing import Any, Dict, Mapping, NamedTuple

from .errors import MatshotError, unknown_choice
from .udim import UDIM

DESCRIPTION = "material.json"
#: The MaterialX document beside it, and the picture of a material that its folder may hold.
DOCUMENT = "material.mtlx"
PREVIEW = "preview.png"
#: Scenes of the material that its folder may hold.
SCENE_USD = "material.usda"
SCENE_GLB = "material.glb"
SCENE_BLEND = "material.blend"
#: The maps as they were before any slider, where they are not those of the folder.
RAW_MAPS = "raw_maps.zip"

#: Every map that a material can have, and what artists call it.
MAP_LABELS: Dict[str, str] = {
    "basecolor": "Base Color",
    "normal": "Normal",
    "roughness": "Roughness",
    "metallic": "Metallic",
    "height": "Height",
    "ao": "Ambient Occlusion",
    "specular": "Specular",
    "anisotropy": "Anisotropy",
    "anisotropy_angle": "Anisotropy Angle",
    "opacity": "Opacity",
    "emission": "Emission",
    "gloss": "Gloss",
    "orm": "Occlusion, Roughness, Metallic",
}

_WRAPS = ("none", "x", "y", "xy")
#: Suffixes of files that hold linear colors unless somebody says otherwise.
_FLOAT_SUFFIXES = (".exr", ".hdr")


class MapFile(NamedTuple):
    """The file of one map.

    Attributes:
        path: absolute; may hold ``<UDIM>``.
        convention: of a normal map's green channel: ``gl`` (+Y up) or ``dx`` (+Y down).
        colorspace: how the file stores colors: ``srgb``, ``linear`` or an OCIO name; empty where that is not said.
        signed: whether normals are stored in [-1, 1] instead of [0, 1].
    """

    path: str
    convention: str
    colorspace: str
    signed: bool


def read_description(folder: str) -> Dict[str, Any]:
    """The checked contents of a folder's ``material.json``.

    Raises:
        MatshotError: when it is missing, damaged or makes no sense.
    """
    file = os.path.join(folder, DESCRIPTION)
    if not os.path.isdir(folder):
        raise MatshotError(f"The folder {folder} does not exist.")
    if not os.path.isfile(file):
        raise MatshotError(f"{folder} has no {DESCRIPTION}, which says what its images are.")
    try:
        with open(file, encoding="utf-8") as stream:
            description = json.load(stream)
    except (OSError, ValueError, RecursionError) as error:
        raise MatshotError(f"{file} cannot be read as a description of a material.", str(error)) from error
    if not isinstance(description, dict):
        raise MatshotError(f"{file} does not describe a material.")
    check_description(description, folder)
    return description


def check_description(description: Mapping[str, Any], folder: str) -> None:
    """Find out whether a description makes sense; files are not looked for.

    Raises:
        MatshotError: when it does not.
    """
    file = os.path.join(folder, DESCRIPTION)
    if not isinstance(description.get("maps", {}), dict):
        raise MatshotError(f"{file} does not describe a material.")
    size, scale = description.get("physical_size"), description.get("height_scale")
    sound = {
        "physical_size": size is None
        or (isinstance(size, (list, tuple)) and len(size) == 2 and all(map(is_length, size))),
        "height_scale": scale is None or is_length(scale),
        "wrap": description.get("wrap", "none") in _WRAPS,
        "name": isinstance(description.get("name", ""), str),
        "origin": isinstance(description.get("origin", ""), str),
        "parameters": isinstance(description.get("parameters", {}), dict),
        "raw": _is_raw(description.get("raw")),
    }
    for key, fine in sound.items():
        if not fine:
            raise MatshotError(f"{file} has an invalid {key}: {description[key]!r}.")


def described_maps(description: Mapping[str, Any], folder: str) -> Dict[str, MapFile]:
    """The files that a checked description lists, by kind of map; they are not looked for.

    Raises:
        MatshotError: for an unknown map, a map without a file, and a color space that is not text.
    """
    file = os.path.join(folder, DESCRIPTION)
    found = {}
    for kind, said in description.get("maps", {}).items():
        if kind not in MAP_LABELS:
            raise unknown_choice("map", kind, MAP_LABELS)
        if not isinstance(said, dict) or not isinstance(said.get("file"), str) or not said["file"]:
            raise MatshotError(f"{file} does not say which file holds the {kind} map.")
        path = os.path.abspath(os.path.join(folder, said["file"]))
        convention = "dx" if said.get("convention") == "dx" else "gl"
        colorspace = said.get("colorspace", "")
        if not isinstance(colorspace, str):
            raise MatshotError(f"{file} has an invalid colorspace for the {kind} map: {colorspace!r}.")
        found[kind] = MapFile(path, convention, colorspace, said.get("signed") is True)
    return found


def check_files(maps: Mapping[str, MapFile], folder: str) -> None:
    """Find out whether the files of maps are there: of one in tiles, at least one of them.

    Raises:
        MatshotError: for the first that is not.
    """
    for map_file in maps.values():
        if not _is_there(map_file.path):
            file = os.path.join(folder, DESCRIPTION)
            raise MatshotError(f"{file} lists {os.path.basename(map_file.path)}, which is not there.")


def usual_colorspace(path: str) -> str:
    """How most files of this format store colors: ``srgb`` or ``linear``."""
    return "linear" if os.path.splitext(path)[1].lower() in _FLOAT_SUFFIXES else "srgb"


def is_length(value: Any) -> bool:
    """Whether it is a number of meters, or of repetitions: positive and finite."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")


def _is_raw(said: Any) -> bool:
    """Whether it describes raw maps, or says that there are none."""
    if said is None:
        return True
    kinds, scale = (said.get("maps"), said.get("height_scale")) if isinstance(said, dict) else (None, None)
    return isinstance(kinds, list) and all(kind in MAP_LABELS for kind in kinds) and (scale is None or is_length(scale))


def _is_there(path: str) -> bool:
    if UDIM not in path:
        return os.path.isfile(path)
    return bool(glob.glob(glob.escape(path).replace(UDIM, "1[0-9][0-9][0-9]")))
