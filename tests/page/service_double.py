"""A service that does what a test tells it to: jobs that wait, fail, stop half-way, connections that break.

It speaks the service's HTTP API and serves the built page under the service's policy, and computes nothing.
"""

from __future__ import annotations

import hashlib
import json
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import HTTP
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from matshot.image.reader import image_size, read_texture
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.material.folder import find_material
from matshot.service.models import map_name
from matshot.service.refusal import problem
from matshot.service.schema import tool_schema
from matshot_host.tools import TOOLS, tool

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self' blob:; "
    "font-src 'self'; worker-src 'self' blob:; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
ACCEPTS = [".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".tga", ".bmp", ".webp", ".hdr", ".dds", ".ktx2", ".zip"]
TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
NOW = "2026-01-31T12:00:00.000Z"


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, sentence: str, cause: str = "") -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.cause = status, sentence, cause


@dataclass
class Played:
    """A job, and who listens to it."""

    told: dict[str, Any]
    folder: Path
    listeners: list[queue.Queue[tuple[str, dict[str, Any]] | None]] = field(default_factory=list)


class ServiceDouble:
    """The service of one test.

    Args:
        page: folder of the built page.
        folder: for what is uploaded.
        token: that it wants, empty for none.
    """

    def __init__(self, page: Path, folder: Path, token: str = "") -> None:
        self.page, self.folder, self.token = page, folder, token
        self.assets: dict[str, dict[str, Any]] = {}
        self.paths: dict[str, list[Path]] = {}
        self.jobs: dict[str, Played] = {}
        self.asked: list[dict[str, Any]] = []
        #: What becomes of a job that was just asked for, in a thread of its own.
        self.play: Callable[[str], None] = lambda job: None
        #: What is refused, by the path that it is asked at.
        self.refusals: dict[str, Refused] = {}
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self._keys: dict[str, str] = {}

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://127.0.0.1:{self._port}/"

    def start(self) -> None:
        """Answer; on the port of before, when it was stopped."""
        double = self

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A browser that leaves is no error."""

        class Handler(_Handler):
            service = double

        self._server = Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Answer no more, and break the streams."""
        assert self._server is not None
        for job in self.jobs.values():
            for listener in job.listeners:
                listener.put(None)
        server, self._server = self._server, None
        server.shutdown()
        server.server_close()

    @property
    def stopped(self) -> bool:
        """Whether it does not answer."""
        return self._server is None

    # What a test does with a job.

    def tell(self, job: str, **changed: Any) -> None:
        """A new state of a job."""
        played = self.jobs[job]
        played.told.update(changed)
        self._send(played, "state", played.told)

    def progress(self, job: str, fraction: float, stage: str) -> None:
        """How far it is."""
        played = self.jobs[job]
        played.told.update(fraction=fraction, stage=stage)
        self._send(played, "progress", {"fraction": fraction, "stage": stage})

    def preview(self, job: str, pixels: np.ndarray) -> None:
        """A picture of what is not done yet."""
        played = self.jobs[job]
        number = len(list(played.folder.glob("preview*.png")))
        write_texture(Texture(pixels.astype(np.float32), "srgb"), played.folder / f"preview{number}.png", depth="uint8")
        played.told["preview"] = f"/v1/jobs/{job}/preview?n={number}"
        self._send(played, "preview", {"href": played.told["preview"]})

    def done(self, job: str, *results: Path, wrap: str = "xy", notes: tuple[str, ...] = ()) -> None:
        """It made files or folders of materials."""
        played = self.jobs[job]
        told = [self._result(job, number, path, wrap, notes) for number, path in enumerate(results)]
        self.paths[f"results {job}"] = list(results)
        end = {"fraction": 1.0, "ended": "2026-01-31T12:00:42.500Z", "cancelling": False}
        self.tell(played.told["id"], state="done", results=told, zip=f"/v1/jobs/{job}/results.zip", **end)

    def _send(self, played: Played, event: str, data: dict[str, Any]) -> None:
        for listener in list(played.listeners):
            listener.put((event, json.loads(json.dumps(data))))

    def _result(self, job: str, number: int, path: Path, wrap: str, notes: tuple[str, ...]) -> dict[str, Any]:
        href = f"/v1/jobs/{job}/results/{number}"
        files = _files(path, href)
        width, height = files[0]["width"], files[0]["height"]
        return {
            "number": number, "kind": "material" if path.is_dir() else "image", "name": path.name,
            "width": width, "height": height, "wrap": wrap, "input": 0, "notes": list(notes), "href": href,
            "preview": f"{href}/files/0?side=256", "files": files,
        }  # fmt: skip

    # What is asked over HTTP.

    def stored(self, name: str, parts: list[tuple[str, bytes]]) -> tuple[int, dict[str, Any]]:
        """Keep what is uploaded."""
        identity = hashlib.sha256(b"".join(content for _, content in parts)).hexdigest()
        if identity in self.assets:
            return 200, self.assets[identity]
        folder = self.folder / identity
        folder.mkdir(parents=True)
        for file, content in parts:
            (folder / file).write_bytes(content)
        target = folder if len(parts) > 1 else folder / parts[0][0]
        href = f"/v1/assets/{identity}"
        try:
            files = _files(target, href)
        except Exception as error:
            raise Refused(415, f"{name} is not an image.", repr(error)) from error
        self.paths[f"assets {identity}"] = [target]
        self.assets[identity] = {
            "id": identity, "kind": "material" if len(parts) > 1 else "image", "name": name,
            "width": files[0]["width"], "height": files[0]["height"], "bytes": sum(file["bytes"] for file in files),
            "created": NOW, "files": files, "preview": f"{href}/preview",
        }  # fmt: skip
        return 201, self.assets[identity]

    def begun(self, body: dict[str, Any], key: str) -> dict[str, Any]:
        """A new job."""
        if key in self._keys:
            return self.jobs[self._keys[key]].told
        self.asked.append(body)
        job = f"{len(self.jobs) + 1:032x}"
        self._keys[key] = job
        folder = self.folder / "jobs" / job
        folder.mkdir(parents=True)
        told = {
            "id": job, "tool": body["tool"], "title": tool(body["tool"]).title, "state": "waiting",
            "cancelling": False, "fraction": 0.0, "stage": "", "position": 0,
            "inputs": body["inputs"], "parameters": body["parameters"], "created": NOW, "started": NOW, "ended": None,
            "error": None, "failures": [], "log": [], "preview": None, "results": [], "zip": None,
        }  # fmt: skip
        self.jobs[job] = Played(told, folder)
        threading.Thread(target=self.play, args=(job,), daemon=True).start()
        return told

    def cancelled(self, job: str) -> dict[str, Any]:
        """What a cancel answers; the job ends a little later."""
        self.tell(job, cancelling=True)
        threading.Timer(0.3, self.tell, (job,), {"state": "cancelled", "cancelling": False}).start()
        return self.jobs[job].told

    def events(self, job: str) -> Iterator[tuple[str, dict[str, Any]] | None]:
        """What a listener hears; None where nothing happens for a while."""
        played = self.jobs[job]
        listener: queue.Queue[tuple[str, dict[str, Any]] | None] = queue.Queue()
        played.listeners.append(listener)
        yield "state", played.told
        while True:
            try:
                event = listener.get(timeout=0.5)
            except queue.Empty:
                yield None
                continue
            if event is None:
                return
            yield event
            if event[0] == "state" and event[1]["state"] in ("done", "failed", "cancelled"):
                return


