"""Relief that two photographs tell together, of a surface whose heights are known."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from matshot.capture.pair_relief import PairRelief, pair_relief
from matshot.capture.shading import Response, diffuse_response, slopes_of_height
from matshot.image.color import Pixels, linear_from_srgb
from matshot.material.planes import normals_of_slopes, slopes
from matshot.shading.procedural import brick_material, wall_photographs
from matshot.shading.render import Camera, PointLight, render
from matshot.shading.surface import Surface

CAMERA = Camera(320, 240, 60.0)
EVERYWHERE = np.ones((CAMERA.height, CAMERA.width), bool)
#: Change of the logarithm of the room's light by a slope along x and y.
ROOM = (0.3, -0.15)


def noise(seed: int, deviation: float) -> Pixels:
    """Soft noise of deviation 1, ``H x W``."""
    raw = np.random.default_rng(seed).standard_normal((CAMERA.height, CAMERA.width)).astype(np.float32)
    soft = cv2.GaussianBlur(raw, (0, 0), deviation)
    return np.asarray(soft / soft.std(), np.float32)


def error(found: Pixels, truth: Pixels) -> float:
    return float(np.sqrt(np.square(found - truth).mean()))


def angle(found: Pixels, truth: Pixels) -> float:
    """Mean angle between normals, in degrees."""
    return float(np.degrees(np.arccos((found * truth).sum(axis=2).clip(-1, 1))).mean())


@pytest.fixture(scope="module", autouse=True)
def _few_pixels() -> Iterator[None]:
    """Patterns are learnt from few pixels, which is quicker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matshot.capture.shading._LEARNT_FROM", 20000)
        yield


@pytest.fixture(scope="module")
def truth() -> Pixels:
    """Slopes of a bumpy surface."""
    return np.asarray(slopes_of_height(0.5 * noise(1, 2.0)), np.float32)


@pytest.fixture(scope="module")
def predicted(truth: Pixels) -> Pixels:
    """What a network makes of it: too weak, and half of it something else."""
    other = slopes_of_height(0.4 * noise(2, 2.0))
    return np.asarray(0.6 * truth + 0.6 * other, np.float32)


@pytest.fixture(scope="module")
def pair(truth: Pixels) -> tuple[Pixels, Pixels]:
    """Flash and ambient photographs of a patterned surface."""
    color = np.asarray(0.3 * np.exp(0.4 * noise(3, 1.5))[..., np.newaxis] * np.ones(3, np.float32), np.float32)
    surface = Surface.of(color, normals_of_slopes(truth), 1.0)
    flash = render(surface, CAMERA, [PointLight(CAMERA.position)])
    return flash, np.asarray(color * np.exp(truth @ np.asarray(ROOM, np.float32))[..., np.newaxis], np.float32)


def matt() -> Response:
    return diffuse_response(CAMERA, CAMERA.position)


@pytest.fixture(scope="module")
def found(pair: tuple[Pixels, Pixels], predicted: Pixels) -> PairRelief:
    return pair_relief(*pair, EVERYWHERE, CAMERA, CAMERA.position, matt(), predicted)


def test_two_photographs_know_more_of_relief_than_a_network(
    found: PairRelief, predicted: Pixels, truth: Pixels
) -> None:
    assert error(found.slopes, truth) < 0.82 * error(predicted, truth)
    # No factor would mend what is predicted as much.
    best = float((predicted * truth).sum() / np.square(predicted).sum())
    assert error(found.slopes, truth) < 0.9 * error(best * predicted, truth)


def test_the_rooms_direction_is_found(found: PairRelief) -> None:
    assert np.dot(found.room, ROOM) > 0.95 * np.hypot(*found.room) * np.hypot(*ROOM)
    assert 0.6 < np.hypot(*found.room) / np.hypot(*ROOM) < 1.7


def test_flanks_that_are_black_in_the_flash_photograph_do_not_tilt_the_rest() -> None:
    side = 256
    flash, room = (linear_from_srgb(photograph.pixels) for photograph in wall_photographs(side, seed=7))
    truth = np.tile(slopes(brick_material(side // 2, seed=7).maps["normal"].pixels), (2, 2, 1))
    camera = Camera(side, side)
    response = diffuse_response(camera, camera.position)
    weak = np.asarray(0.12 * truth, np.float32)
    found = pair_relief(flash, room, np.ones((side, side), bool), camera, camera.position, response, weak).slopes
    right = normals_of_slopes(truth)
    assert angle(normals_of_slopes(found), right) < 0.7 * angle(normals_of_slopes(weak), right)


def test_what_one_photograph_does_not_show_is_predicted(pair: tuple[Pixels, Pixels], predicted: Pixels) -> None:
    mask = EVERYWHERE.copy()
    mask[:, :80] = False
    flash, ambient = (np.where(mask[..., np.newaxis], shot, 0) for shot in pair)
    slopes = pair_relief(flash, ambient, mask, CAMERA, CAMERA.position, matt(), predicted).slopes
    left, given = slopes[8:-8, 8:40], predicted[8:-8, 8:40]
    assert np.corrcoef(left.ravel(), given.ravel())[0, 1] > 0.99


def test_without_a_network_the_patterns_are_asked(pair: tuple[Pixels, Pixels], truth: Pixels) -> None:
    alone = pair_relief(*pair, EVERYWHERE, CAMERA, CAMERA.position, matt(), None)
    assert alone.slopes.shape == truth.shape
    assert alone.room == (0.0, 0.0)


def test_a_small_photograph_leaves_the_prediction_half() -> None:
    camera = Camera(96, 96, 60.0)
    rng = np.random.default_rng(0)
    flash, ambient = (rng.uniform(0.2, 0.6, (96, 96, 3)).astype(np.float32) for _ in range(2))
    given = np.full((96, 96, 2), 0.1, np.float32)
    response = diffuse_response(camera, camera.position)
    found = pair_relief(flash, ambient, np.ones((96, 96), bool), camera, camera.position, response, given)
    assert np.isfinite(found.slopes).all()
    assert found.room == (0.0, 0.0)
