"""What the benchmarks measure with, in plain NumPy and on purpose without the code that they judge.

Images are ``H x W x 3`` float in [0, 1], display-encoded, unless a function says otherwise.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

Image = NDArray[np.floating]

#: MATLAB's ``rgb2ycbcr``: Y in 16 .. 235 of R, G and B in [0, 1] (ITU-R BT.601).
_LUMA = np.array([65.481, 128.553, 24.966])
_LUMA_BLACK = 16.0

#: The two stabilising constants of SSIM for a range of 255 (Wang et al. 2004, section III-B).
_SSIM_MEAN = (0.01 * 255) ** 2
_SSIM_VARIANCE = (0.03 * 255) ** 2


def as_stored(image: Image) -> Image:
    """Clipped and rounded to 8 bits, as a file holds it. Any shape."""
    return np.rint(np.clip(image, 0, 1) * 255) / 255


def luma(image: Image) -> Image:
    """Y of the customary PSNR-Y, ``H x W`` in 16 .. 235."""
    return image @ _LUMA + _LUMA_BLACK


def psnr_y(result: Image, truth: Image, border: int) -> float:
    """Peak signal-to-noise ratio of Y in dB, peak 255, ``border`` pixels cut on each side."""
    difference = _inside(luma(result) - luma(truth), border)
    return float(20 * np.log10(255) - 10 * np.log10(np.mean(difference**2)))


def ssim_y(result: Image, truth: Image, border: int) -> float:
    """Structural similarity of Y (Wang, Bovik, Sheikh and Simoncelli 2004, equation 13), ``border`` pixels cut."""
    a, b = _inside(luma(result), border), _inside(luma(truth), border)
    mean_a, mean_b = _blurred(a), _blurred(b)
    variance_a = _blurred(a * a) - mean_a**2
    variance_b = _blurred(b * b) - mean_b**2
    covariance = _blurred(a * b) - mean_a * mean_b
    brightness = (2 * mean_a * mean_b + _SSIM_MEAN) / (mean_a**2 + mean_b**2 + _SSIM_MEAN)
    structure = (2 * covariance + _SSIM_VARIANCE) / (variance_a + variance_b + _SSIM_VARIANCE)
    return float(np.mean(brightness * structure))


def perceptual(result: Image, truth: Image) -> float:
    """ST-LPIPS over VGG16, lower is better.

    Raises:
        ModuleNotFoundError: when torch or the published weights are not installed.
    """
    import torch

    def planar(image: Image) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32))[None]

    with torch.inference_mode():
        return float(_perceptual_distance().per_image(planar(result), planar(truth))[0])


def color_shift(result: Image, truth: Image) -> float:
    """How far the mean colour moved: mean over R, G and B of the absolute difference, of 255."""
    return float(np.abs(result.mean((0, 1)) - truth.mean((0, 1))).mean() * 255)


def angular_error(result: Image, truth: Image) -> float:
    """Mean angle between unit vectors ``H x W x 3``, in degrees."""
    return float(np.degrees(np.arccos(np.clip((result * truth).sum(-1), -1, 1))).mean())


def unit_vectors(encoded: Image) -> Image:
    """Normals stored in [0, 1] as unit vectors."""
    vectors = encoded * 2 - 1
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def resized(image: Image, height: int, width: int, wrap: str = "none") -> Image:
    """MATLAB's ``imresize``: Keys' bicubic, stretched when shrinking (antialiased).

    Args:
        image: ``H x W x C``.
        height: of the result.
        width: of the result.
        wrap: axes on which the image repeats; on the others it is mirrored at its edge, as MATLAB does.

    Returns:
        ``height x width x C``, float64, not clipped.
    """
    rows = _resizing(image.shape[0], height, "y" in wrap)
    columns = _resizing(image.shape[1], width, "x" in wrap)
    return np.einsum("iy,yxc,jx->ijc", rows, image, columns, optimize=True)


def _inside(plane: Image, border: int) -> Image:
    return plane[border : plane.shape[0] - border, border : plane.shape[1] - border]


def _blurred(plane: Image) -> Image:
    """Gaussian 11 x 11, sigma 1.5, only where the window lies inside."""
    offset = np.arange(-5, 6)
    weights = np.exp(-(offset**2) / (2 * 1.5**2))
    weights /= weights.sum()
    return correlate1d(correlate1d(plane, weights, axis=0), weights, axis=1)[5:-5, 5:-5]


def _cubic(x: Image) -> Image:
    """Keys 1981, equation (4), a = -1/2."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


@cache
def _resizing(size: int, wanted: int, wraps: bool) -> Image:
    """Matrix ``wanted x size`` that resamples one axis."""
    scale = wanted / size
    stretch = min(scale, 1.0)
    position = (np.arange(wanted) + 0.5) / scale - 0.5
    reach = int(np.ceil(2 / stretch)) + 1
    taps = np.floor(position)[:, None] + np.arange(-reach, reach + 1)
    weights = _cubic((taps - position[:, None]) * stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    index = taps.astype(int)
    if wraps:
        index %= size
    else:
        index %= 2 * size
        index = np.where(index < size, index, 2 * size - 1 - index)
    matrix = np.zeros((wanted, size))
    np.add.at(matrix, (np.arange(wanted)[:, None], index), weights)
    return matrix


@cache
def _perceptual_distance():
    from matshot_export.perceptual import PerceptualDistance

    return PerceptualDistance().eval()
