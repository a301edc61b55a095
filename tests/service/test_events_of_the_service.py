from __future__ import annotations

import asyncio
import json
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from service_double import Running, picture

from matshot.farm.engine import RunEvent
from matshot.service import events as event_streams
from matshot.tools.job import ToolRequest


def told(lines: Iterator[str]) -> Iterator[tuple[str, str, Any]]:
    """(id, kind, data) of events as they come."""
    event: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif "data" in event:
            yield event["id"], event["event"], json.loads(event["data"])
            event = {}


def followed(client: httpx.Client, job: str, last: str = "") -> list[tuple[str, str, Any]]:
    headers = {"Last-Event-ID": last} if last else {}
    with client.stream("GET", f"/v1/jobs/{job}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        return list(told(answer.iter_lines()))


@pytest.fixture
def gradual(running: Running) -> Callable[[int], str]:
    """Starts a job that tells of so many steps, and of a picture, when the gate opens; then fails."""

    def wish(asked: ToolRequest, said: Callable[[RunEvent], None]) -> None:
        path = asked.folder / "octave0.png"
        path.write_bytes(picture())
        said(RunEvent("progress", preview=str(path)))
        said(RunEvent("progress", preview="/etc/passwd"))
        for step in range(running.service.__dict__["steps"]):
            said(RunEvent("progress", step / 1000, "steps"))
        said(RunEvent("again", sentence="The worker died; this will be tried again."))
        said(RunEvent("failed", sentence="It was not to be.", cause="a test"))

    def started(steps: int) -> str:
        running.service.__dict__["steps"] = steps
        running.engine.wish = wish
        running.engine.gate.clear()
        job = running.upscale(running.send(picture()))
        running.wait(job, "running")
        return job

    return started


def test_a_job_is_followed_to_its_end(running: Running, listening: str, gradual: Callable[[int], str]) -> None:
    job = gradual(3)
    with (
        httpx.Client(base_url=listening) as client,
        client.stream("GET", f"/v1/jobs/{job}/events") as answer,
    ):
        events = told(answer.iter_lines())
        first = next(events)
        running.engine.gate.set()
        rest = list(events)
    assert (first[1], first[2]["id"], first[2]["state"]) == ("state", job, "running")
    kinds = [kind for _, kind, _ in rest]
    assert kinds[-1] == "state"
    assert kinds.count("preview") == 1
    assert [data["text"] for _, kind, data in rest if kind == "log"] == ["The worker died; this will be tried again."]
    assert rest[-1][2]["error"] == {"sentence": "It was not to be.", "cause": "a test"}
    assert [data["fraction"] for _, kind, data in rest if kind == "progress"][-1] == 0.002
    numbers = [int(one.partition(".")[2]) for one, _, _ in rest]
    assert numbers == sorted(set(numbers))


def test_who_comes_back_hears_the_rest(running: Running, listening: str, gradual: Callable[[int], str]) -> None:
    job = gradual(20)
    with httpx.Client(base_url=listening) as client:
        heard: list[str] = []
        with client.stream("GET", f"/v1/jobs/{job}/events") as answer:
            heard.append(next(told(answer.iter_lines()))[0])
        wish, running.engine.wish = running.engine.wish, None

        def slow(asked: ToolRequest, said: Callable[[RunEvent], None]) -> None:
            said(RunEvent("progress", 0.1, "missed"))
            time.sleep(0.3)
            assert wish is not None
            wish(asked, said)

        running.engine.wish = slow
        running.engine.gate.set()
        time.sleep(0.1)
        rest = followed(client, job, heard[-1])
        assert ("progress", "missed") in [(kind, data.get("stage")) for _, kind, data in rest]
        assert rest[-1][2]["state"] == "failed"
        assert client.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": rest[-1][0]}).status_code == 204
        assert client.get(f"/v1/jobs/{job}/events?last_event_id={rest[-1][0]}").status_code == 204
        for unknown in (heard[-1], "0.5", "nonsense", "1.99999999999999999999", ""):
            (final,) = followed(client, job, unknown)
            assert (final[1], final[2]["state"]) == ("state", "failed")


def test_many_events_are_not_kept(running: Running, listening: str, gradual: Callable[[int], str]) -> None:
    job = gradual(2)
    service = running.service
    for number in range(2000):
        service.events.publish(
            job, "progress", lambda number=number: event_streams.json_body({"fraction": 0, "stage": str(number)})
        )
    with httpx.Client(base_url=listening) as client:
        with client.stream("GET", f"/v1/jobs/{job}/events", headers={"Last-Event-ID": "1.1"}) as answer:
            # Too much was missed: the job as it is.
            assert next(told(answer.iter_lines()))[1] == "state"
        running.engine.gate.set()
        running.wait(job)
    # The database knows of the end a moment before listeners do.
    deadline = time.monotonic() + 5
    while service.events._streams and time.monotonic() < deadline:
        time.sleep(0.01)
    assert service.events._streams == {}


def test_clients_that_are_gone_are_forgotten(
    running: Running, listening: str, gradual: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "KEEP_ALIVE", 0.1)
    job = gradual(1)
    for _ in range(5):
        with (
            httpx.Client(base_url=listening) as client,
            client.stream("GET", f"/v1/jobs/{job}/events") as answer,
        ):
            lines = answer.iter_lines()
            while next(lines) != ": still here":
                assert running.service.events.listeners == 1
    for _ in range(100):
        if not running.service.events.listeners:
            break
        time.sleep(0.02)
    assert running.service.events.listeners == 0
    running.engine.gate.set()
    assert running.wait(job)["state"] == "failed"


def test_pictures_on_the_way(running: Running, gradual: Callable[[int], str]) -> None:
    job = gradual(1)
    assert running.client.get(f"/v1/jobs/{job}/preview").status_code == 404
    wish = running.engine.wish

    def held(asked: ToolRequest, said: Callable[[RunEvent], None]) -> None:
        (asked.folder / "octave0.png").write_bytes(picture())
        said(RunEvent("progress", preview=str(asked.folder / "octave0.png")))
        while running.engine.wish is held:
            time.sleep(0.01)
        assert wish is not None
        wish(asked, said)

    running.engine.wish = held
    running.engine.gate.set()
    for _ in range(100):
        shown = running.client.get(f"/v1/jobs/{job}").json()["preview"]
        if shown:
            break
        time.sleep(0.02)
    assert running.client.get(shown).content == picture()
    running.engine.wish = wish
    assert running.wait(job)["preview"] is None


def test_thousands_of_events_take_little_memory() -> None:
    result = {"number": 0, "kind": "image", "name": "wall.png", "notes": ["a note"], "files": [{"map": "", "bytes": 1}]}
    streams = event_streams.EventStreams(1)
    streams._queue.followed = True  # by a page that is open

    def publish(number: int) -> None:
        # As objects, each state would be some ten kilobytes.
        fresh = json.loads(json.dumps({"id": f"{number:032x}", "tags": [], "results": [result] * 8}))
        streams.publish(f"{number:032x}", "state", lambda fresh=fresh: event_streams.json_body(fresh), last=True)

    publish(0)
    tracemalloc.start()
    try:
        for number in range(1, 2000):
            publish(number)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken < 3e6


def test_events_that_nobody_follows_are_not_written_and_a_client_that_comes_gets_the_job_as_it_is() -> None:
    streams = event_streams.EventStreams(1)
    written = list[str]()

    def body(kind: str) -> Callable[[], bytes]:
        return lambda: (written.append(kind), b'{"a":1}')[1]

    async def followed() -> tuple[object, object, object]:
        listener, first, _ = streams.subscribe("job", "1.0")
        streams.publish("job", "progress", body("after"))
        streams.unsubscribe("job", listener)
        streams.publish("job", "progress", body("away"))
        (back, missed, _), (_, late, _) = streams.subscribe("job", "1.1"), streams.subscribe("job", "1.0")
        streams.unsubscribe("job", back)
        return first, [event.number for event in missed or ()], late

    streams.publish("job", "state", body("before"))
    assert written == []
    assert asyncio.run(followed()) == (None, [2, 3], None)
    assert written == ["after", "away"]
    streams.publish("other", "state", body("other"), last=True)
    assert written == ["after", "away"]
    assert streams.has_seen_end("other", "1.4")


def test_an_end_that_is_forgotten_is_sent_again() -> None:
    streams = event_streams.EventStreams(1)
    streams.publish("first", "state", lambda: b'{"state":"done"}', last=True)
    assert streams.has_seen_end("first", "1.1")
    for number in range(event_streams._REMEMBERED):
        streams.publish(f"other {number}", "state", lambda: b'{"state":"done"}', last=True)
    assert not streams.has_seen_end("first", "1.0")
    assert not streams.has_seen_end("first", "1.1")


def test_events_of_a_moment_are_sent_together_and_an_end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "_MOMENT", 0.2)
    streams = event_streams.EventStreams(1)

    async def pieces() -> list[tuple[float, int]]:
        """Seconds until each piece of a stream, and the events in it."""
        listener, _, _ = streams.subscribe("job", "")
        came, began = [], time.monotonic()
        stream = streams.stream("job", listener, [])
        await anext(stream)
        for number in range(3):
            threading.Timer(0.02 * number, streams.publish, ("job", "progress", lambda: b'{"fraction":0.5}')).start()
        threading.Timer(0.3, streams.publish, ("job", "progress", lambda: b'{"fraction":1.0}')).start()
        end = {"last": True}
        threading.Timer(0.32, streams.publish, ("job", "state", lambda: b'{"state":"done"}'), end).start()
        async for piece in stream:
            came.append((time.monotonic() - began, piece.count(b"event: ")))
        return came

    (first, progress), (last, rest) = asyncio.run(pieces())
    assert (progress, rest) == (3, 2)
    assert first >= 0.2
    assert last - first < 0.28  # without waiting for the rest of the moment: 0.3


def test_a_slow_client_is_sent_away() -> None:
    streams = event_streams.EventStreams(1)

    async def flooded() -> list[event_streams.Event | None]:
        listener, _, _ = streams.subscribe("job", "")
        for _ in range(event_streams._WAITING + 1):
            streams.publish("job", "progress", lambda: b'{"fraction":0.5}')
        return await listener.next(1.0, {"job"})

    assert asyncio.run(flooded()) == [None]
