"""Drag this file into Maya's viewport to install Matshot for the current user and show its shelf."""

import os
import shutil
import sys
import uuid
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
        reason = (error.strerror or str(error)).lower()
        _show_message("Matshot could not be installed: {}{}.".format(reason, where), "critical")
        return
    _show_message("Installed Matshot in {}. Its tools are on the Matshot shelf.".format(modules), "information")


def _install(modules: str) -> str:
    """Copy the module and its description to the user's modules folder.

    An older module is renamed until the new one is in place, and restored if that fails. A folder or file of the same
    name that does not belong to Matshot is never touched.

    Returns:
        The scripts folder of the module.

    Raises:
        OSError: when the module is incomplete or cannot be copied.
    """
    source, host = os.path.join(_HERE, "matshot"), _host_package()
    target, description = os.path.join(modules, "matshot"), os.path.join(modules, "matshot.mod")
    mark = uuid.uuid4().hex
    fresh, old = "{}.{}.partial".format(target, mark), "{}.{}.old".format(target, mark)
    if not os.path.isdir(source) or not host:
        raise FileNotFoundError(2, "the folder 'matshot' next to drag_into_maya.py is missing or incomplete", _HERE)
    for path in (target, description):
        if os.path.lexists(path) and not _is_ours(path):
            raise FileExistsError(17, "it does not belong to Matshot, move it first", path)
    if not os.path.isdir(modules):
        os.makedirs(modules)
    ignored = shutil.ignore_patterns("__pycache__")
    try:
        shutil.copytree(source, fresh, ignore=ignored)
        if not os.path.isdir(os.path.join(fresh, "scripts", "matshot_host")):
            shutil.copytree(host, os.path.join(fresh, "scripts", "matshot_host"), ignore=ignored)
        if os.path.lexists(target):
            os.rename(target, old)
        try:
            os.rename(fresh, target)
            shutil.copy(os.path.join(_HERE, "matshot.mod"), modules)
        except OSError:
            if os.path.lexists(old) and not os.path.lexists(target):
                os.rename(old, target)
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    if os.path.islink(old):
        os.remove(old)
    else:
        shutil.rmtree(old, ignore_errors=True)
    return os.path.join(target, "scripts")


def _is_ours(path: str) -> bool:
    """Whether a module folder or a module description belongs to Matshot."""
    if os.path.isdir(path):
        return os.path.isfile(os.path.join(path, "scripts", "matshot_maya", "__init__.py"))
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return "matshot" in stream.read()
    except OSError:
        return False


def _host_package() -> str:
    """Folder of ``matshot_host``: in the packed module or in the sources of a checkout; empty if missing."""
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
