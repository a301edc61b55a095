"""Training of everything that is shipped, one network after the other, in as many sittings as it takes.

Every network has a budget of hours. It continues from its checkpoint, on any machine; without one it starts from the
shipped weights. When its budget is spent and it measures better than what is shipped, it is exported.
"""

from __future__ import annotations

import json
import os
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F

from matshot.files import atomic_write
from matshot.inference.cards import SHIPPED, Card, read_card

from . import recipes
from .capture_export import export_capture
from .capture_training import CaptureRecipe, CaptureTask, train_capture
from .checkpoints import save_checkpoint
from .loop import BEST, Aim, Call, begin_from, best_device, start_weights
from .measuring import bicubic, enlarging, measure_model
from .onnx_export import export, run_record
from .relief_export import export_relief
from .relief_training import PHOTOGRAPHS, RECIPES, ReliefRecipe, ReliefTask, train_relief
from .shipped import is_shipped, shipped_weights
from .style_export import export_style
from .style_training import StyleRecipe, StyleTask, train_style
from .training import MapTask, train


@dataclass(frozen=True)
class OwnTask:
    """A network that has a task of its own instead of a recipe in a file.

    Attributes:
        recipe: dataclass of how it is trained.
        train: trains it.
        export: writes its models.
    """

    recipe: Callable[[], CaptureRecipe | ReliefRecipe | StyleRecipe]
    train: Callable[..., Path]
    export: Callable[..., list[Card]]


OWN_TASKS = {
    "capture": OwnTask(CaptureRecipe, train_capture, export_capture),
    "relief": OwnTask(ReliefRecipe, train_relief, lambda *given, **run: [export_relief(*given, **run)]),
    "relief_even": OwnTask(
        lambda: RECIPES["relief_even"],
        train_relief,
        lambda *given, **run: [export_relief(*given, **run, name="relief_even")],
    ),
    "style": OwnTask(StyleRecipe, train_style, lambda *given, **run: [export_style(*given, **run)]),
}
#: File of a run whose network was exported, or was not better.
_JUDGED = "judged"
#: Steps that no budget in hours reaches.
_ENDLESS = 1 << 40


@dataclass(frozen=True)
class Turn:
    """One network's place in the queue.

    Attributes:
        name: of the recipe and the model, or one of ``OWN_TASKS``.
        hours: of training.
        rate: Muon's, instead of the recipe's, where trained weights are only to be improved; 0 keeps that.
        batch: patches or crops a step, instead of the recipe's; 0 keeps those.
        patch: their side in pixels of the input, likewise.
        start: network whose newest weights it starts from; empty for its own shipped ones.
        figure: that is watched, by its name in the run's log.
        lower_is_better: whether smaller figures are better; normals' are angles, and always so.
        figure_decides: whether a better figure is enough to export by itself. Of a network that is to please the eye
            it is not.
        peer: name of the peer, if one was measured on the same maps.
        peer_figure: what it reaches.
    """

    name: str
    hours: float
    rate: float = 0.0
    batch: int = 0
    patch: int = 0
    start: str = ""
    figure: str = "value"
    lower_is_better: bool = False
    figure_decides: bool = True
    peer: str = ""
    peer_figure: float | None = None

    @property
    def sign(self) -> int:
        """1 where larger figures are better, else -1."""
        smaller = self.lower_is_better or (self.name not in OWN_TASKS and recipes.load(self.name).kind == "normal")
        return -1 if smaller else 1

    @property
    def aim(self) -> Aim | None:
        """What the best weights are chosen by; None where a figure cannot tell which are best."""
        return Aim(self.figure, self.sign) if self.figure_decides else None

    def recipe(self) -> recipes.Recipe:
        """The network's recipe with what the turn changes; not for ``OWN_TASKS``."""
        own = recipes.load(self.name)
        batch, patch = self.batch or own.batch, self.patch or own.patch
        return replace(own, rate=self.rate or own.rate, batch=batch, patch=patch)

    def own_recipe(self) -> CaptureRecipe | ReliefRecipe | StyleRecipe:
        """The same for one of ``OWN_TASKS``."""
        own = OWN_TASKS[self.name].recipe()
        batch, side = self.batch or own.batch, self.patch or own.side
        return replace(own, rate=self.rate or own.rate, batch=batch, side=side)


