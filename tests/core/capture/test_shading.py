"""Slopes from the quotient of the two photographs."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from matshot.capture.shading import (
    diffuse_response,
    guided_slopes,
    height_of_shade,
    integrable_slopes,
    slopes_of_height,
)
from matshot.errors import MatshotError
from matshot.image.normals import normal_from_height
from matshot.shading.procedural import noise
from matshot.shading.render import Camera, SoftLight, flash, render
from matshot.shading.surface import Surface

SIZE = 144
CAMERA = Camera(SIZE, SIZE)
#: Away from the border, where the surface ends.
INSIDE = (slice(32, 112), slice(32, 112))
EVERYWHERE = np.ones((SIZE, SIZE), bool)


def bumps(seed=0, steep=0.2):
    """Heights in pixels, smooth below three pixels."""
    height = cv2.GaussianBlur(noise(SIZE, 1.2, np.random.default_rng(seed)), (0, 0), 1.5)
    return (height * steep / np.gradient(height)[0].std()).astype(np.float32)


def matt(color, normal=None):
    """Lambert's: without a highlight."""
    return Surface.of(color, normal, roughness=1.0, specular=0.0)


def shots(surface, lamp=None):
    """Under the flash, and under soft light from the upper left."""
    return render(surface, CAMERA, [lamp or flash(CAMERA)]), render(surface, CAMERA, [SoftLight((-0.5, 0.6, 1.0))])


def slopes_of(normal):
    return normal[..., :2] / normal[..., 2:]


def relief(seed=0):
    """A bumpy surface whose hollows are darker, and its slopes."""
    height = bumps(seed)
    normal = normal_from_height(height, "xy")
    color = np.exp(-1 + 0.1 * height / height.std())[..., None] * np.float32([1.0, 0.8, 0.6])
    return matt(color, normal), slopes_of(normal)[INSIDE]


def guided(lit, even, mask=EVERYWHERE, lamp=CAMERA.position):
    """What is found inside of a matt surface's slopes."""
    found = guided_slopes(lit, even, mask, CAMERA, lamp, diffuse_response(CAMERA, lamp))
    assert found.slopes.shape == (SIZE, SIZE, 2)
    return replace(found, slopes=found.slopes[INSIDE])


def correlation(one, other):
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


# The response.


def test_a_matt_surface_responds_as_the_renderer_says():
    lamp, tilt = flash(CAMERA, (0.1, -0.05)), 0.01
    color = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    response = diffuse_response(CAMERA, lamp.position)
    level = np.log(render(matt(color), CAMERA, [lamp])[..., 0])
    for axis, along in enumerate((response.along_x, response.along_y)):
        normal = np.zeros((SIZE, SIZE, 3), np.float32)
        normal[..., axis], normal[..., 2] = tilt, 1
        normal /= np.linalg.norm(normal, axis=2, keepdims=True)
        tilted = np.log(render(matt(color, normal), CAMERA, [lamp])[..., 0])
        np.testing.assert_allclose((tilted - level) / tilt, along, atol=0.02)
    np.testing.assert_array_equal(response.glare, 0)


# The slopes.


@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.1, 0.0)])
def test_slopes_of_a_bumpy_surface_are_found(offset):
    surface, true = relief()
    lamp = flash(CAMERA, offset)
    found = guided(*shots(surface, lamp), lamp=lamp.position)
    assert correlation(found.slopes[..., 0], true[..., 0]) > 0.8
    assert correlation(found.slopes[..., 1], true[..., 1]) > 0.8
    # One axis is not taken for the other.
    for one, other in ((0, 1), (1, 0)):
        assert abs(correlation(found.slopes[..., one], true[..., other])) < 0.4
    assert found.integrability > 0.7
    assert 0.4 < found.slopes.std() / true.std() < 1.1
    off = float(np.sqrt(np.square(found.slopes - true).mean()))
    assert 0.5 < found.deviation / off < 3


