"""Shading networks: what the shader gets through Maya's nodes is what the MaterialX document says it gets."""

from __future__ import annotations

import math
import os
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from maya_double import stub_path

from matshot_host.graph import material_graph

EVERYTHING = (
    *("basecolor", "normal", "roughness", "metallic", "height", "ao", "specular"),
    *("anisotropy", "anisotropy_angle", "opacity", "emission"),
)
#: Inputs of MaterialX's shaders and attributes of Maya's: the tables in maya-usd's mtlxStandardSurfaceReader.cpp and
#: mtlxOpenPBRSurfaceReader.cpp.
ATTRIBUTES = {
    "standard_surface": {
        "base": "base",
        "base_color": "baseColor",
        "metalness": "metalness",
        "specular_roughness": "specularRoughness",
        "specular_IOR": "specularIOR",
        "specular_anisotropy": "specularAnisotropy",
        "normal": "normalCamera",
        "opacity": "opacity",
        "emission": "emission",
        "emission_color": "emissionColor",
    },
    "open_pbr_surface": {
        "base_weight": "baseWeight",
        "base_color": "baseColor",
        "base_metalness": "baseMetalness",
        "specular_roughness": "specularRoughness",
        "specular_ior": "specularIOR",
        "specular_roughness_anisotropy": "specularRoughnessAnisotropy",
        "geometry_normal": "normalCamera",
        "geometry_opacity": "geometryOpacity",
        "emission_color": "emissionColor",
        "emission_luminance": "emissionLuminance",
    },
}
SHADERS = {
    "standardSurface": "standard_surface",
    "aiStandardSurface": "standard_surface",
    "openPBRSurface": "open_pbr_surface",
}
#: Attributes by input of OpenPBR, and renderer, of the shaders of other renderers.
RENDERERS = {
    "RedshiftStandardMaterial": (
        "redshift",
        {
            "base_color": "base_color",
            "base_metalness": "metalness",
            "specular_roughness": "refl_roughness",
            "specular_ior": "refl_ior",
            "geometry_normal": "bump_input",
            "geometry_opacity": "opacity_color",
            "emission_color": "emission_color",
            "emission_luminance": "emission_weight",
        },
    ),
    "VRayMtl": (
        "vray",
        {
            "base_color": "diffuseColor",
            "base_metalness": "metalness",
            "specular_roughness": "reflectionGlossiness",
            "specular_ior": "fresnelIOR",
            "geometry_normal": "bumpMap",
            "geometry_opacity": "opacityMap",
            "emission_color": "illumColor",
        },
    ),
    "PxrDisneyBsdf": (
        "renderman",
        {
            "base_color": "baseColor",
            "base_metalness": "metallic",
            "specular_roughness": "roughness",
            "specular_ior": "ior",
            "geometry_normal": "bumpNormal",
            "geometry_opacity": "presence",
            "emission_color": "emitColor",
        },
    ),
}
#: Colour spaces of MaterialX, and what Maya's own configuration calls them.
SPACES = {"srgb_texture": "sRGB", "lin_rec709": "scene-linear Rec.709-sRGB", "none": "Raw"}


def built(folder, shader="standardSurface", tiling=(1.0, 1.0)):
    from matshot_maya import network

    return network.build(material_graph(str(folder), tiling), shader)


class Document:
    """What a MaterialX document computes where files hold given texels."""

    def __init__(self, folder, texels):
        self.root = ET.parse(folder / "material.mtlx").getroot()
        self.texels = texels
        self.graph = self.root.find("nodegraph")
        self.nodes = {node.attrib["name"]: node for node in self.graph if node.tag != "output"}
        self.outputs = {node.attrib["name"]: node.attrib["nodename"] for node in self.graph.iter("output")}
        self.files = {}

    def inputs(self, shader):
        return {
            given.attrib["name"]: self.of_input(given)
            for given in self.root.find(shader)
            if given.attrib["name"] not in ("tangent", "geometry_tangent")
        }

    def of_input(self, given):
        if "output" in given.attrib:
            return self.of_node(self.nodes[self.outputs[given.attrib["output"]]])
        if "nodename" in given.attrib:
            return self.of_node(self.nodes[given.attrib["nodename"]])
        numbers = np.array([float(part) for part in given.attrib["value"].split(",")])
        return numbers[0] if len(numbers) == 1 else numbers

    def of_node(self, node):
        if node.tag in ("image", "tiledimage"):
            file = next(given for given in node if given.attrib["name"] == "file")
            name = os.path.basename(file.attrib["value"])
            self.files[name] = SPACES[file.attrib.get("colorspace", "none")]
            return self.texels[name][0] if node.attrib["type"] == "float" else self.texels[name]
        first, *rest = [self.of_input(given) for given in node]
        if node.tag == "normalmap":
            # What both take is compared, encoded as files hold it.
            return first
        operations = {
            "add": np.add,
            "subtract": np.subtract,
            "multiply": np.multiply,
            "divide": np.divide,
            "power": np.power,
            "sqrt": np.sqrt,
            "invert": lambda value: 1 - value,
            "extract": lambda value, index: value[int(index)],
            "convert": lambda value: np.full(3, value),
        }
        return operations[node.tag](first, *rest)


