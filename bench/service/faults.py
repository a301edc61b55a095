"""The service under faults: killed, its workers killed, its disk full, uploads cut off, clients gone.

    python -m bench.service.faults [--write]

Needs no data. The full disk is a small file system in memory, which only root can mount; that row is left out else.
Every result that comes of it all is compared, byte by byte, with what the tool makes of its picture in this process.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from bench import command_line, report
from bench.farm.clusters import DaskCluster, newest_worker
from bench.service.process import Served
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.tools.job import ToolRequest
from matshot.tools.run import run

NAME = "service.faults"

#: Jobs that wait or run when it happens.
_JOBS = 10
#: Sides of the pictures, and what is done with them.
_SIDE = 256
_PARAMETERS = {"scale": 4, "method": "lanczos", "wrap": "none"}
#: Bytes of the disk that is filled.
_DISK = 24 << 20


@dataclass(frozen=True)
class Picture:
    """An input, and what is to come of it."""

    file: Path
    expected: bytes


@dataclass
class Outcome:
    """What became of jobs.

    Attributes:
        told: what a client was told, in a sentence or a status.
        done: jobs with the right result.
        failed: jobs with a sentence.
        lost: jobs that have neither, or that nobody knows any more.
        partial: results that are not what they should be, and files of unfinished uploads.
        seconds: until the last job had ended.
    """

    told: str = ""
    done: int = 0
    failed: int = 0
    lost: int = 0
    partial: int = 0
    seconds: float = 0.0


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    faults: dict[str, Callable[[Path, list[Picture]], Outcome | None]] = {
        "service killed (-9) in the middle of a job": _service_killed,
        "worker process killed (-9) in a job": _worker_killed,
        "worker of a Dask cluster killed (-9) in a job": lambda folder, pictures: _cluster_broken(
            folder, pictures, lambda cluster: newest_worker(cluster.processes["first"].pid).parent().kill()
        ),
        "scheduler of a Dask cluster killed (-9), started again": lambda folder, pictures: _cluster_broken(
            folder, pictures, _scheduler_killed
        ),
        "disk full": _disk_full,
        "upload cut off, three ways": _upload_cut_off,
        "clients gone in the middle of events, zip and upload": _clients_gone,
    }
    rows = []
    with tempfile.TemporaryDirectory(prefix="matshot-bench-") as name:
        pictures = _pictures(Path(name), _JOBS)
        for number, (title, fault) in enumerate(faults.items()):
            outcome = fault(Path(name) / str(number), pictures)
            report.say(f"{NAME}: {title}")
            if outcome is None:
                rows.append([title, "not measured: needs root", "", "", "", "", "", ""])
                continue
            verdict = "as wanted" if not outcome.lost and not outcome.partial else "MISSES"
            counts = [str(one) for one in (outcome.done, outcome.failed, outcome.lost, outcome.partial)]
            rows.append([title, outcome.told, *counts, f"{outcome.seconds:.1f}", verdict])
    header = ["fault", "a client sees", "done", "failed with a sentence", "lost", "partial", "s until all ended", ""]
    wanted = (
        "Target: none lost, none partial. Whatever was killed is restarted, and the time includes that. Jobs that fail "
        "on the full disk are those it has no room for; jobs submitted after space was freed succeed."
    )
    text = [
        report.conditions(report.command(NAME, options)),
        report.table(header, rows, ["a client sees", ""]),
        wanted,
    ]
    return report.Section(NAME, "The service under faults", "\n\n".join(text))


def _pictures(folder: Path, count: int) -> list[Picture]:
    rng = np.random.default_rng(11)
    made = []
    for number in range(count):
        pixels = rng.random((_SIDE, _SIDE, 3), dtype=np.float32)
        file = write_texture(Texture(pixels), folder / f"picture{number}.png")
        ran = run(ToolRequest("upscale", [str(file)], _PARAMETERS, folder / "expected" / str(number)))
        made.append(Picture(file, ran.outputs[0].path.read_bytes()))
    return made


def _asked(served: Served, pictures: list[Picture]) -> dict[str, Picture]:
    return {
        served.ask("upscale", served.send(one.file.read_bytes(), one.file.name), **_PARAMETERS): one for one in pictures
    }


def _checked(served: Served, jobs: dict[str, Picture], outcome: Outcome) -> Outcome:
    """Wait for all jobs, and look at what they made."""
    for job, picture in jobs.items():
        told = served.wait(job)
        if told["state"] == "failed" and told["error"]["sentence"]:
            outcome.failed += 1
            outcome.told = outcome.told or told["error"]["sentence"]
            outcome.partial += len(told["results"])
        elif told["state"] == "done":
            right = served.client.get(told["results"][0]["href"]).content == picture.expected
            outcome.done += right
            outcome.partial += not right
        else:
            outcome.lost += 1
    return outcome


def _first_running(served: Served, jobs: dict[str, Picture]) -> str:
    while True:
        for job in jobs:
            if served.client.get(f"/v1/jobs/{job}").json()["state"] == "running":
                return job


def _service_killed(folder: Path, pictures: list[Picture]) -> Outcome:
    with Served(folder, "--workers", "1") as served:
        jobs = _asked(served, pictures)
        job = _first_running(served, jobs)
        served.kill()
        began = time.perf_counter()
        served.start()
        outcome = _checked(served, jobs, Outcome())
        outcome.seconds = time.perf_counter() - began
        outcome.told = " ".join(one["text"] for one in served.client.get(f"/v1/jobs/{job}").json()["log"])
        return outcome


def _worker_killed(folder: Path, pictures: list[Picture]) -> Outcome:
    with Served(folder, "--workers", "1") as served:
        return _broken(served, pictures, lambda: [one.kill() for one in served.processes("matshot.worker")])


def _cluster_broken(folder: Path, pictures: list[Picture], strike: Callable[[DaskCluster], None]) -> Outcome:
    place = folder.with_suffix(".cluster")
    place.mkdir()
    cluster = DaskCluster(place)
    try:
        cluster.start_scheduler()
        cluster.start_worker("first")
        with Served(folder, "--scheduler", cluster.address) as served:
            return _broken(served, pictures, lambda: strike(cluster))
    finally:
        cluster.end()


def _scheduler_killed(cluster: DaskCluster) -> None:
    """Workers end with their scheduler, so both come again."""
    cluster.kill("scheduler")
    cluster.kill("first")
    cluster.start_scheduler(int(cluster.address.rpartition(":")[2]))
    cluster.start_worker("second")


def _broken(served: Served, pictures: list[Picture], strike: Callable[[], object]) -> Outcome:
    """Jobs, and something that breaks while the first of them runs."""
    jobs = _asked(served, pictures)
    _first_running(served, jobs)
    began = time.perf_counter()
    strike()
    outcome = _checked(served, jobs, Outcome())
    outcome.seconds = time.perf_counter() - began
    said = {one["text"]: None for job in jobs for one in served.client.get(f"/v1/jobs/{job}").json()["log"]}
    outcome.told = outcome.told or " ".join(said)
    return outcome


def _disk_full(folder: Path, pictures: list[Picture]) -> Outcome | None:
    """Jobs until there is no room; then room is made, and the service goes on as if nothing had been."""
    settings = folder.with_suffix(".toml")
    settings.write_text("spare = 0\n")
    with command_line.small_disk(folder, _DISK) as mounted:
        if not mounted:
            return None
        with Served(folder / "service", "--workers", "1", "--config", str(settings)) as served:
            outcome, began = Outcome(), time.perf_counter()
            jobs = _asked(served, pictures[:1])
            served.wait(next(iter(jobs)))
            ballast = folder / "ballast"
            with contextlib.suppress(OSError), ballast.open("wb") as stream:
                while True:
                    stream.write(bytes(1 << 16))
                    stream.flush()
            refused = served.client.post("/v1/assets", content=pictures[-1].file.read_bytes())
            outcome.told = f"{refused.status_code}: {refused.json()['detail']}"
            outcome.lost += refused.status_code != httpx.codes.INSUFFICIENT_STORAGE
            os.truncate(ballast, ballast.stat().st_size - (1 << 20))
            # Room for what is asked, and not for what is made.
            with contextlib.suppress(httpx.HTTPStatusError):
                for picture in pictures[1:4]:
                    jobs.update(_asked(served, [picture]))
            for job in jobs:
                served.wait(job)
            ballast.unlink()
            jobs.update(_asked(served, pictures[4:6]))
            _checked(served, jobs, outcome)
            outcome.seconds = time.perf_counter() - began
            outcome.partial += len(list((folder / "service" / "incoming").iterdir()))
            return outcome


def _upload_cut_off(folder: Path, pictures: list[Picture]) -> Outcome:
    data = pictures[0].file.read_bytes()
    half = data[: len(data) // 2]
    with Served(folder, "--workers", "1") as served:
        outcome, began = Outcome(), time.perf_counter()
        _half_sent(served, b"Content-Length: %d" % len(data), half)
        _half_sent(served, b"Transfer-Encoding: chunked", b"%x\r\n" % len(data) + half)
        form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + half
        kind = {"content-type": "multipart/form-data; boundary=x"}
        refused = served.client.post("/v1/assets", content=form, headers=kind)
        outcome.told = f"{refused.status_code}: {refused.json()['detail']}"
        outcome.lost += refused.status_code != httpx.codes.BAD_REQUEST
        time.sleep(0.5)
        outcome.partial += len(list((folder / "incoming").iterdir())) + len(list((folder / "assets").iterdir()))
        _checked(served, _asked(served, pictures[:2]), outcome)
        outcome.seconds = time.perf_counter() - began
        return outcome


def _half_sent(served: Served, length: bytes, body: bytes) -> None:
    """An upload whose sender goes before it has sent all."""
    host, _, port = served.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST /v1/assets HTTP/1.1\r\nHost: 127.0.0.1\r\n%b\r\n\r\n%b" % (length, body))
        time.sleep(0.2)


def _clients_gone(folder: Path, pictures: list[Picture]) -> Outcome:
    with Served(folder, "--workers", "1") as served:
        outcome, began = Outcome(), time.perf_counter()
        jobs = _asked(served, pictures)
        first = next(iter(jobs))
        for job in jobs:
            with served.new_client() as client, client.stream("GET", f"/v1/jobs/{job}/events") as answer:
                next(answer.iter_lines())
        served.wait(first)
        with served.new_client() as client, client.stream("GET", f"/v1/jobs/{first}/results.zip") as answer:
            next(answer.iter_raw(1000))
        _half_sent(served, b"Content-Length: 100000", b"half")
        _checked(served, jobs, outcome)
        outcome.seconds = time.perf_counter() - began
        outcome.told = "nothing: it is gone"
        outcome.partial += len(list((folder / "incoming").iterdir()))
        metrics = served.client.get("/metrics").text
        outcome.lost += "matshot_listeners 0" not in metrics
        return outcome


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__, data=False))
