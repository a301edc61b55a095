"""Pictures of materials for people: lit, map by map, beside themselves and beside each other, on one sheet.

Pictures here are display-encoded (sRGB) ``H x W x 3`` in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Literal, get_args

import cv2
import numpy as np
import OpenImageIO as oiio

from ..errors import MatshotError
from ..image.color import Pixels, srgb_from_linear
from ..image.normals import encoded_normals
from ..image.types import Texture, Wrap
from ..material.resize import shrunk
from ..material.types import MapKind, Material
from ..progress import Listener, Progress
from .render import Camera, Environment, Light, SoftLight, displayed, exposure, flash, render, rendered_sphere
from .surface import Surface, surface_of

#: A sheet of a material, or the material beside itself.
View = Literal["material", "tiled"]


#: How often a tiled view repeats a material on each axis.
REPEATS = 3


_MOST_REPEATS = 16


#: Least part of its box that a variation fills, however small it is beside the others.
_LEAST_SHARE = 0.25


#: Grey of the sheet, and of what is written on it.
_GROUND, _INK, _FAINT_INK = 0.125, 0.82, 0.55


#: Pixels between pictures and around all of them.
_GUTTER, _MARGIN = 12, 24


#: Sizes of letters, and heights of their lines.
_LABEL, _LINE, _TITLE, _HEADING = 13, 26, 20, 28


#: Narrowest picture of a map, which its label needs.
_LEAST_MAP = 190


#: What maps are called where their kind is not a word.
_NAMES: dict[MapKind, str] = {
    "basecolor": "base color",
    "ao": "ambient occlusion",
    "anisotropy_angle": "anisotropy angle",
    "orm": "ao, roughness, metallic",
}


#: Where the flash of the lit plane is beside the lens, in sides of the plane: far enough for relief to show.
_BESIDE = (-0.30, 0.34)


#: Most exposure of the lit plane, in that which shows matte white below the flash as white: dark materials stay dark.
_MOST_EXPOSURE = 1.4


#: Little light from everywhere, without which a smooth metal under a flash is black beside its highlight.
_ROOM = Environment((0.06, 0.06, 0.06), (0.1, 0.1, 0.1), (0.0, 0.0, 0.0))


#: A grey studio, a large softbox at the upper left and a narrow one behind on the right.
_STUDIO: tuple[Light, ...] = (
    Environment((0.50, 0.53, 0.58), (0.20, 0.20, 0.20), (0.07, 0.065, 0.06), up=(0.0, 1.0, 0.0)),
    SoftLight((-0.55, 0.70, 0.75), (1.95, 1.90, 1.80), radius=14),
    SoftLight((0.95, 0.25, -0.25), (0.9, 0.95, 1.05), radius=10),
)


def preview(
    material: Material, *, size: int = 512, view: View = "material", progress: Listener | None = None
) -> Texture:
    """One sheet that shows a material: a lit plane, a lit sphere, and every map under its name.

    The plane is lit by a flash beside the lens and exposed like a photograph, though dark materials stay dark; the
    sphere stands in a grey studio of always the same brightness, so that different materials can be compared.

    Args:
        material: with a base color. Maps that are larger than they are shown are averaged first.
        size: pixels a side of the two large pictures, 128 to 4096.
        view: ``tiled`` for :func:`tiled_view` instead.
        progress: told what is being drawn.

    Returns:
        The sheet, ``srgb``.

    Raises:
        MatshotError: without a base color, for a size out of range, or for a view that there is not.
        Cancelled: when the listener says so.
    """
    _check(size, view)
    if view == "tiled":
        return tiled_view(material, size=size, progress=progress)
    whole = Progress(progress)
    whole(0, "shrinking")
    small = shrunk(material.unpacked(), size)
    surface = surface_of(small)
    square = _repeated(surface, small.wrap)
    plane = _lit_plane(square, whole.part(0.1, 0.3, "lighting"))
    aspect = surface.height / surface.width
    tiling = 2 * np.sqrt(aspect) if small.wrap == "xy" else min(1.0, aspect)
    sphere = rendered_sphere(surface, size, _STUDIO, float(tiling), whole.part(0.3, 0.85, "lighting"))
    whole(0.9, "drawing")
    lit = [fitted(plane, size, size), _on_backdrop(sphere)]
    large = labelled_row(lit, ["plane: flash", "sphere: studio"])
    rows = [large, *_map_rows(small.maps, large.shape[1])]
    picture = sheet(rows, material.name, _facts(material))
    whole(1)
    return Texture(picture, "srgb")


def tiled_view(
    material: Material, repeats: int = REPEATS, *, size: int = 512, progress: Listener | None = None
) -> Texture:
    """A material beside itself on both axes: lit, and its base color.

    Axes that do not wrap are repeated as well, and the line under the name says that they do not: the edges that are
    then seen are those that a host would show.

    Args:
        material: with a base color.
        repeats: on each axis, 1 to 16.
        size: pixels of the longer side of each of the two pictures, 128 to 4096.
        progress: told what is being drawn.

    Returns:
        The sheet, ``srgb``.

    Raises:
        MatshotError: without a base color, or for a size or a number of repeats out of range.
        Cancelled: when the listener says so.
    """
    _check(size)
    if not 1 <= repeats <= _MOST_REPEATS:
        raise MatshotError(f"A tiled view repeats a material 1 to {_MOST_REPEATS} times, not {repeats}.")
    whole = Progress(progress)
    whole(0, "shrinking")
    # Whole pixels for each repeat, so that all repeats are alike.
    small = shrunk(material.unpacked(), max(1, size // repeats))
    surface = _tiled(surface_of(small), repeats, repeats)
    plane = _lit_plane(surface, whole.part(0.1, 0.9, "lighting"))
    color = np.tile(map_picture("basecolor", small.maps["basecolor"]), (repeats, repeats, 1))
    pictures = [_scaled(picture, repeats * (size // repeats)) for picture in (plane, color)]
    whole(0.9, "drawing")
    often = f"{repeats} x {repeats}"
    row = labelled_row(pictures, [f"plane, {often}: flash", f"base color, {often}"])
    picture = sheet([row], material.name, _facts(material))
    whole(1)
    return Texture(picture, "srgb")


def variations_sheet(
    materials: Sequence[Material],
    titles: Sequence[str] = (),
    *,
    size: int = 512,
    view: View = "material",
    progress: Listener | None = None,
) -> Texture:
    """Materials beside each other, such as a texture and what was made of it.

    A base color alone is shown as it is; with other maps, the material is lit as in :func:`preview`. All are drawn at
    one scale of their pixels, that of the largest one, unless that would make one smaller than a quarter of its box.

    Args:
        materials: in the order they are shown, the source first.
        titles: one for each, or empty for the seeds that their makers recorded and, without one, their names.
        size: pixels a side of each box, 128 to 4096.
        view: ``tiled`` shows each repeated three times on both axes.
        progress: told what is being drawn.

    Returns:
        The sheet, ``srgb``.

    Raises:
        MatshotError: for no material, titles that are not as many, or as :func:`preview` does.
        Cancelled: when the listener says so.
    """
    _check(size, view)
    if not materials:
        raise MatshotError("There is no material to show.")
    if titles and len(titles) != len(materials):
        raise MatshotError(f"There are {len(materials)} materials, but {len(titles)} titles.")
    names = list(titles) or [variation_title(material) for material in materials]
    whole = Progress(progress)
    repeats = REPEATS if view == "tiled" else 1
    largest = max(max(material.width, material.height) for material in materials)
    pictures = []
    for number, material in enumerate(materials):
        share = max(max(material.width, material.height) / largest, _LEAST_SHARE)
        part = whole.part(number / len(materials), (number + 1) / len(materials), "drawing")
        pictures.append(_boxed(variation_picture(material, round(share * size), repeats, part), size, size))
    columns = min(len(pictures), max(2, round(np.sqrt(1.5 * len(pictures)))))
    rows = [
        labelled_row(pictures[first : first + columns], names[first : first + columns])
        for first in range(0, len(pictures), columns)
    ]
    picture = sheet(rows)
    whole(1)
    return Texture(picture, "srgb")


def variation_title(material: Material) -> str:
    """What a variation is called on a sheet: by its seed, if the tool that made it recorded one, else its name."""
    seed = material.parameters.get("seed")
    return material.name if seed is None else f"seed {seed}"


def map_picture(kind: MapKind, texture: Texture) -> Pixels:
    """A map as a picture: colour as it looks, normals as OpenGL files hold them, numbers as grey.

    Heights are stretched from black to white, and anisotropy is grey where there is none.
    """
    pixels = texture.color if texture.encoding in ("srgb", "linear") else texture.pixels
    if texture.encoding == "normal":
        pixels = encoded_normals(pixels, "gl")[..., :3]
    elif texture.encoding == "linear":
        pixels = srgb_from_linear(pixels)
    elif kind == "height":
        lowest, highest = float(pixels.min()), float(pixels.max())
        pixels = (pixels - lowest) / (highest - lowest) if highest > lowest else np.full_like(pixels, 0.5)
    elif kind == "anisotropy":
        pixels = 0.5 + 0.5 * pixels
    return as_rgb(pixels)


def fitted(picture: Pixels, width: int, height: int) -> Pixels:
    """A picture of any size, as large as it can be in the middle of a box of the sheet's grey."""
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner = _resized(picture, max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return _boxed(inner, width, height)


def labelled_row(pictures: Sequence[Pixels], labels: Sequence[str]) -> Pixels:
    """Pictures side by side, each above its label.

    Args:
        pictures: of equal height.
        labels: one for each, or empty.
    """
    height = pictures[0].shape[0]
    width = sum(picture.shape[1] for picture in pictures) + _GUTTER * (len(pictures) - 1)
    row = np.full((height + _LINE, width, 3), _GROUND, dtype=np.float32)
    left = 0
    for picture, label in zip(pictures, labels, strict=True):
        row[:height, left : left + picture.shape[1]] = np.clip(as_rgb(picture), 0, 1)
        _write(row[height:, left : left + picture.shape[1]], label, _LABEL, _INK)
        left += picture.shape[1] + _GUTTER
    return row


def sheet(rows: Sequence[Pixels], title: str = "", facts: str = "") -> Pixels:
    """Rows under each other on a dark neutral ground.

    Args:
        rows: pictures of any width, such as those of :func:`labelled_row`.
        title: of the sheet.
        facts: in small letters under the title.
    """
    header = (_HEADING if title else 0) + (_LINE if facts else 0) + (_GUTTER if title or facts else 0)
    width = max(row.shape[1] for row in rows) + 2 * _MARGIN
    height = header + sum(row.shape[0] for row in rows) + _GUTTER * (len(rows) - 1) + 2 * _MARGIN
    picture = np.full((height, width, 3), _GROUND, dtype=np.float32)
    top = _MARGIN + header
    below = top - _GUTTER
    _write(picture[_MARGIN : below - (_LINE if facts else 0), _MARGIN:-_MARGIN], title, _TITLE, _INK)
    _write(picture[below - _LINE : below, _MARGIN:-_MARGIN], facts, _LABEL, _FAINT_INK)
    for row in rows:
        picture[top : top + row.shape[0], _MARGIN : _MARGIN + row.shape[1]] = row
        top += row.shape[0] + _GUTTER
    return picture


def _check(size: int, view: View = "material") -> None:
    if not 128 <= size <= 4096:
        raise MatshotError(f"A preview has 128 to 4096 pixels a side, not {size}.")
    if view not in get_args(View):
        raise MatshotError(f"There is no view {view!r}; there are {', '.join(get_args(View))}.")


def _lit_plane(surface: Surface, progress: Progress) -> Pixels:
    """A surface under a flash beside the lens, as a picture."""
    camera = Camera(surface.width, surface.height)
    plane = render(surface, camera, [flash(camera, _BESIDE), _ROOM], progress)
    return displayed(plane, min(exposure(plane), _MOST_EXPOSURE * np.pi * camera.distance**2))


def variation_picture(material: Material, longest: int, repeats: int, progress: Progress) -> Pixels:
    """A material's base color, or the material lit where there is more to it, repeated, in whole pixels a repeat."""
    small = shrunk(material.unpacked(), max(1, longest // repeats))
    if len(small.maps) > 1:
        picture = _lit_plane(_tiled(surface_of(small), repeats, repeats), progress)
    else:
        kind, texture = next(iter(small.maps.items()))
        picture = np.tile(map_picture(kind, texture), (repeats, repeats, 1))
        progress(1)
    return _scaled(picture, repeats * max(1, longest // repeats))


def _repeated(surface: Surface, wrap: Wrap) -> Surface:
    """A long surface beside itself, as close to a square as its wrap allows."""
    down = round(surface.width / surface.height) if "y" in wrap else 1
    across = round(surface.height / surface.width) if "x" in wrap else 1
    return _tiled(surface, max(1, down), max(1, across))


def _tiled(surface: Surface, down: int, across: int) -> Surface:
    """A surface beside itself."""
    repeats = (down, across, 1)
    return Surface(**{field.name: np.tile(getattr(surface, field.name), repeats) for field in fields(surface)})


def _map_rows(maps: Mapping[MapKind, Texture], width: int) -> list[Pixels]:
    """Every map above its name, in as few even rows as wide maps allow, each as wide as what is above."""
    kinds: list[MapKind] = [kind for kind in get_args(MapKind) if kind in maps]
    down = -(-len(kinds) // max(2, width // _LEAST_MAP))
    columns = max(2, -(-len(kinds) // down))
    sides = [(width - _GUTTER * (columns - 1) + place) // columns for place in range(columns)]
    shape = maps[kinds[0]].pixels.shape
    height = min(sides[0], round(sides[0] * shape[0] / shape[1]))
    rows = []
    for first in range(0, len(kinds), columns):
        row = kinds[first : first + columns]
        boxes = [fitted(map_picture(kind, maps[kind]), side, height) for kind, side in zip(row, sides, strict=False)]
        rows.append(labelled_row(boxes, [_label(kind, maps[kind]) for kind in row]))
    return rows


def _label(kind: MapKind, texture: Texture) -> str:
    """Name of a map, and what its numbers span."""
    name = _NAMES.get(kind, kind)
    if texture.encoding != "data" or texture.pixels.shape[2] > 1:
        return name
    lowest, highest = np.percentile(texture.pixels, (1, 99))
    return f"{name}  {lowest:.2f}" if highest - lowest < 0.005 else f"{name}  {lowest:.2f} to {highest:.2f}"


def _facts(material: Material) -> str:
    parts = [f"{material.width} x {material.height} px"]
    if material.physical_size is not None:
        parts.append("{:.3g} x {:.3g} m".format(*material.physical_size))
    parts.append({"none": "does not tile", "xy": "tiles"}.get(material.wrap, f"tiles in {material.wrap}"))
    return ", ".join(parts)


def _on_backdrop(sphere: Pixels) -> Pixels:
    """A sphere before a grey that is lighter in the middle."""
    side = np.linspace(-1, 1, sphere.shape[0], dtype=np.float32)
    away = np.square(side)[np.newaxis] + np.square(side - np.float32(0.15))[:, np.newaxis]
    backdrop = (np.float32(0.018) + np.float32(0.05) * np.exp(-1.1 * away))[..., np.newaxis]
    covered = sphere[..., 3:]
    return displayed(sphere[..., :3] * covered + backdrop * (1 - covered), 1.0)


def _boxed(picture: Pixels, width: int, height: int) -> Pixels:
    """A picture in the middle of a box of the sheet's grey."""
    top, left = (height - picture.shape[0]) // 2, (width - picture.shape[1]) // 2
    box = np.full((height, width, 3), _GROUND, dtype=np.float32)
    box[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return box


def _scaled(picture: Pixels, longest: int) -> Pixels:
    """A picture whose longer side has that many pixels."""
    scale = longest / max(picture.shape[:2])
    return _resized(picture, *(max(1, round(side * scale)) for side in picture.shape[1::-1]))


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """Mean of the area that a pixel covers, or cubic when it grows."""
    grows = width * height > pixels.shape[0] * pixels.shape[1]
    how = cv2.INTER_CUBIC if grows else cv2.INTER_AREA
    resized = cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=how)
    return np.asarray(resized, dtype=np.float32).reshape(height, width, pixels.shape[2])


def as_rgb(pixels: Pixels) -> Pixels:
    return np.repeat(pixels[..., :1], 3, axis=2) if pixels.shape[2] < 3 else pixels[..., :3]


def _write(strip: Pixels, text: str, size: int, grey: float) -> None:
    """Put a line of text into a strip of the sheet; what does not fit is cut off."""
    if not text:
        return
    canvas = oiio.ImageBuf(np.ascontiguousarray(strip))
    baseline = (strip.shape[0] + size) // 2 - 1
    # Without a font, which some builds of OpenImageIO do not bring, the sheet stays without words.
    if oiio.ImageBufAlgo.render_text(canvas, 0, baseline, text, size, textcolor=(grey, grey, grey)):
        strip[...] = np.asarray(canvas.get_pixels(oiio.FLOAT))[: strip.shape[0], : strip.shape[1], :3]
    else:
        canvas.geterror()
