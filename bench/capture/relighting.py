"""Nine photographs of one real material, lens and flash together in nine places: from one, the other eight.

The data set's nominal places are used. Photographs are rectified to the sample, so a camera there sees the sample as a
part of a larger picture of the plane.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from bench.capture.scores import Answer, exposure, lit, pictured, rmse
from bench.measures import Image
from matshot.image.color import Pixels
from matshot.shading.render import Camera

#: The sample's side, and how far lens and flash were above it and aside of its middle, in cm.
_SAMPLE = 6.848
_ABOVE = 16.0
_ASIDE = 3.0
#: Photographs on a side of the grid that the file holds.
_CELLS = 3
#: Side of what a camera sees, in samples: enough for one that stands above the edge.
_SEEN = 4

#: Degrees that the sample spans for the camera above its middle.
FOV = float(2 * np.degrees(np.arctan2(_SAMPLE / 2, _ABOVE)))

#: From the photograph taken above the middle and its camera, what a camera sees by its own flash (display-encoded).
Predictor: TypeAlias = Callable[[Pixels, Camera], Callable[[Camera], Pixels]]


@dataclass(frozen=True)
class Layout:
    """Which photograph of the grid was taken from which place.

    Attributes:
        title: of the layout.
        places: right and up of the sample's middle, in steps, in reading order.
    """

    title: str
    places: tuple[tuple[int, int], ...]


#: Where the highlights are: in the middle, towards four corners, towards four edges.
CAPTURED = Layout("as captured", ((0, 0), (1, 1), (-1, -1), (-1, 1), (1, -1), (0, 1), (0, -1), (-1, 0), (1, 0)))
#: The grid as a map of the places.
LISTED = Layout("as listed", tuple((x, y) for y in (1, 0, -1) for x in (-1, 0, 1)))


def camera_at(place: tuple[int, int], side: int) -> Camera:
    """The camera of one rectified photograph.

    Args:
        place: right and up of the sample's middle, in steps.
        side: of the photograph, in pixels.
    """
    right, up = (round(step * _ASIDE * side / _SAMPLE) for step in place)
    seen = _SEEN * side
    corner = ((seen - side) // 2 + up, (seen - side) // 2 - right)
    fov = 2 * np.degrees(np.arctan2(_SEEN * _SAMPLE / 2, _ABOVE))
    return Camera(side, side, float(fov), photograph=(seen, seen), corner=corner)


def error(grid: Image, layout: Layout, predict: Predictor) -> float:
    """Mean over eight photographs of the RMSE (display-encoded) of their prediction from the one above the middle.

    Args:
        grid: nine square photographs in three rows, display-encoded.
        layout: which is which.
        predict: makes the predictions.
    """
    side = grid.shape[0] // _CELLS
    corners = [(y * side, x * side) for y in range(_CELLS) for x in range(_CELLS)]
    cells = [grid[top : top + side, left : left + side] for top, left in corners]
    seen_by = predict(cells[layout.places.index((0, 0))], camera_at((0, 0), side))
    others = [(cell, place) for cell, place in zip(cells, layout.places, strict=True) if place != (0, 0)]
    return float(np.mean([rmse(seen_by(camera_at(place, side)), cell) for cell, place in others]))


def predicted(found: Answer, photograph: Pixels, camera: Camera) -> Callable[[Camera], Pixels]:
    """What maps look like from elsewhere, exposed as the photograph that they were made of.

    Args:
        found: the maps.
        photograph: display-encoded.
        camera: that took it, with its flash at the lens.
    """
    brightness = exposure(lit(found, camera, camera.position), photograph)
    return lambda other: pictured(brightness * lit(found, other, other.position))
