"""The photograph cut into tiles, each lit and seen from nearly one direction, and the choice of the one to be fitted.

A surface that repeats shows the same texture in every tile, each time under another light: the flash stands at the
lens, so that it shines straight down in the middle of the photograph and from the side towards its edges (Aittala,
Weyrich and Lehtinen 2015, "Two-Shot SVBRDF Capture for Stationary Materials", section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import MatshotError
from ..image.color import Mask, Pixels
from ..shading.render import Camera, Vector

#: Tiles along the longer side, unless they would be too small to hold a texture's features.
_ALONG = 7
_LEAST_SIDE = 64
#: Share of the photograph's shorter side that the master tile takes.
_MASTER_SHARE = 0.4
#: Distance from the highlight's center at which a master tile sees the surface best, in longer sides: near, so that
#: the surface is bright and seen head-on, but not in the glare.
_BEST_DISTANCE = 0.15
#: What is added to linear values before their logarithm is taken.
_FLOOR = 0.01
#: Shares of the photograph's shorter side that a tile of one photograph may take, and most pixels of its side.
_SHARES = (0.8, 0.7, 0.6, 0.5)
_MOST_PIXELS = 1170
#: What a tile's worth loses by each part that is unknown, by each deviation that it is atypical, and by being half as
#: large, in parts of the clearest relief.
_UNKNOWN_COST = 8.0
_ATYPICAL_COST = 0.5
_HALF_COST = 0.6
#: Times the ninth decile of fine contrast from which something stands out, what a share of such pixels costs, and all.
_STANDING_OUT = 4.0
_SPECK_COST = 200.0
_MOST_SPECKS = 1.0
#: Quantile of visibility that is as good as the best.
_CLEAR = 0.9


@dataclass(frozen=True)
class Tile:
    """A rectangle of a photograph, in pixels.

    Attributes:
        row: its first.
        column: its first.
        height: rows.
        width: columns.
    """

    row: int
    column: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        """Its rows in the photograph."""
        return slice(self.row, self.row + self.height)

    @property
    def columns(self) -> slice:
        """Its columns in the photograph."""
        return slice(self.column, self.column + self.width)


def grid_of_tiles(height: int, width: int, side: int = 0) -> list[Tile]:
    """Tiles of nearly one size that cover a photograph, row by row.

    Args:
        height: rows of the photograph.
        width: columns.
        side: of a tile in pixels, nearly; 0 for a seventh of the longer side, but at least 64.

    Raises:
        MatshotError: if the photograph does not hold two tiles either way.
    """
    side = side or max(_LEAST_SIDE, round(max(height, width) / _ALONG))
    down, across = round(height / side), round(width / side)
    if min(down, across) < 2:
        raise MatshotError(
            f"A photograph of {width} x {height} pixels is too small to be compared with itself in tiles of {side}."
        )
    top = np.linspace(0, height, down + 1).round().astype(int)
    left = np.linspace(0, width, across + 1).round().astype(int)
    return [
        Tile(int(top[i]), int(left[j]), int(top[i + 1] - top[i]), int(left[j + 1] - left[j]))
        for i in range(down)
        for j in range(across)
    ]


def master_side(height: int, width: int) -> int:
    """Pixels along a side of the master tile of a photograph: a multiple of 16, 0.4 of the shorter side."""
    return max(_LEAST_SIDE, round(_MASTER_SHARE * min(height, width) / 16) * 16)


def master_tile(flash: Pixels, ambient: Pixels, mask: Mask, camera: Camera, lamp: Vector, side: int = 0) -> Tile:
    """The tile whose texture is most like everyone else's, well lit and well seen.

    Of all candidates that may overlap, the one with the least sum of: how far the mean and deviation of its ambient
    luminance and color, at three scales, are from those of the median tile (in deviations between tiles); how much
    of its flash picture is unusable; how much less sharp it is than others; and how far it is from the best distance
    to the highlight.

    Args:
        flash: ``H x W x 3``, linear, lit by the flash alone.
        ambient: ``H x W x 3``, linear.
        mask: ``H x W``, where both are usable.
        camera: of the photographs.
        lamp: the flash's place.
        side: in pixels; 0 for :func:`master_side`.

    Raises:
        MatshotError: if the photograph is smaller than the tile, or nothing in it is usable.
    """
    height, width = mask.shape
    side = side or master_side(height, width)
    if side > min(height, width):
        raise MatshotError(f"A tile of {side} pixels does not fit into a photograph of {width} x {height}.")
    if not mask.any():
        raise MatshotError("Nothing in the photographs is usable: all of it is black, saturated or outside.")
    places = [
        Tile(row, column, side, side)
        for row in _steps(height - side, side // 6)
        for column in _steps(width - side, side // 6)
    ]
    statistics = _texture_statistics(ambient, places)
    spread = statistics.std(axis=0) + 1e-3
    atypical = np.abs((statistics - np.median(statistics, axis=0)) / spread).mean(axis=1)
    usable = _means(mask.astype(np.float32), places)
    detail = cv2.Laplacian(np.log(np.maximum(flash.mean(axis=2), 0) + np.float32(_FLOOR)), cv2.CV_32F)
    fine = _means(np.abs(np.asarray(detail, np.float32)), places)
    blurred = np.maximum(0, 1 - fine / max(float(np.median(fine)), 1e-6))
    x, y = camera.axes()
    off = [
        np.hypot(x[place.columns].mean() - lamp[0] / 2, y[place.rows].mean() - lamp[1] / 2) - _BEST_DISTANCE
        for place in places
    ]
    return places[int(np.argmin(atypical + 20 * (1 - usable) + blurred + 40 * np.square(off)))]


def clearest_tile(color: Pixels, hole: Mask, visibility: Pixels) -> Tile:
    """The large square of a photograph in which a surface's relief is seen best.

    Args:
        color: ``H x W x 3``, base color, linear.
        hole: ``H x W``, where nothing is known of it.
        visibility: ``H x W``, [0, 1], of the relief.
    """
    height, width = hole.shape
    sides = sorted({min(_MOST_PIXELS, round(share * min(height, width))) for share in _SHARES})
    specks = _specks(color)
    clear = max(float(np.quantile(visibility[::4, ::4], _CLEAR)), 1e-6)
    best: tuple[float, Tile] | None = None
    for side in sides:
        places = [
            Tile(row, column, side, side)
            for row in _steps(height - side, side // 8)
            for column in _steps(width - side, side // 8)
        ]
        statistics = _texture_statistics(color, places)
        off = np.abs((statistics - np.median(statistics, axis=0)) / (statistics.std(axis=0) + 1e-3)).mean(axis=1)
        worth = np.minimum(_means(visibility, places) / clear, 1) - _ATYPICAL_COST * off
        worth -= _UNKNOWN_COST * _means(hole.astype(np.float32), places) + _HALF_COST * np.log2(sides[-1] / side)
        worth -= np.minimum(_SPECK_COST * _means(specks, places) * side / sides[0], _MOST_SPECKS)
        chosen = int(np.argmax(worth))
        if best is None or worth[chosen] > best[0]:
            best = float(worth[chosen]), places[chosen]
    assert best is not None  # a photograph has places for all of its sides
    return best[1]


def _specks(color: Pixels) -> Pixels:
    """Where something lies that stands out far from the texture, ``H x W``: 1 there, 0 elsewhere."""
    log = np.log(np.maximum(color, 0) + np.float32(_FLOOR)).mean(axis=2)
    deviation = max(log.shape) / 300
    seen = cv2.GaussianBlur(log, (0, 0), deviation) - cv2.GaussianBlur(log, (0, 0), 4 * deviation)
    usual = float(np.quantile(np.abs(seen[::3, ::3]), 0.9))
    return np.asarray(np.abs(seen) > _STANDING_OUT * usual, dtype=np.float32)


def _steps(last: int, step: int) -> list[int]:
    return sorted({*range(0, last + 1, max(1, step)), last})


def _texture_statistics(ambient: Pixels, places: list[Tile]) -> NDArray[np.float32]:
    """Mean and deviation of log luminance and chroma at three scales, one row per place."""
    log = np.log(np.maximum(ambient, 0) + _FLOOR)
    planes = np.stack([log.mean(axis=2), log[..., 0] - log[..., 1], log[..., 2] - log[..., 1]], axis=2)
    columns = []
    for sigma in (0, 2, 6):
        seen = np.asarray(cv2.GaussianBlur(planes, (0, 0), sigma), np.float32) if sigma else planes
        for channel in range(3):
            mean = _means(seen[..., channel], places)
            square = _means(np.square(seen[..., channel]), places)
            columns += [mean, np.sqrt(np.maximum(square - mean**2, 0))]
    return np.stack(columns, axis=1).astype(np.float32)


def _means(plane: Pixels, places: list[Tile]) -> NDArray[np.float64]:
    """The mean of a plane over each rectangle, by its summed-area table."""
    table = cv2.integral(plane, sdepth=cv2.CV_64F)
    return np.array(
        [
            (table[p.rows.stop, p.columns.stop] - table[p.row, p.columns.stop] - table[p.rows.stop, p.column])
            + table[p.row, p.column]
            for p in places
        ]
    ) / [p.height * p.width for p in places]
