"""Values that a host remembers of its tools."""

import json

import pytest

from matshot_host.errors import MatshotError
from matshot_host.memory import ToolMemory
from matshot_host.tools import UPSCALE


@pytest.fixture
def memory(tmp_path, monkeypatch):
    monkeypatch.setenv("MATSHOT_HOME", str(tmp_path / "home"))
    return ToolMemory("maya")


def test_values_of_the_last_run_are_remembered_until_reset(memory):
    assert memory.last(UPSCALE) == {}
    memory.remember(UPSCALE, {"scale": 2})
    assert ToolMemory("maya").last(UPSCALE) == {"scale": 2}
    assert ToolMemory("blender").last(UPSCALE) == {}
    memory.forget(UPSCALE)
    assert memory.last(UPSCALE) == {}


def test_guides_and_masks_are_no_habit(memory):
    memory.remember(UPSCALE, {"scale": 2, "protect": "/textures/wall_mask.png"})
    assert memory.last(UPSCALE) == {"scale": 2}
    memory.save_preset(UPSCALE, "Logo", {"protect": "/textures/logo.png"})
    assert memory.preset(UPSCALE, "Logo") == {"protect": "/textures/logo.png"}


def test_presets(memory):
    memory.save_preset(UPSCALE, " Fast ", {"scale": 2})
    memory.save_preset(UPSCALE, "Best", {"scale": 8})
    assert memory.presets(UPSCALE) == ["Best", "Fast"]
    assert memory.preset(UPSCALE, "Fast") == {"scale": 2}
    memory.remove_preset(UPSCALE, "Fast")
    with pytest.raises(MatshotError, match="Unknown preset 'Fast'"):
        memory.preset(UPSCALE, "Fast")
    with pytest.raises(MatshotError, match="1 to 60 characters, got 0"):
        memory.save_preset(UPSCALE, " ", {})


def test_values_that_are_no_longer_valid_are_left_out(memory, tmp_path):
    memory.remember(UPSCALE, {"scale": 2})
    file = tmp_path / "home" / "maya_tools.json"
    stored = json.loads(file.read_text())
    stored["last"]["upscale"] = {"scale": 3, "gone": 1, "threads": 4}
    file.write_text(json.dumps(stored))
    assert memory.last(UPSCALE) == {"threads": 4}
    file.write_text("damaged")
    assert memory.last(UPSCALE) == {}


def test_a_folder_that_cannot_be_written(memory, tmp_path):
    (tmp_path / "home").write_text("a file")
    memory.remember(UPSCALE, {"scale": 2})
    with pytest.raises(MatshotError, match="Cannot write"):
        memory.save_preset(UPSCALE, "Fast", {})
