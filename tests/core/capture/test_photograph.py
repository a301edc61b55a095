"""Photographs as they come from cameras: linear light, exposure and field of view, or one clear refusal."""

from __future__ import annotations

import math
import struct

import numpy as np
import OpenImageIO as oiio
import pytest

from matshot.capture.photograph import DEFAULT_FOV, read_photograph, resized
from matshot.errors import MatshotError
from matshot.image.color import linear_from_srgb, srgb_from_linear
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.shading.procedural import brick_wall

PHONE = {
    "ExposureTime": 0.02,
    "FNumber": 2.0,
    "Exif:PhotographicSensitivity": 200,
    "Exif:FocalLengthIn35mmFilm": 26,
    "Exif:Flash": 25,
}


def wall(size=128):
    """Display-encoded, ``size x size x 3``."""
    return brick_wall(size)["basecolor"].pixels


def saved(path, pixels, kind=oiio.UINT8, **attributes):
    """Write values of ``H x W x C`` as they are, with EXIF, past Matshot's own writer."""
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    for name, value in attributes.items():
        spec.attribute(name, value)
    if path.suffix == ".jpg":
        spec.attribute("compression", "jpeg:97")
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels, dtype=np.float32))
    output.close()
    return path


@pytest.mark.parametrize(("suffix", "kind", "error"), [(".png", oiio.UINT8, 4e-3), (".tif", oiio.UINT16, 2e-5)])
def test_integer_files_are_decoded_to_linear_light(tmp_path, suffix, kind, error):
    photograph = read_photograph(saved(tmp_path / f"a{suffix}", wall(), kind))
    assert photograph.pixels.dtype == np.float32
    np.testing.assert_allclose(photograph.pixels, linear_from_srgb(wall()), atol=error)


def test_a_float_file_is_linear_already_and_has_no_end(tmp_path):
    light = linear_from_srgb(wall()) * 30
    photograph = read_photograph(saved(tmp_path / "a.exr", light, oiio.FLOAT))
    np.testing.assert_array_equal(photograph.pixels, light)
    assert not photograph.saturated.any()


def test_a_dim_float_file_is_not_black(tmp_path):
    light = linear_from_srgb(wall()) * 1e-4
    assert read_photograph(saved(tmp_path / "a.exr", light, oiio.FLOAT)).pixels.max() == light.max()


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_gray_becomes_three_channels_and_alpha_goes(tmp_path, channels):
    color = wall()[..., : 3 if channels == 4 else 1]
    alpha = np.full((*color.shape[:2], 1), 0.5, dtype=np.float32)
    texture = Texture(np.concatenate([color, alpha], axis=2) if channels != 1 else color)
    photograph = read_photograph(write_texture(texture, tmp_path / "a.png"))
    assert photograph.pixels.shape == (128, 128, 3)
    np.testing.assert_allclose(photograph.pixels[..., 0], linear_from_srgb(color[..., 0]), atol=4e-3)


def test_a_turned_photograph_comes_upright(tmp_path):
    lying = wall()[:96]
    # Orientation 6: turn a quarter clockwise to see it upright.
    photograph = read_photograph(saved(tmp_path / "a.jpg", lying, Orientation=6))
    assert photograph.size == (96, 128)
    np.testing.assert_allclose(srgb_from_linear(photograph.pixels), np.rot90(lying, -1), atol=0.15)


def test_exposure_and_field_of_view_come_from_exif(tmp_path):
    photograph = read_photograph(saved(tmp_path / "a.jpg", wall()[:96], **PHONE))
    # OpenImageIO rounds the fractions that EXIF holds.
    assert photograph.exposure == pytest.approx(0.02 * 200 / 4, rel=1e-3)
    assert photograph.fov == pytest.approx(math.degrees(2 * math.atan(36 / 52)))
    assert photograph.fov_source == "exif"
    assert photograph.flash_fired is True
    assert not photograph.notes


def tiff_of_a_raw_developer(path):
    """16-bit gray, 64 x 64, with an EXIF directory as other programs write it: 1/50 s, f/2, and ISO 200 as a list."""
    samples = np.linspace(0, 60000, 64 * 64).astype("<u2").tobytes()
    start = 8 + len(samples)
    exif = start + 2 + 9 * 12 + 4
    fractions = exif + 2 + 3 * 12 + 4
    main = [(256, 3, 1, 64), (257, 3, 1, 64), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8)]
    main += [(278, 3, 1, 64), (279, 4, 1, len(samples)), (34665, 4, 1, exif)]
    lens = [(33434, 5, 1, fractions), (33437, 5, 1, fractions + 8), (34855, 3, 1, 200)]
    data = b"II*\0" + struct.pack("<I", start) + samples
    for entries in (main, lens):
        data += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    path.write_bytes(data + struct.pack("<4I", 1, 50, 2, 1))
    return path


def test_exposure_comes_from_tiff_too(tmp_path):
    photograph = read_photograph(tiff_of_a_raw_developer(tmp_path / "a.tif"))
    assert photograph.exposure == pytest.approx(200 / 50 / 4)
    assert photograph.size == (64, 64)


