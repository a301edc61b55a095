"""File nodes: made with their placement and colour space, read, and given other files."""

import glob
import os
import re
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from maya import cmds

from matshot_host.errors import MatshotError

UDIM = "<UDIM>"
#: Of ``uvTilingMode``; other ways of numbering tiles are not read.
_NO_TILES, _UDIM_TILES = 0, 3
_TILE = re.compile(r"(?<![0-9])1[0-9]{3}(?![0-9])(?=[^0-9]*\.[A-Za-z0-9]+$)")

#: What file nodes are connected to without being used.
_LISTS = ("defaultTextureList", "nodeGraphEditorInfo")

#: What place2dTexture hands to a file node under the same name, and under another.
_PLACED = (
    *("coverage", "translateFrame", "rotateFrame", "mirrorU", "mirrorV", "stagger", "wrapU", "wrapV", "repeatUV"),
    *("offset", "rotateUV", "noiseUV", "vertexUvOne", "vertexUvTwo", "vertexUvThree", "vertexCameraOne"),
)
_PLACED_AS = {"outUV": "uvCoord", "outUvFilterSize": "uvFilterSize"}

#: Names that colour configurations give to what a map is encoded in, Maya's own first.
_SPACES: Dict[str, Tuple[str, ...]] = {
    "srgb": ("sRGB", "sRGB - Texture", "Utility - sRGB - Texture", "sRGB Encoded Rec.709 (sRGB)", "srgb_texture"),
    "linear": (
        *("scene-linear Rec.709-sRGB", "scene-linear Rec 709/sRGB", "Linear Rec.709 (sRGB)", "lin_rec709"),
        *("Utility - Linear - sRGB", "Utility - Linear - Rec.709", "lin_srgb"),
    ),
    "data": ("Raw", "Utility - Raw", "raw", "data", "Non-Color"),
}


class Texture(NamedTuple):
    """One file and the file nodes that show it.

    Attributes:
        path: absolute; holds ``<UDIM>`` if it is in tiles.
        nodes: UUIDs of the file nodes.
        kind: what it holds: ``color``, ``normal``, ``data``, or ``auto`` where the network does not say.
        normal: green channel of normals: ``dx`` where the network turns it, else ``auto``.
    """

    path: str
    nodes: Tuple[str, ...]
    kind: str
    normal: str


def placement(name: str, tiling: Tuple[float, float] = (1.0, 1.0)) -> str:
    """A node that lays textures over the surface.

    Args:
        name: that it should get.
        tiling: how often they repeat in u and v.
    """
    node = cmds.shadingNode("place2dTexture", asUtility=True, name=name)
    cmds.setAttr("{}.repeatUV".format(node), tiling[0], tiling[1], type="float2")
    return node


def file_node(name: str, path: str, placed: str, encoding: str = "", colorspace: str = "") -> str:
    """A node that shows a file.

    Args:
        name: that it should get.
        path: of the file; may hold ``<UDIM>``.
        placed: node of :func:`placement`.
        encoding: ``srgb``, ``linear`` or ``data``; empty leaves the colour space to Maya's rules.
        colorspace: OCIO name that comes before ``encoding``, if this Maya has it.
    """
    node = cmds.shadingNode("file", asTexture=True, isColorManaged=True, name=name)
    for given in _PLACED:
        cmds.connectAttr("{}.{}".format(placed, given), "{}.{}".format(node, given))
    for given, taken in _PLACED_AS.items():
        cmds.connectAttr("{}.{}".format(placed, given), "{}.{}".format(node, taken))
    if UDIM in path:
        cmds.setAttr("{}.uvTilingMode".format(node), _UDIM_TILES)
    cmds.setAttr("{}.fileTextureName".format(node), _first_tile(path), type="string")
    if encoding:
        # Else the rules would choose again whenever the file changes.
        cmds.setAttr("{}.ignoreColorSpaceFileRules".format(node), True)
        cmds.setAttr("{}.colorSpace".format(node), _space(encoding, colorspace), type="string")
    return node


def read(nodes: Sequence[str]) -> List[Texture]:
    """What file nodes show, nodes with the same file together.

    Raises:
        MatshotError: when tiles are numbered in a way that is not read.
    """
    found: Dict[str, Texture] = {}
    for node in nodes:
        path = _shown(node)
        if not path:
            continue
        identity = cmds.ls(node, uuid=True)[0]
        kind, normal = _held(node)
        known = found.get(path)
        if known is None:
            found[path] = Texture(path, (identity,), kind, normal)
        else:
            # A file that one node shows as normals is a normal map, whatever the others do with it.
            kept = known if known.kind == "normal" or kind != "normal" else Texture(path, (), kind, normal)
            found[path] = kept._replace(nodes=(*known.nodes, identity))
    return list(found.values())


