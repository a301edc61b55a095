"""Large copies are cut where something else fits."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.shading.procedural import noise
from matshot.synthesis.copies import coherent_squares, largest_square
from matshot.synthesis.correspondence import empty_transfer
from matshot.synthesis.patch_search import Source, VotedPicture
from matshot.synthesis.patches import IRREGULAR, Repair, synthesized_transfer
from matshot.synthesis.periodicity import Repetition
from matshot.synthesis.separation import separated_transfer

SIDE = 128


def described(pixels, repeats=IRREGULAR):
    pixels = pixels - pixels.mean(axis=(0, 1))
    return Source.of(pixels.astype(np.float32), "none", repeats, np.random.default_rng(0))


def grains(seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([noise(SIDE, 0.2, rng) for _ in range(2)], axis=2)


def whole(size=64, start=(30, 20)):
    """A result that is one piece of the source."""
    field = empty_transfer((size, size), "none", (SIDE, SIDE), "none")
    down, right = np.indices(field.down.shape) * 2
    return field.with_patches(down + start[0], right + start[1])


def separated(transfer, source, limit=1 / 8, penalty=0.0):
    dear = np.full(len(source.projected), penalty, dtype=np.float32)
    return separated_transfer(transfer, VotedPicture(source), source, dear, limit, np.random.default_rng(1))


def test_a_large_copy_is_cut():
    before = whole()
    after = separated(before, described(grains()))
    assert largest_square(before) > 0.4
    assert largest_square(after) <= 1 / 8


def test_pieces_come_from_farther_away_than_a_copy_may_be_large():
    before = whole()
    after = separated(before, described(grains()))
    moved = np.maximum(np.abs(after.down - before.down), np.abs(after.right - before.right))
    assert (moved[moved > 0] >= SIDE / 8).all()


def test_what_has_nothing_like_it_is_left():
    pixels = 0.02 * grains()
    pixels[40:60, 30:50] += grains(1)[40:60, 30:50] + 3
    before = whole(start=(20, 10))
    after = separated(before, described(pixels))
    # The patches in the middle of the spot.
    spot = (slice(11, 17), slice(11, 17))
    np.testing.assert_array_equal(after.down[spot], before.down[spot])
    np.testing.assert_array_equal(after.right[spot], before.right[spot])


@pytest.mark.parametrize("limit", [1.0, 1 / 16])
def test_no_square_and_squares_of_a_patch_are_not_cut(limit):
    before = whole()
    assert separated(before, described(grains()), limit) is before


def test_tiles_stay_whole():
    before = whole()
    assert separated(before, described(grains(), (Repetition(32.0, 0.9), Repetition(32.0, 0.9)))) is before


def test_forbidden_places_are_not_taken():
    source, before = described(grains()), whole()
    rows, columns = before.limits
    dear = np.zeros((rows, columns), dtype=np.float32)
    dear[:, columns // 2 :] = np.inf
    after = separated_transfer(before, VotedPicture(source), source, dear.ravel(), 1 / 8, np.random.default_rng(1))
    changed = (after.down != before.down) | (after.right != before.right)
    assert changed.any()
    assert (after.right[changed] < columns // 2).all()


def test_only_patches_that_may_change_are_cut():
    source, before = described(grains()), whole()
    dear, active = np.zeros(len(source.projected), dtype=np.float32), np.zeros(before.down.shape, dtype=bool)
    active[4:20, 6:23] = True
    rng = np.random.default_rng(1)
    after = separated_transfer(before, VotedPicture(source), source, dear, 1 / 8, rng, active)
    changed = (after.down != before.down) | (after.right != before.right)
    assert changed.any()
    assert not changed[~active].any()
    assert coherent_squares(before, (7, 7), active).any()
    assert not coherent_squares(after, (7, 7), active).any()
    assert coherent_squares(after, (7, 7)).any()


def test_copies_in_a_hole_that_is_filled_are_cut():
    source, around = grains().astype(np.float32), np.ones((144, 144, 2), dtype=np.float32)
    hole = np.zeros((144, 144), dtype=bool)
    hole[16:130, 20:128] = True
    transfer = synthesized_transfer(source, (1.0, 1.0), 144, 144, seed=3, repair=Repair(around, hole))
    # Some have nothing like them; without cuts it is a quarter of the patches.
    squares = coherent_squares(transfer, (7, 7), hole[::2, ::2][: len(transfer.down), : transfer.down.shape[1]])
    assert squares.mean() < 0.05


def test_squares_of_one_offset_are_found_and_measured():
    field = empty_transfer((48, 48), "none", (SIDE, SIDE), "none")
    rng = np.random.default_rng(0)
    down, right = rng.integers(0, 100, (2, *field.down.shape))
    at = np.indices((9, 6)) * 2
    down[4:13, 5:11], right[4:13, 5:11] = 50 + at[0], 7 + at[1]
    made = field.with_patches(down, right)
    found = np.argwhere(coherent_squares(made, (6, 6)))
    np.testing.assert_array_equal(found, [[4, 5], [5, 5], [6, 5], [7, 5]])
    assert largest_square(made) == pytest.approx(6 * 2 / SIDE)
