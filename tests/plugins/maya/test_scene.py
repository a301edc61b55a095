"""Selection, textures of the scene, assignment and undo."""

from __future__ import annotations

import os

import pytest

from matshot_host.errors import MatshotError
from matshot_host.graph import material_graph
from matshot_host.jobs import Result


@pytest.fixture
def scene(maya):
    from matshot_maya import scene

    return scene


@pytest.fixture
def textures(maya):
    from matshot_maya import textures

    return textures


def shown(maya, path, name="file1", space="sRGB", tiling=0):
    """A file node as an artist made it."""
    from matshot_maya import textures

    node = textures.create_file_node(name, str(path), textures.create_placement(name + "_place"))
    maya.scene.nodes[node].values.update(colorSpace=space, uvTilingMode=tiling, fileTextureName=str(path))
    return node


def wall(maya, picture):
    """A mesh with a material of three textures, and the paths of those."""
    color, normal, rough = (picture(f"tex/wall_{word}.png", 16) for word in ("color", "normal", "rough"))
    shader, group = maya.create("standardSurface", "wallMat"), maya.create("shadingEngine", "wallSG")
    links = maya.scene.connections
    links[group + ".surfaceShader"] = shader + ".outColor"
    links[shader + ".baseColor"] = shown(maya, color, "colorFile") + ".outColor"
    links[shader + ".specularRoughness"] = shown(maya, rough, "roughFile", "Raw") + ".outColorR"
    bump = maya.create("bump2d", "wallBump")
    maya.scene.nodes[bump].values["bumpInterp"] = 1
    links[bump + ".bumpValue"] = shown(maya, normal, "normalFile", "Raw") + ".outAlpha"
    links[shader + ".normalCamera"] = bump + ".outNormal"
    maya.mesh("wall", group)
    return color, normal, rough


def found(scene):
    return {os.path.basename(one.path): (one.kind, one.normal) for one in scene.selected_textures()}


WALL = {"wall_color.png": ("color", "auto"), "wall_normal.png": ("normal", "auto"), "wall_rough.png": ("auto", "auto")}


@pytest.mark.parametrize("selection", ["wall", "wallShape", "wallMat", "wallSG", "wall.f[0:3]"])
def test_textures_are_found_from_whatever_is_selected(maya, scene, picture, selection):
    wall(maya, picture)
    maya.scene.selection = [selection]
    assert found(scene) == WALL


@pytest.mark.parametrize(
    ("name", "space", "kind", "plug", "expected"),
    [
        ("a.png", "Raw", "aiNormalMap", "input", "normal"),
        ("a.png", "Raw", "PxrNormalMap", "inputRGB", "normal"),
        ("a.png", "Raw", "RedshiftBumpMap", "input", "normal"),
        # Names tell more than color spaces and connections do.
        ("brick_normal.png", "sRGB", "standardSurface", "baseColor", "auto"),
        ("brick_normal.png", "Raw", "standardSurface", "baseColor", "auto"),
        # A texture that reaches something else than a color may hold anything.
        ("a.png", "sRGB", "aiNormalMap", "input", "normal"),
        ("a.png", "sRGB", "place2dTexture", "vertexCameraOne", "auto"),
        ("a.png", "sRGB", "standardSurface", "baseColor", "color"),
    ],
)
def test_what_a_file_holds(start, picture, name, space, kind, plug, expected):
    maya = start(arnold=True, renderers=("redshift", "renderman"))
    from matshot_maya import scene

    user = maya.create(kind, "user1")
    if kind == "RedshiftBumpMap":
        maya.scene.nodes[user].values["inputType"] = 1
    maya.scene.connections[f"{user}.{plug}"] = shown(maya, picture(name, 16), "f", space) + ".outColor"
    maya.scene.selection = ["f"]
    assert [one[0] for one in found(scene).values()] == [expected]


