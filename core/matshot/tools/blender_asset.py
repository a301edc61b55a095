"""A material as an asset in a .blend file, written by Blender without a window."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import matshot_host
from matshot_host.description import SCENE_BLEND

from ..errors import MatshotError
from ..files import staging_folder
from ..image.writer import write_texture
from ..material.record import add_files
from ..material.types import Material
from ..plugin_files import plugin_files
from ..shading.thumbnail import thumbnail

#: Python that has the bpy package, where it is not this one.
_VARIABLE = "MATSHOT_BPY_PYTHON"

#: Seconds that Blender may take; it starts in five, and reads maps of 16384 px in a minute.
_PATIENCE = 300.0

#: What would lead Blender's own Python astray.
_UNWANTED = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")


def blender_command() -> list[str]:
    """The program and arguments that run a script in Blender: a Python with bpy, or ``blender`` on the PATH.

    Raises:
        MatshotError: when there is neither.
    """
    if os.environ.get(_VARIABLE):
        return [os.environ[_VARIABLE]]
    if importlib.util.find_spec("bpy") is not None:
        return [sys.executable]
    program = shutil.which("blender")
    if program is None:
        raise MatshotError("A .blend file needs Blender. Put blender on the PATH, or run: pip install bpy")
    return [program, "--background", "--factory-startup", "--python-exit-code", "1", "--python"]


def write_blend(material: Material, folder: Path) -> Path:
    """Write ``material.blend`` into a material's folder: the material as an asset with picture and tags.

    Args:
        material: that the folder holds.
        folder: as :func:`~matshot.material.folder.save_material` wrote it; the file refers to its maps.

    Raises:
        MatshotError: when Blender is missing or fails; the folder stays as it was.
    """
    command = blender_command()
    place = plugin_files("blender", "matshot")
    if place is None:
        raise MatshotError("This installation of Matshot has no plug-in for Blender; reinstall Matshot with pip.")
    script = place / "matshot" / "asset_file.py"
    with staging_folder(folder) as aside:
        picture = write_texture(thumbnail(material), aside / "picture.png")
        request = {
            "folder": str(folder.resolve()),
            "target": str((aside / SCENE_BLEND).resolve()),
            "library": str(Path(matshot_host.__file__).resolve().parent),
            "preview": str(picture.resolve()),
            "tags": asset_tags(material),
            "description": asset_description(material),
        }
        # Blender takes what comes after two dashes for the script's, and Python all of it.
        _run([*command, str(script), "--", json.dumps(request)], aside / SCENE_BLEND)
        add_files([SCENE_BLEND], aside, folder)
    return folder / SCENE_BLEND


def asset_tags(material: Material) -> list[str]:
    """Words by which the asset is found: its maps, its size, whether it tiles, and the words of its name."""
    words = [word for word in material.name.replace("-", "_").replace(" ", "_").lower().split("_") if len(word) > 2]
    side = max(material.width, material.height)
    size = f"{side // 1024}k" if side >= 1024 else f"{side}px"
    tiles = ["tileable"] if material.wrap == "xy" else []
    return list(dict.fromkeys(["matshot", *words, size, *tiles, *material.maps]))


def asset_description(material: Material) -> str:
    """One sentence about a material."""
    text = f"{material.width} x {material.height} px"
    if material.physical_size is not None:
        text += ", {:g} x {:g} m".format(*material.physical_size)
    return text


def _run(command: Sequence[str], target: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise MatshotError(f"Blender did not finish within {_PATIENCE:g} seconds.", str(error)) from error
    except OSError as error:
        raise MatshotError(f"{command[0]} could not be started.", str(error)) from error
    if done.returncode or not target.is_file():
        cause = (done.stderr.strip() or done.stdout.strip() or "no message")[-2000:]
        raise MatshotError("Blender could not write the .blend file.", cause)
