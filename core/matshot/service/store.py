"""The service's database: assets, jobs and their logs, in SQLite.

Every change is on the disk when its method returns, so it survives a service that is killed.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import MatshotError

#: States of a job that has not ended.
LIVE = ("waiting", "running")
#: Final states.
ENDED = ("done", "failed", "cancelled")
#: Version of the tables.
_VERSION = 1

_TABLES = """
CREATE TABLE assets (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    bytes INTEGER NOT NULL, files TEXT NOT NULL, created REAL NOT NULL, used REAL NOT NULL
);
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, tool TEXT NOT NULL, inputs TEXT NOT NULL,
    parameters TEXT NOT NULL, key TEXT UNIQUE, digest TEXT NOT NULL, state TEXT NOT NULL, cancelling INTEGER NOT NULL,
    deleted INTEGER NOT NULL, attempts INTEGER NOT NULL, created REAL NOT NULL, started REAL, ended REAL,
    sentence TEXT NOT NULL, cause TEXT NOT NULL, results TEXT NOT NULL, failures TEXT NOT NULL, bytes INTEGER NOT NULL
);
CREATE INDEX jobs_by_state ON jobs (state, number);
CREATE TABLE log (job TEXT NOT NULL, time REAL NOT NULL, text TEXT NOT NULL);
CREATE INDEX log_by_job ON log (job);
CREATE TABLE starts (number INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL);
"""


@dataclass(frozen=True)
class AssetRecord:
    """An upload.

    Attributes:
        id: SHA-256 of what it holds.
        kind: ``image`` or ``material``.
        name: as it was called when it first came.
        width: in pixels.
        height: in pixels.
        bytes: on the disk.
        files: {name, map, width, height, bytes} each; names are those of files in the asset's folder.
        created: seconds since 1970.
        used: when it was last sent or given to a job.
    """

    id: str
    kind: str
    name: str
    width: int
    height: int
    bytes: int
    files: Sequence[Mapping[str, Any]]
    created: float
    used: float


@dataclass(frozen=True)
class JobRecord:
    """A job.

    Attributes:
        number: counts all jobs.
        id: as clients know it.
        tool: its name.
        inputs: {asset, name, kind, normal, path} each; the path is relative to the job's folder.
        parameters: as they were given.
        key: of the client's, under which the same job is asked for again; None for none.
        digest: of what was asked for with that key.
        state: ``waiting``, ``running``, ``done``, ``failed`` or ``cancelled``.
        cancelling: whether it is to end.
        deleted: whether it is to go when it has ended.
        attempts: how often it was begun.
        created: seconds since 1970.
        started: likewise, None before.
        ended: likewise, None before.
        sentence: why it failed, else empty.
        cause: of that, for the log.
        results: as :class:`~matshot.service.runner.Runner` describes them; paths are within the results.
        failures: sentences about single files that failed.
        bytes: of its results.
    """

    number: int
    id: str
    tool: str
    inputs: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, Any]
    key: str | None
    digest: str
    state: str
    cancelling: bool
    deleted: bool
    attempts: int
    created: float
    started: float | None
    ended: float | None
    sentence: str = ""
    cause: str = ""
    results: Sequence[Mapping[str, Any]] = field(default=())
    failures: Sequence[str] = field(default=())
    bytes: int = 0


class Store:
    """The tables; for any thread.

    Args:
        file: of the database, made if it is not there.

    Raises:
        MatshotError: when it cannot be opened, is damaged, or in use by another service.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        try:
            if not file.exists():
                file.touch(mode=0o600)  # for this user alone, whatever the folder's permissions
            self._database = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=1.0)
            self._database.row_factory = sqlite3.Row
            # One service has the folder at a time; the system takes the lock off one that dies.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and self._database.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise MatshotError(f"{file} is not a service's database. Choose another folder with --data.")
            self._database.execute("PRAGMA journal_mode = WAL")
            # What was answered to a client is to survive a power cut too.
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("BEGIN EXCLUSIVE")
            self._database.execute("COMMIT")
            if version == 0:
                self._database.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")
            elif version != _VERSION:
                raise MatshotError(f"{file} belongs to another version of Matshot. Choose another folder with --data.")
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise MatshotError(
                    f"Another service is using {file.parent}. Choose another folder with --data."
                ) from error
            raise MatshotError(f"{file} cannot be opened as the service's database: {error}.", str(error)) from error

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    def begin(self) -> int:
        """Note that the service starts; how often it has by now."""
        with self._change() as database:
            return int(database.execute("INSERT INTO starts (time) VALUES (?)", (now(),)).lastrowid or 0)

    def check(self) -> None:
        """Whether the database still answers.

        Raises:
            sqlite3.Error: when it does not.
        """
        self._rows("SELECT number FROM starts LIMIT 1")

    # Assets

    def asset(self, identifier: str) -> AssetRecord | None:
        """An asset, None if there is none."""
        rows = self._rows("SELECT * FROM assets WHERE id = ?", identifier)
        return AssetRecord(**{**dict(rows[0]), "files": json.loads(rows[0]["files"])}) if rows else None

    def add_asset(self, asset: AssetRecord) -> None:
        """Remember an asset."""
        values = {**vars(asset), "files": json.dumps(asset.files)}
        with self._change() as database:
            database.execute(_insert("assets", values), values)

    def use_asset(self, identifier: str) -> None:
        """Note that it was needed."""
        with self._change() as database:
            database.execute("UPDATE assets SET used = ? WHERE id = ?", (now(), identifier))

    def remove_asset(self, identifier: str) -> bool:
        """Forget an asset; False if there is none."""
        with self._change() as database:
            return database.execute("DELETE FROM assets WHERE id = ?", (identifier,)).rowcount > 0

    def asset_ids(self, unused_since: float | None = None) -> list[str]:
        """All, or those that nothing used since then."""
        bound = now() + 1 if unused_since is None else unused_since
        return [row["id"] for row in self._rows("SELECT id FROM assets WHERE used < ?", bound)]

    # Jobs

    def job(self, identifier: str) -> JobRecord | None:
        """A job, None if there is none."""
        rows = self._rows("SELECT * FROM jobs WHERE id = ?", identifier)
        return _job(rows[0]) if rows else None

    def job_of_key(self, key: str) -> JobRecord | None:
        """The job that was asked for with a client's key, None if there is none."""
        rows = self._rows("SELECT * FROM jobs WHERE key = ?", key)
        return _job(rows[0]) if rows else None

    def jobs(self, state: str | None, most: int, before: int | None) -> list[JobRecord]:
        """Jobs, newest first.

        Args:
            state: that they have; None for any.
            most: of them.
            before: number below which theirs are; None for no bound.
        """
        wanted, values = ["deleted = 0"], list[Any]()
        if state is not None:
            wanted.append("state = ?")
            values.append(state)
        if before is not None:
            wanted.append("number < ?")
            values.append(before)
        query = f"SELECT * FROM jobs WHERE {' AND '.join(wanted)} ORDER BY number DESC LIMIT ?"
        return [_job(row) for row in self._rows(query, *values, most)]

    def live_jobs(self) -> list[JobRecord]:
        """Those that have not ended, oldest first."""
        return [_job(row) for row in self._rows("SELECT * FROM jobs WHERE state IN (?, ?) ORDER BY number", *LIVE)]

    def add_job(self, job: JobRecord, most_live: int) -> JobRecord | None:
        """Remember a job, with a number of its own, and that its assets were needed.

        Args:
            job: whose number does not count.
            most_live: jobs that may wait or run.

        Returns:
            The job that was asked for with the same key, if there is one; None if there is no room.
        """
        values = {name: value for name, value in vars(job).items() if name != "number"}
        for name in ("inputs", "parameters", "results", "failures"):
            values[name] = json.dumps(values[name])
        with self._change() as database:
            if job.key is not None:
                known = database.execute("SELECT * FROM jobs WHERE key = ?", (job.key,)).fetchone()
                if known is not None:
                    return _job(known)
            count = database.execute("SELECT COUNT(*) FROM jobs WHERE state IN (?, ?)", LIVE).fetchone()[0]
            if count >= most_live:
                return None
            database.execute(_insert("jobs", values), values)
            used = [(now(), one["asset"]) for one in job.inputs]
            database.executemany("UPDATE assets SET used = ? WHERE id = ?", used)
            return _job(database.execute("SELECT * FROM jobs WHERE id = ?", (job.id,)).fetchone())

    def change_job(self, identifier: str, **values: Any) -> None:
        """Change some of a job that has not ended; one that has stays as it is, but for ``deleted``."""
        for name in ("results", "failures"):
            if name in values:
                values[name] = json.dumps(values[name])
        assigned = ", ".join(f"{name} = :{name}" for name in values)
        live = "" if set(values) == {"deleted"} else f" AND state IN {LIVE!r}"
        with self._change() as database:
            database.execute(f"UPDATE jobs SET {assigned} WHERE id = :id{live}", {**values, "id": identifier})

    def remove_job(self, identifier: str) -> None:
        """Forget a job."""
        with self._change() as database:
            database.execute("DELETE FROM jobs WHERE id = ?", (identifier,))
            database.execute("DELETE FROM log WHERE job = ?", (identifier,))

    def job_ids(self, ended_before: float | None = None, *, deleted: bool = False) -> list[str]:
        """All; or those that ended before then, or that are to go."""
        if deleted:
            rows = self._rows("SELECT id FROM jobs WHERE deleted = 1 AND ended IS NOT NULL")
        elif ended_before is not None:
            rows = self._rows("SELECT id FROM jobs WHERE ended < ?", ended_before)
        else:
            rows = self._rows("SELECT id FROM jobs")
        return [row["id"] for row in rows]

    def jobs_before(self, number: int) -> int:
        """How many wait that came before."""
        return int(self._rows("SELECT COUNT(*) FROM jobs WHERE state = 'waiting' AND number < ?", number)[0][0])

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state."""
        found = {row[0]: row[1] for row in self._rows("SELECT state, COUNT(*) FROM jobs WHERE deleted = 0 GROUP BY 1")}
        return {state: found.get(state, 0) for state in (*LIVE, *ENDED)}

    def bytes(self) -> int:
        """That assets and results take."""
        query = "SELECT (SELECT IFNULL(SUM(bytes), 0) FROM assets) + (SELECT IFNULL(SUM(bytes), 0) FROM jobs)"
        return int(self._rows(query)[0][0])

    # Log

    def write_log(self, identifier: str, text: str) -> tuple[float, str]:
        """Add a line to a job's log; its time and text."""
        time = now()
        with self._change() as database:
            database.execute("INSERT INTO log VALUES (?, ?, ?)", (identifier, time, text))
        return time, text

    def log(self, identifier: str) -> list[tuple[float, str]]:
        """Times and texts of a job's log."""
        query = "SELECT time, text FROM log WHERE job = ? ORDER BY rowid"
        return [(row["time"], row["text"]) for row in self._rows(query, identifier)]


def now() -> float:
    """Seconds since 1970."""
    return datetime.now(UTC).timestamp()


def _insert(table: str, values: Mapping[str, Any]) -> str:
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})"


_READ: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("inputs", "parameters", "results", "failures"), json.loads),
    **dict.fromkeys(("cancelling", "deleted"), bool),
}


def _job(row: sqlite3.Row) -> JobRecord:
    return JobRecord(**{name: _READ.get(name, lambda value: value)(row[name]) for name in row.keys()})  # noqa: SIM118
