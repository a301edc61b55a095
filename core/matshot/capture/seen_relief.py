"""Relief that a flash photograph shows of a surface that is alike all over, where its light is slanted.

The logarithm of brightness, less the lamp, is the surface's pattern plus the slopes' component towards the lamp times
how strongly light responds there to slopes (Pentland 1990, "Linear Shape from Shading"). One place cannot tell the two
apart. But the response has another direction and strength everywhere in the photograph, and highlights dilute the
pattern, while the surface stays the same. So the power of small windows, band by band of length and direction, is a sum
of three known shapes with unknown strengths, which are found by least squares over all windows:

    power(window, band) = (1 - glare)^2 A(band) + (response . direction)^2 k^2 H(band) + |response|^2 k^2 C(band) / 2

A is the pattern's spectrum, H that of the heights, C what responds to light from any side. H says how strong relief is.
Where each wave of it lies is taken from the network as far as its slopes explain the photograph's shading; then, where
light is slanted along the wave, from the shading, a quarter of a wave ahead of it; and where it is not, from the rule
that what is dark is deep.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..image.color import Pixels
from ..shading.render import Camera
from .flattening import Flattened
from .rings import ring_gain, rings_of
from .shading import Response
from .windows import BANDS, DIRECTIONS, Windows, fitted_powers, power

#: Windows that are needed to learn from, and the most of a window that may be unknown.
_LEAST_WINDOWS = 40
_MOST_UNKNOWN = 0.02
#: Standard errors by which heights must stand out from chance.
_CHANCE = 1.5
#: Most that the network is believed, and is strengthened by.
_MOST_BELIEVED = 0.95
_MOST_STRENGTHENED = 4.0
#: Amplitude of waves that only darkness tells.
_BY_DARKNESS = 0.7
#: What is found over what is there, to be made up for; and the part of the predicted relief that there is at least.
_FOUND = 1.2
_LEAST_OF_PREDICTED = 0.6

#: How many numbers say how strong relief and tone are; what is added to strengths before their logarithm is taken; its
#: usual value and deviation, of relief and of tone.
STRENGTHS = 2 * BANDS
LEAST_STRENGTH = 3e-3
USUAL_STRENGTHS = np.array([[-4.0, 1.7], [-2.0, 0.85]])


@dataclass(frozen=True)
class SeenRelief:
    """Slopes of a surface's normals.

    Attributes:
        slopes: ``H x W x 2``, n_x / n_z and n_y / n_z.
        visibility: ``H x W``, [0, 1], how much of the relief light shows there.
    """

    slopes: Pixels
    visibility: Pixels


@dataclass(frozen=True)
class ShadingEvidence:
    """What a flash photograph tells by windows, whatever was predicted.

    Attributes:
        flat: the photograph without its lamp, its hole filled.
        camera: of the photograph.
        windows: of the photograph.
        tone: ``H x W``, the logarithm of its brightness without the lamp.
        means: of response, glare and what is burnt, by windows, ``n x 4``.
        known: windows that can be learnt from.
        powers: of the tone by windows and bands, ``n x bands``.
        spectra: what these powers are sums of.
    """

    flat: Flattened
    camera: Camera
    windows: Windows
    tone: Pixels
    means: NDArray[np.float64]
    known: NDArray[np.bool_]
    powers: NDArray[np.float64]
    spectra: _Spectra

    @staticmethod
    def of(flat: Flattened, response: Response, camera: Camera) -> ShadingEvidence | None:
        """That of a photograph, or nothing if it is too small.

        Args:
            flat: see the class.
            response: of a level surface of the mean reflectance to slopes.
            camera: see the class.
        """
        windows = Windows.of(camera)
        planes = (response.along_x, response.along_y, response.glare, flat.burnt.astype(np.float32))
        means = windows.means(np.dstack(planes))
        known = windows.inside & (means[:, 3] <= _MOST_UNKNOWN)
        if known.sum() < _LEAST_WINDOWS:
            return None
        tone = _whole_tone(flat)
        powers = np.concatenate([windows.by_band(power(seen)) for _, (seen,) in windows.rows(tone)])
        spectra = _Spectra.of(windows, powers[known], means[known])
        return ShadingEvidence(flat, camera, windows, tone, means, known, powers, spectra)

    def strengths(self) -> NDArray[np.float32]:
        """How strong relief is, by light alone, and how strong the tone, by bands of length: ``STRENGTHS`` numbers.

        Logarithms of root mean squares of slopes, and of brightness as a logarithm; 0 is usual.
        """
        windows = self.windows
        planes = (self.spectra.heights * windows.squared, self.powers[self.known].mean(axis=0))
        squares = np.stack([(each * windows.counts_of_waves).reshape(BANDS, DIRECTIONS).sum(axis=1) for each in planes])
        logarithms = np.log(np.sqrt(squares * windows.mean_square_of_one) + LEAST_STRENGTH)
        return np.asarray((logarithms - USUAL_STRENGTHS[:, :1]) / USUAL_STRENGTHS[:, 1:], dtype=np.float32).ravel()


def seen_relief(predicted: Pixels, evidence: ShadingEvidence) -> SeenRelief | None:
    """Slopes as strong as the photograph shows them, and where it shows them.

    Args:
        predicted: ``H x W x 2``, slopes by a network.
        evidence: by the photograph.

    Returns:
        Nothing without predicted relief.
    """
    flat, windows, tone, means, known = evidence.flat, evidence.windows, evidence.tone, evidence.means, evidence.known
    spectra = evidence.spectra
    powers = _Powers.of(windows, tone, predicted, means)
    strength = windows.mean_square(spectra.heights * windows.squared)
    before = float(np.square(predicted[~flat.burnt]).sum(axis=1).mean())
    if not before > 0:
        return None
    if not strength > 0:
        return SeenRelief(np.asarray(_LEAST_OF_PREDICTED * predicted, np.float32), np.zeros_like(flat.tone))
    believed, gain = _network_share(windows, powers, spectra, means, known)
    slopes, visible = _composed(evidence, predicted, believed, gain)
    ring, sector = rings_of(flat.distance, evidence.camera, ~flat.burnt)
    slopes *= ring_gain(np.hypot(slopes[..., 0], slopes[..., 1]), ring, sector, ~flat.burnt, flat.distance)[..., None]
    found = _FOUND * float(np.sqrt(strength))
    own = float(np.sqrt(np.square(slopes[~flat.burnt]).sum(axis=1).mean()))
    slopes *= np.float32(found / max(own, 1e-6))
    # Few waves that are found by chance must not stand for all that is missing.
    least = _LEAST_OF_PREDICTED * float(np.sqrt(before))
    rest = np.sqrt(max(0.0, 1 - (found / least) ** 2)) * _LEAST_OF_PREDICTED
    return SeenRelief(np.asarray(slopes + np.float32(rest) * predicted, np.float32), visible)


def shading_there_is(predicted: Pixels, evidence: ShadingEvidence) -> float | None:
    """How much of the shading that predicted slopes explain there is: around 1 if they are right, 0 if it is color.

    Slopes that are read off brightness explain all of it, be it a print, and no single place shows that they are wrong.
    But a print has the same contrast wherever the light comes from, and relief has not: from how windows differ, the
    strength of the shading is known whatever was predicted. The result is the ratio of the two amplitudes.

    Args:
        predicted: ``H x W x 2``, slopes by a network that saw the photograph as it was lit.
        evidence: by the photograph.

    Returns:
        The share, from 0 on; nothing where they explain nothing.
    """
    windows, known = evidence.windows, evidence.known
    powers = _Powers.of(windows, evidence.tone, predicted, evidence.means)
    relief = _shading_of_relief(windows, evidence.spectra, evidence.means[known])
    there = float(np.sqrt((relief * windows.counts_of_waves).sum()))
    shading, common = (
        float((each[known].sum(axis=0) * windows.counts_of_waves).sum()) for each in (powers.shading, powers.common)
    )
    if not (shading > 0 and common > 0):
        return None
    return there * float(np.sqrt(shading)) / common


def _whole_tone(flat: Flattened) -> Pixels:
    """The tone with that of what was filled in the hole."""
    if not flat.burnt.any():
        return flat.tone
    deviation = max(2.0, max(flat.burnt.shape) / 150)
    color = np.log(np.maximum(flat.color, np.float32(1e-3))).mean(axis=2)
    known = (~flat.burnt).astype(np.float32)
    # What surrounds it continues; only detail is the filling's.
    level, filled = flat.tone * known, known
    for widening in (1, 4, 16):
        near = cv2.GaussianBlur(known, (0, 0), widening * deviation)
        mean = cv2.GaussianBlur(flat.tone * known, (0, 0), widening * deviation) / (near + np.float32(1e-6))
        # Half of the surroundings is enough to go on from.
        share = (1 - filled) * np.minimum(1, 2 * near)
        level, filled = level + share * mean, filled + share
    level = np.asarray(level / np.maximum(filled, np.float32(1e-6)), np.float32)
    soft = cv2.GaussianBlur(1 - known, (0, 0), deviation / 2)
    share = np.maximum(1 - known, np.clip(2 * soft, 0, 1))
    filling = level + color - cv2.GaussianBlur(color, (0, 0), deviation)
    return np.asarray(flat.tone + share * (filling - flat.tone), dtype=np.float32)


@dataclass(frozen=True)
class _Powers:
    """Of windows, by bands, ``n x bands`` each.

    Attributes:
        slopes: power of the predicted slopes.
        shading: power of the shading that they predict.
        common: of the photograph's tone and shading.
    """

    slopes: NDArray[np.float64]
    shading: NDArray[np.float64]
    common: NDArray[np.float64]

    @staticmethod
    def of(windows: Windows, tone: Pixels, predicted: Pixels, means: NDArray[np.float64]) -> _Powers:
        parts: list[list[NDArray[np.float64]]] = [[], [], []]
        for numbers, (seen, right, up) in windows.rows(tone, predicted[..., 0], predicted[..., 1]):
            along = means[numbers, :2, np.newaxis, np.newaxis].astype(np.float32)
            shading = along[:, 0] * right + along[:, 1] * up
            values = power(right) + power(up), power(shading), (seen * shading.conj()).real
            for part, each in zip(parts, values, strict=True):
                part.append(windows.by_band(each))
        return _Powers(*(np.concatenate(part) for part in parts))


@dataclass(frozen=True)
class _Spectra:
    """What windows' powers are sums of, by bands: pattern, heights, and what light from any side shows."""

    pattern: NDArray[np.float64]
    heights: NDArray[np.float64]
    common: NDArray[np.float64]

    @staticmethod
    def of(windows: Windows, tone: NDArray[np.float64], means: NDArray[np.float64]) -> _Spectra:
        found, variance = np.zeros((tone.shape[1], 3)), np.zeros(tone.shape[1])
        squared = windows.squared
        for band, angle in enumerate(windows.directions):
            wanted = tone[:, band]
            if not np.median(wanted) > 0:
                continue
            table = _shapes(means, angle, float(squared[band]))
            found[band], weight, off = fitted_powers(table, wanted)
            weighted = table * weight[:, np.newaxis]
            # Neighbors overlap by half, so that a quarter of them is independent.
            noise = 4 * float(np.square(off).mean())
            scale = np.sqrt(np.square(weighted).sum(axis=0)) + 1e-12
            normal = (weighted / scale).T @ (weighted / scale) + 1e-6 * np.eye(3)
            variance[band] = noise * np.linalg.inv(normal)[1, 1] / scale[1] ** 2
        # What chance alone would find is no relief.
        of_lengths = found[:, 1].reshape(BANDS, DIRECTIONS).sum(axis=1)
        error = variance.reshape(BANDS, DIRECTIONS).sum(axis=1)
        share = np.maximum(0, 1 - _CHANCE**2 * error / np.maximum(np.square(of_lengths), 1e-20))
        found[:, 1] *= np.repeat(share, DIRECTIONS)
        # Directions lean on their neighbors: a window has few waves of each.
        roots = np.sqrt(found[:, 1]).reshape(BANDS, DIRECTIONS)
        roots = roots / 2 + (np.roll(roots, 1, axis=1) + np.roll(roots, -1, axis=1)) / 4
        return _Spectra(found[:, 0], np.square(roots).ravel(), found[:, 2])


