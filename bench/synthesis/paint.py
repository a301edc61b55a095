"""Paint by map: surfaces where the map has them, exactness of borders, likeness to the source, time.

    python -m bench.synthesis.paint [--data DIR] [--out DIR] [--limit N] [--write]

Six maps are painted with generated surfaces, which the picture of the documentation shows, and with real materials
where ``--data`` is given; those stay in the folder of ``--out``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from bench import images, measures, report
from bench.measures import Image
from bench.synthesis import measures as synthesis_measures
from bench.synthesis.surfaces import PAINTS, Scene, scenes
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.material.types import Material
from matshot.shading.sheet import labeled_row, sheet
from matshot.synthesis.multiply import MultiplyOptions, multiply
from matshot.synthesis.painting import Painting

NAME = "synthesis.paint"

#: Side of each surface in pixels; results are twice as large.
_SIDE = 160
#: Side of the patches that are classified, and the step between them.
_PATCH, _STEP = 16, 4
#: Part of a patch that one label has to cover.
_PURE = 0.9
#: Distances from a border at which a surface is all of one kind.
_AWAY = (8, 14)
#: Bounds that are wanted.
_AGREEMENT, _BORDER = 0.95, 2.0
#: Real materials that stand for the generated surfaces.
_REAL = {
    "grass": "Grass001", "stones": "PH_rock_ground", "sand": "PH_coast_sand_05", "moss": "Grass003",
    "bricks": "PH_brick_wall_08", "plaster": "PH_plastered_wall_03",
}  # fmt: skip
#: Levels of wear at which paint is whole, and at which it is off.
_WHOLE, _OFF = 0.5, 0.66


@dataclass(frozen=True)
class Painted:
    """A scene, its result, and what it took."""

    scene: Scene
    result: Image
    seconds: float
    processor: float


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options of this benchmark."""
    made = report.parser(description, data=False)
    made.add_argument("--data", type=Path, metavar="DIR", help="folder with materials/")
    made.add_argument("--out", type=Path, metavar="DIR", help="folder for the sheet of real materials")
    made.add_argument("--limit", type=int, default=None, metavar="N", help="only the first N scenes: to try it out")
    return made


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    painted = [_painted(scene) for scene in scenes(_SIDE)[: options.limit]]
    text = [
        report.conditions(report.command(NAME, options)),
        f"Surfaces of {_SIDE} px, painted at {2 * _SIDE} px. *Labels*: patches of {_PATCH} x {_PATCH} px that a "
        "classifier takes for what the map has there; it is a quadratic discriminant of means, deviations and "
        "gradients of patches, trained on one half of each surface, and *held out* is its rate on the other half. For "
        "worn edges it is one of pixels, and the rates where paint is whole and where it is off count alike. "
        "*Border*: how far the place where the color changes half-way is from the map's border. *Width*: over how "
        "many pixels it changes from 10 to 90 %, in brackets the same of random pixels that are cut at the border. "
        "*SWD*: of each surface in the result against the source, mean over the surfaces, times 1000, and of the "
        "source's own halves. *Copy*: side of the largest square copied as it is, in parts of a surface. Wanted: "
        f"labels above {_AGREEMENT:.0%}, borders within {_BORDER:g} px.",
        "### Generated surfaces",
        _table(painted),
    ]
    if options.write:
        file = report.PICTURES / "paint.jpg"
        images.write_picture(file, _sheet(painted))
        text.append(f"![Surfaces, maps and results](docs/images/{file.name})")
    data = getattr(options, "data", None)
    if data is not None:
        real = [_painted(scene) for scene in scenes(_SIDE, partial(_material, data))[: options.limit]]
        text += ["### Real materials", _table(real)]
        if getattr(options, "out", None) is not None:
            write_texture(Texture(_sheet(real), "srgb"), options.out / "paint.png")
    return report.Section(NAME, "Paint by map", "\n\n".join(text))


