"""A material as a MaterialX 1.39 document, for every host that reads one.

It is written from the material's graph, with what it takes to bring that from this project's reflectance model to those
of two surface shaders: OpenPBR and, for hosts that do not know it yet, Autodesk's Standard Surface. Each makes a
material of its own.
"""

from __future__ import annotations

import math
import os
import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from matshot_host.graph import (
    Anisotropy,
    Channel,
    Displacement,
    Image,
    Invert,
    Ior,
    MaterialGraph,
    Node,
    NormalMap,
    Turn,
)

from .types import DIELECTRIC_REFLECTANCE

#: Of MaterialX.
_VERSION = "1.39"
#: The color space that the document computes in.
_LINEAR = "lin_rec709"
#: Color spaces of files, by encoding.
_COLORSPACES = {"linear": _LINEAR, "srgb": "srgb_texture", "data": "none"}


@dataclass(frozen=True)
class _Shader:
    """A surface shader: what it calls its inputs, and how its anisotropic alphas relate to ``roughness^2``.

    Attributes:
        node: category of its node.
        suffix: of the names of what belongs to it.
        inputs: their names, by OpenPBR's.
        opacity: type of that input.
        squares: factor on ``anisotropy^2`` by which roughness is corrected, see :func:`material_document`.
    """

    node: str
    suffix: str
    inputs: Mapping[str, str]
    opacity: str
    squares: float


