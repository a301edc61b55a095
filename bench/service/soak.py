"""The service under everything at once, for minutes: random kills, a clock that jumps, a disk that is full.

    python -m bench.service.soak [--minutes 20] [--write]

Needs no data. Clients send pictures, single jobs and chains without an end, repeat what was not answered, and delete
some of what is done. Meanwhile the service or its worker is killed, its clock goes a year forward or back, or its disk
is filled for some seconds. In the end every job that was accepted has to be there, and every result has to be, byte by
byte, what the tool makes of its picture in this process. The disk is a small file system in memory, which only root can
mount; it is not filled otherwise.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bench import command_line, report
from bench.service.process import Served
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.tools.job import ToolRequest
from matshot.tools.run import run

NAME = "service.soak"

#: Pictures, their sides, and what is done with them.
_PICTURES, _SIDE = 24, 96
_STEP = {"tool": "upscale", "parameters": {"scale": 2, "method": "lanczos", "wrap": "none"}}
_CLIENTS = 3
#: Bytes of the disk.
_DISK = 256 << 20
#: Seconds between faults, and that a full disk stays full.
_PAUSE = (4.0, 14.0)
_FULL = 3.0
#: Seconds by which the clock jumps, and days that the service keeps things.
_JUMP = 400 * 86400.0
_KEEP_DAYS = 2
#: Share of the jobs that are deleted when they are done.
_DELETED = 0.7
#: Seconds that everything has to end after the last fault.
_PATIENCE = 300.0


@dataclass(frozen=True)
class Picture:
    """An input, and what comes of it after one step and after two."""

    data: bytes
    expected: tuple[bytes, bytes]


@dataclass
class Tally:
    """What happened; for any thread.

    Attributes:
        jobs: that were accepted: what is to come of them.
        counts: of everything else.
    """

    jobs: dict[str, bytes] = field(default_factory=dict)
    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str) -> None:
        """Count something."""
        with self.lock:
            self.counts[what] += 1


class Studio:
    """A service, whose address changes when it is started again, and its clients."""

    def __init__(self, served: Served, pictures: list[Picture], tally: Tally) -> None:
        self._served, self._pictures, self._tally = served, pictures, tally
        self.ending = threading.Event()

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """An answer; a request that was not answered, or has to wait, is repeated."""
        while True:
            try:
                with self._served.new_client() as client:
                    answer = client.request(method, path, **options)
                if answer.status_code not in (429, 503, 507) or self.ending.is_set():
                    return answer
                self._tally.count(f"answered with {answer.status_code}")
            except httpx.HTTPError:
                self._tally.count("requests cut off")
            time.sleep(0.5)

    def work(self, seed: int) -> None:
        """Send, ask, wait, compare and delete, until the end; half of the single jobs go with their picture."""
        rng = random.Random(seed)
        while not self.ending.is_set():
            picture = rng.choice(self._pictures)
            steps, headers = rng.choice((0, 1, 2, 2)), {"Idempotency-Key": uuid.uuid4().hex}
            if steps == 0:
                form: dict[str, Any] = {
                    "data": {"job": json.dumps(_STEP)},
                    "files": {"file": ("wall.png", picture.data)},
                }
                asked = self.call("POST", "/v1/jobs/upload", headers=headers, **form)
                self._judge(picture, [asked.json()["id"]] if asked.is_success else [], asked, rng)
                continue
            sent = self.call("POST", "/v1/assets?name=wall.png", content=picture.data)
            if sent.status_code not in (200, 201):
                self._tally.count(f"uploads refused with {sent.status_code}")
                continue
            asset = sent.json()["id"]
            if steps == 1:
                asked = self.call("POST", "/v1/jobs", json={**_STEP, "inputs": [asset]}, headers=headers)
                jobs = [asked.json()["id"]] if asked.is_success else []
            else:
                body = {"inputs": [asset], "steps": [_STEP, _STEP]}
                asked = self.call("POST", "/v1/chains", json=body, headers=headers)
                jobs = [one["id"] for one in asked.json()["jobs"]] if asked.is_success else []
            self._judge(picture, jobs, asked, rng)

    def _judge(self, picture: Picture, jobs: list[str], asked: httpx.Response, rng: random.Random) -> None:
        """Follow jobs of a picture to their ends."""
        if not jobs:
            self._tally.count(f"jobs refused with {asked.status_code}")
        with self._tally.lock:
            self._tally.jobs.update(zip(jobs, picture.expected, strict=False))
        delete = rng.random() < _DELETED
        for job in jobs:
            self._follow(job, delete=delete)

    def _follow(self, job: str, *, delete: bool) -> None:
        while not self.ending.is_set():
            found = self.call("GET", f"/v1/jobs/{job}", params={"wait": 5})
            if found.status_code != httpx.codes.OK or found.json()["ended"] is not None:
                break
        else:
            return
        if delete and self.judged(job) == "right":
            self.call("DELETE", f"/v1/jobs/{job}")
            with self._tally.lock:
                del self._tally.jobs[job]
            self._tally.count("right, then deleted")

    def judged(self, job: str) -> str:
        """What became of a job: ``right``, ``wrong``, ``lost``, ``live`` or ``failed: ...``."""
        found = self.call("GET", f"/v1/jobs/{job}")
        if found.status_code != httpx.codes.OK:
            return "lost"
        told = found.json()
        if told["ended"] is None:
            return "live"
        if told["state"] == "failed" and told["error"]:
            return f"failed: {told['error']['sentence']}"
        if told["state"] != "done":
            return "lost"
        result = self.call("GET", told["results"][0]["href"])
        return "right" if result.content == self._tally.jobs[job] else "wrong"


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory(prefix="matshot-bench-") as name:
        folder = Path(name)
        pictures = _pictures(folder / "pictures")
        with command_line.small_disk(folder / "disk", _DISK) as mounted:
            (folder / "disk").mkdir(exist_ok=True)
            outcomes, tally = _soaked(folder, pictures, 60 * options.minutes, mounted=mounted)
    bad = [one for one in outcomes if one in ("lost", "wrong", "live")]
    rows = [[what, str(count)] for what, count in sorted(tally.counts.items())]
    rows += [[f"jobs in the end: {what}", str(count)] for what, count in sorted(outcomes.items())]
    verdict = "MISSES" if bad else "as wanted"
    text = [
        report.conditions(report.command(NAME, options)),
        report.table(["what", "how often"], rows),
        f"{options.minutes:g} minutes, {_CLIENTS} clients. Target: no job that was accepted is lost, live or wrong in "
        f"the end ({verdict}). Jobs may fail with a sentence where the disk had no room for their results, or where "
        "the service was killed three times during one.",
    ]
    return report.Section(NAME, "The service in a soak", "\n\n".join(text))


def _pictures(folder: Path) -> list[Picture]:
    rng = np.random.default_rng(5)
    made = []
    for number in range(_PICTURES):
        file = write_texture(
            Texture(rng.random((_SIDE, _SIDE, 3), dtype=np.float32)), folder / str(number) / "wall.png"
        )
        data, results = file.read_bytes(), list[bytes]()
        for step in range(2):
            asked = ToolRequest("upscale", [str(file)], _STEP["parameters"], folder / f"{number}-{step}")  # type: ignore[arg-type]
            file = run(asked).outputs[0].path
            results.append(file.read_bytes())
        made.append(Picture(data, (results[0], results[1])))
    return made


def _soaked(
    folder: Path, pictures: list[Picture], seconds: float, *, mounted: bool
) -> tuple[collections.Counter[str], Tally]:
    clock, settings, tally = folder / "clock", folder / "settings.toml", Tally()
    clock.write_text("0")
    settings.write_text(f"spare = 0\nkeep_days = {_KEEP_DAYS}\n")
    options = ("--workers", "1", "--config", str(settings))
    program = ("-m", "bench.service.jumping_clock", str(clock))
    with Served(folder / "disk" / "service", *options, program=program) as served:
        studio = Studio(served, pictures, tally)
        clients = [threading.Thread(target=studio.work, args=(seed,), daemon=True) for seed in range(_CLIENTS)]
        for one in clients:
            one.start()
        faults = _faults(served, clock, folder / "disk" / "ballast", mounted=mounted)
        rng, until = random.Random(1), time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, rng.uniform(*_PAUSE)))
            name = rng.choice(list(faults))
            with contextlib.suppress(OSError):
                faults[name]()
            tally.count(f"faults: {name}")
            report.say(f"{NAME}: {name}; {len(tally.jobs)} jobs to look at")
        studio.ending.set()
        clock.write_text("0")
        for one in clients:
            one.join(_PATIENCE)
        # Once more from its database and its folder alone.
        served.kill()
        served.start()
        outcomes: collections.Counter[str] = collections.Counter()
        end = time.monotonic() + _PATIENCE
        for job in list(tally.jobs):
            while (judgment := studio.judged(job)) == "live" and time.monotonic() < end:
                time.sleep(0.2)
            outcomes[judgment] += 1
        return outcomes, tally


def _faults(served: Served, clock: Path, ballast: Path, *, mounted: bool) -> dict[str, Callable[[], None]]:
    def kill_service() -> None:
        served.kill()
        served.start()

    def kill_worker() -> None:
        for one in served.processes("matshot.worker"):
            one.kill()

    def jump(by: float) -> None:
        clock.write_text(str(by))

    def fill_disk() -> None:
        with contextlib.suppress(OSError), ballast.open("wb") as stream:
            while True:
                stream.write(bytes(1 << 16))
                stream.flush()
        time.sleep(_FULL)
        os.unlink(ballast)

    faults: dict[str, Callable[[], None]] = {
        "service killed (-9) and started again": kill_service,
        "worker killed (-9)": kill_worker,
        "clock a year forward": lambda: jump(_JUMP),
        "clock a year back": lambda: jump(-_JUMP),
    }
    return {**faults, "disk full for seconds": fill_disk} if mounted else faults


def add_options(made: argparse.ArgumentParser) -> None:
    """What this benchmark asks for besides the options that all share."""
    made.add_argument("--minutes", type=float, default=20.0, help="of faults")


if __name__ == "__main__":
    parser = report.parser(__doc__, data=False)
    add_options(parser)
    report.run_alone(measure, parser)
