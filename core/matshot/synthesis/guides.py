"""Guides: maps that say what of a source belongs where in a result.

Hertzmann, Jacobs, Oliver, Curless and Salesin 2001, "Image Analogies", section 3: the same planes of source and result
join the distance of patches. Champandard 2016, "Semantic Style Transfer and Turning Two-Bit Doodles into Fine
Artworks": a map painted with a few colors is such a guide. Colors are labels there; grays are planes that may vary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import MatshotError
from ..image.color import Pixels

#: How a map is read.
GuideType = Literal["auto", "labels", "values"]
Labels = NDArray[np.uint8]

#: Labels at most.
_MOST_LABELS = 16
#: Distance in the unit cube up to which two colors are one label, as in a JPEG.
_SAME_COLOR = 0.14
#: Distance at which a color of the target map is still the nearest label of the source map.
_NEAREST_COLOR = 0.3
#: Least part of a map that a label covers.
_LEAST_SHARE = 0.001
#: Part of the pixels that have the color of a label; the others are soft edges.
_PURE_SHARE = 0.9
#: The same in gray maps, where few levels are labels and many are values.
_PURE_GRAY_SHARE = 0.97
#: Reach in pixels of a soft edge.
_SOFT_EDGE = 3
#: Levels of gray values, within which pixels are taken.
_LEVELS = 33
#: Difference of levels that is still the same: a sixteenth of the range. With a twelfth, thin edges stayed unworn.
_LEVEL_TOLERANCE = 2
#: Relative difference of proportions up to which a map is resized.
_PROPORTION = 0.02
#: Deviations of a plane of values that count as much as a wrong label.
_VALUE_RANGE = 1.5


@dataclass(frozen=True)
class Guide:
    """Planes that patches of source and result have in common, beside their pixels.

    Attributes:
        source: ``H x W x K``; a squared distance of 1 is a wrong label.
        target: ``h x w x K`` of the result.
        source_labels: ``H x W``, labels or levels of gray values; None for values of several channels.
        target_labels: ``h x w``, each of which the source has; likewise.
        colors: of the labels, ``#rrggbb``; empty for values.
        tolerance: difference up to which levels are the same.
    """

    source: Pixels
    target: Pixels
    source_labels: Labels | None = None
    target_labels: Labels | None = None
    colors: tuple[str, ...] = ()
    tolerance: int = 0


def guide_of(
    source_map: Pixels,
    target_map: Pixels,
    source_size: tuple[int, int],
    size: tuple[int, int],
    kind: GuideType = "auto",
    hole: NDArray[np.bool_] | None = None,
    names: tuple[str, str] = ("source guide", "target guide"),
) -> Guide:
    """The guide that two painted maps are.

    Args:
        source_map: ``H x W x C`` in [0, 1], of the source; 1, 2 (gray and alpha), 3 or 4 channels, of which alpha does
            not count.
        target_map: likewise, of the result.
        source_size: rows and columns of the source.
        size: rows and columns of the result.
        kind: ``labels`` for a few colors, ``values`` for planes such as a height; ``auto`` looks at them.
        hole: ``h x w``, part of the result that is made; labels elsewhere need not be in the source. All if not given.
        names: that errors call the maps by.

    Raises:
        MatshotError: for maps of other proportions, and labels that the source map lacks.
    """
    source_map, target_map = _colors(source_map), _colors(target_map)
    _check_proportions(names[0], source_map, "source", source_size)
    _check_proportions(names[1], target_map, "output", size)
    gray = bool(np.abs(np.ptp(source_map, axis=2)).max() < 0.02 and np.abs(np.ptp(target_map, axis=2)).max() < 0.02)
    palette = _palette(source_map)
    share = _PURE_GRAY_SHARE if gray else _PURE_SHARE
    painted = 2 <= len(palette) <= _MOST_LABELS and min(_pure(source_map, palette), _pure(target_map, None)) >= share
    if kind == "labels" or (kind == "auto" and painted):
        if not 1 <= len(palette) <= _MOST_LABELS:
            raise MatshotError(
                f"The {names[0]} has {len(palette)} colors, but at most {_MOST_LABELS} labels are possible; "
                "paint it with fewer colors."
            )
        _check_labels(palette, target_map if hole is None else _within(hole, target_map, palette[0]), names)
        labels = [
            _resized_labels(_labels(pixels, palette), shape)
            for pixels, shape in ((source_map, source_size), (target_map, size))
        ]
        planes = [np.eye(len(palette), dtype=np.float32)[one] * np.float32(np.sqrt(0.5)) for one in labels]
        return Guide(planes[0], planes[1], labels[0], labels[1], tuple(map(_hex, palette)))
    if gray:
        source_map, target_map = source_map[..., :1], target_map[..., :1]
    values = [_resized_values(pixels, shape) for pixels, shape in ((source_map, source_size), (target_map, size))]
    spread = np.sqrt(sum(float(one.var(axis=(0, 1)).sum()) for one in values) / 2)
    if spread < 1e-4:
        raise MatshotError("Both guides have a single color and so no effect; paint at least two colors or grays.")
    scale = np.float32(1 / (_VALUE_RANGE * spread))
    if not gray:
        return Guide(values[0] * scale, values[1] * scale)
    levels = _levels(values[0], values[1])
    return Guide(values[0] * scale, values[1] * scale, levels[0], levels[1], tolerance=_LEVEL_TOLERANCE)


def _levels(source: Pixels, target: Pixels) -> tuple[Labels, Labels]:
    """Levels of gray values; those of the target are the nearest that the source has."""
    low, high = float(source.min()), float(source.max())
    steps = (_LEVELS - 1) / max(high - low, 1e-6)
    own, wanted = (np.rint((one[..., 0].clip(low, high) - low) * steps).astype(np.uint8) for one in (source, target))
    return own, nearest_levels(wanted, np.unique(own))


def nearest_levels(levels: Labels, offered: Labels) -> Labels:
    """Levels of any shape, each the nearest of those that are offered, ``(n,)``."""
    every = np.arange(_LEVELS)[:, np.newaxis]
    return np.asarray(offered[np.abs(every - offered.astype(int)).argmin(axis=1)][levels], dtype=np.uint8)


def mask_of(pixels: Pixels, size: tuple[int, int], name: str) -> Pixels:
    """A soft mask, ``h x w`` in [0, 1]: white counts and black does not.

    Args:
        pixels: ``H x W x C`` in [0, 1]. Where colors are all the same, alpha is the mask.
        size: rows and columns of what is masked.
        name: that errors call it by.

    Raises:
        MatshotError: for other proportions, and a mask that is black everywhere.
    """
    color = _colors(pixels)
    if pixels.shape[2] in (2, 4) and not np.ptp(color, axis=(0, 1)).any() and np.ptp(pixels[..., -1]) > 0:
        color = pixels[..., -1:]
    _check_proportions(name, color, "image", size)
    mask = _resized_values(color, size).mean(axis=2).clip(0, 1)
    if not (mask > 0.5).any():
        raise MatshotError(f"The {name} is black everywhere; paint white what it is to select.")
    return np.asarray(mask, dtype=np.float32)


def _colors(pixels: Pixels) -> Pixels:
    """Three channels in [0, 1], without alpha."""
    color = pixels[..., :1] if pixels.shape[2] <= 2 else pixels[..., :3]
    return np.ascontiguousarray(np.broadcast_to(color, (*color.shape[:2], 3)), dtype=np.float32).clip(0, 1)


def _check_proportions(name: str, pixels: Pixels, what: str, size: tuple[int, int]) -> None:
    height, width = pixels.shape[:2]
    # One pixel of rounding is no other shape.
    off = abs(width * size[0] - height * size[1])
    if off > _PROPORTION * width * size[0] and off > max(height, width, *size):
        raise MatshotError(
            f"The {name} has {width} x {height} pixels, which is another shape than the {what}'s "
            f"{size[1]} x {size[0]}; give one of the same proportions."
        )


def _palette(pixels: Pixels) -> Pixels:
    """Colors of the labels, ``n x 3``: frequent ones that are not edges between others, most frequent first."""
    pure = pixels[_flat_area(pixels)]
    if not len(pure):
        pure = pixels.reshape(-1, 3)
    steps = np.rint(pure * 31).astype(np.int32)
    codes, inverse, counts = np.unique(
        (steps[:, 0] * 32 + steps[:, 1]) * 32 + steps[:, 2], return_inverse=True, return_counts=True
    )
    sums = np.stack([np.bincount(inverse, pure[:, channel], len(codes)) for channel in range(3)], axis=1)
    means = sums / counts[:, np.newaxis]
    found: list[int] = []
    for place in np.argsort(-counts, kind="stable"):
        if counts[place] < _LEAST_SHARE * len(pure) or len(found) > _MOST_LABELS:
            break
        if all(np.linalg.norm(means[place] - means[other]) > _SAME_COLOR for other in found):
            found.append(int(place))
    return np.asarray(means[found], dtype=np.float32)


def _flat_area(pixels: Pixels) -> NDArray[np.bool_]:
    """Where a pixel's neighbors have about its color."""
    square = np.ones((3, 3), np.uint8)
    range_ = cv2.dilate(pixels, square) - cv2.erode(pixels, square)
    return np.asarray(range_.max(axis=2) < _SAME_COLOR / 2)


