"""Maps of a material as block-compressed textures with mips, in DDS or KTX2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from ..files import atomic_write
from ..image.blocks import BC4, BC6H, SIDE, block_depth, chosen_codec, encoded_blocks
from ..image.dds import dds_file
from ..image.formats import COMPRESSED
from ..image.ktx2 import ktx2_file
from ..image.types import FileSource, Texture
from ..image.writer import TextureWriter
from .types import Material

#: Which codec colors and packed maps get.
Compression = Literal["best", "small"]


def is_compressed(suffix: str | None) -> bool:
    """Whether a suffix is that of a container of compressed textures."""
    return suffix is not None and suffix.lower() in COMPRESSED


def as_compressed(material: Material) -> Material:
    """A material whose maps have the depths that their codecs hold."""
    return replace(material, maps={kind: _of_depth(texture) for kind, texture in material.maps.items()})


def _of_depth(texture: Texture) -> Texture:
    depth = block_depth(texture)
    source = texture.source or FileSource(Path(), depth)
    return replace(texture, source=replace(source, depth=depth, signed_integers=False))


def write_mips(levels: Sequence[Texture], path: Path, compression: Compression = "best") -> None:
    """Write a texture and its mips; the file appears when it is whole.

    Args:
        levels: the full texture first.
        path: of the file.
        compression: ``small`` for BC1 and BC3 instead of BC7.

    Raises:
        MatshotError: when the encoder is missing, or the file cannot be written.
    """
    first, depth = levels[0], block_depth(levels[0])
    codec = chosen_codec(first, small=compression == "small")
    writers = (TextureWriter(path, one.width, one.height, one, depth=depth) for one in levels)
    stored = [writer.stored(one.pixels) for writer, one in zip(writers, levels, strict=True)]
    if codec is BC6H:
        stored = [np.maximum(values, 0) for values in stored]  # it has no sign
    container = dds_file if path.suffix.lower() == ".dds" else ktx2_file
    blocks = [encoded_blocks(values, codec) for values in stored]
    atomic_write(path, container(blocks, codec, first.width, first.height, opaque=first.alpha is None))


def compression_notes(texture: Texture, path: Path, compression: Compression = "best") -> list[str]:
    """Sentences about what a compressed file will not hold as the texture does."""
    codec, source = chosen_codec(texture, small=compression == "small"), texture.source
    notes = []
    if texture.width % SIDE or texture.height % SIDE:
        size = f"{texture.width} x {texture.height}"
        notes.append(f"{path.name}: {size} is not a multiple of 4 pixels, which Direct3D needs; set a size that is.")
    if codec is BC4 and source is not None and source.depth != "uint8":
        notes.append(f"{path.name}: BC4 holds about 8 bits; {source.path.name} is {source.depth}.")
    if texture.encoding == "normal" and texture.pixels.shape[2] == 4:
        notes.append(f"{path.name}: BC5 holds X and Y alone; the fourth channel is left out.")
    if codec is BC6H and texture.alpha is not None:
        notes.append(f"{path.name}: BC6H has no alpha; it is left out.")
    return notes
