"""Inputs of a batch read ahead, by threads that a disk which does not answer cannot hold up."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import MatshotError
from .units import Unit

#: Threads that read.
_READERS = 4
#: Seconds that reading the inputs of one unit may take without an end: many gigabytes of a slow disk.
_PATIENCE = 120.0


@dataclass(eq=False)
class Examination:
    """The reading of one unit's inputs.

    Attributes:
        number: of the unit in its library.
        unit: whose inputs are read.
    """

    number: int
    unit: Unit
    _began: float = 0.0
    _done: threading.Event = field(default_factory=threading.Event)
    _stamps: dict[str, Any] | None = None
    _error: BaseException | None = None

    def ended(self) -> bool:
        """Whether the inputs are read, or cannot be."""
        return self._done.is_set()

    def stamps(self) -> dict[str, Any] | None:
        """What :class:`Readers` found.

        Raises:
            MatshotError: for what could not be read.
        """
        if self._error is not None:
            raise self._error
        return self._stamps

    def run(self, examine: Callable[[Unit], dict[str, Any] | None]) -> None:
        """Read; in a thread of :class:`Readers`."""
        self._began = time.monotonic()
        try:
            self._stamps = examine(self.unit)
        except BaseException as error:
            self._error = self._error or error
        self._done.set()

    def overdue(self) -> bool:
        """Whether reading has begun and takes too long."""
        return not self.ended() and self._began > 0 and time.monotonic() - self._began > _PATIENCE

    def fail(self) -> None:
        """End it as failed, whatever its thread still waits for."""
        place = next(iter(self.unit.files.values()), self.unit.key)
        sentence = f"{place} could not be read within {_PATIENCE:g} seconds. Check that its disk answers."
        self._error = MatshotError(sentence)
        self._done.set()


class Readers:
    """Threads that read inputs. They end with the process, even if a disk never answers them.

    Args:
        examine: reads the inputs of one unit; None if it is done already.
    """

    def __init__(self, examine: Callable[[Unit], dict[str, Any] | None]) -> None:
        self._examine = examine
        self._waiting: queue.SimpleQueue[Examination | None] = queue.SimpleQueue()
        self._count = 0
        for _ in range(_READERS):
            self._add()

    def examine(self, number: int, unit: Unit) -> Examination:
        """Have the inputs of a unit read; returns at once."""
        examination = Examination(number, unit)
        self._waiting.put(examination)
        return examination

    def gave_up(self, examination: Examination) -> bool:
        """Whether reading takes too long; it has failed then, and another thread takes the place of its own."""
        if not examination.overdue():
            return False
        examination.fail()
        self._add()
        return True

    def close(self) -> None:
        """Let the threads end when they have read what they are at."""
        while not self._waiting.empty():
            self._waiting.get()
        for _ in range(self._count):
            self._waiting.put(None)

    def _add(self) -> None:
        self._count += 1
        threading.Thread(target=self._read, name="matshot reader", daemon=True).start()

    def _read(self) -> None:
        while (examination := self._waiting.get()) is not None:
            examination.run(self._examine)
