"""What type checkers know of the public functions; read by mypy, never run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import assert_type

import matshot


def kinds(texture: matshot.Texture, material: matshot.Material, path: Path) -> None:
    assert_type(matshot.upscale(texture, scale=2, look="detail"), matshot.Texture)
    assert_type(matshot.upscale(material), matshot.Material)
    assert_type(matshot.upscale(path), matshot.Texture | matshot.Material)
    assert_type(matshot.upscale("wall.png", output="wall_4x.png"), matshot.Texture | matshot.Material)
    assert_type(matshot.multiply(texture, size=(64, 64)), matshot.Texture)
    assert_type(matshot.tile(material, axes="x"), matshot.Material)
    assert_type(matshot.style(texture, material, strength=0.5), matshot.Texture)
    assert_type(matshot.oneshot(path), matshot.Material)
    assert_type(matshot.twoshot(texture, "ambient.jpg"), matshot.Material)
    assert_type(matshot.adjust(path, metal="off"), matshot.Material)
    assert_type(matshot.convert(path, pack="orm"), matshot.Material)
    assert_type(matshot.preview(material, path, texture, view="tiled"), matshot.Texture)
    assert_type(matshot.__version__, str)


def refused(texture: matshot.Texture) -> None:
    matshot.upscale(texture, scale=3)  # type: ignore[call-overload]
    matshot.upscale(texture, look="sharp")  # type: ignore[call-overload]
    matshot.upscale(texture, lok="detail")  # type: ignore[call-overload]
    matshot.convert(texture)  # type: ignore[arg-type]


def progress(texture: matshot.Texture, show: Callable[[float, str], None]) -> None:
    matshot.multiply(texture, progress=show)
