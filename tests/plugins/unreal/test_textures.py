"""Textures out of the project and into it."""

from pathlib import Path

import numpy as np
import pytest

from matshot.image.reader import read_texture
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot_host.errors import MatshotError
from matshot_host.graph import Image


@pytest.fixture
def textures(plugin):
    return plugin("textures")


def image_file(path, channels=3, depth="uint8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(1).random((8, 8, channels), np.float32)
    return write_texture(Texture(pixels, "srgb" if channels == 3 else "data"), path, depth=depth)


def texture(unreal, path, file=None, **settings):
    made = unreal.Texture2D()
    made._path, made._source = path, str(file) if file else None
    made.get_editor_property("asset_import_data")._files = [str(file)] if file else []
    for name, value in settings.items():
        made.set_editor_property(name, value)
    unreal.world.objects[path] = made
    return made


def node(name, encoding="data", channels=1, wrap="xy"):
    return Image(name, "/somewhere.png", encoding, "", wrap, name, channels)


@pytest.mark.parametrize(
    ("image", "compression", "srgb", "group", "sampler"),
    [
        (node("basecolor", "srgb", 3), "TC_DEFAULT", True, "TEXTUREGROUP_WORLD", "SAMPLERTYPE_COLOR"),
        (node("normal", "data", 3), "TC_NORMALMAP", False, "TEXTUREGROUP_WORLD_NORMAL_MAP", "SAMPLERTYPE_NORMAL"),
        (node("orm", "data", 3), "TC_MASKS", False, "TEXTUREGROUP_WORLD_SPECULAR", "SAMPLERTYPE_MASKS"),
        (node("height"), "TC_GRAYSCALE", False, "TEXTUREGROUP_WORLD_SPECULAR", "SAMPLERTYPE_LINEAR_GRAYSCALE"),
        (node("opacity"), "TC_ALPHA", False, "TEXTUREGROUP_WORLD_SPECULAR", "SAMPLERTYPE_ALPHA"),
    ],
)
def test_settings_of_maps(unreal, textures, tmp_path, image, compression, srgb, group, sampler):
    file = image_file(tmp_path / "map.png")
    unreal.world.auto_virtual = True
    wanted = textures.Import(str(file), "T_Wall_X", textures.map_settings(image, "dx"))
    made = textures.import_textures([wanted], "/Game/Walls")[0]
    read = made.get_editor_property
    assert read("compression_settings") is getattr(unreal.TextureCompressionSettings, compression)
    assert read("srgb") is srgb
    assert read("lod_group") is getattr(unreal.TextureGroup, group)
    assert read("flip_green_channel") is False
    assert read("virtual_texture_streaming") is False
    assert made._sampler() is getattr(unreal.MaterialSamplerType, sampler)
    encoding = read("source_color_settings").encoding_override
    assert (encoding is unreal.TextureSourceEncoding.TSE_S_RGB) == srgb


def test_settings_rebuild_a_texture_once(unreal, textures, tmp_path):
    file = image_file(tmp_path / "map.png")
    wanted = textures.Import(str(file), "T_Wall_N", textures.map_settings(node("normal", "data", 3), "gl"))
    (created,) = textures.import_textures([wanted], "/Game")
    assert created._modified
    assert created._notified == 1
    assert created.get_editor_property("flip_green_channel") is True
    assert created.get_editor_property("srgb") is False


def test_normals_that_point_up_are_flipped_by_unreal(unreal, textures):
    assert textures.map_settings(node("normal", "data", 3), "gl")["flip_green_channel"] is True
    assert textures.map_settings(node("basecolor", "srgb", 3), "gl")["flip_green_channel"] is False


@pytest.mark.parametrize(
    ("wrap", "x", "y"), [("xy", "WRAP", "WRAP"), ("x", "WRAP", "CLAMP"), ("none",) + ("CLAMP",) * 2]
)
def test_address_modes(unreal, textures, wrap, x, y):
    found = textures.map_settings(node("height", wrap=wrap), "dx")
    assert found["address_x"] is getattr(unreal.TextureAddress, f"TA_{x}")
    assert found["address_y"] is getattr(unreal.TextureAddress, f"TA_{y}")


def test_a_remade_texture_keeps_settings(unreal, textures, tmp_path):
    modes = unreal.TextureAddress
    model = texture(
        unreal,
        "/Game/T_Grid",
        compression_settings=unreal.TextureCompressionSettings.TC_MASKS,
        filter=unreal.TextureFilter.TF_NEAREST,
        address_x=modes.TA_CLAMP,
        address_y=modes.TA_MIRROR,
        flip_green_channel=True,
    )
    file = image_file(tmp_path / "grid.png")
    wanted = textures.Import(str(file), "T_Grid_x4", textures.settings_like(model, "x"))
    made = textures.import_textures([wanted], "/Game")[0]
    for name in ("compression_settings", "srgb", "filter", "address_y", "flip_green_channel"):
        assert made.get_editor_property(name) == model.get_editor_property(name)
    # What repeats now is set to repeat.
    assert made.get_editor_property("address_x") is modes.TA_WRAP


@pytest.mark.parametrize("interchange", [True, False])
def test_assets_have_their_name_whichever_importer_is_on(unreal, textures, tmp_path, interchange):
    unreal.world.console["Interchange.FeatureFlags.Import.PNG"] = interchange
    file = image_file(tmp_path / "result 1001.png")
    made = textures.import_textures([textures.Import(str(file), "T_Wall_BC", {})], "/Game/Walls")[0]
    assert made.get_path_name() == "/Game/Walls/T_Wall_BC.T_Wall_BC"
    assert "/Game/Walls/T_Wall_BC" in unreal.world.saved
    kept = unreal.world.project / "Saved" / "Matshot" / "T_Wall_BC.png"
    assert made._source == str(kept)
    assert unreal.world.console["Interchange.FeatureFlags.Import.PNG"] is interchange
    assert kept.read_bytes() == file.read_bytes()


def test_an_import_is_whole_or_not_at_all(unreal, textures, tmp_path):
    good = image_file(tmp_path / "good.png")
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    wanted = [textures.Import(str(good), "T_Good", {}), textures.Import(str(bad), "T_Bad", {})]
    with pytest.raises(MatshotError, match="Unreal could not import T_Bad"):
        textures.import_textures(wanted, "/Game")
    assert unreal.world.objects == {}


def test_what_cannot_be_saved_is_taken_back(unreal, textures, tmp_path):
    file = image_file(tmp_path / "a.png")
    (unreal.world.project / "Content" / "Walls").write_text("a file where the folder should be")
    with pytest.raises(MatshotError, match="Cannot save T_A"):
        textures.import_textures([textures.Import(str(file), "T_A", {})], "/Game/Walls")
    assert unreal.world.objects == {}


def test_saved_folder_that_cannot_be_written(unreal, textures, tmp_path):
    file = image_file(tmp_path / "a.png")
    (unreal.world.project / "Saved").write_text("a file where the folder should be")
    with pytest.raises(MatshotError, match="Cannot write"):
        textures.import_textures([textures.Import(str(file), "T_A", {})], "/Game")


def test_export(unreal, textures, tmp_path):
    file = image_file(tmp_path / "photo.png")
    found = textures.export_texture(texture(unreal, "/Game/T_Wall_BC", file), str(tmp_path), False)
    assert found == textures.ExportedFile(str(tmp_path / "T_Wall_BC.png"), "color", "dx")
    assert np.array_equal(read_texture(found.path).pixels, read_texture(file).pixels)


def test_export_of_normals_and_data(unreal, textures, tmp_path):
    file = image_file(tmp_path / "n.png")
    normals = unreal.TextureCompressionSettings.TC_NORMALMAP
    made = texture(unreal, "/Game/T_N", file, compression_settings=normals)
    assert textures.export_texture(made, str(tmp_path), False)[1:] == ("normal", "dx")
    made.set_editor_property("flip_green_channel", True)
    assert textures.export_texture(made, str(tmp_path), False).normal == "gl"
    masks = texture(unreal, "/Game/T_M", file, compression_settings=unreal.TextureCompressionSettings.TC_MASKS)
    assert textures.export_texture(masks, str(tmp_path), False).kind == "data"


def test_photographs_leave_as_the_file_that_they_were(unreal, textures, tmp_path):
    file = image_file(tmp_path / "photo.png")
    made = texture(unreal, "/Game/T_Photo", file)
    assert textures.export_texture(made, str(tmp_path), True).path == str(file)
    file.rename(tmp_path / "moved.png")
    made._source = str(tmp_path / "moved.png")
    assert textures.export_texture(made, str(tmp_path), True).path == str(tmp_path / "T_Photo.png")


def test_floating_point_textures_leave_as_exr(unreal, textures, tmp_path):
    file = image_file(tmp_path / "sky.exr", depth="half")
    made = texture(unreal, "/Game/T_Sky", file, compression_settings=unreal.TextureCompressionSettings.TC_HDR)
    made.set_editor_property("srgb", False)
    assert textures.export_texture(made, str(tmp_path), False)[:2] == (str(tmp_path / "T_Sky.exr"), "color")


def test_textures_without_source(unreal, textures, tmp_path):
    with pytest.raises(MatshotError, match="T_Cooked has no source image"):
        textures.export_texture(texture(unreal, "/Game/T_Cooked"), str(tmp_path), False)


def test_udim_tiles_leave_as_the_files_that_they_were(unreal, textures, tmp_path):
    made = texture(unreal, "/Game/T_Tiles", image_file(tmp_path / "a.png"))
    made.set_editor_property("compression_settings", unreal.TextureCompressionSettings.TC_NORMALMAP)
    files = [str(image_file(tmp_path / f"a.{number}.png")) for number in (1001, 1012)]
    made.get_editor_property("asset_import_data")._files = files
    exported = textures.export_texture(made, str(tmp_path), False)
    assert exported == (str(tmp_path / "a.<UDIM>.png"), "normal", "dx")
    with pytest.raises(MatshotError, match="Choose a texture of one image"):
        textures.export_texture(made, str(tmp_path), True)
    (tmp_path / "a.1012.png").unlink()
    with pytest.raises(MatshotError, match="are missing or have different names"):
        textures.export_texture(made, str(tmp_path), False)


def test_udim_tiles_become_one_virtual_texture(unreal, plugin, textures, tmp_path):
    files = {number: str(image_file(tmp_path / f"b.{number}.png")) for number in (1012, 1001)}
    model = texture(unreal, "/Game/T_Model", image_file(tmp_path / "model.png"), srgb=False)
    made = textures.import_tiles(files, "T_Tiles_x4", textures.settings_like(model, "none"), "/Game")
    assert sorted(made._blocks) == [(0, 0), (1, 1)]
    assert made.get_editor_property("virtual_texture_streaming")
    assert not made.get_editor_property("srgb")
    # The tiles by themselves are gone, also when the texture cannot be made.
    assert sorted(unreal.world.objects) == ["/Game/T_Model", "/Game/T_Tiles_x4"]
    with pytest.raises(MatshotError, match="could not make a virtual texture of the 2 UDIM tiles"):
        textures.import_tiles(files, "T_Tiles_x4", {}, "/Game")
    assert sorted(unreal.world.objects) == ["/Game/T_Model", "/Game/T_Tiles_x4"]


@pytest.mark.parametrize("size", [(8, 12), (8, 16)])
def test_textures_of_any_size_have_mipmaps(unreal, textures, tmp_path, size):
    pixels = np.zeros((*size, 1), np.float32)
    file = write_texture(Texture(pixels, "data"), tmp_path / "height.png", depth="uint8")
    settings = textures.map_settings(node("height"), "dx")
    (created,) = textures.import_textures([textures.Import(str(file), "T_H", settings)], "/Game")
    assert created._has_mips()
    assert textures.size_notes(created) == []
    # One that was derived from a texture with mipmaps has them, too; a sprite without any stays as it is.
    model = texture(unreal, "/Game/T_Model", image_file(tmp_path / "model.png"))
    assert textures.settings_like(model, "none")["power_of_two_mode"].__repr__().endswith("STRETCH_TO_POWER_OF_TWO")
    sprite = texture(
        unreal, "/Game/T_Sprite", write_texture(Texture(np.zeros((9, 8, 1), np.float32)), tmp_path / "s.png")
    )
    (larger,) = textures.import_textures(
        [textures.Import(str(file), "T_S", textures.settings_like(sprite, "none"))], "/Game"
    )
    assert larger.get_editor_property("power_of_two_mode") is unreal.TexturePowerOfTwoSetting.NONE


def test_a_derived_texture_is_adjusted_streamed_and_limited_like_its_source(unreal, textures, tmp_path):
    kept = {
        "virtual_texture_streaming": True,
        "never_stream": True,
        "adjust_brightness": 0.5,
        "adjust_hue": 30.0,
        "adjust_max_alpha": 0.7,
        "max_texture_size": 4,
        "lod_bias": 1,
        "compression_no_alpha": True,
        "do_scale_mips_for_alpha_coverage": True,
    }
    model = texture(unreal, "/Game/T_Model", image_file(tmp_path / "model.png"), **kept)
    wanted = textures.Import(str(tmp_path / "model.png"), "T_New", textures.settings_like(model, "none"))
    (created,) = textures.import_textures([wanted], "/Game")
    assert {name: created.get_editor_property(name) for name in kept} == kept
    assert textures.size_notes(created) == [
        "T_New is shown with 4 px, the Maximum Texture Size of its source. Raise it in the texture's settings."
    ]


def test_photographs_in_formats_that_the_worker_cannot_read(unreal, textures, tmp_path):
    made = texture(unreal, "/Game/T_Photo", image_file(tmp_path / "pixels.png"))
    (tmp_path / "photo.psd").write_bytes(b"layers")
    made.get_editor_property("asset_import_data")._files = [str(tmp_path / "photo.psd")]
    assert textures.export_texture(made, str(tmp_path), True).path == str(tmp_path / "T_Photo.png")


def test_light_maps_are_no_textures_to_work_on(unreal, plugin, tmp_path):
    light = unreal.LightMapTexture2D()
    light._path, light._source = "/Game/L", str(image_file(tmp_path / "l.png"))
    unreal.world.objects["/Game/L"] = light
    unreal.world.selected = [light]
    editor = plugin("editor")
    assert editor.selected_textures() == []
    with pytest.raises(MatshotError, match="L does not exist or is not a texture"):
        editor.UnrealEditor(plugin("preferences").Preferences).export("/Game/L", str(tmp_path), False)


def test_the_file_of_an_asset_of_the_same_name_elsewhere_stays(unreal, textures, tmp_path):
    """Else Reimport would bring the pixels of another asset."""
    kept = []
    for number, folder in enumerate(("/Game/Walls", "/Game/Floors", "/Game/Roofs")):
        file = image_file(tmp_path / f"{number}.png", depth=("uint8", "uint16", "uint8")[number])
        (made,) = textures.import_textures([textures.Import(str(file), "T_Wall_BC", {})], folder)
        kept.append((Path(made._source), file.read_bytes()))
    assert all(path.read_bytes() == contents for path, contents in kept)
    assert len({path for path, _ in kept}) == 3
    assert {path.name for path, _ in kept} == {"T_Wall_BC.png"}
