"""What ``matshot demo`` does: two photographs of a wall of its own, a material made of them, multiplied, enlarged."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..capture.twoshot import TwoShotOptions, twoshot
from ..image.color import Pixels, srgb_from_linear
from ..image.types import Texture
from ..image.writer import write_texture
from ..material.folder import PREVIEW, load_material
from ..material.types import Material
from ..progress import Listener, Progress
from ..shading.preview import preview
from ..shading.procedural import brick_wall
from ..shading.render import Camera, Environment, SoftLight, exposure, flash, render
from ..shading.surface import Surface, surface_of
from ..synthesis.multiply import MultiplyOptions, multiply
from ..tools.assets import delivered
from ..upscale import UpscaleOptions, upscale_all

#: Side of the photographs, and how often the wall's pattern repeats in them.
SIZE, REPEATS = 640, 2
#: Side of the wall that is made of the tile.
LARGER = 512
#: Overcast sky with a soft light from the left, as in a courtyard.
_DAYLIGHT = (Environment((0.8, 0.85, 0.9), (0.7, 0.72, 0.75), (0.3, 0.3, 0.3)), SoftLight((-0.6, 0.4, 0.7), 1.2, 12))


def demonstrate(output: Path, progress: Listener | None = None) -> list[str]:
    """Go the whole way: photographs, material, more of it, the same in finer resolution.

    Writes ``photographs/`` (a generated brick wall with and without flash), ``tile/`` (the material that the two-shot
    tool makes of them), ``multiplied/`` (a larger wall of the same bricks that tiles, too) and ``material/`` (the tile
    in twice the resolution), each material with its preview.

    Returns:
        Lines that tell the user what lies where.

    Raises:
        MatshotError: when the folder cannot be written.
        Cancelled: when the listener says so.
    """
    began = time.monotonic()
    whole = Progress(progress)
    whole(0.0, "photographing")
    pair = photographed_wall(SIZE, seed=7)
    lit, even = (
        write_texture(Texture(pixels, "srgb"), output / "photographs" / f"{name}.png") for name, pixels in pair.items()
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
    write_texture(preview(large), output / "material" / PREVIEW)
    taken = time.monotonic() - began
    return [
        f"Two photographs of a generated brick wall became a seamless material in {taken:.0f} s:",
        f"  {(output / 'photographs').resolve()}  (with flash and without)",
        f"  {(output / 'tile').resolve()}  (the material of a tile, {found.width} x {found.height})",
        f"  {(output / 'multiplied').resolve()}  (a larger wall of the same bricks, {more.width} x {more.height})",
        f"  {(output / 'material').resolve()}  (the tile upscaled, {large.width} x {large.height}, with material.mtlx)",
        f"  {(output / 'material' / PREVIEW).resolve()}  (look at this one)",
    ]


def photographed_wall(size: int, seed: int) -> dict[str, Pixels]:
    """A flash photograph and one in daylight of the procedural brick wall, as a phone stores them.

    Args:
        size: of a side in pixels, a multiple of twice ``REPEATS``.
        seed: of the wall and of the sensor's noise.

    Returns:
        ``flash`` and ``ambient``, ``size x size x 3``, display-encoded in [0, 1].
    """
    wall = brick_wall(size // REPEATS, seed)
    maps = {("normal" if name == "normal_gl" else name): texture for name, texture in wall.items()}
    tiled = {name: replace(t, pixels=np.tile(t.pixels, (REPEATS, REPEATS, 1))) for name, t in maps.items()}
    surface: Surface = surface_of(Material(tiled))  # type: ignore[arg-type]
    camera = Camera(size, size)
    rng = np.random.default_rng(seed)
    flashed = render(surface, camera, [flash(camera, offset=(0.02, 0.03))])
    daylit = render(surface, camera, _DAYLIGHT)
    return {"flash": _exposed(flashed, rng), "ambient": _exposed(daylit, rng)}


def _exposed(radiance: Pixels, rng: np.random.Generator) -> Pixels:
    """Exposed for the highlights, with the noise of a sensor."""
    signal = radiance * np.float32(exposure(radiance, 0.95))
    noise = rng.standard_normal(signal.shape, dtype=np.float32) * np.sqrt(signal.clip(0) * 1e-4 + 2e-6)
    return srgb_from_linear((signal + noise).clip(0, 1).astype(np.float32))
