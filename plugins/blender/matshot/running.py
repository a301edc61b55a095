# SPDX-License-Identifier: GPL-3.0-or-later
"""A job from its start to its end, as an operator of Blender follows it."""

import logging
from typing import Any, NamedTuple

import bpy
from bpy.types import Context, Event, Header, Operator, Timer

from . import review, session
from .matshot_host.errors import MatshotError
from .matshot_host.jobs import Job
from .outcomes import Outcome, discard
from .preferences import preferences

#: Seconds between looks at the worker.
_PACE = 0.05

_log = logging.getLogger("matshot")


class Order(NamedTuple):
    """What a job is started with, and what becomes of its results.

    Attributes:
        inputs: of the tool, as ``Jobs.start`` takes them.
        parameters: of the tool.
        output: folder for the results, empty for the job's own.
        outcome: what is done with them.
    """

    inputs: list[Any]
    parameters: dict[str, Any]
    output: str
    outcome: Outcome


class Follows:
    """Base of operators that run a job.

    From the interface they are modal and Blender stays free; from a script, and in the background, they wait for the
    job, as scripts expect.
    """

    _interactive = False
    _timer: Timer | None = None
    _job: Job | None = None
    _outcome: Outcome | None = None
    _told = ""

    def run(self, context: Context, tool: str, title: str) -> set[str]:
        """Start a job whose order :meth:`order` gives; what ``execute`` returns."""
        jobs = session.jobs()
        job = None
        try:
            job = jobs.new(tool, title)
            order = self.order(context, job)
        except MatshotError as error:
            if job is not None:
                jobs.forget(job)
            return self.fail(error)
        self._outcome = order.outcome
        jobs.start(job, order.inputs, order.parameters, order.output)
        return self.follow(context, job)

    def order(self, context: Context, job: Job) -> Order:
        """What the job works on, with files in its folder for what has none.

        Raises:
            MatshotError: when something is missing.
        """
        raise NotImplementedError

    def follow(self, context: Context, job: Job) -> set[str]:
        """Wait for a job that was started, or let Blender go on and look at it from time to time."""
        self._job = job
        if not self._interactive or bpy.app.background:
            session.jobs().wait(job)
            return self._ended(context, job)
        self._timer = context.window_manager.event_timer_add(_PACE, window=context.window)
        context.window_manager.modal_handler_add(self)
        context.window_manager.progress_begin(0, 100)
        context.workspace.status_text_set(_draw_status)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        """Called by Blender for each event."""
        jobs, job = session.jobs(), self._job
        assert job is not None
        if event.type == "ESC" and event.value == "PRESS":
            jobs.cancel(session.running() or job)
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        jobs.poll()
        if job.ended:
            return self._ended(context, job)
        if job.status != self._told:
            self._told = job.status
            context.window_manager.progress_update(100 * job.fraction)
            # Told anew, because that draws the status bar anew.
            context.workspace.status_text_set(_draw_status)
        return {"PASS_THROUGH"}

    def cancel(self, context: Context) -> None:
        """Called by Blender when it opens another file or quits, and when a dialog is left."""
        if self._timer is not None and self._job is not None:
            self._stop(context)
            session.jobs().forget(self._job)

    def done(self, context: Context, job: Job) -> set[str]:
        """Take in what a job made; what the operator returns."""
        assert self._outcome is not None
        if self._interactive and preferences().ask:
            review.propose(job, self._outcome)
            return {"CANCELLED"}
        try:
            told = self._outcome.apply(context, job)
        except MatshotError as error:
            discard(job)
            return self.fail(error)
        finally:
            session.jobs().forget(job)
        for sentence in job.notes:
            self.report({"INFO"}, sentence)
        for sentence in job.failures:
            self.report({"WARNING"}, sentence)
        self.report({"INFO"}, told)
        return {"FINISHED"}

    def fail(self, error: MatshotError) -> set[str]:
        """Say what went wrong; what the operator returns."""
        if error.cause:
            _log.error("%s\n%s", error.sentence, error.cause)
        self.report({"ERROR"}, error.sentence)
        return {"CANCELLED"}

    def _ended(self, context: Context, job: Job) -> set[str]:
        self._stop(context)
        if job.state == "done":
            return self.done(context, job)
        session.jobs().forget(job)
        if job.state == "failed":
            return self.fail(MatshotError(job.error, job.cause))
        self.report({"INFO"}, f"{job.title}: cancelled.")
        return {"CANCELLED"}

    def _stop(self, context: Context) -> None:
        """Take everything back that showed the job."""
        if self._timer is None:
            return
        context.window_manager.event_timer_remove(self._timer)
        self._timer = None
        context.window_manager.progress_end()
        context.workspace.status_text_set(None)


class MATSHOT_OT_cancel(Operator):
    """End the running job"""

    bl_idname = "matshot.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether there is something to cancel."""
        cls.poll_message_set("Nothing is running")
        return session.running() is not None

    def execute(self, context: Context) -> set[str]:
        """Called by Blender."""
        job = session.running()
        if job is not None:
            session.jobs().cancel(job)
        return {"FINISHED"}


def _draw_status(header: Header, context: Context) -> None:
    """Draw Blender's status bar while a job runs."""
    row = header.layout.row()
    job = session.running()
    if job is None:
        row.label(text="Matshot")
        return
    row.label(text=job.title, icon="TEXTURE")
    bar = row.row()
    bar.ui_units_x = 14
    bar.progress(factor=job.fraction, text=f"{100 * job.fraction:.0f} %  {job.stage}")
    row.label(text="Cancelling" if job.cancelling else "Cancel", icon="EVENT_ESC")
    if session.waiting():
        row.label(text=f"{session.waiting()} more waiting")


def register() -> None:
    """Called by the package."""
    bpy.utils.register_class(MATSHOT_OT_cancel)


def unregister() -> None:
    """Called by the package."""
    bpy.utils.unregister_class(MATSHOT_OT_cancel)
