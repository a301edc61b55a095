"""Work that is done again and again beside the service's requests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger("matshot.service")


class Recurring:
    """Does something every few seconds, in a thread of its own.

    Args:
        name: of the thread, and in the log.
        seconds: between its turns.
        work: to do.
    """

    def __init__(self, name: str, seconds: float, work: Callable[[], None]) -> None:
        self._name, self._seconds, self._work = name, seconds, work
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"matshot {name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Let the thread end; work in progress finishes first or goes with the process."""
        self._closing.set()

    def _run(self) -> None:
        while not self._closing.wait(self._seconds):
            try:
                self._work()
            except Exception:  # what fails now, whatever it is, is tried again at the next turn
                _log.exception("%s", self._name)
