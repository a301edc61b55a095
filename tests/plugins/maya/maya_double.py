"""A strict double of Maya's Python: what it does not know, or Maya would refuse, raises.

Every flag of every command is checked against the stub of ``types-maya``, for the mode it is used in and for its type;
nodes and attributes against :mod:`maya_nodes`; connections by type; threads; and undo chunks.
"""

from __future__ import annotations

import ast
import copy
import fnmatch
import functools
import os
import re
import sys
import threading
import types
import uuid
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from maya_nodes import ARNOLD, COLOR_SPACES, NODES, RENDERERS, Attribute

#: Flags that the stub has wrong, as Autodesk's command reference has them.
CORRECTIONS = {
    # "-query(-q) string: get the value of the variable"
    "optionVar": {"create": {"query": "str", "q": "str"}},
}


def stub_path() -> str:
    """Where the stub of ``maya.cmds`` is, empty if it is not installed."""
    given = os.environ.get("MATSHOT_MAYA_STUB", "")
    for folder in sys.path:
        path = os.path.join(folder, "maya-stubs", "cmds.pyi")
        if not given and os.path.isfile(path):
            given = path
    return given


class Stub:
    """The flags of Maya's commands, by the mode they may be used in.

    Args:
        path: of ``cmds.pyi``.
    """

    def __init__(self, path: str) -> None:
        with open(path, encoding="utf-8") as stream:
            self._lines = stream.read().splitlines()
        self._known: dict[str, dict[str, dict[str, Any]]] = {}

    def flags(self, command: str) -> dict[str, dict[str, Any]]:
        """Flags and the syntax trees of their types, under ``create``, ``query`` and ``edit``."""
        if command not in self._known:
            start = f"def {command}("
            # Only these lines are parsed: the file as a whole takes seconds.
            found = [line for line in self._lines if line.startswith(start)]
            if not found:
                raise AttributeError(f"Maya has no command {command}")
            modes: dict[str, dict[str, Any]] = {"create": {}, "query": {}, "edit": {}}
            for line in found:
                function = ast.parse(line).body[0]
                assert isinstance(function, ast.FunctionDef)
                flags = {argument.arg: argument.annotation for argument in function.args.kwonlyargs}
                mode = "create"
                for word, short in (("query", "q"), ("edit", "e")):
                    annotation = flags.get(word, flags.get(short))
                    if annotation is not None and _text(annotation) == "Literal[True]":
                        mode = word
                modes[mode].update(flags)
            for mode, corrected in CORRECTIONS.get(command, {}).items():
                modes[mode].update({flag: ast.parse(text, mode="eval").body for flag, text in corrected.items()})
            self._known[command] = modes
        return self._known[command]

    def check(self, command: str, given: dict[str, Any]) -> None:
        """Refuse what the command would.

        Raises:
            TypeError: a flag that is none, not in this mode, or has a value of another type.
        """
        modes = self.flags(command)
        mode = "create"
        for word, short in (("query", "q"), ("edit", "e")):
            if given.get(word) is True or given.get(short) is True:
                mode = word
        for flag, value in given.items():
            if flag not in modes[mode]:
                raise TypeError(f"{command}: no flag {flag} in {mode} mode")
            if not _fits(value, modes[mode][flag]):
                raise TypeError(f"{command}: flag {flag} takes {_text(modes[mode][flag])}, not {value!r}")


def _text(tree: Any) -> str:
    """A type of the stub as it is written there; ``ast.unparse`` is newer than Maya 2022's Python."""
    if isinstance(tree, ast.Name):
        return tree.id
    if isinstance(tree, ast.Subscript):
        return f"{_text(tree.value)}[{_text(_inside(tree))}]"
    if isinstance(tree, ast.Tuple):
        return ", ".join(map(_text, tree.elts))
    if isinstance(tree, ast.BinOp):
        return f"{_text(tree.left)} | {_text(tree.right)}"
    return repr(ast.literal_eval(tree))


def _inside(tree: ast.Subscript) -> Any:
    """What stands in brackets; Python 3.8 and older wrap it once more."""
    return getattr(tree.slice, "value", tree.slice) if type(tree.slice).__name__ == "Index" else tree.slice


