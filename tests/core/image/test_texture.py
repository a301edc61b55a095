"""Textures in files: depth, color, alpha and metadata survive, and every bad file or target is one sentence."""

from __future__ import annotations

import base64
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from matshot.errors import Cancelled, MatshotError
from matshot.image import writer as writer_module
from matshot.image.color import linear_from_srgb, srgb_from_linear
from matshot.image.formats import COMPRESSED, READABLE, WRITABLE, check_target, stored_depth
from matshot.image.reader import image_size, read_texture
from matshot.image.types import FileSource, Texture
from matshot.image.writer import TextureWriter, write_texture

FLOATS = (".exr", ".hdr")
NO_ALPHA = (".jpg", ".jpeg", ".bmp", ".hdr")


def noise(height=24, width=31, channels=3, seed=0):
    return np.random.default_rng(seed).random((height, width, channels), dtype=np.float32)


def texture_for(suffix, pixels, **keywords):
    return Texture(pixels, "linear" if suffix in FLOATS else "srgb", **keywords)


def write_raw(path, pixels, kind, **attributes):
    """Write with OpenImageIO itself, past Matshot's writer."""
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    for name, value in attributes.items():
        name = name.replace("__", ":")
        if isinstance(value, bytes):
            spec.attribute(name, oiio.TypeDesc(f"uint8[{len(value)}]"), np.frombuffer(value, np.uint8))
        elif name == "channelnames":
            spec.channelnames = value
        else:
            spec.attribute(name, value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(pixels)
    output.close()
    return path


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(path, width, height, bits, color_type, rows, *chunks):
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    parts = [png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", zlib.compress(rows)), png_chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


def write_dds(path, width, height, data, *, fourcc=b"", caps=0x1000, caps2=0, depth=0):
    masks = (0, 0, 0, 0, 0) if fourcc else (32, 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    pixel_format = struct.pack("<II4s5I", 32, 4 if fourcc else 0x41, fourcc, *masks)
    header = struct.pack("<7I", 124, 0x1007 | (0x800000 if depth else 0), height, width, 0, depth, 0)
    path.write_bytes(b"DDS " + header + bytes(44) + pixel_format + struct.pack("<5I", caps, caps2, 0, 0, 0) + data)
    return path


def write_cmyk_tiff(path):
    samples = bytes([20, 200, 100, 10] * 4)
    bits_at = 8 + 2 + 12 * 9 + 4
    tags = ((256, 3, 1, 2), (257, 3, 1, 2), (258, 3, 4, bits_at), (259, 3, 1, 1), (262, 3, 1, 5))
    tags += ((273, 4, 1, bits_at + 8), (277, 3, 1, 4), (278, 3, 1, 2), (279, 4, 1, len(samples)))
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + struct.pack("<I", 0)
    path.write_bytes(head + struct.pack("<4H", 8, 8, 8, 8) + samples)
    return path


#: An 8 x 8 picture of four inks.
CMYK_JPEG = base64.b64decode(
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwCgbniMeGSgjIKMtKqgvvD///Dc3PD////////////////////////////////////////////////"
    "//////////8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABUAAQEAAAAAAAAAAAAAAAAAAAMB/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAA4EQwBN"
    "AFkASwAAPwBRqZ//2Q=="
)


# The contract of a texture in memory.


def test_texture_knows_its_shape_and_alpha():
    texture = Texture(noise(5, 7, 4), wrap="x")
    assert (texture.height, texture.width) == (5, 7)
    assert texture.alpha is not None
    assert texture.alpha.shape == (5, 7, 1)
    assert texture.color.shape == (5, 7, 3)
    assert Texture(noise(5, 7, 3)).alpha is None
    assert Texture(noise(5, 7, 2)).color.shape == (5, 7, 1)
    other = texture.with_pixels(noise(9, 9, 4))
    assert (other.width, other.wrap) == (9, "x")


@pytest.mark.parametrize(
    "arguments",
    [
        (np.zeros((4, 4), np.float32),),
        (np.zeros((4, 4, 5), np.float32),),
        (np.zeros((0, 4, 3), np.float32),),
        (np.zeros((4, 4, 3), np.float64),),
        (np.zeros((4, 4, 3), np.float32), "gamma"),
        (np.zeros((4, 4, 3), np.float32), "srgb", "z"),
    ],
)
def test_texture_refuses_what_breaks_the_contract(arguments):
    with pytest.raises(MatshotError):
        Texture(*arguments)


# Depths and values.

DEPTHS_OF = [
    (".png", "uint8"),
    (".png", "uint16"),
    (".tif", "uint8"),
    (".tiff", "uint16"),
    (".tif", "half"),
    (".tif", "float"),
    (".exr", "half"),
    (".exr", "float"),
    (".tga", "uint8"),
    (".bmp", "uint8"),
    (".webp", "uint8"),
]
TOP = {"uint8": 255, "uint16": 65535}


@pytest.mark.parametrize(("suffix", "depth"), DEPTHS_OF)
def test_values_of_every_depth_come_back_exactly(tmp_path, suffix, depth):
    pixels = noise()
    if depth in TOP:
        pixels = np.rint(pixels * TOP[depth]).astype(np.float32) / np.float32(TOP[depth])
        encoding = "srgb"
    else:
        pixels = (pixels * 40 - 10).astype(np.float16 if depth == "half" else np.float32).astype(np.float32)
        encoding = "linear"
    write_texture(Texture(pixels, encoding), tmp_path / f"a{suffix}", depth=depth)
    read = read_texture(tmp_path / f"a{suffix}")
    assert read.encoding == encoding
    assert read.source.depth == depth
    if depth in TOP:
        assert np.array_equal(np.rint(read.pixels * TOP[depth]), np.rint(pixels * TOP[depth]))
    else:
        assert np.array_equal(read.pixels, pixels)
    # And once more without being told the depth.
    write_texture(read, tmp_path / f"b{suffix}")
    again = read_texture(tmp_path / f"b{suffix}")
    assert again.source.depth == depth
    assert np.array_equal(again.pixels, read.pixels)


def test_sixteen_bit_ramp_is_exact(tmp_path):
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    write_raw(tmp_path / "in.png", ramp, oiio.UINT16)
    write_texture(read_texture(tmp_path / "in.png"), tmp_path / "out.png")
    stored = oiio.ImageInput.open(str(tmp_path / "out.png")).read_image(oiio.UINT16)
    assert np.array_equal(stored.reshape(ramp.shape), ramp)


def test_jpeg_and_hdr_stay_close(tmp_path):
    y, x = np.mgrid[:64, :64] / 63
    smooth = np.stack([x, y, (x + y) / 2], axis=2).astype(np.float32)
    for suffix, tolerance in ((".jpg", 0.02), (".jpeg", 0.02), (".hdr", 0.0041)):
        write_texture(texture_for(suffix, smooth), tmp_path / f"a{suffix}")
        error = read_texture(tmp_path / f"a{suffix}").pixels - smooth
        assert np.abs(error).max() < tolerance
        assert abs(error.mean()) < 3e-4  # color does not shift


def test_hdr_comes_back_exactly_the_second_time(tmp_path):
    pixels = noise() * 300
    pixels[0] = 0
    write_texture(Texture(pixels, "linear"), tmp_path / "a.hdr")
    first = read_texture(tmp_path / "a.hdr")
    assert first.pixels[0].max() == 0
    write_texture(first, tmp_path / "b.hdr")
    assert np.array_equal(read_texture(tmp_path / "b.hdr").pixels, first.pixels)


def test_float_values_outside_zero_and_one_survive(tmp_path):
    pixels = np.array([[[-3.5, 0.25, 1000.0], [65504.0, -65504.0, 1e-7]]], dtype=np.float32)
    for depth in ("half", "float"):
        write_texture(Texture(pixels, "linear"), tmp_path / "a.exr", depth=depth)
        np.testing.assert_allclose(read_texture(tmp_path / "a.exr").pixels, pixels, rtol=1e-3, atol=1e-7)


def test_integers_round_and_clip(tmp_path):
    pixels = np.array([[[-1.0, 0.4 / 255, 0.6 / 255], [1.5, 254.4 / 255, 254.6 / 255]]], dtype=np.float32)
    write_texture(Texture(pixels), tmp_path / "a.png", depth="uint8")
    expected = [[[0, 0, 1], [255, 254, 255]]]
    assert np.array_equal(np.rint(read_texture(tmp_path / "a.png").pixels * 255), expected)


def test_half_files_clip_to_the_largest_half(tmp_path):
    write_texture(Texture(np.full((2, 2, 3), 1e6, np.float32), "linear"), tmp_path / "a.exr", depth="half")
    assert read_texture(tmp_path / "a.exr").pixels.max() == 65504


@pytest.mark.parametrize(
    ("name", "wanted", "stored"),
    [
        ("a.png", "float", "uint16"),
        ("a.png", "uint16", "uint16"),
        ("a.jpg", "uint16", "uint8"),
        ("a.exr", "uint8", "half"),
        ("a.tif", "half", "half"),
        ("a.hdr", "uint8", "float"),
    ],
)
def test_the_closest_depth_is_stored(name, wanted, stored):
    assert stored_depth(Path(name), wanted) == stored


def test_unknown_depth_is_refused():
    with pytest.raises(MatshotError, match="Unknown depth"):
        stored_depth(Path("a.png"), "uint12")


def test_every_readable_suffix_is_written_alone_or_with_its_mips():
    assert set(READABLE) - set(WRITABLE) == set(COMPRESSED)


# Color.


def test_linear_is_stored_display_encoded_in_integers_and_back(tmp_path):
    linear = noise()
    write_texture(Texture(linear, "linear"), tmp_path / "a.png", depth="uint16")
    encoded = read_texture(tmp_path / "a.png")
    np.testing.assert_allclose(encoded.pixels, srgb_from_linear(linear), atol=1e-5)
    write_texture(Texture(encoded.pixels), tmp_path / "a.exr", depth="float")
    np.testing.assert_allclose(read_texture(tmp_path / "a.exr").pixels, linear, atol=5e-5)


def test_color_of_an_integer_file_becomes_linear_in_a_float_file(tmp_path):
    write_texture(Texture(noise()), tmp_path / "a.png")
    source = read_texture(tmp_path / "a.png")
    write_texture(source, tmp_path / "b.exr", depth="float")
    np.testing.assert_allclose(read_texture(tmp_path / "b.exr").pixels, linear_from_srgb(source.pixels), atol=1e-6)


def test_data_is_stored_as_it_is(tmp_path):
    data = Texture(noise(channels=1), "data")
    write_texture(data, tmp_path / "a.exr", depth="float")
    assert np.array_equal(read_texture(tmp_path / "a.exr", encoding="data").pixels, data.pixels)


def test_aces_by_name_goes_to_linear_rec709_and_back(tmp_path):
    write_raw(tmp_path / "in.exr", np.array([[[0.2, 0.5, 0.8]]], dtype=np.float32), oiio.FLOAT)
    texture = read_texture(tmp_path / "in.exr", colorspace="ACEScg")
    assert texture.encoding == "linear"
    # AP1 to Rec. 709 with the D60 to D65 adaptation of the ACES transforms.
    np.testing.assert_allclose(texture.pixels[0, 0], [-0.0365, 0.5359, 0.8531], atol=1e-3)
    write_texture(texture, tmp_path / "out.exr")
    np.testing.assert_allclose(read_texture(tmp_path / "out.exr").pixels[0, 0], [0.2, 0.5, 0.8], atol=1e-5)


def test_srgb_by_name_is_our_own_curve_and_comes_back(tmp_path):
    pixels = np.concatenate([noise(), np.full((24, 31, 1), 0.5, np.float32)], axis=2)
    write_texture(Texture(pixels), tmp_path / "in.png", depth="uint16")
    plain = read_texture(tmp_path / "in.png").pixels
    texture = read_texture(tmp_path / "in.png", colorspace="sRGB")
    np.testing.assert_allclose(texture.pixels[..., :3], linear_from_srgb(plain[..., :3]), atol=1e-4)
    assert np.array_equal(texture.alpha, plain[..., 3:])
    write_texture(texture, tmp_path / "out.png")
    np.testing.assert_allclose(read_texture(tmp_path / "out.png").pixels, plain, atol=1 / 65535)


def test_a_gray_image_has_color_spaces_too(tmp_path):
    write_texture(Texture(np.full((3, 3, 1), 0.5, np.float32)), tmp_path / "in.png", depth="uint16")
    texture = read_texture(tmp_path / "in.png", colorspace="sRGB")
    assert texture.pixels.shape == (3, 3, 1)
    assert texture.pixels[0, 0, 0] == pytest.approx(0.21404, abs=1e-4)


def test_unknown_color_space_is_one_sentence(tmp_path):
    write_texture(Texture(noise()), tmp_path / "a.png")
    with pytest.raises(MatshotError, match="Unknown color space 'Kodachrome'") as caught:
        read_texture(tmp_path / "a.png", colorspace="Kodachrome")
    assert "\n" not in caught.value.sentence


def test_data_ignores_a_color_space(tmp_path):
    write_texture(Texture(noise()), tmp_path / "a.png")
    plain = read_texture(tmp_path / "a.png", encoding="data")
    assert np.array_equal(read_texture(tmp_path / "a.png", encoding="data", colorspace="ACEScg").pixels, plain.pixels)


OCIO_CONFIG = """ocio_profile_version: 2
roles: {default: house_double, scene_linear: lin_rec709}
colorspaces:
  - !<ColorSpace> {name: lin_rec709, isdata: false}
  - !<ColorSpace>
    name: house_double
    isdata: false
    to_scene_reference: !<MatrixTransform> {matrix: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]}
displays:
  screen:
    - !<View> {name: raw, colorspace: lin_rec709}
"""

OCIO_SCRIPT = """
import sys
from matshot.errors import MatshotError
from matshot.image.reader import read_texture
try:
    print(read_texture(sys.argv[1], colorspace=sys.argv[2]).pixels[0, 0, 0])
except MatshotError as error:
    print(error)
"""


def run_with_ocio(config, *arguments):
    environment = {**os.environ, "OCIO": str(config), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", OCIO_SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=True).stdout


def test_the_ocio_variable_is_honored(tmp_path):
    write_raw(tmp_path / "a.exr", np.full((2, 2, 3), 0.25, np.float32), oiio.FLOAT)
    (tmp_path / "config.ocio").write_text(OCIO_CONFIG)
    assert float(run_with_ocio(tmp_path / "config.ocio", tmp_path / "a.exr", "house_double")) == 0.5
    missing = run_with_ocio(tmp_path / "nowhere.ocio", tmp_path / "a.exr", "ACEScg")
    assert "nowhere.ocio cannot be read" in missing


# Channels and alpha.


@pytest.mark.parametrize("suffix", WRITABLE)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_channels_of_every_format(tmp_path, suffix, channels):
    pixels = noise(channels=channels)
    if channels in (2, 4):
        pixels[..., -1] = 0.5 + 0.5 * pixels[..., -1]
    path = tmp_path / f"a{suffix}"
    if channels in (2, 4) and suffix in NO_ALPHA:
        with pytest.raises(MatshotError, match="no alpha channel"):
            write_texture(texture_for(suffix, pixels), path)
        assert list(tmp_path.iterdir()) == []
        return
    write_texture(texture_for(suffix, pixels), path, depth="float" if suffix in FLOATS else "uint8")
    read = read_texture(path)
    expected = channels
    if suffix in (".webp", ".bmp", ".hdr") and channels < 3:
        expected = channels + 2  # these formats know color only
    assert read.pixels.shape == (24, 31, expected)
    assert image_size(path) == (31, 24, expected)
    close = {".jpg": 0.1, ".jpeg": 0.1, ".hdr": 0.005}.get(suffix, 0.5 / 255 + 1e-4)
    color = read.color[..., :1] if expected != channels else read.color
    assert np.abs(color - texture_for(suffix, pixels).color).max() < close
    if channels in (2, 4):
        assert np.abs(read.alpha - pixels[..., -1:]).max() < close


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tga"])
def test_color_under_zero_alpha_survives(tmp_path, suffix):
    pixels = noise(channels=4)
    pixels[:12, :, 3] = 0
    pixels = np.rint(pixels * 255).astype(np.float32) / 255
    write_texture(Texture(pixels), tmp_path / f"a{suffix}")
    read = read_texture(tmp_path / f"a{suffix}")
    assert np.array_equal(np.rint(read.pixels * 255), np.rint(pixels * 255))


def test_exr_stores_color_times_alpha(tmp_path):
    pixels = np.array([[[0.8, 0.4, 0.2, 0.5], [0.8, 0.4, 0.2, 0.0]]], dtype=np.float32)
    write_texture(Texture(pixels, "linear"), tmp_path / "a.exr", depth="float")
    stored = oiio.ImageInput.open(str(tmp_path / "a.exr")).read_image(oiio.FLOAT)
    np.testing.assert_allclose(stored, [[[0.4, 0.2, 0.1, 0.5], [0, 0, 0, 0]]], atol=1e-7)
    np.testing.assert_allclose(read_texture(tmp_path / "a.exr").pixels[0, 0], pixels[0, 0], atol=1e-6)


def test_light_without_coverage_survives_in_exr(tmp_path):
    pixels = np.array([[[5.0, 2.0, 1.0, 0.0], [0.5, 0.5, 0.5, 1.0]]], dtype=np.float32)
    write_raw(tmp_path / "in.exr", pixels, oiio.FLOAT)
    write_texture(read_texture(tmp_path / "in.exr"), tmp_path / "out.exr")
    assert np.array_equal(oiio.ImageInput.open(str(tmp_path / "out.exr")).read_image(oiio.FLOAT), pixels)


def test_associated_tiff_comes_unassociated(tmp_path):
    write_raw(tmp_path / "a.tif", np.array([[[0.2, 0.1, 0.4, 0.5]]], dtype=np.float32), oiio.FLOAT)
    np.testing.assert_allclose(read_texture(tmp_path / "a.tif").pixels[0, 0], [0.4, 0.2, 0.8, 0.5], atol=1e-6)


def test_packed_data_is_not_multiplied_by_its_fourth_channel(tmp_path):
    pixels = noise(channels=4)
    pixels[:12, :, 3] = 0
    for suffix in (".exr", ".tif"):
        write_texture(Texture(pixels, "data"), tmp_path / f"a{suffix}", depth="float")
        assert np.array_equal(read_texture(tmp_path / f"a{suffix}", encoding="data").pixels, pixels)
    with pytest.raises(MatshotError, match="lose three channels"):
        write_texture(Texture(pixels, "data"), tmp_path / "a.webp")


def test_layered_exr_gives_its_rgb(tmp_path):
    pixels = np.arange(2 * 2 * 6, dtype=np.float32).reshape(2, 2, 6)
    names = ("R", "G", "B", "Z", "N.x", "N.y")
    write_raw(tmp_path / "a.exr", pixels, oiio.FLOAT, channelnames=names)
    assert np.array_equal(read_texture(tmp_path / "a.exr").pixels, pixels[..., :3])
    write_raw(tmp_path / "b.exr", pixels, oiio.FLOAT, channelnames=("a.x", "a.y", "a.z", "b.x", "b.y", "b.z"))
    with pytest.raises(MatshotError, match="6 channels without color"):
        read_texture(tmp_path / "b.exr")


# Normal maps.


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float"])
@pytest.mark.parametrize("convention", ["gl", "dx"])
def test_normal_map_keeps_its_convention(tmp_path, depth, convention):
    vectors = noise() * 2 - 1
    vectors[..., 2] = np.abs(vectors[..., 2]) + 0.2
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    source = FileSource(Path(), depth, convention=convention)
    write_texture(Texture(vectors, "normal", source=source), tmp_path / "a.tif")
    read = read_texture(tmp_path / "a.tif", encoding="normal", convention=convention)
    np.testing.assert_allclose(read.pixels, vectors, atol={"uint8": 0.008, "uint16": 4e-5, "float": 1e-6}[depth])
    raw = read_texture(tmp_path / "a.tif", encoding="data").pixels
    up = -1 if convention == "dx" else 1
    np.testing.assert_allclose(raw[..., 1] * 2 - 1, vectors[..., 1] * up, atol=0.005)


def test_normal_map_of_signed_floats_stays_signed(tmp_path):
    vectors = np.zeros((4, 4, 3), np.float32)
    vectors[..., :] = (-0.6, 0.0, 0.8)
    write_raw(tmp_path / "a.exr", vectors, oiio.FLOAT)
    texture = read_texture(tmp_path / "a.exr", encoding="normal")
    np.testing.assert_allclose(texture.pixels, vectors, atol=1e-6)
    write_texture(texture, tmp_path / "b.exr")
    np.testing.assert_allclose(read_texture(tmp_path / "b.exr", encoding="data").pixels, vectors, atol=1e-6)
    write_texture(texture, tmp_path / "b.png", depth="uint16")
    np.testing.assert_allclose(read_texture(tmp_path / "b.png", encoding="normal").pixels, vectors, atol=1e-4)


def test_negative_height_beside_a_normal_does_not_make_it_signed(tmp_path):
    pixels = np.full((2, 2, 4), 0.5, np.float32)
    pixels[..., 2], pixels[..., 3] = 1.0, -2.0
    write_raw(tmp_path / "a.exr", pixels, oiio.FLOAT)
    texture = read_texture(tmp_path / "a.exr", encoding="normal")
    np.testing.assert_allclose(texture.pixels, np.broadcast_to([0, 0, 1, -2], (2, 2, 4)), atol=1e-6)


def test_gray_image_is_no_normal_map(tmp_path):
    write_texture(Texture(noise(channels=1)), tmp_path / "a.png")
    with pytest.raises(MatshotError, match="normal map"):
        read_texture(tmp_path / "a.png", encoding="normal")


# Odd but sound files.


def test_indexed_png(tmp_path):
    palette = png_chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 255]))
    path = write_png(tmp_path / "a.png", 3, 1, 8, 3, b"\0\0\1\2", palette)
    assert np.array_equal(read_texture(path).pixels[0], np.eye(3))
    transparent = png_chunk(b"tRNS", bytes([0, 128]))
    path = write_png(tmp_path / "b.png", 3, 1, 8, 3, b"\0\0\1\2", palette, transparent)
    texture = read_texture(path)
    np.testing.assert_allclose(texture.pixels[0], np.c_[np.eye(3), [0, 128 / 255, 1]], atol=1e-6)
    # What comes out of it is a plain RGBA file with the same colors.
    write_texture(texture, tmp_path / "c.png")
    assert np.array_equal(read_texture(tmp_path / "c.png").pixels, texture.pixels)


def test_png_of_few_bits_and_of_gray_with_alpha(tmp_path):
    one = write_png(tmp_path / "a.png", 8, 1, 1, 0, b"\0\xa5")
    assert read_texture(one).pixels.ravel().tolist() == [1, 0, 1, 0, 0, 1, 0, 1]
    four = write_png(tmp_path / "b.png", 4, 1, 4, 0, b"\0\x05\xaf")
    np.testing.assert_allclose(read_texture(four).pixels.ravel() * 15, [0, 5, 10, 15], atol=1e-5)
    gray_alpha = write_png(tmp_path / "c.png", 1, 1, 16, 4, b"\0\x12\x34\x00\x00")
    np.testing.assert_allclose(read_texture(gray_alpha).pixels.ravel() * 65535, [0x1234, 0], atol=0.01)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photograph_comes_upright_and_stays_so(tmp_path, orientation):
    pixels = np.arange(24, dtype=np.float32).reshape(4, 6, 1) / 24
    write_raw(tmp_path / "a.tif", pixels, oiio.FLOAT, Orientation=orientation)
    upright = oiio.ImageBufAlgo.reorient(oiio.ImageBuf(str(tmp_path / "a.tif"))).get_pixels(oiio.FLOAT)
    texture = read_texture(tmp_path / "a.tif", encoding="data")
    assert np.array_equal(texture.pixels, upright)
    write_texture(texture, tmp_path / "b.tif")
    assert np.array_equal(read_texture(tmp_path / "b.tif", encoding="data").pixels, upright)


def test_dds_plain_and_compressed(tmp_path):
    plain = write_dds(tmp_path / "a.dds", 2, 1, bytes([1, 2, 3, 255, 10, 20, 30, 0]))
    np.testing.assert_allclose(read_texture(plain).pixels * 255, [[[3, 2, 1, 255], [30, 20, 10, 0]]], atol=1e-4)
    block = struct.pack("<HHI", 0xF800, 0x001F, 0)
    red = read_texture(write_dds(tmp_path / "b.dds", 4, 4, block, fourcc=b"DXT1"))
    assert (red.width, red.height, red.source.depth) == (4, 4, "uint8")
    np.testing.assert_allclose(red.pixels[..., :3], np.broadcast_to([1, 0, 0], (4, 4, 3)), atol=1e-6)


def test_dds_normal_map_of_two_channels_gets_its_third(tmp_path):
    blocks = bytes([200, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0])
    path = write_dds(tmp_path / "a.dds", 4, 4, blocks, fourcc=b"ATI2")
    normal = read_texture(path, encoding="normal").pixels[0, 0]
    np.testing.assert_allclose(normal, [0.569, 0.004, 0.823], atol=2e-3)


def test_a_suffix_that_lies_is_read_by_content(tmp_path):
    write_texture(Texture(noise()), tmp_path / "a.jpg")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.jpg").read_bytes())
    assert read_texture(tmp_path / "b.png").pixels.shape == (24, 31, 3)


@pytest.mark.parametrize("name", ["A.PNG", "Mörtel 壁 #1.png", "ä" * 120 + ".png", ".hidden.png", "no.dots.here.png"])
def test_names_of_all_sorts(tmp_path, name):
    write_texture(Texture(noise()), tmp_path / "new" / "folder" / name)
    assert read_texture(tmp_path / "new" / "folder" / name).width == 31
    assert [file.name for file in (tmp_path / "new" / "folder").iterdir()] == [name]


# Metadata.

METADATA = {
    "ImageDescription": "rusty plate",
    "Make": "Nikon",
    "Copyright": "me",
    "XResolution": 300.0,
    "YResolution": 300.0,
    "ResolutionUnit": "in",
}


def icc_profile(space=b"RGB "):
    """A small display profile with a description, a copyright, a white point and no curves."""
    text = b"desc\0\0\0\0\0\0\0\5test\0" + bytes(78)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    copyright_ = b"text\0\0\0\0none\0\0\0\0"
    blocks = [(b"desc", text + bytes(-len(text) % 4)), (b"wtpt", white), (b"cprt", copyright_)]
    at, table, data = 128 + 4 + 12 * len(blocks), b"", b""
    for name, block in blocks:
        table += name + struct.pack(">II", at + len(data), len(block))
        data += block
    body = struct.pack(">I", len(blocks)) + table + data
    header = struct.pack(">I4sI4s4s4s", 128 + len(body), b"lcms", 0x02100000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H4s4s", 2024, 1, 1, 0, 0, 0, b"acsp", b"APPL") + bytes(24)
    header += struct.pack(">3i", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + body


@pytest.mark.parametrize(
    ("first", "second"),
    [(".png", ".png"), (".jpg", ".jpg"), (".tif", ".tif"), (".png", ".tif"), (".jpg", ".png"), (".png", ".jpg")],
)
def test_profile_and_metadata_survive(tmp_path, first, second):
    profile = icc_profile()
    attributes = {**METADATA, "FNumber": 5.6, "Exif__LensModel": "50mm", "ICCProfile": profile}
    attributes["IPTC__City"] = "Lyon"
    write_raw(tmp_path / f"a{first}", noise(), oiio.UINT8, **attributes)
    write_texture(read_texture(tmp_path / f"a{first}"), tmp_path / f"b{second}")
    before = oiio.ImageInput.open(str(tmp_path / f"a{first}")).spec()
    after = oiio.ImageInput.open(str(tmp_path / f"b{second}")).spec()
    assert bytes(after.getattribute("ICCProfile")) == profile
    for name in METADATA:
        if name != "ResolutionUnit":
            assert after.getattribute(name) == before.getattribute(name) == METADATA[name]
    assert after.get_string_attribute("ResolutionUnit") in ("in", "inch")
    assert after.get_float_attribute("FNumber") == pytest.approx(5.6)
    assert after.get_string_attribute("Exif:LensModel") == "50mm"
    assert after.get_string_attribute("IPTC:City") == "Lyon"


XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    b'xmp:Rating="4" photoshop:City="Lyon"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".png"])
def test_xmp_survives(tmp_path, suffix):
    plain = write_texture(Texture(noise()), tmp_path / "plain.jpg").read_bytes()
    segment = b"http://ns.adobe.com/xap/1.0/\0" + XMP
    marker = b"\xff\xe1" + struct.pack(">H", len(segment) + 2)
    (tmp_path / "a.jpg").write_bytes(plain[:2] + marker + segment + plain[2:])
    write_texture(read_texture(tmp_path / "a.jpg"), tmp_path / f"b{suffix}")
    after = oiio.ImageInput.open(str(tmp_path / f"b{suffix}")).spec()
    assert after.get_string_attribute("IPTC:City") == "Lyon"
    if suffix != ".png":  # PNG gets texts only
        assert after.get_int_attribute("IPTC:Rating") == 4
        assert b'xmp:Rating="4"' in (tmp_path / f"b{suffix}").read_bytes()


def test_metadata_survives_in_exr(tmp_path):
    write_raw(tmp_path / "a.exr", noise(), oiio.HALF, **METADATA, shotName="wall 12", focus=3)
    write_texture(read_texture(tmp_path / "a.exr"), tmp_path / "b.exr")
    after = oiio.ImageInput.open(str(tmp_path / "b.exr")).spec()
    assert after.get_string_attribute("shotName") == "wall 12"
    assert after.get_int_attribute("focus") == 3
    assert after.get_float_attribute("XResolution") == 300


def test_a_color_profile_does_not_go_into_a_gray_file(tmp_path):
    write_raw(tmp_path / "a.png", noise(), oiio.UINT8, ICCProfile=icc_profile())
    texture = read_texture(tmp_path / "a.png", encoding="data")
    write_texture(texture.with_pixels(texture.pixels[..., :1].copy()), tmp_path / "b.png")
    assert oiio.ImageInput.open(str(tmp_path / "b.png")).spec().getattribute("ICCProfile") is None


def test_attributes_of_the_old_pixels_do_not_linger(tmp_path):
    write_raw(tmp_path / "a.tif", noise(), oiio.UINT8, compression="packbits", Exif__PixelXDimension=31)
    texture = read_texture(tmp_path / "a.tif")
    write_texture(texture.with_pixels(noise(48, 62)), tmp_path / "b.tif")
    after = oiio.ImageInput.open(str(tmp_path / "b.tif")).spec()
    assert after.get_string_attribute("compression") == "zip"
    assert after.get_int_attribute("Exif:PixelXDimension", -1) == -1


# Bad files.


def refused(path, pattern):
    with pytest.raises(MatshotError, match=pattern) as caught:
        read_texture(path)
    assert "\n" not in caught.value.sentence
    assert caught.value.sentence.endswith(".")


def test_cmyk_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_bytes(CMYK_JPEG)
    refused(tmp_path / "a.jpg", "CMYK|YCCK")
    refused(write_cmyk_tiff(tmp_path / "a.tif"), "CMYK")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(tmp_path, value):
    pixels = noise()
    pixels[3, 4, 1] = value
    refused(write_raw(tmp_path / "a.exr", pixels, oiio.FLOAT), "NaN or infinite")


def test_what_is_no_image_is_refused(tmp_path):
    refused(tmp_path / "nowhere.png", "does not exist")
    refused(tmp_path, "is a folder")
    (tmp_path / "text.png").write_text("this is a letter and no picture at all")
    refused(tmp_path / "text.png", "cannot be read as an image")
    (tmp_path / "empty.png").write_bytes(b"")
    refused(tmp_path / "empty.png", "empty")
    (tmp_path / "notes.txt").write_text("notes")
    refused(tmp_path / "notes.txt", "not an image of a supported format")
    with pytest.raises(MatshotError, match="does not exist"):
        image_size(tmp_path / "nowhere.png")


def test_cube_maps_and_volumes_are_refused(tmp_path):
    faces = bytes([1, 2, 3, 4]) * 6
    refused(write_dds(tmp_path / "a.dds", 1, 1, faces, caps=0x1008, caps2=0xFE00), "cube map")
    refused(write_dds(tmp_path / "b.dds", 1, 1, faces, caps=0x1008, caps2=0x200000, depth=6), "volume")


@pytest.mark.parametrize("suffix", WRITABLE)
@pytest.mark.parametrize("share", [0.01, 0.3, 0.95])
def test_truncated_files_are_refused(tmp_path, suffix, share, capfd):
    write_texture(texture_for(suffix, noise(64, 64)), tmp_path / f"whole{suffix}")
    data = (tmp_path / f"whole{suffix}").read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(data[: int(len(data) * share)])
    refused(tmp_path / f"cut{suffix}", "damaged")
    assert capfd.readouterr().err == ""


# Bad targets.


@pytest.mark.parametrize(
    ("name", "width", "height"),
    [("a.jpg", 65501, 8), ("a.webp", 8, 16384), ("a.png", 1_000_001, 8), ("a.tga", 65536, 8), ("a.hdr", 8, 65536)],
)
def test_sides_that_a_format_cannot_describe_are_refused(name, width, height):
    with pytest.raises(MatshotError, match=r"is limited to [0-9,]+ pixels per side; choose"):
        check_target(Path(name), width, height)
    with pytest.raises(MatshotError, match="is limited to"):
        TextureWriter(name, width, height, Texture(noise()))


@pytest.mark.parametrize("name", ["a.psd", "a", "a.txt"])
def test_formats_that_are_not_written_are_refused(tmp_path, name):
    with pytest.raises(MatshotError, match="unknown format"):
        write_texture(Texture(noise()), tmp_path / name)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MatshotError, match="cannot be created"):
        write_texture(Texture(noise()), tmp_path / "file" / "a.png")


def test_a_folder_in_the_place_of_the_target_is_refused(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(MatshotError, match="is a folder"):
        write_texture(Texture(noise()), tmp_path / "a.png")
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_targets_are_refused(tmp_path):
    target = write_texture(Texture(noise()), tmp_path / "a.png")
    before = target.read_bytes()
    target.chmod(0o444)
    with pytest.raises(MatshotError, match="read-only"):
        write_texture(Texture(noise(seed=1)), target)
    assert target.read_bytes() == before
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(MatshotError, match="cannot be written: permission denied"):
            write_texture(Texture(noise()), tmp_path / "b.png")
    finally:
        tmp_path.chmod(0o755)


# Writing in bands, and what is left when it goes wrong.


@pytest.mark.parametrize("suffix", WRITABLE)
def test_bands_make_the_same_file_as_a_whole(tmp_path, suffix):
    pixels = noise(50, 33)
    texture = texture_for(suffix, pixels)
    write_texture(texture, tmp_path / f"whole{suffix}")
    with TextureWriter(tmp_path / f"bands{suffix}", 33, 50, texture) as writer:
        for start in range(0, 50, 7):
            writer.write(pixels[start : start + 7])
    whole, bands = (read_texture(tmp_path / f"{name}{suffix}").pixels for name in ("whole", "bands"))
    assert np.array_equal(whole, bands)


@pytest.mark.parametrize("suffix", WRITABLE)
@pytest.mark.parametrize("kind", [RuntimeError, Cancelled, KeyboardInterrupt])
def test_nothing_is_left_after_an_exception(tmp_path, suffix, kind):
    texture = texture_for(suffix, noise(64, 40))

    def interrupted():
        with TextureWriter(tmp_path / f"a{suffix}", 40, 64, texture) as writer:
            writer.write(texture.pixels[:32])
            assert not (tmp_path / f"a{suffix}").exists()
            raise kind

    with pytest.raises(kind):
        interrupted()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", WRITABLE)
@pytest.mark.parametrize("step", ["_open", "flush", "_is_complete"])
def test_nothing_is_left_when_a_signal_comes_before_or_after_the_rows(tmp_path, monkeypatch, suffix, step):
    place = TextureWriter if step == "_open" else writer_module
    whole = getattr(place, step)

    def interrupted(*arguments):
        whole(*arguments)
        raise SystemExit

    monkeypatch.setattr(place, step, interrupted)
    with pytest.raises(SystemExit):
        write_texture(texture_for(suffix, noise(64, 40)), tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    target = write_texture(Texture(noise()), tmp_path / "a.png")
    before = target.read_bytes()
    new = Texture(noise(64, 40, seed=1))
    with TextureWriter(target, 40, 64, new) as writer:
        writer.write(new.pixels[:32])
        assert target.read_bytes() == before
        writer.write(new.pixels[32:])
        assert target.read_bytes() == before
    assert image_size(target) == (40, 64, 3)
    with pytest.raises(MatshotError, match="not finished: 32 of 64 rows"), TextureWriter(target, 40, 64, new) as writer:
        writer.write(new.pixels[:32])
    assert image_size(target) == (40, 64, 3)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


#: Writes every format with less and less room, by the limit on a file's size, and tells what came of it.
FULL_DISK = """
import json, resource, signal, sys
from pathlib import Path
import numpy as np
from matshot.errors import MatshotError
from matshot.image.formats import WRITABLE
from matshot.image.types import Texture
from matshot.image.writer import write_texture

folder = Path(sys.argv[1])
pixels = np.random.default_rng(0).random((200, 220, 3), dtype=np.float32)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
said = {}
for suffix in WRITABLE:
    texture = Texture(pixels, "linear" if suffix in (".exr", ".hdr") else "srgb")
    target = write_texture(texture, folder / ("old" + suffix))
    size, before = target.stat().st_size, target.read_bytes()
    for room in (0, 100, size // 2, size - 5000, size - 300, size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            write_texture(texture, folder / ("old" + suffix))
            outcome = "written"
        except MatshotError as error:
            outcome = error.sentence
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        kept = target.read_bytes() == before
        said[f"{suffix} {size - room} short"] = [outcome, kept, len(list(folder.iterdir()))]
    target.unlink()
print(json.dumps(said))
"""


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path):
    pytest.importorskip("resource")
    (tmp_path / "out").mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "out")]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert len(said) == 6 * len(WRITABLE)
    for case, (outcome, kept, files) in said.items():
        assert "could not be written" in outcome, case
        assert kept, case
        assert files == 1, case
