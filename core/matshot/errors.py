"""Errors as sentences for artists, and the end of a job that was cancelled."""

from __future__ import annotations

from matshot_host.errors import MatshotError, quoted, unknown_choice

__all__ = ["Cancelled", "MatshotError", "quoted", "unknown_choice"]


class Cancelled(Exception):
    """Raised by a progress callback to stop a job; whatever was half-written is removed.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import brick_wall
        >>> def stop(fraction, stage):
        ...     raise matshot.Cancelled
        >>> try:
        ...     matshot.upscale(brick_wall(64)["basecolor"], progress=stop)
        ... except matshot.Cancelled:
        ...     print("cancelled")
        cancelled
    """
