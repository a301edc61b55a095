"""Textures written to files through OpenImageIO, whole or in bands of rows."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from ..errors import MatshotError
from ..files import flush, os_reason, partial_path
from .color import Pixels, linear_from_srgb, srgb_from_linear
from .formats import COLOR_ONLY, NO_ALPHA, check_target, stored_depth
from .normals import encoded_normals
from .ocio import colorspace_conversion, linear_rec709
from .reader import PNG_SIGNATURE, has_associated_alpha, open_image, png_is_complete
from .types import Depth, Texture

#: Formats whose libraries do not survive a full disk: libjpeg ends the process, libwebp never returns. Space for the
#: largest possible file is therefore reserved first.
_FATAL_WHEN_FULL = (".jpg", ".jpeg", ".webp")

#: Bytes of a compressed sample at most; noise takes 1.14.
_MAX_BYTES_PER_SAMPLE = 1.5

#: Bytes of metadata at most.
_MAX_METADATA = 1 << 20

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

#: What OpenImageIO reports when it closes a valid TIFF that has no EXIF.
_FALSE_ALARM = "failed TIFFWriteCustomDirectory() of the Exif data"

_OIIO_DEPTH = {"uint8": oiio.UINT8, "uint16": oiio.UINT16, "half": oiio.HALF, "float": oiio.FLOAT}


def write_texture(texture: Texture, path: str | os.PathLike[str], *, depth: Depth | None = None) -> Path:
    """Write a texture whole; see :class:`TextureWriter` for how it is stored.

    Args:
        texture: to write.
        path: image file; its suffix is the format, and its folder is created.
        depth: bits per sample; None for those of the texture's source, else 8 in formats that have them.

    Returns:
        The path.

    Raises:
        MatshotError: when the format cannot hold it or the target cannot be written; nothing is left behind then.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import brick_wall
        >>> file = matshot.write_texture(brick_wall(64)["height"], "height.png", depth="uint16")
        >>> matshot.read_texture(file, encoding="data").source.depth
        'uint16'
    """
    if not isinstance(texture, Texture):
        raise TypeError(
            f"write_texture takes a Texture, got a {type(texture).__name__}; save_material takes a Material."
        )
    with TextureWriter(path, texture.width, texture.height, texture, depth=depth) as writer:
        writer.write(texture.pixels)
    return Path(path)


class TextureWriter:
    """Writes a texture in bands of rows to a temporary file that takes its name when all is there.

    Integer files store ``linear`` textures sRGB-encoded, float files store ``srgb`` textures linear, unless the source
    was stored likewise; a normal map keeps the convention of its source. Integer values are rounded and clipped. WebP
    is lossless but keeps no color where alpha is 0.

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
        if channels in (2, 4) and suffix in NO_ALPHA:
            raise MatshotError(f"{suffix[1:].upper()} files have no alpha channel; choose .png, .tif, .tga or .exr.")
        if channels == 4 and suffix == ".webp" and like.encoding in ("data", "normal"):
            raise MatshotError("WebP files lose three channels wherever the fourth is 0; choose .png, .tif or .tga.")
        self._gray_to_rgb = channels < 3 and suffix in COLOR_ONLY
        self._rows = 0
        self._temporary = partial_path(self.path, suffix)
        self._output: Any = None
        self._opened = False

    def __enter__(self) -> TextureWriter:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MatshotError(f"The folder {self.path.parent} cannot be created: {os_reason(error)}.") from error
        if not os.access(self.path.parent, os.W_OK):
            raise MatshotError(f"The folder {self.path.parent} cannot be written: permission denied.")
        if self.path.is_dir():
            raise MatshotError(f"{self.path} is a folder; give the result another name.")
        if self.path.exists() and not os.access(self.path, os.W_OK):
            raise MatshotError(f"{self.path.name} is read-only; make it writable, or choose another name.")
        if self.path.suffix.lower() in _FATAL_WHEN_FULL:
            self._reserve_space()
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
            raise MatshotError(f"{self.path.name} was not finished: {self._rows} of {self.height} rows were written.")
        if not self._output.close() or (self._output.has_error and _FALSE_ALARM not in self._output.geterror(False)):
            self._fail()
        self._output = None
        try:
            flush(self._temporary)
            if not _is_complete(self._temporary):
                self._fail()
            self._temporary.replace(self.path)
        except OSError as problem:
            self._discard()
            raise MatshotError(f"{self.path.name} could not be written: {os_reason(problem)}.") from problem

    def write(self, rows: Pixels) -> None:
        """Add rows ``n x W x C`` below those written so far, in the texture's own encoding."""
        values = self._stored(rows)
        start = self._rows
        if self.path.suffix.lower() in _FATAL_WHEN_FULL and self._free() < self._max_bytes(self.height - start):
            self._fail()
        if not self._output.write_scanlines(start, start + len(values), 0, values):
            self._fail()
        self._rows += len(values)

    def _spec(self) -> oiio.ImageSpec:
        channels = 3 + (self.like.pixels.shape[2] == 2) if self._gray_to_rgb else self.like.pixels.shape[2]
        spec = oiio.ImageSpec(self.width, self.height, channels, _OIIO_DEPTH[self.depth])
        spec.channelnames = {1: ("Y",), 2: ("Y", "A"), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}[channels]
        spec.alpha_channel = channels - 1 if channels in (2, 4) else -1
        source = self.like.source
        if source is not None and source.attributes is not None:
            for attribute in source.attributes.extra_attribs:
                if attribute.name in _STALE or attribute.name.startswith(("ICCProfile:", "dds:")):
                    continue
                if attribute.name == "ICCProfile" and (source.attributes.nchannels < 3) != (channels < 3):
                    continue  # a profile for gray means nothing in a color file, nor the other way round
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
        integer = self.depth in ("uint8", "uint16")
        if texture.encoding == "normal":
            convention = source.convention if source else "gl"
            values = encoded_normals(values, convention, signed=bool(source and source.signed and not integer))
        elif texture.encoding in ("srgb", "linear"):
            values = self._stored_color(values, integer)
        if self.path.suffix.lower() == ".exr" and texture.alpha is not None and texture.encoding in ("srgb", "linear"):
            values = self._associated(values)
        if self._gray_to_rgb:
            values = np.concatenate([np.repeat(values[..., :1], 3, axis=2), values[..., 1:]], axis=2)
        if self.path.suffix.lower() == ".hdr":
            values = _rounded_rgbe(values)
        if integer:
            top = 255 if self.depth == "uint8" else 65535
            values = np.rint(values.clip(0, 1) * np.float32(top)).astype(self.depth)
        elif self.depth == "half":
            values = values.clip(-65504, 65504).astype(np.float16)
        return np.ascontiguousarray(values)

    def _associated(self, values: Pixels) -> Pixels:
        """Color times alpha. Light without coverage, as of a flame, goes back as it came from such a file."""
        source, alpha = self.like.source, values[..., -1:]
        was_associated = (
            source is not None and source.attributes is not None and has_associated_alpha(source.attributes)
        )
        factor = np.where(alpha > 0, alpha, 1) if was_associated else alpha
        return np.concatenate([values[..., :-1] * factor, alpha], axis=2)

    def _stored_color(self, values: Pixels, integer: bool) -> Pixels:
        texture, source = self.like, self.like.source
        channels = values.shape[2] - (values.shape[2] in (2, 4))
        color, alpha = values[..., :channels], values[..., channels:]
        same_depth = source is not None and (source.depth in ("uint8", "uint16")) == integer
        if source is not None and source.colorspace and texture.encoding == "linear":
            return colorspace_conversion(values, linear_rec709(), source.colorspace)
        if texture.encoding == "linear" and integer and not (source and same_depth):
            color = srgb_from_linear(color)
        elif texture.encoding == "srgb" and not integer and not (source and same_depth):
            color = linear_from_srgb(color)
        return np.concatenate([color, alpha], axis=2) if alpha.shape[2] else color

    def _max_bytes(self, rows: int) -> int:
        return int(rows * self.width * 4 * _MAX_BYTES_PER_SAMPLE) + _MAX_METADATA

    def _free(self) -> int:
        try:
            return shutil.disk_usage(self.path.parent).free
        except OSError:  # a share that went away; what fails then is the writing itself
            return sys.maxsize

    def _reserve_space(self) -> None:
        """Make the temporary file as large as the result can become; the library starts it over."""
        most = self._max_bytes(self.height)
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
            raise MatshotError(f"{self.path.name} could not be written: {os_reason(error)}.") from error

    def _fail(self) -> None:
        message = ((self._output.geterror() if self._output is not None else "") or oiio.geterror()).strip()
        free = self._free()
        self._discard()
        if "No space left" in message or free < _MAX_METADATA:
            reason = "the disk is full"
        elif self.path.suffix.lower() in _FATAL_WHEN_FULL and free < self._max_bytes(self.height):
            reason = "there is not enough space on the disk"
        else:
            reason = "only a part of it could be stored" if self._opened else "the file cannot be created"
        raise MatshotError(f"{self.path.name} could not be written: {reason}.", message)

    def _discard(self) -> None:
        if self._output is not None:
            self._output.close()
            self._output = None
        self._temporary.unlink(missing_ok=True)


