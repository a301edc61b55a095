"""From photographs to maps: an hourglass over the pixels, told what the whole photograph looks like.

After Deschaintre, Aittala, Durand, Drettakis and Bousseau 2018, "Single-image SVBRDF capture with a rendering-aware
deep network", section 4: an encoder-decoder with skip connections and a global track. Two things differ. The global
track is a network of its own over the photograph made small, whose answer scales and shifts the features of the other;
so the other stays local, and can work in tiles with the result of working whole. And both are told where on the plane
each pixel lies, so that they need not guess from which side it was lit.

One network serves a flash photograph, an evenly lit one, and a pair: what is missing is zero and is said to be so.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

#: Planes of the input: flash photograph (3) and ambient photograph (3), display-encoded in [0, 1]; tangents x / d and
#: y / d of the viewing angle, 0 without a flash photograph; 1 where there is a flash photograph, 1 where an ambient.
INPUT_PLANES = 10
#: Planes of the output: base color (3, display-encoded), slopes n_x / n_z and n_y / n_z, roughness, metallic.
OUTPUT_PLANES = 7
#: The transfer function of photographs is taken for a power where exactness does not matter.
_GAMMA = 2.2
_PREPARED = INPUT_PLANES + 5
_LUMA = (0.299, 0.587, 0.114)


def prepared(x: torch.Tensor) -> torch.Tensor:
    """The input, and what physics makes of the flash photograph.

    A point light at the lens lights a flat, matte plane with cos^4 of the viewing angle; three planes are the
    photograph without this. To first order a slope brightens a pixel by its product with the tangent of the angle, so
    two planes are the photograph's brightness times the tangents.
    """
    tangents = x[:, 6:8]
    flattened = x[:, :3] * (1 + tangents.square().sum(1, keepdim=True)) ** (2 / _GAMMA)
    luma = (flattened * flattened.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return torch.cat([x[:, :8] * 2, x[:, 8:], flattened * 2, luma * tangents * 4], dim=1)


class _Block(nn.Module):
    """A residual block of two convolutions whose features are scaled and shifted by context and place.

    What the brightness of a pixel says about its slope changes sign from one side of the flash to the other; so the
    scale is the context's linear function of the tangents.
    """

    def __init__(self, channels: int, context: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.modulation = nn.Linear(context, 4 * channels) if context else None
        # Without normalization a deep stack stays stable only if each block adds little at first.
        with torch.no_grad():
            self.second.weight *= 0.2
            if self.modulation is not None:
                self.modulation.weight *= 0.2
                # Half of the features begin as odd functions of the place.
                self.modulation.bias[channels : channels + channels // 4] += 3
                self.modulation.bias[2 * channels + channels // 4 : 2 * channels + channels // 2] += 3

    def forward(
        self, x: torch.Tensor, context: torch.Tensor | None = None, tangents: torch.Tensor | None = None
    ) -> torch.Tensor:
        h = self.first(x)
        if self.modulation is not None and tangents is not None:
            scale, right, up, shift = self.modulation(context)[:, :, None, None].chunk(4, dim=1)
            h = h * (1 + scale + right * tangents[:, :1] + up * tangents[:, 1:]) + shift
        return x + self.second(F.silu(h))


class CaptureContext(nn.Module):
    """The global track: a photograph of about ``matshot.capture.prediction.CONTEXT_SIDE`` to a vector.

    Input ``(N, INPUT_PLANES, h, w)``, sides multiples of 16; output ``(N, features)``.

    Args:
        features: length of the vector.
    """

    def __init__(self, features: int = 96) -> None:
        super().__init__()
        widths = (_PREPARED, 32, 64, 96, 128)
        stages: list[nn.Module] = []
        for before, after in pairwise(widths):
            stages += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.SiLU(), _Block(after, 0)]
        self.stages = nn.Sequential(*stages)
        self.read_out = nn.Sequential(nn.Linear(2 * widths[-1], 192), nn.SiLU(), nn.Linear(192, features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The vector."""
        h = self.stages(prepared(x))
        mean = h.mean(dim=(2, 3))
        spread = ((h - mean[:, :, None, None]).square().mean(dim=(2, 3)) + 1e-4).sqrt()
        read: torch.Tensor = self.read_out(torch.cat([mean, spread], dim=1))
        return read


