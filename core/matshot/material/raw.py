"""Maps as they were before any slider: complete in memory, and in a material folder only where its maps are others.

``raw_maps.zip`` is a plain archive of image files, which no folder of textures takes for textures. A raw map that the
folder itself holds without loss is not stored twice, so that a material as captured takes little more room.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import MatshotError
from ..files import os_reason
from ..image.normals import decoded_normals, encoded_normals
from ..image.reader import image_size, read_texture
from ..image.types import Depth, Texture
from ..image.writer import write_texture
from .types import MapKind, Material, RawMaps, map_encoding

#: Maps that sliders change, or are computed from.
ADJUSTABLE: tuple[MapKind, ...] = (
    "basecolor",
    "normal",
    "roughness",
    "gloss",
    "metallic",
    "specular",
    "height",
    "ao",
)
#: Raw maps without a file have 16 bits where a slider stretches them, or where 8 would show.
_SIXTEEN_BIT = ("normal", "roughness", "gloss", "height")
#: Formats that hold a map without loss.
_LOSSLESS = (".png", ".tif", ".tiff", ".exr")


def rounded_raw(kind: MapKind, texture: Texture) -> Texture:
    """A map with the values that its raw file holds, so that sliders start from the same ones before and after.

    Args:
        kind: of the map.
        texture: with pixels in the range of integer files; what is beyond is clipped.
    """
    steps = np.float32(np.iinfo(_raw_depth(kind, texture)).max)

    def held(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.rint(values.clip(0, 1) * steps) / steps, dtype=np.float32)

    if texture.encoding == "normal":
        return texture.with_pixels(decoded_normals(held(encoded_normals(texture.pixels, "gl")), "gl", signed=False))
    return texture.with_pixels(held(texture.pixels))


def raw_maps(material: Material) -> RawMaps | None:
    """The raw maps of a material, all in memory; None where it has none, or their file is gone.

    Raises:
        MatshotError: when their file is damaged.
    """
    raw = material.raw
    if raw is None or (raw.file is not None and not raw.file.is_file()):
        return None
    beside = material.unpacked().maps
    maps = {**(_read(raw, material) if raw.file is not None else {}), **raw.maps}
    for kind in raw.kinds:
        if kind not in maps and kind not in beside:
            return None
    return replace(raw, maps={kind: maps.get(kind) or beside[kind] for kind in raw.kinds}, file=None)


def maps_as_raw(material: Material) -> RawMaps:
    """The maps of a material without raw ones as such."""
    maps = {kind: texture for kind, texture in material.unpacked().maps.items() if kind in ADJUSTABLE}
    scale = material.parameters.get("height_scale_in_widths")
    if material.height_scale is not None and material.physical_size is not None:
        scale = material.height_scale / material.physical_size[0]
    return RawMaps(tuple(maps), maps, None, scale if isinstance(scale, int | float) and scale > 0 else None)


def write_raw(raw: RawMaps, material: Material, files: Mapping[MapKind, tuple[str, Depth]], target: Path) -> None:
    """Write the file of those raw maps that a material's folder does not hold itself.

    Args:
        raw: complete, see :func:`raw_maps`.
        material: that is written.
        files: name and bits of each of its maps' files.
        target: file to write.

    Raises:
        MatshotError: when it cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(dir=target.parent) as folder, zipfile.ZipFile(target, "w") as archive:
            for kind, texture in raw.maps.items():
                depth = _raw_depth(kind, texture)
                same = kind in material.maps and material.maps[kind].pixels is texture.pixels
                if same and _holds(files[kind], depth):
                    continue
                suffix = ".png" if depth in ("uint8", "uint16") else ".exr"
                file = write_texture(replace(texture, source=None), Path(folder, kind + suffix), depth=depth)
                archive.write(file, file.name)
    except OSError as error:
        raise MatshotError(f"{target} could not be written: {os_reason(error)}.", repr(error)) from error


def _read(raw: RawMaps, material: Material) -> dict[MapKind, Texture]:
    assert raw.file is not None
    found: dict[MapKind, Texture] = {}
    try:
        with zipfile.ZipFile(raw.file) as archive, tempfile.TemporaryDirectory() as folder:
            for kind in raw.kinds:
                for name in (f"{kind}.png", f"{kind}.exr"):
                    if name in archive.namelist():
                        found[kind] = _map(Path(archive.extract(name, folder)), kind, material)
    except (OSError, zipfile.BadZipFile, MatshotError, NotImplementedError, RuntimeError, EOFError) as error:
        raise MatshotError(
            f"{raw.file} is damaged. Delete it to adjust {material.name} from its maps as they are.", repr(error)
        ) from error
    return found


def _map(file: Path, kind: MapKind, material: Material) -> Texture:
    # The file may be a stranger's, whose pixels are counted before they are read.
    if image_size(file)[:2] != (material.width, material.height):
        raise MatshotError(f"The raw {kind} map of {material.name} has another size than its maps.")
    encoding = map_encoding(kind)
    return read_texture(file, encoding="auto" if encoding == "srgb" else encoding, wrap=material.wrap)


def _raw_depth(kind: MapKind, texture: Texture) -> Depth:
    if texture.encoding == "linear":
        return "float"
    if texture.source is not None:
        return texture.source.depth if texture.source.depth in ("uint8", "uint16") else "float"
    return "uint16" if kind in _SIXTEEN_BIT else "uint8"


def _holds(file: tuple[str, Depth], depth: Depth) -> bool:
    """Whether a map's file holds what its raw file would."""
    name, bits = file
    if Path(name).suffix.lower() not in _LOSSLESS:
        return False
    return bits == depth or (depth == "uint8" and bits == "uint16")
