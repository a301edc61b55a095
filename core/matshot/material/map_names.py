"""What a file name says about a map."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from matshot_host.description import DESCRIPTION as DESCRIPTION

from ..image.formats import READABLE
from ..image.types import Convention, Encoding
from .types import MapKind, map_encoding


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


_NORMAL_WORDS = ("normal", "normals", "normalmap", "nor", "norm", "nrm", "nml", "n")


_CONVENTION_WORDS: dict[str, Convention] = {
    "gl": "gl",
    "ogl": "gl",
    "opengl": "gl",
    "dx": "dx",
    "directx": "dx",
}


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
STORAGE = re.compile(
    r"\d{1,2}k|jpe?g|png|exr|tiff?|tga|bmp|webp|hdr|dds|(8|16|32)-?bit|256|512|1024|2048|4096|8192|16384"
    r"|\d+x\d+|srgb|raw|linear"
)


_UDIM = re.compile(r"(\.1\d{3}|_1(?!024$)[0-9]{3})$")


BREAK = re.compile(r"[\s._-]+")


_AMBIENTCG = re.compile(r".+_\d+K(-[A-Z]+)?_[A-Za-z]+")


_POLYHAVEN = re.compile(r".+_\d+k")


_UNREAL = re.compile(r"T_.+", re.IGNORECASE)


_SUBSTANCE = re.compile(
    r".+_(BaseColor|Base_Color|Normal|Normal_OpenGL|Normal_DirectX|Roughness|Metallic|Height|AmbientOcclusion"
    r"|Ambient_Occlusion|Mixed_AO|Emissive|Opacity|OcclusionRoughnessMetallic|Specular|Glossiness|Diffuse)"
)


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
    words = BREAK.split(stem.lower())
    meaning = [word for word in words if word and not STORAGE.fullmatch(word)]
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
