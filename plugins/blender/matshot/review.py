# SPDX-License-Identifier: GPL-3.0-or-later
"""Results that wait for the artist's word: shown with Apply and Discard."""

from typing import Any, ClassVar

import bpy
import bpy.utils.previews
from bpy.props import IntProperty
from bpy.types import Context, Event, Operator

from . import session
from .matshot_host.errors import MatshotError
from .matshot_host.jobs import Job
from .outcomes import Outcome, discard

#: What becomes of the results of jobs that were not decided about yet, by their numbers.
_proposed: dict[int, tuple[Job, Outcome]] = {}
_pictures: Any = None


def propose(job: Job, outcome: Outcome) -> None:
    """Show a finished job, and ask."""
    _proposed[job.number] = (job, outcome)
    if job.preview:
        _pictures.load(str(job.number), job.preview, "IMAGE")
    bpy.ops.matshot.review("INVOKE_DEFAULT", number=job.number)


class MATSHOT_OT_review(Operator):
    """Look at what a job made"""

    bl_idname = "matshot.review"
    bl_label = "Result"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    number: IntProperty(options={"HIDDEN"})

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Called by Blender."""
        return context.window_manager.invoke_props_dialog(self, width=400, title=_proposed[self.number][0].title)

    def draw(self, context: Context) -> None:
        """Called by Blender; once more while the dialog closes."""
        if self.number not in _proposed:
            return
        job = _proposed[self.number][0]
        column = self.layout.column()
        if str(self.number) in _pictures:
            column.template_icon(_pictures[str(self.number)].icon_id, scale=18)
        for result in job.results[:4]:
            column.label(text=f"{result.kind.capitalize()}, {result.width} x {result.height}", icon="CHECKMARK")
        for sentence in job.notes + job.failures:
            column.label(text=sentence, icon="INFO")
        confirm = self.layout.template_popup_confirm("matshot.apply", text="Apply", cancel_text="Discard")
        confirm.number = self.number

    def execute(self, context: Context) -> set[str]:
        """Called by Blender where it shows no dialog."""
        return bpy.ops.matshot.apply(number=self.number)

    def cancel(self, context: Context) -> None:
        """Called by Blender for Discard and Esc."""
        if self.number in _proposed:
            job, _ = _take(self.number)
            discard(job)
            session.jobs().forget(job)


class MATSHOT_OT_apply(Operator):
    """Take what the job made into the scene"""

    bl_idname = "matshot.apply"
    bl_label = "Apply"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    number: IntProperty(options={"HIDDEN"})

    def execute(self, context: Context) -> set[str]:
        """Called by Blender."""
        if self.number not in _proposed:
            return {"CANCELLED"}
        job, outcome = _take(self.number)
        try:
            told = outcome.apply(context, job)
        except MatshotError as error:
            discard(job)
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        finally:
            session.jobs().forget(job)
        self.report({"INFO"}, told)
        return {"FINISHED"}


def _take(number: int) -> tuple[Job, Outcome]:
    """Take a job off those that wait."""
    if str(number) in _pictures:
        del _pictures[str(number)]
    return _proposed.pop(number)


_CLASSES = (MATSHOT_OT_review, MATSHOT_OT_apply)


def register() -> None:
    """Called by the package."""
    global _pictures
    _pictures = bpy.utils.previews.new()
    for operator in _CLASSES:
        bpy.utils.register_class(operator)


def unregister() -> None:
    """Called by the package."""
    for operator in reversed(_CLASSES):
        bpy.utils.unregister_class(operator)
    bpy.utils.previews.remove(_pictures)
    _proposed.clear()
