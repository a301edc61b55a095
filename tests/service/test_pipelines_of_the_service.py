"""What programs need of the service: parts of files, chains, presets, users, one stream, webhooks, versions."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_double import TOKEN, Running, material_zip, picture, sentence

from matshot.errors import MatshotError
from matshot.farm.engine import Engine
from matshot.service import migrations
from matshot.service import store as store_module
from matshot.service.events import QUEUE, EventStreams
from matshot.service.migrations import _STEPS
from matshot.service.refusal import CODES
from matshot.service.settings import settings
from matshot.service.webhooks import signature
from matshot.tools.job import ToolRequest

BICUBIC = {"method": "bicubic", "scale": 2}
USERS = [
    {"name": "ann", "token": "token-of-ann-1234567"},
    {"name": "ben", "token": "token-of-ben-1234567"},
    {"name": "eve", "token": "token-of-eve-1234567", "scopes": ["read"]},
    {"name": "boss", "token": "token-of-boss-123456", "scopes": ["run", "admin"]},
]


def by(name: str) -> dict[str, str]:
    token = next((str(one["token"]) for one in USERS if one["name"] == name), TOKEN)
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def shared(start: Callable[..., Running]) -> Running:
    """A service with several users."""
    return start(token=TOKEN, users=settings(None, {"users": USERS}, {}).users)


# Files


def test_files_are_sent_in_parts_and_once(running: Running) -> None:
    asset = running.client.get(f"/v1/assets/{running.send(picture())}").json()
    job = running.wait(running.upscale(asset["id"]))
    for address in (
        asset["files"][0]["href"],
        asset["preview"],
        job["results"][0]["href"],
        job["results"][0]["preview"],
    ):
        whole = running.client.get(address)
        head = running.client.head(address)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.content))
        part = running.client.get(address, headers={"Range": "bytes=4-9"})
        assert (part.status_code, part.content) == (206, whole.content[4:10])
        again = running.client.get(address, headers={"If-None-Match": f'W/"x", {whole.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert running.client.get(address, headers={"If-None-Match": '"x"'}).status_code == 200
    for address in ("/v1/tools", "/healthz", f"/v1/jobs/{job['id']}", job["zip"], "/v1/jobs"):
        assert running.client.head(address).status_code == 200
    assert running.client.head(f"/v1/jobs/{job['id']}/events").status_code == 405


def test_assets_are_listed(running: Running) -> None:
    images = [running.send(picture(seed), f"{seed}.png") for seed in range(3)]
    material = running.send(material_zip(), "wall.zip")
    first = running.client.get("/v1/assets?limit=2").json()
    assert ([one["id"] for one in first["assets"]], first["more"]) == ([material, images[2]], True)
    rest = running.client.get(f"/v1/assets?before={images[2]}").json()
    assert ([one["id"] for one in rest["assets"]], rest["more"]) == ([images[1], images[0]], False)
    assert len(running.client.get("/v1/assets?kind=material").json()["assets"]) == 1
    assert running.client.delete(f"/v1/assets/{material}").status_code == 204
    assert running.client.get("/v1/assets?kind=material").json()["assets"] == []


# Failures


def test_failures_have_codes(running: Running) -> None:
    asset = running.send(picture())
    job = running.upscale(asset)
    running.wait(job)
    answers = {
        "unknown_asset": running.client.get(f"/v1/assets/{'0' * 64}"),
        "unknown_job": running.client.get(f"/v1/jobs/{'0' * 32}"),
        "unknown_preset": running.client.get("/v1/presets/none"),
        "unknown": running.client.get("/v1/none"),
        "method": running.client.put("/v1/jobs"),
        "invalid": running.ask("upscale", [asset], scale=3),
        "malformed": running.client.post("/v1/assets", content=b""),
        "unsupported": running.client.post("/v1/assets", content=b"text"),
        "forbidden": running.client.get("/v1/jobs", headers={"Origin": "http://evil.example"}),
    }
    for code, answer in answers.items():
        assert sentence(answer)
        assert answer.json()["code"] == code
        assert CODES[code][0] == answer.status_code


# Chains


def chain(running: Running, inputs: list[Any], *steps: dict[str, Any], **more: Any) -> httpx.Response:
    return running.client.post("/v1/chains", json={"inputs": inputs, "steps": list(steps), **more})


UPSCALE = {"tool": "upscale", "parameters": BICUBIC}


def test_a_chain_runs_step_by_step(running: Running) -> None:
    asset = running.send(picture(), "brick_n.png")
    answer = chain(
        running, [{"asset": asset, "name": "wall_n.png"}], UPSCALE, {"tool": "tile"}, UPSCALE, tags=["night"]
    )
    assert answer.status_code == 201, answer.text
    jobs = answer.json()["jobs"]
    assert [one["tool"] for one in jobs] == ["upscale", "tile", "upscale"]
    assert [one["after"] for one in jobs] == [None, jobs[0]["id"], jobs[1]["id"]]
    last = running.wait(jobs[2]["id"])
    assert (last["state"], last["results"][0]["width"], last["tags"]) == ("done", 64, ["night"]), last
    assert last["results"][0]["files"][0]["map"] == "normal"
    assert last["inputs"][0]["job"] == jobs[1]["id"]
    found = running.client.get(answer.headers["location"]).json()["jobs"]
    assert {one["state"] for one in found} == {"done"}
    assert [one["id"] for one in found] == [one["id"] for one in jobs]


def test_a_material_goes_through_a_chain(running: Running) -> None:
    answer = chain(running, [running.send(material_zip(), "wall.zip")], {"tool": "convert"}, UPSCALE)
    last = running.wait(answer.json()["jobs"][1]["id"])
    assert (last["results"][0]["kind"], last["results"][0]["width"]) == ("material", 32), last


def test_a_failure_ends_the_chain(running: Running) -> None:
    broken = bytearray(picture(1, 64))
    broken[300:600] = bytes(300)
    jobs = chain(running, [running.send(bytes(broken))], UPSCALE, {"tool": "tile"}, UPSCALE).json()["jobs"]
    last = running.wait(jobs[2]["id"])
    assert (last["state"], "step before" in last["error"]["sentence"]) == ("failed", True)
    # What does not fit is found out when the results are there.
    jobs = chain(running, [running.send(picture())], UPSCALE, {"tool": "convert"}).json()["jobs"]
    last = running.wait(jobs[1]["id"])
    assert (last["state"], "needs a material folder" in last["error"]["sentence"]) == ("failed", True)


def test_a_chain_is_taken_whole_or_not(start: Callable[..., Running]) -> None:
    running = start(queue=2)
    asset = running.send(picture())
    running.engine.gate.clear()
    assert chain(running, [asset], UPSCALE, UPSCALE, UPSCALE).status_code == 429
    assert chain(running, [asset], UPSCALE, {"tool": "tile", "parameters": {"wrap": "z"}}).status_code == 422
    assert chain(running, [asset], UPSCALE, {"tool": "style"}).status_code == 422
    assert list((running.settings.data / "jobs").iterdir()) == []
    assert list((running.settings.data / "incoming").iterdir()) == []
    key = {"Idempotency-Key": "one"}
    body = {"inputs": [asset], "steps": [UPSCALE, UPSCALE]}
    first, second = (running.client.post("/v1/chains", json=body, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert [one["id"] for one in first.json()["jobs"]] == [one["id"] for one in second.json()["jobs"]]


def test_a_chain_is_cancelled(running: Running) -> None:
    running.engine.gate.clear()
    jobs = chain(running, [running.send(picture())], UPSCALE, UPSCALE, UPSCALE).json()["jobs"]
    running.wait(jobs[0]["id"], "running")
    running.client.post(f"/v1/jobs/{jobs[1]['id']}/cancel")
    assert running.wait(jobs[2]["id"])["state"] == "cancelled"
    running.engine.gate.set()
    assert running.wait(jobs[0]["id"])["state"] == "done"


def test_a_chain_goes_on_after_a_restart(start: Callable[..., Running]) -> None:
    first = start(held=True)
    jobs = chain(first, [first.send(picture())], UPSCALE, UPSCALE).json()["jobs"]
    first.wait(jobs[0]["id"], "running")
    first.kill()
    second = start()
    assert second.wait(jobs[1]["id"])["results"][0]["width"] == 64


def test_a_chain_goes_on_that_ended_between_its_steps(start: Callable[..., Running]) -> None:
    """The service died when a step was done, and the next one had only some of its inputs."""
    first = start()
    first.service.runner.on_end = lambda _: None
    jobs = chain(first, [first.send(picture())], UPSCALE, UPSCALE).json()["jobs"]
    first.wait(jobs[0]["id"])
    half = first.settings.data / "jobs" / jobs[1]["id"] / "inputs" / "0"
    half.mkdir(parents=True)
    (half / "other.png").write_bytes(b"half")
    first.kill()
    assert start().wait(jobs[1]["id"])["results"][0]["width"] == 64


def test_a_result_is_the_input_of_another_job(running: Running) -> None:
    first = running.upscale(running.send(picture(), "brick.png"))
    running.wait(first)
    job = running.wait(running.upscale({"job": first, "result": 0, "name": "large.png"}))
    assert (job["results"][0]["name"], job["results"][0]["width"]) == ("large.png", 64)
    assert running.client.delete(f"/v1/jobs/{first}").status_code == 204
    assert running.client.get(job["results"][0]["href"]).status_code == 200
    assert running.ask("upscale", [{"job": first}]).status_code == 404
    assert running.ask("upscale", [{"job": job["id"], "result": 7}]).status_code == 404


# Presets, priorities, tags


def test_presets(running: Running) -> None:
    put = running.client.put("/v1/presets/Quick%202x", json={"tool": "upscale", "parameters": BICUBIC})
    assert (put.status_code, put.json()["name"]) == (200, "Quick 2x")
    assert (
        running.client.put("/v1/presets/bad", json={"tool": "upscale", "parameters": {"scale": 3}}).status_code == 422
    )
    asset = running.send(picture())

    def with_preset(tool: str = "upscale", **parameters: Any) -> httpx.Response:
        body = {"tool": tool, "inputs": [asset], "preset": "Quick 2x", "parameters": parameters}
        return running.client.post("/v1/jobs", json=body)

    assert running.wait(with_preset().json()["id"])["parameters"] == BICUBIC
    assert running.wait(with_preset(scale=4).json()["id"])["results"][0]["width"] == 64
    assert with_preset("tile").status_code == 422
    assert [one["name"] for one in running.client.get("/v1/presets").json()["presets"]] == ["Quick 2x"]
    assert running.client.delete("/v1/presets/Quick%202x").status_code == 204
    assert with_preset().json()["code"] == "unknown_preset"


def test_jobs_are_filtered_by_tags_tools_and_states(running: Running) -> None:
    asset = running.send(picture())
    body = {"tool": "upscale", "inputs": [asset], "parameters": BICUBIC, "tags": ["walls", "ünï"], "priority": 3}
    job = running.client.post("/v1/jobs", json=body).json()
    running.wait(job["id"])
    running.wait(running.upscale(asset))

    def listed(**query: Any) -> list[str]:
        return [one["id"] for one in running.client.get("/v1/jobs", params=query).json()["jobs"]]

    assert (job["tags"], job["priority"]) == (["walls", "ünï"], 3)
    assert listed(tag="walls") == listed(tag="ünï") == [job["id"]]
    assert listed(tag="wall") == listed(tool="tile") == listed(state="failed") == []
    assert len(listed(tool="upscale", state=["done", "failed"])) == 2
    assert running.client.post("/v1/jobs", json={**body, "priority": 11}).status_code == 422
    assert running.client.post("/v1/jobs", json={**body, "tags": [""]}).status_code == 422


def test_a_higher_priority_comes_first(running: Running) -> None:
    running.engine.gate.clear()
    asset = running.send(picture())
    running.wait(running.upscale(asset), "running")
    body = {"tool": "upscale", "inputs": [asset], "parameters": BICUBIC}
    jobs = [running.client.post("/v1/jobs", json={**body, "priority": one}).json()["id"] for one in (0, 5, 5, -1)]
    assert [running.client.get(f"/v1/jobs/{job}").json()["position"] for job in jobs] == [2, 0, 1, 3]
    engine = Engine.__new__(Engine)
    engine._waiting = []
    for key, priority in (("a", 0), ("b", 5), ("c", 5), ("d", -1), ("e", 0)):
        from matshot.farm.engine import _ActiveRun

        engine._take_submit(_ActiveRun(key, ToolRequest("tile", [], {}, Path()), lambda _: None, priority))
    assert [one.key for one in engine._waiting] == ["b", "c", "a", "e", "d"]


# Users


def test_users_do_not_see_each_other(shared: Running) -> None:
    client = shared.client
    asset = client.post("/v1/assets", content=picture(), headers=by("ann")).json()["id"]
    body = {"tool": "upscale", "inputs": [asset], "parameters": BICUBIC}
    job = client.post("/v1/jobs", json=body, headers=by("ann")).json()["id"]
    for address in (f"/v1/assets/{asset}", f"/v1/assets/{asset}/preview", f"/v1/jobs/{job}", f"/v1/jobs/{job}/events"):
        assert client.get(address, headers=by("ben")).status_code == 404
    for address in (f"/v1/assets/{asset}", f"/v1/jobs/{job}"):
        assert client.delete(address, headers=by("ben")).status_code == 404
        assert client.get(address, headers=by("boss")).status_code == 200
        assert client.get(address, headers=by("")).status_code == 200
    assert client.post("/v1/jobs", json=body, headers=by("ben")).status_code == 404
    assert client.post("/v1/jobs", json={**body, "inputs": [{"job": job}]}, headers=by("ben")).status_code == 404
    for name, count in (("ann", 1), ("ben", 0), ("boss", 1)):
        assert len(client.get("/v1/jobs", headers=by(name)).json()["jobs"]) == count
        assert len(client.get("/v1/assets", headers=by(name)).json()["assets"]) == count
    # The same contents may be sent by both, and deleted by each.
    assert client.post("/v1/assets", content=picture(), headers=by("ben")).status_code == 200
    assert client.delete(f"/v1/assets/{asset}", headers=by("ann")).status_code == 204
    assert client.get(f"/v1/assets/{asset}", headers=by("ann")).status_code == 404
    assert client.get(f"/v1/assets/{asset}", headers=by("ben")).status_code == 200
    assert client.delete(f"/v1/assets/{asset}", headers=by("ben")).status_code == 204
    assert client.get(f"/v1/assets/{asset}", headers=by("boss")).status_code == 404


def test_keys_and_presets_are_each_users_own(shared: Running) -> None:
    jobs = []
    for name in ("ann", "ben"):
        shared.client.post("/v1/assets", content=picture(), headers=by(name))
        asset = hashlib.sha256(picture()).hexdigest()
        body = {"tool": "upscale", "inputs": [asset], "parameters": BICUBIC}
        headers = {**by(name), "Idempotency-Key": "same"}
        jobs.append(shared.client.post("/v1/jobs", json=body, headers=headers).json()["id"])
    assert jobs[0] != jobs[1]
    shared.client.put("/v1/presets/mine", json={"tool": "tile", "parameters": {}}, headers=by("ann"))
    assert shared.client.get("/v1/presets/mine", headers=by("ben")).status_code == 404


def test_scopes(shared: Running) -> None:
    refused = shared.client.post("/v1/assets", content=picture(), headers=by("eve"))
    assert (refused.status_code, refused.json()["code"]) == (403, "scope")
    assert shared.client.get("/v1/jobs", headers=by("eve")).status_code == 200
    for name, status in (("ann", 403), ("boss", 200), ("", 200)):
        assert shared.client.get("/metrics", headers=by(name)).status_code == status
    assert shared.client.get("/v1/jobs").status_code == 401
    assert shared.client.post("/v1/session", json={"token": USERS[0]["token"]}).status_code == 204
    assert shared.client.get("/v1/jobs").status_code == 200
    assert str(USERS[0]["token"]) not in (shared.settings.data / "service.db").read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ({"name": "a b", "token": "x" * 20}, "1 to 64"),
        ({"name": "ann"}, "either token"),
        ({"name": "ann", "token": "short"}, "too easy"),
        ({"name": "ann", "token_sha256": "1234"}, "64 hexadecimal"),
        ({"name": "ann", "token": "x" * 20, "scopes": ["fly"]}, "Unknown scope 'fly'"),
        ({"name": "ann", "token": "x" * 20, "age": 5}, "Unknown setting 'age'"),
        ({"name": "bob", "token": "y" * 20}, "different names"),
    ],
)
def test_users_that_cannot_be(user: dict[str, Any], said: str) -> None:
    with pytest.raises(MatshotError, match=said):
        settings(None, {"users": [{"name": "bob", "token": "z" * 20}, user]}, {})


# One stream of events


def test_one_stream_follows_the_whole_queue(running: Running, listening: str) -> None:
    asset = running.send(picture())
    waiting = threading.Event()
    heard: list[tuple[str, dict[str, Any]]] = []
    ids: list[str] = []

    def follow(last: str = "", until: int = 2) -> None:
        headers = {"Last-Event-ID": last} if last else {}
        with httpx.stream("GET", f"{listening}/v1/events", headers=headers, timeout=30) as answer:
            waiting.set()
            kind = ""
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                kind = value if name == "event" else kind
                if name == "id":
                    ids.append(value)
                if name == "data":
                    heard.append((kind, json.loads(value)))
                    if sum(one.get("state") == "done" for _, one in heard) >= until:
                        return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    assert waiting.wait(10)
    jobs = [running.upscale(asset), running.upscale(asset)]
    thread.join(30)
    assert not thread.is_alive()
    assert {one["job"] for _, one in heard} == set(jobs)
    assert any(kind == "progress" for kind, _ in heard)
    # A client that returns gets what it has missed.
    place = next(number for number, (_, one) in enumerate(heard) if one.get("state") == "done")
    missed, last = heard[place + 1 :], ids[place]
    heard.clear()
    ids.clear()
    follow(last, until=1)
    assert heard == missed


def test_a_users_stream_has_the_logs_of_their_jobs(
    start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Followed(EventStreams):
        """The streams of a service whose page was open before it did anything."""

        def __init__(self, start: int) -> None:
            super().__init__(start)
            self._queue.followed = True

    monkeypatch.setattr("matshot.service.service.EventStreams", Followed)
    users = settings(None, {"users": USERS}, {}).users
    first = start(token=TOKEN, users=users, held=True)
    asset = first.client.post("/v1/assets?name=a.png", content=picture(), headers=by("ann")).json()["id"]
    body = {"tool": "upscale", "inputs": [asset], "parameters": BICUBIC}
    job = first.client.post("/v1/jobs", json=body, headers=by("ann")).json()["id"]
    until_state(first, job, "running")
    first.kill()
    second = start(token=TOKEN, users=users)
    until_state(second, job, "done")
    second.service.runner.write_log(job, "after its end")

    async def missed(owner: str) -> list[str]:
        _, events, _ = second.service.events.subscribe(QUEUE, "2.0", owner)  # of the second start, from its begin
        return [json.loads(one.body)["text"] for one in events or () if one.kind == "log"]

    logged = [text for _, text in second.service.store.log(job)]
    assert len(logged) == 2
    assert asyncio.run(missed("ann")) == logged
    assert asyncio.run(missed("ben")) == []


def until_state(running: Running, job: str, state: str) -> None:
    """Wait for a job of a user."""
    until = time.monotonic() + 30
    while running.client.get(f"/v1/jobs/{job}", headers=by("ann")).json()["state"] != state:
        assert time.monotonic() < until
        time.sleep(0.02)


# Webhooks


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]], list[int]]]:
    """Address of a receiver, what it got, and the statuses that it will answer with."""
    got: list[tuple[dict[str, str], bytes]] = []
    statuses: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(statuses.pop(0) if statuses else 204)
            self.send_header("location", "http://127.0.0.1:9/")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook", got, statuses
    server.shutdown()
    server.server_close()


def test_webhooks_are_signed_and_tried_again(
    start: Callable[..., Running], receiver: tuple[str, list[Any], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, got, statuses = receiver
    secret = "a secret of the studio"
    running = start(webhook_hosts=("127.0.0.1",), webhook_secret=secret)
    running.service.webhooks.close()  # the test itself delivers
    statuses += [500, 302]
    body = {"tool": "upscale", "inputs": [running.send(picture())], "parameters": BICUBIC, "webhook": url}
    job = running.wait(running.client.post("/v1/jobs", json=body).json()["id"])
    later = running.service.store.service_time()
    deliverer = type(running.service.webhooks)(running.service.store, secret, running.service.runner.write_log)
    for number in range(4):
        monkeypatch.setattr(running.service.store, "service_time", lambda number=number: later + 1e6 * number)
        deliverer.deliver()
    assert len(got) == 3  # two failures, and then no more
    headers, sent = got[-1]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + sent
    wanted = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    assert len({one["webhook-id"] for one, _ in got}) == 1
    data = json.loads(sent)["data"]
    assert (data["id"], data["state"], data["results"][0]["href"]) == (job["id"], "done", job["results"][0]["href"])


def test_secrets_of_standard_webhooks_sign_as_its_libraries_do() -> None:
    # The example of its reference implementations.
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    wanted = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == wanted
    for damaged in ("whsec_", "whsec_not base64", "whsec_c2hvcnQ="):
        with pytest.raises(MatshotError, match="base64"):
            settings(None, {"webhook_hosts": ["127.0.0.1"], "webhook_secret": damaged}, {})


def test_a_webhook_of_a_job_that_was_deleted_leaves_no_log(
    start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(webhook_hosts=("127.0.0.1:9",), webhook_secret="a secret of the studio")
    running.service.webhooks.close()  # the test itself delivers
    url = "http://127.0.0.1:9/nobody"
    body = {"tool": "upscale", "inputs": [running.send(picture())], "parameters": BICUBIC, "webhook": url}
    job = running.wait(running.client.post("/v1/jobs", json=body).json()["id"])["id"]
    assert running.client.delete(f"/v1/jobs/{job}").status_code == 204
    deliverer = type(running.service.webhooks)(running.service.store, "secret", running.service.runner.write_log)
    later = running.service.store.service_time()
    for number in range(9):
        monkeypatch.setattr(running.service.store, "service_time", lambda number=number: later + 1e6 * number)
        deliverer.deliver()
    assert running.service.store.due_deliveries() == []
    assert running.service.store.log(job) == []


def test_webhooks_go_where_the_settings_allow(start: Callable[..., Running]) -> None:
    running = start(webhook_hosts=("pipeline.example",), webhook_secret="x" * 20)
    asset = running.send(picture())
    for url in (
        "http://169.254.169.254/",
        "http://pipeline.example@evil.example/",
        "file:///etc/passwd",
        "x",
        "http://[",
    ):
        body = {"tool": "upscale", "inputs": [asset], "parameters": BICUBIC, "webhook": url}
        assert running.client.post("/v1/jobs", json=body).status_code == 422
    with pytest.raises(MatshotError, match="secret"):
        settings(None, {"webhook_hosts": ["a.example"]}, {})


# Retention


def test_retention_is_told_and_no_jump_of_the_clock_ends_it(
    start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(keep_days=2.0)
    asset = running.send(picture())
    job = running.wait(running.upscale(asset))
    told = running.client.get(f"/v1/assets/{asset}").json()
    for made, kept in ((told["created"], told["kept_until"]), (job["ended"], job["kept_until"])):
        from datetime import datetime

        days = (datetime.fromisoformat(kept) - datetime.fromisoformat(made)).total_seconds() / 86400
        assert abs(days - 2) < 0.01
    real = store_module.now
    monkeypatch.setattr(store_module, "now", lambda: real() + 400 * 86400)
    running.service.sweeper.sweep()
    assert running.client.get(f"/v1/jobs/{job['id']}").status_code == 200
    running.stop()
    # Off for a year by its clock: a day of it counts.
    monkeypatch.setattr(store_module, "now", lambda: real() + 800 * 86400)
    again = start(keep_days=2.0)
    again.service.sweeper.sweep()
    assert again.client.get(f"/v1/jobs/{job['id']}").status_code == 200
    again.stop()
    # And backward.
    monkeypatch.setattr(store_module, "now", lambda: real() - 800 * 86400)
    last = start(keep_days=2.0)
    last.service.sweeper.sweep()
    assert last.client.get(f"/v1/assets/{asset}").status_code == 200
    later = last.service.store.service_time() + 3 * 86400
    monkeypatch.setattr(last.service.store, "service_time", lambda: later)
    last.service.sweeper.sweep()
    assert last.client.get(f"/v1/assets/{asset}").status_code == 404
    assert last.client.get(f"/v1/jobs/{job['id']}").status_code == 404


def test_what_is_kept_for_ever_says_so(start: Callable[..., Running]) -> None:
    running = start(keep_days=0)
    asset = running.send(picture())
    assert running.client.get(f"/v1/assets/{asset}").json()["kept_until"] is None
    assert running.wait(running.upscale(asset))["kept_until"] is None


# Versions of the database


def test_an_older_database_is_copied_and_brought_up_to_date(start: Callable[..., Running], tmp_path: Path) -> None:
    first = start()
    asset = first.send(picture())
    job = first.wait(first.upscale(asset))
    first.stop()
    folder = first.settings.data
    rows: dict[str, list[dict[str, Any]]] = {}
    with contextlib.closing(sqlite3.connect(folder / "service.db")) as now:
        now.row_factory = sqlite3.Row
        for table in ("assets", "jobs"):
            rows[table] = [dict(row) for row in now.execute(f"SELECT * FROM {table}")]
    (folder / "service.db").unlink()
    with contextlib.closing(sqlite3.connect(folder / "service.db")) as old:
        old.executescript(f"{_STEPS[0]} PRAGMA user_version = 1;")
        for table, found in rows.items():
            names = [row[1] for row in old.execute(f"PRAGMA table_info({table})")]
            for row in found:
                marks = ", ".join("?" * len(names))
                old.execute(f"INSERT INTO {table} VALUES ({marks})", [row[name] for name in names])
        old.commit()
    second = start()
    assert second.client.get(f"/v1/jobs/{job['id']}").json()["results"] == job["results"]
    assert second.client.get(f"/v1/assets/{asset}").status_code == 200
    assert second.service.store.bytes() == first.service.store.bytes() > 0
    second.stop()
    copy = folder / "service-version-1.db"
    with contextlib.closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("PRAGMA user_version").fetchone()[0] == 1
        assert kept.execute("SELECT id FROM jobs").fetchall() == [(job["id"],)]
    third = start()
    assert third.client.get(f"/v1/jobs/{job['id']}").status_code == 200
    assert len(list(folder.glob("service-version-*"))) == 1


class FullDisk(sqlite3.Connection):
    """A disk that has room for half a copy."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql.startswith("VACUUM INTO"):
            Path(values[0][0]).write_bytes(b"half")
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *values)


