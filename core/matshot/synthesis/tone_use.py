"""How often each tone of a source is in use, and prices that make it as often as it occurs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels
from .correspondence import Index

#: Planes whose means are tones.
_PLANES = 3
#: Tones of each.
_TONES = 8
#: Patches that these are found from.
_SAMPLES = 20000
#: Bound of the price of a tone.
_MAX_PRICE = 3.0


class ToneUse:
    """Prices with which all tones of a source are used as often as they occur in it.

    Tones are the means of patches: equal parts of the source lie around each of them, and a patch between two of them
    belongs to both. What is used too often becomes dearer from turn to turn, and what is used too seldom cheaper. The
    use of each place does not show this: of the places that are used twice, most can be dark. Slopes are left out,
    since a patch that moves by one pixel changes them; so are steps from price to price, across which whole parts
    would move back and forth.
    """

    def __init__(self, means: Pixels) -> None:
        """Find the tones of all patches; every price is 0.

        Args:
            means: of each plane over each patch, ``N x C``, the planes that matter most first.
        """
        middles = (np.arange(_TONES) + 0.5) / _TONES
        self._lower: list[NDArray[np.uint8]] = []
        self._upper_share: list[Pixels] = []
        for mean in means.T[:_PLANES]:
            tones = np.quantile(mean[:: max(1, len(mean) // _SAMPLES)], middles)
            place = np.interp(mean, tones, np.arange(_TONES)).astype(np.float32)
            lower = np.minimum(place.astype(np.uint8), _TONES - 2)
            self._lower.append(lower)
            self._upper_share.append(place - lower)
        self._fair = [self._use(number, slice(None)) for number in range(len(self._lower))]
        self._prices = np.zeros((len(self._lower), _TONES), dtype=np.float32)

    def adjust(self, places: Index, rate: float) -> float:
        """Change the prices by the use of some patches.

        Args:
            places: numbers of the patches that are in use; any shape.
            rate: change of the price of a tone that is used twice as often as is fair.

        Returns:
            Mean deviation from fair use, in parts of it.
        """
        total = 0.0
        for number, (fair, price) in enumerate(zip(self._fair, self._prices, strict=True)):
            beyond = (self._use(number, places.ravel()) - fair) / np.maximum(fair, 1 / (2 * _TONES))
            price[:] = np.clip(price + rate * beyond, -_MAX_PRICE, _MAX_PRICE)
            total += float(np.abs(beyond).mean())
        return total / len(self._prices)

    def of(self, places: Index | slice) -> Pixels:
        """Prices of the patches with some numbers, at least 0."""
        total: Pixels | float = 0.0
        for lower, share, price in zip(self._lower, self._upper_share, self._prices, strict=True):
            own = lower[places]
            total = total + (price - price.min()).take(own) + share[places] * np.diff(price).take(own)
        return np.asarray(total, dtype=np.float32)

    def _use(self, number: int, places: Index | slice) -> NDArray[np.float64]:
        """Share of each tone of a plane in some patches."""
        lower, share = self._lower[number][places], self._upper_share[number][places]
        use = np.bincount(lower, 1 - share, minlength=_TONES)
        use[1:] += np.bincount(lower, share, minlength=_TONES - 1)
        return use / len(lower)
