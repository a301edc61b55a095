from __future__ import annotations

import errno
import io
import os
import shutil
import sqlite3
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from service_double import Running, material_zip, picture, sentence

from matshot.farm.engine import RunEvent
from matshot.service.runner import MOST_ATTEMPTS
from matshot.tools.job import ToolRequest
from matshot.tools.run import run

BICUBIC = {"scale": 2, "method": "bicubic"}


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_job_makes_what_the_tool_makes(running: Running, tmp_path: Path) -> None:
    (tmp_path / "wall.png").write_bytes(picture())
    plain = run(ToolRequest("upscale", [str(tmp_path / "wall.png")], BICUBIC, tmp_path / "run"))
    job = running.upscale({"asset": running.send(picture(), "x.png"), "name": "wall.png"})
    told = running.wait(job)
    (result,) = told["results"]
    assert (result["name"], result["width"], result["input"], told["fraction"]) == ("wall.png", 32, 0, 1.0)
    assert running.client.get(result["href"]).content == plain.outputs[0].path.read_bytes()
    assert running.client.get(result["files"][0]["href"]).content == plain.outputs[0].path.read_bytes()
    for address in (result["preview"], told["preview"], result["files"][0]["href"] + "?side=16"):
        assert running.client.get(address).headers["content-type"] == "image/png"
    with zipfile.ZipFile(io.BytesIO(running.client.get(told["zip"]).content)) as archive:
        assert archive.namelist() == ["wall.png"]
        assert archive.testzip() is None
    assert running.client.get(f"/v1/jobs/{job}/results").json()["results"] == told["results"]
    assert files_of(running.settings.data / "jobs" / job) == {"results", ".shown"}


def test_a_material_goes_in_and_comes_out(running: Running) -> None:
    job = running.ask("convert", [running.send(material_zip(), "wall.zip")], normal="dx").json()["id"]
    told = running.wait(job)
    (result,) = told["results"]
    maps = {one["map"]: one for one in result["files"] if one["map"]}
    assert (result["kind"], set(maps)) == ("material", {"basecolor", "normal", "roughness"})
    assert running.client.get(maps["normal"]["href"] + "?side=16").status_code == 200
    description = next(one for one in result["files"] if one["name"] == "material.json")
    assert running.client.get(description["href"]).headers["content-type"] == "application/json"
    assert running.client.get(description["href"] + "?side=16").status_code == 415
    for address, count in ((result["href"], 1), (told["zip"], 1)):
        with zipfile.ZipFile(io.BytesIO(running.client.get(address).content)) as archive:
            assert {name.split("/")[0] for name in archive.namelist()} == {result["name"]}
            assert len(archive.namelist()) == len(result["files"]) * count
    # What came out can go in again.
    again = running.client.get(result["href"]).content
    assert running.client.post("/v1/assets", content=again).json()["kind"] == "material"


def test_several_inputs_of_one_name(running: Running) -> None:
    told = running.wait(running.upscale(running.send(picture(1), "a.png"), running.send(picture(2), "a.png")))
    assert [one["input"] for one in told["results"]] == [0, 1]
    with zipfile.ZipFile(io.BytesIO(running.client.get(told["zip"]).content)) as archive:
        assert archive.namelist() == ["0/a.png", "1/a.png"]


def test_one_bad_file_of_several(running: Running) -> None:
    broken = bytearray(picture(1, 64))
    broken[300:600] = bytes(300)
    told = running.wait(running.upscale(running.send(bytes(broken), "bad.png"), running.send(picture(2), "good.png")))
    assert (told["state"], len(told["results"]), len(told["failures"])) == ("done", 1, 1)


def test_a_failure_is_a_sentence_without_places(running: Running) -> None:
    broken = bytearray(picture(1, 64))
    broken[300:600] = bytes(300)
    told = running.wait(running.upscale(running.send(bytes(broken), "bad.png")))
    assert (told["state"], "bad.png" in told["error"]["sentence"]) == ("failed", True)
    assert str(running.settings.data) not in str(told)
    answer = running.client.get(f"/v1/jobs/{told['id']}/results")
    assert (answer.status_code, "failed" in sentence(answer)) == (409, True)


