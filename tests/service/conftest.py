"""Services to ask. Tests import what else they share by its name."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

# The benchmarks of the service run it as these tests do.
sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("fastapi")
pytest.importorskip("httpx")

import uvicorn
from fastapi.testclient import TestClient
from service_double import HOST, Running, ThreadEngine

from matshot.service.inspector import Examiner
from matshot.service.routes import make_app
from matshot.service.settings import Settings
from matshot.service.work import Service


@pytest.fixture(scope="session")
def examiner() -> Iterator[Examiner]:
    """Looks into files for all services of the tests: its processes take a while to start."""
    shared = Examiner(Settings().pixels)
    yield shared
    shared.close()


@pytest.fixture
def start(tmp_path: Path, examiner: Examiner) -> Iterator[Callable[..., Running]]:
    """Starts services in this process; keywords are settings, and ``held`` for an engine that waits for its gate."""
    opened: list[Running] = []

    def started(*, folder: Path | None = None, held: bool = False, **given: Any) -> Running:
        settings = Settings(data=folder or tmp_path / "service", **{"spare": 0, **given})
        engine = ThreadEngine()
        if held:
            engine.gate.clear()
        service = Service(settings, engine)  # type: ignore[arg-type]
        if settings.pixels == Settings().pixels:
            # It is not the service's to close.
            service.examiner = mock.Mock(wraps=examiner, close=lambda: None)
        app = make_app(service)
        client = TestClient(app, base_url=HOST, raise_server_exceptions=False, follow_redirects=False)
        client.__enter__()
        opened.append(Running(service, engine, client, settings, app))
        return opened[-1]

    yield started
    for running in opened:
        running.stop()


@pytest.fixture
def running(start: Callable[..., Running]) -> Running:
    return start()


@pytest.fixture
def listening(running: Running) -> Iterator[str]:
    """Address of a service in this process that listens on a port; the application is started by ``running``."""
    server = uvicorn.Server(uvicorn.Config(running.app, port=0, lifespan="off", log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    running.service.feeds.close()
    server.should_exit = True
    thread.join(5)
