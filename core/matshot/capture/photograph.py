"""A photograph of a flat surface: linear light, what is over-exposed, and what EXIF tells of camera and exposure."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from ..errors import MatshotError
from ..image.color import Pixels, linear_from_srgb, srgb_from_linear
from ..image.reader import read_texture
from ..image.rec709 import rec709_texture
from ..image.types import Texture
from .camera_files import camera_texture
from .camera_formats import CAMERA_SUFFIXES

FovSource = Literal["given", "exif", "assumed"]

#: Field of view, in degrees across the longer side, when nothing is known: a little less than most phones have.
DEFAULT_FOV = 60.0

#: Fields of view that are believed, in degrees.
_FOVS = (5.0, 150.0)

#: Width, in millimeters, of the film that equivalent focal lengths are told for.
_FILM_WIDTH = 36.0

#: Millimeters in one unit of ``FocalPlaneResolutionUnit`` (EXIF 2.32, tag A210; 4 and 5 are common extensions).
_PLANE_UNITS = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}

#: Proportions of a whole photograph: the least of long to short side, and how far it may be from what EXIF says.
_LEAST_PROPORTION, _SAME_PROPORTION = 1.2, 0.02

#: Display-encoded value from which on a channel of an integer file has reached its end.
_SATURATED = 0.98

#: Linear value from which on a channel of an over-exposed pixel has reached its end; a little less than in the file,
#: since a photograph that was made smaller is softer.
AT_END = float(linear_from_srgb(np.array([0.97], np.float32))[0])

#: Part of over-exposed pixels that is too much.
_MOST_SATURATED = 0.4

#: Shorter side, in pixels, below which nothing can be made of a photograph.
_LEAST_SIDE = 64

#: Linear light that only the brightest hundredth of a black frame exceeds: 10 of 255, in integer files.
_BLACK = 0.003

#: Deviation of display-encoded brightness over a picture of nothing.
_CONSTANT = 0.002

#: Rows that are linearized at once, so that a large photograph does not need several times its memory.
_BAND = 256


@dataclass(frozen=True)
class Photograph:
    """What a camera saw of a flat surface.

    Attributes:
        pixels: linear light, ``float32``, ``H x W x 3``, not negative; 1 is where an integer file ends.
        saturated: ``H x W``; whether a channel is over-exposed here or in a neighboring pixel.
        fov: field of view in degrees across the longer side.
        fov_source: whether ``fov`` was ``given``, comes from ``exif`` or is ``assumed``.
        exposure: t ISO / N^2 with t in seconds, or None if EXIF does not tell all three. Photographs of one camera are
            comparable in ``pixels / exposure``.
        flash_fired: as EXIF has it, or None.
        notes: sentences for the user.
        name: of the file, for messages.
    """

    pixels: Pixels
    saturated: NDArray[np.bool_]
    fov: float = DEFAULT_FOV
    fov_source: FovSource = "assumed"
    exposure: float | None = None
    flash_fired: bool | None = None
    notes: tuple[str, ...] = ()
    name: str = "photograph"

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[0])


def photograph_file(photograph: str | os.PathLike[str] | Texture) -> Path:
    """The file of a photograph; ``photograph`` for a texture that comes from none."""
    if isinstance(photograph, Texture):
        return photograph.source.path if photograph.source else Path("photograph")
    return Path(photograph)


def photograph_texture(path: Path) -> Texture:
    """A photograph as :func:`~matshot.image.reader.read_texture` or, by its suffix, ``camera_texture`` reads it."""
    return camera_texture(path) if path.suffix.lower() in CAMERA_SUFFIXES else read_texture(path)


def read_photograph(
    photograph: str | os.PathLike[str] | Texture, fov: float | None = None, largest: int = 2048
) -> Photograph:
    """Read a photograph and refuse one that nothing can be made of.

    Integer files (JPEG, PNG, TIFF ...) are taken as sRGB-encoded and end at 1; half and float files (EXR, HDR) as
    linear light without an end, so that nothing in them is saturated. EXIF-turned pictures come upright, gray ones in
    three channels, and alpha is dropped.

    Args:
        photograph: a file that :func:`photograph_texture` reads, or what it read.
        fov: field of view in degrees across the longer side; without it from EXIF, else 60.
        largest: longer side, in pixels, to which a larger photograph is shrunk, in linear light and by areas.

    Raises:
        MatshotError: for what cannot be read, is smaller than 64 pixels, black, the same everywhere or over-exposed in
            over 40 % of its pixels, and for an impossible field of view.
    """
    name = photograph_file(photograph).name
    if fov is not None and not _FOVS[0] <= fov <= _FOVS[1]:
        raise MatshotError(
            f"A field of view of {fov:g} degrees is impossible; cameras have {_FOVS[0]:g} to {_FOVS[1]:g}."
        )
    if largest < _LEAST_SIDE:
        raise MatshotError(
            f"A photograph has at least {_LEAST_SIDE} pixels per side, so it cannot be shrunk to {largest}."
        )
    texture = photograph if isinstance(photograph, Texture) else photograph_texture(Path(photograph))
    texture = rec709_texture(texture)
    if texture.encoding not in ("srgb", "linear"):
        raise MatshotError(f"A photograph is srgb or linear, and {name} is {texture.encoding}.")
    if min(texture.width, texture.height) < _LEAST_SIDE:
        raise MatshotError(
            f"{name} has only {texture.width} x {texture.height} pixels; at least {_LEAST_SIDE} per side are needed."
        )
    pixels, saturated = _light(texture)
    _refuse_empty(name, pixels, saturated, ends=texture.encoding == "srgb")
    notes = list(texture.notes)
    if max(saturated.shape) > largest:
        factor = largest / max(saturated.shape)
        size = (max(1, round(texture.width * factor)), max(1, round(texture.height * factor)))
        pixels, saturated = resized(pixels, size), resized(saturated.astype(np.float32), size) > 0
        notes.append(f"{name} was shrunk from {texture.width} x {texture.height} to {size[0]} x {size[1]} pixels.")
    attributes = texture.source.attributes if texture.source else None
    cropped = attributes is not None and _is_cropped(attributes, texture.width, texture.height)
    known = None if attributes is None or cropped else _exif_fov(attributes, texture.width, texture.height)
    source: FovSource = "given" if fov is not None else "exif" if known is not None else "assumed"
    if source == "assumed":
        missing = "says nothing of its lens" if _has_exif(attributes) else "has no EXIF"
        if cropped:
            missing = "was cropped, and its EXIF is that of the whole photograph"
        assumed = f"a field of view of {DEFAULT_FOV:g} degrees is assumed"
        notes.append(f"{name} {missing}: {assumed}. Set Field of View if you know it.")
    return Photograph(
        pixels=np.ascontiguousarray(pixels),
        saturated=_grown(saturated),
        fov=float(fov or known or DEFAULT_FOV),
        fov_source=source,
        exposure=None if attributes is None else _exposure(attributes),
        flash_fired=None if attributes is None else _flash_fired(attributes),
        notes=tuple(notes),
        name=name,
    )


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """The picture ``H x W`` or ``H x W x C`` at ``size`` (columns, rows).

    Smaller by areas, else bicubic, within the range of its values.
    """
    import cv2

    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    if size[0] <= pixels.shape[1] and size[1] <= pixels.shape[0]:
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    # Bicubic weights are negative too: beside a highlight light would be less than none.
    larger = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)
    return np.clip(larger, pixels.min(), pixels.max())


def _light(texture: Texture) -> tuple[Pixels, NDArray[np.bool_]]:
    """Linear light ``H x W x 3`` and where a channel ends, ``H x W``."""
    color = texture.color
    if texture.encoding != "srgb":
        light = np.maximum(np.broadcast_to(color, (*color.shape[:2], 3)), 0)
        return light, np.zeros(light.shape[:2], dtype=bool)
    light = np.empty((*color.shape[:2], 3), dtype=np.float32)
    for top in range(0, len(color), _BAND):
        light[top : top + _BAND] = np.maximum(linear_from_srgb(color[top : top + _BAND]), 0)
    return light, np.asarray((color >= _SATURATED).any(axis=2))


def _refuse_empty(name: str, pixels: Pixels, saturated: NDArray[np.bool_], *, ends: bool) -> None:
    """Refuse photographs that show nothing; ``ends`` is said of integer files, which have an end and noise."""
    part = float(saturated.mean())
    if part > _MOST_SATURATED:
        raise MatshotError(f"{name} is over-exposed in {part:.0%} of its pixels; take it again with less light.")
    step = max(1, min(saturated.shape) // 512)
    sample = pixels[::step, ::step]
    brightest = float(np.quantile(sample.max(axis=2), 0.99))
    if brightest <= 0 or (ends and brightest < _BLACK):
        raise MatshotError(f"{name} is black: nothing in it stands out from the noise.")
    # In float files black and white are where one likes, so deviations count relative to the brightest.
    tone = srgb_from_linear(sample.mean(axis=2) / np.float32(1 if ends else brightest))
    if float(tone.std()) < _CONSTANT:
        raise MatshotError(f"{name} is the same everywhere; a surface with visible detail is needed.")


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask and all neighbors: sharpening and JPEG spread what a clipped pixel lost."""
    import cv2

    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), dtype=np.uint8)) > 0)


