"""What two photographs together say of a base color."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from matshot.capture.twoshot import color_of_both
from matshot.image.color import Pixels

SIDE = 128


def noise(seed: int) -> Pixels:
    """Soft noise of deviation 1, ``H x W x 1``."""
    raw = np.random.default_rng(seed).standard_normal((SIDE, SIDE)).astype(np.float32)
    soft = cv2.GaussianBlur(raw, (0, 0), 1.5)
    return np.asarray((soft / soft.std())[..., np.newaxis], np.float32)


EVERYWHERE = np.ones((SIDE, SIDE), bool)


@pytest.fixture(scope="module")
def true_color() -> Pixels:
    return np.asarray(0.2 * np.exp(0.2 * noise(1)) * np.ones(3, np.float32), np.float32)


def error(color: Pixels, truth: Pixels) -> float:
    off = np.log(color) - np.log(truth)
    return float((off - off.mean()).std())


def test_shading_that_one_photograph_alone_shows_is_weaker(true_color: Pixels) -> None:
    of_flash, of_room = (np.asarray(true_color * np.exp(0.15 * noise(seed)), np.float32) for seed in (2, 3))
    both = color_of_both(of_flash, 2.5 * of_room, EVERYWHERE, EVERYWHERE)
    assert error(both, true_color) < 0.8 * min(error(of_flash, true_color), error(of_room, true_color))
    assert both.mean() == pytest.approx(of_flash.mean(), rel=0.05)


def test_the_rooms_uneven_light_stays_out(true_color: Pixels) -> None:
    light = np.linspace(0.5, 2.0, SIDE, dtype=np.float32)[np.newaxis, :, np.newaxis]
    both = color_of_both(true_color, true_color * light, EVERYWHERE, EVERYWHERE)
    left, right = (float(both[:, part].mean()) for part in (slice(24, 56), slice(-56, -24)))
    assert left == pytest.approx(right, rel=0.1)


def test_what_turns_away_from_the_flash_is_not_black(true_color: Pixels) -> None:
    of_flash = true_color.copy()
    of_flash[40:43] *= 0.02
    both = color_of_both(of_flash, 2.5 * true_color, EVERYWHERE, EVERYWHERE)
    assert error(both[40:43], true_color[40:43]) < 0.3
    assert both[40:43].mean() == pytest.approx(both[50:90].mean(), rel=0.25)


def test_what_mirrors_the_flash_is_not_white(true_color: Pixels) -> None:
    of_flash = true_color.copy()
    of_flash[40:43, ::9] = 0.9
    both = color_of_both(of_flash, 2.5 * true_color, EVERYWHERE, EVERYWHERE)
    assert error(both[40:43], true_color[40:43]) < 0.15


def test_what_is_over_exposed_by_the_flash_is_as_the_room_shows_it(true_color: Pixels) -> None:
    of_flash, usable = true_color.copy(), EVERYWHERE.copy()
    of_flash[40:43, ::3] = 1.0
    usable[40:43, ::3] = False
    both = color_of_both(of_flash, 2.5 * true_color, usable, EVERYWHERE)
    assert error(both[40:43], true_color[40:43]) < 0.15
    assert both[40:43].mean() == pytest.approx(both[50:90].mean(), rel=0.25)


def test_what_cannot_be_trusted_is_not_taken(true_color: Pixels) -> None:
    usable = np.ones((SIDE, SIDE), bool)
    usable[:, 64:] = False
    both = color_of_both(true_color, np.asarray(true_color * np.exp(0.5 * noise(4)), np.float32), usable, usable)
    assert np.array_equal(both[:, 64:], true_color[:, 64:])
    assert color_of_both(true_color, true_color, ~EVERYWHERE, EVERYWHERE) is true_color
