"""The tables of the service's database, version by version.

A database of an older version is copied before it is changed; the copy stays beside it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ..errors import MatshotError
from ..files import atomic_file, free_path

#: Statements that lead from each version to the next; the first makes the tables.
_STEPS = (
    """
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
""",
    # Owners, priorities, tags, chains, presets and webhooks; retention by the service's own time; a running total.
    """
ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE jobs ADD COLUMN chain TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN after TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN webhook TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN ended_at REAL;
ALTER TABLE assets ADD COLUMN used_at REAL NOT NULL DEFAULT 0;
UPDATE jobs SET ended_at = 0 WHERE ended IS NOT NULL;
CREATE INDEX jobs_by_chain ON jobs (chain, number);
CREATE INDEX jobs_by_end ON jobs (ended_at);
CREATE TABLE asset_owners (asset TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (asset, owner)) WITHOUT ROWID;
INSERT INTO asset_owners SELECT id, '' FROM assets;
CREATE TABLE presets (
    owner TEXT NOT NULL, name TEXT NOT NULL, tool TEXT NOT NULL, parameters TEXT NOT NULL, changed REAL NOT NULL,
    PRIMARY KEY (owner, name)
) WITHOUT ROWID;
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY, job TEXT NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL, tries INTEGER NOT NULL,
    due REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
INSERT INTO facts VALUES ('service_time', 0), ('wall_time', 0);
INSERT INTO facts SELECT 'bytes', (SELECT IFNULL(SUM(bytes), 0) FROM assets) + (SELECT IFNULL(SUM(bytes), 0) FROM jobs);
CREATE TRIGGER asset_in AFTER INSERT ON assets BEGIN
    UPDATE facts SET value = value + NEW.bytes WHERE name = 'bytes'; END;
CREATE TRIGGER asset_out AFTER DELETE ON assets BEGIN
    UPDATE facts SET value = value - OLD.bytes WHERE name = 'bytes'; END;
CREATE TRIGGER job_in AFTER INSERT ON jobs BEGIN
    UPDATE facts SET value = value + NEW.bytes WHERE name = 'bytes'; END;
CREATE TRIGGER job_change AFTER UPDATE OF bytes ON jobs BEGIN
    UPDATE facts SET value = value + NEW.bytes - OLD.bytes WHERE name = 'bytes'; END;
CREATE TRIGGER job_out AFTER DELETE ON jobs BEGIN
    UPDATE facts SET value = value - OLD.bytes WHERE name = 'bytes'; END;
""",
)
#: Version of the tables that this Matshot uses.
VERSION = len(_STEPS)


def migrate(database: sqlite3.Connection, file: Path, version: int) -> Path | None:
    """Bring a database to this version's tables, all or nothing.

    Args:
        database: open, and locked for others.
        file: that it is in.
        version: of its tables; 0 for none yet.

    Returns:
        The copy that was made before; None for a new database, and one of this version.

    Raises:
        MatshotError: for tables of a newer Matshot.
        sqlite3.Error: when it cannot be written; it is as before then, and no copy is left.
        OSError: likewise, when the copy cannot be.
    """
    if version > VERSION:
        raise MatshotError(
            f"{file} belongs to a newer version of Matshot. Update Matshot, or choose another folder with --data."
        )
    if version == VERSION:
        return None
    backup = None
    if version:
        backup = free_path(file.with_name(f"{file.stem}-version-{version}.db"))
        with atomic_file(backup) as partial:  # whole and on the disk before anything changes
            partial.touch(mode=0o600)
            database.execute("VACUUM INTO ?", (str(partial),))
    steps = "".join(_STEPS[version:])
    try:
        database.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {VERSION}; COMMIT;")
    except sqlite3.Error:
        if database.in_transaction:
            database.execute("ROLLBACK")
        # Nothing has changed, and every further start would add a copy.
        if backup is not None and database.execute("PRAGMA user_version").fetchone()[0] == version:
            backup.unlink()
        raise
    return backup
