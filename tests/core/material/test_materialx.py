"""MaterialX documents: what the graph computes, checked by computing it, and whether the library takes it."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from matshot.image.normals import encoded_normals
from matshot.image.types import FileSource, Texture
from matshot.material.materialx import material_document
from matshot.material.record import description_of
from matshot.material.types import Material
from matshot_host.graph import graph_of

ENCODINGS = {"basecolor": "srgb", "emission": "srgb", "normal": "normal"}
CHANNELS = {"basecolor": 3, "emission": 3, "normal": 3, "orm": 3}
EVERYTHING = (
    *("basecolor", "normal", "roughness", "metallic", "height", "ao", "specular"),
    *("anisotropy", "anisotropy_angle", "opacity", "emission"),
)


def material(*kinds, name="wall", source=None, **more):
    maps = {
        kind: Texture(
            np.full((4, 4, CHANNELS.get(kind, 1)), 0.5, dtype=np.float32), ENCODINGS.get(kind, "data"), "xy", source
        )
        for kind in kinds
    }
    return Material(maps, name=name, **more)


def text(made, files, convention="gl", depth=None, tiling=(1.0, 1.0), folder="wall"):
    return material_document(graph_of(description_of(made, files, convention, depth), folder, tiling), folder)


def document(made, convention="gl", suffix=".png", depth=None, tiling=(1.0, 1.0)):
    return ET.fromstring(text(made, {kind: kind + suffix for kind in made.maps}, convention, depth, tiling))


def shader_inputs(root, shader, texels):
    """What a surface shader gets where the files hold these values, by input; a small interpreter of the graph."""
    graph = root.find("nodegraph")
    nodes = {node.attrib["name"]: node for node in graph if node.tag != "output"}
    outputs = {node.attrib["name"]: node.attrib["nodename"] for node in graph.iter("output")}
    operations = {
        "add": np.add,
        "subtract": np.subtract,
        "multiply": np.multiply,
        "divide": np.divide,
        "power": np.power,
        "sqrt": np.sqrt,
        "cos": np.cos,
        "sin": np.sin,
        "invert": lambda value: 1 - value,
        "extract": lambda value, index: value[int(index)],
        "convert": lambda value: np.full(3, value),
        "tangent": lambda space: np.array([1, 0, 0]),
        "bitangent": lambda space: np.array([0, 1, 0]),
        "normalmap": lambda value: value * 2 - 1,
    }

    def value_of(node):
        if node.tag == "image":
            return np.array(texels[node.attrib["name"]])
        return operations[node.tag](*(input_of(given) for given in node))

    def input_of(given):
        if "nodename" in given.attrib:
            return value_of(nodes[given.attrib["nodename"]])
        if "output" in given.attrib:
            return value_of(nodes[outputs[given.attrib["output"]]])
        if given.attrib["type"] == "string":
            return given.attrib["value"]
        numbers = [float(part) for part in given.attrib["value"].split(",")]
        return numbers[0] if len(numbers) == 1 else np.array(numbers)

    return {given.attrib["name"]: input_of(given) for given in root.find(shader)}


def colorspace(root, kind):
    return root.find(f"nodegraph/image[@name='{kind}']/input").attrib["colorspace"]


# Files.


def test_maps_are_declared_as_their_files_hold_them():
    root = document(material(*EVERYTHING))
    assert root.attrib["version"].startswith("1.39")
    images = {node.attrib["name"]: node for node in root.iter("image")}
    assert set(images) == set(EVERYTHING)
    for kind, image in images.items():
        file = image.find("input").attrib
        assert file["value"] == f"{kind}.png"
        assert file["colorspace"] == ("srgb_texture" if kind in ("basecolor", "emission") else "none")


def test_float_files_hold_linear_colour():
    assert colorspace(document(material("basecolor"), suffix=".exr"), "basecolor") == "lin_rec709"
    assert colorspace(document(material("basecolor"), suffix=".tif", depth="float"), "basecolor") == "lin_rec709"
    assert colorspace(document(material("basecolor"), suffix=".tif"), "basecolor") == "srgb_texture"


def test_what_came_encoded_in_a_float_file_is_declared_so():
    came = FileSource(Path("scan.exr"), "half")
    assert colorspace(document(material("basecolor", source=came), suffix=".exr"), "basecolor") == "srgb_texture"
    assert colorspace(document(material("basecolor", source=came), suffix=".png"), "basecolor") == "srgb_texture"
    aces = FileSource(Path("scan.exr"), "half", colorspace="ACEScg")
    linear = {"basecolor": Texture(np.ones((2, 2, 3), np.float32), "linear", "none", aces)}
    assert colorspace(document(Material(linear), suffix=".exr"), "basecolor") == "ACEScg"


def test_only_maps_with_files_are_there():
    root = ET.fromstring(text(material(*EVERYTHING), {"basecolor": "a & b.png"}))
    assert [node.find("input").attrib["value"] for node in root.iter("image")] == ["a & b.png"]
    inputs = shader_inputs(root, "open_pbr_surface", {"basecolor": [0.1, 0.2, 0.3]})
    assert inputs["specular_roughness"] == 0.6
    assert "specular_ior" not in inputs
    assert root.find("displacement") is None


def test_files_are_named_from_the_document(tmp_path):
    files = {"basecolor": "maps/wall.<UDIM>.png", "height": str(tmp_path / "elsewhere" / "height.png")}
    root = ET.fromstring(text(material("basecolor", "height"), files, folder=str(tmp_path / "wall")))
    named = {node.attrib["name"]: node.find("input").attrib["value"] for node in root.iter("image")}
    assert named == {"basecolor": "maps/wall.<UDIM>.png", "height": (tmp_path / "elsewhere/height.png").as_posix()}


# Tiling.


def test_tiling_scales_the_coordinates_of_every_image():
    root = document(material("basecolor", "normal", "orm"), tiling=(3.0, 0.5))
    for image in root.iter("image"):
        assert image.find("input[@name='texcoord']").attrib["nodename"] == "place_tiled"
    assert root.find("nodegraph/multiply[@name='place_tiled']/input[@name='in2']").attrib == {
        "name": "in2",
        "type": "vector2",
        "value": "3.0, 0.5",
    }


def test_without_tiling_the_coordinates_are_left_to_the_renderer():
    root = document(material("basecolor"))
    assert root.find("nodegraph/texcoord") is None
    assert [given.attrib["name"] for given in root.find("nodegraph/image")] == ["file"]


# What the shaders get.


@pytest.mark.parametrize("convention", ["gl", "dx"])
@pytest.mark.parametrize("signed", [False, True])
def test_normals_arrive_in_either_convention(convention, signed):
    normal = np.array([[[0.2, 0.6, 0.77]]], dtype=np.float32)
    stored = encoded_normals(normal, convention, signed=signed)[0, 0]
    source = FileSource(Path("n.exr"), "float", signed=True) if signed else None
    root = document(material("normal", source=source), convention, suffix=".exr" if signed else ".png")
    for shader, name in (("open_pbr_surface", "geometry_normal"), ("standard_surface", "normal")):
        np.testing.assert_allclose(shader_inputs(root, shader, {"normal": stored})[name], normal[0, 0], atol=1e-6)


@pytest.mark.parametrize("specular", [0.0, 0.25, 0.5, 1.0])
def test_specular_keeps_its_reflectance(specular):
    inputs = shader_inputs(document(material("specular")), "open_pbr_surface", {"specular": specular})
    index = inputs["specular_ior"]
    assert ((index - 1) / (index + 1)) ** 2 == pytest.approx(0.08 * specular)


@pytest.mark.parametrize("anisotropy", [0.0, 0.3, 0.8])
def test_anisotropy_comes_to_the_same_alphas(anisotropy):
    """The shaders' own formulas on what they get, against ``roughness^2 (1 +- a)``."""
    roughness = 0.4
    wanted = roughness**2 * np.array([1 + anisotropy, 1 - anisotropy])
    root = document(material("roughness", "anisotropy"))
    texels = {"roughness": roughness, "anisotropy": anisotropy}
    given = shader_inputs(root, "open_pbr_surface", texels)
    part = 1 - given["specular_roughness_anisotropy"]
    along = given["specular_roughness"] ** 2 * math.sqrt(2 / (1 + part**2))
    np.testing.assert_allclose([along, part * along], wanted, rtol=1e-6)
    given = shader_inputs(root, "standard_surface", texels)
    aspect = math.sqrt(1 - given["specular_anisotropy"])
    np.testing.assert_allclose(given["specular_roughness"] ** 2 * np.array([1 / aspect, aspect]), wanted, rtol=1e-6)