@dataclass(frozen=True)
class Standing:
    """Where a network's training is.

    Attributes:
        turn: in the queue.
        step: of training.
        minutes: trained, of all that the turn has.
        figure: measured with the weights that would be exported: the best where a figure decides, else the newest;
            None before the first measurement.
        bicubic: the figure of bicubic, of flat normals for the networks of capture, or of colors alone for style; None
            before the turn begins.
        shipped: the figure of the shipped model; None before the turn begins or where there is none.
    """

    turn: Turn
    step: int = 0
    minutes: float = 0.0
    figure: float | None = None
    bicubic: float | None = None
    shipped: float | None = None

    @property
    def better(self) -> bool:
        """Whether it has beaten what is shipped."""
        if self.figure is None:
            return False
        return self.shipped is None or self.turn.sign * (self.figure - self.shipped) > 0

    def line(self) -> str:
        """One line for the terminal."""
        figures = {"measured": self.figure, "bicubic": self.bicubic, "shipped": self.shipped}
        if self.turn.peer:
            figures[self.turn.peer] = self.turn.peer_figure
        texts = [f"{name} {'-' if value is None else f'{value:.3f}'}" for name, value in figures.items()]
        state = "better" if self.better else ""
        head = f"{self.turn.name:22} step {self.step:7} {self.minutes:6.0f} of {60 * self.turn.hours:.0f} min"
        return "  ".join([head, *texts, state]).rstrip()


def read_queue(path: Path) -> list[Turn]:
    """The turns of a queue file.

    Raises:
        FileNotFoundError: when there is no such file, or no recipe of a name.
        ValueError: for a key that means nothing.
    """
    try:
        turns = [Turn(**entry) for entry in tomllib.loads(path.read_text())["turns"]]
    except (TypeError, KeyError) as error:
        raise ValueError(f"{path.name} is not a queue: {error}") from error
    for turn in turns:
        if turn.name not in OWN_TASKS:
            recipes.load(turn.name)
    return turns


def train_all(
    turns: list[Turn],
    data: Path,
    runs: Path,
    *,
    models: Path = SHIPPED,
    out: Path | None = None,
    minutes: float | None = None,
    device: str = "auto",
    report: Callable[[str], None] = print,
) -> list[Card]:
    """Train networks in turn, each until its budget is spent, and export what became better.

    Args:
        turns: the queue.
        data: folder as :mod:`matshot_export.data` describes.
        runs: folder of runs; receives ``status.md`` besides.
        models: folder of models that start weights are read from.
        out: folder that better ones are written to; ``models`` by default.
        minutes: after which the call ends, to be called again.
        device: ``auto``, ``cpu`` or ``cuda``.
        report: receives one line at a time.

    Returns:
        The cards of what was exported.

    Raises:
        FileNotFoundError: when data are missing.
    """
    lower_priority()
    ends = time.monotonic() + 60 * minutes if minutes else None
    cards: list[Card] = []
    for turn in turns:
        left = (ends - time.monotonic()) / 60 if ends else None
        if left is not None and left <= 0:
            break
        if _spent(turn, runs):
            # A call may have been ended between the last step and the export.
            cards += _judged(turn, data, runs, out or models, report)
            continue
        start = _begin(turn, data, runs, models, device, report)

        def told(line: str, turn: Turn = turn) -> None:
            report(f"{turn.name}: {line}")
            write_status(turns, runs)

        call: Call = {
            "minutes": 60 * turn.hours,
            "call_minutes": left,
            "device": device,
            "resume": True,
            "start": start,
            "aim": turn.aim,
            "report": told,
        }
        # The budget in hours ends the schedule.
        if turn.name in OWN_TASKS:
            OWN_TASKS[turn.name].train(replace(turn.own_recipe(), steps=_ENDLESS), data, runs / turn.name, **call)
        else:
            train(replace(turn.recipe(), steps=_ENDLESS), data, runs / turn.name, **call)
        write_status(turns, runs)
        if _spent(turn, runs):
            cards += _judged(turn, data, runs, out or models, report)
    return cards


def _spent(turn: Turn, runs: Path) -> bool:
    """Whether all of a network's budget is."""
    return bool(run_record(runs / turn.name).get("done", 0) >= 1)


def _judged(turn: Turn, data: Path, runs: Path, models: Path, report: Callable[[str], None]) -> list[Card]:
    """Export what has become better, once; a mark in the run's folder says that this was done."""
    mark = runs / turn.name / _JUDGED
    if mark.exists() or not turn.figure_decides:
        return []
    cards = export_better(turn, data, runs, models=models, report=report)
    mark.touch()
    return cards


def export_better(
    turn: Turn, data: Path, runs: Path, *, models: Path = SHIPPED, report: Callable[[str], None] = print
) -> list[Card]:
    """Export a network that has beaten the shipped one on ``materials/val``, and measure it.

    Args:
        turn: of the network.
        data: folder as :mod:`matshot_export.data` describes.
        runs: folder of runs.
        models: folder that models go into.
        report: receives one line at a time.

    Returns:
        The cards that were written; none when it is not better.
    """
    now = standing(turn, runs)
    if not now.better:
        report(f"{turn.name} is not better than what is shipped: {now.line()}")
        return []
    run = runs / turn.name
    weights = run / (BEST if run_record(run).get("kept_step") else "weights.pt")
    if turn.name in OWN_TASKS:
        return OWN_TASKS[turn.name].export(weights, models, run=run)
    export(recipes.load(turn.name), weights, models, run=run)
    return [measure_model(turn.name, data, models, report)]


