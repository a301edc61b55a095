"""Textures and the files they live in.

A :class:`Texture` is what every tool works on; this module brings it in and out through OpenImageIO and keeps bit
depth, ICC profile and metadata on the way. Tools that make more pixels than memory holds write through a
:class:`TextureWriter`, band by band.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import uuid
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, get_args

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from .color import Pixels, linear_from_srgb, srgb_from_linear
from .errors import MatshotError
from .normals import decoded_normals, encoded_normals

Encoding = Literal["srgb", "linear", "normal", "data"]
Wrap = Literal["none", "x", "y", "xy"]
Depth = Literal["uint8", "uint16", "half", "float"]
Convention = Literal["gl", "dx"]

ENCODINGS: tuple[str, ...] = get_args(Encoding)
WRAPS: tuple[str, ...] = get_args(Wrap)
DEPTHS: tuple[str, ...] = get_args(Depth)

#: Suffixes that are read, and those that are written too.
WRITABLE = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".tga", ".bmp", ".webp", ".hdr")
READABLE = (*WRITABLE, ".dds")

#: Bit depths that a format can hold, best last, and the longest side that it can describe.
_DEPTHS_OF: dict[str, tuple[Depth, ...]] = {
    ".png": ("uint8", "uint16"),
    ".jpg": ("uint8",),
    ".jpeg": ("uint8",),
    ".tif": ("uint8", "uint16", "half", "float"),
    ".tiff": ("uint8", "uint16", "half", "float"),
    ".exr": ("half", "float"),
    ".tga": ("uint8",),
    ".bmp": ("uint8",),
    ".webp": ("uint8",),
    ".hdr": ("float",),
}
_LONGEST_SIDE = {".jpg": 65500, ".jpeg": 65500, ".tga": 65535, ".webp": 16383, ".hdr": 65535, ".png": 1_000_000}
_NO_ALPHA = (".jpg", ".jpeg", ".bmp", ".hdr")
_COLOR_ONLY = (".webp", ".hdr", ".bmp")

#: Their libraries do not survive a full disk: libjpeg ends the process, libwebp never returns. Room for the largest
#: file that can come of it is therefore proven first: noise takes 1.14 bytes a sample, and metadata comes on top.
_FATAL_WHEN_FULL = (".jpg", ".jpeg", ".webp")
_MOST_BYTES_PER_SAMPLE = 1.5
_MOST_METADATA = 1 << 20

#: Attributes that describe the old pixels, not the picture, and would lie in a new file.
_STALE = (
    "compression",
    "tiff:Compression",
    "Exif:PixelXDimension",
    "Exif:PixelYDimension",
    "oiio:ColorSpace",
    "oiio:BitsPerSample",
    "oiio:UnassociatedAlpha",
    "oiio:SHA-1",
    "oiio:ConstantColor",
    "oiio:AverageColor",
    "oiio:subimages",
    "jpeg:subsampling",
    "jpeg:ColorSpace",
    "tiff:PhotometricInterpretation",
    "tiff:ColorSpace",
    "tiff:PlanarConfiguration",
    "tiff:RowsPerStrip",
    "oiio:RowsPerChunk",
    "planarconfig",
    "rle",
    "bmp:bitsperpixel",
    "bmp:version",
    "png:paletted",
    "Orientation",
    "thumbnail_width",
    "thumbnail_height",
    "thumbnail_nchannels",
    "thumbnail_image",
    "openexr:chunkCount",
    "openexr:lineOrder",
    "textureformat",
    "wrapmodes",
    "fovcot",
)

#: What OpenImageIO says when it closes a sound TIFF that has no EXIF.
_EXIF_NONSENSE = "failed TIFFWriteCustomDirectory() of the Exif data"

_RIGHT_WAY_UP = 1
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_OIIO_DEPTH = {"uint8": oiio.UINT8, "uint16": oiio.UINT16, "half": oiio.HALF, "float": oiio.FLOAT}

#: Scene-linear Rec. 709 under the names that OCIO configurations give it.
_LINEAR_REC709 = ("lin_rec709_scene", "lin_rec709", "Linear Rec.709 (sRGB)", "lin_srgb", "Utility - Linear - sRGB")


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
    elif encoding != "data" and pixels.shape[2] in (2, 4) and _is_associated(spec):
        pixels = _unassociated(pixels)
    if colorspace and encoding in ("srgb", "linear"):
        pixels = _converted(pixels, colorspace, _linear_rec709())
        encoding = "linear"
    source = FileSource(path, depth, spec, colorspace, convention, signed)
    return Texture(np.ascontiguousarray(pixels), encoding, wrap, source)


def write_texture(texture: Texture, path: str | os.PathLike[str], *, depth: Depth | None = None) -> Path:
    """Write a texture whole; see :class:`TextureWriter` for how it is stored.

    Raises:
        MatshotError: when the format cannot hold it or the target cannot be written; nothing is left behind then.
    """
    with TextureWriter(path, texture.width, texture.height, texture, depth=depth) as writer:
        writer.write(texture.pixels)
    return Path(path)


class TextureWriter:
    """Writes a texture in bands of rows to a temporary file that takes its name when all is there.

    Integer files store ``linear`` textures sRGB-encoded, float files store ``srgb`` textures linear, unless the source
    was stored likewise; a normal map keeps the convention of its source. Integer values are rounded and clipped. WebP
    is lossless but keeps no colour where alpha is 0.

    Args:
        path: target; its suffix chooses the format.
        width: of the result, in pixels.
        height: of the result, in pixels.
        like: a texture with the result's encoding and channels, whose source gives depth and metadata.
        depth: bits instead of the source's.

    Raises:
        MatshotError: at once when format, size, channels or target cannot work.
    """

    def __init__(
        self, path: str | os.PathLike[str], width: int, height: int, like: Texture, *, depth: Depth | None = None
    ) -> None:
        self.path = Path(path)
        self.like = like
        self.width, self.height = width, height
        suffix = self.path.suffix.lower()
        channels = like.pixels.shape[2]
        check_target(self.path, width, height)
        self.depth = stored_depth(self.path, depth or (like.source.depth if like.source else "uint8"))
        if channels in (2, 4) and suffix in _NO_ALPHA:
            raise MatshotError(f"{suffix[1:].upper()} files hold no alpha; choose .png, .tif, .tga or .exr.")
        if channels == 4 and suffix == ".webp" and like.encoding in ("data", "normal"):
            raise MatshotError("WebP files lose three channels wherever the fourth is 0; choose .png, .tif or .tga.")
        self._grey_to_rgb = channels < 3 and suffix in _COLOR_ONLY
        self._rows = 0
        self._temporary = self.path.with_name(f".{self.path.stem[:40]}.{uuid.uuid4().hex}.partial{suffix}")
        self._output: Any = None
        self._opened = False

    def __enter__(self) -> TextureWriter:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MatshotError(f"The folder {self.path.parent} cannot be made: {_reason(error)}.") from error
        if not os.access(self.path.parent, os.W_OK):
            raise MatshotError(f"The folder {self.path.parent} cannot be written to.")
        if self.path.is_dir():
            raise MatshotError(f"{self.path} is a folder; give the result another name.")
        if self.path.exists() and not os.access(self.path, os.W_OK):
            raise MatshotError(f"{self.path.name} is read-only and stays as it is.")
        if self.path.suffix.lower() in _FATAL_WHEN_FULL:
            self._prove_room()
        self._output = oiio.ImageOutput.create(str(self._temporary))
        if self._output is None or not self._output.open(str(self._temporary), self._spec()):
            self._fail()
        self._opened = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._discard()
            return
        if self._rows != self.height:
            self._discard()
            raise MatshotError(f"{self.path.name} was not finished: {self._rows} of {self.height} rows were made.")
        if not self._output.close() or (self._output.has_error and _EXIF_NONSENSE not in self._output.geterror(False)):
            self._fail()
        self._output = None
        try:
            _flush(self._temporary)
            if not _is_whole(self._temporary):
                self._fail()
            self._temporary.replace(self.path)
        except OSError as problem:
            self._discard()
            raise MatshotError(f"{self.path.name} could not be written: {_reason(problem)}.") from problem

    def write(self, rows: Pixels) -> None:
        """Add rows ``n x W x C`` below those written so far, in the texture's own encoding."""
        values = self._stored(rows)
        start = self._rows
        if self.path.suffix.lower() in _FATAL_WHEN_FULL and self._free() < self._most_bytes(self.height - start):
            self._fail()
        if not self._output.write_scanlines(start, start + len(values), 0, values):
            self._fail()
        self._rows += len(values)

    def _spec(self) -> oiio.ImageSpec:
        channels = 3 + (self.like.pixels.shape[2] == 2) if self._grey_to_rgb else self.like.pixels.shape[2]
        spec = oiio.ImageSpec(self.width, self.height, channels, _OIIO_DEPTH[self.depth])
        spec.channelnames = {1: ("Y",), 2: ("Y", "A"), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}[channels]
        spec.alpha_channel = channels - 1 if channels in (2, 4) else -1
        source = self.like.source
        if source is not None and source.attributes is not None:
            for attribute in source.attributes.extra_attribs:
                if attribute.name in _STALE or attribute.name.startswith(("ICCProfile:", "dds:")):
                    continue
                if attribute.name == "ICCProfile" and (source.attributes.nchannels < 3) != (channels < 3):
                    continue  # a profile for grey means nothing in a colour file, nor the other way round
                spec.attribute(attribute.name, attribute.type, attribute.value)
            if spec.get_string_attribute("ResolutionUnit") == "inch":
                # So it comes from PNG; JPEG and TIFF would not understand it.
                spec.attribute("ResolutionUnit", "in")
        suffix = self.path.suffix.lower()
        if suffix in (".jpg", ".jpeg"):
            spec.attribute("compression", "jpeg:97")
            spec.attribute("jpeg:subsampling", "4:4:4")
        elif suffix == ".webp":
            spec.attribute("compression", "lossless")
        elif suffix in (".exr", ".tif", ".tiff"):
            spec.attribute("compression", "zip")
            if self.depth == "half":
                spec.attribute("tiff:half", 1)  # else TIFF would get floats
        elif suffix == ".png":
            spec.attribute("png:compressionLevel", 4)
        if suffix != ".exr" and spec.alpha_channel >= 0:
            spec.attribute("oiio:UnassociatedAlpha", 1)
        return spec

    def _stored(self, rows: Pixels) -> NDArray[Any]:
        texture, source = self.like, self.like.source
        values = rows
        whole = self.depth in ("uint8", "uint16")
        if texture.encoding == "normal":
            convention = source.convention if source else "gl"
            values = encoded_normals(values, convention, signed=bool(source and source.signed and not whole))
        elif texture.encoding in ("srgb", "linear"):
            values = self._stored_color(values, whole)
        if self.path.suffix.lower() == ".exr" and texture.alpha is not None and texture.encoding in ("srgb", "linear"):
            values = self._associated(values)
        if self._grey_to_rgb:
            values = np.concatenate([np.repeat(values[..., :1], 3, axis=2), values[..., 1:]], axis=2)
        if self.path.suffix.lower() == ".hdr":
            values = _evened_rgbe(values)
        if whole:
            top = 255 if self.depth == "uint8" else 65535
            values = np.rint(values.clip(0, 1) * np.float32(top)).astype(self.depth)
        elif self.depth == "half":
            values = values.clip(-65504, 65504).astype(np.float16)
        return np.ascontiguousarray(values)

    def _associated(self, values: Pixels) -> Pixels:
        """Colour times alpha. Light without coverage, as of a flame, goes back as it came from such a file."""
        source, alpha = self.like.source, values[..., -1:]
        came_so = source is not None and source.attributes is not None and _is_associated(source.attributes)
        factor = np.where(alpha > 0, alpha, 1) if came_so else alpha
        return np.concatenate([values[..., :-1] * factor, alpha], axis=2)

    def _stored_color(self, values: Pixels, whole: bool) -> Pixels:
        texture, source = self.like, self.like.source
        channels = values.shape[2] - (values.shape[2] in (2, 4))
        color, alpha = values[..., :channels], values[..., channels:]
        same_depth = source is not None and (source.depth in ("uint8", "uint16")) == whole
        if source is not None and source.colorspace and texture.encoding == "linear":
            return _converted(values, _linear_rec709(), source.colorspace)
        if texture.encoding == "linear" and whole and not (source and same_depth):
            color = srgb_from_linear(color)
        elif texture.encoding == "srgb" and not whole and not (source and same_depth):
            color = linear_from_srgb(color)
        return np.concatenate([color, alpha], axis=2) if alpha.shape[2] else color

    def _most_bytes(self, rows: int) -> int:
        return int(rows * self.width * 4 * _MOST_BYTES_PER_SAMPLE) + _MOST_METADATA

    def _free(self) -> int:
        try:
            return shutil.disk_usage(self.path.parent).free
        except OSError:  # a share that went away; what fails then is the writing itself
            return sys.maxsize

    def _prove_room(self) -> None:
        """Make the temporary file as large as the result can become; the library begins it anew."""
        most = self._most_bytes(self.height)
        if self._free() < most:
            self._fail()
        try:
            with self._temporary.open("wb") as file:
                if sys.platform == "linux":
                    os.posix_fallocate(file.fileno(), 0, most)
                else:
                    file.truncate(most)
        except OSError as error:
            self._discard()
            raise MatshotError(f"{self.path.name} could not be written: {_reason(error)}.") from error

    def _fail(self) -> None:
        said = ((self._output.geterror() if self._output is not None else "") or oiio.geterror()).strip()
        free = self._free()
        self._discard()
        if "No space left" in said or free < _MOST_METADATA:
            reason = "the disk is full"
        elif self.path.suffix.lower() in _FATAL_WHEN_FULL and free < self._most_bytes(self.height):
            reason = "there is not enough room on the disk"
        else:
            reason = "the disk took only a part of it" if self._opened else "the file cannot be made there"
        raise MatshotError(f"{self.path.name} could not be written: {reason}.", said)

    def _discard(self) -> None:
        if self._output is not None:
            self._output.close()
            self._output = None
        self._temporary.unlink(missing_ok=True)