def _number(attributes: oiio.ImageSpec, *names: str) -> float | None:
    """The first of these attributes that is a positive, finite number; TIFF holds some as lists of one."""
    for name in names:
        value = attributes.getattribute(name)
        if isinstance(value, tuple) and value:
            value = value[0]
        if isinstance(value, int | float) and math.isfinite(value) and value > 0:
            return float(value)
    return None


def _has_exif(attributes: oiio.ImageSpec | None) -> bool:
    return attributes is not None and any(attribute.name.startswith("Exif:") for attribute in attributes.extra_attribs)


def _is_cropped(attributes: oiio.ImageSpec, width: int, height: int) -> bool:
    """Whether a photograph shows less than the sensor saw: of other proportions than EXIF says, or square.

    No camera of a phone has a square sensor, and 16:9 has the whole width.
    """
    if _number(attributes, "Exif:FocalLengthIn35mmFilm", "Exif:FocalLength") is None:
        return False
    long, short = max(width, height), min(width, height)
    if long < short * _LEAST_PROPORTION:
        return True
    columns, rows = _number(attributes, "Exif:PixelXDimension"), _number(attributes, "Exif:PixelYDimension")
    if columns is None or rows is None:
        return False
    return long * min(columns, rows) < short * max(columns, rows) * (1 - _SAME_PROPORTION)


