"""Generated surfaces for sheets of synthesis, which wrap on both axes, and maps that say what of them belongs where.

Nothing of them is from photographs, so that pictures of results may be published.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from matshot.image.normals import normal_from_height
from matshot.image.types import Texture
from matshot.shading.procedural import brick_wall, noise

Picture = NDArray[np.float32]

#: Colors of labels.
PAINTS = np.array([[0.13, 0.55, 0.17], [0.5, 0.5, 0.5], [0.92, 0.8, 0.42], [0.1, 0.3, 0.9]], dtype=np.float32)


def stones(size: int, seed: int = 0, count: int = 90) -> dict[str, Texture]:
    """Rounded stones in sand, which wrap on both axes: ``basecolor``, ``normal_gl``, ``roughness``, ``height``."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 1, (count, 2))
    shifts = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)], dtype=float)
    tree = cKDTree((points[None] + shifts[:, None]).reshape(-1, 2))
    grid = (np.stack(np.mgrid[:size, :size], axis=-1) + 0.5) / size
    grid = grid + 0.008 * np.stack([noise(size, 1.6, rng), noise(size, 1.6, rng)], axis=-1)
    distances, indices = tree.query(grid, k=2)
    stone = indices[..., 0] % count
    grain = noise(size, 0.9, rng)
    dome = np.clip((distances[..., 1] - distances[..., 0]) / 0.05, 0, 1)
    dome = np.sqrt(1 - (1 - dome) ** 2)
    inside = np.clip((dome - 0.25) / 0.2, 0, 1)[..., None]
    tints = np.array(
        [[0.55, 0.52, 0.48], [0.42, 0.43, 0.45], [0.62, 0.55, 0.45], [0.33, 0.30, 0.29], [0.7, 0.68, 0.63]]
    )
    tones = tints[rng.integers(len(tints), size=count)][stone] * rng.uniform(0.8, 1.15, count)[stone][..., None]
    veins = np.clip(noise(size, 1.3, rng), -2, 2)[..., None]
    color = inside * tones * (1 + 0.07 * veins + 0.04 * grain[..., None]) + (1 - inside) * (
        np.array([0.36, 0.30, 0.23]) * (1 + 0.12 * grain[..., None])
    )
    relief = 0.1 + 0.75 * dome * rng.uniform(0.7, 1.0, count)[stone] + 0.015 * grain
    return _maps(color, relief, 0.75 - 0.35 * inside[..., 0] + 0.05 * grain, 0.035 * size)


def moss(size: int, seed: int = 0) -> dict[str, Texture]:
    """Tufts of green on dark ground, which wrap on both axes."""
    rng = np.random.default_rng(seed)
    relief = np.clip(0.5 + 0.17 * (noise(size, 1.2, rng) + 0.6 * noise(size, 0.7, rng)), 0, 1)
    tone = np.clip(0.5 + 0.22 * noise(size, 1.7, rng), 0, 1)[..., None]
    green = tone * np.array([0.42, 0.52, 0.16]) + (1 - tone) * np.array([0.20, 0.33, 0.09])
    color = green * (0.25 + 1.1 * relief[..., None])
    return _maps(color, relief, np.full((size, size), 0.85), 0.03 * size)


def _maps(
    color: NDArray[np.float64], relief: NDArray[np.float64], rough: NDArray[np.float64], depth: float
) -> dict[str, Texture]:
    height = relief.clip(0, 1).astype(np.float32)[..., None]
    normals = normal_from_height(height * np.float32(depth), "xy", derivative="central")
    return {
        "basecolor": Texture(color.clip(0, 1).astype(np.float32), "srgb", "xy"),
        "normal_gl": Texture(normals, "normal", "xy"),
        "roughness": Texture(rough.clip(0, 1).astype(np.float32)[..., None], "data", "xy"),
        "height": Texture(height, "data", "xy"),
    }


