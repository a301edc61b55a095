"""Textures written to files through OpenImageIO, whole or in bands of rows."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from ..errors import MatshotError
from ..files import check_folder, flush, os_reason, partial_path
from .alpha import is_multiplied, multiplied_color
from .color import Pixels, linear_from_srgb, srgb_from_linear
from .formats import COLOR_ONLY, COMPRESSED, NO_ALPHA, check_target, stored_depth
from .normals import encoded_normals
from .ocio import colorspace_conversion, linear_rec709
from .png import PngOutput
from .reader import PNG_SIGNATURE, open_image, png_is_complete
from .types import Depth, Texture

#: Formats whose libraries do not survive a full disk: libjpeg ends the process, libwebp never returns. Space for the
#: largest possible file is therefore reserved first.
_FATAL_WHEN_FULL = (".jpg", ".jpeg", ".webp")

#: Formats that hold an ICC profile.
_ICC = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")

#: Level 1 takes a quarter less time than the usual 4, for 0.4 % (float) to 4 % (half) more bytes.
_EXR_COMPRESSION = "zip:1"

#: Textures that are written at the same time, and samples of one from which on it is written alone.
_AT_A_TIME = 4
_LARGE = 4096 * 4096 * 3

#: Part of the values that may be clipped without a word: what a network overshoots.
_MOST_CLIPPED = 1e-4

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


def write_textures(textures: Sequence[tuple[Texture, Path, Depth | None]]) -> None:
    """Write several textures, each with its file and depth, as :func:`write_texture`; small ones at the same time.

    Raises:
        MatshotError: as :func:`write_texture`, for the first that fails.
    """
    # What is converted on the way to the file is as large as the texture.
    largest = max((texture.pixels.size for texture, _, _ in textures), default=0)
    with ThreadPoolExecutor(1 if largest > _LARGE else _AT_A_TIME, "matshot") as pool:
        for _ in pool.map(lambda one: write_texture(one[0], one[1], depth=one[2]), textures):
            pass


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
        scale: how many times as large as its source the result is, so that windows of an EXR grow with it; 0 for a
            result of another kind.

    Attributes:
        notes: sentences about what the file does not hold as the texture has it; complete once it is closed.

    Raises:
        MatshotError: at once when format, size, channels or target cannot work.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        width: int,
        height: int,
        like: Texture,
        *,
        depth: Depth | None = None,
        scale: int = 0,
    ) -> None:
        self.path = Path(path)
        self.like = like
        self._scale = scale
        self.width, self.height = width, height
        suffix = self.path.suffix.lower()
        channels = like.pixels.shape[2]
        if suffix not in COMPRESSED:
            check_target(self.path, width, height)
        self.depth = stored_depth(self.path, depth or (like.source.depth if like.source else "uint8"))
        if channels in (2, 4) and suffix in NO_ALPHA and not (channels == 2 and _is_pair(like)):
            raise MatshotError(f"{suffix[1:].upper()} files have no alpha channel; choose .png, .tif, .tga or .exr.")
        if channels == 4 and suffix == ".webp" and like.encoding in ("data", "normal"):
            raise MatshotError("WebP files lose three channels wherever the fourth is 0; choose .png, .tif or .tga.")
        pair = channels == 2 and _is_pair(like)
        #: Two channels that are no gray with alpha are red and green where a format has no names for them.
        self._pair_to_rgb = pair and suffix not in (".exr", ".tif", ".tiff")
        self._gray_to_rgb = channels < 3 and suffix in COLOR_ONLY and not self._pair_to_rgb
        self._signed_integers = _stores_signed(like, suffix, self.depth)
        self._refuse_negative(like)
        self._clipped = [0, 0]
        #: Whether metadata of the source cannot be understood.
        self._damaged = False
        #: Where the data window begins.
        self._top = 0
        self._rows = 0
        self._temporary = partial_path(self.path, suffix)
        self._output: Any = None
        self._opened = False

    def __enter__(self) -> TextureWriter:
        if self.path.suffix.lower() in COMPRESSED:
            raise MatshotError(
                f"{self.path.name}: single images are not compressed; use matshot convert on a material."
            )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MatshotError(f"The folder {self.path.parent} cannot be created: {os_reason(error)}.") from error
        check_folder(self.path.parent)
        if self.path.is_dir():
            raise MatshotError(f"{self.path} is a folder; give the result another name.")
        if self.path.exists() and not os.access(self.path, os.W_OK):
            raise MatshotError(f"{self.path.name} is read-only; make it writable, or choose another name.")
        try:
            self._open()
        except BaseException:  # the block, whose end removes what it left, has not begun
            self._discard()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._discard()
            return
        try:
            self._finish()
        except OSError as problem:
            raise MatshotError(f"{self.path.name} could not be written: {os_reason(problem)}.") from problem
        finally:
            self._discard()

    def write(self, rows: Pixels) -> None:
        """Add rows ``n x W x C`` below those written so far, in the texture's own encoding."""
        values = self.stored(rows)
        start = self._rows + self._top
        if self.path.suffix.lower() in _FATAL_WHEN_FULL and self._free() < self._max_bytes(self.height - self._rows):
            self._fail()
        if not self._output.write_scanlines(start, start + len(values), 0, values):
            self._fail()
        self._rows += len(values)

    @property
    def notes(self) -> tuple[str, ...]:
        """See the class."""
        above, below = self._clipped
        samples = self._rows * self.width * self.like.pixels.shape[2]
        lost = tuple(
            f"{self.path.name}: {count / samples:.2g} of the values {where} and clipped."
            for count, where in ((above, "were above white"), (below, "were below 0"))
            if count > _MOST_CLIPPED * samples
        )
        if self._damaged:
            lost += (f"{self.path.name}: damaged metadata is left out.",)
        return storage_notes(self.like, self.path, self.depth, scale=self._scale) + lost

    def _open(self) -> None:
        """Begin the temporary file."""
        if self.path.suffix.lower() in _FATAL_WHEN_FULL:
            self._reserve_space()
        png = self.path.suffix.lower() == ".png"
        self._output = PngOutput() if png else oiio.ImageOutput.create(str(self._temporary))
        if self._output is None or not self._output.open(str(self._temporary), self._spec()):
            self._fail()
        self._opened = True

    def _finish(self) -> None:
        """Give the temporary file its name, when all is there."""
        if self._rows != self.height:
            raise MatshotError(f"{self.path.name} was not finished: {self._rows} of {self.height} rows were written.")
        if not self._output.close() or (self._output.has_error and _FALSE_ALARM not in self._output.geterror(False)):
            self._fail()
        self._output = None
        flush(self._temporary)
        if not _is_complete(self._temporary):
            self._fail()
        self._temporary.replace(self.path)

    def _refuse_negative(self, like: Texture) -> None:
        """Refuse heights and the like below 0 where a format holds none, instead of making them flat."""
        signed = like.source is not None and like.source.signed_integers
        integer = self.depth in ("uint8", "uint16")
        if signed and integer and not self._signed_integers and float(like.pixels.min()) < 0:
            raise MatshotError(
                f"{self.path.name} would lose all values below 0, which {self.path.suffix[1:].upper()} cannot hold; "
                "choose .tif or .exr."
            )

    def _spec(self) -> oiio.ImageSpec:
        count = self.like.pixels.shape[2]
        if self._gray_to_rgb or self._pair_to_rgb:
            count = 3 if self._pair_to_rgb else 3 + (count == 2)
        kind = oiio.INT16 if self._signed_integers else _OIIO_DEPTH[self.depth]
        spec = oiio.ImageSpec(self.width, self.height, count, kind)
        source, suffix = self.like.source, self.path.suffix.lower()
        spec.channelnames = {1: ("Y",), 2: ("Y", "A"), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}[count]
        spec.alpha_channel = count - 1 if count in (2, 4) else -1
        named = source.channels if source is not None else ()
        if len(named) == count == self.like.pixels.shape[2] and suffix in (".exr", ".tif", ".tiff"):
            spec.channelnames = named
            spec.alpha_channel = next((i for i, name in enumerate(named) if name in ("A", "a")), -1)
        self._describe(spec, count)
        if suffix in (".jpg", ".jpeg"):
            spec.attribute("compression", "jpeg:97")
            spec.attribute("jpeg:subsampling", "4:4:4")
        elif suffix == ".webp":
            spec.attribute("compression", "lossless")
        elif suffix in (".exr", ".tif", ".tiff"):
            spec.attribute("compression", _EXR_COMPRESSION if suffix == ".exr" else "zip")
            if self.depth == "half":
                spec.attribute("tiff:half", 1)  # else TIFF would get floats
        if suffix != ".exr" and spec.alpha_channel >= 0 and not self._multiplies:
            spec.attribute("oiio:UnassociatedAlpha", 1)
        return spec

    def _describe(self, spec: oiio.ImageSpec, channels: int) -> None:
        """Give a header the metadata of the source, and what says what the colors mean."""
        source, suffix = self.like.source, self.path.suffix.lower()
        if source is None:
            return
        attributes = source.attributes or oiio.ImageSpec()
        kept = carries_profile(self.like, self.path, self.depth)
        for attribute in attributes.extra_attribs:
            try:
                if self._is_kept(attribute.name, channels, kept):
                    spec.attribute(attribute.name, attribute.type, attribute.value)
            except (UnicodeError, RuntimeError, TypeError):
                self._damaged = True  # metadata of a damaged file
        if spec.get_string_attribute("ResolutionUnit") == "inch":
            # So it comes from PNG; JPEG and TIFF would not understand it.
            spec.attribute("ResolutionUnit", "in")
        if suffix == ".png" and _stays_linear(self.like, self.path, self.depth):
            spec.attribute("oiio:ColorSpace", "lin_rec709_scene")
        window = _window(self.like, self.width, self.height, self._scale) if suffix == ".exr" else None
        if window is not None:
            self._top = window[1]
            spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height = window

    def _is_kept(self, name: str, channels: int, profiled: bool) -> bool:
        """Whether an attribute of the source is right for the result; ``profiled`` if colors keep their profile."""
        source, suffix = self.like.source, self.path.suffix.lower()
        assert source is not None
        assert source.attributes is not None
        if name in _STALE or name.startswith(("ICCProfile:", "dds:")):
            return False
        if name == "ICCProfile":
            # A profile for gray means nothing in a color file, nor any in a converted one.
            one_kind = (source.attributes.nchannels < 3) == (channels < 3)
            return one_kind and profiled and self.depth not in ("half", "float")
        if name == "chromaticities":
            return profiled and suffix == ".exr"
        return name != "CICP" or suffix == ".png"

    @property
    def _multiplies(self) -> bool:
        """Whether color is stored multiplied by alpha: always in EXR, and in TIFF that came so."""
        suffix = self.path.suffix.lower()
        if self.like.alpha is None or self.like.encoding not in ("srgb", "linear"):
            return False
        if self.like.source is not None and self.like.source.alpha == "data":
            return False
        return suffix == ".exr" or (suffix in (".tif", ".tiff") and is_multiplied(self.like))

    def stored(self, rows: Pixels) -> NDArray[Any]:
        """Rows as the file holds them: encoded, rounded and clipped."""
        texture, source = self.like, self.like.source
        values = rows
        integer = self.depth in ("uint8", "uint16")
        if texture.encoding == "normal":
            convention = source.convention if source else "gl"
            values = encoded_normals(values, convention, signed=bool(source and source.signed and not integer))
        elif texture.encoding in ("srgb", "linear"):
            values = self._stored_color(values, integer)
        if self._multiplies:
            values = multiplied_color(values, light_stays=is_multiplied(texture))
        if self._gray_to_rgb:
            values = np.concatenate([np.repeat(values[..., :1], 3, axis=2), values[..., 1:]], axis=2)
        if self._pair_to_rgb:
            values = np.concatenate([values, np.zeros_like(values[..., :1])], axis=2)
        if self.path.suffix.lower() == ".hdr":
            self._clipped[1] += int((values < -1e-4).sum())
            values = _rounded_rgbe(np.maximum(values, 0))
        if self._signed_integers:
            values = np.rint(values.clip(-1, 1) * np.float32(32767)).astype(np.int16)
        elif integer:
            top = 255 if self.depth == "uint8" else 65535
            self._count_clipped(values, 0.5 / top)
            values = np.rint(values.clip(0, 1) * np.float32(top)).astype(self.depth)
        elif self.depth == "half":
            self._clipped[0] += int((np.abs(values) > 65504).sum())
            values = values.clip(-65504, 65504).astype(np.float16)
        return np.ascontiguousarray(values)

    def _count_clipped(self, values: Pixels, step: float) -> None:
        """Count what an integer file cannot hold, where the source could."""
        source = self.like.source
        if source is not None and source.depth in ("half", "float"):
            self._clipped[0] += int((values > 1 + step).sum())
            self._clipped[1] += int((values < -step).sum())

    def _stored_color(self, values: Pixels, integer: bool) -> Pixels:
        texture, source = self.like, self.like.source
        channels = values.shape[2] - (values.shape[2] in (2, 4))
        color, alpha = values[..., :channels], values[..., channels:]
        same_depth = source is not None and (source.depth in ("uint8", "uint16")) == integer
        if source is not None and source.colorspace and texture.encoding == "linear" and not integer:
            return colorspace_conversion(values, linear_rec709(), source.colorspace)
        if source is not None and source.profile is not None:
            if not carries_profile(texture, self.path, self.depth):
                light = source.profile.linear(color)
                color = srgb_from_linear(light) if integer else light
        elif texture.encoding == "linear" and integer and not _stays_linear(texture, self.path, self.depth):
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
            raise MatshotError(f"{self.path.name} could not be written: {os_reason(error)}.") from error

    def _fail(self) -> None:
        message = ((self._output.geterror() if self._output is not None else "") or oiio.geterror()).strip()
        free = self._free()
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


