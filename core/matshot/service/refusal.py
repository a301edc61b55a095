"""Errors of the service with their HTTP status."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Mapping
from typing import Any

from ..errors import MatshotError

_FULL = (errno.ENOSPC, errno.EDQUOT)


#: Codes of failures, which programs may rely on, with their status and title. Where several have a status, the first is
#: that of a refusal that names none.
CODES: dict[str, tuple[int, str]] = {
    "malformed": (400, "The request or the upload is malformed"),
    "token": (401, "The token is missing or wrong"),
    "forbidden": (403, "The request comes from another site or host"),
    "scope": (403, "The token does not allow this"),
    "unknown": (404, "Unknown address"),
    "unknown_asset": (404, "Unknown asset"),
    "unknown_job": (404, "Unknown job"),
    "unknown_preset": (404, "Unknown preset"),
    "method": (405, "The method is not supported"),
    "timeout": (408, "The request timed out"),
    "not_done": (409, "The job is not done"),
    "no_results": (409, "The job ended without results"),
    "too_large": (413, "Too many bytes or pixels"),
    "unsupported": (415, "Neither an image nor a material"),
    "invalid": (422, "Inputs or parameters do not fit"),
    "key_taken": (422, "The idempotency key belongs to another job"),
    "queue_full": (429, "The queue is full"),
    "internal": (500, "Something went wrong inside Matshot"),
    "unavailable": (503, "The service is not available"),
    "disk_full": (507, "The disk is full"),
    "quota_full": (507, "The storage quota is used up"),
}
#: Headers of a refusal of what has not come whole: the connection ends, or its rest would be awaited.
ENDING = {"Connection": "close"}
#: Media type of failures (RFC 9457).
PROBLEM_TYPE = "application/problem+json"


class Refusal(MatshotError):
    """A request that is refused, with its HTTP status.

    Args:
        status: of HTTP.
        sentence: for the artist.
        cause: technical detail.
        headers: of the answer.
        code: of :data:`CODES`; empty for that of the status.
    """

    def __init__(
        self, status: int, sentence: str, cause: str = "", headers: Mapping[str, str] | None = None, code: str = ""
    ) -> None:
        super().__init__(sentence, cause)
        self.status, self.headers = status, dict(headers or {})
        self.code = code or code_of(status)

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


def code_of(status: int) -> str:
    """The code of a failure of which only the HTTP status is known."""
    other = "malformed" if status < 500 else "internal"
    return next((code for code, (own, _) in CODES.items() if own == status), other)


def problem(status: int, sentence: str, cause: str = "", code: str = "") -> dict[str, Any]:
    """A failure as clients get it, as RFC 9457 has it."""
    code = code or code_of(status)
    return {
        "type": f"urn:matshot:problem:{code}",
        "title": CODES[code][1],
        "status": status,
        "detail": sentence,
        "code": code,
        "cause": cause,
    }


def is_full(error: BaseException) -> bool:
    """Whether the disk is full."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _FULL
