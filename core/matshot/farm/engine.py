"""Runs carried by a Dask cluster: one inside this process, or any that answers by its address.

The engine keeps the runs, hands Dask as many as there are workers (twice as many of short ones), and tries again what a
worker or the scheduler took with it. All that is told of runs is told by one thread of the engine. See
:mod:`matshot.farm.worker_task` for what happens on a worker. Folders of runs have to be on a file system that every machine
sees under the same path.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from matshot_host.tools import TOOLS

from .. import __version__
from ..errors import MatshotError
from .worker_task import PACE, Order, as_mapping, carried, leave

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

    from ..tools.run import Run

#: Seconds between looks at the cluster while nothing is said.
_TICK = 0.1
#: Seconds between questions about which workers there are.
_CENSUS = 1.0
#: Seconds after which a cancelled run counts as such whatever its worker says: if it runs, and if it may not yet.
_CANCEL_RUNNING, _CANCEL_WAITING = 0.95, 0.3
#: Seconds that a scheduler has to answer, and between attempts to find a lost one.
_ANSWER, _SEARCH = 10.0, 1.0
#: Progress messages of all workers that a scheduler shall hear in a second.
_MESSAGES = 50
#: Seconds of a run below which each worker gets the next one before it has ended the last: who waits behind a run
#: that turns out to be long, waits no longer than it takes Dask to see that. Newest run's share of the mean.
_SHORT, _NEWEST = 1.0, 0.3
#: Where a cluster of this machine shows itself: on loopback, at any port.
_ALONE = "127.0.0.1:0"
#: Part of Dask that remembers every run for as long as the scheduler lives.
_GROWING = "spans"
#: Seconds without any worker after which that is said.
_LONELY = 5.0

_log = logging.getLogger("matshot.farm")


@dataclass(frozen=True)
class Told:
    """What an engine says of a run.

    Attributes:
        kind: ``started``, ``progress``, ``again`` (its worker died, and it will be tried again), and at last ``done``,
            ``failed`` or ``cancelled``.
        fraction: done, 0 to 1.
        stage: what is being done.
        preview: path of the latest picture, or empty.
        results: of :meth:`matshot.tools.run.Made.told`.
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
class _Carried:
    """A run that has not ended."""

    key: str
    asked: Run
    told: Callable[[Told], None]
    name: str = ""
    future: Future[None] | None = None
    worker: str = ""
    starts: int = 0
    began: float = 0.0
    again: bool = False
    cancel_by: float = 0.0
    lonely: bool = False


