"""Relief as strong as a flash photograph shows it, on surfaces whose heights are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matshot.capture.composition import as_steep_in_holes, composed_surface, without_shading
from matshot.capture.flattening import Flattened, flattened
from matshot.capture.lamp import Lamp
from matshot.capture.seen_relief import ShadingEvidence, seen_relief, shading_there_is
from matshot.capture.shading import diffuse_response, slopes_of_height
from matshot.image.color import Pixels
from matshot.material.planes import normals_of_slopes, slopes
from matshot.shading.render import Camera, PointLight, render
from matshot.shading.surface import Surface

CAMERA = Camera(320, 240, 60.0)
LAMP = Lamp(CAMERA.position, (1.0, 1.0, 1.0), 0.0, (0.0, 0.0), (0.2, 0.2, 0.2), 0.7, (0.0, 0.0), 0.0, 0.0, 0.1)


def noise(seed: int, deviation: float) -> Pixels:
    """Soft noise of deviation 1, ``H x W``."""
    import cv2

    raw = np.random.default_rng(seed).standard_normal((CAMERA.height, CAMERA.width)).astype(np.float32)
    soft = cv2.GaussianBlur(raw, (0, 0), deviation)
    return np.asarray(soft / soft.std(), np.float32)


@pytest.fixture(scope="module")
def truth() -> Pixels:
    """Slopes of a bumpy surface."""
    return np.asarray(slopes_of_height(0.4 * noise(1, 2.0)), np.float32)


@pytest.fixture(scope="module")
def flat(truth: Pixels) -> Flattened:
    """The photograph of it, under a print that has nothing to do with it, without its lamp."""
    color = np.repeat(0.2 * np.exp(0.15 * noise(2, 2.0))[..., np.newaxis], 3, axis=2)
    surface = Surface.of(color, normals_of_slopes(truth), 0.7)
    seen = render(surface, CAMERA, [PointLight(LAMP.position, 1.0, 0.0)])
    return flattened(seen, np.zeros(seen.shape[:2], bool), CAMERA, LAMP)


def evidence(flat: Flattened) -> ShadingEvidence:
    """What a photograph that a matt surface was taken in tells."""
    found = ShadingEvidence.of(flat, diffuse_response(CAMERA, LAMP.position), CAMERA)
    assert found is not None
    return found


def correlation(first: Pixels, second: Pixels) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def strength(field: Pixels) -> float:
    return float(np.sqrt(np.square(field).sum(axis=2).mean()))


def test_relief_is_as_strong_as_its_shading_whatever_was_predicted(truth: Pixels, flat: Flattened) -> None:
    blind = np.asarray(0.02 * np.stack([noise(3, 1.0), noise(4, 1.0)], axis=2), np.float32)
    found = seen_relief(blind, evidence(flat))
    assert found is not None
    assert strength(found.slopes) == pytest.approx(strength(truth), rel=0.5)
    # Where light comes from the side it says which way a slope faces, though a print lies over it.
    sides = (slice(40, 200), slice(250, 310))
    assert correlation(found.slopes[sides][..., 0], truth[sides][..., 0]) > 0.35
    assert 0 <= found.visibility.min() <= found.visibility[120, 160] < found.visibility[120, 300] <= 1


def test_what_the_network_knows_is_kept(truth: Pixels, flat: Flattened) -> None:
    weak = np.asarray(0.3 * truth, np.float32)
    found = seen_relief(weak, evidence(flat))
    assert found is not None
    assert correlation(found.slopes, truth) > 0.8
    assert strength(found.slopes) > 2 * strength(weak)


def test_the_middle_has_relief_as_strong_as_the_outside(truth: Pixels, flat: Flattened) -> None:
    guess = Surface.of(flat.color, normals_of_slopes(np.asarray(0.3 * truth, np.float32)))
    found = slopes(composed_surface(guess, guess, flat, LAMP, CAMERA).surface.normal)
    middle, outside = strength(found[90:150, 120:200]), strength(found[:, :60])
    assert 0.6 < middle / outside < 1.7


def test_shading_does_not_stay_in_the_base_color(truth: Pixels, flat: Flattened) -> None:
    true_color = 0.15 * noise(2, 2.0)
    guess = Surface.of(flat.color, normals_of_slopes(np.asarray(0.8 * truth, np.float32)))
    surface = composed_surface(guess, guess, flat, LAMP, CAMERA).surface
    before, after = (np.log(planes).mean(axis=2) for planes in (flat.color, surface.base_color))
    assert 1 - correlation(after, true_color) < 0.5 * (1 - correlation(before, true_color))
    # Alike all over: what is left is as strong in the middle as outside.
    assert after[90:150, 120:200].std() == pytest.approx(after[:, :60].std(), rel=0.3)


def test_a_level_surface_keeps_its_base_color(flat: Flattened) -> None:
    level = np.zeros((CAMERA.height, CAMERA.width, 2), np.float32)
    response = diffuse_response(CAMERA, LAMP.position)
    color = without_shading(flat, level, response, CAMERA)
    assert np.log(color / flat.color).std() < 0.02


def test_what_is_steep_is_not_darker_in_the_base_color(truth: Pixels, flat: Flattened) -> None:
    response = diffuse_response(CAMERA, LAMP.position)
    steep = 1.5 * truth
    lit = 1 + response.along_x * steep[..., 0] + response.along_y * steep[..., 1]
    cosine = np.maximum(lit, 0.05) / np.sqrt(1 + np.square(steep).sum(axis=2))
    one_color = replace(flat, color=np.repeat(0.2 * cosine[..., np.newaxis], 3, axis=2).astype(np.float32))
    tone = np.log(without_shading(one_color, steep, response, CAMERA)).mean(axis=2)
    tilt = np.hypot(steep[..., 0], steep[..., 1])
    assert abs(correlation(tone, tilt)) < 0.6


@pytest.fixture(scope="module")
def printed(flat: Flattened) -> Flattened:
    """A photograph of a print alone, whose contrast says nothing of where light comes from."""
    print_ = np.repeat((0.5 * noise(7, 2.0))[..., np.newaxis], 3, axis=2)
    return Flattened(0.2 * np.exp(print_), flat.hole, flat.distance, print_.mean(axis=2), flat.burnt, flat.other)


def read_off(flat: Flattened) -> Pixels:
    """Slopes that explain all of a photograph's brightness."""
    response = diffuse_response(CAMERA, LAMP.position)
    squared = np.square(response.along_x) + np.square(response.along_y) + np.float32(0.02)
    along = np.stack([response.along_x, response.along_y], axis=2)
    return np.asarray(along * (flat.tone / squared)[..., np.newaxis], np.float32)


