"""Textures read from files through OpenImageIO, with bit depth, profile and metadata."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import OpenImageIO as oiio

from ..errors import MatshotError
from .color import Pixels
from .formats import READABLE
from .normals import decoded_normals
from .ocio import colorspace_conversion, linear_rec709
from .types import Convention, Depth, Encoding, FileSource, Texture, Wrap

#: EXIF orientation of pictures that are stored as they are seen.
_UPRIGHT = 1

#: The first bytes of every PNG.
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_texture(
    path: str | os.PathLike[str],
    *,
    encoding: Encoding | Literal["auto"] = "auto",
    colorspace: str = "",
    convention: Convention = "gl",
    wrap: Wrap = "none",
) -> Texture:
    """Read an image file.

    Indexed and 1- to 4-bit images come as RGB or gray, gray+alpha as 2 channels, EXIF-turned photographs upright, alpha
    unassociated. Only the first picture of a file is read.

    Args:
        path: PNG, JPEG, TIFF, EXR, TGA, BMP, WebP, HDR or DDS.
        encoding: ``auto`` is ``srgb`` for integer files and ``linear`` for half and float ones.
        colorspace: OCIO name of the file's colors (``ACEScg``, ``sRGB``, ...), converted to linear Rec. 709.
        convention: of a normal map: OpenGL (+Y up) or DirectX (+Y down).
        wrap: axes on which it is known to repeat.

    Raises:
        MatshotError: missing, truncated, not an image, CMYK, more than 4 channels, cube map or volume, NaN or infinite.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import brick_wall
        >>> file = matshot.write_texture(brick_wall(64)["basecolor"], "wall.png")
        >>> matshot.read_texture(file, wrap="xy")
        <Texture 64 x 64, 3 channels, srgb, tiles on x and y, from wall.png>
    """
    path = Path(path)
    pixels, spec = _read_pixels(path)
    _check_finite(path, pixels)
    signed = encoding == "normal" and _is_signed(spec, pixels)
    return _texture(path, pixels, spec, encoding, colorspace, convention, wrap, signed)


def texture_strips(
    path: str | os.PathLike[str],
    edges: Sequence[int],
    *,
    encoding: Encoding | Literal["auto"] = "auto",
    colorspace: str = "",
    convention: Convention = "gl",
) -> Iterator[Texture]:
    """The rows of an image file, strip by strip from the top, in the memory of one strip where the format allows that.

    Args:
        path: as :func:`read_texture` takes it; also the others. An EXIF orientation is not applied.
        edges: rows at which strips begin and end: 0 first, the height last, ascending.
        encoding: as of :func:`read_texture`.
        colorspace: likewise.
        convention: likewise.

    Raises:
        MatshotError: as :func:`read_texture`.
    """
    path = Path(path)
    signed = False
    if encoding == "normal":
        signed = any(_is_signed(spec, pixels) for pixels, spec in _strips(path, edges))
    for pixels, spec in _strips(path, edges):
        _check_finite(path, pixels)
        yield _texture(path, pixels, spec, encoding, colorspace, convention, "none", signed)


def upright_texture(texture: Texture) -> Texture:
    """A texture turned as the EXIF orientation of its file says."""
    spec = texture.source.attributes if texture.source is not None else None
    orientation = _UPRIGHT if spec is None else spec.get_int_attribute("Orientation", _UPRIGHT)
    return texture if orientation == _UPRIGHT else texture.with_pixels(_upright(texture.pixels, orientation))


def _texture(
    path: Path,
    pixels: Pixels,
    spec: oiio.ImageSpec,
    encoding: Encoding | Literal["auto"],
    colorspace: str,
    convention: Convention,
    wrap: Wrap,
    signed: bool,
) -> Texture:
    """Pixels as they are stored as a texture."""
    depth = _depth_of(spec)
    if encoding == "auto":
        encoding = "srgb" if depth in ("uint8", "uint16") else "linear"
    if encoding == "normal":
        pixels = decoded_normals(pixels, convention, signed)
    elif encoding != "data" and pixels.shape[2] in (2, 4) and has_associated_alpha(spec):
        pixels = _unassociated(pixels)
    if colorspace and encoding in ("srgb", "linear"):
        pixels = colorspace_conversion(pixels, colorspace, linear_rec709())
        encoding = "linear"
    source = FileSource(path, depth, spec, colorspace, convention, signed)
    return Texture(np.ascontiguousarray(pixels), encoding, wrap, source)


def _check_finite(path: Path, pixels: Pixels) -> None:
    if not np.isfinite(pixels).all():
        raise MatshotError(f"{path.name} contains NaN or infinite values; fix it in the program that rendered it.")


def _is_signed(spec: oiio.ImageSpec, pixels: Pixels) -> bool:
    """Whether a normal map's values are stored from -1 on."""
    return _depth_of(spec) in ("half", "float") and bool(pixels[..., :3].min() < -1e-3)


