# SPDX-License-Identifier: GPL-3.0-or-later
"""A material graph as a Blender material: one readable frame of nodes."""

from collections import defaultdict
from collections.abc import Callable

import bpy
from bpy.types import Context, Image, Material, Node, NodeSocket, NodeTree

from .matshot_host.graph import (
    Anisotropy,
    Channel,
    Invert,
    Ior,
    MaterialGraph,
    NormalMap,
    Turn,
)
from .matshot_host.graph import Image as ImageNode
from .matshot_host.graph import Node as GraphNode

#: Sockets of the Principled BSDF by OpenPBR input; names, since positions change between versions.
_SOCKETS = {
    "base_color": "Base Color",
    "base_metalness": "Metallic",
    "specular_roughness": "Roughness",
    "specular_ior": "Specular IOR Level",
    "specular_roughness_anisotropy": "Anisotropic",
    "geometry_tangent": "Anisotropic Rotation",
    "geometry_normal": "Normal",
    "geometry_opacity": "Alpha",
    "emission_color": "Emission Color",
    "emission_luminance": "Emission Strength",
}

#: Displacement in Blender units of a material with unknown height.
UNKNOWN_SCALE = 0.02

#: Width of a column, in units of the node editor.
_COLUMN = 300.0
#: Height of nodes in the same units.
_HEIGHTS = {
    "ShaderNodeTexCoord": 260.0,
    "ShaderNodeMapping": 370.0,
    # Collapsed, like those of Node Wrangler; the label names the map.
    "ShaderNodeTexImage": 70.0,
    "ShaderNodeSeparateColor": 180.0,
    "ShaderNodeNormalMap": 210.0,
    "ShaderNodeVectorMath": 290.0,
    "ShaderNodeMath": 210.0,
    "ShaderNodeInvert": 150.0,
    "ShaderNodeTangent": 140.0,
    "ShaderNodeDisplacement": 220.0,
}


def build(graph: MaterialGraph, image_of: Callable[[ImageNode], Image], height_scale: float = 0.0) -> Material:
    """Create a material from a graph.

    Args:
        graph: of the material.
        image_of: returns the data-block of an image node.
        height_scale: displacement of one unit of height in units of the object; 0 if unknown.
    """
    material = bpy.data.materials.new(graph.name)
    if material.node_tree is None:
        material.use_nodes = True
    # The normal map already shows the height; bump from the height would show it twice.
    material.displacement_method = "DISPLACEMENT" if "geometry_normal" in graph.surface else "BOTH"
    _TreeBuilder(graph, material.node_tree, image_of, height_scale).build()
    return material


