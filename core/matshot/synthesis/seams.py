"""Maps that end, made to repeat: opposite borders overlap, are cut along the path of least difference and blended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..errors import MatshotError
from ..image.color import LUMA_601, Pixels, linear_from_srgb, srgb_from_linear
from ..image.types import Wrap
from ..material.planes import anisotropy_of_directions, directions, normals_of_slopes, slopes
from ..shading.surface import Surface
from .periodicity import best_period_crop

Array = NDArray[np.float64]

#: Part of the shorter side that overlaps, and is lost.
BAND = 1 / 8
#: Narrowest overlap in pixels that a cut can wind through.
_NARROWEST = 8
#: What a cut pays for each pixel of its length, in parts of the mean difference, so that it does not wander.
_LENGTH = 0.1
#: Bands that the widest blend's deviation goes into.
_BLENDS = 6
#: A difference of this size, and much more so a larger one, is structure that is cut sharply; a smaller one is tone.
_TONE = 0.15
#: Blocks a side whose means tell a drift, and how many standard errors it has to stand out by.
_BLOCKS, _ERRORS = 6, 3.0
#: Weights of base color, slopes, roughness, metallic, specular and anisotropy in the choice of the cut.
_WEIGHTS = (1.0, 1.0, 1.0, 0.5, 0.5, 1.0, 1.0, 0.5, 0.5, 0.5)


def seamless(
    planes: Pixels,
    axes: Wrap = "xy",
    band: float = BAND,
    *,
    weights: tuple[float, ...] | None = None,
    wrap: Wrap = "none",
) -> Pixels:
    """Registered planes that repeat, smaller than the given ones by the band.

    First what climbs steadily across the planes is taken off, as far as it stands out of their own variation. Then
    the band at the end of an axis is laid over the band at its beginning, and the two are parted by the path along
    which all planes differ least: the graph cut of Kwatra et al. 2003, "Graphcut Textures: Image and Video Synthesis
    Using Graph Cuts", eq. 1, over paths that never turn back, for which dynamic programming finds the optimum. On
    an axis that repeats the path closes. Across the cut each octave blends over its own wavelength: Burt and Adelson
    1983, "A Multiresolution Spline with Application to Image Mosaics"; but where the tone of the two differs as only
    structure does, that would be a halo, and all octaves change within a pixel or two.

    Args:
        planes: ``H x W x C``, any number of channels, in encodings in which differences and blends mean something:
            display-encoded colour, slopes instead of normals, double-angle components instead of angles.
        axes: to be made repeating; those in ``wrap`` are left as they are.
        band: overlap, in pixels from 1 up, below as a part of the shorter side.
        weights: of the planes' squared differences in the choice of the cut; all 1 if not given.
        wrap: axes on which the planes repeat already; they still do afterwards.

    Returns:
        ``H' x W' x C``, a side that was cut shorter by the band. Values may leave the range of the given ones slightly
        where a drift was taken off.

    Raises:
        MatshotError: for a band that is too narrow, or wider than half of a side.
    """
    overlap = band_pixels(band, planes.shape)
    importance = np.ones(planes.shape[2]) if weights is None else np.asarray(weights, dtype=np.float64)
    result = planes
    repeating = wrap.replace("none", "")
    for letter, other in ("xy", "yx"):
        if letter in axes and letter not in repeating:
            upright = result if letter == "x" else result.swapaxes(0, 1)
            closed = other in repeating
            upright = _levelled(upright, overlap, closed=closed)
            merged = joined(upright, upright, overlap, importance, closed=closed).band
            upright = np.concatenate([merged, upright[:, overlap:-overlap]], axis=1)
            result = upright if letter == "x" else upright.swapaxes(0, 1)
            repeating += letter
    return np.ascontiguousarray(result, dtype=np.float32)


def seamless_surface(surface: Surface, axes: Wrap = "xy", band: float = BAND, *, wrap: Wrap = "none") -> Surface:
    """A surface that repeats, all its maps cut along the same path; of a strong repetition whole periods are kept.

    Colour is compared and blended as displayed, normals as slopes, whose mean along a repeating axis becomes zero,
    since what repeats cannot climb, and anisotropy as ``a (cos 2 angle, sin 2 angle)``, so that it comes back
    positive with an angle in (-pi/2, pi/2].

    Args:
        surface: any size.
        axes: to be made repeating.
        band: overlap, in pixels from 1 up, below as a part of the shorter side.
        wrap: axes on which it repeats already.

    Raises:
        MatshotError: as :func:`seamless`.
    """
    overlap = band_pixels(band, surface.base_color.shape)
    planes = _planes(surface)
    guide = np.concatenate([planes[..., :3] @ LUMA_601[:, np.newaxis], planes[..., 3:5]], axis=2)
    rows, columns = best_period_crop(guide, overlap, axes, wrap=wrap)
    return _surface(seamless(planes[rows, columns], axes, overlap, weights=_WEIGHTS, wrap=wrap), axes)


@dataclass(frozen=True)
class Joint:
    """How two pieces pass into each other.

    Attributes:
        band: ``H x overlap x C``, what shows where they lie on each other.
        cut: ``(H,)``, its first column right of the cut.
        misfit: ``(H,)``, the weighted squared difference of the two at the cut.
    """

    band: Pixels
    cut: NDArray[np.intp]
    misfit: Array


def joined(before: Pixels, after: Pixels, overlap: int, weights: Array, *, closed: bool) -> Joint:
    """The band in which a piece passes into another, whose first columns lie on its last ones.

    Args:
        before: ``H x W x C``, left of the cut.
        after: ``H x V x C``, right of it.
        overlap: columns that both show.
        weights: ``(C,)``, what a squared difference counts.
        closed: whether the rows repeat, so that the cut has to come back to where it began.
    """
    first, last = after[:, :overlap], before[:, -overlap:]
    difference = np.square(first - last) @ weights
    cut = _least_cut(difference, closed=closed)
    right = (np.arange(overlap) >= cut[:, np.newaxis]).astype(np.float64)
    band = np.zeros(first.shape)
    octaves = _octaves(before, after, overlap, closed=closed)
    low_last, low_first = octaves[-1][1:]
    tone = np.exp(-(np.square(low_first - low_last) @ weights) / _TONE**2)
    sharp = _blend(right, octaves[0][0], closed=closed)
    for deviation, late, early in octaves:
        share = (sharp + tone * (_blend(right, deviation, closed=closed) - sharp))[..., np.newaxis]
        band += late + share * (early - late)
    beside = np.take_along_axis(difference, cut[:, np.newaxis] + np.array([-1, 0]), axis=1)
    return Joint(band.astype(np.float32), cut, beside.mean(axis=1))


def band_pixels(band: float, shape: tuple[int, ...]) -> int:
    """The overlap in pixels, given in pixels from 1 up, below as a part of the shorter side of ``shape``.

    Raises:
        MatshotError: if it is too narrow, or wider than half of the shorter side.
    """
    shorter = min(shape[:2])
    pixels = round(band if band >= 1 else band * shorter)
    if not _NARROWEST <= pixels <= shorter // 2:
        raise MatshotError(
            f"The overlap at a seam is between {_NARROWEST} pixels and half of the shorter side ({shorter // 2}), "
            f"not {pixels}; take a larger picture or another overlap."
        )
    return pixels


def _planes(surface: Surface) -> Pixels:
    scalars = [surface.roughness, surface.metallic, surface.specular]
    direction = directions(surface.anisotropy, surface.anisotropy_angle)
    return np.concatenate([srgb_from_linear(surface.base_color), slopes(surface.normal), *scalars, direction], axis=2)


def _surface(planes: Pixels, axes: Wrap) -> Surface:
    color, steepness, scalars, direction = np.split(planes, (3, 5, 8), axis=2)
    level = np.array(["x" in axes, "y" in axes])
    steepness = steepness - np.where(level, steepness.mean(axis=(0, 1), dtype=np.float64), 0)
    roughness, metallic, specular = np.split(scalars.clip(0, 1), 3, axis=2)
    return Surface.of(
        linear_from_srgb(color.clip(0, None)),
        normals_of_slopes(steepness),
        roughness,
        metallic,
        specular,
        *anisotropy_of_directions(direction),
    )


def evenly_toned(planes: Pixels, overlap: int, *, closed: bool, inset: int = 0, deviations: float = 1.0) -> Pixels:
    """Planes whose last columns have the tone of the first ones; what they differ by is spread over all columns.

    Args:
        planes: ``H x W x C``.
        overlap: columns at each end whose tones are compared.
        closed: whether the rows repeat.
        inset: columns at each end that are passed over.
        deviations: of the contrast within blocks that tones have to differ by.
    """
    first, last = (ends[:, inset : inset + overlap] for ends in (planes, planes[:, ::-1]))
    step = tone_step(first, last, deviations**2 * contrast(planes), closed=closed)
    # From the middle of one band to that of the other a period lies.
    columns = planes.shape[1]
    periods = (np.arange(columns) - (columns - 1) / 2)[:, np.newaxis] / (columns - overlap - 2 * inset)
    return np.asarray(planes - periods * step[:, np.newaxis], dtype=np.float32)


def tone_step(first: Pixels, last: Pixels, against: Array, *, closed: bool) -> Array:
    """What the last columns are brighter by than the first ones, ``H x C``, as far as it is a step of tone.

    It is shrunk by ``1 - (k / t)^2``, or to nothing, t its ratio to the contrast: a tone that hides among such
    contrasts is better left than spread over the whole. A large one is structure and stays, too.

    Args:
        first: ``H x overlap x C``.
        last: the same.
        against: :func:`contrast` of the planes.
        closed: whether the rows repeat.
    """
    step = (last - first).mean(axis=1, dtype=np.float64)
    step = scipy.ndimage.gaussian_filter1d(step, first.shape[1], axis=0, mode="wrap" if closed else "nearest")
    return np.asarray(step * _standing_out(step, against) * np.exp(-np.square(step / _TONE)))


def contrast(planes: Pixels) -> Array:
    """Mean variance within blocks, ``(C,)``."""
    return np.asarray(_blocks(planes).var(axis=(1, 3)).mean(axis=(0, 1)))


def _levelled(planes: Pixels, overlap: int, *, closed: bool) -> Pixels:
    """Planes without drift along the columns, which would be a step where the end meets the beginning.

    A drift is the steady climb of the means of blocks, by least squares, and what the two bands differ by in tone
    after that. The climb is shrunk by ``1 - (k / t)^2``, or to nothing, t its ratio to its standard error, since
    tiles of different colours climb by chance.
    """
    columns = planes.shape[1]
    blocks = _blocks(planes)
    means = blocks.mean(axis=(1, 3))
    means -= means.mean(axis=(0, 1))
    place = np.arange(_BLOCKS) - (_BLOCKS - 1) / 2
    spread = _BLOCKS * np.square(place).sum()
    down = np.einsum("rcp,r->p", means, place) / spread
    climb = np.einsum("rcp,c->p", means, place) / spread
    rest = means - place[:, np.newaxis, np.newaxis] * down - place[:, np.newaxis] * climb
    error = np.square(rest).sum(axis=(0, 1)) / (_BLOCKS**2 - 3) / spread
    climb *= _standing_out(climb, _ERRORS**2 * error)
    drift = (np.arange(columns) - (columns - 1) / 2)[:, np.newaxis] / blocks.shape[3] * climb
    return evenly_toned(np.asarray(planes - drift, dtype=np.float32), overlap, closed=closed)


def _blocks(planes: Pixels) -> Array:
    """``blocks x rows x blocks x columns x C``."""
    rows, columns, channels = planes.shape
    high, wide = rows // _BLOCKS, columns // _BLOCKS
    whole = planes[: high * _BLOCKS, : wide * _BLOCKS].astype(np.float64)
    return whole.reshape(_BLOCKS, high, _BLOCKS, wide, channels)


def _standing_out(value: Array, variance: Array) -> Array:
    """How much of a value to believe in, [0, 1], given the variance of what it stands against."""
    return np.maximum(0, 1 - variance / np.maximum(np.square(value), 1e-20))


def _octaves(before: Pixels, after: Pixels, overlap: int, *, closed: bool) -> list[tuple[float, Pixels, Pixels]]:
    """The overlap of two pieces parted by scale: the deviation of each octave's blend, and the octave of both."""
    widest = overlap / _BLENDS
    # Blurs see as far beyond the band as they reach.
    seen = overlap + int(np.ceil(4 * widest))
    late, early = before[:, -seen:], after[:, :seen]
    octaves = []
    for deviation in 2.0 ** np.arange(np.ceil(np.log2(widest))):
        low_late, low_early = _blurred(late, deviation, closed=closed), _blurred(early, deviation, closed=closed)
        octaves.append((deviation, (late - low_late)[:, -overlap:], (early - low_early)[:, :overlap]))
        late, early = low_late, low_early
    return [*octaves, (widest, late[:, -overlap:], early[:, :overlap])]


