# SPDX-License-Identifier: GPL-3.0-or-later
"""The job queue of this Blender, and the Python that runs its jobs."""

import importlib.util
import os
import sys

import bpy
from bpy.app.handlers import persistent
from bpy.types import Context, Header, WindowManager

from . import history
from .matshot_host.jobs import Job, Jobs
from .matshot_host.location import WorkerCommand, worker_command
from .preferences import preferences

#: Seconds between looks at jobs whose window was closed.
_INTERVAL = 0.1

_jobs: Jobs | None = None
#: Jobs whose window was closed.
_followed: list[Job] = []


def jobs() -> Jobs:
    """All jobs of this Blender, created on first use."""
    global _jobs
    if _jobs is None:
        _jobs = Jobs(f"Blender {bpy.app.version_string}", _command)
    return _jobs


def warm() -> None:
    """Start the worker while the artist looks at a dialog."""
    jobs().warm()


def running() -> Job | None:
    """The running job, if any."""
    listing = _jobs.listing if _jobs is not None else []
    return next((job for job in listing if job.state == "running"), None)


def waiting() -> int:
    """Number of waiting jobs."""
    return sum(job.state == "waiting" for job in _jobs.listing) if _jobs is not None else 0


def show_status(manager: WindowManager) -> None:
    """Show the running job in the status bars of all windows, or nothing if no job is active."""
    active = running() is not None or waiting() > 0
    for window in manager.windows:
        window.workspace.status_text_set(_draw_status if active else None)


def follow(job: Job) -> None:
    """Follow a job whose window was closed, and apply its results."""
    _followed.append(job)
    if not bpy.app.timers.is_registered(_follow):
        bpy.app.timers.register(_follow, first_interval=_INTERVAL, persistent=True)


def _follow() -> float | None:
    jobs().poll()
    windows = bpy.context.window_manager.windows
    show_status(bpy.context.window_manager)
    history.redraw()
    for job in [job for job in _followed if job.ended]:
        _followed.remove(job)
        if job.state == "done" and windows:
            with bpy.context.temp_override(window=windows[0]):
                # With an undo step, which operators that scripts call do not have by themselves.
                bpy.ops.matshot.apply("EXEC_DEFAULT", True, number=job.number)
        elif job in jobs().listing:
            jobs().forget(job)
    return _INTERVAL if _followed else None


@persistent
def _end_jobs(*_: object) -> None:
    """End all jobs: their objects are those of the file that is closed."""
    _followed.clear()
    if _jobs is not None:
        for job in list(_jobs.listing):
            _jobs.forget(job)
    history.clear()
    show_status(bpy.context.window_manager)


def _draw_status(header: Header, context: Context) -> None:
    """Draw the status bar while a job runs."""
    row = header.layout.row()
    job = running()
    if job is None:
        row.label(text="Matshot")
        return
    row.label(text=job.title, icon="TEXTURE")
    bar = row.row()
    bar.ui_units_x = 14
    bar.progress(factor=job.fraction, text=f"{100 * job.fraction:.0f}%  {job.stage}")
    if job in _followed and not job.cancelling:
        # No operator hears the key.
        row.operator("matshot.cancel", text="Cancel", icon="X").number = job.number
    else:
        row.label(text="Cancelling..." if job.cancelling else "Cancel", icon="EVENT_ESC")
    if waiting():
        row.label(text=f"{waiting()} Waiting")


def register() -> None:
    """Watch for files that are opened."""
    bpy.app.handlers.load_pre.append(_end_jobs)


def unregister() -> None:
    """End all jobs, the worker, and what shows them."""
    bpy.app.handlers.load_pre.remove(_end_jobs)
    if bpy.app.timers.is_registered(_follow):
        bpy.app.timers.unregister(_follow)
    _end_jobs()
    close()


def close() -> None:
    """Stop the worker and delete the files of its jobs."""
    global _jobs
    if _jobs is not None:
        _jobs.close()
        _jobs = None


def _command() -> WorkerCommand:
    folder = _bundled_packages()
    return worker_command(
        bpy.path.abspath(preferences().python), own_python=sys.executable if folder else "", own_paths=(folder,)
    )


def _bundled_packages() -> str:
    """Folder of the bundled packages; empty for an extension without them."""
    found = importlib.util.find_spec("matshot")
    return os.path.dirname(os.path.dirname(found.origin)) if found is not None and found.origin else ""
