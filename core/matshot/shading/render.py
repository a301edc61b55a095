"""A small renderer: a flat surface seen by a pinhole camera, or a sphere that wears it, under a few lights.

The surface is the plane z = 0 with +X right, +Y up and +Z towards the camera; the unit of length is the longer side of
the photograph. Reflectance is :func:`matshot.shading.brdf.ggx`. Light goes from the lamp to the surface to the lens: every
pixel is shaded with its own normal, nothing casts shadows and nothing is lit by its neighbours.

A :class:`PointLight` is exact. A :class:`SoftLight` and an :class:`Environment` are for looking at materials: their
diffuse part is exact, their highlights are the approximations that real-time hosts make, stated at each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from ..errors import MatshotError
from ..image.color import Pixels, srgb_from_linear
from ..image.normals import renormalised
from ..progress import Progress
from .brdf import MOST_DIELECTRIC, SMOOTHEST, Values, ggx
from .surface import Surface

Vector: TypeAlias = tuple[float, float, float]

#: Pixels that are shaded at once: few enough for their dozens of intermediate planes to stay in the processor's cache.
_BAND = 1 << 15

#: Diameter of the sphere in the picture's side.
SPHERE_SHARE = 0.94


@dataclass(frozen=True)
class Camera:
    """A pinhole camera straight above the centre of a photograph's plane, or the part of one in a rectangle.

    Attributes:
        width: columns of pixels.
        height: rows of pixels.
        fov: degrees across the longer side of the photograph.
        vignetting: lens fall-off: radiance is multiplied by the n-th power of the cosine between a pixel's ray and the
            optical axis. 0 is none, 4 that of a simple lens ("cos^4").
        photograph: columns and rows of the whole photograph, if this is a part of it.
        corner: row and column in it of this part's first pixel.
    """

    width: int
    height: int
    fov: float = 60.0
    vignetting: float = 0.0
    photograph: tuple[int, int] | None = None
    corner: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        """Check once that there is something to see.

        Raises:
            MatshotError: without pixels, or with a field of view that no pinhole camera has.
        """
        if min(self.width, self.height) < 1:
            raise MatshotError(f"A photograph has at least one pixel, not {self.width} x {self.height}.")
        if not 0 < self.fov < 180:
            raise MatshotError(f"A field of view lies between 0 and 180 degrees, not at {self.fov:g}.")

    @property
    def distance(self) -> float:
        """From the lens to the plane, in longer sides of the photograph."""
        return float(0.5 / np.tan(np.radians(self.fov) / 2))

    @property
    def position(self) -> Vector:
        """Of the lens."""
        return 0.0, 0.0, self.distance

    def cut(self, rows: slice, columns: slice) -> Camera:
        """The camera of a rectangle of this one's picture, whose pixels keep their place on the plane."""
        top, bottom, _ = rows.indices(self.height)
        left, right, _ = columns.indices(self.width)
        return replace(
            self,
            width=right - left,
            height=bottom - top,
            photograph=self.photograph or (self.width, self.height),
            corner=(self.corner[0] + top, self.corner[1] + left),
        )

    def axes(self) -> tuple[Pixels, Pixels]:
        """Where columns are in x and rows in y, ``W`` and ``H``."""
        width, height = self.photograph or (self.width, self.height)
        longer = max(width, height)
        x = (np.arange(self.width) + (self.corner[1] + 0.5 - width / 2)) / longer
        y = (height / 2 - 0.5 - self.corner[0] - np.arange(self.height)) / longer
        return x.astype(np.float32), y.astype(np.float32)

    def positions(self) -> Pixels:
        """Points of the plane in the middle of each pixel, ``H x W x 3``."""
        x, y = self.axes()
        return np.stack([*np.broadcast_arrays(x[None, :], y[:, None]), np.zeros((y.size, x.size), np.float32)], axis=2)


@dataclass(frozen=True)
class PointLight:
    """A lamp without extent.

    Attributes:
        position: where it is.
        intensity: radiant intensity, one or for R, G and B: a diffuse white surface at distance 1, facing it, has the
            radiance ``intensity / pi``.
        falloff: the lamp shines down and weaker to the side: its intensity is multiplied by the n-th power of the
            cosine between a ray and -Z. 0 is none.
    """

    position: Vector
    intensity: float | Vector = 1.0
    falloff: float = 0.0


