"""References to nodes that survive renaming."""

from typing import Any, List

from maya.api import OpenMaya


class NodeHandle:
    """A node, found again after it was renamed; unlike a UUID, it is not shared by copies of a referenced file.

    Args:
        name: of the node.
    """

    def __init__(self, name: str) -> None:
        selection = OpenMaya.MSelectionList()
        selection.add(name)
        self._handle = OpenMaya.MObjectHandle(selection.getDependNode(0))

    def names(self) -> List[str]:
        """Full names, one for each instance; none if the node was deleted or another scene is open."""
        if not self._handle.isValid():
            return []
        node = self._handle.object()
        if node.hasFn(OpenMaya.MFn.kDagNode):
            # A static method with an iterable result; the stub is wrong.
            paths: Any = OpenMaya.MDagPath.getAllPathsTo(node)  # type: ignore[call-arg]
            return [path.fullPathName() for path in paths]
        return [OpenMaya.MFnDependencyNode(node).uniqueName()]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NodeHandle) and bool(self._handle == other._handle)

    def __hash__(self) -> int:
        return int(self._handle.hashCode())
