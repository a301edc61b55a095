"""The texture multiplier: from one texture or material, others like it, of any size."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import cv2
import numpy as np

from ..errors import MatshotError
from ..image.color import Pixels
from ..image.normals import renormalised
from ..image.types import Texture, Wrap
from ..image.wrap import measured_wrap
from ..inference.memory import budget, resident_bytes
from ..inference.session import Device, usable_threads
from ..material.planes import Planes, anisotropy_of_directions, directions, planes_of
from ..material.types import MapKind, Material
from ..progress import Listener, Progress
from .correspondence import PATCH, Transfer
from .patches import matched, synthesised
from .periodicity import regularity

Engine = Literal["auto", "patch", "neural"]
ENGINES = ("auto", "patch", "neural")

#: Longest side of a result, and most of them.
_LONGEST, _MOST = 32768, 1000
#: Bytes of the engine's own for each pixel of a result, and of a source.
_BYTES, _SOURCE_BYTES = 12, 400


@dataclass(frozen=True)
class MultiplyOptions:
    """Parameters of the tool; names, defaults and meaning are the same in every face.

    Attributes:
        size: of every result, ``1024x512``, ``1024`` for both or (width, height); empty for twice the source's.
        seed: of the first result; each further one has the next.
        tileable: whether results repeat on both axes.
        count: results.
        variety: 0 keeps large pieces of the source together, 1 none that is larger than the structure needs.
        engine: ``patch`` arranges pixels of the source, ``neural`` makes new ones with the same statistics.
        wrap: axes on which the source repeats; ``auto`` measures it.
        memory: bound, such as ``2G``.
        device: where networks run.
        threads: 0 for all.
    """

    size: str | tuple[int, int] = ""
    seed: int = 0
    tileable: bool = False
    count: int = 1
    variety: float = 0.5
    engine: Engine = "auto"
    wrap: Wrap | Literal["auto"] = "auto"
    memory: str = ""
    device: Device = "auto"
    threads: int = 0

    def __post_init__(self) -> None:
        """Refuse what does not exist, in one sentence."""
        self.sides(PATCH, PATCH)
        if self.engine not in ENGINES:
            raise MatshotError(f"There is no engine {self.engine!r}; there are {', '.join(ENGINES)}.")
        if self.wrap not in ("auto", "none", "x", "y", "xy"):
            raise MatshotError(f"There is no wrap {self.wrap!r}; there are auto, none, x, y, xy.")
        if not 0 <= self.variety <= 1:
            raise MatshotError(f"Variety is between 0 and 1, not {self.variety:g}.")
        if not 1 <= self.count <= _MOST:
            raise MatshotError(f"There are 1 to {_MOST} results, not {self.count}.")
        if min(self.seed, self.threads) < 0:
            raise MatshotError("Seed and threads are 0 or more.")

    def sides(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the results, given those of the source.

        Raises:
            MatshotError: for a size that is none, or out of range.
        """
        if self.size == "":
            return 2 * width, 2 * height
        if isinstance(self.size, str):
            found = re.fullmatch(r"\s*(\d{1,9})\s*(?:[xX*\u00d7]\s*(\d{1,9})\s*)?", self.size)
            if found is None:
                raise MatshotError(f"{self.size!r} is not a size; write for example 1024x1024.")
            across, down = int(found[1]), int(found[2] or found[1])
        else:
            across, down = self.size
        if not (PATCH <= across <= _LONGEST and PATCH <= down <= _LONGEST):
            raise MatshotError(f"A result has {PATCH} to {_LONGEST} pixels a side, not {across} x {down}.")
        return across, down


def multiply(
    material: Material,
    options: MultiplyOptions | None = None,
    *,
    progress: Listener | None = None,
    shown: Callable[[Texture], None] | None = None,
) -> list[Material]:
    """Materials like a given one; see :func:`variations`, which gives them one by one."""
    return list(variations(material, options, progress=progress, shown=shown))


