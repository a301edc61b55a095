"""UDIM sets are one texture of several tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from matshot.errors import MatshotError
from matshot.image.reader import read_texture
from matshot.image.types import Texture
from matshot.image.udim import Neighbours, expanded, udim_sets
from matshot.image.writer import write_texture
from matshot.shading.procedural import brick_wall
from matshot.upscale import UpscaleOptions, upscale, upscale_all


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    """Four tiles of one 64 x 64 picture: 1001 lower left, 1002 lower right, 1011 and 1012 above."""
    picture = brick_wall(64, seed=5)["basecolor"]
    for number, rows, columns in (
        (1001, slice(32, 64), slice(0, 32)),
        (1002, slice(32, 64), slice(32, 64)),
        (1011, slice(0, 32), slice(0, 32)),
        (1012, slice(0, 32), slice(32, 64)),
    ):
        part = np.ascontiguousarray(picture.pixels[rows, columns])
        write_texture(Texture(part, "srgb"), tmp_path / f"wall.{number}.png")
    write_texture(Texture(picture.pixels, "srgb"), tmp_path / "whole.png")
    return tmp_path


def test_sets_are_found_and_single_numbers_are_not(tmp_path: Path) -> None:
    names = ["a.1001.png", "a.1002.png", "b.1001.png", "c_1001.exr", "c_1012.exr", "shot.0999.png", "d.png"]
    sets, alone = udim_sets(tmp_path / name for name in names)
    assert [one.pattern.name for one in sets] == ["a.<UDIM>.png", "c_<UDIM>.exr"]
    assert sorted(path.name for path in alone) == ["b.1001.png", "d.png", "shot.0999.png"]


def test_a_pattern_without_tiles_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MatshotError, match="No tile"):
        expanded(tmp_path / "nothing.<UDIM>.exr")


def test_a_tile_sees_its_neighbours(tiles: Path) -> None:
    found = expanded(tiles / "wall.<UDIM>.png")
    whole = read_texture(tiles / "whole.png").pixels
    tile = read_texture(found.tiles[1001]).pixels
    bordered = Neighbours(found.tiles, 1001, {}).bordered(tile, 8)
    np.testing.assert_array_equal(bordered[:40, 8:48], whole[24:64, :40])
    np.testing.assert_array_equal(bordered[8:40, 0], tile[:, 0])  # nothing to the left: the border goes on


def test_a_set_is_upscaled_as_one(tiles: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = UpscaleOptions(scale=2, threads=1, device="cpu")
    outcome = upscale_all([tiles / "wall.<UDIM>.png"], out, options)
    assert [made.target.name for made in outcome.done] == [f"wall.{n}.png" for n in (1001, 1002, 1011, 1012)]
    whole = upscale(read_texture(tiles / "whole.png"), scale=2, wrap="none", threads=1, device="cpu").pixels
    lower_right = read_texture(out / "wall.1002.png").pixels
    # Along the inner seams, tiles are as if they had been made in one piece.
    assert np.abs(lower_right[:32, :32] - whole[64:96, 64:96]).max() < 1.5 / 255
