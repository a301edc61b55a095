"""Where the points of one photograph of a flat surface lie in another one, taken under other light.

Light moves edges. A bump lit from one side has its bright flank on that side, so two pictures of a relief under two
lights fit best when they are *not* in register, and a flash, whose light runs outwards from the middle, makes this look
like a change of scale: several pixels at the corners of a rough rock. What is compared here is therefore, first, what
relief changes least: ratios of the color channels, which shading leaves alone; and how strong edges are, in which
bright and dark flanks count alike (phase congruency after Kovesi 1999, "Image Features from Phase Congruency", of the
monogenic signal of Felsberg and Sommer 2001, "The Monogenic Signal"). Plain brightness comes last.

Places are pixel centers ``(column, row)``, the first at (0, 0), as in OpenCV. A homography maps places of the flash
photograph to those of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..image.color import Mask, Pixels
from ..progress import Progress
from .photograph import resized

Matrix = NDArray[np.float64]

#: Longest sides, in pixels, at which the rough alignment is sought and the fine one is measured.
_COARSE = 640
_FINE = 1280

#: A handheld pair moves less than these: part of the longer side, degrees, factor.
MOST_SHIFT = 0.12
MOST_TURN = 10.0
MOST_SCALE = 1.15

#: Wavelengths of the bands, in pixels, whose edges are compared, and the width of a band (0.55: two octaves).
_WAVELENGTHS = (3.0, 6.0)
_BANDWIDTH = 0.55

#: Reach of the local mean and deviation by which cues are evened, in pixels, and the deviation that is mere noise.
_EVENING = 8.0
_NOISE = 0.02

#: What tells one period of a pattern from the next is blurred so much, in pixels at the rough size, and evened so far.
_BROAD_BLUR = 2.0
_BROAD_EVENING = 40.0

#: Which cue is the tone, and how much it says of a place beside colors and edges that fit as well.
_TONE = 3
_TONE_WORTH = 0.1

#: A block's peak is believed from so many deviations of its correlation surface on, or from so much correlation (a
#: regular pattern has many peaks, which make for a large deviation); a cue, if so many of its blocks are.
_CLEAR_PEAK = 4.5
_CLEAR_CORRELATION = 0.3
_CLEAR_PART = 0.2

#: Sides of blocks as parts of the longer side. Large ones are for surfaces with hardly any detail.
_SMALL_BLOCKS = 1 / 7
_LARGE_BLOCKS = 1 / 4

#: Blocks agree when they miss by less than this, in pixels at the rough size; and what part should.
_NEAR = 1.5
AGREEING = 0.4


@dataclass(frozen=True)
class Fit:
    """How well a homography brings two photographs together.

    Attributes:
        homography: 3 x 3.
        residual: median distance, in pixels, by which clear blocks still miss; infinite when there are none.
        agreement: part of the blocks, in [0, 1], that miss by less than 1.5 pixels at a longer side of 640 pixels. By
            chance it is below 0.1.
        correlation: within blocks, of the cue that fits best, in [0, 1].
    """

    homography: Matrix
    residual: float
    agreement: float
    correlation: float


@dataclass(frozen=True)
class _Views:
    """Both photographs at one size, as they are compared: cues ``K x H x W``, and where the first is usable."""

    flash: Pixels
    other: Pixels
    usable: Mask


@dataclass(frozen=True)
class _Misses:
    """By how much blocks miss: ``N x 2`` centers and shifts, which are clear, and the correlation of each cue."""

    centers: Matrix
    shifts: Matrix
    clear: Mask
    likeness: Matrix


def registered(flash: Pixels, other: Pixels, usable: Mask, progress: Progress) -> Fit:
    """The homography between two photographs of the same size.

    Two ways to a rough one compete, since either fails on some surfaces: features (SIFT, matched within the reach of
    a hand), which regular patterns confuse, and correlation of the whole pictures over turns and scales, which wants
    detail everywhere. What fits best is improved by the shifts of small blocks, at two sizes.

    Args:
        flash: ``H x W x 3``, linear light.
        other: same shape.
        usable: ``H x W``, where ``flash`` says something (is not saturated).
        progress: called between steps.

    Returns:
        The best fit found, however bad; see its ``agreement`` and ``residual``.
    """
    height, width = usable.shape
    sizes = [_limited(width, height, longest) for longest in (_COARSE, _FINE)]
    small = [resized(picture, sizes[0]) for picture in (flash, other)]
    rough = _views(small[0], small[1], usable)
    progress(0.2)
    starts = [np.eye(3), *_shifted_and_turned(rough)]
    progress(0.4)
    starts += _by_features(rough)
    progress(0.5)
    fit, block = _best(rough, _broad(small[0]), _broad(small[1]), starts)
    progress(0.75)
    fine = rough if sizes[1] == sizes[0] else _views(resized(flash, sizes[1]), resized(other, sizes[1]), usable)
    progress(0.85)
    growth = resizing(sizes[0], sizes[1])
    improved, _ = _improved(fine, growth @ fit.homography @ np.linalg.inv(growth), block, passes=1, reach=12)
    growth = resizing(sizes[1], (width, height))
    homography = growth @ improved.homography @ np.linalg.inv(growth)
    return Fit(homography / homography[2, 2], improved.residual * growth[0, 0], fit.agreement, fit.correlation)


def resizing(size: tuple[int, int], new_size: tuple[int, int]) -> Matrix:
    """Where places of a picture of ``size`` (columns, rows) come to lie when it is resized to ``new_size``."""
    across, down = new_size[0] / size[0], new_size[1] / size[1]
    return np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])


def moved(homography: Matrix, places: Matrix) -> Matrix:
    """Where a homography puts ``places``, ``N x 2``."""
    through = places @ homography[:, :2].T + homography[:, 2]
    return np.asarray(through[:, :2] / through[:, 2:])


def covered(homography: Matrix, shape: tuple[int, int], other_shape: tuple[int, int]) -> Mask:
    """Which pixels of a picture of ``shape`` (rows, columns) have a counterpart in one of ``other_shape``."""
    row, column = np.ogrid[: shape[0], : shape[1]]
    across, down, depth = (line[0] * column + line[1] * row + line[2] for line in homography)
    inside = (across >= -0.5 * depth) & (across <= (other_shape[1] - 0.5) * depth)
    inside &= (down >= -0.5 * depth) & (down <= (other_shape[0] - 0.5) * depth)
    return np.asarray(inside & (depth > 0))


def _limited(width: int, height: int, longest: int) -> tuple[int, int]:
    factor = min(1.0, longest / max(width, height))
    return round(width * factor), round(height * factor)


def _views(flash: Pixels, other: Pixels, usable: Mask) -> _Views:
    size = (flash.shape[1], flash.shape[0])
    return _Views(_cues(flash), _cues(other), resized(usable.astype(np.float32), size) > 0.5)


def _cues(linear: Pixels) -> Pixels:
    """What is compared of linear light ``H x W x 3``: red to green, blue to green, edges and tone, ``4 x H x W``.

    Each has local mean 0 and deviation near 1, less where there is nothing but noise, and ends at 3.
    """
    import cv2

    floor = _floor(linear)
    # JPEG stores color at half the resolution: unblurred, the ratios would carry fine detail of the brightness.
    red, green, blue = cv2.split(np.log(cv2.GaussianBlur(linear, (0, 0), 1.0) + floor))
    tone = np.log(linear + floor).mean(axis=2)
    return np.stack([_evened(values, _EVENING) for values in (red - green, blue - green, _edges(tone), tone)])


def _floor(linear: Pixels) -> np.float32:
    """What is added before a logarithm, so that the noise of dark places does not count."""
    return np.float32(0.03 * float(linear.mean()) + 1e-12)


def _evened(values: Pixels, reach: float) -> Pixels:
    import cv2

    difference = values - cv2.GaussianBlur(values, (0, 0), reach)
    deviation = np.sqrt(cv2.GaussianBlur(np.square(difference), (0, 0), reach))
    return np.asarray(np.clip(difference / (deviation + np.float32(_NOISE)), -3, 3), dtype=np.float32)


def _broad(linear: Pixels) -> Pixels:
    """Stains and tones, ``H x W x 3``, without the detail that every period of a pattern has."""
    import cv2

    return _evened(cv2.GaussianBlur(np.log(linear + _floor(linear)), (0, 0), _BROAD_BLUR), _BROAD_EVENING)


def _edges(tone: Pixels) -> Pixels:
    """Phase congruency over the bands; below their mean amplitude it counts less and less, since noise has it too."""
    import cv2

    height, width = tone.shape
    margin = 16
    rows, columns = (scipy.fft.next_fast_len(side + 2 * margin, real=True) for side in (height, width))
    below, beside = rows - height - margin, columns - width - margin
    spectrum = scipy.fft.rfft2(cv2.copyMakeBorder(tone, margin, below, margin, beside, cv2.BORDER_REFLECT_101))
    down = np.fft.fftfreq(rows).astype(np.float32)[:, None]
    across = np.fft.rfftfreq(columns).astype(np.float32)[None, :]
    frequency = np.hypot(down, across)
    frequency[0, 0] = 1
    inside = (slice(margin, margin + height), slice(margin, margin + width))
    total: list[Any] = [0, 0, 0]
    amplitude: Any = 0
    for wavelength in _WAVELENGTHS:
        band = spectrum * np.exp(-np.square(np.log(frequency * np.float32(wavelength)) / np.log(_BANDWIDTH)) / 2)
        band[0, 0] = 0
        riesz = band * (1j / frequency)
        parts = [scipy.fft.irfft2(part, s=(rows, columns))[inside] for part in (band, riesz * across, riesz * down)]
        total = [whole + part for whole, part in zip(total, parts, strict=True)]
        amplitude = amplitude + _length(parts)
    return np.asarray(_length(total) / (amplitude + amplitude.mean() + np.float32(1e-12)), dtype=np.float32)


def _length(parts: list[Any]) -> Any:
    return np.sqrt(sum(np.square(part) for part in parts))


def _by_features(views: _Views) -> list[Matrix]:
    """The homography of SIFT features of the tone (Lowe 2004), if there are enough, matched within a hand's reach."""
    import cv2

    sift = cv2.SIFT.create(nfeatures=2000)
    tones = [np.rint(cues[_TONE] * 42 + 128).clip(0, 255).astype(np.uint8) for cues in (views.flash, views.other)]
    found = [sift.detectAndCompute(tone, None) for tone in tones]
    if min(len(points) for points, _ in found) < 12:
        return []
    here, there = (np.array([point.pt for point in points]) for points, _ in found)
    # RootSIFT: histograms compare better by their roots (Arandjelovic and Zisserman 2012).
    first, second = (np.sqrt(marks / np.maximum(marks.sum(axis=1, keepdims=True), 1)) for _, marks in found)
    likeness = first @ second.T
    reach = (MOST_SHIFT + np.radians(MOST_TURN) / 2 + (MOST_SCALE - 1) / 2) * max(views.usable.shape)
    likeness[np.abs(here[:, None] - there[None]).max(axis=2) > reach] = 0
    match = likeness.argmax(axis=1)
    each = np.arange(len(match))
    good = (likeness.argmax(axis=0)[match] == each) & (likeness[each, match] > 0.6)
    if good.sum() < 12:
        return []
    homography, _ = cv2.findHomography(here[good], there[match[good]], cv2.USAC_MAGSAC, 3.0)
    return [] if homography is None else [np.asarray(homography, dtype=np.float64)]


