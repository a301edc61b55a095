"""The upscale tool: one texture in, one larger texture out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ..errors import MatshotError
from ..image.color import Pixels, linear_from_srgb, srgb_from_linear
from ..image.types import WRAPS, Encoding, Texture, Wrap
from ..image.wrap import measured_wrap
from ..inference.memory import Chain, budget, fitting_tile, resident_bytes
from ..inference.session import Device
from ..inference.tiling import ArrayRows, Operator, Rows, TiledRows
from ..progress import Listener, Progress
from .methods import METHODS, operators
from .transparency import bled, is_constant

SCALES = (2, 4, 8)
LOOKS = ("fidelity", "detail")


@dataclass(frozen=True)
class UpscaleOptions:
    """Parameters of the tool; names, defaults and meaning are the same in every face.

    Attributes:
        scale: 2, 4 or 8 times as large on each side; 8 is a cascade.
        look: ``fidelity`` stays closest to the truth, ``detail`` adds plausible texture.
        method: ``network``, or one of the older ways.
        wrap: axes on which the texture repeats; ``auto`` measures it.
        memory: bound on the memory of the process, such as ``2G``; empty for a share of what is free.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: of the CPU; 0 for all.
        tile: side of the tiles in pixels of the input; 0 for the largest that memory allows.
    """

    scale: int = 4
    look: str = "fidelity"
    method: str = "network"
    wrap: Wrap | Literal["auto"] = "auto"
    memory: str = ""
    device: Device = "auto"
    threads: int = 0
    tile: int = 0

    def __post_init__(self) -> None:
        """Refuse what does not exist, in one sentence."""
        _require("scale", self.scale, SCALES)
        _require("look", self.look, LOOKS)
        _require("method", self.method, METHODS)
        _require("wrap", self.wrap, ("auto", *WRAPS))
        if self.tile < 0 or self.threads < 0:
            raise MatshotError("Tile and threads are 0 (automatic) or more.")

    def recorded(self) -> dict[str, Any]:
        """The parameters, for a result's record."""
        return asdict(self)


def _require(name: str, value: object, offered: tuple[object, ...]) -> None:
    if value not in offered:
        raise MatshotError(f"There is no {name} {value!r}; there are {', '.join(map(str, offered))}.")


def upscale(texture: Texture, *, progress: Listener | None = None, **options: Any) -> Texture:
    """Enlarge a texture.

    Colour goes through the colour network display-encoded, normals and data through their own. Alpha is enlarged as
    data, and not at all where it is constant; colour under transparent texels is bled first. Values outside [0, 1]
    survive. What was in [0, 1] stays there.

    Args:
        texture: any encoding, 1 to 4 channels. The fourth of a normal map is data.
        progress: told ``(fraction, stage)`` after every tile; may raise ``Cancelled``.
        **options: fields of :class:`UpscaleOptions`.

    Returns:
        Same encoding and channels, ``scale`` times as high and wide, with the wrap that was found.

    Raises:
        MatshotError: for options that do not exist, or too little memory.
        Cancelled: when the listener says so.
    """
    chosen = UpscaleOptions(**options)
    rows, wrap = upscaled_rows(texture, chosen, Progress(progress, stage="upscaling"))
    out = np.empty((rows.height, rows.width, rows.channels), dtype=np.float32)
    for start in range(0, rows.height, CHUNK):
        stop = min(start + CHUNK, rows.height)
        out[start:stop] = rows.read(start, stop)
    return Texture(out, texture.encoding, wrap, texture.source)


#: Rows that are taken at a time from a band: few, so that conversions of them need little memory.
CHUNK = 128


def upscaled_rows(texture: Texture, options: UpscaleOptions, progress: Progress) -> tuple[Rows, Wrap]:
    """The result as rows that are made when they are read, and the wrap that was found.

    Raises:
        MatshotError: as :func:`upscale`.
    """
    wrap = measured_wrap(texture.color) if options.wrap == "auto" else options.wrap
    main, rest = _split(texture)
    eaten: Encoding = "srgb" if texture.encoding == "linear" else texture.encoding
    chains = [_operators(eaten, options)]
    if rest is not None and not is_constant(rest):
        chains.append(_operators("data", options))
        if texture.encoding in ("srgb", "linear"):
            main = bled(main, rest, wrap, _reach(chains[0]))
    fed = _fed(main, texture.encoding)
    sources = [ArrayRows(fed)] + ([ArrayRows(rest)] if rest is not None and len(chains) == 2 else [])
    tile = options.tile or fitting_tile(
        [Chain(c, s.height, s.width, s.channels) for c, s in zip(chains, sources, strict=True)],
        budget(options.memory),
        resident_bytes(),
    )
    parts = [(i / len(sources), (i + 1) / len(sources)) for i in range(len(sources))]
    made = [
        _cascade(source, chain, wrap, tile, progress.part(*part))
        for source, chain, part in zip(sources, chains, parts, strict=True)
    ]
    return _Assembled(texture, _Bounds(fed, wrap, options.scale), made, rest), wrap