def test_the_sensor_gives_the_field_of_view_without_an_equivalent_focal_length(tmp_path):
    # 128 pixels at 20 per millimeter: 6.4 mm wide behind 4 mm.
    lens = {
        "Exif:FocalLength": 4.0,
        "Exif:FocalPlaneXResolution": 200.0,
        "Exif:FocalPlaneYResolution": 200.0,
        "Exif:FocalPlaneResolutionUnit": 3,
    }
    photograph = read_photograph(saved(tmp_path / "a.jpg", wall()[:96], **lens))
    assert photograph.fov == pytest.approx(math.degrees(2 * math.atan(6.4 / 8)), rel=1e-3)
    assert photograph.fov_source == "exif"


def test_a_given_field_of_view_comes_first(tmp_path):
    photograph = read_photograph(saved(tmp_path / "a.jpg", wall(), **PHONE), fov=50)
    assert (photograph.fov, photograph.fov_source) == (50, "given")


@pytest.mark.parametrize(
    ("attributes", "said"),
    [({}, "has no EXIF"), ({"Exif:Flash": 0}, "says nothing"), ({"Exif:FocalLengthIn35mmFilm": 0}, "")],
)
def test_what_exif_does_not_say_is_assumed_and_said(tmp_path, attributes, said):
    photograph = read_photograph(saved(tmp_path / "a.jpg", wall(), **attributes))
    assert (photograph.fov, photograph.fov_source) == (DEFAULT_FOV, "assumed")
    assert photograph.exposure is None
    assert said in photograph.notes[0]
    assert "field of view" in photograph.notes[0]


def test_pixels_over_exposure_are_comparable(tmp_path):
    light = linear_from_srgb(wall()) * 0.5
    bright = saved(tmp_path / "a.png", srgb_from_linear(light), **PHONE)
    dim = saved(tmp_path / "b.png", srgb_from_linear(light / 4), **(PHONE | {"ExposureTime": 0.005}))
    one, other = read_photograph(bright), read_photograph(dim)
    np.testing.assert_allclose(one.pixels / one.exposure, other.pixels / other.exposure, atol=0.02)


def test_over_exposure_is_marked_with_its_neighbors(tmp_path):
    pixels = wall() * 0.8
    pixels[40, 50, 1] = 1
    saturated = read_photograph(saved(tmp_path / "a.png", pixels)).saturated
    expected = np.zeros((128, 128), dtype=bool)
    expected[39:42, 49:52] = True
    np.testing.assert_array_equal(saturated, expected)


def test_a_large_photograph_shrinks_without_losing_light(tmp_path):
    pixels = wall(256)[:192].copy()
    pixels[100, 100] = 1
    photograph = read_photograph(saved(tmp_path / "a.png", pixels), largest=128)
    assert photograph.size == (128, 96)
    assert photograph.pixels.mean() == pytest.approx(linear_from_srgb(pixels).mean(), rel=2e-3)
    assert photograph.saturated[50, 50]
    assert "256 x 192" in photograph.notes[0]


def test_enlarged_light_is_never_less_than_none():
    """Bicubic weights undershoot beside a highlight, and such light has no logarithm."""
    light = np.zeros((64, 64, 3), np.float32)
    light[20:40, 20:40] = 1
    larger = resized(light, (97, 97))
    assert larger.min() == 0
    assert larger.max() == 1


@pytest.mark.parametrize(
    ("name", "pixels", "said"),
    [
        ("black.png", np.zeros((128, 128, 3)), "black"),
        ("noise.png", np.random.default_rng(0).uniform(0, 0.02, (128, 128, 3)), "black"),
        ("black.exr", np.zeros((128, 128, 3)), "black"),
        ("white.png", np.ones((128, 128, 3)), "over-exposed in 100%"),
        ("gray.png", np.full((128, 128, 3), 0.5), "same everywhere"),
        ("gray.exr", np.full((128, 128, 3), 1e-4), "same everywhere"),
        ("small.png", np.random.default_rng(0).random((200, 63, 3)), "63 x 200"),
    ],
)
def test_a_photograph_of_nothing_is_refused(tmp_path, name, pixels, said):
    path = saved(tmp_path / name, pixels, oiio.FLOAT if name.endswith("exr") else oiio.UINT8)
    with pytest.raises(MatshotError, match=said) as refusal:
        read_photograph(path)
    assert name in refusal.value.sentence


def test_a_half_over_exposed_photograph_is_refused(tmp_path):
    pixels = wall() * 0.8
    pixels[:64] = 1
    with pytest.raises(MatshotError, match="over-exposed in 50%"):
        read_photograph(saved(tmp_path / "a.png", pixels))


@pytest.mark.parametrize("fov", [0, -3, 180, float("nan")])
def test_an_impossible_field_of_view_is_refused(tmp_path, fov):
    with pytest.raises(MatshotError, match="field of view"):
        read_photograph(saved(tmp_path / "a.png", wall()), fov=fov)
