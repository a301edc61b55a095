"""The service under load: 200 jobs from 20 clients at once, what that costs against the plain tool, and its memory.

    python tests/bench/service_load.py [--jobs 200] [--clients 20] [--rounds 5] [--skip-slow] [--write]

Needs no data: every job has a picture of its own, and its result is compared, byte by byte, with what the tool makes of
that picture in this process. ``--skip-slow`` leaves out the larger pictures and the rounds.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import command_line
import numpy as np
import report
from service_process import Served, ask, ended, send

from matshot.running import Run, run
from matshot.texture import Texture, write_texture

NAME = "service_load"

#: Wanted: throughput against the plain command line, and growth of memory from the second round to the last.
_WANTED, _GROWTH = 0.9, 0.05
#: Files that the command line is started for one by one; the rest is reckoned from them.
_SINGLE = 5
#: Worker processes of the service: as many as the plain tool is, so that both have the same.
_WORKERS = 1


@dataclass(frozen=True)
class Case:
    """What every job does.

    Attributes:
        title: in the table.
        side: of its picture, in pixels.
        parameters: of upscale.
    """

    title: str
    side: int
    parameters: Mapping[str, Any]


_CASES = (
    Case("64 px, bicubic x2", 64, {"scale": 2, "method": "bicubic", "wrap": "none"}),
    Case("256 px, network x2", 256, {"scale": 2, "wrap": "none", "threads": 1}),
)


@dataclass
class Load:
    """What became of many jobs.

    Attributes:
        seconds: from the first upload to the last download.
        wrong: jobs whose result is not their picture's.
        lost: jobs that did not come to a result.
        latencies: seconds from asking to the end, of each.
    """

    seconds: float
    wrong: int
    lost: int
    latencies: list[float]


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    text = [report.conditions(report.command(NAME, options))]
    with tempfile.TemporaryDirectory(prefix="matshot-bench-") as name:
        folder = Path(name)
        rows = []
        for number, case in enumerate(_CASES[: 1 if options.skip_slow else None]):
            rows.append(_compared(case, folder / str(number), options))
            report.say(f"{NAME}: {case.title}")
        header = ["each job", "jobs, clients", "lost", "mixed up", "service, s", "median wait, s"]
        header += ["in this process, s", "one command, s", "a command each, s", "ratio to one command", ""]
        text.append(report.table(header, rows, [""]))
        text.append(
            f"All at once, with {_WORKERS} worker against one process of the plain tool. Ratio: its throughput "
            f"in that of one `matshot upscale` for all files, start included for neither; wanted is {_WANTED}."
        )
        if not options.skip_slow:
            text.append(_memory(folder / "memory", options))
    return report.Section(NAME, "The service under load", "\n\n".join(text))


def _compared(case: Case, folder: Path, options: argparse.Namespace) -> list[str]:
    files = _pictures(folder, case.side, options.jobs)
    expected, plain = _reference(case, files, folder)
    flags = [part for name, value in case.parameters.items() for part in (f"--{name}", str(value))]
    started = command_line.run("--version").seconds
    whole = command_line.run("upscale", *files, "-o", folder / "line", *flags).seconds
    each = [command_line.run("upscale", file, "-o", folder / "each", *flags).seconds for file in files[:_SINGLE]]
    with Served(folder / "service", "--workers", str(_WORKERS)) as served:
        # Models are loaded and modules imported before, as in the plain tool's time.
        ended(
            served.client, ask(served.client, "upscale", served.send(files[0].read_bytes(), "w.png"), **case.parameters)
        )
        load = _load(served, case, files, expected, options.clients)
    ratio = (whole - started) / load.seconds
    wanted = ratio >= _WANTED and not load.wrong and not load.lost
    return [
        case.title, f"{options.jobs}, {options.clients}", str(load.lost), str(load.wrong), f"{load.seconds:.1f}",
        f"{float(np.median(load.latencies)):.1f}", f"{plain:.1f}", f"{whole:.1f}", f"{np.mean(each) * len(files):.0f}",
        f"{ratio:.2f}", "as wanted" if wanted else "MISSES",
    ]  # fmt: skip


def _pictures(folder: Path, side: int, count: int) -> list[Path]:
    """Noise of its own for each job."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(7)
    return [
        write_texture(Texture(rng.random((side, side, 3), dtype=np.float32)), folder / f"picture{number}.png")
        for number in range(count)
    ]


def _reference(case: Case, files: Sequence[Path], folder: Path) -> tuple[list[bytes], float]:
    """What is to come of each picture, and the seconds that this takes in one process."""
    run(Run("upscale", [str(files[0])], case.parameters, folder / "warm"))
    made, began = [], time.perf_counter()
    for number, file in enumerate(files):
        ran = run(Run("upscale", [str(file)], case.parameters, folder / "plain" / str(number)))
        made.append(ran.results[0].path)
    return [path.read_bytes() for path in made], time.perf_counter() - began


def _load(served: Served, case: Case, files: Sequence[Path], expected: Sequence[bytes], clients: int) -> Load:
    """Many clients at once; each sends its pictures, asks for all its jobs, and fetches each result."""
    load = Load(0.0, 0, 0, [])
    lock = threading.Lock()
    ready = threading.Barrier(clients + 1)

    def client(number: int) -> None:
        own = range(number, len(files), clients)
        with served.new_client() as connection:
            ready.wait()
            jobs = []
            for index in own:
                asset = send(connection, files[index].read_bytes(), files[index].name)
                jobs.append((index, ask(connection, "upscale", asset, **case.parameters), time.perf_counter()))
            for index, job, began in jobs:
                told = ended(connection, job)
                waited = time.perf_counter() - began
                results = [connection.get(one["href"]).content for one in told["results"]]
                with lock:
                    load.latencies.append(waited)
                    load.lost += not results
                    load.wrong += bool(results) and results != [expected[index]]

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    load.seconds = time.perf_counter() - began
    load.lost += len(files) - len(load.latencies)
    return load


def _memory(folder: Path, options: argparse.Namespace) -> str:
    """What the service holds after each of several rounds."""
    case = _CASES[0]
    files = _pictures(folder, case.side, options.jobs)
    expected, _ = _reference(case, files, folder)
    held: list[tuple[int, int]] = []
    lost = 0
    with Served(folder / "service", "--workers", str(_WORKERS)) as served:
        for number in range(options.rounds):
            load = _load(served, case, files, expected, options.clients)
            lost += load.lost + load.wrong
            held.append(served.resident())
            report.say(f"{NAME}: round {number + 1} of {options.rounds}")
    rows = [
        [str((number + 1) * options.jobs), f"{own / 2**20:.0f}", f"{every / 2**20:.0f}"]
        for number, (own, every) in enumerate(held)
    ]
    settled = held[min(1, len(held) - 1)]
    growth = max(after / before - 1 for before, after in zip(settled, held[-1], strict=True))
    verdict = "as wanted" if growth <= _GROWTH and not lost else "MISSES"
    table = report.table(["jobs so far", "the service, MB", "with its workers, MB"], rows)
    return (
        f"Memory (resident) of a service that is not started anew; {lost} jobs lost or mixed up, {100 * growth:+.1f} % "
        f"from the second round to the last ({verdict}; at most {100 * _GROWTH:.0f} %):\n\n{table}"
    )


if __name__ == "__main__":
    parser = report.parser(__doc__, data=False)
    parser.add_argument("--jobs", type=int, default=200, help="of each round")
    parser.add_argument("--clients", type=int, default=20, help="at once")
    parser.add_argument("--rounds", type=int, default=5, help="for memory")
    report.run_alone(measure, parser)
