"""The service's database: assets, jobs and their logs, presets and webhooks, in SQLite.

Every change survives a service that is killed. What clients were promised (uploads, jobs and their ends) is on the disk
when its method returns, so it survives a power cut too; threads that wait for the disk share one trip to it.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..errors import MatshotError
from .migrations import migrate
from .records import ENDED, LIVE, AssetRecord, Delivery, JobFilter, JobRecord, Preset

#: Records of each kind that are kept in memory, since every request reads some; each takes some kilobytes.
_CACHED = 128
#: KiB of the database's pages that SQLite keeps in memory; records that are read often are kept besides.
_PAGES = 512
#: Seconds that a service that was off counts for at most, for what it keeps.
_MOST_OFF = 86400.0

_Record = TypeVar("_Record")


class _Cache(Generic[_Record]):
    """Records that were read lately, by id; for any thread.

    The store puts and forgets with the lock of the database, so that none is older than the database.
    """

    def __init__(self) -> None:
        self._records: collections.OrderedDict[str, _Record] = collections.OrderedDict()
        self._lock = threading.Lock()

    def get(self, identifier: str) -> _Record | None:
        with self._lock:
            return self._records.get(identifier)

    def put(self, identifier: str, record: _Record) -> None:
        with self._lock:
            self._records[identifier] = record
            if len(self._records) > _CACHED:
                self._records.popitem(last=False)

    def forget(self, *identifiers: str) -> None:
        with self._lock:
            for identifier in identifiers:
                self._records.pop(identifier, None)


class Store:
    """The tables; for any thread.

    Args:
        file: of the database, made if it is not there.

    Raises:
        MatshotError: when it cannot be opened, is damaged, or in use by another service.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        self._jobs, self._assets = _Cache[JobRecord](), _Cache[AssetRecord]()
        self._logs = _Cache[list[tuple[float, str]]]()
        self._syncing = threading.Lock()
        self._committed = self._synced = 0
        self.backup: Path | None = None
        try:
            if not file.exists():
                file.touch(mode=0o600)  # for this user alone, whatever the folder's permissions
            self._database = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=1.0)
            self._database.row_factory = sqlite3.Row
            # One service has the folder at a time; the system takes the lock off one that dies.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute(f"PRAGMA cache_size = -{_PAGES}")
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and self._database.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise MatshotError(f"{file} is not a service's database. Choose another folder with --data.")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("BEGIN EXCLUSIVE")
            self._database.execute("COMMIT")
            self.backup = migrate(self._database, file, version)
            # From here on, this class itself brings the log to the disk where that is needed.
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute("UPDATE facts SET value = value WHERE name = 'bytes'")
            self._database.execute("COMMIT")
            self._log_file = os.open(f"{file}-wal", os.O_RDWR)
            facts = {row["name"]: row["value"] for row in self._database.execute("SELECT * FROM facts")}
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise MatshotError(
                    f"Another service is using {file.parent}. Choose another folder with --data."
                ) from error
            raise MatshotError(f"{file} cannot be opened as the service's database: {error}.", str(error)) from error
        self._bytes = int(facts["bytes"])
        off = now() - facts["wall_time"] if facts["wall_time"] else 0.0
        self._began = time.monotonic()
        self._time_at_start = facts["service_time"] + min(max(off, 0.0), _MOST_OFF)

    def close(self) -> None:
        """Close the database."""
        with contextlib.suppress(sqlite3.Error):
            self.note_time()
        with self._syncing, self._lock:
            if self._log_file >= 0:
                os.close(self._log_file)  # first, since SQLite deletes it
                self._log_file = -1
            self._database.close()

    def service_time(self) -> float:
        """Seconds that the service has run by now, by a clock that nobody sets.

        The wall clock counts only while the service is off, forward, and a day at most. So no jump of the clock
        ends what is kept.
        """
        return float(self._time_at_start + time.monotonic() - self._began)

    def expiry(self, since: float | None, days: float) -> float | None:
        """When something expires, in seconds since 1970 by the clock as it is now, to the minute; None for never.

        Args:
            since: the service's time from which on it is kept; None for what is not kept for a time yet.
            days: that it is kept; 0 for ever.
        """
        if since is None or not days:
            return None
        return round((now() + since + days * 86400 - self.service_time()) / 60) * 60.0

    def note_time(self) -> None:
        """Remember the service's time for the next start."""
        values = [(self.service_time(), "service_time"), (now(), "wall_time")]
        with self._change(durable=False) as database:
            database.executemany("UPDATE facts SET value = ? WHERE name = ?", values)

    @contextmanager
    def _change(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction; durable ones are on the disk when the block ends."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._bytes = int(self._database.execute("SELECT value FROM facts WHERE name = 'bytes'").fetchone()[0])
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
            self._committed += 1
            number = self._committed
        if durable:
            self._sync(number)

    def _sync(self, number: int) -> None:
        """Bring the changes up to that one to the disk, with all that came since."""
        with self._syncing:
            if self._synced >= number:
                return
            latest = self._committed
            if self._log_file >= 0:  # else closing brought everything to the disk
                os.fsync(self._log_file)
            self._synced = latest

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    def _record(
        self, cache: _Cache[_Record], table: str, of_row: Callable[[sqlite3.Row], _Record], identifier: str
    ) -> _Record | None:
        """A record by its id, from memory where it is; None if there is none."""
        if (known := cache.get(identifier)) is not None:
            return known
        with self._lock:  # so that what is put into the cache is not older than the database
            rows = self._rows(f"SELECT * FROM {table} WHERE id = ?", identifier)
            if not rows:
                return None
            record = of_row(rows[0])
            cache.put(identifier, record)
            return record

    def begin(self) -> int:
        """Note that the service starts; how often it has by now."""
        with self._change(durable=False) as database:
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
        return self._record(self._assets, "assets", _asset, identifier)

    def assets(self, owner: str | None, kind: str, most: int, before: str | None) -> list[AssetRecord]:
        """Assets, newest first.

        Args:
            owner: whose; None for all.
            kind: that they have; empty for any.
            most: of them.
            before: id of the asset after which the list begins; None for the newest.
        """
        wanted, values = ["1"], list[Any]()
        if owner is not None:
            wanted.append("id IN (SELECT asset FROM asset_owners WHERE owner = ?)")
            values.append(owner)
        if kind:
            wanted.append("kind = ?")
            values.append(kind)
        if before is not None:
            wanted.append("(created, id) < (SELECT created, id FROM assets WHERE id = ?)")
            values.append(before)
        query = f"SELECT * FROM assets WHERE {' AND '.join(wanted)} ORDER BY created DESC, id DESC LIMIT ?"
        return [_asset(row) for row in self._rows(query, *values, most)]

    def keep_assets(
        self, new: Sequence[AssetRecord], known: Sequence[str], owner: str = "", *, durable: bool = True
    ) -> None:
        """Remember assets that are new, and that others were sent again; all are of this user, too."""
        used, used_at = now(), self.service_time()
        identifiers = [*(asset.id for asset in new), *known]
        with self._change(durable=durable) as database:
            for asset in new:
                values = {**vars(asset), "files": json.dumps(asset.files), "used_at": used_at}
                database.execute(_insert("assets", values), values)
            again = [(used, used_at, identifier) for identifier in known]
            database.executemany("UPDATE assets SET used = ?, used_at = ? WHERE id = ?", again)
            owners = [(identifier, owner) for identifier in identifiers]
            database.executemany("INSERT OR IGNORE INTO asset_owners VALUES (?, ?)", owners)
            self._assets.forget(*identifiers)

    def owns_asset(self, identifier: str, owner: str) -> bool:
        """Whether a user has sent an asset."""
        query = "SELECT 1 FROM asset_owners WHERE asset = ? AND owner = ?"
        return bool(self._rows(query, identifier, owner))

    def disown_asset(self, identifier: str, owner: str) -> bool:
        """Take an asset from a user; whether others have it still."""
        with self._change(durable=False) as database:
            database.execute("DELETE FROM asset_owners WHERE asset = ? AND owner = ?", (identifier, owner))
            query = "SELECT 1 FROM asset_owners WHERE asset = ?"
            return database.execute(query, (identifier,)).fetchone() is not None

    def remove_asset(self, identifier: str) -> bool:
        """Forget an asset; False if there is none."""
        with self._change(durable=False) as database:
            self._assets.forget(identifier)
            database.execute("DELETE FROM asset_owners WHERE asset = ?", (identifier,))
            return database.execute("DELETE FROM assets WHERE id = ?", (identifier,)).rowcount > 0

    def asset_ids(self, unused_since: float | None = None) -> list[str]:
        """All, or those that nothing used since then, in the service's own time."""
        if unused_since is None:
            return [row["id"] for row in self._rows("SELECT id FROM assets")]
        return [row["id"] for row in self._rows("SELECT id FROM assets WHERE used_at < ?", unused_since)]

    # Jobs

    def job(self, identifier: str) -> JobRecord | None:
        """A job, None if there is none."""
        return self._record(self._jobs, "jobs", _job, identifier)

    def job_of_key(self, key: str) -> JobRecord | None:
        """The job that was asked for with a client's key, None if there is none."""
        rows = self._rows("SELECT * FROM jobs WHERE key = ?", key)
        return _job(rows[0]) if rows else None

    def jobs(self, wanted: JobFilter, most: int) -> list[JobRecord]:
        """Jobs that pass a filter, newest first, so many at most."""
        parts, values = ["deleted = 0"], list[Any]()
        if wanted.owner is not None:
            parts.append("owner = ?")
            values.append(wanted.owner)
        if wanted.states:
            parts.append(f"state IN ({', '.join('?' * len(wanted.states))})")
            values += wanted.states
        for name in ("tool", "chain"):
            if value := getattr(wanted, name):
                parts.append(f"{name} = ?")
                values.append(value)
        if wanted.tag:
            parts.append("EXISTS (SELECT 1 FROM json_each(jobs.tags) WHERE value = ?)")
            values.append(wanted.tag)
        if wanted.before is not None:
            parts.append("number < ?")
            values.append(wanted.before)
        query = f"SELECT * FROM jobs WHERE {' AND '.join(parts)} ORDER BY number DESC LIMIT ?"
        return [_job(row) for row in self._rows(query, *values, most)]

    def live_jobs(self) -> list[JobRecord]:
        """Those that have not ended, in the order in which they run."""
        query = "SELECT * FROM jobs WHERE state IN (?, ?) ORDER BY priority DESC, number"
        return [_job(row) for row in self._rows(query, *LIVE)]

    def live_count(self) -> int:
        """How many jobs have not ended."""
        return int(self._rows("SELECT COUNT(*) FROM jobs WHERE state IN (?, ?)", *LIVE)[0][0])

    def following(self, identifier: str) -> list[JobRecord]:
        """Jobs that take the results of a job."""
        return [_job(row) for row in self._rows("SELECT * FROM jobs WHERE after = ? AND chain != ''", identifier)]

    def add_jobs(self, jobs: Sequence[JobRecord], most_live: int) -> list[JobRecord] | None:
        """Remember the steps of a chain, one job, or several, all or none; and that their assets were needed.

        Args:
            jobs: whose numbers do not count.
            most_live: jobs that may wait or run.

        Returns:
            They as they were stored; the jobs that were asked for with the same keys, if the first has one that is
            known; None if there is no room.
        """
        with self._change() as database:
            known = [
                row
                for job in jobs
                if job.key is not None
                for row in database.execute("SELECT * FROM jobs WHERE key = ?", (job.key,))
            ]
            if known:
                return [_job(row) for row in known]
            if self.live_count() + len(jobs) > most_live:
                return None
            stored = list[JobRecord]()
            for job in jobs:
                values = {name: value for name, value in vars(job).items() if name != "number"}
                values |= {name: json.dumps(values[name]) for name in _LISTS}
                number = database.execute(_insert("jobs", values), values).lastrowid or 0
                stored.append(replace(job, number=number))
            needed = [(now(), self.service_time(), one["asset"]) for job in jobs for one in job.inputs]
            database.executemany("UPDATE assets SET used = ?, used_at = ? WHERE id = ?", needed)
            self._assets.forget(*(asset for _, _, asset in needed))
            return stored

    def change_job(self, identifier: str, *, durable: bool = False, **values: Any) -> None:
        """Change some of a job that has not ended; one that has stays as it is, but for ``deleted``."""
        self.change_jobs({identifier: values}, durable=durable)

    def change_jobs(
        self, changes: Mapping[str, Mapping[str, Any]], deliveries: Sequence[Delivery] = (), *, durable: bool = True
    ) -> None:
        """Change several jobs at once, as :meth:`change_job`, and remember webhooks that this brings about."""
        with self._lock:  # so that what is put into the cache is not older than the database
            known = {identifier: self._jobs.get(identifier) for identifier in changes}
            changed = list[JobRecord]()
            with self._change(durable=False) as database:
                self._jobs.forget(*changes)
                for identifier, given in changes.items():
                    ending = {"ended_at": self.service_time()} if "ended" in given else {}
                    values = {**given, **ending}
                    stored = {name: json.dumps(value) if name in _LISTS else value for name, value in values.items()}
                    assigned = ", ".join(f"{name} = :{name}" for name in stored)
                    live = "" if set(values) == {"deleted"} else f" AND state IN {LIVE!r}"
                    database.execute(f"UPDATE jobs SET {assigned} WHERE id = :id{live}", {**stored, "id": identifier})
                    job = known[identifier]
                    if job is not None and (job.state in LIVE or not live):
                        flags = {name: bool(values[name]) for name in _FLAGS if name in values}
                        changed.append(replace(job, **{**values, **flags}))
                for one in deliveries:
                    database.execute(_insert("webhooks", vars(one)), vars(one))
            for job in changed:
                self._jobs.put(job.id, job)
            number = self._committed
        if durable:
            self._sync(number)

    def remove_job(self, identifier: str) -> None:
        """Forget a job."""
        with self._change(durable=False) as database:
            database.execute("DELETE FROM jobs WHERE id = ?", (identifier,))
            database.execute("DELETE FROM log WHERE job = ?", (identifier,))
            self._jobs.forget(identifier)
            self._logs.forget(identifier)

    def job_ids(self, ended_before: float | None = None, *, deleted: bool = False) -> list[str]:
        """All; or those that ended before then in the service's own time, or that are to go."""
        if deleted:
            rows = self._rows("SELECT id FROM jobs WHERE deleted = 1 AND ended IS NOT NULL")
        elif ended_before is not None:
            rows = self._rows("SELECT id FROM jobs WHERE ended_at < ?", ended_before)
        else:
            rows = self._rows("SELECT id FROM jobs")
        return [row["id"] for row in rows]

    def jobs_before(self, job: JobRecord) -> int:
        """How many wait that run before a job."""
        query = "SELECT COUNT(*) FROM jobs WHERE state = 'waiting' AND (priority > ? OR priority = ? AND number < ?)"
        return int(self._rows(query, job.priority, job.priority, job.number)[0][0])

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state."""
        found = {row[0]: row[1] for row in self._rows("SELECT state, COUNT(*) FROM jobs WHERE deleted = 0 GROUP BY 1")}
        return {state: found.get(state, 0) for state in (*LIVE, *ENDED)}

    def bytes(self) -> int:
        """That assets and results take."""
        return self._bytes

    # Presets

    def presets(self, owner: str) -> list[Preset]:
        """Those of a user, by name."""
        return [_preset(row) for row in self._rows("SELECT * FROM presets WHERE owner = ? ORDER BY name", owner)]

    def preset(self, owner: str, name: str) -> Preset | None:
        """One of a user's, None if there is none."""
        rows = self._rows("SELECT * FROM presets WHERE owner = ? AND name = ?", owner, name)
        return _preset(rows[0]) if rows else None

    def put_preset(self, preset: Preset) -> None:
        """Keep a preset, in the place of one of its name."""
        values = {**vars(preset), "parameters": json.dumps(preset.parameters)}
        with self._change() as database:
            database.execute(_insert("presets", values).replace("INSERT", "INSERT OR REPLACE", 1), values)

    def remove_preset(self, owner: str, name: str) -> bool:
        """Forget a preset; False if there is none."""
        with self._change() as database:
            return database.execute("DELETE FROM presets WHERE owner = ? AND name = ?", (owner, name)).rowcount > 0

    # Webhooks

    def due_deliveries(self) -> list[Delivery]:
        """Webhooks that are to be tried now, the oldest first."""
        rows = self._rows("SELECT * FROM webhooks WHERE due <= ? ORDER BY due LIMIT 100", self.service_time())
        return [Delivery(**dict(row)) for row in rows]

    def put_off_delivery(self, delivery: Delivery, seconds: float) -> None:
        """Try a webhook again later."""
        values = (delivery.tries + 1, self.service_time() + seconds, delivery.id)
        with self._change(durable=False) as database:
            database.execute("UPDATE webhooks SET tries = ?, due = ? WHERE id = ?", values)

    def remove_delivery(self, identifier: str) -> None:
        """Forget a webhook."""
        with self._change(durable=False) as database:
            database.execute("DELETE FROM webhooks WHERE id = ?", (identifier,))

    # Log

    def write_log(self, identifier: str, text: str) -> tuple[float, str]:
        """Add a line to a job's log; its time and text."""
        written = now()
        with self._change(durable=False) as database:
            database.execute("INSERT INTO log VALUES (?, ?, ?)", (identifier, written, text))
            self._logs.forget(identifier)
        return written, text

    def log(self, identifier: str) -> list[tuple[float, str]]:
        """Times and texts of a job's log."""
        if (known := self._logs.get(identifier)) is not None:
            return known
        with self._lock:  # so that what is put into the cache is not older than the database
            query = "SELECT time, text FROM log WHERE job = ? ORDER BY rowid"
            lines = [(row["time"], row["text"]) for row in self._rows(query, identifier)]
            self._logs.put(identifier, lines)
            return lines


def now() -> float:
    """Seconds since 1970."""
    return datetime.now(UTC).timestamp()


def _insert(table: str, values: Mapping[str, Any]) -> str:
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})"


#: Fields of jobs that are stored as JSON.
_LISTS = ("inputs", "parameters", "results", "failures", "tags")

#: Fields of jobs that are stored as 0 or 1.
_FLAGS = ("cancelling", "deleted")


def _job(row: sqlite3.Row) -> JobRecord:
    values = dict(row)
    values |= {name: json.loads(values[name]) for name in _LISTS}
    values |= {name: bool(values[name]) for name in _FLAGS}
    return JobRecord(**values)


def _asset(row: sqlite3.Row) -> AssetRecord:
    return AssetRecord(**{**dict(row), "files": json.loads(row["files"])})


def _preset(row: sqlite3.Row) -> Preset:
    return Preset(**{**dict(row), "parameters": json.loads(row["parameters"])})
