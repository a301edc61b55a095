"""The maps of a material as images of nodes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .matshot_host.description import MAP_LABELS
from .matshot_host.graph import LEVEL, ROUGHNESS


class Map(NamedTuple):
    """One map.

    Attributes:
        label: what artists call it.
        neutral: value of a material without it.
        gray: whether it has one number per pixel.
    """

    label: str
    neutral: tuple[float, ...]
    gray: bool = True

    @property
    def tooltip(self) -> str:
        """What the output of a node says of it."""
        value = " ".join(f"{one:g}" for one in self.neutral)
        return f"{self.label}. {value} where the material has none."


#: The maps that nodes show, by kind.
MAPS: dict[str, Map] = {
    "basecolor": Map(MAP_LABELS["basecolor"], (0.5, 0.5, 0.5), False),
    "normal": Map(MAP_LABELS["normal"], (0.5, 0.5, 1.0), False),
    "roughness": Map(MAP_LABELS["roughness"], (ROUGHNESS,)),
    "metallic": Map(MAP_LABELS["metallic"], (0.0,)),
    "height": Map(MAP_LABELS["height"], (LEVEL,)),
    "ao": Map(MAP_LABELS["ao"], (1.0,)),
    "opacity": Map(MAP_LABELS["opacity"], (1.0,)),
    "emission": Map(MAP_LABELS["emission"], (0.0, 0.0, 0.0), False),
    "specular": Map(MAP_LABELS["specular"], (0.5,)),
    "anisotropy": Map(MAP_LABELS["anisotropy"], (0.0,)),
    "anisotropy_angle": Map(MAP_LABELS["anisotropy_angle"], (0.0,)),
}


def missing_map(kind: str, height: int, width: int) -> Any:
    """A constant picture for a map that a material does not have: ``H x W x 3`` float32."""
    values = MAPS[kind].neutral
    color = values if len(values) == 3 else values * 3
    return np.broadcast_to(np.asarray(color, np.float32), (height, width, 3)).copy()