def test_heights_in_a_redshift_bump_are_no_normals(start, picture):
    maya = start(renderers=("redshift",))
    from matshot_maya import scene

    bump = maya.create("RedshiftBumpMap", "bump1")
    maya.scene.nodes[bump].values["inputType"] = 0
    maya.scene.connections[bump + ".input"] = shown(maya, picture("a.png", 16), "f", "Raw") + ".outColor"
    maya.scene.selection = ["f"]
    assert found(scene) == {"a.png": ("data", "auto")}


def test_what_v_ray_reads_as_normals(start, picture):
    maya = start(renderers=("vray",))
    from matshot_maya import scene

    shader = maya.create("VRayMtl", "shader1")
    maya.scene.connections[shader + ".bumpMap"] = shown(maya, picture("a.png", 16), "f", "Raw") + ".outColor"
    maya.scene.connections[shader + ".diffuseColor"] = shown(maya, picture("b.png", 16), "g") + ".outColor"
    maya.scene.selection = ["f", "g"]
    assert found(scene) == {"a.png": ("data", "auto"), "b.png": ("color", "auto")}
    maya.scene.nodes[shader].values["bumpMapType"] = 1
    assert found(scene) == {"a.png": ("normal", "auto"), "b.png": ("color", "auto")}


def test_sequences_are_refused(maya, scene, picture):
    maya.scene.nodes[shown(maya, picture("a.1001.png", 16))].values["useFrameExtension"] = True
    maya.scene.selection = ["file1"]
    with pytest.raises(MatshotError, match="file1 is an image sequence"):
        scene.selected_textures()


def test_paths_in_the_project_are_relative_to_it(maya, textures, picture):
    inside, outside = picture("project/sourceimages/matshot/a.png", 16), picture("elsewhere/a.png", 16)
    assert maya.get(shown(maya, inside, "f") + ".fileTextureName") == str(inside)
    for path, expected in ((inside, "sourceimages/matshot/a.png"), (outside, str(outside))):
        node = textures.create_file_node("g", str(path), textures.create_placement("p"))
        assert maya.get(node + ".fileTextureName") == expected


def test_every_instance_gets_the_material(maya, scene):
    wall, other = maya.mesh("wall"), maya.create("transform", "copy")
    maya.instance("wallShape", other)
    maya.scene.selection = [wall]
    (member,) = scene.selected_members()
    assert member.node.names() == ["|wall|wallShape", "|copy|wallShape"]
    group = maya.create("shadingEngine", "newSG")
    assert scene.assign(group, [member]) == 2
    assert maya.scene.members["wallShape"] == group


def test_shapes_that_displace_are_subdivided(start, material_folder):
    maya = start(arnold=True)
    from matshot_maya import results, scene

    maya.scene.selection = [maya.mesh("wall"), maya.mesh("floor")]
    maya.scene.nodes["floorShape"].values["aiSubdivType"] = 2
    folder = str(material_folder("basecolor", "height", height_scale=0.02))
    results.import_material(folder, "standardSurface", scene.selected_members())
    assert (maya.get("wallShape.aiSubdivType"), maya.get("wallShape.aiSubdivIterations")) == (1, 3)
    assert (maya.get("floorShape.aiSubdivType"), maya.get("floorShape.aiSubdivIterations")) == (2, 1)


def test_shapes_are_subdivided_for_other_renderers(start, material_folder):
    maya = start(renderers=("redshift", "renderman"))
    from matshot_maya import results, scene

    maya.scene.selection = [maya.mesh("wall"), maya.mesh("floor")]
    maya.scene.nodes["floorShape"].values["rsMaxDisplacement"] = 9.0
    folder = str(material_folder("basecolor", "height", height_scale=0.08))
    results.import_material(folder, "RedshiftStandardMaterial", scene.selected_members())
    for shape, longest in (("wallShape", 4.0), ("floorShape", 9.0)):
        assert maya.get(shape + ".rsEnableSubdivision")
        assert maya.get(shape + ".rsEnableDisplacement")
        assert maya.get(shape + ".rman_subdivScheme") == 1
        # Centimeters: half of the height moves out.
        assert maya.get(shape + ".rsMaxDisplacement") == longest


