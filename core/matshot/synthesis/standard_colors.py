"""Standard colors: a picture freed of its palette and contrast, and another's palette given to it.

A symmetric matrix makes a picture's colors uncorrelated and equally spread, and its inverse gives them back. One
picture's standard colors in another's palette are, for normal distributions, its colors moved about as little as
possible (Pitié and Kokaram 2007, equation 9).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels

#: Standard colors have this mean and deviation, so that they fill [0, 1] as pictures do.
MEAN = 0.5
DEVIATION = 0.2
#: Least deviation of an axis of colors, in display-encoded units: below it is rounding and noise.
_LEAST = 0.006
#: Least deviation in parts of the largest axis', so that the noise of a gray picture's hues is not blown up.
_LEAST_PART = 0.2


@dataclass(frozen=True)
class Palette:
    """The mean and spread of a picture's colors.

    Attributes:
        mean: ``(3,)``, display-encoded.
        root: ``(3, 3)``, symmetric root of the covariance, of at least a little spread on every axis.
    """

    mean: NDArray[np.float64]
    root: NDArray[np.float64]

    def standard(self, color: Pixels) -> Pixels:
        """A picture of this palette in standard colors.

        Args:
            color: ``... x 3``.
        """
        matrix = np.linalg.inv(self.root) * DEVIATION
        return np.asarray((color - self.mean.astype(np.float32)) @ matrix.T.astype(np.float32) + np.float32(MEAN))

    def colored(self, standard: Pixels) -> Pixels:
        """A picture in standard colors in this palette.

        Args:
            standard: ``... x 3``.
        """
        matrix = (self.root / DEVIATION).T.astype(np.float32)
        return np.asarray((standard - np.float32(MEAN)) @ matrix + self.mean.astype(np.float32))


def palette_of(color: Pixels) -> Palette:
    """The palette of a picture ``... x 3``, display-encoded."""
    flat = color.reshape(-1, 3)
    mean = flat.mean(axis=0, dtype=np.float64)
    centered = flat - mean.astype(np.float32)
    return palette(mean, (centered.T @ centered).astype(np.float64) / len(flat))


def palette(mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> Palette:
    """The palette of colors of this mean and covariance."""
    variances, axes = np.linalg.eigh(covariance)
    deviations = np.sqrt(variances.clip(min=0))
    deviations = deviations.clip(min=max(_LEAST, _LEAST_PART * float(deviations.max())))
    return Palette(mean, (axes * deviations) @ axes.T)
