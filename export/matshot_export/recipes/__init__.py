"""Training configurations, one TOML file a network."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..networks import MapNetwork


FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training run gives.

    Attributes:
        name: also the model's name.
        summary: one line for the card.
        architecture: a key of ``ARCHITECTURES``.
        network: its keyword arguments.
        kind: ``color``, ``normal`` or ``data``.
        loss: name to weight.
        begin: name of the recipe whose weights it starts from, or empty.
        rate: Muon's step; falls linearly to nothing after ``warmup`` steps.
        average: decay of the weights' moving average.
        patch: low-resolution patch size; ``batch`` patches a step.
        note: what the card should say of the training besides.
        degradation: keyword arguments of ``Degradation``; empty for none.
        focus: exponent of the gain over bicubic by which images are drawn; 0 draws all alike.
        octave: factor of that chance for every time an image was halved.
        leaves: generated images of dead leaves that are added to the training images.
        patterns: generated images of sharp regular patterns that are added likewise.
        surfaces: color maps of generated regular materials that are added likewise.
        cuts: share of patches with hard-edged holes; not for normals.
        late_patch: low-resolution patch size in the last tenth of the schedule; 0 keeps ``patch``.
    """

    name: str
    summary: str
    kind: str
    architecture: str
    network: dict[str, Any]
    loss: dict[str, float]
    look: str = ""
    steps: int = 20000
    patch: int = 40
    batch: int = 12
    rate: float = 0.01
    warmup: int = 200
    average: float = 0.999
    seed: int = 1
    log_every: int = 500
    begin: str = ""
    method: str = ""
    note: str = ""
    leaves: int = 0
    patterns: int = 0
    surfaces: int = 0
    cuts: float = 0.0
    late_patch: int = 0
    focus: float = 0.0
    octave: float = 1.0
    degradation: dict[str, Any] = field(default_factory=dict)

    @property
    def scale(self) -> int:
        """Of the network."""
        return int(self.network["scale"])

    @property
    def planes(self) -> int:
        """Channels of the network's input and output."""
        return int(self.network.get("planes", 3))

    def build(self) -> MapNetwork:
        """A fresh network.

        Raises:
            ValueError: for an unknown architecture.
        """
        from ..networks import ARCHITECTURES

        if self.architecture not in ARCHITECTURES:
            raise ValueError(f"unknown architecture {self.architecture!r}; there are {', '.join(ARCHITECTURES)}")
        return ARCHITECTURES[self.architecture](**self.network)


def names() -> list[str]:
    """Recipes that are there, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Recipe:
    """Read a recipe by name or from a ``.toml`` path.

    Raises:
        FileNotFoundError: when there is none.
        ValueError: for a key that means nothing.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.exists():
        raise FileNotFoundError(f"no recipe {name!r}; there are {', '.join(names())}")
    fields = tomllib.loads(path.read_text())
    try:
        return Recipe(name=path.stem, **fields)
    except TypeError as error:
        raise ValueError(f"{path.name}: {error}") from error
