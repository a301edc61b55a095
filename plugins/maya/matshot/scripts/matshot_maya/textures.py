"""File nodes: created with their placement and color space, read, and pointed at other files."""

import glob
import os
import re
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from maya import cmds

from matshot_host.errors import MatshotError

from .node_handle import NodeHandle

UDIM = "<UDIM>"
#: Of ``uvTilingMode``; other tile numberings are refused.
_NO_TILES = 0
_UDIM_TILES = 3
_TILE = re.compile(r"(?<![0-9])1[0-9]{3}(?![0-9])(?=[^0-9]*\.[A-Za-z0-9]+$)")

#: Nodes of renderers that read normals, and the attribute with the kind of map where they read bumps, too.
_NORMAL_NODES = {
    "aiNormalMap": "",
    "RedshiftNormalMap": "",
    "RedshiftBumpMap": "inputType",
    "VRayBumpMtl": "bumpMapType",
    "VRayNormalMap": "",
    "PxrNormalMap": "",
}
#: Of materials that read normals themselves: the input, and the attribute with the kind of map.
_NORMAL_INPUTS = {"VRayMtl": ("bumpMap", "bumpMapType")}
#: Names that tell what a file holds, whatever it is connected to.
_TELLING = re.compile(
    r"(?:^|[^a-z])(?:normals?|nrm|nor|n|rough(?:ness)?|r|metal(?:lic|ness)?|m|height|disp(?:lacement)?|h|ao|orm|arm)"
    r"(?:$|[^a-z])",
    re.IGNORECASE,
)

#: Nodes that file nodes connect to without being used.
_LIST_NODES = ("defaultTextureList", "nodeGraphEditorInfo")

#: Attributes of place2dTexture that connect to an attribute of the same name.
_PLACEMENT_ATTRIBUTES = (
    *("coverage", "translateFrame", "rotateFrame", "mirrorU", "mirrorV", "stagger", "wrapU", "wrapV", "repeatUV"),
    *("offset", "rotateUV", "noiseUV", "vertexUvOne", "vertexUvTwo", "vertexUvThree", "vertexCameraOne"),
)
#: Outputs of place2dTexture, and the inputs that they connect to.
_PLACEMENT_OUTPUTS = {"outUV": "uvCoord", "outUvFilterSize": "uvFilterSize"}

#: Names of color spaces in common OCIO configurations, by encoding; Maya's own first.
_COLOR_SPACES: Dict[str, Tuple[str, ...]] = {
    "srgb": ("sRGB", "sRGB - Texture", "Utility - sRGB - Texture", "sRGB Encoded Rec.709 (sRGB)", "srgb_texture"),
    "linear": (
        *("scene-linear Rec.709-sRGB", "scene-linear Rec 709/sRGB", "Linear Rec.709 (sRGB)", "lin_rec709"),
        *("Utility - Linear - sRGB", "Utility - Linear - Rec.709", "lin_srgb"),
    ),
    "data": ("Raw", "Utility - Raw", "raw", "data", "Non-Color"),
}


class Texture(NamedTuple):
    """A file and the file nodes that read it.

    Attributes:
        path: absolute; contains ``<UDIM>`` for tiles.
        nodes: the file nodes.
        kind: map type: ``color``, ``normal``, ``data``, or ``auto`` where the network does not tell.
        normal: convention of normals: ``dx`` where the network flips green, else ``auto``.
    """

    path: str
    nodes: Tuple[NodeHandle, ...]
    kind: str
    normal: str


def create_placement(name: str, tiling: Tuple[float, float] = (1.0, 1.0)) -> str:
    """Create a place2dTexture node.

    Args:
        name: of the node.
        tiling: repeats in u and v.

    Returns:
        Its name in the scene.
    """
    node = cmds.shadingNode("place2dTexture", asUtility=True, name=name)
    cmds.setAttr("{}.repeatUV".format(node), tiling[0], tiling[1], type="float2")
    return node