def _fits(value: Any, wanted: Any) -> bool:
    """Whether a value is what a type of the stub says."""
    text = _text(wanted)
    if text == "Any":
        return True
    if text in ("bool", "Literal[True]"):
        return isinstance(value, bool)
    if text == "str":
        return isinstance(value, str)
    if text == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if text == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(wanted, ast.BinOp):
        return _fits(value, wanted.left) or _fits(value, wanted.right)
    if isinstance(wanted, ast.Subscript) and isinstance(value, (list, tuple)):
        if text.startswith("list["):
            return all(_fits(one, _inside(wanted)) for one in value)
        parts = _inside(wanted).elts
        return len(value) == len(parts) and all(map(_fits, value, parts))
    return False


#: One for all, for reading it takes a while.
_stub = functools.lru_cache(maxsize=None)(Stub)


class Node:
    """One node of the scene."""

    def __init__(self, name: str, kind: str, attributes: dict[str, Attribute], parent: str = "") -> None:
        self.name, self.kind, self.parent = name, kind, parent
        #: Its own, whatever happens to it.
        self.identity = str(uuid.uuid4()).upper()
        #: Shared by copies of a referenced file.
        self.uuid = self.identity
        self.attributes = dict(attributes)
        self.values: dict[str, Any] = {}
        self.user: list[str] = []
        #: Other transforms that a shape is an instance under.
        self.instances: list[str] = []
        #: Of a referenced file, or locked by the artist: nothing can be set or connected.
        self.locked = False


class Plug(NamedTuple):
    """An attribute of a node, or an element or a part of one."""

    node: Node
    path: str
    attribute: Attribute
    kind: str


