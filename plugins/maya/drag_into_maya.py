"""Drag this file into Maya's viewport to install Matshot for the current user and show its shelf."""

import os
import shutil
import sys
from typing import Any

from maya import cmds

_HERE = os.path.dirname(os.path.abspath(__file__))
_PACKAGES = ("matshot_maya", "matshot_host")


def onMayaDroppedPythonFile(*_: Any) -> None:
    """Install Matshot; called by Maya when this file is dropped on it."""
    try:
        modules = os.path.join(cmds.internalVar(userAppDir=True), "modules")
        scripts = _install(modules)
        _reload(scripts)
    except OSError as error:
        where = " ({})".format(error.filename) if error.filename else ""
        _show_message(
            "Matshot could not be installed: {}{}.".format((error.strerror or str(error)).lower(), where), "critical"
        )
        return
    _show_message("Installed Matshot in {}. Its tools are on the Matshot shelf.".format(modules), "information")


def _install(modules: str) -> str:
    """Copy the module and its description to the user's modules; the folder of its scripts.

    What was there stays until the copy is complete.
    """
    source, host = os.path.join(_HERE, "matshot"), _host_package()
    target, fresh = os.path.join(modules, "matshot"), os.path.join(modules, "matshot.new")
    if not os.path.isdir(source) or not host:
        raise FileNotFoundError(2, "the folder 'matshot' beside drag_into_maya.py is missing or not whole", _HERE)
    if not os.path.isdir(modules):
        os.makedirs(modules)
    shutil.rmtree(fresh, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source, fresh, ignore=ignored)
    if not os.path.isdir(os.path.join(fresh, "scripts", "matshot_host")):
        shutil.copytree(host, os.path.join(fresh, "scripts", "matshot_host"), ignore=ignored)
    if os.path.isdir(target):
        shutil.rmtree(target)
    os.rename(fresh, target)
    shutil.copy(os.path.join(_HERE, "matshot.mod"), modules)
    return os.path.join(target, "scripts")


def _host_package() -> str:
    """Where ``matshot_host`` is: packed with the module or, in a checkout, among the sources; empty if nowhere."""
    checkout = os.path.join(os.path.dirname(os.path.dirname(_HERE)), "core", "matshot_host")
    for folder in (os.path.join(_HERE, "matshot", "scripts", "matshot_host"), checkout):
        if os.path.isdir(folder):
            return folder
    return ""


def _reload(scripts: str) -> None:
    """Show the shelf now; Maya loads the module itself after a restart."""
    commands = sys.modules.get("matshot_maya.commands")
    if commands is not None:
        commands.close()
    for name in [name for name in sys.modules if name.split(".")[0] in _PACKAGES]:
        del sys.modules[name]
    if scripts not in sys.path:
        sys.path.insert(0, scripts)
    from matshot_maya import shelf

    shelf.build()


def _show_message(sentence: str, icon: str) -> None:
    cmds.confirmDialog(title="Matshot", message=sentence, button=["OK"], icon=icon)
