"""How much light a surface reflects from one direction into another: the GGX that hosts render, and its derivatives.

All functions take arrays that broadcast over their leading dimensions. Directions and colors are ``... x 3``, scalars
are ``... x 1`` (as the maps of :class:`matshot.shading.surface.Surface` are) or plain numbers, results ``... x 3`` or
``... x 1``. Directions are unit vectors away from the surface, +X right, +Y up, +Z toward the camera. Values come back
in the precision of the directions and colors, single or double, with the channels in planes (a view whose last axis
is the slowest, which NumPy computes fastest with). A reflectance is in 1 / steradian, without the light's cosine, and
is zero where light or viewer is below the shading normal's horizon.

A normal varies by its slopes p = n_x / n_z and q = n_y / n_z in all derivatives.

Walter et al. 2007: "Microfacet Models for Refraction through Rough Surfaces". Heitz 2014: "Understanding the
Masking-Shadowing Function in Microfacet-Based BRDFs".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import MatshotError
from ..material.types import DIELECTRIC_REFLECTANCE

Values: TypeAlias = NDArray[np.floating[Any]]
#: A vector's components, each without the last dimension.
_Vector: TypeAlias = tuple[Values, Values, Values]

#: Roughness below this is rendered as this: a mirror's highlight is narrower than a pixel.
SMOOTHEST = 0.05
#: Narrowest GGX alpha that anisotropy makes.
NARROWEST = 1e-3

#: Cosines and lengths are divided by no less than this.
_LEAST = 1e-6
#: Points that are computed at once: few enough for their intermediate planes to stay in the processor's cache.
_BAND_POINTS = 1 << 13
#: Squares are divided by no less than this.
_NOTHING = 1e-24


@dataclass(frozen=True)
class GgxGradient:
    """Derivatives of :func:`ggx`, each ``... x 3``: of the three channels by one parameter.

    Attributes:
        base_color: by the same channel of the base color.
        roughness: by perceptual roughness; 0 where it is clamped.
        metallic: by metallic.
        specular: by specular.
        slope_x: by the normal's n_x / n_z.
        slope_y: by the normal's n_y / n_z.
        anisotropy: by anisotropy, 0 where the narrower alpha is clamped; None if isotropic.
        angle: by the angle in radians; None if isotropic.
    """

    base_color: Values
    roughness: Values
    metallic: Values
    specular: Values
    slope_x: Values
    slope_y: Values
    anisotropy: Values | None = None
    angle: Values | None = None


def ggx(
    normal: Values,
    view: Values,
    light: Values,
    base_color: Values,
    roughness: Values | float,
    metallic: Values | float,
    specular: Values | float,
    anisotropy: Values | float = 0.0,
    angle: Values | float = 0.0,
) -> Values:
    """The reflectance that hosts render: Lambert and GGX in the metallic-roughness parameters.

    ``(1 - metallic) base / pi + D V F``: D is GGX, V the height-correlated Smith shadowing over 4 n.l n.v (Heitz 2014,
    eq. 99), F Schlick's from F0 = 0.08 specular (1 - metallic) + base metallic to 1. Alpha is roughness^2 times 1 + and
    1 - anisotropy along and across ``angle`` (Heitz 2014, eq. 85), in the tangent frame that the shortest rotation of
    +Z to the normal makes.

    The diffuse part is not weakened by what the specular part takes, as in most hosts: a white dielectric reflects a
    little more than it receives. A metal never does.

    Args:
        normal: ``... x 3`` unit shading normals.
        view: ``... x 3`` unit vectors to the viewer.
        light: ``... x 3`` unit vectors to the light.
        base_color: ``... x 3``, linear.
        roughness: ``... x 1`` or a number; perceptual, rendered as 0.05 if less.
        metallic: ``... x 1`` or a number, [0, 1].
        specular: ``... x 1`` or a number, [0, 1].
        anisotropy: ``... x 1`` or a number, [-1, 1]. If it is 0 everywhere, the isotropic formula saves half the time.
        angle: ``... x 1`` or a number; radians, counter-clockwise from +X.

    Returns:
        ``... x 3``.

    Raises:
        MatshotError: for a scalar with more than one channel.
    """
    turned = (anisotropy, angle) if np.any(anisotropy) else ()
    scalars = (roughness, metallic, specular, *turned)
    return _in_bands(lambda *maps: [_mixture(*maps)[0].value], 1, (normal, view, light, base_color), scalars)[0]


def ggx_with_gradient(
    normal: Values,
    view: Values,
    light: Values,
    base_color: Values,
    roughness: Values | float,
    metallic: Values | float,
    specular: Values | float,
    anisotropy: Values | float | None = None,
    angle: Values | float = 0.0,
) -> tuple[Values, GgxGradient]:
    """:func:`ggx` and its derivatives in closed form.

    Args:
        normal: ``... x 3`` unit shading normals.
        view: ``... x 3`` unit vectors to the viewer.
        light: ``... x 3`` unit vectors to the light.
        base_color: ``... x 3``, linear.
        roughness: ``... x 1`` or a number.
        metallic: ``... x 1`` or a number.
        specular: ``... x 1`` or a number.
        anisotropy: ``... x 1`` or a number; or None for an isotropic surface without derivatives by anisotropy and
            angle, which is faster.
        angle: ``... x 1`` or a number, radians.

    Returns:
        ``... x 3``, and the gradient, whose arrays may share memory: do not write to them.

    Raises:
        MatshotError: for a scalar with more than one channel.
    """
    turned = () if anisotropy is None else (anisotropy, angle)
    vectors, scalars = (normal, view, light, base_color), (roughness, metallic, specular, *turned)
    value, *derivatives = _in_bands(_mixture_with_gradient, 7 + len(turned), vectors, scalars)
    return value, GgxGradient(*derivatives)


def _in_bands(
    planes: Callable[..., Sequence[Values]], count: int, vectors: Sequence[Values], scalars: Sequence[Values | float]
) -> list[Values]:
    """Results for any number of points, computed for so few at once that the intermediate planes stay in the cache.

    Args:
        planes: of a band of all arguments, ``count`` planes that can be laid out as ``3 x ...``.
        count: how many.
        vectors: arguments ``... x 3``, which decide the precision.
        scalars: further arguments, ``... x 1`` or numbers.

    Returns:
        ``... x 3`` each.

    Raises:
        MatshotError: for a scalar with more than one channel.
    """
    dtype = np.result_type(np.float32, *vectors)
    maps = [np.asarray(values, dtype=dtype) for values in vectors] + [_scalar(value, dtype) for value in scalars]
    shape = np.broadcast_shapes(*(values.shape[:-1] for values in maps))
    results = np.empty((count, 3, *shape), dtype=dtype)
    for band in _bands(shape):
        for result, plane in zip(results, planes(*(_cut(values, band) for values in maps)), strict=True):
            result[(slice(None), *band)] = plane
    return [np.moveaxis(result, 0, -1) for result in results]


def _bands(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Index ranges that cover an array in parts of at most so many points."""
    whole = [range(size) for size in shape]
    waiting = [whole]
    while waiting:
        band = waiting.pop()
        if math.prod(map(len, band)) <= _BAND_POINTS:
            yield tuple(slice(part.start, part.stop) for part in band)
            continue
        axis = max(range(len(band)), key=lambda index: len(band[index]))
        middle = len(band[axis]) // 2
        waiting += [[*band[:axis], half, *band[axis + 1 :]] for half in (band[axis][middle:], band[axis][:middle])]