def test_the_direction_turns_counter_clockwise():
    root = document(material("anisotropy", "anisotropy_angle"))
    given = shader_inputs(root, "open_pbr_surface", {"anisotropy": 0.5, "anisotropy_angle": 1 / 12})
    np.testing.assert_allclose(given["geometry_tangent"], [math.cos(math.pi / 6), 0.5, 0], atol=1e-6)


def test_packed_and_glossy_maps_are_taken_apart():
    given = shader_inputs(document(material("orm")), "standard_surface", {"orm": [0.9, 0.3, 1.0]})
    assert (given["specular_roughness"], given["metalness"]) == (0.3, 1.0)
    both = document(material("orm", "roughness"))
    given = shader_inputs(both, "open_pbr_surface", {"orm": [0.9, 0.3, 1.0], "roughness": 0.7})
    assert given["specular_roughness"] == 0.7
    given = shader_inputs(document(material("gloss")), "open_pbr_surface", {"gloss": 0.25})
    assert given["specular_roughness"] == 0.75


def test_height_displaces_in_metres_from_the_middle():
    root = document(material("basecolor", "height", height_scale=0.012))
    assert shader_inputs(root, "displacement", {"height": 0.75}) == {"displacement": 0.25, "scale": 0.012}
    assert root.find("displacement/input[@name='scale']").attrib["unit"] == "meter"
    for made in root.iter("surfacematerial"):
        assert made.find("input[@name='displacementshader']") is not None


