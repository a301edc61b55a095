"""Objectives that are minimized at run time, as ONNX graphs that return the loss and its gradient.

No torch differentiates there, so the way back is part of the graph. The descriptor's is written out by hand: with
wrapping borders the gradient of a convolution is a convolution again, and all of it works at any size. That of the
renderer is recorded while torch differentiates it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import torch
import torch.nn.functional as F
from torch import nn
from torch._decomp import get_decompositions
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from matshot.inference.cards import SHIPPED, Card, write_card

from .descriptor_training import Distillation
from .networks.descriptor import SLOPE, TextureDescriptor, gram, padded
from .onnx_export import (
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
from .rendering import SMOOTHEST, Maps, plane_positions, under_point_light, unit

#: Side in pixels of the cells whose mean colors are compared.
CELL = 64
#: Mean over pixels and channels that a picture gets before its statistics are taken for a refinement.
GRAY = 0.5
#: Planes of the parameters: base color (3), roughness and metallic before the logistic function, slopes (2).
PARAMETERS = 7

#: The display's transfer function is taken for a power, as in the training of the capture network.
_GAMMA = 2.2
#: What is left of the slope where a photograph is saturated, so that too bright a rendering is still told so.
_OVER = 0.2


class StatisticsObjective(nn.Module):
    """How far an image's statistics are from wanted ones, and the gradient.

    The image wraps on both axes. Its height and width are multiples of the descriptor's ``grid``.

    Args:
        descriptor: of which the weights are taken.
    """

    def __init__(self, descriptor: TextureDescriptor) -> None:
        super().__init__()
        self.levels, self.widths = descriptor.levels, descriptor.widths

    def forward(
        self, image: torch.Tensor, statistics: torch.Tensor, weights: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss and gradient.

        Args:
            image: ``(1, 3, H, W)``, display-encoded.
            statistics: ``(1, length)``, wanted.
            weights: ``(levels,)``, of the levels' relative distances
                (:func:`~matshot_export.networks.descriptor.relative_distances`).

        Returns:
            The loss ``()``, and its gradient by the image.
        """
        given = layer_outputs(self.levels, image)
        loss = image.new_zeros(())
        by_features = []
        wanted = statistics.split([width * width for width in self.widths], dim=1)
        for number, layers in enumerate(given):
            features = layers[-1]
            flat = features.flatten(2)
            matrix = gram(features)
            difference = matrix - wanted[number].view(1, self.widths[number], -1)
            size = matrix.square().sum() + wanted[number].square().sum()
            distance = difference.square().sum() / size
            loss = loss + weights[number] * distance
            own = ((difference - distance * matrix) @ flat) * (4 * weights[number] / (size * flat.shape[2]))
            by_features.append(own.view_as(features))
        return loss, pulled_back(self.levels, given, by_features)


def layer_outputs(levels: nn.ModuleList, image: torch.Tensor) -> list[list[torch.Tensor]]:
    """What every layer of a descriptor gives for a wrapping image, level by level; a level's last are its features.

    Args:
        levels: of the descriptor.
        image: ``(1, 3, H, W)``, display-encoded.
    """
    x = (image - 0.5) * 4
    given: list[list[torch.Tensor]] = []
    for number, level in enumerate(levels):
        if number:
            x = F.avg_pool2d(x, 2)
        given.append([])
        for layer in level:  # type: ignore[attr-defined]
            x = F.leaky_relu(layer(padded(x, circular=True)), SLOPE)
            given[-1].append(x)
    return given


def pulled_back(
    levels: nn.ModuleList, given: list[list[torch.Tensor]], by_features: list[torch.Tensor]
) -> torch.Tensor:
    """Gradient by the image, ``(1, 3, H, W)``, from the gradients by the features of each level.

    Args:
        levels: of the descriptor.
        given: :func:`layer_outputs`; the sign of a value tells which side of the leaky ReLU it was on.
        by_features: a gradient for each level, of its features' shape.
    """
    gradient = torch.zeros_like(by_features[-1])
    for number in reversed(range(len(given))):
        gradient = gradient + by_features[number]
        for layer, output in zip(reversed(levels[number]), reversed(given[number]), strict=True):  # type: ignore[call-overload]
            gradient = gradient * torch.where(output > 0, 1.0, SLOPE)
            kernel = layer.weight.flip(2, 3).transpose(0, 1)
            gradient = F.conv2d(padded(gradient, circular=True), kernel)
        if number:
            gradient = F.interpolate(gradient, scale_factor=2.0, mode="nearest") / 4
    return gradient * 4


