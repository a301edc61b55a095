"""Training textures: read once, cropped and turned without end.

A data folder holds ``materials/train/<Name>/<map>.*``, ``materials/val/<Name>/<map>.*`` and, if there are any,
``photos/*``. Nothing in it is ever written into a model but what the weights have learnt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from matshot.image.reader import read_texture

from .dead_leaves import dead_leaves
from .degradations import Degradation
from .networks.resampling import REACH, shrink_matrix
from .regular_patterns import regular_pattern

#: File stems that feed each kind of network.
SOURCES = {
    "color": ("basecolor",),
    "normal": ("normal_gl",),
    "data": ("roughness", "height", "metallic", "ao"),
}

#: Side of a generated image.
GENERATED = 512


@dataclass(frozen=True)
class Shrink:
    """How a low-resolution training input is made.

    Attributes:
        scale: how many times smaller.
        levels: steps of the integer grid it is rounded to (255: an 8-bit file); 0 leaves it unrounded.
    """

    scale: int
    levels: int = 255


def find_maps(root: Path, split: str, kind: str) -> list[Path]:
    """Files of one kind, sorted; color adds the photographs to the training split.

    Raises:
        FileNotFoundError: when there are none.
    """
    stems = SOURCES[kind]
    found = [p for p in sorted((root / "materials" / split).glob("*/*")) if p.stem in stems]
    if kind == "color" and split == "train":
        found += sorted(p for p in (root / "photos").glob("*") if p.suffix.lower() in {".jpg", ".png"})
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


def halved(pixels: np.ndarray) -> np.ndarray:
    """The image at half its size (bicubic), which doubles the variety of scales."""
    height, width = (n // 2 * 2 for n in pixels.shape[:2])
    x = torch.from_numpy(pixels[:height, :width].astype(np.float32)).permute(2, 0, 1)
    x = torch.nn.functional.pad(x[None], (2 * REACH,) * 4, mode="reflect")[0]
    small = shrink_matrix(height, 2) @ x @ shrink_matrix(width, 2).T
    return small.round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


class PatchSource:
    """Endless random patches: ``(low, high)`` pairs in the encoding the network eats.

    Args:
        paths: image files.
        kind: ``color``, ``normal`` or ``data``.
        patch: low-resolution patch size.
        batch: pairs at a time.
        shrink: how the low-resolution side is made.
        degradation: what is done to it besides, or None.
        seed: of every random choice.
        leaves: generated images of dead leaves that are added to color.
        patterns: generated images of sharp regular patterns that are added to color.
    """

    def __init__(
        self,
        paths: list[Path],
        kind: str,
        patch: int,
        batch: int,
        shrink: Shrink,
        degradation: Degradation | None = None,
        seed: int = 0,
        leaves: int = 0,
        patterns: int = 0,
    ) -> None:
        self.kind, self.batch, self.shrink, self.degradation = kind, batch, shrink, degradation
        self.images: list[np.ndarray] = []
        self.resize(patch)
        self.rng = np.random.default_rng(seed)
        need = self.high + 2 * self.margin
        self.counts = {**image_counts(paths), "dead leaves": leaves, "regular patterns": patterns}
        #: How often each image was halved; generated ones count as halved once.
        self.octaves: list[int] = []
        self.chances: np.ndarray | None = None
        for path in paths:
            image = load_map(path, kind)
            # Halves and quarters are sharper than what was photographed, and show coarser patterns.
            octave = 0
            while min(image.shape[:2]) >= need:
                if image.std() > 0:
                    self.images.append(image)
                    self.octaves.append(octave)
                image, octave = halved(image), octave + 1
        photographed = len(self.images)
        generators = [dead_leaves] * leaves + [regular_pattern] * patterns
        for generator in generators if photographed else []:
            colors = self.images[self.rng.integers(photographed)].reshape(-1, 3)
            self.images.append(halved(generator(2 * GENERATED, colors, self.rng)))
            self.octaves.append(1)
        if not self.images:
            raise ValueError(f"no training image is as large as the {need} pixels a patch needs")

    def resize(self, patch: int) -> None:
        """Draw patches of another low-resolution size, from the images that are large enough."""
        self.margin = REACH * self.shrink.scale
        self.high = patch * self.shrink.scale
        self.matrix = shrink_matrix(self.high, self.shrink.scale)

    def __iter__(self) -> PatchSource:
        return self

    def __next__(self) -> tuple[torch.Tensor, torch.Tensor]:
        high = torch.from_numpy(np.stack([self._crop() for _ in range(self.batch)])).float() / 255
        if self.kind == "normal":
            high = torch.nn.functional.normalize(high * 2 - 1, dim=1)
        low = self.matrix @ high @ self.matrix.T
        if self.kind == "normal":
            low = self._rounded(low * 0.5 + 0.5) * 2 - 1
            low = torch.nn.functional.normalize(low, dim=1)
        else:
            if self.degradation is not None:
                low = self.degradation(low.clamp(0, 1), self.rng)
            low = self._rounded(low.clamp(0, 1))
        m = self.margin
        return low, high[..., m:-m, m:-m].contiguous()

    def probes(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """One pair of every image, from its middle, in the images' order; color and data only."""
        size = self.high + 2 * self.margin
        m = self.margin
        for image in self.images:
            top, left = ((n - size) // 2 for n in image.shape[:2])
            patch = image[top : top + size, left : left + size].transpose(2, 0, 1).astype(np.float32) / 255
            high = torch.from_numpy(patch)[None]
            low = self._rounded((self.matrix @ high @ self.matrix.T).clamp(0, 1))
            yield low, high[..., m:-m, m:-m]

    def _rounded(self, x: torch.Tensor) -> torch.Tensor:
        levels = self.shrink.levels
        return (x * levels).round() / levels if levels else x

    def _chances_of_size(self, size: int) -> np.ndarray | None:
        """The images' chances to be drawn, none where they are too small."""
        large = np.array([min(image.shape[:2]) >= size for image in self.images], dtype=np.float64)
        if large.all():
            return self.chances
        if not large.any():
            raise ValueError(f"No training image is as large as the {size} pixels that a patch needs.")
        chances = large if self.chances is None else large * self.chances
        return np.asarray(chances / chances.sum())

    def _crop(self) -> np.ndarray:
        rng = self.rng
        size = self.high + 2 * self.margin
        image = self.images[rng.choice(len(self.images), p=self._chances_of_size(size))]
        top = rng.integers(image.shape[0] - size + 1)
        left = rng.integers(image.shape[1] - size + 1)
        patch = image[top : top + size, left : left + size].transpose(2, 0, 1)
        return turned(patch, int(rng.integers(4)), bool(rng.integers(2)), self.kind == "normal")


def turned(patch: np.ndarray, quarters: int, mirror: bool, vectors: bool) -> np.ndarray:
    """A patch ``C x H x W`` turned by quarters counter-clockwise and mirrored; normals turn along.

    Args:
        patch: ``uint8``; for vectors the encoding is ``128 + 127 n`` with +X right and +Y up.
        quarters: turns of 90 degrees.
        mirror: whether left and right change places, after turning.
        vectors: whether the channels are a normal map's.
    """
    patch = np.rot90(patch, quarters, axes=(1, 2))
    if mirror:
        patch = patch[:, :, ::-1]
    patch = np.ascontiguousarray(patch)
    if vectors:
        x, y = patch[0].astype(np.int16), patch[1].astype(np.int16)
        for _ in range(quarters % 4):
            x, y = 255 - y, x
        if mirror:
            x = 255 - x
        patch[0], patch[1] = x, y
    return patch


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
