"""Blocks that fit to each other: the start of textures with structure."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.synthesis.correspondence import empty_transfer
from matshot.synthesis.guides import Guide
from matshot.synthesis.patches import synthesized_transfer
from matshot.synthesis.periodicity import regularity, structure
from matshot.synthesis.quilting import quilted_transfer


def masonry(size=96, seed=2):
    """Stones of many shades and widths in courses of many heights, without any period."""
    rng = np.random.default_rng(seed)
    wall, top = np.full((size, size, 3), 0.1, dtype=np.float32), 0
    while top < size:
        height, left = int(rng.integers(9, 15)), -int(rng.integers(0, 9))
        while left < size:
            width = int(rng.integers(9, 20))
            wall[top + 2 : top + height, max(left + 2, 0) : max(left + width, 0)] = rng.uniform(0.45, 0.85)
            left += width
        top += height
    return wall


def steps_across(pixels):
    """Mean step between neighbors in the result, which is large where pieces do not fit."""
    return sum(np.abs(np.diff(pixels, axis=axis)).mean() for axis in (0, 1))


@pytest.mark.parametrize("wrap", ["none", "xy"])
def test_blocks_fit_better_than_those_from_anywhere(wrap):
    wall = masonry()
    field = empty_transfer((96, 96), wrap, (96, 96), "none")
    rng = np.random.default_rng(0)
    quilted = quilted_transfer(field, wall, 32, rng).apply(wall)
    shape = field.down.shape
    blocks = rng.integers(0, 64, (2, -(-shape[0] // 12), -(-shape[1] // 12)))
    at = np.indices(shape)
    down, right = blocks[:, at[0] // 12, at[1] // 12] + 2 * (at % 12)
    scattered = field.with_patches(down, right).apply(wall)
    assert steps_across(quilted) < 0.96 * steps_across(scattered)


@pytest.mark.parametrize("source_wrap", ["none", "xy"])
def test_the_source_is_not_merely_continued(source_wrap):
    wall = masonry()
    field = empty_transfer((128, 128), "xy", (96, 96), source_wrap)
    made = quilted_transfer(field, wall, 24, np.random.default_rng(1))
    at = np.indices(made.down.shape) * 2
    offsets = ((made.down - at[0]) % 96) * 96 + (made.right - at[1]) % 96
    _, counts = np.unique(offsets, return_counts=True)
    # No offset has more than a few blocks of patches, two pixels apart.
    assert counts.max() <= 3 * (24 / 2) ** 2


@pytest.mark.parametrize("size", [(8, 40), (40, 8), (61, 50)])
def test_sizes_that_blocks_do_not_divide(size):
    wall = masonry()
    for wrap in ("none", "x", "xy"):
        made = quilted_transfer(empty_transfer(size, wrap, (96, 96), "none"), wall, 24, np.random.default_rng(0))
        assert made.apply(wall).shape == (*size, 3)


def test_a_block_larger_than_the_source_is_all_of_it():
    wall = masonry(24)
    made = quilted_transfer(empty_transfer((40, 40), "none", (24, 24), "none"), wall, 60, np.random.default_rng(0))
    assert made.apply(wall).shape == (40, 40, 3)


def test_joints_without_a_period_run_straight_through():
    rng = np.random.default_rng(3)
    wall = np.full((96, 96, 3), 0.6, dtype=np.float32)
    for top in np.cumsum(rng.integers(8, 16, 8)):
        wall[top : top + 2] = 0.1
    wall += rng.normal(0, 0.25, wall.shape).astype(np.float32)
    bears = structure(wall)
    assert bears == 1

    def joints(chosen):
        made = synthesized_transfer(wall, (1.0,) * 3, 96, 96, wrap="xy", structure=chosen, seed=1).apply(wall)
        return np.var(made.mean(axis=(1, 2))) / np.var(wall.mean(axis=(1, 2)))

    assert joints(0.0) < 0.5
    assert joints(bears) > 0.65


def test_structure_of_several_surfaces_does_not_count_with_a_guide():
    source = np.concatenate([np.full((32, 64, 3), 0.2), np.full((32, 64, 3), 0.8)]).astype(np.float32)
    source += np.random.default_rng(0).normal(0, 0.05, source.shape).astype(np.float32)
    which = (np.arange(64) >= 32).astype(np.float32)[:, np.newaxis, np.newaxis].repeat(64, axis=1)
    guide = Guide(which, np.ascontiguousarray(which.transpose(1, 0, 2)))
    made = [
        synthesized_transfer(source, (1.0,) * 3, 64, 64, guide=guide, structure=chosen, seed=1) for chosen in (0.0, 1.0)
    ]
    np.testing.assert_array_equal(made[0].down, made[1].down)


def test_structure_of_masonry_and_of_noise():
    assert structure(masonry(128)) == 1
    noise = np.random.default_rng(0).random((128, 128, 3), dtype=np.float32)
    assert structure(noise, regularity(noise)) == 0
    assert structure(np.full((64, 64, 3), 0.5, dtype=np.float32)) == 0
