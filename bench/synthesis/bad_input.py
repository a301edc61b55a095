"""What multiply, tile and style do with input that artists really have: the obvious result, or one clear sentence.

    python -m bench.synthesis.bad_input [--skip-slow] [--write]

Needs no data: textures are made from numbers. Every row is one run of the command line. ``--skip-slow`` leaves out the
runs that are to succeed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from bench import command_line, images, report
from bench.measures import Image

NAME = "synthesis.bad_input"

#: Side of the textures, and of what is made of them.
_SIDE = 128
_MADE = 160
_SIZE = f"{_MADE}x{_MADE}"

#: Says what is wrong with the pixels of a result, or nothing.
Check = Callable[[Image], str]


@dataclass(frozen=True)
class Case:
    """A run of the command line.

    Attributes:
        title: its row.
        arguments: of ``matshot``, without the target.
        target: file or folder to write.
        works: must it (True), must it not (False), or may it (None)?
        check: of the image that is written, when it works.
    """

    title: str
    arguments: tuple[str | Path, ...]
    target: Path
    works: bool | None
    check: Check | None = None


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    header = ["input", "exit", "traceback", "left over", "s", "says", ""]
    with tempfile.TemporaryDirectory(prefix="matshot-bench-") as folder:
        place = Path(folder)
        rows = [_row(place, case) for case in _cases(place) if not (options.skip_slow and case.works)]
    text = [
        report.conditions(report.command(NAME, options)),
        "A row is ok if invalid input ends with exit status 1, one sentence, no traceback and nothing left over, and "
        "valid input gives the expected output.",
        report.table(header, rows, words=("left over", "says")),
    ]
    return report.Section(NAME, "Bad textures", "\n\n".join(text))


def _cases(place: Path) -> Iterator[Case]:
    given, out = place / "given", place / "out"
    good = _image(given / "good.png", images.tiled_texture(_SIDE, _SIDE)[:, : _SIDE - 9])
    bad = {
        "1 x 1": _image(given / "dot.png", np.full((1, 1, 3), 0.5)),
        "NaN EXR": _with_nan(given / "nan.exr"),
        "missing file": given / "missing.png",
        "text named .png": _text(given / "text.png"),
        "0-byte PNG": _empty(given / "empty.png"),
        "truncated PNG": _truncated(given / "truncated.png", good),
        "folder without maps": _folder(given / "no maps"),
        "empty folder": _folder(given / "nothing", empty=True),
    }
    dot, missing = bad["1 x 1"], bad["missing file"]
    constant = _image(given / "constant.png", np.full((_SIDE, _SIDE, 3), (0.2, 0.4, 0.6)))
    narrow = _image(given / "narrow.png", images.fractal_noise(2, 4096, 3, 1))
    wraps = _image(given / "wraps.png", images.tiled_texture(_SIDE, _SIDE))
    blocked = _text(given / "a file")
    size = ("--size", _SIZE)

    def run(
        tool: str, title: str, *arguments: str | Path, works: bool | None = False, check: Check | None = None
    ) -> Case:
        name = "".join(letter if letter.isalnum() else "_" for letter in title)
        return Case(f"{tool}: {title}", (tool, *arguments), out / f"{tool} {name}.png", works, check)

    yield run("multiply", "good", good, *size, works=True, check=_sized(_MADE, _MADE))
    for title, path in bad.items():
        yield run(
            "multiply", title, path, *size, works=None if path == dot else False, check=_gray if path == dot else None
        )
    yield run("multiply", "constant color", constant, *size, works=True, check=_constant)
    yield run("multiply", "2 x 4096 (may work)", narrow, *size, works=None, check=_sized(_MADE, _MADE))
    yield run("multiply", "larger than the size asked", good, "--size", "48x40", works=True, check=_sized(40, 48))
    yield run("multiply", "size of 1 x 1 (may work)", good, "--size", "1x1", works=None, check=_sized(1, 1))
    for wrong in ("0", "abc", "0x0", "64x", "-64x64", "64x64x64", "1e9x1e9", "10000000x10000000"):
        yield run("multiply", f"--size {wrong}", good, f"--size={wrong}")
    yield run("multiply", "--variety 2", good, *size, "--variety", "2")
    yield run("multiply", "--count 0", good, *size, "--count", "0")
    yield run("multiply", "--engine magic", good, *size, "--engine", "magic")
    yield run("multiply", "--symmetry twist", good, *size, "--symmetry", "twist")
    yield run("multiply", "--symmetry rotate_4, not square", good, "--size", "64x48", "--symmetry", "rotate_4")
    yield run("multiply", "--symmetry and neural", good, *size, "--symmetry", "mirror_x", "--engine", "neural")
    for mask in ("source-mask", "target-mask"):
        yield run("multiply", f"--{mask} and feedforward", good, *size, f"--{mask}", good, "--engine", "feedforward")
    yield run("multiply", "--engine feedforward", good, *size, "--engine", "feedforward", works=True)
    yield run("multiply", "--memory 1M", good, *size, "--memory", "1M")
    yield run("multiply", "--memory much", good, *size, "--memory", "much")
    material, uneven = _material(given / "material"), _material(given / "uneven", 96)
    yield Case("multiply: material folder", ("multiply", material, *size), out / "material", True)
    yield Case("multiply: maps of different sizes", ("multiply", uneven, *size), out / "uneven", False)
    yield Case("multiply: target of no known format (may be a folder)", ("multiply", good, *size), out / "a.xyz", None)
    for title, closed in command_line.unwritable(place, blocked, "result.png"):
        for tool in (("multiply", good, *size), ("tile", good), ("style", good, wraps)):
            yield Case(f"{tool[0]}: unwritable, {title}", tool, closed, False)

    yield run("tile", "good", good, works=True)
    for title, path in bad.items():
        yield run("tile", title, path, works=None if path == dot else False, check=_gray if path == dot else None)
    yield run("tile", "constant color", constant, works=True, check=_constant)
    yield run("tile", "wraps already", wraps, works=True, check=_same_as(wraps))
    yield run("tile", "--axes z", good, "--axes", "z")

    yield run("style", "good", good, wraps, works=True, check=_sized(_SIDE, _SIDE - 9))
    for title, path in bad.items():
        yield run("style", f"content {title}", path, good, works=None if path == dot else False)
        yield run("style", f"style {title}", good, path, works=None if path == dot else False)
    yield run("style", "style of constant color", good, constant, works=None, check=_sized(_SIDE, _SIDE - 9))
    yield run("style", "--strength 2", good, wraps, "--strength", "2")
    yield run("style", "missing both", missing, missing)
    yield run("style", "--engine fast", good, wraps, "--engine", "fast", works=True, check=_sized(_SIDE, _SIDE - 9))
    yield run("style", "--engine quick", good, wraps, "--engine", "quick")
    yield run("style", "a guide alone", good, wraps, "--content_guide", good)
    yield run("style", "guide of another shape", good, wraps, "--guide", narrow, wraps)
    yield run("style", "guide that is missing", good, wraps, "--guide", missing, wraps)
    yield run("style", "guide of other colors", wraps, good, "--guide", constant, good, "--guide_type", "labels")


def _row(place: Path, case: Case) -> list[str]:
    report.say(f"{NAME}: {case.title}")
    before = command_line.files_below(place)
    outcome = command_line.run(*case.arguments, "-o", case.target)
    left = command_line.files_below(place) - before
    said = " / ".join(" ".join(line.split()) for line in outcome.said.splitlines() if line.strip())
    if outcome.code == 0:
        wrong = "nothing was written" if not case.target.exists() else _wrong(case)
        inside = {path for path in left if path == case.target or path.is_relative_to(case.target)}
        passed = case.works is not False and not wrong and left == inside
        said, left = f"{wrong or 'a result'}; {said}", left - inside
    else:
        passed = not case.works and outcome.code == 1 and outcome.failed_well and not left
    return [
        case.title,
        str(outcome.code),
        "yes" if "Traceback" in outcome.said else "no",
        ", ".join(sorted(path.name for path in left)) or "nothing",
        f"{outcome.seconds:.0f}",
        said.replace(f"{place}/", "").replace("|", "\\|")[:300],
        "ok" if passed else "**FAILS**",
    ]


def _wrong(case: Case) -> str:
    """What is wrong with the result, or nothing."""
    if case.check is None:
        return ""
    try:
        return case.check(images.read_image(case.target))
    except OSError as unreadable:
        return str(unreadable)


def _sized(height: int, width: int) -> Check:
    def wrong(result: Image) -> str:
        return "" if result.shape[:2] == (height, width) else f"the result is {result.shape[1]} x {result.shape[0]}"

    return wrong


def _constant(result: Image) -> str:
    return "" if np.abs(result[..., :3] - (0.2, 0.4, 0.6)).max() < 1 / 255 else "the result has another color"


def _gray(result: Image) -> str:
    return "" if np.abs(result - 0.5).max() < 1 / 255 else "the result has another color"


def _same_as(path: Path) -> Check:
    def wrong(result: Image) -> str:
        source = images.read_image(path)
        if result.shape != source.shape:
            return f"the result is {result.shape[1]} x {result.shape[0]}"
        changed = (np.abs(result - source).max(axis=2) > 0).mean()
        return "" if changed == 0 else f"{changed:.0%} of the pixels changed"

    return wrong


def _image(path: Path, pixels: Image) -> Path:
    images.write_image(path, pixels)
    return path


def _with_nan(path: Path) -> Path:
    values = images.fractal_noise(_SIDE, _SIDE, 3, 1)
    values[3, 4] = np.nan
    images.write_image(path, values, oiio.HALF)
    return path


def _text(path: Path) -> Path:
    path.write_text("This is not a picture.\n" * 20, encoding="utf-8")
    return path


def _empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def _truncated(path: Path, whole: Path) -> Path:
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return path


def _folder(path: Path, *, empty: bool = False) -> Path:
    """A folder with no map in it: with two pictures that have nothing to do with each other, or with nothing."""
    path.mkdir(parents=True)
    if not empty:
        _image(path / "holiday.png", images.fractal_noise(32, 32, 3, 2))
        _image(path / "invoice.png", images.fractal_noise(48, 32, 3, 3))
    return path


def _material(path: Path, other: int = _SIDE) -> Path:
    """A folder with a base color and a roughness, which may have another size."""
    _image(path / "wall_basecolor.png", images.tiled_texture(_SIDE, _SIDE))
    _image(path / "wall_roughness.png", images.fractal_noise(other, other, 1, 5))
    return path


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__, data=False))