class Computed:
    """What the plugs of a network give out where files hold given texels."""

    def __init__(self, maya, texels):
        self.maya, self.texels, self.files = maya, texels, {}

    def plug(self, name):
        """Value of an attribute, through what is connected to it or to its parts."""
        source = self.maya.source(name)
        if source:
            return self.output(source)
        found = self.maya.plug(name)
        value = self.maya.get(name)
        if not found.attribute.children or found.path in found.attribute.children:
            return value
        node = name.split(".")[0]
        return np.array([self.plug(f"{node}.{child}") for child in found.attribute.children])

    def output(self, plug):
        node, _, path = plug.partition(".")
        kind = self.maya.scene.nodes[node].kind
        if kind == "file":
            return self.file(node, path)
        if kind == "bump2d":
            assert self.maya.get(node + ".bumpInterp") == 1
            owner, _, given = self.maya.source(node + ".bumpValue").partition(".")
            assert given == "outAlpha"
            return self.file(owner, "outColor")
        if kind == "displacementShader":
            return self.plug(node + ".displacement") * self.maya.get(node + ".scale")
        if kind in ("RedshiftBumpMap", "PxrNormalMap"):
            setting, given, wanted = {
                "RedshiftBumpMap": ("inputType", "input", 1),
                "PxrNormalMap": ("orientation", "inputRGB", 0),
            }[kind]
            assert self.maya.get(f"{node}.{setting}") == wanted
            return self.plug(f"{node}.{given}")
        if kind == "RedshiftDisplacement":
            low, high = self.maya.get(node + ".newrange_min"), self.maya.get(node + ".newrange_max")
            return (low + (high - low) * self.plug(node + ".texMap").mean()) * self.maya.get(node + ".scale")
        if kind == "PxrDisplace":
            return self.maya.get(node + ".dispAmount") * self.plug(node + ".dispScalar")
        if kind == "PxrDispTransform":
            # Whether 2 means one remapping or the other, both must give the same.
            center, depth, height = (self.maya.get(f"{node}.disp{name}") for name in ("Center", "Depth", "Height"))
            value = self.plug(node + ".dispScalar")
            mapped = (value - center) / center * depth if value < center else (value - center) / (1 - center) * height
            assert self.maya.get(node + ".dispRemapMode") == 2
            assert mapped == pytest.approx(value - center)
            return mapped
        operation = self.maya.get(node + ".operation")
        if kind == "multiplyDivide":
            first, second = self.plug(node + ".input1X"), self.plug(node + ".input2X")
            return {1: np.multiply, 2: np.divide, 3: np.power}[operation](first, second)
        assert kind == "plusMinusAverage"
        first, second = self.plug(node + ".input1D[0]"), self.plug(node + ".input1D[1]")
        return {1: np.add, 2: np.subtract}[operation](first, second)

    def file(self, node, path):
        get = self.maya.get
        name = os.path.basename(get(node + ".fileTextureName"))
        self.files[name] = get(node + ".colorSpace")
        assert get(node + ".ignoreColorSpaceFileRules")
        color = self.texels[name] * get(node + ".colorGain") + get(node + ".colorOffset")
        if path == "outAlpha":
            assert get(node + ".alphaIsLuminance")
            return color.mean() * get(node + ".alphaGain") + get(node + ".alphaOffset")
        return color if path == "outColor" else color["RGB".index(path[-1])]


def texels_of(folder, kinds, convention="gl", suffix=".png"):
    random = np.random.default_rng(7)
    made = {}
    for kind in kinds:
        grey = kind not in ("basecolor", "emission", "normal", "orm")
        stem = f"normal_{convention}" if kind == "normal" else kind
        made[stem + suffix] = np.full(3, random.uniform(0.1, 0.9)) if grey else random.uniform(0.1, 0.9, 3)
    return made


