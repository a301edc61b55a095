"""A job with its files in one request, and its result as soon as there is one."""

from __future__ import annotations

import errno
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_double import Running, material_zip, picture, sentence

PARAMETERS = {"method": "bicubic", "scale": 2}
UPSCALE = {"tool": "upscale", "parameters": PARAMETERS}


def order(
    running: Running, job: Any, *files: tuple[str, bytes], key: str = "", client: httpx.Client | None = None
) -> httpx.Response:
    text = job if isinstance(job, str | bytes) else json.dumps(job)
    return (client or running.client).post(
        "/v1/jobs/upload",
        data={"job": text},
        files=[("file", one) for one in files],
        headers={"Idempotency-Key": key} if key else {},
    )


def stored(running: Running) -> list[Path]:
    return [*running.service.data.incoming.iterdir(), *running.service.data.assets.iterdir()]


def test_two_requests_are_all_that_a_job_takes(running: Running) -> None:
    answer = order(running, UPSCALE, ("wall.png", picture(1)))
    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert [one["name"] for one in job["inputs"]] == ["wall.png"]
    found = running.client.get(f"/v1/jobs/{job['id']}/results/0", params={"wait": 30})
    assert found.status_code == 200
    other = running.wait(running.upscale(running.send(picture(1))))
    assert found.content == running.client.get(other["results"][0]["href"]).content


def test_names_and_materials_come_with_the_files(running: Running) -> None:
    job = order(running, UPSCALE, ("first.png", picture(1)), ("wall.zip", material_zip())).json()
    assert [one["name"] for one in job["inputs"]] == ["first.png", "wall"]
    # The same contents under another name.
    again = order(running, UPSCALE, ("second.png", picture(1))).json()
    assert [one["name"] for one in again["inputs"]] == ["second.png"]
    results = running.client.get(f"/v1/jobs/{again['id']}/results", params={"wait": 30}).json()["results"]
    assert [one["name"] for one in results] == ["second.png"]


def test_inputs_that_are_here_follow_the_files(running: Running) -> None:
    style = running.send(picture(2), "style.png")
    job = {"tool": "style", "inputs": [style], "parameters": {}}
    running.engine.gate.clear()
    names = [one["name"] for one in order(running, job, ("content.png", picture(1))).json()["inputs"]]
    assert names == ["content.png", "style.png"]
    running.engine.gate.set()


