"""Making seamless: seams of what was nearly tileable and of what was not, and how much of it stays as it was.

    python -m bench.synthesis.tile --data DIR [--limit N] [--write]

Held-out materials repeat already, all but exactly. *Nearly*: a thirty-second of each side is cut off. *Not*: the middle
half, enough for a border that has nothing to do with the opposite one.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from bench import images, measures, report
from bench.synthesis import measures as synthesis_measures
from matshot.material.folder import load_material
from matshot.material.resize import downsampled_material
from matshot.material.types import Material
from matshot.synthesis.tile import tile

NAME = "synthesis.tile"

#: Longer side of the materials that are cut.
_SIDE = 1024
#: First and last pixel of a cut in parts of a side.
_CUTS = {"nearly": (0.0, 31 / 32), "not": (1 / 4, 3 / 4)}
#: Bounds: of the step across a seam in parts of those inside, and of what changes of a nearly tileable texture.
_SEAM = 0.05
_CHANGED = 0.15


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    header = ["", "tileable", "px", "result", "s", "base color seam before", "after", "inside", "all maps, mean"]
    header += ["farthest map", "its seam", "inside", "changed"]
    rows, edges, changes = [], [], []
    for name, path in images.material_maps(options.data, "basecolor", options.limit):
        whole = downsampled_material(load_material(path.parent), _SIDE)
        for title, (first, last) in _CUTS.items():
            report.say(f"{NAME}: {name}, {title}")
            source = _cut(whole, first, last)
            began = time.perf_counter()
            result = tile(source)
            seconds = time.perf_counter() - began
            before, after = (
                synthesis_measures.seams({kind: texture.pixels for kind, texture in material.maps.items()})
                for material in (source, result)
            )
            edges += after.values()
            farthest = max(after, key=lambda place: abs(after[place].ratio - 1))
            changed = _changed(result, source)
            if title == "nearly":
                changes.append(changed)
            color = ("basecolor x", "basecolor y")
            rows.append(
                [
                    name,
                    title,
                    f"{source.width} x {source.height}",
                    f"{result.width} x {result.height}",
                    f"{seconds:.1f}",
                    ", ".join(f"{before[place].ratio:.2f}" for place in color),
                    ", ".join(f"{after[place].ratio:.2f}" for place in color),
                    ", ".join(f"{after[place].spread:.2f}" for place in color),
                    f"{np.mean([edge.ratio for edge in after.values()]):.3f}",
                    farthest,
                    f"{after[farthest].ratio:.2f}",
                    f"{after[farthest].spread:.2f}",
                    f"{changed:.0%}",
                ]
            )
    text = [
        report.conditions(report.command(NAME, options)),
        "`tile` with its defaults, on material folders. *Seam*: mean absolute step across the wrap edge in parts of "
        "the mean step inside, x and y; *inside*: standard deviation of the same figure between columns or rows "
        "inside. *Changed*: share of the output's pixels outside its largest connected piece of the source's base "
        "color; what is cut off is not counted.",
        report.table(header, rows, words=("tileable", "farthest map")),
        f"{synthesis_measures.seam_summary(edges, _SEAM)} Of nearly tileable textures at most {max(changes):.0%} "
        f"changed; the target is {_CHANGED:.0%}.",
    ]
    return report.Section(NAME, "Seamless tiles", "\n\n".join(text))


def _cut(material: Material, first: float, last: float) -> Material:
    rows, columns = (slice(round(first * side), round(last * side)) for side in (material.height, material.width))
    return material.with_maps(
        {
            kind: texture.with_pixels(np.ascontiguousarray(texture.pixels[rows, columns]))
            for kind, texture in material.maps.items()
        }
    )


def _changed(result: Material, source: Material) -> float:
    """Part of a result's base color that is not the source's in one piece."""
    ours, theirs = (measures.as_stored(material.maps["basecolor"].pixels) for material in (result, source))
    copy = synthesis_measures.longest_copy(ours, theirs)
    return 1 - copy.region**2 * (theirs.shape[0] * theirs.shape[1]) / (ours.shape[0] * ours.shape[1])


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__))
