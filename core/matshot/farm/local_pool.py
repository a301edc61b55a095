"""Workers of this machine without a cluster: threads that each lead one worker process.

It looks to the engine as a Dask client does, as far as the engine asks. Nothing listens on any port, and a run costs no
more than a message to its process and back.
"""

from __future__ import annotations

import os
import queue
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
        self._waiting: queue.SimpleQueue[PoolRun | None] = queue.SimpleQueue()
        self._take: Callable[[tuple[float, Any]], None] = lambda _: None
        self._gpu = gpu
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"matshot worker {number}", daemon=True)
            for number in range(count)
        ]
        for one in self._threads:
            one.start()

    @property
    def addresses(self) -> list[str]:
        """One for each worker; they are reached from nowhere else."""
        return [self.address(number) for number in range(len(self._threads))]

    def address(self, number: int) -> str:
        """Address of a worker."""
        return f"local://{os.getpid()}-{id(self)}/{number}"

    def submit(self, function: Callable[..., None], order: Mapping[str, Any], **_: Any) -> PoolRun:
        """Have an order run; returns at once.

        Args:
            function: for a cluster to call; the pool itself carries the order out.
            order: a :class:`~matshot.farm.worker_task.WorkerOrder` as a mapping.
        """
        del function
        run = PoolRun(WorkerOrder(**order))
        self._waiting.put(run)
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
        self.status = "closed"
        for _ in self._threads:
            self._waiting.put(None)
        for one in self._threads:
            one.join(timeout)

    def _run(self, number: int) -> None:
        while (run := self._waiting.get()) is not None:
            if run.status == "cancelled":
                continue
            try:
                carry_out(run.order, _PoolCarrier(self, run, number))
                run.end("finished")
            except Exception as error:  # fails this run alone, as on a cluster; the thread takes the next
                run.end("error", error)

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
        self._pool, self._run = pool, run
        self.address, self.name = pool.address(number), str(number)

    def send(self, message: Mapping[str, Any]) -> None:
        self._pool.tell(message)

    def is_cancelled(self) -> bool:
        return self._run.status == "cancelled"

    def is_closing(self) -> bool:
        return self._pool.status != "running"
