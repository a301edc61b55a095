"""Names that are safe as those of files, on any system, made of names that strangers gave."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

#: Characters of a name before its suffix.
_LONGEST = 80
#: Names that Windows keeps for devices.
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def plain_name(name: str) -> str:
    """The last part of a name, as it is shown: without folders and control characters."""
    return _last_part(name)[: 2 * _LONGEST]


def safe_name(name: str, suffix: str | None = None) -> str:
    """A name for a file, of ASCII letters, digits, ``-_.`` and spaces; never empty, hidden, or of more than one part.

    Args:
        name: as it was given.
        suffix: that it gets, with its dot; None keeps its own, empty takes it off.
    """
    path = PurePosixPath(unicodedata.normalize("NFKD", _last_part(name)).encode("ascii", "ignore").decode())
    stem = re.sub(r"[^A-Za-z0-9 _.-]", "_", path.stem if path.suffix else path.name).strip(" .")[:_LONGEST].strip(" .")
    own = re.sub(r"[^A-Za-z0-9.]", "", path.suffix)[:8] if suffix is None else suffix
    if not stem or _DEVICES.fullmatch(stem):
        stem = f"file_{stem}" if stem else "file"
    return f"{stem}{own}"


def _last_part(name: str) -> str:
    last = re.split(r"[/\\]", name)[-1]
    return "".join(one for one in last if unicodedata.category(one)[0] != "C").strip()
