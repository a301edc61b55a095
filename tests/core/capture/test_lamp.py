"""The lamp of a flash photograph: its place, fall-off, what is metal, how rough and how bright it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matshot.capture.lamp import Lamp, fitted_lamp, is_alike, lamp_notes
from matshot.image.color import linear_from_srgb, srgb_from_linear
from matshot.shading.procedural import noise
from matshot.shading.render import Camera, PointLight, render
from matshot.shading.surface import Surface

SIZE = 224
CAMERA = Camera(SIZE, SIZE)


def stained(roughness: float, metallic: float = 0.0, color: tuple[float, float, float] = (0.3, 0.2, 0.12)) -> Surface:
    """A level surface whose color varies by a fifth."""
    rng = np.random.default_rng(3)
    stains = np.exp(0.2 * noise(SIZE, 0.8, rng))[..., np.newaxis]
    base = np.clip(np.array(color) * stains / stains.mean(), 0.005, 1)
    return Surface.of(base.astype(np.float32), roughness=roughness, metallic=metallic)


def photographed(surface: Surface, lamp: PointLight, level: float = 0.97) -> tuple[np.ndarray, np.ndarray]:
    """Light of an 8-bit picture whose brightest percent reaches a level, and where it is over-exposed."""
    seen = render(surface, CAMERA, [lamp])
    shown = srgb_from_linear(np.clip(seen * (level / np.percentile(seen.max(axis=2), 99)), 0, 1))
    shown = np.round(shown * 255) / 255
    return linear_from_srgb(shown.astype(np.float32)), (shown >= 0.98).any(axis=2)


def lamp_at(x: float, y: float, falloff: float = 4.0) -> PointLight:
    return PointLight((x, y, CAMERA.distance), 1.0, falloff)


def fitted(surface: Surface, lamp: PointLight) -> Lamp:
    return fitted_lamp(*photographed(surface, lamp), CAMERA)


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.08, -0.05), (-0.06, 0.09)])
def test_the_lamps_place_is_found(place: tuple[float, float]) -> None:
    found = fitted(stained(0.4), lamp_at(*place))
    assert found.position[:2] == pytest.approx(place, abs=0.03)


@pytest.mark.parametrize("falloff", [0.0, 4.0, 12.0])
def test_the_fall_off_is_found(falloff: float) -> None:
    assert fitted(stained(0.45), lamp_at(0.02, 0.03, falloff)).falloff == pytest.approx(falloff, abs=1.5)


@pytest.mark.parametrize("roughness", [0.2, 0.35, 0.5])
@pytest.mark.parametrize("metallic", [0.0, 1.0])
def test_metal_is_told_from_what_is_none_and_how_rough_it_is(roughness: float, metallic: float) -> None:
    color = (0.9, 0.6, 0.3) if metallic else (0.3, 0.2, 0.12)
    found = fitted(stained(roughness, metallic, color), lamp_at(0.03, -0.02))
    assert found.metallic == metallic
    assert found.roughness == pytest.approx(roughness, abs=0.08)


def test_black_plastic_is_no_metal() -> None:
    found = fitted(stained(0.4, color=(0.02, 0.02, 0.02)), lamp_at(0.03, 0.0))
    assert found.metallic == 0
    assert np.mean(found.base_color) < 0.06


@pytest.mark.parametrize("brightness", [0.08, 0.2, 0.35])
def test_the_highlight_tells_how_bright_a_glossy_surface_is(brightness: float) -> None:
    found = fitted(stained(0.3, color=(brightness, brightness, brightness)), lamp_at(0.0, 0.02))
    assert np.log(np.mean(found.base_color) / brightness) == pytest.approx(0, abs=0.6)


def test_its_shading_is_the_photographs() -> None:
    surface, lamp = stained(0.4), lamp_at(0.05, 0.03)
    light, saturated = photographed(surface, lamp)
    shading = fitted_lamp(light, saturated, CAMERA).shading(CAMERA).light
    ratio = np.log((light + 0.01) / (shading + 0.01))[~saturated]
    assert abs(float(np.median(ratio))) < 0.05
    assert shading.shape == light.shape


def test_a_part_of_the_picture_has_its_part_of_the_shading() -> None:
    found = fitted(stained(0.4), lamp_at(0.05, 0.03))
    whole = found.shading(CAMERA).light
    part = found.shading(CAMERA.cut(slice(30, 90), slice(100, 180))).light
    np.testing.assert_allclose(part, whole[30:90, 100:180], rtol=1e-3)


def test_a_burnt_highlight_does_not_mislead() -> None:
    surface, lamp = stained(0.3), lamp_at(0.04, 0.0)
    light, saturated = photographed(surface, lamp, level=3.0)
    assert saturated.mean() > 0.02
    found = fitted_lamp(light, saturated, CAMERA)
    assert found.metallic == 0
    assert found.position[:2] == pytest.approx((0.04, 0.0), abs=0.04)
    assert found.roughness == pytest.approx(0.3, abs=0.1)


def test_a_photograph_as_it_should_be_needs_no_note_and_a_far_lamp_does() -> None:
    assert lamp_notes(fitted(stained(0.45), lamp_at(0.03, 0.02))) == []
    assert any("not at the lens" in note for note in lamp_notes(fitted(stained(0.45), lamp_at(0.4, 0.2))))


def test_a_light_in_a_corner_is_found_and_noted() -> None:
    surface, lamp = stained(0.45), lamp_at(0.03, 0.02)
    seen = render(surface, CAMERA, [lamp, PointLight((0.42, 0.4, 0.12), 0.03, 0.0)])
    light = np.clip(seen / np.percentile(seen, 99.5), 0, 1).astype(np.float32)
    found = fitted_lamp(light, (light >= 0.98).any(axis=2), CAMERA)
    assert found.other_light == pytest.approx((0.42, 0.4), abs=0.15)
    assert any("upper right" in note for note in lamp_notes(found))
    assert fitted(surface, lamp).other_light is None


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ((0.4, 0.4), "the upper right of"),
        ((0, 0.4), "the top of"),
        ((-0.4, 0), "the left of"),
        ((0, 0), "the edges of"),
    ],
)
def test_a_note_names_where_another_light_shines(place: tuple[float, float], words: str) -> None:
    lamp = replace(fitted(stained(0.45), lamp_at(0.03, 0.02)), other_light=place)
    assert any(words in note for note in lamp_notes(lamp))


def test_a_sign_on_a_wall_is_not_alike_all_over() -> None:
    surface, lamp = stained(0.45), lamp_at(0.03, 0.02)
    assert is_alike(fitted(surface, lamp))
    base = surface.base_color.copy()
    base[60:130, 70:150] = (0.7, 0.3, 0.02)
    found = fitted(Surface.of(base, roughness=0.45), lamp)
    assert not is_alike(found)
    assert any("from place to place" in note for note in lamp_notes(found))
