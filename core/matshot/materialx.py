"""A material as a MaterialX 1.39 document, for every host that reads one.

One graph holds the maps and what it takes to bring them from this project's reflectance model to that of two surface
shaders: OpenPBR and, for hosts that do not know it yet, Autodesk's Standard Surface. Each makes a material of its own.
"""

from __future__ import annotations

import math
import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .texture import Convention, Depth, Texture, stored_depth

if TYPE_CHECKING:
    from .material import MapKind, Material

#: Name of the file in a material folder.
DOCUMENT = "material.mtlx"
_VERSION = "1.39"
#: What the document calls linear colour, which it computes in, colour encoded for display, and what is no colour.
_LINEAR, _DISPLAY, _DATA = "lin_rec709", "srgb_texture", "none"

#: A dielectric's reflectance at normal incidence for each unit of specular.
_SPECULAR = 0.08
#: Roughness without a map of it.
_ROUGHNESS = 0.6
#: The height that stays where the surface was.
_LEVEL = 0.5

#: Maps of one number per pixel, and where a packed map has those that it holds.
_SCALARS = ("roughness", "metallic", "height", "ao", "specular", "anisotropy", "anisotropy_angle", "opacity", "gloss")
_CHANNELS = {"ao": 0, "roughness": 1, "metallic": 2}


@dataclass(frozen=True)
class _Shader:
    """A surface shader: what it calls its inputs, and how its anisotropic alphas relate to ``roughness^2``.

    Attributes:
        node: category of its node.
        suffix: of the names of what belongs to it.
        inputs: their names, by this module's.
        opacity: type of that input.
        squares: factor on ``anisotropy^2`` by which roughness is corrected, see :func:`material_document`.
    """

    node: str
    suffix: str
    inputs: Mapping[str, str]
    opacity: str
    squares: float


_SHADERS = (
    _Shader(
        "open_pbr_surface",
        "",
        {
            "base": "base_weight",
            "basecolor": "base_color",
            "metallic": "base_metalness",
            "roughness": "specular_roughness",
            "ior": "specular_ior",
            "anisotropy": "specular_roughness_anisotropy",
            "normal": "geometry_normal",
            "tangent": "geometry_tangent",
            "opacity": "geometry_opacity",
            "emission": "emission_color",
            "emitting": "emission_luminance",
        },
        "float",
        1.0,
    ),
    _Shader(
        "standard_surface",
        "_standard_surface",
        {
            "base": "base",
            "basecolor": "base_color",
            "metallic": "metalness",
            "roughness": "specular_roughness",
            "ior": "specular_IOR",
            "anisotropy": "specular_anisotropy",
            "normal": "normal",
            "tangent": "tangent",
            "opacity": "opacity",
            "emission": "emission_color",
            "emitting": "emission",
        },
        "color3",
        -1.0,
    ),
)


@dataclass(frozen=True)
class _Port:
    """What a node of the graph gives out.

    Attributes:
        node: its name.
        kind: its MaterialX type.
    """

    node: str
    kind: str


_Value = _Port | int | float | str | tuple[float, float, float]


def material_document(
    material: Material, files: Mapping[MapKind, str], convention: Convention = "gl", *, depth: Depth | None = None
) -> str:
    """The text of a ``.mtlx`` file beside the maps.

    Colours are declared ``srgb_texture``, or ``lin_rec709`` where their files hold linear values, all other maps
    ``none``. A DirectX normal map has its green turned. Specular becomes an index of refraction with the same
    reflectance at normal incidence, ``n = (1 + sqrt(F)) / (1 - sqrt(F))`` with ``F = 0.08 specular``. Anisotropy a,
    GGX ``alpha = roughness^2 (1 +- a)``, becomes ``2 a / (1 + a)``, with roughness times ``(1 + a^2)^(1/4)`` for
    OpenPBR and ``(1 - a^2)^(1/4)`` for Standard Surface, so that both come to the same alphas. Its direction becomes a
    tangent, since renderers do not agree on which way a rotation turns.

    Height displaces by its difference from 0.5, times ``height_scale`` in metres; where that is not known the graph
    only gives it out. It does so with ambient occlusion too, which no surface shader takes: a renderer that displaces
    finds it itself, others may multiply their ambient light by it.

    Args:
        material: whose maps the files hold.
        files: by kind, relative to the document; a map without one is left out.
        convention: of the normal map's file.
        depth: bits of the files, where they are not those of the maps' sources.

    Returns:
        XML, with a line break at the end.
    """
    name = _name(material.name)
    root = ET.Element("materialx", version=_VERSION, colorspace=_LINEAR)
    graph = _Graph(root, f"NG_{name}")
    maps = _maps(graph, material, files, convention, depth)
    surface = _surface_inputs(graph, maps)
    displacement = _displacement(root, graph, maps, material.height_scale, name)
    if "ao" in maps:
        graph.output("ambient_occlusion", maps["ao"])
    for shader in _SHADERS:
        inputs = {**surface, **_own_inputs(graph, maps, shader)}
        shading = ET.SubElement(root, shader.node, name=f"SR_{name}{shader.suffix}", type="surfaceshader")
        for meaning, value in inputs.items():
            _add_input(shading, shader.inputs[meaning], value, graph)
        made = ET.SubElement(root, "surfacematerial", name=f"{name}{shader.suffix}", type="material")
        _add_input(made, "surfaceshader", _Port(shading.attrib["name"], "surfaceshader"))
        if displacement is not None:
            _add_input(made, "displacementshader", displacement)
    graph.finish()
    ET.indent(root)
    return '<?xml version="1.0"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


