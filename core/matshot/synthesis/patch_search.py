"""Nearest patches: for every patch of a picture, the most similar one of a source."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..image.color import Pixels
from ..image.types import Wrap
from .correspondence import PATCH, SOFT, Index, Span, Transfer, start_count, with_border
from .periodicity import Repetition, is_of_cells
from .tone_use import ToneUse

#: Periods from the first pixel to places along an axis, and a period in pixels; None where nothing repeats.
Cycles = tuple[NDArray[np.float64], float | None]

#: Principal components in which patches are compared.
_COMPONENTS = 40
#: Patches that these are computed from.
_SAMPLES = 20000
#: Rows of the source that are projected at a time.
_ROWS = 64
#: Pairs of patches that are compared at a time.
_PAIRS = 8_000_000
#: Iterations of the prices.
_ITERATIONS = 15
#: Their temperature, in parts of the mean squared size of patches.
_TEMPERATURE = 0.03
#: Change of a tone's price at twice the fair use, and turns of it, in the transport plan.
_TONE_RATE = 0.3
_TONE_TURNS = 6
#: Entries of a row of the transport plan that prices of tones choose among.
_CANDIDATES = 64
#: Cost of use at twice the fair amount, in parts of the mean distance found.
_FAIRNESS = 1.0
#: Least mean distance for that, in parts of the mean squared size of patches.
_LEAST_DISTANCE = 0.01
#: Cost of a patch whose phase is off by half a period, in parts of the mean squared size of patches, where the
#: repetition's strength is 1/2; with strength s it is proportional to s / (1 - s).
_PHASE_COST = 0.5
#: Upper bound of that cost.
_MAX_PHASE_COST = 8.0
#: Least side of a cell in patches.
_LEAST_CELL = 2
#: Vote of a patch from a cell that the source's border cuts, for another one instead.
_CUT_VOTE = 1e-3
#: Deviation in pixels of the weights by which the two edges of a joint are joined.
_JOINT_WIDTH = 2.0
#: Cost of a patch where a guide says something else, in parts of the mean squared size of patches.
_GUIDE_COST = 6.0
#: Principal components in which guides are compared.
_TAG_COMPONENTS = 16
#: Patches of source and target that these are computed from.
_TAG_SAMPLES = 6000
#: Kinds of patches that a guide tells apart.
_KINDS = 24
#: Least demand for a patch that is allowed.
_LEAST_DEMAND = 0.05
#: Shortest period in pixels that patches at whole pixels can follow.
_SHORTEST = 2.5
#: Sweeps of propagation and random search.
_SWEEPS = 2
#: Random positions in each.
_PLACES = 3
#: Steps to the patches whose matches are propagated.
_NEIGHBORS = ((1, 0), (-1, 0), (0, 1), (0, -1))


class Target(Protocol):
    """A picture whose patches are to be found."""

    def rows(self, transfer: Transfer, first: int, last: int, columns: Span | None = None) -> Pixels:
        """Pixels under some rows, and columns, of a transfer's patches, as :meth:`Transfer.rows` gives them."""