class Engine:
    """Carries runs; a context manager.

    Args:
        scheduler: address of a Dask scheduler, ``tcp://...``; empty for a cluster of this machine.
        workers: of this machine's cluster, each with a process; 0 for half the processors.
        memory: bound on what one run may hold, such as ``4G``; empty for an even share of this machine, or for the
            limit of its Dask worker.
        seconds: that one run may take; 0 for any time.
        attempts: how often a run is tried whose process is killed or whose Dask worker dies.
        patience: seconds that runs wait for a scheduler that was lost.

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
    ) -> None:
        _check_installed()
        from ..inference.memory import parsed_bytes

        if workers < 0 or seconds < 0 or attempts < 1:
            raise MatshotError("Workers and seconds are 0 (automatic) or more, attempts 1 or more.")
        self._memory = parsed_bytes(memory) if memory else 0
        self._seconds, self._attempts, self._patience = seconds, attempts, patience
        self._scheduler = scheduler
        self._topic = f"matshot-{uuid.uuid4().hex[:12]}"
        self._inbox: queue.Queue[tuple[Any, ...]] = queue.Queue()
        self._waiting: list[_Carried] = []
        self._active: dict[str, _Carried] = {}
        self._keys: dict[str, _Carried] = {}
        self._lock = threading.Lock()
        self._census: list[dict[str, Any]] = []
        self._counted = self._populated = time.monotonic()
        self._lost_at = 0.0
        self._typical = 0.0
        self._closed = threading.Event()
        self._threads, self._gpus = 0, 0
        self._own: list[str] = []
        self._cluster: LocalCluster | None = None
        if not scheduler:
            self._cluster = self._local(workers, attempts)
        self._client: Client = self._connected(_ANSWER)
        self._client.subscribe_topic(self._topic, self._hear)
        self.dashboard = _dashboard(self._client, self._cluster)
        self._count()
        self._thread = threading.Thread(target=self._live, name="matshot farm", daemon=True)
        self._thread.start()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def submit(self, key: str, asked: Run, told: Callable[[Told], None]) -> None:
        """Have a run carried; returns at once.

        Args:
            key: by which it can be cancelled; free again when the run has ended.
            asked: what to do. Results lie in a folder of their own inside its folder.
            told: called from the engine's thread, in order, with ``done``, ``failed`` or ``cancelled`` at last.

        Raises:
            ValueError: when a run of that key has not ended yet, or the engine is closed.
        """
        run = _Carried(key, asked, told)
        with self._lock:
            if key in self._keys or self._closed.is_set():
                raise ValueError(f"{key} cannot be submitted: it runs already, or the engine is closed")
            self._keys[key] = run
        self._inbox.put(("submit", run))

    def cancel(self, key: str) -> None:
        """End a run, within a second; nothing happens if it has ended."""
        self._inbox.put(("cancel", key))

    @property
    def workers(self) -> list[dict[str, Any]]:
        """Who there is: ``name``, ``address``, ``busy``, ``gpu``."""
        busy = {run.worker for run in list(self._active.values())}
        return [{**one, "busy": one["address"] in busy} for one in self._census]

    def close(self) -> None:
        """Cancel what has not ended, and let the cluster go if it is the engine's own."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
        self._inbox.put(("close",))
        self._thread.join()
        # A scheduler that is gone cannot be said goodbye to.
        with contextlib.suppress(Exception):
            self._client.close(timeout=2)
        if self._cluster is not None:
            with contextlib.suppress(Exception):
                self._cluster.close(timeout=5)
            leave(self._own)

    def _local(self, workers: int, attempts: int) -> LocalCluster:
        """A cluster inside this process: nobody else can reach it, and what can crash are only the processes beside."""
        import dask
        from distributed import LocalCluster, Worker, scheduler, worker
        from distributed.system import MEMORY_LIMIT

        from ..inference.gpu import nvidia_gpus
        from ..inference.session import usable_threads

        count = workers or max(1, usable_threads() // 2)
        self._threads = max(1, usable_threads() // count)
        self._gpus = len(nvidia_gpus())
        self._memory = self._memory or int(MEMORY_LIMIT) // count
        settings = {
            # The engine itself counts how often a run took its worker with it.
            "distributed.scheduler.allowed-failures": attempts + 1,
            # What Dask keeps of the past, and how often it looks at itself, is for clusters that have to be understood.
            "distributed.worker.profile.enabled": False,
            "distributed.admin.low-level-log-length": 100,
            "distributed.admin.system-monitor.log-length": 120,
            "distributed.admin.tick.interval": "500ms",
        }

        class Inside(Worker):
            """A worker whose pages are for this machine alone; Dask has them for all the world."""

            def start_http_server(
                self, routes: Any, dashboard_address: Any, default_port: Any = 0, ssl_options: Any = None
            ) -> None:
                super().start_http_server(routes, dashboard_address or _ALONE, default_port, ssl_options)  # type: ignore[no-untyped-call]

        scheduling, working = (
            {name: one for name, one in module.DEFAULT_EXTENSIONS.items() if name != _GROWING}
            for module in (scheduler, worker)
        )
        try:
            with dask.config.set(settings):
                cluster = LocalCluster(
                    n_workers=count,
                    threads_per_worker=1,
                    processes=False,
                    memory_limit=0,  # would be that of this process
                    dashboard_address=_ALONE,
                    worker_class=Inside,
                    silence_logs=logging.CRITICAL,
                    resources={"GPU": 1} if self._gpus else None,
                    scheduler_kwargs={"extensions": scheduling},
                    extensions=working,
                )
        except (OSError, RuntimeError, TimeoutError) as error:
            raise MatshotError("The workers of this machine could not be started.", repr(error)) from error
        self._own = [one.address for one in cluster.workers.values()]
        return cluster

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
                f"No Dask scheduler answers at {self._scheduler}; see that 'dask scheduler' runs there, that its "
                "address is right and its port open.",
                repr(error),
            ) from error

    # What Dask's threads call: nothing but notes for the engine's own thread.

    def _hear(self, event: tuple[float, Any]) -> None:
        self._inbox.put(("said", event[1]))

    def _ended(self, name: str, future: Future[None]) -> None:
        status = future.status
        error = future.exception() if status == "error" else None
        self._inbox.put(("ended", name, status, error))

    # Everything below runs in the engine's thread.

    def _live(self) -> None:
        while True:
            message: tuple[Any, ...] = ()
            with contextlib.suppress(queue.Empty):
                message = self._inbox.get(timeout=_TICK)
            try:
                if message and message[0] == "close":
                    self._leave()
                    return
                if message:
                    getattr(self, f"_take_{message[0]}")(*message[1:])
                self._look()
            except (OSError, TimeoutError) as error:
                # What Dask throws while its scheduler goes away; the next look sees what is left.
                _log.debug("the connection: %r", error)
            except Exception:
                _log.exception("the farm")

    def _take_submit(self, run: _Carried) -> None:
        self._waiting.append(run)

    def _take_cancel(self, key: str) -> None:
        run = self._keys.get(key)
        if run is None or run.cancel_by:
            return
        if run in self._waiting:
            self._end(run, Told("cancelled"))
            return
        run.cancel_by = time.monotonic() + (_CANCEL_RUNNING if run.worker else _CANCEL_WAITING)
        self._take_back(run)

    def _take_said(self, said: Mapping[str, Any]) -> None:
        run = self._active.get(str(said.get("run")))
        if run is None:
            return
        kind = said["kind"]
        if kind == "started":
            self._started(run, str(said["worker"]))
        elif kind == "progress":
            if not run.cancel_by:
                self._tell(run, Told("progress", said["fraction"], said["stage"], said["preview"]))
        elif kind == "done":
            self._learn(time.monotonic() - run.began)
            failures = tuple(str(sentence) for sentence in said["failures"])
            self._end(run, Told("done", 1.0, results=tuple(said["results"]), failures=failures))
        elif kind == "failed":
            self._end(run, Told("failed", sentence=said["sentence"], cause=said["cause"]))
        elif run.cancel_by:
            self._end(run, Told("cancelled"))

    def _take_ended(self, name: str, status: str, error: BaseException | None) -> None:
        """Dask's own word about a run; what its worker said came before, so the run has not ended by itself."""
        run = self._active.get(name)
        if run is None or run.cancel_by:
            return
        if status == "error" and error is not None:
            self._end(run, Told("failed", sentence=_dask_failure(error), cause=repr(error)))
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
        self._client.subscribe_topic(self._topic, self._hear)
        self.dashboard = _dashboard(client, self._cluster)
        self._count()

    def _look(self) -> None:
        """What time brings: cancels that were not answered, workers that are gone, runs that can start."""
        now = time.monotonic()
        for run in [run for run in self._active.values() if run.cancel_by and now > run.cancel_by]:
            self._end(run, Told("cancelled"))
        if self._lost_at:
            self._wait_for_scheduler(now)
            return
        if self._client.status != "running":
            self._lose()
            return
        if now - self._counted > _CENSUS:
            self._count()
        ahead = 2 if 0.0 < self._typical < _SHORT else 1
        while self._waiting and len(self._active) < ahead * len(self._census):
            self._start(self._waiting.pop(0))

    def _count(self) -> None:
        """See which workers there are, and whose runs have to start anew."""
        found = self._client.scheduler_info(n_workers=-1).get("workers", {})
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
        elif self._counted - self._populated > _LONELY:
            for run in [run for run in self._waiting if not run.lonely]:
                run.lonely = True
                self._tell(run, Told("progress", stage="waiting for a worker"))

    def _start(self, run: _Carried) -> None:
        asked = run.asked
        run.name = uuid.uuid4().hex
        run.future, run.worker, run.again = None, "", False
        order = Order(
            run.name, self._topic, __version__, asked.tool, tuple(asked.inputs), dict(asked.parameters),
            str(asked.folder), str(asked.output or ""), dict(asked.form),
            self._memory, self._seconds, self._threads, self._gpus, max(PACE, len(self._census) / _MESSAGES),
        )  # fmt: skip
        gpu = _wants_gpu(asked) and any(one["gpu"] for one in self._census)
        self._active[run.name] = run
        try:
            # The first part is what Dask groups runs by.
            key = (f"matshot-{asked.tool}", run.name)
            run.future = self._client.submit(
                carried, as_mapping(order), key=key, pure=False, resources={"GPU": 1} if gpu else None
            )
        except Exception as error:
            if self._client.status == "running":
                self._end(run, Told("failed", sentence=_dask_failure(error), cause=repr(error)))
            else:
                self._put_back(run)
                self._lose()
            return
        name = run.name
        run.future.add_done_callback(lambda future: self._ended(name, future))

    def _learn(self, seconds: float) -> None:
        """How long runs take, of late."""
        self._typical += (_NEWEST if self._typical else 1.0) * (seconds - self._typical)

    def _started(self, run: _Carried, worker: str) -> None:
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
            self._tell(run, Told("started"))

    def _give_up(self, run: _Carried) -> None:
        sentence = f"Its worker died each of the {self._attempts} times that this was tried."
        self._end(run, Told("failed", sentence=sentence))

    def _again(self, run: _Carried, what: str) -> None:
        """Say once that a run has to start anew, unless that is not going to happen."""
        if not run.again and run.starts < self._attempts:
            run.again = True
            self._tell(run, Told("again", sentence=f"{what}; this will be tried again."))

    def _put_back(self, run: _Carried) -> None:
        """Let a run wait again, before all others."""
        self._active.pop(run.name, None)
        run.future, run.worker, run.again = None, "", False
        self._waiting.insert(0, run)

    def _take_back(self, run: _Carried) -> None:
        """Have Dask give a run up."""
        if run.future is not None:
            # If the scheduler is gone, so is the run.
            with contextlib.suppress(Exception):
                run.future.cancel()

    def _lose(self) -> None:
        """The connection to the scheduler broke, and with it all that Dask knew of the runs."""
        self._lost_at = time.monotonic()
        self._census = []
        _log.warning("The connection to the scheduler %s was lost.", self._scheduler)
        for run in reversed(list(self._active.values())):
            if run.cancel_by:
                self._end(run, Told("cancelled"))
                continue
            # That is nothing that a run is to blame for.
            run.starts -= bool(run.worker)
            self._again(run, f"The connection to the scheduler {self._scheduler} was lost")
            self._put_back(run)
        threading.Thread(target=self._search, args=(self._client,), name="matshot search", daemon=True).start()

    def _search(self, lost: Client) -> None:
        """Find the scheduler again; a thread of its own, since asking takes time."""
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
            f"The Dask scheduler at {self._scheduler} is gone, and did not come back within {self._patience:g} "
            "seconds; start it again with its workers."
        )
        for run in list(self._waiting):
            self._end(run, Told("failed", sentence=sentence))

    def _leave(self) -> None:
        """End everything; runs on workers have a second to stop."""
        for run in list(self._waiting):
            self._end(run, Told("cancelled"))
        now = time.monotonic()
        for run in self._active.values():
            run.cancel_by = run.cancel_by or now + (_CANCEL_RUNNING if run.worker else _CANCEL_WAITING)
            self._take_back(run)
        while self._active:
            with contextlib.suppress(queue.Empty):
                message = self._inbox.get(timeout=_TICK)
                if message[0] == "said":
                    self._take_said(message[1])
            for run in [run for run in self._active.values() if time.monotonic() > run.cancel_by]:
                self._end(run, Told("cancelled"))

    def _end(self, run: _Carried, told: Told) -> None:
        self._active.pop(run.name, None)
        if run in self._waiting:
            self._waiting.remove(run)
        with self._lock:
            self._keys.pop(run.key, None)
        run.future = None
        self._tell(run, told)

    def _tell(self, run: _Carried, told: Told) -> None:
        try:
            run.told(told)
        except Exception:
            _log.exception("whoever listens to %s", run.key)


