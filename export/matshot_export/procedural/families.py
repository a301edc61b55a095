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


#: Those that repeat, of sharp lines.
REGULAR = ("tiles", "planks", "weave", "knit", "corrugated")


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


def procedural_color(size: int, colors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The color map of a regular material, darkened where little light gets, as those of photographs are.

    Args:
        size: pixels per side.
        colors: not used; families have their own.
        rng: of every choice.

    Returns:
        ``uint8 size x size x 3``, display-encoded.
    """
    del colors
    material = procedural_material(str(rng.choice(REGULAR)), size, rng)
    stored = (material.base_color * material.ao) ** (1 / 2.2)
    return np.asarray((stored * 255).round().byte().permute(1, 2, 0).numpy())
