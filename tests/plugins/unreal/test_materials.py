"""The assets of a material: their graph computed as Unreal's shader would, on the pixels that are on the disk."""

import functools
import math
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from matshot.image.types import Texture
from matshot.material.folder import save_material
from matshot.material.types import Material
from matshot.tools.convert import ConvertOptions, convert, save_converted
from matshot_host.errors import MatshotError
from matshot_host.graph import Channel, NormalMap, material_graph

RNG = np.random.default_rng(3)
SIZE = (6, 8)
#: Files of 8 bits, and compressed normals with z of x and y.
BITS = 1.0 / 255.0


@pytest.fixture
def materials(plugin):
    return plugin("materials")


def create(materials, graph, base, folder, displace, **options):
    """Assets of a material."""
    return materials.create_material(graph, base, folder, materials.MaterialOptions(displace, **options)).assets


def plane(channels=1, encoding="data"):
    pixels = RNG.random((*SIZE, channels)).astype(np.float32)
    if encoding == "normal":
        pixels = pixels * 2 - 1
        pixels[..., 2] = 2
        pixels /= np.linalg.norm(pixels, axis=2, keepdims=True)
    return Texture(pixels, encoding, "x")


def material(*more):
    kinds = ["basecolor", "normal", "roughness", "metallic", "ao", "height", *more]
    colors = ("basecolor", "emission")
    made = {
        kind: plane(3, "srgb") if kind in colors else plane(3, "normal") if kind == "normal" else plane()
        for kind in kinds
    }
    return Material(made, name="Old Wall", height_scale=0.02)


@pytest.fixture(scope="module")
def formed(tmp_path_factory):
    """Makes a material in the form that the plug-in asks the worker for, and its graph; each kind of material once."""

    @functools.cache
    def form(*more):
        made = Material({"basecolor": plane(3, "srgb")}, name="Paint") if "paint" in more else material(*more)
        options, folder = ConvertOptions(normal="dx", pack="orm", format="png"), tmp_path_factory.mktemp("form")
        save_converted(convert(made, options), folder, options)
        return made, material_graph(str(folder))

    return form


def stored(file):
    """What a file holds, in [0, 1], as another library hands it out."""
    image = oiio.ImageBuf(str(file))
    spec = image.spec()
    return np.asarray(image.get_pixels(oiio.FLOAT)).reshape(spec.height, spec.width, spec.nchannels)


def linear(encoded):
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


class Shader:
    """Computes inputs of a material as Unreal would for an instance of it."""

    def __init__(self, unreal, instance, **changed):
        self.unreal, self.master = unreal, instance._parent
        self.values = {**instance._set_values, **changed}

    def surface(self, name):
        node, output = self.master._inputs[getattr(self.unreal.MaterialProperty, name)]
        return self.output(node, output)

    def output(self, node, output):
        kind, read = type(node).__name__.replace("MaterialExpression", ""), node._values
        inputs = node._joined
        if kind == "TextureSampleParameter2D":
            return self.sampled(self.values.get(read["parameter_name"], read["texture"]), output)
        if kind == "ScalarParameter":
            return np.full((*SIZE, 1), self.values.get(read["parameter_name"], read["default_value"]))
        if kind == "StaticSwitchParameter":
            chosen = self.values.get(read["parameter_name"], read["default_value"])
            return self.output(*inputs["True" if chosen else "False"])
        if kind == "Constant":
            return np.full((*SIZE, 1), read["r"])
        if kind == "Constant3Vector":
            color = read["constant"]
            return np.broadcast_to(np.array([color.r, color.g, color.b]), (*SIZE, 3))
        if kind == "VertexNormalWS":
            return np.broadcast_to(np.array([0.0, 0.0, 1.0]), (*SIZE, 3))
        given = {name: self.output(*joined) for name, joined in inputs.items()}
        if kind == "AppendVector":
            return np.concatenate([given["A"], given["B"]], axis=2)
        if kind in ("Sine", "Cosine"):
            turned = 2 * math.pi * given[""] / read["period"]
            return np.sin(turned) if kind == "Sine" else np.cos(turned)
        return {
            "Multiply": lambda: given["A"] * given["B"],
            "Subtract": lambda: given["A"] - given["B"],
            "Saturate": lambda: np.clip(given[""], 0, 1),
        }[kind]()

    def sampled(self, texture, output):
        pixels = stored(texture._source)
        pixels = np.broadcast_to(pixels if pixels.shape[:2] == SIZE else pixels[:1, :1], (*SIZE, pixels.shape[2]))
        if pixels.shape[2] == 1:
            pixels = np.repeat(pixels, 3, axis=2)
        read = texture._values
        if read["compression_settings"] is self.unreal.TextureCompressionSettings.TC_NORMALMAP:
            slopes = pixels[..., :2] * 2 - 1
            if read["flip_green_channel"]:
                slopes = slopes * np.array([1, -1])
            up = np.sqrt(np.clip(1 - (slopes**2).sum(axis=2, keepdims=True), 0, 1))
            pixels = np.concatenate([slopes, up], axis=2)
        elif read["srgb"]:
            pixels = linear(pixels)
        return {"RGB": pixels[..., :3], "R": pixels[..., :1], "G": pixels[..., 1:2], "B": pixels[..., 2:3]}[output]


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=2, keepdims=True)


