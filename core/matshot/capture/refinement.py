"""Maps changed until, lit by the flash again, they look like the photograph they were predicted from.

Aittala, Aila and Lehtinen 2016, "Reflectance Modeling by Neural Texture Synthesis": a surface that repeats shows the
same texture everywhere, each time under another light. So one tile of reflectance, rendered under the geometry of any
crop of the photograph, must have that crop's deep texture statistics (section 4). The objective is an ONNX graph that
returns loss and gradient; L-BFGS runs over it.

The paper starts from noise and leaves every texel free. Here a network has seen every texel already, and what it gets
wrong is mostly one and the same everywhere: how rough, how bright, how bumpy. A flash at the lens tells these apart
only where the surface is compared with itself under other angles, and leaves the texels' own normals and colors
confused with each other. So first the few :class:`_Changes` that the whole surface has in common are found, from the
statistics of all crops and from the pixels of the whole photograph. What is left is given back to the base color, pixel
by pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..errors import MatshotError
from ..image.color import Mask, Pixels
from ..image.normals import unit_normals
from ..inference.cards import installed_models
from ..inference.session import Device, Network, network
from ..progress import Progress
from ..shading.render import Camera, flash, render
from ..shading.surface import Surface

Planes = NDArray[np.float64]

#: Longer side at which photographs are compared, and side of the cells whose mean colors are.
WORKING_SIDE = 640
CELL = 64
#: Share of the shorter side that a tile takes, and crops along each side of the photograph.
_TILE_SHARE = 0.3
_CROPS = 3
#: Mean over pixels and channels that a picture has when its statistics are taken.
_GRAY = 0.5
#: The graph's transfer function, what it adds to linear values, and its slope where a photograph is saturated.
_GAMMA = 2.2
_FLOOR = 1e-5
_OVER = 0.05
#: Least roughness that is rendered.
_SMOOTHEST = 0.05
#: Range of the values that logits are taken of.
_LEAST_COLOR = 0.01
_LEAST_SCALAR = 0.02

#: How much each part of the objective counts: statistics in parts of their own size; mean colors of cells and pixels
#: display-encoded, squared and averaged; changes in parts of their spread, squared and summed.
_STATISTICS_WEIGHT = 1.0
_CELLS_WEIGHT = 100.0
_PIXELS_WEIGHT = 200.0
_CHANGES_WEIGHT = 0.02
#: Shifts of roughness, before the logistic function, that the search starts from: with too sharp a highlight, hardly a
#: pixel says where it should have been.
_STARTS = (-1.5, 0.0, 1.5)
_START_ITERATIONS = 15
#: Iterations of L-BFGS from the best of them, at most.
_ITERATIONS = 30
#: Evaluations of the objective that an iteration of L-BFGS takes, about.
_EVALUATIONS = 1.2
#: Range in which a pixel's base color is changed to meet the photograph.
_LEAST_GAIN = 0.3
_MOST_GAIN = 3.0


def refined(
    surface: Surface,
    photograph: Pixels,
    usable: Mask,
    camera: Camera,
    *,
    device: Device = "auto",
    threads: int = 0,
    progress: Progress | None = None,
) -> Surface:
    """A surface that, lit by the flash at the lens, looks more like the photograph.

    Args:
        surface: what was predicted, of the photograph's size.
        photograph: ``H x W x 3``, scene-linear, 1 where the camera saturates; of any exposure.
        usable: ``H x W``, where it is not over-exposed and can be trusted.
        camera: of the photograph.
        device: where networks run.
        threads: of the CPU; 0 for all.
        progress: told after every evaluation.

    Returns:
        Base color, normal, roughness and metallic refined, the rest as it was.

    Raises:
        MatshotError: for sizes that differ or are too small, nothing usable, or a model that is missing.
        Cancelled: when the listener says so.
    """
    progress = progress or Progress(None)
    problem = _Problem(surface, photograph, usable, camera, _Models(device, threads))
    changes = problem.common_changes(_ITERATIONS, progress.part(0.0, 0.95))
    changed = _surface(problem.changes.applied(_parameters(surface), changes), surface)
    progress(0.95)
    return with_photographs_detail(changed, photograph, usable, camera)


def with_photographs_detail(surface: Surface, photograph: Pixels, usable: Mask, camera: Camera) -> Surface:
    """The surface with its base color multiplied by what its picture under the flash lacks, pixel by pixel.

    Args:
        surface: of the photograph's size.
        photograph: ``H x W x 3``, scene-linear.
        usable: ``H x W``; elsewhere the base color stays.
        camera: of the photograph.
    """
    lit = render(surface, camera, [flash(camera)])
    floor = np.float32(0.02 * max(float(photograph[usable].mean()), 1e-6))
    lit *= np.float32(_median_ratio(photograph, lit, usable))
    gain = np.clip((photograph + floor) / (lit + floor), _LEAST_GAIN, _MOST_GAIN)
    base_color = np.clip(surface.base_color * np.where(usable[..., np.newaxis], gain, 1), 0, 1)
    return replace(surface, base_color=np.ascontiguousarray(base_color, dtype=np.float32))


class _Models:
    """The two graphs.

    Args:
        device: see :func:`refined`.
        threads: likewise.

    Raises:
        MatshotError: when one is missing.
    """

    def __init__(self, device: Device, threads: int) -> None:
        known = installed_models()
        self._statistics = network(known.require("refinement", "statistics"), device, threads)
        self._objective = Network(known.require("refinement", "objective"), device, threads)

    def statistics(self, picture: Pixels) -> NDArray[np.float32]:
        """Deep statistics ``1 x length`` of a display-encoded picture, brought to the mean ``_GRAY``."""
        return self._statistics(_batch(picture * (_GRAY / max(float(picture.mean()), 1e-3))))

    def loss_and_gradients(self, **inputs: NDArray[np.float32]) -> tuple[float, Planes, float]:
        """Of one crop: the loss, and its gradients by the parameters and by the logarithm of the light's intensity."""
        loss, gradient, by_intensity = self._objective.results(**inputs)
        return float(loss), gradient[0].astype(np.float64), float((by_intensity * inputs["intensity"]).sum())


