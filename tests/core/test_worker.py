"""The worker process: what it says over its pipes, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matshot.image.writer import write_texture
from matshot.shading.procedural import brick_wall
from matshot_host.client import PROTOCOL
from matshot_host.jobs import NOTE, Jobs
from matshot_host.location import WorkerCommand
from matshot_host.tools import TOOLS

COMMAND = (sys.executable, "-m", "matshot.worker")
LONG = 60.0


class Talk:
    """A worker that is spoken to by hand."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.told: list[dict[str, Any]] = []

    def say(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def ask(self, number: int, method: str, **parameters: object) -> None:
        self.say(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}))

    def hear(self, number: object) -> dict[str, Any]:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            message: dict[str, Any] = json.loads(line)
            assert message["jsonrpc"] == "2.0"
            if "method" not in message and message["id"] == number:
                return message
            self.told.append(message)
        raise AssertionError("the worker ended")


@pytest.fixture
def talk() -> Iterator[Talk]:
    made = Talk()
    yield made
    made.process.kill()
    made.process.wait()
    for pipe in (made.process.stdin, made.process.stdout):
        assert pipe is not None
        pipe.close()


@pytest.fixture
def wall(tmp_path: Path) -> Path:
    return write_texture(brick_wall(64)["basecolor"], tmp_path / "wall.png")


def test_it_answers_before_it_loads_anything_heavy() -> None:
    heavy = "numpy", "scipy", "cv2", "onnxruntime", "OpenImageIO", "typer", "rich"
    code = f"import sys, matshot.worker; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_no_tool_needs_the_command_lines_packages() -> None:
    code = (
        "import sys; sys.modules['typer'] = sys.modules['rich'] = None\n"
        "import matshot.tools.run, matshot.tools.assets, matshot.tools.convert\n"
        "import matshot.shading.preview, matshot.hosts.doctor\n"
        "import matshot.capture.oneshot, matshot.capture.twoshot, matshot.super_resolution\n"
        "import matshot.synthesis.multiply, matshot.synthesis.tile, matshot.synthesis.style\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_it_introduces_itself_and_lists_its_tools(talk: Talk) -> None:
    talk.ask(1, "initialize", host="a test")
    result = talk.hear(1)["result"]
    assert result["protocol"] == PROTOCOL
    assert result["pid"] == talk.process.pid
    talk.ask(2, "tools/list")
    tools = {tool["name"]: tool for tool in talk.hear(2)["result"]["tools"]}
    assert list(tools) == [tool.name for tool in TOOLS]
    scale = tools["upscale"]["parameters"][0]
    assert (scale["name"], scale["type"], scale["choices"]) == ("scale", "int", [2, 4, 8])


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{", -32700),
        ("[]", -32600),
        ('{"id": null, "method": 3}', -32600),
        ('{"id": null, "method": "dance", "params": {}}', -32601),
        ('{"id": null, "method": "run", "params": [1]}', -32602),
        ('{"method": "run", "params": {}}', -32600),
    ],
)
def test_what_is_no_request_is_refused_and_it_lives_on(talk: Talk, line: str, code: int) -> None:
    talk.say(line)
    assert talk.hear(None)["error"]["code"] == code
    talk.ask(1, "initialize")
    assert "result" in talk.hear(1)


def test_a_job_tells_progress_and_results(talk: Talk, wall: Path, tmp_path: Path) -> None:
    folder = str(tmp_path / "job")
    talk.ask(1, "run", tool="multiply", inputs=[str(wall)], parameters={"size": "256x256"}, folder=folder)
    (made,) = talk.hear(1)["result"]["results"]
    assert (made["width"], made["kind"]) == (256, "image")
    told = [message["params"] for message in talk.told if message["method"] == "progress"]
    fractions = [message["fraction"] for message in told if "fraction" in message]
    assert fractions == sorted(fractions)
    shown = [Path(message["preview"]) for message in told if "preview" in message]
    assert shown
    # They are gone with the work.
    assert not any(path.exists() for path in shown)
    assert all(message["job"] == 1 for message in told)


def test_bad_input_is_a_sentence(talk: Talk, tmp_path: Path) -> None:
    talk.ask(1, "run", tool="tile", inputs=[str(tmp_path / "no.png")], folder=str(tmp_path / "job"))
    error = talk.hear(1)["error"]
    assert error["message"] == f"{tmp_path / 'no.png'} does not exist."
    assert not error["data"]["cancelled"]
    talk.ask(2, "run", tool="tile")
    assert talk.hear(2)["error"]["message"] == "The host's request has no valid inputs."