def downwards(normals):
    """Vectors as Unreal has them, whose y runs down."""
    return normals * np.array([1, -1, 1])


def test_every_pixel_reaches_the_surface(unreal, materials, formed):
    made, graph = formed("specular", "anisotropy", "anisotropy_angle", "opacity", "emission")
    created = create(materials, graph, "Wall", "/Game/Walls", False)
    shader = Shader(unreal, created[0])
    pixels = {kind: texture.pixels for kind, texture in made.maps.items()}

    def differ(name, wanted):
        return float(np.abs(shader.surface(name) - wanted).max())

    assert differ("MP_BASE_COLOR", linear(pixels["basecolor"])) < 3 * BITS
    assert differ("MP_ROUGHNESS", pixels["roughness"]) < BITS
    assert differ("MP_METALLIC", pixels["metallic"]) < BITS
    assert differ("MP_AMBIENT_OCCLUSION", pixels["ao"]) < BITS
    assert differ("MP_SPECULAR", pixels["specular"]) < BITS
    assert differ("MP_OPACITY_MASK", pixels["opacity"]) < BITS
    assert differ("MP_ANISOTROPY", pixels["anisotropy"]) < BITS
    assert differ("MP_EMISSIVE_COLOR", linear(pixels["emission"])) < 3 * BITS
    assert np.abs(unit(shader.surface("MP_NORMAL")) - downwards(pixels["normal"])).max() < 4 * BITS
    turned = 2 * math.pi * pixels["anisotropy_angle"]
    along = np.concatenate([np.cos(turned), np.sin(turned), np.zeros_like(turned)], axis=2)
    assert np.abs(unit(shader.surface("MP_TANGENT")) - downwards(along)).max() < 8 * BITS


def test_files_on_the_disk_are_as_unreal_wants_them(unreal, materials, formed):
    made, graph = formed()
    create(materials, graph, "Wall", "/Game/Walls", False)
    saved = unreal.world.project / "Saved" / "Matshot"
    normals, packed = stored(saved / "T_Wall_N.png"), stored(saved / "T_Wall_ORM.png")
    assert np.abs(normals[..., 1] - (1 - made.maps["normal"].pixels[..., 1]) / 2).max() < BITS
    assert np.abs(normals[..., 0] - (1 + made.maps["normal"].pixels[..., 0]) / 2).max() < BITS
    for index, kind in enumerate(("ao", "roughness", "metallic")):
        assert np.abs(packed[..., index] - made.maps[kind].pixels[..., 0]).max() < BITS
        assert graph.node(kind) == Channel(kind, "orm", index)
    assert stored(saved / "T_Wall_H.png").shape[2] == 1


