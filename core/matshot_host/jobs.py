"""Jobs of a host: made, queued, followed, cancelled. What Blender, Maya and Unreal show is a view of this.

Everything here is called from the host's main thread and returns at once, but for :meth:`Jobs.wait` and
:meth:`Jobs.close`. A host calls :meth:`Jobs.poll` from its own timer.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shutil
import tempfile
import threading
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, Union

from . import __version__
from .client import PROTOCOL, Event, WorkerClient
from .contents import file_digest
from .description import DESCRIPTION, DOCUMENT, PREVIEW, RAW_MAPS, described_maps, read_description
from .errors import MatshotError
from .location import WorkerCommand

#: Seconds after which a worker that does not follow a cancel is killed.
_CANCEL = 0.7
#: Seconds between looks while waiting.
_PACE = 0.02

#: File that marks a folder that :class:`Jobs` made, so that a worker whose host died may remove the jobs in it.
NOTE = ".matshot-jobs"

#: What :meth:`Jobs.doctor` runs in place of a tool.
DOCTOR = "doctor"


class Result(NamedTuple):
    """One thing that a job made.

    Attributes:
        kind: ``image`` or ``material``.
        path: file, or folder of the material.
        preview: picture of at most 512 pixels per side, or empty.
        width: of the maps, in pixels.
        height: of the maps, in pixels.
        wrap: axes on which it repeats: ``none``, ``x``, ``y``, ``xy``.
        source: input that it was made of, or empty.
        notes: sentences for the artist.
    """

    kind: str
    path: str
    preview: str
    width: int
    height: int
    wrap: str
    source: str
    notes: Tuple[str, ...]


def discard_result(result: Result) -> bool:
    """Delete what a job wrote of a result: the image or, of a material, its maps and records; nothing else.

    What somebody put into the material's folder or changed there since stays, and so does the folder then.

    Returns:
        Whether nothing is left at the result's path.
    """
    if result.kind != "material":
        _delete(result.path)
        return not os.path.lexists(result.path)
    try:
        description = read_description(result.path)
        maps = described_maps(description, result.path)
    except MatshotError:
        return not os.path.lexists(result.path)
    noted = description.get("written")
    written = noted if isinstance(noted, dict) else {}
    files = [one.path for one in maps.values() if os.path.dirname(one.path) == os.path.abspath(result.path)]
    for name in (DOCUMENT, PREVIEW, RAW_MAPS):
        if name in written:
            files.append(os.path.join(result.path, name))
    for file in files:
        # Older versions noted no maps.
        if os.path.basename(file) not in written or written[os.path.basename(file)] == file_digest(file):
            _delete(file)
    _delete(os.path.join(result.path, DESCRIPTION))
    with contextlib.suppress(OSError):
        os.rmdir(result.path)  # goes only if it is empty
    return not os.path.lexists(result.path)


def _delete(file: str) -> None:
    with contextlib.suppress(OSError):
        os.remove(file)


def is_job_folder(name: str) -> bool:
    """Whether :class:`Jobs` gives such names to folders."""
    return re.match(r"job[0-9]+\Z", name) is not None


class Job:
    """One run of a tool. Only :class:`Jobs` changes it.

    Attributes:
        number: counts a host's jobs from 1.
        tool: name of the tool.
        title: for the artist.
        state: ``preparing`` (the host writes its inputs), ``waiting``, ``running``, ``done``, ``failed`` or
            ``cancelled``.
        fraction: done, 0 to 1.
        stage: what is being done.
        preview: path of the latest picture, or empty; one of unfinished work is removed soon after another is made.
        results: what was made.
        failures: sentences about single files that failed while others did not.
        error: one sentence, empty if nothing is wrong.
        cause: technical detail for the log.
        findings: of the doctor: ``subject``, ``state``, ``ok``, ``fix``, ``required``.
        folder: its own, for inputs without a file, and for results that go nowhere else.
    """

    def __init__(self, number: int, tool: str, title: str, folder: str) -> None:
        self.number, self.tool, self.title, self.folder = number, tool, title, folder
        self.state = "preparing"
        self.fraction = 0.0
        self.stage = ""
        self.preview = ""
        self.results: List[Result] = []
        self.failures: List[str] = []
        self.error = ""
        self.cause = ""
        self.findings: List[Dict[str, Any]] = []
        self.cancelling = False

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed", "cancelled")

    @property
    def notes(self) -> List[str]:
        """What the artist should know of the results, each sentence once."""
        return list(dict.fromkeys(note for result in self.results for note in result.notes))

    @property
    def status(self) -> str:
        """One line about it: ``Upscale wall.png: 65 %, tiles``."""
        if self.state == "running" and self.cancelling:
            state = "cancelling"
        elif self.state == "running":
            state = f"{100 * self.fraction:.0f} %" + (f", {self.stage}" if self.stage else "")
        else:
            state = self.error or self.state
        return f"{self.title}: {state}"


class Jobs:
    """All jobs of one host, done one after the other by one worker process.

    Args:
        host: name and version of the program this runs in.
        command: how to start a worker; called whenever one is started, so that changed preferences count. May raise
            :class:`MatshotError`, which then is the job's error.
    """

    def __init__(self, host: str, command: Callable[[], WorkerCommand]) -> None:
        self.listing: List[Job] = []
        self._host, self._command = host, command
        self._folder = ""
        self._count = 0
        self._waiting: List[Tuple[Job, str, Dict[str, Any]]] = []
        self._running: Optional[Job] = None
        self._request = 0
        self._client: Optional[WorkerClient] = None
        self._watch: Optional[threading.Timer] = None
        self._changed: Set[Job] = set()

    def new(self, tool: str, title: str) -> Job:
        """A job with a folder of its own, that waits for its inputs.

        Raises:
            MatshotError: when there is no room for temporary files.
        """
        self._count += 1
        folder = os.path.join(self._job_folder(), f"job{self._count}")
        try:
            os.mkdir(folder)
        except OSError as error:
            raise _unwritable(error) from error
        job = Job(self._count, tool, title, folder)
        self.listing.append(job)
        return job

    def start(
        self,
        job: Job,
        inputs: Sequence[Union[str, Mapping[str, str]]],
        parameters: Mapping[str, Any],
        output: str = "",
        form: Optional[Mapping[str, Any]] = None,
    ) -> None:
        """Queue a job.

        Args:
            job: of :meth:`new`.
            inputs: paths in the order of the tool's inputs; those of upscale may be ``{"path", "kind", "normal"}``
                instead, where the host knows what a map holds, and may have ``<UDIM>`` in their name.
            parameters: of the tool; what is left out has its default.
            output: folder for the results, which get free names there; empty leaves them in the job's folder.
            form: parameters of ``convert`` with which materials are written.
        """
        request = {
            "tool": job.tool,
            "inputs": [dict(one) if isinstance(one, Mapping) else str(one) for one in inputs],
            "parameters": dict(parameters),
            "folder": job.folder,
            "output": output,
            "form": dict(form or {}),
        }
        self._queue(job, "run", request)

    def warm(self) -> None:
        """Start a worker if there is none, so that a job that comes soon need not wait for it."""
        if self._client is None:
            # What is wrong with the command is said by the job.
            with contextlib.suppress(MatshotError):
                command = self._command()
                self._client = WorkerClient(command, self._host, self._job_folder())

    def doctor(self) -> Job:
        """Look at what the worker stands on; the answer is in the job's ``findings``.

        Raises:
            MatshotError: when there is no room for temporary files.
        """
        job = self.new(DOCTOR, "Test of Matshot")
        self._queue(job, "doctor", {})
        return job

    def fail(self, job: Job, error: MatshotError) -> None:
        """End a job whose inputs could not be prepared."""
        self._end(job, "failed", error.sentence, error.cause)

    def cancel(self, job: Job) -> None:
        """End a job; the worker has less than a second to follow before it is killed."""
        self._waiting = [entry for entry in self._waiting if entry[0] is not job]
        if job is not self._running:
            if not job.ended:
                self._end(job, "cancelled")
            return
        if not job.cancelling and self._client is not None:
            job.cancelling = True
            self._changed.add(job)
            self._client.notify("cancel", {"job": self._request})
            self._watch = threading.Timer(_CANCEL, self._client.kill)
            self._watch.daemon = True
            self._watch.start()

    def poll(self) -> List[Job]:
        """Take in the events of the worker and start the next job; the jobs that changed since the last call."""
        client = self._client
        while client is not None and client is self._client:
            try:
                event = client.events.get_nowait()
            except queue.Empty:
                break
            self._take(event)
        if self._running is None and self._waiting:
            self._start_next()
        changed = sorted(self._changed, key=lambda job: job.number)
        self._changed.clear()
        return changed

    def wait(self, job: Job, timeout: Optional[float] = None) -> Job:
        """Block until a job has ended, or for so many seconds; for scripts."""
        until = None if timeout is None else time.monotonic() + timeout
        seen = set(self.poll())
        while not job.ended and (until is None or time.monotonic() < until):
            time.sleep(_PACE)
            seen.update(self.poll())
        # Whoever polls next still hears of what happened meanwhile.
        self._changed.update(seen)
        return job

    def forget(self, job: Job) -> None:
        """Take a job off the list, and remove its folder."""
        if not job.ended:
            self.cancel(job)
        if job in self.listing:
            self.listing.remove(job)
        self._changed.discard(job)
        if job is not self._running:
            shutil.rmtree(job.folder, ignore_errors=True)

    def close(self) -> None:
        """End the worker and remove every job's folder; for when the host quits. Takes two seconds at most."""
        for job in [entry[0] for entry in self._waiting] + ([self._running] if self._running else []):
            self._end(job, "cancelled")
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._running is not None or bool(self._waiting)

    @property
    def worker_pid(self) -> int:
        """Process id of the worker, 0 for none."""
        return self._client.pid if self._client is not None else 0

    def _job_folder(self) -> str:
        """The folder of all jobs, created on first use."""
        try:
            if not os.path.isdir(self._folder):
                self._folder = tempfile.mkdtemp(prefix="matshot-")
                with open(os.path.join(self._folder, NOTE), "w", encoding="utf-8"):
                    pass
        except OSError as error:
            raise _unwritable(error) from error
        return self._folder

    def _queue(self, job: Job, method: str, parameters: Dict[str, Any]) -> None:
        job.state = "waiting"
        self._changed.add(job)
        self._waiting.append((job, method, parameters))

    def _start_next(self) -> None:
        job, method, parameters = self._waiting.pop(0)
        try:
            command = self._command()
            if self._client is not None and self._client.command != command:
                self._retire()
            if self._client is None:
                self._client = WorkerClient(command, self._host, self._folder)
        except MatshotError as error:
            self.fail(job, error)
            return
        self._running = job
        job.state, job.stage = "running", "" if self._client.ready else "starting"
        self._changed.add(job)
        self._request = self._client.request(method, parameters)

    def _retire(self) -> None:
        """Let a worker end that the preferences no longer want, without waiting for it."""
        if self._client is not None:
            threading.Thread(target=self._client.close, name="matshot retiring", daemon=True).start()
            self._client = None

    def _take(self, event: Event) -> None:
        job = self._running
        if event.kind == "lost":
            self._lost(event.data)
        elif event.kind == "ready":
            self._ready(event.data)
        elif job is None or event.request != self._request:
            return
        elif event.kind == "progress":
            job.fraction = max(job.fraction, float(event.data.get("fraction") or 0.0))
            job.stage = str(event.data.get("stage") or job.stage)
            job.preview = str(event.data.get("preview") or job.preview)
            self._changed.add(job)
        elif event.kind == "result":
            job.results = [_result(one) for one in event.data.get("results", [])]
            job.failures = [str(sentence) for sentence in event.data.get("failures", [])]
            job.findings = list(event.data.get("findings", []))
            job.fraction = 1.0
            # Pictures of unfinished work are gone by now.
            job.preview = next((made.preview for made in job.results if made.preview), "")
            self._end(job, "done")
        elif event.kind == "error" and event.data["cancelled"]:
            self._end(job, "cancelled")
        elif event.kind == "error":
            self._end(job, "failed", event.data["sentence"], event.data["cause"])

    def _ready(self, worker: Dict[str, Any]) -> None:
        if worker.get("protocol") != PROTOCOL and self._running is not None:
            self._end(
                self._running,
                "failed",
                f"The plug-in is Matshot {__version__}, but the worker is {worker.get('version', 'another version')}. "
                "Reinstall both from the same version.",
            )
            self._retire()

    def _lost(self, end: Dict[str, Any]) -> None:
        client, job = self._client, self._running
        self._client = None
        if job is None or client is None:
            return
        if job.cancelling:
            self._end(job, "cancelled")
        elif end["ready"]:
            self._end(
                job,
                "failed",
                f"The Matshot worker ended{_manner(end['code'])} during '{job.title}', which is lost; "
                "the next job starts a new worker.",
                end["text"],
            )
        else:
            self._end(job, "failed", _not_started(client.command, end), end["text"])

    def _end(self, job: Job, state: str, error: str = "", cause: str = "") -> None:
        job.state, job.error, job.cause, job.stage = state, error, cause, ""
        self._changed.add(job)
        if job is self._running:
            self._running = None
            if self._watch is not None:
                self._watch.cancel()
                self._watch = None
            if job not in self.listing:
                shutil.rmtree(job.folder, ignore_errors=True)
        if state != "done":
            job.preview = ""
            shutil.rmtree(job.folder, ignore_errors=True)


