"""A flash photograph without its lamp: the base color that is left when light is divided out, alike all over.

What is divided out is smooth: the lamp's model (:mod:`matshot.capture.lamp`), and what that leaves unexplained as a
function of the distance to the highlight and of place, as far as the texture itself does not vary as much by chance.
Texture is not weakened by the highlight that lies over it: in bands of detail its contrast is made the same at all
distances to the highlight, brightness and chroma each for itself. What is over-exposed, and so unknown, is a hole.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..image.color import Mask, Pixels
from ..shading.render import Camera
from .lamp import Lamp, Shading, is_alike, other_things
from .photograph import AT_END
from .rings import ring_gain, rings_of

#: Cells along the longer side, and points at which a correction is known, for each cell.
_ALONG = 28
_FINE = 4
#: What is added before logarithms are taken, in medians of the photograph.
_FLOOR = 0.02
#: Deviations of what the lamp's model may leave, in brightness: by distance to the highlight, and by place.
_BY_DISTANCE = 0.35
_BY_PLACE = 0.25
#: The same of chroma, in parts of it.
_OF_CHROMA = 0.35
#: Most of it, in brightness and in chroma: what is more is something else that lies there.
_MOST_UNEXPLAINED = (0.8, 0.3)
#: Lengths over which they change, in longer sides.
_DISTANCE_LENGTH = 0.05
_PLACE_LENGTH = 0.22
#: Part of a cell that must be known.
_CELL_SHARE = 0.7
#: Bands of detail.
_BANDS = 5
#: Channels that must have reached their end for a pixel to be burnt, and part of its surroundings that must be.
_BURNT_CHANNELS = 2
_DENSE = 0.5
#: How far sharpening and JPEG spread what a clipped pixel lost, in longer sides.
_SPREAD = 1 / 160
#: Part of the clearest diffuse share, a quantile, below which a pattern is too faint or glints hide it, by roughness,
#: most of the photograph where it is, and the clearest share of a surface that has one at all.
_DILUTED = ((0.3, 0.5), (0.85, 0.25))
_CLEAREST = 0.98
_MOST_DILUTED = 0.07
_LEAST_DIFFUSE = 0.1
#: Range of base color.
_DARKEST = 0.001
_BRIGHTEST = 1.0


@dataclass(frozen=True)
class Flattened:
    """A photograph without its lamp.

    Attributes:
        color: ``H x W x 3``, base color, scene-linear.
        hole: ``H x W``, where nothing is known of it, since the photograph is over-exposed, or hardly anything, since
            the highlight dilutes it.
        distance: ``H x W``, to the middle of the highlight, in longer sides, less where the highlight is longer.
        tone: ``H x W``, logarithm of the photograph's brightness over the lamp's, with the contrast that it has there.
        burnt: ``H x W``, where the photograph is over-exposed.
        other: ``H x W``, where another thing than the surface lies, such as a sign on a wall.
    """

    color: Pixels
    hole: Mask
    distance: Pixels
    tone: Pixels
    burnt: Mask
    other: Mask

    @property
    def known(self) -> Mask:
        """Where the surface itself is seen, ``H x W``."""
        return ~self.hole & ~self.other


def flattened(photograph: Pixels, saturated: Mask, camera: Camera, lamp: Lamp, even: Pixels | None = None) -> Flattened:
    """The photograph without its lamp.

    Args:
        photograph: ``H x W x 3``, scene-linear.
        saturated: ``H x W``, where a channel is over-exposed.
        camera: of the photograph.
        lamp: see :func:`~matshot.capture.lamp.fitted_lamp`.
        even: ``H x W x 3``, scene-linear, the same in another light. What changes over the picture in both alike is
            neither light's but the surface's, and is kept.
    """
    shading = lamp.shading(camera)
    model = shading.light
    clipped = (photograph >= AT_END) & saturated[..., np.newaxis]
    floor = _floor(photograph)
    left = np.log((np.maximum(photograph, 0) + floor) / (model + floor))
    left = _with_clipped_channels(left, clipped)
    distance = highlight_distance(camera, lamp)
    burnt = _hole(clipped)
    # Where every place looks different, a faint pattern is better than one from elsewhere.
    hole = burnt | _diluted(shading, lamp.roughness) if is_alike(lamp) else burnt
    other = _something_else(left, ~hole)
    known = ~hole & ~other
    unexplained = _unexplained(left, known, camera, distance)
    if even is not None:
        other_light = np.log(np.maximum(even, 0) + _floor(even))
        unexplained -= _common(unexplained, _unexplained(other_light, known, camera, distance))
    left -= unexplained
    tone = left.mean(axis=2)
    left = with_even_contrast(left, distance, camera, known, kept=other)
    mean = np.asarray(lamp.base_color, np.float32)
    color = np.exp(left)
    usual = color[known].mean(axis=0) if known.any() else np.ones(3)
    return Flattened(
        (color * (mean / usual)).clip(_DARKEST, _BRIGHTEST).astype(np.float32), hole, distance, tone, burnt, other
    )


def _floor(photograph: Pixels) -> Pixels:
    """What is added before logarithms are taken, for R, G and B."""
    median = np.median(photograph[::4, ::4].reshape(-1, 3), axis=0)
    return np.asarray(_FLOOR * np.maximum(median, 0.2 * median.max()), dtype=np.float32)


def _common(first: Pixels, second: Pixels) -> Pixels:
    """The lesser of two deviations where both are of one sign, else nothing."""
    lesser = np.sign(first) * np.minimum(np.abs(first), np.abs(second))
    return np.asarray(np.where(first * second > 0, lesser, 0), dtype=np.float32)


def highlight_distance(camera: Camera, lamp: Lamp) -> Pixels:
    """How far pixels are from the middle of the highlight, ``H x W``, in the metric in which the highlight is round."""
    x, y = camera.axes()
    # Half the way to the lamp the surface mirrors it; a tilt moves that by its slope.
    right = x[np.newaxis] - np.float32(lamp.position[0] / 2 + lamp.tilt[0] * camera.distance)
    up = y[:, np.newaxis] - np.float32(lamp.position[1] / 2 + lamp.tilt[1] * camera.distance)
    angle = np.arctan2(lamp.anisotropy[1], lamp.anisotropy[0]) / 2
    along = right * np.float32(np.cos(angle)) + up * np.float32(np.sin(angle))
    across = up * np.float32(np.cos(angle)) - right * np.float32(np.sin(angle))
    strength = min(float(np.hypot(*lamp.anisotropy)), 0.6)
    return np.asarray(np.hypot(along / np.sqrt(1 + strength), across / np.sqrt(1 - strength)), dtype=np.float32)


def _hole(clipped: NDArray[np.bool_]) -> Mask:
    """Where the highlight has burnt out; single bright specks of a texture are no holes."""
    burnt = (clipped.sum(axis=2) >= _BURNT_CHANNELS).astype(np.uint8)
    if not burnt.any():
        return np.zeros(burnt.shape, dtype=bool)
    radius = max(1, round(_SPREAD * max(burnt.shape)))
    dense = blurred(burnt.astype(np.float32)[..., np.newaxis], 3 * radius)[..., 0] > _DENSE
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    # Sharpening and JPEG spread what is lost; islands in it are no better known.
    closed = cv2.morphologyEx((dense & (burnt > 0)).astype(np.uint8), cv2.MORPH_CLOSE, disc, iterations=2)
    return np.asarray(cv2.dilate(closed, disc) > 0)


def _diluted(shading: Shading, roughness: float) -> Mask:
    """Where so much of the light is mirrored that little is seen of the base color's pattern."""
    share = shading.diffuse.mean(axis=2) / np.maximum(shading.light.mean(axis=2), np.float32(1e-9))
    usual = float(np.quantile(share[::4, ::4], _CLEAREST))
    limit = min(float(np.interp(roughness, *_DILUTED)) * usual, float(np.quantile(share[::4, ::4], _MOST_DILUTED)))
    return np.asarray(share < limit) if usual > _LEAST_DIFFUSE else np.zeros(share.shape, dtype=bool)


