"""What a file's name says of the map in it: the naming schemes of texture libraries, tools and engines.

The one grammar for the core and all hosts. Standard library only, Python 3.7 syntax, because hosts bring their own
Python.
"""

import re
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Tuple


class NameGuess(NamedTuple):
    """What a name says.

    Attributes:
        kind: of the map, as in ``MAP_LABELS``; empty for a packed map, and for one that no material has.
        word: that says it, in lower case.
        base: what remains of the name, in lower case; the same for all maps of a material.
        variant: number behind the word, as in ``col_02``; empty without one.
        convention: of a normal map's green channel, ``gl`` or ``dx``; empty where the name does not say.
        scheme: naming scheme that the name follows.
        sure: False where the word also ends ordinary names (``rusty_metal``, ``door_r``).
        packing: kinds in the channels of a packed map, empty for a channel without one; nothing for other maps.
    """

    kind: str
    word: str
    base: str
    variant: str
    convention: str
    scheme: str
    sure: bool
    packing: Tuple[str, ...] = ()


#: Words for a normal map.
NORMAL_WORDS = (
    *("normal", "normals", "normalmap", "normalbump", "nor", "norm", "nrm", "nml", "nmap", "ddna", "n"),
    *("normaltexture", "tangentnormal", "normalcamera"),
)

#: Words for its convention, alone or at the end of those.
CONVENTION_WORDS = {"gl": "gl", "ogl": "gl", "opengl": "gl", "dx": "dx", "directx": "dx", "d3d": "dx"}


def _words(text: str) -> FrozenSet[str]:
    return frozenset(text.split())


def _table() -> Dict[str, str]:
    words: Dict[str, str] = {}
    for kind, listed in {
        "basecolor": "basecolor basecolour color colour col coll albedo alb diffuse diffusecolor diff dif bc d basemap"
        " albedotransparency basecolortexture basecoloropacity basecoloralpha albedom albedosmoothness diffusealpha",
        "roughness": "roughness rough rgh rou specularroughness r",
        "metallic": "metallic metalness metal met mtl metalic m",
        "height": "height heightmap displacement displace disp bump bumpmap parallax hgt h",
        "ao": "ao ambientocclusion mixedao occlusion occ ambient",
        "specular": "specular specularlevel spec reflection refl specularcolor specularsmoothness specgloss",
        "gloss": "gloss glossiness smoothness gls glo",
        "anisotropy": "anisotropy anisotropylevel aniso",
        "anisotropy_angle": "anisotropyangle anisoangle",
        "opacity": "opacity alpha cutout transparency trans opacitymask alphamask",
        "emission": "emission emissive emissivecolor emissioncolor emit glow selfillumination selfillum"
        " emissivetexture e",
    }.items():
        words.update(dict.fromkeys(listed.split(), kind))
    for word in NORMAL_WORDS:
        words[word] = "normal"
        words.update(dict.fromkeys((word + way for way in CONVENTION_WORDS), "normal"))
    return words


#: Words for maps that materials have, joined and in lower case.
WORDS = _table()

#: Words for maps that no material has here: numbers all the same, never color.
OTHER_WORDS = _words(
    "cavity curvature curv translucency translucent thickness transmission transmissive sss subsurface "
    "scattering scatter mask masks id idmap matid materialid objectid flow flowmap flowdir position "
    "worldposition worldspacenormal worldnormal objectnormal detailmask fuzz sheen sheenroughness coat "
    "clearcoat coatroughness clearcoatroughness velvet motion velocity vector vectordisplacement vdm "
    "depth zdepth ior splat splatmap weights weightmap uvmap lut wear dirt edge edgemask grunge "
    "bentnormal bentnormals"
)

#: Letters of packed maps, one a channel.
_LETTERS = {"o": "ao", "a": "ao", "r": "roughness", "m": "metallic", "h": "height", "d": "height", "s": "gloss"}

#: Packed maps that are called by such letters.
_LETTER_WORDS = (
    *("orm", "arm", "rma", "mra", "mro", "rmo", "oms", "mos", "ord", "orh", "ard", "arh", "ormh", "rmah", "aorm"),
    *("mrao", "rmao", "mohs", "mrah"),
)

#: Packed maps with names of their own.
_PACKED_WORDS: Dict[str, Tuple[str, ...]] = {
    "maskmap": ("metallic", "ao", "", "gloss"),
    "metallicsmoothness": ("metallic", "", "", "gloss"),
    "mer": ("metallic", "", "roughness"),
    "metallicgloss": ("metallic", "", "", "gloss"),
    "metalsmoothness": ("metallic", "", "", "gloss"),
    "metallicglossiness": ("metallic", "", "", "gloss"),
    **dict.fromkeys(
        (
            *("metallicroughness", "metalroughness", "metalrough", "metalnessroughness", "roughnessmetallic"),
            *("roughnessmetalness", "roughmetal", "metallicroughnesstexture", "metalroughnesstexture"),
        ),
        ("", "roughness", "metallic"),
    ),
}