class Scene:
    """What undo brings back."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.connections: dict[str, str] = {}
        self.members: dict[str, str] = {}
        self.selection: list[str] = []

    def copy(self) -> Scene:
        """As it is now."""
        made = Scene()
        for name, node in self.nodes.items():
            made.nodes[name] = copied = copy.copy(node)
            copied.attributes, copied.values, copied.user = dict(node.attributes), dict(node.values), list(node.user)
        made.connections, made.members = dict(self.connections), dict(self.members)
        made.selection = list(self.selection)
        return made


class Maya:
    """One run of Maya.

    Args:
        version: of Maya.
        arnold: whether its plug-in is loaded.
        renderers: other renderers whose plug-ins are loaded, of :data:`~maya_nodes.RENDERERS`.
        open_pbr: whether there is an openPBRSurface.
        batch: whether it runs without a window.
    """

    def __init__(
        self,
        version: str = "2026",
        arnold: bool = False,
        renderers: tuple[str, ...] = (),
        open_pbr: bool = True,
        batch: bool = False,
    ) -> None:
        self.version, self.batch = version, batch
        self.types = {kind: dict(attributes) for kind, attributes in NODES.items()}
        if arnold:
            for kind, attributes in ARNOLD.items():
                self.types[kind].update(attributes)
        else:
            del self.types["aiStandardSurface"]
        for renderer in renderers:
            for kind, attributes in RENDERERS[renderer].items():
                self.types.setdefault(kind, {}).update(attributes)
        if not open_pbr:
            del self.types["openPBRSurface"]
        self.scene = Scene()
        self.undone: list[tuple[str, Scene]] = []
        self.chunks: list[str] = []
        self.options: dict[str, Any] = {}
        self.project, self.scene_name, self.user_folder = "", "", ""
        self.color_spaces: tuple[str, ...] = COLOR_SPACES
        self.warnings: list[str] = []
        self.messages: list[str] = []
        self.dialogs: list[str] = []
        self.choices: list[list[str] | None] = []
        self.jobs: dict[str, list[Callable[[], None]]] = {}
        #: Shelves that Maya saved with its preferences, and shows when it starts again.
        self.saved_shelves: dict[str, dict[str, dict[str, Any]]] = {}
        self.deferred: list[str] = []
        self.shelves: dict[str, dict[str, dict[str, Any]]] = {}
        self.controls: dict[str, Any] = {}
        self.window: Any = None
        #: Interface scale of the preferences.
        self.scale = 1.0
        self.used: set[str] = set()
        self.stub = _stub(stub_path()) if stub_path() else None
        self._thread = threading.get_ident()
        self.create("lambert", "lambert1")
        self.create("shadingEngine", "initialShadingGroup")
        self.scene.connections["initialShadingGroup.surfaceShader"] = "lambert1.outColor"

    # What a test does, and Maya's user does otherwise.

    def create(self, kind: str, name: str, parent: str = "") -> str:
        """Make a node; its name, which is another where that one is taken."""
        if kind not in self.types:
            raise RuntimeError(f"Unknown node type {kind}")
        if re.match(r"^[A-Za-z_][A-Za-z0-9_]*$", name) is None:
            raise RuntimeError(f"New name has no legal characters: {name!r}")
        free, number = name, 0
        while free in self.scene.nodes:
            number += 1
            free = "{}{}".format(name.rstrip("0123456789"), number)
        self.scene.nodes[free] = Node(
            free, kind, {**self.types[kind], "message": Attribute("message", output=True)}, parent
        )
        return free

    def mesh(self, name: str, group: str = "initialShadingGroup") -> str:
        """Make a mesh with a material; the name of its transform."""
        transform = self.create("transform", name)
        shape = self.create("mesh", name + "Shape", transform)
        self.scene.members[shape] = group
        return transform

    def rename(self, old: str, new: str) -> None:
        """Rename a node, as an artist may at any time."""
        scene = self.scene
        node = scene.nodes.pop(old)
        node.name = new
        scene.nodes[new] = node
        for child in scene.nodes.values():
            child.parent = new if child.parent == old else child.parent

        def moved(plug: str) -> str:
            owner, _, rest = plug.partition(".")
            return f"{new}.{rest}" if owner == old else plug

        scene.connections = {moved(plug): moved(source) for plug, source in scene.connections.items()}
        scene.members = {new if shape == old else shape: group for shape, group in scene.members.items()}

    def quit(self) -> None:
        """What happens when the artist closes the program."""
        self.happen("quitApplication")
        self.saved_shelves = copy.deepcopy(self.shelves)

    def happen(self, event: str) -> None:
        """Run the script jobs of an event."""
        for action in list(self.jobs.get(event, ())):
            action()

    def new_scene(self) -> None:
        """What happens when the artist chooses File > New: all nodes go, and so does undo."""
        self.scene, self.undone = Scene(), []
        self.create("lambert", "lambert1")
        self.create("shadingEngine", "initialShadingGroup")
        self.happen("NewSceneOpened")

    def instance(self, shape: str, transform: str) -> None:
        """Show a shape below another transform, too."""
        self.scene.nodes[shape].instances.append(transform)

    def run_deferred(self) -> None:
        """What Maya does once it is idle."""
        while self.deferred:
            exec(self.deferred.pop(0), {})

    def of_kind(self, kind: str) -> list[str]:
        """Names of all nodes of a type."""
        return [node.name for node in self.scene.nodes.values() if node.kind == kind]

    def get(self, plug: str) -> Any:
        """Value of an attribute."""
        return self._value(self.plug(plug))

    def source(self, plug: str) -> str:
        """What is connected to an attribute, empty if nothing."""
        return self.scene.connections.get(plug, "")

    # What the plug-in imports.

    def install(self) -> None:
        """Become what ``from maya import cmds`` gives."""
        module = types.ModuleType("maya")
        commands, mel = Commands(self), types.ModuleType("maya.mel")
        mel.eval = self._mel  # type: ignore[attr-defined]
        api = types.ModuleType("maya.api")
        api.OpenMaya = open_maya(self)  # type: ignore[attr-defined]
        gui = types.ModuleType("maya.OpenMayaUI")
        gui.MQtUtil = _QtUtil(self)  # type: ignore[attr-defined]
        for name, part in (("cmds", commands), ("mel", mel), ("OpenMayaUI", gui), ("api", api)):
            setattr(module, name, part)
            sys.modules["maya." + name] = part  # type: ignore[assignment]
        sys.modules["maya.api.OpenMaya"] = api.OpenMaya
        sys.modules["maya"] = module

    def _mel(self, line: str) -> Any:
        self.check_thread("mel.eval")
        found = re.match(r'addNewShelfTab "(\w+)"$', line)
        if found is None or found[1] in self.shelves:
            raise RuntimeError(f"the double knows no such MEL: {line}")
        self.shelves[found[1]] = {}

    def check_thread(self, command: str) -> None:
        """Maya's commands work on its main thread only."""
        if threading.get_ident() != self._thread:
            raise RuntimeError(f"{command} off the main thread")

    # Plugs.

    def plug(self, name: str) -> Plug:
        """An attribute by its full name.

        Raises:
            ValueError: no such node or attribute.
        """
        owner, dot, path = name.partition(".")
        node = self.scene.nodes.get(owner.rsplit("|", 1)[-1])
        if node is None or not dot:
            raise ValueError(f"No object matches name: {name}")
        base, bracket, _ = path.partition("[")
        for attribute_name, attribute in node.attributes.items():
            if attribute_name == base and bool(bracket) == attribute.array:
                return Plug(node, path, attribute, attribute.kind)
            if path in attribute.children:
                return Plug(node, path, attribute, "float")
        raise ValueError(f"No attribute matches name: {name}")

    def _value(self, plug: Plug) -> Any:
        node, attribute = plug.node, plug.attribute
        if plug.path == "computedFileTextureNamePattern":
            path = node.values.get("fileTextureName", "")
            tiled = node.values.get("uvTilingMode", 0) == 3
            return re.sub(r"(?<=\.)1[0-9]{3}(?=\.)", "<UDIM>", path) if tiled else path
        if plug.path in attribute.children:
            whole = next(name for name, other in node.attributes.items() if other is attribute)
            return node.values.get(whole, attribute.default)[attribute.children.index(plug.path)]
        return node.values.get(plug.path, attribute.default)

    def set_value(self, plug: Plug, value: Any) -> None:
        """Set an attribute, with what Maya does then by itself."""
        node, attribute = plug.node, plug.attribute
        if plug.path in attribute.children:
            whole = next(name for name, other in node.attributes.items() if other is attribute)
            parts = list(node.values.get(whole, attribute.default))
            parts[attribute.children.index(plug.path)] = value
            node.values[whole] = tuple(parts)
            return
        node.values[plug.path] = value
        if plug.path == "fileTextureName" and not node.values.get("ignoreColorSpaceFileRules", False):
            # The rules that Maya comes with: float formats are scene-linear, all others sRGB.
            linear = os.path.splitext(value)[1].lower() in (".exr", ".hdr")
            node.values["colorSpace"] = "scene-linear Rec.709-sRGB" if linear else "sRGB"

    def record(self, title: str) -> None:
        """Before anything is changed: what undo goes back to."""
        if not self.chunks:
            self.undone.append((title, self.scene.copy()))

    def path(self, node: Node) -> str:
        """The full name of a node."""
        if node.kind not in ("transform", "mesh"):
            return node.name
        return "{}|{}".format(self.path(self.scene.nodes[node.parent]) if node.parent else "", node.name)


