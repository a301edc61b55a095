"""Places move as homographies and sizes say, and light from another side does not shift what has colour."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.capture.photograph import resized
from matshot.capture.registration import covered, moved, registered, resizing
from matshot.progress import Progress
from matshot.shading.procedural import noise


def test_resizing_says_where_pixels_go():
    ramp = np.broadcast_to(np.arange(40, dtype=np.float32), (20, 40))
    small = resized(ramp, (20, 10))
    back = moved(resizing((20, 10), (40, 20)), np.stack([np.arange(20.0), np.zeros(20)], axis=1))
    np.testing.assert_allclose(back[:, 0], small[0])


def test_covered_is_where_places_fall_inside():
    two_right = np.array([[1, 0, 2], [0, 1, 0], [0, 0, 1.0]])
    inside = covered(two_right, (6, 8), (6, 8))
    assert inside[:, :6].all()
    assert not inside[:, 6:].any()


@pytest.mark.parametrize("shape", [(64, 64), (64, 200)])
def test_small_photographs_register(shape):
    rng = np.random.default_rng(0)
    field = np.stack([noise(256, 0.7, rng) for _ in range(3)], axis=2)
    color = np.exp(0.3 * field).astype(np.float32)
    here, there = color[: shape[0], : shape[1]], color[2 : shape[0] + 2, 3 : shape[1] + 3]
    fit = registered(here, there, np.ones(shape, dtype=bool), Progress(None))
    np.testing.assert_allclose(moved(fit.homography, np.array([[30.0, 30.0]])), [[27, 28]], atol=0.3)


def test_light_from_the_side_does_not_shift_what_has_color():
    """Relief under two lights looks shifted; the colours on it do not."""
    rng = np.random.default_rng(1)
    stains = np.stack([noise(256, 0.8, rng) for _ in range(3)], axis=2)
    height = noise(256, 1.2, rng) + stains.mean(axis=2)
    right = np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)
    here, there = (np.exp(0.3 * stains + side * right[..., None]).astype(np.float32) for side in (0.4, -0.4))
    fit = registered(here, there, np.ones((256, 256), dtype=bool), Progress(None))
    corners = np.array([[0, 0], [255, 0], [255, 255], [0, 255]], dtype=np.float64)
    assert np.abs(moved(fit.homography, corners) - corners).max() < 0.5
