"""The service under load: 200 jobs from 20 clients at once, what that costs against the plain tool, and its memory.

    python -m bench.service.load [--jobs 200] [--clients 20] [--rounds 20] [--skip-slow] [--memory-only] [--write]

Needs no data: every job has a picture of its own, and its result is compared, byte by byte, with what the tool makes of
that picture in this process. ``--skip-slow`` leaves out the larger pictures. ``--memory-only`` is a section of its own:
the rounds for memory, which are an hour of one job a second, as fast as they go.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bench import command_line, report
from bench.service.process import Served, ask_batch, ends, order, result, results, send_batch
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.inference.session import usable_threads
from matshot.tools.job import ToolRequest
from matshot.tools.run import run

NAME = "service.load"
MEMORY = "service.memory"

#: Wanted: growth of memory from the second round to the last.
_GROWTH = 0.03
#: Files that the command line is started for one by one; the rest is reckoned from them.
_SINGLE = 5
#: Workers of the service whose memory is watched.
_WORKERS = 1


@dataclass(frozen=True)
class Case:
    """What every job does.

    Attributes:
        title: in the table.
        side: of its picture, in pixels.
        parameters: of upscale.
        workers: of the service.
        wanted: throughput against the plain command line.
        turns: of the service and the plain command line, one after the other; in between the machine may become slower
            or faster.
        whole: whether each turn has all pictures; else it has its part.
        together: whether a client sends, asks for, follows and fetches all its pictures in one request each.
    """

    title: str
    side: int
    parameters: Mapping[str, Any]
    workers: int = 1
    wanted: float = 0.95
    turns: int = 4
    whole: bool = False
    together: bool = False


_SMALL = Case(
    "64 px, bicubic x2, one worker, ten together",
    64,
    {"scale": 2, "method": "bicubic", "wrap": "none"},
    wanted=0.6,
    turns=9,
    whole=True,
    together=True,
)
_SINGLE_THREAD = replace(
    _SMALL,
    title="64 px, bicubic x2, one worker of one thread, ten together",
    parameters={**_SMALL.parameters, "threads": 1},
)
_QUICK = (
    _SMALL,
    replace(_SMALL, title="64 px, bicubic x2, one worker, one by one", together=False),
    _SINGLE_THREAD,
    replace(_SINGLE_THREAD, title="64 px, bicubic x2, one worker of one thread, one by one", together=False),
)
_CASES = (
    *_QUICK,
    Case("256 px, network x2, one worker of one thread", 256, {"scale": 2, "wrap": "none", "threads": 1}),
    Case("256 px, network x4, all processors", 256, {"scale": 4, "wrap": "none"}, usable_threads()),
)


@dataclass
class Load:
    """What became of many jobs.

    Attributes:
        seconds: from the first upload to the last download.
        wrong: jobs whose result is not their picture's.
        lost: jobs that did not come to a result.
        latencies: seconds from asking to the end, of each.
        spent: seconds of processors: of the service, its workers and the clients.
    """

    seconds: float
    wrong: int
    lost: int
    latencies: list[float]
    spent: tuple[float, ...] = (0.0, 0.0, 0.0)

    def add(self, other: Load) -> None:
        """Count another load as a part of this one."""
        self.seconds += other.seconds
        self.wrong += other.wrong
        self.lost += other.lost
        self.latencies += other.latencies
        self.spent = tuple(own + more for own, more in zip(self.spent, other.spent, strict=True))


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    conditions = report.conditions(report.command(NAME, options))
    with tempfile.TemporaryDirectory(prefix="matshot-bench-") as name:
        folder = Path(name)
        if options.memory_only:
            memory = _memory(folder / "memory", options)
            return report.Section(MEMORY, "The service's memory", f"{conditions}\n\n{memory}")
        rows = []
        for number, case in enumerate(_QUICK if options.skip_slow else _CASES):
            rows.append(_compared(case, folder / str(number), options))
            report.say(f"{NAME}: {rows[-1]}")
        header = ["each job", "jobs, clients", "lost", "mixed up", "service, s", "median wait, s"]
        header += ["in this process, s", "one command, s", "a command each, s"]
        header += ["processor per job: service, workers, clients; one command, ms", "ratio to one command", ""]
        explanation = (
            "All clients at once, and all their jobs. One command: one `matshot upscale` for all files, alternating "
            "with the service: with one thread against one worker of one thread, elsewhere as it comes, which is with "
            "as many threads as there are processors, also against a single worker. Ratio: the service's throughput to "
            "that of one command, start included for neither, the "
            "median of the turns with the least and the largest; processor time is that of all processes, which "
            "depends little on what else the machine does; "
            f"the target is {_SMALL.wanted} for the smallest jobs, {_CASES[-1].wanted} for others. The smallest jobs "
            "show the cost of the service itself. One by one, each needs two requests (the job with its picture, its "
            "result) and three trips to the disk that it shares with others; together, ten pictures share four "
            "requests."
        )
        text = [conditions, report.table(header, rows, [""]), explanation]
    return report.Section(NAME, "The service under load", "\n\n".join(text))


def _compared(case: Case, folder: Path, options: argparse.Namespace) -> list[str]:
    files = _pictures(folder, case.side, options.jobs)
    expected, plain = _reference(case, files, folder)
    flags = [part for name, value in case.parameters.items() for part in (f"--{name}", str(value))]
    each = [command_line.run("upscale", file, "-o", folder / "each", *flags).seconds for file in files[:_SINGLE]]
    load, commands, ratios, line = Load(0.0, 0, 0, []), 0.0, list[float](), list[float]()
    with Served(folder / "service", "--workers", str(case.workers)) as served:
        # Models are loaded and modules imported before, as in the plain tool's time.
        warm = [served.ask("upscale", served.send(file.read_bytes(), "w.png"), **case.parameters) for file in files[:4]]
        for job in warm:
            served.wait(job)
        for turn in range(case.turns):
            part = range(len(files)) if case.whole else range(turn, len(files), case.turns)

            def by_command(part: Sequence[int] = part, turn: int = turn) -> float:
                own = [files[index] for index in part]
                target = folder / "line" / str(turn)
                seconds, spent = list[float](), [_children_seconds()]
                for some in (own[:1], own):
                    seconds.append(command_line.run("upscale", *some, "-o", target / str(len(some)), *flags).seconds)
                    spent.append(_children_seconds())
                line.append((spent[2] - 2 * spent[1] + spent[0]) / (len(own) - 1))
                # What one file takes is mostly the start, which is not the point here.
                return (seconds[1] - seconds[0]) * len(own) / (len(own) - 1)

            # Who comes first changes, too.
            before = by_command() if turn % 2 == 0 else 0.0
            one = _load(served, case, files, expected, options.clients, part)
            command = before or by_command()
            load.add(one)
            commands += command
            ratios.append(command / one.seconds)
    ratio = float(np.median(ratios))
    wanted = ratio >= case.wanted and not load.wrong and not load.lost
    jobs = f"{case.turns} x {options.jobs if case.whole else options.jobs // case.turns}"
    plain, alone = (value * len(load.latencies) / len(files) for value in (plain, float(np.mean(each)) * len(files)))
    return [
        case.title, f"{jobs}, {options.clients}", str(load.lost), str(load.wrong), f"{load.seconds:.1f}",
        f"{float(np.median(load.latencies)):.1f}", f"{plain:.1f}", f"{commands:.1f}", f"{alone:.0f}",
        ", ".join(f"{1000 * one / len(load.latencies):.1f}" for one in load.spent)
        + f"; {1000 * float(np.median(line)):.1f}",
        f"{ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})", "as wanted" if wanted else "MISSES",
    ]  # fmt: skip


def _children_seconds() -> float:
    """Processor time of all processes that this one has waited for."""
    times = os.times()
    return times.children_user + times.children_system


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
    run(ToolRequest("upscale", [str(files[0])], case.parameters, folder / "warm"))
    made, began = [], time.perf_counter()
    for number, file in enumerate(files):
        ran = run(ToolRequest("upscale", [str(file)], case.parameters, folder / "plain" / str(number)))
        made.append(ran.outputs[0].path)
    return [path.read_bytes() for path in made], time.perf_counter() - began


def _load(
    served: Served, case: Case, files: Sequence[Path], expected: Sequence[bytes], clients: int, part: Sequence[int] = ()
) -> Load:
    """Many clients at once; each sends its pictures, asks for all its jobs, and fetches each result."""
    part = part or range(len(files))
    load = Load(0.0, 0, 0, [])
    lock = threading.Lock()
    ready = threading.Barrier(clients + 1)

    def client(number: int) -> None:
        own = part[number::clients]
        with served.new_client() as connection:
            ready.wait()  # until every client exists, which takes time of its own
            ready.wait()
            work = _together if case.together else _one_by_one
            for index, waited, found in work(connection, case, {index: files[index] for index in own}):
                with lock:
                    load.latencies.append(waited)
                    load.lost += not found
                    load.wrong += bool(found) and found != [expected[index]]

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    before = (*served.processor_seconds(), time.process_time())
    ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    load.seconds = time.perf_counter() - began
    after = (*served.processor_seconds(), time.process_time())
    load.spent = tuple(now - then for now, then in zip(after, before, strict=True))
    load.lost += len(part) - len(load.latencies)
    return load


def _one_by_one(
    connection: httpx.Client, case: Case, files: Mapping[int, Path]
) -> Iterator[tuple[int, float, list[bytes]]]:
    """Number, seconds until its end and results of each picture, with two requests for each."""
    jobs = []
    for index, file in files.items():
        job = order(connection, "upscale", file.read_bytes(), file.name, **case.parameters)
        jobs.append((index, job, time.perf_counter()))
    for index, job, began in jobs:
        found = result(connection, job)
        yield index, time.perf_counter() - began, [found] if found else []


def _together(
    connection: httpx.Client, case: Case, files: Mapping[int, Path]
) -> Iterator[tuple[int, float, list[bytes]]]:
    """The same with four requests for all pictures."""
    assets = send_batch(connection, [(file.name, file.read_bytes()) for file in files.values()])
    jobs = dict(zip(ask_batch(connection, "upscale", assets, **case.parameters), files, strict=True))
    began = time.perf_counter()
    done, waits = list[str](), dict[str, float]()
    for view in ends(connection, list(jobs)):
        waits[view["id"]] = time.perf_counter() - began
        done += [view["id"]] if view["state"] == "done" else []
    found = results(connection, done) if done else {}
    for job, index in jobs.items():
        yield index, waits[job], found.get(job, [])


def _memory(folder: Path, options: argparse.Namespace) -> str:
    """What the service holds after each of several rounds."""
    case = replace(_SMALL, together=False)
    files = _pictures(folder, case.side, options.jobs)
    expected, _ = _reference(case, files, folder)
    held = list[tuple[int, int]]()
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
        f"Memory (resident) of a service that is not restarted; {lost} jobs lost or mixed up, {100 * growth:+.1f} % "
        f"from the second round to the last ({verdict}; at most {100 * _GROWTH:.0f} %):\n\n{table}"
    )


def add_options(made: argparse.ArgumentParser) -> None:
    """What this benchmark asks for besides the options that all share."""
    made.add_argument("--jobs", type=int, default=200, help="of each round")
    made.add_argument("--clients", type=int, default=20, help="at once")
    made.add_argument("--rounds", type=int, default=20, help="for memory")
    made.add_argument("--memory-only", action="store_true", help="only the rounds for memory")


if __name__ == "__main__":
    parser = report.parser(__doc__, data=False)
    add_options(parser)
    report.run_alone(measure, parser)
