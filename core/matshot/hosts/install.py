"""Installation and removal of plug-ins.

A plug-in is a folder of this project with ``matshot_host`` copied into it. It is staged beside its place and then moved
there, so that a host never loads half of one. A record lists what was installed and the Python that workers run with.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matshot_host
from matshot_host.contents import changed_files, is_changed, keep_files, note_contents
from matshot_host.location import RECORD, record, user_folder

from .. import __version__
from ..errors import MatshotError, unknown_choice
from ..files import atomic_write, os_reason, partial_path, remove, staging_folder
from ..plugin_files import plugin_files
from .folders import blender_folder, comfyui_folder, maya_folder, unreal_folder, unreal_project

#: The library that every plug-in contains.
_LIBRARY = "matshot_host"
#: Files that Python and operating systems leave in folders.
_LEFTOVERS = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache", ".DS_Store", "Thumbs.db")
#: The version in the library's source.
_VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Host:
    """A program that has a plug-in.

    Attributes:
        title: its name.
        folder: name of the plug-in's folder.
        library: where ``matshot_host`` lies in that.
        beside: files that are installed beside the folder.
        loose: files for manual installation, which are not installed themselves.
        next_step: what to do next in the host.
    """

    title: str
    folder: str
    library: str
    beside: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    next_step: str = ""


#: The programs, by the names that the command line uses.
HOSTS: Mapping[str, Host] = {
    "blender": Host(
        "Blender",
        "matshot",
        _LIBRARY,
        next_step="Restart Blender, then enable Matshot in Edit > Preferences > Add-ons.",
    ),
    "maya": Host(
        "Maya",
        "matshot",
        f"scripts/{_LIBRARY}",
        ("matshot.mod",),
        ("drag_into_maya.py",),
        next_step="Restart Maya; the tools are on the Matshot shelf.",
    ),
    "unreal": Host(
        "Unreal",
        "Matshot",
        f"Content/Python/{_LIBRARY}",
        next_step="Reopen the project; the tools are in Tools > Matshot.",
    ),
    "comfyui": Host(
        "ComfyUI",
        "matshot",
        _LIBRARY,
        next_step="Restart ComfyUI; the nodes are under Matshot in its menu of nodes.",
    ),
}


@dataclass(frozen=True)
class InstalledPlugin:
    """An installed folder or file, from the record.

    Attributes:
        host: one of :data:`HOSTS`.
        path: where it was installed.
        exists: whether it still exists and is Matshot's.
        version: of the plug-in; empty if it does not exist or is a single file.
    """

    host: str
    path: Path
    exists: bool
    version: str


def known_host(name: str) -> Host:
    """The host of that name.

    Raises:
        MatshotError: for an unknown host.
    """
    if name not in HOSTS:
        raise unknown_choice("host", name, HOSTS)
    return HOSTS[name]


def copy_plugin(host: str, into: Path) -> Path:
    """Copy a complete plug-in: with ``matshot_host`` in it, and the files that belong beside it.

    Args:
        host: one of :data:`HOSTS`.
        into: folder for the copy, created if it does not exist.

    Returns:
        The plug-in's folder.

    Raises:
        MatshotError: for an unknown host, an installation without its plug-in, or a folder that cannot be written.
    """
    known = known_host(host)
    source = _source(host)
    folder = into / known.folder
    library = Path(matshot_host.__file__).parent
    try:
        shutil.copytree(source / known.folder, folder, ignore=_LEFTOVERS)
        shutil.copytree(library, folder / known.library, ignore=_LEFTOVERS, dirs_exist_ok=True)
        for name in (*known.beside, *known.loose):
            shutil.copyfile(source / name, into / name)
    except (OSError, shutil.Error) as error:
        raise MatshotError(f"The plug-in for {known.title} could not be copied to {into}.", str(error)) from error
    return folder


def plugin_folder(
    host: str,
    version: str = "",
    into: Path | None = None,
    *,
    platform: str = sys.platform,
    environment: Mapping[str, str] = os.environ,
) -> Path:
    """The folder that a host's plug-in goes into.

    Args:
        host: one of :data:`HOSTS`.
        version: of the host; empty for the newest Blender, or every Maya.
        into: that folder itself, the project for Unreal, or ComfyUI's own folder; None to find it.
        platform: as ``sys.platform`` calls it.
        environment: variables.

    Raises:
        MatshotError: when it cannot be found.
    """
    known = known_host(host)
    if host == "unreal":
        if version:
            raise MatshotError(
                "Unreal's plug-in is installed into a project; choose it with --into instead of --version."
            )
        return unreal_folder(into.absolute() if into is not None else unreal_project(platform, environment))
    if host == "comfyui":
        if version:
            raise MatshotError("ComfyUI is one folder for all versions; choose it with --into instead of --version.")
        return comfyui_folder(into.absolute() if into is not None else None, platform, environment)
    if into is not None:
        if version:
            raise MatshotError("Use either --version or --into, not both.")
        if not into.is_dir():
            raise MatshotError(
                f"The folder {into} does not exist; choose one in which {known.title} looks for plug-ins."
            )
        return into.absolute()
    find = blender_folder if host == "blender" else maya_folder
    return find(platform, environment, version)


def install(
    host: str, version: str = "", into: Path | None = None, report: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Install a plug-in, replacing an older one, and record this Python as the one that its workers run with.

    Args:
        host: one of :data:`HOSTS`.
        version: as :func:`plugin_folder` takes it.
        into: likewise.
        report: called with a sentence where the older one had files that were changed, of which copies are kept.

    Returns:
        The installed folder, and the files beside it.

    Raises:
        MatshotError: when the place cannot be found or written, or a folder of that name is not Matshot's. Nothing
            is changed then.
    """
    known = known_host(host)
    place = plugin_folder(host, version, into)
    targets = [place / known.folder, *(place / name for name in known.beside)]
    if _is_store_python(sys.base_prefix):
        raise MatshotError(
            "This Python is from the Microsoft Store, which hides its files from other programs, so no plug-in would "
            "find it. Install Python from python.org, then Matshot in that Python."
        )
    installation = _current_record()
    for path in targets:
        if os.path.lexists(path) and not _is_ours(host, path):
            raise MatshotError(f"{path} is not Matshot's and was left as it is; move it away first.")
    before = [path for path in installation["installed"].get(host, []) if path not in map(str, targets)]
    installation["installed"][host] = [*before, *map(str, targets)]
    installation |= {"python": sys.executable, "version": __version__}
    with staging_folder(place) as aside:
        copy_plugin(host, aside)
        kept = _keep_foreign_files(host, place, aside)
        with _exchanged([(aside / path.name, path) for path in targets], partial_path(place / "replaced")):
            _write_record(installation)
    if kept:
        report(f"Copies of files of the old plug-in that were changed are in {kept}.")
    return targets


