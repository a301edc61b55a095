"""Where the pixels of a result come from."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.synthesis.correspondence import PATCH, begins, bordered, empty_transfer


def picture(height=40, width=48, channels=3, seed=0):
    return np.random.default_rng(seed).random((height, width, channels), dtype=np.float32)


def identity(size, wrap, source_wrap="none", stride=2):
    field = empty_transfer(size, wrap, size, source_wrap, stride)
    at = np.indices(field.down.shape)
    return field.placed(at[0] * field.strides[0], at[1] * field.strides[1])


@pytest.mark.parametrize("size", [(40, 48), (39, 47), (8, 8), (9, 30)])
def test_own_place_gives_the_source_where_it_ends(size):
    pixels = picture(*size)
    # The last patch of a side that the stride does not divide reaches over the end, and its place is one further in.
    kept = tuple(slice(0, side - PATCH * ((side - PATCH) % 2)) for side in size)
    result = identity(size, "none").apply(pixels)
    assert result.shape == pixels.shape
    np.testing.assert_allclose(result[kept], pixels[kept], atol=1e-6)


@pytest.mark.parametrize("size", [(40, 48), (39, 47), (16, 17)])
def test_own_place_gives_the_source_where_it_repeats(size):
    pixels = picture(*size)
    np.testing.assert_allclose(identity(size, "xy", "xy").apply(pixels), pixels, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 4, 7])
def test_all_planes_come_from_the_same_place(channels):
    place = np.stack(np.meshgrid(np.arange(48.0), np.arange(40.0)), axis=2).astype(np.float32)
    rng = np.random.default_rng(1)
    field = empty_transfer((64, 64), "xy", (40, 48), "none")
    field = field.placed(rng.integers(33, size=field.down.shape), rng.integers(41, size=field.down.shape))
    many = np.concatenate([place] * 4, axis=2)[..., :channels]
    result = field.apply(many)
    for plane in range(channels):
        np.testing.assert_array_equal(result[..., plane], result[..., plane % 2])


def test_a_constant_stays_exactly_what_it_is():
    rng = np.random.default_rng(1)
    field = empty_transfer((30, 33), "x", (20, 20), "none")
    field = field.placed(rng.integers(99, size=field.down.shape), rng.integers(99, size=field.down.shape))
    np.testing.assert_allclose(field.apply(np.full((20, 20, 1), 0.3, dtype=np.float32)), np.float32(0.3), atol=1e-7)


def test_bands_do_not_show(monkeypatch):
    field = identity((40, 48), "xy", "xy")
    rng = np.random.default_rng(2)
    field = field.placed(rng.integers(40, size=field.down.shape), rng.integers(48, size=field.down.shape))
    whole = field.apply(picture())
    monkeypatch.setattr("matshot.synthesis.correspondence._BAND", 50)
    np.testing.assert_array_equal(field.apply(picture()), whole)


def test_places_stay_inside_a_source_that_ends_and_go_round_one_that_repeats():
    field = empty_transfer((16, 16), "none", (20, 20), "x")
    placed = field.placed(np.full(field.down.shape, 19), np.full(field.down.shape, 25))
    assert (placed.down == 20 - PATCH).all()
    assert (placed.right == 5).all()
    assert placed.limits == (20 - PATCH + 1, 20)


def test_a_border_is_the_other_side():
    pixels = picture(10, 12)
    assert bordered(pixels, "none").shape == (10, 12, 3)
    whole = bordered(pixels, "xy")
    assert whole.shape == (10 + PATCH - 1, 12 + PATCH - 1, 3)
    np.testing.assert_array_equal(whole[10:, :12], pixels[: PATCH - 1])
    assert begins(10, False) == 3
    assert begins(10, True) == 10