#: The shaders that a document describes the material for.
_SHADERS = (
    _Shader(
        "open_pbr_surface",
        "",
        {
            name: name
            for name in (
                *("base_weight", "base_color", "base_metalness", "specular_roughness", "specular_ior"),
                *("specular_roughness_anisotropy", "geometry_normal", "geometry_tangent", "geometry_opacity"),
                *("emission_color", "emission_luminance"),
            )
        },
        "float",
        1.0,
    ),
    _Shader(
        "standard_surface",
        "_standard_surface",
        {
            "base_weight": "base",
            "base_color": "base_color",
            "base_metalness": "metalness",
            "specular_roughness": "specular_roughness",
            "specular_ior": "specular_IOR",
            "specular_roughness_anisotropy": "specular_anisotropy",
            "geometry_normal": "normal",
            "geometry_tangent": "tangent",
            "geometry_opacity": "opacity",
            "emission_color": "emission_color",
            "emission_luminance": "emission",
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


#: What an input can be.
_Value = _Port | int | float | str | tuple[float, ...]
#: MaterialX types of Python's.
_KINDS = {int: "integer", float: "float", str: "string"}


def material_document(graph: MaterialGraph, folder: str | os.PathLike[str]) -> str:
    """The text of a ``.mtlx`` file.

    Colors are declared ``srgb_texture``, or ``lin_rec709`` where their files hold linear values, all other maps
    ``none``. A DirectX normal map has its green turned. Specular becomes an index of refraction with the same
    reflectance at normal incidence, ``n = (1 + sqrt(F)) / (1 - sqrt(F))`` with ``F = 0.08 specular``. Anisotropy a,
    GGX ``alpha = roughness^2 (1 +- a)``, becomes ``2 a / (1 + a)``, with roughness times ``(1 + a^2)^(1/4)`` for
    OpenPBR and ``(1 - a^2)^(1/4)`` for Standard Surface, so that both come to the same alphas. Its direction becomes a
    tangent, since renderers do not agree on which way a rotation turns.

    Height displaces by its difference from the level that stays, times its scale in meters; where that is not known
    the document only gives it out. It does so with ambient occlusion too, which no surface shader takes: a renderer
    that displaces finds it itself, others may multiply their ambient light by it.

    Args:
        graph: of the material.
        folder: that the document will lie in; the files below it are named from there.

    Returns:
        XML, with a line break at the end.
    """
    name = document_name(graph.name)
    root = ET.Element("materialx", version=_VERSION, colorspace=_LINEAR)
    node_graph = _Graph(root, f"NG_{name}", graph.mapping.tiling)
    ports: dict[str, _Port] = {}
    for node in graph.nodes:
        ports[node.name] = _document_node(node_graph, node, ports, Path(folder))
    displacement = _displacement(root, node_graph, ports, graph.displacement, name)
    if graph.occlusion:
        node_graph.output("ambient_occlusion", ports[graph.occlusion])
    for shader in _SHADERS:
        shading = ET.SubElement(root, shader.node, name=f"SR_{name}{shader.suffix}", type="surfaceshader")
        for meaning, value in _shader_inputs(node_graph, graph, ports, shader).items():
            _add_input(shading, shader.inputs[meaning], value, node_graph)
        surface_material = ET.SubElement(root, "surfacematerial", name=f"{name}{shader.suffix}", type="material")
        _add_input(surface_material, "surfaceshader", _Port(shading.attrib["name"], "surfaceshader"))
        if displacement is not None:
            _add_input(surface_material, "displacementshader", displacement)
    node_graph.finish()
    ET.indent(root)
    return '<?xml version="1.0"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


class _Graph:
    """A node graph that grows.

    Args:
        document: that it becomes a part of.
        name: of the graph.
        tiling: how often images repeat in u and v.
    """

    def __init__(self, document: ET.Element, name: str, tiling: tuple[float, float]) -> None:
        self.name = name
        self._element = ET.SubElement(document, "nodegraph", name=name)
        self._outputs: dict[str, _Port] = {}
        self._place: _Port | None = None
        if tiling != (1.0, 1.0):
            across = self.node("texcoord", "place", "vector2")
            self._place = self.node("multiply", "place_tiled", "vector2", in1=across, in2=tiling)

    def node(self, category: str, name: str, kind: str, **inputs: _Value) -> _Port:
        """A node with one output, and its inputs; names that Python keeps for itself end in an underscore."""
        node = ET.SubElement(self._element, category, name=name, type=kind)
        for label, value in inputs.items():
            _add_input(node, label.rstrip("_"), value)
        return _Port(name, kind)

    def image(self, name: str, kind: str, file: str, colorspace: str) -> _Port:
        """A texture that spans the unit square of texture coordinates, or a part of it that tiling says."""
        node = ET.SubElement(self._element, "image", name=name, type=kind)
        ET.SubElement(node, "input", name="file", type="filename", value=file, colorspace=colorspace)
        if self._place is not None:
            _add_input(node, "texcoord", self._place)
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
        kind = f"vector{len(value)}" if isinstance(value, tuple) else _KINDS[type(value)]
        text = ", ".join(map(repr, value)) if isinstance(value, tuple) else str(value)
        ET.SubElement(node, "input", name=label, type=kind, value=text)


def document_name(name: str) -> str:
    """A material's name in the letters that MaterialX allows."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"\W+", "_", plain).strip("_")
    return words if words and not words[0].isdigit() else f"material_{words}".rstrip("_")


def _document_node(graph: _Graph, node: Node, ports: Mapping[str, _Port], folder: Path) -> _Port:
    """A node of the material's graph in the document."""
    if isinstance(node, Image):
        return _image(graph, node, folder)
    source = ports[node.source]
    if isinstance(node, Channel):
        return graph.node("extract", node.name, "float", in_=source, index=node.index)
    if isinstance(node, Invert):
        return graph.node("invert", node.name, "float", in_=source)
    if isinstance(node, NormalMap):
        return _normal(graph, node, source)
    if isinstance(node, Ior):
        return _ior(graph, node, source)
    if isinstance(node, Anisotropy):
        twice = graph.node("multiply", f"{source.node}_twice", "float", in1=source, in2=2.0)
        above = graph.node("add", f"{source.node}_above", "float", in1=source, in2=1.0)
        return graph.node("divide", node.name, "float", in1=twice, in2=above)
    return _tangent(graph, node, source)


def _image(graph: _Graph, image: Image, folder: Path) -> _Port:
    file = Path(image.file)
    folder = Path(os.path.abspath(folder))
    named = (file.relative_to(folder) if file.is_relative_to(folder) else file).as_posix()
    kind = "float" if image.channels == 1 else "vector3" if image.encoding == "data" else "color3"
    return graph.image(image.name, kind, named, image.colorspace or _COLORSPACES[image.encoding])


def _normal(graph: _Graph, node: NormalMap, stored: _Port) -> _Port:
    """World-space normals; the node that makes them takes OpenGL's, in [0, 1]."""
    size = 0.5 if node.signed else 1.0
    factors = (size, -size if node.convention == "dx" else size, size)
    if node.signed or node.convention == "dx":
        middle = 0.5 if node.signed else 0.0
        offsets = (middle, 0.5 if node.signed else 1.0, middle)
        scaled = graph.node("multiply", f"{stored.node}_scaled", "vector3", in1=stored, in2=factors)
        stored = graph.node("add", f"{stored.node}_gl", "vector3", in1=scaled, in2=offsets)
    return graph.node("normalmap", node.name, "vector3", in_=stored)


def _ior(graph: _Graph, node: Ior, level: _Port) -> _Port:
    reflected = graph.node("multiply", f"{level.node}_reflectance", "float", in1=level, in2=DIELECTRIC_REFLECTANCE)
    root = graph.node("sqrt", f"{level.node}_amplitude", "float", in_=reflected)
    above = graph.node("add", f"{level.node}_above", "float", in1=root, in2=1.0)
    below = graph.node("subtract", f"{level.node}_below", "float", in1=1.0, in2=root)
    return graph.node("divide", node.name, "float", in1=above, in2=below)


def _tangent(graph: _Graph, node: Turn, turns: _Port) -> _Port:
    angle = graph.node("multiply", f"{turns.node}_radians", "float", in1=turns, in2=2 * math.pi)
    parts = []
    for axis, wave in (("tangent", "cos"), ("bitangent", "sin")):
        direction = graph.node(axis, f"surface_{axis}", "vector3", space="world")
        share = graph.node(wave, f"{turns.node}_{wave}", "float", in_=angle)
        parts.append(graph.node("multiply", f"{turns.node}_along_{axis}", "vector3", in1=direction, in2=share))
    return graph.node("add", node.name, "vector3", in1=parts[0], in2=parts[1])


def _shader_inputs(
    node_graph: _Graph, graph: MaterialGraph, ports: Mapping[str, _Port], shader: _Shader
) -> dict[str, _Value]:
    """What a shader gets, by OpenPBR's names."""
    inputs: dict[str, _Value] = {"base_weight": 1.0}
    for name, source in graph.surface.items():
        inputs[name] = ports[source] if isinstance(source, str) else source
    if "specular_roughness_anisotropy" in graph.surface:
        raw = ports[_anisotropy(graph).source]
        part = f"{shader.node}_roughness"
        square = node_graph.node("multiply", f"{part}_square", "float", in1=raw, in2=raw)
        signed = node_graph.node("multiply", f"{part}_signed", "float", in1=square, in2=shader.squares)
        above = node_graph.node("add", f"{part}_sum", "float", in1=signed, in2=1.0)
        factor = node_graph.node("power", f"{part}_factor", "float", in1=above, in2=0.25)
        inputs["specular_roughness"] = node_graph.node(
            "multiply", part, "float", in1=factor, in2=inputs["specular_roughness"]
        )
    opacity = inputs.get("geometry_opacity")
    if isinstance(opacity, _Port) and opacity.kind != shader.opacity:
        inputs["geometry_opacity"] = node_graph.node("convert", f"{shader.node}_opacity", shader.opacity, in_=opacity)
    return inputs


def _anisotropy(graph: MaterialGraph) -> Anisotropy:
    return next(node for node in graph.nodes if isinstance(node, Anisotropy))


def _displacement(
    document: ET.Element, node_graph: _Graph, ports: Mapping[str, _Port], displacement: Displacement | None, name: str
) -> _Port | None:
    """A displacement along the normal; without a scale the height is only given out."""
    if displacement is None:
        return None
    height = ports[displacement.source]
    node_graph.output(f"{height.node}_out", height)
    if displacement.scale is None:
        return None
    raised = node_graph.node("subtract", f"{height.node}_raised", "float", in1=height, in2=displacement.level)
    shader = ET.SubElement(document, "displacement", name=f"DR_{name}", type="displacementshader")
    _add_input(shader, "displacement", raised, node_graph)
    meters = str(displacement.scale)
    ET.SubElement(shader, "input", name="scale", type="float", value=meters, unittype="distance", unit="meter")
    return _Port(shader.attrib["name"], "displacementshader")
