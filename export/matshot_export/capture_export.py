"""The capture network as two graphs: ``capture_context`` and ``capture_maps``."""

from __future__ import annotations

from pathlib import Path

import torch

from matshot.capture.prediction import CONTEXT_SIDE
from matshot.inference.cards import SHIPPED, Card

from .capture_training import CaptureNetwork, CaptureRecipe
from .networks.capture import INPUT_PLANES, OUTPUT_PLANES
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
from .parity import check_parity


def export_capture(weights: Path, folder: Path = SHIPPED, *, run: Path | None = None) -> list[Card]:
    """Write both graphs with their twins and cards.

    ``capture_context`` takes ``x``, ``N x INPUT_PLANES x h x w``, and gives ``y``, ``N x features``; ``capture_maps``
    takes ``x``, ``N x INPUT_PLANES x H x W``, and ``context``, and gives ``y``, ``N x OUTPUT_PLANES x H x W``.

    Args:
        weights: the averaged weights of both tracks.
        folder: of models.
        run: folder of the training run, whose ``run.json`` goes into the cards.

    Raises:
        ArithmeticError: when ONNX Runtime and torch differ; that graph is not written then.
    """
    network = CaptureNetwork()
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    network = rounded_to_half(network.eval())
    training = {
        "data": data_lines("capture", run_record(run).get("images", {})),
        "command": train_command("train-capture", "capture", run),
        "trained_by": "the Matshot project",
        "losses": "base color L1, normals' error and logarithm of it in parts of flat ones', roughness and metallic L1 "
        "and squares, pictures under a light L1",
        "seed": CaptureRecipe.seed,
        **run_facts(run, "flash_normal", "error of normals, of flat's", weights=weights),
    }
    quality = measured_quality(run, weights)
    x = noise(INPUT_PLANES, CONTEXT_SIDE, CONTEXT_SIDE // 2)
    with torch.no_grad():
        vector = network.context(x)
    graph = with_half_weights(
        traced(network.context, {"x": x[:1]}, {"x": {0: "n", 2: "height", 3: "width"}, "y": {0: "n"}})
    )
    check_parity(
        "capture_context",
        network.context,
        graph,
        lambda seed: {"x": noise(INPUT_PLANES, CONTEXT_SIDE, CONTEXT_SIDE // 2, seed=seed)},
    )
    context = Card(
        **stored("capture_context", graph, folder),
        summary="what kind of surface and light a photograph shows",
        task="capture",
        method="context",
        scale=1,
        encoding="srgb",
        planes=INPUT_PLANES,
        outputs=vector.shape[1],
        receptive_field=CONTEXT_SIDE,
        grid=16,
        bytes_per_pixel=0,
        training=training,
        quality=quality or quality_so_far(folder / "capture_context.toml"),
    )
    grid = network.maps.grid
    x = noise(INPUT_PLANES, 5 * grid, 7 * grid)
    free = {"x": {0: "n", 2: "height", 3: "width"}, "context": {0: "n"}, "y": {0: "n", 2: "height", 3: "width"}}
    graph = with_half_weights(traced(network.maps, {"x": x, "context": vector}, free))
    check_parity(
        "capture_maps",
        network.maps,
        graph,
        lambda seed: {"x": noise(INPUT_PLANES, 5 * grid, 7 * grid, seed=seed), "context": vector},
    )
    maps = Card(
        **stored("capture_maps", graph, folder),
        summary="base color, normal, roughness and metallic from a photograph, or from two",
        task="capture",
        method="maps",
        scale=1,
        encoding="srgb",
        planes=INPUT_PLANES,
        outputs=OUTPUT_PLANES,
        receptive_field=network.maps.receptive_field,
        grid=grid,
        bytes_per_pixel=0,
        training=training,
        quality=quality or quality_so_far(folder / "capture_maps.toml"),
    )
    return [carded(context), carded(maps)]
