"""Textures by a network that is fitted to a source: like it, of any size, repeating, reproducible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matshot.errors import Cancelled, MatshotError
from matshot.progress import Progress
from matshot.synthesis import texture_net
from matshot.synthesis.texture_net import fitted_net, texture_of

from .distances import patch_distance


@pytest.fixture(scope="module")
def source():
    """Stones that touch each other: to each pixel the color of the nearest of many points."""
    random = np.random.default_rng(0)
    points = random.integers(0, 128, (2, 500, 1))
    down, across = np.indices((128, 128)).reshape(2, 1, -1) - points
    nearest = (down**2 + across**2).argmin(axis=0)
    return random.uniform(0.2, 0.8, (500, 3)).astype(np.float32)[nearest].reshape(128, 128, 3)


@pytest.fixture(scope="module")
def net(source):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(texture_net, "_LAYERS", (4, 4))
        patched.setattr(texture_net, "_MORE", 1)
        return fitted_net(source, 128, 128, threads=1)


def test_layers_approach_the_source(net, source):
    (finest,) = net.octaves
    made = texture_of(net, 128, 128, wrap="xy", seed=2, threads=1)
    without = texture_of(replace(net, octaves=(replace(finest, layers=()),)), 128, 128, wrap="xy", seed=2, threads=1)
    assert made.dtype == np.float32
    assert patch_distance(made, source) < 0.6 * patch_distance(without, source)
    assert made.mean(axis=(0, 1)) == pytest.approx(source.mean(axis=(0, 1)), abs=0.02)
    assert (made >= source.min(axis=(0, 1))).all()
    assert (made <= source.max(axis=(0, 1))).all()


@pytest.mark.parametrize("size", [(96, 128), (97, 121), (16, 50)])
def test_any_size_repeats(net, size):
    made = texture_of(net, *size, wrap="xy", threads=1)
    assert made.shape == (*size, 3)
    for axis in (0, 1):
        steps = np.abs(np.roll(made, -1, axis) - made).mean(axis=(1 - axis, 2))
        assert steps[-1] < 1.5 * np.sort(steps)[-4:].mean()


def test_bands_and_threads_do_not_show(net, monkeypatch):
    whole = texture_of(net, 96, 64, seed=1, threads=1)
    assert np.array_equal(texture_of(net, 96, 64, seed=1, threads=3), whole)
    monkeypatch.setattr(texture_net, "_BAND", 8)
    assert np.abs(texture_of(net, 96, 64, seed=1, threads=1) - whole).max() < 2e-3


def test_equal_seeds_give_equal_textures(net):
    first, again, other = (texture_of(net, 64, 64, seed=seed, threads=1) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01


def test_octaves_are_shown_and_progress_rises(net):
    shown, reported = [], []
    made = texture_of(
        net, 64, 80, threads=1, progress=Progress(lambda fraction, stage: reported.append(fraction)), shown=shown.append
    )
    assert np.array_equal(shown[-1], made)
    assert reported == sorted(reported)
    assert 0.5 < reported[-1] <= 1


def test_a_fit_can_be_cancelled(source):
    def listener(fraction, stage):
        if fraction > 0.1:
            raise Cancelled

    with pytest.raises(Cancelled):
        fitted_net(source[:64, :64], 64, 64, threads=1, progress=Progress(listener))


def test_bad_input_is_one_sentence(source):
    with pytest.raises(MatshotError, match="at least"):
        fitted_net(source[:8, :8], 64, 64)
    with pytest.raises(MatshotError, match="at least"):
        fitted_net(source, 64, 8)
    with pytest.raises(MatshotError, match="NaN or infinite"):
        fitted_net(np.where(source > 0.5, np.nan, source), 64, 64)
