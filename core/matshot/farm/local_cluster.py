"""A Dask cluster inside this process: nobody else can reach it, and only the processes beside it can crash.

Dask opens HTTP servers for its scheduler and every worker. Here none listens, unless the dashboard is wanted; then that
of the scheduler alone does, at the loopback address, for requests that name it: a page of another site could reach the
port through the user's browser.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import MatshotError

if TYPE_CHECKING:
    from distributed import LocalCluster

#: Address of the dashboard: loopback, any port.
_LOOPBACK = "127.0.0.1:0"
#: Names under which the dashboard may be asked for.
_OWN_NAMES = ("127.0.0.1", "localhost")
#: Extension of Dask that remembers every run for as long as the scheduler lives.
_GROWING_EXTENSION = "spans"
_FORBIDDEN = 403


def local_cluster(count: int, failures: int, *, gpu: bool, dashboard: bool) -> LocalCluster:
    """Start a cluster.

    Args:
        count: of its workers, each of one thread.
        failures: of one run that Dask retries by itself.
        gpu: whether the workers have one.
        dashboard: whether its pages can be looked at.

    Raises:
        MatshotError: when the workers do not start.
    """
    import dask
    from distributed import LocalCluster, Scheduler, Worker, scheduler, worker

    class QuietScheduler(Scheduler):
        """Listens for browsers only if it is to."""

        def start_http_server(
            self, routes: Any, dashboard_address: Any, default_port: Any = 0, ssl_options: Any = None
        ) -> None:
            if dashboard:
                super().start_http_server(routes, _LOOPBACK, default_port, ssl_options)  # type: ignore[no-untyped-call]
                _keep_out_others(self.http_application)

    class QuietWorker(Worker):
        """Never listens for browsers."""

        def start_http_server(
            self, routes: Any, dashboard_address: Any, default_port: Any = 0, ssl_options: Any = None
        ) -> None:
            pass

    class QuietCluster(LocalCluster):
        """Of such a scheduler."""

        async def _start(self) -> None:
            self.scheduler_spec["cls"] = QuietScheduler
            await super()._start()  # type: ignore[no-untyped-call]

    settings = {
        # The engine itself counts how often a run took its worker with it.
        "distributed.scheduler.allowed-failures": failures + 1,
        # What Dask keeps of the past, and how often it profiles itself, is for clusters that need debugging.
        "distributed.worker.profile.enabled": False,
        "distributed.admin.low-level-log-length": 100,
        "distributed.admin.system-monitor.log-length": 120,
        "distributed.admin.tick.interval": "500ms",
    }
    scheduling, working = (
        {name: one for name, one in module.DEFAULT_EXTENSIONS.items() if name != _GROWING_EXTENSION}
        for module in (scheduler, worker)
    )
    try:
        with dask.config.set(settings):
            return QuietCluster(  # type: ignore[no-untyped-call]
                n_workers=count,
                threads_per_worker=1,
                processes=False,
                memory_limit=0,  # would be that of this process
                dashboard_address=_LOOPBACK if dashboard else None,
                worker_class=QuietWorker,
                silence_logs=logging.CRITICAL,
                resources={"GPU": 1} if gpu else None,
                scheduler_kwargs={"extensions": scheduling, "dashboard": dashboard},
                extensions=working,
                worker_dashboard_address=None,
            )
    except (OSError, RuntimeError, TimeoutError) as error:
        raise MatshotError("The workers of this machine could not be started.", repr(error)) from error


def _keep_out_others(application: Any) -> None:
    """Answer only requests that name this machine and do not come from a page of another site."""
    from tornado.web import ErrorHandler

    found = application.find_handler

    def find_handler(request: Any, **options: Any) -> Any:
        host = request.headers.get("Host", "")
        origin = request.headers.get("Origin")
        foreign = origin is not None and urlsplit(origin).netloc != host
        if _name(host) not in _OWN_NAMES or foreign or request.headers.get("Sec-Fetch-Site") == "cross-site":
            return application.get_handler_delegate(request, ErrorHandler, {"status_code": _FORBIDDEN})
        return found(request, **options)

    application.find_handler = find_handler


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