def show_all(context: Context, material: Material) -> None:
    """Show all nodes of a material in the shader editors that show it."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            space = area.spaces.active
            if area.type != "NODE_EDITOR" or space.tree_type != "ShaderNodeTree" or not area.width:
                continue
            region = next((one for one in area.regions if one.type == "WINDOW"), None)
            with context.temp_override(window=window, area=area, region=region):
                if not bpy.app.background and space.edit_tree == material.node_tree and bpy.ops.node.view_all.poll():
                    bpy.ops.node.view_all()


class _TreeBuilder:
    """Builds the node tree of a material.

    Args:
        graph: of the material.
        tree: to fill; its nodes are removed.
        image_of: returns the data-block of an image node.
        height_scale: of the displacement; 0 if unknown.
    """

    def __init__(
        self, graph: MaterialGraph, tree: NodeTree, image_of: Callable[[ImageNode], Image], height_scale: float
    ) -> None:
        self._graph, self._tree, self._image_of, self._height_scale = graph, tree, image_of, height_scale
        tree.nodes.clear()
        self._frame = tree.nodes.new("NodeFrame")
        self._frame.label = graph.name
        self._frame.label_size = 24
        self._below: dict[int, float] = defaultdict(float)
        #: Output socket and column of each graph node.
        self._outputs: dict[str, NodeSocket] = {}
        self._columns: dict[str, int] = {}
        self._separated: dict[str, Node] = {}
        #: Distance of each image node from the top.
        self._rows: dict[str, float] = {}
        #: Outputs that replace those of the graph, by socket of the Principled BSDF.
        self._replacements: dict[str, NodeSocket] = {}

    def build(self) -> None:
        """Create all nodes and links."""
        coordinates = self._new("ShaderNodeTexCoord", 0)
        mapping = self._new("ShaderNodeMapping", 1, "Tiling")
        mapping.inputs["Scale"].default_value = (*self._graph.mapping.tiling, 1.0)
        self._link(coordinates.outputs["UV"], mapping.inputs["Vector"])
        self._vector = mapping.outputs["Vector"]
        for node in self._graph.nodes:
            self._outputs[node.name] = self._create(node)
        last = max((column for column, below in self._below.items() if below), default=1) + 1
        principled = self._new("ShaderNodeBsdfPrincipled", last)
        output = self._new("ShaderNodeOutputMaterial", last + 1)
        self._link(principled.outputs["BSDF"], output.inputs["Surface"])
        for name, value in self._graph.surface.items():
            self._set_input(principled, name, value)
        if self._graph.displacement is not None:
            self._displace(output, last - 1)
        for node in self._tree.nodes:
            node.select = False
            if node != self._frame:
                # Place the Principled BSDF where new materials have it.
                node.location.x -= last * _COLUMN - 10.0
                node.location.y += 300.0

    def _set_input(self, principled: Node, surface_input: str, value: str | float) -> None:
        is_ior = surface_input == "specular_ior" and not isinstance(value, str)
        name = "IOR" if is_ior else _SOCKETS[surface_input]
        socket = principled.inputs[name]
        if isinstance(value, str):
            self._link(self._replacements.get(name, self._outputs[value]), socket)
        elif name in self._replacements:
            self._link(self._replacements[name], socket)
        else:
            socket.default_value = value
        if surface_input == "geometry_tangent":
            self._link(self._replacements["Tangent"], principled.inputs["Tangent"])

    def _displace(self, output: Node, column: int) -> None:
        displacement = self._graph.displacement
        assert displacement is not None
        self._below[column] = max(self._below[column], self._rows[displacement.source])
        node = self._new("ShaderNodeDisplacement", column)
        if displacement.scale is None:
            estimated = "from Normals" if self._height_scale else "Unknown Scale"
            node.label, node.width = f"Displacement ({estimated})", 220.0
        node.inputs["Midlevel"].default_value = displacement.level
        node.inputs["Scale"].default_value = self._height_scale or displacement.scale or UNKNOWN_SCALE
        self._link(self._outputs[displacement.source], node.inputs["Height"])
        self._link(node.outputs["Displacement"], output.inputs["Displacement"])

    def _create(self, node: GraphNode) -> NodeSocket:
        """Create a node of the graph and return its output."""
        if isinstance(node, ImageNode):
            return self._image(node)
        self._columns[node.name] = column = self._columns[node.source] + 1
        self._rows[node.name] = row = self._rows[node.source]
        # Not above its image, so that no link of the images above runs below it.
        self._below[column] = max(self._below[column], row)
        source = self._outputs[node.source]
        if isinstance(node, Channel):
            return self._channel(node, source)
        if isinstance(node, Invert):
            created = self._new("ShaderNodeInvert", column, node.name.capitalize())
            self._link(source, created.inputs["Color"])
            return created.outputs["Color"]
        if isinstance(node, NormalMap):
            return self._normal_map(node, source)
        if isinstance(node, Anisotropy):
            return self._anisotropic(node, source)
        if isinstance(node, Turn):
            tangent = self._new("ShaderNodeTangent", column)
            tangent.direction_type = "UV_MAP"
            self._replacements["Tangent"] = tangent.outputs["Tangent"]
        # The Principled BSDF takes the specular level and turns directly.
        assert isinstance(node, Ior | Turn)
        return source

    def _image(self, node: ImageNode) -> NodeSocket:
        self._rows[node.name] = self._below[2]
        created = self._new("ShaderNodeTexImage", 2, node.label)
        self._columns[node.name] = 2
        created.width = 240.0
        created.hide = True
        created.image = self._image_of(node)
        # Also a photograph that does not tile: its border would smear otherwise.
        created.extension = "REPEAT"
        if node.name == self._graph.occlusion:
            created.label = f"{node.label} (Export Only)"
        self._link(self._vector, created.inputs["Vector"])
        return created.outputs["Color"]

    def _channel(self, node: Channel, source: NodeSocket) -> NodeSocket:
        if node.source not in self._separated:
            created = self._new("ShaderNodeSeparateColor", self._columns[node.name])
            self._link(source, created.inputs["Color"])
            self._separated[node.source] = created
        return self._separated[node.source].outputs[node.index]

    def _normal_map(self, node: NormalMap, source: NodeSocket) -> NodeSocket:
        column = self._columns[node.name]
        if node.signed or node.convention == "dx":
            # Blender expects [0, 1] with +Y up.
            scale, offset = (0.5, 0.5) if node.signed else (1.0, 0.0)
            flip = node.convention == "dx"
            unsigned = self._new("ShaderNodeVectorMath", column, "Flip Green" if flip else "Map to 0..1")
            unsigned.operation = "MULTIPLY_ADD"
            unsigned.inputs[1].default_value = (scale, -scale if flip else scale, scale)
            unsigned.inputs[2].default_value = (offset, 1.0 - offset if flip else offset, offset)
            self._link(source, unsigned.inputs[0])
            source = unsigned.outputs["Vector"]
            self._columns[node.name] = column = column + 1
        created = self._new("ShaderNodeNormalMap", column)
        created.space = "TANGENT"
        base = created.bl_rna.properties.get("base")
        if self._graph.displacement is not None and base is not None and "ORIGINAL" in base.enum_items:
            # Normals of the displaced surface would show the relief twice.
            created.base = "ORIGINAL"
        self._link(source, created.inputs["Color"])
        return created.outputs["Normal"]

    def _anisotropic(self, node: Anisotropy, source: NodeSocket) -> NodeSocket:
        """GGX alphas r^2 (1 +- a) as Blender's anisotropic and roughness.

        Their ratio (1 - a) / (1 + a) is 1 - 0.9 anisotropic, which gives anisotropic = 2 a / (0.9 (1 + a)); their
        geometric mean is roughness^2, which gives roughness = r (1 - a^2)^(1/4).
        """
        column = self._columns[node.name]
        whole = self._math("ADD", column, "1 + a", source, 1.0)
        part = self._math("DIVIDE", column + 1, "a / (1 + a)", source, whole)
        ratio = self._math("MULTIPLY", column + 2, "Anisotropic", part, 2.0 / 0.9)
        ratio.node.use_clamp = True
        square = self._math("MULTIPLY", column, "a a", source, source)
        rest = self._math("SUBTRACT", column + 1, "1 - a a", 1.0, square)
        root = self._math("POWER", column + 2, "(1 - a a)^(1/4)", rest, 0.25)
        roughness = self._graph.surface["specular_roughness"]
        self._replacements["Roughness"] = self._math(
            "MULTIPLY",
            column + 3,
            "Roughness",
            self._outputs[roughness] if isinstance(roughness, str) else roughness,
            root,
        )
        self._columns[node.name] = column + 2
        return ratio

    def _math(self, operation: str, column: int, label: str, *operands: NodeSocket | float) -> NodeSocket:
        node = self._new("ShaderNodeMath", column, label)
        node.operation = operation
        for socket, operand in zip(node.inputs, operands, strict=False):
            if isinstance(operand, NodeSocket):
                self._link(operand, socket)
            else:
                socket.default_value = operand
        return node.outputs["Value"]

    def _link(self, source: NodeSocket, target: NodeSocket) -> None:
        self._tree.links.new(source, target)

    def _new(self, kind: str, column: int, label: str = "") -> Node:
        """Create a node below the others in its column."""
        node = self._tree.nodes.new(kind)
        node.label = label
        node.parent = self._frame
        node.location = (column * _COLUMN, -self._below[column])
        self._below[column] += _HEIGHTS.get(kind, 0.0)
        return node
