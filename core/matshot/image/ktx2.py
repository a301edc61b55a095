"""KTX 2.0: the container of block-compressed textures that Khronos specifies, with levels in Zstandard.

Reading goes through a DDS file of the same blocks, which OpenImageIO decodes.
"""

from __future__ import annotations

import struct
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from ..errors import MatshotError
from .blocks import CODECS, READ_ONLY, SIDE, Codec, zstandard
from .dds import dds_file

#: The first bytes of every file.
SIGNATURE = b"\xabKTX 20\xbb\r\n\x1a\n"

#: How levels are compressed once more.
_NONE, _BASIS, _ZSTD, _ZLIB = 0, 1, 2, 3

#: Effort of Zstandard; above it files hardly shrink.
_LEVEL = 9

#: Longest side that is read: more than any GPU takes.
_LONGEST = 65536

#: Bytes of header and index before the list of levels.
_HEADER = 80

#: Values of the description of data (Khronos Data Format 1.3): primaries of Rec. 709, transfer functions, channels.
_REC709, _LINEAR, _SRGB = 1, 1, 2
_RED, _GREEN, _ALPHA, _IS_LINEAR, _IS_FLOAT = 0, 1, 15, 0x10, 0x80

#: Pixels that are not compressed: VkFormat, type and channels, and whether they are encoded for display.
_PLAIN: dict[int, tuple[str, int, bool]] = {
    9: ("u1", 1, False), 16: ("u1", 2, False), 23: ("u1", 3, False), 37: ("u1", 4, False),
    15: ("u1", 1, True), 22: ("u1", 2, True), 29: ("u1", 3, True), 43: ("u1", 4, True),
    70: ("<u2", 1, False), 77: ("<u2", 2, False), 84: ("<u2", 3, False), 91: ("<u2", 4, False),
    76: ("<f2", 1, False), 83: ("<f2", 2, False), 90: ("<f2", 3, False), 97: ("<f2", 4, False),
    100: ("<f4", 1, False), 103: ("<f4", 2, False), 106: ("<f4", 3, False), 109: ("<f4", 4, False),
}  # fmt: skip

#: Types of OpenImageIO by those of NumPy.
_TYPES = {"u1": oiio.UINT8, "<u2": oiio.UINT16, "<f2": oiio.HALF, "<f4": oiio.FLOAT}

_BY_NUMBER = {codec.vulkan: codec for codec in (*READ_ONLY, *CODECS)}


def ktx2_file(levels: Sequence[bytes], codec: Codec, width: int, height: int, *, opaque: bool) -> bytes:
    """The contents of a file; arguments as :func:`~matshot.image.dds.dds_file`.

    Raises:
        MatshotError: when Zstandard is not installed.
    """
    compressor = zstandard().ZstdCompressor(level=_LEVEL, write_content_size=True)
    packed = [compressor.compress(level) for level in levels]
    description = _description(codec)
    values = {"KTXorientation": "rd", **({"KTXswizzle": "rgb1"} if opaque and codec.channels > 2 else {})}
    values["KTXwriter"] = "Matshot"
    pairs = b"".join(_pair(name, value) for name, value in values.items())
    place = _HEADER + 24 * len(levels)
    header = SIGNATURE + struct.pack("<9I", codec.vulkan, 1, width, height, 0, 0, 1, len(levels), _ZSTD)
    header += struct.pack("<4I2Q", place, len(description), place + len(description), len(pairs), 0, 0)
    place += len(description) + len(pairs)
    # The smallest level lies first, so that a stream can begin with it; the list begins with the largest.
    index: list[bytes] = []
    for level, contents in zip(reversed(levels), reversed(packed), strict=True):
        index.append(struct.pack("<3Q", place, len(contents), len(level)))
        place += len(contents)
    return b"".join([header, *reversed(index), description, pairs, *reversed(packed)])


