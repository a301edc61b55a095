"""Material folders: found, read and written.

A folder is read by its ``material.json`` or, if it has none, by the names of its files: ambientCG, Poly Haven,
Substance and the suffixes of game engines are known. :meth:`MaterialFolder.explanation` says what was guessed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from matshot_host.description import (
    DESCRIPTION,
    RAW_MAPS,
    check_files,
    described_maps,
    read_description,
)
from matshot_host.map_names import map_words

from ..errors import MatshotError
from ..files import move_files, os_reason, staging_folder
from ..image.color import Pixels
from ..image.formats import READABLE, UNREAD, WRITABLE, stored_depth
from ..image.normals import measured_convention
from ..image.reader import read_texture
from ..image.rec709 import rec709_texture
from ..image.types import Convention, Depth, Encoding, Texture, Wrap
from ..image.writer import storage_notes, write_textures
from .claims import check_unclaimed, digests_of
from .compressed import Compression, as_compressed, compression_notes, is_compressed, write_mips
from .map_names import MapGuess, guess_map
from .mips import material_mips
from .raw import raw_maps, write_raw
from .record import RECORD, description_of, with_convention, write_record
from .resize import resized_map
from .types import MAP_KINDS, SCALARS, MapKind, Material, RawMaps, map_encoding, map_kind, map_stem

#: Maps that are stored with 16 bits: 8 bits of height are terraces, and those of a normal map show in reflections.
_SIXTEEN_BIT = ("height", "normal")

#: Largest difference of R, G and B in a gray picture that was stored as a color JPEG.
_GRAY = 3 / 255


#: Conventions as people call them.
CONVENTION_NAMES: dict[Convention, str] = {"gl": "OpenGL (+Y up)", "dx": "DirectX (+Y down)"}

#: Folders that hold a material's maps, in lower case.
_MAP_FOLDERS = ("textures", "maps")

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
        packing: kinds in the channels of a packed map of another order than ``orm``; ``kind`` is the first of them.
        stated: whether name or description say the convention, so that it is not measured.
    """

    path: Path
    kind: MapKind
    encoding: Encoding
    convention: Convention
    reason: str
    colorspace: str = ""
    packing: tuple[MapKind | None, ...] = ()
    stated: bool = True


@dataclass(frozen=True)
class MaterialFolder:
    """A folder that holds one material.

    Attributes:
        path: of the folder.
        name: of the material.
        entries: its maps, one of each kind.
        description: contents of ``material.json``, or empty.
        ignored: a sentence for each file that only shows the material, or doubles one of its maps.
        left_out: a sentence for each other file that is not read.
    """

    path: Path
    name: str
    entries: tuple[MapEntry, ...]
    description: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def explanation(self) -> list[str]:
        """Which map each file holds and how this is known, a line each, and what is not read."""
        lines = [f"{entry.path.name}: {_kinds_in_words(entry)}, {entry.reason}" for entry in self.entries]
        return [*lines, *self.ignored, *self.left_out]


