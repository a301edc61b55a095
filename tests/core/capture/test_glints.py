"""Specks of a base color: what mirrors the lamp goes, what is painted stays."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.capture.flattening import Flattened, highlight_distance
from matshot.capture.glints import without_glints
from matshot.capture.lamp import Lamp
from matshot.capture.rings import trend_by_distance
from matshot.image.color import Pixels
from matshot.shading.render import Camera

CAMERA = Camera(320, 240, 60.0)
LAMP = Lamp(CAMERA.position, (1.0, 1.0, 1.0), 0.0, (0.0, 0.0), (0.05, 0.05, 0.1), 0.4, (0.0, 0.0), 0.0, 0.0, 0.1)
DISTANCE = highlight_distance(CAMERA, LAMP)
LEATHER = np.array([0.05, 0.05, 0.1], np.float32)
WHITE = np.ones(3, np.float32)


def flat_of(color: Pixels) -> Flattened:
    """A photograph without its lamp."""
    nowhere = np.zeros(color.shape[:2], bool)
    return Flattened(color, nowhere, DISTANCE, np.log(color).mean(axis=2), nowhere, nowhere)


def specked(strength: Pixels, speck: Pixels) -> tuple[Pixels, Pixels]:
    """Leather with specks of 2 x 2 px, and where they are."""
    chance = np.random.default_rng(4)
    rows, columns = CAMERA.height // 2, CAMERA.width // 2
    there = np.repeat(np.repeat(chance.random((rows, columns)) < 0.04, 2, axis=0), 2, axis=1)
    leather = LEATHER * np.exp(0.05 * chance.standard_normal((*there.shape, 1))).astype(np.float32)
    return np.asarray(leather + (strength * there)[..., np.newaxis] * speck, np.float32), there


def contrast(color: Pixels, there: Pixels) -> float:
    """By how much specks stand out, as a logarithm."""
    tone = np.log(color).mean(axis=2)
    return float(tone[there].mean() - tone[~there].mean())


def test_specks_that_stand_out_far_from_the_highlight_alone_are_glints() -> None:
    color, there = specked(np.asarray(0.7 * (DISTANCE / DISTANCE.max()) ** 2, np.float32), WHITE)
    # Rings of a photograph without its lamp are as bright as each other, so leather between glints is too dark.
    everywhere = np.ones_like(there)
    color = color * (0.1 / trend_by_distance(color.mean(axis=2), DISTANCE, everywhere))[..., np.newaxis]
    clean = without_glints(color, flat_of(color), CAMERA)
    far = DISTANCE > 0.3
    assert contrast(color, there & far) > 1.2
    assert contrast(clean, there & far) < 0.5 * contrast(color, there & far)
    # What is left of them has the leather's hue.
    assert float(np.median(clean[there & far, 2] / clean[there & far, 0])) > 1.6
    before, after = (
        float(np.median(each[~there & far]) / np.median(each[~there & (DISTANCE < 0.1)])) for each in (color, clean)
    )
    assert before < 0.9
    assert 0.95 < after < 1.05
    assert np.ptp(trend_by_distance(clean.mean(axis=2), DISTANCE, everywhere)) < 0.1 * clean.mean()


def test_white_paint_is_kept() -> None:
    color, there = specked(np.full(DISTANCE.shape, 0.5, np.float32), WHITE)
    clean = without_glints(color, flat_of(color), CAMERA)
    assert contrast(clean, there) == pytest.approx(contrast(color, there), rel=0.05)


def test_a_colorful_speck_is_no_glint() -> None:
    strength = np.asarray(0.7 * (DISTANCE / DISTANCE.max()) ** 2, np.float32)
    color, there = specked(strength, np.array([1.0, 0.1, 0.0], np.float32))
    clean = without_glints(color, flat_of(color), CAMERA)
    far = there & (DISTANCE > 0.3)
    assert np.allclose(clean[far], color[far], rtol=0.02)


def test_a_photograph_of_few_pixels_stays() -> None:
    eye = Camera(8, 6, 60.0)
    color = np.random.default_rng(0).random((6, 8, 3)).astype(np.float32)
    nowhere = np.zeros((6, 8), bool)
    flat = Flattened(color, nowhere, highlight_distance(eye, LAMP), color.mean(axis=2), nowhere, nowhere)
    assert np.array_equal(without_glints(color, flat, eye), color)
