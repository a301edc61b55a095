"""Reflectance of every pixel of a tile from its lumitexels, by nonlinear least squares.

All pixels take Levenberg-Marquardt steps at once, each with its own small normal equations and its own damping.
Residuals are differences of logarithms, with Cauchy's weights, so that neither a highlight nor a false match decides.
What couples the pixels, the priors of Aittala, Weyrich and Lehtinen 2015 ("Two-Shot SVBRDF Capture for Stationary
Materials", section 4.3), alternates with the steps: smoothness, integrable normals and the tile's mean highlight are
what each pixel is pulled to in the next round.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import MatshotError
from ..image.color import Pixels
from ..image.normals import unit_normals
from ..material.planes import normals_of_slopes, slopes
from ..progress import Progress
from ..shading.brdf import (
    SMOOTHEST,
    Values,
    ggx_with_gradient,
)
from ..shading.render import Camera, PointLight
from ..shading.surface import DIELECTRIC, Surface
from .lumitexels import Lumitexels
from .shading import GuidedSlopes, Response, integrable_slopes

#: Pixels that are fitted at once, so that their derivatives stay in the cache.
_BLOCK = 512
#: Of how many independent lumitexels a pixel's say as much: their errors have causes in common.
_INDEPENDENT = 8.0
#: Deviation of the logarithm of a lumitexel at first, its range, and that of the pixel's own.
_NOISE = 0.15
_LEAST_NOISE = 0.05
_MOST_NOISE = 0.4
_OWN_NOISE = 0.05
#: What is added to radiance before its logarithm is taken, in medians of the photograph.
_FLOOR = 0.02
#: Longest step in a parameter.
_LONGEST = 0.7
#: Steps of the first round and of the others.
_FIRST_STEPS = 6
_STEPS = 3
_ROUNDS = 1
#: Pixels of which the flash's intensity is learnt.
_SAMPLE = 400
#: Intensities that are tried, in multiples of what makes a typical base color.
_INTENSITIES = np.geomspace(1 / 6, 6, 9)
#: Logarithm of the luminance of base colors: mean and deviation over measured materials; and with a given surface's.
_TYPICAL_ALBEDO = np.log(0.18)
_ALBEDO_SPREAD = 0.9
_GIVEN_SPREAD = 0.35
#: Roughness of dielectrics and metals: mean and deviation over measured materials.
_TYPICAL_ROUGHNESS = 0.52
_ROUGHNESS_SPREAD = 0.22
_METAL_ROUGHNESS = 0.28
#: How much better metal must explain a pixel, in squared deviations, before it is believed.
_METAL_MARGIN = 0.5
#: Pixels' worth of evidence in the sample: neighbors err alike.
_EVIDENCE = 20.0
#: Side of the median in pixels, deviations, and least distance from it, of pixels that are specks.
_AROUND_SPECK = 5
_STANDING_OUT = 4.0
_LEAST_SPECK = 0.05
#: Pixels of a speck, and part of the tile that all take, at most.
_MOST_SPECK = 12
_MOST_SPECKS = 0.01
#: Range of the logarithms of colors, of slopes.
_DARKEST = np.log(2e-3)
_BRIGHTEST = np.log(1.2)
_STEEPEST = 3.0


@dataclass(frozen=True)
class Priors:
    """How far parameters are expected to deviate, infinity where nothing is expected.

    Attributes:
        slope: the normal's slopes from level, where nothing else is known of them.
        guided: slopes from the guided ones, in deviations that those state.
        integrable: slopes from those of the nearest height field.
        specular: highlight parameters from their mean over the tile.
        smooth: highlight parameters from their mean over like neighbors.
        initial: slopes and roughness from a given surface's; the logarithm of base color twice as far.
    """

    slope: float = 0.5
    guided: float = 1.0
    integrable: float = 0.3
    specular: float = 0.15
    smooth: float = 0.15
    initial: float = 0.15


#: Nothing is expected.
NO_PRIORS = Priors(np.inf, np.inf, np.inf, np.inf, np.inf, np.inf)


@dataclass(frozen=True)
class Scale:
    """What cannot be told from a single pixel.

    Attributes:
        intensity: of the flash, in the photograph's units: what a renderer needs beside the surface.
        metallic: of the surface as a whole, 0 or 1.
        base_color: mean, ``3``.
        roughness: mean.
    """

    intensity: float
    metallic: float
    base_color: NDArray[np.float32]
    roughness: float


@dataclass(frozen=True)
class Fit:
    """What was fitted.

    Attributes:
        surface: of the tile.
        intensity: of the flash, in the photograph's units: what a renderer needs beside the surface.
        residual: median difference of the logarithms of lumitexels and their prediction.
    """

    surface: Surface
    intensity: float
    residual: float


def expected_response(scale: Scale, camera: Camera, lamp: PointLight) -> Response:
    """How a level surface of the mean reflectance responds to slopes, for :func:`guided_slopes`."""
    points = camera.positions().reshape(1, -1, 3)
    model = _Ggx(np.full(1, scale.metallic, np.float32))
    theta = np.zeros((1, 6), np.float32)
    theta[0, :3], theta[0, 5] = np.log(np.maximum(scale.base_color, 1e-3)), scale.roughness
    value, own, shared = model.predicted(theta, slice(None), _Rays(points, camera, lamp), 1.0)
    matt = own[0] if scale.metallic < 0.5 else np.zeros_like(value)
    total = value.mean(axis=2)[0]
    planes = [shared[0].mean(axis=2)[0] / total, shared[1].mean(axis=2)[0] / total, 1 - matt.mean(axis=2)[0] / total]
    return Response(*(plane.reshape(camera.height, camera.width) for plane in planes))


def estimated_scale(
    lumitexels: Lumitexels, camera: Camera, lamp: PointLight, initial: Surface | None = None, seed: int = 0
) -> Scale:
    """How strong the flash was and whether the surface is metal.

    Radiance alone does not tell a bright flash on a dark surface from a weak one on a bright surface. But the highlight
    of a dielectric has a known strength, 4 % at normal incidence, and where it is narrow, or less colored than the
    diffuse part, it can be told apart. So a sample of pixels is fitted with several intensities, and the best is kept;
    where it makes no difference, the most usual base color decides, or the given surface's.

    Args:
        lumitexels: of the tile.
        camera: of the photograph.
        lamp: the flash, whose intensity is ignored.
        initial: a first guess of the tile, such as a network's: it says how bright base color is and what is metal.
        seed: of the choice of pixels.
    """
    rng = np.random.default_rng(seed)
    height, width = lumitexels.rows.shape[:2]
    chosen = rng.choice(height * width, min(_SAMPLE, height * width), replace=False)
    data = _Data.of(lumitexels, camera, lamp, chosen)
    bright = data.level_albedo(1.0)
    typical, spread = _TYPICAL_ALBEDO, _ALBEDO_SPREAD
    if initial is not None:
        typical, spread = float(np.log(np.maximum(initial.base_color.mean(), 1e-3))), _GIVEN_SPREAD
    usual = float(bright.mean()) / float(np.exp(typical))
    kinds = (0.0, 1.0) if initial is None else (round(float(initial.metallic.mean())),)
    found: list[tuple[float, Scale]] = []
    for metallic in kinds:
        model = _Ggx(np.full(len(chosen), metallic, np.float32))
        # Only the product of a metal's base color and the intensity matters.
        for multiple in _INTENSITIES if not metallic else (1.0,):
            intensity = usual * float(multiple)
            theta = model.started(bright / intensity * (0.3 if metallic else 0.8), None)
            precision = np.zeros_like(theta)
            precision[:, 3:5] = 0.3**-2
            theta = _solved(model, data, theta, intensity, theta, precision, 8)[0]
            target = theta.copy()
            target[:, 3:5], target[:, 5] = 0, np.median(theta[:, 5])
            precision[:, 5] = 0.1**-2
            theta, cost = _solved(model, data, theta, intensity, target, precision, 4)
            base, roughness = np.exp(theta[:, :3]).mean(axis=0), float(np.mean(theta[:, 5]))
            if metallic:
                intensity *= float(base.mean()) / float(np.exp(typical))
                base *= np.exp(typical) / base.mean()
            usual_roughness = _METAL_ROUGHNESS if metallic else _TYPICAL_ROUGHNESS
            objective = (
                _EVIDENCE * (float(np.mean(cost)) + _METAL_MARGIN * metallic)
                + ((np.log(base.mean()) - typical) / spread) ** 2
                + ((roughness - usual_roughness) / _ROUGHNESS_SPREAD) ** 2
            )
            found.append((objective, Scale(intensity, metallic, base.astype(np.float32), roughness)))
    return min(found, key=lambda pair: pair[0])[1]


def fitted_surface(
    lumitexels: Lumitexels,
    camera: Camera,
    lamp: PointLight,
    scale: Scale,
    guide: Pixels,
    *,
    guided: GuidedSlopes | None = None,
    initial: Surface | None = None,
    priors: Priors | None = None,
    threads: int = 2,
    progress: Progress | None = None,
) -> Fit:
    """The surface that explains the lumitexels.

    Args:
        lumitexels: of the tile, ``H x W``.
        camera: of the photograph.
        lamp: the flash, whose intensity is ignored.
        scale: see :func:`estimated_scale`.
        guide: ``H x W x 3``, the tile's ambient picture, by which neighbors are told to be alike.
        guided: slopes to start from.
        initial: a first guess of the surface, ``H x W``; its metallic is kept.
        priors: what is expected.
        threads: that fit at the same time.
        progress: told after every block of pixels.

    Raises:
        MatshotError: if the given surface has another size.
        Cancelled: when the listener says so.
    """
    height, width = lumitexels.rows.shape[:2]
    if initial is not None and (initial.height, initial.width) != (height, width):
        raise MatshotError(
            f"The given surface is {initial.width} x {initial.height} pixels and the tile {width} x {height}."
        )
    priors, progress = priors or Priors(), progress or Progress(None)
    metallic = np.full(height * width, scale.metallic, np.float32) if initial is None else initial.metallic.reshape(-1)
    data = _Data.of(lumitexels, camera, lamp)
    fitted = _Ggx(metallic)
    albedo = data.level_albedo(scale.intensity)
    theta = fitted.started(albedo * (0.3 if scale.metallic else 0.8), scale)
    if guided is not None:
        theta[:, 3:5] = guided.slopes.reshape(-1, 2)
    pulls = _Pulls(fitted, theta.copy(), priors, (height, width), guide, guided, initial)
    steps = [_FIRST_STEPS, *[_STEPS] * _ROUNDS]
    for index, count in enumerate(steps):
        target, precision = pulls.first(theta) if index == 0 else pulls.coupled(theta)
        part = progress.part(sum(steps[:index]) / sum(steps), sum(steps[: index + 1]) / sum(steps))
        theta, _ = _solved(fitted, data, theta, scale.intensity, target, precision, count, threads, part)
        if index == 0:
            data = data.with_noise_of(fitted, theta, scale.intensity)
    return Fit(without_specks(fitted.surface(theta, (height, width))), scale.intensity, data.typical_noise)


def without_specks(surface: Surface) -> Surface:
    """The surface with the median of what is around them for pixels whose slopes or roughness stand far out.

    A pixel that was matched falsely in most tiles is one bump in a field without others.
    """
    steepness = _without_outliers(slopes(surface.normal), _LEAST_SPECK)
    return replace(
        surface,
        normal=normals_of_slopes(steepness),
        roughness=_without_outliers(surface.roughness, _LEAST_SPECK),
    )


def _without_outliers(planes: Pixels, least: float) -> Pixels:
    around = np.stack(
        [cv2.medianBlur(np.ascontiguousarray(planes[..., index]), _AROUND_SPECK) for index in range(planes.shape[2])],
        axis=2,
    )
    off = np.sqrt(np.square(planes - around).sum(axis=2))
    far = off > max(least, _STANDING_OUT * 1.4826 * float(np.median(off)))
    _, numbers, facts, _ = cv2.connectedComponentsWithStats(far.astype(np.uint8), connectivity=8)
    # Edges and joints are long, and what is everywhere is the texture.
    specks = (facts[:, cv2.CC_STAT_AREA] <= _MOST_SPECK)[numbers] & far
    if specks.mean() > _MOST_SPECKS:
        return planes
    specks = cv2.dilate(specks.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.asarray(np.where(specks[..., np.newaxis], around, planes), dtype=np.float32)


class _Rays:
    """Directions and strength of the flash's light at points ``N x K``."""

    def __init__(self, points: Pixels, camera: Camera, lamp: PointLight) -> None:
        towards = np.asarray(lamp.position, np.float32) - points
        back = np.asarray(camera.position, np.float32) - points
        squared = np.square(towards).sum(axis=-1, keepdims=True)
        self.light = towards / np.sqrt(squared)
        self.view = back / np.sqrt(np.square(back).sum(axis=-1, keepdims=True))
        self.strength = self.light[..., 2:] ** lamp.falloff * self.view[..., 2:] ** camera.vignetting / squared