def find_material(folder: str | os.PathLike[str], *, nested: bool = False) -> MaterialFolder | None:
    """The material in a folder, None if it is not a material folder.

    A folder is one if it has a ``material.json``, or at least two images whose names say that they are different maps
    with the same base; two such bases make it an ordinary folder, other pictures are left out. Of several files with
    the same map, an OpenGL normal comes before a DirectX one, then the first variant, then the deeper format, then the
    larger file.

    Args:
        folder: its path.
        nested: whether maps may lie in its folder ``textures``, as those of Poly Haven do.

    Raises:
        MatshotError: if ``material.json`` is damaged or names files that are not there.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return None
    if (folder / DESCRIPTION).is_file():
        return _described(folder)
    found = _guessed(folder, _images(folder), {})
    if found is None and nested and not _images(folder):
        for place in sorted(one for one in folder.iterdir() if one.name.lower() in _MAP_FOLDERS and one.is_dir()):
            inside = find_material(place)
            if inside is not None:
                return inside
    return found


def _images(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if _is_image(file))


def load_material(
    folder: str | os.PathLike[str] | MaterialFolder,
    *,
    wrap: Wrap | None = None,
    normal: Convention | Literal["auto"] = "auto",
    size: int = 0,
) -> Material:
    """Read a material folder.

    Maps of one number per pixel come with one channel, however they were stored. Maps packed as ``orm`` stay packed,
    see :meth:`Material.unpacked`; those of other orders come apart. Maps of several sizes come in the largest of them.
    What was guessed, measured, changed or left out is in ``parameters["notes"]``.

    Args:
        folder: its path, or the result of :func:`find_material`.
        wrap: axes on which the maps repeat, if known; else what ``material.json`` says, else ``none``.
        normal: convention of the normal map's file; ``auto`` is what name or description say, else it is measured.
        size: longer side in pixels, at most, that maps of several sizes are brought to; 0 for the largest of them.

    Raises:
        MatshotError: not a material folder, an unreadable map, maps of different proportions.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import brick_material
        >>> folder = matshot.save_material(brick_material(64), "bricks")
        >>> matshot.load_material(folder)
        <Material bricks, 64 x 64, tiles on x and y: basecolor, normal, roughness, height>
    """
    found = folder if isinstance(folder, MaterialFolder) else find_material(folder, nested=True)
    if found is None:
        raise _no_material(Path(str(folder)))
    axes: Wrap = wrap if wrap is not None else found.description.get("wrap", "none")
    notes: list[str] = [] if found.description.get("maps") else found.explanation()
    maps = read_maps(found, axes, notes, normal=normal)
    maps = _of_one_size(found.name, maps, size, notes)
    normal_entry = next((entry for entry in found.entries if entry.kind == "normal"), None)
    if normal_entry is not None:
        maps["normal"] = _with_convention_found(normal_entry, maps, axes, normal, notes)
    return material_of(found, maps, notes)


def material_of(found: MaterialFolder, maps: Mapping[MapKind, Texture], notes: Iterable[str] = ()) -> Material:
    """The material of a folder whose maps are read already.

    Args:
        found: the folder.
        maps: of it.
        notes: on how they were read, for the user; those of an earlier tool are not repeated.

    Raises:
        MatshotError: for maps of different sizes.
    """
    described = found.description
    physical, raw = described.get("physical_size"), described.get("raw")
    parameters = {key: value for key, value in described.get("parameters", {}).items() if key != "notes"}
    said = list(dict.fromkeys(notes))
    return Material(
        {kind: maps[kind] for kind in sorted(maps, key=MAP_KINDS.index)} if not described.get("maps") else maps,
        name=found.name,
        physical_size=(float(physical[0]), float(physical[1])) if physical else None,
        height_scale=described.get("height_scale"),
        origin=described.get("origin", "") or str(found.path),
        parameters={**parameters, "notes": said} if said else parameters,
        raw=RawMaps(tuple(raw["maps"]), {}, found.path / RAW_MAPS, raw.get("height_scale")) if raw else None,
    )


def _no_material(folder: Path) -> MatshotError:
    """The error for a folder that is not one material, with the reason."""
    if not folder.exists():
        return MatshotError(f"{folder} does not exist.")
    kinds: dict[str, set[str]] = {}
    spelled: dict[str, str] = {}
    for image in _images(folder) if folder.is_dir() else []:
        if guess := guess_map(image):
            kinds.setdefault(guess.base, set()).update(guess.kinds)
            spelled.setdefault(guess.base, _material_name([(image, guess)], guess.base))
    several = [spelled[base] for base in sorted(kinds) if len(kinds[base]) > 1]
    if len(several) > 1:
        listed = ", ".join(several[:6]) + (" and more" if len(several) > 6 else "")
        return MatshotError(f"{folder} holds maps of several materials: {listed}. Give each a folder of its own.")
    return MatshotError(
        f"{folder} is not a material folder: it needs {DESCRIPTION}, or at least two maps of one material by their "
        "names, such as wall_basecolor.png and wall_normal.png."
    )


def read_maps(
    found: MaterialFolder,
    wrap: Wrap,
    notes: list[str],
    reader: Callable[..., Texture] = read_texture,
    *,
    normal: Convention | Literal["auto"] = "auto",
) -> dict[MapKind, Texture]:
    """Every map of a folder as it is in its file, packed ones of other orders than ``orm`` apart.

    Args:
        found: the folder.
        wrap: axes on which they repeat.
        notes: gets sentences about what was left out or changed.
        reader: reads a file, as :func:`~matshot.image.reader.read_texture`.
        normal: convention of the normal map's file, if it is given.

    Raises:
        MatshotError: for a file that cannot be read.
    """
    maps: dict[MapKind, Texture] = {}
    for entry in found.entries:
        if normal != "auto" and entry.kind == "normal":
            entry = replace(entry, convention=normal, stated=True)
        if entry.packing:
            maps.update(_unpacked_maps(entry, reader(entry.path, encoding="data", wrap=wrap), maps, notes))
            continue
        texture = _read_map(entry, wrap, notes, reader)
        if entry.kind == "orm" and texture.pixels.shape[2] == 4:
            notes.append(f"{entry.path.name}: the fourth channel is left out.")
            texture = texture.with_pixels(np.ascontiguousarray(texture.pixels[..., :3]))
        maps[entry.kind] = texture
    return maps


def _unpacked_maps(
    entry: MapEntry, packed: Texture, taken: Mapping[MapKind, Texture], notes: list[str]
) -> dict[MapKind, Texture]:
    """The maps that a file packs; what is left out goes to the notes."""
    notes += packed.notes
    assert packed.source is not None
    packed = replace(packed, source=replace(packed.source, derived=True))
    maps: dict[MapKind, Texture] = {}
    for index, kind in enumerate(entry.packing):
        if kind is None or kind in taken:
            continue
        if index >= packed.pixels.shape[2]:
            notes.append(f"{entry.path.name}: {kind} is missing; the file has {packed.pixels.shape[2]} channels.")
            continue
        maps[kind] = packed.with_pixels(np.ascontiguousarray(packed.pixels[..., index : index + 1]))
    unused = [
        "RGBA"[index]
        for index in range(packed.pixels.shape[2])
        if (index >= len(entry.packing) or entry.packing[index] is None)
        and float(np.ptp(packed.pixels[..., index])) > 0
    ]
    if unused:
        listed = f"channels {' and '.join(unused)} are" if len(unused) > 1 else f"channel {unused[0]} is"
        notes.append(f"{entry.path.name}: {listed} left out.")
    return maps


def _of_one_size(name: str, maps: dict[MapKind, Texture], size: int, notes: list[str]) -> dict[MapKind, Texture]:
    """Maps in the largest size among them, or in a smaller one that is wanted."""
    sizes = {(texture.width, texture.height) for texture in maps.values()}
    if len(sizes) < 2:
        return maps
    width, height = max(sizes, key=lambda one: one[0] * one[1])
    if any(abs(one[0] * height - one[1] * width) > max(width, height) for one in sizes):
        return maps  # of other proportions: the material says so
    if 0 < size < max(width, height):
        scale = size / max(width, height)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
    changed = [f"{kind} {texture.width} x {texture.height}" for kind, texture in maps.items()
               if (texture.width, texture.height) != (width, height)]  # fmt: skip
    notes.append(f"{name}: maps differ in size; brought to {width} x {height}: {', '.join(changed)}.")
    return {kind: resized_map(texture, (width, height)) for kind, texture in maps.items()}


def _with_convention_found(
    entry: MapEntry,
    maps: Mapping[MapKind, Texture],
    wrap: Wrap,
    given: Convention | Literal["auto"],
    notes: list[str],
) -> Texture:
    """The normal map in the convention that its name says, that is given, or that is measured; a note says which."""
    texture = maps["normal"]
    if given != "auto":
        notes.append(f"{entry.path.name}: read as {CONVENTION_NAMES[given]}, as given.")
        return texture
    if entry.stated and entry.reason.startswith(f"by {DESCRIPTION}"):
        return texture
    height = maps["height"].pixels if "height" in maps else None
    fixed, note = resolved_convention(texture, entry.convention, entry.stated, height, wrap)
    notes.append(f"{entry.path.name}: {note}")
    return fixed


def resolved_convention(
    texture: Texture, convention: Convention, stated: bool, height: Pixels | None = None, wrap: Wrap = "none"
) -> tuple[Texture, str]:
    """A normal map in the convention of its file, measured where no name states it.

    Args:
        texture: read in ``convention``.
        convention: stated, or usual.
        stated: which of the two.
        height: of the same surface, if there is one.
        wrap: axes on which both repeat.

    Returns:
        The normal map, and what is known: the end of a sentence.
    """
    flip = np.array([1, -1, 1], dtype=np.float32)
    as_gl = texture.pixels[..., :3] * (flip if convention == "dx" else 1)
    measured = measured_convention(as_gl, height, wrap)
    if measured is None:
        how = "by its name" if stated else "assumed, for neither its name nor its pixels say"
        return texture, f"{CONVENTION_NAMES[convention]}, {how}."
    found, by = measured
    how = "against the height map" if by == "height" else "by its curl"
    if stated:
        doubt = "" if found == convention else f"; {how} it looks like {CONVENTION_NAMES[found]}"
        return texture, f"{CONVENTION_NAMES[convention]}, by its name{doubt}."
    if found != convention:
        pixels = texture.pixels.copy()
        pixels[..., 1] = -pixels[..., 1]
        texture = with_convention(texture.with_pixels(pixels), found)
    return texture, f"{CONVENTION_NAMES[found]}, measured {how}."


def save_material(
    material: Material,
    folder: str | os.PathLike[str],
    *,
    suffix: str | None = ".png",
    depth: Depth | None = None,
    convention: Convention = "gl",
    original: Material | None = None,
    compression: Compression = "best",
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
        compression: codecs of ``.dds`` and ``.ktx2``, which hold mips too: ``best`` or ``small``.

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
    mips = material_mips(material) if is_compressed(suffix) else []
    described = as_compressed(material) if mips else material
    files = {kind: map_stem(kind, convention) + (suffix or _own_suffix(map_)) for kind, map_ in material.maps.items()}
    raw = raw_maps(material)
    names = [*files.values(), *([RAW_MAPS] if raw is not None else []), *RECORD]
    depths = {kind: depth or _own_depth(kind, described.maps[kind]) for kind in files}
    copied = {
        files[kind]
        for kind, texture in material.maps.items()
        if not mips and _is_map_of(original, kind, texture)
        and _is_stored_alike(texture, folder / files[kind], depths[kind], convention)
    }  # fmt: skip
    check_unclaimed([name for name in names if name not in copied], folder)
    with staging_folder(folder) as aside:
        writes: list[tuple[Texture, Path, Depth | None]] = []
        for kind, texture in material.maps.items():
            if mips:
                levels = [_as_stored(one.maps[kind], convention) for one in mips]
                write_mips(levels, aside / files[kind], compression)
                continue
            if files[kind] in copied:
                _copy_map(texture, aside / files[kind])
            else:
                writes.append((_as_stored(texture, convention), aside / files[kind], depths[kind]))
        write_textures(writes)
        if raw is not None:
            # What blocks hold is no longer what was captured.
            held = {kind: (file, stored_depth(Path(file), depths[kind])) for kind, file in files.items() if not mips}
            write_raw(raw, material, held, aside / RAW_MAPS)
        fresh = digests_of([name for name in names if name not in RECORD], aside)
        write_record(description_of(replace(described, raw=raw), files, convention, depth), aside, folder, fresh)
        check_unclaimed(names, folder, fresh)  # again, since maps take seconds to write
        move_files(names, aside, folder)
    return folder


def _own_depth(kind: MapKind, texture: Texture) -> Depth:
    """Bits of a map's source; of a new one, by what it holds."""
    return texture.source.depth if texture.source else "uint16" if kind in _SIXTEEN_BIT else "uint8"


