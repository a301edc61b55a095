"""The largest piece of a source in a result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matshot.image.types import Texture
from matshot.material.types import Material
from matshot.synthesis.copies import largest_copy
from matshot.synthesis.correspondence import empty_transfer
from matshot.synthesis.multiply import MultiplyOptions, multiply


def scattered(source_wrap="none"):
    """Patches from anywhere, of a source of 64 x 64 pixels."""
    field = empty_transfer((48, 40), "xy", (64, 64), source_wrap)
    rng = np.random.default_rng(0)
    return field.with_patches(*rng.integers(0, 57, (2, *field.down.shape)))


@pytest.mark.parametrize("source_wrap", ["none", "xy"])
def test_a_piece_of_known_size_is_found(source_wrap):
    made = scattered(source_wrap)
    down, right = made.down.copy(), made.right.copy()
    at = np.indices((10, 8)) * 2
    down[3:13, 2:10], right[3:13, 2:10] = 50 + at[0], 7 + at[1]
    # On an axis that does not repeat, the piece ends where the source does.
    rows = 10 if source_wrap == "xy" else 4
    assert largest_copy(made.with_patches(down, right)) == pytest.approx(np.sqrt(rows * 8 * 4 / 64**2), rel=0.05)


def test_patches_from_anywhere_are_no_copy():
    assert largest_copy(scattered()) < 0.1


def test_all_of_the_source_is_one():
    field = empty_transfer((64, 64), "none", (64, 64), "none")
    at = np.indices(field.down.shape) * 2
    whole = replace(field, down=at[0].astype(np.int32), right=at[1].astype(np.int32))
    assert largest_copy(whole) == pytest.approx(57 / 64, abs=0.03)


def test_the_multiplier_states_it_and_names_a_large_one():
    noise = np.random.default_rng(0).random((64, 64, 3), dtype=np.float32)
    (made,) = multiply(Material({"basecolor": Texture(noise, "srgb")}), MultiplyOptions(size="64", variety=0.0))
    assert made.parameters["largest_copy"] > 1 / 8
    assert any("largest piece" in note for note in made.parameters["notes"])
