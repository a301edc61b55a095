"""How much light a surface reflects from one direction into another: the hosts' GGX and the two-shot paper's model.

All functions take arrays that broadcast over their leading dimensions. Directions and colours are ``... x 3``, scalars
are ``... x 1`` (as the maps of :class:`matshot.shading.surface.Surface` are) or plain numbers, results ``... x 3`` or
``... x 1``. Directions are unit vectors away from the surface, +X right, +Y up, +Z towards the camera. Values come back
in the precision of the directions and colours, single or double, with the channels in planes (a view whose last axis
is the slowest, which NumPy computes fastest with). A reflectance is in 1 / steradian, without the light's cosine, and
is zero where light or viewer is below the shading normal's horizon.

A normal varies by its slopes p = n_x / n_z and q = n_y / n_z in all derivatives.

Walter et al. 2007: "Microfacet Models for Refraction through Rough Surfaces". Heitz 2014: "Understanding the
Masking-Shadowing Function in Microfacet-Based BRDFs". Aittala, Weyrich and Lehtinen 2015: "Two-Shot SVBRDF Capture for
Stationary Materials".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from ..errors import MatshotError

Values: TypeAlias = NDArray[np.floating[Any]]
#: A vector's components, each without the last dimension.
_Vector: TypeAlias = tuple[Values, Values, Values]

#: Roughness below this is rendered as this: a mirror's highlight is narrower than a pixel.
SMOOTHEST = 0.05
#: Narrowest GGX alpha that anisotropy makes.
NARROWEST = 1e-3
#: Reflectance at normal incidence of a dielectric whose specular is 1.
MOST_DIELECTRIC = 0.08

#: Cosines and the like are divided by no less than this.
_LEAST = 1e-6
#: Directions in which models are compared: how far off the normal and how many angles, and for those not at the camera
#: half the angle between light and viewer; in radians.
_FARTHEST, _ANGLES, _APART = np.radians(40), 14, np.radians(25)
#: Eigenvalues of S for which a width is tabulated, and ratios of rho_d to rho_s; both geometric.
_FORMS, _LEVELS = np.logspace(-2, 8, 201), np.logspace(-4, 6, 21)
#: Weight of the usual specular of 0.5 in comparison with all directions. It only matters where a highlight is so wide
#: that it looks diffuse.
_SPECULAR_PRIOR = 1e-3
#: Diffuse reflectance that is as good as none, where brightness decides how much a difference counts.
_BLACK = 0.005
#: Mean square of a highlight, over the diffuse reflectance's, that is hardly seen: a thousandth in reflectance.
_FAINT = 1e-6
#: Points that are computed at once.
_BAND = 1 << 13
#: Squares below this are 0 to divisions and logarithms.
_NOTHING = 1e-24
#: Logarithm of the greatest exponent of the paper's model: beyond, it is black, but finite.
_DARKEST = math.log(80)


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


@dataclass(frozen=True)
class StretchedGradient:
    """Derivatives of :func:`stretched_exponential`, each ``... x 3``: of the three channels by one parameter.

    Attributes:
        rho_d: by the same channel of the diffuse colour.
        rho_s: by the same channel of the specular colour.
        s11: by S_11.
        s12: by S_12, which is S_21 too.
        s22: by S_22.
        alpha: by the exponent.
        slope_x: by the normal's n_x / n_z.
        slope_y: by the normal's n_y / n_z.
    """

    rho_d: Values
    rho_s: Values
    s11: Values
    s12: Values
    s22: Values
    alpha: Values
    slope_x: Values
    slope_y: Values


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
        ``... x 3``, and the gradient, whose arrays may share memory and are not to be written to.

    Raises:
        MatshotError: for a scalar with more than one channel.
    """
    turned = () if anisotropy is None else (anisotropy, angle)
    vectors, scalars = (normal, view, light, base_color), (roughness, metallic, specular, *turned)
    value, *derivatives = _in_bands(_mixture_with_gradient, 7 + len(turned), vectors, scalars)
    return value, GgxGradient(*derivatives)


