"""How much memory a network takes for every pixel, measured in processes that hold nothing else.

    python -m matshot_export.peak_memory CARD SIDE

prints the peak in bytes of one run. Nothing here imports torch, which needs more than a small network does.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

from matshot.inference.cards import read_card
from matshot.inference.session import Network

_SIDES = (256, 512)
_LEAST = 64


def measured_bytes_per_pixel(card: Path) -> int:
    """Peak memory that one more input pixel costs, from two runs of different size."""
    peaks = []
    for side in _SIDES:
        command = [sys.executable, "-m", __name__, str(card), str(side)]
        peaks.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    return max(_LEAST, (peaks[1] - peaks[0]) // (_SIDES[1] ** 2 - _SIDES[0] ** 2))


def peak_of_run(card: Path, side: int) -> int:
    """Peak resident bytes of this process after one run on ``side`` x ``side`` pixels."""
    run = Network(read_card(card), "cpu", 1)
    side = -(-side // run.grid) * run.grid
    # Sides that a graph leaves free are the picture's.
    others = {
        name: np.zeros((1, *(size if isinstance(size, int) else side for size in shape[1:])), dtype=np.float32)
        for name, shape in run.other_inputs.items()
    }
    run(np.zeros((1, run.planes, side, side), dtype=np.float32), **others)
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage says on Linux is at least what the parent held when this process began.
        return next(1024 * int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    print(peak_of_run(Path(sys.argv[1]), int(sys.argv[2])))