def test_a_job_with_its_file_takes_one_trip_to_the_disk(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    running.engine.gate.clear()
    trips = []
    sync = running.service.store._sync
    monkeypatch.setattr(running.service.store, "_sync", lambda number: (trips.append(number), sync(number)))
    assert order(running, UPSCALE, ("wall.png", picture(1))).status_code == 201
    assert len(trips) == 1
    running.engine.gate.set()


def test_the_same_key_gives_the_same_job(running: Running) -> None:
    first = order(running, UPSCALE, ("wall.png", picture(1)), key="k")
    again = order(running, UPSCALE, ("wall.png", picture(1)), key="k")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = order(running, UPSCALE, ("wall.png", picture(2)), key="k")
    assert (other.status_code, other.json()["code"]) == (422, "key_taken")


@pytest.mark.parametrize(
    ("job", "status", "words"),
    [
        ("{", 422, "Invalid job: "),
        (b"\xff", 422, "Invalid job: "),
        ("[]", 422, "Invalid job: "),
        ("[" * 5000, 422, "Invalid job: "),
        ("{}", 422, "Invalid job.tool: Field required."),
        ({**UPSCALE, "inputs": ["wall"]}, 422, "Invalid job.inputs.0"),
        ({**UPSCALE, "wait": 1}, 422, "Invalid job.wait: Extra inputs are not permitted."),
        ({"tool": "shrink"}, 422, "shrink"),
        ({"tool": "upscale", "parameters": {"scale": 3}}, 422, "Scale"),
        ({**UPSCALE, "preset": "none"}, 404, "Unknown preset 'none'."),
        ({**UPSCALE, "webhook": "https://elsewhere.example/"}, 422, "webhook"),
        (" " * (1 << 20) + "{}", 413, "The part 'job' is too large."),
    ],
)
def test_a_wrong_job_is_refused_and_leaves_nothing(running: Running, job: Any, status: int, words: str) -> None:
    answer = order(running, job, ("wall.png", picture(1)))
    assert (answer.status_code, words.lower() in sentence(answer).lower()) == (status, True), answer.text
    assert stored(running) == []
    assert running.client.get("/v1/jobs").json()["jobs"] == []


@pytest.mark.parametrize(
    ("parts", "status", "words"),
    [
        ([], 400, "form"),
        ([("job", (None, json.dumps(UPSCALE)))], 400, "The form has no file."),
        ([("file", ("wall.png", picture(1)))], 400, "The form has no part 'job'."),
        ([("job", (None, "{}")), ("job", (None, "{}")), ("file", ("a.png", picture(1)))], 400, "two parts named 'job'"),
        ([("job", (None, json.dumps(UPSCALE))), ("file", ("a.png", b"text"))], 415, "a.png"),
        ([("job", (None, json.dumps(UPSCALE))), *[("file", ("a.png", picture(1)))] * 65], 413, "64 files"),
    ],
)
def test_a_wrong_form_is_refused_and_leaves_nothing(running: Running, parts: Any, status: int, words: str) -> None:
    answer = running.client.post("/v1/jobs/upload", files=parts or None)
    assert (answer.status_code, words in sentence(answer)) == (status, True), answer.text
    assert stored(running) == []


def test_too_many_inputs_are_refused(running: Running) -> None:
    asset = running.send(picture(2))
    answer = order(running, {**UPSCALE, "inputs": [asset] * 62}, *[("a.png", picture(1))] * 3)
    assert (answer.status_code, sentence(answer)) == (422, "A job takes 64 inputs at most, got 65.")


def test_a_body_above_the_limit_is_refused_before_it_is_read(start: Callable[..., Running]) -> None:
    running = start(upload=1 << 20)
    answer = order(running, UPSCALE, ("wall.png", bytes(2 << 20)))
    assert (answer.status_code, "1 MB" in sentence(answer)) == (413, True)
    assert stored(running) == []


@pytest.mark.parametrize("size", [1000, 2 << 20])
def test_a_full_queue_keeps_no_files(start: Callable[..., Running], size: int) -> None:
    running = start(queue=1, held=True)
    assert order(running, UPSCALE, ("a.png", picture(1))).status_code == 201
    before = stored(running)
    answer = order(running, UPSCALE, ("b.png", picture(2) + bytes(size)))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    assert stored(running) == before
    running.engine.gate.set()


def test_a_full_disk_leaves_nothing(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    contents = picture(1)
    for name in ("mkdir", "rename", "open"):
        with monkeypatch.context() as patched:
            patched.setattr(Path, name, full)
            answer = order(running, UPSCALE, ("a.png", contents))
            assert (answer.status_code, answer.json()["code"]) == (507, "disk_full"), name
        assert running.client.get("/v1/jobs").json()["jobs"] == []
        assert list(running.service.data.incoming.iterdir()) == []
    assert order(running, UPSCALE, ("a.png", picture(1))).status_code == 201


def test_waiting_ends_with_the_job(running: Running) -> None:
    running.engine.gate.clear()
    job = order(running, UPSCALE, ("a.png", picture(1))).json()["id"]
    began = time.monotonic()
    found = running.client.get(f"/v1/jobs/{job}/results/0", params={"wait": 1})
    assert (found.status_code, found.json()["code"]) == (409, "not_done")
    assert 0.9 < time.monotonic() - began < 10
    assert running.client.get(f"/v1/jobs/{job}", params={"wait": 1}).json()["state"] in ("waiting", "running")
    threading.Timer(0.3, running.engine.gate.set).start()
    assert running.client.get(f"/v1/jobs/{job}", params={"wait": 50}).json()["state"] == "done"
    for what in ("", "/results", "/results.zip", "/results/0"):
        assert running.client.get(f"/v1/jobs/{job}{what}", params={"wait": 50}).status_code == 200
    assert running.service.events._waiters == {}


def test_a_job_that_failed_is_told_from_one_that_runs(running: Running) -> None:
    running.engine.gate.clear()
    job = order(running, UPSCALE, ("a.png", picture(1))).json()["id"]
    threading.Timer(0.3, lambda: running.service.jobs.cancel(job)).start()
    found = running.client.get(f"/v1/jobs/{job}/results/0", params={"wait": 50})
    assert (found.status_code, found.json()["code"]) == (409, "no_results")
    running.engine.gate.set()


@pytest.mark.parametrize("wait", ["-1", "51", "soon", "1e9", ""])
def test_a_wrong_wait_is_refused(running: Running, wait: str) -> None:
    job = running.upscale(running.send(picture(1)))
    answer = running.client.get(f"/v1/jobs/{job}/results/0", params={"wait": wait})
    assert (answer.status_code, "Invalid wait" in sentence(answer)) == (422, True)


def test_nobody_waits_for_what_is_unknown(running: Running) -> None:
    answer = running.client.get(f"/v1/jobs/{'0' * 32}/results/0", params={"wait": 50})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_job")
    assert running.service.events._waiters == {}


def test_who_waits_is_answered_when_the_service_ends(running: Running) -> None:
    running.engine.gate.clear()
    job = order(running, UPSCALE, ("a.png", picture(1))).json()["id"]
    threading.Timer(0.3, running.service.events.close).start()
    began = time.monotonic()
    assert running.client.get(f"/v1/jobs/{job}", params={"wait": 50}).json()["state"] in ("waiting", "running")
    assert time.monotonic() - began < 20
    running.engine.gate.set()
