"""Textures by optimization: like their source, of any size, repeating, reproducible."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from matshot.errors import Cancelled, MatshotError
from matshot.inference.cards import Registry
from matshot.progress import Progress
from matshot.shading.procedural import brick_wall
from matshot.synthesis.neural import optimized_texture
from matshot.synthesis.texture_loss import (
    Objectives,
    TargetStatistics,
    with_features_of,
    with_patches_of,
)

from .distances import patch_distance


@pytest.fixture(scope="module")
def source():
    return np.ascontiguousarray(brick_wall(64, 1)["basecolor"].pixels[..., :3])


@pytest.fixture(scope="module")
def objectives():
    return Objectives("cpu", 1)


@pytest.fixture(scope="module")
def result(source):
    return optimized_texture(source, 64, 80, wrap="xy", seed=1, threads=1, device="cpu")


def noise(shape, seed=0):
    return np.random.default_rng(seed).random((*shape, 3), dtype=np.float32)


def test_patches_and_colors_are_the_sources(result, source):
    assert result.shape == (64, 80, 3)
    assert result.dtype == np.float32
    assert patch_distance(result, source) < 0.3 * patch_distance(source[:, :32], source[:, 32:])
    for quantile in (0.05, 0.5, 0.95):
        assert np.quantile(result, quantile, axis=(0, 1)) == pytest.approx(
            np.quantile(source, quantile, axis=(0, 1)), abs=0.02
        )


def test_fine_octaves_have_the_sources_power(result, source):
    """Neither blurred nor noisy. Coarser ones hold too few bricks to tell."""

    def powers(picture):
        below = [cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT) for sigma in (0.7, 1.4, 2.8)]
        return [np.square(one - other).mean() for one, other in zip([picture, *below], below, strict=False)]

    assert powers(result) == pytest.approx(powers(source), rel=0.2)


def test_stays_within_the_sources_range(result, source):
    assert (result >= source.min(axis=(0, 1))).all()
    assert (result <= source.max(axis=(0, 1))).all()


def test_no_step_where_it_repeats(result):
    for axis in (0, 1):
        steps = np.abs(np.roll(result, -1, axis) - result).mean(axis=(1 - axis, 2))
        assert steps[-1] < 1.5 * np.sort(steps)[-4:].mean()


def test_same_seed_same_result_and_other_seed_another(source):
    first, again, other = (
        optimized_texture(source[:40, :40], 32, 32, seed=seed, threads=1, device="cpu") for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01


@pytest.mark.parametrize("size", [(33, 50), (16, 70), (100, 47)])
def test_any_size(source, size):
    made = optimized_texture(source[:50, :61], *size, wrap="xy", source_wrap="none", threads=1, device="cpu")
    assert made.shape == (*size, 3)
    assert np.isfinite(made).all()


def test_octaves_are_shown_and_progress_rises():
    shown, told = [], []
    made = optimized_texture(
        np.ascontiguousarray(brick_wall(128, 1)["basecolor"].pixels[..., :3]),
        64,
        64,
        threads=1,
        device="cpu",
        progress=Progress(lambda fraction, stage: told.append(fraction)),
        shown=lambda picture: shown.append(picture),
    )
    assert [picture.shape[:2] for picture in shown] == [(32, 32), (64, 64)]
    assert np.array_equal(shown[-1], made)
    assert len(told) > 20
    assert told == sorted(told)
    assert told[-1] <= 1


def test_can_be_cancelled_within_an_octave(source):
    def listener(fraction, stage):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        optimized_texture(source, 64, 64, threads=1, device="cpu", progress=Progress(listener))


def test_bad_input_is_one_sentence_or_the_obvious_result(source, tmp_path):
    flat = np.full((32, 32, 3), (0.2, 0.4, 0.6), np.float32)
    assert np.array_equal(optimized_texture(flat, 20, 40), np.full((20, 40, 3), (0.2, 0.4, 0.6), np.float32))
    with pytest.raises(MatshotError, match="at least"):
        optimized_texture(source[:1, :1], 64, 64)
    with pytest.raises(MatshotError, match="at least"):
        optimized_texture(source, 8, 64)
    with pytest.raises(MatshotError, match="NaN or infinite"):
        optimized_texture(np.where(source > 0.5, np.nan, source), 64, 64)
    with pytest.raises(MatshotError, match="missing"):
        optimized_texture(source, 64, 64, models=Registry(tmp_path))
    with pytest.raises(MatshotError, match="memory"):
        Objectives("cpu", 1, memory="1M")


def test_steps_of_patches_approach_the_source(objectives, source):
    random = np.random.default_rng(0)
    wanted = TargetStatistics(objectives, source, "none", random)
    start = noise((48, 64))
    few, many = (with_patches_of(objectives, wanted, start, steps, random) for steps in (2, 12))
    assert patch_distance(many, source) < patch_distance(few, source) < patch_distance(start, source)
    assert patch_distance(many, source) < 0.1 * patch_distance(start, source)


def test_windows_do_as_the_whole_does(objectives, source, monkeypatch):
    """Window by window a picture comes as near, and no window's border shows."""
    from matshot.synthesis import texture_loss as objective

    monkeypatch.setattr(objective, "_PATCH_WINDOW", 64)
    monkeypatch.setattr(objectives, "window", 128)
    random = np.random.default_rng(0)
    wanted = TargetStatistics(objectives, source, "none", random)
    start = noise((90, 64)) * 0.2 + source.mean(axis=(0, 1))
    made = with_patches_of(objectives, wanted, start, 12, random)
    assert patch_distance(made, source) < 0.15 * patch_distance(start, source)
    far = sum(
        np.square(one - other).sum() / np.square(one).sum()
        for one, other in zip(wanted.grams, TargetStatistics(objectives, made, "xy", random).grams, strict=True)
    )
    nearer = with_features_of(objectives, wanted, made, 6, random)
    near = sum(
        np.square(one - other).sum() / np.square(one).sum()
        for one, other in zip(wanted.grams, TargetStatistics(objectives, nearer, "xy", random).grams, strict=True)
    )
    assert near < 0.7 * far
    steps = np.abs(np.diff(nearer, axis=0)).mean(axis=(1, 2))
    assert steps.max() < 1.6 * np.median(steps)


def test_a_window_may_differ_from_others_as_the_source_does(objectives):
    """A picture that has all wanted statistics already stays, though no part of it has them."""
    from matshot.synthesis import texture_loss as objective

    half = noise((192, 96), 1) * np.float32(0.3)
    picture = np.concatenate([half, half + np.float32(0.6)], axis=1)
    random = np.random.default_rng(0)
    wanted = TargetStatistics(objectives, picture, "xy", random)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(objective, "_PATCH_WINDOW", 80)
        made = with_patches_of(objectives, wanted, picture, 3, random)
    assert made[:, :96].mean() == pytest.approx(float(half.mean()), abs=0.03)
    assert made[:, 96:].mean() == pytest.approx(float(half.mean()) + 0.6, abs=0.03)
