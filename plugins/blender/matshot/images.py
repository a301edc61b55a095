# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of image data-blocks: what the worker reads."""

import array
import os
import re

import bpy
from bpy.types import Image

from .matshot_host.errors import MatshotError

#: Ends of file names by Blender's name of the format; a packed image keeps its own where it has one.
_ENDS = {"PNG": ".png", "JPEG": ".jpg", "OPEN_EXR": ".exr", "TIFF": ".tif", "TARGA": ".tga", "BMP": ".bmp"}
_ENDS |= {"WEBP": ".webp", "HDR": ".hdr", "TARGA_RAW": ".tga", "OPEN_EXR_MULTILAYER": ".exr", "JPEG2000": ".jp2"}

#: Words in the name of an image without colours that make it a normal map.
_NORMAL = re.compile(r"(normal|nrm|[^a-z]nor|[^a-z]n)([^a-z]|$)", re.IGNORECASE)


def unusable(image: Image | None) -> str:
    """Why no tool can take an image, for the artist; empty if one can."""
    if image is None:
        return "Open an image first"
    if image.type in ("RENDER_RESULT", "COMPOSITING"):
        return f"{image.name} is not kept: save it and open the file"
    if image.source in ("SEQUENCE", "MOVIE"):
        return f"{image.name} is moving pictures; Matshot takes still ones"
    return ""


def file_of(image: Image, folder: str) -> str:
    """A file with what an image shows: its own if nothing in it was changed, else one that is written.

    Args:
        image: data-block.
        folder: for what has no file.

    Returns:
        Absolute path; that of a tiled image has ``<UDIM>`` in it.

    Raises:
        MatshotError: when there are no pixels, or no room for them.
    """
    reason = unusable(image)
    if reason:
        raise MatshotError(reason + ".")
    if image.source == "GENERATED" or image.is_dirty:
        return _painted(image, folder)
    if image.packed_files:
        return _unpacked(image, folder)
    path = os.path.normpath(bpy.path.abspath(image.filepath_raw, library=image.library))
    if not image.filepath_raw:
        raise MatshotError(f"{image.name} has no pixels: it has neither a file nor data of its own.")
    for file in _tiles(path, image):
        if not os.path.isfile(file):
            if image.source == "FILE" and image.has_data:
                # The file was removed, and Blender still has what was in it.
                return _painted(image, folder)
            raise MatshotError(f"The file of {image.name} is missing: {file}.")
    return path


def stem(name: str) -> str:
    """Name of an image without what Blender and file systems put behind it: ``wall`` of ``wall.<UDIM>.png.001``."""
    name = re.sub(r"\.\d{3}$", "", name)
    head, end = os.path.splitext(name)
    name = head if end.lower() in _ENDS.values() or end.lower() in (".jpeg", ".tiff") else name
    return re.sub(r"[._ ]*(<UDIM>|1\d{3})?$", "", name) or name


def kind_of(image: Image) -> str:
    """What an image holds, as far as its colour space and name say it: color, normal, data or auto."""
    if not image.colorspace_settings.is_data:
        return "auto"
    return "normal" if _NORMAL.search(stem(image.name)) else "data"


def _tiles(path: str, image: Image) -> list[str]:
    if image.source != "TILED":
        return [path]
    return [path.replace("<UDIM>", str(tile.number)) for tile in image.tiles]


def _named(image: Image, folder: str, end: str) -> str:
    """Path in a folder, named after an image."""
    name = bpy.path.clean_name(stem(image.name)).strip("_.") or "image"
    return os.path.join(folder, f"{name}.<UDIM>{end}" if image.source == "TILED" else name + end)


def _unpacked(image: Image, folder: str) -> str:
    path = _named(image, folder, _ENDS.get(image.file_format, ".png"))
    for packed in image.packed_files:
        if packed.packed_file is None or not packed.packed_file.size:
            raise MatshotError(f"{image.name} has no pixels: the data that was packed with it is empty.")
        _write(path.replace("<UDIM>", str(packed.tile_number)), packed.packed_file.data)
    return path


def _painted(image: Image, folder: str) -> str:
    """Save what was painted or generated, and leave the image as it is."""
    if 0 in image.size:
        raise MatshotError(f"{image.name} has no pixels.")
    path = _named(image, folder, ".exr" if image.is_float else ".png")
    if image.source == "TILED":
        if bpy.app.version < (4, 3):
            # Blender 4.2 cannot save a copy: the artist would be left with an image that counts as saved.
            raise MatshotError(f"{image.name} was painted on; save its tiles first (Image > Save).")
        _save(image, path, save_copy=True)
        return path
    width, height = image.size
    # A copy, because saving changes the image in Blender 4.2, and a float image that was never a file is saved with
    # sRGB's curve in all versions, unless it counts as data.
    copy = bpy.data.images.new(
        image.name, width, height, alpha=image.channels in (2, 4), float_buffer=image.is_float, is_data=image.is_float
    )
    try:
        pixels = array.array("f", bytes(4 * len(image.pixels)))
        image.pixels.foreach_get(pixels)
        copy.pixels.foreach_set(pixels)
        copy.file_format = "OPEN_EXR" if image.is_float else "PNG"
        _save(copy, path)
    finally:
        bpy.data.images.remove(copy)
    return path


def _save(image: Image, path: str, **how: bool) -> None:
    try:
        image.save(filepath=path, **how)
    except RuntimeError as error:
        raise MatshotError(f"{image.name} could not be saved for Matshot.", str(error)) from error


def _write(path: str, data: bytes) -> None:
    try:
        with open(path, "wb") as stream:
            stream.write(data)
    except OSError as error:
        raise MatshotError(f"{path} cannot be written: {error.strerror}.", str(error)) from error
