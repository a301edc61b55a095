"""The recipes for Houdini and Substance: the Python that needs neither of them runs, in the order of the page."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from matshot.material.folder import load_material, save_material
from matshot.shading.procedural import brick_material

PAGE = Path(__file__).resolve().parents[2] / "docs" / "houdini-substance.md"

#: Blocks of the page that run here, by title.
RECIPES = dict(
    re.findall(r'^```python title="([^"]+)"\n(.*?)^```', PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("recipes")
    save_material(brick_material(32, seed=1), place / "wall")
    return place


def results(title: str, **given: object) -> dict[str, object]:
    """Variables after a block."""
    names: dict[str, object] = dict(given)
    exec(compile(RECIPES[title], title, "exec"), names)
    return names


def test_all_recipes_are_known() -> None:
    assert set(RECIPES) == {"in Houdini", "prepare a material", "files for Painter", "exports of Painter"}


def test_a_command_runs_from_another_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    source, target = folder / "wall" / "roughness.png", folder / "rough_2x.png"
    found = results("in Houdini", matshot_python=sys.executable, source=str(source), target=str(target))
    assert [Path(str(one)).name for one in found["written"]] == ["rough_2x.png"]  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError):
        results("in Houdini", matshot_python=sys.executable, source="nothing.png", target=str(target))


def test_a_material_for_solaris(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    results("prepare a material")
    names = {one.name for one in (folder / "wall_houdini").iterdir()}
    assert {"basecolor.exr", "normal_gl.exr", "material.mtlx", "material.usda"} <= names


def test_to_painter_and_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    files = results("files for Painter")["files"]
    assert any("BaseColor" in one for one in files)  # type: ignore[attr-defined]
    results("exports of Painter")
    assert load_material(folder / "wall_substance_large").width == 64
