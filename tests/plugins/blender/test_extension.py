"""The extension in the `bpy` package: installed from its zip, every operator on real images with the real worker."""

import importlib.util
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from matshot.image.reader import read_texture
from matshot.image.types import Texture
from matshot.material.folder import save_material
from matshot.material.types import Material
from matshot.shading.procedural import brick_wall
from matshot.shading.render import Camera, flash, render
from matshot.shading.surface import surface_of
from matshot_host.tools import TOOLS, tool

FINISHED = ["FINISHED"]
NO_OPERATOR = {"adjust", "convert", "preview"}


def test_it_installs_draws_its_menus_and_leaves_nothing(inside):
    found = inside("installed")
    assert found["menus"] == {
        "IMAGE_MT_editor_menus": ["MATSHOT_MT_image"],
        "VIEW3D_MT_editor_menus": ["MATSHOT_MT_material"],
        "NODE_MT_editor_menus": ["MATSHOT_MT_material"],
        "MATERIAL_MT_context_menu": ["MATSHOT_MT_material"],
    }
    assert [text for _, text in found["entries"]["MATSHOT_MT_image"]] == [
        *("Upscale...", "Multiply...", "Make Seamless...", "Style...")
    ]
    assert [text for _, text in found["entries"]["MATSHOT_MT_material"]] == [
        *("Photo to Material...", "Two-Shot Material...", "Folder to Asset Library..."),
        *("Upscale Material Textures...", "Make Material Seamless...", "Multiply Material...", "Style Material..."),
        *("Adjust Maps...", "Adjust Size and Relief", "Run Again..."),
    ]
    assert found["handler"][0].lower() == "matshot.oneshot"
    assert found["uninstalled"] == FINISHED
    assert found["left"] == []
    for name in {known.name for known in TOOLS} - NO_OPERATOR:
        kinds = found["dialogs"][f"MATSHOT_OT_{name}"]
        for parameter in tool(name).parameters:
            expected = {bool: "BOOLEAN", int: "INT", float: "FLOAT", str: "STRING"}.get(parameter.type, "INT")
            assert kinds[parameter.name] == ("ENUM" if parameter.choices else expected), (name, parameter.name)


def test_every_kind_of_image_is_upscaled_and_stays_as_it_was(inside):
    found = inside("images")
    for name in ("generated", "file", "changed", "packed", "hdr", "rough", "udim", "packed_udim"):
        one = found[name]
        assert one["answer"] == FINISHED, (name, one)
        assert one["before"] == one["after"], name
        (made,) = one["made"].values()
        assert made["size"] == [2 * side for side in one["before"]["size"]], name
        assert made["first"] == pytest.approx(one["before"]["first"], abs=2e-3), name
        assert made["tiles"] == one["before"]["tiles"]
        assert made["packed"] == max(1, len(made["tiles"]))
        assert made["path"].startswith(f"//textures/{name}_upscale"), name
        assert made["kept"]
        if name != "hdr" or found["version"][0] >= 5:
            assert made["space"] == one["before"]["space"], name
    assert found["hdr"]["before"]["first"][0] == pytest.approx(3.5)
    assert list(found["file"]["made"]) == ["file_upscale"]
    assert len(found["udim"]["before"]["tiles"]) == 3
    for name, count in (("tile", 1), ("multiply", 2), ("style", 1)):
        assert found[name]["answer"] == FINISHED
        assert len(found[name]["made"]) == count
    assert all(made["size"] == [64, 64] for made in found["multiply"]["made"].values())
    assert (found["nothing open"], found["open"]) == (False, True)
    assert found["shown"].startswith("file_upscale")


def test_photographs_become_wired_materials_whose_textures_are_replaced_in_place(inside, photographs):
    found = inside("materials", photographs=photographs)
    one = found["oneshot"]
    assert one["answer"] == FINISHED
    assert one["name"] == "flash"
    assert_wired(one)
    assert one["users"] == 1
    assert not one["kept"]
    assert found["twoshot"]["answer"] == FINISHED
    assert_wired(found["twoshot"])
    assert found["twoshot"]["kept"]
    assert found["assigned still"]
    up = found["upscaled"]
    assert up["answer"] == FINISHED
    assert up["links"] == one["links"]
    for label, image in up["images"].items():
        old = one["images"][label]
        assert image["size"] == [2 * side for side in old["size"]]
        assert image["space"] == old["space"]
        assert image["packed"] == 1
    assert found["kinds"] == {"wall": "color", "bumps": "normal"}
    tiled = found["tiled"]
    assert tiled["answer"] == FINISHED
    assert (tiled["image"]["source"], tiled["image"]["tiles"]) == ("TILED", [1001, 1002, 1011])
    assert tiled["image"]["size"] == [64, 64]
    assert tiled["normal"]["space"] == "Non-Color"
    assert tiled["normal"]["size"] == [96, 64]
    assert tiled["old"] == [True, True]


