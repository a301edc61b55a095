"""How long a training step takes, by its parts."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from . import recipes
from .capture_training import CaptureRecipe, CaptureTask
from .loop import Average, LateCompiled, training_clock
from .optimizer import Muon
from .relief_data import draw_photographs
from .relief_training import RECIPES, ReliefTask
from .training import MapTask

#: Of so many training images every one is read; the path of a patch does not depend on their number.
_EVERY = 16


@dataclass(frozen=True)
class StepTime:
    """Seconds of a step.

    Attributes:
        data: until the batch is there.
        forward: of the network and the loss.
        backward: of both.
        update: of the weights and their average.
        pixels: of the input that a step sees.
    """

    data: float
    forward: float
    backward: float
    update: float
    pixels: int

    def line(self) -> str:
        """One line for the terminal."""
        whole = self.data + self.forward + self.backward + self.update
        parts = {"data": self.data, "forward": self.forward, "backward": self.backward, "update": self.update}
        shown = ", ".join(f"{name} {1000 * seconds:.1f}" for name, seconds in parts.items())
        return f"{shown} ms; {60 / whole:.0f} steps and {60e-6 * self.pixels / whole:.2f} million pixels a minute"


def step_time(
    name: str, data: Path, device: torch.device, *, steps: int = 10, batch: int = 0, patch: int = 0
) -> StepTime:
    """Measure the steps of a recipe, of ``capture`` or of a relief network, compiled where long runs are.

    Args:
        name: of the recipe.
        data: folder as :mod:`matshot_export.data` describes.
        device: to train on.
        steps: that are measured, after two that are not.
        batch: patches or crops a step, instead of the recipe's; 0 keeps those.
        patch: their side, likewise.
    """
    with tempfile.TemporaryDirectory() as folder:
        return _measured(*_task(name, data, device, batch, patch, Path(folder)), device, steps)


def _measured(task: CaptureTask | MapTask | ReliefTask, rate: float, device: torch.device, steps: int) -> StepTime:
    if isinstance(task.forward, LateCompiled):
        task.forward.compile()
    optimizer, average = Muon(task.network.parameters(), lr=rate), Average(task.network, 0.999)
    clock = training_clock(device)
    spent = dict.fromkeys(("data", "forward", "backward", "update"), 0.0)
    pixels = 0

    def since(began: float) -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return clock() - began

    for number in range(steps + 2):
        if number == 2:
            spent, pixels = dict.fromkeys(spent, 0.0), 0
        began = clock()
        next(task.source)
        drawing = since(began)
        began = clock()
        value, _, seen = task.loss(0.0)
        # The loss has drawn another batch.
        spent["data"] += drawing
        spent["forward"] += max(since(began) - drawing, 0.0)
        optimizer.zero_grad(set_to_none=True)
        began = clock()
        value.backward()
        spent["backward"] += since(began)
        began = clock()
        optimizer.step()
        average.update(task.network)
        spent["update"] += since(began)
        pixels += seen
    return StepTime(**{part: seconds / steps for part, seconds in spent.items()}, pixels=pixels // steps)


def _task(
    name: str, data: Path, device: torch.device, batch: int, patch: int, folder: Path
) -> tuple[CaptureTask | MapTask | ReliefTask, float]:
    if name == "capture":
        capture = CaptureRecipe()
        capture = replace(capture, batch=batch or capture.batch, side=patch or capture.side)
        return CaptureTask(capture, data, device), capture.rate
    if name in RECIPES:
        relief = RECIPES[name]
        relief = replace(relief, batch=batch or relief.batch, side=patch or relief.side)
        draw_photographs(data / "materials" / "train", folder, 1, relief.seed, side=relief.photograph, device=device)
        return ReliefTask(relief, data, device, folder), relief.rate
    recipe = recipes.load(name)
    recipe = replace(recipe, batch=batch or recipe.batch, patch=patch or recipe.patch, leaves=0, patterns=0)
    task = MapTask(recipe, data, device)
    task.paths = task.paths[::_EVERY]
    return task, recipe.rate
