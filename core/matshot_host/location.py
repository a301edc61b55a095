"""Where Matshot lives on this computer, and which Python runs its worker."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

from .errors import MatshotError

#: File in :func:`user_folder` in which ``matshot install`` notes its Python and what it put where.
RECORD = "hosts.json"

#: What hosts set for their own Python, and would break another: where its library is, and what to load first.
_HOST_VARIABLES = (
    *("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONEXECUTABLE", "PYTHONUSERBASE", "PYTHONNOUSERSITE"),
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "QT_PLUGIN_PATH"),
)


class WorkerCommand(NamedTuple):
    """How the worker is started.

    Attributes:
        arguments: program and its arguments.
        environment: all of it.
        origin: who chose this Python, for messages: ``the preferences``.
    """

    arguments: Tuple[str, ...]
    environment: Dict[str, str]
    origin: str


def user_folder(platform: str = sys.platform, environment: Optional[Mapping[str, str]] = None) -> str:
    """The folder for what Matshot remembers about this user; it need not exist.

    Args:
        platform: as ``sys.platform`` calls it.
        environment: to look things up in; None for that of this process.
    """
    given = os.environ if environment is None else environment
    if given.get("MATSHOT_HOME"):
        return given["MATSHOT_HOME"]
    home = given.get("USERPROFILE" if platform == "win32" else "HOME") or os.path.expanduser("~")
    if platform == "win32":
        return os.path.join(given.get("APPDATA") or os.path.join(home, "AppData", "Roaming"), "Matshot")
    if platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "Matshot")
    return os.path.join(given.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "matshot")


def cache_folder(platform: str = sys.platform, environment: Optional[Mapping[str, str]] = None) -> str:
    """The folder for what Matshot can make again; it need not exist.

    Args:
        platform: as ``sys.platform`` calls it.
        environment: to look things up in; None for that of this process.
    """
    given = os.environ if environment is None else environment
    if given.get("MATSHOT_HOME"):
        return os.path.join(given["MATSHOT_HOME"], "cache")
    home = given.get("USERPROFILE" if platform == "win32" else "HOME") or os.path.expanduser("~")
    if platform == "win32":
        return os.path.join(given.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local"), "Matshot", "Cache")
    if platform == "darwin":
        return os.path.join(home, "Library", "Caches", "Matshot")
    return os.path.join(given.get("XDG_CACHE_HOME") or os.path.join(home, ".cache"), "matshot")


def record() -> Dict[str, Any]:
    """What ``matshot install`` noted: ``python``, ``version`` and ``installed`` (host to paths); empty if nothing.

    Raises:
        MatshotError: when the file is there but damaged.
    """
    path = os.path.join(user_folder(), RECORD)
    try:
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise MatshotError(
            f"{path} cannot be read; run 'matshot install' again, or choose a Python in the preferences.",
            str(error),
        ) from error
    return found if isinstance(found, dict) else {}


def worker_command(preferred: str = "", own_python: str = "", own_paths: Sequence[str] = ()) -> WorkerCommand:
    """How to start the worker: with the Python that was chosen, else the recorded one, else the host's own.

    Args:
        preferred: Python of the preferences; empty for none.
        own_python: the host's own interpreter, if Matshot is bundled for it; empty if not.
        own_paths: folders of the bundled packages.

    Raises:
        MatshotError: when the chosen Python does not exist, or there is none at all.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _HOST_VARIABLES}
    environment["PYTHONUNBUFFERED"] = "1"
    environment["PYTHONIOENCODING"] = "utf-8"
    python, origin = preferred.strip(), "the preferences"
    if python and not os.path.isfile(python):
        raise MatshotError(f"The Python of the preferences, {python}, does not exist.")
    if not python:
        recorded = record().get("python") or ""
        if recorded and os.path.isfile(recorded):
            python, origin = recorded, "'matshot install'"
        elif own_python and os.path.isfile(own_python):
            python, origin = own_python, "the plug-in"
            environment["PYTHONPATH"] = os.pathsep.join(own_paths)
        elif recorded:
            raise MatshotError(
                f"The Python that 'matshot install' noted, {recorded}, is gone; run 'matshot install' again."
            )
        else:
            raise MatshotError(
                "No Python with Matshot is known; run 'pip install matshot' and 'matshot install', "
                "or choose a Python in the preferences."
            )
    return WorkerCommand((python, "-m", "matshot.worker"), environment, origin)
