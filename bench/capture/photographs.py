"""Photographs of held-out materials whose maps are known, made by Mitsuba 3 and kept in a folder.

    python -m bench.capture.photographs --data DIR [--photographs DIR] [--limit N]

Renders what is missing of DIR/materials/val/*, a minute or so each, and needs `pip install mitsuba` for it. The plane
fills the picture of a camera straight above it. ``flash.jpg`` is lit by a point light beside the lens, ``ambient.jpg``
by an overcast dome and a soft lamp from one side, both through a camera with noise, exposure and JPEG;
``novel0.png`` to ``novel3.png`` by a point light off to one side each, 16-bit, linear and on the scale of the flash
photograph. ``camera.json`` says where everything was.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from bench import images, measures, report
from bench.measures import Image
from matshot.image.color import Pixels, linear_from_srgb, srgb_from_linear
from matshot.shading.render import Camera, Vector
from matshot.shading.surface import Surface

#: Pixels a side, and degrees that they span.
SIZE = 640
FOV = 60.0
DISTANCE = float(0.5 / np.tan(np.radians(FOV / 2)))
#: Where the flash is, and the lamps that the maps are judged under; the unit is the side of the plane.
FLASH: Vector = (0.02, 0.03, DISTANCE)
NOVEL: tuple[Vector, ...] = ((0.6, 0.0, 0.6), (-0.5, 0.5, 0.5), (0.0, -0.7, 0.5), (0.25, 0.25, 0.8))

#: Light of the evenly lit photograph: radiance of the dome; direction and irradiance of the lamp.
_DOME = (0.8, 0.85, 0.9)
_LAMP_DIRECTION = (-0.7, 0.35, -0.62)
_LAMP = (0.9, 0.85, 0.75)

#: Percentile of a photograph's brightest channel, and the value that exposure gives it.
_FLASH_EXPOSURE = (99.0, 0.98)
_AMBIENT_EXPOSURE = (99.5, 0.9)
#: Variance of the noise: per unit of light (shot), and without light (read).
_SHOT = 2e-4
_READ = 4e-6

_POINT_SAMPLES = 8
_DOME_SAMPLES = 48


@dataclass(frozen=True)
class Photographed:
    """A material whose maps are known, and its photographs.

    Attributes:
        name: of the material.
        flash_path: file of the flash photograph.
        ambient_path: file of the evenly lit photograph.
        flash: pixels of the flash photograph, ``H x W x 3``, display-encoded.
        camera: that took them.
        light: where the flash was.
        novel: what each other lamp shows, ``H x W x 3``, scene-linear on the scale of the flash photograph, in [0, 1].
        novel_lights: where those lamps were.
        truth: the maps.
    """

    name: str
    flash_path: Path
    ambient_path: Path
    flash: Pixels
    camera: Camera
    light: Vector
    novel: tuple[Pixels, ...]
    novel_lights: tuple[Vector, ...]
    truth: Surface


def parser(description: str | None, *, always_write: bool = False) -> argparse.ArgumentParser:
    """The options of benchmarks that look at these photographs; see :func:`report.parser`."""
    made = report.parser(description, always_write=always_write)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    made.add_argument(
        "--photographs", type=Path, metavar="DIR", default=cache / "matshot" / "photographs",
        help="folder with the photographs, where those that are missing are put (default: %(default)s)",
    )  # fmt: skip
    return made


def photographed(options: argparse.Namespace) -> list[Photographed]:
    """The held-out materials with their photographs, in order of name; those that are missing are made first."""
    found = []
    for name, path in images.material_maps(options.data, "basecolor", options.limit):
        truth = material_truth(path.parent, SIZE)
        folder = options.photographs / name
        if not (folder / "camera.json").exists():
            report.say(f"photographing {name}")
            photograph(name, truth, folder)
        found.append(_read(name, folder, truth))
    return found


def material_truth(folder: Path, size: int) -> Surface:
    """The maps of a material, stretched to a square.

    Args:
        folder: with ``basecolor``, ``normal_gl``, ``roughness`` and perhaps ``metallic``.
        size: pixels per side.
    """

    def stored(kind: str) -> Image | None:
        path = next(iter(folder.glob(f"{kind}.*")), None)
        return None if path is None else measures.resized(images.read_image(path), size, size).clip(0, 1)

    color, normal, roughness, metallic = (stored(kind) for kind in ("basecolor", "normal_gl", "roughness", "metallic"))
    if color is None or normal is None or roughness is None:
        raise SystemExit(f"{folder} lacks basecolor, normal_gl or roughness")
    return Surface.of(
        linear_from_srgb(images.as_rgb(color).astype(np.float32)),
        measures.unit_vectors(images.as_rgb(normal)),
        roughness[..., 0],
        0.0 if metallic is None else metallic[..., 0],
    )


def photograph(name: str, truth: Surface, folder: Path) -> None:
    """Render the photographs of one material; the folder appears when all of them are done."""
    place = folder.with_name(f".{name}")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    noise = np.random.default_rng(zlib.crc32(name.encode()))
    gain = write_flash(truth, place / "flash.jpg", noise)
    write_ambient(truth, place / "ambient.jpg", noise)
    for number, position in enumerate(NOVEL):
        seen = _rendered(truth, [_point(position)], _POINT_SAMPLES) * gain
        images.write_image(place / f"novel{number}.png", seen.clip(0, 1), oiio.UINT16)
    camera = {"fov_deg": FOV, "distance": DISTANCE, "gain": gain, "light": FLASH, "novel": NOVEL}
    (place / "camera.json").write_text(json.dumps(camera), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    place.rename(folder)


def write_flash(truth: Surface, path: Path, noise: np.random.Generator) -> float:
    """Render and store a flash photograph; the gain of its exposure."""
    flash = _rendered(truth, [_point(FLASH)], _POINT_SAMPLES)
    gain = _exposure(flash, *_FLASH_EXPOSURE)
    write_photograph(path, flash * gain, noise)
    return gain


def write_ambient(truth: Surface, path: Path, noise: np.random.Generator) -> None:
    """Render and store an evenly lit photograph."""
    dome = {"type": "constant", "radiance": {"type": "rgb", "value": list(_DOME)}}
    lamp = {
        "type": "directional",
        "direction": list(_LAMP_DIRECTION),
        "irradiance": {"type": "rgb", "value": list(_LAMP)},
    }
    ambient = _rendered(truth, [dome, lamp], _DOME_SAMPLES)
    write_photograph(path, ambient * _exposure(ambient, *_AMBIENT_EXPOSURE), noise)


def write_photograph(
    path: Path, light: Image, noise: np.random.Generator, attributes: Mapping[str, Any] | None = None
) -> None:
    """Store what a phone makes of light: shot and read noise, sRGB, 8 bits, JPEG of quality 95.

    Args:
        path: of the file.
        light: ``H x W x 3``, scene-linear, exposed; what is above 1 saturates.
        noise: where noise and the dither of rounding come from.
        attributes: EXIF data under the names that OpenImageIO gives them.

    Raises:
        OSError: when it cannot be written.
    """
    seen = light + noise.standard_normal(light.shape) * np.sqrt(np.maximum(light, 0) * _SHOT + _READ)
    encoded = srgb_from_linear(seen.clip(0, 1).astype(np.float32))
    stored = np.floor(encoded * 255 + noise.random(light.shape)).clip(0, 255).astype(np.uint8)
    buffer = oiio.ImageBuf(np.ascontiguousarray(stored))
    settings = {"Compression": "jpeg:95", "jpeg:subsampling": "4:4:4", **(attributes or {})}
    for key, value in settings.items():
        buffer.specmod().attribute(key, value)
    if not buffer.write(str(path)):
        raise OSError(f"{path} cannot be written: {buffer.geterror()}")


def _read(name: str, folder: Path, truth: Surface) -> Photographed:
    camera = json.loads((folder / "camera.json").read_text(encoding="utf-8"))
    flash = images.read_image(folder / "flash.jpg").astype(np.float32)
    lights = tuple(tuple(position) for position in camera["novel"])
    return Photographed(
        name,
        folder / "flash.jpg",
        folder / "ambient.jpg",
        flash,
        Camera(flash.shape[1], flash.shape[0], camera["fov_deg"]),
        tuple(camera["light"]),
        tuple(images.read_image(folder / f"novel{number}.png").astype(np.float32) for number in range(len(lights))),
        lights,
        truth,
    )


def _exposure(radiance: Image, percentile: float, level: float) -> float:
    return float(level / np.percentile(radiance.max(axis=2), percentile))


def _point(position: Vector) -> dict[str, Any]:
    return {"type": "point", "position": list(position), "intensity": {"type": "rgb", "value": [1.0, 1.0, 1.0]}}


def _rendered(truth: Surface, lights: list[dict[str, Any]], samples: int) -> Image:
    """Radiance, ``H x W x 3``: direct light on the plane, as the camera sees it."""
    try:
        import mitsuba
    except ModuleNotFoundError as missing:
        raise SystemExit("photographs are made by Mitsuba 3: pip install mitsuba") from missing
    mitsuba.set_variant("scalar_rgb")

    def bitmap(values: Image) -> dict[str, Any]:
        # Mitsuba's v grows upwards, rows grow downwards.
        pixels = np.ascontiguousarray(values[::-1], dtype=np.float32)
        return {"type": "bitmap", "bitmap": mitsuba.Bitmap(pixels), "raw": True, "filter_type": "bilinear"}

    principled = {
        "type": "principled",
        "base_color": bitmap(truth.base_color),
        "roughness": bitmap(truth.roughness.clip(0.05, 1)),
        "metallic": bitmap(truth.metallic),
        "specular": 0.5,
    }
    transform = mitsuba.ScalarTransform4f()
    film = {"type": "hdrfilm", "width": SIZE, "height": SIZE, "rfilter": {"type": "box"}, "pixel_format": "rgb"}
    scene = {
        "type": "scene",
        # A material's own directions are worth sampling only where light comes from everywhere.
        "integrator": {
            "type": "direct",
            "emitter_samples": 1,
            "bsdf_samples": int(any(light["type"] == "constant" for light in lights)),
        },
        "plane": {
            "type": "rectangle",
            "to_world": transform.scale([0.5, 0.5, 1]),
            "bsdf": {"type": "normalmap", "normalmap": bitmap(truth.normal / 2 + 0.5), "bsdf": principled},
        },
        "sensor": {
            "type": "perspective",
            "fov": FOV,
            "to_world": transform.look_at(origin=[0, 0, DISTANCE], target=[0, 0, 0], up=[0, 1, 0]),
            "film": film,
            "sampler": {"type": "independent", "sample_count": samples},
        },
        **{f"light{number}": light for number, light in enumerate(lights)},
    }
    return np.array(mitsuba.render(mitsuba.load_dict(scene), spp=samples), dtype=np.float64)


if __name__ == "__main__":
    photographed(parser(__doc__).parse_args())
