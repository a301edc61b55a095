"""Both capture tools from files to folders, and through the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from matshot.capture.lamp import Lamp, fitted_lamp
from matshot.capture.oneshot import OneShotOptions, oneshot
from matshot.capture.twoshot import Shots, TwoShotOptions, twoshot, with_rooms_color
from matshot.cli import commands as cli
from matshot.errors import Cancelled, MatshotError
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.material.folder import load_material
from matshot.material.types import Material
from matshot.progress import CancelSwitch
from matshot.shading.procedural import wall_photographs
from matshot.shading.surface import Surface
from matshot_host.tools import ONESHOT, TWOSHOT

MAPS = {"basecolor", "normal", "roughness", "metallic", "height", "ao"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    flash, ambient = (
        write_texture(photograph, folder / f"{name}.png")
        for name, photograph in zip(("flash", "ambient"), wall_photographs(320, seed=7), strict=True)
    )
    return flash, ambient


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["matshot", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_tables_and_tools_have_the_same_parameters_and_defaults() -> None:
    for table, options, measured in (
        (ONESHOT, OneShotOptions, ()),
        (TWOSHOT, TwoShotOptions, ("network", "matching", "statistics", "priors")),
    ):
        known = {f.name: f.default for f in fields(options) if f.name not in measured}
        assert {p.name: p.default for p in table.parameters} == known


def test_one_flash_photograph_becomes_a_material_on_its_grid(pair: tuple[Path, Path]) -> None:
    stages: list[float] = []
    material = oneshot(
        pair[0], OneShotOptions(device="cpu", width=0.8), progress=lambda fraction, _: stages.append(fraction)
    )
    assert set(material.maps) >= MAPS
    assert (material.width, material.height, material.wrap) == (320, 320, "none")
    assert material.parameters["rectangle"] == [0, 0, 320, 320]
    assert material.parameters["exposure"] > 0
    assert material.physical_size == pytest.approx((0.8, 0.8))
    assert material.height_scale is not None
    assert any("field of view" in note for note in material.parameters["notes"])
    assert stages == sorted(stages)
    assert stages[-1] == pytest.approx(1)


def test_an_even_texture_keeps_its_wrap(tmp_path: Path) -> None:
    path = write_texture(wall_photographs(160, seed=4)[1], tmp_path / "wall.png")
    material = oneshot(path, OneShotOptions(light="even", wrap="xy", device="cpu"))
    assert material.wrap == "xy"
    assert "exposure" not in material.parameters


def test_seamless_maps_wrap_and_are_smaller(pair: tuple[Path, Path]) -> None:
    material = oneshot(pair[0], OneShotOptions(seamless="x", device="cpu"))
    assert material.wrap == "x"
    assert material.width < 320


def test_a_surface_that_is_alike_all_over_becomes_a_seamless_tile(pair: tuple[Path, Path]) -> None:
    material = oneshot(pair[0], OneShotOptions(area="auto", device="cpu", width=0.8))
    assert material.wrap == "xy"
    assert material.parameters["area"] == "auto"
    column, row, width, height = material.parameters["rectangle"]
    assert 0 <= column < column + width <= 320
    assert 0 <= row < row + height <= 320
    assert material.width <= width < 320
    # Real size follows from the share of the photograph.
    across, down = material.parameters["span"]
    assert across == pytest.approx(material.width / 320)
    assert material.physical_size == pytest.approx((0.8 * across, 0.8 * down))


def test_sliders_move_what_they_say(pair: tuple[Path, Path]) -> None:
    plain = oneshot(pair[0], OneShotOptions(device="cpu"))
    moved = oneshot(pair[0], OneShotOptions(device="cpu", roughness=-0.5, normal=2, metal="on"))
    assert moved.maps["roughness"].pixels.mean() < plain.maps["roughness"].pixels.mean()
    assert moved.maps["normal"].pixels[..., 2].mean() < plain.maps["normal"].pixels[..., 2].mean()
    assert moved.maps["metallic"].pixels.min() == 1


def test_two_photographs_become_a_seamless_tile(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(monkeypatch, "twoshot", *pair, "-o", tmp_path / "wall", "--json", "--device", "cpu", "--tile", 150, 170)
        == 0
    )
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert said[-1]["event"] == "done"
    assert said[-1]["wrap"] == "xy"
    found = load_material(tmp_path / "wall")
    assert set(found.maps) >= MAPS
    x, y, width, height = found.parameters["rectangle"]
    assert x < 150 < x + width
    assert y < 170 < y + height
    assert {"material.json", "material.mtlx", "preview.png"} <= {path.name for path in (tmp_path / "wall").iterdir()}


def test_a_large_tile_is_fitted_in_small_and_keeps_its_detail(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = TwoShotOptions(device="cpu", seamless="none", tile=(150, 170))
    whole = twoshot(*pair, options)
    monkeypatch.setattr("matshot.capture.twoshot._FITTED_SIDE", 72)
    small = twoshot(*pair, options)
    assert small.parameters["rectangle"] == whole.parameters["rectangle"]
    assert (small.width, small.height) == (whole.width, whole.height)

    def detail(material: Material, kind: str, blur: float = 0.0) -> np.ndarray:
        pixels = material.maps[kind].pixels[..., :2]
        return np.diff(gaussian_filter(pixels, (blur, blur, 0)), axis=1).ravel()

    assert np.corrcoef(*(detail(found, "basecolor") for found in (whole, small)))[0, 1] > 0.7
    # The finest relief is fitted in one and predicted in the other: alike in strength, the rest in place as well.
    assert np.corrcoef(*(detail(found, "normal", 2.0) for found in (whole, small)))[0, 1] > 0.75
    assert detail(small, "normal").std() > 0.6 * detail(whole, "normal").std()


def test_the_whole_photograph_is_explained(pair: tuple[Path, Path]) -> None:
    material = twoshot(*pair, TwoShotOptions(full=True, device="cpu"))
    assert (material.width, material.height, material.wrap) == (320, 320, "none")
    assert material.parameters["rectangle"] == [0, 0, 320, 320]


def test_what_there_is_to_say_of_both_photographs_is_told(pair: tuple[Path, Path]) -> None:
    notes = twoshot(*pair, TwoShotOptions(full=True, device="cpu", size=256)).parameters["notes"]
    assert [note.split()[0] for note in notes if "was shrunk" in note] == ["flash.png", "ambient.png"]
    # Where the no-flash photograph was taken from is found by aligning it.
    assert [note.split()[0] for note in notes if "field of view" in note] == ["flash.png"]


def test_what_a_metal_mirrors_of_the_room_is_no_relief(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def found_relief(shots: Shots, guess: Surface | None, read: np.ndarray | None) -> None:
        asked.append(shots.lamp.metallic)

    monkeypatch.setattr("matshot.capture.twoshot.found_relief", found_relief)
    for metallic in (0.0, 1.0):

        def lamp(*fitted: Any, metallic: float = metallic) -> Lamp:
            return replace(fitted_lamp(*fitted), metallic=metallic)

        monkeypatch.setattr("matshot.capture.twoshot.fitted_lamp", lamp)
        twoshot(*pair, TwoShotOptions(full=True, device="cpu"))
    assert asked == [0.0]


def test_a_tile_has_the_color_that_the_room_shows() -> None:
    surface = Surface.of(np.full((8, 8, 3), (0.3, 0.5, 0.01), dtype=np.float32))
    lamp = Lamp((0, 0, 1), (1, 1, 1), 0.0, (0, 0), (0.3, 0.5, 0.01), 0.7, (0, 0), 0.0, 0.0, 0.1)
    usable = np.ones((8, 8), dtype=bool)
    room = np.array((0.5, 0.6, 0.7), dtype=np.float32)
    balanced = surface.base_color * room

    def in_room(ambient: np.ndarray, roughness: float) -> np.ndarray:
        return with_rooms_color(surface, ambient, usable, replace(lamp, roughness=roughness)).base_color

    def hue(color: np.ndarray) -> np.ndarray:
        return color / color.sum(2, keepdims=True)

    # The room that a surface mirrors is none of its color, however rough that is.
    ambient = (surface.base_color + 0.04) * room
    rough, glossy = in_room(ambient, 0.7), in_room(ambient, 0.2)
    for found in (rough, glossy):
        np.testing.assert_allclose(hue(found), hue(balanced), rtol=1e-4)
    # How bright a rough one is, the room shows; of a glossy one its highlight tells.
    assert rough.mean() == pytest.approx(ambient.mean(), rel=1e-4)
    assert glossy.mean() == pytest.approx(surface.base_color.mean(), rel=1e-4)
    # All that a metal shows is mirrored.
    assert with_rooms_color(surface, ambient, usable, replace(lamp, metallic=1.0)) is surface


def test_a_tile_mirrors_no_more_of_the_room_than_its_darkest_channel_shows() -> None:
    surface = Surface.of(np.full((8, 8, 3), (0.3, 0.5, 0.04), dtype=np.float32))
    ambient = np.full((8, 8, 3), (0.2, 0.3, 0.0), dtype=np.float32)
    lamp = Lamp((0, 0, 1), (1, 1, 1), 0.0, (0, 0), (0.3, 0.5, 0.04), 0.7, (0, 0), 0.0, 0.0, 0.1)
    found = with_rooms_color(surface, ambient, np.ones((8, 8), dtype=bool), lamp).base_color
    np.testing.assert_allclose(found, ambient, atol=1e-4)


def test_the_fitted_lamp_is_recorded(pair: tuple[Path, Path]) -> None:
    lamp = oneshot(pair[0], OneShotOptions(device="cpu")).parameters["lamp"]
    json.dumps(lamp)
    assert lamp["metallic"] == 0
    assert 0.1 < lamp["roughness"] <= 1


def test_a_job_can_be_cancelled(pair: tuple[Path, Path]) -> None:
    switch = CancelSwitch()
    switch.cancel()
    for work in (lambda: oneshot(pair[0], progress=switch), lambda: twoshot(*pair, progress=switch)):
        with pytest.raises(Cancelled):
            work()


BAD: dict[str, Callable[[Path, Path, Path], list[object]]] = {
    "same": lambda flash, ambient, folder: ["twoshot", flash, flash],
    "swapped": lambda flash, ambient, folder: ["twoshot", ambient, flash],
    "missing": lambda flash, ambient, folder: ["oneshot", folder / "nothing.jpg"],
    "text": lambda flash, ambient, folder: ["oneshot", _text(folder / "a.jpg")],
    "black": lambda flash, ambient, folder: ["oneshot", _plain(folder / "black.png", 0.0)],
    "white": lambda flash, ambient, folder: ["oneshot", _plain(folder / "white.png", 1.0)],
    "small": lambda flash, ambient, folder: ["oneshot", _plain(folder / "small.png", 0.5, 8)],
    "nothing to see": lambda flash, ambient, folder: ["twoshot", flash, _plain(folder / "gray.png", 0.5)],
    "fov": lambda flash, ambient, folder: ["oneshot", flash, "--fov", 400],
    "tile outside": lambda flash, ambient, folder: ["twoshot", flash, ambient, "--tile", 5000, 10],
    "metal": lambda flash, ambient, folder: ["oneshot", flash, "--metal", "perhaps"],
    "tile even": lambda flash, ambient, folder: ["oneshot", flash, "--light", "even", "--area", "tile"],
    "refine even": lambda flash, ambient, folder: ["oneshot", flash, "--light", "even", "--refine"],
}


def _text(path: Path) -> Path:
    path.write_text("not a picture")
    return path


def _plain(path: Path, value: float, side: int = 128) -> Path:
    return write_texture(Texture(np.full((side, side, 3), value, dtype=np.float32), "srgb"), path)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence_and_no_folder(
    name: str,
    pair: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = BAD[name](*pair, tmp_path)
    assert run(monkeypatch, *words, "-o", tmp_path / "out", "--quiet") == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("Error: ")
    assert said.count("\n") == 0
    assert not (tmp_path / "out").exists()


def test_a_target_that_is_a_file_is_refused_before_the_work(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = _text(tmp_path / "taken")
    assert run(monkeypatch, "oneshot", pair[0], "-o", target) == 1
    assert "is a file" in capsys.readouterr().err
    assert target.read_text() == "not a picture"


def test_options_say_what_there_is() -> None:
    for wrong in (
        {"seamless": "z"},
        {"light": "dim"},
        {"roughness": 2},
        {"normal": -1},
        {"size": 3},
        {"threads": -1},
        {"wrap": "w"},
    ):
        with pytest.raises(MatshotError):
            OneShotOptions(**wrong)  # type: ignore[arg-type]
