"""What a photograph says for certain: base color and exposure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matshot.capture.photometric import fitted_exposure, with_even_color, with_explained_color
from matshot.shading.procedural import noise
from matshot.shading.render import Camera, flash, render
from matshot.shading.surface import Surface

SIZE = 96
CAMERA = Camera(SIZE, SIZE)
EVERYWHERE = np.ones((SIZE, SIZE), dtype=bool)


def painted(roughness: float, metallic: float = 0.0, bumps: float = 0.0) -> Surface:
    """A stained surface, level or with bumps."""
    rng = np.random.default_rng(1)
    color = np.clip(0.3 * np.exp(0.15 * noise(SIZE, 1.0, rng)), 0.02, 0.95)[..., None] * np.array([1.0, 0.8, 0.6])
    slopes = bumps * np.stack([noise(SIZE, 0.8, rng), noise(SIZE, 0.8, rng)], axis=2)
    normal = np.concatenate([slopes, np.ones((SIZE, SIZE, 1))], axis=2)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    return Surface.of(color.astype(np.float32), normal.astype(np.float32), roughness, metallic)


def photographed(surface: Surface, intensity: float = 1.7) -> np.ndarray:
    return render(surface, CAMERA, [flash(CAMERA, intensity=intensity)])


@pytest.mark.parametrize("metallic", [0.0, 1.0])
def test_base_color_comes_back_when_the_rest_is_right(metallic: float) -> None:
    truth = painted(0.5, metallic, bumps=0.1)
    guess = replace(truth, base_color=np.full_like(truth.base_color, truth.base_color.mean()))
    found = with_explained_color(guess, CAMERA, photographed(truth), EVERYWHERE)
    ratio = found.base_color / truth.base_color
    assert ratio.std() / ratio.mean() < 0.05


def test_lit_again_the_maps_are_the_photograph() -> None:
    photograph = photographed(painted(0.4, bumps=0.15))
    guess = Surface.of(np.full((SIZE, SIZE, 3), 0.3, dtype=np.float32), roughness=0.45)
    found = with_explained_color(guess, CAMERA, photograph, EVERYWHERE)
    exposure = fitted_exposure(found, CAMERA, photograph, EVERYWHERE)
    again = render(found, CAMERA, [flash(CAMERA, intensity=exposure)])
    assert np.abs(again - photograph).mean() < 0.03 * photograph.mean()


def test_another_lamp_explains_as_well() -> None:
    truth, lamp = painted(0.5), flash(CAMERA, (0.15, -0.1), 1.3, 4.0)
    photograph = render(truth, CAMERA, [lamp])
    guess = replace(truth, base_color=np.full_like(truth.base_color, truth.base_color.mean()))
    found = with_explained_color(guess, CAMERA, photograph, EVERYWHERE, lamp)
    ratio = found.base_color / truth.base_color
    assert ratio.std() / ratio.mean() < 0.05


def test_what_is_not_usable_stays_as_guessed() -> None:
    truth = painted(0.5)
    usable = EVERYWHERE.copy()
    usable[:20] = False
    guess = replace(truth, base_color=np.full_like(truth.base_color, 0.25))
    found = with_explained_color(guess, CAMERA, photographed(truth), usable)
    assert np.array_equal(found.base_color[:20], guess.base_color[:20])
    assert not np.array_equal(found.base_color[20:], guess.base_color[20:])


def test_exposure_is_the_lamps_intensity() -> None:
    truth = painted(0.5)
    assert fitted_exposure(truth, CAMERA, photographed(truth, 2.5), EVERYWHERE) == pytest.approx(2.5, rel=1e-3)


def test_an_uneven_lamp_leaves_no_trend_in_the_base_color() -> None:
    truth = painted(0.6)
    x, y = CAMERA.axes()
    beam = np.exp(-2.0 * (np.square(x)[None] + np.square(y)[:, None]))[..., None].astype(np.float32)
    found = with_explained_color(truth, CAMERA, photographed(truth) * beam, EVERYWHERE)
    found = with_even_color(found, CAMERA, EVERYWHERE)
    ratio = np.log(found.base_color / truth.base_color).mean(axis=2)
    middle, corner = ratio[40:56, 40:56].mean(), ratio[:12, :12].mean()
    assert abs(middle - corner) < 0.35 * abs(np.log(beam[48, 48, 0] / beam[6, 6, 0]))
