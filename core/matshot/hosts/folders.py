"""Folders in which Blender, Maya, Unreal and ComfyUI look for plug-ins, on Windows, macOS and Linux.

Every function takes platform and environment as arguments, so each system's rules can be tested on any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import MatshotError

#: Oldest Blender that the plug-in runs in.
OLDEST_BLENDER = (4, 2)
#: Oldest Maya.
OLDEST_MAYA = (2022,)
#: Oldest Unreal.
OLDEST_UNREAL = (5, 3)

#: Folder of extensions that a user installs from files.
_BLENDER_REPOSITORY = "user_default"
#: Folder of ComfyUI for nodes of others.
_COMFYUI_NODES = "custom_nodes"

_Version = tuple[int, ...]


def blender_folder(platform: str, environment: Mapping[str, str], version: str = "") -> Path:
    """The folder that extensions of Blender go into: of one version, or of the newest that has been started.

    ``BLENDER_USER_EXTENSIONS`` and ``BLENDER_USER_RESOURCES`` replace Blender's own choice, whatever the version.

    Args:
        platform: as ``sys.platform`` calls it.
        environment: variables.
        version: such as ``4.5``; empty for the newest.

    Raises:
        MatshotError: when that version was never started here, or none that is new enough.
    """
    if value := environment.get("BLENDER_USER_EXTENSIONS"):
        return Path(value) / _BLENDER_REPOSITORY
    if value := environment.get("BLENDER_USER_RESOURCES"):
        return Path(value) / "extensions" / _BLENDER_REPOSITORY
    home = _home(platform, environment)
    if platform == "win32":
        base = Path(environment.get("APPDATA") or home / "AppData" / "Roaming") / "Blender Foundation" / "Blender"
    elif platform == "darwin":
        base = home / "Library" / "Application Support" / "Blender"
    else:
        base = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "blender"
    chosen = _chosen_version("Blender", base, r"\d+\.\d+", OLDEST_BLENDER, version)
    return base / chosen / "extensions" / _BLENDER_REPOSITORY


def maya_folder(platform: str, environment: Mapping[str, str], version: str = "") -> Path:
    """The folder that modules of Maya go into: of one version, or of all.

    Args:
        platform: as ``sys.platform`` calls it.
        environment: variables; ``MAYA_APP_DIR`` replaces Maya's own choice.
        version: such as ``2025``; empty for all.

    Raises:
        MatshotError: when Maya was never started here, or in no version that is new enough.
    """
    home = _home(platform, environment)
    if value := environment.get("MAYA_APP_DIR"):
        base = Path(value)
    elif platform == "win32":
        base = _first_there(documents / "maya" for documents in _documents(platform, environment))
    elif platform == "darwin":
        base = home / "Library" / "Preferences" / "Autodesk" / "maya"
    else:
        base = home / "maya"
    chosen = _chosen_version("Maya", base, r"20\d\d", OLDEST_MAYA, version)
    return (base / chosen if version else base) / "modules"


def comfyui_folder(folder: Path | None, platform: str, environment: Mapping[str, str]) -> Path:
    """The folder that custom nodes of ComfyUI go into.

    Args:
        folder: ComfyUI's, or its ``custom_nodes``; None for the one in the user's folder or documents.
        platform: as ``sys.platform`` calls it.
        environment: variables.

    Raises:
        MatshotError: when it is not ComfyUI's, or none is found.
    """
    if folder is not None:
        if not folder.is_dir():
            raise MatshotError(f"{folder} does not exist.")
        if folder.name == _COMFYUI_NODES:
            return folder
        if (folder / _COMFYUI_NODES).is_dir():
            return folder / _COMFYUI_NODES
        raise MatshotError(f"{folder} is not ComfyUI's folder: it has no {_COMFYUI_NODES} folder.")
    home = _home(platform, environment)
    places = [home / "ComfyUI", *(documents / "ComfyUI" for documents in _documents(platform, environment))]
    for place in places:
        if (place / _COMFYUI_NODES).is_dir():
            return place / _COMFYUI_NODES
    listed = " or ".join(map(str, places))
    raise MatshotError(f"No ComfyUI was found in {listed}; choose its folder with --into.")


def unreal_folder(project: Path) -> Path:
    """The folder that plug-ins of an Unreal project go into.

    Args:
        project: its folder, or its ``.uproject`` file.

    Raises:
        MatshotError: when it is not a project, or its Unreal is too old.
    """
    if project.suffix.lower() == ".uproject" and project.is_file():
        file = project
    elif not project.is_dir():
        raise MatshotError(f"{project} does not exist.")
    else:
        files = _project_files(project)
        if not files:
            raise MatshotError(f"{project} is not an Unreal project: it has no .uproject file.")
        file = files[0]
    engine = _engine(file)
    if engine and _numbers(engine) < OLDEST_UNREAL:
        oldest = ".".join(map(str, OLDEST_UNREAL))
        raise MatshotError(f"{file.stem} is a project of Unreal {engine}; the plug-in needs {oldest} or later.")
    return file.parent / "Plugins"


def unreal_project(platform: str, environment: Mapping[str, str]) -> Path:
    """The only Unreal project in the folder of new projects.

    Raises:
        MatshotError: when none or several are found.
    """
    folder = _first_there(documents / "Unreal Projects" for documents in _documents(platform, environment))
    found = [file for inside in _folders(folder) for file in _project_files(inside)[:1]]
    if not found:
        raise MatshotError(f"No Unreal project was found in {folder}; choose one with --into.")
    if len(found) > 1:
        names = ", ".join(file.stem for file in found)
        raise MatshotError(f"Several Unreal projects were found in {folder}: {names}; choose one with --into.")
    return found[0]


def _home(platform: str, environment: Mapping[str, str]) -> Path:
    value = environment.get("USERPROFILE" if platform == "win32" else "HOME")
    return Path(value) if value else Path.home()


def _documents(platform: str, environment: Mapping[str, str]) -> list[Path]:
    """Folders that may be the user's documents; OneDrive replaces them on Windows."""
    usual = [_home(platform, environment) / "Documents"]
    cloud = environment.get("OneDrive") if platform == "win32" else ""
    return [*usual, Path(cloud) / "Documents"] if cloud else usual


