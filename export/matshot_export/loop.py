"""The training loop of every network: seeded, resumable, the same on CUDA and CPU.

A run folder holds the whole state. A checkpoint is written every few minutes and never half, so a killed run continues
where it was, on any machine.
"""

from __future__ import annotations

import contextlib
import csv
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypedDict

import numpy as np
import torch
from torch import nn

from matshot.files import atomic_write

from .checkpoints import open_run, save_checkpoint
from .optimizer import Muon

#: Seconds of training that a kill loses at most, up to one step and one measurement.
CHECKPOINT_SECONDS = 240.0

#: File of a run's best weights.
BEST = "best.pt"

#: Steps before a network is compiled.
PLAIN_STEPS = 50

#: Steps after which it is looked whether the loss is still a number.
FINITE_EVERY = 50


@dataclass(frozen=True)
class Aim:
    """A figure that a run is judged by.

    Attributes:
        figure: its name in the run's log.
        sign: 1 where larger figures are better, else -1.
    """

    figure: str
    sign: int = 1

    def best(self, measured: Sequence[Mapping[str, float]]) -> Mapping[str, float] | None:
        """The first of the best measurements; None where none has the figure."""
        points = [point for point in measured if self.figure in point]
        return max(points, key=lambda point: self.sign * point[self.figure], default=None)


@dataclass(frozen=True)
class Schedule:
    """How long a run trains, and at which rate.

    Attributes:
        steps: of the whole run; the rate falls linearly to nothing after ``warmup`` steps.
        rate: Muon's step.
        warmup: steps in which the rate rises.
        average: decay of the weights' moving average.
        log_every: steps between two measurements.
        minutes: of training, over all calls, in which the rate falls to nothing even if steps are left.
        call_minutes: after which this call ends, to be resumed; the rate does not depend on it.
        aim: figure whose best weights are kept apart from the newest; None for none.
    """

    steps: int
    rate: float
    warmup: int
    average: float
    log_every: int
    minutes: float | None = None
    call_minutes: float | None = None
    aim: Aim | None = None

    @staticmethod
    def of(recipe: Any, call: Call) -> Schedule:
        """That of a recipe, which names the first five, and of a call."""
        of_recipe = (recipe.steps, recipe.rate, recipe.warmup, recipe.average, recipe.log_every)
        return Schedule(*of_recipe, call.get("minutes"), call.get("call_minutes"), call.get("aim"))


class Call(TypedDict, total=False):
    """What every training may be told besides its recipe.

    Attributes:
        minutes: of training, over all calls, that end the schedule even if steps are left.
        call_minutes: after which this call ends, to be resumed.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: whether to continue from the checkpoint if there is one.
        start: weights to begin from; layers of other shapes are left as initialized.
        aim: figure whose best weights are kept besides the newest.
        report: receives one line at a time; they are printed without.
    """

    minutes: float | None
    call_minutes: float | None
    device: str
    resume: bool
    start: Path | None
    aim: Aim | None
    report: Callable[[str], None]


@dataclass
class Progress:
    """Where a run is; saved with every checkpoint.

    Attributes:
        step: steps done.
        seconds: of training, over all calls, as :func:`training_clock` counts them.
        pixels: input pixels seen.
        done: share of the schedule that is over, 0 to 1.
        measured: figures of each measurement, with its ``step``.
        kept_step: at which the best weights were kept; None before.
    """

    step: int = 0
    seconds: float = 0.0
    pixels: int = 0
    done: float = 0.0
    measured: list[dict[str, float]] = field(default_factory=list)
    kept_step: int | None = None