def carries_profile(texture: Texture, path: Path, depth: Depth) -> bool:
    """Whether a file keeps a texture's numbers and says what they mean by the texture's own profile."""
    profile = texture.source.profile if texture.source else None
    if profile is None:
        return True
    suffix = path.suffix.lower()
    if texture.encoding not in ("srgb", "linear"):
        return False
    if not profile.icc:
        return suffix == ".exr" and texture.encoding == "linear"
    gray = texture.color.shape[2] == 1
    one_kind = (profile.channels == 1) == gray and not (gray and suffix in COLOR_ONLY)
    return suffix in _ICC and depth in ("uint8", "uint16") and texture.encoding == "srgb" and one_kind


def storage_notes(texture: Texture, path: Path, depth: Depth, *, scale: int = 0) -> tuple[str, ...]:
    """Sentences about what a file will not hold as the texture's source does.

    Args:
        texture: to be written.
        path: of the file.
        depth: that it is stored with.
        scale: as :class:`TextureWriter`.
    """
    source, suffix, notes = texture.source, path.suffix.lower(), []
    if source is None:
        return ()
    if source.depth != depth:
        own = source.depth.removeprefix("u") if source.signed_integers else source.depth
        notes.append(f"stored as {depth}; {source.path.name} is {own}")
    target = "sRGB" if depth in ("uint8", "uint16") else "linear Rec. 709"
    if source.profile is not None and not carries_profile(texture, path, depth):
        notes.append(f"{path.name}: colors are converted from {source.profile.name} to {target}.")
    if source.colorspace and texture.encoding == "linear" and depth in ("uint8", "uint16"):
        notes.append(f"{path.name}: colors are converted from {source.colorspace} to sRGB.")
    if source.attributes is not None:
        cropped = _has_window(source.attributes)
        if cropped and (suffix != ".exr" or _window(texture, texture.width, texture.height, scale) is None):
            notes.append(f"{path.name}: the data window and display window of {source.path.name} are left out.")
        if source.attributes.getattribute("CICP") is not None and suffix != ".png":
            notes.append(f"{path.name}: the signal description (cICP) of {source.path.name} is left out.")
    if len(source.channels) == 2 and texture.pixels.shape[2] == 2 and suffix not in (".exr", ".tif", ".tiff"):
        notes.append(f"{path.name}: {' and '.join(source.channels)} are stored in red and green; blue is 0.")
    if suffix == ".hdr" and source.path.suffix.lower() != ".hdr":
        notes.append(f"{path.name}: HDR holds three numbers of 8 bits with one exponent.")
    hidden = texture.alpha[..., 0] <= 0 if texture.alpha is not None and suffix == ".webp" else None
    if hidden is not None and float(np.abs(texture.color[hidden]).max(initial=0)) > 0:
        notes.append(f"{path.name}: WebP keeps no color where alpha is 0.")
    return tuple(notes)


