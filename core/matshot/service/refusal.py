"""What the service does not do, as HTTP says it."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Mapping

from ..errors import MatshotError

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Refusal(MatshotError):
    """A sentence with the status that it is answered with.

    Args:
        status: of HTTP.
        sentence: for the artist.
        cause: technical detail.
        headers: that the answer gets.
    """

    def __init__(self, status: int, sentence: str, cause: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence, cause)
        self.status, self.headers = status, dict(headers or {})

    @property
    def told(self) -> tuple[int, str, str]:
        """Status, sentence and cause."""
        return self.status, self.sentence, self.cause

    @classmethod
    def of_disk(cls, error: OSError | sqlite3.Error) -> Refusal:
        """What is said of a disk that does not do as it should."""
        if is_full(error):
            return cls(507, "The service's disk is full; nothing was kept of this.", str(error))
        return cls(503, "The service's disk cannot be read or written.", str(error))


def is_full(error: BaseException) -> bool:
    """Whether there is no room left."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _FULL
