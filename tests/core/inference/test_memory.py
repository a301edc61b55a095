"""Amounts of memory, and tiles that keep to them."""

from __future__ import annotations

import pytest

from matshot.errors import MatshotError
from matshot.inference.memory import LARGEST_TILE, Chain, budget, fitting_tile, free_bytes, parsed_bytes, resident_bytes
from matshot.upscale.resampling import Enlarge, cubic


@pytest.mark.parametrize(
    ("text", "expected"), [("2G", 2**31), ("800M", 800 * 2**20), ("1.5 GB", 3 * 2**29), ("4096", 4096), ("1k", 1024)]
)
def test_amounts(text: str, expected: int) -> None:
    assert parsed_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "lots", "-1G", "0", "2 G G", "1e9"])
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    with pytest.raises(MatshotError, match="not an amount of memory"):
        parsed_bytes(text)


def test_default_budget_is_a_share_of_what_is_free() -> None:
    assert resident_bytes() < budget() < resident_bytes() + free_bytes()


def chain(side: int) -> Chain:
    return Chain([Enlarge(cubic, 2, 4)], side, side, 3)


def test_more_memory_never_means_smaller_tiles() -> None:
    tiles = [fitting_tile([chain(4096)], limit * 2**20, 0) for limit in (100, 200, 400, 800, 1600)]
    assert tiles == sorted(tiles)
    assert tiles[-1] == LARGEST_TILE


def test_too_little_is_one_sentence() -> None:
    with pytest.raises(MatshotError, match="--memory"):
        fitting_tile([chain(4096)], 2**20, 0)
