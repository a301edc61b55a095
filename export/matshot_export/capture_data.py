"""Training photographs of materials, rendered without end.

Each is what a phone would have made of a square of a material: laid at some scale and orientation, perhaps mixed with
another, retinted and reworn, lit by a flash at the lens or by a sky, exposed, with the sensor's noise and JPEG.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from matshot.errors import MatshotError
from matshot.image.reader import read_texture

from .networks.capture import CONTEXT_SIDE
from .rendering import Maps, camera_distance, plane_positions, under_point_light, under_sky, unit

#: Side of a rendered photograph.
PHOTOGRAPH = 640
#: Which photographs there are of a sample, and how often: flash alone, ambient alone, both.
_KINDS = {"flash": 0.5, "ambient": 0.12, "pair": 0.38}


@dataclass(frozen=True)
class Batch:
    """Crops of photographs with the truth.

    Attributes:
        photographs: ``(N, INPUT_PLANES, h, w)``.
        whole: the whole photographs made small, ``(N, INPUT_PLANES, CONTEXT_SIDE, CONTEXT_SIDE)``.
        truth: maps of the crops.
        positions: ``(N, 3, h, w)`` of the crops' pixels on the plane.
    """

    photographs: torch.Tensor
    whole: torch.Tensor
    truth: Maps
    positions: torch.Tensor


class MaterialLibrary:
    """Maps of real materials, eight planes of bytes each: base color, normal, roughness, metallic.

    Args:
        folder: with one folder a material.

    Raises:
        FileNotFoundError: when there is no material in it.
    """

    def __init__(self, folder: Path) -> None:
        self.names: list[str] = []
        self.planes: list[torch.Tensor] = []
        for place in sorted(p for p in folder.glob("*") if p.is_dir()):
            self.names.append(place.name)
            self.planes.append(_stored(place))
        if not self.planes:
            raise FileNotFoundError(f"no materials under {folder}")

    def __len__(self) -> int:
        return len(self.planes)


def _stored(folder: Path) -> torch.Tensor:
    planes: list[torch.Tensor] = []
    for stem, channels in (("basecolor", 3), ("normal_gl", 3), ("roughness", 1), ("metallic", 1)):
        found = sorted(folder.glob(f"{stem}.*"))
        if not found and stem == "metallic":
            planes.append(torch.zeros_like(planes[-1]))
            continue
        if not found:
            raise MatshotError(f"{folder.name} has no {stem}.")
        pixels = read_texture(found[0], encoding="data").pixels[..., :channels]
        if pixels.shape[2] < channels:
            pixels = np.repeat(pixels, channels, axis=2)
        plane = torch.from_numpy(np.round(pixels * 255).astype(np.uint8)).permute(2, 0, 1)
        if planes and plane.shape[1:] != planes[0].shape[1:]:
            plane = F.interpolate(plane[None].float(), size=planes[0].shape[1:], mode="bilinear", antialias=True)[
                0
            ].byte()
        planes.append(plane)
    return torch.cat(planes)


def linear(encoded: torch.Tensor) -> torch.Tensor:
    """Display-encoded to linear, as a power of 2.2: what is trained on need not be exact to a thousandth."""
    return encoded.clamp(min=0) ** 2.2


def encoded(linear_values: torch.Tensor) -> torch.Tensor:
    """The inverse of :func:`linear`; its slope stays finite at 0."""
    return (linear_values.clamp(min=0) + 1e-5) ** (1 / 2.2)


def unit_normals(slopes: torch.Tensor) -> torch.Tensor:
    """Unit normals of slopes n_x / n_z and n_y / n_z, ``(N, 2, H, W)`` to ``(N, 3, H, W)``."""
    return unit(torch.cat([slopes, torch.ones_like(slopes[:, :1])], dim=1))


class CaptureSource:
    """Endless batches, cropped from a pool of photographs in which the oldest gives way to a new one now and then.

    Args:
        library: of materials.
        batch: crops at a time.
        side: of a crop.
        seed: of every choice.
        pool: photographs that are held.
        fresh: chance that a batch brings a new one.
    """

    def __init__(
        self, library: MaterialLibrary, batch: int, side: int, seed: int, pool: int = 32, fresh: float = 0.7
    ) -> None:
        self.library, self.batch, self.side = library, batch, side
        self.rng, self.fresh = np.random.default_rng(seed), fresh
        self._positions = plane_positions(PHOTOGRAPH, PHOTOGRAPH)
        self._pool: deque[tuple[torch.Tensor, torch.Tensor, Maps]] = deque(maxlen=pool)

    def __iter__(self) -> CaptureSource:
        return self

    @torch.no_grad()
    def __next__(self) -> Batch:
        for _ in range(max(self.batch - len(self._pool), int(self.rng.random() < self.fresh))):
            planes, maps = self._photographed()
            self._pool.append((planes, F.avg_pool2d(planes, PHOTOGRAPH // CONTEXT_SIDE), maps))
        photographs, whole, truths, positions = zip(*(self._crop() for _ in range(self.batch)), strict=True)
        truth = Maps(*(torch.cat([getattr(t, name) for t in truths]) for name in vars(truths[0])))
        return Batch(torch.cat(photographs), torch.cat(whole), truth, torch.cat(positions))

    def _crop(self) -> tuple[torch.Tensor, torch.Tensor, Maps, torch.Tensor]:
        planes, whole, maps = self._pool[self.rng.integers(len(self._pool))]
        row, column = self.rng.integers(0, (PHOTOGRAPH - self.side) // 16 + 1, 2) * 16
        rows, columns = slice(row, row + self.side), slice(column, column + self.side)
        return planes[..., rows, columns], whole, maps.cut(rows, columns), self._positions[..., rows, columns]

    def _photographed(self) -> tuple[torch.Tensor, Maps]:
        maps = self._surface()
        kind = str(self.rng.choice(list(_KINDS), p=list(_KINDS.values())))
        return photographed(maps, self._positions, kind, self.rng), maps

    def _surface(self) -> Maps:
        rng = self.rng
        planes = self._laid()
        if rng.random() < 0.25:
            planes = torch.lerp(planes, self._laid(), _patches(rng))
        color, normal, roughness, metallic = planes[:3], planes[3:6] * 2 - 1, planes[6:7], planes[7:8]
        base = linear(color)
        if rng.random() < 0.5:
            tint = torch.from_numpy(np.exp(rng.normal(0, 0.15, (3, 1, 1)) + rng.normal(0, 0.35))).float()
            base = base * tint
            base = base / max(1.0, float(base.max()) / 0.95)
        if rng.random() < 0.5:
            roughness = roughness ** math.exp(rng.normal(0, 0.5))
        if rng.random() < 0.3:
            roughness = roughness + rng.uniform(-0.15, 0.15)
        if rng.random() < 0.04:
            metallic = torch.ones_like(metallic)
        strength = math.exp(rng.normal(0, 0.35)) if rng.random() < 0.5 else 1.0
        slopes = normal[:2] / normal[2:].clamp(min=0.15) * strength
        return Maps(
            base.clamp(0.003, 1)[None],
            unit_normals(slopes[None]),
            roughness.clamp(0.05, 1)[None],
            metallic.clamp(0, 1)[None],
        )

    def _laid(self) -> torch.Tensor:
        """Planes of one material in [0, 1] as they lie in the photograph, ``(8, PHOTOGRAPH, PHOTOGRAPH)``."""
        rng = self.rng
        stored = self.library.planes[rng.integers(len(self.library))]
        height, width = stored.shape[1:]
        if rng.random() < 0.5:
            side = min(height, width)
        else:
            side = round(PHOTOGRAPH * math.exp(rng.uniform(math.log(0.45), math.log(2.0))))
        top, left = int(rng.integers(height)), int(rng.integers(width))
        rows = torch.arange(top, top + side) % height
        columns = torch.arange(left, left + side) % width
        planes = stored[:, rows][:, :, columns].float()[None] / 255
        planes = F.interpolate(planes, size=(PHOTOGRAPH, PHOTOGRAPH), mode="bilinear", antialias=side > PHOTOGRAPH)[0]
        turns = int(rng.integers(4))
        planes = torch.rot90(planes, turns, (1, 2))
        x, y = planes[3] * 2 - 1, planes[4] * 2 - 1
        for _ in range(turns):
            x, y = -y, x
        if rng.random() < 0.5:
            planes, x, y = planes.flip(2), -x.flip(1), y.flip(1)
        return torch.cat([planes[:3], (x * 0.5 + 0.5)[None], (y * 0.5 + 0.5)[None], planes[5:]])


def photographed(maps: Maps, positions: torch.Tensor, kind: str, rng: np.random.Generator) -> torch.Tensor:
    """The network's input for one surface.

    Args:
        maps: one surface of the photograph's size.
        positions: of its pixels.
        kind: ``flash``, ``ambient`` or ``pair``.
        rng: of camera, light and sensor.

    Returns:
        ``(1, INPUT_PLANES, H, W)``.
    """
    fov = 60.0 if rng.random() < 0.5 else rng.uniform(40, 75)
    distance = camera_distance(fov)
    height, width = positions.shape[-2:]
    missing = torch.zeros(1, 3, height, width)
    flash = ambient = missing
    # Nobody holds the phone quite straight, nor exactly above the middle; the network is not told.
    away = rng.normal(0, 0.02, 2) * (rng.random() < 0.6)
    camera = torch.tensor([*away, distance], dtype=torch.float32).view(1, 3, 1, 1)
    if kind != "ambient":
        beside = rng.normal(0, 0.03, 2)
        light = camera + torch.tensor([*beside, rng.normal(0, 0.005)], dtype=torch.float32).view(1, 3, 1, 1)
        flash = exposed(under_point_light(maps, positions, camera, light), 0.99, 0.98, rng)
    if kind != "flash":
        view = unit(camera - positions)
        turn, low = rng.uniform(0, 2 * math.pi), rng.uniform(0.25, 1.3)
        sun = torch.tensor([math.cos(turn) * math.cos(low), math.sin(turn) * math.cos(low), math.sin(low)])
        warm, cool = np.exp(rng.normal(0, 0.08, 3)), np.exp(rng.normal(0, 0.06, 3))
        share = rng.uniform(0, 0.6) * math.pi if rng.random() < 0.85 else 0.0
        sky = torch.from_numpy(cool).float().view(1, 3, 1, 1)
        sunlight = torch.from_numpy(warm * share).float().view(1, 3, 1, 1)
        ambient = exposed(under_sky(maps, view, sky, sun.float().view(1, 3, 1, 1), sunlight), 0.995, 0.9, rng)
        if kind == "pair":
            ambient = _shifted(ambient, *rng.normal(0, 0.3, 2))
    tangents = positions[:, :2] / distance if kind != "ambient" else torch.zeros(1, 2, height, width)
    told = [torch.full((1, 1, height, width), float(kind != name)) for name in ("ambient", "flash")]
    return torch.cat([flash, ambient, tangents, *told], dim=1)


def exposed(radiance: torch.Tensor, quantile: float, level: float, rng: np.random.Generator) -> torch.Tensor:
    """A photograph of linear radiance: exposure, sensor noise, JPEG; display-encoded in [0, 1]."""
    brightest = radiance.amax(1)[:, ::4, ::4]
    gain = level / float(torch.quantile(brightest, quantile).clamp(min=1e-6))
    if rng.random() < 0.4:
        gain *= rng.uniform(0.95, 1.3)
    signal = radiance * gain
    noise = rng.choice([0.5, 1.0, 2.0])
    random = torch.from_numpy(rng.standard_normal(signal.shape, dtype=np.float32))
    signal = signal + noise * random * (signal.clamp(min=0) * 2e-4 + 4e-6).sqrt()
    stored = (signal.clamp(0, 1) ** (1 / 2.2) * 255).round().byte()[0].permute(1, 2, 0).numpy()
    quality = int(rng.choice([85, 92, 95, 98]))
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(stored), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return torch.from_numpy(cv2.imdecode(data, cv2.IMREAD_COLOR)).permute(2, 0, 1)[None].float() / 255


def _shifted(planes: torch.Tensor, down: float, across: float) -> torch.Tensor:
    """Moved by less than a pixel or so, as a pair is that was aligned not quite."""
    for amount, dim in ((down, 2), (across, 3)):
        planes = torch.lerp(planes, planes.roll(1 if amount > 0 else -1, dim), min(abs(amount), 1.0))
    return planes


def _patches(rng: np.random.Generator) -> torch.Tensor:
    """A mask of soft patches, ``(1, PHOTOGRAPH, PHOTOGRAPH)`` in [0, 1]."""
    coarse = torch.from_numpy(rng.standard_normal((1, 1, *rng.integers(4, 14, 2)))).float()
    field = F.interpolate(coarse, size=(PHOTOGRAPH, PHOTOGRAPH), mode="bicubic")[0]
    return torch.sigmoid(field * float(rng.uniform(3, 30)))
