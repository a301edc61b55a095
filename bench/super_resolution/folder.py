"""A folder of textures, x4: one file after the other with libpng, and as it is done now.

    python -m bench.super_resolution.folder --data DIR [--limit N] [--write]

Both ways take turns in one process, a few files at a time, so that a busy machine slows both. Every pair of results
must hold the same pixels.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import OpenImageIO as oiio

from bench import images, report
from matshot.super_resolution import UpscaleOptions, upscale_all

NAME = "super_resolution.folder"

#: Textures, their side in pixels, and how many are enlarged in one turn.
_COUNT = 100
_SIDE = 512
_TURN = 10
_SCALE = 4

#: Maps that the textures are cut from, as many of each as there are.
_KINDS = ("basecolor", "normal_gl", "roughness")

#: What was written before: libpng with zlib's level 4.
_LEVEL = 4

#: What is wanted of the whole: times as fast, and times as large.
_FASTER, _LARGER = 1.5, 1.05


class _LibpngOutput:
    """What wrote PNG before."""

    def __init__(self) -> None:
        self._output = oiio.ImageOutput.create("a.png")

    def open(self, path: str, spec: oiio.ImageSpec) -> bool:
        spec.attribute("png:compressionLevel", _LEVEL)
        return bool(self._output.open(path, spec))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    count = min(options.limit or _COUNT, _COUNT)
    seconds = {"one by one, libpng": 0.0, "now": 0.0}
    busy = dict(seconds)
    sizes = dict.fromkeys(seconds, 0)
    different = 0
    with tempfile.TemporaryDirectory() as place:
        files = _textures(options.data, Path(place) / "in", count)
        folders = {title: Path(place) / str(index) for index, title in enumerate(seconds)}
        ways = dict(zip(seconds, (_before, _now), strict=True))
        for way in ways.values():
            way(files[:2], Path(place) / "warm")  # networks are loaded
        for first in range(0, len(files), _TURN):
            report.say(f"{NAME}: {first} of {len(files)}")
            turn = list(ways.items())
            for title, way in turn if first // _TURN % 2 else reversed(turn):
                start, used = time.perf_counter(), time.process_time()
                way(files[first : first + _TURN], folders[title])
                seconds[title] += time.perf_counter() - start
                busy[title] += time.process_time() - used
        for title, folder in folders.items():
            sizes[title] = sum(file.stat().st_size for file in folder.iterdir())
        different = sum(not _same_pixels(folders["now"] / file.name, folders["one by one, libpng"] / file.name)
                        for file in files)  # fmt: skip
        writing = _writing_times(folders["now"] / files[0].name, Path(place))
    faster = seconds["one by one, libpng"] / seconds["now"]
    larger = sizes["now"] / sizes["one by one, libpng"]
    rows = [
        [title, f"{len(files) / seconds[title]:.2f}", f"{busy[title] / len(files):.2f}", f"{sizes[title] / 2**20:.0f}"]
        for title in seconds
    ]
    text = [
        report.conditions(report.command(NAME, options), ["zlib-ng"]),
        f"{len(files)} textures of {_SIDE} px (base colors, normal maps and roughness of held-out materials), "
        f"x{_SCALE}, on the CPU, with all cores. Turns of ten files alternate.",
        report.table(["way", "textures per second", "seconds of a core for each", "MiB on disk"], rows),
        f"**{faster:.2f} times as fast (wanted: {_FASTER}), {larger:.3f} times the bytes (wanted: at most {_LARGER}), "
        f"{different} of {len(files)} results with other pixels.**",
        f"A color PNG of {_SIDE * _SCALE} px alone: libpng {writing['libpng']:.3f} s, now {writing['now']:.3f} s, "
        f"{writing['libpng'] / writing['now']:.2f} times as fast.",
    ]
    return report.Section(NAME, "A folder of textures", "\n\n".join(text))


def _textures(data: Path, folder: Path, count: int) -> list[Path]:
    """Textures cut from the maps of the validation materials, of all kinds alike."""
    cuts: list[list[tuple[str, images.Image]]] = []
    for kind in _KINDS:
        found = []
        for name, path in images.material_maps(data, kind):
            whole = images.read_image(path)
            for index, (top, left) in enumerate(((0, 0), (0, _SIDE), (_SIDE, 0), (_SIDE, _SIDE))):
                cut = whole[top : top + _SIDE, left : left + _SIDE]
                if cut.shape[:2] == (_SIDE, _SIDE):
                    found.append((f"{name}{index}_{kind}", cut))
        cuts.append(found)
    mixed = [one for group in zip(*cuts, strict=False) for one in group][:count]
    for name, cut in mixed:
        images.write_image(folder / f"{name}.png", cut)
    return [folder / f"{name}.png" for name, _ in mixed]


def _options() -> UpscaleOptions:
    return UpscaleOptions(scale=_SCALE, device="cpu")


def _now(files: list[Path], output: Path) -> None:
    upscale_all(files, output, _options())


def _before(files: list[Path], output: Path) -> None:
    with _libpng():
        for file in files:
            upscale_all([file], output, _options())


@contextlib.contextmanager
def _libpng() -> Iterator[None]:
    with mock.patch("matshot.image.writer.PngOutput", _LibpngOutput):
        yield


def _same_pixels(first: Path, second: Path) -> bool:
    one, other = (cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in (first, second))
    return bool(np.array_equal(one, other))


def _writing_times(file: Path, place: Path) -> dict[str, float]:
    """Seconds to write a color texture of the result's size, both ways."""
    from matshot.image.reader import read_texture
    from matshot.image.writer import write_texture

    texture = read_texture(file)

    def before() -> None:
        with _libpng():
            write_texture(texture, place / "a.png")

    calls: dict[str, Callable[[], object]] = {"libpng": before, "now": lambda: write_texture(texture, place / "b.png")}
    return report.best_times(calls, rounds=5)


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__))
