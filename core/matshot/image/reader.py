"""Textures read from files through OpenImageIO, with bit depth, profile and metadata."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import OpenImageIO as oiio

from ..errors import MatshotError
from .alpha import straight_color
from .channels import ChannelChoice, chosen_channels, layers_in_words
from .color import Pixels
from .dds import is_opaque
from .formats import READABLE
from .ktx2 import Ktx2Input
from .normals import complete_normals, decoded_normals
from .ocio import colorspace_conversion, linear_rec709
from .profiles import ColorProfile, chromaticity_profile, gamma_profile, icc_profile
from .types import AlphaKind, Convention, Depth, Encoding, FileSource, Texture, Wrap

#: EXIF orientation of pictures that are stored as they are seen.
_UPRIGHT = 1

#: What 1 stands for in integers that are read as they count.
_COUNTS = {"uint": 2.0**32 - 1, "uint32": 2.0**32 - 1, "int": 2.0**31 - 1, "int32": 2.0**31 - 1}

#: Pictures of a file that are counted; an animation may have thousands.
_MOST_PARTS = 100

#: Bytes of a chunk of a PNG that is looked into.
_LARGEST_CHUNK = 4096

#: Exponents that stand for sRGB's curve.
_SRGB_GAMMA = (2.15, 2.25)

#: The first bytes of every PNG.
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_texture(
    path: str | os.PathLike[str],
    *,
    encoding: Encoding | Literal["auto"] = "auto",
    colorspace: str = "",
    convention: Convention = "gl",
    wrap: Wrap = "none",
) -> Texture:
    """Read an image file.

    Indexed and 1- to 4-bit images come as RGB or gray, gray+alpha as 2 channels, EXIF-turned photographs upright, alpha
    unassociated. Of several pictures, parts or layers the one with the color is read; ``source.notes`` names what is
    left out. Colors keep the numbers of the file; ``source.profile`` says what they mean where that is not sRGB.

    Args:
        path: PNG, JPEG, TIFF, EXR, TGA, BMP, WebP, HDR, DDS or KTX2.
        encoding: ``auto`` is ``srgb`` for integer files and ``linear`` for half and float ones; ``data`` for channels
            that are no color, and for integers with a sign.
        colorspace: OCIO name of the file's colors (``ACEScg``, ``sRGB``, ...), converted to linear Rec. 709.
        convention: of a normal map: OpenGL (+Y up) or DirectX (+Y down).
        wrap: axes on which it is known to repeat.

    Raises:
        MatshotError: missing, truncated, not an image, CMYK, no color among more than 4 channels, cube map or volume,
            NaN or infinite.

    Example:
        >>> import matshot
        >>> from matshot.shading.procedural import brick_wall
        >>> file = matshot.write_texture(brick_wall(64)["basecolor"], "wall.png")
        >>> matshot.read_texture(file, wrap="xy")
        <Texture 64 x 64, 3 channels, srgb, tiles on x and y, from wall.png>
    """
    path = Path(path)
    with _damage_in_words(path):
        stored = _read_pixels(path)
        _check_finite(path, stored.pixels)
        signed = encoding == "normal" and _is_signed(stored.spec, stored.pixels)
        return _texture(path, stored, encoding, colorspace, convention, wrap, signed)


def texture_strips(
    path: str | os.PathLike[str],
    edges: Sequence[int],
    *,
    encoding: Encoding | Literal["auto"] = "auto",
    colorspace: str = "",
    convention: Convention = "gl",
) -> Iterator[Texture]:
    """The rows of an image file, strip by strip from the top, in the memory of one strip where the format allows that.

    Args:
        path: as :func:`read_texture` takes it; also the others. An EXIF orientation is not applied.
        edges: rows at which strips begin and end: 0 first, the height last, ascending.
        encoding: as of :func:`read_texture`.
        colorspace: likewise.
        convention: likewise.

    Raises:
        MatshotError: as :func:`read_texture`.
    """
    path = Path(path)
    signed = False
    if encoding == "normal":
        signed = any(_is_signed(stored.spec, stored.pixels) for stored in _strips(path, edges))
    for stored in _strips(path, edges):
        _check_finite(path, stored.pixels)
        yield _texture(path, stored, encoding, colorspace, convention, "none", signed)


@contextlib.contextmanager
def _damage_in_words(path: Path) -> Iterator[None]:
    """The library's own errors about texts and values of damaged headers, as a sentence."""
    try:
        yield
    except (UnicodeError, RuntimeError, TypeError) as error:
        raise MatshotError(f"{path.name} is damaged: its header makes no sense.", repr(error)) from error


