"""Power spectra as objectives: autocorrelations are what they are called, and periods are kept by them."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.synthesis import texture_loss as objective
from matshot.synthesis.texture_loss import Objectives, Wanted, autocorrelations, with_features_of, with_patches_of


@pytest.fixture(scope="module")
def objectives():
    return Objectives("cpu", 1)


def stripes(height, width, period, *, bent=0.0, seed=0):
    """Columns that are bright every so many pixels, ``height x width x 3``, noisy; bent by so many pixels."""
    random = np.random.default_rng(seed)
    places = np.arange(width) + bent * np.sin(4 * np.pi * np.arange(height) / height)[:, np.newaxis]
    waves = 0.5 + 0.3 * np.cos(2 * np.pi * places / period)
    return (waves[..., np.newaxis] * [1, 0.8, 0.6] + 0.08 * random.standard_normal((height, width, 3))).astype(
        np.float32
    )


def directly(picture, lag, wrap):
    """One lag's mean product, by moving the picture."""
    moved, there = picture - picture.mean(axis=(0, 1)), np.ones(picture.shape[:2], bool)
    still = moved
    for axis, (letter, step) in enumerate(zip("yx", lag, strict=True)):
        places = np.arange(picture.shape[axis]) + step
        moved = moved.take(places, axis, mode="wrap")
        if letter not in wrap:
            inside = (places >= 0) & (places < picture.shape[axis])
            there &= np.expand_dims(inside, 1 - axis)
    return (still * moved)[there].mean(axis=0)


@pytest.mark.parametrize("wrap", ["none", "x", "y", "xy"])
def test_autocorrelations_are_mean_products(wrap):
    picture = np.random.default_rng(0).random((17, 24, 3), dtype=np.float32)
    given = autocorrelations(picture, wrap, (4, 7))
    assert given.shape == (3, 9, 15)
    for lag in ((0, 0), (4, -7), (-3, 2), (1, 7)):
        assert given[:, lag[0] + 4, lag[1] + 7] == pytest.approx(directly(picture, lag, wrap), abs=1e-6)


def test_autocorrelations_of_a_part_are_those_of_the_whole():
    """No taper of what does not wrap: far lags count as near ones do."""
    whole = stripes(128, 128, 16)
    part = autocorrelations(whole[:80, :80], "none", (20, 20))
    assert part == pytest.approx(autocorrelations(whole, "xy", (20, 20)), abs=5e-3)


def test_a_wrapping_source_is_as_wanted(objectives):
    """Shifted or repeated, too, but not with other stripes."""
    source = stripes(48, 64, 16)
    inputs = Wanted(objectives, source, "xy", np.random.default_rng(0)).spectrum_inputs(48, 64)

    def loss(picture):
        return float(objectives.spectrum.results(image=picture.transpose(2, 0, 1)[np.newaxis].copy(), **inputs)[0])

    assert loss(source) < 1e-8
    assert loss(np.roll(source, (7, 5), (0, 1))) < 1e-8
    assert loss(np.tile(source, (2, 2, 1))) < 1e-8
    assert loss(stripes(48, 64, 8)) > 0.1
    # In parts of the wanted, whatever the contrast.
    assert loss(np.zeros_like(source)) == pytest.approx(objective._SPECTRUM_WEIGHT, rel=1e-3)


def test_pictures_smaller_than_the_reach_are_compared(objectives):
    wanted = Wanted(objectives, stripes(128, 128, 16), "none", np.random.default_rng(0))
    assert wanted.correlations.shape == (3, 65, 65)
    inputs = wanted.spectrum_inputs(16, 33)
    assert inputs["correlations"].shape == (3, 15, 33)
    middle = inputs["correlations"][:, 7, 16]
    assert middle == pytest.approx(wanted.correlations[:, 32, 32])


def test_stripes_keep_their_period(objectives, monkeypatch):
    """Farther than features see."""
    source = stripes(128, 128, 16)
    start = stripes(96, 96, 16, bent=4, seed=1)

    def made(weight):
        monkeypatch.setattr(objective, "_SPECTRUM_WEIGHT", weight)
        random = np.random.default_rng(0)
        return with_features_of(objectives, Wanted(objectives, source, "xy", random), start, 6, random)

    def far(picture):
        ours, theirs = (autocorrelations(one, "xy", (32, 32)) for one in (picture, source))
        return float(np.square(ours - theirs).sum() / np.square(theirs).sum())

    without, within = (far(made(weight)) for weight in (0.0, objective._SPECTRUM_WEIGHT))
    assert within < 0.5 * without


@pytest.mark.parametrize("period", [2, 4, 5])
def test_steps_of_patches_leave_what_is_as_wanted(objectives, period):
    """Of a period of two or four pixels the patches that a step compares see some phases, the source's see all."""
    source = stripes(80, 80, period)
    random = np.random.default_rng(0)
    given = with_patches_of(objectives, Wanted(objectives, source, "xy", random), source, 4, random)
    assert np.sqrt(np.square(given - source).mean()) < 0.02


def test_content_and_windows_go_without(objectives, monkeypatch):
    """A picture that is kept keeps its own periods; what exceeds a window is not seen as a whole."""
    source = stripes(64, 64, 16)
    random = np.random.default_rng(0)
    wanted = Wanted(objectives, source, "xy", random)

    def refused(**inputs):
        raise AssertionError

    monkeypatch.setattr(objectives.spectrum, "results", refused)
    with_features_of(objectives, wanted, source, 1, random, content=source, content_weight=1.0)
    large = np.tile(source, (4, 4, 1))
    monkeypatch.setattr(objectives, "window", 192)
    with_features_of(objectives, wanted, large, 1, random)
