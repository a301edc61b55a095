"""Pictures of unfinished work, for whoever waits for it: small, few, and gone with the work."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import MatshotError
from ..files import remove
from ..image.types import Unfinished
from ..material.resize import small_texture
from ..shading.thumbnail import THUMBNAIL, write_picture
from .job import OnPreview

#: Part of the time of the work that pictures may take.
_SHARE = 0.02
#: Seconds that the pixel of a picture is expected to take, until one was made.
_PIXEL = 1e-7
#: Pictures that are kept: whoever has just heard of one may be about to read it.
_KEPT = 2


class UnfinishedPictures:
    """Writes pictures of unfinished work into a folder, of at most 512 pixels per side.

    A picture appears when it is whole, under a new name each time, because hosts cache pictures by name. Pictures
    that would take more than a fiftieth of the time of the work so far are not made. Leaving the context removes all.

    Args:
        folder: of the work alone.
        on_preview: called with the path of each picture.
    """

    def __init__(self, folder: Path, on_preview: OnPreview) -> None:
        self._folder, self._on_preview = folder, on_preview
        self._began = time.monotonic()
        self._spent = 0.0
        self._count = self._pixels = 0
        self._files: deque[Path] = deque()

    def __enter__(self) -> Self:
        """Begin to count the time of the work."""
        self._began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the pictures, however the work ended."""
        while self._files:
            remove(self._files.popleft())

    def __call__(self, unfinished: Unfinished) -> None:
        """Make the next picture, unless it would take too long."""
        began = time.monotonic()
        pixel = self._spent / self._pixels if self._pixels else _PIXEL
        if self._spent + pixel * unfinished.pixels > _SHARE * (began - self._began):
            return
        path = self._folder / f"unfinished{self._count}.png"
        # Work goes on without a picture; if the disk is full, its output will say so.
        with contextlib.suppress(MatshotError):
            self._files.append(write_picture(small_texture(unfinished(), THUMBNAIL), path))
            self._count += 1
            self._on_preview(path)
        while len(self._files) > _KEPT:
            remove(self._files.popleft())
        self._pixels += unfinished.pixels
        self._spent += time.monotonic() - began
