# SPDX-License-Identifier: GPL-3.0-or-later
"""Image data-blocks as files for the worker."""

import array
import os
import re

import bpy
from bpy.types import Image

from .matshot_host.errors import MatshotError
from .matshot_host.map_names import guess_name

#: File suffixes by Blender's name of the format.
_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "OPEN_EXR": ".exr", "TIFF": ".tif", "TARGA": ".tga", "BMP": ".bmp"}
_SUFFIXES |= {"WEBP": ".webp", "HDR": ".hdr", "TARGA_RAW": ".tga", "OPEN_EXR_MULTILAYER": ".exr", "JPEG2000": ".jp2"}


def unusable(image: Image | None) -> str:
    """Why tools cannot use an image; empty if they can."""
    if image is None:
        return "Open an image first"
    if image.type in ("RENDER_RESULT", "COMPOSITING"):
        return f"Save {image.name} to a file and open that file"
    if image.source in ("SEQUENCE", "MOVIE"):
        return f"{image.name} is a sequence or movie; choose a still image"
    return ""


def file_of(image: Image, folder: str) -> str:
    """File of an image: its own if unchanged, otherwise a new one.

    Args:
        image: data-block.
        folder: for new files.

    Returns:
        Absolute path; for a tiled image it contains ``<UDIM>``.

    Raises:
        MatshotError: when the image has no pixels, or cannot be written.
    """
    reason = unusable(image)
    if reason:
        raise MatshotError(reason + ".")
    if image.source == "GENERATED" or image.is_dirty:
        return _write_pixels(image, folder)
    if image.packed_files:
        return _write_packed(image, folder)
    path = os.path.normpath(bpy.path.abspath(image.filepath_raw, library=image.library))
    if not image.filepath_raw:
        raise MatshotError(f"{image.name} has no pixels: it has neither a file nor data. Open another image.")
    for file in _tiles(path, image):
        if not os.path.isfile(file):
            if image.source == "FILE" and image.has_data:
                # The file was deleted, but Blender still has the pixels.
                return _write_pixels(image, folder)
            raise MatshotError(f"The file of {image.name} is missing: {file}.")
    return path


def stem(name: str) -> str:
    """Name of an image without number, suffix and tile: ``wall`` of ``wall.<UDIM>.png.001``."""
    name = re.sub(r"\.\d{3}$", "", name)
    head, suffix = os.path.splitext(name)
    name = head if suffix.lower() in _SUFFIXES.values() or suffix.lower() in (".jpeg", ".tiff") else name
    return re.sub(r"[._ ]*(<UDIM>|1\d{3})?$", "", name) or name


def kind_of(image: Image) -> str:
    """Map type of an image by its color space and name: color, normal, data or auto."""
    if not image.colorspace_settings.is_data:
        return "auto"
    guess = guess_name(stem(image.name))
    return "normal" if guess is not None and guess.kind == "normal" else "data"


def _tiles(path: str, image: Image) -> list[str]:
    if image.source != "TILED":
        return [path]
    return [path.replace("<UDIM>", str(tile.number)) for tile in image.tiles]


def _path(image: Image, folder: str, suffix: str) -> str:
    """Path in a folder, named after an image."""
    name = bpy.path.clean_name(stem(image.name)).strip("_.") or "image"
    return os.path.join(folder, f"{name}.<UDIM>{suffix}" if image.source == "TILED" else name + suffix)


def _write_packed(image: Image, folder: str) -> str:
    path = _path(image, folder, _SUFFIXES.get(image.file_format, ".png"))
    for packed in image.packed_files:
        if packed.packed_file is None or not packed.packed_file.size:
            raise MatshotError(f"{image.name} has no pixels: its packed data is empty. Open another image.")
        write(path.replace("<UDIM>", str(packed.tile_number)), packed.packed_file.data)
    return path


def _write_pixels(image: Image, folder: str) -> str:
    """Write painted or generated pixels, and leave the image unchanged."""
    if 0 in image.size:
        raise MatshotError(f"{image.name} has no pixels. Open another image.")
    path = _path(image, folder, ".exr" if image.is_float else ".png")
    if image.source == "TILED":
        if bpy.app.version < (4, 3):
            # Blender 4.2 cannot save a copy: the image would count as saved.
            raise MatshotError(f"{image.name} has unsaved changes. Save its tiles first (Image > Save).")
        save(image, path, save_copy=True)
        return path
    width, height = image.size
    # A copy, since saving changes the image in Blender 4.2, and generated float images are saved with the sRGB curve
    # in all versions unless they are data.
    copy = bpy.data.images.new(
        image.name, width, height, alpha=image.channels in (2, 4), float_buffer=image.is_float, is_data=image.is_float
    )
    try:
        pixels = array.array("f", bytes(4 * len(image.pixels)))
        image.pixels.foreach_get(pixels)
        copy.pixels.foreach_set(pixels)
        copy.file_format = "OPEN_EXR" if image.is_float else "PNG"
        save(copy, path)
    finally:
        bpy.data.images.remove(copy)
    return path


def save(image: Image, path: str, **options: bool) -> None:
    """Save an image to a file.

    Raises:
        MatshotError: when that fails.
    """
    try:
        image.save(filepath=path, **options)
    except RuntimeError as error:
        raise MatshotError(f"Cannot save {image.name} for Matshot.", str(error)) from error


def write(path: str, data: bytes) -> None:
    """Write a file for the worker.

    Raises:
        MatshotError: when that fails.
    """
    try:
        with open(path, "wb") as stream:
            stream.write(data)
    except OSError as error:
        raise MatshotError(f"Cannot write {path}: {error.strerror}.", str(error)) from error
