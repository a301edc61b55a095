"""A transfer that keeps to labels: every pixel comes from pixels of the source that have its own label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels
from ..image.types import Wrap
from .correspondence import NOWHERE, PATCH, SHARP, Agreement, Arrangement, Transfer, with_border
from .guides import Guide, Labels

#: Steps to the neighbors that a stray pixel may continue.
_NEIGHBORS = np.array([(0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)])
#: Part of the pixels without a neighbor to continue that start somewhere else.
_SEEDS = 1 / 64


@dataclass(frozen=True)
class LabeledTransfer:
    """A transfer whose patches count only where labels agree, and pixels for which none of them does.

    Attributes:
        transfer: patches.
        agreement: labels.
        strays: numbers of the result's pixels ``y width + x`` that no patch has a pixel of the right label for.
        origins: numbers of the source's pixels that they are.
    """

    transfer: Transfer
    agreement: Agreement
    strays: NDArray[np.int64]
    origins: NDArray[np.int64]

    @property
    def height(self) -> int:
        """Rows of the result."""
        return self.transfer.height

    @property
    def width(self) -> int:
        """Columns of the result."""
        return self.transfer.width

    @property
    def wrap(self) -> Wrap:
        """Axes on which the result repeats."""
        return self.transfer.wrap

    def apply(self, pixels: Pixels) -> Pixels:
        """The result's pixels, given any ``H x W x C`` of the source."""
        whole = with_border(pixels, self.transfer.source_wrap)
        result = np.empty((self.height, self.width, pixels.shape[2]), dtype=np.float32)
        step = self.transfer.strides[0]
        for first, last in self.transfer.bands():
            start, stop = first * step, self.height if last == len(self.transfer.down) else last * step
            rows = self.transfer.rows(whole, first, last, SHARP, self.agreement)
            result[start:stop] = rows[: stop - start, : self.width]
        result.reshape(-1, pixels.shape[2])[self.strays] = pixels.reshape(-1, pixels.shape[2])[self.origins]
        return result


def guided_transfer(
    transfer: Transfer, guide: Guide | None, seed: int, allowed: NDArray[np.bool_] | None = None
) -> Arrangement:
    """A transfer that keeps to the labels of a guide, if it has some.

    Args:
        transfer: patches.
        guide: that they were found with.
        seed: of places that have no neighbor to continue.
        allowed: ``H x W``, pixels of the source that may be used; all if not given.
    """
    if guide is None or guide.source_labels is None or guide.target_labels is None:
        return transfer
    random = np.random.default_rng(seed)
    return labeled_transfer(
        transfer, guide.source_labels, guide.target_labels, random, allowed, tolerance=guide.tolerance
    )


def labeled_transfer(
    transfer: Transfer,
    source_labels: Labels,
    labels: Labels,
    rng: np.random.Generator,
    allowed: NDArray[np.bool_] | None = None,
    tolerance: int = 0,
) -> LabeledTransfer:
    """A transfer that keeps to labels.

    A pixel that no patch has a pixel of the right label for continues what a neighbor with the same label shows.

    Args:
        transfer: patches.
        source_labels: ``H x W``, below :data:`~matshot.synthesis.correspondence.NOWHERE`.
        labels: ``h x w``, each of which occurs in the source where that may be used, but for pixels that do not count.
        rng: of places that have no neighbor to continue.
        allowed: ``H x W``, pixels of the source that may be used; all if not given.
        tolerance: difference up to which labels agree, where they are levels.
    """
    own = source_labels if allowed is None else np.where(allowed, source_labels, np.uint8(NOWHERE))
    bordered = with_border(own[..., np.newaxis].astype(np.float32), transfer.source_wrap)[..., 0].astype(np.uint8)
    agreement = Agreement(np.ascontiguousarray(bordered), labels, tolerance)
    origins = _origins(transfer, agreement)
    strays = np.flatnonzero(origins.ravel() < 0)
    _continue(origins, strays, transfer, agreement, own, rng)
    return LabeledTransfer(transfer, agreement, strays, origins.ravel()[strays].astype(np.int64))


