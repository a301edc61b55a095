"""Runs carried by Dask, and everything that can happen to them."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import SplitResult, urlsplit

import psutil
import pytest

pytest.importorskip("distributed")

from bench.farm.clusters import DaskCluster, newest_worker, until, workers_below
from matshot.errors import MatshotError
from matshot.farm.engine import Engine, RunEvent
from matshot.image.reader import read_texture
from matshot.tools.job import ToolRequest
from matshot_host.client import WorkerClient

QUICK = {"scale": 2, "method": "bicubic"}
ENDS = ("done", "failed", "cancelled")


class Heard:
    """What an engine told of one run."""

    def __init__(self) -> None:
        self.all: list[RunEvent] = []
        self.threads: set[str] = set()
        self._ended = threading.Event()

    def __call__(self, told: RunEvent) -> None:
        self.all.append(told)
        self.threads.add(threading.current_thread().name)
        if told.kind in ENDS:
            self._ended.set()

    def end(self, seconds: float = 180.0) -> RunEvent:
        assert self._ended.wait(seconds), self.all
        return self.all[-1]

    @property
    def end_seen(self) -> bool:
        return self._ended.is_set()

    def kinds(self) -> list[str]:
        return [told.kind for told in self.all]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=2) as made:
        yield made


def started(engine: Engine, key: str, asked: ToolRequest) -> Heard:
    """A run that is under way."""
    heard = Heard()
    engine.submit(key, asked, heard)
    until(lambda: "progress" in heard.kinds())
    return heard


def runs(heard: Heard) -> int:
    """How often a run was started, and by now advances."""
    kinds = heard.kinds()
    return kinds.count("started") if kinds[-1] == "progress" else 0


def long_run(large: Path, folder: Path) -> ToolRequest:
    return ToolRequest("multiply", [str(large)], {"size": "2048x2048"}, folder)


def test_a_run_is_done_and_told_in_order(engine: Engine, wall: Path, tmp_path: Path) -> None:
    heard = Heard()
    engine.submit("one", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "job"), heard)
    told = heard.end()
    assert told.kind == "done"
    (made,) = told.results
    assert read_texture(made["path"]).width == 128
    assert Path(made["path"]).is_relative_to(tmp_path / "job")
    assert heard.kinds()[0] == "started"
    assert [kind for kind in heard.kinds() if kind in ENDS] == ["done"]
    fractions = [told.fraction for told in heard.all if told.kind == "progress"]
    assert fractions == sorted(fractions)
    assert heard.threads == {"matshot farm"}


def test_many_runs_are_not_mixed_up(engine: Engine, wall: Path, tmp_path: Path) -> None:
    heard = [Heard() for _ in range(12)]
    for number, one in enumerate(heard):
        scale = 2 if number % 2 else 4
        engine.submit(
            f"many{number}", ToolRequest("upscale", [str(wall)], {**QUICK, "scale": scale}, tmp_path / str(number)), one
        )
    for number, one in enumerate(heard):
        (made,) = one.end().results
        assert made["width"] == 64 * (2 if number % 2 else 4)
        assert Path(made["path"]).is_relative_to(tmp_path / str(number))


def test_what_the_tool_refuses_is_a_sentence(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    heard = Heard()
    engine.submit("bad", ToolRequest("upscale", [str(tmp_path / "broken.png")], QUICK, tmp_path / "job"), heard)
    told = heard.end()
    assert told.kind == "failed"
    assert "broken.png" in told.sentence
    assert not list((tmp_path / "job").iterdir())


def test_a_cancel_takes_less_than_a_second_and_leaves_nothing(engine: Engine, large: Path, tmp_path: Path) -> None:
    took = []
    # Other work on the machine must not decide: one of three is undisturbed.
    for number in range(3):
        heard = started(engine, f"cancelled{number}", long_run(large, tmp_path / "job"))
        began = time.monotonic()
        engine.cancel(f"cancelled{number}")
        assert heard.end().kind == "cancelled"
        took.append(time.monotonic() - began)
        until(lambda: not list((tmp_path / "job").iterdir()), 2)
    assert min(took) < 1.0


def test_a_run_that_waits_is_cancelled_and_never_starts(engine: Engine, large: Path, tmp_path: Path) -> None:
    heard = [Heard() for _ in range(4)]
    for number, one in enumerate(heard):
        engine.submit(f"w{number}", long_run(large, tmp_path / str(number)), one)
    for number in range(3, -1, -1):
        engine.cancel(f"w{number}")
    assert [one.end(5).kind for one in heard] == ["cancelled"] * 4
    assert heard[3].kinds() == ["cancelled"]
    # A worker's process may have had its order by then, and a folder for it.
    folder = tmp_path / "3"
    until(lambda: not folder.exists() or not list(folder.iterdir()), 2)
    time.sleep(0.5)
    assert heard[3].kinds() == ["cancelled"]


def test_a_crash_of_the_process_is_that_runs_error_alone(
    engine: Engine, large: Path, wall: Path, tmp_path: Path
) -> None:
    heard = started(engine, "crash", long_run(large, tmp_path / "job"))
    before = {one["address"] for one in engine.workers}
    (busy,) = [one["address"] for one in engine.workers if one["busy"]]
    crashed = workers_below()
    for one in crashed:
        one.send_signal(signal.SIGSEGV)
    told = heard.end()
    # One that has the signal and still lives would take the next run along.
    assert not psutil.wait_procs(crashed, timeout=60)[1]
    assert told.kind == "failed"
    assert "crashed (killed by signal 11)" in told.sentence
    after = Heard()
    engine.submit("after", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "after"), after)
    assert after.end().kind == "done"
    assert {one["address"] for one in engine.workers} == before
    assert busy in before


def test_a_crash_while_nothing_runs_ends_no_later_run(wall: Path, tmp_path: Path) -> None:
    with Engine(workers=1) as engine:
        for name in ("before", "after"):
            heard = Heard()
            # The engine may hear of the crash only when it has given the process its next run.
            with mock.patch.object(WorkerClient, "ended", False):
                engine.submit(name, ToolRequest("upscale", [str(wall)], QUICK, tmp_path / name), heard)
                assert heard.end().kind == "done", heard.all
            if name == "before":
                newest_worker().send_signal(signal.SIGSEGV)
    assert heard.kinds().count("again") == 1


def test_a_run_whose_process_is_killed_is_tried_again(large: Path, tmp_path: Path) -> None:
    with Engine(workers=1) as engine:
        heard = started(engine, "again", ToolRequest("multiply", [str(large)], {"size": "256x256"}, tmp_path / "job"))
        newest_worker().kill()
        told = heard.end()
    assert told.kind == "done", told
    assert_tried_again(heard, tmp_path / "job")


def test_a_run_whose_dask_worker_dies_is_tried_again(cluster: DaskCluster, large: Path, tmp_path: Path) -> None:
    cluster.start_worker("only")
    with Engine(scheduler=cluster.address) as engine:
        heard = started(engine, "again", ToolRequest("multiply", [str(large)], {"size": "256x256"}, tmp_path / "job"))
        # The process that Dask's nanny watches over, not the nanny.
        newest_worker(cluster.processes["only"].pid).parent().kill()
        told = heard.end()
    assert told.kind == "done", told
    assert_tried_again(heard, tmp_path / "job")


def assert_tried_again(heard: Heard, folder: Path) -> None:
    assert heard.kinds().count("started") == 2
    assert heard.kinds().count("again") == 1
    assert "retried" in heard.all[heard.kinds().index("again")].sentence
    # Nothing of the first attempt is left beside the second's.
    assert len(list(folder.iterdir())) == 1


def test_short_runs_are_with_the_process_before_their_turn_and_can_be_taken_back(wall: Path, tmp_path: Path) -> None:
    asked: list[tuple[str, int]] = []
    request = WorkerClient.request

    def noted(self: WorkerClient, method: str, parameters: Mapping[str, Any]) -> int:
        asked.append((method, sum("done" in one.kinds() for one in heard)))
        return request(self, method, parameters)

    heard = [Heard() for _ in range(24)]
    with Engine(workers=1) as engine, mock.patch.object(WorkerClient, "request", noted):
        warm = Heard()
        engine.submit("warm", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "warm"), warm)
        warm.end()
        engine._typical = 0.01  # as after many short runs
        asked.clear()
        for number, one in enumerate(heard):
            engine.submit(f"s{number}", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / str(number)), one)
        engine.cancel("s20")
        for number, one in enumerate(heard):
            assert one.end().kind == ("cancelled" if number == 20 else "done")
            assert one.kinds().count("started") == (number != 20)
    # Each was asked for when fewer than those before it had ended.
    runs = [ended for method, ended in asked if method == "run"]
    assert len(runs) == 23
    assert sum(ended < number for number, ended in enumerate(runs)) > 15


def test_a_run_that_was_taken_ahead_goes_to_a_worker_that_is_free(large: Path, wall: Path, tmp_path: Path) -> None:
    with Engine(workers=2) as engine:
        first = [Heard() for _ in range(4)]
        for number, one in enumerate(first):
            engine.submit(f"f{number}", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / f"f{number}"), one)
        for one in first:
            one.end()
        engine._typical = 0.01  # as after many short runs
        long, short = Heard(), [Heard() for _ in range(6)]
        engine.submit("long", long_run(large, tmp_path / "long"), long)
        for number, one in enumerate(short):
            engine.submit(f"b{number}", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / f"b{number}"), one)
        for one in short:
            assert one.end(30).kind == "done"
        assert not long.end_seen
        engine.cancel("long")
        assert long.end().kind == "cancelled"


def test_a_run_that_was_taken_ahead_outlives_the_run_before_it(large: Path, wall: Path, tmp_path: Path) -> None:
    with Engine(workers=1) as engine:
        engine._typical = 0.01
        heard, behind = Heard(), [Heard(), Heard()]
        engine.submit("long", long_run(large, tmp_path / "long"), heard)
        for number, one in enumerate(behind):
            engine.submit(f"b{number}", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / f"b{number}"), one)
        until(lambda: "progress" in heard.kinds() and (tmp_path / "b0").exists())
        newest_worker().send_signal(signal.SIGSEGV)
        assert heard.end().kind == "failed"
        assert [one.end().kind for one in behind] == ["done", "done"]
        assert [one.kinds().count("started") for one in behind] == [1, 1]
        assert all(len(list((tmp_path / f"b{number}").iterdir())) == 1 for number in range(2))


def test_a_process_that_dies_idle_fails_no_run(wall: Path, tmp_path: Path) -> None:
    with Engine(workers=1) as engine:
        for number in range(2):
            heard = Heard()
            engine.submit(f"r{number}", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / str(number)), heard)
            assert heard.end().kind == "done", heard.all
            process = newest_worker()
            process.send_signal(signal.SIGSEGV)
            until(lambda process=process: process not in workers_below())
            time.sleep(0.1)


def test_a_run_that_has_every_process_killed_is_given_up(large: Path, wall: Path, tmp_path: Path) -> None:
    with Engine(workers=1, attempts=2) as engine:
        heard = started(engine, "deadly", long_run(large, tmp_path / "job"))
        for attempt in (1, 2):
            # A process that dies before it has the run is replaced, which is no attempt.
            until(lambda attempt=attempt: runs(heard) == attempt)
            newest_worker().kill()
        told = heard.end()
        assert told.kind == "failed"
        assert "died in each of 2 attempts" in told.sentence
        after = Heard()
        engine.submit("after", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "after"), after)
        assert after.end().kind == "done"


def test_memory_is_bounded(large: Path, wall: Path, tmp_path: Path) -> None:
    with Engine(workers=1, memory="64M") as engine:
        heard = Heard()
        engine.submit("large", ToolRequest("tile", [str(large)], {}, tmp_path / "job"), heard)
        told = heard.end()
        assert told.kind == "failed"
        assert "limit of 64 MB" in told.sentence
        assert len(engine.workers) == 1


def test_time_is_bounded(large: Path, tmp_path: Path) -> None:
    with Engine(workers=1, seconds=1.0) as engine:
        heard = Heard()
        engine.submit("slow", long_run(large, tmp_path / "job"), heard)
        told = heard.end()
    assert told.kind == "failed"
    assert "1 seconds" in told.sentence
    assert not list((tmp_path / "job").iterdir())


def test_closing_cancels_and_leaves_no_process(large: Path, tmp_path: Path) -> None:
    engine = Engine(workers=1)
    heard, waiting = started(engine, "open", long_run(large, tmp_path / "job")), Heard()
    engine.submit("waiting", long_run(large, tmp_path / "other"), waiting)
    processes = [newest_worker()]
    engine.close()
    assert heard.end(0).kind == "cancelled"
    assert waiting.end(0).kind == "cancelled"
    until(lambda: not any(one.is_running() and one.status() != "zombie" for one in processes), 5)
    with pytest.raises(ValueError, match="closed"):
        engine.submit("late", long_run(large, tmp_path / "late"), Heard())


def ports() -> set[tuple[str, int]]:
    """Addresses at which this process listens."""
    every = psutil.Process().net_connections()
    return {(one.laddr.ip, one.laddr.port) for one in every if one.status == psutil.CONN_LISTEN}


def test_a_cluster_of_this_machine_is_not_reached_at_all() -> None:
    before = ports()
    with Engine(workers=1) as alone:
        assert ports() <= before
        assert alone.dashboard == ""


def test_a_dashboard_is_for_this_machine_alone() -> None:
    pytest.importorskip("bokeh")
    before = ports()
    with Engine(workers=1, dashboard=True) as shown:
        assert {host for host, _ in ports() - before} == {"127.0.0.1"}
        own = urlsplit(shown.dashboard)
        assert asked(own, "/status") == 200
        assert asked(own, "/status", Host="evil.example") == 403
        assert asked(own, "/status", Host=f"evil.example:{own.port}") == 403
        assert asked(own, "/status", Origin="http://evil.example") == 403
        socket = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        socket |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Origin": "http://evil.example"}
        assert asked(own, "/status/ws", **socket) == 403


def asked(page: SplitResult, path: str, **headers: str) -> int:
    """Status of an answer."""
    connection = http.client.HTTPConnection(str(page.hostname), page.port, timeout=20)
    connection.request("GET", path, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_key_is_one_run_at_a_time(engine: Engine, wall: Path, tmp_path: Path) -> None:
    heard = Heard()
    engine.submit("same", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "a"), heard)
    with pytest.raises(ValueError, match="same"):
        engine.submit("same", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "b"), Heard())
    heard.end()
    again = Heard()
    engine.submit("same", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "c"), again)
    assert again.end().kind == "done"


def test_a_listener_that_fails_does_not_stop_the_engine(engine: Engine, wall: Path, tmp_path: Path) -> None:
    def broken(told: RunEvent) -> None:
        raise RuntimeError(told.kind)

    engine.submit("deaf", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "a"), broken)
    heard = Heard()
    engine.submit("heard", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "b"), heard)
    assert heard.end().kind == "done"


def test_no_scheduler_is_one_sentence() -> None:
    with pytest.raises(MatshotError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        Engine(scheduler="tcp://127.0.0.1:9")


def test_a_scheduler_that_comes_back_gets_its_runs_again(
    cluster: DaskCluster, large: Path, wall: Path, tmp_path: Path
) -> None:
    cluster.start_worker("first")
    with Engine(scheduler=cluster.address, patience=60) as engine:
        heard = started(engine, "held", ToolRequest("multiply", [str(large)], {"size": "256x256"}, tmp_path / "job"))
        waiting = Heard()
        engine.submit("waiting", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "waiting"), waiting)
        cluster.kill("scheduler")
        until(lambda: "again" in heard.kinds(), 60)
        assert "connection to the scheduler" in heard.all[-1].sentence
        cluster.kill("first")
        cluster.start_scheduler(int(cluster.address.rpartition(":")[2]))
        cluster.start_worker("second")
        assert heard.end().kind == "done"
        assert waiting.end().kind == "done"


def test_a_scheduler_that_stays_away_is_a_sentence(cluster: DaskCluster, large: Path, tmp_path: Path) -> None:
    cluster.start_worker("only")
    with Engine(scheduler=cluster.address, patience=1.5) as engine:
        heard = started(engine, "lost", long_run(large, tmp_path / "job"))
        cluster.kill("scheduler")
        told = heard.end()
        assert told.kind == "failed"
        assert f"scheduler at {cluster.address} is gone" in told.sentence
        began = time.monotonic()
    assert time.monotonic() - began < 12


def test_runs_of_an_engine_that_is_killed_end_on_the_cluster(cluster: DaskCluster, large: Path, tmp_path: Path) -> None:
    cluster.start_worker("one")
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom matshot.farm.engine import Engine\n"
        "from matshot.tools.job import ToolRequest\n"
        f"engine = Engine(scheduler={cluster.address!r})\n"
        f"run = ToolRequest('multiply', [{str(large)!r}], {{'size': '2048x2048'}}, Path({str(tmp_path / 'job')!r}))\n"
        "engine.submit('x', run, lambda told: print(told.kind, flush=True))\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "progress" not in process.stdout.readline():
            pass
        assert list((tmp_path / "job").iterdir())
        process.kill()
    until(lambda: not list((tmp_path / "job").iterdir()), 60)


def test_a_gpu_is_asked_for_where_there_is_one(cluster: DaskCluster, wall: Path, tmp_path: Path) -> None:
    cluster.start_worker("plain")
    cluster.start_worker("graphics", "--resources", "GPU=1")
    with Engine(scheduler=cluster.address) as engine:
        until(lambda: len(engine.workers) == 2)
        gpu = {one["address"]: one["gpu"] for one in engine.workers}
        assert sorted(gpu.values()) == [False, True]
        for number in range(3):
            heard, busy = Heard(), []

            def listen(told: RunEvent, heard: Heard = heard, busy: list[bool] = busy) -> None:
                if told.kind == "started":
                    busy.extend(gpu[one["address"]] for one in engine.workers if one["busy"])
                heard(told)

            engine.submit(f"g{number}", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / str(number)), listen)
            assert heard.end().kind == "done"
            assert busy == [True]


def test_workers_come_later(cluster: DaskCluster, wall: Path, tmp_path: Path) -> None:
    with Engine(scheduler=cluster.address) as engine:
        heard = Heard()
        engine.submit("patient", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "job"), heard)
        until(lambda: "waiting for a worker" in [told.stage for told in heard.all])
        cluster.start_worker("late")
        assert heard.end().kind == "done"


def test_the_command_line_does_not_load_dask() -> None:
    loaded = "sorted(m for m in sys.modules if m.split('.')[0] in ('distributed', 'dask'))"
    program = f"import sys, matshot.cli.commands; print({loaded})"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_only_folders_of_attempts_are_cleared_away(engine: Engine, wall: Path, tmp_path: Path) -> None:
    """A run may be given any folder, such as one in which somebody keeps runs of his own."""
    names = ("run-01/notes.txt", "run-final/wall.png", "run-0123456789/wall.png", "run-01234567/left.png")
    for name in names:
        (tmp_path / "place" / name).parent.mkdir(parents=True)
        (tmp_path / "place" / name).write_bytes(b"theirs")
    heard = Heard()
    engine.submit("one", ToolRequest("upscale", [str(wall)], QUICK, tmp_path / "place"), heard)
    assert heard.end().kind == "done"
    assert [(tmp_path / "place" / name).exists() for name in names] == [True, True, True, False]