def image_size(path: str | os.PathLike[str]) -> tuple[int, int, int]:
    """``(width, height, channels)`` from the header alone.

    Raises:
        MatshotError: as :func:`read_texture`.
    """
    with contextlib.closing(open_image(Path(path))) as image:
        spec = image.spec()
        return int(spec.width), int(spec.height), int(spec.nchannels)


def open_image(path: Path) -> Any:
    """Open an image file, after every check for which there is a better error than the library's.

    Raises:
        MatshotError: as :func:`read_texture`.
    """
    if not path.exists():
        raise MatshotError(f"{path} does not exist.")
    if path.is_dir():
        raise MatshotError(f"{path} is a folder, not an image.")
    if not path.is_file():
        raise MatshotError(f"{path.name} is a pipe or a device, not a file.")
    if path.suffix.lower() not in READABLE:
        raise MatshotError(f"{path.name} is not an image of a supported format ({', '.join(s[1:] for s in READABLE)}).")
    if not os.access(path, os.R_OK):
        raise MatshotError(f"{path.name} cannot be read: permission denied.")
    if path.stat().st_size == 0:
        raise MatshotError(f"{path.name} is empty (0 bytes).")
    with path.open("rb") as file:
        # libpng would print this to the terminal, past the error that an artist should see.
        if file.read(8) == PNG_SIGNATURE and not png_is_complete(file):
            raise MatshotError(f"{path.name} is damaged: it ends early.")
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    image = oiio.ImageInput.open(str(path), config)
    if image is None:
        sentence = f"{path.name} cannot be read as an image; it is damaged or of another type."
        raise MatshotError(sentence, oiio.geterror())
    return image


def _read_pixels(path: Path) -> tuple[Pixels, oiio.ImageSpec]:
    with contextlib.closing(open_image(path)) as image:
        spec = image.spec()
        _check_supported(path, spec)
        first, last = _channels(path, spec)
        values = image.read_image(0, 0, first, last, oiio.FLOAT)
        message = image.geterror()
    if values is None or message:
        raise _damaged(path, message)
    pixels = np.asarray(values, dtype=np.float32).reshape(spec.height, spec.width, last - first)
    orientation = spec.get_int_attribute("Orientation", _UPRIGHT)
    if orientation != _UPRIGHT:
        pixels = _upright(pixels, orientation)
    return pixels, spec


def _strips(path: Path, edges: Sequence[int]) -> Iterator[tuple[Pixels, oiio.ImageSpec]]:
    """Rows from each edge to the next, as they are stored."""
    with contextlib.closing(open_image(path)) as image:
        spec = image.spec()
        _check_supported(path, spec)
        first, last = _channels(path, spec)
        held = np.empty((0, spec.width, last - first), np.float32)
        top = bottom = 0
        for begin, end in itertools.pairwise(edges):
            while bottom < end:
                # Tiles come in whole rows of them.
                following = min(spec.height, bottom + spec.tile_height if spec.tile_height else end)
                rows = _read_rows(image, spec, bottom, following, (first, last))
                if rows is None or image.has_error:
                    raise _damaged(path, image.geterror())
                held = np.concatenate([held[begin - top :], rows]) if begin < bottom else rows
                top, bottom = begin if begin < bottom else bottom, following
            yield held[begin - top : end - top], spec


