"""The pictures of the documentation: generated inputs, the command line run on them, sheets of the outputs.

Usage: python -m docs.pictures FOLDER [NAME ...]

Writes docs/images/NAME.jpg and keeps inputs and outputs in FOLDER, where a second run finds them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.capture.photographs import FOV
from bench.capture.scenes import Scene
from bench.images import write_picture
from bench.synthesis.surfaces import moss, stones
from matshot.image.color import srgb_from_linear
from matshot.image.normals import encoded_normals
from matshot.image.types import Texture
from matshot.material.types import Material
from matshot.shading.preview import labeled_row, sheet
from matshot.shading.procedural import brick_wall
from matshot.shading.render import Camera, Environment, exposure, flash, render
from matshot.shading.surface import surface_of

Picture = NDArray[np.float32]

IMAGES = Path(__file__).parent / "images"

#: Maps in the order in which sheets show them.
MAPS = ("basecolor", "normal_gl", "roughness", "metallic", "height", "ao")


def photograph(maps: dict[str, Texture], lit: str, seed: int = 1) -> Picture:
    """A square photograph of a surface, display-encoded: ``flash`` at the lens, or ``even`` light from the sky."""
    named = {name.removesuffix("_gl"): texture for name, texture in maps.items()}
    camera = Camera(named["height"].width, named["height"].height)
    sky = Environment((0.8, 0.85, 0.9), (0.7, 0.72, 0.75), (0.3, 0.3, 0.3))
    lamp = flash(camera, offset=(0.02, 0.03)) if lit == "flash" else sky
    radiance = render(surface_of(Material(named)), camera, [lamp])  # type: ignore[arg-type]
    signal = radiance * np.float32(exposure(radiance, 0.95))
    grain = np.random.default_rng(seed).standard_normal(signal.shape, dtype=np.float32)
    return srgb_from_linear((signal + grain * np.sqrt(signal.clip(0) * 1e-4 + 2e-6)).clip(0, 1).astype(np.float32))


def read(path: Path) -> Picture:
    """Pixels of an 8-bit or 16-bit file as stored, ``H x W x 3`` in [0, 1]."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise SystemExit(f"{path} cannot be read")
    pixels = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    return np.ascontiguousarray(pixels[..., 2::-1])


def store(pixels: Picture, path: Path) -> Path:
    """Write ``H x W x 1`` or ``3`` in [0, 1] as an 8-bit PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)[..., ::-1])
    return path


def store_material(maps: dict[str, Texture], folder: Path) -> Path:
    """Write maps as a material folder that the tools read."""
    for name, texture in maps.items():
        store(
            encoded_normals(texture.pixels, "gl") if texture.encoding == "normal" else texture.pixels,
            folder / f"{name}.png",
        )
    return folder


def cropped(maps: dict[str, Texture], side: int) -> dict[str, Texture]:
    """The upper left of every map, which then does not wrap."""
    return {name: Texture(t.pixels[:side, :side].copy(), t.encoding, "none") for name, t in maps.items()}


def matshot(output: Path, *arguments: str | Path) -> Path:
    """Run ``matshot ARGUMENTS -o OUTPUT``, unless an earlier run wrote that."""
    if not output.exists():
        command = [sys.executable, "-m", "matshot", *map(str, arguments), "-o", str(output), "--quiet"]
        if arguments[0] in ("preview", "demo"):
            command.remove("--quiet")
        subprocess.run(command, check=True)
    return output


def resized(picture: Picture, side: int, method: int = cv2.INTER_AREA) -> Picture:
    """A square picture with another side."""
    return np.asarray(cv2.resize(np.ascontiguousarray(picture), (side, side), interpolation=method))


def enlarged(picture: Picture, corner: tuple[int, int], side: int, shown: int) -> Picture:
    """A square part of a picture, each pixel a block."""
    top, left = corner
    return resized(picture[top : top + side, left : left + side], shown, cv2.INTER_NEAREST)


def repeated(picture: Picture, shown: int, times: int = 3) -> Picture:
    """A picture beside itself."""
    return resized(np.tile(picture, (times, times, 1)), shown)


def sphere(folder: Path) -> Picture:
    """The lit sphere of a material's preview."""
    picture = read(matshot(folder.parent / f"{folder.name}_sphere.png", "preview", folder, "--size", "400"))
    gray = np.flatnonzero((np.abs(picture - picture[0, 0]).max(axis=2) > 0.02).any(axis=1))
    top = next(row for row in gray if np.abs(picture[row] - picture[0, 0]).max(axis=1).mean() > 0.05)
    return picture[top : top + 400, 24 + 400 + 12 : 24 + 800 + 12]


