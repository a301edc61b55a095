# SPDX-License-Identifier: GPL-3.0-or-later
"""Guides and masks: images and color attributes of the blend file, as files for the worker."""

import os
from typing import Any

import bpy
import numpy as np
from bpy.types import Context, Image, Object

from . import images
from .blocks import named
from .matshot_host.errors import MatshotError
from .matshot_host.tools import Parameter

#: Width and height of color attributes for what has no known size.
_SIZE = (1024, 1024)
#: Pixels of triangles that are tested at a time.
_CHUNK = 1 << 20


def suggestions(operator: Any, context: Context, text: str) -> list[tuple[str, str]]:
    """What of the blend file can be a guide or a mask, for the search of a text field: names and kinds."""
    found = [(image.name, "Image") for image in bpy.data.images if not images.unusable(image)]
    found += [(name, "Color attribute, by the UV map") for name in color_attributes()]
    return [one for one in found if text.lower() in one[0].lower()]


def color_attributes() -> dict[str, tuple[Object, str]]:
    """Objects and color attributes by the names that stand for them, of meshes with a UV map."""
    return {
        f"{attribute.name} (color attribute of {target.name})": (target, attribute.name)
        for target in bpy.data.objects
        if target.type == "MESH" and target.data.uv_layers.active is not None
        for attribute in target.data.color_attributes
    }


def painted_file(parameter: Parameter, value: str, folder: str, size: tuple[int, int]) -> str:
    """File of a guide or a mask.

    Args:
        parameter: that it is for.
        value: name of an image, a name of :func:`color_attributes`, or a path.
        folder: for new files.
        size: width and height of what it is for, as color attributes are drawn; 0 where that is not known.

    Returns:
        Absolute path; empty for an empty value. A file need not exist.

    Raises:
        MatshotError: for an image that has tiles or no pixels, and a color attribute without data.
    """
    if not value:
        return ""
    # Each has a folder of its own, since images of one name may be in several libraries.
    place = os.path.join(folder, parameter.name)
    image = named("images", value)
    if image is not None:
        if image.source == "TILED":
            raise MatshotError(f"{parameter.label} must be one image, but {image.name} has UDIM tiles.")
        os.makedirs(place, exist_ok=True)
        return _displayed_file(image, place)
    attribute = color_attributes().get(value)
    if attribute is not None:
        os.makedirs(place, exist_ok=True)
        return _saved(baked_colors(*attribute, size if all(size) else _SIZE), place)
    # Blender shows paths beside its file as //name.
    return os.path.abspath(bpy.path.abspath(value))


def baked_colors(target: Object, name: str, size: tuple[int, int]) -> Any:
    """Colors of a mesh as an image by its active UV map.

    Args:
        target: mesh object.
        name: of its color attribute.
        size: width and height.

    Returns:
        Array ``H x W x 3`` as displayed, the lowest row first. Pixels that no face covers have the nearest color.

    Raises:
        MatshotError: for a mesh without faces.
    """
    if target.mode == "EDIT":
        target.update_from_editmode()
    mesh = target.data
    mesh.calc_loop_triangles()
    corners = _read(mesh.loop_triangles, "loops", 3, np.int32)
    if not len(corners):
        raise MatshotError(f"{target.name} has no faces, so its color attribute covers nothing.")
    attribute = mesh.color_attributes[name]
    colors = _read(attribute.data, "color_srgb", 4, np.float32)[:, :3]
    if attribute.domain == "POINT":
        colors = colors[_read(mesh.loops, "vertex_index", 1, np.int32)[:, 0]]
    places = _read(mesh.uv_layers.active.uv, "vector", 2, np.float32) * np.array(size, np.float32)
    return _drawn(places[corners], colors[corners], size)


