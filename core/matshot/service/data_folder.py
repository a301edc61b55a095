"""The folder of a service: how it knows that a folder is its own, and what in it may be removed.

A service deletes nothing that it did not make. Its folder carries a marker; a folder with other contents is refused. In
it only names of the service's own form count, and a folder of an asset or a job that the database does not know is
moved to ``lost/``, never deleted: the database may be new, or restored from an older backup.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sqlite3
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from ..errors import MatshotError
from ..files import atomic_file, free_path, is_link, os_reason, remove

#: File that says that a folder is a service's.
MARKER = "matshot-service.json"
#: File of the database.
DATABASE = "service.db"
#: Tables by which a service folder from before the marker is known.
_TABLES = {"assets", "jobs", "log", "starts"}
#: Folder of pictures for browsers, in that of an asset or a job.
PICTURES = ".shown"
#: Names of uploads and jobs (a random UUID) and of assets (SHA-256).
_UUID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
#: Names in the folders of assets and jobs, and of pictures.
_IN_JOB = re.compile(r"inputs|results|run-[0-9a-f]{12}|" + re.escape(PICTURES))
_RESULT_INPUT = re.compile(r"\d+")
_ATTEMPT = re.compile(r"run-[0-9a-f]{12}")
_PICTURE = re.compile(r"(?:\d+(?:-\d+)?|preview)-\d+\.png")
#: What counts as nothing in a new folder: what systems leave there, and a marker that was not finished.
_NOTHING = re.compile(r"lost\+found|\.DS_Store|Thumbs\.db|desktop\.ini|\.matshot-service\.[0-9a-f]{32}\.partial")

_log = logging.getLogger("matshot.service")


class DataFolder:
    """A folder that holds what a service keeps; made, or recognized, when this is created.

    Args:
        path: of the folder. A new or an empty one is taken; its permissions are set only when it is new.

    Attributes:
        path: absolute.
        assets: a folder for each asset, named by its SHA-256.
        jobs: a folder for each job, named by its UUID.
        incoming: a folder for each upload on its way.
        lost: what the database did not know.
        database: file of the database.

    Raises:
        MatshotError: for a folder with other contents, and one that cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.assets = self.path / "assets"
        self.jobs = self.path / "jobs"
        self.incoming = self.path / "incoming"
        self.lost = self.path / "lost"
        self.database = self.path / DATABASE
        try:
            self._claim()
            for folder in (self.assets, self.jobs, self.incoming, self.lost):
                if is_link(folder):
                    raise MatshotError(f"{folder} is a link; the service deletes files there, so use a real folder.")
            for folder in (self.assets, self.jobs, self.incoming):
                _make(folder)
        except OSError as error:
            raise MatshotError(f"The folder {self.path} cannot be used for the service: {os_reason(error)}.") from error

    def _claim(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _make(self.path)
        if self._is_marked():
            return
        others = [name for name in os.listdir(self.path) if not _NOTHING.fullmatch(name)]
        if others and not self._is_unmarked_service():
            raise MatshotError(
                f"The folder {self.path} holds files that do not belong to a Matshot service, such as {min(others)}. "
                "Choose a new or an empty folder with --data."
            )
        with atomic_file(self.path / MARKER) as partial:
            partial.write_text(json.dumps({"matshot_service": 1}) + "\n", encoding="utf-8")

    def _is_marked(self) -> bool:
        try:
            contents = json.loads((self.path / MARKER).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(contents, dict) and "matshot_service" in contents

    def _is_unmarked_service(self) -> bool:
        """Whether the folder's database has the tables of a service."""
        if not self.database.is_file():
            return False
        try:
            with contextlib.closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True)) as connection:
                names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise MatshotError(
                    f"Another program is using {self.database}. Choose another folder with --data."
                ) from error
            return False
        return names >= _TABLES

    def tidy(self, assets: Collection[str], jobs: Collection[str]) -> None:
        """Remove uploads that an ended process left, and move what the database does not know to ``lost/``.

        Args:
            assets: names of the assets that the database knows.
            jobs: names of the jobs that it knows.
        """
        for upload in _own(self.incoming, _UUID):
            remove(upload)
        unknown = [path for path in _own(self.assets, _SHA256) if path.name not in assets]
        unknown += [path for path in _own(self.jobs, _UUID) if path.name not in jobs]
        moved = [path for path in unknown if self.lose(path)]
        if moved:
            names = ", ".join(f"{path.parent.name}/{path.name}" for path in moved)
            count = f"{len(moved)} {'folder' if len(moved) == 1 else 'folders'}"
            _log.warning("Moved %s that the database does not know to %s: %s.", count, self.lost, names)
        foreign = [
            f"{folder.name}/{other.name}"
            for folder in (self.assets, self.jobs, self.incoming)
            for other in sorted(folder.iterdir())
            if not _is_own(other, _SHA256 if folder is self.assets else _UUID)
        ]
        if foreign:
            _log.warning("Not made by the service, and left alone in %s: %s.", self.path, ", ".join(foreign))

    def lose(self, folder: Path, name: str = "") -> bool:
        """Move a folder to ``lost/`` under a free name; an empty one is removed.

        Args:
            folder: to move.
            name: that it gets; empty for one of its own and that of its place.

        Returns:
            Whether it was moved. Where that fails, it stays.
        """
        with contextlib.suppress(OSError):
            folder.rmdir()  # goes only if it is empty
            return False
        try:
            _make(self.lost)
            folder.rename(free_path(self.lost / (name or f"{folder.parent.name}-{folder.name}")))
        except OSError as error:
            _log.warning("%s could not be moved to %s: %s", folder, self.lost, error)
            return False
        return True

    def put_asset(self, identifier: str, folder: Path) -> Path:
        """Move a whole asset to its place; what lies there already goes to ``lost/``.

        Raises:
            OSError: when it cannot be moved.
        """
        target = self.assets / identifier
        if os.path.lexists(target):
            self.lose(target)
        folder.rename(target)
        return target

    def remove_asset(self, identifier: str, files: Collection[str]) -> None:
        """Delete what the service wrote of an asset.

        Args:
            identifier: of the asset.
            files: names of its files.
        """
        _remove(self.assets / identifier, _SHA256, lambda name: name in files or name == PICTURES)

    def remove_job(self, identifier: str) -> None:
        """Delete what the service wrote of a job."""
        _remove(self.jobs / identifier, _UUID, lambda name: bool(_IN_JOB.fullmatch(name)))

    def put_job(self, identifier: str) -> None:
        """Move a job whose inputs are complete from ``incoming/`` to its place.

        Raises:
            OSError: when it cannot be moved.
        """
        (self.incoming / identifier).rename(self.jobs / identifier)

    def discard_job(self, identifier: str) -> None:
        """Delete a job that was not accepted."""
        if _UUID.fullmatch(identifier):
            remove(self.incoming / identifier)
        self.remove_job(identifier)

    def remove_runs(self, identifier: str, *, inputs: bool = False) -> None:
        """Delete the folders in which a job ran.

        Args:
            identifier: of the job.
            inputs: whether its inputs go as well.
        """
        folder = self.jobs / identifier
        if not _is_own(folder, _UUID):
            return
        with contextlib.suppress(FileNotFoundError):  # the whole job was removed meanwhile
            for name in os.listdir(folder):
                if _ATTEMPT.fullmatch(name) or (inputs and name == "inputs"):
                    _remove_small(folder / name)

    def remove_inputs(self, identifier: str, names: Collection[str]) -> None:
        """Delete inputs of a job that a process did not finish to link."""
        folder = self.jobs / identifier
        if _is_own(folder, _UUID):
            for name in names:
                if _RESULT_INPUT.fullmatch(name):
                    remove(folder / "inputs" / name)

    def lose_results(self, identifier: str) -> None:
        """Move results of a job that the database takes for unfinished to ``lost/``.

        They are of a process that ended before it could record them, or newer than the database.
        """
        results = self.jobs / identifier / "results"
        if not _is_own(results.parent, _UUID) or not results.is_dir() or is_link(results):
            return
        if self.lose(results, f"results-{identifier}"):
            _log.warning("Moved to %s results that the database does not know, of job %s.", self.lost, identifier)

    def pictures(self) -> Iterator[Path]:
        """Pictures for browsers in the folders of assets and jobs, of which one at a time is in memory."""
        for places, form in ((self.assets, _SHA256), (self.jobs, _UUID)):
            with os.scandir(places) as found:  # a Path for each of thousands would fill memory
                for place in found:
                    if not form.fullmatch(place.name) or not place.is_dir(follow_symlinks=False):
                        continue
                    folder = os.path.join(place.path, PICTURES)
                    if os.path.isdir(folder) and not is_link(folder):
                        yield from [path for path in Path(folder).iterdir() if _PICTURE.fullmatch(path.name)]


