"""Tools run by name, on files, into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from matshot.errors import Cancelled, MatshotError
from matshot.image.reader import read_texture
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.material.folder import load_material, save_material
from matshot.material.types import Material
from matshot.shading.procedural import brick_wall
from matshot.tools import store
from matshot.tools.job import ToolRequest
from matshot.tools.run import run

QUICK = {"scale": 2, "method": "bicubic"}


@pytest.fixture
def wall(tmp_path: Path) -> Path:
    return write_texture(brick_wall(64)["basecolor"], tmp_path / "wall.png")


@pytest.fixture
def material(tmp_path: Path) -> Path:
    maps = {"normal" if name == "normal_gl" else name: texture for name, texture in brick_wall(64).items()}
    return save_material(Material(maps, name="wall"), tmp_path / "material")


def test_an_image_is_enlarged_with_a_small_picture(wall: Path, tmp_path: Path) -> None:
    ran = run(ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "job"))
    (made,) = ran.outputs
    assert (made.kind, made.width, made.height, made.source) == ("image", 128, 128, str(wall))
    assert read_texture(made.path).width == 128
    assert made.preview is not None
    # So small a result is its own picture.
    assert made.preview.read_bytes() == made.path.read_bytes()


@pytest.mark.parametrize(("scale", "given"), [(8, {}), (2, {"depth": "uint16"}), (2, {"format": "exr"})])
def test_the_small_picture_is_small_and_of_8_bits(
    wall: Path, tmp_path: Path, scale: int, given: dict[str, str]
) -> None:
    (made,) = run(ToolRequest("upscale", [str(wall)], {**QUICK, "scale": scale, **given}, tmp_path / "job")).outputs
    assert made.preview is not None
    picture = read_texture(made.preview)
    assert picture.source is not None
    assert (picture.width, picture.source.depth) == (min(64 * scale, 512), "uint8")
    assert abs(float(picture.pixels.mean()) - float(read_texture(wall).pixels.mean())) < 0.01


def test_results_get_free_names_and_overwrite_nothing(wall: Path, tmp_path: Path) -> None:
    before = wall.read_bytes()
    paths = []
    for number in range(3):
        ran = run(ToolRequest("upscale", [str(wall)], QUICK, tmp_path / f"job{number}", output=tmp_path))
        paths.append(ran.outputs[0].path.name)
    assert paths == ["wall_2.png", "wall_3.png", "wall_4.png"]
    assert wall.read_bytes() == before
    assert not list(tmp_path.glob(".*.partial"))


def test_a_folder_with_results_of_somebody_is_refused(wall: Path, tmp_path: Path) -> None:
    mine = tmp_path / "project" / "results" / "mine.png"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(MatshotError, match="give each run a folder of its own"):
        run(ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "project"))
    assert mine.read_bytes() == b"mine"


def test_files_of_one_name_from_two_folders_do_not_meet(wall: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "wall.png"
    other.parent.mkdir()
    write_texture(read_texture(wall), other)
    ran = run(ToolRequest("upscale", [str(wall), str(other)], QUICK, tmp_path / "job", output=tmp_path / "out"))
    assert [made.source for made in ran.outputs] == [str(wall), str(other)]
    assert [made.path.name for made in ran.outputs] == ["wall.png", "wall_2.png"]


def test_udim_tiles_stay_a_set(tmp_path: Path) -> None:
    tiles = [write_texture(brick_wall(32)["basecolor"], tmp_path / f"skin.{number}.png") for number in (1001, 1002)]
    asked = ToolRequest("upscale", [str(tmp_path / "skin.<UDIM>.png")], QUICK, tmp_path / "job", output=tmp_path)
    ran = run(asked)
    assert [made.path.name for made in ran.outputs] == ["skin_2.1001.png", "skin_2.1002.png"]
    assert [made.source for made in ran.outputs] == [str(tile) for tile in tiles]


def test_the_host_may_say_what_a_map_holds(tmp_path: Path) -> None:
    flat = Texture(np.tile(np.float32([0, 0, 1]), (16, 16, 1)), "normal")
    file = write_texture(flat, tmp_path / "unnamed.png")
    ran = run(ToolRequest("upscale", [{"path": str(file), "kind": "normal", "normal": "dx"}], QUICK, tmp_path / "job"))
    assert "normal" not in " ".join(ran.outputs[0].notes)
    made = read_texture(ran.outputs[0].path, encoding="normal")
    np.testing.assert_allclose(made.pixels[..., 2], 1, atol=1e-3)


def test_one_bad_file_does_not_end_the_others(wall: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    ran = run(ToolRequest("upscale", [str(bad), str(wall)], QUICK, tmp_path / "job"))
    assert len(ran.outputs) == 1
    assert ran.failures == ("bad.png is empty (0 bytes).",)
    with pytest.raises(MatshotError, match="is empty"):
        run(ToolRequest("upscale", [str(bad)], QUICK, tmp_path / "again"))


def test_a_material_folder_is_enlarged_as_one(material: Path, tmp_path: Path) -> None:
    ran = run(ToolRequest("upscale", [str(material)], QUICK, tmp_path / "job", output=tmp_path / "out"))
    (made,) = ran.outputs
    assert made.kind == "material"
    assert load_material(made.path).width == 128
    assert made.path == tmp_path / "out" / "material"
    assert made.preview is not None
    assert made.preview.is_file()


def test_multiplied_images_have_their_seeds_names(wall: Path, tmp_path: Path) -> None:
    ran = run(ToolRequest("multiply", [str(wall)], {"size": "48x40", "count": 2, "seed": 3}, tmp_path / "job"))
    assert [made.path.name for made in ran.outputs] == ["wall_3.png", "wall_4.png"]
    assert {(made.width, made.height) for made in ran.outputs} == {(48, 40)}


@pytest.mark.parametrize("format_", ["dds", "ktx2"])
def test_hosts_get_no_compressed_normals(material: Path, tmp_path: Path, format_: str) -> None:
    asked = ToolRequest("convert", [str(material)], {"format": format_}, tmp_path / "job", form={"normal": "gl"})
    with pytest.raises(MatshotError, match="normals of two numbers"):
        run(asked)
    (made,) = run(ToolRequest("convert", [str(material)], {"format": format_}, tmp_path / "other")).outputs
    assert (made.path / f"basecolor.{format_}").is_file()


def test_a_material_stays_a_material_in_the_form_that_is_wanted(material: Path, tmp_path: Path) -> None:
    asked = ToolRequest("tile", [str(material)], {}, tmp_path / "job", form={"normal": "dx", "pack": "orm"})
    (made,) = run(asked).outputs
    files = sorted(file.name for file in made.path.iterdir())
    assert "normal_dx.png" in files
    assert "orm.png" in files
    assert not {"roughness.png", "metallic.png", "ao.png"} & set(files)
    assert made.preview is not None


def test_converting_is_a_tool_like_others(material: Path, tmp_path: Path) -> None:
    (made,) = run(ToolRequest("convert", [str(material)], {"size": 32}, tmp_path / "job")).outputs
    assert (made.width, made.height) == (32, 32)


def test_a_sheet_is_a_picture(material: Path, tmp_path: Path) -> None:
    (made,) = run(ToolRequest("preview", [str(material)], {"size": 128}, tmp_path / "job")).outputs
    assert made.kind == "image"
    assert made.path.is_file()


def test_progress_rises_to_one(wall: Path, tmp_path: Path) -> None:
    said: list[float] = []
    run(ToolRequest("tile", [str(wall)], {}, tmp_path / "job"), progress=lambda fraction, _: said.append(fraction))
    assert said == sorted(said)
    assert said[-1] == 1.0


def test_a_cancel_leaves_the_output_untouched(wall: Path, tmp_path: Path) -> None:
    def refuse(fraction: float, stage: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(ToolRequest("multiply", [str(wall)], {}, tmp_path / "job", output=tmp_path / "out"), progress=refuse)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("tool", "inputs", "parameters", "said"),
    [
        ("bake", ["wall.png"], {}, "Unknown tool 'bake'. Choose from: upscale,"),
        ("upscale", [], {}, "Upscale needs textures, not 0 files."),
        ("twoshot", ["wall.png"], {}, "Two-Shot Material needs flash photograph, photograph without flash, not 1"),
        ("upscale", ["none.png"], {}, "none.png does not exist."),
        ("upscale", ["none.<UDIM>.png"], {}, "No tile of"),
        ("upscale", [""], {}, "does not exist."),
        ("tile", ["wall.png"], {"colour": 1}, "Unknown Make Seamless parameter 'colour'. Choose from: axes,"),
        ("tile", ["wall.png"], {"axes": "z"}, "Unknown axes 'z'. Choose from: x, y, xy."),
        ("multiply", ["wall.png"], {"size": "huge"}, "Size must be text such as 1024x1024, got 'huge'."),
        ("tile", ["wall.png"], {"even": "yes"}, "Even Out Lighting must be on or off, got 'yes'."),
    ],
)
def test_what_is_wrong_is_one_sentence(
    wall: Path, tmp_path: Path, tool: str, inputs: list[str], parameters: dict[str, object], said: str
) -> None:
    paths = [str(wall.with_name(name)) if name else "" for name in inputs]
    with pytest.raises(MatshotError) as caught:
        run(ToolRequest(tool, paths, parameters, tmp_path / "job"))
    assert said in caught.value.sentence
    assert "\n" not in caught.value.sentence


def test_an_output_that_is_a_file_is_refused_before_the_work(wall: Path, tmp_path: Path) -> None:
    with pytest.raises(MatshotError, match="is a file; a folder is needed"):
        run(ToolRequest("tile", [str(wall)], {}, tmp_path / "job", output=wall))


def test_a_name_that_another_program_takes_meanwhile_is_left_to_it(
    wall: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    output.mkdir()

    def taken_meanwhile(folder: Path, base: str, rests: Sequence[str]) -> str:
        (folder / f"{base}{rests[0]}").write_bytes(b"theirs")
        return base

    monkeypatch.setattr(store, "_free_base", taken_meanwhile)
    (made,) = run(ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "job", output=output)).outputs
    assert (output / "wall.png").read_bytes() == b"theirs"
    assert made.path == output / "wall-2.png"
    assert read_texture(made.path).width == 128


def test_a_broken_link_is_a_name_that_is_taken(wall: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    try:
        (output / "wall.png").symlink_to(tmp_path / "offline disk" / "wall.png")
    except OSError:
        pytest.skip("links need rights here")
    (made,) = run(ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "job", output=output)).outputs
    assert (output / "wall.png").is_symlink()
    assert made.path == output / "wall_2.png"