def _is_pair(texture: Texture) -> bool:
    """Whether two channels are numbers of two kinds, and not gray with alpha."""
    source = texture.source
    return texture.encoding == "data" and source is not None and source.alpha == "data" and len(source.channels) == 2


def _stores_signed(texture: Texture, suffix: str, depth: Depth) -> bool:
    source = texture.source
    return source is not None and source.signed_integers and suffix in (".tif", ".tiff") and depth == "uint16"


def _stays_linear(texture: Texture, path: Path, depth: Depth) -> bool:
    """Whether linear light in integers stays so: of PNG (gAMA 1) in PNG, and of TIFF in TIFF."""
    source, families = texture.source, ((".png",), (".tif", ".tiff"))
    if source is None or source.colorspace or texture.encoding != "linear" or depth not in ("uint8", "uint16"):
        return False
    both = {path.suffix.lower(), source.path.suffix.lower()}
    return source.depth in ("uint8", "uint16") and any(both <= set(family) for family in families)


def stored_colorspace(texture: Texture, path: Path, depth: Depth) -> str:
    """How a file will store a color texture: ``srgb``, ``linear``, or the OCIO name of its source's space."""
    source, whole = texture.source, depth in ("uint8", "uint16")
    if source is not None and source.colorspace and texture.encoding == "linear" and not whole:
        return source.colorspace
    if whole:
        return "linear" if _stays_linear(texture, path, depth) else "srgb"
    same = source is not None and source.depth not in ("uint8", "uint16") and source.profile is None
    return texture.encoding if same else "linear"