def upright_texture(texture: Texture) -> Texture:
    """A texture turned as the EXIF orientation of its file says."""
    spec = texture.source.attributes if texture.source is not None else None
    orientation = _UPRIGHT if spec is None else spec.get_int_attribute("Orientation", _UPRIGHT)
    return texture if orientation == _UPRIGHT else texture.with_pixels(_upright(texture.pixels, orientation))


def _texture(
    path: Path,
    stored: _Stored,
    encoding: Encoding | Literal["auto"],
    colorspace: str,
    convention: Convention,
    wrap: Wrap,
    signed: bool,
) -> Texture:
    """Pixels as they are stored as a texture."""
    pixels, spec, notes = stored.pixels, stored.spec, list(stored.notes)
    depth = _depth_of(spec)
    png = png_colors(path) if stored.format == "png" else PngColors()
    if encoding == "auto":
        integer = depth in ("uint8", "uint16")
        encoding = "srgb" if integer and png.gamma != 1 else "linear"
        if not stored.choice.color or (pixels.shape[2] == 1 and str(spec.format).startswith("int")):
            encoding = "data"
            listed = ", ".join(stored.choice.names) or "samples"
            notes.append(f"{path.name}: {listed} are numbers, not color; they are kept as they are.")
    if encoding == "normal":
        pixels, complete = complete_normals(pixels, signed)
        notes += [f"{path.name}: {complete}"] if complete else []
        pixels = decoded_normals(pixels, convention, signed)
    elif encoding != "data" and stored.alpha == "associated":
        pixels = straight_color(pixels)
    profile = None
    if encoding in ("srgb", "linear"):
        if colorspace:
            pixels = colorspace_conversion(pixels, colorspace, linear_rec709())
            encoding = "linear"
        else:
            profile, problem = _profile_of(spec, png, stored.format)
            notes += [f"{path.name}: {problem}"] if problem else []
    source = FileSource(
        path,
        depth,
        spec,
        colorspace,
        convention,
        signed,
        alpha=stored.alpha,
        channels=() if encoding == "normal" else stored.choice.names,
        profile=profile,
        signed_integers=str(spec.format) in ("int8", "int16"),
        notes=tuple(notes),
    )
    return Texture(np.ascontiguousarray(pixels), encoding, wrap, source)


def _check_finite(path: Path, pixels: Pixels) -> None:
    if not np.isfinite(pixels).all():
        raise MatshotError(f"{path.name} contains NaN or infinite values; fix it in the program that rendered it.")


def _is_signed(spec: oiio.ImageSpec, pixels: Pixels) -> bool:
    """Whether a normal map's values are stored from -1 on."""
    return _depth_of(spec) in ("half", "float") and bool(pixels[..., :3].min() < -1e-3)


def image_size(path: str | os.PathLike[str]) -> tuple[int, int, int]:
    """``(width, height, channels)`` of what :func:`read_texture` reads, from the header alone.

    Raises:
        MatshotError: as :func:`read_texture`.
    """
    path = Path(path)
    with _damage_in_words(path), contextlib.closing(open_image(path)) as image:
        spec, choice, _ = _main_part(path, image)
        return int(spec.width), int(spec.height), len(choice.indices)


def open_image(path: Path) -> Any:
    """Open an image file, after every check for which there is a better error than the library's.

    Raises:
        MatshotError: as :func:`read_texture`.
    """
    try:
        str(path).encode("utf-8")
    except UnicodeError as error:
        sentence = f"{path.name} cannot be opened, for its name is not valid Unicode; rename it."
        raise MatshotError(sentence, repr(error)) from error
    if not path.exists():
        raise MatshotError(f"{path} does not exist.")
    if path.is_dir():
        raise MatshotError(f"{path} is a folder, not an image.")
    if not path.is_file():
        raise MatshotError(f"{path.name} is a pipe or a device, not a file.")
    if path.suffix.lower() not in READABLE:
        raise MatshotError(f"{path.name} is not an image of a supported format ({', '.join(s[1:] for s in READABLE)}).")
    if not os.access(path, os.R_OK):
        raise MatshotError(f"{path.name} cannot be read: permission denied.")
    if path.stat().st_size == 0:
        raise MatshotError(f"{path.name} is empty (0 bytes).")
    with path.open("rb") as file:
        # libpng would print this to the terminal, past the error that an artist should see.
        if file.read(8) == PNG_SIGNATURE and not png_is_complete(file):
            raise MatshotError(f"{path.name} is damaged: it ends early.")
    if path.suffix.lower() == ".ktx2":
        return Ktx2Input(path)
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    image = oiio.ImageInput.open(str(path), config)
    if image is None:
        cause = oiio.geterror()
        raise MatshotError(f"{path.name} {_refusal(path, cause)}", cause)
    return image


