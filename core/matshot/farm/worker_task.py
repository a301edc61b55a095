"""One run on a worker, in the process of Matshot beside it.

A worker is one of Dask, or a thread of :class:`~matshot.farm.local_pool.LocalPool`. Each keeps one ``matshot.worker``
process with its loaded models. A crash, too much memory or too much time of that process is reported as the run's
failure, and the worker lives on; if the process is killed from outside, the run may be retried. Messages on a run go
to the topic of its engine, see :func:`run_order`.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from matshot_host.client import Event, WorkerClient
from matshot_host.location import WorkerCommand
from matshot_host.tools import tool

from .. import __version__
from ..files import os_reason, remove

if TYPE_CHECKING:
    from distributed import Worker

#: Fewest seconds between progress messages of one run: a scheduler receives those of every worker.
PACE = 0.2
#: Seconds between checks of a run: whether it was cancelled, how much memory it holds.
_CHECK = 0.05
#: Seconds after which a process that does not follow a cancel is killed.
_CANCEL = 0.6
#: Seconds without work after which the process ends and frees its models.
_IDLE = 600.0
#: Share of a run's memory limit that its tool plans for; the rest is for what it cannot foresee.
_PLANNED = 0.8
#: Exit code of a process that was killed from outside, such as by a system out of memory.
_KILLED = -9
#: Prefix of the folder of one attempt, in the run's folder.
_ATTEMPT = "run-"
_ATTEMPT_FOLDER = re.compile(_ATTEMPT + "[0-9a-f]{8}")


#: Among the messages of a process: that an order may be there to take ahead.
_LOOK = Event("look", 0, {})


@dataclass(frozen=True)
class WorkerOrder:
    """A run, as it travels to a worker.

    Attributes:
        name: of this run, which every message on it carries.
        topic: of the engine.
        version: of the engine's Matshot.
        tool: its name.
        inputs: as :class:`~matshot.tools.job.ToolRequest` has them.
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


def run_order(order: Mapping[str, Any]) -> None:
    """Run a tool; the task that Dask executes.

    Sends ``{"run", "kind", ...}`` to the order's topic: ``started`` (``worker``: address), ``progress`` (``fraction``,
    ``stage``, ``preview``), and at the end ``done`` (``results``, ``failures``), ``failed`` (``sentence``, ``cause``)
    or ``cancelled``. A run that ends without a message on its end was given up by its worker and may be retried.

    Args:
        order: an :class:`WorkerOrder` as a mapping.
    """
    from distributed import get_worker

    known = WorkerOrder(**order)
    carry_out(known, _DaskCarrier(get_worker(), known.topic))


