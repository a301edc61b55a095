"""What texture synthesis is measured with, in plain NumPy and SciPy and on purpose without the code that it judges.

Images are ``H x W x C`` float, colors display-encoded in [0, 1], unless a function says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
import scipy.ndimage
from numpy.lib.stride_tricks import sliding_window_view
from scipy.spatial import KDTree

from bench import measures
from bench.measures import Image

#: Rows of patches, of all columns, that are projected at a time: bounds memory.
_BAND = 32
#: Side of the patches by which a copy is recognized, numbers that describe one, and pixels from one that is looked up
#: to the next: a copy as large as a patch and a step is always met.
_COPY_PATCH = 6
_COPY_NUMBERS = 10
_COPY_STEP = 3
#: Side of the patches that lie across a line, numbers that describe one, patches that these are found from, and pixels
#: from line to line and from patch to patch along it.
_LINE_PATCH = 8
_LINE_NUMBERS = 24
_LINE_SAMPLES = 6000
_LINE_STEP = 4
#: Most offsets between result and source that are looked at in full.
_MOST_OFFSETS = 64
#: Least deviation of a plane that is not constant.
_FLAT = 1e-3


def patch_swd(result: Image, source: Image, size: int = 7, projections: int = 256, seed: int = 0) -> float:
    """Sliced Wasserstein distance between the patches of two images, lower is better.

    Elnekave and Weiss 2022, "Generating Natural Images with Direct Patch Distribution Matching", equation (3) with
    absolute differences, as their ``PatchSWDLoss``: mean over random unit vectors of the mean difference between the
    sorted projections of all patches. Their images are in [-1, 1], so that their figures are twice these. Where one
    image has more patches, its quantiles at those of the other are taken.

    Args:
        result: ``H x W x C`` in [0, 1].
        source: of any size.
        size: side of the patches.
        projections: number of unit vectors.
        seed: of their choice.
    """
    length = size * size * source.shape[2]
    directions = np.random.default_rng(seed).standard_normal((length, projections))
    directions = (directions / np.linalg.norm(directions, axis=0)).astype(np.float32)
    total = 0.0
    for some in np.array_split(directions, -(-projections // 32), axis=1):
        ours, theirs = (_sorted_projections(image, some, size) for image in (result, source))
        if len(ours) < len(theirs):
            ours, theirs = theirs, ours
        if len(ours) > len(theirs):
            ours = _quantiles(ours, len(theirs))
        total += float(np.abs(ours - theirs).mean(dtype=np.float64)) * some.shape[1]
    return total / projections


def histogram_distance(result: Image, source: Image) -> list[float]:
    """Wasserstein distance between the values of each channel: mean difference of equal quantiles."""
    distances = []
    for channel in range(source.shape[2]):
        ours, theirs = (np.sort(image[..., channel], axis=None)[:, np.newaxis] for image in (result, source))
        count = min(len(ours), len(theirs))
        distances.append(float(np.abs(_quantiles(ours, count) - _quantiles(theirs, count)).mean()))
    return distances


@dataclass(frozen=True)
class Seam:
    """How the step across a wrap edge compares to those inside.

    Attributes:
        ratio: mean absolute step between the last column and the first, in parts of the mean over all neighbors.
        spread: standard deviation of the same ratio of the columns inside.
        rank: part of the columns inside whose ratio is nearer to 1.
    """

    ratio: float
    spread: float
    rank: float


def seam(image: Image, axis: str) -> Seam:
    """The wrap edge of one axis.

    Args:
        image: any channels and encoding; their steps are added.
        axis: ``x`` for the edge between last and first column, ``y`` for rows.
    """
    place = {"x": 1, "y": 0}[axis]
    steps = np.abs(image - np.roll(image, 1, axis=place)).mean(axis=(1 - place, 2), dtype=np.float64)
    inside = steps[1:].mean()
    if inside == 0:
        return Seam(1.0 if steps[0] == 0 else np.inf, 0.0, 0.0 if steps[0] == 0 else 1.0)
    ratios = steps / inside
    return Seam(float(ratios[0]), float(ratios[1:].std()), float((np.abs(ratios[1:] - 1) < abs(ratios[0] - 1)).mean()))


def seams(maps: Mapping[str, Image]) -> dict[str, Seam]:
    """The wrap edges of every map on both axes, by ``<kind> <axis>``.

    Args:
        maps: by kind, ``H x W x C``. Those that are constant have no edge and are left out.
    """
    varying = {kind: pixels for kind, pixels in maps.items() if pixels.std(axis=(0, 1)).max() > _FLAT}
    return {f"{kind} {axis}": seam(pixels, axis) for kind, pixels in varying.items() for axis in "xy"}


def seam_summary(edges: Sequence[Seam], bound: float) -> str:
    """What many edges have in common, in a sentence.

    Args:
        edges: of different maps and axes.
        bound: how far from 1 their ratios are wanted to be at most.
    """
    ratios = np.array([edge.ratio for edge in edges])
    away = np.abs(ratios - 1)
    chance = np.sqrt(np.mean([edge.spread**2 for edge in edges]) / len(edges))
    ordinary = np.mean([edge.rank <= 0.95 for edge in edges])
    return (
        f"Over all {len(edges)} maps and axes the mean ratio is {ratios.mean():.3f} (chance alone moves it by "
        f"{chance:.3f}), {np.mean(away <= bound):.0%} are within {bound:.0%}, {ordinary:.0%} are less conspicuous than "
        f"one in twenty columns or rows inside, and the farthest is {ratios[int(away.argmax())]:.2f}."
    )


def edge_strangeness(result: Image, source: Image, axis: str) -> tuple[float, float]:
    """How far what lies across the lines of a result is from all of the source: at its edge, and at its worst line.

    Unlike a step, which a joint may have anywhere, it knows what belongs where. Patches of 8 x 8 pixels whose middle is
    on a line are compared with all of the source, by their principal components; of the squared distances to the
    nearest ones the mean is taken along each line.

    Args:
        result: ``H x W x C``, repeating on the axis.
        source: of any size; its own edges count as inside.
        axis: ``x`` for lines between columns, ``y`` between rows.

    Returns:
        The distance at the edge, and the largest one of every fourth line, both in parts of the median.
    """
    if axis == "y":
        result, source = (np.ascontiguousarray(image.transpose(1, 0, 2)) for image in (result, source))
    side = _LINE_PATCH
    around = np.pad(result, [(0, side - 1), (side // 2, side // 2), (0, 0)], mode="wrap").astype(np.float32)
    theirs = sliding_window_view(source.astype(np.float32), (side, side), axis=(0, 1))
    theirs = theirs.reshape(-1, side * side * source.shape[2])
    ours = sliding_window_view(around, (side, side), axis=(0, 1))
    ours = ours[: result.shape[0] : _LINE_STEP, : result.shape[1] : _LINE_STEP]
    mean = theirs.mean(axis=0)
    sample = theirs[np.random.default_rng(0).integers(len(theirs), size=_LINE_SAMPLES)] - mean
    basis = np.linalg.eigh(sample.T @ sample)[1][:, ::-1][:, :_LINE_NUMBERS].astype(np.float32)
    known, asked = (theirs - mean) @ basis, (ours.reshape(-1, theirs.shape[1]) - mean) @ basis
    lengths = np.square(known).sum(axis=1)
    nearest = [
        (lengths - 2 * some @ known.T).min(axis=1) + np.square(some).sum(axis=1)
        for some in np.array_split(asked, -(-len(asked) // 256))
    ]
    lines = np.maximum(np.concatenate(nearest), 0).reshape(ours.shape[:2]).mean(axis=0, dtype=np.float64)
    middle = max(float(np.median(lines)), 1e-12)
    return float(lines[0] / middle), float(lines.max() / middle)


@dataclass(frozen=True)
class Copy:
    """The largest part of a result that is a piece of the source as it is.

    Attributes:
        square: side of the largest square in it, in parts of the source's shorter side.
        region: square root of the area of the largest connected part, in parts of that of the source.
        offset: rows and columns from its place in the result to that in the source.
    """

    square: float
    region: float
    offset: tuple[int, int]


def longest_copy(result: Image, source: Image, *, wrap: str = "none", tolerance: float = 2 / 255) -> Copy:
    """The longest coherent patch: a connected region in which every pixel comes from one offset into the source.

    It is found by the pixels alone. Patches of the result are looked up in the source, the offsets of those that are
    found again are counted, and in the order of their counts the pixels that are equal under an offset are told apart
    from others; what is not part of a whole equal patch is left out.

    Args:
        result: ``H x W x 3`` in [0, 1].
        source: at least 6 pixels per side.
        wrap: axes on which the source repeats.
        tolerance: difference of a channel that still is a copy; rounding to 8 bits, twice, and blending of equals.
    """
    height, width = source.shape[:2]
    side = _COPY_PATCH
    padding = [(0, side - 1 if letter in wrap else 0) for letter in "yx"]
    repeated = np.pad(source, [*padding, (0, 0)], mode="wrap").astype(np.float32)
    result = result.astype(np.float32)
    offsets, votes = _likely_offsets(result, repeated, side, tolerance)
    largest, widest, place = 0, 0, (0, 0)
    for (down, across), count in zip(offsets[:_MOST_OFFSETS], votes, strict=False):
        # A region is met by about one vote for each square of a step, but for its border.
        if 2 * count * _COPY_STEP**2 + (2 * side) ** 2 < widest**2:
            break
        labels, found = scipy.ndimage.label(
            _opened(_equal_pixels(result, source, (down, across), wrap, tolerance), side)
        )  # fmt: skip
        if not found:
            continue
        area = int(np.bincount(labels.ravel())[1:].max())
        if area > largest:
            largest, place = area, (int(down), int(across))
        reach = scipy.ndimage.distance_transform_cdt(np.pad(labels > 0, 1), metric="chessboard")
        widest = max(widest, 2 * int(reach.max()) - 1)
    return Copy(widest / min(height, width), float(np.sqrt(largest / (height * width))), place)


def diversity(results: list[Image]) -> float:
    """How unlike results of equal size are: 0 where all are the same, 1 where they have nothing in common.

    One less the correlation of two results, moved around so that they correlate most; mean over all pairs.

    Args:
        results: at least two, ``H x W x C``.
    """
    spectra = []
    for image in results:
        centered = image - image.mean(axis=(0, 1))
        spectra.append(np.fft.rfft2(centered / max(np.sqrt(np.square(centered).sum()), 1e-12), axes=(0, 1)))
    unlike = []
    for one, other in combinations(spectra, 2):
        correlations = np.fft.irfft2((one * other.conj()).sum(axis=2), s=results[0].shape[:2])
        unlike.append(1 - float(correlations.max()))
    return float(np.mean(unlike))


def planes(maps: Mapping[str, Image]) -> tuple[list[str], Image]:
    """All maps of a material as planes with names, in which correlation means something.

    Args:
        maps: by kind, ``H x W x C``. ``normal`` holds unit vectors, of which the slopes are taken; of others all
            channels.

    Returns:
        Names, and ``H x W x C``.
    """
    names, stack = [], []
    for kind, pixels in maps.items():
        values = pixels[..., :2] / np.maximum(pixels[..., 2:3], 0.1) if kind == "normal" else pixels
        names += [f"{kind} {channel}" for channel in range(values.shape[2])]
        stack.append(values.astype(np.float64))
    return names, np.concatenate(stack, axis=2)


@dataclass(frozen=True)
class Correlations:
    """Pearson's correlation between all pairs of a material's planes, of a result against its source.

    Attributes:
        largest: absolute difference of a coefficient.
        mean: of the absolute differences.
        pair: names of the two planes that differ most.
        pairs: number of them; pairs with a plane that is constant in the source are left out.
    """

    largest: float
    mean: float
    pair: tuple[str, str]
    pairs: int


def correlation_change(result: Mapping[str, Image], source: Mapping[str, Image]) -> Correlations:
    """How far a result's maps lost their alignment; both as :func:`planes` takes them, of the same kinds."""
    names, before = planes(source)
    _, after = planes(result)
    flat = [plane.reshape(-1, plane.shape[2]) for plane in (before, after)]
    varying = np.flatnonzero(flat[0].std(axis=0) > _FLAT)
    # A result that made a plane constant has no correlation there, which is the largest change there can be.
    with np.errstate(invalid="ignore", divide="ignore"):
        then, now = (np.nan_to_num(np.atleast_2d(np.corrcoef(values[:, varying].T))) for values in flat)
    change = np.abs(now - then)
    above = np.triu_indices(len(varying), 1)
    if not len(above[0]):
        return Correlations(0.0, 0.0, ("", ""), 0)
    worst = int(change[above].argmax())
    pair = (names[varying[above[0][worst]]], names[varying[above[1][worst]]])
    return Correlations(float(change[above][worst]), float(change[above].mean()), pair, len(above[0]))


