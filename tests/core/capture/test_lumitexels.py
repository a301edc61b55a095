"""Where a pixel's likes are found, and what they look like under the flash."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matshot.capture.lumitexels import (
    Matches,
    best_matches,
    matches_in_place,
    neighborhood_descriptors,
    transported_lumitexels,
)
from matshot.capture.tiles import Tile, grid_of_tiles
from matshot.errors import Cancelled, MatshotError
from matshot.image.color import Pixels
from matshot.image.normals import normal_from_height
from matshot.progress import Progress
from matshot.shading.brdf import ggx
from matshot.shading.procedural import noise
from matshot.shading.render import Camera, Environment, flash, render
from matshot.shading.surface import Surface

SKY = Environment((1, 1, 1), (0.7, 0.7, 0.7), (0.4, 0.4, 0.4))
SIZE, PERIOD = 160, 32
CAMERA = Camera(SIZE, SIZE)
EVERYWHERE = np.ones((SIZE, SIZE), bool)
MASTER = Tile(48, 48, 64, 64)


def repeated(plane):
    return np.tile(plane, (SIZE // PERIOD, SIZE // PERIOD, *[1] * (plane.ndim - 2)))


def repeating_surface(seed=0):
    """Colored bumps that are the same again after each period."""
    rng = np.random.default_rng(seed)
    colors = np.stack([noise(PERIOD, 1.0, rng) for _ in range(3)], axis=2)
    height = (0.8 * noise(PERIOD, 2.0, rng)).astype(np.float32)
    return Surface.of(
        repeated((0.4 + 0.1 * colors).clip(0.05, 0.9)),
        repeated(normal_from_height(height, "xy")),
        repeated((0.5 + 0.1 * noise(PERIOD, 1.5, rng)).clip(0.2, 0.9)),
    )


@pytest.fixture(scope="module")
def surface():
    return repeating_surface()


@pytest.fixture(scope="module")
def pair(surface):
    return render(surface, CAMERA, [flash(CAMERA)]), render(surface, CAMERA, [SKY])


@pytest.fixture(scope="module")
def descriptors(pair):
    return neighborhood_descriptors(pair[1], EVERYWHERE)


@pytest.fixture(scope="module")
def matches(descriptors):
    return best_matches(descriptors, EVERYWHERE, MASTER, grid_of_tiles(SIZE, SIZE, 40))


def out_of_step(matches):
    """How far each match is from the same place of a period, in pixels."""
    down, right = np.mgrid[MASTER.rows, MASTER.columns]
    offsets = np.stack([matches.rows - down[..., None], matches.columns - right[..., None]])
    return np.abs((offsets + PERIOD // 2) % PERIOD - PERIOD // 2).max(axis=0)


def true_values(surface, rows, columns):
    """Flash values of the master tile's reflectance at other places of the photograph."""
    x, y = CAMERA.axes()
    points = np.stack([x[columns], y[rows], np.zeros(rows.shape, np.float32)], axis=-1)
    towards = np.float32(CAMERA.position) - points
    distance = np.linalg.norm(towards, axis=-1, keepdims=True)
    light = towards / distance
    own = surface.cut(MASTER.rows, MASTER.columns)
    normal, base, rough, metal, specular = (
        plane[:, :, np.newaxis] for plane in (own.normal, own.base_color, own.roughness, own.metallic, own.specular)
    )
    reflectance = ggx(normal, light, light, base, rough, metal, specular)
    return reflectance * np.maximum((normal * light).sum(axis=-1, keepdims=True), 0) / distance**2


# Descriptors.


def test_descriptors_of_a_shifted_picture_shift():
    guide = np.repeat(0.4 + 0.1 * noise(SIZE, 0.8, np.random.default_rng(3))[..., None], 3, axis=2).astype(np.float32)
    down, right = 9, -14
    mine = neighborhood_descriptors(guide, EVERYWHERE)
    inner, moved = np.s_[50:110, 50:110], np.s_[50 + down : 110 + down, 50 + right : 110 + right]
    both = np.concatenate([guide, np.roll(guide, (down, right), axis=(0, 1))], axis=1)
    together = neighborhood_descriptors(both, np.ones(both.shape[:2], bool))
    first, second = together[:, :SIZE], together[:, SIZE:]
    near = np.linalg.norm(first[inner] - second[moved], axis=2)
    far = np.linalg.norm(first[inner] - second[inner], axis=2)
    assert np.median(near) < 0.1 * np.median(far)
    assert mine.shape == (SIZE, SIZE, 16)
    assert mine.dtype == np.float32


def test_descriptors_have_variance_one_at_most(descriptors):
    assert 0.7 < descriptors.reshape(-1, 16).var(axis=0).sum() < 1.1