def check_target(path: Path, width: int, height: int) -> None:
    """Refuse, before any work, a file that could not hold the result.

    Raises:
        MatshotError: unknown suffix, or sides too long for the format.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise MatshotError(f"{path.name}: Matshot writes {', '.join(s[1:] for s in WRITABLE)}, not {suffix or 'this'}.")
    longest = _LONGEST_SIDE.get(suffix)
    if longest and max(width, height) > longest:
        raise MatshotError(
            f"{path.name} would be {width} x {height} pixels and {suffix[1:].upper()} ends at {longest} a side; "
            "choose .tif or .exr."
        )


def stored_depth(path: Path, wanted: Depth) -> Depth:
    """The wanted depth, or the closest one that the format of ``path`` can hold.

    Raises:
        MatshotError: for a depth that does not exist.
    """
    if wanted not in DEPTHS:
        raise MatshotError(f"There is no depth {wanted!r}; there are {', '.join(DEPTHS)}.")
    offered = _DEPTHS_OF[path.suffix.lower()]
    if wanted in offered:
        return wanted
    return offered[-1] if DEPTHS.index(wanted) > DEPTHS.index(offered[-1]) else offered[0]


def image_size(path: str | os.PathLike[str]) -> tuple[int, int, int]:
    """``(width, height, channels)`` from the header alone.

    Raises:
        MatshotError: as :func:`read_texture`.
    """
    with contextlib.closing(_opened(Path(path))) as image:
        spec = image.spec()
        return int(spec.width), int(spec.height), int(spec.nchannels)


def _opened(path: Path) -> Any:
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
        if file.read(8) == _PNG_SIGNATURE and not _png_ends(file):
            raise MatshotError(f"{path.name} is damaged: it ends early.")
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    image = oiio.ImageInput.open(str(path), config)
    if image is None:
        sentence = f"{path.name} cannot be read as an image; it is damaged or of another type."
        raise MatshotError(sentence, oiio.geterror())
    return image


def _read_pixels(path: Path) -> tuple[Pixels, oiio.ImageSpec]:
    with contextlib.closing(_opened(path)) as image:
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


def _is_associated(spec: oiio.ImageSpec) -> bool:
    """Whether a file's colour is multiplied by its alpha."""
    return spec.alpha_channel >= 0 and not spec.get_int_attribute("oiio:UnassociatedAlpha")


