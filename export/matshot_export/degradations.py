"""What game textures have been through: block compression and JPEG, on whole batches and on the device they are on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

#: Luminance and chrominance tables of the JPEG standard (ITU-T T.81, annex K.1).
_LUMA = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_CHROMA = torch.full((8, 8), 99)
_CHROMA[:4, :4] = torch.tensor([[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]])

_TO_YCC = torch.tensor(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], dtype=torch.float64
)
_FROM_YCC = torch.linalg.inv(_TO_YCC)

#: Orthonormal cosines of eight samples: rows are frequencies.
_COSINES = torch.cos(torch.pi / 8 * torch.outer(torch.arange(8), torch.arange(8) + 0.5).double()) / 2
_COSINES[0] /= 2**0.5

#: Steps of the 5:6:5 bits of a color.
_STEPS = torch.tensor([31.0, 63.0, 31.0])
#: Where the four colors of a block lie between its ends.
_BETWEEN = torch.tensor([0.0, 1 / 3, 2 / 3, 1.0])


def jpeg(pixels: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """What JPEG with 4:2:0 chroma leaves of images.

    Args:
        pixels: ``(N, 3, H, W)`` in [0, 1], sides multiples of 8.
        quality: ``(N,)``, 1 to 100, as in libjpeg.

    Returns:
        ``(N, 3, H, W)`` in [0, 1].
    """
    quality = quality.to(pixels)
    factor = torch.where(quality < 50, 50 / quality, 2 - quality / 50)[:, None, None]
    luma, chroma = ((table.to(pixels) * factor + 0.5).floor().clamp(1, 255) for table in (_LUMA, _CHROMA))
    ycc = torch.einsum("kc,nchw->nkhw", _TO_YCC.to(pixels), pixels * 255)
    brightness = _quantized(ycc[:, :1] - 128, luma) + 128
    half = F.avg_pool2d(ycc[:, 1:], 2)
    height, width = half.shape[2:]
    half = _quantized(F.pad(half, (0, -width % 8, 0, -height % 8), mode="replicate"), chroma)[..., :height, :width]
    ycc = torch.cat([brightness, F.interpolate(half, scale_factor=2, mode="nearest")], dim=1)
    return torch.einsum("kc,nchw->nkhw", _FROM_YCC.to(pixels), ycc).div_(255).clamp_(0, 1)


def _quantized(planes: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Planes ``(N, C, H, W)`` whose 8 x 8 blocks have cosines in steps of their image's table, ``(N, 8, 8)``."""
    n, channels, height, width = planes.shape
    cosines = _COSINES.to(planes)
    steps = table[:, None, None, None]
    blocks = planes.reshape(n, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    coefficients = cosines @ blocks @ cosines.T
    blocks = cosines.T @ ((coefficients / steps).round() * steps) @ cosines
    return blocks.transpose(3, 4).reshape(n, channels, height, width)


def block_compressed(pixels: torch.Tensor) -> torch.Tensor:
    """What BC1 (the color half of BC3) leaves of images: four colors on a line for every 4x4 block.

    End points lie at the extremes of the block's principal axis, in 5:6:5 bits, as real-time encoders place them.

    Args:
        pixels: ``(N, 3, H, W)`` in [0, 1], sides multiples of 4.

    Returns:
        ``(N, 3, H, W)`` in [0, 1].
    """
    n, _, height, width = pixels.shape
    blocks = pixels.reshape(n, 3, height // 4, 4, width // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, 3)
    center = blocks.mean(dim=1, keepdim=True)
    offset = blocks - center
    axis = torch.linalg.eigh(offset.transpose(1, 2) @ offset).eigenvectors[:, :, -1:]
    along = offset @ axis
    steps = _STEPS.to(pixels)
    first, second = (
        ((center[:, 0] + axis[:, :, 0] * extreme).clamp(0, 1) * steps).round() / steps
        for extreme in (along.amax(dim=1), along.amin(dim=1))
    )
    between = _BETWEEN.to(pixels)[:, None]
    palette = first[:, None] * (1 - between) + second[:, None] * between
    nearest = (blocks[:, :, None] - palette[:, None]).square().sum(-1).argmin(-1)
    coded = palette.gather(1, nearest[..., None].expand(-1, -1, 3))
    coded = coded.reshape(n, height // 4, width // 4, 4, 4, 3).permute(0, 5, 1, 3, 2, 4)
    return coded.reshape(n, 3, height, width)


@dataclass(frozen=True)
class Degradation:
    """Each patch is left alone, JPEG-compressed or block-compressed, by chance.

    Attributes:
        jpeg: probability of JPEG, at a quality drawn from ``quality``.
        blocks: probability of block compression.
        quality: lowest and highest JPEG quality.
    """

    jpeg: float = 0.2
    blocks: float = 0.15
    quality: tuple[int, int] = (50, 95)

    def __call__(self, low: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        """``(N, 3, h, w)`` in [0, 1] to the same; sides multiples of 8."""
        chance = rng.random(len(low))
        quality = rng.integers(self.quality[0], self.quality[1] + 1, len(low))
        out = low.clone()
        photographic = np.flatnonzero(chance < self.jpeg)
        if len(photographic):
            chosen = torch.from_numpy(photographic).to(low.device)
            out[chosen] = jpeg(low[chosen], torch.from_numpy(quality[photographic]).to(low.device))
        blocky = np.flatnonzero((chance >= self.jpeg) & (chance < self.jpeg + self.blocks))
        if len(blocky):
            chosen = torch.from_numpy(blocky).to(low.device)
            out[chosen] = block_compressed(low[chosen])
        return out
