"""What ``matshot demo`` does: a small material of its own, upscaled, with a picture of before and after."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from .color import Pixels
from .jobs import Listener, Progress
from .procedural import brick_wall
from .texture import Texture, write_texture
from .upscale import UpscaleOptions, upscale, upscale_all

SIZE, SCALE = 128, 4


def demonstrate(output: Path, progress: Listener | None = None) -> list[str]:
    """Write ``small/`` (a generated brick material), ``large/`` (the same, four times larger) and ``before-after.png``.

    The picture shows, from left to right, bicubic, ``fidelity`` and ``detail``, of the same quarter of the wall.

    Returns:
        Lines that tell the user what lies where.

    Raises:
        MatshotError: when the folder cannot be written.
        Cancelled: when the listener says so.
    """
    began = time.monotonic()
    whole = Progress(progress)
    small = {name: _shrunk(texture) for name, texture in brick_wall(SIZE * SCALE, seed=7).items()}
    for name, texture in small.items():
        write_texture(texture, output / "small" / f"{name}.png")
    outcome = upscale_all(
        [output / "small"], output / "large", UpscaleOptions(scale=SCALE), progress=whole.part(0, 0.6, "material")
    )
    for _, error in outcome.failed:
        raise error
    color = small["basecolor"]
    shown = [
        upscale(color, scale=SCALE, progress=whole.part(0.6 + 0.13 * i, 0.73 + 0.13 * i, "picture"), **how).pixels
        for i, how in enumerate(({"method": "bicubic"}, {"look": "fidelity"}, {"look": "detail"}))
    ]
    half = SIZE * SCALE // 2
    picture = Texture(_side_by_side([pixels[:half, :half] for pixels in shown]), "srgb")
    path = write_texture(picture, output / "before-after.png")
    taken = time.monotonic() - began
    return [
        f"A {SIZE} x {SIZE} brick material became {SIZE * SCALE} x {SIZE * SCALE} in {taken:.1f} s:",
        f"  {(output / 'small').resolve()}  (before)",
        f"  {(output / 'large').resolve()}  (after, all maps, still seamless)",
        f"  {path.resolve()}  (bicubic | fidelity | detail, side by side)",
    ]


def _shrunk(texture: Texture) -> Texture:
    """A quarter of the size by averaging, so that the small maps are what a small photograph would have been."""
    height, width, channels = texture.pixels.shape
    blocks = texture.pixels.reshape(height // SCALE, SCALE, width // SCALE, SCALE, channels)
    pixels = blocks.mean(axis=(1, 3), dtype=np.float32)
    if texture.encoding == "normal":
        pixels = pixels / np.linalg.norm(pixels, axis=2, keepdims=True)
    return texture.with_pixels(pixels)


def _side_by_side(panels: list[Pixels], gap: int = 4) -> Pixels:
    white = np.ones((panels[0].shape[0], gap, 3), dtype=np.float32)
    pieces = [panels[0]]
    for panel in panels[1:]:
        pieces += [white, panel]
    return np.concatenate(pieces, axis=1)
