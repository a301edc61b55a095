# SPDX-License-Identifier: GPL-3.0-or-later
"""The Matshot tab of the sidebar: tools, running jobs, and a history to run them again."""

import bpy
from bpy.types import Context, Panel, UILayout

from . import history
from .history import Entry

#: Buttons of the tab: operator, text, icon; None is a separator.
_TOOLS = (
    ("matshot.oneshot", "Photo to Material", "IMAGE_DATA"),
    ("matshot.twoshot", "Two-Shot Material", "CAMERA_DATA"),
    ("matshot.import_folder", "Folder to Asset Library", "ASSET_MANAGER"),
    None,
    ("matshot.upscale_material", "Upscale Textures", "FULLSCREEN_ENTER"),
    ("matshot.tile_material", "Make Seamless", "UV_ISLANDSEL"),
    ("matshot.multiply_material", "Multiply", "MOD_ARRAY"),
    ("matshot.style_material", "Style", "BRUSH_DATA"),
    ("matshot.adjust_material", "Adjust Maps", "MODIFIER"),
    ("matshot.adjust_mapping", "Adjust Size and Relief", "PREFERENCES"),
)
_IMAGE_TOOLS = (
    ("matshot.upscale", "Upscale", "FULLSCREEN_ENTER"),
    ("matshot.tile", "Make Seamless", "UV_ISLANDSEL"),
    ("matshot.multiply", "Multiply", "MOD_ARRAY"),
    ("matshot.style", "Style", "BRUSH_DATA"),
)
_MAPS = (("normal", "Normal"), ("height", "Height"), ("material", "Material"))


class _Tab:
    """What the tab's panels share in all editors."""

    bl_region_type = "UI"
    bl_category = "Matshot"


class _ToolsPanel(_Tab):
    bl_label = "Tools"

    def draw(self, context: Context) -> None:
        """Draw the panel."""
        column = self.layout.column(align=True)
        column.operator_context = "INVOKE_DEFAULT"
        tools = _IMAGE_TOOLS if context.area is not None and context.area.type == "IMAGE_EDITOR" else _TOOLS
        for tool in tools:
            if tool is None:
                column.separator()
            else:
                column.operator(tool[0], text=tool[1], icon=tool[2])
        if context.area is None or context.area.type != "VIEW_3D":
            self.layout.label(text="Predict from Texture")
            row = self.layout.row(align=True)
            for value, text in _MAPS:
                row.operator("matshot.derive", text=text).map = value


class _JobsPanel(_Tab):
    bl_label = "Jobs"

    def draw(self, context: Context) -> None:
        """Draw the panel."""
        listed = history.entries()
        if not listed:
            self.layout.label(text="Drop a photograph on an object")
            return
        for entry in listed:
            _draw_entry(self.layout, entry)
        self.layout.operator("matshot.forget", icon="TRASH")


def _draw_entry(layout: UILayout, entry: Entry) -> None:
    row = layout.box().row()
    icon = history.picture(entry.job)
    if icon:
        row.template_icon(icon, scale=3)
    column = row.column()
    column.label(text=entry.job.title)
    if entry.job.state == "running":
        column.progress(factor=entry.job.fraction, text=entry.text)
    else:
        column.label(text=entry.text)
    buttons = column.row(align=True)
    if not entry.job.ended:
        buttons.operator("matshot.cancel", text="Cancel", icon="X").number = entry.job.number
    elif entry.operator:
        buttons.operator("matshot.run_again", text="Run Again...", icon="FILE_REFRESH").number = entry.job.number


def _panel(base: type, space: str) -> type:
    """A panel of the tab in one editor."""
    name = f"MATSHOT_PT_{base.bl_label.lower()}_{space.lower()}"
    return type(name, (base, Panel), {"bl_idname": name, "bl_space_type": space, "__doc__": base.bl_label})


_SPACES = ("VIEW_3D", "IMAGE_EDITOR", "NODE_EDITOR")
_CLASSES = tuple(_panel(base, space) for space in _SPACES for base in (_ToolsPanel, _JobsPanel))


register, unregister = bpy.utils.register_classes_factory(_CLASSES)
