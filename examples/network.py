"""A network of one's own for ``14_custom_network``: it enlarges color twice, and sharpens.

    python network.py FOLDER            # needs: pip install onnx

A network is an ONNX file with a card. The card says what the engine has to know; the engine itself does not change.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from matshot.inference.cards import Card, write_card

#: Weights of three neighbors for the left and the right half of a pixel: linear interpolation.
HALVES = np.array([[0.25, 0.75, 0.0], [0.0, 0.75, 0.25]])

#: How much of the difference to the neighborhood's mean is added.
SHARPNESS = 0.8


def write_network(folder: Path) -> Path:
    """Write ``detail_x2.onnx`` and its card, and return their folder, for ``$MATSHOT_MODELS``."""
    folder.mkdir(parents=True, exist_ok=True)
    # One 3 x 3 convolution makes the four halves of each channel, which the next operator puts side by side.
    weights = np.zeros((12, 3, 3, 3), dtype=np.float32)
    for number, (down, across) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        kernel = np.outer(HALVES[down], HALVES[across])
        sharpened = kernel + SHARPNESS * (kernel - np.full((3, 3), 1 / 9))
        for channel in range(3):
            weights[4 * channel + number, channel] = sharpened
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["pixels", "weights"], ["halves"], pads=[1, 1, 1, 1]),
            helper.make_node("DepthToSpace", ["halves"], ["larger"], blocksize=2, mode="CRD"),
        ],
        "detail_x2",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("larger", TensorProto.FLOAT, ["N", 3, "2H", "2W"])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    (folder / "detail_x2.onnx").write_bytes(data)
    card = Card(
        name="detail_x2",
        summary="color textures x2, sharpened",
        task="upscale",
        method="network",
        look="detail",
        scale=2,
        encoding="srgb",
        planes=3,
        receptive_field=1,
        grid=1,
        bytes_per_pixel=120,
        license="Apache-2.0",
        file="detail_x2.onnx",
        sha256=hashlib.sha256(data).hexdigest(),
        opset=17,
    )
    write_card(card, folder / "detail_x2.toml")
    return folder


if __name__ == "__main__":
    write_network(Path(sys.argv[1]))