class Carrier(Protocol):
    """What carries a run: a Dask worker, or a thread of this process.

    Attributes:
        address: by which its process is found again.
        name: its number, where it is one of several on a machine.
        memory_limit: bytes that its runs may hold; 0 for any.
    """

    address: str
    name: str
    memory_limit: int

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message to the engine."""

    def is_cancelled(self) -> bool:
        """Whether the engine took the run back, or ended."""

    def is_closing(self) -> bool:
        """Whether the carrier itself ends."""

    def take_ahead(self, call: Callable[[], None]) -> tuple[WorkerOrder, Carrier] | None:
        """An order that the process may have before this run has ended, and what carries it.

        Args:
            call: called from any thread when there may be one, if there is none now, which None says.
        """

    def is_ahead_wanted(self) -> bool:
        """Whether somebody else could start that order at once."""

    def give_ahead(self) -> None:
        """Leave that order, which has not begun, to somebody else."""


class _DaskCarrier:
    """The Dask worker that executes this task."""

    def __init__(self, worker: Worker, topic: str) -> None:
        self._worker, self._topic = worker, topic
        self._task = worker.get_current_task()
        self.address, self.name = worker.address, str(worker.name)
        limit = worker.memory_manager.memory_limit
        self.memory_limit = int(limit) if limit else 0

    def send(self, message: Mapping[str, Any]) -> None:
        self._worker.log_event(self._topic, dict(message))

    def is_cancelled(self) -> bool:
        task = self._worker.state.tasks.get(self._task)
        return task is None or task.state == "cancelled"

    def is_closing(self) -> bool:
        return self._worker.status.name not in ("running", "paused")

    def take_ahead(self, call: Callable[[], None]) -> None:
        return None  # Dask itself sends its workers orders ahead

    def is_ahead_wanted(self) -> bool:
        return False

    def give_ahead(self) -> None:
        raise AssertionError("there is none")


def carry_out(known: WorkerOrder, carrier: Carrier) -> None:
    """Run a tool in the process beside a carrier; messages as of :func:`run_order`."""

    def send(kind: str, **values: Any) -> None:
        carrier.send({"run": known.name, "kind": kind, **values})

    if known.version != __version__:
        sentence = f"The worker {carrier.address} has Matshot {__version__}, and this is {known.version}"
        send("failed", sentence=f"{sentence}. Install one version everywhere.", cause="")
        return
    station = _stations.setdefault(carrier.address, _Station())
    # On a Dask worker with several threads, runs wait for the one process.
    while not station.occupied.acquire(timeout=_CHECK):
        if carrier.is_cancelled() or carrier.is_closing():
            return
    try:
        attempt, station.ahead = station.ahead, None
        if attempt is None or attempt.name != known.name:
            attempt = _Attempt(known, carrier, station)
        if attempt.unwanted():
            attempt.take_back()
        else:
            send("started", worker=carrier.address)
            end = attempt.run()
            if end is not None:
                send(**end)
    finally:
        station.rest()
        station.occupied.release()


def close_stations(addresses: Iterable[str]) -> None:
    """End the processes beside workers that live in this process, which are gone or about to go."""
    for address in addresses:
        station = _stations.pop(address, None)
        if station is not None:
            station.close()


class _Attempt:
    """A run in the process beside this worker.

    Attributes:
        name: of the run.
    """

    def __init__(self, order: WorkerOrder, carrier: Carrier, station: _Station) -> None:
        self.name = order.name
        self._order, self._carrier, self._station = order, carrier, station
        self._memory = order.memory or carrier.memory_limit
        self._place = os.path.join(order.folder, _ATTEMPT + os.urandom(4).hex())
        self._process: WorkerClient | None = None
        self._number = self._revoke = 0
        self._is_warned = False
        self._sent, self._progress = time.monotonic(), {"fraction": 0.0, "stage": "", "preview": ""}

    def unwanted(self) -> bool:
        """Whether the run was cancelled, or the Dask worker is closing."""
        return self._cancelled() or self._closing()

    def prepare(self, process: WorkerClient) -> bool:
        """Give the process the order, before the run that it is at has ended; whether that was possible."""
        try:
            self._make_place()
        except OSError:
            return False  # when its turn comes, it fails with a sentence
        self._request(process)
        return True

    def warn(self) -> None:
        """Have the process pass over the order when its turn comes, which is unwanted by now."""
        if self._process is not None and not self._is_warned:
            self._is_warned = True
            self._process.notify("cancel", {"job": self._number})

    def ask_back(self) -> None:
        """Ask the process to give the order back if it has not begun it."""
        if self._process is not None and not self._revoke:
            self._revoke = self._process.request("revoke", {"job": self._number})

    def has_given_back(self, event: Event) -> bool:
        """Whether an event is the process's answer to that, and says that it never begins the order."""
        if not self._revoke or event.request != self._revoke:
            return False
        self._revoke = 0
        return bool(event.data.get("revoked"))

    def take_back(self) -> None:
        """End what the process has of the order."""
        if self._process is not None and self._is_prepared():
            self.warn()
            self._await_end(self._number)
        self.forget()

    def forget(self) -> None:
        """Remove what was prepared of an order that the process does not have any more."""
        if self._process is not None:
            shutil.rmtree(self._place, ignore_errors=True)

    def run(self) -> dict[str, Any] | None:
        """The run's last message; None when it should be retried: its worker closes, or its process was killed."""
        end: dict[str, Any] | None = None
        if not self._is_prepared():
            try:
                self._make_place()
            except OSError as error:
                sentence = f"The folder {self._place} cannot be created: {os_reason(error)}."
                return {"kind": "failed", "sentence": sentence, "cause": repr(error)}
            self._process = None
        try:
            end = self._followed()
        finally:
            if end is None or end["kind"] != "done":
                shutil.rmtree(self._place, ignore_errors=True)
        return end

    def _is_prepared(self) -> bool:
        """Whether the process has the order, and is still there."""
        return self._process is not None and self._station.holds(self._process)

    def _make_place(self) -> None:
        # An earlier attempt ended with its worker or its process.
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self._order.folder):
                if _ATTEMPT_FOLDER.fullmatch(name):
                    remove(Path(self._order.folder, name))
        os.makedirs(self._place)

    def _request(self, process: WorkerClient) -> None:
        order = self._order
        self._process = process
        self._number = process.request(
            "run",
            {
                "tool": order.tool, "inputs": list(order.inputs), "parameters": self._parameters(),
                "folder": self._place, "output": order.output, "form": dict(order.form),
            },
        )  # fmt: skip

    def _send(self, kind: str, **values: Any) -> None:
        self._carrier.send({"run": self.name, "kind": kind, **values})

    def _followed(self) -> dict[str, Any] | None:
        order = self._order
        rested = True
        if self._process is None:
            client = self._station.process(order, self._carrier)
            rested = client.ready
            self._request(client)
        process, number = self._process, self._number
        assert process is not None
        self._sent = began = time.monotonic()
        while True:
            self._look_ahead(process)
            with contextlib.suppress(queue.Empty):
                event = process.events.get(timeout=_CHECK)
                rested = rested and event.request != number
                # One that has not said a word of this run may have died before, while it had nothing to do.
                if event.kind == "lost" and (rested or event.data["code"] == _KILLED):
                    self._station.forget(process)
                    return None
                if self._station.ahead is not None and self._station.ahead.has_given_back(event):
                    self._station.ahead.forget()
                    self._station.ahead = None
                    self._carrier.give_ahead()
                if self.has_given_back(event):
                    self._request(process)  # by now it is this one's turn
                    number = self._number
                end = self._handled(event, number)
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
                return _failed(f"The run took longer than its limit of {order.seconds:g} seconds.")
            held = self._held(process)
            if self._memory and held > self._memory:
                self._kill()
                return _failed(
                    f"The run needed more memory than its limit of {_gigabytes(self._memory)}. Raise the limit, or use "
                    "fewer workers per machine.",
                    f"{held} bytes",
                )

    def _look_ahead(self, process: WorkerClient) -> None:
        """Give the process the order that comes next, so that it does not wait for it between two short runs.

        One that is unwanted by now is not to begin, and one that another worker could begin at once goes to that.
        """
        ahead = self._station.ahead
        if ahead is not None:
            if ahead.unwanted():
                ahead.warn()
            elif self._carrier.is_ahead_wanted():
                ahead.ask_back()
            return
        taken = self._carrier.take_ahead(lambda: process.events.put(_LOOK))
        if taken is not None:
            attempt = _Attempt(*taken, self._station)
            if attempt.prepare(process):
                self._station.ahead = attempt

    def _held(self, process: WorkerClient) -> int:
        """Bytes that the process holds, looked up every now and then; 0 in between, and if unknown."""
        return _resident(process.pid) if self._memory and self._station.is_check_due() else 0

    def _handled(self, event: Event, number: int) -> dict[str, Any] | None:
        """Handle a message of the process; the run's last message if this was the end."""
        if event.kind == "lost":
            self._station.forget(self._process)
            return _failed(_loss(event.data), str(event.data["text"]))
        if event.request != number:
            return None
        if event.kind == "progress":
            self._advance(event.data)
        elif event.kind == "result":
            data = event.data
            return {"kind": "done", "results": data.get("results", []), "failures": data.get("failures", [])}
        elif event.kind == "error":
            return _failed(event.data["sentence"], event.data["cause"])
        return None

    def _advance(self, data: Mapping[str, Any]) -> None:
        """Pass on progress, no more often than the order's pace."""
        fresh = {name: data[name] for name in self._progress if data.get(name)}
        shown = fresh.get("preview", self._progress["preview"]) != self._progress["preview"]
        self._progress.update(fresh)
        now = time.monotonic()
        if shown or now - self._sent >= self._order.pace:
            self._sent = now
            self._send("progress", **self._progress)

    def _cancelled(self) -> bool:
        """Whether the engine took the run back, or ended."""
        return self._carrier.is_cancelled()

    def _closing(self) -> bool:
        return self._carrier.is_closing()

    def _stop(self, number: int) -> None:
        """Ask the process to cancel the run, and kill it if it does not."""
        assert self._process is not None
        self._process.notify("cancel", {"job": number})
        self._await_end(number)

    def _await_end(self, number: int) -> None:
        """Wait for the end of a run that was cancelled, and kill the process if it does not follow."""
        assert self._process is not None
        until = time.monotonic() + _CANCEL
        while (left := until - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                event = self._process.events.get(timeout=left)
                if event.kind == "lost":
                    self._station.forget(self._process)
                    return
                if self.has_given_back(event) or (event.request == number and event.kind in ("result", "error")):
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
        """The order's parameters, with this machine's share where the order leaves it open."""
        parameters = dict(self._order.parameters)
        table = tool(self._order.tool)
        if table.has("memory") and self._memory and not parameters.get("memory"):
            parameters["memory"] = str(int(_PLANNED * self._memory))
        if table.has("threads") and self._order.threads and not parameters.get("threads"):
            parameters["threads"] = self._order.threads
        return parameters


#: Environment variables from which libraries take their number of threads.
_THREADS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENIMAGEIO_THREADS", "OPENCV_FOR_THREADS_NUM",
)  # fmt: skip


