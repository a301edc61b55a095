"""Dialogs with the options of a tool, which Unreal makes of an object's properties; they work in every version."""

from __future__ import annotations

from typing import Any, Sequence

import unreal

from matshot_host.tools import Tool

from .controller import Controller
from .offer import title
from .options import ParameterOptions, ToolOptions
from .preferences import PARAMETERS, Preferences, checked

#: What was opened last stays referenced, or Unreal may collect it while it is still shown.
_shown: list[Any] = []


def run_tool(controller: Controller, tool: Tool, textures: Sequence[Any]) -> None:
    """Ask for the options of a tool, and start it if the artist confirms.

    Args:
        controller: that starts it.
        tool: to run.
        textures: that are selected.
    """
    options = ToolOptions(tool, textures)
    if _confirmed(f"Matshot: {title(tool)}", options.object):
        controller.start(tool, options.pictures, options.values, options.name, options.folder)


def edited(preferences: Preferences) -> Preferences:
    """Preferences as the artist leaves them; the same if the dialog is cancelled."""
    options = ParameterOptions("preferences", PARAMETERS, preferences._asdict())
    return checked(options.values) if _confirmed("Matshot: Preferences", options.object) else preferences


def _confirmed(heading: str, shown: Any) -> bool:
    _shown[:] = [shown]
    form = unreal.EditorDialogLibraryObjectDetailsViewOptions(
        show_object_name=False, allow_search=False, allow_resizing=True, min_width=560, min_height=480
    )
    return bool(unreal.EditorDialog.show_object_details_view(heading, shown, form))