def stretched_exponential(
    normal: Values,
    view: Values,
    light: Values,
    rho_d: Values,
    rho_s: Values,
    S: Values,
    alpha: Values | float,
) -> Values:
    """The reflectance that the two-shot paper fits: a constant and a stretched exponential of the half vector's slopes.

    ``rho_d + rho_s exp(-|h^T S h|^(alpha / 2)) / (l.h)``, h being the slopes x / z of the half vector after the
    shortest rotation of the normal to +Z (Aittala, Weyrich and Lehtinen 2015, section 4.3; BRDF Model A of Brady et al.
    2014, "genBRDF", without its Fresnel term). At alpha = 2 the lobe is a Gaussian.

    Args:
        normal: ``... x 3`` unit shading normals.
        view: ``... x 3`` unit vectors to the viewer.
        light: ``... x 3`` unit vectors to the light.
        rho_d: ``... x 3``, linear; not divided by pi.
        rho_s: ``... x 3``, linear.
        S: ``... x 3``, the symmetric matrix as S_11, S_12, S_22.
        alpha: ``... x 1`` or a number, above 0.

    Returns:
        ``... x 3``.

    Raises:
        MatshotError: for a scalar with more than one channel.
    """
    return _in_bands(lambda *maps: _stretched(*maps)[:1], 1, (normal, view, light, rho_d, rho_s, S), (alpha,))[0]


def stretched_exponential_with_gradient(
    normal: Values,
    view: Values,
    light: Values,
    rho_d: Values,
    rho_s: Values,
    S: Values,
    alpha: Values | float,
) -> tuple[Values, StretchedGradient]:
    """:func:`stretched_exponential` and its derivatives in closed form.

    The lobe has a kink at h = 0 for alpha up to 1; there, derivatives are 0.

    Args:
        normal: ``... x 3`` unit shading normals.
        view: ``... x 3`` unit vectors to the viewer.
        light: ``... x 3`` unit vectors to the light.
        rho_d: ``... x 3``.
        rho_s: ``... x 3``.
        S: ``... x 3``, the symmetric matrix as S_11, S_12, S_22.
        alpha: ``... x 1`` or a number, above 0.

    Returns:
        ``... x 3``, and the gradient, whose arrays may share memory and are not to be written to.

    Raises:
        MatshotError: for a scalar with more than one channel.
    """
    vectors = (normal, view, light, rho_d, rho_s, S)
    value, *derivatives = _in_bands(_stretched_with_gradient, 9, vectors, (alpha,))
    return value, StretchedGradient(*derivatives)


def sampled_light(
    normal: Values,
    view: Values,
    roughness: Values | float,
    mirrored: Values | float,
    uniform: Values,
    anisotropy: Values | float = 0.0,
    angle: Values | float = 0.0,
) -> Values:
    """Directions of light that matter to :func:`ggx`: a mixture of its lobe's and of the cosine's.

    The lobe's are the view mirrored in normals visible from it (Heitz 2018: "Sampling the GGX Distribution of Visible
    Normals"). Some of them lie below the horizon, where nothing is reflected.

    Args:
        normal: ``... x 3`` unit shading normals.
        view: ``... x 3`` unit vectors to the viewer, above the horizon.
        roughness: ``... x 1`` or a number.
        mirrored: ``... x 1`` or a number; share of directions that the lobe gives, [0, 1].
        uniform: ``... x 3`` random numbers in [0, 1).
        anisotropy: ``... x 1`` or a number.
        angle: ``... x 1`` or a number, radians.

    Returns:
        ``... x 3`` unit vectors, distributed by :func:`sampled_light_density`.

    Raises:
        MatshotError: for a scalar with more than one channel.
    """
    dtype = np.result_type(np.float32, normal, view)
    axis = _components(np.asarray(normal, dtype=dtype))
    u, v, choice = _components(np.asarray(uniform, dtype=dtype))
    radius, turn = np.sqrt(u), 2 * np.pi * v
    t_x, t_y = radius * np.cos(turn), radius * np.sin(turn)
    diffuse = _world((t_x, t_y, np.sqrt(1 - u)), axis)

    scalars = roughness, anisotropy, angle, mirrored
    rough, aniso, twist, lobes = (_plane(_scalar(scalar, dtype)) for scalar in scalars)
    width_x, width_y = _widths(rough, aniso)
    cosine, sine = np.cos(twist), np.sin(twist)
    x, y, z = _local(_components(view), axis)
    # The view as the stretched hemisphere sees it, and a basis about it.
    s_x, s_y = width_x * (cosine * x + sine * y), width_y * (cosine * y - sine * x)
    length = np.sqrt(s_x**2 + s_y**2 + z**2)
    s_x, s_y, s_z = s_x / length, s_y / length, z / length
    flat = np.hypot(s_x, s_y)
    a_x, a_y = (np.where(flat > 0, part / np.where(flat > 0, flat, 1), still) for part, still in ((-s_y, 1), (s_x, 0)))
    share = (1 + s_z) / 2
    t_y = (1 - share) * np.sqrt(1 - t_x**2) + share * t_y
    t_z = np.sqrt(np.maximum(0, 1 - t_x**2 - t_y**2))
    h_x = width_x * (t_x * a_x - t_y * s_z * a_y + t_z * s_x)
    h_y = width_y * (t_x * a_y + t_y * s_z * a_x + t_z * s_y)
    h_z = np.maximum(t_y * flat + t_z * s_z, _LEAST)
    half = _world((cosine * h_x - sine * h_y, sine * h_x + cosine * h_y, h_z), axis)
    length2 = _dot(half, half)
    reach = 2 * _dot(_components(view), half) / length2
    return np.stack(
        [
            np.where(choice < lobes, reach * h - component, spread)
            for h, component, spread in zip(half, _components(view), diffuse, strict=True)
        ],
        axis=-1,
    )