def test_a_job_that_waits_can_be_cancelled(talk: Talk, wall: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        talk.ask(number, "run", tool="upscale", inputs=[str(wall)], parameters={}, folder=str(tmp_path / f"{number}"))
    talk.ask(3, "cancel", job=2)
    assert talk.hear(3)["result"] == {"cancelled": True}
    talk.ask(4, "cancel", job=77)
    assert talk.hear(4)["result"] == {"cancelled": False}
    assert talk.hear(2)["error"]["data"]["cancelled"]


def test_it_ends_with_its_host_and_cleans_up(talk: Talk, wall: Path, tmp_path: Path) -> None:
    folder = tmp_path / "matshot-of-this-host"
    folder.mkdir()
    (folder / NOTE).touch()
    talk.ask(1, "initialize", folder=str(folder))
    talk.hear(1)
    talk.ask(2, "run", tool="multiply", inputs=[str(wall)], parameters={"size": "512x512"}, folder=str(folder / "job1"))
    time.sleep(0.5)
    assert talk.process.stdin is not None
    talk.process.stdin.close()
    assert talk.process.wait(timeout=10) == 0
    assert not folder.exists()


def test_shutdown_is_an_end_without_a_fault(talk: Talk) -> None:
    talk.ask(1, "shutdown")
    assert talk.hear(1)["result"] == {}
    assert talk.process.wait(timeout=10) == 0


def test_the_doctor_answers(talk: Talk) -> None:
    talk.ask(1, "doctor")
    findings = talk.hear(1)["result"]["findings"]
    assert {"subject", "state", "ok", "fix", "required"} == set(findings[0])


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs("a test", lambda: WorkerCommand(COMMAND, dict(os.environ), "the test"))
    yield made
    made.close()


def test_a_real_job_is_cancelled_within_a_second(jobs: Jobs, tmp_path: Path) -> None:
    wall = write_texture(brick_wall(256)["basecolor"], tmp_path / "wall.png")
    job = jobs.new("multiply", "Multiply wall.png")
    jobs.start(job, [str(wall)], {"size": "1024x1024"}, output=str(tmp_path / "out"))
    until = time.monotonic() + LONG
    while job.fraction < 0.02 and time.monotonic() < until:
        jobs.poll()
        time.sleep(0.01)
    began = time.monotonic()
    jobs.cancel(job)
    jobs.wait(job, LONG)
    assert job.state == "cancelled"
    assert time.monotonic() - began < 1.5
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_a_killed_worker_costs_that_job_alone(jobs: Jobs, wall: Path, tmp_path: Path) -> None:
    job = jobs.new("multiply", "Multiply wall.png")
    jobs.start(job, [str(wall)], {"size": "1024x1024"}, output=str(tmp_path / "out"))
    until = time.monotonic() + LONG
    while job.fraction < 0.02 and time.monotonic() < until:
        jobs.poll()
        time.sleep(0.01)
    os.kill(jobs.worker_pid, signal.SIGKILL)
    jobs.wait(job, LONG)
    assert "killed by signal 9" in job.error
    after = jobs.new("upscale", "Upscale wall.png")
    jobs.start(after, [str(wall)], {"method": "bicubic"})
    assert jobs.wait(after, LONG).state == "done"


@pytest.mark.parametrize("note", [True, False])
def test_a_folder_that_matshot_did_not_make_stays(talk: Talk, tmp_path: Path, note: bool) -> None:
    """Of one with the note of a host the jobs go; the name alone says nothing."""
    folder = tmp_path / "matshot-textures"
    files = [folder / "job1" / "wall.png", folder / "job 2024" / "wall.png", folder / "wall.png"]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    if note:
        (folder / NOTE).touch()
    talk.ask(1, "initialize", folder=str(folder))
    talk.hear(1)
    assert talk.process.stdin is not None
    talk.process.stdin.close()
    assert talk.process.wait(timeout=10) == 0
    assert [file.exists() for file in files] == [not note, True, True]


def test_a_run_that_has_not_begun_can_be_revoked(talk: Talk, wall: Path, tmp_path: Path) -> None:
    size = {"size": "1024x1024"}
    talk.ask(1, "run", tool="multiply", inputs=[str(wall)], parameters=size, folder=str(tmp_path / "first"))
    talk.ask(2, "run", tool="multiply", inputs=[str(wall)], parameters=size, folder=str(tmp_path / "second"))
    talk.ask(3, "revoke", job=2)
    assert talk.hear(3)["result"] == {"revoked": True}
    talk.ask(4, "revoke", job=2)
    assert talk.hear(4)["result"] == {"revoked": False}
    talk.say('{"method": "cancel", "params": {"job": 1}}')
    assert talk.hear(1)["error"]["data"]["cancelled"]
    talk.ask(5, "doctor")
    assert talk.hear(5)["result"]["findings"]
    assert not (tmp_path / "second").exists()
