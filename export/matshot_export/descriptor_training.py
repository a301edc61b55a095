"""Training of the texture descriptor: it learns to tell textures apart as a large network does.

The teacher is the anti-aliased VGG16 of :mod:`matshot_export.perceptual`. What is distilled is the distance between two
textures' Gram matrices, as in Park, Kim, Lu and Cho 2019, "Relational knowledge distillation", section 3.2: the student
is free in what its features are. The teacher looks at a pool of crops once; the distances between all pairs of them are
all that training needs.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from matshot.files import atomic_write

from .checkpoints import open_run, save_checkpoint
from .data import find_maps, image_counts, load_map
from .loop import best_device, supports_bfloat16
from .networks.descriptor import TextureDescriptor, gram, relative_distances
from .optimizer import Muon
from .patches import halved
from .perceptual import PerceptualDistance

#: Crops that come from the same place of the same image: two neighbors, and the first of them altered twice.
RELATIVES = 4


@dataclass(frozen=True)
class Distillation:
    """What decides how a descriptor turns out.

    Attributes:
        families: groups of ``RELATIVES`` crops in the pool.
        crop: their side in pixels.
        together: families in a training step.
        steps: of training.
        rate: Muon's step; falls linearly to nothing after ``warmup`` steps.
        seed: of crops, order and initial weights.
    """

    families: int = 500
    crop: int = 128
    together: int = 6
    steps: int = 8000
    rate: float = 0.005
    warmup: int = 50
    seed: int = 1


def train_descriptor(
    plan: Distillation,
    data: Path,
    out: Path,
    *,
    minutes: float | None = None,
    device: str = "auto",
    report: Callable[[str], None] = print,
) -> Path:
    """Train the descriptor.

    Args:
        plan: how.
        data: folder as :mod:`matshot_export.data` describes.
        out: run folder; receives ``log.csv``, ``run.json`` and ``weights.pt``.
        minutes: end the schedule by then even if steps are left; the teacher's time is not counted.
        device: ``auto``, ``cpu`` or ``cuda``.
        report: receives one line at a time.

    Returns:
        The path of the weights.

    Raises:
        FileExistsError: when ``out`` holds a run.
        FileNotFoundError: when data are missing.
        ModuleNotFoundError: without the teacher's weights.
    """
    torch.manual_seed(plan.seed)
    open_run(out)
    where = best_device(device)
    teacher = PerceptualDistance(half=supports_bfloat16(where)).to(where)
    rng = np.random.default_rng(plan.seed)
    began = time.monotonic()
    paths = find_maps(data, "train", "color")
    pool = families(paths, plan.families, plan.crop, rng)
    wanted = teacher_distances(teacher, pool)
    held_out = families(find_maps(data, "val", "color"), 40, plan.crop, np.random.default_rng(0))
    truth = teacher_distances(teacher, held_out)
    report(f"the teacher saw {len(pool)} crops in {time.monotonic() - began:.0f} s")

    network = TextureDescriptor().to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
    relation = Relation(len(wanted), len(network.widths)).to(where)
    optimizer = Muon([*network.parameters(), *relation.parameters()], lr=plan.rate)
    rows: list[dict[str, float]] = []
    began = time.monotonic()
    step = 0

    def done() -> float:
        spent = (time.monotonic() - began) / 60
        return max(step / plan.steps, spent / minutes if minutes else 0.0)

    while (fraction := done()) < 1:
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * min(1.0, (step + 1) / plan.warmup) * (1 - fraction)
        chosen = rng.choice(plan.families, plan.together, replace=False)
        index = torch.from_numpy((chosen[:, None] * RELATIVES + np.arange(RELATIVES)).ravel())
        images = pool[index].to(where, memory_format=torch.channels_last).float() / 255
        with torch.autocast(where.type, dtype=torch.bfloat16, enabled=supports_bfloat16(where)):
            features = list(network.features(images))
        loss = relation(
            torch.stack([relative_distances(gram(x.float()).flatten(1)) for x in features]),
            wanted[:, index[:, None], index[None, :]].to(where),
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        if step % 100 == 0 or done() >= 1:
            rank = rank_correlation(network, held_out, truth)
            rows.append({"step": step, "seconds": time.monotonic() - began, "loss": loss.item(), "spearman": rank})
            report(" ".join(f"{key}={value:.4g}" for key, value in rows[-1].items()))
            with (out / "log.csv").open("w", newline="") as stream:
                writer = csv.DictWriter(stream, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            save_checkpoint(network.state_dict(), out / "weights.pt")
            measured = {"spearman_with_vgg16": rank}
            record = {"plan": vars(plan), **rows[-1], "measured": measured, "images": image_counts(paths)}
            atomic_write(out / "run.json", json.dumps(record))
    return out / "weights.pt"


class Relation(nn.Module):
    """How the student's distances are held against the teacher's.

    The mean over the student's levels is to be the mean over the teacher's; and besides, every level of the teacher is
    met by a mixture of the student's, which is learnt along and not needed afterwards.

    Args:
        teachers: levels of the teacher.
        students: levels of the student.
    """

    def __init__(self, teachers: int, students: int) -> None:
        super().__init__()
        self.mixtures = nn.Parameter(torch.zeros(teachers * students))

    def forward(self, given: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """The loss.

        Args:
            given: the student's distances ``(students, B, B)``.
            wanted: the teacher's ``(teachers, B, B)``.
        """
        above = torch.triu_indices(given.shape[1], given.shape[1], 1)
        given, wanted = (x[:, above[0], above[1]] for x in (given, wanted))
        mixed = self.mixtures.view(len(wanted), len(given)).softmax(dim=1) @ given
        levels = _stretched(mixed) - _stretched(wanted)
        total = _stretched(given.mean(dim=0)) - _stretched(wanted.mean(dim=0))
        return total.square().mean() + 0.2 * levels.square().mean()


def _stretched(distances: torch.Tensor) -> torch.Tensor:
    """Their logit: small distances matter by their ratios, and large ones by how far from 1 they are."""
    return ((distances + _LEAST) / (1 - distances + _LEAST)).log()


#: Distances nearer than this to 0 or 1 are not told apart.
_LEAST = 2e-3


def families(paths: list[Path], count: int, side: int, rng: np.random.Generator) -> torch.Tensor:
    """Crops to compare: of many textures at many scales, and some that are nearly the same.

    Args:
        paths: color images.
        count: of families.
        side: of a crop.
        rng: for every choice.

    Returns:
        ``uint8 (count * RELATIVES, 3, side, side)``; the members of a family follow each other.
    """
    octaves: list[np.ndarray] = []
    for path in paths:
        image = load_map(path, "color")
        while min(image.shape[:2]) >= 1.5 * side:
            octaves.append(image)
            image = halved(torch.from_numpy(image)).numpy()
    order = [rng.permutation(len(octaves)) for _ in range(-(-count // len(octaves)))]
    crops: list[np.ndarray] = []
    for number in np.concatenate(order)[:count]:
        image = octaves[number]
        pair = []
        for _ in range(2):
            top, left = (int(rng.integers(size - side + 1)) for size in image.shape[:2])
            crop = image[top : top + side, left : left + side].transpose(2, 0, 1)
            crop = np.rot90(crop, int(rng.integers(4)), axes=(1, 2))
            pair.append(np.ascontiguousarray(crop[..., :: int(rng.choice([1, -1]))]))
        crops += [*pair, altered(pair[0], rng), altered(pair[0], rng)]
    return torch.from_numpy(np.stack(crops))


def altered(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The crop ``uint8 3 x H x W`` in another tint and contrast, and blurred or noisy, each by some amount."""
    x = torch.from_numpy(crop).float()[None] / 255
    amount = float(rng.uniform(0, 1)) ** 2
    mean = x.mean(dim=(2, 3), keepdim=True)
    tint = torch.from_numpy(rng.normal(0, 0.15 * amount, (1, 3, 1, 1))).float()
    x = mean + (x - mean) * float(np.exp(rng.normal(0, 0.6 * amount))) + tint + float(rng.normal(0, 0.2 * amount))
    kind = rng.integers(3)
    if kind == 0:
        soft = F.avg_pool2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), 3, stride=1)
        x = x + amount * 1.5 * (F.avg_pool2d(soft, 3, stride=1) - x)
    elif kind == 1:
        x = x + 0.15 * amount * torch.from_numpy(rng.standard_normal(x.shape)).float()
    return (x[0] * 255).round().clamp(0, 255).byte().numpy()


