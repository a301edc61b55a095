"""Drag this file into Maya's viewport to install Matshot for the current user and show its shelf."""

import importlib
import importlib.util
import os
import shutil
import sys
import uuid
from typing import Any, Mapping

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

    An older module is renamed until the new one is in place, and restored if that fails; files that were added to it or
    changed are kept. A folder or file of the same name that does not belong to Matshot is never touched.

    Returns:
        The scripts folder of the module.

    Raises:
        OSError: when the module is incomplete or cannot be copied.
    """
    source, host = os.path.join(_HERE, "matshot"), _host_package()
    target, description = os.path.join(modules, "matshot"), os.path.join(modules, "matshot.mod")
    mark = uuid.uuid4().hex
    fresh, described = ("{}.{}.partial".format(path, mark) for path in (target, description))
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
        shutil.copy(os.path.join(_HERE, "matshot.mod"), described)
        contents = _contents(host)
        contents.note_contents(fresh, {"matshot.mod": described})
        kept = contents.keep_files(target, fresh, contents.changed_files(target) or {}, ["matshot.mod"])
        _exchange({fresh: target, described: description}, mark)
    finally:
        _remove(fresh, described)
    if kept:
        print("Copies of files of the old module that were changed are in {}.".format(kept))
    return os.path.join(target, "scripts")


def _exchange(moves: Mapping[str, str], mark: str) -> None:
    """Move each file or folder to its place, and what was there out of the way; move all back when something fails."""
    undo = []
    try:
        for fresh, target in moves.items():
            if os.path.lexists(target):
                old = "{}.{}.old".format(target, mark)
                os.rename(target, old)
                undo.append((old, target))
            os.rename(fresh, target)
            undo.append((target, fresh))
    except OSError:
        for now, before in reversed(undo):
            os.rename(now, before)
        raise
    _remove(*("{}.{}.old".format(target, mark) for target in moves.values()))


def _remove(*paths: str) -> None:
    """Remove files and folders; of a link, the link alone."""
    for path in paths:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        elif os.path.lexists(path):
            os.remove(path)


def _is_ours(path: str) -> bool:
    """Whether a module folder or a module description belongs to Matshot."""
    if os.path.isdir(path):
        return os.path.isfile(os.path.join(path, "scripts", "matshot_maya", "__init__.py"))
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return "matshot" in stream.read()
    except OSError:
        return False


def _contents(host: str) -> Any:
    """``matshot_host.contents`` of this version; Maya may have loaded that of another one."""
    name = "matshot_host_to_install"
    where = os.path.join(host, "__init__.py")
    spec = importlib.util.spec_from_file_location(name, where, submodule_search_locations=[host])
    if spec is None or spec.loader is None:
        raise FileNotFoundError(2, "the folder 'matshot_host' is not whole", host)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
        return importlib.import_module(name + ".contents")
    finally:
        sys.dont_write_bytecode = writes
        for loaded in [one for one in sys.modules if one.partition(".")[0] == name]:
            del sys.modules[loaded]


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
