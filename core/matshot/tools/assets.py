"""What tools are given and give back: an image, or a material folder; both are a material in memory."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..errors import MatshotError
from ..image.formats import WRITABLE
from ..image.reader import read_texture
from ..image.types import Convention, Depth, Encoding, Texture, Wrap
from ..image.wrap import measured_wrap
from ..image.writer import write_texture
from ..material.folder import PREVIEW, load_material, save_material
from ..material.map_names import guess_map
from ..material.planes import planes_of
from ..material.types import MapKind, Material

#: Map that an image of numbers stands for that is nothing else: one of any number of channels.
_ANY_DATA: MapKind = "specular"


@dataclass(frozen=True)
class Asset:
    """A material, and whether it came as a single image.

    Attributes:
        material: with one map if it is an image.
        image: whether it is one.
    """

    material: Material
    image: bool


def read_asset(
    path: str | os.PathLike[str],
    *,
    wrap: Wrap | Literal["auto"] | None = None,
    kind: Literal["auto", "color", "normal", "data"] = "auto",
    normal: Literal["auto", "gl", "dx"] = "auto",
) -> Asset:
    """Read an image or a material folder.

    Args:
        path: of it.
        wrap: axes on which it repeats, if known; ``auto`` measures them.
        kind: what an image holds; ``auto`` goes by its name.
        normal: convention of a normal map that is an image; ``auto`` goes by its name, else is OpenGL.

    Raises:
        MatshotError: for what cannot be read.
    """
    path = Path(path)
    known_wrap = None if wrap == "auto" else wrap
    asset = _read(path, known_wrap, kind, normal)
    if wrap != "auto" or asset.material.wrap != "none":
        return asset
    found = measured_wrap(planes_of(asset.material).values)
    maps = {kind: replace(texture, wrap=found) for kind, texture in asset.material.maps.items()}
    return Asset(asset.material.with_maps(maps), asset.image)


def _read(path: Path, wrap: Wrap | None, kind: str, normal: Convention | Literal["auto"]) -> Asset:
    if path.is_dir():
        return Asset(load_material(path, wrap=wrap), False)
    guess = guess_map(path)
    encoding: Encoding | Literal["auto"] = "auto"
    if kind in ("normal", "data"):
        encoding = "normal" if kind == "normal" else "data"
    elif kind == "auto" and guess is not None and guess.sure and guess.encoding != "srgb":
        encoding = guess.encoding
    convention: Convention = normal if normal != "auto" else (guess.convention if guess else "gl")
    texture = read_texture(path, encoding=encoding, convention=convention, wrap=wrap or "none")
    return Asset(image_material(texture, path.stem, str(path)), True)


def image_material(texture: Texture, name: str = "texture", origin: str = "") -> Material:
    """A material whose only map is an image: its base color, its normal map, or numbers of any meaning."""
    kinds: dict[Encoding, MapKind] = {"normal": "normal", "data": _ANY_DATA}
    return Material({kinds.get(texture.encoding, "basecolor"): texture}, name=name, origin=origin)


def write_asset(material: Material, target: Path, *, image: bool) -> Path:
    """Write a result as it came: an image as an image, a material as a folder with a preview.

    Raises:
        MatshotError: when it cannot be written; nothing is left half-written.
    """
    if image:
        return write_texture(next(iter(material.maps.values())), target)
    return delivered(material, target)


def targets(source: str | os.PathLike[str], output: Path, asset: Asset, endings: list[str]) -> list[Path]:
    """Files or folders that results go to, one for each ending, checked before the work.

    Args:
        source: that was read; its name and suffix are those of images in a folder.
        output: a file for a single image, else a folder.
        asset: what was read.
        endings: of names; a single empty one takes the output as it is.

    Raises:
        MatshotError: when the output cannot be written, is the source itself, or one file is asked to hold several.
    """
    source = Path(source)
    if not asset.image:
        found = [output / f"{asset.material.name}{ending}" if ending else output for ending in endings]
        for folder in found:
            check_folder(folder)
            if folder.exists() and source.exists() and folder.samefile(source):
                raise MatshotError(f"{source.name} would overwrite itself; choose another output.")
        return found
    suffix = output.suffix.lower()
    if suffix and suffix not in WRITABLE and not output.is_dir():
        formats = ", ".join(WRITABLE)
        raise MatshotError(f"{suffix} files cannot be written; there are {formats}. A folder with a dot has to exist.")
    if suffix in WRITABLE and not output.is_dir():
        if len(endings) > 1:
            raise MatshotError(f"{output.name} is one file, but there are {len(endings)} results; give a folder.")
        found = [output]
    else:
        check_folder(output)
        own = source.suffix if source.suffix.lower() in WRITABLE else ".png"
        found = [output / f"{source.stem}{ending}{own}" for ending in endings]
    if any(target.exists() and source.exists() and target.samefile(source) for target in found):
        raise MatshotError(f"{source.name} would overwrite itself; choose another output.")
    check_folder(found[0].parent)
    return found


def check_folder(folder: Path) -> None:
    """Find out before the work whether a folder can be written.

    Raises:
        MatshotError: when it cannot.
    """
    place = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not place.is_dir():
        raise MatshotError(f"{place} is a file; a folder is needed for the result.")
    if not os.access(place, os.W_OK):
        raise MatshotError(f"The folder {place} cannot be written.")


def delivered(
    material: Material,
    folder: Path,
    *,
    suffix: str | None = ".png",
    depth: Depth | None = None,
    convention: Convention = "gl",
) -> Path:
    """Write a material's folder and, if it can be lit, ``preview.png`` in it.

    Args:
        material: to write.
        folder: target.
        suffix: as :func:`~matshot.material.folder.save_material` takes it.
        depth: likewise.
        convention: likewise.

    Raises:
        MatshotError: when it cannot be written; the folder is then as it was, but for the picture.
    """
    from ..shading.preview import preview

    save_material(material, folder, suffix=suffix, depth=depth, convention=convention)
    if "basecolor" in material.maps:
        write_texture(preview(material), folder / PREVIEW)
    return folder


def shown_material(path: Path) -> Material:
    """What a preview shows of a path: the material of a folder, or an image, whose wrap is measured.

    Raises:
        MatshotError: for what cannot be read.
    """
    return read_asset(path, wrap=None if path.is_dir() else "auto").material
