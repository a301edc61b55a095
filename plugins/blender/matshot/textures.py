# SPDX-License-Identifier: GPL-3.0-or-later
"""The textures of a material: their map types, and their replacement."""

from collections.abc import Iterator, Mapping

from bpy.types import Image, Material, Node, NodeSocket, NodeTree, ShaderNodeTexImage

from .images import kind_of, unusable


def textures(material: Material) -> dict[str, str]:
    """Map types of a material's images by name: color, normal, data or auto."""
    found: dict[str, str] = {}
    for tree, node in _image_nodes(material):
        image = node.image
        if image is None or unusable(image) or found.get(image.name) == "normal":
            continue
        if _feeds_normal_map(tree, node):
            found[image.name] = "normal"
        else:
            found[image.name] = kind_of(image) if image.colorspace_settings.is_data else "color"
    return found


def replace(material: Material, images: Mapping[str, Image]) -> None:
    """Replace the images of a material's nodes, including those in groups.

    Nodes get new data-blocks and the old ones stay unchanged, so that undo restores them with all painted pixels.

    Args:
        material: to change.
        images: new images by the name of the old one.
    """
    for _, node in _image_nodes(material):
        if node.image is not None and node.image.name in images:
            node.image = images[node.image.name]


def _image_nodes(material: Material) -> Iterator[tuple[NodeTree, ShaderNodeTexImage]]:
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
