"""The public face: names, signatures, examples, and one form for all functions."""

from __future__ import annotations

import doctest
import importlib
import inspect
import logging
import pkgutil
import re
import subprocess
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import pytest
from typer.testing import CliRunner

import matshot
import matshot.api
import matshot_host
from matshot.cli.commands import app
from matshot.image.writer import write_texture
from matshot.shading.procedural import brick_material, wall_photographs
from matshot_host.tools import TOOLS, Tool

from . import public_surface

VERBS = [tool.name for tool in TOOLS]

#: One call gives one result; the command's ``--count`` is a loop over seeds.
NOT_IN_PYTHON = {"multiply": {"count"}}

#: What every function takes beside its tool's parameters.
COMMON = {"output": None, "progress": None}

#: Modules whose docstrings hold examples.
DOCUMENTED = [
    ".".join(file.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
    for package in (Path(matshot.__file__).parent, Path(matshot_host.__file__).parent)
    for file in sorted(package.rglob("*.py"))
    if ">>> " in file.read_text(encoding="utf-8") and "plugins" not in file.parts
]

#: Values with which a function is quick.
QUICK: dict[str, dict[str, Any]] = {
    "upscale": {"scale": 2, "method": "bicubic"},
    "multiply": {"size": (24, 24)},
    "tile": {"axes": "x"},
    "style": {"strength": 0.0},
}


@pytest.fixture(scope="module")
def bricks() -> matshot.Material:
    return brick_material(32, seed=1)


@pytest.fixture(scope="module")
def cut(bricks: matshot.Material) -> matshot.Material:
    """Of another size than it tiles at."""
    maps = {kind: matshot.Texture(t.pixels[:, :28].copy(), t.encoding) for kind, t in bricks.maps.items()}
    return matshot.Material(maps, name="bricks")


def parameters_of(verb: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(getattr(matshot, verb)).parameters)


def call(verb: str, source: Any, **more: Any) -> Any:
    inputs = (source, source) if verb == "style" else (source,)
    return getattr(matshot, verb)(*inputs, **QUICK.get(verb, {}), **more)


# Names


def test_every_public_name_is_there_before_and_after_it_is_loaded() -> None:
    code = (
        "import matshot; assert set(matshot.__all__) <= set(dir(matshot)); "
        "names = {name: getattr(matshot, name) for name in matshot.__all__}; "
        "assert all(getattr(matshot, name) is value for name, value in names.items()); "
        "from matshot import *; assert upscale is matshot.upscale"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_that_do_not_exist_are_refused_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'matshot' has no attribute 'upscail'"):
        matshot.upscail  # noqa: B018


def test_importing_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, time; began = time.process_time(); import matshot; taken = time.process_time() - began; "
        "heavy = {'numpy', 'OpenImageIO', 'onnxruntime', 'cv2', 'scipy', 'typer'} & set(sys.modules); "
        "assert not heavy, heavy; print(taken)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True) for _ in range(3)]
    assert min(float(run.stdout) for run in runs) < 0.1


def test_no_module_shadows_a_function() -> None:
    for module in pkgutil.walk_packages(matshot.__path__, "matshot."):
        if not module.name.endswith("__main__") and ".plugins." not in module.name:
            importlib.import_module(module.name)
    for name in matshot.__all__:
        assert not isinstance(getattr(matshot, name), ModuleType), name
    assert all(getattr(matshot, verb).__module__ == "matshot.api" for verb in VERBS)


def test_the_surface_is_the_frozen_one() -> None:
    """If this change is wanted, run ``python tests/core/public_surface.py`` and say it in the changelog."""
    assert public_surface.surface() == public_surface.FROZEN.read_text(encoding="utf-8")


# Types


def test_the_package_is_typed() -> None:
    assert (Path(matshot.__file__).parent / "py.typed").is_file()


def test_type_checkers_know_the_kinds_of_results() -> None:
    api = pytest.importorskip("mypy.api")
    root = Path(__file__).parents[2]
    found, errors, status = api.run(
        ["--config-file", str(root / "pyproject.toml"), str(Path(__file__).with_name("typed_use.py"))]
    )
    assert status == 0, found + errors


@pytest.mark.parametrize("verb", VERBS)
def test_hints_can_be_evaluated(verb: str) -> None:
    assert typing.get_type_hints(inspect.unwrap(getattr(matshot, verb)))["return"]


# The tool table


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_parameters_are_those_of_the_tool_table(tool: Tool) -> None:
    keywords = {
        name: parameter.default
        for name, parameter in parameters_of(tool.name).items()
        if parameter.kind == inspect.Parameter.KEYWORD_ONLY
    }
    missing = NOT_IN_PYTHON.get(tool.name, set())
    table = {one.name: one.default for one in tool.parameters if one.name not in missing}
    assert keywords == {**table, **COMMON}
    assert {name: type(value) for name, value in keywords.items()} == {
        name: type(value) for name, value in {**table, **COMMON}.items()
    }


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_choices_are_those_of_the_tool_table(tool: Tool) -> None:
    hints = typing.get_type_hints(inspect.unwrap(getattr(matshot, tool.name)))
    for parameter in tool.parameters:
        hint = hints.get(parameter.name)
        choices = typing.get_args(hint) if typing.get_origin(hint) is Literal else ()
        assert hint is None or choices == parameter.choices, parameter.name


def test_values_are_checked_by_the_tool_table(bricks: matshot.Material) -> None:
    for verb, values in (
        ("upscale", {"scale": 3}),
        ("multiply", {"engine": "magic"}),
        ("multiply", {"size": (2, 2)}),
        ("tile", {"axes": "z"}),
        ("style", {"strength": 2.0}),
        ("adjust", {"roughness": 2.0}),
        ("convert", {"size": -1}),
        ("preview", {"view": "inside"}),
    ):
        inputs = (bricks, bricks) if verb == "style" else (bricks,)
        with pytest.raises(matshot.MatshotError):
            getattr(matshot, verb)(*inputs, **values)


# Examples


@pytest.mark.parametrize("name", [name for name in matshot.__all__ if name != "__version__"])
def test_every_public_docstring_has_an_example(name: str) -> None:
    assert ">>> " in (inspect.getdoc(getattr(matshot, name)) or "")


@pytest.mark.parametrize("module", DOCUMENTED)
def test_examples_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted
    assert not result.failed


# One form


@pytest.mark.parametrize("verb", ["upscale", "multiply", "tile", "style"])
def test_the_result_is_of_the_kind_of_the_source(verb: str, cut: matshot.Material, tmp_path: Path) -> None:
    texture = cut.maps["basecolor"]
    image = matshot.write_texture(texture, tmp_path / "wall.png")
    folder = matshot.save_material(cut, tmp_path / "bricks")
    assert isinstance(call(verb, texture), matshot.Texture)
    assert isinstance(call(verb, image), matshot.Texture)
    assert isinstance(call(verb, str(image)), matshot.Texture)
    assert isinstance(call(verb, cut), matshot.Material)
    assert isinstance(call(verb, folder), matshot.Material)


def test_a_path_and_what_is_read_from_it_give_the_same(cut: matshot.Material, tmp_path: Path) -> None:
    image = matshot.write_texture(cut.maps["basecolor"], tmp_path / "wall.png")
    folder = matshot.save_material(cut, tmp_path / "bricks")
    for verb in ("upscale", "tile"):
        np.testing.assert_array_equal(call(verb, image).pixels, call(verb, matshot.read_texture(image)).pixels)
        by_path, by_material = call(verb, folder), call(verb, matshot.load_material(folder))
        for kind, texture in by_path.maps.items():
            np.testing.assert_array_equal(texture.pixels, by_material.maps[kind].pixels)


def test_photographs_may_be_textures(tmp_path: Path) -> None:
    flash = write_texture(wall_photographs(64)[0], tmp_path / "wall.png")
    by_path, by_texture = matshot.oneshot(flash), matshot.oneshot(matshot.read_texture(flash))
    assert (by_path.name, by_path.origin) == (by_texture.name, by_texture.origin) == ("wall", "wall.png")
    np.testing.assert_array_equal(by_path.maps["normal"].pixels, by_texture.maps["normal"].pixels)
    assert matshot.oneshot(wall_photographs(64)[0]).name == "photograph"


def test_a_stated_wrap_holds(bricks: matshot.Material) -> None:
    noise = np.random.default_rng(0).random((32, 32, 3), dtype=np.float32)
    for wrap in ("x", "y", "xy"):
        assert matshot.upscale(matshot.Texture(noise, wrap=wrap), scale=2, method="bicubic").wrap == wrap
    material = matshot.upscale(bricks, scale=2, method="bicubic", wrap="none")
    assert material.wrap == "none"
    assert material.parameters["upscaled"]["wrap"] == "none"


def test_seeds_are_the_commands_count(cut: matshot.Material, tmp_path: Path) -> None:
    image = matshot.write_texture(cut.maps["basecolor"], tmp_path / "wall.png")
    run = CliRunner().invoke(
        app, ["multiply", str(image), "-o", str(tmp_path / "walls"), "--count", "2", "--size", "24"]
    )
    assert run.exit_code == 0, run.output
    for seed in range(2):
        matshot.multiply(image, size=(24, 24), seed=seed, output=tmp_path / "mine.png")
        written = matshot.read_texture(tmp_path / "walls" / f"wall_{seed}.png")
        np.testing.assert_array_equal(matshot.read_texture(tmp_path / "mine.png").pixels, written.pixels)


# Output


def test_output_is_what_the_command_writes(cut: matshot.Material, tmp_path: Path) -> None:
    image = matshot.write_texture(cut.maps["basecolor"], tmp_path / "wall.png")
    folder = matshot.save_material(cut, tmp_path / "bricks")
    for verb in ("upscale", "tile"):
        options = [f"--{name}={value}" for name, value in QUICK[verb].items()]
        for source in (image, folder):
            ours = tmp_path / f"ours_{verb}_{source.name}"
            theirs = tmp_path / f"theirs_{verb}_{source.name}"
            call(verb, source, output=ours)
            run = CliRunner().invoke(app, [verb, str(source), "-o", str(theirs), *options])
            assert run.exit_code == 0, run.output
            if source is image:
                assert ours.read_bytes() == theirs.read_bytes()
            else:
                mine, other = matshot.load_material(ours), matshot.load_material(theirs)
                assert set(mine.maps) == set(other.maps)
                for kind, texture in mine.maps.items():
                    np.testing.assert_array_equal(texture.pixels, other.maps[kind].pixels)


def test_output_may_be_a_folder_for_an_image(cut: matshot.Material, tmp_path: Path) -> None:
    image = matshot.write_texture(cut.maps["basecolor"], tmp_path / "wall.png")
    call("upscale", image, output=tmp_path / "out", format="tif", depth="uint16")
    written = matshot.read_texture(tmp_path / "out" / "wall.tif")
    assert written.source is not None
    assert (written.width, written.source.depth) == (56, "uint16")


def test_a_material_keeps_the_convention_of_its_normal_map(bricks: matshot.Material, tmp_path: Path) -> None:
    folder = matshot.save_material(bricks, tmp_path / "bricks", convention="dx")
    call("upscale", folder, output=tmp_path / "larger")
    assert (tmp_path / "larger" / "normal_dx.png").is_file()
    forced = call("upscale", folder, normal="gl").maps["normal"].pixels
    np.testing.assert_allclose(forced[..., 1], -call("upscale", folder).maps["normal"].pixels[..., 1], atol=1e-5)


@pytest.mark.parametrize(
    ("verb", "values"),
    [
        ("upscale", {"format": "jpg"}),
        ("upscale", {"depth": "uint16"}),
        ("convert", {"normal": "dx"}),
        ("convert", {"format": "tga"}),
    ],
)
def test_values_that_concern_files_need_an_output(verb: str, values: dict[str, str], bricks: matshot.Material) -> None:
    with pytest.raises(matshot.MatshotError, match="set output as well"):
        getattr(matshot, verb)(bricks, **values)


@pytest.mark.parametrize("name", ["kind", "normal"])
def test_values_that_describe_files_are_refused_in_memory(name: str, bricks: matshot.Material) -> None:
    value = {"kind": "data", "normal": "dx"}[name]
    with pytest.raises(matshot.MatshotError, match=f"{name} describes files"):
        call("tile", bricks.maps["basecolor"], **{name: value})


def test_a_source_is_not_overwritten(cut: matshot.Material, tmp_path: Path) -> None:
    image = matshot.write_texture(cut.maps["basecolor"], tmp_path / "wall.png")
    before = image.read_bytes()
    with pytest.raises(matshot.MatshotError, match="overwrite itself"):
        call("upscale", image, output=image)
    assert image.read_bytes() == before


def test_textures_and_materials_of_other_types_are_type_errors(bricks: matshot.Material) -> None:
    color: Any = bricks.maps["basecolor"]
    made: list[tuple[Callable[[], Any], str]] = [
        (lambda: matshot.Texture([[1]]), "Texture takes a NumPy array, got a list."),  # type: ignore[arg-type]
        (lambda: matshot.Material([color]), "Material takes a dictionary of maps, got a list."),  # type: ignore[arg-type]
        (lambda: matshot.Material({"basecolor": color.pixels}), "The basecolor map must be a Texture, got ndarray."),
    ]
    for one, sentence in made:
        with pytest.raises(TypeError, match=re.escape(sentence)):
            one()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_refused(value: float) -> None:
    pixels = np.zeros((64, 64, 3), np.float32)
    pixels[3, 4, 1] = value
    with pytest.raises(matshot.MatshotError, match="NaN or infinite"):
        matshot.Texture(pixels)
    large = np.full((64, 64, 3), 3e38, np.float32)  # whose sum is infinite, and which is finite
    assert matshot.Texture(large, "linear").pixels is large


def test_one_number_is_a_size_for_both_sides(bricks: matshot.Material) -> None:
    assert matshot.multiply(bricks.maps["basecolor"], size=24).width == 24
    with pytest.raises(matshot.MatshotError, match="Size must be text such as 1024x1024, got True"):
        matshot.multiply(bricks, size=True)


def test_arguments_of_other_types_are_type_errors(bricks: matshot.Material, tmp_path: Path) -> None:
    wrong: Any = bricks.maps["basecolor"].pixels
    calls: list[Callable[[], Any]] = [
        lambda: matshot.upscale(wrong),
        lambda: matshot.oneshot(wrong),
        lambda: matshot.preview(wrong),
        lambda: matshot.adjust(bricks.maps["basecolor"]),  # type: ignore[arg-type]
        lambda: matshot.convert(bricks.maps["basecolor"]),  # type: ignore[arg-type]
    ]
    for one in calls:
        with pytest.raises(TypeError, match=r"got (a Texture|ndarray)"):
            one()


def test_writers_name_each_other(bricks: matshot.Material, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="save_material takes a Material"):
        matshot.write_texture(bricks, tmp_path / "wall.png")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="write_texture takes a Texture"):
        matshot.save_material(bricks.maps["basecolor"], tmp_path / "bricks")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("pixels", "advice"),
    [
        (np.zeros((4, 4, 3)), r"got float64; convert them: pixels.astype\('float32'\)\."),
        (np.zeros((4, 4, 3), np.uint8), r"pixels.astype\('float32'\) / 255\."),
        (np.zeros((4, 4), np.float32), r"H x W x 1 to 4 channels, got shape \(4, 4\)"),
    ],
)
def test_pixels_of_another_form_are_refused_with_advice(pixels: Any, advice: str) -> None:
    with pytest.raises(matshot.MatshotError, match=advice):
        matshot.Texture(pixels)