def _read_rows(
    image: oiio.ImageInput, spec: oiio.ImageSpec, top: int, bottom: int, channels: tuple[int, int]
) -> Pixels | None:
    if spec.tile_height:
        columns, rows = (spec.x, spec.x + spec.width), (top + spec.y, bottom + spec.y)
        values = image.read_tiles(0, 0, *columns, *rows, spec.z, spec.z + 1, *channels, oiio.FLOAT)
    else:
        values = image.read_scanlines(0, 0, top + spec.y, bottom + spec.y, 0, *channels, oiio.FLOAT)
    if values is None:
        return None
    return np.asarray(values, dtype=np.float32).reshape(bottom - top, spec.width, channels[1] - channels[0])


def _damaged(path: Path, message: str) -> MatshotError:
    return MatshotError(f"{path.name} is damaged: it ends early, or its data is corrupt.", message)


def _check_supported(path: Path, spec: oiio.ImageSpec) -> None:
    spaces = (spec.get_string_attribute("jpeg:ColorSpace"), spec.get_string_attribute("tiff:ColorSpace"))
    if any(space in ("CMYK", "YCCK", "CIELAB") for space in spaces):
        kind = next(space for space in spaces if space)
        raise MatshotError(f"{path.name} is {kind}, a print color space; convert it to RGB first.")
    if spec.depth > 1:
        raise MatshotError(f"{path.name} is a volume texture, which is not supported.")
    if spec.get_string_attribute("textureformat").startswith("CubeFace"):
        raise MatshotError(f"{path.name} is a cube map, which is not supported.")


def _channels(path: Path, spec: oiio.ImageSpec) -> tuple[int, int]:
    """Half-open range of the channels to read: all, or R, G, B (A) of a layered EXR."""
    names = [name.upper() for name in spec.channelnames]
    if spec.nchannels <= 4:
        return 0, spec.nchannels
    for layer in (["R", "G", "B", "A"], ["R", "G", "B"]):
        for start in range(len(names) - len(layer) + 1):
            if names[start : start + len(layer)] == layer:
                return start, start + len(layer)
    raise MatshotError(f"{path.name} has {spec.nchannels} channels without RGB among them; 1 to 4 are supported.")


def _depth_of(spec: oiio.ImageSpec) -> Depth:
    name = str(spec.format)
    if name in ("uint8", "int8"):
        return "uint8"
    if name in ("uint16", "int16"):
        return "uint16"
    return "half" if name == "half" else "float"


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo EXIF orientation 2 to 8 (TIFF 6.0, tag 274)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def has_associated_alpha(spec: oiio.ImageSpec) -> bool:
    """Whether a file's color is multiplied by its alpha."""
    return spec.alpha_channel >= 0 and not spec.get_int_attribute("oiio:UnassociatedAlpha")


def _unassociated(pixels: Pixels) -> Pixels:
    """Color divided by alpha; where alpha is 0 it is unknown, and the stored color stays."""
    alpha = pixels[..., -1:]
    divisor = np.where(alpha > 0, alpha, 1)
    return np.concatenate([pixels[..., :-1] / divisor, alpha], axis=2).astype(np.float32)


def png_is_complete(file: IO[bytes]) -> bool:
    """Whether the chunks of a PNG, whose signature has been read, lead to its end."""
    while len(head := file.read(8)) == 8:
        if head[4:] == b"IEND":
            return len(file.read(4)) == 4
        file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return False
