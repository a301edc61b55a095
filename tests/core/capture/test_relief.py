"""Height and ambient occlusion from normals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from matshot.capture.relief import occlusion, relief_of_normals
from matshot.errors import MatshotError
from matshot.image.normals import normal_from_height
from matshot.shading.procedural import brick_wall, noise


def bumps(size=128, amplitude=4.0, seed=0):
    return (amplitude * noise(size, 2.0, np.random.default_rng(seed))).astype(np.float32)


def flat(height, width):
    return np.broadcast_to(np.array([0, 0, 1], dtype=np.float32), (height, width, 3))


def groove(size, slope, half):
    """A straight V that runs down the picture, ``half`` pixels to each side, in a plateau."""
    across = np.minimum(np.abs(np.arange(size) - (size - 1) / 2), half) * slope
    return np.broadcast_to(across.astype(np.float32), (size, size))


# Height.


def test_height_is_that_of_the_normals_and_keeps_its_scale():
    surface = bumps()
    relief = relief_of_normals(normal_from_height(surface, "xy"), "xy")
    assert relief.height.shape == (128, 128, 1)
    assert relief.height.min() == pytest.approx(0, abs=1e-6)
    assert relief.height.max() == pytest.approx(1, abs=1e-6)
    found = relief.height[..., 0] * relief.scale * 128
    np.testing.assert_allclose(found - found.mean(), surface - surface.mean(), atol=0.05)


def test_a_flat_map_is_half_high_and_open():
    relief = relief_of_normals(flat(24, 32), "none")
    np.testing.assert_array_equal(relief.height, 0.5)
    np.testing.assert_array_equal(relief.occlusion("none"), 1)
    assert 0 < relief.scale < 1e-3


def test_strength_deepens_and_darkens():
    plain = relief_of_normals(normal_from_height(bumps(), "xy"), "xy")
    strong, none = plain.strengthened(2), plain.strengthened(0)
    assert plain.strengthened(1) is plain
    assert strong.scale == pytest.approx(2 * plain.scale, rel=1e-4)
    np.testing.assert_allclose(strong.height, plain.height, atol=1e-4)
    assert strong.occlusion("xy").mean() < plain.occlusion("xy").mean()
    assert none.occlusion("xy").min() == 1
    np.testing.assert_array_equal(none.height, 0.5)
    assert 0 < none.scale < 1e-3


@pytest.mark.parametrize("wrap", ["none", "x", "xy"])
def test_drift_is_taken_off_and_detail_stays(wrap):
    """A hill over the whole picture goes, bricks stay."""
    size = 256
    bricks = brick_wall(size)["height"].pixels[..., 0] * 6
    y, x = np.mgrid[:size, :size] / size
    hill = 15 * np.cos(2 * np.pi * x) + (10 * y if "y" not in wrap else 0)
    normal = normal_from_height(bricks + hill.astype(np.float32), wrap)
    relief, kept = relief_of_normals(normal, wrap, drift=1 / 16), relief_of_normals(normal, wrap)
    assert np.corrcoef(relief.height.ravel(), bricks.ravel())[0, 1] > 0.9
    assert np.corrcoef(kept.height.ravel(), bricks.ravel())[0, 1] < 0.5


def test_what_is_out_of_range_is_refused():
    with pytest.raises(MatshotError):
        relief_of_normals(flat(8, 8), "none", drift=2)


# Ambient occlusion.


@pytest.mark.parametrize("slope", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("aside", [0.5, 4.5, 9.5])
def test_a_groove_against_its_closed_form(slope, aside):
    """Both walls rise as planes: each half of the sky gives ``1 / sqrt(1 + tan^2)`` of their steepest ways."""
    size, half = 448, 13.5
    found = occlusion(groove(size, slope, half), "y")[size // 2, size // 2 + int(aside - 0.5), 0]
    opposite = slope * (half - aside) / (half + aside)
    exact = (1 / math.hypot(1, slope) + 1 / math.hypot(1, opposite)) / 2
    assert found == pytest.approx(exact, rel=0.05)


def test_a_pit_is_darker_than_a_peak():
    y, x = np.mgrid[:96, :96]
    bell = 8 * np.exp(-(np.square(x - 48) + np.square(y - 48)) / 32).astype(np.float32)
    pit, peak = occlusion(-bell, "none")[48, 48, 0], occlusion(bell, "none")[48, 48, 0]
    assert peak == 1
    assert pit < 0.6


def test_a_step_darkens_its_foot_and_not_its_top():
    step = np.where(np.arange(96) < 48, 0, 10).astype(np.float32) * np.ones((96, 1), np.float32)
    light = occlusion(step, "y")[48, :, 0]
    assert light[47] == light.min()
    assert np.all(np.diff(light[40:48]) <= 0)
    np.testing.assert_allclose(light[48:], 1, atol=1e-6)


@pytest.mark.parametrize(("wrap", "shift"), [("xy", (37, 50)), ("x", (0, 50)), ("y", (37, 0))])
def test_where_a_repeat_begins_does_not_matter(wrap, shift):
    surface = bumps(96)
    turned = occlusion(np.roll(surface, shift, axis=(0, 1)), wrap)
    np.testing.assert_allclose(turned, np.roll(occlusion(surface, wrap), shift, axis=(0, 1)), atol=1e-6)


def test_no_direction_is_preferred():
    surface = bumps(96)
    light = occlusion(surface, "xy")
    np.testing.assert_allclose(occlusion(np.ascontiguousarray(surface.T), "xy")[..., 0], light[..., 0].T, atol=1e-5)
    np.testing.assert_allclose(occlusion(surface[::-1], "xy"), light[::-1], atol=1e-5)


def test_an_open_border_is_no_wall():
    """The other side of the picture is not seen where it does not repeat."""
    surface = np.zeros((64, 64), dtype=np.float32)
    surface[:, -4:] = 20
    assert occlusion(surface, "none")[32, 0, 0] == 1
    assert occlusion(surface, "x")[32, 0, 0] < 0.8


def test_small_maps_work():
    assert occlusion(np.ones((1, 1), np.float32), "xy") == 1
    assert occlusion(bumps(4), "x").shape == (4, 4, 1)