def _is_map_of(original: Material | None, kind: MapKind, texture: Texture) -> bool:
    """Whether a map is as it was read."""
    return original is not None and kind in original.maps and original.maps[kind].pixels is texture.pixels


def _as_stored(texture: Texture, convention: Convention) -> Texture:
    """A map in the convention of its file."""
    return with_convention(texture, convention) if texture.encoding == "normal" else texture


def material_storage_notes(
    material: Material,
    *,
    suffix: str | None = ".png",
    depth: Depth | None = None,
    convention: Convention = "gl",
    compression: Compression = "best",
) -> tuple[str, ...]:
    """Sentences about what the files of :func:`save_material` will not hold as the maps' sources do; its arguments."""
    notes: list[str] = []
    for kind, texture in material.maps.items():
        path = Path(map_stem(kind, convention) + (suffix or _own_suffix(texture)))
        if is_compressed(suffix):
            notes += compression_notes(texture, path, compression)
        elif texture.source is not None:
            stored = stored_depth(path, depth or texture.source.depth)
            notes += storage_notes(texture, path, stored)
    return tuple(notes)


def _is_stored_alike(texture: Texture, target: Path, depth: Depth, convention: Convention) -> bool:
    """Whether a map's file is what would be written."""
    source = texture.source
    if source is None or source.derived or not source.path.is_file():
        return False
    if source.path.suffix.lower() != target.suffix.lower():
        return False
    return source.depth == depth and (texture.encoding != "normal" or source.convention == convention)