def _cut(values: Values, band: tuple[slice, ...]) -> Values:
    """The part of a map inside a band; what broadcasts stays."""
    leading = values.shape[:-1]
    parts = band[len(band) - len(leading) :]
    return values[tuple(part if size > 1 else slice(None) for part, size in zip(parts, leading, strict=True))]


def _mixture(
    normal: Values,
    view: Values,
    light: Values,
    base_color: Values,
    roughness: Values,
    metallic: Values,
    specular: Values,
    *turned: Values,
) -> tuple[_Mixture, _IsotropicLobe | _AnisotropicLobe]:
    """The mixture and its lobe, which is anisotropic if anisotropy and angle are given."""
    point = _Point(normal, view, light)
    lobe: _IsotropicLobe | _AnisotropicLobe
    if turned:
        lobe = _AnisotropicLobe(point, *map(_plane, (roughness, *turned)))
    else:
        lobe = _IsotropicLobe(point, _plane(roughness))
    return _Mixture(point, lobe.value, base_color, _plane(metallic), _plane(specular)), lobe


def _mixture_with_gradient(*maps: Values) -> list[Values]:
    """The mixture and its derivatives in the order of :class:`GgxGradient`."""
    mixture, lobe = _mixture(*maps)
    highlight = mixture.highlight()
    along_x, along_y = lobe.by_slopes()
    turned = [lobe.by_anisotropy(), lobe.by_angle()] if isinstance(lobe, _AnisotropicLobe) else []
    return [
        mixture.value,
        mixture.by_base_color,
        highlight * lobe.by_roughness(),
        mixture.by_metallic(),
        mixture.by_specular(),
        *(highlight * plane for plane in (along_x, along_y, *turned)),
    ]