def _shifted_and_turned(views: _Views) -> list[Matrix]:
    """The two similarities under which the pictures correlate best as wholes, sought at half the size."""
    import cv2

    full = (views.usable.shape[1], views.usable.shape[0])
    width, height = size = (full[0] // 2, full[1] // 2)
    rows, columns = (scipy.fft.next_fast_len(side) for side in (height, width))
    window = np.asarray(cv2.createHanningWindow(size, cv2.CV_32F), dtype=np.float32)
    halves = [[resized(cue, size) for cue in cues] for cues in (views.flash, views.other)]
    still = np.conj(_packed_spectra(halves[0], window, (rows, columns)))
    down, across = (np.rint(np.fft.fftfreq(side) * side).astype(int) for side in (rows, columns))
    too_far = np.maximum(np.abs(down)[:, None], np.abs(across)[None, :]) > MOST_SHIFT * max(size)
    found: list[tuple[float, Matrix]] = []
    for degrees in np.arange(-MOST_TURN, MOST_TURN + 1, 2.0):
        for scale in MOST_SCALE ** np.arange(-1, 1.01, 0.2):
            turn = np.eye(3)
            turn[:2] = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
            turned = [_turned(cue, turn) for cue in halves[1]]
            product = (_packed_spectra(turned, window, (rows, columns)) * still).sum(axis=0)
            surface = scipy.fft.ifft2(product).real
            surface[too_far] = -np.inf
            row, column = np.unravel_index(surface.argmax(), surface.shape)
            shift = np.array([[1.0, 0, across[column]], [0, 1, down[row]], [0, 0, 1]])
            found.append((float(surface[row, column]), turn @ shift))
    found.sort(key=lambda candidate: -candidate[0])
    half = resizing(full, size)
    return [np.linalg.inv(half) @ similarity @ half for _, similarity in found[:2]]


def _turned(cue: Pixels, turn: Matrix) -> Pixels:
    import cv2

    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(cue, turn, cue.shape[::-1], flags=flags), dtype=np.float32)


