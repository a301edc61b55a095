"""The networks by the names recipes use."""

from __future__ import annotations

from collections.abc import Callable

from .map_network import MapNetwork
from .sparse_coding import SparseCoding
from .srcae import SRCAE
from .upscaler import Upscaler

__all__ = ["ARCHITECTURES", "SRCAE", "MapNetwork", "SparseCoding", "Upscaler"]

ARCHITECTURES: dict[str, Callable[..., MapNetwork]] = {
    "upscaler": Upscaler,
    "srcae": SRCAE,
    "sparse_coding": SparseCoding,
}
