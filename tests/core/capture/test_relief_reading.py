"""Slopes that a network for relief alone reads off shading: any size, any tiles, and how they join others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matshot.capture.composition import evened
from matshot.capture.filling import filled
from matshot.capture.flattening import Flattened, flattened
from matshot.capture.lamp import Lamp, fitted_lamp
from matshot.capture.oneshot import OneShotOptions, oneshot
from matshot.capture.photograph import resized
from matshot.capture.prediction import Shaded, predicted_slopes
from matshot.capture.relief_reading import patchiness, read_relief, with_bands_by_agreement, with_reading
from matshot.capture.response import response_of_lamp
from matshot.image.color import Pixels, linear_from_srgb
from matshot.image.writer import write_texture
from matshot.material.planes import slopes
from matshot.shading.procedural import brick_material, wall_photographs
from matshot.shading.render import Camera

SIDE = 384
CAMERA = Camera(SIDE, SIDE)


@pytest.fixture(scope="module")
def shots() -> tuple[Pixels, Pixels]:
    flash, ambient = wall_photographs(SIDE, seed=3)
    return linear_from_srgb(flash.pixels), linear_from_srgb(ambient.pixels)


@pytest.fixture(scope="module")
def lamp(shots: tuple[Pixels, Pixels]) -> Lamp:
    return fitted_lamp(shots[0], np.zeros((SIDE, SIDE), bool), CAMERA)


@pytest.fixture(scope="module")
def flat(shots: tuple[Pixels, Pixels], lamp: Lamp) -> Flattened:
    return evened(filled(flattened(shots[0], np.zeros((SIDE, SIDE), bool), CAMERA, lamp)))


def correlation(first: Pixels, second: Pixels) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def test_relief_of_a_wall_is_read_from_one_photograph_and_from_two(
    shots: tuple[Pixels, Pixels], lamp: Lamp, flat: Flattened
) -> None:
    normal = brick_material(SIDE // 2, 3).maps["normal"].pixels
    truth = slopes(np.tile(normal, (2, 2, 1)))
    one = read_relief(flat, lamp, CAMERA, device="cpu")
    two = read_relief(flat, lamp, CAMERA, shots[1], device="cpu")
    assert one.shape == (SIDE, SIDE, 2)
    assert min(correlation(one, truth), correlation(two, truth)) > 0.5
    assert correlation(one, two) < 0.99


def test_exposure_does_not_matter_nor_do_tiles_show(shots: tuple[Pixels, Pixels], lamp: Lamp, flat: Flattened) -> None:
    response, known = response_of_lamp(lamp, CAMERA), ~flat.burnt
    shaded = Shaded(flat.color, response, known, None)
    darker = replace(shaded, color=flat.color / 4)
    whole = predicted_slopes(shaded, shots[1], device="cpu", tile=1024)
    dark = predicted_slopes(darker, shots[1] / 4, device="cpu", tile=1024)
    tiled = predicted_slopes(shaded, shots[1], device="cpu", tile=64)
    np.testing.assert_allclose(dark, whole, atol=2e-3)
    np.testing.assert_allclose(tiled, whole, atol=2e-4)


def test_sides_need_not_be_multiples_of_anything(lamp: Lamp, flat: Flattened) -> None:
    rows, columns = slice(0, 61), slice(0, 45)
    cut = Flattened(*(np.ascontiguousarray(plane[rows, columns]) for plane in vars(flat).values()))
    assert read_relief(cut, lamp, Camera(45, 61), device="cpu").shape == (61, 45, 2)


def test_a_large_photograph_is_read_small_and_keeps_what_is_finer(
    lamp: Lamp, flat: Flattened, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_relief(flat, lamp, CAMERA, device="cpu")
    monkeypatch.setattr("matshot.capture.relief_reading.READ_SIDE", SIDE // 2)
    small = read_relief(flat, lamp, CAMERA, device="cpu")
    assert small.shape == (SIDE // 2, SIDE // 2, 2)
    assert correlation(resized(whole, (SIDE // 2, SIDE // 2)), small) > 0.4
    fine = np.zeros_like(whole)
    fine[::2] = 0.2
    fine[1::2] = -0.2
    known = np.ones((SIDE, SIDE), bool)
    added = with_reading(whole + fine, small, known) - with_reading(whole, small, known)
    np.testing.assert_allclose(added, fine, atol=0.02)


def test_what_is_read_gets_the_strength_of_what_is_found() -> None:
    rng = np.random.default_rng(0)
    found, read = (rng.normal(0, deviation, (64, 64, 2)).astype(np.float32) for deviation in (0.3, 0.1))
    known = np.ones((64, 64), bool)
    # Without anything in common, what is read has no say.
    np.testing.assert_array_equal(with_reading(found, read, known), found)
    read = np.asarray(0.3 * found + read, np.float32)
    both = with_reading(found, read, known)
    np.testing.assert_allclose(with_reading(found, 0.8 * read, known), both, atol=1e-6)
    assert correlation(both, read) > correlation(found, read) + 0.1
    assert both.std() == pytest.approx(found.std(), rel=0.15)
    # A level answer is not noise to be strengthened without bound.
    np.testing.assert_allclose(with_reading(found, 1e-4 * read, known), 0.5 * found, atol=1e-3)
    assert not with_reading(np.zeros_like(found), read, known).any()


def test_what_is_read_in_patches_of_one_photograph_has_no_say() -> None:
    rng = np.random.default_rng(0)
    found = rng.normal(0, 0.3, (96, 96, 2)).astype(np.float32)
    known = np.ones((96, 96), bool)
    even = np.asarray(0.5 * found + rng.normal(0, 0.1, found.shape), np.float32)
    patches = even.copy()
    patches[:, 48:] *= 0.1
    assert patchiness(found, even, known) < 0.2 < 0.6 < patchiness(found, patches, known)
    assert not np.array_equal(with_reading(found, even, known, patches=False), found)
    np.testing.assert_array_equal(with_reading(found, patches, known, patches=False), found)
    # Two photographs tell relief apart from color wherever it is.
    assert not np.array_equal(with_reading(found, patches, known), found)
    # Where the surface itself has relief in one half only, so may what is read.
    found[:, 48:] *= 0.1
    assert patchiness(found, patches, known) < 0.2
    # Of hardly any pixels that are known nothing is said.
    assert patchiness(found, patches, ~known) == 0


def banded(found: Pixels, read: Pixels, known: np.ndarray, doubtful: float) -> Pixels:
    return with_bands_by_agreement(with_reading(found, read, known), found, read, known, doubtful)


def test_fine_relief_that_both_see_is_strengthened_and_what_one_sees_may_be_weakened() -> None:
    rng = np.random.default_rng(1)
    there = rng.normal(0, 0.2, (96, 96, 2)).astype(np.float32)
    errors = [rng.normal(0, deviation, (96, 96, 2)).astype(np.float32) for deviation in (0.04, 0.04, 1.0, 1.0)]
    known = np.ones((96, 96), bool)
    alike = banded(there + errors[0], there + errors[1], known, 1.0)
    assert 1.3 < alike.std() / there.std() < 1.7
    apart = [banded(there + errors[2], there + errors[3], known, least) for least in (1.0, 0.6)]
    np.testing.assert_allclose(apart[1], 0.6 * apart[0], atol=0.02)
    # What is coarse is found as strong as it is.
    coarse = np.tile(np.sin(np.arange(96) * np.pi / 24, dtype=np.float32)[:, np.newaxis, np.newaxis], (1, 96, 2))
    inside = slice(24, -24)
    np.testing.assert_allclose(banded(coarse, coarse, known, 1.0)[inside], coarse[inside], atol=0.04)


def test_of_a_pair_a_turned_one_is_read_the_same(shots: tuple[Pixels, Pixels], lamp: Lamp, flat: Flattened) -> None:
    straight = read_relief(flat, lamp, CAMERA, shots[1], device="cpu")
    around = replace(lamp, position=(-lamp.position[1], lamp.position[0], lamp.position[2]), tilt=(0.0, 0.0))
    if any(lamp.tilt):
        straight = read_relief(flat, replace(lamp, tilt=(0.0, 0.0)), CAMERA, shots[1], device="cpu")
    turned = Flattened(*(np.rot90(plane) for plane in vars(flat).values()))
    read = read_relief(turned, around, CAMERA, np.rot90(shots[1]), device="cpu")
    back = np.rot90(np.stack([read[..., 1], -read[..., 0]], axis=2), -1)
    assert correlation(back, straight) > 0.98


def test_a_metal_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "wall.png"
    write_texture(wall_photographs(160, seed=1)[0], path)
    asked: list[float] = []

    def read(flat: Flattened, lamp: Lamp, *rest: Any, **options: Any) -> Any:
        asked.append(lamp.metallic)
        return read_relief(flat, lamp, *rest, **options)

    monkeypatch.setattr("matshot.capture.oneshot.read_relief", read)
    for metallic in (0.0, 1.0):

        def lamp(*fitted: Any, metallic: float = metallic) -> Lamp:
            return replace(fitted_lamp(*fitted), metallic=metallic)

        monkeypatch.setattr("matshot.capture.oneshot.fitted_lamp", lamp)
        oneshot(path, OneShotOptions(device="cpu"))
    assert asked == [0.0]
