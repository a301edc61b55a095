"""Blender assets: what is asked of Blender, and what happens without it."""

from __future__ import annotations

import sys

import pytest

import matshot
from matshot import MatshotError
from matshot.material.types import Material
from matshot.shading.procedural import brick_material
from matshot.tools import blender_asset
from matshot.tools.convert import ConvertOptions


@pytest.fixture(scope="module")
def brick() -> Material:
    return brick_material(32)


@pytest.fixture
def no_blender(monkeypatch):
    monkeypatch.delenv("MATSHOT_BPY_PYTHON", raising=False)
    monkeypatch.setattr(blender_asset.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")


def test_without_blender_nothing_is_written(tmp_path, brick, no_blender):
    with pytest.raises(MatshotError, match=r"needs Blender\. Put blender on the PATH, or run: pip install bpy"):
        matshot.convert(brick, scene="blend", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_blender_that_fails_is_a_sentence_and_leaves_no_scene(tmp_path, brick, monkeypatch):
    program = tmp_path / "blender.py"
    program.write_text("raise SystemExit('no display')")
    monkeypatch.setattr(blender_asset, "blender_command", lambda: [sys.executable, str(program)])
    with pytest.raises(MatshotError, match="Blender could not write") as caught:
        blender_asset.write_blend(brick, tmp_path)
    assert "no display" in caught.value.cause
    assert [file.name for file in tmp_path.iterdir()] == ["blender.py"]


def test_blender_on_the_path_runs_without_a_window(tmp_path, monkeypatch, no_blender):
    program = tmp_path / ("blender.exe" if sys.platform == "win32" else "blender")
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    first, *arguments = blender_asset.blender_command()
    assert first.lower() == str(program).lower()
    assert "--background" in arguments
    assert arguments[-1] == "--python"


def test_tags_name_maps_size_and_tiling(brick):
    assert blender_asset.asset_tags(brick)[:4] == ["matshot", "bricks", "32px", "tileable"]
    assert "roughness" in blender_asset.asset_tags(brick)
    assert blender_asset.asset_description(brick).startswith("32 x 32 px")


@pytest.mark.parametrize("format_", ["dds", "ktx2"])
@pytest.mark.parametrize("scene", ["blend", "usd", "both"])
def test_compressed_normals_are_no_maps_of_a_scene(format_, scene):
    with pytest.raises(MatshotError, match="normals of two numbers"):
        ConvertOptions(scene=scene, format=format_)
    assert ConvertOptions(scene="gltf", format=format_).scene == "gltf"
