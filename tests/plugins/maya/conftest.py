"""A Maya that is none, and materials to show it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from matshot.image.types import FileSource, Texture
from matshot.image.writer import write_texture
from matshot.material.folder import save_material
from matshot.material.types import Material

HERE = Path(__file__).parent
PLUGIN = HERE.parents[2] / "plugins" / "maya"
SCRIPTS = PLUGIN / "matshot" / "scripts"
COLORS = ("basecolor", "emission")

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path[:0] = [path for path in (str(HERE), str(SCRIPTS)) if path not in sys.path]

from maya_double import Maya  # noqa: E402


def _forget() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in ("maya", "matshot_maya")]:
        del sys.modules[name]


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts a Maya, of the version and with the plug-ins that are asked for."""
    monkeypatch.setenv("MATSHOT_HOME", str(tmp_path / "user"))
    started: list[Maya] = []

    def run(**given):
        _forget()
        maya = Maya(**given)
        maya.project = str(tmp_path / "project")
        maya.user_folder = str(tmp_path / "maya")
        maya.install()
        started.append(maya)
        return maya

    yield run
    for maya in started:
        maya.quit()
        assert not maya.chunks, "an undo chunk was left open"
    _forget()


@pytest.fixture
def maya(start):
    return start()


@pytest.fixture(scope="session")
def application():
    """Qt without a screen."""
    reason = "PySide6-Essentials, or a library of the system that it needs, is not installed"
    widgets = pytest.importorskip("PySide6.QtWidgets", reason=reason, exc_type=ImportError)
    return widgets.QApplication.instance() or widgets.QApplication([])


def pixels(kind: str, side: int, channels: int) -> np.ndarray:
    random = np.random.default_rng(len(kind))
    noise = random.random((side, side, channels), dtype=np.float32)
    if kind != "normal":
        return noise
    noise[..., :2] = noise[..., :2] * 0.6 - 0.3
    noise[..., 2] = 1.0
    return noise / np.linalg.norm(noise, axis=2, keepdims=True)


@pytest.fixture
def material_folder(tmp_path):
    """Writes a material of these maps; its folder."""

    def write(*kinds, name="Old Wall", convention="gl", suffix=".png", depth=None, linear=False, signed=False, **more):
        maps = {}
        for kind in kinds:
            encoding = "normal" if kind == "normal" else "data"
            if kind in COLORS:
                encoding = "linear" if linear else "srgb"
            channels = 3 if kind in (*COLORS, "normal", "orm") else 1
            source = FileSource(Path(f"{kind}.exr"), "float", signed=True) if signed and kind == "normal" else None
            maps[kind] = Texture(pixels(kind, 8, channels), encoding, "xy", source)
        folder = tmp_path / f"made_{len(list(tmp_path.glob('made_*')))}"
        return save_material(
            Material(maps, name=name, **more), folder, convention=convention, suffix=suffix, depth=depth
        )

    return write


@pytest.fixture
def picture(tmp_path):
    """Writes an image; its path."""

    def write(name="wall.png", side=64, folder=None):
        path = (folder or tmp_path) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows, columns = np.mgrid[0:side, 0:side].astype(np.float32) / side
        waves = np.stack([np.sin(rows * 12.57 + shift) * np.cos(columns * 6.28) for shift in (0.0, 0.4, 0.8)], axis=2)
        grain = np.random.default_rng(1).random((side, side, 1), dtype=np.float32)
        write_texture(Texture((0.5 + 0.3 * waves + 0.1 * (grain - 0.5)).astype(np.float32)), path)
        return path

    return write
