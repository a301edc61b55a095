"""Set5 and Set14, twice as large: Matshot beside waifu2x and SPAN.

    python -m bench.upscale.x2 --data DIR [--write]

Prints one table over DIR/eval/Set5 and DIR/eval/Set14.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from bench import images, measures, peers, report
from bench.measures import Image
from bench.upscale import contestants
from bench.upscale.contestants import Contestant

NAME = "upscale_x2"
SCALE = 2
SETS = ("Set5", "Set14")


def _bicubic() -> Contestant:
    """MATLAB's own, so that the row can be compared with any paper's."""

    def enlarge(image: Image, wrap: str) -> Image:
        return measures.resized(image, image.shape[0] * SCALE, image.shape[1] * SCALE, wrap)

    return Contestant("bicubic", enlarge)


_MAKERS = [
    ("bicubic", _bicubic),
    *((peer.title, partial(contestants.peer, peer)) for peer in peers.PEERS_X2),
    (
        "Matshot fidelity",
        partial(contestants.tool, "Matshot fidelity", SCALE, model="fidelity_x2", look="fidelity"),
    ),
    ("Matshot detail (x4, shrunk)", partial(contestants.tool, "Matshot detail (x4, shrunk)", SCALE, look="detail")),
]


def _pictures(folder: Path, limit: int | None) -> list[Image]:
    paths = sorted(folder.glob("*.png"))[:limit]
    if not paths:
        raise SystemExit(f"there are no images in {folder}")
    return [images.read_image(path) for path in paths]


def _psnr(one: Contestant, picture: Image) -> float:
    """PSNR-Y of one image; a grey one goes through as grey colour, as is customary for these sets."""
    height, width = (size // SCALE * SCALE for size in picture.shape[:2])
    truth = images.as_rgb(picture)[:height, :width]
    low = measures.as_stored(measures.resized(truth, height // SCALE, width // SCALE))
    return measures.psnr_y(np.clip(one.enlarge(low, "none"), 0, 1), truth, SCALE)


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
        *lines,
    ]
    return report.Section(NAME, f"Customary test images, x{SCALE}", "\n\n".join(text))


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__))
