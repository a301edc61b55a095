"""Dialogs that Unreal builds from the properties of an object; they work in every version."""

from __future__ import annotations

from typing import Any, Sequence

import unreal

from matshot_host.tools import Tool

from .editor_tools import menu_title
from .job_manager import JobManager
from .options import ParameterOptions, ToolOptions
from .preferences import PARAMETERS, Preferences, valid_preferences

#: Keeps the object of the last dialog alive, which Unreal may otherwise collect while it is shown.
_shown: list[Any] = []


def run_tool(manager: JobManager, tool: Tool, textures: Sequence[Any]) -> None:
    """Show the options of a tool, and start it if the artist confirms.

    Args:
        manager: of the jobs.
        tool: to run.
        textures: selected textures.
    """
    options = ToolOptions(tool, textures)
    if _confirmed(f"Matshot: {menu_title(tool)}", options.object):
        manager.start(tool, options.sources, options.values, options.name, options.folder)


def edited_preferences(preferences: Preferences) -> Preferences:
    """The preferences after a dialog; unchanged if it was canceled."""
    options = ParameterOptions("preferences", PARAMETERS, preferences._asdict())
    return valid_preferences(options.values) if _confirmed("Matshot: Preferences", options.object) else preferences


def _confirmed(heading: str, shown: Any) -> bool:
    _shown[:] = [shown]
    view = unreal.EditorDialogLibraryObjectDetailsViewOptions(
        show_object_name=False, allow_search=False, allow_resizing=True, min_width=560, min_height=480
    )
    return bool(unreal.EditorDialog.show_object_details_view(heading, shown, view))
