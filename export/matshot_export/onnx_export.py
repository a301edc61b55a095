"""From trained weights to what the engine runs: an ONNX file, its half-precision twin, and a card."""

from __future__ import annotations

import hashlib
import json
import platform
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from matshot.files import atomic_write
from matshot.inference.cards import SHIPPED, Card, read_card, write_card

from .loop import BEST
from .parity import check_parity
from .peak_memory import measured_bytes_per_pixel
from .recipes import Recipe

OPSET = 17
#: Numbers in an initializer from which on it is stored in half precision.
LARGE = 64
Net = TypeVar("Net", bound=nn.Module)
#: Sorts of generated images, by their names in a run's record.
GENERATED_IMAGES = ("dead leaves", "regular patterns", "regular materials")
ENCODING = {"color": "srgb", "normal": "normal", "data": "data"}

#: Points of a learning curve on a card.
CURVE = 40

#: What a learning curve shows of each kind of map.
_FIGURES = {"color": "PSNR of Y, dB", "normal": "mean angle, degrees", "data": "PSNR, dB"}

#: What the materials and photographs of each kind of training data are.
_MAPS = {
    "color": "base color",
    "normal": "normal maps",
    "data": "roughness, height, metallic and ambient occlusion",
    "capture": "base color, normal, roughness and metallic maps",
}
_PHOTOGRAPHS = "photographs (elementary OS wallpapers; public domain, CC BY, CC BY-SA, Unsplash, Pexels)"


def data_lines(kind: str, images: dict[str, int]) -> list[str]:
    """What a card says of training data.

    Args:
        kind: ``color``, ``normal``, ``data`` or ``capture``.
        images: how many of each sort, as a run's record counts them; empty where there is no record.
    """
    count = images.get("materials")
    others = images.get("of Poly Haven", 0)
    sources = "ambientCG, cgbookcase" + (f"; {others} of Poly Haven" if others else "")
    lines = [f"{_MAPS[kind]} of {f'{count} ' if count else ''}materials ({sources}; CC0)"]
    if images.get("photographs"):
        lines.append(f"{images['photographs']} {_PHOTOGRAPHS}")
    if images.get("families"):
        lines.append(f"generated materials of {images['families']} families, a third of what is photographed")
    lines += [f"{images[what]} generated images of {what}" for what in GENERATED_IMAGES if images.get(what)]
    return lines


def export(recipe: Recipe, weights: Path, folder: Path = SHIPPED, *, run: Path | None = None) -> Card:
    """Write ``<name>.onnx``, ``<name>.half.onnx`` and ``<name>.toml``.

    The graph takes ``x``, ``N x planes x H x W`` of any height and width, and gives ``y``. Weights are stored in half
    precision in both files; the first computes in single precision all the same.

    Args:
        recipe: that was trained.
        weights: the averaged weights.
        folder: of models.
        run: folder of the training run, whose ``run.json`` goes into the card.

    Raises:
        ArithmeticError: when ONNX Runtime and torch differ; nothing is written then.
    """
    network = recipe.build()
    network.eval()
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    network = rounded_to_half(network)
    side = 8 * network.grid
    single = with_half_weights(traced(network, {"x": torch.rand(1, recipe.planes, side, side)}))
    height, width = 9 * network.grid, 13 * network.grid
    check_parity(
        recipe.name,
        network,
        single,
        lambda seed: {"x": noise(recipe.planes, height, width, unit=recipe.kind == "normal", seed=seed)},
    )
    card = Card(
        **stored(recipe.name, single, folder),
        summary=recipe.summary,
        task="upscale",
        method=recipe.method or "network",
        look=recipe.look,
        scale=recipe.scale,
        encoding=ENCODING[recipe.kind],
        planes=recipe.planes,
        receptive_field=network.receptive_field,
        grid=network.grid,
        bytes_per_pixel=0,
        training=_training(recipe, weights, run),
        quality=quality_so_far(folder / f"{recipe.name}.toml"),
    )
    return carded(card)


