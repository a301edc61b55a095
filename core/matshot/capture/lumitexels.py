"""What every pixel of the master tile looks like under the flash from many directions, found elsewhere on the surface.

A pixel's lumitexel is put together from its likes: in every other tile the pixel whose surroundings in the ambient
photograph, which both were lit alike in, match best (Aittala, Weyrich and Lehtinen 2015, "Two-Shot SVBRDF Capture for
Stationary Materials", section 4.1). The paper compares binary descriptors; these are real-valued and short, so that
all pairs can be compared as a matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import MatshotError
from ..image.color import Mask, Pixels
from ..progress import Progress
from ..shading.render import Camera
from .shading import softened
from .tiles import Tile

Indices = NDArray[np.int32]

#: Deviations in pixels of the Gaussians through which the guide is seen.
_SCALES = (0.7, 1.4, 2.8, 5.6)
#: Samples on each side of a descriptor's center, and how far apart they are, in deviations.
_REACH = 2
_SPACING = 1.5
#: Weight of a scale's color against its luminance pattern.
_COLOR_WEIGHT = 0.25
#: Values that a descriptor is compressed to.
_DIMENSIONS = 16
#: Descriptors from which the compression is learnt.
_LEARNT_FROM = 20000
#: Gaussian that stands for the guide's uneven light, as a share of the longer side.
_UNEVEN = 0.1
#: What is added to linear values before their logarithm is taken.
_FLOOR = 0.01
#: Cost of a source pixel for every time that it is used more than on average, in median distances.
_OVERUSE = 0.1
#: Pairs of pixels of a master tile and another tile up to which every second of both are compared, all with all.
_MOST_PAIRS = 4e9
#: Master pixels that are compared at once: their distances to one tile stay in the cache.
_BAND = 512
#: Range of the correction of a lumitexel by the guide.
_LEAST_RATIO = 0.4
_MOST_RATIO = 2.5
#: A match nearer to the pixel than this, in pixels, is the pixel itself.
_SELF = 3

_UNUSABLE = "Nothing in the photographs is usable: all of it is black, saturated or outside."


@dataclass(frozen=True)
class Matches:
    """Where the likes of the master tile's pixels are, one in each tile.

    Attributes:
        tiles: that were searched, K.
        rows: ``H x W x K``, in the photograph.
        columns: likewise.
        distance: ``H x W x K``, between descriptors, whose variance is 1; infinite where there is no match.
    """

    tiles: tuple[Tile, ...]
    rows: Indices
    columns: Indices
    distance: Pixels


@dataclass(frozen=True)
class Lumitexels:
    """The flash values of the master tile's pixels under many directions; the first is the pixel's own.

    Attributes:
        tiles: where all but the first were seen, K - 1.
        values: ``H x W x K x 3``, linear.
        rows: ``H x W x K``: where in the photograph each was seen.
        columns: likewise.
        weight: ``H x W x K``, [0, 1]: how far each can be trusted; 0 where it is unknown.
    """

    tiles: tuple[Tile, ...]
    values: Pixels
    rows: Indices
    columns: Indices
    weight: Pixels

    def positions(self, camera: Camera) -> Pixels:
        """Points of the plane where each was seen, ``H x W x K x 3``."""
        x, y = camera.axes()
        points = np.zeros((*self.rows.shape, 3), dtype=np.float32)
        points[..., 0], points[..., 1] = x[self.columns], y[self.rows]
        return points


def neighborhood_descriptors(guide: Pixels, mask: Mask, seed: int = 0) -> Pixels:
    """A short vector for the surroundings of every pixel.

    At four scales, log luminance at 5 x 5 points and log chroma in the middle, without what is uneven over large
    distances, each scale brought to the same contrast; compressed to their 16 principal components.

    Args:
        guide: ``H x W x 3``, linear, evenly lit.
        mask: ``H x W``, where it is usable.
        seed: of the choice of samples.

    Returns:
        ``H x W x 16``, variance 1 in sum.

    Raises:
        MatshotError: for a guide that is the same everywhere, or of which nothing is usable.
    """
    if not mask.any():
        raise MatshotError(_UNUSABLE)
    height, width = mask.shape
    log = np.log(np.maximum(guide, 0) + np.float32(_FLOOR))
    planes = np.stack([log.mean(axis=2), log[..., 0] - log[..., 1], log[..., 2] - log[..., 1]], axis=2)
    planes -= softened(planes, _UNEVEN * max(height, width))
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(mask)
    chosen = np.unravel_index(rng.choice(known, min(_LEARNT_FROM, known.size), replace=False), mask.shape)
    layers = []
    for sigma in _SCALES:
        seen = softened(planes, sigma)
        contrast = np.maximum(seen[chosen].std(axis=0), 1e-6)
        if max(contrast) <= 1e-6:
            raise MatshotError("The ambient photograph is the same everywhere, so nothing in it can be recognized.")
        # Both chroma planes share a contrast, or the noise of a gray surface would count as color.
        seen[..., 0] /= contrast[0]
        seen[..., 1:] *= _COLOR_WEIGHT / max(contrast[1:].max(), 0.2 * contrast[0])
        layers.append((seen, max(1, round(_SPACING * sigma))))
    sample = np.concatenate([values[chosen] for values in _samples(layers)], axis=1)
    mean = sample.mean(axis=0)
    deviation, axes = np.linalg.svd(sample - mean, full_matrices=False)[1:]
    axes = axes[:_DIMENSIONS].T * np.float32(np.sqrt(len(sample)) / np.sqrt(np.square(deviation).sum()))
    result = np.zeros((height, width, axes.shape[1]), dtype=np.float32)
    start = 0
    for values in _samples(layers):
        part = slice(start, start + values.shape[2])
        result += (values - mean[part]) @ axes[part]
        start = part.stop
    return result


def _samples(layers: list[tuple[Pixels, int]]) -> Iterator[Pixels]:
    """For every layer the pattern and the color of each pixel's surroundings, ``H x W x F``."""
    offsets = range(-_REACH, _REACH + 1)
    for seen, step in layers:
        margin = _REACH * step
        height, width = seen.shape[:2]
        padded = np.pad(seen[..., 0], margin, mode="reflect")
        pattern = np.empty((height, width, len(offsets) ** 2), dtype=np.float32)
        for index, (down, right) in enumerate((i, j) for i in offsets for j in offsets):
            nearness = np.exp(-(down**2 + right**2) / (2 * _REACH**2))
            top, left = margin + down * step, margin + right * step
            pattern[..., index] = np.float32(nearness / len(offsets)) * padded[top : top + height, left : left + width]
        yield pattern
        yield seen[..., 1:]


