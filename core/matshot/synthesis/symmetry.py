"""Materials with a symmetry: mirrored, or turned about their middle.

A mirror image continues where it begins, so half of a result is kept and mirrored. A turned picture does not:
pictures turned by every step of the group overlap everywhere, and the cheapest cuts through what they have in common
decide which of them shows where (Efros and Freeman 2001, "Image Quilting for Texture Synthesis and Transfer", section
2.1). A cut and its turned copies bound regions that turn into each other, so the result is exactly symmetric. Where
it tiles, a turn about the middle is a turn about the middles of the edges and about the corner too, and cuts run
between these points. Vectors turn with their pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import MatshotError
from ..image.color import Pixels
from ..image.normals import unit_normals
from ..image.types import Texture, Wrap
from ..material.planes import anisotropy_of_directions, directions, planes_of
from ..material.types import MapKind, Material
from .correspondence import PATCH

Symmetry = Literal["none", "mirror_x", "mirror_y", "mirror_xy", "rotate_2", "rotate_4"]
Labels = NDArray[np.uint8]

#: Axes that a symmetry mirrors.
_MIRRORED: dict[Symmetry, str] = {"mirror_x": "x", "mirror_y": "y", "mirror_xy": "xy"}
#: Turns of a symmetry in a full one.
_TURNS: dict[Symmetry, int] = {"rotate_2": 2, "rotate_4": 4}
#: How far a cut may leave the straight line, in parts of the way to a point that it has to pass.
_SLOPE = 0.9
#: How far at most, in parts of the side.
_REACH = 1 / 8
#: Deviation in pixels over which pictures blend at a cut.
_SOFT = 1.2


def check_symmetry(symmetry: Symmetry, size: tuple[int, int]) -> None:
    """Check that a result of this size can have the symmetry.

    Args:
        symmetry: of the result.
        size: rows and columns.

    Raises:
        MatshotError: for sides that are too short or not equal.
    """
    if symmetry == "rotate_4" and size[0] != size[1]:
        raise MatshotError(f"The symmetry rotate_4 needs a square output, got {size[1]} x {size[0]}.")
    for axis, side in zip("yx", size, strict=True):
        if (axis in _MIRRORED.get(symmetry, "") or symmetry in _TURNS) and side < 2 * PATCH:
            raise MatshotError(
                f"The symmetry {symmetry} needs an output of at least {2 * PATCH} pixels per side, "
                f"got {size[1]} x {size[0]}."
            )


def symmetric_material(material: Material, symmetry: Symmetry) -> Material:
    """A material made symmetric.

    Args:
        material: of which the part from the upper left is kept that the symmetry makes the rest from.
        symmetry: ``none`` changes nothing.

    Returns:
        Of the same size. All maps alike; normals and directions of anisotropy are mirrored and turned with their
        pixels. It repeats where the material did, and on a mirrored axis in any case.
    """
    if symmetry in _TURNS:
        return _turned_together(material, _TURNS[symmetry])
    for axis in _MIRRORED.get(symmetry, ""):
        material = _mirrored_half(material, axis)
    return material


def mirrored_material(material: Material, axis: str) -> Material:
    """The mirror image of a material: ``x`` changes left and right, ``y`` up and down."""

    def mirrored(kind: MapKind, texture: Texture) -> Pixels:
        pixels = np.flip(texture.pixels, "yx".index(axis)).copy()
        if texture.encoding == "normal":
            pixels[..., "xy".index(axis)] *= -1
        if kind == "anisotropy_angle":
            pixels = np.mod(np.float32(0.5 if axis == "x" else 1.0) - pixels, 1)
        return pixels

    return _with_pixels(material, mirrored)


def turned_material(material: Material, quarters: int) -> Material:
    """A material turned counter-clockwise by quarters; where their number is odd it is square."""

    def turned(kind: MapKind, texture: Texture) -> Pixels:
        pixels = np.rot90(texture.pixels, quarters).copy()
        if texture.encoding == "normal":
            for _ in range(quarters % 4):
                pixels[..., 0], pixels[..., 1] = -pixels[..., 1], pixels[..., 0].copy()
        if kind == "anisotropy_angle":
            pixels = np.mod(pixels + np.float32(quarters / 4), 1)
        return pixels

    return _with_pixels(material, turned)


def _with_pixels(material: Material, pixels_of: Callable[[MapKind, Texture], Pixels]) -> Material:
    maps = {kind: texture.with_pixels(pixels_of(kind, texture)) for kind, texture in material.maps.items()}
    return replace(material, maps=maps)


def _mirrored_half(material: Material, axis: str) -> Material:
    """A half with its mirror image after it; on the middle line of an odd side it becomes its own image."""
    place = "yx".index(axis)
    other = mirrored_material(material, axis)
    side = material.width if axis == "x" else material.height
    wraps: dict[str, Wrap] = {"x": "x", "y": "y"}
    wrap = "xy" if material.wrap not in ("none", axis) else wraps[axis]

    def halves(kind: MapKind, texture: Texture) -> Pixels:
        half = -(-side // 2)
        kept, rest = ((slice(None),) * place + (lines,) for lines in (slice(0, half), slice(half, side)))
        whole = np.concatenate([texture.pixels[kept], other.maps[kind].pixels[rest]], axis=place)
        line = (slice(None),) * place + (slice(side // 2, side // 2 + 1),)
        if side % 2 and texture.encoding == "normal":
            upright = whole[line].copy()
            upright[..., "xy".index(axis)] = 0
            whole[line] = unit_normals(upright)
        if side % 2 and kind == "anisotropy_angle":
            # Along the line or across it, whichever is nearer.
            whole[line] = np.where(np.cos(4 * np.pi * whole[line]) >= 0, 0, 0.25)
        return np.ascontiguousarray(whole)

    folded = _with_pixels(material, halves)
    return replace(folded, maps={kind: replace(texture, wrap=wrap) for kind, texture in folded.maps.items()})


def _turned_together(material: Material, turns: int) -> Material:
    """A material and its turned copies, each in one of the regions that turn into each other."""
    quarters = 4 // turns
    copies = [turned_material(material, number * quarters) for number in range(turns)]
    shares = _shares(_regions(material, copies[-1], turns), turns, material.wrap)

    def together(kind: MapKind, texture: Texture) -> Pixels:
        if kind == "anisotropy_angle":
            blended = sum(share * _direction(copy) for share, copy in zip(shares, copies, strict=True))
            turns_of_axis = anisotropy_of_directions(np.asarray(blended))[1] / (2 * np.pi)
            return np.asarray(np.mod(turns_of_axis, 1), dtype=np.float32)
        pixels = np.zeros_like(texture.pixels)
        for share, copy in zip(shares, copies, strict=True):
            pixels += share * copy.maps[kind].pixels
        return np.asarray(unit_normals(pixels)) if texture.encoding == "normal" else pixels

    return _with_pixels(material, together)


def _direction(material: Material) -> Pixels:
    angle = material.maps["anisotropy_angle"].pixels
    size = material.maps["anisotropy"].pixels if "anisotropy" in material.maps else np.ones_like(angle)
    return directions(size, 2 * np.pi * angle)


def _shares(regions: Labels, turns: int, wrap: Wrap) -> list[Pixels]:
    """Soft shares of the copies in each pixel, ``H x W x 1``, which sum to 1."""
    height, width = regions.shape
    reach = 4
    shares = []
    for number in range(turns):
        share = (regions == number).astype(np.float32)
        if height % 2 and width % 2:
            # The middle of the turn belongs to all.
            share[height // 2, width // 2] = 1 / turns
        for axis, letter in enumerate("yx"):
            ends = [(0, 0), (0, 0)]
            ends[axis] = (reach, reach)
            share = np.pad(share, ends, mode="wrap" if letter in wrap else "edge")
        share = cv2.GaussianBlur(share, (2 * reach + 1, 2 * reach + 1), _SOFT)
        shares.append(np.ascontiguousarray(share[reach : reach + height, reach : reach + width, np.newaxis]))
    return shares


def _regions(first: Material, last: Material, turns: int) -> Labels:
    """Which turned copy shows where, ``H x W``: a region turns into the next one.

    Args:
        first: the material as it is, which shows in the upper left.
        last: its last copy, which shows to the right of it.
        turns: in a full one.
    """
    height, width = first.height, first.width
    if turns == 4:
        regions = np.repeat(np.repeat([[0, 3], [1, 2]], -(-height // 2), 0), -(-width // 2), 1)[:height, :width]
    else:
        regions = np.repeat([[0, 1]], height, 0).repeat(-(-width // 2), 1)[:, :width]
    regions = regions.astype(np.uint8)
    planes = planes_of(first)
    scale = np.sqrt(np.asarray(planes.balanced_weights(), dtype=np.float32))
    off = np.square((planes.values - planes_of(last).values) * scale).sum(axis=2)
    off = cv2.blur(off, (3, 3))
    tiles = first.wrap == "xy"
    # From above the middle down to it, and where the picture tiles from the corner down to the middle of its left edge.
    middles = [width / 2, 0.0] if tiles else [width / 2]
    y, x = np.ogrid[:height, :width]
    for middle in middles:
        cut = _cut(off, middle, tiles)
        aside = x + 0.5 - middle
        if middle == 0:
            aside = (aside + width / 2) % width - width / 2
        to_fixed = height / 2 - y - 0.5
        if tiles:
            to_fixed = np.minimum(to_fixed, y + 0.5)
        part = (np.abs(aside) < to_fixed) & (np.abs(aside) <= max(_REACH * width, 1.0) + 1)
        left = aside < np.pad(cut, (0, height - len(cut)))[:, np.newaxis]
        # What is left of the middle is in the first region; what is left of the left edge is at the right one.
        own = np.where(left == (middle > 0), 0, turns - 1)
        for number in range(turns):
            quarters = number * 4 // turns
            there = np.rot90(part, quarters)
            regions[there] = ((np.rot90(own, quarters) + number) % turns)[there]
    return regions


def _cut(off: NDArray[np.float32], middle: float, tiles: bool) -> NDArray[np.float64]:
    """The cheapest cut from the top down to the middle, as its distance to the right of a straight one in each row.

    Args:
        off: ``H x W``, cost of a pixel beside the cut.
        middle: column at which the straight cut lies.
        tiles: whether the cut has to begin on the straight one.
    """
    height, width = off.shape
    rows = height // 2
    reach = max(1, int(_REACH * width))
    # Cuts lie between pixels, so beside the middle of an odd width.
    columns = np.arange(int(np.floor(middle)) - reach, int(np.ceil(middle)) + reach + 1)
    aside = columns - middle
    cost = off[:rows, columns % width] + off[:rows, (columns - 1) % width]
    to_fixed = height / 2 - np.arange(rows) - 0.5
    if tiles:
        to_fixed = np.minimum(to_fixed, np.arange(rows) + 0.5)
    cost = np.where(np.abs(aside) <= np.maximum(_SLOPE * to_fixed, 0.5)[:, np.newaxis], cost, np.float32(np.inf))
    total, came = cost[0], np.zeros((rows, len(columns)), dtype=np.int8)
    for row in range(1, rows):
        wide = np.pad(total, 1, constant_values=np.inf)
        options = np.stack([wide[1:-1], wide[:-2], wide[2:]])
        best = options.argmin(axis=0)
        came[row] = np.array([0, -1, 1], dtype=np.int8)[best]
        total = options.min(axis=0) + cost[row]
    place = int(total.argmin())
    result = np.empty(rows)
    for row in range(rows - 1, -1, -1):
        result[row] = aside[place]
        place += int(came[row, place])
    return result