def _is_complete(path: Path) -> bool:
    """Whether a file that was just written is complete.

    What a library still holds when it closes a file is lost in silence on a full disk, and for PNG, TGA, BMP and HDR
    so is most of what came before. Looking at the end of the structure, or at the outermost rows, is enough: bytes
    that are missing in the middle end it early.
    """
    suffix, size = path.suffix.lower(), path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if suffix == ".png":
            return head == PNG_SIGNATURE and png_is_complete(file)
        if suffix == ".webp":
            return size == int.from_bytes(head[4:], "little") + 8
        end = {".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9", ".tga": b"TRUEVISION-XFILE.\0"}.get(suffix, b"")
        if size < len(end) + 8:
            return False
        if end:
            file.seek(-len(end), os.SEEK_END)
            return file.read() == end
    try:
        with contextlib.closing(open_image(path)) as image:
            spec = image.spec()
            rows = [image.read_scanlines(y, y + 1, 0, 0, spec.nchannels, oiio.FLOAT) for y in (0, spec.height - 1)]
            return all(row is not None for row in rows) and not image.has_error
    except MatshotError:
        return False


def _rounded_rgbe(values: Pixels) -> Pixels:
    """Half a step more, so that truncation by the writer of Radiance files (RGBE, Ward 1991) is rounding."""
    brightest = values.max(axis=2, keepdims=True)
    _, exponent = np.frexp(brightest)
    half_step = np.where(brightest > 1e-30, np.ldexp(np.float32(0.5), exponent - 8), 0)
    return (values + half_step).astype(np.float32)