class _Graph:
    """A node graph that grows.

    Args:
        document: that it becomes a part of.
        name: of the graph.
    """

    def __init__(self, document: ET.Element, name: str) -> None:
        self.name = name
        self._element = ET.SubElement(document, "nodegraph", name=name)
        self._outputs: dict[str, _Port] = {}

    def node(self, category: str, name: str, kind: str, **inputs: _Value) -> _Port:
        """A node with one output, and its inputs; names that Python keeps for itself end in an underscore."""
        node = ET.SubElement(self._element, category, name=name, type=kind)
        for label, value in inputs.items():
            _add_input(node, label.rstrip("_"), value)
        return _Port(name, kind)

    def image(self, name: str, kind: str, file: str, colorspace: str = _DATA) -> _Port:
        """A texture that spans the unit square of texture coordinates."""
        node = ET.SubElement(self._element, "image", name=name, type=kind)
        ET.SubElement(node, "input", name="file", type="filename", value=file, colorspace=colorspace)
        return _Port(name, kind)

    def output(self, name: str, port: _Port) -> None:
        """Give a node's output out under a name."""
        self._outputs[name] = port

    def finish(self) -> None:
        """Write the outputs, behind all nodes."""
        for name, port in self._outputs.items():
            ET.SubElement(self._element, "output", name=name, type=port.kind, nodename=port.node)


def _add_input(node: ET.Element, label: str, value: _Value, graph: _Graph | None = None) -> None:
    """An input that is a value, or the output of another node: of one inside ``graph``, if that is given."""
    if isinstance(value, _Port) and graph is not None:
        graph.output(f"{value.node}_out", value)
        ET.SubElement(node, "input", name=label, type=value.kind, nodegraph=graph.name, output=f"{value.node}_out")
    elif isinstance(value, _Port):
        ET.SubElement(node, "input", name=label, type=value.kind, nodename=value.node)
    else:
        kind = {int: "integer", float: "float", str: "string", tuple: "vector3"}[type(value)]
        text = ", ".join(map(repr, value)) if isinstance(value, tuple) else str(value)
        ET.SubElement(node, "input", name=label, type=kind, value=text)


def _name(name: str) -> str:
    """A material's name in the letters that MaterialX allows."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"\W+", "_", plain).strip("_")
    return words if words and not words[0].isdigit() else f"material_{words}".rstrip("_")


def _maps(
    graph: _Graph, material: Material, files: Mapping[MapKind, str], convention: Convention, depth: Depth | None
) -> dict[str, _Port]:
    """What the maps say, by kind; separate maps win over packed ones, and roughness over gloss."""
    maps: dict[str, _Port] = {}
    for kind, file in files.items():
        if kind in ("basecolor", "emission"):
            maps[kind] = graph.image(kind, "color3", file, _colorspace(material.maps[kind], file, depth))
        elif kind == "normal":
            maps[kind] = _normal(graph, file, convention, _is_signed(material.maps[kind], file, depth))
        elif kind in _SCALARS:
            maps[kind] = graph.image(kind, "float", file)
    if "orm" in files:
        packed = graph.image("orm", "vector3", files["orm"])
        for kind_packed, channel in _CHANNELS.items():
            if kind_packed not in maps:
                maps[kind_packed] = graph.node("extract", kind_packed, "float", in_=packed, index=channel)
    if "gloss" in maps and "roughness" not in maps:
        maps["roughness"] = graph.node("invert", "roughness", "float", in_=maps["gloss"])
    return maps


def _stored_whole(texture: Texture, file: str, depth: Depth | None) -> bool:
    wanted = depth or (texture.source.depth if texture.source else "uint8")
    return stored_depth(Path(file), wanted) in ("uint8", "uint16")


def _colorspace(texture: Texture, file: str, depth: Depth | None) -> str:
    """How :class:`~matshot.texture.TextureWriter` stores colours in this file."""
    source, whole = texture.source, _stored_whole(texture, file, depth)
    if source is not None and source.colorspace and texture.encoding == "linear":
        return source.colorspace
    if source is not None and (source.depth in ("uint8", "uint16")) == whole:
        return _DISPLAY if texture.encoding == "srgb" else _LINEAR
    return _DISPLAY if whole else _LINEAR


def _is_signed(texture: Texture, file: str, depth: Depth | None) -> bool:
    """Whether :class:`~matshot.texture.TextureWriter` stores these normals in [-1, 1]."""
    return texture.source is not None and texture.source.signed and not _stored_whole(texture, file, depth)


def _normal(graph: _Graph, file: str, convention: Convention, signed: bool) -> _Port:
    """World-space normals; the node that makes them takes OpenGL's, in [0, 1]."""
    stored = graph.image("normal", "vector3", file)
    size = 0.5 if signed else 1.0
    factors = (size, -size if convention == "dx" else size, size)
    if signed or convention == "dx":
        middle = 0.5 if signed else 0.0
        offsets = (middle, 0.5 if signed else 1.0, middle)
        scaled = graph.node("multiply", "normal_scaled", "vector3", in1=stored, in2=factors)
        stored = graph.node("add", "normal_gl", "vector3", in1=scaled, in2=offsets)
    return graph.node("normalmap", "normal_world", "vector3", in_=stored)


