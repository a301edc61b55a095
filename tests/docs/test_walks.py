"""A newcomer's walk through CONTRIBUTING: its steps are done as they are written, on a copy of the sources."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import cv2
import numpy as np
import pytest

from matshot.material.folder import save_material
from matshot.shading.procedural import brick_material

ROOT = Path(__file__).resolve().parents[2]

#: Most lines that a new tool takes, with both of its entries.
MOST_LINES = 40

TABLE, MODULE, REGISTRY = (
    "core/matshot_host/tools.py",
    "core/matshot/tools/invert.py",
    "core/matshot/tools/registry.py",
)


@pytest.fixture(scope="module")
def steps() -> dict[str, str]:
    """Code of CONTRIBUTING by the file that it belongs in."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.findall(r'^ *```python title="([^"]+)"\n(.*?)^ *```', page, re.DOTALL | re.MULTILINE)
    return {name: textwrap.dedent(code) for name, code in found}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, steps: dict[str, str]) -> Path:
    """A copy of the sources after the walk."""
    copy = tmp_path_factory.mktemp("walk")
    shutil.copytree(ROOT / "core", copy / "core", ignore=shutil.ignore_patterns("__pycache__", "models", "page"))
    (copy / MODULE).write_text(steps[MODULE], encoding="utf-8")
    edit(copy / TABLE, ("\nTOOLS: ", f"\n{steps[TABLE]}\nTOOLS: "), ("CONVERT, PREVIEW)", "CONVERT, PREVIEW, INVERT)"))
    entry = f"    {steps[REGISTRY].strip()},\n"
    edit(
        copy / REGISTRY,
        ("\n)\n\n\ndef entry(", f"\n{entry})\n\n\ndef entry("),
        ("import CONVERT,", "import CONVERT, INVERT,"),
    )
    return copy


def edit(file: Path, *replacements: tuple[str, str]) -> None:
    """Replace texts that stand in a file exactly once."""
    text = file.read_text(encoding="utf-8")
    for old, new in replacements:
        assert text.count(old) == 1, f"{file.name} no longer has {old!r} once; CONTRIBUTING has to follow"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def run(sources: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(sources / "core")}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_tool_takes_few_lines(steps: dict[str, str]) -> None:
    assert set(steps) == {TABLE, MODULE, REGISTRY}
    assert sum(len(code.strip().split("\n")) for code in steps.values()) + 2 <= MOST_LINES


def test_the_command_inverts_a_map_of_a_material(sources: Path, tmp_path: Path) -> None:
    save_material(brick_material(16), tmp_path / "wall")
    run(sources, "-m", "matshot", "invert", str(tmp_path / "wall"), "-o", str(tmp_path / "out"), "--map", "height")
    height, inverted = (
        cv2.imread(str(tmp_path / name / "height.png"), cv2.IMREAD_UNCHANGED) for name in ("wall", "out")
    )
    largest = np.iinfo(height.dtype).max
    assert np.abs(largest - height.astype(int) - inverted).max() <= 1
    color = [(tmp_path / name / "basecolor.png").read_bytes() for name in ("wall", "out")]
    assert color[0] == color[1]


def test_the_entry_is_the_only_check(sources: Path, tmp_path: Path) -> None:
    assert "Map to invert." in run(sources, "-m", "matshot", "invert", "--help")
    code = """
        from matshot.service.schema import tool_schema
        from matshot_host.tools import MatshotError, tool
        assert "map" in str(tool_schema(tool("invert")))
        try:
            tool("invert").check({"map": "roughnes"})
        except MatshotError as error:
            print(error)
    """
    assert run(sources, "-c", textwrap.dedent(code)).startswith("Unknown map 'roughnes'. Choose from: roughness, ")
