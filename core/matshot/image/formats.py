"""What each file format can hold."""

from __future__ import annotations

from pathlib import Path

from ..errors import MatshotError, unknown_choice
from .types import DEPTHS, Depth

#: Suffixes of the formats that are written.
WRITABLE = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".tga", ".bmp", ".webp", ".hdr")

#: Suffixes of the formats that are read.
READABLE = (*WRITABLE, ".dds", ".ktx2")

#: Suffixes of containers of block-compressed textures with their mips, which materials are written to as a whole.
COMPRESSED = (".dds", ".ktx2")

#: Suffixes of pictures that are not read, and what to do about them.
UNREAD: dict[str, str] = {
    **dict.fromkeys((".heic", ".heif", ".avif", ".jxl", ".jp2", ".gif"), "export it as JPEG, PNG or TIFF"),
    **dict.fromkeys(
        (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw"),
        "a raw photograph; develop it to TIFF or EXR",
    ),
    **dict.fromkeys((".psd", ".psb", ".kra", ".xcf", ".clip", ".spp"), "a layered file; export it as PNG"),
    ".sbsar": "a graph of Substance; export its maps as PNG",
    **dict.fromkeys((".ktx", ".basis", ".tx", ".vtf", ".pvr", ".astc", ".rat"), "export it as PNG or EXR"),
    **dict.fromkeys((".svg", ".eps", ".pdf", ".ai"), "a vector graphic; export it as PNG"),
    **dict.fromkeys(
        (".pic", ".pcx", ".sgi", ".rgb", ".ppm", ".pgm", ".pfm", ".dpx", ".cin", ".iff"), "save it as PNG or EXR"
    ),
}

#: Formats without an alpha channel.
NO_ALPHA = (".jpg", ".jpeg", ".bmp", ".hdr")

#: Formats without single-channel images.
COLOR_ONLY = (".webp", ".hdr", ".bmp")

#: Longest side in pixels that a format can describe; that of PNG is libpng's own limit.
LONGEST_SIDE = {".jpg": 65500, ".jpeg": 65500, ".tga": 65535, ".webp": 16383, ".hdr": 65535, ".png": 1_000_000}

#: Bit depths that a format can hold, the deepest last.
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
    ".dds": ("uint8", "half"),
    ".ktx2": ("uint8", "half"),
}


def check_target(path: Path, width: int, height: int) -> None:
    """Check, before any work, that a file can hold the result.

    Raises:
        MatshotError: unknown suffix, or sides too long for the format.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        formats = ", ".join(known[1:] for known in WRITABLE)
        raise MatshotError(f"{path.name} cannot be written: unknown format {suffix[1:]!r}. Choose from: {formats}.")
    longest = LONGEST_SIDE.get(suffix)
    if longest and max(width, height) > longest:
        raise MatshotError(
            f"{path.name} would be {width} x {height} pixels, but {suffix[1:].upper()} is limited to {longest:,} "
            "pixels per side; choose .tif or .exr."
        )


def stored_depth(path: Path, depth: Depth) -> Depth:
    """The given depth, or the closest one that the format of ``path`` can hold.

    Raises:
        MatshotError: for an unknown depth.
    """
    if depth not in DEPTHS:
        raise unknown_choice("depth", depth, DEPTHS)
    offered = _DEPTHS_OF[path.suffix.lower()]
    if depth in offered:
        return depth
    if depth == "uint16" and "float" in offered:
        return "float"  # half has 11 bits
    return offered[-1] if DEPTHS.index(depth) > DEPTHS.index(offered[-1]) else offered[0]