def _origins(transfer: Transfer, agreement: Agreement) -> NDArray[np.int32]:
    """Number of the source's pixel that the best patch with the right label has, ``h x w``; -1 where none has."""
    result = np.full((transfer.height, transfer.width), -1, dtype=np.int32)
    best = np.full(result.shape, np.inf, dtype=np.float32)
    step_y, step_x = transfer.strides
    rows, columns = np.ogrid[: transfer.down.shape[0], : transfer.down.shape[1]]
    wide = agreement.source.shape[1]
    for y in range(PATCH):
        down, there_y = rows * step_y + y, transfer.down + y
        for x in range(PATCH):
            right, there_x = columns * step_x + x, transfer.right + x
            off = np.float32((y - (PATCH - 1) / 2) ** 2 + (x - (PATCH - 1) / 2) ** 2)
            at_y = down % transfer.height if "y" in transfer.wrap else down
            at_x = right % transfer.width if "x" in transfer.wrap else right
            valid_y, valid_x = at_y[:, 0] < transfer.height, at_x[0] < transfer.width
            place = np.ix_(at_y[valid_y, 0], at_x[0, valid_x])
            inside = np.ix_(valid_y, valid_x)
            label = agreement.source.ravel().take((there_y * wide + there_x)[inside])
            better = agreement.of(label, agreement.target[place]) & (off < best[place])
            number = (there_y % transfer.source_height) * transfer.source_width + there_x % transfer.source_width
            result[place] = np.where(better, number[inside], result[place])
            best[place] = np.where(better, off, best[place])
    return result


def _continue(
    origins: NDArray[np.int32],
    strays: NDArray[np.int64],
    transfer: Transfer,
    agreement: Agreement,
    source_labels: Labels,
    rng: np.random.Generator,
) -> None:
    """Give stray pixels the continuation of what their neighbors show, from the outside in."""
    flat, height, width = origins.reshape(-1), transfer.height, transfer.width
    high, wide = transfer.source_height, transfer.source_width
    own, wanted = source_labels.ravel(), agreement.target.ravel()
    open_ = strays
    while len(open_):
        found = np.full(len(open_), -1, dtype=np.int32)
        for dy, dx in _NEIGHBORS[rng.permutation(len(_NEIGHBORS))]:
            y, x = open_ // width + dy, open_ % width + dx
            y, x = (y % height if "y" in transfer.wrap else y), (x % width if "x" in transfer.wrap else x)
            valid = (y >= 0) & (y < height) & (x >= 0) & (x < width) & (found < 0)
            neighbor = np.where(valid, flat[np.where(valid, y * width + x, 0)], -1)
            there_y, there_x = neighbor // wide - dy, neighbor % wide - dx
            there_y = there_y % high if "y" in transfer.source_wrap else there_y
            there_x = there_x % wide if "x" in transfer.source_wrap else there_x
            valid = (neighbor >= 0) & (there_y >= 0) & (there_y < high) & (there_x >= 0) & (there_x < wide)
            number = np.where(valid, there_y * wide + there_x, 0)
            valid &= agreement.of(own[number], wanted[open_])
            found = np.where(valid, number, found).astype(np.int32)
        if not (found >= 0).any():
            # A part without any neighbor of its label: some pixels of it begin where the source has that label.
            chosen = rng.permutation(len(open_))[: max(1, int(_SEEDS * len(open_)))]
            for label in np.unique(wanted[open_[chosen]]):
                places, those = np.flatnonzero(own == label), chosen[wanted[open_[chosen]] == label]
                if not len(places):
                    # What only lies outside the part that is made need not be there.
                    places = np.flatnonzero(own != NOWHERE)
                found[those] = places[rng.integers(len(places), size=len(those))]
        flat[open_] = found
        open_ = open_[found < 0]
