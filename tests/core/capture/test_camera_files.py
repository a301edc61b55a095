"""HEIC and raw photographs, written here and read as the capture tools read them."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import IFDRational

from matshot.capture.photograph import read_photograph
from matshot.errors import MatshotError
from matshot.image.color import linear_from_srgb

FOCAL, FILM, EXIF_IFD = 0x920A, 0xA405, 0x8769


def picture(width: int = 128, height: int = 96) -> np.ndarray:
    """A smooth picture without symmetry, 8 bits."""
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(columns / 17), np.cos(rows / 13), np.sin((rows + 2 * columns) / 29)]
    return np.stack([(110 + 70 * wave * rows / height).astype(np.uint8) for wave in waves], axis=2)


def exif(orientation: int = 1) -> bytes:
    facts = Image.Exif()
    facts[0x0112] = orientation
    inside = facts.get_ifd(EXIF_IFD)
    inside[FILM] = 26
    inside[0x829A], inside[0x829D], inside[0x8827] = IFDRational(1, 100), IFDRational(9, 5), 100
    return facts.tobytes()


def heic(path: Path, pixels: np.ndarray, **more: object) -> Path:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(str(path), quality=95, **more)
    return path


def test_a_heic_photograph_is_read_with_its_lens_and_exposure(tmp_path: Path) -> None:
    shot = read_photograph(heic(tmp_path / "IMG_1.HEIC", picture(), exif=exif()))
    wanted = linear_from_srgb(picture().astype(np.float32) / 255)
    assert shot.size == (128, 96)
    assert np.abs(shot.pixels - wanted).mean() < 0.01
    assert shot.fov_source == "exif"
    assert shot.fov == pytest.approx(2 * np.degrees(np.arctan(18 / 26)))
    assert shot.exposure == pytest.approx(0.01 * 100 / 1.8**2)
    assert shot.name == "IMG_1.HEIC"


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_heic_photograph_comes_upright_once(tmp_path: Path, orientation: int) -> None:
    turns = {1: 0, 3: 2, 6: 1, 8: 3}[orientation]
    file = heic(tmp_path / "turned.heic", np.ascontiguousarray(np.rot90(picture(), turns)), exif=exif(orientation))
    shot = read_photograph(file)
    wanted = linear_from_srgb(picture().astype(np.float32) / 255)
    assert shot.size == (128, 96)
    assert np.abs(shot.pixels - wanted).mean() < 0.01


def test_what_is_no_heic_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pillow_heif")
    (tmp_path / "bad.heic").write_bytes(b"nothing")
    with pytest.raises(MatshotError, match=r"bad\.heic is damaged, or not a HEIC photograph\."):
        read_photograph(tmp_path / "bad.heic")
    with pytest.raises(MatshotError, match="does not exist"):
        read_photograph(tmp_path / "none.heic")


@pytest.mark.parametrize(
    ("name", "package", "sentence"),
    [
        ("a.heic", "pillow_heif", r"pip install 'matshot\[photos\]', or export it as JPEG \(iPhone"),
        ("a.dng", "rawpy", r"pip install 'matshot\[photos\]', or export it as a TIFF\."),
    ],
)
def test_without_the_package_one_sentence_says_how_to_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str, sentence: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(MatshotError, match=sentence):
        read_photograph(tmp_path / name)


def dng(path: Path, light: np.ndarray, orientation: int = 1) -> Path:
    """A linear picture as the plainest DNG: one strip of an RGGB mosaic of 16 bits, with an sRGB camera."""
    height, width = light.shape[:2]
    mosaic = np.empty((height, width), "<u2")
    for (row, column), channel in {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}.items():
        mosaic[row::2, column::2] = (light[row::2, column::2, channel] * 65535).astype("<u2")
    # XYZ (D65) to the camera, which sees sRGB: the inverse of sRGB's own matrix.
    matrix = np.linalg.inv([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    fractions = [int(part) for value in matrix.ravel() for part in (round(value * 10000), 10000)]
    short, long, text, byte, srational, rational, ifd = 3, 4, 2, 1, 10, 5, 13
    lens = [(FILM, short, [26])]
    tags = [
        (254, long, [0]), (256, long, [width]), (257, long, [height]), (258, short, [16]), (259, short, [1]),
        (262, short, [32803]), (271, text, b"Matshot\0"), (272, text, b"Test\0"), (273, long, ["pixels"]),
        (274, short, [orientation]), (277, short, [1]), (278, long, [height]), (279, long, [mosaic.nbytes]),
        (33421, short, [2, 2]), (33422, byte, bytes([0, 1, 1, 2])), (34665, ifd, ["exif"]),
        (50706, byte, bytes([1, 4, 0, 0])), (50707, byte, bytes([1, 1, 0, 0])), (50708, text, b"Matshot Test\0"),
        (50714, short, [0]), (50717, long, [65535]), (50721, srational, fractions),
        (50728, rational, [1, 1, 1, 1, 1, 1]), (50778, short, [21]),
    ]  # fmt: skip
    size = {byte: "B", text: "B", short: "H", long: "I", ifd: "I", srational: "i", rational: "I"}
    exif_place = 8 + 2 + 12 * len(tags) + 4
    beyond = exif_place + 2 + 12 * len(lens) + 4

    def entries(listed: list, tail: bytearray, known: dict) -> bytes:
        written = struct.pack("<H", len(listed))
        for tag, kind, values in listed:
            numbers = [known.get(one, one) for one in values]
            data = struct.pack(f"<{len(numbers)}{size[kind]}", *numbers)
            count = len(numbers) // 2 if kind in (srational, rational) else len(numbers)
            if len(data) > 4:
                place = beyond + len(tail)
                tail += data + b"\0" * (len(data) % 2)
                data = struct.pack("<I", place)
            written += struct.pack("<HHI", tag, kind, count) + data.ljust(4, b"\0")
        return written + b"\0\0\0\0"

    known = {"exif": exif_place, "pixels": 0}
    tail = bytearray()
    entries(tags, tail, known)
    known["pixels"] = beyond + len(tail)
    tail = bytearray()
    main, inner = entries(tags, tail, known), entries(lens, bytearray(), known)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + main + inner + bytes(tail) + mosaic.tobytes())
    return path


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_raw_photograph_is_linear_light_with_its_lens(tmp_path: Path, orientation: int) -> None:
    pytest.importorskip("rawpy")
    light = linear_from_srgb(picture().astype(np.float32) / 255)
    stored = np.ascontiguousarray(np.rot90(light, 1 if orientation == 6 else 0))
    shot = read_photograph(dng(tmp_path / "IMG.dng", stored, orientation))
    assert shot.size == (128, 96)
    inside = (slice(8, -8), slice(8, -8))
    gain = shot.pixels[inside].mean(axis=(0, 1)) / light[inside].mean(axis=(0, 1))
    assert gain == pytest.approx(1, abs=0.1)
    assert np.abs(shot.pixels[inside] - light[inside]).mean() < 0.02
    assert shot.fov == pytest.approx(2 * np.degrees(np.arctan(18 / 26)))


def test_a_damaged_raw_photograph_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    (tmp_path / "bad.dng").write_bytes(b"II*\0nothing")
    with pytest.raises(MatshotError, match=r"bad\.dng is damaged"):
        read_photograph(tmp_path / "bad.dng")


def test_a_heic_photograph_keeps_its_profile(tmp_path: Path) -> None:
    from matshot.capture.camera_files import camera_texture

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    texture = camera_texture(heic(tmp_path / "p.heic", picture(), icc_profile=profile))
    assert texture.source is not None
    assert texture.source.attributes is not None
    assert bytes(np.asarray(texture.source.attributes.getattribute("ICCProfile"), np.uint8)) == profile