def _shapes(means: NDArray[np.float64], angle: float, squared: float) -> NDArray[np.float64]:
    """How much of each spectrum windows show of a band, ``n x 3``."""
    along = means[:, 0] * np.cos(angle) + means[:, 1] * np.sin(angle)
    strength = np.square(means[:, :2]).sum(axis=1)
    return np.stack([np.square(1 - means[:, 2]), np.square(along) * squared, strength * squared / 2], axis=1)


def _shading_of_relief(windows: Windows, spectra: _Spectra, means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power that heights give the tone, by bands, over all windows of these means."""
    return np.stack(
        [
            _shapes(means, angle, squared)[:, 1].sum() * heights
            for angle, squared, heights in zip(windows.directions, windows.squared, spectra.heights, strict=True)
        ]
    )


def _network_share(
    windows: Windows, powers: _Powers, spectra: _Spectra, means: NDArray[np.float64], known: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlation of the predicted slopes with those that shading shows, by bands, and the factor on them."""
    relief = _shading_of_relief(windows, spectra, means[known])
    count = windows.counts_of_waves

    def of_lengths(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.repeat((values * count).reshape(BANDS, DIRECTIONS).sum(axis=1), DIRECTIONS)

    shading, common = (of_lengths(each[known].sum(axis=0)) for each in (powers.shading, powers.common))
    believed = np.clip(common / np.sqrt(np.maximum(shading * of_lengths(relief), 1e-12)), 0, _MOST_BELIEVED)
    own = powers.slopes[known].mean(axis=0)
    gain = np.sqrt(spectra.heights * windows.squared / np.maximum(own, 1e-12))
    return believed, np.clip(gain, 0, _MOST_STRENGTHENED) * believed


def _composed(
    evidence: ShadingEvidence, predicted: Pixels, believed: NDArray[np.float64], gain: NDArray[np.float64]
) -> tuple[Pixels, Pixels]:
    """Slopes ``H x W x 2`` and their visibility ``H x W``."""
    windows, tone, means, known = evidence.windows, evidence.tone, evidence.means, evidence.known
    spectra = evidence.spectra
    pattern, heights, common, share = (
        windows.waves(each) for each in (spectra.pattern, spectra.heights, spectra.common, 1 - np.square(believed))
    )
    factor = windows.waves(gain)
    squared = np.square(windows.along_x) + np.square(windows.along_y)
    total = max(float((heights * squared).sum()), 1e-12)
    across, up = windows.empty(), windows.empty()
    visible = np.zeros(len(means), np.float32)
    for row, (numbers, (seen, right, upwards)) in enumerate(windows.rows(tone, predicted[..., 0], predicted[..., 1])):
        x, y, glare = (means[numbers, axis, np.newaxis, np.newaxis].astype(np.float32) for axis in range(3))
        right, upwards = right * factor, upwards * factor
        left = seen - x * right - y * upwards
        slanted = x * windows.along_x + y * windows.along_y
        of_relief = np.square(slanted) * heights
        expected = np.square(1 - glare) * pattern + of_relief + (x * x + y * y) * squared * common / 2 + 1e-12
        part = of_relief / expected
        visible[numbers] = (part * heights * squared).sum(axis=(1, 2)) / total
        # Of what was filled, no model says how strong it is.
        unknown = ~known[numbers] & (means[numbers, 3] > _MOST_UNKNOWN)
        for at in np.flatnonzero(unknown):
            expected[at] = np.maximum(expected[at], windows.waves(evidence.powers[numbers][at]))
        turned = 1j * np.sign(slanted) * np.sqrt(part) + _BY_DARKNESS * np.sqrt(1 - part)
        height = np.sqrt(heights * share / expected) * left * turned
        windows.added(across, row, (right - 1j * windows.along_x * height).astype(np.complex64))
        windows.added(up, row, (upwards - 1j * windows.along_y * height).astype(np.complex64))
    slopes = np.stack([windows.cut(across), windows.cut(up)], axis=2)
    down, wide = windows.counts
    half = windows.side // 2
    place_y, place_x = (np.arange(size, dtype=np.float32) / half for size in windows.shape)
    where_x, where_y = (
        np.ascontiguousarray(each) for each in np.broadcast_arrays(place_x[np.newaxis], place_y[:, np.newaxis])
    )
    visibility = cv2.remap(visible.reshape(down, wide), where_x, where_y, cv2.INTER_LINEAR)
    return np.asarray(slopes, np.float32), np.asarray(visibility, np.float32)
