"""Training of super-resolution networks, for maps of every kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from torch import nn

from matshot.files import atomic_write

from .checkpoints import open_run
from .data import find_maps, validation_pairs
from .degradations import Degradation
from .loop import Call, as_used, begin, best_device, carry_out, compiled, start_name, supports_bfloat16, write_picture
from .losses import LUMA, Loss, WeightedLoss
from .patches import PatchSource, Shrink
from .recipes import Recipe

#: Share of a schedule from which on patches have the recipe's ``late_patch``, and all is computed in single precision:
#: bfloat16 alone costs fidelity x2 0.09 dB, and smooth textures half a decibel.
LATE = 0.9


class MapTask:
    """A recipe's network, its patches and its loss; see :class:`~matshot_export.loop.Task`.

    Args:
        recipe: what to train and how.
        data: folder as :mod:`matshot_export.data` describes.
        device: that it is trained on.

    Raises:
        FileNotFoundError: when data are missing.
    """

    def __init__(self, recipe: Recipe, data: Path, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        kind = recipe.kind
        self.half = supports_bfloat16(device)
        self.network: nn.Module = recipe.build().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.forward = compiled(self.network, device)
        self.paths = find_maps(data, "train", kind)
        self.watched = validation_pairs(find_maps(data, "val", kind), kind, recipe.scale)
        self.metric = angular_error if kind == "normal" else peak_signal_to_noise
        self.adversary = _Adversary(recipe, device) if recipe.loss.get("adversarial") else None
        learned: dict[str, Loss] = {}
        if recipe.loss.get("perceptual"):
            from .perceptual import PerceptualDistance

            learned["perceptual"] = PerceptualDistance(half=self.half).to(device)
        if self.adversary is not None:
            learned["adversarial"] = self.adversary.generator_loss
        self.weighted = WeightedLoss(recipe.loss, learned)

    @cached_property
    def source(self) -> PatchSource:
        """The patches; reading all images takes a minute, which measuring alone can do without."""
        recipe = self.recipe
        return PatchSource(
            self.paths,
            recipe.kind,
            recipe.patch,
            recipe.batch,
            Shrink(recipe.scale),
            Degradation(**recipe.degradation) if recipe.degradation else None,
            recipe.seed,
            leaves=recipe.leaves,
            patterns=recipe.patterns,
            surfaces=recipe.surfaces,
            cuts=recipe.cuts,
            device=self.device,
        )

    @property
    def rng(self) -> np.random.Generator:
        """Of the patches."""
        return self.source.rng

    def loss(self, done: float) -> tuple[torch.Tensor, dict[str, torch.Tensor], int]:
        """Of the next batch of patches."""
        if done >= LATE and self.recipe.late_patch > self.recipe.patch:
            self.source.resize(self.recipe.late_patch)
        low, high = next(self.source)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half and done < LATE):
            result = self.forward(low.contiguous(memory_format=torch.channels_last))
        if self.adversary is not None:
            self.adversary.learn(result.detach().float(), high)
        return *self.weighted(result.float(), high), low.shape[0] * low.shape[2] * low.shape[3]

    def figures(self, weights: dict[str, torch.Tensor], picture: Path) -> dict[str, float]:
        """The metric, as ``value``."""
        with as_used(self.network, weights):
            value = self.figure_of(lambda low: self.network(low.to(self.device)).float().cpu(), picture)
        return {"value": value}

    def figure_of(self, enlarged: Callable[[torch.Tensor], torch.Tensor], picture: Path) -> float:
        """The metric of anything that enlarges ``(1, C, h, w)``, such as a finished model; ``picture`` is written."""
        return measure(enlarged, self.watched, self.metric, picture, self.recipe.kind)

    def state(self) -> dict[str, Any]:
        """The discriminator, if there is one."""
        return self.adversary.state() if self.adversary is not None else {}

    def load(self, state: dict[str, Any]) -> None:
        """Continue with that discriminator."""
        if self.adversary is not None:
            self.adversary.load(state)


def train(
    recipe: Recipe,
    data: Path,
    out: Path,
    **call: Unpack[Call],
) -> Path:
    """Train one network.

    Args:
        recipe: what to train and how.
        data: folder as :mod:`matshot_export.data` describes.
        out: run folder, as :func:`~matshot_export.loop.descend` fills it.
        **call: see :class:`~matshot_export.loop.Call`.

    Returns:
        The path of the averaged weights.

    Raises:
        FileExistsError: when ``out`` holds a run that is not to be resumed.
        FileNotFoundError: when data or start weights are missing.
        FloatingPointError: when the loss stops being a number.
    """
    torch.manual_seed(recipe.seed)
    task = MapTask(recipe, data, best_device(call.get("device", "auto")))
    begin(task, call)
    if recipe.focus or recipe.octave != 1:
        task.source.chances = promising(task.network, task.source, recipe.focus, recipe.octave)
    facts = {
        "recipe": recipe.name,
        "images": task.source.counts,
        "patches": f"{recipe.batch} of {recipe.patch} px a step"
        + (f", {recipe.cuts:.0%} with hard-edged holes" if recipe.cuts else ""),
    }
    return carry_out(task, recipe, out, facts, call)


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
    softness = octave ** np.asarray(source.octaves)
    if not focus:
        return np.asarray(softness / softness.sum())
    gains: list[float] = []
    for low, high in source.probes():
        plain = nn.functional.interpolate(low, scale_factor=source.shrink.scale, mode="bicubic")
        for result, simple, truth in zip(network(low), plain, high, strict=True):
            gain = peak_signal_to_noise(result[None], truth[None]) - peak_signal_to_noise(simple[None], truth[None])
            gains.append(min(max(gain, 0.0), 6.0) + 0.2)
    chances = np.asarray(gains) ** focus * softness
    return np.asarray(chances / chances.sum())


def blend(first: Path, second: Path, share: float, out: Path) -> Path:
    """Average the weights of two runs of one trajectory, which keeps what each has learnt.

    Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
    increasing inference time".

    Args:
        first: weights.
        second: weights of the same network.
        share: of the second, 0 to 1.
        out: run folder of the result; its ``run.json`` is the second's, which tells the average, and what the second
            measured as of before it.

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
        facts = json.loads(record.read_text())
        facts.pop("kept_step", None)
        # What the second measured is not the blend's.
        facts["before_average"] = facts.pop("measured", [])
        facts["averaged"] = f"{share:g} of it and {1 - share:g} of {start_name(first)}"
        atomic_write(out / "run.json", json.dumps(facts))
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


def measure(
    enlarged: Callable[[torch.Tensor], torch.Tensor],
    pairs: list[tuple[torch.Tensor, torch.Tensor]],
    metric: Callable[[torch.Tensor, torch.Tensor], float],
    picture: Path,
    kind: str,
) -> float:
    """Mean of the metric over whole textures; writes a picture of the first few."""
    values: list[float] = []
    rows: list[torch.Tensor] = []
    for low, high in pairs:
        result = enlarged(low)
        values.append(metric(result, high))
        if len(rows) < 5:
            plain = nn.functional.interpolate(low, size=high.shape[-2:], mode="bicubic")
            side = min(192, high.shape[-1])
            rows.append(torch.cat([p[0, :, :side, :side] for p in (plain, result, high)], dim=2))
    width = min(row.shape[2] for row in rows)
    sheet = torch.cat([row[:, :, :width] for row in rows], dim=1)
    write_picture(picture, sheet * 0.5 + 0.5 if kind == "normal" else sheet)
    return float(np.mean(values))


class _Adversary:
    """The discriminator and its own optimizer."""

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

    def learn(self, fake: torch.Tensor, real: torch.Tensor) -> None:
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