def variations(
    material: Material,
    options: MultiplyOptions | None = None,
    *,
    progress: Listener | None = None,
    shown: Callable[[Texture], None] | None = None,
) -> Iterator[Material]:
    """Materials like a given one, each when it is asked for.

    All maps are arranged alike: every pixel of a result is, in all maps, the same pixel of the source, or the same
    mean of a few. Patches are moved and never turned, so normals keep their meaning. Only of a single colour image
    does the neural engine give its own pixels.

    Args:
        material: source; at least 8 pixels a side, unless it is of one colour.
        options: see :class:`MultiplyOptions`.
        progress: told ``(fraction, stage)``; may raise ``Cancelled``.
        shown: told the base color, or else the first map, of every octave, smaller than the result.

    Yields:
        A material of the asked size, whose ``parameters`` hold the options, its own seed, the engine that made it,
        and what the user should be told, ``notes``.

    Raises:
        MatshotError: for a source that is too small, or too little memory.
        Cancelled: when the listener says so.
    """
    chosen = options or MultiplyOptions()
    width, height = chosen.sides(material.width, material.height)
    _check_memory(material, chosen, width, height)
    planes = planes_of(material)
    wrap = measured_wrap(planes.values) if chosen.wrap == "auto" else chosen.wrap
    whole = Progress(progress)
    for number in range(chosen.count):
        part = whole.part(number / chosen.count, (number + 1) / chosen.count, "synthesising")
        yield _one(planes, chosen, chosen.seed + number, (height, width), wrap, part, shown)


def _one(
    planes: Planes,
    options: MultiplyOptions,
    seed: int,
    size: tuple[int, int],
    source_wrap: Wrap,
    progress: Progress,
    shown: Callable[[Texture], None] | None,
) -> Material:
    material, values = planes.like, planes.values
    wrap: Wrap = "xy" if options.tileable else "none"
    weights = planes.balanced_weights()
    repeats = regularity(values * np.sqrt(np.asarray(weights, dtype=np.float32)))
    # The patch engine keeps what is regular, and of the rest it keeps the sharpness.
    engine = "neural" if options.engine == "neural" else "patch"
    threads = options.threads or usable_threads()
    notes = [
        f"repeats every {repeat.period:.1f} pixels {way}, which was kept"
        for repeat, way in zip(repeats, ("down", "across"), strict=True)
        if repeat.period is not None and engine == "patch"
    ]
    made: Material | None = None
    if not np.ptp(values, axis=(0, 1)).any():
        made = _constant(material, size, wrap)
        notes = ["of one colour, and so is what was made of it"]
    elif engine == "neural":
        picture = _neural(material, options, seed, size, wrap, source_wrap, progress.part(0, 0.9), shown)
        if len(material.maps) == 1 and values.shape[2] == 3 and "normal" not in material.maps:
            made = planes.material(picture, wrap)
        else:
            guide = _picture(material)
            transfer = matched(
                guide, picture, wrap=wrap, source_wrap=source_wrap, seed=seed, threads=threads,
                progress=progress.part(0.9, 1),
            )  # fmt: skip
            made = arranged(material, transfer)
    else:
        transfer = synthesised(
            values,
            weights,
            *size,
            wrap=wrap,
            source_wrap=source_wrap,
            repeats=repeats,
            seed=seed,
            variety=options.variety,
            threads=threads,
            progress=progress,
            shown=None if shown is None else lambda octave, number: shown(_octave(material, octave, number)),
        )
        made = arranged(material, transfer)
    parameters: dict[str, Any] = {**asdict(options), "tool": "multiply", "size": [size[1], size[0]], "seed": seed}
    parameters |= {"count": 1, "engine": engine, "wrap": source_wrap, "notes": notes}
    return Material(made.maps, material.name, made.physical_size, material.height_scale, material.origin, parameters)