@dataclass(frozen=True)
class SoftLight:
    """A round lamp far away that fades towards its rim, such as a softbox or the sun behind haze.

    Its diffuse light is a small one's, and its highlight that of a small one on a rougher surface: half vectors lie
    within half the lamp's radius, which is added to the GGX alpha in squares, as hosts do for soft lamps. Energy is
    kept. (Karis 2013, "Real Shading in Unreal Engine 4", section "Area Lights", on such widening.)

    Attributes:
        direction: towards the lamp, of any length.
        irradiance: on a surface that faces it, one or for R, G and B.
        radius: degrees from its centre to its rim.
    """

    direction: Vector
    irradiance: float | Vector = 1.0
    radius: float = 10.0


@dataclass(frozen=True)
class Environment:
    """A sky that changes smoothly from its zenith over the horizon to the ground: an overcast dome, a grey studio.

    With c the cosine to ``up``, radiance is the quadratic in c that has the three given values at 1, 0 and -1.

    Diffuse light is exact, since a quadratic has three spherical harmonics (Ramamoorthi and Hanrahan 2001, "An
    Efficient Representation for Irradiance Environment Maps", equation 8). Highlights are a split sum (Karis 2013,
    "Real Shading in Unreal Engine 4", equation 8): the sky blurred for a surface seen head-on, exact for this sky,
    times the directional albedo. Anisotropy does not count.

    Attributes:
        zenith: radiance of R, G and B from above.
        horizon: from the side.
        ground: from below.
        up: direction of the zenith, a unit vector.
    """

    zenith: Vector
    horizon: Vector
    ground: Vector
    up: Vector = (0.0, 0.0, 1.0)


Light: TypeAlias = PointLight | SoftLight | Environment


def flash(
    camera: Camera, offset: tuple[float, float] = (0.0, 0.0), intensity: float | Vector = 1.0, falloff: float = 0.0
) -> PointLight:
    """The flash of a phone: a point light in the plane of the lens.

    Args:
        camera: that it belongs to.
        offset: of the flash from the lens, right and up.
        intensity: see :class:`PointLight`.
        falloff: see :class:`PointLight`.
    """
    return PointLight((offset[0], offset[1], camera.distance), intensity, falloff)


def render(surface: Surface, camera: Camera, lights: Sequence[Light], progress: Progress | None = None) -> Pixels:
    """What a camera sees of a flat surface.

    Args:
        surface: one value per pixel of the camera.
        camera: above it.
        lights: whose light adds up.
        progress: called after each band of rows.

    Returns:
        Scene-linear radiance, ``H x W x 3``, not clipped.

    Raises:
        MatshotError: if the surface is not as large as the camera's picture.
        Cancelled: when the listener says so.
    """
    if (surface.width, surface.height) != (camera.width, camera.height):
        raise MatshotError(
            f"The maps are {surface.width} x {surface.height} pixels and the camera's picture is "
            f"{camera.width} x {camera.height}."
        )
    x, y = camera.axes()
    distance = _constant(camera.distance)
    radiance = np.empty((camera.height, camera.width, 3), dtype=np.float32)
    for rows in _bands(camera.height, camera.width):
        points = _vectors(x[np.newaxis], y[rows, np.newaxis], _constant(0))
        view, length = _unit(_vectors(-x[np.newaxis], -y[rows, np.newaxis], distance))
        seen = _lit(_planar(surface.cut(rows, slice(None))), points, view, _as_is, lights)
        if camera.vignetting:
            seen *= ((distance / length) ** _constant(camera.vignetting))[..., np.newaxis]
        radiance[rows] = seen
        if progress is not None:
            progress(rows.stop / camera.height)
    return radiance