def standing(turn: Turn, runs: Path) -> Standing:
    """Where a network's training is, from its run folder."""
    record, before = run_record(runs / turn.name), _baseline(runs / turn.name)
    measured = record.get("measured") or [{}]
    # A run that kept no best weights has only its newest.
    kept = [point for point in measured if point.get("step") == record.get("kept_step")]
    point = (kept or measured)[-1]
    return Standing(
        turn,
        record.get("step", 0),
        record.get("seconds", 0.0) / 60,
        point.get(turn.figure),
        before.get("bicubic"),
        before.get("shipped"),
    )


def write_status(turns: list[Turn], runs: Path) -> Path:
    """Write the status page, ``status.md``, with the learning curve of every network."""
    lines = ["# Training", "", "| network | step | minutes | measured | bicubic | shipped | peer |", "|" + "---|" * 7]
    curves: list[str] = []
    for turn in turns:
        now = standing(turn, runs)
        figures = ["-" if value is None else f"{value:.3f}" for value in (now.figure, now.bicubic, now.shipped)]
        if now.better:
            figures[0] = f"**{figures[0]}**"
        peer = f"{turn.peer_figure} ({turn.peer})" if turn.peer else "-"
        budget = f"{now.minutes:.0f} of {60 * turn.hours:.0f}"
        lines.append("| " + " | ".join([turn.name, str(now.step), budget, *figures, peer]) + " |")
        measured = run_record(runs / turn.name).get("measured") or []
        if measured:
            # At most a dozen points say as much as all.
            points = measured[:: -(-len(measured) // 12)] + ([measured[-1]] if len(measured) % 12 else [])
            curve = ", ".join(f"{point['step']}: {point[turn.figure]:.3f}" for point in points if turn.figure in point)
            curves += ["", f"{turn.name}, by step: {curve}"]
    path = runs / "status.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, "\n".join([*lines, *curves]) + "\n")
    return path


def lower_priority() -> None:
    """Let everything else on the machine go first, where the system has such a thing."""
    if hasattr(os, "nice"):
        os.nice(19)


def _baseline(run: Path) -> dict[str, float]:
    path = run / "baseline.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _begin(turn: Turn, data: Path, runs: Path, models: Path, device: str, report: Callable[[str], None]) -> Path:
    """Write start weights, and what bicubic and the shipped model measure, unless they are there; the weights' path."""
    run = runs / turn.name
    run.mkdir(parents=True, exist_ok=True)
    begun = start_weights(run)
    if (run / "baseline.json").exists() and begun is not None:
        return begun
    where = best_device(device)
    task: CaptureTask | ReliefTask | StyleTask | MapTask
    if turn.name == "capture":
        task = CaptureTask(CaptureRecipe(), data, where)
        baseline = {"bicubic": 1.0}
    elif turn.name in RECIPES:
        task = ReliefTask(RECIPES[turn.name], data, where, run / PHOTOGRAPHS)
        baseline = {"bicubic": 1.0}
    elif turn.name == "style":
        task = StyleTask(StyleRecipe(), data, where)
        baseline = {"bicubic": task.without()}
    else:
        task = MapTask(recipes.load(turn.name), data, where)
        baseline = {"bicubic": _of_bicubic(task)}
    own = is_shipped(turn.name, models)
    origin = turn.start or turn.name
    newest = runs / origin / "weights.pt"
    if turn.start and newest.exists():
        weights, origin = torch.load(newest, map_location="cpu", weights_only=True), turn.start
    elif is_shipped(origin, models):
        weights, origin = shipped_weights(origin, models), f"shipped {origin}"
    else:
        weights, origin = task.network.state_dict(), "nothing"
    if own:
        picture = run / "shipped.png"
        if isinstance(task, MapTask):  # the model, whatever the recipe has come to be
            card = read_card(models / f"{turn.name}.toml")
            baseline["shipped"] = task.figure_of(enlarging(card), picture)
        else:
            save_checkpoint(shipped_weights(turn.name, models), run / "shipped.pt")
            if begin_from(task.network, run / "shipped.pt") == len(task.network.state_dict()):
                baseline["shipped"] = task.figures(task.network.state_dict(), picture)[turn.figure]
            else:
                report(f"{turn.name}: what is shipped has other layers, so the two cannot be compared")
    start = run / f"start-{origin}.pt"
    save_checkpoint(weights, start)
    atomic_write(run / "baseline.json", json.dumps(baseline))
    report(f"{turn.name}: {', '.join(f'{name} {value:.3f}' for name, value in baseline.items())}")
    return start


def _of_bicubic(task: MapTask) -> float:
    figures = []
    for low, high in task.watched:
        plain = bicubic(low, task.recipe.scale)
        figures.append(task.metric(F.normalize(plain, dim=1) if task.recipe.kind == "normal" else plain, high))
    return sum(figures) / len(figures)
