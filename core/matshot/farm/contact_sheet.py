"""Contact sheets of a batch: a small picture of every result, and of what failed its name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import MatshotError
from ..image.color import Pixels, srgb_from_linear
from ..image.reader import read_texture
from ..image.types import Texture
from ..image.writer import write_texture
from ..shading.sheet import fitted_picture, labeled_row, sheet
from ..shading.thumbnail import write_picture

#: Side of a picture, pictures in a row, and rows on a sheet.
SIDE = 160
_COLUMNS = 8
_ROWS = 10
#: Pictures of one batch at most; of more, as many are chosen evenly.
MOST = 10 * _COLUMNS * _ROWS
#: Letters that fit below a picture.
_LETTERS = 22
#: Of the ground below the names of what failed.
_RED = (0.32, 0.10, 0.10)


@dataclass(frozen=True)
class Shown:
    """One place on a sheet.

    Attributes:
        label: name of the unit.
        picture: of its result; None if it failed.
    """

    label: str
    picture: Path | None


class Thumbnails:
    """Small pictures of results, kept for sheets.

    Args:
        folder: that they lie in.
        units: how many there are in all.
    """

    def __init__(self, folder: Path, units: int) -> None:
        self._folder = folder
        self._every = max(1, -(-units // MOST))

    def wanted(self, number: int) -> bool:
        """Whether the unit of that number is on the sheets."""
        return number % self._every == 0

    def path(self, key: str) -> Path:
        """Where the picture of a unit's result is, if it is."""
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:20]}.png"

    def keep(self, key: str, preview: Path) -> None:
        """Shrink a preview and keep it; a sheet can do without one that cannot be read."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            picture = read_texture(preview, encoding="srgb")
            scale = SIDE / max(picture.width, picture.height)
            width, height = (max(1, round(scale * side)) for side in (picture.width, picture.height))
            write_picture(Texture(fitted_picture(_shown(picture), width, height), "srgb"), self.path(key))
        except (MatshotError, OSError):
            self.path(key).unlink(missing_ok=True)


def write_sheets(shown: Sequence[Shown], path: Path, title: str, facts: str) -> list[Path]:
    """As many sheets as it takes: ``name.png``, ``name-2.png`` and on.

    Raises:
        MatshotError: when one cannot be written.
    """
    written = []
    for number, page in enumerate(_pages(shown), 1):
        target = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        rows = [
            labeled_row([_picture(one) for one in row], [one.label[-_LETTERS:] for one in row])
            for row in (page[first : first + _COLUMNS] for first in range(0, len(page), _COLUMNS))
        ]
        written.append(write_texture(Texture(sheet(rows, title, facts), "srgb"), target, depth="uint8"))
    return written


def _pages(shown: Sequence[Shown]) -> Iterator[Sequence[Shown]]:
    for first in range(0, len(shown), _COLUMNS * _ROWS):
        yield shown[first : first + _COLUMNS * _ROWS]


def _picture(one: Shown) -> Pixels:
    if one.picture is None:
        return np.tile(np.asarray(_RED, dtype=np.float32), (SIDE, SIDE, 1))
    try:
        return fitted_picture(_shown(read_texture(one.picture, encoding="srgb")), SIDE, SIDE)
    except MatshotError:
        return np.zeros((SIDE, SIDE, 3), dtype=np.float32)


def _shown(picture: Texture) -> Pixels:
    pixels = picture.pixels if picture.encoding != "linear" else srgb_from_linear(picture.pixels)
    return np.repeat(pixels[..., :1], 3, axis=2) if pixels.shape[2] < 3 else pixels[..., :3]
