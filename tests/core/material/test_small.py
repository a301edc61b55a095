"""Images and materials read small are what they are when they are read whole and made small then."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from matshot.image.reader import read_texture, texture_strips
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.material import small
from matshot.material.folder import find_material, load_material, save_material
from matshot.material.resize import averaged, downsampled_material
from matshot.material.small import read_small_texture, small_material
from matshot.shading.procedural import brick_material


@pytest.fixture
def strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of few rows, so that small images have many."""
    monkeypatch.setattr(small, "_STRIP", 800)


def noise(channels: int = 3, height: int = 90, width: int = 120) -> Texture:
    smooth = np.random.default_rng(4).random((height // 6, width // 6, channels), dtype=np.float32)
    return Texture(np.kron(smooth, np.ones((6, 6, 1), np.float32)))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".exr", ".tga", ".bmp", ".webp", ".hdr"])
def test_strips_are_the_whole(tmp_path: Path, strips: None, suffix: str) -> None:
    file = write_texture(noise(), tmp_path / f"noise{suffix}")
    whole = read_texture(file)
    rows = np.concatenate([one.pixels for one in texture_strips(file, [0, 7, 50, 90])])
    assert np.array_equal(rows, whole.pixels)
    made = read_small_texture(file, 40)
    assert made.pixels.shape == (30, 40, 3)
    assert made.encoding == whole.encoding
    assert np.abs(made.pixels - averaged(whole, (40, 30)).pixels).max() < 0.02


def test_tiles_and_turned_photographs(tmp_path: Path, strips: None) -> None:
    pixels = noise().pixels
    spec = oiio.ImageSpec(120, 90, 3, oiio.UINT8)
    spec.tile_width = spec.tile_height = 32
    spec.attribute("Orientation", 6)
    file = tmp_path / "tiled.tif"
    output = oiio.ImageOutput.create(str(file))
    assert output.open(str(file), spec)
    assert output.write_image(pixels)
    output.close()
    made = read_small_texture(file, 40)
    assert made.pixels.shape == (40, 30, 3)
    assert np.abs(made.pixels - averaged(read_texture(file), (30, 40)).pixels).max() < 0.02


def test_damage_is_noticed_in_any_strip(tmp_path: Path, strips: None) -> None:
    random = Texture(np.random.default_rng(5).random((90, 120, 3), dtype=np.float32))
    file = write_texture(random, tmp_path / "noise.jpg")
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(Exception, match=r"damaged|ends early|cannot be read"):
        read_small_texture(file, 40)
    bad = noise()
    bad.pixels[80, 3] = np.nan
    with pytest.raises(Exception, match="NaN"):
        read_small_texture(write_texture(bad, tmp_path / "nan.exr", depth="float"), 40)


def test_a_small_material_is_the_large_one_made_small(tmp_path: Path, strips: None) -> None:
    folder = save_material(brick_material(128), tmp_path / "brick")
    found = find_material(folder)
    assert found is not None
    made, wanted = small_material(found, 32), downsampled_material(load_material(found), 32)
    assert (made.width, made.height, made.wrap, list(made.maps)) == (32, 32, wanted.wrap, list(wanted.maps))
    for kind, texture in made.maps.items():
        assert np.abs(texture.pixels - wanted.maps[kind].pixels).mean() < 0.01, kind


def test_memory_is_that_of_a_strip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "_STRIP", 100_000)
    file = write_texture(Texture(np.zeros((1500, 1500, 3), np.float32)), tmp_path / "large.tif")
    tracemalloc.start()
    read_small_texture(file, 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1500 * 1500 * 3 * 4 / 3
