# SPDX-License-Identifier: GPL-3.0-or-later
"""Review of results: a dialog with Apply and Discard."""

from typing import Any, ClassVar

import bpy
import bpy.utils.previews
from bpy.props import IntProperty
from bpy.types import Context, Event, Operator

from . import job_queue
from .matshot_host.errors import MatshotError
from .matshot_host.jobs import Job
from .results import ResultHandler, discard

#: Jobs under review and the handlers of their results, by job number.
_pending: dict[int, tuple[Job, ResultHandler]] = {}
#: Previews of these jobs.
_previews: Any = None


def show(job: Job, handler: ResultHandler) -> None:
    """Open the review of a finished job."""
    _pending[job.number] = (job, handler)
    if job.preview:
        _previews.load(str(job.number), job.preview, "IMAGE")
    bpy.ops.matshot.review("INVOKE_DEFAULT", number=job.number)


class MATSHOT_OT_review(Operator):
    """Review the results of a job"""

    bl_idname = "matshot.review"
    bl_label = "Review Result"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    number: IntProperty(options={"HIDDEN"})

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Open the dialog."""
        return context.window_manager.invoke_props_dialog(self, width=400, title=_pending[self.number][0].title)

    def draw(self, context: Context) -> None:
        """Draw the dialog; called by Blender once more while it closes."""
        if self.number not in _pending:
            return
        job = _pending[self.number][0]
        column = self.layout.column()
        if str(self.number) in _previews:
            column.template_icon(_previews[str(self.number)].icon_id, scale=18)
        for result in job.results[:4]:
            column.label(text=f"{result.kind.capitalize()}, {result.width} x {result.height}", icon="CHECKMARK")
        for sentence in job.notes + job.failures:
            column.label(text=sentence, icon="INFO")
        confirm = self.layout.template_popup_confirm("matshot.apply", text="Apply", cancel_text="Discard")
        confirm.number = self.number

    def execute(self, context: Context) -> set[str]:
        """Apply the results; called by Blender if it shows no dialog."""
        return bpy.ops.matshot.apply(number=self.number)

    def cancel(self, context: Context) -> None:
        """Discard the results; called by Blender for Discard and Esc."""
        if self.number in _pending:
            job, _ = _take(self.number)
            discard(job)
            job_queue.jobs().forget(job)


class MATSHOT_OT_apply(Operator):
    """Apply the results of the job to the scene"""

    bl_idname = "matshot.apply"
    bl_label = "Apply"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    number: IntProperty(options={"HIDDEN"})

    def execute(self, context: Context) -> set[str]:
        """Apply the results."""
        if self.number not in _pending:
            return {"CANCELLED"}
        job, handler = _take(self.number)
        try:
            summary = handler.apply(context, job)
        except MatshotError as error:
            discard(job)
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        finally:
            job_queue.jobs().forget(job)
        self.report({"INFO"}, summary)
        return {"FINISHED"}


def _take(number: int) -> tuple[Job, ResultHandler]:
    """Remove a job from those under review."""
    if str(number) in _previews:
        del _previews[str(number)]
    return _pending.pop(number)


_CLASSES = (MATSHOT_OT_review, MATSHOT_OT_apply)


def register() -> None:
    """Register the classes."""
    global _previews
    _previews = bpy.utils.previews.new()
    for operator in _CLASSES:
        bpy.utils.register_class(operator)


def unregister() -> None:
    """Unregister the classes."""
    for operator in reversed(_CLASSES):
        bpy.utils.unregister_class(operator)
    bpy.utils.previews.remove(_previews)
    _pending.clear()
