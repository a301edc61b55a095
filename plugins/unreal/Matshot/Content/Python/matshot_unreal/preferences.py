"""What the artist set once: which Python works, where it works, and where assets go. Kept per user, not per project."""

from __future__ import annotations

import json
import os
import uuid
from typing import Any, NamedTuple

from matshot_host.errors import MatshotError
from matshot_host.location import user_folder
from matshot_host.tools import Parameter

#: File in Matshot's folder of this user.
FILE = "unreal.json"

#: Shown in the dialog of preferences, like the parameters of a tool.
PARAMETERS = (
    Parameter("python", str, "", "Python that has Matshot; empty takes the one that 'matshot install' noted."),
    Parameter("device", str, "auto", "Where networks run; auto takes the GPU where it works.", ("auto", "cpu", "cuda")),
    Parameter("memory", str, "", "Bound on memory, such as 2G; empty takes a share of what is free."),
    Parameter("folder", str, "/Game/Matshot", "Folder of the project for what is made of files from the disk."),
    Parameter("displacement", bool, False, "Move vertices by the height in new material instances (Unreal 5.6 on)."),
)


class Preferences(NamedTuple):
    """The values; see :data:`PARAMETERS`."""

    python: str = ""
    device: str = "auto"
    memory: str = ""
    folder: str = "/Game/Matshot"
    displacement: bool = False


def checked(values: dict[str, Any]) -> Preferences:
    """Preferences of these values; what is missing, unknown or of another type has its default."""
    sound: dict[str, Any] = {}
    for parameter in PARAMETERS:
        value = values.get(parameter.name)
        if isinstance(value, parameter.type) and (not parameter.choices or value in parameter.choices):
            sound[parameter.name] = value.strip() if isinstance(value, str) else value
    return Preferences(**sound)


def read() -> Preferences:
    """The stored preferences, or the defaults.

    Raises:
        MatshotError: when they are there but damaged.
    """
    path = os.path.join(user_folder(), FILE)
    try:
        with open(path, encoding="utf-8") as stream:
            stored = json.load(stream)
    except FileNotFoundError:
        return Preferences()
    except (OSError, ValueError) as error:
        raise MatshotError(
            f"The preferences in {path} cannot be read, so the defaults are used.", str(error)
        ) from error
    return checked(stored if isinstance(stored, dict) else {})


def write(preferences: Preferences) -> None:
    """Store preferences.

    Raises:
        MatshotError: when that is not possible.
    """
    folder = user_folder()
    path = os.path.join(folder, FILE)
    partial = f"{path}.{uuid.uuid4().hex}.partial"
    try:
        os.makedirs(folder, exist_ok=True)
        with open(partial, "w", encoding="utf-8") as stream:
            json.dump(preferences._asdict(), stream, indent=2)
        os.replace(partial, path)
    except OSError as error:
        raise MatshotError(f"The preferences cannot be written to {path}: {error.strerror or error}.") from error