def _description(codec: Codec) -> bytes:
    """What the bytes of a block are, as one basic block of the Khronos Data Format."""
    half = codec.block * 4 - 1
    whole, most = codec.block * 8 - 1, 0xFFFFFFFF
    samples = {
        "BC3": [(0, half, _ALPHA | (_IS_LINEAR if codec.srgb else 0), most), (half + 1, half, _RED, most)],
        "BC5": [(0, half, _RED, most), (half + 1, half, _GREEN, most)],
        "BC6H": [(0, whole, _RED | _IS_FLOAT, 0x3F800000)],
    }.get(codec.name, [(0, whole, _RED, most)])
    size = 24 + 16 * len(samples)
    block = struct.pack("<I2H", 0, 2, size)
    block += struct.pack("<4B", codec.model, _REC709, _SRGB if codec.srgb else _LINEAR, 0)
    block += struct.pack("<4B8B", SIDE - 1, SIDE - 1, 0, 0, codec.block, *[0] * 7)
    for offset, length, channel, upper in samples:
        block += struct.pack("<H2B4x2I", offset, length, channel, 0, upper)
    return struct.pack("<I", size + 4) + block


def _pair(name: str, value: str) -> bytes:
    contents = name.encode() + b"\0" + value.encode() + b"\0"
    return struct.pack("<I", len(contents)) + contents + b"\0" * (-len(contents) % 4)


class _Header(NamedTuple):
    """What a file says of its largest level.

    Attributes:
        format: VkFormat.
        width: in pixels.
        height: in pixels.
        scheme: how the level is compressed once more.
        place: of the level in the file.
        length: of it there, in bytes.
        opaque: whether alpha means nothing.
    """

    format: int
    width: int
    height: int
    scheme: int
    place: int
    length: int
    opaque: bool


class Ktx2Input:
    """The largest level of a file, with those methods of ``oiio.ImageInput`` that reading needs.

    Args:
        path: of the file.

    Raises:
        MatshotError: for a file that is damaged, or of a kind that is not read.
    """

    has_error = False

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            self._header = _header(path, file)
        self._pixels: NDArray[Any] | None = None
        header = self._header
        codec = _BY_NUMBER.get(header.format)
        if codec is not None:
            kind = oiio.HALF if codec.name == "BC6H" else oiio.UINT8
            # BC1 and BC7 come with alpha, whether it means something or not.
            channels = 4 if codec.name in ("BC1", "BC2", "BC3", "BC7") and not header.opaque else min(codec.channels, 3)
        else:
            name, channels, _ = _PLAIN[header.format]
            kind = _TYPES[name]
        self._spec = oiio.ImageSpec(header.width, header.height, channels, kind)
        self._spec.channelnames = {1: ("Y",), 2: ("R", "G"), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}[channels]
        self._spec.alpha_channel = 3 if channels == 4 else -1
        if codec is not None:
            self._spec.attribute("compression", codec.name)

    def spec(self) -> oiio.ImageSpec:
        """The header."""
        return self._spec

    def format_name(self) -> str:
        """The container."""
        return "ktx2"

    def seek_subimage(self, part: int, level: int) -> bool:
        """Whether there is such a picture; there is one."""
        return part == 0 and level == 0

    def current_subimage(self) -> int:
        """The picture that is read."""
        return 0

    def geterror(self) -> str:
        """Errors are raised."""
        return ""

    def close(self) -> bool:
        """Nothing stays open."""
        return True

    def read_image(self, part: int, level: int, first: int, last: int, kind: Any) -> NDArray[np.float32]:
        """Channels ``first`` to ``last`` of all rows.

        Raises:
            MatshotError: when the level is damaged.
        """
        return self.read_scanlines(part, level, 0, self._header.height, 0, first, last, kind)

    def read_scanlines(
        self, part: int, level: int, top: int, bottom: int, depth: int, first: int, last: int, kind: Any
    ) -> NDArray[np.float32]:
        """Channels ``first`` to ``last`` of some rows.

        Raises:
            MatshotError: when the level is damaged.
        """
        if self._pixels is None:
            self._pixels = self._decoded()
        rows: NDArray[np.float32] = np.ascontiguousarray(self._pixels[top:bottom, :, first:last], dtype=np.float32)
        return rows

    def _decoded(self) -> NDArray[np.float32]:
        header, path = self._header, self._path
        codec = _BY_NUMBER.get(header.format)
        if codec is None:
            name, channels, _ = _PLAIN[header.format]
            dtype = np.dtype(name)
            contents = _level(path, header, header.width * header.height * channels * dtype.itemsize)
            plain = np.frombuffer(contents, dtype).reshape(header.height, header.width, channels)
            top = np.iinfo(dtype).max if dtype.kind == "u" else 1
            return np.asarray(plain / np.float32(top), dtype=np.float32)
        contents = _level(path, header, codec.size(header.width, header.height))
        with tempfile.TemporaryDirectory() as place:
            same = Path(place) / "same.dds"
            same.write_bytes(dds_file([contents], codec, header.width, header.height, opaque=header.opaque))
            image = oiio.ImageInput.open(str(same))
            values = None if image is None else image.read_image(oiio.FLOAT)
            if image is not None:
                image.close()
        if values is None:
            raise MatshotError(f"{path.name} is damaged: its blocks cannot be decoded.", oiio.geterror())
        return np.asarray(values, dtype=np.float32).reshape(header.height, header.width, -1)


