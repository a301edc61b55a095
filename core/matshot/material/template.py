"""Export templates: names, packing, convention, formats and depths of another program's maps, in one TOML file each.

What a template writes is read again by the names of its files; see :mod:`matshot_host.map_names`. ``material.json``
beside them holds what no picture can: size, wrap, and the convention of the normal map.
"""

from __future__ import annotations

import os
import re
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

import numpy as np

from matshot_host.description import DESCRIPTION
from matshot_host.graph import ROUGHNESS

from ..errors import MatshotError, quoted, unknown_choice
from ..files import file_name, move_files, os_reason, staging_folder
from ..image.color import Pixels
from ..image.formats import COMPRESSED, NO_ALPHA, WRITABLE, stored_depth
from ..image.types import DEPTHS, AlphaKind, Convention, Depth, FileSource, Texture
from ..image.writer import storage_notes, write_textures
from .claims import check_unclaimed, digests_of
from .compressed import Compression, compression_notes, is_compressed, write_mips
from .mips import material_mips
from .record import description_of, with_convention, write_description
from .types import SCALARS, MapKind, Material, map_encoding, map_kind

_FOLDER = Path(__file__).parent / "templates"

#: Places of a file, each with the channels that it fills.
_PLACES = {"rgb": (0, 1, 2), "gray": (0,), "r": (0,), "g": (1,), "b": (2,), "a": (3,)}

#: What channels of packed maps hold where a material has no map for them.
_MISSING: dict[MapKind, float] = {
    "ao": 1.0, "roughness": ROUGHNESS, "gloss": 1 - ROUGHNESS, "metallic": 0.0, "opacity": 1.0, "height": 0.5,
}  # fmt: skip

#: Maps of which one is the other, inverted.
_INVERSE: dict[MapKind, MapKind] = {"roughness": "gloss", "gloss": "roughness"}

#: Words in braces that names may hold.
_FIELDS = ("name", "resolution", "RESOLUTION")


@dataclass(frozen=True)
class TemplateFile:
    """One file of a template.

    Attributes:
        name: without suffix; ``{name}``, ``{resolution}`` and ``{RESOLUTION}`` stand for those of the material.
        places: maps by place: ``rgb`` or ``gray``, or any of ``r``, ``g`` and ``b``; and ``a``.
        suffix: of the file.
        depth: bits of a sample.
    """

    name: str
    places: Mapping[str, MapKind]
    suffix: str
    depth: Depth


@dataclass(frozen=True)
class Template:
    """How another program wants its maps.

    Attributes:
        name: that the command line calls it.
        title: of the program.
        normal: green channel of its normal maps.
        files: that it has at most; those without any map of a material are not written.
        texts: other files by their name, with the same words in braces.
        size: longest side in pixels, 0 for any.
    """

    name: str
    title: str
    normal: Convention
    files: tuple[TemplateFile, ...]
    texts: Mapping[str, str]
    size: int = 0