@pytest.mark.parametrize(
    ("tool", "count", "parameters", "told"),
    [
        ("sharpen", 1, {}, "Unknown tool 'sharpen'"),
        ("upscale", 1, {"scale": 3}, "2, 4, 8"),
        ("upscale", 1, {"scale": "4"}, "Unknown scale '4'"),
        ("upscale", 1, {"zoom": 4}, "Unknown Upscale parameter 'zoom'"),
        ("upscale", 1, {"threads": 10**400}, "digits"),
        ("upscale", 1, {"tile": -1}, "must be 0 or 16 to 16384 px, got -1"),
        ("upscale", 1, {"colorspace": "x" * 300}, "at most 200 characters"),
        ("twoshot", 1, {}, "needs"),
        ("tile", 2, {}, "needs"),
        ("convert", 1, {}, "needs a material folder"),
        ("multiply", 1, {"size": "90000x90000"}, "Size must be 8 to 32768 px"),
        ("multiply", 1, {"size": "30000"}, "million pixels"),
        ("multiply", 1, {"target_mask": "/etc/hostname"}, "Target Mask must be the id of an asset"),
        ("convert", 1, {"template": "/etc/a.toml"}, "Export Template must be the name of a template"),
        ("multiply", 1, {"count": 1000, "size": "1024x1024"}, "million pixels"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(
    running: Running, tool: str, count: int, parameters: dict[str, Any], told: str
) -> None:
    answer = running.ask(tool, [running.send(picture())] * count, **parameters)
    assert (answer.status_code, told in sentence(answer)) == (422, True), answer.text
    assert list((running.settings.data / "jobs").iterdir()) == []


def test_photographs_are_no_materials(running: Running) -> None:
    answer = running.ask("oneshot", [running.send(material_zip())])
    assert (answer.status_code, "needs an image" in sentence(answer)) == (422, True)
    named = {"asset": running.send(picture()), "kind": "normal"}
    assert running.ask("tile", [named]).status_code == 422


def test_the_same_key_is_the_same_job(running: Running) -> None:
    asset = running.send(picture())
    body = {"tool": "upscale", "inputs": [asset], "parameters": BICUBIC}

    def asked(key: str, **more: Any) -> tuple[int, str]:
        answer = running.client.post("/v1/jobs", json={**body, **more}, headers={"Idempotency-Key": key})
        return answer.status_code, str(answer.json().get("id"))

    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda _: asked("one"), range(16)))
    assert sorted({status for status, _ in answers}) == [200, 201]
    assert [status for status, _ in answers].count(201) == 1
    assert len({job for _, job in answers}) == 1
    assert asked("two")[1] != answers[0][1]
    assert asked("one", parameters={"scale": 4})[0] == 422
    assert len(running.client.get("/v1/jobs").json()["jobs"]) == 2
    assert len(list((running.settings.data / "jobs").iterdir())) == 2


def test_the_queue_is_bounded(start: Callable[..., Running]) -> None:
    running = start(queue=2)
    running.engine.gate.clear()
    asset = running.send(picture())
    jobs = [running.upscale(asset), running.upscale(asset)]
    refused = running.ask("upscale", [asset])
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
    assert sentence(refused)
    assert [running.client.get(f"/v1/jobs/{job}").json()["position"] for job in jobs][1] <= 1
    running.engine.gate.set()
    assert all(running.wait(job)["state"] == "done" for job in jobs)
    assert running.ask("upscale", [asset]).status_code == 201


def test_jobs_are_listed_newest_first(running: Running) -> None:
    asset = running.send(picture())
    jobs = [running.upscale(asset) for _ in range(3)]
    for job in jobs:
        running.wait(job)
    first = running.client.get("/v1/jobs?limit=2&state=done").json()
    assert ([one["id"] for one in first["jobs"]], first["more"]) == ([jobs[2], jobs[1]], True)
    rest = running.client.get(f"/v1/jobs?before={jobs[1]}").json()
    assert ([one["id"] for one in rest["jobs"]], rest["more"]) == ([jobs[0]], False)
    assert running.client.get("/v1/jobs?state=failed").json()["jobs"] == []


def test_cancel(running: Running) -> None:
    running.engine.gate.clear()
    asset = running.send(picture())
    runs, waits = running.upscale(asset), running.upscale(asset)
    running.wait(runs, "running")
    for job in (runs, waits):
        assert running.client.post(f"/v1/jobs/{job}/cancel").status_code == 200
        running.wait(runs, "cancelled")
    assert running.wait(waits)["state"] == "cancelled"
    assert running.client.post(f"/v1/jobs/{runs}/cancel").json()["state"] == "cancelled"
    until = time.monotonic() + 5  # what is not needed any more goes after the end was told
    while (left := files_of(running.settings.data / "jobs" / runs)) and time.monotonic() < until:
        time.sleep(0.01)
    assert left == set()


def test_delete(running: Running) -> None:
    asset = running.send(picture())
    done = running.upscale(asset)
    running.wait(done)
    running.engine.gate.clear()
    runs = running.upscale(asset)
    running.wait(runs, "running")
    for job in (done, runs):
        assert running.client.delete(f"/v1/jobs/{job}").status_code == 204
        assert running.client.get(f"/v1/jobs/{job}").status_code == 404
        assert running.client.delete(f"/v1/jobs/{job}").status_code == 404
    for _ in range(200):
        if not list((running.settings.data / "jobs").iterdir()):
            break
        threading.Event().wait(0.02)
    assert list((running.settings.data / "jobs").iterdir()) == []
    assert running.service.store.job_ids() == []


def test_a_restart_loses_nothing(start: Callable[..., Running], tmp_path: Path) -> None:
    first = start()
    done = first.upscale(first.send(picture(1)))
    first.wait(done)
    first.engine.gate.clear()
    asset = first.send(picture(2))
    runs, waits, cancelled = (first.upscale(asset) for _ in range(3))
    first.wait(runs, "running")
    unknown = "f0" * 16
    (first.settings.data / "jobs" / unknown / "inputs").mkdir(parents=True)
    (first.settings.data / "incoming" / unknown).mkdir()
    first.service.store.change_job(cancelled, cancelling=1)
    first.kill()
    second = start()
    for job in (done, runs, waits):
        told = second.wait(job)
        assert told["state"] == "done"
        assert second.client.get(told["results"][0]["href"]).status_code == 200
    assert "restarted" in second.client.get(f"/v1/jobs/{runs}").json()["log"][0]["text"]
    assert second.wait(cancelled)["state"] == "cancelled"
    assert not (second.settings.data / "jobs" / unknown).exists()
    assert (second.settings.data / "lost" / f"jobs-{unknown}").is_dir()
    assert not list((second.settings.data / "incoming").iterdir())


def test_results_without_a_record_are_made_anew(start: Callable[..., Running]) -> None:
    """The service died after it had moved them, and before it had noted that."""
    first = start()
    first.engine.gate.clear()
    job = first.upscale(first.send(picture()))
    first.wait(job, "running")
    half = first.settings.data / "jobs" / job / "results" / "0"
    half.mkdir(parents=True)
    (half / "other.png").write_bytes(b"half")
    first.kill()
    told = start().wait(job)
    assert told["state"] == "done"
    assert files_of(half) == {"brick.png", "brick.preview.png"}


def test_a_job_that_takes_the_service_with_it_ends(start: Callable[..., Running]) -> None:
    for number in range(MOST_ATTEMPTS):
        running = start(held=True)
        if number == 0:
            job = running.upscale(running.send(picture()))
        running.wait(job, "running")
        running.kill()
    told = start().wait(job)
    assert (told["state"], "times" in told["error"]["sentence"]) == ("failed", True)


def test_an_orderly_end_is_no_attempt(start: Callable[..., Running]) -> None:
    for number in range(MOST_ATTEMPTS + 1):
        running = start(held=True)
        if number == 0:
            job = running.upscale(running.send(picture()))
        running.wait(job, "running")
        running.stop()
    assert start().wait(job)["state"] == "done"


def test_a_second_service_keeps_out(start: Callable[..., Running]) -> None:
    start()
    with pytest.raises(Exception, match="Another service"):
        start()


def test_results_are_whole_or_not_there(running: Running) -> None:
    """An engine that says done of what is not there, or lies elsewhere."""
    asset = running.send(picture())
    elsewhere = {"kind": "image", "path": "/etc/passwd", "preview": "", "width": 1, "height": 1, "wrap": "none"}
    for results in ((), ({**elsewhere, "source": "", "notes": []},)):
        running.engine.wish = lambda _, told, results=results: told(RunEvent("done", results=results))
        told = running.wait(running.upscale(asset))
        assert (told["state"], told["results"], told["zip"]) == ("failed", [], None)


def test_a_full_disk_is_a_sentence(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = running.send(picture())

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "mkdir", full)
        answer = running.ask("upscale", [asset])
        assert (answer.status_code, "full" in sentence(answer)) == (507, True)
    running.engine.gate.clear()
    job = running.upscale(asset)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", full)
        assert running.ask("upscale", [asset]).status_code == 507
        running.engine.gate.set()
        assert "full" in running.wait(job)["error"]["sentence"]
    assert files_of(running.settings.data / "jobs") == {job}
    assert files_of(running.settings.data / "incoming") == set()
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, -1))  # type: ignore[attr-defined]
        assert running.client.post("/v1/assets", content=picture(1)).status_code == 507
        assert running.ask("upscale", [asset]).status_code == 507
    assert running.wait(running.upscale(asset))["state"] == "done"


