"""Dragged from a file browser into Maya's view, this installs Matshot's plug-in for the user and shows its shelf."""

import os
import shutil
import sys
import uuid
from typing import Any

from maya import cmds

_HERE = os.path.dirname(os.path.abspath(__file__))
_PACKAGES = ("matshot_maya", "matshot_host")


def onMayaDroppedPythonFile(*_: Any) -> None:
    """Called by Maya when this file is dropped on it."""
    try:
        modules = os.path.join(cmds.internalVar(userAppDir=True), "modules")
        scripts = _install(modules)
        _reload(scripts)
    except OSError as error:
        where = " ({})".format(error.filename) if error.filename else ""
        _tell("Matshot could not be installed: {}{}.".format((error.strerror or str(error)).lower(), where), "critical")
        return
    _tell("Matshot is installed in {}. Its tools are on the shelf 'Matshot'.".format(modules), "information")


def _install(modules: str) -> str:
    """Copy the module and its description to the user's modules; the folder of its scripts.

    An older module is renamed aside until the new one is in its place, and comes back if that fails. A folder or a file
    of these names that is not Matshot's is never touched.
    """
    source, host = os.path.join(_HERE, "matshot"), _host_package()
    target, description = os.path.join(modules, "matshot"), os.path.join(modules, "matshot.mod")
    mark = uuid.uuid4().hex
    fresh, old = "{}.{}.partial".format(target, mark), "{}.{}.old".format(target, mark)
    if not os.path.isdir(source) or not host:
        raise FileNotFoundError(2, "the folder 'matshot' beside drag_into_maya.py is missing or not whole", _HERE)
    for path in (target, description):
        if os.path.lexists(path) and not _is_ours(path):
            raise FileExistsError(17, "it is not Matshot's; move it away first", path)
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
    """Whether a module folder, or a module's description, is one of Matshot's."""
    if os.path.isdir(path):
        return os.path.isfile(os.path.join(path, "scripts", "matshot_maya", "__init__.py"))
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return "matshot" in stream.read()
    except OSError:
        return False


def _host_package() -> str:
    """Where ``matshot_host`` is: packed with the module or, in a checkout, among the sources; empty if nowhere."""
    checkout = os.path.join(os.path.dirname(os.path.dirname(_HERE)), "core", "matshot_host")
    for folder in (os.path.join(_HERE, "matshot", "scripts", "matshot_host"), checkout):
        if os.path.isdir(folder):
            return folder
    return ""


def _reload(scripts: str) -> None:
    """Show the shelf now; from the next start on, Maya finds the module by itself."""
    session = sys.modules.get("matshot_maya.session")
    if session is not None:
        session.close()
    for name in [name for name in sys.modules if name.split(".")[0] in _PACKAGES]:
        del sys.modules[name]
    if scripts not in sys.path:
        sys.path.insert(0, scripts)
    from matshot_maya import shelf

    shelf.build()


def _tell(sentence: str, icon: str) -> None:
    cmds.confirmDialog(title="Matshot", message=sentence, button=["OK"], icon=icon)