def test_textures_of_a_whole_group_of_meshes(maya, scene, picture):
    wall(maya, picture)
    house = maya.create("transform", "house")
    maya.scene.nodes["wall"].parent = house
    maya.scene.selection = [house]
    assert found(scene) == WALL


def test_only_the_selected_file_nodes_if_those_are_selected(maya, scene, picture):
    wall(maya, picture)
    maya.scene.selection = ["roughFile"]
    assert found(scene) == {"wall_rough.png": ("auto", "auto")}
    assert [one.path for one in scene.selected_files()] == [one.path for one in scene.selected_textures()]


def test_displacement_and_what_hangs_on_the_group_are_found_too(maya, scene, material_folder):
    from matshot_maya import network

    network.build(material_graph(str(material_folder("basecolor", "height", "ao"))), "standardSurface")
    maya.scene.selection = ["Old_WallSG"]
    assert set(found(scene)) == {"basecolor.png", "height.png", "ao.png"}


def test_nothing_selected_is_said(maya, scene):
    with pytest.raises(MatshotError, match="Nothing is selected"):
        scene.selected_textures()


def test_material_without_textures_is_said(maya, scene):
    maya.mesh("cube")
    maya.scene.selection = ["cube"]
    with pytest.raises(MatshotError, match="no file textures"):
        scene.selected_textures()


def test_other_tile_numbering_is_said(maya, scene, picture):
    shown(maya, picture("a.1001.png", 16), tiling=2)
    maya.scene.selection = ["file1"]
    with pytest.raises(MatshotError, match="other than UDIM"):
        scene.selected_textures()


def test_path_in_the_project_is_made_absolute(maya, scene, picture):
    picture("project/sourceimages/a.png", 16)
    shown(maya, "sourceimages/a.png")
    maya.scene.selection = ["file1"]
    (texture,) = scene.selected_textures()
    assert texture.path == os.path.join(maya.project, "sourceimages", "a.png")


def test_turned_green_is_directx(start, picture):
    maya = start(arnold=True)
    from matshot_maya import scene

    wall(maya, picture)
    maya.scene.selection = ["wall"]
    bump = maya.scene.nodes["wallBump"]
    assert found(scene)["wall_normal.png"] == ("normal", "dx")
    bump.values["aiFlipG"] = False
    assert found(scene)["wall_normal.png"] == ("normal", "auto")
    maya.scene.nodes["normalFile"].values["colorGain"] = (1.0, -1.0, 1.0)
    assert found(scene)["wall_normal.png"] == ("normal", "dx")


def test_replacing_keeps_color_space_tiling_and_everything_else(maya, textures, scene, picture):
    picture("old.1001.exr", 16), picture("old.1002.exr", 16)
    new = [picture(f"new/old.{tile}.png", 16) for tile in (1001, 1002)]
    shown(maya, new[0].parents[1] / "old.1001.exr", space="Raw", tiling=3)
    node = maya.scene.nodes["file1"]
    node.values.update(alphaGain=2.0)
    maya.scene.selection = ["file1"]
    (texture,) = scene.selected_textures()
    assert texture.path.endswith("old.<UDIM>.exr")
    assert not textures.is_missing(texture.path)
    before = dict(node.values)
    assert textures.replace(texture, str(new[0])) == 1
    assert maya.get("file1.fileTextureName") == str(new[0])
    # The rules would have made it sRGB.
    assert (maya.get("file1.colorSpace"), maya.get("file1.uvTilingMode")) == ("Raw", 3)
    changed = {name for name in node.values if node.values[name] != before.get(name)}
    assert changed == {"fileTextureName", "ignoreColorSpaceFileRules"}


