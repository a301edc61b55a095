"""The scene: selection, textures behind it, material assignment, and undo."""

import contextlib
from typing import Iterator, List, NamedTuple, Sequence, Tuple

from maya import cmds

from matshot_host.errors import MatshotError

from . import textures
from .node_handle import NodeHandle

_SHAPES = ["mesh", "nurbsSurface", "subdiv"]
#: Plugs of a shading group that materials connect to.
_SLOTS = ("surfaceShader", "displacementShader", "volumeShader", "aiSurfaceShader")
#: Prefix of shading group attributes to which :mod:`.network` connects maps that no shader input takes.
MAP_ATTRIBUTES = "matshot"


class Member(NamedTuple):
    """A shape or some of its faces; found again after it was renamed.

    Attributes:
        node: the shape.
        component: such as ``.f[0:3]``; empty for the whole shape.
    """

    node: NodeHandle
    component: str


@contextlib.contextmanager
def undo_chunk(title: str) -> Iterator[None]:
    """Makes everything done inside one undo step."""
    cmds.undoInfo(openChunk=True, chunkName=title)
    try:
        yield
    finally:
        cmds.undoInfo(closeChunk=True)


def selected_members() -> Tuple[Member, ...]:
    """Selected shapes, shapes below selected groups, and selected faces."""
    found: List[Member] = []
    for name in cmds.ls(selection=True, long=True) or []:
        owner, dot, component = name.partition(".")
        if dot and not component.startswith("f["):
            continue
        for shape in cmds.ls(owner, dagObjects=True, shapes=True, noIntermediate=True, long=True, type=_SHAPES) or []:
            member = Member(NodeHandle(shape), dot + component)
            if member not in found:
                found.append(member)
    return tuple(found)


def assign(group: str, members: Sequence[Member]) -> int:
    """Assign the material of a shading group to members that still exist.

    Returns:
        Number of members.
    """
    names = [name + member.component for member in members for name in member.node.names()]
    if names:
        cmds.sets(names, edit=True, forceElement=group)
    return len(names)


def disable_opaque(members: Sequence[Member]) -> None:
    """Turn off Arnold's Opaque setting of shapes, which ignores the opacity of their material."""
    for shape in [name for member in members for name in member.node.names()]:
        if cmds.attributeQuery("aiOpaque", node=shape, exists=True):
            cmds.setAttr("{}.aiOpaque".format(shape), False)


def selected_files() -> List[textures.Texture]:
    """Textures of the selected file nodes."""
    return textures.read_textures(cmds.ls(selection=True, type="file") or [])


def selected_textures() -> List[textures.Texture]:
    """Textures of selected file nodes, materials, shading groups and objects.

    Raises:
        MatshotError: when nothing is selected, or the selection has no textures.
    """
    selected = cmds.ls(selection=True, objectsOnly=True, long=True) or []
    if not selected:
        raise MatshotError("Nothing is selected. Select a mesh, a material or a file node.")
    files: List[str] = []
    groups: List[str] = []
    for name in selected:
        kind = cmds.nodeType(name)
        if kind == "file":
            files.append(name)
        elif kind == "shadingEngine":
            groups.append(name)
        else:
            shapes = cmds.ls(name, dagObjects=True, shapes=True, noIntermediate=True, long=True) or [name]
            groups += cmds.listConnections(shapes, type="shadingEngine") or []
    for group in _unique(groups):
        files += _files_of(group)
    found = textures.read_textures(_unique(files))
    if not found:
        raise MatshotError("The selection has no file textures.")
    return found


def selected_images() -> List[str]:
    """Image files of the selection's textures, without UDIM tiles and missing files; none where it has no textures."""
    try:
        found = selected_textures()
    except MatshotError:
        return []
    return [one.path for one in found if textures.UDIM not in one.path and not textures.is_missing(one.path)]


def _files_of(group: str) -> List[str]:
    """File nodes behind a shading group."""
    sources: List[str] = []
    attributes = [name for name in cmds.listAttr(group, userDefined=True) or [] if name.startswith(MAP_ATTRIBUTES)]
    for slot in (*_SLOTS, *attributes):
        if cmds.attributeQuery(slot, node=group, exists=True):
            sources += cmds.listConnections("{}.{}".format(group, slot), source=True, destination=False) or []
    if not sources:
        # Without names, these commands use the selection.
        return []
    return cmds.ls(cmds.listHistory(_unique(sources), pruneDagObjects=True), type="file") or []


def _unique(names: Sequence[str]) -> List[str]:
    return list(dict.fromkeys(names))