class _Point:
    """Directions at a point and what all models need of them.

    Args:
        normal: ``... x 3``.
        view: ``... x 3``.
        light: ``... x 3``.

    Attributes:
        normal: its components, as those of ``view`` and ``light``.
        n_l: cosine of the light, made positive; ``n_v`` that of the viewer.
        n_h: cosine of light + view times their length, as it is.
        facing: 1 where both are above the horizon, else 0.
        length2: of light + view, squared: 4 (v.h)^2.
    """

    def __init__(self, normal: Values, view: Values, light: Values) -> None:
        self.normal, self.view, self.light = map(_components, (normal, view, light))
        n_l, n_v = _dot(self.normal, self.light), _dot(self.normal, self.view)
        self.facing = ((n_l > 0) & (n_v > 0)).astype(n_l.dtype)
        self.n_l, self.n_v, self.n_h = np.maximum(n_l, _LEAST), np.maximum(n_v, _LEAST), n_l + n_v
        (l_x, l_y, l_z), (v_x, v_y, v_z) = self.light, self.view
        self.sum = l_x + v_x, l_y + v_y, l_z + v_z
        self.length2 = _dot(self.sum, self.sum)


class _Mixture:
    """The metallic-roughness mixture of diffuse and specular; in each channel it is linear in the base color.

    Args:
        point: the directions.
        lobe: D V.
        base_color: ``... x 3``.
        metal: metallic.
        specular: as it is.

    Attributes:
        value: ``3 x ...``.
        by_base_color: derivative by the same channel, the same in all.
    """

    def __init__(self, point: _Point, lobe: Values, base_color: Values, metal: Values, specular: Values) -> None:
        self._dielectric = DIELECTRIC_REFLECTANCE * specular
        away = 1 - np.minimum(np.sqrt(point.length2) / 2, 1)
        schlick = np.square(np.square(away)) * away
        self._facing, self._metal = point.facing, metal
        self._mirror = lobe * (1 - schlick)
        white = lobe * schlick + self._mirror * self._dielectric * (1 - metal)
        tinted = self._mirror * metal
        self.by_base_color: Values = tinted + point.facing * ((1 - metal) / np.pi)
        self._color = _color(base_color, self.by_base_color + white)
        self._tinted, self._white = tinted, white
        self.value: Values = self._color * self.by_base_color + white

    def highlight(self) -> Values:
        """The specular part, ``3 x ...``."""
        result: Values = self._color * self._tinted + self._white
        return result

    def by_metallic(self) -> Values:
        """Derivative by metallic, ``3 x ...``."""
        result: Values = self._color * (self._mirror - self._facing / np.pi) - self._mirror * self._dielectric
        return result

    def by_specular(self) -> Values:
        """Derivative by specular, the same in all channels."""
        result: Values = self._mirror * (DIELECTRIC_REFLECTANCE * (1 - self._metal))
        return result