def _exif_fov(attributes: oiio.ImageSpec, width: int, height: int) -> float | None:
    """Degrees across the longer side, if EXIF knows them and they can be.

    From the focal length for 36 x 24 mm film, ``2 atan(36 / (2 f))``; else from the real one and the pixels per
    millimeter of the sensor.
    """
    film = _number(attributes, "Exif:FocalLengthIn35mmFilm")
    real = _number(attributes, "Exif:FocalLength")
    if film is not None:
        degrees = math.degrees(2 * math.atan(_FILM_WIDTH / (2 * film)))
    elif real is not None and (side := _sensor_side(attributes, width, height)) is not None:
        degrees = math.degrees(2 * math.atan(side / (2 * real)))
    else:
        return None
    return degrees if _FOVS[0] <= degrees <= _FOVS[1] else None


def _sensor_side(attributes: oiio.ImageSpec, width: int, height: int) -> float | None:
    """Longer side of the sensor in millimeters; ``width`` and ``height`` stand in where EXIF has no pixel counts."""
    unit = _PLANE_UNITS.get(attributes.get_int_attribute("Exif:FocalPlaneResolutionUnit", 2))
    across = _number(attributes, "Exif:FocalPlaneXResolution")
    down = _number(attributes, "Exif:FocalPlaneYResolution") or across
    if unit is None or across is None or down is None:
        return None
    columns = _number(attributes, "Exif:PixelXDimension") or width
    rows = _number(attributes, "Exif:PixelYDimension") or height
    return max(columns / across, rows / down) * unit


def _exposure(attributes: oiio.ImageSpec) -> float | None:
    """Time x ISO / N^2, from the plain tags or from their logarithms (APEX)."""
    time = _number(attributes, "ExposureTime", "Exif:ExposureTime")
    if time is None and isinstance(speed := attributes.getattribute("Exif:ShutterSpeedValue"), int | float):
        time = 2.0**-speed
    stop = _number(attributes, "FNumber", "Exif:FNumber")
    if stop is None and isinstance(aperture := attributes.getattribute("Exif:ApertureValue"), int | float):
        stop = 2.0 ** (aperture / 2)
    sensitivity = _number(attributes, "Exif:PhotographicSensitivity", "Exif:ISOSpeedRatings", "Exif:ISOSpeed")
    if time is None or stop is None or sensitivity is None:
        return None
    return time * sensitivity / stop**2


def _flash_fired(attributes: oiio.ImageSpec) -> bool | None:
    """Bit 0 of EXIF's flash tag (9209)."""
    value = attributes.getattribute("Exif:Flash")
    return bool(value & 1) if isinstance(value, int) else None
