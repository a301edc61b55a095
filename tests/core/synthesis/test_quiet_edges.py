"""Where the edges of tileable results lie."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.image.types import Texture
from matshot.material.types import Material
from matshot.synthesis.multiply import MultiplyOptions, multiply
from matshot.synthesis.quiet_edges import lay_edges, quiet_shift


def tiles(side, period, seed=0):
    """Tiles of many shades, whose joints begin at the first pixel."""
    y, x = np.mgrid[:side, :side]
    rng = np.random.default_rng(seed)
    shade = rng.uniform(0.5, 0.7, (side // period, side // period))[y // period, x // period]
    joint = ((y % period) < 2) | ((x % period) < 2)
    grain = rng.normal(0, 0.01, (side, side))
    return (np.where(joint, 0.2, shade) + grain)[..., None].astype(np.float32)


def rank(pixels, axis):
    """Part of the lines inside whose step is nearer to the mean than that across the edge."""
    steps = np.abs(pixels - np.roll(pixels, 1, axis)).mean(axis=(1 - axis, 2))
    unusual = np.abs(steps / steps[1:].mean() - 1)
    return float((unusual[1:] < unusual[0]).mean())


@pytest.mark.parametrize("axis", [0, 1])
def test_a_joint_at_the_edge_is_moved_inside(axis):
    pixels = tiles(96, 24)
    assert rank(pixels, axis) > 0.9
    shift = quiet_shift([pixels], axis)
    # No sliver of a tile is left: joints end two pixels behind the period.
    assert 3 <= abs(shift) <= 12
    assert rank(np.roll(pixels, shift, axis), axis) <= 0.65


def test_all_maps_move_alike_and_lose_nothing():
    color, nails = tiles(96, 24), np.zeros((96, 96, 1), dtype=np.float32)
    nails[20::24, 20::24] = 1
    nails += np.random.default_rng(1).normal(0, 0.02, nails.shape).astype(np.float32)
    nails = nails.clip(0, 1)
    maps = {"basecolor": Texture(np.repeat(color, 3, 2), "srgb", "xy"), "metallic": Texture(nails.copy(), "data", "xy")}
    material = Material(maps)
    lay_edges(material, "xy")
    moved = [material.maps[kind].pixels[..., :1] for kind in ("basecolor", "metallic")]
    shifts = [
        (y, x)
        for y in range(-48, 48)
        for x in range(-48, 48)
        if np.array_equal(np.roll(color, (y, x), (0, 1))[:2], moved[0][:2])
    ]
    assert len(shifts) == 1
    np.testing.assert_array_equal(moved[0], np.roll(color, shifts[0], (0, 1)))
    np.testing.assert_array_equal(moved[1], np.roll(nails, shifts[0], (0, 1)))
    for pixels in moved:
        assert max(rank(pixels, 0), rank(pixels, 1)) < 0.9


def test_what_is_constant_or_ordinary_stays():
    assert quiet_shift([np.full((40, 40, 1), 0.5, np.float32)], 0) == 0
    waves = np.sin(2 * np.pi * np.arange(64) / 64)[:, None, None] * np.ones((1, 8, 1))
    assert quiet_shift([], 0) == 0
    assert abs(quiet_shift([waves.astype(np.float32)], 0)) < 16


def test_the_edge_of_multiplied_tiles_shows_no_joint():
    source = Material({"basecolor": Texture(np.repeat(tiles(96, 24), 3, 2).clip(0, 1), "srgb", "xy")})
    result = multiply(source, MultiplyOptions(size=(96, 96), tileable=True, threads=1))[0]
    for axis in (0, 1):
        assert rank(result.maps["basecolor"].pixels, axis) <= 0.7
