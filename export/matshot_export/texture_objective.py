"""Objectives of texture synthesis and style, as ONNX graphs that return the loss and its gradient.

``texture_objective`` compares an image's features with wanted ones: their Gram matrices (Gatys, Ecker and Bethge 2015,
"Texture Synthesis Using Convolutional Neural Networks", equation 5), their distributions along random directions
(Heitz et al. 2021, "A Sliced Wasserstein Loss for Neural Texture Synthesis", equation 3), and, for style, the features
themselves (Gatys et al. 2015, "A Neural Algorithm of Artistic Style", equation 1). ``texture_patches`` compares the
distributions of raw patches (Elnekave and Weiss 2022, "Generating Natural Images with Direct Patch Distributions
Matching", equation 3). Directions and what is wanted along them are inputs, so that each step can draw new ones.
``texture_spectrum`` compares power spectra (Liu, Gousseau and Xia 2016, "Texture Synthesis Through Convolutional Neural
Networks and Spectrum Constraints"), which tell of periods longer than the features see. All images wrap, so a result
does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F
from torch import nn

from matshot.inference.cards import SHIPPED, Card, write_card

from .networks.descriptor import TextureDescriptor, gram
from .objectives import descriptor_training_record, layer_outputs, pulled_back, shipped_descriptor
from .onnx_export import (
    measured_quality,
    noise,
    quality_so_far,
    stored,
    traced,
    with_half_weights,
)
from .parity import Inputs, check_parity

#: Levels whose distributions are compared. Finer ones have more pixels to sort, and raw patches tell as much.
SLICED = (2, 3, 4)
#: Level whose features are a picture's content.
CONTENT = 2
#: Side in pixels of raw patches, and the distance between those that are compared.
PATCH = 7
STRIDE = 2


class TextureFeatures(nn.Module):
    """Features of each level of a descriptor.

    Args:
        descriptor: of which the weights are taken.
    """

    def __init__(self, descriptor: TextureDescriptor) -> None:
        super().__init__()
        self.descriptor = descriptor

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """``(1, width, H / 2^level, W / 2^level)`` for each level, of a wrapping image ``(1, 3, H, W)``."""
        return tuple(self.descriptor.features(image))


class TextureObjective(nn.Module):
    """How far an image's features are from wanted ones, and the gradient.

    The image's height and width are multiples of the descriptor's ``grid``.

    Args:
        descriptor: of which the weights are taken.
    """

    def __init__(self, descriptor: TextureDescriptor) -> None:
        super().__init__()
        self.levels, self.widths = descriptor.levels, descriptor.widths

    def forward(
        self,
        image: torch.Tensor,
        grams: torch.Tensor,
        gram_weights: torch.Tensor,
        content: torch.Tensor,
        content_weight: torch.Tensor,
        slice_weights: torch.Tensor,
        *sliced: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss and gradient.

        Args:
            image: ``(1, 3, H, W)``, display-encoded.
            grams: ``(1, length)``, wanted Gram matrices of the levels, one after the other, row by row.
            gram_weights: ``(levels,)``, of the summed squared differences of each level's matrix.
            content: wanted features of level ``CONTENT``.
            content_weight: ``()``, of their mean squared difference.
            slice_weights: ``(len(SLICED),)``, of the levels' :func:`transport`.
            sliced: for each level of ``SLICED`` directions ``(K, width)`` and, then, for each the wanted values in
                ascending order ``(K, M)`` along them. K and M are any.

        Returns:
            The loss ``()``, and its gradient by the image.
        """
        given = layer_outputs(self.levels, image)
        loss = image.new_zeros(())
        by_features: list[torch.Tensor] = []
        wanted = grams.split([width * width for width in self.widths], dim=1)
        for number, layers in enumerate(given):
            features = layers[-1]
            flat = features.flatten(2)
            difference = gram(features) - wanted[number].view(1, self.widths[number], -1)
            loss = loss + gram_weights[number] * difference.square().sum()
            own = (difference @ flat) * (4 * gram_weights[number] / flat.shape[2])
            if number in SLICED:
                index = SLICED.index(number)
                directions, values = sliced[index], sliced[len(SLICED) + index]
                distance, moves = transport(directions @ flat[0], values)
                loss = loss + slice_weights[index] * distance
                own = own + (directions.T @ moves) * slice_weights[index]
            if number == CONTENT:
                error = flat - content.flatten(2)
                loss = loss + content_weight * error.square().mean()
                own = own + error * (2 * content_weight / (error.shape[1] * error.shape[2]))
            by_features.append(own.view_as(features))
        return loss, pulled_back(self.levels, given, by_features)


