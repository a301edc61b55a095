"""Clearing away what has expired, by the service's own time, which no jump of the clock moves."""

from __future__ import annotations

import contextlib

from .assets import Assets
from .heap import trim_heap
from .jobs import Jobs
from .pictures import Pictures
from .recurring import Recurring
from .refusal import Refusal
from .store import Store, now

#: Seconds between sweeps.
_INTERVAL = 60.0
#: Seconds that pictures for browsers are kept.
_PICTURES = 3600.0


class Sweeper(Recurring):
    """Removes expired jobs, assets and pictures, every minute in a thread of its own.

    Args:
        keep_days: after which jobs that have ended, and unused assets, expire; 0 keeps them.
        store: database of the service.
        assets: of the service.
        jobs: of the service.
        pictures: of the service.
    """

    def __init__(self, keep_days: float, store: Store, assets: Assets, jobs: Jobs, pictures: Pictures) -> None:
        super().__init__("sweeping", _INTERVAL, self.sweep)
        self._keep_days, self._store = keep_days, store
        self._assets, self._jobs, self._pictures = assets, jobs, pictures

    def sweep(self) -> None:
        """Remove what has expired, what was deleted and is still there, and pictures that can be drawn again."""
        self._store.note_time()
        trim_heap()
        self._pictures.remove_older(now() - _PICTURES)
        for identifier in self._store.job_ids(deleted=True):
            self._jobs.remove(identifier)
        if not self._keep_days:
            return
        before = self._store.service_time() - self._keep_days * 86400
        for identifier in self._store.job_ids(ended_before=before):
            self._jobs.remove(identifier)
        for identifier in self._store.asset_ids(unused_since=before):
            with contextlib.suppress(Refusal):
                self._assets.delete(identifier)