def _with_clipped_channels(left: Pixels, clipped: NDArray[np.bool_]) -> Pixels:
    """Logarithms with channels that have reached their end told by the others, and by the chroma of the neighbors.

    Never less than seen: a channel at its end says "at least". Where all have, brightness stays and the chroma is the
    neighbors'.
    """
    some: Mask = np.asarray(clipped.any(axis=2))
    if not some.any():
        return left
    weight: Pixels = np.asarray(~some, dtype=np.float32)[..., np.newaxis]
    sample: Pixels = left.reshape(-1, 3)[:: 1 + left.size // 300_000]
    usual: Pixels = np.asarray(sample.mean(axis=0), dtype=np.float32)
    chroma = left - left.mean(axis=2, keepdims=True)
    deviation = max(2.0, 2 * _SPREAD * max(some.shape))
    total = blurred(weight, deviation)
    near = blurred(chroma * weight, deviation) + np.float32(1e-3) * (usual - usual.mean())
    near /= total + np.float32(1e-3)
    seen = (~clipped).astype(np.float32)
    count = seen.sum(axis=2, keepdims=True)
    of_others = ((left - near) * seen).sum(axis=2, keepdims=True) / np.maximum(count, 1)
    brightness = np.where(count > 0, of_others, left.mean(axis=2, keepdims=True))
    return np.where(clipped, np.where(count > 0, np.maximum(brightness + near, left), brightness + near), left)


def _unexplained(left: Pixels, known: Mask, camera: Camera, distance: Pixels) -> Pixels:
    """What of the logarithms is the lamp's and not the texture's, ``H x W x 3``: Gaussian process regression of cells.

    Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", equation 2.11, with the noise of the texture
    made larger for outliers (Cauchy) and for textures that are alike over several cells.
    """
    height, width = known.shape
    value, share = _cells(left, known)
    down, across = share.shape
    used = (share > _CELL_SHARE).ravel()
    if used.sum() < 24:
        return np.zeros_like(left)
    x, y = camera.axes()
    place = np.stack(np.broadcast_arrays(x[np.newaxis], y[:, np.newaxis], distance), axis=2)
    places = _averaged(place, (across, down))
    points = places.reshape(-1, 3)[used]
    samples = value.reshape(-1, 3)[used]
    size = (across * _FINE, down * _FINE)
    fine = _averaged(place, size)
    table, everywhere = _functions(points), _functions(fine.reshape(-1, 3))
    # Brightness, then red and blue against green.
    basis = np.array([[1 / 3, 1 / 3, 1 / 3], [1, -1, 0], [0, -1, 1]])
    found = np.empty((*fine.shape[:2], 3))
    for part, scale in enumerate((1.0, 1 / _OF_CHROMA, 1 / _OF_CHROMA)):
        wanted = samples @ basis[part]
        wanted = wanted - np.median(wanted)
        noise = _texture_variance(wanted, points, used.reshape(down, across))
        each = np.full(len(wanted), noise)
        for _ in range(4):
            weighted = table / each[:, np.newaxis]
            normal = np.einsum("ri,rj->ij", weighted, table) + scale**2 * np.eye(table.shape[1])
            weights = np.linalg.solve(normal, weighted.T @ wanted)
            rest = wanted - table @ weights
            each = noise * (1 + np.square(rest) / (4 * noise))
        limit = _MOST_UNEXPLAINED[min(part, 1)]
        found[..., part] = limit * np.tanh((everywhere @ weights).reshape(fine.shape[:2]) / limit)
    found = found @ np.linalg.inv(basis).T
    return np.asarray(cv2.resize(found.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _something_else(left: Pixels, known: Mask) -> Mask:
    """Where another thing than the surface lies, by logarithms of light over the lamp's."""
    values, share = _cells(left, known)
    other = other_things(values, share > _CELL_SHARE).astype(np.uint8)
    return np.asarray(cv2.resize(other, known.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0)


def _cells(left: Pixels, known: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means of logarithms ``H x W x 3`` over cells, as the eye takes them, and the known part of each."""
    height, width = known.shape
    side = max(height, width) / _ALONG
    size = (max(2, round(width / side)), max(2, round(height / side)))
    weight = known.astype(np.float32)
    share = _averaged(weight, size)
    tone = _averaged(np.exp(left / 3) * weight[..., np.newaxis], size) / np.maximum(share, 1e-3)[..., np.newaxis]
    return 3 * np.log(np.maximum(tone, 1e-3)), share


def _averaged(planes: Pixels, size: tuple[int, int]) -> NDArray[np.float64]:
    return np.asarray(cv2.resize(planes, size, interpolation=cv2.INTER_AREA), dtype=np.float64)


def _functions(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussians of distance and of place, ``N x K``, whose sum with weights of variance 1 has the deviations wanted."""

    def along(values: NDArray[np.float64], least: float, most: float, length: float) -> NDArray[np.float64]:
        middles = np.arange(least - length, most + 1.5 * length, length / 1.5)
        # The sum of their squares is 1.
        height = np.sqrt(1 / (1.5 * np.sqrt(np.pi / 2)))
        return np.asarray(height * np.exp(-np.square((values[:, np.newaxis] - middles) / length)))

    right = along(points[:, 0], -0.5, 0.5, _PLACE_LENGTH)
    up = along(points[:, 1], -0.5, 0.5, _PLACE_LENGTH)
    by_place = (right[:, :, np.newaxis] * up[:, np.newaxis]).reshape(len(points), -1)
    by_distance = along(points[:, 2], 0.0, 0.8, _DISTANCE_LENGTH)
    return np.concatenate([_BY_PLACE * by_place, _BY_DISTANCE * by_distance], axis=1)


def _texture_variance(values: NDArray[np.float64], points: NDArray[np.float64], used: Mask) -> float:
    """Variance of a cell by the texture, times the cells that have it in common.

    What neither distance nor place says at all (a polynomial) is the texture.
    """
    x, y, distance = points.T
    knots = np.linspace(0, float(distance.max()), 9)
    hats = np.maximum(0, 1 - np.abs(distance[:, np.newaxis] - knots) / (knots[1] - knots[0] + 1e-9))
    table = np.column_stack([hats, x, y, x * y, x * x - y * y])
    rest = values - table @ np.linalg.lstsq(table.T @ table + 1e-3 * np.eye(table.shape[1]), table.T @ values, None)[0]
    variance = max(float((1.4826 * np.median(np.abs(rest))) ** 2), 1e-4)
    grid = np.zeros(used.shape)
    grid[used] = rest.clip(-3 * np.sqrt(variance), 3 * np.sqrt(variance))
    blocks = cv2.blur(grid, (3, 3), borderType=cv2.BORDER_REFLECT_101)[1:-1, 1:-1]
    alike = 9 * float(blocks.var()) / max(float(grid[used].var()), 1e-9)
    return variance * float(np.clip(alike, 1, 9))


def with_even_contrast(
    planes: Pixels, distance: Pixels, camera: Camera, known: Mask, *, kept: Mask | None = None
) -> Pixels:
    """Planes whose bands of detail have the same contrast at all distances to the highlight.

    Args:
        planes: ``H x W x C``, logarithms; their mean and what deviates from it are treated apart.
        distance: ``H x W``.
        camera: of the photograph.
        known: ``H x W``, pixels by which contrast is measured.
        kept: ``H x W``, pixels that stay as they are.
    """
    changed = None if kept is None or not kept.any() else (~kept).astype(np.float32)[..., np.newaxis]
    brightness = planes.mean(axis=2, keepdims=True)
    parts = [brightness, planes - brightness] if planes.shape[2] > 1 else [brightness]
    ring, sector = rings_of(distance, camera, known)
    result = np.zeros_like(planes)
    for part in parts:
        rest = part
        for level in range(_BANDS):
            softer = blurred(rest, 0.8 * 2**level)
            band = rest - softer
            gain = ring_gain(np.abs(band).mean(axis=2), ring, sector, known, distance)[..., np.newaxis]
            if changed is not None:
                # What of a band reaches beyond an edge belongs to what lies on the other side.
                gain = 1 + (gain - 1) * (2 * blurred(changed, 1.6 * 2**level) - 1).clip(0, 1)
            result += band * gain
            rest = softer
        result += rest
    return result


def detail(planes: Pixels, known: NDArray[np.bool_], sigma: float) -> Pixels:
    """What differs from its surroundings, ``H x W x C``; these are known only in part, ``H x W``."""
    weight = known.astype(np.float32)[..., np.newaxis]
    near = blurred(weight, sigma) + np.float32(1e-3)
    return np.asarray(planes - blurred(planes * weight, sigma) / near, dtype=np.float32)


def blurred(planes: Pixels, sigma: float) -> Pixels:
    """Gaussian blur; a wide one of a smaller picture."""
    height, width = planes.shape[:2]
    shrink = max(1, int(sigma / 2))
    small = planes
    if shrink > 1:
        size = (max(1, width // shrink), max(1, height // shrink))
        small = np.asarray(cv2.resize(planes, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    soft = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REFLECT_101)
    if shrink > 1:
        soft = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(soft, dtype=np.float32).reshape(planes.shape)