def test_hollows_and_bumps_are_not_confused():
    # The same shading under the ambient light, from the other side: only the flash tells.
    surface, true = relief()
    turned = Surface.of(surface.base_color, surface.normal * np.float32([-1, -1, 1]), roughness=1.0, specular=0.0)
    found = guided(*shots(turned))
    assert correlation(found.slopes, -true) > 0.7


def test_printed_color_is_not_taken_for_relief():
    pattern = noise(SIZE, 1.0, np.random.default_rng(4))
    printed = np.exp(-1 + 0.4 * pattern)[..., None] * np.float32([1.0, 0.9, 0.7])
    rng = np.random.default_rng(0)
    lit, even = (
        shot * np.exp(0.02 * rng.standard_normal(shot.shape)).astype(np.float32) for shot in shots(matt(printed))
    )
    found = guided(lit, even)
    assert np.abs(found.slopes).mean() < 0.01
    assert found.deviation == pytest.approx(0.03, abs=0.01)


def test_slopes_are_deterministic_and_exposure_does_not_matter():
    lit, even = shots(relief()[0])
    plain, again, brighter = (guided(exposed, even) for exposed in (lit, lit, 3 * lit))
    np.testing.assert_array_equal(plain.slopes, again.slopes)
    assert np.abs(plain.slopes - brighter.slopes).mean() < 0.05 * plain.slopes.std()


def test_masked_pixels_do_not_count():
    surface, true = relief()
    lit, even = shots(surface)
    mask = EVERYWHERE.copy()
    mask[:, :30] = False
    lit[:, :30] = np.random.default_rng(0).uniform(0, 5, (SIZE, 30, 3))
    found = guided(lit, even, mask)
    assert correlation(found.slopes, true) > 0.7


def test_too_little_is_refused():
    lit, even = shots(relief()[0])
    mask = np.zeros((SIZE, SIZE), bool)
    mask[:30, :30] = True
    with pytest.raises(MatshotError, match="Too little of the photographs is usable"):
        guided(lit, even, mask)


# Integrability.


def test_slopes_of_a_height_field_are_integrable_and_rotation_is_not():
    true = slopes_of(normal_from_height(bumps(steep=0.1), "none"))
    kept = integrable_slopes(true)[4:-4, 4:-4]
    assert correlation(kept, true[4:-4, 4:-4]) > 0.98
    np.testing.assert_allclose(kept.std(), true.std(), rtol=0.1)
    rotation = np.stack([-true[..., 1], true[..., 0]], axis=2)
    assert integrable_slopes(rotation)[16:-16, 16:-16].std() < 0.2 * rotation.std()


def test_integrable_slopes_point_right_and_up():
    # A roof that falls to the right, then one that falls to the top.
    x, y = CAMERA.axes()
    right, up = np.zeros((2, SIZE, SIZE, 2), np.float32)
    right[..., 0] = 0.2 + 0.1 * np.sin(9 * x)
    up[..., 1] = 0.2 + 0.1 * np.sin(9 * y)[:, np.newaxis]
    for given in (right, up):
        np.testing.assert_allclose(integrable_slopes(given)[2:-2, 2:-2], given[2:-2, 2:-2], atol=0.01)


# What is dark is deep.


def stains(strength):
    pattern = np.exp(strength * noise(SIZE, 1.0, np.random.default_rng(2)))
    return pattern[..., None].astype(np.float32) * np.float32([0.3, 0.5, 0.1])


def test_grooves_that_even_light_does_not_reach_are_deep():
    x, _ = CAMERA.axes()
    grooves = np.broadcast_to(0.5 + 0.5 * np.cos(2 * np.pi * 12 * x), (SIZE, SIZE)).astype(np.float32)
    color = stains(0.3)
    ambient = color * (0.5 + 0.5 * grooves[..., None])
    height = height_of_shade(color, ambient, EVERYWHERE)
    assert correlation(height, grooves) > 0.9
    assert 0.05 < slopes_of_height(height).std() < 0.6


def test_color_has_no_height():
    color = stains(0.5)
    assert np.abs(height_of_shade(2 * color, 0.5 * color, EVERYWHERE)).max() < 0.05
