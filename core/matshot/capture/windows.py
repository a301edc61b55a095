"""A photograph in overlapping windows, and their spectra in bands of length and direction.

Of a surface that is alike all over, windows differ by how they are lit: what their spectra have in common is the
surface's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.optimize import nnls

from ..image.color import Pixels
from ..shading.render import Camera

#: Windows along the longer side, and their least side in pixels.
_WINDOWS = 14
_LEAST_WINDOW = 32
#: Bands of length and of direction, and the least and greatest wave number of the former: waves in a window, and in
#: parts of the finest wave along an axis.
BANDS = 6
DIRECTIONS = 6
_COARSEST = 1.4
_FINEST = 1.42
#: Rounds of the robust fit, and deviations from which a window counts less.
_ROUNDS = 6
_OUTLYING = 1.5


@dataclass(frozen=True)
class Windows:
    """Overlapping windows of a photograph, and the bands of their spectra.

    Attributes:
        side: of a window, in pixels.
        shape: rows and columns of the photograph.
        counts: windows down and across; they begin half a window before the photograph.
        taper: ``side x side``; the squares of all windows' sum to 1.
        along_x: wave number to the right, ``side x (side / 2 + 1)``.
        along_y: wave number upwards.
        bins: number of the band of each wave, or -1.
    """

    side: int
    shape: tuple[int, int]
    counts: tuple[int, int]
    taper: Pixels
    along_x: Pixels
    along_y: Pixels
    bins: NDArray[np.intp]

    @staticmethod
    def of(camera: Camera) -> Windows:
        """Those of a camera's photographs."""
        longer = max(camera.width, camera.height) / _WINDOWS
        side = max(_LEAST_WINDOW, 2 ** round(float(np.log2(longer))))
        half = side // 2
        wave = np.sin(np.pi * (np.arange(side) + 0.5) / side)
        down, right = 2 * np.pi * np.fft.fftfreq(side), 2 * np.pi * np.fft.rfftfreq(side)
        along_x, along_y = np.broadcast_arrays(right[np.newaxis], -down[:, np.newaxis])
        number = np.hypot(along_x, along_y)
        edges = _edges(side)
        band = np.clip(np.digitize(number, edges) - 1, 0, BANDS - 1)
        turn = np.mod(np.arctan2(along_y, along_x) / np.pi + 0.5 / DIRECTIONS, 1) * DIRECTIONS
        bins = np.where(number > 0, band * DIRECTIONS + np.minimum(turn.astype(np.intp), DIRECTIONS - 1), -1)
        return Windows(
            side,
            (camera.height, camera.width),
            (-(-camera.height // half) + 1, -(-camera.width // half) + 1),
            np.outer(wave, wave).astype(np.float32),
            along_x.astype(np.float32),
            along_y.astype(np.float32),
            bins,
        )

    @property
    def squared(self) -> NDArray[np.float64]:
        """Mean squared wave number of each band."""
        return np.asarray(self.by_band((np.square(self.along_x) + np.square(self.along_y))[np.newaxis])[0])

    @property
    def directions(self) -> NDArray[np.float64]:
        """Angle of each band, counter-clockwise from +X."""
        return np.tile(np.arange(DIRECTIONS) * (np.pi / DIRECTIONS), BANDS)

    @property
    def counts_of_waves(self) -> NDArray[np.intp]:
        """How many waves each band has."""
        return np.bincount(self.bins[self.bins >= 0], minlength=BANDS * DIRECTIONS)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which windows lie in the photograph altogether."""
        half = self.side // 2
        down, across = (
            ((np.arange(count) - 1) * half >= 0) & ((np.arange(count) + 1) * half <= size)
            for count, size in zip(self.counts, self.shape, strict=True)
        )
        return np.asarray((down[:, np.newaxis] & across).ravel())

    def _padded(self, planes: Pixels) -> Pixels:
        half = self.side // 2
        margins = [
            (half, (count + 1) * half - half - size) for count, size in zip(self.counts, self.shape, strict=True)
        ]
        return np.pad(planes, [*margins, *[(0, 0)] * (planes.ndim - 2)], mode="symmetric")

    def rows(self, *planes: Pixels) -> Iterator[tuple[slice, list[NDArray[np.complex64]]]]:
        """Row by row of windows, their numbers and the spectra of each plane, ``n x side x (side / 2 + 1)``."""
        half = self.side // 2
        padded = [self._padded(plane) for plane in planes]
        for row in range(self.counts[0]):
            bands = [plane[row * half : row * half + self.side] for plane in padded]
            cut = [
                np.stack([band[:, at * half : at * half + self.side] * self.taper for at in range(self.counts[1])])
                for band in bands
            ]
            numbers = slice(row * self.counts[1], (row + 1) * self.counts[1])
            yield numbers, [np.asarray(scipy.fft.rfft2(pieces), np.complex64) for pieces in cut]

    def means(self, planes: Pixels) -> NDArray[np.float64]:
        """Of planes ``H x W x C`` over windows, ``n x C``."""
        half = self.side // 2
        padded = self._padded(planes)
        weight = np.square(self.taper) / np.square(self.taper).sum()
        return np.array(
            [
                np.tensordot(weight, padded[y * half : y * half + self.side, x * half : x * half + self.side], 2)
                for y in range(self.counts[0])
                for x in range(self.counts[1])
            ],
            dtype=np.float64,
        )

    def by_band(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Means of ``n x side x (side / 2 + 1)`` over the waves of each band, ``n x bands``."""
        count = np.maximum(self.counts_of_waves, 1)
        flat = values.reshape(len(values), -1)
        used = self.bins.ravel() >= 0
        order = np.argsort(self.bins.ravel()[used], kind="stable")
        present, first = np.unique(self.bins.ravel()[used][order], return_index=True)
        result = np.zeros((len(values), BANDS * DIRECTIONS))
        result[:, present] = np.add.reduceat(flat[:, used][:, order], first, axis=1)
        return result / count

    def waves(self, values: NDArray[np.float64]) -> Pixels:
        """Values of bands, spread smoothly over the waves, ``side x (side / 2 + 1)``."""
        number = np.maximum(np.hypot(self.along_x, self.along_y), 1e-6)
        edges = _edges(self.side)
        middles = np.log(np.sqrt(edges[1:] * edges[:-1]))
        band = np.interp(np.log(number), middles, np.arange(BANDS)).astype(np.float32)
        turn = np.mod(np.arctan2(self.along_y, self.along_x) / np.pi, 1) * DIRECTIONS
        table = values.reshape(BANDS, DIRECTIONS).astype(np.float32)
        table = np.concatenate([table, table[:, :1]], axis=1)
        spread = cv2.remap(table, turn.astype(np.float32), band, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(np.where(self.bins >= 0, spread, 0), dtype=np.float32)

    @property
    def mean_square_of_one(self) -> float:
        """Of a picture whose windows have one wave of power 1."""
        return float(2 / (np.square(self.taper).sum() * self.side**2))

    def mean_square(self, powers: NDArray[np.float64]) -> float:
        """Of a picture whose windows have these mean powers, by bands."""
        return float((powers * self.counts_of_waves).sum()) * self.mean_square_of_one

    def added(self, picture: Pixels, number: int, spectra: NDArray[np.complex64]) -> None:
        """Add a row of windows, ``n x side x (side / 2 + 1)``, to a padded picture."""
        half = self.side // 2
        pieces = np.asarray(scipy.fft.irfft2(spectra, s=(self.side, self.side)), np.float32) * self.taper
        for at, piece in enumerate(pieces):
            picture[number * half : number * half + self.side, at * half : at * half + self.side] += piece

    def empty(self) -> Pixels:
        """A padded picture of zeros."""
        return np.zeros([(count + 1) * (self.side // 2) for count in self.counts], np.float32)

    def cut(self, picture: Pixels) -> Pixels:
        """What of a padded picture lies in the photograph."""
        half = self.side // 2
        return picture[half : half + self.shape[0], half : half + self.shape[1]]


def fitted_powers(
    shapes: NDArray[np.float64], wanted: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Strengths from 0 on of the shapes that windows' powers are sums of, by least squares of relative deviations.

    Windows that are far off count less (Cauchy).

    Args:
        shapes: ``n x k``.
        wanted: powers of n windows, with a median of more than 0.

    Returns:
        The strengths, ``k``; how much each window counts; and by how much it is off, so weighted.
    """
    usual = float(np.median(wanted))
    weight = np.full(len(wanted), 1 / usual)
    for _ in range(_ROUNDS):
        found = nnls(shapes * weight[:, np.newaxis], wanted * weight)[0]
        expected = np.maximum(shapes @ found, 0.01 * usual)
        off = (wanted - expected) / expected
        weight = 1 / (expected * np.sqrt(1 + np.square(off / _OUTLYING)))
    return found, weight, off * expected * weight


def power(spectra: NDArray[np.complex64]) -> Pixels:
    """Squared magnitude of each wave."""
    return np.asarray(np.square(spectra.real) + np.square(spectra.imag))


def _edges(side: int) -> NDArray[np.float64]:
    """Wave numbers between which bands of length lie, ``BANDS + 1``, in radians a pixel."""
    return np.geomspace(_COARSEST * 2 * np.pi / side, _FINEST * np.pi, BANDS + 1)
