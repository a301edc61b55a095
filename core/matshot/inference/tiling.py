"""Any operator over any size in bounded memory, with the result of processing whole.

Images are read and made as :class:`Rows`, so that stages can follow each other without ever being whole in memory: a
stage is asked for rows of its result and asks its own source for the rows that these depend on.

Why it is exact: a tile is cut with a margin of the operator's receptive field, rounded up to its grid, so that what the
operator sees of its own border never reaches the pixels that are kept. On an axis that wraps the margin comes from the
other side; on one that does not, the image's own border stays a border.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import MatshotError
from ..image.color import Pixels
from ..progress import Progress
from .session import OutOfDeviceMemory

#: Smallest tile side that is tried before giving up, in input pixels.
SMALLEST_TILE = 16


class Operator(Protocol):
    """Something local that maps ``N x planes x H x W`` to ``N x outputs x scale H x scale W``."""

    scale: int
    planes: int
    outputs: int
    receptive_field: int
    grid: int
    bytes_per_pixel: int

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Apply the operator."""
        ...


class Rows(Protocol):
    """An image whose rows are computed when they are read."""

    @property
    def height(self) -> int:
        """Rows in all."""
        ...

    @property
    def width(self) -> int:
        """Columns."""
        ...

    @property
    def channels(self) -> int:
        """Channels."""
        ...

    def read(self, start: int, stop: int) -> Pixels:
        """Rows ``start`` to ``stop``, both inside the image: ``stop - start x W x C``."""
        ...


@dataclass(frozen=True)
class ArrayRows:
    """Rows of an array ``H x W x C``."""

    pixels: Pixels

    @property
    def height(self) -> int:
        """Rows of the array."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of the array."""
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        """Channels of the array."""
        return int(self.pixels.shape[2])

    def read(self, start: int, stop: int) -> Pixels:
        """Rows ``start`` to ``stop``."""
        return self.pixels[start:stop]


@dataclass(frozen=True)
class MirroredRows:
    """Rows with their own mirror image around them.

    Attributes:
        rows: of the image.
        down: rows above and below, at most as many as the image has.
        across: columns at both sides, likewise.
    """

    rows: Rows
    down: int
    across: int

    @property
    def height(self) -> int:
        """Rows in all."""
        return self.rows.height + 2 * self.down

    @property
    def width(self) -> int:
        """Columns in all."""
        return self.rows.width + 2 * self.across

    @property
    def channels(self) -> int:
        """Channels of the image."""
        return self.rows.channels

    def read(self, start: int, stop: int) -> Pixels:
        """Rows ``start`` to ``stop``."""
        place = np.arange(start, stop) - self.down
        place = np.where(place < 0, -1 - place, np.minimum(place, 2 * self.rows.height - 1 - place))
        first = int(place.min())
        inside = self.rows.read(first, int(place.max()) + 1)[place - first]
        return np.pad(inside, ((0, 0), (self.across, self.across), (0, 0)), mode="symmetric")


@dataclass(frozen=True)
class Span:
    """One tile along one axis, in input pixels: what is kept, and what is read for it."""

    start: int
    stop: int
    read_start: int
    read_stop: int


