"""One training loop for every network: seeded, resumable, the same on CUDA and CPU."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .checkpoints import open_run, save_checkpoint
from .data import PatchSource, Shrink, find_maps, validation_pairs
from .degradations import Degradation
from .losses import LUMA, Loss, WeightedLoss
from .optimizer import Muon
from .recipes import Recipe


@dataclass
class Progress:
    """Where a run stands; saved with every checkpoint."""

    step: int = 0
    seconds: float = 0.0
    measured: list[dict[str, float]] = field(default_factory=list)


def best_device(name: str = "auto") -> torch.device:
    """``auto`` is CUDA when there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def supports_bfloat16(device: torch.device) -> bool:
    """Whether half the bits mean about twice the speed here, and not an emulation."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


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
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                self.weights[key].lerp_(value, 1 - decay)


def train(
    recipe: Recipe,
    data: Path,
    out: Path,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    device: str = "auto",
    resume: bool = False,
    start: Path | None = None,
    report: Callable[[str], None] = print,
) -> Path:
    """Train one network.

    Args:
        recipe: what to train and how.
        data: folder as :mod:`matshot_export.data` describes.
        out: run folder; receives ``log.csv``, ``step-*.png``, ``checkpoint.pt`` and ``weights.pt`` (the average).
        steps: instead of the recipe's.
        minutes: end the schedule by then even if steps are left.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: continue from ``out/checkpoint.pt`` if there is one.
        start: weights to begin from; layers of other shapes are left as initialised.
        report: receives one line at a time.

    Returns:
        The path of the averaged weights.

    Raises:
        FileExistsError: when ``out`` holds a run and ``resume`` is off.
        FileNotFoundError: when data or start weights are missing.
        FloatingPointError: when the loss stops being a number.
    """
    torch.manual_seed(recipe.seed)
    open_run(out, resume=resume)
    where = best_device(device)
    kind = recipe.kind
    degradation = Degradation(**recipe.degradation) if recipe.degradation else None
    network = recipe.build().to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
    scale = recipe.scale
    paths = find_maps(data, "train", kind)
    shrink = Shrink(scale)
    source = PatchSource(
        paths, kind, recipe.patch, recipe.batch, shrink, degradation, recipe.seed, leaves=recipe.leaves
    )
    watched = validation_pairs(find_maps(data, "val", kind), kind, scale)
    if start is not None:
        report(f"{begin_from(network, start)} layers start from {start}")
    if recipe.focus:
        source.chances = promising(network, source, recipe.focus, recipe.octave)
    adversary = _Adversary(recipe, where) if recipe.loss.get("adversarial") else None
    learned: dict[str, Loss] = {}
    if recipe.loss.get("perceptual"):
        from .perceptual import PerceptualDistance

        learned["perceptual"] = PerceptualDistance(half=supports_bfloat16(where)).to(where)
    if adversary is not None:
        learned["adversarial"] = adversary.generator_loss
    loss = WeightedLoss(recipe.loss, learned)
    optimizer = Muon(network.parameters(), lr=recipe.rate)
    average = Average(network, recipe.average)
    progress = Progress()
    checkpoint = out / "checkpoint.pt"
    if resume and checkpoint.exists():
        saved = torch.load(checkpoint, map_location=where, weights_only=False)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        average.weights, average.updates = saved["average"], saved["updates"]
        progress = Progress(**saved["progress"])
        source.rng.bit_generator.state = saved["random"]
        torch.set_rng_state(saved["torch_random"].cpu())
        if adversary is not None:
            adversary.load(saved["adversary"])
        report(f"resumed at step {progress.step}")

    total = steps or recipe.steps
    half = supports_bfloat16(where)
    began = time.monotonic() - progress.seconds
    metric = angular_error if kind == "normal" else peak_signal_to_noise
    log = _Log(out / "log.csv", append=progress.step > 0)

    def save() -> None:
        state = {
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "average": average.weights,
            "updates": average.updates,
            "progress": vars(progress),
            "random": source.rng.bit_generator.state,
            "torch_random": torch.get_rng_state(),
            "adversary": adversary.state() if adversary is not None else None,
        }
        save_checkpoint(state, checkpoint)
        save_checkpoint(average.weights, out / "weights.pt")
        (out / "run.json").write_text(
            json.dumps({**vars(progress), "recipe": recipe.name, "threads": torch.get_num_threads()})
        )

    def elapsed_fraction() -> float:
        fraction = progress.step / total
        return max(fraction, progress.seconds / 60 / minutes) if minutes else fraction

    while (done := elapsed_fraction()) < 1:
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * min(1.0, (progress.step + 1) / recipe.warmup) * (1 - done)
        low, high = (t.to(where) for t in next(source))
        with torch.autocast(where.type, dtype=torch.bfloat16, enabled=half):
            result = network(low.contiguous(memory_format=torch.channels_last))
        if adversary is not None:
            adversary.learn(result.detach().float(), high, recipe.rate * (1 - done))
        value, parts = loss(result.float(), high)
        if not torch.isfinite(value):
            raise FloatingPointError(f"the loss became {value.item()} at step {progress.step}")
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        average.update(network)
        progress.step += 1
        progress.seconds = time.monotonic() - began
        if progress.step % recipe.log_every == 0 or elapsed_fraction() >= 1:
            measured = measure(network, average.weights, watched, metric, out / f"step-{progress.step:06d}.png", kind)
            row = {"step": progress.step, "seconds": round(progress.seconds), "loss": value.item(), **parts}
            row["measured"] = measured
            progress.measured.append({"step": progress.step, "value": measured})
            log.write(row)
            save()
            report(" ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()))
    save()
    return out / "weights.pt"


@torch.no_grad()
def promising(network: nn.Module, source: PatchSource, focus: float, octave: float) -> np.ndarray:
    """Chances with which images are drawn: more where the network already gains more over its own bicubic base.

    On noise and on flat surfaces nothing is left to learn; where a little training brought much, more will bring more.

    Args:
        network: that training starts from, of the ``Upscaler`` kind.
        source: of the images.
        focus: exponent of the gain in dB; 0 would draw all alike.
        octave: factor for every time that an image was halved, so that most of what is seen is as sharp as files are.
    """
    device = next(network.parameters()).device
    gains = []
    for low, high in source.probes():
        plain = nn.functional.interpolate(low, scale_factor=source.shrink.scale, mode="bicubic")
        gain = peak_signal_to_noise(network(low.to(device)).cpu(), high) - peak_signal_to_noise(plain, high)
        gains.append(min(max(gain, 0.0), 6.0) + 0.2)
    chances = np.asarray(gains) ** focus * octave ** np.asarray(source.octaves)
    return np.asarray(chances / chances.sum())


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


def blend(first: Path, second: Path, share: float, out: Path) -> Path:
    """Average the weights of two runs of one trajectory, which keeps what each has learnt.

    Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
    increasing inference time".

    Args:
        first: weights.
        second: weights of the same network.
        share: of the second, 0 to 1.
        out: run folder of the result; its ``run.json`` is the second's.

    Returns:
        The path of the blended weights.

    Raises:
        FileExistsError: when ``out`` holds a run.
        FileNotFoundError: when weights are missing.
        ValueError: when the two are not of one network, or the share is out of range.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share lies between 0 and 1, not at {share}")
    a, b = (torch.load(path, map_location="cpu", weights_only=True) for path in (first, second))
    if {k: v.shape for k, v in a.items()} != {k: v.shape for k, v in b.items()}:
        raise ValueError(f"{first} and {second} are weights of different networks")
    open_run(out)
    torch.save({key: value.lerp(b[key], share) for key, value in a.items()}, out / "weights.pt")
    record = second.parent / "run.json"
    if record.exists():
        (out / "run.json").write_text(record.read_text())
    return out / "weights.pt"


