"""What ends a job before its result."""

from __future__ import annotations

from matshot_host.errors import MatshotError

__all__ = ["Cancelled", "MatshotError"]


class Cancelled(Exception):
    """Raised by a progress callback to stop a job; whatever was half-written is removed."""