def grass(size: int, seed: int = 0) -> Picture:
    """Blades of grass over each other."""
    rng = np.random.default_rng(seed)
    picture = np.full((size, size, 3), (0.07, 0.12, 0.03), dtype=np.float32)
    for depth in np.linspace(0.35, 1.0, size * 14):
        x, y = rng.uniform(0, size, 2)
        length, lean = rng.uniform(5, 12), rng.normal(0, 0.9)
        tip = (x + length * np.sin(lean), y - length * np.cos(lean))
        green = depth * np.array([rng.uniform(0.22, 0.42), rng.uniform(0.42, 0.6), rng.uniform(0.1, 0.17)])
        for right in (-size, 0, size):
            for down in (-size, 0, size):
                ends = [(round(16 * (px + right)), round(16 * (py + down))) for px, py in ((x, y), tip)]
                if all(-16 * 16 < one < 16 * (size + 16) for end in ends for one in end):
                    cv2.line(picture, ends[0], ends[1], green.tolist(), 1, cv2.LINE_AA, 4)
    return picture


def sand(size: int, seed: int = 0) -> Picture:
    """Sand with faint ripples."""
    rng = np.random.default_rng(seed)
    y = np.arange(size)[:, None] / size
    wave = np.sin(2 * np.pi * (9 * y + 0.35 * noise(size, 2.0, rng)))
    tone = 1 + 0.07 * wave + 0.06 * noise(size, 0.4, rng) + 0.04 * noise(size, 1.8, rng)
    return (np.array([0.76, 0.64, 0.45]) * tone[..., None]).clip(0, 1).astype(np.float32)


def plaster(size: int, seed: int = 0) -> Picture:
    """Rough plaster with stains."""
    rng = np.random.default_rng(seed)
    tone = 1 + 0.05 * noise(size, 0.8, rng) + 0.05 * noise(size, 1.8, rng)
    return (np.array([0.82, 0.78, 0.7]) * tone[..., None]).clip(0, 1).astype(np.float32)


def worn_paint(size: int, seed: int = 0) -> tuple[Picture, Picture]:
    """Blue paint on rusty steel, and how worn it is, ``H x W x 1`` in [0, 1]."""
    rng = np.random.default_rng(seed)
    wear = (0.5 + 0.2 * noise(size, 1.9, rng)).clip(0, 1)
    chipped = (wear + 0.05 * noise(size, 1.0, rng))[..., None]
    grain = noise(size, 0.8, rng)[..., None]
    paint = np.array([0.16, 0.34, 0.5]) * (1 + 0.05 * grain)
    rust = np.array([0.45, 0.24, 0.12]) * (1 + 0.22 * grain)
    steel = np.array([0.56, 0.55, 0.53]) * (1 + 0.1 * grain)
    color = np.where(chipped > 0.72, steel, np.where(chipped > 0.58, rust, paint))
    return color.clip(0, 1).astype(np.float32), wear[..., None].astype(np.float32)


@dataclass(frozen=True)
class Scene:
    """What is painted.

    Attributes:
        name: of the scene.
        source: surfaces beside each other, ``H x W x 3``.
        source_guide: which is which, or how worn it is.
        target_guide: what belongs where.
        target_mask: what is replaced in ``picture``; None for all.
        picture: that is changed; None where all is new.
    """

    name: str
    source: Picture
    source_guide: Picture
    target_guide: Picture
    target_mask: Picture | None = None
    picture: Picture | None = None