def compare(maya, folder, network, kind, texels):
    document, computed = Document(folder, texels), Computed(maya, texels)
    shader = SHADERS[kind]
    wanted = document.inputs(shader)
    assert set(wanted) <= set(ATTRIBUTES[shader])
    for name, value in wanted.items():
        got = computed.plug(f"{network.shader}.{ATTRIBUTES[shader][name]}")
        if name == "emission_luminance":
            # In nits, of which renderers show a thousand as the value 1.
            value = 1000 * value
        np.testing.assert_allclose(np.broadcast_to(got, np.shape(value)), value, rtol=1e-5, err_msg=name)
    assert computed.files == document.files
    # What the document does not speak of keeps the shader's default.
    given = {ATTRIBUTES[shader][name] for name in wanted} | {"emissionWeight"}
    node = maya.scene.nodes[network.shader]
    connected = {plug.partition(".")[2] for plug in maya.scene.connections if plug.startswith(node.name + ".")}
    whole = {child: name for name, attribute in node.attributes.items() for child in attribute.children}
    assert {whole.get(name, name) for name in connected} | set(node.values) <= given
    return wanted


@pytest.mark.parametrize("kind", SHADERS)
@pytest.mark.parametrize(
    ("kinds", "more"),
    [
        (EVERYTHING, {"height_scale": 0.02}),
        (("basecolor", "normal", "roughness", "metallic"), {}),
        (("basecolor", "orm", "normal"), {}),
        (("basecolor", "gloss", "opacity"), {}),
        (("basecolor",), {}),
        (("roughness", "orm", "anisotropy"), {}),
    ],
    ids=["everything", "usual", "packed", "gloss", "color", "mixed"],
)
def test_shader_gets_what_the_document_says(start, material_folder, kind, kinds, more):
    maya = start(arnold=True)
    folder = material_folder(*kinds, **more)
    network = built(folder, kind)
    assert maya.scene.nodes[network.shader].kind == kind
    wanted = compare(maya, folder, network, kind, texels_of(folder, kinds))
    assert wanted


@pytest.mark.parametrize("convention", ["gl", "dx"])
@pytest.mark.parametrize("signed", [False, True])
def test_normals_of_every_kind_come_as_maya_reads_them(maya, material_folder, convention, signed):
    suffix = ".exr" if signed else ".png"
    folder = material_folder(
        "normal", "basecolor", convention=convention, suffix=suffix, signed=signed, depth="float" if signed else None
    )
    network = built(folder)
    texels = texels_of(folder, ("normal", "basecolor"), convention, suffix)
    document = Document(folder, texels)
    got = Computed(maya, texels).plug(network.shader + ".normalCamera")
    np.testing.assert_allclose(got, document.inputs("standard_surface")["normal"], rtol=1e-6)
    assert (maya.get(maya.source(maya.of_kind("bump2d")[0] + ".bumpValue").split(".")[0] + ".colorGainG") < 0) == (
        convention == "dx"
    )


def test_linear_colors_are_declared_so(maya, material_folder):
    folder = material_folder("basecolor", "roughness", suffix=".exr", depth="half", linear=True)
    network = built(folder)
    file = maya.source(network.shader + ".baseColor").split(".")[0]
    assert maya.get(file + ".colorSpace") == "scene-linear Rec.709-sRGB"
    compare(maya, folder, network, "standardSurface", texels_of(folder, ("basecolor", "roughness"), suffix=".exr"))


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("sRGB", "Raw"), ["sRGB", "Raw"]),
        (("ACES - ACEScg", "Utility - Raw", "Utility - sRGB - Texture"), ["Utility - sRGB - Texture", "Utility - Raw"]),
        (("ACEScg", "Raw", "sRGB - Texture"), ["sRGB - Texture", "Raw"]),
    ],
)
def test_color_spaces_go_by_what_this_configuration_calls_them(maya, material_folder, names, wanted):
    maya.color_spaces = names
    built(material_folder("basecolor", "roughness"))
    assert [maya.get(file + ".colorSpace") for file in maya.of_kind("file")] == wanted


