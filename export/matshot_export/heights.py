"""Heights, slopes and what is seen of the sky, of tileable surfaces; on any device.

Heights are in pixels and slopes are those of normals, n_x / n_z and n_y / n_z with +Y up, as in
``matshot.image.normals``.
"""

from __future__ import annotations

import math

import torch

#: Deviations of the Gaussians by which height is compared with its surroundings, in pixels, and how dark that makes.
_CAVITIES = (2, 4, 8, 16)
_CAVITY_DEPTH = 0.8


def slopes_of_height(height: torch.Tensor) -> torch.Tensor:
    """Central differences of fourth order of a tileable height, ``(N, 1, H, W)`` to ``(N, 2, H, W)``."""

    def falling(dim: int) -> torch.Tensor:
        near = height.roll(1, dim) - height.roll(-1, dim)
        return (8 * near - (height.roll(2, dim) - height.roll(-2, dim))) / 12

    return torch.cat([falling(3), -falling(2)], dim=1)


def openness(slopes: torch.Tensor) -> torch.Tensor:
    """What of the sky the points of a tileable surface see, about: what is lower than its surroundings sees less.

    Args:
        slopes: ``(N, 2, H, W)``.

    Returns:
        ``(N, 1, H, W)`` in [0, 1].
    """
    height, width = slopes.shape[2:]
    across = torch.fft.rfftfreq(width, device=slopes.device)[None] * (2 * math.pi)
    down = torch.fft.fftfreq(height, device=slopes.device)[:, None] * (2 * math.pi)
    squared = across.square() + down.square()
    squared[0, 0] = 1
    # The height whose slopes come closest (Frankot and Chellappa 1988); normals lean away from where it rises.
    spectra = torch.fft.rfft2(slopes)
    spectrum = 1j * (across * spectra[:, :1] - down * spectra[:, 1:]) / squared
    spectrum[..., 0, 0] = 0
    dark = torch.zeros_like(slopes[:, :1])
    for deviation in _CAVITIES:
        over = torch.fft.irfft2(spectrum * (1 - torch.exp(-squared * (deviation**2 / 2))), s=(height, width))
        dark = dark + (-over / deviation).clamp(min=0)
    return torch.exp(-_CAVITY_DEPTH * dark)