def _material(data: Path, name: str, side: int) -> Image:
    """A quarter of a real base color, made smaller."""
    (file,) = data.glob(f"materials/*/{_REAL[name]}/basecolor.jpg")
    whole = images.as_rgb(images.read_image(file))
    large = synthesis_measures.middle(whole, min(whole.shape[:2]))
    return measures.resized(large, 2 * side, 2 * side)[:side, :side].clip(0, 1).astype(np.float32)


def _painted(scene: Scene) -> Painted:
    report.say(f"{NAME}: {scene.name}")
    guides = Texture(scene.source_guide), Texture(scene.target_guide)
    material = Material({"basecolor": Texture(scene.source)})
    painting = Painting(*guides)
    if scene.picture is not None and scene.target_mask is not None:
        painting = Painting(target_mask=Texture(scene.target_mask), fill_from=material)
        material = Material({"basecolor": Texture(scene.picture)})
    began, used = time.perf_counter(), time.process_time()
    (result,) = multiply(material, MultiplyOptions(threads=report.THREADS), painting=painting)
    times = time.perf_counter() - began, time.process_time() - used
    return Painted(scene, measures.as_stored(result.maps["basecolor"].pixels), *times)


def _table(painted: list[Painted]) -> str:
    plain = _plain_seconds(painted[0])
    header = [
        "",
        "labels",
        "held out",
        "border, px",
        "width, px",
        "SWD",
        "source SWD",
        "copy",
        "s",
        "CPU s",
    ]
    rows, agreements, offsets = [], [], []
    for one in painted:
        found = _figures(one)
        agreements.append(found[0])
        offsets.append(abs(found[2]))
        rows.append(
            [
                one.scene.name, f"{found[0]:.1%}", f"{found[1]:.1%}", report.number(found[2], 1),
                f"{report.number(found[3], 1)} ({report.number(found[4], 1)})" if found[3] == found[3] else "",
                report.number(found[5], 2),
                report.number(found[6], 2), report.number(found[7], 2), f"{one.seconds:.1f}",
                f"{one.processor:.1f}",
            ]
        )  # fmt: skip
    good, near = sum(found > _AGREEMENT for found in agreements), sum(found <= _BORDER for found in offsets)
    measured = sum(found == found for found in offsets)
    summary = (
        f"Labels agree on more than {_AGREEMENT:.0%} in {good} of {len(painted)} scenes; borders are within "
        f"{_BORDER:g} px in {near} of {measured} scenes with borders. Without a map, the {painted[0].scene.name} takes "
        f"{plain:.1f} CPU seconds."
    )
    return report.table(header, rows) + "\n\n" + summary


def _plain_seconds(one: Painted) -> float:
    began = time.process_time()
    size = one.result.shape[:2]
    material = Material({"basecolor": Texture(one.scene.source)})
    multiply(material, MultiplyOptions(size=(size[1], size[0]), tileable=True, threads=report.THREADS))
    return time.process_time() - began


def _figures(one: Painted) -> list[float]:
    """Agreement, the classifier's own rate, border's offset and width, that of a cut, SWD, that of halves, and copy."""
    scene, result = one.scene, one.result
    if scene.name == "worn edges":
        sources, labels = _levels(scene.source_guide), _levels(scene.target_guide)
        pieces = None
    else:
        labels = _numbers(scene.target_guide)
        sources = _numbers(scene.source_guide)
        pieces = scene.source
    image = scene.source
    if scene.picture is not None:
        # The second surface fills a hole in the first.
        side = min(scene.picture.shape[0], scene.source.shape[0])
        image = np.concatenate([scene.picture[:side, :side], scene.source[:side, :side]], axis=1)
        sources = np.arange(2).repeat(side)[np.newaxis].repeat(side, axis=0)
        pieces = image
    wanted = np.unique(sources[sources >= 0])
    rng = np.random.default_rng(0)
    described = _patches if pieces is not None else _pixels
    features, truths, halves = described(image, sources)
    train, test = halves == 0, halves == 1
    model = _discriminant(features[train], truths[train])
    held_out = float(np.mean(model(features[test]) == truths[test]))
    found, expected, _ = described(result, labels)
    # Edges are a small part of a panel, and count as much as the rest.
    right = model(found) == expected
    agreement = float(np.mean([right[expected == one].mean() for one in wanted]) if pieces is None else right.mean())
    offset = width = cut = distance = own = copy = float("nan")
    if pieces is not None:
        offset, width = _border(result, labels, image, sources)
        cut = _border(_cut(image, sources, labels, rng), labels, image, sources)[1]
        swds, owns = [], []
        for label in wanted:
            inside = _square(labels == label)
            there = _square(sources == label)
            if inside is not None and there is not None:
                part, piece = result[inside], image[there]
                swds.append(1000 * synthesis_measures.patch_swd(part, piece, projections=64))
                middle = piece.shape[1] // 2
                owns.append(1000 * synthesis_measures.patch_swd(piece[:, :middle], piece[:, middle:], projections=64))
        distance, own = float(np.mean(swds)), float(np.mean(owns))
        copy = synthesis_measures.longest_copy(result, measures.as_stored(scene.source)).square
        copy *= scene.source.shape[0] / _SIDE
    return [agreement, held_out, offset, width, cut, distance, own, copy]


