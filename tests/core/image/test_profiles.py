"""Color profiles, compared with LittleCMS and with published values."""

from __future__ import annotations

import contextlib
import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from matshot.errors import MatshotError
from matshot.image.color import linear_from_srgb, srgb_from_linear
from matshot.image.profiles import (
    chromaticity_profile,
    gamma_profile,
    icc_profile,
    linear_from_profile,
)

#: Colorants, adapted to D50, of Display P3 and Adobe RGB (1998).
P3 = ((0.515121, 0.241196, -0.001053), (0.291977, 0.692245, 0.041885), (0.157104, 0.066574, 0.784073))
ADOBE = ((0.609741, 0.311111, 0.019470), (0.205276, 0.625671, 0.060867), (0.149185, 0.063217, 0.744568))

CURVES = ("gamma", "sRGB", "table", "offset")

SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def para(*values: float) -> bytes:
    kind = {1: 0, 3: 1, 4: 2, 5: 3, 7: 4}[len(values)]
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + b"".join(map(fixed, values))


def table(values: np.ndarray) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">I", len(values)) + np.rint(values * 65535).astype(">u2").tobytes()


def profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile, version 2.4, of the class of monitors."""
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"Test\0" + bytes(78),
        b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642) + fixed(1) + fixed(0.8249),
        b"cprt": b"text\0\0\0\0none\0",
        **tags,
    }
    start = 132 + 12 * len(tags)
    listing, data = b"", b""
    for key, tag in tags.items():
        tag += bytes(-len(tag) % 4)
        listing += key + struct.pack(">II", start + len(data), len(tag))
        data += tag
    size = start + len(data)
    header = struct.pack(">I4s4s4s4s4s", size, b"lcms", b"\x02\x40\0\0", b"mntr", space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642) + fixed(1) + fixed(0.8249)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + listing + data


def rgb_profile(colorants: tuple[tuple[float, ...], ...], curve: bytes) -> bytes:
    tags = {
        key: b"XYZ \0\0\0\0" + b"".join(map(fixed, one))
        for key, one in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)
    }
    return profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def gray_profile(curve: bytes) -> bytes:
    return profile(b"GRAY", {b"kTRC": curve})


def by_littlecms(values: np.ndarray, icc: bytes, mode: str) -> np.ndarray:
    image = Image.fromarray(values if mode == "RGB" else values[..., 0])
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    return np.asarray(ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), 1, "RGB"), dtype=int)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(17)


def curve_tag(name: str) -> bytes:
    if name == "table":
        return table(np.linspace(0, 1, 64) ** 1.8)
    return para(*{"gamma": (2.2,), "sRGB": SRGB_CURVE, "offset": (2.0, 0.9, 0.1)}[name])


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("colorants", [P3, ADOBE], ids=["P3", "Adobe"])
def test_profiles_of_primaries_agree_with_littlecms(rng, colorants, curve):
    icc = rgb_profile(colorants, curve_tag(curve))
    values = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    ours = srgb_from_linear(linear_from_profile(values.astype(np.float32) / 255, icc)).clip(0, 1) * 255
    assert np.abs(ours - by_littlecms(values, icc, "RGB")).max() <= 1.6


def test_display_p3_has_the_published_numbers():
    color = np.array([[[145, 65, 31]]], dtype=np.float32) / 255
    linear = linear_from_profile(color, rgb_profile(P3, para(*SRGB_CURVE)))
    np.testing.assert_allclose(np.rint(srgb_from_linear(linear) * 255)[0, 0], [157, 58, 15], atol=1)


def test_gray_with_dot_gain_agrees_with_littlecms():
    # LittleCMS samples gray sparsely, which shows where a curve is steep near black.
    icc = gray_profile(table(np.linspace(0, 1, 256) ** 1.9))
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    ours = srgb_from_linear(linear_from_profile(values.astype(np.float32) / 255, icc)) * 255
    assert np.abs(ours - by_littlecms(values, icc, "L")[..., :1]).max() <= 1.6


def test_only_srgb_is_srgb():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert icc_profile(srgb).is_srgb
    assert not icc_profile(rgb_profile(P3, para(*SRGB_CURVE))).is_srgb
    assert not gamma_profile(1.0).is_srgb
    assert gamma_profile(1.0).is_linear_rec709


def test_gray_under_a_profile_for_colors_stays_gray(rng):
    gray = rng.random((8, 8, 1), dtype=np.float32)
    linear = linear_from_profile(gray, rgb_profile(P3, para(*SRGB_CURVE)))
    np.testing.assert_allclose(linear, linear_from_srgb(gray), atol=2e-3)


def test_acescg_becomes_rec709():
    acescg = chromaticity_profile((0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767))
    assert acescg is not None
    assert acescg.name == "ACEScg (AP1)"
    matrix = [[1.70505, -0.62179, -0.08326], [-0.13026, 1.14080, -0.01055], [-0.02400, -0.12897, 1.15297]]
    np.testing.assert_allclose(acescg.matrix, matrix, atol=2e-3)


@pytest.mark.parametrize("impossible", [(0,) * 8, (0.3, 0.3) * 4, (np.nan,) * 8, (1.0,) * 7])
def test_impossible_chromaticities_are_none(impossible):
    assert chromaticity_profile(impossible) is None


def test_damaged_profiles_are_refused(rng):
    icc = rgb_profile(P3, para(*SRGB_CURVE))
    for end in (0, 100, 140, 300, len(icc) - 20):
        with pytest.raises(MatshotError, match="damaged"):
            linear_from_profile(np.zeros((1, 1, 3), np.float32), icc[:end])
    for _ in range(100):
        broken = bytearray(icc)
        for place in rng.integers(0, len(icc), 8):
            broken[place] = rng.integers(0, 256)
        with contextlib.suppress(MatshotError):
            linear_from_profile(np.full((2, 2, 3), 0.5, np.float32), bytes(broken))


def test_profiles_for_print_are_refused():
    with pytest.raises(MatshotError, match="CMYK"):
        icc_profile(profile(b"CMYK", {}))
