"""Bare metal: relief out of brightness, and little of it in the base color."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from matshot.capture.composition import composed_surface
from matshot.capture.flattening import Flattened, flattened
from matshot.capture.lamp import Lamp
from matshot.capture.metals import metal_color
from matshot.capture.shading import slopes_of_height
from matshot.image.color import Pixels
from matshot.material.planes import normals_of_slopes, slopes
from matshot.shading.render import Camera, PointLight, render
from matshot.shading.surface import Surface

CAMERA = Camera(320, 240, 60.0)
BRASS = (0.6, 0.5, 0.2)
LAMP = Lamp(CAMERA.position, (1.0, 1.0, 1.0), 0.0, (0.0, 0.0), BRASS, 0.5, (0.0, 0.0), 1.0, 9.0, 0.3)


@pytest.fixture(scope="module")
def truth() -> Pixels:
    """Slopes of hammered metal."""
    raw = np.random.default_rng(1).standard_normal((CAMERA.height, CAMERA.width)).astype(np.float32)
    height = cv2.GaussianBlur(raw, (0, 0), 3.0)
    return np.asarray(slopes_of_height(0.3 * height / height.std()), np.float32)


@pytest.fixture(scope="module")
def flat(truth: Pixels) -> Flattened:
    """The noisy photograph of it without its lamp."""
    color = np.broadcast_to(np.array(BRASS, np.float32), (CAMERA.height, CAMERA.width, 3))
    surface = Surface.of(color, normals_of_slopes(truth), 0.45, 1.0)
    seen = render(surface, CAMERA, [PointLight(LAMP.position, 1.0, 0.0)])
    seen = seen / np.percentile(seen, 99) + 0.002 * np.random.default_rng(2).standard_normal(seen.shape)
    lamp = replace(LAMP, intensity=(1.0,) * 3)
    return flattened(np.clip(seen, 0, 1).astype(np.float32), seen.max(axis=2) >= 1, CAMERA, lamp)


def test_relief_comes_from_brightness_whatever_was_predicted(truth: Pixels, flat: Flattened) -> None:
    level = Surface.of(flat.color, normals_of_slopes(np.zeros_like(truth)), 0.5, 1.0)
    found = slopes(composed_surface(level, level, flat, LAMP, CAMERA).surface.normal)
    soft, true = (cv2.GaussianBlur(field, (0, 0), 1.0) for field in (found, truth))
    assert np.corrcoef(soft.ravel(), true.ravel())[0, 1] > 0.7
    assert soft.std() == pytest.approx(true.std(), rel=0.4)


def test_metal_keeps_neither_its_shading_nor_noise_in_its_color(truth: Pixels, flat: Flattened) -> None:
    level = Surface.of(flat.color, normals_of_slopes(np.zeros_like(truth)), 0.5, 1.0)
    color = composed_surface(level, level, flat, LAMP, CAMERA).surface.base_color
    before, after = (np.log(np.maximum(planes, 1e-3)) for planes in (flat.color, color))
    assert after.mean(axis=2).std() < 0.3 * before.mean(axis=2).std()
    chroma = after - after.mean(axis=2, keepdims=True)
    assert chroma.std(axis=(0, 1)).max() < 0.05
    assert np.median(chroma, axis=(0, 1)) == pytest.approx(np.log(BRASS) - np.log(BRASS).mean(), abs=0.05)


def test_a_stain_keeps_its_color() -> None:
    color = np.full((64, 64, 3), 0.5, np.float32)
    color[20:44, 20:44] = (0.4, 0.2, 0.1)
    light = np.ones((64, 64), np.float32)
    found = metal_color(color, light)
    assert found[32, 32, 0] / found[32, 32, 2] == pytest.approx(4, rel=0.05)
    assert found[4, 4, 0] / found[4, 4, 2] == pytest.approx(1, rel=0.05)


def test_where_channels_are_at_their_end_chroma_comes_from_around() -> None:
    color = np.tile(np.array([0.8, 0.6, 0.2], np.float32), (64, 64, 1))
    color[28:36, 28:36] = 1.0
    found = metal_color(color, np.ones((64, 64), np.float32))
    assert found[32, 32, 0] / found[32, 32, 2] == pytest.approx(4, rel=0.05)
