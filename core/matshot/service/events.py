"""Events of jobs for clients that follow them: server-sent events, which a client can resume.

An event's id is ``START.NUMBER``: the number of the service's start, and a count. A client that returns with an id of
this start gets what followed it; any other gets the job as it is now.
"""

from __future__ import annotations

import asyncio
import collections
import json
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

#: Events of one job that are kept for clients that return.
_KEPT = 256
#: The same of the whole queue.
_KEPT_OF_ALL = 512
#: Name of the stream of the whole queue, which no job has.
QUEUE = ""
#: Seconds for which events are gathered before they are sent.
_MOMENT = 0.05
#: Events that may wait for a slow client.
_WAITING = 512
#: Jobs whose end is remembered for clients that return, which they do within seconds.
_REMEMBERED = 256
#: Digits of an id that can be one of ours.
_DIGITS = 18
#: Seconds of silence after which a comment keeps the connection open.
KEEP_ALIVE = 10.0


@dataclass(frozen=True)
class Event:
    """An event of a job.

    Attributes:
        number: counts all events since the service started.
        kind: ``state``, ``progress``, ``preview`` or ``log``.
        job: that it is of.
        body: JSON of an object, written once: thousands are kept, and as objects they would take several times as much.
        last: whether nothing follows about the job.
        owner: whose job it is of.
    """

    number: int
    kind: str
    job: str
    body: bytes
    last: bool = False
    owner: str = ""


