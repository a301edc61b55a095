"""What the artist has set once: kept by Maya as option variables."""

import os
import sys
import tempfile
from typing import Any, Dict, NamedTuple, Tuple

from maya import cmds

from matshot_host.errors import MatshotError
from matshot_host.location import WorkerCommand, worker_command

_PREFIX = "matshot_"
#: Folder for results, inside the one that was chosen.
_FOLDER = "matshot"
#: Beside the scripts: where Matshot may be installed for Maya's own Python.
_BUNDLED = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "site")

#: Where results may go, and what the dialog calls it.
PLACES: Tuple[Tuple[str, str], ...] = (
    ("project", "The project's source images"),
    ("scene", "Beside the scene"),
    ("folder", "A folder of my own"),
)


class Preferences(NamedTuple):
    """All of them.

    Attributes:
        python: that runs the worker; empty for the one that is found.
        device: where networks run.
        memory: bound on memory, such as ``2G``; empty for a share of what is free.
        place: where results go, see :data:`PLACES`.
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
    """What is set; what never was has its default."""
    values: Dict[str, Any] = {}
    for name, default in Preferences()._asdict().items():
        if cmds.optionVar(exists=_PREFIX + name):
            # The flag takes the variable's name, which the stub does not know.
            values[name] = type(default)(cmds.optionVar(query=_PREFIX + name))  # type: ignore[call-overload]
    return Preferences(**values)


def save(preferences: Preferences) -> None:
    """Keep them, for this session and later ones."""
    for name, value in preferences._asdict().items():
        if isinstance(value, bool):
            cmds.optionVar(intValue=(_PREFIX + name, int(value)))
        else:
            cmds.optionVar(stringValue=(_PREFIX + name, value))


def command(preferences: Preferences) -> WorkerCommand:
    """How the worker is started.

    Raises:
        MatshotError: when no Python with Matshot is known, or the chosen one does not exist.
    """
    bundled = os.path.isdir(os.path.join(_BUNDLED, "matshot"))
    return worker_command(preferences.python, _mayapy() if bundled else "", (_BUNDLED,) if bundled else ())


def results_folder(preferences: Preferences) -> str:
    """The folder that results go to; it need not exist.

    Raises:
        MatshotError: when the scene was never saved, or no folder is chosen.
    """
    if preferences.place == "scene":
        # Says that it is a bool: the stub is wrong.
        scene = str(cmds.file(query=True, sceneName=True) or "")
        if not scene:
            raise MatshotError("Save the scene first: results go beside it, as Matshot's preferences say.")
        folder = os.path.join(os.path.dirname(scene), _FOLDER)
    elif preferences.place == "folder":
        if not preferences.folder.strip():
            raise MatshotError("Choose the folder for results in Matshot's preferences.")
        folder = preferences.folder.strip()
    else:
        root = str(cmds.workspace(query=True, rootDirectory=True))
        rule = str(cmds.workspace(fileRuleEntry="sourceImages") or "sourceimages")
        folder = os.path.join(root, rule, _FOLDER)
    return os.path.normpath(folder)


def check_writable(folder: str) -> None:
    """Make a folder, and find out whether files can be written there.

    Raises:
        MatshotError: when they cannot.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise MatshotError(
            "Results cannot be written to {}: {}.".format(folder, (error.strerror or str(error)).lower()), str(error)
        ) from error


def _mayapy() -> str:
    """Maya's Python without its window; it lies beside the program."""
    name = "mayapy.exe" if sys.platform == "win32" else "mayapy"
    return os.path.join(os.path.dirname(sys.executable), name)
