"""Photographs that are not what the capture tools assume are named, with what to do."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from matshot.capture.assumptions import photograph_notes, sharpness
from matshot.capture.lamp import Lamp, lamp_notes
from matshot.capture.photograph import Photograph
from matshot.image.color import linear_from_srgb
from matshot.shading.procedural import wall_photographs


@pytest.fixture(scope="module")
def wall() -> Photograph:
    light = linear_from_srgb(wall_photographs(256, seed=3)[0].pixels)
    return Photograph(light, np.zeros(light.shape[:2], dtype=bool), name="wall.jpg")


def blurred(photograph: Photograph, deviation: float) -> Photograph:
    return replace(photograph, pixels=cv2.GaussianBlur(photograph.pixels, (0, 0), deviation))


def test_a_sharp_photograph_has_no_notes(wall: Photograph) -> None:
    assert photograph_notes(wall, "flash") == []
    assert photograph_notes(replace(wall, flash_fired=True), "flash") == []


def test_blur_is_told_with_what_to_do(wall: Photograph) -> None:
    (note,) = photograph_notes(blurred(wall, 4), "even")
    assert note.startswith("wall.jpg is out of focus or shaken")
    assert "focus" in note
    falling = [sharpness(blurred(wall, deviation).pixels) for deviation in (0.5, 1, 2, 4)]
    assert falling == sorted(falling, reverse=True)


def test_a_picture_without_detail_is_not_blurred() -> None:
    assert sharpness(np.full((64, 64, 3), 0.5, np.float32)) == 1


def test_too_much_over_exposure_is_told(wall: Photograph) -> None:
    clipped = wall.saturated.copy()
    clipped[:64] = True
    (note,) = photograph_notes(replace(wall, saturated=clipped), "flash")
    assert "over-exposed in 25% of its pixels" in note
    assert "Lower the exposure" in note


@pytest.mark.parametrize(("light", "fired"), [("flash", False), ("even", True)])
def test_a_flash_that_did_not_fire_and_one_that_did_is_told(wall: Photograph, light, fired: bool) -> None:
    (note,) = photograph_notes(replace(wall, flash_fired=fired), light)
    assert "EXIF says that" in note
    assert "set light to" in note.lower()


def test_notes_of_the_lamp_say_what_to_do() -> None:
    usual = Lamp((0, 0, 1), (1, 1, 1), 2.0, (0, 0), (0.3, 0.3, 0.3), 0.5, (0, 0), 0.0, 0.0, 0.1)
    assert lamp_notes(usual) == []
    (far,) = lamp_notes(replace(usual, position=(0.6, 0, 1)))
    (tilted,) = lamp_notes(replace(usual, tilt=(0.3, 0)))
    (uneven,) = lamp_notes(replace(usual, residual=0.9))
    assert "Switch other lights off" in far
    assert "tilted by about 17\u00b0. Hold it parallel" in tilted
    assert "Fill the frame with one flat material" in uneven
