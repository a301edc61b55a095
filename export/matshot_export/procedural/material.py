"""A generated material."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..heights import openness, slopes_of_height
from ..rendering import Maps, unit


@dataclass(frozen=True)
class ProceduralMaterial:
    """Maps of a tileable surface, ``H x W`` or ``3 x H x W``.

    Attributes:
        height: in pixels.
        base_color: scene-linear, [0, 1].
        roughness: perceptual, [0, 1].
        metallic: [0, 1].
    """

    height: torch.Tensor
    base_color: torch.Tensor
    roughness: torch.Tensor
    metallic: torch.Tensor

    @property
    def slopes(self) -> torch.Tensor:
        """n_x / n_z and n_y / n_z of the height, ``(1, 2, H, W)``."""
        return slopes_of_height(self.height[None, None])

    @property
    def maps(self) -> Maps:
        """A batch of one to be rendered; normals are exactly the height's."""
        slopes = self.slopes
        normal = unit(torch.cat([slopes, torch.ones_like(slopes[:, :1])], dim=1))
        return Maps(self.base_color[None], normal, self.roughness[None, None], self.metallic[None, None])

    @property
    def ao(self) -> torch.Tensor:
        """What each point sees of the sky, ``H x W`` in [0, 1]."""
        return openness(self.slopes)[0, 0]
