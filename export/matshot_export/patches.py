"""Training patches: images stay as bytes on the device, and whole batches are cropped, turned and shrunk there.

Only a few numbers a patch are drawn on the processor, by NumPy's generator, so that a seed gives the same patches on
every device.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .cut_outs import with_cut_outs
from .data import image_counts, load_map
from .dead_leaves import dead_leaves
from .degradations import Degradation
from .generated import Generator, generated_image
from .networks.resampling import REACH, shrink_matrix, shrink_taps
from .procedural import procedural_color
from .regular_patterns import regular_pattern
from .rendering import unit

#: Side of a generated image.
GENERATED = 512

#: Colors that a generated image takes its own from.
COLORS = 8192

#: Images that are looked at together when their promise is measured.
_PROBES = 32


@dataclass(frozen=True)
class Shrink:
    """How a low-resolution training input is made.

    Attributes:
        scale: how many times smaller.
        levels: steps of the integer grid it is rounded to (255: an 8-bit file); 0 leaves it unrounded.
    """

    scale: int
    levels: int = 255


def halved(image: torch.Tensor) -> torch.Tensor:
    """An image at half its size (bicubic), which doubles the variety of scales; ``uint8 H x W x C`` to the same."""
    height, width = (n // 2 * 2 for n in image.shape[:2])
    planes = F.pad(image[:height, :width].permute(2, 0, 1).float(), (2 * REACH,) * 4, mode="reflect")
    small = _every_other(_every_other(planes, 1), 2)
    return small.round_().clamp_(0, 255).byte().permute(1, 2, 0).contiguous()


def _every_other(planes: torch.Tensor, axis: int) -> torch.Tensor:
    """``(C, H, W)`` shrunk to a half along an axis, less the margin that the kernel reaches into."""
    taps = shrink_taps(2)
    rows = planes.unfold(axis, len(taps), 2)
    result = rows[..., 0] * taps[0]
    for number, tap in enumerate(taps[1:], 1):
        result.add_(rows[..., number], alpha=tap)
    return result


class ImageBytes:
    """Images of many sizes, one after the other in one tensor of bytes on a device.

    Args:
        images: ``uint8 H x W x C`` each, with the same C of 1 or 3; the list is emptied, so that nothing is held twice.
        device: that holds them.
    """

    def __init__(self, images: list[torch.Tensor], device: torch.device) -> None:
        shapes = [image.shape for image in images]
        self.heights = np.array([shape[0] for shape in shapes], dtype=np.int64)
        self.widths = np.array([shape[1] for shape in shapes], dtype=np.int64)
        areas = self.heights * self.widths
        self.starts = np.cumsum(areas) - areas
        self.channels = shapes[0][2]
        # Three bytes and an empty one are gathered as one word, six times as fast as three bytes are.
        width = 1 if self.channels == 1 else 4
        self.pixels = torch.zeros(int(areas.sum()), width, dtype=torch.uint8, device=device)
        self._words = self.pixels.view(torch.uint8 if width == 1 else torch.int32)[:, 0]
        self._index = torch.int32 if len(self.pixels) < 2**31 else torch.int64
        for start in self.starts[::-1]:
            image = images.pop()
            area = image.shape[0] * image.shape[1]
            self.pixels[start : start + area, : self.channels] = image.reshape(area, -1).to(device)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, number: int) -> torch.Tensor:
        """One image, ``uint8 H x W x C``."""
        height, width = int(self.heights[number]), int(self.widths[number])
        start = int(self.starts[number])
        return self.pixels[start : start + height * width, : self.channels].view(height, width, -1)

    def crops(self, which: np.ndarray, places: np.ndarray, size: int, turns: np.ndarray) -> torch.Tensor:
        """Square crops, turned.

        Args:
            which: ``(N,)`` images.
            places: ``(N, 2)`` top and left of each crop.
            size: of a side.
            turns: ``(N, 2)``: quarters counter-clockwise, then whether left and right change places.

        Returns:
            ``uint8 (N, C, size, size)``.
        """
        # A turned crop is a walk through the image from another corner, with other strides for its rows and columns.
        quarters, mirror = turns[:, 0], turns[:, 1].astype(bool)
        across = self.widths[which]
        last = size - 1
        down = np.choose(quarters, [across, -1, -across, 1])
        right = np.choose(quarters, [1, across, -1, -across])
        corner_row = np.choose(quarters, [0, 0, last, last])
        corner_column = np.choose(quarters, [0, last, last, 0])
        first = self.starts[which] + (places[:, 0] + corner_row) * across + places[:, 1] + corner_column
        first = np.where(mirror, first + last * right, first)
        right = np.where(mirror, -right, right)
        walk = torch.from_numpy(np.stack([first, down, right])).to(self.pixels.device, self._index)
        steps = torch.arange(size, device=self.pixels.device, dtype=self._index)
        rows = walk[0, :, None] + walk[1, :, None] * steps
        index = rows[:, :, None] + (walk[2, :, None] * steps)[:, None, :]
        found = self._words.index_select(0, index.view(-1)).view(torch.uint8)
        return found.view(len(which), size, size, -1)[..., : self.channels].permute(0, 3, 1, 2)


def turned_vectors(vectors: torch.Tensor, turns: np.ndarray) -> torch.Tensor:
    """Vectors ``(N, 3, H, W)``, +X right and +Y up, whose pixels were turned so, turned along.

    Args:
        vectors: with components in [-1, 1].
        turns: as :meth:`ImageBytes.crops` has them.
    """
    cosine = np.choose(turns[:, 0], [1.0, 0.0, -1.0, 0.0])
    sine = np.choose(turns[:, 0], [0.0, 1.0, 0.0, -1.0])
    side = np.where(turns[:, 1] == 1, -1.0, 1.0)
    matrix = np.stack([side * cosine, -side * sine, sine, cosine]).astype(np.float32)
    a, b, c, d = torch.from_numpy(matrix).to(vectors.device)[:, :, None, None]
    x, y, z = vectors.unbind(1)
    return torch.stack([a * x + b * y, c * x + d * y, z], dim=1)


class PatchSource:
    """Endless random patches: ``(low, high)`` pairs in the encoding the network eats.

    Half of the scalar maps' patches are inverted.

    Args:
        paths: image files.
        kind: ``color``, ``normal`` or ``data``.
        patch: low-resolution patch size.
        batch: pairs at a time.
        shrink: how the low-resolution side is made.
        degradation: what is done to it besides, or None.
        seed: of every random choice.
        leaves: generated images of dead leaves that are added; not to normals.
        patterns: generated images of sharp regular patterns that are added likewise.
        surfaces: color maps of generated regular materials that are added likewise.
        cuts: share of patches with hard-edged holes.
        device: that images, patches and all between are on.

    Raises:
        ValueError: when no image is as large as a patch needs.
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
        surfaces: int = 0,
        cuts: float = 0.0,
        device: torch.device | None = None,
    ) -> None:
        self.kind, self.batch, self.shrink, self.degradation, self.cuts = kind, batch, shrink, degradation, cuts
        self.device = device or torch.device("cpu")
        self.resize(patch)
        self.rng = np.random.default_rng(seed)
        need = self.high + 2 * self.margin
        generated = {"dead leaves": leaves, "regular patterns": patterns, "regular materials": surfaces}
        self.counts = {**image_counts(paths), **generated}
        images: list[torch.Tensor] = []
        octaves: list[int] = []
        for pixels in _loaded(paths, kind):
            image, octave = torch.from_numpy(pixels).to(self.device), 0
            # Halves and quarters are sharper than what was photographed, and show coarser patterns.
            while min(image.shape[:2]) >= need:
                if image.min() < image.max():
                    images.append(image)
                    octaves.append(octave)
                image, octave = halved(image), octave + 1
        if not images:
            raise ValueError(f"no training image is as large as the {need} pixels a patch needs")
        kinds = [dead_leaves] * leaves + [regular_pattern] * patterns + [procedural_color] * surfaces
        for pixels in _generated(kinds, images, self.rng):
            images.append(halved(torch.from_numpy(pixels).to(self.device)))
            octaves.append(1)
        #: How often each image was halved; generated ones count as halved once.
        self.octaves = octaves
        self.images = ImageBytes(images, self.device)
        #: The images' chances to be drawn; None for all alike.
        self.chances: np.ndarray | None = None

    def resize(self, patch: int) -> None:
        """Draw patches of another low-resolution size, from the images that are large enough."""
        self.margin = REACH * self.shrink.scale
        self.high = patch * self.shrink.scale
        self.matrix = shrink_matrix(self.high, self.shrink.scale).to(self.device)

    def __iter__(self) -> PatchSource:
        return self

    def __next__(self) -> tuple[torch.Tensor, torch.Tensor]:
        rng, size = self.rng, self.high + 2 * self.margin
        which = rng.choice(len(self.images), self.batch, p=self._chances_of_size(size))
        room = np.stack([self.images.heights[which], self.images.widths[which]], axis=1) - size + 1
        places = rng.integers(room)
        turns = rng.integers([4, 2], size=(self.batch, 2))
        crops = self.images.crops(which, places, size, turns)
        if self.cuts:
            crops = with_cut_outs(crops, self.cuts, rng)
        if self.kind == "data":
            # Gloss is as good a map as roughness, and depth as height.
            inverted = torch.from_numpy(rng.integers(2, size=(self.batch, 1, 1, 1), dtype=np.uint8) * 255)
            crops = crops ^ inverted.to(self.device)
        return self._pair(crops, turns)

    def probes(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Pairs of every image, from its middle and in the images' order, a few dozen together; never degraded."""
        size = self.high + 2 * self.margin
        for numbers in np.array_split(np.arange(len(self.images)), -(-len(self.images) // _PROBES)):
            sides = np.stack([self.images.heights[numbers], self.images.widths[numbers]], axis=1)
            turns = np.zeros((len(numbers), 2), dtype=np.int64)
            crops = self.images.crops(numbers, (sides - size) // 2, size, turns)
            yield self._pair(crops, turns, degraded=False)

    def _pair(
        self, crops: torch.Tensor, turns: np.ndarray, *, degraded: bool = True
    ) -> tuple[torch.Tensor, torch.Tensor]:
        high = crops.to(torch.float32, memory_format=torch.contiguous_format).div_(255)
        if self.kind == "normal":
            high = unit(turned_vectors(high * 2 - 1, turns))
        low = self.matrix @ high @ self.matrix.T
        if self.kind == "normal":
            low = unit(self._rounded(low * 0.5 + 0.5) * 2 - 1)
        else:
            low = low.clamp_(0, 1)
            if degraded and self.degradation is not None:
                low = self.degradation(low, self.rng)
            low = self._rounded(low)
        m = self.margin
        return low, high[..., m:-m, m:-m].contiguous()

    def _rounded(self, x: torch.Tensor) -> torch.Tensor:
        levels = self.shrink.levels
        return (x * levels).round_() / levels if levels else x

    def _chances_of_size(self, size: int) -> np.ndarray | None:
        """The images' chances to be drawn, none where they are too small."""
        large = np.minimum(self.images.heights, self.images.widths) >= size
        if large.all():
            return self.chances
        if not large.any():
            raise ValueError(f"No training image is as large as the {size} pixels that a patch needs.")
        chances = large.astype(np.float64) if self.chances is None else large * self.chances
        return np.asarray(chances / chances.sum())


def _loaded(paths: Sequence[Path], kind: str) -> Iterator[np.ndarray]:
    """The images of files, in order, read by as many threads as torch uses."""
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        # A few at a time: what waits to be used is memory.
        ahead = 2 * torch.get_num_threads()
        for first in range(0, len(paths), ahead):
            yield from pool.map(lambda path: load_map(path, kind), paths[first : first + ahead])


def _generated(
    generators: Sequence[Generator], images: Sequence[torch.Tensor], rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Images in the colors of others, at twice their size, drawn by as many processes as torch uses threads."""
    inputs: list[tuple[Generator, np.ndarray, np.random.Generator]] = []
    planes = images[0].shape[2]
    for generator, own in zip(generators, rng.spawn(len(generators)), strict=True):
        colors = images[int(own.integers(len(images)))].flatten(0, 1)
        chosen = torch.from_numpy(own.integers(len(colors), size=COLORS)).to(colors.device)
        # Scalar maps are drawn in grays.
        inputs.append((generator, colors[chosen].expand(-1, 3).cpu().numpy(), own))
    size = 2 * GENERATED
    if not inputs or torch.get_num_threads() == 1:
        for generator, palette, own in inputs:
            yield generated_image(generator, size, palette, own)[..., :planes]
        return
    # Forks of a process that uses a GPU would fail.
    with ProcessPoolExecutor(torch.get_num_threads(), multiprocessing.get_context("spawn")) as pool:
        for drawn in [
            pool.submit(generated_image, generator, size, palette, own) for generator, palette, own in inputs
        ]:
            yield drawn.result()[..., :planes]
