"""The registry of tools: every tool of the table has an entry, and nothing is loaded before it runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from matshot.errors import MatshotError
from matshot.tools.registry import ENTRIES, ToolEntry, entry
from matshot_host.tools import TOOLS


def test_the_registry_is_the_table() -> None:
    assert [one.table for one in ENTRIES] == list(TOOLS)
    assert entry("tile").table.title == "Make Seamless"
    with pytest.raises(MatshotError, match=r"^Unknown tool 'bake'\. Choose from: upscale, oneshot,"):
        entry("bake")


@pytest.mark.parametrize("tool", ENTRIES, ids=lambda one: one.table.name)
def test_every_function_is_there(tool: ToolEntry) -> None:
    if tool.table.works_on_files:
        assert callable(tool.file_tool().run)
        assert callable(tool.file_tool().deliver)
    else:
        assert callable(tool._loaded())


def test_the_registry_loads_no_tool() -> None:
    heavy = "('numpy', 'cv2', 'scipy', 'onnxruntime', 'OpenImageIO')"
    code = f"import sys, matshot.tools.registry; print([name for name in {heavy} if name in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert output.stdout.strip() == "[]", output.stderr


@pytest.mark.parametrize(
    ("tool", "parameters", "inputs", "pixels"),
    [
        ("upscale", {"scale": 2}, [100, 50], 600),
        ("multiply", {}, [100], 400),
        ("multiply", {"size": "64x32", "count": 3}, [100], 64 * 32 * 3),
        ("multiply", {"size": "64"}, [100], 64 * 64),
        ("preview", {"size": 128}, [1, 1], 2 * 512**2),
        ("tile", {}, [10, 20], 20),
    ],
)
def test_pixels_that_a_job_makes(tool: str, parameters: dict[str, object], inputs: list[int], pixels: int) -> None:
    known = entry(tool)
    assert known.pixels({**known.table.defaults, **parameters}, inputs, {}) == pixels
