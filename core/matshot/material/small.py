"""Images and materials read small, strip by strip, in little memory however large their files are."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from ..image.reader import image_size, texture_strips, upright_texture
from ..image.types import Convention, Encoding, Texture, Wrap
from .folder import MaterialFolder, material_of, read_maps
from .resize import averaged
from .types import Material

#: Pixels of a strip. Smaller images are one, and come as they would if they were read whole.
_STRIP = 1 << 22


def read_small_texture(
    path: str | os.PathLike[str],
    longest: int,
    *,
    encoding: Encoding | Literal["auto"] = "auto",
    colorspace: str = "",
    convention: Convention = "gl",
    wrap: Wrap = "none",
) -> Texture:
    """An image file whose longer side is at most ``longest`` pixels; the others as of ``read_texture``.

    Raises:
        MatshotError: for what cannot be read.
    """
    path = Path(path)
    width, height, _ = image_size(path)
    scale = min(1.0, longest / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Strips end where rows of the result do.
    rows = max(1, int(_STRIP * size[1] / (width * height)))
    ends = [*range(0, size[1], rows), size[1]]
    edges = [round(end * height / size[1]) for end in ends]
    strips = texture_strips(path, edges, encoding=encoding, colorspace=colorspace, convention=convention)
    small = [
        averaged(strip, (size[0], end - begin)) if scale < 1 else strip
        for strip, begin, end in zip(strips, ends, ends[1:], strict=False)
    ]
    pixels = np.concatenate([one.pixels for one in small])
    return replace(upright_texture(small[0].with_pixels(pixels)), wrap=wrap)


def small_material(found: MaterialFolder, longest: int) -> Material:
    """The material of a folder, its maps at most ``longest`` pixels on the longer side.

    Raises:
        MatshotError: for a map that cannot be read, and maps of different sizes.
    """
    wrap: Wrap = found.description.get("wrap", "none")
    reader = partial(read_small_texture, longest=longest)
    return material_of(found, read_maps(found, wrap, [], reader))
