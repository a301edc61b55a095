"""Errors of the service with their HTTP status."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Mapping

from ..errors import MatshotError

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Refusal(MatshotError):
    """A request that is refused, with its HTTP status.

    Args:
        status: of HTTP.
        sentence: for the artist.
        cause: technical detail.
        headers: of the answer.
    """

    def __init__(self, status: int, sentence: str, cause: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence, cause)
        self.status, self.headers = status, dict(headers or {})

    @property
    def parts(self) -> tuple[int, str, str]:
        """Status, sentence and cause."""
        return self.status, self.sentence, self.cause

    @classmethod
    def of_disk(cls, error: OSError | sqlite3.Error) -> Refusal:
        """The refusal for a disk that cannot be read or written."""
        if is_full(error):
            return cls(507, "The service's disk is full. Nothing was stored.", str(error))
        return cls(503, "The service's disk cannot be read or written.", str(error))


def is_full(error: BaseException) -> bool:
    """Whether the disk is full."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _FULL
