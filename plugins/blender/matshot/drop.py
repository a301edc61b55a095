# SPDX-License-Identifier: GPL-3.0-or-later
"""Photographs dropped on the 3D viewport or the shader editor."""

import bpy
from bpy.types import Context, Event, FileHandler
from bpy_extras import view3d_utils


class MATSHOT_FH_photograph(FileHandler):
    """Makes a material from a dropped photograph."""

    bl_idname = "MATSHOT_FH_photograph"
    bl_label = "Photo to Material (Matshot)"
    bl_import_operator = "matshot.oneshot"
    bl_file_extensions = ".jpg;.jpeg;.png;.tif;.tiff;.exr;.webp;.bmp;.tga;.hdr"

    @classmethod
    def poll_drop(cls, context: Context) -> bool:
        """Whether the editor takes materials."""
        space = context.space_data
        if space is None:
            return False
        return space.type == "VIEW_3D" or (space.type == "NODE_EDITOR" and space.tree_type == "ShaderNodeTree")


def object_below(context: Context, event: Event) -> str:
    """Name of the object below the cursor in the 3D viewport; empty without one."""
    if context.space_data is None or context.space_data.type != "VIEW_3D" or context.region is None:
        return ""
    position = event.mouse_x - context.region.x, event.mouse_y - context.region.y
    view = context.space_data.region_3d
    origin = view3d_utils.region_2d_to_origin_3d(context.region, view, position)
    direction = view3d_utils.region_2d_to_vector_3d(context.region, view, position)
    hit = context.scene.ray_cast(context.evaluated_depsgraph_get(), origin, direction)
    return hit[4].name if hit[0] else ""


def register() -> None:
    """Register the classes."""
    bpy.utils.register_class(MATSHOT_FH_photograph)


def unregister() -> None:
    """Unregister the classes."""
    bpy.utils.unregister_class(MATSHOT_FH_photograph)