class PatchObjective(nn.Module):
    """How far the distributions of an image's patches are from wanted ones, and the gradient.

    The image wraps and is at least ``PATCH`` high and wide. Every ``STRIDE``-th patch of every ``STRIDE``-th row
    counts; whoever shifts the image between steps sees all.
    """

    def forward(
        self, image: torch.Tensor, directions: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss and gradient.

        Args:
            image: ``(1, 3, H, W)``.
            directions: ``(K, 3, PATCH, PATCH)``.
            values: ``(K, M)``, wanted along them, in ascending order.

        Returns:
            :func:`transport`'s distance ``()``, and its gradient by the image.
        """
        over = PATCH - STRIDE
        height, width = image.shape[2:]
        wrapped = torch.cat([image, image[..., :over]], dim=3)
        wrapped = torch.cat([wrapped, wrapped[..., :over, :]], dim=2)
        projected = F.conv2d(wrapped, directions, stride=STRIDE)
        distance, moves = transport(projected.flatten(2)[0], values)
        spread = F.conv_transpose2d(moves.view_as(projected), directions, stride=STRIDE)
        # No patch begins in the last line of an odd size.
        spread = F.pad(spread, (0, width + over - spread.shape[3], 0, height + over - spread.shape[2]))
        # What hangs over the border belongs to the opposite side.
        spread = spread[..., :height, :] + F.pad(spread[..., height:, :], (0, 0, 0, height - over))
        return distance, spread[..., :width] + F.pad(spread[..., width:], (0, width - over))


class SpectrumObjective(nn.Module):
    """How far an image's autocorrelations are from wanted ones, and the gradient.

    Autocorrelations are the power spectrum's Fourier transform (Wiener and Khinchin), so this is the constraint of Liu,
    Gousseau and Xia 2016 as a loss; and unlike spectra, they compare between images of different sizes.
    The image wraps. Its Fourier transform is a product with cosines and sines, so that any size will do.
    """

    def forward(
        self, image: torch.Tensor, correlations: torch.Tensor, axes: torch.Tensor, weight: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss and gradient.

        Args:
            image: ``(1, 3, H, W)``.
            correlations: ``(3, 2 Y + 1, 2 X + 1)``, wanted: for lags from -Y to Y rows and from -X to X columns the
                mean product of pixels that far apart, of each plane less its mean.
            axes: ``(3, 3)``, whose rows are the planes in the image's channels.
            weight: ``()``, of the summed squared differences.

        Returns:
            The loss ``()``, and its gradient by the image.
        """
        height, width = image.shape[2:]
        pixels = height * width
        mixed = (axes @ image[0].flatten(1)).view_as(image[0])
        planes = mixed - mixed.mean(dim=(1, 2), keepdim=True)
        rows, columns = torch.arange(height), torch.arange(width)
        # Real planes have the other half of the frequencies' spectrum twice.
        half = columns[: width // 2 + 1]
        twice = torch.where((half == 0) | (2 * half == width), 1.0, 2.0)
        cos_down, sin_down = waves(rows, rows, height)
        cos_across, sin_across = waves(half, columns, width)
        even, odd = planes @ cos_across.T, planes @ sin_across.T
        real = cos_down @ even - sin_down @ odd
        imaginary = -(sin_down @ even + cos_down @ odd)
        power = (real.square() + imaginary.square()) * (twice / pixels / pixels)
        lags_down, lags_across = (torch.arange(size) - size // 2 for size in correlations.shape[1:])
        cos_lags_down, sin_lags_down = waves(rows, lags_down, height)
        cos_lags_across, sin_lags_across = waves(half, lags_across, width)
        own = cos_lags_down.T @ power @ cos_lags_across - sin_lags_down.T @ power @ sin_lags_across
        difference = own - correlations
        loss = weight * difference.square().sum()
        # The gradient is the planes convolved with the difference: a product of spectra.
        factor = cos_lags_down @ difference @ cos_lags_across.T - sin_lags_down @ difference @ sin_lags_across.T
        factor = factor * (4 * weight * twice / pixels / pixels)
        real, imaginary = real * factor, imaginary * factor
        even = cos_down @ real - sin_down @ imaginary
        odd = sin_down @ real + cos_down @ imaginary
        by_planes = even @ cos_across - odd @ sin_across
        return loss, (axes.T @ by_planes.flatten(1)).view_as(image)


def waves(frequencies: torch.Tensor, places: torch.Tensor, period: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines ``(frequencies, places)`` of whole frequencies at whole places."""
    # Whole numbers keep the phase exact.
    phases = torch.remainder(frequencies[:, None] * places, period)
    angles = phases * (2 * math.pi) / period
    return angles.cos(), angles.sin()


def transport(projected: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The squared 2-Wasserstein distance along each direction, their mean, and its gradient.

    In one dimension the best transport takes the smallest to the smallest. The wanted distribution may have another
    number of samples; then its quantile function is read between them.

    Args:
        projected: ``(K, N)``, samples along K directions.
        values: ``(K, M)``, wanted ones, in ascending order.

    Returns:
        The distance ``()`` and the gradient ``(K, N)``.
    """
    ordered, order = projected.topk(projected.shape[1], dim=1, largest=False)
    quantiles = F.interpolate(
        values[None, None], size=(values.shape[0], projected.shape[1]), mode="bilinear", align_corners=False
    )[0, 0]
    error = ordered - quantiles
    moves = torch.zeros_like(projected).scatter(1, order, error)
    return error.square().mean(), moves * (2 / (projected.shape[0] * projected.shape[1]))


def features_model(descriptor: TextureDescriptor) -> onnx.ModelProto:
    """Graph of :class:`TextureFeatures` from ``image`` to ``features_0`` and so on, of any height and width."""
    names = [f"features_{number}" for number in range(len(descriptor.widths))]
    side = 4 * descriptor.grid
    axes = {name: {2: f"{name}_height", 3: f"{name}_width"} for name in names}
    return _traced(TextureFeatures(descriptor), {"image": torch.rand(1, 3, side, side)}, names, axes)


def texture_model(descriptor: TextureDescriptor) -> onnx.ModelProto:
    """Graph of :class:`TextureObjective`, its inputs by the names there (``directions_LEVEL`` and ``values_LEVEL``)."""
    given = example_inputs(descriptor, 4 * descriptor.grid, 4 * descriptor.grid)
    axes: dict[str, dict[int, str]] = {"content": {2: "content_height", 3: "content_width"}}
    for level in SLICED:
        axes |= {f"directions_{level}": {0: f"count_{level}"}}
        axes |= {f"values_{level}": {0: f"count_{level}", 1: f"samples_{level}"}}
    return _traced(TextureObjective(descriptor), given, ["loss", "gradient"], axes)


def patch_model() -> onnx.ModelProto:
    """Graph of :class:`PatchObjective`, its inputs by the names there."""
    given = {
        "image": torch.rand(1, 3, 32, 32),
        "directions": torch.ones(4, 3, PATCH, PATCH),
        "values": torch.ones(4, 9),
    }
    axes = {"directions": {0: "count"}, "values": {0: "count", 1: "samples"}}
    return _traced(PatchObjective(), given, ["loss", "gradient"], axes)


def spectrum_model() -> onnx.ModelProto:
    """Graph of :class:`SpectrumObjective`, its inputs by the names there."""
    given = {
        "image": torch.rand(1, 3, 32, 48),
        "correlations": torch.ones(3, 9, 13),
        "axes": torch.eye(3),
        "weight": torch.ones(()),
    }
    return _traced(
        SpectrumObjective(), given, ["loss", "gradient"], {"correlations": {1: "lags_down", 2: "lags_across"}}
    )


def example_inputs(descriptor: TextureDescriptor, height: int, width: int, seed: int = 2) -> Inputs:
    """Inputs of a :class:`TextureObjective` in its order, all terms counting."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    widths = descriptor.widths
    matrices = [random(width, width) for width in widths]
    given = {
        "image": noise(3, height, width, seed=seed)[:1],
        "grams": torch.cat([(matrix + matrix.T).flatten() / 2 for matrix in matrices])[None],
        # Deeper levels' gradients are spread over more pixels, and would hardly count beside the others.
        "gram_weights": (random(len(widths)) + 0.5)
        * torch.tensor([4.0**level / width**2 for level, width in enumerate(widths)]),
        "content": random(1, widths[CONTENT], height >> CONTENT, width >> CONTENT),
        "content_weight": torch.tensor(0.5),
        "slice_weights": random(len(SLICED)) + 0.5,
    }
    given |= {f"directions_{level}": F.normalize(random(5, widths[level]) - 0.5) for level in SLICED}
    return given | {f"values_{level}": random(5, 11).sort(dim=1).values for level in SLICED}


#: Height and width of the images that graphs of the descriptor are checked with, and of others.
_SIDES = (48, 32)
_ODD_SIDES = (37, 26)


def _image(seed: int, sides: tuple[int, int] = _SIDES) -> Inputs:
    return {"image": noise(3, *sides, seed=seed)[:1]}


def patch_inputs(seed: int) -> Inputs:
    """Inputs of a :class:`PatchObjective` in its order."""
    generator = torch.Generator().manual_seed(seed)
    return _image(seed, _ODD_SIDES) | {
        "directions": torch.randn(3, 3, PATCH, PATCH, generator=generator),
        "values": torch.randn(3, 11, generator=generator).sort(dim=1).values,
    }


def spectrum_inputs(seed: int) -> Inputs:
    """Inputs of a :class:`SpectrumObjective` in its order."""
    generator = torch.Generator().manual_seed(seed)
    return _image(seed, _ODD_SIDES) | {
        "correlations": (torch.rand(3, 9, 13, generator=generator) - 0.5) / 10,
        "axes": torch.linalg.qr(torch.randn(3, 3, generator=generator)).Q,
        "weight": torch.tensor(2.0),
    }


def export_texture(weights: Path, folder: Path = SHIPPED, *, run: Path | None = None) -> list[Card]:
    """Write ``texture_features``, ``_objective``, ``_patches`` and ``_spectrum`` with their cards.

    They compute in single precision on every device: products of features leave the range of half precision.

    Args:
        weights: of the descriptor.
        folder: of models.
        run: folder of the training run, whose ``run.json`` goes into the cards.

    Raises:
        ArithmeticError: when ONNX Runtime and torch differ; nothing is written then.
    """
    descriptor = shipped_descriptor(weights, circular=True)
    networks: dict[str, tuple[nn.Module, onnx.ModelProto, Callable[[int], Inputs]]] = {
        "texture_features": (TextureFeatures(descriptor), features_model(descriptor), _image),
        "texture_objective": (
            TextureObjective(descriptor),
            texture_model(descriptor),
            partial(example_inputs, descriptor, *_SIDES),
        ),
        "texture_patches": (PatchObjective(), patch_model(), patch_inputs),
        "texture_spectrum": (SpectrumObjective(), spectrum_model(), spectrum_inputs),
    }
    models, differences = {}, {}
    for name, (network, model, draw) in networks.items():
        models[name] = with_half_weights(model)
        differences[name] = check_parity(name, network, models[name], draw)
    learnt = descriptor_training_record(run)
    unlearnt = {
        "data": "none",
        "command": "matshot-export onnx-texture",
        "losses": "none: nothing is learnt",
        "seed": 0,
    }
    summaries = {
        "texture_features": "features of a texture",
        "texture_objective": "how far a texture's features are from wanted ones, and the gradient",
        "texture_patches": "how far the distributions of a texture's patches are from wanted ones, and the gradient",
        "texture_spectrum": "how far a texture's autocorrelations are from wanted ones, and the gradient",
    }
    of_descriptor = (descriptor.receptive_field, descriptor.grid)
    # Every pixel of a spectrum's gradient depends on all of the image, so it has no radius.
    fields = {"texture_patches": (PATCH, STRIDE), "texture_spectrum": (0, 1)}
    cards = []
    for name, summary in summaries.items():
        by_descriptor = name not in fields
        receptive_field, grid = fields.get(name, of_descriptor)
        path = folder / f"{name}.toml"
        cards.append(
            Card(
                **stored(name, models[name], folder, twin=False),
                summary=summary,
                task="synthesis",
                method=name.removeprefix("texture_"),
                scale=1,
                encoding="srgb",
                planes=3,
                receptive_field=receptive_field,
                grid=grid,
                bytes_per_pixel=0,
                training=learnt if by_descriptor else unlearnt,
                quality={
                    **((measured_quality(run) or quality_so_far(path)) if by_descriptor else {}),
                    "difference_from_torch": float(f"{differences[name]:.1g}"),
                },
            )
        )
        write_card(cards[-1], path)
    return cards


def _traced(
    network: nn.Module, given: dict[str, torch.Tensor], outputs: Sequence[str], axes: dict[str, dict[int, str]]
) -> onnx.ModelProto:
    """An ONNX graph with an image of any height and width."""
    whole = {2: "height", 3: "width"}
    axes = {"image": whole, **({"gradient": whole} if "gradient" in outputs else {}), **axes}
    return traced(network.requires_grad_(False), given, axes, outputs, folded=False)