def _blend(right: Array, deviation: float, *, closed: bool) -> Array:
    """Part of the first columns in the mix, [0, 1], from where they are right of the cut."""
    share = _blurred(right[..., np.newaxis], deviation, closed=closed)[..., 0]
    # Where the cut runs close to an end of the band, the change is over there all the same.
    way = (np.arange(right.shape[1]) + 0.5) / (4 * deviation)
    return np.asarray(share.clip(1 - way[::-1], way))


def _blurred(values: NDArray[Any], deviation: float, *, closed: bool) -> NDArray[Any]:
    down = scipy.ndimage.gaussian_filter1d(values, deviation, axis=0, mode="wrap" if closed else "nearest")
    return np.asarray(scipy.ndimage.gaussian_filter1d(down, deviation, axis=1, mode="nearest"))


def _least_cut(difference: Array, *, closed: bool) -> NDArray[np.intp]:
    """For each row the first column right of the cut.

    A cut pays the sum of the differences on its two sides, across the rows and, where it moves sideways, along them.
    The cheapest sideways move to every place is two running minima over the sums along the row.
    """
    cost = difference + _LENGTH * difference.mean()
    # Places between columns; near the band's ends there is no room for the feather.
    margin = max(1, cost.shape[1] // 16)
    places = slice(margin - 1, -margin)
    across = (cost[:, 1:] + cost[:, :-1])[:, places]
    along = np.cumsum(cost + np.roll(cost, 1, axis=0), axis=1)[:, :-1][:, places]
    if not closed:
        return np.asarray(_least_path(across, along) + margin)
    # Half way through two rounds a path has found where it passes when it goes round and round.
    around = np.arange(2 * len(across)) % len(across)
    home = _least_path(across[around], along[around])[len(across)]
    round_trip = around[: len(across) + 1]
    return np.asarray(_least_path(across[round_trip], along[round_trip], home)[:-1] + margin)


def _least_path(across: Array, along: Array, home: int | None = None) -> NDArray[np.intp]:
    """The place in each row of the cheapest path; it begins and ends at ``home``, if that is given."""
    begin = across[0] if home is None else np.where(np.arange(across.shape[1]) == home, across[0], np.inf)
    reached = [begin]
    for passed, sums in zip(across[1:], along[1:], strict=True):
        reached.append(_moved(reached[-1], sums) + passed)
    path = [int(np.argmin(reached[-1])) if home is None else home]
    for ways, sums in zip(reached[-2::-1], along[:0:-1], strict=True):
        path.append(int(np.argmin(ways + np.abs(sums - sums[path[-1]]))))
    return np.array(path[::-1], dtype=np.intp)


def _moved(ways: Array, sums: Array) -> Array:
    """Least ``ways[k] + |sums[k] - sums[place]|`` over all k, for every place; sums do not fall."""
    right = np.minimum.accumulate(ways - sums) + sums
    left = np.minimum.accumulate((ways + sums)[::-1])[::-1] - sums
    return np.minimum(right, left)
