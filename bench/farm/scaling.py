"""Batches over several workers: how two scale over one, what faults cost, and what 50 GPU workers would wait for.

    python -m bench.farm.scaling [--skip-slow] [--write]

Needs no data: textures are generated. Every worker computes with one thread. One worker and two are timed in turns, and
so are plain processes of Matshot without Dask, which is what the machine itself gives. ``--skip-slow`` takes fewer
rounds. Full disks need a user who may mount a small one.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from bench import command_line, report
from bench.farm.clusters import DaskCluster, newest_worker, until, workers_below
from matshot.errors import MatshotError
from matshot.farm import contact_sheet as contact
from matshot.farm import engine as farm_engine
from matshot.farm.batch import Batch, run_batch
from matshot.farm.engine import Engine, RunEvent
from matshot.image.reader import image_size, read_texture
from matshot.image.writer import write_texture
from matshot.shading.procedural import brick_wall
from matshot.tools.job import ToolRequest
from matshot_host.jobs import Jobs
from matshot_host.location import WorkerCommand

NAME = "farm.scaling"

#: Side of the textures that are enlarged, in pixels, and what is done to them.
_SIDE = 256
_WORK = {"scale": 4, "threads": 1, "device": "cpu"}
#: Runs of one round, and rounds.
_RUNS = 8
_ROUNDS = 5
_FEW = 2
#: What two workers are wanted to be of one.
_WANTED = 1.7
#: Workers that are simulated, and the textures that they would have.
_FARM = 50
_LIBRARY = 100_000
#: Bytes of a disk that is too small for the results.
_DISK = 10 << 20
#: Small units by which the cost of a unit is measured.
_UNITS = 200
#: Side of the textures of that library, in pixels.
_LIBRARY_SIDE = 512
#: Seconds of a simulated run, and how many there are.
_SIMULATED = ((2.0, 250), (0.5, 500), (0.2, 750))
#: Bytes per second of a 10 Gbit/s file server, and small operations per second.
_SERVER = 1.1e9
_OPERATIONS = 20_000


class _Quiet:
    """Listens to a batch and says nothing."""

    def progress(self, fraction: float, stage: str) -> None:
        """RunEvent of the batch as a whole."""

    def cluster(self, dashboard: str, workers: int) -> None:
        """RunEvent when there are workers."""

    def unit(self, state: str, key: str, told: Mapping[str, Any]) -> None:
        """RunEvent of each unit."""


def measure(options: argparse.Namespace) -> report.Section:
    """The section of the report."""
    with tempfile.TemporaryDirectory(prefix="matshot-bench-") as name:
        folder = Path(name)
        texture = write_texture(brick_wall(_SIDE)["basecolor"], folder / "wall.png")
        scaling = _said(_scaling(texture, folder, _FEW if options.skip_slow else _ROUNDS))
        faults = _said(_faults(folder))
        constants = _constants(folder)
        simulated = _said(_simulated())
    lines = [
        report.conditions(report.command(NAME, options), ["distributed"]),
        f"\n{_RUNS} textures of {_SIDE} px, x4, one thread per worker, alternately; ratios of the rounds, their "
        "median.\n",
        scaling,
        "\nWhat is done while something breaks: every result is decoded and has its size, or is not there.\n",
        faults,
        f"\nMeasured constants, for textures of {_LIBRARY_SIDE} px enlarged x4; times are of one core:\n",
        report.table(["what", "measured"], [[what, said] for what, said in constants.said]),
        f"\nThe engine and a scheduler with {_FARM} workers that only wait, on this machine's cores:\n",
        simulated,
        f"\n{_LIBRARY} textures on {_FARM} GPU workers by these constants: the load on each part of the farm, "
        "against its capacity. The GPU is assumed to be the given number of times as fast as one core of this machine; "
        "reading, measuring, encoding and thumbnails stay on one core of the worker.\n",
        _paper(constants),
    ]
    return report.Section(NAME, "Batches over several workers", "\n".join(lines))


def _said(part: str) -> str:
    """A part of the section, shown as soon as it is measured."""
    report.say(part)
    return part


# Scaling.


def _scaling(texture: Path, folder: Path, rounds: int) -> str:
    command = WorkerCommand((sys.executable, "-m", "matshot.worker"), dict(os.environ), "the benchmark")
    plain = [Jobs("benchmark", lambda: command) for _ in range(2)]
    with Engine(workers=1) as one, Engine(workers=2) as two:
        ways: dict[str, Callable[[], object]] = {
            "1 worker": lambda: _by_engine(one, texture, folder, _RUNS),
            "2 workers": lambda: _by_engine(two, texture, folder, _RUNS),
            "1 process": lambda: _by_processes(plain[:1], texture, _RUNS),
            "2 processes": lambda: _by_processes(plain, texture, _RUNS),
        }
        for way in ways.values():
            way()
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                began = time.perf_counter()
                way()
                taken[name].append(time.perf_counter() - began)
    for jobs in plain:
        jobs.close()
    rows = []
    for what, first, second in (("Dask", "1 worker", "2 workers"), ("no Dask", "1 process", "2 processes")):
        ratios = [a / b for a, b in zip(taken[first], taken[second], strict=True)]
        rows.append(
            [
                what,
                f"{min(taken[first]):.2f}",
                f"{min(taken[second]):.2f}",
                _listed(ratios),
                f"{statistics.median(ratios):.2f}",
            ]
        )
    overhead = [a / b for a, b in zip(taken["1 process"], taken["1 worker"], strict=True)]
    text = report.table(["carried by", "one, s", "two, s", "ratio of each round", "median"], rows)
    share = f"Throughput of one Dask worker to that of one plain process: {statistics.median(overhead):.2f}."
    return f"{text}\n\nWanted of two workers: {_WANTED}. {share}"


def _listed(ratios: Sequence[float]) -> str:
    return " ".join(f"{ratio:.2f}" for ratio in ratios)


def _by_engine(engine: Engine, texture: Path, folder: Path, runs: int) -> None:
    left = threading.Semaphore(0)
    failures: list[str] = []

    def told(what: RunEvent) -> None:
        if what.kind in ("done", "failed", "cancelled"):
            failures.extend([what.sentence] if what.kind != "done" else [])
            left.release()

    with tempfile.TemporaryDirectory(dir=folder) as place:
        for number in range(runs):
            engine.submit(str(number), ToolRequest("upscale", [str(texture)], _WORK, Path(place) / str(number)), told)
        for _ in range(runs):
            left.acquire()
    if failures:
        raise RuntimeError(failures)


def _by_processes(hosts: Sequence[Jobs], texture: Path, runs: int) -> None:
    for number in range(runs):
        host = hosts[number % len(hosts)]
        host.start(host.new("upscale", "upscale"), [str(texture)], _WORK)
    while any(host.busy for host in hosts):
        for host in hosts:
            host.poll()
        time.sleep(0.005)
    for host in hosts:
        for job in list(host.listing):
            if job.state != "done":
                raise RuntimeError(job.error)
            host.forget(job)


# Faults.


def _faults(folder: Path) -> str:
    rows = [
        _fault(folder, "kill -9 of a Dask worker", _kill_worker),
        _fault(folder, "kill -9 of the scheduler, started again", _kill_scheduler),
        _fault(folder, "kill -9 of the batch, run again", None),
        _full_disk(folder),
    ]
    return report.table(["fault", "textures", "whole", "partial", "lost", "done twice", "told"], rows, ["told"])


@dataclass
class _Command:
    """``matshot batch`` as a farm runs it."""

    library: Path
    output: Path
    more: tuple[str, ...]

    def start(self) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "matshot", "batch", str(self.library), "-o", str(self.output), "--json"]
        words += ["--set", "scale=2", "--set", "threads=1", "--set", "device=cpu", *self.more]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _fault(folder: Path, what: str, strike: Callable[[DaskCluster], None] | None) -> list[str]:
    place = Path(tempfile.mkdtemp(dir=folder))
    library = _library(place / "library", 8, 192)
    cluster = DaskCluster(place)
    cluster.start_scheduler()
    cluster.start_worker("first")
    command = _Command(library, place / "out", ("--scheduler", cluster.address))
    done: list[str] = []
    told: list[str] = []
    try:
        process = command.start()
        struck = False
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            done += [event["unit"]] if event["event"] == "done" else []
            told += [event["error"]] if event["event"] in ("again", "failed") else []
            if len(done) == 2 and not struck:
                struck = True
                if strike is not None:
                    strike(cluster)
                else:
                    process.kill()
        process.communicate()
        if strike is None:
            process = command.start()
            said, _ = process.communicate()
            events = [json.loads(line) for line in said.splitlines()]
            done += [event["unit"] for event in events if event["event"] == "done"]
            told.append(f"{sum(event['event'] == 'skipped' for event in events)} were skipped by the second run")
    finally:
        cluster.end()
    return [what, *_counted(library, place / "out", 2, done), "; ".join(dict.fromkeys(told)) or "nothing"]


def _kill_worker(cluster: DaskCluster) -> None:
    # The process that Dask's nanny watches over, not the nanny.
    newest_worker(cluster.processes["first"].pid).parent().kill()


def _kill_scheduler(cluster: DaskCluster) -> None:
    cluster.kill("scheduler")
    cluster.kill("first")
    cluster.start_scheduler(int(cluster.address.rpartition(":")[2]))
    cluster.start_worker("second")


def _counted(library: Path, output: Path, scale: int, done: Sequence[str]) -> list[str]:
    sources = sorted(library.iterdir())
    whole = partial = lost = 0
    for source in sources:
        target = output / source.name
        if not target.exists():
            lost += 1
            continue
        try:
            whole += read_texture(target).width == scale * image_size(source)[0]
        except MatshotError:
            partial += 1
    return [*map(str, (len(sources), whole, partial, lost, len(done) - len(set(done))))]


def _full_disk(folder: Path) -> list[str]:
    what = "full disk, enlarged, run again"
    place = Path(tempfile.mkdtemp(dir=folder))
    library = _library(place / "library", 12, 512)
    disk = place / "disk"
    with command_line.small_disk(disk, _DISK) as mounted:
        if not mounted:
            return [what, "", "", "", "", "", "this user may not mount a small disk"]
        command = _Command(library, disk / "out", ("--workers", "1", "--set", "format=tif"))
        first = command.start()
        said, errors = first.communicate()
        partial = _broken(disk / "out")
        done = [event["unit"] for event in map(json.loads, said.splitlines()) if event["event"] == "done"]
        subprocess.run(["mount", "-o", f"remount,size={200 << 20}", str(disk)], check=True)
        second = command.start()
        said, _ = second.communicate()
        done += [event["unit"] for event in map(json.loads, said.splitlines()) if event["event"] == "done"]
        whole = sum(image_size(one)[0] == 1024 for one in (disk / "out").glob("*.tif"))
        sentence = (errors.strip().splitlines() or ["nothing"])[-1].replace(str(place), "")
    counts = [12, whole, partial, 12 - whole, len(done) - len(set(done))]
    return [what, *map(str, counts), f"exit {first.returncode}, then {second.returncode}: {sentence}"]


def _broken(output: Path) -> int:
    count = 0
    for one in output.glob("*.tif"):
        try:
            read_texture(one)
        except MatshotError:
            count += 1
    return count


def _library(folder: Path, count: int, side: int) -> Path:
    folder.mkdir(parents=True)
    picture = brick_wall(side)["basecolor"]
    for number in range(count):
        write_texture(picture.with_pixels(picture.pixels * (1 - number / 100)), folder / f"{number:04d}.png")
    return folder


# Constants.


@dataclass(frozen=True)
class _Constants:
    """What one texture costs each part of a farm, and what parts can do.

    Attributes:
        network: seconds of one core that the network takes.
        rest: seconds of one core that all else takes on the worker.
        read: bytes of a texture's file.
        written: bytes of its result's.
        hashed: bytes per second that are hashed.
        engine: seconds of one core that the engine and the scheduler take for a run.
        unit: seconds of one core that the batch takes for a unit, with the above.
        resumed: seconds for a unit that is done already.
        said: all of it, for people.
    """

    network: float
    rest: float
    read: int
    written: int
    hashed: float
    engine: float
    unit: float
    resumed: float
    said: list[tuple[str, str]]


def _constants(folder: Path) -> _Constants:
    place = Path(tempfile.mkdtemp(dir=folder))
    large = write_texture(brick_wall(_LIBRARY_SIDE)["basecolor"], place / "large.png")
    command = WorkerCommand((sys.executable, "-m", "matshot.worker"), dict(os.environ), "the benchmark")
    host = Jobs("benchmark", lambda: command)
    _timed_job(host, large, {**_WORK, "method": "nearest"})
    rest = min(_timed_job(host, large, {**_WORK, "method": "nearest"})[0] for _ in range(2))
    whole, written = _timed_job(host, large, _WORK)
    host.close()
    read = large.stat().st_size
    hashed = _hash_rate(place)
    library = _library(place / "many", _UNITS, 16)
    with Engine(workers=1) as engine:
        _by_engine_quickly(engine, library, place, 10)
        began = time.process_time()
        _by_engine_quickly(engine, library, place, _UNITS)
        carried = (time.process_time() - began) / _UNITS
    quick = {"scale": 2, "method": "nearest"}
    cluster = DaskCluster(place)
    cluster.start_scheduler()
    cluster.start_worker("one")
    try:
        asked = Batch([library], place / "out", parameters=quick, scheduler=cluster.address)
        # Of a large library few units are on the contact sheets.
        with mock.patch.object(contact, "MOST", 1):
            began = time.process_time()
            run_batch(asked, _Quiet())
            unit = (time.process_time() - began) / _UNITS
            began = time.process_time()
            run_batch(asked, _Quiet())
            resumed = (time.process_time() - began) / _UNITS
    finally:
        cluster.end()
    said = [
        ("network, seconds of one core", f"{whole - rest:.2f} s"),
        ("reading, measuring the wrap, encoding, thumbnail", f"{rest:.2f} s"),
        ("file read, and written", f"{read / 1e6:.1f} MB, {written / 1e6:.1f} MB"),
        ("SHA-256 of files in the page cache, one core", f"{hashed / 1e9:.2f} GB/s"),
        ("engine, scheduler and client for one run", f"{1e3 * carried:.1f} ms"),
        ("batch and engine for one unit that is on no contact sheet: hash, manifest, renames", f"{1e3 * unit:.1f} ms"),
        ("a unit that was done before", f"{1e3 * resumed:.2f} ms"),
    ]
    return _Constants(whole - rest, rest, read, written, hashed, carried, unit, resumed, said)


def _timed_job(host: Jobs, texture: Path, parameters: Mapping[str, Any]) -> tuple[float, int]:
    """Seconds of processor that a run takes, and the size of what it made."""
    job = host.new("upscale", "upscale")
    before = _processor_time(host.worker_pid)
    host.start(job, [str(texture)], parameters)
    host.wait(job, 600)
    if job.state != "done":
        raise RuntimeError(job.error)
    taken, size = _processor_time(host.worker_pid) - before, Path(job.results[0].path).stat().st_size
    host.forget(job)
    return taken, size


def _processor_time(process: int) -> float:
    """Seconds of processor that a process took, which other processes do not lengthen as they do a clock's."""
    if not process:
        return 0.0
    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