def rendered_sphere(
    surface: Surface, size: int, lights: Sequence[Light], tiling: float = 1.0, progress: Progress | None = None
) -> Pixels:
    """A sphere that wears a surface, seen from far away.

    The sphere has radius 1 around the origin, where the lights' positions are counted from, and nearly fills the
    picture. The maps keep their scale along every line through the middle of the picture (azimuthal equidistant), so
    that the visible half has no pole and no seam; normals and anisotropy turn along. The outline is smooth: each pixel
    is the mean of 2 x 2.

    Args:
        surface: of any size; repeated on both axes.
        size: pixels a side.
        lights: whose light adds up.
        tiling: how often the maps repeat from the left edge of the sphere to the right.
        progress: called after each band of rows.

    Returns:
        Scene-linear radiance and, in the fourth channel, how much of the pixel the sphere covers, ``size x size x 4``;
        the radiance is not multiplied by it.

    Raises:
        Cancelled: when the listener says so.
    """
    fine = 2 * size
    side = ((np.arange(fine) + 0.5) / size - 1).astype(np.float32) / np.float32(SPHERE_SHARE)
    picture = np.empty((size, size, 4), dtype=np.float32)
    stack = _stacked(surface)
    for rows in _bands(size, 4 * size):
        x, y = np.broadcast_arrays(side[np.newaxis], -side[2 * rows.start : 2 * rows.stop, np.newaxis])
        beside = np.square(x) + np.square(y)
        inside = beside < 1
        samples = np.zeros((*inside.shape, 4), dtype=np.float32)
        if inside.any():
            # One row of pixels, those on the sphere.
            out = _vectors(x[inside], y[inside], np.sqrt(1 - beside[inside]))[np.newaxis]
            worn = _worn(stack, out, tiling)
            local = _tangent_frame(out)
            view = local(_constant((0, 0, 1)))
            samples[inside, :3] = _lit(worn, out, view, local, lights)[0]
            samples[inside, 3] = 1
        blocks = samples.reshape(rows.stop - rows.start, 2, size, 2, 4).sum(axis=(1, 3))
        picture[rows, :, :3] = blocks[..., :3] / np.maximum(blocks[..., 3:], 1)
        picture[rows, :, 3] = blocks[..., 3] / 4
        if progress is not None:
            progress(rows.stop / size)
    return picture


def exposure(radiance: Pixels, level: float = 0.9, percentile: float = 99.0) -> float:
    """The factor that brings the brightest parts of a picture, save its highlights, to a level.

    Args:
        radiance: ``H x W x 3``, scene-linear.
        level: that the percentile gets.
        percentile: of the largest of R, G and B.

    Returns:
        The factor; 1 for a black picture.
    """
    bright = float(np.percentile(radiance.max(axis=2), percentile))
    return level / bright if bright > 0 else 1.0


def displayed(radiance: Pixels, factor: float | None = None) -> Pixels:
    """A picture for the screen.

    Args:
        radiance: ``H x W x 3``, scene-linear.
        factor: exposure; without one, :func:`exposure` chooses.

    Returns:
        Same shape, display-encoded (sRGB), clipped to [0, 1].
    """
    scale = np.float32(exposure(radiance) if factor is None else factor)
    return srgb_from_linear(np.clip(radiance * scale, 0, 1))


#: Turns world directions ``... x 3`` into the tangent frame of each pixel.
_Local: TypeAlias = Callable[[Values], Values]


def _lit(surface: Surface, points: Values, view: Values, local: _Local, lights: Sequence[Light]) -> Values:
    """Radiance ``H x W x 3`` towards the viewer.

    Args:
        surface: what is lit, its normals in the tangent frame.
        points: where, ``H x W x 3``.
        view: unit vectors to the viewer, in the tangent frame.
        local: from the world into that frame.
        lights: to sum over.
    """
    radiance: Values = np.zeros(points.shape, dtype=np.float32)
    for light in lights:
        if isinstance(light, PointLight):
            direction, distance = _unit(_constant(light.position) - points)
            strength = 1 / np.square(distance)
            if light.falloff:
                strength *= np.maximum(direction[..., 2], 0) ** np.float32(light.falloff)
            towards = local(direction)
            strength *= towards[..., 2] > 0
            radiance += _reflected(surface, view, towards, strength) * _constant(light.intensity)
        elif isinstance(light, SoftLight):
            towards = local(_unit(_constant(light.direction))[0])
            rim = np.float32(np.sin(np.radians(light.radius)))
            # How much of the lamp is above the horizon.
            strength = np.clip(0.5 + 0.5 * towards[..., 2] / np.maximum(rim, np.float32(1e-6)), 0, 1)
            alpha = np.sqrt(surface.roughness**4 + np.square(np.float32(np.tan(np.radians(light.radius) / 2))))
            softer = replace(surface, roughness=np.sqrt(np.minimum(alpha, 1)))
            radiance += _reflected(softer, view, towards, strength) * _constant(light.irradiance)
        else:
            radiance += _surrounded(surface, view, local(_constant(light.up)), light)
    return radiance


def _reflected(surface: Surface, view: Values, light: Values, strength: Values) -> Values:
    """Radiance of light that comes from one direction with the given irradiance on a surface that faces it."""
    reflectance = ggx(
        surface.normal,
        view,
        light,
        surface.base_color,
        surface.roughness,
        surface.metallic,
        surface.specular,
        surface.anisotropy,
        surface.anisotropy_angle,
    )
    cosine = np.maximum(_dot(surface.normal, light), 0) * strength
    return np.asarray(reflectance * cosine[..., np.newaxis])


