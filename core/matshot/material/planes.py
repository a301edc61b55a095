"""A material's maps side by side, in encodings in which differences and means of pixels are meaningful."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..image.color import Pixels, linear_from_srgb, srgb_from_linear
from ..image.normals import unit_normals
from ..image.types import Texture, Wrap
from .types import MapKind, Material

#: Least n_z that a slope is divided by: 84 degrees. One vector near the horizon would otherwise outweigh all others.
_LEAST_NZ = np.float32(0.1)

#: Weights of a map's squared differences where maps are compared; 1 for all others.
_WEIGHTS: dict[MapKind, float] = {"roughness": 0.5, "gloss": 0.5, "metallic": 0.5, "specular": 0.5, "ao": 0.5}
#: Shares of maps in what tells pieces of a material apart, whatever their contrast.
_SHARES: dict[MapKind, float] = {"basecolor": 1.0, "normal": 0.5, "height": 0.5, "ao": 0.15}
#: Share of every other map.
_OTHER_SHARE = 0.25
#: Least variance that a map is normalized by: that of deviations of 1 %, which hardly show.
_LEAST_VARIANCE = 1e-4


@dataclass(frozen=True)
class Planes:
    """Registered planes of a material.

    Colors stand display-encoded, normals as slopes ``n_x / n_z`` and ``n_y / n_z``, anisotropy with its angle as
    ``a (cos 2 angle, sin 2 angle)``, an angle alone as a unit vector, all else as it is. Alpha is a plane like others.

    Attributes:
        values: ``H x W x C``.
        weights: ``(C,)``, what a squared difference of each plane counts.
        like: the material that they were made of.
    """

    values: Pixels
    weights: tuple[float, ...]
    like: Material

    def balanced_weights(self) -> tuple[float, ...]:
        """Weights with which every map has its share in what tells pieces apart, whatever the contrast it has.

        Slopes of a brick wall vary ten times as much as its color; by squared differences alone it would be none.
        """
        weights: list[float] = []
        for kinds, columns in _groups(self.like):
            variance = float(self.values[..., columns].var(axis=(0, 1), dtype=np.float64).sum())
            share = _SHARES.get(kinds[0], _OTHER_SHARE) / max(variance, _LEAST_VARIANCE)
            weights += [share] * (columns.stop - columns.start)
        return tuple(weights)

    def material(self, values: Pixels, wrap: Wrap) -> Material:
        """The material that planes of any size describe, with the kinds, encodings and sources of :attr:`like`.

        What has a range comes back within it. The physical size is scaled by the sizes in pixels.

        Args:
            values: ``H x W x C``, in the order of :attr:`values`.
            wrap: axes on which they repeat.
        """
        maps: dict[MapKind, Texture] = {}
        for kinds, columns in _groups(self.like):
            for kind, pixels in _decoded(self.like, kinds, values[..., columns]).items():
                contiguous = np.ascontiguousarray(pixels, dtype=np.float32)
                maps[kind] = replace(self.like.maps[kind], pixels=contiguous, wrap=wrap)
        ordered = {kind: maps[kind] for kind in self.like.maps}
        size = self.like.physical_size
        if size is not None:
            across, down = values.shape[1] / self.like.width, values.shape[0] / self.like.height
            size = (size[0] * across, size[1] * down)
        return replace(self.like, maps=ordered, physical_size=size, raw=None)


def planes_of(material: Material) -> Planes:
    """The planes of all maps of a material."""
    values, weights = [], []
    for kinds, columns in _groups(material):
        planes = _encoded(material, kinds)
        values.append(planes)
        weights += [_WEIGHTS.get(kinds[0], 1.0)] * (columns.stop - columns.start)
    return Planes(np.ascontiguousarray(np.concatenate(values, axis=2)), tuple(weights), material)


def slopes(normals: Pixels) -> Pixels:
    """``n_x / n_z`` and ``n_y / n_z`` of unit vectors ``... x 3``; steeper than 84 degrees counts as that."""
    return np.asarray(normals[..., :2] / np.maximum(normals[..., 2:3], _LEAST_NZ), dtype=np.float32)


def normals_of_slopes(steepness: Pixels) -> Pixels:
    """Unit vectors ``... x 3`` of slopes ``... x 2``."""
    return unit_normals(np.concatenate([steepness, np.ones_like(steepness[..., :1])], axis=-1))


def directions(anisotropy: Pixels, angle: Pixels) -> Pixels:
    """``a (cos 2 angle, sin 2 angle)``, ``... x 2``, of ``... x 1`` each; the angle in radians."""
    doubled = 2 * angle
    return np.asarray(anisotropy * np.concatenate([np.cos(doubled), np.sin(doubled)], axis=-1), dtype=np.float32)


def anisotropy_of_directions(direction: Pixels) -> tuple[Pixels, Pixels]:
    """Anisotropy in [0, 1] and its angle in (-pi/2, pi/2], the inverse of :func:`directions` up to sign and turn."""
    cosine, sine = direction[..., :1], direction[..., 1:]
    size = np.minimum(np.hypot(cosine, sine), 1)
    return size, (np.arctan2(sine, cosine) / 2).astype(np.float32)


def _groups(material: Material) -> Iterator[tuple[tuple[MapKind, ...], slice]]:
    """Maps that are encoded together, and their planes."""
    start = 0
    for kind, texture in material.maps.items():
        kinds: tuple[MapKind, ...] = (kind,)
        count = texture.pixels.shape[2]
        if kind == "normal":
            count -= 1
        elif kind == "anisotropy_angle":
            if "anisotropy" in material.maps:
                continue
            count = 2
        elif kind == "anisotropy" and "anisotropy_angle" in material.maps:
            kinds, count = ("anisotropy", "anisotropy_angle"), 2
        yield kinds, slice(start, start + count)
        start += count


def _encoded(material: Material, kinds: tuple[MapKind, ...]) -> Pixels:
    texture = material.maps[kinds[0]]
    pixels = texture.pixels
    if texture.encoding == "normal":
        return np.concatenate([slopes(pixels), pixels[..., 3:]], axis=2)
    if texture.encoding == "linear":
        color = srgb_from_linear(texture.color)
        return color if texture.alpha is None else np.concatenate([color, texture.alpha], axis=2)
    if kinds[-1] == "anisotropy_angle":
        size = pixels if len(kinds) == 2 else np.ones_like(pixels)
        return directions(size, 2 * np.pi * material.maps["anisotropy_angle"].pixels)
    return pixels


def _decoded(material: Material, kinds: tuple[MapKind, ...], planes: Pixels) -> dict[MapKind, Pixels]:
    like = material.maps[kinds[0]]
    if like.encoding == "normal":
        return {kinds[0]: np.concatenate([normals_of_slopes(planes[..., :2]), planes[..., 2:]], axis=2)}
    if kinds[-1] == "anisotropy_angle":
        size, angle = anisotropy_of_directions(planes)
        turns = np.mod(angle / (2 * np.pi), 1)
        return {kind: size if kind == "anisotropy" else turns for kind in kinds}
    lowest, highest = like.pixels.min(axis=(0, 1)), like.pixels.max(axis=(0, 1))
    if like.encoding == "linear":
        count = like.color.shape[2]
        color = linear_from_srgb(planes[..., :count])
        planes = np.concatenate([color, planes[..., count:]], axis=2)
    return {kinds[0]: planes.clip(lowest, highest)}
