"""Training of the capture network: maps from photographs, judged by their values and by what they look like when lit.

The rendering loss is that of Deschaintre et al. 2018, section 3.2: predicted and true maps are lit by the same lights
and the pictures compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .capture_data import Batch, CaptureSource, MaterialLibrary, encoded, linear, photographed, unit_normals
from .data import material_counts
from .loop import Schedule, begin_from, best_device, descend, start_name, supports_bfloat16, write_picture
from .networks.capture import CONTEXT_SIDE, CaptureContext, CaptureMaps
from .rendering import Maps, plane_positions, under_point_light


@dataclass(frozen=True)
class CaptureRecipe:
    """What decides a run.

    Attributes:
        steps: of the schedule; the rate falls linearly to nothing.
        batch: crops a step, of ``side`` pixels.
        rate: Muon's.
        border: pixels at a crop's edge that are not judged, since their surroundings are not seen.
    """

    steps: int = 40000
    batch: int = 8
    side: int = 192
    rate: float = 0.005
    warmup: int = 100
    average: float = 0.998
    border: int = 16
    seed: int = 1
    log_every: int = 400


class CaptureNetwork(nn.Module):
    """Both tracks, trained as one."""

    def __init__(self) -> None:
        super().__init__()
        self.context = CaptureContext()
        self.maps = CaptureMaps()

    def forward(self, photographs: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        """Maps, ``(N, OUTPUT_PLANES, H, W)``."""
        given: torch.Tensor = self.maps(photographs, self.context(whole))
        return given


def surfaces(planes: torch.Tensor) -> Maps:
    """The network's output as maps to be lit."""
    return Maps(linear(planes[:, :3]), unit_normals(planes[:, 3:5]), planes[:, 5:6], planes[:, 6:7])


