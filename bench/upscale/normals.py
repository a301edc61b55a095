"""Normal maps, four times larger: Matshot beside wrapped bicubic, and what colour networks do to normals.

    python -m bench.upscale.normals --data DIR [--skip-slow] [--write]

Prints one table over DIR/materials/val/*/normal_gl.*.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from bench import images, measures, peers, report
from bench.measures import Image
from bench.upscale import contestants
from bench.upscale.contestants import Contestant
from matshot.image.wrap import measured_wrap

NAME = "upscale_normals"
SCALE = 4
BASELINE = "wrapped bicubic"
OURS = "Matshot normals"

#: Degrees of wrapped bicubic below which a map is as good as flat, and a ratio to it says nothing.
FLAT = 0.05


def _bicubic() -> Contestant:
    def enlarge(encoded: Image, wrap: str) -> Image:
        return measures.resized(encoded, encoded.shape[0] * SCALE, encoded.shape[1] * SCALE, wrap)

    return Contestant(BASELINE, enlarge)


def _tool() -> Contestant:
    vectors = contestants.tool(OURS, SCALE, model="normal_x4", encoding="normal")

    def enlarge(encoded: Image, wrap: str) -> Image:
        return vectors.enlarge(measures.unit_vectors(encoded), wrap) / 2 + 0.5

    return Contestant(OURS, enlarge)


_MAKERS = [
    (BASELINE, _bicubic),
    (OURS, _tool),
    *((peer.title, partial(contestants.peer, peer)) for peer in peers.PEERS_X4),
]


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    field, lines = contestants.available(_MAKERS, skip_slow=options.skip_slow)
    maps = images.material_maps(options.data, "normal_gl", options.limit)
    errors: dict[str, list[float]] = {one.title: [] for one in field}
    labels, longest = [], 0.0
    for name, path in maps:
        report.say(f"{NAME}: {name}")
        encoded = images.as_rgb(images.read_image(path))
        encoded = encoded[: encoded.shape[0] // SCALE * SCALE, : encoded.shape[1] // SCALE * SCALE]
        wrap = measured_wrap(encoded.astype(np.float32))
        height, width = encoded.shape[0] // SCALE, encoded.shape[1] // SCALE
        low = measures.as_stored(measures.resized(encoded, height, width, wrap))
        truth = measures.unit_vectors(encoded)
        for one in field:
            result = one.enlarge(low, wrap)
            if one.title == OURS:
                longest = max(longest, float(np.abs(np.linalg.norm(result * 2 - 1, axis=2) - 1).max()))
            errors[one.title].append(measures.angular_error(measures.unit_vectors(result), truth))
        labels.append(f"{name} (wraps: {wrap})")
    if OURS in errors:
        lines.insert(0, f"Vectors of the result are unit to {longest:.1e}.")
    base = errors[BASELINE]
    rows = []
    for number, label in enumerate(labels):
        rows.append([label, *(_cell(every[number], base[number]) for every in errors.values())])
    rows.append(["**mean**", *(f"**{_cell(np.mean(every), np.mean(base))}**" for every in errors.values())])
    bumpy = [number for number, error in enumerate(base) if error > FLAT]
    ratios = (np.mean([every[number] / base[number] for number in bumpy]) for every in errors.values())
    rows.append([f"mean ratio of the {len(bumpy)} that are not flat", *(f"{ratio:.3f}" for ratio in ratios)])
    text = [
        report.conditions(report.command(NAME, options), ["ncnn", *{peer.package: None for peer in peers.PEERS_X4}]),
        f"{len(labels)} held-out normal maps, whole, shrunk by antialiased bicubic (wrapped where they wrap) to 8 bit "
        f"and enlarged x{SCALE}. Mean angle to the truth in degrees, and in brackets its ratio to wrapped bicubic's. "
        "Every result is made unit first; the peers get the map as a colour image, surrounded by itself.",
        report.table(["map", *errors], rows),
        *lines,
    ]
    return report.Section(NAME, f"Normal maps, x{SCALE}", "\n\n".join(text))


def _cell(error: float, base: float) -> str:
    return f"{error:.2f} ({error / base:.3f})" if base > FLAT else f"{error:.2f}"


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__))
