"""The public test sets of synthetic flash photographs, beside the trivial answer and an open network.

    python -m bench.capture.public_sets --sets DIR [--limit N] [--write]

DIR/test_data/Des18 and DIR/test_data/Des19 hold the test materials of Deschaintre et al. 2018, "Single-Image SVBRDF
Capture with a Rendering-Aware Deep Network", and 2019, "Flexible SVBRDF Capture with a Multi-Image Deep Network", as
the repository Single-Image-SVBRDF-with-Aux-Renderings on GitHub keeps them: in ``input`` rows of pictures whose first
is the photograph, in ``gt-material`` rows that end with normals, diffuse, roughness and specular color. DIR/out_result
holds what that repository's network of 2024 made of them, if it is there. For research only; nothing of it is shipped.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from bench import images, measures, report
from bench.capture.scores import answer, rmse, trivial_answer
from bench.measures import Image
from matshot.capture.oneshot import OneShotOptions, oneshot
from matshot.shading.surface import Surface

NAME = "capture.public_sets"

#: By folder: the set's name.
_SETS = {"Des18": "Deschaintre 2018", "Des19": "Deschaintre 2019"}
#: Degrees that the photographs span.
_FOV = 45.0
#: Pixels a side; larger ones are cut or shrunk to it as their network does.
_SIDE = 256
#: Display encoding of the network's own pictures.
_GAMMA = 2.2
#: Reflectance of a dielectric at normal incidence.
_DIELECTRIC = 0.04


@dataclass(frozen=True)
class Maps:
    """Maps as these sets have them, ``H x W x 3`` (roughness ``H x W``): unit normals, linear colors."""

    normal: Image
    diffuse: Image
    roughness: Image
    specular: Image


@dataclass(frozen=True)
class Errors:
    """Of one answer.

    Attributes:
        normals: mean angle to the true normals, degrees.
        flat: the same of flat normals.
        diffuse: RMSE of linear values after the one scale that makes it smallest.
        specular: likewise.
        roughness: RMSE.
    """

    normals: float
    flat: float
    diffuse: float
    specular: float
    roughness: float


def errors(found: Maps, truth: Maps) -> Errors:
    """Compare maps."""
    upright = np.broadcast_to(np.array([0.0, 0.0, 1.0]), truth.normal.shape)
    return Errors(
        measures.angular_error(found.normal, truth.normal),
        measures.angular_error(upright, truth.normal),
        _aligned(found.diffuse, truth.diffuse),
        _aligned(found.specular, truth.specular),
        rmse(found.roughness, truth.roughness),
    )


def as_maps(surface: Surface) -> Maps:
    """A surface in diffuse and specular color."""
    metal = surface.metallic
    specular = _DIELECTRIC * (1 - metal) + surface.base_color * metal
    return Maps(surface.normal, surface.base_color * (1 - metal), surface.roughness[..., 0], specular)


def subjects(folder: Path, limit: int | None) -> Iterable[tuple[str, Image, Maps]]:
    """Name, photograph (display-encoded, ``256 x 256 x 3``) and true maps of each material of a set."""
    paths = sorted((folder / "input").glob("*.png"))
    # Neighbors in the list are variants of one material.
    for path in paths[:: max(len(paths) // limit, 1)][:limit] if limit else paths:
        row = images.as_rgb(images.read_image(path))
        photograph = _fitted(row[:, : row.shape[1] // 5])
        row = images.as_rgb(images.read_image(folder / "gt-material" / path.name))
        side = row.shape[0]
        starts = range(row.shape[1] - 4 * side, row.shape[1], side)
        normal, diffuse, roughness, specular = (_fitted(row[:, start : start + side]) for start in starts)
        unit = measures.unit_vectors(normal)
        # They are rendered with, and the network of 2024 answers, roughness from 0.1 on.
        yield path.stem, photograph, Maps(unit, diffuse, 0.1 + 0.9 * roughness.mean(axis=2), specular)


def network_of_2024(folder: Path, name: str) -> Maps | None:
    """What the network of 2024 made of a material, if that is there."""
    for stem in (name, name.split(";")[0]):
        files = [folder / f"{stem}_{kind}out.png" for kind in "NDRS"]
        if all(file.exists() for file in files):
            normal, diffuse, roughness, specular = (images.as_rgb(images.read_image(file)) for file in files)
            unit = measures.unit_vectors(normal)
            return Maps(unit, diffuse**_GAMMA, roughness.mean(axis=2), specular**_GAMMA)
    return None


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "photograph.png"
        for folder, title in _SETS.items():
            found: dict[str, list[Errors]] = {}
            for name, photograph, truth in subjects(options.sets / "test_data" / folder, options.limit):
                images.write_image(file, photograph)
                surface = answer(lambda: oneshot(file, OneShotOptions(fov=_FOV, wrap="none"))).surface
                answers = {"trivial answer": as_maps(trivial_answer(photograph.astype(np.float32)))}
                peer = network_of_2024(options.sets / "out_result" / f"result-{folder}" / "iter0", name)
                answers |= {"network of 2024": peer} if peer else {}
                answers["**Matshot**"] = as_maps(surface)
                for method, maps in answers.items():
                    found.setdefault(method, []).append(errors(maps, truth))
                report.say(f"{title} {name}: {found['**Matshot**'][-1]}")
            for method, each in found.items():
                angle, flat, *others = np.mean([astuple(one) for one in each], axis=0)
                figures = (angle, angle / flat, *others)
                rows.append([title, str(len(each)), method, *map(report.number, figures, (2, 2, 3, 3, 3))])
    header = ["set", "materials", "method", "normals", "of flat", "diffuse", "specular", "roughness"]
    text = (
        f"Synthetic flash photographs of {_SIDE} px over {_FOV:.0f} degrees, lamps beside the middle, many of metal. "
        "Normals: mean angle in degrees, and as a share of flat normals'; wanted: at most 0.80. Diffuse and specular "
        "color: RMSE of linear values after the best scale. Materials of this kind taught the network of 2024.\n\n"
        f"{report.table(header, rows, words=('set', 'method'))}\n\n{report.conditions(_command(options))}"
    )
    return report.Section(NAME, "One photograph to a material: public test sets", text)


def main() -> None:
    """Measure."""
    options = report.parser(__doc__, data=False)
    options.add_argument("--sets", type=Path, metavar="DIR", required=True, help="folder with test_data/")
    options.add_argument("--limit", type=int, default=None, metavar="N", help="only N of each set, evenly spread")
    report.run_alone(measure, options)


def _command(options: argparse.Namespace) -> str:
    return f"python -m bench.{NAME} --sets DIR" + (f" --limit {options.limit}" if options.limit else "")


def _aligned(found: Image, truth: Image) -> float:
    scale = float((found * truth).sum() / max(float((found * found).sum()), 1e-12))
    return rmse(scale * found, truth)


def _fitted(picture: Image) -> Image:
    """The middle of a slightly larger picture, or a much larger one shrunk."""
    height, width = picture.shape[:2]
    if min(height, width) >= 2 * _SIDE:
        return measures.resized(picture, _SIDE, _SIDE)
    top, left = (height - _SIDE) // 2, (width - _SIDE) // 2
    return picture[top : top + _SIDE, left : left + _SIDE]


if __name__ == "__main__":
    main()