def _numbers(guide: Image) -> NDArray[np.intp]:
    return np.stack([np.abs(guide - paint).sum(axis=2) for paint in PAINTS]).argmin(axis=0)


def _levels(guide: Image) -> NDArray[np.intp]:
    """0 where paint is whole, 1 where it is off, -1 in between."""
    wear = guide[..., 0]
    return np.where(wear < _WHOLE, 0, np.where(wear > _OFF, 1, -1))


def _patches(image: Image, labels: NDArray[np.intp]) -> tuple[Image, NDArray[np.intp], NDArray[np.intp]]:
    """Features of patches of one label, these labels, and the half of the image, upper or lower, that they are in."""
    gray = image.mean(axis=2)
    slopes = np.abs(np.diff(gray, axis=0, append=gray[-1:])), np.abs(np.diff(gray, axis=1, append=gray[:, -1:]))
    planes = np.dstack([image, *slopes])
    means = scipy.ndimage.uniform_filter(planes, (_PATCH, _PATCH, 1))
    squares = scipy.ndimage.uniform_filter(planes**2, (_PATCH, _PATCH, 1))
    every = np.dstack([means, np.sqrt(np.maximum(squares - means**2, 0))])
    half, sides = _PATCH // 2, image.shape[:2]
    place = np.ix_(np.arange(half, sides[0] - half, _STEP), np.arange(half, sides[1] - half, _STEP))
    features, truths, halves = [], [], []
    for label in np.unique(labels[labels >= 0]):
        part = labels == label
        pure = scipy.ndimage.uniform_filter(part.astype(np.float32), _PATCH)[place] >= _PURE
        found = every[place][pure]
        rows = np.flatnonzero(part.any(axis=1))
        lower = np.broadcast_to(place[0] > rows.mean(), pure.shape)[pure]
        features.append(found)
        truths.append(np.full(len(found), label))
        halves.append(lower.astype(np.intp))
    return np.concatenate(features), np.concatenate(truths), np.concatenate(halves)


def _pixels(image: Image, labels: NDArray[np.intp]) -> tuple[Image, NDArray[np.intp], NDArray[np.intp]]:
    """Colors of pixels with their neighbors, these labels, and the half of the image that they are in, in turns."""
    known = labels >= 0
    count = int(known.sum())
    return scipy.ndimage.uniform_filter(image, (3, 3, 1))[known], labels[known], np.arange(count) // 64 % 2


def _discriminant(features: Image, truths: NDArray[np.intp]) -> Callable[[Image], NDArray[np.intp]]:
    """A quadratic discriminant with covariances shrunk toward their common one."""
    kinds = np.unique(truths)
    common = np.mean([np.cov(features[truths == kind].T) for kind in kinds], axis=0)
    common += 1e-6 * np.eye(len(common))
    models = []
    for kind in kinds:
        part = features[truths == kind]
        covariance = 0.5 * np.cov(part.T) + 0.5 * common
        models.append((part.mean(axis=0), np.linalg.inv(covariance), np.linalg.slogdet(covariance)[1]))

    def classified(found: Image) -> NDArray[np.intp]:
        scores = []
        for mean, inverse, volume in models:
            off = found - mean
            scores.append(np.einsum("ij,jk,ik->i", off, inverse, off) + volume)
        return kinds[np.argmin(scores, axis=0)]

    return classified