def uninstall(host: str, version: str = "", into: Path | None = None) -> list[str]:
    """Remove what :func:`install` recorded for a host, and nothing else.

    Args:
        host: one of :data:`HOSTS`.
        version: only what was installed for this version.
        into: only what was installed into this folder.

    Returns:
        A sentence for everything that was recorded.

    Raises:
        MatshotError: when nothing is recorded, or something cannot be removed.
    """
    known = known_host(host)
    installation = _current_record()
    paths = [Path(path) for path in installation["installed"].get(host, [])]
    where = ""
    if version or into is not None:
        place = plugin_folder(host, version, into)
        paths = [path for path in paths if path.parent == place]
        where = f" in {place}"
    if not paths:
        raise MatshotError(f"No plug-in for {known.title} is recorded as installed{where}; nothing was removed.")
    changed = {path for path in paths if is_changed(str(path), str(path.parent / known.folder))}
    sentences = []
    for path in paths:
        sentences.append(f"{path} was changed and was kept." if path in changed else _removed(host, path))
        installation["installed"][host].remove(str(path))
        _write_record(installation)
        if host == "maya" and path.name == known.folder and path not in changed:
            sentences += _remove_shelves(path.parent.parent)
    return sentences


def _remove_shelves(place: Path) -> list[str]:
    """Remove the shelf that Maya saved with its preferences, unless it has buttons that are not Matshot's.

    Args:
        place: folder of one version of Maya, or of all.
    """
    sentences = []
    for shelf in [*place.glob("prefs/shelves/shelf_Matshot.mel"), *place.glob("*/prefs/shelves/shelf_Matshot.mel")]:
        text = shelf.read_text(encoding="utf-8", errors="replace")
        if text.count("shelfButton\n") > text.count('-command "import matshot_maya'):
            sentences.append(f"{shelf} has other buttons and was kept.")
            continue
        try:
            shelf.unlink()
            sentences.append(f"{shelf} was removed.")
        except OSError as error:
            sentences.append(f"{shelf} could not be removed: {os_reason(error)}.")
    return sentences


def installed_plugins() -> list[InstalledPlugin]:
    """Everything that is recorded as installed, and whether it still exists.

    Raises:
        MatshotError: when the record is damaged.
    """
    found = []
    for host, paths in _valid_record(record())["installed"].items():
        for path in map(Path, paths):
            exists = os.path.lexists(path) and _is_ours(host, path)
            found.append(InstalledPlugin(host, path, exists, _version(host, path) if exists else ""))
    return found


def _is_store_python(prefix: str) -> bool:
    """Whether a Python was installed from the Microsoft Store, which redirects what it writes to the user's folders."""
    return "windowsapps" in prefix.lower().replace("\\", "/").split("/")


def _source(host: str) -> Path:
    """The plug-in's folder in this package, or in the checkout that it is installed from."""
    place = plugin_files(host, HOSTS[host].folder)
    if place is not None:
        return place
    raise MatshotError(
        f"This installation of Matshot has no plug-in for {HOSTS[host].title}; reinstall Matshot with pip."
    )