def test_renamed_nodes_are_found_and_deleted_ones_are_counted_out(maya, textures, scene, picture):
    path = picture("a.png", 16)
    shown(maya, path), shown(maya, path, "file2")
    maya.scene.selection = ["file1", "file2"]
    (texture,) = scene.selected_textures()
    assert len(texture.nodes) == 2
    maya.rename("file1", "brick")
    del maya.scene.nodes["file2"]
    assert textures.replace(texture, "/b.png") == 1
    assert maya.get("brick.fileTextureName") == "/b.png"


def test_tiles_are_recognised_as_their_texture(textures):
    tiled = textures.Texture(os.path.join(os.sep, "a", "b.<UDIM>.png"), (), "color", "auto")
    assert textures.is_source(tiled, "/a/b.1011.png")
    assert textures.is_source(tiled, "/a/b.<UDIM>.png")
    assert not textures.is_source(tiled, "/a/b.2011.png")
    assert not textures.is_source(tiled, "/a/c.1011.png")


def test_material_goes_to_what_was_selected_then_even_renamed(maya, scene, material_folder):
    from matshot_maya import network

    maya.mesh("wall"), maya.mesh("floor"), maya.mesh("other")
    maya.scene.selection = ["wall", "floor.f[0:2]", "lambert1"]
    members = scene.selected_members()
    maya.scene.selection = []
    maya.rename("wallShape", "renamedShape")
    group = network.build(material_graph(str(material_folder("basecolor"))), "standardSurface").group
    assert scene.assign(group, members) == 2
    assert maya.scene.members["renamedShape"] == group
    assert maya.scene.members["floorShape.f[0:2]"] == group
    assert maya.scene.members["otherShape"] == "initialShadingGroup"


def test_copies_of_a_referenced_file_share_uuids_and_are_told_apart(maya, scene, textures, picture, material_folder):
    from matshot_maya import network

    for name in ("first", "second"):
        maya.mesh(name)
        shown(maya, picture(f"{name}.png", 16), f"{name}File")
    for kind in ("Shape", "File"):
        maya.scene.nodes[f"second{kind}"].uuid = maya.scene.nodes[f"first{kind}"].uuid
    maya.scene.selection = ["second", "secondFile"]
    members, (texture,) = scene.selected_members(), scene.selected_files()
    group = network.build(material_graph(str(material_folder("basecolor"))), "standardSurface").group
    assert scene.assign(group, members) == 1
    assert maya.scene.members["firstShape"] == "initialShadingGroup"
    assert textures.replace(texture, "/new.png") == 1
    assert maya.get("firstFile.fileTextureName") != "/new.png"


def result(path, source="", kind="image"):
    return Result(kind, str(path), "", 8, 8, "xy", str(source), ())


@pytest.fixture
def plan(maya, scene):
    from matshot_maya.results import Plan

    def make(destination="selection", inputs=()):
        textures = scene.selected_textures() if destination == "selection" and maya.scene.selection else []
        return Plan("Upscale", destination, "standardSurface", scene.selected_members(), tuple(textures), tuple(inputs))

    return make


def test_whole_material_is_replaced_in_one_step_of_undo(maya, plan, picture):
    from matshot_maya import results

    paths = wall(maya, picture)
    maya.scene.selection = ["wall"]
    steps, nodes = len(maya.undone), len(maya.scene.nodes)
    made = [result(path.with_name("big_" + path.name), path) for path in paths]
    assert results.apply(made, plan()) == []
    assert maya.get("normalFile.fileTextureName").endswith("/big_wall_normal.png")
    assert len(maya.undone) == steps + 1
    assert len(maya.scene.nodes) == nodes
    from maya import cmds

    cmds.undo()
    assert maya.get("normalFile.fileTextureName") == str(paths[1])


def test_of_several_results_of_one_texture_the_others_get_nodes(maya, plan, picture):
    from matshot_maya import results

    path = picture("a.png", 16)
    shown(maya, path, space="Raw")
    maya.scene.selection = ["file1"]
    assert results.apply([result("/m/x.png"), result("/m/y.png")], plan(inputs=(str(path),))) == []
    assert {maya.get(node + ".fileTextureName") for node in maya.of_kind("file")} == {"/m/x.png", "/m/y.png"}
    assert maya.get("file1.fileTextureName") == "/m/x.png"
    assert {maya.get(node + ".colorSpace") for node in maya.of_kind("file")} == {"Raw"}