def _surface_inputs(graph: _Graph, maps: Mapping[str, _Port]) -> dict[str, _Value]:
    """What all shaders get."""
    inputs: dict[str, _Value] = {"base": 1.0}
    inputs |= {kind: maps[kind] for kind in ("basecolor", "metallic", "normal", "emission") if kind in maps}
    if "emission" in maps:
        inputs["emitting"] = 1.0
    if "specular" in maps:
        reflected = graph.node("multiply", "specular_reflectance", "float", in1=maps["specular"], in2=_SPECULAR)
        root = graph.node("sqrt", "specular_amplitude", "float", in_=reflected)
        above = graph.node("add", "specular_above", "float", in1=root, in2=1.0)
        below = graph.node("subtract", "specular_below", "float", in1=1.0, in2=root)
        inputs["ior"] = graph.node("divide", "specular_ior", "float", in1=above, in2=below)
    if "anisotropy" in maps:
        twice = graph.node("multiply", "anisotropy_twice", "float", in1=maps["anisotropy"], in2=2.0)
        above = graph.node("add", "anisotropy_above", "float", in1=maps["anisotropy"], in2=1.0)
        inputs["anisotropy"] = graph.node("divide", "anisotropy_ratio", "float", in1=twice, in2=above)
        if "anisotropy_angle" in maps:
            inputs["tangent"] = _tangent(graph, maps["anisotropy_angle"])
    return inputs


def _tangent(graph: _Graph, turns: _Port) -> _Port:
    """The direction of the larger alpha, counter-clockwise from +X by a part of a turn."""
    angle = graph.node("multiply", "anisotropy_radians", "float", in1=turns, in2=2 * math.pi)
    parts = []
    for axis, wave in (("tangent", "cos"), ("bitangent", "sin")):
        direction = graph.node(axis, f"surface_{axis}", "vector3", space="world")
        share = graph.node(wave, f"anisotropy_{wave}", "float", in_=angle)
        parts.append(graph.node("multiply", f"anisotropy_along_{axis}", "vector3", in1=direction, in2=share))
    return graph.node("add", "anisotropy_tangent", "vector3", in1=parts[0], in2=parts[1])


def _own_inputs(graph: _Graph, maps: Mapping[str, _Port], shader: _Shader) -> dict[str, _Value]:
    """What shaders get differently."""
    inputs: dict[str, _Value] = {"roughness": maps.get("roughness", _ROUGHNESS)}
    if "anisotropy" in maps:
        part = f"{shader.node}_roughness"
        square = graph.node("multiply", f"{part}_square", "float", in1=maps["anisotropy"], in2=maps["anisotropy"])
        signed = graph.node("multiply", f"{part}_signed", "float", in1=square, in2=shader.squares)
        above = graph.node("add", f"{part}_sum", "float", in1=signed, in2=1.0)
        factor = graph.node("power", f"{part}_factor", "float", in1=above, in2=0.25)
        inputs["roughness"] = graph.node("multiply", part, "float", in1=factor, in2=inputs["roughness"])
    if "opacity" in maps:
        covered = maps["opacity"]
        if shader.opacity != covered.kind:
            covered = graph.node("convert", f"{shader.node}_opacity", shader.opacity, in_=covered)
        inputs["opacity"] = covered
    return inputs


def _displacement(
    document: ET.Element, graph: _Graph, maps: Mapping[str, _Port], metres: float | None, name: str
) -> _Port | None:
    """A displacement along the normal; without a scale the height is only given out."""
    if "height" not in maps:
        return None
    graph.output("height_out", maps["height"])
    if metres is None:
        return None
    raised = graph.node("subtract", "height_raised", "float", in1=maps["height"], in2=_LEVEL)
    moved = ET.SubElement(document, "displacement", name=f"DR_{name}", type="displacementshader")
    _add_input(moved, "displacement", raised, graph)
    ET.SubElement(moved, "input", name="scale", type="float", value=str(metres), unittype="distance", unit="meter")
    return _Port(moved.attrib["name"], "displacementshader")
