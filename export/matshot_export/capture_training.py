"""Training of the capture network: maps from photographs, judged by their values and by what they look like when lit.

The rendering loss is that of Deschaintre et al. 2018, section 3.2: predicted and true maps are lit by the same lights
and the pictures compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from torch import nn

from matshot.capture.prediction import CONTEXT_SIDE

from .capture_data import (
    KINDS,
    Batch,
    CaptureSource,
    MaterialLibrary,
    Scenes,
    Surfaces,
    encoded,
    linear,
    photographed,
    unit_normals,
)
from .data import material_counts
from .loop import Call, as_used, begin, best_device, carry_out, compiled, supports_bfloat16, write_picture
from .networks.capture import CaptureContext, CaptureMaps
from .procedural import FAMILIES
from .rendering import Maps, plane_positions, under_point_light

#: What is added to angles before they are compared, in radians: of a surface that is all but flat a ratio says nothing.
#: With 0.06 an hour of training made flat surfaces better and steep ones, of which relief is seen most, worse.
_LEAST_ANGLE = 0.2
#: Largest side of the photographs that figures are measured on.
_WATCHED_SIDE = 512


@dataclass(frozen=True)
class CaptureRecipe:
    """What decides a run.

    Attributes:
        steps: of the schedule; the rate falls linearly to nothing.
        batch: crops a step, of ``side`` pixels.
        photograph: side of the photographs that crops are of, a multiple of 128.
        rate: Muon's.
        border: pixels at a crop's edge that are not judged, since their surroundings are not seen.
    """

    steps: int = 40000
    batch: int = 8
    side: int = 192
    photograph: int = 640
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


def capture_loss(
    planes: torch.Tensor, batch: Batch, lights: torch.Tensor
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Loss of predicted maps.

    Args:
        planes: the network's output.
        batch: with the truth.
        lights: ``(N, K, 6)``: for every crop K pairs of camera and light positions.

    Returns:
        The weighted sum, and its terms for the log.
    """
    found, truth, known, labeled = surfaces(planes), batch.truth, batch.known, batch.labeled

    def mean(values: torch.Tensor) -> torch.Tensor:
        """Of every crop where it is known, ``(N, 1, 1, 1)``."""
        over = (1, 2, 3)
        return (values.mean(1, keepdim=True) * known).sum(over, keepdim=True) / known.sum(over, keepdim=True).clamp(
            min=1
        )

    # How bright the surface is cannot be known from a photograph of unknown exposure: mostly its pattern is judged.
    pattern = encoded(found.base_color * _brightness(truth.base_color, found.base_color))
    color = mean(
        0.8 * (pattern - encoded(truth.base_color)).abs() + 0.2 * (planes[:, :3] - encoded(truth.base_color)).abs()
    ).mean()
    # What counts is the angle, and the angle in parts of flat normals', crop by crop: by the first alone bumpy surfaces
    # would decide, by the second flat ones. Squares hold back what is far off.
    squared = (found.normal - truth.normal).square().sum(1, keepdim=True)
    error = mean((squared + 1e-5).sqrt())
    of_flat = mean((2 - 2 * truth.normal[:, 2:] + 1e-5).sqrt())
    share = torch.log((error + _LEAST_ANGLE) / (of_flat + _LEAST_ANGLE))
    normal = (share + 2 * error + mean(squared)).mean()
    terms = {"color": color, "normal": normal}
    for name, weight in (("roughness", torch.ones_like(labeled)), ("metallic", labeled)):
        off = getattr(found, name) - getattr(truth, name)
        terms[name] = (weight * (0.5 * mean(off.abs()) + 2 * mean(off.square()))).mean()
    lit = torch.zeros((), device=planes.device)
    for pair in lights.unbind(1):
        camera, light = pair[:, :3, None, None], pair[:, 3:, None, None]
        wanted = under_point_light(truth, batch.positions, camera, light)
        exposure = 0.25 / wanted.mean(dim=(1, 2, 3), keepdim=True).clamp(min=1e-4)
        given = under_point_light(found, batch.positions, camera, light)
        given = given * _brightness(wanted, given) ** 0.8
        off = encoded((given * exposure).clamp(max=2)) - encoded((wanted * exposure).clamp(max=2))
        lit = lit + (labeled * mean(off.abs())).mean()
    terms["lit"] = lit / lights.shape[1]
    weights = {"color": 2.0, "normal": 1.5, "roughness": 0.7, "metallic": 0.3, "lit": 2.0}
    total = torch.stack([weights[name] * value for name, value in terms.items()]).sum()
    return total, {name: value.detach() for name, value in terms.items()}


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
    inner = replace(
        batch,
        truth=batch.truth.cut(inside, inside),
        positions=batch.positions[..., inside, inside],
        known=batch.known[..., inside, inside],
    )
    return inner, planes[..., inside, inside]


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
        self.forward = compiled(self.network, device, everywhere=True)
        self.folder = data / "materials" / "train"
        library = MaterialLibrary(data / "materials" / "val")
        self.watched = validation_photographs(library, min(recipe.photograph, _WATCHED_SIDE))

    @cached_property
    def library(self) -> MaterialLibrary:
        """The materials; reading them takes a minute, which measuring alone can do without."""
        return MaterialLibrary(self.folder, self.device)

    @cached_property
    def source(self) -> CaptureSource:
        """The photographs."""
        recipe = self.recipe
        return CaptureSource(self.library, recipe.batch, recipe.side, recipe.seed, photograph=recipe.photograph)

    @property
    def rng(self) -> np.random.Generator:
        """Of the photographs."""
        return self.source.rng

    def loss(self, done: float) -> tuple[torch.Tensor, dict[str, torch.Tensor], int]:
        """Of the next batch of crops."""
        batch = next(self.source)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half):
            planes = self.forward(_last(batch.photographs), _last(batch.whole))
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
    **call: Unpack[Call],
) -> Path:
    """Train the capture network.

    Args:
        recipe: how.
        data: folder with ``materials/train`` and ``materials/val``.
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
    task = CaptureTask(recipe, data, best_device(call.get("device", "auto")))
    begin(task, call)
    images = {**material_counts(task.library.names), "families": len(FAMILIES)}
    return carry_out(task, recipe, out, {"recipe": "capture", "images": images}, call)


def _last(planes: torch.Tensor) -> torch.Tensor:
    return planes.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def validation_scenes(library: MaterialLibrary, side: int) -> Iterator[Scenes]:
    """Of every material photographs that are always the same."""
    positions = plane_positions(side, side)
    for number, stored in enumerate(library.planes):
        planes = nn.functional.interpolate(stored[None].float() / 255, size=(side, side), mode="area")
        maps = Maps(
            linear(planes[:, :3]),
            nn.functional.normalize(planes[:, 3:6] * 2 - 1, dim=1),
            planes[:, 6:7],
            planes[:, 7:8],
        )
        surface = Surfaces(maps, planes[:, 8:9], torch.ones(1, 1, 1, 1))
        noise = torch.Generator().manual_seed(number)
        yield photographed(surface, positions, np.random.default_rng(number), noise)


def validation_photographs(library: MaterialLibrary, side: int) -> dict[str, list[tuple[torch.Tensor, Maps]]]:
    """Of every material one photograph of each kind, always the same."""
    made: dict[str, list[tuple[torch.Tensor, Maps]]] = {kind: [] for kind in KINDS}
    for scene in validation_scenes(library, side):
        for kind, cases in made.items():
            cases.append((scene.planes(kind), scene.surfaces.maps))
    return made


def measured(
    network: nn.Module,
    weights: dict[str, torch.Tensor],
    watched: dict[str, list[tuple[torch.Tensor, Maps]]],
    picture: Path,
) -> dict[str, float]:
    """For every kind of photograph, with the averaged weights: mean normal error in parts of flat normals' mean error,
    RMSE of roughness, and RMSE of display-encoded base color after one scale for the picture; writes a picture of some.
    """
    device = next(network.parameters()).device
    figures: dict[str, float] = {}
    rows = []
    with as_used(network, weights):
        for kind, cases in watched.items():
            errors = []
            for number, (photographs, truth) in enumerate(cases):
                whole = nn.functional.interpolate(photographs, size=(CONTEXT_SIDE, CONTEXT_SIDE), mode="area")
                planes = network(photographs.to(device), whole.to(device)).float().cpu()
                errors.append(capture_errors(planes, truth))
                if number % 3 == 0 and kind in ("flash", "even"):
                    rows.append(_panels(photographs, planes, truth))
            angle, flat, roughness, color = np.mean(errors, axis=0).tolist()
            figures |= {f"{kind}_normal": angle / flat, f"{kind}_roughness": roughness, f"{kind}_color": color}
    write_picture(picture, torch.cat(rows, dim=1))
    return figures


def capture_errors(planes: torch.Tensor, truth: Maps) -> tuple[float, float, float, float]:
    """Mean angle to the true normals and that of flat ones, roughness RMSE, base color RMSE (encoded, one scale)."""
    found = surfaces(planes)
    angle = torch.acos((found.normal * truth.normal).sum(1).clamp(-1, 1)).mean()
    flat = torch.acos(truth.normal[:, 2].clamp(-1, 1)).mean()
    roughness = (found.roughness - truth.roughness).square().mean().sqrt()
    scale = (found.base_color * truth.base_color).sum() / found.base_color.square().sum().clamp(min=1e-6)
    color = (encoded(found.base_color * scale) - encoded(truth.base_color)).square().mean().sqrt()
    return float(angle), float(flat), float(roughness), float(color)


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