def _remove_small(folder: Path) -> None:
    """Remove a folder, fast where what it holds are empty folders, as it is for a run whose results were moved."""
    try:
        for name in os.listdir(folder) if not is_link(folder) else ():
            os.rmdir(folder / name)  # goes only if it is an empty folder
        os.rmdir(folder)
    except OSError:
        remove(folder)


def _own(folder: Path, form: re.Pattern[str]) -> list[Path]:
    """Folders of the service's own form, sorted."""
    return [path for path in sorted(folder.iterdir()) if _is_own(path, form)]


def _is_own(path: Path, form: re.Pattern[str]) -> bool:
    return form.fullmatch(path.name) is not None and path.is_dir() and not is_link(path)


def _make(folder: Path) -> None:
    """Make a folder for this user alone; permissions of one that exists stay."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)


def _remove(folder: Path, form: re.Pattern[str], is_own: Callable[[str], bool]) -> None:
    """Remove the service's own entries of a folder, and the folder unless somebody put more into it."""
    if not _is_own(folder, form):
        return
    others = []
    for path in sorted(folder.iterdir()):
        if is_own(path.name):
            remove(path)
        else:
            others.append(path.name)
    if others:
        _log.warning("Not made by the service, and left alone in %s: %s.", folder, ", ".join(others))
    else:
        with contextlib.suppress(OSError):
            folder.rmdir()
