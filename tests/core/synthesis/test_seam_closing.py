"""Planes whose last column leads into the first."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.shading.procedural import noise
from matshot.synthesis.seam_closing import closed_by_overlap, closed_in_place

ONE = np.ones(1)


def grain(height=120, width=160, seed=0):
    field = noise(220, 0.8, np.random.default_rng(seed))[:height, :width, None]
    return (0.5 + 0.06 * field).astype(np.float32)


def stripes(width, period):
    wave = 0.5 + 0.3 * np.sign(np.sin(2 * np.pi * (np.arange(width) + 0.5) / period))
    return np.broadcast_to(wave[None, :, None], (60, width, 1)).astype(np.float32) + 0.0


def test_in_place_only_the_strip_changes():
    planes = grain()
    found = closed_in_place(planes, 8, ONE, closed=False)
    np.testing.assert_array_equal(found.planes[:, 8:-8], planes[:, 8:-8])
    assert found.planes.shape == planes.shape
    assert not np.array_equal(found.planes, planes)


def test_by_overlap_nothing_is_lost_but_the_overlap():
    planes = grain()
    found = closed_by_overlap(planes, 20, ONE, closed=False)
    assert found.planes.shape == (120, 140, 1)
    np.testing.assert_array_equal(found.planes[:, 20:], planes[:, 20:-20])


@pytest.mark.parametrize("how", ["place", "overlap"])
def test_the_border_is_no_rougher_than_the_inside(how):
    for seed in range(3):
        planes = grain(seed=seed)
        close = closed_in_place if how == "place" else closed_by_overlap
        tile = close(planes, 10 if how == "place" else 20, ONE, closed=False).planes
        steps = np.abs(np.roll(tile, -1, axis=1) - tile).mean(axis=(0, 2))
        assert np.abs(planes[:, -1] - planes[:, 0]).mean() > 1.1 * steps.max()
        assert steps[-1] < 1.1 * steps[20:-21].max()


def test_the_strip_is_taken_where_it_continues_a_pattern():
    """Whole periods of stripes close without a trace, though no column was looked at but by its likeness."""
    planes = stripes(160, 16)
    found = closed_in_place(planes, 8, ONE, closed=False)
    np.testing.assert_allclose(found.planes, planes, atol=0.01)
    assert found.misfit.max() < 1e-10


def test_a_joint_at_the_border_stays_one():
    planes = np.full((60, 200, 1), 0.5, dtype=np.float32) + 0.02 * (grain(60, 200) - 0.5)
    for joint in (0, 40, 80, 120, 160):
        planes[:, joint : joint + 2] = 0.4
    tile = closed_in_place(planes, 8, ONE, closed=False, period=40.0).planes
    joints = np.flatnonzero(tile.mean(axis=(0, 2)) < 0.45)
    np.testing.assert_array_equal(joints, np.flatnonzero(planes.mean(axis=(0, 2)) < 0.45))


def test_misfit_is_told_where_the_cut_is():
    rng = np.random.default_rng(0)
    planes = np.repeat(rng.random((1, 120, 1)), 50, axis=0).astype(np.float32)
    found = closed_in_place(planes, 8, ONE, closed=False)
    rows, columns = np.nonzero(found.misfit)
    assert set(rows) == set(range(50))
    assert ((columns < 8) | (columns >= 112)).all()


def test_rows_that_repeat_go_on_doing_so():
    field = noise(128, 0.8, np.random.default_rng(0))[..., None].astype(np.float32)[:, :100]
    tile = closed_in_place(field, 8, ONE, closed=True).planes
    turned = closed_in_place(np.roll(field, 31, axis=0), 8, ONE, closed=True).planes
    np.testing.assert_allclose(np.roll(tile, 31, axis=0), turned, atol=1e-4)
