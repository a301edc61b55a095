"""The process beside a worker: how long it stays, and what a run asks of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from matshot.farm import worker_task
from matshot.farm.worker_task import _Station


@pytest.fixture
def station() -> Iterator[_Station]:
    made = _Station()
    yield made
    made.close()


def test_many_short_runs_share_one_timer(station: _Station, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[float] = []
    timer = threading.Timer

    def counted(seconds: float, work: object) -> threading.Timer:
        made.append(seconds)
        return timer(seconds, work)  # type: ignore[arg-type]

    monkeypatch.setattr(worker_task.threading, "Timer", counted)
    for _ in range(100):
        with station.occupied:
            station.rest()
    assert len(made) == 1


def test_a_process_ends_when_it_was_idle_and_not_before(station: _Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_task, "_IDLE", 0.2)
    closed: list[float] = []
    monkeypatch.setattr(station, "close", lambda: closed.append(time.monotonic()))
    with station.occupied:
        station.rest()
    time.sleep(0.1)
    with station.occupied:  # a run that lasts beyond the timer
        time.sleep(0.2)
        assert closed == []
        station.rest()
        rested = time.monotonic()
    until = rested + 5.0
    while not closed and time.monotonic() < until:
        time.sleep(0.01)
    assert closed
    assert closed[0] >= rested + 0.19
