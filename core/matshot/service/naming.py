"""Names that are safe as those of files, on any system, made of names that strangers gave."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

#: Characters of a name that a client may send, of an upload and of a job's input alike.
LONGEST_NAME = 1000
#: Bytes of a name in UTF-8. File systems take 255; tools and temporary files add to it.
_MOST_BYTES = 160
#: Bytes at the end of a longer name that stay, since they say which map or tile it is.
_END = 48
#: What stands for the middle of a name that is cut.
_CUT = "~"
#: Names that Windows keeps for devices.
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³])(\..*)?")
#: Characters that Windows does not take in names.
_RESERVED = re.compile(r'[<>:"|?*]')
#: Categories of Unicode that are not shown: control characters, halves of pairs, ends of lines and paragraphs.
_HIDDEN = ("Cc", "Cs", "Zl", "Zp")
#: Characters that change the direction of what follows, so that a name reads as another.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def plain_name(name: str) -> str:
    """The last part of a name, as it is shown: composed (NFC), without folders and control characters."""
    return _bounded(_last_part(name), _MOST_BYTES)


def safe_name(name: str, suffix: str | None = None) -> str:
    """A name for a file in any script; never empty, hidden, or of more than one part.

    Args:
        name: as it was given.
        suffix: that it gets, with its dot; None keeps its own, empty takes it off.
    """
    path = PurePosixPath(_RESERVED.sub("_", _last_part(name)))
    own = (re.sub(r"[^A-Za-z0-9.]", "", path.suffix)[:8] if path.suffix else "") if suffix is None else suffix
    stem = _bounded((path.stem if path.suffix else path.name).strip(" ."), _MOST_BYTES - len(own)).strip(" .")
    if not stem or _DEVICES.fullmatch(stem):
        stem = f"file_{stem}" if stem else "file"
    return f"{stem}{own}"


def _last_part(name: str) -> str:
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    return "".join(one for one in last if unicodedata.category(one) not in _HIDDEN and one not in _TURNING).strip()


def _bounded(name: str, most: int) -> str:
    """A name of at most so many bytes in UTF-8; a longer one loses its middle."""
    coded = name.encode()
    if len(coded) <= most:
        return name
    begin, end = coded[: most - _END - len(_CUT)], coded[-_END:]
    return f"{begin.decode(errors='ignore')}{_CUT}{end.decode(errors='ignore')}"


def counted(pixels: int) -> str:
    """A number of pixels in a sentence: millions where there are any."""
    return f"{pixels / 1e6:.4g} million" if pixels >= 1_000_000 else f"{pixels:,}"
