"""The sliders on a captured surface."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.capture.adjustments import adjusted
from matshot.errors import MatshotError
from matshot.image.color import linear_from_srgb
from matshot.shading.procedural import brick_wall
from matshot.shading.surface import Surface


def surface(metallic=0.0):
    maps = brick_wall(64)
    color = linear_from_srgb(maps["basecolor"].pixels)
    return Surface.of(color, maps["normal_gl"].pixels, maps["roughness"].pixels, metallic)


def returned(wall):
    """Diffuse and specular reflectance together, at normal incidence."""
    return wall.base_color + 0.08 * wall.specular * (1 - wall.metallic)


def test_defaults_change_nothing():
    wall = surface()
    assert adjusted(wall) is wall


@pytest.mark.parametrize("slider", [-1.0, -0.4, 0.3, 1.0])
def test_roughness_moves_all_one_way_and_keeps_their_order(slider):
    ramp = np.linspace(0.03, 0.97, 65, dtype=np.float32).reshape(1, -1, 1)
    moved = adjusted(Surface.of(np.zeros((1, 65, 3), np.float32), roughness=ramp), roughness=slider).roughness
    assert np.all(np.sign(moved - ramp) == np.sign(slider))
    assert np.all(np.diff(moved, axis=1) > 0)
    assert moved.min() > 0
    assert moved.max() < 1


def test_roughness_is_undone_by_its_opposite_and_mirrors_gloss():
    bricks = surface()
    wall = Surface.of(bricks.base_color, roughness=bricks.roughness.clip(0.05, 0.95))
    up = adjusted(wall, roughness=0.5)
    np.testing.assert_allclose(adjusted(up, roughness=-0.5).roughness, wall.roughness, atol=1e-5)
    glossy = Surface.of(wall.base_color, roughness=1 - wall.roughness)
    np.testing.assert_allclose(adjusted(glossy, roughness=-0.5).roughness, 1 - up.roughness, atol=1e-5)


def test_even_a_map_of_ones_moves():
    chalk = Surface.of(np.ones((2, 2, 3), np.float32), roughness=1.0)
    assert adjusted(chalk, roughness=-1).roughness.max() < 0.9


def test_small_moves_are_small():
    wall = surface()
    assert np.abs(adjusted(wall, roughness=0.01).roughness - wall.roughness).max() < 0.01


def test_normal_strength_scales_slopes():
    wall = surface()
    for strength in (0.0, 0.5, 3.0):
        normal = adjusted(wall, normal_strength=strength).normal
        np.testing.assert_allclose(np.linalg.norm(normal, axis=2), 1, atol=1e-5)
        slopes = normal[..., :2] / normal[..., 2:]
        np.testing.assert_allclose(slopes, strength * wall.normal[..., :2] / wall.normal[..., 2:], rtol=1e-3, atol=1e-4)


def test_metal_keeps_what_comes_back():
    wall = surface()
    metal = adjusted(wall, metal="on")
    assert metal.metallic.min() == 1
    np.testing.assert_allclose(returned(metal), returned(wall), atol=1e-6)
    again = adjusted(metal, metal="off")
    assert again.metallic.max() == 0
    np.testing.assert_allclose(again.base_color, wall.base_color, atol=1e-6)


def test_metal_never_reflects_more_than_all():
    white = Surface.of(np.full((2, 2, 3), 0.99, np.float32))
    assert adjusted(white, metal="on").base_color.max() <= 1
    black = Surface.of(np.full((2, 2, 3), 0.01, np.float32), metallic=1.0)
    assert adjusted(black, metal="off").base_color.min() >= 0


def test_auto_leaves_metal_as_it_is():
    half = surface(metallic=0.5)
    np.testing.assert_array_equal(adjusted(half, metal="auto", roughness=0.1).metallic, half.metallic)
    np.testing.assert_array_equal(adjusted(half, metal="auto", roughness=0.1).base_color, half.base_color)


@pytest.mark.parametrize(
    "sliders",
    [
        {"roughness": 1.5},
        {"roughness": float("nan")},
        {"normal_strength": -1},
        {"normal_strength": 5},
        {"metal": "gold"},
    ],
)
def test_what_is_out_of_range_is_refused(sliders):
    with pytest.raises(MatshotError):
        adjusted(surface(), **sliders)