def _environment(order: WorkerOrder, carrier: Carrier) -> dict[str, str]:
    """Environment of the process that an order runs in."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    if order.threads:
        environment |= dict.fromkeys(_THREADS, str(order.threads))
    if order.gpus > 1 and carrier.name.isdigit():
        gpus = [one for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one]
        gpus = gpus or [str(number) for number in range(order.gpus)]
        environment["CUDA_VISIBLE_DEVICES"] = gpus[int(carrier.name) % len(gpus)]
    return environment


class _Station:
    """The process beside one worker.

    Attributes:
        occupied: held by the run of the process: one at a time.
        ahead: the run that the process has the order of while it is still at another.
    """

    def __init__(self) -> None:
        self.occupied = threading.Lock()
        self.ahead: _Attempt | None = None
        self._share: tuple[int, int, str] | None = None
        self._client: WorkerClient | None = None
        self._idle: threading.Timer | None = None
        self._rested = self._checked = 0.0

    def is_check_due(self) -> bool:
        """Whether the memory of the process is to be looked up, which takes as long as a tenth of a small run."""
        now = time.monotonic()
        due = now - self._checked >= _CHECK
        if due:
            self._checked = now
        return due

    def process(self, order: WorkerOrder, carrier: Carrier) -> WorkerClient:
        """The process, started if none fits; its environment is that of its start."""
        share = (order.threads, order.gpus, carrier.name)
        if self._client is not None and self._client.ended:
            self._client = None  # it died while it had nothing to do
        if self._client is not None and self._share != share:
            self.close()
        if self._client is None:
            command = WorkerCommand((sys.executable, "-m", "matshot.worker"), _environment(order, carrier), "the farm")
            self._share = share
            self._client = WorkerClient(command, f"matshot farm {__version__}", "")
        return self._client

    def holds(self, client: WorkerClient) -> bool:
        """Whether a process is this one, and was not given up."""
        return self._client is client

    def rest(self) -> None:
        """Let the process wait for the next run, for a while."""
        self._rested = time.monotonic()
        if self._idle is None:
            self._watch(_IDLE)

    def _watch(self, seconds: float) -> None:
        """Look after a while whether the process is idle: one timer, however many runs come in between."""
        self._idle = threading.Timer(seconds, self._close_idle)
        self._idle.daemon = True
        self._idle.start()

    def forget(self, client: WorkerClient | None) -> None:
        """Make the next run start another process."""
        if self._client is client:
            self._client = None

    def close(self) -> None:
        """End the process."""
        client, self._client = self._client, None
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if client is not None:
            client.close()

    def _close_idle(self) -> None:
        """End an idle process, so that its memory and its GPU are free for others."""
        left = self._rested + _IDLE - time.monotonic()
        if left > 0 or not self.occupied.acquire(blocking=False):
            self._watch(max(left, 0.0) or _IDLE)
            return
        try:
            self.close()
        finally:
            self.occupied.release()


#: By the address of their workers, of which one process may hold several.
_stations: dict[str, _Station] = {}


def _resident(process: int) -> int:
    """Bytes that a process holds; 0 if unknown."""
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


def _loss(data: Mapping[str, Any]) -> str:
    """A sentence on a process that ended by itself."""
    code = data["code"]
    if not data["ready"]:
        last = str(data["text"]).strip().splitlines()
        return f"Matshot could not be started with {sys.executable}: {(last or ['no error message'])[-1].rstrip('.')}."
    how = "" if not code else f" (killed by signal {-code})" if code < 0 else f" (exit code {code})"
    return f"Matshot's worker crashed{how} during this run; the next run gets a new one."


def order_mapping(order: WorkerOrder) -> dict[str, Any]:
    """An order as Dask sends it."""
    return asdict(replace(order, inputs=tuple(order.inputs)))
