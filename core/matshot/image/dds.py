"""The DDS container of block-compressed textures, with the header of Direct3D 10 and later."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from .blocks import Codec

#: What is in the header: capabilities, sides, format, number of mips, bytes of the first level.
_FLAGS = 0x1 | 0x2 | 0x4 | 0x1000 | 0x20000 | 0x80000

#: Pixel format that is named by four letters.
_FOURCC = 0x4

#: Capabilities: a texture with mips.
_CAPS = 0x1000 | 0x400000 | 0x8

#: A texture of two dimensions, and one.
_TEXTURE_2D, _COUNT = 3, 1

#: What alpha is: straight, or always opaque.
_STRAIGHT, _OPAQUE = 1, 3

#: Bytes before the pixels, and where alpha's kind is among them.
_HEADER, _ALPHA_MODE = 148, 144


def dds_file(levels: Sequence[bytes], codec: Codec, width: int, height: int, *, opaque: bool) -> bytes:
    """The contents of a file.

    Args:
        levels: blocks of every mip, the largest first.
        codec: of the blocks.
        width: of the first level in pixels.
        height: likewise.
        opaque: whether alpha, if the codec has one, means nothing.
    """
    header = struct.pack("<4s7I44x", b"DDS ", 124, _FLAGS, height, width, len(levels[0]), 1, len(levels))
    header += struct.pack("<2I4s5I", 32, _FOURCC, b"DX10", 0, 0, 0, 0, 0)
    header += struct.pack("<4I4x", _CAPS, 0, 0, 0)
    header += struct.pack("<5I", codec.dxgi, _TEXTURE_2D, 0, _COUNT, _OPAQUE if opaque else _STRAIGHT)
    return header + b"".join(levels)


def is_opaque(path: Path) -> bool:
    """Whether a file says that its alpha means nothing."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
    return len(head) == _HEADER and head[84:88] == b"DX10" and head[_ALPHA_MODE] & 7 == _OPAQUE
