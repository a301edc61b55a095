"""Material folders: found, read and written.

A folder is read by its ``material.json`` or, if it has none, by the names of its files: ambientCG, Poly Haven,
Substance and the suffixes of game engines are known. :meth:`MaterialFolder.explanation` says what was guessed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from matshot_host.description import DESCRIPTION, PREVIEW, RAW_MAPS, check_files, described_maps, read_description

from ..errors import MatshotError
from ..files import move_files, os_reason, staging_folder
from ..image.formats import READABLE, WRITABLE, stored_depth
from ..image.reader import read_texture
from ..image.types import Convention, Depth, Encoding, Texture, Wrap
from ..image.writer import write_texture
from .map_names import BREAK, STORAGE, MapGuess, guess_map
from .raw import raw_maps, write_raw
from .record import RECORD, description_of, with_convention, write_record
from .types import MAP_KINDS, SCALARS, MapKind, Material, RawMaps, map_encoding, map_kind, map_stem

#: Maps that are stored with 16 bits: 8 bits of height are terraces, and those of a normal map show in reflections.
_SIXTEEN_BIT = ("height", "normal")

#: Largest difference of R, G and B in a gray picture that was stored as a color JPEG.
_GRAY = 3 / 255


#: Conventions as people call them.
_CONVENTION_NAMES: dict[Convention, str] = {"gl": "OpenGL (+Y up)", "dx": "DirectX (+Y down)"}

#: Last words in the names of renderings that lie beside the maps.
_PICTURES = ("preview", "thumbnail", "thumb", "render", "cover")

#: Which of two files with the same map is read: the one that can hold more.
_SUFFIX_RANK = {suffix: rank for rank, suffix in enumerate((".exr", ".tif", ".tiff", ".png"))}


@dataclass(frozen=True)
class MapEntry:
    """One map of a material folder.

    Attributes:
        path: of the file.
        kind: of the map.
        encoding: that its pixels get; color comes as ``linear`` from float files all the same.
        convention: of a normal map's green channel.
        reason: how this is known.
        colorspace: of colors, if the description says: ``srgb``, ``linear`` or an OCIO name; else empty.
    """

    path: Path
    kind: MapKind
    encoding: Encoding
    convention: Convention
    reason: str
    colorspace: str = ""


@dataclass(frozen=True)
class MaterialFolder:
    """A folder that holds one material.

    Attributes:
        path: of the folder.
        name: of the material.
        entries: its maps, one of each kind.
        description: contents of ``material.json``, or empty.
        ignored: a sentence for each file that is not read.
    """

    path: Path
    name: str
    entries: tuple[MapEntry, ...]
    description: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    def explanation(self) -> list[str]:
        """Which map each file holds and how this is known, a line each."""
        return [f"{entry.path.name}: {entry.kind}, {entry.reason}" for entry in self.entries] + list(self.ignored)


def find_material(folder: str | os.PathLike[str]) -> MaterialFolder | None:
    """The material in a folder, None if it is not a material folder.

    A folder is one if it has a ``material.json``, or at least two images whose names say that they are different maps
    with the same base; a second base or any other picture, except a preview, makes it an ordinary folder. Of several
    files with the same map, an OpenGL normal comes before a DirectX one, then the deeper format, then the larger file.

    Raises:
        MatshotError: if ``material.json`` is damaged or names files that are not there.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return None
    if (folder / DESCRIPTION).is_file():
        return _described(folder)
    images = sorted(file for file in folder.iterdir() if _is_image(file))
    return _guessed(folder, images, {})


def load_material(folder: str | os.PathLike[str] | MaterialFolder, *, wrap: Wrap | None = None) -> Material:
    """Read a material folder.

    Maps of one number per pixel come with one channel, however they were stored. Packed maps stay packed, see
    :meth:`Material.unpacked`.

    Args:
        folder: its path, or the result of :func:`find_material`.
        wrap: axes on which the maps repeat, if known; else what ``material.json`` says, else ``none``.

    Raises:
        MatshotError: not a material folder, an unreadable map, maps of different sizes.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import brick_material
        >>> folder = matshot.save_material(brick_material(64), "bricks")
        >>> matshot.load_material(folder)
        <Material bricks, 64 x 64, tiles on x and y: basecolor, normal, roughness, height>
    """
    found = folder if isinstance(folder, MaterialFolder) else find_material(folder)
    if found is None:
        if not Path(str(folder)).exists():
            raise MatshotError(f"{folder} does not exist.")
        raise MatshotError(
            f"{folder} is not a material folder: it needs {DESCRIPTION}, or at least two maps of one material and no "
            "other pictures."
        )
    axes: Wrap = wrap if wrap is not None else found.description.get("wrap", "none")
    return material_of(found, {entry.kind: read_map(entry, axes) for entry in found.entries})