def test_parameters_of_the_graph_are_those_of_the_instance(unreal, plugin, materials, formed):
    _, graph = formed("specular")
    created = create(materials, graph, "Wall", "/Game/Walls", False)
    instance, values = created[0], created[0]._set_values
    found = {parameter: one.get_name() for parameter, one in values.items() if isinstance(one, unreal.Texture2D)}
    name = plugin("naming").texture_name
    normal = graph.node(graph.surface["geometry_normal"])
    assert isinstance(normal, NormalMap)
    assert found == {
        "BaseColor": name("Wall", graph.surface["base_color"]),
        "ORM": name("Wall", graph.node(graph.surface["specular_roughness"]).source),
        "Normal": name("Wall", normal.source),
        "Specular": name("Wall", graph.node(graph.surface["specular_ior"]).source),
        "Height": name("Wall", graph.displacement.source),
    }
    assert {image.name for image in graph.images()} == {"basecolor", "orm", "normal", "height", "specular"}
    assert (values["TilingU"], values["TilingV"]) == graph.mapping.tiling
    assert values["DisplacementHeight"] == pytest.approx(100 * graph.displacement.scale)
    assert values["DisplacementLevel"] == graph.displacement.level
    assert values["UseSpecular"] is True
    assert "UseAnisotropy" not in values
    assert instance.get_name() == "MI_Wall"
    assert instance._updated


def test_names_and_address_modes(unreal, materials, formed):
    created = create(materials, formed()[1], "Wall", "/Game/Walls", False)
    names = {asset.get_name() for asset in created}
    assert names == {"MI_Wall", "T_Wall_BC", "T_Wall_N", "T_Wall_ORM", "T_Wall_H"}
    assert all(f"/Game/Walls/{name}" in unreal.world.saved for name in names)
    for texture in created[1:]:
        assert texture.get_editor_property("address_x") is unreal.TextureAddress.TA_WRAP
        assert texture.get_editor_property("address_y") is unreal.TextureAddress.TA_CLAMP


def test_sliders(unreal, materials, formed):
    made, graph = formed()
    created = create(materials, graph, "Wall", "/Game/Walls", False)
    flat = Shader(unreal, created[0], NormalStrength=0.0, RoughnessStrength=3.0)
    assert np.allclose(unit(flat.surface("MP_NORMAL")), [0, 0, 1])
    assert np.abs(flat.surface("MP_ROUGHNESS") - np.clip(3 * made.maps["roughness"].pixels, 0, 1)).max() < 3 * BITS
    steep = unit(Shader(unreal, created[0], NormalStrength=2.0).surface("MP_NORMAL"))
    normal = downwards(made.maps["normal"].pixels)
    assert np.abs(steep[..., :2] / steep[..., 2:] - 2 * normal[..., :2] / normal[..., 2:]).max() < 0.1


def test_tiling_multiplies_the_coordinates(unreal, materials, formed):
    created = create(materials, formed()[1], "Wall", "/Game/Walls", False)
    node = next(node for node in created[0]._parent._nodes if node._values.get("parameter_name") == "Normal")
    multiply = node._joined["UVs"][0]
    plain, tiling = multiply._joined["A"][0], multiply._joined["B"][0]
    assert isinstance(plain, unreal.MaterialExpressionTextureCoordinate)
    names = [tiling._joined[pin][0].get_editor_property("parameter_name") for pin in "AB"]
    assert names == ["TilingU", "TilingV"]


def test_displacement_is_a_switch(unreal, materials, formed):
    made, graph = formed()
    created = create(materials, graph, "Wall", "/Game/Walls", True)
    moved = Shader(unreal, created[0]).surface("MP_WORLD_POSITION_OFFSET")
    # Two centimetres for one unit of height, around the middle.
    assert np.abs(moved[..., 2:] - 2.0 * (made.maps["height"].pixels - 0.5)).max() < 3 * BITS
    still = Shader(unreal, created[0], UseDisplacement=False).surface("MP_WORLD_POSITION_OFFSET")
    assert np.all(still == 0)


def test_before_5_6_nothing_moves_and_the_height_is_there(unreal, materials, formed):
    unreal.become_5_5()
    created = create(materials, formed()[1], "Wall", "/Game/Walls", True)
    assert "T_Wall_H" in {asset.get_name() for asset in created}
    assert not {"Height", "UseDisplacement"} & set(created[0]._set_values)


