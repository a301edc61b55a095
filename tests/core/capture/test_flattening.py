"""A flash photograph without its lamp: no ring is left, texture keeps its contrast, what is burnt is filled."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from matshot.capture.composition import as_lit_from, composed_surface, evened
from matshot.capture.filling import filled
from matshot.capture.flattening import Flattened, flattened, highlight_distance
from matshot.capture.lamp import fitted_lamp
from matshot.capture.relief_reading import agreement
from matshot.image.color import linear_from_srgb, srgb_from_linear
from matshot.shading.procedural import noise
from matshot.shading.render import Camera, PointLight, render
from matshot.shading.surface import Surface

SIZE = 224
CAMERA = Camera(SIZE, SIZE)


def stained(roughness: float, color: tuple[float, float, float] = (0.35, 0.2, 0.1)) -> Surface:
    stains = np.exp(0.25 * noise(SIZE, 0.6, np.random.default_rng(5)))[..., np.newaxis]
    return Surface.of(np.clip(np.array(color) * stains, 0.005, 1).astype(np.float32), roughness=roughness)


def photographed(surface: Surface, level: float) -> tuple[np.ndarray, np.ndarray]:
    """By a flash beside the lens that falls off; the brightest percent reaches a level."""
    seen = render(surface, CAMERA, [PointLight((0.04, -0.03, CAMERA.distance), 1.0, 6.0)])
    shown = srgb_from_linear(np.clip(seen * (level / np.percentile(seen.max(axis=2), 99)), 0, 1))
    shown = np.round(shown * 255) / 255
    return linear_from_srgb(shown.astype(np.float32)), (shown >= 0.98).any(axis=2)


def ring_means(plane: np.ndarray) -> np.ndarray:
    """Means of rings around the middle of a picture, of nearly equal width."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    radius = np.hypot(x, y)
    edges = [0, 0.1, 0.17, 0.24, 0.31, 0.38, 0.45]
    return np.array([plane[(radius >= a) & (radius < b)].mean(axis=0) for a, b in pairwise(edges)])


@pytest.mark.parametrize("roughness", [0.25, 0.45, 0.7])
@pytest.mark.parametrize("level", [0.9, 2.0])
def test_no_ring_of_the_lamp_is_left(roughness: float, level: float) -> None:
    surface = stained(roughness)
    light, saturated = photographed(surface, level)
    flat = filled(flattened(light, saturated, CAMERA, fitted_lamp(light, saturated, CAMERA)))
    left = np.log(ring_means(flat.color)) - np.log(ring_means(surface.base_color))
    assert np.ptp(left, axis=0).max() < 0.2
    assert np.isfinite(flat.color).all()
    assert 0 <= flat.color.min() <= flat.color.max() <= 1


def test_stains_stay_where_they_are() -> None:
    surface = stained(0.5)
    light, saturated = photographed(surface, 0.9)
    flat = flattened(light, saturated, CAMERA, fitted_lamp(light, saturated, CAMERA))
    assert np.corrcoef(np.log(flat.color).ravel(), np.log(surface.base_color).ravel())[0, 1] > 0.95


def test_what_another_light_shows_alike_is_kept() -> None:
    surface = stained(0.5)
    across = np.linspace(-1, 1, SIZE, dtype=np.float32)
    fading = np.exp(0.4 * np.cos(np.pi * across))[np.newaxis, :, np.newaxis]
    faded = replace(surface, base_color=np.asarray(surface.base_color * fading, np.float32))
    light, saturated = photographed(faded, 0.9)
    lamp = fitted_lamp(light, saturated, CAMERA)

    def fades(even: np.ndarray | None) -> float:
        color = np.log(flattened(light, saturated, CAMERA, lamp, even).color).mean(axis=2).mean(axis=0)
        wave = np.cos(np.pi * across)
        return float(np.polyfit(wave, color - np.log(surface.base_color).mean(axis=2).mean(axis=0), 1)[0])

    in_room = np.asarray(0.3 * faded.base_color * np.exp(0.3 * across)[np.newaxis, :, np.newaxis], np.float32)
    window = np.asarray(0.3 * np.exp(0.8 * across)[np.newaxis, :, np.newaxis] * np.ones((SIZE, 1, 3)), np.float32)
    assert fades(in_room) > 1.25 * fades(None)
    # Light that falls in from a side, which the flash knows nothing of, is not taken for the surface's.
    assert fades(window) == pytest.approx(fades(None), abs=0.05)


