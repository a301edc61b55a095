"""Maps from photographs by the network: any size, any tiles, wrap kept."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.capture.prediction import _PhotographRows, predicted_surface, without_grid
from matshot.errors import MatshotError
from matshot.image.color import linear_from_srgb
from matshot.inference.tiling import MirroredRows
from matshot.shading.procedural import brick_wall, wall_photographs
from matshot.shading.render import Camera
from matshot.shading.surface import Surface

CAMERA = Camera(160, 160)


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    flash, ambient = wall_photographs(160, seed=3)
    return linear_from_srgb(flash.pixels), linear_from_srgb(ambient.pixels)


def stacked(surface: Surface) -> np.ndarray:
    return np.concatenate([surface.base_color, surface.normal, surface.roughness, surface.metallic], axis=2)


@pytest.mark.parametrize("which", ["flash", "ambient", "both"])
def test_maps_are_valid_for_whatever_there_is(pair: tuple[np.ndarray, np.ndarray], which: str) -> None:
    flash, ambient = pair
    found = predicted_surface(
        flash if which != "ambient" else None, ambient if which != "flash" else None, CAMERA, device="cpu"
    )
    assert (found.height, found.width) == (160, 160)
    np.testing.assert_allclose(np.linalg.norm(found.normal, axis=2), 1, atol=1e-5)
    for plane in (found.base_color, found.roughness, found.metallic):
        assert 0 <= plane.min() <= plane.max() <= 1


def test_exposure_does_not_matter(pair: tuple[np.ndarray, np.ndarray]) -> None:
    bright, dark = (predicted_surface(pair[0] * np.float32(x), None, CAMERA, device="cpu") for x in (1.0, 0.25))
    np.testing.assert_allclose(stacked(bright), stacked(dark), atol=2e-3)


def test_the_network_sees_a_photograph_mirrored_beyond_its_edges(pair: tuple[np.ndarray, np.ndarray]) -> None:
    rows = _PhotographRows(pair[0].astype(np.float32), None, CAMERA, CAMERA.position)
    mirrored = MirroredRows(rows, 16, 8)
    assert (mirrored.height, mirrored.width) == (192, 176)
    wanted = np.pad(rows.read(0, 160), ((16, 16), (8, 8), (0, 0)), mode="symmetric")
    for start, stop in ((0, 192), (0, 5), (10, 40), (170, 192)):
        np.testing.assert_array_equal(mirrored.read(start, stop), wanted[start:stop])


def test_the_network_is_told_from_where_the_light_came(pair: tuple[np.ndarray, np.ndarray]) -> None:
    place = (0.1, -0.2, 0.5)
    told = _PhotographRows(pair[0].astype(np.float32), None, CAMERA, place).read(0, 160)[..., 6:8]
    x, y = CAMERA.axes()
    np.testing.assert_allclose(told[0, :, 0], (x - 0.1) / 0.5, atol=1e-6)
    np.testing.assert_allclose(told[:, 0, 1], (y + 0.2) / 0.5, atol=1e-6)


def test_tiles_do_not_show() -> None:
    flash, camera = linear_from_srgb(wall_photographs(448, seed=3)[0].pixels), Camera(448, 448)
    whole = predicted_surface(flash, None, camera, device="cpu", tile=1024)
    tiled = predicted_surface(flash, None, camera, device="cpu", tile=64)
    np.testing.assert_allclose(stacked(tiled), stacked(whole), atol=2e-4)


def grid_of(plane: np.ndarray) -> np.ndarray:
    """How strong grids of two pixels are: along x, along y, and both."""
    down, right = np.indices(plane.shape[:2])
    return np.array([abs(float((plane[..., 0] * (-1.0) ** sign).mean())) for sign in (right, down, right + down)])


def test_maps_have_no_grid_of_two_pixels(pair: tuple[np.ndarray, np.ndarray]) -> None:
    for flash, ambient in ((pair[0], None), (None, pair[1])):
        roughness = predicted_surface(flash, ambient, CAMERA, device="cpu").roughness
        assert grid_of(roughness).max() < 0.3 / 255


def test_a_grid_is_taken_off_and_nothing_else() -> None:
    down, right = np.indices((200, 150))
    plane = np.stack([np.sin(down / 9) + right / 50, np.cos(right * down / 900)], axis=2)
    plane = (plane + np.random.default_rng(1).normal(0, 0.02, plane.shape)).astype(np.float32)
    plane[60:90, 31:97] += 1
    grid = 0.02 * (-1.0) ** right - 0.01 * (-1.0) ** down + 0.03 * (-1.0) ** (down + right)
    given = plane + grid[..., np.newaxis].astype(np.float32)
    before = given.copy()
    np.testing.assert_allclose(without_grid(given), plane, atol=3e-3)
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2), (3, 2), (5, 4)])
def test_a_few_pixels_stay_finite(shape: tuple[int, int]) -> None:
    flat = np.full((*shape, 1), 0.25, np.float32)
    np.testing.assert_allclose(without_grid(flat), flat, atol=1e-7)


def test_an_even_texture_that_wraps_gives_maps_that_roll_with_it() -> None:
    texture = linear_from_srgb(brick_wall(128, seed=2)["basecolor"].pixels)
    camera = Camera(128, 128)
    still = predicted_surface(None, texture, camera, wrap="xy", device="cpu")
    rolled = predicted_surface(None, np.roll(texture, (32, 64), (0, 1)), camera, wrap="xy", device="cpu")
    # The global track sees the whole rolled too, and is not exactly indifferent to it.
    np.testing.assert_allclose(np.roll(stacked(still), (32, 64), (0, 1)), stacked(rolled), atol=0.1)
    assert np.abs(np.roll(stacked(still), (32, 64), (0, 1)) - stacked(rolled)).mean() < 0.01


def test_sides_need_not_be_multiples_of_anything() -> None:
    flash = linear_from_srgb(wall_photographs(160, seed=1)[0].pixels)[:97, :141]
    found = predicted_surface(flash, None, Camera(141, 97), device="cpu")
    assert found.base_color.shape == (97, 141, 3)


def test_photographs_must_be_there_and_alike(pair: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(MatshotError, match="At least one photograph"):
        predicted_surface(None, None, CAMERA)
    with pytest.raises(MatshotError, match="differ in size"):
        predicted_surface(pair[0], pair[1][:100], CAMERA)