def sampled_light_density(
    normal: Values,
    view: Values,
    light: Values,
    roughness: Values | float,
    mirrored: Values | float,
    anisotropy: Values | float = 0.0,
    angle: Values | float = 0.0,
) -> Values:
    """Density of the directions of :func:`sampled_light`, per steradian; its integral over the sphere is 1.

    Args:
        normal: ``... x 3`` unit shading normals.
        view: ``... x 3`` unit vectors to the viewer, above the horizon.
        light: ``... x 3`` unit vectors to the light.
        roughness: ``... x 1`` or a number.
        mirrored: ``... x 1`` or a number; share of directions that the lobe gives.
        anisotropy: ``... x 1`` or a number.
        angle: ``... x 1`` or a number, radians.

    Returns:
        ``... x 1``.

    Raises:
        MatshotError: for a scalar with more than one channel.
    """
    point = _Point(normal, view, light)
    scalars = roughness, anisotropy, angle, mirrored
    rough, aniso, twist, lobes = (_plane(_scalar(scalar, point.n_l.dtype)) for scalar in scalars)
    lobe = _AnisotropicLobe(point, rough, aniso, twist)
    cosine = np.maximum(_dot(point.normal, point.light), 0) / np.pi
    return (lobes * lobe.visible_density() + (1 - lobes) * cosine)[..., np.newaxis]


class Converted(NamedTuple):
    """GGX parameters in the place of the two-shot paper's.

    Attributes:
        base_color: ``... x 3``, linear, at least 0; above 1 where the input is brighter than any material.
        roughness: ``... x 1``, perceptual, [0.05, 1].
        metallic: ``... x 1``, [0, 1].
        specular: ``... x 1``, [0, 1].
        anisotropy: ``... x 1``, [0, 1).
        angle: ``... x 1``, radians counter-clockwise from +X, (-pi / 2, pi / 2]; 0 where isotropic.
        error: ``... x 1``: root mean square difference of the reflected light over the root mean square of what the
            paper's model reflects, both weighted as in the fit.
    """

    base_color: Values
    roughness: Values
    metallic: Values
    specular: Values
    anisotropy: Values
    angle: Values
    error: Values