def _by_engine_quickly(engine: Engine, library: Path, folder: Path, runs: int) -> None:
    left = threading.Semaphore(0)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        for number, source in enumerate(sorted(library.iterdir())[:runs]):
            asked = ToolRequest("upscale", [str(source)], {"scale": 2, "method": "nearest"}, Path(place) / str(number))
            engine.submit(str(number), asked, lambda told: left.release() if told.kind in ("done", "failed") else None)
        for _ in range(runs):
            left.acquire()


def _hash_rate(folder: Path) -> float:
    file = folder / "bytes"
    file.write_bytes(os.urandom(64 << 20))
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        with file.open("rb") as stream:
            hashlib.file_digest(stream, "sha256")
        best = min(best, time.perf_counter() - began)
    return (64 << 20) / best


# The farm of many workers.


def idle(order: Mapping[str, Any]) -> None:
    """A run that only takes its time, and says of itself what a real one says."""
    from distributed import get_worker

    worker = get_worker()

    def say(kind: str, **told: Any) -> None:
        worker.log_event(order["topic"], {"run": order["name"], "kind": kind, **told})

    say("started", worker=worker.address)
    left = float(order["parameters"]["seconds"])
    while left > 0:
        step = min(left, order["pace"])
        time.sleep(step)
        left -= step
        say("progress", fraction=0.5, stage="waiting", preview="")
    say("done", results=[{"kind": "image", "path": "x" * 80, "preview": "x" * 80, "notes": []}], failures=[])


