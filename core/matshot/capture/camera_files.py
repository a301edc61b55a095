"""Photographs as phones and cameras store them: HEIC, and raw files such as DNG.

Both are read by optional packages, ``pip install 'matshot[photos]'``: pillow-heif and rawpy.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from ..errors import MatshotError
from ..image.color import Pixels, srgb_from_linear
from ..image.reader import read_texture
from ..image.types import FileSource, Texture
from .camera_formats import HEIF

_HEIF_MISSING = (
    "{name} is a HEIC photograph. Install what reads it: pip install 'matshot[photos]', or export it as JPEG "
    "(iPhone: Settings > Camera > Formats > Most Compatible)."
)
_RAW_MISSING = (
    "{name} is a raw photograph. Install what reads it: pip install 'matshot[photos]', or export it as a TIFF."
)
_HEIF_DAMAGED = "{name} is damaged, or not a HEIC photograph."
_RAW_DAMAGED = "{name} is damaged, or a raw photograph of an unknown camera."
_HEIF_ERRORS = (OSError, ValueError, RuntimeError, SyntaxError)
#: EXIF tag of the orientation, and that of a picture that is stored as it is seen.
_ORIENTATION, _UPRIGHT = 0x0112, 1


def camera_texture(path: Path) -> Texture:
    """A photograph in a format of phones and cameras, upright, with EXIF and color profile.

    Raises:
        MatshotError: when it does not exist or is damaged, or the package that reads it is missing.
    """
    if not path.exists():
        raise MatshotError(f"{path} does not exist.")
    return _heif_texture(path) if path.suffix.lower() in HEIF else _raw_texture(path)


def camera_size(path: Path) -> tuple[int, int]:
    """Width and height of such a photograph, upright, without decoding it.

    Raises:
        MatshotError: as :func:`camera_texture`.
    """
    if path.suffix.lower() in HEIF:
        size: tuple[int, int] = _heif_image(path).size
        return size
    with _raw_image(path) as raw:
        # Turned by a quarter, as LibRaw counts.
        width, height = raw.sizes.width, raw.sizes.height
        return (height, width) if raw.sizes.flip in (5, 6) else (width, height)


def _heif_image(path: Path) -> Any:
    """A HEIF file that is open."""
    try:
        import pillow_heif
    except ImportError as error:
        raise MatshotError(_HEIF_MISSING.format(name=path.name), repr(error)) from error
    try:
        return pillow_heif.open_heif(str(path))
    except _HEIF_ERRORS as error:
        raise MatshotError(_HEIF_DAMAGED.format(name=path.name), repr(error)) from error


def _raw_image(path: Path) -> Any:
    """A raw file that is open."""
    try:
        import rawpy
    except ImportError as error:
        raise MatshotError(_RAW_MISSING.format(name=path.name), repr(error)) from error
    try:
        return rawpy.imread(str(path))
    except (OSError, ValueError, rawpy.LibRawError) as error:
        raise MatshotError(_RAW_DAMAGED.format(name=path.name), repr(error)) from error


def _heif_texture(path: Path) -> Texture:
    try:
        image = _heif_image(path).to_pillow().convert("RGB")
    except _HEIF_ERRORS as error:
        raise MatshotError(_HEIF_DAMAGED.format(name=path.name), repr(error)) from error
    exif = image.getexif()
    # The decoder has turned it.
    exif[_ORIENTATION] = _UPRIGHT
    with tempfile.TemporaryDirectory() as folder:
        # As a file of the reader's, which knows what EXIF and profile mean.
        plain = Path(folder, f"{path.stem}.jpg")
        image.crop((0, 0, 8, 8)).save(plain, exif=exif.tobytes(), icc_profile=image.info.get("icc_profile"))
        known = read_texture(plain)
    assert known.source is not None
    assert known.source.attributes is not None
    attributes = oiio.ImageSpec(known.source.attributes)
    attributes.width, attributes.height = image.size
    pixels = np.asarray(image, dtype=np.float32) / np.float32(255)
    return Texture(pixels, known.encoding, source=replace(known.source, path=path, attributes=attributes))


def _raw_texture(path: Path) -> Texture:
    with _raw_image(path) as raw:
        import rawpy

        try:
            light: Any = raw.postprocess(
                use_camera_wb=True,
                no_auto_bright=True,
                gamma=(1, 1),
                output_bps=16,
                output_color=rawpy.ColorSpace.sRGB,
            )
        except (OSError, ValueError, rawpy.LibRawError) as error:
            raise MatshotError(_RAW_DAMAGED.format(name=path.name), repr(error)) from error
    pixels: Pixels = light.astype(np.float32) / np.float32(65535)
    return Texture(srgb_from_linear(pixels), "srgb", source=FileSource(path, "uint16", _tiff_attributes(path)))


def _tiff_attributes(path: Path) -> oiio.ImageSpec | None:
    """EXIF of a raw file that is a TIFF inside, as most are; its picture has been turned already."""
    image = oiio.ImageInput.open(str(path))
    if image is None:
        oiio.geterror()
        return None
    attributes = oiio.ImageSpec(image.spec())
    image.close()
    attributes["Orientation"] = _UPRIGHT
    # The header is that of a small picture beside the raw one.
    for name in ("ICCProfile", "Exif:PixelXDimension", "Exif:PixelYDimension"):
        attributes.erase_attribute(name)
    return attributes
