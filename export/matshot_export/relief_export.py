"""The relief networks as graphs: ``capture_relief`` and ``capture_relief_even``."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from matshot.inference.cards import SHIPPED, Card

from .networks.relief import EVIDENCE, INPUT_PLANES, ReliefNetwork
from .onnx_export import (
    carded,
    data_lines,
    measured_quality,
    noise,
    quality_so_far,
    rounded_to_half,
    run_facts,
    run_record,
    stored,
    traced,
    train_command,
    with_half_weights,
)
from .parity import Inputs, check_parity
from .relief_training import RECIPES


class _Told(NamedTuple):
    """What a card tells of one of the networks: what it does, the command that trains it, the figure of its curve."""

    summary: str
    command: str
    figure: str


_TOLD = {
    "relief": _Told("slopes of normals from how a flash photograph is shaded, or two", "train-relief", "flash_normal"),
    "relief_even": _Told(
        "slopes of normals from how a photograph without flash is shaded", "train-relief --even", "even_normal"
    ),
}


def relief_inputs(height: int, width: int, seed: int) -> Inputs:
    """Inputs of a :class:`~matshot_export.networks.relief.ReliefNetwork` in its order, of noise."""
    return {
        "x": noise(INPUT_PLANES, height, width, seed=seed) * 2 - 1,
        "evidence": torch.randn(2, EVIDENCE, generator=torch.Generator().manual_seed(seed)),
    }


def export_relief(weights: Path, folder: Path = SHIPPED, *, run: Path | None = None, name: str = "relief") -> Card:
    """Write the graph with its twin and card.

    It takes ``x``, ``N x INPUT_PLANES x H x W``, and ``evidence``, ``N x EVIDENCE``, and gives ``y``,
    ``N x 2 x H x W``.

    Args:
        weights: the averaged weights.
        folder: of models.
        run: folder of the training run, whose ``run.json`` goes into the card.
        name: of the network, one of ``RECIPES``.

    Raises:
        ArithmeticError: when ONNX Runtime and torch differ; nothing is written then.
    """
    model, told = f"capture_{name}", _TOLD[name]
    network = ReliefNetwork().eval()
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    network = rounded_to_half(network)
    grid = network.grid
    height, width = 5 * grid, 7 * grid
    free = {**{name: {0: "n", 2: "height", 3: "width"} for name in ("x", "y")}, "evidence": {0: "n"}}
    graph = with_half_weights(traced(network, relief_inputs(height, width, 0), free))
    check_parity(model, network, graph, lambda seed: relief_inputs(height, width, seed))
    card = Card(
        **stored(model, graph, folder),
        summary=told.summary,
        task="capture",
        method=name,
        scale=1,
        encoding="data",
        planes=INPUT_PLANES,
        outputs=2,
        receptive_field=network.receptive_field,
        grid=grid,
        bytes_per_pixel=0,
        training={
            "data": data_lines("capture", run_record(run).get("images", {})),
            "command": train_command(told.command, name, run),
            "trained_by": "the Matshot project",
            "losses": "angle of normals, in radians and in parts of flat ones', and squares of it",
            "seed": RECIPES[name].seed,
            **run_facts(run, told.figure, "error of normals, of flat's", weights=weights),
        },
        quality=measured_quality(run, weights) or quality_so_far(folder / f"{model}.toml"),
    )
    return carded(card)
