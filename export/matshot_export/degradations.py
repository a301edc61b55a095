"""What game textures have been through: block compression and JPEG.

Both work on arrays in memory, so training needs no image library and no temporary files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import dctn, idctn

#: Luminance and chrominance tables of the JPEG standard (ITU-T T.81, annex K.1).
LUMA = np.array(
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
CHROMA = np.full((8, 8), 99)
CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]

TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
FROM_YCC = np.linalg.inv(TO_YCC)


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """What JPEG with 4:2:0 chroma leaves of an image.

    Args:
        pixels: ``H x W x 3`` in [0, 1], sides multiples of 8.
        quality: 1 to 100, as in libjpeg.

    Returns:
        ``H x W x 3`` in [0, 1].
    """
    factor = 50 / quality if quality < 50 else 2 - quality / 50
    ycc = (pixels * 255) @ TO_YCC.T
    ycc[..., 0] -= 128
    out = np.empty_like(ycc)
    out[..., 0] = _quantised_blocks(ycc[..., 0], np.clip(np.floor(LUMA * factor + 0.5), 1, 255))
    table = np.clip(np.floor(CHROMA * factor + 0.5), 1, 255)
    height, width = ycc.shape[:2]
    for channel in (1, 2):
        half = ycc[..., channel].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
        pad = [(0, -half.shape[0] % 8), (0, -half.shape[1] % 8)]
        half = _quantised_blocks(np.pad(half, pad, mode="edge"), table)[: height // 2, : width // 2]
        out[..., channel] = half.repeat(2, axis=0).repeat(2, axis=1)
    out[..., 0] += 128
    return np.clip(out @ FROM_YCC.T / 255, 0, 1)


def _quantised_blocks(plane: np.ndarray, table: np.ndarray) -> np.ndarray:
    height, width = plane.shape
    blocks = plane.reshape(height // 8, 8, width // 8, 8).transpose(0, 2, 1, 3)
    coefficients = dctn(blocks, axes=(2, 3), norm="ortho")
    blocks = idctn(np.round(coefficients / table) * table, axes=(2, 3), norm="ortho")
    return blocks.transpose(0, 2, 1, 3).reshape(height, width)


def block_compressed(pixels: np.ndarray) -> np.ndarray:
    """What BC1 (the color half of BC3) leaves of an image: four colors on a line for every 4x4 block.

    End points lie at the extremes of the block's principal axis, in 5:6:5 bits, as real-time encoders place them.

    Args:
        pixels: ``H x W x 3`` in [0, 1], sides multiples of 4.
    """
    height, width, _ = pixels.shape
    blocks = pixels.reshape(height // 4, 4, width // 4, 4, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 16, 3)
    center = blocks.mean(axis=1, keepdims=True)
    offset = blocks - center
    axis = np.linalg.eigh(np.einsum("bpi,bpj->bij", offset, offset))[1][:, :, -1]
    along = np.einsum("bpi,bi->bp", offset, axis)
    grid = np.array([31.0, 63.0, 31.0])
    ends = [center[:, 0] + axis * along.max(axis=1)[:, None], center[:, 0] + axis * along.min(axis=1)[:, None]]
    first, second = (np.round(np.clip(end, 0, 1) * grid) / grid for end in ends)
    weights = np.array([0.0, 1 / 3, 2 / 3, 1.0])
    palette = first[:, None] * (1 - weights[:, None]) + second[:, None] * weights[:, None]
    nearest = ((blocks[:, :, None] - palette[:, None]) ** 2).sum(-1).argmin(-1)
    coded = np.take_along_axis(palette, nearest[..., None], axis=1)
    return coded.reshape(height // 4, width // 4, 4, 4, 3).transpose(0, 2, 1, 3, 4).reshape(height, width, 3)


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
        out = low.permute(0, 2, 3, 1).double().numpy().copy()
        for index, chance in enumerate(rng.random(len(out))):
            if chance < self.jpeg:
                out[index] = jpeg(out[index], int(rng.integers(self.quality[0], self.quality[1] + 1)))
            elif chance < self.jpeg + self.blocks:
                out[index] = block_compressed(out[index])
        return torch.from_numpy(out).float().permute(0, 3, 1, 2)