def peak_signal_to_noise(result: torch.Tensor, truth: torch.Tensor) -> float:
    """PSNR in dB of luma (scaled to 16..235 of 255, as is customary) or of a single plane; 4 border pixels left out."""
    error = (result.clamp(0, 1) - truth)[..., 4:-4, 4:-4]
    if error.shape[1] == 3:
        error = (error * error.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1) * 219 / 255
    return float(-10 * torch.log10(error.square().mean() + 1e-12))


def angular_error(result: torch.Tensor, truth: torch.Tensor) -> float:
    """Mean angle between unit vectors, in degrees."""
    cosine = (result * truth).sum(dim=1).clamp(-1, 1)
    return float(torch.rad2deg(torch.acos(cosine)).mean())


@torch.no_grad()
def measure(
    network: nn.Module,
    weights: dict[str, torch.Tensor],
    pairs: list[tuple[torch.Tensor, torch.Tensor]],
    metric: Callable[[torch.Tensor, torch.Tensor], float],
    picture: Path,
    kind: str,
) -> float:
    """Mean of the metric over whole textures with the averaged weights; writes a picture of the first few."""
    current = {k: v.clone() for k, v in network.state_dict().items()}
    network.load_state_dict(weights)
    network.eval()
    device = next(network.parameters()).device
    values: list[float] = []
    rows: list[torch.Tensor] = []
    for low, high in pairs:
        result = network(low.to(device)).float().cpu()
        values.append(metric(result, high))
        if len(rows) < 5:
            plain = nn.functional.interpolate(low, size=high.shape[-2:], mode="bicubic")
            side = min(192, high.shape[-1])
            rows.append(torch.cat([p[0, :, :side, :side] for p in (plain, result, high)], dim=2))
    network.load_state_dict(current)
    network.train()
    width = min(row.shape[2] for row in rows)
    sheet = torch.cat([row[:, :, :width] for row in rows], dim=1)
    write_picture(picture, sheet * 0.5 + 0.5 if kind == "normal" else sheet)
    return float(np.mean(values))


