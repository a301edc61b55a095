"""Progress in the corner of the editor, with a button to cancel; for when the panel is not open."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import unreal

from matshot_host.jobs import Job

from .controller import CANCEL, Controller


@unreal.uclass()
class MatshotTask(unreal.EditorUtilityTask):  # type: ignore[misc]  # Unreal's classes have no types
    """What Unreal shows a notification of."""

    @unreal.ufunction(override=True)
    def get_task_title_override(self):  # type: ignore[no-untyped-def]  # Unreal reads the types of its own function
        """Heading of the notification."""
        return "Matshot"


class Notifications:
    """A view that shows the job that runs.

    Args:
        controller: whose jobs it shows.
        wanted: whether anything is to be shown; not while the panel does.
    """

    def __init__(self, controller: Controller, wanted: Callable[[], bool]) -> None:
        self._controller, self._wanted = controller, wanted
        self._task: Any = None
        self._number = 0
        self._told = ""
        self._working = True

    def refresh(self) -> None:
        """Show the job that runs, or nothing."""
        running = [row for row in self._controller.rows() if row.action == CANCEL]
        row = running[-1] if running else None
        if self._task is not None and (row is None or row.number != self._number):
            self._task.finish_executing_task()
            self._task = None
        if row is None or not self._working or not self._wanted():
            return
        try:
            if self._task is None:
                self._task = unreal.new_object(MatshotTask)
                self._number = row.number
                unreal.get_editor_subsystem(unreal.EditorUtilitySubsystem).register_and_execute_task(self._task)
            told = f"{row.title}: {row.told}"
            if told != self._told:
                self._told = told
                self._task.set_task_notification_text(told)
        except Exception as error:
            # Progress is a comfort; the job goes on without.
            self._working, self._task = False, None
            unreal.log_warning(f"Matshot: progress cannot be shown: {error}")

    def poll(self) -> None:
        """Follow the notification's button; to be called in every frame."""
        if self._task is not None and self._task.was_cancel_requested():
            self._controller.act(self._number)

    def finished(self, job: Job, assets: Sequence[str]) -> None:
        """Show the new assets in the Content Browser, which nothing else does without a panel."""
        if assets and self._wanted():
            unreal.EditorAssetLibrary.sync_browser_to_objects(list(assets))