def _copy_map(texture: Texture, target: Path) -> None:
    assert texture.source is not None
    try:
        shutil.copyfile(texture.source.path, target)
    except OSError as error:
        raise MatshotError(f"{texture.source.path} could not be copied: {os_reason(error)}.", repr(error)) from error


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
    base = _main_base([guess for _, guess in guesses])
    if base is None:
        return None
    others += [path for path, guess in guesses if guess.base != base]
    guesses = [one for one in guesses if one[1].base == base]
    ignored, left_out = [], []
    for other in sorted(others):
        if _is_preview(other, base):
            ignored.append(f"{other.name}: ignored, a picture of the material")
        else:
            left_out.append(f"{other.name}: left out, not a map of {base or 'this material'} by its name")
    entries: dict[MapKind, MapEntry] = {}
    for path, guess in sorted(guesses, key=_preference):
        new = [kind for kind in guess.kinds if kind not in entries]
        if not guess.kinds:
            left_out.append(f"{path.name}: left out, a {guess.description}, which materials here do not have")
        elif not new:
            held = entries[guess.kinds[0]].path.name
            ignored.append(f"{path.name}: ignored, {held} holds the same map")
        else:
            entry = _entry(path, guess)
            if guess.kind is None:
                entry = replace(entry, kind=new[0], packing=tuple(k if k in new else None for k in guess.packing))
            entries.update(dict.fromkeys(new, entry))
    unique = {entry.path: entry for entry in entries.values()}.values()
    ordered = tuple(sorted(unique, key=lambda entry: MAP_KINDS.index(entry.kind)))
    name = _material_name(guesses, base) or _outer_name(folder)
    return MaterialFolder(folder, name, ordered, description, tuple(ignored), (*left_out, *unread_pictures(folder)))


