"""Planes closed along their columns: the last column made to lead into the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from ..image.color import Pixels
from .seams import contrast, joined, tone_step

Array = NDArray[np.float64]

#: Sides of the strip that its source stays away from the border, so that nobody sees the same thing twice at once.
_AWAY = 3
#: Sources that are tried with a cut, best first by the difference of the whole overlap.
_TRIED = 6
#: Least part of its steps that a picture has anywhere.
_FLAT = 0.05
#: Part of a period that a source in step with a repetition may be off.
_OFF = 1 / 16
#: Columns on each side of a cut whose misfit is that of the cut.
_WIDTH = 1


@dataclass(frozen=True)
class Closed:
    """Planes whose columns repeat.

    Attributes:
        planes: ``H x W x C``.
        misfit: ``H x W``, at the cuts the weighted squared difference of what meets there, elsewhere 0.
    """

    planes: Pixels
    misfit: Array


def closed_by_overlap(planes: Pixels, overlap: int, weights: Array, *, closed: bool) -> Closed:
    """Planes narrower by an overlap: their last columns laid over the first, and cut. Nothing is invented.

    Args:
        planes: ``H x W x C``.
        overlap: columns that are lost.
        weights: ``(C,)``, what a squared difference counts.
        closed: whether the rows repeat already.
    """
    joint = joined(planes, planes, overlap, weights, closed=closed)
    result = np.concatenate([joint.band, planes[:, overlap:-overlap]], axis=1)
    misfit = np.zeros(result.shape[:2])
    _mark(misfit, joint.cut, joint.misfit)
    return Closed(result, misfit)


def closed_in_place(planes: Pixels, side: int, weights: Array, *, closed: bool, period: float | None = None) -> Closed:
    """Planes of the same size: a strip of them, from where it fits best, is laid over the border and cut on both sides.

    The strip keeps its rows, so that planks and courses go through it. Its source is the one whose two cuts are
    cheapest, of the few whose overlaps differ least.

    Args:
        planes: ``H x W x C``, W at least four sides.
        side: columns on each side of the border that may change.
        weights: ``(C,)``, what a squared difference counts.
        closed: whether the rows repeat already.
        period: of a repetition along the columns, of which they hold whole ones: the strip is taken in step with it.
    """
    # What is smooth is never very different, but shows as a smooth strip.
    plainness = _plainness(planes, side, weights)
    middles = _sources(planes, side, weights, plainness, period)
    tried = [_with_strip(planes, int(middle), side, weights, closed=closed) for middle in middles]
    costs = [found.misfit.sum() * plainness[middle] for found, middle in zip(tried, middles, strict=True)]
    return tried[int(np.argmin(costs))]


def _with_strip(planes: Pixels, middle: int, side: int, weights: Array, *, closed: bool) -> Closed:
    """With the strip around column ``middle``, in the tones of what it meets, laid over the border."""
    against = contrast(planes)
    # The halves of the overlaps that are further from the border, where a drift that spoils it is least.
    half = side // 2
    left = tone_step(planes[:, middle - side : middle - half], planes[:, -side:-half], against, closed=closed)
    right = tone_step(planes[:, middle + half : middle + side], planes[:, half:side], against, closed=closed)
    share = ((np.arange(planes.shape[1]) - middle + side) / (2 * side)).clip(0, 1)[:, np.newaxis]
    strip = np.asarray(planes + left[:, np.newaxis] * (1 - share) + right[:, np.newaxis] * share, dtype=np.float32)
    into = joined(planes, strip[:, middle - side :], side, weights, closed=closed)
    out = joined(strip[:, : middle + side], planes, side, weights, closed=closed)
    result = np.concatenate([out.band, planes[:, side:-side], into.band], axis=1)
    misfit = np.zeros(result.shape[:2])
    _mark(misfit, out.cut, out.misfit)
    _mark(misfit, planes.shape[1] - side + into.cut, into.misfit)
    return Closed(result, misfit)


def _plainness(planes: Pixels, side: int, weights: Array) -> Array:
    """For a strip around each column, how much more squared steps the whole has than it, at least 1."""
    steps = sum(np.square(np.diff(planes, axis=axis, append=np.take(planes, [-1], axis))) for axis in (0, 1))
    columns = (np.asarray(steps) @ weights).mean(axis=0)
    within = scipy.ndimage.uniform_filter1d(columns, 2 * side, mode="wrap")
    return np.asarray(np.maximum(1, columns.mean() / np.maximum(within, _FLAT * columns.mean() + 1e-20)))


def _sources(planes: Pixels, side: int, weights: Array, plainness: Array, period: float | None) -> NDArray[np.intp]:
    """Middles of strips whose two halves look most like the planes' two ends, no two of them close together."""
    columns = planes.shape[1]
    # A strip is compared where it would lie: both sums of squares, less twice the products.
    length = scipy.fft.next_fast_len(columns, real=True)
    ends = np.concatenate([planes[:, -side:], planes[:, :side]], axis=1)
    squares = np.zeros(columns)
    products = np.zeros(length // 2 + 1, dtype=np.complex128)
    for plane, weight in enumerate(weights):
        values = planes[..., plane].astype(np.float64)
        squares += weight * np.square(values).sum(axis=0)
        spectrum = scipy.fft.rfft(values, n=length, axis=1)
        products += weight * (spectrum * np.conj(scipy.fft.rfft(ends[..., plane], n=length, axis=1))).sum(axis=0)
    inside = np.convolve(squares, np.ones(2 * side), mode="valid")
    own = (np.square(ends, dtype=np.float64) @ weights).sum()
    cost = own + inside - 2 * scipy.fft.irfft(products, n=length)[: len(inside)]
    margin = min(_AWAY * side, columns // 2)
    middles = np.arange(margin, columns - margin + 1)
    if period is not None:
        off = np.abs(middles - np.round(middles / period) * period)
        in_step = off <= max(1, _OFF * period)
        middles = middles[in_step] if in_step.any() else middles
    # Of equal ones rounding leaves less than nothing.
    cost = cost[middles - side].clip(0, None) * plainness[middles]
    chosen: list[int] = []
    for place in np.argsort(cost, kind="stable"):
        if all(abs(int(middles[place]) - other) >= max(2, side // 8) for other in chosen):
            chosen.append(int(middles[place]))
        if len(chosen) == _TRIED:
            break
    return np.array(chosen, dtype=np.intp)


def _mark(misfit: Array, cut: NDArray[np.intp], values: Array) -> None:
    for step in range(-_WIDTH, _WIDTH):
        at = (cut + step)[:, np.newaxis] % misfit.shape[1]
        np.put_along_axis(misfit, at, values[:, np.newaxis], axis=1)