@contextlib.contextmanager
def _idle_farm() -> Iterator[Engine]:
    """An engine with many workers that only wait, all in this process."""
    from distributed import LocalCluster

    real = farm_engine.carried
    cluster = LocalCluster(
        n_workers=_FARM, threads_per_worker=1, processes=False, dashboard_address=None, silence_logs=50
    )
    farm_engine.carried = idle
    try:
        with Engine(scheduler=cluster.scheduler_address) as engine:
            yield engine
    finally:
        farm_engine.carried = real
        cluster.close()


def _simulated() -> str:
    rows = []
    with _idle_farm() as engine:
        until(lambda: len(engine.workers) == _FARM, 60)
        for seconds, count in _SIMULATED:
            left = threading.Semaphore(0)

            def told(what: RunEvent, left: threading.Semaphore = left) -> None:
                if what.kind == "done":
                    left.release()
                assert what.kind != "failed", what

            cpu, began = time.process_time(), time.perf_counter()
            for number in range(count):
                engine.submit(str(number), ToolRequest("upscale", ["x.png"], {"seconds": seconds}, Path("x")), told)
            for _ in range(count):
                left.acquire()
            taken, cpu = time.perf_counter() - began, time.process_time() - cpu
            ideal = count * seconds / _FARM
            rows.append(
                [
                    f"{seconds:g}", str(count), f"{_FARM / seconds:.0f}", f"{count / taken:.0f}",
                    f"{ideal / taken:.2f}", f"{100 * cpu / taken:.0f} %",
                ]
            )  # fmt: skip
    return report.table(
        ["seconds of a run", "runs", "runs/s wanted", "runs/s", "of the ideal", "one core busy, scheduler and workers"],
        rows,
    )


