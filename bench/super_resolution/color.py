"""Color textures, four times larger: Matshot beside older methods and beside other people's networks.

    python -m bench.super_resolution.color --data DIR [--skip-slow] [--write]

Prints one table over DIR/materials/val/*/basecolor.*; with --write it also makes docs/images/upscale_color.jpg.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from bench import images, measures, peers, report
from bench.measures import Image
from bench.super_resolution import contestants
from bench.super_resolution.contestants import Contestant

NAME = "super_resolution.color"
_PICTURE = "upscale_color.jpg"
SCALE = 4

#: Largest side of the crops that are enlarged back to.
SIDE = 512

#: What the picture shows, left to right, before the truth.
PICTURED = ("bicubic", peers.SPAN_X4.title, "Matshot fidelity", "Matshot detail")
DETAIL = 128

_MAKERS = [
    ("nearest", partial(contestants.tool, "nearest", SCALE, method="nearest")),
    ("bicubic", partial(contestants.tool, "bicubic", SCALE, method="bicubic")),
    ("Lanczos", partial(contestants.tool, "Lanczos", SCALE, method="lanczos")),
    ("Lanczos + sharpening", partial(contestants.tool, "Lanczos + sharpening", SCALE, method="lanczos_sharp")),
    (
        "sparse coding",
        partial(contestants.tool, "sparse coding", SCALE, model="sparse_coding_x4", method="sparse_coding"),
    ),
    ("SRCAE", partial(contestants.tool, "SRCAE", SCALE, model="srcae_x4", method="srcae")),
    (
        "Matshot fidelity",
        partial(contestants.tool, "Matshot fidelity", SCALE, model="fidelity_x4", look="fidelity"),
    ),
    ("Matshot detail", partial(contestants.tool, "Matshot detail", SCALE, model="detail_x4", look="detail")),
    *((peer.title, partial(contestants.peer, peer)) for peer in peers.PEERS_X4),
]


def crop(image: Image, side: int = SIDE) -> Image:
    """The top-left square of at most ``side`` pixels, a multiple of 16."""
    side = min(side, *(size // 16 * 16 for size in image.shape[:2]))
    return images.as_rgb(image)[:side, :side]


def shrunk(truth: Image, scale: int = SCALE) -> Image:
    """What the methods are given: antialiased bicubic, 8 bit."""
    return measures.as_stored(measures.resized(truth, truth.shape[0] // scale, truth.shape[1] // scale))


def scores(result: Image, truth: Image, scale: int = SCALE) -> tuple[float, ...]:
    """PSNR-Y, SSIM, ST-LPIPS (NaN when it cannot be computed) and color shift."""
    try:
        distance = measures.perceptual(result, truth)
    except ModuleNotFoundError:
        distance = float("nan")
    psnr = measures.psnr_y(result, truth, scale)
    return psnr, measures.ssim_y(result, truth, scale), distance, measures.color_shift(result, truth)


def most_varied(truth: Image, side: int = DETAIL) -> tuple[slice, slice]:
    """The window whose brightness varies most: chosen from the truth alone, so that no method is favored."""
    luma = measures.luma(truth)
    step = side // 2
    corners = [
        (y, x)
        for y in range(0, truth.shape[0] - side + 1, step)
        for x in range(0, truth.shape[1] - side + 1, step)
    ]  # fmt: skip
    y, x = max(corners, key=lambda corner: luma[corner[0] : corner[0] + side, corner[1] : corner[1] + side].std())
    return slice(y, y + side), slice(x, x + side)


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    field, lines = contestants.available(_MAKERS, skip_slow=options.skip_slow)
    found: dict[str, list[tuple[float, ...]]] = {one.title: [] for one in field}
    names, pictures = [], []
    for number, (name, path) in enumerate(images.material_maps(options.data, "basecolor", options.limit)):
        report.say(f"{NAME}: {name}")
        truth = crop(images.read_image(path))
        low = shrunk(truth)
        window = most_varied(truth)
        row = {}
        for one in field:
            result = np.clip(one.enlarge(low, "none"), 0, 1)
            found[one.title].append(scores(result, truth))
            row[one.title] = result[window]
        names.append(name)
        # Every second of the eleven textures fills a picture that still fits a page.
        if number % 2 == 0:
            pictures.append([row[title] for title in PICTURED if title in row] + [truth[window]])
    shown = [title for title in PICTURED if title in found]
    if options.write:
        sheet = images.contact_sheet([*shown, "truth"], pictures)
        images.write_picture(report.PICTURES / _PICTURE, sheet)
    if np.isnan([score[2] for every in found.values() for score in every]).any():
        lines.append("ST-LPIPS is left out: pip install torch, pip install --no-deps stlpips-pytorch")
    report.say(f"{NAME}: times")
    text = [
        report.conditions(report.command(NAME, options), ["ncnn", *{peer.package: None for peer in peers.PEERS_X4}]),
        f"{len(names)} held-out base-color textures, {SIDE} px, shrunk by antialiased bicubic to 8 bit and enlarged "
        f"x{SCALE}. PSNR and SSIM of Y, {SCALE} px cut; ST-LPIPS over VGG16, lower is better; color shift is how far "
        f"the mean color moves, of 255. Seconds for one {contestants.TIMED_SIDE} px texture on {report.THREADS} "
        f"threads: the network alone, and the whole call of the tool; x SPAN is the ratio to {peers.SPAN_X4.title}.",
        _table(field, found),
        _table_of_textures(names, {title: found[title] for title in shown}),
        f"![{', '.join([*shown, 'truth'])}](docs/images/{_PICTURE})",
        f"Left to right: {', '.join([*shown, 'truth'])}; where each texture varies most.",
        *lines,
    ]
    return report.Section(NAME, f"Color, x{SCALE}", "\n\n".join(text))


def _table(field: list[Contestant], found: dict[str, list[tuple[float, ...]]]) -> str:
    alone, whole = contestants.seconds(field)
    rows = []
    for one in field:
        psnr, ssim, distance, shift = np.mean(found[one.title], axis=0)
        figures = [f"{psnr:.2f}", f"{ssim:.3f}", report.number(distance, 3), f"{shift:.2f}"]
        rows.append([one.title, *figures, *report.time_columns(one.title, peers.SPAN_X4.title, alone, whole)])
    header = ["method", "PSNR-Y dB", "SSIM", "ST-LPIPS", "color shift", "network s", "x SPAN", "call s", "x SPAN"]
    return report.table(header, rows)


def _table_of_textures(names: list[str], found: dict[str, list[tuple[float, ...]]]) -> str:
    header = ["PSNR-Y dB / ST-LPIPS", *found]
    rows = [
        [name, *(f"{every[i][0]:.2f} / {report.number(every[i][2], 3)}" for every in found.values())]
        for i, name in enumerate(names)
    ]
    return report.table(header, rows)


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__))
