"""Texture statistics given back to transported pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from matshot.capture.lumitexels import Lumitexels
from matshot.capture.tile_statistics import with_pyramid_statistics, with_tile_statistics
from matshot.capture.tiles import Tile
from matshot.errors import Cancelled
from matshot.progress import Progress
from matshot.shading.procedural import brick_wall, noise


def texture(size=96, slope=0.8, seed=0, deviation=0.3):
    return (deviation * noise(size, slope, np.random.default_rng(seed))).astype(np.float32)


def softened(picture, sigma=1.0):
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def detail(picture):
    return float((picture - softened(picture, 0.8)).std())


def histogram_distance(one, other):
    """Between sorted values: the earth mover's."""
    levels = np.linspace(0, 1, 201)
    return float(np.abs(np.quantile(one, levels) - np.quantile(other, levels)).mean())


# Of pictures.


def test_an_identical_picture_is_left_alone():
    picture = texture()
    for share in (0.5, 1.0):
        np.testing.assert_allclose(with_pyramid_statistics(picture, picture, share), picture, atol=1e-5)


def test_no_share_is_no_change():
    picture = texture()
    np.testing.assert_allclose(with_pyramid_statistics(picture, 3 * texture(seed=1), 0.0), picture, atol=1e-6)


def test_a_blurred_picture_regains_contrast_and_histogram():
    sharp, blurred = texture(seed=1), softened(texture(seed=2))
    before, half, whole = (with_pyramid_statistics(blurred, sharp, share) for share in (0.0, 0.5, 1.0))
    assert detail(before) < detail(half) < detail(whole) < 1.1 * detail(sharp)
    assert detail(whole) > 1.5 * detail(before)
    assert histogram_distance(whole, sharp) < 0.7 * histogram_distance(before, sharp)


def test_what_was_transported_stays_recognisable():
    blurred = softened(texture(seed=2))
    moved = with_pyramid_statistics(blurred, texture(seed=1), 1.0)
    assert np.corrcoef(moved.ravel(), blurred.ravel())[0, 1] > 0.9


def test_too_much_detail_is_taken_away():
    smooth, harsh = softened(texture(seed=1)), texture(seed=2)
    assert detail(with_pyramid_statistics(harsh, smooth, 1.0)) < 0.7 * detail(harsh)


def test_brightness_is_the_examples():
    moved = with_pyramid_statistics(texture(seed=2), texture(48, seed=1) + 1, 1.0)
    assert moved.shape == (96, 96)
    assert moved.dtype == np.float32
    assert float(np.median(moved)) == pytest.approx(1, abs=0.15)


def test_unusable_pixels_of_the_example_do_not_count():
    picture, example = texture(seed=2), texture(seed=1)
    spoilt, usable = example.copy(), np.ones(example.shape, bool)
    spoilt[:20, :20], usable[:30, :30] = 9, False
    clean, dirty = (with_pyramid_statistics(picture, spoilt, 1.0, mask) for mask in (usable, None))
    expected = with_pyramid_statistics(picture, example, 1.0)
    assert np.abs(clean - expected).mean() < 0.2 * np.abs(dirty - expected).mean()


# Of lumitexels.


def scene():
    """A wall, its own tile and, transported from two others, blurred pictures of half and twice the light."""
    wall = brick_wall(192)["basecolor"].pixels.astype(np.float32)
    tiles = (Tile(0, 0, 64, 64), Tile(100, 100, 64, 64))
    blurred = cv2.GaussianBlur(wall[:64, :64], (0, 0), 1.0)
    values = np.stack([wall[64:128, 64:128], 0.5 * blurred, 2 * blurred], axis=2)
    place = np.zeros((64, 64, 3), np.int32)
    return wall, Lumitexels(tiles, values, place, place, np.ones((64, 64, 3), np.float32))


def test_tiles_give_their_light_and_detail_and_keep_colours():
    wall, lumitexels = scene()
    moved = with_tile_statistics(lumitexels, wall, np.ones((192, 192), bool), share=1.0).values
    np.testing.assert_array_equal(moved[:, :, 0], lumitexels.values[:, :, 0])
    for index, tile in enumerate(lumitexels.tiles, start=1):
        example = wall[tile.rows, tile.columns]
        assert np.median(moved[:, :, index]) == pytest.approx(np.median(example), rel=0.15)
        before, after = (np.log(v[:, :, index].mean(axis=2)) for v in (lumitexels.values, moved))
        wanted = np.log(example.mean(axis=2))
        assert histogram_distance(after, wanted) < 0.2 * histogram_distance(before, wanted)
        assert detail(before) < detail(after) < detail(wanted)
        ratio = moved[:, :, index] / lumitexels.values[:, :, index]
        np.testing.assert_allclose(ratio[..., 0], ratio[..., 2], rtol=1e-4)


def test_true_pictures_are_left_alone():
    wall, lumitexels = scene()
    for index, tile in enumerate(lumitexels.tiles, start=1):
        lumitexels.values[:, :, index] = wall[tile.rows, tile.columns]
    moved = with_tile_statistics(lumitexels, wall, np.ones((192, 192), bool))
    np.testing.assert_allclose(moved.values, lumitexels.values, rtol=1e-3)


def test_a_tile_without_usable_pixels_changes_nothing():
    wall, lumitexels = scene()
    mask = np.ones((192, 192), bool)
    mask[100:, 100:] = False
    before = lumitexels.values.copy()
    moved = with_tile_statistics(lumitexels, wall, mask).values
    np.testing.assert_array_equal(moved[:, :, 2], before[:, :, 2])
    assert not np.array_equal(moved[:, :, 1], before[:, :, 1])
    np.testing.assert_array_equal(lumitexels.values, before)


def test_it_can_be_cancelled():
    wall, lumitexels = scene()

    def stop(fraction, stage):
        raise Cancelled

    with pytest.raises(Cancelled):
        with_tile_statistics(lumitexels, wall, np.ones((192, 192), bool), progress=Progress(stop))