def capture_loss(planes: torch.Tensor, batch: Batch, lights: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
    """Loss of predicted maps.

    Args:
        planes: the network's output.
        batch: with the truth.
        lights: ``(N, K, 6)``: for every crop K pairs of camera and light positions.

    Returns:
        The weighted sum, and its terms for the log.
    """
    found, truth = surfaces(planes), batch.truth
    # How bright the surface is cannot be known from a photograph of unknown exposure: mostly its pattern is judged.
    pattern = encoded(found.base_color * _brightness(truth.base_color, found.base_color))
    color = (
        0.8 * (pattern - encoded(truth.base_color)).abs() + 0.2 * (planes[:, :3] - encoded(truth.base_color)).abs()
    ).mean()
    # Squares reward what is right on average from the first step on; their root is the angle that is measured.
    squared = (found.normal - truth.normal).square().sum(1)
    normal = 0.5 * (squared + 1e-5).sqrt().mean() + 2 * squared.mean()
    terms = {"color": color, "normal": normal}
    for name in ("roughness", "metallic"):
        error = getattr(found, name) - getattr(truth, name)
        terms[name] = 0.5 * error.abs().mean() + 2 * error.square().mean()
    lit = torch.zeros(())
    for pair in lights.unbind(1):
        camera, light = pair[:, :3, None, None], pair[:, 3:, None, None]
        wanted = under_point_light(truth, batch.positions, camera, light)
        exposure = 0.25 / wanted.mean(dim=(1, 2, 3), keepdim=True).clamp(min=1e-4)
        given = under_point_light(found, batch.positions, camera, light)
        given = given * _brightness(wanted, given) ** 0.8
        lit = lit + (encoded((given * exposure).clamp(max=2)) - encoded((wanted * exposure).clamp(max=2))).abs().mean()
    terms["lit"] = lit / lights.shape[1]
    weights = {"color": 2.0, "normal": 1.5, "roughness": 0.7, "metallic": 0.3, "lit": 2.0}
    total = torch.stack([weights[name] * value for name, value in terms.items()]).sum()
    return total, {name: float(value.detach()) for name, value in terms.items()}


def _brightness(wanted: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """The factor between two pictures' means, ``(N, 1, 1, 1)``."""
    over = (1, 2, 3)
    return (wanted.mean(over, keepdim=True) / given.mean(over, keepdim=True).clamp(min=1e-4)).clamp(0.1, 10)


def random_lights(batch: Batch, rng: np.random.Generator) -> torch.Tensor:
    """For every crop a flash above some point near it, or a light from the side: ``(N, 1, 6)``."""
    center = batch.positions.mean(dim=(2, 3))
    pairs = []
    for x, y, _ in center.tolist():
        above = np.array([x, y, 0.0]) + np.array([*rng.normal(0, 0.25, 2), rng.uniform(0.5, 1.0)])
        turn, radius = rng.uniform(0, 2 * math.pi), rng.uniform(0.2, 0.9)
        aside = np.array([x, y, 0.0]) + np.array(
            [radius * math.cos(turn), radius * math.sin(turn), rng.uniform(0.4, 0.9)]
        )
        viewer = np.array([rng.normal(0, 0.1), rng.normal(0, 0.1), 0.87])
        pairs.append([[*above, *above] if rng.random() < 0.5 else [*viewer, *aside]])
    return torch.tensor(np.array(pairs), dtype=torch.float32)


def cropped(batch: Batch, planes: torch.Tensor, border: int) -> tuple[Batch, torch.Tensor]:
    """Without the border."""
    inside = slice(border, -border)
    truth = batch.truth.cut(inside, inside)
    return Batch(batch.photographs, batch.whole, truth, batch.positions[..., inside, inside]), planes[
        ..., inside, inside
    ]


class CaptureTask:
    """The capture network, its photographs and its loss; see :class:`~matshot_export.loop.Task`.

    Args:
        recipe: how it is trained.
        data: folder with ``materials/train`` and ``materials/val``.
        device: that it is trained on.

    Raises:
        FileNotFoundError: when data are missing.
    """

    def __init__(self, recipe: CaptureRecipe, data: Path, device: torch.device) -> None:
        self.recipe, self.device, self.half = recipe, device, supports_bfloat16(device)
        self.network: nn.Module = CaptureNetwork().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.folder = data / "materials" / "train"
        self.watched = validation_photographs(MaterialLibrary(data / "materials" / "val"))

    @cached_property
    def library(self) -> MaterialLibrary:
        """The materials; reading them takes a minute, which measuring alone can do without."""
        return MaterialLibrary(self.folder)

    @cached_property
    def source(self) -> CaptureSource:
        """The photographs."""
        return CaptureSource(self.library, self.recipe.batch, self.recipe.side, self.recipe.seed)

    @property
    def rng(self) -> np.random.Generator:
        """Of the photographs."""
        return self.source.rng

    def loss(self, done: float) -> tuple[torch.Tensor, dict[str, float], int]:
        """Of the next batch of crops."""
        batch = _moved(next(self.source), self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half):
            planes = self.network(_last(batch.photographs), _last(batch.whole))
        judged, inner = cropped(batch, planes.float(), self.recipe.border)
        value, terms = capture_loss(inner, judged, random_lights(judged, self.rng).to(self.device))
        return value, terms, planes.shape[0] * planes.shape[2] * planes.shape[3]

    def figures(self, weights: dict[str, torch.Tensor], picture: Path) -> dict[str, float]:
        """Of :func:`measured`."""
        return measured(self.network, weights, self.watched, picture)

    def state(self) -> dict[str, Any]:
        """Nothing: photographs that were drawn and not yet used are drawn again."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Continue."""


def train_capture(
    recipe: CaptureRecipe,
    data: Path,
    out: Path,
    *,
    minutes: float | None = None,
    call_minutes: float | None = None,
    device: str = "auto",
    resume: bool = False,
    start: Path | None = None,
    report: Callable[[str], None] = print,
) -> Path:
    """Train the capture network.

    Args:
        recipe: how.
        data: folder with ``materials/train`` and ``materials/val``.
        out: run folder, as :func:`~matshot_export.loop.descend` fills it.
        minutes: of training, over all calls, that end the schedule even if steps are left.
        call_minutes: after which this call ends, to be resumed.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: continue from the checkpoint if there is one.
        start: weights to begin from; layers of other shapes are left as initialized.
        report: receives one line at a time.

    Returns:
        The path of the averaged weights.

    Raises:
        FileExistsError: when ``out`` holds a run and ``resume`` is off.
        FileNotFoundError: when data or start weights are missing.
        FloatingPointError: when the loss stops being a number.
    """
    torch.manual_seed(recipe.seed)
    task = CaptureTask(recipe, data, best_device(device))
    if start is not None:
        report(f"{begin_from(task.network, start)} layers start from {start}")
    schedule = Schedule(
        recipe.steps, recipe.rate, recipe.warmup, recipe.average, recipe.log_every, minutes, call_minutes
    )
    facts = {"recipe": "capture", "images": material_counts(task.library.names), "start": start_name(start)}
    descend(task, schedule, out, facts=facts, resume=resume, report=report)
    return out / "weights.pt"


def _moved(batch: Batch, where: torch.device) -> Batch:
    truth = Maps(*(plane.to(where) for plane in vars(batch.truth).values()))
    return Batch(batch.photographs.to(where), batch.whole.to(where), truth, batch.positions.to(where))


def _last(planes: torch.Tensor) -> torch.Tensor:
    return planes.contiguous(memory_format=torch.channels_last)


def validation_photographs(library: MaterialLibrary) -> dict[str, list[tuple[torch.Tensor, Maps]]]:
    """Of every material one photograph of each kind, always the same."""
    made: dict[str, list[tuple[torch.Tensor, Maps]]] = {}
    for kind in ("flash", "pair", "ambient"):
        for number, stored in enumerate(library.planes):
            planes = nn.functional.interpolate(stored[None].float() / 255, size=(512, 512), mode="area")
            maps = Maps(
                linear(planes[:, :3]),
                nn.functional.normalize(planes[:, 3:6] * 2 - 1, dim=1),
                planes[:, 6:7],
                planes[:, 7:8],
            )
            positions = plane_positions(512, 512)
            made.setdefault(kind, []).append((photographed(maps, positions, kind, np.random.default_rng(number)), maps))
    return made


@torch.no_grad()
def measured(
    network: nn.Module,
    weights: dict[str, torch.Tensor],
    watched: dict[str, list[tuple[torch.Tensor, Maps]]],
    picture: Path,
) -> dict[str, float]:
    """For every kind of photograph, with the averaged weights: mean normal error in parts of flat normals', RMSE of
    roughness, and RMSE of display-encoded base color after one scale for the picture; writes a picture of some.
    """
    current = {k: v.clone() for k, v in network.state_dict().items()}
    network.load_state_dict(weights)
    device = next(network.parameters()).device
    figures: dict[str, float] = {}
    rows = []
    for kind, cases in watched.items():
        errors = []
        for number, (photographs, truth) in enumerate(cases):
            whole = nn.functional.interpolate(photographs, size=(CONTEXT_SIDE, CONTEXT_SIDE), mode="area")
            planes = network(photographs.to(device), whole.to(device)).float().cpu()
            errors.append(capture_errors(planes, truth))
            if number % 3 == 0 and kind != "ambient":
                rows.append(_panels(photographs, planes, truth))
        for name, value in zip(("normal", "roughness", "color"), np.mean(errors, axis=0), strict=True):
            figures[f"{kind}_{name}"] = float(value)
    network.load_state_dict(current)
    write_picture(picture, torch.cat(rows, dim=1))
    return figures


def capture_errors(planes: torch.Tensor, truth: Maps) -> tuple[float, float, float]:
    """Normal error relative to flat normals', roughness RMSE, base color RMSE (encoded, one scale aligned)."""
    found = surfaces(planes)
    angle = torch.acos((found.normal * truth.normal).sum(1).clamp(-1, 1)).mean()
    flat = torch.acos(truth.normal[:, 2].clamp(-1, 1)).mean()
    roughness = (found.roughness - truth.roughness).square().mean().sqrt()
    scale = (found.base_color * truth.base_color).sum() / found.base_color.square().sum().clamp(min=1e-6)
    color = (encoded(found.base_color * scale) - encoded(truth.base_color)).square().mean().sqrt()
    return float(angle / flat), float(roughness), float(color)


def _panels(photographs: torch.Tensor, planes: torch.Tensor, truth: Maps) -> torch.Tensor:
    """Photograph, then every map found and, below it, true: a strip for the eye."""
    side = slice(0, 192)
    found = surfaces(planes)
    columns = [torch.cat([photographs[0, :3, side, side], photographs[0, 3:6, side, side]], dim=1)]
    for name in vars(truth):
        pair = []
        for maps in (found, truth):
            plane = getattr(maps, name)[0, :, side, side]
            plane = encoded(plane) if name == "base_color" else plane * 0.5 + 0.5 if name == "normal" else plane
            pair.append(plane.expand(3, -1, -1))
        columns.append(torch.cat(pair, dim=1))
    return torch.cat(columns, dim=2)