def _has_window(attributes: oiio.ImageSpec) -> bool:
    """Whether pixels cover another rectangle than the picture: a crop, or overscan."""
    window = (attributes.full_x, attributes.full_y, attributes.full_width, attributes.full_height)
    return (attributes.x, attributes.y, attributes.width, attributes.height) != window


def _window(texture: Texture, width: int, height: int, scale: int) -> tuple[int, ...] | None:
    """Data and display window of a result: x, y, and the picture's x, y, width and height; None where they are lost."""
    attributes = texture.source.attributes if texture.source else None
    if attributes is None or not _has_window(attributes):
        return None
    times = scale or 1
    if (width, height) != (attributes.width * times, attributes.height * times):
        return None
    picture = (attributes.full_x, attributes.full_y, attributes.full_width, attributes.full_height)
    return tuple(times * one for one in (attributes.x, attributes.y, *picture))


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
            ends = (spec.y, spec.y + spec.height - 1)
            rows = [image.read_scanlines(y, y + 1, 0, 0, spec.nchannels, oiio.FLOAT) for y in ends]
            return all(row is not None for row in rows) and not image.has_error
    except MatshotError:
        return False


def _rounded_rgbe(values: Pixels) -> Pixels:
    """Half a step more, so that truncation by the writer of Radiance files (RGBE, Ward 1991) is rounding."""
    brightest = values.max(axis=2, keepdims=True)
    _, exponent = np.frexp(brightest)
    half_step = np.where(brightest > 1e-30, np.ldexp(np.float32(0.5), exponent - 8), 0)
    return (values + half_step).astype(np.float32)
