"""Training textures in a folder: where they are, how many, and the pairs that a run is measured on.

A data folder holds ``materials/train/<Name>/<map>.*``, ``materials/val/<Name>/<map>.*`` and, if there are any,
``photos/*``. Nothing in it is ever written into a model but what the weights have learnt.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch

from matshot.image.reader import read_texture

from .networks.resampling import REACH, shrink_matrix

#: File stems that feed each kind of network.
SOURCES = {
    "color": ("basecolor",),
    "normal": ("normal_gl",),
    "data": ("roughness", "height", "metallic", "ao"),
}

#: Endings of photographs' names.
PHOTOGRAPHS = (".jpg", ".png")


def find_maps(root: Path, split: str, kind: str) -> list[Path]:
    """Files of one kind, sorted; color adds the photographs to the training split.

    Raises:
        FileNotFoundError: when there are none.
    """
    stems = SOURCES[kind]
    found = [p for p in sorted((root / "materials" / split).glob("*/*")) if p.stem in stems]
    if kind == "color" and split == "train":
        found += sorted(p for p in (root / "photos").glob("*") if p.suffix.lower() in PHOTOGRAPHS)
    if not found:
        raise FileNotFoundError(f"no {kind} maps under {root}/materials/{split}")
    return found


def image_counts(paths: list[Path]) -> dict[str, int]:
    """How many materials and photographs image files belong to."""
    materials = {path.parent.name for path in paths if path.parent.parent.parent.name == "materials"}
    return {**material_counts(materials), "photographs": sum(path.parent.name == "photos" for path in paths)}


def material_counts(names: Collection[str]) -> dict[str, int]:
    """How many materials there are, and of these from Poly Haven, another scanner than the others."""
    return {"materials": len(names), "of Poly Haven": sum(name.startswith("PH_") for name in names)}


def load_map(path: Path, kind: str) -> np.ndarray:
    """Pixels as stored, ``uint8 H x W x C`` (C is 3, or 1 for data)."""
    texture = read_texture(path, encoding="data")
    pixels = texture.pixels[..., :1] if kind == "data" else texture.pixels[..., :3]
    if kind != "data" and pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    return np.round(pixels * 255).clip(0, 255).astype(np.uint8)


def validation_pairs(
    paths: list[Path], kind: str, scale: int, size: int = 512
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Whole center-crops ``(1, C, h, w)``, 8-bit rounded, with their low-resolution versions, for watching a run."""
    pairs = []
    for path in paths:
        image = load_map(path, kind)
        side = min(size, *image.shape[:2]) // (4 * scale) * (4 * scale)
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        high = torch.from_numpy(image[top : top + side, left : left + side].copy()).permute(2, 0, 1)[None].float() / 255
        if kind == "normal":
            high = torch.nn.functional.normalize(high * 2 - 1, dim=1)
        margin = REACH * scale
        padded = torch.nn.functional.pad(high, (margin,) * 4, mode="reflect")
        matrix = shrink_matrix(side, scale)
        low = matrix @ padded @ matrix.T
        if kind == "normal":
            low = torch.nn.functional.normalize(((low * 127.5 + 127.5).round() / 127.5 - 1), dim=1)
        else:
            low = (low.clamp(0, 1) * 255).round() / 255
        pairs.append((low, high))
    return pairs
