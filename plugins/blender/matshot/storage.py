# SPDX-License-Identifier: GPL-3.0-or-later
"""Where results are saved, and how Blender loads them."""

import os
import re
from collections.abc import Sequence

import bpy
from bpy.types import Image

from .matshot_host.errors import MatshotError
from .preferences import preferences

_TILE = re.compile(r"(.*[._])(1\d{3})(\.[^.]+)$", re.DOTALL)


def output_folder() -> str:
    """Folder for the results of the next job; empty if they are packed.

    Raises:
        MatshotError: when no folder is set, or the .blend file was never saved.
    """
    chosen = preferences()
    if chosen.storage == "PACKED":
        return ""
    if chosen.storage == "BESIDE":
        if not bpy.data.filepath:
            raise MatshotError(
                "Results are saved next to the .blend file, which is not saved yet. "
                "Save it, or change Save Results in Matshot's preferences."
            )
        return os.path.join(os.path.dirname(bpy.data.filepath), "matshot")
    if not chosen.folder.strip():
        raise MatshotError("Choose a folder for results in Matshot's preferences.")
    return os.path.abspath(os.path.expanduser(bpy.path.abspath(chosen.folder.strip())))


def load_image(paths: Sequence[str], name: str, packed: bool) -> Image:
    """Load an image from a file, or from several that are its UDIM tiles.

    Args:
        paths: of the files.
        name: of the image; Blender adds a number if it is taken.
        packed: whether to pack it into the .blend file.

    Raises:
        MatshotError: when Blender cannot read a file.
    """
    try:
        image = bpy.data.images.load(paths[0])
    except RuntimeError as error:
        raise MatshotError(f"Blender cannot read the result {paths[0]}.", str(error)) from error
    image.name = name
    tiles = [tile for tile in map(_TILE.match, paths) if tile is not None]
    suffix = os.path.splitext(paths[0])[1]
    if tiles and len(tiles) == len(paths) > 1:
        image.source = "TILED"
        image.filepath = f"{tiles[0][1]}<UDIM>{suffix}"
        for tile in tiles[1:]:
            image.tiles.new(tile_number=int(tile[2]))
        suffix = ".<UDIM>" + suffix
    if packed:
        image.pack()
        # Where Unpack puts it; the original file will be deleted.
        image.filepath_raw = f"//textures/{bpy.path.clean_name(image.name)}{suffix}"
    elif bpy.data.filepath:
        image.filepath = _relative(image.filepath)
    return image


def copy_color_settings(image: Image, source: Image) -> None:
    """Give an image the color space and alpha mode of its source."""
    image.colorspace_settings.name = source.colorspace_settings.name
    image.alpha_mode = source.alpha_mode


def _relative(path: str) -> str:
    """The path relative to the .blend file, unless it is on another drive."""
    try:
        return bpy.path.relpath(path)
    except ValueError:
        return path
