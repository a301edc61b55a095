"""Nearest patches, found and shared out."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from matshot.shading.procedural import noise
from matshot.synthesis.correspondence import Agreement, empty_transfer
from matshot.synthesis.patch_search import (
    FixedPicture,
    RepairedPicture,
    Source,
    Tags,
    VotedPicture,
    balanced_matches,
    improved_matches,
    queries_of,
    use_penalty,
)
from matshot.synthesis.patches import IRREGULAR
from matshot.synthesis.periodicity import Repetition
from matshot.synthesis.tone_use import ToneUse


def texture(size=48, seed=0, channels=2):
    rng = np.random.default_rng(seed)
    return np.stack([noise(size, 1.0, rng) for _ in range(channels)], axis=2).astype(np.float32)


def scattered(source, size, wrap="xy", seed=3):
    field = empty_transfer(size, wrap, (source.height, source.width), source.wrap)
    rng = np.random.default_rng(seed)
    return field.with_patches(*(rng.integers(limit, size=field.down.shape) for limit in field.limits))


def described(pixels, wrap="none", repeats=IRREGULAR):
    return Source.of(pixels, wrap, repeats, np.random.default_rng(0))


def error(transfer, source, target):
    made = VotedPicture(source).rows(transfer, 0, len(transfer.down))
    wanted = FixedPicture(target).rows(transfer, 0, len(transfer.down))
    return float(np.square(made - wanted).mean())


def test_a_picture_that_is_in_the_source_is_found():
    pixels = texture()
    source = described(pixels)
    target = pixels[6:38, 10:42]
    transfer = scattered(source, (32, 32), "none")
    nothing = np.zeros(len(source.projected), dtype=np.float32)
    rng = np.random.default_rng(5)
    for _ in range(8):
        transfer = improved_matches(transfer, FixedPicture(target), source, nothing, rng)
    assert error(transfer, source, target) < 1e-3


def test_no_round_makes_matches_worse():
    source = described(texture())
    target = texture(seed=7)
    transfer, errors = scattered(source, (48, 48)), []
    nothing = np.zeros(len(source.projected), dtype=np.float32)
    rng = np.random.default_rng(5)

    def distance(transfer):
        windows = np.lib.stride_tricks.sliding_window_view(
            FixedPicture(target).rows(transfer, 0, len(transfer.down)), (8, 8), (0, 1)
        )
        wanted = windows[::2, ::2].reshape(-1, len(source.basis)) @ source.basis
        place = (transfer.down * transfer.limits[1] + transfer.right).ravel()
        return float(np.square(source.projected[place] - wanted).sum(axis=1).mean())

    for _ in range(4):
        errors.append(distance(transfer))
        transfer = improved_matches(transfer, FixedPicture(target), source, nothing, rng)
    assert all(after <= before for before, after in itertools.pairwise(errors))
    assert errors[-1] < 0.6 * errors[0]


def test_threads_do_not_change_the_result(monkeypatch):
    monkeypatch.setattr("matshot.synthesis.correspondence._BAND", 100)
    source = described(texture())
    found = []
    for threads in (1, 3):
        transfer, rng = scattered(source, (48, 48)), np.random.default_rng(5)
        for _ in range(2):
            transfer = improved_matches(
                transfer, VotedPicture(source), source, use_penalty(transfer), rng, threads=threads
            )
        found.append(transfer)
    np.testing.assert_array_equal(found[0].down, found[1].down)
    np.testing.assert_array_equal(found[0].right, found[1].right)


def test_only_active_patches_move():
    source = described(texture())
    before = scattered(source, (48, 48))
    active = np.zeros(before.down.shape, dtype=bool)
    active[3:9, 5:11] = True
    nothing = np.zeros(len(source.projected), dtype=np.float32)
    after = improved_matches(
        before, FixedPicture(texture(seed=9)), source, nothing, np.random.default_rng(0), active=active
    )
    np.testing.assert_array_equal(after.down[~active], before.down[~active])
    assert (after.down[active] != before.down[active]).mean() > 0.5


def test_forbidden_patches_are_left():
    source = described(texture())
    transfer = scattered(source, (48, 48))
    rows, columns = transfer.limits
    forbidden = np.zeros((rows, columns), dtype=bool)
    forbidden[:, : columns // 2] = True
    transfer = transfer.with_patches(transfer.down, columns // 2 + transfer.right // 2)
    penalty = np.where(forbidden, np.float32(np.inf), np.float32(0)).ravel()
    for _ in range(3):
        transfer = improved_matches(transfer, VotedPicture(source), source, penalty, np.random.default_rng(0))
    assert not forbidden[transfer.down, transfer.right].any()


def test_all_of_the_source_is_in_use_alike():
    pixels = texture(32)
    # A third of the source is of a kind that the picture hardly holds.
    pixels[:, :11] += 3
    pixels -= pixels.mean(axis=(0, 1))
    source = described(pixels, "xy")
    transfer = scattered(source, (64, 64))
    fair, _ = balanced_matches(transfer, FixedPicture(texture(64, seed=2)), source)
    share = (fair.right < 11).mean()
    assert share == pytest.approx(11 / 32, abs=0.08)


def test_factors_of_an_earlier_turn_make_use_more_even():
    pixels = texture(32)
    pixels[:, :11] += 3
    pixels -= pixels.mean(axis=(0, 1))
    source = described(pixels, "xy")
    transfer, target, shares, factors = scattered(source, (64, 64)), FixedPicture(texture(64, seed=2)), [], None
    for _ in range(4):
        matches, factors = balanced_matches(transfer, target, source, before=factors)
        shares.append((matches.right < 11).mean())
    assert abs(shares[-1] - 11 / 32) <= abs(shares[0] - 11 / 32)


def test_tones_are_the_means_of_patches():
    source = described(texture(channels=2))
    windows = np.lib.stride_tricks.sliding_window_view(source.pixels, (8, 8), axis=(0, 1))
    means = windows.mean(axis=(3, 4)).reshape(-1, 2)
    np.testing.assert_allclose(source.tones(), means, atol=0.05 * means.std())


def test_matches_with_prices_of_tones_use_them_more_evenly():
    source = described(texture(32), "xy")
    target = FixedPicture(texture(64, seed=2) + np.float32(0.4))
    transfer = scattered(source, (64, 64))
    tones, unevenness = ToneUse(source.tones()), []
    for prices in (None, tones, tones, tones):
        matches, _ = balanced_matches(transfer, target, source, prices)
        unevenness.append(ToneUse(source.tones()).adjust(matches.numbers, 1.0))
    assert unevenness[-1] < 0.8 * unevenness[0]


def test_even_use_costs_nothing_and_too_much_does():
    source = described(texture(32), "xy")
    field = empty_transfer((64, 64), "xy", (32, 32), "xy")
    even = field.with_patches(*np.indices((32, 32)))
    np.testing.assert_allclose(use_penalty(even), 0, atol=1e-5)
    crowded = even.with_patches(even.down // 2, even.right)
    penalty = use_penalty(crowded).reshape(32, 32)
    assert penalty[4:12].min() > 0.9
    assert penalty[20:28].max() == 0
    assert source.projected.shape[0] == 32 * 32


@pytest.mark.parametrize("axis", [0, 1])
def test_patches_come_in_step(axis):
    period = 7.5
    repeats = [Repetition(None, 0.0), Repetition(None, 0.0)]
    repeats[axis] = Repetition(period, 0.9)
    source = described(texture(60), "none", tuple(repeats))
    transfer = source.in_phase(scattered(source, (60, 60), "none"))
    place = (transfer.down, transfer.right)[axis]
    wanted = np.expand_dims(np.arange(place.shape[axis]) * 2, 1 - axis)
    off = np.mod(place - wanted + period / 2, period) - period / 2
    assert np.abs(off).max() <= 0.51
    assert place.min() >= 0
    assert place.max() < transfer.limits[axis]


def test_being_out_of_step_costs_more_the_more_regular_the_source_is():
    costs = []
    for strength in (0.3, 0.6, 0.9):
        source = described(texture(40), "none", (Repetition(10.0, strength), Repetition(None, 0.0)))
        phases = source.phases((np.array([0.0, 0.25, 0.5]), 10.0), (np.zeros(1), None))
        costs.append(np.square(phases[1:] - phases[:1]).sum(axis=(1, 2)))
    assert all(half > quarter for quarter, half in costs)
    assert costs[0][1] < costs[1][1] < costs[2][1]


@pytest.mark.parametrize("wrap", ["none", "x", "xy"])
@pytest.mark.parametrize("size", [(40, 44), (41, 47), (64, 50)])
@pytest.mark.parametrize("columns", [(0, 5), (3, 9), (11, 20), (14, 19)])
def test_a_window_is_described_as_in_whole_rows(wrap, size, columns):
    """Where patches go round the result, where they end, and where the side is odd so that every pixel has one."""
    source = described(texture(60), "y", (Repetition(10.0, 0.5), Repetition(7.5, 0.5)))
    transfer = scattered(source, size, wrap)
    last = transfer.down.shape[1]
    columns = (min(columns[0], last - 5), min(columns[1], last))
    tags = Tags(FixedPicture(texture(50, seed=4)), np.ones((128, 3), dtype=np.float32))
    source = replace(source, tags=tags)
    fixed, hole = FixedPicture(texture(64, seed=2)), FixedPicture(texture(64, seed=5)[..., :1])
    active = np.random.default_rng(1).random((4, last)) < 0.5
    for target in (VotedPicture(source), fixed, RepairedPicture(source, fixed, hole)):
        whole = target.rows(transfer, 2, 6)
        first = columns[0] * transfer.strides[1]
        wide = (columns[1] - columns[0] - 1) * transfer.strides[1] + 8
        np.testing.assert_array_equal(target.rows(transfer, 2, 6, columns), whole[:, first : first + wide])
        outside = active.copy()
        outside[:, : columns[0]] = outside[:, columns[1] :] = False
        np.testing.assert_allclose(
            queries_of(transfer, target, source, 2, 6, outside[:, slice(*columns)], columns),
            queries_of(transfer, target, source, 2, 6, outside),
            atol=1e-5,
        )


@pytest.mark.parametrize("wrap", ["none", "xy"])
def test_labels_hold_in_a_window_as_in_whole_rows(wrap):
    pixels = texture(60)
    transfer = scattered(described(pixels), (40, 44), wrap)
    rng = np.random.default_rng(0)
    labels = Agreement(*(rng.integers(0, 2, side).astype(np.uint8) for side in ((60, 60), (40, 44))))
    whole = transfer.rows(pixels, 2, 6, 1.0, labels)
    np.testing.assert_array_equal(transfer.rows(pixels, 2, 6, 1.0, labels, (3, 9)), whole[:, 6 : 6 + 18])