def material_of(found: MaterialFolder, maps: Mapping[MapKind, Texture]) -> Material:
    """The material of a folder whose maps are read already.

    Raises:
        MatshotError: for maps of different sizes.
    """
    described = found.description
    size, raw = described.get("physical_size"), described.get("raw")
    return Material(
        maps,
        name=found.name,
        physical_size=(float(size[0]), float(size[1])) if size else None,
        height_scale=described.get("height_scale"),
        origin=described.get("origin", "") or str(found.path),
        parameters=described.get("parameters", {}),
        raw=RawMaps(tuple(raw["maps"]), {}, found.path / RAW_MAPS, raw.get("height_scale")) if raw else None,
    )


def save_material(
    material: Material,
    folder: str | os.PathLike[str],
    *,
    suffix: str | None = ".png",
    depth: Depth | None = None,
    convention: Convention = "gl",
    original: Material | None = None,
) -> Path:
    """Write a material folder: its maps under Matshot's names, ``material.mtlx`` and ``material.json``.

    Raw maps that differ from those of the folder go into ``raw_maps.zip``, for the sliders of ``adjust``. Everything is
    staged first and then moved in, the description last; when something fails, the folder's previous
    contents are still there and still consistent.

    Args:
        material: to write.
        folder: target, created if it does not exist.
        suffix: format of the maps; None for that of each map's source, and PNG without one.
        depth: bits of all maps; else each map keeps those of its source, and new maps get 8, heights and normals 16.
        convention: of the normal map: ``gl`` (+Y up) or ``dx`` (+Y down).
        original: material that was read, of which the files of maps that are still the same are copied.

    Raises:
        MatshotError: if a map does not fit the format, the folder cannot be written, or it has a file of that name
            that Matshot did not write; nothing is left behind then.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import brick_material
        >>> folder = matshot.save_material(brick_material(64), "bricks_unreal", convention="dx", suffix=".tga")
        >>> sorted(file.name for file in folder.glob("*.tga"))
        ['basecolor.tga', 'height.tga', 'normal_dx.tga', 'roughness.tga']
    """
    if not isinstance(material, Material):
        raise TypeError(
            f"save_material takes a Material, got a {type(material).__name__}; write_texture takes a Texture."
        )
    folder = Path(folder)
    files = {kind: map_stem(kind, convention) + (suffix or _own_suffix(map_)) for kind, map_ in material.maps.items()}
    raw = raw_maps(material)
    names = [*files.values(), *([RAW_MAPS] if raw is not None else []), *RECORD]
    check_unclaimed(names, folder)
    with staging_folder(folder) as aside:
        depths: dict[MapKind, Depth] = {}
        for kind, texture in material.maps.items():
            stored = with_convention(texture, convention) if kind == "normal" else texture
            fallback: Depth = "uint16" if kind in _SIXTEEN_BIT else "uint8"
            depths[kind] = depth or (texture.source.depth if texture.source else fallback)
            same = original is not None and kind in original.maps and original.maps[kind].pixels is texture.pixels
            if same and _is_stored_alike(texture, aside / files[kind], depths[kind], convention):
                _copy_map(texture, aside / files[kind])
            else:
                write_texture(stored, aside / files[kind], depth=depths[kind])
        if raw is not None:
            held = {kind: (file, stored_depth(Path(file), depths[kind])) for kind, file in files.items()}
            write_raw(raw, material, held, aside / RAW_MAPS)
        write_record(description_of(replace(material, raw=raw), files, convention, depth), aside, folder)
        move_files(names, aside, folder)
    return folder


def _is_stored_alike(texture: Texture, target: Path, depth: Depth, convention: Convention) -> bool:
    """Whether a map's file is what would be written."""
    source = texture.source
    if source is None or not source.path.is_file() or source.path.suffix.lower() != target.suffix.lower():
        return False
    return source.depth == depth and (texture.encoding != "normal" or source.convention == convention)


def _copy_map(texture: Texture, target: Path) -> None:
    assert texture.source is not None
    try:
        shutil.copyfile(texture.source.path, target)
    except OSError as error:
        raise MatshotError(f"{texture.source.path} could not be copied: {os_reason(error)}.", repr(error)) from error


def check_unclaimed(names: Iterable[str], folder: Path) -> None:
    """Check that files of a material may be written: their names are free, or Matshot wrote what has them.

    Args:
        names: of the files to write.
        folder: that they go to. Matshot wrote the maps that its ``material.json`` describes there.

    Raises:
        MatshotError: when Matshot did not write one of them.
    """
    present = [name for name in names if os.path.lexists(folder / name)]
    described = _maps_by_matshot(folder) if present else None
    for name in present:
        if described is None or name not in (*described, *RECORD, PREVIEW):
            raise MatshotError(
                f"{folder / name} exists and was not written by Matshot; choose another folder, or move the file away."
            )


def _maps_by_matshot(folder: Path) -> set[str] | None:
    """Names of the maps of a material that Matshot wrote into a folder, raw ones too; None where it wrote none."""
    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        raw = [RAW_MAPS] if description.get("raw") else []
        named = {str(one["file"]) for one in description["maps"].values()}
        return named.union(raw) if "matshot" in description else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _is_image(file: Path) -> bool:
    return file.is_file() and file.suffix.lower() in READABLE and not file.name.startswith(".")