def template_names() -> tuple[str, ...]:
    """Names of the templates that come with Matshot."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.toml")))


def load_template(name: str) -> Template:
    """A template by its name, or by the path of a TOML file.

    Raises:
        MatshotError: for an unknown name, and for a file that is not a template.
    """
    if name in template_names():
        return _shipped(name)
    path = Path(name)
    if path.suffix.lower() != ".toml":
        raise unknown_choice("template", name, [*template_names(), "a .toml file"])
    try:
        return _parsed(path.stem, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MatshotError(f"{path} could not be read: {os_reason(error)}.", repr(error)) from error
    except UnicodeError as error:
        raise MatshotError(f"{path} is not UTF-8 text.", repr(error)) from error


@lru_cache
def _shipped(name: str) -> Template:
    return _parsed(name, (_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _parsed(name: str, text: str) -> Template:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MatshotError(f"The template {name} is not TOML: {error}.") from error
    normal = values.get("normal", "gl")
    if normal not in get_args(Convention):
        raise unknown_choice(f"normal of the template {name}", normal, get_args(Convention))
    size = values.get("size", 0)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise MatshotError(f"Size of the template {name} must be a whole number of pixels, got {quoted(size)}.")
    listed = values.get("files")
    if not isinstance(listed, list) or not listed or not all(isinstance(one, dict) for one in listed):
        raise MatshotError(f"The template {name} has no files; give each as [[files]].")
    files = tuple(_file(name, one, values) for one in listed)
    written = values.get("texts", [])
    if not isinstance(written, list) or not all(isinstance(one, dict) for one in written):
        raise MatshotError(f"Texts of the template {name} must each be given as [[texts]].")
    texts = {str(one.get("name", "")): str(one.get("text", "")) for one in written}
    for one in (*(file.name for file in files), *texts):
        _check_name(name, one)
    if len({file.name for file in files}) < len(files):
        raise MatshotError(f"The template {name} has two files of the same name.")
    return Template(name, str(values.get("title", name)), normal, files, texts, size)


def _file(template: str, one: Mapping[str, Any], values: Mapping[str, Any]) -> TemplateFile:
    name = str(one.get("name", ""))
    unknown = set(one) - {"name", "format", "depth", *_PLACES}
    if unknown:
        raise unknown_choice(f"key of {name} in the template {template}", sorted(unknown)[0], ("name", *_PLACES))
    places = {place: map_kind(str(one[place])) for place in _PLACES if place in one}
    whole = [place for place in ("rgb", "gray") if place in places]
    if not places or len(whole) > 1 or (whole and set(places) - {*whole, "a"}):
        raise MatshotError(f"{name} of the template {template} needs rgb or gray, or some of r, g and b.")
    for place, kind in places.items():
        if place != "rgb" and kind not in (*SCALARS, "specular"):
            raise MatshotError(f"{name} of the template {template}: {kind} does not fit into the one channel {place}.")
    suffix, depth = f".{one.get('format', values.get('format', 'png'))}", one.get("depth", values.get("depth", "uint8"))
    if suffix not in (*WRITABLE, *COMPRESSED):
        known = [one[1:] for one in (*WRITABLE, *COMPRESSED)]
        raise unknown_choice(f"format of the template {template}", suffix[1:], known)
    if depth not in DEPTHS:
        raise unknown_choice(f"depth of the template {template}", depth, DEPTHS)
    if "a" in places and suffix in NO_ALPHA:
        raise MatshotError(f"{name} of the template {template}: {suffix[1:].upper()} has no alpha.")
    return TemplateFile(name, places, suffix, stored_depth(Path(f"a{suffix}"), depth))


def _check_name(template: str, name: str) -> None:
    """Check that a name holds the material's, no folder, and known words in braces alone."""
    try:
        fields = {one[1] for one in string.Formatter().parse(name) if one[1] is not None}
    except ValueError:
        fields = {name}
    if "name" not in fields or fields - set(_FIELDS) or re.search(r"[/\\:]", name):
        raise MatshotError(
            f"Names in the template {template} need {{name}}, and may hold {{resolution}}, got {quoted(name)}."
        )


@dataclass(frozen=True)
class PlannedFile:
    """One file that a material becomes.

    Attributes:
        name: with suffix.
        texture: to write.
        depth: bits of a sample.
    """

    name: str
    texture: Texture
    depth: Depth


def template_plan(
    material: Material,
    template: Template,
    suffix: str | None = None,
    depth: Depth | None = None,
    compression: Compression = "best",
) -> tuple[list[PlannedFile], list[str]]:
    """Files that a material becomes, and sentences on what has no place in them or had to be filled.

    Args:
        material: whose packed maps come apart.
        template: that says how.
        suffix: format of all files instead of the template's.
        depth: bits of all files instead of the template's.
        compression: codecs of compressed files.

    Raises:
        MatshotError: where alpha does not fit the format, or none of the maps has a place.
    """
    maps, notes = dict(material.unpacked().maps), []
    kinds = {kind for file in template.files for kind in file.places.values()}
    color = maps.get("basecolor")
    if color is not None and color.alpha is not None and "opacity" in kinds and "opacity" not in maps:
        maps["opacity"] = Texture(np.ascontiguousarray(color.alpha), "data", color.wrap)
    for kind, other in _INVERSE.items():
        if kind in kinds and kind not in maps and other in maps and other not in kinds:
            maps[kind] = maps[other].with_pixels(1 - maps[other].pixels)
            notes.append(f"{kind} is {other}, inverted.")
    files, held = [], set[MapKind]()
    for file in template.files:
        if not any(kind in maps for place, kind in file.places.items() if place != "a" or "rgb" not in file.places):
            continue
        name = _filled(file.name, material) + (suffix or file.suffix)
        texture, filled = _texture(file, maps, template.normal)
        if "a" in file.places and texture.alpha is not None and Path(name).suffix in NO_ALPHA:
            raise MatshotError(f"{name} needs an alpha channel; choose png, tif, tga or exr.")
        notes += [f"{name}: {kind} is missing; the channel is {_MISSING.get(kind, 0.0):g}." for kind in filled]
        files.append(PlannedFile(name, texture, stored_depth(Path(name), depth or file.depth)))
        held.update(file.places.values())
    if not files:
        raise MatshotError(f"The template {template.name} has no place for any map of {material.name}.")
    lost = [kind for kind in maps if kind not in held and _INVERSE.get(kind) not in held]
    if lost:
        places = "they are left out" if len(lost) > 1 else "it is left out"
        notes.append(f"{template.title} has no place for {', '.join(lost)}; {places}.")
    if color is not None and color.alpha is not None and "opacity" not in held:
        notes.append(f"{template.title} has no place for alpha; it is left out.")
    if material.raw is not None:
        notes.append("The maps as captured, from which adjust starts, are left out.")
    if len(files) < len(template.files):
        notes += [
            f"{_filled(one, material)} is left out, for maps that it lists are missing." for one in template.texts
        ]
    for one in files:
        if is_compressed(Path(one.name).suffix):
            notes += compression_notes(one.texture, Path(one.name), compression)
        else:
            notes += storage_notes(one.texture, Path(one.name), one.depth)
    return files, list(dict.fromkeys(notes))