def carded(card: Card) -> Card:
    """Write a card with the memory that its network takes."""
    path = card.folder / f"{card.name}.toml"
    write_card(card, path)
    card = replace(card, bytes_per_pixel=measured_bytes_per_pixel(path))
    write_card(card, path)
    return card


def stored(name: str, single: onnx.ModelProto, folder: Path, *, twin: bool = True) -> dict[str, Any]:
    """Write a graph and, if asked, its twin for GPUs, each whole or not at all.

    Returns:
        What a card says of the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {}
    for part, suffix, model in (("", "", single), ("half_", ".half", computing_in_half(single) if twin else None)):
        if model is None:
            continue
        data = model.SerializeToString()
        file = f"{name}{suffix}.onnx"
        atomic_write(folder / file, data)
        facts |= {f"{part}file": file, f"{part}sha256": hashlib.sha256(data).hexdigest()}
    return {
        **facts,
        "name": name,
        "opset": OPSET,
        "license": "Apache-2.0",
        "folder": folder,
    }


def rounded_to_half(network: Net) -> Net:
    """The network with the weights that the file will hold, so that parity is checked against what is shipped."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half().float())
        for buffer in network.buffers():
            if buffer.is_floating_point() and buffer.numel() >= LARGE:
                buffer.copy_(buffer.half().float())
    return network


#: Dimensions that stay free in every graph: how many, how high, how wide.
PICTURES = {"x": {0: "n", 2: "height", 3: "width"}, "y": {0: "n", 2: "height_out", 3: "width_out"}}


def traced(
    network: nn.Module,
    examples: dict[str, torch.Tensor],
    free: dict[str, dict[int, str]] | None = None,
    outputs: Sequence[str] = ("y",),
    *,
    folded: bool = True,
) -> onnx.ModelProto:
    """A network as an ONNX graph.

    Args:
        network: in evaluation mode.
        examples: its inputs by the names they get.
        free: dimensions that are not fixed by the examples; by default those of pictures.
        outputs: names of its results.
        folded: whether constants are computed now. Of an objective, kernels would be stored twice, once turned for the
            way back; runtimes fold them at load.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            network,
            tuple(examples.values()),
            str(path),
            input_names=list(examples),
            output_names=list(outputs),
            dynamic_axes=free or PICTURES,
            opset_version=OPSET,
            do_constant_folding=folded,
            dynamo=False,
        )
        return onnx.load(path)


def with_half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float initializers in half precision, each behind a cast that runtimes fold away at load."""
    graph = model.graph
    kept, casts = [], []
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or array.size < LARGE:
            kept.append(tensor)
            continue
        kept.append(numpy_helper.from_array(array.astype(np.float16), f"{tensor.name}.half"))
        casts.append(helper.make_node("Cast", [f"{tensor.name}.half"], [tensor.name], to=TensorProto.FLOAT))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend(casts + nodes)
    onnx.checker.check_model(model)
    return model


