"""Progress that nests, and cancelling.

A tool calls ``progress(fraction, stage)`` between units of work. Whoever listens may raise
:class:`~matshot.errors.Cancelled` from the call, which ends the job with nothing half-written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from .errors import Cancelled

#: What a listener is: called with a fraction in [0, 1] that never falls, and what is being done.
Listener = Callable[[float, str], None]


class Progress:
    """A part of a job, as a span of its listener's [0, 1].

    Args:
        listener: receives fractions of the whole job; None for nobody.
        start: where this part begins.
        stop: where it ends.
        stage: said with every call that says nothing itself.
    """

    def __init__(self, listener: Listener | None, start: float = 0.0, stop: float = 1.0, stage: str = "") -> None:
        self._listener, self._start, self._stop, self._stage = listener, start, stop, stage
        self._reached = start

    def __call__(self, fraction: float, stage: str = "") -> None:
        """Say how much of this part is done.

        Raises:
            Cancelled: when the listener does.
        """
        if self._listener is not None:
            inside = min(max(fraction, 0.0), 1.0)
            self._reached = max(self._reached, self._start + (self._stop - self._start) * inside)
            self._listener(self._reached, stage or self._stage)

    def part(self, start: float, stop: float, stage: str = "") -> Progress:
        """The span ``start`` to ``stop`` of this part, as a part of its own."""
        width = self._stop - self._start
        return Progress(self._listener, self._start + width * start, self._start + width * stop, stage or self._stage)

    def held(self) -> Progress:
        """For work whose share is not known: says again how far this part is, so that it can be cancelled."""
        return _Held(self)


class _Held(Progress):
    def __init__(self, whole: Progress) -> None:
        super().__init__(whole._listener)
        self._whole = whole

    def __call__(self, fraction: float, stage: str = "") -> None:
        whole = self._whole
        if whole._listener is not None:
            whole._listener(whole._reached, stage or whole._stage)


class CancelSwitch:
    """Wraps a listener so that another thread can stop the job at its next report."""

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener
        self._pressed = threading.Event()

    def cancel(self) -> None:
        """Ask the job to stop."""
        self._pressed.set()

    def __call__(self, fraction: float, stage: str) -> None:
        """Pass the report on, or stop.

        Raises:
            Cancelled: after :meth:`cancel`.
        """
        if self._pressed.is_set():
            raise Cancelled
        if self._listener is not None:
            self._listener(fraction, stage)
