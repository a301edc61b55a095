"""Several files at a time: read, enlarged and written by threads, reported in their order by one.

What one file leaves idle (a core while another reads, compresses or waits for the disk) the next one uses. Files wait
for memory rather than take smaller tiles, so that each comes out as it does alone.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from ..errors import Cancelled, MatshotError
from ..inference.memory import Budget
from ..progress import Progress

T = TypeVar("T")
R = TypeVar("R")

#: Seconds between two reports of progress, which are also when a job can be canceled.
_PULSE = 0.05


class SharedMemory:
    """Bytes that files of one process share.

    Args:
        limit: bytes that the process may hold in all.
        held: bytes that it holds before the first file.
    """

    def __init__(self, limit: int, held: int) -> None:
        self._limit, self._held = limit, held
        self._taken: list[int] = []
        self._changed = threading.Condition()

    def budget(self, count: int) -> Budget:
        """What a file has that itself takes so many bytes, as if it were alone."""
        return Budget(self._limit, self._held + count)

    @contextlib.contextmanager
    def reserved(self, count: int, progress: Progress) -> Iterator[None]:
        """Wait until so many bytes are free, or nobody else has any.

        Raises:
            Cancelled: when the listener raises it while waiting.
        """
        with self._changed:
            while self._taken and sum(self._taken) + count > self._limit - self._held:
                self._changed.wait(_PULSE)
                progress.heartbeat()(0.0)
            self._taken.append(count)
        try:
            yield
        finally:
            with self._changed:
                self._taken.remove(count)
                self._changed.notify_all()


def finished(
    tasks: Sequence[T],
    work: Callable[[T, Progress], R],
    workers: int,
    progress: Progress,
    stage: Callable[[int], str],
) -> Generator[R | MatshotError, None, None]:
    """Results of tasks in their order, as soon as each is there, or the errors that they raised.

    Whatever ends the iteration early (an error of another kind, Cancelled, an interrupt) ends the tasks at their next
    report; none runs on when this returns.

    Args:
        tasks: to do.
        work: called with a task and its progress, in any thread.
        workers: threads; 1 for the caller's own.
        progress: of all tasks together; called in the caller's thread alone.
        stage: what is being done, by the index of a task.

    Raises:
        Cancelled: when the listener raises it.
    """
    if workers == 1:
        for index, task in enumerate(tasks):
            part = progress.part(index / len(tasks), (index + 1) / len(tasks), stage(index))
            part(0.0)
            try:
                result: R | MatshotError = work(task, part)
            except MatshotError as error:
                result = error
            yield result
        return
    reached = [0.0] * len(tasks)
    stopped = threading.Event()

    def one(index: int) -> R | MatshotError:
        def listener(fraction: float, _: str) -> None:
            if stopped.is_set():
                raise Cancelled
            reached[index] = fraction

        try:
            listener(0.0, "")
            return work(tasks[index], Progress(listener))
        except MatshotError as error:
            return error

    with ThreadPoolExecutor(workers, "matshot") as pool:
        futures = [pool.submit(one, index) for index in range(len(tasks))]
        try:
            for index, future in enumerate(futures):
                while not future.done():
                    progress(sum(reached) / len(tasks), stage(index))
                    wait([future], _PULSE)
                reached[index] = 1.0
                progress(sum(reached) / len(tasks), stage(index))
                yield future.result()
        finally:
            stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
