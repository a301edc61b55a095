"""Relief that a flash photograph and one without flash tell together.

In the quotient of the two the surface's color cancels. What is left of detail is shading: the slopes' component along
the difference of how the flash and how the room light them, times how strong that is. The flash's response to slopes is
known (:mod:`matshot.capture.lamp`) and another one in every place; the room's is one direction for the whole
photograph, and is found by regression on the slopes that a network predicts, in the same step as how strong those are.

A second opinion, learnt from the patterns of the ambient photograph (:func:`~matshot.capture.shading.guided_slopes`),
errs in other ways, so that the mean is better than both. Then each wave of these slopes is corrected by what the
quotient shows (Kalman 1960): windows differ in how the light falls on a wave, so that they tell how much of what is
left unexplained is relief, which depends on that, and how much is noise, which does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..image.color import Mask, Pixels
from ..shading.render import Camera, Vector
from .flattening import detail
from .shading import Response, between, guided_slopes
from .windows import BANDS, DIRECTIONS, Windows, fitted_powers, power

#: Part of a level surface's response to slopes that steep ones show: highlights saturate.
_SHOWN = 0.75
#: Part of what the quotient says of a wave that is believed: color that differs between photographs looks like relief.
_BELIEVED = np.float32(0.7)
#: Range of the factors on predicted slopes, and on those that were found.
_GAINS = (0.5, 2.5)
_FOUND_GAINS = (1.0, 1.2)
#: Least factor with which the room's direction is learnt, and its longest response.
_LEAST_GAIN = 0.3
_LONGEST_ROOM = 0.6
#: Windows that are needed to learn from; parts of a window that may be unknown for it to be learnt from, and used.
_LEAST_WINDOWS = 30
_MOST_UNKNOWN = 0.02
_USABLE = 0.1
#: Deviations in pixels between which found slopes are compared with the quotient, and change of the logarithm of
#: radiance by a slope above which the response is not linear.
_DETAIL = (1.0, 10.0)
_LINEAR = 0.25
#: Deviation in pixels of the border of what both photographs show.
_BORDER = 6.0
#: What is added to light before its logarithm is taken, in means.
_FLOOR = 0.01


@dataclass(frozen=True)
class PairRelief:
    """Relief of a photographed surface.

    Attributes:
        slopes: ``H x W x 2``, n_x / n_z and n_y / n_z.
        deviation: how far off they may be.
        integrability: [0, 1], see :class:`~matshot.capture.shading.GuidedSlopes`.
        room: change of the logarithm of the ambient photograph by a slope along x and y.
    """

    slopes: Pixels
    deviation: float
    integrability: float
    room: tuple[float, float]


def pair_relief(
    flash: Pixels,
    ambient: Pixels,
    mask: Mask,
    camera: Camera,
    lamp: Vector,
    response: Response,
    predicted: Pixels | None,
) -> PairRelief:
    """Relief of all of the photograph.

    Args:
        flash: ``H x W x 3``, scene-linear, lit by the flash alone.
        ambient: ``H x W x 3``, scene-linear, registered.
        mask: ``H x W``, where both can be trusted.
        camera: of the photographs.
        lamp: the flash's place.
        response: of a level surface of the mean reflectance to slopes, in the light of the flash.
        predicted: ``H x W x 2``, slopes by a network, or None.

    Raises:
        MatshotError: if too little of the photographs is usable.
    """
    shown = Response(_SHOWN * response.along_x, _SHOWN * response.along_y, response.glare)
    guided = guided_slopes(flash, ambient, mask, camera, lamp, shown)
    quotient = None if predicted is None else _Quotient.of(flash, ambient, mask, camera, shown, predicted)
    if predicted is None or quotient is None:
        slopes = guided.slopes if predicted is None else (guided.slopes + predicted) / 2
        return PairRelief(np.asarray(slopes, np.float32), guided.deviation, guided.integrability, (0.0, 0.0))
    own = np.float32(quotient.gain) * predicted
    # At the border of what both show, its end would be taken for shading.
    certain = np.clip(2 * cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _BORDER) - 1, 0, 1)[..., np.newaxis]
    expected = np.asarray(own + certain * (guided.slopes - own) / 2, dtype=np.float32)
    found = quotient.corrected(expected)
    gain = np.float32(np.clip(quotient.gain_of(found), *_FOUND_GAINS))
    return PairRelief(gain * found, guided.deviation, guided.integrability, quotient.room)


@dataclass(frozen=True)
class _Quotient:
    """Detail of flash over ambient, in parts of what is around, and how it responds to slopes.

    Attributes:
        windows: of the photograph.
        detail: ``H x W``, 0 where it is unknown.
        known: ``H x W``.
        along_x: response to slopes, ``H x W``.
        along_y: likewise.
        means: of the response and of what is unknown, by windows, ``n x 3``.
        gain: factor on the predicted slopes with which they explain it best.
        room: see :class:`PairRelief`.
    """

    windows: Windows
    detail: Pixels
    known: Mask
    along_x: Pixels
    along_y: Pixels
    means: NDArray[np.float64]
    gain: float
    room: tuple[float, float]

    @staticmethod
    def of(
        flash: Pixels, ambient: Pixels, mask: Mask, camera: Camera, response: Response, predicted: Pixels
    ) -> _Quotient | None:
        """That of a pair, or nothing for one that is too small or shows none of the predicted relief."""
        windows = Windows.of(camera)
        means = windows.means(np.dstack([response.along_x, response.along_y, (~mask).astype(np.float32)]))
        known = windows.inside & (means[:, 2] <= _MOST_UNKNOWN)
        if known.sum() < _LEAST_WINDOWS:
            return None
        light = [np.maximum(shot, 0).mean(axis=2) for shot in (flash, ambient)]
        # In parts of each photograph's brightness, so that exposure has no say.
        logs = [np.log(each + np.float32(_FLOOR * max(float(each[mask].mean()), 1e-6))) for each in light]
        change = detail((logs[0] - logs[1])[..., np.newaxis], mask, windows.side / 2)
        # What turns away from the light is dark in proportion to its slope, to where it is black, as no logarithm is.
        # Highlights are bright beyond proportion; their logarithm is nearer to it.
        change = np.where(change < 0, np.expm1(np.minimum(change, 0)), change)
        shown = np.where(mask, detail(change, mask, windows.side / 2)[..., 0], 0).astype(np.float32)
        factors = _regression(windows, shown, predicted, means[:, :2], known)
        if factors is None or factors[0] <= 0:
            return None
        # Slopes that are predicted too weak seem to be lit too strongly.
        room = factors[1:] / max(factors[0], _LEAST_GAIN)
        room *= min(1.0, _LONGEST_ROOM / max(float(np.hypot(*room)), 1e-9))
        means[:, :2] += room
        x, y = (np.float32(part) for part in room)
        gain = float(np.clip(factors[0], *_GAINS))
        lit = response.along_x + x, response.along_y + y
        return _Quotient(windows, shown, mask, *lit, means, gain, (-float(x), -float(y)))

    def corrected(self, expected: Pixels) -> Pixels:
        """The slopes ``H x W x 2`` with what the quotient shows of each of their waves."""
        windows, light = self.windows, self.means[:, :2]
        along = np.square(light @ np.stack([np.cos(windows.directions), np.sin(windows.directions)]))
        known = windows.inside & (self.means[:, 2] <= _MOST_UNKNOWN)
        planes = self.detail, expected[..., 0], expected[..., 1]
        left = np.concatenate(
            [
                windows.by_band(power(_unexplained(light[numbers], *spectra)))
                for numbers, spectra in windows.rows(*planes)
            ]
        )
        relief, noise = _relief_and_noise(left[known], along[known])
        of_relief, of_noise = windows.waves(relief), windows.waves(noise) + np.float32(1e-12)
        length = np.maximum(np.hypot(windows.along_x, windows.along_y), np.float32(1e-6))
        unit_x, unit_y = windows.along_x / length, windows.along_y / length
        across, up = windows.empty(), windows.empty()
        trust = np.clip(1 - self.means[:, 2] / _USABLE, 0, 1)
        for row, (numbers, (seen, right, upwards)) in enumerate(windows.rows(*planes)):
            x, y, certain = (
                plane[:, np.newaxis, np.newaxis].astype(np.float32)
                for plane in (*light[numbers].T, trust[numbers])
            )  # fmt: skip
            slanted = x * unit_x + y * unit_y
            share = _BELIEVED * certain * slanted * of_relief / (np.square(slanted) * of_relief + of_noise)
            change = share * _unexplained(light[numbers], seen, right, upwards)
            windows.added(across, row, (right + unit_x * change).astype(np.complex64))
            windows.added(up, row, (upwards + unit_y * change).astype(np.complex64))
        return np.stack([windows.cut(across), windows.cut(up)], axis=2)

    def gain_of(self, slopes: Pixels) -> float:
        """The factor on slopes ``H x W x 2`` with which they explain the quotient best."""
        expected = between(self.along_x * slopes[..., 0] + self.along_y * slopes[..., 1], *_DETAIL)
        steep = (np.square(self.along_x) + np.square(self.along_y)) * np.float32(np.square(slopes).mean())
        trust = self.known / (1 + steep / np.float32(_LINEAR**2))
        shown = between(self.detail, *_DETAIL)
        return float((trust * expected * shown).sum() / max(float((trust * expected**2).sum()), 1e-12))


def _unexplained(
    light: NDArray[np.float64],
    seen: NDArray[np.complex64],
    right: NDArray[np.complex64],
    upwards: NDArray[np.complex64],
) -> NDArray[np.complex64]:
    """Spectra of what slopes leave of the quotient; ``light`` is the response in each window, ``n x 2``."""
    x, y = (plane[:, np.newaxis, np.newaxis].astype(np.float32) for plane in light.T)
    return np.asarray(seen - x * right - y * upwards, dtype=np.complex64)


def _regression(
    windows: Windows, detail: Pixels, predicted: Pixels, response: NDArray[np.float64], known: Mask
) -> NDArray[np.float64] | None:
    """Factors of the flash's response and the room's two components, by least squares over the waves of windows."""
    spectra = list(windows.rows(detail, predicted[..., 0], predicted[..., 1]))
    powers = np.concatenate([windows.by_band(power(seen)) for _, (seen, _, _) in spectra])[known].mean(axis=0)
    usual = np.repeat(powers.reshape(BANDS, DIRECTIONS).mean(axis=1), DIRECTIONS)
    weight = np.where(windows.bins >= 0, 1 / np.maximum(usual[windows.bins], 1e-20), 0).astype(np.float32)
    normal, wanted = np.zeros((3, 3)), np.zeros(3)
    for numbers, (seen, right, upwards) in spectra:
        used = known[numbers]
        x, y = (plane[used][:, np.newaxis, np.newaxis].astype(np.float32) for plane in response[numbers].T)
        parts = np.stack([x * right[used] + y * upwards[used], right[used], upwards[used]]).reshape(3, -1)
        weighted = parts.conj() * np.broadcast_to(weight, seen[used].shape).reshape(-1)
        normal += (weighted @ parts.T).real
        wanted += (weighted @ seen[used].reshape(-1)).real
    if not normal.trace() > 0:
        return None
    return np.linalg.solve(normal + 1e-6 * normal.trace() * np.eye(3), wanted)


def _relief_and_noise(
    left: NDArray[np.float64], along: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Powers by bands of what is relief, to be multiplied by ``along``, and of what is noise, of windows' powers."""
    relief, noise = np.zeros(BANDS), np.zeros(BANDS)
    for band in range(BANDS):
        part = slice(band * DIRECTIONS, (band + 1) * DIRECTIONS)
        wanted, slanted = left[:, part].ravel(), along[:, part].ravel()
        if np.median(wanted) > 0:
            table = np.stack([slanted, np.ones_like(slanted)], axis=1)
            (relief[band], noise[band]), _, _ = fitted_powers(table, wanted)
    return np.repeat(relief, DIRECTIONS), np.repeat(noise, DIRECTIONS)