def spans(size: int, tile: int, margin: int, grid: int, wraps: bool) -> list[Span]:
    """Cut an axis into tiles of nearly equal size.

    Args:
        size: of the axis.
        tile: largest tile that is wanted, margin not counted.
        margin: that the operator needs on each side; rounded up to the grid here.
        grid: alignment of every cut and every read.
        wraps: whether reads may leave [0, size) and come in again on the other side.

    Returns:
        Spans that cover [0, size) once. Reads begin on multiples of ``grid`` and are multiples of it long; on an axis
        that does not wrap they are cut off at 0 and at ``size`` rounded up to the grid.
    """
    margin = -(-margin // grid) * grid
    whole = -(-size // grid) * grid
    count = max(1, -(-whole // max(tile, grid)))
    step = -(-whole // count // grid) * grid
    out = []
    for start in range(0, whole, step):
        stop = min(start + step, whole)
        read = (start - margin, stop + margin) if wraps else (max(start - margin, 0), min(stop + margin, whole))
        out.append(Span(start, min(stop, size), *read))
    return out


class TiledRows:
    """An operator's result over a source, made band by band of tiles.

    With an operator of one plane every channel of the source is a picture of its own; else the channels are its planes.

    Args:
        source: what it is applied to.
        operator: what is applied.
        wrap: ``none``, ``x``, ``y`` or ``xy``.
        tile: largest tile side, in input pixels.
        progress: called after every tile; may cancel.
        keep: bands that are held. A stage that follows reads across one seam between bands at a time, so two are enough
            for it; whoever reads from the top once needs one.
    """

    def __init__(
        self,
        source: Rows,
        operator: Operator,
        wrap: str,
        tile: int,
        progress: Progress | None = None,
        keep: int = 2,
    ) -> None:
        if operator.planes not in (1, source.channels):
            raise MatshotError(f"A network of {operator.planes} channels cannot process {source.channels}.")
        self.source, self.operator, self.wrap = source, operator, wrap
        self.height, self.width = source.height * operator.scale, source.width * operator.scale
        self.channels = source.channels if operator.planes == 1 else operator.outputs
        self.tile, self._keep = tile, keep
        self._progress = progress or Progress(None)
        self._bands: OrderedDict[int, Pixels] = OrderedDict()
        self._plan()

    def _plan(self) -> None:
        operator = self.operator
        margin, grid = operator.receptive_field, operator.grid
        self._down = spans(self.source.height, self.tile, margin, grid, "y" in self.wrap)
        self._across = spans(self.source.width, self.tile, margin, grid, "x" in self.wrap)
        self._bands.clear()
        self._made = 0

    def read(self, start: int, stop: int) -> Pixels:
        """Rows of the result.

        Raises:
            MatshotError: when not even the smallest tile fits into memory.
            Cancelled: when the listener raises it.
        """
        while True:
            try:
                return self._read(start, stop)
            except OutOfDeviceMemory as error:
                if self.tile <= max(SMALLEST_TILE, self.operator.grid):
                    raise MatshotError(
                        "Even the smallest tile does not fit into the memory of the device; "
                        "use the CPU, or close other programs.",
                        str(error),
                    ) from error
                self.tile = min(self.tile, max(self.source.width, self.source.height)) // 2
                self._plan()

    def _read(self, start: int, stop: int) -> Pixels:
        scale = self.operator.scale
        parts = []
        for index, span in enumerate(self._down):
            first, last = max(start, span.start * scale), min(stop, span.stop * scale)
            if first < last:
                parts.append(self._band(index)[first - span.start * scale : last - span.start * scale])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _band(self, index: int) -> Pixels:
        if index in self._bands:
            self._bands.move_to_end(index)
            return self._bands[index]
        while len(self._bands) >= self._keep:
            self._bands.popitem(last=False)
        span, scale = self._down[index], self.operator.scale
        strip = _rows_around(self.source, span, "y" in self.wrap)
        band = np.empty(((span.stop - span.start) * scale, self.width, self.channels), dtype=np.float32)
        for across in self._across:
            band[:, across.start * scale : across.stop * scale] = self._tile(strip, span, across)
            self._made += 1
            self._progress(self._made / (len(self._down) * len(self._across)))
        self._bands[index] = band
        return band

    def _tile(self, strip: Pixels, down: Span, across: Span) -> Pixels:
        operator, scale = self.operator, self.operator.scale
        columns = _inside(across, self.source.width, "x" in self.wrap)
        region = strip[:, columns].transpose(2, 0, 1)
        batch = region[:, None] if operator.planes == 1 else region[None]
        result = operator(np.ascontiguousarray(batch, dtype=np.float32))
        result = (result[:, 0] if operator.planes == 1 else result[0]).transpose(1, 2, 0)
        top, left = (down.start - down.read_start) * scale, (across.start - across.read_start) * scale
        return result[top : top + (down.stop - down.start) * scale, left : left + (across.stop - across.start) * scale]


def bands(rows: Rows, height: int, start: int = 0, stop: int | None = None) -> Iterator[Pixels]:
    """Rows ``start`` to ``stop`` (all of them by default) from the top, ``height`` at a time."""
    end = rows.height if stop is None else stop
    for first in range(start, end, height):
        yield rows.read(first, min(first + height, end))


def _inside(span: Span, size: int, wraps: bool) -> NDArray[np.intp]:
    """Indices that a read touches: modulo the size where it wraps, else the border pixel again and again."""
    indices = np.arange(span.read_start, span.read_stop)
    return indices % size if wraps else indices.clip(0, size - 1)


def _rows_around(source: Rows, span: Span, wraps: bool) -> Pixels:
    """Rows of a read, in as few reads of the source as there are runs of consecutive indices."""
    indices = _inside(span, source.height, wraps)
    breaks = np.flatnonzero(np.diff(indices) != 1) + 1
    runs = [source.read(int(run[0]), int(run[-1]) + 1) for run in np.split(indices, breaks)]
    return runs[0] if len(runs) == 1 else np.concatenate(runs)
