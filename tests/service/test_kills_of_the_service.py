"""The real thing: the command, its cluster and its worker processes, killed at the worst moments."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("distributed")
pytest.importorskip("psutil")

from bench.service.process import Served
from matshot.image.writer import write_texture
from matshot.shading.procedural import brick_wall
from matshot.tools.job import ToolRequest
from matshot.tools.run import run

if sys.platform == "win32":
    pytest.skip("kills by signal", allow_module_level=True)

#: Takes a second or more, and is the same each time.
SLOW = {"size": "160x160", "seed": 3}


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_texture(brick_wall(64)["basecolor"], tmp_path_factory.mktemp("wall") / "wall.png")


def test_nothing_is_lost(wall: Path, tmp_path: Path) -> None:
    slow = run(ToolRequest("multiply", [str(wall)], SLOW, tmp_path / "slow")).outputs[0].path.read_bytes()
    quick = run(ToolRequest("upscale", [str(wall)], {"scale": 2, "method": "bicubic"}, tmp_path / "quick"))
    with Served(tmp_path / "service", "--workers", "1") as served:
        asset = served.send(wall.read_bytes(), "wall.png")
        runs = served.ask("multiply", asset, **SLOW)
        waits = served.ask("upscale", asset, scale=2, method="bicubic")
        served.wait(runs, "running")
        children = [process.pid for process in served.processes("")]
        # Of an upload that is under way nothing is to stay.
        host, port = served.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as half:
            half.sendall(f"POST /v1/assets HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9999\r\n\r\nhalf".encode())
            time.sleep(0.2)
            served.kill()
        until = time.monotonic() + 20
        while any(map(_lives, children)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(map(_lives, children))
        served.start()
        told = served.wait(runs)
        assert (told["state"], "restarted" in told["log"][0]["text"]) == ("done", True)
        assert served.client.get(told["results"][0]["href"]).content == slow
        told = served.wait(waits)
        assert served.client.get(told["results"][0]["href"]).content == quick.outputs[0].path.read_bytes()
        assert list((tmp_path / "service" / "incoming").iterdir()) == []
        _kill_the_worker(served, asset)
        assert served.stop() in (0, -15, 143)


def _kill_the_worker(served: Served, asset: str) -> None:
    """A job whose worker process is killed runs again, in another."""
    job = served.ask("multiply", asset, **SLOW)
    served.wait(job, "running")
    for worker in served.processes("matshot.worker"):
        worker.kill()
    told = served.wait(job)
    assert (told["state"], len(told["results"])) == ("done", 1)
    assert "retried" in told["log"][-1]["text"]
    assert served.wait(served.ask("upscale", asset, scale=2, method="bicubic"))["state"] == "done"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").is_dir() else True