@torch.no_grad()
def teacher_distances(teacher: PerceptualDistance, images: torch.Tensor, batch: int = 8) -> torch.Tensor:
    """Relative distances of the teacher's Gram matrices, ``(levels, N, N)``.

    Args:
        teacher: that judges.
        images: ``uint8 (N, 3, H, W)``.
        batch: images at a time.
    """
    device = teacher.mean.device
    seen = []
    for some in images.split(batch):
        seen.append([_upper(gram(x)).cpu() for x in teacher.activations(some.to(device).float() / 255)])
    return torch.stack([relative_distances(torch.cat(grams)) for grams in zip(*seen, strict=True)])


def _upper(matrices: torch.Tensor) -> torch.Tensor:
    """Symmetric matrices ``(N, C, C)`` as vectors of half as many numbers with the same products."""
    size = matrices.shape[1]
    rows, columns = torch.triu_indices(size, size, device=matrices.device)
    # What stands off the diagonal counts twice.
    return matrices[:, rows, columns] * torch.where(rows == columns, 1.0, 2**0.5).to(matrices)


@torch.no_grad()
def rank_correlation(network: TextureDescriptor, images: torch.Tensor, wanted: torch.Tensor) -> float:
    """Spearman's correlation of the descriptor's distances with the teacher's, over all pairs.

    Args:
        network: the descriptor.
        images: ``uint8 (N, 3, H, W)``.
        wanted: the teacher's distances ``(levels, N, N)``.
    """
    from scipy.stats import spearmanr

    device = next(network.parameters()).device
    seen = []
    for some in images.split(8):
        seen.append([gram(x).flatten(1).cpu() for x in network.features(some.to(device).float() / 255)])
    given = torch.stack([relative_distances(torch.cat(grams)) for grams in zip(*seen, strict=True)])
    above = np.triu_indices(len(images), 1)
    return float(spearmanr(given.mean(dim=0).numpy()[above], wanted.mean(dim=0).numpy()[above]).statistic)