def _surrounded(surface: Surface, view: Values, up: Values, sky: Environment) -> Values:
    """Radiance under a sky, see :class:`Environment`."""
    zenith, horizon, ground = _constant(sky.zenith), _constant(sky.horizon), _constant(sky.ground)
    # Legendre coefficients of ``horizon + slope c + bend c^2``.
    slope, bend = (zenith - ground) / 2, (zenith + ground) / 2 - horizon
    mean, second = horizon + bend / 3, bend * 2 / 3
    facing = _dot(surface.normal, view)[..., np.newaxis]
    above = _dot(surface.normal, up)[..., np.newaxis]
    # Irradiance over pi: a cosine lobe keeps 2/3 of the first order and 1/4 of the second.
    irradiance = mean + slope * (above * np.float32(2 / 3)) + second * (_second_legendre(above) / 4)
    mirrored = 2 * facing * above - _dot(view, up)[..., np.newaxis]
    grid, *kept = _lobes()
    roughness = np.clip(surface.roughness, grid[0], grid[-1])
    first, last = (np.interp(roughness, grid, values).astype(np.float32) for values in kept)
    blurred = mean + slope * (mirrored * first) + second * (_second_legendre(mirrored) * last)
    dielectric = MOST_DIELECTRIC * surface.specular * (1 - surface.metallic)
    straight = dielectric + surface.base_color * surface.metallic
    scale, bias = _directional_albedo(roughness, np.clip(facing, 0, 1))
    diffuse = (1 - surface.metallic) * surface.base_color * irradiance
    return np.asarray(diffuse + blurred * (straight * scale + bias))


def _directional_albedo(roughness: Values, cosine: Values) -> tuple[Values, Values]:
    """What F0 is multiplied by, and what is added, for the part of a white sky's light that GGX reflects."""
    tables = _albedo_tables()
    last = tables.shape[1] - 1
    place = [(roughness - SMOOTHEST) * (last / (1 - SMOOTHEST)), cosine * last]
    scale, bias = (map_coordinates(table, place, order=1, mode="nearest", prefilter=False) for table in tables)
    return scale, bias


@cache
def _albedo_tables(steps: int = 24) -> Values:
    """``2 x steps x steps``: scale and bias by roughness and by the viewer's cosine.

    Sums over half vectors as they are distributed (Karis 2013, equation 8 and the listing below it), with the
    height-correlated shadowing of :func:`matshot.shading.brdf.ggx`.
    """
    squared = np.linspace(SMOOTHEST, 1, steps).reshape(-1, 1, 1, 1) ** 4
    cosine = np.maximum(np.linspace(0, 1, steps), 1e-3).reshape(-1, 1, 1)
    azimuth = (np.arange(16).reshape(-1, 1) + 0.5) / 16 * np.pi
    half_cosine = np.sqrt(_half_cosines_squared(squared, 48))
    along = np.sqrt(1 - half_cosine**2) * np.sqrt(1 - cosine**2) * np.cos(azimuth) + half_cosine * cosine
    light_cosine = np.maximum(2 * along * half_cosine - cosine, 0)
    shadowed = light_cosine * np.sqrt(squared + (1 - squared) * cosine**2)
    masked = cosine * np.sqrt(squared + (1 - squared) * light_cosine**2)
    weight = 2 * light_cosine * np.maximum(along, 0) / (half_cosine * (shadowed + masked))
    grazing = np.clip(1 - along, 0, 1) ** 5
    tables = [(weight * part).mean(axis=(2, 3)) for part in (1 - grazing, grazing)]
    return np.asarray(tables, dtype=np.float32)


@cache
def _lobes() -> tuple[Values, Values, Values]:
    """How much of a sky's first and second spherical harmonics a highlight keeps, by roughness.

    The highlight of a surface seen head-on, each half vector's light weighted by its cosine (Karis 2013, section
    "Pre-Filtered Environment Map").
    """
    roughness = np.linspace(SMOOTHEST, 1, 39)
    cosine = 2 * _half_cosines_squared(roughness[:, np.newaxis] ** 4, 2000) - 1
    weight = np.maximum(cosine, 0)
    total = weight.sum(axis=1)
    first = (weight * cosine).sum(axis=1) / total
    second = (weight * _second_legendre(cosine)).sum(axis=1) / total
    return roughness.astype(np.float32), first, second


