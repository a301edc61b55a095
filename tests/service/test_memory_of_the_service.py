from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from matshot.service.data_folder import PICTURES, DataFolder
from matshot.service.heap import frozen_modules

# Threads that hold memory at the same time, and the places of the heaps that this made beside the main one: glibc
# begins each at a multiple of 64 MiB.
_HEAPS = """
import sys, threading
from matshot.service.data_folder import PICTURES, DataFolder
from matshot.service.heap import share_heap
if sys.argv[1] == "shared":
    share_heap()
barrier = threading.Barrier(8)
def hold():
    kept = [bytes(3000) for _ in range(200)]
    barrier.wait()
    barrier.wait()
threads = [threading.Thread(target=hold) for _ in range(7)]
for one in threads:
    one.start()
barrier.wait()
starts = [int(line.split("-")[0], 16) for line in open("/proc/self/maps") if " rw-p 00000000 00:00 0" in line]
print(sum(start % (64 << 20) == 0 for start in starts))
barrier.wait()
"""


def _heaps(how: str) -> int:
    run = subprocess.run([sys.executable, "-c", _HEAPS, how], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="heaps of glibc")
def test_threads_of_the_service_share_one_heap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    if _heaps("own") < 2:
        pytest.skip("this C library shares by itself")
    assert _heaps("shared") == 0


_FREED = """
from matshot.service.data_folder import PICTURES, DataFolder
from matshot.service.heap import share_heap, trim_heap
share_heap()
def resident():
    return int(next(line for line in open("/proc/self/status") if line.startswith("RssAnon")).split()[1])
blocks = [bytes(3000) for _ in range(10000)]
last = bytes(3000)  # above the others, which keeps the heap from shrinking by itself
full = resident()
del blocks
trim_heap()
print(full - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="heaps of glibc")
def test_free_memory_goes_back_to_the_system() -> None:
    run = subprocess.run([sys.executable, "-c", _FREED], capture_output=True, text=True, check=True)
    assert int(run.stdout) > 20_000


def test_modules_are_out_of_the_collector_until_the_service_ends() -> None:
    before = gc.get_freeze_count()
    with frozen_modules():
        assert gc.get_freeze_count() > before
    # Else libraries report at exit that their types leak.
    assert gc.get_freeze_count() == 0


def test_looking_for_pictures_takes_no_memory_for_each_job(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "service")
    for number in range(1000):
        (data.jobs / f"{number:032x}").mkdir()
    picture = data.jobs / f"{7:032x}" / PICTURES / "0-0-256.png"
    picture.parent.mkdir()
    picture.touch()
    tracemalloc.start()
    try:
        assert list(data.pictures()) == [picture]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def test_the_service_itself_loads_nothing_that_only_tools_need() -> None:
    heavy = "scipy", "cv2", "onnxruntime", "pillow_heif", "rawpy"
    code = f"import sys, matshot.service.routes; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