def test_textures_and_materials_can_be_compared_and_kept_in_sets(bricks: matshot.Material) -> None:
    texture = bricks.maps["basecolor"]
    assert texture == texture
    assert texture != texture.with_pixels(texture.pixels)
    assert len({bricks, bricks, bricks.with_wrap("none")}) == 2


# Progress


def all_calls(cut: matshot.Material) -> dict[str, Callable[..., Any]]:
    flash, ambient = wall_photographs(64)
    return {
        **{verb: lambda verb=verb, **more: call(verb, cut, **more) for verb in QUICK},
        "oneshot": lambda **more: matshot.oneshot(flash, **more),
        "twoshot": lambda **more: matshot.twoshot(flash, ambient, **more),
        "adjust": lambda **more: matshot.adjust(cut, **more),
        "convert": lambda **more: matshot.convert(cut, **more),
        "preview": lambda **more: matshot.preview(cut, size=128, **more),
    }


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("twoshot", "style")])
def test_progress_rises_to_one(verb: str, cut: matshot.Material) -> None:
    fractions: list[float] = []
    all_calls(cut)[verb](progress=lambda fraction, stage: fractions.append(fraction))
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


@pytest.mark.parametrize("verb", VERBS)
def test_cancelling_stops_and_writes_nothing(verb: str, cut: matshot.Material, tmp_path: Path) -> None:
    def stop(fraction: float, stage: str) -> None:
        raise matshot.Cancelled

    with pytest.raises(matshot.Cancelled):
        all_calls(cut)[verb](progress=stop, output=tmp_path / "out.png")
    assert not list(tmp_path.iterdir())


def test_notes_are_logged(bricks: matshot.Material, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="matshot"):
        matshot.tile(bricks.maps["basecolor"])
    assert "tileable already" in caplog.text