def assert_wired(found):
    links = {(source, target, socket) for source, _, target, socket in found["links"]}
    for image, socket in (("Base Color", "Base Color"), ("Roughness", "Roughness"), ("Metallic", "Metallic")):
        assert (image, "Principled BSDF", socket) in links
    assert ("Normal", "Normal Map", "Color") in links
    assert ("Normal Map", "Principled BSDF", "Normal") in links
    assert ("Principled BSDF", "Material Output", "Surface") in links
    assert any(link[1:] == ("Material Output", "Displacement") for link in links)
    assert all(("Tiling", label, "Vector") in links for label in found["images"])
    for label, image in found["images"].items():
        assert image["space"] == ("sRGB" if label == "Base Color" else "Non-Color"), label
    assert len(found["frames"]) == 1
    assert found["loose"] == []
    assert_no_overlap(found["places"])


def assert_no_overlap(places):
    """Nodes stand apart: their heights, which Blender knows only once it has drawn them, as Blender 5.2 draws them."""
    heights = {"TEX_COORD": 245, "MAPPING": 355, "NORMAL_MAP": 195, "VECT_MATH": 275, "MATH": 190, "DISPLACEMENT": 205}
    heights |= {"SEPARATE_COLOR": 165, "INVERT": 130, "TANGENT": 125, "BSDF_PRINCIPLED": 520, "OUTPUT_MATERIAL": 175}
    boxes = []
    for x, y, width, kind, hidden in places.values():
        height = 45 if hidden else heights[kind]
        boxes.append((x, x + width, y - height, y))
    for index, (left, right, bottom, top) in enumerate(boxes):
        for other in boxes[:index]:
            assert right <= other[0] or other[1] <= left or top <= other[2] or other[3] <= bottom


SIDE = 128
OFFSET = (0.15, 0.1)


def constant(value, channels=1, encoding="data"):
    return Texture(np.full((SIDE, SIDE, channels), value, np.float32), encoding, "none")


def brick():
    wall = brick_wall(SIDE)
    return {"basecolor": wall["basecolor"], "normal": wall["normal_gl"], "roughness": wall["roughness"]}


SURFACES = {
    "brick": (brick, "gl", 0.11),
    "brick_dx": (brick, "dx", 0.11),
    "brushed": (
        lambda: {
            "basecolor": constant(0.7, 3, "srgb"),
            "roughness": constant(0.45),
            "metallic": constant(1.0),
            "anisotropy": constant(0.6),
            "anisotropy_angle": constant(0.125),
        },
        "gl",
        0.07,
    ),
    "glossy": (
        lambda: {"basecolor": constant(0.7, 3, "srgb"), "roughness": constant(0.35), "specular": constant(0.2)},
        "gl",
        0.04,
    ),
}


@pytest.mark.parametrize("name", SURFACES)
def test_cycles_shows_a_material_as_our_renderer_does(inside, tmp_path, name):
    maps, convention, tolerance = SURFACES[name]
    material = Material(maps(), name=name)
    folder = tmp_path / "material"
    save_material(material, folder, convention=convention)
    picture = tmp_path / "render.exr"
    found = inside("graph", material=folder, render=picture, fov=60, side=SIDE, offset=OFFSET)
    assert_no_overlap(found["places"])
    camera = Camera(SIDE, SIDE, 60)
    ours = render(surface_of(material), camera, [flash(camera, OFFSET)])
    theirs = read_texture(picture).pixels[..., :3]
    assert theirs.mean() == pytest.approx(ours.mean(), rel=0.03)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99
    assert np.sqrt(np.mean((ours - theirs) ** 2)) < tolerance * ours.mean()


def test_packed_channels_and_displacement_are_wired(inside, tmp_path):
    orm = np.random.default_rng(0).random((32, 32, 3), np.float32)
    height = np.random.default_rng(1).random((32, 32, 1), np.float32)
    material = Material(
        {"orm": Texture(orm, "data", "none"), "height": Texture(height, "data", "none")}, height_scale=0.03
    )
    save_material(material, tmp_path / "material")
    found = inside("graph", material=tmp_path / "material")
    links = {tuple(link) for link in found["links"]}
    assert ("Separate Color", "Green", "Principled BSDF", "Roughness") in links
    assert ("Separate Color", "Blue", "Principled BSDF", "Metallic") in links
    assert ("Height", "Color", "Displacement", "Height") in links
    assert found["displacement"] == "BOTH"
    assert_no_overlap(found["places"])


