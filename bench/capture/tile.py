"""Real photographs of surfaces that look alike all over, as seamless tiles, and contact sheets for a person to judge.

    python -m bench.capture.tile --data DIR [--out DIR] [--only WORD] [--limit N] [--size N] [--write]

For each photograph in DIR/eval/flash and DIR/eval/flash_256 the tile that `matshot oneshot --area auto` makes of it;
one that does not look alike all over is passed over. ``tiles.png`` shows all of them below each other: photograph, tile
2 x 2 under a lamp at its upper right, base color, normal, height and roughness. The photographs may not be published,
so the sheet goes to the given folder alone.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from bench import images, report
from bench.capture.real import PREVIEW, add_options, command, exposed, flash_photographs
from bench.capture.rings import rings
from matshot.capture.oneshot import OneShotOptions, oneshot
from matshot.errors import MatshotError
from matshot.image.color import Pixels
from matshot.image.wrap import measured_wrap
from matshot.material.types import MapKind, Material
from matshot.shading.preview import map_picture
from matshot.shading.render import Camera, PointLight, render
from matshot.shading.sheet import fitted_picture, labeled_row, sheet
from matshot.shading.surface import Surface, surface_of

NAME = "capture.tile"

#: What the table shows, for its readers.
MEANING = (
    "Tiles that `oneshot --area auto` makes of phone photographs with flash of surfaces that look alike all over. "
    "Share is the tile's width in longer sides of the photograph; slopes are those in the middle of the tile over "
    "those outside, and their deviation; tiling is what is measured on the tile's base color. Wanted: slopes "
    "middle/outside 0.6 to 1.7, and tiling xy."
)

#: Columns of every picture.
_WIDTH = 300


@dataclass(frozen=True)
class _Figures:
    """What the table says of one tile."""

    side: int
    share: float
    ratio: float
    slopes: float
    tiling: str
    seconds: float


def four(surface: Surface) -> Surface:
    """A tile 2 x 2."""
    return replace(surface, **{each.name: np.tile(getattr(surface, each.name), (2, 2, 1)) for each in fields(Surface)})


def row(name: str, path: Path, material: Material) -> Pixels:
    """Photograph, the tile 2 x 2 in light, and its maps."""
    surface = four(surface_of(material))
    camera = Camera(surface.width, surface.height)
    longer = max(camera.width, camera.height)
    light = (PREVIEW[0] * camera.width / longer, PREVIEW[1] * camera.height / longer, PREVIEW[2])
    photograph = images.as_rgb(images.read_image(path)).astype(np.float32)
    kinds: list[MapKind] = ["basecolor", "normal", "height", "roughness"]
    maps = [map_picture(kind, material.maps[kind]) for kind in kinds]
    pictures = [
        photograph,
        exposed(render(surface, camera, [PointLight(light)])),
        *(np.tile(m, (2, 2, 1)) for m in maps),
    ]
    labels = [name, "2 x 2, lit from the upper right", *map(str, kinds)]
    high = [round(_WIDTH * picture.shape[0] / picture.shape[1]) for picture in pictures]
    fitted = [fitted_picture(picture, _WIDTH, max(high)) for picture in pictures]
    return labeled_row(fitted, labels)


def measure(chosen: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    paths = flash_photographs(chosen.data)
    options = OneShotOptions(area="auto", size=chosen.size, threads=report.THREADS)
    found: dict[str, _Figures] = {}
    others: list[str] = []
    rows: list[Pixels] = []
    for name in [name for name in paths if chosen.only in name][: chosen.limit]:
        start = time.process_time()
        try:
            material = oneshot(paths[name], options)
        except MatshotError as refusal:
            report.say(f"{name} is refused: {refusal}")
            continue
        seconds = time.process_time() - start
        report.say(name)
        if material.wrap != "xy":
            others.append(name)
            continue
        surface = surface_of(material)
        figures = rings(surface)
        found[name] = _Figures(
            material.width,
            material.parameters["span"][0],
            figures.slopes,
            figures.relief,
            measured_wrap(np.sqrt(surface.base_color)),
            seconds,
        )
        if chosen.out is not None:
            rows.append(row(name, paths[name], material))
    if rows:
        images.write_image(chosen.out / "tiles.png", sheet(rows, "Tiles of real photographs"))
    header = ["photograph", "tile, px", "share", "slopes middle/outside", "slopes", "tiling", "processor s"]
    table = report.table(
        header,
        [
            [
                name,
                str(each.side),
                report.number(each.share, 2),
                report.number(each.ratio, 2),
                report.number(each.slopes, 3),
                each.tiling,
                report.number(each.seconds, 0),
            ]
            for name, each in found.items()
        ],
    )
    passed = f"\n\nNot alike all over, so mapped whole: {', '.join(others)}." if others else ""
    text = f"{MEANING}\n\n{table}{passed}\n\n{report.conditions(command(NAME, chosen))}"
    return report.Section(NAME, "Photo to material: seamless tiles of real photographs", text)


def main() -> None:
    """Measure, and write the sheet."""
    options = report.parser(__doc__)
    add_options(options)
    report.run_alone(measure, options)


if __name__ == "__main__":
    main()
