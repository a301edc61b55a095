"""A brick wall out of nothing but arithmetic, for demonstration and tests: it wraps, and its maps are in step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels
from ..image.normals import normal_from_height
from ..image.types import Texture

_FIRED = np.array([[0.56, 0.27, 0.19], [0.64, 0.36, 0.25], [0.45, 0.22, 0.17], [0.70, 0.45, 0.33]])
_MORTAR = np.array([0.62, 0.60, 0.56])


def noise(size: int, slope: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Periodic noise with an amplitude spectrum of 1 / frequency^slope, mean 0 and deviation 1, ``size x size``."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / frequency**slope
    field = np.fft.irfft2(spectrum, s=(size, size))
    return np.asarray((field - field.mean()) / field.std())


def brick_wall(size: int = 512, seed: int = 0) -> dict[str, Texture]:
    """A square brick wall that wraps on both axes.

    Args:
        size: pixels a side.
        seed: of bricks and noise.

    Returns:
        ``basecolor`` (srgb, 3 channels), ``normal_gl``, ``roughness`` and ``height`` (data, 1 channel, [0, 1]).
    """
    rng = np.random.default_rng(seed)
    rows, columns = 8, 4
    wobble = 0.012 * noise(size, 1.6, rng)
    v = (np.arange(size)[:, None] + 0.5) / size + wobble
    u = (np.arange(size)[None, :] + 0.5) / size + 0.7 * np.roll(wobble, size // 3, axis=1)
    row = np.floor(v * rows).astype(int) % rows
    across = u * columns + 0.5 * (row % 2)
    column = np.floor(across).astype(int) % columns
    # Distance to the nearest joint, in parts of a brick's height (a brick is twice as wide as high).
    joint = np.minimum(_to_edge(v * rows), 4 * _to_edge(across) * rows / columns / 4)
    brick = _smooth((joint - 0.07) / 0.09)
    grain, stains = noise(size, 0.9, rng), noise(size, 1.8, rng)
    tone = rng.uniform(0.82, 1.12, (rows, columns))[row, column]
    fired = _FIRED[rng.integers(len(_FIRED), size=(rows, columns))][row, column]
    pits = _smooth((grain - 1.6) / 0.5) * brick
    fired = fired * (tone * (1 + 0.07 * grain + 0.08 * stains) * (1 - 0.4 * pits))[..., None]
    mortar = _MORTAR * (1 + 0.06 * grain + 0.05 * np.roll(stains, size // 2, axis=0))[..., None]
    color = mortar + (fired - mortar) * brick[..., None]
    lifted = rng.uniform(0.85, 1.0, (rows, columns))[row, column]
    height = 0.1 + 0.8 * brick * lifted + 0.02 * grain + 0.02 * stains - 0.12 * pits
    roughness = 0.9 - 0.25 * brick + 0.04 * grain + 0.05 * stains + 0.1 * pits
    relief = _pixels(height[..., None])
    return {
        "basecolor": Texture(_pixels(color), "srgb", "xy"),
        "normal_gl": Texture(normal_from_height(relief * (0.03 * size), "xy", derivative="central"), "normal", "xy"),
        "roughness": Texture(_pixels(roughness[..., None]), "data", "xy"),
        "height": Texture(relief, "data", "xy"),
    }


def _to_edge(x: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = x - np.floor(x)
    return np.minimum(inside, 1 - inside)


def _smooth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = x.clip(0, 1)
    return x * x * (3 - 2 * x)


def _pixels(values: NDArray[np.float64]) -> Pixels:
    return values.clip(0, 1).astype(np.float32)