def test_displacement_is_in_centimetres_and_moves_nothing_at_half_height(maya, material_folder):
    folder = material_folder("basecolor", "height", height_scale=0.03)
    network = built(folder)
    for height, moved in ((0.0, -1.5), (0.5, 0.0), (1.0, 1.5)):
        texels = {"height.png": np.full(3, height), "basecolor.png": np.zeros(3)}
        assert Computed(maya, texels).output(maya.source(network.group + ".displacementShader")) == pytest.approx(moved)
    document = Document(folder, {"height.png": np.full(3, 0.8)})
    element = document.root.find("displacement")
    given = {one.attrib["name"]: one for one in element}
    metres = document.of_input(given["displacement"]) * float(given["scale"].attrib["value"])
    computed = Computed(maya, {"height.png": np.full(3, 0.8)})
    assert computed.output(maya.source(network.group + ".displacementShader")) == pytest.approx(100 * metres)
    assert maya.get("Old_Wall_height.colorSpace") == "Raw"


def test_height_without_a_scale_is_attached_to_the_group_unconnected(maya, material_folder):
    network = built(material_folder("basecolor", "height", "ao"))
    assert not maya.source(network.group + ".displacementShader")
    assert maya.source(network.group + ".matshotDisplacement") == "Old_Wall_displacement.message"
    assert maya.source(network.group + ".matshotOcclusion") == "Old_Wall_ao.message"
    assert [note for note in network.notes if "height is unknown" in note]


def test_direction_of_anisotropy_is_said_to_be_left_out(maya, material_folder):
    network = built(material_folder("basecolor", "roughness", "anisotropy", "anisotropy_angle"))
    assert maya.source(network.group + ".matshotDirection") == "Old_Wall_anisotropy_angle.message"
    assert len(network.notes) == 1


def test_every_file_is_placed_by_all_eighteen_connections(maya, material_folder):
    built(material_folder("basecolor", "normal", "roughness"), tiling=(2.0, 3.0))
    (placed,) = maya.of_kind("place2dTexture")
    assert maya.get(placed + ".repeatUV") == (2.0, 3.0)
    assert len(maya.of_kind("file")) == 3
    for file in maya.of_kind("file"):
        connected = {
            target.split(".")[1]: source
            for target, source in maya.scene.connections.items()
            if target.startswith(file + ".")
        }
        assert len(connected) == 18
        assert connected.pop("uvCoord") == placed + ".outUV"
        assert connected.pop("uvFilterSize") == placed + ".outUvFilterSize"
        assert connected == {name: f"{placed}.{name}" for name in connected}


def test_arnold_does_not_turn_normals_again(start, material_folder):
    maya = start(arnold=True)
    built(material_folder("normal", "basecolor"), "aiStandardSurface")
    (bump,) = maya.of_kind("bump2d")
    assert (maya.get(bump + ".aiFlipR"), maya.get(bump + ".aiFlipG")) == (False, False)


@pytest.mark.parametrize("kind", RENDERERS)
def test_shaders_of_other_renderers_get_what_the_document_says(start, material_folder, kind):
    renderer, attributes = RENDERERS[kind]
    maya = start(renderers=(renderer,))
    kinds = [one for one in EVERYTHING if "anisotropy" not in one]
    folder = material_folder(*kinds, height_scale=0.03)
    texels = texels_of(folder, kinds)
    network = built(folder, kind)
    assert maya.scene.nodes[network.shader].kind == kind
    document, computed = Document(folder, texels), Computed(maya, texels)
    wanted = document.inputs("open_pbr_surface")
    wanted.pop("base_weight", None)
    for name, attribute in attributes.items():
        got = computed.plug(f"{network.shader}.{attribute}")
        # Opacity may be a number or a color.
        np.testing.assert_allclose(*np.broadcast_arrays(got, wanted[name]), rtol=1e-5, err_msg=name)
    # The color alone is what V-Ray's and RenderMan's emit.
    assert set(wanted) - set(attributes) <= {"emission_luminance"}
    assert computed.files == document.files
    moved = computed.output(maya.source(network.group + ".displacementShader"))
    assert moved == pytest.approx(3.0 * (texels["height.png"][0] - 0.5))
    assert computed.files["height.png"] == "Raw"
    assert not network.notes


def test_v_ray_reads_roughness_normals_and_its_own_index_of_refraction(start, material_folder):
    maya = start(renderers=("vray",))
    network = built(material_folder("basecolor", "normal", "roughness"), "VRayMtl")
    wanted = {"useRoughness": True, "brdfType": 3, "lockFresnelIORToRefractionIOR": False, "bumpMapType": 1}
    assert {name: maya.get(f"{network.shader}.{name}") for name in wanted} == wanted
    assert maya.get(network.shader + ".reflectionColor") == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("kind", RENDERERS)
