"""Workers of this machine without a cluster: threads that each lead one worker process.

It looks to the engine as a Dask client does, as far as the engine asks. Nothing listens on any port, and a run costs no
more than a message to its process and back. While every thread is busy, each takes one run ahead, whose order its
process has already when the run before it ends; a thread with nothing to do gets it back.
"""

from __future__ import annotations

import collections
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from .worker_task import WorkerOrder, carry_out


class LocalPool:
    """Threads that run what they are given, in order.

    Args:
        count: of threads.
        gpu: whether the machine has a GPU, which each of them may use.
    """

    def __init__(self, count: int, *, gpu: bool) -> None:
        self.status = "running"
        self._waiting: collections.deque[PoolRun] = collections.deque()
        self._ready = threading.Condition()
        self._idle = 0
        self._ahead: dict[int, PoolRun] = {}
        self._calls: dict[int, Callable[[], None]] = {}
        self._take: Callable[[tuple[float, Any]], None] = lambda _: None
        self._gpu = gpu
        self._addresses = [f"local://{os.getpid()}-{id(self)}/{number}" for number in range(count)]
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"matshot worker {number}", daemon=True)
            for number in range(count)
        ]
        for one in self._threads:
            one.start()

    @property
    def addresses(self) -> list[str]:
        """One for each worker; they are reached from nowhere else."""
        return list(self._addresses)

    def address(self, number: int) -> str:
        """Address of a worker."""
        return self._addresses[number]

    def submit(self, function: Callable[..., None], order: WorkerOrder, **_: Any) -> PoolRun:
        """Have an order run; returns at once.

        Args:
            function: for a cluster to call; the pool itself carries the order out.
            order: what to do.
        """
        del function
        run = PoolRun(order)
        with self._ready:
            self._waiting.append(run)
            self._ready.notify()
            call = self._calls.popitem()[1] if self._calls and not self._idle else None
        if call is not None:
            call()
        return run

    def subscribe_topic(self, topic: str, take: Callable[[tuple[float, Any]], None]) -> None:
        """Have messages of all runs handed on."""
        del topic
        self._take = take

    def scheduler_info(self, **_: Any) -> dict[str, Any]:
        """The workers, as Dask describes them."""
        resources = {"GPU": 1} if self._gpu else {}
        return {
            "workers": {
                address: {"name": str(number), "resources": resources} for number, address in enumerate(self.addresses)
            }
        }

    def close(self, timeout: float = 5.0) -> None:
        """End the threads, after what they are at has stopped."""
        with self._ready:
            self.status = "closed"
            self._ready.notify_all()
        for one in self._threads:
            one.join(timeout)

    def run_ahead(self, number: int, call: Callable[[], None]) -> PoolRun | None:
        """A run for a thread to do next, while it is still at another; None where that would not help.

        Args:
            number: of the thread.
            call: called once when there may be one, if there is none now.
        """
        with self._ready:
            if number in self._ahead:
                return None
            if self._idle or not self._waiting:
                self._calls[number] = call
                return None
            run = self._ahead[number] = self._waiting.popleft()
            return run

    @property
    def has_idle(self) -> bool:
        """Whether a thread has nothing to do."""
        return self._idle > 0

    def put_back(self, number: int) -> None:
        """Leave the run that a thread has taken ahead to whichever is free first."""
        with self._ready:
            run = self._ahead.pop(number, None)
            if run is not None:
                self._waiting.appendleft(run)
                self._ready.notify()

    def _run(self, number: int) -> None:
        while (run := self._next(number)) is not None:
            try:
                carry_out(run.order, _PoolCarrier(self, run, number))
                run.end("finished")
            except Exception as error:  # fails this run alone, as on a cluster; the thread takes the next
                run.end("error", error)

    def _next(self, number: int) -> PoolRun | None:
        """The next run of a thread; None when the pool has closed."""
        with self._ready:
            self._calls.pop(number, None)
            if (run := self._ahead.pop(number, None)) is not None:
                return run
            self._idle += 1
            try:
                while True:
                    while self._waiting and self.status == "running":
                        run = self._waiting.popleft()
                        if run.status != "cancelled":
                            return run
                    if self.status != "running":
                        return None
                    self._ready.wait()
            finally:
                self._idle -= 1

    def tell(self, message: Mapping[str, Any]) -> None:
        """Hand a message on."""
        self._take((0.0, message))


class PoolRun:
    """A run of the pool, as Dask's future of it.

    Args:
        order: what to do.

    Attributes:
        order: likewise.
        status: ``pending``, ``finished``, ``error`` or ``cancelled``.
    """

    def __init__(self, order: WorkerOrder) -> None:
        self.order = order
        self.status = "pending"
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[PoolRun], None]] = []
        self._lock = threading.Lock()

    def add_done_callback(self, callback: Callable[[PoolRun], None]) -> None:
        """Have a function called when the run has ended."""
        with self._lock:
            if self.status == "pending":
                self._callbacks.append(callback)
                return
        callback(self)

    def cancel(self) -> None:
        """Cancel it; one that runs notices."""
        with self._lock:
            if self.status == "pending":
                self.status = "cancelled"

    def exception(self) -> BaseException | None:
        """Why it failed."""
        return self._error

    def end(self, status: str, error: BaseException | None = None) -> None:
        """Note the end; a run that was cancelled stays so."""
        with self._lock:
            if self.status != "pending":
                return
            self.status, self._error = status, error
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback(self)


class _PoolCarrier:
    """What a run sees of its thread."""

    memory_limit = 0

    def __init__(self, pool: LocalPool, run: PoolRun, number: int) -> None:
        self._pool, self._run, self._number = pool, run, number
        self.address, self.name = pool.address(number), str(number)

    def send(self, message: Mapping[str, Any]) -> None:
        self._pool.tell(message)

    def is_cancelled(self) -> bool:
        return self._run.status == "cancelled"

    def is_closing(self) -> bool:
        return self._pool.status != "running"

    def take_ahead(self, call: Callable[[], None]) -> tuple[WorkerOrder, _PoolCarrier] | None:
        run = self._pool.run_ahead(self._number, call)
        return None if run is None else (run.order, _PoolCarrier(self._pool, run, self._number))

    def is_ahead_wanted(self) -> bool:
        return self._pool.has_idle

    def give_ahead(self) -> None:
        self._pool.put_back(self._number)
