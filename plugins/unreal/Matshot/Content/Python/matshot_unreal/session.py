"""Matshot in a running editor: everything put together once, and what the menus call."""

from __future__ import annotations

import platform
from typing import Any

import unreal

from matshot_host.errors import MatshotError
from matshot_host.jobs import Jobs
from matshot_host.location import WorkerCommand, worker_command
from matshot_host.tools import tool

from . import dialogs, menus, messages, preferences, widget
from .controller import Controller
from .editor import UnrealEditor, selected_textures
from .notifications import Notifications
from .ticking import Ticking


class Session:
    """All of Matshot in one editor."""

    def __init__(self) -> None:
        self.preferences = preferences.Preferences()
        version = unreal.SystemLibrary.get_engine_version().partition("-")[0]
        self.jobs = Jobs(f"Unreal {version}, Python {platform.python_version()}", self._command)
        editor = UnrealEditor(lambda: self.preferences.displacement)
        self.controller = Controller(self.jobs, editor, lambda: self.preferences)
        self.panel = widget.Panel(self.controller, self.set_up)
        self.notifications = Notifications(self.controller, lambda: not self.panel.open)
        self.controller.attach(self.notifications)
        self._ticking = Ticking(self._tick)
        self._shutdown: Any = unreal.register_python_shutdown_callback(stop)
        try:
            self.preferences = preferences.read()
        except MatshotError as error:
            self.controller.say(error.sentence)

    def open_panel(self) -> None:
        """Open the tab; if it cannot be opened, say what to use instead."""
        try:
            self.panel.show()
        except Exception as error:
            # Whatever Unreal raises here, menus and dialogs still do everything.
            messages.log(f"the panel cannot be opened: {error}")
            messages.alert(
                f"The panel cannot be opened here: {error} Everything is in Tools > Matshot and in the context menu of "
                "textures, and progress shows in the corner of the editor."
            )

    def set_up(self) -> None:
        """Let the artist edit the preferences."""
        changed = dialogs.edited(self.preferences)
        if changed == self.preferences:
            return
        self.preferences = changed
        try:
            preferences.write(changed)
        except MatshotError as error:
            self.controller.say(error.sentence, alert=True)

    def close(self) -> None:
        """End the worker, and call nothing any more."""
        self._ticking.stop()
        self.panel.release()
        self.controller.close()
        if self._shutdown is not None:
            unreal.unregister_python_shutdown_callback(self._shutdown)
            self._shutdown = None

    def _tick(self) -> None:
        self.panel.follow()
        self.controller.poll()
        self.notifications.poll()

    def _command(self) -> WorkerCommand:
        return worker_command(self.preferences.python)


#: One for each editor.
_sessions: list[Session] = []


def start() -> None:
    """Put Matshot into the editor; called once the project's assets are known."""
    if not _sessions:
        _sessions.append(Session())
        menus.register()
        _sessions[0].panel.adopt()


def stop() -> None:
    """End Matshot; called when the editor closes."""
    while _sessions:
        _sessions.pop().close()


def run_tool(name: str) -> None:
    """Ask for the options of a tool and run it on what is selected."""
    session = _session()
    dialogs.run_tool(session.controller, tool(name), selected_textures())


def open_panel() -> None:
    """Open the panel."""
    _session().open_panel()


def cancel() -> None:
    """End the job that runs."""
    if not _session().controller.cancel():
        messages.alert("No job runs.")


def test() -> None:
    """Look at what the worker stands on."""
    _session().controller.test()


def set_up() -> None:
    """Edit the preferences."""
    _session().set_up()


def _session() -> Session:
    start()
    return _sessions[0]