@pytest.mark.parametrize(("kind", "step"), [(FullDisk, _STEPS[1]), (sqlite3.Connection, "CREATE TABLE more (a); X;")])
def test_a_change_of_the_database_that_fails_leaves_nothing(
    kind: type[sqlite3.Connection], step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system service starts again at once: every try would leave one more copy."""
    monkeypatch.setattr(migrations, "_STEPS", (_STEPS[0], step))
    file = tmp_path / "service.db"
    with contextlib.closing(sqlite3.connect(file, factory=kind, isolation_level=None)) as old:
        old.executescript(f"{_STEPS[0]} PRAGMA user_version = 1;")
        with pytest.raises(sqlite3.Error):
            migrations.migrate(old, file, 1)
        assert list(tmp_path.iterdir()) == [file]
        assert old.execute("PRAGMA user_version").fetchone() == (1,)
        assert old.execute("SELECT 1 FROM sqlite_master WHERE name = 'more'").fetchone() is None


def test_a_newer_database_is_refused(start: Callable[..., Running]) -> None:
    running = start()
    running.stop()
    with contextlib.closing(sqlite3.connect(running.settings.data / "service.db")) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(MatshotError, match="newer version"):
        start()


def test_changes_that_wait_for_the_disk_share_a_trip(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    trips, real = [0], os.fsync
    inside = threading.Event()

    def slow(handle: int) -> None:
        trips[0] += handle == running.service.store._log_file
        inside.set()
        threading.Event().wait(0.1)
        real(handle)

    monkeypatch.setattr(store_module.os, "fsync", slow)
    preset = {"tool": "tile", "parameters": {}}
    threads = [
        threading.Thread(target=running.client.put, args=(f"/v1/presets/{number}",), kwargs={"json": preset})
        for number in range(12)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(running.client.get("/v1/presets").json()["presets"]) == 12
    assert trips[0] < 8
