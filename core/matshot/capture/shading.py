"""Slopes that the shading betrays: a linear function from the guide's patterns to normals, learnt from the pair itself.

In the quotient of the flash photograph by the ambient one the surface's color cancels. What is left is shading: where
the flash comes from the right, slopes to the right are brighter than they are in even light, and elsewhere darker.
One pixel says one component of one slope, mixed with noise. But the slope is also betrayed, in some unknown way, by the
pattern of light and dark around the pixel. That way is taken to be linear and one for the surface, and is found by
regression over all pixels under all lights: photometric stereo for a texture instead of for a pixel. It generalizes
over the surface what a lumitexel says of one pixel, and it is where the fit starts.

What is learnt so may be no relief: of a soft cloth, whose flash photograph hardly has shading, the regression learns
how the guide is shaded, and slopes of no height field come out. As far as that is so, the guide's own shading tells
relief, by the rule that what is dark is deep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import MatshotError
from ..image.color import Mask, Pixels
from ..image.normals import height_from_normal, unit_normals
from ..shading.render import Camera, Vector

#: Deviations of the Gaussians through which the guide is seen, and the distance between samples, in pixels.
_SCALES = ((0.7, 1), (1.4, 2), (2.8, 4), (5.6, 8))
#: Samples on each side of a pixel.
_REACH = 2
#: Values that a pattern is compressed to.
_DIMENSIONS = 64
#: Gaussian that stands for the guide's uneven light, as a share of the longer side.
_UNEVEN = 0.1
#: Pixels from which is learnt.
_LEARNT_FROM = 45000
#: Ridge of the slopes' coefficients and of the others', in pixels.
_SLOPE_RIDGE = 20.0
_RIDGE = 1.0
#: Rows whose slopes are estimated at a time.
_CHUNK = 64
#: Side of the squares in which pixels are left out for validation, in pixels.
_FOLD = 32
#: Unexplained slope over explained, as deviations; from materials with known normals.
_UNEXPLAINED = 0.8
#: Least deviation of a slope from its estimate.
_LEAST_DEVIATION = 0.03
#: Change of the logarithm of radiance by a slope above which the flash's response is not linear.
_LINEAR = 0.5
#: Deviation in pixels of the blur that hides the difference between a derivative's and a difference's finest detail.
_DETAIL = 1.5
#: What is added to linear values before their logarithm is taken.
_FLOOR = 0.01
#: Deviation in pixels of the blur of shade, and bands of detail of it that are relief, each twice as wide as the one
#: before; logarithm of shade that is not exceeded.
_LEAST_SHADE = 1.0
_SHADE_BANDS = 4
_SHADE_LIMIT = np.float32(0.5)


@dataclass(frozen=True)
class GuidedSlopes:
    """Slopes of normals, estimated from the guide.

    Attributes:
        slopes: ``H x W x 2``, n_x / n_z and n_y / n_z.
        deviation: how far off they may be.
        integrability: [0, 1], how well those that were learnt could be those of a height field. What has been mistaken
            for shading has no reason to be; the less they are, the more the guide's own shading takes their place.
    """

    slopes: Pixels
    deviation: float
    integrability: float


@dataclass(frozen=True)
class Response:
    """How the flash photograph of a level surface responds to slopes, ``H x W`` each.

    Attributes:
        along_x: change of the logarithm of radiance by n_x / n_z.
        along_y: by n_y / n_z.
        glare: share of the radiance that is the highlight.
    """

    along_x: Pixels
    along_y: Pixels
    glare: Pixels


def diffuse_response(camera: Camera, lamp: Vector) -> Response:
    """That of a matt surface: the tangents of the light's direction."""
    x, y = camera.axes()
    level = np.zeros((camera.height, camera.width), dtype=np.float32)
    return Response(level + (lamp[0] - x) / lamp[2], level + ((lamp[1] - y) / lamp[2])[:, np.newaxis], level)