def _unwritable(error: OSError) -> MatshotError:
    return MatshotError(f"No temporary file can be written: {error.strerror or error}.", str(error))


def _result(values: Mapping[str, Any]) -> Result:
    return Result(
        str(values["kind"]),
        str(values["path"]),
        str(values.get("preview") or ""),
        int(values["width"]),
        int(values["height"]),
        str(values.get("wrap") or "none"),
        str(values.get("source") or ""),
        tuple(str(note) for note in values.get("notes", ())),
    )


def _manner(code: Optional[int]) -> str:
    """How a process ended, for the middle of a sentence."""
    if code is None or code == 0:
        return ""
    return f" (killed by signal {-code})" if code < 0 else f" (exit code {code})"


def _not_started(command: WorkerCommand, end: Mapping[str, Any]) -> str:
    """Why a worker did not come up, and what to do."""
    python, text = command.arguments[0], str(end["text"])
    last = text.strip().splitlines()[-1] if text.strip() else "no error message" + _manner(end["code"])
    if "No module named matshot" in text or "No module named 'matshot'" in text:
        return (
            f"The Python of {command.origin}, {python}, has no Matshot; "
            f"run '{python} -m pip install matshot', or choose another Python."
        )
    return f"Matshot could not be started with the Python of {command.origin}, {python}: {last.rstrip('.')}."
