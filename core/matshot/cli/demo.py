"""What ``matshot demo`` does: two photographs of a wall of its own, a material made of them, multiplied, enlarged."""

from __future__ import annotations

import time
from pathlib import Path

from matshot_host.description import DESCRIPTION, PREVIEW

from ..capture.twoshot import TwoShotOptions, twoshot
from ..errors import MatshotError
from ..image.writer import write_texture
from ..material.folder import load_material
from ..progress import Listener, Progress
from ..shading.preview import preview
from ..shading.procedural import wall_photographs
from ..super_resolution import UpscaleOptions, upscale_all
from ..synthesis.multiply import MultiplyOptions, multiply
from ..tools.assets import delivered, write_preview

#: Side of the photographs in pixels.
SIZE = 640

#: Side of the wall that the tile is multiplied to, in pixels.
LARGER = 512


def demonstrate(output: Path, progress: Listener | None = None) -> list[str]:
    """Go the whole way: photographs, material, more of it, the same in finer resolution.

    Writes ``photographs/`` (a generated brick wall with and without flash), ``tile/`` (the material that the two-shot
    tool makes of them), ``multiplied/`` (a larger wall of the same bricks that tiles, too) and ``material/`` (the tile
    in twice the resolution), each material with its preview.

    Returns:
        Lines that tell the user what lies where.

    Raises:
        MatshotError: when the folder cannot be written, or holds photographs of somebody else.
        Cancelled: when the listener says so.
    """
    if (output / "photographs").exists() and not (output / "tile" / DESCRIPTION).is_file():
        raise MatshotError(f"{output} already holds photographs; choose an empty or new folder.")
    began = time.monotonic()
    whole = Progress(progress)
    whole(0.0, "photographing")
    lit, even = (
        write_texture(photograph, output / "photographs" / f"{name}.png")
        for name, photograph in zip(("flash", "ambient"), wall_photographs(SIZE, seed=7), strict=True)
    )
    found = twoshot(lit, even, TwoShotOptions(), progress=whole.part(0.02, 0.6))
    delivered(found, output / "tile")
    options = MultiplyOptions(size=(LARGER, LARGER), tileable=True, wrap=found.wrap, seed=1)
    (more,) = multiply(found, options, progress=whole.part(0.6, 0.75))
    delivered(more, output / "multiplied")
    outcome = upscale_all(
        [output / "tile"],
        output / "material",
        UpscaleOptions(scale=2, wrap=found.wrap),
        progress=whole.part(0.75, 0.98, "upscaling"),
    )
    for _, error in outcome.failed:
        raise error
    large = load_material(output / "material")
    write_preview(preview(large), output / "material")
    taken = time.monotonic() - began
    return [
        f"Two photographs of a generated brick wall became a seamless material in {taken:.0f} s:",
        f"  {(output / 'photographs').resolve()}  (with flash and without)",
        f"  {(output / 'tile').resolve()}  (the material of a tile, {found.width} x {found.height})",
        f"  {(output / 'multiplied').resolve()}  (a larger wall of the same bricks, {more.width} x {more.height})",
        f"  {(output / 'material').resolve()}  (the tile upscaled, {large.width} x {large.height}, with material.mtlx)",
        f"  {(output / 'material' / PREVIEW).resolve()}  (look at this one)",
    ]