def guided_slopes(
    flash: Pixels,
    ambient: Pixels,
    mask: Mask,
    camera: Camera,
    lamp: Vector,
    response: Response,
    seed: int = 0,
) -> GuidedSlopes:
    """Slopes of a photographed surface's normals, from what slopes look like all over it.

    Least squares, with weights against outliers, of

        log(flash / ambient) = c(r) + F a + glare F b + g_x F u + g_y F v

    over pixels: F are the pattern's components around the pixel, c a polynomial in the distance to the lamp, (g_x, g_y)
    the response to slopes. F u and F v are the slopes.

    Args:
        flash: ``H x W x 3``, linear, lit by the flash alone.
        ambient: ``H x W x 3``, linear, the guide.
        mask: ``H x W``, where both are usable.
        camera: of the photographs.
        lamp: the flash's place.
        response: of a level surface to slopes, in the light of the flash.
        seed: of the choice of pixels.

    Raises:
        MatshotError: if too little of the photographs is usable.
    """
    known = np.flatnonzero(mask)
    if known.size < 20 * _DIMENSIONS:
        raise MatshotError("Too little of the photographs is usable: most is black, saturated or outside.")
    rng = np.random.default_rng(seed)
    learnt = np.sort(rng.choice(known, min(_LEARNT_FROM, known.size), replace=False))
    patterns = _Patterns(ambient)
    rows, columns = np.unravel_index(learnt, mask.shape)
    raw = patterns.around(rows, columns)
    mean, axes = _whitening(raw)
    features = (raw - mean) @ axes
    x, y = camera.axes()
    towards_x, towards_y = (lamp[0] - x)[columns], (lamp[1] - y)[rows]
    squared = towards_x**2 + towards_y**2 + lamp[2] ** 2
    # Inverse square and cosine of a level surface are known.
    quotient = np.log(np.maximum(flash, 1e-4).mean(axis=2)[rows, columns])
    quotient -= np.log(np.maximum(ambient, 1e-3).mean(axis=2)[rows, columns])
    quotient += np.float32(1.5) * np.log(squared)
    along = [plane[rows, columns] for plane in (response.along_x, response.along_y)]
    distance = np.hypot(towards_x, towards_y)[:, np.newaxis] / lamp[2]
    even = np.concatenate([distance**power for power in range(5)] + [np.stack(along, axis=1)], axis=1)
    glare = response.glare[rows, columns][:, np.newaxis]
    parts = [even, features, features * glare, *(features * plane[:, np.newaxis] for plane in along)]
    ridge = np.repeat([1e-3, _RIDGE, _RIDGE, _SLOPE_RIDGE, _SLOPE_RIDGE], [part.shape[1] for part in parts])
    table = np.concatenate(parts, axis=1).astype(np.float32)
    steep = np.hypot(*along)
    fold = ((rows // _FOLD + columns // _FOLD) % 2).astype(bool)

    def coefficients(chosen: Mask, slope: float) -> NDArray[np.float64]:
        trust = 1 / (1 + np.square(steep * slope / _LINEAR))
        return _robust_solution(table[chosen], quotient[chosen], ridge, trust[chosen])

    everyone = np.ones(len(table), bool)
    width = features.shape[1]
    first = coefficients(everyone, 0.0)
    slope = float(np.std(features @ first[-2 * width :].reshape(2, width).T))
    validity = _validity(table, quotient, along, fold, [coefficients(part, slope) for part in (fold, ~fold)], width)
    by_slope = coefficients(everyone, slope)[-2 * width :].reshape(2, width).T
    to_slopes = (axes @ by_slope * validity).astype(np.float32)
    slopes = np.empty((*mask.shape, 2), np.float32)
    for start in range(0, len(mask), _CHUNK):
        part = slice(start, min(start + _CHUNK, len(mask)))
        down, right = np.mgrid[part, : mask.shape[1]]
        slopes[part] = ((patterns.around(down.ravel(), right.ravel()) - mean) @ to_slopes).reshape(*down.shape, 2)
    integrable = integrable_slopes(slopes)
    integrability = _integrability(slopes, integrable)
    share = np.float32(integrability**2)
    shaded = slopes_of_height(height_of_shade(flash, ambient, mask))
    slopes = (slopes + integrable) * (share / 2) + shaded * (1 - share)
    return GuidedSlopes(slopes, max(_LEAST_DEVIATION, _UNEXPLAINED * float(np.std(slopes))), integrability)


def integrable_slopes(slopes: Pixels) -> Pixels:
    """The slopes ``H x W x 2`` of the height field that comes closest to the given ones."""
    normals = unit_normals(np.concatenate([slopes, np.ones((*slopes.shape[:2], 1), np.float32)], axis=2))
    return slopes_of_height(height_from_normal(normals, "none")[..., 0])


def slopes_of_height(height: Pixels) -> Pixels:
    """The slopes ``H x W x 2``, n_x / n_z and n_y / n_z, of heights ``H x W`` in pixels."""
    down, right = np.gradient(height)
    return np.stack([-right, down], axis=2).astype(np.float32)


def height_of_shade(flash: Pixels, ambient: Pixels, mask: Mask) -> Pixels:
    """Heights ``H x W``, in pixels, that even light's shading tells of: what is dark is deep.

    The quotient of the two photographs has no color of the surface in it: a flash at the lens reaches every hollow,
    even light does not (Glencross, Ward, Melendez, Jay, Liu and Hubbold 2008, "A Perceptually Validated Model for
    Surface Depth Hallucination", section 4). A pit as wide as a band of detail is as deep as its logarithm of shade
    times its width.

    Args:
        flash: ``H x W x 3``, linear, lit by the flash alone.
        ambient: ``H x W x 3``, linear.
        mask: ``H x W``, where both are usable; elsewhere the surface is level.
    """
    light = [np.maximum(shot, 0).mean(axis=2) for shot in (ambient, flash)]
    # In parts of each photograph's brightness, so that exposure has no say.
    light = [np.log(each + np.float32(_FLOOR * max(float(each[mask].mean()), 1e-6))) for each in light]
    shade = softened(light[0] - light[1], _LEAST_SHADE)
    shade = np.where(mask, shade, np.float32(np.median(shade[mask])))
    height = np.zeros_like(shade)
    sigma, rest = _LEAST_SHADE, shade
    for _ in range(_SHADE_BANDS):
        softer = softened(shade, 2 * sigma)
        band = rest - softer
        height += np.float32(sigma) * _SHADE_LIMIT * np.tanh(band / _SHADE_LIMIT)
        sigma, rest = 2 * sigma, softer
    return height


def _integrability(slopes: Pixels, integrable: Pixels) -> float:
    """How little of the slopes, without their finest detail, is rotation: 1 for a height field's, 0 for noise's."""
    rotation, relief = softened(slopes - integrable, _DETAIL), softened(integrable, _DETAIL)
    return max(0.0, 1 - float(np.square(rotation).sum()) / max(float(np.square(relief).sum()), 1e-12))


class _Patterns:
    """The guide around pixels: log luminance at 5 x 5 points of four blurs, and log chroma in the middle."""

    def __init__(self, guide: Pixels) -> None:
        log = np.log(np.maximum(guide, 0) + np.float32(_FLOOR))
        planes = np.stack([log.mean(axis=2), log[..., 0] - log[..., 1], log[..., 2] - log[..., 1]], axis=2)
        planes -= softened(planes, _UNEVEN * max(guide.shape[:2]))
        self._layers = [(softened(planes, sigma), step) for sigma, step in _SCALES]

    def around(self, rows: NDArray[np.int_], columns: NDArray[np.int_]) -> Pixels:
        """Values for pixels, ``N x F``."""
        height, width = self._layers[0][0].shape[:2]
        values = []
        for seen, step in self._layers:
            for down in range(-_REACH, _REACH + 1):
                row = _reflected(rows + down * step, height)
                for right in range(-_REACH, _REACH + 1):
                    values.append(seen[row, _reflected(columns + right * step, width), 0])
            values += [seen[rows, columns, 1], seen[rows, columns, 2]]
        return np.stack(values, axis=1)


def softened(planes: Pixels, sigma: float) -> Pixels:
    """Gaussian blur of a deviation in pixels, ``H x W`` or ``H x W x C``."""
    return np.asarray(cv2.GaussianBlur(planes, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), dtype=np.float32)


def between(plane: Pixels, fine: float, coarse: float) -> Pixels:
    """What of a plane ``H x W`` lies between two deviations in pixels."""
    return np.asarray(softened(plane, fine) - softened(plane, coarse), np.float32)


def _reflected(index: NDArray[np.int_], size: int) -> NDArray[np.int_]:
    return np.asarray(np.minimum(np.abs(index), 2 * (size - 1) - np.abs(index)))


def _whitening(samples: Pixels) -> tuple[Pixels, Pixels]:
    """Mean, and the axes that take what deviates from it to components of variance 1."""
    mean = samples.mean(axis=0)
    deviation = samples.std(axis=0) + 1e-6
    centered = (samples - mean) / deviation
    values, vectors = np.linalg.eigh((centered.T @ centered).astype(np.float64) / len(centered))
    kept = slice(-min(_DIMENSIONS, len(values)), None)
    axes = vectors[:, kept] / np.sqrt(np.maximum(values[kept], 1e-6)) / deviation[:, np.newaxis]
    return mean, axes.astype(np.float32)


def _robust_solution(
    table: Pixels, wanted: Pixels, ridge: NDArray[np.float64], trust: NDArray[Any]
) -> NDArray[np.float64]:
    """Ridge regression with Cauchy's weights."""
    weight = trust
    solution: NDArray[np.float64] = np.zeros(table.shape[1])
    for _ in range(4):
        weighted = table * weight[:, np.newaxis].astype(np.float32)
        normal = (weighted.T @ table).astype(np.float64) + np.diag(ridge)
        solution = np.asarray(np.linalg.solve(normal, (weighted.T @ wanted).astype(np.float64)), np.float64)
        residual = wanted - table @ solution.astype(np.float32)
        scale = 1.5 * np.median(np.abs(residual)) + 1e-3
        weight = trust / (1 + np.square(residual / scale))
    return solution


def _validity(
    table: Pixels,
    wanted: Pixels,
    along: list[Pixels],
    fold: Mask,
    solutions: list[NDArray[np.float64]],
    width: int,
) -> NDArray[np.float64]:
    """The factors for slopes along x and y that explain best what they were not learnt from."""
    normal, right = np.zeros((2, 2)), np.zeros(2)
    for part, learnt in zip((~fold, fold), solutions, strict=True):
        other = table[part, : -2 * width] @ learnt[: -2 * width].astype(np.float32)
        by_slope = learnt[-2 * width :].astype(np.float32)
        moves = np.stack(
            [table[part, -2 * width : -width] @ by_slope[:width], table[part, -width:] @ by_slope[width:]], axis=1
        )
        residual = wanted[part] - other
        scale = 3 * np.median(np.abs(residual - moves.sum(axis=1))) + 1e-3
        weight = 1 / (1 + np.square((residual - moves.sum(axis=1)) / scale))
        normal += (moves * weight[:, np.newaxis]).T @ moves
        right += (moves * weight[:, np.newaxis]).T @ residual
    return np.clip(np.linalg.solve(normal + 1e-9 * np.eye(2), right), 0, 1)
