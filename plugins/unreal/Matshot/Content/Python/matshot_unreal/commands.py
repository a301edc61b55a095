"""What menus call, and the plug-in that they call it on."""

from __future__ import annotations

import platform
from typing import Any

import unreal

from matshot_host.errors import MatshotError
from matshot_host.jobs import Jobs
from matshot_host.location import WorkerCommand, worker_command
from matshot_host.tools import tool

from . import dialogs, menus, messages, panel, preferences
from .editor import UnrealEditor, selected_textures
from .job_manager import JobManager
from .status_bar import StatusBar
from .ticker import Ticker


class Plugin:
    """Matshot in one editor: preferences, jobs, panel and status bar."""

    def __init__(self) -> None:
        self.preferences = preferences.Preferences()
        version = unreal.SystemLibrary.get_engine_version().partition("-")[0]
        self.jobs = Jobs(f"Unreal {version}, Python {platform.python_version()}", self._command)
        editor = UnrealEditor(lambda: self.preferences)
        self.manager = JobManager(self.jobs, editor, lambda: self.preferences)
        self.panel = panel.Panel(self.manager, self.edit_preferences)
        self.status_bar = StatusBar(self.manager, lambda: not self.panel.open)
        self.manager.attach(self.status_bar)
        self._ticker = Ticker(self._tick)
        self._shutdown: Any = unreal.register_python_shutdown_callback(stop)
        try:
            self.preferences = preferences.read()
        except MatshotError as error:
            self.manager.report(error.sentence)

    def open_panel(self) -> None:
        """Open the panel, or report what to use instead."""
        try:
            self.panel.show()
        except Exception as error:
            # Whatever Unreal raises here, menus and dialogs still work.
            messages.log(f"Cannot open the panel: {error}")
            messages.alert(
                f"Cannot open the panel: {error} Use Tools > Matshot or the context menu of textures instead. "
                "Progress is shown in the status bar."
            )

    def edit_preferences(self) -> None:
        """Show the preferences, and store what changed."""
        changed = dialogs.edited_preferences(self.preferences)
        if changed == self.preferences:
            return
        self.preferences = changed
        try:
            preferences.write(changed)
        except MatshotError as error:
            self.manager.report(error.sentence, alert=True)

    def close(self) -> None:
        """Stop the worker and all callbacks."""
        self._ticker.stop()
        self.panel.release()
        self.status_bar.remove()
        self.manager.close()
        if self._shutdown is not None:
            unreal.unregister_python_shutdown_callback(self._shutdown)
            self._shutdown = None

    def _tick(self) -> None:
        self.panel.follow()
        self.manager.poll()
        self.status_bar.poll()

    def _command(self) -> WorkerCommand:
        return worker_command(self.preferences.python)


#: The plug-in of this editor, once it has started.
_plugins: list[Plugin] = []


def start() -> None:
    """Start Matshot; called once the project's assets are loaded."""
    if not _plugins:
        _plugins.append(Plugin())
        menus.register()
        _plugins[0].panel.adopt()


def stop() -> None:
    """Stop Matshot; called when the editor closes."""
    while _plugins:
        _plugins.pop().close()


def run_tool(name: str) -> None:
    """Show the options of a tool and run it on the selected textures."""
    plugin = _plugin()
    dialogs.run_tool(plugin.manager, tool(name), selected_textures())


def run_again() -> None:
    """Run the latest tool with the same options."""
    dialogs.run_again(_plugin().manager, selected_textures())


def save_preset() -> None:
    """Save the options of the latest job as a preset, and show it in the menu."""
    if dialogs.save_preset(_plugin().manager):
        menus.register()


def run_preset(name: str, preset: str) -> None:
    """Show the options of a preset."""
    plugin, chosen = _plugin(), tool(name)
    try:
        values = dialogs.MEMORY.preset(chosen, preset)
    except MatshotError as error:
        plugin.manager.report(error.sentence, alert=True)
        return
    dialogs.run_tool(plugin.manager, chosen, selected_textures(), values)


def open_panel() -> None:
    """Open the panel."""
    _plugin().open_panel()


def open_status() -> None:
    """Show the messages of the status bar; without any, open the panel."""
    notices = _plugin().manager.take_notices()
    if notices:
        messages.alert("\n".join(notices))
    else:
        open_panel()


def cancel() -> None:
    """Cancel the running job."""
    if not _plugin().manager.cancel():
        messages.alert("No job is running.")


def test() -> None:
    """Test the worker."""
    _plugin().manager.test()


def edit_preferences() -> None:
    """Edit the preferences."""
    _plugin().edit_preferences()


def _plugin() -> Plugin:
    start()
    return _plugins[0]
