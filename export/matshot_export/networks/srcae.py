"""The super-resolution convolutional auto-encoder.

The network of the talk "Zoom, enhance, synthesize! Magic upscaling and material synthesis using deep learning" (2017):
an hourglass of N halvings followed by N + S doublings, so that one network both gathers context and enlarges by 2^S.
Where the talk says that information of every scale reaches the decoder, the encoder's features are added to the
decoder's of the same size (Mao, Shen and Yang 2016, "Image restoration using very deep convolutional encoder-decoder
networks with symmetric skip connections", section 3.1).
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from .map_network import MapNetwork
from .resampling import REACH, enlarge_kernel, filtered, shrink_kernel


class _Block(nn.Module):
    """Two 3x3 convolutions at one size, ReLU after each."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.second(F.relu(self.first(x))))


class SRCAE(MapNetwork):
    """Super-resolution by ``scale`` of color.

    Input ``(N, 3, H, W)`` display-encoded in [0, 1], H and W multiples of ``grid``; output ``(N, 3, scale H, scale W)``
    in the same encoding, not clipped.

    Args:
        scale: 2, 4 or 8.
        halvings: N, how often the encoder halves the size.
        features: channels at the input's size. Each halving adds as many, each doubling of the decoder takes them away,
            and beyond the input's size each takes away a quarter of them.
        consistent: end with one step of back-projection (Irani and Peleg 1991, equation 5): y = t + U(x - D(t)) of the
            decoder's image t, where D and U are the bicubic kernels. The result, shrunk, is the input again; without
            it, the mean color drifts by one or two of 255.

    Raises:
        ValueError: for another scale.
    """

    shrink: torch.Tensor
    enlarge: torch.Tensor

    def __init__(self, scale: int = 4, halvings: int = 2, features: int = 32, consistent: bool = True) -> None:
        super().__init__()
        if scale not in (2, 4, 8):
            raise ValueError(f"the auto-encoder enlarges by 2, 4 or 8, not by {scale}")
        self.scale, self.halvings, self.consistent = scale, halvings, consistent
        self.doublings = halvings + scale.bit_length() - 1
        deeper = [features * (i + 1) for i in range(halvings + 1)]
        lighter = deeper[::-1] + [features - features // 4 * (i + 1) for i in range(self.doublings - halvings)]
        self.head = nn.Conv2d(3, features, 5, padding=2)
        self.encoder = nn.ModuleList(_Block(channels) for channels in deeper[:-1])
        self.down = nn.ModuleList(nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in pairwise(deeper))
        self.decoder = nn.ModuleList(_Block(channels) for channels in lighter[:-1])
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(i, o, 3, stride=2, padding=1, output_padding=1) for i, o in pairwise(lighter)
        )
        self.tail = nn.Conv2d(lighter[-1], 3, 3, padding=1)
        if consistent:
            self.register_buffer("shrink", shrink_kernel(scale, 3))
            self.register_buffer("enlarge", enlarge_kernel(scale, 3))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                # He et al. 2015, equation (10); only a quarter of a transposed kernel meets any one output pixel.
                reached = layer.kernel_size[0] ** 2 / (4 if isinstance(layer, nn.ConvTranspose2d) else 1)
                nn.init.normal_(layer.weight, std=(2 / (layer.in_channels * reached)) ** 0.5)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        # It begins as mid-gray with little else, so the first steps neither blow up nor die in the ReLUs.
        nn.init.normal_(self.tail.weight, std=1e-2)
        nn.init.constant_(self.tail.bias, 0.5)  # type: ignore[arg-type]

    @property
    def grid(self) -> int:
        """Sizes and shifts of the input must be multiples of this."""
        return 1 << self.halvings

    @property
    def receptive_field(self) -> int:
        """Radius, in low-resolution pixels, outside which nothing changes the output pixels of an input pixel.

        Exact. Going back through a layer, outputs a..b depend on inputs a - 1 .. b + 1 of a 3x3 convolution, on
        2a - 1 .. 2b + 1 of a halving one, and on floor(a / 2) .. ceil(b / 2) of a doubling one, whose odd outputs lie
        between two inputs. The way through the bottleneck is the longest, and where a pixel lies on the grid matters.
        """
        radius = 0
        # Back-projection looks at the image of all cells that it shrinks, and shrinks all that it enlarges.
        around = 2 * REACH if self.consistent else 0
        for position in range(self.grid):
            first, last = (position - around) * self.scale - 1, (position + around + 1) * self.scale
            for _ in range(self.doublings):
                first, last = first // 2 - 2, -(-last // 2) + 2
            for _ in range(self.halvings):
                first, last = 2 * first - 3, 2 * last + 3
            radius = max(radius, position - (first - 2), last + 2 - position)
        return radius

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The enlarged image."""
        given = x
        x = F.relu(self.head(x))
        kept = []
        for block, down in zip(self.encoder, self.down, strict=True):
            x = block(x)
            kept.append(x)
            x = F.relu(down(x))
        for block, up in zip(self.decoder, self.up, strict=True):
            x = F.relu(up(block(x)))
            if kept:
                x = x + kept.pop()
        image: torch.Tensor = self.tail(x)
        if self.consistent:
            missed = given - filtered(F.pixel_unshuffle(image, self.scale), self.shrink)
            image = image + F.pixel_shuffle(filtered(missed, self.enlarge), self.scale)
        return image