def test_tiles_come_back_as_tiles(maya, plan, picture):
    from matshot_maya import results

    old = [picture(f"old.{tile}.png", 16) for tile in (1001, 1002)]
    new = [picture(f"new/old.{tile}.png", 16) for tile in (1001, 1002)]
    shown(maya, old[0], tiling=3)
    maya.scene.selection = ["file1"]
    made = [result(path, source) for path, source in zip(reversed(new), reversed(old), strict=True)]
    assert results.apply(made, plan()) == []
    assert maya.of_kind("file") == ["file1"]
    assert maya.get("file1.fileTextureName") == str(new[0])
    assert maya.get("file1.uvTilingMode") == 3


@pytest.mark.parametrize(("destination", "count"), [("files", 0), ("nodes", 1)])
def test_scene_gets_no_more_than_asked_for(maya, plan, destination, count):
    from matshot_maya import results

    maya.mesh("wall")
    maya.scene.selection = ["wall"]
    assert results.apply([result("/m/3 bricks.png")], plan(destination)) == []
    assert len(maya.of_kind("file")) == count


def test_nothing_selected_leaves_the_material_unassigned_and_says_so(maya, plan, material_folder):
    from matshot_maya import results

    notes = results.apply([result(material_folder("basecolor"), kind="material")], plan())
    assert notes == ["Nothing was selected, so Old_Wall is not assigned."]


def test_selection_that_is_gone_is_said(maya, plan, material_folder):
    from matshot_maya import results

    maya.mesh("wall")
    maya.scene.selection = ["wall"]
    from matshot_maya.results import Plan
    from matshot_maya.scene import selected_members

    wanted = Plan("Two-Shot", "selection", "standardSurface", selected_members(), (), ())
    for name in ("wall", "wallShape"):
        del maya.scene.nodes[name]
    notes = results.apply([result(material_folder("basecolor"), kind="material")], wanted)
    assert notes == ["The selected objects no longer exist, so Old_Wall is not assigned."]


def test_arnold_is_told_of_cut_out_shapes(start, material_folder):
    maya = start(arnold=True)
    from matshot_maya import results, scene

    maya.mesh("leaf")
    maya.scene.selection = ["leaf"]
    results.import_material(str(material_folder("basecolor", "opacity")), "aiStandardSurface", scene.selected_members())
    assert maya.get("leafShape.aiOpaque") is False


def test_discarding_removes_what_was_made_and_nothing_else(maya, material_folder, picture):
    from matshot_maya import results

    folder, image, other = material_folder("basecolor"), picture("a.png", 16), picture("b.png", 16)
    results.discard([result(folder, kind="material"), result(image), result("/not/there.png")])
    assert not folder.exists()
    assert not image.exists()
    assert other.exists()


def test_discarding_leaves_what_an_artist_put_into_a_material(maya, material_folder):
    from matshot_maya import results

    folder = material_folder("basecolor", "roughness")
    for name in ("notes.txt", "preview.png", "material.mtlx"):
        (folder / name).write_text("mine")
    results.discard([result(folder, kind="material")])
    assert {path.name for path in folder.iterdir()} == {"notes.txt", "preview.png", "material.mtlx"}


def test_discarding_leaves_a_map_that_an_artist_repainted(maya, tmp_path):
    from matshot_maya import results

    import matshot
    from matshot.shading.procedural import brick_material

    folder = matshot.save_material(brick_material(16), tmp_path / "wall")
    (folder / "roughness.png").write_bytes(b"repainted")
    results.discard([result(folder, kind="material")])
    assert {path.name for path in folder.iterdir()} == {"roughness.png"}