class Task(Protocol):
    """What the loop asks of a network to be trained.

    Attributes:
        network: on its device.
    """

    network: nn.Module

    @property
    def rng(self) -> np.random.Generator:
        """Of the training data."""

    def loss(self, done: float) -> tuple[torch.Tensor, Mapping[str, float | torch.Tensor], int]:
        """Loss of the next batch, its terms for the log, and input pixels seen.

        Terms may stay on the device: nothing waits for them but a line of the log.

        Args:
            done: share of the schedule that is over.
        """

    def figures(self, weights: dict[str, torch.Tensor], picture: Path) -> dict[str, float]:
        """What the network with these weights reaches on held-out data; ``picture`` is written."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds besides the network, its optimizer and average."""

    def load(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state`."""


class Average:
    """Exponential moving average of a network's weights."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.weights = {k: v.detach().clone() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Follow the network; faster at first, so that the start is forgotten."""
        self.updates += 1
        decay = min(self.decay, self.updates / (self.updates + 10))
        state = network.state_dict()
        moving = [key for key, value in state.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.weights[key] for key in moving], [state[key] for key in moving], 1 - decay)


@contextlib.contextmanager
def as_used(network: nn.Module, weights: dict[str, torch.Tensor]) -> Iterator[None]:
    """A network as it would be used with these weights, without gradients; then it has its own again and trains on."""
    own = {key: value.clone() for key, value in network.state_dict().items()}
    network.load_state_dict(weights)
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.load_state_dict(own)
        network.train()


def begin(task: Task, call: Call) -> None:
    """Give a network the weights that a call starts from, if it does.

    Raises:
        FileNotFoundError: when there are none.
    """
    start = call.get("start")
    if start is not None:
        call.get("report", print)(f"{begin_from(task.network, start)} layers start from {start}")


def carry_out(task: Task, recipe: Any, out: Path, facts: dict[str, Any], call: Call) -> Path:
    """Train a network that has begun as its recipe says, for as long as the call says.

    Args:
        task: the network, its data and its loss.
        recipe: see :meth:`Schedule.of`.
        out: run folder, as :func:`descend` fills it.
        facts: that its record holds besides the start and the rate.
        call: see :class:`Call`.

    Returns:
        The path of the averaged weights.

    Raises:
        FileExistsError: when ``out`` holds a run and the call does not resume it.
        FloatingPointError: when the loss stops being a number.
    """
    facts = {**facts, "start": start_name(call.get("start")), "rate": recipe.rate}
    resume, report = call.get("resume", False), call.get("report", print)
    descend(task, Schedule.of(recipe, call), out, facts=facts, resume=resume, report=report)
    return out / "weights.pt"


def descend(
    task: Task,
    schedule: Schedule,
    out: Path,
    *,
    facts: dict[str, Any] | None = None,
    resume: bool = False,
    report: Callable[[str], None] = print,
) -> Progress:
    """Train a network until its schedule is over, or the call's time is.

    Args:
        task: the network, its data and its loss.
        schedule: how long.
        out: run folder; receives ``log.csv``, ``step-*.png``, ``checkpoint.pt``, ``weights.pt`` (the average),
            ``best.pt`` (the average where the schedule's aim was best met) and ``run.json``.
        facts: that ``run.json`` holds besides.
        resume: continue from ``out/checkpoint.pt`` if there is one.
        report: receives one line at a time.

    Raises:
        FileExistsError: when ``out`` holds a run and ``resume`` is off.
        FloatingPointError: when the loss stops being a number.
    """
    open_run(out, resume=resume)
    device = next(task.network.parameters()).device
    optimizer = Muon(task.network.parameters(), lr=schedule.rate)
    average = Average(task.network, schedule.average)
    progress = Progress()
    checkpoint = out / "checkpoint.pt"
    if resume and checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=False)
        task.network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        average.weights, average.updates = saved["average"], saved["updates"]
        progress = Progress(**saved["progress"])
        task.rng.bit_generator.state = saved["random"]
        torch.set_rng_state(saved["torch_random"].cpu())
        task.load(saved["task"])
        report(f"resumed at step {progress.step}")
    log = Log(out / "log.csv", append=progress.step > 0)
    started = kept = time.monotonic()
    clock = training_clock(device)
    began = clock() - progress.seconds

    finite = torch.ones((), dtype=torch.bool, device=device)

    def save() -> None:
        if not finite:
            raise FloatingPointError(f"The loss stopped being a number by step {progress.step}.")
        state = {
            "network": task.network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "average": average.weights,
            "updates": average.updates,
            "progress": vars(progress),
            "random": task.rng.bit_generator.state,
            "torch_random": torch.get_rng_state(),
            "task": task.state(),
        }
        save_checkpoint(state, checkpoint)
        save_checkpoint(average.weights, out / "weights.pt")
        place = {"threads": torch.get_num_threads(), "device": device_name(device)}
        record = {**vars(progress), **(facts or {}), **place}
        atomic_write(out / "run.json", json.dumps(record))

    def done() -> float:
        fraction = progress.step / schedule.steps
        return max(fraction, progress.seconds / 60 / schedule.minutes) if schedule.minutes else fraction

    def call_over() -> bool:
        return schedule.call_minutes is not None and time.monotonic() - started >= 60 * schedule.call_minutes

    while (fraction := done()) < 1 and not call_over():
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate * min(1.0, (progress.step + 1) / schedule.warmup) * (1 - fraction)
        value, terms, pixels = task.loss(fraction)
        # A device that works ahead is not waited for at every step: what is not finite is found before it is saved.
        finite &= torch.isfinite(value.detach())
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        average.update(task.network)
        progress.step += 1
        progress.pixels += pixels
        progress.seconds = clock() - began
        progress.done = min(1.0, done())
        measuring = progress.step % schedule.log_every == 0 or progress.done >= 1
        if (measuring or progress.step % FINITE_EVERY == 0) and not finite:
            break
        if measuring:
            figures = task.figures(average.weights, out / f"step-{progress.step:06d}.png")
            progress.measured.append({"step": progress.step, **figures})
            if schedule.aim and schedule.aim.best(progress.measured) is progress.measured[-1]:
                save_checkpoint(average.weights, out / BEST)
                progress.kept_step = progress.step
            shown = {"loss": float(value.detach()), **{name: float(term) for name, term in terms.items()}, **figures}
            row = {"step": progress.step, "seconds": round(progress.seconds), **shown}
            log.write(row)
            report(" ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()))
            save()
            kept = time.monotonic()
        elif time.monotonic() - kept >= CHECKPOINT_SECONDS:
            save()
            kept = time.monotonic()
    save()
    return progress


def begin_from(network: nn.Module, path: Path) -> int:
    """Copy the weights whose names and shapes agree; returns how many did.

    Raises:
        FileNotFoundError: when there is no such file.
    """
    given = torch.load(path, map_location="cpu", weights_only=True)
    own = network.state_dict()
    fitting = {k: v for k, v in given.items() if k in own and own[k].shape == v.shape}
    network.load_state_dict({**own, **fitting})
    return len(fitting)


def training_clock(device: torch.device) -> Callable[[], float]:
    """Seconds of work: of the processor's threads, each as much, or of the wall where a GPU works.

    On a machine that others use too, a low priority may mean a tenth of it; a schedule by the wall would end before
    anything is learnt.
    """
    if device.type != "cpu":
        return time.monotonic
    threads = torch.get_num_threads()
    return lambda: time.process_time() / threads


def start_weights(run: Path) -> Path | None:
    """The weights that the queue began a run with, if they are there."""
    return min(run.glob("start-*.pt"), default=None)


def start_name(start: Path | None) -> str:
    """What a card says of start weights: the run that they are of, or what follows ``start-`` in their file's name."""
    if start is None:
        return "nothing"
    return start.stem.removeprefix("start-") if start.stem.startswith("start-") else start.parent.name


class Log:
    """A CSV whose columns are those of the first row.

    Args:
        path: of the file.
        append: to what is there; otherwise it starts empty.
    """

    def __init__(self, path: Path, append: bool) -> None:
        self.path = path
        if not append:
            path.unlink(missing_ok=True)

    def write(self, row: dict[str, Any]) -> None:
        """Add a row."""
        fresh = not self.path.exists()
        with self.path.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)


def use_processor(threads: int) -> None:
    """Compute with so many threads of the processor, 0 for torch's choice, and with denormal numbers as 0.

    Gradients of trained networks hold numbers below 1e-38, which a processor takes many times as long for: half of the
    time of a step of the network for relief. Threads take this over from the one that starts them, so it comes first.
    """
    torch.set_flush_denormal(True)
    if threads:
        torch.set_num_threads(threads)


def best_device(name: str = "auto") -> torch.device:
    """``auto`` is CUDA when there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """What a card says that a network was trained on."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def supports_bfloat16(device: torch.device) -> bool:
    """Whether half the bits mean about twice the speed here, and not an emulation."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # That oneDNN takes bfloat16 says nothing: with AVX-512 alone it is emulated, and a third as fast.
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def compiled(network: nn.Module, device: torch.device, *, everywhere: bool = False) -> Callable[..., torch.Tensor]:
    """The network to compute with while it learns: as fused kernels that share its weights, once that is worth it.

    Args:
        network: on its device.
        device: a GPU, for all networks.
        everywhere: on CPUs too. What repeats an image's border is not compiled right there by torch 2.13.
    """
    return LateCompiled(network) if device.type == "cuda" or everywhere else network


class LateCompiled:
    """A network that is compiled after some steps: compiling takes as long as hundreds, and many runs have few.

    Args:
        network: that is called with what this is called with.
    """

    def __init__(self, network: nn.Module) -> None:
        self._forward: Callable[..., torch.Tensor] = network
        self._network, self._left = network, PLAIN_STEPS

    def __call__(self, *planes: torch.Tensor) -> torch.Tensor:
        """What the network gives."""
        if self._left == 0:
            self.compile()
        self._left -= 1
        return self._forward(*planes)

    def compile(self) -> None:
        """From now on."""
        # Without a compiler on the machine it works as before, a little slower, and torch says so.
        torch._dynamo.config.suppress_errors = True
        self._forward, self._left = torch.compile(self._network), -1


def write_picture(path: Path, planes: torch.Tensor) -> None:
    """An 8-bit PNG of ``(C, H, W)`` in [0, 1]."""
    import OpenImageIO as oiio

    pixels = (planes.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    buffer = oiio.ImageBuf(pixels)
    if not buffer.write(str(path)):
        raise OSError(f"could not write {path}: {buffer.geterror()}")