def _packed_spectra(cues: list[Pixels], window: Pixels, shape: tuple[int, int]) -> Any:
    """Two complex spectra for four cues: in the real part of a product's inverse two correlations are added."""
    pairs = np.stack([cues[0] + 1j * cues[1], cues[2] + 1j * cues[3]]) * window
    return scipy.fft.fft2(pairs.astype(np.complex64), s=shape)


def _best(views: _Views, flash: Pixels, other: Pixels, starts: list[Matrix]) -> tuple[Fit, float]:
    """The start that leads furthest, improved, and the blocks that it took; ``flash`` and ``other`` are broad."""
    for block in (_SMALL_BLOCKS, _LARGE_BLOCKS):
        tried = [_improved(views, start, block, passes=1, reach=20) for start in starts]
        # Within blocks, periods of a pattern are alike; stains are not.
        scores = [total * (1 + _likeness(flash, other, fit.homography)) for fit, total in tried]
        best = tried[int(np.argmax(scores))][0]
        fit, _ = _improved(views, best.homography, block, passes=2, reach=12)
        if fit.agreement >= AGREEING:
            break
    return fit, block


def _likeness(flash: Pixels, other: Pixels, homography: Matrix) -> float:
    """Correlation, in [0, 1], of two pictures ``H x W x 3`` brought together."""
    both = covered(homography, flash.shape[:2], other.shape[:2])
    if both.mean() < 0.25:
        return 0.0
    warped = warped_to(other, homography, flash.shape[:2])
    return float(np.corrcoef(flash[both].ravel(), warped[both].ravel())[0, 1].clip(0))


