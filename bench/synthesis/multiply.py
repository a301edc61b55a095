"""The texture multiplier on held-out materials: quality and time beside peers, seams, aligned maps, novelty.

    python -m bench.synthesis.multiply --data DIR [--gpdm DIR] [--out DIR] [--limit N] [--skip-slow] [--write]

GPDM takes many minutes for an image and is run on a few materials only, see ``synthesis_peers.py``; without its
checkout and kept results its columns stay empty. ``--skip-slow`` leaves out the neural engine. ``--out`` receives the
contact sheet, source and result side by side, each 3 x 3, for a person to judge; nothing of the data is kept elsewhere.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import images, measures, report
from bench.measures import Image
from bench.peers import Missing
from bench.synthesis import measures as synthesis_measures
from bench.synthesis import peers as synthesis_peers
from bench.synthesis.peers import timed
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.material.folder import load_material
from matshot.material.resize import downsampled_material
from matshot.material.types import Material
from matshot.shading.preview import map_picture
from matshot.shading.procedural import brick_wall
from matshot.shading.sheet import labeled_row, sheet
from matshot.synthesis.multiply import MultiplyOptions, multiply

NAME = "synthesis.multiply"

#: Sides of the sources and results that peers are compared on, and of those of all other tables.
_SMALL = 256
_LARGE = 512
#: Materials that GPDM is run on: without and with structure.
_GPDM_ON = ("Gravel025", "Bricks037")
_VARIETIES = (0.0, 0.5, 1.0)
_SEEDS = (0, 1)
#: Bounds: of the step across a seam in parts of those inside, of a correlation, of a copy in parts of the source.
_SEAM = 0.05
_CORRELATION = 0.05
_COPY = 1 / 8
#: Twelfth material of the contact sheet, of a kind that is not among the held-out ones: paving.
_ANOTHER = ("train", "Tiles074")
#: Pixels a side of each picture of the contact sheet, which shows a texture 3 x 3.
_SHOWN = 576


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options of this benchmark."""
    made = report.parser(description)
    add_options(made)
    return made


def add_options(made: argparse.ArgumentParser) -> None:
    """What this benchmark asks for besides the options that all share."""
    synthesis_peers.add_options(made)
    made.add_argument("--out", type=Path, metavar="DIR", help="folder for the contact sheet")


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    engines = ("patch", "feedforward") if options.skip_slow else ("patch", "neural", "feedforward")
    # Pictures first: what they cannot be made of shows before minutes are spent.
    pictured = [_contact_sheet(options)] if options.out is not None else []
    pictured += [_generated_picture()] if options.write else []
    text = [
        report.conditions(report.command(NAME, options), ["torch"]),
        f"### Quality and time at {_SMALL} px",
        f"From the middle of each held-out base color, averaged to {_SMALL} x {_SMALL} px, a texture of the same size. "
        "*SWD*: sliced Wasserstein distance of 7 x 7 patches of images in [0, 1], times 1000, lower is better; GPDM's "
        f"own figures, of images in [-1, 1], are twice these. *s*: seconds of one run with {report.THREADS} threads, "
        "and in brackets the CPU seconds, which depend little on the load of the machine. "
        "*Quilting*: Efros and Freeman 2001, blocks of 36. GPDM: texture synthesis with the settings of its command "
        "line; neither peer's result tiles. *Source*: the source's left half against its right half, which says how "
        "far apart two pieces of the same texture are.",
        _beside_peers(options, engines),
        "### Seams, and aligned maps",
        f"Material folders averaged to {_LARGE} px, made into new ones of {_LARGE} x {_LARGE} px that tile. *Seam*: "
        "mean absolute step across the wrap edge in parts of the mean step inside; *inside*: the standard deviation of "
        "the same figure between the columns and rows inside, which is what an edge that is nothing special has. "
        f"Wanted: within {_SEAM:.0%}. The tool lays the edges along ordinary steps, which says little of faults "
        "elsewhere. *Patches across* does: the mean squared distance of base color patches of 8 x 8 pixels across the "
        "edge to the nearest ones of the source, x and y, in parts of that across the median line, and in brackets "
        "across the worst line of all. *Correlations*: Pearson's, between all pairs of planes (channels, and slopes of "
        f"normals), of result against source; wanted: within {_CORRELATION}.",
        _materials(options),
        "### Novelty and variety",
        f"From {_SMALL} px sources, textures of {_LARGE} px that tile, seeds {_SEEDS}, engine `patch`. *Copy*: the "
        "longest coherent patch, a connected region that is in the source as it is (within 2/255): side of the largest "
        "square in it and square root of its area, in parts of the source's side; mean and largest over the materials. "
        f"Wanted: at most 1/8. *Diversity*: one less the correlation of two seeds' results at the shift where it is "
        "highest.",
        _variety(options),
        *pictured,
    ]
    return report.Section(NAME, "Texture multiplier", "\n\n".join(text))


