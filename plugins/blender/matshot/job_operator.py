# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that run a job: start, progress, cancel, result, and again."""

import logging
from functools import partial
from typing import Any, NamedTuple

import bpy
from bpy.props import IntProperty
from bpy.types import Context, Event, Operator, Timer

from . import history, job_queue, review
from .history import Entry
from .matshot_host.errors import MatshotError
from .matshot_host.jobs import Job
from .preferences import preferences
from .results import FullSize, Outcome, ResultHandler, discard

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
        before: image file that the result is compared with in its review; empty for none.
        draft: parameters of a draft that is shown first; None for none.
    """

    inputs: list[Any]
    parameters: dict[str, Any]
    output: str
    handler: ResultHandler
    before: str = ""
    draft: dict[str, Any] | None = None


class _FullJob(NamedTuple):
    """A job in full size that follows its draft: what :meth:`Jobs.start` and the history need."""

    tool: str
    title: str
    request: JobRequest
    operator: str
    keywords: dict[str, Any]


class JobOperator:
    """Base of operators that run a job.

    In the user interface they are modal and Blender stays responsive; in scripts and in the background they wait for
    the job.
    """

    _interactive = False
    _timer: Timer | None = None
    _job: Job | None = None
    _entry: Entry | None = None
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
        keywords = self.keywords()
        self._entry = history.add(job, self.bl_idname_py(), keywords)
        if request.draft is None:
            review.prepare(job, request.handler, request.before)
            jobs.start(job, request.inputs, request.parameters, request.output)
        else:
            full = _FullJob(tool, f"{title} in Full Size", request, self.bl_idname_py(), keywords)
            review.prepare(job, request.handler, request.before, partial(_start_full, full))
            jobs.start(job, request.inputs, request.draft)
        return self.follow(context, job)

    def bl_idname_py(self) -> str:
        """Identifier of the operator as scripts write it: ``matshot.upscale``."""
        return self.bl_idname.lower().replace("_ot_", ".", 1)

    def keywords(self) -> dict[str, Any]:
        """Properties that run the same job again."""
        return {}

    def request(self, context: Context, job: Job) -> JobRequest:
        """The request for a job; images without a file are written to the job's folder.

        Raises:
            MatshotError: when an input is missing.
        """
        raise NotImplementedError

    def follow(self, context: Context, job: Job) -> set[str]:
        """Wait for a job, or poll it with a timer while Blender stays responsive."""
        self._job = job
        self._interactive = self._interactive or getattr(self, "from_dialog", False)
        if not self._interactive or bpy.app.background:
            job_queue.jobs().wait(job)
            return self._finish(context, job)
        self._timer = context.window_manager.event_timer_add(_POLL_INTERVAL, window=context.window)
        context.window_manager.modal_handler_add(self)
        context.window_manager.progress_begin(0, 100)
        job_queue.show_status(context.window_manager)
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
            # Setting it again redraws the status bars.
            job_queue.show_status(context.window_manager)
            history.redraw()
        return {"PASS_THROUGH"}

    def cancel(self, context: Context) -> None:
        """Called by Blender when the window is closed, when a file is opened, and for canceled dialogs."""
        if self._timer is not None and self._job is not None:
            self._timer = None
            if self._job in job_queue.jobs().listing:
                # The job outlives its window; when another file is opened, it is gone by now.
                job_queue.follow(self._job)

    def done(self, context: Context, job: Job) -> set[str]:
        """Handle the results of a job.

        Returns:
            The value for the operator to return.
        """
        if self._interactive and preferences().ask:
            review.show(job)
            return {"CANCELLED"}
        try:
            summary = review.apply(context, job)
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
        history.redraw()
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
        job_queue.show_status(context.window_manager)


def _start_full(full: _FullJob, outcome: Outcome) -> None:
    """Start the job in full size whose draft was applied."""
    if outcome.built is None:
        return
    jobs, request = job_queue.jobs(), full.request
    job = jobs.new(full.tool, full.title)
    history.add(job, full.operator, full.keywords)
    review.prepare(job, FullSize(outcome.built, not request.output), "")
    jobs.start(job, request.inputs, request.parameters, request.output)
    job_queue.follow(job)


class MATSHOT_OT_cancel(Operator):
    """Cancel the running job"""

    bl_idname = "matshot.cancel"
    bl_label = "Cancel Job"

    number: IntProperty(
        name="Number", description="Of the job. Default: the running one", options={"HIDDEN", "SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether a job is running or waiting."""
        cls.poll_message_set("No job is running")
        return job_queue.running() is not None or job_queue.waiting() > 0

    def execute(self, context: Context) -> set[str]:
        """Cancel the job."""
        job = next((job for job in job_queue.jobs().listing if job.number == self.number), job_queue.running())
        if job is not None:
            job_queue.jobs().cancel(job)
        return {"FINISHED"}


class MATSHOT_OT_run_again(Operator):
    """Run a job again with the same or other settings"""

    bl_idname = "matshot.run_again"
    bl_label = "Run Again"

    number: IntProperty(name="Number", description="Of the job. Default: the latest", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether a job is listed."""
        cls.poll_message_set("No job has run yet")
        return bool(history.entries())

    def execute(self, context: Context) -> set[str]:
        """Open the dialog of the job, or run it at once in a script."""
        entry = history.entry_of(self.number) if self.number else next(iter(history.entries()), None)
        if entry is None:
            self.report({"ERROR"}, f"Job {self.number} is no longer listed. Run the tool from its menu.")
            return {"CANCELLED"}
        how = "EXEC_DEFAULT" if bpy.app.background else "INVOKE_DEFAULT"
        operator = getattr(bpy.ops.matshot, entry.operator.partition(".")[2])
        answer = operator(how, **{name: value for name, value in entry.keywords.items() if name != "from_dialog"})
        return {"CANCELLED"} if answer == {"CANCELLED"} else {"FINISHED"}


class MATSHOT_OT_forget(Operator):
    """Clear finished jobs from the list; their results are kept"""

    bl_idname = "matshot.forget"
    bl_label = "Clear List"

    def execute(self, context: Context) -> set[str]:
        """Clear the list."""
        for entry in history.entries():
            if entry.job.ended and entry.job not in job_queue.jobs().listing:
                history.remove(entry.job.number)
        history.redraw()
        return {"FINISHED"}


_CLASSES = (MATSHOT_OT_cancel, MATSHOT_OT_run_again, MATSHOT_OT_forget)

register, unregister = bpy.utils.register_classes_factory(_CLASSES)