def _drawn(places: Any, colors: Any, size: tuple[int, int]) -> Any:
    """Triangles drawn into an image that repeats.

    Args:
        places: ``N x 3 x 2``, corners in pixels.
        colors: ``N x 3 x 3``, of the corners; between them they are interpolated.
        size: width and height.
    """
    width, height = size
    picture = np.zeros((height, width, 3), np.float32)
    covered = np.zeros((height, width), bool)
    low = np.floor(places.min(axis=1)).astype(np.int64)
    spans = np.ceil(places.max(axis=1)).astype(np.int64) - low + 1
    counts = spans[:, 0] * spans[:, 1]
    ends = np.cumsum(counts)
    first = 0
    while first < len(counts):
        last = max(first + 1, int(np.searchsorted(ends, (ends[first - 1] if first else 0) + _CHUNK, side="right")))
        triangles = np.repeat(np.arange(first, last), counts[first:last])
        inner = np.arange(len(triangles)) - np.repeat(ends[first:last] - counts[first:last], counts[first:last])
        inner += ends[first] - counts[first]
        x = low[triangles, 0] + inner % spans[triangles, 0]
        y = low[triangles, 1] + inner // spans[triangles, 0]
        shares = _shares(places[triangles], np.stack([x, y], axis=1) + 0.5)
        inside = (shares >= -1e-5).all(axis=1)
        column, row = x[inside] % width, y[inside] % height
        picture[row, column] = np.einsum("nk,nkc->nc", shares[inside], colors[triangles[inside]])
        covered[row, column] = True
        first = last
    return _filled(picture, covered)


def _shares(corners: Any, points: Any) -> Any:
    """Barycentric coordinates ``N x 3`` of points in triangles; outside one of them is negative."""
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    point = points - corners[:, 0]
    area = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        second = (point[:, 0] * two[:, 1] - point[:, 1] * two[:, 0]) / area
        third = (one[:, 0] * point[:, 1] - one[:, 1] * point[:, 0]) / area
    # Triangles without an area cover nothing.
    shares = np.stack([1 - second - third, second, third], axis=1)
    return np.nan_to_num(shares, nan=-1.0, posinf=-1.0, neginf=-1.0)


def _filled(picture: Any, covered: Any) -> Any:
    """The picture with the nearest color in what is not covered; it repeats on both axes.

    Rong and Tan 2006, "Jump Flooding in GPU with Applications to Voronoi Diagram and Distance Transform".
    """
    if covered.all() or not covered.any():
        return picture
    height, width = covered.shape
    y, x = np.indices(covered.shape)
    # Offsets to the nearest covered pixel that is known so far.
    far = 4 * max(height, width)
    down, right = np.where(covered, 0, far), np.where(covered, 0, far)
    step = 1 << (max(height, width) - 1).bit_length()
    while step:
        for rows in (-step, 0, step):
            for columns in (-step, 0, step):
                other_down = np.roll(down, (-rows, -columns), (0, 1)) + rows
                other_right = np.roll(right, (-rows, -columns), (0, 1)) + columns
                nearer = other_down**2 + other_right**2 < down**2 + right**2
                down, right = np.where(nearer, other_down, down), np.where(nearer, other_right, right)
        step //= 2
    return picture[(y + down) % height, (x + right) % width]


def _displayed_file(image: Image, folder: str) -> str:
    """File of an image with its values as they are displayed, as painted ones are meant."""
    if not image.is_float or image.colorspace_settings.is_data or 0 in image.size:
        return images.file_of(image, folder)
    width, height = image.size
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(height, width, -1)
    linear = np.repeat(pixels[..., :1], 3, axis=2) if image.channels < 3 else pixels[..., :3]
    linear = linear.clip(0, 1)
    # IEC 61966-2-1, the curve of sRGB.
    return _saved(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055), folder)


def _saved(colors: Any, folder: str) -> str:
    """An image file of ``H x W x 3`` colors as displayed, the lowest row first.

    Raises:
        MatshotError: when it cannot be written.
    """
    height, width = colors.shape[:2]
    path = os.path.join(folder, "painted.png")
    copy = bpy.data.images.new("painted", width, height)
    try:
        copy.pixels.foreach_set(np.dstack([colors, np.ones((height, width))]).astype(np.float32).ravel())
        copy.file_format = "PNG"
        images.save(copy, path)
    finally:
        bpy.data.images.remove(copy)
    return path


def _read(collection: Any, name: str, count: int, kind: Any) -> Any:
    """Values of all elements of a collection, one row for each."""
    found = np.empty(len(collection) * count, kind)
    collection.foreach_get(name, found)
    return found.reshape(-1, count)
