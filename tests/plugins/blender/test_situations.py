"""What artists do in an afternoon, in one real Blender, from the drop of a photograph on."""

import json
import os
import shutil
import sys

import numpy as np
import pytest

from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.material.folder import save_material
from matshot.material.types import Material
from matshot.shading.procedural import brick_wall

FINISHED = ["FINISHED"]
MAPS = ["Ambient Occlusion (Export Only)", "Base Color", "Height", "Metallic", "Normal", "Roughness"]


def write_photograph(path, height, width):
    cells = np.random.default_rng(width).random((height // 8, width // 8, 3), np.float32)
    return str(write_texture(Texture(np.kron(cells, np.ones((8, 8, 1), np.float32)), "srgb"), path))


@pytest.fixture(scope="module")
def afternoon(inside_folder, photographs, tmp_path_factory):
    """What happened, situation by situation."""
    folder = tmp_path_factory.mktemp("afternoon")
    (folder / "home").mkdir()
    # As `matshot install` records it, so that nothing is set by hand.
    (folder / "home" / "hosts.json").write_text(json.dumps({"python": sys.executable}))
    brick = brick_wall(64)
    maps = {"basecolor": brick["basecolor"], "normal": brick["normal_gl"]}
    save_material(Material(maps, name="Brick"), folder / "assets" / "brick")
    photo = write_photograph(folder / "photo.png", 64, 64)
    shutil.copy(photo, folder / "assets" / "stone.png")
    return inside_folder(folder)(
        "situations",
        worker="",
        timeout=600,
        wide=write_photograph(folder / "wide.png", 64, 96),
        photo=photo,
        large=write_photograph(folder / "large.png", 160, 160),
        photographs=photographs,
        library=folder / "assets",
    )


def test_two_drags_and_two_clicks_make_a_wired_material(afternoon):
    """The zip and its OK, the photograph and its OK: no other value is given, and no preference was set."""
    assert afternoon["first"] == FINISHED
    links = {(source, target, socket) for source, _, target, socket in afternoon["first material"]["links"]}
    assert ("Base Color", "Principled BSDF", "Base Color") in links
    assert ("Normal Map", "Principled BSDF", "Normal") in links
    # On a machine that has other things to do, the time says nothing.
    if os.getloadavg()[0] < (os.cpu_count() or 1):
        assert sum(afternoon["seconds"]) < 15


def test_scripts_learn_what_was_made(afternoon):
    assert afternoon["first created"] == [["materials", "wide"]]


def test_a_wide_photograph_is_not_stretched(afternoon):
    # Seamless maps are a little smaller than the photograph.
    width, height = afternoon["first material"]["images"]["Base Color"]["size"]
    assert 1.4 < width / height < 1.6
    assert afternoon["aspect"] == pytest.approx([1, width / height, 1])


def test_a_photograph_that_does_not_tile_does_not_smear(afternoon):
    assert afternoon["extension"] == ["REPEAT"]


def test_relief_is_as_high_as_the_normals_say(afternoon):
    assert 0 < afternoon["relief"] < 0.2
    assert afternoon["relief label"] == "Displacement (from Normals)"


def test_size_and_relief_are_adjusted_afterwards(afternoon):
    assert afternoon["adjusted"] == pytest.approx([0.5, afternoon["aspect"][1] / 2, 1])
    assert afternoon["adjusted relief"] == pytest.approx(afternoon["relief"] / 2)


def test_a_known_width_is_the_real_size_on_the_object(afternoon):
    """A photograph of half a meter on the faces of a cube of two meters."""
    assert afternoon["real size"] == pytest.approx([4, 6, 1])


def test_a_scaled_object_shows_the_same_size_and_relief(afternoon):
    assert afternoon["scaled"] == pytest.approx([8, 12, 1])
    assert afternoon["scaled relief"] == pytest.approx(afternoon["real relief"] / 2)


def test_a_typing_error_is_told(afternoon):
    assert afternoon["typo"] == "Unknown object 'typo'. Name an object of this file."


def test_grease_pencil_keeps_its_slots(afternoon):
    assert afternoon["pencil"] == "Stroke is a Grease Pencil object and shows no surface materials."
    assert afternoon["pencil slots"] == 0


def test_an_active_camera_is_no_target(afternoon):
    assert afternoon["camera"] == FINISHED
    assert [kind for kind, _ in afternoon["camera created"]] == ["materials"]


def test_without_an_object_there_is_a_plane_in_real_size(afternoon):
    assert [kind for kind, _ in afternoon["plane created"]] == ["materials", "objects"]
    assert afternoon["plane size"] == pytest.approx([3, 2, 0])
    assert afternoon["plane scale"] == [1, 1, 1]


def test_a_mesh_without_uvs_is_unwrapped_if_wanted(afternoon):
    assert afternoon["bare False"] == FINISHED
    assert afternoon["bare True uv"] == [[0, 0], [1, 0], [1, 0.5], [0, 0.5]]


def test_the_slot_below_the_drop_gets_the_material(afternoon):
    assert afternoon["slot"] == FINISHED
    assert afternoon["slots"][1].startswith("photo")
    assert afternoon["slots"][0].startswith("wide")


def test_the_object_is_the_one_below_the_cursor(afternoon):
    assert afternoon["below"] == ["Cube", None, None, 0]


def test_flash_and_ambient_dropped_together_are_a_pair_in_any_order(afternoon):
    assert afternoon["pair"] == FINISHED
    assert afternoon["pair material"] == ["flash"]
    assert afternoon["pair history"] == "matshot.twoshot"


def test_several_photographs_are_a_material_each(afternoon):
    assert afternoon["three materials"] == ["one", "three", "two"]
    assert afternoon["three assigned"] == "one"


def test_a_material_is_marked_as_an_asset_with_its_picture(afternoon):
    assert afternoon["asset data"]
    assert min(afternoon["asset preview"]) > 32


def test_a_folder_becomes_assets(afternoon):
    assert afternoon["folder"] == FINISHED
    assert {"Brick", "stone"} <= set(afternoon["assets"])
    assert "has neither photographs nor material folders." in afternoon["empty folder"]


@pytest.mark.parametrize(
    ("tool", "size"),
    [
        ("tile_material", [64, 64]),
        ("multiply_material", [96, 64]),
        ("style_material", [96, 64]),
        ("adjust_material", [96, 64]),
        ("upscale_material", [192, 128]),
    ],
)
def test_a_whole_material_is_changed_in_place(afternoon, tool, size):
    found = afternoon[tool]
    assert found["answer"] == FINISHED
    assert found["changed"] == MAPS
    assert found["sizes"] == [size]
    assert found["spaces"] == ["Non-Color", "sRGB"]
    assert found["links"]


def test_normals_and_height_of_a_texture_node(afternoon):
    assert (afternoon["normal"], afternoon["height"]) == (FINISHED, FINISHED)
    links = {tuple(link) for link in afternoon["derived"]}
    assert ("Normal Map", "Normal", "Principled BSDF", "Normal") in links
    assert ("Displacement", "Displacement", "Material Output", "Displacement") in links
    assert ("Image Texture", "Color", "Principled BSDF", "Base Color") in links


def test_a_material_of_an_open_image(afternoon):
    assert afternoon["material"] == FINISHED
    assert afternoon["material links"] > 10


def test_local_and_linked_images_of_one_name_are_told_apart(afternoon):
    assert afternoon["of one name"] == [FINISHED, [[256, 256]]]
    assert afternoon["both"] == [[256, 256], [64, 64]]


def test_linked_data_are_refused_at_once(afternoon):
    for case in ("linked object", "linked material"):
        assert "linked from" in afternoon[case]
        assert "ake it local first" in afternoon[case]


def test_the_latest_job_is_run_again(afternoon):
    assert afternoon["again"] == FINISHED
    assert [operator for operator, _ in afternoon["listed"]] == ["matshot.upscale_material"] * 2


def test_the_sidebar_has_its_tools_in_every_editor(afternoon):
    drawn = afternoon["drawn"]
    assert drawn["tools view_3d"][0] == "matshot.oneshot"
    assert drawn["tools node_editor"].count("matshot.derive") == 3
    assert drawn["tools image_editor"][:2] == ["matshot.upscale", "matshot.tile"]
    assert all("matshot.run_again" in drawn[f"jobs {space}"] for space in ("view_3d", "image_editor", "node_editor"))


@pytest.mark.skipif(sys.platform == "win32", reason="has no signals")
def test_a_large_photograph_is_shown_as_a_draft_first(afternoon):
    assert afternoon["draft"] == [[[64, 64]], 1]
    # What was painted meanwhile stays, and so does what was adjusted.
    painted = afternoon["full"].pop("Roughness")
    assert painted == [64, 64]
    assert set(map(tuple, afternoon["full"].values())) == {(160, 160)}
    assert afternoon["full names"]
    assert afternoon["full colors"] == ["sRGB", "Non-Color"]
    assert afternoon["full scale"] == [3.0, 1.0]
    assert afternoon["review"][0] == "Material, 160 x 160 px"
    assert "160 x 160; kept what was painted on" in afternoon["full summary"]


def test_disabled_during_a_job_it_leaves_nothing(afternoon):
    """The job outlived its window before."""
    assert afternoon["outlives"]
    assert afternoon["disabled"] == [False, False]
    assert afternoon["worker"] == "ended"
