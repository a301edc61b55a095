"""Jobs carried out: handed to the engine, followed to their end, and taken up again after a restart.

Results lie in a job's folder before the database says that it is done, so nobody is shown half of them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sqlite3
import threading
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matshot_host.tools import tool

from ..errors import MatshotError
from ..tools.job import ToolRequest
from .data_folder import DataFolder
from .events import EventStreams, json_body
from .inspector import Inspector
from .metrics import Metrics
from .models import JobProgress, JobView, LogLine, instant, job_view
from .records import LIVE, JobRecord
from .refusal import is_full
from .store import Store, now
from .webhooks import delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..farm.engine import Engine, RunEvent

#: Seconds between attempts to write what a full disk refused.
_RETRY = 1.0
#: Events that are taken in together at most.
_BURST = 64
#: Times that a job is started that ends with the service each time.
MOST_ATTEMPTS = 3
#: Kinds of the engine's events that end a job.
_LAST = ("done", "failed", "cancelled")
#: No starts of jobs.
_NOTHING: Mapping[str, Mapping[str, Any]] = {}
#: Log line of a job that ended with the service.
_INTERRUPTED = "The service was restarted; the job runs again from its inputs."

_log = logging.getLogger("matshot.service")


class Runner:
    """Runs jobs on an engine and records what becomes of them; for any thread.

    Args:
        data: folder of the service.
        store: database of the service.
        engine: runs the jobs; closed with the runner.
        events: streams of jobs' events.
        inspector: describes the files of results.
        metrics: counts and times jobs.
        keep_days: that ended jobs are kept; 0 for ever.

    Attributes:
        on_end: called with each job of a chain that has ended.
        proceed: called at the start with each step of a chain whose predecessor (the second argument) has ended.
    """

    def __init__(
        self,
        data: DataFolder,
        store: Store,
        engine: Engine,
        events: EventStreams,
        inspector: Inspector,
        metrics: Metrics,
        keep_days: float = 0.0,
    ) -> None:
        self._data, self._store, self._engine = data, store, engine
        self._events, self._inspector, self._metrics = events, inspector, metrics
        self._lock = threading.RLock()
        self._progress: dict[str, JobProgress] = {}
        self._keys: dict[str, str] = {}
        self._keep_days = keep_days
        self._starts: dict[str, dict[str, Any]] = {}
        self._endings: dict[str, dict[str, Any]] = {}
        self.on_end: Callable[[JobRecord], None] = lambda _: None
        self.proceed: Callable[[JobRecord, JobRecord], None] = lambda *_: None
        self._inbox: queue.SimpleQueue[tuple[str, str, RunEvent] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._receive, name="matshot jobs", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether jobs are still followed."""
        return self._thread.is_alive() and not self._closing.is_set()

    def start(self) -> None:
        """Start, with the jobs that the last service did not end."""
        self._thread.start()
        for job in self._store.live_jobs():
            self._resume(job)

    def abandon(self) -> None:
        """Record nothing from now on; for a service that is about to close."""
        self._closing.set()

    def close(self) -> None:
        """End the engine; jobs that run are taken up again at the next start."""
        self.abandon()
        self._engine.close()
        self._inbox.put(None)
        self._thread.join()
        # They were not to blame for their end.
        for job in self._store.live_jobs():
            if job.state == "running":
                self._store.change_job(job.id, state="waiting", attempts=job.attempts - 1)

    def progress(self, identifier: str) -> JobProgress:
        """How far a job is; of one that does not run, nothing yet."""
        with self._lock:
            return self._progress.get(identifier, JobProgress()).model_copy()

    def run(self, job: JobRecord) -> None:
        """Hand a job to the engine.

        Every attempt has its own key and folder, since an earlier one may still write.
        """
        attempt = uuid.uuid4().hex[:12]
        key = f"{job.id}-{attempt}"
        folder = self._data.jobs / job.id
        inputs: list[str | Mapping[str, str]] = []
        parameters = dict(job.parameters)
        for one in job.inputs:
            path = str(folder / one["path"])
            if one.get("parameter"):
                parameters[one["parameter"]] = path
                continue
            stated = {name: one[name] for name in ("kind", "normal") if one[name]}
            inputs.append({"path": path, **stated} if stated else path)
        run_folder = folder / f"run-{attempt}"
        run_folder.mkdir(exist_ok=True)
        with self._lock:
            self._progress[job.id] = JobProgress()
            self._keys[job.id] = key
        request = ToolRequest(job.tool, inputs, parameters, run_folder)
        try:
            self._engine.submit(
                key, request, lambda event: self._inbox.put((job.id, attempt, event)), priority=job.priority
            )
        except (MatshotError, ValueError) as error:
            if not self._closing.is_set():
                self.end(job.id, "failed", str(error))
            return
        self._publish_state(job.id)
        current = self._store.job(job.id)
        if current is not None and current.cancelling:
            self._engine.cancel(key)

    def cancel(self, identifier: str) -> None:
        """Cancel a job that is recorded as cancelling."""
        self._publish_state(identifier)
        with self._lock:
            key = self._keys.get(identifier)
        if key is not None:
            self._engine.cancel(key)
        elif (job := self._store.job(identifier)) is not None and job.after and job.state in LIVE:
            self.end(identifier, "cancelled")  # it waits for the step before it

    def end(self, identifier: str, state: str, sentence: str = "") -> None:
        """End a job that the engine does not have, at once."""
        self._record({identifier: {"state": state, "sentence": sentence}})

    def remove(self, identifier: str) -> None:
        """Remove an ended job's folder, then its record."""
        # A process that ends in between leaves a record that the next sweep finds.
        self._store.change_job(identifier, deleted=1)
        self._data.remove_job(identifier)
        self._store.remove_job(identifier)

    def _resume(self, job: JobRecord) -> None:
        """Run again a job that the last service did not end."""
        folder = self._data.jobs / job.id
        self._data.remove_runs(job.id)
        self._data.lose_results(job.id)
        before = self._store.job(job.after) if job.after else None
        if job.cancelling or job.deleted:
            self.end(job.id, "cancelled")
        elif not all((folder / one["path"]).exists() for one in job.inputs):
            self.end(job.id, "failed", "The job's inputs are missing from the service's disk.")
        elif job.attempts >= MOST_ATTEMPTS:
            sentence = f"The service ended {job.attempts} times during this job; it may be too much for this machine."
            self.end(job.id, "failed", sentence)
        elif before is not None and before.state in LIVE:
            return  # its turn comes when that has ended
        elif job.after and not any(one.get("job") == job.after for one in job.inputs):
            if before is None:
                self.end(job.id, "failed", "The step before this one was deleted.")
            else:
                self.proceed(job, before)
        else:
            if job.state == "running":
                self._store.change_job(job.id, state="waiting", started=None)
                self.write_log(job.id, _INTERRUPTED)
            self.run(job)

    def _receive(self) -> None:
        """Take in the engine's events; the thread of the runner."""
        entries: list[tuple[str, str, RunEvent] | None] = []
        while None not in entries:
            # What comes in a burst is recorded together: each record is a trip to the disk.
            entries = [self._inbox.get()]
            with contextlib.suppress(queue.Empty):
                while len(entries) < _BURST:
                    entries.append(self._inbox.get_nowait())
            for identifier, attempt, event in filter(None, entries):
                if event.kind in _LAST and self._closing.is_set() and event.kind != "done":
                    continue  # the engine was closed; the next start takes the job up
                try:
                    self._handle(identifier, attempt, event)
                except Exception:  # other jobs go on; this one is live in the database, so the next start runs it again
                    _log.exception("job %s", identifier)
            starts, self._starts, endings, self._endings = self._starts, {}, self._endings, {}
            try:
                self._record(endings, starts)
            except Exception:  # as above
                _log.exception("jobs %s", ", ".join({**starts, **endings}))

    def _handle(self, identifier: str, attempt: str, event: RunEvent) -> None:
        folder = self._data.jobs / identifier / f"run-{attempt}"
        if event.kind == "started":
            job = self._store.job(identifier)
            if job is not None:
                # A worker's death, after which it starts once more, is the engine's to count.
                attempts = job.attempts + (job.state == "waiting")
                self._starts[identifier] = {
                    "state": "running", "started": job.started or now(), "attempts": attempts,
                }  # fmt: skip
        elif event.kind == "progress":
            self._advance(identifier, folder, event)
        elif event.kind == "again":
            with self._lock:
                self._progress[identifier] = JobProgress()
            self.write_log(identifier, event.sentence or "The worker died; the job is tried again.")
        elif event.kind == "done":
            self._finish(identifier, folder, event)
        else:
            sentence = event.sentence if event.kind == "failed" else ""
            # Where things lie on the server is nobody's business.
            sentence = sentence.replace(f"{folder.parent}/", "")
            cause = event.cause.replace(f"{self._data.path}/", "")
            self._end(identifier, state=event.kind, sentence=sentence, cause=cause, failures=list(event.failures))

    def _advance(self, identifier: str, folder: Path, event: RunEvent) -> None:
        with self._lock:
            progress = self._progress.setdefault(identifier, JobProgress())
            progress.fraction = max(progress.fraction, min(max(event.fraction, 0.0), 1.0))
            progress.stage = event.stage or progress.stage
            pictured = bool(event.preview) and event.preview != progress.preview and _is_within(event.preview, folder)
            if pictured:
                progress.preview = event.preview
                progress.pictures += 1
            current = progress.model_copy()
        self._publish(identifier, "progress", {"fraction": current.fraction, "stage": current.stage})
        if pictured:
            self._publish(identifier, "preview", {"href": f"/v1/jobs/{identifier}/preview?n={current.pictures}"})

    def _finish(self, identifier: str, folder: Path, event: RunEvent) -> None:
        job = self._store.job(identifier)
        if job is None:
            return
        try:
            results, size = self._store_results(job, folder, event)
        except (OSError, MatshotError, ValueError, KeyError) as error:
            _log.warning("The results of %s: %r", identifier, error)
            sentence = error.sentence if isinstance(error, MatshotError) else "The results could not be stored."
            if is_full(error):
                sentence = "The results could not be stored; the service's disk is full."
            self._end(identifier, state="failed", sentence=sentence, cause=str(error))
            return
        self._end(identifier, state="done", results=results, failures=list(event.failures), bytes=size)

    def _store_results(self, job: JobRecord, folder: Path, event: RunEvent) -> tuple[list[dict[str, Any]], int]:
        """Move results to where they are kept; what is known of them, and their bytes."""
        if not event.results:
            raise MatshotError("The tool produced no output.")
        real = folder.resolve()
        paths = [Path(one["path"]).resolve() for one in event.results]
        inside = [path.relative_to(real) for path in paths]
        parts = inside[0].parts[: inside[0].parts.index("results") + 1]
        written = real.joinpath(*parts)
        sources = {str(self._data.jobs / job.id / one["path"]): number for number, one in enumerate(job.inputs)
                   if not one.get("parameter")}  # fmt: skip
        results = [
            self._described(job, one, path, written, sources) for one, path in zip(event.results, paths, strict=True)
        ]
        size = sum(os.stat(os.path.join(place, name)).st_size for place, _, names in os.walk(written) for name in names)
        written.rename(self._data.jobs / job.id / "results")
        return results, size

    def _described(
        self, job: JobRecord, result: Mapping[str, Any], path: Path, folder: Path, sources: Mapping[str, int]
    ) -> dict[str, Any]:
        preview = Path(result["preview"]).resolve() if result["preview"] else None
        size = {"width": result["width"], "height": result["height"]}
        source = sources.get(result["source"], 0 if len(sources) == 1 else None)
        if result["kind"] == "material":
            files = [dict(one) for one in self._inspector.material(path)["files"]]
        else:
            same = source is not None and tool(job.tool).result != "picture"
            what = job.inputs[source].get("map", "") if source is not None and same else ""
            files = [{"name": path.name, "map": what, **size}]
        for one in files:
            one["bytes"] = (path / one["name"] if result["kind"] == "material" else path).stat().st_size
        return {
            "kind": result["kind"],
            "name": path.name,
            "path": path.relative_to(folder).as_posix(),
            "preview": preview.relative_to(folder).as_posix() if preview is not None and preview.is_file() else "",
            **size,
            "wrap": result["wrap"],
            "input": source,
            "notes": list(result["notes"]),
            "files": files,
        }

    def _end(self, identifier: str, **values: Any) -> None:
        """Have a job's end recorded, with others that came at the same time."""
        self._endings[identifier] = values

    def _record(
        self, endings: Mapping[str, Mapping[str, Any]], starts: Mapping[str, Mapping[str, Any]] = _NOTHING
    ) -> None:
        """Record starts and ends of jobs, publish them, and remove what the jobs no longer need."""
        if not endings and not starts:
            return
        changes = dict(starts)
        for identifier, values in endings.items():
            changes[identifier] = {**starts.get(identifier, {}), "ended": now(), "cancelling": 0, **values}
        deliveries = []
        for identifier in endings:
            values = changes[identifier]
            job = self._store.job(identifier)
            if job is not None and job.webhook and not job.deleted and job.state in LIVE:
                view = self.view(replace(job, **values)).model_dump()
                deliveries.append(delivery(job.id, job.webhook, view))
        self._persistently(lambda: self._store.change_jobs(changes, deliveries, durable=bool(endings)))
        for identifier in starts:
            if identifier not in endings:
                self._publish_state(identifier)
        for identifier in endings:
            try:
                self._conclude(identifier)
            except Exception:  # its end is recorded; its chain goes on at the next start
                _log.exception("job %s", identifier)
        # Nobody waits for this any more.
        for identifier in endings:
            try:
                self._clear(identifier)
            except Exception:  # its folder goes with the job later
                _log.exception("job %s", identifier)

    def _clear(self, identifier: str) -> None:
        """Remove what a job that has ended no longer needs, and the job itself if that was asked for."""
        self._data.remove_runs(identifier, inputs=True)
        job = self._store.job(identifier)
        if job is not None and job.deleted:
            self.remove(identifier)

    def _conclude(self, identifier: str) -> None:
        """Publish that a job has ended, which is recorded, and begin what follows it."""
        with self._lock:
            self._progress.pop(identifier, None)
            self._keys.pop(identifier, None)
        job = self._store.job(identifier)
        if job is None:
            return
        if job.started is not None and job.ended is not None:
            self._metrics.duration(
                "matshot_job_seconds", "Seconds that jobs ran.", job.ended - job.started, tool=job.tool
            )
        self._metrics.count("matshot_jobs_total", "Jobs that ended.", tool=job.tool, state=job.state)
        self._events.publish(identifier, "state", lambda: self.view(job).body(), last=True, owner=job.owner)
        if job.chain:
            self.on_end(job)

    def _persistently(self, change: Callable[[], None]) -> None:
        """Write to the database as soon as there is room; what is not written yet is run again if the service dies."""
        while True:
            try:
                change()
                return
            except sqlite3.Error as error:
                if not is_full(error) or self._closing.wait(_RETRY):
                    raise

    def write_log(self, identifier: str, text: str) -> None:
        """Add a line to the log of a job; one that was removed has none any more."""
        with contextlib.suppress(sqlite3.Error):
            if self._store.job(identifier) is not None:
                time, text = self._store.write_log(identifier, text)
                self._publish(identifier, "log", LogLine(time=instant(time), text=text).model_dump())

    def _publish(self, identifier: str, kind: str, data: Mapping[str, Any]) -> None:
        """Publish an event of a job; what comes after its end stays the last of it."""
        job = self._store.job(identifier)
        if job is not None:
            self._events.publish(identifier, kind, lambda: json_body(data), last=job.ended is not None, owner=job.owner)

    def _publish_state(self, identifier: str) -> None:
        job = self._store.job(identifier)
        if job is not None and job.state in LIVE:
            self._events.publish(identifier, "state", lambda: self.view(job).body(), owner=job.owner)

    def view(self, job: JobRecord) -> JobView:
        """A job as clients see it now."""
        position = self._store.jobs_before(job) if job.state == "waiting" else 0
        expiry = self._store.expiry(job.ended_at, self._keep_days)
        return job_view(job, self.progress(job.id), position, self._store.log(job.id), expiry)


def _is_within(path: str, folder: Path) -> bool:
    return Path(path).resolve().is_relative_to(folder.resolve())
