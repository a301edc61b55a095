"""Training of the relief networks: slopes from the shading of photographs, judged by the angle of normals alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from torch import nn

from .capture_data import MaterialLibrary, unit_normals
from .capture_training import validation_scenes
from .data import material_counts
from .loop import Call, as_used, begin, best_device, carry_out, compiled, supports_bfloat16, write_picture
from .networks.relief import ReliefNetwork
from .procedural import FAMILIES
from .relief_data import ReliefSource, crops_of, draw_photographs, evidence_of, stored_planes

#: What is added to the angle of flat normals before it divides an error, in radians: of a surface that is all but flat
#: a ratio says nothing.
_LEAST_ANGLE = 0.08
#: Folder of a run that photographs are kept in.
PHOTOGRAPHS = "photographs"
#: What each network is given, and how often. The one for photographs without flash learns from all kinds as well, but
#: is best after a tenth of the hours that flash photographs need: then it begins to know even ones by heart, and with
#: these alone it did so at once.
SHARES = {"relief": {"flash": 0.4, "pair": 0.6}, "relief_even": {"flash": 0.28, "pair": 0.4, "even": 0.32}}


@dataclass(frozen=True)
class ReliefRecipe:
    """What decides a run.

    Attributes:
        steps: of the schedule; the rate falls linearly to nothing.
        batch: crops a step, of ``side`` pixels.
        name: of the network, one of :data:`SHARES`.
        photographs: that are rendered, of ``photograph`` pixels, a multiple of 128.
        rate: Muon's.
        border: pixels at a crop's edge that are not judged, since their surroundings are not seen.
    """

    name: str = "relief"
    steps: int = 50000
    batch: int = 16
    side: int = 128
    photographs: int = 1600
    photograph: int = 640
    rate: float = 0.005
    warmup: int = 100
    average: float = 0.999
    border: int = 12
    seed: int = 1
    log_every: int = 1000


#: Of both networks, by name.
RECIPES = {
    "relief": ReliefRecipe(),
    "relief_even": ReliefRecipe("relief_even", photographs=1200, rate=0.004, seed=2),
}


def relief_loss(
    found: torch.Tensor, wanted: torch.Tensor, known: torch.Tensor
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Loss of slopes ``(N, 2, H, W)``.

    What counts is the angle, and the angle in parts of flat normals', crop by crop: by the first alone steep surfaces
    would decide, by the second flat ones. Squares hold back what is far off.

    Args:
        found: by the network.
        wanted: the truth.
        known: ``(N, 1, H, W)``, 0 where nothing of the surface is seen.

    Returns:
        The loss, and its terms for the log.
    """
    given, truth = unit_normals(found), unit_normals(wanted)
    over = (1, 2, 3)

    def mean(values: torch.Tensor) -> torch.Tensor:
        return (values * known).sum(over) / known.sum(over).clamp(min=1)

    squared = (given - truth).square().sum(1, keepdim=True)
    error = mean((squared + 1e-5).sqrt())
    of_flat = mean((2 - 2 * truth[:, 2:] + 1e-5).sqrt())
    share = error / (of_flat + _LEAST_ANGLE)
    return (share + 2 * error + mean(squared)).mean(), {"share": share.detach().mean(), "angle": error.detach().mean()}


