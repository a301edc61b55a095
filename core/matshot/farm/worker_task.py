"""One run on a Dask worker, carried by the worker process of Matshot that stands beside it.

Every Dask worker keeps one ``matshot.worker`` process with its loaded models. Whatever that process does (a crash, too
much memory, too much time) is told as the run's failure, and the Dask worker lives on; if it is killed from outside,
the run may be tried again. What is said of a run goes to the topic that its engine listens to, as the messages that
:meth:`carried` describes.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matshot_host.client import Event, WorkerClient
from matshot_host.location import WorkerCommand
from matshot_host.tools import TOOLS

from .. import __version__

if TYPE_CHECKING:
    from distributed import Worker

#: Seconds between progress messages of one run, at least: a scheduler hears those of every worker.
PACE = 0.2
#: Seconds between looks at a run: whether it was cancelled, how much memory it holds.
_LOOK = 0.05
#: Seconds after which a process that does not follow a cancel is killed.
_CANCEL = 0.6
#: Seconds without work after which the process and its models are let go.
_IDLE = 600.0
#: Part of a run's bound that its tool plans for; the rest is for what it cannot foresee.
_PLANNED = 0.8
#: Exit code of a process that was killed from outside, as systems do that run out of memory.
_KILLED = -9
#: Of the folder in a run's folder that one attempt has for itself.
_ATTEMPT = "run-"


@dataclass(frozen=True)
class Order:
    """A run, as it travels to a Dask worker.

    Attributes:
        name: of this run, given back with everything that is said of it.
        topic: that the engine listens to.
        version: of the engine's Matshot.
        tool: its name.
        inputs: as :class:`~matshot.tools.run.Run` has them.
        parameters: likewise.
        folder: likewise; every attempt works in a folder of its own in it.
        output: likewise, empty for none.
        form: likewise.
        memory: bytes that the run may hold, 0 for the Dask worker's own limit.
        seconds: that it may take, 0 for any.
        threads: that it takes, 0 for all.
        gpus: that the numbered workers of a local cluster share, 0 where that is arranged already.
        pace: seconds between progress messages.
    """

    name: str
    topic: str
    version: str
    tool: str
    inputs: tuple[str | Mapping[str, str], ...]
    parameters: Mapping[str, Any]
    folder: str
    output: str
    form: Mapping[str, Any]
    memory: int = 0
    seconds: float = 0.0
    threads: int = 0
    gpus: int = 0
    pace: float = PACE


def carried(order: Mapping[str, Any]) -> None:
    """Do a run; the task that Dask carries.

    Says ``{"run", "kind", ...}`` to the order's topic: ``started`` (``worker``: address), ``progress`` (``fraction``,
    ``stage``, ``preview``), and at the end ``done`` (``results``, ``failures``), ``failed`` (``sentence``, ``cause``)
    or ``cancelled``. A run that ends without its end being said was given up by its worker, and may be tried again.

    Args:
        order: an :class:`Order` as a mapping.
    """
    from distributed import get_worker

    worker = get_worker()
    known = Order(**order)

    def say(kind: str, **told: Any) -> None:
        worker.log_event(known.topic, {"run": known.name, "kind": kind, **told})

    if known.version != __version__:
        sentence = f"The worker {worker.address} has Matshot {__version__}, and this is {known.version}"
        say("failed", sentence=f"{sentence}; install one version everywhere.", cause="")
        return
    station = _stations.setdefault(worker.address, _Station())
    attempt = _Attempt(known, worker, station, say)
    # A Dask worker with several threads has runs that wait for the one process.
    while not station.occupied.acquire(timeout=_LOOK):
        if attempt.unwanted():
            return
    try:
        if not attempt.unwanted():
            say("started", worker=worker.address)
            end = attempt.run()
            if end is not None:
                say(**end)
    finally:
        station.rest()
        station.occupied.release()


def leave(addresses: Iterable[str]) -> None:
    """End the processes beside Dask workers of this very process, which are gone or about to go."""
    for address in addresses:
        station = _stations.pop(address, None)
        if station is not None:
            station.close()


class _Attempt:
    """A run in the process beside this Dask worker."""

    def __init__(self, order: Order, worker: Worker, station: _Station, say: Callable[..., None]) -> None:
        self._order, self._worker, self._station, self._say = order, worker, station, say
        self._task = worker.get_current_task()
        limit = worker.memory_manager.memory_limit
        self._memory = order.memory or (int(limit) if limit else 0)
        self._place = Path(order.folder) / f"{_ATTEMPT}{uuid.uuid4().hex[:8]}"
        self._process: WorkerClient | None = None
        self._said, self._progress = 0.0, {"fraction": 0.0, "stage": "", "preview": ""}

    def unwanted(self) -> bool:
        """Whether this need not begin."""
        return self._cancelled() or self._closing()

    def run(self) -> dict[str, Any] | None:
        """From start to end; None when the run is to be done anew: its worker closes, or its process was killed."""
        end: dict[str, Any] | None = None
        try:
            # What an attempt left that ended with its Dask worker.
            for left in Path(self._order.folder).glob(f"{_ATTEMPT}*"):
                shutil.rmtree(left, ignore_errors=True)
            self._place.mkdir(parents=True)
        except OSError as error:
            sentence = f"The folder {self._place} cannot be made: {(error.strerror or str(error)).lower()}."
            return {"kind": "failed", "sentence": sentence, "cause": repr(error)}
        try:
            end = self._carried()
        finally:
            if end is None or end["kind"] != "done":
                shutil.rmtree(self._place, ignore_errors=True)
        return end

    def _carried(self) -> dict[str, Any] | None:
        order = self._order
        self._process = process = self._station.process(self._environment())
        began = time.monotonic()
        number = process.request(
            "run",
            {
                "tool": order.tool, "inputs": list(order.inputs), "parameters": self._parameters(),
                "folder": str(self._place), "output": order.output, "form": dict(order.form),
            },
        )  # fmt: skip
        while True:
            with contextlib.suppress(queue.Empty):
                event = process.events.get(timeout=_LOOK)
                if event.kind == "lost" and event.data["code"] == _KILLED:
                    self._station.forget(process)
                    return None
                end = self._heard(event, number)
                if end is not None:
                    return end
            if self._cancelled():
                self._stop(number)
                return {"kind": "cancelled"}
            if self._closing():
                self._stop(number)
                return None
            if order.seconds and time.monotonic() - began > order.seconds:
                self._stop(number)
                return _failed(f"This took longer than the {order.seconds:g} seconds that a run may take.")
            held = _resident(process.pid)
            if self._memory and held > self._memory:
                self._kill()
                return _failed(
                    f"This took more than the {_gigabytes(self._memory)} of memory that a run may take; give runs "
                    "more, or fewer workers to a machine.",
                    f"{held} bytes",
                )

    def _heard(self, event: Event, number: int) -> dict[str, Any] | None:
        """What the process said; the end of the run if it is."""
        if event.kind == "lost":
            self._station.forget(self._process)
            return _failed(_how_lost(event.data), str(event.data["text"]))
        if event.request != number:
            return None
        if event.kind == "progress":
            self._advance(event.data)
        elif event.kind == "result":
            told = event.data
            return {"kind": "done", "results": told.get("results", []), "failures": told.get("failures", [])}
        elif event.kind == "error":
            return _failed(event.data["sentence"], event.data["cause"])
        return None

    def _advance(self, told: Mapping[str, Any]) -> None:
        """Pass on progress, not more often than a scheduler likes to hear."""
        fresh = {name: told[name] for name in self._progress if told.get(name)}
        shown = fresh.get("preview", self._progress["preview"]) != self._progress["preview"]
        self._progress.update(fresh)
        now = time.monotonic()
        if shown or now - self._said >= self._order.pace:
            self._said = now
            self._say("progress", **self._progress)

    def _cancelled(self) -> bool:
        """Whether the engine, or its end, took the task back."""
        task = self._worker.state.tasks.get(self._task)
        return task is None or task.state == "cancelled"

    def _closing(self) -> bool:
        return self._worker.status.name not in ("running", "paused")

    def _stop(self, number: int) -> None:
        """Ask the process to give the run up, and kill it if it does not."""
        assert self._process is not None
        self._process.notify("cancel", {"job": number})
        until = time.monotonic() + _CANCEL
        while (left := until - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                event = self._process.events.get(timeout=left)
                if event.kind == "lost":
                    self._station.forget(self._process)
                    return
                if event.request == number and event.kind in ("result", "error"):
                    return
        self._kill()

    def _kill(self) -> None:
        """End the process, and wait until it is gone, so that it writes nothing more."""
        assert self._process is not None
        self._process.kill()
        until = time.monotonic() + _CANCEL
        while (left := until - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                if self._process.events.get(timeout=left).kind == "lost":
                    break
        self._station.forget(self._process)

    def _parameters(self) -> dict[str, Any]:
        """The order's, with this machine's share where the order leaves it open."""
        parameters = dict(self._order.parameters)
        names = {parameter.name for tool in TOOLS if tool.name == self._order.tool for parameter in tool.parameters}
        if "memory" in names and self._memory and not parameters.get("memory"):
            parameters["memory"] = str(int(_PLANNED * self._memory))
        if "threads" in names and self._order.threads and not parameters.get("threads"):
            parameters["threads"] = self._order.threads
        return parameters

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        if self._order.threads:
            threads = str(self._order.threads)
            environment |= dict.fromkeys(_THREADS, threads)
        if self._order.gpus > 1 and str(self._worker.name).isdigit():
            gpus = [one for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one]
            gpus = gpus or [str(number) for number in range(self._order.gpus)]
            environment["CUDA_VISIBLE_DEVICES"] = gpus[int(self._worker.name) % len(gpus)]
        return environment


#: What libraries take their number of threads from.
_THREADS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENIMAGEIO_THREADS", "OPENCV_FOR_THREADS_NUM",
)  # fmt: skip


class _Station:
    """The process beside one Dask worker.

    Attributes:
        occupied: held by the run that the process does: one at a time.
    """

    def __init__(self) -> None:
        self.occupied = threading.Lock()
        self._client: WorkerClient | None = None
        self._idle: threading.Timer | None = None

    def process(self, environment: dict[str, str]) -> WorkerClient:
        """The process, started if there is none that will do."""
        if self._idle is not None:
            self._idle.cancel()
        command = WorkerCommand((sys.executable, "-m", "matshot.worker"), environment, "the farm")
        if self._client is not None and self._client.command != command:
            self.close()
        if self._client is None:
            self._client = WorkerClient(command, f"matshot farm {__version__}", "")
        return self._client

    def rest(self) -> None:
        """Let the process wait for the next run, but not for ever."""
        if self._idle is not None:
            self._idle.cancel()
        self._idle = threading.Timer(_IDLE, self._let_go)
        self._idle.daemon = True
        self._idle.start()

    def forget(self, client: WorkerClient | None) -> None:
        """Have the next run start another process."""
        if self._client is client:
            self._client = None

    def close(self) -> None:
        """End the process."""
        client, self._client = self._client, None
        if self._idle is not None:
            self._idle.cancel()
        if client is not None:
            client.close()

    def _let_go(self) -> None:
        """End a process that nobody needs, so that its memory and its GPU are free for others."""
        if self.occupied.acquire(blocking=False):
            try:
                self.close()
            finally:
                self.occupied.release()


#: By the address of their Dask workers, of which one process may hold several.
_stations: dict[str, _Station] = {}


def _resident(process: int) -> int:
    """Bytes that a process holds; 0 if that cannot be said."""
    import psutil

    if not process:
        return 0
    try:
        return int(psutil.Process(process).memory_info().rss)
    except psutil.Error:
        return 0


def _gigabytes(count: int) -> str:
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"


def _failed(sentence: str, cause: str = "") -> dict[str, Any]:
    return {"kind": "failed", "sentence": sentence, "cause": cause}


def _how_lost(told: Mapping[str, Any]) -> str:
    """What became of a process that ended by itself, and what to do."""
    code = told["code"]
    if not told["ready"]:
        last = str(told["text"]).strip().splitlines()
        return f"Matshot could not be started with {sys.executable}: {(last or ['it said nothing'])[-1].rstrip('.')}."
    how = "" if not code else f" (killed by signal {-code})" if code < 0 else f" (exit code {code})"
    return f"Matshot's worker crashed{how} during this run; the next run has a new one."


def as_mapping(order: Order) -> dict[str, Any]:
    """An order as Dask carries it."""
    return asdict(replace(order, inputs=tuple(order.inputs)))
