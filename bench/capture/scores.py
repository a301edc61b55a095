"""How good captured maps are: beside the true ones, under other lights, and beside the photograph.

Figures are of one material; a table prints their means over materials. The trivial answer's row is known for
photographs of the same kind, but of other materials: normals 5.8 degrees in the median, roughness 0.19, base color
0.049, novel lights 0.099. Of the possible definitions those below come closest to it: base color in linear values (in
display-encoded ones its error is a third larger), means over materials, all lights alike. The angle to flat normals
says how bumpy the materials are, and so differs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import TypeAlias

import numpy as np
from scipy.ndimage import gaussian_filter

from bench import measures, report
from bench.capture.photographs import FOV, SIZE, Photographed
from bench.measures import Image
from matshot.errors import MatshotError
from matshot.image.color import Pixels, linear_from_srgb, srgb_from_linear
from matshot.material.types import Material
from matshot.shading.render import Camera, PointLight, Vector, render
from matshot.shading.surface import Surface, surface_of

#: What the tables show, for their readers.
MEANING = (
    f"Held-out materials, photographed by Mitsuba at {SIZE} px with noise and JPEG: {FOV:.0f} degrees, flash beside "
    "the lens. Normals in degrees; roughness, base color (linear, after the best scale) and renderings under four "
    "novel lights (sRGB, exposed as the flash photograph) as RMSE; the flash photograph rendered again. The truth's "
    "own maps show what the difference of the two renderers leaves."
)

#: Display-encoded values from which a photograph says nothing about how bright it was.
SATURATED = 0.98

#: Blur of the trivial answer: Gaussian, deviation as a share of the photograph's longer side.
_SHADING = 0.05


@dataclass(frozen=True)
class Answer:
    """Maps that a tool made of a photograph.

    Attributes:
        surface: the maps, a value for each pixel of the photograph or of a part of it.
        corner: row and column of the part's first pixel.
        seconds: that it took.
    """

    surface: Surface
    corner: tuple[int, int] = (0, 0)
    seconds: float = float("nan")

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns of the photograph that the maps stand for."""
        top, left = self.corner
        return slice(top, top + self.surface.height), slice(left, left + self.surface.width)


@dataclass(frozen=True)
class Scores:
    """Figures of one answer, in the order of the tables.

    Attributes:
        normals: mean angle to the true normals, degrees.
        flat: the same of flat normals, in the same place.
        roughness: RMSE.
        base_color: RMSE of linear values, after the one scale that makes it smallest: how bright a surface is cannot be
            told from how bright the flash was.
        novel: RMSE of display-encoded renderings, mean over the other lamps. Their brightness is the one that fits the
            flash photograph.
        flash: PSNR of the re-rendered flash photograph, display-encoded, dB.
        seconds: that the answer took.
    """

    normals: float
    flat: float
    roughness: float
    base_color: float
    novel: float
    flash: float
    seconds: float


@dataclass(frozen=True)
class Bars:
    """What a tool's means must not exceed.

    Attributes:
        normals: share of the flat normals' error.
        roughness: see :class:`Scores`.
        base_color: likewise.
        novel: likewise.
    """

    normals: float
    roughness: float
    base_color: float
    novel: float


#: Makes an answer from the photographs.
Method: TypeAlias = Callable[[Photographed], Answer]


def answer(made: Callable[[], Material]) -> Answer:
    """What a tool returns, timed.

    Args:
        made: the call. The material's parameters may name the ``rectangle`` of the photograph that its maps stand for,
            ``[x, y, width, height]`` in pixels; without it they stand for all of it.

    Raises:
        MatshotError: the tool's, or if the maps are not as large as their rectangle.
    """
    start = time.perf_counter()
    material = made()
    seconds = time.perf_counter() - start
    whole = [0, 0, material.width, material.height]
    x, y, width, height = material.parameters.get("rectangle", whole)
    if [width, height] != whole[2:]:
        raise MatshotError(f"The maps are {whole[2]} x {whole[3]} and their rectangle {width} x {height} pixels.")
    return Answer(surface_of(material), (y, x), seconds)


def trivial_answer(photograph: Pixels) -> Surface:
    """Flat, roughness 0.6, no metal, and as base color the photograph divided by its own blur.

    Args:
        photograph: ``H x W x 3``, display-encoded.
    """
    light = linear_from_srgb(photograph)
    deviation = _SHADING * max(light.shape[:2])
    shading = gaussian_filter(light, (deviation, deviation, 0), mode="nearest")
    return Surface.of((light / np.maximum(shading, 1e-4) * light.mean(axis=(0, 1))).clip(0, 1), roughness=0.6)


def trivial(subject: Photographed) -> Answer:
    """The trivial answer to the flash photograph."""
    start = time.perf_counter()
    surface = trivial_answer(subject.flash)
    return Answer(surface, seconds=time.perf_counter() - start)


def true_maps(subject: Photographed) -> Answer:
    """The truth as an answer: what remains is the difference of two renderers, noise and JPEG."""
    return Answer(subject.truth)


def exposure(radiance: Pixels, photograph: Pixels) -> float:
    """The brightness of the lamp that makes a rendering fit a photograph best, by least squares of linear values.

    Args:
        radiance: rendered under intensity 1, ``H x W x 3``.
        photograph: same shape, display-encoded; pixels with a saturated channel do not count.
    """
    seen = photograph.max(axis=2) < SATURATED
    rendered, light = radiance[seen].astype(np.float64), linear_from_srgb(photograph[seen])
    squared = float((rendered * rendered).sum())
    return float((rendered * light).sum()) / squared if squared > 0 else 1.0


