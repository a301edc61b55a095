"""The networks by the names recipes use."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from .sparse_coding import SparseCoding
from .srcae import SRCAE
from .upscaler import Upscaler

ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    "upscaler": Upscaler,
    "srcae": SRCAE,
    "sparse_coding": SparseCoding,
}
