"""Downsampling of materials: every pixel becomes the mean of the area that it covers.

That area ends with the pixel, so it never reaches over a border, and maps that repeat still do.
"""

from __future__ import annotations

import cv2
import numpy as np

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
    size = max(1, round(material.width * scale)), max(1, round(material.height * scale))
    maps: dict[MapKind, Texture] = {kind: averaged(texture, size) for kind, texture in material.maps.items()}
    return material.with_maps({**maps, **_averaged_directions(material, size)})


def averaged(texture: Texture, size: tuple[int, int]) -> Texture:
    """A texture of a smaller size, (width, height) in pixels; colors are averaged as light, and by their alpha."""
    if texture.encoding in ("srgb", "linear"):
        return texture.with_pixels(_averaged_light(texture, size))
    small = _mean(texture.pixels, size)
    return texture.with_pixels(unit_normals(small) if texture.encoding == "normal" else small)


def _averaged_light(texture: Texture, size: tuple[int, int]) -> Pixels:
    light = linear_from_srgb(texture.color) if texture.encoding == "srgb" else texture.color
    small = _mean(light, size)
    if texture.alpha is not None:
        covered = _mean(texture.alpha, size)
        # Where nothing is covered, color has no meaning; it stays for whoever ignores alpha.
        seen = _mean(light * texture.alpha, size) / np.where(covered > 0, covered, 1)
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
    small, turned = anisotropy_of_directions(_mean(directions(amounts, 2 * np.pi * angle.pixels), size))
    turns = np.mod(turned / (2 * np.pi), 0.5).astype(np.float32)
    maps: dict[MapKind, Texture] = {"anisotropy_angle": angle.with_pixels(turns)}
    if degree is not None:
        maps["anisotropy"] = degree.with_pixels(small)
    return maps


def _mean(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    small = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32).reshape(size[1], size[0], pixels.shape[2])
