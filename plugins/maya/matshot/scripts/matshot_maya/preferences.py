"""The preferences, stored by Maya as option variables."""

import os
import sys
import tempfile
from typing import Any, Dict, NamedTuple, Tuple

from maya import cmds

from matshot_host.errors import MatshotError
from matshot_host.location import WorkerCommand, worker_command

_PREFIX = "matshot_"
#: Subfolder for results in the chosen folder.
_FOLDER = "matshot"
#: Next to the scripts: an installation of Matshot for Maya's own Python.
_BUNDLED = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "site")

#: Where results are saved: values and labels.
PLACES: Tuple[Tuple[str, str], ...] = (
    ("project", "Source Images of the Project"),
    ("scene", "Next to the Scene File"),
    ("folder", "Custom Folder"),
)


class Preferences(NamedTuple):
    """The preferences.

    Attributes:
        python: Python that runs the worker; empty finds one.
        device: where networks run.
        memory: memory limit, such as ``4G``; empty for a share of the free memory.
        place: where results are saved, of :data:`PLACES`.
        folder: for results, if ``place`` is ``folder``.
        shader: node type of new materials.
        ask: whether results wait in the panel until they are applied or discarded.
    """

    python: str = ""
    device: str = "auto"
    memory: str = ""
    place: str = "project"
    folder: str = ""
    shader: str = "standardSurface"
    ask: bool = False


def load() -> Preferences:
    """The stored preferences; what is missing has its default."""
    values: Dict[str, Any] = {}
    for name, default in Preferences()._asdict().items():
        if cmds.optionVar(exists=_PREFIX + name):
            # The flag takes the name of the variable; the stub is wrong.
            values[name] = type(default)(cmds.optionVar(query=_PREFIX + name))  # type: ignore[call-overload]
    return Preferences(**values)


def save(preferences: Preferences) -> None:
    """Store the preferences."""
    for name, value in preferences._asdict().items():
        if isinstance(value, bool):
            cmds.optionVar(intValue=(_PREFIX + name, int(value)))
        else:
            cmds.optionVar(stringValue=(_PREFIX + name, value))


def command(preferences: Preferences) -> WorkerCommand:
    """The command that starts the worker.

    Raises:
        MatshotError: when no Python with Matshot is known, or the preferred one does not exist.
    """
    bundled = os.path.isdir(os.path.join(_BUNDLED, "matshot"))
    return worker_command(preferences.python, _mayapy() if bundled else "", (_BUNDLED,) if bundled else ())


def results_folder(preferences: Preferences) -> str:
    """The folder for results; it need not exist.

    Raises:
        MatshotError: when the scene was never saved, or no folder is set.
    """
    if preferences.place == "scene":
        # A string, not a bool: the stub is wrong.
        scene = str(cmds.file(query=True, sceneName=True) or "")
        if not scene:
            raise MatshotError("Save the scene first. Results are saved next to it; Matshot's preferences change that.")
        folder = os.path.join(os.path.dirname(scene), _FOLDER)
    elif preferences.place == "folder":
        if not preferences.folder.strip():
            raise MatshotError("Choose a folder for results in Matshot's preferences.")
        folder = preferences.folder.strip()
    else:
        root = str(cmds.workspace(query=True, rootDirectory=True))
        rule = str(cmds.workspace(fileRuleEntry="sourceImages") or "sourceimages")
        folder = os.path.join(root, rule, _FOLDER)
    return os.path.normpath(folder)


def check_writable(folder: str) -> None:
    """Create a folder and verify that files can be written to it.

    Raises:
        MatshotError: when they cannot.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise MatshotError(
            "Cannot write results to {}: {}.".format(folder, (error.strerror or str(error)).lower()), str(error)
        ) from error


def _mayapy() -> str:
    """Maya's Python interpreter, next to the program."""
    name = "mayapy.exe" if sys.platform == "win32" else "mayapy"
    return os.path.join(os.path.dirname(sys.executable), name)
