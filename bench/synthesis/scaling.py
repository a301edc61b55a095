"""How the texture multiplier's time and memory grow with the size of what it makes.

    python -m bench.synthesis.scaling [--skip-slow] [--write]

Needs no data: the source is a brick wall made from numbers, 512 px. Every row is a process of its own, so that one
peak of memory does not hide another. ``--skip-slow`` leaves out 4096 and 8192 px and the neural engine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace

from bench import command_line, report

NAME = "synthesis.scaling"

#: Side of the source, and of the results of which time per pixel is to stay the same.
_SOURCE = 512
_SIDES = (512, 1024, 2048, 4096, 8192)
#: Seconds in which a tileable texture of 1024 px is wanted, by engine.
_WANTED = {"patch": 60, "feedforward": 60, "neural": 180}
#: Engines whose growth is measured, and up to which side.
_GROWING = {"patch": 8192, "feedforward": 4096}
#: Most that a pixel may take, in parts of what it takes at 1024 px, and still count as constant.
_CONSTANT = 1.5


@dataclass(frozen=True)
class Case:
    """A run of the multiplier in a process of its own.

    Attributes:
        engine: that makes the texture.
        side: of the result in pixels.
        maps: whether all maps of the wall are made, or its base color alone.
    """

    engine: str
    side: int
    maps: bool = False


@dataclass(frozen=True)
class Run:
    """What a run took.

    Attributes:
        seconds: of the tool, without starting Python.
        processor: seconds of all processors together, which a busy machine does not lengthen much.
        peak: peak resident memory of the process in bytes; 0 where the system does not tell.
        before: the same before the tool began: Python, libraries and the source.
        said: why there is no result.
    """

    seconds: float
    processor: float
    peak: int
    before: int
    said: str = ""


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    sides = [side for side in _SIDES if side <= 2048 or not options.skip_slow]
    engines = list(_GROWING) if options.skip_slow else list(_WANTED)
    cases = [Case(engine, side) for engine, largest in _GROWING.items() for side in sides if side <= largest]
    runs = {case: _run(case) for case in cases}
    text = [
        report.conditions(report.command(NAME, options)),
        f"A brick wall of {_SOURCE} px, generated; outputs tile. {report.THREADS} threads; seconds of the tool without "
        "starting Python, by the clock and of all processors together (*CPU*), which depend little on the load of the "
        "machine. *Memory*: peak resident memory of the process, including Python and libraries; *beside the "
        "result*: what remains after subtracting these, the source and the result itself.",
        "### Base color",
        "Of `patch`, the CPU time per pixel is not to grow; `feedforward` takes the time of its fit in any case.",
        _growth(runs),
        "### 1024 px, tileable",
        _thousand(runs, engines),
    ]
    return report.Section(NAME, "Texture multiplier: time and memory", "\n\n".join(text))


def _growth(runs: dict[Case, Run]) -> str:
    header = [
        "engine",
        "px",
        "s",
        "CPU s",
        "CPU microseconds a pixel",
        "in parts of 1024 px",
        "memory",
        "beside the result, bytes a pixel",
        "",
    ]
    per_pixel = {case: run.processor / case.side**2 for case, run in runs.items()}
    rows = []
    for case, run in runs.items():
        pixels = case.side**2
        ratio = per_pixel[case] / per_pixel.get(replace(case, side=1024), float("nan"))
        constant = "ok" if ratio <= _CONSTANT else "**FAILS**"
        rows.append(
            [
                case.engine,
                f"{case.side} x {case.side}",
                report.number(run.seconds, 1),
                report.number(run.processor, 1),
                report.number(1e6 * per_pixel[case], 1),
                report.number(ratio, 2),
                _gibibytes(run.peak),
                f"{max(0, run.peak - run.before - pixels * 12) / pixels:.0f}" if run.peak else "",
                run.said or (constant if case.engine == "patch" else ""),
            ]
        )
    return report.table(header, rows, words=("",))


def _thousand(runs: dict[Case, Run], engines: list[str]) -> str:
    rows = []
    for engine in engines:
        for maps in (False, True):
            case = Case(engine, 1024, maps)
            run = runs[case] if case in runs else _run(case)
            wanted = "" if maps else f"< {_WANTED[engine]}"
            verdict = "" if maps else "ok" if run.seconds < _WANTED[engine] else "**FAILS**"
            what = "base color, normal, roughness, height" if maps else "base color"
            times = [report.number(run.seconds, 1), report.number(run.processor, 1)]
            cells = [engine, what, *times, wanted, _gibibytes(run.peak), run.said or verdict]
            rows.append(cells)
    return report.table(["engine", "maps", "s", "CPU s", "wanted", "memory", ""], rows, words=("maps", ""))


def _gibibytes(size: int) -> str:
    return f"{size / 2**30:.2f} GiB" if size else "not told by this system"


def _run(case: Case) -> Run:
    report.say(f"{NAME}: {case.engine}, {case.side} px{', all maps' if case.maps else ''}")
    arguments = [sys.executable, __file__, "--one", json.dumps(vars(case))]
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode:
        return Run(float("nan"), float("nan"), 0, 0, " ".join(done.stderr.split())[-200:].replace("|", "\\|"))
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def _one(case: Case) -> Run:
    """Run the multiplier here."""
    from matshot.material.types import Material
    from matshot.shading.procedural import brick_wall
    from matshot.synthesis.multiply import MultiplyOptions, multiply

    wall = brick_wall(_SOURCE)
    wall["normal"] = wall.pop("normal_gl")
    kinds = list(wall) if case.maps else ["basecolor"]
    # The source is not said to wrap, as a photograph's crop does not.
    source = Material({kind: replace(wall[kind], wrap="none") for kind in kinds})
    chosen = MultiplyOptions(
        size=(case.side, case.side), engine=case.engine, tileable=True, threads=report.THREADS
    )  # fmt: skip
    before = command_line.peak_memory(os.getpid())
    began, used = time.perf_counter(), time.process_time()
    multiply(source, chosen)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    return Run(seconds, processor, command_line.peak_memory(os.getpid()), before)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(vars(_one(Case(**json.loads(sys.argv[2]))))))
    else:
        report.run_alone(measure, report.parser(__doc__, data=False))