def _first_there(folders: Iterable[Path]) -> Path:
    """The first that exists, else the first."""
    known = list(folders)
    return next((folder for folder in known if folder.is_dir()), known[0])


def _chosen_version(host: str, base: Path, pattern: str, oldest: _Version, version: str) -> str:
    """Name of the folder of the given version, or of the newest."""
    found = sorted((one.name for one in _folders(base) if re.fullmatch(pattern, one.name)), key=_numbers)
    least = ".".join(map(str, oldest))
    if version:
        if not re.fullmatch(pattern, version):
            raise MatshotError(f"{version!r} is not a version of {host}.")
        if _numbers(version) < oldest:
            raise MatshotError(f"The plug-in needs {host} {least} or later, not {version}.")
        if version not in found:
            versions = ", ".join(found) or "no versions"
            raise MatshotError(f"{host} {version} has never been started ({base} has {versions}); start it once.")
        return version
    if not found:
        raise MatshotError(
            f"{host} has never been started ({base} has no versions); start it once, or choose a folder with --into."
        )
    if _numbers(found[-1]) < oldest:
        raise MatshotError(f"The plug-in needs {host} {least} or later; the newest in {base} is {found[-1]}.")
    return found[-1]


def _numbers(version: str) -> _Version:
    return tuple(int(part) for part in version.split("."))


def _folders(base: Path) -> list[Path]:
    try:
        return sorted(one for one in base.iterdir() if one.is_dir())
    except OSError:
        return []


def _project_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == ".uproject" and file.is_file())


def _engine(file: Path) -> str:
    """Version of Unreal that a project is of; empty for one that was built from source."""
    try:
        project = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise MatshotError(f"{file} cannot be read as an Unreal project.", str(error)) from error
    engine = project.get("EngineAssociation", "") if isinstance(project, dict) else ""
    return engine if isinstance(engine, str) and re.fullmatch(r"\d+\.\d+", engine) else ""
