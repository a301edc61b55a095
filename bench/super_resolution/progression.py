"""The talk's progression: one auto-encoder trained with a regular loss, + a perceptual one, + an adversarial one.

    python -m bench.super_resolution.progression --data DIR [--write]

Prints one table over DIR/materials/val/*/basecolor.*; with --write it also makes docs/images/progression.jpg.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from bench import images, report
from bench.super_resolution import contestants
from bench.super_resolution.color import SCALE, SIDE, crop, most_varied, scores, shrunk

NAME = "super_resolution.progression"
_PICTURE = "progression.jpg"
DETAIL = 160

_MODELS = {
    "regular loss": "srcae_x4",
    "+ perceptual": "srcae_perceptual_x4",
    "+ adversarial": "srcae_adversarial_x4",
}
_MAKERS = [
    ("bicubic", partial(contestants.tool, "bicubic", SCALE, method="bicubic")),
    *((title, partial(contestants.single_model, title, name)) for title, name in _MODELS.items()),
]


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    field, lines = contestants.available(_MAKERS)
    found: dict[str, list[tuple[float, ...]]] = {one.title: [] for one in field}
    pictures = []
    for number, (name, path) in enumerate(images.material_maps(options.data, "basecolor", options.limit)):
        report.say(f"{NAME}: {name}")
        truth = crop(images.read_image(path))
        low = shrunk(truth)
        window = most_varied(truth, DETAIL)
        results = {one.title: np.clip(one.enlarge(low, "none"), 0, 1) for one in field}
        for title, result in results.items():
            found[title].append(scores(result, truth))
        if number % 3 == 0:
            pictures.append([result[window] for result in results.values()] + [truth[window]])
    columns = [*found, "truth"]
    if options.write:
        images.write_picture(report.PICTURES / _PICTURE, images.contact_sheet(columns, pictures))
    rows = []
    for title, every in found.items():
        psnr, ssim, distance, shift = np.mean(every, axis=0)
        model = f"`{_MODELS[title]}`" if title in _MODELS else ""
        rows.append([title, model, f"{psnr:.2f}", f"{ssim:.3f}", report.number(distance, 3), f"{shift:.2f}"])
    text = [
        report.conditions(report.command(NAME, options)),
        f"The same network and data, {len(found[field[0].title])} held-out textures, {SIDE} px, x{SCALE}, measured as "
        "by `upscale_color.py`. Each loss is added to those before it.",
        report.table(["loss", "model", "PSNR-Y dB", "SSIM", "ST-LPIPS", "color shift"], rows, words=("model",)),
        f"![{', '.join(columns)}](docs/images/{_PICTURE})",
        f"Left to right: {', '.join(columns)}.",
        *lines,
    ]
    return report.Section(NAME, "The talk's progression of losses", "\n\n".join(text))


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__))
