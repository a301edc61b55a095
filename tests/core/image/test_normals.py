"""Normal maps: conventions, unit length, and the way to height and back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from matshot.errors import MatshotError
from matshot.image.normals import decoded_normals, encoded_normals, height_from_normal, normal_from_height, renormalised

WRAPS = ["none", "x", "y", "xy"]
SHAPES = [(64, 64), (63, 65), (48, 31), (31, 96)]


def unit_vectors(height=16, width=24, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((height, width, 3)).astype(np.float32)
    vectors[..., 2] = np.abs(vectors[..., 2]) + 0.1
    return vectors / np.linalg.norm(vectors, axis=2, keepdims=True)


def rough_surface(height, width, power=1.0, deviation=8.0, seed=0):
    """Periodic noise whose amplitudes fall as ``1 / f ** power``; at 1 every octave is as strong as the next."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    frequency[0, 0] = np.inf
    white = np.fft.fft2(np.random.default_rng(seed).standard_normal((height, width)))
    surface = np.fft.ifft2(white / frequency**power).real
    return (surface / surface.std() * deviation).astype(np.float32)


def waves(height, width, wrap):
    """A smooth surface and its normals by the formula, periodic on the axes that wrap and tilted on the others."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    fx = 2 * np.pi * (3 if "x" in wrap else 2.3) / width
    fy = 2 * np.pi * (2 if "y" in wrap else 2.6) / height
    tilt_x, tilt_y = 0.0 if "x" in wrap else 0.2, 0.0 if "y" in wrap else -0.1
    surface = 3 * np.sin(fx * x + fy * y) + 2 * np.cos(fx * x) * np.sin(fy * y) + tilt_x * x + tilt_y * y
    right = 3 * fx * np.cos(fx * x + fy * y) - 2 * fx * np.sin(fx * x) * np.sin(fy * y) + tilt_x
    down = 3 * fy * np.cos(fx * x + fy * y) + 2 * fy * np.cos(fx * x) * np.cos(fy * y) + tilt_y
    normals = renormalised(np.stack([-right, down, np.ones_like(right)], axis=2).astype(np.float32))
    return (surface - surface.mean()).astype(np.float32), normals


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


# Files and unit vectors.


@pytest.mark.parametrize("convention", ["gl", "dx"])
@pytest.mark.parametrize("signed", [False, True])
def test_encoding_and_decoding_cancel(convention, signed):
    vectors = unit_vectors()
    values = encoded_normals(vectors, convention, signed=signed)
    assert values.dtype == np.float32
    assert (values.min() >= 0) != signed
    np.testing.assert_allclose(decoded_normals(values, convention, signed), vectors, atol=1e-6)


def test_directx_points_green_down():
    up = np.array([[[0.0, 0.6, 0.8]]], dtype=np.float32)
    np.testing.assert_allclose(encoded_normals(up, "gl")[0, 0], [0.5, 0.8, 0.9], atol=1e-6)
    np.testing.assert_allclose(encoded_normals(up, "dx")[0, 0], [0.5, 0.2, 0.9], atol=1e-6)
    np.testing.assert_allclose(decoded_normals(encoded_normals(up, "dx"), "gl", False)[0, 0], [0, -0.6, 0.8], atol=1e-6)


def test_eight_bit_unit_vectors_keep_their_bytes():
    """Within a step: a vector whose length was off by the rounding is made unit again."""
    stored = np.rint(encoded_normals(unit_vectors(), "gl") * 255).astype(np.float32) / 255
    again = np.rint(encoded_normals(decoded_normals(stored, "gl", False), "gl") * 255)
    assert np.abs(again - stored * 255).max() <= 1.001
    flat = np.full((2, 2, 3), (128, 128, 255), np.float32) / 255
    assert np.array_equal(np.rint(encoded_normals(decoded_normals(flat, "gl", False), "gl") * 255), flat * 255)


def test_the_third_of_two_channels_is_found():
    vectors = unit_vectors()
    values = encoded_normals(vectors, "dx")[..., :2]
    np.testing.assert_allclose(decoded_normals(values, "dx", False), vectors, atol=1e-5)
    too_long = np.ones((1, 1, 2), np.float32)
    np.testing.assert_allclose(decoded_normals(too_long, "gl", False)[0, 0], [0.5**0.5, 0.5**0.5, 0], atol=1e-6)


def test_the_fourth_channel_is_left_alone():
    height = np.random.default_rng(1).random((16, 24, 1), dtype=np.float32) * 5 - 2
    values = np.concatenate([encoded_normals(unit_vectors(), "dx"), height], axis=2)
    decoded = decoded_normals(values, "dx", False)
    assert np.array_equal(decoded[..., 3:], height)
    np.testing.assert_allclose(decoded[..., :3], unit_vectors(), atol=1e-6)
    assert np.array_equal(encoded_normals(decoded, "dx")[..., 3:], height)
    assert np.array_equal(renormalised(decoded)[..., 3:], height)


def test_inputs_are_not_changed():
    values = encoded_normals(unit_vectors(), "gl")
    before = values.copy()
    decoded_normals(values, "dx", False)
    encoded_normals(values, "dx")
    renormalised(values)
    height_from_normal(values, "none")
    assert np.array_equal(values, before)


def test_every_vector_gets_unit_length_and_none_is_lost():
    values = np.random.default_rng(0).random((8, 8, 3), dtype=np.float32)
    values[0, 0] = 0.5
    decoded = decoded_normals(values, "gl", False)
    np.testing.assert_allclose(np.linalg.norm(decoded, axis=2), 1, atol=1e-6)
    assert decoded[0, 0].tolist() == [0, 0, 1]
    assert renormalised(np.zeros((2, 3), np.float32)).tolist() == [[0, 0, 1], [0, 0, 1]]
    assert decoded.dtype == np.float32


def test_one_channel_is_no_normal_map():
    with pytest.raises(MatshotError, match="2 to 4 channels"):
        decoded_normals(np.zeros((2, 2, 1), np.float32), "gl", False)
    with pytest.raises(MatshotError, match="3 components"):
        encoded_normals(np.zeros((2, 2, 2), np.float32), "gl")
    with pytest.raises(MatshotError, match="3 components"):
        height_from_normal(np.zeros((2, 2, 2), np.float32), "none")
    with pytest.raises(MatshotError, match="one channel"):
        normal_from_height(np.zeros((2, 2, 3), np.float32), "none")
    with pytest.raises(MatshotError, match="no derivative"):
        normal_from_height(np.zeros((2, 2, 1), np.float32), "none", derivative="sobel")


# Signs.


def test_slopes_point_where_the_convention_says():
    y, x = np.mgrid[:9, :9].astype(np.float32)
    rises_right = normal_from_height(x, "none")[4, 4]
    assert rises_right[0] < 0
    assert abs(rises_right[1]) < 1e-6
    np.testing.assert_allclose(rises_right, np.array([-1, 0, 1]) / 2**0.5, atol=1e-6)
    rises_downwards = normal_from_height(y, "none")[4, 4]  # so it faces up the picture, +Y
    np.testing.assert_allclose(rises_downwards, np.array([0, 1, 1]) / 2**0.5, atol=1e-6)


def test_strength_multiplies_slopes():
    y, x = np.mgrid[:9, :9].astype(np.float32)
    normals = normal_from_height((0.5 * x - 0.25 * y)[..., None], "none", strength=2)
    np.testing.assert_allclose(normals[..., 0] / normals[..., 2], -1, atol=1e-5)
    np.testing.assert_allclose(normals[..., 1] / normals[..., 2], -0.5, atol=1e-5)


# Height to normals.


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("derivative", ["spectral", "central"])
@pytest.mark.parametrize("shape", SHAPES)
def test_normals_of_a_smooth_surface_match_the_formula(wrap, derivative, shape):
    surface, expected = waves(*shape, wrap)
    normals = normal_from_height(surface, wrap, derivative=derivative)
    assert normals.shape == (*shape, 3)
    assert normals.dtype == np.float32
    angle = np.degrees(np.arccos(np.clip((normals * expected).sum(axis=2), -1, 1)))
    if wrap == "xy" and derivative == "spectral":
        assert angle.max() < 0.06  # what float32 leaves of an arc cosine near 1
    else:
        inner = tuple(slice(None) if letter in wrap else slice(2, -2) for letter in "yx")
        assert angle[inner].max() < 1.5
        assert angle.mean() < 0.6


@pytest.mark.parametrize("derivative", ["spectral", "central"])
@pytest.mark.parametrize(("wrap", "shift"), [("x", (0, 13)), ("y", (7, 0)), ("xy", (7, 13))])
def test_wrapping_axes_have_no_seam(derivative, wrap, shift):
    surface = rough_surface(40, 48)
    normals = normal_from_height(surface, wrap, derivative=derivative)
    shifted = normal_from_height(np.roll(surface, shift, (0, 1)), wrap, derivative=derivative)
    np.testing.assert_allclose(np.roll(shifted, (-shift[0], -shift[1]), (0, 1)), normals, atol=2e-4)


def test_central_differences_do_not_ring():
    step = np.zeros((32, 32), np.float32)
    step[:, 8:24] = 10
    central = normal_from_height(step, "xy", derivative="central")
    assert np.abs(central[:, 12:20, 0]).max() == 0
    assert np.abs(normal_from_height(step, "xy")[:, 12:20, 0]).max() > 0.5


# Normals to height.


@pytest.mark.parametrize("shape", [*SHAPES, (128, 64), (1, 16), (16, 1), (2, 2)])
def test_periodic_heights_come_back_exactly(shape):
    surface = rough_surface(*shape)
    surface -= surface.mean()
    found = height_from_normal(normal_from_height(surface, "xy"), "xy")
    assert found.shape == (*shape, 1)
    assert found.dtype == np.float32
    # An axis of even length has modes that alternate from sample to sample, and so no slope at the samples.
    signs = [(-1.0) ** np.arange(size) for size in shape]
    knowable = surface.astype(np.float64)
    for by_row, by_column in itertools.product((0, 1), repeat=2):
        if (by_row and shape[0] % 2) or (by_column and shape[1] % 2):
            continue
        mode = (signs[0] if by_row else np.ones(shape[0]))[:, None] * (signs[1] if by_column else np.ones(shape[1]))
        knowable = knowable - mode * (knowable * mode).mean()
    np.testing.assert_allclose(found[..., 0], knowable, atol=2e-4 * max(1, np.abs(surface).max()))


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_periodic_correlation(power):
    surface = rough_surface(128, 96, power)
    found = height_from_normal(normal_from_height(surface, "xy"), "xy")
    assert correlation(found, surface) > 0.9999


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("shape", SHAPES)
def test_heights_of_smooth_surfaces_come_back_in_pixels(wrap, shape):
    surface, normals = waves(*shape, wrap)
    found = height_from_normal(normals, wrap)[..., 0]
    assert correlation(found, surface) > 0.9995
    assert np.abs(found - surface).max() < (1e-3 if wrap == "xy" else 0.4)


@pytest.mark.parametrize(("power", "least"), [(1.0, 0.998), (1.5, 0.9998), (2.0, 0.9999)])
def test_a_piece_of_a_rough_surface_integrates_without_wrap(power, least):
    surface = rough_surface(256, 256, power, 4)
    normals = normal_from_height(surface, "xy")[:128, :128]
    assert correlation(height_from_normal(normals, "none"), surface[:128, :128]) > least


@pytest.mark.parametrize("wrap", ["x", "y"])
def test_wraps_of_one_axis_integrate(wrap):
    surface = rough_surface(128, 128, 1.5, 4)
    keep = (slice(0, 64), slice(None)) if wrap == "x" else (slice(None), slice(0, 64))
    normals = normal_from_height(surface, "xy")[keep]
    assert correlation(height_from_normal(normals, wrap), surface[keep]) > 0.9998


def test_a_tilted_plane_keeps_its_tilt_where_the_map_ends():
    y, x = np.mgrid[:40, :50].astype(np.float32)
    plane = 0.3 * x - 0.2 * y
    normals = normal_from_height(plane, "none")
    np.testing.assert_allclose(height_from_normal(normals, "none")[..., 0], plane - plane.mean(), atol=1e-3)
    level = height_from_normal(normals, "xy")
    assert np.abs(level).max() < 1e-3


def test_result_does_not_depend_on_where_a_tile_begins():
    normals = normal_from_height(rough_surface(64, 64), "xy")
    found = height_from_normal(normals, "xy")[..., 0]
    shifted = height_from_normal(np.roll(normals, (9, 20), (0, 1)), "xy")[..., 0]
    np.testing.assert_allclose(np.roll(shifted, (-9, -20), (0, 1)), found, atol=1e-3)


def test_slopes_that_no_surface_has_are_averaged_out():
    """A field without divergence, all curl, is nobody's gradient: its least-squares surface is flat."""
    y, x = np.mgrid[:32, :32] * (2 * np.pi / 32)
    swirl = np.stack([np.sin(y) * 0.3, np.sin(x) * 0.3, np.ones_like(x)], axis=2).astype(np.float32)
    assert np.abs(height_from_normal(swirl, "xy")).max() < 1e-4


