"""``matshot serve``: from settings to a service that listens."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from ..errors import MatshotError
from ..files import os_reason
from .heap import frozen_modules, share_heap

if TYPE_CHECKING:
    from collections.abc import Callable

    from .settings import Settings

#: Connections at once.
_CONNECTIONS = 2048
#: Seconds that an idle connection is kept.
_IDLE = 30
#: Seconds that answers have to end when the service does.
_PATIENCE = 3
#: Connections that wait to be taken.
_BACKLOG = 512


def serve(settings: Settings, report: Callable[[str], None]) -> None:
    """Serve until the process is asked to end.

    Args:
        settings: how.
        report: called with a line on where it listens.

    Raises:
        MatshotError: when a package is missing, the address or the folder cannot be used, or no worker starts.
    """
    try:
        import fastapi  # noqa: F401
        import httptools  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise MatshotError(
            "The service needs more packages. Run: pip install 'matshot[service]'", str(error)
        ) from error
    from ..farm.engine import Engine
    from .connection import BoundedConnection
    from .routes import make_app
    from .service import Service

    share_heap()
    listening = _socket(settings)
    memory = str(settings.memory) if settings.memory else ""
    with (
        listening,
        Engine(
            scheduler=settings.scheduler,
            workers=settings.workers,
            memory=memory,
            seconds=settings.seconds,
            dashboard=settings.dashboard,
        ) as engine,
    ):
        service = Service(settings, engine)

        class Server(uvicorn.Server):
            """Ends the connections that follow jobs, which would not end by themselves."""

            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                service.events.close()
                await super().shutdown(sockets)

        config = uvicorn.Config(
            make_app(service),
            http=BoundedConnection,
            ws="none",
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=_IDLE,
            timeout_graceful_shutdown=_PATIENCE,
            lifespan="on",
        )
        host, port = listening.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        report(f"Serving at http://{shown}:{port}/ from {service.data.path}. Press Ctrl-C to stop.")
        if engine.dashboard:
            report(f"The cluster's dashboard is at {engine.dashboard}.")
        with frozen_modules():
            Server(config).run([listening])


def _socket(settings: Settings) -> socket.socket:
    """Opened before anything starts, so that a port in use is reported at once."""
    host = settings.host.strip("[]")
    try:
        family = socket.getaddrinfo(host, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise MatshotError(
            f"The service cannot listen at {settings.host}, port {settings.port}: {os_reason(error)}."
        ) from error