def middle(image: Image, side: int) -> Image:
    """The source of a test: the middle quarter of an image that was averaged to twice the side, in 8 bits.

    Args:
        image: ``H x W x 3``, at least ``2 * side`` pixels per side.
        side: of the result.
    """
    first = side // 2
    averaged = cv2.resize(image, (2 * side, 2 * side), interpolation=cv2.INTER_AREA)
    return measures.as_stored(averaged[first : first + side, first : first + side])


def _sorted_projections(image: Image, directions: Image, size: int) -> Image:
    """Projections of all patches, sorted, ``patches x directions``."""
    windows = sliding_window_view(np.asarray(image, dtype=np.float32), (size, size), axis=(0, 1))
    # Windows come as rows x columns x C x size x size.
    bands = [
        windows[top : top + _BAND].reshape(-1, directions.shape[0]) @ directions
        for top in range(0, len(windows), _BAND)
    ]
    return np.sort(np.concatenate(bands), axis=0)


def _quantiles(values: Image, count: int) -> Image:
    """Of sorted columns ``n x k``, the quantiles at the middle of ``count`` equal parts."""
    place = (np.arange(count) + 0.5) / count * len(values) - 0.5
    before = np.clip(np.floor(place).astype(int), 0, len(values) - 1)
    after = np.minimum(before + 1, len(values) - 1)
    share = np.clip(place - before, 0, 1)[:, np.newaxis]
    return values[before] * (1 - share) + values[after] * share


