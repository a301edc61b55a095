"""What maps are, by names, pixels and each other."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from matshot.errors import MatshotError
from matshot.image.normals import encoded_normals, normal_from_height
from matshot.image.types import Convention, FileSource, Texture
from matshot.image.writer import write_texture
from matshot.material.folder import find_material, load_material, save_material
from matshot.material.recognition import recognized
from matshot.super_resolution import UpscaleOptions, upscale_all
from matshot.super_resolution.batch import planned
from matshot.super_resolution.files import FileOptions

SIDE = 48


def surface() -> np.ndarray:
    """A bumpy height map that tiles."""
    y, x = np.mgrid[:SIDE, :SIDE] * (2 * np.pi / SIDE)
    waves = np.sin(2 * x + y) + np.sin(x - 3 * y) + 0.5 * np.sin(4 * x + 3 * y)
    return ((waves - waves.min()) / np.ptp(waves))[..., np.newaxis].astype(np.float32)


def normals() -> np.ndarray:
    return normal_from_height(surface(), "xy", strength=6)


def store_normal(path: Path, convention: Convention = "gl") -> Path:
    texture = Texture(normals(), "normal", source=FileSource(Path(), "uint8", convention=convention))
    return write_texture(texture, path)


def store(path: Path, channels: int = 3, seed: int = 3, side: int = SIDE) -> Path:
    pixels = np.random.default_rng(seed).random((side, side, channels), dtype=np.float32)
    return write_texture(Texture(pixels, "srgb" if channels > 1 else "data"), path)


# Single images.


@pytest.mark.parametrize("name", ["brick_n.png", "photo17.png", "wall_normal_01.png"])
def test_unit_vectors_are_a_normal_map_whatever_the_name(tmp_path, name):
    found = recognized(store_normal(tmp_path / name))
    assert found.kind == "normal"
    assert "normal" in found.notes[0]
    np.testing.assert_allclose(found.texture.pixels, normals(), atol=0.02)


def test_a_photograph_named_like_a_normal_map_is_color(tmp_path):
    found = recognized(store(tmp_path / "main_n.png"))
    assert found.kind == "color"
    assert "its name could mean normal" in found.notes[0]


def test_gray_pixels_decide_where_the_name_is_not_enough(tmp_path):
    assert recognized(store(tmp_path / "door_r.png", 1)).kind == "data"
    assert recognized(store(tmp_path / "door_m.png", 3)).kind == "color"


def test_blue_is_rebuilt_where_it_is_missing(tmp_path):
    encoded = encoded_normals(normals(), "gl")
    blueless, dxt = encoded.copy(), np.ones((SIDE, SIDE, 4), np.float32)
    blueless[..., 2] = 0
    dxt[..., 1], dxt[..., 2], dxt[..., 3] = encoded[..., 1], 0, encoded[..., 0]
    for name, pixels in (("a_normal.png", blueless), ("b_normal.png", dxt)):
        write_texture(Texture(pixels, "data"), tmp_path / name)
        found = recognized(tmp_path / name)
        np.testing.assert_allclose(found.texture.pixels, normals(), atol=0.03)
        assert any("rebuilt" in note for note in found.notes)


@pytest.mark.parametrize("convention", ["gl", "dx"])
def test_the_convention_of_one_map_is_measured_by_its_curl(tmp_path, convention):
    found = recognized(store_normal(tmp_path / "wall_normal.png", convention))
    np.testing.assert_allclose(found.texture.pixels, normals(), atol=0.02)
    assert any("measured by its curl" in note for note in found.notes)


# Folders.


def wall(folder: Path, convention: Convention = "gl", *, height: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    store(folder / "Wall_BaseColor.png")
    store_normal(folder / "Wall_Normal.png", convention)
    if height:
        write_texture(Texture(surface(), "data"), folder / "Wall_Height.png", depth="uint16")
    return folder


@pytest.mark.parametrize("height", [True, False])
@pytest.mark.parametrize("convention", ["gl", "dx"])
def test_the_convention_in_a_folder_is_measured(tmp_path, convention, height):
    material = load_material(wall(tmp_path / "wall", convention, height=height))
    np.testing.assert_allclose(material.maps["normal"].pixels, normals(), atol=0.02)
    by = "against the height map" if height else "by its curl"
    assert any(by in note for note in material.parameters["notes"])
    assert material.maps["normal"].source.convention == convention


def test_a_given_convention_wins(tmp_path):
    material = load_material(wall(tmp_path / "wall", "gl"), normal="dx")
    assert float((material.maps["normal"].pixels[..., 1] * normals()[..., 1]).mean()) < 0
    assert any("DirectX (+Y down), as given" in note for note in material.parameters["notes"])


def test_packed_maps_come_apart(tmp_path):
    store(tmp_path / "Rock_AlbedoTransparency.png")
    packed = np.random.default_rng(1).random((SIDE, SIDE, 4), dtype=np.float32)
    write_texture(Texture(packed, "data"), tmp_path / "Rock_MetallicSmoothness.png")
    material = load_material(tmp_path)
    assert set(material.maps) == {"basecolor", "metallic", "gloss"}
    np.testing.assert_allclose(material.maps["gloss"].pixels[..., 0], packed[..., 3], atol=0.003)
    assert any("channels G and B are left out" in note for note in material.parameters["notes"])


def test_what_a_material_does_not_take_is_named(tmp_path):
    wall(tmp_path)
    for name in ("reference.png", "Wall_Cavity.png", "Wall_BaseColor_02.png"):
        store(tmp_path / name)
    (tmp_path / "IMG_1.HEIC").write_bytes(b"x")
    said = "\n".join(load_material(tmp_path).parameters["notes"])
    for name in ("reference.png", "Wall_Cavity.png", "Wall_BaseColor_02.png", "IMG_1.HEIC"):
        assert f"{name}: " in said


def test_maps_of_several_sizes_come_in_the_largest(tmp_path):
    wall(tmp_path)
    store(tmp_path / "Wall_Roughness.png", 1, side=SIDE // 2)
    material = load_material(tmp_path)
    assert (material.width, material.maps["roughness"].width) == (SIDE, SIDE)
    assert any("differ in size" in note for note in material.parameters["notes"])
    assert load_material(tmp_path, size=24).width == 24


def test_maps_may_lie_in_textures(tmp_path):
    (tmp_path / "rock").mkdir()
    wall(tmp_path / "rock" / "textures")
    assert find_material(tmp_path / "rock") is None
    assert load_material(tmp_path / "rock").name == "Wall"


def test_two_materials_are_named(tmp_path):
    wall(tmp_path)
    for kind in ("BaseColor", "Roughness"):
        store(tmp_path / f"Floor_{kind}.png")
    with pytest.raises(MatshotError, match="several materials: Floor, Wall"):
        load_material(tmp_path)


def test_opacity_kept_in_alpha_is_taken_from_there(tmp_path):
    wall(tmp_path)
    pixels = np.ones((SIDE, SIDE, 4), np.float32)
    pixels[..., 3] = surface()[..., 0]
    write_texture(Texture(pixels, "srgb"), tmp_path / "Wall_Opacity.png")
    material = load_material(tmp_path)
    np.testing.assert_allclose(material.maps["opacity"].pixels, surface(), atol=0.003)
    assert any("taken from alpha" in note for note in material.parameters["notes"])


# Folders of images.


def test_photographs_are_no_udim_set_and_same_stems_are_both_made(tmp_path):
    store(tmp_path / "in" / "IMG_1234.png", seed=1)
    store(tmp_path / "in" / "IMG_1235.png", seed=2)
    store(tmp_path / "in" / "wall.png")
    store(tmp_path / "in" / "wall.jpg")
    tasks = planned([tmp_path / "in"], tmp_path / "out", UpscaleOptions(), FileOptions(format="tif"))
    assert all(task.neighbors is None for task in tasks)
    names = sorted(task.target.name for task in tasks)
    assert names == ["IMG_1234.tif", "IMG_1235.tif", "wall.tif", "wall_png.tif"]


@pytest.mark.parametrize("suffix", ["dds", "psd", "gif", "heic"])
def test_an_output_that_cannot_be_written_is_refused(tmp_path, suffix):
    store(tmp_path / "a.png")
    with pytest.raises(MatshotError, match="cannot be written"):
        planned([tmp_path / "a.png"], tmp_path / f"x.{suffix}", UpscaleOptions(), FileOptions())


def test_what_is_not_read_is_named(tmp_path):
    store(tmp_path / "in" / "a.png", side=8)
    for name in ("b.heic", "c.psd", ".hidden/d.png", "__MACOSX/e.png"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"x")
    done = upscale_all([tmp_path / "in"], tmp_path / "out", UpscaleOptions(scale=2, method="nearest"))
    assert [one.source.name for one in done.done] == ["a.png"]
    assert [one.split(":")[0] for one in done.left_out] == ["b.heic", "c.psd"]


def test_a_name_that_is_not_unicode_costs_that_file_alone(tmp_path):
    import os

    store(tmp_path / "in" / "a.png", side=8)
    strange = os.fsencode(tmp_path / "in") + b"/b\xff.png"
    try:
        with open(strange, "wb") as file:
            file.write((tmp_path / "in" / "a.png").read_bytes())
    except OSError:
        pytest.skip("the file system takes no such names")
    done = upscale_all([tmp_path / "in"], tmp_path / "out", UpscaleOptions(scale=2, method="nearest"))
    assert (len(done.done), len(done.failed)) == (1, 1)
    done.failed[0][1].sentence.encode("utf-8")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_a_pipe_beside_maps_is_named_and_not_opened(tmp_path):
    store(tmp_path / "wall_color.png")
    store_normal(tmp_path / "wall_normal.png")
    os.mkfifo(tmp_path / "wall_roughness.png")
    notes = load_material(tmp_path).parameters["notes"]
    assert "wall_roughness.png: left out, a pipe or a device, not a file" in notes


@pytest.mark.skipif(sys.platform != "linux", reason="names are text on other systems")
def test_a_name_that_is_no_text_costs_that_file_alone(tmp_path):
    store(tmp_path / "in" / "wall_color.png")
    store_normal(tmp_path / "in" / "wall_normal.png")
    strange = Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/caf\xe9_roughness.png"))
    shutil.copyfile(tmp_path / "in" / "wall_color.png", strange)
    material = load_material(tmp_path / "in")
    again = load_material(save_material(material, tmp_path / "out"))
    assert set(again.maps) == {"basecolor", "normal"}
    assert any("roughness.png: left out" in note for note in material.parameters["notes"])
    with pytest.raises(MatshotError, match="not valid Unicode; rename it"):
        recognized(strange)