def maps_of(folder: Path, side: int, columns: int = 3) -> Picture:
    """The maps of a material in a grid."""
    files = [next(folder.glob(f"{name}.*")) for name in MAPS if list(folder.glob(f"{name}.*"))]
    tiles = [resized(read(path), side) for path in files]
    gap = 8
    rows = -(-len(tiles) // columns)
    grid = np.full((rows * side + (rows - 1) * gap, columns * side + (columns - 1) * gap, 3), 0.125, np.float32)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        grid[row * (side + gap) : row * (side + gap) + side, column * (side + gap) : column * (side + gap) + side] = (
            tile
        )
    return grid


def publish(name: str, picture: Picture) -> None:
    """Write docs/images/NAME.jpg."""
    write_picture(IMAGES / f"{name}.jpg", picture)


def _scene_photographs(work: Path) -> tuple[Path, Path]:
    """Cobbles with and without flash, rendered by Mitsuba."""
    folder = Scene("cobbles", 7).photographed(work, ambient=True)
    return folder / "flash.jpg", folder / "ambient.jpg"


def hero(work: Path) -> None:
    """Two photographs, the maps of the material, the material on a sphere."""
    files = _scene_photographs(work)
    material = matshot(work / "hero", "twoshot", *files, "--fov", str(FOV))
    pair = [resized(read(file), 196) for file in files]
    photographs = np.concatenate([pair[0], np.full((8, 196, 3), 0.125, np.float32), pair[1]])
    row = [photographs, maps_of(material, 196), sphere(material)]
    publish("hero", sheet([labeled_row(row, ["two photographs", "a seamless material", "lit"])]))


def upscale(work: Path) -> None:
    """A base color and a normal map, x4: source, bicubic, fidelity, detail, original."""
    rows = []
    for kind, corner in (("basecolor", (150, 40)), ("normal_gl", (150, 40))):
        maps = brick_wall(512, seed=11)
        original = maps[kind].pixels if kind == "basecolor" else encoded_normals(maps[kind].pixels, "gl")
        source = store(resized(original, 128), work / f"brick_{kind}.png")
        columns = [enlarged(read(source), (corner[0] // 4, corner[1] // 4), 48, 240)]
        labels = [f"{'base color' if kind == 'basecolor' else 'normal map'}, 128 px"]
        looks = ("fidelity", "detail") if kind == "basecolor" else ("fidelity",)
        for label, options in [("bicubic", ["--method", "bicubic"]), *[(look, ["--look", look]) for look in looks]]:
            output = matshot(work / f"brick_{kind}_{label}.png", "upscale", source, "--wrap", "xy", *options)
            columns.append(enlarged(read(output), corner, 192, 240))
            labels.append(f"{label}, 512 px")
        columns.append(enlarged(original.astype(np.float32), corner, 192, 240))
        rows.append(labeled_row(columns, [*labels, "original"]))
    publish("upscale", sheet(rows))


def oneshot(work: Path) -> None:
    """A flash photograph, the maps of it, and the material lit."""
    photo = _scene_photographs(work)[0]
    material = matshot(work / "oneshot", "oneshot", photo, "--fov", str(FOV))
    row = [resized(read(photo), 400), maps_of(material, 196), sphere(material)]
    publish("oneshot", sheet([labeled_row(row, ["one flash photograph", "maps", "lit"])]))


def twoshot(work: Path) -> None:
    """Both photographs, and the seamless tile repeated."""
    files = _scene_photographs(work)
    material = matshot(work / "twoshot", "twoshot", *files, "--fov", str(FOV))
    photographs = [resized(read(file), 400) for file in files]
    tile = repeated(read(next(material.glob("basecolor.*"))), 400, 2)
    row = labeled_row([*photographs, tile], ["with flash", "without flash", "base color of the tile, 2 x 2"])
    publish("twoshot", sheet([row]))


def multiply(work: Path) -> None:
    """A source and four variations of it, each seamless."""
    source = store_material(cropped(stones(384, seed=3, count=420), 300), work / "gravel")
    columns, labels = [repeated(read(source / "basecolor.png"), 300, 3)], ["source, 3 x 3: seams"]
    for seed in (0, 1, 2):
        output = matshot(
            work / f"gravel_{seed}", "multiply", source, "--size", "450x450", "--tileable", "--seed", str(seed)
        )
        columns.append(repeated(read(next(output.glob("basecolor.*"))), 300, 2))
        labels.append(f"seed {seed}, 2 x 2")
    publish("multiply_seeds", sheet([labeled_row(columns, labels)]))


def tile(work: Path) -> None:
    """A crop that does not tile, and the same made seamless, each 3 x 3."""
    rows = []
    for name, maps in (("bricks", brick_wall(320, seed=5)), ("moss", moss(320, seed=4))):
        source = store(cropped(maps, 230)["basecolor"].pixels, work / f"{name}_crop.png")
        output = matshot(work / f"{name}_seamless.png", "tile", source)
        shown = [repeated(read(path), 440) for path in (source, output)]
        rows += [*shown]
    labels = ["bricks, 3 x 3", "made seamless", "moss, 3 x 3", "made seamless"]
    publish("tile", sheet([labeled_row(rows[:2], labels[:2]), labeled_row(rows[2:], labels[2:])]))


def style(work: Path) -> None:
    """A content, a look, and the content with that look at two strengths."""
    content = store(brick_wall(256, seed=8)["basecolor"].pixels, work / "content.png")
    look = store(moss(256, seed=6)["basecolor"].pixels, work / "look.png")
    columns = [resized(read(content), 300), resized(read(look), 300)]
    for strength in ("0.5", "0.9"):
        output = matshot(work / f"style_{strength}.png", "style", content, look, "--strength", strength)
        columns.append(resized(read(output), 300))
    publish("style", sheet([labeled_row(columns, ["content", "style", "strength 0.5", "strength 0.9"])]))


def convert(work: Path) -> None:
    """The same material for another program: DirectX normals, packed channels."""
    source = matshot(work / "demo", "demo") / "tile"
    output = matshot(work / "converted", "convert", source, "--normal", "dx", "--pack", "orm")
    files = [next(source.glob("normal_gl.*")), next(output.glob("normal_dx.*")), next(output.glob("orm.*"))]
    columns = [resized(read(path), 300) for path in files]
    publish(
        "convert",
        sheet([labeled_row(columns, ["normal_gl: +Y up", "normal_dx: +Y down", "orm: AO, roughness, metallic"])]),
    )


def adjust(work: Path) -> None:
    """One material as it was and with sliders set, on spheres."""
    source = store_material(stones(512), work / "adjusted")
    columns, labels = [sphere(source)], ["as it was"]
    for option, value in (("--roughness", "-0.7"), ("--normal", "2.5"), ("--metal", "on")):
        output = work / f"adjusted{option}"
        columns.append(sphere(matshot(output, "adjust", source, option, value)))
        labels.append(f"{option} {value}")
    publish("adjust", sheet([labeled_row([resized(one, 240) for one in columns], labels)]))


def preview(work: Path) -> None:
    """The sheet of a material, and the view 3 x 3."""
    material = matshot(work / "demo", "demo") / "tile"
    parts = [
        read(matshot(work / f"preview_{view}.png", "preview", material, "--view", view, "--size", "512"))
        for view in ("material", "tiled")
    ]
    publish("preview", resized_to_width(parts[0], 800))
    publish("preview_tiled", resized_to_width(parts[1], 900))


def resized_to_width(picture: Picture, width: int) -> Picture:
    """A picture made smaller, its proportions kept."""
    height = round(picture.shape[0] * width / picture.shape[1])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))


PICTURES: dict[str, Callable[[Path], None]] = {
    "hero": hero,
    "twoshot": twoshot,
    "adjust": adjust,
    "convert": convert,
    "preview": preview,
    "upscale": upscale,
    "oneshot": oneshot,
    "tile": tile,
    "multiply": multiply,
    "style": style,
}


def main(arguments: Sequence[str]) -> None:
    """Draw the pictures named, or all."""
    work = Path(arguments[0])
    for name in arguments[1:] or PICTURES:
        PICTURES[name](work)


if __name__ == "__main__":
    main(sys.argv[1:])