def test_a_sign_on_a_wall_keeps_its_border_and_the_wall_its_color() -> None:
    surface = stained(0.5, (0.2, 0.17, 0.15))
    color = surface.base_color.copy()
    color[60:160, 60:160] = 0.01
    color[68:152, 68:152] = (0.6, 0.2, 0.02)
    light, saturated = photographed(replace(surface, base_color=color), 0.9)
    lamp = fitted_lamp(light, saturated, CAMERA)
    flat = flattened(light, saturated, CAMERA, lamp)
    ratio = np.log(np.maximum(flat.color, 1e-3)) - np.log(color)
    beside, far = ratio[60:160, 45:57].mean(axis=(0, 1)), ratio[185:, 185:].mean(axis=(0, 1))
    np.testing.assert_allclose(beside, far, atol=0.12)
    assert np.ptp(far) < 0.1
    # A highlight lies over black, too.
    assert flat.color[80:140, 62:65].mean() < 0.05
    # Nor does the sign glow once shading is out.
    level = Surface.of(flat.color)
    composed = composed_surface(level, level, flat, lamp, CAMERA).surface.base_color
    np.testing.assert_allclose(np.log(composed / flat.color)[60:160, 45:57].mean(axis=(0, 1)), 0, atol=0.05)


def test_what_is_burnt_is_a_hole_and_is_filled_with_texture() -> None:
    surface = stained(0.25)
    light, saturated = photographed(surface, 4.0)
    flat = flattened(light, saturated, CAMERA, fitted_lamp(light, saturated, CAMERA))
    assert 0.005 < flat.hole.mean() < 0.4
    whole = filled(flat)
    there, around = np.log(whole.color[flat.hole]), np.log(whole.color[~flat.hole])
    assert np.abs(there.mean(axis=0) - around.mean(axis=0)).max() < 0.2
    assert there.std() > 0.4 * around.std()


def test_what_the_highlight_dilutes_is_filled_only_on_a_surface_that_is_alike_all_over() -> None:
    light, saturated = photographed(stained(0.3, (0.06, 0.04, 0.02)), 0.9)
    lamp = fitted_lamp(light, saturated, CAMERA)
    alike = flattened(light, saturated, CAMERA, replace(lamp, residual=0.1))
    assert (alike.hole & ~alike.burnt).any()
    carved = flattened(light, saturated, CAMERA, replace(lamp, residual=0.6))
    np.testing.assert_array_equal(carved.hole, carved.burnt)


def test_a_spot_that_is_left_at_the_highlight_is_taken_off() -> None:
    light, saturated = photographed(stained(0.5), 0.9)
    flat = flattened(light, saturated, CAMERA, fitted_lamp(light, saturated, CAMERA))
    spot = 1 - 0.15 * np.exp(-np.square(flat.distance / 0.05))[..., np.newaxis]
    assert evened(flat) is flat
    even = evened(replace(flat, color=(flat.color * spot).astype(np.float32), hole=flat.distance < 0.02))
    middle, around = flat.distance < 0.04, (flat.distance > 0.2) & (flat.distance < 0.3)
    before, after = (
        abs(np.log(color[middle].mean() / color[around].mean())) for color in (flat.color * spot, even.color)
    )
    assert after < 0.7 * before
    np.testing.assert_array_equal(even.color[flat.distance > 0.25], flat.color[flat.distance > 0.25])


def test_without_a_hole_nothing_is_filled() -> None:
    light, saturated = photographed(stained(0.6), 0.8)
    flat = flattened(light, saturated, CAMERA, fitted_lamp(light, saturated, CAMERA))
    assert not flat.hole.any()
    assert filled(flat) is flat


def test_a_channel_that_ends_alone_is_told_by_the_others() -> None:
    surface = stained(0.8, (0.8, 0.3, 0.2))
    light, saturated = photographed(surface, 1.6)
    assert 0.05 < saturated.mean() < 0.6
    assert (light[saturated][:, 0] > 0.95).all()
    flat = flattened(light, saturated, CAMERA, fitted_lamp(light, saturated, CAMERA))
    assert not flat.hole.any()
    left = np.log(ring_means(flat.color)) - np.log(ring_means(surface.base_color))
    assert np.ptp(left, axis=0).max() < 0.2


def test_the_photograph_comes_back_as_lit_from_the_lens() -> None:
    light, saturated = photographed(stained(0.5), 0.9)
    lamp = fitted_lamp(light, saturated, CAMERA)
    again = as_lit_from(CAMERA.position, flattened(light, saturated, CAMERA, lamp), lamp, CAMERA).mean(axis=2)
    assert again[:, ::-1].mean(axis=0) == pytest.approx(again.mean(axis=0), rel=0.15)


def test_slopes_are_as_strong_in_the_middle_and_roughness_has_no_trend() -> None:
    light, saturated = photographed(stained(0.5), 0.9)
    lamp = fitted_lamp(light, saturated, CAMERA)
    flat = flattened(light, saturated, CAMERA, lamp)
    distance = highlight_distance(CAMERA, lamp)
    rng = np.random.default_rng(1)
    slopes = 0.2 * rng.standard_normal((SIZE, SIZE, 2)) * (0.2 + distance[..., np.newaxis])
    normal = np.concatenate([slopes, np.ones((SIZE, SIZE, 1))], axis=2)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    guess = Surface.of(flat.color, normal.astype(np.float32), 0.3 + 0.5 * distance[..., np.newaxis], 0.7)
    found = composed_surface(guess, guess, flat, lamp, CAMERA).surface
    steep = np.hypot(found.normal[..., 0], found.normal[..., 1]) / found.normal[..., 2]
    assert 0.7 < steep[distance < 0.15].mean() / steep[(distance > 0.25) & (distance < 0.45)].mean() < 1.5
    assert np.ptp(ring_means(found.roughness[..., 0])) < 0.05
    assert found.metallic.max() == lamp.metallic