def _likely_offsets(result: Image, source: Image, side: int, tolerance: float) -> tuple[Image, Image]:
    """Offsets, rows and columns, at which patches of a result are found in the source, the most frequent first."""
    theirs = sliding_window_view(source, (side, side), axis=(0, 1))
    ours = sliding_window_view(result, (side, side), axis=(0, 1))[::_COPY_STEP, ::_COPY_STEP]
    shape = theirs.shape[:2]
    generator = np.random.default_rng(0)
    length = side * side * source.shape[2]
    # Along orthogonal directions of no meaning, a patch is about as far off as as many of its pixels.
    directions = np.linalg.qr(generator.standard_normal((length, min(_COPY_NUMBERS, length))))[0].astype(np.float32)
    tree = KDTree(_described(theirs, directions), balanced_tree=False, compact_nodes=False)
    reach = tolerance * np.sqrt(directions.shape[1])
    distance, found = tree.query(_described(ours, directions), distance_upper_bound=max(reach, 1e-6))
    met = np.flatnonzero(np.isfinite(distance))
    if not len(met):
        return np.zeros((0, 2), dtype=int), np.zeros(0, dtype=int)
    rows, columns = np.unravel_index(met, ours.shape[:2])
    places = np.stack(np.unravel_index(found[met], shape), axis=1)
    offsets, votes = np.unique(
        places - np.stack([rows, columns], axis=1) * _COPY_STEP, axis=0, return_counts=True
    )  # fmt: skip
    order = np.argsort(-votes, kind="stable")
    return offsets[order], votes[order]


