"""Pictures of unfinished work: small, few, whole, and gone with the work."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from matshot.errors import Cancelled, MatshotError
from matshot.image.reader import read_texture
from matshot.image.types import Texture, Unfinished
from matshot.image.writer import write_texture
from matshot.material.folder import save_material
from matshot.material.types import Material
from matshot.shading.procedural import brick_wall
from matshot.tools import unfinished
from matshot.tools.job import ToolRequest
from matshot.tools.registry import entry
from matshot.tools.run import run
from matshot.tools.store import deliver
from matshot.tools.unfinished import UnfinishedPictures


class Clock:
    """A time that passes when it is told to."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(unfinished, "time", clock)
    return clock


@pytest.fixture
def wall(tmp_path: Path) -> Path:
    return write_texture(brick_wall(128)["basecolor"], tmp_path / "wall.png")


def plain(width: int = 8, height: int = 8) -> Texture:
    return Texture(np.full((height, width, 3), 0.5, np.float32), "srgb")


PLAIN = Unfinished(64, plain)


def test_pictures_take_a_fiftieth_of_the_time_at_most(clock: Clock, tmp_path: Path) -> None:
    made: list[float] = []

    def slow() -> Texture:
        clock.now += 0.2
        made.append(clock.now)
        return plain()

    begun = clock.now
    with UnfinishedPictures(tmp_path, lambda path: None) as pictures:
        for _ in range(1000):
            clock.now += 0.1
            pictures(Unfinished(64, slow))
        assert 0.015 < 0.2 * len(made) / (clock.now - begun) <= 0.02
        # A picture of a hundred times the pixels is expected to take a hundred times as long.
        pictures(Unfinished(6400, lambda: pytest.fail("it would take too long")))


def test_a_short_work_makes_none(clock: Clock, tmp_path: Path) -> None:
    with UnfinishedPictures(tmp_path, lambda path: None) as pictures:
        clock.now += 0.05
        pictures(Unfinished(128 * 128, lambda: pytest.fail("nobody waits that short a time")))


def test_the_last_two_are_kept_under_new_names_until_the_end(clock: Clock, tmp_path: Path) -> None:
    told: list[Path] = []
    with UnfinishedPictures(tmp_path, told.append) as pictures:
        for _ in range(5):
            clock.now += 10
            pictures(PLAIN)
            assert told[-1].is_file()
            assert sorted(tmp_path.iterdir()) == sorted(told[-2:])
    assert len(set(told)) == 5
    assert list(tmp_path.iterdir()) == []


def test_large_ones_are_small_pictures(clock: Clock, tmp_path: Path) -> None:
    sizes: list[tuple[int, int]] = []

    def told(path: Path) -> None:
        picture = read_texture(path)
        assert picture.source is not None
        assert picture.source.depth == "uint8"
        sizes.append((picture.width, picture.height))

    with UnfinishedPictures(tmp_path, told) as pictures:
        for width, height in ((1024, 768), (300, 512), (2000, 2)):
            clock.now += 10
            pictures(Unfinished(64, partial(plain, width, height)))
    assert sizes == [(512, 384), (300, 512), (512, 1)]


def test_a_folder_that_cannot_be_written_does_not_end_the_work(clock: Clock, tmp_path: Path) -> None:
    with UnfinishedPictures(tmp_path / "gone", lambda path: pytest.fail("there is no picture")) as pictures:
        clock.now += 10
        pictures(PLAIN)


@pytest.mark.parametrize(
    ("tool", "given"),
    [("multiply", {"size": "128"}), ("multiply", {"engine": "neural", "size": "128"}), ("style", {})],
)
def test_long_tools_show_their_octaves_and_leave_none(
    wall: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, given: dict[str, str]
) -> None:
    monkeypatch.setattr(unfinished, "_SHARE", float("inf"))
    inputs = [str(wall)] * (2 if tool == "style" else 1)
    widths: list[int] = []
    request = ToolRequest(tool, inputs, {**given, "device": "cpu", "threads": 1}, tmp_path / "job", tmp_path / "out")
    run(request, on_preview=lambda path: widths.append(read_texture(path).width))
    assert len(widths) > 1
    assert widths == sorted(widths)
    assert widths[-1] == 128
    assert list((tmp_path / "job").glob("*.png")) == []


def test_painting_a_material_by_map_shows_its_octaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfinished, "_SHARE", float("inf"))
    maps = {"normal" if name == "normal_gl" else name: texture for name, texture in brick_wall(64).items()}
    material = save_material(Material(maps, name="wall"), tmp_path / "material")
    labels = np.zeros((64, 64, 3), np.float32)
    labels[:, 32:] = 1
    guides = [str(write_texture(Texture(one, "srgb"), tmp_path / f"{number}.png")) for number, one in
              enumerate((labels, labels.transpose(1, 0, 2).copy()))]  # fmt: skip
    shown: list[Path] = []
    given = {"source_guide": guides[0], "target_guide": guides[1], "count": 2, "threads": 1}
    run(ToolRequest("multiply", [str(material)], given, tmp_path / "job"), on_preview=shown.append)
    assert len(set(shown)) == len(shown) > 2
    assert not any(path.exists() for path in shown)


def test_a_run_that_is_cancelled_leaves_no_picture(wall: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfinished, "_SHARE", float("inf"))
    shown: list[Path] = []

    def progress(fraction: float, stage: str) -> None:
        if len(shown) > 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(
            ToolRequest("multiply", [str(wall)], {"size": "128"}, tmp_path / "job"),
            progress=progress,
            on_preview=shown.append,
        )
    assert list((tmp_path / "job").glob("*.png")) == []


def test_pictures_of_octaves_take_the_place_of_no_input(wall: Path, tmp_path: Path) -> None:
    look = write_texture(brick_wall(32)["basecolor"], tmp_path / "wall_octave_000.png")
    before = look.read_bytes()
    style = entry("style")
    parameters = style.table.check({"strength": 0.5})
    with pytest.raises(MatshotError, match="is an input and stays as it is"):
        deliver(style, [str(wall), str(look)], tmp_path / "out.png", parameters, mock.Mock(), tmp_path)
    assert look.read_bytes() == before