def open_maya(maya: Maya) -> types.ModuleType:
    """``maya.api.OpenMaya``, as far as it follows nodes."""

    class MObject:
        def __init__(self, identity: str) -> None:
            self.identity = identity

        def node(self) -> Node | None:
            return next((node for node in maya.scene.nodes.values() if node.identity == self.identity), None)

        def hasFn(self, kind: int) -> bool:
            node = self.node()
            return kind == MFn.kDagNode and node is not None and node.kind in ("transform", "mesh")

    class MFn:
        kDagNode = 107

    class MObjectHandle:
        def __init__(self, node: MObject) -> None:
            self._node = node

        def isValid(self) -> bool:
            return self._node.node() is not None

        def object(self) -> MObject:
            return self._node

        def hashCode(self) -> int:
            return hash(self._node.identity)

        def __eq__(self, other: Any) -> bool:
            return isinstance(other, MObjectHandle) and self._node.identity == other._node.identity

        __hash__ = None  # type: ignore[assignment]

    class MSelectionList:
        def add(self, name: str) -> None:
            self._node = maya.scene.nodes[name.rsplit("|", 1)[-1]]

        def getDependNode(self, index: int) -> MObject:
            assert index == 0
            return MObject(self._node.identity)

    class MDagPath:
        def __init__(self, node: Node, parent: str) -> None:
            self._node, self._parent = node, parent

        @classmethod
        def getAllPathsTo(cls, node: MObject) -> list[MDagPath]:
            found = node.node()
            assert found is not None
            return [cls(found, parent) for parent in (found.parent, *found.instances)]

        def fullPathName(self) -> str:
            above = maya.path(maya.scene.nodes[self._parent]) if self._parent else ""
            return f"{above}|{self._node.name}"

    class MFnDependencyNode:
        def __init__(self, node: MObject) -> None:
            self._node = node

        def uniqueName(self) -> str:
            node = self._node.node()
            assert node is not None
            return node.name

    module = types.ModuleType("maya.api.OpenMaya")
    for kind in (MObject, MFn, MObjectHandle, MSelectionList, MDagPath, MFnDependencyNode):
        setattr(module, kind.__name__, kind)
    return module


