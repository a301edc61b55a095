"""What each step of one photograph's way to a material is worth: every row leaves one of them out.

    python -m bench.capture.ablations --data DIR [--photographs DIR] [--write]
    python -m bench.capture.ablations --data DIR --real [--write]

The first on every second material of DIR/materials/val, photographed by Mitsuba (see :mod:`bench.capture.photographs`),
the second on the flash photographs in DIR/eval/flash, which show surfaces that are alike all over.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from bench import report
from bench.capture import photographs as capture_photographs
from bench.capture.photographs import Photographed
from bench.capture.real import flash_photographs
from bench.capture.rings import rings
from bench.capture.scores import Answer, answer, comparison
from matshot.capture import composition, lamp
from matshot.capture.composition import Composed
from matshot.capture.flattening import Flattened
from matshot.capture.lamp import Lamp
from matshot.capture.oneshot import OneShotOptions, oneshot
from matshot.image.color import Pixels
from matshot.shading.surface import Surface

NAME = "capture.ablations"
REAL = "capture.ablations_real"

_ALL = "**all of it**"
#: Longer side that real photographs are worked on at: there are many rows.
_REAL_SIZE = 512


def _at_the_lens(*args: Any) -> Lamp:
    """The lamp that papers assume, as bright as the fitted one."""
    found = lamp.fitted_lamp(*args)
    at = (0.0, 0.0, found.position[2])
    return replace(found, position=at, falloff=0.0, tilt=(0.0, 0.0), anisotropy=(0.0, 0.0))


def _as_predicted(predicted: Surface, _evenly: Surface, flat: Flattened, *_: object, **__: object) -> Composed:
    return Composed(predicted, np.ones(flat.hole.shape, np.float32))


def _of_one_prediction(predicted: Surface, evenly: Surface, *rest: Any, **options: Any) -> Composed:
    return composition.composed_surface(predicted, predicted, *rest, **options)


def _nothing(*_: object, **__: object) -> None:
    """Where something would be found."""


def _left_in(flat: Flattened, *_: object) -> Pixels:
    return flat.color


def _the_same(given: Any, *_: object, **__: object) -> Any:
    return given


#: By row, what stands in for which function or constant.
_WITHOUT: dict[str, dict[str, Any]] = {
    _ALL: {},
    "lamp at the lens, even, no tilt": {"oneshot.fitted_lamp": _at_the_lens},
    "what the lamp leaves unexplained stays": {"flattening._unexplained": lambda left, *_: np.zeros_like(left)},
    "highlights keep their contrast": {
        "flattening.with_even_contrast": _the_same,
        "composition.with_even_contrast": _the_same,
    },
    "nothing is filled": {"oneshot.filled": _the_same},
    "relief is not strengthened": {"composition.slope_strength": lambda *_: 1.0, "composition.seen_relief": _nothing},
    "windows do not tell relief": {"composition.seen_relief": _nothing},
    "no network for relief alone": {"oneshot.read_relief": _nothing},
    "relief read in patches counts": {"relief_reading.patchiness": lambda *_: 0.0},
    "a print may be read as relief": {"composition.shading_there_is": _nothing},
    "doubtful relief at full strength": {"composition.agreement": lambda *_: 1.0},
    "shading stays in the base color": {"composition.without_shading": _left_in},
    "glints stay in the base color": {"composition.without_glints": _the_same},
    "what was filled is as steep as it is read": {"composition.as_steep_in_holes": _the_same},
    "narrow highlights as they are fitted": {"composition._CAUTION": 0.0},
    "base color of the lamp's fit where highlights are widened": {"composition._TAIL": 0.0},
    "one prediction instead of two": {"oneshot.composed_surface": _of_one_prediction},
    "the network's maps as they are": {"oneshot.composed_surface": _as_predicted},
}


@contextmanager
def _without(name: str) -> Iterator[None]:
    with ExitStack() as stack:
        for place, other in _WITHOUT[name].items():
            stack.enter_context(patch(f"matshot.capture.{place}", other))
        yield


def _method(name: str) -> Callable[[Photographed], Answer]:
    def method(subject: Photographed) -> Answer:
        settings = OneShotOptions(fov=subject.camera.fov, threads=report.THREADS)
        with _without(name):
            return answer(lambda: oneshot(subject.flash_path, settings))

    return method


def measure(options: argparse.Namespace) -> report.Section:
    """On photographs whose truth is known."""
    subjects = capture_photographs.photographed(options)[::2]
    compared = comparison({name: _method(name) for name in _WITHOUT}, subjects)
    rows = [
        [name, *map(report.number, (one.normals / one.flat, one.roughness, one.base_color, one.novel), (3, 3, 4, 4))]
        for name, one in compared.means.items()
    ]
    header = ["without", "normals of flat", "roughness", "base color", "novel lights"]
    text = (
        f"Means over {', '.join(compared.answered)}, as in the table of one photograph. Normals: mean angle as a share "
        f"of flat normals'.\n\n{report.table(header, rows)}\n\n{report.conditions(report.command(NAME, options))}"
    )
    return report.Section(NAME, "One photograph to a material: what each step is worth", text)


def measure_real(options: argparse.Namespace) -> report.Section:
    """On real photographs."""
    paths = {name: path for name, path in flash_photographs(options.data).items() if name.startswith("flash ")}
    rows = [[name, *_real_cells(name, list(paths.values())[: options.limit])] for name in _WITHOUT]
    header = ["without", "residue, dE", "worst", "slopes middle/outside", "least", "most", "range of roughness"]
    text = (
        f"Means over {len(paths)} flash photographs of surfaces that are alike all over, at {_REAL_SIZE} px: what of "
        "the lamp is left in base color, slopes and roughness.\n\n"
        f"{report.table(header, rows)}\n\n{report.conditions(report.command(NAME, options) + ' --real')}"
    )
    return report.Section(REAL, "Real photographs: what each step is worth", text)


def _real_cells(name: str, paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        report.say(f"{path.stem}: {name}")
        with _without(name):
            settings = OneShotOptions(size=_REAL_SIZE, threads=report.THREADS)
            found.append(astuple(rings(answer(lambda path=path, settings=settings: oneshot(path, settings)).surface)))
    residue, _, slopes, roughness, _ = np.array(found).T
    figures = (residue.mean(), residue.max(), slopes.mean(), slopes.min(), slopes.max(), roughness.mean())
    return [report.number(float(value), digits) for value, digits in zip(figures, (1, 1, 2, 2, 2, 3), strict=True)]


def main() -> None:
    """Measure."""
    options = capture_photographs.parser(__doc__)
    options.add_argument("--real", action="store_true", help="on real photographs")
    report.run_alone(lambda chosen: (measure_real if chosen.real else measure)(chosen), options)


if __name__ == "__main__":
    main()
