"""A generated brick wall for demonstrations and tests: it tiles, its maps are aligned, and it can be photographed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels, srgb_from_linear
from ..image.normals import normal_from_height
from ..image.types import Texture
from ..material.types import MapKind, Material
from .render import Camera, Environment, SoftLight, exposure, flash, render
from .surface import surface_of

#: Display-encoded colors of bricks.
_FIRED = np.array([[0.56, 0.27, 0.19], [0.64, 0.36, 0.25], [0.45, 0.22, 0.17], [0.70, 0.45, 0.33]])
#: Display-encoded color of mortar.
_MORTAR = np.array([0.62, 0.60, 0.56])

#: How often the wall repeats on each axis of a photograph of it.
_REPEATS = 2

#: Overcast sky with a soft light from the left, as in a courtyard.
_DAYLIGHT = (Environment((0.8, 0.85, 0.9), (0.7, 0.72, 0.75), (0.3, 0.3, 0.3)), SoftLight((-0.6, 0.4, 0.7), 1.2, 12))


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
        size: pixels per side.
        seed: of bricks and noise.

    Returns:
        ``basecolor`` (srgb, 3 channels), ``normal_gl``, ``roughness`` and ``height`` (data, 1 channel, [0, 1]).

    Example:
        >>> from matshot.shading.procedural import brick_wall
        >>> brick_wall(64, seed=3)["basecolor"]
        <Texture 64 x 64, 3 channels, srgb, tiles on x and y>
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


def brick_material(size: int = 512, seed: int = 0) -> Material:
    """The wall of :func:`brick_wall` as a material named ``bricks``.

    Args:
        size: pixels per side.
        seed: of bricks and noise.

    Example:
        >>> from matshot.shading.procedural import brick_material
        >>> brick_material(64)
        <Material bricks, 64 x 64, tiles on x and y: basecolor, normal, roughness, height>
    """
    names: dict[str, MapKind] = {
        "basecolor": "basecolor",
        "normal_gl": "normal",
        "roughness": "roughness",
        "height": "height",
    }
    return Material({names[name]: texture for name, texture in brick_wall(size, seed).items()}, name="bricks")


def wall_photographs(size: int = 512, seed: int = 0) -> tuple[Texture, Texture]:
    """A flash photograph of the brick wall and one in daylight, as a phone stores them.

    Args:
        size: pixels per side, a multiple of 4.
        seed: of the wall and of the sensor's noise.

    Returns:
        With flash and without, ``srgb``, ``size x size x 3`` in [0, 1]; the wall repeats twice on each axis.

    Example:
        >>> from matshot.shading.procedural import wall_photographs
        >>> flash, ambient = wall_photographs(128)
        >>> flash
        <Texture 128 x 128, 3 channels, srgb, does not tile>
    """
    wall = brick_material(size // _REPEATS, seed)
    tiled = {kind: replace(t, pixels=np.tile(t.pixels, (_REPEATS, _REPEATS, 1))) for kind, t in wall.maps.items()}
    surface = surface_of(Material(tiled))
    camera = Camera(size, size)
    rng = np.random.default_rng(seed)
    flashed = render(surface, camera, [flash(camera, offset=(0.02, 0.03))])
    daylit = render(surface, camera, _DAYLIGHT)
    return Texture(_exposed(flashed, rng), "srgb"), Texture(_exposed(daylit, rng), "srgb")


def _exposed(radiance: Pixels, rng: np.random.Generator) -> Pixels:
    """Exposed for the highlights, with the noise of a sensor."""
    signal = radiance * np.float32(exposure(radiance, 0.95))
    grain = rng.standard_normal(signal.shape, dtype=np.float32) * np.sqrt(signal.clip(0) * 1e-4 + 2e-6)
    return srgb_from_linear((signal + grain).clip(0, 1).astype(np.float32))


def _to_edge(x: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = x - np.floor(x)
    return np.minimum(inside, 1 - inside)


def _smooth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = x.clip(0, 1)
    return x * x * (3 - 2 * x)


def _pixels(values: NDArray[np.float64]) -> Pixels:
    return values.clip(0, 1).astype(np.float32)
