"""Connections that cannot be held open for nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Seconds that the head of a request may take, from the connection or its first byte on.
HEAD = 20.0
#: Seconds that a client may take nothing of an answer that waits for it.
STALLED = 120.0
#: Bytes of a head, or of what comes with pieces of a body besides their contents, that a request may have.
MOST_BYTES = 1 << 16


class BoundedConnection(HttpToolsProtocol):
    """A connection that ends when its client sends no whole request, or takes no answer, for too long.

    It ends, too, when a head is too large.

    Uvicorn itself bounds only the time between an answer and the next byte. How long the body of a request may take is
    for whoever reads it.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._head = self.loop.call_later(HEAD, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._end_wait("_head")
        self._end_wait("_stall")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a head, unless this was it."""
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MOST_BYTES:
            self.send_400_response("The head of the request is too large.")
        if self.cycle is not None and not self.cycle.response_complete:
            self._end_wait("_head")
        elif self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(HEAD, self.transport.abort)

    def on_headers_complete(self) -> None:
        """A head is read."""
        super().on_headers_complete()
        self._unread = 0

    def on_body(self, body: bytes) -> None:
        """A piece of a body is read."""
        super().on_body(body)
        self._unread = 0

    def on_message_complete(self) -> None:
        """A request is read."""
        super().on_message_complete()
        self._unread = 0

    def pause_writing(self) -> None:
        """Begin to wait for a client that takes nothing."""
        super().pause_writing()
        self._end_wait("_stall")
        self._stall = self.loop.call_later(STALLED, self.transport.abort)

    def resume_writing(self) -> None:
        """The client takes something again."""
        super().resume_writing()
        self._end_wait("_stall")

    def _end_wait(self, name: str) -> None:
        timer: asyncio.TimerHandle | None = getattr(self, name)
        if timer is not None:
            timer.cancel()
        setattr(self, name, None)
