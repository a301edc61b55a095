"""Real photographs: what of the lamp is left in their maps, and contact sheets for a person to judge.

    python -m bench.capture.real --data DIR [--out DIR] [--only WORD] [--refine] [--size N] [--write]

One sheet for each photograph in DIR/eval/flash and DIR/eval/flash_256, and for the towel from one photograph and from
two: photograph, re-rendering, four novel lights, maps. ``all.png`` shows all of them below each other: photograph, base
color, normal, roughness, metallic, and the material under a lamp at its upper right corner. The table has what of the
lamp is left, see :mod:`bench.capture.rings`, and holds for surfaces that are alike all over. The photographs may not be
published, so the sheets go to the given folder alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path
from typing import get_args

import numpy as np

from bench import images, report
from bench.capture.photographs import NOVEL
from bench.capture.rings import Rings, rings
from bench.capture.scores import Answer, answer, exposure, lit, pictured, psnr
from matshot.capture.oneshot import OneShotOptions, oneshot
from matshot.capture.photograph import resized
from matshot.capture.twoshot import TwoShotOptions, twoshot
from matshot.errors import MatshotError
from matshot.image.color import Pixels
from matshot.material.types import MapKind, Material
from matshot.shading.preview import map_picture
from matshot.shading.render import Camera
from matshot.shading.sheet import fitted_picture, labeled_row, sheet

NAME = "capture.real"

#: What the table shows, for its readers.
MEANING = (
    "Phone photographs with flash. Residue is the largest CIELAB distance of a ring's mean base color from the median "
    "ring; slopes are those in the middle over those outside, and their deviation. The figures mean something for "
    "surfaces that look alike all over, such as those of `flash`; `flash_256` has carvings and signs as well. "
    "Wanted: residue 3 on average and at most 6, metallic below 0.2, slopes middle/outside 0.6 to 1.7."
)

#: Columns of every picture on a photograph's sheet.
_WIDTH = 320
#: Columns of every picture on the sheet of all photographs.
_SMALL = 200
#: Lamp of the previews: right and up of the middle, and above, in longer sides.
PREVIEW = (0.45, 0.4, 0.55)
#: Percentile of brightness that previews show as light gray.
_BRIGHT = 97
#: Linear value of that gray.
_LEVEL = 0.75

#: What photographs end in.
_SUFFIXES = (".jpg", ".png")


def add_options(options: argparse.ArgumentParser) -> None:
    """What every benchmark of these photographs takes."""
    options.add_argument("--out", type=Path, metavar="DIR", help="folder for the sheets; without it there are none")
    options.add_argument("--only", default="", metavar="WORD", help="only photographs with this in their name")
    options.add_argument(
        "--size", type=int, default=0, metavar="N", help="longer side that photographs are worked on at"
    )


def command(name: str, chosen: argparse.Namespace) -> str:
    """The command that makes a section of these photographs as it was made."""
    parts = [report.command(name, chosen)]
    parts += [f"--size {chosen.size}"] if chosen.size else []
    parts += [f"--only '{chosen.only}'"] if chosen.only else []
    return " ".join(parts)


def flash_photographs(data: Path) -> dict[str, Path]:
    """By name, the flash photographs in ``data/eval``."""
    return {
        f"{folder} {path.stem}": path
        for folder in ("flash", "flash_256")
        for path in sorted((data / "eval" / folder).glob("*"))
        if path.suffix in _SUFFIXES
    }


def captures(data: Path, *, refine: bool, size: int) -> dict[str, tuple[Path, Callable[[], Material]]]:
    """By name, the photographs in ``data/eval`` that are rendered again, and what makes a material of each."""
    one = OneShotOptions(refine=refine, size=size)
    found: dict[str, tuple[Path, Callable[[], Material]]] = {
        name: (path, lambda path=path: oneshot(path, one)) for name, path in flash_photographs(data).items()
    }
    flash, ambient = (data / "eval" / "twoshot_towel" / name for name in ("point.jpg", "ambient.jpg"))
    if flash.exists():
        found["towel from one"] = (flash, lambda: oneshot(flash, one))
        found["towel from two"] = (flash, lambda: twoshot(flash, ambient, TwoShotOptions(full=True, size=size)))
    return found


def contact_sheet(name: str, path: Path, material: Material, found: Answer) -> Pixels:
    """Photograph, re-rendering, novel lights and maps, display-encoded ``H x W x 3``.

    Args:
        name: title of the sheet.
        path: of the photograph that the maps stand for, all or a part of it.
        material: that was made of it.
        found: the same as an answer.
    """
    photograph, camera = _photograph(path, material, found)
    again = lit(found, camera, camera.position)
    brightness = exposure(again, photograph)
    pictures = [photograph, pictured(brightness * again)]
    pictures += [pictured(brightness * lit(found, camera, position)) for position in NOVEL]
    labels = ["photograph", f"rendered again, {psnr(pictures[1], photograph):.1f} dB"]
    labels += ["lamp at {:g}, {:g}, {:g}".format(*position) for position in NOVEL]
    kinds: list[MapKind] = [kind for kind in get_args(MapKind) if kind in material.maps]
    maps = [map_picture(kind, material.maps[kind]) for kind in kinds]
    high = round(_WIDTH * photograph.shape[0] / photograph.shape[1])
    rows = [labeled_row([fitted_picture(each, _WIDTH, high) for each in pictures], labels)]
    rows.append(labeled_row([fitted_picture(each, _WIDTH, high) for each in maps], [str(kind) for kind in kinds]))
    facts = f"{material.width} x {material.height} px, {found.seconds:.0f} s"
    return sheet(rows, name, "; ".join(one.rstrip(".") for one in [facts, *material.parameters.get("notes", [])]))


def row_of_all(name: str, path: Path, material: Material, found: Answer) -> Pixels:
    """Photograph, maps and preview in small, with the figures."""
    photograph, camera = _photograph(path, material, found)
    radiance = lit(found, camera, PREVIEW)
    preview = exposed(radiance)
    kinds: list[MapKind] = ["basecolor", "normal", "roughness", "metallic"]
    pictures = [photograph, *(map_picture(kind, material.maps[kind]) for kind in kinds), preview]
    high = round(_SMALL * photograph.shape[0] / photograph.shape[1])
    figures = rings(found.surface)
    labels = [name, f"residue {figures.residue:.1f}", f"slopes {figures.slopes:.2f}, {figures.relief:.3f}"]
    labels += [f"range {figures.roughness:.2f}", f"metallic {figures.metallic:.2f}", "lit from the upper right"]
    return labeled_row([fitted_picture(each, _SMALL, high) for each in pictures], labels)


def exposed(radiance: Pixels) -> Pixels:
    """Radiance as a preview shows it: nearly its brightest is light gray."""
    return pictured(radiance * np.float32(_LEVEL / max(float(np.percentile(radiance.mean(axis=2), _BRIGHT)), 1e-6)))


def _photograph(path: Path, material: Material, found: Answer) -> tuple[Pixels, Camera]:
    """The part of the photograph, as large as it was worked on, that the maps stand for; and the camera of all."""
    whole = images.as_rgb(images.read_image(path)).astype(np.float32)
    size = material.parameters["size"]
    if size and max(whole.shape) > size:
        scale = size / max(whole.shape)
        whole = resized(whole, (round(whole.shape[1] * scale), round(whole.shape[0] * scale)))
    return whole[found.place], Camera(whole.shape[1], whole.shape[0], material.parameters["fov"])


def table(figures: dict[str, tuple[Rings, float]]) -> str:
    """What of the lamp is left, photograph by photograph and in the mean."""
    header = ["photograph", "residue, dE", "metallic", "slopes middle/outside", "roughness range", "slopes", "s"]
    digits = (1, 2, 2, 2, 3, 1)
    values = {name: (*astuple(found), seconds) for name, (found, seconds) in figures.items()}
    every = np.array(list(values.values()))
    values |= {"mean": tuple(every.mean(axis=0)), "largest": tuple(every.max(axis=0))}
    rows = [[name, *map(report.number, row, digits)] for name, row in values.items()]
    return report.table(header, rows)


def measure(chosen: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    every = captures(chosen.data, refine=chosen.refine, size=chosen.size)
    figures: dict[str, tuple[Rings, float]] = {}
    rows: list[Pixels] = []
    names = [name for name in every if chosen.only in name][: chosen.limit]
    if not names:
        raise SystemExit(f"{chosen.data}/eval has no photograph with {chosen.only!r} in its name")
    for name in names:
        path, capture = every[name]
        start = time.perf_counter()
        try:
            material = capture()
        except MatshotError as refusal:
            report.say(f"{name} is refused: {refusal}")
            continue
        seconds = time.perf_counter() - start
        found = replace(answer(lambda material=material: material), seconds=seconds)
        figures[name] = rings(found.surface), found.seconds
        report.say(name)
        if chosen.out is not None:
            images.write_image(chosen.out / f"{name}.png", contact_sheet(name, path, material, found))
            rows.append(row_of_all(name, path, material, found))
    if rows:
        images.write_image(chosen.out / "all.png", sheet(rows, "Real photographs"))
    text = f"{MEANING}\n\n{table(figures)}\n\n{report.conditions(command(NAME, chosen))}"
    return report.Section(NAME, "Photo to material: what of the lamp is left in real photographs", text)


def main() -> None:
    """Measure, and write the sheets."""
    options = report.parser(__doc__)
    add_options(options)
    options.add_argument("--refine", action="store_true", help="refine what is made of one photograph")
    report.run_alone(measure, options)


if __name__ == "__main__":
    main()