def _check_installed() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise MatshotError("Batches and clusters need Dask; run: pip install 'matshot[farm]'", repr(error)) from error


def _forget_names() -> None:
    """Have Dask forget the names of runs; it would remember a hundred thousand."""
    from dask.utils import key_split

    key_split.cache_clear()


def _wants_gpu(asked: Run) -> bool:
    """Whether a tool has networks that may run on a GPU."""
    names = {parameter.name for tool in TOOLS if tool.name == asked.tool for parameter in tool.parameters}
    return "device" in names and asked.parameters.get("device", "auto") != "cpu"


def _dashboard(client: Client, own: LocalCluster | None) -> str:
    """Where the cluster can be looked at; empty without bokeh, which draws it."""
    from importlib.util import find_spec

    if not find_spec("bokeh"):
        return ""
    if own is not None and own.scheduler is not None:
        return f"http://127.0.0.1:{own.scheduler.services['dashboard'].port}/status"
    return str(client.dashboard_link or "")


def _dask_failure(error: BaseException) -> str:
    """What Dask itself says of a run that it could not do, in a sentence."""
    name = type(error).__name__
    if name == "KilledWorker":
        return "Every worker that tried this died."
    if isinstance(error, ImportError) or "deserializ" in str(error).lower():
        return (
            f"The cluster's machines do not have this Matshot; run there: pip install 'matshot[farm]=={__version__}'."
        )
    return f"Something went wrong on a worker ({name}); its log says more."
