"""What training and export ask of every network."""

from __future__ import annotations

from torch import nn


class MapNetwork(nn.Module):
    """A network from a map to the same map, larger: ``(N, planes, H, W)`` to ``(N, planes, scale H, scale W)``.

    Attributes:
        scale: output pixels per input pixel and side.
    """

    scale: int

    @property
    def receptive_field(self) -> int:
        """Radius, in input pixels, outside which nothing changes an output pixel; may be an over-estimate."""
        raise NotImplementedError

    @property
    def grid(self) -> int:
        """Multiple that height and width must be of, and by which shifting the input shifts the output."""
        return 1
