"""Opens every window of the plug-in as an artist would, runs a job through them, and takes pictures.

Run by itself in a Python with PySide6 or PySide2 and no screen::

    python windows_walk.py SCRIPTS FOLDER IMAGE MATERIAL WORKER_PYTHON

prints what it saw as JSON. ``SCRIPTS`` is the scripts folder of the packed module, ``MATERIAL`` a
material folder; pictures go to ``FOLDER``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"
scripts, folder, image, material, worker_python = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
sys.path[:0] = [str(Path(__file__).parent), scripts]

from maya_double import Maya  # noqa: E402

maya = Maya(version="2026", arnold=True)
maya.project = str(folder / "project")
maya.install()

from matshot_maya.qt import QtCore, QtGui, QtWidgets  # noqa: E402

LONG = 60.0


def dressed(application: QtWidgets.QApplication) -> None:
    """Dark grey, about as Maya is."""
    application.setStyle("Fusion")
    palette, roles = QtGui.QPalette(), QtGui.QPalette.ColorRole
    for role, color in (
        (roles.Window, "#444444"),
        (roles.WindowText, "#dddddd"),
        (roles.Base, "#2b2b2b"),
        (roles.AlternateBase, "#333333"),
        (roles.Text, "#dddddd"),
        (roles.Button, "#5d5d5d"),
        (roles.ButtonText, "#eeeeee"),
        (roles.Highlight, "#5285a6"),
        (roles.HighlightedText, "#ffffff"),
        (roles.PlaceholderText, "#888888"),
        (roles.Light, "#555555"),
        (roles.Dark, "#3a3a3a"),
    ):
        palette.setColor(role, QtGui.QColor(color))
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        palette.setColor(QtGui.QPalette.ColorGroup.Disabled, role, QtGui.QColor("#888888"))
    application.setPalette(palette)
    application.setFont(QtGui.QFont("DejaVu Sans", 9))


def settled(seconds: float = 0.05) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        QtWidgets.QApplication.processEvents()
        time.sleep(0.005)


def reached(condition) -> bool:
    until = time.monotonic() + LONG
    while not condition() and time.monotonic() < until:
        settled()
    return bool(condition())


def picture(widget: QtWidgets.QWidget, name: str) -> None:
    settled()
    widget.grab().save(str(folder / f"{name}.png"))


application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
dressed(application)
maya.window = QtWidgets.QMainWindow()
maya.window.setObjectName("MayaWindow")

from matshot_maya import commands, dock, preferences, shelf, textures  # noqa: E402

from matshot_host.tools import TOOLS  # noqa: E402

seen: dict[str, object] = {"qt": QtCore.__version__, "binding": QtCore.__name__.split(".")[0]}
preferences.save(preferences.Preferences(python=worker_python))
shelf.build()
buttons = {told["label"]: told["command"] for told in maya.shelves["Matshot"].values()}
seen["buttons"] = list(buttons)
row = QtWidgets.QToolBar()
row.setIconSize(QtCore.QSize(32, 32))
for told in maya.shelves["Matshot"].values():
    row.addAction(QtGui.QIcon(told["image"]), told["label"])
row.resize(44 * len(buttons) + 8, 48)
picture(row, "shelf")

# The preferences, and their test.
exec(buttons["Preferences"], {})
window = commands.current().windows["preferences"]
window.test()
seen["tested"] = reached(lambda: "Starting" not in window.findings.toPlainText())
settled(0.1)
seen["findings"] = window.findings.toPlainText()
picture(window, "preferences")
window.accept()

# A dialog for every tool; the file node is what some of them start with.
node = textures.create_file_node("wall", image, textures.create_placement("place"))
maya.scene.selection = [node]
seen["fields"] = {}
for tool in TOOLS:
    exec(buttons[tool.title], {})
    dialog = commands.current().windows[tool.name]
    picture(dialog, tool.name)
    seen["fields"][tool.name] = {
        "parameters": sorted(dialog.parameters),
        "inputs": [field.paths() for field in dialog.inputs],
        "values": {name: field.value() for name, field in dialog.parameters.items()},
    }
    if hasattr(dialog, "fold"):
        dialog.fold.setChecked(True)
        settled(0.1)
        picture(dialog, f"{tool.name}_advanced")
    if tool.name != "tile":
        dialog.reject()

# An input that is missing is said in the dialog, which stays.
exec(buttons["Two-Shot Material"], {})
dialog = commands.current().windows["twoshot"]
dialog.accept()
picture(dialog, "missing")
seen["problem"], seen["stays"] = dialog.error.text(), dialog.isVisible()
dialog.reject()

# A job from the dialog, in the panel, into the scene.
exec(buttons["Matshot"], {})
panel = maya.controls[dock.NAME]
panel.resize(360, 420)
panel.show()
picture(panel, "panel_empty")
preferences.save(preferences.load()._replace(ask=True))
dialog = commands.current().windows["tile"]
dialog.accept()
first = commands.current().manager.jobs.listing[-1]
exec(buttons["Multiply"], {})
dialog = commands.current().windows["multiply"]
dialog.parameters["engine"].set_value("patch")
dialog.parameters["size"].set_value("128x128")
dialog.accept()
second = commands.current().manager.jobs.listing[-1]
seen["two"] = maya.messages[-1]
picture(panel, "panel_waiting")
seen["done"] = reached(lambda: first.ended and second.ended)
seen["states"] = [first.status, second.status]
picture(panel, "panel_done")
shown = panel.findChildren(QtWidgets.QPushButton)
seen["offered"] = sorted({button.text() for button in shown if button.isVisible()})
seen["before"] = maya.get(node + ".fileTextureName")
commands.current().manager.apply(first)
seen["after"] = maya.get(node + ".fileTextureName")
commands.current().manager.discard(second)
# What is cancelled has to take longer than the click.
exec(buttons["Multiply"], {})
dialog = commands.current().windows["multiply"]
dialog.parameters["engine"].set_value("patch")
dialog.parameters["size"].set_value("2048x2048")
dialog.accept()
third = commands.current().manager.jobs.listing[-1]
commands.current().manager.cancel(third)
started = time.monotonic()
reached(lambda: third.ended)
seen["cancelled"], seen["seconds"] = third.state, time.monotonic() - started
picture(panel, "panel")

# A material, by the panel's menu.
maya.scene.selection = [maya.mesh("floor")]
maya.choices = [[material]]
exec(buttons["Load Material"], {})
seen["shader"] = maya.source(maya.scene.members["floorShape"] + ".surfaceShader")
seen["files"] = sorted(os.path.basename(maya.get(one + ".fileTextureName")) for one in maya.of_kind("file"))
maya.quit()
seen.update(warnings=maya.warnings, dialogs=maya.dialogs, messages=maya.messages)
print(json.dumps(seen))
