"""Style in one pass: a picture's structure in any look's texture.

An encoder and a decoder whose features are scaled and shifted by a vector that says what the look is like, as Wang et
al. 2023, "MicroAST: Towards Super-Fast Ultra-Resolution Arbitrary Style Transfer", section 3, modulate theirs. Three
things differ. Colors are not its matter: it sees standard colors and gives them
(:mod:`matshot.synthesis.standard_colors`), so that a few hundred textures are enough to learn from. The look is seen
by the texture descriptor, whose statistics are the objective too. And noise is an input, so that a flat picture gets
a texture. Nothing is normalized inside, so every pixel depends on its surroundings alone, and tiles are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

#: Length of the vector that says what the look is like.
LOOK = 128
#: Channels that each level of the descriptor is mixed into before correlations are looked at.
_MIXED = 16
_LEAST = 1e-4
#: Deviations from the mean look that count.
_MOST = 4.0
#: Least deviation between looks of what is read of them.
_LEAST_SPREAD = 0.05
#: Pixels that are averaged in the content without its detail.
_COARSE = 4


class LookEncoder(nn.Module):
    """A look's statistics and the strength to a vector.

    Args:
        widths: channels of the descriptor's levels.
    """

    center: torch.Tensor
    spread: torch.Tensor

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = tuple(widths)
        for number, width in enumerate(widths):
            self.register_buffer(f"mix_{number}", torch.randn(_MIXED, width) / width**0.5)
        lengths = [2 * width + _MIXED * _MIXED for width in widths]
        #: Mean and deviation of what is read over many looks: what all have in common says nothing.
        self.register_buffer("center", torch.zeros(1, sum(lengths) + len(widths)))
        self.register_buffer("spread", torch.ones(1, sum(lengths) + len(widths)))
        self.read = nn.Linear(sum(lengths) + len(widths) + 1, LOOK)
        self.think = nn.Linear(LOOK, LOOK)
        with torch.no_grad():
            # Looks differ from the start, so that what they ask for is learnt early.
            self.think.weight *= 2

    def forward(
        self, covariances: torch.Tensor, means: torch.Tensor, sizes: torch.Tensor, strength: torch.Tensor
    ) -> torch.Tensor:
        """The vector ``(N, LOOK)``.

        Args:
            covariances: ``(N, sum of squared widths)``, of the levels' channels, one level after the other, row by row,
                in parts of the channels' mean square.
            means: ``(N, sum of widths)``, means of the levels' channels, in parts of the root of that.
            sizes: ``(N, levels)``, the logarithm of that root.
            strength: ``(N, 1)``, 0 to 1.
        """
        # A look unlike all others is taken for the nearest that is not.
        seen = ((self.seen(covariances, means, sizes) - self.center) / self.spread).clamp(-_MOST, _MOST)
        vector: torch.Tensor = self.think(F.silu(self.read(torch.cat([seen, 4 * strength - 2], dim=1))))
        return F.silu(vector)

    def seen(self, covariances: torch.Tensor, means: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
        """What is read of a look: sizes, and of each level means, spreads and correlations of mixed channels."""
        parts = [sizes]
        split = zip(
            [self.get_buffer(f"mix_{number}") for number in range(len(self.widths))],
            self.widths,
            covariances.split([width * width for width in self.widths], dim=1),
            means.split(list(self.widths), dim=1),
            strict=True,
        )
        for mix, width, covariance, mean in split:
            covariance = covariance.view(-1, width, width)
            variance = torch.diagonal(covariance, dim1=1, dim2=2).clamp(min=0)
            mixed = mix @ covariance @ mix.T
            spread = (torch.diagonal(mixed, dim1=1, dim2=2).clamp(min=0) + _LEAST).sqrt()
            correlation = mixed / (spread[:, :, None] * spread[:, None, :])
            parts += [mean, (variance + 0.01).log() / 2, correlation.flatten(1)]
        return torch.cat(parts, dim=1)

    @torch.no_grad()
    def adjust(self, covariances: torch.Tensor, means: torch.Tensor, sizes: torch.Tensor) -> None:
        """Find the mean and deviation over many looks; arguments as of :meth:`forward`."""
        seen = self.seen(covariances, means, sizes)
        self.center.copy_(seen.mean(dim=0, keepdim=True))
        self.spread.copy_(seen.std(dim=0, keepdim=True).clamp(min=_LEAST_SPREAD))


class _Block(nn.Module):
    """A residual block of two convolutions, scaled and shifted by the look, with noise in between."""

    def __init__(self, channels: int, pixel: int) -> None:
        super().__init__()
        self.pixel = pixel
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.grain = nn.Conv2d(pixel * pixel, channels, 1, bias=False)
        self.modulation = nn.Linear(LOOK, 2 * channels)
        # Without normalization a deep stack stays stable only if each block adds little at first.
        with torch.no_grad():
            self.second.weight *= 0.2

    def forward(self, x: torch.Tensor, noise: torch.Tensor, look: torch.Tensor) -> torch.Tensor:
        scale, shift = self.modulation(look)[:, :, None, None].chunk(2, dim=1)
        h = self.first(x) + self.grain(F.pixel_unshuffle(noise, self.pixel))
        # Bounded, since nothing is normalized: a deep product of scales would run away.
        h = h * (1 + scale.tanh()) + shift
        result: torch.Tensor = x + self.second(F.silu(h))
        return result


class StyleTransfer(nn.Module):
    """A picture in a look's texture, both in standard colors.

    Args:
        descriptor_widths: channels of the descriptor's levels.
        widths: channels at 1/2, 1/4 and 1/8 of the size.
        blocks: at 1/8 of the size.
    """

    def __init__(
        self,
        descriptor_widths: Sequence[int] = (16, 32, 64, 96, 128),
        widths: tuple[int, ...] = (24, 48, 76),
        blocks: int = 4,
    ) -> None:
        super().__init__()
        self.widths, self.blocks = tuple(widths), blocks
        pairs = list(pairwise(widths))
        self.look = LookEncoder(descriptor_widths)
        self.stem = nn.Conv2d(3, widths[0], 4, stride=2, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairs)
        self.trunk = nn.ModuleList(_Block(widths[-1], 2 ** len(widths)) for _ in range(blocks))
        self.skip = nn.ModuleList(nn.Linear(LOOK, a) for a, _ in pairs)
        self.up = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in pairs)
        self.after = nn.ModuleList(_Block(a, 2 ** (level + 1)) for level, (a, _) in enumerate(pairs))
        self.head = nn.Conv2d(widths[0], 12, 3, padding=1)
        #: Share of the content without its detail in the result.
        self.share = nn.Linear(LOOK, 1)
        with torch.no_grad():
            self.share.weight *= 0.2
            self.share.bias.fill_(0.5)

    @property
    def grid(self) -> int:
        """Multiple that height and width must be of."""
        return int(2 ** len(self.widths))

    @property
    def receptive_field(self) -> int:
        """Radius, in pixels, outside which no input changes an output pixel."""
        radius = 2.0  # the head
        for level in range(len(self.widths)):
            pixel = 2 ** (level + 1)
            count = self.blocks if level == len(self.widths) - 1 else 1
            # A strided 4 x 4 convolution sees 1.5 pixels of the size above; a block sees two of its own.
            radius += 1.5 * pixel / 2 + 2 * pixel * count + pixel / 2
        return int(-(-radius // 1))

    def forward(
        self,
        image: torch.Tensor,
        noise: torch.Tensor,
        covariances: torch.Tensor,
        means: torch.Tensor,
        sizes: torch.Tensor,
        strength: torch.Tensor,
    ) -> torch.Tensor:
        """The picture ``(N, 3, H, W)``.

        Args:
            image: ``(N, 3, H, W)``, in standard colors, sides multiples of ``grid``.
            noise: ``(N, 1, H, W)``, standard normal.
            covariances: of the look; see :class:`LookEncoder`, like the next three.
            means: of the look.
            sizes: of the look.
            strength: of the style.
        """
        look = self.look(covariances, means, sizes, strength)
        centered = image - 0.5
        h = F.silu(self.stem(centered * 4))
        kept = []
        for down in self.down:
            kept.append(h)
            h = F.silu(down(h))
        for block in self.trunk:
            h = block(h, noise, look)
        for level in reversed(range(len(kept))):
            gate = self.skip[level](look)[:, :, None, None]
            h = F.pixel_shuffle(self.up[level](F.silu(h)), 2) + kept[level] * gate
            h = self.after[level](h, noise, look)
        painted = F.pixel_shuffle(self.head(F.silu(h)), 2) / 4
        coarse = F.interpolate(F.avg_pool2d(centered, _COARSE), scale_factor=_COARSE, mode="bilinear")
        return painted + self.share(look)[:, :, None, None] * coarse + 0.5
