"""Dialogs, panel and commands, with the real worker: what an artist clicks and gets, and is told when it goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from matshot.image.reader import read_texture
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot_host.graph import material_graph
from matshot_host.tools import TOOLS, tool

LONG = 60.0


@pytest.fixture
def commands(maya, application):
    from matshot_maya import commands, preferences

    preferences.save(preferences.Preferences(python=sys.executable))
    return commands.current()


@pytest.fixture
def prefer(maya):
    from matshot_maya import preferences

    return lambda **changed: preferences.save(preferences.load()._replace(**changed))


def until(condition, seconds=LONG):
    from matshot_maya.qt import QtWidgets

    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        QtWidgets.QApplication.processEvents()
        time.sleep(0.005)
    return condition()


def opened(commands, name):
    from matshot_maya import commands as module

    module.open_tool(name)
    return commands.windows[name]


def started(commands, dialog):
    count = len(commands.manager.jobs.listing)
    dialog.accept()
    assert len(commands.manager.jobs.listing) == count + 1, dialog.error.text()
    return commands.manager.jobs.listing[-1]


def shown(maya, path, name="file1", tiling=0, **values):
    from matshot_maya import textures

    node = textures.create_file_node(name, str(path), textures.create_placement(name + "_place"))
    maya.scene.nodes[node].values.update(uvTilingMode=tiling, fileTextureName=str(path), **values)
    return node


def filled(commands, name, path, destination="selection", **values):
    """A dialog filled in."""
    dialog = opened(commands, name)
    dialog.inputs[0].set_paths([str(path)])
    dialog.destination.set_value(destination)
    for parameter, value in values.items():
        dialog.parameters[parameter].set_value(value)
    return dialog


# Dialogs.


@pytest.mark.parametrize("given", TOOLS, ids=lambda one: one.name)
def test_dialog_asks_for_what_the_table_says(commands, given):
    dialog = opened(commands, given.name)
    assert list(dialog.parameters) == [parameter.name for parameter in given.parameters]
    assert [field.input for field in dialog.inputs] == list(given.inputs)
    for parameter in given.parameters:
        field = dialog.parameters[parameter.name]
        assert field.value() == parameter.default, parameter.name
        assert type(field.value()) is type(parameter.default), parameter.name
        assert field.toolTip() == parameter.help
        # Advanced ones are folded away, until they are asked for.
        assert field.isVisible() == (not parameter.advanced)
        if parameter.choices:
            assert tuple(field.itemData(row) for row in range(field.count())) == parameter.choices
            assert [field.itemText(row) for row in range(field.count())] == [
                parameter.choice_label(choice) for choice in parameter.choices
            ]
        elif parameter.low is not None and parameter.type in (int, float):
            assert (field.minimum(), field.maximum()) == (parameter.low, pytest.approx(parameter.high))
        if parameter.placeholder:
            # Never 0, -1 or an empty field.
            parts = getattr(field, "_fields", [getattr(field, "line", field)])
            shown = {part.text() or part.placeholderText() for part in parts}
            assert shown == {parameter.placeholder}, parameter.name
    if any(parameter.advanced for parameter in given.parameters):
        dialog.fold.setChecked(True)
        assert all(field.isVisible() for field in dialog.parameters.values())


def test_fields_show_units(commands):
    fields = opened(commands, "oneshot").parameters
    fields["fov"].set_value(50.0)
    fields["size"].set_value(1024)
    fields["width"].set_value(2.5)
    texts = [fields[name].text() for name in ("fov", "size", "width")]
    assert texts == ["50.000\u00b0", "1024 px", "2.500 m"]


def test_value_that_the_tool_refuses_is_named_in_the_dialog(commands, picture):
    dialog = filled(commands, "multiply", picture(), size="large")
    dialog.accept()
    assert dialog.error.text() == "Size must be text such as 1024x1024, got 'large'."
    assert not commands.manager.jobs.listing


def test_buttons_browse_for_files_and_folders(maya, commands, picture):
    maya.choices = [[str(picture("a.png", 8)), str(picture("b.png", 8))], ["/materials/wall"], None]
    dialog = opened(commands, "upscale")
    field = dialog.inputs[0]
    field.editor.browse_files(), field.editor.browse_folder(), field.editor.browse_files()
    assert [os.path.basename(path) for path in field.paths()] == ["a.png", "b.png", "wall"]
    field.editor.list.setCurrentRow(0)
    field.editor.remove()
    assert [os.path.basename(path) for path in field.paths()] == ["b.png", "wall"]


def clicked(field, title):
    from matshot_maya.qt import QtWidgets

    (button,) = [one for one in field.findChildren(QtWidgets.QPushButton) if one.text() == title]
    button.click()


@pytest.mark.parametrize("given", [one for one in TOOLS if one.files], ids=lambda one: one.name)
def test_guides_and_masks_are_browsed_for_and_shown(maya, commands, picture, given):
    dialog = opened(commands, given.name)
    for parameter in given.files:
        field = dialog.parameters[parameter.name]
        path = picture(parameter.name + ".png", 16)
        maya.choices = [[str(path)]]
        clicked(field, "Browse...")
        assert field.value() == str(path)
        assert not field.picture.isHidden()
        assert field.picture.pixmap().width() == 48
        assert dialog._tool.check({parameter.name: field.value()})[parameter.name] == str(path)
    dialog.reset()
    assert not any(dialog.parameters[parameter.name].value() for parameter in given.files)
    assert all(dialog.parameters[parameter.name].picture.isHidden() for parameter in given.files)


def test_what_fills_a_hole_may_be_a_material_folder(maya, commands, material_folder):
    field = opened(commands, "multiply").parameters["fill_from"]
    folder = material_folder("basecolor", "height")
    maya.choices = [[str(folder)]]
    clicked(field, "Folder...")
    assert field.value() == str(folder)
    masks = opened(commands, "multiply").parameters["target_mask"]
    with pytest.raises(ValueError, match="not enough values"):
        clicked(masks, "Folder...")


def test_masks_may_be_textures_of_the_selected_material(maya, commands, picture):
    shader, group = maya.create("standardSurface", "wallMat"), maya.create("shadingEngine", "wallSG")
    mask, tiles = picture("moss_mask.png", 16), picture("wall_n.1001.png", 16)
    maya.scene.connections.update(
        {
            group + ".surfaceShader": shader + ".outColor",
            shader + ".baseColor": shown(maya, picture("wall.png", 16), "colorFile") + ".outColor",
            shader + ".specularRoughness": shown(maya, mask, "maskFile", colorSpace="Raw") + ".outColorR",
            shader + ".base": shown(maya, tiles, "tileFile", 3) + ".outColorR",
            shader + ".metalness": shown(maya, mask.with_name("gone.png"), "goneFile") + ".outColorR",
        }
    )
    maya.mesh("wall", group)
    field = opened(commands, "multiply").parameters["target_mask"]
    field.fill_menu()
    assert [(one.text(), one.isEnabled()) for one in field.menu.actions()] == [
        ("Select an object, a material or a file node", False)
    ]
    maya.scene.selection = ["wall"]
    field.fill_menu()
    names = {one.text(): one for one in field.menu.actions()}
    # Neither tiles nor missing files are one image.
    assert sorted(names) == ["moss_mask.png", "wall.png"]
    assert names["moss_mask.png"].toolTip() == str(mask)
    names["moss_mask.png"].trigger()
    assert field.value() == str(mask)
    assert not field.picture.isHidden()


def test_mask_that_is_missing_is_named_in_the_dialog(commands, picture, tmp_path):
    dialog = filled(commands, "tile", picture(side=32), "files", protect=str(tmp_path / "gone.png"))
    dialog.accept()
    assert dialog.error.text() == f"Protect: {tmp_path / 'gone.png'} does not exist."
    dialog.parameters["protect"].set_value(str(tmp_path))
    dialog.accept()
    assert dialog.error.text() == f"Protect must be an image, but {tmp_path} is a folder."
    assert not commands.manager.jobs.listing


def test_protected_part_stays_and_the_mask_is_not_kept_for_the_next_run(commands, tmp_path):
    # Brighter to the right: it does not tile.
    noise = np.random.default_rng(2).random((64, 64, 3), np.float32) + np.linspace(0, 1, 64, dtype=np.float32)[:, None]
    source, mask = tmp_path / "noise.png", tmp_path / "mask.png"
    write_texture(Texture(noise / 2), source)
    write_texture(Texture(np.pad(np.ones((24, 24, 1), np.float32), ((20, 20), (20, 20), (0, 0)))), mask)
    job = started(commands, filled(commands, "tile", source, "files", protect=str(mask), even=False))
    assert until(lambda: job.ended)
    assert job.state == "done", job.error
    before, after = (read_texture(path).pixels for path in (source, job.results[0].path))
    assert np.array_equal(before[20:44, 20:44], after[20:44, 20:44])
    assert not np.array_equal(before, after)
    assert opened(commands, "tile").parameters["protect"].value() == ""


def test_selected_file_node_is_the_input_and_says_what_it_holds(maya, commands, picture):
    node = shown(maya, picture("door.png", 16), colorSpace="Raw")
    maya.scene.selection = [node]
    dialog = opened(commands, "multiply")
    assert [os.path.basename(path) for path in dialog.inputs[0].paths()] == ["door.png"]
    assert dialog.parameters["kind"].value() == "data"
    assert "1 texture" in dialog.destination.currentText()


def test_preferences_reach_the_dialogs_and_are_kept(maya, commands, prefer):
    from matshot_maya import preferences

    prefer(device="cpu", memory="2G", shader="openPBRSurface", ask=True)
    dialog = opened(commands, "upscale")
    assert (dialog.parameters["device"].value(), dialog.parameters["memory"].value()) == ("cpu", "2G")
    assert dialog.shader.value() == "openPBRSurface"
    commands.open_preferences()
    window = commands.windows["preferences"]
    assert window.preferences() == preferences.load()
    window.fields["ask"].set_value(False)
    window.accept()
    assert preferences.load().ask is False


def test_chosen_shader_is_kept_while_its_plugin_is_not_loaded(commands, prefer):
    from matshot_maya import preferences

    prefer(shader="aiStandardSurface")
    commands.open_preferences()
    commands.windows["preferences"].accept()
    assert preferences.load().shader == "aiStandardSurface"


def test_panel_is_docked_beside_the_attribute_editor_once(maya, commands):
    from matshot_maya import commands as module
    from matshot_maya import dock
    from matshot_maya.qt import QtWidgets

    maya.controls["AttributeEditor"] = QtWidgets.QWidget()
    module.open_panel()
    panel = maya.controls[dock.NAME]
    module.open_panel()
    assert maya.controls[dock.NAME] is panel
    assert panel.layout().count() == 1
    module.close()
    assert dock.NAME not in maya.controls


def test_shaders_that_this_maya_lacks_are_not_offered(start, application):
    start(open_pbr=False)
    from matshot_maya import network

    assert [kind for kind, _ in network.available_shaders()] == ["standardSurface"]


def test_shaders_of_loaded_renderers_are_offered(start, application):
    start(renderers=("redshift", "vray"))
    from matshot_maya import network

    assert [kind for kind, _ in network.available_shaders()][-2:] == ["RedshiftStandardMaterial", "VRayMtl"]


# From dialog to network.


def test_photograph_becomes_an_assigned_material_that_undo_takes_back(maya, commands, picture):
    maya.mesh("wall")
    maya.scene.selection = ["wall"]
    dialog = filled(commands, "oneshot", picture(side=64), light="even")
    dialog.shader.set_value("openPBRSurface")
    job = started(commands, dialog)
    maya.scene.selection = []
    assert until(lambda: job.ended), job.status
    assert job.state == "done", job.error + job.cause
    (made,) = job.results
    assert Path(made.path).is_relative_to(Path(maya.project) / "sourceimages" / "matshot")
    (shader,) = maya.of_kind("openPBRSurface")
    assert maya.scene.members["wallShape"] == shader + "SG"
    files = {Path(maya.project) / maya.get(node + ".fileTextureName") for node in maya.of_kind("file")}
    assert files == {Path(image.file) for image in material_graph(made.path).images()}
    assert any("finished" in message for message in maya.messages)
    from maya import cmds

    cmds.undo()
    assert not maya.of_kind("file")
    assert maya.scene.members["wallShape"] == "initialShadingGroup"


def test_textures_of_the_selected_material_are_replaced_by_larger_ones(maya, commands, picture):
    color, rough = picture("tex/wall_color.png", 16), picture("tex/wall_rough.png", 16)
    tiles = [picture(f"tex/wall_n.{tile}.png", 16) for tile in (1001, 1002)]
    shader, group = maya.create("standardSurface", "wallMat"), maya.create("shadingEngine", "wallSG")
    bump = maya.create("bump2d", "wallBump")
    maya.scene.nodes[bump].values["bumpInterp"] = 1
    maya.scene.connections.update(
        {
            group + ".surfaceShader": shader + ".outColor",
            shader + ".baseColor": shown(maya, color, "colorFile") + ".outColor",
            shader + ".specularRoughness": shown(maya, rough, "roughFile", colorSpace="Raw") + ".outColorR",
            bump + ".bumpValue": shown(maya, tiles[0], "normalFile", 3, colorSpace="Raw") + ".outAlpha",
            shader + ".normalCamera": bump + ".outNormal",
        }
    )
    maya.mesh("wall", group)
    maya.scene.selection = ["wall"]
    commands.open_upscale_material()
    dialog = commands.windows["upscale"]
    assert len(dialog.inputs[0].paths()) == 3
    dialog.parameters["scale"].set_value(2)
    dialog.parameters["method"].set_value("lanczos")
    steps, nodes = len(maya.undone), set(maya.scene.nodes)
    job = started(commands, dialog)
    assert until(lambda: job.ended), job.status
    assert job.state == "done", job.error + job.cause
    assert not maya.warnings
    assert len(maya.undone) == steps + 1
    assert set(maya.scene.nodes) == nodes
    results = Path(maya.project) / "sourceimages" / "matshot"
    for node, space, tiling in (("colorFile", "sRGB", 0), ("roughFile", "Raw", 0), ("normalFile", "Raw", 3)):
        path = Path(maya.project) / maya.get(node + ".fileTextureName")
        assert path.is_relative_to(results), path
        assert path.is_file()
        assert (maya.get(node + ".colorSpace"), maya.get(node + ".uvTilingMode")) == (space, tiling)
    assert maya.get("normalFile.fileTextureName").endswith(".1001.png")
    assert (Path(maya.project) / maya.get("normalFile.fileTextureName").replace("1001", "1002")).is_file()
    assert {result.width for result in job.results} == {32}


def test_results_wait_in_the_panel_where_the_artist_wants_to_be_asked(maya, commands, prefer, picture):
    from matshot_maya.panel import JobPanel

    prefer(ask=True)
    panel = JobPanel(commands)
    node = shown(maya, picture(side=48))
    maya.scene.selection = [node]
    jobs = [started(commands, filled(commands, "tile", picture(side=48))) for _ in range(2)]
    assert until(lambda: all(job.ended for job in jobs))
    until(lambda: panel.rows[jobs[1].number].apply.isVisibleTo(panel))
    rows = [panel.rows[job.number] for job in jobs]
    assert all(row.apply.isVisibleTo(panel) and not row.forget.isVisibleTo(panel) for row in rows)
    assert not rows[0].picture.pixmap().isNull()
    before = maya.get(node + ".fileTextureName")
    assert before == str(picture(side=48))
    rows[0].apply.click()
    assert Path(maya.project) / maya.get(node + ".fileTextureName") == Path(jobs[0].results[0].path)
    assert rows[0].forget.isVisibleTo(panel)
    made = jobs[1].results[0].path
    rows[1].discard.click()
    assert not os.path.exists(made)
    assert list(panel.rows) == [jobs[0].number]
    rows[0].forget.click()
    assert not panel.rows
    assert os.path.exists(jobs[0].results[0].path)


def test_results_wait_in_the_panel_when_another_scene_was_opened(maya, commands, picture):
    maya.mesh("wall")
    maya.scene.selection = ["wall"]
    job = started(commands, filled(commands, "oneshot", picture(side=64), light="even"))
    maya.new_scene()
    assert until(lambda: job.ended)
    until(lambda: maya.messages)
    assert maya.messages[-1] == f"{job.title} is done and waits in the panel, since another scene is open."
    assert not maya.of_kind("file")
    assert commands.manager.is_pending(job)
    commands.manager.apply(job)
    assert "no longer exist" in maya.messages[-1]
    assert maya.of_kind("file")


def test_a_job_is_run_again_with_other_options(maya, commands, picture):
    from matshot_maya.panel import JobPanel

    job = started(commands, filled(commands, "tile", picture(side=48), destination="files", axes="x"))
    panel = JobPanel(commands)
    assert until(lambda: job.ended)
    until(lambda: panel.rows[job.number].again.isVisibleTo(panel))
    panel.rows[job.number].again.click()
    dialog = commands.windows["tile"]
    assert dialog.inputs[0].paths() == [str(picture(side=48))]
    assert (dialog.destination.value(), dialog.parameters["axes"].value()) == ("files", "x")
    # Remembered without Run Again, too, until they are reset.
    dialog.reject()
    dialog = opened(commands, "tile")
    assert dialog.parameters["axes"].value() == "x"
    dialog.reset()
    assert dialog.parameters["axes"].value() == "xy"


def test_locked_nodes_are_one_warning(maya, commands, picture):
    node = shown(maya, picture(side=48))
    maya.scene.selection = [node]
    job = started(commands, filled(commands, "tile", picture(side=48)))
    maya.scene.nodes[node].locked = True
    assert until(lambda: job.ended)
    until(lambda: maya.warnings)
    assert len(maya.warnings) == 1
    assert "could not be applied to the scene" in maya.warnings[0]
    assert os.path.exists(job.results[0].path)


def test_dialogs_grow_with_the_interface_scale(maya, commands, picture):
    maya.scale = 2.0
    dialog = filled(commands, "oneshot", picture(side=64))
    assert dialog.minimumWidth() == 960
    assert dialog.inputs[0].editor.picture.pixmap().width() == 96


def test_windows_stay_in_front_on_macos_and_have_no_help_button(maya, application):
    from matshot_maya.qt import QtCore, QtWidgets, prepare_dialog

    dialog = QtWidgets.QDialog()
    prepare_dialog(dialog, "linux")
    kinds = QtCore.Qt.WindowType
    assert not dialog.windowFlags() & kinds.WindowContextHelpButtonHint
    assert dialog.windowType() == kinds.Dialog
    prepare_dialog(dialog, "darwin")
    assert dialog.windowType() == kinds.Tool


def test_loading_a_material_folder_makes_and_assigns_its_network(maya, commands, material_folder):
    maya.mesh("wall")
    maya.scene.selection = ["wall"]
    maya.choices = [[str(material_folder("basecolor", "normal"))]]
    commands.load_material()
    assert maya.scene.members["wallShape"] == "Old_WallSG"


def test_main_thread_is_never_kept_long(maya, commands, picture, monkeypatch):
    # Reading the stub is the double's own work.
    maya.stub = None
    spent = []
    tick = commands.manager.tick

    def timed():
        begun = time.thread_time()
        tick()
        spent.append(time.thread_time() - begun)

    commands.manager._timer.timeout.disconnect()
    commands.manager._timer.timeout.connect(timed)
    job = started(commands, filled(commands, "tile", picture(side=128), "nodes"))
    assert until(lambda: job.ended)
    assert max(spent) < 0.05


# What can go wrong, each with one message.


def refused(maya, action):
    """The one message that an action leads to."""
    from matshot_maya import commands as module

    count = len(maya.dialogs)
    getattr(module, action)() if isinstance(action, str) else action(module)
    assert len(maya.dialogs) == count + 1
    return maya.dialogs[-1]


def test_nothing_selected(maya, commands):
    assert refused(maya, "open_upscale_material").startswith("Nothing is selected")


def test_no_textures(maya, commands):
    maya.mesh("wall")
    maya.scene.selection = ["wall"]
    assert "no file textures" in refused(maya, "open_upscale_material")


def test_missing_files(maya, commands, picture):
    maya.scene.selection = [shown(maya, "/gone/a.png"), shown(maya, "/gone/b.<UDIM>.png", "file2", 3)]
    assert refused(maya, "open_upscale_material").endswith("missing: a.png, b.UDIM.png.")
    maya.scene.selection.append(shown(maya, picture(), "file3"))
    from matshot_maya import commands as module

    module.open_upscale_material()
    assert "files are missing: a.png" in maya.warnings[-1]
    assert len(commands.windows["upscale"].inputs[0].paths()) == 1


def test_a_template_is_for_files_alone(commands, tmp_path):
    dialog = filled(commands, "convert", tmp_path, template="unreal")
    dialog.accept()
    assert dialog.error.text().startswith("An export template writes files for another program. Set Results to")
    assert not commands.manager.jobs.listing


def test_input_that_is_not_there_is_said_in_the_dialog(commands):
    dialog = opened(commands, "tile")
    dialog.accept()
    assert dialog.error.text() == "Choose the texture first."
    dialog.inputs[0].set_paths(["/gone/wall.png"])
    dialog.accept()
    assert dialog.error.text() == "/gone/wall.png does not exist."
    assert dialog.isVisible()
    assert not commands.manager.jobs.listing


def test_unsaved_scene(maya, commands, prefer, picture, tmp_path):
    prefer(place="scene")
    assert refused(maya, lambda module: module.open_tool("tile")).startswith("Save the scene first")
    maya.scene_name = str(tmp_path / "shot" / "house.ma")
    dialog = filled(commands, "tile", picture(side=32), "files")
    assert not (tmp_path / "shot").exists()
    job = started(commands, dialog)
    assert until(lambda: job.ended)
    assert (tmp_path / "shot" / "matshot" / "wall.png").is_file()


def test_folder_that_cannot_be_written(maya, commands, prefer, picture):
    prefer(place="folder", folder="")
    assert "Choose a folder" in refused(maya, lambda module: module.open_tool("tile"))
    prefer(folder=str(picture() / "inside"))
    dialog = filled(commands, "tile", picture())
    dialog.accept()
    assert "Cannot write results to" in dialog.error.text()
    assert not commands.manager.jobs.listing


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only to this user")
def test_read_only_folder(commands, prefer, picture, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    prefer(place="folder", folder=str(tmp_path / "locked" / "results"))
    dialog = filled(commands, "tile", picture())
    dialog.accept()
    assert "permission denied" in dialog.error.text()


def test_python_that_does_not_exist(commands, prefer, picture):
    prefer(python="/gone/python")
    dialog = filled(commands, "tile", picture())
    dialog.accept()
    assert dialog.error.text() == "The Python of the preferences, /gone/python, does not exist."


def test_no_python_at_all(commands, prefer, picture):
    prefer(python="")
    dialog = filled(commands, "tile", picture())
    dialog.accept()
    assert "No Python with Matshot is known" in dialog.error.text()


def test_python_without_matshot(maya, commands, prefer, picture, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    python = tmp_path / "bare" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    prefer(python=str(python))
    job = started(commands, filled(commands, "tile", picture()))
    assert until(lambda: job.ended)
    assert job.state == "failed"
    assert len(maya.warnings) == 1
    assert "has no Matshot" in maya.warnings[0]
    commands.open_preferences()
    window = commands.windows["preferences"]
    window.test()
    assert until(lambda: "has no Matshot" in window.findings.toPlainText())


def test_doctor_reports_into_the_preferences(commands):
    commands.open_preferences()
    window = commands.windows["preferences"]
    window.test()
    assert "Starting" in window.findings.toPlainText()
    assert until(lambda: "Python: 3" in window.findings.toPlainText())
    assert not commands.manager.jobs.listing


def test_second_job_waits_and_says_so(maya, commands, picture):
    jobs = [started(commands, filled(commands, "tile", picture(side=32), "files")) for _ in range(2)]
    assert maya.messages[-1] == "Make Seamless wall.png starts after Make Seamless wall.png."
    assert until(lambda: all(job.ended for job in jobs))
    assert len({job.results[0].path for job in jobs}) == 2
    assert not maya.of_kind("file")


def test_cancel_ends_within_a_second(maya, commands, picture):
    from matshot_maya.panel import JobPanel

    panel = JobPanel(commands)
    job = started(commands, filled(commands, "oneshot", picture(side=512)))
    assert until(lambda: job.state == "running" and commands.manager.jobs.worker_pid)
    begun = time.monotonic()
    panel.rows[job.number].cancel.click()
    assert until(lambda: job.ended)
    assert job.state == "cancelled"
    assert time.monotonic() - begun < 1.5
    assert not maya.warnings
    assert panel.rows[job.number].status.text() == "Cancelled"


def test_lost_worker_is_said_once_and_the_next_job_works(maya, commands, picture):
    job = started(commands, filled(commands, "oneshot", picture(side=512)))
    assert until(lambda: job.state == "running" and job.fraction > 0)
    os.kill(commands.manager.jobs.worker_pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    assert until(lambda: job.ended)
    assert len(maya.warnings) == 1
    assert "Photo to Material wall.png" in maya.warnings[0]
    assert "lost" in maya.warnings[0]
    again = started(commands, filled(commands, "tile", picture(side=32), "files"))
    assert until(lambda: again.ended)
    assert again.state == "done"


def test_maya_closed_during_a_job_ends_the_worker(maya, commands, picture):
    job = started(commands, filled(commands, "oneshot", picture(side=512)))
    assert until(lambda: job.state == "running" and commands.manager.jobs.worker_pid)
    pid, folder = commands.manager.jobs.worker_pid, job.folder
    maya.quit()
    assert job.state == "cancelled"
    assert not os.path.exists(folder)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_bad_image_is_one_warning(maya, commands, tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"no image")
    job = started(commands, filled(commands, "tile", path))
    assert until(lambda: job.ended)
    assert job.state == "failed"
    assert len(maya.warnings) == 1
    assert "broken.png" in maya.warnings[0]


def test_scene_that_refuses_is_one_warning_and_stays_whole(maya, commands, material_folder, monkeypatch):
    from matshot_maya import network

    def fails(*_):
        raise RuntimeError("the node is locked")

    monkeypatch.setattr(network._NetworkBuilder, "_connect_displacement", fails)
    maya.mesh("wall")
    maya.scene.selection = ["wall"]
    before = set(maya.scene.nodes)
    job = started(commands, filled(commands, "convert", material_folder("basecolor", "height")))
    assert until(lambda: job.ended)
    assert len(maya.warnings) == 1
    assert "the node is locked" in maya.warnings[0]
    assert set(maya.scene.nodes) == before


def test_maya_that_refuses_is_one_message(maya, commands, material_folder, monkeypatch):
    from matshot_maya import textures

    def fails(*_):
        raise RuntimeError("the scene is locked")

    monkeypatch.setattr(textures, "create_placement", fails)
    maya.choices = [[str(material_folder("basecolor"))]]
    assert refused(maya, "load_material") == "Maya reported an error: the scene is locked"


def test_material_folder_that_is_none(maya, commands, tmp_path):
    maya.choices = [[str(tmp_path)]]
    assert "material.json" in refused(maya, "load_material")


def test_message_of_angle_brackets_is_shown_as_it_is(maya):
    from matshot_maya import messages

    messages.inform("wall.<UDIM>.png & more")
    assert maya.messages == ["wall.&lt;UDIM&gt;.png &amp; more"]


def test_every_input_of_the_table_has_a_field():
    assert {given.kind for one in TOOLS for given in one.inputs} <= {"photo", "material", "asset"}
    assert tool("upscale").inputs[0].several
