"""Shading that drifts across a texture, by light from one side or a lens that darkens the corners, taken off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels
from ..image.types import Wrap

Array = NDArray[np.float64]

#: Blocks a side whose means tell a drift, and how many standard errors each term of it has to stand out by.
_BLOCKS, _ERRORS = 8, 4.0
#: Range of a logarithm's drift that is light: 8 % is not seen, a factor of five is what the texture shows.
_LIGHT = (0.08, 1.6)
#: Darkest block mean that a logarithm is taken of.
_BLACK = 1e-3
#: Least range of a climb, in deviations of what is left without it.
_CLIMB = 2.0


def evened_color(color: Pixels, axes: Wrap) -> Pixels:
    """Colour without uneven light: divided by what its logarithm drifts by, as a parabola, along the axes.

    Light multiplies what it falls on, and a power of it multiplies what is displayed. Its channels are taken one by
    one, for light from a window is not that of a lamp. The mean of all blocks stays.

    Args:
        color: ``H x W x C``, display-encoded.
        axes: along which the light may not change afterwards.

    Returns:
        The same shape; the given array itself, where no drift stands out.
    """
    if (means := _block_means(color)) is None:
        return color
    found = _drift(np.log(np.maximum(means, _BLACK)), color.shape[:2], axes, 2)
    if found is None or not _LIGHT[0] < np.ptp(found, axis=(0, 1)).max() < _LIGHT[1]:
        return color
    even = color * np.exp(-found)
    return np.asarray(even * (color.mean(axis=(0, 1)) / np.maximum(even.mean(axis=(0, 1)), _BLACK)), dtype=np.float32)


def levelled(values: Pixels, axes: Wrap) -> Pixels:
    """Heights without a steady climb along the axes, which a surface that repeats cannot have.

    Args:
        values: ``H x W x C``.
        axes: that are to repeat.

    Returns:
        The same shape; the given array itself, where no climb stands out.
    """
    if (means := _block_means(values)) is None:
        return values
    found = _drift(means, values.shape[:2], axes, 1)
    if found is None or np.ptp(found) < _CLIMB * float((values - found).std()):
        return values
    return np.asarray(values - found, dtype=np.float32)


def _drift(means: Array, size: tuple[int, int], axes: Wrap, degree: int) -> Array | None:
    """What changes steadily (degree 1), or as a parabola too (2), along the axes, as far as it stands out.

    Least squares over the means of blocks. A term is shrunk by ``1 - (k / t)^2``, or to nothing, t its ratio to its
    standard error, since blocks of different colours climb by chance.

    Args:
        means: ``_BLOCKS x _BLOCKS x C``.
        size: height and width in pixels of the result.
        axes: along which it is wanted; what changes along the other one is no chance either.
        degree: 1 or 2.

    Returns:
        ``H x W x C`` of mean 0, or None where nothing stands out.
    """
    place = (np.arange(_BLOCKS) + 0.5) / _BLOCKS - 0.5
    terms = [(axis, power) for axis in (0, 1) for power in range(1, degree + 1)]
    rest = means - means.mean(axis=(0, 1))
    fitted = []
    for axis, power in terms:
        along = _along(_term(place, power), axis)
        energy = _BLOCKS * np.square(along).sum()
        share = (rest * along).sum(axis=(0, 1)) / energy
        rest = rest - along * share
        fitted.append((share, energy))
    error = np.square(rest).sum(axis=(0, 1)) / (_BLOCKS**2 - 1 - len(terms))
    result = np.zeros((*size, means.shape[2]))
    for (axis, power), (share, energy) in zip(terms, fitted, strict=True):
        if "yx"[axis] not in axes:
            continue
        sure = np.maximum(0, 1 - _ERRORS**2 * error / energy / np.maximum(np.square(share), 1e-20))
        fine = (np.arange(size[axis]) + 0.5) / size[axis] - 0.5
        result += _along(_term(fine, power), axis) * (share * sure)
    return result if result.any() else None


def _term(place: Array, power: int) -> Array:
    values = place**power
    return np.asarray(values - values.mean())


def _along(values: Array, axis: int) -> Array:
    return values[:, np.newaxis, np.newaxis] if axis == 0 else values[np.newaxis, :, np.newaxis]


def _block_means(values: Pixels) -> Array | None:
    """``_BLOCKS x _BLOCKS x C``, None where there are too few pixels."""
    if min(values.shape[:2]) < 2 * _BLOCKS:
        return None
    rows, columns = (np.linspace(0, side, _BLOCKS + 1).astype(int) for side in values.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(values, rows[:-1], axis=0, dtype=np.float64), columns[:-1], axis=1)
    return np.asarray(sums / np.multiply.outer(np.diff(rows), np.diff(columns))[..., np.newaxis])
