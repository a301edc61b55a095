"""Guides and masks that are painted: labels, values, and what is wrong with them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from matshot.errors import MatshotError
from matshot.synthesis.guides import guide_of, mask_of

RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def halves(left, right, height=32, width=48):
    pixels = np.empty((height, width, 3), dtype=np.float32)
    pixels[:, : width // 2], pixels[:, width // 2 :] = left, right
    return pixels


def disk(inside, outside, side=96, radius=30):
    pixels = np.empty((side, side, 3), dtype=np.float32)
    pixels[:] = outside
    # Painting programs soften edges.
    cv2.circle(pixels, (side // 2, side // 2), radius, inside, -1, cv2.LINE_AA)
    return cv2.GaussianBlur(pixels, (3, 3), 0)


def test_colors_are_labels_and_soft_edges_belong_to_one_of_them():
    found = guide_of(halves(RED, GREEN), disk(GREEN, RED), (32, 48), (96, 96))
    assert set(found.colors) == {"#ff0000", "#00ff00"}
    green = found.colors.index("#00ff00")
    assert np.array_equal(np.unique(found.source_labels), [0, 1])
    y, x = np.mgrid[:96, :96]
    away = np.abs(np.hypot(y - 48, x - 48) - 30) > 1
    assert np.array_equal((np.hypot(y - 48, x - 48) < 30)[away], (found.target_labels == green)[away])


def test_a_mixture_of_two_labels_is_no_third_one():
    olive = tuple((np.array(RED) + GREEN) / 2)
    source = np.concatenate([halves(RED, GREEN), halves(olive, olive)], axis=1)
    found = guide_of(source, disk(GREEN, RED), source.shape[:2], (96, 96))
    assert found.colors.index("#808000") not in np.unique(found.target_labels)


def test_colors_of_a_jpeg_are_the_same_label():
    noise = np.random.default_rng(0).normal(0, 0.015, (96, 96, 3)).astype(np.float32)
    found = guide_of(halves(RED, GREEN), (disk(GREEN, RED) + noise).clip(0, 1), (32, 48), (96, 96))
    assert np.mean(found.target_labels == found.colors.index("#00ff00")) == pytest.approx(
        np.pi * 30**2 / 96**2, abs=0.01
    )


def test_a_wrong_label_is_at_distance_one():
    found = guide_of(halves(RED, GREEN), disk(GREEN, RED), (32, 48), (96, 96))
    assert np.square(found.source[0, 0] - found.source[0, -1]).sum() == pytest.approx(1)


def test_grays_are_values_and_black_and_white_are_labels():
    ramp = np.linspace(0, 1, 48, dtype=np.float32)[np.newaxis, :, np.newaxis].repeat(32, axis=0)
    values = guide_of(ramp, np.ascontiguousarray(ramp[:, ::-1]), (32, 48), (32, 48))
    assert values.tolerance
    assert values.source.shape == (32, 48, 1)
    labels = guide_of(halves(0.0, 1.0)[..., :1], disk((1.0,) * 3, (0.0,) * 3)[..., :1], (32, 48), (96, 96))
    assert set(labels.colors) == {"#000000", "#ffffff"}
    forced = guide_of(halves(0.0, 1.0), disk((1.0,) * 3, (0.0,) * 3), (32, 48), (96, 96), "values")
    assert forced.tolerance
    assert not labels.tolerance


def test_levels_that_the_source_lacks_are_the_nearest_that_it_has():
    found = guide_of(halves(0.2, 0.8), np.linspace(0, 1, 48, dtype=np.float32)[None, :, None].repeat(32, 0), (32, 48),
                     (32, 48), "values")  # fmt: skip
    assert set(np.unique(found.target_labels)) == set(np.unique(found.source_labels))
    assert np.all(np.diff(found.target_labels[0].astype(int)) >= 0)


def test_maps_of_the_same_shape_are_resized():
    found = guide_of(halves(RED, GREEN), disk(GREEN, RED), (64, 96), (48, 48))
    assert found.source.shape == (64, 96, 2)
    assert found.target_labels.shape == (48, 48)


@pytest.mark.parametrize(
    ("source", "target", "sizes", "words"),
    [
        (halves(RED, GREEN), disk(BLUE, RED), ((32, 48), (96, 96)), "#0000ff, which the source guide lacks"),
        (halves(RED, GREEN), disk(GREEN, RED), ((48, 48), (96, 96)), "48 x 32 pixels, which is another shape"),
        (halves(RED, GREEN), disk(GREEN, RED), ((32, 48), (96, 48)), "another shape than the output's 48 x 96"),
        (halves(0.5, 0.5), halves(0.5, 0.5), ((32, 48), (32, 48)), "no effect"),
    ],
)
def test_what_does_not_fit_is_one_sentence(source, target, sizes, words):
    with pytest.raises(MatshotError, match=words):
        guide_of(source, target, *sizes)


def test_a_mask_is_gray_or_alpha():
    ramp = np.linspace(0, 1, 16, dtype=np.float32)[np.newaxis, :, np.newaxis].repeat(16, axis=0)
    np.testing.assert_allclose(mask_of(ramp, (16, 16), "target mask"), ramp[..., 0])
    black = np.concatenate([np.zeros((16, 16, 3), np.float32), ramp], axis=2)
    np.testing.assert_allclose(mask_of(black, (16, 16), "target mask"), ramp[..., 0])
    with pytest.raises(MatshotError, match="source mask is black everywhere"):
        mask_of(np.zeros((16, 16, 1), np.float32), (16, 16), "source mask")
    with pytest.raises(MatshotError, match="16 x 16 pixels, which is another shape than the image's 32 x 16"):
        mask_of(ramp, (16, 32), "source mask")
