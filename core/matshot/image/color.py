"""Transfer functions and luma.

Both transfer functions are odd and unbounded, so that negative and over-bright values survive the round trip.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Pixels of an image, ``H x W x C`` unless a function says otherwise.
Pixels = NDArray[np.float32]
#: Where something holds, ``H x W`` unless a function says otherwise.
Mask = NDArray[np.bool_]

#: Rec. 601 luma weights of display-encoded R, G and B; the Y of PSNR-Y.
LUMA_601 = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def srgb_from_linear(linear: Pixels) -> Pixels:
    """Encode scene-linear values for display, IEC 61966-2-1.

    Args:
        linear: any shape; 0 is black, 1 is diffuse white, other values allowed.

    Returns:
        Same shape, ``float32``.
    """
    size = np.abs(linear)
    curve = 1.055 * np.power(np.maximum(size, 0.0031308), 1 / 2.4) - 0.055
    return np.copysign(np.where(size <= 0.0031308, size * 12.92, curve), linear).astype(np.float32)


def linear_from_srgb(encoded: Pixels) -> Pixels:
    """Decode display-encoded values to scene-linear, the inverse of :func:`srgb_from_linear`."""
    size = np.abs(encoded)
    curve = np.power((np.maximum(size, 0.04045) + 0.055) / 1.055, 2.4)
    return np.copysign(np.where(size <= 0.04045, size / 12.92, curve), encoded).astype(np.float32)


def luma(rgb: Pixels) -> Pixels:
    """Rec. 601 luma ``H x W`` of display-encoded ``H x W x 3``, in the range of the input."""
    return (rgb[..., :3] @ LUMA_601).astype(np.float32)
