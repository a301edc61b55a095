"""Plug-ins put into their hosts, and taken out again.

Each is a folder of this project with ``matshot_host`` copied into it. It is made beside its place and then moved
there, so that a host never meets half of one; what was moved is noted in a file that plug-ins find their worker by.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matshot_host
from matshot_host.location import RECORD, record, user_folder

from .. import __version__
from ..errors import MatshotError
from .folders import blender_folder, maya_folder, unreal_folder, unreal_project

_LIBRARY = "matshot_host"
#: What Python and systems leave in folders.
_LEFTOVERS = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache", ".DS_Store", "Thumbs.db")
_VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Host:
    """A program that has a plug-in.

    Attributes:
        title: its name.
        folder: name of the plug-in's folder.
        library: where ``matshot_host`` lies in that.
        beside: files that belong beside the folder.
        loose: files for people who have only the folder, which are not installed.
        next: what is left to do there.
    """

    title: str
    folder: str
    library: str
    beside: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    next: str = ""


HOSTS: Mapping[str, Host] = {
    "blender": Host(
        "Blender",
        "matshot",
        _LIBRARY,
        next="Start Blender anew and tick Matshot in Edit > Preferences > Add-ons.",
    ),
    "maya": Host(
        "Maya",
        "matshot",
        f"scripts/{_LIBRARY}",
        ("matshot.mod",),
        ("drag_into_maya.py",),
        next="Start Maya anew; there is a shelf called Matshot.",
    ),
    "unreal": Host(
        "Unreal",
        "Matshot",
        f"Content/Python/{_LIBRARY}",
        next="Open the project anew; the tools are in Tools > Matshot.",
    ),
}


@dataclass(frozen=True)
class Installed:
    """What is noted about one installed folder or file, and what became of it.

    Attributes:
        host: one of :data:`HOSTS`.
        path: that was noted.
        there: whether it is still there, and Matshot's.
        version: of the plug-in; empty if it is not there, or is a single file.
    """

    host: str
    path: Path
    there: bool
    version: str


def known_host(name: str) -> Host:
    """The host of that name.

    Raises:
        MatshotError: when there is no plug-in for it.
    """
    if name not in HOSTS:
        raise MatshotError(f"There is no plug-in for {name!r}; there are {', '.join(HOSTS)}.")
    return HOSTS[name]


def packed(host: str, into: Path) -> Path:
    """Copy a plug-in, whole: with ``matshot_host`` in it, and the files that belong beside it.

    Args:
        host: one of :data:`HOSTS`.
        into: folder for the copy, made if it does not exist.

    Returns:
        The plug-in's folder.

    Raises:
        MatshotError: when there is no plug-in for that, this Matshot came without it, or the folder cannot be written.
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
        raise MatshotError(f"The plug-in for {known.title} cannot be copied to {into}.", str(error)) from error
    return folder


