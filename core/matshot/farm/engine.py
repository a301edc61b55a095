"""Runs on workers of this machine, or on a Dask cluster by its address.

The engine keeps the runs, hands Dask as many as it has workers (two or three times as many of short ones), and retries
what a worker or the scheduler took with it. Events of runs come from one thread of the engine. See
:mod:`matshot.farm.worker_task` for what happens on a worker. Folders of runs must be on a file system that every
machine sees under the same path.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from matshot_host.tools import tool

from .. import __version__
from ..errors import MatshotError, quoted
from .local_cluster import local_cluster
from .local_pool import LocalPool, PoolRun
from .worker_task import PACE, WorkerOrder, close_stations, order_mapping, run_order

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

    from ..tools.job import ToolRequest

#: Seconds between checks of the cluster while no message comes.
_TICK = 0.1
#: Seconds between counts of the workers.
_CENSUS = 1.0
#: Seconds after which a cancelled run that was running counts as cancelled, whatever its worker reports.
_CANCEL_RUNNING = 0.95
#: The same for a run that may not have started.
_CANCEL_WAITING = 0.3
#: Seconds that a scheduler has to answer.
_ANSWER = 10.0
#: Seconds between attempts to find a lost scheduler.
_SEARCH = 1.0
#: Progress messages per second that a scheduler receives from all workers together.
_MESSAGES = 50
#: Seconds of a run below which each worker gets the next run before it has ended the last. What waits behind a run that
#: turns out to be long waits no longer than Dask needs to notice.
_SHORT = 1.0
#: The same for one more, which the worker's process has when the run before it ends.
_VERY_SHORT = 0.1
#: Share of the newest run in the mean duration.
_NEWEST = 0.3
#: Seconds without any worker after which runs report that they wait for one.
_NO_WORKER = 5.0

_log = logging.getLogger("matshot.farm")


@dataclass(frozen=True)
class RunEvent:
    """An event of a run.

    Attributes:
        kind: ``started``, ``progress``, ``again`` (its worker died and it will be retried), and in the end ``done``,
            ``failed`` or ``cancelled``.
        fraction: done, 0 to 1.
        stage: what the tool is doing.
        preview: path of the latest picture, or empty.
        results: of :meth:`matshot.tools.job.ToolOutput.as_json`.
        failures: sentences about files that failed while others did not.
        sentence: what went wrong.
        cause: technical detail of it, for the log.
    """

    kind: str
    fraction: float = 0.0
    stage: str = ""
    preview: str = ""
    results: tuple[dict[str, Any], ...] = ()
    failures: tuple[str, ...] = ()
    sentence: str = ""
    cause: str = ""


@dataclass(eq=False)
class _ActiveRun:
    """A run that has not ended."""

    key: str
    request: ToolRequest
    on_event: Callable[[RunEvent], None]
    priority: int = 0
    name: str = ""
    future: Future[None] | PoolRun | None = None
    worker: str = ""
    starts: int = 0
    began: float = 0.0
    again: bool = False
    cancel_by: float = 0.0
    lonely: bool = False


class Engine:
    """Runs tools on a cluster; a context manager.

    Args:
        scheduler: address of a Dask scheduler, ``tcp://...``; empty for a cluster of this machine.
        workers: of this machine's cluster, each with a process; 0 for half the processors.
        memory: bound on what one run may hold, such as ``4G``; empty for an even share of this machine, or for the
            limit of its Dask worker.
        seconds: that one run may take; 0 for no limit.
        attempts: how often a run is tried whose process is killed or whose Dask worker dies.
        patience: seconds that runs wait for a scheduler that was lost.
        dashboard: whether this machine's cluster shows what it does on a page of its own.

    Attributes:
        dashboard: address of a page that shows the cluster, or empty.

    Raises:
        MatshotError: when Dask is missing, or the scheduler does not answer.
    """

    def __init__(
        self,
        *,
        scheduler: str = "",
        workers: int = 0,
        memory: str = "",
        seconds: float = 0.0,
        attempts: int = 2,
        patience: float = 60.0,
        dashboard: bool = False,
    ) -> None:
        _check_installed(cluster=bool(scheduler) or dashboard)
        from ..inference.memory import bytes_from_text

        if workers < 0 or seconds < 0 or attempts < 1:
            raise MatshotError("Workers and seconds are 0 (automatic) or more, attempts 1 or more.")
        if scheduler and not re.fullmatch(r"[a-z]+://\S+|\S+:[0-9]+", scheduler):
            raise MatshotError(f"Scheduler must be an address such as tcp://farm:8786, got {quoted(scheduler)}.")
        self._memory = bytes_from_text(memory) if memory else 0
        self._seconds, self._attempts, self._patience = seconds, attempts, patience
        self._scheduler = scheduler
        self._topic = f"matshot-{uuid.uuid4().hex[:12]}"
        self._inbox: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._waiting: list[_ActiveRun] = []
        self._active: dict[str, _ActiveRun] = {}
        self._keys: dict[str, _ActiveRun] = {}
        self._lock = threading.Lock()
        self._census: list[dict[str, Any]] = []
        self._counted = self._populated = time.monotonic()
        self._lost_at = 0.0
        self._typical = 0.0
        self._closed = threading.Event()
        self._threads, self._gpus = 0, 0
        self._own: list[str] = []
        self._cluster: LocalCluster | None = None
        self._client: Client | LocalPool
        if scheduler:
            self._client = self._connected(_ANSWER)
        elif dashboard:
            # Dask's pages show a cluster; without them, nothing needs one here.
            count = self._share(workers)
            self._cluster = local_cluster(count, attempts, gpu=bool(self._gpus), dashboard=True)
            self._own = [one.address for one in self._cluster.workers.values()]
            self._client = self._connected(_ANSWER)
        else:
            count = self._share(workers)
            self._client = LocalPool(count, gpu=bool(self._gpus))
            self._own = self._client.addresses
        self._client.subscribe_topic(self._topic, self._receive)
        self.dashboard = _dashboard(self._client, self._cluster)
        self._count()
        self._thread = threading.Thread(target=self._loop, name="matshot farm", daemon=True)
        self._thread.start()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def submit(
        self, key: str, request: ToolRequest, on_event: Callable[[RunEvent], None], *, priority: int = 0
    ) -> None:
        """Start a run; returns at once.

        Args:
            key: by which it can be cancelled; free again when the run has ended.
            request: what to do. Results lie in a folder of their own inside its folder.
            on_event: called from the engine's thread, in order, last with ``done``, ``failed`` or ``cancelled``.
            priority: runs of a higher one start first; among equals, the first that came.

        Raises:
            ValueError: when a run of that key has not ended yet, or the engine is closed.
        """
        run = _ActiveRun(key, request, on_event, priority)
        with self._lock:
            if key in self._keys or self._closed.is_set():
                raise ValueError(f"{key} cannot be submitted: it runs already, or the engine is closed")
            self._keys[key] = run
        self._inbox.put(("submit", run))

    def cancel(self, key: str) -> None:
        """Cancel a run, within a second; nothing happens if it has ended."""
        self._inbox.put(("cancel", key))

    @property
    def workers(self) -> list[dict[str, Any]]:
        """The workers: ``name``, ``address``, ``busy``, ``gpu``."""
        busy = {run.worker for run in list(self._active.values())}
        return [{**one, "busy": one["address"] in busy} for one in self._census]

    def close(self) -> None:
        """Cancel what has not ended, and close the cluster if it is the engine's own."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
        self._inbox.put(("close",))
        self._thread.join()
        # The scheduler may be gone.
        with contextlib.suppress(Exception):
            self._client.close(timeout=2)
        if self._cluster is not None:
            with contextlib.suppress(Exception):
                self._cluster.close(timeout=5)
        close_stations(self._own)

    def _share(self, workers: int) -> int:
        """How many workers this machine has; also notes the share of each run."""
        import psutil

        from ..inference.gpu import nvidia_gpus
        from ..inference.memory import container_limit
        from ..inference.session import usable_threads

        count = workers or max(1, usable_threads() // 2)
        self._threads = max(1, usable_threads() // count)
        self._gpus = len(nvidia_gpus())
        self._memory = self._memory or min(int(psutil.virtual_memory().total), container_limit()) // count
        return count

    def _connected(self, timeout: float) -> Client:
        from distributed import Client

        try:
            return Client(
                self._cluster if self._cluster is not None else self._scheduler,
                timeout=timeout,
                set_as_default=False,
                name="matshot",
            )
        except (OSError, ValueError, TypeError, RuntimeError, ImportError) as error:
            raise MatshotError(
                f"No Dask scheduler answers at {self._scheduler}. Check that 'dask scheduler' runs there, that the "
                "address is right and that its port is open.",
                repr(error),
            ) from error

    # What Dask's threads call: they only leave messages for the engine's own thread.

    def _receive(self, event: tuple[float, Any]) -> None:
        self._inbox.put(("message", event[1]))

    def _ended(self, name: str, future: Future[None] | PoolRun) -> None:
        status = future.status
        error = future.exception() if status == "error" else None
        self._inbox.put(("ended", name, status, error))

    # Everything below runs in the engine's thread.

    def _loop(self) -> None:
        while True:
            message: tuple[Any, ...] = ()
            with contextlib.suppress(queue.Empty):
                message = self._inbox.get(timeout=_TICK)
            try:
                if message and message[0] == "close":
                    self._shut_down()
                    return
                if message:
                    getattr(self, f"_take_{message[0]}")(*message[1:])
                self._check()
            except (OSError, TimeoutError) as error:
                # What Dask raises while its scheduler goes away; the next check sees what is left.
                _log.debug("the connection: %r", error)
            except Exception:  # one message cannot end the thread that all runs wait for
                _log.exception("the farm")

    def _take_submit(self, run: _ActiveRun) -> None:
        place = len(self._waiting)
        while place and self._waiting[place - 1].priority < run.priority:
            place -= 1
        self._waiting.insert(place, run)

    def _take_cancel(self, key: str) -> None:
        run = self._keys.get(key)
        if run is None or run.cancel_by:
            return
        if run in self._waiting:
            self._end(run, RunEvent("cancelled"))
            return
        run.cancel_by = time.monotonic() + (_CANCEL_RUNNING if run.worker else _CANCEL_WAITING)
        self._take_back(run)

    def _take_message(self, message: Mapping[str, Any]) -> None:
        run = self._active.get(str(message.get("run")))
        if run is None:
            return
        kind = message["kind"]
        if kind == "started":
            self._started(run, str(message["worker"]))
        elif kind == "progress":
            if not run.cancel_by:
                self._publish(run, RunEvent("progress", message["fraction"], message["stage"], message["preview"]))
        elif kind == "done":
            self._update_duration(time.monotonic() - run.began)
            failures = tuple(str(sentence) for sentence in message["failures"])
            self._end(run, RunEvent("done", 1.0, results=tuple(message["results"]), failures=failures))
        elif kind == "failed":
            self._end(run, RunEvent("failed", sentence=message["sentence"], cause=message["cause"]))
        elif run.cancel_by:
            self._end(run, RunEvent("cancelled"))

    def _take_ended(self, name: str, status: str, error: BaseException | None) -> None:
        """Dask's own report of a run; its worker's messages came before, so the run has not ended by itself."""
        run = self._active.get(name)
        if run is None or run.cancel_by:
            return
        if status == "error" and error is not None:
            self._end(run, RunEvent("failed", sentence=_dask_failure(error), cause=repr(error)))
        elif status == "finished":
            if run.starts >= self._attempts:
                self._give_up(run)
            else:
                self._again(run, "Its worker was killed or closed")
                self._put_back(run)
        elif not self._lost_at:
            self._lose()

    def _take_found(self, client: Client) -> None:
        self._client, self._lost_at = client, 0.0
        self._client.subscribe_topic(self._topic, self._receive)
        self.dashboard = _dashboard(client, self._cluster)
        self._count()

    def _check(self) -> None:
        """Handle cancels that were not answered, workers that are gone, and runs that can start."""
        now = time.monotonic()
        for run in [run for run in self._active.values() if run.cancel_by and now > run.cancel_by]:
            self._end(run, RunEvent("cancelled"))
        if self._lost_at:
            self._wait_for_scheduler(now)
            return
        if self._client.status != "running":
            self._lose()
            return
        if now - self._counted > _CENSUS:
            self._count()
        ahead = 1 + sum(0.0 < self._typical < bound for bound in (_SHORT, _VERY_SHORT))
        while self._waiting and len(self._active) < ahead * len(self._census):
            self._start(self._waiting.pop(0))

    def _count(self) -> None:
        """Count the workers, and find the runs of those that are gone."""
        found = self._client.scheduler_info(n_workers=-1).get("workers", {})
        if not isinstance(self._client, LocalPool):
            _forget_names()
        self._census = [
            {"name": str(one["name"]), "address": address, "busy": False, "gpu": bool(one["resources"].get("GPU"))}
            for address, one in found.items()
        ]
        self._counted = time.monotonic()
        for run in self._active.values():
            if run.worker and run.worker not in found and not run.cancel_by:
                self._again(run, f"The worker {run.worker} died")
        if self._census:
            self._populated = self._counted
        elif self._counted - self._populated > _NO_WORKER:
            for run in [run for run in self._waiting if not run.lonely]:
                run.lonely = True
                self._publish(run, RunEvent("progress", stage="waiting for a worker"))

    def _start(self, run: _ActiveRun) -> None:
        request = run.request
        run.name = uuid.uuid4().hex
        run.future, run.worker, run.again = None, "", False
        order = WorkerOrder(
            run.name, self._topic, __version__, request.tool, tuple(request.inputs), dict(request.parameters),
            str(request.folder), str(request.output or ""), dict(request.form),
            self._memory, self._seconds, self._threads, self._gpus, max(PACE, len(self._census) / _MESSAGES),
        )  # fmt: skip
        gpu = _wants_gpu(request) and any(one["gpu"] for one in self._census)
        self._active[run.name] = run
        try:
            # Dask groups runs by the first part.
            key = (f"matshot-{request.tool}", run.name)
            sent: Any = order if isinstance(self._client, LocalPool) else order_mapping(order)
            run.future = self._client.submit(
                run_order, sent, key=key, pure=False, resources={"GPU": 1} if gpu else None
            )
        except Exception as error:  # whatever Dask makes of a run that it cannot send
            if self._client.status == "running":
                self._end(run, RunEvent("failed", sentence=_dask_failure(error), cause=repr(error)))
            else:
                self._put_back(run)
                self._lose()
            return
        name = run.name
        run.future.add_done_callback(lambda future: self._ended(name, future))

    def _update_duration(self, seconds: float) -> None:
        """Update the mean duration of recent runs."""
        self._typical += (_NEWEST if self._typical else 1.0) * (seconds - self._typical)

    def _started(self, run: _ActiveRun, worker: str) -> None:
        if run.cancel_by:
            return
        if run.worker and not run.again:
            self._again(run, f"The worker {run.worker} died")
        run.starts += 1
        run.worker, run.again, run.began = worker, False, time.monotonic()
        if run.starts > self._attempts:
            self._take_back(run)
            self._give_up(run)
        else:
            self._publish(run, RunEvent("started"))

    def _give_up(self, run: _ActiveRun) -> None:
        sentence = f"Its worker died in each of {self._attempts} attempts."
        self._end(run, RunEvent("failed", sentence=sentence))

    def _again(self, run: _ActiveRun, what: str) -> None:
        """Report once that a run will be retried, if it will."""
        if not run.again and run.starts < self._attempts:
            run.again = True
            self._publish(run, RunEvent("again", sentence=f"{what}; the run will be retried."))

    def _put_back(self, run: _ActiveRun) -> None:
        """Put a run back to the front of the queue."""
        self._active.pop(run.name, None)
        run.future, run.worker, run.again = None, "", False
        self._waiting.insert(0, run)

    def _take_back(self, run: _ActiveRun) -> None:
        """Cancel a run in Dask."""
        if run.future is not None:
            # If the scheduler is gone, so is the run.
            with contextlib.suppress(Exception):
                run.future.cancel()

    def _lose(self) -> None:
        """Handle a lost connection to the scheduler, and with it all that Dask knew of the runs."""
        self._lost_at = time.monotonic()
        self._census = []
        _log.warning("The connection to the scheduler %s was lost.", self._scheduler)
        for run in reversed(list(self._active.values())):
            if run.cancel_by:
                self._end(run, RunEvent("cancelled"))
                continue
            # The run is not to blame.
            run.starts -= bool(run.worker)
            self._again(run, f"The connection to the scheduler {self._scheduler} was lost")
            self._put_back(run)
        threading.Thread(target=self._search, args=(self._client,), name="matshot search", daemon=True).start()

    def _search(self, lost: Client | LocalPool) -> None:
        """Find the scheduler again, in a thread of its own since that takes time."""
        with contextlib.suppress(Exception):
            lost.close(timeout=1)
        while not self._closed.wait(_SEARCH):
            with contextlib.suppress(MatshotError):
                client = self._connected(_ANSWER / 2)
                if self._closed.is_set():
                    client.close(timeout=1)
                else:
                    self._inbox.put(("found", client))
                return

    def _wait_for_scheduler(self, now: float) -> None:
        if now - self._lost_at <= self._patience:
            return
        sentence = (
            f"The Dask scheduler at {self._scheduler} is gone and did not return within {self._patience:g} seconds. "
            "Restart it with its workers."
        )
        for run in list(self._waiting):
            self._end(run, RunEvent("failed", sentence=sentence))

    def _shut_down(self) -> None:
        """Cancel everything; runs on workers have a second to stop."""
        for run in list(self._waiting):
            self._end(run, RunEvent("cancelled"))
        now = time.monotonic()
        for run in self._active.values():
            run.cancel_by = run.cancel_by or now + (_CANCEL_RUNNING if run.worker else _CANCEL_WAITING)
            self._take_back(run)
        while self._active:
            with contextlib.suppress(queue.Empty):
                message = self._inbox.get(timeout=_TICK)
                if message[0] == "message":
                    self._take_message(message[1])
            for run in [run for run in self._active.values() if time.monotonic() > run.cancel_by]:
                self._end(run, RunEvent("cancelled"))

    def _end(self, run: _ActiveRun, event: RunEvent) -> None:
        self._active.pop(run.name, None)
        if run in self._waiting:
            self._waiting.remove(run)
        with self._lock:
            self._keys.pop(run.key, None)
        run.future = None
        self._publish(run, event)

    def _publish(self, run: _ActiveRun, event: RunEvent) -> None:
        try:
            run.on_event(event)
        except Exception:  # of the caller; the engine's other runs are not to suffer from it
            _log.exception("listener of %s", run.key)


def _check_installed(*, cluster: bool) -> None:
    try:
        import psutil  # noqa: F401

        if cluster:
            import distributed  # noqa: F401
    except ImportError as error:
        what = "Clusters need Dask." if cluster else "Batches need psutil."
        raise MatshotError(f"{what} Run: pip install 'matshot[farm]'", repr(error)) from error


def _forget_names() -> None:
    """Clear Dask's cache of run names, which would grow to a hundred thousand."""
    from dask.utils import key_split

    key_split.cache_clear()


def _wants_gpu(request: ToolRequest) -> bool:
    """Whether a tool has networks that may run on a GPU."""
    return tool(request.tool).has("device") and request.parameters.get("device", "auto") != "cpu"


def _dashboard(client: Client | LocalPool, own: LocalCluster | None) -> str:
    """Address of the cluster's dashboard; empty without bokeh, which draws it."""
    from importlib.util import find_spec

    if isinstance(client, LocalPool) or not find_spec("bokeh"):
        return ""
    if own is not None and own.scheduler is not None:
        page = own.scheduler.services.get("dashboard")
        return f"http://127.0.0.1:{page.port}/status" if page is not None else ""
    return str(client.dashboard_link or "")


def _dask_failure(error: BaseException) -> str:
    """A sentence on a run that Dask itself could not carry out."""
    name = type(error).__name__
    if name == "KilledWorker":
        return "Every worker that tried this run died."
    if isinstance(error, ImportError) or "deserializ" in str(error).lower():
        fix = f"pip install 'matshot[farm]=={__version__}'"
        return f"The cluster's machines have no Matshot {__version__}. Run there: {fix}."
    return f"Something went wrong on a worker ({name}); its log says more."
