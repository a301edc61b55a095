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
import shutil
import sqlite3
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path

from ..errors import MatshotError
from ..files import atomic_file, os_reason

#: File that says that a folder is a service's.
MARKER = "matshot-service.json"
#: File of the database.
DATABASE = "service.db"
#: Tables by which a folder of a service without a marker is known, as versions before 0.2 left it.
_TABLES = {"assets", "jobs", "log", "starts"}
#: Names of uploads and jobs (a random UUID) and of assets (SHA-256).
_UUID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

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
            for folder in (self.assets, self.jobs, self.incoming):
                folder.mkdir(exist_ok=True)
        except OSError as error:
            raise MatshotError(f"The folder {self.path} cannot be used for the service: {os_reason(error)}.") from error

    def _claim(self) -> None:
        if not self.path.exists():
            self.path.mkdir(parents=True, mode=0o700)
        elif (self.path / MARKER).is_file():
            return
        elif any(self.path.iterdir()) and not self._is_unmarked_service():
            raise MatshotError(
                f"The folder {self.path} holds files that do not belong to a Matshot service. "
                "Choose a new or an empty folder with --data."
            )
        with atomic_file(self.path / MARKER) as partial:
            partial.write_text(json.dumps({"matshot_service": 1}) + "\n", encoding="utf-8")

    def _is_unmarked_service(self) -> bool:
        """Whether the folder's database has the tables of a service."""
        if not self.database.is_file():
            return False
        try:
            with contextlib.closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True)) as connection:
                names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except sqlite3.OperationalError as error:
            # A service that runs holds its database; opening it will say so.
            return "locked" in str(error)
        except sqlite3.Error:
            return False
        return names >= _TABLES

    def tidy(self, assets: Collection[str], jobs: Collection[str]) -> None:
        """Remove uploads that an ended process left, and move what the database does not know to ``lost/``.

        Args:
            assets: names of the assets that the database knows.
            jobs: names of the jobs that it knows.
        """
        for upload in _own(self.incoming, _UUID):
            shutil.rmtree(upload, ignore_errors=True)
        unknown = [path for path in _own(self.assets, _SHA256) if path.name not in assets]
        unknown += [path for path in _own(self.jobs, _UUID) if path.name not in jobs]
        moved = [path for path in unknown if self.lose(path)]
        if moved:
            names = ", ".join(f"{path.parent.name}/{path.name}" for path in moved)
            _log.warning("Moved to %s what the database does not know: %s.", self.lost, names)
        for folder in (self.assets, self.jobs, self.incoming):
            for other in sorted(folder.iterdir()):
                if not _is_own(other, _SHA256 if folder is self.assets else _UUID):
                    _log.warning("%s was not made by the service and is left alone.", other)

    def lose(self, folder: Path) -> bool:
        """Move a folder to ``lost/`` under a free name; False where that fails, and it stays."""
        try:
            self.lost.mkdir(exist_ok=True)
            target = self.lost / f"{folder.parent.name}-{folder.name}"
            if os.path.lexists(target):
                target = target.with_name(f"{target.name}-{uuid.uuid4().hex[:8]}")
            folder.rename(target)
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

    def remove_asset(self, identifier: str) -> None:
        """Delete the folder of an asset."""
        _remove(self.assets / identifier, _SHA256)

    def remove_job(self, identifier: str) -> None:
        """Delete the folder of a job."""
        _remove(self.jobs / identifier, _UUID)

    def pictures(self, folder_name: str) -> Iterator[Path]:
        """Pictures for browsers in the folders of assets and jobs.

        Args:
            folder_name: of the folder that holds them.
        """
        for places, form in ((self.assets, _SHA256), (self.jobs, _UUID)):
            for place in _own(places, form):
                yield from (place / folder_name).glob("*.png")


def _own(folder: Path, form: re.Pattern[str]) -> list[Path]:
    """Folders of the service's own form, sorted."""
    return [path for path in sorted(folder.iterdir()) if _is_own(path, form)]


def _is_own(path: Path, form: re.Pattern[str]) -> bool:
    return form.fullmatch(path.name) is not None and path.is_dir() and not path.is_symlink()


def _remove(path: Path, form: re.Pattern[str]) -> None:
    if _is_own(path, form):
        shutil.rmtree(path, ignore_errors=True)
