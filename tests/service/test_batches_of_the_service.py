"""Many small files: uploaded, run, followed and fetched in one request each."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from service_double import TOKEN, Running, material_zip, picture, sentence

from matshot.service.models import MOST_BATCH
from matshot.service.settings import settings

BICUBIC = {"method": "bicubic", "scale": 2}


def upload(running: Running, files: list[tuple[str, bytes]]) -> httpx.Response:
    return running.client.post("/v1/assets/batch", files=[("file", one) for one in files])


def order(running: Running, inputs: list[Any], key: str = "", **parameters: Any) -> httpx.Response:
    jobs = [{"tool": "upscale", "inputs": [one], "parameters": {**BICUBIC, **parameters}} for one in inputs]
    return running.client.post("/v1/jobs/batch", json={"jobs": jobs}, headers={"Idempotency-Key": key} if key else {})


def sent(running: Running, count: int) -> list[str]:
    answer = upload(running, [(f"{number}.png", picture(number)) for number in range(count)])
    assert answer.status_code == 201, answer.text
    return [one["id"] for one in answer.json()["assets"]]


def test_each_part_is_an_asset(running: Running) -> None:
    files = [("a.png", picture(1)), ("b.png", picture(2)), ("wall.zip", material_zip()), ("c.png", picture(1))]
    answer = upload(running, files)
    assets = answer.json()["assets"]
    assert answer.status_code == 201
    assert [one["kind"] for one in assets] == ["image", "image", "material", "image"]
    assert [one["name"] for one in assets] == ["a.png", "b.png", "wall", "c.png"]
    assert assets[3]["id"] == assets[0]["id"]
    assert running.client.get(assets[1]["files"][0]["href"]).content == files[1][1]
    assert running.send(picture(2)) == assets[1]["id"]
    assert upload(running, files).status_code == 200
    assert len(running.client.get("/v1/assets").json()["assets"]) == 3


def test_one_bad_part_and_none_is_kept(running: Running) -> None:
    answer = upload(running, [("a.png", picture(1)), ("notes.png", b"text")])
    assert answer.status_code == 415
    assert "notes.png" in sentence(answer)
    answer = upload(running, [(f"{number}.png", picture(1)) for number in range(MOST_BATCH + 1)])
    assert answer.status_code == 413
    assert running.client.get("/v1/assets").json()["assets"] == []
    assert list(running.service.data.incoming.iterdir()) == list(running.service.data.assets.iterdir()) == []


def test_assets_that_are_not_recorded_leave_nothing(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running.service.store, "keep_assets", lambda *_: 1 / 0)
    assert upload(running, [("a.png", picture(1)), ("b.png", picture(2))]).status_code == 500
    assert list(running.service.data.assets.iterdir()) == []


def test_uploads_and_jobs_share_a_trip_to_the_disk(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    running.engine.gate.clear()
    trips = []
    sync = running.service.store._sync
    monkeypatch.setattr(running.service.store, "_sync", lambda number: (trips.append(number), sync(number)))
    assets = sent(running, 5)
    assert len(trips) == 1
    assert order(running, assets).status_code == 201
    assert len(trips) == 2
    running.engine.gate.set()


def test_jobs_are_taken_followed_and_fetched_together(running: Running, listening: str) -> None:
    answer = order(running, sent(running, 4))
    jobs = [one["id"] for one in answer.json()["jobs"]]
    assert answer.status_code == 201
    assert [one["inputs"][0]["name"] for one in answer.json()["jobs"]] == [f"{number}.png" for number in range(4)]
    ends: dict[str, str] = {}
    with (
        httpx.Client(base_url=listening) as client,
        client.stream("GET", "/v1/events", params={"job": jobs}) as stream,
    ):
        for line in stream.iter_lines():  # which ends by itself
            if line.startswith("data: ") and "state" in (view := json.loads(line[6:])):
                ends[view["job"]] = view["state"]
                last = stream
    assert ends == dict.fromkeys(jobs, "done")
    assert last.status_code == 200
    packed = running.client.get("/v1/results.zip", params={"job": jobs}).content
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    wanted = {}
    for job in jobs:
        result = running.client.get(f"/v1/jobs/{job}").json()["results"][0]
        wanted[f"{job}/{result['name']}"] = running.client.get(result["href"]).content
    assert found == wanted


def test_who_comes_back_hears_of_the_jobs_that_are_left(running: Running, listening: str) -> None:
    running.engine.gate.clear()
    first, second, other = (one["id"] for one in order(running, sent(running, 3)).json()["jobs"])
    chosen = {"job": [first, second]}
    with httpx.Client(base_url=listening) as client:
        with client.stream("GET", "/v1/events", params=chosen) as stream:
            lines = stream.iter_lines()
            last = next(line for line in lines if line.startswith("id: ")).removeprefix("id: ")
        running.engine.gate.set()
        for job in (first, second, other):
            running.wait(job)
        running.client.get("/healthz")
        seen, number = [], last
        with client.stream("GET", "/v1/events", params=chosen, headers={"Last-Event-ID": last}) as stream:
            for line in stream.iter_lines():
                if line.startswith("id: "):
                    number = line.removeprefix("id: ")
                if line.startswith("data: "):
                    seen.append(json.loads(line[6:]))
        assert {one["job"] for one in seen} == {first, second}
        assert [one["job"] for one in seen if one.get("state") == "done"].count(first) == 1
        again = client.get("/v1/events", params=chosen, headers={"Last-Event-ID": number})
        assert (again.status_code, again.content) == (204, b"")
    assert running.service.events.listeners == 0
    assert running.client.get("/v1/events", params={"job": ["0" * 32]}).status_code == 404


def test_a_batch_is_taken_whole_or_not(start: Callable[..., Running]) -> None:
    running = start(held=True, queue=3)
    assets = sent(running, 4)
    assert order(running, assets).status_code == 429
    assert order(running, [*assets[:2], "0" * 64]).status_code == 404
    assert order(running, assets[:2], scale=3).status_code == 422
    assert order(running, []).status_code == 422
    assert running.client.get("/v1/jobs").json()["jobs"] == []
    assert list(running.service.data.jobs.iterdir()) == list(running.service.data.incoming.iterdir()) == []
    first, second = (order(running, assets[:3], key="k") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert [one["id"] for one in first.json()["jobs"]] == [one["id"] for one in second.json()["jobs"]]
    other = order(running, assets[:2], key="k")
    assert (other.status_code, other.json()["code"]) == (422, "key_taken")
    running.engine.gate.set()


def test_a_batch_goes_on_after_a_restart(start: Callable[..., Running]) -> None:
    first = start(held=True)
    jobs = [one["id"] for one in order(first, sent(first, 3)).json()["jobs"]]
    first.kill()
    again = start()
    assert {again.wait(job)["state"] for job in jobs} == {"done"}


def test_batches_are_each_users_own(start: Callable[..., Running]) -> None:
    users = [{"name": name, "token": f"token-of-{name}-1234567"} for name in ("ann", "ben")]
    running = start(token=TOKEN, users=settings(None, {"users": users}, {}).users)
    ann, ben = ({"Authorization": f"Bearer {one['token']}"} for one in users)
    files = [("file", ("a.png", picture()))]
    asset = running.client.post("/v1/assets/batch", files=files, headers=ann).json()["assets"][0]["id"]
    body = {"jobs": [{"tool": "upscale", "inputs": [asset], "parameters": BICUBIC}]}
    assert running.client.post("/v1/jobs/batch", json=body, headers=ben).status_code == 404
    key = {"Idempotency-Key": "same"}
    job = running.client.post("/v1/jobs/batch", json=body, headers=ann | key).json()["jobs"][0]["id"]
    for address in (f"/v1/results.zip?job={job}", f"/v1/events?job={job}"):
        assert running.client.get(address, headers=ben).status_code == 404
    running.client.post("/v1/assets/batch", files=files, headers=ben)
    mine = running.client.post("/v1/jobs/batch", json=body, headers=ben | key)
    assert mine.status_code == 201
    assert mine.json()["jobs"][0]["id"] != job


def test_results_of_what_is_not_done_are_refused(running: Running) -> None:
    running.engine.gate.clear()
    jobs = [one["id"] for one in order(running, sent(running, 1)).json()["jobs"]]
    assert running.client.get("/v1/results.zip", params={"job": jobs}).status_code == 409
    assert running.client.get("/v1/results.zip").status_code == 422
    running.engine.gate.set()