def test_grazing_and_upturned_normals_do_not_explode():
    surface, normals = waves(64, 64, "xy")
    normals = normals.copy()
    normals[10, 10] = (1, 0, 0)
    normals[40, 20] = (0, -0.6, -0.8)
    for wrap in WRAPS:
        found = height_from_normal(normals, wrap)
        assert np.isfinite(found).all()
        assert np.abs(found).max() < 12 * np.abs(surface).max()


def test_a_large_offset_costs_no_precision():
    surface = rough_surface(32, 32)
    exact = normal_from_height(np.round(surface * 64) / 64, "xy")
    np.testing.assert_allclose(normal_from_height(np.round(surface * 64) / 64 + 4096, "xy"), exact, atol=1e-5)


@pytest.mark.parametrize("wrap", WRAPS)
def test_flat_stays_flat_with_zero_mean(wrap):
    flat = np.broadcast_to(np.array([0, 0, 1], np.float32), (7, 9, 3))
    assert np.array_equal(height_from_normal(flat, wrap), np.zeros((7, 9, 1)))
    assert np.array_equal(normal_from_height(np.full((7, 9), 3.5, np.float32), wrap), flat)
    tilted = height_from_normal(unit_vectors(), wrap)
    assert abs(tilted.mean(dtype=np.float64)) < 1e-4


def test_the_fourth_channel_is_ignored():
    normals = unit_vectors()
    with_height = np.concatenate([normals, np.full((16, 24, 1), 9, np.float32)], axis=2)
    assert np.array_equal(height_from_normal(with_height, "x"), height_from_normal(normals, "x"))
