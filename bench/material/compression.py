"""Compressed textures: quality and time of each codec, beside etcpak in the same run.

    python -m bench.material.compression --data DIR [--limit N] [--write]

Both encode strips of a map on all cores, and OpenImageIO decodes both. etcpak comes from the package index:
``pip install etcpak``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import images, peers, report
from matshot.image.blocks import BC1, BC3, BC4, BC5, BC6H, BC7, Codec, encoded_blocks
from matshot.image.dds import dds_file
from matshot.image.reader import read_texture

NAME = "material.compression"

#: Codecs, the maps that are encoded by them, and their channels.
_CASES = (
    (BC1, "basecolor", 3),
    (BC3, "basecolor", 4),
    (BC7, "basecolor", 3),
    (BC5, "normal_gl", 2),
    (BC4, "roughness", 1),
    (BC6H, "basecolor", 3),
)

#: How bright the base colors are that stand for light.
_BRIGHT = 8.0

#: Rows of a strip that a thread of the peer encodes, and how often each picture is timed.
_ROWS = 128
_ROUNDS = 3

#: Codecs that the peer has.
_PEER = ("BC1", "BC3", "BC4", "BC5", "BC7")


@dataclass
class _Score:
    """Sums over pictures: squared error in decibels, seconds and pixels."""

    decibels: float = 0.0
    seconds: float = 0.0
    pixels: int = 0
    pictures: int = 0

    def cells(self) -> list[str]:
        """Quality, and millions of pixels a second."""
        if not self.pictures:
            return ["", ""]
        return [f"{self.decibels / self.pictures:.2f}", f"{self.pixels / self.seconds / 1e6:.1f}"]


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for codec, kind, channels in _CASES:
            report.say(f"{NAME}: {codec.name}")
            scores = {"Matshot": _Score(), "etcpak": _Score()}
            for _, path in images.material_maps(options.data, kind, options.limit):
                values = _values(path, channels, codec)
                ways = {"Matshot": _matshot(values, codec), "etcpak": _etcpak(values, codec)}
                for title, way in ways.items():
                    if way is not None:
                        _add(scores[title], way, values, codec, Path(place) / "a.dds")
            rows.append([codec.name, kind, *scores["Matshot"].cells(), *scores["etcpak"].cells()])
    header = ["codec", "maps", "Matshot, dB", "Mpx/s", "etcpak, dB", "Mpx/s "]
    text = [
        report.conditions(report.command(NAME, options), ["ispc-texcomp", "etcpak", "OpenImageIO"]),
        "Maps of held-out materials without their mips, with all cores; the best of three times, interleaved. PSNR of "
        f"the channels that are encoded; for BC6H of base colors {_BRIGHT:g} times as bright. etcpak has no BC6H.",
        report.table(header, rows, ("maps",)),
    ]
    return report.Section(NAME, "Compressed textures", "\n\n".join(text))


def _values(path: Path, channels: int, codec: Codec) -> NDArray[Any]:
    """A map as a file holds it."""
    whole = images.read_image(path)
    whole = images.as_rgb(whole)[..., :3]
    if channels == 4:
        whole = np.concatenate([whole, whole[..., 1:2]], axis=2)  # alpha with detail
    whole = whole[: len(whole) // 4 * 4, : whole.shape[1] // 4 * 4, :channels]
    return (whole * _BRIGHT).astype(np.float16) if codec is BC6H else np.rint(whole * 255).astype(np.uint8)


def _matshot(values: NDArray[Any], codec: Codec) -> Callable[[], bytes]:
    return lambda: encoded_blocks(values, codec)


def _etcpak(values: NDArray[Any], codec: Codec) -> Callable[[], bytes] | None:
    """The peer's encoder; None where it has none, or is not installed."""
    if codec.name not in _PEER or peers.version("etcpak") == "not installed":
        return None
    import etcpak

    height, width, count = values.shape
    four = np.full((height, width, 4), 255, np.uint8)
    four[..., :count] = values
    strips = [four[top : top + _ROWS] for top in range(0, height, _ROWS)]
    more = (etcpak.BC7CompressBlockParams(),) if codec is BC7 else ()

    compress = getattr(etcpak, f"compress_{codec.name.lower()}")

    def encode(strip: NDArray[np.uint8]) -> bytes:
        return bytes(compress(strip.tobytes(), width, len(strip), *more))

    def encoded() -> bytes:
        with ThreadPoolExecutor() as pool:
            return b"".join(pool.map(encode, strips))

    return encoded


def _add(score: _Score, way: Callable[[], bytes], values: NDArray[Any], codec: Codec, file: Path) -> None:
    """Add one picture's figures to a score."""
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        blocks = way()
        best = min(best, time.perf_counter() - start)
    height, width, count = values.shape
    file.write_bytes(dds_file([blocks], codec, width, height, opaque=count < 4))
    found = read_texture(file, encoding="data").pixels[..., :count] / (_BRIGHT if codec is BC6H else 1)
    wanted = values.astype(np.float64) / (_BRIGHT if codec is BC6H else 255)
    error = float(np.mean((found - wanted) ** 2))
    score.decibels += -10 * np.log10(max(error, 1e-12))
    score.seconds += best
    score.pixels += width * height
    score.pictures += 1


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__))
