"""The patch engine, by what it promises."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.errors import Cancelled, MatshotError
from matshot.progress import Progress
from matshot.shading.procedural import noise
from matshot.synthesis.copies import largest_copy
from matshot.synthesis.patches import enlarged_transfer, inpainted_planes, matching_transfer, synthesized_transfer
from matshot.synthesis.periodicity import regularity


@pytest.fixture(scope="module")
def stones():
    """Blobs of a few tones: no period, clear edges."""
    rng = np.random.default_rng(4)
    fields = np.stack([noise(96, 1.6, rng) for _ in range(4)], axis=2)
    tones = rng.uniform(0.1, 0.9, (4, 3))
    return tones[fields.argmax(axis=2)].astype(np.float32)


def ratio(pixels, axis):
    steps = np.abs(np.roll(pixels, -1, axis) - pixels).mean(axis=(1 - axis, 2))
    return steps[-1] / steps[:-1].mean()


WEIGHTS = (1.0, 1.0, 1.0)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (71, 53), (8, 40)])
@pytest.mark.parametrize("wrap", ["none", "x", "xy"])
def test_any_size_of_pixels_of_the_source(stones, height, width, wrap):
    result = synthesized_transfer(stones, WEIGHTS, height, width, wrap=wrap).apply(stones)
    assert result.shape == (height, width, 3)
    assert result.min() >= stones.min() - 1e-6
    assert result.max() <= stones.max() + 1e-6


def test_as_many_planes_as_a_material_has():
    planes = np.random.default_rng(0).random((70, 60, 11), dtype=np.float32)
    assert synthesized_transfer(planes, (1.0,) * 11, 70, 72, wrap="xy").apply(planes).shape == (70, 72, 11)


def test_the_same_seed_is_the_same_result_on_any_number_of_threads(stones):
    one = synthesized_transfer(stones, WEIGHTS, 64, 64, seed=5, threads=1)
    two = synthesized_transfer(stones, WEIGHTS, 64, 64, seed=5, threads=2)
    other = synthesized_transfer(stones, WEIGHTS, 64, 64, seed=6)
    np.testing.assert_array_equal(one.down, two.down)
    np.testing.assert_array_equal(one.right, two.right)
    assert (one.down != other.down).mean() > 0.5


def test_a_result_that_repeats_has_an_edge_like_any_other_place(stones):
    result = synthesized_transfer(stones, WEIGHTS, 128, 128, wrap="xy", seed=1).apply(stones)
    for axis in (0, 1):
        assert ratio(result, axis) < 1.6
    open_edged = synthesized_transfer(stones, WEIGHTS, 128, 128, wrap="none", seed=1).apply(stones)
    assert ratio(open_edged, 0) > 2


def test_colors_come_as_often_as_in_the_source(stones):
    result = synthesized_transfer(stones, WEIGHTS, 160, 160, wrap="xy", seed=2).apply(stones)
    for channel in range(3):
        wanted = np.quantile(stones[..., channel], np.linspace(0.02, 0.98, 25))
        found = np.quantile(result[..., channel], np.linspace(0.02, 0.98, 25))
        assert np.abs(found - wanted).mean() < 0.06


def test_variety_makes_pieces_smaller(stones):
    def coherence(variety):
        made = synthesized_transfer(stones, WEIGHTS, 96, 96, wrap="xy", variety=variety, seed=3)
        onwards = (np.diff(made.right, axis=1) == 2) & (np.diff(made.down, axis=1) == 0)
        return onwards.mean()

    assert coherence(0.0) > coherence(1.0) + 0.02


@pytest.mark.parametrize("side", [32, 48])
def test_a_result_much_smaller_than_the_source_is_as_sharp(side):
    fine = np.random.default_rng(0).random((256, 256, 3), dtype=np.float32)
    result = synthesized_transfer(fine, WEIGHTS, side, side, wrap="xy").apply(fine)
    assert result.std() > 0.9 * fine.std()


def tiled(size=120, period=20):
    """Tiles of many shades between dark joints of two pixels."""
    at = np.arange(size) + 3
    shade = np.random.default_rng(1).uniform(0.5, 0.8, (size // period + 2, size // period + 2))
    tones = shade[np.ix_(at // period, at // period)]
    joint = (at % period < 2)[:, None] | (at % period < 2)[None]
    return np.repeat(np.where(joint, 0.1, tones)[..., None], 3, axis=2).astype(np.float32)


@pytest.mark.parametrize("wrap", ["none", "xy"])
def test_regular_structure_is_kept(wrap):
    source = tiled()
    repeats = regularity(source)
    assert repeats[0].period == pytest.approx(20, abs=0.2)
    result = synthesized_transfer(source, WEIGHTS, 160, 160, wrap=wrap, repeats=repeats, seed=1).apply(source)
    for axis in (0, 1):
        rows = result.mean(axis=(axis, 2))
        joints = np.flatnonzero(rows < 0.25)
        # Every joint runs straight through, two pixels wide, one in twenty.
        assert 14 <= len(joints) <= 18
        assert np.ptp(np.mod(joints, 20)) == 1


@pytest.mark.parametrize("seed", range(2))
def test_each_tile_is_one_of_the_source(seed):
    """Tiles whose period is no whole number of pixels: neither their tone changes inside, nor do joints step there."""
    rng = np.random.default_rng(seed)
    period, side, finer = 25.6, 128, 10
    place = (np.arange(side * finer) + 0.5) / finer
    joint = (place % period) < 2
    shade = rng.uniform(0.5, 0.75, (5, 5))[np.ix_(*[(place // period).astype(int)] * 2)]
    sharp = np.where(joint[:, None] | joint, 0.1, shade)
    source = sharp.reshape(side, finer, side, finer).mean(axis=(1, 3))[..., None].astype(np.float32)
    repeats = regularity(source)
    transfer = synthesized_transfer(
        source, (1.0,), 128, 128, wrap="xy", source_wrap="xy", repeats=repeats, seed=seed, structure=1.0
    )
    result = transfer.apply(source)[..., 0]
    middles = [np.arange(round(n * period) + 6, round((n + 1) * period) - 4) for n in range(5)]
    tones = np.array([[result[np.ix_(rows, columns)] for columns in middles] for rows in middles], dtype=object)
    assert max(np.ptp(tone) for tone in tones.ravel()) < 1e-3
    assert len({round(float(tone.mean()), 3) for tone in tones.ravel()}) > 4
    for lines in (result, result.T):
        for number in range(1, 5):
            around = slice(round(number * period) - 4, round(number * period) + 7)
            joints = [np.maximum(0.45 - lines[rows, around], 0) for rows in middles]
            assert max(np.ptp(joint @ np.arange(11) / joint.sum(axis=1)) for joint in joints) < 0.05


@pytest.mark.parametrize(("height", "width"), [(7, 64), (64, 7)])
def test_what_is_smaller_than_a_patch_is_refused(stones, height, width):
    with pytest.raises(MatshotError, match="at least 8"):
        synthesized_transfer(stones, WEIGHTS, height, width)
    with pytest.raises(MatshotError, match="at least 8"):
        synthesized_transfer(stones[:height, :width], WEIGHTS, 64, 64)


def test_a_constant_source_gives_itself():
    flat = np.full((32, 32, 3), 0.4, dtype=np.float32)
    np.testing.assert_allclose(synthesized_transfer(flat, WEIGHTS, 40, 40).apply(flat), 0.4, atol=1e-6)


def test_progress_rises_to_the_end_and_cancels(stones):
    heard = []
    synthesized_transfer(stones, WEIGHTS, 48, 48, progress=Progress(lambda fraction, _: heard.append(fraction)))
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1)

    def stop(fraction, _):
        raise Cancelled

    with pytest.raises(Cancelled):
        synthesized_transfer(stones, WEIGHTS, 48, 48, progress=Progress(stop))


def test_octaves_are_shown_from_small_to_large(stones):
    seen = []
    synthesized_transfer(stones, WEIGHTS, 64, 80, shown=lambda transfer, number: seen.append((number, transfer.width)))
    assert [number for number, _ in seen] == sorted((number for number, _ in seen), reverse=True)
    assert seen[-1] == (0, 80)
    assert len(seen) >= 2


@pytest.mark.parametrize(("height", "width"), [(256, 256), (260, 300)])
@pytest.mark.parametrize("variety", [0.2, 0.5])
def test_octaves_are_halves_of_the_source(height, width, variety):
    pixels = np.random.default_rng(1).random((height, width, 3), dtype=np.float32)
    heights = []
    synthesized_transfer(
        pixels, WEIGHTS, 64, 64, variety=variety, shown=lambda transfer, _: heights.append(transfer.source_height)
    )
    assert heights == [height >> number for number in reversed(range(len(heights)))]


def test_no_large_piece_comes_from_one_place_by_default():
    rng = np.random.default_rng(2)
    grains = np.stack([noise(256, 0.3, rng) for _ in range(3)], axis=2).astype(np.float32)
    copies = [largest_copy(synthesized_transfer(grains, WEIGHTS, 256, 256, seed=seed)) for seed in (0, 1)]
    assert np.mean(copies) < 0.26


def test_a_picture_is_arranged_from_the_source(stones):
    target = stones[::-1, ::-1].copy()
    made = matching_transfer(stones, target, seed=1).apply(stones)
    assert np.abs(made - target).mean() < 0.35 * np.abs(stones - target).mean()


@pytest.mark.parametrize("wrap", ["none", "xy"])
def test_a_hole_is_filled_and_nothing_else_is_touched(stones, wrap):
    hole = np.zeros(stones.shape[:2], dtype=bool)
    hole[30:50, 40:64] = True
    spoilt = stones.copy()
    spoilt[hole] = (1.0, 0.0, 1.0)
    result = inpainted_planes(spoilt, hole, wrap=wrap)
    np.testing.assert_array_equal(result[~hole], spoilt[~hole])
    # Nothing of the magenta is elsewhere, so nothing of it is left.
    assert (np.abs(result[hole] - (1.0, 0.0, 1.0)).sum(axis=1) < 0.3).mean() < 0.01
    assert result[hole].std() > 0.3 * stones.std()


def test_a_seam_is_healed(stones):
    cut = stones[:80, :70]
    hole = np.zeros(cut.shape[:2], dtype=bool)
    hole[:, :8] = hole[:, -8:] = True
    result = inpainted_planes(cut, hole, wrap="x")
    assert ratio(cut, 1) > 2
    assert ratio(result, 1) < 1.5


def test_a_hole_over_everything_is_refused(stones):
    with pytest.raises(MatshotError, match="Too little of the texture"):
        inpainted_planes(stones, np.ones(stones.shape[:2], dtype=bool))
    assert inpainted_planes(stones, np.zeros(stones.shape[:2], dtype=bool)) is stones


def test_an_arrangement_of_a_larger_source_shows_the_same(stones):
    small = stones.reshape(48, 2, 48, 2, 3).mean(axis=(1, 3), dtype=np.float32)
    coarse = synthesized_transfer(small, WEIGHTS, 40, 56, wrap="xy", seed=1)
    fine = enlarged_transfer(coarse, (80, 112), (96, 96)).apply(stones)
    shrunk = fine.reshape(40, 2, 56, 2, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - coarse.apply(small)).mean() < 0.25 * small.std()