def computing_in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with input, output and every float in half precision, for GPUs."""
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    graph = twin.graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
            if attribute.HasField("t") and attribute.t.data_type == TensorProto.FLOAT:
                values = numpy_helper.to_array(attribute.t).astype(np.float16)
                attribute.t.CopyFrom(numpy_helper.from_array(values, attribute.t.name))
    onnx.checker.check_model(twin)
    return twin


def noise(planes: int, height: int, width: int, *, unit: bool = False, seed: int = 0) -> torch.Tensor:
    """Two pictures of noise in [0, 1], or of unit vectors, always the same for a seed."""
    x = torch.rand(2, planes, height, width, generator=torch.Generator().manual_seed(seed))
    if unit:
        # Directions near +Z, as normals are: making noise of any direction unit would magnify rounding without bound.
        x = torch.nn.functional.normalize(torch.cat([x[:, :2] - 0.5, x[:, 2:] + 0.5], dim=1), dim=1)
    return x


def _training(recipe: Recipe, weights: Path, run: Path | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "data": data_lines(recipe.kind, run_record(run).get("images", {})),
        "command": train_command(f"train {recipe.name}", recipe.name, run),
        "trained_by": "the Matshot project",
        "losses": ", ".join(f"{weight:g} {name}" for name, weight in recipe.loss.items()) or "none: least squares",
        "starts_from": recipe.begin or "nothing",
        "seed": recipe.seed,
        "torch": torch.__version__.split("+")[0],
        "machine": f"{platform.machine()}, {run_record(run).get('device', 'CPU')}",
    }
    if recipe.note:
        facts["note"] = recipe.note
    return {**facts, **run_facts(run, title=_FIGURES[recipe.kind], weights=weights)}


def train_command(command: str, name: str, run: Path | None) -> str:
    """What trained a network: a command of its own, or the queue, which starts from what is shipped.

    Args:
        command: of its own.
        name: in the queue.
        run: folder of the training run.
    """
    queued = str(run_record(run).get("start", "")).startswith("shipped ")
    return f"matshot-export train-all --data DIR --only {name}" if queued else f"matshot-export {command} --data DIR"


def run_record(run: Path | None) -> dict[str, Any]:
    """What a training run left on record, if it did."""
    record = run / "run.json" if run else None
    if record is None or not record.exists():
        return {}
    facts: dict[str, Any] = json.loads(record.read_text())
    return facts


def run_facts(
    run: Path | None, figure: str = "value", title: str = "", *, weights: Path | None = None
) -> dict[str, Any]:
    """Steps, hours, pixels and learning curve of a training run, if it left a record.

    Args:
        run: its folder.
        weights: that are exported; of the best ones, the step is told at which they were kept.
        figure: that the curve shows, by its name in the record.
        title: what the figure is.
    """
    record = run_record(run)
    if not record:
        return {}
    facts = {"steps": record["step"], "hours": round(record["seconds"] / 3600, 2)}
    if record.get("pixels"):
        facts["input_pixels"] = record["pixels"]
    if record.get("start"):
        facts["starts_from"] = record["start"]
    told = ("rate", "patches", "averaged", *(("kept_step",) if _are_best(weights) else ()))
    facts |= {name: record[name] for name in told if record.get(name) is not None}
    measured = record.get("measured") or record.get("before_average")
    points = [point for point in measured if figure in point] if isinstance(measured, list) else []
    if len(points) > 1:
        # The last of each group: as many points as a small picture shows.
        group = -(-len(points) // CURVE)
        points = points[::-1][::group][::-1]
        facts["curve_of"] = f"{title}, before the average" if "averaged" in record else title
        facts["curve_steps"] = [point["step"] for point in points]
        facts["curve"] = [round(point[figure], 4) for point in points]
        baseline = run / "baseline.json" if run else None
        if baseline is not None and baseline.exists():
            facts["curve_baseline"] = round(json.loads(baseline.read_text())["bicubic"], 4)
    return facts


def measured_quality(run: Path | None, weights: Path | None = None) -> dict[str, Any]:
    """What a training run measured of its best or newest weights on what it watched, if its record has that."""
    record = run_record(run)
    measured = record.get("measured") or {}
    if not isinstance(measured, list):
        point = measured
    elif _are_best(weights):
        point = next((each for each in measured if each["step"] == record.get("kept_step")), {})
    else:
        point = measured[-1]
    return {name: round(value, 4) for name, value in point.items() if name != "step"}


def _are_best(weights: Path | None) -> bool:
    """Whether they are those that a run kept besides its newest."""
    return weights is not None and weights.name == BEST


def quality_so_far(card: Path) -> dict[str, Any]:
    """What was measured of the model that a card was of before."""
    return read_card(card).quality if card.exists() else {}
