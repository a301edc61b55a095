"""Dialogs that Unreal builds from the properties of an object; they work in every version."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import unreal

from matshot_host.errors import MatshotError
from matshot_host.memory import ToolMemory
from matshot_host.tools import Parameter, Tool

from .editor_tools import menu_title
from .job_manager import JobManager
from .options import ParameterOptions, ToolOptions
from .preferences import PARAMETERS, Preferences, valid_preferences

#: Values of the last runs, and presets.
MEMORY = ToolMemory("unreal")
_PRESET = (Parameter("name", str, "", "Name of the preset; an existing one is replaced."),)
#: Keeps the object of the last dialog alive, which Unreal may otherwise collect while it is shown.
_shown: list[Any] = []


def run_tool(manager: JobManager, tool: Tool, textures: Sequence[Any], values: Mapping[str, Any] | None = None) -> None:
    """Show the options of a tool, and start it if the artist confirms.

    Args:
        manager: of the jobs.
        tool: to run.
        textures: selected textures.
        values: of parameters; None for those that were used last.
    """
    options = ToolOptions(tool, textures, MEMORY.last(tool) if values is None else values)
    if _confirmed(f"Matshot: {menu_title(tool)}", options.object):
        MEMORY.remember(tool, options.values)
        for request in options.requests:
            manager.start(request)


def run_again(manager: JobManager, textures: Sequence[Any]) -> None:
    """Run the latest tool with the same options on the selected textures, or on the same ones if none are selected."""
    last = manager.last
    if last is None:
        manager.report("No tool was run yet in this session.", alert=True)
        return
    repeated = ToolOptions(last.tool, textures, last.values).requests if textures else [last]
    for request in repeated:
        manager.start(last._replace(sources=request.sources, name="" if textures else last.name))


def save_preset(manager: JobManager) -> str:
    """Save the options of the latest job as a preset; returns its name, empty without one."""
    if manager.last is None:
        manager.report("Presets keep the options of the last run. Run a tool first.", alert=True)
        return ""
    options = ParameterOptions("preset", _PRESET, {"name": ""})
    if not _confirmed(f"Matshot: Save Preset of {menu_title(manager.last.tool)}", options.object):
        return ""
    name = str(options.values["name"]).strip()
    try:
        MEMORY.save_preset(manager.last.tool, name, manager.last.values)
    except MatshotError as error:
        manager.report(error.sentence, alert=True)
        return ""
    return name


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
