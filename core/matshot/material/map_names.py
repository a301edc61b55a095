"""Maps by their file names; the grammar is that of :mod:`matshot_host.map_names`, which hosts use too."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from matshot_host.description import DESCRIPTION as DESCRIPTION
from matshot_host.map_names import guess_name

from ..image.formats import READABLE
from ..image.types import Convention, Encoding
from .types import MapKind, map_encoding, map_kind


@dataclass(frozen=True)
class MapGuess:
    """The map that a file name indicates.

    Attributes:
        kind: of the map; None for a packed one in an order of its own, and for one that no material has (cavity).
        word: that says it, such as ``cavity``.
        convention: of a normal map's green channel.
        stated: whether the name states the convention; else it is the scheme's usual one.
        scheme: naming scheme that the name follows.
        base: what remains of the name, in lower case; the same for all maps of a material.
        variant: number behind the word, as in ``col_02``; empty without one.
        sure: False where the last word also ends ordinary names (``rusty_metal``, ``door_r``), so that the pixels of a
            single image decide.
        packing: kinds in the channels of a packed map, None for a channel without one; empty for other maps.
    """

    kind: MapKind | None
    word: str
    convention: Convention
    stated: bool
    scheme: str
    base: str
    variant: str
    sure: bool
    packing: tuple[MapKind | None, ...] = ()

    @property
    def encoding(self) -> Encoding:
        """Of the pixels; see :func:`map_encoding`."""
        return map_encoding(self.kind) if self.kind is not None else "data"

    @property
    def kinds(self) -> tuple[MapKind, ...]:
        """Every kind that it holds: one, those of its channels, or none."""
        if self.packing and self.kind is None:
            return tuple(kind for kind in self.packing if kind is not None)
        return () if self.kind is None else (self.kind,)

    @property
    def description(self) -> str:
        """What it is in words: ``roughness``, ``metallic (R) and gloss (A)``, ``cavity map``."""
        if self.packing and self.kind is None:
            held = [f"{kind} ({'RGBA'[index]})" for index, kind in enumerate(self.packing) if kind is not None]
            return f"{', '.join(held[:-1])} and {held[-1]}" if len(held) > 1 else held[0]
        return self.kind or f"{self.word} map"


def guess_map(path: str | os.PathLike[str]) -> MapGuess | None:
    """The map that a file name indicates, None if it indicates none. The file need not exist.

    See :func:`matshot_host.map_names.guess_name` for what names mean.
    """
    path = Path(path)
    found = guess_name(path.stem) if path.suffix.lower() in READABLE else None
    if found is None:
        return None
    kind = map_kind(found.kind) if found.kind else None
    stated: Convention | None = "dx" if found.convention == "dx" else "gl" if found.convention else None
    # Unreal's own naming means files made for Unreal, which reads DirectX normals.
    convention: Convention = stated or ("dx" if kind == "normal" and found.scheme == "Unreal" else "gl")
    packing = tuple(map_kind(one) if one else None for one in found.packing)
    return MapGuess(
        kind, found.word, convention, stated is not None, found.scheme, found.base, found.variant, found.sure, packing
    )
