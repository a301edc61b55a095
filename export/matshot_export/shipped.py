"""The weights of shipped models, read back from their graphs: initializers keep the names that the network has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from matshot.inference.cards import SHIPPED, read_card

#: Networks whose models have other names: prefix of their weights, if they are shipped as several graphs, and model.
PARTS = {
    "capture": {"context": "capture_context", "maps": "capture_maps"},
    "relief": {"": "capture_relief"},
    "relief_even": {"": "capture_relief_even"},
}


def shipped_weights(name: str, folder: Path = SHIPPED) -> dict[str, torch.Tensor]:
    """A model's weights in single precision, by the names that they have in the network.

    Args:
        name: of the model, or of the network, such as ``capture`` for both of its graphs.
        folder: of models.

    Raises:
        MatshotError: when a card or a file is missing or damaged.
    """
    weights: dict[str, torch.Tensor] = {}
    for prefix, model in PARTS.get(name, {"": name}).items():
        graph = onnx.load(read_card(folder / f"{model}.toml").path()).graph
        for tensor in graph.initializer:
            key = ".".join(part for part in (prefix, tensor.name.removesuffix(".half")) if part)
            weights[key] = torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))
    return weights


def is_shipped(name: str, folder: Path = SHIPPED) -> bool:
    """Whether there is a model of this name."""
    return all((folder / f"{model}.toml").exists() for model in PARTS.get(name, {"": name}).values())
