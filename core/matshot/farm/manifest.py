"""What a batch has done, kept in its output: JSON lines that survive whatever ends the batch.

Every process of a batch appends to a file of its own, so several may work on one output over a network file system;
all of them read all files. A line that was cut off by a crash is as if it had not been written.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import MatshotError
from ..files import is_link, os_reason

#: Folder in a batch's output for what it remembers, and for what is not done yet.
MEMORY = ".matshot-batch"
#: Beginning of the names of the summary and the contact sheets in the output.
SUMMARY = "matshot-batch"
#: All these names.
SUMMARIES = re.compile(SUMMARY + r"(-\d+-of-\d+)?(\.json|(-\d+)?\.png)")
#: Seconds between orders to bring lines to the disk; a crash of the process alone loses none in any case.
_SYNC = 1.0
#: Seconds that a file must have rested before its time stamp says that it is unchanged.
_RESTED = 2.0

#: Size, time stamp in nanoseconds, SHA-256.
Stamp = list[Any]


class Manifest:
    """The memory of a batch; a context manager.

    Args:
        output: folder of the batch.
        own: name of this process's part, such as ``2-of-5``.

    Attributes:
        folder: of the memory.
        work: folder for what this process has not done yet.
        entries: the last word on every unit.

    Raises:
        MatshotError: when another process has the same part, or the folder cannot be written or is a link.
    """

    def __init__(self, output: Path, own: str) -> None:
        self.folder = output / MEMORY
        self._file = self.folder / f"{own}.jsonl"
        self._synced = time.monotonic()
        self.work = self.folder / "work" / own
        for place in (self.folder, self.work.parent, self.work):
            if is_link(place):
                raise MatshotError(f"{place} is a link; a batch deletes files there, so use a real folder.")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._stream = self._file.open("ab")
        except OSError as error:
            raise _unwritten(self._file, error) from error
        if not _locked(self._stream.fileno()):
            self._stream.close()
            raise MatshotError(f"Another batch is at work on {output}; wait for it, or give it its own output.")
        self.entries = self._read()
        self._begin_line()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def note(self, unit: str, **said: Any) -> None:
        """Remember what became of a unit.

        Raises:
            MatshotError: when it cannot be written.
        """
        entry = {"unit": unit, "at": time.time(), **said}
        try:
            self._stream.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
            self._stream.flush()
            if time.monotonic() - self._synced > _SYNC:
                self._synced = time.monotonic()
                os.fsync(self._stream.fileno())
        except OSError as error:
            raise _unwritten(self._file, error) from error
        self.entries[unit] = entry

    def _read(self) -> dict[str, dict[str, Any]]:
        """The last word on every unit, of all processes."""
        entries: dict[str, dict[str, Any]] = {}
        for file in sorted(self.folder.glob("*.jsonl")):
            for line in file.read_bytes().splitlines():
                try:
                    entry = json.loads(line)
                    known = entries.get(entry["unit"])
                    if known is None or known["at"] <= entry["at"]:
                        entries[entry["unit"]] = entry
                except (ValueError, KeyError, TypeError):
                    continue
        return entries

    def _begin_line(self) -> None:
        """End a line that a crash cut off, so that the next one is its own."""
        with self._file.open("rb") as stream:
            if stream.seek(0, os.SEEK_END) and stream.seek(-1, os.SEEK_END) is not None and stream.read() != b"\n":
                self._stream.write(b"\n")


def _unwritten(file: Path, error: OSError) -> MatshotError:
    reason = os_reason(error)
    return MatshotError(f"{file} could not be written: {reason}. Rerun to resume.", repr(error))


def _locked(descriptor: int) -> bool:
    """Whether a file could be locked for as long as it is open; taken for granted where locks do not exist."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


def stamp(file: Path) -> Stamp:
    """Size and time stamp of a file, without its contents.

    Raises:
        MatshotError: when it is gone, and for a pipe, which would never end.
    """
    try:
        found = file.stat()
    except OSError as error:
        raise MatshotError(f"{file} cannot be read: {os_reason(error)}.") from error
    if not stat.S_ISREG(found.st_mode):
        raise MatshotError(f"{file} is a pipe or a device, not a file.")
    return [found.st_size, found.st_mtime_ns, ""]


def stamped(files: Mapping[str, Path], known: Mapping[str, Stamp], noted: float, *, rehash: bool) -> dict[str, Stamp]:
    """Stamps of files with the hashes of their contents; unchanged ones are not read again.

    Args:
        files: by their names.
        known: stamps of an earlier run.
        noted: when those were taken, in seconds since the epoch.
        rehash: whether to read all contents, whatever the time stamps say.

    Raises:
        MatshotError: when a file cannot be read.
    """
    stamps = {}
    for name, file in files.items():
        now, then = stamp(file), known.get(name)
        rested = now[1] / 1e9 < noted - _RESTED
        if then is not None and then[:2] == now[:2] and rested and not rehash:
            stamps[name] = then
            continue
        try:
            with file.open("rb") as stream:
                now[2] = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise MatshotError(f"{file} cannot be read: {os_reason(error)}.") from error
        stamps[name] = now
    return stamps


def same_contents(first: Mapping[str, Stamp], second: Mapping[str, Stamp]) -> bool:
    """Whether two sets of stamps have the same names with the same contents."""
    return {name: one[2] for name, one in first.items()} == {name: one[2] for name, one in second.items()}


def digest(value: Mapping[str, Any]) -> str:
    """Hash of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
