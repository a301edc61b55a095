"""PNG with zlib-ng: the pixels that a second reader sees, the metadata of libpng, and bytes."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from PIL import Image

from matshot.errors import MatshotError
from matshot.image.png import PngOutput
from matshot.image.reader import read_texture
from matshot.image.types import Texture
from matshot.image.writer import TextureWriter, write_texture, write_textures
from matshot.shading.procedural import brick_wall

_ORDER = {1: [0], 2: [0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}


def spec_of(pixels: np.ndarray) -> oiio.ImageSpec:
    height, width, channels = pixels.shape
    spec = oiio.ImageSpec(width, height, channels, oiio.UINT16 if pixels.dtype == np.uint16 else oiio.UINT8)
    spec.attribute("oiio:UnassociatedAlpha", 1)
    return spec


def store(output, pixels: np.ndarray, path: Path, rows: int = 7, **attributes) -> bytes:
    spec = spec_of(pixels)
    for name, value in attributes.items():
        spec.attribute(name, value)
    assert output.open(str(path), spec), output.geterror()
    for start in range(0, len(pixels), rows):
        assert output.write_scanlines(start, min(start + rows, len(pixels)), 0, pixels[start : start + rows])
    assert output.close()
    return path.read_bytes()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("content", ["noise", "smooth", "flat"])
def test_another_reader_sees_the_same_pixels(tmp_path, dtype, channels, content):
    y, x = np.mgrid[0:61, 0:43].astype(np.float64)
    values = {
        "noise": np.random.default_rng(1).random((61, 43, channels)),
        "smooth": np.stack([(x * (1 + c) + y) / 300 % 1 for c in range(channels)], axis=2),
        "flat": np.broadcast_to((y // 16 % 2)[..., None], (61, 43, channels)),
    }[content]
    pixels = (values * np.iinfo(dtype).max).astype(dtype)
    store(PngOutput(), pixels, tmp_path / "a.png")
    read = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED).reshape(61, 43, channels)
    np.testing.assert_array_equal(read, pixels[..., _ORDER[channels]])


def test_gray_with_alpha(tmp_path):
    pixels = np.random.default_rng(2).integers(0, 256, (20, 30, 2)).astype(np.uint8)
    store(PngOutput(), pixels, tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), pixels)


def test_metadata_is_that_of_libpng(tmp_path):
    pixels = np.zeros((5, 4, 3), np.uint8)
    said = {"XResolution": 300.0, "YResolution": 300.0, "ResolutionUnit": "in", "Artist": "Ada", "Software": "x" * 3000}
    chunks = []
    for output in (PngOutput(), oiio.ImageOutput.create("a.png")):
        data = io.BytesIO(store(output, pixels, tmp_path / "a.png", **said))
        data.seek(8)
        found = []
        while head := data.read(8):
            body = data.read(int.from_bytes(head[:4], "big") + 4)
            found += [] if head[4:] == b"IDAT" else [head + body]
        chunks.append(found)
    assert len(chunks[0]) > 4
    assert chunks[0] == chunks[1]


def test_files_are_no_larger_than_those_of_libpng(tmp_path):
    pixels = np.rint(brick_wall(256)["basecolor"].pixels * 255).astype(np.uint8)
    ours = store(PngOutput(), pixels, tmp_path / "a.png", rows=128)
    theirs = store(oiio.ImageOutput.create("b.png"), pixels, tmp_path / "b.png", **{"png:compressionLevel": 4})
    assert len(ours) <= 1.05 * len(theirs)


def test_bands_of_any_height_make_the_same_picture(tmp_path):
    wall = brick_wall(64)["basecolor"]
    write_texture(wall, tmp_path / "whole.png")
    with TextureWriter(tmp_path / "bands.png", 64, 64, wall) as writer:
        for start, stop in ((0, 1), (1, 10), (10, 11), (11, 64)):
            writer.write(wall.pixels[start:stop])
    np.testing.assert_array_equal(
        read_texture(tmp_path / "whole.png").pixels, read_texture(tmp_path / "bands.png").pixels
    )


def test_a_folder_that_is_gone_is_an_error_and_not_a_crash(tmp_path):
    output = PngOutput()
    assert not output.open(str(tmp_path / "gone" / "a.png"), spec_of(np.zeros((2, 2, 1), np.uint8)))
    assert output.has_error
    assert output.geterror()
    assert not output.has_error


def test_an_interrupt_leaves_nothing(tmp_path):
    wall = Texture(np.zeros((64, 64, 3), np.float32), "srgb")

    def interrupted() -> None:
        with TextureWriter(tmp_path / "a.png", 64, 64, wall) as writer:
            writer.write(wall.pixels[:10])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_several_textures_are_written_at_once_and_the_first_error_counts(tmp_path):
    wall = brick_wall(32)
    write_textures([(wall[kind], tmp_path / f"{kind}.png", "uint16") for kind in ("height", "roughness", "normal_gl")])
    write_texture(wall["height"], tmp_path / "alone.png", depth="uint16")
    assert (tmp_path / "height.png").read_bytes() == (tmp_path / "alone.png").read_bytes()
    with pytest.raises(MatshotError, match=r"b\.xyz"):
        write_textures([(wall["height"], tmp_path / "a.png", None), (wall["height"], tmp_path / "b.xyz", None)])
    write_textures([])