def _main_base(guesses: list[MapGuess]) -> str | None:
    """What the names of one material's maps have in common; None where there are two materials, or none."""
    kinds: dict[str, set[MapKind]] = {}
    variants: dict[tuple[str, str], set[MapKind]] = {}
    for guess in guesses:
        kinds.setdefault(guess.base, set()).update(guess.kinds)
        variants.setdefault((guess.base, guess.variant), set()).update(guess.kinds)
    bases = [base for base, found in kinds.items() if len(found) > 1]
    # wall_color_01, wall_normal_01, wall_color_02, wall_normal_02 are two materials.
    if len(bases) != 1 or sum(len(found) > 1 for (base, _), found in variants.items() if base == bases[0]) > 1:
        return None
    return bases[0]


def _outer_name(folder: Path) -> str:
    """Name of a folder; of the one above where it is but called textures."""
    place = folder.resolve()
    return place.parent.name if place.name.lower() in _MAP_FOLDERS and place.parent.name else place.name


def unread_pictures(folder: Path, suffixes: Sequence[str] = READABLE) -> list[str]:
    """A sentence for each picture in a folder that is not read: of no such format, or a pipe or a device."""
    sentences = []
    for file in sorted(folder.iterdir()):
        suffix = file.suffix.lower()
        if file.name[0] == "." or file.is_dir() or not file.exists():
            continue
        if suffix in UNREAD and suffix not in suffixes and file.is_file():
            sentences.append(f"{file.name}: left out, {UNREAD[suffix]}")
        elif suffix in suffixes and not file.is_file():
            sentences.append(f"{file.name}: left out, a pipe or a device, not a file")
    return sentences


def _kinds_in_words(entry: MapEntry) -> str:
    if not entry.packing:
        return entry.kind
    return " and ".join(f"{kind} ({'RGBA'[index]})" for index, kind in enumerate(entry.packing) if kind is not None)


def _material_name(guesses: list[tuple[Path, MapGuess]], base: str) -> str:
    """The material's name: the base, as the files spell it."""
    stem = guesses[0][0].stem
    return stem[: len(base)] if stem.lower().startswith(base) else base


def _preference(candidate: tuple[Path, MapGuess]) -> tuple[bool, bool, int, int, int, str]:
    path, guess = candidate
    rank = _SUFFIX_RANK.get(path.suffix.lower(), len(_SUFFIX_RANK))
    variant = int(guess.variant) if guess.variant.isdigit() else 0
    packed = guess.kind is None
    return packed, guess.stated and guess.convention == "dx", variant, rank, -path.stat().st_size, path.name


