"""The measures on images whose answer is known."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from bench import measures


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(3).random((48, 40, 3))


def test_psnr_of_a_known_error(noise: np.ndarray) -> None:
    dark, light = np.full((20, 20, 3), 0.2), np.full((20, 20, 3), 0.3)
    # A tenth more of R, G and B is 21.9 more of Y.
    assert measures.psnr_y(light, dark, 4) == pytest.approx(20 * np.log10(255 / 21.9), abs=1e-9)
    marked = noise.copy()
    marked[:4] = 0
    assert measures.psnr_y(marked, noise + 1e-6, 4) > 100, "the border is cut"


def test_luma_has_studio_range() -> None:
    assert measures.luma(np.zeros((1, 1, 3))) == pytest.approx(16)
    assert measures.luma(np.ones((1, 1, 3))) == pytest.approx(235)


def test_ssim_is_one_for_equal_images_and_falls_with_noise(noise: np.ndarray) -> None:
    assert measures.ssim_y(noise, noise, 2) == pytest.approx(1)
    slight = measures.ssim_y(noise * 0.98, noise, 2)
    strong = measures.ssim_y(np.roll(noise, 7, 0), noise, 2)
    assert 0.9 < slight < 1
    assert abs(strong) < 0.2


def test_ssim_of_constants_is_the_brightness_term() -> None:
    a, b = np.full((30, 30, 3), 0.25), np.full((30, 30, 3), 0.75)
    y_a, y_b = 16 + 219 * 0.25, 16 + 219 * 0.75
    constant = (0.01 * 255) ** 2
    assert measures.ssim_y(a, b, 0) == pytest.approx((2 * y_a * y_b + constant) / (y_a**2 + y_b**2 + constant))


@pytest.mark.parametrize(("height", "width"), [(16, 12), (8, 6), (64, 48)])
def test_resizing_keeps_constants_and_ramps(height: int, width: int) -> None:
    constant = np.full((32, 24, 1), 0.4)
    assert measures.resized(constant, height, width) == pytest.approx(np.full((height, width, 1), 0.4))
    ramp = np.broadcast_to(np.arange(24.0)[None, :, None], (32, 24, 1))
    scale = width / 24
    wanted = (np.arange(width) + 0.5) / scale - 0.5
    # The mirrored border bends the ramp within the kernel's reach: two pixels of the smaller image.
    edge = int(np.ceil(2 * max(scale, 1)))
    assert measures.resized(ramp, height, width)[0, edge:-edge, 0] == pytest.approx(wanted[edge:-edge], abs=1e-9)


def test_wrapped_resizing_commutes_with_rolling(noise: np.ndarray) -> None:
    small = measures.resized(noise, 12, 10, "xy")
    rolled = measures.resized(np.roll(noise, (8, 12), (0, 1)), 12, 10, "xy")
    assert rolled == pytest.approx(np.roll(small, (2, 3), (0, 1)))
    one_axis = measures.resized(np.roll(noise, (8, 12), (0, 1)), 12, 10, "x")
    assert np.abs(one_axis - np.roll(small, (2, 3), (0, 1))).max() > 1e-3


def test_resizing_agrees_with_the_kernels_of_the_networks(noise: np.ndarray) -> None:
    resampling = pytest.importorskip("matshot_export.networks.resampling", reason="needs torch")
    taps = resampling.shrink_taps(4)
    window = noise[16 - 8 : 16 + 12, 20 - 8 : 20 + 12]
    assert measures.resized(noise, 12, 10)[4, 5] == pytest.approx(np.einsum("i,ijc,j->c", taps, window, taps))


def test_angular_error() -> None:
    flat = np.broadcast_to([0.0, 0.0, 1.0], (4, 4, 3))
    angle = np.radians(30)
    tilted = np.broadcast_to([np.sin(angle), 0.0, np.cos(angle)], (4, 4, 3))
    assert measures.angular_error(tilted, flat) == pytest.approx(30)
    assert measures.unit_vectors(np.array([[[0.5, 0.5, 1.0]]])) == pytest.approx(flat[:1, :1])


def test_color_shift_and_stored_values() -> None:
    grey = np.full((8, 8, 3), 0.5)
    assert measures.color_shift(grey + np.array([3 / 255, 0, 0]), grey) == pytest.approx(1)
    assert measures.as_stored(np.array([-0.1, 0.5, 1.7])) * 255 == pytest.approx([0, 128, 255])


def test_perceptual_distance_orders_blur_and_identity() -> None:
    pytest.importorskip("torch")
    if importlib.util.find_spec("stlpips_pytorch") is None:
        pytest.skip("needs the published weights: pip install --no-deps stlpips-pytorch")
    y, x = np.mgrid[0:32, 0:32]
    checks = np.repeat(((x // 4 + y // 4) % 2)[..., None], 3, axis=2).astype(float)
    blurred = measures.resized(measures.resized(checks, 8, 8), 32, 32)
    assert measures.perceptual(checks, checks) == pytest.approx(0, abs=1e-6)
    assert measures.perceptual(np.clip(blurred, 0, 1), checks) > 0.1
