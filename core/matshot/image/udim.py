"""UDIM sets: one texture of several tiles, ``name.1001.exr`` and on.

Tile 1001 + u + 10 v covers the square from (u, v) in texture space; v grows upward, rows of pixels downward.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import MatshotError
from .color import Pixels
from .reader import image_size, read_texture

#: A file name with the number of a tile.
_NUMBER = re.compile(r"(?P<head>.+[._])(?P<tile>1\d{3})(?P<tail>\.[^.]+)$")
#: Names that cameras, scanners and phones give, before a number.
_CAMERA = re.compile(
    r"(.*[._-])?(IMG|DSC|DSCN|DSCF|DCIM|PXL|MVI|MG|P|_MG|GOPR|DJI|PANA|SAM|CIMG|IMGP|HPIM|photo|image|picture|scan"
    r"|frame|shot|screenshot|page|foto|bild)[._ -]",
    re.IGNORECASE,
)
#: Stands for the number in a pattern.
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
    """UDIM sets among files, and the files that stand alone.

    Tiles of a set have one name and size, numbers from 1001 to 1999, and at least one neighbor each; names that cameras
    give are none. Whatever else is a set can be given as ``name.<UDIM>.exr``.
    """
    found: dict[Path, dict[int, Path]] = {}
    alone = []
    for path in paths:
        match = _NUMBER.match(path.name)
        if match and 1001 <= int(match["tile"]) <= 1999 and not _CAMERA.fullmatch(match["head"]):
            pattern = path.with_name(f"{match['head']}{TOKEN}{match['tail']}")
            found.setdefault(pattern, {})[int(match["tile"])] = path
        else:
            alone.append(path)
    sets = []
    for pattern, tiles in sorted(found.items()):
        together = _connected(_of_common_size(tiles))
        if len(together) > 1:
            sets.append(UdimSet(pattern, together))
        alone += [path for number, path in tiles.items() if len(together) < 2 or number not in together]
    return sets, sorted(alone)


def _of_common_size(tiles: Mapping[int, Path]) -> dict[int, Path]:
    """Tiles of the size that most of them have; one that cannot be read counts as of that size."""
    sizes: dict[int, tuple[int, int] | None] = {}
    for number, path in tiles.items():
        try:
            sizes[number] = image_size(path)[:2]
        except MatshotError:
            sizes[number] = None
    known = [size for size in sizes.values() if size is not None]
    common = max(set(known), key=lambda size: (known.count(size), size)) if known else None
    return {number: path for number, path in sorted(tiles.items()) if sizes[number] in (None, common)}


def _connected(tiles: Mapping[int, Path]) -> dict[int, Path]:
    """Tiles with a neighbor beside, above, below or across a corner."""
    places = {number: ((number - 1001) % 10, (number - 1001) // 10) for number in tiles}
    return {
        number: path
        for number, path in tiles.items()
        if any(
            other != number and abs(u - places[number][0]) < 2 and abs(v - places[number][1]) < 2
            for other, (u, v) in places.items()
        )
    }


def udim_set(pattern: Path) -> UdimSet:
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
class Neighbors:
    """The tiles around one tile, read when their borders are needed.

    Attributes:
        tiles: of the set.
        number: of the tile in the middle.
        reading: keyword arguments of :func:`~matshot.image.reader.read_texture`, the same for every tile.
    """

    tiles: Mapping[int, Path]
    number: int
    reading: Mapping[str, str]

    def with_border(self, pixels: Pixels, margin: int) -> Pixels:
        """The tile with ``margin`` pixels of its neighbors on every side.

        Where there is no neighbor, or one of another size, the border pixel is repeated.

        Args:
            pixels: ``H x W x C`` of the tile.
            margin: at most the shorter side.

        Returns:
            ``(H + 2 margin) x (W + 2 margin) x C``.
        """
        height, width, _ = pixels.shape
        out = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
        u, v = (self.number - 1001) % 10, (self.number - 1001) // 10
        # A slice of the padded picture, and the slice of the neighbor that belongs there, by direction.
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
