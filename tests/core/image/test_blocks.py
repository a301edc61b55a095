"""Block compression: codecs by kind of map, containers that other readers understand, damaged files."""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
import zstandard
from PIL import Image

from matshot.errors import MatshotError
from matshot.image.blocks import BC1, BC3, BC4, BC5, BC6H, BC7, BC7_SRGB, block_depth, chosen_codec, encoded_blocks
from matshot.image.dds import dds_file
from matshot.image.ktx2 import SIGNATURE, ktx2_file
from matshot.image.reader import image_size, read_texture
from matshot.image.types import Texture
from matshot.image.writer import write_texture

#: Channels of a smooth picture that each codec takes, and the least quality in decibels.
CODECS = {BC1: (3, 33), BC3: (4, 33), BC4: (1, 40), BC5: (2, 38), BC6H: (3, 40), BC7: (3, 42), BC7_SRGB: (4, 42)}


def picture(width: int = 64, height: int = 48, channels: int = 3) -> np.ndarray:
    """Smooth values in [0, 1]."""
    y, x = np.mgrid[0:height, 0:width] / 12
    return np.stack([0.5 + 0.45 * np.sin(x * (1 + 0.3 * c) + y + c) for c in range(channels)], axis=2)


def stored(values: np.ndarray, codec) -> np.ndarray:
    return values.astype(np.float16) if codec is BC6H else np.rint(values * 255).astype(np.uint8)


def file_of(path: Path, codec, values: np.ndarray, levels: int = 1) -> Path:
    container = dds_file if path.suffix == ".dds" else ktx2_file
    blocks = [encoded_blocks(stored(values[:: 2**i, :: 2**i], codec), codec) for i in range(levels)]
    height, width, channels = values.shape
    path.write_bytes(container(blocks, codec, width, height, opaque=channels in (1, 3)))
    return path


def decibels(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((found.astype(np.float64) - wanted) ** 2)))


@pytest.mark.parametrize("suffix", [".dds", ".ktx2"])
@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: f"{codec.name}{'_srgb' * codec.srgb}")
@pytest.mark.parametrize("size", [(64, 48), (33, 7), (1, 1)])
def test_every_codec_comes_back(tmp_path, suffix, codec, size):
    channels, least = CODECS[codec]
    values = picture(*size, channels)
    file = file_of(tmp_path / f"a{suffix}", codec, values)
    texture = read_texture(file)
    assert texture.pixels.shape == values.shape
    assert image_size(file) == (*size, channels)
    assert decibels(texture.pixels, values) > (least if size[0] > 32 else 20)
    assert texture.source.depth == ("half" if codec is BC6H else "uint8")


def test_light_brighter_than_white_stays(tmp_path):
    values = picture() * 20
    texture = read_texture(file_of(tmp_path / "a.dds", BC6H, values))
    assert texture.encoding == "linear"
    assert decibels(texture.pixels / 20, values / 20) > 35


@pytest.mark.parametrize("codec", [BC1, BC3, BC4, BC5, BC7], ids=lambda codec: codec.name)
def test_other_readers_see_the_same(tmp_path, codec):
    channels = CODECS[codec][0]
    file = file_of(tmp_path / "a.dds", codec, picture(channels=channels), levels=3)
    by_pillow = np.asarray(Image.open(file))
    by_pillow = by_pillow[..., None] if by_pillow.ndim == 2 else by_pillow
    ours = np.rint(read_texture(file, encoding="data").pixels * 255)
    assert np.abs(by_pillow[..., :channels].astype(int) - ours).max() <= 1
    header = oiio.ImageInput.open(str(file))
    assert header.seek_subimage(0, 2)
    assert (header.spec().width, header.spec().height) == (16, 12)
    header.close()


def test_ktx2_as_its_specification_says(tmp_path):
    data = file_of(tmp_path / "a.ktx2", BC7_SRGB, picture(), levels=3).read_bytes()
    assert data[:12] == SIGNATURE == bytes([0xAB, 0x4B, 0x54, 0x58, 0x20, 0x32, 0x30, 0xBB, 0x0D, 0x0A, 0x1A, 0x0A])
    assert struct.unpack_from("<9I", data, 12) == (146, 1, 64, 48, 0, 0, 1, 3, 2)
    description, length, pairs, pair_bytes, *_ = struct.unpack_from("<4I2Q", data, 48)
    index = [struct.unpack_from("<3Q", data, 80 + 24 * level) for level in range(3)]
    assert description == 80 + 3 * 24
    assert description + length == pairs
    # The smallest level lies first, without gaps, up to the end.
    assert index[2][0] == pairs + pair_bytes
    assert index[2][0] + index[2][1] == index[1][0]
    assert index[0][0] + index[0][1] == len(data)
    assert [one[2] for one in index] == [16 * 12 * 16, 8 * 6 * 16, 4 * 3 * 16]
    assert struct.unpack_from("<I", data, description)[0] == length
    assert data[description + 12 : description + 16] == bytes([134, 1, 2, 0])  # BC7, Rec. 709, sRGB, straight alpha
    assert data[description + 16 : description + 21] == bytes([3, 3, 0, 0, 16])
    assert b"KTXorientation\0rd\0" in data
    names = [name for name in (b"KTXorientation", b"KTXswizzle", b"KTXwriter") if name in data]
    assert sorted(names) == names  # keys are sorted
    unpacked = zstandard.ZstdDecompressor().decompress(data[index[2][0] : index[2][0] + index[2][1]])
    assert len(unpacked) == index[2][2]


