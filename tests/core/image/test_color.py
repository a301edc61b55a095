"""Transfer functions and luma, against the numbers of their standards."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.image.color import LUMA_601, linear_from_srgb, luma, srgb_from_linear


def test_known_points_of_the_srgb_curve():
    encoded = np.array([0, 0.04045, 0.5, 188 / 255, 1], dtype=np.float32)
    linear = np.array([0, 0.0031308, 0.21404114, 0.50288653, 1], dtype=np.float32)
    np.testing.assert_allclose(linear_from_srgb(encoded), linear, atol=1e-6)
    np.testing.assert_allclose(srgb_from_linear(linear), encoded, atol=1e-5)


def test_the_curve_and_its_inverse_cancel_for_any_value():
    values = np.concatenate([np.linspace(-20, 20, 4001), np.geomspace(1e-8, 1e4, 200)]).astype(np.float32)
    np.testing.assert_allclose(linear_from_srgb(srgb_from_linear(values)), values, rtol=2e-5, atol=1e-9)
    np.testing.assert_allclose(srgb_from_linear(linear_from_srgb(values)), values, rtol=2e-5, atol=1e-9)


def test_every_eight_and_sixteen_bit_value_comes_back():
    for top in (255, 65535):
        values = np.arange(top + 1, dtype=np.float32) / np.float32(top)
        back = srgb_from_linear(linear_from_srgb(values))
        assert np.array_equal(np.rint(back * top), np.arange(top + 1))


@pytest.mark.parametrize("curve", [srgb_from_linear, linear_from_srgb])
def test_curves_are_odd_and_rise(curve):
    values = np.linspace(0, 3, 2001, dtype=np.float32)
    result = curve(values)
    assert np.all(np.diff(result) > 0)
    assert np.array_equal(curve(-values), -result)


@pytest.mark.parametrize("shape", [(7,), (4, 5), (4, 5, 3), (0, 5, 3)])
@pytest.mark.parametrize("curve", [srgb_from_linear, linear_from_srgb])
def test_shape_and_dtype(curve, shape):
    result = curve(np.full(shape, 0.25, np.float32))
    assert result.shape == shape
    assert result.dtype == np.float32


def test_luma():
    assert LUMA_601.sum() == pytest.approx(1)
    rgb = np.random.default_rng(0).random((3, 4, 4), dtype=np.float32)
    grey = luma(rgb)
    assert grey.shape == (3, 4)
    assert grey.dtype == np.float32
    np.testing.assert_allclose(grey, rgb[..., 0] * 0.299 + rgb[..., 1] * 0.587 + rgb[..., 2] * 0.114, rtol=1e-5)
    np.testing.assert_allclose(luma(np.full((2, 2, 3), 0.5, np.float32)), 0.5, rtol=1e-6)