def _refusal(path: Path, cause: str) -> str:
    """Why a file that is there cannot be opened, as the end of a sentence."""
    if "nsupported" in cause and path.suffix.lower() == ".dds":
        return "is a kind of DDS that is not read; save it as BC1 to BC7 or uncompressed, or as PNG."
    return "cannot be read as an image; it is damaged or of another type."


@dataclass(frozen=True)
class _Stored:
    """What a file holds: pixels as they are there, header, format, channels, kind of alpha, and what was left out."""

    pixels: Pixels
    spec: oiio.ImageSpec
    format: str
    choice: ChannelChoice
    alpha: AlphaKind
    notes: tuple[str, ...]


def _read_pixels(path: Path) -> _Stored:
    with contextlib.closing(open_image(path)) as image:
        spec, choice, notes = _main_part(path, image)
        _check_supported(path, spec)
        first, last = min(choice.indices), max(choice.indices) + 1
        part = image.current_subimage()
    # Opened again, since animations cannot be read from the start once their pictures were counted.
    with contextlib.closing(open_image(path)) as image:
        try:
            values = image.read_image(part, 0, first, last, oiio.FLOAT)
        except MemoryError as error:
            size = f"{spec.width} x {spec.height}"
            raise MatshotError(f"{path.name} is {size} pixels by its header, which do not fit into memory.") from error
        message = image.geterror()
        format_name = str(image.format_name())
    if values is None or message:
        raise _damaged(path, message)
    pixels = np.asarray(values, dtype=np.float32).reshape(spec.height, spec.width, last - first)
    stored = _stored(path, pixels, spec, format_name, choice, notes)
    if format_name == "bmp" and choice.alpha and not stored.pixels[..., -1].any():
        # Most programs leave the fourth byte at 0, which is not transparent there.
        opaque = replace(choice, indices=choice.indices[:-1], alpha=False)
        stored = replace(stored, pixels=stored.pixels[..., :-1], alpha="data", choice=opaque)
    orientation = spec.get_int_attribute("Orientation", _UPRIGHT)
    if orientation != _UPRIGHT:
        stored = replace(stored, pixels=_upright(stored.pixels, orientation))
    return replace(stored, pixels=np.ascontiguousarray(stored.pixels))


def _stored(
    path: Path, pixels: Pixels, spec: oiio.ImageSpec, format_name: str, choice: ChannelChoice, notes: tuple[str, ...]
) -> _Stored:
    """What a file holds, from its channels between the first and the last that is read."""
    pixels = pixels[..., [index - min(choice.indices) for index in choice.indices]]
    alpha: AlphaKind = "straight" if choice.alpha else "data"
    if choice.alpha and is_associated(spec, format_name):
        alpha = "associated"
    most = _COUNTS.get(str(spec.format))
    if most is not None:
        pixels = pixels * np.float32(most)
        notes += (f"{path.name}: 32-bit integers are read as floats, as they count.",)
    return _Stored(pixels, spec, format_name, choice, alpha, notes)


def _main_part(path: Path, image: Any) -> tuple[oiio.ImageSpec, ChannelChoice, tuple[str, ...]]:
    """Header and channels of the picture that is read, made the current one, and what else is in the file."""
    layered = image.format_name() == "openexr"
    specs = [image.spec()]
    while len(specs) < _MOST_PARTS and image.seek_subimage(len(specs), 0):
        specs.append(image.spec())
    image.geterror()
    choices = [chosen_channels(spec, str(image.format_name())) for spec in specs]
    ranks = [(choice is None, choice is not None and not choice.color, i) for i, choice in enumerate(choices)]
    part = min(ranks)[2] if layered else 0
    image.seek_subimage(part, 0)
    spec, choice = specs[part], choices[part]
    if choice is None:
        listed = layers_in_words([str(name) for name in spec.channelnames])
        raise MatshotError(f"{path.name} has {spec.nchannels} channels without color among them: {listed}.")
    if choice.alpha and image.format_name() == "dds" and is_opaque(path):
        choice = replace(choice, indices=choice.indices[:-1], alpha=False)
    notes = []
    if choice.left_out:
        notes.append(f"{path.name}: only the color is read; left out: {layers_in_words(choice.left_out)}.")
    if len(specs) > 1:
        notes.append(f"{path.name}: {_other_parts(specs, part, layered)}")
    elif image.format_name() == "png" and (frames := png_colors(path).frames) > 1:
        notes.append(f"{path.name}: animation; only the first of {frames} pictures is read.")
    return spec, choice, tuple(notes)


