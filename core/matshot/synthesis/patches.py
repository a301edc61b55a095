"""The patch engine: texture optimization over a field of nearest patches.

Kwatra, Essa, Bobick and Kwatra 2005, "Texture Optimization for Example-based Synthesis": a texture is like its source
when every patch of it is near a patch of the source, eq. (1). Two steps take turns, octave by octave: every patch finds
its nearest one in the source, and every pixel becomes the mean of what the patches around it say.

In the coarsest octave all pairs of patches are compared, and prices are put on those of the source until each is in use
equally often, so that what is rare stays rare and nothing is lost: Gutierrez, Rabin, Galerne and Hurtut 2017, "Optimal
Patch Assignment for Statistically Constrained Texture Synthesis", with the regularized transport of Cuturi 2013,
"Sinkhorn Distances: Lightspeed Computation of Optimal Transport". Where the coarsest octave starts with large blocks,
tones have prices, too, in all octaves. In the finer ones nearest patches are found as in
Barnes, Shechtman, Finkelstein and Goldman 2009, "PatchMatch", section 3.2: neighbors offer theirs, and a random search
looks around; places that are in use too often become dearer, as in Kaspar, Neubert, Lischinski, Pauly and Kopf 2015,
"Self Tuning Texture Optimization", section 4.2. Pieces that are copied whole and are too large are cut.

Patches are compared by their principal components, and only the field is kept whole: a band of the picture is made
from it when its patches are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import MatshotError
from ..image.color import Pixels
from ..image.types import Wrap
from ..progress import Progress
from .correspondence import PATCH, STRIDE, Transfer, empty_transfer
from .guides import Guide
from .patch_search import (
    FixedPicture,
    RepairedPicture,
    Source,
    Target,
    VotedPicture,
    balanced_matches,
    improved_matches,
    use_penalty,
)
from .periodicity import Repetition
from .quilting import quilted_transfer
from .separation import separated_transfer
from .tone_use import ToneUse

#: Repetitions of a texture without any.
IRREGULAR = (Repetition(None, 0.0), Repetition(None, 0.0))
#: Called after every octave with the transfer and the number of octaves that follow.
OctaveListener = Callable[[Transfer, int], None]


@dataclass(frozen=True)
class Repair:
    """A picture with a hole that is filled; the rest of it is what the hole has to fit to.

    Attributes:
        planes: ``h x w x C``, those of the source.
        hole: ``h x w``.
    """

    planes: Pixels
    hole: NDArray[np.bool_]


#: Principal components of the planes that are compared.
_PLANES = 6
#: Shorter side of the source in the coarsest octave, at variety 0 and 1.
_COARSEST = (24, 80)
#: Power of the variety in between, up to a part of the source; smaller sources are not made of pieces as small.
_COARSEST_POWER = 0.35
_OF_LARGE = 4
#: Least step between octaves.
_ODD_STEP = 1.25
#: Side of the blocks that the coarsest octave starts with, in parts of the source, at variety 0 and 1.
_BLOCK = (1 / 2, 1 / 32)
#: Part of the variety that full structure takes away.
_STRUCTURE = 0.7
#: Least shorter side of the source in the coarsest octave where there is structure, at full structure.
_COARSEST_OF_STRUCTURE = 64
#: Change of a tone's price in a round where it is used twice as often as is fair.
_TONE_RATE = 2.0
#: Rounds of the two steps in the finest octave and in the coarsest; linear in between.
_ROUNDS = (3, 12)
#: Side of a copied square up to which it is left, in parts of the source's shorter side, from the usual variety on;
#: below it more.
LARGEST_COPY = 1 / 8
_USUAL_VARIETY = 0.5
#: Rounds before the last one after which large copies are cut.
_HEALING = 2
#: Pairs of patches up to which all are compared.
_MAX_PAIRS = 250_000_000


def synthesized_transfer(
    planes: Pixels,
    weights: Sequence[float],
    height: int,
    width: int,
    *,
    wrap: Wrap = "none",
    source_wrap: Wrap = "none",
    repeats: tuple[Repetition, Repetition] = IRREGULAR,
    seed: int = 0,
    variety: float = 0.5,
    structure: float = 0.0,
    threads: int = 1,
    progress: Progress | None = None,
    shown: OctaveListener | None = None,
    guide: Guide | None = None,
    allowed: NDArray[np.bool_] | None = None,
    repair: Repair | None = None,
) -> Transfer:
    """The transfer of a texture like a given one, of any size.

    Args:
        planes: source, ``H x W x C``, at least 8 pixels per side, in encodings in which differences are meaningful.
        weights: what a squared difference of each plane counts.
        height: of the result, at least 8.
        width: of the result, at least 8.
        wrap: axes on which the result must repeat.
        source_wrap: axes on which the source repeats.
        repeats: repetitions of the source, down and across; the result keeps their phase, and has a whole number
            of them on an axis that repeats.
        seed: of all choices; the same seed gives the same result on any number of threads.
        variety: 0 keeps large pieces of the source together, 1 none that is larger than the structure needs.
        structure: [0, 1], :func:`~matshot.synthesis.periodicity.structure` of the source; it keeps pieces large enough
            for bricks and planks. It does not count with a guide, a part that is not allowed, or a repair.
        threads: that compare patches.
        progress: called after every round.
        shown: called after every octave.
        guide: what of the source belongs where.
        allowed: ``H x W`` of the source, which pixels may be used; all if not given.
        repair: a picture of which only a hole is made.

    Raises:
        MatshotError: if a side is shorter than a patch, or no patch of the source lies in what is allowed.
        Cancelled: when the listener raises it.
    """
    _check_size(planes.shape[1], planes.shape[0], "source")
    _check_size(width, height, "result")
    rng = np.random.default_rng(seed)
    found = _principal_planes(planes, weights)
    if guide is not None or allowed is not None or repair is not None:
        # It is measured on the source as a whole, where borders between surfaces are joints, too.
        structure = 0.0
    free = variety * (1 - _STRUCTURE * structure)
    least, block = (low * (high / low) ** free for low, high in (_COARSEST, _BLOCK))
    shorter = min(planes.shape[:2])
    coarsest = _COARSEST[0] * (_COARSEST[1] / _COARSEST[0]) ** free**_COARSEST_POWER
    coarsest = max(least, min(coarsest, shorter / _OF_LARGE))
    quilts = structure > 0
    largest = LARGEST_COPY * max(1.0, _USUAL_VARIETY / max(variety, 1e-6))
    if coarsest > least and not quilts:
        # Halves of the source alone: an odd step between octaves breaks what is coherent.
        coarsest = shorter / 2 ** int(np.rint(np.log2(shorter / coarsest)))
    # Blocks that fit to each other need no small octave to agree, but one in which joints are seen.
    coarsest = max(coarsest, structure * _COARSEST_OF_STRUCTURE)
    if repair is not None:
        coarsest = max(_COARSEST[0], min(planes.shape[:2]) * PATCH / (2 * _widest(repair.hole)))
    octaves, smaller = _octaves(_projected(planes, *found), coarsest, (height, width))
    known = None if repair is None else _projected(repair.planes, *found)
    transfer: Transfer | None = None
    for number, rounds in _counted(len(octaves), progress):
        down, right = (Repetition(r.period and r.period / smaller[number], r.strength) for r in repeats)
        shape = octaves[number].shape[:2]
        field = _field(empty_transfer(shape, source_wrap, shape, source_wrap), (height, width), smaller[number], wrap)
        forbidden = None if allowed is None else _forbidden(allowed, shape, source_wrap)
        if forbidden is not None and forbidden.all():
            continue
        guides = _guides_of(guide, shape, (field.height, field.width))
        source = Source.of(octaves[number], source_wrap, (down, right), rng, guides=guides, forbidden=forbidden)
        target: Target = VotedPicture(source)
        active = None
        if repair is not None and known is not None:
            inside = _resized(repair.hole[..., np.newaxis].astype(np.float32), field.height, field.width) > 0
            active = _touched(inside[..., 0], field)
            around = FixedPicture(_filled(_resized(known, field.height, field.width), inside[..., 0]))
            target = RepairedPicture(source, around, FixedPicture(inside.astype(np.float32)))
        few = len(source.projected) * field.down.size <= _MAX_PAIRS and transfer is None and repair is None
        first = transfer is None
        if transfer is not None:
            transfer = _finer(transfer, field)
        elif quilts:
            side = max(PATCH, round(block * min(shape)))
            transfer = quilted_transfer(field, octaves[number], side, rng)
        else:
            transfer = _scattered(field, source, block, rng)
        transfer = _allowed(source.in_phase(transfer), forbidden, rng)
        # Large blocks can leave out some of the tones.
        tones = ToneUse(source.tones()) if quilts else None
        factors: Pixels | None = None
        last = _rounds(len(octaves))[number] - 1
        for turn in rounds:
            if few:
                transfer, factors = balanced_matches(transfer, target, source, tones, factors)
            else:
                # What surrounds a hole is the first guess of what is in it.
                guess = around if first and turn == 0 and repair is not None else target
                if tones is not None:
                    tones.adjust(transfer.numbers, _TONE_RATE)
                dear = _dear(transfer, source, tones, active)
                transfer = improved_matches(transfer, guess, source, dear, rng, threads=threads, active=active)
            transfer = source.in_cells(transfer)
            if not few and last - _HEALING <= turn < last:
                dear = _dear(transfer, source, tones, active)
                transfer = separated_transfer(transfer, target, source, dear, largest, rng, active)
        if shown is not None:
            shown(transfer, number)
    if transfer is None:
        raise MatshotError(
            f"No part of {PATCH} x {PATCH} pixels may be used; allow more of the source, or use a larger one."
        )
    return transfer


def matching_transfer(
    planes: Pixels,
    target: Pixels,
    *,
    wrap: Wrap = "none",
    source_wrap: Wrap = "none",
    seed: int = 0,
    threads: int = 1,
    progress: Progress | None = None,
    guide: Guide | None = None,
) -> Transfer:
    """Patches of a source, arranged so that they look like another picture.

    Args:
        planes: source, ``H x W x C``.
        target: the picture ``h x w x C``, of the same planes.
        wrap: axes on which the picture repeats.
        source_wrap: axes on which the source repeats.
        seed: of all choices.
        threads: that compare patches.
        progress: called after every round.
        guide: what of the source belongs where.

    Raises:
        MatshotError: if a side is shorter than a patch.
        Cancelled: when the listener raises it.
    """
    height, width = target.shape[:2]
    _check_size(planes.shape[1], planes.shape[0], "source")
    _check_size(width, height, "result")
    rng = np.random.default_rng(seed)
    found = _principal_planes(planes, [1.0] * planes.shape[2])
    octaves, smaller = _octaves(_projected(planes, *found), _COARSEST[0], (height, width))
    picture = _projected(target, *found)
    transfer: Transfer | None = None
    for number, rounds in _counted(len(octaves), progress):
        shape = octaves[number].shape[:2]
        field = _field(empty_transfer(shape, source_wrap, shape, source_wrap), (height, width), smaller[number], wrap)
        source = Source.of(
            octaves[number], source_wrap, IRREGULAR, rng, guides=_guides_of(guide, shape, (field.height, field.width))
        )
        transfer = _scattered(field, source, 0.0, rng) if transfer is None else _finer(transfer, field)
        fixed = FixedPicture(_resized(picture, field.height, field.width))
        for _ in rounds:
            transfer = improved_matches(transfer, fixed, source, use_penalty(transfer), rng, threads=threads)
    assert transfer is not None  # there is at least one octave
    return transfer


def enlarged_transfer(transfer: Transfer, size: tuple[int, int], source_size: tuple[int, int]) -> Transfer:
    """The same arrangement of a larger source's patches.

    Args:
        transfer: arrangement.
        size: rows and columns of the larger result.
        source_size: rows and columns of the larger source, as many times as large.
    """
    return _finer(transfer, empty_transfer(size, transfer.wrap, source_size, transfer.source_wrap))


def inpainted_planes(
    planes: Pixels,
    hole: NDArray[np.bool_],
    *,
    weights: Sequence[float] | None = None,
    wrap: Wrap = "none",
    seed: int = 0,
    threads: int = 1,
    progress: Progress | None = None,
) -> Pixels:
    """Planes with a hole that is inpainted from the rest; its present contents are the first guess.

    Args:
        planes: ``H x W x C``, at least 8 pixels per side.
        hole: ``H x W``; some patch of 8 x 8 pixels has to lie outside.
        weights: what a squared difference of each plane counts; all 1 if not given.
        wrap: axes on which the result repeats.
        seed: of all choices.
        threads: that compare patches.
        progress: called after every round.

    Returns:
        ``H x W x C``, outside the hole the given planes bit for bit.

    Raises:
        MatshotError: if a side is shorter than a patch, or too little lies outside the hole.
        Cancelled: when the listener raises it.
    """
    if not hole.any():
        _check_size(planes.shape[1], planes.shape[0], "picture")
        return planes
    transfer = inpainting_transfer(
        planes, hole, weights=weights, wrap=wrap, seed=seed, threads=threads, progress=progress
    )
    result = planes.copy()
    result[hole] = transfer.apply(planes)[hole]
    return result


def inpainting_transfer(
    planes: Pixels,
    hole: NDArray[np.bool_],
    *,
    weights: Sequence[float] | None = None,
    wrap: Wrap = "none",
    seed: int = 0,
    even_use: bool = False,
    threads: int = 1,
    progress: Progress | None = None,
) -> Transfer:
    """Where the pixels of a hole come from when it is inpainted from the rest; its contents are the first guess.

    Args:
        planes: ``H x W x C``, at least 8 pixels per side.
        hole: ``H x W``; some patch of 8 x 8 pixels has to lie outside.
        weights: what a squared difference of each plane counts; all 1 if not given.
        wrap: axes on which the result repeats.
        seed: of all choices.
        even_use: whether patches that are in use often become dearer. A small hole is best filled by what fits best; in
            a large one that would be what is smooth.
        threads: that compare patches.
        progress: called after every round.

    Returns:
        A transfer from the planes to themselves, each patch outside the hole from its own place.

    Raises:
        MatshotError: if a side is shorter than a patch, or too little lies outside the hole.
        Cancelled: when the listener raises it.
    """
    height, width, channels = planes.shape
    _check_size(width, height, "picture")
    rng = np.random.default_rng(seed)
    guide = _projected(planes, *_principal_planes(planes, weights if weights is not None else [1.0] * channels))
    # In an octave where the hole is no wider than half a patch, what surrounds it decides all of it.
    widest = 2 * float(cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, 5).max())
    octaves, _ = _octaves(guide, max(_COARSEST[0], min(height, width) * PATCH / (2 * widest)), (height, width))
    transfer: Transfer | None = None
    for number, rounds in _counted(len(octaves), progress):
        inside = _resized(hole[..., np.newaxis].astype(np.float32), *octaves[number].shape[:2]) > 0
        source = Source.of(octaves[number], wrap, IRREGULAR, rng)
        field = empty_transfer((source.height, source.width), wrap, (source.height, source.width), wrap, stride=1)
        touched = _touched(inside[..., 0], field)
        if touched.all():
            continue
        places = np.flatnonzero(~touched)
        chosen = np.unravel_index(places[rng.integers(len(places), size=touched.shape)], touched.shape)
        current = field.with_patches(*chosen) if transfer is None else _finer(transfer, field)
        forbidden = touched[current.down, current.right]
        current = current.with_patches(
            np.where(forbidden, chosen[0], current.down), np.where(forbidden, chosen[1], current.right)
        )
        own = np.indices(touched.shape)
        current = current.with_patches(
            np.where(touched, current.down, own[0]), np.where(touched, current.right, own[1])
        )
        penalty = np.where(touched, np.float32(np.inf), np.float32(0)).ravel()
        fixed = FixedPicture(octaves[number])
        repaired = RepairedPicture(source, fixed, FixedPicture(inside.astype(np.float32)))
        for turn in rounds:
            # The present contents are the first guess.
            target = fixed if transfer is None and turn == 0 else repaired
            dear = penalty + use_penalty(current) if even_use else penalty
            current = improved_matches(current, target, source, dear, rng, threads=threads, active=touched)
        transfer = current
    if transfer is None:
        raise MatshotError(
            "Too little of the texture is outside the part to inpaint; use a narrower band or a larger texture."
        )
    return transfer


def _check_size(width: int, height: int, what: str) -> None:
    if min(width, height) < PATCH:
        raise MatshotError(f"The {what} has {width} x {height} pixels; at least {PATCH} x {PATCH} are needed.")


def _principal_planes(planes: Pixels, weights: Sequence[float]) -> tuple[Pixels, Pixels]:
    """Mean, and a matrix to as few planes as explain it; with it patches have a mean square of about 1."""
    flat = planes.reshape(-1, planes.shape[2]).astype(np.float64)
    mean = flat.mean(axis=0)
    scale = np.sqrt(np.asarray(weights, dtype=np.float64))
    flat = (flat - mean) * scale
    values, vectors = np.linalg.eigh(flat.T @ flat / len(flat))
    explained = np.cumsum(values[::-1]) / max(values.sum(), 1e-20)
    count = min(_PLANES, 1 + int(np.count_nonzero(explained < 0.995)), len(values))
    matrix = scale[:, None] * vectors[:, ::-1][:, :count] / np.sqrt(max(values.sum(), 1e-20))
    return mean.astype(np.float32), matrix.astype(np.float32)


def _projected(planes: Pixels, mean: Pixels, matrix: Pixels) -> Pixels:
    return np.asarray((planes - mean) @ matrix)


def _octaves(guide: Pixels, coarsest: float, size: tuple[int, int]) -> tuple[list[Pixels], list[float]]:
    """A source at halves of its size, last at the coarsest, and how many times smaller than it each is.

    Halves keep pieces of the source together from octave to octave; after the one odd step there are rounds enough.

    Args:
        guide: source.
        coarsest: shorter side of the last one, unless that or its result would be smaller than a patch.
        size: of the result.
    """
    shorter = min(guide.shape[:2])
    coarsest = min(shorter, max(coarsest, PATCH, shorter * PATCH / min(size)))
    octaves, smaller = [guide], [1.0]
    while shorter / smaller[-1] >= _ODD_STEP * coarsest:
        smaller.append(min(2 * smaller[-1], shorter / coarsest))
        high, wide = (max(PATCH, int(side / smaller[-1])) for side in guide.shape[:2])
        octaves.append(_resized(octaves[-1], high, wide))
    return octaves, smaller


def _resized(pixels: Pixels, height: int, width: int) -> Pixels:
    """Mean of what each pixel covers."""
    # The filter takes up to four channels at a time.
    parts = [np.ascontiguousarray(pixels[..., first : first + 4]) for first in range(0, pixels.shape[2], 4)]
    small = [cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA) for part in parts]
    return np.concatenate([part.reshape(height, width, -1) for part in small], axis=2)


def _counted(octaves: int, progress: Progress | None) -> Iterator[tuple[int, Iterator[int]]]:
    """Numbers of octaves from the coarsest down to 0, each with its rounds, after which progress is reported."""
    rounds = _rounds(octaves)
    work = rounds / 4.0 ** np.arange(octaves)

    def turns(number: int) -> Iterator[int]:
        for turn in range(rounds[number]):
            yield turn
            if progress is not None:
                progress((work[number + 1 :].sum() + work[number] * (turn + 1) / rounds[number]) / work.sum())

    for number in reversed(range(octaves)):
        yield number, turns(number)


def _dear(transfer: Transfer, source: Source, tones: ToneUse | None, active: NDArray[np.bool_] | None = None) -> Pixels:
    """What each patch of a source costs by how often it, and its tone, is in use."""
    dear = use_penalty(transfer, source.demand, active)
    return dear if tones is None else dear + tones.of(slice(None))


def _rounds(octaves: int) -> NDArray[np.int64]:
    """Rounds of each octave, from the finest on."""
    return np.rint(np.linspace(*_ROUNDS, octaves)).astype(np.int64)


def _field(source: Transfer, size: tuple[int, int], smaller: float, wrap: Wrap) -> Transfer:
    """An empty grid of patches for an octave of a result; sides in coarse octaves are multiples of the stride."""
    sides = [max(PATCH, STRIDE * round(side / smaller / STRIDE)) if smaller > 1 else side for side in size]
    return empty_transfer((sides[0], sides[1]), wrap, (source.height, source.width), source.wrap)


def _guides_of(
    guide: Guide | None, source_size: tuple[int, ...], size: tuple[int, int]
) -> tuple[Pixels, Pixels] | None:
    """Planes of a guide in an octave."""
    if guide is None:
        return None
    return _resized(guide.source, *source_size[:2]), _resized(guide.target, *size)


def _widest(hole: NDArray[np.bool_]) -> float:
    """Width of a hole in pixels where it is widest."""
    return 2 * float(cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, 5).max())


def _forbidden(allowed: NDArray[np.bool_], shape: tuple[int, int], wrap: Wrap) -> NDArray[np.bool_]:
    """Patches of an octave of a source that contain a pixel which is not allowed."""
    outside = _resized((~allowed)[..., np.newaxis].astype(np.float32), *shape)[..., 0] > 0
    return _touched(outside, empty_transfer(shape, wrap, shape, wrap, stride=1))


def _allowed(transfer: Transfer, forbidden: NDArray[np.bool_] | None, rng: np.random.Generator) -> Transfer:
    """The transfer with patches from random places instead of forbidden ones."""
    if forbidden is None:
        return transfer
    places = np.flatnonzero(~forbidden)
    chosen = np.unravel_index(places[rng.integers(len(places), size=transfer.down.shape)], forbidden.shape)
    bad = forbidden[transfer.down, transfer.right]
    return transfer.with_patches(np.where(bad, chosen[0], transfer.down), np.where(bad, chosen[1], transfer.right))


def _filled(picture: Pixels, hole: NDArray[np.bool_]) -> Pixels:
    """A picture whose hole is filled smoothly from what surrounds it."""
    result, open_ = picture.copy(), hole.copy()
    known = (~hole).astype(np.float32)
    reach = 1.0
    while open_.any() and reach < 4 * max(hole.shape):
        weight = cv2.GaussianBlur(known, (0, 0), reach)
        near = open_ & (weight > 1e-3)
        for channel in range(picture.shape[2]):
            soft = cv2.GaussianBlur(picture[..., channel] * known, (0, 0), reach)
            result[..., channel][near] = soft[near] / weight[near]
        open_ &= ~near
        reach *= 2
    result[open_] = 0
    return result


def _scattered(field: Transfer, source: Source, block: float, rng: np.random.Generator) -> Transfer:
    """Square blocks from random places of the source.

    Args:
        field: grid to fill.
        source: of patches.
        block: side of a block in parts of the source's shorter side; at least a patch.
        rng: of places.
    """
    side = max(PATCH, round(block * min(source.height, source.width)))
    at = [np.arange(count) * stride for count, stride in zip(field.down.shape, field.strides, strict=True)]
    numbers = np.ix_(at[0] // side, at[1] // side)
    counts = (at[0][-1] // side + 1, at[1][-1] // side + 1)
    down, right = (rng.integers(limit, size=counts)[numbers] for limit in field.limits)
    inside = np.ix_(at[0] % side, at[1] % side)
    return field.with_patches((down + inside[0]) % field.limits[0], (right + inside[1]) % field.limits[1])


def _finer(coarse: Transfer, field: Transfer) -> Transfer:
    """A larger grid, whose patches come from where the coarse ones around them do."""
    parents, rests = [], []
    for axis in (0, 1):
        scale = (field.height, field.width)[axis] / (coarse.height, coarse.width)[axis]
        at = np.arange(field.down.shape[axis]) * field.strides[axis]
        middle = (at + PATCH / 2) / scale - PATCH / 2
        parent = np.rint(middle / coarse.strides[axis]).astype(np.intp).clip(0, coarse.down.shape[axis] - 1)
        parents.append(parent)
        rests.append(np.rint(at - scale * parent * coarse.strides[axis]).astype(np.intp))
    places = np.ix_(*parents)
    source_scale = (field.source_height / coarse.source_height, field.source_width / coarse.source_width)
    down = np.rint(source_scale[0] * coarse.down[places]).astype(np.intp) + rests[0][:, np.newaxis]
    right = np.rint(source_scale[1] * coarse.right[places]).astype(np.intp) + rests[1]
    return field.with_patches(down, right)


def _touched(hole: NDArray[np.bool_], field: Transfer) -> NDArray[np.bool_]:
    """Patches of a grid that a hole lies under in part."""
    border = [(0, PATCH - 1 if letter in field.wrap else 0) for letter in "yx"]
    whole = np.pad(hole, border, mode="wrap").astype(np.uint8)
    # The kernel's anchor is its upper left corner.
    grown = cv2.dilate(whole, np.ones((PATCH, PATCH), np.uint8), anchor=(0, 0))[
        :: field.strides[0], :: field.strides[1]
    ]
    return np.asarray(grown[: field.down.shape[0], : field.down.shape[1]] > 0)
