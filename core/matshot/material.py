"""Materials: named maps that describe one surface, pixel for pixel, and the folders they live in.

A folder is read by its ``material.json`` or, if it has none, by the names of its files: ambientCG, Poly Haven,
Substance and the suffixes of game engines are known. What was guessed can be told, see :meth:`MaterialFolder.explain`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from matshot_host.description import DESCRIPTION as DESCRIPTION
from matshot_host.description import check_files, described_maps, read_description

from .describing import description_of, with_convention, write_record
from .errors import MatshotError
from .materialx import DOCUMENT
from .texture import (
    READABLE,
    WRITABLE,
    Convention,
    Depth,
    Encoding,
    Texture,
    Wrap,
    read_texture,
    write_texture,
)

MapKind = Literal[
    "basecolor",
    "normal",
    "roughness",
    "metallic",
    "height",
    "ao",
    "specular",
    "anisotropy",
    "anisotropy_angle",
    "opacity",
    "emission",
    "gloss",
    "orm",
]
MAP_KINDS: tuple[str, ...] = get_args(MapKind)

#: The picture of a material that its folder may hold.
PREVIEW = "preview.png"

_COLORS = ("basecolor", "emission")
#: Maps of one number per pixel. A specular map may be a colour, and so stays as it is.
_SCALARS = ("roughness", "metallic", "height", "ao", "anisotropy", "anisotropy_angle", "opacity", "gloss")
#: Eight bits of height are terraces, and eight bits of a normal map are visible in reflections.
_FINE = ("height", "normal")
#: Channels of a packed map, and what stands there without a map: open, and not a metal.
_PACKED: tuple[tuple[MapKind, float], ...] = (("ao", 1.0), ("roughness", 0.5), ("metallic", 0.0))
#: Largest difference of R, G and B in a grey picture that was stored as a colour JPEG.
_GREY = 3 / 255


@dataclass(frozen=True)
class Material:
    """Maps of one surface: same size, same wrap, each pixel the same spot.

    Attributes:
        maps: by kind. ``basecolor`` and ``emission`` are colours (``srgb`` or ``linear``), ``normal`` holds unit
            vectors (+X right, +Y up), the others are ``data``; roughness is perceptual. ``orm`` is ambient occlusion,
            roughness and metallic in R, G and B; ``gloss`` is what older workflows have instead of roughness and
            stays as it is.
        name: of the material.
        physical_size: metres that width and height of the maps span, if known.
        height_scale: metres that one unit of the height map stands for, if known.
        origin: where it came from (a file, a web page, a tool).
        parameters: everything about how it was made, as JSON can hold it.

    Raises:
        MatshotError: unknown kind, wrong encoding or channels, sizes or wraps that differ, no map at all.
    """

    maps: Mapping[MapKind, Texture]
    name: str = "material"
    physical_size: tuple[float, float] | None = None
    height_scale: float | None = None
    origin: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check once, where a material is made, that its maps belong together."""
        if not self.maps:
            raise MatshotError(f"The material {self.name} has no map.")
        for kind, texture in self.maps.items():
            _check_map(self.name, kind, texture)
        sizes = {kind: f"{texture.width} x {texture.height}" for kind, texture in self.maps.items()}
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{kind} {size}" for kind, size in sizes.items())
            raise MatshotError(f"The maps of {self.name} differ in size: {listed}.")
        if len({texture.wrap for texture in self.maps.values()}) > 1:
            listed = ", ".join(f"{kind} {texture.wrap}" for kind, texture in self.maps.items())
            raise MatshotError(f"The maps of {self.name} do not wrap on the same axes: {listed}.")

    @property
    def width(self) -> int:
        """Columns of every map."""
        return next(iter(self.maps.values())).width

    @property
    def height(self) -> int:
        """Rows of every map."""
        return next(iter(self.maps.values())).height

    @property
    def wrap(self) -> Wrap:
        """Axes on which every map repeats."""
        return next(iter(self.maps.values())).wrap

    def with_maps(self, maps: Mapping[MapKind, Texture]) -> Material:
        """The same material with other maps."""
        return replace(self, maps=dict(maps))

    def unpacked(self) -> Material:
        """With ``orm`` split into its three maps; maps that were there separately win over the packed ones."""
        if "orm" not in self.maps:
            return self
        maps = {**unpack_orm(self.maps["orm"]), **self.maps}
        del maps["orm"]
        return self.with_maps(maps)


@dataclass(frozen=True)
class MapGuess:
    """What a file name says about a map.

    Attributes:
        kind: of the map.
        convention: of a normal map's green channel.
        stated: whether the name states the convention; else it is what the scheme's users mostly mean.
        scheme: naming scheme that the name follows.
        base: what remains of the name, in lower case; the same for all maps of a material.
        sure: False where the last word also ends ordinary names (``rusty_metal``, ``door_r``), so that a single image
            is better taken as a colour one.
    """

    kind: MapKind
    convention: Convention
    stated: bool
    scheme: str
    base: str
    sure: bool

    @property
    def encoding(self) -> Encoding:
        """That the pixels get; see :func:`map_encoding`."""
        return map_encoding(self.kind)


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


