"""Sliders after the fact: as a capture with them, in place and elsewhere, and never at the cost of the raw maps."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

import matshot
from matshot.capture.adjustments import AdjustOptions, adjusted_material
from matshot.capture.finish import CaptureOptions, captured_material
from matshot.capture.oneshot import OneShotOptions
from matshot.errors import MatshotError
from matshot.image.types import Texture
from matshot.material.folder import load_material, save_material
from matshot.material.raw import raw_maps
from matshot.material.types import Material
from matshot.progress import Progress
from matshot.shading.procedural import brick_material
from matshot.shading.surface import surface_of
from matshot.tools.convert import ConvertOptions, convert, save_converted
from matshot.tools.job import ToolRequest
from matshot.tools.run import run
from matshot_host.description import RAW_MAPS
from matshot_host.graph import material_graph

SLIDERS = {"roughness": 0.6, "normal": 2.5, "height": 1.7, "metal": "on"}


@pytest.fixture(autouse=True)
def no_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering the picture takes longer than everything else."""
    picture = Texture(np.zeros((8, 8, 3), np.float32))
    monkeypatch.setattr("matshot.shading.preview.preview", lambda material: picture)


def captured(width: float = 0.0, **sliders) -> Material:
    """A capture of a wall that is known, with a patch of metal; only the network is left out."""
    surface = surface_of(brick_material(32))
    metallic = np.zeros_like(surface.metallic)
    metallic[:10, :10] = 1
    return captured_material(
        replace(surface, metallic=metallic),
        OneShotOptions(width=width, **sliders),
        wrap="xy",
        name="wall",
        origin="wall.jpg",
        span=1.0,
        parameters={"tool": "oneshot", "notes": ["A note of the photograph."], **sliders},
        progress=Progress(None),
    )


def stored(folder: Path) -> dict[str, np.ndarray]:
    """The integers of all maps in a folder."""
    files = {one.stem: oiio.ImageBuf(str(one)) for one in folder.glob("*.png") if one.name != "preview.png"}
    return {name: np.asarray(image.get_pixels(image.spec().format)).astype(int) for name, image in files.items()}


def assert_alike(one: Path, other: Path) -> None:
    first, second = stored(one), stored(other)
    assert first.keys() == second.keys()
    for name, pixels in first.items():
        assert np.abs(pixels - second[name]).max() <= 1, name
    left, right = ({**json.loads((place / "material.json").read_text())} for place in (one, other))
    for key in ("physical_size", "height_scale", "raw", "maps", "size", "wrap"):
        assert left.get(key) == right.get(key), key
    for key in (*SLIDERS, "height_scale_in_widths"):
        assert left["parameters"].get(key) == right["parameters"].get(key), key


@pytest.mark.parametrize(
    "sliders",
    [
        {"roughness": -1.0}, {"roughness": 1.0}, {"normal": 0.0}, {"normal": 4.0}, {"height": 0.0}, {"height": 3.0},
        {"metal": "on"}, {"metal": "off"}, SLIDERS,
    ],
)  # fmt: skip
def test_adjusting_gives_what_capturing_with_the_sliders_gives(tmp_path, sliders):
    every = {"roughness": 0.0, "normal": 1.0, "height": 1.0, "metal": "auto", **sliders}
    wanted = save_material(captured(**every), tmp_path / "wanted")
    for name, begun in (("plain", {}), ("moved", {**SLIDERS, "metal": "off"})):
        folder = save_material(captured(**begun), tmp_path / name)
        matshot.adjust(folder, **sliders, output=folder)
        assert_alike(folder, wanted)
        assert_alike(save_material(matshot.adjust(captured(**begun), **sliders), tmp_path / f"{name} memory"), wanted)


def test_in_place_again_and_again_loses_nothing(tmp_path):
    first = save_material(captured(), tmp_path / "first")
    before = stored(first)
    for sliders in (SLIDERS, {"metal": "off", "roughness": -1.0}, {"normal": 0.0, "height": 0.0}, {}):
        matshot.adjust(first, **sliders, output=first)
    after = stored(first)
    assert before.keys() == after.keys()
    for name, pixels in before.items():
        np.testing.assert_array_equal(pixels, after[name], name)


