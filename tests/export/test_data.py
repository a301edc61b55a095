"""Training folders: which maps there are, how they are read, and the pairs that a run is measured on."""

import numpy as np
import pytest

from matshot_export.data import find_maps, load_map, validation_pairs


def test_finds_the_maps_of_a_kind(textures):
    assert [p.name for p in find_maps(textures, "train", "color")] == ["basecolor.png", "basecolor.png", "hill.png"]
    assert [p.parent.name for p in find_maps(textures, "val", "color")] == ["Stone"]
    assert {p.stem for p in find_maps(textures, "train", "normal")} == {"normal_gl"}
    assert {p.stem for p in find_maps(textures, "train", "data")} == {"roughness"}


def test_no_maps_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no color maps"):
        find_maps(tmp_path, "train", "color")


def test_loads_pixels_as_stored(tmp_path, waves, write_image):
    color, gray = waves(), waves(channels=1)
    np.testing.assert_array_equal(load_map(write_image(tmp_path / "a.png", color), "color"), color)
    np.testing.assert_array_equal(load_map(write_image(tmp_path / "b.png", gray), "data"), gray)
    np.testing.assert_array_equal(load_map(tmp_path / "b.png", "color"), np.repeat(gray, 3, axis=-1))
    assert load_map(tmp_path / "a.png", "data").shape == (96, 96, 1)


@pytest.mark.parametrize("kind", ["color", "normal", "data"])
def test_validation_pairs(textures, kind):
    ((low, high),) = validation_pairs(find_maps(textures, "val", kind), kind, 4, size=64)
    assert high.shape[-2:] == (64, 64)
    assert low.shape[-2:] == (16, 16)
    assert low.shape[1] == high.shape[1] == (1 if kind == "data" else 3)
