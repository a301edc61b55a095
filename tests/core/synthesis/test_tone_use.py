"""Prices of tones by their use."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.synthesis.tone_use import ToneUse

MEANS = np.random.default_rng(0).standard_normal((4000, 2)).astype(np.float32)


def test_fair_use_costs_nothing():
    tones = ToneUse(MEANS)
    assert tones.adjust(np.arange(len(MEANS), dtype=np.int32), 1.0) < 1e-9
    np.testing.assert_allclose(tones.of(slice(None)), 0, atol=1e-9)


def test_a_tone_that_is_used_too_often_becomes_dearer():
    tones = ToneUse(MEANS)
    bright, dark = (np.flatnonzero(sign * MEANS[:, 0] > 0).astype(np.int32) for sign in (1, -1))
    assert tones.adjust(bright, 1.0) > 0.1
    assert tones.of(bright).mean() > tones.of(dark).mean() + 1
    assert tones.of(slice(None)).min() >= 0


def test_prices_go_over_into_each_other():
    tones = ToneUse(MEANS[:, :1])
    tones.adjust(np.flatnonzero(MEANS[:, 0] > 0).astype(np.int32), 1.0)
    prices = tones.of(np.argsort(MEANS[:, 0]))
    assert np.abs(np.diff(prices)).max() < 0.1 * np.ptp(prices)


def test_patches_of_one_color_have_one_price():
    tones = ToneUse(np.ones((100, 1), dtype=np.float32))
    assert tones.adjust(np.arange(100, dtype=np.int32), 1.0) == pytest.approx(0)
    assert np.ptp(tones.of(slice(None))) == 0