def ggx_from_stretched(rho_d: Values, rho_s: Values, S: Values, alpha: float) -> Converted:
    """The :func:`ggx` that reflects most like a :func:`stretched_exponential`, by least squares over directions.

    The directions are a flash at the camera, 0 to 40 degrees off the normal (what a hand-held flash photograph shows),
    and with less weight lights 50 degrees away from the viewer about the same half vectors. Squared differences are
    divided by the brightness.

    Alpha along and across the axes of S are read, each by its eigenvalue, from the best isotropic fits at this
    exponent. Colours are then solved for each pixel. Diffuse colour is free to leave pi rho_d, since GGX's highlight
    has a longer tail, which the paper's diffuse colour had absorbed.

    A surface is a dielectric (metallic 0, specular = F0 / 0.08) as long as that explains its highlight. It is metallic
    for two reasons, neither of which makes a jump in what is seen:

    - too strong: where the mean F0 exceeds 0.08, metallic is the least that makes F0 with a specular of 1. It grows
      from 0 where diffuse albedo is above 0.08, and sets in at 1 - albedo / 0.08 on a darker surface;
    - coloured: as the saturation of F0 (1 - least / greatest channel) goes from 0.3 to 0.7, metallic goes from there
      to where the base color alone makes F0 and specular is 0.

    Args:
        rho_d: ``... x 3``.
        rho_s: ``... x 3``.
        S: ``... x 3``, S_11, S_12, S_22.
        alpha: the exponent, one for the surface.

    Returns:
        The parameters and the relative error.

    Raises:
        MatshotError: for an exponent that is not positive.
    """
    if not alpha > 0:
        raise MatshotError("A highlight's exponent is above zero.", f"alpha = {alpha}")
    dtype = np.result_type(np.float32, rho_d, rho_s, S)
    shape = np.broadcast_shapes(rho_d.shape, rho_s.shape, S.shape)[:-1]
    rows = [np.broadcast_to(values, (*shape, 3)).reshape(-1, 3).astype(np.float64) for values in (rho_d, rho_s, S)]
    directions = _Directions()
    widths = directions.widths(alpha)
    size = max(1, _BAND // len(directions))
    parts = []
    for start in range(0, max(1, len(rows[0])), size):
        diffuse, mirror, matrix = (values[start : start + size] for values in rows)
        parts.append(_converted((diffuse, mirror), matrix, alpha, directions, widths))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Converted(*(column.reshape(*shape, column.shape[1]).astype(dtype) for column in columns))


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
        if math.prod(map(len, band)) <= _BAND:
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


def _stretched(
    normal: Values, view: Values, light: Values, rho_d: Values, rho_s: Values, S: Values, alpha: Values
) -> tuple[Values, Values, _StretchedLobe]:
    """The value, the part of it that the lobe makes, and the lobe."""
    point = _Point(normal, view, light)
    lobe = _StretchedLobe(point, S, _plane(alpha))
    highlight = _color(rho_s, lobe.value) * lobe.value
    return _color(rho_d, lobe.value) * point.facing + highlight, highlight, lobe


def _stretched_with_gradient(*maps: Values) -> list[Values]:
    """The value and its derivatives in the order of :class:`StretchedGradient`."""
    value, highlight, lobe = _stretched(*maps)
    by_lobe = (*lobe.by_matrix(), lobe.by_alpha(), *lobe.by_slopes())
    return [value, lobe.facing, lobe.value, *(highlight * plane for plane in by_lobe)]


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
        self._dielectric = MOST_DIELECTRIC * specular
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
        result: Values = self._mirror * (MOST_DIELECTRIC * (1 - self._metal))
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
        self._normals = np.square(point.length2 / self._spread) / (np.pi * self._width_x * self._width_y)
        self.value: Values = self._normals * point.facing / (2 * self._mutual)

    def _local(self, vector: _Vector) -> tuple[Values, Values]:
        x, y, _ = _local(vector, self._point.normal)
        return self._cosine * x + self._sine * y, self._cosine * y - self._sine * x

    def visible_density(self) -> Values:
        """Density of lights that the normals visible from the view reflect there, also below the horizon."""
        point = self._point
        result: Values = self._normals * (point.n_h > 0) / (2 * (point.n_v + self._root_v))
        return result

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


class _StretchedLobe:
    """exp(-|h^T S h|^(alpha / 2)) / (l.h) and its logarithmic derivatives."""

    def __init__(self, point: _Point, matrix: Values, alpha: Values) -> None:
        self._point, self._alpha, self.facing = point, alpha, point.facing
        self._s11, self._s12, self._s22 = _components(matrix)
        self._z = np.maximum(point.n_h, _LEAST)
        x, y, _ = _local(point.sum, point.normal)
        self._x, self._y = x / self._z, y / self._z
        form = self._s11 * self._x**2 + 2 * self._s12 * self._x * self._y + self._s22 * self._y**2
        self._sign, self._form = np.sign(form), np.maximum(np.abs(form), _NOTHING)
        self._log = np.log(self._form)
        self._power = np.exp(np.minimum(alpha / 2 * self._log, _DARKEST)) * (self._form > _NOTHING)
        cosine = np.maximum(np.sqrt(point.length2) / 2, _LEAST)
        self.value: Values = np.exp(-self._power) * point.facing / cosine

    def _by_form(self) -> Values:
        result: Values = -self._alpha / 2 * self._power / self._form * self._sign
        return result

    def by_matrix(self) -> tuple[Values, Values, Values]:
        """Derivatives of its logarithm by S_11, S_12, S_22."""
        by_form = self._by_form()
        return by_form * self._x**2, by_form * 2 * self._x * self._y, by_form * self._y**2

    def by_alpha(self) -> Values:
        """Derivative of its logarithm by alpha."""
        return -self._power * self._log / 2

    def by_slopes(self) -> tuple[Values, Values]:
        """Derivatives of its logarithm by the normal's slopes."""
        point, by_form = self._point, self._by_form()
        by_x = by_form * 2 * (self._s11 * self._x + self._s12 * self._y) / self._z
        by_y = by_form * 2 * (self._s12 * self._x + self._s22 * self._y) / self._z
        by_z = -(by_x * self._x + by_y * self._y)
        return _by_slopes(_by_normal((by_x, by_y, by_z), point.sum, point.normal), point.normal)


class _Directions:
    """Pairs of light and viewer over a normal of +Z, and how much each counts where models are compared.

    Angles from the normal crowd towards 0, where sharp highlights are; they are weighted to count evenly over angle,
    and with the light's cosine.

    Attributes:
        schlick: ``K`` weights of Fresnel's white part.
    """

    def __init__(self) -> None:
        angle = _FARTHEST * np.linspace(0, 1, _ANGLES) ** 2.5
        spacing = np.gradient(angle)
        nodes = []
        for azimuth, share in ((0, 0.25), (np.pi / 4, 0.5), (np.pi / 2, 0.25)):
            half = np.stack([np.sin(angle) * np.cos(azimuth), np.sin(angle) * np.sin(azimuth), np.cos(angle)], axis=1)
            sideways = np.array([-np.sin(azimuth), np.cos(azimuth), 0])
            for apart, part in ((0.0, 0.9), (_APART, 0.1)):
                light = half * np.cos(apart) + sideways * np.sin(apart)
                view = half * np.cos(apart) - sideways * np.sin(apart)
                nodes.append((light, view, spacing * share * part * np.square(light[:, 2])))
        light, view, self._weights = (np.concatenate(column) for column in zip(*nodes, strict=True))
        self._point = _Point(np.array([0.0, 0.0, 1.0]), view, light)
        self.schlick = (1 - np.sqrt(self._point.length2) / 2) ** 5

    def __len__(self) -> int:
        return len(self._weights)

    def weights(self, paper: Values, level: Values) -> Values:
        """How much directions count, ``N x K`` with sums of 1, for the paper's lobe and rho_d / rho_s, ``N x 1``.

        Squared differences count by the inverse of the brightness, as when square roots are compared: as seen on a
        display, or fitted in compressed values. Otherwise the rest of a sharp highlight would drown the diffuse colour.
        """
        weights = self._weights / (level + paper)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def ggx(self, along: Values, across: Values) -> Values:
        """D V, ``N x K``, of GGX for alphas ``N x 1`` along X and Y."""
        roughness, anisotropy = np.sqrt((along + across) / 2), (along - across) / (along + across)
        return _AnisotropicLobe(self._point, roughness, anisotropy, np.zeros(1)).value

    def stretched(self, along: Values, across: Values, alpha: float) -> Values:
        """The paper's lobe, ``N x K``, for eigenvalues ``N x 1`` along X and Y."""
        matrix = np.stack([along, np.zeros_like(along), across], axis=-1)
        return _StretchedLobe(self._point, matrix, np.asarray(alpha)).value

    def widths(self, alpha: float) -> Values:
        """The isotropic GGX alphas, ``M x L``, that suit the eigenvalues of ``_FORMS`` under the levels of ``_LEVELS``.

        With each roughness the best constant and highlight are known in closed form; the roughness is the one of least
        difference, between its samples by a parabola.
        """
        roughness = np.linspace(SMOOTHEST, 1, 97)
        width, forms = np.square(roughness)[:, np.newaxis], _FORMS[:, np.newaxis]
        lobe, paper = self.ggx(width, width), self.stretched(forms, forms, alpha)
        columns = []
        for level in _LEVELS:
            weights = self.weights(paper, level)
            mean = weights @ lobe.T
            common = (weights * paper) @ lobe.T - mean * (weights * paper).sum(axis=1, keepdims=True)
            spread = weights @ np.square(lobe).T * (1 + _SPECULAR_PRIOR) - np.square(mean)
            gain = np.square(np.maximum(common, 0)) / spread
            best = np.clip(gain.argmax(axis=1), 1, len(roughness) - 2)
            before, there, after = (gain[np.arange(len(best)), best + step] for step in (-1, 0, 1))
            bend = before - 2 * there + after
            shift = np.clip((before - after) / np.where(bend < 0, 2 * bend, -np.inf), -1, 1)
            columns.append(np.square(roughness[best] + shift * (roughness[1] - roughness[0])))
        return np.stack(columns, axis=1)


def _converted(
    colors: tuple[Values, Values], matrix: Values, alpha: float, directions: _Directions, widths: Values
) -> Converted:
    """:func:`ggx_from_stretched` for rho_d, rho_s and S of pixels ``N x 3`` in double precision."""
    rho_d, rho_s = colors
    strength = np.maximum(rho_s.mean(axis=1, keepdims=True), _LEAST)
    level = np.clip(np.maximum(rho_d.mean(axis=1, keepdims=True), _BLACK) / strength, _LEVELS[0], _LEVELS[-1])
    middle, half, mixed = (matrix[:, :1] + matrix[:, 2:]) / 2, (matrix[:, :1] - matrix[:, 2:]) / 2, matrix[:, 1:2]
    apart = np.hypot(half, mixed)
    sharp, blunt = (np.clip(value, _FORMS[0], _FORMS[-1]) for value in (middle + apart, middle - apart))
    paper = directions.stretched(sharp, blunt, alpha)
    weights = directions.weights(paper, level)
    # A highlight that is too faint to be seen says nothing about roughness; a wide one does least harm then.
    seen = (weights * np.square(paper)).sum(axis=1, keepdims=True) / np.square(level)
    narrow, wide = (_width(value, level, widths) ** (seen / (seen + _FAINT)) for value in (sharp, blunt))
    wide = np.maximum(wide, narrow)
    anisotropy = (wide - narrow) / (wide + narrow)
    # The highlight is wide across the eigenvector of the greater eigenvalue.
    across = np.arctan2(mixed, half) / 2
    angle = np.where(anisotropy > 0, np.where(across > 0, across - np.pi / 2, across + np.pi / 2), 0)

    # In the frame of S: what is reflected by the parts of both models, N x 4 x K.
    lobe = directions.ggx(narrow, wide)
    parts = np.stack([np.ones_like(lobe), lobe * (1 - directions.schlick), lobe * directions.schlick, paper], axis=1)
    products = (parts * weights[:, np.newaxis]) @ parts.transpose(0, 2, 1)
    base_color, metallic, specular, error = _host_colors(products, rho_d, rho_s)
    return Converted(base_color, np.sqrt((wide + narrow) / 2), metallic, specular, anisotropy, angle, error)


def _width(form: Values, level: Values, widths: Values) -> Values:
    """GGX's alpha for an eigenvalue of S and rho_d / rho_s, from the table of :meth:`_Directions.widths`."""
    places = [
        np.log(value / samples[0]) / np.log(samples[1] / samples[0])
        for value, samples in ((form, _FORMS), (level, _LEVELS))
    ]
    return np.asarray(np.exp(map_coordinates(np.log(widths), places, order=1, mode="nearest")))


def _host_colors(products: Values, rho_d: Values, rho_s: Values) -> tuple[Values, Values, Values, Values]:
    """Base color, metallic and specular that make a constant and a GGX lobe reflect like the paper's model.

    Args:
        products: ``N x 4 x 4`` mean products over directions of a constant, the lobe times 1 - Schlick's weight, the
            lobe times that weight, and the paper's lobe.
        rho_d: ``N x 3``.
        rho_s: ``N x 3``.

    Returns:
        Base color ``N x 3``; metallic, specular and relative error, ``N x 1``.
    """
    even, mixed, mirror = (products[:, i, j, np.newaxis] for i, j in ((0, 0), (0, 1), (1, 1)))
    # What the constant and the lobe are to explain, Fresnel's white part taken off.
    by_even = rho_d * even + rho_s * products[:, 0, 3, np.newaxis] - products[:, 0, 2, np.newaxis]
    by_mirror = rho_d * mixed + rho_s * products[:, 1, 3, np.newaxis] - products[:, 1, 2, np.newaxis]

    # Each channel by itself: diffuse albedo and F0.
    prior = _SPECULAR_PRIOR * mirror
    aimed = by_mirror + prior * 0.5 * MOST_DIELECTRIC
    incidence = np.maximum(even * aimed - mixed * by_even, 0) / (even * (mirror + prior) - mixed**2)
    diffuse = np.maximum((by_even - mixed * incidence) / even, 0)
    incidence = np.maximum((aimed - mixed * diffuse) / (mirror + prior), 0)
    metal = _metallic(np.pi * diffuse, incidence)

    # Then with that metallic all channels: base color has a diffuse and a mirror part, specular a mirror part.
    share, dielectric = (1 - metal) / np.pi, MOST_DIELECTRIC * (1 - metal)
    own = share**2 * even + 2 * share * metal * mixed + metal**2 * mirror
    cross = dielectric * (share * mixed + metal * mirror)
    target = share * by_even + metal * by_mirror
    pull = 3 * MOST_DIELECTRIC**2 * prior
    wanted = (dielectric * by_mirror - cross * target / own).sum(axis=1, keepdims=True) + 0.5 * pull
    specular = np.clip(wanted / (3 * (dielectric**2 * mirror - cross**2 / own) + pull), 0, 1)
    base_color = np.maximum((target - cross * specular) / own, 0)
    # Again for the base color that there is, in case a channel would have been below black.
    wanted = (dielectric * by_mirror - cross * base_color).sum(axis=1, keepdims=True) + 0.5 * pull
    specular = np.clip(wanted / (3 * dielectric**2 * mirror + pull), 0, 1)

    # Of what each part contributes to the difference, and to the paper's model, N x 4 x 3.
    nothing, one = np.zeros_like(rho_d), np.ones_like(rho_d)
    difference = np.stack([share * base_color - rho_d, dielectric * specular + metal * base_color, one, -rho_s], axis=1)
    paper = np.stack([rho_d, nothing, nothing, rho_s], axis=1)
    missed, whole = ((parts * (products @ parts)).sum((1, 2))[:, np.newaxis] for parts in (difference, paper))
    return base_color, metal, specular, np.sqrt(np.maximum(missed, 0) / np.maximum(whole, _NOTHING))


def _metallic(diffuse: Values, incidence: Values) -> Values:
    """Metallic ``N x 1`` from diffuse albedo and F0, ``N x 3``, by the rule of :func:`ggx_from_stretched`."""
    most = MOST_DIELECTRIC
    albedo, strength = diffuse.mean(axis=1, keepdims=True), incidence.mean(axis=1, keepdims=True)
    # F0 = most (1 - m) + albedo m / (1 - m), solved for 1 - m.
    total = strength + albedo
    root = np.sqrt(np.maximum(total**2 - 4 * most * albedo, 0))
    least = np.where(strength > most, 1 - 2 * albedo / np.maximum(total + root, _LEAST), 0)
    greatest = strength / np.maximum(total, _LEAST)
    bright = incidence.max(axis=1, keepdims=True)
    saturation = 1 - incidence.min(axis=1, keepdims=True) / np.maximum(bright, _LEAST)
    result: Values = least + np.clip((saturation - 0.3) / 0.4, 0, 1) * np.maximum(greatest - least, 0)
    return result


def _local(vector: _Vector, normal: _Vector) -> _Vector:
    """A vector after the shortest rotation that takes the normal to +Z."""
    cosine = _dot(vector, normal)
    along = (cosine + vector[2]) / np.maximum(1 + normal[2], _LEAST)
    return vector[0] - normal[0] * along, vector[1] - normal[1] * along, cosine


def _world(vector: _Vector, normal: _Vector) -> _Vector:
    """The inverse of :func:`_local`."""
    tilt = normal[0] * vector[0] + normal[1] * vector[1]
    along = vector[2] - tilt / np.maximum(1 + normal[2], _LEAST)
    return vector[0] + normal[0] * along, vector[1] + normal[1] * along, vector[2] * normal[2] - tilt


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
        raise MatshotError(f"A map of single values has one channel, not {array.shape[-1]}.")
    return array


def _plane(scalar: Values) -> Values:
    """A scalar without its last dimension."""
    return scalar[..., 0] if scalar.ndim else scalar


def _color(color: Values, plane: Values) -> Values:
    """A colour as ``3 x ...``, with as many dimensions as multiplying it by a plane needs."""
    return np.moveaxis(color.reshape((1,) * (plane.ndim + 1 - color.ndim) + color.shape), -1, 0)
