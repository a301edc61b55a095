"""The worker as Blender, Maya and Unreal use it: how long a host waits, how soon a cancelled or killed job ends.

    python -m bench.hosts.worker [--skip-slow] [--write]

Needs no data: photographs and textures are generated. A host's main thread is played by a loop that polls every 5 ms;
"longest wait" is the longest that any call from it took. ``--skip-slow`` leaves out the tools, and keeps the start.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import command_line, report
from matshot.image.writer import write_texture
from matshot.shading.procedural import brick_wall, wall_photographs
from matshot_host.jobs import Job, Jobs
from matshot_host.location import WorkerCommand

NAME = "hosts.worker"

#: Sides of the texture and of the photographs, in pixels.
_TEXTURE = 512
_PHOTO = 1024
#: Seconds between the host's looks, that a job may take, and in which a cancel is to end it.
_PACE = 0.005
_PATIENCE = 600.0
_WANTED = 1.0
#: Longest that the host's main thread may wait, in seconds.
_BLOCK = 0.05
#: Part of a job at which it is cancelled.
_CANCELLED_AT = 0.2


@dataclass(frozen=True)
class Case:
    """A tool as a host runs it."""

    tool: str
    inputs: tuple[Path, ...]
    parameters: Mapping[str, object]


class Host:
    """A host's main thread: calls :class:`Jobs`, and notes how long each call took."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        command = WorkerCommand((sys.executable, "-m", "matshot.worker"), environment, "the benchmark")
        self.jobs = Jobs("benchmark", lambda: command)
        self.longest = 0.0

    def started(self, case: Case) -> Job:
        """Queue a job."""
        job: Job = self._timed(lambda: self.jobs.new(case.tool, case.tool))
        self._timed(lambda: self.jobs.start(job, [str(path) for path in case.inputs], case.parameters))
        return job

    def cancel(self, job: Job) -> None:
        """Cancel a job."""
        self._timed(lambda: self.jobs.cancel(job))

    def until(self, reached: Callable[[], bool]) -> float:
        """Poll until something is so; the seconds that it took."""
        began = time.perf_counter()
        while not reached():
            if time.perf_counter() - began > _PATIENCE:
                raise TimeoutError([job.status for job in self.jobs.listing])
            self._timed(self.jobs.poll)
            time.sleep(_PACE)
        return time.perf_counter() - began

    def _timed(self, call: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = call()
        self.longest = max(self.longest, time.perf_counter() - began)
        return result


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory(prefix="matshot-bench-") as folder:
        cases = _cases(Path(folder))
        text = [report.conditions(report.command(NAME, options)), _start(Path(folder), cases[0])]
        if not options.skip_slow:
            text.append(_tools(cases))
    return report.Section(NAME, "The worker behind a host", "\n\n".join(text))


def _cases(place: Path) -> list[Case]:
    texture = write_texture(brick_wall(_TEXTURE)["basecolor"], place / "wall.png")
    flash, ambient = (
        write_texture(photograph, place / f"{name}.png")
        for name, photograph in zip(("flash", "ambient"), wall_photographs(_PHOTO, seed=7), strict=True)
    )
    return [
        Case("upscale", (texture,), {"scale": 4}),
        Case("oneshot", (flash,), {}),
        Case("twoshot", (flash, ambient), {}),
        Case("multiply", (texture,), {"size": "1024x1024", "tileable": True}),
        Case("tile", (ambient,), {}),
        Case("style", (texture, ambient), {}),
    ]


def _start(place: Path, case: Case) -> str:
    """Seconds to the first result, to the next, and by the command line."""
    quick = Case("upscale", case.inputs, {"scale": 2})
    host = Host()
    first = host.started(quick)
    cold = host.until(lambda: first.ended)
    second = host.started(quick)
    warm = host.until(lambda: second.ended)
    third = host.started(Case("multiply", case.inputs, {"size": "2048x2048"}))
    host.until(lambda: third.fraction > 0.01)
    os.kill(host.jobs.worker_pid, signal.SIGKILL)
    told = host.until(lambda: third.ended)
    fourth = host.started(quick)
    again = host.until(lambda: fourth.ended)
    host.jobs.close()
    line = command_line.run("upscale", *quick.inputs, "--scale", "2", "-o", place / "line.png")
    rows = [
        [f"first job of a host: {_TEXTURE} px upscaled x2, starting Python", f"{cold:.2f}"],
        ["the same by the command line", f"{line.seconds:.2f}"],
        ["each further one", f"{warm:.2f}"],
        [f"worker killed during a job ({third.state}) until the host knows", f"{told:.3f}"],
        [f"next job ({fourth.state}), with a new worker", f"{again:.2f}"],
    ]
    return report.table(["", "s"], rows)


def _tools(cases: list[Case]) -> str:
    rows = []
    for case in cases:
        host = Host()
        warm = host.started(case)
        host.until(lambda job=warm: job.ended)
        whole = host.started(case)
        seconds = host.until(lambda job=whole: job.ended)
        again = host.started(case)
        host.until(lambda job=again: job.fraction >= _CANCELLED_AT or job.ended)
        before = host.jobs.worker_pid
        host.cancel(again)
        cancelled = host.until(lambda job=again: job.ended)
        obeyed = host.jobs.worker_pid == before
        wanted = again.state == "cancelled" and cancelled <= _WANTED and host.longest <= _BLOCK
        host.jobs.close()
        rows.append(
            [
                case.tool, whole.state, f"{seconds:.1f}", f"{1000 * host.longest:.1f}", f"{cancelled:.2f}",
                "obeyed" if obeyed else "was killed", "as wanted" if wanted else "MISSES",
            ]
        )  # fmt: skip
        report.say(f"{NAME}: {case.tool}")
    header = ["tool", "ended", "s", "longest wait of the host, ms", "cancelled after, s", "worker", ""]
    wanted = f"Wanted: a host waits at most {1000 * _BLOCK:.0f} ms, and a cancel ends a job within {_WANTED:.0f} s."
    return f"{report.table(header, rows, ['ended', 'worker', ''])}\n\n{wanted}"


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__, data=False))
