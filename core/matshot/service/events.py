"""What is told of jobs while they run, for those who listen: server-sent events that can be taken up again.

An event's id is ``START.NUMBER``: the how-manieth start of the service, and a count. Who comes back with an id of this
start gets what followed it; anyone else gets the job as it is now.
"""

from __future__ import annotations

import asyncio
import collections
import json
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

#: Events of one job that are kept for those who come back, and that may wait for a slow listener.
_KEPT, _WAITING = 256, 512
#: Jobs whose end is remembered for those who come back.
_REMEMBERED = 10_000
#: Digits of an id that can be one of ours.
_DIGITS = 18
#: Seconds of silence after which a comment keeps the connection open.
KEEP_ALIVE = 10.0


@dataclass(frozen=True)
class Event:
    """Something that was told.

    Attributes:
        number: counts all events of a start.
        kind: ``state``, ``progress``, ``preview`` or ``log``.
        data: as JSON holds it.
        last: whether nothing follows.
    """

    number: int
    kind: str
    data: Mapping[str, Any]
    last: bool = False


class Listener:
    """One connection; made in the loop that it is read in."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue(_WAITING)

    def put(self, event: Event | None) -> None:
        """Pass an event on, from any thread; None ends the connection."""
        # A loop that has ended has no connections any more.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._put, event)

    def _put(self, event: Event | None) -> None:
        if self._queue.full():
            # It is too slow: it is to come back, and then gets the job as it is.
            while not self._queue.empty():
                self._queue.get_nowait()
            event = None
        self._queue.put_nowait(event)

    async def next(self, seconds: float) -> Event | None:
        """The next event; None ends the connection.

        Raises:
            TimeoutError: when there is none for so long.
        """
        return await asyncio.wait_for(self._queue.get(), seconds)


@dataclass
class _Feed:
    kept: collections.deque[Event] = field(default_factory=lambda: collections.deque(maxlen=_KEPT))
    listeners: set[Listener] = field(default_factory=set)


class Feeds:
    """Events of all jobs that run, and who listens; for any thread.

    Args:
        start: how often the service has started by now.
    """

    def __init__(self, start: int) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._number = 0
        self._feeds: dict[str, _Feed] = {}
        self._ended: collections.OrderedDict[str, int] = collections.OrderedDict()
        self._closed = False

    def tell(self, job: str, kind: str, data: Mapping[str, Any], *, last: bool = False) -> None:
        """Tell an event to all who listen to a job."""
        with self._lock:
            self._number += 1
            event = Event(self._number, kind, data, last)
            feed = self._feeds.setdefault(job, _Feed())
            feed.kept.append(event)
            for listener in feed.listeners:
                listener.put(event)
            if last:
                self._feeds.pop(job)
                self._ended[job] = event.number
                if len(self._ended) > _REMEMBERED:
                    self._ended.popitem(last=False)

    def heard_end(self, job: str, last_id: str) -> bool:
        """Whether who comes back with an id has heard the end of a job."""
        number = self._number_of(last_id)
        with self._lock:
            return number is not None and number >= self._ended.get(job, 0)

    def _number_of(self, last_id: str) -> int | None:
        """The number in an id of this start that was given out, else None."""
        start, _, number = last_id.partition(".")
        if start != str(self._start) or not number.isascii() or not number.isdecimal() or len(number) > _DIGITS:
            return None
        return int(number) if int(number) <= self._number else None

    def listen(self, job: str, last_id: str) -> tuple[Listener, list[Event] | None, int]:
        """Begin to listen.

        Args:
            job: to listen to.
            last_id: id of the last event that was heard; empty for none.

        Returns:
            The listener, what it has missed (None if that is not known: it is to be told the job as it is), and the
            number of the last event.
        """
        listener = Listener()
        with self._lock:
            feed = self._feeds.setdefault(job, _Feed())
            feed.listeners.add(listener)
            if self._closed:
                listener.put(None)
            return listener, self._missed(feed, last_id), self._number

    def _missed(self, feed: _Feed, last_id: str) -> list[Event] | None:
        number = self._number_of(last_id)
        if number is None:
            return None
        if feed.kept.maxlen == len(feed.kept) and feed.kept[0].number > number + 1:
            return None
        return [event for event in feed.kept if event.number > number]

    def leave(self, job: str, listener: Listener) -> None:
        """End listening."""
        with self._lock:
            feed = self._feeds.get(job)
            if feed is not None:
                feed.listeners.discard(listener)
                if not feed.listeners and not feed.kept:
                    self._feeds.pop(job)

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            self._closed = True
            for feed in self._feeds.values():
                for listener in feed.listeners:
                    listener.put(None)

    @property
    def listeners(self) -> int:
        """How many connections there are."""
        with self._lock:
            return sum(len(feed.listeners) for feed in self._feeds.values())

    def text(self, event: Event) -> bytes:
        """An event as it is sent."""
        data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))
        return f"id: {self._start}.{event.number}\nevent: {event.kind}\ndata: {data}\n\n".encode()

    async def stream(self, job: str, listener: Listener, first: list[Event]) -> AsyncIterator[bytes]:
        """What a connection is sent, until the job has ended or the service ends."""
        try:
            yield b"retry: 1000\n\n"
            for event in first:
                yield self.text(event)
                if event.last:
                    return
            told = max((event.number for event in first), default=0)
            while True:
                try:
                    heard = await listener.next(KEEP_ALIVE)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if heard is None:
                    return
                if heard.number > told:
                    yield self.text(heard)
                if heard.last:
                    return
        finally:
            self.leave(job, listener)