class ReliefTask:
    """A relief network, its photographs and its loss; see :class:`~matshot_export.loop.Task`.

    Args:
        recipe: how it is trained.
        data: folder with ``materials/train`` and ``materials/val``.
        device: that it is trained on.
        photographs: folder of rendered photographs.

    Raises:
        FileNotFoundError: when data are missing.
    """

    def __init__(self, recipe: ReliefRecipe, data: Path, device: torch.device, photographs: Path) -> None:
        self.recipe, self.device, self.half = recipe, device, supports_bfloat16(device)
        self.network: nn.Module = ReliefNetwork().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.forward = compiled(self.network, device, everywhere=True)
        self.photographs = photographs
        library = MaterialLibrary(data / "materials" / "val")
        # Of the size that it learns from: windows of another size tell evidence of other lengths.
        self.watched = [stored_planes(scene)[0] for scene in validation_scenes(library, recipe.photograph)]

    @cached_property
    def source(self) -> ReliefSource:
        """The crops."""
        recipe = self.recipe
        kinds = SHARES[recipe.name]
        return ReliefSource(self.photographs, recipe.batch, recipe.side, recipe.seed, self.device, kinds)

    @property
    def rng(self) -> np.random.Generator:
        """Of the crops."""
        return self.source.rng

    def loss(self, done: float) -> tuple[torch.Tensor, dict[str, torch.Tensor], int]:
        """Of the next batch of crops."""
        crops = next(self.source)
        given = crops.given
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half):
            # Converted once here, the input is not converted again by each layer that sees it.
            given_half = given.bfloat16() if self.half else given
            found = self.forward(given_half.contiguous(memory_format=torch.channels_last), crops.evidence)
        inside = slice(self.recipe.border, -self.recipe.border)
        judged = (planes[..., inside, inside] for planes in (found.float(), crops.wanted, crops.known))
        value, terms = relief_loss(*judged)
        return value, terms, given.shape[0] * given.shape[2] * given.shape[3]

    def figures(self, weights: dict[str, torch.Tensor], picture: Path) -> dict[str, float]:
        """Mean error of normals in parts of flat ones' on held-out materials, of each kind of photographs; the picture
        has rows of tone, normals found in each, and the truth.
        """
        errors = dict.fromkeys(SHARES[self.recipe.name], 0.0)
        of_flat, rows = 0.0, list[torch.Tensor]()
        with as_used(self.network, weights):
            for number, planes in enumerate(self.watched):
                truth, evidence = unit_normals(planes[None, 10:12]), evidence_of(planes)
                shown = [planes[:3] / 4 + 0.5]
                for kind in errors:
                    crops = crops_of(planes, evidence, kind)
                    found = self.network(crops.given.to(self.device), crops.evidence.to(self.device))
                    normal = unit_normals(found.float().cpu())
                    errors[kind] += float(torch.acos((normal * truth).sum(1).clamp(-1, 1)).mean())
                    shown.append(normal[0] * 0.5 + 0.5)
                of_flat += float(torch.acos(truth[:, 2].clamp(-1, 1)).mean())
                if number % 3 == 0:
                    rows.append(torch.cat([one[:, :192, :192] for one in (*shown, truth[0] * 0.5 + 0.5)], dim=2))
        write_picture(picture, torch.cat(rows, dim=1))
        return {f"{kind}_normal": error / of_flat for kind, error in errors.items()}

    def state(self) -> dict[str, Any]:
        """Nothing besides the network."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Continue."""


def train_relief(
    recipe: ReliefRecipe,
    data: Path,
    out: Path,
    **call: Unpack[Call],
) -> Path:
    """Train a relief network.

    Args:
        recipe: how.
        data: folder with ``materials/train`` and ``materials/val``.
        out: run folder, as :func:`~matshot_export.loop.descend` fills it; photographs go into it first.
        **call: see :class:`~matshot_export.loop.Call`.

    Returns:
        The path of the averaged weights, which are not there yet when the call ended before all photographs were.

    Raises:
        FileExistsError: when ``out`` holds a run that is not to be resumed.
        FileNotFoundError: when data or start weights are missing.
        FloatingPointError: when the loss stops being a number.
        ValueError: when ``out`` has photographs of another size.
    """
    torch.manual_seed(recipe.seed)
    where, folder = best_device(call.get("device", "auto")), out / PHOTOGRAPHS
    materials = data / "materials" / "train"
    left, began = call.get("call_minutes"), time.monotonic()
    complete = draw_photographs(
        materials,
        folder,
        recipe.photographs,
        recipe.seed,
        side=recipe.photograph,
        device=where,
        minutes=left,
        report=call.get("report", print),
    )
    if not complete:
        return out / "weights.pt"
    if left is not None:
        call = {**call, "call_minutes": left - (time.monotonic() - began) / 60}
    task = ReliefTask(recipe, data, where, folder)
    begin(task, call)
    names = [place.name for place in sorted(materials.glob("*")) if place.is_dir()]
    facts = {
        "recipe": recipe.name,
        "images": {**material_counts(names), "families": len(FAMILIES)},
        "patches": f"{recipe.batch} of {recipe.side} px a step",
    }
    return carry_out(task, recipe, out, facts, call)
