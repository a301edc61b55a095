"""The network of styles as a graph: ``style``."""

from __future__ import annotations

from pathlib import Path

import torch

from matshot.inference.cards import SHIPPED, Card

from .networks.style import StyleTransfer
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
    with_half_weights,
)
from .parity import Inputs, check_parity
from .style_training import StyleRecipe, look_statistics, shipped_texture_descriptor


def style_inputs(height: int, width: int, seed: int) -> Inputs:
    """Inputs of a :class:`~matshot_export.networks.style.StyleTransfer` in its order, statistics being of noise."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        covariances, means, sizes = look_statistics(
            list(shipped_texture_descriptor().features(noise(3, 32, 32, seed=seed + 1)))
        )
    return {
        "x": noise(3, height, width, seed=seed),
        "noise": torch.randn(2, 1, height, width, generator=generator),
        "covariances": covariances,
        "means": means,
        "sizes": sizes,
        "strength": torch.tensor([[0.4], [0.9]]),
    }


def export_style(weights: Path, folder: Path = SHIPPED, *, run: Path | None = None) -> Card:
    """Write the graph with its twin and card.

    It takes what :meth:`~matshot_export.networks.style.StyleTransfer.forward` does, the image as ``x``, and gives
    ``y``.

    Args:
        weights: the averaged weights.
        folder: of models.
        run: folder of the training run, whose ``run.json`` goes into the card.

    Raises:
        ArithmeticError: when ONNX Runtime and torch differ; nothing is written then.
    """
    network = StyleTransfer().eval()
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    network = rounded_to_half(network)
    grid = network.grid
    examples = style_inputs(8 * grid, 8 * grid, seed=0)
    picture = {0: "n", 2: "height", 3: "width"}
    free = {name: picture if name in ("x", "noise", "y") else {0: "n"} for name in (*examples, "y")}
    graph = with_half_weights(traced(network, examples, free))
    check_parity("style", network, graph, lambda seed: style_inputs(5 * grid, 7 * grid, seed))
    card = Card(
        **stored("style", graph, folder),
        summary="the texture of any look in one pass, in standard colors",
        task="synthesis",
        method="style",
        scale=1,
        encoding="srgb",
        planes=3,
        outputs=3,
        receptive_field=network.receptive_field,
        grid=grid,
        bytes_per_pixel=0,
        training={
            "data": data_lines("color", run_record(run).get("images", {})),
            "command": "matshot-export train-all --data DIR --only style",
            "trained_by": "the Matshot project",
            "losses": "Gram matrices, distributions along random directions and content of the project's texture "
            "descriptor; distributions of patches of 7 x 7 pixels",
            "seed": StyleRecipe.seed,
            **run_facts(run, "objective", "objective of style", weights=weights),
        },
        quality=measured_quality(run, weights) or quality_so_far(folder / "style.toml"),
    )
    return carded(card)
