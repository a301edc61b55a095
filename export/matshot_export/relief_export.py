"""The relief network as a graph: ``capture_relief``."""

from __future__ import annotations

from pathlib import Path

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
from .relief_training import ReliefRecipe


def relief_inputs(height: int, width: int, seed: int) -> Inputs:
    """Inputs of a :class:`~matshot_export.networks.relief.ReliefNetwork` in its order, of noise."""
    return {
        "x": noise(INPUT_PLANES, height, width, seed=seed) * 2 - 1,
        "evidence": torch.randn(2, EVIDENCE, generator=torch.Generator().manual_seed(seed)),
    }


def export_relief(weights: Path, folder: Path = SHIPPED, *, run: Path | None = None) -> Card:
    """Write the graph with its twin and card.

    It takes ``x``, ``N x INPUT_PLANES x H x W``, and ``evidence``, ``N x EVIDENCE``, and gives ``y``,
    ``N x 2 x H x W``.

    Args:
        weights: the averaged weights.
        folder: of models.
        run: folder of the training run, whose ``run.json`` goes into the card.

    Raises:
        ArithmeticError: when ONNX Runtime and torch differ; nothing is written then.
    """
    network = ReliefNetwork().eval()
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    network = rounded_to_half(network)
    grid = network.grid
    height, width = 5 * grid, 7 * grid
    free = {**{name: {0: "n", 2: "height", 3: "width"} for name in ("x", "y")}, "evidence": {0: "n"}}
    graph = with_half_weights(traced(network, relief_inputs(height, width, 0), free))
    check_parity("capture_relief", network, graph, lambda seed: relief_inputs(height, width, seed))
    card = Card(
        **stored("capture_relief", graph, folder),
        summary="slopes of normals from how a flash photograph is shaded, or two",
        task="capture",
        method="relief",
        scale=1,
        encoding="data",
        planes=INPUT_PLANES,
        outputs=2,
        receptive_field=network.receptive_field,
        grid=grid,
        bytes_per_pixel=0,
        training={
            "data": data_lines("capture", run_record(run).get("images", {})),
            "command": train_command("train-relief", "relief", run),
            "trained_by": "the Matshot project",
            "losses": "angle of normals, in radians and in parts of flat ones', and squares of it",
            "seed": ReliefRecipe.seed,
            **run_facts(run, "flash_normal", "error of normals, of flat's", weights=weights),
        },
        quality=measured_quality(run, weights) or quality_so_far(folder / "capture_relief.toml"),
    )
    return carded(card)
