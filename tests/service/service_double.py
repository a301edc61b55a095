"""Played for tests: a service in this process, an engine that runs jobs in its threads, and files to send."""

from __future__ import annotations

import io
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from matshot.errors import Cancelled, MatshotError
from matshot.farm.engine import RunEvent
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.service.service import Service
from matshot.service.settings import Settings
from matshot.tools.job import ToolRequest
from matshot.tools.run import run

HOST = "http://127.0.0.1:8765"
TOKEN = "a token of enough characters"[:28].replace(" ", "-")


class ThreadEngine:
    """Runs jobs in threads, one at a time; ``gate`` holds them back, ``wish`` replaces what they do."""

    dashboard = ""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.wish: Callable[[ToolRequest, Callable[[RunEvent], None]], None] | None = None
        self._turn = threading.Lock()
        self._cancelled: set[str] = set()
        self._keys: set[str] = set()
        self.closed = False

    @property
    def workers(self) -> list[dict[str, Any]]:
        return [{"name": "0", "address": "here", "busy": False, "gpu": False}]

    def submit(self, key: str, asked: ToolRequest, told: Callable[[RunEvent], None], *, priority: int = 0) -> None:
        self._keys.add(key)
        threading.Thread(target=self._carry, args=(key, asked, told), daemon=True).start()

    def cancel(self, key: str) -> None:
        self._cancelled.add(key)

    def close(self) -> None:
        self.closed = True
        self._cancelled |= self._keys
        self.gate.set()

    def _check(self, key: str) -> None:
        if key in self._cancelled:
            raise Cancelled

    def _carry(self, key: str, asked: ToolRequest, told: Callable[[RunEvent], None]) -> None:
        def progress(fraction: float, stage: str) -> None:
            self._check(key)
            told(RunEvent("progress", fraction, stage))

        try:
            with self._turn:
                told(RunEvent("started"))
                while not self.gate.wait(0.01):
                    self._check(key)
                progress(0.0, "begun")
                if self.wish is not None:
                    self.wish(asked, told)
                    return
                ran = run(
                    asked, progress=progress, on_preview=lambda path: told(RunEvent("progress", preview=str(path)))
                )
            told(RunEvent("done", 1.0, results=tuple(one.as_json() for one in ran.outputs), failures=ran.failures))
        except Cancelled:
            told(RunEvent("cancelled"))
        except MatshotError as error:
            told(RunEvent("failed", sentence=error.sentence, cause=error.cause))


@dataclass
class Running:
    """A service, its engine, and a client of it."""

    service: Service
    engine: ThreadEngine
    client: httpx.Client
    settings: Settings
    app: Any = field(repr=False, default=None)
    stopped: bool = False

    def stop(self) -> None:
        """End it in order."""
        if not self.stopped:
            self.stopped = True
            self.client.__exit__(None, None, None)

    def kill(self) -> None:
        """As if it had been killed: the database lets go, and nothing more is noted."""
        self.stopped = True
        self.service.runner.abandon()
        self.service.webhooks.close()
        self.service.sweeper.close()
        self.service.store.close()
        self.engine.close()

    def send(self, data: bytes, name: str = "brick.png") -> str:
        answer = self.client.post("/v1/assets", params={"name": name}, content=data)
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["id"])

    def ask(self, tool: str, inputs: list[Any], **parameters: Any) -> httpx.Response:
        return self.client.post("/v1/jobs", json={"tool": tool, "inputs": inputs, "parameters": parameters})

    def upscale(self, *inputs: Any, **parameters: Any) -> str:
        answer = self.ask("upscale", list(inputs), **{"scale": 2, "method": "bicubic", **parameters})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def wait(self, job: str, *states: str, seconds: float = 30.0) -> dict[str, Any]:
        return waited(self.client, job, *states, seconds=seconds)


def waited(client: httpx.Client, job: str, *states: str, seconds: float = 30.0) -> dict[str, Any]:
    """A job when it has come to one of the states; those that end it, if none are named."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found: dict[str, Any] = client.get(f"/v1/jobs/{job}").json()
        if found["state"] in (states or ("done", "failed", "cancelled")):
            return found
        time.sleep(0.02)
    raise AssertionError(f"job {job} is still {found}")


def sentence(answer: httpx.Response) -> str:
    """Of a failure, which has to have its one shape."""
    error = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(error) == {"type", "title", "status", "detail", "code", "cause"}
    assert (error["type"], error["status"]) == (f"urn:matshot:problem:{error['code']}", answer.status_code)
    assert error["detail"].endswith(".")
    assert "\n" not in error["detail"]
    return str(error["detail"])


def picture(seed: int = 0, side: int = 16, suffix: str = ".png") -> bytes:
    """Noise as an image file."""
    pixels = np.random.default_rng(seed).random((side, side, 3), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        return write_texture(Texture(pixels), Path(folder) / f"noise{suffix}").read_bytes()


def zip_of(files: dict[str, bytes]) -> bytes:
    """A zip with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def material_zip(prefix: str = "") -> bytes:
    """A small material."""
    maps = {"wall_basecolor.png": picture(1), "wall_roughness.png": picture(2), "wall_normal.png": picture(3)}
    return zip_of({f"{prefix}{name}": data for name, data in maps.items()})
