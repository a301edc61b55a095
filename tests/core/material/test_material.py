"""Materials: names of maps, folders, registered maps and packing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import matshot
from matshot.errors import MatshotError
from matshot.image.reader import read_texture
from matshot.image.types import FileSource, Texture
from matshot.image.writer import write_texture, write_textures
from matshot.material import folder as material_folder
from matshot.material.folder import find_material, load_material, save_material
from matshot.material.map_names import guess_map
from matshot.material.types import MAP_KINDS, Material, map_encoding, map_stem, pack_orm, unpack_orm
from matshot.shading.procedural import brick_material
from matshot_host.description import DESCRIPTION, DOCUMENT


def scalar(value=0.5, height=8, width=12, **keywords):
    return Texture(np.full((height, width, 1), value, np.float32), "data", **keywords)


def color(height=8, width=12, seed=0, **keywords):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3)) / 255
    return Texture(pixels.astype(np.float32), "srgb", **keywords)


def normal(height=8, width=12, **keywords):
    pixels = np.zeros((height, width, 3), np.float32)
    pixels[..., 1], pixels[..., 2] = 0.6, 0.8
    return Texture(pixels, "normal", **keywords)


def brick(**keywords):
    maps = {"basecolor": color(), "normal": normal(), "roughness": scalar(0.25), "height": scalar(0.125)}
    return Material(maps, name="brick", **keywords)


def fill(folder, *names):
    """Small images under the given names; what they show does not matter."""
    folder.mkdir(exist_ok=True)
    for index, name in enumerate(names):
        write_texture(color(seed=index), folder / name)
    return folder


# Names.

NAMES = [
    ("Bricks037_1K-JPG_Color.jpg", "basecolor", "", "ambientCG", "bricks037"),
    ("Bricks037_1K-JPG_NormalGL.jpg", "normal", "gl", "ambientCG", "bricks037"),
    ("Bricks037_1K-JPG_NormalDX.jpg", "normal", "dx", "ambientCG", "bricks037"),
    ("Bricks037_4K-PNG_Roughness.png", "roughness", "", "ambientCG", "bricks037"),
    ("Bricks037_1K_Displacement.png", "height", "", "ambientCG", "bricks037"),
    ("Bricks037_1K-JPG_AmbientOcclusion.jpg", "ao", "", "ambientCG", "bricks037"),
    ("Metal009_2K-JPG_Metalness.jpg", "metallic", "", "ambientCG", "metal009"),
    ("Leaf_1K-PNG_Opacity.png", "opacity", "", "ambientCG", "leaf"),
    ("Lava004_1K-JPG_Emission.jpg", "emission", "", "ambientCG", "lava004"),
    ("brick_wall_001_diff_1k.jpg", "basecolor", "", "Poly Haven", "brick_wall_001"),
    ("brick_wall_001_nor_gl_4k.exr", "normal", "gl", "Poly Haven", "brick_wall_001"),
    ("brick_wall_001_nor_dx_2k.png", "normal", "dx", "Poly Haven", "brick_wall_001"),
    ("brick_wall_001_rough_1k.exr", "roughness", "", "Poly Haven", "brick_wall_001"),
    ("brick_wall_001_disp_16k.png", "height", "", "Poly Haven", "brick_wall_001"),
    ("brick_wall_001_arm_1k.jpg", "orm", "", "Poly Haven", "brick_wall_001"),
    ("brick_wall_001_ao_1k.jpg", "ao", "", "Poly Haven", "brick_wall_001"),
    ("rusty_metal_metal_1k.jpg", "metallic", "", "Poly Haven", "rusty_metal"),
    ("wall_BaseColor.png", "basecolor", "", "Substance", "wall"),
    ("wall_Base_Color.png", "basecolor", "", "Substance", "wall"),
    ("wall_Normal.png", "normal", "", "Substance", "wall"),
    ("wall_Normal_DirectX.png", "normal", "dx", "Substance", "wall"),
    ("wall_Height.tif", "height", "", "Substance", "wall"),
    ("wall_Metallic.png", "metallic", "", "Substance", "wall"),
    ("wall_OcclusionRoughnessMetallic.png", "orm", "", "Substance", "wall"),
    ("wall_AmbientOcclusion.1001.png", "ao", "", "Substance", "wall.1001"),
    ("T_Rock_BC.tga", "basecolor", "", "Unreal", "t_rock"),
    ("T_Rock_D.TGA", "basecolor", "", "Unreal", "t_rock"),
    ("T_Rock_ORM.png", "orm", "", "Unreal", "t_rock"),
    ("T_Rock_R.png", "roughness", "", "Unreal", "t_rock"),
    ("T_Rock_M.png", "metallic", "", "Unreal", "t_rock"),
    ("T_Rock_H.png", "height", "", "Unreal", "t_rock"),
    ("rock_n.png", "normal", "", "engine suffix", "rock"),
    ("rock_nrm.png", "normal", "", "engine suffix", "rock"),
    ("rock_AO.png", "ao", "", "engine suffix", "rock"),
    ("rock_albedo.png", "basecolor", "", "engine suffix", "rock"),
    ("rock_diffuse.dds", "basecolor", "", "engine suffix", "rock"),
    ("rock_spec.png", "specular", "", "engine suffix", "rock"),
    ("rock_gloss.png", "gloss", "", "engine suffix", "rock"),
    ("rock-normal-ogl-16bit.png", "normal", "gl", "engine suffix", "rock"),
    ("old rock ambient occlusion 2048.png", "ao", "", "engine suffix", "old_rock"),
    ("rock_rough_1001.png", "roughness", "", "engine suffix", "rock.1001"),
    ("rock_rough_1024.png", "roughness", "", "engine suffix", "rock"),
]


@pytest.mark.parametrize(("name", "kind", "convention", "scheme", "base"), NAMES)
def test_names_of_known_schemes(name, kind, convention, scheme, base):
    guess = guess_map(name)
    assert guess is not None
    assert (guess.kind, guess.scheme, guess.base) == (kind, scheme, base)
    assert guess.stated == bool(convention)
    assert guess.convention == (convention or "gl")
    assert guess.encoding == map_encoding(kind)
    # Case says nothing about the map, only about the scheme.
    for other in (name.lower(), name.upper()):
        assert guess_map(other).kind == kind
        assert guess_map(other).base == base


def test_unreal_normals_are_directx_unless_the_name_says_otherwise():
    assert guess_map("T_Rock_N.tga").convention == "dx"
    assert not guess_map("T_Rock_N.tga").stated
    assert guess_map("T_Rock_Normal_GL.tga").convention == "gl"


@pytest.mark.parametrize("kind", [kind for kind in MAP_KINDS if kind not in ("normal", "gloss")])
def test_our_own_names_are_known(kind):
    guess = guess_map(f"{map_stem(kind)}.png")
    assert (guess.kind, guess.base, guess.scheme) == (kind, "", "plain")
    assert guess_map(f"/a/b_normal/{map_stem(kind)}.exr").kind == kind


@pytest.mark.parametrize("convention", ["gl", "dx"])
def test_our_own_normals_say_their_convention(convention):
    guess = guess_map(f"{map_stem('normal', convention)}.png")
    assert (guess.kind, guess.convention, guess.stated) == ("normal", convention, True)


@pytest.mark.parametrize(
    "name",
    [
        *("photo.jpg", "IMG_1024.jpg", "d.png", "n.png", "1k.png", "Bricks037.png", "wall_color.txt", "wall_normal"),
        *("normalize.png", "_.png", "wall_1001.png"),
    ],
)
def test_ordinary_names_say_nothing(name):
    assert guess_map(name) is None


@pytest.mark.parametrize("name", ["rusty_metal.jpg", "door_r.png", "night_color.jpg", "left_arm.png", "metal.png"])
def test_words_of_ordinary_names_are_not_sure(name):
    assert not guess_map(name).sure


@pytest.mark.parametrize(
    "name", ["wall_normal.png", "T_Wall_R.png", "wall_metal_1k.png", "roughness.png", "wall_orm.png"]
)
def test_words_of_maps_are_sure(name):
    assert guess_map(name).sure


def test_encodings():
    assert {kind: map_encoding(kind) for kind in ("basecolor", "emission", "normal", "orm", "height", "gloss")} == {
        "basecolor": "srgb",
        "emission": "srgb",
        "normal": "normal",
        "orm": "data",
        "height": "data",
        "gloss": "data",
    }


# Folders.


def test_an_ambientcg_folder(tmp_path):
    names = [f"Bricks037_1K-JPG_{kind}.jpg" for kind in ("Color", "NormalDX", "NormalGL", "Roughness", "Displacement")]
    fill(tmp_path, *names, "Bricks037.png")
    (tmp_path / "Bricks037_1K-JPG.usdc").write_text("not an image")
    found = find_material(tmp_path)
    assert found.name == "Bricks037"
    assert [entry.kind for entry in found.entries] == ["basecolor", "normal", "roughness", "height"]
    assert [entry.encoding for entry in found.entries] == ["srgb", "normal", "data", "data"]
    assert found.entries[1].path.name == "Bricks037_1K-JPG_NormalGL.jpg"
    lines = "\n".join(found.explanation())
    assert "Bricks037_1K-JPG_Color.jpg: basecolor, by its ambientCG name" in lines
    assert "OpenGL (+Y up)" in lines
    assert "Bricks037_1K-JPG_NormalDX.jpg: ignored, Bricks037_1K-JPG_NormalGL.jpg holds the same map" in lines
    assert "Bricks037.png: ignored" in lines


def test_a_poly_haven_folder_prefers_the_deeper_file(tmp_path):
    fill(tmp_path, "wall_diff_1k.jpg", "wall_nor_gl_1k.png", "wall_disp_1k.png", "wall_arm_1k.jpg")
    write_texture(scalar(), tmp_path / "wall_disp_1k.exr", depth="half")
    found = find_material(tmp_path)
    assert {entry.kind: entry.path.name for entry in found.entries}["height"] == "wall_disp_1k.exr"
    assert [entry.kind for entry in found.entries] == ["basecolor", "normal", "height", "orm"]


def test_a_folder_with_plain_names_takes_the_name_of_the_folder(tmp_path):
    found = find_material(fill(tmp_path / "old wall", "diffuse.png", "normal.png", "roughness.png", "preview.png"))
    assert found.name == "old wall"
    assert len(found.entries) == 3
    assert any("the name does not say" in line for line in found.explanation())


def test_unreal_normals_are_explained(tmp_path):
    found = find_material(fill(tmp_path, "T_Rock_BC.tga", "T_Rock_N.tga", "T_Rock_ORM.tga"))
    assert found.entries[1].convention == "dx"
    assert "T_Rock_N.tga: normal, by its Unreal name, assumed DirectX (+Y down), since the name does not say" in (
        found.explanation()
    )


@pytest.mark.parametrize(
    "names",
    [
        ("wall_diff.png", "wall_nor.png", "floor_diff.png", "floor_nor.png"),
        ("wall_diff.png", "floor_nor.png"),
        ("wall_diff_01.png", "wall_nor_01.png", "wall_diff_02.png", "wall_nor_02.png"),
        ("wall_diff.png",),
        ("wall_diff.png", "wall_albedo.png"),
        ("holiday.png", "beach.jpg"),
        ("wall_diff.1001.png", "wall_diff.1002.png", "wall_nor.1001.png", "wall_nor.1002.png"),
        (),
    ],
)
def test_folders_that_hold_no_single_material(tmp_path, names):
    assert find_material(fill(tmp_path, *names)) is None


def test_a_file_or_nothing_is_no_folder(tmp_path):
    assert find_material(tmp_path / "nowhere") is None
    assert find_material(write_texture(color(), tmp_path / "wall_diff.png")) is None


def test_one_udim_tile_is_a_material(tmp_path):
    found = find_material(fill(tmp_path, "wall_diff.1001.png", "wall_nor.1001.png"))
    assert [entry.kind for entry in found.entries] == ["basecolor", "normal"]


# Loading.


def test_loading_reads_every_map_in_its_encoding(tmp_path):
    write_texture(color(), tmp_path / "wall_diff.png")
    gray = color().with_pixels(np.repeat(color().pixels[..., :1], 3, axis=2))
    write_texture(gray, tmp_path / "wall_rough.png")
    flat = np.zeros((8, 12, 3), np.float32)
    flat[..., 1], flat[..., 2] = -0.6, 0.8
    down = Texture(flat, "normal", source=FileSource(Path(), "uint16", convention="dx"))
    write_texture(down, tmp_path / "wall_nor_dx.png")
    material = load_material(tmp_path, wrap="xy")
    assert material.name == "wall"
    assert material.wrap == "xy"
    assert (material.width, material.height) == (12, 8)
    assert {kind: texture.encoding for kind, texture in material.maps.items()} == {
        "basecolor": "srgb",
        "normal": "normal",
        "roughness": "data",
    }
    np.testing.assert_allclose(material.maps["roughness"].pixels, gray.pixels[..., :1], atol=1e-6)
    np.testing.assert_allclose(material.maps["normal"].pixels, flat, atol=1e-4)


def test_color_of_float_files_is_linear(tmp_path):
    write_texture(Texture(color().pixels * 4, "linear"), tmp_path / "wall_diff.exr", depth="half")
    write_texture(scalar(), tmp_path / "wall_rough.png")
    material = load_material(tmp_path)
    assert material.maps["basecolor"].encoding == "linear"
    assert material.maps["basecolor"].pixels.max() > 1


def test_channels_that_differ_become_their_mean(tmp_path):
    write_texture(color(), tmp_path / "wall_diff.png")
    write_texture(color(seed=3), tmp_path / "wall_rough.png")
    material = load_material(tmp_path)
    np.testing.assert_allclose(material.maps["roughness"].pixels[..., 0], color(seed=3).pixels.mean(axis=2), atol=1e-6)


def test_maps_of_different_sizes_are_named(tmp_path):
    write_texture(color(), tmp_path / "wall_diff.png")
    write_texture(scalar(height=16), tmp_path / "wall_rough.png")
    with pytest.raises(MatshotError, match="differ in size: basecolor 12 x 8, roughness 12 x 16"):
        load_material(tmp_path)


def test_what_is_no_material_cannot_be_loaded(tmp_path):
    with pytest.raises(MatshotError, match="not a material folder"):
        load_material(tmp_path)
    with pytest.raises(MatshotError, match="does not exist"):
        load_material(tmp_path / "nowhere")


# The contract in memory.


@pytest.mark.parametrize(
    ("maps", "pattern"),
    [
        ({}, "no map"),
        ({"albedo": color()}, "Unknown map 'albedo'"),
        ({"roughness": color()}, "must be data, got srgb"),
        ({"basecolor": scalar()}, "must be srgb or linear, got data"),
        ({"normal": color()}, "must be normal, got srgb"),
        ({"roughness": Texture(np.zeros((4, 4, 3), np.float32), "data")}, "must have one channel, got 3"),
        ({"orm": scalar()}, "must have 3 channels, got 1"),
        ({"basecolor": color(), "ao": scalar(width=24)}, "differ in size: basecolor 12 x 8, ao 24 x 8"),
        ({"basecolor": color(), "ao": scalar(wrap="x")}, "different axes: basecolor none, ao x"),
    ],
)
def test_maps_that_do_not_fit(maps, pattern):
    with pytest.raises(MatshotError, match=pattern):
        Material(maps)


# Saving.


@pytest.mark.parametrize("convention", ["gl", "dx"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".exr"])
def test_a_saved_material_comes_back(tmp_path, suffix, convention):
    maps = {**brick().maps, "specular": color().with_pixels(color().pixels)}
    maps["specular"] = Texture(color().pixels, "data")
    material = Material(
        {kind: Texture(texture.pixels, texture.encoding, "xy") for kind, texture in maps.items()},
        name="brick",
        physical_size=(2.0, 1.5),
        height_scale=0.04,
        origin="two photographs",
        parameters={"tool": "twoshot", "seed": np.int64(3), "weights": np.array([0.5, 1.0]), "from": Path("a.jpg")},
    )
    folder = save_material(material, tmp_path / "out" / "brick", suffix=suffix, convention=convention)
    names = {"basecolor", f"normal_{convention}", "roughness", "height", "specular"}
    assert {file.name for file in folder.iterdir()} == {name + suffix for name in names} | {DESCRIPTION, DOCUMENT}
    back = load_material(folder)
    assert (back.name, back.wrap, back.origin) == ("brick", "xy", "two photographs")
    assert (back.physical_size, back.height_scale) == ((2.0, 1.5), 0.04)
    assert back.parameters == {"tool": "twoshot", "seed": 3, "weights": [0.5, 1.0], "from": "a.jpg"}
    assert set(back.maps) == set(material.maps)
    # Both conventions hold the same vectors in memory.
    np.testing.assert_allclose(back.maps["normal"].pixels, normal().pixels, atol=1e-3)
    np.testing.assert_allclose(back.maps["height"].pixels, 0.125, atol=1e-5)
    raw = read_texture(folder / f"normal_{convention}{suffix}", encoding="data").pixels
    assert raw[0, 0, 1] == pytest.approx(0.8 if convention == "gl" else 0.2, abs=1e-3)


def test_new_heights_and_normals_get_sixteen_bits_and_sources_keep_theirs(tmp_path):
    folder = save_material(brick(), tmp_path / "new")
    depths = {kind: texture.source.depth for kind, texture in load_material(folder).maps.items()}
    assert depths == {"basecolor": "uint8", "normal": "uint16", "roughness": "uint8", "height": "uint16"}
    again = save_material(load_material(folder), tmp_path / "again")
    assert {kind: texture.source.depth for kind, texture in load_material(again).maps.items()} == depths
    for file in folder.glob("*.png"):
        assert np.array_equal(read_texture(file).pixels, read_texture(again / file.name).pixels)
    deep = save_material(brick(), tmp_path / "deep", depth="uint16")
    assert all(texture.source.depth == "uint16" for texture in load_material(deep).maps.values())


def test_description_lists_what_is_there(tmp_path):
    save_material(brick(), tmp_path, convention="dx")
    description = json.loads((tmp_path / DESCRIPTION).read_text())
    assert description["matshot"] == 1
    assert description["size"] == [12, 8]
    assert description["maps"]["normal"] == {
        "file": "normal_dx.png",
        "encoding": "normal",
        "convention": "dx",
        "signed": False,
    }
    assert description["maps"]["basecolor"] == {"file": "basecolor.png", "encoding": "srgb", "colorspace": "srgb"}
    assert description["maps"]["height"] == {"file": "height.png", "encoding": "data"}
    assert find_material(tmp_path).explanation()[1] == f"normal_dx.png: normal, by {DESCRIPTION}, DirectX (+Y down)"


def test_a_failed_save_leaves_nothing(tmp_path):
    with_alpha = brick().with_maps({"roughness": scalar(), "basecolor": Texture(np.ones((8, 12, 4), np.float32))})
    with pytest.raises(MatshotError, match="no alpha channel"):
        save_material(with_alpha, tmp_path / "out", suffix=".jpg")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MatshotError, match="cannot be created"):
        save_material(brick(), tmp_path / "file")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_failed_save_keeps_the_old_material(tmp_path):
    save_material(brick(), tmp_path, suffix=".jpg")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with_alpha = brick().with_maps({"roughness": scalar(0.9), "basecolor": Texture(np.ones((8, 12, 4), np.float32))})
    with pytest.raises(MatshotError, match="no alpha channel"):
        save_material(with_alpha, tmp_path, suffix=".jpg")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


# Descriptions.


def describe(folder, **changes):
    save_material(brick(), folder)
    description = json.loads((folder / DESCRIPTION).read_text())
    description.update(changes)
    (folder / DESCRIPTION).write_text(json.dumps(description))
    return folder


def test_foreign_files_by_description(tmp_path):
    maps = {"basecolor": {"file": "a.png"}, "normal": {"file": "b.png", "convention": "dx"}}
    fill(tmp_path, "a.png", "b.png", "holiday.png")
    (tmp_path / DESCRIPTION).write_text(json.dumps({"maps": maps}))
    found = find_material(tmp_path)
    assert [(entry.path.name, entry.kind, entry.convention) for entry in found.entries] == [
        ("a.png", "basecolor", "gl"),
        ("b.png", "normal", "dx"),
    ]
    assert load_material(found).name == tmp_path.name


def test_described_files_are_named_from_the_folder_as_it_was_given(tmp_path, monkeypatch):
    save_material(brick(), tmp_path / "brick")
    monkeypatch.chdir(tmp_path)
    assert find_material("brick").entries[0].path == Path("brick/basecolor.png")


def test_a_description_without_maps_is_completed_by_names(tmp_path):
    fill(tmp_path, "wall_diff.png", "wall_nor_gl.png")
    (tmp_path / DESCRIPTION).write_text('{"name": "Old wall", "height_scale": 0.02}')
    material = load_material(tmp_path)
    assert (material.name, material.height_scale) == ("Old wall", 0.02)
    assert set(material.maps) == {"basecolor", "normal"}


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"maps": []}', "\udcff", '{"maps": {}}'])
def test_damaged_descriptions_are_one_sentence(tmp_path, text):
    (tmp_path / DESCRIPTION).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(MatshotError, match=DESCRIPTION) as caught:
        find_material(tmp_path)
    assert "\n" not in caught.value.sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"physical_size": 3},
        {"physical_size": [1, -1]},
        {"physical_size": [1, "wide"]},
        {"height_scale": "high"},
        {"height_scale": True},
        {"wrap": "round"},
        {"name": 5},
        {"parameters": [1]},
        {"maps": {"basecolor": "basecolor.png"}},
        {"maps": {"basecolor": {"file": "gone.png"}}},
        {"maps": {"albedo": {"file": "basecolor.png"}}},
    ],
)
def test_descriptions_that_make_no_sense_are_one_sentence(tmp_path, changes):
    with pytest.raises(MatshotError):
        load_material(describe(tmp_path, **changes))


# Packing.


def test_packing_and_unpacking_cancel():
    material = Material({"ao": scalar(0.75), "roughness": scalar(0.5), "metallic": scalar(1.0)})
    packed = pack_orm(material)
    assert packed.encoding == "data"
    assert packed.pixels[0, 0].tolist() == [0.75, 0.5, 1.0]
    for kind, texture in unpack_orm(packed).items():
        assert np.array_equal(texture.pixels, material.maps[kind].pixels)
        assert texture.encoding == "data"


def test_missing_maps_are_packed_as_open_and_no_metal():
    assert pack_orm(brick()).pixels[0, 0].tolist() == [1.0, 0.25, 0.0]
    with pytest.raises(MatshotError, match="no roughness"):
        pack_orm(Material({"basecolor": color()}))
    with pytest.raises(MatshotError, match="3 channels"):
        unpack_orm(scalar())


def test_packed_material_unpacks_but_separate_maps_win():
    packed = pack_orm(Material({"ao": scalar(0.75), "roughness": scalar(0.5), "metallic": scalar(1.0)}))
    material = Material({"basecolor": color(), "orm": packed, "ao": scalar(0.125)}).unpacked()
    values = {kind: float(texture.pixels[0, 0, 0]) for kind, texture in material.maps.items() if kind != "basecolor"}
    assert values == {"ao": 0.125, "roughness": 0.5, "metallic": 1.0}
    plain = brick()
    assert plain.unpacked() is plain


def test_a_packed_map_is_loaded_as_it_is(tmp_path):
    fill(tmp_path, "T_Rock_BC.png", "T_Rock_N.png", "T_Rock_ORM.png")
    material = load_material(tmp_path)
    assert material.maps["orm"].pixels.shape == (8, 12, 3)
    assert set(material.unpacked().maps) == {"basecolor", "normal", "ao", "roughness", "metallic"}


@pytest.mark.parametrize("name", ["basecolor.png", "material.json"])
def test_a_file_that_comes_while_maps_are_written_stays(tmp_path, monkeypatch, name):
    def slowly(writes):
        write_textures(writes)
        (tmp_path / name).write_text("precious")

    monkeypatch.setattr(material_folder, "write_textures", slowly)
    with pytest.raises(MatshotError, match="exists and was not written by Matshot"):
        save_material(brick(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious"


@pytest.mark.parametrize("name", ["basecolor.png", "material.json", "material.mtlx"])
def test_a_file_of_somebody_else_is_not_written_over(tmp_path, name):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / name).write_text("{}")
    with pytest.raises(MatshotError, match="exists and was not written by Matshot"):
        save_material(brick(), folder)
    assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name).read_text() == "{}"


def test_a_material_of_matshot_is_written_over_but_not_what_was_added(tmp_path):
    save_material(Material({"basecolor": color()}), tmp_path)
    save_material(Material({"basecolor": color(seed=1)}), tmp_path)
    (tmp_path / "height.png").write_text("theirs")
    with pytest.raises(MatshotError, match=r"height\.png exists and was not"):
        save_material(brick(), tmp_path)
    assert (tmp_path / "height.png").read_text() == "theirs"
    assert set(load_material(tmp_path).maps) == {"basecolor"}


def test_a_map_that_somebody_repainted_stays(tmp_path):
    save_material(brick(), tmp_path)
    save_material(brick(), tmp_path)  # its own maps are replaced
    (tmp_path / "roughness.png").write_bytes(b"repainted")
    with pytest.raises(
        MatshotError, match=r"roughness\.png exists and was not written by Matshot, or was changed since"
    ):
        save_material(brick(), tmp_path)
    assert (tmp_path / "roughness.png").read_bytes() == b"repainted"
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


def test_a_map_of_a_folder_without_notes_of_maps_is_replaced_by_its_name(tmp_path):
    save_material(brick(), tmp_path)
    record = tmp_path / "material.json"
    description = json.loads(record.read_text())
    description["written"] = {"material.mtlx": description["written"]["material.mtlx"]}
    record.write_text(json.dumps(description))
    (tmp_path / "roughness.png").write_bytes(b"repainted")
    save_material(brick(), tmp_path)
    assert set(json.loads(record.read_text())["written"]) >= {"roughness.png", "basecolor.png", "material.mtlx"}
    load_material(tmp_path)


def test_a_repainted_map_is_refused_before_the_work(tmp_path):
    folder = save_material(brick_material(32), tmp_path / "bricks")
    matshot.tile(folder, output=tmp_path / "tiled")
    (tmp_path / "tiled" / "basecolor.png").write_bytes(b"repainted")
    stages = []
    with pytest.raises(MatshotError, match=r"basecolor\.png exists and was not written by Matshot, or was changed"):
        matshot.tile(folder, output=tmp_path / "tiled", progress=lambda _, stage: stages.append(stage))
    assert set(stages) <= {"reading"}


def test_a_repainted_file_of_a_template_stays(tmp_path):
    matshot.convert(brick(), template="bedrock", output=tmp_path)
    matshot.convert(brick(), template="bedrock", output=tmp_path)
    (file,) = tmp_path.glob("*_normal.png")
    file.write_bytes(b"repainted")
    with pytest.raises(MatshotError, match="or was changed since"):
        matshot.convert(brick(), template="bedrock", output=tmp_path)
    assert file.read_bytes() == b"repainted"