def _paper(constants: _Constants) -> str:
    rows = []
    for faster in (10, 50, 200):
        seconds = constants.rest + constants.network / faster
        rate = _FARM / seconds
        traffic = rate * (2 * constants.read + constants.written)
        asked = {
            "file server, 10 Gbit/s": traffic / _SERVER,
            "file server's small operations": rate * 30 / _OPERATIONS,
            "scheduler and engine, one core": rate * constants.engine,
            "batch, one core": rate * constants.unit,
            "hashing, four threads": rate * constants.read / constants.hashed / 4,
        }
        worst = max(asked, key=lambda name: asked[name])
        # What is asked for more than there is slows all down.
        hours = _LIBRARY / rate / 3600 * max(1.0, asked[worst])
        rows.append(
            [
                f"{faster}x", f"{seconds:.2f}", f"{100 * constants.network / faster / seconds:.0f} %", f"{rate:.0f}",
                *(f"{100 * share:.0f} %" for share in asked.values()), f"{hours:.2f}",
                worst if asked[worst] > 1 else "the workers' own cores" if constants.rest > seconds / 2 else "the GPUs",
            ]
        )  # fmt: skip
    names = ["file server", "its operations", "scheduler", "batch", "hashing"]
    header = ["GPU", "s a texture", "of it GPU", "textures/s", *names, "hours in all", "bottleneck"]
    return report.table(header, rows, ["bottleneck"])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report.run_alone(measure, report.parser(__doc__, data=False))
    assert not workers_below(), "processes were left"
