"""Sharp regular patterns: tiles, bricks, weaves, stripes, mesh, dots and lettering-like strokes.

Thin, straight, sharp joints at a fixed distance are what photographs stored as JPEG show too softly, and what a network
for textures is judged by most. Each image is drawn without antialiasing: render it larger and shrink it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

#: Smallest and largest period of a pattern, in pixels of the shrunk image.
PERIODS = (5.0, 64.0)

#: Narrowest joint, in pixels of the shrunk image: thinner lines are rare in textures, and a network that expects them
#: makes thin dark lines of wide gray ones.
NARROWEST = 1.2

_Plane = np.ndarray
#: Coordinates in periods, generator, and the narrowest joint in periods.
_Pattern = Callable[[_Plane, _Plane, np.random.Generator, float], _Plane]


def regular_pattern(size: int, colors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One image.

    Args:
        size: pixels per side.
        colors: ``N x 3`` that the pattern takes its colors from, ``uint8``.
        rng: of every choice.

    Returns:
        ``uint8 size x size x 3``, without antialiasing.
    """
    # Periods are spread evenly over octaves; the image is drawn at twice its size.
    period = 2 * PERIODS[0] * (PERIODS[1] / PERIODS[0]) ** rng.random()
    # Half of the patterns stand straight, as most textures do.
    turn = 0.0 if rng.random() < 0.5 else rng.uniform(0, np.pi)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) / period
    offset = rng.random(2) * 10
    u = columns * np.cos(turn) + rows * np.sin(turn) + offset[0]
    v = rows * np.cos(turn) - columns * np.sin(turn) + offset[1]
    pattern = _PATTERNS[int(rng.integers(len(_PATTERNS)))]
    parts = pattern(u, v * rng.choice([1.0, 1.0, 0.5, 0.75]), rng, 2 * NARROWEST / period)
    palette = colors[rng.integers(len(colors), size=1024)].astype(np.float32)
    # Part 0 is the joint: another brightness than the rest, by little or by much, so that the edge is worth learning.
    rest = palette[1:].mean(axis=0)
    far = palette[0] * 0.3 if rest.mean() > 110 else palette[0] * 0.3 + 170
    palette[0] = rest + rng.uniform(0.3, 1.0) * (far - rest)
    # Cells of one pattern vary little, or as much as the colors do.
    vary = rng.choice([0.0, 0.15, 1.0])
    palette[1:] = palette[1] + vary * (palette[1:] - palette[1])
    return palette[parts % 1024].clip(0, 255).astype(np.uint8)


def _cell(u: _Plane, v: _Plane) -> _Plane:
    """A number above 0 for every cell, mixed so that neighbors differ."""
    return 1 + (np.floor(u).astype(np.int64) * 73 + np.floor(v).astype(np.int64) * 151) % 1023


def _joints(u: _Plane, v: _Plane, rng: np.random.Generator, thin: float) -> _Plane:
    width = max(thin, rng.uniform(0.04, 0.2))
    return ((u % 1) < width) | ((v % 1) < width)


def _tiles(u: _Plane, v: _Plane, rng: np.random.Generator, thin: float) -> _Plane:
    return np.where(_joints(u, v, rng, thin), 0, _cell(u, v))


def _bricks(u: _Plane, v: _Plane, rng: np.random.Generator, thin: float) -> _Plane:
    shifted = u / 2 + np.floor(v) * rng.choice([0.5, 1 / 3])
    return np.where(_joints(shifted, v, rng, thin), 0, _cell(shifted, v))


def _hexagons(u: _Plane, v: _Plane, rng: np.random.Generator, thin: float) -> _Plane:
    """Cells around the centers of two staggered lattices; joints are where two centers are about as near."""
    v = v / np.sqrt(3)
    beside, staggered = u - np.round(u), u - 0.5 - np.round(u - 0.5)
    first = beside**2 + 3 * (v - np.round(v)) ** 2
    second = staggered**2 + 3 * (v - 0.5 - np.round(v - 0.5)) ** 2
    cells = np.where(first < second, _cell(u + 0.5, v + 0.5), _cell(u, v) + 500)
    width = max(thin / 2, rng.uniform(0.02, 0.08))
    same_row = np.where(first < second, np.abs(beside), np.abs(staggered)) > 0.5 - width
    return np.where((np.abs(first - second) < 2 * width) | same_row, 0, cells)


def _checks(u: _Plane, v: _Plane, rng: np.random.Generator, thin: float) -> _Plane:
    del rng, thin
    return (np.floor(u) + np.floor(v)).astype(np.int64) % 2


def _stripes(u: _Plane, v: _Plane, rng: np.random.Generator, thin: float) -> _Plane:
    del v
    width = max(thin, rng.uniform(0.1, 0.6))
    return np.where((u % 1) < width, 0, 1 + np.floor(u).astype(np.int64) % int(rng.integers(1, 5)))


def _mesh(u: _Plane, v: _Plane, rng: np.random.Generator, thin: float) -> _Plane:
    width = max(thin, rng.uniform(0.08, 0.35))
    return np.where(((u + v) % 1 < width) | ((u - v) % 1 < width), 1, 0)


def _dots(u: _Plane, v: _Plane, rng: np.random.Generator, thin: float) -> _Plane:
    del thin
    shifted = u + (np.floor(v) % 2) * rng.choice([0.0, 0.5])
    radius = rng.uniform(0.15, 0.45)
    return np.where((shifted % 1 - 0.5) ** 2 + (v % 1 - 0.5) ** 2 < radius**2, _cell(shifted, v), 0)


def _weave(u: _Plane, v: _Plane, rng: np.random.Generator, thin: float) -> _Plane:
    """Threads over and under each other; in a twill the crossing moves by one a row."""
    over = (np.floor(u) + np.floor(v)).astype(np.int64) % int(rng.integers(2, 5)) == 0
    gap = max(thin, rng.uniform(0.08, 0.3))
    across, along = (v % 1) > gap, (u % 1) > gap
    thread = np.where(over, np.where(across, 1, np.where(along, 2, 0)), np.where(along, 2, np.where(across, 1, 0)))
    return np.asarray(thread)


def _strokes(u: _Plane, v: _Plane, rng: np.random.Generator, thin: float) -> _Plane:
    """Lines of glyphs of straight strokes on a grid of 3 x 5, each drawn at random."""
    del thin
    glyphs = rng.random((64, 5, 3)) < 0.55
    column, row = np.floor(u * 4).astype(np.int64), np.floor(v * 7).astype(np.int64)
    number = (np.floor(u).astype(np.int64) * 31 + np.floor(v).astype(np.int64) * 17) % 64
    inside = (column % 4 < 3) & (row % 7 < 5)
    return np.where(inside & glyphs[number, np.minimum(row % 7, 4), np.minimum(column % 4, 2)], 0, 1)


_PATTERNS: tuple[_Pattern, ...] = (
    _tiles,
    _bricks,
    _hexagons,
    _checks,
    _stripes,
    _mesh,
    _dots,
    _weave,
    _strokes,
)
