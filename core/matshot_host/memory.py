"""What a host remembers of its tools: the values that were used last, and presets with a name.

Standard library only, Python 3.7 syntax, because hosts bring their own Python.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from typing import Any, Dict, List, Mapping

from .errors import MatshotError, unknown_choice
from .location import user_folder
from .tools import Tool

#: Characters of a preset's name.
_LONGEST_NAME = 60


class ToolMemory:
    """Values of tools, in a file of the user's Matshot folder; it is read on every access, since hosts run in parallel.

    Args:
        host: name of the host, such as ``maya``.
    """

    def __init__(self, host: str) -> None:
        self._file = f"{host}_tools.json"

    def last(self, tool: Tool) -> Dict[str, Any]:
        """Values of the last run, without those that are no longer valid; empty before the first run.

        Guides and masks are left out: they belong to that run's input.
        """
        files = [parameter.name for parameter in tool.files]
        stored = _valid(tool, self._section("last").get(tool.name))
        return {name: value for name, value in stored.items() if name not in files}

    def remember(self, tool: Tool, values: Mapping[str, Any]) -> None:
        """Store the values of a run. A folder that cannot be written loses them, which harms nothing."""
        with contextlib.suppress(MatshotError):
            self._change("last", tool, lambda stored: dict(values))

    def forget(self, tool: Tool) -> None:
        """Return to the defaults."""
        self._change("last", tool, lambda stored: {})

    def presets(self, tool: Tool) -> List[str]:
        """Names of the presets of a tool, sorted."""
        stored = self._section("presets").get(tool.name)
        return sorted(stored) if isinstance(stored, dict) else []

    def preset(self, tool: Tool, name: str) -> Dict[str, Any]:
        """Values of a preset.

        Raises:
            MatshotError: for an unknown name.
        """
        if name not in self.presets(tool):
            raise unknown_choice("preset", name, self.presets(tool))
        return _valid(tool, self._section("presets")[tool.name][name])

    def save_preset(self, tool: Tool, name: str, values: Mapping[str, Any]) -> None:
        """Store values under a name; a preset of that name is replaced.

        Raises:
            MatshotError: for an empty or long name, and a file that cannot be written.
        """
        name = name.strip()
        if not 0 < len(name) <= _LONGEST_NAME:
            raise MatshotError(f"Preset names have 1 to {_LONGEST_NAME} characters, got {len(name)}.")
        self._change("presets", tool, lambda stored: {**stored, name: dict(values)})

    def remove_preset(self, tool: Tool, name: str) -> None:
        """Delete a preset."""
        self._change("presets", tool, lambda stored: {key: stored[key] for key in stored if key != name})

    def _section(self, section: str) -> Dict[str, Any]:
        """Contents of the file; a missing or damaged one is empty."""
        try:
            with open(os.path.join(user_folder(), self._file), encoding="utf-8") as stream:
                stored = json.load(stream)
        except (OSError, ValueError):
            return {}
        found = stored.get(section) if isinstance(stored, dict) else None
        return found if isinstance(found, dict) else {}

    def _change(self, section: str, tool: Tool, change: Any) -> None:
        contents = {name: self._section(name) for name in ("last", "presets")}
        stored = contents[section].get(tool.name)
        contents[section][tool.name] = change(stored if isinstance(stored, dict) else {})
        path = os.path.join(user_folder(), self._file)
        partial = f"{path}.{uuid.uuid4().hex}.partial"
        try:
            os.makedirs(user_folder(), exist_ok=True)
            with open(partial, "w", encoding="utf-8") as stream:
                json.dump(contents, stream, indent=2)
            os.replace(partial, path)
        except OSError as error:
            raise MatshotError(f"Cannot write {path}: {error.strerror or error}.") from error


def _valid(tool: Tool, stored: Any) -> Dict[str, Any]:
    """Those of stored values that the tool still takes."""
    valid = {}
    for name, value in stored.items() if isinstance(stored, dict) else ():
        with contextlib.suppress(MatshotError):
            valid[name] = tool.parameter(name).check(value)
    return valid
