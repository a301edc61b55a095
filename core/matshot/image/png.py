"""PNG written in bands of rows, with zlib-ng.

libpng spends half a second on 2048 x 2048 pixels, most of it in zlib. zlib-ng needs a third of that, and filters that
are chosen by entropy make files no larger. Header and metadata are still libpng's, through OpenImageIO, so that both
describe a picture alike.
"""

from __future__ import annotations

import itertools
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from .reader import PNG_SIGNATURE

#: Level of zlib-ng: about as small as libpng's files with zlib's level 4.
_LEVEL = 3

#: Largest chunk of pixels, which readers hold whole.
_CHUNK = 1 << 20

#: Rows of which one decides how they and those after it are filtered.
_SAMPLED = 8

#: Filters (PNG 3.0, 9.2) by their number.
_FILTERS = _NONE, _SUB, _UP, _AVERAGE = 0, 1, 2, 3


class PngOutput:
    """Writes a PNG, with the methods of ``oiio.ImageOutput``."""

    def __init__(self) -> None:
        #: Bytes of a pixel.
        self._step = 1
        self._compressor: Any = zlib_ng.compressobj(_LEVEL)
        self._error = ""
        self._file: IO[bytes] | None = None
        self._trailer = b""
        self._above: NDArray[np.uint8] | None = None
        self._pending = bytearray()

    @property
    def has_error(self) -> bool:
        """Whether something failed."""
        return bool(self._error)

    def geterror(self, clear: bool = True) -> str:
        """What failed."""
        error = self._error
        self._error = "" if clear else error
        return error

    def open(self, path: str, spec: oiio.ImageSpec) -> bool:
        """Write what comes before the pixels."""
        chunks = _described(path, spec)
        if chunks is None:
            self._error = oiio.geterror() or "the header cannot be written"
            return False
        before, self._trailer = chunks
        self._step = int(spec.nchannels) * (2 if spec.format == oiio.UINT16 else 1)
        try:
            self._file = Path(path).open("wb")  # noqa: SIM115 - closed by close()
            self._file.write(before)
        except OSError as error:
            self._error = str(error)
            return False
        return True

    def write_scanlines(self, start: int, stop: int, depth: int, pixels: NDArray[Any]) -> bool:
        """Add rows ``n x W x C`` of the file's own type."""
        big = pixels.astype(pixels.dtype.newbyteorder(">"), copy=False)
        rows = np.ascontiguousarray(big).view(np.uint8).reshape(len(pixels), -1)
        self._pending += self._compressor.compress(_filtered(rows, self._above, self._step))
        self._above = rows[-1].copy()
        return self._flush(_CHUNK)

    def close(self) -> bool:
        """Write what comes after the pixels, if nothing failed so far."""
        if self._file is None:
            return not self._error
        if not self._error:
            self._pending += self._compressor.flush()
            self._flush(1)
        try:
            with self._file as file:
                if not self._error:
                    file.write(self._trailer)
        except OSError as error:
            self._error = str(error)
        self._file = None
        return not self._error

    def _flush(self, least: int) -> bool:
        """Write chunks of pixels while there are so many bytes."""
        assert self._file is not None
        try:
            while len(self._pending) >= least:
                self._file.write(_chunk(b"IDAT", bytes(self._pending[:_CHUNK])))
                del self._pending[:_CHUNK]
        except OSError as error:
            self._error = str(error)
        return not self._error


def _described(path: str, spec: oiio.ImageSpec) -> tuple[bytes, bytes] | None:
    """Bytes before and after the pixels, as libpng writes them; None where it fails."""
    small = spec.copy()
    small.width = small.height = small.full_width = small.full_height = 1
    small.x = small.y = small.full_x = small.full_y = 0
    output = oiio.ImageOutput.create(path)
    if output is None or not output.open(path, small):
        return None
    kind = np.uint16 if spec.format == oiio.UINT16 else np.uint8
    written = output.write_scanlines(0, 1, 0, np.zeros((1, 1, spec.nchannels), kind))
    if not output.close() or not written:
        return None
    data = Path(path).read_bytes()
    before, after, place = bytearray(PNG_SIGNATURE), bytearray(), len(PNG_SIGNATURE)
    seen = False
    while place < len(data):
        length, name = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        whole = data[place : place + length + 12]
        if name == b"IHDR":
            sides = int(spec.width).to_bytes(4, "big") + int(spec.height).to_bytes(4, "big")
            whole = _chunk(name, sides + whole[16:-4])
        seen = seen or name == b"IDAT"
        if name != b"IDAT":
            (after if seen else before).extend(whole)
        place += length + 12
    return bytes(before), bytes(after)


def _chunk(name: bytes, contents: bytes) -> bytes:
    code = zlib.crc32(contents, zlib.crc32(name))
    return len(contents).to_bytes(4, "big") + name + contents + code.to_bytes(4, "big")


def _filtered(rows: NDArray[np.uint8], above: NDArray[np.uint8] | None, step: int) -> NDArray[np.uint8]:
    """Rows behind the numbers of their filters.

    Of every few rows one decides how all of them are filtered: so that the entropy of its bytes is least. Paeth's
    filter costs more time than it saves bytes.

    Args:
        rows: ``n x bytes``.
        above: the row before them; None at the top, where it counts as 0.
        step: bytes of a pixel.
    """
    count, width = rows.shape
    # A row more and a pixel more, all 0, so that what is above and what is left are views.
    framed = np.zeros((count + 1, step + width), np.uint8)
    framed[1:, step:] = rows
    if above is not None:
        framed[0, step:] = above
    left, up = framed[1:, :width], framed[:-1, step:]
    firsts = np.arange(0, count, _SAMPLED)
    middles = np.minimum(firsts + _SAMPLED // 2, count - 1)
    samples = [_difference(number, rows[middles], left[middles], up[middles]) for number in _FILTERS]
    chosen = np.argmin([_entropies(sample) for sample in samples], axis=0)
    out = np.empty((count, width + 1), np.uint8)
    out[:, 0] = chosen.repeat(_SAMPLED)[:count]
    changes = np.flatnonzero(np.diff(chosen)) + 1
    for begin, end in itertools.pairwise([0, *(changes * _SAMPLED), count]):
        part = slice(begin, end)
        out[part, 1:] = _difference(int(out[begin, 0]), rows[part], left[part], up[part])
    return out


def _difference(
    number: int, rows: NDArray[np.uint8], left: NDArray[np.uint8], up: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Rows less what a filter predicts, modulo 256."""
    if number == _NONE:
        return rows
    if number == _SUB:
        return rows - left
    if number == _UP:
        return rows - up
    return rows - ((left & up) + ((left ^ up) >> 1))  # their mean, rounded down


def _entropies(rows: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Bits of a byte of each row, as far as how often it comes tells."""
    counts = np.stack([np.bincount(row, minlength=256) for row in rows]) / rows.shape[1]
    bits: NDArray[np.float64] = -(counts * np.log2(np.maximum(counts, 1e-12))).sum(axis=1)
    return bits