def missing(path: str) -> bool:
    """Whether no such file, or no tile of it, is on disk."""
    return not (_tiles(path) if UDIM in path else os.path.isfile(path))


def shows(texture: Texture, source: str) -> bool:
    """Whether a file is this texture, or one of its tiles."""
    wanted, given = (os.path.normcase(os.path.normpath(path)) for path in (texture.path, source))
    if wanted == given:
        return True
    head, found, tail = wanted.partition(os.path.normcase(UDIM))
    return bool(found) and re.match(re.escape(head) + "1[0-9]{3}" + re.escape(tail) + "$", given) is not None


def replace(texture: Texture, path: str) -> int:
    """Give all nodes of a texture another file, and leave everything else of them as it is.

    Args:
        texture: that is replaced.
        path: of the new file, of its first tile, or with ``<UDIM>``.

    Returns:
        how many nodes were still there.
    """
    nodes = cmds.ls(list(texture.nodes)) if texture.nodes else []
    for node in nodes:
        space = cmds.getAttr("{}.colorSpace".format(node))
        cmds.setAttr("{}.fileTextureName".format(node), _first_tile(path), type="string")
        if cmds.getAttr("{}.colorSpace".format(node)) != space:
            # The rules chose by the new file's name; what the artist had is right, for it is the same map.
            cmds.setAttr("{}.ignoreColorSpaceFileRules".format(node), True)
            cmds.setAttr("{}.colorSpace".format(node), space, type="string")
    return len(nodes)


def _space(encoding: str, colorspace: str) -> str:
    """What this Maya calls a colour space."""
    # A list of names; the stub says otherwise.
    names: Any = cmds.colorManagementPrefs(query=True, inputSpaceNames=True)
    known = {str(name).lower(): str(name) for name in names or []}
    wanted = ((colorspace,) if colorspace else ()) + _SPACES[encoding]
    return next((known[name.lower()] for name in wanted if name.lower() in known), _SPACES[encoding][0])


def _first_tile(path: str) -> str:
    """What a file node wants to see of a texture in tiles: its first file."""
    if UDIM not in path:
        return path.replace("\\", "/")
    return (_tiles(path) or [path.replace(UDIM, "1001")])[0].replace("\\", "/")


def _tiles(path: str) -> List[str]:
    return sorted(glob.glob(glob.escape(path).replace(UDIM, "1[0-9][0-9][0-9]")))


def _shown(node: str) -> str:
    """The absolute path of a node's file, empty for none."""
    path = cmds.getAttr("{}.fileTextureName".format(node)) or ""
    if not path:
        return ""
    tiling = cmds.getAttr("{}.uvTilingMode".format(node))
    if tiling == _UDIM_TILES and UDIM not in path:
        pattern = cmds.getAttr("{}.computedFileTextureNamePattern".format(node)) or ""
        path = pattern if UDIM in pattern else _TILE.sub(UDIM, path, count=1)
    elif tiling not in (_NO_TILES, _UDIM_TILES):
        raise MatshotError("{} numbers its tiles in another way than UDIM, which Matshot does not read.".format(node))
    path = os.path.expanduser(os.path.expandvars(path))
    if not os.path.isabs(path):
        path = os.path.join(str(cmds.workspace(query=True, rootDirectory=True)), path)
    return os.path.normpath(path)


def _held(node: str) -> Tuple[str, str]:
    """What a node's file holds, by what the network makes of it, and the convention of normals."""
    for bump in cmds.listConnections(node, source=False, destination=True, type="bump2d") or []:
        if cmds.getAttr("{}.bumpInterp".format(bump)):
            turned = float(cmds.getAttr("{}.colorGainG".format(node))) < 0
            if cmds.attributeQuery("aiFlipG", node=bump, exists=True) and cmds.getAttr("{}.aiFlipG".format(bump)):
                turned = not turned
            return "normal", "dx" if turned else "auto"
    space = str(cmds.getAttr("{}.colorSpace".format(node))).lower()
    if space in {name.lower() for name in _SPACES["data"]}:
        return "data", "auto"
    # Maya takes what nobody wired for colour; its name may know better.
    users = cmds.listConnections(node, source=False, destination=True) or []
    return ("color" if any(cmds.nodeType(user) not in _LISTS for user in users) else "auto"), "auto"