class _Changes:
    """What a whole surface has in common and may have wrong, as a vector.

    In its order: contrast of the base color about its mean, shift of its three channels, contrast and shift of
    roughness, shift of metallic (colors and scalars before the logistic function), the logarithm of the factor of the
    normals' slopes, and that of the light's intensity, which is the photograph's and not the surface's. Each is
    counted in parts of how much it may be expected to be.

    Args:
        planes: parameters, whose means contrast leaves.
    """

    spread = np.array([0.15, 0.15, 0.15, 0.15, 0.4, 0.8, 0.5, 0.4, 1.0])
    roughness, intensity = 5, 8

    def __init__(self, planes: Planes) -> None:
        self._color = planes[:3].mean(axis=(1, 2), keepdims=True)
        self._roughness = planes[3].mean()

    def applied(self, planes: Planes, vector: Planes) -> Planes:
        """Changed parameters."""
        amount = vector * self.spread
        out = planes.copy()
        out[:3] += (planes[:3] - self._color) * amount[0] + amount[1:4, np.newaxis, np.newaxis]
        out[3] += (planes[3] - self._roughness) * amount[4] + amount[5]
        out[4] += amount[6]
        out[5:] *= np.exp(amount[7])
        return out

    def gradient(self, planes: Planes, changed: Planes, by_planes: Planes, by_intensity: float) -> Planes:
        """By the vector, from the gradients by the changed parameters and by the logarithm of the intensity."""
        parts = [
            (by_planes[:3] * (planes[:3] - self._color)).sum(),
            *by_planes[:3].sum(axis=(1, 2)),
            (by_planes[3] * (planes[3] - self._roughness)).sum(),
            by_planes[3].sum(),
            by_planes[4].sum(),
            (by_planes[5:] * changed[5:]).sum(),
            by_intensity,
        ]
        return np.asarray(np.array(parts) * self.spread)

    def factor(self, vector: Planes) -> float:
        """Of the light's intensity."""
        return float(np.exp(vector[self.intensity] * self.spread[self.intensity]))


