"""Every parameter of every tool: what its table takes and refuses, and that all callers refuse with one sentence."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from matshot.capture.adjustments import AdjustOptions
from matshot.capture.oneshot import OneShotOptions
from matshot.capture.twoshot import TwoShotOptions
from matshot.cli.commands import app
from matshot.errors import MatshotError
from matshot.farm.batch import Batch, library_of
from matshot.image.types import Texture
from matshot.options import ToolOptions
from matshot.shading.preview import preview
from matshot.super_resolution import UpscaleOptions
from matshot.super_resolution.files import FileOptions
from matshot.synthesis.multiply import MultiplyOptions
from matshot.synthesis.style import StyleOptions
from matshot.synthesis.tile import TileOptions
from matshot.tools.convert import ConvertOptions
from matshot.tools.job import ToolRequest
from matshot.tools.run import run
from matshot_host import errors
from matshot_host.tools import LONGEST_PATH, LONGEST_TEXT, MULTIPLY, TOOLS, TWOSHOT, UPSCALE, Parameter, Tool, tool

OPTIONS: dict[str, tuple[type[ToolOptions], ...]] = {
    "upscale": (UpscaleOptions, FileOptions),
    "oneshot": (OneShotOptions,),
    "twoshot": (TwoShotOptions,),
    "multiply": (MultiplyOptions,),
    "tile": (TileOptions,),
    "style": (StyleOptions,),
    "adjust": (AdjustOptions,),
    "convert": (ConvertOptions,),
    "preview": (),
}
ALL = [pytest.param(table, one, id=f"{table.name}-{one.name}") for table in TOOLS for one in table.parameters]


def refusal(table: Tool, name: str, value: Any, called: str = "") -> str:
    with pytest.raises(errors.MatshotError) as caught:
        table.check({name: value}, {name: called})
    return caught.value.sentence


def wrong_values(parameter: Parameter) -> list[Any]:
    """Values that a parameter refuses, of every kind."""
    numeric = parameter.type in (int, float) or parameter.parts
    wrong: list[Any] = [None, {}, [], object(), b"1"]
    if parameter.choices:
        return [*wrong, "z", "", 3, 10**400, math.nan, math.inf, True]
    if parameter.type is bool:
        return [*wrong, 1, 0, "", "yes", math.nan]
    if parameter.type is str:
        wrong += [5, math.nan, True, "x" * ((LONGEST_PATH if parameter.file else LONGEST_TEXT) + 1)]
        if parameter.form is not None:
            wrong += ["huge", "-1", "1x2x3", "0", "9" * 80]
        return wrong + ([""] if parameter.default else [])
    assert numeric
    wrong += ["", "1", True, math.nan, math.inf, -math.inf, 10**400, -(10**400), 1e300, 1j]
    if parameter.parts:
        return [*wrong, 1, [1], [1, 2, 3], [1, math.nan], [1, "2"], [1, 10**400], [1.5, 2], [True, 1]]
    assert parameter.low is not None, "every number has bounds"
    assert parameter.high is not None, "every number has bounds"
    wrong += [parameter.low - 1, parameter.high + 1]
    wrong += [parameter.low + 0.5] if parameter.type is int else []
    return wrong + ([(parameter.gap[0] + parameter.gap[1]) / 2] if parameter.gap else [])


@pytest.mark.parametrize(("table", "parameter"), ALL)
def test_the_default_and_every_choice_pass(table: Tool, parameter: Parameter) -> None:
    right = {repr(value): value for value in (parameter.default, *parameter.choices)}
    bounds = [one for one in (parameter.low, parameter.high, *(parameter.gap or ())) if one is not None]
    for value in [*right.values(), *(parameter.type(bound) for bound in bounds)]:
        found = table.check({parameter.name: value})[parameter.name]
        assert found == value
        assert type(found) is type(parameter.default)
    assert not parameter.choices or parameter.default in parameter.choices
    assert parameter.help.endswith(".")
    assert parameter.label[0].isupper()


@pytest.mark.parametrize(("table", "parameter"), ALL)
def test_what_is_wrong_is_one_sentence_with_label_and_value(table: Tool, parameter: Parameter) -> None:
    for value in wrong_values(parameter):
        sentence = refusal(table, parameter.name, value)
        assert parameter.label.lower() in sentence.lower()
        assert "\n" not in sentence
        assert sentence.endswith(".")
        assert len(sentence) < 300
        if isinstance(value, str) and len(value) < 50:
            assert repr(value) in sentence
        elif isinstance(value, int | float) and abs(value) < 1e6:
            # A whole number reads as it is typed, whatever its type: 3, not 3.0.
            assert (f"{value:.15g}" if isinstance(value, float) else str(value)) in sentence
            assert ".0." not in sentence
        if parameter.choices:
            assert sentence.endswith(f"Choose from: {', '.join(map(str, parameter.choices))}.")


@pytest.mark.parametrize(
    ("name", "parameter", "value", "sentence"),
    [
        ("upscale", "wrap", "z", "Unknown wrap 'z'. Choose from: auto, none, x, y, xy."),
        ("upscale", "scale", 3, "Unknown scale 3. Choose from: 2, 4, 8."),
        ("upscale", "memory", "lots", "Memory Limit must be text such as 4G, got 'lots'."),
        ("multiply", "size", 5, "Size must be text such as 1024x1024, got 5."),
        ("multiply", "size", "4x64", "Size must be 8 to 32768 px, got '4x64'."),
        ("multiply", "variety", 7, "Variety must be 0 to 1, got 7."),
        ("multiply", "variety", math.nan, "Variety must be a number from 0 to 1, got nan."),
        ("multiply", "seed", 10**400, "Seed must be a whole number from 0 to 2147483647, got a number of 401 digits."),
        ("multiply", "tileable", "yes", "Tileable must be on or off, got 'yes'."),
        ("oneshot", "fov", 3, "Field of View must be 0 or 5 to 150°, got 3."),
        ("oneshot", "size", 63, "Size must be 0 or 64 to 8192 px, got 63."),
        ("twoshot", "tile", [1], "Tile Center must be 2 whole numbers, got [1]."),
        ("tile", "band", 0, "Band must be 0.001 to 0.5 or 8 to 4096, got 0."),
    ],
)
def test_sentences(name: str, parameter: str, value: Any, sentence: str) -> None:
    assert refusal(tool(name), parameter, value) == sentence


def test_unknown_names() -> None:
    assert refusal(UPSCALE, "colour", 1).startswith("Unknown Upscale parameter 'colour'. Choose from: scale, look,")
    with pytest.raises(MatshotError, match=r"^Unknown tool 'bake'\. Choose from: upscale, oneshot,"):
        tool("bake")
    assert errors.MatshotError is MatshotError


def test_values_get_the_tables_types() -> None:
    assert TWOSHOT.check({"tile": [3, 4.0], "fov": 60}) == {"tile": (3, 4), "fov": 60.0}
    assert isinstance(TWOSHOT.check({"fov": np.float32(60)})["fov"], float)
    assert MULTIPLY.check({"seed": 2.0, "count": np.int64(3)}) == {"seed": 2, "count": 3}
    assert TwoShotOptions(tile=[3, 4]).tile == (3, 4)  # type: ignore[arg-type]
    assert MultiplyOptions(size=(512, 256)).sides(8, 8) == (512, 256)
    assert MultiplyOptions(size=" 64 x 48 ").sides(8, 8) == (64, 48)
    assert MultiplyOptions().sides(8, 9) == (16, 18)


def test_texts_of_a_command_line() -> None:
    assert TWOSHOT.parse(["full=on", "tile=3,4", "fov=50", "seamless = x"]) == {
        "full": True, "tile": (3, 4), "fov": 50.0, "seamless": "x",
    }  # fmt: skip
    assert UPSCALE.parse(["scale=2"]) == {"scale": 2}
    for setting, sentence in (
        ("tile=1,2,3", "--set tile must be 2 whole numbers, got '1,2,3'."),
        ("full=maybe", "--set full must be on or off, got 'maybe'."),
        ("fov", "Setting 'fov' has no value. Write NAME=VALUE, such as scale=2."),
    ):
        with pytest.raises(MatshotError) as caught:
            TWOSHOT.parse([setting])
        assert caught.value.sentence == sentence


@pytest.mark.parametrize("table", TOOLS, ids=lambda table: table.name)
def test_functions_have_the_tables_defaults(table: Tool) -> None:
    defaults = {field.name: field.default for kind in OPTIONS[table.name] for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if table.name == "preview":
        defaults = {name: one.default for name, one in inspect.signature(preview).parameters.items()}
    shown = {"material", "progress"} if table.name == "preview" else set()
    switches = {"network", "matching", "statistics", "priors"} if table.name == "twoshot" else set()
    assert set(defaults) - shown - switches <= {parameter.name for parameter in table.parameters}
    read = {"kind", "normal", "wrap"} if table.inputs[0].kind == "asset" else set()
    for parameter in table.parameters:
        if parameter.name in defaults:
            assert defaults[parameter.name] == parameter.default, parameter.name
        else:
            assert parameter.name in read, f"{table.name} ignores {parameter.name}"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from matshot.image.writer import write_texture

    return write_texture(Texture(np.zeros((16, 16, 3), np.float32), "srgb"), tmp_path_factory.mktemp("in") / "a.png")


@pytest.mark.parametrize(("table", "parameter"), ALL)
def test_every_caller_refuses_with_the_same_sentence(
    table: Tool, parameter: Parameter, image: Path, tmp_path: Path
) -> None:
    values = [one for one in wrong_values(parameter) if isinstance(one, int | float | str) and one != ""]
    values = [one for one in values if not (isinstance(one, int) and abs(one) > 1e18) and one == one]
    value = values[-1]
    sentence = refusal(table, parameter.name, value)
    for kind in OPTIONS[table.name]:
        if parameter.name in {field.name for field in dataclasses.fields(kind)}:  # type: ignore[arg-type]
            with pytest.raises(MatshotError) as caught:
                kind(**{parameter.name: value})
            assert caught.value.sentence == sentence
    inputs = [image] * len(table.inputs)
    with pytest.raises(MatshotError) as caught:
        run(ToolRequest(table.name, list(map(str, inputs)), {parameter.name: value}, tmp_path / "job"))
    assert caught.value.sentence == sentence
    with pytest.raises(MatshotError) as caught:
        library_of(Batch([image.parent], tmp_path / "out", table.name, {parameter.name: value}), table)
    assert caught.value.sentence == sentence


@pytest.mark.parametrize(
    ("table", "parameter"),
    [one for one in ALL if one.values[1].type is not bool],  # type: ignore[union-attr]
)
def test_the_command_line_refuses_with_the_same_sentence_and_its_own_name(
    table: Tool, parameter: Parameter, image: Path, tmp_path: Path
) -> None:
    longest = LONGEST_PATH if parameter.file else LONGEST_TEXT
    text = "x" * (longest + 1) if parameter.type is str and not parameter.choices else "zz"
    words = [text] * max(1, len(parameter.parts))
    option = f"--{parameter.name.replace('_', '-')}"
    command = [table.name, *[str(image)] * len(table.inputs), "-o", str(tmp_path / "out"), option]
    outcome = CliRunner().invoke(app, [*command, *words])
    assert isinstance(outcome.exception, MatshotError)
    assert outcome.exception.sentence == refusal(table, parameter.name, ",".join(words), option)


def test_the_schema_of_the_service_and_the_table_agree() -> None:
    jsonschema_rs = pytest.importorskip("jsonschema_rs")
    from matshot.service.schema import parameters_schema

    for table in TOOLS:
        schema = parameters_schema(table)
        validator = jsonschema_rs.validator_for(schema)
        for parameter in table.parameters:
            defaults = json.loads(json.dumps({parameter.name: parameter.default}))
            validator.validate(defaults)
            for value in wrong_values(parameter):
                # What JSON cannot hold, and bounds of numbers within a text, which no schema has.
                if (
                    isinstance(value, bytes | complex)
                    or type(value) is object
                    or value in (math.inf, -math.inf, [1, 10**400])
                ):
                    continue
                if parameter.form is not None and parameter.form.low is not None:
                    continue
                if value == value:
                    assert not validator.is_valid({parameter.name: value}), (table.name, parameter.name, value)


def test_the_table_runs_on_the_oldest_hosts_python() -> None:
    import matshot_host.tools

    ast.parse(inspect.getsource(matshot_host.tools), feature_version=(3, 7))