def test_anisotropy_that_other_renderers_define_otherwise_is_attached(start, material_folder, kind):
    maya = start(renderers=(RENDERERS[kind][0],))
    network = built(material_folder("basecolor", "roughness", "anisotropy", "height"), kind)
    assert maya.source(network.group + ".matshotAnisotropy") == "Old_Wall_anisotropy.message"
    assert maya.source(network.group + ".matshotDisplacement") == "Old_Wall_displacement.message"
    assert not maya.source(network.group + ".displacementShader")
    assert [note.split(",")[0] for note in network.notes] == [
        "The anisotropy is not connected",
        "The scale of the height is unknown",
    ]


def test_missing_shader_becomes_standard_surface_and_says_so(start, material_folder):
    maya = start(open_pbr=False)
    network = built(material_folder("basecolor"), "openPBRSurface")
    assert maya.scene.nodes[network.shader].kind == "standardSurface"
    assert network.notes == ("This Maya has no openPBRSurface; created a standardSurface instead.",)


@pytest.mark.parametrize(
    ("name", "node"),
    [("Old Wall 2", "Old_Wall_2"), ("3 Bricks", "material_3_Bricks"), ("壁", "material"), ("Größe", "Grosse")],
)
def test_names_are_ones_that_maya_allows(maya, material_folder, name, node):
    wanted = {"Größe": "Groe"}.get(name, node)
    network = built(material_folder("basecolor", name=name))
    assert network.shader == wanted
    assert network.group == wanted + "SG"


def test_second_network_of_a_name_stands_beside_the_first(maya, material_folder):
    folder = material_folder("basecolor", "normal")
    first, second = built(folder), built(folder)
    assert first.shader != second.shader
    assert maya.source(second.group + ".surfaceShader") == second.shader + ".outColor"


def test_failure_leaves_no_node_behind(maya, material_folder, monkeypatch):
    from matshot_maya import network

    before = set(maya.scene.nodes)

    def fails(*_):
        raise RuntimeError("locked")

    monkeypatch.setattr(network._NetworkBuilder, "_connect_displacement", fails)
    with pytest.raises(RuntimeError, match="locked"):
        built(material_folder("basecolor", "normal", "height"))
    assert set(maya.scene.nodes) == before


def test_udim_maps_name_their_first_tile(maya, material_folder):
    import json

    folder = material_folder("basecolor", "roughness")
    told = json.loads((folder / "material.json").read_text())
    for kind in ("basecolor", "roughness"):
        for tile in (1002, 1011):
            (folder / f"{kind}.{tile}.png").write_bytes((folder / f"{kind}.png").read_bytes())
        told["maps"][kind]["file"] = f"{kind}.<UDIM>.png"
    (folder / "material.json").write_text(json.dumps(told))
    built(folder)
    for file in maya.of_kind("file"):
        assert maya.get(file + ".uvTilingMode") == 3
        assert maya.get(file + ".fileTextureName").endswith(".1002.png")


def test_anisotropic_alphas_are_those_of_the_material(start, material_folder):
    """OpenPBR: alpha_t = r^2 sqrt(2 / (1 + (1 - a)^2)), alpha_b = (1 - a) alpha_t. Standard Surface: r^2 / b and r^2 b
    with b = sqrt(1 - a)."""
    for kind in ("standardSurface", "openPBRSurface"):
        maya = start()
        folder = material_folder("roughness", "anisotropy", "basecolor")
        network = built(folder, kind)
        texels = {"roughness.png": np.full(3, 0.5), "anisotropy.png": np.full(3, 0.6), "basecolor.png": np.zeros(3)}
        computed = Computed(maya, texels)
        anisotropy = {"standardSurface": "specularAnisotropy", "openPBRSurface": "specularRoughnessAnisotropy"}[kind]
        roughness, ratio = (computed.plug(f"{network.shader}.{name}") for name in ("specularRoughness", anisotropy))
        if kind == "standardSurface":
            aspect = math.sqrt(1 - ratio)
            alphas = roughness**2 / aspect, roughness**2 * aspect
        else:
            along = roughness**2 * math.sqrt(2 / (1 + (1 - ratio) ** 2))
            alphas = along, (1 - ratio) * along
        assert alphas == pytest.approx((0.25 * 1.6, 0.25 * 0.4))


def test_stub_is_checked():
    if not stub_path():
        pytest.skip("types-maya is not installed, so flags are not checked")
    assert os.path.isfile(stub_path())