def test_maps_that_are_missing_are_flat(unreal, materials, formed):
    created = create(materials, formed("paint")[1], "Paint", "/Game/Walls", False)
    shader = Shader(unreal, created[0])
    assert np.allclose(unit(shader.surface("MP_NORMAL")), [0, 0, 1], atol=0.01)
    assert np.allclose(shader.surface("MP_ROUGHNESS"), 0.6)
    assert np.allclose(shader.surface("MP_METALLIC"), 0)
    assert np.allclose(shader.surface("MP_AMBIENT_OCCLUSION"), 1)
    assert np.allclose(shader.surface("MP_SPECULAR"), 0.5)
    assert np.allclose(shader.surface("MP_EMISSIVE_COLOR"), 0)
    assert np.allclose(shader.surface("MP_ANISOTROPY"), 0)


def test_the_master_is_made_once(unreal, materials, formed):
    graph, make = formed()[1], functools.partial(create, materials)
    first = make(graph, "A", "/Game/Walls", False)
    count = len(unreal.world.objects)
    second = make(graph, "B", "/Game/Walls", False)
    assert first[0]._parent is second[0]._parent
    assert first[0]._parent.get_path_name() == "/Game/Matshot/M_Matshot2.M_Matshot2"
    assert first[0]._parent._compiled
    assert len(unreal.world.objects) == count + 5


def test_cut_outs_have_a_master_of_their_own(unreal, materials, formed):
    created = create(materials, formed("opacity")[1], "Wall", "/Game/Walls", False)
    master = created[0]._parent
    assert master.get_name() == "M_Matshot2_Masked"
    assert master.get_editor_property("blend_mode") is unreal.BlendMode.BLEND_MASKED


def test_opacity_may_be_blended(unreal, materials, formed):
    master = create(materials, formed("opacity")[1], "Glass", "/Game/Walls", False, translucent=True)[0]._parent
    assert master.get_name() == "M_Matshot2_Translucent"
    assert master.get_editor_property("blend_mode") is unreal.BlendMode.BLEND_TRANSLUCENT
    assert unreal.MaterialProperty.MP_OPACITY in master._inputs


def test_virtual_textures_have_samplers_of_their_own(unreal, materials, formed):
    created = create(materials, formed("specular")[1], "Wall", "/Game/Walls", False, virtual=True)
    assert created[0]._parent.get_name() == "M_Matshot2_VT"
    assert all(texture.get_editor_property("virtual_texture_streaming") for texture in created[1:])
    unreal.world.console["r.VirtualTextures"] = False
    plain = materials.create_material(formed()[1], "B", "/Game/Walls", materials.MaterialOptions(virtual=True))
    assert plain.assets[0]._parent.get_name() == "M_Matshot2"
    assert "Virtual textures are disabled" in plain.notes[0]


def own_master(unreal, materials, graph):
    """A master material of the project, with names of its own and without height."""
    master = create(materials, graph, "A", "/Game/Walls", False)[0]._parent
    del unreal.world.objects["/Game/Matshot/M_Matshot2"]
    master._path = "/Game/Master/M_Base"
    unreal.world.objects[master._path] = master
    for node in master._nodes:
        name = node._values.get("parameter_name")
        if name in ("BaseColor", "Height"):
            node._values["parameter_name"] = {"BaseColor": "Albedo", "Height": "Puddles"}[name]
    return master


def test_the_master_of_the_project_by_a_map_of_its_parameters(unreal, materials, formed):
    master = own_master(unreal, materials, formed()[1])
    options = materials.MaterialOptions(master="/Game/Master/M_Base", names={"BaseColor": "Albedo"})
    created = materials.create_material(formed()[1], "B", "/Game/Walls", options)
    assert created.assets[0]._parent is master
    assert created.assets[0]._set_values["Albedo"].get_name() == "T_B_BC"
    assert created.notes == ["M_Base has no parameter Height, so these maps and values are unused."]
    with pytest.raises(MatshotError, match="does not exist or is not a material"):
        materials.create_material(formed()[1], "C", "/Game/Walls", options._replace(master="/Game/Nothing"))


def test_something_else_in_the_place_of_the_master(unreal, materials, formed):
    unreal.world.objects["/Game/Matshot/M_Matshot2"] = unreal.Texture2D()
    with pytest.raises(MatshotError, match="M_Matshot2 is not a material"):
        create(materials, formed()[1], "A", "/Game/Walls", False)