_NORMAL_WORDS = ("normal", "normals", "normalmap", "nor", "norm", "nrm", "nml", "n")
_CONVENTION_WORDS: dict[str, Convention] = {
    "gl": "gl",
    "ogl": "gl",
    "opengl": "gl",
    "dx": "dx",
    "directx": "dx",
}
_CONVENTION_NAMES: dict[Convention, str] = {"gl": "OpenGL (+Y up)", "dx": "DirectX (+Y down)"}

#: Last words of file names, joined and in lower case.
_WORDS: dict[str, MapKind] = {
    **dict.fromkeys(("basecolor", "basecolour", "color", "colour", "col", "albedo", "alb"), "basecolor"),
    **dict.fromkeys(("diffuse", "diffusecolor", "diff", "dif", "bc", "d", "albedotransparency"), "basecolor"),
    **dict.fromkeys(_NORMAL_WORDS, "normal"),
    **dict.fromkeys((word + way for word in _NORMAL_WORDS for way in _CONVENTION_WORDS), "normal"),
    **dict.fromkeys(("roughness", "rough", "rgh", "r"), "roughness"),
    **dict.fromkeys(("metallic", "metalness", "metal", "met", "m"), "metallic"),
    **dict.fromkeys(("height", "heightmap", "displacement", "displace", "disp", "bump", "h"), "height"),
    **dict.fromkeys(("ao", "ambientocclusion", "mixedao", "occlusion", "occ"), "ao"),
    **dict.fromkeys(("specular", "specularlevel", "spec", "reflection", "refl"), "specular"),
    **dict.fromkeys(("gloss", "glossiness"), "gloss"),
    **dict.fromkeys(("anisotropy", "anisotropylevel", "aniso"), "anisotropy"),
    **dict.fromkeys(("anisotropyangle", "anisoangle"), "anisotropy_angle"),
    **dict.fromkeys(("opacity", "alpha", "cutout"), "opacity"),
    **dict.fromkeys(("emission", "emissive", "emissivecolor", "emit", "e"), "emission"),
    **dict.fromkeys(("orm", "arm", "occlusionroughnessmetallic"), "orm"),
}
#: Packed in an order that is not read; without this the last word alone would be taken for the map.
_FOREIGN = ("metallicroughness", "roughnessmetallic", "metalrough", "metallicsmoothness")
#: Words that end the names of ordinary pictures too.
_DOUBTFUL = (
    *("d", "n", "r", "m", "h", "e"),
    *("col", "color", "colour", "diff", "metal", "rough", "bump", "alpha", "cutout", "reflection", "arm", "occlusion"),
)

#: Words that say how a map is stored, not which it is.
_STORAGE = re.compile(
    r"\d{1,2}k|jpe?g|png|exr|tiff?|tga|bmp|webp|hdr|dds|(8|16|32)-?bit|256|512|1024|2048|4096|8192|16384"
    r"|\d+x\d+|srgb|raw|linear"
)
_UDIM = re.compile(r"(\.1\d{3}|_1(?!024$)[0-9]{3})$")
_BREAK = re.compile(r"[\s._-]+")

_AMBIENTCG = re.compile(r".+_\d+K(-[A-Z]+)?_[A-Za-z]+")
_POLYHAVEN = re.compile(r".+_\d+k")
_UNREAL = re.compile(r"T_.+", re.IGNORECASE)
_SUBSTANCE = re.compile(
    r".+_(BaseColor|Base_Color|Normal|Normal_OpenGL|Normal_DirectX|Roughness|Metallic|Height|AmbientOcclusion"
    r"|Ambient_Occlusion|Mixed_AO|Emissive|Opacity|OcclusionRoughnessMetallic|Specular|Glossiness|Diffuse)"
)

#: Names of renderings that lie beside the maps.
_PICTURES = ("preview", "thumbnail", "thumb", "render", "cover")

#: Which of two files with the same map is read: the one that can hold more.
_SUFFIX_RANK = {suffix: rank for rank, suffix in enumerate((".exr", ".tif", ".tiff", ".png"))}


def map_encoding(kind: MapKind) -> Encoding:
    """How the pixels of a map are encoded in integer files: ``srgb``, ``normal`` or ``data`` (packed maps too)."""
    if kind in _COLORS:
        return "srgb"
    return "normal" if kind == "normal" else "data"


def map_stem(kind: MapKind, convention: Convention = "gl") -> str:
    """Name of a map's file, without suffix, in a folder that Matshot writes."""
    return f"normal_{convention}" if kind == "normal" else kind


