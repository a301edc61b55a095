"""Perceptual distance: shift-tolerant LPIPS.

Zhang, Isola, Efros, Shechtman and Wang 2018, "The unreasonable effectiveness of deep features as a perceptual metric",
equation (1), over the VGG16 of Ghildyal and Liu 2022, "Shift-tolerant perceptual similarity metric", section 3, whose
pooling takes the maximum densely and then blurs before it skips pixels. The weights are those that its authors publish;
they train and measure, and no part of them is in a model.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

#: Where each level of VGG16 keeps its convolutions in the published weights.
_LEVELS = ((0, 2), (6, 8), (12, 14, 16), (20, 22, 24), (28, 30, 32))

#: Mean and deviation of ImageNet's display-encoded colors, which VGG16 was trained on.
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


def weights_file() -> Path:
    """The published weights, in the installed package ``stlpips-pytorch``.

    Raises:
        ModuleNotFoundError: when it is not installed.
    """
    # The package is only located: importing it would need torchvision and IPython, which the math does not.
    found = importlib.util.find_spec("stlpips_pytorch")
    for folder in (found and found.submodule_search_locations) or ():
        path = Path(folder) / "weights" / "vST0.0" / "vgg_shift_tolerant.pth"
        if path.exists():
            return path
    raise ModuleNotFoundError(
        "the perceptual distance needs its published weights: pip install --no-deps stlpips-pytorch",
        name="stlpips_pytorch",
    )


class PerceptualDistance(nn.Module):
    """ST-LPIPS with VGG16, as a loss and as a metric: 0 for equal images, 0.5 to 0.7 for bicubic x4.

    Images are ``(N, 3, H, W)``, display-encoded color in [0, 1], at least 18 pixels high and wide. The weights are
    frozen; the gradient flows to the first image alone.

    Args:
        half: keep the features in bfloat16, about three digits: enough to train with where the hardware has it, not to
            measure with.

    Raises:
        ModuleNotFoundError: when the weights are not installed.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, half: bool = False) -> None:
        super().__init__()
        stored = torch.load(weights_file(), map_location="cpu", weights_only=True)
        self.levels = nn.ModuleList()
        for number, places in enumerate(_LEVELS):
            level = nn.ModuleList()
            for place in places:
                weight, bias = (stored[f"net.slice{number + 1}.{place}.{name}"] for name in ("weight", "bias"))
                layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
                layer.load_state_dict({"weight": weight, "bias": bias})
                level.append(layer)
            self.levels.append(level)
            self.register_buffer(f"importance_{number}", stored[f"lin{number}.model.1.weight"])
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(1, 3, 1, 1))
        self.requires_grad_(False)
        self.levels.to(torch.bfloat16 if half else torch.float32, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, result: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Mean distance over the batch, a scalar."""
        return self.per_image(result, truth).mean()

    def per_image(self, result: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Distance of each pair, ``(N,)``."""
        with torch.no_grad():
            wanted = list(self._features(truth))
        distance = result.new_zeros(len(result))
        for number, (got, want) in enumerate(zip(self._features(result), wanted, strict=True)):
            weighted = (got - want).square() * self.get_buffer(f"importance_{number}")
            distance = distance + weighted.sum(dim=1).mean(dim=(1, 2))
        return distance

    def activations(self, image: torch.Tensor) -> Iterator[torch.Tensor]:
        """What the last convolution of each level gives after its ReLU, float32: 64, 128, 256, 512, 512 channels."""
        dtype = self.levels[0][0].weight.dtype  # type: ignore[index]
        with torch.autocast(image.device.type, enabled=False):
            x = ((image.float() - self.mean) / self.deviation).to(dtype, memory_format=torch.channels_last)
            for number, level in enumerate(self.levels):
                if number:
                    x = _pooled(x)
                for layer in level:  # type: ignore[attr-defined]
                    x = F.relu(layer(x))
                yield x.float()

    def _features(self, image: torch.Tensor) -> Iterator[torch.Tensor]:
        """The activations at unit length over the channels."""
        for features in self.activations(image):
            # vector_norm, unlike the root of a sum, has a finite gradient where all features are zero.
            yield features / (torch.linalg.vector_norm(features, dim=1, keepdim=True) + 1e-10)


def _pooled(x: torch.Tensor) -> torch.Tensor:
    """Half the size: maximum over 2 x 2 densely, then the binomial filter 1 2 1 at every second pixel.

    Two box filters of two pixels are that binomial filter, and need no kernel of weights.
    """
    x = F.pad(F.max_pool2d(x, 2, stride=1), (2, 2, 2, 2), mode="reflect")
    return F.avg_pool2d(F.avg_pool2d(x, 2, stride=1), 2)
