"""The module as Maya finds it: description, start, installer, shelf, and the Python that it is written in."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from maya_double import stub_path

import matshot_host
from matshot.hosts.install import packed
from matshot_host.tools import TOOLS

PLUGIN = Path(__file__).parents[3] / "plugins" / "maya"
SCRIPTS = PLUGIN / "matshot" / "scripts"
#: All Python that Maya runs; the icons are drawn by developers.
FILES = {*PLUGIN.glob("**/*.py"), *Path(matshot_host.__file__).parent.glob("*.py")} - {PLUGIN / "icons.py"}
#: Plain Python of Debian and others, that may have their package of PySide2.
SYSTEM_PYTHON = "/usr/bin/python3"


def module_lines():
    return [line.split() for line in (PLUGIN / "matshot.mod").read_text().splitlines() if line]


def test_description_names_the_module_for_every_maya():
    """``+ [condition...] name version path``, the path relative to the description."""
    found = {}
    for plus, condition, name, version, path in module_lines():
        assert (plus, name, version) == ("+", "matshot", matshot_host.__version__)
        assert (PLUGIN / path / "scripts" / "userSetup.py").is_file()
        assert (PLUGIN / path / "icons").is_dir()
        found[condition] = path
    assert list(found) == [f"MAYAVERSION:{year}" for year in range(2022, 2028)]


@pytest.mark.parametrize("file", sorted(FILES), ids=lambda path: path.name)
def test_files_are_python_of_the_oldest_maya(file):
    tree = ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 7))
    notes = [
        node.annotation for node in ast.walk(tree) if isinstance(node, (ast.AnnAssign, ast.arg)) and node.annotation
    ]
    notes += [node.returns for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.returns]
    for part in [part for note in notes for part in ast.walk(note)]:
        # Python 3.7 evaluates them, and knows neither list[str] nor str | None.
        assert not isinstance(part, ast.BinOp), ast.unparse(part)
        if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name):
            assert part.value.id not in ("list", "dict", "tuple", "set", "frozenset", "type"), ast.unparse(part)


def test_nothing_newer_than_the_oldest_python_is_used():
    pytest.importorskip("vermin", reason="vermin is not installed")
    folders = [str(PLUGIN / "matshot"), str(PLUGIN / "drag_into_maya.py"), str(Path(matshot_host.__file__).parent)]
    command = [sys.executable, "-c", "import vermin; vermin.main()", "--target=3.7-", "--no-tips", *folders]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout


def test_start_file_compiles_in_python_2_too():
    """Maya 2022 can run in Python 2, and reads the file then; it has to do nothing there, and to say nothing."""
    text = (SCRIPTS / "userSetup.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.JoinedStr, ast.AnnAssign))]
    assert text.isascii()


def run_start_file():
    exec(compile((SCRIPTS / "userSetup.py").read_text(), "userSetup.py", "exec"), {})


def test_start_builds_the_shelf_once_maya_is_idle(maya):
    run_start_file()
    assert not maya.shelves
    maya.run_deferred()
    assert list(maya.shelves) == ["Matshot"]


def test_start_without_a_window_does_nothing(start):
    maya = start(batch=True)
    run_start_file()
    assert not maya.deferred


def test_shelf_has_a_drawn_button_for_every_tool(maya):
    from matshot_maya import shelf

    for _ in range(2):
        shelf.build()
    buttons = list(maya.shelves["Matshot"].values())
    assert [button["label"] for button in buttons[: len(TOOLS)]] == [tool.title for tool in TOOLS]
    for button in buttons:
        assert os.path.isfile(button["image"])
        assert not button["imageOverlayLabel"]
        for suffix in ("_150", "_200"):
            assert os.path.isfile(button["image"].replace(".png", f"{suffix}.png"))
    for name in re.findall(r"session\.(\w+)\(", "".join(button["command"] for button in buttons)):
        assert f"def {name}(" in (SCRIPTS / "matshot_maya" / "session.py").read_text()


def test_tool_without_an_icon_is_known_by_its_name(maya, monkeypatch):
    from matshot_maya import shelf

    monkeypatch.setattr(shelf, "TOOLS", [TOOLS[0]._replace(name="novel", title="Novelty")])
    shelf.build()
    button = next(iter(maya.shelves["Matshot"].values()))
    assert button["imageOverlayLabel"] == "Nove"
    assert button["image"].endswith("matshot.png")


def dropped(folder):
    """What Maya does with a Python file that is dropped on it."""
    spec = importlib.util.spec_from_file_location("drag_into_maya", folder / "drag_into_maya.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.onMayaDroppedPythonFile(None)


@pytest.fixture
def restored():
    path, modules = list(sys.path), dict(sys.modules)
    yield
    sys.path[:] = path
    for name in [name for name in sys.modules if name.split(".")[0] in ("matshot_host", "matshot_maya")]:
        del sys.modules[name]
    sys.modules.update({name: module for name, module in modules.items() if name.startswith("matshot_host")})


@pytest.mark.parametrize("source", ["packed", "checkout"])
def test_dropping_the_installer_puts_the_module_and_its_shelf_there(maya, restored, tmp_path, source):
    folder = PLUGIN
    if source == "packed":
        folder = packed("maya", tmp_path / "download").parent
    for _ in range(2):
        dropped(folder)
    modules = Path(maya.user_folder) / "modules"
    assert sorted(path.name for path in modules.iterdir()) == ["matshot", "matshot.mod"]
    assert (modules / "matshot" / "scripts" / "matshot_host" / "jobs.py").is_file()
    assert not list(modules.glob("**/__pycache__"))
    assert maya.dialogs == [f"Matshot is installed in {modules}. Its tools are on the shelf 'Matshot'."] * 2
    assert str(modules) in next(iter(maya.shelves["Matshot"].values()))["image"]


def test_installer_without_its_folder_says_so(maya, restored, tmp_path):
    shutil.copy(PLUGIN / "drag_into_maya.py", tmp_path)
    dropped(tmp_path)
    (message,) = maya.dialogs
    assert "the folder 'matshot' beside drag_into_maya.py is missing" in message
    assert not (Path(maya.user_folder) / "modules").exists()


def test_modules_folder_that_cannot_be_written_is_said(maya, restored, tmp_path):
    (tmp_path / "maya").write_text("a file where a folder should be")
    dropped(PLUGIN)
    (message,) = maya.dialogs
    assert message.startswith("Matshot could not be installed: ")


def has(python, module):
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0


def pythons():
    """Pythons with a Qt, and which; ``MATSHOT_MAYA_PYTHONS`` names more, such as those that Mayas come with."""
    yield pytest.param(sys.executable, "PySide6", id="PySide6")
    yield pytest.param(SYSTEM_PYTHON, "PySide2", id="PySide2")
    for python in filter(None, os.environ.get("MATSHOT_MAYA_PYTHONS", "").split(os.pathsep)):
        yield pytest.param(python, "PySide6" if has(python, "PySide6") else "PySide2", id=python)


@pytest.mark.parametrize(("python", "binding"), list(pythons()))
def test_all_windows_run_in_every_qt(python, binding, tmp_path, picture, material_folder):
    """The packed module in a process of its own; the Python of the windows has nothing but Qt."""
    if not os.path.isfile(python) or not has(python, f"{binding}.QtWidgets"):
        pytest.skip(f"{python} has no {binding}")
    material = material_folder("basecolor", "normal", "roughness", "specular", "height", height_scale=0.01)
    scripts = packed("maya", tmp_path / "packed") / "scripts"
    walk = Path(__file__).with_name("windows_walk.py")
    folder = tmp_path / "pictures"
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment.update(MATSHOT_HOME=str(tmp_path / "user"), MATSHOT_MAYA_STUB=stub_path())
    command = [python, str(walk), str(scripts), str(folder), str(picture(side=48)), str(material), sys.executable]
    run = subprocess.run(command, capture_output=True, text=True, timeout=180, env=environment)
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout.splitlines()[-1])
    assert seen["binding"] == binding
    assert seen["buttons"][: len(TOOLS)] == [tool.title for tool in TOOLS]
    for tool in TOOLS:
        values = seen["fields"][tool.name]["values"]
        for parameter in tool.parameters:
            wanted = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
            assert values[parameter.name] == wanted, (tool.name, parameter.name)
    assert "Python: 3" in seen["findings"]
    assert seen["problem"] == "Flash photograph: nothing is chosen yet."
    assert seen["stays"]
    assert seen["states"] == ["Make Seamless wall.png: done", "Multiply wall.png: done"]
    assert seen["offered"] == ["Apply", "Discard", "Preferences...", "Show Folder", "Tools"]
    assert seen["after"] != seen["before"]
    assert seen["cancelled"] == "cancelled"
    assert seen["shader"] == "Old_Wall.outColor"
    assert {path.name for path in material.glob("*.png")} <= set(seen["files"])
    assert not seen["warnings"] + seen["dialogs"]
    pictures = {path.stem for path in folder.glob("*.png")}
    assert {tool.name for tool in TOOLS} | {"preferences", "panel", "panel_done"} <= pictures
    assert "Traceback" not in run.stderr
