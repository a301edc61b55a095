"""Tangent-space normal maps: their encodings in files, unit vectors, conversion from and to height.

In memory a normal is a unit vector with +X right, +Y up and +Z out of the surface, though rows count downward. A
surface ``z(column, row)`` in pixels thus has the normal ``(-dz/dcolumn, dz/drow, 1)``, made unit.

How an axis is differentiated and integrated depends on whether it wraps. On a wrapping axis both are spectral: the
derivative multiplies by ``i w``, the integrator divides by it, and each is the exact inverse of the other. On an axis
that ends the derivative is a central difference, since a series would ring at the border, and integration goes through
cosines.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..errors import MatshotError, unknown_choice
from .color import Pixels
from .types import Convention, Wrap

#: Least n_z that a slope is divided by: 88.3 degrees off the surface's axis. One vector of a scan that lies on the
#: horizon (or below it) would otherwise be a cliff of any height and tilt everything around it.
_LEAST_NZ = 0.03

#: One step of an 8-bit map.
_STEP = 1 / 255

#: How far a length may be from 1 in what is taken for a normal map: JPEG and block compression shift it.
_UNIT_LENGTH = 0.08

#: Correlation from which on a measurement of the convention counts.
_CLEAR = 0.15

#: Lengths below this say nothing about a direction. Half a step of an 8-bit map is 0.0039 per component.
_NO_LENGTH = 1e-4


def decoded_normals(values: Pixels, convention: Convention, signed: bool) -> Pixels:
    """Unit vectors from what a file holds.

    Args:
        values: ``H x W x C``. In [0, 1], where 0.5 means 0, or in [-1, 1] if ``signed``. With 2 channels X and Y are
            given and Z is the positive root of ``1 - x^2 - y^2`` (BC5 and its like); with 4 the last is something else
            (often height) and stays as it is.
        convention: ``gl`` (+Y up) or ``dx`` (+Y down).
        signed: whether the values are components already.

    Returns:
        ``H x W x 3``, or ``H x W x 4`` for 4 channels: +X right, +Y up, unit length. Vectors without a length point
        out of the surface, (0, 0, 1).

    Raises:
        MatshotError: for one channel.
    """
    channels = values.shape[2]
    if channels < 2:
        raise MatshotError("A normal map has 2 to 4 channels, got 1; this image may be a height map.")
    vectors = np.array(values, dtype=np.float32)
    if not signed:
        vectors[..., :3] = vectors[..., :3] * 2 - 1
    if convention == "dx":
        vectors[..., 1] = -vectors[..., 1]
    if channels == 2:
        z = np.sqrt(np.maximum(0, 1 - np.square(vectors).sum(axis=2, keepdims=True)))
        vectors = np.concatenate([vectors, z], axis=2)
    return unit_normals(vectors)


def complete_normals(values: Pixels, signed: bool) -> tuple[Pixels, str]:
    """A normal map with all that can be known of it, and what was done.

    Compressed maps leave Z out, or keep X in alpha (DXT5nm: X in alpha, Y in green).

    Args:
        values: ``H x W x C`` as a file holds them.
        signed: whether they are components in [-1, 1] already.

    Returns:
        ``H x W x 2`` where Z has to be rebuilt of X and Y, else the values; and a sentence without its subject, empty
        where nothing was done.
    """
    channels = values.shape[2]
    if channels == 2:
        return values, "Z is rebuilt from X and Y."
    if channels < 3:
        return values, ""
    center = 0.0 if signed else 0.5
    red, green, blue = (values[..., index] for index in range(3))
    if channels == 4:
        alpha = values[..., 3]
        in_alpha = float(alpha.std()) > _STEP and abs(float(alpha.mean()) - center) < 0.25
        red_empty = float(np.ptp(red)) < _STEP and min(abs(float(red.mean()) - end) for end in (0, 1)) < 0.02
        swizzled = float(np.abs(red - green).max()) < 2 * _STEP and float(np.abs(blue - green).max()) < 2 * _STEP
        if in_alpha and float(green.std()) > 0 and (red_empty or swizzled):
            return np.stack([alpha, green], axis=2), "X is in alpha (DXT5nm); Z is rebuilt from X and Y."
    scale = 1.0 if signed else 2.0
    x, y, z = ((one - center) * scale for one in (red, green, blue))
    if float(np.ptp(blue)) < _STEP:
        off = np.abs(np.sqrt(x * x + y * y + z * z) - 1)
        sideways = np.sqrt(x * x + y * y)
        # A flat map has a constant blue too, but vectors of the right length.
        if float(off.mean()) > 0.03 and float(np.quantile(sideways, 0.99)) < 1.02:
            return np.ascontiguousarray(values[..., :2]), "blue is empty; Z is rebuilt from X and Y."
    return values, ""


def is_normal_map(values: Pixels, signed: bool) -> bool:
    """Whether pixels are those of a tangent-space normal map: unit vectors that point out of the surface.

    Args:
        values: ``H x W x C`` as a file holds them, in [0, 1] where 0.5 means 0, or in [-1, 1].
        signed: the latter.
    """
    if values.shape[2] < 3:
        return False
    vectors = values[..., :3] if signed else values[..., :3] * 2 - 1
    flat = np.abs(vectors - np.array([0, 0, 1], dtype=np.float32)).max()
    if flat < 2.1 * _STEP:
        return True  # a flat map, encoded around 127 or 128
    lengths = np.sqrt(np.square(vectors).sum(axis=2))
    off = np.abs(lengths - 1)
    if float(np.quantile(off, 0.98)) > _UNIT_LENGTH or float(np.median(off)) > _UNIT_LENGTH / 2:
        return False
    mean = vectors.mean(axis=(0, 1))
    sideways = float(np.abs(mean[:2]).max())
    varied = float(vectors[..., :2].std(axis=(0, 1)).max()) > _STEP
    return varied and sideways < 0.25 and float(mean[2]) > 0.4 and float(np.quantile(vectors[..., 2], 0.02)) > -0.05


def is_vector_pair(values: Pixels) -> bool:
    """Whether two channels in [0, 1] are X and Y of a normal map: around the middle, and never longer than 1."""
    if values.shape[2] != 2:
        return False
    vectors = values * 2 - 1
    near = float(np.quantile(np.square(vectors).sum(axis=2), 0.999)) < 1.03
    return near and float(np.abs(vectors.mean(axis=(0, 1))).max()) < 0.15


def measured_convention(
    normals: Pixels, height: Pixels | None = None, wrap: Wrap = "none"
) -> tuple[Convention, str] | None:
    """The convention of a normal map, by the surface that it describes.

    Beside a height map, by whose slopes its green channel goes along with. Alone, by its curl: slopes of a surface
    have none (``dp/dy = dq/dx``), and slopes with a sign turned do.

    Args:
        normals: ``H x W x 3`` unit vectors, read as OpenGL.
        height: ``H x W x 1`` of the same surface, any unit.
        wrap: axes on which both repeat.

    Returns:
        The convention and what it was measured by, ``height`` or ``curl``; None where neither is clear.
    """
    vectors = normals[..., :3]
    if height is not None and height.shape[:2] == vectors.shape[:2] and float(np.ptp(height)) > 0:
        scaled = (height - height.mean()) / np.float32(np.ptp(height)) * np.float32(max(vectors.shape[:2]) / 16)
        slopes = normal_from_height(scaled, wrap, derivative="central")
        across, along = (_correlation(vectors[..., axis], slopes[..., axis]) for axis in (0, 1))
        # X tells whether the two belong together at all.
        if across > _CLEAR and abs(along) > _CLEAR:
            return ("gl" if along > 0 else "dx"), "height"
    z = np.maximum(vectors[..., 2], np.float32(0.1))
    p, q = _float32(-vectors[..., 0] / z), _float32(vectors[..., 1] / z)
    if min(p.shape) < 8:
        return None
    bend, turn = _smoothed_difference(p, 0), _smoothed_difference(q, 1)
    shared = float((bend * turn).mean())
    strength = float(np.sqrt(np.square(bend).mean() * np.square(turn).mean()))
    if strength < 1e-7 or abs(shared) < _CLEAR * strength:
        return None
    return ("gl" if shared > 0 else "dx"), "curl"


def _smoothed_difference(values: Pixels, axis: int) -> Pixels:
    """Central differences along an axis, averaged over three samples across it, which rounding hardly reaches."""
    step = np.take(values, range(2, values.shape[axis]), axis) - np.take(values, range(values.shape[axis] - 2), axis)
    other = 1 - axis
    size = step.shape[other]
    parts = [np.take(step, range(i, size - 2 + i), other) for i in range(3)]
    return _float32((parts[0] + parts[1] + parts[2]) / 3)


def _correlation(one: Pixels, other: Pixels) -> float:
    a, b = one - one.mean(), other - other.mean()
    norm = float(np.sqrt(np.square(a).mean() * np.square(b).mean()))
    return float((a * b).mean()) / norm if norm > 1e-9 else 0.0


def encoded_normals(normals: Pixels, convention: Convention, *, signed: bool = False) -> Pixels:
    """What a file holds for unit vectors, the inverse of :func:`decoded_normals`.

    Args:
        normals: ``H x W x 3``, or 4 with something else in the last, which stays as it is.
        convention: ``gl`` (+Y up) or ``dx`` (+Y down).
        signed: keep components in [-1, 1], for float files.

    Returns:
        Same shape; the vector in [0, 1], or in [-1, 1] if ``signed``.

    Raises:
        MatshotError: for less than 3 channels.
    """
    if normals.shape[2] < 3:
        raise MatshotError(f"Normals in memory have 3 or 4 channels, got {normals.shape[2]}.")
    values = np.array(normals, dtype=np.float32)
    if convention == "dx":
        values[..., 1] = -values[..., 1]
    if not signed:
        values[..., :3] = values[..., :3] * 0.5 + 0.5
    return values


def unit_normals(normals: Pixels) -> Pixels:
    """The vectors ``... x 3`` (or 4, the last untouched) at unit length; those without a length become (0, 0, 1)."""
    vectors = normals[..., :3]
    length = np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True))
    some = length > _NO_LENGTH
    unit = np.where(some, vectors / np.where(some, length, 1), np.array([0, 0, 1], dtype=np.float32))
    if normals.shape[-1] > 3:
        unit = np.concatenate([unit, normals[..., 3:]], axis=-1)
    return np.ascontiguousarray(unit, dtype=np.float32)


def normal_from_height(
    height: Pixels,
    wrap: Wrap,
    *,
    strength: float = 1.0,
    derivative: Literal["spectral", "central"] = "spectral",
) -> Pixels:
    """Normals of a height map.

    On wrapping axes ``spectral`` is exact for what the samples can describe and inverts :func:`height_from_normal`;
    but the derivative of a sharp step rings, as a Fourier series does, so ``central`` suits maps of hard-edged steps
    (bricks, tiles, 8-bit terraces) and gives a somewhat softer normal map. Axes that end are always ``central``.

    Args:
        height: ``H x W x 1`` or ``H x W``; one unit is ``strength`` pixels.
        wrap: axes on which it repeats.
        strength: pixels per unit of height; larger is bumpier.
        derivative: how wrapping axes are differentiated.

    Returns:
        ``H x W x 3`` unit vectors, +X right, +Y up.

    Raises:
        MatshotError: for more than one channel or an unknown derivative.
    """
    if height.ndim == 3 and height.shape[2] != 1:
        raise MatshotError(f"A height map has one channel, got {height.shape[2]}.")
    if derivative not in ("spectral", "central"):
        raise unknown_choice("derivative", derivative, ("spectral", "central"))
    surface = height.reshape(height.shape[:2])
    # An offset has no slope, but would cost single precision its last digits.
    surface = _float32((surface - surface.mean(dtype=np.float64)) * strength)
    slopes = []
    for axis, letter in enumerate("yx"):
        if letter not in wrap:
            slopes.append(_open_derivative(surface, axis))
        elif derivative == "spectral":
            slopes.append(_spectral_derivative(surface, axis))
        else:
            slopes.append(_wrapped_derivative(surface, axis))
    down, right = slopes
    return unit_normals(np.stack([-right, down, np.ones_like(right)], axis=2))


def height_from_normal(normals: Pixels, wrap: Wrap) -> Pixels:
    """The surface whose slopes are closest to those of a normal map, in the least-squares sense.

    Minimizes ``sum (dz/dx - p)^2 + (dz/dy - q)^2`` over z, with ``p = -n_x / n_z`` and ``q = n_y / n_z`` (rows count
    downward). On wrapping axes in the Fourier basis, ``Z = (-i w_x P - i w_y Q) / (w_x^2 + w_y^2)``, with w in
    radians per pixel and 0 in the Nyquist row, where a real signal's derivative vanishes at the samples: Frankot and
    Chellappa 1988, "A Method for Enforcing Integrability in Shape from Shading Algorithms", eq. 21. On axes that end
    in the cosine basis (Neumann borders): Simchony, Chellappa and Shao 1990, "Direct Analytical Methods for Solving
    Poisson Equations in Computer Vision Problems", with the slope in the sine basis, so that the derivative is
    spectral there too. The two mix freely.

    An axis that ends may climb as a whole: its mean slope is kept. A wrapping axis cannot, and its tilt is dropped.

    Args:
        normals: ``H x W x 3`` (or 4, the last ignored) unit vectors, +X right, +Y up.
        wrap: axes on which the map repeats.

    Returns:
        ``H x W x 1`` in pixels, zero mean.

    Raises:
        MatshotError: for less than 3 channels.
    """
    if normals.ndim != 3 or normals.shape[2] < 3:
        raise MatshotError("Height can be integrated only from normals with 3 or 4 channels.")
    rows, columns = normals.shape[:2]
    facing = np.maximum(normals[..., 2], np.float32(_LEAST_NZ))
    bases = (_Basis(rows, "y" in wrap, 0, halved="x" not in wrap), _Basis(columns, "x" in wrap, 1, halved=True))
    divergence: Any = 0
    laplacian: Any = 0
    plane: Any = 0
    for basis, component in zip(bases, (normals[..., 1], -normals[..., 0]), strict=True):
        slope = _float32(component / facing)
        if not basis.wraps:
            # The cosine basis is level at its borders; a plane leaves it only what deviates from the mean slope.
            tilt = slope.mean(dtype=np.float64)
            slope = _float32(slope - tilt)
            plane = plane + basis.along(tilt * np.arange(basis.size))
        divergence = divergence + np.conj(basis.factor) * _spectrum(slope, bases, slope_of=basis)
        laplacian = laplacian + np.square(np.abs(basis.factor))
    # Modes without a slope anywhere (the mean, Nyquist corners) cannot be known and are left flat.
    known = laplacian > 0
    surface = _surface(np.where(known, divergence / np.where(known, laplacian, 1), 0), bases) + plane
    return _float32(surface - surface.mean(dtype=np.float64))[..., np.newaxis]


class _Basis:
    """The functions in which one axis of a surface is described: Fourier modes if it wraps, else cosines.

    Args:
        size: samples.
        wraps: whether the axis repeats.
        axis: of the array.
        halved: for a Fourier axis, whether values are real when it is transformed, so that half the modes do.

    Attributes:
        factor: what a mode's derivative multiplies it by, along ``axis``; the derivative of a cosine is counted in
            sines, at the same place.
    """

    def __init__(self, size: int, wraps: bool, axis: int, *, halved: bool) -> None:
        self.size, self.wraps, self.axis, self.halved = size, wraps, axis, halved
        if not wraps:
            self.factor = self.along(_float32(-np.pi * np.arange(size) / size))
            return
        cycles = scipy.fft.rfftfreq(size) if halved else scipy.fft.fftfreq(size)
        # At Nyquist the derivative is zero at every sample.
        cycles = np.where(np.abs(cycles) == 0.5, 0, cycles)
        self.factor = self.along((2j * np.pi * cycles).astype(np.complex64))

    def along(self, values: NDArray[Any]) -> NDArray[Any]:
        """A vector laid along this axis of a two-dimensional array."""
        return values.reshape((-1, 1) if self.axis == 0 else (1, -1))

    def transformed(self, values: NDArray[Any], *, sines: bool = False) -> NDArray[Any]:
        """Coefficients of values, for a cosine axis optionally those of the sines."""
        result: NDArray[Any]
        if self.wraps:
            result = scipy.fft.rfft(values, axis=self.axis) if self.halved else scipy.fft.fft(values, axis=self.axis)
        elif sines:
            # Sines begin at the first mode, cosines at the zeroth.
            result = np.roll(scipy.fft.dst(values, type=2, norm="ortho", axis=self.axis), 1, axis=self.axis)
        else:
            result = scipy.fft.dct(values, type=2, norm="ortho", axis=self.axis)
        return result

    def restored(self, spectrum: NDArray[Any]) -> NDArray[Any]:
        """The inverse of :meth:`transformed`."""
        result: NDArray[Any]
        if not self.wraps:
            result = scipy.fft.idct(spectrum, type=2, norm="ortho", axis=self.axis)
        elif self.halved:
            result = scipy.fft.irfft(spectrum, n=self.size, axis=self.axis)
        else:
            result = scipy.fft.ifft(spectrum, axis=self.axis)
        return result


def _spectrum(values: Pixels, bases: tuple[_Basis, _Basis], *, slope_of: _Basis) -> NDArray[Any]:
    result: NDArray[Any] = values
    for basis in _real_first(bases):
        result = basis.transformed(result, sines=basis is slope_of)
    return result


def _surface(spectrum: NDArray[Any], bases: tuple[_Basis, _Basis]) -> NDArray[Any]:
    result = spectrum
    for basis in reversed(_real_first(bases)):
        result = basis.restored(result)
    return result


def _real_first(bases: tuple[_Basis, _Basis]) -> list[_Basis]:
    """Transforms that take and give real values, then the halved Fourier one, then the full one."""
    return sorted(bases, key=lambda basis: (basis.wraps, not basis.halved))


def _spectral_derivative(surface: Pixels, axis: int) -> Pixels:
    basis = _Basis(surface.shape[axis], True, axis, halved=True)
    return _float32(basis.restored(basis.factor * basis.transformed(surface)))


def _wrapped_derivative(surface: Pixels, axis: int) -> Pixels:
    near = np.roll(surface, -1, axis) - np.roll(surface, 1, axis)
    far = np.roll(surface, -2, axis) - np.roll(surface, 2, axis)
    return _float32((8 * near - far) / 12)


def _open_derivative(surface: Pixels, axis: int) -> Pixels:
    """Central differences, fourth order inside and second order at the two outermost samples of each end."""
    size = surface.shape[axis]
    if size < 2:
        return np.zeros_like(surface)
    gradient = np.gradient(surface, axis=axis, edge_order=2 if size > 2 else 1)
    slope = np.moveaxis(_float32(gradient), axis, 0)
    z = np.moveaxis(surface, axis, 0)
    if size > 4:
        slope[2:-2] = (8 * (z[3:-1] - z[1:-3]) - (z[4:] - z[:-4])) / 12
    return np.moveaxis(slope, 0, axis)


def _float32(values: NDArray[Any]) -> Pixels:
    return np.asarray(values, dtype=np.float32)