@dataclass(frozen=True)
class _Data:
    """Lumitexels of N pixels.

    Attributes:
        values: ``N x K x 3``.
        weight: ``N x K``; they sum to the number of independent ones, and 1 for the own.
        points: ``N x K x 3``.
        camera: of the photograph.
        lamp: of the flash.
        floor: added to radiance before its logarithm is taken.
        noise: ``N x K``, deviation of the logarithms.
        typical_noise: that of those that were matched.
    """

    values: Pixels
    weight: Pixels
    points: Pixels
    camera: Camera
    lamp: PointLight
    floor: np.float32
    noise: Pixels
    typical_noise: float

    @staticmethod
    def of(lumitexels: Lumitexels, camera: Camera, lamp: PointLight, chosen: NDArray[np.int_] | None = None) -> _Data:
        """All pixels, or the chosen ones."""
        pixels = slice(None) if chosen is None else chosen
        count = lumitexels.rows.shape[2]
        values = lumitexels.values.reshape(-1, count, 3)[pixels]
        weight = lumitexels.weight.reshape(-1, count)[pixels].copy()
        total = weight[:, 1:].sum(axis=1, keepdims=True)
        weight[:, 1:] *= _INDEPENDENT / np.maximum(total, _INDEPENDENT / 4)
        noise = np.full(weight.shape, _NOISE, np.float32)
        noise[:, 0] = _OWN_NOISE
        points = lumitexels.positions(camera).reshape(-1, count, 3)[pixels]
        floor = np.float32(_FLOOR * max(float(np.median(values)), 1e-6))
        return _Data(values, weight, points, camera, lamp, floor, noise, _NOISE)

    def level_albedo(self, intensity: float) -> Pixels:
        """``N x 3``: what a level matt surface would be like that looks the same."""
        rays = _Rays(self.points, self.camera, self.lamp)
        lit = self.values / (rays.strength * rays.light[..., 2:])
        return np.asarray(np.median(lit[:, 1:], axis=1) * (np.pi / intensity), np.float32)

    def with_noise_of(self, model: _Ggx, theta: Pixels, intensity: float) -> _Data:
        """The same with the noise that a fit leaves, learnt from a sample."""
        some = slice(None, None, max(1, len(theta) // _SAMPLE))
        value, _, _ = model.predicted(theta[some], some, _Rays(self.points[some], self.camera, self.lamp), intensity)
        residual = np.abs(np.log(value + self.floor) - np.log(self.values[some] + self.floor)).mean(axis=2)[:, 1:]
        noise = float(np.median(residual[self.weight[some][:, 1:] > 0])) * 1.5
        changed = self.noise.copy()
        changed[:, 1:] = np.clip(noise, _LEAST_NOISE, _MOST_NOISE)
        return replace(self, noise=changed, typical_noise=noise)


class _Lit:
    """A level or tilted normal under rays: cosine, and how radiance varies with slopes."""

    def __init__(self, theta: Pixels, rays: _Rays, intensity: float) -> None:
        p, q = theta[:, 3], theta[:, 4]
        n_z = 1 / np.sqrt(1 + p * p + q * q)
        self.normal = np.stack([p * n_z, q * n_z, n_z], axis=-1)[:, np.newaxis]
        strength = rays.strength * np.float32(intensity)
        n_l = (self.normal * rays.light).sum(axis=-1, keepdims=True)
        self.cosine = np.maximum(n_l, 0) * strength
        lit = (n_l > 0) * strength * n_z[:, np.newaxis, np.newaxis]
        # d(n.l)/dp = (l_x - n_x n.l) n_z
        self._by_p = (rays.light[..., 0:1] - self.normal[..., 0:1] * n_l) * lit
        self._by_q = (rays.light[..., 1:2] - self.normal[..., 1:2] * n_l) * lit

    def by_slopes(self, value: Values, slope_x: Values, slope_y: Values) -> list[Values]:
        """Derivatives of radiance from a reflectance and its own."""
        return [slope_x * self.cosine + value * self._by_p, slope_y * self.cosine + value * self._by_q]


class _Ggx:
    """Logarithms of base color, slopes, roughness; metallic is given.

    Attributes:
        own: for each color, the numbers of its three parameters, each of which only its channel depends on.
        shared: numbers of the others.
        highlight: numbers of those that the mean highlight and smoothness pull.
        least: lower bound of each.
        greatest: upper bound.
    """

    own, shared, highlight = [[0, 1, 2]], [3, 4, 5], [5]
    least = np.array([_DARKEST] * 3 + [-_STEEPEST] * 2 + [SMOOTHEST], np.float32)
    greatest = np.array([_BRIGHTEST] * 3 + [_STEEPEST] * 2 + [1], np.float32)

    def __init__(self, metallic: Pixels) -> None:
        self._metallic = metallic

    def started(self, albedo: Pixels, scale: Scale | None) -> Pixels:
        """Parameters ``N x P`` of a level surface."""
        theta = np.zeros((len(albedo), 6), np.float32)
        theta[:, :3] = np.log(np.clip(albedo, 0.005, 1))
        theta[:, 5] = _TYPICAL_ROUGHNESS if scale is None else scale.roughness
        return theta

    def predicted(
        self, theta: Pixels, pixels: slice | NDArray[np.int_], rays: _Rays, intensity: float
    ) -> tuple[Values, list[Values], list[Values]]:
        """Radiance and its derivatives by own and by shared parameters, ``n x K x 3`` each."""
        lit = _Lit(theta, rays, intensity)
        base = np.exp(theta[:, np.newaxis, :3])
        metallic = self._metallic[pixels][:, np.newaxis, np.newaxis]
        value, by = ggx_with_gradient(
            lit.normal, rays.view, rays.light, base, theta[:, np.newaxis, 5:6], metallic, DIELECTRIC
        )
        slopes = lit.by_slopes(value, by.slope_x, by.slope_y)
        return value * lit.cosine, [by.base_color * base * lit.cosine], [*slopes, by.roughness * lit.cosine]

    def surface(self, theta: Pixels, size: tuple[int, int]) -> Surface:
        """What hosts render."""
        return Surface.of(
            np.exp(theta[:, :3]).reshape(*size, 3),
            _normals(theta, size),
            theta[:, 5].reshape(size),
            self._metallic.reshape(size),
        )


def _normals(theta: Pixels, size: tuple[int, int]) -> Pixels:
    slopes = theta[:, 3:5].reshape(*size, 2)
    return unit_normals(np.concatenate([slopes, np.ones((*size, 1), np.float32)], axis=2))


class _Pulls:
    """What the priors pull parameters to, and how strongly, ``N x P`` each."""

    def __init__(
        self,
        model: _Ggx,
        start: Pixels,
        priors: Priors,
        size: tuple[int, int],
        guide: Pixels,
        guided: GuidedSlopes | None,
        initial: Surface | None,
    ) -> None:
        self._model, self._priors, self._size = model, priors, size
        log = np.log(np.maximum(guide, 0).mean(axis=2) + np.float32(0.01))
        self._guide = ((log - log.mean()) / max(float(log.std()), 1e-3)).astype(np.float32)
        self._weighted = np.zeros_like(start)
        self._precision = np.zeros_like(start)
        known = False
        if guided is not None:
            known |= self._pull([3, 4], guided.slopes.reshape(-1, 2), guided.deviation * priors.guided)
        if initial is not None:
            facing = np.maximum(initial.normal[..., 2:], 0.1)
            known |= self._pull([3, 4], (initial.normal[..., :2] / facing).reshape(-1, 2), priors.initial)
            self._pull([5], initial.roughness.reshape(-1, 1), priors.initial)
            self._pull([0, 1, 2], np.log(np.maximum(initial.base_color, 2e-3)).reshape(-1, 3), 2 * priors.initial)
        if not known:
            self._pull([3, 4], np.zeros((1, 2), np.float32), priors.slope)

    def _pull(self, parameters: list[int], towards: Values, deviation: float) -> bool:
        self._weighted[:, parameters] += towards / np.float32(deviation) ** 2
        self._precision[:, parameters] += np.float32(deviation) ** -2
        return bool(np.isfinite(deviation))

    def first(self, theta: Pixels) -> tuple[Pixels, Pixels]:
        """For the first round, when no pixel knows of the others."""
        weighted, precision = self._weighted.copy(), self._precision.copy()
        inverse = np.float32(self._priors.specular) ** -2
        weighted[:, self._model.highlight] += theta[:, self._model.highlight].mean(axis=0) * inverse
        precision[:, self._model.highlight] += inverse
        return _divided(weighted, precision), precision

    def coupled(self, theta: Pixels) -> tuple[Pixels, Pixels]:
        """For the next round."""
        weighted, precision = self._weighted.copy(), self._precision.copy()
        if np.isfinite(self._priors.integrable):
            inverse = np.float32(self._priors.integrable) ** -2
            weighted[:, 3:5] += integrable_slopes(theta[:, 3:5].reshape(*self._size, 2)).reshape(-1, 2) * inverse
            precision[:, 3:5] += inverse
        own = self._model.highlight
        inverse = np.float32(self._priors.specular) ** -2
        weighted[:, own] += np.median(theta[:, own], axis=0) * inverse
        precision[:, own] += inverse
        if np.isfinite(self._priors.smooth):
            inverse = np.float32(self._priors.smooth) ** -2
            for index in own:
                plane = guided_filter(self._guide, theta[:, index].reshape(self._size))
                weighted[:, index] += plane.reshape(-1) * inverse
                precision[:, index] += inverse
        return _divided(weighted, precision), precision


def _divided(weighted: Pixels, precision: Pixels) -> Pixels:
    return np.asarray(weighted / np.maximum(precision, 1e-12), np.float32)


def guided_filter(guide: Pixels, values: Pixels, radius: int = 6, edge: float = 0.1) -> Pixels:
    """Values averaged over neighbors that look alike: He, Sun and Tang 2010, "Guided Image Filtering", eq. 8."""

    def mean(plane: Pixels) -> Pixels:
        side = (2 * radius + 1, 2 * radius + 1)
        return np.asarray(cv2.blur(plane, side, borderType=cv2.BORDER_REFLECT_101), np.float32)

    middle, level = mean(guide), mean(values)
    slope = (mean(guide * values) - middle * level) / (mean(guide * guide) - middle**2 + np.float32(edge))
    return mean(slope) * guide + mean(level - slope * middle)


def _solved(
    model: _Ggx,
    data: _Data,
    theta: Pixels,
    intensity: float,
    target: Pixels,
    precision: Pixels,
    steps: int,
    threads: int = 1,
    progress: Progress | None = None,
) -> tuple[Pixels, Pixels]:
    """Parameters after so many Levenberg-Marquardt steps, and each pixel's cost."""
    result, cost = theta.copy(), np.zeros(len(theta), np.float32)
    blocks = [slice(start, min(start + _BLOCK, len(theta))) for start in range(0, len(theta), _BLOCK)]

    def solve(pixels: slice) -> None:
        objective = _objective(model, data, pixels, intensity, target[pixels], precision[pixels])
        result[pixels], cost[pixels] = _levenberg_marquardt(objective, theta[pixels], model, steps)

    with ThreadPoolExecutor(threads) as pool:
        for index, _ in enumerate(pool.map(solve, blocks)):
            if progress is not None:
                progress((index + 1) / len(blocks))
    return result, cost


#: Of parameters ``n x P``: cost ``n``, half its second derivatives ``n x P x P`` and half its gradient ``n x P``.
_Objective: TypeAlias = Callable[[Pixels], tuple[Values, Values, Values]]


def _objective(
    model: _Ggx, data: _Data, pixels: slice, intensity: float, target: Pixels, precision: Pixels
) -> _Objective:
    rays = _Rays(data.points[pixels], data.camera, data.lamp)
    seen = np.log(data.values[pixels] + data.floor)
    weight, certainty = data.weight[pixels], (1 / data.noise[pixels])[..., np.newaxis]
    colors = len(model.own)
    diagonal = np.arange(target.shape[1])

    def evaluated(theta: Pixels) -> tuple[Values, Values, Values]:
        value, own, others = model.predicted(theta, pixels, rays, intensity)
        value = value + data.floor
        residual = (np.log(value) - seen) * certainty
        squared = np.square(residual).mean(axis=-1)
        difference = theta - target
        cost = (weight * np.log1p(squared)).sum(axis=1) + (precision * np.square(difference)).sum(axis=1)
        trust = np.sqrt(weight / (1 + squared) / 3)[..., np.newaxis]
        chain = certainty * trust / value
        # One row for each parameter and one for the residual, so that a product has all sums over lumitexels.
        rows = np.empty((3, len(theta), colors + len(others) + 1, weight.shape[1]), np.float32)
        for index, plane in enumerate([*(plane * chain for plane in (*own, *others)), residual * trust]):
            rows[:, :, index] = np.moveaxis(plane, -1, 0)
        sums = rows @ rows.swapaxes(-1, -2)
        curvature = np.zeros((len(theta), len(diagonal), len(diagonal)))
        gradient = np.zeros((len(theta), len(diagonal)))
        for channel in range(3):
            mine = np.array([group[channel] for group in model.own] + model.shared)
            curvature[:, mine[:, np.newaxis], mine] += sums[channel, :, :-1, :-1]
            gradient[:, mine] += sums[channel, :, :-1, -1]
        curvature[:, diagonal, diagonal] += precision
        return cost, curvature, gradient + precision * difference

    return evaluated


def _levenberg_marquardt(objective: _Objective, theta: Pixels, model: _Ggx, steps: int) -> tuple[Pixels, Pixels]:
    """Parameters and cost after so many steps; each pixel has its own damping."""
    cost, curvature, gradient = objective(theta)
    damping = np.full(len(theta), 1e-2)
    diagonal = np.arange(theta.shape[1])
    for _ in range(steps):
        damped = curvature.copy()
        damped[:, diagonal, diagonal] = damped[:, diagonal, diagonal] * (1 + damping[:, np.newaxis]) + 1e-4
        step = np.linalg.solve(damped, -gradient[..., np.newaxis])[..., 0]
        tried = (theta + np.clip(step, -_LONGEST, _LONGEST)).astype(np.float32)
        tried = np.clip(tried, model.least, model.greatest)
        new_cost, new_curvature, new_gradient = objective(tried)
        better = new_cost < cost
        theta = np.where(better[:, np.newaxis], tried, theta)
        cost = np.where(better, new_cost, cost)
        curvature[better], gradient[better] = new_curvature[better], new_gradient[better]
        damping = np.where(better, damping * 0.3, damping * 6)
    return theta, cost
