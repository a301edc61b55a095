"""The memory of a process that runs for months: kept together, and given back."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Parameters of ``mallopt(3)``: how many heaps threads may have, and bytes from which on a block is no part of a heap.
_M_ARENA_MAX = -8
_M_MMAP_THRESHOLD = -3
#: The latter as it is at first; left alone, it grows with each large block that becomes free.
_LARGE = 128 * 1024
#: Parts of paths that the first five hundred jobs have, rounded up.
_PATHS = 1 << 15


def share_heap() -> None:
    """Have all threads that start from now on allocate from one heap, where the system's C library is glibc.

    It gives each thread a heap of its own, up to eight for each processor, and what one thread leaves free there no
    other takes: with the threads that answer requests, a service would grow for thousands of jobs. Threads of Python
    seldom allocate at the same time. What the user has set in the environment stays.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        _call("mallopt", _M_ARENA_MAX, 1)
    if "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        _call("mallopt", _M_MMAP_THRESHOLD, _LARGE)


def trim_heap() -> None:
    """Give free pages of the heap back to the system, where the C library can."""
    _call("malloc_trim", 0)


@contextmanager
def frozen_modules() -> Iterator[None]:
    """Exempt what exists by now, mostly modules, from garbage collection, until the block ends.

    Python looks for old garbage when there is a quarter more than everything that lasts, which with all modules would
    be that of hundreds of requests. Its table of interned strings, into which every part of a path goes for a while,
    doubles once when it has seen so many; here it does so at the start.
    """
    for number in range(_PATHS):
        sys.intern(f"matshot {number}")
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()  # libraries complain at exit about what was never collected


def _call(function: str, *numbers: int) -> None:
    """Call a function of glibc; other C libraries lack it."""
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):
            getattr(ctypes.CDLL(None), function)(*numbers)