def best_matches(
    descriptors: Pixels,
    mask: Mask,
    master: Tile,
    tiles: Sequence[Tile],
    seed: int = 0,
    progress: Progress | None = None,
) -> Matches:
    """For every pixel of the master tile, its like in each tile.

    Every second pixel both ways, or fewer in large tiles, is compared with as many of the tile, twice: the second time
    source pixels cost the more the oftener the first had chosen them, so that no pixel is overused. The pixels between,
    and then all, try what their neighbors found, shifted along, and its surroundings (after PatchMatch, Barnes et al.
    2009).

    Args:
        descriptors: ``H x W x D`` of the whole photograph.
        mask: ``H x W``; pixels outside are no one's like.
        master: the tile whose pixels are looked for.
        tiles: where; those without usable pixels are left out.
        seed: of the random search.
        progress: told after every tile.

    Raises:
        MatshotError: if no tile has usable pixels.
        Cancelled: when the listener says so.
    """
    tiles = tuple(tile for tile in tiles if mask[tile.rows, tile.columns][::2, ::2].any())
    if not tiles:
        raise MatshotError(_UNUSABLE)
    rng = np.random.default_rng(seed)
    sought = descriptors[master.rows, master.columns]
    shape = (master.height, master.width, len(tiles))
    rows, columns, distance = np.empty(shape, np.int32), np.empty(shape, np.int32), np.empty(shape, np.float32)
    for index, tile in enumerate(tiles):
        pairs = master.height * master.width * tile.height * tile.width
        step = max(2, round((pairs / _MOST_PAIRS) ** 0.25))
        coarse = _coarse_matches(sought[::step, ::step], descriptors, mask, tile, step)
        rows[..., index], columns[..., index], distance[..., index] = _refined(
            sought, descriptors, mask, tile, coarse, step, rng
        )
        if progress is not None:
            progress((index + 1) / len(tiles))
    return Matches(tiles, rows, columns, distance)


def _coarse_matches(sought: Pixels, descriptors: Pixels, mask: Mask, tile: Tile, step: int) -> tuple[Indices, Indices]:
    """Rows and columns of the likes of ``h x w`` descriptors among pixels of a tile that are so far apart."""
    height, width, dimensions = sought.shape
    offered = descriptors[tile.rows, tile.columns][::step, ::step]
    across = offered.shape[1]
    usable = mask[tile.rows, tile.columns][::step, ::step].reshape(-1)
    # |a - b|^2 = |a|^2 - 2 a.b + |b|^2, of which the first does not matter and the last is one more dimension.
    left = np.concatenate([-2 * sought.reshape(-1, dimensions), np.ones((height * width, 1), np.float32)], axis=1)
    flat = offered.reshape(-1, dimensions)
    right = np.concatenate([flat, np.square(flat).sum(axis=1, keepdims=True)], axis=1)
    right[~usable, -1] = np.inf
    right = np.ascontiguousarray(right.T)
    chosen = np.empty(height * width, dtype=np.int64)
    squared = np.empty(height * width, dtype=np.float32)
    for attempt in range(2):
        for start in range(0, chosen.size, _BAND):
            table = left[start : start + _BAND] @ right
            best = table.argmin(axis=1)
            chosen[start : start + _BAND] = best
            squared[start : start + _BAND] = table[np.arange(len(best)), best]
        if attempt == 0:
            typical = float(np.median(squared + np.square(left[:, :-1] / 2).sum(axis=1)))
            uses = np.bincount(chosen, minlength=len(flat))
            right[-1] += np.float32(_OVERUSE * typical) * np.maximum(uses - uses.mean(), 0)
    row, column = np.divmod(chosen.reshape(height, width), across)
    return (tile.row + step * row).astype(np.int32), (tile.column + step * column).astype(np.int32)