class _Problem:
    """One photograph and the surface that was predicted from it, small enough to be rendered hundreds of times.

    Args:
        surface: of the photograph's size.
        photograph: see :func:`refined`.
        usable: likewise.
        camera: likewise.
        models: that judge.

    Attributes:
        changes: of the whole surface.
        tile: side of the tile in pixels.
        corners: row and column of every crop.
        master: number of the crop that the tile is cut from.

    Raises:
        MatshotError: for sizes that differ or are too small, or nothing usable.
    """

    def __init__(self, surface: Surface, photograph: Pixels, usable: Mask, camera: Camera, models: _Models) -> None:
        size = (camera.height, camera.width)
        if (surface.height, surface.width) != size or photograph.shape[:2] != size or usable.shape != size:
            raise MatshotError("The photograph, its maps and the camera differ in size.")
        if not usable.any():
            raise MatshotError("Nothing in the photograph is usable: all of it is black or over-exposed.")
        self._models = models
        lit = render(surface, camera, [flash(camera)])
        self._intensity = _median_ratio(photograph, lit, usable)
        scale = min(1.0, WORKING_SIDE / max(size))
        sides = (max(1, round(size[1] * scale)), max(1, round(size[0] * scale)))
        self.tile = CELL * max(1, round(_TILE_SHARE * min(sides) / CELL))
        if min(sides) < self.tile:
            raise MatshotError(f"A photograph of {size[1]} x {size[0]} pixels is too small to be refined.")
        small = [_made_small(plane, sides) for plane in (photograph, camera.positions(), usable.astype(np.float32))]
        self._picture, self._positions = _displayed(small[0]), small[1]
        # Where the camera saturates the graph does too, so that over-exposed pixels still say that it is bright there.
        self._weights = np.where(small[0].max(axis=2) > 0.9, 1, small[2]).astype(np.float32)
        self._parameters = _made_small(_parameters(surface).transpose(1, 2, 0), sides).transpose(2, 0, 1)
        self.changes = _Changes(self._parameters)
        steps = [np.linspace(0, side - self.tile, _CROPS).round().astype(int) for side in sides]
        self.corners = sorted({(int(row), int(column)) for row in steps[1] for column in steps[0]})
        self._place = {
            name: np.array((0, 0, camera.distance), dtype=np.float32).reshape(1, 3, 1, 1)
            for name in ("camera", "light")
        }
        self._crops = [self._crop(row, column) for row, column in self.corners]
        self.master = _typical([crop["statistics"] for crop in self._crops])
        self._everywhere = self._sampled()

    def common_changes(self, iterations: int, progress: Progress) -> Planes:
        """The changes with which the lit maps come closest to the photograph.

        First to its pixels alone, from several starts; then to the statistics and mean colors of its crops too.

        Args:
            iterations: of L-BFGS.
            progress: told after every evaluation.
        """
        crops, starts = len(self._crops), len(_STARTS)
        quick = starts * _START_ITERATIONS * _EVALUATIONS / (crops + 1)
        count = _Count(quick + starts + iterations * _EVALUATIONS, progress)

        def photometric(vector: Planes) -> tuple[float, Planes]:
            count(1 / (crops + 1))
            return _with_prior(self._everywhere_loss(vector), vector)

        def joint(vector: Planes) -> tuple[float, Planes]:
            count(1)
            loss, gradient = self._everywhere_loss(vector)
            more, gradient_too = self._tile_loss(vector)
            return _with_prior((loss + more, gradient + gradient_too), vector)

        found = []
        for shift in _STARTS:
            start = np.zeros(len(_Changes.spread))
            start[_Changes.roughness] = shift / _Changes.spread[_Changes.roughness]
            vector = _minimum(photometric, start, _START_ITERATIONS)
            found.append((joint(vector)[0], vector))
        best = min(found, key=lambda each: each[0])[1]
        return _minimum(joint, best, iterations)

    def _everywhere_loss(self, vector: Planes) -> tuple[float, Planes]:
        """Of the samples of the whole photograph, each with its own maps, and the gradient by the changes."""
        planes, inputs = self._everywhere
        return self._loss(planes, vector, [inputs])

    def _tile_loss(self, vector: Planes) -> tuple[float, Planes]:
        """Of the master tile in the place of every crop, and the gradient by the changes."""
        row, column = self.corners[self.master]
        return self._loss(self._parameters[:, row : row + self.tile, column : column + self.tile], vector, self._crops)

    def _loss(
        self, planes: Planes, vector: Planes, crops: list[dict[str, NDArray[np.float32]]]
    ) -> tuple[float, Planes]:
        changed = self.changes.applied(planes, vector)
        parameters = changed[np.newaxis].astype(np.float32)
        intensity = np.full((1, 3, 1, 1), self._intensity * self.changes.factor(vector), dtype=np.float32)
        total, by_planes, by_intensity = 0.0, np.zeros_like(planes), 0.0
        for crop in crops:
            loss, gradient, more = self._models.loss_and_gradients(
                parameters=parameters, intensity=intensity, **crop, **self._place
            )
            total, by_planes, by_intensity = total + loss, by_planes + gradient, by_intensity + more
        return total, self.changes.gradient(planes, changed, by_planes, by_intensity)

    def _crop(self, row: int, column: int) -> dict[str, NDArray[np.float32]]:
        """The graph's inputs for a crop whose statistics and cells count."""
        rows, columns = slice(row, row + self.tile), slice(column, column + self.tile)
        picture, weights = self._picture[rows, columns], self._weights[rows, columns]
        sides = (self.tile // CELL, self.tile // CELL)
        known = _made_small(weights, sides) > 0.5
        count = _CROPS**2
        return {
            "positions": _batch(self._positions[rows, columns]),
            "statistics": self._models.statistics(picture),
            "statistics_weight": np.array(_STATISTICS_WEIGHT / count, dtype=np.float32),
            "cells": _batch(_made_small(picture, sides)),
            "cell_weights": _batch(known * np.float32(_CELLS_WEIGHT / (3 * count * known.size))),
            "pixels": _batch(picture),
            "pixel_weights": np.zeros((1, 1, self.tile, self.tile), dtype=np.float32),
        }

    def _sampled(self) -> tuple[Planes, dict[str, NDArray[np.float32]]]:
        """Parameters and inputs for as many pixels as a tile has, spread evenly over the photograph."""
        height, width = self._weights.shape
        rows, columns = (((np.arange(self.tile) + 0.5) * side / self.tile).astype(int) for side in (height, width))
        chosen = np.ix_(rows, columns)
        weights = self._weights[chosen]
        weights = weights * np.float32(_PIXELS_WEIGHT / (3 * max(float(weights.sum()), 1.0)))
        cells = self.tile // CELL
        inputs = {
            **self._crops[self.master],
            "positions": _batch(self._positions[chosen]),
            "statistics_weight": np.zeros((), dtype=np.float32),
            "cell_weights": np.zeros((1, 1, cells, cells), dtype=np.float32),
            "pixels": _batch(self._picture[chosen]),
            "pixel_weights": _batch(weights),
        }
        return np.ascontiguousarray(self._parameters[:, rows][:, :, columns]), inputs


class _Count:
    """Progress by units of work of which a few more or less than expected may come."""

    def __init__(self, expected: float, progress: Progress) -> None:
        self._expected, self._progress, self._done = expected, progress, 0.0

    def __call__(self, units: float) -> None:
        self._progress(min(1.0, self._done / self._expected))
        self._done += units


def _with_prior(judged: tuple[float, Planes], vector: Planes) -> tuple[float, Planes]:
    loss, gradient = judged
    return loss + 0.5 * _CHANGES_WEIGHT * float(np.square(vector).sum()), gradient + _CHANGES_WEIGHT * vector


def _minimum(objective: Callable[[Any], tuple[float, Any]], start: Planes, iterations: int) -> Planes:
    found = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": iterations, "maxfun": round(1.5 * iterations)},
    )
    return np.asarray(found.x, dtype=np.float64)


