# SPDX-License-Identifier: GPL-3.0-or-later
"""The textures of a material: their map types, and their replacement."""

from collections.abc import Iterator, Mapping

from bpy.types import Image, Material, Node, NodeSocket, NodeTree, ShaderNodeTexImage

from .blocks import BlockReference, reference
from .images import kind_of, unusable

#: Maps by the socket of the Principled BSDF or another node that they reach.
_MAPS = {
    "Base Color": "basecolor",
    "Metallic": "metallic",
    "Roughness": "roughness",
    "Specular IOR Level": "specular",
    "Alpha": "opacity",
    "Emission Color": "emission",
    "Anisotropic": "anisotropy",
    "Anisotropic Rotation": "anisotropy_angle",
    "Height": "height",
}
#: Channels of a packed map that reach these sockets.
_PACKED = {"Roughness": 1, "Metallic": 2}


def textures(material: Material) -> dict[BlockReference, str]:
    """Map types of a material's images: color, normal, data or auto."""
    found: dict[BlockReference, str] = {}
    for tree, node in image_nodes(material):
        image = node.image
        if image is None or unusable(image) or found.get(reference("images", image)) == "normal":
            continue
        if _feeds_normal_map(tree, node):
            found[reference("images", image)] = "normal"
        else:
            found[reference("images", image)] = kind_of(image) if image.colorspace_settings.is_data else "color"
    return found


def maps(material: Material) -> dict[str, BlockReference]:
    """Images of a material by the map that they are, as far as the links tell; the first of each map counts."""
    found: dict[str, BlockReference] = {}
    for tree, node in image_nodes(material):
        if node.image is None or unusable(node.image):
            continue
        if _feeds_normal_map(tree, node):
            kind = "normal"
        else:
            reached = _reached_sockets(tree, node)
            packed = [name for name, channel in reached if _PACKED.get(name) == channel]
            known = [_MAPS[name] for name, _ in reached if name in _MAPS]
            kind = "orm" if packed else known[0] if known else _by_label(node)
        if kind and kind not in found:
            found[kind] = reference("images", node.image)
    return found


def _by_label(node: Node) -> str:
    """The map of an unconnected node by its label, such as ambient occlusion for export."""
    return "ao" if node.label.lower().startswith(("ambient occlusion", "ao")) else ""


def _reached_sockets(tree: NodeTree, start: Node) -> list[tuple[str, int]]:
    """Names of sockets that an image reaches through converters, and the channel that goes there; -1 for all."""
    found, pending, seen = [], [(start, -1)], {start}
    while pending:
        node, channel = pending.pop()
        for link in tree.links:
            if link.from_node != node:
                continue
            passed = channel
            if node.type == "SEPARATE_COLOR":
                passed = list(node.outputs).index(link.from_socket)
            target = link.to_node
            if target.type in ("BSDF_PRINCIPLED", "DISPLACEMENT"):
                found.append((link.to_socket.name, passed))
            elif target.type in _CONVERTERS and (target not in seen or passed != channel):
                seen.add(target)
                pending.append((target, passed))
    return found


def replace(material: Material, images: Mapping[BlockReference, Image]) -> None:
    """Replace the images of a material's nodes, including those in groups.

    Nodes get new data-blocks and the old ones stay unchanged, so that undo restores them with all painted pixels.

    Args:
        material: to change.
        images: new images by the old one.
    """
    for _, node in image_nodes(material):
        found = images.get(reference("images", node.image)) if node.image is not None else None
        if found is not None:
            node.image = found


def image_nodes(material: Material) -> Iterator[tuple[NodeTree, ShaderNodeTexImage]]:
    """All image nodes, including those in groups, with their trees."""
    seen: set[str] = set()
    trees = [material.node_tree] if material.node_tree is not None else []
    while trees:
        tree = trees.pop()
        for node in tree.nodes:
            if node.type == "TEX_IMAGE":
                yield tree, node
            elif node.type == "GROUP" and node.node_tree is not None and node.node_tree.name not in seen:
                seen.add(node.node_tree.name)
                trees.append(node.node_tree)


def _feeds_normal_map(tree: NodeTree, start: Node) -> bool:
    """Whether an image reaches a Normal Map node, directly or through converters."""
    targets: dict[Node, list[NodeSocket]] = {}
    for link in tree.links:
        targets.setdefault(link.from_node, []).append(link.to_socket)
    seen, nodes = {start}, [start]
    while nodes:
        for socket in targets.get(nodes.pop(), ()):
            node = socket.node
            if node.type == "NORMAL_MAP" and socket.name == "Color":
                return True
            if node.type in _CONVERTERS and node not in seen:
                seen.add(node)
                nodes.append(node)
    return False


#: Nodes that pass on their input in another form.
_CONVERTERS = frozenset(
    (
        "REROUTE",
        "SEPARATE_COLOR",
        "COMBINE_COLOR",
        "SEPXYZ",
        "COMBXYZ",
        "INVERT",
        "MATH",
        "VECT_MATH",
        "CURVE_RGB",
        "MIX",
    )
)
