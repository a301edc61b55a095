"""The nodes in a real ComfyUI: its own loader, its own check of a workflow, and its own execution.

COMFYUI_PATH=~/ComfyUI COMFYUI_PYTHON=~/ComfyUI/.venv/bin/python pytest tests/plugins/comfyui/test_in_comfyui.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from matshot.hosts.install import copy_plugin

COMFYUI = os.environ.get("COMFYUI_PATH", "")


@pytest.mark.skipif(not COMFYUI, reason="COMFYUI_PATH names the folder of no ComfyUI")
def test_a_workflow_runs_in_comfyui(tmp_path: Path) -> None:
    folder = copy_plugin("comfyui", tmp_path)
    answer = tmp_path / "answer.json"
    environment = {
        **os.environ,
        "MATSHOT_HOME": str(tmp_path / "home"),
        "MATSHOT_PYTHON": os.environ.get("MATSHOT_PYTHON") or sys.executable,
    }
    environment.pop("PYTHONPATH", None)
    python = os.environ.get("COMFYUI_PYTHON") or sys.executable
    script = Path(__file__).with_name("inside_comfyui.py")
    done = subprocess.run(
        [python, str(script), COMFYUI, str(folder), str(tmp_path / "base"), str(answer)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.is_file(), f"{done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    found = json.loads(answer.read_text("utf-8"))
    assert found["loaded"] is True
    assert found["project"] == "matshot"
    assert len(found["nodes"]) >= 15
    assert found["valid"] == [True, None]
    assert found["success"], found["messages"]
    assert found["size"] == [64, 64]
    assert found["split"] == 2
    assert "material.json" in found["saved"]
    # What a widget holds is refused before anything runs; what an input holds, when its node does.
    assert "Size must be text such as 1024x1024, got '9x'." in json.dumps(found["refused"])
    assert found["failed"] == "Input 'image' has pixels that are not numbers (NaN or infinite)."
