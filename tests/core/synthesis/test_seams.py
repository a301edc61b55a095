"""Maps that are made to repeat."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from matshot.errors import MatshotError
from matshot.image.color import linear_from_srgb, srgb_from_linear
from matshot.image.wrap import measured_wrap
from matshot.shading.procedural import brick_wall, noise
from matshot.shading.surface import Surface
from matshot.synthesis.seams import band_pixels, seamless, seamless_surface


def wall(seed=0, size=256):
    """A brick wall's color, normal and roughness without its last bricks, so that it does not repeat."""
    maps = brick_wall(size, seed)
    part = slice(size // 9, -size // 11), slice(size // 7, -size // 13)
    return {kind: texture.pixels[part] for kind, texture in maps.items()}


def surface(seed=0):
    maps = wall(seed)
    return Surface.of(linear_from_srgb(maps["basecolor"]), maps["normal_gl"], maps["roughness"])


def steps(pixels, axis):
    """Mean step from each line to the next, the last one to the first."""
    return np.abs(np.roll(pixels, -1, axis) - pixels).mean(axis=(1 - axis, 2))


def light(height, width, strength=0.3):
    return (strength * np.linspace(-0.5, 0.5, width, dtype=np.float32))[None, :, None] * np.ones((height, 1, 1))


def grain(height, width, seed=0):
    field = noise(max(height, width), 0.8, np.random.default_rng(seed))[:height, :width, None]
    return (0.5 + 0.05 * field).astype(np.float32)


# A wall.


@pytest.mark.parametrize("seed", range(4))
def test_a_piece_of_wall_repeats(seed):
    color = wall(seed)["basecolor"]
    assert measured_wrap(color) == "none"
    tile = seamless(color)
    band = band_pixels(1 / 8, color.shape)
    assert tile.shape == (color.shape[0] - band, color.shape[1] - band, 3)
    assert measured_wrap(tile) == "xy"


@pytest.mark.parametrize("seed", range(4))
def test_no_line_of_the_wall_stands_out(seed):
    color = wall(seed)["basecolor"]
    tile = seamless(color)
    for axis in (0, 1):
        before = steps(color, axis)
        assert before[-1] > 2 * before[:-1].mean()
        assert steps(tile, axis).max() < 1.1 * before[:-1].max()


def test_the_band_is_neither_rougher_nor_softer():
    """On noise, where all lines are alike: within 6 %, and no line leaves what lines of noise do."""
    for seed in range(3):
        grains = grain(200, 200, seed)[:180, :170]
        band = band_pixels(1 / 8, grains.shape)
        for axis in (0, 1):
            along, before = steps(seamless(grains), axis), steps(grains, axis)[:-1]
            assert along[:band].mean() == pytest.approx(along[band:].mean(), rel=0.06)
            assert along.max() < 1.1 * before.max()
            assert along.min() > 0.85 * before.min()


def test_pixels_outside_the_band_change_in_tone_alone():
    color = wall()["basecolor"]
    tile = seamless(color, "x", band=20)
    tone = tile[:, 20:] - color[:, 20:-20]
    assert np.abs(tone).max() < 0.1
    assert np.abs(np.diff(tone, axis=0)).max() < 0.005
    assert np.abs(np.diff(tone, axis=1)).max() < 0.005


# What it is made of.


def test_the_cut_follows_what_is_alike():
    """Two pictures agree only along a winding line: nothing but pixels of either can be in the tile, and no step."""
    height, width, band = 96, 160, 40
    rng = np.random.default_rng(0)
    planes = np.full((height, width, 1), 0.5, dtype=np.float32)
    line = 20 + np.round(9 * np.sin(np.arange(height) / 9)).astype(int)
    away = np.abs(np.arange(band) - line[:, None]) > 4
    planes[:, :band, 0] += 0.4 * away * rng.choice([-1, 1], (height, band))
    planes[:, -band:, 0] += 0.4 * away * rng.choice([-1, 1], (height, band))
    tile = seamless(planes, "x", band=band)
    joined = np.take_along_axis(tile[..., 0], line[:, None] + np.arange(-1, 2), axis=1)
    np.testing.assert_allclose(joined, 0.5, atol=0.02)


def test_hard_edged_patches_get_no_halo():
    rng = np.random.default_rng(3)
    patches = np.kron(rng.choice([0.1, 0.5, 0.9], (7, 7, 1)), np.ones((32, 32, 1))).astype(np.float32)
    tile = seamless(patches[:216, :210])
    near = np.abs(tile - np.array([0.1, 0.5, 0.9], dtype=np.float32)).min(axis=2)
    assert np.mean(near > 0.02) < 0.06


def test_light_from_one_side_is_evened_out():
    flat = grain(180, 200)
    tile = seamless(flat + light(180, 200).astype(np.float32), "x")
    climb = np.polyfit(np.linspace(0, 1, tile.shape[1]), tile.mean(axis=(0, 2)), 1)[0]
    assert abs(climb) < 0.02
    assert tile.mean() == pytest.approx(0.5, abs=0.01)


def test_a_soft_stain_at_one_border_leaves_no_step():
    y, x = np.mgrid[:160, :160] / 160
    stain = 0.06 * np.exp(-(np.square(x) + np.square(y - 0.5)) / 0.1)
    planes = (0.5 + stain + 0.004 * noise(160, 0.5, np.random.default_rng(0)))[..., None].astype(np.float32)
    tile = seamless(planes, "x")
    tone = np.stack([np.roll(tile, k, 1) for k in range(-4, 5)]).mean(axis=0)[70:90].mean(axis=0)
    assert np.abs(tone - np.roll(tone, 10, 0)).max() < 0.015


def test_an_axis_that_repeats_goes_on_doing_so():
    """Nothing tells where it began: turned input, turned result."""
    color = brick_wall(128)["basecolor"].pixels[:, :110]
    tile = seamless(color, "x", wrap="y")
    assert tile.shape[0] == 128
    turned = seamless(np.roll(color, 37, axis=0), "x", wrap="y")
    np.testing.assert_allclose(np.roll(tile, 37, axis=0), turned, atol=1e-3)
    assert measured_wrap(tile) == "xy"


def test_axes_that_repeat_or_are_not_asked_for_keep_their_size():
    color = wall()["basecolor"]
    assert seamless(color, "y").shape[1] == color.shape[1]
    np.testing.assert_array_equal(seamless(color, "xy", wrap="xy"), color)
    np.testing.assert_array_equal(seamless(color, "none"), color)


@pytest.mark.parametrize("band", [2, 0.01, 0.6, 150])
def test_a_band_that_cannot_work_is_refused(band):
    with pytest.raises(MatshotError, match="overlap"):
        seamless(wall()["basecolor"], band=band)


def test_a_constant_stays():
    tile = seamless(np.full((64, 80, 2), 0.3, dtype=np.float32))
    np.testing.assert_allclose(tile, 0.3, atol=1e-6)


# Surfaces.


def test_a_surface_repeats_in_all_its_maps():
    tile = seamless_surface(surface())
    for pixels in (srgb_from_linear(tile.base_color), tile.normal, tile.roughness):
        assert measured_wrap(pixels) == "xy"
    np.testing.assert_allclose(np.linalg.norm(tile.normal, axis=2), 1, atol=1e-5)
    for name in ("roughness", "metallic", "specular", "anisotropy"):
        values = getattr(tile, name)
        assert values.min() >= 0
        assert values.max() <= 1
    assert all(getattr(tile, f.name).shape[:2] == (tile.height, tile.width) for f in fields(tile))


def test_maps_stay_in_step():
    """What was the same in two maps is the same afterwards."""
    whole = surface()
    red = srgb_from_linear(whole.base_color)[..., :1]
    tile = seamless_surface(Surface.of(whole.base_color, whole.normal, red))
    np.testing.assert_allclose(tile.roughness, srgb_from_linear(tile.base_color)[..., :1].clip(0, 1), atol=1e-4)


def test_a_tilted_plane_is_laid_level():
    tilt = np.array([0.2, -0.1, 0.97], dtype=np.float32)
    tilted = np.broadcast_to(tilt / np.linalg.norm(tilt), (64, 64, 3)).astype(np.float32)
    color = np.repeat(grain(64, 64), 3, axis=2)
    np.testing.assert_allclose(seamless_surface(Surface.of(color, tilted)).normal[..., :2], 0, atol=1e-3)
    only_x = seamless_surface(Surface.of(color, tilted), "x").normal
    np.testing.assert_allclose(only_x[..., 0], 0, atol=1e-3)
    np.testing.assert_allclose(only_x[..., 1] / only_x[..., 2], tilt[1] / tilt[2], atol=1e-3)


def test_directions_meet_as_lines_not_as_numbers():
    """Brushed along 89 degrees on one side and -89 on the other: one direction but for two degrees."""
    angle = np.deg2rad(np.where(np.arange(80) < 40, 89.0, -89.0)).astype(np.float32)
    angle = np.broadcast_to(angle[None, :, None], (64, 80, 1))
    brushed = Surface.of(
        np.repeat(grain(64, 80), 3, axis=2), anisotropy=np.full_like(angle, 0.7), anisotropy_angle=angle
    )
    tile = seamless_surface(brushed)
    np.testing.assert_allclose(tile.anisotropy, 0.7, atol=0.01)
    assert np.abs(np.cos(tile.anisotropy_angle)).max() < 0.05


def test_a_negative_anisotropy_is_one_across():
    angle = np.full((64, 64, 1), 0.3, dtype=np.float32)
    brushed = Surface.of(
        np.repeat(grain(64, 64), 3, axis=2), anisotropy=-0.5 * np.ones_like(angle), anisotropy_angle=angle
    )
    tile = seamless_surface(brushed)
    np.testing.assert_allclose(tile.anisotropy, 0.5, atol=1e-4)
    np.testing.assert_allclose(tile.anisotropy_angle, 0.3 - np.pi / 2, atol=1e-4)
