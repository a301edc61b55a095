"""Color profiles: what the numbers of a file mean, as an ICC profile, chromaticities or a gamma say it.

Profiles of three primaries and their curves (Display P3, Adobe RGB, ProPhoto, gray with dot gain ...) are evaluated in
single precision. All others, which describe colors by tables, are left to LittleCMS, whose Python interface has 8 bits.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..errors import MatshotError
from .color import Pixels, linear_from_srgb, srgb_from_linear

Matrix = NDArray[np.float64]

#: CIE XYZ of the profile connection space (ICC.1:2022, 6.3.4: white D50) to linear Rec. 709.
_REC709_FROM_D50: Matrix = np.array(
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
)

#: CIE XYZ with white D65 to linear Rec. 709 (ITU-R BT.709-6).
_REC709_FROM_D65: Matrix = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)

#: XYZ to the cone responses of Bradford's chromatic adaptation.
_BRADFORD: Matrix = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

_D65: Matrix = np.array([0.95047, 1.0, 1.08883])

#: Chromaticities of Rec. 709: x and y of red, green, blue and white.
_REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)

#: Display-encoded difference, over the whole range, below which a profile is sRGB: rounding of its tags.
_SAME = 2 / 255

#: Largest profile that is looked at, in bytes; those of cameras and printers are below 4 MB.
_LARGEST = 32 << 20


@dataclass(frozen=True)
class Curve:
    """A transfer curve from stored values to light.

    Attributes:
        parameters: ``g a b c d e f`` of ``(a x + b)^g + e`` for x >= d, and ``c x + f`` below (ICC.1:2022, 10.18).
        table: samples over [0, 1] instead, if there are any.
    """

    parameters: tuple[float, ...] = (1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    table: tuple[float, ...] = ()

    def linear(self, values: Pixels) -> Pixels:
        """Light of stored values, any shape. Negative values mirror; tables end at 0 and 1."""
        size = np.abs(values)
        if self.table:
            light = np.interp(size, np.linspace(0, 1, len(self.table)), np.asarray(self.table))
        else:
            g, a, b, c, d, e, f = self.parameters
            light = np.where(size >= d, np.power(np.maximum(a * size + b, 0), g) + e, c * size + f)
        return np.asarray(np.copysign(light, values), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class ColorProfile:
    """What the numbers of a file mean.

    Attributes:
        name: as people call it.
        curves: from stored values to light, one for gray and three for colors; none where LittleCMS is needed.
        matrix: light in the profile's primaries to linear Rec. 709; None for gray.
        icc: the profile itself; empty for one that comes from chromaticities or a gamma.
    """

    name: str
    curves: tuple[Curve, ...]
    matrix: Matrix | None = None
    icc: bytes = b""

    @property
    def channels(self) -> int:
        """Channels that it describes: 1 or 3."""
        return 1 if len(self.curves) == 1 else 3

    def linear(self, color: Pixels) -> Pixels:
        """Scene-linear Rec. 709 of stored values.

        Args:
            color: ``H x W x 1`` or ``H x W x 3``, without alpha, 0 black and 1 white. Gray under a profile for colors
                is taken for equal channels.

        Returns:
            Same shape. Colors outside Rec. 709 have negative components.

        Raises:
            MatshotError: for colors under a profile for gray.
        """
        count = color.shape[-1]
        if self.channels == 1 and count != 1:
            raise MatshotError(f"The color profile {self.name} is for gray images, but this one has {count} channels.")
        if self.channels == 3 and count == 1:
            return np.ascontiguousarray(self.linear(np.repeat(color, 3, axis=-1))[..., 1:2])
        if not self.curves:
            return linear_from_srgb(_by_littlecms(color, self.icc))
        light = np.concatenate([c.linear(color[..., i : i + 1]) for i, c in enumerate(self.curves)], axis=-1)
        if self.matrix is None:
            return np.ascontiguousarray(light, dtype=np.float32)
        return np.ascontiguousarray(light @ self.matrix.T.astype(np.float32), dtype=np.float32)

    @property
    def is_srgb(self) -> bool:
        """Whether sRGB, or gray with its curve, means the same within rounding."""
        steps = np.linspace(0, 1, 6, dtype=np.float32)
        grid = np.stack(np.meshgrid(*[steps] * self.channels, indexing="ij"), axis=-1).reshape(-1, 1, self.channels)
        return bool(np.abs(srgb_from_linear(self.linear(grid)) - grid).max() < _SAME)

    @property
    def is_linear_rec709(self) -> bool:
        """Whether stored values are linear Rec. 709 already."""
        eye = self.matrix is None or float(np.abs(self.matrix - np.eye(3)).max()) < 2e-3
        return eye and bool(self.curves) and all(curve == Curve() for curve in self.curves)


def linear_from_profile(color: Pixels, icc: bytes) -> Pixels:
    """Scene-linear Rec. 709 of colors that an ICC profile describes.

    Args:
        color: ``H x W x 1`` or ``H x W x 3``, without alpha, in the profile's own encoding.
        icc: the profile.

    Raises:
        MatshotError: for a damaged profile, or one that is for neither RGB nor gray.
    """
    return icc_profile(icc).linear(color)


@lru_cache(maxsize=64)
def icc_profile(icc: bytes) -> ColorProfile:
    """An ICC profile by its bytes.

    Raises:
        MatshotError: for a damaged profile, or one that is for neither RGB nor gray.
    """
    if not 132 <= len(icc) <= _LARGEST or icc[36:40] != b"acsp":
        raise MatshotError("The ICC profile is damaged; remove it, or assign another one.")
    space = icc[16:20]
    if space not in (b"RGB ", b"GRAY"):
        kind = space.decode("ascii", "replace").strip()
        raise MatshotError(f"The ICC profile is for {kind}; convert the image to RGB first.")
    try:
        tags = _tags(icc)
        name = _description(tags.get(b"desc", b"")) or "unnamed"
        if space == b"GRAY":
            return ColorProfile(name, (_curve(tags[b"kTRC"]),), None, icc)
        # A profile may hold both; tables then say more, and LittleCMS prefers them.
        if b"A2B0" not in tags and all(key in tags for key in (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")):
            curves = tuple(_curve(tags[key]) for key in (b"rTRC", b"gTRC", b"bTRC"))
            columns = [_xyz(tags[key]) for key in (b"rXYZ", b"gXYZ", b"bXYZ")]
            return ColorProfile(name, curves, _REC709_FROM_D50 @ np.stack(columns, axis=1), icc)
    except (struct.error, LookupError, ValueError, OverflowError) as error:
        raise MatshotError(
            "The ICC profile is damaged; remove it, or assign another one.", f"{type(error).__name__}: {error}"
        ) from error
    _by_littlecms(np.zeros((1, 1, 3), np.float32), icc)
    return ColorProfile(name, (), None, icc)


def chromaticity_profile(chromaticities: Sequence[float], gamma: float = 1.0) -> ColorProfile | None:
    """The profile of RGB with these primaries and white, adapted to D65 by Bradford's method; None for an impossible
    one.

    Args:
        chromaticities: CIE 1931 x and y of red, green, blue and white.
        gamma: exponent from stored values to light.
    """
    values = np.asarray(chromaticities, dtype=np.float64).reshape(-1)
    if values.size != 8 or not np.isfinite(values).all() or (values[1::2] <= 1e-3).any() or not 0.1 <= gamma <= 10:
        return None
    points = values.reshape(4, 2)
    xyz = np.stack([points[:, 0] / points[:, 1], np.ones(4), (1 - points.sum(axis=1)) / points[:, 1]], axis=0)
    white = xyz[:, 3]
    if abs(np.linalg.det(xyz[:, :3])) < 1e-6:
        return None
    primaries = xyz[:, :3] * np.linalg.solve(xyz[:, :3], white)
    cones = _BRADFORD @ white
    if (np.abs(cones) < 1e-6).any():
        return None
    adaptation = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D65) / cones) @ _BRADFORD
    matrix = _REC709_FROM_D65 @ adaptation @ primaries
    name = next((known for known, said in _NAMED.items() if np.abs(values - said).max() < 2e-3), "")
    curve = Curve((float(gamma), 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)) if gamma != 1 else Curve()
    return ColorProfile(name or "chromaticities of its own", (curve,) * 3, matrix)


#: Primaries and white of known spaces.
_NAMED: dict[str, tuple[float, ...]] = {
    "Rec. 709": _REC709,
    "ACEScg (AP1)": (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767),
    "ACES 2065-1 (AP0)": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767),
    "Rec. 2020": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    "Display P3": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),
    "Adobe RGB": (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290),
}


def gamma_profile(gamma: float) -> ColorProfile:
    """The profile of Rec. 709 primaries whose stored values are light to the power of ``1 / gamma``."""
    curve = Curve() if gamma == 1 else Curve((float(gamma), 1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    return ColorProfile("linear Rec. 709" if gamma == 1 else f"gamma {gamma:.3g}", (curve,) * 3, np.eye(3))


def _tags(icc: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", icc, 128)
    tags = {}
    for index in range(min(count, 100)):
        key, start, size = struct.unpack_from(">4sII", icc, 132 + 12 * index)
        if start + size > len(icc) or size < 8:
            raise ValueError(f"tag {key!r} lies outside")
        tags[key] = icc[start : start + size]
    return tags


def _xyz(tag: bytes) -> Matrix:
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536


def _curve(tag: bytes) -> Curve:
    """A curve of type ``curv`` or ``para`` (ICC.1:2022, 10.6 and 10.18)."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return Curve()
        if count == 1:
            (gamma,) = struct.unpack_from(">H", tag, 12)
            return Curve((gamma / 256, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
        samples = np.frombuffer(tag, ">u2", count, 12)
        return Curve(table=tuple((samples / 65535).tolist()))
    if tag[:4] != b"para":
        raise ValueError(f"curve of type {tag[:4]!r}")
    (kind,) = struct.unpack_from(">H", tag, 8)
    s = [value / 65536 for value in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)]
    if kind == 0:
        return Curve((s[0], 1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    if kind in (1, 2):
        g, a, b, *c = s
        if a == 0:
            raise ValueError("curve without a slope")
        offset = c[0] if c else 0.0
        return Curve((g, a, b, 0.0, -b / a, offset, offset))
    g, a, b, slope, d, *ends = s
    e, f = ends if ends else (0.0, 0.0)
    return Curve((g, a, b, slope, d, e, f))


def _description(tag: bytes) -> str:
    """Text of a ``desc`` (version 2) or ``mluc`` (version 4) tag."""
    if tag[:4] == b"desc":
        (length,) = struct.unpack_from(">I", tag, 8)
        text = tag[12 : 12 + length].decode("ascii", "replace")
    elif tag[:4] == b"mluc":
        length, start = struct.unpack_from(">II", tag, 20)
        text = tag[start : start + length].decode("utf-16-be", "replace")
    else:
        return ""
    return "".join(one for one in text if one.isprintable()).strip()[:80]


def _by_littlecms(color: Pixels, icc: bytes) -> Pixels:
    """sRGB-encoded colors, relative colorimetric, with 8 bits."""
    from PIL import Image, ImageCms

    whole = np.rint(color.clip(0, 1) * 255).astype(np.uint8).reshape(-1, color.shape[1], 3)
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB"), "RGB", "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )  # fmt: skip
        converted = ImageCms.applyTransform(Image.fromarray(whole), transform)
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        raise MatshotError("The ICC profile is damaged; remove it, or assign another one.", str(error)) from error
    return np.asarray(np.asarray(converted) / np.float32(255), dtype=np.float32).reshape(color.shape)