def test_shading_is_told_from_a_print_that_is_read_as_relief(
    truth: Pixels, flat: Flattened, printed: Flattened
) -> None:
    real = shading_there_is(truth, evidence(flat))
    color = shading_there_is(read_off(printed), evidence(printed))
    assert real is not None
    assert color is not None
    assert real > 0.6
    assert color < 0.2
    assert shading_there_is(np.zeros_like(truth), evidence(flat)) is None


def test_a_print_that_is_read_as_relief_gives_way_to_the_other_prediction(truth: Pixels, printed: Flattened) -> None:
    wrong, other = (Surface.of(printed.color, normals_of_slopes(each)) for each in (read_off(printed), truth))
    found = slopes(composed_surface(wrong, other, printed, LAMP, CAMERA).surface.normal)
    assert correlation(found, truth) > 0.9
    assert abs(correlation(found, read_off(printed))) < 0.1


def test_waves_that_are_seen_by_chance_do_not_stand_for_relief_that_is_not(printed: Flattened) -> None:
    predicted = np.asarray(slopes_of_height(0.4 * noise(8, 2.0)), np.float32)
    found = seen_relief(predicted, evidence(printed))
    assert found is not None
    assert strength(found.slopes) < 1.1 * strength(predicted)
    assert correlation(found.slopes, predicted) > 0.3


def test_without_predicted_relief_none_is_seen(truth: Pixels, flat: Flattened) -> None:
    assert seen_relief(np.zeros_like(truth), evidence(flat)) is None


def test_a_small_photograph_tells_nothing() -> None:
    camera = Camera(64, 64, 60.0)
    level = np.full((64, 64, 3), 0.2, np.float32)
    none = np.zeros((64, 64), bool)
    flat = Flattened(level, none, np.zeros((64, 64), np.float32), np.zeros((64, 64), np.float32), none, none)
    assert ShadingEvidence.of(flat, diffuse_response(camera, LAMP.position), camera) is None


def test_what_fills_a_hole_has_no_shading_of_the_hole(truth: Pixels, flat: Flattened) -> None:
    hole = np.zeros_like(flat.hole)
    hole[100:140, 260:300] = True
    even = replace(flat, hole=hole, color=np.full_like(flat.color, 0.2))
    color = without_shading(even, truth, diffuse_response(CAMERA, LAMP.position), CAMERA)
    assert np.log(color[hole]).std() < 0.2 * np.log(color[~hole]).std()


def test_what_burnt_out_is_as_dark_as_what_surrounds_it(flat: Flattened) -> None:
    x, y = CAMERA.axes()
    radius = np.hypot(x[np.newaxis], y[:, np.newaxis])
    burnt = radius < 0.06
    tone = np.asarray(flat.tone - 1.5 * np.exp(-np.square(radius / 0.12)), np.float32)
    weak = np.asarray(0.02 * np.stack([noise(3, 1.0), noise(4, 1.0)], axis=2), np.float32)
    found = seen_relief(weak, evidence(replace(flat, tone=tone, hole=burnt, burnt=burnt)))
    assert found is not None
    outward = found.slopes[..., 0] * x[np.newaxis] + found.slopes[..., 1] * y[:, np.newaxis]
    rim = np.abs(radius - 0.06) < 0.008
    assert abs(float((outward / radius)[rim].mean())) < 0.2 * strength(found.slopes)


def test_what_was_filled_is_as_steep_as_what_is_around_it(flat: Flattened, truth: Pixels) -> None:
    hole = np.zeros(truth.shape[:2], bool)
    hole[90:150, 120:200] = True
    holed = replace(flat, hole=hole)
    weak = np.where(hole[..., np.newaxis], 0.6 * truth, truth).astype(np.float32)
    even = as_steep_in_holes(weak, holed, np.float32(1))
    inside = np.s_[100:140, 130:190]
    assert strength(even[inside]) == pytest.approx(strength(truth[inside]), rel=0.1)
    np.testing.assert_array_equal(even[:60], weak[:60])
    # Of a surface that looks different everywhere, what is around a hole says nothing of it.
    np.testing.assert_array_equal(as_steep_in_holes(weak, holed, np.float32(0)), weak)
    np.testing.assert_array_equal(as_steep_in_holes(weak, flat, np.float32(1)), weak)