@dataclass(frozen=True)
class Source:
    """A source of patches.

    Attributes:
        pixels: ``H x W x C``, bordered.
        height: without the border.
        width: without the border.
        wrap: axes on which it repeats.
        basis: principal components, ``(PATCH^2 C) x k``.
        projected: every patch in them, row by row, and then its place in the repetition; ``N x (k + ...)``.
        size: mean squared length of the patches' descriptions.
        repeats: repetitions down and across whose phase patches keep.
        tags: what a guide adds to the description of the target's patches; None without one.
        demand: use of each patch that is fair, in parts of the mean: as often as the target's guide asks for what the
            source's says of it, and 0 for those that are forbidden. None where all are alike.
    """

    pixels: Pixels
    height: int
    width: int
    wrap: Wrap
    basis: Pixels
    projected: Pixels
    size: float
    repeats: tuple[Repetition, Repetition]
    tags: Tags | None = None
    demand: Pixels | None = None

    @staticmethod
    def of(
        pixels: Pixels,
        wrap: Wrap,
        repeats: tuple[Repetition, Repetition],
        rng: np.random.Generator,
        *,
        guides: tuple[Pixels, Pixels] | None = None,
        forbidden: NDArray[np.bool_] | None = None,
    ) -> Source:
        """Describe all patches.

        Args:
            pixels: ``H x W x C`` with a mean of zero.
            wrap: axes on which they repeat.
            repeats: repetitions inside, down and across.
            rng: chooses the patches that components are found from.
            guides: planes ``H x W x K`` of the source and ``h x w x K`` of the target, in which a squared distance of 1
                is as bad as another label.
            forbidden: ``rows x columns`` of patches that must not be used.
        """
        height, width = pixels.shape[:2]
        whole = with_border(pixels, wrap)
        rows, columns = start_count(height, "y" in wrap), start_count(width, "x" in wrap)
        chosen = rng.integers(rows * columns, size=min(_SAMPLES, 4 * rows * columns))
        sample = sliding_window_view(whole, (PATCH, PATCH), axis=(0, 1))[chosen // columns, chosen % columns]
        flat = sample.reshape(len(chosen), -1).astype(np.float64)
        _, vectors = np.linalg.eigh(flat.T @ flat)
        basis = np.ascontiguousarray(vectors[:, ::-1][:, :_COMPONENTS], dtype=np.float32)
        projected = np.concatenate(
            [_projected(whole[row : min(row + _ROWS, rows) + PATCH - 1], basis) for row in range(0, rows, _ROWS)]
        )
        size = max(float(np.square(projected).sum(axis=1, dtype=np.float64).mean()), 1e-12)
        source = Source(whole, height, width, wrap, basis, projected, size, repeats)
        phases = source.phases(
            *(_cycles(np.arange(n), r.period) for n, r in zip((rows, columns), repeats, strict=True))
        )
        if phases is not None:
            source = replace(source, projected=np.concatenate([projected, phases.reshape(rows * columns, -1)], axis=1))
        if guides is not None:
            source = _tagged(source, *guides, rng)
        if forbidden is not None:
            demand = np.ones(rows * columns, dtype=np.float32) if source.demand is None else source.demand.copy()
            demand[forbidden.ravel()] = 0
            source = replace(source, demand=demand / max(float(demand.mean()), 1e-6))
        return source

    def tones(self) -> Pixels:
        """Mean of each plane over every patch, as far as its components say it; ``N x C``."""
        planes, components = self.pixels.shape[2], self.basis.shape[1]
        means = self.basis.reshape(planes, PATCH * PATCH, components).mean(axis=1)
        return np.asarray(self.projected[:, :components] @ means.T)

    def phases(self, down: Cycles, right: Cycles) -> Pixels | None:
        """Places in the repetitions, ``rows x columns x k``; the cost of a wrong phase is a squared difference.

        Args:
            down: periods from the first row to each row; where nothing repeats only their number counts.
            right: likewise for columns.

        Returns:
            None where nothing repeats on either axis.
        """
        parts = []
        shape = (len(down[0]), len(right[0]))
        for axis, (turns, period) in enumerate((down, right)):
            if period is None:
                continue
            strength = self.repeats[axis].strength
            stiffness = min(_PHASE_COST * strength / max(1 - strength, 1e-6), _MAX_PHASE_COST)
            angle = np.broadcast_to(np.expand_dims(2 * np.pi * turns, 1 - axis), shape)
            parts += [np.sqrt(stiffness * self.size) / 2 * wave for wave in (np.cos(angle), np.sin(angle))]
        return np.stack(parts, axis=2).astype(np.float32) if parts else None

    def in_phase(self, transfer: Transfer) -> Transfer:
        """The same patches, moved as little as possible to the phase of the repetitions."""
        moved = []
        for axis, (place, limit) in enumerate(zip((transfer.down, transfer.right), transfer.limits, strict=True)):
            period = self.repeats[axis].period
            cycles, own = _result_cycles(transfer, self, axis)
            if period is None or own is None:
                moved.append(place.astype(np.int64))
                continue
            ahead = np.mod(np.expand_dims(cycles, 1 - axis) * period - place + period / 2, period) - period / 2
            there = place + ahead
            there = np.where(there < -0.5, there + period, there)
            there = np.where(there > limit - 0.5, there - period, there)
            moved.append(np.rint(there).astype(np.int64))
        return transfer.with_patches(moved[0], moved[1])

    @property
    def is_of_cells(self) -> bool:
        """Whether the texture is laid of whole cells at this size, as tiles are."""
        return is_of_cells(self.repeats) and min(repeat.period or 0.0 for repeat in self.repeats) >= _LEAST_CELL * PATCH

    def in_cells(self, transfer: Transfer) -> Transfer:
        """The same patches, where the source is laid of cells each of them from one: the one most of its patches chose.

        Cells end at the strongest edges, as in the joints of tiles, so that neither the tone changes in a tile nor do
        joints step between their crossings.
        """
        if not self.is_of_cells:
            return transfer
        periods = [repeat.period or 0.0 for repeat in self.repeats]
        cells, steps, whole = [], [], np.ones(transfer.down.shape, dtype=bool)
        for axis, (place, period) in enumerate(zip((transfer.down, transfer.right), periods, strict=True)):
            joint = self._joint(axis, period) / period
            turns, own = _result_cycles(transfer, self, axis)
            cell = np.floor(turns + PATCH / 2 / (own or period) - joint + 1e-6).astype(np.int64)
            step = np.rint(place / period - np.expand_dims(turns, 1 - axis)).astype(np.int64)
            # Cells that the source's border cuts show that cut, even where it is faint enough to pass as a repeat.
            last = int(np.floor((self.height, self.width)[axis] / period - joint - 1 + 1e-6))
            if last < 1:
                return transfer
            there = step + np.expand_dims(cell, 1 - axis)
            whole &= (there >= 0) & (there <= last)
            step = np.mod(there, last + 1) - np.expand_dims(cell, 1 - axis)
            cells.append(np.broadcast_to(np.expand_dims(cell - cell.min(), 1 - axis), place.shape))
            steps.append(step)
        wide = [int(np.ptp(step)) + 1 for step in steps]
        least = [int(step.min()) for step in steps]
        chosen = _most(
            cells[0] * (int(cells[1].max()) + 1) + cells[1],
            (steps[0] - least[0]) * wide[1] + steps[1] - least[1],
            np.where(whole, 1.0, _CUT_VOTE),
        )
        places = []
        for axis, step in enumerate((chosen // wide[1] + least[0], chosen % wide[1] + least[1])):
            turns, _ = _result_cycles(transfer, self, axis)
            places.append(np.rint((np.expand_dims(turns, 1 - axis) + step) * periods[axis]).astype(np.int64))
        return self.in_phase(replace(transfer, down=places[0].astype(np.int32), right=places[1].astype(np.int32)))

    def _joint(self, axis: int, period: float) -> float:
        """Where in a period edges across the axis are strongest, in pixels: between the two edges of a joint."""
        pixels = np.moveaxis(self.pixels[: self.height, : self.width], axis, 0)
        steps = np.square(np.diff(pixels, axis=0)).mean(axis=(1, 2))
        phase = np.floor(np.mod(np.arange(len(steps)) + 1, period)).astype(np.intp)
        profile = np.bincount(phase, steps) / np.maximum(np.bincount(phase), 1)
        around = np.tile(profile, 3)[np.newaxis]
        smooth = cv2.GaussianBlur(around, (0, 0), _JOINT_WIDTH)[0, len(profile) : 2 * len(profile)]
        return float(np.argmax(smooth))


def _most(cells: NDArray[np.int64], values: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """The value, at least 0, of most weight in each cell, the least of equals; for each place."""
    count = int(values.max()) + 1
    kinds, inverse = np.unique(cells * count + values, return_inverse=True)
    votes = np.bincount(inverse.ravel(), weights.ravel())
    owners = kinds // count
    order = np.lexsort((-votes, owners))
    best = np.zeros(int(owners.max()) + 1, dtype=np.int64)
    cell, first = np.unique(owners[order], return_index=True)
    best[cell] = kinds[order[first]] % count
    return best[cells]


def _cycles(place: NDArray[np.intp], period: float | None) -> Cycles:
    return place / (period or 1.0), period if period is not None and period >= _SHORTEST else None


def _result_cycles(transfer: Transfer, source: Source, axis: int) -> Cycles:
    """Periods from the result's first pixel to each patch; a whole number of them fits on an axis that repeats."""
    own = period = source.repeats[axis].period
    side = (transfer.height, transfer.width)[axis]
    if period is not None and period >= _SHORTEST and "yx"[axis] in transfer.wrap:
        own = side / max(1, round(side / period))
    return _cycles(np.arange(transfer.down.shape[axis]) * transfer.strides[axis], own)


def balanced_matches(
    transfer: Transfer,
    target: Target,
    source: Source,
    tones: ToneUse | None = None,
    before: Pixels | None = None,
) -> tuple[Transfer, Pixels]:
    """Patches such that all of the source is used equally: the best entry in each row of the transport plan.

    All pairs of patches are compared; the prices are iterated on some of the rows. They are those of the plan as a
    whole, of which the best entries are only a part; ``tones`` makes these even, too.

    Args:
        transfer: patches so far.
        target: picture that they are to be like.
        source: of patches.
        tones: whose use is to be even.
        before: factors of an earlier turn, from which the iteration starts half way; all of it would add up from turn
            to turn what the best entries do not follow.

    Returns:
        The patches, and the factors on the columns of the plan.
    """
    queries = queries_of(transfer, target, source, 0, len(transfer.down), None)
    lengths = np.square(source.projected).sum(axis=1)
    scale = np.float32(-1 / (_TEMPERATURE * source.size))

    def kernel(sample: Pixels) -> Pixels:
        distances = lengths - 2 * (sample @ source.projected.T)
        distances -= distances.min(axis=1, keepdims=True)
        distances *= scale
        return np.asarray(np.exp(np.maximum(distances, -80, out=distances), out=distances))

    rows = max(1, _PAIRS // len(source.projected))
    sample = kernel(queries[:: -(-len(queries) // rows)])
    demand = np.ones(sample.shape[1], dtype=np.float32) if source.demand is None else source.demand
    price: Pixels = demand if before is None else np.sqrt(before * demand)
    for _ in range(_ITERATIONS):
        share = 1 / np.maximum(sample @ price, 1e-30)
        price = np.asarray(demand * (len(sample) / len(demand)) / np.maximum(share @ sample, 1e-30), dtype=np.float32)
    found = price
    sample *= price
    if tones is not None:
        factors = _tone_factors(sample, tones)
        price, sample = price * factors, np.multiply(sample, factors, out=sample)
    if len(sample) == len(queries):
        parts = [sample.argmax(axis=1)]
    else:
        parts = [(kernel(queries[row : row + rows]) * price).argmax(axis=1) for row in range(0, len(queries), rows)]
    places = np.concatenate(parts).reshape(transfer.down.shape)
    return transfer.with_patches(*np.divmod(places, transfer.limits[1])), found


def _tone_factors(plan: Pixels, tones: ToneUse) -> Pixels:
    """Factors on the columns of a transport plan with which its best entries use tones most evenly; ``N``."""
    count = min(_CANDIDATES, plan.shape[1])
    candidates = np.argpartition(plan, plan.shape[1] - count, axis=1)[:, -count:].astype(np.int32)
    entries = np.log(np.maximum(np.take_along_axis(plan, candidates, axis=1), 1e-30))
    least, best = np.inf, np.zeros(plan.shape[1], dtype=np.float32)
    for _ in range(_TONE_TURNS):
        chosen = (entries - tones.of(candidates)).argmax(axis=1)
        prices = tones.of(slice(None))
        beyond = tones.adjust(candidates[np.arange(len(chosen)), chosen], _TONE_RATE)
        if beyond < least:
            least, best = beyond, prices
    return np.exp(-best)


def improved_matches(
    transfer: Transfer,
    target: Target,
    source: Source,
    penalty: Pixels,
    rng: np.random.Generator,
    *,
    threads: int = 1,
    active: NDArray[np.bool_] | None = None,
) -> Transfer:
    """Patches that are at least as near: those of neighbors and of a random search, where they are better.

    Args:
        transfer: patches so far.
        target: picture that they are to be like.
        source: of patches.
        penalty: on each patch of the source, at least 0: that of :func:`use_penalty`, or infinite on forbidden ones.
        rng: for the random search.
        threads: that search.
        active: patches of the grid that may change; all if not given.
    """
    bands = list(transfer.bands())
    seeds = rng.integers(1 << 62, size=len(bands))

    def band(number: int) -> tuple[Index, Index]:
        first, last = bands[number]
        sample = np.ones((last - first, transfer.down.shape[1]), bool) if active is None else active[first:last]
        if not sample.any():
            return transfer.down[first:last], transfer.right[first:last]
        queries = queries_of(transfer, target, source, first, last, None if active is None else sample)
        return _band_matches(
            transfer, source, queries, first, last, sample, penalty, np.random.default_rng(seeds[number])
        )

    # Every band sees the others as they were, so that it does not matter which is done first.
    with ThreadPoolExecutor(max(1, threads)) as pool:
        field_rows = list(pool.map(band, range(len(bands))))
    return transfer.with_patches(np.concatenate([y for y, _ in field_rows]), np.concatenate([x for _, x in field_rows]))


def use_penalty(transfer: Transfer, demand: Pixels | None = None, active: NDArray[np.bool_] | None = None) -> Pixels:
    """Use of each patch of the source beyond the fair amount, in parts of that; ``N``.

    Args:
        transfer: that uses them.
        demand: as :class:`Source` has it; where it is 0 the penalty is infinite.
        active: patches that count; all if not given.
    """
    rows, columns = transfer.limits
    places = transfer.numbers[... if active is None else active].ravel()
    counts = np.bincount(places, minlength=rows * columns).astype(np.float32)
    dense = cv2.blur(counts.reshape(rows, columns), (PATCH, PATCH), borderType=cv2.BORDER_REFLECT)
    # One coherent piece of the source is fair, however small a part of it that is: a result smaller than the source
    # would else be of patches from everywhere, whose mean is a blur.
    fair = max(places.size / (rows * columns), 1 / (transfer.strides[0] * transfer.strides[1]))
    if demand is None:
        return np.asarray(np.maximum(0, dense / fair - 1), dtype=np.float32).ravel()
    penalty = np.maximum(0, dense.ravel() / (fair * np.maximum(demand, _LEAST_DEMAND)) - 1)
    return np.asarray(np.where(demand > 0, penalty, np.float32(np.inf)), dtype=np.float32)


def _tagged(source: Source, own: Pixels, target: Pixels, rng: np.random.Generator) -> Source:
    """The source with its guide in the description of its patches, and with the demand for each of them."""
    rows = start_count(source.height, "y" in source.wrap)
    whole = with_border(own, source.wrap)
    high, wide = (max(PATCH, side) for side in target.shape[:2])
    seen = np.pad(target, ((0, high - target.shape[0]), (0, wide - target.shape[1]), (0, 0)), mode="edge")
    windows, theirs = (sliding_window_view(one, (PATCH, PATCH), axis=(0, 1)) for one in (whole, seen))
    drawn = [rng.integers(windows.shape[0] * windows.shape[1], size=_TAG_SAMPLES)]
    drawn.append(rng.integers(theirs.shape[0] * theirs.shape[1], size=_TAG_SAMPLES))
    samples = [
        all_[numbers // all_.shape[1], numbers % all_.shape[1]].reshape(_TAG_SAMPLES, -1)
        for all_, numbers in zip((windows, theirs), drawn, strict=True)
    ]
    both = np.concatenate(samples).astype(np.float64)
    _, vectors = np.linalg.eigh(both.T @ both)
    scale = np.sqrt(_GUIDE_COST * source.size) / PATCH
    basis = np.asarray(vectors[:, ::-1][:, :_TAG_COMPONENTS] * scale, dtype=np.float32)
    tags = np.concatenate(
        [_projected(whole[row : min(row + _ROWS, rows) + PATCH - 1], basis) for row in range(0, rows, _ROWS)]
    )
    # How often each kind of patch is wanted: kinds are clusters of what the guide says in the source.
    offered, wanted = (sample.astype(np.float32) @ basis for sample in samples)
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    unknown = np.zeros((_TAG_SAMPLES, 1), dtype=np.int32)
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, 10, 0)
    _, _, centers = cv2.kmeans(offered, _KINDS, unknown, criteria, 1, cv2.KMEANS_PP_CENTERS)
    lengths = np.square(centers).sum(axis=1)
    kinds = [np.argmin(lengths - 2 * described @ centers.T, axis=1) for described in (offered, wanted, tags)]
    counts = [1 + np.bincount(kind, minlength=_KINDS) for kind in kinds[:2]]
    demand = (counts[1] / counts[0])[kinds[2]].astype(np.float32)
    return replace(
        source,
        projected=np.concatenate([source.projected, tags], axis=1),
        tags=Tags(FixedPicture(target), basis),
        demand=demand / demand.mean(),
    )


def _projected(pixels: Pixels, basis: Pixels, strides: tuple[int, int] = (1, 1)) -> Pixels:
    windows = sliding_window_view(pixels, (PATCH, PATCH), axis=(0, 1))[:: strides[0], :: strides[1]]
    return np.asarray(windows.reshape(-1, len(basis)) @ basis)


def queries_of(
    transfer: Transfer,
    target: Target,
    source: Source,
    first: int,
    last: int,
    active: NDArray[np.bool_] | None,
    columns: Span | None = None,
) -> Pixels:
    """Descriptions of a target's patches, ``n x k`` as a source has them.

    Args:
        transfer: grid of the patches.
        target: picture that they are cut from.
        source: that describes them.
        first: row of the grid.
        last: row behind the last.
        active: patches of these rows and columns that are described; all if None.
        columns: of the grid; all if not given.
    """
    pixels = target.rows(transfer, first, last, columns)
    step_y, step_x = transfer.strides
    if active is None:
        projected = _projected(pixels, source.basis, transfer.strides)
    else:
        windows = sliding_window_view(pixels, (PATCH, PATCH), axis=(0, 1))[::step_y, ::step_x]
        projected = windows[active].reshape(-1, len(source.basis)) @ source.basis
    left, right = columns or (0, transfer.down.shape[1])
    (down, period_y), (across, period_x) = (_result_cycles(transfer, source, axis) for axis in (0, 1))
    parts = [projected]
    phases = source.phases((down[first:last], period_y), (across[left:right], period_x))
    if phases is not None:
        parts.append(phases.reshape(-1, phases.shape[2]) if active is None else phases[active])
    if source.tags is not None:
        parts.append(source.tags.of_rows(transfer, first, last, active, columns))
    return np.concatenate(parts, axis=1) if len(parts) > 1 else projected


def _band_matches(
    transfer: Transfer,
    source: Source,
    queries: Pixels,
    first: int,
    last: int,
    active: NDArray[np.bool_],
    penalty: Pixels,
    rng: np.random.Generator,
) -> tuple[Index, Index]:
    """Places for a band of the grid, after sweeps in which candidates are tried for all active patches at once."""
    limits = transfer.limits
    count, columns = active.shape
    around = np.arange(first - 1, last + 1)
    around = around % len(transfer.down) if "y" in transfer.wrap else around.clip(0, len(transfer.down) - 1)
    field = transfer.down[around] * np.int32(limits[1]) + transfer.right[around]
    row, column = (index.astype(np.int32) for index in np.nonzero(active))

    def squared(place: Index) -> Pixels:
        difference = source.projected.take(place, axis=0)
        difference -= queries
        return np.asarray(np.einsum("ij,ij->i", difference, difference))

    place = field[row + 1, column]
    distance = squared(place)
    scale = np.float32(_FAIRNESS * (distance.mean(dtype=np.float64) + _LEAST_DISTANCE * source.size))
    best = distance + scale * penalty.take(place)

    def offer(down: Index, right: Index) -> None:
        down = down % limits[0] if "y" in source.wrap else down.clip(0, limits[0] - 1)
        right = right % limits[1] if "x" in source.wrap else right.clip(0, limits[1] - 1)
        other = down * np.int32(limits[1]) + right
        cost = squared(other) + scale * penalty.take(other)
        better = cost < best
        place[better], best[better] = other[better], cost[better]

    for sweep in range(_SWEEPS):
        for dy, dx in _NEIGHBORS:
            beside = (column + dx) % columns if "x" in transfer.wrap else (column + dx).clip(0, columns - 1)
            theirs = field[row + 1 + dy, beside]
            offer(
                theirs // limits[1] - np.int32(dy * transfer.strides[0]),
                theirs % limits[1] - np.int32(dx * transfer.strides[1]),
            )
            field[row + 1, column] = place
        radius = max(limits) >> (3 * sweep)
        for _ in range(_PLACES):
            jump = rng.integers(-radius, radius + 1, size=(2, len(place)), dtype=np.int32)
            for along, repeat in zip(jump, source.repeats, strict=True):
                if repeat.period is not None and _SHORTEST <= repeat.period <= radius:
                    along[:] = np.rint(np.rint(along / repeat.period) * repeat.period)
            offer(place // limits[1] + jump[0], place % limits[1] + jump[1])
            radius = max(1, radius // 4)
        field[row + 1, column] = place
    field_rows = field[1 : count + 1]
    return field_rows // limits[1], field_rows % limits[1]


@dataclass(frozen=True)
class VotedPicture:
    """The picture that patches themselves make: every pixel the mean of theirs."""

    source: Source

    def rows(self, transfer: Transfer, first: int, last: int, columns: Span | None = None) -> Pixels:
        """Pixels under some rows, and columns, of patches."""
        return transfer.rows(self.source.pixels, first, last, SOFT, columns=columns)


@dataclass(frozen=True)
class FixedPicture:
    """A picture that does not change, ``H x W x C``."""

    pixels: Pixels

    def rows(self, transfer: Transfer, first: int, last: int, columns: Span | None = None) -> Pixels:
        """Pixels under some rows, and columns, of patches; beyond an end the last ones again."""
        spans = (first, last), columns or (0, transfer.down.shape[1])
        down, right = (
            np.arange(start * step, (stop - 1) * step + PATCH)
            for (start, stop), step in zip(spans, transfer.strides, strict=True)
        )
        high, wide = self.pixels.shape[:2]
        down = down % high if "y" in transfer.wrap else down.clip(0, high - 1)
        right = right % wide if "x" in transfer.wrap else right.clip(0, wide - 1)
        return np.asarray(self.pixels[np.ix_(down, right)])


@dataclass(frozen=True)
class Tags:
    """What the guide of a target says of its patches.

    Attributes:
        target: planes of the guide.
        basis: principal components, ``(PATCH^2 K) x k``.
    """

    target: FixedPicture
    basis: Pixels

    def of_rows(
        self,
        transfer: Transfer,
        first: int,
        last: int,
        active: NDArray[np.bool_] | None,
        columns: Span | None = None,
    ) -> Pixels:
        """Descriptions of some rows, and columns, of patches, of the active ones if given; ``n x k``."""
        pixels = self.target.rows(transfer, first, last, columns)
        if active is None:
            return _projected(pixels, self.basis, transfer.strides)
        windows = sliding_window_view(pixels, (PATCH, PATCH), axis=(0, 1))
        windows = windows[:: transfer.strides[0], :: transfer.strides[1]]
        return np.asarray(windows[active].reshape(-1, len(self.basis)) @ self.basis)


@dataclass(frozen=True)
class RepairedPicture:
    """A fixed picture outside a hole, and the patches' own inside."""

    source: Source
    fixed: FixedPicture
    hole: FixedPicture

    def rows(self, transfer: Transfer, first: int, last: int, columns: Span | None = None) -> Pixels:
        """Pixels under some rows, and columns, of patches."""
        inside = self.hole.rows(transfer, first, last, columns) > 0
        voted = VotedPicture(self.source).rows(transfer, first, last, columns)
        fixed = self.fixed.rows(transfer, first, last, columns)
        return np.asarray(np.where(inside, voted, fixed), dtype=np.float32)
