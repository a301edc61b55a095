"""What a finished model reaches on held-out textures, written into its card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from matshot.inference.cards import SHIPPED, Card, read_card, write_card
from matshot.inference.session import Network

from .data import find_maps, validation_pairs
from .networks.resampling import REACH, enlarge_kernel
from .training import angular_error, peak_signal_to_noise

KIND = {"srgb": "color", "normal": "normal", "data": "data"}


def measure_model(name: str, data: Path, folder: Path = SHIPPED, report: Callable[[str], None] = print) -> Card:
    """Run a model through ONNX Runtime over the validation textures; figures go into its card, bicubic beside.

    Args:
        name: of the model.
        data: folder as :mod:`matshot_export.data` describes.
        folder: of models.
        report: receives one line a figure.

    Raises:
        MatshotError: for an unknown model.
        FileNotFoundError: without validation textures.
    """
    path = folder / f"{name}.toml"
    card = read_card(path)
    kind = KIND[card.encoding]
    pairs = validation_pairs(find_maps(data, "val", kind), kind, card.scale)
    enlarged = enlarging(card)
    results = [enlarged(low) for low, _ in pairs]
    truths = [high for _, high in pairs]
    plain = [bicubic(low, card.scale) for low, _ in pairs]
    quality: dict[str, Any] = {"measured_on": f"{len(pairs)} held-out {kind} maps, up to 512 px"}
    if kind == "normal":
        plain = [F.normalize(x, dim=1) for x in plain]
        quality |= _beside("mean_angular_error_degrees", angular_error, results, plain, truths, 3)
    else:
        metric = "psnr_y_db" if kind == "color" else "psnr_db"
        quality |= _beside(metric, peak_signal_to_noise, results, plain, truths, 2)
    if kind == "color":
        from .perceptual import PerceptualDistance

        distance = PerceptualDistance()

        def perceived(result: torch.Tensor, truth: torch.Tensor) -> float:
            with torch.no_grad():
                return float(distance(result.clamp(0, 1), truth))

        quality |= _beside("st_lpips_vgg", perceived, results, plain, truths, 3)
    for key, value in quality.items():
        report(f"{name} {key} = {value}")
    card = replace(card, quality=quality)
    write_card(card, path)
    return card


def enlarging(card: Card) -> Callable[[torch.Tensor], torch.Tensor]:
    """A model as users run it, for ``(1, C, h, w)`` of any size."""
    network = Network(card, "cpu")

    def enlarged(low: torch.Tensor) -> torch.Tensor:
        height, width = low.shape[-2] * card.scale, low.shape[-1] * card.scale
        return torch.from_numpy(network(_on_grid(low, card.grid)))[..., :height, :width]

    return enlarged


def bicubic(low: torch.Tensor, scale: int) -> torch.Tensor:
    """Bicubic enlargement of ``(1, C, h, w)``."""
    padded = F.pad(low, (REACH,) * 4, mode="replicate")
    return F.pixel_shuffle(F.conv2d(padded, enlarge_kernel(scale, low.shape[1])), scale)


def _on_grid(low: torch.Tensor, grid: int) -> np.ndarray:
    bottom, right = -low.shape[-2] % grid, -low.shape[-1] % grid
    return F.pad(low, (0, right, 0, bottom), mode="replicate").numpy()


def _beside(
    name: str,
    metric: Callable[[torch.Tensor, torch.Tensor], float],
    results: list[torch.Tensor],
    plain: list[torch.Tensor],
    truths: list[torch.Tensor],
    digits: int,
) -> dict[str, float]:
    def mean(images: list[torch.Tensor]) -> float:
        return round(
            float(np.mean([metric(image, truth) for image, truth in zip(images, truths, strict=True)])), digits
        )

    return {name: mean(results), f"{name}_of_bicubic": mean(plain)}
