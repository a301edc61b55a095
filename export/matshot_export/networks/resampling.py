"""Bicubic resampling as matrices and as convolution kernels.

The kernel is Keys' (1981) cubic convolution with a = -1/2, stretched by the scale when shrinking, which is what
MATLAB's ``imresize`` and Pillow's ``BICUBIC`` do and what super-resolution is measured against.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from matshot.super_resolution.resampling import cubic

#: Low-resolution cells on each side that one packed 5x5 kernel reaches.
REACH = 2


def shrink_taps(scale: int) -> np.ndarray:
    """Weights of the high-resolution pixels under one low-resolution pixel.

    Returns:
        ``(5 * scale,)`` weights that sum to 1, over the cells i-2 .. i+2 of a row packed ``scale`` pixels to a cell.
    """
    position = np.arange(-REACH * scale, (REACH + 1) * scale)
    weights = cubic((position - (scale - 1) / 2) / scale)
    return np.asarray(weights / weights.sum())


def enlarge_taps(scale: int) -> np.ndarray:
    """Weights of the low-resolution pixels i-2 .. i+2 for each of the ``scale`` pixels in cell i.

    Returns:
        ``(scale, 5)``; every row sums to 1.
    """
    offset = (np.arange(scale) - (scale - 1) / 2) / scale
    weights = cubic(np.arange(-REACH, REACH + 1)[None, :] - offset[:, None])
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def shrink_matrix(size: int, scale: int) -> torch.Tensor:
    """Rows that shrink ``size + 4 * scale`` pixels (a margin of two cells each side) to ``size // scale``."""
    taps = shrink_taps(scale)
    rows = size // scale
    matrix = np.zeros((rows, size + 2 * REACH * scale))
    for row in range(rows):
        matrix[row, row * scale : row * scale + len(taps)] = taps
    return torch.from_numpy(matrix).float()


def shrink_kernel(scale: int, channels: int) -> torch.Tensor:
    """Kernel ``(channels, channels * scale**2, 5, 5)`` that shrinks pixels packed by ``pixel_unshuffle``."""
    taps = shrink_taps(scale).reshape(2 * REACH + 1, scale)
    plane = np.einsum("ia,jb->abij", taps, taps).reshape(scale * scale, 5, 5)
    kernel = np.zeros((channels, channels, scale * scale, 5, 5))
    for channel in range(channels):
        kernel[channel, channel] = plane
    return torch.from_numpy(kernel.reshape(channels, channels * scale * scale, 5, 5)).float()


def enlarge_kernel(scale: int, channels: int) -> torch.Tensor:
    """Kernel ``(channels * scale**2, channels, 5, 5)`` whose result ``pixel_shuffle`` unpacks to bicubic."""
    taps = enlarge_taps(scale)
    plane = np.einsum("ai,bj->abij", taps, taps).reshape(scale * scale, 5, 5)
    kernel = np.zeros((channels, scale * scale, channels, 5, 5))
    for channel in range(channels):
        kernel[channel, :, channel] = plane
    return torch.from_numpy(kernel.reshape(channels * scale * scale, channels, 5, 5)).float()


def sharpen_kernel(scale: int, channels: int) -> torch.Tensor:
    """Kernel ``(channels, channels, 9, 9)`` of 2 - DU: enlarging its result and shrinking nearly gives the image."""
    enlarge = enlarge_taps(scale)
    shrink = shrink_taps(scale).reshape(2 * REACH + 1, scale)
    both = np.zeros(4 * REACH + 1)
    for cell in range(2 * REACH + 1):
        both[cell : cell + 2 * REACH + 1] += shrink[cell] @ enlarge
    plane = -np.outer(both, both)
    plane[2 * REACH, 2 * REACH] += 2.0
    kernel = np.zeros((channels, channels, *plane.shape))
    kernel[range(channels), range(channels)] = plane
    return torch.from_numpy(kernel).float()


def filtered(x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """A convolution whose input's edge is repeated."""
    # Repeating the edge keeps a constant constant up to the border; zeros would darken it.
    return F.conv2d(F.pad(x, (kernel.shape[-1] // 2,) * 4, mode="replicate"), kernel)
