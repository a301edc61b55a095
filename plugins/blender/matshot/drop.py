# SPDX-License-Identifier: GPL-3.0-or-later
"""Photographs dropped on the 3D viewport or the shader editor."""

from typing import NamedTuple

import bpy
from bpy.types import Context, FileHandler, Object
from bpy_extras import view3d_utils

from .matshot_host.tools import PHOTOGRAPH_SUFFIXES


class MATSHOT_FH_photograph(FileHandler):
    """Makes a material from a dropped photograph."""

    bl_idname = "MATSHOT_FH_photograph"
    bl_label = "Photo to Material (Matshot)"
    bl_import_operator = "matshot.oneshot"
    bl_file_extensions = ";".join(PHOTOGRAPH_SUFFIXES)

    @classmethod
    def poll_drop(cls, context: Context) -> bool:
        """Whether the editor takes materials."""
        space = context.space_data
        if space is None:
            return False
        return space.type == "VIEW_3D" or (space.type == "NODE_EDITOR" and space.tree_type == "ShaderNodeTree")


class Below(NamedTuple):
    """What is below the cursor.

    Attributes:
        target: object; None over nothing.
        slot: material slot of the face; -1 for none.
    """

    target: Object | None
    slot: int


def below(context: Context, x: int, y: int) -> Below:
    """The object and material slot at a place of the window, in the 3D viewport that is there.

    Args:
        context: of a window; its own area may be another one.
        x: of the cursor, in pixels from the left of the window.
        y: in pixels from the bottom.
    """
    place = _viewport(context, x, y)
    if place is None:
        return Below(None, -1)
    region, view = place
    position = x - region.x, y - region.y
    origin = view3d_utils.region_2d_to_origin_3d(region, view, position)
    direction = view3d_utils.region_2d_to_vector_3d(region, view, position)
    depsgraph = context.evaluated_depsgraph_get()
    hit, _, _, face, found, _ = context.scene.ray_cast(depsgraph, origin, direction)
    if not hit:
        return Below(None, -1)
    # The evaluated mesh has the faces that were hit: those after modifiers.
    evaluated = found.evaluated_get(depsgraph)
    polygons = evaluated.data.polygons if evaluated.type == "MESH" else ()
    return Below(found.original, polygons[face].material_index if 0 <= face < len(polygons) else -1)


def _viewport(context: Context, x: int, y: int) -> tuple | None:
    """Region and view of the 3D viewport at a place of the window."""
    screen = context.window.screen if context.window is not None else None
    for area in screen.areas if screen is not None else ():
        inside = area.x <= x < area.x + area.width and area.y <= y < area.y + area.height
        if area.type == "VIEW_3D" and inside:
            region = next(one for one in area.regions if one.type == "WINDOW")
            return region, area.spaces.active.region_3d
    return None


def register() -> None:
    """Register the classes."""
    bpy.utils.register_class(MATSHOT_FH_photograph)


def unregister() -> None:
    """Unregister the classes."""
    bpy.utils.unregister_class(MATSHOT_FH_photograph)
