# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of this Blender, and the Python that does them."""

import importlib.util
import os
import sys

import bpy

from .matshot_host.jobs import Job, Jobs
from .matshot_host.location import WorkerCommand, worker_command
from .preferences import preferences

_jobs: Jobs | None = None


def jobs() -> Jobs:
    """All jobs of this Blender; made when first asked for."""
    global _jobs
    if _jobs is None:
        _jobs = Jobs(f"Blender {bpy.app.version_string}", _command)
    return _jobs


def running() -> Job | None:
    """The job that the worker is at, if there is one."""
    listing = _jobs.listing if _jobs is not None else []
    return next((job for job in listing if job.state == "running"), None)


def waiting() -> int:
    """How many jobs wait for the running one."""
    return sum(job.state == "waiting" for job in _jobs.listing) if _jobs is not None else 0


def close() -> None:
    """End the worker and remove what is left of its jobs."""
    global _jobs
    if _jobs is not None:
        _jobs.close()
        _jobs = None


def _command() -> WorkerCommand:
    folder = _bundled()
    return worker_command(
        bpy.path.abspath(preferences().python), own_python=sys.executable if folder else "", own_paths=(folder,)
    )


def _bundled() -> str:
    """Folder of the packages that came with the extension; empty for the extension without them."""
    found = importlib.util.find_spec("matshot")
    return os.path.dirname(os.path.dirname(found.origin)) if found is not None and found.origin else ""
