"""What tools are given and give back: an image, or a material folder; both are a material in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from matshot_host.description import PREVIEW

from ..errors import MatshotError
from ..files import check_folder, staging_folder
from ..image.formats import WRITABLE
from ..image.reader import read_texture
from ..image.types import Convention, Depth, Encoding, Texture, Wrap
from ..image.wrap import measured_wrap
from ..image.writer import write_texture
from ..material.claims import check_unchanged, check_unclaimed, own_description
from ..material.compressed import Compression
from ..material.folder import load_material, save_material
from ..material.map_names import guess_map
from ..material.planes import planes_of
from ..material.recognition import recognized
from ..material.record import RECORD, add_files, place_files
from ..material.types import MapKind, Material, with_notes
from ..progress import Listener
from .job import OnTexture, ToolWork

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
    colorspace: str = "",
) -> Asset:
    """Read an image or a material folder.

    Args:
        path: of it.
        wrap: axes on which it repeats, if known; ``auto`` measures them.
        kind: what an image holds; ``auto`` goes by its name.
        normal: convention of the normal map's file; ``auto`` goes by its name or description, else it is measured.
        colorspace: OCIO name of an image's colors; empty for sRGB in integer and linear Rec. 709 in float files.

    Raises:
        MatshotError: for what cannot be read.
    """
    path = Path(path)
    known_wrap = None if wrap == "auto" else wrap
    asset = _read(path, known_wrap, kind, normal, colorspace)
    return Asset(with_measured_wrap(asset.material), asset.image) if wrap == "auto" else asset


def with_measured_wrap(material: Material) -> Material:
    """The material with the axes on which it is measured to repeat, unless it states some itself."""
    return material if material.wrap != "none" else material.with_wrap(measured_wrap(planes_of(material).values))


def _read(
    path: Path,
    wrap: Wrap | None,
    kind: Literal["auto", "color", "normal", "data"],
    normal: Convention | Literal["auto"],
    colorspace: str,
) -> Asset:
    if path.is_dir():
        return Asset(load_material(path, wrap=wrap, normal=normal), False)
    found = recognized(path, kind=kind, normal=normal, colorspace=colorspace)
    texture = replace(found.texture, wrap=wrap or "none")
    return Asset(with_notes(image_material(texture, path.stem, str(path)), found.notes), True)


def painted_image(path: str, label: str) -> Texture:
    """A guide or a mask.

    Args:
        path: of an image.
        label: that errors call it by.

    Raises:
        MatshotError: for a file that is missing or no image.
    """
    check_exists(path, label)
    if Path(path).is_dir():
        raise MatshotError(f"{label} must be an image, but {path} is a folder.")
    return read_texture(path, encoding="srgb")


def check_exists(path: str, label: str) -> None:
    """Check that a parameter's file or folder exists.

    Raises:
        MatshotError: when it does not.
    """
    if not Path(path).exists():
        raise MatshotError(f"{label}: {path} does not exist.")


def image_encoding(path: Path) -> tuple[Encoding | Literal["auto"], Convention]:
    """What the pixels of a single image are by its name, and the convention of its green channel."""
    guess = guess_map(path)
    if guess is None or not guess.sure or guess.encoding == "srgb":
        return "auto", "gl"
    return guess.encoding, guess.convention


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
        return write_image(next(iter(material.maps.values())), target)
    return delivered(material, target)


def write_image(texture: Texture, target: Path, *, depth: Depth | None = None) -> Path:
    """Write an image that somebody named; as the picture of a material, it is noted there as Matshot's.

    Args:
        texture: to write.
        target: file.
        depth: bits per sample; None for those of the source.

    Raises:
        MatshotError: when it cannot be written; what was there stays.
    """
    if target.name != PREVIEW or own_description(target.parent) is None:
        return write_texture(texture, target, depth=depth)
    with staging_folder(target.parent) as aside:
        write_texture(texture, aside / PREVIEW, depth=depth)
        place_files([PREVIEW], aside, target.parent)
    return target


def targets(
    source: str | os.PathLike[str],
    output: Path,
    *,
    image: bool,
    name: str = "",
    endings: Sequence[str] = ("",),
    suffix: str = "",
    inputs: Sequence[Path] = (),
    in_place: bool = False,
) -> list[Path]:
    """Files or folders that outputs go to, one for each ending, checked before the work.

    Args:
        source: that was read; its name and suffix are those of images in a folder.
        output: a file for a single image, else a folder.
        image: whether outputs are images.
        name: of material folders.
        endings: of names; a single empty one takes the output as it is.
        suffix: of images in a folder; empty for the source's, or PNG where that cannot be written.
        inputs: everything that was read, whose files are not written over.
        in_place: whether a folder may be written over itself.

    Raises:
        MatshotError: when the output cannot be written, is an input or one of its maps, or one file is to hold
            several.
    """
    source = Path(source)
    if not image:
        found = [output / f"{name}{ending}" if ending else output for ending in endings]
        for folder in found:
            check_folder(folder)
            if not in_place and folder.exists() and source.exists() and folder.samefile(source):
                raise MatshotError(f"{source.name} would overwrite itself; choose another output.")
        return found
    ending_of_file = output.suffix.lower()
    if ending_of_file and ending_of_file not in WRITABLE and not output.is_dir():
        raise MatshotError(
            f"Unknown image format {ending_of_file}. Choose from: {', '.join(WRITABLE)}. "
            "A folder with a dot in its name has to exist already."
        )
    if ending_of_file in WRITABLE and not output.is_dir():
        if len(endings) > 1:
            raise MatshotError(f"{len(endings)} images do not fit into the one file {output.name}; give a folder.")
        found = [output]
    else:
        check_folder(output)
        own = suffix or (source.suffix if source.suffix.lower() in WRITABLE else ".png")
        found = [output / f"{source.stem}{ending}{own}" for ending in endings]
    if any(target.exists() and source.exists() and target.samefile(source) for target in found):
        raise MatshotError(f"{source.name} would overwrite itself; choose another output.")
    folders = [one for one in (source, *inputs) if one.is_dir()]
    for target in found:
        # Of an input's folder only the picture of the material may be replaced.
        if target.exists() and target.name != PREVIEW and any(target.parent.samefile(one) for one in folders):
            raise MatshotError(f"{target} belongs to an input and stays as it is; choose another output.")
    check_folder(found[0].parent)
    return found


def check_own(folder: Path, *, preview: bool = True, in_place: bool = False) -> None:
    """Find out before the work whether a material may be written into a folder.

    Args:
        folder: that exists or not.
        preview: whether a picture of the material will be written, too.
        in_place: whether the material was read from there, so that of its maps those that were changed may stay; what
            would replace one is refused when the material is written.

    Raises:
        MatshotError: when it holds files of a material's names that Matshot did not write, or maps that were changed
            since it wrote them.
    """
    if not in_place:
        check_unchanged(folder)
    check_unclaimed([*RECORD, *([PREVIEW] if preview else [])], folder)


def delivered(
    material: Material,
    folder: Path,
    *,
    suffix: str | None = ".png",
    depth: Depth | None = None,
    convention: Convention = "gl",
    original: Material | None = None,
    compression: Compression = "best",
) -> Path:
    """Write a material's folder and, if it can be lit, ``preview.png`` in it.

    Args:
        material: to write.
        folder: target.
        suffix: as :func:`~matshot.material.folder.save_material` takes it.
        depth: likewise.
        convention: likewise.
        original: likewise.
        compression: likewise.

    Raises:
        MatshotError: when it cannot be written; the folder is then as it was, but for the picture.
    """
    from ..shading.preview import preview

    if "basecolor" in material.maps:
        check_unclaimed([PREVIEW], folder)
    save_material(
        material, folder, suffix=suffix, depth=depth, convention=convention, original=original, compression=compression
    )
    if "basecolor" in material.maps:
        write_preview(preview(material), folder)
    return folder


def write_preview(picture: Texture, folder: Path) -> None:
    """Write the picture of a material into its folder.

    Raises:
        MatshotError: when it cannot be written, or Matshot did not write the one that is there; that stays.
    """
    with staging_folder(folder) as aside:
        write_texture(picture, aside / PREVIEW)
        add_files([PREVIEW], aside, folder)


def asset_work(
    asset: Asset,
    source: Path,
    materials: Callable[[Listener, OnTexture | None], Iterator[Material]],
    endings: tuple[str, ...] = ("",),
) -> ToolWork:
    """Work whose outputs come as the asset did: images for an image, material folders for a material.

    Args:
        asset: that was read.
        source: path that it was read from.
        materials: as :class:`~matshot.tools.job.ToolWork` takes it.
        endings: likewise.
    """
    name = source.stem if asset.image else asset.material.name
    notes = asset.material.parameters.get("notes", ())

    def noted(progress: Listener, on_texture: OnTexture | None) -> Iterator[Material]:
        for material in materials(progress, on_texture):
            yield with_notes(material, notes, first=True)

    return ToolWork(source, noted, image=asset.image, name=name, endings=endings)
