"""The repetition of textures."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.image.color import luma
from matshot.shading.procedural import brick_wall, noise
from matshot.synthesis.periodicity import best_period_crop, regularity, repetition, structure
from matshot.synthesis.seams import seamless


def tiled(height, width, period_y, period_x, seed=0):
    """Tiles of many shades between dark joints; periods need not be whole."""
    y, x = np.mgrid[:height, :width]
    joint = ((y % period_y) < 3) | ((x % period_x) < 3)
    shade = np.random.default_rng(seed).uniform(0.5, 0.7, (40, 40))
    tones = shade[(y // period_y).astype(int), (x // period_x).astype(int)]
    return np.where(joint, 0.2, tones)[..., None].astype(np.float32)


def courses(height, width, high, wide, tone=0.0, seed=0):
    """Running bond: courses of bricks, every second one shifted by half a brick."""
    y, x = np.mgrid[:height, :width]
    course = y // high
    across = x + wide / 2 * (course % 2)
    joint = ((y % high) < 3) | ((across % wide) < 3)
    shade = 0.6 + tone * np.random.default_rng(seed).standard_normal((99, 99))
    return np.where(joint, 0.2, shade[course, (across // wide).astype(int)])[..., None].astype(np.float32)


# Periods.


@pytest.mark.parametrize(("period_y", "period_x"), [(40, 64), (33.4, 51.7), (17.2, 120)])
def test_the_period_of_tiles_is_found_to_a_part_of_a_pixel(period_y, period_x):
    along_y, along_x = regularity(tiled(300, 290, period_y, period_x))
    assert along_y.period == pytest.approx(period_y, abs=0.3)
    assert along_x.period == pytest.approx(period_x, abs=0.3)
    assert min(along_y.strength, along_x.strength) > 0.4


def test_two_repeats_are_enough():
    wave = np.zeros((96, 200, 1), dtype=np.float32)
    wave[:, [20, 21, 119, 120]] = 1
    assert repetition(wave, 1).period == pytest.approx(99, abs=0.5)


def test_a_sine_is_its_own_period():
    for period in (5.5, 23.3, 60):
        x = np.arange(256)
        wave = np.sin(2 * np.pi * x / period)[None, :, None] * np.ones((32, 1, 1))
        found = repetition(wave.astype(np.float32), 1)
        assert found.period == pytest.approx(period, rel=0.02)
        assert found.strength > 0.7


def test_a_checkerboard_repeats_after_two_fields():
    y, x = np.mgrid[:240, :260] // 32
    board = ((x + y) % 2).astype(np.float32)[..., None]
    for found in regularity(board):
        assert found.period == pytest.approx(64, abs=0.2)


def fields(rows, columns, grain=0.0, start=0):
    """A checkerboard of 256 px with so many fields down and across."""
    y, x = np.mgrid[:256, :256] + start
    board = 0.2 + 0.5 * ((y * rows // 256 + x * columns // 256) % 2)
    return (board + grain * np.random.default_rng(0).standard_normal(board.shape))[..., None].astype(np.float32)


@pytest.mark.parametrize("grain", [0.0, 0.03])
@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (4, 4), (5, 3)])
@pytest.mark.parametrize("start", [0, 42])
def test_few_fields_of_a_checkerboard_repeat_after_two(rows, columns, grain, start):
    for found, count in zip(regularity(fields(rows, columns, grain, start)), (rows, columns), strict=True):
        assert found.period == pytest.approx(2 * 256 / count, abs=1)
        assert found.strength > 0.4


def test_fields_of_a_checkerboard_stay_whole():
    board = fields(3, 3, start=42)
    rows, columns = best_period_crop(board, 32)
    assert rows.stop - rows.start == pytest.approx(171 + 32, abs=1)
    assert columns.stop - columns.start == pytest.approx(171 + 32, abs=1)


@pytest.mark.parametrize("width", [10, 20, 40, 60, 110])
def test_one_stripe_does_not_repeat(width):
    for start in (30, 85, 120):
        picture = np.zeros((64, 256, 1), dtype=np.float32)
        picture[:, start : start + width] = 1
        found = repetition(picture, 1)
        assert found.period is None or found.period < 128


@pytest.mark.parametrize("seed", range(3))
def test_a_bond_repeats_after_two_courses(seed):
    wall = courses(250, 260, 20, 40, 0.03, seed)
    assert repetition(wall, 0).period == pytest.approx(40, abs=0.3)
    assert repetition(wall, 1).period == pytest.approx(40, abs=0.3)


@pytest.mark.parametrize("seed", range(3))
def test_courses_of_a_worn_wall_are_found(seed):
    wall = luma(brick_wall(256, seed)["basecolor"].pixels)[10:230, 20:250, None]
    found = repetition(wall, 0)
    courses_apart = found.period / 32
    assert courses_apart == pytest.approx(round(courses_apart), abs=0.06)


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_a_worn_bond_repeats_after_two_courses(seed):
    """Bed joints are nearly all that courses have in common; head joints, shifted by half a brick, show the bond."""
    wall = brick_wall(256, seed)["basecolor"].pixels[:240, :240]
    found = repetition(wall, 0)
    assert found.period == pytest.approx(64, abs=2)
    assert found.strength > 0.4


def test_planks_repeat_on_one_axis():
    rng = np.random.default_rng(0)
    grain = noise(256, 1.0, rng)
    shade = rng.uniform(0.4, 0.6, 20)[np.arange(256) // 36]
    planks = np.where(np.arange(256) % 36 < 3, 0.1, shade)[:, None] + 0.03 * grain
    along_y, along_x = regularity(planks[..., None].astype(np.float32))
    assert along_y.period == pytest.approx(36, abs=0.3)
    assert along_x.period is None


@pytest.mark.parametrize("slope", [0.0, 0.8, 1.4, 2.0])
def test_noise_does_not_repeat(slope):
    for seed in range(4):
        field = noise(256, slope, np.random.default_rng(seed))[:210, :190, None].astype(np.float32)
        for found in regularity(field):
            assert found.period is None
            assert found.strength < 0.2


def gravel(side, seed):
    """Stones of many tones without any order."""
    rng = np.random.default_rng(seed)
    fields = np.stack([noise(256, 1.2, rng) for _ in range(5)], axis=2)
    return rng.uniform(0.1, 0.9, (5, 3))[fields.argmax(axis=2)][:side, :side].astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_a_piece_that_occurs_twice_is_no_period(seed):
    stones = gravel(240, seed)
    stones[110:190, :100] = stones[10:90, :100]
    stones[150:200, 120:200] = stones[50:100, 120:200]
    for found in regularity(stones):
        assert found.period is None
        assert found.strength < 0.2
    assert structure(stones) < 0.2


def test_weak_periods_stay_as_strong_as_they_were():
    """What is seen everywhere is not lost: a weave under noise, and tiles that are flat but for their joints."""
    y, x = np.mgrid[:240, :250]
    weave = np.sin(2 * np.pi * x / 12) * np.sin(2 * np.pi * y / 12) + np.random.default_rng(0).normal(0, 0.7, x.shape)
    for found in regularity(weave[..., None].astype(np.float32)):
        assert found.period == pytest.approx(12, abs=0.1)
        assert found.strength > 0.25
    for found in regularity(tiled(256, 256, 102, 102)):
        assert found.period == pytest.approx(102, abs=0.3)
        assert found.strength > 0.4


def test_stripes_a_pixel_wide_are_a_repetition():
    stripes = np.zeros((50, 90, 1), dtype=np.float32)
    stripes[:, ::2] = 1
    assert repetition(stripes, 1).period == pytest.approx(2, abs=0.01)
    assert repetition(stripes, 0).period is None


def test_neither_brightness_nor_shading_matters():
    tiles = tiled(240, 250, 40, 50)
    shaded = 7 * tiles + np.linspace(0, 5, 250, dtype=np.float32)[None, :, None] - 3
    for plain, other in zip(regularity(tiles), regularity(shaded), strict=True):
        assert other.period == pytest.approx(plain.period, abs=0.1)
        assert other.strength == pytest.approx(plain.strength, abs=0.1)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 2), (64, 1, 1), (40, 40, 3)])
def test_small_and_constant_pictures_do_not_repeat(shape):
    for found in regularity(np.full(shape, 0.4, dtype=np.float32)):
        assert found.period is None


# Crops.


@pytest.mark.parametrize(("period_y", "period_x"), [(40, 64), (33.4, 51.7)])
def test_whole_repeats_are_kept(period_y, period_x):
    picture = tiled(300, 290, period_y, period_x)
    rows, columns = best_period_crop(picture, 32)
    for part, period in ((rows, period_y), (columns, period_x)):
        kept = part.stop - part.start - 32
        assert abs(kept / period - round(kept / period)) * period < 1.01
        assert kept >= 190
    tile = seamless(picture[rows, columns], band=32)
    joints = (tile[..., 0] < 0.35).mean(axis=0) > 0.9
    starts = np.flatnonzero(joints & ~np.roll(joints, 1))
    gaps = np.diff([*starts, starts[0] + tile.shape[1]])
    assert np.abs(gaps - period_x).max() <= 2


def test_bands_of_uneven_cloth_are_in_step():
    """Threads that get wider: no number of repeats fits the whole, but one shift fits the two bands."""
    x = np.arange(260)
    cloth = 0.5 + 0.3 * np.sin(2 * np.pi * (x / 17 - np.square(x / 260) * 2))
    cloth = np.broadcast_to(cloth[None, :, None].astype(np.float32), (64, 260, 1))
    _, columns = best_period_crop(cloth, 32, "x")
    part = cloth[:, columns]
    assert 240 < part.shape[1] < 260
    assert np.corrcoef(part[0, :32, 0], part[0, -32:, 0])[0, 1] > 0.6


def test_noise_and_planks_are_kept_whole():
    rng = np.random.default_rng(0)
    for picture in (rng.random((120, 140, 1)), np.cumsum(rng.standard_normal((120, 140, 1)), axis=1)):
        assert best_period_crop(picture.astype(np.float32), 20) == (slice(0, 120), slice(0, 140))
    planks = np.repeat(rng.random((120, 1, 1)), 140, axis=1).astype(np.float32)
    assert best_period_crop(planks, 20)[1] == slice(0, 140)


def test_a_wide_band_still_fits_what_is_kept():
    picture = tiled(200, 210, 90, 95)
    rows, columns = best_period_crop(picture, 95)
    assert seamless(picture[rows, columns], band=95).shape[:2] == (
        picture[rows].shape[0] - 95,
        columns.stop - columns.start - 95,
    )


def test_only_the_axes_asked_for_are_cropped():
    picture = tiled(300, 290, 40, 64)
    assert best_period_crop(picture, 32, "x")[0] == slice(0, 300)
    assert best_period_crop(picture, 32, "xy", wrap="x")[1] == slice(0, 290)
