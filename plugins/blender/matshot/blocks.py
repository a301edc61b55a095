# SPDX-License-Identifier: GPL-3.0-or-later
"""References to data-blocks by name and library.

Undo replaces data-blocks, and a linked one may have the name of a local one.
"""

from typing import Any, NamedTuple

import bpy
from bpy.types import ID, Object

from .matshot_host.errors import MatshotError

#: Types of objects that render materials; Grease Pencil's materials are of another kind.
_RENDERED = ("MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD", "VOLUME")


class BlockReference(NamedTuple):
    """A data-block, found again after undo.

    Attributes:
        kind: name of its collection in ``bpy.data``.
        name: of the data-block.
        library: file that it is linked from; empty for a local one.
    """

    kind: str
    name: str
    library: str

    def block(self) -> Any:
        """The data-block, or None if it no longer exists."""
        return next((one for one in getattr(bpy.data, self.kind) if reference(self.kind, one) == self), None)


def reference(kind: str, block: ID) -> BlockReference:
    """The reference of a data-block in a collection of ``bpy.data``."""
    return BlockReference(kind, block.name, block.library.filepath if block.library is not None else "")


def named(kind: str, name: str) -> Any:
    """The data-block of a name, a local one first; None if there is none."""
    found = [one for one in getattr(bpy.data, kind) if one.name == name]
    return min(found, key=lambda one: one.library is not None, default=None)


def takes_material(target: Object) -> bool:
    """Whether an object can get a material: it renders one, and its data are not linked."""
    return target.type in _RENDERED and target.library is None and target.data.library is None


def check_target(target: Object) -> None:
    """Verify that an object can get a material.

    Raises:
        MatshotError: when it cannot.
    """
    if takes_material(target):
        return
    if target.type not in _RENDERED:
        kind = "Grease Pencil object" if "PENCIL" in target.type else target.type.replace("_", " ").lower()
        raise MatshotError(f"{target.name} is a {kind} and shows no surface materials.")
    raise MatshotError(f"{target.name} is linked from another file. Make it local first (Object > Relations).")


def check_local(block: ID) -> None:
    """Verify that a data-block can be changed.

    Raises:
        MatshotError: when it is linked.
    """
    if block.library is not None:
        raise MatshotError(f"{block.name} is linked from {block.library.filepath}. Make it local first.")
