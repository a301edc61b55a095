"""The documentation follows the code: tool pages, commands, examples in Python, pictures, versions."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import ModuleType

import pytest
import typer.main
from typer.core import TyperGroup

import matshot
from matshot import __version__
from matshot.material.template import template_names
from matshot_host.tools import TOOLS, Tool

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
]

#: Largest picture in bytes: pages open quickly, and the repository stays small.
LARGEST_PICTURE = 200_000


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def commands() -> TyperGroup:
    from matshot.cli.commands import app

    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def blocks(page: Path, language: str) -> Iterator[str]:
    """Code blocks of a page, without the indentation that tabs give them."""
    for match in re.finditer(
        rf"^( *)```{language}\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    ):
        yield "\n".join(line.removeprefix(match[1]) for line in match[2].split("\n"))


def command_lines() -> Iterator[tuple[str, str]]:
    """Every ``matshot ...`` in the pages, with its page."""
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.replace("\\\n", " ").split("\n"):
                for part in re.split(r"&&|\|", re.sub(r"\$\(.*\)", "VALUE", line.split(" #")[0])):
                    if part.strip().startswith("matshot "):
                        yield page.relative_to(ROOT).as_posix(), part.strip()


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_tool_has_a_page_with_its_parameters(tool: Tool, hooks: ModuleType) -> None:
    page = (ROOT / "docs" / "tools" / f"{tool.name}.md").read_text(encoding="utf-8")
    assert f"\n<!-- parameters: {tool.name} -->\n" in page
    assert "](../images/" in page
    table = hooks.parameter_tables(tool.name)
    rows = [line for line in table.split("\n") if line.startswith("| `--")]
    assert [row.split("`")[1] for row in rows] == [
        f"--{parameter.name}"
        for advanced in (False, True)
        for parameter in tool.parameters
        if parameter.advanced == advanced
    ]
    for parameter in tool.parameters:
        assert parameter.help.replace("|", "\\|") in table


def test_the_readme_lists_every_tool() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for tool in TOOLS:
        assert f"[{tool.title}](docs/tools/{tool.name}.md)" in readme


def test_markers_become_tables(hooks: ModuleType) -> None:
    page = type("Page", (), {"file": type("File", (), {"src_uri": "tools/tile.md"})})
    shown = hooks.on_page_markdown("Text\n\n<!-- parameters: tile -->\n\n<!-- models -->\n", page=page)
    assert "| `--axes` |" in shown
    assert "| `fidelity_x4` |" in shown
    assert "<!--" not in shown


def test_every_export_template_is_in_the_table(hooks: ModuleType) -> None:
    table = hooks.template_table()
    assert template_names()
    assert all(f"`{name}`" in table for name in template_names())


def test_codecs_of_compressed_textures_are_in_the_table(hooks: ModuleType) -> None:
    table = hooks.codec_table()
    assert "| Base color, emission | BC7 sRGB | BC1 sRGB |" in table
    assert "| Base color with alpha | BC7 sRGB | BC3 sRGB |" in table
    assert "| Light brighter than white | BC6H | BC6H |" in table


def test_learning_curves_are_drawn_from_cards(hooks: ModuleType) -> None:
    table = hooks.training_table()
    assert "| `fidelity_x4` |" in table
    facts = {"curve_of": "PSNR, dB", "curve_steps": [0, 50, 100], "curve": [30.0, 31.0, 32.0], "curve_baseline": 29.0}
    picture = hooks.curve_picture(facts)
    drawn = re.findall(r'points="([^"]+)"', picture)
    x, y = zip(*(map(float, point.split(",")) for point in drawn[0].split()), strict=True)
    # Steps lie to the right and gains upwards, at even distances; bicubic is a level line below.
    assert x[2] - x[1] == pytest.approx(x[1] - x[0])
    assert x[1] > x[0]
    assert y[1] - y[0] == pytest.approx(y[2] - y[1], abs=0.11)
    assert y[1] < y[0]
    assert {float(point.split(",")[1]) > y[0] for point in drawn[1].split()} == {True}
    assert len(re.findall(r'points="', hooks.curve_picture({**facts, "curve_baseline": 10.0}))) == 1


@pytest.mark.parametrize(
    ("link", "source", "expected"),
    [
        ("docs/data.md", "CONTRIBUTING.md", "data.md"),
        ("docs/images/multiply.jpg", "BENCHMARKS.md", "images/multiply.jpg"),
        ("CHANGELOG.md", "CONTRIBUTING.md", "CHANGELOG.md"),
        ("examples/06_multiply.py", "CONTRIBUTING.md", "examples.md"),
        ("../BENCHMARKS.md#color-x4", "shortcomings.md", "BENCHMARKS.md#color-x4"),
        ("../design.md", "tools/upscale.md", "../design.md"),
        ("https://example.com/docs/", "CONTRIBUTING.md", "https://example.com/docs/"),
        ("#set-up", "CONTRIBUTING.md", "#set-up"),
        ("../../BENCHMARKS.md#tiles", "tools/tile.md", "../BENCHMARKS.md#tiles"),
    ],
)
def test_links_lead_to_where_pages_are_on_the_site(link: str, source: str, expected: str, hooks: ModuleType) -> None:
    assert hooks.site_link(link, PurePosixPath(source)) == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" not in link and not link.startswith("#"):
            assert (page.parent / link.split("#")[0]).exists(), link


@pytest.mark.parametrize(("page", "line"), [pytest.param(*pair, id=pair[1]) for pair in command_lines()])
def test_commands_have_the_options_that_pages_show(page: str, line: str, commands: TyperGroup) -> None:
    words = shlex.split(line)[1:]
    command = commands.commands.get(words[0]) or commands
    arguments = words[1:] if command is not commands else words
    if command is commands:
        assert words[0].startswith("-"), f"{page}: matshot has no command {words[0]}"
        return
    # Parsing only: what is missing (matshot upscale ...) does not matter, what is unknown does.
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in arguments if re.match(r"--?[a-z]", word) and word.split("=")[0] not in options]
    assert not unknown, f"{page}: {command.name} has no option {', '.join(unknown)}"


def test_roles_of_docstrings_become_names(hooks: ModuleType) -> None:
    text = "a :class:<code>~matshot.image.types.Texture</code> of :func:<code>matshot.tile</code>"
    assert hooks.on_page_content(text) == "a <code>Texture</code> of <code>matshot.tile</code>"


def public_calls(block: str) -> Iterator[ast.Call]:
    """Calls of functions of ``matshot`` in an example."""
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.Call) and re.fullmatch(r"matshot\.\w+", ast.unparse(node.func)):
            yield node


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_python_examples_call_what_exists(page: Path) -> None:
    for block in blocks(page, "python"):
        for call in public_calls(block):
            assert isinstance(call.func, ast.Attribute)
            parameters = inspect.signature(getattr(matshot, call.func.attr)).parameters
            assert {keyword.arg for keyword in call.keywords} <= set(parameters), ast.unparse(call)


def test_the_api_page_shows_every_public_name() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert not [name for name in matshot.__all__ if not re.search(rf"\b{name}\b", page) and not name.startswith("__")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_python_examples_are_valid(page: Path) -> None:
    for block in blocks(page, "python"):
        ast.parse(block)


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "images").iterdir()), ids=lambda path: path.name)
def test_pictures_are_small_and_used(picture: Path) -> None:
    assert picture.stat().st_size <= LARGEST_PICTURE
    pages = [*PAGES, ROOT / "BENCHMARKS.md"]
    assert any(f"images/{picture.name})" in page.read_text(encoding="utf-8") for page in pages)


def test_every_version_is_the_same() -> None:
    with (ROOT / "pyproject.toml").open("rb") as project:
        assert tomllib.load(project)["project"]["version"] == __version__
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    with (ROOT / "plugins/blender/matshot/blender_manifest.toml").open("rb") as manifest:
        assert tomllib.load(manifest)["version"] == __version__
    unreal = json.loads((ROOT / "plugins/unreal/Matshot/Matshot.uplugin").read_text(encoding="utf-8"))
    assert unreal["VersionName"] == __version__
    maya = (ROOT / "plugins/maya/matshot.mod").read_text(encoding="utf-8")
    assert set(re.findall(r" matshot (\S+) ", maya)) == {__version__}
    assert json.loads((ROOT / "page/package.json").read_text(encoding="utf-8"))["version"] == __version__
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_example_is_on_its_page(hooks: ModuleType) -> None:
    sections = hooks.example_sections()
    for script in (ROOT / "examples").glob("[0-9]*.py"):
        assert f"](examples/{script.stem}.jpg)" in sections
        assert script.with_suffix(".sh").name in sections


def test_pictures_are_drawn_by_what_exists() -> None:
    """The script runs for minutes, so only what it imports and writes is checked."""
    pictures = importlib.import_module("docs.pictures")
    assert {"hero", "upscale", "oneshot", "twoshot", "tile", "style", "convert", "preview"} <= set(pictures.PICTURES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_belongs_to_a_list_item_has_four_spaces(page: Path) -> None:
    """The site's Markdown ends a list at a block with fewer, and numbers start again; forges take four as well."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"\n\n {1,3}[^ \n]", text)