@pytest.mark.parametrize("scheme", [0, 3])
@pytest.mark.parametrize(("number", "dtype", "channels"), [(37, "u1", 4), (70, "<u2", 1), (90, "<f2", 3)])
def test_ktx2_without_blocks_is_read(tmp_path, scheme, number, dtype, channels):
    values = picture(20, 10, channels)
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    level = (values * top).astype(dtype).tobytes()
    packed = zlib.compress(level) if scheme else level
    head = SIGNATURE + struct.pack("<9I", number, 1, 20, 10, 0, 0, 1, 1, scheme) + struct.pack("<4I2Q", *[0] * 6)
    (tmp_path / "a.ktx2").write_bytes(head + struct.pack("<3Q", 104, len(packed), len(level)) + packed)
    np.testing.assert_allclose(read_texture(tmp_path / "a.ktx2").pixels, values, atol=1 / 200)


def test_codecs_by_kind_of_map():
    def codec_of(channels: int, encoding: str, bright: float = 1.0, **options):
        return chosen_codec(Texture(np.full((4, 4, channels), bright, np.float32), encoding), **options).name

    assert codec_of(3, "srgb") == codec_of(4, "srgb") == codec_of(1, "srgb") == "BC7"
    assert codec_of(3, "normal", 0.5) == codec_of(2, "data") == "BC5"
    assert codec_of(1, "data") == "BC4"
    assert codec_of(3, "data") == codec_of(4, "data") == "BC7"
    assert codec_of(3, "linear") == "BC7"
    assert codec_of(3, "linear", 2.0) == codec_of(3, "linear", 2.0, small=True) == "BC6H"
    assert codec_of(3, "srgb", small=True) == codec_of(3, "data", small=True) == "BC1"
    assert codec_of(4, "srgb", small=True) == "BC3"
    assert chosen_codec(Texture(np.ones((4, 4, 3), np.float32), "srgb")).srgb
    assert block_depth(Texture(np.full((4, 4, 3), 2, np.float32), "linear")) == "half"


def test_alpha_that_means_nothing_is_left_out(tmp_path):
    for suffix in (".dds", ".ktx2"):
        assert read_texture(file_of(tmp_path / f"a{suffix}", BC7, picture())).alpha is None
        assert read_texture(file_of(tmp_path / f"b{suffix}", BC7, picture(channels=4))).alpha is not None


def damaged_files(data: bytes) -> dict[str, bytes]:
    """Files of 64 x 48 pixels that are not what they say."""
    packed = zstandard.ZstdCompressor().compress(b"\0" * 10**7)
    index = struct.pack("<3Q", 104, len(packed), 10**7)
    return {
        "it ends early": data[: len(data) // 2],
        "it ends": data[:90],
        "is not KTX 2.0": b"\xabKTX 11" + data[7:],
        "Basis Universal": data[:12] + struct.pack("<I", 0) + data[16:],
        "VkFormat 5000": data[:12] + struct.pack("<I", 5000) + data[16:],
        "header makes no sense": data[:20] + struct.pack("<2I", 2**31, 2**31) + data[28:],
        "ends early, or": data[:20] + struct.pack("<2I", 65536, 65536) + data[28:],
        "cube map": data[:36] + struct.pack("<I", 6) + data[40:],
        "texture array": data[:32] + struct.pack("<I", 4) + data[36:],
        "volume": data[:28] + struct.pack("<I", 4) + data[32:],
        "unknown way (9)": data[:44] + struct.pack("<I", 9) + data[48:],
        "data is corrupt": data[:-80] + data[-80:][::-1],
        "or its data is corrupt": data[:80] + index + packed,
    }


def test_damaged_ktx2_is_one_sentence(tmp_path):
    whole = file_of(tmp_path / "a.ktx2", BC7, picture()).read_bytes()
    for words, data in damaged_files(whole).items():
        (tmp_path / "b.ktx2").write_bytes(data)
        with pytest.raises(MatshotError, match=r"b\.ktx2") as caught:
            read_texture(tmp_path / "b.ktx2")
        assert words in caught.value.sentence


def test_damaged_dds_is_one_sentence(tmp_path):
    whole = file_of(tmp_path / "a.dds", BC7, picture()).read_bytes()
    for data in (whole[:200], whole[:60], whole[:84] + b"ABCD" + whole[88:], b"XDS " + whole[4:]):
        (tmp_path / "b.dds").write_bytes(data)
        with pytest.raises(MatshotError, match=r"b\.dds"):
            read_texture(tmp_path / "b.dds")


def test_what_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ispc_texcomp", None)
    with pytest.raises(MatshotError, match=r"pip install 'matshot\[compressed\]'"):
        encoded_blocks(np.zeros((4, 4, 3), np.uint8), BC7)
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MatshotError, match=r"pip install 'matshot\[compressed\]'"):
        ktx2_file([b"\0" * 16], BC7, 4, 4, opaque=True)


def test_single_images_are_not_written(tmp_path):
    with pytest.raises(MatshotError, match="matshot convert"):
        write_texture(Texture(np.zeros((4, 4, 3), np.float32)), tmp_path / "a.dds")
    assert not list(tmp_path.iterdir())
