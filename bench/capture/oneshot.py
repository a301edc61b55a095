"""One photograph to a material: the trivial answer, the network, and what refining it brings.

    python -m bench.capture.oneshot --data DIR [--photographs DIR] [--skip-slow] [--write]

Prints tables over DIR/materials/val, photographed by Mitsuba (see :mod:`bench.capture.photographs`). ``--skip-slow``
leaves out refining, which every third material is enough for.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import images, measures, report
from bench.capture import photographs as capture_photographs
from bench.capture.photographs import Photographed
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
from matshot.image.color import linear_from_srgb
from matshot.progress import Progress

NAME = "capture.oneshot"
TOOL = "Matshot"
REFINED = "Matshot `--refine`"
BARS = Bars(normals=0.82, roughness=0.11, base_color=0.033, novel=0.060)

#: Side of the photograph that the tool is timed on, in pixels, and the seconds that it may take.
_TIMED_SIDE = 1024
_SECONDS = 10


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


if __name__ == "__main__":
    report.run_alone(measure, capture_photographs.parser(__doc__))
