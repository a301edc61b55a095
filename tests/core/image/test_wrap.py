"""Finding out whether a texture repeats."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.image.wrap import continued, measured_wrap
from matshot.shading.procedural import brick_wall


@pytest.mark.parametrize("seed", range(6))
def test_a_wall_that_wraps_wraps(seed: int) -> None:
    pixels = brick_wall(128, seed)["basecolor"].pixels
    assert measured_wrap(pixels) == "xy"
    assert measured_wrap(np.roll(pixels, (31, 57), axis=(0, 1))) == "xy"


def test_axes_are_told_apart() -> None:
    x = np.arange(200) / 200
    drift = np.linspace(0, 1, 200)
    waves = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * x)
    both = (0.5 * waves[None, :] + 0.5 * drift[:, None])[..., None].astype(np.float32)
    assert measured_wrap(both) == "x"
    assert measured_wrap(both.swapaxes(0, 1)) == "y"


def test_a_gradient_does_not_wrap() -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32)
    assert measured_wrap((ramp[:, None] + ramp[None, :])[..., None]) == "none"


def test_a_constant_wraps_and_a_few_pixels_do_not() -> None:
    assert measured_wrap(np.full((16, 16, 3), 0.5, dtype=np.float32)) == "xy"
    assert measured_wrap(np.random.default_rng(0).random((2, 2, 3)).astype(np.float32)) == "none"


@pytest.mark.parametrize("wrap", ["none", "x", "y", "xy"])
def test_a_texture_goes_on_beyond_its_edges_where_it_wraps(wrap):
    pixels = np.arange(24, dtype=np.float32).reshape(4, 6, 1)
    wide, inside = continued(pixels, 7, wrap)
    assert wide.shape == (4 + 14 * ("y" in wrap), 6 + 14 * ("x" in wrap), 1)
    np.testing.assert_array_equal(wide[inside], pixels)
    rows, columns = np.indices(wide.shape[:2])
    expected = pixels[(rows - inside[0].start) % 4, (columns - inside[1].start) % 6]
    np.testing.assert_array_equal(wide, expected)
