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
from matshot.hosts.install import copy_plugin
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


def test_a_shelf_that_the_artist_changed_or_removed_stays_so(maya):
    run_start_file()
    maya.run_deferred()
    mine = {"command": "import mine", "image": "", "label": "Mine"}
    maya.shelves["Matshot"] = {"shelfButton1": mine}
    run_start_file()
    maya.run_deferred()
    assert maya.shelves["Matshot"] == {"shelfButton1": mine}
    del maya.shelves["Matshot"]
    run_start_file()
    maya.run_deferred()
    assert not maya.shelves
    # Another version adds its buttons, beside those that are not Matshot's.
    maya.options["matshot_shelf"] = "0.0.1"
    maya.shelves["Matshot"] = {"shelfButton1": mine}
    run_start_file()
    maya.run_deferred()
    labels = [button["label"] for button in maya.shelves["Matshot"].values()]
    assert labels[0] == "Mine"
    assert len(labels) == len(set(labels)) > len(TOOLS)


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
    for name in re.findall(r"commands\.(\w+)\(", "".join(button["command"] for button in buttons)):
        assert f"def {name}(" in (SCRIPTS / "matshot_maya" / "commands.py").read_text()


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
        folder = copy_plugin("maya", tmp_path / "download").parent
    for _ in range(2):
        dropped(folder)
    modules = Path(maya.user_folder) / "modules"
    assert sorted(path.name for path in modules.iterdir()) == ["matshot", "matshot.mod"]
    assert (modules / "matshot" / "scripts" / "matshot_host" / "jobs.py").is_file()
    assert not list(modules.glob("**/__pycache__"))
    assert maya.dialogs == [f"Installed Matshot in {modules}. Its tools are on the Matshot shelf."] * 2
    assert str(modules) in next(iter(maya.shelves["Matshot"].values()))["image"]


@pytest.mark.parametrize("name", ["matshot", "matshot.mod", "matshot.new"])
def test_installer_leaves_alone_what_is_not_matshots(maya, restored, name):
    modules = Path(maya.user_folder) / "modules"
    mine = modules / name if name.endswith(".mod") else modules / name / "scene.ma"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    dropped(PLUGIN)
    assert mine.read_text() == "mine"
    (message,) = maya.dialogs
    assert ("does not belong to matshot, move it first" in message.lower()) == (name != "matshot.new")
    assert not [path.name for path in modules.iterdir() if path.suffix in (".partial", ".old")]


def test_installer_puts_the_old_module_back_when_it_fails(maya, restored, monkeypatch):
    dropped(PLUGIN)
    modules = Path(maya.user_folder) / "modules"
    before = {path.relative_to(modules): path.read_bytes() for path in modules.rglob("*.py")}

    def fails(source: str, target: str) -> None:
        raise OSError(28, "No space left on device", target)

    monkeypatch.setattr(shutil, "copy", fails)
    rename = os.rename
    monkeypatch.setattr(
        os, "rename", lambda a, b: fails(a, b) if a.endswith(".partial") and b.endswith("matshot") else rename(a, b)
    )
    dropped(PLUGIN)
    assert "no space left" in maya.dialogs[-1]
    assert {path.relative_to(modules): path.read_bytes() for path in modules.rglob("*.py")} == before
    assert sorted(path.name for path in modules.iterdir()) == ["matshot", "matshot.mod"]


def test_installer_without_its_folder_says_so(maya, restored, tmp_path):
    shutil.copy(PLUGIN / "drag_into_maya.py", tmp_path)
    dropped(tmp_path)
    (message,) = maya.dialogs
    assert "the folder 'matshot' next to drag_into_maya.py is missing" in message
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
    scripts = copy_plugin("maya", tmp_path / "packed") / "scripts"
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
    assert seen["problem"] == "Choose the flash photograph first."
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


def test_modules_import_in_no_circle():
    package = SCRIPTS / "matshot_maya"
    left = {}
    for file in package.glob("*.py"):
        tree = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        imports = [node for node in tree if isinstance(node, ast.ImportFrom) and node.level == 1]
        names = {
            name for node in imports for name in ([node.module] if node.module else [one.name for one in node.names])
        }
        left[file.stem] = {name for name in names if (package / f"{name}.py").is_file()}
    while left:
        leaves = {name for name, imports in left.items() if not imports & set(left)}
        assert leaves, left
        for name in leaves:
            del left[name]


@pytest.fixture
def memory(monkeypatch, tmp_path):
    monkeypatch.setenv("MATSHOT_HOME", str(tmp_path / "memory"))
    return tmp_path / "memory"


@pytest.mark.parametrize("failing", ["matshot", "matshot.mod"])
def test_an_installer_that_fails_leaves_what_was_there(maya, restored, memory, monkeypatch, failing):
    modules = Path(maya.user_folder) / "modules"
    dropped(PLUGIN)
    (modules / "matshot" / "mine.txt").write_text("mine")
    before = {file: file.read_bytes() for file in modules.rglob("*") if file.is_file()}
    really = os.rename

    def broken(source, target):
        if target == str(modules / failing) and not source.endswith(".old"):
            raise PermissionError(13, "Access is denied", target)
        really(source, target)

    monkeypatch.setattr(os, "rename", broken)
    dropped(PLUGIN)
    assert "access is denied" in maya.dialogs[1]
    assert {file: file.read_bytes() for file in modules.rglob("*") if file.is_file()} == before
    assert sorted(path.name for path in modules.iterdir()) == ["matshot", "matshot.mod"]


def test_the_installer_keeps_what_was_changed(maya, restored, memory):
    modules = Path(maya.user_folder) / "modules"
    dropped(PLUGIN)
    (modules / "matshot" / "mine.txt").write_text("mine")
    (modules / "matshot" / "scripts" / "matshot_maya" / "shelf.py").write_text("mine")
    (modules / "matshot.mod").write_text("+ matshot 1 ./matshot\nmine")
    dropped(PLUGIN)
    assert (modules / "matshot" / "mine.txt").read_text() == "mine"
    kept = {file.relative_to(memory).as_posix(): file.read_text() for file in memory.rglob("*") if file.is_file()}
    assert kept == {
        "kept/1/matshot/scripts/matshot_maya/shelf.py": "mine",
        "kept/1/matshot.mod": "+ matshot 1 ./matshot\nmine",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_the_installer_does_not_follow_a_link(maya, restored, memory, tmp_path):
    modules = Path(maya.user_folder) / "modules"
    checkout = copy_plugin("maya", tmp_path / "checkout")
    before = {file: file.read_bytes() for file in checkout.rglob("*") if file.is_file()}
    modules.mkdir(parents=True)
    (modules / "matshot").symlink_to(checkout)
    dropped(PLUGIN)
    assert not (modules / "matshot").is_symlink()
    assert {file: file.read_bytes() for file in before} == before
