"""The preferences, stored per user, not per project."""

from __future__ import annotations

import json
import os
import uuid
from typing import Any, NamedTuple

from matshot_host.errors import MatshotError
from matshot_host.location import user_folder
from matshot_host.tools import DEVICE, UPSCALE, Parameter

#: File in the user's Matshot folder.
FILE = "unreal.json"

#: Shown in the preferences dialog, like the parameters of a tool.
PARAMETERS = (
    Parameter("python", str, "", "Python in which Matshot is installed. Default: the one that ran 'matshot install'."),
    DEVICE._replace(advanced=False),
    UPSCALE.parameter("memory")._replace(advanced=False),
    Parameter("folder", str, "/Game/Matshot", "Project folder for results of files on disk."),
    Parameter(
        "displacement", bool, False, "Displace vertices by height in new material instances. Needs Unreal 5.6 or later."
    ),
    Parameter(
        "translucency",
        bool,
        False,
        "Blend opacity maps. Default: they mask pixels, which is cheaper and casts sharp shadows.",
        title="Translucent Opacity",
    ),
    Parameter("virtual_textures", bool, False, "Stream new textures as virtual ones, if the project supports them."),
    Parameter(
        "master",
        str,
        "",
        "Path of the project's own master material, such as /Game/Master/M_Base. Default: one of Matshot's.",
        title="Master Material",
    ),
    Parameter(
        "parameter_names",
        str,
        "",
        "Its parameters where they differ from Matshot's, such as BaseColor=Albedo, ORM=ARM.",
    ),
)


class Preferences(NamedTuple):
    """Values of :data:`PARAMETERS`."""

    python: str = ""
    device: str = "auto"
    memory: str = ""
    folder: str = "/Game/Matshot"
    displacement: bool = False
    translucency: bool = False
    virtual_textures: bool = False
    master: str = ""
    parameter_names: str = ""

    @property
    def names(self) -> dict[str, str]:
        """Parameters of the project's master material by those of Matshot's."""
        pairs = (pair.partition("=") for pair in self.parameter_names.split(","))
        return {name.strip(): other.strip() for name, equals, other in pairs if equals and other.strip()}


def valid_preferences(values: dict[str, Any]) -> Preferences:
    """Preferences of stored values; missing and invalid ones have their defaults."""
    valid: dict[str, Any] = {}
    for parameter in PARAMETERS:
        value = values.get(parameter.name)
        if isinstance(value, parameter.type) and (not parameter.choices or value in parameter.choices):
            valid[parameter.name] = value.strip() if isinstance(value, str) else value
    return Preferences(**valid)


def read() -> Preferences:
    """The stored preferences, or the defaults if none are stored.

    Raises:
        MatshotError: when they cannot be read.
    """
    path = os.path.join(user_folder(), FILE)
    try:
        with open(path, encoding="utf-8") as stream:
            stored = json.load(stream)
    except FileNotFoundError:
        return Preferences()
    except (OSError, ValueError) as error:
        raise MatshotError(f"Cannot read the preferences in {path}. Using the defaults.", str(error)) from error
    return valid_preferences(stored if isinstance(stored, dict) else {})


def write(preferences: Preferences) -> None:
    """Store preferences.

    Raises:
        MatshotError: when they cannot be written.
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
        raise MatshotError(f"Cannot write the preferences to {path}: {error.strerror or error}.") from error
