"""Downsampling of materials: every pixel becomes the mean of the area that it covers.

That area ends with the pixel, so it never reaches over a border, and maps that repeat still do.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..image.alpha import continues_under_alpha, is_multiplied, is_transparency, multiplied_color, straight_color
from ..image.color import Pixels, linear_from_srgb, srgb_from_linear
from ..image.normals import unit_normals
from ..image.types import Texture
from .planes import anisotropy_of_directions, directions
from .types import MapKind, Material


def downsampled_material(material: Material, longest: int) -> Material:
    """A material whose longer side is at most ``longest`` pixels; a smaller one is returned as it is.

    Colors are averaged as light, and by their alpha; normals stay unit vectors. Directions of anisotropy cancel out
    where they are opposed, which leaves less of it.
    """
    if max(material.width, material.height) <= longest:
        return material
    scale = longest / max(material.width, material.height)
    return averaged_material(material, (max(1, round(material.width * scale)), max(1, round(material.height * scale))))


def averaged_material(material: Material, size: tuple[int, int]) -> Material:
    """A material of a smaller size, (width, height) in pixels, as :func:`downsampled_material`."""
    maps: dict[MapKind, Texture] = {kind: averaged(texture, size) for kind, texture in material.maps.items()}
    return material.with_maps({**maps, **_averaged_directions(material, size)})


def resized_map(texture: Texture, size: tuple[int, int]) -> Texture:
    """A map at ``size`` (columns, rows): by areas if that is smaller, else bicubic, within the map's own range.

    Colors are resized as light, normals stay unit vectors.
    """
    if size == (texture.width, texture.height):
        return texture
    if size[0] <= texture.width and size[1] <= texture.height:
        return averaged(texture, size)
    values = linear_from_srgb(texture.color) if texture.encoding == "srgb" else texture.pixels
    if texture.encoding == "srgb" and texture.alpha is not None:
        values = np.concatenate([values, texture.alpha], axis=2)
    enlarged = cv2.resize(np.ascontiguousarray(values), size, interpolation=cv2.INTER_CUBIC)
    large: Pixels = np.asarray(enlarged, dtype=np.float32).reshape(size[1], size[0], values.shape[2])
    large = np.asarray(large.clip(values.min(axis=(0, 1)), values.max(axis=(0, 1))), dtype=np.float32)
    if texture.encoding == "normal":
        return texture.with_pixels(unit_normals(large))
    if texture.encoding == "srgb":
        count = texture.color.shape[2]
        large = np.concatenate([srgb_from_linear(large[..., :count]), large[..., count:]], axis=2)
    return texture.with_pixels(np.ascontiguousarray(large, dtype=np.float32))


def averaged(texture: Texture, size: tuple[int, int]) -> Texture:
    """A texture of a smaller size, (width, height) in pixels; colors are averaged as light, and by their alpha."""
    if texture.encoding in ("srgb", "linear"):
        return texture.with_pixels(_averaged_light(texture, size))
    small = area_means(texture.pixels, size)
    return texture.with_pixels(unit_normals(small) if texture.encoding == "normal" else small)


def small_texture(texture: Texture, longest: int) -> Texture:
    """A texture whose longer side is at most ``longest`` pixels; a smaller one as it is."""
    scale = longest / max(texture.width, texture.height)
    if scale >= 1:
        return texture
    return averaged(texture, (max(1, round(texture.width * scale)), max(1, round(texture.height * scale))))


def _averaged_light(texture: Texture, size: tuple[int, int]) -> Pixels:
    light = linear_from_srgb(texture.color) if texture.encoding == "srgb" else texture.color
    small = area_means(light, size)
    if is_multiplied(texture):
        assert texture.alpha is not None
        stored = area_means(multiplied_color(np.concatenate([light, texture.alpha], axis=2)), size)
        small, covered = np.split(straight_color(stored), [light.shape[2]], axis=2)
    elif texture.alpha is not None and (not is_transparency(texture) or continues_under_alpha(texture)):
        # Alpha is something else than transparency, such as smoothness.
        covered = area_means(texture.alpha, size)
    elif texture.alpha is not None:
        covered = area_means(texture.alpha, size)
        # Where nothing is covered, color has no meaning; it stays for whoever ignores alpha.
        seen = area_means(light * texture.alpha, size) / np.where(covered > 0, covered, 1)
        small = np.where(covered > 0, seen, small)
    color = srgb_from_linear(small) if texture.encoding == "srgb" else small
    return color if texture.alpha is None else np.concatenate([color, covered], axis=2)


def _averaged_directions(material: Material, size: tuple[int, int]) -> dict[MapKind, Texture]:
    """Anisotropy and its angle in parts of a turn, which are alike after half of it; nothing without the angle."""
    angle = material.maps.get("anisotropy_angle")
    if angle is None:
        return {}
    degree = material.maps.get("anisotropy")
    amounts = np.ones_like(angle.pixels) if degree is None else degree.pixels
    small, turned = anisotropy_of_directions(area_means(directions(amounts, 2 * np.pi * angle.pixels), size))
    turns = np.mod(turned / (2 * np.pi), 0.5).astype(np.float32)
    maps: dict[MapKind, Texture] = {"anisotropy_angle": angle.with_pixels(turns)}
    if degree is not None:
        maps["anisotropy"] = degree.with_pixels(small)
    return maps


def area_means(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Means of the areas that the pixels of a smaller size cover; size is (width, height) in pixels."""
    small = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32).reshape(size[1], size[0], pixels.shape[2])
