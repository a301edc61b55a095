"""``matshot serve`` as its users run it, in a process that can be killed, and a client that follows jobs."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import psutil

#: Seconds that a start, and that a job, may take.
_START = 120.0
PATIENCE = 300.0
#: Seconds that a request waits for a result.
_WAIT = 50
_ADDRESS = re.compile(r"Serving at (http://\S+)/ ")


class Served:
    """A service on a free port; a context manager.

    Args:
        folder: for its data.
        options: of the command line besides.
        program: arguments of Python that run ``matshot``.
    """

    def __init__(self, folder: Path, *options: str, program: Sequence[str] = ("-m", "matshot")) -> None:
        self.folder, self._program = folder, program
        self._options = options
        self.client = httpx.Client()
        self.said: list[str] = []
        self.start()

    def __enter__(self) -> Served:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [sys.executable, *self._program, "serve", "--port", "0", "--data", str(self.folder), *self._options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.address = ""
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        until = time.monotonic() + _START
        while not self.address:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the service did not start: " + "".join(self.said[-20:]))
            time.sleep(0.02)
        self.client = self.new_client()
        while True:
            with contextlib.suppress(httpx.TransportError):
                self.client.get("/healthz")
                return
            time.sleep(0.02)

    def new_client(self) -> httpx.Client:
        """Another client of it."""
        return httpx.Client(base_url=self.address, timeout=PATIENCE)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.said.append(line)
            if found := _ADDRESS.search(line):
                self.address = found[1]

    def kill(self) -> None:
        """As power cuts and administrators do."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.client.close()
        return self.process.wait()

    def processes(self, part: str) -> list[psutil.Process]:
        """Its processes whose command line has this in it."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if part in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def resident(self) -> tuple[int, int]:
        """Bytes that the service's own process holds, and all of them together."""
        own = psutil.Process(self.process.pid)
        every = [own, *own.children(recursive=True)]
        held = []
        for process in every:
            with contextlib.suppress(psutil.Error):
                held.append(process.memory_info().rss)
        return held[0], sum(held)

    def processor_seconds(self) -> tuple[float, float]:
        """Processor time so far: of the service with its inspecting processes, and of its workers."""
        spent = [0.0, 0.0]
        own = psutil.Process(self.process.pid)
        for process in (own, *own.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                spent["matshot.worker" in process.cmdline()] += times.user + times.system
        return spent[0], spent[1]

    def send(self, data: bytes, name: str) -> str:
        """Upload a file; its id."""
        return send(self.client, data, name)

    def ask(self, tool: str, asset: str, **parameters: Any) -> str:
        """Start a job; its id."""
        return ask(self.client, tool, asset, **parameters)

    def reach(self, job: str, fraction: float) -> None:
        """Wait until so much of a job is done.

        Raises:
            RuntimeError: when it has ended.
        """
        while (found := self.wait(job, "running"))["fraction"] < fraction:
            if found["ended"] is not None:
                raise RuntimeError(f"job {job} ended: {found['error']}")
            time.sleep(0.02)

    def wait(self, job: str, *states: str) -> dict[str, Any]:
        """A job, when it has come to one of these states, or to its end."""
        until = time.monotonic() + PATIENCE
        while True:
            found: dict[str, Any] = self.client.get(f"/v1/jobs/{job}").json()
            if found["state"] in ("done", "failed", "cancelled", *states):
                return found
            if time.monotonic() > until:
                raise TimeoutError(f"job {job} is still {found['state']}")
            time.sleep(0.02)


def send(client: httpx.Client, data: bytes, name: str) -> str:
    """Upload a file; its id."""
    return str(client.post("/v1/assets", params={"name": name}, content=data).raise_for_status().json()["id"])


def ask(client: httpx.Client, tool: str, asset: str, **parameters: Any) -> str:
    """Start a job; its id. A full queue is asked again."""
    while True:
        answer = client.post("/v1/jobs", json={"tool": tool, "inputs": [asset], "parameters": parameters})
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            return str(answer.raise_for_status().json()["id"])
        time.sleep(float(answer.headers["Retry-After"]))


def order(client: httpx.Client, tool: str, data: bytes, name: str, **parameters: Any) -> str:
    """Start a job on a file that is sent with it; its id. A full queue is asked again."""
    job = json.dumps({"tool": tool, "parameters": parameters})
    while True:
        answer = client.post("/v1/jobs/upload", data={"job": job}, files={"file": (name, data)})
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            return str(answer.raise_for_status().json()["id"])
        time.sleep(float(answer.headers["Retry-After"]))


def result(client: httpx.Client, job: str) -> bytes:
    """The first result of a job, as soon as it has one; empty where it failed."""
    while True:
        answer = client.get(f"/v1/jobs/{job}/results/0", params={"wait": _WAIT})
        if answer.status_code == httpx.codes.OK:
            return answer.content
        if answer.json()["code"] != "not_done":
            return b""


def send_batch(client: httpx.Client, files: Sequence[tuple[str, bytes]]) -> list[str]:
    """Upload several files, with their names, in one request; their ids."""
    answer = client.post("/v1/assets/batch", files=[("file", one) for one in files]).raise_for_status()
    return [str(one["id"]) for one in answer.json()["assets"]]


def ask_batch(client: httpx.Client, tool: str, assets: Sequence[str], **parameters: Any) -> list[str]:
    """Start a job for each asset in one request; their ids. A full queue is asked again."""
    jobs = [{"tool": tool, "inputs": [asset], "parameters": parameters} for asset in assets]
    while True:
        answer = client.post("/v1/jobs/batch", json={"jobs": jobs})
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            return [str(one["id"]) for one in answer.raise_for_status().json()["jobs"]]
        time.sleep(float(answer.headers["Retry-After"]))


def ends(client: httpx.Client, jobs: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Several jobs at their ends, as they come, of which one stream tells."""
    left = set(jobs)
    while left:
        with client.stream("GET", "/v1/events", params={"job": sorted(left)}) as answer:
            answer.raise_for_status()
            for kind, data in _events(answer.iter_lines()):
                if kind == "state" and data["ended"] is not None and data["id"] in left:
                    left.remove(data["id"])
                    yield data


def results(client: httpx.Client, jobs: Sequence[str]) -> dict[str, list[bytes]]:
    """Files of the results of several jobs, by the jobs' ids, in one zip."""
    answer = client.get("/v1/results.zip", params={"job": list(jobs)}).raise_for_status()
    found: dict[str, list[bytes]] = {job: [] for job in jobs}
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        for name in archive.namelist():
            found[name.partition("/")[0]].append(archive.read(name))
    return found


def _events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    kind = ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)
