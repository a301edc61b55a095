"""Jobs of nodes: one worker for all of them, with ComfyUI's progress bar, and its button that interrupts."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .matshot_host.errors import MatshotError
from .matshot_host.jobs import Job, Jobs
from .matshot_host.location import WorkerCommand, worker_command
from .matshot_host.tools import Tool

#: Variable that names the Python that runs the worker; without it, that of ``matshot install`` or ComfyUI's own.
PYTHON = "MATSHOT_PYTHON"
#: Seconds between looks at a running job.
_PACE = 0.1
#: Steps of a progress bar.
_STEPS = 1000

_log = logging.getLogger("matshot")
#: Nodes run one after another, whatever thread ComfyUI runs them in.
_turn = threading.Lock()


def _command() -> WorkerCommand:
    own = sys.executable if importlib.util.find_spec("matshot") is not None else ""
    return worker_command(os.environ.get(PYTHON, ""), own)


def _host() -> str:
    with contextlib.suppress(ImportError):
        from comfyui_version import __version__ as version

        return f"ComfyUI {version}"
    return "ComfyUI"


#: The jobs of this ComfyUI.
JOBS = Jobs(_host(), _command)
atexit.register(JOBS.close)


@contextlib.contextmanager
def new_job(tool: Tool) -> Iterator[Job]:
    """A job whose folder is gone afterwards."""
    with _turn:
        job = JOBS.new(tool.name, tool.title)
        try:
            yield job
        finally:
            JOBS.forget(job)


def run(job: Job, inputs: Sequence[Any], parameters: Mapping[str, Any], output: str, form: Mapping[str, Any]) -> None:
    """Run a job to its end.

    Args:
        job: of :func:`new_job`.
        inputs: paths.
        parameters: checked.
        output: folder for the results; empty for that of the job.
        form: how materials are written.

    Raises:
        MatshotError: when it fails, with the sentence for the artist.
    """
    bar = _Bar()
    JOBS.start(job, inputs, parameters, output, form)
    try:
        while not job.ended:
            JOBS.wait(job, _PACE)
            bar.show(job.fraction)
    except BaseException:
        JOBS.cancel(job)
        JOBS.wait(job)
        raise
    if job.state != "done":
        raise MatshotError(job.error or "The job was cancelled.", job.cause)
    if job.failures and not job.results:
        raise MatshotError(job.failures[0])


def notes(job: Job) -> list[str]:
    """What the artist should know; logged as well."""
    for sentence in job.notes:
        _log.info("%s: %s", job.title, sentence)
    for sentence in job.failures:
        _log.warning("%s: %s", job.title, sentence)
    return [*job.notes, *job.failures]


def temporary_folder() -> str:
    """A new folder in ComfyUI's temporary one.

    Raises:
        MatshotError: when it cannot be created.
    """
    place = folders()["temporary"]
    try:
        os.makedirs(place, exist_ok=True)
        return tempfile.mkdtemp(prefix="matshot-", dir=place)
    except OSError as error:
        raise MatshotError(f"{place} cannot be written: {error.strerror or error}.", str(error)) from error


def folders() -> dict[str, str]:
    """ComfyUI's folders: ``input``, ``output`` and ``temporary``."""
    import folder_paths

    return {
        "input": str(folder_paths.get_input_directory()),
        "output": str(folder_paths.get_output_directory()),
        "temporary": str(folder_paths.get_temp_directory()),
    }


def inside(path: str, places: Sequence[str]) -> bool:
    """Whether a path is one of these folders or below one, with links followed."""
    real = os.path.realpath(path)
    return any(real == one or real.startswith(os.path.join(one, "")) for one in map(os.path.realpath, places))


class _Bar:
    """ComfyUI's progress bar of the running node, which also tells whether it was interrupted."""

    def __init__(self) -> None:
        import comfy.model_management
        import comfy.utils

        self._check = comfy.model_management.throw_exception_if_processing_interrupted
        self._bar = comfy.utils.ProgressBar(_STEPS)

    def show(self, fraction: float) -> None:
        """Show how far the job is; raises ComfyUI's exception if somebody interrupted it."""
        self._check()
        self._bar.update_absolute(int(_STEPS * fraction), _STEPS)
