"""Contact sheets of real photographs, for a person to judge: photograph, re-rendering, four novel lights, maps.

    python -m bench.capture.real --data DIR --out DIR [--only WORD] [--refine]

One sheet for each photograph in DIR/eval/flash and DIR/eval/flash_256, and for the towel from one photograph and from
two. The photographs may not be published, so the sheets go to the given folder alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np

from bench import images, report
from bench.capture.photographs import NOVEL
from bench.capture.scores import answer, exposure, lit, pictured, psnr
from matshot.capture.oneshot import OneShotOptions, oneshot
from matshot.capture.twoshot import TwoShotOptions, twoshot
from matshot.errors import MatshotError
from matshot.image.color import Pixels
from matshot.material.types import MapKind, Material
from matshot.shading.preview import fitted, labelled_row, map_picture, sheet
from matshot.shading.render import Camera

#: Columns of every picture on a sheet.
_WIDTH = 320

_SUFFIXES = (".jpg", ".png")


def captures(data: Path, *, refine: bool) -> dict[str, tuple[Path, Callable[[], Material]]]:
    """By name, the photographs in ``data/eval`` that are rendered again, and what makes a material of each."""
    one = OneShotOptions(refine=refine)
    found: dict[str, tuple[Path, Callable[[], Material]]] = {}
    for folder in ("flash", "flash_256"):
        for path in sorted((data / "eval" / folder).glob("*")):
            if path.suffix in _SUFFIXES:
                found[f"{folder} {path.stem}"] = (path, lambda path=path: oneshot(path, one))
    flash, ambient = (data / "eval" / "twoshot_towel" / name for name in ("point.jpg", "ambient.jpg"))
    if flash.exists():
        found["towel from one"] = (flash, lambda: oneshot(flash, one))
        found["towel from two"] = (flash, lambda: twoshot(flash, ambient, TwoShotOptions(full=True)))
        found["towel from two, tile"] = (flash, lambda: twoshot(flash, ambient, TwoShotOptions()))
    return found


def contact_sheet(name: str, path: Path, capture: Callable[[], Material]) -> Pixels:
    """Photograph, re-rendering, novel lights and maps, display-encoded ``H x W x 3``.

    Args:
        name: title of the sheet.
        path: of the photograph that the maps stand for, all or a part of it.
        capture: makes the material.

    Raises:
        MatshotError: the tool's.
    """
    start = time.perf_counter()
    material = capture()
    seconds = time.perf_counter() - start
    found = answer(lambda: material)
    whole = images.as_rgb(images.read_image(path)).astype(np.float32)
    camera = Camera(whole.shape[1], whole.shape[0], material.parameters["fov"])
    photograph = whole[found.place]
    again = lit(found, camera, camera.position)
    brightness = exposure(again, photograph)
    pictures = [photograph, pictured(brightness * again)]
    pictures += [pictured(brightness * lit(found, camera, position)) for position in NOVEL]
    labels = ["photograph", f"rendered again, {psnr(pictures[1], photograph):.1f} dB"]
    labels += ["lamp at {:g}, {:g}, {:g}".format(*position) for position in NOVEL]
    kinds: list[MapKind] = [kind for kind in get_args(MapKind) if kind in material.maps]
    maps = [map_picture(kind, material.maps[kind]) for kind in kinds]
    high = round(_WIDTH * photograph.shape[0] / photograph.shape[1])
    rows = [labelled_row([fitted(each, _WIDTH, high) for each in pictures], labels)]
    rows.append(labelled_row([fitted(each, _WIDTH, high) for each in maps], [str(kind) for kind in kinds]))
    facts = f"{material.width} x {material.height} px, {seconds:.0f} s"
    return sheet(rows, name, "; ".join([facts, *material.parameters.get("notes", [])]))


def main() -> None:
    """Write the sheets."""
    options = report.parser(__doc__)
    options.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the sheets")
    options.add_argument("--only", default="", metavar="WORD", help="only photographs with this in their name")
    options.add_argument("--refine", action="store_true", help="refine what is made of one photograph")
    chosen = options.parse_args()
    every = captures(chosen.data, refine=chosen.refine)
    for name in [name for name in every if chosen.only in name][: chosen.limit]:
        try:
            picture = contact_sheet(name, *every[name])
        except MatshotError as refusal:
            report.say(f"{name} is refused: {refusal}")
            continue
        path = chosen.out / f"{name}.png"
        images.write_image(path, picture)
        report.say(f"{name}: {path}")


if __name__ == "__main__":
    main()
