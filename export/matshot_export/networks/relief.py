"""From what a flattened flash photograph shows, and how light falls on it, to slopes.

An hourglass as :mod:`~matshot_export.networks.capture` has, but of relief alone: it sees the logarithm of the surface's
brightness, in which shading adds to color, and at every pixel the response of a level surface to slopes, which is what
shading is proportional to in the first order (Pentland 1990, "Linear shape from shading"). A second photograph without
flash may be given; in the difference of both, color cancels. It may also be given alone: then hollows are darker, and
nobody knows where the light comes from. No single place tells a print from relief, but the whole
photograph does, by how contrast depends on the direction of light; so it is told that in a dozen numbers.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from matshot.capture.seen_relief import STRENGTHS

#: Numbers that say how strong relief is in the whole photograph, by light alone, and how strong its tone, by bands of
#: length; see ``matshot.capture.seen_relief.ShadingEvidence.strengths``. All 0 where nobody knows.
EVIDENCE = STRENGTHS
#: Planes of the input: tone of the flash photograph without its lamp (3), response to slopes along x and y (2), the
#: highlight's share of the light (1), 1 where the photograph is known (1), tone of the photograph without flash (3),
#: 1 where there is one (1). Planes of a photograph that is missing are 0. A tone is the logarithm of linear color,
#: less its median.
INPUT_PLANES = 11
_PREPARED = INPUT_PLANES + 5
_TOLD_CHANNELS = 32
#: Response that is weakened to 0.7 of itself, and stronger ones more: beside a narrow highlight it is not linear.
_STRONG = 1.5


def prepared(x: torch.Tensor) -> torch.Tensor:
    """The input, the difference of both photographs, and what slopes are read off in the first order."""
    pair = x[:, 10:]
    response = x[:, 3:5] * (1 + x[:, 3:5].square().sum(1, keepdim=True) / _STRONG**2).rsqrt()
    brightness = x[:, :3].mean(1, keepdim=True)
    quotient = (brightness - x[:, 7:10].mean(1, keepdim=True)) * pair
    given = torch.cat([x[:, :3], response, x[:, 5:]], dim=1)
    return torch.cat([given, quotient, brightness * response * 2, quotient * response * 4], dim=1)


class _Block(nn.Module):
    """A residual block of two convolutions whose features are scaled by how light falls there, and shifted.

    What the brightness of a pixel says about its slope changes sign from one side of the flash to the other, so the
    scale is a linear function of the response; which one depends on what the whole photograph tells.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.scale = nn.Conv2d(4, channels, 1)
        self.modulation = nn.Linear(_TOLD_CHANNELS, 4 * channels)
        with torch.no_grad():
            # Without normalization a deep stack stays stable only if each block adds little at first.
            self.second.weight *= 0.2
            self.scale.weight *= 0.2
            nn.init.ones_(self.scale.bias)  # type: ignore[arg-type]
            # Half of the features begin as odd functions of the place.
            quarter = channels // 4
            self.scale.weight[:quarter, 0] += 1
            self.scale.weight[quarter : 2 * quarter, 1] += 1
            nn.init.zeros_(self.modulation.weight)
            nn.init.zeros_(self.modulation.bias)

    def forward(self, x: torch.Tensor, light: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        scale, right, up, shift = self.modulation(told)[:, :, None, None].chunk(4, dim=1)
        scale = self.scale(light) + scale + right * light[:, :1] + up * light[:, 1:2]
        return x + self.second(F.silu(self.first(x) * scale + shift))


class ReliefNetwork(nn.Module):
    """Slopes n_x / n_z and n_y / n_z, ``(N, 2, H, W)``, of ``(N, INPUT_PLANES, H, W)``, sides multiples of ``grid``.

    Nothing is done at full size: four pixels are channels of one from the first layer to the last.

    Args:
        widths: channels at 1/2, 1/4 and so on of the size.
        before: blocks at each of these sizes on the way down.
        after: blocks on the way up, of all but the smallest.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (32, 64, 96),
        before: tuple[int, ...] = (1, 1, 3),
        after: tuple[int, ...] = (1, 2),
    ) -> None:
        super().__init__()
        self.widths, pairs = widths, list(pairwise(widths))
        self.stem = nn.Conv2d(4 * _PREPARED, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(4 * a, b, 1) for a, b in pairs)
        self.before = nn.ModuleList(_blocks(*each) for each in zip(widths, before, strict=True))
        self.up = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in pairs)
        self.after = nn.ModuleList(_blocks(*each) for each in zip(widths, after, strict=False))
        self.head = nn.Conv2d(widths[0], 8, 3, padding=1)
        self.told = nn.Sequential(nn.Linear(EVIDENCE, _TOLD_CHANNELS), nn.SiLU())
        with torch.no_grad():
            self.head.weight *= 0.1

    @property
    def grid(self) -> int:
        """Multiple that height and width must be of."""
        return int(2 ** len(self.widths))

    @property
    def receptive_field(self) -> int:
        """Radius, in pixels, outside which no input changes an output pixel."""
        counts = [len(blocks) for blocks in self.before]  # type: ignore[arg-type]
        for level, blocks in enumerate(self.after):
            counts[level] += len(blocks)  # type: ignore[arg-type]
        # Stem and head see one pixel of half the size, a block two of its own; a pixel lies anywhere in a coarse one.
        return int(2 * 2 + sum(2 * 2 ** (level + 1) * count for level, count in enumerate(counts)) + self.grid - 1)

    def forward(self, x: torch.Tensor, evidence: torch.Tensor) -> torch.Tensor:
        """The slopes; evidence is ``(N, EVIDENCE)``."""
        given = prepared(x)
        told = self.told(evidence)
        there = torch.cat([given[:, 3:6], x[:, 10:]], dim=1)
        light = [F.avg_pool2d(there, 2 ** (level + 1)) for level in range(len(self.widths))]
        h, kept = self.stem(F.pixel_unshuffle(given, 2)), []
        for level, blocks in enumerate(self.before):
            if level:
                h = self.down[level - 1](F.pixel_unshuffle(h, 2))
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, light[level], told)
            kept.append(h)
        for level in reversed(range(len(self.widths) - 1)):
            h = F.pixel_shuffle(self.up[level](h), 2) + kept[level]
            for block in self.after[level]:  # type: ignore[attr-defined]
                h = block(h, light[level], told)
        slopes: torch.Tensor = F.pixel_shuffle(self.head(F.silu(h)), 2)
        return slopes


def _blocks(channels: int, count: int) -> nn.ModuleList:
    return nn.ModuleList(_Block(channels) for _ in range(count))
