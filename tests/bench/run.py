"""Runs every benchmark and writes BENCHMARKS.md.

    python tests/bench/run.py --data DIR [--gpdm DIR] [--skip-slow]

Each section is written as soon as it is measured, so that a run that is stopped leaves those before.
"""

from __future__ import annotations

import capture_bad_input
import capture_oneshot
import capture_photographs
import capture_twoshot
import farm_scaling
import host_worker
import progression
import render_mitsuba
import report
import service_faults
import service_load
import synthesis_bad_input
import synthesis_multiply
import synthesis_scaling
import synthesis_tile
import texture_descriptor
import upscale_color
import upscale_exactness
import upscale_normals
import upscale_x2


def main() -> None:
    """Measure and write."""
    parser = capture_photographs.parser(__doc__, always_write=True)
    synthesis_multiply.add_options(parser)
    service_load.add_options(parser)
    options = parser.parse_args()
    upscaling = (upscale_color, progression, upscale_x2, upscale_normals, upscale_exactness)
    capture = (render_mitsuba, capture_oneshot, capture_twoshot, capture_bad_input)
    synthesis = (synthesis_multiply, synthesis_scaling, synthesis_tile, synthesis_bad_input, texture_descriptor)
    service = (host_worker, service_load, service_faults, farm_scaling)
    for benchmark in (*upscaling, *capture, *synthesis, *service):
        report.write([benchmark.measure(options)])
        report.say(f"{benchmark.NAME}: written to {report.TARGET.name}")


if __name__ == "__main__":
    main()
