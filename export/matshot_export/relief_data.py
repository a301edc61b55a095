"""Training photographs for the relief network: rendered once, kept in files, cropped without end.

Rendering a photograph takes as long as several steps of training, so each is used for many crops, turned and mirrored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch

from matshot.capture.flattening import Flattened
from matshot.capture.prediction import MOST_TONE
from matshot.capture.seen_relief import LEAST_STRENGTH, STRENGTHS, USUAL_STRENGTHS, ShadingEvidence
from matshot.capture.shading import Response
from matshot.files import atomic_file
from matshot.shading.render import Camera

from .capture_data import CaptureSource, MaterialLibrary, Scenes
from .heights import openness
from .photography import linear_from_srgb

#: Planes of a stored photograph: tone (3), response to slopes (2), highlight (1), known (1), tone without flash (3),
#: true slopes (2), logarithm of what hollows see of the sky (1).
STORED_PLANES = 13
#: Least brightness of which a logarithm is taken.
_DARKEST = 1e-3
#: Share of surfaces whose hollows are darker in a room.
_HOLLOWS = 0.6
#: Share of crops in whose flash photograph hollows are darker, since less light comes back from them, and the power of
#: what they see of the sky that it is darker by.
_DARK_HOLLOWS = 0.6
_DARKER = (0.2, 1.2)
_LEAST_OPEN = 0.05
#: Share of crops that are painted with another surface's pattern besides their own, and by how much of it.
_PAINTED = 0.4
_PAINT = (0.2, 1.0)
#: What a network may be given: a flash photograph without its lamp, this and one without flash, or the latter alone.
KINDS = ("flash", "pair", "even")
#: Share of crops without evidence; error of the flash's color, as a logarithm.
_BLIND = 0.05
_TINT = 0.03
#: Suffix of the files that hold a photograph's evidence.
_EVIDENCE = ".evidence.npy"


def stored_planes(scenes: Scenes) -> torch.Tensor:
    """Photographs as they are kept, ``(N, STORED_PLANES, H, W)``."""
    normal = scenes.surfaces.maps.normal
    slopes = normal[:, :2] / normal[:, 2:].clamp(min=0.15)
    hollows = torch.log(openness(slopes).clamp(min=_LEAST_OPEN))
    return torch.cat([tone(scenes.even), scenes.response, scenes.known, tone(scenes.ambient), slopes, hollows], dim=1)


def tone(photographs: torch.Tensor) -> torch.Tensor:
    """Logarithms of linear color, less their medians; display-encoded ``(N, 3, H, W)`` to the same shape."""
    logarithm = torch.log(linear_from_srgb(photographs).clamp(min=_DARKEST))
    middle = logarithm[:, :, ::4, ::4].flatten(2).median(dim=2).values
    return (logarithm - middle[:, :, None, None]).clamp(-MOST_TONE, MOST_TONE)


def evidence_of(planes: torch.Tensor) -> torch.Tensor:
    """How strong relief is in a photograph, as the tools see it; 0 for one that is too small.

    Args:
        planes: stored ones, ``(STORED_PLANES, H, W)``.

    Returns:
        ``(STRENGTHS,)``, see :meth:`~matshot.capture.seen_relief.ShadingEvidence.strengths`.
    """
    arrays = planes.float().cpu().numpy()
    tones, burnt = arrays[:3], arrays[6] < 0.5
    nothing = np.zeros_like(tones[0])
    # Of the distance to the highlight and of what is another surface it asks nothing.
    flat = Flattened(np.exp(tones.transpose(1, 2, 0)), burnt, nothing, tones.mean(axis=0), burnt, nothing > 0)
    seen = ShadingEvidence.of(flat, Response(*arrays[3:6]), Camera(nothing.shape[1], nothing.shape[0]))
    return torch.zeros(STRENGTHS) if seen is None else torch.from_numpy(seen.strengths())


def painted(planes: torch.Tensor, pattern: torch.Tensor, amount: float) -> torch.Tensor:
    """Stored planes of a surface that has another one's pattern of color besides its own.

    As a logarithm color adds to shading, and in both photographs alike.

    Args:
        planes: ``(STORED_PLANES, H, W)``.
        pattern: likewise, of the other surface, whose photograph without flash is taken.
        amount: of the pattern's contrast.
    """
    both = planes.clone()
    for first in (0, 7):
        both[first : first + 3] = (planes[first : first + 3] + amount * pattern[7:10]).clamp(-MOST_TONE, MOST_TONE)
    return both


def painted_evidence(evidence: torch.Tensor, pattern: torch.Tensor, amount: float) -> torch.Tensor:
    """The same of numbers ``(STRENGTHS,)``: what light tells stays, and squares of patterns add; 0 stays unknown."""
    if not (evidence.any() and pattern.any()):
        return torch.zeros_like(evidence)
    usual, deviation = USUAL_STRENGTHS[1].tolist()
    strengths = [
        (torch.exp(each[STRENGTHS // 2 :] * deviation + usual) - LEAST_STRENGTH) * factor
        for each, factor in ((evidence, 1.0), (pattern, amount))
    ]
    tone_there = (torch.log(torch.hypot(*strengths) + LEAST_STRENGTH) - usual) / deviation
    return torch.cat([evidence[: STRENGTHS // 2], tone_there])


@dataclass(frozen=True)
class Crops:
    """What the network is given and should find.

    Attributes:
        given: ``(N, INPUT_PLANES, h, w)``.
        evidence: ``(N, STRENGTHS)``, how strong relief is in the whole photograph; 0 where nobody knows.
        wanted: true slopes, ``(N, 2, h, w)``.
        known: ``(N, 1, h, w)``, 0 where nothing of the surface is seen.
    """

    given: torch.Tensor
    evidence: torch.Tensor
    wanted: torch.Tensor
    known: torch.Tensor


def crops_of(planes: torch.Tensor, evidence: torch.Tensor, kind: str) -> Crops:
    """One of a kind, of stored planes.

    Args:
        planes: ``(STORED_PLANES, H, W)``.
        evidence: of the photograph, ``(STRENGTHS,)``; without flash nothing tells it.
        kind: one of :data:`KINDS`.
    """
    lit, open_air = (float(kind in kinds) for kinds in (("flash", "pair"), ("even", "pair")))
    there = torch.full_like(planes[:1], open_air)
    given = torch.cat([planes[:7] * lit, planes[7:10] * open_air, there])
    known = planes[6:7] if lit else torch.ones_like(there)
    return Crops(given[None], evidence[None] * lit, planes[None, 10:12], known[None])


def turned(planes: torch.Tensor, turns: int, mirrored: bool) -> torch.Tensor:
    """Stored planes after quarter turns to the left, and mirrored then; vectors turn along."""
    planes = torch.rot90(planes, turns, (1, 2)).clone()
    for x in (3, 10):
        for _ in range(turns % 4):
            planes[x], planes[x + 1] = -planes[x + 1].clone(), planes[x].clone()
    if mirrored:
        planes = planes.flip(2)
        planes[[3, 10]] *= -1
    return planes


def draw_photographs(
    materials: Path,
    folder: Path,
    count: int,
    seed: int,
    *,
    side: int = 640,
    device: torch.device | None = None,
    minutes: float | None = None,
    report: Callable[[str], None] = print,
) -> bool:
    """Render the photographs that a folder lacks; each depends on its number, the count and the seed alone.

    Args:
        materials: folder with one folder a material.
        folder: that receives ``00000.npy`` and so on, half precision, and the evidence of each.
        count: of photographs.
        seed: of all of them.
        side: of a photograph in pixels, a multiple of 128.
        device: that renders.
        minutes: after which it ends, to be called again.
        report: receives a line now and then.

    Returns:
        Whether all are there.

    Raises:
        FileNotFoundError: when there is no material.
        ValueError: when the folder has photographs of another size or of other planes.
    """
    _refuse_others(folder, (STORED_PLANES, side, side))
    missing = [number for number in range(count) if not (folder / f"{number:05d}.npy").exists()]
    if not missing:
        return True
    ends = time.monotonic() + 60 * minutes if minutes is not None else None
    folder.mkdir(parents=True, exist_ok=True)
    library = MaterialLibrary(materials, device)
    for done, number in enumerate(missing):
        if ends is not None and time.monotonic() >= ends:
            return False
        source = CaptureSource(library, 1, side, seed * count + number, photograph=side, hollows=_HOLLOWS)
        planes = stored_planes(source.scenes(1))[0].half()
        # A photograph that is there has its evidence.
        for suffix, array in ((_EVIDENCE, evidence_of(planes)), (".npy", planes.cpu())):
            with atomic_file(folder / f"{number:05d}{suffix}") as partial, partial.open("wb") as stream:
                np.save(stream, array.numpy())
        if done % 100 == 99:
            report(f"photographs: {done + 1} of {len(missing)}")
    return True


def _refuse_others(folder: Path, shape: tuple[int, int, int]) -> None:
    """Raise for photographs of another shape; all of a folder have that of the first."""
    for path in _photographs(folder)[:1]:
        if (found := np.load(path, mmap_mode="r").shape) != shape:
            raise ValueError(f"{folder} has photographs of shape {found}, and {shape} is wanted; move them away")


def _photographs(folder: Path) -> list[Path]:
    """Files of photographs, without those of their evidence."""
    return [path for path in sorted(folder.glob("*.npy")) if not path.name.endswith(_EVIDENCE)]


class ReliefSource:
    """Endless crops of stored photographs.

    Args:
        folder: of photographs.
        batch: crops at a time.
        side: of a crop in pixels.
        seed: of every choice.
        device: that crops go to.
        kinds: of crops, of :data:`KINDS`, and how often each.

    Raises:
        FileNotFoundError: when there is no photograph.
    """

    def __init__(
        self, folder: Path, batch: int, side: int, seed: int, device: torch.device, kinds: Mapping[str, float]
    ) -> None:
        self.places = _photographs(folder)
        if not self.places:
            raise FileNotFoundError(f"no photographs in {folder}")
        self.evidence = [torch.from_numpy(np.load(path.with_suffix(_EVIDENCE))) for path in self.places]
        self.batch, self.side, self.device, self.kinds = batch, side, device, kinds
        self.rng = np.random.default_rng(seed)

    def __iter__(self) -> ReliefSource:
        return self

    def __next__(self) -> Crops:
        crops = [self._crop() for _ in range(self.batch)]
        return Crops(*(torch.cat([getattr(crop, f.name) for crop in crops]).to(self.device) for f in fields(Crops)))

    def _crop(self) -> Crops:
        rng = self.rng
        planes, evidence = self._cut()
        if rng.random() < _PAINTED:
            other, amount = self._cut(), rng.uniform(*_PAINT)
            planes, evidence = painted(planes, other[0], amount), painted_evidence(evidence, other[1], amount)
        planes = turned(planes, int(rng.integers(4)), rng.random() < 0.5)
        if rng.random() < _DARK_HOLLOWS:
            planes[:3] = (planes[:3] + rng.uniform(*_DARKER) * planes[12]).clamp(-MOST_TONE, MOST_TONE)
        planes[:3] += torch.from_numpy(rng.normal(0, _TINT, (3, 1, 1)).astype(np.float32))
        kind = str(rng.choice(list(self.kinds), p=list(self.kinds.values())))
        return crops_of(planes, evidence * float(rng.random() >= _BLIND), kind)

    def _cut(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Planes of some place of some photograph, and its evidence."""
        number = int(self.rng.integers(len(self.places)))
        # Opened anew for each crop: a process may not have as many files open as there are photographs.
        photograph = np.load(self.places[number], mmap_mode="r")
        row, column = (int(self.rng.integers(size - self.side + 1)) for size in photograph.shape[1:])
        cut = np.array(photograph[:, row : row + self.side, column : column + self.side], dtype=np.float32)
        return torch.from_numpy(cut), self.evidence[number]