def json_body(data: Mapping[str, Any]) -> bytes:
    """The body of an event: an object that is not empty, as JSON."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


class Listener:
    """One connection; created in the event loop that reads it.

    Args:
        owner: whose events it gets; None for all.
        jobs: of which it gets events; None for all.
    """

    def __init__(self, owner: str | None = None, jobs: Collection[str] | None = None) -> None:
        self._owner, self._jobs = owner, jobs
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._waiting: list[Event | None] = []
        self._awaited = {QUEUE}
        self._wake = asyncio.Event()
        self._is_idle, self._is_gathering = True, False

    def put(self, event: Event | None) -> None:
        """Pass an event on, from any thread; None ends the connection."""
        if event is not None and not self.hears(event):
            return
        with self._lock:
            if len(self._waiting) == _WAITING:
                # Too slow: the client reconnects, and then gets the job as it is.
                self._waiting, event = [], None
            self._waiting.append(event)
            # To wake the loop costs more than to send a small event, so it is done once for those of a moment.
            if event is None:
                self._awaited.clear()
            elif event.last:
                self._awaited.discard(event.job)
            urgent = self._is_idle or not self._awaited
            self._is_idle = False
        if urgent:
            # A loop that has ended has no connections any more.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake_reader)

    def _wake_reader(self) -> None:
        with self._lock:
            if not self._is_gathering or not self._awaited:
                self._wake.set()

    def hears(self, event: Event) -> bool:
        """Whether an event is for this connection."""
        return (self._owner is None or event.owner == self._owner) and (self._jobs is None or event.job in self._jobs)

    async def next(self, seconds: float, awaited: Collection[str]) -> list[Event | None]:
        """The next events, at least one; None ends the connection.

        Those of a moment come together, those that end what is awaited at once.

        Args:
            seconds: to wait for the first.
            awaited: jobs after whose ends nothing is awaited.

        Raises:
            TimeoutError: when there is none for so long.
        """
        while not self._is_ready(awaited):
            await asyncio.wait_for(self._wake.wait(), seconds)
        if self._is_gathering:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _MOMENT)
        with self._lock:
            found, self._waiting, self._is_gathering = self._waiting, [], False
        return found

    def _is_ready(self, awaited: Collection[str]) -> bool:
        """Whether events wait; if not, the next one wakes the loop."""
        with self._lock:
            ended = {event.job for event in self._waiting if event is not None and event.last}
            self._awaited = set() if None in self._waiting else set(awaited) - ended
            self._is_idle = not self._waiting
            self._is_gathering = bool(self._waiting and self._awaited)
            self._wake.clear()
            return bool(self._waiting)


@dataclass
class _Stream:
    kept: collections.deque[Event] = field(default_factory=lambda: collections.deque(maxlen=_KEPT))
    listeners: set[Listener] = field(default_factory=set)
    #: Whether a connection has followed it yet; one that broke may return for what it missed.
    followed: bool = False
    #: Number of the last event that was not written, for nobody had followed by then.
    unwritten: int = 0


@dataclass(frozen=True, eq=False)
class _Waiter:
    """A request that waits for the end of a job.

    Attributes:
        loop: of the request.
        ended: set at the end.
    """

    loop: asyncio.AbstractEventLoop
    ended: asyncio.Event

    def release(self) -> None:
        """Say that it has ended, from any thread."""
        with suppress(RuntimeError):  # a loop that has ended has no requests any more
            self.loop.call_soon_threadsafe(self.ended.set)


class EventStreams:
    """Events of all running jobs, and the connections that follow them; for any thread.

    Args:
        start: number of the service's start.
    """

    def __init__(self, start: int) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._number = 0
        self._streams: dict[str, _Stream] = {}
        self._ended: collections.OrderedDict[str, int] = collections.OrderedDict()
        self._waiters: dict[str, set[_Waiter]] = {}
        self._closed = False
        self._queue = _Stream(collections.deque(maxlen=_KEPT_OF_ALL))

    def publish(self, job: str, kind: str, body: Callable[[], bytes], *, last: bool = False, owner: str = "") -> None:
        """Send an event to all connections that follow a job, or the whole queue.

        Args:
            job: that it is of.
            kind: of the event.
            body: writes it, unless nobody has followed yet: a client that comes later gets the job as it is then.
            last: whether nothing follows about the job.
            owner: whose job it is of.
        """
        with self._lock:
            stream = self._streams.get(job)
            followed = self._queue.followed or (stream is not None and stream.followed)
        written = body() if followed else b""
        with self._lock:
            self._number += 1
            stream = self._streams.setdefault(job, _Stream())
            if followed:
                event = Event(self._number, kind, job, written, last, owner)
                for one in (self._queue, stream):
                    one.kept.append(event)
                    for listener in one.listeners:
                        listener.put(event)
            else:
                self._queue.unwritten = stream.unwritten = self._number
            for waiter in self._waiters.get(job, ()) if last else ():
                waiter.release()
            if last:
                self._streams.pop(job)
                self._ended[job] = self._number
                if len(self._ended) > _REMEMBERED:
                    self._ended.popitem(last=False)

    @contextmanager
    def awaited_end(self, job: str) -> Iterator[asyncio.Event]:
        """An event that is set when a job ends, or the service does; for a task of the event loop.

        A job that has ended before is not known here any more, so look it up after this.

        Args:
            job: to wait for.
        """
        waiter = _Waiter(asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiters.setdefault(job, set()).add(waiter)
            if self._closed:
                waiter.release()
        try:
            yield waiter.ended
        finally:
            with self._lock:
                waiting = self._waiters[job]
                waiting.remove(waiter)
                if not waiting:
                    self._waiters.pop(job)

    def has_seen_end(self, job: str, last_id: str) -> bool:
        """Whether a client that returns with an id has surely seen the end of a job."""
        number = self._number_of(last_id)
        with self._lock:
            end = self._ended.get(job)
            return number is not None and end is not None and number >= end

    def _number_of(self, last_id: str) -> int | None:
        """The number in an id that was sent since this start, else None."""
        start, _, number = last_id.partition(".")
        if start != str(self._start) or not number.isascii() or not number.isdecimal() or len(number) > _DIGITS:
            return None
        return int(number) if int(number) <= self._number else None

    def subscribe(
        self, job: str, last_id: str, owner: str | None = None, jobs: Collection[str] | None = None
    ) -> tuple[Listener, list[Event] | None, int]:
        """Follow a job.

        Args:
            job: to follow; :data:`QUEUE` for all.
            last_id: id of the last event that the client has seen; empty for none.
            owner: whose events it gets; None for all.
            jobs: of which it gets events in the stream of all; None for all.

        Returns:
            The listener, the events that it has missed (None if they are not known, so that it needs the job as it
            is), and the number of the last event.
        """
        listener = Listener(owner, jobs)
        with self._lock:
            stream = self._queue if job == QUEUE else self._streams.setdefault(job, _Stream())
            stream.listeners.add(listener)
            stream.followed = True
            if self._closed:
                listener.put(None)
            missed = self._missed(stream, last_id)
            return (
                listener,
                missed if missed is None else [event for event in missed if listener.hears(event)],
                self._number,
            )

    def _missed(self, stream: _Stream, last_id: str) -> list[Event] | None:
        number = self._number_of(last_id)
        if number is None:
            return None
        if number < stream.unwritten:
            return None
        if stream.kept.maxlen == len(stream.kept) and stream.kept[0].number > number + 1:
            return None
        return [event for event in stream.kept if event.number > number]

    def unsubscribe(self, job: str, listener: Listener) -> None:
        """Stop following a job."""
        with self._lock:
            self._queue.listeners.discard(listener)
            stream = self._streams.get(job)
            if stream is not None:
                stream.listeners.discard(listener)
                if not stream.listeners and not stream.kept:
                    self._streams.pop(job)

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            self._closed = True
            for stream in (self._queue, *self._streams.values()):
                for listener in stream.listeners:
                    listener.put(None)
            for waiting in self._waiters.values():
                for waiter in waiting:
                    waiter.release()

    @property
    def listeners(self) -> int:
        """Number of connections."""
        with self._lock:
            return sum(len(stream.listeners) for stream in (self._queue, *self._streams.values()))

    def text(self, event: Event, stream: str) -> bytes:
        """An event as it is sent; in the stream of the whole queue it names its job."""
        body = event.body
        if stream == QUEUE:
            body = b'{"job":"%s",%s' % (event.job.encode(), body.removeprefix(b"{"))
        head = f"id: {self._start}.{event.number}\nevent: {event.kind}\ndata: "
        return b"%s%s\n\n" % (head.encode(), body)

    async def stream(
        self, job: str, listener: Listener, first: list[Event], open_jobs: Collection[str] | None = None
    ) -> AsyncIterator[bytes]:
        """Bytes of a connection, until what it follows or the service ends.

        Args:
            job: that it follows; :data:`QUEUE` for all.
            listener: of the connection.
            first: events that are sent at once.
            open_jobs: whose ends end the connection; None for the job, or for no end.
        """
        left = set(open_jobs) if open_jobs is not None else {job}
        try:
            texts = [b"retry: 1000\n\n"]
            for known in first:
                texts.append(self.text(known, job))
                if known.last:
                    left.discard(known.job)
            sent = max((known.number for known in first), default=0)
            while True:
                # What comes in a burst is sent together.
                yield b"".join(texts)
                if not left:
                    return
                texts = []
                try:
                    following = await listener.next(KEEP_ALIVE, left)
                except TimeoutError:
                    texts.append(b": still here\n\n")
                    continue
                for event in following:
                    if event is None:
                        yield b"".join(texts)
                        return
                    ended = open_jobs is not None and event.job not in left
                    if event.number > sent and not ended:
                        texts.append(self.text(event, job))
                    if event.last:
                        left.discard(event.job)
        finally:
            self.unsubscribe(job, listener)
