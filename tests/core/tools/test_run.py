"""Tools run by name, on files, into a folder."""

from __future__ import annotations

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
from matshot.tools.run import Run, checked, run
from matshot_host.tools import MULTIPLY, TWOSHOT, UPSCALE

QUICK = {"scale": 2, "method": "bicubic"}


@pytest.fixture
def wall(tmp_path: Path) -> Path:
    return write_texture(brick_wall(64)["basecolor"], tmp_path / "wall.png")


@pytest.fixture
def material(tmp_path: Path) -> Path:
    maps = {"normal" if name == "normal_gl" else name: texture for name, texture in brick_wall(64).items()}
    return save_material(Material(maps, name="wall"), tmp_path / "material")


def test_an_image_is_enlarged_with_a_small_picture(wall: Path, tmp_path: Path) -> None:
    ran = run(Run("upscale", [str(wall)], QUICK, tmp_path / "job"))
    (made,) = ran.results
    assert (made.kind, made.width, made.height, made.source) == ("image", 128, 128, str(wall))
    assert read_texture(made.path).width == 128
    assert made.preview is not None
    # So small a result is its own picture.
    assert made.preview.read_bytes() == made.path.read_bytes()


@pytest.mark.parametrize(("scale", "given"), [(8, {}), (2, {"depth": "uint16"}), (2, {"format": "exr"})])
def test_the_small_picture_is_small_and_of_8_bits(
    wall: Path, tmp_path: Path, scale: int, given: dict[str, str]
) -> None:
    (made,) = run(Run("upscale", [str(wall)], {**QUICK, "scale": scale, **given}, tmp_path / "job")).results
    assert made.preview is not None
    picture = read_texture(made.preview)
    assert picture.source is not None
    assert (picture.width, picture.source.depth) == (min(64 * scale, 512), "uint8")
    assert abs(float(picture.pixels.mean()) - float(read_texture(wall).pixels.mean())) < 0.01


def test_results_get_free_names_and_overwrite_nothing(wall: Path, tmp_path: Path) -> None:
    before = wall.read_bytes()
    paths = []
    for number in range(3):
        ran = run(Run("upscale", [str(wall)], QUICK, tmp_path / f"job{number}", output=tmp_path))
        paths.append(ran.results[0].path.name)
    assert paths == ["wall_2.png", "wall_3.png", "wall_4.png"]
    assert wall.read_bytes() == before
    assert not list(tmp_path.glob(".*.partial"))


