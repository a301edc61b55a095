"""The upscale tool: one texture in, one larger texture out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from matshot_host.tools import UPSCALE

from ..errors import MatshotError
from ..image.color import Pixels, linear_from_srgb, srgb_from_linear
from ..image.types import Encoding, Texture, Wrap
from ..image.wrap import measured_wrap
from ..inference.memory import Chain, largest_tile, memory_budget, resident_bytes
from ..inference.session import Device
from ..inference.tiling import ArrayRows, Operator, Rows, TiledRows
from ..options import ToolOptions
from ..progress import Listener, Progress
from .methods import operators
from .transparency import bled_color, is_constant

#: Rows that are read at a time from a band: few, so that their conversions need little memory.
CHUNK = 128


@dataclass(frozen=True)
class UpscaleOptions(ToolOptions):
    """Parameters of the tool; names, defaults and meaning are the same in every face.

    Attributes:
        scale: 2, 4 or 8 times as large on each side; 8 is a cascade.
        look: ``fidelity`` stays closest to the truth, ``detail`` adds plausible texture.
        method: ``network``, or an older method.
        wrap: axes on which the texture repeats; ``auto`` measures it.
        memory: bound on the memory of the process, such as ``2G``; empty for a share of what is free.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: of the CPU; 0 for all.
        tile: side of the tiles in pixels of the input; 0 for the largest that memory allows.
    """

    table: ClassVar = UPSCALE

    scale: int = 4
    look: str = "fidelity"
    method: str = "network"
    wrap: Wrap | Literal["auto"] = "auto"
    memory: str = ""
    device: Device = "auto"
    threads: int = 0
    tile: int = 0


def upscale(texture: Texture, *, progress: Listener | None = None, **options: Any) -> Texture:
    """Enlarge a texture.

    Color goes through the color network display-encoded, normals and data through their own. Alpha is enlarged as
    data, and not at all where it is constant; color under transparent texels is bled first. Values outside [0, 1]
    survive. What was in [0, 1] stays there.

    Args:
        texture: any encoding, 1 to 4 channels. The fourth of a normal map is data.
        progress: called with ``(fraction, stage)`` after every tile; may raise ``Cancelled``.
        **options: fields of :class:`UpscaleOptions`.

    Returns:
        Same encoding and channels, ``scale`` times as high and wide, with the wrap that was given or measured.

    Raises:
        MatshotError: for unknown options, or too little memory.
        Cancelled: when the listener raises it.
    """
    chosen = UpscaleOptions(**options)
    rows, wrap = upscaled_rows(texture, chosen, Progress(progress, stage="upscaling"))
    out = np.empty((rows.height, rows.width, rows.channels), dtype=np.float32)
    for start in range(0, rows.height, CHUNK):
        stop = min(start + CHUNK, rows.height)
        out[start:stop] = rows.read(start, stop)
    return Texture(out, texture.encoding, wrap, texture.source)


def upscaled_rows(texture: Texture, options: UpscaleOptions, progress: Progress) -> tuple[Rows, Wrap]:
    """The result as rows that are computed when they are read, and its wrap.

    Raises:
        MatshotError: as :func:`upscale`.
    """
    wrap = measured_wrap(texture.color) if options.wrap == "auto" else options.wrap
    main, extra = _split(texture)
    encoding: Encoding = "srgb" if texture.encoding == "linear" else texture.encoding
    chains = [_operators(encoding, options)]
    if extra is not None and not is_constant(extra):
        chains.append(_operators("data", options))
        if texture.encoding in ("srgb", "linear"):
            main = bled_color(main, extra, wrap, _reach(chains[0]))
    network_input = _network_input(main, texture.encoding)
    sources = [ArrayRows(network_input)] + ([ArrayRows(extra)] if extra is not None and len(chains) == 2 else [])
    tile = options.tile or largest_tile(
        [Chain(c, s.height, s.width, s.channels) for c, s in zip(chains, sources, strict=True)],
        memory_budget(options.memory),
        resident_bytes(),
    )
    parts = [(i / len(sources), (i + 1) / len(sources)) for i in range(len(sources))]
    upscaled = [
        _cascade(source, chain, wrap, tile, progress.part(*part))
        for source, chain, part in zip(sources, chains, parts, strict=True)
    ]
    return _Assembled(texture, _Bounds(network_input, wrap, options.scale), upscaled, extra), wrap


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
    """Channels for the map's own network, and one that goes through the data network beside it."""
    pixels = texture.pixels
    if texture.encoding == "data":
        return pixels, None
    if texture.encoding == "normal":
        if pixels.shape[2] < 3:
            raise MatshotError(f"A normal map has 3 or 4 channels, got {pixels.shape[2]}.")
        return pixels[..., :3], pixels[..., 3:] if pixels.shape[2] == 4 else None
    return texture.color, texture.alpha


