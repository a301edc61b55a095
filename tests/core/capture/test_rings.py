"""What rings around the highlight have in common, and what only some of them show."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.capture.flattening import highlight_distance
from matshot.capture.lamp import Lamp
from matshot.capture.rings import cell_quantiles, ring_gain, rings_of, trend_by_distance
from matshot.shading.render import Camera

SIZE = 224
CAMERA = Camera(SIZE, SIZE)
LAMP = Lamp(CAMERA.position, (1.0, 1.0, 1.0), 0.0, (0.0, 0.0), (0.2, 0.2, 0.2), 0.7, (0.0, 0.0), 0.0, 0.0, 0.1)
DISTANCE = highlight_distance(CAMERA, LAMP)
EVERYWHERE = np.ones((SIZE, SIZE), bool)


def test_a_trend_is_what_depends_on_distance_alone() -> None:
    trend = trend_by_distance(3 * DISTANCE, DISTANCE, EVERYWHERE)
    np.testing.assert_allclose(trend, 3 * DISTANCE, atol=0.05)


def test_a_magnitude_that_grows_with_distance_is_made_even() -> None:
    ring, sector = rings_of(DISTANCE, CAMERA, EVERYWHERE)
    chance = np.abs(np.random.default_rng(0).standard_normal(DISTANCE.shape)).astype(np.float32)
    grown = np.asarray(chance * (1 + 3 * DISTANCE), np.float32)
    even = grown * ring_gain(grown, ring, sector, EVERYWHERE, DISTANCE)
    inside, outside = (float(np.median(even[mask])) for mask in (DISTANCE < 0.15, DISTANCE > 0.4))
    assert inside == pytest.approx(outside, rel=0.1)
    # What differs between sectors as much as between rings is the surface's.
    half = np.asarray(chance * np.where(np.arange(SIZE) < SIZE // 2, 3, 1), np.float32)
    assert np.abs(np.log(ring_gain(half, ring, sector, EVERYWHERE, DISTANCE))).max() < 0.2


def test_quantiles_of_cells_are_those_of_known_pixels() -> None:
    known = EVERYWHERE.copy()
    known[: SIZE // 2] = False
    ring, sector = rings_of(DISTANCE, CAMERA, known)
    middles, table = cell_quantiles(DISTANCE, ring, sector, known, DISTANCE, np.array([0.0, 0.5, 1.0]))
    seen = np.isfinite(table[..., 0]).any(axis=1)
    assert np.all(np.diff(middles[seen]) > 0)
    # Nothing is known of sectors above the middle.
    assert np.isnan(table).any()
    low, middle, high = np.moveaxis(table[np.isfinite(table[..., 0])], 1, 0)
    assert np.all((low <= middle) & (middle <= high))
    assert np.nanmax(table) == pytest.approx(float(DISTANCE[known].max()), abs=1e-6)
