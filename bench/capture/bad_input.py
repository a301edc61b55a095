"""What the capture tools do with photographs that artists really have: the right result, or one clear sentence.

    python -m bench.capture.bad_input [--skip-slow] [--write]

Needs no data: a brick wall is made from numbers, lit and photographed. Every row is one run of the command line.
``--skip-slow`` leaves out the runs that are to succeed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench import command_line, images, measures, report
from bench.capture.photographs import write_photograph
from bench.measures import Image
from matshot.errors import MatshotError
from matshot.image.color import linear_from_srgb
from matshot.material.folder import load_material
from matshot.shading.procedural import brick_wall
from matshot.shading.render import Camera, Environment, Light, SoftLight, flash, render
from matshot.shading.surface import Surface, surface_of

NAME = "capture.bad_input"

#: Columns and rows of the photographs, and pixels after which the wall repeats.
_SIZE = (640, 480)
_PERIOD = 160

#: How a phone says that it took a picture: lens (60 degrees across 36 mm), aperture, exposure, sensitivity.
_EXIF: dict[str, Any] = {
    "Exif:FocalLengthIn35mmFilm": 31,
    "FNumber": 2.2,
    "ExposureTime": 0.02,
    "Exif:PhotographicSensitivity": 100,
}
_FLASH_FIRED: dict[str, Any] = {"Exif:Flash": 1}
#: EXIF's number for a picture that is to be turned a quarter clockwise for viewing.
_QUARTER_TURN = 6

#: Part of the flat normals' error that maps of the wall may have and still be right.
_RIGHT = 1.0


@dataclass(frozen=True)
class Case:
    """A run of the command line.

    Attributes:
        title: its row.
        arguments: of ``matshot``, without the folder to write.
        works: must it (True), must it not (False), or may it (None)?
        size: columns and rows of the maps, where they are the photograph's; None where they are not looked at.
        target: folder to write, instead of a new one.
    """

    title: str
    arguments: tuple[str | Path, ...]
    works: bool | None
    size: tuple[int, int] | None = None
    target: Path | None = None


@dataclass(frozen=True)
class Wall:
    """A surface, and the light that leaves it for the camera.

    Attributes:
        surface: its maps.
        flash: light of the flash, ``H x W x 3``, linear, exposed.
        ambient: light of an overcast sky.
    """

    surface: Surface
    flash: Image
    ambient: Image


def wall(seed: int, *, repeats: bool = True) -> Wall:
    """A wall of small bricks, or a surface that nowhere repeats.

    Args:
        seed: of the wall.
        repeats: whether it is stationary.
    """
    width, height = _SIZE
    if repeats:
        maps = brick_wall(_PERIOD, seed)
        times = (-(-height // _PERIOD), -(-width // _PERIOD), 1)
        color, normal, roughness = (
            np.tile(maps[kind].pixels, times)[:height, :width] for kind in ("basecolor", "normal_gl", "roughness")
        )
    else:
        # One slow change from corner to corner, under one slow relief.
        color = images.fractal_noise(height, width, 3, seed, slope=2.2)
        normal = images.tiled_normals(height, width, seed)
        roughness = np.full((height, width, 1), 0.6)
    surface = Surface.of(linear_from_srgb(color.astype(np.float32)), normal, roughness[..., 0])
    camera = Camera(width, height)
    sky: list[Light] = [
        Environment((0.8, 0.85, 0.9), (0.75, 0.8, 0.85), (0.7, 0.7, 0.7)),
        SoftLight((0.7, -0.35, 0.62), (0.4, 0.38, 0.34), 20),
    ]
    lit, even = render(surface, camera, [flash(camera, (0.02, 0.03))]), render(surface, camera, sky)
    return Wall(surface, lit * (0.9 / np.percentile(lit, 99)), even * (0.8 / np.percentile(even, 99)))


def measure(options: argparse.Namespace) -> report.Section:
    """Run the benchmark."""
    bricks = wall(1)
    header = ["input", "exit", "traceback", "left over", "s", "says", ""]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        cases = [*_two_photographs(place, bricks), *_one_photograph(place, bricks)]
        rows = [_row(place, bricks, case) for case in cases if not (options.skip_slow and case.works)]
    text = [
        report.conditions(report.command(NAME, options)),
        f"A brick wall made from numbers, {_SIZE[0]} x {_SIZE[1]} px, photographed with noise and JPEG. A row is ok "
        "when what cannot work ends with a sentence, a status that is not 0 and nothing left over, and what can work "
        "gives maps of the right size, whose normals, where they are on the photograph's grid, are nearer to the "
        "truth than flat ones.",
        report.table(header, rows, words=("left over", "says")),
    ]
    return report.Section(NAME, "Bad photographs", "\n\n".join(text))


def _two_photographs(place: Path, bricks: Wall) -> Iterator[Case]:
    # The flash photograph holds the light of the room too.
    room = 0.1
    first = _photograph(place / "flash.jpg", bricks.flash + room * bricks.ambient, _EXIF | _FLASH_FIRED)
    brighter = _EXIF | {"ExposureTime": _EXIF["ExposureTime"] / room}
    second = _photograph(place / "ambient.jpg", bricks.ambient, brighter)

    def pair(title: str, one: Path, other: Path, works: bool | None, **more: Any) -> Case:
        return Case(title, ("twoshot", one, other), works, **more)

    def altered(name: str, light: Image, **tags: Any) -> Path:
        return _photograph(place / f"{name}.jpg", light, brighter | tags)

    whole = replace(pair("good pair, `--full`", first, second, True, size=_SIZE))
    yield replace(whole, arguments=(*whole.arguments, "--full"))
    yield pair("handheld: moved by 1 %, turned by 1 degree", first, altered("moved", _moved(bricks.ambient)), True)
    yield pair("misaligned: another wall", first, altered("other", wall(2, repeats=False).ambient), False)
    yield pair("misaligned: a quarter turn", first, altered("turned", np.rot90(bricks.ambient)), None)
    yield pair("swapped (may be mended)", second, first, None)
    bare = _photograph(place / "bare flash.jpg", bricks.flash + room * bricks.ambient)
    yield pair("no EXIF", bare, _photograph(place / "bare ambient.jpg", bricks.ambient), True)
    yield pair("over-exposed flash", altered("bright", 40 * bricks.flash), second, False)
    unique = wall(3, repeats=False)
    yield pair(
        "no repetition (may work)", altered("unique flash", unique.flash), altered("unique", unique.ambient), None
    )
    black = altered("black", np.zeros_like(bricks.flash))
    yield pair("black flash photograph", black, second, False)
    yield pair("black ambient photograph", first, black, False)
    small = cv2.resize(bricks.ambient, (_SIZE[0] // 2, _SIZE[1] // 2), interpolation=cv2.INTER_AREA)
    yield pair("different sizes: ambient at half", first, altered("half", small), True)
    sideways = altered("sideways", np.rot90(bricks.ambient), Orientation=_QUARTER_TURN)
    yield pair("one stored sideways, EXIF turns it", first, sideways, True)
    yield pair("text file", first, _text(place / "text.jpg"), False)
    yield pair("0-byte file", _empty(place / "empty.jpg"), second, False)
    yield pair("missing file", first, place / "missing.jpg", False)
    yield pair("the same file twice", first, first, False)
    for title, closed in command_line.unwritable(place, _text(place / "a file"), "material"):
        yield pair(f"unwritable: {title}", first, second, False, target=closed)


def _one_photograph(place: Path, bricks: Wall) -> Iterator[Case]:
    def one(title: str, path: Path, works: bool | None, *options: str, **more: Any) -> Case:
        return Case(f"oneshot: {title}", ("oneshot", path, *options), works, **more)

    good = place / "flash.jpg"
    yield one("good photograph", good, True, size=_SIZE)
    yield one("no EXIF", place / "bare flash.jpg", True, size=_SIZE)
    sideways = _photograph(place / "sideways flash.jpg", np.rot90(bricks.flash), _EXIF | {"Orientation": _QUARTER_TURN})
    yield one("stored sideways, EXIF turns it", sideways, True, size=_SIZE)
    gray = np.repeat(bricks.flash.mean(axis=2, keepdims=True), 3, axis=2)
    yield one("gray photograph", _photograph(place / "gray.jpg", gray), True, size=_SIZE)
    yield one("over-exposed", place / "bright.jpg", False)
    yield one("black frame", place / "black.jpg", False)
    dot = place / "dot.png"
    images.write_image(dot, np.full((1, 1, 3), 0.5))
    yield one("1 x 1", dot, False)
    yield one("text file", place / "text.jpg", False)
    yield one("field of view of 200 degrees", good, False, "--fov", "200")
    for title, closed in command_line.unwritable(place, _text(place / "a file"), "material"):
        yield one(f"unwritable: {title}", good, False, target=closed)


def _row(place: Path, bricks: Wall, case: Case) -> list[str]:
    report.say(f"{NAME}: {case.title}")
    target = case.target or Path(tempfile.mkdtemp(dir=place)) / "material"
    before = command_line.files_below(place)
    outcome = command_line.run(*case.arguments, "-o", target)
    left = command_line.files_below(place) - before
    said = " / ".join(" ".join(line.split()) for line in outcome.said.splitlines() if line.strip())
    if outcome.code == 0:
        inside = {path for path in left if path.is_relative_to(target)}
        fine, maps = _maps(bricks, target, case.size)
        passed = case.works is not False and fine and left == inside
        left, said = left - inside, f"{maps}; {said}"
    else:
        passed = not case.works and outcome.failed_well and not left
    return [
        case.title,
        str(outcome.code),
        "yes" if "Traceback" in outcome.said else "no",
        ", ".join(sorted(path.name for path in left)) or "nothing",
        f"{outcome.seconds:.0f}",
        said.replace(f"{place}/", "").replace("|", "\\|")[:300],
        "ok" if passed else "**FAILS**",
    ]


def _maps(bricks: Wall, folder: Path, size: tuple[int, int] | None) -> tuple[bool, str]:
    """Whether the maps in a folder are right, and what they are."""
    try:
        surface = surface_of(load_material(folder))
    except MatshotError as unreadable:
        return False, str(unreadable)
    described = f"maps of {surface.width} x {surface.height} px"
    if size is None:
        return True, described
    if (surface.width, surface.height) != size:
        return False, described
    truth = bricks.surface.normal
    error = measures.angular_error(surface.normal, truth)
    flat = measures.angular_error(np.broadcast_to([0.0, 0.0, 1.0], truth.shape), truth)
    return error <= _RIGHT * flat, f"{described}, normals {error:.1f} degrees (flat {flat:.1f})"


def _photograph(path: Path, light: Image, attributes: Mapping[str, Any] | None = None) -> Path:
    write_photograph(path, np.ascontiguousarray(light), np.random.default_rng(7), attributes)
    return path


def _moved(light: Image) -> Image:
    """As if the hand had moved between two photographs."""
    width, height = _SIZE
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 1.0, 1.01)
    turn[:, 2] += 0.01 * width
    return cv2.warpAffine(light, turn, _SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def _text(path: Path) -> Path:
    path.write_text("This is not a photograph.\n" * 20, encoding="utf-8")
    return path


def _empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


if __name__ == "__main__":
    report.run_alone(measure, report.parser(__doc__, data=False))
