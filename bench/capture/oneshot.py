"""One photograph to a material: the trivial answer, the network, and what refining it brings.

    python -m bench.capture.oneshot --data DIR [--photographs DIR] [--skip-slow] [--write]

Prints tables over DIR/materials/val, photographed by Mitsuba (see ``capture_photographs.py``), and over the real
photographs in DIR/eval/relight9. ``--skip-slow`` leaves out refining, which every third material is
enough for.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench import images, measures, report
from bench.capture import photographs as capture_photographs
from bench.capture.photographs import Photographed
from bench.capture.relighting import CAPTURED, FOV, LISTED, Predictor, predicted
from bench.capture.relighting import error as relighting_error
from bench.capture.scores import (
    MEANING,
    SATURATED,
    Answer,
    Bars,
    Method,
    answer,
    comparison,
    trivial,
    trivial_answer,
    true_maps,
    verdict,
)
from matshot.capture.oneshot import OneShotOptions, oneshot
from matshot.capture.refinement import refined
from matshot.image.color import Pixels, linear_from_srgb
from matshot.progress import Progress
from matshot.shading.render import Camera

NAME = "capture.oneshot"
TOOL = "Matshot"
REFINED = "Matshot `--refine`"
BARS = Bars(normals=0.75, roughness=0.15, base_color=0.042, novel=0.065)

#: Side of the photograph that the tool is timed on, in pixels, and the seconds that it may take.
_TIMED_SIDE = 1024
_SECONDS = 10

#: RMSE that predicted photographs must stay below.
_RELIT = 0.093


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    subjects = capture_photographs.photographed(options)
    flash: dict[str, Method] = {"trivial answer": trivial, "truth's own maps": true_maps}
    flash[TOOL] = _tool()
    even: dict[str, Method] = {"trivial answer": _trivial_even, TOOL: _tool_even}
    compared = comparison(flash, subjects)
    text = [
        report.conditions(report.command(NAME, options)),
        MEANING,
        compared.text(TOOL, BARS),
        *([] if options.skip_slow else _refining(subjects)),
        _timing(subjects[0]),
        "From the evenly lit photograph alone, `--light even`:",
        comparison(even, subjects).text(TOOL),
        *_relighting(options),
    ]
    return report.Section(NAME, "One photograph to a material", "\n\n".join(text))


def _tool(**chosen: Any) -> Method:
    def method(subject: Photographed) -> Answer:
        settings = OneShotOptions(fov=subject.camera.fov, threads=report.THREADS, **chosen)
        return answer(lambda: oneshot(subject.flash_path, settings))

    return method


def _tool_even(subject: Photographed) -> Answer:
    settings = OneShotOptions(light="even", fov=subject.camera.fov, threads=report.THREADS)
    return answer(lambda: oneshot(subject.ambient_path, settings))


def _trivial_refined(subject: Photographed) -> Answer:
    """What refining makes of the trivial answer, without the network."""
    start = time.perf_counter()
    surface = refined(
        trivial_answer(subject.flash),
        linear_from_srgb(subject.flash),
        subject.flash.max(axis=2) < SATURATED,
        subject.camera,
        threads=report.THREADS,
        progress=Progress(None),
    )
    return Answer(surface, seconds=time.perf_counter() - start)


def _trivial_even(subject: Photographed) -> Answer:
    return Answer(trivial_answer(images.read_image(subject.ambient_path).astype(np.float32)))


def _refining(subjects: list[Photographed]) -> list[str]:
    """What refining brings, on every third material: it takes half a minute for each."""
    some = subjects[::3]
    compared = comparison(
        {TOOL: _tool(), REFINED: _tool(refine=True), "trivial answer, refined": _trivial_refined}, some
    )
    plain, finer = compared.means[TOOL], compared.means[REFINED]
    return [
        f"With `--refine`, on {', '.join(subject.name for subject in some)}:",
        compared.text(REFINED),
        f"Refining takes the error under novel lights from {plain.novel:.4f} to {finer.novel:.4f} and the flash "
        f"photograph from {plain.flash:.2f} to {finer.flash:.2f} dB; wanted, less error: "
        f"{verdict(finer.novel < plain.novel)}.",
    ]


def _timing(subject: Photographed) -> str:
    report.say(f"{NAME}: seconds for {_TIMED_SIDE} px")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photograph.png"
        images.write_image(path, measures.resized(subject.flash, _TIMED_SIDE, _TIMED_SIDE).clip(0, 1))
        settings = OneShotOptions(fov=subject.camera.fov, threads=report.THREADS)
        seconds = min(answer(lambda: oneshot(path, settings)).seconds for _ in range(2))
    verdict = "ok" if seconds <= _SECONDS else "**FAILS**"
    return (
        f"{TOOL} takes {seconds:.1f} s for {_TIMED_SIDE} x {_TIMED_SIDE} px; wanted, at most {_SECONDS} s: {verdict}."
    )


def _relighting(options: argparse.Namespace) -> list[str]:
    """Text and table: one of nine photographs in, the other eight predicted."""
    paths = sorted((options.data / "eval" / "relight9").glob("*/photos_3x3.*"))[: options.limit]
    if not paths:
        return ["The data has no eval/relight9/*/photos_3x3.*."]
    predictors: dict[str, Predictor] = {
        "the photograph that went in": lambda photograph, _: lambda _: photograph,
        "trivial answer": lambda photograph, camera: predicted(Answer(trivial_answer(photograph)), photograph, camera),
        TOOL: _predicted,
    }
    errors: dict[tuple[str, str], list[float]] = {}
    for path in paths:
        grid = images.read_image(path).astype(np.float32)
        for layout in (CAPTURED, LISTED):
            for title, predict in predictors.items():
                report.say(f"{NAME}: {path.parent.name}, {layout.title}: {title}")
                errors.setdefault((title, layout.title), []).append(relighting_error(grid, layout, predict))
    rows = [[*key, *(f"{value:.3f}" for value in [*found, np.mean(found)])] for key, found in errors.items()]
    ours, other = (float(np.mean(errors[title, CAPTURED.title])) for title in (TOOL, "trivial answer"))
    return [
        "Real photographs (`relight9`): the middle one of nine in, lens and flash together above it, the other eight "
        "predicted from their nominal positions. RMSE (sRGB), one exposure, fitted on the photograph that went in; "
        f"wanted: below {_RELIT} and below the trivial answer's: {verdict(ours < min(_RELIT, other))}. Where each "
        "photograph was taken from shows in its highlight (*as captured*: middle, corners, edges); *as listed* takes "
        "the grid for a map of the positions, and so another photograph for the middle one.",
        report.table(["method", "positions", *(path.parent.name for path in paths), "mean"], rows, ("positions",)),
    ]


def _predicted(photograph: Pixels, camera: Camera) -> Callable[[Camera], Pixels]:
    """What the tool makes of a photograph, seen from elsewhere."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photograph.png"
        images.write_image(path, photograph)
        found = answer(lambda: oneshot(path, OneShotOptions(fov=FOV, threads=report.THREADS)))
    return predicted(found, photograph, camera)


if __name__ == "__main__":
    report.run_alone(measure, capture_photographs.parser(__doc__))
