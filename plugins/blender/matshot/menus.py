# SPDX-License-Identifier: GPL-3.0-or-later
"""Matshot's menus in the image editor, the shader editor and the material properties."""

from collections.abc import Sequence

import bpy
from bpy.types import Context, Menu, UILayout

from . import job_queue

#: Entries of the menus: operator, text and icon; None is a separator.
_IMAGE_ENTRIES = (
    ("matshot.upscale", "Upscale...", "FULLSCREEN_ENTER"),
    ("matshot.multiply", "Multiply...", "MOD_ARRAY"),
    ("matshot.tile", "Make Seamless...", "UV_ISLANDSEL"),
    ("matshot.style", "Style...", "BRUSH_DATA"),
    None,
    ("matshot.derive", "Predict Maps", "NODE_TEXTURE"),
)
_MATERIAL_ENTRIES = (
    ("matshot.oneshot", "Photo to Material...", "IMAGE_DATA"),
    ("matshot.twoshot", "Two-Shot Material...", "CAMERA_DATA"),
    ("matshot.import_folder", "Folder to Asset Library...", "ASSET_MANAGER"),
    None,
    ("matshot.upscale_material", "Upscale Material Textures...", "FULLSCREEN_ENTER"),
    ("matshot.tile_material", "Make Material Seamless...", "UV_ISLANDSEL"),
    ("matshot.multiply_material", "Multiply Material...", "MOD_ARRAY"),
    ("matshot.style_material", "Style Material...", "BRUSH_DATA"),
    ("matshot.adjust_material", "Adjust Maps...", "MODIFIER"),
    ("matshot.adjust_mapping", "Adjust Size and Relief", "PREFERENCES"),
    None,
    ("matshot.derive", "Predict Maps", "NODE_TEXTURE"),
    ("matshot.run_again", "Run Again...", "FILE_REFRESH"),
)


class MATSHOT_MT_image(Menu):
    """Tools for images."""

    bl_idname = "MATSHOT_MT_image"
    bl_label = "Matshot"

    def draw(self, context: Context) -> None:
        """Draw the menu."""
        _draw_entries(self.layout, _IMAGE_ENTRIES)


class MATSHOT_MT_material(Menu):
    """Tools that create or change a material."""

    bl_idname = "MATSHOT_MT_material"
    bl_label = "Matshot"

    def draw(self, context: Context) -> None:
        """Draw the menu."""
        _draw_entries(self.layout, _MATERIAL_ENTRIES)


def _draw_entries(layout: UILayout, entries: Sequence[tuple[str, str, str] | None]) -> None:
    layout.operator_context = "INVOKE_DEFAULT"
    for entry in entries:
        if entry is None:
            layout.separator()
        elif entry[0] == "matshot.derive":
            layout.operator_menu_enum(entry[0], "map", text=entry[1], icon=entry[2])
        else:
            idname, text, icon = entry
            layout.operator(idname, text=text, icon=icon)
    _draw_running(layout)


def _draw_running(layout: UILayout) -> None:
    job = job_queue.running()
    if job is not None:
        layout.separator()
        layout.operator("matshot.cancel", text=f"Cancel {job.title}", icon="CANCEL")


def _draw_in_image_editor(self: Menu, context: Context) -> None:
    self.layout.menu(MATSHOT_MT_image.bl_idname)


def _draw_in_shader_editor(self: Menu, context: Context) -> None:
    if getattr(context.space_data, "tree_type", "") == "ShaderNodeTree":
        self.layout.menu(MATSHOT_MT_material.bl_idname)


def _draw_in_viewport(self: Menu, context: Context) -> None:
    self.layout.menu(MATSHOT_MT_material.bl_idname)


def _draw_in_material_menu(self: Menu, context: Context) -> None:
    self.layout.separator()
    self.layout.menu(MATSHOT_MT_material.bl_idname)


#: Menus of Blender that show ours.
_PLACES = (
    ("IMAGE_MT_editor_menus", _draw_in_image_editor),
    ("VIEW3D_MT_editor_menus", _draw_in_viewport),
    ("NODE_MT_editor_menus", _draw_in_shader_editor),
    ("MATERIAL_MT_context_menu", _draw_in_material_menu),
)


def register() -> None:
    """Register the menus."""
    bpy.utils.register_class(MATSHOT_MT_image)
    bpy.utils.register_class(MATSHOT_MT_material)
    for menu, draw in _PLACES:
        getattr(bpy.types, menu).append(draw)


def unregister() -> None:
    """Unregister the menus."""
    for menu, draw in reversed(_PLACES):
        getattr(bpy.types, menu).remove(draw)
    bpy.utils.unregister_class(MATSHOT_MT_material)
    bpy.utils.unregister_class(MATSHOT_MT_image)
