"""Progress in the corner of the editor, with a Cancel button, while the panel is closed."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import unreal

from matshot_host.jobs import Job

from .job_manager import CANCEL, JobManager


@unreal.uclass()
class MatshotTask(unreal.EditorUtilityTask):  # type: ignore[misc]  # Unreal's classes have no types
    """A task for which Unreal shows a notification."""

    @unreal.ufunction(override=True)
    def get_task_title_override(self):  # type: ignore[no-untyped-def]  # Unreal knows the types of its own function
        """Heading of the notification."""
        return "Matshot"


class Notifications:
    """A view of the running job.

    Args:
        manager: of the jobs.
        enabled: returns whether to show anything; false while the panel is open.
    """

    def __init__(self, manager: JobManager, enabled: Callable[[], bool]) -> None:
        self._manager, self._enabled = manager, enabled
        self._task: Any = None
        self._number = 0
        self._text = ""
        self._supported = True

    def refresh(self) -> None:
        """Show the running job, if any."""
        running = [row for row in self._manager.rows() if row.action == CANCEL]
        row = running[-1] if running else None
        if self._task is not None and (row is None or row.number != self._number):
            self._task.finish_executing_task()
            self._task = None
        if row is None or not self._supported or not self._enabled():
            return
        try:
            if self._task is None:
                self._task = unreal.new_object(MatshotTask)
                self._number = row.number
                unreal.get_editor_subsystem(unreal.EditorUtilitySubsystem).register_and_execute_task(self._task)
            text = f"{row.title}: {row.status}"
            if text != self._text:
                self._text = text
                self._task.set_task_notification_text(text)
        except Exception as error:
            # The job continues without a notification.
            self._supported, self._task = False, None
            unreal.log_warning(f"Matshot: Cannot show progress: {error}")

    def poll(self) -> None:
        """Handle the Cancel button; call in every frame."""
        if self._task is not None and self._task.was_cancel_requested():
            self._manager.act(self._number)

    def finished(self, job: Job, assets: Sequence[str]) -> None:
        """Show the new assets in the Content Browser; without the panel, nothing else does."""
        if assets and self._enabled():
            unreal.EditorAssetLibrary.sync_browser_to_objects(list(assets))