def create_file_node(name: str, path: str, placement: str, encoding: str = "", colorspace: str = "") -> str:
    """Create a file node.

    Args:
        name: of the node.
        path: of the file; may contain ``<UDIM>``.
        placement: node of :func:`create_placement`.
        encoding: ``srgb``, ``linear`` or ``data``; empty leaves the color space to Maya's rules.
        colorspace: OCIO name; used instead of ``encoding`` if this Maya knows it.

    Returns:
        Its name in the scene.
    """
    node = cmds.shadingNode("file", asTexture=True, isColorManaged=True, name=name)
    for attribute in _PLACEMENT_ATTRIBUTES:
        cmds.connectAttr("{}.{}".format(placement, attribute), "{}.{}".format(node, attribute))
    for output, target in _PLACEMENT_OUTPUTS.items():
        cmds.connectAttr("{}.{}".format(placement, output), "{}.{}".format(node, target))
    if UDIM in path:
        cmds.setAttr("{}.uvTilingMode".format(node), _UDIM_TILES)
    cmds.setAttr("{}.fileTextureName".format(node), _project_path(_first_tile(path)), type="string")
    if encoding:
        # Otherwise the rules would choose again whenever the file changes.
        cmds.setAttr("{}.ignoreColorSpaceFileRules".format(node), True)
        cmds.setAttr("{}.colorSpace".format(node), _color_space(encoding, colorspace), type="string")
    return node


def read_textures(nodes: Sequence[str]) -> List[Texture]:
    """Textures of file nodes; nodes with the same file share one.

    Raises:
        MatshotError: for a tile numbering other than UDIM.
    """
    found: Dict[str, Texture] = {}
    for node in nodes:
        path = _file_path(node)
        if not path:
            continue
        handle = NodeHandle(node)
        kind, normal = _map_type(node)
        known = found.get(path)
        if known is None:
            found[path] = Texture(path, (handle,), kind, normal)
        else:
            # A file that one node reads as normals is a normal map, whatever the others do with it.
            kept = known if known.kind == "normal" or kind != "normal" else Texture(path, (), kind, normal)
            found[path] = kept._replace(nodes=(*known.nodes, handle))
    return list(found.values())


def is_missing(path: str) -> bool:
    """Whether the file, or every tile of it, is missing on disk."""
    return not (_tiles(path) if UDIM in path else os.path.isfile(path))


def is_source(texture: Texture, file: str) -> bool:
    """Whether a file is this texture or one of its tiles."""
    pattern, path = (os.path.normcase(os.path.normpath(path)) for path in (texture.path, file))
    if pattern == path:
        return True
    head, token, tail = pattern.partition(os.path.normcase(UDIM))
    return bool(token) and re.match(re.escape(head) + "1[0-9]{3}" + re.escape(tail) + "$", path) is not None


def replace(texture: Texture, path: str) -> int:
    """Point all file nodes of a texture at another file and keep their other settings.

    Args:
        texture: to replace.
        path: of the new file, of its first tile, or with ``<UDIM>``.

    Returns:
        Number of nodes that still exist.
    """
    nodes = [name for handle in texture.nodes for name in handle.names()]
    for node in nodes:
        space = cmds.getAttr("{}.colorSpace".format(node))
        cmds.setAttr("{}.fileTextureName".format(node), _project_path(_first_tile(path)), type="string")
        if cmds.getAttr("{}.colorSpace".format(node)) != space:
            # The rules chose by the new file's name; the artist's choice is right, since it is the same map.
            cmds.setAttr("{}.ignoreColorSpaceFileRules".format(node), True)
            cmds.setAttr("{}.colorSpace".format(node), space, type="string")
    return len(nodes)


def _color_space(encoding: str, colorspace: str) -> str:
    """This Maya's name of a color space."""
    # A list of names; the stub is wrong.
    names: Any = cmds.colorManagementPrefs(query=True, inputSpaceNames=True)
    known = {str(name).lower(): str(name) for name in names or []}
    candidates = ((colorspace,) if colorspace else ()) + _COLOR_SPACES[encoding]
    return next((known[name.lower()] for name in candidates if name.lower() in known), _COLOR_SPACES[encoding][0])