def warped_to(pixels: Pixels, homography: Matrix, shape: tuple[int, int]) -> Pixels:
    """The picture as seen from the flash photograph of ``shape`` (rows, columns); its border continues for ever."""
    import cv2

    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(pixels, homography, shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.float32)


def _improved(views: _Views, start: Matrix, block: float, *, passes: int, reach: int) -> tuple[Fit, float]:
    """Homographies through the shifts of blocks, one after the other, and agreement times correlation of the last.

    Args:
        views: both photographs.
        start: homography to begin with.
        block: side of a block, in parts of the longer side.
        passes: how many times blocks are shifted.
        reach: largest shift of a block, in pixels.
    """
    import cv2

    homography = start / start[2, 2]
    longest = max(views.usable.shape)
    for left in range(passes, -1, -1):
        warped = np.stack([warped_to(cue, homography, views.usable.shape) for cue in views.other])
        usable = views.usable & covered(homography, views.usable.shape, views.usable.shape)
        misses = _misses(views.flash * usable, warped * usable, usable, block, reach)
        clear = misses.clear
        if left == 0 or clear.sum() < 8:
            break
        ends = misses.centers + misses.shifts
        step, _ = cv2.findHomography(misses.centers[clear], ends[clear], cv2.USAC_MAGSAC, _NEAR)
        if step is None:
            break
        homography = homography @ step
        homography /= homography[2, 2]
    distance = np.hypot(*misses.shifts.T)
    agreement = float((distance < _NEAR * max(1, longest / _COARSE)).mean()) if distance.size else 0.0
    residual = float(np.median(distance[clear])) if clear.any() else float("inf")
    total = agreement * float(misses.likeness.sum())
    return Fit(homography, residual, agreement, float(misses.likeness.max())), total


