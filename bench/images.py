"""The images that the benchmarks look at: files, and textures made from numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from bench.measures import Image


def read_image(path: Path) -> Image:
    """Pixels of a file as stored, ``H x W x C`` float64 in [0, 1]; grey files have one channel.

    Raises:
        OSError: when it cannot be read.
    """
    pixels = oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT)
    if pixels is None or not pixels.size:
        raise OSError(f"{path} cannot be read")
    return pixels.astype(np.float64)


def write_image(path: Path, pixels: Image, depth: oiio.BASETYPE = oiio.UINT8) -> None:
    """Store ``H x W x C`` as it is.

    Raises:
        OSError: when it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not oiio.ImageBuf(np.ascontiguousarray(pixels, dtype=np.float32)).write(str(path), depth):
        raise OSError(f"{path} cannot be written: {oiio.geterror()}")


def material_maps(data: Path, kind: str, limit: int | None = None) -> list[tuple[str, Path]]:
    """Names and files of one kind of map of the validation materials, in order of name.

    Raises:
        SystemExit: when there are none.
    """
    found = [(path.parent.name, path) for path in sorted((data / "materials" / "val").glob(f"*/{kind}.*"))]
    if not found:
        raise SystemExit(f"there is no materials/val/<Name>/{kind}.* in {data}")
    return found[:limit]


def as_rgb(image: Image) -> Image:
    """Grey repeated in three channels; alpha dropped."""
    return np.repeat(image[..., :1], 3, axis=2) if image.shape[2] < 3 else image[..., :3]


def fractal_noise(height: int, width: int, channels: int, seed: int, slope: float = 1.3) -> Image:
    """Periodic noise whose amplitude falls with frequency, about as in photographs: mean 0.5, deviation 0.17."""
    generator = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf
    planes = []
    for _ in range(channels):
        white = np.fft.rfft2(generator.standard_normal((height, width)))
        plane = np.fft.irfft2(white / frequency**slope, s=(height, width))
        planes.append(0.5 + 0.17 * (plane - plane.mean()) / plane.std())
    return np.clip(np.stack(planes, axis=2), 0, 1)


def tiled_texture(height: int, width: int, seed: int = 1) -> Image:
    """A periodic colour texture with edges and grain: bricks in mortar, 8-bit values."""
    rows, columns = 4, 4
    y, x = np.mgrid[0:height, 0:width]
    v = y * rows / height
    u = x * columns / width + 0.5 * (np.floor(v) % 2)
    # Distance to the nearest joint, in brick heights.
    joint = np.minimum(np.abs(v - np.rint(v)), np.abs(u - np.rint(u)))
    brick = np.clip((joint - 0.05) * 20, 0, 1)[..., None]
    tint = np.random.default_rng(seed).uniform(0.8, 1.15, (rows, columns))
    shade = tint[np.floor(v).astype(int) % rows, np.floor(u).astype(int) % columns][..., None]
    color = brick * shade * [0.62, 0.3, 0.22] + (1 - brick) * [0.66, 0.64, 0.6]
    grain = fractal_noise(height, width, 1, seed, slope=0.8) - 0.5
    return np.rint(np.clip(color * (1 + 0.6 * grain), 0, 1) * 255) / 255


def tiled_normals(height: int, width: int, seed: int = 2) -> Image:
    """Unit normals of a periodic bumpy surface, +X right, +Y up."""
    surface = fractal_noise(height, width, 1, seed, slope=1.6)[..., 0] * 24
    right = (np.roll(surface, -1, 1) - np.roll(surface, 1, 1)) / 2
    down = (np.roll(surface, -1, 0) - np.roll(surface, 1, 0)) / 2
    vectors = np.stack([-right, down, np.ones_like(right)], axis=2)
    return vectors / np.linalg.norm(vectors, axis=2, keepdims=True)


def contact_sheet(columns: list[str], rows: list[list[Image]], enlarge: int = 2, gap: int = 6) -> Image:
    """Equal-sized pictures side by side under their labels.

    Args:
        columns: labels.
        rows: pictures of each row, ``H x W x 3``.
        enlarge: whole number by which every pixel is repeated.
        gap: pixels between pictures.
    """
    height, width = (side * enlarge for side in rows[0][0].shape[:2])
    header = 30
    sheet = np.ones((header + len(rows) * (height + gap), len(columns) * (width + gap) - gap, 3), dtype=np.float32)
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            top, left = header + down * (height + gap), across * (width + gap)
            large = np.repeat(np.repeat(picture, enlarge, axis=0), enlarge, axis=1)
            sheet[top : top + height, left : left + width] = np.clip(large, 0, 1)
    canvas = oiio.ImageBuf(sheet)
    for across, label in enumerate(columns):
        center = across * (width + gap) + width // 2
        oiio.ImageBufAlgo.render_text(
            canvas, center, header // 2, label, 18, textcolor=(0, 0, 0), alignx="center", aligny="center"
        )
    return canvas.get_pixels(oiio.FLOAT)
