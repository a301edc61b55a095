"""Runs every benchmark and writes BENCHMARKS.md.

    python -m bench.run --data DIR [--gpdm DIR] [--skip-slow]

Each section is written as soon as it is measured, so that a run that is stopped leaves those before.
"""

from __future__ import annotations

from bench import report
from bench.capture import bad_input as capture_bad_input
from bench.capture import oneshot as capture_oneshot
from bench.capture import photographs as capture_photographs
from bench.capture import relighting as capture_relighting
from bench.capture import twoshot as capture_twoshot
from bench.farm import scaling as farm_scaling
from bench.hosts import worker as host_worker
from bench.material import compression as material_compression
from bench.service import faults as service_faults
from bench.service import load as service_load
from bench.service import soak as service_soak
from bench.shading import mitsuba as render_mitsuba
from bench.super_resolution import color as upscale_color
from bench.super_resolution import exactness as upscale_exactness
from bench.super_resolution import folder as upscale_folder
from bench.super_resolution import normals as upscale_normals
from bench.super_resolution import progression
from bench.super_resolution import watched as upscale_watched
from bench.super_resolution import x2 as upscale_x2
from bench.synthesis import bad_input as synthesis_bad_input
from bench.synthesis import multiply as synthesis_multiply
from bench.synthesis import paint as synthesis_paint
from bench.synthesis import scaling as synthesis_scaling
from bench.synthesis import style as synthesis_style
from bench.synthesis import texture_descriptor
from bench.synthesis import tile as synthesis_tile


def main() -> None:
    """Measure and write."""
    parser = capture_photographs.parser(__doc__, always_write=True)
    synthesis_multiply.add_options(parser)
    service_load.add_options(parser)
    service_soak.add_options(parser)
    options = parser.parse_args()
    upscaling = (
        upscale_color,
        progression,
        upscale_x2,
        upscale_normals,
        upscale_watched,
        upscale_exactness,
        upscale_folder,
    )
    capture = (render_mitsuba, capture_oneshot, capture_twoshot, capture_relighting, capture_bad_input)
    synthesis = (
        synthesis_multiply,
        synthesis_paint,
        synthesis_scaling,
        synthesis_style,
        synthesis_tile,
        synthesis_bad_input,
        texture_descriptor,
    )
    files = (material_compression,)
    service = (host_worker, service_load, service_faults, service_soak, farm_scaling)
    for benchmark in (*upscaling, *capture, *synthesis, *files, *service):
        report.write([benchmark.measure(options)])
        report.say(f"{benchmark.NAME}: written to {report.TARGET.name}")


if __name__ == "__main__":
    main()
