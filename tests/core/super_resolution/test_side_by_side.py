"""Files at the same time: the results of one after the other, in order, with one end."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from matshot.errors import Cancelled, MatshotError
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.progress import Progress
from matshot.super_resolution import UpscaleOptions, upscale_all
from matshot.super_resolution.side_by_side import SharedMemory, finished


def folder_of(path: Path, count: int = 5, size: int = 24) -> Path:
    for index in range(count):
        pixels = np.random.default_rng(index).random((size + index, size, 3)).astype(np.float32)
        write_texture(Texture(pixels, "srgb"), path / f"{index}.png")
    return path


def listed(tasks, work, workers, progress=None) -> list:
    whole = Progress(progress)
    with contextlib.closing(finished(tasks, work, workers, whole, lambda index: f"task {index}")) as results:
        return list(results)


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_and_errors_among_them(workers):
    def work(task: int, progress: Progress) -> int:
        time.sleep(0.02 * (3 - task % 3))
        progress(0.5)
        if task == 2:
            raise MatshotError("two")
        return task * 10

    calls = []
    results = listed(range(6), work, workers, lambda fraction, stage: calls.append((fraction, stage)))
    assert [str(one) for one in results] == ["0", "10", "two", "30", "40", "50"]
    fractions = [fraction for fraction, _ in calls]
    assert fractions == sorted(fractions)
    assert {stage for _, stage in calls} <= {f"task {index}" for index in range(6)}


def test_the_listener_hears_from_one_thread_alone():
    threads = set()
    listed(range(4), lambda task, progress: progress(0.5), 2, lambda *_: threads.add(threading.get_ident()))
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("error", [Cancelled, KeyboardInterrupt, ValueError])
def test_what_ends_one_ends_all(error):
    running = threading.Semaphore(0)
    ended = []

    def work(task: int, progress: Progress) -> int:
        if task == 0:
            for _ in range(2):
                running.acquire()  # until the others run
            raise error
        running.release()
        try:
            while True:
                time.sleep(0.005)
                progress(0.5)
        finally:
            ended.append(task)

    with pytest.raises(error):
        listed(range(3), work, 3)
    assert sorted(ended) == [1, 2]


def test_a_file_waits_until_there_is_memory():
    memory, most, now = SharedMemory(limit=100, held=40), 0, 0
    lock = threading.Lock()

    def work(task: int, progress: Progress) -> None:
        nonlocal most, now
        with memory.reserved(task, progress):
            with lock:
                now += task
                most = max(most, now)
            time.sleep(0.01)
            with lock:
                now -= task

    listed([30, 30, 25, 30, 80, 10, 20], work, 4)
    # One that is larger than all there is runs alone.
    assert 60 <= most <= 80
    assert memory.budget(5) == (100, 45)


def test_a_folder_has_the_same_files_and_reports_whatever_the_threads(tmp_path):
    source = folder_of(tmp_path / "in")
    (source / "3b.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    found = []
    for threads in (1, 3):
        reports, out = [], tmp_path / str(threads)
        options = UpscaleOptions(scale=2, threads=threads, device="cpu")
        outcome = upscale_all([source], out, options, report=reports.append)
        names = [one.source.name if hasattr(one, "source") else one[0].name for one in reports]
        assert {one.parameters["threads"] for one in outcome.done} == {threads}
        found.append((names, {file.name: file.read_bytes() for file in out.iterdir()}))
    assert found[0] == found[1]
    assert found[0][0] == ["0.png", "1.png", "2.png", "3.png", "3b.png", "4.png"]


@pytest.mark.parametrize("error", [Cancelled, KeyboardInterrupt])
def test_an_interrupt_leaves_whole_files_alone(tmp_path, error):
    source = folder_of(tmp_path / "in", size=48)

    def stop(fraction: float, stage: str) -> None:
        if fraction > 0.3:
            raise error

    with pytest.raises(error):
        upscale_all([source], tmp_path / "out", UpscaleOptions(scale=4, threads=2, device="cpu"), progress=stop)
    left = list((tmp_path / "out").iterdir())
    assert all(not file.name.startswith(".") for file in left)
    assert len(left) < 5