def _other_parts(specs: list[oiio.ImageSpec], part: int, layered: bool) -> str:
    if not layered:
        kind = "animation; only the first of" if specs[0].get_int_attribute("oiio:Movie") else "only the first of"
        more = "at least " if len(specs) == _MOST_PARTS else ""
        return f"{kind} {more}{len(specs)} {'pictures' if 'animation' in kind else 'pages'} is read."
    names = [spec.get_string_attribute("oiio:subimagename") or f"part {i + 1}" for i, spec in enumerate(specs)]
    others = ", ".join(name for i, name in enumerate(names) if i != part)
    return f"only the part {names[part]} of {len(specs)} parts is read; left out: {others}."


def _strips(path: Path, edges: Sequence[int]) -> Iterator[_Stored]:
    """Rows from each edge to the next, as they are stored."""
    with _damage_in_words(path), contextlib.closing(open_image(path)) as image:
        spec, choice, notes = _main_part(path, image)
        _check_supported(path, spec)
        part = image.current_subimage()
    with contextlib.closing(open_image(path)) as image:
        first, last = min(choice.indices), max(choice.indices) + 1
        held = np.empty((0, spec.width, last - first), np.float32)
        top = bottom = 0
        for begin, end in itertools.pairwise(edges):
            while bottom < end:
                # Tiles come in whole rows of them.
                following = min(spec.height, bottom + spec.tile_height if spec.tile_height else end)
                rows = _read_rows(image, spec, part, bottom, following, (first, last))
                if rows is None or image.has_error:
                    raise _damaged(path, image.geterror())
                held = np.concatenate([held[begin - top :], rows]) if begin < bottom else rows
                top, bottom = begin if begin < bottom else bottom, following
            yield _stored(path, held[begin - top : end - top], spec, str(image.format_name()), choice, notes)


def _read_rows(
    image: oiio.ImageInput, spec: oiio.ImageSpec, part: int, top: int, bottom: int, channels: tuple[int, int]
) -> Pixels | None:
    if spec.tile_height:
        columns, rows = (spec.x, spec.x + spec.width), (top + spec.y, bottom + spec.y)
        values = image.read_tiles(part, 0, *columns, *rows, spec.z, spec.z + 1, *channels, oiio.FLOAT)
    else:
        values = image.read_scanlines(part, 0, top + spec.y, bottom + spec.y, 0, *channels, oiio.FLOAT)
    if values is None:
        return None
    return np.asarray(values, dtype=np.float32).reshape(bottom - top, spec.width, channels[1] - channels[0])


def _damaged(path: Path, message: str) -> MatshotError:
    return MatshotError(f"{path.name} is damaged: it ends early, or its data is corrupt.", message)


def _check_supported(path: Path, spec: oiio.ImageSpec) -> None:
    spaces = (spec.get_string_attribute("jpeg:ColorSpace"), spec.get_string_attribute("tiff:ColorSpace"))
    if any(space in ("CMYK", "YCCK", "CIELAB") for space in spaces):
        kind = next(space for space in spaces if space)
        raise MatshotError(f"{path.name} is {kind}, a print color space; convert it to RGB first.")
    if spec.depth > 1:
        raise MatshotError(f"{path.name} is a volume texture, which is not supported.")
    if spec.get_string_attribute("textureformat").startswith("CubeFace"):
        raise MatshotError(f"{path.name} is a cube map, which is not supported.")


def _depth_of(spec: oiio.ImageSpec) -> Depth:
    name = str(spec.format)
    if name in ("uint8", "int8"):
        return "uint8"
    if name in ("uint16", "int16"):
        return "uint16"
    return "half" if name == "half" else "float"


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo EXIF orientation 2 to 8 (TIFF 6.0, tag 274)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def is_associated(spec: oiio.ImageSpec, format_name: str) -> bool:
    """Whether a file with alpha stores color multiplied by it.

    Only EXR, TIFF with associated alpha and TGA of alpha type 4 do; in DXT2 and DXT4 the library divides it out.
    """
    if format_name == "openexr":
        return True
    if format_name == "tiff":
        return not spec.get_int_attribute("oiio:UnassociatedAlpha")
    return format_name == "targa" and spec.get_int_attribute("targa:alpha_type") == 4


