"""The families by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from matshot.errors import unknown_choice

from .cloth import knit, leather, weave
from .drawing import Drawing
from .masonry import cobbles, cracked, gravel, planks, plaster, tiles
from .material import ProceduralMaterial
from .metals import brushed, corrugated, hammered

#: What draws one of each.
FAMILIES: dict[str, Callable[[Drawing], ProceduralMaterial]] = {
    "tiles": tiles,
    "planks": planks,
    "cobbles": cobbles,
    "weave": weave,
    "knit": knit,
    "leather": leather,
    "hammered": hammered,
    "brushed": brushed,
    "corrugated": corrugated,
    "cracked": cracked,
    "gravel": gravel,
    "plaster": plaster,
}


def procedural_material(
    family: str, size: int, rng: np.random.Generator, device: torch.device | None = None
) -> ProceduralMaterial:
    """A material of a family.

    Args:
        family: one of :data:`FAMILIES`.
        size: pixels per side.
        rng: of every choice; the same one gives the same material.
        device: of the maps.

    Raises:
        MatshotError: for an unknown family.
    """
    if family not in FAMILIES:
        raise unknown_choice("family", family, FAMILIES)
    drawn = FAMILIES[family](Drawing(size, rng, device or torch.device("cpu")))
    return ProceduralMaterial(
        drawn.height,
        drawn.base_color.clamp(0.01, 0.97),
        drawn.roughness.clamp(0.05, 1),
        drawn.metallic.clamp(0, 1),
    )
