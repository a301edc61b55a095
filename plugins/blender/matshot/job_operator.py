# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that run a job: start, progress, cancel, result."""

import logging
from typing import Any, NamedTuple

import bpy
from bpy.types import Context, Event, Header, Operator, Timer

from . import job_queue, review
from .matshot_host.errors import MatshotError
from .matshot_host.jobs import Job
from .preferences import preferences
from .results import ResultHandler, discard

#: Seconds between polls of the worker.
_POLL_INTERVAL = 0.05

_log = logging.getLogger("matshot")


class JobRequest(NamedTuple):
    """Inputs and parameters of a job, and what to do with its results.

    Attributes:
        inputs: of the tool, as ``Jobs.start`` takes them.
        parameters: of the tool.
        output: folder for the results; empty for the job's own folder.
        handler: of the results.
    """

    inputs: list[Any]
    parameters: dict[str, Any]
    output: str
    handler: ResultHandler


class JobOperator:
    """Base of operators that run a job.

    In the user interface they are modal and Blender stays responsive; in scripts and in the background they wait for
    the job.
    """

    _interactive = False
    _timer: Timer | None = None
    _job: Job | None = None
    _handler: ResultHandler | None = None
    _status = ""

    def run(self, context: Context, tool: str, title: str) -> set[str]:
        """Start the job of :meth:`request`.

        Returns:
            The value for ``execute`` to return.
        """
        jobs = job_queue.jobs()
        job = None
        try:
            job = jobs.new(tool, title)
            request = self.request(context, job)
        except MatshotError as error:
            if job is not None:
                jobs.forget(job)
            return self.fail(error)
        self._handler = request.handler
        jobs.start(job, request.inputs, request.parameters, request.output)
        return self.follow(context, job)

    def request(self, context: Context, job: Job) -> JobRequest:
        """The request for a job; images without a file are written to the job's folder.

        Raises:
            MatshotError: when an input is missing.
        """
        raise NotImplementedError

    def follow(self, context: Context, job: Job) -> set[str]:
        """Wait for a job, or poll it with a timer while Blender stays responsive."""
        self._job = job
        if not self._interactive or bpy.app.background:
            job_queue.jobs().wait(job)
            return self._finish(context, job)
        self._timer = context.window_manager.event_timer_add(_POLL_INTERVAL, window=context.window)
        context.window_manager.modal_handler_add(self)
        context.window_manager.progress_begin(0, 100)
        context.workspace.status_text_set(_draw_status)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        """Poll the job; called by Blender for each event."""
        jobs, job = job_queue.jobs(), self._job
        assert job is not None
        if event.type == "ESC" and event.value == "PRESS":
            jobs.cancel(job_queue.running() or job)
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        jobs.poll()
        if job.ended:
            return self._finish(context, job)
        if job.status != self._status:
            self._status = job.status
            context.window_manager.progress_update(100 * job.fraction)
            # Setting it again redraws the status bar.
            context.workspace.status_text_set(_draw_status)
        return {"PASS_THROUGH"}

    def cancel(self, context: Context) -> None:
        """Called by Blender when it opens another file or quits, and when a dialog is canceled."""
        if self._timer is not None and self._job is not None:
            self._remove_progress(context)
            job_queue.jobs().forget(self._job)

    def done(self, context: Context, job: Job) -> set[str]:
        """Handle the results of a job.

        Returns:
            The value for the operator to return.
        """
        assert self._handler is not None
        if self._interactive and preferences().ask:
            review.show(job, self._handler)
            return {"CANCELLED"}
        try:
            summary = self._handler.apply(context, job)
        except MatshotError as error:
            discard(job)
            return self.fail(error)
        finally:
            job_queue.jobs().forget(job)
        for sentence in job.notes:
            self.report({"INFO"}, sentence)
        for sentence in job.failures:
            self.report({"WARNING"}, sentence)
        self.report({"INFO"}, summary)
        return {"FINISHED"}

    def fail(self, error: MatshotError) -> set[str]:
        """Report an error.

        Returns:
            The value for the operator to return.
        """
        if error.cause:
            _log.error("%s\n%s", error.sentence, error.cause)
        self.report({"ERROR"}, error.sentence)
        return {"CANCELLED"}

    def _finish(self, context: Context, job: Job) -> set[str]:
        self._remove_progress(context)
        if job.state == "done":
            return self.done(context, job)
        job_queue.jobs().forget(job)
        if job.state == "failed":
            return self.fail(MatshotError(job.error, job.cause))
        self.report({"INFO"}, f"Cancelled {job.title}.")
        return {"CANCELLED"}

    def _remove_progress(self, context: Context) -> None:
        """Remove timer, progress and status bar text."""
        if self._timer is None:
            return
        context.window_manager.event_timer_remove(self._timer)
        self._timer = None
        context.window_manager.progress_end()
        context.workspace.status_text_set(None)


class MATSHOT_OT_cancel(Operator):
    """Cancel the running job"""

    bl_idname = "matshot.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether a job is running."""
        cls.poll_message_set("No job is running")
        return job_queue.running() is not None

    def execute(self, context: Context) -> set[str]:
        """Cancel the running job."""
        job = job_queue.running()
        if job is not None:
            job_queue.jobs().cancel(job)
        return {"FINISHED"}


def _draw_status(header: Header, context: Context) -> None:
    """Draw the status bar while a job runs."""
    row = header.layout.row()
    job = job_queue.running()
    if job is None:
        row.label(text="Matshot")
        return
    row.label(text=job.title, icon="TEXTURE")
    bar = row.row()
    bar.ui_units_x = 14
    bar.progress(factor=job.fraction, text=f"{100 * job.fraction:.0f}%  {job.stage}")
    row.label(text="Cancelling..." if job.cancelling else "Cancel", icon="EVENT_ESC")
    if job_queue.waiting():
        row.label(text=f"{job_queue.waiting()} Waiting")


def register() -> None:
    """Register the classes."""
    bpy.utils.register_class(MATSHOT_OT_cancel)


def unregister() -> None:
    """Unregister the classes."""
    bpy.utils.unregister_class(MATSHOT_OT_cancel)
