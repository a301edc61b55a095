"""Training on a rented machine, where no command may take longer than some minutes: a chain of calls that resume."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from matshot.inference.cards import SHIPPED

from .onnx_export import run_record
from .queue import read_queue


def train_in_calls(
    queue: Path,
    data: Path,
    out: Path,
    *,
    minutes: float = 9.0,
    calls: int | None = None,
    models: Path = SHIPPED,
    device: str = "auto",
    run: Callable[[Sequence[str]], None] | None = None,
    report: Callable[[str], None] = print,
) -> bool:
    """Train a queue in calls of ``train-all``, each a process of its own that resumes where the last one ended.

    Args:
        queue: file of turns and hours.
        data: folder as :mod:`matshot_export.data` describes, or with packs of it.
        out: receives ``runs``, which the next call needs, and ``models``, what became better than what is shipped.
        minutes: of a call.
        calls: how many at most. By default as many as it takes; what is better is exported then, finished or not.
            0 exports alone.
        models: folder of models that weights start from.
        device: ``auto``, ``cpu`` or ``cuda``.
        run: runs ``matshot-export`` with arguments; a process by default.
        report: receives one line at a time.

    Returns:
        Whether all budgets are spent.

    Raises:
        FileNotFoundError: when there is no such queue.
        ChildProcessError: when a call fails.
    """
    turns, run = read_queue(queue), run or _process
    runs = out / "runs"
    shared = ["--data", str(data), "--runs", str(runs), "--queue", str(queue)]

    def finished() -> bool:
        return all(run_record(runs / turn.name).get("done", 0) >= 1 for turn in turns)

    made = 0
    while not finished() and (calls is None or made < calls):
        places = ["--models", str(models), "--out", str(out / "models")]
        run(["train-all", *shared, *places, "--call-minutes", f"{minutes:g}", "--device", device])
        made += 1
        report(f"Call {made} of {minutes:g} minutes is over.")
    if calls is None or calls == 0 or finished():
        run(["export-better", *shared, "--models", str(out / "models")])
    return finished()


def _process(arguments: Sequence[str]) -> None:
    ended = subprocess.run([sys.executable, "-m", __package__, *arguments], check=False)
    if ended.returncode:
        raise ChildProcessError(f"matshot-export {arguments[0]} ended with exit code {ended.returncode}")