def test_raw_maps_are_stored_only_where_the_folder_has_others(tmp_path):
    folder = save_material(captured(), tmp_path / "wall")
    with zipfile.ZipFile(folder / RAW_MAPS) as archive:
        assert archive.namelist() == ["roughness.png"]  # of 16 bits
    matshot.adjust(folder, metal="on", output=folder)
    with zipfile.ZipFile(folder / RAW_MAPS) as archive:
        assert set(archive.namelist()) == {"basecolor.png", "roughness.png", "metallic.png"}


def test_the_real_width_sets_size_and_height_and_keeps_the_aspect(tmp_path):
    wide = captured()
    tall = wide.with_maps({kind: replace(one, pixels=one.pixels[:16].copy()) for kind, one in wide.maps.items()})
    folder = save_material(replace(tall, parameters=wide.parameters), tmp_path / "tall")
    adjusted = matshot.adjust(folder, width=0.8, output=folder)
    assert adjusted.physical_size == pytest.approx((0.8, 0.4))
    assert adjusted.height_scale == pytest.approx(0.8 * wide.parameters["height_scale_in_widths"])
    graph = material_graph(str(folder))
    assert graph.physical_size == pytest.approx((0.8, 0.4))
    assert graph.displacement.scale == pytest.approx(adjusted.height_scale)
    values = re.findall(r'name="scale" type="float" value="([^"]+)"', (folder / "material.mtlx").read_text())
    assert float(values[-1]) == pytest.approx(adjusted.height_scale, rel=1e-4)
    # Unless it is set again it stays, and what it means for the height does.
    again = matshot.adjust(folder, height=2.0)
    assert again.physical_size == adjusted.physical_size
    assert again.height_scale == pytest.approx(2 * adjusted.height_scale)


def test_a_material_of_no_capture_starts_from_its_maps_and_can_be_reset(tmp_path):
    folder = save_material(brick_material(32), tmp_path / "bricks")
    before = stored(folder)
    adjusted = matshot.adjust(folder, roughness=0.5, metal="on", output=folder)
    assert any("no raw maps" in note for note in adjusted.parameters["notes"])
    assert "metallic" in adjusted.maps
    reset = matshot.adjust(folder, output=folder)
    assert not reset.parameters["notes"]
    for name, pixels in before.items():
        np.testing.assert_array_equal(pixels, stored(folder)[name], name)
    assert "metallic" not in load_material(folder).maps


def test_a_folder_that_matshot_did_not_write_is_not_changed_in_place(tmp_path):
    folder = save_material(brick_material(32), tmp_path / "bricks")
    (folder / "material.json").unlink()
    (folder / "material.mtlx").unlink()
    with pytest.raises(MatshotError, match="was not written by Matshot"):
        matshot.adjust(folder, roughness=0.5, output=folder)
    assert not matshot.adjust(folder, roughness=0.5, output=tmp_path / "other").parameters.get("error")
    assert (tmp_path / "other" / RAW_MAPS).is_file()


@pytest.mark.parametrize("form", [{"normal": "dx"}, {"pack": "orm"}, {"format": "tga"}, {"format": "exr"}])
def test_a_converted_material_keeps_its_form_and_its_raw_maps(tmp_path, form):
    chosen = ConvertOptions(**form)
    folder = save_converted(convert(captured(), chosen), tmp_path / "form", chosen)
    names = {one.name for one in folder.iterdir()}
    matshot.adjust(folder, **SLIDERS, output=folder)
    assert {one.name for one in folder.iterdir()} == names
    found, wanted = load_material(folder).unpacked(), captured(**SLIDERS)
    for kind in ("roughness", "metallic", "normal", "ao"):
        assert np.abs(found.maps[kind].pixels - wanted.maps[kind].pixels).max() < 0.012, kind
    matshot.adjust(folder, output=folder)
    neutral = captured()
    raw = raw_maps(load_material(folder))
    np.testing.assert_allclose(raw.maps["roughness"].pixels, neutral.raw.maps["roughness"].pixels, atol=1e-6)
    np.testing.assert_allclose(raw.maps["normal"].pixels, neutral.raw.maps["normal"].pixels, atol=1e-4)


