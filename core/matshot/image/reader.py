"""Textures read from files through OpenImageIO, with bit depth, profile and metadata."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import OpenImageIO as oiio

from ..errors import MatshotError
from .color import Pixels
from .formats import READABLE
from .normals import decoded_normals
from .ocio import converted, linear_rec709
from .types import Convention, Depth, Encoding, FileSource, Texture, Wrap

_RIGHT_WAY_UP = 1


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

    Indexed and 1- to 4-bit images come as RGB or grey, grey+alpha as 2 channels, EXIF-turned photographs upright, alpha
    unassociated. Only the first picture of a file is read.

    Args:
        path: PNG, JPEG, TIFF, EXR, TGA, BMP, WebP, HDR or DDS.
        encoding: ``auto`` is ``srgb`` for integer files and ``linear`` for half and float ones.
        colorspace: OCIO name of the file's colours (``ACEScg``, ``sRGB``, ...), converted to linear Rec. 709.
        convention: of a normal map: OpenGL (+Y up) or DirectX (+Y down).
        wrap: axes on which it is known to repeat.

    Raises:
        MatshotError: missing, truncated, not an image, CMYK, more than 4 channels, cube map or volume, NaN or infinite.
    """
    path = Path(path)
    pixels, spec = _read_pixels(path)
    depth = _depth_of(spec)
    if not np.isfinite(pixels).all():
        raise MatshotError(f"{path.name} holds NaN or infinite values; repair it in the program that rendered it.")
    if encoding == "auto":
        encoding = "srgb" if depth in ("uint8", "uint16") else "linear"
    signed = False
    if encoding == "normal":
        signed = depth in ("half", "float") and bool(pixels[..., :3].min() < -1e-3)
        pixels = decoded_normals(pixels, convention, signed)
    elif encoding != "data" and pixels.shape[2] in (2, 4) and is_associated(spec):
        pixels = _unassociated(pixels)
    if colorspace and encoding in ("srgb", "linear"):
        pixels = converted(pixels, colorspace, linear_rec709())
        encoding = "linear"
    source = FileSource(path, depth, spec, colorspace, convention, signed)
    return Texture(np.ascontiguousarray(pixels), encoding, wrap, source)


def image_size(path: str | os.PathLike[str]) -> tuple[int, int, int]:
    """``(width, height, channels)`` from the header alone.

    Raises:
        MatshotError: as :func:`read_texture`.
    """
    with contextlib.closing(opened_image(Path(path))) as image:
        spec = image.spec()
        return int(spec.width), int(spec.height), int(spec.nchannels)


def opened_image(path: Path) -> Any:
    if not path.exists():
        raise MatshotError(f"{path} does not exist.")
    if path.is_dir():
        raise MatshotError(f"{path} is a folder, not an image.")
    if path.suffix.lower() not in READABLE:
        raise MatshotError(f"{path.name} is not an image that Matshot reads ({', '.join(s[1:] for s in READABLE)}).")
    if not os.access(path, os.R_OK):
        raise MatshotError(f"{path.name} may not be read by this user.")
    if path.stat().st_size == 0:
        raise MatshotError(f"{path.name} is empty (0 bytes).")
    with path.open("rb") as file:
        # libpng would tell it to the terminal, past the one sentence that an artist should get.
        if file.read(8) == PNG_SIGNATURE and not png_ends(file):
            raise MatshotError(f"{path.name} is damaged: it ends early.")
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    image = oiio.ImageInput.open(str(path), config)
    if image is None:
        sentence = f"{path.name} cannot be read as an image; it is damaged or of another type."
        raise MatshotError(sentence, oiio.geterror())
    return image


def _read_pixels(path: Path) -> tuple[Pixels, oiio.ImageSpec]:
    with contextlib.closing(opened_image(path)) as image:
        spec = image.spec()
        _refuse_odd_kinds(path, spec)
        first, last = _channels(path, spec)
        values = image.read_image(0, 0, first, last, oiio.FLOAT)
        said = image.geterror()
    if values is None or said:
        raise MatshotError(f"{path.name} is damaged: it ends early or its data is broken.", said)
    pixels = np.asarray(values, dtype=np.float32).reshape(spec.height, spec.width, last - first)
    orientation = spec.get_int_attribute("Orientation", _RIGHT_WAY_UP)
    if orientation != _RIGHT_WAY_UP:
        pixels = _upright(pixels, orientation)
    return pixels, spec


def _refuse_odd_kinds(path: Path, spec: oiio.ImageSpec) -> None:
    spaces = (spec.get_string_attribute("jpeg:ColorSpace"), spec.get_string_attribute("tiff:ColorSpace"))
    if any(space in ("CMYK", "YCCK", "CIELAB") for space in spaces):
        kind = next(space for space in spaces if space)
        raise MatshotError(f"{path.name} is {kind}, a print colour space; convert it to RGB first.")
    if spec.depth > 1:
        raise MatshotError(f"{path.name} is a volume texture, which Matshot does not read.")
    if spec.get_string_attribute("textureformat").startswith("CubeFace"):
        raise MatshotError(f"{path.name} is a cube map, which Matshot does not read.")


def _channels(path: Path, spec: oiio.ImageSpec) -> tuple[int, int]:
    """Half-open range of the channels to read: all, or R, G, B (A) of a layered EXR."""
    names = [name.upper() for name in spec.channelnames]
    if spec.nchannels <= 4:
        return 0, spec.nchannels
    for wanted in (["R", "G", "B", "A"], ["R", "G", "B"]):
        for start in range(len(names) - len(wanted) + 1):
            if names[start : start + len(wanted)] == wanted:
                return start, start + len(wanted)
    raise MatshotError(f"{path.name} has {spec.nchannels} channels and no RGB among them; Matshot takes 1 to 4.")


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


def is_associated(spec: oiio.ImageSpec) -> bool:
    """Whether a file's colour is multiplied by its alpha."""
    return spec.alpha_channel >= 0 and not spec.get_int_attribute("oiio:UnassociatedAlpha")


def _unassociated(pixels: Pixels) -> Pixels:
    """Divide colour by alpha; where alpha is 0 nothing can be said and colour stays."""
    alpha = pixels[..., -1:]
    divisor = np.where(alpha > 0, alpha, 1)
    return np.concatenate([pixels[..., :-1] / divisor, alpha], axis=2).astype(np.float32)


def png_ends(file: IO[bytes]) -> bool:
    """Follow the chunks of a PNG, whose signature has been read, to its IEND."""
    while len(head := file.read(8)) == 8:
        if head[4:] == b"IEND":
            return len(file.read(4)) == 4
        file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return False