def test_slots_of_actors(unreal, materials, formed):
    instance = create(materials, formed()[1], "A", "/Game/Walls", False)[0]
    cube, gone = unreal.MeshComponent(["Body", "Trim"]), unreal.MeshComponent(["Body"])
    gone._dead = True
    assert materials.assign(instance, [cube, gone], "") == 2
    other = create(materials, formed()[1], "B", "/Game/Walls", False)[0]
    assert materials.assign(other, [cube], "body") == 1
    assert cube._slots == {"Body": other, "Trim": instance}
    assert materials.assign(other, [cube], "Roof") == 0


def test_a_texture_is_replaced_in_instances_and_other_users_are_named(unreal, materials, formed):
    graph = formed()[1]
    first, second = (create(materials, graph, name, "/Game/Walls", False)[0] for name in "AB")
    old = first._set_values["BaseColor"]
    second._set_values["BaseColor"] = old
    master = first._parent
    next(node for node in master._nodes if node._values.get("parameter_name") == "BaseColor")._values["texture"] = old
    new = create(materials, graph, "C", "/Game/Walls", False)[1]
    unreal.world.source_control, unreal.world.locked = True, {"/Game/Walls/MI_B"}
    notes = materials.replace_texture(old._path, new)
    assert first._set_values["BaseColor"] is new
    assert second._set_values["BaseColor"] is old
    assert unreal.world.checked_out == ["/Game/Walls/MI_A"]
    assert notes[0] == "T_C_BC replaces T_A_BC in MI_A."
    assert "M_Matshot2" in notes[1]
    assert "MI_B (MI_B could not be checked out, so it was not changed.)" in notes[1]


def test_a_master_that_somebody_changed(unreal, materials, formed):
    graph, make = formed()[1], functools.partial(create, materials)
    master = make(graph, "A", "/Game/Walls", False)[0]._parent
    master._nodes = [node for node in master._nodes if node._values.get("parameter_name") != "ORM"]
    before = set(unreal.world.objects)
    with pytest.raises(MatshotError, match=r"has no parameter ORM\. Rename or delete"):
        make(graph, "B", "/Game/Walls", False)
    assert set(unreal.world.objects) == before


def test_a_graph_that_cannot_be_connected_leaves_no_master(unreal, materials, formed, monkeypatch):
    monkeypatch.setattr(unreal.MaterialExpressionStaticSwitchParameter, "inputs", ("On", "Off"))
    with pytest.raises(MatshotError, match="did not connect two nodes of the master material"):
        create(materials, formed()[1], "A", "/Game/Walls", False)
    assert not any(isinstance(one, unreal.Material) for one in unreal.world.objects.values())
    assert "/Game/Walls/MI_A" not in unreal.world.objects


def test_an_instance_that_cannot_be_saved_takes_its_textures_along(unreal, materials, formed, monkeypatch):
    (unreal.world.project / "Content" / "Walls" / "MI_A.uasset").mkdir(parents=True)
    with pytest.raises(MatshotError, match="Cannot save MI_A"):
        create(materials, formed()[1], "A", "/Game/Walls", False)
    assert not any(path.startswith("/Game/Walls") for path in unreal.world.objects)


def test_materials_in_another_form_are_refused(materials, formed, tmp_path):
    save_material(material(), tmp_path / "separate")
    graph = material_graph(str(tmp_path / "separate"))
    with pytest.raises(MatshotError, match="must be packed"):
        create(materials, graph, "A", "/Game/Walls", False)
    tiles = formed()[1]
    nodes = [node._replace(file="/x/b.<UDIM>.png") if node.name == "basecolor" else node for node in tiles.nodes]
    with pytest.raises(MatshotError, match="has UDIM tiles"):
        create(materials, tiles._replace(nodes=tuple(nodes)), "A", "/Game/Walls", False)


def test_flat_textures(plugin):
    resources = Path(plugin("master_material").__file__).parents[3] / "Resources"
    found = {
        file.name: np.unique(stored(file).reshape(-1, stored(file).shape[2]), axis=0) for file in resources.glob("*")
    }
    assert np.allclose(found["flat_normal.png"] * 255, [[128, 128, 255]])
    assert np.allclose(found["flat_orm.png"] * 255, [[255, 153, 0]])
    assert np.allclose(found["flat_gray.png"] * 255, [[128]])
    assert set(found) == {"flat_color.png", "flat_normal.png", "flat_orm.png", "flat_gray.png"}
