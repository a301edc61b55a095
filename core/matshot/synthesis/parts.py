"""Pictures part by part: what a guide tells apart is seen, and changed, by itself.

Gatys, Ecker, Bethge, Hertzmann and Shechtman 2017, "Controlling Perceptual Factors in Neural Style Transfer", section
4, keep the statistics of regions apart, so that sky takes sky and wall takes wall. Here each region becomes a picture
of its own: it continues beyond its border as its mirror image. So whatever works on whole pictures works on regions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels
from ..image.types import Wrap
from .guides import Guide, Labels

#: Bands that values of a guide are divided into.
_BANDS = 3
#: Deviation in pixels over which parts blend at the border of labels, and of bands of values.
_SOFT = (0.8, 6.0)


@dataclass(frozen=True)
class Parts:
    """Regions of a source and of a result that belong together.

    Attributes:
        source: ``H x W``, number of each pixel's region.
        target: ``h x w``, likewise; a number is in both or in the source alone.
        soft: deviation in pixels over which regions blend.
    """

    source: Labels
    target: Labels
    soft: float

    @property
    def numbers(self) -> list[int]:
        """Regions that the result has."""
        return [int(number) for number in np.unique(self.target)]

    def pairs(self, source: Pixels, target: Pixels, wraps: tuple[Wrap, Wrap]) -> Iterator[tuple[Pixels, Pixels]]:
        """Pictures of each region of the source and of the result.

        Args:
            source: ``H x W x C``.
            target: ``h x w x C``.
            wraps: axes on which they repeat.
        """
        for number, own in zip(self.numbers, self.pictures(source, wraps[0]), strict=True):
            yield own, extended(target, self.target == number, wraps[1])

    def pictures(self, source: Pixels, wrap: Wrap) -> Iterator[Pixels]:
        """Pictures of each region of the source, ``H x W x C``, which repeats on the axes of ``wrap``."""
        for number in self.numbers:
            yield extended(source, self.source == number, wrap)

    def joined(self, pictures: Sequence[Pixels], wrap: Wrap) -> Pixels:
        """One picture of the regions of several, ``h x w x C``.

        Args:
            pictures: one for each of ``numbers``.
            wrap: axes on which the result repeats.
        """
        reach = int(np.ceil(3 * self.soft))
        result = np.zeros_like(pictures[0])
        height, width = self.target.shape
        for number, picture in zip(self.numbers, pictures, strict=True):
            share = (self.target == number).astype(np.float32)
            for axis, letter in enumerate("yx"):
                ends = [(0, 0), (0, 0)]
                ends[axis] = (reach, reach)
                share = np.pad(share, ends, mode="wrap" if letter in wrap else "edge")
            share = cv2.GaussianBlur(share, (2 * reach + 1, 2 * reach + 1), self.soft)
            result += share[reach : reach + height, reach : reach + width, np.newaxis] * picture
        return result

    def joined_with(self, pictures: Sequence[Pixels], number: int, unfinished: Pixels, wrap: Wrap) -> Pixels:
        """As :meth:`joined`, while one of the pictures, that of this number in ``numbers``, is not finished.

        Args:
            pictures: of which that one does not count.
            number: of that one.
            unfinished: that one as far as it is, of any size.
            wrap: axes on which the result repeats.
        """
        height, width = self.target.shape
        enlarged = np.asarray(cv2.resize(unfinished, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        return self.joined([enlarged if one == number else picture for one, picture in enumerate(pictures)], wrap)


def parts_of(guide: Guide) -> Parts | None:
    """The regions that a guide tells apart: those of its labels, or bands of its values; None for values of colors."""
    source, target = guide.source_labels, guide.target_labels
    if source is None or target is None:
        return None
    if guide.colors:
        return Parts(source, target, _SOFT[0])
    borders = np.quantile(source, np.arange(1, _BANDS) / _BANDS)
    bands = [np.searchsorted(borders, levels, side="right").astype(np.uint8) for levels in (source, target)]
    offered = np.unique(bands[0])
    nearest = offered[np.abs(np.arange(_BANDS)[:, np.newaxis] - offered.astype(int)).argmin(axis=1)]
    return Parts(bands[0], nearest[bands[1]].astype(np.uint8), _SOFT[1])


def extended(picture: Pixels, inside: NDArray[np.bool_], wrap: Wrap) -> Pixels:
    """A picture that shows one region everywhere: beyond its border its mirror image, or else its nearest pixel.

    Args:
        picture: ``H x W x C``.
        inside: ``H x W``, the region; not empty.
        wrap: axes on which the picture repeats.
    """
    if inside.all():
        return picture
    height, width = inside.shape
    ends = [(side // 2, side // 2) if axis in wrap else (0, 0) for axis, side in zip("yx", inside.shape, strict=True)]
    wide = np.pad(inside, ends, mode="wrap")
    _, numbers = cv2.distanceTransformWithLabels(
        (~wide).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # Number of the pixel of the region that each label stands for.
    places = np.zeros(int(numbers.max()) + 1, dtype=np.int64)
    places[numbers[wide]] = np.flatnonzero(wide)
    nearest_y, nearest_x = np.divmod(places[numbers], wide.shape[1])
    y, x = np.indices(wide.shape)
    mirrored_y, mirrored_x = 2 * nearest_y - y, 2 * nearest_x - x
    rows, columns = wide.shape
    valid = (mirrored_y >= 0) & (mirrored_y < rows) & (mirrored_x >= 0) & (mirrored_x < columns)
    valid &= wide[mirrored_y.clip(0, rows - 1), mirrored_x.clip(0, columns - 1)]
    from_y, from_x = np.where(valid, mirrored_y, nearest_y), np.where(valid, mirrored_x, nearest_x)
    kept = (slice(ends[0][0], ends[0][0] + height), slice(ends[1][0], ends[1][0] + width))
    from_y, from_x = (
        (one[kept] - first) % side
        for one, (first, _), side in zip((from_y, from_x), ends, (height, width), strict=True)
    )
    return np.ascontiguousarray(picture[from_y, from_x])