def plugin_place(
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
        into: that folder itself, or the project for Unreal; None to look for it.
        platform: as ``sys.platform`` calls it.
        environment: variables.

    Raises:
        MatshotError: when it is not found.
    """
    known = known_host(host)
    if host == "unreal":
        if version:
            raise MatshotError("Unreal's plug-in goes into a project, whatever the version; say which with --into.")
        return unreal_folder(into.absolute() if into is not None else unreal_project(platform, environment))
    if into is not None:
        if version:
            raise MatshotError("Either --version or --into says where the plug-in goes, not both.")
        if not into.is_dir():
            raise MatshotError(f"The folder {into} does not exist; {known.title} has to look for plug-ins there.")
        return into.absolute()
    find = blender_folder if host == "blender" else maya_folder
    return find(platform, environment, version)


def install(host: str, version: str = "", into: Path | None = None) -> list[Path]:
    """Put a plug-in into its host, instead of an older one, and note which Python it works with: this one.

    Args:
        host: one of :data:`HOSTS`.
        version: as :func:`plugin_place` takes it.
        into: likewise.

    Returns:
        What was put there: the folder and what belongs beside it.

    Raises:
        MatshotError: when the place is not found or cannot be written, or holds somebody else's folder of that name.
            Everything is then as it was.
    """
    known = known_host(host)
    place = plugin_place(host, version, into)
    wanted = [place / known.folder, *(place / name for name in known.beside)]
    noted = _noted()
    for path in wanted:
        if os.path.lexists(path) and str(path) not in noted["installed"].get(host, []) and not _is_ours(host, path):
            raise MatshotError(f"{path} is not Matshot's and stays as it is; move it away first.")
    before = [path for path in noted["installed"].get(host, []) if path not in map(str, wanted)]
    noted["installed"][host] = [*before, *map(str, wanted)]
    noted |= {"python": sys.executable, "version": __version__}
    with _written_beside(Path(user_folder()) / RECORD, noted) as record_written, _aside(place) as aside:
        packed(host, aside)
        with _exchanged([(aside / path.name, path) for path in wanted], aside):
            record_written()
    return wanted


def uninstall(host: str, version: str = "", into: Path | None = None) -> list[str]:
    """Remove what :func:`install` noted for a host, and nothing else.

    Args:
        host: one of :data:`HOSTS`.
        version: only what was put into the folder of this version.
        into: only what was put into this folder.

    Returns:
        A sentence on everything that was noted.

    Raises:
        MatshotError: when nothing is noted there, or something cannot be removed.
    """
    known = known_host(host)
    noted = _noted()
    paths = [Path(path) for path in noted["installed"].get(host, [])]
    where = ""
    if version or into is not None:
        place = plugin_place(host, version, into)
        paths = [path for path in paths if path.parent == place]
        where = f" in {place}"
    if not paths:
        raise MatshotError(f"No plug-in for {known.title} is noted as installed{where}; nothing was removed.")
    told = []
    for path in paths:
        told.append(_removed(host, path))
        noted["installed"][host].remove(str(path))
        _write_record(noted)
    return told


def installed() -> list[Installed]:
    """What is noted as installed, and whether it is still there.

    Raises:
        MatshotError: when the note is damaged.
    """
    found = []
    for host, paths in _sound(record())["installed"].items():
        for path in map(Path, paths):
            there = os.path.lexists(path) and _is_ours(host, path)
            found.append(Installed(host, path, there, _version(host, path) if there else ""))
    return found


def _source(host: str) -> Path:
    """The plug-in as this package holds it, or the checkout that this is."""
    here = Path(__file__).resolve().parent
    for folder in (here / "plugins" / host, here.parents[1] / "plugins" / host):
        if (folder / HOSTS[host].folder).is_dir():
            return folder
    raise MatshotError(f"This Matshot came without its plug-in for {HOSTS[host].title}; install it again with pip.")


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
        said = (path / HOSTS[host].library / "__init__.py").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = _VERSION.search(said)
    return found[1] if found else ""


def _noted() -> dict[str, Any]:
    """The record, empty if there is none; a damaged one counts as none, since writing it anew mends it."""
    try:
        return _sound(record())
    except MatshotError:
        return _sound({})


def _sound(noted: dict[str, Any]) -> dict[str, Any]:
    """A record of which the list of what is installed can be relied on."""
    said = noted.get("installed")
    lists = said.items() if isinstance(said, dict) else ()
    kept = {
        host: [path for path in paths if isinstance(path, str)]
        for host, paths in lists
        if host in HOSTS and isinstance(paths, list)
    }
    return {**noted, "installed": kept}


def _write_record(noted: Mapping[str, Any]) -> None:
    """Write what is noted; nothing is when nothing is installed any more."""
    file = Path(user_folder()) / RECORD
    if any(noted["installed"].values()):
        with _written_beside(file, noted) as written:
            written()
        return
    with contextlib.suppress(OSError):
        file.unlink()
        file.parent.rmdir()  # goes only if it is empty


class _Written:
    """Moves a file that was written beside another to its place."""

    def __init__(self, partial: Path, file: Path) -> None:
        self._partial, self._file = partial, file

    def __call__(self) -> None:
        self._partial.replace(self._file)


@contextlib.contextmanager
def _written_beside(file: Path, noted: Mapping[str, Any]) -> Iterator[_Written]:
    """Write the record beside its place, so that what can fail has failed before anything is installed."""
    partial = file.with_name(f".{file.name}.{uuid.uuid4().hex}.partial")
    installed = {host: paths for host, paths in noted["installed"].items() if paths}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps({**noted, "installed": installed}, indent=2) + "\n", encoding="utf-8")
        yield _Written(partial, file)
    except OSError as error:
        raise MatshotError(f"{file} cannot be written: {(error.strerror or str(error)).lower()}.") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
            file.parent.rmdir()  # goes only if it is empty


@contextlib.contextmanager
def _aside(place: Path) -> Iterator[Path]:
    """A folder inside the place, for what is moved in, and for what is moved out of the way."""
    made = not place.exists()
    aside = place / f".matshot-{uuid.uuid4().hex}.partial"
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise MatshotError(f"{place} cannot be written: {(error.strerror or str(error)).lower()}.") from error
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if made:
            with contextlib.suppress(OSError):
                place.rmdir()  # goes only if nothing was moved in


@contextlib.contextmanager
def _exchanged(moves: Sequence[tuple[Path, Path]], aside: Path) -> Iterator[None]:
    """Each moved to its place, and what was there out of the way; all moved back when something fails."""
    undo: list[tuple[Path, Path]] = []
    try:
        for new, path in moves:
            try:
                if os.path.lexists(path):
                    old = aside / f"old-{path.name}"
                    path.rename(old)
                    undo.append((old, path))
                new.rename(path)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise MatshotError(f"{path} cannot be replaced: {reason}; close the program first.") from error
            undo.append((path, new))
        yield
    except BaseException:
        for now, before in reversed(undo):
            with contextlib.suppress(OSError):
                now.rename(before)
        raise


def _removed(host: str, path: Path) -> str:
    """Remove what was installed, and say what became of it."""
    if not os.path.lexists(path):
        return f"{path} was gone already."
    if not _is_ours(host, path):
        return f"{path} is not Matshot's any more and stays."
    aside = path.with_name(f".{path.name}-{uuid.uuid4().hex}.partial")
    try:
        path.rename(aside)  # all of it or nothing
    except OSError as error:
        raise MatshotError(
            f"{path} cannot be removed: {(error.strerror or str(error)).lower()}; close the program first."
        ) from error
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.unlink(missing_ok=True)
    return f"{path} was removed."
