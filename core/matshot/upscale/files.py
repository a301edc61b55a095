"""Upscaling of files: kinds of maps, UDIM sets, and results larger than memory."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import MatshotError
from ..image.formats import WRITABLE, check_target
from ..image.reader import image_size, read_texture
from ..image.types import Convention, Depth, Encoding
from ..image.udim import Neighbours
from ..image.writer import TextureWriter
from ..inference.tiling import bands
from ..material.map_names import guess_map
from ..material.record import storage_of
from ..progress import Progress
from .upscale import CHUNK, UpscaleOptions, upscaled_rows

Kind = Literal["auto", "color", "normal", "data"]
KINDS: tuple[str, ...] = get_args(Kind)
NormalConvention = Literal["auto", "gl", "dx"]
FORMATS = ("same", *(suffix[1:] for suffix in WRITABLE if suffix not in (".jpeg", ".tiff")))


@dataclass(frozen=True)
class FileOptions:
    """How files are read and stored, beside what the tool does.

    Attributes:
        kind: what a map holds; ``auto`` guesses by its name.
        normal: convention of normal maps; ``auto`` goes by the name and is OpenGL where that says nothing.
        colorspace: OCIO name of colour files' space; empty for sRGB in integer and linear Rec. 709 in float files.
        format: of the result, ``same`` for that of the source.
        depth: bits of the result, ``same`` for those of the source.
    """

    kind: Kind = "auto"
    normal: NormalConvention = "auto"
    colorspace: str = ""
    format: str = "same"
    depth: Depth | Literal["same"] = "same"

    def __post_init__(self) -> None:
        """Refuse what does not exist."""
        for name, value, offered in (
            ("kind", self.kind, KINDS),
            ("normal convention", self.normal, ("auto", "gl", "dx")),
            ("format", self.format, FORMATS),
            ("depth", self.depth, ("same", "uint8", "uint16", "half", "float")),
        ):
            if value not in offered:
                raise MatshotError(f"There is no {name} {value!r}; there are {', '.join(offered)}.")


@dataclass(frozen=True)
class Upscaled:
    """What became of one file.

    Attributes:
        source: file that was read.
        target: file that was written.
        width: of the result.
        height: of the result.
        kind: ``color``, ``normal`` or ``data``, as it was taken.
        wrap: axes on which it repeats.
        seconds: that it took.
        parameters: every option of the tool.
        notes: what the user should know (what was guessed, what was changed).
        stored: what a material's description says of how the result's file holds the map.
    """

    source: Path
    target: Path
    width: int
    height: int
    kind: str
    wrap: str
    seconds: float
    parameters: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    stored: dict[str, Any] = field(default_factory=dict)


def upscale_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    options: UpscaleOptions | None = None,
    files: FileOptions | None = None,
    *,
    neighbours: Neighbours | None = None,
    progress: Progress | None = None,
) -> Upscaled:
    """Enlarge one file into another, never holding more than the memory bound.

    Args:
        source: image file.
        target: image file; appears when it is whole.
        options: of the tool.
        files: how to read and store.
        neighbours: the other tiles of a UDIM set, which border on this one.
        progress: told after every tile.

    Raises:
        MatshotError: in one sentence, with nothing half-written.
        Cancelled: when the listener says so.
    """
    began = time.monotonic()
    source, target = Path(source), Path(target)
    options, files = options or UpscaleOptions(), files or FileOptions()
    progress = progress or Progress(None)
    if source.exists() and target.exists() and source.samefile(target):
        raise MatshotError(f"{source.name} would overwrite itself; choose another output.")
    width, height, _ = image_size(source)
    check_target(target, width * options.scale, height * options.scale)
    kind, convention, notes = recognised(source, files)
    encoding: Encoding | Literal["auto"] = "auto" if kind == "color" else kind
    colorspace = files.colorspace if kind == "color" else ""
    texture = read_texture(source, encoding=encoding, colorspace=colorspace, convention=convention)
    margin = 0
    if neighbours is not None:
        margin = min(MARGIN, texture.height, texture.width)
        texture = texture.with_pixels(neighbours.bordered(texture.pixels, margin))
    rows, wrap = upscaled_rows(texture, options, progress)
    inset = margin * options.scale
    out_width, out_height = rows.width - 2 * inset, rows.height - 2 * inset
    depth = None if files.depth == "same" else files.depth
    with TextureWriter(target, out_width, out_height, texture, depth=depth) as writer:
        for chunk in bands(rows, CHUNK, inset, inset + out_height):
            writer.write(chunk[:, inset : inset + out_width])
    if texture.source is not None and writer.depth != texture.source.depth:
        notes += (f"stored as {writer.depth}; {source.name} is {texture.source.depth}",)
    taken = time.monotonic() - began
    parameters = {**options.recorded(), "wrap": wrap}
    stored = storage_of(texture, writer.depth)
    return Upscaled(source, target, out_width, out_height, kind, wrap, taken, parameters, notes, stored)


#: Pixels that a UDIM tile sees of its neighbours: more than any shipped network's receptive field.
MARGIN = 32


def recognised(
    source: Path, files: FileOptions
) -> tuple[Literal["color", "normal", "data"], Convention, tuple[str, ...]]:
    """What a file holds, its normal convention, and what was guessed."""
    guess = guess_map(source)
    kind: Literal["color", "normal", "data"] = "color"
    notes: tuple[str, ...] = ()
    if files.kind != "auto":
        kind = files.kind
    elif guess is not None and guess.sure and guess.encoding in ("normal", "data"):
        kind = "normal" if guess.encoding == "normal" else "data"
        notes = (f"taken for {guess.kind} by its name",)
    convention: Convention = "gl"
    if kind == "normal":
        convention = files.normal if files.normal != "auto" else (guess.convention if guess else "gl")
        if files.normal == "auto":
            notes += ("DirectX green channel" if convention == "dx" else "OpenGL green channel",)
    return kind, convention, notes


def common_wrap(paths: Sequence[Path]) -> str:
    """The wrap of a material: that of its first map that can be read, since all maps repeat alike."""
    from ..image.wrap import measured_wrap

    for path in paths:
        try:
            return measured_wrap(read_texture(path, encoding="data").pixels)
        except MatshotError:
            continue
    return "none"


def target_name(source: Path, format_: str) -> str:
    """The result's file name: the source's, with a suffix that can be written."""
    if format_ != "same":
        return f"{source.stem}.{format_}"
    return source.name if source.suffix.lower() in WRITABLE else f"{source.stem}.png"
