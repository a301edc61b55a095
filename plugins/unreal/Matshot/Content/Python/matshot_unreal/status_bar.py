"""Progress and messages in the editor's status bar.

An ``EditorUtilityTask`` would show a notification, but it makes the editor unattended: until the task ends, every
dialog is answered or closed without being shown. Modal dialogs from callbacks of Slate would block the editor.
"""

from __future__ import annotations

import time
from typing import Callable, Sequence

import unreal

from matshot_host.jobs import Job

from .job_manager import CANCEL, JobManager

MENU = "LevelEditor.StatusBar.ToolBar"
#: Of section and entry.
NAME = "Matshot"

_COMMAND = "import matshot_unreal.commands; matshot_unreal.commands.open_status()"
#: Seconds between updates of the progress, each of which rebuilds the status bar.
_UPDATE_INTERVAL = 0.5
#: Characters of a label.
_LONGEST = 80


class StatusBar:
    """A view of the running job and of messages that were not read yet.

    Args:
        manager: of the jobs.
        shows_progress: returns whether to show progress; false while the panel is open.
    """

    def __init__(self, manager: JobManager, shows_progress: Callable[[], bool]) -> None:
        self._manager, self._shows_progress = manager, shows_progress
        self._changed = False
        self._label = ""
        self._next_update = 0.0
        self._supported = True

    def refresh(self) -> None:
        """Show the current state with the next frame."""
        self._changed = True

    def poll(self) -> None:
        """Update the status bar; call in every frame."""
        if not self._changed or not self._supported:
            return
        label = self._current_label()
        if label and self._label and time.monotonic() < self._next_update:
            return
        self._changed = False
        if label == self._label:
            return
        self._next_update = time.monotonic() + _UPDATE_INTERVAL
        try:
            self._show(label)
        except Exception as error:
            # Jobs continue without progress in the status bar, and messages are in the Output Log.
            self._supported = False
            unreal.log_warning(f"Matshot: Cannot show progress: {error}")

    def finished(self, job: Job, assets: Sequence[str]) -> None:
        """Show the new assets in the Content Browser; without the panel, nothing else does."""
        if assets and self._shows_progress():
            unreal.EditorAssetLibrary.sync_browser_to_objects(list(assets))

    def remove(self) -> None:
        """Remove the entry."""
        if self._label and self._supported:
            self._show("")

    def _current_label(self) -> str:
        if self._manager.notices:
            text = self._manager.notices[0].splitlines()[0]
        else:
            active = [row for row in self._manager.rows() if row.action == CANCEL]
            text = f"{active[-1].title}: {active[-1].status}" if active and self._shows_progress() else ""
        label = f"{NAME}: {text}" if text else ""
        return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 3]}..."

    def _show(self, label: str) -> None:
        menus = unreal.ToolMenus.get()
        if self._label:
            menus.remove_entry(MENU, NAME, NAME)
        if label:
            bar = menus.extend_menu(MENU)
            bar.add_section(NAME)
            entry = unreal.ToolMenuEntry(name=NAME, type=unreal.MultiBlockType.TOOL_BAR_BUTTON)
            entry.set_label(label)
            entry.set_tool_tip("Read the message, or open the panel.")
            entry.set_string_command(unreal.ToolMenuStringCommandType.PYTHON, "", _COMMAND)
            bar.add_menu_entry(NAME, entry)
        self._label = label
        menus.refresh_menu_widget(MENU)
