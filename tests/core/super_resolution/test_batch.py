"""Folders, material folders, and going on past a bad file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import matshot
from matshot.errors import Cancelled, MatshotError
from matshot.image.reader import read_texture
from matshot.image.types import FileSource, Texture
from matshot.image.writer import write_texture
from matshot.material.folder import load_material, save_material
from matshot.material.types import Material
from matshot.shading.procedural import brick_material, brick_wall
from matshot.super_resolution import UpscaleOptions, upscale_all, upscale_file
from matshot.super_resolution.files import FileOptions
from matshot_host.graph import material_graph

FAST = UpscaleOptions(scale=2, threads=1, device="cpu")


def picture(path: Path, size: int = 16) -> Path:
    pixels = np.random.default_rng(0).random((size, size, 3)).astype(np.float32)
    return write_texture(Texture(pixels, "srgb"), path)


def test_one_file_becomes_the_file_that_was_named(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png")
    outcome = upscale_all([source], tmp_path / "deep" / "b.tif", FAST)
    assert outcome.done[0].target == tmp_path / "deep" / "b.tif"
    assert read_texture(tmp_path / "deep" / "b.tif").pixels.shape == (32, 32, 3)


def test_folders_are_mirrored_and_a_bad_file_does_not_end_the_batch(tmp_path: Path) -> None:
    source = tmp_path / "in"
    picture(source / "a.png")
    picture(source / "deep" / "b.jpg")
    (source / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (source / "notes.txt").write_text("not an image")
    outcome = upscale_all([source], tmp_path / "out", FAST)
    made = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert made == ["a.png", "deep/b.jpg"]
    ((failed, error),) = outcome.failed
    assert failed.name == "broken.png"
    assert "broken.png" in error.sentence


def test_results_inside_the_source_are_not_sources(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    for _ in range(2):
        outcome = upscale_all([tmp_path], tmp_path / "out", FAST)
        assert [made.source.name for made in outcome.done] == ["a.png"]


def test_a_material_folder_goes_by_kind_with_one_wrap(tmp_path: Path) -> None:
    folder = tmp_path / "wall"
    for name, texture in brick_wall(32, seed=1).items():
        write_texture(texture, folder / f"{name}.png")
    (folder / "material.json").write_text("{}")
    outcome = upscale_all([folder], tmp_path / "out", FAST)
    kinds = {made.source.stem: made.kind for made in outcome.done}
    assert kinds == {"basecolor": "color", "normal_gl": "normal", "roughness": "data", "height": "data"}
    assert {made.wrap for made in outcome.done} == {"xy"}
    assert (tmp_path / "out" / "material.json").read_text() == "{}"
    decoded = read_texture(tmp_path / "out" / "normal_gl.png", encoding="data").pixels * 2 - 1
    assert np.abs(np.linalg.norm(decoded, axis=2) - 1).max() < 0.02


@pytest.mark.parametrize(("format_", "depth", "colorspace"), [("same", "same", "srgb"), ("exr", "half", "linear")])
def test_a_described_material_is_described_anew(tmp_path: Path, format_: str, depth: str, colorspace: str) -> None:
    wall = brick_wall(32, seed=1)
    maps = {"basecolor": wall["basecolor"], "normal": wall["normal_gl"], "roughness": wall["roughness"]}
    material = Material(maps, name="wall", physical_size=(1.0, 1.0), parameters={"seed": 3})
    folder = save_material(material, tmp_path / "wall", convention="dx")
    (folder / "roughness.png").write_bytes(b"no picture")
    files = FileOptions(format=format_, depth=depth)
    upscale_all([folder], tmp_path / "out", UpscaleOptions(method="lanczos", wrap="xy"), files)
    made = load_material(tmp_path / "out")
    assert (made.name, made.physical_size, made.parameters, made.width) == ("wall", (1.0, 1.0), {"seed": 3}, 128)
    assert set(made.maps) == {"basecolor", "normal"}
    description = json.loads((tmp_path / "out" / "material.json").read_text())
    assert description["size"] == [128, 128]
    assert description["maps"]["basecolor"]["colorspace"] == colorspace
    graph = material_graph(str(tmp_path / "out"))
    assert graph.node("basecolor").encoding == colorspace
    assert graph.node(graph.surface["geometry_normal"]).convention == "dx"
    document = (tmp_path / "out" / "material.mtlx").read_text()
    assert all(Path(image.file).name in document for image in graph.images())
    assert not list((tmp_path / "out").glob(".*"))


def test_colors_in_a_space_of_their_own_stay_in_it(tmp_path: Path) -> None:
    aces = FileSource(Path("scan.exr"), "float", colorspace="ACEScg")
    color = Texture(np.full((16, 16, 3), 0.25, np.float32), "linear", "xy", aces)
    folder = save_material(Material({"basecolor": color}, name="scan"), tmp_path / "scan", suffix=".exr")
    np.testing.assert_allclose(load_material(folder).maps["basecolor"].pixels, 0.25, atol=1e-5)
    upscale_all([folder], tmp_path / "out", UpscaleOptions(scale=2, method="lanczos"))
    back = load_material(tmp_path / "out").maps["basecolor"]
    np.testing.assert_allclose(back.pixels, 0.25, atol=1e-5)
    assert back.source is not None
    assert back.source.colorspace == "ACEScg"


def test_directx_normals_come_back_as_directx(tmp_path: Path) -> None:
    normal = brick_wall(32, seed=1)["normal_gl"]
    gl = write_texture(normal, tmp_path / "wall_normal_gl.png")
    flipped = read_texture(gl, encoding="data")
    pixels = flipped.pixels.copy()
    pixels[..., 1] = 1 - pixels[..., 1]
    dx = write_texture(Texture(pixels, "data"), tmp_path / "wall_normal_dx.png")
    upscale_all([gl, dx], tmp_path / "out", FAST)
    a = read_texture(tmp_path / "out" / gl.name, encoding="data").pixels
    b = read_texture(tmp_path / "out" / dx.name, encoding="data").pixels
    assert np.abs(a[..., 1] - (1 - b[..., 1])).max() <= 1.01 / 255
    np.testing.assert_allclose(a[..., [0, 2]], b[..., [0, 2]], atol=1.01 / 255)


def test_two_results_of_one_name_are_refused(tmp_path: Path) -> None:
    sources = [picture(tmp_path / "x" / "a.png"), picture(tmp_path / "y" / "a.png")]
    with pytest.raises(MatshotError, match="both become"):
        upscale_all(sources, tmp_path / "out", FAST)


def test_a_file_never_overwrites_itself(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png")
    before = source.read_bytes()
    with pytest.raises(MatshotError, match="overwrite itself"):
        upscale_file(source, source, FAST)
    assert source.read_bytes() == before


@pytest.mark.parametrize("make", [False, True])
def test_missing_and_empty_inputs(tmp_path: Path, make: bool) -> None:
    if make:
        (tmp_path / "in").mkdir()
    with pytest.raises(MatshotError, match="no images" if make else "does not exist"):
        upscale_all([tmp_path / "in"], tmp_path / "out", FAST)


def test_cancelling_leaves_nothing_half_written(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png", 64)

    def listener(fraction: float, stage: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    options = UpscaleOptions(scale=2, threads=1, device="cpu", tile=16)
    with pytest.raises(Cancelled):
        upscale_all([source], tmp_path / "out", options, progress=listener)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_sixteen_bits_stay_sixteen(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None, :, None].repeat(16, axis=0)
    source = write_texture(Texture(ramp, "data"), tmp_path / "height.png", depth="uint16")
    (made,) = upscale_all([source], tmp_path / "out", FAST).done
    large = read_texture(made.target, encoding="data")
    assert large.source is not None
    assert large.source.depth == "uint16"
    assert len(np.unique(large.pixels[16])) > 100


def test_format_and_depth_can_be_chosen(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png")
    (made,) = upscale_all([source], tmp_path / "out", FAST, FileOptions(format="exr", depth="half")).done
    assert made.target.suffix == ".exr"
    large = read_texture(made.target)
    assert large.encoding == "linear"
    assert large.source is not None
    assert large.source.depth == "half"


def test_a_result_too_wide_for_its_format_is_refused_before_any_work(tmp_path: Path) -> None:
    strip = Texture(np.zeros((1, 40000, 3), dtype=np.float32), "srgb")
    source = write_texture(strip, tmp_path / "strip.jpg")
    outcome = upscale_all([source], tmp_path / "out", FAST)
    assert "limited to 65,500 pixels" in outcome.failed[0][1].sentence
    assert not (tmp_path / "out").exists()


def test_a_turned_photograph_is_as_large_as_it_comes_out(tmp_path: Path) -> None:
    import OpenImageIO as oiio

    buffer = oiio.ImageBuf(np.full((8, 12, 3), 128, dtype=np.uint8))
    buffer.specmod().attribute("Orientation", 6)
    assert buffer.write(str(tmp_path / "turned.jpg"))
    (made,) = upscale_all([tmp_path / "turned.jpg"], tmp_path / "out", FAST).done
    assert (made.width, made.height) == (16, 24)
    assert read_texture(made.target).pixels.shape == (24, 16, 3)


def test_parameters_are_recorded(tmp_path: Path) -> None:
    (made,) = upscale_all([picture(tmp_path / "a.png")], tmp_path / "out", FAST).done
    assert made.parameters["scale"] == 2
    assert made.parameters["wrap"] == made.wrap


def test_replacing_a_file_is_told(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "wall.png")
    first, second = (
        upscale_all([tmp_path / "in"], tmp_path / "out", UpscaleOptions(scale=2, method="bicubic")).done[0]
        for _ in range(2)
    )
    assert not [note for note in first.notes if "Replaced" in note]
    assert "Replaced an older wall.png." in second.notes


@pytest.mark.parametrize("name", ["material.json", "material.mtlx"])
def test_what_somebody_else_says_of_a_material_stays(tmp_path: Path, name: str) -> None:
    folder = save_material(Material({"basecolor": brick_wall(32)["basecolor"]}), tmp_path / "wall")
    fast = UpscaleOptions(scale=2, method="bicubic")
    for _ in range(2):
        upscale_all([folder], tmp_path / "own", fast)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(MatshotError, match=f"{name} exists and was not written by Matshot"):
        upscale_all([folder], tmp_path / "out", fast)
    assert [file.read_text() for file in (tmp_path / "out").iterdir()] == ["mine"]


def test_a_copied_description_of_somebody_else_is_replaced_by_itself_alone(tmp_path: Path) -> None:
    for kind in ("basecolor", "roughness"):
        write_texture(brick_wall(32)[kind], tmp_path / "wall" / f"{kind}.png")
    (tmp_path / "wall" / "material.mtlx").write_text("theirs")
    fast = UpscaleOptions(scale=2, method="bicubic")
    for _ in range(2):
        upscale_all([tmp_path / "wall"], tmp_path / "out", fast)
    (tmp_path / "out" / "material.mtlx").write_text("mine")
    with pytest.raises(MatshotError, match=r"material\.mtlx exists"):
        upscale_all([tmp_path / "wall"], tmp_path / "out", fast)
    assert (tmp_path / "out" / "material.mtlx").read_text() == "mine"


@pytest.mark.parametrize("template", ["", "bedrock"])
def test_an_enlarged_map_that_somebody_repainted_stays(tmp_path: Path, template: str) -> None:
    matshot.convert(brick_material(16), template=template, output=tmp_path / "wall")
    fast = UpscaleOptions(scale=2, method="bicubic")
    for _ in range(2):  # its own maps are replaced
        assert not upscale_all([tmp_path / "wall"], tmp_path / "out", fast).failed
    repainted = next((tmp_path / "out").glob("*normal*"))
    repainted.write_bytes(b"repainted")
    stages: list[str] = []
    with pytest.raises(MatshotError, match="exists and was not written by Matshot, or was changed since"):
        upscale_all([tmp_path / "wall"], tmp_path / "out", fast, progress=lambda _, stage: stages.append(stage))
    assert repainted.read_bytes() == b"repainted"
    assert not stages
