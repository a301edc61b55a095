"""What must be exact in upscaling, how much memory it takes, and what it does with bad input.

    python -m bench.upscale.exactness [--skip-slow] [--write]

Needs no data: the textures are made from numbers. ``--skip-slow`` leaves out 4096 -> 16384, which takes minutes and
needs two gigabytes of disk for a while.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from bench import command_line, images, measures, report
from bench.measures import Image
from matshot.errors import MatshotError
from matshot.image.color import srgb_from_linear
from matshot.image.types import Texture
from matshot.upscale import upscale

NAME = "upscale_exactness"

#: Largest difference that still counts as equal, of values in [0, 1].
EQUAL = 1e-4

#: How far the mean colour may move.
MEAN_COLOR = 0.5 / 255

#: Height and width of the textures: more than one tile of 128, and not square.
SIZE = (144, 176)

MEMORY_BOUND = "2G"
MEMORY_BYTES = 2 * 2**30
LARGE = 4096


@dataclass(frozen=True)
class Way:
    """One way to upscale, named in the tables.

    Attributes:
        title: its row.
        encoding: of the texture.
        scale: output pixels per input pixel and side.
        options: others of the tool.
    """

    title: str
    encoding: str = "srgb"
    scale: int = 4
    options: dict[str, str] = field(default_factory=dict)

    def __call__(self, pixels: Image, **options: object) -> Image:
        """Upscale ``H x W x C``."""
        texture = Texture(np.ascontiguousarray(pixels, dtype=np.float32), self.encoding)
        settings = {"scale": self.scale, "threads": report.THREADS, "device": "cpu", **self.options, **options}
        return upscale(texture, **settings).pixels

    def texture(self) -> Image:
        """A periodic texture of its kind."""
        if self.encoding == "normal":
            return images.tiled_normals(*SIZE)
        if self.encoding == "data":
            return images.fractal_noise(*SIZE, 1, seed=7)
        return images.tiled_texture(*SIZE)


LOOKS = (Way("fidelity x4", options={"look": "fidelity"}), Way("detail x4", options={"look": "detail"}))
WAYS = (
    *LOOKS,
    Way("fidelity x2", scale=2, options={"look": "fidelity"}),
    Way("detail x2", scale=2, options={"look": "detail"}),
    Way("normals x4", encoding="normal"),
    Way("data x4", encoding="data"),
    Way("SRCAE x4", options={"method": "srcae"}),
    Way("sparse coding x4", options={"method": "sparse_coding"}),
    Way("Lanczos x4", options={"method": "lanczos"}),
)


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    ways, lines = _runnable(WAYS)
    looks = [way for way in LOOKS if way in ways]
    with tempfile.TemporaryDirectory(prefix="matshot-bench-") as folder:
        place = Path(folder)
        text = [
            report.conditions(report.command(NAME, options)),
            "### Tiles and wrap",
            f"Largest difference, on periodic textures of {SIZE[1]} x {SIZE[0]} pixels with values in [0, 1] (normals: "
            "in [-1, 1]). *Tiles*: `tile=64` and `tile=128` against whole, without and with wrap. *Rolled*: the result "
            "of a rolled texture against the rolled result. *3 x 3*: the centre of the result of the texture repeated "
            f"three times each way against the result with `wrap=xy`. Bound: {EQUAL:g}.",
            _tiles_and_wrap(ways),
            "### Values",
            _values(looks, place),
            "### Memory",
            _memory(place) if not options.skip_slow else "Left out by `--skip-slow`.",
            "### Bad input",
            "Run as `matshot upscale`. *Left over*: files that were not there before. A run passes with a sentence, an "
            "exit status other than 0, no traceback and nothing left over, or, where marked *may work*, with a result "
            "of the right size.",
            _bad_input(place),
            *lines,
        ]
    return report.Section(NAME, "Exactness, memory and bad input", "\n\n".join(text))


def _runnable(ways: tuple[Way, ...]) -> tuple[list[Way], list[str]]:
    found, lines = [], []
    for way in ways:
        try:
            way(way.texture()[:32, :32], wrap="none")
        except MatshotError as error:
            lines.append(f"{way.title} is left out: {error.sentence}")
        else:
            found.append(way)
    return found, lines


def _tiles_and_wrap(ways: list[Way]) -> str:
    rows = []
    for way in ways:
        report.say(f"{NAME}: {way.title}")
        texture = way.texture()
        cells = []
        wrapped = way(texture, wrap="xy", tile=max(SIZE))
        for tile in (64, 128):
            open_difference = np.abs(way(texture, wrap="none", tile=tile) - way(texture, wrap="none", tile=max(SIZE)))
            wrapped_difference = np.abs(way(texture, wrap="xy", tile=tile) - wrapped)
            cells.append(max(open_difference.max(), wrapped_difference.max()))
        # Multiples of 4, because an hourglass of two halvings is shift-equivariant only on that grid.
        shift = (36, 100)
        rolled = way(np.roll(texture, shift, (0, 1)), wrap="xy", tile=max(SIZE))
        cells.append(np.abs(rolled - np.roll(wrapped, [s * way.scale for s in shift], (0, 1))).max())
        height, width = wrapped.shape[:2]
        repeated = way(np.tile(texture, (3, 3, 1)), wrap="none")[height : 2 * height, width : 2 * width]
        cells.append(np.abs(repeated - wrapped).max())
        rows.append([way.title, *(f"{cell:.1e}" for cell in cells), _verdict(max(cells) <= EQUAL)])
    return report.table(["", "tiles of 64", "tiles of 128", "rolled", "3 x 3", ""], rows)


def _values(looks: list[Way], place: Path) -> str:
    checks: tuple[tuple[str, Callable[[Way], tuple[str, bool | None]]], ...] = (
        ("constant alpha of an RGBA texture: largest difference (bound 0)", _alpha),
        ("mean colour moves by, of 255 (bound 0.5)", _mean_color),
        ("result shrunk again against the input: mean difference of 255, PSNR", _consistency),
        ("linear values up to 16: mean colour, display-encoded, moves by, of 255 (bound 0.5); brightest", _bright),
        ("16-bit ramp through files: distinct values in a row of 1024 (8 bits hold 256)", lambda w: _ramp(w, place)[0]),
        ("16-bit ramp: largest deviation from the straight line, of 65535", lambda w: _ramp(w, place)[1]),
    )
    rows = []
    for title, check in checks:
        report.say(f"{NAME}: {title}")
        outcomes = [check(way) for way in looks]
        judged = [passed for _, passed in outcomes if passed is not None]
        rows.append([title, *(said for said, _ in outcomes), _verdict(all(judged)) if judged else ""])
    return report.table(["", *(way.title for way in looks), ""], rows)


def _alpha(way: Way) -> tuple[str, bool | None]:
    color = images.tiled_texture(64, 64)
    worst = 0.0
    for value in (0.0, 0.3, 128 / 255, 1.0):
        alpha = np.full((64, 64, 1), value, dtype=np.float32)
        result = way(np.concatenate([color, alpha], axis=2), wrap="none")
        worst = max(worst, float(np.abs(result[..., 3] - alpha[0, 0, 0]).max()))
    return f"{worst:g}", worst == 0


def _mean_color(way: Way) -> tuple[str, bool | None]:
    worst = 0.0
    for seed in range(3):
        for texture in (images.tiled_texture(*SIZE, seed), images.fractal_noise(*SIZE, 3, seed)):
            for wrap in ("none", "xy"):
                moved = way(texture, wrap=wrap).mean((0, 1), dtype=np.float64) - texture.mean((0, 1))
                worst = max(worst, float(np.abs(moved).max()))
    return f"{worst * 255:.3f}", worst <= MEAN_COLOR


def _consistency(way: Way) -> tuple[str, bool | None]:
    texture = images.tiled_texture(*SIZE)
    back = measures.resized(way(texture, wrap="xy"), *SIZE, "xy")
    difference = back - texture
    return f"{np.abs(difference).mean() * 255:.2f}, {-10 * np.log10(np.mean(difference**2)):.1f} dB", None


def _bright(way: Way) -> tuple[str, bool | None]:
    """A high-range texture: the colours of the bricks with lamps 16 times as bright as white."""
    linear = images.tiled_texture(*SIZE).astype(np.float32) ** 2.2
    linear[80:100, 60:90] = 16
    texture = Texture(linear, "linear")
    result = upscale(texture, scale=4, wrap="xy", threads=report.THREADS, device="cpu", **way.options).pixels
    moved = srgb_from_linear(result).mean((0, 1), dtype=np.float64) - srgb_from_linear(linear).mean((0, 1))
    worst = np.abs(moved).max()
    return f"{worst * 255:.3f}; {result.max():.1f}", bool(np.isfinite(result).all() and worst <= MEAN_COLOR)


def _ramp(way: Way, place: Path) -> tuple[tuple[str, bool | None], tuple[str, bool | None]]:
    """A ramp over the whole range whose values 8 bits could hold, so that only new ones between them need 16."""
    source, target = place / "ramp.png", place / f"ramp {way.title}.png"
    if not target.exists():
        ramp = np.broadcast_to(np.arange(256.0)[None, :, None] / 255, (64, 256, 3))
        images.write_image(source, ramp, oiio.UINT16)
        outcome = command_line.run("upscale", source, "-o", target, "--wrap", "none", "--look", way.options["look"])
        if outcome.code:
            return (_cell(outcome.said, place), False), ("", False)
    stored = oiio.ImageBuf(str(target))
    pixels = stored.get_pixels(oiio.UINT16)
    row = pixels[pixels.shape[0] // 2, :, 1].astype(np.int64)
    distinct = len(np.unique(row))
    straight = ((np.arange(1024) + 0.5) / 4 - 0.5) * 257
    deviation = np.abs(row - straight)[64:-64].max()
    deep = str(stored.file_format_name) == "png" and stored.nativespec().format == oiio.UINT16
    return (f"{distinct}", bool(deep and distinct > 512)), (f"{deviation:.0f}", None)


def _memory(place: Path) -> str:
    source, target = place / "large.png", place / "larger.png"
    report.say(f"{NAME}: {LARGE} -> {4 * LARGE}")
    tile = images.tiled_texture(1024, 1024)
    images.write_image(source, np.tile(tile.astype(np.float32), (LARGE // 1024, LARGE // 1024, 1)))
    outcome = command_line.run(
        "upscale", source, "-o", target, "--scale", "4", "--look", "fidelity", "--wrap", "xy", "--memory", MEMORY_BOUND
    )
    size = _size(target)
    passed = outcome.code == 0 and size == (4 * LARGE, 4 * LARGE) and 0 < outcome.peak <= MEMORY_BYTES
    cells = [
        f"{LARGE} -> {size[0]} x {size[1]} px, `--memory {MEMORY_BOUND}`" if size else _cell(outcome.said, place),
        f"{outcome.peak / 2**30:.2f} GiB" if outcome.peak else "not told by this system",
        f"{MEMORY_BYTES / 2**30:.2f} GiB",
        f"{outcome.seconds:.0f}",
        _verdict(passed),
    ]
    target.unlink(missing_ok=True)
    return report.table(["whole command, fidelity x4", "peak resident memory", "bound", "s", ""], [cells])


def _bad_input(place: Path) -> str:
    folder = place / "bad"
    folder.mkdir()
    good = folder / "good.png"
    images.write_image(good, images.fractal_noise(128, 128, 3, 1))
    truncated, empty, text, dot, wide, broken = (
        folder / name for name in ("truncated.png", "empty.png", "text.png", "dot.png", "wide.png", "nan.exr")
    )
    truncated.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    empty.write_bytes(b"")
    text.write_text("This is no picture.\n" * 20, encoding="utf-8")
    images.write_image(dot, np.full((1, 1, 3), 0.5))
    images.write_image(wide, images.fractal_noise(2, 65535, 3, 1))
    values = images.fractal_noise(16, 16, 3, 1)
    values[3, 4] = np.nan
    images.write_image(broken, values, oiio.HALF)
    blocked = folder / "a file"
    blocked.write_text("not a folder", encoding="utf-8")

    out = place / "out"
    cases = [
        ("truncated PNG", truncated, out / "a.png", None),
        ("0-byte PNG", empty, out / "b.png", None),
        ("text named .png", text, out / "c.png", None),
        ("1 x 1 (may work)", dot, out / "d.png", (4, 4)),
        ("65535 x 2 (may work)", wide, out / "e.png", (262140, 8)),
        ("65535 x 2 to JPEG, which ends at 65500", wide, out / "f.jpg", None),
        ("EXR with NaN", broken, out / "g.exr", None),
        ("missing folder", folder / "missing", out / "h", None),
        ("unwritable: below a file", good, blocked / "i.png", None),
    ]
    rows = [_bad_row(place, *case) for case in cases]
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        closed = place / "closed"
        closed.mkdir(mode=0o555)
        rows.append(_bad_row(place, "unwritable: read-only folder", good, closed / "j.png", None))
    limit = 65536
    rows.append(_bad_row(place, "file may not grow past 64 KiB", good, out / "k.png", None, longest_file=limit))
    with command_line.small_disk(place / "disk", limit) as mounted:
        if mounted:
            rows.append(_bad_row(place, "disk full: 64 KiB tmpfs", good, place / "disk" / "l.png", None))
    # A batch goes on past its bad files, and still says so with its exit status.
    several = place / "several"
    several.mkdir()
    for path in (empty, good, text):
        (several / path.name).write_bytes(path.read_bytes())
    rows.append(_batch_row(place, several, out / "several"))
    header = ["input", "exit", "traceback", "left over", "says", ""]
    return report.table(header, rows, words=("left over", "says"))


def _bad_row(
    place: Path, title: str, source: Path, target: Path, works: tuple[int, int] | None, longest_file: int = 0
) -> list[str]:
    report.say(f"{NAME}: {title}")
    before = command_line.files_below(place)
    outcome = command_line.run("upscale", source, "-o", target, "--wrap", "none", longest_file=longest_file)
    left = command_line.files_below(place) - before
    if works and outcome.code == 0:
        passed = _size(target) == works and left == {target}
        says = f"a result of {works[0]} x {works[1]}" if passed else _cell(outcome.said, place)
        left = left - {target}
    else:
        passed = outcome.failed_well and not left
        says = _cell(outcome.said, place)
    remains = ", ".join(sorted(path.name for path in left)) or "nothing"
    traceback = "yes" if "Traceback" in outcome.said else "no"
    return [title, str(outcome.code), traceback, remains, says, _verdict(passed)]


def _batch_row(place: Path, source: Path, target: Path) -> list[str]:
    outcome = command_line.run("upscale", source, "-o", target, "--wrap", "none")
    made = sorted(path.name for path in command_line.files_below(target)) if target.exists() else []
    passed = outcome.failed_well and made == ["good.png"]
    traceback = "yes" if "Traceback" in outcome.said else "no"
    title = "folder of one good and two bad files: the good one is made"
    return [title, str(outcome.code), traceback, ", ".join(made), _cell(outcome.said, place), _verdict(passed)]


def _size(path: Path) -> tuple[int, int] | None:
    """Width and height of an image file, None when it is none."""
    image = oiio.ImageInput.open(str(path))
    if image is None:
        return None
    spec = image.spec()
    image.close()
    return spec.width, spec.height


def _cell(said: str, place: Path, longest: int = 300) -> str:
    """What the command said as one table cell, without the temporary folder's name."""
    line = " / ".join(part for part in (" ".join(row.split()) for row in said.splitlines()) if part)
    line = line.replace(f"{place}/", "").replace("|", "\\|")
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _verdict(passed: bool) -> str:
    return "ok" if passed else "**FAILS**"


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__, data=False))
