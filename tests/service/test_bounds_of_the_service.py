"""What a stranger sends costs no more than it may: pixels, memory, disk and time."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import pytest
import uvicorn
from service_double import Running, material_zip, picture, sentence, zip_of

from matshot.service import connection, inspector, routes, security
from matshot.service.connection import BoundedConnection
from matshot.service.naming import LONGEST_NAME
from matshot.service.refusal import Refusal

BICUBIC = {"method": "bicubic", "scale": 2}


NAMES = ("壁紙.png", "日本.1001.png", "Mörtel ’weiß‘.png", "стена_normal.png", "a" * 900 + "_n.png")


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_script_and_length_survive(running: Running, name: str) -> None:
    asset = running.send(picture(), name)
    assert running.client.get(f"/v1/assets/{asset}").json()["name"][:9] == name[:9]
    (result,) = running.wait(running.upscale({"asset": asset, "name": name}))["results"]
    whole = name if len(name) < 100 else None
    assert result["name"] == (whole or result["name"])
    assert result["name"].endswith(name[-6:])
    assert len(result["name"].encode()) < 200
    assert running.client.get(result["href"]).status_code == 200


def test_uploads_and_inputs_may_have_names_of_one_length(running: Running) -> None:
    for length, status in ((LONGEST_NAME, 201), (LONGEST_NAME + 1, 422)):
        name = "x" * length
        sent = running.client.post("/v1/assets", params={"name": name}, content=picture(length))
        assert sent.status_code == status
        asset = running.send(picture())
        assert running.ask("upscale", [{"asset": asset, "name": name}], **BICUBIC).status_code == status


def test_pixels_are_counted_over_all_maps(start: Callable[..., Running]) -> None:
    running = start(result_pixels=3 * 32 * 32)
    material = running.send(material_zip(), "wall.zip")
    assert running.ask("upscale", [material], **BICUBIC).status_code == 201
    refused = running.ask("upscale", [material], method="bicubic", scale=4)
    assert refused.status_code == 422
    assert "would have 12,288 pixels; this service's limit is 3,072 per job" in sentence(refused)
    made = {"size": "40x40", "count": 1}
    assert running.ask("multiply", [running.send(picture())], **made).status_code == 201
    assert running.ask("multiply", [material], **made).status_code == 422


@pytest.mark.parametrize(
    ("tool", "parameters"),
    [
        ("multiply", {"size": "large"}),
        ("multiply", {"size": "1024x"}),
        ("upscale", {"memory": "lots"}),
        ("upscale", {"memory": "0"}),
        ("upscale", {"memory": "4 X"}),
    ],
)
def test_malformed_amounts_are_refused_at_once(running: Running, tool: str, parameters: dict[str, Any]) -> None:
    assert running.ask(tool, [running.send(picture())], **parameters).status_code == 422


def test_a_picture_that_fails_is_tried_once(running: Running) -> None:
    broken = bytearray(picture(1, 64))
    broken[300:600] = bytes(300)
    address = f"/v1/assets/{running.send(bytes(broken), 'bad.png')}/preview"
    asked: Any = running.service.inspector
    first = running.client.get(address)
    count = asked.picture.call_count
    second = running.client.get(address)
    assert (first.status_code, second.status_code, first.json()) == (400, 400, second.json())
    assert (count, asked.picture.call_count) == (1, 1)


def test_uploads_do_not_wait_behind_pictures(running: Running) -> None:
    assets = [running.send(picture(seed)) for seed in range(8)]
    shared: Any = running.service.inspector
    gate = threading.Event()
    with mock.patch.object(shared._mock_wraps._painter, "ask", side_effect=lambda *_: gate.wait(20)):
        waiting = [
            threading.Thread(target=running.client.get, args=(f"/v1/assets/{asset}/preview",)) for asset in assets
        ]
        for one in waiting:
            one.start()
        try:
            began = time.monotonic()
            running.send(picture(99))
            assert time.monotonic() - began < 10
        finally:
            gate.set()
        for one in waiting:
            one.join()


def test_all_inspecting_processes_share_one_bound() -> None:
    pixels = 10_000_000
    every = inspector.Inspector(pixels)._all
    assert sum(one._memory for one in every) <= inspector._MEMORY + inspector._PIXEL * pixels
    assert len(every) == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a file that is never read to its end")
def test_an_inspection_that_hangs_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspector, "_PATIENCE", 0.2)
    monkeypatch.setattr(inspector, "_WATCH", 0.05)
    hanging = inspector.Inspector(1000)
    os.mkfifo(tmp_path / "0")
    with pytest.raises(Refusal, match="took too long"):
        hanging.image(tmp_path / "0", "wall.png")
    hanging.close()
    assert all(one._process is None for one in hanging._all)


def test_inspections_start_no_threads(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    running.send(picture(1))
    monkeypatch.setattr(threading, "Timer", mock.Mock(side_effect=AssertionError("a thread for each upload")))
    running.send(picture(2))


def test_room_is_looked_for_before_unpacking(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("wall_basecolor.png", "wall_roughness.png")
    zipped = zip_of({name: picture(seed) + bytes(100_000) for seed, name in enumerate(names)})
    free = len(zipped) + 50_000
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 0, free))  # type: ignore[attr-defined]
    answer = running.client.post("/v1/assets", content=zipped)
    assert (answer.status_code, "room" in sentence(answer)) == (507, True)
    assert list((running.settings.data / "incoming").iterdir()) == []


@pytest.fixture
def bounded(running: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """Host and port of a service whose patience is short."""
    monkeypatch.setattr(connection, "HEAD", 0.4)
    monkeypatch.setattr(security, "_BODY", 0.4)
    monkeypatch.setattr(routes, "_SILENCE", 0.4)
    server = uvicorn.Server(
        uvicorn.Config(running.app, port=0, lifespan="off", log_level="critical", http=BoundedConnection)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[:2]
    server.should_exit = True
    thread.join(5)


HEADS = {
    "nothing": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    "half a body": b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
    b"Content-Type: application/json\r\n\r\n{",
    "half an upload": b"POST /v1/assets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n",
    "a second half": b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_half_a_request_ends_in_total(bounded: tuple[str, int], head: bytes) -> None:
    """Although a byte comes now and then."""
    with socket.create_connection(bounded) as client:
        client.settimeout(0.1)
        client.sendall(head)
        began, ended = time.monotonic(), False
        while not ended and time.monotonic() - began < 8:
            try:
                client.sendall(b"a" if head else b"")
                ended = client.recv(4096) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
        assert ended


@pytest.mark.parametrize("name", ["half a body", "half an upload"])
def test_what_is_refused_as_too_slow_is_not_waited_for(
    bounded: tuple[str, int], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(connection, "HEAD", 30.0)
    with socket.create_connection(bounded) as client:
        client.settimeout(3)  # Uvicorn itself ends the connection after 5
        client.sendall(HEADS[name])
        answer = b""
        while part := client.recv(4096):  # until the service ends the connection
            answer += part
        assert b"timed out" in answer


def test_a_whole_request_may_take_its_time(bounded: tuple[str, int]) -> None:
    with socket.create_connection(bounded) as client:
        client.settimeout(5)
        # 0.6 s are idle between requests, which is not half of one.
        for pause in (0.1, 0.1, 0.6, 0):
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                part = client.recv(4096)
                assert part
                answer += part
            assert b"200 OK" in answer
            time.sleep(pause)


CHUNKED = b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (b"GET /", b"a"),
        (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\na: ", b"a"),
        (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"a: b\r\n"),
        (b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n2;", b"a"),
        (
            b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
            b"a: b\r\n",
        ),
    ],
    ids=["address", "header", "headers", "extension of a chunk", "trailers"],
)
def test_what_is_no_body_has_a_bound(
    bounded: tuple[str, int], monkeypatch: pytest.MonkeyPatch, head: bytes, more: bytes
) -> None:
    monkeypatch.setattr(connection, "HEAD", 30.0)
    monkeypatch.setattr(security, "_BODY", 30.0)
    sent = 0
    with socket.create_connection(bounded) as client:
        client.settimeout(5)
        client.sendall(head)
        with contextlib.suppress(OSError):
            while sent < 64 << 20:
                client.sendall(more * 4096)
                sent += len(more) * 4096
    # Buffers of the system hold some, too.
    assert sent < 16 << 20


def test_a_large_body_has_no_such_bound(bounded: tuple[str, int]) -> None:
    answer = httpx.post(f"http://{bounded[0]}:{bounded[1]}/v1/assets?name=a.png", content=picture(1) + bytes(4 << 20))
    assert answer.status_code == 201, answer.text
