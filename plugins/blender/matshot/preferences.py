# SPDX-License-Identifier: GPL-3.0-or-later
"""What the artist decides once, and the test of what it stands on."""

import os
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty
from bpy.types import AddonPreferences, Context, UILayout

from .matshot_host.tools import UPSCALE
from .parameters import bpy_property

_SHARED = {parameter.name: parameter for parameter in UPSCALE.parameters}

#: What the last test found.
_findings: list[dict[str, Any]] = []


class MatshotPreferences(AddonPreferences):
    """Preferences of the extension."""

    bl_idname = __package__

    python: StringProperty(
        name="Worker Python",
        description="Python that has Matshot; empty for the one that 'matshot install' noted, or the bundled one",
        subtype="FILE_PATH",
    )
    storage: EnumProperty(
        name="Results",
        description="Where new images go",
        items=(
            ("PACKED", "Packed in the .blend", "New images are part of the .blend file"),
            ("BESIDE", "Beside the .blend", "New images are files in the folder 'matshot' beside the .blend file"),
            ("FOLDER", "In a Folder", "New images are files in the folder below"),
        ),
    )
    folder: StringProperty(
        name="Folder",
        description="Folder of the results",
        subtype="DIR_PATH",
        default=os.path.join("~", "Matshot"),
    )
    ask: BoolProperty(name="Ask before Applying", description="Show each result, with Apply and Discard")
    look: bpy_property(_SHARED["look"])
    device: bpy_property(_SHARED["device"])
    memory: bpy_property(_SHARED["memory"])

    def draw(self, context: Context) -> None:
        """Panel in Blender's preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "storage")
        if self.storage == "FOLDER":
            layout.prop(self, "folder")
        layout.prop(self, "ask")
        layout.prop(self, "look")
        layout.separator()
        layout.prop(self, "python")
        layout.prop(self, "device")
        layout.prop(self, "memory")
        layout.operator("matshot.test", icon="CHECKMARK")
        _draw_findings(layout)


def preferences() -> MatshotPreferences:
    """Of this extension."""
    return bpy.context.preferences.addons[__package__].preferences


def show_findings(findings: list[dict[str, Any]]) -> None:
    """Show in the panel what a test found."""
    _findings[:] = findings
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()


def _draw_findings(layout: UILayout) -> None:
    if not _findings:
        return
    box = layout.box()
    box.use_property_split = False
    for finding in _findings:
        icon = "CHECKMARK" if finding["ok"] else "ERROR" if finding["required"] else "INFO"
        row = box.split(factor=0.3)
        row.label(text=finding["subject"], icon=icon)
        row.label(text=finding["state"])
        if not finding["ok"] and finding["fix"]:
            box.label(text=finding["fix"], icon="BLANK1")


def register() -> None:
    """Called by the package."""
    bpy.utils.register_class(MatshotPreferences)


def unregister() -> None:
    """Called by the package."""
    bpy.utils.unregister_class(MatshotPreferences)
    _findings.clear()