def _guessed(folder: Path, images: list[Path], description: Mapping[str, Any]) -> MaterialFolder | None:
    guesses: list[tuple[Path, MapGuess]] = []
    others: list[Path] = []
    for image in images:
        guess = guess_map(image)
        if guess is None:
            others.append(image)
        else:
            guesses.append((image, guess))
    bases = {guess.base for _, guess in guesses}
    if len(bases) != 1 or len({guess.kind for _, guess in guesses}) < 2:
        return None
    base = bases.pop()
    if not all(_is_preview(other, base) for other in others):
        return None
    ignored = [f"{other.name}: ignored, a picture of the material" for other in others]
    entries: dict[MapKind, MapEntry] = {}
    for path, guess in sorted(guesses, key=_preference):
        if guess.kind in entries:
            ignored.append(f"{path.name}: ignored, {entries[guess.kind].path.name} holds the same map")
        else:
            entries[guess.kind] = _entry(path, guess)
    ordered = tuple(sorted(entries.values(), key=lambda entry: MAP_KINDS.index(entry.kind)))
    return MaterialFolder(
        folder, _material_name(guesses, base) or folder.resolve().name, ordered, description, tuple(ignored)
    )


def _material_name(guesses: list[tuple[Path, MapGuess]], base: str) -> str:
    """The material's name: the base, as the files spell it."""
    stem = guesses[0][0].stem
    return stem[: len(base)] if stem.lower().startswith(base) else base


def _preference(candidate: tuple[Path, MapGuess]) -> tuple[bool, int, int, str]:
    path, guess = candidate
    rank = _SUFFIX_RANK.get(path.suffix.lower(), len(_SUFFIX_RANK))
    return guess.stated and guess.convention == "dx", rank, -path.stat().st_size, path.name


def _entry(path: Path, guess: MapGuess) -> MapEntry:
    reason = f"by its {guess.scheme} name" if guess.scheme != "plain" else "by its name"
    if guess.kind == "normal":
        way = _CONVENTION_NAMES[guess.convention]
        reason += f", {way}" if guess.stated else f", assumed {way}, since the name does not say"
    return MapEntry(path, guess.kind, guess.encoding, guess.convention, reason)


def _is_preview(image: Path, base: str) -> bool:
    words = [word for word in BREAK.split(image.stem.lower()) if word and not STORAGE.fullmatch(word)]
    return bool(words) and (words[-1] in _PICTURES or "_".join(words) == base)


def _described(folder: Path) -> MaterialFolder:
    """A folder by its ``material.json``; if that lists no maps, by the names of the files."""
    file = folder / DESCRIPTION
    description = read_description(str(folder))
    maps = described_maps(description, str(folder))
    if not maps:
        images = sorted(image for image in folder.iterdir() if _is_image(image))
        found = _guessed(folder, images, description)
        if found is None:
            raise MatshotError(f"{file} lists no maps, and the names of the files beside it do not identify any.")
        return replace(found, name=description.get("name") or found.name)
    check_files(maps, str(folder))
    entries = []
    for name, stored in maps.items():
        kind = map_kind(name)
        convention: Convention = "dx" if stored.convention == "dx" else "gl"
        reason = f"by {DESCRIPTION}"
        if kind == "normal":
            reason += f", {_CONVENTION_NAMES[convention]}"
        path = folder / description["maps"][name]["file"]
        entries.append(MapEntry(path, kind, map_encoding(kind), convention, reason, stored.colorspace))
    return MaterialFolder(folder, description.get("name") or folder.resolve().name, tuple(entries), description)


def read_map(entry: MapEntry, wrap: Wrap, reader: Callable[..., Texture] = read_texture) -> Texture:
    """One map of a folder; those of one number per pixel come with one channel.

    Args:
        entry: of the map.
        wrap: axes on which it repeats.
        reader: reads the file, as :func:`~matshot.image.reader.read_texture`.

    Raises:
        MatshotError: for a file that cannot be read.
    """
    encoding: Encoding | Literal["auto"] = entry.encoding
    colorspace = ""
    if encoding == "srgb":
        plain: dict[str, Encoding] = {"srgb": "srgb", "linear": "linear"}
        encoding = plain.get(entry.colorspace, "auto")
        colorspace = "" if entry.colorspace in plain else entry.colorspace
    texture = reader(entry.path, encoding=encoding, colorspace=colorspace, convention=entry.convention, wrap=wrap)
    return _scalar(texture) if entry.kind in SCALARS else texture


def _scalar(texture: Texture) -> Texture:
    """One channel: that of a gray picture, else the mean of the channels; alpha has no meaning in such a map."""
    color = texture.color
    if color.shape[2] == 1:
        return texture.with_pixels(np.ascontiguousarray(color))
    alike = float(np.ptp(color, axis=2).max()) <= _GRAY
    # Green carries the most of a JPEG's luma; of equal channels any will do, and exactly.
    one = color[..., 1:2] if alike else color.mean(axis=2, keepdims=True)
    return texture.with_pixels(np.ascontiguousarray(one, dtype=np.float32))


def _own_suffix(texture: Texture) -> str:
    suffix = texture.source.path.suffix.lower() if texture.source else ""
    return suffix if suffix in WRITABLE else ".png"
