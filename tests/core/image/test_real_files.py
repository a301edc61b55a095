"""What files of the real world hold besides color: kept, or left out and named."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from matshot.errors import MatshotError
from matshot.image.alpha import continues_under_alpha
from matshot.image.color import linear_from_srgb, srgb_from_linear
from matshot.image.reader import image_size, read_texture
from matshot.image.rec709 import rec709_texture
from matshot.image.types import Texture
from matshot.image.writer import storage_notes, write_texture
from matshot.super_resolution import UpscaleOptions, upscale
from matshot.super_resolution.files import upscale_file

QUICK = UpscaleOptions(scale=2, method="bicubic", wrap="none", threads=1, device="cpu")

ACESCG = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(17).random(shape, dtype=np.float32)


def store(path: Path, pixels: np.ndarray, kind=oiio.FLOAT, names: tuple[str, ...] = (), alpha: int = -1, **attributes):
    """A file as other programs write it."""
    height, width, channels = pixels.shape
    spec = oiio.ImageSpec(width, height, channels, kind)
    if names:
        spec.channelnames = names
    spec.alpha_channel = alpha
    for name, value in attributes.items():
        if name in ("x", "y", "full_x", "full_y", "full_width", "full_height"):
            setattr(spec, name, value)
        elif isinstance(value, tuple):
            spec.attribute(name.replace("__", ":"), oiio.TypeDesc(f"float[{len(value)}]"), value)
        else:
            spec.attribute(name.replace("__", ":"), value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    assert output.write_image(np.ascontiguousarray(pixels))
    assert output.close()
    return path


def stored(path: Path) -> tuple[np.ndarray, oiio.ImageSpec]:
    image = oiio.ImageInput.open(str(path))
    spec = image.spec()
    pixels = np.asarray(image.read_image(0, 0, 0, spec.nchannels, oiio.FLOAT))
    image.close()
    return pixels.reshape(spec.height, spec.width, spec.nchannels), spec


def with_chunk(path: Path, kind: bytes, data: bytes) -> Path:
    """A PNG with another chunk behind its header, and without what says sRGB."""
    whole, kept, place = path.read_bytes(), b"", 8
    while place < len(whole):
        length = int.from_bytes(whole[place : place + 4], "big")
        if whole[place + 4 : place + 8] not in (b"sRGB", b"gAMA", b"cHRM"):
            kept += whole[place : place + 12 + length]
        place += 12 + length
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(whole[:8] + kept[:25] + chunk + kept[25:])
    return path


# Channels, layers, parts.


def test_two_numbers_are_not_gray_with_alpha(tmp_path):
    flow = random(8, 8, 2) * 2 - 1
    texture = read_texture(store(tmp_path / "flow.exr", flow, names=("R", "G")))
    assert (texture.encoding, texture.pixels.shape[2]) == ("data", 2)
    assert "numbers" in texture.notes[0]
    write_texture(texture, tmp_path / "out.exr")
    again, spec = stored(tmp_path / "out.exr")
    assert tuple(spec.channelnames) == ("R", "G")
    np.testing.assert_allclose(again, flow, atol=1e-6)


@pytest.mark.parametrize("extra", ["Z", "V"])
def test_a_fourth_channel_that_is_not_alpha_is_left_out_and_named(tmp_path, extra):
    texture = read_texture(store(tmp_path / "a.exr", random(4, 4, 4), names=("R", "G", "B", extra)))
    assert texture.pixels.shape[2] == 3
    assert extra in texture.notes[0]


def test_layers_are_named_and_blenders_combined_is_found(tmp_path):
    names = tuple(f"ViewLayer.{one}" for one in ("Combined.R", "Combined.G", "Combined.B", "Combined.A", "Depth.Z"))
    pixels = random(4, 4, 5)
    pixels[..., 3] = 1
    file = store(tmp_path / "a.exr", pixels, names=names, alpha=3)
    texture = read_texture(file)
    np.testing.assert_allclose(np.sort(texture.color, axis=2), np.sort(pixels[..., :3], axis=2), atol=1e-6)
    assert "Depth" in texture.notes[0]
    assert image_size(file)[2] == 4


def test_pages_are_counted(tmp_path):
    path = tmp_path / "pages.tif"
    output = oiio.ImageOutput.create(str(path))
    specs = [oiio.ImageSpec(4, 4, 3, oiio.UINT8)] * 3
    assert output.open(str(path), specs)
    for number, spec in enumerate(specs):
        if number:
            assert output.open(str(path), spec, "AppendSubimage")
        assert output.write_image(np.zeros((4, 4, 3), np.uint8))
    output.close()
    assert "first of 3 pages" in read_texture(path).notes[0]


def test_an_extra_channel_of_a_tiff_hides_nothing(tmp_path):
    pixels = (random(8, 8, 4) * 255).astype(np.uint8)
    pixels[:4, :, 3] = 0
    names = ("R", "G", "B", "mask")
    texture = read_texture(store(tmp_path / "a.tif", pixels, oiio.UINT8, names))
    assert texture.source.alpha == "data"
    large = upscale(texture, scale=2, method="nearest")
    np.testing.assert_allclose(large.pixels[::2, ::2], texture.pixels, atol=1e-6)


# Alpha.


def test_only_some_formats_multiply_color_by_alpha(tmp_path):
    pixels = np.array([[[200, 100, 50, 128]]], np.uint8)
    head = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 1, 1, 32, 8)
    (tmp_path / "a.tga").write_bytes(head + bytes([50, 100, 200, 128]))
    np.testing.assert_allclose(read_texture(tmp_path / "a.tga").pixels * 255, pixels, atol=0.01)
    footer = b"TRUEVISION-XFILE.\0"
    for kind, factor in ((3, 1.0), (4, 255 / 128)):
        extension = struct.pack("<H", 495) + bytes(492) + bytes([kind])
        data = head + bytes([50, 100, 200, 128]) + extension + struct.pack("<II", 22, 0) + footer
        (tmp_path / "b.tga").write_bytes(data)
        color = read_texture(tmp_path / "b.tga").color[0, 0] * 255
        np.testing.assert_allclose(color, np.array([200, 100, 50]) * factor, atol=0.01)


def test_a_bitmap_with_an_empty_fourth_byte_is_opaque(tmp_path):
    data = bytes([50, 100, 200, 0] * 2)
    head = b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54)
    head += struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 32, 0, len(data), 2835, 2835, 0, 0)
    (tmp_path / "a.bmp").write_bytes(head + data)
    texture = read_texture(tmp_path / "a.bmp")
    assert texture.pixels.shape[2] == 3
    np.testing.assert_allclose(texture.pixels[0, 0] * 255, [200, 100, 50], atol=0.01)


def test_cut_outs_stay_empty_outside_and_glows_stay_as_bright(tmp_path):
    leaf = np.zeros((16, 16, 4), np.float32)
    leaf[4:12, 4:12] = (0.1, 0.4, 0.05, 1)
    glow = np.zeros((16, 16, 4), np.float32)
    glow[..., :3] = 0.3 * random(16, 16, 1) + 0.001
    glow[6:10, 6:10] = (2, 1, 0.5, 1)
    glow[0, 0] = (3, 3, 3, 0.001)
    for name, pixels in (("leaf", leaf), ("glow", glow)):
        file = store(tmp_path / f"{name}.exr", pixels, names=("R", "G", "B", "A"), alpha=3)
        upscale_file(file, tmp_path / f"{name}_out.exr", QUICK)
        made = stored(tmp_path / f"{name}_out.exr")[0]
        means = made.reshape(16, 2, 16, 2, 4).mean(axis=(1, 3))
        assert np.abs(means - pixels).max() < 0.2  # corners are rounded by the interpolation
        assert made[..., :3].max() <= pixels[..., :3].max() * 1.001
        if name == "leaf":
            assert made[:4].max() == 0


def test_color_under_smoothness_in_alpha_is_kept(tmp_path):
    yy, xx = np.mgrid[:32, :32] / 32
    wave = 0.5 + 0.3 * np.sin(2 * np.pi * (xx + 2 * yy))
    pixels = np.stack([wave, wave * 0.5, 1 - wave, np.maximum(0, xx - 0.5)], axis=2).astype(np.float32)
    texture = Texture(pixels, "srgb")
    assert continues_under_alpha(texture)
    large = upscale(texture, scale=2, method="bicubic", wrap="none").color
    assert np.abs(large.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3)) - pixels[..., :3]).max() < 0.03


def test_hard_cut_outs_have_no_rim_and_keep_what_they_hide():
    pixels = np.zeros((16, 16, 4), np.float32)
    pixels[4:12, 4:12] = (0.2, 0.6, 0.1, 1)
    large = upscale(Texture(pixels, "srgb"), scale=2, method="bicubic", wrap="none").pixels
    seen = large[..., 3] > 0.01
    assert np.abs(large[seen][:, :3] - pixels[8, 8, :3]).max() < 0.01
    assert np.abs(large[large[..., 3] == 0][:, :3]).max() == 0


# Color management.


def test_chromaticities_are_kept_in_exr_and_converted_elsewhere(tmp_path):
    pixels = np.full((4, 4, 3), (0.5, 0.2, 0.1), np.float32)
    texture = read_texture(store(tmp_path / "a.exr", pixels, chromaticities=ACESCG))
    write_texture(texture, tmp_path / "b.exr")
    assert np.allclose(stored(tmp_path / "b.exr")[1].getattribute("chromaticities"), ACESCG)
    np.testing.assert_allclose(stored(tmp_path / "b.exr")[0], pixels, atol=1e-6)
    rec709 = rec709_texture(texture)
    assert "ACEScg" in rec709.notes[-1]
    np.testing.assert_allclose(rec709.pixels[0, 0], [0.7199, 0.1620, 0.0775], atol=2e-3)
    write_texture(texture, tmp_path / "c.png", depth="uint16")
    np.testing.assert_allclose(stored(tmp_path / "c.png")[0], srgb_from_linear(rec709.pixels), atol=1e-4)


def test_linear_png_stays_linear_and_says_so(tmp_path):
    values = (random(8, 8, 3) * 65535).astype(np.uint16)
    file = with_chunk(store(tmp_path / "a.png", values, oiio.UINT16), b"gAMA", struct.pack(">I", 100000))
    texture = read_texture(file)
    assert texture.encoding == "linear"
    write_texture(texture, tmp_path / "b.png")
    assert np.array_equal(read_texture(tmp_path / "b.png").pixels, texture.pixels)
    assert read_texture(tmp_path / "b.png").encoding == "linear"
    write_texture(texture, tmp_path / "c.tif")
    np.testing.assert_allclose(linear_from_srgb(read_texture(tmp_path / "c.tif").pixels), texture.pixels, atol=1e-4)


def test_another_gamma_is_converted_and_named(tmp_path):
    values = np.full((4, 4, 3), 128, np.uint8)
    file = with_chunk(store(tmp_path / "a.png", values, oiio.UINT8), b"gAMA", struct.pack(">I", 55556))
    made = upscale_file(file, tmp_path / "b.png", QUICK)
    assert any("converted from gamma 1.8" in note for note in made.notes)
    expected = srgb_from_linear(np.float32(128 / 255) ** np.float32(1.8))
    np.testing.assert_allclose(stored(tmp_path / "b.png")[0], expected, atol=1.5 / 255)


def test_colorspace_is_converted_for_png(tmp_path):
    file = store(tmp_path / "a.exr", np.full((4, 4, 3), 0.18, np.float32))
    texture = read_texture(file, colorspace="ACEScg")
    write_texture(texture, tmp_path / "b.png")
    np.testing.assert_allclose(stored(tmp_path / "b.png")[0], srgb_from_linear(np.float32(0.18)), atol=1.5 / 255)


# Numbers.


def test_heights_below_zero_are_kept_or_refused(tmp_path):
    heights = np.array([[[-1200], [300]], [[5], [7000]]], np.int16)
    texture = read_texture(store(tmp_path / "a.tif", heights, oiio.INT16))
    write_texture(texture, tmp_path / "b.tif")
    image = oiio.ImageInput.open(str(tmp_path / "b.tif"))
    assert str(image.spec().format) == "int16"
    assert np.array_equal(np.asarray(image.read_image(oiio.INT16)).reshape(heights.shape), heights)
    with pytest.raises(MatshotError, match="below 0"):
        write_texture(texture, tmp_path / "b.png")


def test_sixteen_bits_become_floats(tmp_path):
    ramp = np.linspace(0, 65535, 4096).astype(np.uint16).reshape(64, 64, 1)
    texture = read_texture(store(tmp_path / "a.png", ramp, oiio.UINT16), encoding="data")
    write_texture(texture, tmp_path / "b.exr")
    values, spec = stored(tmp_path / "b.exr")
    assert str(spec.format) == "float"
    assert len(np.unique(values)) == 4096


def test_heights_have_one_shape_in_any_unit(tmp_path):
    surface = random(16, 16, 1)
    options = {"scale": 2, "wrap": "none", "threads": 1, "device": "cpu"}
    shapes = []
    for number, (scale, offset) in enumerate(((1, 0), (900, 0), (900, -300))):
        file = store(tmp_path / f"{number}.tif", surface * np.float32(scale) + np.float32(offset))
        large = upscale(read_texture(file, encoding="data"), **options).pixels
        shapes.append((large - offset) / scale)
    assert np.abs(shapes[1] - shapes[0]).max() < 1e-3
    assert np.abs(shapes[2] - shapes[0]).max() < 1e-3


@pytest.mark.parametrize("side", [1, 2])
def test_tiny_images_are_exact(side):
    pixels = random(side, side, 3)
    large = upscale(Texture(pixels, "srgb"), scale=4, threads=1, device="cpu").pixels
    assert np.array_equal(large[::4, ::4], pixels)


def test_windows_grow_with_the_pixels(tmp_path):
    window = {"x": 16, "y": 8, "full_x": 0, "full_y": 0, "full_width": 64, "full_height": 48}
    file = store(tmp_path / "a.exr", random(8, 8, 3), **window)
    upscale_file(file, tmp_path / "b.exr", QUICK)
    spec = stored(tmp_path / "b.exr")[1]
    assert (spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height) == (32, 16, 0, 0, 128, 96)
    assert any("window" in note for note in upscale_file(file, tmp_path / "b.png", QUICK).notes)


def test_bright_pictures_keep_their_energy_and_panoramas_wrap_on_x(tmp_path):
    sky = np.full((16, 32, 3), 0.2, np.float32) + 0.1 * random(16, 1, 1)
    sky[4, 8] = 500
    file = store(tmp_path / "sky.hdr", sky)
    made = upscale_file(file, tmp_path / "out.hdr", UpscaleOptions(scale=2, method="bicubic", threads=1))
    assert made.wrap == "x"
    before, after = stored(file)[0], stored(tmp_path / "out.hdr")[0]
    np.testing.assert_allclose(after.mean(axis=(0, 1)), before.mean(axis=(0, 1)), rtol=0.01)


def test_a_pipe_is_not_opened(tmp_path):
    import os

    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes in the file system")
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(MatshotError, match="pipe"):
        read_texture(tmp_path / "a.png")


def test_a_damaged_profile_of_a_png_is_named(tmp_path):
    plain = write_texture(Texture(random(8, 8, 3)), tmp_path / "plain.png", depth="uint8")
    data = plain.read_bytes()
    bad = b"display\0\0" + zlib.compress(b"x" * 200)
    chunk = struct.pack(">I", len(bad)) + b"iCCP" + bad + struct.pack(">I", zlib.crc32(b"iCCP" + bad))
    (tmp_path / "bad.png").write_bytes(data[:33] + chunk + data[33:])
    assert any("ICC profile is damaged" in note for note in read_texture(tmp_path / "bad.png").notes)
    assert read_texture(plain).notes == ()


def test_integers_with_a_sign_are_called_so(tmp_path):
    file = store(tmp_path / "height.tif", random(8, 8, 1) - 0.5, oiio.INT16)
    assert "stored as float; height.tif is int16" in storage_notes(read_texture(file), tmp_path / "a.exr", "float")
