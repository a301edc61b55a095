"""Surfaces out of evenly lit photographs: color of the photograph, slopes of two networks, wrap kept."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from matshot.capture.even import even_color, evenly_lit_surface
from matshot.capture.relief_reading import read_even_relief, with_even_reading
from matshot.image.color import Pixels, linear_from_srgb
from matshot.image.types import Wrap
from matshot.material.planes import slopes
from matshot.shading.procedural import brick_material
from matshot.shading.render import Camera
from matshot.shading.surface import Surface

SIDE = 160


@pytest.fixture(scope="module")
def wall() -> Pixels:
    """A photograph of a wall that repeats."""
    return linear_from_srgb(brick_material(SIDE, 4).maps["basecolor"].pixels)


def found(photograph: Pixels, wrap: Wrap = "none") -> Surface:
    return evenly_lit_surface(photograph, Camera(photograph.shape[1], photograph.shape[0]), wrap=wrap, device="cpu")


def stacked(surface: Surface) -> Pixels:
    return np.concatenate([surface.base_color, surface.normal, surface.roughness, surface.metallic], axis=2)


def test_relief_whose_hollows_are_darker_is_read() -> None:
    rng = np.random.default_rng(0)
    height = cv2.GaussianBlur(rng.standard_normal((192, 192), dtype=np.float32), (0, 0), 2.0)
    height *= 0.7 / height.std()
    down, across = np.gradient(height)
    truth = np.dstack([-across, down])
    paint = np.exp(rng.normal(0, 0.1, (192, 192, 1)))
    darker = np.exp(0.7 * height.clip(-1.4, 1.4))[..., np.newaxis]
    photograph = (0.4 * paint * darker * np.ones(3)).astype(np.float32)
    for read in (read_even_relief(photograph, device="cpu"), slopes(found(photograph).normal)):
        assert np.corrcoef(read.ravel(), truth.ravel())[0, 1] > 0.7


def test_fine_color_is_the_photographs_and_brightness_the_networks() -> None:
    rng = np.random.default_rng(0)
    fine = np.exp(rng.normal(0, 0.1, (SIDE, SIDE, 3))).astype(np.float32)
    photograph = 0.5 * fine
    broad = np.linspace(0.1, 0.3, SIDE, dtype=np.float32)[:, None, None] * np.ones((1, SIDE, 3), np.float32)
    color = even_color(broad, photograph)
    assert color.mean() == pytest.approx(0.2, rel=0.03)
    detail = np.log(color / np.sqrt(broad))
    assert np.corrcoef((detail - detail.mean(1, keepdims=True)).ravel(), np.log(fine).ravel())[0, 1] > 0.98
    np.testing.assert_allclose(even_color(broad, photograph / 8), color, atol=1e-5)


def test_light_counts_first_and_what_is_guessed_where_it_shows_nothing() -> None:
    rng = np.random.default_rng(0)
    guessed, read = rng.normal(0, 0.2, (2, 40, 40, 2)).astype(np.float32)
    np.testing.assert_array_equal(with_even_reading(guessed, read * 2), read * 2)
    nothing = with_even_reading(guessed, np.zeros_like(read))
    np.testing.assert_allclose(nothing, guessed * nothing.std() / guessed.std(), atol=1e-6)
    assert 0.6 < nothing.std() / guessed.std() <= 1


def test_a_large_photograph_keeps_relief_that_is_finer_than_what_is_read() -> None:
    fine = np.zeros((40, 40, 2), np.float32)
    fine[::2], fine[1::2] = 0.2, -0.2
    read = np.full((20, 20, 2), 0.1, np.float32)
    np.testing.assert_allclose(with_even_reading(fine, read), fine + 0.1, atol=1e-6)


def test_what_is_read_and_color_roll_with_a_texture_that_wraps(wall: Pixels) -> None:
    def rolled(planes: Pixels) -> Pixels:
        return np.roll(planes, (48, 32), (0, 1))

    read = read_even_relief(wall, "xy", device="cpu")
    np.testing.assert_allclose(read_even_relief(rolled(wall), "xy", device="cpu"), rolled(read), atol=0.02)
    predicted = np.ascontiguousarray(wall[::-1])
    color = even_color(predicted, wall, "xy")
    np.testing.assert_allclose(even_color(rolled(predicted), rolled(wall), "xy"), rolled(color), atol=2e-3)


@pytest.mark.parametrize(("shape", "wrap"), [((45, 61), "none"), ((61, 45), "x"), ((20, 33), "xy"), ((1, 1), "xy")])
def test_sides_need_not_be_multiples_of_anything(wall: Pixels, shape: tuple[int, int], wrap: Wrap) -> None:
    surface = found(np.ascontiguousarray(wall[: shape[0], : shape[1]]), wrap)
    assert (surface.height, surface.width) == shape
    assert np.isfinite(stacked(surface)).all()
    np.testing.assert_allclose(np.linalg.norm(surface.normal, axis=2), 1, atol=1e-5)
    assert 0 <= surface.base_color.min() <= surface.base_color.max() <= 1


def test_exposure_does_not_matter(wall: Pixels) -> None:
    np.testing.assert_allclose(stacked(found(wall / 4)), stacked(found(wall)), atol=3e-3)


def test_a_black_photograph_is_no_error() -> None:
    assert np.isfinite(stacked(found(np.zeros((32, 32, 3), np.float32)))).all()
