import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matshot.image.writer import write_texture
from matshot.shading.procedural import wall_photographs

HERE = Path(__file__).parent
BUILD = HERE.parents[2] / "plugins" / "blender" / "build.py"
#: Python that has the `bpy` package.
PYTHON = os.environ.get("MATSHOT_BPY_PYTHON") or sys.executable

Inside = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def blender_python() -> str:
    """Python in which Blender can be imported."""
    tried = subprocess.run([PYTHON, "-c", "import bpy; print(bpy.app.version_string)"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"{PYTHON} has no bpy package; MATSHOT_BPY_PYTHON names a Python that has")
    return PYTHON


@pytest.fixture(scope="session")
def light_zip(tmp_path_factory: pytest.TempPathFactory, blender_python: str) -> Path:
    """The extension without wheels, as `build.py` packs it and Blender's validator accepts it."""
    folder = tmp_path_factory.mktemp("zip")
    command = [blender_python, str(BUILD), "--light", "--into", str(folder)]
    built = subprocess.run(command, check=True, timeout=60, stdout=subprocess.PIPE, text=True)
    (path,) = folder.glob("*.zip")
    assert "MB  valid" in built.stdout
    assert "matshot_host/jobs.py" in zipfile.ZipFile(path).namelist()
    return path


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with `flash.png` and `ambient.png` of a brick wall."""
    folder = tmp_path_factory.mktemp("photographs")
    for name, photograph in zip(("flash", "ambient"), wall_photographs(160, seed=1), strict=True):
        write_texture(photograph, folder / f"{name}.png")
    return folder


@pytest.fixture
def inside(inside_folder: Callable[[Path], Inside], tmp_path: Path) -> Inside:
    """Runs a scenario of `inside.py` in a Blender of its own, with the extension installed from its zip."""
    return inside_folder(tmp_path)


@pytest.fixture(scope="session")
def inside_folder(blender_python: str, light_zip: Path) -> Callable[[Path], Inside]:
    """What :func:`inside` gives, with files in a folder."""
    return lambda folder: _runner(blender_python, light_zip, folder)


def _runner(blender_python: str, light_zip: Path, folder: Path) -> Inside:
    def run(scenario: str, *, worker: str = sys.executable, timeout: float = 90, **given: object) -> dict[str, Any]:
        answer = folder / f"{scenario}.json"
        told = {"zip": str(light_zip), "worker": worker, "answer": str(answer), "folder": str(folder), **given}
        environment = {
            **os.environ,
            "BLENDER_USER_RESOURCES": str(folder / "user"),
            # Neither what is noted on this machine nor what its tester has in the home folder counts.
            "MATSHOT_HOME": str(folder / "home"),
        }
        environment.pop("PYTHONPATH", None)
        done = subprocess.run(
            [blender_python, str(HERE / "inside.py"), scenario, json.dumps(told, default=str)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert answer.is_file(), f"{done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return json.loads(answer.read_text("utf-8"))

    return run
