"""UDIM sets: one texture of several tiles, ``name.1001.exr`` and on.

Tile 1001 + u + 10 v covers the square from (u, v) in texture space; v grows upwards, rows of pixels downwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import MatshotError
from .color import Pixels
from .reader import read_texture

_NUMBER = re.compile(r"(?P<head>.+[._])(?P<tile>1\d{3})(?P<tail>\.[^.]+)$")
TOKEN = "<UDIM>"


@dataclass(frozen=True)
class UdimSet:
    """The tiles of one texture.

    Attributes:
        pattern: path with ``<UDIM>`` in place of the number.
        tiles: number to file.
    """

    pattern: Path
    tiles: Mapping[int, Path]


def udim_sets(paths: Iterable[Path]) -> tuple[list[UdimSet], list[Path]]:
    """Sort files into UDIM sets of two tiles and more, and files that stand alone."""
    found: dict[Path, dict[int, Path]] = {}
    alone = []
    for path in paths:
        match = _NUMBER.match(path.name)
        if match and 1001 <= int(match["tile"]) <= 1999:
            pattern = path.with_name(f"{match['head']}{TOKEN}{match['tail']}")
            found.setdefault(pattern, {})[int(match["tile"])] = path
        else:
            alone.append(path)
    sets = []
    for pattern, tiles in sorted(found.items()):
        if len(tiles) > 1:
            sets.append(UdimSet(pattern, dict(sorted(tiles.items()))))
        else:
            alone += tiles.values()
    return sets, sorted(alone)


def expanded(pattern: Path) -> UdimSet:
    """The set that a path with ``<UDIM>`` stands for.

    Raises:
        MatshotError: when no tile of it exists.
    """
    head, _, tail = pattern.name.partition(TOKEN)
    tiles = {}
    if pattern.parent.is_dir():
        for path in sorted(pattern.parent.iterdir()):
            number = path.name[len(head) : len(path.name) - len(tail)]
            if path.name == f"{head}{number}{tail}" and re.fullmatch(r"1\d{3}", number):
                tiles[int(number)] = path
    if not tiles:
        raise MatshotError(f"No tile of {pattern} exists.")
    return UdimSet(pattern, tiles)


@dataclass(frozen=True)
class Neighbours:
    """The tiles around one tile, read when their borders are needed.

    Attributes:
        tiles: of the set.
        number: of the tile in the middle.
        reading: keyword arguments of :func:`~matshot.image.reader.read_texture`, the same for every tile.
    """

    tiles: Mapping[int, Path]
    number: int
    reading: Mapping[str, str]

    def bordered(self, pixels: Pixels, margin: int) -> Pixels:
        """The tile with ``margin`` pixels of its neighbours on every side.

        Where there is no neighbour, or one of another size, the border pixel is repeated.

        Args:
            pixels: ``H x W x C`` of the tile.
            margin: at most the shorter side.

        Returns:
            ``(H + 2 margin) x (W + 2 margin) x C``.
        """
        height, width, _ = pixels.shape
        out = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
        u, v = (self.number - 1001) % 10, (self.number - 1001) // 10
        # A slice of the padded picture, and the slice of the neighbour that belongs there, by direction.
        to = {-1: slice(0, margin), 0: slice(margin, -margin), 1: slice(-margin, None)}
        of = {-1: slice(-margin, None), 0: slice(None), 1: slice(0, margin)}
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                path = self._tile(u + right, v - down)
                if (right or down) and path is not None:
                    other = read_texture(path, **self.reading).pixels  # type: ignore[arg-type]
                    if other.shape == pixels.shape:
                        out[to[down], to[right]] = other[of[down], of[right]]
        assert out.shape[:2] == (height + 2 * margin, width + 2 * margin)
        return out

    def _tile(self, u: int, v: int) -> Path | None:
        return self.tiles.get(1001 + u + 10 * v) if 0 <= u <= 9 and v >= 0 else None
