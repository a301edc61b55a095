"""Inputs of the examples, generated: nothing has to be downloaded.

    python inputs.py FOLDER KIND...     # wall, bricks, plaster, rust, photographs, textures

``$SIZE`` is the side of a texture in pixels, 128 if it is not set.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

import matshot
from matshot.shading.procedural import brick_material, brick_wall, noise, wall_photographs

SIZE = int(os.environ.get("SIZE", "128"))


def output_folder() -> Path:
    """The folder that the example was called with, else a temporary one."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="matshot-"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_wall(folder: Path) -> Path:
    """``wall.png``: bricks from above, which tile."""
    return matshot.write_texture(brick_wall(SIZE, seed=3)["basecolor"], folder / "wall.png")


def write_bricks(folder: Path) -> Path:
    """``bricks/``: a material folder with base color, normal, roughness and height."""
    return matshot.save_material(brick_material(SIZE, seed=3), folder / "bricks")


def write_plaster(folder: Path) -> Path:
    """``plaster.png``: a piece of rough plaster, which does not tile."""
    grain = noise(2 * SIZE, 0.8, np.random.default_rng(4))[:SIZE, :SIZE, np.newaxis]
    color = np.array([0.74, 0.68, 0.60]) * (1 + 0.14 * grain)
    return matshot.write_texture(matshot.Texture(color.clip(0, 1).astype(np.float32)), folder / "plaster.png")


def write_rust(folder: Path) -> Path:
    """``rust.png``: blotches of rust on dark steel."""
    blotches = noise(SIZE, 1.4, np.random.default_rng(1)).clip(-1.5, 1.5)[..., np.newaxis] / 3 + 0.5
    color = (1 - blotches) * np.array([0.20, 0.21, 0.23]) + blotches * np.array([0.66, 0.31, 0.13])
    return matshot.write_texture(matshot.Texture(color.astype(np.float32), wrap="xy"), folder / "rust.png")


def write_photographs(folder: Path) -> tuple[Path, Path]:
    """``flash.png`` and ``ambient.png``: one wall with and without flash."""
    flash, ambient = wall_photographs(2 * SIZE, seed=7)
    return matshot.write_texture(flash, folder / "flash.png"), matshot.write_texture(ambient, folder / "ambient.png")


def write_textures(folder: Path) -> Path:
    """``textures/``: a color, a normal and a roughness map, one of them in a folder of its own."""
    maps = brick_wall(SIZE // 2, seed=5)
    matshot.write_texture(maps["basecolor"], folder / "textures" / "wall.png")
    matshot.write_texture(maps["roughness"], folder / "textures" / "concrete_rough.png")
    matshot.write_texture(maps["normal_gl"], folder / "textures" / "props" / "crate_n.png")
    return folder / "textures"


if __name__ == "__main__":
    for kind in sys.argv[2:]:
        globals()[f"write_{kind}"](output_folder())