def _first_tile(path: str) -> str:
    """The first tile, which file nodes of a UDIM texture expect."""
    if UDIM not in path:
        return path.replace("\\", "/")
    return (_tiles(path) or [path.replace(UDIM, "1001")])[0].replace("\\", "/")


def _tiles(path: str) -> List[str]:
    return sorted(glob.glob(glob.escape(path).replace(UDIM, "1[0-9][0-9][0-9]")))


def _file_path(node: str) -> str:
    """Absolute path of a node's file; empty without one."""
    path = cmds.getAttr("{}.fileTextureName".format(node)) or ""
    if not path:
        return ""
    if cmds.getAttr("{}.useFrameExtension".format(node)):
        raise MatshotError("{} is an image sequence. Turn off Use Image Sequence first.".format(node))
    tiling = cmds.getAttr("{}.uvTilingMode".format(node))
    if tiling == _UDIM_TILES and UDIM not in path:
        pattern = cmds.getAttr("{}.computedFileTextureNamePattern".format(node)) or ""
        path = pattern if UDIM in pattern else _TILE.sub(UDIM, path, count=1)
    elif tiling not in (_NO_TILES, _UDIM_TILES):
        raise MatshotError("{} uses a tile numbering other than UDIM. Set its UV Tiling Mode to UDIM.".format(node))
    path = os.path.expanduser(os.path.expandvars(path))
    if not os.path.isabs(path):
        path = os.path.join(str(cmds.workspace(query=True, rootDirectory=True)), path)
    return os.path.normpath(path)


def _map_type(node: str) -> Tuple[str, str]:
    """Map type of a node's file and convention of its normals, as the network uses them; ``auto`` when unsure."""
    for bump in cmds.listConnections(node, source=False, destination=True, type="bump2d") or []:
        if cmds.getAttr("{}.bumpInterp".format(bump)):
            flipped = float(cmds.getAttr("{}.colorGainG".format(node))) < 0
            if cmds.attributeQuery("aiFlipG", node=bump, exists=True) and cmds.getAttr("{}.aiFlipG".format(bump)):
                flipped = not flipped
            return "normal", "dx" if flipped else "auto"
    users = [
        (user, cmds.nodeType(user))
        for user in cmds.listConnections(node, source=False, destination=True) or []
        if cmds.nodeType(user) not in _LIST_NODES
    ]
    for user, kind in users:
        if kind in _NORMAL_NODES and _reads_normals(user, _NORMAL_NODES[kind]):
            return "normal", "auto"
    plugs = cmds.listConnections(node, source=False, destination=True, plugs=True) or []
    for user, _, path in (str(plug).partition(".") for plug in plugs):
        given, attribute = _NORMAL_INPUTS.get(str(cmds.nodeType(user)), ("", ""))
        if given and path.startswith(given) and _reads_normals(user, attribute):
            return "normal", "auto"
    stem = os.path.splitext(os.path.basename(_file_path(node)))[0]
    space = str(cmds.getAttr("{}.colorSpace".format(node))).lower()
    if space in {name.lower() for name in _COLOR_SPACES["data"]}:
        return ("auto" if _TELLING.search(stem) else "data"), "auto"
    # Maya's default is color, also of maps whose name says otherwise and of files that nothing uses.
    is_color = any("color" in plug.partition(".")[2].lower() for plug in plugs)
    return ("color" if is_color and not _TELLING.search(stem) else "auto"), "auto"


def _reads_normals(node: str, attribute: str) -> bool:
    """Whether a node reads its file as normals, not as heights; nodes without the attribute always do."""
    if not attribute or not cmds.attributeQuery(attribute, node=node, exists=True):
        return True
    return bool(cmds.getAttr("{}.{}".format(node, attribute)))


def _project_path(path: str) -> str:
    """A path relative to the project if the file is inside of it, so that projects can be moved."""
    root = os.path.normpath(str(cmds.workspace(query=True, rootDirectory=True)))
    inner = os.path.normpath(path)
    if os.path.normcase(inner).startswith(os.path.normcase(root) + os.sep):
        return inner[len(root) + 1 :].replace("\\", "/")
    return path.replace("\\", "/")