def _network_input(main: Pixels, encoding: Encoding) -> Pixels:
    """Pixels as the networks need them: color display-encoded and with three channels."""
    if encoding == "linear":
        main = srgb_from_linear(main)
    if encoding in ("srgb", "linear") and main.shape[2] == 1:
        main = np.repeat(main, 3, axis=2)
    return np.ascontiguousarray(main)


def _cascade(source: Rows, chain: list[Operator], wrap: str, tile: int, progress: Progress) -> Rows:
    # Stages take turns, so only the last, which is also by far the longest, knows the progress of the whole.
    for operator in chain[:-1]:
        source = TiledRows(source, operator, wrap, tile, progress.heartbeat())
    return TiledRows(source, chain[-1], wrap, tile, progress, keep=1)


class _Bounds:
    """Limits of a result's values: [0, 1], and beyond it the range of the input nearby.

    A network overshoots edges a little. Where the bright side is a lamp of 16, that little would be many times white,
    since the encoding is a power of 2.4.
    """

    def __init__(self, network_input: Pixels, wrap: str, scale: int, reach: int = 2) -> None:
        self._scale = scale
        self._limits: tuple[Pixels, Pixels] | None = None
        if network_input.min() < 0 or network_input.max() > 1:
            from scipy.ndimage import maximum_filter1d, minimum_filter1d

            low = high = network_input
            for axis, name in enumerate("yx"):
                mode: Literal["wrap", "nearest"] = "wrap" if name in wrap else "nearest"
                low = minimum_filter1d(low, 2 * reach + 1, axis=axis, mode=mode)
                high = maximum_filter1d(high, 2 * reach + 1, axis=axis, mode=mode)
            self._limits = (np.minimum(low, 0), np.maximum(high, 1))

    def clipped(self, rows: Pixels, start: int) -> Pixels:
        """Rows of the result from ``start``, clipped."""
        if self._limits is None:
            return rows.clip(0, 1)
        down = np.arange(start, start + len(rows)) // self._scale
        low, high = (limit[down].repeat(self._scale, axis=1) for limit in self._limits)
        return rows.clip(low, high)


class _Assembled:
    """Rows of the result in the texture's own encoding, alpha beside color again."""

    def __init__(self, texture: Texture, bounds: _Bounds, upscaled: list[Rows], extra: Pixels | None) -> None:
        self._texture, self._bounds, self._upscaled, self._extra = texture, bounds, upscaled, extra
        self.height, self.width = upscaled[0].height, upscaled[0].width
        self.channels = texture.pixels.shape[2]

    def read(self, start: int, stop: int) -> Pixels:
        """Rows ``start`` to ``stop``."""
        texture = self._texture
        main = self._upscaled[0].read(start, stop)
        if texture.encoding == "normal":
            main = main / np.maximum(np.linalg.norm(main, axis=2, keepdims=True), 1e-6)
        else:
            main = self._bounds.clipped(main, start)
        if texture.encoding in ("srgb", "linear") and texture.color.shape[2] == 1:
            main = main.mean(axis=2, keepdims=True)
        if texture.encoding == "linear":
            main = linear_from_srgb(main)
        if self._extra is None:
            return np.ascontiguousarray(main, dtype=np.float32)
        if len(self._upscaled) == 2:
            extra = self._upscaled[1].read(start, stop).clip(0, 1)
        else:
            extra = np.full((stop - start, self.width, 1), self._extra.flat[0], dtype=np.float32)
        return np.concatenate([main, extra], axis=2, dtype=np.float32)