def test_an_end_that_finds_no_room_is_noted_later(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    change, refused = running.service.store.change_jobs, []

    def sometimes(changes: dict[str, Any], *more: Any, **options: Any) -> None:
        if any("ended" in values for values in changes.values()) and not refused:
            refused.append(changes)
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        change(changes, *more, **options)

    monkeypatch.setattr(running.service.store, "change_jobs", sometimes)
    assert running.wait(running.upscale(running.send(picture())))["state"] == "done"
    assert refused


def test_pictures_for_browsers_go_after_an_hour_and_are_made_again(running: Running) -> None:
    asset = running.client.post("/v1/assets", content=picture()).json()
    shown = asset["files"][0]["href"] + "?side=16"
    before = running.client.get(shown).content
    (made,) = (running.settings.data / "assets" / asset["id"] / ".shown").iterdir()
    running.service.sweeper.sweep()
    assert made.is_file()
    os.utime(made, (0, 0))
    running.service.sweeper.sweep()
    assert not made.exists()
    assert running.client.get(shown).content == before


def test_what_is_old_goes(start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> None:
    running = start(keep_days=1.0)
    asset = running.send(picture())
    done = running.upscale(asset)
    running.wait(done)
    running.engine.gate.clear()
    runs = running.upscale(asset)
    running.service.sweeper.sweep()
    assert running.client.get(f"/v1/jobs/{done}").status_code == 200
    later = running.service.store.service_time() + 2 * 86400
    monkeypatch.setattr(running.service.store, "service_time", lambda: later)
    running.service.sweeper.sweep()
    monkeypatch.undo()
    assert running.client.get(f"/v1/jobs/{done}").status_code == 404
    assert running.client.get(f"/v1/assets/{asset}").status_code == 404
    running.engine.gate.set()
    assert running.wait(runs)["state"] == "done"
    assert files_of(running.settings.data / "jobs") == {runs}


def test_files_that_parameters_name_are_assets(running: Running) -> None:
    wall, mask = running.send(picture(side=32)), running.send(corner(32), "mask.png")
    told = running.wait(running.ask("multiply", [wall], target_mask=mask).json()["id"])
    assert told["state"] == "done", told
    assert [one["asset"] for one in told["inputs"]] == [wall]
    assert told["parameters"]["target_mask"] == mask
    (result,) = told["results"]
    assert (result["width"], result["height"], result["input"]) == (32, 32, 0)


def test_a_material_is_no_mask(running: Running) -> None:
    material = running.send(material_zip())
    answer = running.ask("multiply", [running.send(picture())], target_mask=material)
    assert (answer.status_code, "Target Mask needs an image" in sentence(answer)) == (422, True)


def corner(side: int) -> bytes:
    """A mask that is white in one corner."""
    pixels = np.zeros((side, side), dtype=np.uint8)
    pixels[: side // 3, : side // 3] = 255
    return cv2.imencode(".png", pixels)[1].tobytes()
