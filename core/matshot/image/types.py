"""Textures in memory: pixels, and what is known of the file that they came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import OpenImageIO as oiio

from ..errors import MatshotError, unknown_choice
from .color import Pixels
from .profiles import ColorProfile

#: What the numbers of a texture mean, see :class:`Texture`.
Encoding = Literal["srgb", "linear", "normal", "data"]

#: Axes on which a texture repeats.
Wrap = Literal["none", "x", "y", "xy"]

#: Bits of a sample in a file.
Depth = Literal["uint8", "uint16", "half", "float"]

#: Green of a normal map in a file: +Y up as in OpenGL, or down as in DirectX.
Convention = Literal["gl", "dx"]

#: What the last of 2 or 4 channels of a file is: transparency beside color (``straight``) or multiplied into it
#: (``associated``), or anything else (``data``).
AlphaKind = Literal["straight", "associated", "data"]

ENCODINGS: tuple[str, ...] = get_args(Encoding)

WRAPS: tuple[str, ...] = get_args(Wrap)

DEPTHS: tuple[str, ...] = get_args(Depth)


@dataclass(frozen=True)
class FileSource:
    """What a file holds besides its pixels, so that a result can be stored alike.

    Attributes:
        path: where it came from.
        depth: bits per sample.
        attributes: metadata (ICC profile, EXIF, XMP, resolution ...) as OpenImageIO keeps it.
        colorspace: OCIO name of the file's color space if it was given, else empty.
        convention: of a normal map's green channel.
        signed: whether normals are stored in [-1, 1] instead of [0, 1].
        alpha: what the last of 2 or 4 channels is in the file.
        channels: names of the channels where they are not Y, A or R, G, B, A.
        profile: what the colors mean where that is neither sRGB in integers nor linear Rec. 709 in floats.
        signed_integers: whether samples are integers with a sign, in [-1, 1] here.
        derived: whether the pixels are a part of what the file holds, or converted, so that a copy of it would differ.
        notes: sentences about what was left out or changed when the file was read.
    """

    path: Path
    depth: Depth
    attributes: oiio.ImageSpec | None = None
    colorspace: str = ""
    convention: Convention = "gl"
    signed: bool = False
    alpha: AlphaKind = "straight"
    channels: tuple[str, ...] = ()
    profile: ColorProfile | None = None
    signed_integers: bool = False
    derived: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Texture:
    """An image as tools see it.

    Attributes:
        pixels: ``float32``, ``H x W x C``, C 1 to 4, finite, row 0 on top, not clipped. With 2 or 4 channels the last
            is alpha, and color is not multiplied by it.
        encoding: ``srgb`` (display-encoded color), ``linear`` (scene-linear Rec. 709), ``normal`` (unit vectors in
            [-1, 1], +X right, +Y up) or ``data`` (scalars).
        wrap: axes on which the texture repeats.
        source: the file it came from, if it came from one.

    Raises:
        MatshotError: for pixels of another shape or type, NaN or infinite ones, or an unknown encoding or wrap.
        TypeError: for pixels that are not an array.

    Example:
        >>> import numpy as np
        >>> from matshot import Texture
        >>> gradient = np.linspace(0, 1, 8, dtype=np.float32).reshape(1, 8, 1).repeat(4, axis=0)
        >>> roughness = Texture(gradient, "data", wrap="y")
        >>> roughness
        <Texture 8 x 4, 1 channel, data, tiles on y>
    """

    pixels: Pixels
    encoding: Encoding = "srgb"
    wrap: Wrap = "none"
    source: FileSource | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check the contract."""
        if not isinstance(self.pixels, np.ndarray):
            raise TypeError(f"Texture takes a NumPy array, got {_article(self.pixels)}.")
        if self.pixels.ndim != 3 or not 1 <= self.pixels.shape[2] <= 4 or 0 in self.pixels.shape:
            raise MatshotError(f"Texture pixels must be H x W x 1 to 4 channels, got shape {self.pixels.shape}.")
        dtype: np.dtype[Any] = self.pixels.dtype
        if dtype != np.float32:
            scale = f" / {np.iinfo(dtype).max}" if dtype.kind in "iu" else ""
            raise MatshotError(
                f"Texture pixels must be float32, got {dtype}; convert them: pixels.astype('float32'){scale}."
            )
        if not _is_finite(self.pixels):
            raise MatshotError("Texture pixels contain NaN or infinite values; fix them where they come from.")
        if self.encoding not in ENCODINGS:
            raise unknown_choice("encoding", self.encoding, ENCODINGS)
        if self.wrap not in WRAPS:
            raise unknown_choice("wrap", self.wrap, WRAPS)

    def __repr__(self) -> str:
        """What it is, without its pixels."""
        channels = self.pixels.shape[2]
        count = f"{channels} channel{'s' if channels > 1 else ''}"
        file = f", from {self.source.path.name}" if self.source else ""
        return f"<Texture {self.width} x {self.height}, {count}, {self.encoding}, {tiling(self.wrap)}{file}>"

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
        """``H x W x 1`` of a gray+alpha or RGBA texture, else None."""
        return self.pixels[..., -1:] if self.pixels.shape[2] in (2, 4) else None

    @property
    def color(self) -> Pixels:
        """The channels that are not alpha."""
        return self.pixels[..., :-1] if self.pixels.shape[2] in (2, 4) else self.pixels

    def with_pixels(self, pixels: Pixels) -> Texture:
        """The same texture with other pixels."""
        return replace(self, pixels=pixels)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what was left out or changed when its file was read."""
        return self.source.notes if self.source else ()


def _is_finite(pixels: Pixels) -> bool:
    """Whether no pixel is NaN or infinite; the sum tells most often, and quickly."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(pixels.sum())) or bool(np.isfinite(pixels).all())


def _article(value: object) -> str:
    """What a value is, with an article."""
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def tiling(wrap: Wrap) -> str:
    """A wrap in words, such as ``tiles on x and y``."""
    return "does not tile" if wrap == "none" else f"tiles on {' and '.join(wrap)}"


@dataclass(frozen=True)
class Unfinished:
    """A picture of unfinished work. It is made when it is called, and costs nothing before that.

    Attributes:
        pixels: how many of them are computed for it, by which its cost can be told.
        make: makes it.
    """

    pixels: int
    make: Callable[[], Texture]

    def __call__(self) -> Texture:
        """The picture."""
        return self.make()