@dataclass(frozen=True)
class PngColors:
    """What the first chunks of a PNG say.

    Attributes:
        gamma: exponent from stored values to light by gAMA; None without, or where a chunk that counts more is there.
        chromaticities: by cHRM, likewise.
        frames: pictures of an animation (acTL).
        signal: whether cICP says that colors are of another space, such as HDR video.
        profiled: whether it has an ICC profile, good or damaged.
    """

    gamma: float | None = None
    chromaticities: tuple[float, ...] | None = None
    frames: int = 1
    signal: bool = False
    profiled: bool = False


def png_colors(path: Path) -> PngColors:
    """What the chunks before a PNG's pixels say of color and frames (PNG 3.0, 11.3.2)."""
    found: dict[bytes, bytes] = {}
    with path.open("rb") as file:
        if file.read(8) != PNG_SIGNATURE:
            return PngColors()
        while len(head := file.read(8)) == 8 and head[4:] not in (b"IDAT", b"IEND"):
            length = int.from_bytes(head[:4], "big")
            if head[4:] in (b"gAMA", b"cHRM", b"acTL", b"sRGB", b"iCCP", b"cICP") and length < _LARGEST_CHUNK:
                found[head[4:]] = file.read(length)
                file.seek(4, os.SEEK_CUR)
            else:
                file.seek(length + 4, os.SEEK_CUR)
    frames = int.from_bytes(found.get(b"acTL", b"\0\0\0\1")[:4], "big")
    signal = b"cICP" in found and found[b"cICP"][:2] not in (b"\x01\x0d", b"\x01\x01")
    if {b"sRGB", b"iCCP", b"cICP"} & found.keys():
        return PngColors(frames=frames, signal=signal, profiled=b"iCCP" in found)
    gamma = int.from_bytes(found.get(b"gAMA", b"")[:4], "big")
    points = found.get(b"cHRM", b"")
    chromaticities = None
    if len(points) == 32:
        white_first = [int.from_bytes(points[i : i + 4], "big") / 100000 for i in range(0, 32, 4)]
        chromaticities = (*white_first[2:], *white_first[:2])
    return PngColors(round(100000 / gamma, 4) if 10000 <= gamma <= 1000000 else None, chromaticities, frames)


def _profile_of(spec: oiio.ImageSpec, png: PngColors, format_name: str) -> tuple[ColorProfile | None, str]:
    """What the colors of a file mean, None for the usual; and what is wrong with what it says of them."""
    icc = spec.getattribute("ICCProfile")
    if icc is not None:
        try:
            profile = icc_profile(np.asarray(icc, dtype=np.uint8).tobytes())
        except MatshotError as error:
            return None, f"{error.sentence} Its colors are read as sRGB."
        if profile.channels == 1 and spec.nchannels >= 3:
            return None, f"its profile {profile.name} is for gray images and is not used."
        return (None if profile.is_srgb else profile), ""
    chromaticities = spec.getattribute("chromaticities")
    if format_name == "openexr" and chromaticities is not None:
        found = chromaticity_profile(np.asarray(chromaticities, dtype=np.float64).ravel().tolist())
        if found is None:
            return None, "its chromaticities are impossible; its colors are read as Rec. 709."
        return (None if found.is_linear_rec709 else found), ""
    if png.profiled:  # libpng leaves out what it cannot use
        return None, "its ICC profile is damaged, or for no RGB or gray colors; its colors are read as sRGB."
    if png.signal:
        return None, "its colors are an HDR or video signal (cICP); numbers are kept, and only PNG keeps their meaning."
    gamma = png.gamma
    if png.chromaticities is not None and gamma is not None:
        found = chromaticity_profile(png.chromaticities, gamma)
        if found is not None and found.name != "Rec. 709":
            return found, ""
    if gamma is not None and gamma != 1 and not _SRGB_GAMMA[0] <= gamma <= _SRGB_GAMMA[1]:
        return gamma_profile(gamma), ""
    return None, ""


def png_is_complete(file: IO[bytes]) -> bool:
    """Whether the chunks of a PNG, whose signature has been read, lead to its end."""
    while len(head := file.read(8)) == 8:
        if head[4:] == b"IEND":
            return len(file.read(4)) == 4
        file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return False