def _described(windows: Image, directions: Image) -> Image:
    """``patches x numbers`` of windows, band by band."""
    bands = [windows[top : top + _BAND].reshape(-1, directions.shape[0]) @ directions
             for top in range(0, len(windows), _BAND)]  # fmt: skip
    return np.concatenate(bands)


def _equal_pixels(result: Image, source: Image, offset: tuple[int, int], wrap: str, tolerance: float) -> Image:
    """Where a result, ``H x W``, equals the source that lies at an offset."""
    height, width = source.shape[:2]
    rows = np.arange(result.shape[0]) + offset[0]
    columns = np.arange(result.shape[1]) + offset[1]
    there = np.ones(result.shape[:2], dtype=bool)
    if "y" in wrap:
        rows %= height
    if "x" in wrap:
        columns %= width
    there &= ((rows >= 0) & (rows < height))[:, np.newaxis] & ((columns >= 0) & (columns < width))
    moved = source[rows.clip(0, height - 1)][:, columns.clip(0, width - 1)]
    return there & (np.abs(result - moved).max(axis=2) <= tolerance)


def _opened(mask: Image, side: int) -> Image:
    """What of a mask is part of whole squares."""
    # A filter of even size looks one pixel further back than ahead; the second one has to look the other way.
    kept = scipy.ndimage.minimum_filter(mask.astype(np.uint8), side, mode="constant", cval=0)
    return scipy.ndimage.maximum_filter(kept, side, origin=-1 + side % 2, mode="constant", cval=0) > 0