def _pure(pixels: Pixels, palette: Pixels | None) -> float:
    """Part of the pixels that have the color of a label, apart from soft edges."""
    palette = _palette(pixels) if palette is None else palette
    if not 1 <= len(palette) <= _MOST_LABELS:
        return 0.0
    distances = np.stack([np.linalg.norm(pixels - color, axis=2) for color in palette]).min(axis=0)
    pure = distances < _SAME_COLOR / 2
    edges = cv2.dilate((~_flat_area(pixels)).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return float(np.mean(pure[~edges])) if not edges.all() else 0.0


def _check_labels(palette: Pixels, target_map: Pixels, names: tuple[str, str]) -> None:
    missing = [
        color for color in _palette(target_map) if np.linalg.norm(palette - color, axis=1).min() > _NEAREST_COLOR
    ]
    if missing:
        raise MatshotError(
            f"The {names[1]} has the color {_hex(missing[0])}, which the {names[0]} lacks. "
            f"Colors of the {names[0]}: {', '.join(map(_hex, palette))}."
        )


def _within(hole: NDArray[np.bool_], pixels: Pixels, other: Pixels) -> Pixels:
    """A map that has another color outside a hole."""
    inside = cv2.resize(hole.astype(np.uint8), pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    return np.where(inside[..., np.newaxis], pixels, other)


def _hex(color: Pixels) -> str:
    return "#" + "".join(f"{round(255 * float(value)):02x}" for value in color)


def _labels(pixels: Pixels, palette: Pixels) -> Labels:
    """Number of each pixel's label; a pixel of a soft edge gets one of those that it lies between."""
    distances = np.stack([np.linalg.norm(pixels - color, axis=2) for color in palette])
    pure = (distances.min(axis=0) < _SAME_COLOR / 2) & _flat_area(pixels)
    nearest = distances.argmin(axis=0)
    reach = np.ones((2 * _SOFT_EDGE + 1, 2 * _SOFT_EDGE + 1), np.uint8)
    for number in range(len(palette)):
        near = cv2.dilate((pure & (nearest == number)).astype(np.uint8), reach) > 0
        # A mixture of two colors may look like a third one, which is not around.
        distances[number][~near & ~pure] += 4
    return np.asarray(distances.argmin(axis=0), dtype=np.uint8)


def _resized_labels(labels: Labels, size: tuple[int, int]) -> Labels:
    if labels.shape == size:
        return labels
    # Smooth outlines, not steps: every label is enlarged as a plane, and the greatest is taken.
    best = np.zeros(size, dtype=np.float32)
    chosen = np.zeros(size, dtype=np.uint8)
    way = cv2.INTER_AREA if size[0] < labels.shape[0] else cv2.INTER_LINEAR
    for number in np.unique(labels):
        plane = cv2.resize((labels == number).astype(np.float32), size[::-1], interpolation=way)
        larger = plane > best
        best[larger], chosen[larger] = plane[larger], number
    return chosen


def _resized_values(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    if pixels.shape[:2] == size:
        return pixels
    way = cv2.INTER_AREA if size[0] < pixels.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size[::-1], interpolation=way).reshape(*size, -1), dtype=np.float32)
