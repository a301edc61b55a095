"""How much memory a job may take, and the largest tile that keeps to it."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from matshot_host.tools import MEMORY_FORM

from ..errors import MatshotError
from .tiling import SMALLEST_TILE, Operator

#: Bytes of the units in which memory is given.
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}

#: Larger tiles save little margin and make cancelling slow.
LARGEST_TILE = 512

#: Part of the free memory that a job takes without a limit of its own.
_FREE_SHARE = 0.6

#: Bytes that the interpreter and ONNX Runtime hold, where the system does not report them.
_RESIDENT = 350 * 2**20

#: More bytes than any machine has.
_UNBOUNDED = 2**60

#: Allocators keep freed blocks; measured peaks stay below the sum of live arrays times this.
_SLACK = 1.15


def bytes_from_text(text: str) -> int:
    """``2G``, ``800M``, ``1.5 GB`` or plain bytes.

    Raises:
        MatshotError: for anything else.
    """
    if re.fullmatch(MEMORY_FORM.pattern, text) is None:
        raise MatshotError(f"{text!r} is not an amount of memory. Write it as 2G or 800M.")
    (number, unit), *_ = re.findall("([0-9.]+) *([KMGT]?)", text.upper())
    return int(float(number) * _UNITS[unit])


def memory_budget(text: str = "") -> int:
    """Bytes that this process may hold in all: the given limit, or a share of what is free now.

    Raises:
        MatshotError: when ``text`` is not an amount.
    """
    return bytes_from_text(text) if text else int(_FREE_SHARE * free_bytes()) + resident_bytes()


def free_bytes() -> int:
    """Memory available without swapping; 4 GB where the system does not report it."""
    if sys.platform == "win32":
        status = (ctypes.c_ulonglong * 8)()
        ctypes.cast(status, ctypes.POINTER(ctypes.c_ulong))[0] = 64
        ctypes.windll.kernel32.GlobalMemoryStatusEx(status)
        return int(status[2])
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return min(int(line.split()[1]) * 1024, _container_left())
    except OSError:
        pass
    return 4 * 2**30


def container_limit() -> int:
    """Bytes that the control group of this process may hold, or more than any machine has."""
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        return _UNBOUNDED if limit == "max" else int(limit)
    except (OSError, ValueError):
        return _UNBOUNDED


def _container_left() -> int:
    """Bytes that the control group leaves, or more than any machine has."""
    try:
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
    except (OSError, ValueError):
        return _UNBOUNDED
    return max(container_limit() - used, 0)


def resident_bytes() -> int:
    """Bytes that this process holds now."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()
    except (ImportError, OSError):
        return _RESIDENT


class Budget(NamedTuple):
    """Memory for one image.

    Attributes:
        limit: bytes that the process may hold in all.
        held: bytes that it holds whatever the tile.
    """

    limit: int
    held: int


@dataclass(frozen=True)
class Chain:
    """Operators that follow each other over one image, for the memory they take.

    Attributes:
        operators: in order.
        height: of the image, in pixels.
        width: of the image, in pixels.
        channels: of the image.
    """

    operators: Sequence[Operator]
    height: int
    width: int
    channels: int

    def bytes_needed(self, tile: int) -> int:
        """Bands that are held, and the working memory of the hungriest stage, for tiles of this side."""
        held, working = 0, 0
        height, width = self.height, self.width
        for index, operator in enumerate(self.operators):
            rows = min(tile, height)
            region = (rows + 2 * operator.receptive_field) * (min(tile, width) + 2 * operator.receptive_field)
            pictures = self.channels if operator.planes == 1 else 1
            working = max(working, region * operator.bytes_per_pixel * pictures)
            strip = (rows + 2 * operator.receptive_field) * width * self.channels * 4
            # All but the last stage keep two bands, because the next one reads across their seam.
            bands = 1 if index == len(self.operators) - 1 else 2
            held += strip + bands * rows * width * operator.scale**2 * self.channels * 4
            height, width = height * operator.scale, width * operator.scale
        return held + working


def _amount(count: int) -> str:
    """Bytes in the largest unit of which there is one, such as ``900 MB``."""
    for unit, size in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"


def bytes_needed(chains: Sequence[Chain], tile: int) -> int:
    """Bytes that chains side by side hold with tiles of this side."""
    return int(_SLACK * sum(chain.bytes_needed(tile) for chain in chains))


def largest_tile(chains: Sequence[Chain], limit: int, fixed: int, largest: int = LARGEST_TILE) -> int:
    """The largest tile side with which all chains keep to a limit.

    Args:
        chains: that run side by side.
        limit: bytes.
        fixed: bytes that are held whatever the tile.
        largest: side that is tried first.

    Raises:
        MatshotError: when the smallest one does not fit.
    """
    tile = largest
    while (needed := fixed + bytes_needed(chains, tile)) > limit:
        if tile <= SMALLEST_TILE:
            raise MatshotError(
                f"This needs about {_amount(needed)} of memory, but the limit is {_amount(limit)}; "
                "raise it with --memory, or close other programs."
            )
        tile = max(tile * 3 // 4 // 8 * 8, SMALLEST_TILE)
    return tile
