"""Where Blender, Maya and Unreal look for plug-ins of their user, on Windows, macOS and Linux.

Every function takes the platform and the environment that it looks at, so each system's rules hold on any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import MatshotError

#: Oldest versions that the plug-ins run in.
OLDEST_BLENDER, OLDEST_MAYA, OLDEST_UNREAL = (4, 2), (2022,), (5, 3)

#: Folder of a user's extensions that come from no repository.
_BLENDER_REPOSITORY = "user_default"

_Version = tuple[int, ...]


def blender_folder(platform: str, environment: Mapping[str, str], version: str = "") -> Path:
    """The folder that extensions of Blender go into: of one version, or of the newest that the user has started.

    ``BLENDER_USER_EXTENSIONS`` and ``BLENDER_USER_RESOURCES`` replace Blender's own choice, whatever the version.

    Args:
        platform: as ``sys.platform`` calls it.
        environment: variables.
        version: such as ``4.5``; empty for the newest.

    Raises:
        MatshotError: when there is no such version, or none that is new enough.
    """
    if given := environment.get("BLENDER_USER_EXTENSIONS"):
        return Path(given) / _BLENDER_REPOSITORY
    if given := environment.get("BLENDER_USER_RESOURCES"):
        return Path(given) / "extensions" / _BLENDER_REPOSITORY
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
    if given := environment.get("MAYA_APP_DIR"):
        base = Path(given)
    elif platform == "win32":
        base = _first_there(documents / "maya" for documents in _documents(platform, environment))
    elif platform == "darwin":
        base = home / "Library" / "Preferences" / "Autodesk" / "maya"
    else:
        base = home / "maya"
    chosen = _chosen_version("Maya", base, r"20\d\d", OLDEST_MAYA, version)
    return (base / chosen if version else base) / "modules"


def unreal_folder(project: Path) -> Path:
    """The folder that plug-ins of an Unreal project go into.

    Args:
        project: its folder, or its ``.uproject`` file.

    Raises:
        MatshotError: when it is no project, or one of an Unreal that is too old.
    """
    if project.suffix.lower() == ".uproject" and project.is_file():
        file = project
    elif not project.is_dir():
        raise MatshotError(f"{project} does not exist.")
    else:
        files = _project_files(project)
        if not files:
            raise MatshotError(f"{project} is no Unreal project: it has no .uproject file.")
        file = files[0]
    engine = _engine(file)
    if engine and _numbers(engine) < OLDEST_UNREAL:
        oldest = ".".join(map(str, OLDEST_UNREAL))
        raise MatshotError(f"{file.stem} is a project of Unreal {engine}; the plug-in needs {oldest} or later.")
    return file.parent / "Plugins"


def unreal_project(platform: str, environment: Mapping[str, str]) -> Path:
    """The only project of Unreal that lies where new ones are made.

    Raises:
        MatshotError: when there is none, or several.
    """
    folder = _first_there(documents / "Unreal Projects" for documents in _documents(platform, environment))
    found = [file for inside in _folders(folder) for file in _project_files(inside)[:1]]
    if not found:
        raise MatshotError(f"No Unreal project was found in {folder}; say which one with --into.")
    if len(found) > 1:
        names = ", ".join(file.stem for file in found)
        raise MatshotError(f"There are several Unreal projects in {folder}: {names}; say which one with --into.")
    return found[0]


def _home(platform: str, environment: Mapping[str, str]) -> Path:
    given = environment.get("USERPROFILE" if platform == "win32" else "HOME")
    return Path(given) if given else Path.home()


def _documents(platform: str, environment: Mapping[str, str]) -> list[Path]:
    """Folders that may be the user's documents; OneDrive takes them over on Windows."""
    usual = [_home(platform, environment) / "Documents"]
    cloud = environment.get("OneDrive") if platform == "win32" else ""
    return [*usual, Path(cloud) / "Documents"] if cloud else usual


def _first_there(folders: Iterable[Path]) -> Path:
    """The first that exists, else the first."""
    known = list(folders)
    return next((folder for folder in known if folder.is_dir()), known[0])


def _chosen_version(host: str, base: Path, pattern: str, oldest: _Version, version: str) -> str:
    """Name of the folder of the version that is asked for, or of the newest."""
    found = sorted((one.name for one in _folders(base) if re.fullmatch(pattern, one.name)), key=_numbers)
    least = ".".join(map(str, oldest))
    if version:
        if not re.fullmatch(pattern, version):
            raise MatshotError(f"{version!r} is no version of {host}.")
        if _numbers(version) < oldest:
            raise MatshotError(f"The plug-in needs {host} {least} or later, not {version}.")
        if version not in found:
            there = f"there is {', '.join(found)}" if found else "there is none"
            raise MatshotError(f"{host} {version} was never started here ({there} in {base}); start it once.")
        return version
    if not found:
        raise MatshotError(f"{host} was never started here (none in {base}); start it once, or say where with --into.")
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
        said = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise MatshotError(f"{file} cannot be read as an Unreal project.", str(error)) from error
    engine = said.get("EngineAssociation", "") if isinstance(said, dict) else ""
    return engine if isinstance(engine, str) and re.fullmatch(r"\d+\.\d+", engine) else ""
