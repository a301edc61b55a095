"""Twice as large: Matshot beside waifu2x and SPAN.

    python -m bench.super_resolution.x2 --data DIR [--write]

Prints one table over DIR/eval/Set5 and DIR/eval/Set14, and one over the base color of DIR/materials/val.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from bench import images, measures, peers, report
from bench.measures import Image
from bench.super_resolution import color, contestants
from bench.super_resolution.contestants import Contestant

NAME = "super_resolution.x2"
SCALE = 2
SETS = ("Set5", "Set14")


def _bicubic() -> Contestant:
    """MATLAB's own, so that the row can be compared with any paper's."""

    def enlarge(image: Image, wrap: str) -> Image:
        return measures.resized(image, image.shape[0] * SCALE, image.shape[1] * SCALE, wrap)

    return Contestant("bicubic", enlarge)


_MAKERS: list[tuple[str, Callable[[], Contestant]]] = [
    ("bicubic", _bicubic),
    *((peer.title, partial(contestants.peer, peer)) for peer in peers.PEERS_X2),
    (
        "Matshot fidelity",
        partial(contestants.tool, "Matshot fidelity", SCALE, model="fidelity_x2", look="fidelity"),
    ),
    ("Matshot detail", partial(contestants.tool, "Matshot detail", SCALE, model="detail_x2", look="detail")),
]


def _pictures(folder: Path, limit: int | None) -> list[Image]:
    paths = sorted(folder.glob("*.png"))[:limit]
    if not paths:
        raise SystemExit(f"{folder} holds no images")
    return [images.read_image(path) for path in paths]


def _psnr(one: Contestant, picture: Image) -> float:
    """PSNR-Y of one image; a gray one goes through as gray color, as is customary for these sets."""
    height, width = (size // SCALE * SCALE for size in picture.shape[:2])
    truth = images.as_rgb(picture)[:height, :width]
    low = measures.as_stored(measures.resized(truth, height // SCALE, width // SCALE))
    return measures.psnr_y(np.clip(one.enlarge(low, "none"), 0, 1), truth, SCALE)


def _textures(options: argparse.Namespace, field: list[Contestant]) -> str:
    """The table of materials' base color."""
    found: dict[str, list[tuple[float, ...]]] = {one.title: [] for one in field}
    for name, path in images.material_maps(options.data, "basecolor", options.limit):
        report.say(f"{NAME}: {name}")
        truth = color.crop(images.read_image(path))
        low = color.shrunk(truth, SCALE)
        for one in field:
            found[one.title].append(color.scores(np.clip(one.enlarge(low, "none"), 0, 1), truth, SCALE))
    rows = [
        [title, *map(report.number, np.mean(every, axis=0).tolist(), (2, 3, 4, 2))] for title, every in found.items()
    ]
    return (
        f"{len(next(iter(found.values())))} held-out base-color textures, {color.SIDE} px, in the same way. ST-LPIPS "
        "over VGG16, lower is better; color shift is how far the mean color moves, of 255.\n\n"
        + report.table(["method", "PSNR-Y dB", "SSIM", "ST-LPIPS", "color shift"], rows)
    )


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    field, lines = contestants.available(_MAKERS)
    pictures = {name: _pictures(options.data / "eval" / name, options.limit) for name in SETS}
    psnr: dict[str, list[float]] = {}
    for one in field:
        report.say(f"{NAME}: {one.title}")
        psnr[one.title] = [float(np.mean([_psnr(one, p) for p in pictures[name]])) for name in SETS]
    _, whole = contestants.seconds(field)
    reference = whole.get(peers.WAIFU2X_PHOTO.title)
    rows = [
        [
            one.title,
            *(f"{value:.2f}" for value in psnr[one.title]),
            f"{whole[one.title]:.4f}",
            f"{whole[one.title] / reference:.2f}" if reference else "",
        ]
        for one in field
    ]
    text = [
        report.conditions(report.command(NAME, options), ["ncnn", *{peer.package: None for peer in peers.PEERS_X2}]),
        f"PSNR-Y in dB, {SCALE} px cut, of images that were shrunk by antialiased bicubic to 8 bit. Seconds of the "
        f"whole call for one {contestants.TIMED_SIDE} px texture on {report.THREADS} threads.",
        report.table(["method", *(f"{name} dB" for name in SETS), "call s", "x waifu2x photo"], rows),
        _textures(options, field),
        *lines,
    ]
    return report.Section(NAME, f"Customary test images and textures, x{SCALE}", "\n\n".join(text))


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__))
