"""Style: how near engines come to a look, what they keep of the content, and how long they take.

    python -m bench.synthesis.style --data DIR [--limit N] [--skip-slow] [--write]

Every base color of ``materials/val`` takes the look of another one. ``--skip-slow`` leaves out 4096 px.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from bench import images, measures, report
from bench.measures import Image
from bench.synthesis import measures as synthesis_measures
from bench.synthesis.surfaces import generated
from matshot.image.types import Texture
from matshot.material.types import Material
from matshot.shading.sheet import labeled_row, sheet
from matshot.synthesis.fast_style import fast_styled
from matshot.synthesis.standard_colors import palette_of
from matshot.synthesis.style import StyleOptions, style

NAME = "synthesis.style"

#: Side of contents and looks in pixels.
_SIDE = 256
#: Places from a content to its look in the list of materials.
_STEP = 4
#: Deviation in pixels beyond which structure is the content's.
_COARSE = 4.0
#: Sides for which the fast engine is timed.
_SIDES = (1024, 2048, 4096)
#: Seconds that are wanted for the last of them.
_WANTED = 20.0
#: Contents and looks of the picture.
_SHOWN = (("bricks", "moss"), ("stones", "plaster"), ("plaster", "sand"))


@dataclass(frozen=True)
class Styled:
    """A result, and the seconds it took: of the clock, and of all processors."""

    picture: Image
    seconds: float
    processor: float


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    pictures = [
        _small(images.as_rgb(images.read_image(file)))
        for _, file in images.material_maps(options.data, "basecolor", options.limit)
    ]
    pairs = [(pictures[number], pictures[(number + _STEP) % len(pictures)]) for number in range(len(pictures))]
    text = [
        report.conditions(report.command(NAME, options)),
        f"{len(pairs)} base colors of {_SIDE} px take the look of others. *SWD*: patches of 7 x 7"
        " px against the look's, mean, times 1000. *Structure*: correlation of lightness with the content's beyond "
        f"{_COARSE:g} px, in its absolute value. *Colors alone* gives the content the look's palette and nothing else. "
        f"{report.THREADS} threads; seconds of one picture.",
        _table(pairs),
        "### Large pictures",
        f"Engine `fast` on generated bricks; less than {_WANTED:g} s are wanted for 4096 px. "
        f"*CPU s / {report.THREADS}*: what it takes where nothing else runs. *Tiles*: largest difference between tiles "
        "of 256 px and one of 1024 px, in 1/255. *Edges*: steps across the edges of a tileable result, in parts of "
        "those inside.",
        _growth(pictures, options),
    ]
    if options.write:
        file = report.PICTURES / "style_engines.jpg"
        images.write_picture(file, _sheet())
        text.append(f"![Contents, looks and both engines](docs/images/{file.name})")
    return report.Section(NAME, "Style", "\n\n".join(text))


def _small(picture: Image) -> Image:
    """The middle of a picture, at half its size where that is large enough."""
    while min(picture.shape[:2]) >= 2 * _SIDE:
        height, width = (side // 2 for side in picture.shape[:2])
        picture = measures.resized(picture, height, width).clip(0, 1)
    return np.ascontiguousarray(synthesis_measures.middle(picture, _SIDE), dtype=np.float32)


def _engine(name: str, strength: float) -> Callable[[Image, Image], Image]:
    def styled(content: Image, look: Image) -> Image:
        if name == "colors":
            return palette_of(look).colored(palette_of(content).standard(content)).clip(0, 1)
        materials = (Material({"basecolor": Texture(picture)}) for picture in (content, look))
        chosen = StyleOptions(strength=strength, engine=name, threads=report.THREADS)  # type: ignore[arg-type]
        return style(*materials, chosen).maps["basecolor"].pixels

    return styled


def _styled(engine: Callable[[Image, Image], Image], pairs: list[tuple[Image, Image]]) -> Iterator[Styled]:
    for content, look in pairs:
        began, used = time.perf_counter(), time.process_time()
        picture = engine(content, look)
        yield Styled(picture, time.perf_counter() - began, time.process_time() - used)


def _table(pairs: list[tuple[Image, Image]]) -> str:
    header = ["", "strength", "SWD", "structure", "s", "CPU s"]
    rows = []
    for title, name, strength in (
        ("colors alone", "colors", 0.0),
        ("optimize", "optimize", 0.7),
        ("fast", "fast", 0.7),
        ("fast", "fast", 1.0),
    ):
        report.say(f"{NAME}: {title} at {strength:g}")
        results = list(_styled(_engine(name, strength), pairs))
        distances = [
            synthesis_measures.patch_swd(one.picture, look) for one, (_, look) in zip(results, pairs, strict=True)
        ]
        kept = [_structure(one.picture, content) for one, (content, _) in zip(results, pairs, strict=True)]
        rows.append(
            [
                title,
                f"{strength:g}" if strength else "",
                f"{1000 * float(np.mean(distances)):.1f}",
                f"{float(np.mean(kept)):.2f}",
                f"{float(np.mean([one.seconds for one in results])):.2f}",
                f"{float(np.mean([one.processor for one in results])):.2f}",
            ]
        )
    return report.table(header, rows)


def _structure(result: Image, content: Image) -> float:
    """Absolute correlation of both pictures' coarse lightness."""
    planes = [scipy.ndimage.gaussian_filter(measures.luma(picture), _COARSE).ravel() for picture in (result, content)]
    return abs(float(np.corrcoef(*planes)[0, 1]))


def _growth(pictures: list[Image], options: argparse.Namespace) -> str:
    """Time, memory and exactness by size."""
    header = ["px", "s", f"CPU s / {report.THREADS}", "peak memory, MB", "tiles", "edges"]
    look, rows = pictures[-1], []
    for side in _SIDES[: -1 if options.skip_slow else None]:
        report.say(f"{NAME}: {side} px")
        content = np.ascontiguousarray(np.tile(generated("bricks", _SIDE), (side // _SIDE, side // _SIDE, 1)))
        began, used = time.perf_counter(), time.process_time()
        result = fast_styled(content, look, ("xy", "none"), threads=report.THREADS)
        seconds, processor = time.perf_counter() - began, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        cells = ["", ""]
        if side == _SIDES[0]:
            tiles = fast_styled(content, look, ("xy", "none"), threads=report.THREADS, tile=256)
            ratios = [synthesis_measures.seam(result, axis).ratio for axis in "xy"]
            cells = [f"{255 * float(np.abs(tiles - result).max()):.3f}", " / ".join(f"{one:.2f}" for one in ratios)]
        rows.append([str(side), f"{seconds:.1f}", f"{processor / report.THREADS:.1f}", f"{peak:.0f}", *cells])
    return report.table(header, rows)


def _sheet() -> Image:
    rows = []
    for names in _SHOWN:
        content, look = (np.ascontiguousarray(generated(name, _SIDE)) for name in names)
        results = [_engine(name, 0.7)(content, look) for name in ("optimize", "fast")]
        rows.append(labeled_row([content, look, *results], [*names, "optimize", "fast"]))
    return sheet(rows)


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__))