def _files(target: Path, href: str) -> list[dict[str, Any]]:
    """The files of an image or a material's folder, as the service describes them."""
    found = find_material(target) if target.is_dir() else None
    kinds = {entry.path: entry.kind for entry in found.entries} if found else {}
    paths = [*kinds, *sorted(path for path in target.iterdir() if path not in kinds)] if found else [target]
    told = []
    for number, path in enumerate(paths):
        width, height = image_size(path)[:2] if path in kinds or not found else (0, 0)
        told.append({
            "name": path.name, "map": kinds.get(path, ""), "width": width, "height": height,
            "bytes": path.stat().st_size, "media_type": TYPES.get(path.suffix, "application/octet-stream"),
            "href": f"{href}/files/{number}", "path": str(path),
        })  # fmt: skip
    return told


def _small(path: Path, side: int, folder: Path) -> bytes:
    """A picture as browsers show it, kept in a folder."""
    target = folder / f"{hashlib.sha256(str(path).encode()).hexdigest()}.{side}.png"
    if not target.exists():
        folder.mkdir(exist_ok=True)
        texture = read_texture(path, encoding="data")
        step = max(1, -(-max(texture.width, texture.height) // side))
        aside = target.with_name(f"{target.stem}.{threading.get_ident()}.png")
        write_texture(Texture(texture.pixels[::step, ::step], "data"), aside, depth="uint8")
        aside.replace(target)
    return target.read_bytes()


class _Handler(BaseHTTPRequestHandler):
    service: ServiceDouble
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answered()

    def do_POST(self) -> None:
        self._answered()

    def do_DELETE(self) -> None:
        self._answered()

    def _answered(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        if self.service.stopped:
            # A connection that was kept open ends with the service.
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        try:
            self._route(parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}, body)
        except Refused as refused:
            self._json(problem(refused.status, refused.sentence, refused.cause), refused.status)

    def _route(self, path: str, query: dict[str, str], body: bytes) -> None:
        service = self.service
        if not path.startswith("/v1/"):
            return self._file(path)
        if path in service.refusals:
            raise service.refusals[path]
        if path == "/v1/session":
            return self._session(json.loads(body)["token"])
        if service.token and SimpleCookie(self.headers.get("Cookie", "")).get("matshot_token") is None:
            raise Refused(401, "This service wants its token.")
        if path == "/v1/tools":
            limits = {"upload_bytes": 50_000_000, "pixels": 100_000_000}
            table = [tool_schema(one) for one in TOOLS]
            return self._json({"version": "0.1.0", "limits": limits, "accepts": ACCEPTS, "tools": table})
        if path == "/v1/map-names":
            return self._json({"names": [map_name(name).model_dump() for name in json.loads(body)["names"]]})
        if path == "/v1/assets":
            name = query.get("name", "image.png")
            status, told = service.stored(name, self._uploaded(name, body))
            return self._json(told, status)
        if path == "/v1/jobs" and self.command == "POST":
            return self._json(service.begun(json.loads(body), self.headers["Idempotency-Key"]), 201)
        if path == "/v1/jobs":
            newest = [played.told for played in reversed(service.jobs.values())]
            return self._json({"jobs": newest, "more": False})
        if found := re.fullmatch(r"/v1/assets/(\w+)", path):
            if found[1] not in service.assets:
                raise Refused(404, "There is no such asset.")
            return self._json(service.assets[found[1]])
        if found := re.fullmatch(r"/v1/assets/(\w+)/preview", path):
            return self._stored(service.assets[found[1]]["files"][0], {"side": "512"})
        if found := re.fullmatch(r"/v1/assets/(\w+)/files/(\d+)", path):
            return self._stored(service.assets[found[1]]["files"][int(found[2])], query)
        if found := re.fullmatch(r"/v1/jobs/(\w+)(/.*)?", path):
            if found[1] not in service.jobs:
                raise Refused(404, "There is no such job.")
            return self._job(found[1], found[2] or "", query)
        raise Refused(404, "There is nothing here.")

    def _job(self, job: str, rest: str, query: dict[str, str]) -> None:
        service, played = self.service, self.service.jobs[job]
        if rest == "" and self.command == "DELETE":
            del service.jobs[job]
            return self._send(204, b"", "text/plain")
        if rest == "":
            return self._json(played.told)
        if rest == "/cancel":
            return self._json(service.cancelled(job))
        if rest == "/preview":
            return self._send(200, (played.folder / f"preview{query['n']}.png").read_bytes(), "image/png")
        if rest == "/events":
            return self._stream(job)
        if rest == "/results.zip":
            return self._send(200, b"PK\x05\x06" + bytes(18), "application/zip")
        if found := re.fullmatch(r"/results/(\d+)/files/(\d+)", rest):
            return self._stored(played.told["results"][int(found[1])]["files"][int(found[2])], query)
        raise Refused(404, "There is nothing here.")

    def _stream(self, job: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for number, event in enumerate(self.service.events(job)):
            text = f"id: {number}\nevent: {event[0]}\ndata: {json.dumps(event[1])}\n\n" if event else ": still here\n\n"
            self.wfile.write(text.encode())
            self.wfile.flush()

    def _uploaded(self, name: str, body: bytes) -> list[tuple[str, bytes]]:
        kind = self.headers.get("Content-Type", "")
        if not kind.startswith("multipart/form-data"):
            return [(name, body)]
        message = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body, policy=HTTP)
        return [(part.get_filename() or "", part.get_payload(decode=True)) for part in message.iter_parts()]

    def _session(self, token: str) -> None:
        if token != self.service.token:
            raise Refused(401, "The token is wrong.")
        self._send(204, b"", "text/plain", {"Set-Cookie": "matshot_token=1; HttpOnly; SameSite=Strict; Path=/"})

    def _file(self, path: str) -> None:
        files = {f"/{file.relative_to(self.service.page).as_posix()}": file for file in self.service.page.rglob("*.*")}
        file = files.get("/index.html" if path == "/" else path)
        if file is None:
            raise Refused(404, "There is nothing here.")
        self._send(200, file.read_bytes(), TYPES.get(file.suffix, "text/plain"))

    def _stored(self, file: dict[str, Any], query: dict[str, str]) -> None:
        path = Path(file["path"])
        if "side" in query:
            self._send(200, _small(path, int(query["side"]), self.service.folder / "small"), "image/png")
        else:
            self._send(200, path.read_bytes(), file["media_type"])

    def _json(self, told: Any, status: int = 200) -> None:
        self._send(status, json.dumps(told).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def until(told: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something that the browser causes."""
    end = time.monotonic() + seconds
    while not told():
        assert time.monotonic() < end, "It did not happen."
        time.sleep(0.02)