def _border(image: Image, labels: NDArray[np.intp], source: Image, sources: NDArray[np.intp]) -> tuple[float, float]:
    """Offset and width in pixels of the change of color at borders, mean over the labels."""
    found = []
    for label in np.unique(labels):
        inside = labels == label
        if inside.all():
            continue
        own, other = (source[(sources == label) == which].reshape(-1, 3) for which in (True, False))
        scatter = np.cov(own.T) + np.cov(other.T) + 1e-6 * np.eye(3)
        axis = np.linalg.solve(scatter, own.mean(axis=0) - other.mean(axis=0))
        value = image @ axis
        signed = scipy.ndimage.distance_transform_edt(inside) - scipy.ndimage.distance_transform_edt(~inside)
        # Pixels beside the border are half a pixel from it.
        bins = np.floor(signed - 0.5 * np.sign(signed)).astype(int)
        profile = np.array([value[bins == at].mean() for at in range(-_AWAY[1], _AWAY[1]) if (bins == at).any()])
        middle = sum(bool((bins == at).any()) for at in range(-_AWAY[1], 0))
        away = _AWAY[1] - _AWAY[0]
        low, high = profile[:away].mean(), profile[-away:].mean()
        share = (profile - low) / (high - low)
        places = [_crossing(share, level) - middle for level in (0.1, 0.5, 0.9)]
        found.append((places[1], places[2] - places[0]))
    offsets, widths = np.array(found).T
    return float(np.mean(np.abs(offsets))), float(np.mean(widths))


def _crossing(share: Image, level: float) -> float:
    """Where a profile of pixels reaches a level, in pixels from its beginning; the crossing nearest to the middle."""
    steps = np.flatnonzero((share[:-1] < level) & (share[1:] >= level))
    place = steps[np.abs(steps - len(share) / 2).argmin()]
    return place + 0.5 + float((level - share[place]) / (share[place + 1] - share[place]))


def _cut(source: Image, sources: NDArray[np.intp], labels: NDArray[np.intp], rng: np.random.Generator) -> Image:
    """Random pixels of each surface where the map has it: the sharpest border that there can be."""
    result = np.empty((*labels.shape, 3), dtype=np.float32)
    for label in np.unique(labels):
        pixels = source[sources == label]
        part = labels == label
        result[part] = pixels[rng.integers(len(pixels), size=part.sum())]
    return result


def _square(part: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """The largest square in a part; None where it is smaller than a few patches."""
    inside = scipy.ndimage.distance_transform_cdt(np.pad(part, 1), metric="chessboard")[1:-1, 1:-1]
    y, x = np.unravel_index(inside.argmax(), inside.shape)
    reach = int(inside[y, x]) - 1
    return (slice(y - reach, y + reach + 1), slice(x - reach, x + reach + 1)) if reach >= _PATCH else None


def _sheet(painted: list[Painted]) -> Image:
    """Surfaces, map and result of each scene, two scenes to a row."""
    cells, labels = [], []
    for one in painted:
        left = np.full((2 * _SIDE, _SIDE, 3), 0.125, dtype=np.float32)
        left[:_SIDE] = measures.resized(one.scene.source, _SIDE, _SIDE).clip(0, 1)
        left[_SIDE + 6 :] = measures.resized(one.scene.target_guide, _SIDE, _SIDE).clip(0, 1)[6:]
        cells += [left, one.result]
        labels += ["source and map", one.scene.name]
    rows = [labeled_row(cells[first : first + 4], labels[first : first + 4]) for first in range(0, len(cells), 4)]
    return sheet(rows, "Painted by map")


if __name__ == "__main__":
    report.run_alone(measure, parser(__doc__))
