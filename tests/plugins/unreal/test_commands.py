"""All of it together: the editor starts, the artist uses menus, the real worker works, assets come back."""

import ast
import json
import os
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from matshot.hosts.install import copy_plugin
from matshot.image.reader import read_texture
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.material.folder import save_material
from matshot.material.types import Material
from matshot_host.tools import TOOLS

PLUGIN = Path(__file__).parents[3] / "plugins" / "unreal" / "Matshot"
CORE = Path(__file__).parents[3] / "core"
#: Seconds that the worker may take.
PATIENCE = 90


@pytest.fixture
def editor(unreal, plugin, tmp_path, monkeypatch):
    """An editor that has started, whose preferences name this Python."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(CORE), os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "unreal.json").write_text(json.dumps({"python": sys.executable, "device": "cpu"}))
    # Hosts' own PYTHONPATH is kept from the worker; this checkout is given to it as if it were installed.
    location = sys.modules["matshot_host.location"]
    monkeypatch.setattr(location, "_HOST_VARIABLES", ())
    unreal.world.loading = 3
    plugin("startup").begin()
    unreal.world.tick(5)
    yield unreal
    plugin("commands").stop()


def choose(unreal, entry, menu="LevelEditor.MainMenu.Tools.Matshot"):
    """Click on an entry of a menu."""
    exec(unreal.world.commands[menu, entry], {})


def read_notice(unreal):
    """Click on the message in the status bar."""
    assert unreal.world.messages == []
    assert unreal.world.status.startswith("Matshot: ")
    choose(unreal, "Matshot", "LevelEditor.StatusBar.ToolBar")
    unreal.world.tick()
    assert unreal.world.status == ""


def work(unreal, plugin):
    """Let frames pass until no job is left."""
    session, until = plugin("commands")._plugins[0], time.monotonic() + PATIENCE
    while time.monotonic() < until:
        unreal.world.tick()
        if not session.jobs.busy and not session.manager._finished:
            # The status bar is not updated in every frame.
            session.status_bar._next_update = 0.0
            unreal.world.tick()
            return
        time.sleep(0.01)
    raise AssertionError("the worker takes too long")


def picture(path, size=64, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).random((8, 8, 3), np.float32)
    return write_texture(Texture(np.kron(coarse, np.ones((size // 8, size // 8, 1), np.float32)), "srgb"), path)


def texture(unreal, path, file):
    made = unreal.Texture2D()
    made._path, made._source = path, str(file)
    made.get_editor_property("asset_import_data")._files = [str(file)]
    unreal.world.objects[path] = made
    return made


def test_it_waits_for_the_assets(unreal, plugin):
    unreal.world.loading = 3
    plugin("startup").begin()
    unreal.world.tick(2)
    assert unreal.world.commands == {}
    assert "matshot_unreal.commands" not in sys.modules
    unreal.world.tick(1)
    assert unreal.world.commands
    assert len(unreal.world.ticks) == 1
    plugin("commands").stop()
    assert unreal.world.ticks == {}
    assert unreal.world.shutdowns == {}


@pytest.mark.parametrize(("is_editor", "command_line"), [(False, "P.uproject -game"), (True, "P -run=Cook")])
def test_it_does_not_start_outside_of_the_editor(unreal, plugin, is_editor, command_line):
    unreal.world.editor, unreal.world.command_line = is_editor, command_line
    plugin("startup").begin()
    assert unreal.world.ticks == {}


def test_run_again_and_presets(editor, plugin, tmp_path):
    choose(editor, "RunAgain"), choose(editor, "SavePreset")
    assert len(editor.world.messages) == 2
    editor.world.selected = [texture(editor, "/Game/T_A", picture(tmp_path / "a.png"))]
    manager = plugin("commands")._plugins[0].manager

    def answer(shown):
        if "fidelity" in type(shown)._metas or "scale" in type(shown)._metas:
            shown.set_editor_property("scale", type(shown.get_editor_property("scale")).V_2)
            shown.set_editor_property("method", type(shown.get_editor_property("method")).V_LANCZOS)
        else:
            shown.set_editor_property("name", "Fast")
        return True

    editor.world.answer = answer
    choose(editor, "Matshot_upscale"), choose(editor, "SavePreset")
    editor.world.answer = lambda shown: True
    editor.world.selected = [texture(editor, "/Game/T_B", picture(tmp_path / "b.png"))]
    choose(editor, "RunAgain")
    assert manager.last.sources[0][0].asset == "/Game/T_B"
    assert manager.last.values["method"] == "lanczos"
    # Used last, so shown first; and a preset shows its own.
    choose(editor, "Matshot_upscale")
    assert manager.last.values["scale"] == 2
    choose(editor, "Preset_upscale_Fast")
    assert manager.last.values["scale"] == 2
    for _ in range(4):
        choose(editor, "Cancel")
    work(editor, plugin)


def test_menus(editor, plugin):
    tools = {name for menu, name in editor.world.commands if menu == "LevelEditor.MainMenu.Tools.Matshot"}
    assert tools == {f"Matshot_{tool.name}" for tool in TOOLS if tool.result != "picture"} | {
        *("Panel", "RunAgain", "SavePreset", "Cancel", "Test", "Preferences"),
    }
    context = "ContentBrowser.AssetContextMenu.Texture2D"
    labels = [editor.world.labels[menu, name][0] for menu, name in editor.world.commands if menu == context]
    assert labels == ["Upscale...", "Photo to Material...", "Multiply...", "Make Seamless..."]
    assert editor.world.labels["LevelEditor.MainMenu.Tools.Matshot", "Matshot_convert"][0] == "Import Material..."


def test_photograph_to_material(editor, plugin, tmp_path):
    photograph = texture(editor, "/Game/Photos/T_Old_Wall", picture(tmp_path / "photos" / "DSC1.png", 128))
    editor.world.selected = [photograph]

    def answer(shown):
        kind = type(shown.get_editor_property("light"))
        shown.set_editor_property("light", kind.V_EVEN)
        return True

    editor.world.answer = answer
    choose(editor, "Matshot_oneshot", "ContentBrowser.AssetContextMenu.Texture2D")
    editor.world.tick()
    assert editor.world.status.startswith("Matshot: Photo to Material T_Old_Wall: ")
    work(editor, plugin)
    assert editor.world.messages == []
    instance = editor.world.objects["/Game/Photos/MI_Old_Wall"]
    master = editor.world.objects["/Game/Matshot/M_Matshot2"]
    assert instance._parent is master
    assert master._compiled
    for parameter, end in (("BaseColor", "BC"), ("Normal", "N"), ("ORM", "ORM"), ("Height", "H")):
        assert instance._set_values[parameter].get_path_name().startswith(f"/Game/Photos/T_Old_Wall_{end}.")
    assert editor.world.tasks == []
    assert editor.world.status == ""
    assert editor.world.shown[0] == "/Game/Photos/MI_Old_Wall"
    assert {f"/Game/Photos/{name}" for name in ("MI_Old_Wall", "T_Old_Wall_BC")} <= editor.world.saved


def test_upscale_and_seamless_and_queue(editor, plugin, tmp_path):
    wall = texture(editor, "/Game/T_Wall_BC", picture(tmp_path / "wall.png"))
    wall.set_editor_property("address_y", editor.TextureAddress.TA_MIRROR)
    editor.world.selected = [wall]

    def answer(shown):
        if hasattr(type(shown), "_metas") and "scale" in type(shown)._metas:
            shown.set_editor_property("scale", type(shown.get_editor_property("scale")).V_2)
            shown.set_editor_property("method", type(shown.get_editor_property("method")).V_LANCZOS)
        return True

    editor.world.answer = answer
    choose(editor, "Matshot_upscale")
    choose(editor, "Matshot_tile")
    manager = plugin("commands")._plugins[0].manager
    assert [row.status for row in manager.rows()] == ["Waiting", "Waiting"]
    work(editor, plugin)
    assert editor.world.messages == []
    larger, seamless = (editor.world.objects[f"/Game/T_Wall_{name}_BC"] for name in ("x2", "Seamless"))
    assert Path(larger._source).stat().st_size > 0
    assert larger.get_editor_property("srgb") is True
    assert larger.get_editor_property("address_y") is editor.TextureAddress.TA_MIRROR
    assert seamless.get_editor_property("address_y") is editor.TextureAddress.TA_WRAP


def test_a_texture_of_the_project_protects_its_white_part(editor, plugin, tmp_path):
    mask = np.zeros((64, 64, 1), np.float32)
    mask[20:44, 20:44] = 1
    # Brighter to the right: it does not tile.
    noise = np.random.default_rng(3).random((64, 64, 3), np.float32) + np.linspace(0, 1, 64, dtype=np.float32)[:, None]
    source = write_texture(Texture(noise / 2, "srgb"), tmp_path / "a.png")
    editor.world.selected = [texture(editor, "/Game/T_A", source)]
    protect = texture(editor, "/Game/T_Mask", write_texture(Texture(mask, "data"), tmp_path / "mask.png"))

    def answer(shown):
        shown.set_editor_property("protect_textures", protect)
        shown.set_editor_property("even", False)
        return True

    editor.world.answer = answer
    choose(editor, "Matshot_tile")
    work(editor, plugin)
    made = editor.world.objects["/Game/T_A_Seamless"]
    before, after = (read_texture(path).pixels for path in (source, made._source))
    assert np.array_equal(before[20:44, 20:44], after[20:44, 20:44])
    assert not np.array_equal(before, after)


def test_a_dialog_that_is_cancelled(editor, plugin):
    editor.world.answer = lambda shown: False
    choose(editor, "Matshot_upscale")
    assert plugin("commands")._plugins[0].jobs.listing == []
    assert editor.world.messages == []


def test_nothing_selected(editor):
    choose(editor, "Matshot_upscale")
    assert editor.world.messages == [
        "Upscale needs textures. Select a texture in the Content Browser or choose a file."
    ]


def test_the_panel_does_not_open_before_5_6(editor, plugin):
    editor.become_5_5()
    choose(editor, "Panel")
    assert len(editor.world.messages) == 1
    assert "Tools > Matshot" in editor.world.messages[0]


def test_the_panel_takes_the_place_of_the_status_bar(editor, plugin, tmp_path):
    choose(editor, "Panel")
    assert editor.world.messages == []
    editor.world.selected = [texture(editor, "/Game/T_A", picture(tmp_path / "a.png"))]
    choose(editor, "Matshot_tile")
    editor.world.tick()
    assert editor.world.status == ""
    choose(editor, "Cancel")
    work(editor, plugin)
    assert "Cancelled" in editor.world.tabs["EUW_Matshot_1"]._tree["MatshotRow0Status"].text
    choose(editor, "Cancel")
    assert editor.world.messages == ["No job is running."]


def test_the_panel_outlives_a_change_of_level(editor, plugin):
    choose(editor, "Panel")
    editor.world.open_level()
    editor.world.tick(2)
    tree = editor.world.tabs["EUW_Matshot_1"]._tree
    assert tree["MatshotTool"]._selected == "Upscale"
    assert len(tree["MatshotRun"].on_clicked._callables) == 1
    editor.world.close_tab()
    editor.world.tick()
    assert not plugin("commands")._plugins[0].panel.open


def test_dialogs_are_shown_while_a_job_runs(editor, plugin, tmp_path):
    editor.world.selected = [texture(editor, "/Game/T_A", picture(tmp_path / "a.png"))]
    choose(editor, "Matshot_tile")
    editor.world.tick(2)
    # The artist's other dialogs, which an unattended editor would close unseen.
    asked = len(editor.world.dialogs)
    choose(editor, "Matshot_upscale")
    assert len(editor.world.dialogs) == asked + 1
    assert editor.world.suppressed == []
    choose(editor, "Cancel"), choose(editor, "Cancel")
    work(editor, plugin)


def test_nothing_is_imported_while_a_dialog_is_open(editor, plugin, tmp_path):
    editor.world.selected = [texture(editor, "/Game/T_A", picture(tmp_path / "a.png"))]
    choose(editor, "Matshot_tile")
    editor.world.tick()
    jobs, until = plugin("commands")._plugins[0].jobs, time.monotonic() + PATIENCE
    client = jobs._client
    while client.events.empty() or "result" not in [event.kind for event in list(client.events.queue)]:
        assert time.monotonic() < until
        editor.world.modal()
        time.sleep(0.01)
    editor.world.modal(3)
    assert "/Game/T_A_Seamless" not in editor.world.objects
    work(editor, plugin)
    assert "/Game/T_A_Seamless" in editor.world.objects
    assert all(editor.world.console.values())


def test_a_status_bar_that_does_not_work_stops_nothing(editor, plugin, tmp_path, monkeypatch):
    def broken(self, name):
        raise Exception("no")

    monkeypatch.setattr(editor.ToolMenus, "extend_menu", broken)
    editor.world.selected = [texture(editor, "/Game/T_A", picture(tmp_path / "a.png"))]
    choose(editor, "Matshot_tile")
    work(editor, plugin)
    assert "/Game/T_A_Seamless" in editor.world.objects
    assert any("Cannot show progress" in line for line in editor.world.log)


def test_preferences(editor, plugin, tmp_path):
    def answer(shown):
        shown.set_editor_property("python", str(tmp_path / "no-python"))
        return True

    editor.world.answer = answer
    choose(editor, "Preferences")
    stored = json.loads((tmp_path / "home" / "unreal.json").read_text())
    assert stored["python"] == str(tmp_path / "no-python")
    editor.world.answer = lambda shown: True
    choose(editor, "Test")
    work(editor, plugin)
    read_notice(editor)
    assert editor.world.messages == [f"The Python of the preferences, {tmp_path / 'no-python'}, does not exist."]


def test_a_python_without_matshot(editor, plugin, tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$0: No module named matshot" >&2\nexit 1\n')
    python.chmod(0o755)
    session = plugin("commands")._plugins[0]
    session.preferences = session.preferences._replace(python=str(python))
    choose(editor, "Test")
    work(editor, plugin)
    read_notice(editor)
    assert len(editor.world.messages) == 1
    assert "has no Matshot" in editor.world.messages[0]


def test_the_worker_is_lost(editor, plugin, tmp_path):
    session = plugin("commands")._plugins[0]
    editor.world.selected = [texture(editor, "/Game/T_A", picture(tmp_path / "a.png", 256))]

    def answer(shown):
        shown.set_editor_property("size", "1024x1024")
        return True

    editor.world.answer = answer
    choose(editor, "Matshot_multiply")
    until = time.monotonic() + PATIENCE
    while session.jobs.listing[0].fraction <= 0 and time.monotonic() < until:
        editor.world.tick()
        time.sleep(0.01)
    os.kill(session.jobs.worker_pid, 9)
    work(editor, plugin)
    read_notice(editor)
    assert len(editor.world.messages) == 1
    assert "worker ended" in editor.world.messages[0]
    assert "/Game/T_A_Multiply" not in editor.world.objects


def test_the_editor_is_closed_during_a_job(editor, plugin, tmp_path):
    session = plugin("commands")._plugins[0]
    editor.world.selected = [texture(editor, "/Game/T_A", picture(tmp_path / "a.png"))]
    choose(editor, "Matshot_multiply")
    until = time.monotonic() + PATIENCE
    while not session.jobs.worker_pid and time.monotonic() < until:
        editor.world.tick()
        time.sleep(0.01)
    pid, folder = session.jobs.worker_pid, Path(session.jobs.listing[0].folder)
    for callback in list(editor.world.shutdowns.values()):
        callback()
    assert editor.world.ticks == {}
    assert not folder.exists()
    until = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists() or "zombie" in Path(f"/proc/{pid}/status").read_text()


def test_a_project_that_cannot_be_written(editor, plugin, tmp_path):
    (editor.world.project / "Content" / "Walls").write_text("a file where the folder should be")
    editor.world.selected = [texture(editor, "/Game/Walls/T_A", picture(tmp_path / "a.png"))]
    choose(editor, "Matshot_tile")
    assert len(editor.world.messages) == 1
    assert "Cannot write to" in editor.world.messages[0]


def test_damaged_preferences_are_told(unreal, plugin, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "unreal.json").write_text("{")
    plugin("startup").begin()
    unreal.world.tick(2)
    session = plugin("commands")._plugins[0]
    assert "Using the defaults" in session.manager.messages[0]
    plugin("commands").stop()


def test_an_error_of_ours_is_logged_once_and_ends_nothing(unreal, plugin):
    calls = []

    def call():
        calls.append(1)
        raise ValueError("of ours")

    ticking = plugin("ticker").Ticker(call)
    unreal.world.tick(3)
    assert len(calls) == 3
    assert sum("of ours" in line for line in unreal.world.log) == 1
    ticking.stop()
    unreal.world.tick()
    assert len(calls) == 3


def test_frames_of_dialogs_do_not_come_in_between(unreal, plugin):
    depth, deepest = [], []

    def call():
        depth.append(1)
        deepest.append(len(depth))
        unreal.world.modal(2)
        depth.pop()

    ticking = plugin("ticker").Ticker(call)
    unreal.world.tick()
    assert deepest == [1]
    ticking.stop()


def test_plug_in_files():
    described = json.loads((PLUGIN / "Matshot.uplugin").read_text("utf-8"))
    assert described["FileVersion"] == 3
    assert described["CanContainContent"] is True
    assert {one["Name"] for one in described["Plugins"]} == {"PythonScriptPlugin", "EditorScriptingUtilities"}
    sources = sorted((PLUGIN / "Content" / "Python").rglob("*.py"))
    assert len(sources) > 10
    allowed = {
        "__future__",
        "contextlib",
        "json",
        "os",
        "platform",
        "re",
        "shutil",
        "time",
        "traceback",
        "typing",
        "uuid",
    }
    allowed |= {"unreal", "matshot_host", "matshot_unreal"}
    for file in sources:
        # Unreal 5.3 has Python 3.9.
        tree = ast.parse(file.read_text("utf-8"), feature_version=(3, 9))
        for node in ast.walk(tree):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            assert {name.partition(".")[0] for name in names} <= allowed, (file, names)


def test_versions_agree():
    described = json.loads((PLUGIN / "Matshot.uplugin").read_text("utf-8"))
    project = (PLUGIN.parents[2] / "pyproject.toml").read_text("utf-8")
    assert described["VersionName"] == re.search(r'^version = "(.*)"', project, re.M)[1]


def test_packed_plug_in_starts_with_nothing_else(unreal, plugin, tmp_path, monkeypatch):
    folder = copy_plugin("unreal", tmp_path / "Plugins")
    python = folder / "Content" / "Python"
    assert (python / "matshot_host" / "jobs.py").is_file()
    assert (folder / "Resources" / "flat_normal.png").is_file()
    for name in [name for name in sys.modules if name.partition(".")[0] in ("matshot_host", "matshot_unreal")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [str(python), *[one for one in sys.path if "plugins" not in one]])
    exec((python / "init_unreal.py").read_text("utf-8"), {})
    unreal.world.tick(2)
    assert unreal.world.commands
    assert str(python) in sys.modules["matshot_host.jobs"].__file__
    sys.modules["matshot_unreal.commands"].stop()


def test_several_textures_become_a_seamless_material(editor, plugin, tmp_path):
    normals = np.zeros((64, 64, 3), np.float32)
    normals[..., 1], normals[..., 2] = 0.6, 0.8
    files = {"BC": picture(tmp_path / "a.png"), "N": tmp_path / "n.png", "ORM": picture(tmp_path / "orm.png", seed=1)}
    write_texture(Texture(normals, "normal"), files["N"])
    maps = {end: texture(editor, f"/Game/T_Brick_{end}", file) for end, file in files.items()}
    compressions = editor.TextureCompressionSettings
    maps["N"].set_editor_property("compression_settings", compressions.TC_NORMALMAP)
    maps["ORM"].set_editor_property("compression_settings", compressions.TC_MASKS)
    editor.world.selected = list(maps.values())

    def answer(shown):
        shown.set_editor_property("even", False)
        return True

    editor.world.answer = answer
    choose(editor, "Matshot_tile", "ContentBrowser.AssetContextMenu.Texture2D")
    work(editor, plugin)
    assert editor.world.messages == []
    instance = editor.world.objects["/Game/MI_Brick_Seamless"]
    assert {name for name, one in instance._set_values.items() if isinstance(one, editor.Texture2D)} == {
        *("BaseColor", "Normal", "ORM"),
    }
    normal = instance._set_values["Normal"]
    assert normal.get_editor_property("address_x") is editor.TextureAddress.TA_WRAP
    # The file's green was taken as Unreal's, which runs down, and comes back so: the numbers are the same.
    assert np.allclose(read_texture(Path(normal._source), encoding="normal").pixels, normals, atol=0.02)


def test_a_material_folder_is_imported(editor, plugin, tmp_path):
    folder = tmp_path / "castle wall"
    save_material(Material({"basecolor": read_texture(picture(tmp_path / "c.png"))}, name="Castle Wall"), folder)

    def answer(shown):
        shown.set_editor_property("path0", editor.DirectoryPath(str(folder)))
        shown.set_editor_property("asset_folder", "/Game/Castle")
        return True

    editor.world.answer = answer
    choose(editor, "Matshot_convert")
    work(editor, plugin)
    assert editor.world.messages == []
    assert {path for path in editor.world.objects if path.startswith("/Game/Castle")} == {
        *("/Game/Castle/MI_Castle_Wall", "/Game/Castle/T_Castle_Wall_BC"),
    }