def _texture(file: TemplateFile, maps: Mapping[MapKind, Texture], normal: Convention) -> tuple[Texture, list[MapKind]]:
    """What a file holds, and the maps that it lacks."""
    present = [kind for kind in file.places.values() if kind in maps]
    first = maps[present[0]]
    lacking = [kind for place, kind in file.places.items() if kind not in maps and place != "a"]
    whole = next((place for place in ("rgb", "gray") if place in file.places), "")
    if whole and set(file.places) == {whole}:
        texture = first
        if first.alpha is not None and map_encoding(present[0]) != "normal":
            texture = first.with_pixels(np.ascontiguousarray(first.color))
        if whole == "gray" and texture.pixels.shape[2] > 1:
            texture = texture.with_pixels(texture.pixels.mean(axis=2, keepdims=True, dtype=np.float32))
        return (with_convention(texture, normal) if texture.encoding == "normal" else texture), []
    last = max(channel for place in file.places for channel in _PLACES[place])
    if whole and "a" in file.places and file.places["a"] not in maps:
        last -= 1  # color without a map of opacity needs no alpha
    planes: list[Pixels] = [np.zeros_like(first.pixels[..., :1])] * max(3, last + 1)
    for place, kind in file.places.items():
        for index, channel in enumerate(_PLACES[place]):
            if channel >= len(planes):
                continue
            if kind in maps:
                source = maps[kind].color if place == "rgb" else maps[kind].pixels
                planes[channel] = source[..., min(index, source.shape[2] - 1)][..., np.newaxis]
            else:
                planes[channel] = np.full_like(planes[channel], _MISSING.get(kind, 0.0))
    if not whole and "a" in file.places and file.places["a"] not in maps:
        lacking.append(file.places["a"])
    pixels = np.ascontiguousarray(np.concatenate(planes, axis=2))
    if whole:
        texture = with_convention(first, normal) if first.encoding == "normal" else first
        return texture.with_pixels(pixels), lacking
    alpha: AlphaKind = "data"
    depth = first.source.depth if first.source else "uint8"
    path = first.source.path if first.source else Path()
    return Texture(pixels, "data", first.wrap, FileSource(path, depth, alpha=alpha)), lacking


def _filled(name: str, material: Material) -> str:
    side = max(material.width, material.height)
    square = material.width == material.height and side % 1024 == 0
    resolution = f"{side // 1024}k" if square else f"{material.width}x{material.height}"
    return name.format(name=file_name(material.name), resolution=resolution, RESOLUTION=resolution.upper())


def save_template(
    material: Material,
    folder: str | os.PathLike[str],
    template: Template,
    *,
    suffix: str | None = None,
    depth: Depth | None = None,
    compression: Compression = "best",
) -> Path:
    """Write a material as a template says, and ``material.json`` with what no picture holds.

    Args:
        material: to write.
        folder: target, created if it does not exist.
        template: see :func:`load_template`.
        suffix: as :func:`template_plan` takes it.
        depth: likewise.
        compression: likewise.

    Raises:
        MatshotError: as :func:`template_plan`, and when the folder cannot be written or holds files of these names
            that Matshot did not write; nothing is left behind then.
    """
    folder = Path(folder)
    files, _ = template_plan(material, template, suffix, depth)
    smaller: list[list[PlannedFile]] = []
    if any(is_compressed(Path(one.name).suffix) for one in files):
        smaller = [template_plan(mip, template, suffix, depth)[0] for mip in material_mips(material)[1:]]
    texts = {
        _filled(name, material): text.replace("{name}", file_name(material.name))
        for name, text in template.texts.items()
        if len(files) == len(template.files)
    }
    names = [*(one.name for one in files), *texts, DESCRIPTION]
    check_unclaimed(names, folder)
    description = {**description_of(replace(material, raw=None), {}), "files": names[:-1], "normal": template.normal}
    description["template"] = template.name
    with staging_folder(folder) as aside:
        plain = [one for one in files if not is_compressed(Path(one.name).suffix)]
        write_textures([(one.texture, aside / one.name, one.depth) for one in plain])
        for index, one in enumerate(files):
            if one not in plain:
                levels = [one.texture, *(plan[index].texture for plan in smaller)]
                write_mips(levels, aside / one.name, compression)
        try:
            for name, text in texts.items():
                (aside / name).write_text(text.lstrip("\n"), encoding="utf-8")
            fresh = digests_of(names[:-1], aside)
            write_description(description, aside, folder, fresh)
        except OSError as error:
            raise MatshotError(f"{folder} could not be written: {os_reason(error)}.", repr(error)) from error
        check_unclaimed(names, folder, fresh)  # again, since maps take seconds to write
        move_files(names, aside, folder)
    return folder