#: Words of which longer names of packed maps are made, in the order of the channels.
_CHANNEL_WORDS = {
    "ambientocclusion": "ao",
    "occlusion": "ao",
    "ao": "ao",
    "roughness": "roughness",
    "rough": "roughness",
    "metallic": "metallic",
    "metalness": "metallic",
    "metal": "metallic",
    "height": "height",
    "displacement": "height",
    "smoothness": "gloss",
    "glossiness": "gloss",
    "gloss": "gloss",
}
_CHANNEL_WORD = re.compile("|".join(sorted(_CHANNEL_WORDS, key=len, reverse=True)))

#: Words that end the names of ordinary pictures too.
_AMBIGUOUS = _words(
    "d n r m h e col color colour diff metal rough bump alpha cutout reflection arm occlusion ambient nor "
    "norm mask masks id flow depth position glow ord mos vector motion weights coat scatter thickness "
    "edge wear dirt mtl velvet fuzz sheen transparency trans mer coll met occ dif rou glo"
)

#: Words of workflows, which Poliigon writes behind the map's word.
_WORKFLOWS = ("metalness", "specular")

#: Words for how a map is stored, not for which it is.
STORAGE = re.compile(
    r"\d{1,2}k|jpe?g|png|exr|tiff?|tga|bmp|webp|hdr|dds|(8|16|32)-?bit|256|512|1024|2048|4096|8192|16384"
    r"|\d+x\d+|srgb|raw|linear|v\d{1,3}|ver\d{1,3}|rev\d{1,3}|lod\d|hi-?res|lo-?res|copy|final|seamless|tileable|tiling"
)

#: Words behind a map's word that say nothing more.
_FILLERS = ("map", "texture", "tex", "maps", "txt")

#: The number of a UDIM tile, which is neither a size nor part of a date.
_UDIM = re.compile(r"(\.1\d{3}|_1(?!024$)[0-9]{3})$")

#: Between words.
BREAK = re.compile(r"[\s._()\[\]-]+")

#: Numbers behind a map's word: variants, copies, versions.
_NUMBER = re.compile(r"\d{1,3}|var\d{1,2}|variation\d{1,2}")

#: A word with a number of its own: ``nrm16``, ``coll1``.
_NUMBERED = re.compile(r"([a-z]{3,})(\d{1,2})")

#: Words in names such as ``BrickNormal``.
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")

#: ``Bricks001_2K-JPG_Color``.
_AMBIENTCG = re.compile(r".+_\d+K(-[A-Z]+)?_[A-Za-z]+")

#: ``rock_face_diff_2k``.
_POLYHAVEN = re.compile(r".+_\d+k")

#: ``T_Wall_N``.
_UNREAL = re.compile(r"T_.+", re.IGNORECASE)

#: ``Wall_BaseColor``.
_SUBSTANCE = re.compile(
    r".+_(BaseColor|Base_Color|Normal|Normal_OpenGL|Normal_DirectX|Roughness|Metallic|Height|AmbientOcclusion"
    r"|Ambient_Occlusion|Mixed_AO|Emissive|Opacity|OcclusionRoughnessMetallic|Specular|Glossiness|Diffuse)"
)

#: Words whose last part stands alone in the word before: ``T_Rock`` says nothing.
_LONGEST_PHRASE = 3


def guess_name(stem: str) -> Optional[NameGuess]:
    """What a file's name without suffix says of its map, None if nothing.

    Words are separated by ``_``, ``-``, ``.``, brackets or spaces; upper and lower case are alike, but
    ``BrickNormal`` is two words. Words about storage (``2K``, ``JPG``, ``16bit``, ``LOD0``, ``v02``) are skipped, and
    so are numbers behind the map's word. A UDIM number (``.1001``) becomes part of the base.
    """
    udim = ""
    found = _UDIM.search(stem)
    if found:
        stem, udim = stem[: found.start()], "." + found.group()[1:]
    spelled = [word for word in BREAK.split(stem) if word]
    words = [word.lower() for word in spelled]
    kept = [index for index, word in enumerate(words) if not STORAGE.fullmatch(word)]
    variant = ""
    while len(kept) > 1 and _NUMBER.fullmatch(words[kept[-1]]):
        variant = re.sub("[a-z]", "", words[kept.pop()])
    kept = _without_workflow(words, kept)
    if len(kept) > 1 and words[kept[-1]] in _FILLERS and _known(words[kept[-2]]):
        kept.pop()
    guess = _phrase(words, kept) or _last_word(spelled, words, kept)
    if guess is None:
        return None
    word, rest, number = guess
    base = "_".join(rest)
    if len(word) == 1 and not base:
        return None
    kind, packing = _meaning(word)
    scheme = _scheme(stem, base)
    sure = word not in _AMBIGUOUS or scheme in ("ambientCG", "Poly Haven", "Unreal")
    convention = _convention(word) if kind == "normal" else ""
    return NameGuess(kind, word, base + udim, number or variant, convention, scheme, sure, packing)