class _QtUtil:
    def __init__(self, maya: Maya) -> None:
        self._maya = maya

    def dpiScale(self, size: float) -> float:
        return size * self._maya.scale

    def mainWindow(self) -> int:
        return _pointer(self._maya.window) if self._maya.window is not None else 0

    def findControl(self, name: str) -> int:
        return _pointer(self._maya.controls[name]) if name in self._maya.controls else 0


def _pointer(widget: Any) -> int:
    try:
        from shiboken6 import getCppPointer
    except ImportError:
        from shiboken2 import getCppPointer
    return int(getCppPointer(widget)[0])


class Commands(types.ModuleType):
    """``maya.cmds``.

    Args:
        maya: that the commands work on.
    """

    def __init__(self, maya: Maya) -> None:
        super().__init__("maya.cmds")
        self.__dict__["_maya"] = maya

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        maya: Maya = self.__dict__["_maya"]
        behind = getattr(_Behind, name, None)
        if behind is None:
            raise AttributeError(f"the double has no command {name}")

        def command(*names: Any, **flags: Any) -> Any:
            maya.check_thread(name)
            maya.used.add(name)
            if maya.stub is not None:
                maya.stub.check(name, flags)
            return behind(_Behind(maya), *names, **flags)

        return command


class _Behind:
    """What the commands do. Each takes only the flags that the plug-in uses, so others raise."""

    def __init__(self, maya: Maya) -> None:
        self.maya, self.scene = maya, maya.scene

    # Nodes and attributes.

    def shadingNode(
        self,
        kind: str,
        name: str = "",
        asShader: bool = False,
        asTexture: bool = False,
        asUtility: bool = False,
        isColorManaged: bool = False,
    ) -> str:
        if [asShader, asTexture, asUtility].count(True) != 1:
            raise RuntimeError("shadingNode: one classification has to be given")
        if isColorManaged and kind != "file":
            raise RuntimeError(f"shadingNode: {kind} is not colour managed")
        self.maya.record("shadingNode")
        return self.maya.create(kind, name or kind)

    def sets(
        self,
        *names: Any,
        renderable: bool = False,
        noSurfaceShader: bool = False,
        empty: bool = False,
        name: str = "set1",
        edit: bool = False,
        forceElement: str = "",
    ) -> Any:
        self.maya.record("sets")
        if not edit:
            if not (renderable and noSurfaceShader and empty):
                raise RuntimeError("the double makes shading groups only")
            return self.maya.create("shadingEngine", name)
        if self.scene.nodes[forceElement].kind != "shadingEngine":
            raise RuntimeError(f"sets: {forceElement} is no set")
        for one in _listed(names):
            owner, dot, component = one.partition(".")
            node = self._node(owner)
            if node.kind != "mesh":
                raise RuntimeError(f"sets: {one} cannot be a member of {forceElement}")
            self.scene.members[node.name + dot + component] = forceElement
        return forceElement

    def getAttr(self, plug: str) -> Any:
        found = self.maya.plug(plug)
        value = self.maya._value(found)
        # Maya gives compound values as a list of one tuple.
        return [value] if found.kind in ("color", "vector", "pair") else value

    def setAttr(self, plug: str, *values: Any, type: str = "") -> None:
        found = self.maya.plug(plug)
        kind, attribute = found.kind, found.attribute
        self.maya.record("setAttr")
        if attribute.output or plug in self.scene.connections or found.node.locked:
            raise RuntimeError(f"setAttr: The attribute '{plug}' is locked or connected and cannot be modified.")
        sizes = {"color": 3, "vector": 3, "pair": 2}
        wanted = {"string": ("string",), "color": ("double3", "float3"), "vector": ("double3", "float3")}
        wanted["pair"] = ("double2", "float2")
        if kind in wanted and type not in wanted[kind]:
            raise RuntimeError(f"setAttr: {plug} needs a type of {wanted[kind]}, not {type!r}")
        if kind not in wanted and type:
            raise RuntimeError(f"setAttr: {plug} takes no type")
        if len(values) != sizes.get(kind, 1):
            raise RuntimeError(f"setAttr: Error reading data element number {len(values)}: {plug}")
        allowed: Any = {"string": str, "bool": (bool,), "enum": (int,), "message": ()}.get(kind, (int, float))
        if not all(isinstance(value, allowed) for value in values):
            raise RuntimeError(f"setAttr: {plug} is {kind}, not {values!r}")
        if kind == "enum" and not 0 <= values[0] < attribute.count:
            raise RuntimeError(f"setAttr: Cannot set the attribute '{plug}' past its maximum.")
        if plug.endswith(".colorSpace") and values[0] not in self.maya.color_spaces:
            raise RuntimeError(f"{values[0]}: unknown color space")
        self.maya.set_value(found, values if kind in sizes else values[0])

    def connectAttr(self, source: str, target: str) -> None:
        given, taken = self.maya.plug(source), self.maya.plug(target)
        self.maya.record("connectAttr")
        if taken.node.locked or (taken.attribute.output and taken.kind != "message"):
            raise RuntimeError(f"connectAttr: {target} is not writable")
        if target in self.scene.connections:
            raise RuntimeError(f"connectAttr: '{target}' is already connected")
        three = ("color", "vector")
        alike = given.kind == taken.kind or (given.kind in three and taken.kind in three)
        if not alike and not (taken.kind == "any" and given.kind in ("float", *three)):
            raise RuntimeError(f"connectAttr: {source} ({given.kind}) to {target} ({taken.kind})")
        self.scene.connections[target] = source

    def addAttr(self, name: str, longName: str, attributeType: str) -> None:
        node = self._node(name)
        self.maya.record("addAttr")
        if longName in node.attributes or attributeType != "message":
            raise RuntimeError(f"addAttr: {name}.{longName}")
        node.attributes[longName] = Attribute("message")
        node.user.append(longName)

    def listAttr(self, name: str, userDefined: bool) -> list[str] | None:
        return list(self._node(name).user) or None

    def attributeQuery(self, attribute: str, node: str, exists: bool) -> bool:
        found = self._node(node)
        return attribute in found.attributes or any(attribute in one.children for one in found.attributes.values())

    def delete(self, *names: Any) -> None:
        self.maya.record("delete")
        for name in _listed(names):
            node = self._node(name)
            del self.scene.nodes[node.name]
            ends = (node.name + ".",)
            self.scene.connections = {
                target: source
                for target, source in self.scene.connections.items()
                if not target.startswith(ends) and not source.startswith(ends)
            }
            self.scene.members = {
                shape: group for shape, group in self.scene.members.items() if node.name not in (shape, group)
            }

    # Looking.

    def ls(
        self,
        *names: Any,
        selection: bool = False,
        long: bool = False,
        uuid: bool = False,
        type: Any = None,
        dagObjects: bool = False,
        shapes: bool = False,
        noIntermediate: bool = False,
        objectsOnly: bool = False,
    ) -> list[str]:
        kinds = [type] if isinstance(type, str) else type
        for kind in kinds or ():
            if kind not in ("nurbsSurface", "subdiv") and kind not in self.maya.types:
                raise RuntimeError(f"Unknown object type: {kind}")
        entries = list(self.scene.selection) if selection else _listed(names)
        if not names and not selection:
            entries = list(self.scene.nodes)
        found: list[str] = []
        for entry in entries:
            owner, dot, component = entry.partition(".")
            for node in self._named(owner):
                below = [node]
                if dagObjects:
                    below += [child for child in self.scene.nodes.values() if self._is_below(child, node)]
                for one in below:
                    if (kinds and one.kind not in kinds) or (shapes and one.kind != "mesh"):
                        continue
                    shown = self.maya.path(one) if long else one.name
                    if dot and not objectsOnly and not dagObjects:
                        shown += dot + component
                    elif dot and one.kind == "transform":
                        # Maya names the shape that a component is of.
                        shape = next(child for child in self.scene.nodes.values() if child.parent == one.name)
                        shown = self.maya.path(shape) if long else shape.name
                    found.append(one.uuid if uuid else shown)
        return list(dict.fromkeys(found))

    def nodeType(self, name: str) -> str:
        return self._node(name).kind

    def listConnections(
        self, names: Any, source: bool = True, destination: bool = True, type: str = "", plugs: bool = False
    ) -> list[str] | None:
        found: list[str] = []
        for name in [names] if isinstance(names, str) else names:
            owner, dot, _ = name.partition(".")
            node = self._node(owner)
            for target, given in self.scene.connections.items():
                ends = (target, given) if dot else (target.split(".")[0], given.split(".")[0])
                mine = (node.name + name[len(owner) :]) if dot else node.name
                if source and mine == ends[0]:
                    found.append(given.split(".")[0])
                if destination and mine == ends[1]:
                    found.append(target if plugs else target.split(".")[0])
            if not dot and destination:
                found += [group for shape, group in self.scene.members.items() if shape.split(".")[0] == node.name]
        return [name for name in found if not type or self.scene.nodes[name].kind == type] or None

    def listHistory(self, names: Any, pruneDagObjects: bool = False) -> list[str]:
        found: list[str] = []
        left = [self._node(name).name for name in ([names] if isinstance(names, str) else names)]
        while left:
            name = left.pop(0)
            if name not in found:
                found.append(name)
                left += [
                    given.split(".")[0]
                    for target, given in self.scene.connections.items()
                    if target.split(".")[0] == name
                ]
        return found

    def allNodeTypes(self) -> list[str]:
        return sorted(self.maya.types)

    # The program.

    def undoInfo(self, openChunk: bool = False, closeChunk: bool = False, chunkName: str = "") -> None:
        if openChunk == closeChunk:
            raise RuntimeError("undoInfo: either open or close")
        if openChunk:
            self.maya.record(chunkName)
            self.maya.chunks.append(chunkName)
        elif not self.maya.chunks:
            raise RuntimeError("undoInfo: no chunk is open")
        else:
            self.maya.chunks.pop()

    def undo(self) -> None:
        if self.maya.chunks or not self.maya.undone:
            raise RuntimeError("There are no more commands to undo.")
        self.maya.scene = self.maya.undone.pop()[1]

    def optionVar(self, query: str = "", exists: str = "", intValue: Any = None, stringValue: Any = None) -> Any:
        options = self.maya.options
        if exists:
            return exists in options
        if query:
            # Maya gives 0 for what it does not have.
            return options.get(query, 0)
        name, value = intValue or stringValue
        options[name] = value
        return None

    def workspace(self, query: bool = False, rootDirectory: bool = False, fileRuleEntry: str = "") -> str:
        return "sourceimages" if fileRuleEntry == "sourceImages" else self.maya.project.replace("\\", "/") + "/"

    def file(self, query: bool, sceneName: bool) -> str:
        return self.maya.scene_name

    def about(self, version: bool = False, batch: bool = False) -> Any:
        return self.maya.version if version else self.maya.batch

    def internalVar(self, userAppDir: bool) -> str:
        return self.maya.user_folder + "/"

    def colorManagementPrefs(self, query: bool, inputSpaceNames: bool) -> list[str]:
        return list(self.maya.color_spaces)

    def scriptJob(self, event: Any, protected: bool) -> int:
        name, action = event
        if name not in ("quitApplication", "NewSceneOpened", "SceneOpened"):
            raise RuntimeError(f"scriptJob: unknown event {name}")
        self.maya.jobs.setdefault(name, []).append(action)
        return sum(map(len, self.maya.jobs.values()))

    def evalDeferred(self, script: str, lowestPriority: bool = False) -> None:
        self.maya.deferred.append(script)

    # Windows.

    def confirmDialog(self, title: str, message: str, button: Any, icon: str = "", defaultButton: str = "OK") -> str:
        if icon not in ("", "question", "information", "warning", "critical") or defaultButton not in button:
            raise RuntimeError(f"confirmDialog: {icon} {defaultButton}")
        self.maya.dialogs.append(message)
        return defaultButton

    def warning(self, text: str) -> None:
        self.maya.warnings.append(text)

    def inViewMessage(self, statusMessage: str, position: str, fade: bool, fadeStayTime: int) -> None:
        corners = [row + column for row in ("top", "mid", "bot") for column in ("Left", "Center", "Right")]
        if position not in corners:
            raise RuntimeError(f"inViewMessage: no position {position}")
        self.maya.messages.append(statusMessage)

    def fileDialog2(self, caption: str, fileMode: int, dialogStyle: int, okCaption: str, fileFilter: str) -> Any:
        if fileMode not in range(6) or dialogStyle not in (1, 2):
            raise RuntimeError(f"fileDialog2: {fileMode} {dialogStyle}")
        return self.maya.choices.pop(0)

    def workspaceControl(self, name: str, exists: bool = False, edit: bool = False, **flags: Any) -> Any:
        if exists:
            return name in self.maya.controls
        if edit:
            for neighbour in flags.get("tabToControl", ())[:1]:
                if neighbour not in self.maya.controls:
                    raise RuntimeError(f"workspaceControl: {neighbour} not found")
            if name not in self.maya.controls:
                raise RuntimeError(f"workspaceControl: {name} not found")
            return name
        if name in self.maya.controls:
            raise RuntimeError(f"workspaceControl: object's name '{name}' is not unique")
        from matshot_maya.qt import QtWidgets

        widget = QtWidgets.QWidget()
        widget.setObjectName(name)
        QtWidgets.QVBoxLayout(widget)
        self.maya.controls[name] = widget
        exec(flags["uiScript"], {})
        return name

    def shelfLayout(self, name: str, exists: bool = False, query: bool = False, childArray: bool = False) -> Any:
        if exists:
            return name in self.maya.shelves
        # Made by itself, a shelf is not among those that Maya counts, names and saves.
        assert query, "a shelf is made by addNewShelfTab"
        return [f"{name}|{button}" for button in self.maya.shelves[name]] or None

    def shelfButton(self, *button: str, exists: bool = False, query: bool = False, **flags: Any) -> Any:
        if exists or query:
            shelf, _, name = button[0].rpartition("|")
            return name in self.maya.shelves[shelf] if exists else self.maya.shelves[shelf][name]["command"]
        return self._new_button(**flags)

    def _new_button(self, parent: str, sourceType: str, command: str, image: str, **flags: Any) -> str:
        if sourceType not in ("mel", "python"):
            raise RuntimeError(f"shelfButton: sourceType {sourceType}")
        compile(command, "shelf", "exec")
        shelf = self.maya.shelves[parent]
        name = f"shelfButton{max((int(one[11:]) for one in shelf), default=0) + 1}"
        shelf[name] = {"command": command, "image": image, **flags}
        return name

    def deleteUI(self, name: str) -> None:
        if name in self.maya.controls:
            self.maya.controls.pop(name).deleteLater()
            return
        parent, _, button = name.rpartition("|")
        del self.maya.shelves[parent][button]

    # Within.

    def _named(self, name: str) -> list[Node]:
        """Nodes by name, path, pattern or UUID."""
        short = name.rsplit("|", 1)[-1]
        return [
            node for node in self.scene.nodes.values() if node.identity == name or fnmatch.fnmatchcase(node.name, short)
        ]

    def _node(self, name: str) -> Node:
        found = self._named(name)
        if len(found) != 1:
            raise ValueError(f"No object matches name: {name}")
        return found[0]

    def _is_below(self, child: Node, node: Node) -> bool:
        while child.parent:
            if child.parent == node.name:
                return True
            child = self.scene.nodes[child.parent]
        return False


def _listed(names: Iterable[Any]) -> list[str]:
    """Names as commands take them: one by one, or lists of them."""
    return [one for name in names for one in ([name] if isinstance(name, str) else name)]
