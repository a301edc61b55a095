"""The network that Matshot ships for super-resolution.

A plain residual body at low resolution in which no layer has a bias, so that it is homogeneous:
f(k x) = k f(x) for k > 0 (Mohan, Kadkhodaie, Simoncelli and Fernandez-Granda 2020, "Robust and interpretable blind
image denoising via bias-free convolutional neural networks", section 4). A texture twice as bright comes out exactly
twice as bright, and values above 1 need no special path.

It predicts the detail t that bicubic lacks, and one step of back-projection (Irani and Peleg 1991, equation 5) ends
the graph: y = z + U(x - D(z)) with z = t + U(x), where D and U are the bicubic kernels. Written out,
y = t + U(v - D(t)) with v = (2 - DU)(x): two small convolutions while the pixels are still packed into channels. So
"shrunk again gives the input back" is part of the network and not a later repair.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .map_network import MapNetwork
from .resampling import REACH, enlarge_kernel, filtered, sharpen_kernel, shrink_kernel

SLOPE = 0.1


class ResidualBlock(nn.Module):
    """x + conv(leaky_relu(conv(x))), 3x3, without bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, channels, H, W)`` to the same."""
        return F.leaky_relu(x + self.second(F.leaky_relu(self.first(x), SLOPE)), SLOPE)


class Upscaler(MapNetwork):
    """Super-resolution by ``scale`` of color, scalar or vector maps.

    Input ``(N, planes, H, W)``, output ``(N, planes, scale H, scale W)``, same encoding as the input.

    Args:
        scale: 2 or 4 (any whole number works).
        planes: channels of the map.
        width: channels of the body.
        blocks: residual blocks of the body.
        consistent: end with one step of back-projection.
        unit: normalize the result over its channels (normal maps).
        level_free: what is added to all of the input is added to all of the output, plane by plane.
    """

    enlarge: torch.Tensor
    shrink: torch.Tensor
    sharpen: torch.Tensor

    def __init__(
        self,
        scale: int = 4,
        planes: int = 3,
        width: int = 64,
        blocks: int = 5,
        consistent: bool = True,
        unit: bool = False,
        level_free: bool = False,
    ) -> None:
        super().__init__()
        self.scale, self.planes, self.consistent, self.unit = scale, planes, consistent, unit
        self.level_free = level_free
        self.blocks = blocks
        self.head = nn.Conv2d(planes, width, 3, padding=1, bias=False)
        self.body = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.tail = nn.Conv2d(width, planes * scale * scale, 3, padding=1, bias=False)
        self.register_buffer("enlarge", enlarge_kernel(scale, planes))
        if consistent:
            self.register_buffer("shrink", shrink_kernel(scale, planes))
            self.register_buffer("sharpen", sharpen_kernel(scale, planes))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=SLOPE)
        for block in self.body:
            assert isinstance(block, ResidualBlock)
            nn.init.zeros_(block.second.weight)
        nn.init.normal_(self.tail.weight, std=1e-3)

    @property
    def receptive_field(self) -> int:
        """Radius, in low-resolution pixels, outside which nothing changes an output pixel."""
        detail = 2 + 2 * self.blocks
        return max(detail + 2 * REACH, 3 * REACH) if self.consistent else max(detail, REACH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(N, planes, H, W)`` to ``(N, planes, scale H, scale W)``."""
        detail = self.tail(self.body(F.leaky_relu(self._first(x), SLOPE))).to(x.dtype)
        base = x
        if self.consistent:
            # The detail has no mean worth keeping at the border, so zeros may stand outside it; color is repeated.
            base = filtered(x, self.sharpen) - F.conv2d(detail, self.shrink, padding=REACH)
        y = F.pixel_shuffle(detail + filtered(base, self.enlarge), self.scale)
        return F.normalize(y, dim=1) if self.unit else y

    def _first(self, x: torch.Tensor) -> torch.Tensor:
        if not self.level_free:
            first: torch.Tensor = self.head(x)
            return first
        kernel = self.head.weight
        # Zeros outside the border would be an edge to a level-free kernel.
        return filtered(x, kernel - kernel.mean(dim=(2, 3), keepdim=True))
