"""Textures in memory: pixels, and what is known of the file that they came from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import OpenImageIO as oiio

from ..errors import MatshotError
from .color import Pixels

Encoding = Literal["srgb", "linear", "normal", "data"]


Wrap = Literal["none", "x", "y", "xy"]


Depth = Literal["uint8", "uint16", "half", "float"]


Convention = Literal["gl", "dx"]


ENCODINGS: tuple[str, ...] = get_args(Encoding)


WRAPS: tuple[str, ...] = get_args(Wrap)


DEPTHS: tuple[str, ...] = get_args(Depth)


@dataclass(frozen=True)
class FileSource:
    """What a file said besides its pixels, so that a result can be stored alike.

    Attributes:
        path: where it came from.
        depth: bits per sample.
        attributes: metadata (ICC profile, EXIF, XMP, resolution ...) as OpenImageIO keeps it.
        colorspace: OCIO name of the file's colour space when one was asked for, else empty.
        convention: of a normal map's green channel.
        signed: whether normals are stored in [-1, 1] instead of [0, 1].
    """

    path: Path
    depth: Depth
    attributes: oiio.ImageSpec | None = None
    colorspace: str = ""
    convention: Convention = "gl"
    signed: bool = False


@dataclass(frozen=True)
class Texture:
    """An image as tools see it.

    Attributes:
        pixels: ``float32``, ``H x W x C``, C 1 to 4, finite, row 0 on top, not clipped. With 2 or 4 channels the last
            is alpha, and colour is not multiplied by it.
        encoding: ``srgb`` (display-encoded colour), ``linear`` (scene-linear Rec. 709), ``normal`` (unit vectors in
            [-1, 1], +X right, +Y up) or ``data`` (scalars).
        wrap: axes on which the texture repeats.
        source: the file it came from, if it came from one.
    """

    pixels: Pixels
    encoding: Encoding = "srgb"
    wrap: Wrap = "none"
    source: FileSource | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check the contract once, where a texture is made."""
        if self.pixels.ndim != 3 or not 1 <= self.pixels.shape[2] <= 4 or 0 in self.pixels.shape:
            raise MatshotError(f"A texture has 1 to 4 channels and at least one pixel, not shape {self.pixels.shape}.")
        if self.pixels.dtype != np.float32:
            raise MatshotError(f"Texture pixels are float32, not {self.pixels.dtype}.")
        if self.encoding not in ENCODINGS:
            raise MatshotError(f"There is no encoding {self.encoding!r}; there are {', '.join(ENCODINGS)}.")
        if self.wrap not in WRAPS:
            raise MatshotError(f"There is no wrap {self.wrap!r}; there are {', '.join(WRAPS)}.")

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @property
    def alpha(self) -> Pixels | None:
        """``H x W x 1`` of a grey+alpha or RGBA texture, else None."""
        return self.pixels[..., -1:] if self.pixels.shape[2] in (2, 4) else None

    @property
    def color(self) -> Pixels:
        """The channels that are not alpha."""
        return self.pixels[..., :-1] if self.pixels.shape[2] in (2, 4) else self.pixels

    def with_pixels(self, pixels: Pixels) -> Texture:
        """The same texture with other pixels."""
        return replace(self, pixels=pixels)