def _refined(
    sought: Pixels,
    descriptors: Pixels,
    mask: Mask,
    tile: Tile,
    coarse: tuple[Indices, Indices],
    step: int,
    rng: np.random.Generator,
) -> tuple[Indices, Indices, Pixels]:
    """Rows, columns and distances for all pixels, from those of pixels that are so far apart."""
    height, width = sought.shape[:2]
    down, right = np.mgrid[:height, :width].astype(np.int32)
    best = np.full((height, width), np.inf, dtype=np.float32)
    rows, columns = np.full_like(down, tile.row), np.full_like(right, tile.column)

    def attempt(row: Indices, column: Indices) -> None:
        row = np.clip(row, tile.row, tile.row + tile.height - 1)
        column = np.clip(column, tile.column, tile.column + tile.width - 1)
        difference = sought - descriptors[row, column]
        squared = np.einsum("ijk,ijk->ij", difference, difference)
        better = (squared < best) & mask[row, column]
        np.copyto(best, squared, where=better)
        np.copyto(rows, row, where=better)
        np.copyto(columns, column, where=better)

    for step_down, step_right in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
        near = np.clip(down // step + step_down, 0, coarse[0].shape[0] - 1)
        beside = np.clip(right // step + step_right, 0, coarse[0].shape[1] - 1)
        attempt(coarse[0][near, beside] + down - step * near, coarse[1][near, beside] + right - step * beside)
    if step > 2:
        # What is right for one of the pixels between is right for many.
        for distance in (*range(step, 0, -1), 1):
            for step_down, step_right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                from_down = np.clip(down - distance * step_down, 0, height - 1)
                from_right = np.clip(right - distance * step_right, 0, width - 1)
                attempt(
                    rows[from_down, from_right] + down - from_down, columns[from_down, from_right] + right - from_right
                )
            shifts = rng.integers(-step, step + 1, (2, height, width), dtype=np.int32)
            attempt(rows + shifts[0], columns + shifts[1])
    for _ in range(2):
        shifts = rng.integers(-1, 2, (2, height, width), dtype=np.int32)
        attempt(rows + shifts[0], columns + shifts[1])
    # A pixel whose candidates were all masked keeps an infinite distance.
    return rows, columns, np.sqrt(best)


def matches_in_place(master: Tile, tiles: Sequence[Tile]) -> Matches:
    """What matching is to be compared with: the pixel at the same place of each tile, which repeats as needed."""
    down, right = np.mgrid[: master.height, : master.width].astype(np.int32)
    rows = np.stack([tile.row + down % tile.height for tile in tiles], axis=2)
    columns = np.stack([tile.column + right % tile.width for tile in tiles], axis=2)
    return Matches(tuple(tiles), rows, columns, np.ones(rows.shape, dtype=np.float32))


def transported_lumitexels(
    flash: Pixels, ambient: Pixels, mask: Mask, master: Tile, matches: Matches, *, relit: bool = True
) -> Lumitexels:
    """The flash values of the master tile's pixels, seen at their likes.

    Args:
        flash: ``H x W x 3``, linear, lit by the flash alone.
        ambient: ``H x W x 3``, linear: the guide.
        mask: ``H x W``, where both are usable.
        master: tile.
        matches: of its pixels.
        relit: multiply each by the ratio of the guide at the pixel to that at its like, which cancels small
            differences in color between them.

    Returns:
        With one lumitexel more than there are matches.
    """
    down, right = np.mgrid[master.rows, master.columns].astype(np.int32)
    rows = np.concatenate([down[..., np.newaxis], matches.rows], axis=2)
    columns = np.concatenate([right[..., np.newaxis], matches.columns], axis=2)
    values = flash[rows, columns]
    if relit:
        guide = np.maximum(ambient, 0) + np.float32(_FLOOR * max(float(ambient.mean()), 1e-6))
        ratio = guide[master.rows, master.columns][:, :, np.newaxis] / guide[rows, columns]
        values *= np.clip(ratio, _LEAST_RATIO, _MOST_RATIO)
    found = matches.distance[np.isfinite(matches.distance)]
    typical = max(float(np.median(found)) if found.size else 0.0, 1e-6)
    weight = np.concatenate(
        [np.ones((*down.shape, 1), np.float32), 1 / (1 + np.square(matches.distance / np.float32(typical)))], axis=2
    )
    itself = np.maximum(np.abs(matches.rows - down[..., None]), np.abs(matches.columns - right[..., None])) < _SELF
    weight[..., 1:][itself] = 0
    weight *= mask[rows, columns]
    return Lumitexels(matches.tiles, values, rows, columns, weight.astype(np.float32))