def guess_map(path: str | os.PathLike[str]) -> MapGuess | None:
    """What a file name says about a map, None if nothing. The file need not exist.

    Words are parted by ``_``, ``-``, ``.`` or spaces; upper and lower case are alike. Words about storage (``2K``,
    ``JPG``, ``16bit``) are passed over, and a UDIM number (``.1001``) becomes part of the base.
    """
    path = Path(path)
    if path.suffix.lower() not in READABLE:
        return None
    stem, udim = path.stem, ""
    if found := _UDIM.search(stem):
        stem, udim = stem[: found.start()], f".{found.group()[1:]}"
    words = _BREAK.split(stem.lower())
    meaning = [word for word in words if word and not _STORAGE.fullmatch(word)]
    for count in (3, 2, 1):
        joined = "".join(meaning[-count:])
        if len(meaning) < count or joined in _FOREIGN:
            continue
        kind = _WORDS.get(joined)
        base = "_".join(meaning[:-count])
        if kind is None or (len(joined) == 1 and not base):
            continue
        if count == 1 and "".join(meaning[-2:]) in _FOREIGN:
            return None
        scheme = _scheme(stem, base)
        sure = joined not in _DOUBTFUL or scheme in ("ambientCG", "Poly Haven", "Unreal")
        stated = _convention(joined)
        # Unreal's own naming means files made for Unreal, which reads DirectX normals.
        convention = stated or ("dx" if kind == "normal" and scheme == "Unreal" else "gl")
        return MapGuess(kind, convention, stated is not None, scheme, base + udim, sure)
    return None


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


def pack_orm(material: Material) -> Texture:
    """Ambient occlusion, roughness and metallic in R, G and B, as Unreal and glTF order them.

    Missing occlusion is 1 (open), missing metallic 0.

    Returns:
        ``data`` with 3 channels, whose depth is roughness's.

    Raises:
        MatshotError: without a roughness map.
    """
    if "roughness" not in material.maps:
        raise MatshotError(f"{material.name} has no roughness map, without which there is nothing to pack.")
    roughness = material.maps["roughness"]
    planes = []
    for kind, missing in _PACKED:
        texture = material.maps.get(kind)
        planes.append(np.full_like(roughness.pixels, missing) if texture is None else texture.pixels)
    return roughness.with_pixels(np.concatenate(planes, axis=2))


def unpack_orm(orm: Texture) -> dict[MapKind, Texture]:
    """Split what :func:`pack_orm` joined into ``ao``, ``roughness`` and ``metallic``, one channel each.

    Raises:
        MatshotError: for less than 3 channels.
    """
    if orm.pixels.shape[2] < 3:
        raise MatshotError(f"A packed occlusion, roughness and metallic map has 3 channels, not {orm.pixels.shape[2]}.")
    return {
        kind: orm.with_pixels(np.ascontiguousarray(orm.pixels[..., channel : channel + 1]))
        for channel, (kind, _) in enumerate(_PACKED)
    }


def _check_map(name: str, kind: str, texture: Texture) -> None:
    encoding = map_encoding(_kind(kind))
    channels = texture.pixels.shape[2]
    allowed = ("srgb", "linear") if encoding == "srgb" else (encoding,)
    if texture.encoding not in allowed:
        raise MatshotError(f"The {kind} map of {name} is {' or '.join(allowed)}, not {texture.encoding}.")
    if kind in _SCALARS and channels != 1:
        raise MatshotError(f"The {kind} map of {name} has one channel, not {channels}.")
    if kind in ("normal", "orm") and channels < 3:
        raise MatshotError(f"The {kind} map of {name} has 3 channels, not {channels}.")


def _kind(name: str) -> MapKind:
    """A name as a map kind.

    Raises:
        MatshotError: for a name that is none.
    """
    for kind in get_args(MapKind):
        if kind == name:
            return kind  # type: ignore[no-any-return]
    raise MatshotError(f"There is no map {name!r}; there are {', '.join(MAP_KINDS)}.")


def _scheme(stem: str, base: str) -> str:
    if not base:
        return "plain"
    for scheme, pattern in (
        ("ambientCG", _AMBIENTCG),
        ("Poly Haven", _POLYHAVEN),
        ("Unreal", _UNREAL),
        ("Substance", _SUBSTANCE),
    ):
        if pattern.fullmatch(stem):
            return scheme
    return "engine suffix"


def _convention(joined: str) -> Convention | None:
    for ending, convention in _CONVENTION_WORDS.items():
        if joined.endswith(ending) and joined.removesuffix(ending) in _NORMAL_WORDS:
            return convention
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
    words = [word for word in _BREAK.split(image.stem.lower()) if word and not _STORAGE.fullmatch(word)]
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
        kind = _kind(name)
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
    return _scalar(texture) if entry.kind in _SCALARS else texture


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