class CaptureMaps(nn.Module):
    """The local track: photographs and the context vector to maps.

    Input ``(N, INPUT_PLANES, H, W)``, sides multiples of ``grid``, and ``(N, context)``; output
    ``(N, OUTPUT_PLANES, H, W)``.

    Args:
        widths: channels at 1/2, 1/4, 1/8 and 1/16 of the size.
        before: blocks at each of these sizes on the way down.
        after: blocks on the way up, of all but the smallest.
        context: length of the context vector.
        full: channels at full size.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (32, 48, 80, 128),
        before: tuple[int, ...] = (1, 1, 2, 2),
        after: tuple[int, ...] = (1, 1, 1),
        context: int = 96,
        full: int = 16,
    ) -> None:
        super().__init__()
        self.widths = tuple(widths)
        pairs = list(pairwise(widths))
        self.stem = nn.Conv2d(_PREPARED, widths[0], 4, stride=2, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairs)
        self.before = nn.ModuleList(_blocks(w, context, n) for w, n in zip(widths, before, strict=True))
        self.up = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in pairs)
        self.after = nn.ModuleList(_blocks(w, context, n) for w, n in zip(widths, after, strict=False))
        self.finest = nn.Conv2d(widths[0], 4 * full, 1)
        self.join = nn.Conv2d(full + _PREPARED, full, 3, padding=1)
        self.head = nn.Conv2d(full, OUTPUT_PLANES, 3, padding=1)
        with torch.no_grad():
            self.head.weight *= 0.1
            # A start that is the trivial answer: flat, rather rough, not a metal.
            self.head.bias = nn.Parameter(torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, 0.4, -2.0]))

    @property
    def grid(self) -> int:
        """Multiple that height and width must be of."""
        return int(2 ** len(self.widths))

    @property
    def receptive_field(self) -> int:
        """Radius, in pixels, outside which no input changes an output pixel."""
        radius = 2.0  # the two convolutions at full size
        counts = [len(blocks) for blocks in self.before]  # type: ignore[arg-type]
        for level, blocks in enumerate(self.after):
            counts[level] += len(blocks)  # type: ignore[arg-type]
        for level, count in enumerate(counts):
            pixel = 2 ** (level + 1)
            # A strided 4 x 4 convolution sees 1.5 pixels of the size above; a block sees two of its own.
            radius += 1.5 * pixel / 2 + 2 * pixel * count + pixel / 2
        return int(-(-radius // 1))

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """The maps."""
        given = prepared(x)
        h = self.stem(given)
        kept = []
        tangents = [F.avg_pool2d(x[:, 6:8], 2 ** (level + 1)) for level in range(len(self.widths))]
        for level, blocks in enumerate(self.before):
            if level:
                h = self.down[level - 1](h)
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, context, tangents[level])
            kept.append(h)
        for level in reversed(range(len(self.widths) - 1)):
            h = F.pixel_shuffle(self.up[level](h), 2) + kept[level]
            for block in self.after[level]:  # type: ignore[attr-defined]
                h = block(h, context, tangents[level])
        h = torch.cat([F.pixel_shuffle(self.finest(h), 2), given], dim=1)
        raw = self.head(F.silu(self.join(h)))
        # Base color is found as what differs from the photograph.
        seen = torch.where(x[:, 8:9] > 0, given[:, INPUT_PLANES : INPUT_PLANES + 3], given[:, 3:6]) / 2
        color = raw[:, :3] + torch.logit(seen.clamp(0.02, 0.98))
        return torch.cat([color.sigmoid(), raw[:, 3:5], raw[:, 5:].sigmoid()], dim=1)


def _blocks(channels: int, context: int, count: int) -> nn.ModuleList:
    return nn.ModuleList(_Block(channels, context) for _ in range(count))