def _unassociated(pixels: Pixels) -> Pixels:
    """Divide colour by alpha; where alpha is 0 nothing can be said and colour stays."""
    alpha = pixels[..., -1:]
    divisor = np.where(alpha > 0, alpha, 1)
    return np.concatenate([pixels[..., :-1] / divisor, alpha], axis=2).astype(np.float32)


@cache
def _linear_rec709() -> str:
    """The name that the OCIO configuration has for linear Rec. 709; looking takes a while."""
    config = oiio.ColorConfig()
    if said := config.geterror():
        raise MatshotError(f"The OCIO configuration {os.environ.get('OCIO', '')} cannot be read.", said)
    known = config.getColorSpaceNames()
    for name in _LINEAR_REC709:
        if name in known or config.resolve(name) in known:
            return name
    raise MatshotError("The OCIO configuration names no linear Rec. 709 colour space.")


def _converted(pixels: Pixels, from_space: str, to_space: str) -> Pixels:
    """Colour channels from one OCIO space to another; alpha as it is."""
    channels = pixels.shape[2] - (pixels.shape[2] in (2, 4))
    color = np.repeat(pixels[..., :1], 3, axis=2) if channels == 1 else pixels[..., :3]
    result = oiio.ImageBufAlgo.colorconvert(oiio.ImageBuf(np.ascontiguousarray(color)), from_space, to_space)
    if result.has_error:
        known = ", ".join(oiio.ColorConfig().getColorSpaceNames()[:12])
        raise MatshotError(f"The colour space {from_space!r} is not known; there are {known} ...", result.geterror())
    values = np.asarray(result.get_pixels(oiio.FLOAT), dtype=np.float32)[..., :channels]
    return np.concatenate([values, pixels[..., channels:]], axis=2)


