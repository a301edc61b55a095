# SPDX-License-Identifier: GPL-3.0-or-later
"""Where results go, and how they come into the .blend file."""

import os
import re
from collections.abc import Sequence

import bpy
from bpy.types import Image

from .matshot_host.errors import MatshotError
from .matshot_host.graph import Image as ImageNode
from .preferences import preferences

_TILE = re.compile(r"(.*[._])(1\d{3})(\.[^.]+)$", re.DOTALL)

#: Blender's names of scene-linear Rec. 709, newest first.
_LINEAR = ("Linear Rec.709", "Linear")


def output_folder() -> str:
    """Folder for the results of the next job; empty where they are packed.

    Raises:
        MatshotError: when there is none.
    """
    chosen = preferences()
    if chosen.storage == "PACKED":
        return ""
    if chosen.storage == "BESIDE":
        if not bpy.data.filepath:
            raise MatshotError(
                "Results go beside the .blend file, and this one is not saved yet: save it, "
                "or choose another place in Matshot's preferences."
            )
        return os.path.join(os.path.dirname(bpy.data.filepath), "matshot")
    if not chosen.folder.strip():
        raise MatshotError("No folder for the results is chosen in Matshot's preferences.")
    return os.path.abspath(os.path.expanduser(bpy.path.abspath(chosen.folder.strip())))


def loaded(paths: Sequence[str], name: str, packed: bool) -> Image:
    """A new image of a file, or of several that are its UDIM tiles.

    Args:
        paths: of the files.
        name: of the image; Blender adds a number where it is taken.
        packed: whether it becomes part of the .blend file.

    Raises:
        MatshotError: when Blender cannot read one.
    """
    try:
        image = bpy.data.images.load(paths[0])
    except RuntimeError as error:
        raise MatshotError(f"Blender cannot read the result {paths[0]}.", str(error)) from error
    image.name = name
    tiles = [tile for tile in map(_TILE.match, paths) if tile is not None]
    end = os.path.splitext(paths[0])[1]
    if tiles and len(tiles) == len(paths) > 1:
        image.source = "TILED"
        image.filepath = f"{tiles[0][1]}<UDIM>{end}"
        for tile in tiles[1:]:
            image.tiles.new(tile_number=int(tile[2]))
        end = ".<UDIM>" + end
    if packed:
        image.pack()
        # Where Unpack puts it; the file that it came from will be gone.
        image.filepath_raw = f"//textures/{bpy.path.clean_name(image.name)}{end}"
    elif bpy.data.filepath:
        image.filepath = _relative(image.filepath)
    return image


def like(image: Image, source: Image) -> None:
    """Let the colours of a new image mean what those of its source mean."""
    image.colorspace_settings.name = source.colorspace_settings.name
    image.alpha_mode = source.alpha_mode


def colored(image: Image, node: ImageNode) -> None:
    """Set the colour space of an image of a material graph."""
    if node.encoding == "data":
        image.colorspace_settings.name = "Non-Color"
        return
    known = bpy.types.ColorManagedInputColorspaceSettings.bl_rna.properties["name"].enum_items
    for name in (node.colorspace, *(_LINEAR if node.encoding == "linear" else ("sRGB",))):
        if name in known:
            image.colorspace_settings.name = name
            return


def _relative(path: str) -> str:
    """The path as seen from the .blend file, unless it is on another drive."""
    try:
        return bpy.path.relpath(path)
    except ValueError:
        return path
