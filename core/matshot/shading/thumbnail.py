"""Small pictures of materials and image files, for lists and dialogs."""

from __future__ import annotations

import contextlib
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio

from ..errors import MatshotError
from ..files import atomic_file, os_reason
from ..image.color import srgb_from_linear
from ..image.normals import encoded_normals
from ..image.reader import image_size
from ..image.types import Texture
from ..material.resize import downsampled_material
from ..material.types import Material
from ..progress import Progress
from .preview import variation_picture
from .sheet import as_rgb

#: Longest side of a small picture, in pixels.
THUMBNAIL = 512

#: Largest values of integer files, which are averaged as they are.
_INTEGER_MAX = {oiio.UINT8: 255, oiio.UINT16: 65535}


def thumbnail(material: Material, longest: int = THUMBNAIL) -> Texture:
    """A small picture of a material for lists: lit where it has more than one map, else that map.

    Args:
        material: of any maps.
        longest: pixels of the longer side at most.

    Returns:
        The picture, ``srgb``.
    """
    small = downsampled_material(material.unpacked(), longest)
    return Texture(variation_picture(small, max(small.width, small.height), 1, Progress(None)), "srgb")


def file_thumbnail(path: Path, longest: int = THUMBNAIL) -> Texture:
    """A small picture of an image file of any size, as it is stored.

    Args:
        path: of the file.
        longest: pixels of the longer side at most.

    Returns:
        The picture, ``srgb`` from integer files and ``linear`` from those of floats.

    Raises:
        MatshotError: for what cannot be read.
    """
    width, height, channels = image_size(path)
    with _opened(path) as image:
        kind = image.spec().format.basetype
        whole = _INTEGER_MAX.get(kind)
        pixels = image.read_image(0, 0, 0, 3 if channels >= 3 else 1, kind if whole else oiio.FLOAT)
        message = image.geterror()
    if pixels is None:
        raise MatshotError(f"{path.name} cannot be read as an image.", message)
    scale = longest / max(width, height)
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    pixels = as_rgb(pixels.reshape(*pixels.shape[:2], -1).astype(np.float32) / np.float32(whole or 1))
    floats = kind in (oiio.HALF, oiio.FLOAT, oiio.DOUBLE)
    return Texture(np.nan_to_num(pixels, posinf=1.0, neginf=0.0), "linear" if floats else "srgb")


def is_thumbnail(path: Path) -> bool:
    """Whether an image file is a small picture as it is: a PNG of three channels of 8 bits, and not too large.

    Raises:
        MatshotError: for what cannot be read.
    """
    width, height, channels = image_size(path)
    if path.suffix.lower() != ".png" or max(width, height) > THUMBNAIL or channels != 3:
        return False
    with _opened(path) as image:
        return bool(image.spec().format.basetype == oiio.UINT8)


def _opened(path: Path) -> contextlib.closing[oiio.ImageInput]:
    image = oiio.ImageInput.open(str(path))
    if image is None:
        raise MatshotError(f"{path.name} cannot be read as an image.", oiio.geterror())
    return contextlib.closing(image)


def write_picture(picture: Texture, path: Path) -> Path:
    """Write a picture for viewing as 8-bit PNG: faster than results are written, and a little larger.

    Args:
        picture: of any encoding; normals become colors, linear light becomes sRGB.
        path: of the file, which appears when it is whole.

    Raises:
        MatshotError: when it cannot be written; nothing is left behind then.
    """
    pixels = as_rgb(picture.pixels)
    if picture.encoding in ("linear", "normal"):
        pixels = srgb_from_linear(pixels) if picture.encoding == "linear" else encoded_normals(pixels, "gl")
    stored = np.rint(pixels[..., ::-1].clip(0, 1) * np.float32(255)).astype(np.uint8)
    _, coded = cv2.imencode(".png", stored, (cv2.IMWRITE_PNG_COMPRESSION, 1))
    try:
        with atomic_file(path, durable=False) as partial:
            partial.write_bytes(coded.tobytes())
    except OSError as error:
        raise MatshotError(f"{path.name} could not be written: {os_reason(error)}.") from error
    return path
