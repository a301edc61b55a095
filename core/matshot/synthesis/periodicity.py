"""The repetition of a texture: how far apart its repeats are along an axis, and how well they match."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from ..image.color import Pixels
from ..image.types import Wrap

Array = NDArray[np.float64]

#: Least strength of a repetition: rust, rock and bark reach 0.05 by chance, a texture with one copied patch 0.17.
_STRONG = 0.2
#: Part of the size that each of two moving means spans; slower variation is tone, not structure.
_SLOW = 1 / 6
#: Multiples of a period that determine its strength; in cloth, repeats far apart are no longer in phase.
_COUNTED_REPEATS = 4
#: Part of the best strength that the shortest period needs.
_NEARLY = 0.85
#: Part of a period by which the next repeat may be displaced.
_REACH = 1 / 8
#: Repeats after which a bond may have its own period.
_BONDS = (2, 3, 4)
#: Part of their height by which those repeats must exceed the others, for theirs to be the period.
_BETTER = 0.3
#: The same where there are two or more of those repeats, and each exceeds all others.
_ALL_BETTER = 0.1
#: Least period in pixels for that: peaks of shorter ones that lie between two pixels look lower than those that do not.
_LEAST_COURSE = 12

#: Least correlation, negated, of a texture with itself half a period on, where fewer than two periods are seen: one
#: stripe of any width reaches 1/2.
_OPPOSITE = 0.5

#: Parts along each axis in which a repetition is looked for by itself.
_PARTS = 6
#: Pixels by which the repeats of a part may lie off the period, where that is not shorter than six times as much.
_PART_REACH = 2
#: Part of the energy that may do worse than a repetition's strength.
_UNLIKE = 0.4

#: Strength of the repetitions on both axes from which a texture is laid of cells, such as tiles.
_EXACT = 0.7

#: Shorter side in pixels of the picture in which straight joints are looked for.
_JOINTS_SIDE = 128
#: Deviation in pixels of what is slow there, and length of a piece of a joint.
_JOINTS_SLOW = 6
_JOINT = 32
#: Part of the variance in straight lines, or strength of a repetition, up to which a texture has no structure, and from
#: which it has all: gravel, soil and stone reach 0.1, rubble walls 0.2, bricks, planks and tiles 0.3 to 0.8.
_STRUCTURED = (0.12, 0.25)


@dataclass(frozen=True)
class Repetition:
    """How a texture repeats along one axis.

    Attributes:
        period: pixels from repeat to repeat, not rounded; None where nothing repeats.
        strength: [0, 1], how much more alike pixels are a period apart than half a period more or less, in most of
            the texture; 1 where repeats are equal.
        courses: nearly alike parts of equal length in a period, such as the courses of a bond.
    """

    period: float | None
    strength: float
    courses: int = 1


def repetition(guide: Pixels, axis: int) -> Repetition:
    """The repetition along one axis of a texture, by its autocorrelation along that axis alone.

    A period is where the autocorrelation, without the slow variation of tone, and at the multiples of it stands high
    above its values half way between; of several that do about alike it is the shortest. Where every second, third
    or fourth multiple is clearly better, as in a bond whose courses are shifted, that is the period. A texture that is
    its own opposite some pixels on, as a checkerboard of three fields, repeats after twice as many.

    It has to be seen in most of what varies. A piece that occurs twice, as retouching leaves it, lifts the
    autocorrelation of the whole as much as a weak period does, but its surroundings know nothing of it.

    Args:
        guide: ``H x W x C``, any encoding, not known to wrap; channels count by their variance.
        axis: 0 for rows (along y), 1 for columns (along x).

    Returns:
        A period up to half of the size, so that two repeats are seen, or up to three quarters of it, of which two
        opposite halves are.
    """
    best = _best_comb(_autocorrelation(guide, axis))
    if best is None:
        return Repetition(None, 0.0)
    strength = best.strength
    if strength >= _STRONG:
        shift, sign = (best.period / 2, -1) if best.is_opposite else (best.period, 1)
        strength = min(strength, max(_usual_likeness(guide, axis, shift, sign), 0.0))
    return Repetition(best.period, strength, best.courses) if strength >= _STRONG else Repetition(None, strength)


def regularity(guide: Pixels) -> tuple[Repetition, Repetition]:
    """The repetitions along y and along x, see :func:`repetition`."""
    return repetition(guide, 0), repetition(guide, 1)


def is_of_cells(repeats: tuple[Repetition, Repetition]) -> bool:
    """Whether a texture repeats so well on both axes that it is laid of equal cells, as tiles are."""
    return min(repeat.strength for repeat in repeats) >= _EXACT


def structure(guide: Pixels, repeats: tuple[Repetition, Repetition] | None = None) -> float:
    """How much of a texture is built of straight joints or of repeats, as bricks, planks, tiles and weaves are.

    The larger of the repetitions' strength and of the part of the variance that remains in the mean along pieces of
    lines a quarter of the side long: large where edges run straight along an axis.

    Args:
        guide: ``H x W x C``, any encoding; channels count by their variance.
        repeats: of :func:`regularity`, if already known.

    Returns:
        0 for gravel, soil and stone, 1 where joints must be kept.
    """
    down, right = repeats or regularity(guide)
    measured = max(down.strength, right.strength, _straightness(guide, 0), _straightness(guide, 1))
    low, high = _STRUCTURED
    return float(np.clip((measured - low) / (high - low), 0, 1))


def best_period_crop(guide: Pixels, overlap: int, axes: Wrap = "xy", *, wrap: Wrap = "none") -> tuple[slice, slice]:
    """The central part of a picture that holds whole repeats and an overlap on each axis, or all where none are strong.

    Where a repetition is strong but fades, as in cloth, less than one repeat is cut, so that the two ends are in phase.

    Args:
        guide: ``H x W x C``, any encoding; channels count by their variance.
        overlap: pixels at the end of an axis that show the same as those at its beginning.
        axes: along which to look.
        wrap: axes on which the picture repeats already and is kept whole.

    Returns:
        Slices of rows and columns.
    """
    slices = []
    for axis, letter in enumerate("yx"):
        size = guide.shape[axis]
        kept = size
        if letter in axes and letter not in wrap and size > overlap:
            repeats = _whole_repeats(_autocorrelation(guide, axis), size - overlap)
            kept = repeats + overlap if repeats >= overlap else size
        start = (size - kept) // 2
        slices.append(slice(start, start + kept))
    return slices[0], slices[1]


@dataclass(frozen=True)
class _Comb:
    """A candidate: where its repeats are, how high the autocorrelation stands there and half a course before.

    Of one that is opposite the second half of the period is the negative of the first, and that is how alike they are.
    """

    places: Array
    heights: Array
    valleys: Array
    courses: int = 1
    is_opposite: bool = False

    @property
    def period(self) -> float:
        """By least squares, through no shift at all."""
        counts = np.arange(1, len(self.places) + 1)
        return float(counts @ self.places / (counts @ counts))

    @property
    def strength(self) -> float:
        """Height above the valleys, of the first repeats."""
        height, valley = self.heights[:_COUNTED_REPEATS].mean(), self.valleys[:_COUNTED_REPEATS].mean()
        return float(np.clip(min(height, height - valley), 0, 1))


def _best_comb(correlation: Array) -> _Comb | None:
    """The comb of the best repetition, None without any peak."""
    seen, opposite = _seen_comb(correlation), _opposite_comb(correlation)
    if seen is None or (opposite is not None and seen.strength < _NEARLY * opposite.strength):
        return opposite
    return seen


def _opposite_comb(correlation: Array) -> _Comb | None:
    """The comb of a period, longer than half of the size, whose halves are each other's opposite."""
    dips = -correlation[: 3 * len(correlation) // 8 + 1]
    deep = (dips[1:-1] > dips[:-2]) & (dips[1:-1] >= dips[2:]) & (dips[1:-1] >= max(_OPPOSITE, _NEARLY * dips.max()))
    if not deep.any():
        return None
    first = 1 + int(np.argmax(deep))
    # A shorter period is seen as such, also where it is the opposite of itself half of it on.
    if 4 * first <= len(correlation):
        return None
    return _Comb(np.array([2 * _peak_position(-correlation, first)]), dips[[first]], np.zeros(1), is_opposite=True)


def _seen_comb(correlation: Array) -> _Comb | None:
    """The comb of the best repetition of which two repeats are seen, None without any peak."""
    half = correlation[: len(correlation) // 2 + 2]
    peaks = 1 + np.flatnonzero((half[1:-1] > half[:-2]) & (half[1:-1] >= half[2:]) & (half[1:-1] > _STRONG / 2))
    combs = [_comb(correlation, int(peak)) for peak in peaks[peaks > 1]]
    if not combs:
        return None
    best = max(comb.strength for comb in combs)
    shortest = next(comb for comb in combs if comb.strength >= _NEARLY * best)
    clearest, found = _BETTER, shortest
    for bond in _BONDS:
        if bond > len(shortest.places) or shortest.places[bond - 1] > len(correlation) / 2 + 1:
            break
        of_bond = np.arange(1, len(shortest.heights) + 1) % bond == 0
        heights, others = shortest.heights[of_bond], shortest.heights[~of_bond]
        better = (heights.mean() - others.mean()) / heights.mean()
        sampled = shortest.places[0] >= _LEAST_COURSE
        if sampled and np.count_nonzero(of_bond) > 1 and heights.min() > others.max() and found is shortest:
            better += _BETTER - _ALL_BETTER
        if better > clearest:
            # Half way between them courses may lie that are nearly as alike, so its valleys are those of the courses.
            clearest = better
            found = _Comb(shortest.places[of_bond], heights, shortest.valleys[of_bond], bond)
    return found


def _comb(correlation: Array, first: int) -> _Comb:
    """From a peak on to its multiples, each near where the one before lets expect it.

    It ends at three quarters of the size, where too little overlaps.
    """
    longest = 3 * len(correlation) // 4
    reach = max(1, round(_REACH * first))
    places, heights, valleys = (
        [_peak_position(correlation, first)],
        [correlation[first]],
        [correlation[round(first / 2)]],
    )
    place = step = first
    while (expected := place + step) + reach < longest:
        place = expected - reach + int(np.argmax(correlation[expected - reach : expected + reach + 1]))
        places.append(_peak_position(correlation, place))
        heights.append(correlation[place])
        valleys.append(correlation[round(place * (1 - 0.5 / len(places)))])
        step = min(max(round(place / len(places)), first - reach, reach + 1), first + reach)
    return _Comb(np.array(places), np.array(heights), np.array(valleys))


def _peak_position(values: Array, place: int) -> float:
    """Where the parabola through a sample and its neighbors is highest."""
    before, at, after = values[place - 1 : place + 2]
    bend = before - 2 * at + after
    return place if bend >= 0 else float(place + min(max((before - after) / (2 * bend), -0.5), 0.5))


def _whole_repeats(correlation: Array, longest: int) -> int:
    """The most pixels up to ``longest`` that hold whole repeats, or ``longest`` where nothing repeats strongly."""
    best = _best_comb(correlation)
    if best is None or best.strength < _STRONG or best.period > longest:
        return longest
    # Counted from repeat to repeat, since the ends may be a little off where the mean period says.
    period, kept, count = best.period, best.places[0], 1
    reach = max(1, round(_REACH * period))
    while (expected := round(kept * (count + 1) / count)) + reach <= longest:
        near = correlation[expected - reach : expected + reach + 1]
        if near.max() < _STRONG:
            # No number of repeats fits the whole, but one shift fits the two ends.
            shortest = longest - round(period)
            return shortest + int(np.argmax(correlation[shortest : longest + 1]))
        kept, count = _peak_position(correlation, expected - reach + int(np.argmax(near))), count + 1
    return min(round(float(kept)), longest)


def _straightness(guide: Pixels, axis: int) -> float:
    """Part of the variance that the mean along pieces of lines keeps; lines run across the axis."""
    scale = min(1.0, _JOINTS_SIDE / min(guide.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in guide.shape[1::-1])
    parts = [np.ascontiguousarray(guide[..., number]) for number in range(guide.shape[2])]
    small = np.stack([cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in parts], axis=2)
    small = small - scipy.ndimage.gaussian_filter(small, (_JOINTS_SLOW, _JOINTS_SLOW, 0), mode="reflect")
    piece = min(_JOINT, small.shape[1 - axis])
    lines = scipy.ndimage.uniform_filter1d(small, piece, axis=1 - axis, mode="nearest")
    half = (piece - 1) // 2
    lines = np.take(lines, range(half, lines.shape[1 - axis] - half), axis=1 - axis)
    return float(np.square(lines).mean() / max(float(np.square(small).mean()), 1e-12))


def _usual_likeness(guide: Pixels, axis: int, apart: float, sign: int) -> float:
    """Correlation of a picture with itself some pixels apart in its parts: a low quantile, weighted by their energy.

    Weights keep parts that are nearly flat, as the middles of tiles, from deciding.

    Args:
        guide: ``H x W x C``.
        axis: along which it is shifted.
        apart: pixels.
        sign: 1, or -1 where the opposite is looked for.
    """
    values = np.moveaxis(_without_tone(guide, axis), axis, 0)
    middle = round(apart)
    reach = min(_PART_REACH, middle // (6 * _PART_REACH))
    best: Array | None = None
    for shift in range(middle - reach, middle + reach + 1):
        ours, theirs = values[: len(values) - shift], values[shift:]
        own, other, both = (_sums_of_parts(one * two) for one, two in ((ours, ours), (theirs, theirs), (ours, theirs)))
        energy = np.sqrt(own * other)
        likeness = sign * both / np.maximum(energy, 1e-20)
        best = likeness if best is None else np.maximum(best, likeness)
    assert best is not None  # at least the period itself is looked at
    order = np.argsort(best)
    sums = np.cumsum(energy[order])
    return float(best[order[np.searchsorted(sums, _UNLIKE * sums[-1])]])


def _sums_of_parts(values: Array) -> Array:
    """Sums in ``_PARTS x _PARTS`` parts of ``H x W x C``, fewer where there are fewer pixels; flat."""
    flat = values.sum(axis=2)
    for axis, length in enumerate(flat.shape):
        count = min(_PARTS, length)
        flat = np.add.reduceat(flat, np.arange(count) * length // count, axis=axis)
    return np.asarray(flat.ravel())


def _without_tone(guide: Pixels, axis: int) -> Array:
    """A picture without its slow variation along an axis."""
    slow = guide.astype(np.float64)
    for _ in range(2):
        slow = scipy.ndimage.uniform_filter1d(slow, max(round(_SLOW * guide.shape[axis]), 3), axis=axis, mode="reflect")
    return np.asarray(guide - slow)


def _autocorrelation(guide: Pixels, axis: int) -> Array:
    """Correlation of a picture with itself, shifted along an axis by 0, 1, 2 ... pixels, without its slow variation."""
    size = guide.shape[axis]
    padded = scipy.fft.next_fast_len(2 * size, real=True)
    others = tuple({0, 1, 2} - {axis})
    values = _without_tone(guide, axis)
    power = np.square(np.abs(scipy.fft.rfft(values, n=padded, axis=axis))).sum(axis=others)
    products = scipy.fft.irfft(power, n=padded)[:size]
    energy = np.cumsum(np.square(values).sum(axis=others))
    # Of a shift, the two parts that lie on each other.
    early, late = energy[::-1], energy[-1] - np.concatenate([[0], energy[:-1]])
    return np.asarray(products / np.maximum(np.sqrt(early * late), 1e-20))
