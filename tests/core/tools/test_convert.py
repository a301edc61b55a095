"""The convert tool, pixel by pixel as other programs read its files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from matshot.errors import Cancelled, MatshotError
from matshot.image.types import FileSource, Texture
from matshot.material.folder import load_material, save_material
from matshot.material.record import RECORD
from matshot.material.types import Material, pack_orm
from matshot.tools.convert import ConvertOptions, convert, save_converted
from matshot_host.description import PREVIEW
from matshot_host.graph import ROUGHNESS, material_graph

RNG = np.random.default_rng(0)


def plane(channels=1, encoding="data", size=(6, 8), values=None, source=None):
    pixels = RNG.random((*size, channels)) if values is None else np.full((*size, channels), values)
    pixels = pixels.astype(np.float32)
    if encoding == "normal":
        pixels = pixels * 2 - 1
        pixels[..., 2] = 1
        pixels /= np.linalg.norm(pixels, axis=2, keepdims=True)
    return Texture(pixels, encoding, "xy", source)


def wall(**more):
    kinds = {
        "basecolor": plane(3, "srgb"), "normal": plane(3, "normal"), "roughness": plane(),
        "metallic": plane(), "ao": plane(), "height": plane(),
    }  # fmt: skip
    return Material(kinds, name="wall", physical_size=(1.0, 0.75), height_scale=0.01, **more)


def stored(file):
    """What a file holds, as another library hands it out: integers or floats, ``H x W x C``."""
    image = oiio.ImageBuf(str(file))
    return np.asarray(image.get_pixels(image.spec().format)).reshape(image.spec().height, image.spec().width, -1)


def saved(material, folder, **options):
    chosen = ConvertOptions(**options)
    return save_converted(convert(material, chosen), folder, chosen)


def matshot(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "matshot", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


# Normals.


def test_the_green_of_normals_is_turned(tmp_path):
    opengl = saved(wall(), tmp_path / "gl")
    directx = saved(load_material(opengl), tmp_path / "dx", normal="dx")
    up, down = stored(opengl / "normal_gl.png"), stored(directx / "normal_dx.png")
    assert up.dtype == np.uint16
    assert np.array_equal(up[..., [0, 2]], down[..., [0, 2]])
    assert np.abs(up[..., 1].astype(int) + down[..., 1] - 65535).max() <= 1
    assert not (directx / "normal_gl.png").exists()
    node = next(node for node in material_graph(str(directx)).nodes if hasattr(node, "convention"))
    assert node.convention == "dx"
    back = saved(load_material(directx), tmp_path / "back")
    assert np.array_equal(stored(back / "normal_gl.png"), up)


# Packing.


def test_packed_are_occlusion_roughness_and_metallic_in_that_order(tmp_path):
    apart = saved(wall(), tmp_path / "apart")
    packed = saved(load_material(apart), tmp_path / "packed", pack="orm")
    assert {file.stem for file in packed.glob("*.png")} == {"basecolor", "normal_gl", "height", "orm", "preview"}
    orm = stored(packed / "orm.png")
    for channel, kind in enumerate(("ao", "roughness", "metallic")):
        assert np.array_equal(orm[..., channel], stored(apart / f"{kind}.png")[..., 0])
    again = saved(load_material(packed), tmp_path / "again")
    for kind in ("ao", "roughness", "metallic", "basecolor", "height"):
        assert np.array_equal(stored(again / f"{kind}.png"), stored(apart / f"{kind}.png"))
    assert not (again / "orm.png").exists()


def test_packing_what_is_packed_changes_nothing_and_separate_maps_win():
    material = wall()
    packed = Material({"orm": pack_orm(material), "basecolor": material.maps["basecolor"]})
    same = convert(packed, ConvertOptions(pack="orm"))
    assert set(same.maps) == {"orm", "basecolor"}
    assert np.array_equal(same.maps["orm"].pixels, packed.maps["orm"].pixels)
    rougher = packed.with_maps({**packed.maps, "roughness": plane(values=0.9)})
    orm = convert(rougher, ConvertOptions(pack="orm")).maps["orm"].pixels
    np.testing.assert_allclose(orm[..., 1], 0.9)
    assert np.array_equal(orm[..., 2], packed.maps["orm"].pixels[..., 2])


def test_gloss_is_packed_as_roughness():
    made = convert(Material({"gloss": plane(values=0.25)}), ConvertOptions(pack="orm"))
    assert set(made.maps) == {"orm"}
    np.testing.assert_allclose(made.maps["orm"].pixels[0, 0], [1, 0.75, 0])


def test_missing_maps_are_packed_as_shaders_take_them():
    made = convert(Material({"metallic": plane(values=1.0)}), ConvertOptions(pack="orm"))
    np.testing.assert_allclose(made.maps["orm"].pixels[0, 0], [1, ROUGHNESS, 1])


def test_without_anything_to_pack_nothing_is_packed():
    assert set(convert(Material({"basecolor": plane(3, "srgb")}), ConvertOptions(pack="orm")).maps) == {"basecolor"}


# Format and depth.


def without_record(folder):
    for name in RECORD:
        (folder / name).unlink()


def test_same_keeps_format_and_depth_of_each_map(tmp_path):
    source = tmp_path / "mixed"
    save_material(Material({"basecolor": plane(3, "srgb")}), source, suffix=".tga")
    save_material(Material({"height": plane()}), source, suffix=".exr", depth="float")
    without_record(source)
    save_material(Material({"roughness": plane()}), source, suffix=".tif", depth="uint16")
    without_record(source)
    made = saved(load_material(source), tmp_path / "out")
    names = {file.name: stored(file) for file in made.iterdir() if file.suffix in (".tga", ".exr", ".tif")}
    assert {name: str(pixels.dtype) for name, pixels in names.items()} == {
        "basecolor.tga": "uint8", "height.exr": "float32", "roughness.tif": "uint16",
    }  # fmt: skip
    for name, pixels in names.items():
        assert np.array_equal(pixels, stored(source / name))


def test_what_cannot_be_written_becomes_png(tmp_path):
    dds = plane(3, "srgb", source=FileSource(Path("wall.dds"), "uint8"))
    assert (saved(Material({"basecolor": dds}), tmp_path) / "basecolor.png").is_file()


@pytest.mark.parametrize(
    ("suffix", "depth", "dtype"),
    [
        ("png", "same", "uint8"),
        ("png", "uint16", "uint16"),
        ("png", "float", "uint16"),
        ("tif", "float", "float32"),
        ("tif", "half", "float16"),
        ("exr", "same", "float16"),
        ("tga", "uint16", "uint8"),
        ("jpg", "same", "uint8"),
    ],
)
def test_formats_hold_the_closest_depth(tmp_path, suffix, depth, dtype):
    made = saved(wall(), tmp_path, format=suffix, depth=depth)
    assert str(stored(made / f"roughness.{suffix}").dtype) == dtype
    assert set(load_material(made).maps) == set(wall().maps)


def test_colours_stay_the_colours_they_are(tmp_path):
    material = Material({"basecolor": plane(3, "srgb", values=0.5)})
    linear = saved(material, tmp_path / "exr", format="exr", depth="float")
    np.testing.assert_allclose(stored(linear / "basecolor.exr"), 0.21404, atol=1e-4)
    assert material_graph(str(linear)).node("basecolor").encoding == "linear"
    back = saved(load_material(linear), tmp_path / "png", format="png", depth="uint8")
    assert (stored(back / "basecolor.png") == 128).all()
    assert material_graph(str(back)).node("basecolor").encoding == "srgb"


# Size.


def test_size_bounds_the_longer_side_and_never_enlarges(tmp_path):
    small = convert(wall(), ConvertOptions(size=4))
    assert (small.width, small.height, small.wrap) == (4, 3, "xy")
    assert (small.physical_size, small.height_scale) == ((1.0, 0.75), 0.01)
    lengths = np.linalg.norm(small.maps["normal"].pixels, axis=2)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)
    assert convert(wall(), ConvertOptions(size=4096)).width == 8


# What is recorded, and the folder.


def test_how_it_was_made_and_converted_is_recorded(tmp_path):
    material = wall(parameters={"tool": "oneshot", "seed": 3})
    made = saved(material, tmp_path / "out", normal="dx", pack="orm")
    recorded = json.loads((made / "material.json").read_text())["parameters"]
    assert recorded["tool"] == "oneshot"
    form = {"normal": "dx", "source_normal": "auto", "pack": "orm", "size": 0, "format": "same", "depth": "same"}
    assert recorded["converted"] == {**form, "compression": "best", "scene": "none", "template": ""}
    assert (made / PREVIEW).is_file()


def test_progress_is_told_and_can_cancel():
    told = []
    convert(wall(), ConvertOptions(size=4), progress=lambda fraction, stage: told.append((fraction, stage)))
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    assert told[-1][0] == 1.0

    def cancel(fraction, stage):
        raise Cancelled

    with pytest.raises(Cancelled):
        convert(wall(), progress=cancel)


def test_what_is_converted_stays_as_it_was():
    material = wall()
    before = {kind: texture.pixels.copy() for kind, texture in material.maps.items()}
    convert(material, ConvertOptions(pack="orm", size=4))
    assert all(np.array_equal(material.maps[kind].pixels, pixels) for kind, pixels in before.items())


# What is refused.


@pytest.mark.parametrize(
    "options",
    [{"normal": "up"}, {"pack": "rma"}, {"size": -1}, {"size": 40000}, {"format": "psd"}, {"depth": "uint32"}],
)
def test_options_that_do_not_exist_are_one_sentence(options):
    with pytest.raises(MatshotError) as caught:
        ConvertOptions(**options)
    assert "\n" not in caught.value.sentence


def test_maps_that_do_not_fit_the_format_leave_nothing(tmp_path):
    leaf = Material({"basecolor": plane(4, "srgb"), "roughness": plane()})
    with pytest.raises(MatshotError, match="no alpha channel"):
        saved(leaf, tmp_path / "out", format="jpg")
    assert list(tmp_path.iterdir()) == []


# The command.


def test_the_command_converts_a_folder(tmp_path):
    source = save_material(wall(), tmp_path / "wall")
    done = matshot("convert", source, "-o", tmp_path / "ue", "--normal", "dx", "--pack", "orm", "--size", "4", "--json")
    assert done.returncode == 0, done.stderr
    event = json.loads(done.stdout.splitlines()[-1])
    assert (event["event"], event["width"], event["height"]) == ("done", 4, 3)
    assert event["maps"] == ["basecolor", "height", "normal", "orm"]
    assert load_material(tmp_path / "ue").name == "wall"


def test_the_command_says_what_is_wrong_in_one_sentence(tmp_path):
    source = save_material(wall(), tmp_path / "wall")
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    damaged = save_material(wall(), tmp_path / "damaged")
    (damaged / "roughness.png").write_bytes(b"no picture")
    missing = save_material(wall(), tmp_path / "missing")
    (missing / "height.png").unlink()
    for arguments, said in (
        ((source, "-o", source), "would overwrite itself"),
        ((source, "-o", tmp_path / "file"), "is a file"),
        ((tmp_path / "nowhere", "-o", tmp_path / "out"), "does not exist"),
        ((tmp_path / "empty", "-o", tmp_path / "out"), "is not a material folder"),
        ((damaged, "-o", tmp_path / "out"), "roughness.png"),
        ((missing, "-o", tmp_path / "out"), "height.png, which is not there"),
        ((source, "-o", tmp_path / "out", "--format", "psd"), "Unknown --format 'psd'"),
    ):
        done = matshot("convert", *arguments)
        assert done.returncode == 1, arguments
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
