"""The lamp of a flash photograph, and what a surface that is alike all over reflects of it, from the photograph alone.

A surface that is alike all over has, averaged over cells that are larger than its texture, one reflectance. How bright
a cell is then says where the lamp stands, how its light falls off, how wide and strong the highlight is, and so how
rough the surface is, whether it is a metal, and how bright its base color is in absolute terms: a dielectric reflects
4 % at normal incidence. A dozen numbers are fitted to a few hundred cells; a texture cannot hide in so few.

What separates metal from dielectric is color as much as brightness: a dielectric's highlight has the lamp's color, a
metal's has its own (Shafer 1985, "Using Color to Separate Reflection Components"). So cells are compared in brightness
and in chroma, in which textures differ less by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ..image.color import Mask, Pixels
from ..shading.brdf import ggx
from ..shading.render import Camera, PointLight
from ..shading.surface import DIELECTRIC
from .photograph import AT_END

Array: TypeAlias = NDArray[np.float64]

#: Longer side at which a photograph is looked at, and cells along it.
_WORKING_SIDE = 504
_ALONG = 24
#: Part of a cell in which a channel may have reached its end for the mean to be known; else it is a lower bound.
_CLIPPED_SHARE = 0.1
#: Least part of a cell that lies in the photograph.
_CELL_SHARE = 0.7
#: What is added before logarithms are taken, in medians of the photograph.
_FLOOR = 0.02
#: Least deviation of the logarithm of a cell's brightness from the model, and of its chroma; textures may have more.
_BRIGHTNESS_NOISE = 0.10
_CHROMA_NOISE = 0.05
#: Cells between those by which the texture's own deviation is measured.
_APART = 2
#: Deviation of the logarithm of the base color's chroma.
_SATURATION = 1.0
#: Of how many independent cells a photograph says as much: neighbors have causes in common.
_INDEPENDENT = 40.0
#: By how much a metal must explain the photograph better to be believed, as a logarithm of likelihood.
_METAL_MARGIN = 4.5
#: Roughnesses that a fit starts from, and evaluations of a trial and of the fit.
_STARTS = (0.15, 0.3, 0.5, 0.8)
_TRIAL = 10
_EVALUATIONS = 40
#: Least roughness and strongest anisotropy of a mean highlight.
_SMOOTHEST = 0.06
_MOST_ANISOTROPIC = 0.85
#: Least exponent of the fall-off: fields of view that are too large by assumption look like negative ones.
_LEAST_FALLOFF = -4.0
#: Distance of the lamp to the lens, slope against the camera, and deviation of brightness, that the user is told of.
_FAR = 0.25
_TILTED = 0.12
_UNEVEN = 0.35
#: Where another light shines: distance from the highlight in longer sides, logarithm and deviations by which it is
#: brighter there than the lamp makes it, and part of the photograph.
_AWAY = 0.3
_BRIGHTER = 0.45
_BRIGHTER_DEVIATIONS = 3.0
_LEAST_PART = 0.01
#: Distance from the middle from which on a place is on a side, in longer sides.
_ASIDE = 0.1
#: Logarithms of brightness and chroma, and deviations, from which a cell shows something else, and the largest part of
#: such cells on a surface that is alike all over.
_ELSE = (0.6, 0.3)
_ELSE_DEVIATIONS = 4.0
_MOST_ELSE = 0.07
#: The same, of chroma alone, from which on a cell is left out, and the part of the photograph that may be.
_OTHER_CHROMA = 0.35
_OTHER_DEVIATIONS = 5.0
_MOST_OTHER = 0.4
#: Step of finite differences, and longest step of a fit in deviations.
_STEP = 1e-5
_LONGEST = 3.0
#: Damping above which a fit is at its end, and part of the cost below which a gain is.
_STUCK = 1e4
_SETTLED = 1e-4
#: Deviation of the logarithm of a base color above 1.
_EXCESS = 0.1

#: Parameters: the lamp's place in distances to the surface, exponent of the fall-off, slopes of the surface against
#: the camera, roughness, anisotropy as a vector of double angle, logarithm of intensity, of the lamp's color (R and B
#: over G), and of the mean base color.
_X, _Y, _FALLOFF, _TILT_X, _TILT_Y, _ROUGHNESS, _ALONG_X, _DIAGONAL, _INTENSITY, _RED, _BLUE = range(11)
_COLOR = slice(11, 14)
_COUNT = 14
#: What is expected of them, and deviation. A phone's flash is 1 to 3 cm beside the lens, 20 to 60 from the surface.
_MEAN = np.array([0, 0, 2, 0, 0, np.nan, 0, 0, 0, 0, 0, 0, 0, 0], dtype=np.float64)
_DEVIATION = np.array([0.07, 0.07, 4, 0.03, 0.03, np.nan, 0.25, 0.25, 1e3, 0.08, 0.08, 1e3, 1e3, 1e3])
#: Mean and deviation of roughness and of the logarithm of mean base color, of dielectrics and of metals.
_USUAL_ROUGHNESS = ((0.5, 0.25), (0.3, 0.15))
_USUAL_ALBEDO = ((float(np.log(0.2)), 0.3), (float(np.log(0.6)), 0.3))
#: Weight of the first, beyond whose deviation doubt rises evenly: black leather exists.
_ALBEDO_WEIGHT = 2.0
#: Most that an unusual base color counts against a dielectric beside a metal: black plastic is as common as steel.
_MOST_UNUSUAL = 8.0


@dataclass(frozen=True)
class Shading:
    """Light that a photograph would show of a level surface of the mean reflectance, ``H x W x 3``, scene-linear.

    Attributes:
        diffuse: its matt part.
        highlight: its mirrored part; all of it for a metal.
    """

    diffuse: Pixels
    highlight: Pixels

    @property
    def light(self) -> Pixels:
        """Both together."""
        return self.diffuse + self.highlight


@dataclass(frozen=True)
class Lamp:
    """A flash, and the mean reflectance of what it lights.

    Attributes:
        position: in longer sides of the photograph; the lens is at ``(0, 0, camera.distance)``.
        intensity: for R, G and B in the photograph's units, see :class:`~matshot.shading.render.PointLight`.
        falloff: exponent of the cosine to -Z, of reflector and lens together.
        tilt: the surface's n_x / n_z and n_y / n_z against the camera.
        base_color: mean, scene-linear R, G and B.
        roughness: perceptual, of the mean highlight; what relief widens it by is included.
        anisotropy: of the mean highlight, as strength times cosine and sine of the double angle.
        metallic: 0 or 1.
        metal_evidence: logarithm of the odds of metal against dielectric; it must exceed 4.5 to be believed.
        residual: deviation of the logarithm of the cells' brightness from the model.
        other_light: where another light shines, if one does: right and up of the middle, in longer sides.
        something_else: part of the photograph that differs far from the rest in brightness or color.
    """

    position: tuple[float, float, float]
    intensity: tuple[float, float, float]
    falloff: float
    tilt: tuple[float, float]
    base_color: tuple[float, float, float]
    roughness: float
    anisotropy: tuple[float, float]
    metallic: float
    metal_evidence: float
    residual: float
    other_light: tuple[float, float] | None = None
    something_else: float = 0.0

    @property
    def light(self) -> PointLight:
        """The flash for the renderer."""
        return PointLight(self.position, self.intensity, self.falloff)

    @property
    def offset(self) -> float:
        """Distance of the lamp to the lens, in distances to the surface."""
        return float(np.hypot(*self.position[:2]) / self.position[2])

    def shading(self, camera: Camera) -> Shading:
        """What the mean reflectance looks like to a camera, the one of the fit or a part of it."""
        step = max(1, max(camera.height, camera.width) // _WORKING_SIDE)
        rows, columns = (
            np.unique(np.minimum(np.arange(0, size + step, step), size - 1)) for size in (camera.height, camera.width)
        )
        x, y = camera.axes()
        places = np.stack(np.broadcast_arrays(x[columns][np.newaxis], y[rows][:, np.newaxis]), axis=2)
        seen = _View(places.reshape(-1, 2).astype(np.float64), camera.distance)
        parts = seen.parts(self._parameters()[np.newaxis], bool(self.metallic))
        across = np.interp(np.arange(camera.width), columns, np.arange(len(columns))).astype(np.float32)
        down = np.interp(np.arange(camera.height), rows, np.arange(len(rows))).astype(np.float32)
        where = np.stack(np.broadcast_arrays(across[np.newaxis], down[:, np.newaxis]), axis=2)
        planes = [
            np.asarray(
                cv2.remap(
                    part[0].reshape(len(rows), len(columns), 3).astype(np.float32),
                    np.ascontiguousarray(where[..., 0]),
                    np.ascontiguousarray(where[..., 1]),
                    cv2.INTER_LINEAR,
                ),
                dtype=np.float32,
            )
            for part in parts
        ]
        return Shading(*planes)

    def _parameters(self) -> Array:
        light = np.log(self.intensity)
        return np.array(
            [
                self.position[0] / self.position[2],
                self.position[1] / self.position[2],
                self.falloff,
                *self.tilt,
                self.roughness,
                *self.anisotropy,
                light[1],
                light[0] - light[1],
                light[2] - light[1],
                *np.log(self.base_color),
            ]
        )


def fitted_lamp(photograph: Pixels, saturated: Mask, camera: Camera) -> Lamp:
    """The lamp and the mean reflectance that explain a flash photograph's brightness and color in cells.

    Args:
        photograph: ``H x W x 3``, scene-linear.
        saturated: ``H x W``, where a channel is over-exposed.
        camera: of the photograph.
    """
    cells = _Cells.of(photograph, saturated, camera)
    problems = [_Problem(cells, metal) for metal in (False, True)]
    found = []
    for problem in problems:
        trials = [problem.solved(problem.start(roughness), _TRIAL) for roughness in _STARTS]
        found.append(problem.solved(min(trials, key=lambda pair: pair[1])[0], _EVALUATIONS))
    # A surface that is not alike all over, or a light that is another, says less than it seems to.
    best = min((0, 1), key=lambda kind: found[kind][1])
    noise = problems[best].noise_left(found[best][0])
    for kind, problem in enumerate(problems):
        problem.noise = noise
        problem.leave_out_other_things(found[kind][0])
        found[kind] = problem.solved(found[kind][0], _EVALUATIONS)
    unusual = problems[0].unusual_albedo(found[0][0])
    evidence = found[0][1] - max(0.0, unusual - _MOST_UNUSUAL) - found[1][1]
    metal = evidence > _METAL_MARGIN
    theta = found[int(metal)][0]
    light = np.exp(theta[_INTENSITY] + np.array([theta[_RED], 0, theta[_BLUE]]))
    color = np.exp(theta[_COLOR])
    red, green, blue = light
    return Lamp(
        position=(float(theta[_X]) * camera.distance, float(theta[_Y]) * camera.distance, camera.distance),
        intensity=(float(red), float(green), float(blue)),
        falloff=max(float(theta[_FALLOFF]), _LEAST_FALLOFF),
        tilt=(float(theta[_TILT_X]), float(theta[_TILT_Y])),
        base_color=(float(color[0]), float(color[1]), float(color[2])),
        roughness=float(np.clip(theta[_ROUGHNESS], _SMOOTHEST, 1)),
        anisotropy=(float(theta[_ALONG_X]), float(theta[_DIAGONAL])),
        metallic=float(metal),
        metal_evidence=float(evidence),
        residual=problems[int(metal)].noise_left(theta)[0],
        other_light=problems[int(metal)].other_light(theta),
        something_else=problems[int(metal)].something_else(theta),
    )


def is_alike(lamp: Lamp) -> bool:
    """Whether a photograph shows one surface that is alike all over."""
    return lamp.residual <= _UNEVEN and lamp.something_else <= _MOST_ELSE


def other_things(left: Array, known: Mask) -> Mask:
    """Which cells show another thing than the surface, such as a sign on a wall.

    No lamp changes chroma so much from place to place; and what is a large part of the photograph is the surface.

    Args:
        left: ``H x W x 3``, logarithms of the cells' light over what the lamp makes of the surface.
        known: ``H x W``, cells that count.

    Returns:
        ``H x W``; neighbors are among them, since they hold some of it.
    """
    if not known.any():
        return np.zeros(known.shape, dtype=bool)
    chroma = left - left.mean(axis=2, keepdims=True)
    off = np.abs(chroma - np.median(chroma[known], axis=0))
    usual = _OTHER_DEVIATIONS * 1.4826 * np.median(off[known], axis=0)
    far = known & (off > np.maximum(_OTHER_CHROMA, usual)).any(axis=2)
    near: Mask = np.asarray(cv2.dilate(far.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    return near if near.mean() < _MOST_OTHER else np.zeros(known.shape, dtype=bool)


def _side(across: float, up: float) -> str:
    """Where on a photograph a place lies, in words. Lights in opposite corners have their mean in the middle."""
    level = "upper" if up > _ASIDE else "lower" if up < -_ASIDE else ""
    hand = "right" if across > _ASIDE else "left" if across < -_ASIDE else ""
    return f"{level} {hand}".strip() if hand else {"upper": "top", "lower": "bottom", "": "edges"}[level]


def lamp_notes(lamp: Lamp) -> list[str]:
    """What a user should know of a photograph whose light or surface is not as assumed."""
    notes = []
    if lamp.offset > _FAR:
        notes.append(
            "The strongest light is not at the lens, or there are several. Switch other lights off, and use the "
            "camera's own flash."
        )
    if np.hypot(*lamp.tilt) > _TILTED:
        degrees = np.degrees(np.arctan(np.hypot(*lamp.tilt)))
        notes.append(f"The camera was tilted by about {degrees:.0f}\u00b0. Hold it parallel to the surface.")
    if lamp.other_light is not None and lamp.residual <= _UNEVEN:
        notes.append(
            f"Another light shines on the {_side(*lamp.other_light)} of the photograph and stays in its maps there. "
            "Turn other lights off, or cut that part away."
        )
    if not is_alike(lamp):
        notes.append(
            "The surface looks different from place to place, or is not flat; its gloss and brightness are averages. "
            "Fill the frame with one flat material."
        )
    return notes


@dataclass(frozen=True)
class _Cells:
    """Means of a photograph over cells.

    Attributes:
        view: of their middles.
        color: ``N x 3``, scene-linear.
        known: ``N x 3``; elsewhere the mean is a lower bound, since the channel has reached its end.
        shape: rows and columns of cells.
    """

    view: _View
    color: Array
    known: Mask
    shape: tuple[int, int]

    @staticmethod
    def of(photograph: Pixels, saturated: Mask, camera: Camera) -> _Cells:
        """Those of a photograph, which is made small first."""
        height, width = saturated.shape
        clipped = ((photograph >= AT_END) & saturated[..., np.newaxis]).astype(np.float32)
        # Whole pixels of a small picture are areas of the large one.
        side = max(height, width) / _ALONG
        down, across = max(2, round(height / side)), max(2, round(width / side))
        color, share = (
            np.asarray(cv2.resize(planes, (across, down), interpolation=cv2.INTER_AREA), dtype=np.float64)
            for planes in (photograph, clipped)
        )
        x, y = ((np.arange(count) + 0.5) * size / count - size / 2 for count, size in ((across, width), (down, height)))
        places = np.stack(np.broadcast_arrays(x[np.newaxis], -y[:, np.newaxis]), axis=2) / max(height, width)
        return _Cells(
            _View(places.reshape(-1, 2), camera.distance),
            color.reshape(-1, 3),
            (share < _CLIPPED_SHARE).reshape(-1, 3),
            (down, across),
        )


class _View:
    """Points of a surface as the lens sees them.

    Args:
        places: ``N x 2``, where their rays meet the level plane, right and up, in longer sides of the photograph.
        distance: of the lens, likewise.
    """

    def __init__(self, places: Array, distance: float) -> None:
        # Everything is counted in distances from here on.
        self.places = places / distance
        self.distance = distance

    def parts(self, theta: Array, metal: bool) -> tuple[Array, Array]:
        """Diffuse and mirrored light of surfaces with parameters ``B x P``, ``B x N x 3`` each."""
        each = theta[:, np.newaxis, :]
        tilt = each[..., _TILT_X : _TILT_Y + 1]
        # Where rays meet the tilted plane, z = -tilt . (x, y).
        stretch = 1 / np.maximum(1 - (self.places * tilt).sum(axis=2, keepdims=True), 0.2)
        points = np.concatenate([self.places * stretch, 1 - stretch], axis=2)
        normal = np.concatenate([tilt, np.ones_like(tilt[..., :1])], axis=2)
        normal /= np.linalg.norm(normal, axis=2, keepdims=True)
        above = np.ones_like(tilt[..., :1])
        towards = np.concatenate([each[..., _X : _Y + 1], above], axis=2) - points
        squared = np.square(towards).sum(axis=2, keepdims=True)
        light = towards / np.sqrt(squared)
        back = np.array([0.0, 0.0, 1.0]) - points
        view = back / np.linalg.norm(back, axis=2, keepdims=True)
        tint = np.stack([each[..., _RED], np.zeros_like(each[..., _RED]), each[..., _BLUE]], axis=2)
        color = np.exp(each[..., _INTENSITY : _INTENSITY + 1] + tint) / self.distance**2
        cosine = np.maximum((light * normal).sum(axis=2, keepdims=True), 0)
        falloff = np.maximum(light[..., 2:], 1e-3) ** np.maximum(each[..., _FALLOFF : _FALLOFF + 1], _LEAST_FALLOFF)
        arriving = color * (cosine * falloff / squared)
        base = np.exp(each[..., _COLOR])
        strength = np.hypot(each[..., _ALONG_X], each[..., _DIAGONAL])[..., np.newaxis]
        shape = points.shape[:2]
        mirrored = ggx(
            np.broadcast_to(normal, points.shape),
            view,
            light,
            np.broadcast_to(base if metal else np.zeros(3), points.shape),
            np.broadcast_to(each[..., _ROUGHNESS : _ROUGHNESS + 1].clip(_SMOOTHEST, 1), (*shape, 1)),
            float(metal),
            DIELECTRIC,
            np.broadcast_to(_MOST_ANISOTROPIC * np.tanh(strength / _MOST_ANISOTROPIC), (*shape, 1)),
            np.broadcast_to(np.arctan2(each[..., _DIAGONAL], each[..., _ALONG_X])[..., np.newaxis] / 2, (*shape, 1)),
        )
        diffuse = np.zeros_like(points) if metal else arriving * base / np.pi
        return diffuse, np.asarray(mirrored * arriving, dtype=np.float64)


class _Problem:
    """Least squares of cells against one kind of surface."""

    def __init__(self, cells: _Cells, metal: bool) -> None:
        self._cells, self._metal = cells, metal
        known = cells.known.all(axis=1)
        median = np.median(cells.color[known], axis=0) if known.any() else np.median(cells.color, axis=0)
        self._median = np.maximum(median, 1e-6)
        self._floor = _FLOOR * np.maximum(median, 0.2 * float(self._median.max()))
        self._logs = np.log(np.maximum(cells.color, 0) + self._floor)
        self._weight = np.full(len(cells.color), np.sqrt(_INDEPENDENT / len(cells.color)))
        self.noise = [
            max(least, _texture_deviation(plane.reshape(cells.shape)))
            for least, plane in (
                (_BRIGHTNESS_NOISE, self._logs.mean(axis=1)),
                (_CHROMA_NOISE, self._logs[:, 0] - self._logs[:, 1]),
                (_CHROMA_NOISE, self._logs[:, 2] - self._logs[:, 1]),
            )
        ]
        self._mean, self._deviation = _MEAN.copy(), _DEVIATION.copy()
        self._mean[_ROUGHNESS], self._deviation[_ROUGHNESS] = _USUAL_ROUGHNESS[metal]
        self._albedo = _USUAL_ALBEDO[metal]

    def start(self, roughness: float) -> Array:
        """Parameters of a level surface of usual brightness that is as bright as the median cell."""
        theta = self._mean.copy()
        theta[_ROUGHNESS] = roughness
        usual = np.exp(self._albedo[0])
        theta[_COLOR] = np.log(np.clip(self._median / self._median.mean() * usual, 0.01, 1.0))
        diffuse, mirrored = self._cells.view.parts(theta[np.newaxis], self._metal)
        typical = np.median((diffuse + mirrored)[0].mean(axis=1))
        theta[_INTENSITY] = np.log(self._median.mean() / max(float(typical), 1e-9))
        return theta

    def solved(self, theta: Array, evaluations: int) -> tuple[Array, float]:
        """Better parameters, and half the sum of their squared deviations, by Levenberg's and Marquardt's steps."""
        damping, scale = 1e-2, np.square(1 / np.minimum(self._deviation, 0.5))
        residuals = self._residuals(theta[np.newaxis])[0]
        cost = float(residuals @ residuals) / 2
        for _ in range(evaluations):
            slopes = self._derivatives(theta)
            # Small products, which BLAS would hand to threads that wait for each other.
            normal = np.einsum("ri,rj->ij", slopes, slopes)
            step = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + scale), -(residuals @ slopes))
            step *= min(1.0, 1 / max(float(np.abs(step * np.sqrt(scale)).max()) / _LONGEST, 1e-9))
            moved = self._residuals((theta + step)[np.newaxis])[0]
            other = float(moved @ moved) / 2
            if not other < cost:
                damping *= 6
                if damping > _STUCK:
                    break
                continue
            done = cost - other < _SETTLED * cost
            theta, residuals, cost = theta + step, moved, other
            damping = max(damping / 4, 1e-6)
            if done:
                break
        return theta, cost

    def noise_left(self, theta: Array) -> list[float]:
        """Deviations of brightness and both chromas from what these parameters predict, at least those expected."""
        off = self._off(theta[np.newaxis])[0, self._cells.known.all(axis=1)]
        if not len(off):
            return self.noise
        planes = (off.mean(axis=1), off[:, 0] - off[:, 1], off[:, 2] - off[:, 1])
        return [
            max(least, float(1.4826 * np.median(np.abs(plane))))
            for least, plane in zip(self.noise, planes, strict=True)
        ]

    def other_light(self, theta: Array) -> tuple[float, float] | None:
        """The middle of where cells are far brighter than these parameters make them, away from the highlight."""
        off = self._off(theta[np.newaxis])[0].mean(axis=1).reshape(self._cells.shape)
        off = cv2.blur(off - np.median(off), (3, 3), borderType=cv2.BORDER_REFLECT_101).ravel()
        places = self._cells.view.places * self._cells.view.distance
        middle = (theta[[_X, _Y]] / 2 + theta[[_TILT_X, _TILT_Y]]) * self._cells.view.distance
        away = np.hypot(*(places - middle).T) > _AWAY
        usual = 1.4826 * float(np.median(np.abs(off)))
        bright = away & (off > max(_BRIGHTER, _BRIGHTER_DEVIATIONS * usual))
        if bright.mean() < _LEAST_PART:
            return None
        across, up = np.average(places[bright], axis=0, weights=off[bright])
        return float(across), float(up)

    def something_else(self, theta: Array) -> float:
        """Part of the cells that are far off in brightness or chroma."""
        off = self._off(theta[np.newaxis])[0]
        off = off[self._cells.known.all(axis=1)]
        if not len(off):
            return 0.0
        planes = (off.mean(axis=1), off[:, 0] - off[:, 1], off[:, 2] - off[:, 1])
        far: Mask = np.zeros(len(off), dtype=bool)
        for plane, least in zip(planes, (_ELSE[0], _ELSE[1], _ELSE[1]), strict=True):
            from_usual = np.abs(plane - np.median(plane))
            far |= from_usual > max(least, _ELSE_DEVIATIONS * 1.4826 * float(np.median(from_usual)))
        return float(far.mean())

    def leave_out_other_things(self, theta: Array) -> None:
        """Cells of another color than these parameters make likely, such as a sign's on a wall, count no more."""
        off = self._off(theta[np.newaxis])[0]
        known = self._cells.known.all(axis=1)
        other = other_things(off.reshape(*self._cells.shape, 3), known.reshape(self._cells.shape)).ravel()
        self._weight = np.where(other, 0, np.sqrt(_INDEPENDENT / max(int((~other).sum()), 1)))

    def unusual_albedo(self, theta: Array) -> float:
        """What the base color adds to the cost."""
        return float(np.square(self._albedo_residual(theta[np.newaxis])).sum()) / 2

    def _albedo_residual(self, theta: Array) -> Array:
        off = np.log(np.exp(theta[:, _COLOR]).mean(axis=1, keepdims=True)) - self._albedo[0]
        return np.asarray(np.sqrt(_ALBEDO_WEIGHT) * _softened(off / self._albedo[1]))

    def _derivatives(self, theta: Array) -> Array:
        """By finite differences, all at once."""
        moved = self._residuals(np.concatenate([theta[np.newaxis], theta + _STEP * np.eye(_COUNT)]))
        return np.asarray((moved[1:] - moved[0]).T / _STEP)

    def _off(self, theta: Array) -> Array:
        diffuse, mirrored = self._cells.view.parts(theta, self._metal)
        return np.asarray(self._logs - np.log(diffuse + mirrored + self._floor))

    def _residuals(self, theta: Array) -> Array:
        """``B x R``."""
        off, known = self._off(theta), self._cells.known
        whole = known.all(axis=1)
        # A channel at its end says "at least".
        brightness = np.where(known, off, np.maximum(off, 0)).mean(axis=2)
        red, blue = ((off[..., channel] - off[..., 1]) * whole for channel in (0, 2))
        planes = [plane / noise for plane, noise in zip((brightness, red, blue), self.noise, strict=True)]
        data = np.tile(self._weight, 3) * _softened(np.concatenate(planes, axis=1))
        # No surface reflects more than arrives.
        excess = np.maximum(theta[:, _COLOR], 0) / _EXCESS
        chroma = (theta[:, _COLOR][:, [0, 2]] - theta[:, _COLOR][:, 1:2]) / _SATURATION
        usual = (theta - self._mean) / self._deviation
        return np.concatenate([data, usual, self._albedo_residual(theta), chroma, excess], axis=1)


def _texture_deviation(cells: Array) -> float:
    """Deviation of a cell from its neighbors on both sides, in which smooth light cancels out."""
    differences = [
        (along[: -2 * _APART] - 2 * along[_APART:-_APART] + along[2 * _APART :]).ravel()
        for along in (cells, cells.T)
        if len(along) > 2 * _APART
    ]
    if not differences:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.concatenate(differences))) / np.sqrt(6))


def _softened(deviations: Array) -> Array:
    """Roots of the losses ``2 (sqrt(1 + z^2) - 1)``: far outliers count by their size, not by its square."""
    return np.asarray(np.sign(deviations) * np.sqrt(2 * (np.sqrt(1 + np.square(deviations)) - 1)))
