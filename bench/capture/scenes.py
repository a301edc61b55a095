"""Photographs of generated surfaces, and what one-shot makes of them: a contact sheet that may be shown.

    python -m bench.capture.scenes --photographs DIR [--write]

Generated materials (:mod:`matshot_export.procedural`) are photographed by Mitsuba 3 as phones do: a flash beside the
lens, noise, JPEG. Each row has the photograph, base color, normal, roughness, metallic, and the material under a lamp
at its upper right corner. ``--write`` puts the sheet into the documentation; it goes to DIR otherwise.
"""

from __future__ import annotations

import argparse
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from bench import images, measures, report
from bench.capture.photographs import FOV, SIZE, write_ambient, write_flash
from bench.capture.real import row_of_all
from bench.capture.rings import rings
from bench.capture.scores import answer
from matshot.capture.oneshot import OneShotOptions, oneshot
from matshot.image.color import Pixels
from matshot.shading.sheet import sheet
from matshot.shading.surface import Surface
from matshot_export.procedural import procedural_material

NAME = "capture.scenes"

#: Part of the size of the sheet at which the documentation shows it.
_SHOWN = 0.7


@dataclass(frozen=True)
class Scene:
    """A generated surface.

    Attributes:
        family: of the material.
        seed: of the material.
        repeats: of its tile across the photograph.
    """

    family: str
    seed: int
    repeats: int = 1

    def surface(self) -> Surface:
        """Its maps, ``SIZE x SIZE``."""
        side = SIZE // self.repeats
        maps = procedural_material(self.family, side, np.random.default_rng(self.seed)).maps
        color, normal, roughness, metallic = (
            np.tile(plane[0].permute(1, 2, 0).numpy(), (self.repeats, self.repeats, 1)) for plane in astuple(maps)[:4]
        )
        return Surface.of(color, normal, roughness[..., 0], metallic[..., 0])

    def photographed(self, folder: Path, *, ambient: bool = False) -> Path:
        """The folder with ``flash.jpg``, and ``ambient.jpg`` if that is wanted, rendered if they are missing."""
        place = folder / f"{self.family}-{self.seed}"
        place.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(self.seed)
        if not (place / "flash.jpg").exists():
            write_flash(self.surface(), place / "flash.jpg", noise)
        if ambient and not (place / "ambient.jpg").exists():
            write_ambient(self.surface(), place / "ambient.jpg", noise)
        return place


#: What the sheet shows.
SCENES = (
    Scene("cobbles", 7),
    Scene("tiles", 7),
    Scene("planks", 3),
    Scene("leather", 7),
    Scene("knit", 7),
    Scene("gravel", 7),
    Scene("hammered", 7),
    Scene("plaster", 2),
)


def contact_sheet(photographs: Path) -> tuple[Pixels, str]:
    """The sheet, and a table of what of the lamp is left."""
    rows, figures = [], []
    for scene in SCENES:
        path = scene.photographed(photographs) / "flash.jpg"
        material = oneshot(path, OneShotOptions(fov=FOV))
        found = answer(lambda material=material: material)
        rows.append(row_of_all(scene.family, path, material, found))
        residue = rings(found.surface)
        figures.append([scene.family, *map(report.number, (residue.residue, residue.metallic), (1, 2))])
        report.say(" ".join(figures[-1]))
    return sheet(rows), report.table(["surface", "residue, dE", "metallic"], figures)


def measure(options: argparse.Namespace) -> report.Section:
    """Draw the sheet."""
    picture, table = contact_sheet(options.photographs)
    path = (report.PICTURES if options.write else options.photographs) / "capture_scenes.jpg"
    # Finer than a page shows it, the picture would not fit the size that pictures may have.
    height, width = (round(_SHOWN * side) for side in picture.shape[:2])
    images.write_picture(path, measures.resized(picture, height, width).clip(0, 1))
    text = (
        "Generated surfaces, photographed by Mitsuba. Residue: largest CIELAB distance of a ring's mean base color "
        f"from the median ring.\n\n{table}\n\n![photographs, maps and materials](docs/images/{path.name})\n\n"
        f"{report.conditions(f'python -m bench.{NAME} --photographs DIR')}"
    )
    return report.Section(NAME, "Photo to material: generated surfaces", text)


def main() -> None:
    """Draw, and write."""
    options = report.parser(__doc__, data=False)
    options.add_argument("--photographs", type=Path, metavar="DIR", required=True, help="folder for what is rendered")
    report.run_alone(measure, options)


if __name__ == "__main__":
    main()
