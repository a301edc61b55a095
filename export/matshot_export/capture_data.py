"""Training photographs of materials, rendered without end.

Each is what a phone would have made of a square of a material, measured or generated: laid at some scale and
orientation, perhaps mixed with another, retinted, reworn or varnished, lit by a flash beside the lens and by a sky. The
network gets them as the tools hand them over: of a flash photograph what is left without its lamp.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from matshot.capture.prediction import AMBIENT_LEVEL, CONTEXT_SIDE, FLASH_LEVEL
from matshot.errors import MatshotError
from matshot.image.reader import read_texture

from .flattening import evenly_exposed, flattened
from .heights import openness
from .photography import Flash, ambient_radiance, taken
from .procedural import FAMILIES, ProceduralMaterial, procedural_material
from .rendering import Maps, plane_positions, unit

#: What the network is given, and how often: a flash photograph without its lamp, as lit from the lamp's place or as
#: evenly lit; an ambient photograph; the first and an ambient one.
KINDS = {"flash": 0.38, "even": 0.25, "ambient": 0.15, "pair": 0.22}
#: Share of surfaces that are glossy dielectrics, and their roughness.
_GLOSSY = 0.25
_GLOSS = (0.08, 0.35)
#: Materials of a scanner whose roughness is nearly a function of color, and those of them that may be metal.
_COLOR_LAW = "PH_"
_UNLABELED_METAL = ("PH_rusty_metal_05", "PH_blue_metal_plate", "PH_corrugated_iron", "PH_rusty_painted_metal")
#: Share of surfaces that are generated.
_PROCEDURAL = 0.3
#: Photographs that are rendered at a time, and crops that each is worth: rendering takes as long as several steps.
_TOGETHER = 4
_CROPS = 32


@dataclass(frozen=True)
class Batch:
    """Crops of photographs with the truth.

    Attributes:
        photographs: ``(N, INPUT_PLANES, h, w)``.
        whole: the whole photographs made small, ``(N, INPUT_PLANES, CONTEXT_SIDE, CONTEXT_SIDE)``.
        truth: maps of the crops.
        positions: ``(N, 3, h, w)`` of the crops' pixels on the plane.
        known: ``(N, 1, h, w)``, 0 where nothing of the surface is seen.
        labeled: ``(N, 1, 1, 1)``, 0 where nobody knows whether it is metal.
    """

    photographs: torch.Tensor
    whole: torch.Tensor
    truth: Maps
    positions: torch.Tensor
    known: torch.Tensor
    labeled: torch.Tensor


@dataclass(frozen=True)
class Surfaces:
    """What is photographed.

    Attributes:
        maps: of every surface.
        openness: ``(N, 1, H, W)``, what of the sky each point sees.
        labeled: see :class:`Batch`.
    """

    maps: Maps
    openness: torch.Tensor
    labeled: torch.Tensor


@dataclass(frozen=True)
class Scenes:
    """Photographs of surfaces as the network gets them, ``(N, C, H, W)`` each, and the truth.

    Attributes:
        flash: without its lamp, as lit from the lamp's place.
        even: without any.
        ambient: photograph.
        tangents: of the direction from the lamp.
        known: see :class:`Batch`.
        response: of level surfaces to slopes, see :class:`~matshot_export.flattening.Flattened`.
        surfaces: that were photographed.
    """

    flash: torch.Tensor
    even: torch.Tensor
    ambient: torch.Tensor
    tangents: torch.Tensor
    known: torch.Tensor
    response: torch.Tensor
    surfaces: Surfaces

    def planes(self, kind: str) -> torch.Tensor:
        """The network's input, ``(N, INPUT_PLANES, H, W)``.

        Args:
            kind: one of :data:`KINDS`.
        """
        nothing = torch.zeros_like(self.flash)
        flash = self.flash if kind in ("flash", "pair") else nothing
        even = {"even": self.even, "flash": nothing}.get(kind, self.ambient)
        lit, open_air = (float(kind in kinds) for kinds in (("flash", "pair"), ("even", "ambient", "pair")))
        one = torch.ones_like(self.known)
        return torch.cat([flash, even, self.tangents * lit, one * lit, one * open_air], dim=1)

    def seen(self, kind: str) -> torch.Tensor:
        """Where the photographs of a kind show the surface, ``(N, 1, H, W)``."""
        return self.known if kind in ("flash", "even") else torch.ones_like(self.known)


class MaterialLibrary:
    """Maps of real materials, nine planes of bytes each: base color, normal, roughness, metallic, openness.

    Args:
        folder: with one folder a material.
        device: that holds them.

    Raises:
        FileNotFoundError: when there is no material in it.
    """

    def __init__(self, folder: Path, device: torch.device | None = None) -> None:
        self.names: list[str] = []
        self.planes: list[torch.Tensor] = []
        for place in sorted(p for p in folder.glob("*") if p.is_dir()):
            self.names.append(place.name)
            self.planes.append(_stored(place).to(device or torch.device("cpu")))
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
    normal = planes[1].float()[None] / 127.5 - 1
    open_sky = openness(normal[:, :2] / normal[:, 2:].clamp(min=0.15))
    return torch.cat([*planes, (open_sky[0] * 255).round().byte()])


def planes_of(material: ProceduralMaterial) -> torch.Tensor:
    """A generated material as the planes of a :class:`MaterialLibrary`, but in [0, 1]."""
    maps = material.maps
    planes = [encoded(maps.base_color[0]), maps.normal[0] * 0.5 + 0.5, maps.roughness[0], maps.metallic[0]]
    return torch.cat([*planes, material.ao[None]]).clamp(0, 1)


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
        pool: photographs that are held, at least as many as a batch has crops.
        photograph: side of a photograph, a multiple of ``CONTEXT_SIDE``.
        hollows: share of the surfaces whose hollows the sky lights less; in a bright room they hardly differ.
    """

    def __init__(
        self,
        library: MaterialLibrary,
        batch: int,
        side: int,
        seed: int,
        *,
        pool: int = 40,
        photograph: int = 640,
        hollows: float = 1.0,
    ) -> None:
        self.library, self.batch, self.side, self.photograph = library, batch, side, photograph
        self.hollows = hollows
        self.rng = np.random.default_rng(seed)
        self.device = library.planes[0].device
        self._noise = torch.Generator(self.device).manual_seed(seed)
        self._positions = plane_positions(photograph, photograph).to(self.device)
        self._pool: deque[Scenes] = deque(maxlen=max(pool, batch))

    def __iter__(self) -> CaptureSource:
        return self

    @torch.no_grad()
    def __next__(self) -> Batch:
        while len(self._pool) < self.batch:
            self._photograph(min(_TOGETHER, self.batch - len(self._pool)))
        count = int(self.rng.poisson(self.batch / _CROPS))
        while count > 0:
            self._photograph(min(_TOGETHER, count))
            count -= _TOGETHER
        crops = [self._crop() for _ in range(self.batch)]
        truth = Maps(*(torch.cat([getattr(crop.truth, f.name) for crop in crops]) for f in fields(Maps)))
        rest = (
            torch.cat([getattr(crop, name) for crop in crops])
            for name in ("photographs", "whole", "positions", "known", "labeled")
        )
        photographs, whole, positions, known, labeled = rest
        return Batch(photographs, whole, truth, positions, known, labeled)

    @torch.no_grad()
    def scenes(self, count: int) -> Scenes:
        """So many new photographs."""
        drawn = [self._surface() for _ in range(count)]
        maps = Maps(*(torch.cat([getattr(one.maps, f.name) for one in drawn]) for f in fields(Maps)))
        surfaces = Surfaces(maps, *(torch.cat([getattr(o, n) for o in drawn]) for n in ("openness", "labeled")))
        return photographed(surfaces, self._positions, self.rng, self._noise)

    def _photograph(self, count: int) -> None:
        scenes = self.scenes(count)
        self._pool.extend(_single(scenes, index) for index in range(count))

    def _crop(self) -> Batch:
        scene = self._pool[self.rng.integers(len(self._pool))]
        kind = str(self.rng.choice(list(KINDS), p=list(KINDS.values())))
        planes = scene.planes(kind)
        row, column = self.rng.integers(0, (self.photograph - self.side) // 16 + 1, 2) * 16
        rows, columns = slice(row, row + self.side), slice(column, column + self.side)
        return Batch(
            planes[..., rows, columns],
            F.avg_pool2d(planes, self.photograph // CONTEXT_SIDE),
            scene.surfaces.maps.cut(rows, columns),
            self._positions[..., rows, columns],
            scene.seen(kind)[..., rows, columns],
            scene.surfaces.labeled,
        )

    def _surface(self) -> Surfaces:
        rng = self.rng
        planes, labeled = self._laid()
        if rng.random() < 0.25:
            other, other_labeled = self._laid()
            planes = torch.lerp(planes, other, _patches(self.photograph, rng).to(self.device))
            labeled = labeled and other_labeled
        color, normal, roughness, metallic = planes[:3], planes[3:6] * 2 - 1, planes[6:7], planes[7:8]
        base = linear(color)
        if rng.random() < 0.5:
            tint = torch.from_numpy(np.exp(rng.normal(0, 0.15, (3, 1, 1)) + rng.normal(0, 0.35))).float()
            base = base * tint.to(self.device)
            base = base / max(1.0, float(base.max()) / 0.95)
        if rng.random() < 0.5:
            roughness = roughness ** math.exp(rng.normal(0, 0.5))
        if rng.random() < 0.3:
            roughness = roughness + rng.uniform(-0.15, 0.15)
        if rng.random() < _GLOSSY:
            # Varnish, plastic, glaze, leather: one roughness, and a little dirt.
            level = rng.uniform(*_GLOSS)
            roughness = level + rng.uniform(0, 0.2) * (roughness - roughness.mean())
            metallic, labeled = torch.zeros_like(metallic), True
        strength = math.exp(rng.normal(0, 0.35)) if rng.random() < 0.5 else 1.0
        slopes = normal[:2] / normal[2:].clamp(min=0.15) * strength
        maps = Maps(
            base.clamp(0.003, 1)[None],
            unit_normals(slopes[None]),
            roughness.clamp(0.05, 1)[None],
            metallic.clamp(0, 1)[None],
        )
        known = torch.full((1, 1, 1, 1), float(labeled), device=self.device)
        # Nothing is drawn where all are alike, so that photographs of a seed stay the same.
        openness = planes[8:9][None] ** strength
        if self.hollows < 1 and rng.random() >= self.hollows:
            openness = torch.ones_like(openness)
        return Surfaces(maps, openness, known)

    def _laid(self) -> tuple[torch.Tensor, bool]:
        """Planes of one material in [0, 1] as they lie in the photograph, ``(9, side, side)``, and whether
        it is known where they are metal.
        """
        rng = self.rng
        if rng.random() < _PROCEDURAL:
            name = str(rng.choice(list(FAMILIES)))
            stored = planes_of(procedural_material(name, self.photograph, rng, self.device))
        else:
            number = int(rng.integers(len(self.library)))
            stored, name = self.library.planes[number], self.library.names[number]
        height, width = stored.shape[1:]
        if rng.random() < 0.5:
            side = min(height, width)
        else:
            side = round(self.photograph * math.exp(rng.uniform(math.log(0.45), math.log(2.0))))
        top, left = int(rng.integers(height)), int(rng.integers(width))
        rows = torch.arange(top, top + side, device=stored.device) % height
        columns = torch.arange(left, left + side, device=stored.device) % width
        planes = stored[:, rows][:, :, columns][None]
        planes = planes / 255 if stored.dtype == torch.uint8 else planes
        planes = F.interpolate(
            planes, size=(self.photograph, self.photograph), mode="bilinear", antialias=side > self.photograph
        )[0]
        if name.startswith(_COLOR_LAW):
            # What this scanner took for rough is mostly what is bright; so it is as often rougher where it is not.
            mean = planes[6].mean()
            planes[6] = (mean + rng.uniform(-1, 1) * (planes[6] - mean)).clamp(0, 1)
        turns = int(rng.integers(4))
        planes = torch.rot90(planes, turns, (1, 2))
        x, y = planes[3] * 2 - 1, planes[4] * 2 - 1
        for _ in range(turns):
            x, y = -y, x
        if rng.random() < 0.5:
            planes, x, y = planes.flip(2), -x.flip(1), y.flip(1)
        laid = torch.cat([planes[:3], (x * 0.5 + 0.5)[None], (y * 0.5 + 0.5)[None], planes[5:]])
        return laid, name not in _UNLABELED_METAL


def photographed(
    surfaces: Surfaces, positions: torch.Tensor, rng: np.random.Generator, noise: torch.Generator
) -> Scenes:
    """Photographs of surfaces as the network gets them.

    Args:
        surfaces: of the photographs' size.
        positions: of their pixels.
        rng: of cameras and lights.
        noise: of sensors, on the surfaces' device.
    """
    maps, count = surfaces.maps, len(surfaces.labeled)
    flash = Flash.drawn(count, rng, positions.device)
    lit = taken(flash.radiance(maps, positions), *FLASH_LEVEL, rng, noise)
    flat = flattened(lit, flash, maps, positions, rng)
    sky = ambient_radiance(maps, surfaces.openness, positions, flash.camera, rng)
    ambient = evenly_exposed(taken(sky, *AMBIENT_LEVEL, rng, noise))
    ambient = _shifted(ambient, *rng.normal(0, 0.3, 2))
    coated = Surfaces(flash.coated(maps), surfaces.openness, surfaces.labeled)
    return Scenes(flat.relit, flat.even, ambient, flat.tangents, flat.known, flat.response, coated)


def _single(scenes: Scenes, index: int) -> Scenes:
    """One of several, without the memory of the others."""

    def own(planes: torch.Tensor) -> torch.Tensor:
        return planes[index : index + 1].clone()

    surfaces = scenes.surfaces
    maps = Maps(*(own(getattr(surfaces.maps, f.name)) for f in fields(Maps)))
    return Scenes(
        own(scenes.flash),
        own(scenes.even),
        own(scenes.ambient),
        own(scenes.tangents),
        own(scenes.known),
        own(scenes.response),
        Surfaces(maps, own(surfaces.openness), own(surfaces.labeled)),
    )


def _shifted(planes: torch.Tensor, down: float, across: float) -> torch.Tensor:
    """Moved by less than a pixel or so, as a pair is that was aligned not quite."""
    for amount, dim in ((down, 2), (across, 3)):
        planes = torch.lerp(planes, planes.roll(1 if amount > 0 else -1, dim), min(abs(amount), 1.0))
    return planes


def _patches(side: int, rng: np.random.Generator) -> torch.Tensor:
    """A mask of soft patches, ``(1, side, side)`` in [0, 1]."""
    coarse = torch.from_numpy(rng.standard_normal((1, 1, *rng.integers(4, 14, 2)))).float()
    field = F.interpolate(coarse, size=(side, side), mode="bicubic")[0]
    return torch.sigmoid(field * float(rng.uniform(3, 30)))