def _entry(path: Path, guess: MapGuess) -> MapEntry:
    reason = f"by its {guess.scheme} name" if guess.scheme != "plain" else "by its name"
    if guess.kind == "normal":
        way = CONVENTION_NAMES[guess.convention]
        reason += f", {way}" if guess.stated else f", assumed {way}, since the name does not say"
    return MapEntry(path, guess.kinds[0], guess.encoding, guess.convention, reason, stated=guess.stated)


def _is_preview(image: Path, base: str) -> bool:
    words = map_words(image.stem)
    return bool(words) and (words[-1] in _PICTURES or "_".join(words) == base)


def _described(folder: Path) -> MaterialFolder:
    """A folder by its ``material.json``; if that lists no maps, by the names of the files."""
    file = folder / DESCRIPTION
    description = read_description(str(folder))
    maps = described_maps(description, str(folder))
    if not maps:
        found = _guessed(folder, _images(folder), description)
        if found is None:
            raise MatshotError(f"{file} lists no maps, and the names of the files beside it do not identify any.")
        if description.get("normal") in ("gl", "dx"):
            found = replace(found, entries=tuple(_of_convention(one, description["normal"]) for one in found.entries))
        return replace(found, name=description.get("name") or found.name)
    check_files(maps, str(folder))
    entries = []
    for name, stored in maps.items():
        kind = map_kind(name)
        convention: Convention = "dx" if stored.convention == "dx" else "gl"
        reason = f"by {DESCRIPTION}"
        if kind == "normal":
            reason += f", {CONVENTION_NAMES[convention]}"
        path = folder / description["maps"][name]["file"]
        entries.append(MapEntry(path, kind, map_encoding(kind), convention, reason, stored.colorspace))
    return MaterialFolder(folder, description.get("name") or folder.resolve().name, tuple(entries), description)


def _of_convention(entry: MapEntry, convention: Convention) -> MapEntry:
    """A normal map whose description states its convention; other maps as they are."""
    if entry.kind != "normal":
        return entry
    reason = f"by {DESCRIPTION}, {CONVENTION_NAMES[convention]}"
    return replace(entry, convention=convention, reason=reason, stated=True)


def _read_map(entry: MapEntry, wrap: Wrap, notes: list[str], reader: Callable[..., Texture] = read_texture) -> Texture:
    """One map of a folder; those of one number per pixel come with one channel."""
    encoding: Encoding | Literal["auto"] = entry.encoding
    colorspace = ""
    if encoding == "srgb":
        plain: dict[str, Encoding] = {"srgb": "srgb", "linear": "linear"}
        encoding = plain.get(entry.colorspace, "auto")
        colorspace = "" if entry.colorspace in plain else entry.colorspace
    texture = reader(entry.path, encoding=encoding, colorspace=colorspace, convention=entry.convention, wrap=wrap)
    if entry.encoding == "srgb":
        if texture.encoding == "data":
            raise MatshotError(f"{entry.path.name} is named as {entry.kind}, but holds numbers and no color.")
        texture = rec709_texture(texture)
    notes += texture.notes
    return _scalar(entry, texture, notes) if entry.kind in SCALARS else texture


def _scalar(entry: MapEntry, texture: Texture, notes: list[str]) -> Texture:
    """One channel: that of a gray picture, else the mean of the channels, or the alpha of an opacity map."""
    color, alpha = texture.color, texture.alpha
    varied = alpha is not None and float(np.ptp(alpha)) > 0
    if entry.kind == "opacity" and alpha is not None and varied:
        even = (
            float(np.ptp(color.mean(axis=2))) <= _GRAY or float(np.abs(color.mean(axis=2) - alpha[..., 0]).max()) < 0.1
        )
        if even:
            notes.append(f"{entry.path.name}: opacity is taken from alpha.")
            return texture.with_pixels(np.ascontiguousarray(alpha))
    if varied:
        notes.append(f"{entry.path.name}: its alpha is left out.")
    if color.shape[2] == 1:
        return texture.with_pixels(np.ascontiguousarray(color))
    alike = float(np.ptp(color, axis=2).max()) <= _GRAY
    # Green carries the most of a JPEG's luma; of equal channels any will do, and exactly.
    one = color[..., 1:2] if alike else color.mean(axis=2, keepdims=True)
    if not alike:
        notes.append(f"{entry.path.name}: a color image; {entry.kind} is the mean of its channels.")
    return texture.with_pixels(np.ascontiguousarray(one, dtype=np.float32))


def _own_suffix(texture: Texture) -> str:
    suffix = texture.source.path.suffix.lower() if texture.source else ""
    return suffix if suffix in WRITABLE else ".png"