def test_results_go_where_the_preferences_say(inside, photographs, tmp_path):
    found = inside("places", photographs=photographs)
    assert "not saved yet" in found["unsaved"]
    (made,) = found["folder"].values()
    assert Path(made["path"]).parent == tmp_path / "results"
    assert Path(made["path"]).is_file()
    assert "wall.png" in found["no folder"]
    (made,) = found["beside"].values()
    assert made["path"].startswith("//matshot/")
    assert made["packed"] == 0
    assert len(found["files"]) == 1
    assert all(path.startswith("//matshot/") and there for path, there in found["material"])


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for a Python without Matshot")
def test_bad_input_is_one_sentence(inside, tmp_path):
    bare = tmp_path / "bare-python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    bare.chmod(bare.stat().st_mode | stat.S_IXUSR)
    found = inside("bad_input", bare=bare)
    said = {
        "nothing": "Open an image first.",
        "no such image": "nowhere.png is neither an image nor a file.",
        "missing file": "is missing",
        "no data": "empty has no pixels",
        "tiles": "UDIM tiles",
        "one image": "is neither an image nor a file",
        "no look": "Choose the look first.",
        "no photograph": "Choose the photograph first.",
        "broken": "broken.jpg",
        "no textures": "has no image textures.",
        "no material": "Unknown material 'nowhere'.",
        "bad value": "large",
        "no python": "no-python, does not exist.",
        "test without python": "no-python, does not exist.",
        "no matshot": "has no Matshot",
        "nothing installed": "No Python with Matshot is known",
    }
    for case, words in said.items():
        assert words in found[case], (case, found[case])
        assert found[case].endswith("."), found[case]
        assert "\n" not in found[case]
        assert "Traceback" not in found[case]
    assert found["after all"] == FINISHED


def test_guides_and_masks_are_images_and_color_attributes_of_the_file(inside, tmp_path):
    found = inside("painted")
    assert found["offered"] == [
        *("data mask", "float mask", "mask", "udim", "wall"),
        *("Points (color attribute of Cube)", "Corners (color attribute of Cube)", "Ramp (color attribute of Square)"),
    ]
    assert found["searched"] == ["Ramp (color attribute of Square)"]
    # Interpolated by the UV map, and beyond it the nearest color.
    for place, red in (("20 8", 4.5 / 32), ("32 8", 16.5 / 32), ("47 8", 31.5 / 32), ("32 60", 16.5 / 32)):
        assert found["ramp"][place] == pytest.approx([red, 0.5, 0.0], abs=0.02), place
    # As displayed: half gray is stored as 0.214 in a float image of color.
    expected = {"mask": 1.0, "float mask": 0.5, "data mask": 0.214, "Ramp (color attribute of Square)": None}
    for name, value in expected.items():
        pixels = read_texture(found["written"][name], encoding="srgb").pixels
        assert pixels.shape[:2] == (64, 64), name
        if value is None:
            assert pixels[55, 32, 0] == pytest.approx(16.5 / 32, abs=0.02)
        else:
            assert pixels[:, :32, 0] == pytest.approx(np.full((64, 32), value), abs=0.003), name
            assert not pixels[:, 32:, 0].any(), name
    assert found["left"] == []
    for mask, (answer, kept, unchanged) in found["tile"].items():
        assert answer == FINISHED, (mask, answer)
        assert kept, mask
        assert not unchanged, mask
    assert found["attribute"] == FINISHED
    assert found["missing"].endswith("nowhere.png does not exist.")
    assert found["folder"].startswith("Protect must be an image, but ")
    assert found["tiles"] == "Protect must be one image, but udim has UDIM tiles."
    assert found["listing"] == 0


def test_the_list_shows_the_latest_picture_of_a_job(inside):
    found = inside("pictured")
    # What is gone, and no picture, leave the one before.
    assert found["sizes"] == [[8, 8], [32, 32], [32, 32], [32, 32]]
    assert found["left"] == [0, 0]


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_killed_worker_is_a_sentence_and_the_next_job_has_another(inside):
    found = inside("killed")
    assert "which is lost" in found["killed"]
    assert found["next"] == FINISHED
    assert found["folders"] == []
    # Blender has ended, and its worker with it.
    with pytest.raises(ProcessLookupError):
        os.kill(found["pid"], 0)


def test_the_preferences_show_what_the_test_found_and_their_look_counts(inside):
    found = inside("tested")
    assert found["answer"] == FINISHED
    assert {"python", "storage", "ask", "look", "device", "memory"} <= set(found["properties"])
    assert len(found["labels"]) > 4
    assert found["preferred"] == FINISHED


def test_wheels_of_other_versions_stay(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location(
        "blender_build", Path(__file__).parents[3] / "plugins/blender/build.py"
    )
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    monkeypatch.setattr(
        build, "_pip", lambda *given: (Path(given[3]) / "matshot-2.0-py3-none-any.whl").write_text("new")
    )
    for version in ("1.0", "2.0"):
        (tmp_path / f"matshot-{version}-py3-none-any.whl").write_text("old")
    made = build.build_wheel(tmp_path)
    assert made == tmp_path / "matshot-2.0-py3-none-any.whl"
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "matshot-1.0-py3-none-any.whl": "old",
        "matshot-2.0-py3-none-any.whl": "new",
    }
