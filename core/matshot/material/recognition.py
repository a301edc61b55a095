"""What a single image holds: by what is given, by its name, and by its pixels where the name is not enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from ..image.alpha import straight_color
from ..image.normals import complete_normals, decoded_normals, is_normal_map, is_vector_pair
from ..image.reader import read_texture
from ..image.types import Convention, Texture
from .folder import CONVENTION_NAMES, resolved_convention
from .map_names import MapGuess, guess_map

#: Largest difference of R, G and B in a gray picture that was stored as a color JPEG.
_GRAY = 4 / 255


@dataclass(frozen=True)
class RecognizedMap:
    """An image, and what it holds.

    Attributes:
        texture: read as what it holds.
        kind: of what it holds.
        notes: how that is known, and what was left out or changed, for the user.
    """

    texture: Texture
    kind: Literal["color", "normal", "data"]
    notes: tuple[str, ...]


def recognized(
    path: Path,
    *,
    kind: Literal["auto", "color", "normal", "data"] = "auto",
    normal: Literal["auto", "gl", "dx"] = "auto",
    colorspace: str = "",
) -> RecognizedMap:
    """Read an image as what it holds.

    A name that only maps have decides (``wall_normal``). Where the last word also ends ordinary names (``brick_n``,
    ``door_r``), and where the name says nothing, pixels decide: unit vectors around +Z are a normal map, equal channels
    under a map's name are numbers.

    Args:
        path: of the image.
        kind: what it holds, if known.
        normal: convention of a normal map, if known.
        colorspace: OCIO name of its colors.

    Raises:
        MatshotError: as :func:`~matshot.image.reader.read_texture`.
    """
    guess = guess_map(path) if kind == "auto" else None
    if kind == "color":
        texture = read_texture(path, colorspace=colorspace)
        return RecognizedMap(texture, "data" if texture.encoding == "data" else "color", texture.notes)
    if kind == "data" or (guess is not None and guess.sure and guess.encoding == "data"):
        texture = read_texture(path, encoding="data")
        said = () if guess is None else (f"identified as {guess.description} by its name",)
        return RecognizedMap(texture, "data", said + texture.notes)
    if kind == "normal" or (guess is not None and guess.sure and guess.kind == "normal"):
        texture = read_texture(path, encoding="normal", convention=_expected(guess, normal))
        how = ("identified as normal by its name",) if kind == "auto" else ()
        return _normal(texture, guess, normal, how + texture.notes)
    raw = read_texture(path, encoding="data", colorspace="")
    evidence = _normal_evidence(raw, guess)
    if evidence and (guess is None or guess.kind == "normal"):
        vectors = _decoded(raw, _expected(guess, normal))
        return _normal(vectors, guess, normal, (f"identified as normal {evidence}", *vectors.notes))
    doubt: tuple[str, ...] = ()
    if guess is not None and guess.encoding == "data" and not guess.packing and _is_gray(raw):
        return RecognizedMap(
            raw, "data", (f"identified as {guess.description} by its name and gray pixels", *raw.notes)
        )
    if guess is not None and guess.encoding != "srgb":
        doubt = (f"treated as color: its name could mean {guess.description}, but its pixels do not look like it",)
    texture = read_texture(path, colorspace=colorspace)
    return RecognizedMap(texture, "data" if texture.encoding == "data" else "color", doubt + texture.notes)


def _expected(guess: MapGuess | None, normal: Literal["auto", "gl", "dx"]) -> Convention:
    if normal != "auto":
        return normal
    return guess.convention if guess is not None else "gl"


def _normal(
    texture: Texture, guess: MapGuess | None, normal: Literal["auto", "gl", "dx"], notes: tuple[str, ...]
) -> RecognizedMap:
    """A normal map whose convention is given, named or measured."""
    convention = _expected(guess, normal)
    if normal != "auto":
        return RecognizedMap(texture, "normal", (*notes, f"{CONVENTION_NAMES[convention]}, as given"))
    stated = guess is not None and guess.stated
    fixed, said = resolved_convention(texture, convention, stated)
    return RecognizedMap(fixed, "normal", (*notes, said))


def _normal_evidence(raw: Texture, guess: MapGuess | None) -> str:
    """How pixels show that they are normals; empty where they do not."""
    source = raw.source
    assert source is not None
    pixels = raw.pixels
    signed = source.depth in ("half", "float") and bool(pixels[..., :3].min() < -1e-3)
    named = guess is not None and guess.kind == "normal"
    how = "by its name and pixels" if named else "by its pixels, which are unit vectors"
    if pixels.shape[2] == 2:
        pair = source.alpha == "data" and not signed and is_vector_pair(pixels)
        compressed = source.path.suffix.lower() == ".dds"
        return how.replace("unit vectors", "X and Y of vectors") if pair and (compressed or named) else ""
    if pixels.shape[2] < 3:
        return ""
    if source.alpha == "associated" and pixels.shape[2] == 4:
        pixels = straight_color(pixels)
    if pixels.shape[2] == 4 and not named and float(np.ptp(pixels[..., 3])) > 0:
        return ""  # color with alpha, until its name says otherwise
    if is_normal_map(pixels, signed):
        return how
    if named:
        values, _ = complete_normals(pixels, signed)
        return how if values.shape[2] == 2 and (signed or is_vector_pair(values)) else ""
    return ""


def _decoded(raw: Texture, convention: Convention) -> Texture:
    """The normal map of raw values."""
    source = raw.source
    assert source is not None
    signed = source.depth in ("half", "float") and bool(raw.pixels[..., :3].min() < -1e-3)
    values, complete = complete_normals(raw.pixels, signed)
    notes = (*source.notes, f"{source.path.name}: {complete}") if complete else source.notes
    named = replace(source, convention=convention, signed=signed, channels=(), notes=notes)
    return replace(raw, pixels=decoded_normals(values, convention, signed), encoding="normal", source=named)


def _is_gray(raw: Texture) -> bool:
    color = raw.color
    return color.shape[2] == 1 or float(np.quantile(np.ptp(color, axis=2), 0.99)) <= _GRAY
