"""Runs every benchmark and writes BENCHMARKS.md.

    python tests/bench/run.py --data DIR [--skip-slow]

Each section is written as soon as it is measured, so that a run that is stopped leaves those before.
"""

from __future__ import annotations

import progression
import report
import upscale_color
import upscale_exactness
import upscale_normals
import upscale_x2


def main() -> None:
    """Measure and write."""
    options = report.parser(__doc__, always_write=True).parse_args()
    for benchmark in (upscale_color, progression, upscale_x2, upscale_normals, upscale_exactness):
        report.write([benchmark.measure(options)])
        report.say(f"{benchmark.NAME}: written to {report.TARGET.name}")


if __name__ == "__main__":
    main()
