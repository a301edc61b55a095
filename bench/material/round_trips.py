"""Tables of what each format keeps: one image of every depth, number of channels and profile, stored and read again.

    python -m bench.material.round_trips [--write]

``--write`` puts the tables into ``docs/round-trips.md``, between its markers.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image, ImageCms

from bench.report import ROOT
from matshot.errors import MatshotError
from matshot.image.color import linear_from_srgb, srgb_from_linear
from matshot.image.formats import WRITABLE, stored_depth
from matshot.image.profiles import ColorProfile, chromaticity_profile, icc_profile
from matshot.image.reader import read_texture
from matshot.image.rec709 import rec709_texture
from matshot.image.types import Depth, FileSource, Texture
from matshot.image.writer import storage_notes, write_texture

TARGET = ROOT / "docs" / "round-trips.md"

#: Between these lines the tables stand.
MARKERS = ("<!-- round trips: begin -->", "<!-- round trips: end -->")

#: Formats, one for each pair of suffixes.
FORMATS = tuple(suffix for suffix in WRITABLE if suffix not in (".jpeg", ".tiff"))

#: What images are called by their channels.
CHANNELS = {1: "gray", 2: "gray, alpha", 3: "RGB", 4: "RGB, alpha"}

#: Largest difference, of values in [0, 1], at which a result counts as exact: single precision.
EXACT = 1e-6


def image(channels: int, depth: Depth, profile: ColorProfile | None = None) -> Texture:
    """Random colors that a depth holds exactly; half of what has alpha is transparent."""
    pixels = np.random.default_rng(4).random((16, 16, channels), dtype=np.float32)
    top = {"uint8": 255, "uint16": 65535}.get(depth)
    pixels = np.rint(pixels * top) / top if top else pixels.astype(np.float16 if depth == "half" else np.float32)
    pixels = pixels.astype(np.float32)
    if channels in (2, 4):
        pixels[..., -1] = np.round(pixels[..., -1])
        pixels[pixels[..., -1] == 0] = 0
    encoding = "srgb" if top else "linear"
    return Texture(pixels, encoding, source=FileSource(Path("in.png"), depth, profile=profile))  # type: ignore[arg-type]


def kept(texture: Texture, target: Path, wanted: Texture | None = None) -> str:
    """What a format makes of an image, in a word or two."""
    assert texture.source is not None
    try:
        depth = stored_depth(target, texture.source.depth)
        notes = storage_notes(texture, target, depth)
        write_texture(texture, target)
        again = read_texture(target)
    except MatshotError:
        return "refused"
    assert again.source is not None
    wanted = texture if wanted is None else wanted
    if again.encoding != wanted.encoding:
        change = linear_from_srgb if again.encoding == "linear" else srgb_from_linear
        color = change(wanted.color)
        alpha = wanted.pixels[..., wanted.color.shape[2] :]
        wanted = replace(wanted, pixels=np.concatenate([color, alpha], axis=2), encoding=again.encoding)
    pixels = again.pixels
    if pixels.shape[2] > wanted.pixels.shape[2]:
        pixels = pixels[..., [0, -1][: wanted.pixels.shape[2]]]
    off = float(np.abs(pixels - wanted.pixels.clip(*((0, 1) if again.encoding == "srgb" else (None, None)))).max())
    word = "exact" if off < EXACT else f"within {off:.1g}"
    stored = "" if again.source.depth == texture.source.depth else f"{again.source.depth}, "
    return stored + word + (" (said)" if notes else "")


def depth_table(folder: Path) -> Iterator[str]:
    """Format by depth and channels."""
    cases = [(depth, channels) for depth in get_args(Depth) for channels in CHANNELS]
    yield "| Image | " + " | ".join(one[1:].upper() for one in FORMATS) + " |"
    yield "|---|" + "---|" * len(FORMATS)
    for depth, channels in cases:
        cells = [kept(image(channels, depth), folder / f"a{suffix}") for suffix in FORMATS]
        yield f"| {depth}, {CHANNELS[channels]} | " + " | ".join(cells) + " |"


def profile_table(folder: Path) -> Iterator[str]:
    """Format by profile: files are written with one, read, stored, and compared as light."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    rows = {"sRGB (ICC)": srgb, "Rec. 709 with another curve (ICC)": with_gamma(srgb, 1.8)}
    yield "| Profile | " + " | ".join(one[1:].upper() for one in FORMATS) + " |"
    yield "|---|" + "---|" * len(FORMATS)
    for name, icc in rows.items():
        source = folder / "profiled.png"
        whole = np.rint(image(3, "uint8").pixels * 255).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(whole).save(stream, "PNG", icc_profile=icc)
        source.write_bytes(stream.getvalue())
        yield f"| {name} | " + " | ".join(light(read_texture(source), folder / f"p{s}") for s in FORMATS) + " |"
    acescg = chromaticity_profile((0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767))
    texture = image(3, "float", acescg)
    cells = []
    for suffix in FORMATS:
        carried = " as Rec. 709" if suffix != ".exr" else ", chromaticities kept"
        cells.append(
            kept(texture, folder / f"c{suffix}", rec709_texture(texture) if suffix != ".exr" else None) + carried
        )
    yield "| ACEScg (EXR chromaticities) | " + " | ".join(cells) + " |"


def with_gamma(icc: bytes, gamma: float) -> bytes:
    """An ICC profile whose curves are powers."""
    data = bytearray(icc)
    count = int.from_bytes(data[128:132], "big")
    for index in range(count):
        entry = 132 + 12 * index
        if bytes(data[entry : entry + 4]) in (b"rTRC", b"gTRC", b"bTRC"):
            start = int.from_bytes(data[entry + 4 : entry + 8], "big")
            curve = b"para" + bytes(6) + b"\0\0" + round(gamma * 65536).to_bytes(4, "big")
            data[start : start + len(curve)] = curve
    assert not icc_profile(bytes(data)).is_srgb
    return bytes(data)


def light(texture: Texture, target: Path) -> str:
    """Whether colors mean the same after they were stored, and by what."""
    write_texture(texture, target)
    again = read_texture(target)
    assert again.source is not None
    meant = [
        linear_from_srgb(one.pixels) if one.encoding == "srgb" else one.pixels
        for one in (rec709_texture(texture), rec709_texture(again))
    ]
    off = float(np.abs(meant[0] - meant[1]).max())
    how = "profile kept" if again.source.profile is not None or texture.source.profile is None else "converted"
    return f"{how}, {'exact' if off < 1e-5 else f'within {off:.1g}'}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="into docs/round-trips.md")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        text = "\n".join([*depth_table(folder), "", *profile_table(folder)])
    if not options.write:
        print(text)
        return 0
    before, _, rest = TARGET.read_text(encoding="utf-8").partition(MARKERS[0])
    after = rest.partition(MARKERS[1])[2]
    TARGET.write_text(f"{before}{MARKERS[0]}\n\n{text}\n\n{MARKERS[1]}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
