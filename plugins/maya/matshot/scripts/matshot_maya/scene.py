"""The scene: what is selected, what it shows, what gets a material, and undo."""

import contextlib
from typing import Iterator, List, NamedTuple, Sequence, Tuple

from maya import cmds

from matshot_host.errors import MatshotError

from . import textures

_SHAPES = ["mesh", "nurbsSurface", "subdiv"]
#: Plugs of a shading group behind which materials are.
_SLOTS = ("surfaceShader", "displacementShader", "volumeShader", "aiSurfaceShader")
#: Attributes by which :mod:`.network` holds maps that no input of a shader takes.
KEPT = "matshot"


class Member(NamedTuple):
    """Something that can have a material; found again even when it was renamed.

    Attributes:
        identity: UUID of the shape.
        component: such as ``.f[0:3]``, empty for all of it.
    """

    identity: str
    component: str


@contextlib.contextmanager
def undo_chunk(title: str) -> Iterator[None]:
    """Everything done inside is one step of undo."""
    cmds.undoInfo(openChunk=True, chunkName=title)
    try:
        yield
    finally:
        cmds.undoInfo(closeChunk=True)


def selected_members() -> Tuple[Member, ...]:
    """What is selected and can have a material: shapes, all those below a group, faces."""
    found: List[Member] = []
    for name in cmds.ls(selection=True, long=True) or []:
        owner, dot, component = name.partition(".")
        if dot and not component.startswith("f["):
            continue
        for shape in cmds.ls(owner, dagObjects=True, shapes=True, noIntermediate=True, long=True, type=_SHAPES) or []:
            member = Member(cmds.ls(shape, uuid=True)[0], dot + component)
            if member not in found:
                found.append(member)
    return tuple(found)


def assign(group: str, members: Sequence[Member]) -> int:
    """Give a shading group's material to those that are still there; how many that were."""
    names = [name + member.component for member in members for name in cmds.ls(member.identity, long=True) or []]
    if names:
        cmds.sets(names, edit=True, forceElement=group)
    return len(names)


def let_light_through(members: Sequence[Member]) -> None:
    """Make Arnold ask the material how opaque these are; it takes shapes for opaque unless they say otherwise."""
    identities = [member.identity for member in members]
    for shape in (cmds.ls(identities, long=True) or []) if identities else []:
        if cmds.attributeQuery("aiOpaque", node=shape, exists=True):
            cmds.setAttr("{}.aiOpaque".format(shape), False)


def selected_files() -> List[textures.Texture]:
    """The textures of the file nodes that are selected themselves; none if there are no such nodes."""
    return textures.read(cmds.ls(selection=True, type="file") or [])


def selected_textures() -> List[textures.Texture]:
    """The textures of what is selected: file nodes, materials, shading groups, or what has materials.

    Raises:
        MatshotError: when nothing is selected, or nothing of it has a texture.
    """
    selected = cmds.ls(selection=True, objectsOnly=True, long=True) or []
    if not selected:
        raise MatshotError("Nothing is selected; select a mesh, a material or a file node first.")
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
    for group in _once(groups):
        files += _files_of(group)
    found = textures.read(_once(files))
    if not found:
        raise MatshotError("What is selected has no textures in file nodes.")
    return found


def _files_of(group: str) -> List[str]:
    """File nodes behind a shading group."""
    sources: List[str] = []
    kept = [name for name in cmds.listAttr(group, userDefined=True) or [] if name.startswith(KEPT)]
    for slot in (*_SLOTS, *kept):
        if cmds.attributeQuery(slot, node=group, exists=True):
            sources += cmds.listConnections("{}.{}".format(group, slot), source=True, destination=False) or []
    if not sources:
        # Without names, these commands would take what is selected.
        return []
    return cmds.ls(cmds.listHistory(_once(sources), pruneDagObjects=True), type="file") or []


def _once(names: Sequence[str]) -> List[str]:
    return list(dict.fromkeys(names))