def test_descriptors_do_not_see_exposure_or_uneven_light(pair):
    x = np.linspace(-1, 1, SIZE, dtype=np.float32)
    even, uneven = pair[1], 2 * pair[1] * np.exp(0.3 * x)[:, np.newaxis]
    both = np.concatenate([even, uneven], axis=0)
    together = neighborhood_descriptors(both, np.ones(both.shape[:2], bool))
    inner = np.s_[40:120, 40:120]
    difference = np.linalg.norm(together[:SIZE][inner] - together[SIZE:][inner], axis=2)
    assert np.median(difference) < 0.25


def test_an_even_guide_is_refused():
    with pytest.raises(MatshotError, match="the same everywhere"):
        neighborhood_descriptors(np.full((SIZE, SIZE, 3), 0.3, np.float32), EVERYWHERE)


def test_a_guide_without_usable_pixels_is_refused(pair):
    with pytest.raises(MatshotError, match="Nothing in the photographs is usable"):
        neighborhood_descriptors(pair[1], ~EVERYWHERE)


# Matches.


def test_matches_lie_in_their_tiles(matches):
    assert matches.rows.shape == matches.distance.shape == (64, 64, len(matches.tiles))
    for index, tile in enumerate(matches.tiles):
        assert matches.rows[..., index].min() >= tile.row
        assert matches.rows[..., index].max() < tile.row + tile.height
        assert matches.columns[..., index].min() >= tile.column
        assert matches.columns[..., index].max() < tile.column + tile.width


def test_matches_of_a_repeating_texture_are_whole_periods_away(matches):
    # Tiles of 40 pixels, out of step with the period, hold every place of it.
    assert (out_of_step(matches) == 0).mean() > 0.8


