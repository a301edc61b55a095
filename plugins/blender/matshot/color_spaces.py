# SPDX-License-Identifier: GPL-3.0-or-later
"""Color spaces of images, by Blender's names."""

import bpy
from bpy.types import Image

from .matshot_host.graph import Image as ImageNode

#: Blender's names of scene-linear Rec. 709, newest first.
_LINEAR = ("Linear Rec.709", "Linear")


def set_color_space(image: Image, node: ImageNode) -> None:
    """Set the color space of an image of a material graph."""
    if node.encoding == "data":
        image.colorspace_settings.name = "Non-Color"
        return
    known = bpy.types.ColorManagedInputColorspaceSettings.bl_rna.properties["name"].enum_items
    for name in (node.colorspace, *(_LINEAR if node.encoding == "linear" else ("sRGB",))):
        if name in known:
            image.colorspace_settings.name = name
            return
