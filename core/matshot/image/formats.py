"""What each file format can hold."""

from __future__ import annotations

from pathlib import Path

from ..errors import MatshotError
from .types import DEPTHS, Depth

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


LONGEST_SIDE = {".jpg": 65500, ".jpeg": 65500, ".tga": 65535, ".webp": 16383, ".hdr": 65535, ".png": 1_000_000}


NO_ALPHA = (".jpg", ".jpeg", ".bmp", ".hdr")


COLOR_ONLY = (".webp", ".hdr", ".bmp")


def check_target(path: Path, width: int, height: int) -> None:
    """Refuse, before any work, a file that could not hold the result.

    Raises:
        MatshotError: unknown suffix, or sides too long for the format.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise MatshotError(f"{path.name}: Matshot writes {', '.join(s[1:] for s in WRITABLE)}, not {suffix or 'this'}.")
    longest = LONGEST_SIDE.get(suffix)
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
