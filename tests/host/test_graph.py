"""The host-neutral graph of a material: which map goes where, from its description alone."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import matshot_host
from matshot.image.types import FileSource, Texture
from matshot.material.folder import save_material
from matshot.material.types import MAP_KINDS, Material
from matshot_host.description import DESCRIPTION, MAP_LABELS
from matshot_host.errors import MatshotError
from matshot_host.graph import (
    Anisotropy,
    Channel,
    Displacement,
    Image,
    Invert,
    Ior,
    Mapping,
    NormalMap,
    Turn,
    graph_of,
    material_graph,
)

SURFACE = {
    "base_color", "base_metalness", "specular_roughness", "specular_ior", "specular_roughness_anisotropy",
    "geometry_normal", "geometry_tangent", "geometry_opacity", "emission_color", "emission_luminance",
}  # fmt: skip


def described(*kinds, **more):
    """A description with these maps; ``said`` adds to what it says of one."""
    said = more.pop("said", {})
    return {"maps": {kind: {"file": f"{kind}.png", **said.get(kind, {})} for kind in kinds}, **more}


def graph(*kinds, tiling=(1.0, 1.0), **more):
    return graph_of(described(*kinds, **more), "wall", tiling)


def folder_with(path, *kinds, **more):
    path.mkdir(exist_ok=True)
    for kind in kinds:
        (path / f"{kind}.png").write_bytes(b"")
    (path / DESCRIPTION).write_text(json.dumps(described(*kinds, **more)), encoding="utf-8")
    return path


def sources_of(node):
    return [node.source] if hasattr(node, "source") else []


def used(made):
    """Names of all nodes that something uses."""
    names = [source for node in made.nodes for source in sources_of(node)]
    names += [given for given in made.surface.values() if isinstance(given, str)]
    names += [made.displacement.source] if made.displacement else []
    return {*names, *([made.occlusion] if made.occlusion else [])}


# Every kind of map.


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("basecolor", "base_color"),
        ("metallic", "base_metalness"),
        ("roughness", "specular_roughness"),
        ("opacity", "geometry_opacity"),
        ("emission", "emission_color"),
    ],
)
def test_maps_that_the_surface_takes_as_they_are(kind, given):
    made = graph(kind)
    assert made.surface[given] == kind
    (image,) = made.nodes
    assert isinstance(image, Image)
    assert (image.name, image.file) == (kind, str(Path("wall").absolute() / f"{kind}.png"))
    assert image.channels == (3 if kind in ("basecolor", "emission") else 1)
    assert image.label == MAP_LABELS[kind]


def test_what_no_map_says_is_left_to_the_shader_but_roughness():
    assert graph("basecolor").surface == {"base_color": "basecolor", "specular_roughness": 0.6}
    assert graph("emission").surface["emission_luminance"] == 1.0


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("convention", ["gl", "dx"])
def test_normals_say_how_they_are_stored(convention, signed):
    made = graph("normal", said={"normal": {"convention": convention, "signed": signed}})
    node = made.node(made.surface["geometry_normal"])
    assert isinstance(node, NormalMap)
    assert (node.source, node.convention, node.signed) == ("normal", convention, signed)
    assert (made.node("normal").encoding, made.node("normal").channels) == ("data", 3)


def test_older_descriptions_mean_opengl_in_zero_to_one():
    node = next(node for node in graph("normal").nodes if isinstance(node, NormalMap))
    assert (node.convention, node.signed) == ("gl", False)


def test_specular_becomes_an_index_of_refraction():
    made = graph("specular")
    assert made.node(made.surface["specular_ior"]) == Ior("specular_ior", "specular")


def test_anisotropy_and_its_direction():
    made = graph("anisotropy", "anisotropy_angle")
    assert made.node(made.surface["specular_roughness_anisotropy"]) == Anisotropy("anisotropy_ratio", "anisotropy")
    assert made.node(made.surface["geometry_tangent"]) == Turn("anisotropy_tangent", "anisotropy_angle")
    assert graph("anisotropy_angle").nodes == ()


def test_height_displaces_around_the_middle():
    assert graph("height", height_scale=0.02).displacement == Displacement("height", 0.02, 0.5)
    assert graph("height").displacement == Displacement("height", None, 0.5)
    assert graph("basecolor").displacement is None


def test_occlusion_is_given_out():
    assert graph("ao").occlusion == "ao"
    assert graph("basecolor").occlusion == ""


# Packed maps and gloss.


def test_a_packed_map_is_taken_apart():
    made = graph("orm")
    assert made.node("orm").channels == 3
    assert {node for node in made.nodes if isinstance(node, Channel)} == {
        Channel("ao", "orm", 0),
        Channel("roughness", "orm", 1),
        Channel("metallic", "orm", 2),
    }
    assert (made.surface["specular_roughness"], made.surface["base_metalness"]) == ("roughness", "metallic")
    assert made.occlusion == "ao"


def test_separate_maps_win_over_packed_ones():
    made = graph("orm", "roughness")
    assert isinstance(made.node("roughness"), Image)
    assert isinstance(made.node("metallic"), Channel)
    assert "orm" not in {image.name for image in graph("orm", "roughness", "metallic", "ao").images()}


def test_gloss_is_turned_round_but_roughness_wins():
    made = graph("gloss")
    assert made.node(made.surface["specular_roughness"]) == Invert("roughness", "gloss")
    assert [image.name for image in graph("gloss", "roughness").images()] == ["roughness"]
    assert isinstance(graph("gloss", "orm").node("roughness"), Channel)


# Colours.


@pytest.mark.parametrize(
    ("file", "said", "encoding", "colorspace"),
    [
        ("a.png", {}, "srgb", ""),
        ("a.EXR", {}, "linear", ""),
        ("a.hdr", {}, "linear", ""),
        ("a.exr", {"colorspace": "srgb"}, "srgb", ""),
        ("a.tif", {"colorspace": "linear"}, "linear", ""),
        ("a.exr", {"colorspace": "ACEScg"}, "linear", "ACEScg"),
        ("a.png", {"colorspace": "sRGB - Display"}, "srgb", "sRGB - Display"),
    ],
)
def test_colours_as_their_files_hold_them(file, said, encoding, colorspace):
    image = graph("basecolor", said={"basecolor": {"file": file, **said}}).node("basecolor")
    assert (image.encoding, image.colorspace) == (encoding, colorspace)
    data = graph("roughness", said={"roughness": {"file": file, **said}}).node("roughness")
    assert (data.encoding, data.colorspace) == ("data", "")


# The graph as a whole.


ORDERS = [MAP_KINDS, tuple(reversed(MAP_KINDS)), ("orm", "normal", "basecolor"), ("gloss", "anisotropy", "height")]


@pytest.mark.parametrize("kinds", ORDERS)
def test_sources_come_before_their_users_and_all_is_used(kinds):
    made = graph(*kinds, height_scale=0.1)
    names = [node.name for node in made.nodes]
    assert len(set(names)) == len(names)
    for place, node in enumerate(made.nodes):
        assert set(sources_of(node)) <= set(names[:place])
    assert used(made) == set(names)
    assert set(made.surface) <= SURFACE
    assert made.images() == [node for node in made.nodes if isinstance(node, Image)]
    with pytest.raises(KeyError):
        made.node("nothing")


def test_all_of_a_material_is_known_here():
    assert tuple(MAP_LABELS) == MAP_KINDS
    made = graph(*(kind for kind in MAP_KINDS if kind not in ("gloss", "orm")))
    assert set(made.surface) == SURFACE


def test_names_measures_wrap_and_tiling():
    made = graph("basecolor", "height", name="Old wall", physical_size=[2, 1.5], wrap="x", tiling=(4, 2))
    assert (made.name, made.physical_size, made.mapping) == ("Old wall", (2.0, 1.5), Mapping((4.0, 2.0)))
    assert {image.wrap for image in made.images()} == {"x"}
    assert graph("basecolor").name == "wall"
    assert graph("basecolor").mapping.tiling == (1.0, 1.0)


@pytest.mark.parametrize("tiling", [(0, 1), (1, -2), (float("inf"), 1), (1, "2"), (1,), (float("nan"), 1)])
def test_a_tiling_that_makes_no_sense_is_one_sentence(tiling):
    with pytest.raises(MatshotError, match="Tiling is two numbers"):
        graph("basecolor", tiling=tiling)


# Folders.


def test_a_saved_material_is_read(tmp_path):
    def plane(channels, encoding, source=None):
        return Texture(np.full((4, 4, channels), 0.5, np.float32), encoding, "xy", source)

    signed = FileSource(Path("n.exr"), "float", signed=True)
    aces = FileSource(Path("c.exr"), "half", colorspace="ACEScg")
    maps = {
        "basecolor": plane(3, "linear", aces),
        "normal": plane(3, "normal", signed),
        "emission": plane(3, "srgb"),
        "roughness": plane(1, "data"),
    }
    save_material(
        Material(maps, name="wall", physical_size=(1.0, 1.0)), tmp_path / "wall", suffix=".exr", convention="dx"
    )
    made = material_graph(str(tmp_path / "wall"), (2.0, 2.0))
    assert (made.name, made.physical_size, made.mapping.tiling) == ("wall", (1.0, 1.0), (2.0, 2.0))
    assert all(Path(image.file).is_file() and image.wrap == "xy" for image in made.images())
    assert made.node("basecolor").colorspace == "ACEScg"
    assert made.node("emission").encoding == "linear"
    normal = made.node(made.surface["geometry_normal"])
    assert (normal.convention, normal.signed) == ("dx", True)


def test_files_in_tiles(tmp_path):
    folder_with(tmp_path, "basecolor", said={"basecolor": {"file": "wall[a].<UDIM>.png"}})
    with pytest.raises(MatshotError, match=r"lists wall\[a\]\.<UDIM>\.png, which is not there"):
        material_graph(str(tmp_path))
    (tmp_path / "wall[a].1002.png").write_bytes(b"")
    assert material_graph(str(tmp_path)).node("basecolor").file == str(tmp_path / "wall[a].<UDIM>.png")


def test_missing_files_are_one_sentence(tmp_path):
    folder_with(tmp_path, "basecolor", "normal")
    (tmp_path / "normal.png").unlink()
    with pytest.raises(MatshotError, match=r"lists normal\.png, which is not there\.$"):
        material_graph(str(tmp_path))


def test_folders_without_a_description_are_one_sentence(tmp_path):
    with pytest.raises(MatshotError, match=rf"has no {DESCRIPTION}"):
        material_graph(str(tmp_path))
    with pytest.raises(MatshotError, match="does not exist"):
        material_graph(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "null", '{"maps": []}', '{"maps": {}}', "{}", "[" * 100_000, "\udcff"]
)
def test_damaged_descriptions_are_one_sentence(tmp_path, text):
    (tmp_path / DESCRIPTION).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(MatshotError, match=DESCRIPTION) as caught:
        material_graph(str(tmp_path))
    assert "\n" not in caught.value.sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"physical_size": 3},
        {"physical_size": [1, float("nan")]},
        {"height_scale": -1},
        {"wrap": "round"},
        {"wrap": []},
        {"name": 5},
        {"maps": {"basecolor": "basecolor.png"}},
        {"maps": {"basecolor": {"file": ""}}},
        {"maps": {"albedo": {"file": "basecolor.png"}}},
    ],
)
def test_descriptions_that_make_no_sense_are_one_sentence(tmp_path, changes):
    folder_with(tmp_path, "basecolor")
    (tmp_path / DESCRIPTION).write_text(json.dumps({**described("basecolor"), **changes}))
    with pytest.raises(MatshotError) as caught:
        material_graph(str(tmp_path))
    assert "\n" not in caught.value.sentence


# What every host can run.

SOURCES = sorted(Path(matshot_host.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_sources_are_python_3_7_without_anything_else(file):
    tree = ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 7))
    standard = sys.stdlib_module_names
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert all(alias.name.partition(".")[0] in standard for alias in node.names), ast.unparse(node)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert node.module is not None
            assert node.module.partition(".")[0] in standard, ast.unparse(node)


def test_vermin_finds_nothing_newer_than_python_3_7():
    vermin = shutil.which("vermin", path=str(Path(sys.executable).parent)) or shutil.which("vermin")
    if vermin is None:
        pytest.skip("vermin is not installed")
    said = subprocess.run(
        [vermin, "-t=3.7-", "--no-tips", "--violations", *map(str, SOURCES)], capture_output=True, text=True
    )
    assert said.returncode == 0, said.stdout