def lit(found: Answer, camera: Camera, light: Vector) -> Pixels:
    """Radiance of an answer's part of a camera's picture under a point light of intensity 1."""
    return render(found.surface, camera.cut(*found.place), [PointLight(light)])


def pictured(radiance: Pixels) -> Pixels:
    """Radiance as a photograph shows it: clipped and display-encoded."""
    return srgb_from_linear(radiance.clip(0, 1))


def rmse(result: Image, truth: Image) -> float:
    """Root of the mean square of the difference.

    Raises:
        ValueError: for shapes that differ, which would be spread over each other.
    """
    if result.shape != truth.shape:
        raise ValueError(f"The shapes differ: {result.shape} and {truth.shape}.")
    return float(np.sqrt(np.mean(np.square(result.astype(np.float64) - truth))))


def psnr(result: Image, truth: Image) -> float:
    """Peak signal-to-noise ratio in dB, peak 1."""
    return float(-20 * np.log10(max(rmse(result, truth), 1e-9)))


def scores(found: Answer, subject: Photographed) -> Scores:
    """Compare an answer with the truth and with the photographs."""
    truth, photograph = subject.truth.cut(*found.place), subject.flash[found.place]
    flash = lit(found, subject.camera, subject.light)
    brightness = exposure(flash, photograph)
    others = [
        rmse(pictured(brightness * lit(found, subject.camera, position)), pictured(seen[found.place]))
        for position, seen in zip(subject.novel_lights, subject.novel, strict=True)
    ]
    color, true_color = (surface.base_color.astype(np.float64) for surface in (found.surface, truth))
    scale = (color * true_color).sum() / max((color * color).sum(), 1e-12)
    upright = np.broadcast_to(np.array([0.0, 0.0, 1.0]), truth.normal.shape)
    return Scores(
        measures.angular_error(found.surface.normal, truth.normal),
        measures.angular_error(upright, truth.normal),
        rmse(found.surface.roughness, truth.roughness),
        rmse(scale * color, true_color),
        float(np.mean(others)),
        psnr(pictured(brightness * flash), photograph),
        found.seconds,
    )


@dataclass(frozen=True)
class Comparison:
    """Methods beside each other.

    Attributes:
        results: scores by method and material.
        refusals: a sentence for each that a method refused.
    """

    results: Mapping[str, Mapping[str, Scores]]
    refusals: tuple[str, ...]

    @property
    def answered(self) -> list[str]:
        """Materials that every method answered."""
        first, *others = self.results.values()
        return [name for name in first if all(name in other for other in others)]

    @property
    def means(self) -> dict[str, Scores]:
        """Of each method over the materials that every one answered; NaN without any."""
        return {method: _mean(found[name] for name in self.answered) for method, found in self.results.items()}

    def text(self, shown: str, bars: Bars | None = None) -> str:
        """Two tables: means of every method, and one method material by material.

        Args:
            shown: the method that is the tool, whose figures the second table shows.
            bars: what is wanted of it.
        """
        means, answered = self.means, self.answered
        header = ["method", "normals", "of flat", "roughness", "base color", "novel lights", "flash dB", "s"]
        rows = [[f"**{name}**" if name == shown else name, *_cells(found)] for name, found in means.items()]
        heading = f"Means over {len(answered)} materials."
        if bars is not None:
            figures = [(bars.normals, 2), (bars.roughness, 3), (bars.base_color, 3), (bars.novel, 3)]
            rows.append(["*wanted, at most*", "", *(report.number(*figure) for figure in figures), "", ""])
            heading += f" {shown}: {', '.join(_verdicts(means[shown], bars))}."
        single = [[name, *_cells(self.results[shown][name])] for name in answered]
        one_by_one = report.table(["material", *header[1:]], single)
        tables = [report.table(header, rows), f"{shown}, one by one:", one_by_one]
        return "\n\n".join([heading, *tables, *self.refusals])


def comparison(methods: Mapping[str, Method], subjects: Sequence[Photographed]) -> Comparison:
    """Score every method's answers, material by material, in the order of the methods."""
    results: dict[str, dict[str, Scores]] = {name: {} for name in methods}
    refusals = []
    for subject in subjects:
        for name, method in methods.items():
            report.say(f"{subject.name}: {name}")
            try:
                results[name][subject.name] = scores(method(subject), subject)
            except MatshotError as refusal:
                refusals.append(f"{name} refuses {subject.name}: {refusal}")
    return Comparison(results, tuple(refusals))


def verdict(passed: bool) -> str:
    """A word for a table."""
    return "ok" if passed else "**FAILS**"


def _mean(found: Iterable[Scores]) -> Scores:
    """Figure by figure."""
    rows = np.array([astuple(one) for one in found])
    return Scores(*(rows.mean(axis=0).tolist() if len(rows) else [float("nan")] * len(fields(Scores))))


def _cells(one: Scores) -> list[str]:
    # Of a surface that is all but flat the ratio says nothing.
    ratio = one.normals / one.flat if one.flat > 0.5 else float("nan")
    figures = [(one.normals, 2), (ratio, 2), (one.roughness, 3), (one.base_color, 3), (one.novel, 3)]
    return [report.number(value, digits) for value, digits in [*figures, (one.flash, 2), (one.seconds, 1)]]


def _verdicts(means: Scores, bars: Bars) -> list[str]:
    reached = {
        "normals": means.normals <= bars.normals * means.flat,
        "roughness": means.roughness <= bars.roughness,
        "base color": means.base_color <= bars.base_color,
        "novel lights": means.novel <= bars.novel,
    }
    return [f"{name} {verdict(passed)}" for name, passed in reached.items()]