class _IsotropicLobe:
    """D V of isotropic GGX and its logarithmic derivatives, from cosines alone.

    With H = l + v not made unit, ``D = alpha^2 |H|^4 / (pi (|H - n n.H|^2 + alpha^2 (n.H)^2)^2)``: the sine is taken
    from the vector, as 1 - cosine^2 has no digits left in single precision where a smooth surface has its highlight.
    """

    def __init__(self, point: _Point, roughness: Values) -> None:
        self._point, self._roughness = point, roughness
        alpha2 = np.square(np.square(np.maximum(roughness, SMOOTHEST)))
        n_l, n_v, n_h = point.n_l, point.n_v, point.n_h
        (h_x, h_y, h_z), (x, y, z) = point.sum, point.normal
        off = h_x - x * n_h, h_y - y * n_h, h_z - z * n_h
        across = _dot(off, off)
        spread = np.maximum(across + alpha2 * np.square(n_h), _NOTHING)
        self._root_l = np.sqrt(alpha2 + (1 - alpha2) * np.square(n_l))
        self._root_v = np.sqrt(alpha2 + (1 - alpha2) * np.square(n_v))
        self._mutual = n_l * self._root_v + n_v * self._root_l
        self._alpha2, self._n_h, self._spread = alpha2, n_h, spread
        self.value: Values = alpha2 * np.square(point.length2 / spread) * point.facing / (2 * np.pi * self._mutual)

    def by_roughness(self) -> Values:
        """Derivative of its logarithm by roughness."""
        n_l, n_v, rough = self._point.n_l, self._point.n_v, self._roughness
        shadowing = n_l * (1 - np.square(n_v)) / self._root_v + n_v * (1 - np.square(n_l)) / self._root_l
        by_alpha2 = 1 / self._alpha2 - 2 * np.square(self._n_h) / self._spread - shadowing / (2 * self._mutual)
        result: Values = by_alpha2 * 4 * np.square(rough) * rough * (rough > SMOOTHEST)
        return result

    def by_slopes(self) -> tuple[Values, Values]:
        """Derivatives of its logarithm by the normal's slopes."""
        point, rest = self._point, 1 - self._alpha2
        n_l, n_v = point.n_l, point.n_v
        narrowing = 4 * rest * self._n_h / self._spread
        by_n_l = narrowing - (self._root_v + rest * n_l * n_v / self._root_l) / self._mutual
        by_n_v = narrowing - (self._root_l + rest * n_l * n_v / self._root_v) / self._mutual
        by_normal = [by_n_l * light + by_n_v * view for light, view in zip(point.light, point.view, strict=True)]
        return _by_slopes(by_normal, point.normal)


class _AnisotropicLobe:
    """D V of anisotropic GGX and its logarithmic derivatives, from components in the turned tangent frame."""

    def __init__(self, point: _Point, roughness: Values, anisotropy: Values, angle: Values) -> None:
        self._point, self._roughness, self._anisotropy = point, roughness, anisotropy
        self._cosine, self._sine = np.cos(angle), np.sin(angle)
        self._width_x, self._width_y = _widths(roughness, anisotropy)
        self._light, self._view = (self._local(point.light), self._local(point.view))
        (l_x, l_y), (v_x, v_y) = self._light, self._view
        self._h_x, self._h_y = l_x + v_x, l_y + v_y
        spread = np.square(self._h_x / self._width_x) + np.square(self._h_y / self._width_y) + np.square(point.n_h)
        self._spread = np.maximum(spread, _NOTHING)
        self._root_l = np.sqrt(np.square(point.n_l) + np.square(self._width_x * l_x) + np.square(self._width_y * l_y))
        self._root_v = np.sqrt(np.square(point.n_v) + np.square(self._width_x * v_x) + np.square(self._width_y * v_y))
        self._mutual = point.n_l * self._root_v + point.n_v * self._root_l
        density = np.square(point.length2 / self._spread) / (np.pi * self._width_x * self._width_y)
        self.value: Values = density * point.facing / (2 * self._mutual)

    def _local(self, vector: _Vector) -> tuple[Values, Values]:
        x, y, _ = _local(vector, self._point.normal)
        return self._cosine * x + self._sine * y, self._cosine * y - self._sine * x

    def _by_widths(self) -> tuple[Values, Values]:
        """By alpha along and across, without the clamps' zeros."""
        point, result = self._point, []
        for axis, (half, width) in enumerate(((self._h_x, self._width_x), (self._h_y, self._width_y))):
            shadowing = point.n_l * np.square(self._view[axis]) / self._root_v
            shadowing = shadowing + point.n_v * np.square(self._light[axis]) / self._root_l
            narrow = 4 * np.square(half / width) / (width * self._spread)
            result.append(narrow - 1 / width - width * shadowing / self._mutual)
        return result[0] * (self._width_x > NARROWEST), result[1] * (self._width_y > NARROWEST)

    def by_roughness(self) -> Values:
        """Derivative of its logarithm by roughness."""
        along, across = self._by_widths()
        by_alpha = along * (1 + self._anisotropy) + across * (1 - self._anisotropy)
        return by_alpha * 2 * self._roughness * (self._roughness > SMOOTHEST)

    def by_anisotropy(self) -> Values:
        """Derivative of its logarithm by anisotropy."""
        along, across = self._by_widths()
        return (along - across) * np.square(np.maximum(self._roughness, SMOOTHEST))

    def by_angle(self) -> Values:
        """Derivative of its logarithm by the frame's angle."""
        # Under a turn of the frame a component x grows by y, and y by -x.
        (light_x, light_y), (view_x, view_y) = self._by_components()[:2]
        (l_x, l_y), (v_x, v_y) = self._light, self._view
        return light_x * l_y - light_y * l_x + view_x * v_y - view_y * v_x

    def by_slopes(self) -> tuple[Values, Values]:
        """Derivatives of its logarithm by the normal's slopes."""
        point = self._point
        light, view, light_z, view_z = self._by_components()
        parts = []
        for (x, y), z, vector in ((light, light_z, point.light), (view, view_z, point.view)):
            untwisted = self._cosine * x - self._sine * y, self._sine * x + self._cosine * y, z
            parts.append(_by_normal(untwisted, vector, point.normal))
        return _by_slopes([a + b for a, b in zip(*parts, strict=True)], point.normal)

    def _by_components(self) -> tuple[tuple[Values, Values], tuple[Values, Values], Values, Values]:
        """By the light's x, y and the view's x, y in the turned frame, and by the two cosines."""
        point = self._point
        narrow_x = -4 * self._h_x / (np.square(self._width_x) * self._spread)
        narrow_y = -4 * self._h_y / (np.square(self._width_y) * self._spread)
        narrow_z = -4 * point.n_h / self._spread
        shadow_l, shadow_v = point.n_v / (self._root_l * self._mutual), point.n_l / (self._root_v * self._mutual)
        (l_x, l_y), (v_x, v_y) = self._light, self._view
        square_x, square_y = np.square(self._width_x), np.square(self._width_y)
        light = narrow_x - shadow_l * square_x * l_x, narrow_y - shadow_l * square_y * l_y
        view = narrow_x - shadow_v * square_x * v_x, narrow_y - shadow_v * square_y * v_y
        by_n_l = narrow_z - shadow_l * point.n_l - self._root_v / self._mutual
        by_n_v = narrow_z - shadow_v * point.n_v - self._root_l / self._mutual
        return light, view, by_n_l, by_n_v