def write_picture(path: Path, planes: torch.Tensor) -> None:
    """An 8-bit PNG of ``(C, H, W)`` in [0, 1]."""
    import OpenImageIO as oiio

    pixels = (planes.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    buffer = oiio.ImageBuf(pixels)
    if not buffer.write(str(path)):
        raise OSError(f"could not write {path}: {buffer.geterror()}")


class _Log:
    """A CSV whose columns are those of the first row."""

    def __init__(self, path: Path, append: bool) -> None:
        self.path = path
        if not append:
            path.unlink(missing_ok=True)

    def write(self, row: dict[str, Any]) -> None:
        fresh = not self.path.exists()
        with self.path.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)


class _Adversary:
    """The discriminator and its own optimiser."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        from .networks.discriminator import Discriminator

        self.network = Discriminator(recipe.planes).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=3e-4, betas=(0.5, 0.99))
        self.half = supports_bfloat16(device)
        self.device = device

    def judge(self, images: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half):
            judged: torch.Tensor = self.network(images.contiguous(memory_format=torch.channels_last))
        return judged.float()

    def learn(self, fake: torch.Tensor, real: torch.Tensor, rate: float) -> None:
        """One step of the relativistic average loss (Jolicoeur-Martineau 2018, equation 16)."""
        judged = self.judge(torch.cat([real, fake]))
        on_real, on_fake = judged.chunk(2)
        softplus = nn.functional.softplus
        value = softplus(-(on_real - on_fake.mean())).mean() + softplus(on_fake - on_real.mean()).mean()
        self.optimizer.zero_grad(set_to_none=True)
        value.backward()
        self.optimizer.step()

    def generator_loss(self, result: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """The same with the roles exchanged."""
        for p in self.network.parameters():
            p.requires_grad_(False)
        on_fake = self.judge(result)
        with torch.no_grad():
            on_real = self.judge(truth)
        for p in self.network.parameters():
            p.requires_grad_(True)
        softplus = nn.functional.softplus
        return softplus(-(on_fake - on_real.mean())).mean() + softplus(on_real - on_fake.mean()).mean()

    def state(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
