# SPDX-License-Identifier: GPL-3.0-or-later
"""Matshot's menus in the image editor, the shader editor and the material properties."""

import bpy
from bpy.types import Context, Menu, UILayout

from . import session


class MATSHOT_MT_image(Menu):
    """Tools on an image."""

    bl_idname = "MATSHOT_MT_image"
    bl_label = "Matshot"

    def draw(self, context: Context) -> None:
        """Called by Blender."""
        layout = self.layout
        _operator(layout, "matshot.upscale", "Upscale...", "FULLSCREEN_ENTER")
        _operator(layout, "matshot.multiply", "Multiply...", "MOD_ARRAY")
        _operator(layout, "matshot.tile", "Make Seamless...", "UV_ISLANDSEL")
        _operator(layout, "matshot.style", "Style...", "BRUSH_DATA")
        _draw_running(layout)


class MATSHOT_MT_material(Menu):
    """Tools that make or change a material."""

    bl_idname = "MATSHOT_MT_material"
    bl_label = "Matshot"

    def draw(self, context: Context) -> None:
        """Called by Blender."""
        layout = self.layout
        _operator(layout, "matshot.oneshot", "Photo to Material...", "IMAGE_DATA")
        _operator(layout, "matshot.twoshot", "Two-Shot...", "CAMERA_DATA")
        layout.separator()
        _operator(layout, "matshot.upscale_material", "Upscale Material's Textures...", "FULLSCREEN_ENTER")
        _draw_running(layout)


def _operator(layout: UILayout, idname: str, text: str, icon: str) -> None:
    layout.operator_context = "INVOKE_DEFAULT"
    layout.operator(idname, text=text, icon=icon)


def _draw_running(layout: UILayout) -> None:
    job = session.running()
    if job is not None:
        layout.separator()
        layout.operator("matshot.cancel", text=f"Cancel {job.title}", icon="CANCEL")


def _in_image_editor(self: Menu, context: Context) -> None:
    self.layout.menu(MATSHOT_MT_image.bl_idname)


def _in_shader_editor(self: Menu, context: Context) -> None:
    if getattr(context.space_data, "tree_type", "") == "ShaderNodeTree":
        self.layout.menu(MATSHOT_MT_material.bl_idname)


def _in_material_menu(self: Menu, context: Context) -> None:
    self.layout.separator()
    self.layout.menu(MATSHOT_MT_material.bl_idname)


_PLACES = (
    ("IMAGE_MT_editor_menus", _in_image_editor),
    ("NODE_MT_editor_menus", _in_shader_editor),
    ("MATERIAL_MT_context_menu", _in_material_menu),
)


def register() -> None:
    """Called by the package."""
    bpy.utils.register_class(MATSHOT_MT_image)
    bpy.utils.register_class(MATSHOT_MT_material)
    for menu, draw in _PLACES:
        getattr(bpy.types, menu).append(draw)


def unregister() -> None:
    """Called by the package."""
    for menu, draw in reversed(_PLACES):
        getattr(bpy.types, menu).remove(draw)
    bpy.utils.unregister_class(MATSHOT_MT_material)
    bpy.utils.unregister_class(MATSHOT_MT_image)