def test_large_tiles_are_compared_in_larger_steps(
    descriptors: Pixels, matches: Matches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matshot.capture.lumitexels._MOST_PAIRS", 1e5)
    sparse = best_matches(descriptors, EVERYWHERE, MASTER, grid_of_tiles(SIZE, SIZE, 40))
    assert sparse.rows.shape == matches.rows.shape
    assert np.median(sparse.distance) < 2 * np.median(matches.distance) + 0.05


def test_matches_are_better_than_in_place(matches, pair):
    in_place = matches_in_place(MASTER, matches.tiles)
    assert np.median(out_of_step(in_place)) > 5
    guide = np.log(pair[1])
    own = guide[MASTER.rows, MASTER.columns][:, :, np.newaxis]

    def unlike(found):
        return np.abs(guide[found.rows, found.columns] - own).mean()

    assert unlike(matches) < 0.35 * unlike(in_place)


def test_in_place_repeats_small_tiles_and_stays_inside():
    tiles = [Tile(0, 0, 40, 50), Tile(100, 90, 60, 70)]
    found = matches_in_place(MASTER, tiles)
    assert found.rows[45, 3, 0] == 5
    assert found.columns[45, 53, 0] == 3
    assert found.rows[..., 1].max() < SIZE
    assert found.columns[63, 63, 1] == 90 + 63


def test_masked_pixels_are_no_ones_like(descriptors):
    mask = EVERYWHERE.copy()
    mask[20:40, 10:45] = False
    mask[100:, 100:] = False
    found = best_matches(descriptors, mask, MASTER, [Tile(0, 0, 60, 60), Tile(110, 110, 50, 50)])
    assert found.tiles == (Tile(0, 0, 60, 60),)
    known = np.isfinite(found.distance)
    assert known.mean() > 0.99
    assert mask[found.rows, found.columns][known].all()


def test_nothing_usable_is_refused(descriptors):
    with pytest.raises(MatshotError, match="Nothing in the photographs is usable"):
        best_matches(descriptors, ~EVERYWHERE, MASTER, grid_of_tiles(SIZE, SIZE, 50))


def test_an_average_pixel_is_not_overused():
    # In many dimensions the mean of a cloud is nearer to most points than any other point is.
    rng = np.random.default_rng(5)
    descriptors = rng.standard_normal((64, 128, 16)).astype(np.float32)
    descriptors[:, :64] *= 0.5
    descriptors[20, 100] = 0
    master, tile = Tile(0, 0, 64, 64), Tile(0, 64, 64, 64)
    sought, offered = (descriptors[t.rows, t.columns].reshape(-1, 16)[::7] for t in (master, tile))
    nearest = np.linalg.norm(sought[:, np.newaxis] - offered, axis=2).min(axis=1)
    assert (np.linalg.norm(sought, axis=1) <= nearest * 1.001).mean() > 0.5
    found = best_matches(descriptors, np.ones((64, 128), bool), master, [tile])
    uses = np.bincount((found.rows * 128 + found.columns).ravel())
    assert uses.max() < 0.02 * 64 * 64


def test_matching_is_deterministic_and_can_be_cancelled(descriptors):
    tiles = [Tile(0, 0, 50, 50), Tile(100, 0, 50, 50)]
    one, other = (best_matches(descriptors, EVERYWHERE, MASTER, tiles) for _ in range(2))
    np.testing.assert_array_equal(one.rows, other.rows)
    np.testing.assert_array_equal(one.columns, other.columns)
    heard = []

    def stop(fraction, stage):
        heard.append(fraction)
        raise Cancelled

    with pytest.raises(Cancelled):
        best_matches(descriptors, EVERYWHERE, MASTER, tiles, progress=Progress(stop))
    assert heard == [0.5]


# Lumitexels.


def test_lumitexels_of_a_repeating_surface_are_what_the_flash_would_show(surface, pair, matches):
    lumitexels = transported_lumitexels(*pair, EVERYWHERE, MASTER, matches)
    assert lumitexels.values.shape == (64, 64, 1 + len(matches.tiles), 3)
    expected = true_values(surface, lumitexels.rows, lumitexels.columns)
    np.testing.assert_allclose(lumitexels.values[:, :, 0], expected[:, :, 0], rtol=2e-3)
    error = np.abs(np.log(lumitexels.values / expected))
    assert np.median(error) < 0.02
    in_place = transported_lumitexels(*pair, EVERYWHERE, MASTER, matches_in_place(MASTER, matches.tiles), relit=False)
    elsewhere = true_values(surface, in_place.rows, in_place.columns)
    assert np.mean(error) < 0.3 * np.abs(np.log(in_place.values / elsewhere)).mean()


def test_positions_are_where_the_values_were_seen(pair, matches):
    lumitexels = transported_lumitexels(*pair, EVERYWHERE, MASTER, matches)
    points = lumitexels.positions(CAMERA)
    np.testing.assert_array_equal(points, CAMERA.positions()[lumitexels.rows, lumitexels.columns])
    np.testing.assert_array_equal(points[:, :, 0], CAMERA.positions()[MASTER.rows, MASTER.columns])


def test_relighting_cancels_a_difference_in_color(pair):
    # Everything right of the middle is of half the color.
    half = np.where(np.arange(SIZE) < 80, 1, np.float32(0.5)).astype(np.float32)[:, np.newaxis]
    plain = np.full((SIZE, SIZE, 3), 0.4, np.float32)
    found = matches_in_place(Tile(0, 0, 64, 64), [Tile(0, 90, 64, 64)])
    lit, even = plain * half, plain * half
    values = transported_lumitexels(lit, even, EVERYWHERE, Tile(0, 0, 64, 64), found).values[:, :, 1]
    np.testing.assert_allclose(values, 0.4, rtol=0.02)
    raw = transported_lumitexels(lit, even, EVERYWHERE, Tile(0, 0, 64, 64), found, relit=False).values[:, :, 1]
    np.testing.assert_allclose(raw, 0.2, rtol=1e-6)


def test_weights_are_less_for_worse_matches_and_nothing_for_the_unknown(pair, matches):
    mask = EVERYWHERE.copy()
    mask[:30] = False
    distance = matches.distance.copy()
    distance[0, 0] = 10 * np.median(distance)
    weight = transported_lumitexels(*pair, mask, MASTER, replace(matches, distance=distance)).weight
    assert weight.min() >= 0
    assert weight.max() <= 1
    np.testing.assert_array_equal(weight[:, :, 0], 1)
    assert weight[0, 0, 1:].max() < 0.02
    np.testing.assert_array_equal(weight[:, :, 1:][matches.rows < 30], 0)


def test_a_pixel_is_not_its_own_like(pair):
    itself = matches_in_place(MASTER, [MASTER])
    weight = transported_lumitexels(*pair, EVERYWHERE, MASTER, itself).weight
    np.testing.assert_array_equal(weight[:, :, 1], 0)


def test_weights_are_numbers_where_most_pixels_have_no_match(pair):
    shape = (64, 64, 2)
    distance = np.full(shape, np.inf, np.float32)
    distance[::2, ::2, 0] = 0.5
    zeros = np.zeros(shape, np.int32)
    found = Matches((Tile(0, 0, 40, 40), Tile(0, 100, 40, 40)), zeros, zeros, distance)
    weight = transported_lumitexels(*pair, EVERYWHERE, MASTER, found).weight
    np.testing.assert_array_equal(weight[:, :, 1:][np.isinf(distance)], 0)
    np.testing.assert_allclose(weight[::2, ::2, 1], 0.5)