def _typical(statistics: Sequence[NDArray[np.float32]]) -> int:
    """The crop whose statistics are nearest to the median of all, each number in parts of itself."""
    stack = np.concatenate(statistics)
    middle = np.median(stack, axis=0)
    size = np.abs(middle) + 1e-3 * np.abs(middle).max()
    return int(np.argmin((np.abs(stack - middle) / size).mean(axis=1)))


def _median_ratio(photograph: Pixels, lit: Pixels, usable: Mask) -> float:
    """The light's intensity: highlights, which may be wrong, hardly move the median."""
    floor = 1e-3 * max(float(photograph[usable].mean()), 1e-6)
    return float(np.median((photograph[usable] + floor) / (lit[usable] + floor)))


def _parameters(surface: Surface) -> Planes:
    """What the graph renders, ``7 x H x W``: base color, roughness, metallic before the logistic function; slopes."""
    color = np.clip(surface.base_color, _LEAST_COLOR**_GAMMA, (1 - _LEAST_COLOR) ** _GAMMA) ** (1 / _GAMMA)
    roughness = (surface.roughness - _SMOOTHEST) / (1 - _SMOOTHEST)
    scalars = np.clip(np.concatenate([roughness, surface.metallic], axis=2), _LEAST_SCALAR, 1 - _LEAST_SCALAR)
    slopes = surface.normal[..., :2] / np.maximum(surface.normal[..., 2:], 0.1)
    planes = np.concatenate([_logit(color), _logit(scalars), slopes], axis=2)
    return np.ascontiguousarray(planes.transpose(2, 0, 1), dtype=np.float64)