def _beside_peers(options: argparse.Namespace, engines: Sequence[str]) -> str:
    header = ["", "source SWD"]
    for method in (*engines, "quilting", "GPDM"):
        header += [f"{method} SWD", f"{method} s (CPU)"]
    for engine in engines:
        header += [f"{engine} in parts of GPDM: SWD", "CPU s"]
    rows, columns, note = [], [], ""
    sameness: dict[str, list[tuple[float, float, float]]] = {}
    for name, path in images.material_maps(options.data, "basecolor", options.limit):
        source = _source(path, _SMALL)
        made = {}
        for engine in engines:
            report.say(f"{NAME}: {name}, {engine}")
            made[engine] = timed(
                lambda engine=engine, source=source: _color(_multiplied(_single(source), engine=engine, size=_SMALL))
            )
        made["quilting"] = timed(lambda source=source: synthesis_peers.quilted(source, _SMALL, _SMALL))
        if name in _GPDM_ON:
            try:
                made["GPDM"] = synthesis_peers.gpdm_result(source, name, options)
                if made["GPDM"].threads != report.THREADS:
                    note = f"\n\nGPDM's times are of an earlier run; threads: {made['GPDM'].threads}."
            except Missing as reason:
                note = f"\n\nGPDM is not in the table: {reason}."
        figures = [[_swd(source[:, : _SMALL // 2], source[:, _SMALL // 2 :])]]
        figures += [[_swd(one.pixels, source), one.seconds, one.processor] for one in made.values()]
        if "GPDM" in made:
            distance, _, processor = figures[-1]
            for ours in figures[1 : 1 + len(engines)]:
                figures.append([ours[0] / distance, ours[2] / processor])
        for method, one in made.items():
            copy = synthesis_measures.longest_copy(one.pixels, source)
            alike = 1 - synthesis_measures.diversity([one.pixels, source])
            sameness.setdefault(method, []).append((copy.square, copy.region, alike))
        columns.append(np.concatenate(figures))
        rows.append([name, *_cells(columns[-1], len(made))])
    fewest = len(engines) + 1
    shared = np.array([figures[: 1 + 3 * fewest] for figures in columns])
    rows.append(["mean", *_cells(shared.mean(axis=0), fewest)])
    most = [figures for figures in columns if len(figures) > shared.shape[1]]
    if most:
        rows.append(["mean of those with GPDM", *_cells(np.mean(most, axis=0), fewest + 1)])
    beside = report.table(header, [row + [""] * (len(header) - len(row)) for row in rows])
    words = "How much of these is the source itself, mean over the materials (see below for *copy*):"
    header = ["", "materials", "copy: square", "copy: area", "correlation with the source where it is highest"]
    rows = [
        [method, str(len(found)), *(f"{figure:.3f}" for figure in np.mean(found, axis=0))]
        for method, found in sameness.items()
    ]
    return f"{beside}{note}\n\n{words}\n\n{report.table(header, rows)}"


def _cells(figures: Image, methods: int) -> list[str]:
    """The source's distance, distance and times of each method, and whatever follows."""
    cells = [f"{figures[0]:.2f}"]
    for distance, seconds, processor in figures[1 : 1 + 3 * methods].reshape(-1, 3):
        cells += [f"{distance:.2f}", f"{seconds:.1f} ({processor:.1f})"]
    return cells + [f"{ratio:.3f}" for ratio in figures[1 + 3 * methods :]]


def _materials(options: argparse.Namespace) -> str:
    header = ["", "maps", "s", "base color seam x, y", "inside", "patches across", "mean of all maps"]
    header += ["farthest map", "its seam", "inside", "correlations: largest change", "between", "mean change"]
    rows, edges, changes, lines = [], [], [], []
    for name, path in images.material_maps(options.data, "basecolor", options.limit):
        report.say(f"{NAME}: {name}, all maps")
        source = downsampled_material(load_material(path.parent), _LARGE)
        began = time.perf_counter()
        result = _multiplied(source, size=_LARGE, tileable=True)
        seconds = time.perf_counter() - began
        maps = {kind: texture.pixels for kind, texture in result.maps.items()}
        seams = synthesis_measures.seams(maps)
        farthest = max(seams, key=lambda place: abs(seams[place].ratio - 1))
        across, down = seams["basecolor x"], seams["basecolor y"]
        edges += seams.values()
        patches = [
            synthesis_measures.edge_strangeness(maps["basecolor"], source.maps["basecolor"].pixels, axis)
            for axis in "xy"
        ]
        lines += patches
        change = synthesis_measures.correlation_change(
            maps, {kind: texture.pixels for kind, texture in source.maps.items()}
        )
        changes.append(change.largest)
        rows.append(
            [
                name,
                str(len(maps)),
                f"{seconds:.1f}",
                f"{across.ratio:.2f}, {down.ratio:.2f}",
                f"{across.spread:.2f}, {down.spread:.2f}",
                ", ".join(f"{edge:.2f} ({worst:.2f})" for edge, worst in patches),
                f"{np.mean([seam.ratio for seam in seams.values()]):.3f}",
                farthest,
                f"{seams[farthest].ratio:.2f}",
                f"{seams[farthest].spread:.2f}",
                f"{change.largest:.3f}",
                " and ".join(change.pair),
                f"{change.mean:.3f}",
            ]
        )
    edge, worst = np.mean(lines, axis=0)
    summary = (
        f"{synthesis_measures.seam_summary(edges, _SEAM)} Patches across the edge are {edge:.2f} times as far from the "
        f"source as those across the median line, those across the worst line {worst:.2f} times. The largest "
        f"change of a correlation is at most {_CORRELATION} on {np.sum(np.array(changes) <= _CORRELATION)} of "
        f"{len(changes)} materials."
    )
    return report.table(header, rows, words=("farthest map", "between")) + "\n\n" + summary


def _variety(options: argparse.Namespace) -> str:
    header = ["variety", "copy: square, mean", "largest", "of", "copy: area, mean", "largest"]
    header += ["diversity", "SWD x 1000", "histogram distance x 255"]
    sources = [
        (name, _source(path, _SMALL)) for name, path in images.material_maps(options.data, "basecolor", options.limit)
    ]
    rows = []
    for variety in _VARIETIES:
        copies, unlike, distances, histograms = [], [], [], []
        for name, source in sources:
            report.say(f"{NAME}: {name}, variety {variety:g}")
            chosen = {"engine": "patch", "size": _LARGE, "tileable": True, "variety": variety}
            results = [_color(_multiplied(_single(source), seed=seed, **chosen)) for seed in _SEEDS]
            copies += [(synthesis_measures.longest_copy(result, source), name) for result in results]
            unlike.append(synthesis_measures.diversity(results))
            distances.append(_swd(results[0], source, projections=64))
            histograms.append(255 * np.mean(synthesis_measures.histogram_distance(results[0], source)))
        squares, regions = ([getattr(copy, what) for copy, _ in copies] for what in ("square", "region"))
        rows.append(
            [
                f"{variety:g}",
                f"{np.mean(squares):.3f}",
                f"{max(squares):.3f}",
                copies[int(np.argmax(squares))][1],
                f"{np.mean(regions):.3f}",
                f"{max(regions):.3f}",
                f"{np.mean(unlike):.3f}",
                f"{np.mean(distances):.2f}",
                f"{np.mean(histograms):.2f}",
            ]
        )
    return report.table(header, rows, words=("of",))


def _contact_sheet(options: argparse.Namespace) -> str:
    """Source and result of twelve materials, two to a row, each 3 x 3."""
    folders = [path.parent for _, path in images.material_maps(options.data, "basecolor", options.limit)]
    other = options.data / "materials" / _ANOTHER[0] / _ANOTHER[1]
    if options.limit is None and other.is_dir():
        folders.append(other)
    pictures, labels = [], []
    for number, folder in enumerate(folders):
        report.say(f"{NAME}: contact sheet, {folder.name}")
        source = downsampled_material(load_material(folder), _LARGE)
        result = _multiplied(source, size=_LARGE, tileable=True, seed=number)
        pictures += [_three_times(material) for material in (source, result)]
        labels += [f"{folder.name}: source, 3 x 3", f"result ({result.parameters.get('engine', 'auto')}), 3 x 3"]
    rows = [labeled_row(pictures[first : first + 4], labels[first : first + 4]) for first in range(0, len(pictures), 4)]
    title = f"Texture multiplier, {_LARGE} px, tileable: source and result, each 3 x 3"
    file = options.out / "multiply.png"
    write_texture(Texture(sheet(rows, title), "srgb"), file)
    return f"The contact sheet of {len(folders)} materials is written to `{file.name}` in the folder given by `--out`."


def _generated_picture() -> str:
    """The picture of the documents: textures made from numbers, so that nothing of the data is in it."""
    bricks = brick_wall(_SMALL)["basecolor"]
    noise = images.fractal_noise(_SMALL, _SMALL, 3, seed=3).astype(np.float32)
    rows = []
    for name, pixels in (("bricks", bricks.pixels), ("noise", noise)):
        source = _single(pixels[: _SMALL * 3 // 4, : _SMALL * 3 // 4])
        result = _multiplied(source, size=_SMALL, tileable=True)
        labels = [f"{name}: source, 3 x 3", "result, 3 x 3"]
        rows.append(labeled_row([_three_times(material) for material in (source, result)], labels))
    target = report.PICTURES / "multiply.jpg"
    images.write_picture(target, sheet(rows))
    return f"![Source and result](docs/images/{target.name})"


def _three_times(material: Material) -> Image:
    """A base color 3 x 3 in a square of ``_SHOWN`` pixels; axes that do not wrap show their edges."""
    small = downsampled_material(Material({"basecolor": material.maps["basecolor"]}), _SHOWN // 3)
    picture = np.tile(map_picture("basecolor", small.maps["basecolor"]), (3, 3, 1))
    box = np.full((_SHOWN, _SHOWN, 3), 0.125, dtype=np.float32)
    box[: picture.shape[0], : picture.shape[1]] = picture
    return box


def _multiplied(source: Material, *, size: int, **options: Any) -> Material:
    """A new square material."""
    return multiply(source, MultiplyOptions(size=(size, size), threads=report.THREADS, **options))[0]


def _source(path: Path, side: int) -> Image:
    return synthesis_measures.middle(images.as_rgb(images.read_image(path)), side)


def _single(pixels: Image) -> Material:
    return Material({"basecolor": Texture(np.ascontiguousarray(pixels, dtype=np.float32), "srgb")})


def _color(material: Material) -> Image:
    """The base color as an 8-bit file has it."""
    return measures.as_stored(material.maps["basecolor"].pixels)


def _swd(result: Image, source: Image, projections: int = 256) -> float:
    return 1000 * synthesis_measures.patch_swd(result, source, projections=projections)


if __name__ == "__main__":
    report.run_alone(measure, parser(__doc__))