@pytest.mark.parametrize("tool", ["upscale", "tile"])
def test_other_maps_do_not_take_raw_maps_along(tmp_path, tool):
    folder = save_material(captured(), tmp_path / "wall")
    parameters = {"scale": 2, "method": "bicubic"} if tool == "upscale" else {}
    (made,) = run(ToolRequest(tool, [str(folder)], parameters, tmp_path / "job")).outputs
    assert load_material(made.path).raw is None
    assert not (made.path / RAW_MAPS).exists()


def test_raw_maps_that_are_gone_are_named_and_damaged_ones_refused(tmp_path):
    folder = save_material(captured(**SLIDERS), tmp_path / "wall")
    (folder / RAW_MAPS).write_bytes(b"not a zip")
    with pytest.raises(MatshotError, match=r"raw_maps.zip is damaged"):
        matshot.adjust(folder)
    (folder / RAW_MAPS).unlink()
    assert "no raw maps" in matshot.adjust(folder).parameters["notes"][0]


def test_a_strangers_raw_maps_of_another_size_are_not_read(tmp_path):
    folder = save_material(captured(), tmp_path / "wall")
    file = matshot.write_texture(Texture(np.zeros((8, 8, 1), np.float32), "data"), tmp_path / "roughness.png")
    with zipfile.ZipFile(folder / RAW_MAPS, "w") as archive:
        archive.write(file, file.name)
    with pytest.raises(MatshotError, match="damaged"):
        matshot.adjust(folder)


def test_a_height_of_unknown_scale_changes_its_contrast(tmp_path):
    bricks = replace(brick_material(32), height_scale=None, physical_size=None)
    adjusted = matshot.adjust(bricks, height=0.5)
    found, before = adjusted.maps["height"].pixels, bricks.maps["height"].pixels
    np.testing.assert_allclose(found - 0.5, 0.5 * (before - 0.5), atol=1e-6)
    assert any("scale of the height is unknown" in note for note in adjusted.parameters["notes"])


def test_the_command_changes_the_folder_or_writes_another(tmp_path):
    folder = save_material(captured(), tmp_path / "wall")

    def command(*words):
        line = [sys.executable, "-m", "matshot", "adjust", str(folder), *words]
        return subprocess.run(line, capture_output=True, text=True, timeout=60)

    done = command("--roughness", "0.5", "-o", str(tmp_path / "other"))
    assert done.returncode == 0, done.stderr
    assert load_material(folder).parameters.get("roughness", 0) == 0
    done = command("--metal", "off", "--height", "2", "--width", "0.5")
    assert done.returncode == 0, done.stderr
    record = json.loads((folder / "material.json").read_text())
    assert (record["parameters"]["metal"], record["parameters"]["height"], record["physical_size"]) == (
        "off", 2.0, [0.5, 0.5],
    )  # fmt: skip


def test_a_job_adjusts_a_copy(tmp_path):
    folder = save_material(captured(), tmp_path / "wall")
    (made,) = run(ToolRequest("adjust", [str(folder)], SLIDERS, tmp_path / "job", tmp_path / "out")).outputs
    assert_alike(made.path, save_material(captured(**SLIDERS), tmp_path / "wanted"))


def test_options_are_those_of_the_captures():
    sliders = ("roughness", "normal", "height", "metal")
    assert {name: getattr(CaptureOptions, name) for name in sliders} == AdjustOptions().sliders
    assert adjusted_material(captured()).parameters["notes"] == []


def test_a_repainted_map_survives_an_adjustment_in_place_or_is_refused(tmp_path):
    folder = save_material(captured(), tmp_path / "wall")
    matshot.adjust(folder, roughness=0.5, output=folder)
    found = load_material(folder)
    gray = Texture(np.full((found.height, found.width, 3), 0.5, np.float32), "srgb")
    painted = matshot.write_texture(gray, folder / "basecolor.png")
    contents = painted.read_bytes()
    matshot.adjust(folder, roughness=0.4, output=folder)
    assert painted.read_bytes() == contents
    matshot.adjust(folder, roughness=0.3, output=folder)
    # Adjust starts from the roughness as captured, so this would be lost.
    (folder / "roughness.png").write_bytes((folder / "height.png").read_bytes())
    before = stored(folder)
    with pytest.raises(
        MatshotError, match=r"roughness\.png exists and was not written by Matshot, or was changed since"
    ):
        matshot.adjust(folder, roughness=0.5, output=folder)
    for name, pixels in before.items():
        np.testing.assert_array_equal(pixels, stored(folder)[name], name)
