"""Style in one pass: exact in tiles, tileable, in the look's colors."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.image.color import Pixels
from matshot.inference.cards import installed_models
from matshot.inference.session import Network
from matshot.synthesis.fast_style import fast_styled, look_statistics
from matshot.synthesis.standard_colors import palette_of

QUICK = {"device": "cpu", "threads": 1}


def picture(height: int = 64, width: int = 96, seed: int = 0, scale: float = 0.2) -> Pixels:
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [
        np.sin(2 * np.pi * (random.integers(1, 5) * x / width + random.integers(1, 5) * y / height)) for _ in "rgb"
    ]
    return (0.5 + scale * np.stack(waves, axis=2) + 0.02 * random.standard_normal((height, width, 3))).astype(
        np.float32
    )


@pytest.mark.parametrize("wrap", ["none", "x", "xy"])
def test_tiles_give_the_result_of_the_whole(wrap: str) -> None:
    content, look = picture(), picture(48, 48, 1)
    whole = fast_styled(content, look, (wrap, "xy"), tile=256, **QUICK)  # type: ignore[arg-type]
    tiles = fast_styled(content, look, (wrap, "xy"), tile=32, **QUICK)  # type: ignore[arg-type]
    assert np.abs(whole - tiles).max() < 1e-4


@pytest.mark.parametrize("size", [(64, 96), (60, 70)])
def test_what_repeats_goes_on_over_the_border(size: tuple[int, int]) -> None:
    content, look = picture(*size), picture(48, 48, 1)
    result = fast_styled(content, look, ("xy", "xy"), **QUICK)  # type: ignore[arg-type]
    across = np.abs(np.diff(result, axis=1)).mean()
    down = np.abs(np.diff(result, axis=0)).mean()
    assert np.abs(result[:, 0] - result[:, -1]).mean() < 1.5 * across
    assert np.abs(result[0] - result[-1]).mean() < 1.5 * down


def test_equal_seeds_give_equal_results_and_others_do_not() -> None:
    content, look = picture(), picture(48, 48, 1)
    first, again, other = (fast_styled(content, look, ("xy", "xy"), seed=seed, **QUICK) for seed in (1, 1, 2))  # type: ignore[arg-type]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_palette_is_the_looks() -> None:
    content, look = picture(), picture(64, 64, 1, scale=0.05) * np.float32([1.2, 0.6, 0.3])
    result = fast_styled(content, look, ("xy", "xy"), **QUICK)  # type: ignore[arg-type]
    assert np.abs(result.mean(axis=(0, 1)) - look.mean(axis=(0, 1))).max() < 0.02


def test_a_mirrored_look_has_the_statistics_of_one_that_repeats() -> None:
    """A look that repeats is not seen with a border, whichever way it is cut."""
    features = Network(installed_models().require("synthesis", "features"), "cpu", 1)
    look = picture(64, 64, 1)
    standard = palette_of(look).standard(look)
    first = look_statistics(features, standard, "xy")
    rolled = look_statistics(features, np.roll(standard, (16, 32), (0, 1)), "xy", tile=32)
    for one, other in zip(vars(first).values(), vars(rolled).values(), strict=True):
        assert np.allclose(one, other, rtol=1e-3, atol=2e-3)


def test_a_picture_of_one_color_has_a_palette() -> None:
    even = np.full((16, 16, 3), 0.3, np.float32)
    palette = palette_of(even)
    assert np.allclose(palette.standard(even), 0.5, atol=1e-4)
    assert np.allclose(palette.colored(palette.standard(even)), even, atol=1e-5)