def test_height_of_unknown_scale_is_only_given_out():
    root = document(material("basecolor", "height", "ao"))
    assert root.find("displacement") is None
    given = {node.attrib["nodename"] for node in root.iter("output")}
    assert {"height", "ao"} <= given


# Names.


@pytest.mark.parametrize("name", ["Old wall, 3 (wet)", "3 stones", "Пол", "", "a/b.c", "Café"])
def test_any_name_makes_a_valid_one(name):
    made = document(material("basecolor", name=name)).find("surfacematerial").attrib["name"]
    assert made.isascii()
    assert made.isidentifier()


# The library.


@pytest.mark.parametrize("tiling", [(1.0, 1.0), (3.0, 0.5)])
@pytest.mark.parametrize("convention", ["gl", "dx"])
@pytest.mark.parametrize("kinds", [EVERYTHING, ("basecolor", "orm", "normal"), ("gloss", "height"), ("ao",)])
def test_the_library_finds_it_valid(kinds, convention, tiling):
    library = pytest.importorskip("MaterialX")
    standard = library.createDocument()
    library.loadLibraries(library.getDefaultDataLibraryFolders(), library.getDefaultDataSearchPath(), standard)
    made = material(*kinds, height_scale=0.01)
    read = library.createDocument()
    library.readFromXmlString(read, text(made, {kind: f"{kind}.png" for kind in kinds}, convention, tiling=tiling))
    read.importLibrary(standard)
    valid, said = read.validate()
    assert valid, said
    assert len(read.getMaterialNodes()) == 2
    for node in read.getNodes() + read.getNodeGraphs()[0].getNodes():
        assert node.getNodeDef() is not None, node.getName()