def scenes(side: int, surfaces: Callable[[str, int], Picture] | None = None) -> list[Scene]:
    """Six painted maps.

    Args:
        side: of each surface in pixels; results are twice as large.
        surfaces: picture of a name and side; generated ones if not given.
    """
    surface = surfaces or generated
    size = 2 * side
    rng = np.random.default_rng(5)
    hills, damp = noise(size, 2.4, rng), noise(size, 2.2, rng)
    land = np.where(hills > 0.9, 3, np.where(hills > 0.35, 2, np.where(damp > 0.3, 1, 0)))
    patch = (0.35 * noise(size, 2.0, rng) + 2.0 * _bump(size, 0.45, 0.55, 0.22) > 1.0).astype(int)
    path = (np.abs(_rows(size) - 0.5 - 0.16 * np.sin(2 * np.pi * _rows(size).T)) < 0.13).astype(int)
    edges = _edges(size, rng)
    paint, wear = worn_paint(size, 1)
    hole = _bump(size, 0.55, 0.5, 0.24) + 0.12 * noise(size, 1.8, rng) > 0.45
    wall = np.tile(surface("bricks", side), (2, 2, 1))
    first = np.zeros((size, size), dtype=int)
    return [
        _labeled("landscape", [surface(name, side) for name in ("grass", "stones", "sand", "moss")], land),
        _labeled("moss on a wall", [surface("bricks", side), surface("moss", side)], patch),
        Scene("worn edges", paint, np.repeat(wear, 3, axis=2), np.repeat(edges, 3, axis=2)),
        _labeled("letters in brick", [surface("plaster", side), surface("bricks", side)], _letters(size)),
        _labeled("path", [surface("grass", side), surface("stones", side)], path),
        Scene("hole in a wall", surface("stones", side), PAINTS[first[:side, :side] + 1], PAINTS[hole.astype(int)],
              np.repeat(hole[..., None], 3, axis=2).astype(np.float32), wall),
    ]  # fmt: skip


def generated(name: str, side: int) -> Picture:
    """A generated surface of that name."""
    makers: dict[str, Callable[[], Picture]] = {
        "bricks": lambda: brick_wall(side)["basecolor"].pixels,
        "stones": lambda: stones(side, 3, 140)["basecolor"].pixels,
        "moss": lambda: moss(side, 2)["basecolor"].pixels,
        "grass": lambda: grass(side, 1),
        "sand": lambda: sand(side, 4),
        "plaster": lambda: plaster(side, 6),
    }
    return makers[name]()


def _labeled(name: str, surfaces: list[Picture], labels: NDArray[np.integer]) -> Scene:
    """Surfaces beside each other, two to a row, and a map of their numbers."""
    side = surfaces[0].shape[0]
    rows = [np.concatenate(surfaces[first : first + 2], axis=1) for first in range(0, len(surfaces), 2)]
    numbers = np.arange(len(surfaces)).reshape(-1, 2).repeat(side, axis=0).repeat(side, axis=1)
    return Scene(name, np.concatenate(rows), PAINTS[numbers], PAINTS[labels])


def _rows(size: int) -> NDArray[np.float64]:
    return ((np.arange(size) + 0.5) / size)[:, None].repeat(size, axis=1)


def _bump(size: int, y: float, x: float, width: float) -> NDArray[np.float64]:
    down = _rows(size)
    return np.exp(-0.5 * ((down - y) ** 2 + (down.T - x) ** 2) / width**2)


def _letters(size: int) -> NDArray[np.integer]:
    picture = np.zeros((size, size), dtype=np.uint8)
    for number, letter in enumerate("MS"):
        (width, height), _ = cv2.getTextSize(letter, cv2.FONT_HERSHEY_DUPLEX, size / 44, round(size / 10))
        x = round(size * (0.27 + 0.46 * number)) - width // 2
        cv2.putText(picture, letter, (x, (size + height) // 2), cv2.FONT_HERSHEY_DUPLEX, size / 44, 1, round(size / 10))
    return picture.astype(int)


def _edges(size: int, rng: np.random.Generator) -> Picture:
    """How exposed a panel is where its height has edges, ``H x W x 1`` in [0, 1]."""
    height = np.zeros((size, size), dtype=np.float32)
    low, high = round(0.14 * size), round(0.86 * size)
    cv2.rectangle(height, (low, low), (high, high), 1.0, -1)
    cv2.circle(height, (size // 2, size // 2), round(0.2 * size), 2.0, -1)
    height = cv2.GaussianBlur(height, (0, 0), size / 170)
    raised = height - cv2.GaussianBlur(height, (0, 0), size / 22)
    exposed = 0.3 + 1.3 * raised.clip(0, 1) + 0.08 * noise(size, 1.6, rng)
    return exposed.clip(0, 1)[..., None].astype(np.float32)
