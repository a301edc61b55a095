# SPDX-License-Identifier: GPL-3.0-or-later
"""Results on their way into the .blend file, after a review with Apply and Discard if the preferences ask for one."""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import bpy
from bpy.props import IntProperty
from bpy.types import Context, Event, Operator

from . import history, job_queue
from .matshot_host.errors import MatshotError
from .matshot_host.jobs import Job
from .results import Outcome, ResultHandler, discard


class _Pending(NamedTuple):
    """Results that are not applied yet.

    Attributes:
        job: whose results they are.
        handler: of the results.
        before: image file to compare them with; empty for none.
        then: called when they are applied; None for nothing.
    """

    job: Job
    handler: ResultHandler
    before: str
    then: Callable[[Outcome], None] | None


#: By job number.
_pending: dict[int, _Pending] = {}


def prepare(job: Job, handler: ResultHandler, before: str, then: Callable[[Outcome], None] | None = None) -> None:
    """Note what becomes of the results of a job that starts now.

    Args:
        job: that starts.
        handler: of its results.
        before: image file to compare them with; empty for none.
        then: called when they are applied. It must not hold data-blocks, which undo replaces.
    """
    _pending[job.number] = _Pending(job, handler, before, then)


def apply(context: Context, job: Job) -> str:
    """Apply the results of a job.

    Returns:
        A summary for the artist.

    Raises:
        MatshotError: when they cannot be applied.
    """
    pending = _pending.pop(job.number)
    outcome = pending.handler.apply(context, job)
    list_created(context, outcome.created)
    entry = history.entry_of(job.number)
    if entry is not None:
        history.picture(job)
        entry.summary, entry.created = outcome.summary, list(outcome.created)
    if pending.then is not None:
        pending.then(outcome)
    history.redraw()
    return outcome.summary


def list_created(context: Context, created: Sequence[tuple[str, str]]) -> None:
    """List for scripts what an operator made.

    Args:
        context: of the window manager that has the list.
        created: collection in ``bpy.data`` and name of each new data-block.
    """
    listed = context.window_manager.matshot_created
    listed.clear()
    for kind, name in created:
        one = listed.add()
        one.name, one.kind = name, kind


def show(job: Job) -> None:
    """Open the review of a finished job."""
    bpy.ops.matshot.review("INVOKE_DEFAULT", number=job.number)


class MATSHOT_OT_review(Operator):
    """Review the results of a job"""

    bl_idname = "matshot.review"
    bl_label = "Review Result"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    number: IntProperty(options={"HIDDEN"})

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Open the dialog."""
        return context.window_manager.invoke_props_dialog(self, width=480, title=_pending[self.number].job.title)

    def draw(self, context: Context) -> None:
        """Draw the dialog; called by Blender once more while it closes."""
        if self.number not in _pending:
            return
        pending = _pending[self.number]
        job = pending.job
        column = self.layout.column()
        pictures = column.row()
        shown = (("Before", history.picture_of(pending.before, pending.before)), ("After", history.picture(job)))
        for label, icon in shown:
            if icon:
                one = pictures.column()
                one.label(text=label)
                one.template_icon(icon, scale=11)
        for result in job.results[:4]:
            column.label(text=f"{result.kind.capitalize()}, {result.width} x {result.height} px", icon="CHECKMARK")
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
            job = _pending.pop(self.number).job
            discard(job)
            entry = history.entry_of(job.number)
            if entry is not None:
                entry.summary = "Discarded"
            job_queue.jobs().forget(job)


class MATSHOT_OT_apply(Operator):
    """Apply the results of the job to the scene"""

    bl_idname = "matshot.apply"
    bl_label = "Apply Result"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    number: IntProperty(options={"HIDDEN"})

    def execute(self, context: Context) -> set[str]:
        """Apply the results."""
        if self.number not in _pending:
            return {"CANCELLED"}
        job = _pending[self.number].job
        try:
            summary = apply(context, job)
        except MatshotError as error:
            discard(job)
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        finally:
            job_queue.jobs().forget(job)
        self.report({"INFO"}, summary)
        return {"FINISHED"}


class MATSHOT_PG_created(bpy.types.PropertyGroup):
    """A data-block that the last operator made; its name is the property ``name``."""

    kind: bpy.props.StringProperty(name="Kind", description="Its collection in bpy.data, such as images")


_CLASSES = (MATSHOT_PG_created, MATSHOT_OT_review, MATSHOT_OT_apply)


def register() -> None:
    """Register the classes."""
    for one in _CLASSES:
        bpy.utils.register_class(one)
    bpy.types.WindowManager.matshot_created = bpy.props.CollectionProperty(
        type=MATSHOT_PG_created,
        name="Created",
        description="What the last operator of Matshot made",
        options={"HIDDEN"},
    )


def unregister() -> None:
    """Unregister the classes."""
    del bpy.types.WindowManager.matshot_created
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
    _pending.clear()
