"""Interpolation: nearest, bicubic, Lanczos, Lanczos with sharpening.

Each is an operator for :mod:`matshot.inference.tiling`, as networks are: it tiles, wraps and keeps to a memory limit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..inference.tiling import Operator

#: Batches of images.
Array = NDArray[np.float32]
#: An interpolation kernel: weights at distances in pixels.
Kernel = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cubic convolution with a = -1/2, support 2 (Keys 1981, equation 4)."""
    x = np.abs(x)
    return np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, np.where(x < 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0.0))


def lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sinc windowed by a sinc three times as wide, support 3 (Duchon 1979)."""
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def box(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest sample alone, support 1/2."""
    return ((x > -0.5) & (x <= 0.5)).astype(np.float64)


class Enlarge:
    """Separable interpolation, ``N x C x H x W`` to ``N x C x scale H x scale W``, any encoding.

    Args:
        kernel: interpolation kernel.
        support: its radius, in input pixels.
        scale: whole number.
    """

    planes, outputs, grid, bytes_per_pixel = 1, 1, 1, 64

    def __init__(self, kernel: Kernel, support: int, scale: int) -> None:
        self.scale = scale
        self.receptive_field = support
        self._kernel = kernel

    @cached_property
    def _taps(self) -> Array:
        """``scale x (2 receptive_field + 1)``: weights of the inputs around cell i for each pixel in it."""
        reach = self.receptive_field
        inside = (np.arange(self.scale) + 0.5) / self.scale - 0.5
        weights = self._kernel(np.arange(-reach, reach + 1)[None, :] - inside[:, None])
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)

    def __call__(self, batch: Array) -> Array:
        """Enlarge; the border pixel stands for what lies outside."""
        return self._along(self._along(batch, 2), 3)

    def _along(self, x: Array, axis: int) -> Array:
        reach = self.receptive_field
        pad = [(0, 0)] * 4
        pad[axis] = (reach, reach)
        padded = np.pad(x, pad, mode="edge")
        size = x.shape[axis]
        shape = list(x.shape)
        shape[axis] *= self.scale
        out = np.zeros(shape, dtype=np.float32)
        for phase, taps in enumerate(self._taps):
            where = [slice(None)] * 4
            where[axis] = slice(phase, None, self.scale)
            target = out[tuple(where)]
            for offset, weight in enumerate(taps):
                if weight:
                    take = [slice(None)] * 4
                    take[axis] = slice(offset, offset + size)
                    target += weight * padded[tuple(take)]
        return out


class Sharpen:
    """An enlargement, then an unsharp mask as wide as an input pixel."""

    planes, outputs, grid, bytes_per_pixel = 1, 1, 1, 128

    def __init__(self, enlarge: Enlarge, amount: float = 0.6) -> None:
        self.scale = enlarge.scale
        self._enlarge, self._amount = enlarge, amount
        sigma = 0.5 * self.scale
        self._radius = int(np.ceil(3 * sigma))
        taps = np.exp(-0.5 * (np.arange(-self._radius, self._radius + 1) / sigma) ** 2)
        self._gauss = (taps / taps.sum()).astype(np.float32)
        self.receptive_field = enlarge.receptive_field + -(-self._radius // self.scale)

    def __call__(self, batch: Array) -> Array:
        """Enlarge, then add what a Gaussian takes away."""
        from scipy.ndimage import correlate1d

        large = self._enlarge(batch)
        smooth = correlate1d(
            correlate1d(large, self._gauss, axis=2, mode="nearest"), self._gauss, axis=3, mode="nearest"
        )
        return (large + self._amount * (large - smooth)).astype(np.float32)


class Downscale:
    """Another operator's result, downsampled by antialiased bicubic: a x4 network for x2.

    Args:
        operator: to follow.
        factor: how many times smaller; must divide the operator's scale.
        unit: normalize the result over its channels (normal maps).
    """

    def __init__(self, operator: Operator, factor: int, unit: bool = False) -> None:
        self.scale = operator.scale // factor
        self.planes, self.outputs, self.grid = operator.planes, operator.outputs, operator.grid
        self.bytes_per_pixel = operator.bytes_per_pixel + 8 * operator.planes * operator.scale**2
        reach = 2 * factor
        self.receptive_field = operator.receptive_field + -(-reach // operator.scale)
        self._operator, self._factor, self._unit = operator, factor, unit
        taps = cubic((np.arange(-reach, reach + factor) - (factor - 1) / 2) / factor)
        self._taps = (taps / taps.sum()).astype(np.float32)
        self._reach = reach

    def __call__(self, batch: Array) -> Array:
        """Apply, then shrink."""
        small = self._along(self._along(self._operator(batch), 2), 3)
        if self._unit:
            small = small / np.maximum(np.sqrt((small * small).sum(axis=1, keepdims=True)), 1e-6)
        return small.astype(np.float32)

    def _along(self, x: Array, axis: int) -> Array:
        pad = [(0, 0)] * 4
        pad[axis] = (self._reach, self._reach)
        padded = np.pad(x, pad, mode="edge")
        size = x.shape[axis]
        total = np.zeros([n // self._factor if i == axis else n for i, n in enumerate(x.shape)], dtype=np.float32)
        for offset, weight in enumerate(self._taps):
            take = [slice(None)] * 4
            take[axis] = slice(offset, offset + size, self._factor)
            total += weight * padded[tuple(take)]
        return total
