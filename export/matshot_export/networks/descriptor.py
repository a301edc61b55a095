"""A small network whose statistics tell textures apart.

Gatys, Ecker and Bethge 2015, "Texture synthesis using convolutional neural networks", describe a texture by the
correlations between the features of a network, equation (2), and compare textures by how far these are apart,
equation (3). Theirs is VGG; this one is about a twenty-fifth of its work and learns from it alone
(:mod:`matshot_export.descriptor_training`). Averages halve the size, and the padding can wrap, so that a texture that
repeats has the same statistics wherever it is cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

#: Of the leaky ReLUs.
SLOPE = 0.1


class TextureDescriptor(nn.Module):
    """Statistics of color images, ``(N, 3, H, W)`` display-encoded in [0, 1], H and W multiples of ``grid``.

    Args:
        widths: channels of each level; a level is two 3x3 convolutions and has half the size of the one before.
        circular: images wrap on both axes; otherwise they are mirrored at their borders.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 96, 128), circular: bool = False) -> None:
        super().__init__()
        self.widths, self.circular = tuple(widths), circular
        self.levels = nn.ModuleList()
        for before, channels in pairwise((3, *widths)):
            # Only the first of the two widens where that is cheap: the smaller the image, the more channels.
            between = channels if before < 64 else before
            self.levels.append(nn.ModuleList((nn.Conv2d(before, between, 3), nn.Conv2d(between, channels, 3))))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=SLOPE)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    @property
    def grid(self) -> int:
        """Multiple that height and width must be of."""
        return 1 << (len(self.levels) - 1)

    @property
    def receptive_field(self) -> int:
        """Radius in pixels outside which no pixel changes a feature: two at each level, and what a mean adds."""
        return sum(2 << level for level in range(len(self.levels))) + self.grid

    @property
    def length(self) -> int:
        """How many statistics there are."""
        return sum(width * width for width in self.widths)

    def features(self, image: torch.Tensor) -> Iterator[torch.Tensor]:
        """Features of each level, ``(N, width, H / 2^level, W / 2^level)``."""
        x = (image - 0.5) * 4
        for number, level in enumerate(self.levels):
            if number:
                x = F.avg_pool2d(x, 2)
            for layer in level:  # type: ignore[attr-defined]
                x = F.leaky_relu(layer(padded(x, self.circular)), SLOPE)
            yield x

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """The statistics ``(N, length)``: the levels' Gram matrices one after the other, row by row."""
        return torch.cat([gram(features).flatten(1) for features in self.features(image)], dim=1)


def padded(x: torch.Tensor, circular: bool) -> torch.Tensor:
    """One more row and column on each side, from the opposite side or mirrored."""
    if not circular:
        return F.pad(x, (1, 1, 1, 1), mode="reflect")
    x = torch.cat([x[..., -1:], x, x[..., :1]], dim=3)
    return torch.cat([x[..., -1:, :], x, x[..., :1, :]], dim=2)


def gram(features: torch.Tensor) -> torch.Tensor:
    """Mean products of the channels over all pixels, ``(N, C, C)``: Gatys et al. 2015, equation (2), over the area."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def relative_distances(grams: torch.Tensor) -> torch.Tensor:
    """How unlike textures are at one level, ``(N, N)`` in [0, 1]: |A - B|^2 / (|A|^2 + |B|^2) of their Gram matrices.

    In parts of the matrices' own size, since features grow with contrast and Gram matrices with its square: without,
    the few textures of the highest contrast would decide.

    Args:
        grams: ``(N, length)``, matrices as vectors.
    """
    products = sum((some @ some.T for some in grams.split(1 << 15, dim=1)), torch.zeros(()))
    own = products.diagonal()
    size = own[:, None] + own[None, :]
    return (1 - 2 * products / size.clamp(min=1e-20)).clamp(min=0)
