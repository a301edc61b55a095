"""Dask clusters whose parts can be killed, for tests and benchmarks."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil


def until(holds: Callable[[], object], seconds: float = 120.0) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "that took too long"
        time.sleep(0.02)


def workers_below(process: int = 0) -> list[psutil.Process]:
    """The ``matshot.worker`` processes of a process; the Dask worker is the parent of each."""
    found = []
    for one in psutil.Process(process or os.getpid()).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "matshot.worker" in one.cmdline() and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found


def newest_worker(process: int = 0) -> psutil.Process:
    """The one below a process that was started last."""
    until(lambda: workers_below(process))
    return max(workers_below(process), key=lambda one: one.create_time())


@dataclass
class DaskCluster:
    """A scheduler and its workers, as ``dask scheduler`` and ``dask worker`` start them."""

    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    address: str = ""

    def start_scheduler(self, port: int = 0) -> None:
        """Start the scheduler; port 0 takes a free one."""
        noted = self.folder / "scheduler.json"
        noted.unlink(missing_ok=True)
        self._start(
            "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--scheduler-file", str(noted)
        )
        until(lambda: noted.exists() and noted.stat().st_size > 0)
        self.address = json.loads(noted.read_text())["address"]

    def start_worker(self, name: str, *more: str) -> None:
        """Start a worker of one thread, with further options of ``dask worker``."""
        self._start("worker", self.address, "--name", name, "--nthreads", "1", "--no-dashboard", *more, label=name)

    def kill(self, label: str) -> None:
        """Send ``SIGKILL`` to a process and all below it."""
        for one in [*psutil.Process(self.processes[label].pid).children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                one.send_signal(signal.SIGKILL)
        self.processes[label].kill()
        self.processes.pop(label).wait()

    def end(self) -> None:
        """Leave nothing running."""
        for label in list(self.processes):
            self.kill(label)

    def _start(self, kind: str, *arguments: str, label: str = "") -> None:
        self.processes[label or kind] = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / f"{label or kind}.log").open("wb"),
        )
