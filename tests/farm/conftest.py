"""Textures, and clusters that can be broken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from matshot.image.writer import write_texture
from matshot.shading.procedural import brick_wall

pytest.importorskip("distributed")

from .clusters import DaskCluster


@pytest.fixture
def wall(tmp_path: Path) -> Path:
    return write_texture(brick_wall(64)["basecolor"], tmp_path / "wall.png")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A texture that takes a tool a while."""
    return write_texture(brick_wall(512)["basecolor"], tmp_path / "large.png")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    made = DaskCluster(folder)
    try:
        made.start_scheduler()
        yield made
    finally:
        made.end()
