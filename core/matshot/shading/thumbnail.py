"""Small pictures of materials and image files, for lists and dialogs."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio

from ..errors import MatshotError
from ..image.color import srgb_from_linear
from ..image.normals import encoded_normals
from ..image.reader import image_size
from ..image.types import Texture
from ..material.resize import shrunk
from ..material.types import Material
from ..progress import Progress
from .preview import as_rgb, variation_picture

#: Longest side of a small picture, in pixels.
THUMBNAIL = 512


#: Largest numbers of the files whose numbers are averaged as they are.
_WHOLE = {oiio.UINT8: 255, oiio.UINT16: 65535}


def thumbnail(material: Material, longest: int = THUMBNAIL) -> Texture:
    """A small picture of a material for lists: lit where it has more than one map, else that map.

    Args:
        material: of any maps.
        longest: pixels of the longer side at most.

    Returns:
        The picture, ``srgb``.
    """
    small = shrunk(material.unpacked(), longest)
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
        whole = _WHOLE.get(kind)
        pixels = image.read_image(0, 0, 0, 3 if channels >= 3 else 1, kind if whole else oiio.FLOAT)
        said = image.geterror()
    if pixels is None:
        raise MatshotError(f"{path.name} cannot be read as a picture.", said)
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
        raise MatshotError(f"{path.name} cannot be read as a picture.", oiio.geterror())
    return contextlib.closing(image)


def write_picture(shown: Texture, path: Path) -> Path:
    """Write a picture that is only looked at as PNG of 8 bits: sooner than results are written, and a little larger.

    Args:
        shown: of any encoding; normals become colours, linear light becomes sRGB.
        path: of the file, which appears when it is whole.

    Raises:
        MatshotError: when it cannot be written; nothing is left behind then.
    """
    pixels = as_rgb(shown.pixels)
    if shown.encoding in ("linear", "normal"):
        pixels = srgb_from_linear(pixels) if shown.encoding == "linear" else encoded_normals(pixels, "gl")
    stored = np.rint(pixels[..., ::-1].clip(0, 1) * np.float32(255)).astype(np.uint8)
    _, coded = cv2.imencode(".png", stored, (cv2.IMWRITE_PNG_COMPRESSION, 1))
    partial = path.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        partial.write_bytes(coded.tobytes())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise MatshotError(f"{path.name} could not be written: {(error.strerror or str(error)).lower()}.") from error
    return path