def _surface(planes: Planes, other: Surface) -> Surface:
    """The surface that parameters describe, with what they do not describe taken from another."""
    maps = planes.transpose(1, 2, 0).astype(np.float32)
    logistic = 1 / (1 + np.exp(-maps[..., :5]))
    normal = unit_normals(np.concatenate([maps[..., 5:], np.ones_like(maps[..., :1])], axis=2))
    return replace(
        other,
        base_color=np.power(logistic[..., :3], _GAMMA, dtype=np.float32),
        normal=normal,
        roughness=np.ascontiguousarray(_SMOOTHEST + (1 - _SMOOTHEST) * logistic[..., 3:4]),
        metallic=np.ascontiguousarray(logistic[..., 4:5]),
    )


def _logit(values: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.log(values / (1 - values)))


def _displayed(linear: Pixels) -> Pixels:
    """Display-encoded and saturated as in the graph."""
    encoded = (np.maximum(linear, 0) + np.float32(_FLOOR)) ** np.float32(1 / _GAMMA)
    return np.where(encoded > 1, 1 + np.float32(_OVER) * (encoded - 1), encoded).astype(np.float32)


def _made_small(planes: NDArray[Any], sides: tuple[int, int]) -> NDArray[Any]:
    """``H x W`` or ``H x W x C`` at another width and height, each pixel the mean of what it covers."""
    if planes.shape[1::-1] == sides:
        return planes
    return np.asarray(cv2.resize(planes, sides, interpolation=cv2.INTER_AREA))


def _batch(planes: NDArray[Any]) -> NDArray[np.float32]:
    """``H x W`` or ``H x W x C`` as ``1 x C x H x W``."""
    channels = planes.reshape(*planes.shape[:2], -1).transpose(2, 0, 1)
    return np.ascontiguousarray(channels[np.newaxis], dtype=np.float32)