def test_files_of_one_name_from_two_folders_do_not_meet(wall: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "wall.png"
    other.parent.mkdir()
    write_texture(read_texture(wall), other)
    ran = run(Run("upscale", [str(wall), str(other)], QUICK, tmp_path / "job", output=tmp_path / "out"))
    assert [made.source for made in ran.results] == [str(wall), str(other)]
    assert [made.path.name for made in ran.results] == ["wall.png", "wall_2.png"]


def test_udim_tiles_stay_a_set(tmp_path: Path) -> None:
    tiles = [write_texture(brick_wall(32)["basecolor"], tmp_path / f"skin.{number}.png") for number in (1001, 1002)]
    asked = Run("upscale", [str(tmp_path / "skin.<UDIM>.png")], QUICK, tmp_path / "job", output=tmp_path)
    ran = run(asked)
    assert [made.path.name for made in ran.results] == ["skin_2.1001.png", "skin_2.1002.png"]
    assert [made.source for made in ran.results] == [str(tile) for tile in tiles]


def test_the_host_may_say_what_a_map_holds(tmp_path: Path) -> None:
    flat = Texture(np.tile(np.float32([0, 0, 1]), (16, 16, 1)), "normal")
    file = write_texture(flat, tmp_path / "unnamed.png")
    ran = run(Run("upscale", [{"path": str(file), "kind": "normal", "normal": "dx"}], QUICK, tmp_path / "job"))
    assert "normal" not in " ".join(ran.results[0].notes)
    made = read_texture(ran.results[0].path, encoding="normal")
    np.testing.assert_allclose(made.pixels[..., 2], 1, atol=1e-3)


def test_one_bad_file_does_not_end_the_others(wall: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    ran = run(Run("upscale", [str(bad), str(wall)], QUICK, tmp_path / "job"))
    assert len(ran.results) == 1
    assert ran.failures == ("bad.png is empty (0 bytes).",)
    with pytest.raises(MatshotError, match="is empty"):
        run(Run("upscale", [str(bad)], QUICK, tmp_path / "again"))


def test_a_material_folder_is_enlarged_as_one(material: Path, tmp_path: Path) -> None:
    ran = run(Run("upscale", [str(material)], QUICK, tmp_path / "job", output=tmp_path / "out"))
    (made,) = ran.results
    assert made.kind == "material"
    assert load_material(made.path).width == 128
    assert made.path == tmp_path / "out" / "material"
    assert made.preview is not None
    assert made.preview.is_file()


def test_multiplied_images_have_their_seeds_names(wall: Path, tmp_path: Path) -> None:
    shown: list[Path] = []
    asked = Run("multiply", [str(wall)], {"size": "48x40", "count": 2, "seed": 3}, tmp_path / "job")
    ran = run(asked, pictured=shown.append)
    assert [made.path.name for made in ran.results] == ["wall_3.png", "wall_4.png"]
    assert {(made.width, made.height) for made in ran.results} == {(48, 40)}
    assert shown
    assert all(picture.is_file() for picture in shown)
    assert len(set(shown)) == len(shown)


def test_a_material_stays_a_material_in_the_form_that_is_wanted(material: Path, tmp_path: Path) -> None:
    asked = Run("tile", [str(material)], {}, tmp_path / "job", form={"normal": "dx", "pack": "orm"})
    (made,) = run(asked).results
    files = sorted(file.name for file in made.path.iterdir())
    assert "normal_dx.png" in files
    assert "orm.png" in files
    assert not {"roughness.png", "metallic.png", "ao.png"} & set(files)
    assert made.preview is not None


def test_converting_is_a_tool_like_others(material: Path, tmp_path: Path) -> None:
    (made,) = run(Run("convert", [str(material)], {"size": 32}, tmp_path / "job")).results
    assert (made.width, made.height) == (32, 32)


def test_a_sheet_is_a_picture(material: Path, tmp_path: Path) -> None:
    (made,) = run(Run("preview", [str(material)], {"size": 128}, tmp_path / "job")).results
    assert made.kind == "image"
    assert made.path.is_file()


def test_progress_rises_to_one(wall: Path, tmp_path: Path) -> None:
    said: list[float] = []
    run(Run("tile", [str(wall)], {}, tmp_path / "job"), progress=lambda fraction, _: said.append(fraction))
    assert said == sorted(said)
    assert said[-1] == 1.0


def test_a_cancel_leaves_the_output_untouched(wall: Path, tmp_path: Path) -> None:
    def refuse(fraction: float, stage: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(Run("multiply", [str(wall)], {}, tmp_path / "job", output=tmp_path / "out"), progress=refuse)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("tool", "inputs", "parameters", "said"),
    [
        ("bake", ["wall.png"], {}, "There is no tool 'bake'; there are upscale,"),
        ("upscale", [], {}, "Upscale needs textures, not 0 files."),
        ("twoshot", ["wall.png"], {}, "Two-Shot Material needs flash photograph, photograph without flash, not 1"),
        ("upscale", ["none.png"], {}, "none.png does not exist."),
        ("upscale", ["none.<UDIM>.png"], {}, "No tile of"),
        ("upscale", [""], {}, "does not exist."),
        ("tile", ["wall.png"], {"colour": 1}, "Make Seamless has no parameter 'colour'; there are axes,"),
        ("tile", ["wall.png"], {"axes": "z"}, "There are no axes 'z'"),
        ("multiply", ["wall.png"], {"size": "huge"}, "'huge' is not a size"),
        ("tile", ["wall.png"], {"even": "yes"}, "Even out light is on or off, not 'yes'."),
    ],
)
def test_what_is_wrong_is_one_sentence(
    wall: Path, tmp_path: Path, tool: str, inputs: list[str], parameters: dict[str, object], said: str
) -> None:
    paths = [str(wall.with_name(name)) if name else "" for name in inputs]
    with pytest.raises(MatshotError) as caught:
        run(Run(tool, paths, parameters, tmp_path / "job"))
    assert said in caught.value.sentence
    assert "\n" not in caught.value.sentence


def test_an_output_that_is_a_file_is_refused_before_the_work(wall: Path, tmp_path: Path) -> None:
    with pytest.raises(MatshotError, match="is a file; a folder is needed"):
        run(Run("tile", [str(wall)], {}, tmp_path / "job", output=wall))


def test_parameters_get_the_tables_types() -> None:
    assert checked(TWOSHOT, {"tile": [3, 4.0], "fov": 60}) == {"tile": (3, 4), "fov": 60.0}
    assert isinstance(checked(TWOSHOT, {"fov": 60})["fov"], float)
    assert checked(MULTIPLY, {"seed": 2.0}) == {"seed": 2}
    for parameters in (
        {"tile": [1]},
        {"tile": 3},
        {"tile": ["a", "b"]},
        {"fov": float("nan")},
        {"fov": 10**400},
        {"fov": True},
    ):
        with pytest.raises(MatshotError, match="number"):
            checked(TWOSHOT, parameters)
    with pytest.raises(MatshotError, match="Scale is a whole number, not"):
        checked(UPSCALE, {"scale": 2.5})
