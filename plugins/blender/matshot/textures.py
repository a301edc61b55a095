# SPDX-License-Identifier: GPL-3.0-or-later
"""The textures of a material: which image holds what, and putting others in their place."""

from collections.abc import Iterator, Mapping

from bpy.types import Image, Material, Node, NodeSocket, NodeTree, ShaderNodeTexImage

from .images import kind_of, unusable


def textures(material: Material) -> dict[str, str]:
    """What the images of a material hold, by the names of their data-blocks: color, normal, data or auto."""
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
    """Let the nodes of a material show other images.

    The nodes get other data-blocks, and the old ones stay as they are, so that undo brings them back with all that was
    painted on them.

    Args:
        material: whose nodes are changed, those in groups too.
        images: the new one by the name of the old one.
    """
    for _, node in _image_nodes(material):
        if node.image is not None and node.image.name in images:
            node.image = images[node.image.name]


def _image_nodes(material: Material) -> Iterator[tuple[NodeTree, ShaderNodeTexImage]]:
    """All image nodes, those in groups too, with the tree they stand in."""
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
    """Whether the colours of an image reach a Normal Map node, directly or through what converts them."""
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


#: Nodes that still give out what came in, in another form.
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