def _half_cosines_squared(alpha_squared: Values, count: int) -> Values:
    """Squared cosines of half vectors, along a new last axis of as equal shares as GGX has them.

    The inverse of their distribution (Walter et al. 2007, equation 35).
    """
    share = (np.arange(count) + 0.5) / count
    return np.asarray((1 - share) / (1 + (alpha_squared - 1) * share))


def _stacked(surface: Surface) -> Values:
    """All maps, ``H x W x 12``, with the angle of anisotropy, which repeats after pi, as a vector."""
    double = 2 * surface.anisotropy_angle
    scalars = (surface.roughness, surface.metallic, surface.specular, surface.anisotropy)
    return np.concatenate([surface.base_color, surface.normal, *scalars, np.cos(double), np.sin(double)], axis=2)


def _worn(stack: Values, out: Values, tiling: float) -> Surface:
    """A surface's values on a sphere, bilinear.

    Args:
        stack: of :func:`_stacked`.
        out: unit normals of the sphere, ``1 x N x 3``.
        tiling: repeats from edge to edge.
    """
    height, width = stack.shape[:2]
    beside = np.hypot(out[..., 0], out[..., 1])
    # Arc from the middle over the distance that the picture shows of it.
    stretch = np.arctan2(beside, out[..., 2]) / np.maximum(beside, 1e-6)
    texels = np.float32(tiling * width / np.pi) * stretch
    column = width / 2 - 0.5 + out[..., 0] * texels
    row = height / 2 - 0.5 - out[..., 1] * texels
    left, top = np.floor(column).astype(int), np.floor(row).astype(int)
    right_share, lower_share = (column - left)[..., np.newaxis], (row - top)[..., np.newaxis]

    def between(rows: NDArray[np.int_]) -> Values:
        before, after = stack[rows % height, left % width], stack[rows % height, (left + 1) % width]
        return np.asarray(before + (after - before) * right_share)

    upper, lower = between(top), between(top + 1)
    values = (upper + (lower - upper) * lower_share).astype(np.float32)
    return Surface(
        base_color=values[..., 0:3],
        normal=renormalised(values[..., 3:6]),
        roughness=values[..., 6:7],
        metallic=values[..., 7:8],
        specular=values[..., 8:9],
        anisotropy=values[..., 9:10],
        anisotropy_angle=np.arctan2(values[..., 11:], values[..., 10:11]) / 2,
    )


def _tangent_frame(out: Values) -> _Local:
    """The frame that the shortest rotation of +Z to ``out`` makes of the axes (Duff et al. 2017, listing 1)."""
    x, y, z = out[..., 0], out[..., 1], out[..., 2]
    shared = -x * y / (1 + z)
    tangent = _vectors(1 - np.square(x) / (1 + z), shared, -x)
    bitangent = _vectors(shared, 1 - np.square(y) / (1 + z), -y)

    def local(directions: Values) -> Values:
        return _vectors(_dot(tangent, directions), _dot(bitangent, directions), _dot(out, directions))

    return local


def _as_is(directions: Values) -> Values:
    return directions


def _constant(value: float | Vector) -> Values:
    return np.asarray(value, dtype=np.float32)


def _bands(rows: int, pixels_per_row: int) -> Iterator[slice]:
    step = max(1, _BAND // pixels_per_row)
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def _planar(surface: Surface) -> Surface:
    """The same values, each channel in a piece of its own: reductions over the channels are then fast."""
    return replace(surface, **{f.name: _vectors(*np.moveaxis(getattr(surface, f.name), 2, 0)) for f in fields(surface)})


def _vectors(*components: Values) -> Values:
    """``H x W x C`` of planes, which may be given as rows, columns or single numbers."""
    shape = np.broadcast_shapes(*(np.shape(component) for component in components))
    planes = np.empty((len(components), *shape), dtype=np.float32)
    for plane, component in zip(planes, components, strict=True):
        plane[...] = component
    return np.moveaxis(planes, 0, -1)


def _unit(vectors: Values) -> tuple[Values, Values]:
    """The vectors at unit length, and their length ``H x W``."""
    length = np.sqrt(_dot(vectors, vectors))
    return vectors / length[..., np.newaxis], length


def _dot(a: Values, b: Values) -> Values:
    products = a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]
    return np.asarray(products)


def _second_legendre(cosine: Values) -> Values:
    return 1.5 * np.square(cosine) - 0.5
