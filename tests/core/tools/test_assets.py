"""What tools are given and give back."""

from __future__ import annotations

import numpy as np
import pytest

import matshot
from matshot.errors import MatshotError
from matshot.files import check_folder
from matshot.image.reader import read_texture
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.material.folder import load_material, save_material
from matshot.material.types import Material
from matshot.shading.procedural import brick_material, brick_wall
from matshot.tools.assets import delivered, image_material, read_asset, targets, write_asset
from matshot_host.description import PREVIEW


@pytest.fixture
def wall():
    maps = brick_wall(48)
    return Material({"basecolor": maps["basecolor"], "normal": maps["normal_gl"]}, name="wall")


@pytest.fixture
def picture(tmp_path):
    pixels = np.random.default_rng(0).random((12, 16, 3), dtype=np.float32)
    return write_texture(Texture(pixels, "srgb"), tmp_path / "stone.png")


def test_an_image_is_a_material_of_one_map(picture):
    asset = read_asset(picture)
    assert asset.image
    assert list(asset.material.maps) == ["basecolor"]
    assert asset.material.name == "stone"


def test_a_folder_is_a_material(wall, tmp_path):
    save_material(wall, tmp_path / "wall")
    asset = read_asset(tmp_path / "wall", wrap="x")
    assert not asset.image
    assert set(asset.material.maps) == {"basecolor", "normal"}
    assert asset.material.wrap == "x"


def test_a_name_tells_what_an_image_holds(wall, tmp_path):
    normal = write_texture(wall.maps["normal"], tmp_path / "brick_normal_gl.png")
    assert list(read_asset(normal).material.maps) == ["normal"]
    assert list(read_asset(normal, kind="color").material.maps) == ["basecolor"]
    rough = write_texture(Texture(np.full((9, 9, 1), 0.5, dtype=np.float32), "data"), tmp_path / "brick_roughness.png")
    (texture,) = read_asset(rough).material.maps.values()
    assert texture.encoding == "data"


def test_a_direct_x_map_can_be_said_to_be_one(wall, tmp_path):
    path = write_texture(wall.maps["normal"], tmp_path / "a.png")
    up = read_asset(path, kind="normal", normal="gl").material.maps["normal"].pixels
    down = read_asset(path, kind="normal", normal="dx").material.maps["normal"].pixels
    np.testing.assert_allclose(up[..., 1], -down[..., 1], atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_numbers_of_any_channels(channels):
    texture = Texture(np.zeros((4, 4, channels), dtype=np.float32), "data")
    assert image_material(texture).maps["specular"] is texture


def test_an_image_comes_back_as_an_image(picture, tmp_path):
    asset = read_asset(picture)
    path = write_asset(asset.material, tmp_path / "out.png", image=True)
    np.testing.assert_array_equal(read_texture(path).pixels, read_texture(picture).pixels)


def test_a_material_comes_back_as_a_folder_with_a_preview(wall, tmp_path):
    folder = write_asset(wall, tmp_path / "out", image=False)
    assert (folder / PREVIEW).exists()
    assert set(load_material(folder).maps) == {"basecolor", "normal"}


def test_what_cannot_be_lit_has_no_preview(wall, tmp_path):
    folder = delivered(Material({"normal": wall.maps["normal"]}), tmp_path / "out")
    assert not (folder / PREVIEW).exists()


def test_targets_of_an_image(picture, tmp_path):
    assert targets(picture, tmp_path / "a.jpg", image=True) == [tmp_path / "a.jpg"]
    assert targets(picture, tmp_path / "new", image=True) == [tmp_path / "new" / "stone.png"]
    two = targets(picture, tmp_path / "new", image=True, endings=["_3", "_4"])
    assert [path.name for path in two] == ["stone_3.png", "stone_4.png"]
    with pytest.raises(MatshotError, match="give a folder"):
        targets(picture, tmp_path / "a.png", image=True, endings=["_3", "_4"])


def test_a_format_that_cannot_be_written_is_no_folder(picture, tmp_path):
    with pytest.raises(MatshotError, match=r"Unknown image format \.xyz\."):
        targets(picture, tmp_path / "a.xyz", image=True)
    (tmp_path / "v1.2").mkdir()
    assert targets(picture, tmp_path / "v1.2", image=True) == [tmp_path / "v1.2" / "stone.png"]


def test_targets_of_a_material(wall, tmp_path):
    save_material(wall, tmp_path / "wall")
    assert targets(tmp_path / "wall", tmp_path / "out", image=False) == [tmp_path / "out"]
    two = targets(tmp_path / "wall", tmp_path / "out", image=False, name="wall", endings=["_3", "_4"])
    assert two == [tmp_path / "out" / "wall_3", tmp_path / "out" / "wall_4"]


def test_nothing_overwrites_its_source(picture, wall, tmp_path):
    with pytest.raises(MatshotError, match="overwrite itself"):
        targets(picture, picture, image=True)
    with pytest.raises(MatshotError, match="overwrite itself"):
        targets(picture, picture.parent, image=True)
    save_material(wall, tmp_path / "wall")
    with pytest.raises(MatshotError, match="overwrite itself"):
        targets(tmp_path / "wall", tmp_path / "wall", image=False)


def test_no_map_of_an_input_is_overwritten(wall, tmp_path):
    folder = save_material(wall, tmp_path / "wall")
    other = save_material(wall, tmp_path / "other")
    for place in (folder, other):
        with pytest.raises(MatshotError, match="belongs to an input and stays as it is"):
            targets(folder, place / "basecolor.png", image=True, inputs=[folder, other])
    (folder / PREVIEW).write_bytes(b"")
    assert targets(folder, folder / PREVIEW, image=True, inputs=[folder]) == [folder / PREVIEW]


def test_a_file_is_no_folder(picture):
    with pytest.raises(MatshotError, match="is a file"):
        check_folder(picture / "below")


@pytest.mark.parametrize("name", ["missing.png", "missing"])
def test_what_is_not_there_is_said(tmp_path, name):
    with pytest.raises(MatshotError):
        read_asset(tmp_path / name)


def test_a_picture_of_somebody_else_is_not_written_over(tmp_path):
    (tmp_path / "preview.png").write_text("theirs")
    material = Material({"basecolor": Texture(np.zeros((8, 8, 3), np.float32), "srgb")})
    with pytest.raises(MatshotError, match=r"preview\.png exists and was not"):
        delivered(material, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["preview.png"]
    assert (tmp_path / "preview.png").read_text() == "theirs"


def test_a_picture_that_was_written_by_its_name_is_matshots_too(tmp_path):
    wall = delivered(brick_material(32), tmp_path / "wall")
    matshot.preview(wall, size=128, output=wall / PREVIEW)
    delivered(brick_material(32), wall)
    (wall / PREVIEW).write_bytes(b"theirs")
    with pytest.raises(MatshotError, match=r"preview\.png exists and was not written by Matshot, or was changed since"):
        delivered(brick_material(32), wall)
    assert (wall / PREVIEW).read_bytes() == b"theirs"
