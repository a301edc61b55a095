"""Block compression of textures: which codec a map gets, and its encoder, ISPC Texture Compressor.

Blocks hold 4 x 4 pixels. BC1 takes half a byte for each pixel, BC4 too, all others one byte.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MatshotError
from .types import Depth, Texture

#: Pixels on a side of a block.
SIDE = 4

#: Rows of blocks that one thread encodes at a time.
_STRIP = 32

#: How much brighter than white a texture is that needs HDR.
_WHITE = 1 + 1e-3

#: The command that installs what is missing.
_INSTALL = "pip install 'matshot[compressed]'"


@dataclass(frozen=True)
class Codec:
    """A block format.

    Attributes:
        name: as artists call it.
        dxgi: number in DDS files (DXGI_FORMAT).
        vulkan: number in KTX2 files (VkFormat).
        block: bytes of a block.
        channels: that are encoded.
        model: color model in KTX2's description of the data (Khronos Data Format 1.3).
        srgb: whether colors are encoded for display, and decoded by the hardware.
    """

    name: str
    dxgi: int
    vulkan: int
    block: int
    channels: int
    model: int
    srgb: bool = False

    def size(self, width: int, height: int) -> int:
        """Bytes of a picture."""
        return -(-width // SIDE) * -(-height // SIDE) * self.block


BC1, BC1_SRGB = Codec("BC1", 71, 131, 8, 3, 128), Codec("BC1", 72, 132, 8, 3, 128, True)
BC3, BC3_SRGB = Codec("BC3", 77, 137, 16, 4, 130), Codec("BC3", 78, 138, 16, 4, 130, True)
BC4, BC5 = Codec("BC4", 80, 139, 8, 1, 131), Codec("BC5", 83, 141, 16, 2, 132)
BC6H = Codec("BC6H", 95, 143, 16, 3, 133)
BC7, BC7_SRGB = Codec("BC7", 98, 145, 16, 4, 134), Codec("BC7", 99, 146, 16, 4, 134, True)

CODECS = (BC1, BC1_SRGB, BC3, BC3_SRGB, BC4, BC5, BC6H, BC7, BC7_SRGB)

#: Formats that are read but not written: BC1 with holes, BC2 has no use any more.
READ_ONLY = (
    Codec("BC1", 71, 133, 8, 4, 128),
    Codec("BC1", 72, 134, 8, 4, 128, True),
    Codec("BC2", 74, 135, 16, 4, 129),
    Codec("BC2", 75, 136, 16, 4, 129, True),
)


def chosen_codec(texture: Texture, *, small: bool = False) -> Codec:
    """The codec for a texture.

    Normals get BC5 (X and Y, of which Z follows), one number BC4, light brighter than white BC6H, all else BC7.

    Args:
        texture: to encode.
        small: BC1 instead of BC7, and BC3 where there is alpha.
    """
    channels, color = texture.pixels.shape[2], texture.encoding in ("srgb", "linear")
    if texture.encoding == "normal":
        return BC5
    if color and texture.encoding == "linear" and float(texture.color.max()) > _WHITE:
        return BC6H
    if not color and channels < 3:
        return BC4 if channels == 1 else BC5
    if small:
        three, four = (BC1_SRGB, BC3_SRGB) if color else (BC1, BC3)
        return four if channels in (2, 4) else three
    return BC7_SRGB if color else BC7


def block_depth(texture: Texture) -> Depth:
    """The depth of what a texture's codec takes: half for HDR, else 8 bits."""
    return "half" if chosen_codec(texture) is BC6H else "uint8"


def encoded_blocks(values: NDArray[Any], codec: Codec) -> bytes:
    """Blocks of a picture, row by row.

    Args:
        values: ``H x W x C`` as a file holds them: uint8, or half for BC6H. Sides that are not multiples of 4 are
            filled with what is at the border.
        codec: that is used.

    Raises:
        MatshotError: when the encoder is not installed.
    """
    encoder = _encoder()
    height, width = values.shape[:2]
    channels = {"BC4": 1, "BC5": 2}.get(codec.name, 4)
    planes = _with_channels(values, channels)
    padding = ((0, -height % SIDE), (0, -width % SIDE), (0, 0))
    padded = np.ascontiguousarray(np.pad(planes, padding, mode="edge"))
    strips = [padded[top : top + _STRIP * SIDE] for top in range(0, len(padded), _STRIP * SIDE)]
    opaque = values.shape[2] in (1, 3)
    with ThreadPoolExecutor(thread_name_prefix="matshot") as pool:
        return b"".join(pool.map(lambda strip: _encoded(encoder, strip, codec, opaque), strips))


def _with_channels(values: NDArray[Any], channels: int) -> NDArray[Any]:
    """Gray, color and their alpha in as many channels as an encoder takes."""
    count = values.shape[2]
    if channels < 4:
        return values[..., :channels]
    color = np.repeat(values[..., :1], 3, axis=2) if count < 3 else values[..., :3]
    top = np.float16(1) if values.dtype == np.float16 else np.uint8(255)
    alpha = values[..., -1:] if count in (2, 4) else np.full_like(values[..., :1], top)
    return np.concatenate([color, alpha], axis=2)


def _encoded(encoder: ModuleType, strip: NDArray[Any], codec: Codec, opaque: bool) -> bytes:
    height, width, channels = strip.shape
    surface = encoder.RGBASurface(strip.tobytes(), width, height, width * channels * strip.itemsize)
    if codec.name == "BC7":
        # The slower profiles are 0.1 dB better in two to eight times the time.
        settings = encoder.BC7EncSettings.from_profile("fast" if opaque else "alpha_fast")
        return bytes(encoder.compress_blocks_bc7(surface, settings))
    if codec.name == "BC6H":
        return bytes(encoder.compress_blocks_bc6h(surface, encoder.BC6HEncSettings.from_profile("basic")))
    blocks = getattr(encoder, f"compress_blocks_{codec.name.lower()}")(surface)
    return bytes(blocks[: codec.size(width, height)])  # of BC1 it returns twice as many bytes as it fills


def _encoder() -> ModuleType:
    try:
        import ispc_texcomp
    except ImportError as error:
        raise MatshotError(
            f"Writing compressed textures needs one more package; run: {_INSTALL}", str(error)
        ) from error
    return ispc_texcomp


def zstandard() -> ModuleType:
    """The package ``zstandard``.

    Raises:
        MatshotError: when it is not installed.
    """
    try:
        import zstandard
    except ImportError as error:
        raise MatshotError(f"KTX2 with Zstandard needs one more package; run: {_INSTALL}", str(error)) from error
    return zstandard
