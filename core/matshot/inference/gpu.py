"""What NVIDIA's driver says of the GPUs in this machine, without CUDA or any package."""

from __future__ import annotations

import ctypes
import sys
from functools import cache


@cache
def nvidia_gpus() -> tuple[str, ...]:
    """Names of the GPUs that the driver shows; empty without a driver or without a GPU."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return ()
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return ()
    names = []
    for index in range(count.value):
        device = ctypes.c_int(0)
        text = ctypes.create_string_buffer(128)
        if driver.cuDeviceGet(ctypes.byref(device), index) == 0 and driver.cuDeviceGetName(text, 128, device) == 0:
            names.append(text.value.decode(errors="replace"))
    return tuple(names)
