"""Tiles of a photograph and the choice of the one to be fitted."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.capture.tiles import Tile, grid_of_tiles, master_side, master_tile
from matshot.errors import MatshotError
from matshot.shading.procedural import noise
from matshot.shading.render import Camera, Environment, flash, render
from matshot.shading.surface import Surface

SKY = Environment((1, 1, 1), (1, 1, 1), (1, 1, 1))
SIZE, SIDE = 160, 48
CAMERA = Camera(SIZE, SIZE)


def printed(seed=0):
    """A flat surface with grain of one kind everywhere."""
    grain = 0.4 + 0.08 * noise(SIZE, 0.5, np.random.default_rng(seed))
    return np.repeat(grain.clip(0.05, 0.9)[..., None], 3, axis=2).astype(np.float32)


def shots(color):
    surface = Surface.of(color, roughness=0.8)
    return render(surface, CAMERA, [flash(CAMERA)]), render(surface, CAMERA, [SKY])


def chosen(pair, mask=None, lamp=CAMERA.position, side=SIDE):
    mask = np.ones((SIZE, SIZE), bool) if mask is None else mask
    return master_tile(*pair, mask, CAMERA, lamp, side)


def middle(tile):
    return tile.row + tile.height / 2, tile.column + tile.width / 2


# The grid.


@pytest.mark.parametrize(("height", "width", "side"), [(192, 192, 0), (131, 200, 0), (640, 480, 0), (97, 61, 20)])
def test_tiles_cover_the_photograph_exactly_once(height, width, side):
    count = np.zeros((height, width), int)
    tiles = grid_of_tiles(height, width, side)
    for tile in tiles:
        count[tile.rows, tile.columns] += 1
    np.testing.assert_array_equal(count, 1)
    sides = [side for tile in tiles for side in (tile.height, tile.width)]
    assert max(sides) < 1.5 * min(sides)


def test_tiles_come_row_by_row():
    tiles = grid_of_tiles(100, 150, 50)
    assert [(tile.row, tile.column) for tile in tiles] == [(0, 0), (0, 50), (0, 100), (50, 0), (50, 50), (50, 100)]


def test_a_large_photograph_has_seven_tiles_along_its_longer_side():
    assert len({tile.column for tile in grid_of_tiles(600, 1400)}) == 7


@pytest.mark.parametrize(("height", "width"), [(64, 640), (80, 80)])
def test_too_small_a_photograph_is_refused(height, width):
    with pytest.raises(MatshotError, match=f"{width} x {height}"):
        grid_of_tiles(height, width)


def test_master_side_is_a_share_of_the_shorter_side():
    assert master_side(640, 480) == 192
    assert master_side(1000, 3000) % 16 == 0
    assert master_side(100, 100) == 64


# The master tile.


def test_master_tile_lies_inside_and_near_the_highlight():
    tile = chosen(shots(printed()))
    assert (tile.height, tile.width) == (SIDE, SIDE)
    assert 0 <= tile.row <= SIZE - SIDE
    assert 0 <= tile.column <= SIZE - SIDE
    assert np.hypot(*np.subtract(middle(tile), SIZE / 2)) < 0.35 * SIZE


def test_master_tile_follows_the_highlight():
    # The highlight is half-way between the lens and the lamp.
    right = chosen(shots(printed()), lamp=(0.8, 0.0, CAMERA.distance))
    above = chosen(shots(printed()), lamp=(0.0, 0.8, CAMERA.distance))
    assert middle(right)[1] > 0.55 * SIZE
    assert middle(above)[0] < 0.45 * SIZE


@pytest.mark.parametrize("lost", [np.s_[:, :80], np.s_[:, 80:], np.s_[:80], np.s_[80:]])
def test_master_tile_avoids_what_is_masked(lost):
    mask = np.ones((SIZE, SIZE), bool)
    mask[lost] = False
    tile = chosen(shots(printed()), mask)
    assert mask[tile.rows, tile.columns].mean() > 0.95


@pytest.mark.parametrize("odd", [np.s_[:, :90], np.s_[:, 70:]])
def test_master_tile_avoids_a_place_unlike_the_rest(odd):
    color = printed()
    ambient = color.copy()
    stained = np.zeros((SIZE, SIZE), bool)
    stained[odd] = True
    stained[:50] = stained[110:] = False
    ambient[stained] *= np.float32([0.3, 0.8, 0.3])
    tile = chosen((shots(color)[0], ambient))
    assert stained[tile.rows, tile.columns].mean() < 0.3


@pytest.mark.parametrize("soft", [np.s_[:, :75], np.s_[:, 85:]])
def test_master_tile_avoids_what_is_out_of_focus(soft):
    lit, even = shots(printed())
    lit[soft] = lit[soft].mean(axis=(0, 1))
    tile = chosen((lit, even))
    out_of_focus = np.zeros((SIZE, SIZE), bool)
    out_of_focus[soft] = True
    assert out_of_focus[tile.rows, tile.columns].mean() < 0.5


def test_a_photograph_without_any_detail_still_has_a_master_tile_near_the_highlight():
    plain = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    assert np.hypot(*np.subtract(middle(chosen((plain, plain))), SIZE / 2)) < 0.35 * SIZE


def test_a_tile_larger_than_the_photograph_is_refused():
    with pytest.raises(MatshotError, match="200 pixels does not fit"):
        chosen(shots(printed()), side=200)


def test_nothing_usable_is_refused():
    with pytest.raises(MatshotError, match="Nothing in the photographs is usable"):
        chosen(shots(printed()), np.zeros((SIZE, SIZE), bool))


def test_slices_are_those_of_the_rectangle():
    tile = Tile(3, 5, 7, 11)
    assert np.zeros((20, 20))[tile.rows, tile.columns].shape == (7, 11)
    assert (tile.rows.start, tile.columns.start) == (3, 5)
