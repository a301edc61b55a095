"""Nine photographs of one real material, lens and flash together in nine places: from one, the other eight.

    python -m bench.capture.relighting --data DIR [--write]

DIR/eval/relight9/*/photos_3x3.* are predicted from the middle photograph alone, and from it and the mean of all nine as
the evenly lit one. The data set's nominal places are used. Photographs are rectified to the sample, so a camera there
sees the sample as a part of a larger picture of the plane.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import TypeAlias

import numpy as np

from bench import images, report
from bench.capture.scores import Answer, answer, exposure, lit, pictured, rmse, trivial_answer, verdict
from bench.measures import Image
from matshot.capture.oneshot import OneShotOptions, oneshot
from matshot.capture.twoshot import TwoShotOptions, twoshot
from matshot.image.color import Pixels, linear_from_srgb, srgb_from_linear
from matshot.shading.render import Camera
from matshot.shading.surface import Surface

NAME = "capture.relighting"

#: Mean errors that the tools may leave.
_WANTED = {"one-shot": 0.13, "two-shot": 0.11}

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


#: Where each was taken, right and up of the sample's middle, in steps, in reading order; their highlights show it.
PLACES = ((0, 0), (1, 1), (-1, -1), (-1, 1), (1, -1), (0, 1), (0, -1), (-1, 0), (1, 0))

#: Roughness of the flat surfaces of which the best is a bound for all that know no relief.
_ROUGHNESSES = np.arange(0.1, 1.0, 0.1)


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


def error(grid: Image, predict: Predictor) -> float:
    """Mean over eight photographs of the RMSE (display-encoded) of their prediction from the one above the middle.

    Args:
        grid: nine square photographs in three rows, display-encoded.
        predict: makes the predictions.
    """
    middle, *others = cells(grid)
    seen_by = predict(middle, camera_at(PLACES[0], middle.shape[0]))
    cameras = [camera_at(place, middle.shape[0]) for place in PLACES[1:]]
    return float(np.mean([rmse(seen_by(camera), cell) for camera, cell in zip(cameras, others, strict=True)]))


def cells(grid: Image) -> list[Image]:
    """The nine photographs of a grid, in reading order."""
    side = grid.shape[0] // _CELLS
    corners = [(y * side, x * side) for y in range(_CELLS) for x in range(_CELLS)]
    return [grid[top : top + side, left : left + side] for top, left in corners]


def predicted(found: Answer, photograph: Pixels, camera: Camera) -> Callable[[Camera], Pixels]:
    """What maps look like from elsewhere, exposed as the photograph that they were made of.

    Args:
        found: the maps.
        photograph: display-encoded.
        camera: that took it, with its flash at the lens.
    """
    brightness = exposure(lit(found, camera, camera.position), photograph)
    return lambda other: pictured(brightness * lit(found, other, other.position))


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    paths = sorted((options.data / "eval" / "relight9").glob("*/photos_3x3.*"))[: options.limit]
    errors: dict[str, list[float]] = {}
    for path in paths:
        grid = images.read_image(path).astype(np.float32)
        photographs = cells(grid)
        even = srgb_from_linear(np.mean([linear_from_srgb(cell) for cell in photographs], axis=0, dtype=np.float32))
        predictors: dict[str, Predictor] = {
            "the photograph that went in": lambda photograph, _: lambda _: photograph,
            "trivial answer": _by(lambda photograph: Answer(trivial_answer(photograph))),
            "one-shot": _by(_captured),
            "two-shot": _by(lambda photograph, even=even: _captured(photograph, even)),
        }
        for title, predict in predictors.items():
            errors.setdefault(title, []).append(error(grid, predict))
            report.say(f"{path.parent.name}: {title} {errors[title][-1]:.3f}")
        flat = [error(grid, _by(lambda _, found=found: found)) for found in map(_flat, repeat(even), _ROUGHNESSES)]
        errors.setdefault("flat, of the best roughness", []).append(min(flat))
    rows = [[title, *(f"{value:.3f}" for value in [*found, np.mean(found)])] for title, found in errors.items()]
    verdicts = [
        f"{title}, at most {wanted}: {verdict(float(np.mean(errors[title])) <= wanted)}"
        for title, wanted in _WANTED.items()
    ]
    text = (
        "Real photographs (`relight9`): the middle one of nine in, lens and flash together above it, the other eight "
        "predicted from their nominal positions. RMSE (sRGB), one exposure, fitted on the photograph that went in. "
        "Two-shot gets the mean of all nine as its evenly lit photograph. The last row knows that mean and the best "
        f"one of {len(_ROUGHNESSES)} roughnesses, and bounds what no relief can pass. "
        f"Wanted: {'; '.join(verdicts)}.\n\n"
        f"{report.table(['method', *(path.parent.name for path in paths), 'mean'], rows)}\n\n"
        f"{report.conditions(report.command(NAME, options))}"
    )
    return report.Section(NAME, "Photo to material: predicted photographs", text)


def _by(made: Callable[[Pixels], Answer]) -> Predictor:
    """Predicts by the maps that are made of a photograph."""
    return lambda photograph, camera: predicted(made(photograph), photograph, camera)


def _captured(photograph: Pixels, even: Pixels | None = None) -> Answer:
    """What the tools make of a photograph, or of it and an evenly lit one."""
    with tempfile.TemporaryDirectory() as folder:
        flash, ambient = (Path(folder) / name for name in ("flash.png", "ambient.png"))
        images.write_image(flash, photograph)
        if even is None:
            return answer(lambda: oneshot(flash, OneShotOptions(fov=FOV, threads=report.THREADS)))
        images.write_image(ambient, even)
        settings = TwoShotOptions(fov=FOV, full=True, threads=report.THREADS)
        return answer(lambda: twoshot(flash, ambient, settings))


def _flat(even: Pixels, roughness: float) -> Answer:
    return Answer(Surface.of(linear_from_srgb(even), roughness=float(roughness)))


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__))