def map_words(stem: str) -> List[str]:
    """Words of a name that are not about storage, in lower case."""
    return [word for word in BREAK.split(stem.lower()) if word and not STORAGE.fullmatch(word)]


def _without_workflow(words: List[str], kept: List[int]) -> List[int]:
    """Without ``METALNESS`` in ``Tiles_COL_4K_METALNESS``: another map's word stands before it."""
    if len(kept) < 2 or words[kept[-1]] not in _WORKFLOWS:
        return kept
    last, before = kept[-1], kept[-2]
    apart = last - before > 1 and STORAGE.fullmatch(words[before + 1])
    numbered = _NUMBERED.fullmatch(words[before])
    named = _known(words[before]) or (numbered and _known(numbered.group(1)))
    if _NUMBER.fullmatch(words[before]) and len(kept) > 2:
        named = named or _known(words[kept[-3]])
    joined = words[before] + words[last]
    if named and (apart or joined not in _PACKED_WORDS):
        return _without_numbers(words, kept[:-1])
    return kept


def _without_numbers(words: List[str], kept: List[int]) -> List[int]:
    while len(kept) > 1 and _NUMBER.fullmatch(words[kept[-1]]):
        kept = kept[:-1]
    return kept


def _phrase(words: List[str], kept: List[int]) -> Optional[Tuple[str, List[str], str]]:
    """A map's words at the end of a name: the joined words, those before them, and a number of its own."""
    for count in range(min(_LONGEST_PHRASE, len(kept)), 0, -1):
        last = [words[index] for index in kept[-count:]]
        rest = [words[index] for index in kept[:-count]]
        joined = "".join(last)
        number = ""
        numbered = _NUMBERED.fullmatch(joined)
        if not _known(joined) and numbered and _known(numbered.group(1)):
            joined = numbered.group(1)
            number = "" if numbered.group(2) in ("8", "16", "32") else numbered.group(2)
        if not _known(joined):
            continue
        # "rusty_metal_roughness" is the roughness of a rusty metal; only one word, or "metallic", says that maps are
        # packed.
        if count > 1 and _packing(joined) and last[0] in ("metal", "rough"):
            continue
        return joined, rest, number
    return None


def _last_word(spelled: List[str], words: List[str], kept: List[int]) -> Optional[Tuple[str, List[str], str]]:
    """A map's words at the end of the last word of a name, by capital letters: ``BrickNormal``, ``BrickBaseColor2``."""
    if not kept:
        return None
    parts = _CAMEL.findall(spelled[kept[-1]])
    number = ""
    if len(parts) > 1 and parts[-1].isdigit():
        number = parts.pop()
    for count in range(min(_LONGEST_PHRASE, len(parts) - 1), 0, -1):
        joined = "".join(parts[-count:]).lower()
        short = len(joined) < 4 and joined not in ("orm", "nrm", "mra")
        if _known(joined) and not short and joined not in _AMBIGUOUS:
            rest = [words[index] for index in kept[:-1]] + ["".join(parts[:-count]).lower()]
            return joined, rest, number
    return None


def _known(word: str) -> bool:
    return word in WORDS or word in OTHER_WORDS or bool(_packing(word))


def _meaning(word: str) -> Tuple[str, Tuple[str, ...]]:
    if word in WORDS:
        return WORDS[word], ()
    packing = _packing(word)
    return ("orm" if packing == ("ao", "roughness", "metallic") else ""), packing


def _packing(word: str) -> Tuple[str, ...]:
    """Kinds in the channels of a packed map of that name; nothing for other words."""
    if word in _PACKED_WORDS:
        return _PACKED_WORDS[word]
    if word in _LETTER_WORDS:
        letters = word[1:] if word == "aorm" else word
        letters = letters[:-1] if letters.endswith("ao") else letters
        return tuple(_LETTERS[letter] for letter in letters)
    parts = _CHANNEL_WORD.findall(word)
    if len(parts) > 1 and "".join(parts) == word:
        kinds = tuple(_CHANNEL_WORDS[part] for part in parts)
        if len(set(kinds)) == len(kinds) and len(kinds) > 2:
            return kinds
    return ()


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


def _convention(word: str) -> str:
    for ending, convention in CONVENTION_WORDS.items():
        if word.endswith(ending) and word[: -len(ending)] in NORMAL_WORDS:
            return convention
    return ""
