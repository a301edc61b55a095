"""Drifts of shading and of height."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.shading.procedural import noise
from matshot.synthesis.delight import evened_color, levelled


def grain(seed=0, slope=0.4):
    field = noise(220, slope, np.random.default_rng(seed))[:160, :180, None]
    return np.repeat((0.5 + 0.06 * field).astype(np.float32), 3, axis=2)


def ramp(size):
    return np.linspace(-0.5, 0.5, size, dtype=np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_even_grain_is_returned_itself(seed):
    color = grain(seed)
    assert evened_color(color, "xy") is color
    assert levelled(color, "xy") is color


def test_light_is_divided_out():
    flat = grain()
    light = 1 + 0.4 * ramp(180)[None, :, None] - 0.6 * np.square(ramp(160))[:, None, None]
    even = evened_color(flat * light, "xy")
    blocks = even.reshape(4, 40, 4, 45, 3).mean(axis=(1, 3, 4))
    assert np.ptp(blocks) < 0.05
    # Contrast was less where it was dark.
    parts = np.array_split(even, 4, axis=1)
    assert parts[0].std() == pytest.approx(parts[-1].std(), rel=0.12)


def test_coloured_light_is_taken_off_channel_by_channel():
    tint = 1 + ramp(180)[None, :, None] * np.array([0.4, 0.0, -0.4], dtype=np.float32)
    even = evened_color(grain() * tint, "x")
    first, last = (part.mean(axis=(0, 1)) for part in (even[:, :40], even[:, -40:]))
    np.testing.assert_allclose(first, last, atol=0.03)


def test_only_along_the_axes_asked_for():
    lit = grain() * (1 + 0.4 * ramp(180)[None, :, None])
    assert evened_color(lit, "y") is lit


def test_what_is_no_light_stays():
    """Dark on one half and bright on the other is what the picture shows."""
    color = grain()
    color[:, :90] *= 0.1
    assert evened_color(color, "xy") is color


def test_a_climb_is_taken_off_heights():
    flat = grain()[..., :1]
    climbing = (flat + 0.5 * ramp(160)[:, None, None]).astype(np.float32)
    np.testing.assert_allclose(levelled(climbing, "y"), flat, atol=0.03)


def test_the_mean_colour_stays():
    lit = grain() * (1 + 0.4 * ramp(180)[None, :, None])
    np.testing.assert_allclose(evened_color(lit, "xy").mean(axis=(0, 1)), lit.mean(axis=(0, 1)), rtol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 200, 1)])
def test_small_pictures_are_returned_themselves(shape):
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    assert evened_color(values, "xy") is values
    assert levelled(values, "xy") is values
