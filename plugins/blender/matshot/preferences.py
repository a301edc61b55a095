# SPDX-License-Identifier: GPL-3.0-or-later
"""The preferences, with a test of the worker."""

import os
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty
from bpy.types import AddonPreferences, Context, UILayout

from .matshot_host.tools import UPSCALE
from .parameters import bpy_property

_SHARED = {parameter.name: parameter for parameter in UPSCALE.parameters}

#: Findings of the last test.
_findings: list[dict[str, Any]] = []


class MatshotPreferences(AddonPreferences):
    """Preferences of the extension."""

    bl_idname = __package__

    python: StringProperty(
        name="Python",
        description="Python in which Matshot is installed. Default: bundled, or the one that ran 'matshot install'",
        subtype="FILE_PATH",
    )
    storage: EnumProperty(
        name="Save Results",
        description="Where new images are saved",
        items=(
            ("PACKED", "In the .blend File", "Pack new images into the .blend file"),
            ("BESIDE", "Next to the .blend File", "Save new images in the folder 'matshot' next to the .blend file"),
            ("FOLDER", "Custom Folder", "Save new images in the folder below"),
        ),
    )
    folder: StringProperty(
        name="Folder",
        description="Folder for results",
        subtype="DIR_PATH",
        default=os.path.join("~", "Matshot"),
    )
    draft: BoolProperty(
        name="Draft First",
        description="Show a small material at once, and replace its textures when they are there in full size",
        default=True,
    )
    ask: BoolProperty(name="Review Results before Applying", description="Show each result with Apply and Discard")
    look: bpy_property(_SHARED["look"])
    device: bpy_property(_SHARED["device"])
    memory: bpy_property(_SHARED["memory"])

    def draw(self, context: Context) -> None:
        """Draw the preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "storage")
        if self.storage == "FOLDER":
            layout.prop(self, "folder")
        layout.prop(self, "draft")
        layout.prop(self, "ask")
        layout.prop(self, "look")
        layout.separator()
        layout.prop(self, "python")
        layout.prop(self, "device")
        layout.prop(self, "memory")
        layout.operator("matshot.test", icon="CHECKMARK")
        _draw_findings(layout)


def preferences() -> MatshotPreferences:
    """The preferences of this extension."""
    return bpy.context.preferences.addons[__package__].preferences


def show_findings(findings: list[dict[str, Any]]) -> None:
    """Show the findings of a test."""
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
    """Register the classes."""
    bpy.utils.register_class(MatshotPreferences)


def unregister() -> None:
    """Unregister the classes."""
    bpy.utils.unregister_class(MatshotPreferences)
    _findings.clear()
