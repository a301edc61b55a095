"""The examples run, as command and in Python, with the same result, and are listed with the pictures they make."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from matshot.image.reader import read_texture

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NAMES = sorted(file.stem for file in EXAMPLES.glob("[0-9][0-9]_*.py"))

#: Side of the inputs in pixels.
SIZE = "64"

#: Modules and programs that not everyone has who runs the tests.
NEEDS = {
    "12_service_over_http": ["fastapi", "curl"],
    "11_batch_a_library": ["distributed"],
    "14_custom_network": ["onnx"],
}

#: Folders of files that only one of the two forms writes.
OWN = {"service", ".matshot-batch"}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``python`` and ``matshot`` of the environment and the tree under test."""
    folder = tmp_path_factory.mktemp("bin")
    for name, arguments in (("python", ""), ("matshot", " -m matshot")):
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def images(folder: Path) -> dict[str, Path]:
    files = [file for file in folder.rglob("*") if file.suffix in (".png", ".jpg", ".tga")]
    return {str(file.relative_to(folder)): file for file in files if not OWN & set(file.relative_to(folder).parts)}


@pytest.mark.parametrize("name", NAMES)
def test_command_and_python_give_the_same(
    name: str, programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform == "win32" or shutil.which("bash") is None:
        pytest.skip("bash is needed")
    for need in NEEDS.get(name, []):
        if shutil.which(need) is None and importlib.util.find_spec(need) is None:
            pytest.skip(f"{need} is needed")
    monkeypatch.setenv("SIZE", SIZE)
    monkeypatch.setenv("MATSHOT_MODELS", "")
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    command = ["bash", str(EXAMPLES / f"{name}.sh"), str(tmp_path / "command")]
    run = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr

    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setattr(sys, "argv", [name, str(tmp_path / "python")])
    for module in ("inputs", "network"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")

    ours, theirs = images(tmp_path / "python"), images(tmp_path / "command")
    assert {"picture.jpg"} <= set(ours) & set(theirs)
    for file in set(ours) & set(theirs):
        np.testing.assert_array_equal(read_texture(ours[file]).pixels, read_texture(theirs[file]).pixels, file)


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_listed_with_its_picture(name: str) -> None:
    index = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    picture = EXAMPLES / "images" / f"{name}.jpg"
    assert all(f"{name}{ending}" in index for ending in (".sh", ".py", ".jpg"))
    assert picture.stat().st_size < 200_000


def test_nothing_is_listed_that_is_not_there() -> None:
    index = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r'(?:\]\(|src=")([^)"]+)', index):
        assert (EXAMPLES / link).is_file(), link
