"""Materials: named maps that describe one surface, pixel for pixel, and the folders they live in.

A folder is read by its ``material.json`` or, if it has none, by the names of its files: ambientCG, Poly Haven,
Substance and the suffixes of game engines are known. What was guessed can be told, see :meth:`MaterialFolder.explain`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from matshot_host.description import DESCRIPTION as DESCRIPTION
from matshot_host.description import check_files, described_maps, read_description

from ..errors import MatshotError
from ..image.formats import READABLE, WRITABLE
from ..image.reader import read_texture
from ..image.types import Convention, Depth, Encoding, Texture, Wrap
from ..image.writer import write_texture
from .map_names import BREAK, STORAGE, MapGuess, guess_map
from .materialx import DOCUMENT
from .record import description_of, with_convention, write_record
from .types import MAP_KINDS, SCALARS, MapKind, Material, map_encoding, map_kind, map_stem

#: The picture of a material that its folder may hold.
PREVIEW = "preview.png"


#: Eight bits of height are terraces, and eight bits of a normal map are visible in reflections.
_FINE = ("height", "normal")


#: Largest difference of R, G and B in a grey picture that was stored as a colour JPEG.
_GREY = 3 / 255


@dataclass(frozen=True)
class MapEntry:
    """One map of a material folder.

    Attributes:
        path: of the file.
        kind: of the map.
        encoding: that its pixels get; colour comes as ``linear`` from float files all the same.
        convention: of a normal map's green channel.
        reason: how this is known.
        colorspace: of colours, if the description says: ``srgb``, ``linear`` or an OCIO name; else empty.
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
        left_out: sentences about files that are not read.
    """

    path: Path
    name: str
    entries: tuple[MapEntry, ...]
    description: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def explain(self) -> list[str]:
        """What each file was taken for and why, a line each."""
        return [f"{entry.path.name}: {entry.kind}, {entry.reason}" for entry in self.entries] + list(self.left_out)


_CONVENTION_NAMES: dict[Convention, str] = {"gl": "OpenGL (+Y up)", "dx": "DirectX (+Y down)"}


#: Names of renderings that lie beside the maps.
_PICTURES = ("preview", "thumbnail", "thumb", "render", "cover")


#: Which of two files with the same map is read: the one that can hold more.
_SUFFIX_RANK = {suffix: rank for rank, suffix in enumerate((".exr", ".tif", ".tiff", ".png"))}


def find_material(folder: str | os.PathLike[str]) -> MaterialFolder | None:
    """The material that a folder holds, None if it is not a material folder.

    It is one if it has a ``material.json``, or at least two images whose names say that they are different maps with
    the same base. It is none if a second base or any other picture lies there, save a preview. Of several files with
    the same map, an OpenGL normal comes before a DirectX one, then the deeper format, then the larger file.

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
        folder: its path, or what :func:`find_material` found.
        wrap: axes on which the maps repeat, if known; else what ``material.json`` says, else ``none``.

    Raises:
        MatshotError: not a material folder, an unreadable map, maps of different sizes.
    """
    found = folder if isinstance(folder, MaterialFolder) else find_material(folder)
    if found is None:
        if not Path(str(folder)).exists():
            raise MatshotError(f"{folder} does not exist.")
        raise MatshotError(
            f"{folder} is not a material folder: it needs {DESCRIPTION}, or at least two maps of one material and no "
            "other pictures."
        )
    described = found.description
    axes: Wrap = wrap if wrap is not None else described.get("wrap", "none")
    maps = {entry.kind: _read_map(entry, axes) for entry in found.entries}
    size = described.get("physical_size")
    return Material(
        maps,
        name=found.name,
        physical_size=(float(size[0]), float(size[1])) if size else None,
        height_scale=described.get("height_scale"),
        origin=described.get("origin", "") or str(found.path),
        parameters=described.get("parameters", {}),
    )


def save_material(
    material: Material,
    folder: str | os.PathLike[str],
    *,
    suffix: str | None = ".png",
    depth: Depth | None = None,
    convention: Convention = "gl",
) -> Path:
    """Write a material folder: its maps under Matshot's names, ``material.mtlx`` and ``material.json``.

    Everything is written aside first and then moved in, the description last; when something fails, what was in the
    folder is still there and still fits together.

    Args:
        material: to write.
        folder: target, made if it does not exist.
        suffix: format of the maps; None for that of each map's source, and PNG without one.
        depth: bits of all maps; else each map keeps those of its source, and new maps get 8, heights and normals 16.
        convention: of the normal map: ``gl`` (+Y up) or ``dx`` (+Y down).

    Raises:
        MatshotError: if a map does not fit the format or the folder cannot be written; nothing is left behind then.
    """
    folder = Path(folder)
    made = not folder.exists()
    aside = folder / f".{uuid.uuid4().hex}.partial"
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise MatshotError(f"The folder {folder} cannot be made: {(error.strerror or str(error)).lower()}.") from error
    try:
        files: dict[MapKind, str] = {}
        for kind, texture in material.maps.items():
            files[kind] = map_stem(kind, convention) + (suffix or _own_suffix(texture))
            stored = with_convention(texture, convention) if kind == "normal" else texture
            fallback: Depth = "uint16" if kind in _FINE else "uint8"
            write_texture(stored, aside / files[kind], depth=depth or (None if texture.source else fallback))
        write_record(description_of(material, files, convention, depth), folder, aside)
        for name in (*files.values(), DOCUMENT, DESCRIPTION):
            (aside / name).replace(folder / name)
    except OSError as error:
        raise MatshotError(f"{folder} could not be written: {(error.strerror or str(error)).lower()}.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if made:
            # Goes only if it is empty, that is if nothing was moved in.
            with contextlib.suppress(OSError):
                folder.rmdir()
    return folder


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
    left_out = [f"{other.name}: left out, a picture of the material" for other in others]
    entries: dict[MapKind, MapEntry] = {}
    for path, guess in sorted(guesses, key=_preference):
        if guess.kind in entries:
            left_out.append(f"{path.name}: left out, {entries[guess.kind].path.name} holds the same map")
        else:
            entries[guess.kind] = _entry(path, guess)
    ordered = tuple(sorted(entries.values(), key=lambda entry: MAP_KINDS.index(entry.kind)))
    return MaterialFolder(folder, _name(guesses, base) or folder.resolve().name, ordered, description, tuple(left_out))


def _name(guesses: list[tuple[Path, MapGuess]], base: str) -> str:
    """The base as the files spell it."""
    stem = guesses[0][0].stem
    return stem[: len(base)] if stem.lower().startswith(base) else base


def _preference(guessed: tuple[Path, MapGuess]) -> tuple[bool, int, int, str]:
    path, guess = guessed
    rank = _SUFFIX_RANK.get(path.suffix.lower(), len(_SUFFIX_RANK))
    return guess.stated and guess.convention == "dx", rank, -path.stat().st_size, path.name


def _entry(path: Path, guess: MapGuess) -> MapEntry:
    reason = f"by its {guess.scheme} name" if guess.scheme != "plain" else "by its name"
    if guess.kind == "normal":
        way = _CONVENTION_NAMES[guess.convention]
        reason += f", {way}" if guess.stated else f", taken as {way} since the name does not say"
    return MapEntry(path, guess.kind, guess.encoding, guess.convention, reason)


def _is_preview(image: Path, base: str) -> bool:
    words = [word for word in BREAK.split(image.stem.lower()) if word and not STORAGE.fullmatch(word)]
    return bool(words) and (words[-1] in _PICTURES or "_".join(words) == base)


def _described(folder: Path) -> MaterialFolder:
    """A folder by its ``material.json``; one that lists no maps is read by the names of the files."""
    file = folder / DESCRIPTION
    description = read_description(str(folder))
    maps = described_maps(description, str(folder))
    if not maps:
        images = sorted(image for image in folder.iterdir() if _is_image(image))
        found = _guessed(folder, images, description)
        if found is None:
            raise MatshotError(f"{file} lists no maps, and the names of the files beside it do not tell them.")
        return replace(found, name=description.get("name") or found.name)
    check_files(maps, str(folder))
    entries = []
    for name, said in maps.items():
        kind = map_kind(name)
        convention: Convention = "dx" if said.convention == "dx" else "gl"
        reason = f"by {DESCRIPTION}"
        if kind == "normal":
            reason += f", {_CONVENTION_NAMES[convention]}"
        path = folder / description["maps"][name]["file"]
        entries.append(MapEntry(path, kind, map_encoding(kind), convention, reason, said.colorspace))
    return MaterialFolder(folder, description.get("name") or folder.resolve().name, tuple(entries), description)


def _read_map(entry: MapEntry, wrap: Wrap) -> Texture:
    encoding: Encoding | Literal["auto"] = entry.encoding
    colorspace = ""
    if encoding == "srgb":
        plain: dict[str, Encoding] = {"srgb": "srgb", "linear": "linear"}
        encoding = plain.get(entry.colorspace, "auto")
        colorspace = "" if entry.colorspace in plain else entry.colorspace
    texture = read_texture(entry.path, encoding=encoding, colorspace=colorspace, convention=entry.convention, wrap=wrap)
    return _scalar(texture) if entry.kind in SCALARS else texture


def _scalar(texture: Texture) -> Texture:
    """One channel: grey as it is, of different channels their mean; alpha says nothing in such a map."""
    color = texture.color
    if color.shape[2] == 1:
        return texture.with_pixels(np.ascontiguousarray(color))
    alike = float(np.ptp(color, axis=2).max()) <= _GREY
    # Green carries the most of a JPEG's luma; of equal channels any will do, and exactly.
    one = color[..., 1:2] if alike else color.mean(axis=2, keepdims=True)
    return texture.with_pixels(np.ascontiguousarray(one, dtype=np.float32))


def _own_suffix(texture: Texture) -> str:
    suffix = texture.source.path.suffix.lower() if texture.source else ""
    return suffix if suffix in WRITABLE else ".png"
