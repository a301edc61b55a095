"""A folder as a zip that is sent while it is made, from the disk and without holding it in memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

#: Bytes that are read at a time. Pictures are compressed already, so nothing is compressed again.
_CHUNK = 1 << 18


class _Outlet(io.RawIOBase):
    """Takes what is written until it is fetched."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        return len(data)

    @property
    def held(self) -> int:
        """Bytes that wait."""
        return sum(map(len, self._parts))

    def fetched(self) -> bytes:
        whole = b"".join(self._parts)
        self._parts.clear()
        return whole


def zipped(files: list[tuple[str, Path]]) -> Iterator[bytes]:
    """The bytes of a zip.

    Args:
        files: name in the zip, and where it is.
    """
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED) as archive:
        for name, path in files:
            entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
            with path.open("rb") as source, archive.open(entry, "w") as target:
                while chunk := source.read(_CHUNK):
                    target.write(chunk)
                    # Small files are sent together: each piece is a change of threads.
                    if outlet.held >= _CHUNK:
                        yield outlet.fetched()
    yield outlet.fetched()