def _is_ours(host: str, path: Path) -> bool:
    known = HOSTS[host]
    if path.name == known.folder:
        return (path / known.library / "__init__.py").is_file()
    try:
        return path.is_file() and "matshot" in path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _version(host: str, path: Path) -> str:
    try:
        source = (path / HOSTS[host].library / "__init__.py").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = _VERSION.search(source)
    return found[1] if found else ""


def _current_record() -> dict[str, Any]:
    """The record; empty without one, or if it is damaged, since writing it again repairs it."""
    try:
        return _valid_record(record())
    except MatshotError:
        return _valid_record({})


def _valid_record(installation: dict[str, Any]) -> dict[str, Any]:
    """A record whose list of installed paths is valid."""
    listed = installation.get("installed")
    lists = listed.items() if isinstance(listed, dict) else ()
    valid = {
        host: [path for path in paths if isinstance(path, str)]
        for host, paths in lists
        if host in HOSTS and isinstance(paths, list)
    }
    return {**installation, "installed": valid}


def _write_record(installation: Mapping[str, Any]) -> None:
    """Write the record; remove its file when nothing is installed any more.

    Raises:
        MatshotError: when it cannot be written; what was there stays.
    """
    file = Path(user_folder()) / RECORD
    installed = {host: paths for host, paths in installation["installed"].items() if paths}
    try:
        if installed:
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise MatshotError(f"{file} could not be written: {os_reason(error)}.") from error
            atomic_write(file, json.dumps({**installation, "installed": installed}, indent=2) + "\n")
        else:
            file.unlink(missing_ok=True)
    finally:
        with contextlib.suppress(OSError):
            file.parent.rmdir()  # goes only if it is empty


@contextlib.contextmanager
def _exchanged(moves: Sequence[tuple[Path, Path]], replaced: Path) -> Iterator[None]:
    """Move each to its place, and what was there to a folder that is removed at the end; move all back on failure.

    Raises:
        MatshotError: when something cannot be moved. What cannot be moved back then stays in the folder.
    """
    undo: list[tuple[Path, Path]] = []
    try:
        replaced.mkdir()
        for new, path in moves:
            try:
                if os.path.lexists(path):
                    old = replaced / f"old-{path.name}"
                    path.rename(old)
                    undo.append((old, path))
                new.rename(path)
            except OSError as error:
                raise MatshotError(
                    f"{path} cannot be replaced: {os_reason(error)}; close the program first."
                ) from error
            undo.append((path, new))
        yield
    except BaseException as error:
        for now, before in reversed(undo):
            with contextlib.suppress(OSError):
                now.rename(before)
        with contextlib.suppress(OSError):
            replaced.rmdir()  # goes only if it is empty
        if replaced.exists():
            raise MatshotError(f"{error} What was there could not be moved back; it is in {replaced}.") from error
        raise
    remove(replaced)


def _removed(host: str, path: Path) -> str:
    """Remove what was installed; a sentence about it."""
    if not os.path.lexists(path):
        return f"{path} no longer existed."
    if not _is_ours(host, path):
        return f"{path} is no longer Matshot's and was kept."
    foreign = _foreign_files(host, path)
    aside = partial_path(path)
    try:
        path.rename(aside)  # all of it or nothing
    except OSError as error:
        raise MatshotError(f"{path} cannot be removed: {os_reason(error)}; close the program first.") from error
    for name in foreign:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (aside / name).rename(path / name)
    remove(aside)
    if foreign:
        return f"{path} was removed, except for files that are not Matshot's: {', '.join(map(str, foreign))}."
    return f"{path} was removed."


def _foreign_files(host: str, folder: Path) -> list[Path]:
    """Files in a plug-in's folder that Matshot did not put there, or that were changed since; relative to it, sorted.

    In folders of versions that listed nothing, Python files count as the plug-in's: modules come and go.
    """
    if not folder.is_dir() or folder.is_symlink():
        return []
    changed = changed_files(str(folder))
    if changed is not None:
        return sorted(map(Path, changed))
    source, known = _source(host), HOSTS[host]
    own = {path.relative_to(source / known.folder) for path in (source / known.folder).rglob("*")}
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file() or path.is_symlink()]
    return sorted(file for file in files if file not in own and file.suffix not in (".py", ".pyc"))


def _keep_foreign_files(host: str, place: Path, aside: Path) -> str:
    """Keep what is not Matshot's of an installed plug-in, and list what is Matshot's of the one that takes its place.

    Args:
        host: one of :data:`HOSTS`.
        place: folder that the plug-in is in.
        aside: folder that the new one is in.

    Returns:
        As :func:`~matshot_host.contents.keep_files`.

    Raises:
        MatshotError: when that is not possible; nothing is replaced then.
    """
    known = HOSTS[host]
    folder, fresh = place / known.folder, aside / known.folder
    changed = changed_files(str(folder))
    if changed is None:
        changed = {name.as_posix(): True for name in _foreign_files(host, folder)}
    try:
        note_contents(str(fresh), {name: str(aside / name) for name in known.beside})
        return keep_files(str(folder), str(fresh), changed, known.beside)
    except OSError as error:
        raise MatshotError(f"{folder} has files of other origin that cannot be kept: {os_reason(error)}.") from error
