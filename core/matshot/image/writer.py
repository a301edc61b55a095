"""Textures written to files through OpenImageIO, whole or in bands of rows."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from ..errors import MatshotError
from .color import Pixels, linear_from_srgb, srgb_from_linear
from .formats import COLOR_ONLY, NO_ALPHA, check_target, stored_depth
from .normals import encoded_normals
from .ocio import converted, linear_rec709
from .reader import PNG_SIGNATURE, is_associated, opened_image, png_ends
from .types import Depth, Texture

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


_OIIO_DEPTH = {"uint8": oiio.UINT8, "uint16": oiio.UINT16, "half": oiio.HALF, "float": oiio.FLOAT}


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
        if channels in (2, 4) and suffix in NO_ALPHA:
            raise MatshotError(f"{suffix[1:].upper()} files hold no alpha; choose .png, .tif, .tga or .exr.")
        if channels == 4 and suffix == ".webp" and like.encoding in ("data", "normal"):
            raise MatshotError("WebP files lose three channels wherever the fourth is 0; choose .png, .tif or .tga.")
        self._grey_to_rgb = channels < 3 and suffix in COLOR_ONLY
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
        came_so = source is not None and source.attributes is not None and is_associated(source.attributes)
        factor = np.where(alpha > 0, alpha, 1) if came_so else alpha
        return np.concatenate([values[..., :-1] * factor, alpha], axis=2)

    def _stored_color(self, values: Pixels, whole: bool) -> Pixels:
        texture, source = self.like, self.like.source
        channels = values.shape[2] - (values.shape[2] in (2, 4))
        color, alpha = values[..., :channels], values[..., channels:]
        same_depth = source is not None and (source.depth in ("uint8", "uint16")) == whole
        if source is not None and source.colorspace and texture.encoding == "linear":
            return converted(values, linear_rec709(), source.colorspace)
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
            return head == PNG_SIGNATURE and png_ends(file)
        if suffix == ".webp":
            return size == int.from_bytes(head[4:], "little") + 8
        end = {".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9", ".tga": b"TRUEVISION-XFILE.\0"}.get(suffix, b"")
        if size < len(end) + 8:
            return False
        if end:
            file.seek(-len(end), os.SEEK_END)
            return file.read() == end
    try:
        with contextlib.closing(opened_image(path)) as image:
            spec = image.spec()
            rows = [image.read_scanlines(y, y + 1, 0, 0, spec.nchannels, oiio.FLOAT) for y in (0, spec.height - 1)]
            return all(row is not None for row in rows) and not image.has_error
    except MatshotError:
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