def test_a_surface_whose_highlight_is_widened_is_brighter_and_keeps_its_pattern() -> None:
    light, saturated = photographed(stained(0.5), 0.9)
    lamp = fitted_lamp(light, saturated, CAMERA)
    flat = flattened(light, saturated, CAMERA, lamp)
    level = Surface.of(flat.color, roughness=0.5)

    def found(roughness: float, brightest: float = 0.3) -> Surface:
        seen = replace(flat, color=flat.color * np.float32(brightest / flat.color.max()))
        return composed_surface(level, level, seen, replace(lamp, roughness=roughness, metallic=0.0), CAMERA).surface

    for roughness in (0.15, 0.3, 0.7):
        wider = max(1.0, float(np.median(found(roughness).roughness)) / roughness)
        gain = found(roughness).base_color.mean() / found(0.7).base_color.mean()
        assert gain == pytest.approx(wider, rel=0.1)
    assert found(0.15).base_color.mean() > 1.5 * found(0.7).base_color.mean()
    # Not where that would make its brightest parts white.
    bright = found(0.15, 0.9).base_color
    assert (bright >= 1).mean() < 0.01
    assert bright.std() / bright.mean() == pytest.approx(flat.color.std() / flat.color.mean(), rel=0.1)


def test_slopes_that_two_predictions_do_not_share_are_weakened() -> None:
    light, saturated = photographed(stained(0.5), 0.9)
    lamp = fitted_lamp(light, saturated, CAMERA)
    flat = flattened(light, saturated, CAMERA, lamp)
    rng = np.random.default_rng(1)

    def guess(slopes: np.ndarray) -> Surface:
        normal = np.concatenate([slopes, np.ones((SIZE, SIZE, 1))], axis=2)
        normal /= np.linalg.norm(normal, axis=2, keepdims=True)
        return Surface.of(flat.color, normal.astype(np.float32), 0.5, 0.0)

    one, other = (0.2 * rng.standard_normal((SIZE, SIZE, 2)) for _ in range(2))
    known = np.ones((SIZE, SIZE), dtype=bool)
    assert agreement(one, one, known) == pytest.approx(1)
    assert abs(agreement(one, other, known)) < 0.1
    shared, apart = (
        np.hypot(*np.moveaxis(composed_surface(guess(one), guess(second), flat, lamp, CAMERA).surface.normal, 2, 0)[:2])
        for second in (one, other)
    )
    assert apart.mean() < 0.75 * shared.mean()


def test_roughness_varies_as_far_as_two_predictions_share_it() -> None:
    light, saturated = photographed(stained(0.5), 0.9)
    lamp = fitted_lamp(light, saturated, CAMERA)
    flat = flattened(light, saturated, CAMERA, lamp)
    rng = np.random.default_rng(1)
    one, other = (rng.uniform(0.35, 0.65, (SIZE, SIZE, 1)) for _ in range(2))

    def found(second: np.ndarray) -> np.ndarray:
        guesses = (Surface.of(flat.color, roughness=each) for each in (one, second))
        rough: np.ndarray = composed_surface(*guesses, flat, lamp, CAMERA).surface.roughness
        return rough

    assert found(one).std() > 0.06
    assert np.corrcoef(found(one).ravel(), one.ravel())[0, 1] > 0.95
    assert found(other).std() < 0.5 * found(one).std()


def test_joints_go_on_through_a_hole() -> None:
    rows, columns = np.mgrid[:128, :160]
    course = rows // 16
    joint = (rows % 16 < 2) | ((columns + 20 * (course % 2)) % 40 < 2)
    color = np.where(joint[..., np.newaxis], np.float32(0.6), np.array((0.3, 0.1, 0.05), np.float32))
    color = (color * np.exp(0.05 * np.random.default_rng(0).standard_normal(color.shape))).astype(np.float32)
    hole = np.hypot(rows - 66, columns - 78) < 18
    spoilt = np.where(hole[..., np.newaxis], np.float32(0.9), color)
    distance = (np.hypot(rows - 66, columns - 78) / 160).astype(np.float32)
    found = filled(Flattened(spoilt, hole, distance, np.log(spoilt).mean(axis=2), hole, np.zeros_like(hole)))
    wrong = (found.color[..., 2] > 0.3) != joint
    assert wrong[hole].mean() < 0.02
    # As lively as its surroundings, not a smooth spot.
    middle = np.hypot(rows - 66, columns - 78) < 10
    quartiles = [np.quantile(found.color[..., 0][mask & ~joint], (0.25, 0.75)) for mask in (middle, ~hole)]
    inside, outside = (float(np.ptp(each)) for each in quartiles)
    assert inside == pytest.approx(outside, rel=0.3)
