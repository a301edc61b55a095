"""TIFF with 8 or 16 bits, as tensors go to the worker and come back: ComfyUI's own libraries read colors with 8 only.

TIFF 6.0, little-endian, one strip without compression is written; strips with Deflate and horizontal differencing
(section 14) are read, as Matshot writes them.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import Any

import numpy as np

from .matshot_host.errors import MatshotError

# Tags.
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _SAMPLES, _ROWS, _COUNTS, _PLANAR = 273, 277, 278, 279, 284
_PREDICTOR, _EXTRA, _FORMAT = 317, 338, 339
#: Bytes and codes of types of values: 16 and 32 bits.
_TYPES = {3: (2, "H"), 4: (4, "I")}
_DEFLATE = (8, 32946)
#: Largest file that 32-bit offsets reach.
_LARGEST = 2**32 - 2**16


def write_tiff(path: str, pixels: Any) -> None:
    """Write numbers as a TIFF with 16 bits.

    Args:
        path: of the file, which is replaced.
        pixels: ``H x W x C`` float, C 1, 3 or 4 (straight alpha last); clipped to [0, 1].

    Raises:
        MatshotError: when it cannot be written.
    """
    height, width, channels = pixels.shape
    data = np.rint(np.clip(pixels, 0.0, 1.0) * 65535.0).astype("<u2").tobytes()
    if len(data) > _LARGEST:
        raise MatshotError(f"An image of {width} x {height} pixels is too large for a node; use the command line.")
    tags = [
        (_WIDTH, 4, (width,)),
        (_HEIGHT, 4, (height,)),
        (_BITS, 3, (16,) * channels),
        (_COMPRESSION, 3, (1,)),
        (_PHOTOMETRIC, 3, (2 if channels > 2 else 1,)),
        (_OFFSETS, 4, (8,)),
        (_SAMPLES, 3, (channels,)),
        (_ROWS, 4, (height,)),
        (_COUNTS, 4, (len(data),)),
        (_PLANAR, 3, (1,)),
        *([(_EXTRA, 3, (2,))] if channels == 4 else []),
        (_FORMAT, 3, (1,) * channels),
    ]
    # The directory follows the pixels, and values that do not fit into its entries follow the directory.
    start = 8 + len(data)
    behind = start + 2 + 12 * len(tags) + 4
    directory, extra = struct.pack("<H", len(tags)), b""
    for tag, kind, values in tags:
        packed = struct.pack(f"<{len(values)}{_TYPES[kind][1]}", *values)
        if len(packed) > 4:
            packed, extra = struct.pack("<I", behind + len(extra)), extra + packed
        directory += struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    try:
        with open(path, "wb") as stream:
            stream.write(struct.pack("<2sHI", b"II", 42, start))
            stream.write(data)
            stream.write(directory + struct.pack("<I", 0) + extra)
    except OSError as error:
        raise MatshotError(f"{path} cannot be written: {error.strerror or error}.", str(error)) from error


def read_tiff(path: str) -> Any:
    """The pixels of a TIFF of integers.

    Returns:
        ``H x W x C`` float32 in [0, 1].

    Raises:
        MatshotError: for a file that cannot be read, and for any other TIFF.
    """
    name = os.path.basename(path)
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except OSError as error:
        raise MatshotError(f"{path} cannot be read: {error.strerror or error}.", str(error)) from error
    try:
        return _pixels(data, name)
    except (struct.error, zlib.error, KeyError, IndexError, ValueError) as error:
        raise MatshotError(f"{name} is damaged.", str(error)) from error


def _pixels(data: bytes, name: str) -> Any:
    tags = _tags(data)
    width, height, channels = tags[_WIDTH][0], tags[_HEIGHT][0], tags.get(_SAMPLES, (1,))[0]
    bits, compression = set(tags[_BITS]), tags.get(_COMPRESSION, (1,))[0]
    predictor, planar = tags.get(_PREDICTOR, (1,))[0], tags.get(_PLANAR, (1,))[0]
    integers = set(tags.get(_FORMAT, (1,))) == {1} and bits in ({8}, {16})
    if not integers or planar != 1 or predictor not in (1, 2) or compression not in (1, *_DEFLATE):
        raise MatshotError(f"{name} is a TIFF of another kind than nodes read.")
    kind = np.dtype("u1" if bits == {8} else "<u2")
    parts = []
    for offset, count in zip(tags[_OFFSETS], tags[_COUNTS], strict=True):
        strip = data[offset : offset + count]
        parts.append(zlib.decompress(strip) if compression in _DEFLATE else strip)
    stored = np.frombuffer(b"".join(parts), kind).reshape(height, width, channels)
    if predictor == 2:
        stored = np.cumsum(stored, axis=1, dtype=kind.newbyteorder("="))
    return stored.astype(np.float32) / np.float32(2 ** (8 * kind.itemsize) - 1)


def _tags(data: bytes) -> dict[int, tuple[int, ...]]:
    """Values by tag, of whole numbers with 16 or 32 bits."""
    if data[:4] != b"II*\0":
        raise ValueError("no little-endian TIFF")
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    tags = {}
    for index in range(count):
        place = start + 2 + 12 * index
        tag, kind, number = struct.unpack_from("<HHI", data, place)
        if kind not in _TYPES:
            continue
        size, code = _TYPES[kind]
        if size * number > 4:
            (place,) = struct.unpack_from("<I", data, place + 8)
        else:
            place += 8
        tags[tag] = struct.unpack_from(f"<{number}{code}", data, place)
    return tags
