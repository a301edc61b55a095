"""What shelf and panel call: every command that opens a window of Matshot's."""

import functools
import os
import traceback
from typing import Any, Callable, Dict, Optional, Sequence, TypeVar, cast

from matshot_host.errors import MatshotError
from matshot_host.jobs import Job
from matshot_host.memory import ToolMemory
from matshot_host.tools import tool

from . import dock, messages, network, preferences, results, scene, textures
from .fields import choose_folder
from .job_manager import JobManager
from .panel import JobPanel, PanelOwner
from .preferences_dialog import PreferencesDialog
from .qt import QtWidgets, isValid, main_window
from .tool_dialog import Request, ToolDialog

#: Maya calls this to fill the panel, also when it starts with the panel open.
_FILL_PANEL = "import matshot_maya.commands; matshot_maya.commands.fill_panel()"


#: Options of the last run of each tool.
_MEMORY = ToolMemory("maya")

_Command = TypeVar("_Command", bound=Callable[..., None])


def _reporting(command: _Command) -> _Command:
    """The command, with its errors shown in a dialog."""

    @functools.wraps(command)
    def run(*arguments: Any) -> None:
        try:
            command(*arguments)
        except MatshotError as error:
            messages.alert(error.sentence)
        except RuntimeError as error:
            # Raised by Maya's commands.
            traceback.print_exc()
            messages.alert("Maya reported an error: {}".format(str(error).strip()))

    return cast(_Command, run)


class Commands(PanelOwner):
    """The job manager of this Maya, and the windows that start jobs.

    Attributes:
        manager: of the jobs.
        windows: dialogs by name; one that was closed may be invalid.
    """

    def __init__(self) -> None:
        self.manager = JobManager()
        self.windows: Dict[str, QtWidgets.QDialog] = {}
        self.manager.tested.connect(self._show_findings)

    @_reporting
    def open_tool(self, name: str, selected: Optional[Sequence[textures.Texture]] = None) -> None:
        """Show the dialog of a tool.

        Args:
            name: of the tool.
            selected: textures to work on; None takes the selected file nodes.
        """
        chosen_tool, settings = tool(name), preferences.load()
        first = chosen_tool.inputs[0]
        found = scene.selected_files() if selected is None and first.kind == "asset" else list(selected or ())
        found = found if first.several else found[:1]
        members = scene.selected_members()
        values: Dict[str, Any] = {**_MEMORY.last(chosen_tool), "device": settings.device, "memory": settings.memory}
        if found and not first.several:
            values.update(kind=found[0].kind, normal=found[0].normal)
        dialog = ToolDialog(
            chosen_tool,
            lambda request: self._start(request, members, found),
            [texture.path for texture in found],
            values,
            network.available_shaders(),
            settings.shader,
            selection_summary(members, found),
            preferences.results_folder(settings),
            scene.selected_images,
            main_window(),
        )
        self._show(name, dialog)

    @_reporting
    def run_again(self, job: Job) -> None:
        """Show the dialog of a job with its inputs and parameters, for the objects that are selected now."""
        request = self.manager.requests.get(job.number)
        if request is None:
            raise MatshotError("{} was removed from the list.".format(job.title))
        self.open_tool(request.tool.name, [])
        dialog = self.windows[request.tool.name]
        if isinstance(dialog, ToolDialog):
            dialog.show_request(request)

    def _start(self, request: Request, members: Sequence[scene.Member], found: Sequence[textures.Texture]) -> Job:
        job = self.manager.start(request, members, found)
        # What a texture holds is no habit.
        texture = ("kind", "normal") if request.tool.has("kind") else ()
        values = {name: value for name, value in request.parameters.items() if name not in texture}
        _MEMORY.remember(request.tool, values)
        return job

    @_reporting
    def open_upscale_material(self) -> None:
        """Show the dialog that replaces the textures of the selection with larger ones."""
        found = scene.selected_textures()
        existing = [texture for texture in found if not textures.is_missing(texture.path)]
        missing = ", ".join(os.path.basename(texture.path) for texture in found if texture not in existing)
        if not existing:
            raise MatshotError("The files of the selected textures are missing: {}.".format(missing))
        if missing:
            messages.warn("Skipped textures whose files are missing: {}.".format(missing))
        self.open_tool("upscale", existing)

    @_reporting
    def load_material(self) -> None:
        """Build the network of a material folder that the artist chooses, and assign it to the selection."""
        for folder in choose_folder("Material"):
            with scene.undo_chunk("Matshot: Load Material"):
                notes = results.import_material(folder, preferences.load().shader, scene.selected_members())
            messages.inform(" ".join(["Loaded {}.".format(os.path.basename(folder)), *notes]))

    @_reporting
    def open_preferences(self) -> None:
        """Show the preferences."""
        dialog = PreferencesDialog(
            preferences.load(), preferences.save, self.manager.test, network.available_shaders(), main_window()
        )
        self._show("preferences", dialog)

    def _show(self, name: str, dialog: QtWidgets.QDialog) -> None:
        previous = self.windows.get(name)
        if previous is not None and isValid(previous):
            previous.close()
        self.windows[name] = dialog
        dialog.show()
        dialog.raise_()

    def _show_findings(self, job: Job) -> None:
        window = self.windows.get("preferences")
        if isinstance(window, PreferencesDialog) and isValid(window):
            window.show_findings(job.findings, job.error)


def selection_summary(members: Sequence[scene.Member], found: Sequence[textures.Texture]) -> str:
    """``1 texture``, ``2 objects``."""
    counts = ((len(found), "texture"), (len({member.node for member in members}), "object"))
    words = ["{} {}{}".format(count, word, "" if count == 1 else "s") for count, word in counts if count]
    return ", ".join(words) or "nothing selected"


_current: Optional[Commands] = None


def current() -> Commands:
    """The commands of this Maya, created on first use."""
    global _current
    if _current is None:
        _current = Commands()
    return _current


def close() -> None:
    """Stop the worker and remove the panel, so that a newer plug-in can take over."""
    if _current is not None:
        _current.manager.close()
    dock.remove()


def open_tool(name: str) -> None:
    """Open the dialog of a tool."""
    current().open_tool(name)


def open_upscale_material() -> None:
    """Open the dialog that upscales the textures of the selection."""
    current().open_upscale_material()


def load_material() -> None:
    """Load a material folder."""
    current().load_material()


def open_preferences() -> None:
    """Open the preferences."""
    current().open_preferences()


def open_panel() -> None:
    """Open the panel."""
    dock.show(_FILL_PANEL)


def fill_panel() -> None:
    """Put the list of jobs into the panel."""
    dock.fill(lambda: JobPanel(current()))
