# SPDX-License-Identifier: GPL-3.0-or-later
"""The job queue of this Blender, and the Python that runs its jobs."""

import importlib.util
import os
import sys

import bpy

from .matshot_host.jobs import Job, Jobs
from .matshot_host.location import WorkerCommand, worker_command
from .preferences import preferences

_jobs: Jobs | None = None


def jobs() -> Jobs:
    """All jobs of this Blender, created on first use."""
    global _jobs
    if _jobs is None:
        _jobs = Jobs(f"Blender {bpy.app.version_string}", _command)
    return _jobs


def running() -> Job | None:
    """The running job, if any."""
    listing = _jobs.listing if _jobs is not None else []
    return next((job for job in listing if job.state == "running"), None)


def waiting() -> int:
    """Number of waiting jobs."""
    return sum(job.state == "waiting" for job in _jobs.listing) if _jobs is not None else 0


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
