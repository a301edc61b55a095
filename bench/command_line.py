"""The ``matshot`` command run as an artist runs it, and watched: what it says, what it leaves, what memory it takes."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """One run.

    Attributes:
        code: exit status.
        said: what it printed on both streams.
        seconds: how long it ran.
        peak: most memory that the process held (resident set), in bytes; 0 where the system does not tell.
    """

    code: int
    said: str
    seconds: float
    peak: int

    @property
    def failed_well(self) -> bool:
        """Whether it refused with words: a status that is not 0, something said, and no traceback."""
        return self.code > 0 and bool(self.said.strip()) and "Traceback" not in self.said


def run(*arguments: str | Path, longest_file: int = 0) -> Outcome:
    """Run ``matshot``.

    Args:
        *arguments: after the program's name.
        longest_file: bytes at which the system stops any file from growing, as a full disk would; 0 for no limit.
    """

    def limit() -> None:
        import resource  # not on Windows, where the rest of this works

        resource.setrlimit(resource.RLIMIT_FSIZE, (longest_file, longest_file))

    environment = os.environ | {"COLUMNS": "1000", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "matshot", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            preexec_fn=limit if longest_file else None,
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, peak_memory(process.pid))
            time.sleep(0.02)
        seconds = time.perf_counter() - start
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    return Outcome(process.returncode, said, seconds, peak)


def files_below(folder: Path) -> set[Path]:
    """Every file in a folder and its folders, hidden ones too."""
    return {path for path in folder.rglob("*") if not path.is_dir()}


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[bool]:
    """A file system of ``size`` bytes at ``folder``; gives False where this user may not mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "matshot-bench", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            # Lazily: what was just ended may still hold a file for a moment.
            subprocess.run(["umount", "-l", str(folder)], check=True)


def peak_memory(process: int) -> int:
    """High-water mark of a running process.

    ``ru_maxrss`` of a finished child would be simpler, but it counts what the parent held when it forked.
    """
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def unwritable(place: Path, file: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Targets that cannot be written, and what stops them.

    Args:
        place: folder to try in.
        file: any file.
        name: of the target.
    """
    yield "below a file", file / name
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        folder = place / "closed"
        folder.mkdir(mode=0o555, exist_ok=True)
        yield "read-only folder", folder / name