def arranged(material: Material, transfer: Transfer) -> Material:
    """A material whose every map is arranged by the same transfer; normals are unit vectors afterwards."""
    maps: dict[MapKind, Texture] = {}
    for kind, texture in material.maps.items():
        if kind == "anisotropy_angle":
            size = material.maps["anisotropy"].pixels if "anisotropy" in material.maps else np.ones_like(texture.pixels)
            blended = transfer.apply(directions(size, 2 * np.pi * texture.pixels))
            pixels = np.mod(anisotropy_of_directions(blended)[1] / (2 * np.pi), 1).astype(np.float32)
        else:
            pixels = transfer.apply(texture.pixels)
            if texture.encoding == "normal":
                pixels = renormalised(pixels)
        maps[kind] = Texture(pixels, texture.encoding, transfer.wrap, texture.source)
    return _resized(material, maps, (transfer.height, transfer.width))


def _neural(
    material: Material,
    options: MultiplyOptions,
    seed: int,
    size: tuple[int, int],
    wrap: Wrap,
    source_wrap: Wrap,
    progress: Progress,
    shown: Callable[[Texture], None] | None,
) -> Pixels:
    from .neural import optimised

    return optimised(
        _picture(material),
        *size,
        wrap=wrap,
        source_wrap=source_wrap,
        seed=seed,
        variety=options.variety,
        device=options.device,
        threads=options.threads,
        progress=progress,
        shown=None if shown is None else lambda picture: shown(Texture(picture.clip(0, 1), "srgb", wrap)),
    )


def _picture(material: Material) -> Pixels:
    """What the neural engine looks at: the base color as displayed, else the first map, as three channels in [0, 1]."""
    kind = _leading(material)
    texture = material.maps[kind]
    values = planes_of(Material({kind: texture})).values
    if texture.encoding == "normal":
        values = 0.5 + 0.5 * texture.pixels[..., :3]
    elif texture.alpha is not None:
        values = values[..., :-1]
    return np.ascontiguousarray(np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values[..., :3])


def _leading(material: Material) -> MapKind:
    """The base color, else the first map."""
    return "basecolor" if "basecolor" in material.maps else next(iter(material.maps))


def _octave(material: Material, transfer: Transfer, number: int) -> Texture:
    """The map that is looked at, as an octave has it."""
    texture = material.maps[_leading(material)]
    if number:
        shape = (transfer.source_width, transfer.source_height)
        small = cv2.resize(texture.pixels, shape, interpolation=cv2.INTER_AREA)
        texture = texture.with_pixels(np.ascontiguousarray(small.reshape(*shape[::-1], -1)))
    return Texture(transfer.apply(texture.pixels), texture.encoding, transfer.wrap)


def _constant(material: Material, size: tuple[int, int], wrap: Wrap) -> Material:
    maps: dict[MapKind, Texture] = {}
    for kind, texture in material.maps.items():
        pixels = np.broadcast_to(texture.pixels[:1, :1], (*size, texture.pixels.shape[2]))
        maps[kind] = Texture(np.ascontiguousarray(pixels), texture.encoding, wrap, texture.source)
    return _resized(material, maps, size)


def _resized(material: Material, maps: dict[MapKind, Texture], size: tuple[int, int]) -> Material:
    """A material with maps of another size, whose pixels are as large as they were."""
    physical = material.physical_size
    if physical is not None:
        physical = (physical[0] * size[1] / material.width, physical[1] * size[0] / material.height)
    return Material(maps, material.name, physical, material.height_scale, material.origin, material.parameters)


def _check_memory(material: Material, options: MultiplyOptions, width: int, height: int) -> None:
    channels = sum(texture.pixels.shape[2] for texture in material.maps.values())
    source = material.width * material.height * (_SOURCE_BYTES + 8 * channels)
    needed = resident_bytes() + source + width * height * (_BYTES + 4 * channels)
    allowed = budget(options.memory)
    if needed > allowed:
        raise MatshotError(
            f"A result of {width} x {height} pixels takes about {needed / 2**30:.1f} GB of memory, and "
            f"{allowed / 2**30:.1f} GB may be taken; choose a smaller size."
        )