class RefinementObjective(nn.Module):
    """How far a rendered tile is from one crop of a flash photograph, and the gradient by the tile's parameters.

    Aittala, Aila and Lehtinen 2016, "Reflectance Modeling by Neural Texture Synthesis", equation (3): a tile of
    reflectance, rendered under the geometry of a crop, is to have the crop's deep statistics. They are taken of
    pictures of the same brightness, since hardly a surface is as bright everywhere. How bright the crop is where, which
    tells about gloss, is compared by the mean colors of large cells; and pixels are where the maps are their own.

    Args:
        descriptor: of textures.
    """

    def __init__(self, descriptor: TextureDescriptor) -> None:
        super().__init__()
        self.statistics = StatisticsObjective(descriptor)
        self.pulled_back = _differentiated(photographed)

    def forward(
        self,
        parameters: torch.Tensor,
        positions: torch.Tensor,
        camera: torch.Tensor,
        light: torch.Tensor,
        intensity: torch.Tensor,
        statistics: torch.Tensor,
        statistics_weight: torch.Tensor,
        cells: torch.Tensor,
        cell_weights: torch.Tensor,
        pixels: torch.Tensor,
        pixel_weights: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Loss and gradients.

        Args:
            parameters: ``(1, PARAMETERS, H, W)``: base color (3, display-encoded), roughness and metallic, each before
                the logistic function, and the normal's slopes n_x / n_z and n_y / n_z.
            positions: ``(1, 3, H, W)``, of the crop's pixels on the photograph's plane.
            camera: ``(1, 3, 1, 1)``, where the lens is.
            light: ``(1, 3, 1, 1)``, where the flash is.
            intensity: ``(1, 3, 1, 1)``, of the flash, times the exposure.
            statistics: ``(1, length)``, of the crop at the mean ``GRAY``.
            statistics_weight: ``()``, of their relative distance, the mean of all levels.
            cells: ``(1, 3, H / CELL, W / CELL)``, mean display-encoded colors of the crop's cells.
            cell_weights: ``(1, 1, H / CELL, W / CELL)``.
            pixels: ``(1, 3, H, W)``, the crop, display-encoded.
            pixel_weights: ``(1, 1, H, W)``.

        Returns:
            The loss ``()`` and its gradients by ``parameters`` and by ``intensity``, shaped like these.
        """
        planes: list[torch.Tensor] = [*parameters.split([3, 1, 1, 2], dim=1), intensity]
        scene: list[torch.Tensor] = [positions, camera, light]
        image = photographed(*planes, *scene)
        mean = image.mean()
        levels = len(self.statistics.widths)
        weights = statistics_weight.expand(levels) / levels
        loss, gradient = self.statistics(image * (GRAY / mean), statistics, weights)
        gradient = (gradient - (gradient * image).mean() / mean) * (GRAY / mean)
        error = F.avg_pool2d(image, CELL) - cells
        loss = loss + (cell_weights * error.square()).sum()
        spread = F.interpolate(cell_weights * error, scale_factor=float(CELL), mode="nearest")
        gradient = gradient + spread * (2 / CELL**2)
        error = image - pixels
        loss = loss + (pixel_weights * error.square()).sum()
        gradient = gradient + 2 * pixel_weights * error
        *by_planes, by_intensity = self.pulled_back(gradient, *planes, *scene)
        return loss, torch.cat(by_planes, dim=1), by_intensity


def photographed(
    base_color: torch.Tensor,
    roughness: torch.Tensor,
    metallic: torch.Tensor,
    slopes: torch.Tensor,
    intensity: torch.Tensor,
    positions: torch.Tensor,
    camera: torch.Tensor,
    light: torch.Tensor,
) -> torch.Tensor:
    """A flash photograph, display-encoded, of a tile given by its parameters; see :class:`RefinementObjective`."""
    maps = Maps(
        torch.sigmoid(base_color) ** _GAMMA,
        unit(torch.cat([slopes, torch.ones_like(slopes[:, :1])], dim=1)),
        SMOOTHEST + (1 - SMOOTHEST) * torch.sigmoid(roughness),
        torch.sigmoid(metallic),
    )
    radiance = under_point_light(maps, positions, camera, light) * intensity
    encoded = (radiance + 1e-5) ** (1 / _GAMMA)
    return torch.where(encoded > 1, 1 + _OVER * (encoded - 1), encoded)


def _differentiated(picture: Callable[..., torch.Tensor]) -> GraphModule:
    """What takes a gradient by a picture to the gradients by its four planes and by the light's intensity.

    The picture is a function of each pixel alone, so what is recorded at one size holds at any.
    """

    def pulled_back(gradient: torch.Tensor, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        changing, scene = given[:5], given[5:]
        back: tuple[torch.Tensor, ...] = torch.func.vjp(lambda *values: picture(*values, *scene), *changing)[1](
            gradient
        )
        return back

    planes = [torch.rand(1, channels, 4, 4) for channels in (3, 3, 1, 1, 2)]
    # Three tensors: a tensor that is given twice is taken for one input.
    intensity, camera, light = (torch.ones(1, 3, 1, 1) for _ in range(3))
    decompositions: Any = get_decompositions([torch.ops.aten.sigmoid_backward])
    recorded = make_fx(pulled_back, decompositions)(*planes, intensity, plane_positions(4, 4), camera, light)
    for node in list(recorded.graph.nodes):
        if node.target is torch.ops.aten.expand.default:
            # Arithmetic broadcasts by itself; this alone would fix the size.
            node.replace_all_uses_with(node.args[0])
            recorded.graph.erase_node(node)
    recorded.recompile()
    return recorded


def statistics_model(descriptor: TextureDescriptor) -> onnx.ModelProto:
    """Graph from ``x``, ``N x 3 x H x W``, to the statistics ``y``, ``N x length``."""
    return traced(
        descriptor, {"x": torch.rand(1, 3, CELL, CELL)}, {"x": {0: "n", 2: "height", 3: "width"}, "y": {0: "n"}}
    )


def refinement_model(descriptor: TextureDescriptor) -> onnx.ModelProto:
    """Graph of :class:`RefinementObjective`, its inputs by the names there, of any height and width.

    Its outputs are ``loss``, ``gradient`` and ``intensity_gradient``.
    """
    objective = RefinementObjective(descriptor).requires_grad_(False)
    sides, cells = (CELL, 2 * CELL), (1, 2)
    given = {
        "parameters": torch.ones(1, PARAMETERS, *sides),
        "positions": torch.ones(1, 3, *sides),
        "camera": torch.ones(1, 3, 1, 1),
        "light": torch.ones(1, 3, 1, 1),
        "intensity": torch.ones(1, 3, 1, 1),
        "statistics": torch.ones(1, descriptor.length),
        "statistics_weight": torch.ones(()),
        "cells": torch.ones(1, 3, *cells),
        "cell_weights": torch.ones(1, 1, *cells),
        "pixels": torch.ones(1, 3, *sides),
        "pixel_weights": torch.ones(1, 1, *sides),
    }
    whole, cells_free = {2: "height", 3: "width"}, {2: "cells_down", 3: "cells_across"}
    axes = {name: whole for name, values in given.items() if values.shape[2:] == sides} | {"gradient": whole}
    axes |= {name: cells_free for name, values in given.items() if values.shape[2:] == cells}
    return traced(objective, given, axes, ["loss", "gradient", "intensity_gradient"], folded=False)


def refinement_inputs(descriptor: TextureDescriptor, seed: int, cells: tuple[int, int] = (2, 1)) -> Inputs:
    """Inputs of a :class:`RefinementObjective` in its order, as those of a crop are, all terms counting.

    Args:
        descriptor: that takes the crop's statistics.
        seed: of everything random.
        cells: down and across.
    """
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    def column(*values: float) -> torch.Tensor:
        return torch.tensor(values).view(1, 3, 1, 1)

    sides = (cells[0] * CELL, cells[1] * CELL)
    picture = random(1, 3, *sides)
    with torch.no_grad():
        statistics = descriptor(picture * (GRAY / picture.mean()))
    parameters = random(1, PARAMETERS, *sides) * 2 - 1
    # Nothing faces away from the light.
    parameters[:, 5:] *= 0.3
    return {
        "parameters": parameters,
        "positions": plane_positions(*sides) * 0.5 + column(0.2, -0.1, 0.0),
        # Low and opposite: with a flash at the lens, what is reflected at grazing angles would hardly count.
        "camera": column(-0.7, -0.5, 0.5),
        "light": column(0.8, 0.5, 0.5),
        "intensity": column(2.0, 1.9, 2.1),
        "statistics": statistics,
        "statistics_weight": torch.tensor(0.7),
        "cells": random(1, 3, *cells),
        "cell_weights": random(1, 1, *cells),
        "pixels": picture,
        "pixel_weights": random(1, 1, *sides) * 1e-3,
    }


def shipped_descriptor(weights: Path, *, circular: bool) -> TextureDescriptor:
    """The trained descriptor with its weights as models store them: in half precision."""
    descriptor = TextureDescriptor(circular=circular).requires_grad_(False)
    descriptor.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return rounded_to_half(descriptor)


def descriptor_training_record(run: Path | None) -> dict[str, Any]:
    """What cards of models that hold the descriptor say about its training."""
    return {
        "data": data_lines("color", run_record(run).get("images", {})),
        "command": "matshot-export train-descriptor --data DIR",
        "trained_by": "the Matshot project",
        "losses": "distances between textures as an anti-aliased VGG16's Gram matrices have them",
        "seed": Distillation.seed,
        **run_facts(run),
    }


def export_refinement(weights: Path, folder: Path = SHIPPED, *, run: Path | None = None) -> list[Card]:
    """Write ``texture_statistics`` and ``refinement`` with their cards.

    They compute in single precision on every device: products of features leave the range of half precision.

    Args:
        weights: of the descriptor.
        folder: of models.
        run: folder of the training run, whose ``run.json`` goes into the cards.

    Raises:
        ArithmeticError: when ONNX Runtime and torch differ; nothing is written then.
    """
    mirrored, wrapping = (shipped_descriptor(weights, circular=circular) for circular in (False, True))
    statistics = with_half_weights(statistics_model(mirrored))
    sides = (3 * mirrored.grid, 2 * mirrored.grid)
    check_parity("texture_statistics", mirrored, statistics, lambda seed: {"x": noise(3, *sides, seed=seed)})
    objective = with_half_weights(refinement_model(wrapping))
    check_parity("refinement", RefinementObjective(wrapping), objective, partial(refinement_inputs, mirrored))
    shared: dict[str, Any] = {
        "task": "refinement",
        "scale": 1,
        "encoding": "srgb",
        "receptive_field": mirrored.receptive_field,
        "bytes_per_pixel": 0,
        "training": descriptor_training_record(run),
    }
    cards = [
        Card(
            **stored("texture_statistics", statistics, folder, twin=False),
            **shared,
            summary="Gram matrices of a texture's features",
            method="statistics",
            planes=3,
            outputs=mirrored.length,
            grid=mirrored.grid,
            quality=measured_quality(run) or quality_so_far(folder / "texture_statistics.toml"),
        ),
        Card(
            **stored("refinement", objective, folder, twin=False),
            **shared,
            summary="how far a lit tile is from a crop of a flash photograph, and the gradient",
            method="objective",
            planes=PARAMETERS,
            grid=CELL,
            quality=measured_quality(run) or quality_so_far(folder / "refinement.toml"),
        ),
    ]
    for card in cards:
        write_card(card, folder / f"{card.name}.toml")
    return cards
