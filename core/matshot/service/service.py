"""The service without HTTP: its parts, put together."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .assets import Assets
from .data_folder import DataFolder
from .events import EventStreams
from .inspector import Inspector
from .jobs import Jobs
from .metrics import Metrics
from .pictures import Pictures
from .refusal import Refusal
from .runner import Runner
from .settings import Settings
from .store import Store
from .sweeping import Sweeper
from .webhooks import Webhooks

if TYPE_CHECKING:
    from ..farm.engine import Engine

_log = logging.getLogger("matshot.service")


class Service:
    """Assets, jobs and pictures of one data folder; for any thread.

    In the folder the database counts; :mod:`~matshot.service.data_folder` knows what may be removed there.

    Args:
        settings: how it runs.
        engine: runs the jobs; closed with the service.
        inspector: looks into uploads, likewise; None for one of its own.

    Attributes:
        settings: how it runs.
        data: its folder.
        store: its database.
        events: streams of jobs' events.
        metrics: counters for Prometheus.
        assets: uploads.
        jobs: as clients see them.
        pictures: for browsers.
        webhooks: that are to be delivered.
        sweeper: removes what has expired.

    Raises:
        MatshotError: when the folder cannot be used.
    """

    def __init__(self, settings: Settings, engine: Engine, inspector: Inspector | None = None) -> None:
        self.settings, self._engine = settings, engine
        self.data = DataFolder(settings.data)
        self.store = Store(self.data.database)
        self.events = EventStreams(self.store.begin())
        self.metrics = Metrics()
        self.inspector = inspector or Inspector(settings.pixels)
        self.assets = Assets(settings, self.data, self.store, self.inspector, self.metrics)
        self.runner = Runner(
            self.data, self.store, engine, self.events, self.inspector, self.metrics, settings.keep_days
        )
        self.jobs = Jobs(settings, self.data, self.store, self.assets, self.runner)
        self.pictures = Pictures(self.data, self.assets, self.jobs, self.inspector)
        self.webhooks = Webhooks(self.store, settings.webhook_secret, self.runner.write_log)
        self.sweeper = Sweeper(settings.keep_days, self.store, self.assets, self.jobs, self.pictures)

    def start(self) -> None:
        """Tidy the folder, and run again what the last service did not end."""
        if self.store.backup is not None:
            _log.warning("The database was brought to this version; a copy of the old one is %s.", self.store.backup)
        self.data.tidy(self.store.asset_ids(), self.store.job_ids())
        self.sweeper.start()
        self.webhooks.start()
        self.runner.start()

    def close(self) -> None:
        """End; jobs that run are taken up again at the next start."""
        self.sweeper.close()
        self.webhooks.close()
        self.runner.abandon()
        self.events.close()
        self.runner.close()
        self.inspector.close()
        self.store.close()

    def check(self) -> None:
        """Check that it works.

        Raises:
            Refusal: when it does not.
        """
        try:
            self.store.check()
        except sqlite3.Error as error:
            raise Refusal(503, "The service's database does not answer.", str(error)) from error
        if not self.runner.alive:
            raise Refusal(503, "The service is shutting down.")

    def metrics_text(self) -> str:
        """Counters and gauges in Prometheus' text format."""
        workers = self._engine.workers
        states: dict[tuple[tuple[str, str], ...], float] = {
            (("state", state),): float(count) for state, count in self.store.counts().items()
        }
        disk = shutil.disk_usage(self.data.path)
        gauges: list[tuple[str, str, Mapping[tuple[tuple[str, str], ...], float]]] = [
            ("matshot_jobs", "Jobs that are kept, by state.", states),
            ("matshot_workers", "Workers.", {(): float(len(workers))}),
            ("matshot_workers_busy", "Workers that run a job.", {(): float(sum(bool(one["busy"]) for one in workers))}),
            ("matshot_workers_gpu", "Workers with a GPU.", {(): float(sum(bool(one["gpu"]) for one in workers))}),
            ("matshot_listeners", "Connections that follow a job.", {(): float(self.events.listeners)}),
            ("matshot_kept_bytes", "Bytes of assets and results.", {(): float(self.store.bytes())}),
            ("matshot_quota_bytes", "Bytes that may be kept; 0 for any.", {(): float(self.settings.quota)}),
            ("matshot_disk_free_bytes", "Bytes free on the disk.", {(): float(disk.free)}),
        ]
        return self.metrics.text(gauges)