def _operators(encoding: str, options: UpscaleOptions) -> list[Operator]:
    return operators(encoding, options.scale, options.look, options.method, options.device, options.threads)


def _reach(chain: list[Operator]) -> int:
    """Input pixels that a chain looks across."""
    reach, scale = 0.0, 1
    for operator in chain:
        reach += operator.receptive_field / scale
        scale *= operator.scale
    return int(np.ceil(reach))


def _split(texture: Texture) -> tuple[Pixels, Pixels | None]:
    """What the map's own network takes, and a channel that goes through the data network beside it."""
    pixels = texture.pixels
    if texture.encoding == "data":
        return pixels, None
    if texture.encoding == "normal":
        if pixels.shape[2] < 3:
            raise MatshotError("A normal map has three channels.")
        return pixels[..., :3], pixels[..., 3:] if pixels.shape[2] == 4 else None
    return texture.color, texture.alpha


def _fed(main: Pixels, encoding: Encoding) -> Pixels:
    """Pixels as the networks eat them: colour display-encoded and of three channels."""
    if encoding == "linear":
        main = srgb_from_linear(main)
    if encoding in ("srgb", "linear") and main.shape[2] == 1:
        main = np.repeat(main, 3, axis=2)
    return np.ascontiguousarray(main)


def _cascade(source: Rows, chain: list[Operator], wrap: str, tile: int, progress: Progress) -> Rows:
    # Stages take turns, so only the last, which is also by far the longest, can tell how far the whole is.
    for operator in chain[:-1]:
        source = TiledRows(source, operator, wrap, tile, progress.held())
    return TiledRows(source, chain[-1], wrap, tile, progress, keep=1)


class _Bounds:
    """The range that a result may have: [0, 1], and beyond it what the input has nearby.

    A network draws an edge a little beyond both its sides. Where the bright side is a lamp of 16 that little would be
    many times white, for the encoding is a power of 2.4.
    """

    def __init__(self, fed: Pixels, wrap: str, scale: int, reach: int = 2) -> None:
        self._scale = scale
        self._limits: tuple[Pixels, Pixels] | None = None
        if fed.min() < 0 or fed.max() > 1:
            from scipy.ndimage import maximum_filter1d, minimum_filter1d

            low = high = fed
            for axis, name in enumerate("yx"):
                mode: Literal["wrap", "nearest"] = "wrap" if name in wrap else "nearest"
                low = minimum_filter1d(low, 2 * reach + 1, axis=axis, mode=mode)
                high = maximum_filter1d(high, 2 * reach + 1, axis=axis, mode=mode)
            self._limits = (np.minimum(low, 0), np.maximum(high, 1))

    def kept(self, rows: Pixels, start: int) -> Pixels:
        """Rows of the result from ``start``, clipped."""
        if self._limits is None:
            return rows.clip(0, 1)
        down = np.arange(start, start + len(rows)) // self._scale
        low, high = (limit[down].repeat(self._scale, axis=1) for limit in self._limits)
        return rows.clip(low, high)


class _Assembled:
    """Rows of the result in the texture's own encoding, alpha beside colour again."""

    def __init__(self, texture: Texture, bounds: _Bounds, made: list[Rows], rest: Pixels | None) -> None:
        self._texture, self._bounds, self._made, self._rest = texture, bounds, made, rest
        self.height, self.width = made[0].height, made[0].width
        self.channels = texture.pixels.shape[2]

    def read(self, start: int, stop: int) -> Pixels:
        """Rows ``start`` to ``stop``."""
        texture = self._texture
        main = self._made[0].read(start, stop)
        if texture.encoding == "normal":
            main = main / np.maximum(np.linalg.norm(main, axis=2, keepdims=True), 1e-6)
        else:
            main = self._bounds.kept(main, start)
        if texture.encoding in ("srgb", "linear") and texture.color.shape[2] == 1:
            main = main.mean(axis=2, keepdims=True)
        if texture.encoding == "linear":
            main = linear_from_srgb(main)
        if self._rest is None:
            return np.ascontiguousarray(main, dtype=np.float32)
        if len(self._made) == 2:
            rest = self._made[1].read(start, stop).clip(0, 1)
        else:
            rest = np.full((stop - start, self.width, 1), self._rest.flat[0], dtype=np.float32)
        return np.concatenate([main, rest], axis=2, dtype=np.float32)
