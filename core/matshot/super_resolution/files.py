"""Super-resolution of files: kinds of maps, UDIM sets, and results larger than memory."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from matshot_host.tools import UPSCALE

from ..errors import MatshotError
from ..files import replaced_note
from ..image.formats import WRITABLE, check_target
from ..image.reader import image_size, read_texture
from ..image.types import Depth, Texture
from ..image.udim import Neighbors
from ..image.wrap import is_panorama, measured_wrap
from ..image.writer import TextureWriter
from ..inference.tiling import bands
from ..material.recognition import RecognizedMap, recognized
from ..material.record import storage_of
from ..options import ToolOptions
from ..progress import Progress
from .side_by_side import SharedMemory
from .upscale import CHUNK, UpscaleOptions, protected_share, upscaled_rows

#: Pixels that a UDIM tile sees of its neighbors: more than any shipped network's receptive field.
MARGIN = 32

#: Copies of a texture that are held while it is enlarged: as read, split, and encoded for the network.
_COPIES = 3

#: What a map holds.
Kind = Literal["auto", "color", "normal", "data"]
#: Green channel of a normal map.
NormalConvention = Literal["auto", "gl", "dx"]


@dataclass(frozen=True)
class FileOptions(ToolOptions):
    """How files are read and stored.

    Attributes:
        kind: what a map holds; ``auto`` guesses by its name.
        normal: convention of normal maps; ``auto`` goes by the name and is OpenGL where that does not say.
        colorspace: OCIO name of color files' space; empty for sRGB in integer and linear Rec. 709 in float files.
        format: of the result, ``same`` for that of the source.
        depth: bits of the result, ``same`` for those of the source.
    """

    table: ClassVar = UPSCALE

    kind: Kind = "auto"
    normal: NormalConvention = "auto"
    colorspace: str = ""
    format: str = "same"
    depth: Depth | Literal["same"] = "same"


@dataclass(frozen=True)
class UpscaledFile:
    """The result of one file.

    Attributes:
        source: file that was read.
        target: file that was written.
        width: of the result.
        height: of the result.
        kind: ``color``, ``normal`` or ``data``.
        wrap: axes on which it repeats.
        seconds: that it took.
        parameters: every option of the tool.
        notes: what the user should know: what was guessed, what was changed.
        stored: how the result's file holds the map, for a material's description.
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
    neighbors: Neighbors | None = None,
    protect: Texture | None = None,
    progress: Progress | None = None,
    memory: SharedMemory | None = None,
) -> UpscaledFile:
    """Enlarge one file into another, never holding more than the memory bound.

    Args:
        source: image file.
        target: image file; appears when it is complete.
        options: of the tool.
        files: how to read and store.
        neighbors: the other tiles of a UDIM set, which border on this one.
        protect: white where pixels are only interpolated; nowhere if not given.
        progress: called after every tile.
        memory: that is shared with files at the same time; None for a file alone.

    Raises:
        MatshotError: when it cannot be read, enlarged or written; nothing is half-written.
        Cancelled: when the listener raises it.
    """
    start = time.monotonic()
    source, target = Path(source), Path(target)
    options, files = options or UpscaleOptions(), files or FileOptions()
    progress = progress or Progress(None)
    if source.exists() and target.exists() and source.samefile(target):
        raise MatshotError(f"{source.name} would overwrite itself; choose another output.")
    width, height, _ = image_size(source)
    check_target(target, width * options.scale, height * options.scale)
    found = recognized_map(source, files)
    texture, notes = found.texture, found.notes
    if target.exists():
        notes += (replaced_note(target.name),)
    share = None if protect is None else protected_share(protect, texture)
    margin = 0
    if neighbors is not None:
        margin = min(MARGIN, texture.height, texture.width)
        texture = texture.with_pixels(neighbors.with_border(texture.pixels, margin))
        if share is not None:
            share = np.pad(share, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    copies = _COPIES * texture.pixels.nbytes
    budget = memory.budget(copies) if memory is not None else None
    made = upscaled_rows(texture, options, progress, budget, share)
    rows, wrap = made.rows, made.wrap
    if options.wrap == "auto" and is_panorama(texture):
        notes += ("a panorama of all directions; it wraps on x only",)
    inset = margin * options.scale
    out_width, out_height = rows.width - 2 * inset, rows.height - 2 * inset
    depth = None if files.depth == "same" else files.depth
    turn = memory.reserved(made.bytes_needed + copies, progress) if memory is not None else contextlib.nullcontext()
    with turn, TextureWriter(target, out_width, out_height, texture, depth=depth, scale=options.scale) as writer:
        for chunk in bands(rows, CHUNK, inset, inset + out_height):
            writer.write(chunk[:, inset : inset + out_width])
    notes += writer.notes
    seconds = time.monotonic() - start
    parameters = {**asdict(options), "wrap": wrap}
    stored = storage_of(texture, target, writer.depth)
    return UpscaledFile(source, target, out_width, out_height, found.kind, wrap, seconds, parameters, notes, stored)


def recognized_map(source: Path, files: FileOptions) -> RecognizedMap:
    """A file read as what it holds.

    Raises:
        MatshotError: as :func:`~matshot.image.reader.read_texture`.
    """
    return recognized(source, kind=files.kind, normal=files.normal, colorspace=files.colorspace)


def common_wrap(paths: Sequence[Path]) -> str:
    """The wrap of a material: that of its first readable map, since all maps repeat alike."""
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