def _is_whole(path: Path) -> bool:
    """Whether a file that was just written has its end.

    What a library still holds when it closes a file is lost in silence on a full disk, and for PNG, TGA, BMP and HDR
    so is most of what came before. Looking at the end of the structure, or at the outermost rows, is enough: bytes
    that are missing in the middle end it early.
    """
    suffix, size = path.suffix.lower(), path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if suffix == ".png":
            return head == _PNG_SIGNATURE and _png_ends(file)
        if suffix == ".webp":
            return size == int.from_bytes(head[4:], "little") + 8
        end = {".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9", ".tga": b"TRUEVISION-XFILE.\0"}.get(suffix, b"")
        if size < len(end) + 8:
            return False
        if end:
            file.seek(-len(end), os.SEEK_END)
            return file.read() == end
    try:
        with contextlib.closing(_opened(path)) as image:
            spec = image.spec()
            rows = [image.read_scanlines(y, y + 1, 0, 0, spec.nchannels, oiio.FLOAT) for y in (0, spec.height - 1)]
            return all(row is not None for row in rows) and not image.has_error
    except MatshotError:
        return False


def _png_ends(file: IO[bytes]) -> bool:
    """Follow the chunks of a PNG, whose signature has been read, to its IEND."""
    while len(head := file.read(8)) == 8:
        if head[4:] == b"IEND":
            return len(file.read(4)) == 4
        file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return False


def _evened_rgbe(values: Pixels) -> Pixels:
    """Half a step more: the writer of Radiance files (RGBE, Ward 1991) cuts mantissas off, and so rounds them."""
    brightest = values.max(axis=2, keepdims=True)
    _, exponent = np.frexp(brightest)
    half_step = np.where(brightest > 1e-30, np.ldexp(np.float32(0.5), exponent - 8), 0)
    return (values + half_step).astype(np.float32)


def _flush(path: Path) -> None:
    """Bring the bytes to the disk, so that a full one is noticed before the old file is replaced."""
    handle = os.open(path, os.O_RDWR)  # Windows flushes only what may be written
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
