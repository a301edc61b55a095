"""Which files are photographs as phones and cameras store them, without reading any; imports nothing heavy."""

from __future__ import annotations

import importlib.util
from pathlib import Path

#: Suffixes of photographs in HEIF.
HEIF = (".heic", ".heif", ".hif")
#: Suffixes of raw photographs.
RAW = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw")
#: Both.
CAMERA_SUFFIXES = (*HEIF, *RAW)

#: Brands of HEIF files whose pictures are HEVC.
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
#: First bytes of raw files: TIFF, and what Olympus, Panasonic and Fujifilm have instead; Canon's CR3 is a box file.
_RAW_BEGINNINGS = (b"II*\0", b"MM\0*", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW")


def readable_camera_suffixes() -> tuple[str, ...]:
    """Those of :data:`CAMERA_SUFFIXES` that the installed packages read."""
    packages = {"pillow_heif": HEIF, "rawpy": RAW}
    return tuple(suffix for name, own in packages.items() if importlib.util.find_spec(name) for suffix in own)


def stored_as_camera(head: bytes, name: str) -> str:
    """Suffix of a photograph of phones or cameras by the first 16 bytes of its file, and for raw ones by its name too.

    Empty for what is none. Raw files look like TIFF, so only their names tell them from that.
    """
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return HEIF[0]
    suffix = Path(name).suffix.lower()
    is_raw = head.startswith(_RAW_BEGINNINGS) or head[4:12] == b"ftypcrx "
    return suffix if suffix in RAW and is_raw else ""
