"""What of the lamp is left in maps that were made of a flash photograph of a surface that is alike all over."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench import measures
from bench.measures import Image
from matshot.shading.surface import Surface

#: Size at which base color and roughness are looked at, and radii of the rings in widths.
_COLUMNS = 384
_ROWS = 288
_RADII = (0.0, 0.06, 0.12, 0.18, 0.25, 0.32, 0.4)
#: Radii of what is the middle and the outside to slopes.
_MIDDLE = (0.0, 0.12)
_OUTSIDE = (0.25, 0.45)
#: White of D65, by which XYZ is divided for CIELAB.
_WHITE = (0.9505, 1.0, 1.089)
_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
#: Weights of linear sRGB's luminance.
LUMINANCE = _XYZ[1]


@dataclass(frozen=True)
class Rings:
    """Figures of one photograph.

    Attributes:
        residue: largest CIELAB distance of a ring's mean base color from the median ring's.
        metallic: mean.
        slopes: deviation of slopes in the middle over that outside.
        roughness: largest difference of roughness between rings.
        relief: deviation of slopes.
    """

    residue: float
    metallic: float
    slopes: float
    roughness: float
    relief: float


def rings(surface: Surface) -> Rings:
    """What is left of the lamp in a surface of a whole photograph."""
    color = lab(measures.resized(surface.base_color.astype(np.float64).clip(0, 1), _ROWS, _COLUMNS))
    roughness = measures.resized(surface.roughness.astype(np.float64), _ROWS, _COLUMNS)[..., 0]
    far = _radius(_ROWS, _COLUMNS)
    inside = [(far >= inner) & (far < outer) for inner, outer in pairwise(_RADII)]
    means = np.array([color[ring].mean(axis=0) for ring in inside])
    levels = [float(roughness[ring].mean()) for ring in inside]
    normal = surface.normal.astype(np.float64)
    steep = np.square(normal[..., :2]).sum(axis=2) / np.square(np.maximum(normal[..., 2], 0.1))
    away = _radius(*steep.shape)
    middle, outside = (
        float(np.sqrt(steep[(away >= inner) & (away < outer)].mean())) for inner, outer in (_MIDDLE, _OUTSIDE)
    )
    return Rings(
        float(np.linalg.norm(means - np.median(means, axis=0), axis=1).max()),
        float(surface.metallic.mean()),
        middle / max(outside, 1e-4),
        max(levels) - min(levels),
        float(np.sqrt(steep.mean())),
    )


def lab(linear: Image) -> Image:
    """CIELAB of linear sRGB, ``H x W x 3``."""
    xyz = linear @ np.array(_XYZ).T / np.array(_WHITE)
    root = np.where(xyz > 0.008856, np.cbrt(np.maximum(xyz, 1e-9)), 7.787 * xyz + 16 / 116)
    light, red, blue = root[..., 1], root[..., 0] - root[..., 1], root[..., 1] - root[..., 2]
    return np.stack([116 * light - 16, 500 * red, 200 * blue], axis=2)


def _radius(rows: int, columns: int) -> Image:
    """Distance to the middle in widths."""
    x = (np.arange(columns) + 0.5) / columns - 0.5
    y = (np.arange(rows) + 0.5 - rows / 2) / columns
    return np.hypot(x[np.newaxis], y[:, np.newaxis])
