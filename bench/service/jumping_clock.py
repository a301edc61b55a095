"""``matshot`` with a clock that jumps: ``python -m bench.service.jumping_clock FILE serve ...``.

The service's clock is ahead by the seconds that the file holds at that moment.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from matshot.cli.commands import main
from matshot.service import store

_FILE = Path(sys.argv.pop(1))


class JumpingDatetime(datetime):
    """The date and time by that clock."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """Now."""
        return datetime.now(tz) + timedelta(seconds=float(_FILE.read_text() or 0))


if __name__ == "__main__":
    store.datetime = JumpingDatetime  # type: ignore[misc]
    main()