def _local(vector: _Vector, normal: _Vector) -> _Vector:
    """A vector after the shortest rotation that takes the normal to +Z."""
    cosine = _dot(vector, normal)
    along = (cosine + vector[2]) / np.maximum(1 + normal[2], _LEAST)
    return vector[0] - normal[0] * along, vector[1] - normal[1] * along, cosine


def _by_normal(by_local: _Vector, vector: _Vector, normal: _Vector) -> list[Values]:
    """Derivatives by the normal's components from those by what :func:`_local` gives for a vector."""
    by_x, by_y, by_z = by_local
    room = np.maximum(1 + normal[2], _LEAST)
    along = (_dot(vector, normal) + vector[2]) / room
    turning = (by_x * normal[0] + by_y * normal[1]) / room
    pull = by_z - turning
    return [pull * vector[0] - along * by_x, pull * vector[1] - along * by_y, pull * vector[2] + turning * along]


def _by_slopes(by_normal: list[Values], normal: _Vector) -> tuple[Values, Values]:
    """Derivatives by n_x / n_z and n_y / n_z from those by the components: the part across the normal, times n_z."""
    x, y, z = normal
    along = by_normal[0] * x + by_normal[1] * y + by_normal[2] * z
    return z * (by_normal[0] - along * x), z * (by_normal[1] - along * y)


def _dot(a: _Vector, b: _Vector) -> Values:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _widths(roughness: Values, anisotropy: Values) -> tuple[Values, Values]:
    """GGX's alphas along and across."""
    alpha = np.square(np.maximum(roughness, SMOOTHEST))
    return np.maximum(alpha * (1 + anisotropy), NARROWEST), np.maximum(alpha * (1 - anisotropy), NARROWEST)


def _components(vector: Values) -> _Vector:
    """A vector's three planes."""
    return vector[..., 0], vector[..., 1], vector[..., 2]


def _scalar(value: Values | float, dtype: np.dtype[Any]) -> Values:
    """A map ``... x 1`` or a number as an array.

    Raises:
        MatshotError: for more channels.
    """
    array = np.asarray(value, dtype=dtype)
    if array.ndim and array.shape[-1] != 1:
        raise MatshotError(f"Roughness, metallic and other scalars must have one channel, got {array.shape[-1]}.")
    return array


def _plane(scalar: Values) -> Values:
    """A scalar without its last dimension."""
    return scalar[..., 0] if scalar.ndim else scalar


def _color(color: Values, plane: Values) -> Values:
    """A color as ``3 x ...``, with as many dimensions as multiplying it by a plane needs."""
    return np.moveaxis(color.reshape((1,) * (plane.ndim + 1 - color.ndim) + color.shape), -1, 0)