def _header(path: Path, file: IO[bytes]) -> _Header:
    """The header of a file whose kind is read.

    Raises:
        MatshotError: for any other.
    """
    head = file.read(_HEADER + 24)
    if len(head) < _HEADER + 24:
        raise MatshotError(f"{path.name} is damaged: it ends early.")
    if head[:12] != SIGNATURE:
        raise MatshotError(f"{path.name} is not KTX 2.0; convert it, or save it as PNG.")
    number, _, width, height, depth, layers, faces, _, scheme = struct.unpack_from("<9I", head, 12)
    pairs, length = struct.unpack_from("<2I", head, 56)
    place, stored, _ = struct.unpack_from("<3Q", head, _HEADER)
    if scheme == _BASIS or number == 0:
        raise MatshotError(
            f"{path.name} is compressed by Basis Universal, which is not read; convert it to BC7, or save it as PNG."
        )
    if scheme not in (_NONE, _ZSTD, _ZLIB):
        raise MatshotError(f"{path.name} is compressed in an unknown way ({scheme}); save it as PNG.")
    if faces != 1 or layers > 1 or depth > 1:
        kind = "cube map" if faces == 6 else "texture array" if layers > 1 else "volume texture"
        raise MatshotError(f"{path.name} is a {kind}, which is not supported.")
    if number not in _BY_NUMBER and number not in _PLAIN:
        raise MatshotError(
            f"{path.name} is of a format that is not read (VkFormat {number}); save it as BC1 to BC7, or as PNG."
        )
    size = path.stat().st_size
    if not (0 < width <= _LONGEST and 0 < height <= _LONGEST) or place + stored > size or pairs + length > size:
        raise MatshotError(f"{path.name} is damaged: it ends early, or its header makes no sense.")
    file.seek(pairs)
    return _Header(number, width, height, scheme, place, stored, b"KTXswizzle\0rgb1\0" in file.read(length))


def _level(path: Path, header: _Header, size: int) -> bytes:
    """The bytes of the largest level, which must be so many.

    Raises:
        MatshotError: when they are not, or cannot be unpacked.
    """
    with path.open("rb") as file:
        file.seek(header.place)
        contents = file.read(header.length)
    try:
        if header.scheme == _ZSTD:
            # Never more than there should be, whatever the stream unpacks to.
            with zstandard().ZstdDecompressor(max_window_size=2**27).stream_reader(contents) as stream:
                contents = stream.read(size + 1)
        elif header.scheme == _ZLIB:
            contents = zlib.decompressobj().decompress(contents, size + 1)
    except (zlib.error, ValueError, EOFError) as error:
        raise MatshotError(f"{path.name} is damaged: its data is corrupt.", str(error)) from error
    except MatshotError:
        raise
    except Exception as error:  # zstandard.ZstdError, whose module is loaded late
        raise MatshotError(f"{path.name} is damaged: its data is corrupt.", str(error)) from error
    if len(contents) != size:
        raise MatshotError(f"{path.name} is damaged: it ends early, or its data is corrupt.")
    return bytes(contents)