def _misses(flash: Pixels, warped: Pixels, usable: Mask, block: float, reach: int) -> _Misses:
    """By how much, in pixels, blocks of the warped cues lie beside those of the flash photograph."""
    height, width = usable.shape
    longest = int(min(max(16, block * max(height, width)), height, width))
    side = next(side for side in range(longest, 0, -1) if scipy.fft.next_fast_len(side, real=True) == side)
    # On a shorter side than longer, and at the larger blocks, they overlap.
    tops, lefts = (
        np.linspace(0, length - side, max(3, round(1.25 * length / side))).astype(int) for length in (height, width)
    )
    places = [
        (top, left) for top in tops for left in lefts if usable[top : top + side, left : left + side].mean() > 0.75
    ]
    if not places:
        return _Misses(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, dtype=bool), np.zeros(len(flash)))
    window = np.hanning(side + 2)[1:-1].astype(np.float32)
    here, there = (_block_spectra(cues, places, window[:, None] * window) for cues in (flash, warped))
    reach = min(reach, side // 3)
    near = np.arange(-reach, reach + 1)
    surfaces = scipy.fft.irfft2(np.conj(here) * there, s=(side, side))[:, :, near[:, None], near[None, :]]
    # A cue counts by how many blocks it places, and how precisely: by its signal to noise there.
    part = _clear(surfaces).mean(axis=0)
    likeness = np.median(surfaces.max(axis=(2, 3)), axis=0)
    worth = np.where(part > _CLEAR_PART, part, 1e-3 * part) * likeness / (1.02 - likeness**2)
    worth[_TONE] *= _TONE_WORTH
    together = np.einsum("nkij,k->nij", surfaces, worth / max(worth.sum(), 1e-9)).astype(np.float32)
    shifts, peaks = _summits(together)
    likeness = np.median(surfaces.reshape(*surfaces.shape[:2], -1)[np.arange(len(places)), :, peaks], axis=0)
    centers = np.array(places, dtype=np.float64)[:, ::-1] + (side - 1) / 2
    return _Misses(centers, shifts, _clear(together), likeness.clip(0))


def _block_spectra(cues: Pixels, places: list[tuple[int, int]], window: Pixels) -> Any:
    side = len(window)
    blocks = np.stack([cues[:, top : top + side, left : left + side] for top, left in places])
    blocks = (blocks - blocks.mean(axis=(2, 3), keepdims=True)) * window
    length = np.sqrt(np.square(blocks).sum(axis=(2, 3), keepdims=True))
    return scipy.fft.rfft2(blocks / (length + np.float32(1e-3 * side)))


def _clear(surfaces: Pixels) -> Mask:
    """Which correlation surfaces ``... x S x S`` have a peak to be believed."""
    peak = surfaces.max(axis=(-2, -1))
    return np.asarray((peak > _CLEAR_PEAK * surfaces.std(axis=(-2, -1))) | (peak > _CLEAR_CORRELATION))


def _summits(surfaces: Pixels) -> tuple[Matrix, NDArray[np.intp]]:
    """Places ``N x 2`` (column, row) of the peaks of ``N x S x S``, from the middle, and their indices in S * S.

    Between pixels by a parabola along each axis.
    """
    count, size = surfaces.shape[:2]
    peaks = surfaces.reshape(count, -1).argmax(axis=1)
    row, column = np.divmod(peaks, size)
    shifts = np.stack([column, row], axis=1).astype(np.float64) - size // 2
    each, row, column = np.arange(count), row.clip(1, size - 2), column.clip(1, size - 2)
    top = surfaces[each, row, column]
    neighbors = (
        (surfaces[each, row, column - 1], surfaces[each, row, column + 1]),
        (surfaces[each, row - 1, column], surfaces[each, row + 1, column]),
    )
    for axis, (before, after) in enumerate(neighbors):
        bend = np.minimum(before - 2 * top + after, -1e-9)
        shifts[:, axis] += ((before - after) / (2 * bend)).clip(-0.5, 0.5)
    return shifts, peaks
