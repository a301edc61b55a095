"""The upscale tool: one texture in, one larger texture out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from matshot_host.tools import UPSCALE

from ..errors import MatshotError
from ..image.alpha import (
    continues_under_alpha,
    has_hidden_colors,
    is_multiplied,
    is_transparency,
    multiplied_color,
    straight_color,
)
from ..image.color import Pixels, linear_from_srgb, srgb_from_linear
from ..image.normals import unit_normals
from ..image.types import Encoding, Texture, Wrap
from ..image.wrap import is_panorama, measured_wrap
from ..inference.memory import Budget, Chain, bytes_needed, largest_tile, memory_budget, resident_bytes
from ..inference.session import Device
from ..inference.tiling import ArrayRows, Operator, Rows, TiledRows
from ..options import ToolOptions
from ..progress import Listener, Progress
from ..synthesis.guides import mask_of
from .methods import operators
from .transparency import bled_color, coverage, is_constant

#: Rows that are read at a time from a band: few, so that their conversions need little memory.
CHUNK = 128

#: Longest side of textures whose pixels are repeated as they are.
_TINY = 2

#: Alpha that 8 bits store as 0.
_INVISIBLE = 0.5 / 255


@dataclass(frozen=True)
class UpscaleOptions(ToolOptions):
    """Parameters of the tool; names, defaults and meaning are the same in every face.

    Attributes:
        scale: 2, 4 or 8 times as large on each side; 8 is a cascade.
        look: ``fidelity`` stays closest to the truth, ``detail`` adds plausible texture.
        method: ``network``, or an older method.
        protect: path of the mask of what is only interpolated; its pixels come as an argument.
        wrap: axes on which the texture repeats; ``auto`` measures it.
        memory: bound on the memory of the process, such as ``2G``; empty for a share of what is free.
        device: where networks run.
        threads: of the CPU; 0 for all.
        tile: side of the tiles in pixels of the input; 0 for the largest that memory allows.
    """

    table: ClassVar = UPSCALE

    scale: int = 4
    look: str = "fidelity"
    method: str = "network"
    protect: str = ""
    wrap: Wrap | Literal["auto"] = "auto"
    memory: str = ""
    device: Device = "auto"
    threads: int = 0
    tile: int = 0


def upscale(
    texture: Texture, *, mask: Texture | None = None, progress: Listener | None = None, **options: Any
) -> Texture:
    """Enlarge a texture.

    Color goes through the color network display-encoded, normals and data through their own. Alpha is enlarged as
    data, and not at all where it is constant; color under transparent texels is bled first. Values outside [0, 1]
    survive. What was in [0, 1] stays there.

    Args:
        texture: any encoding, 1 to 4 channels. The fourth of a normal map is data.
        mask: white where pixels are only interpolated (bicubic), gray for a share of it; nowhere if not given.
        progress: called with ``(fraction, stage)`` after every tile; may raise ``Cancelled``.
        **options: fields of :class:`UpscaleOptions`.

    Returns:
        Same encoding and channels, ``scale`` times as high and wide, with the wrap that was given or measured.

    Raises:
        MatshotError: for unknown options, a mask that does not fit, or too little memory.
        Cancelled: when the listener raises it.
    """
    chosen = UpscaleOptions(**options)
    share = None if mask is None else protected_share(mask, texture)
    made = upscaled_rows(texture, chosen, Progress(progress, stage="upscaling"), None, share)
    rows = made.rows
    out = np.empty((rows.height, rows.width, rows.channels), dtype=np.float32)
    for start in range(0, rows.height, CHUNK):
        stop = min(start + CHUNK, rows.height)
        out[start:stop] = rows.read(start, stop)
    return Texture(out, texture.encoding, made.wrap, texture.source)


def protected_share(protect: Texture, texture: Texture) -> Pixels:
    """How much of each pixel of a texture is only interpolated, ``H x W x 1`` in [0, 1].

    Raises:
        MatshotError: for a mask of other proportions, or one that is black everywhere.
    """
    return mask_of(protect.pixels, (texture.height, texture.width), "protect mask")[..., np.newaxis]


@dataclass(frozen=True)
class UpscaledRows:
    """A result whose rows are computed when they are read.

    Attributes:
        rows: of the result.
        wrap: axes on which it repeats.
        bytes_needed: that are held while its rows are read, beside the texture.
    """

    rows: Rows
    wrap: Wrap
    bytes_needed: int


def upscaled_rows(
    texture: Texture,
    options: UpscaleOptions,
    progress: Progress,
    budget: Budget | None = None,
    protected: Pixels | None = None,
) -> UpscaledRows:
    """The result as rows that are computed when they are read.

    Args:
        texture: as :func:`upscale` takes it.
        options: of the tool.
        progress: called after every tile.
        budget: memory that it may take; None for what ``options`` say.
        protected: of :func:`protected_share`; nothing is protected if not given.

    Raises:
        MatshotError: as :func:`upscale`.
    """
    wrap = texture_wrap(texture) if options.wrap == "auto" else options.wrap
    budget = budget or Budget(memory_budget(options.memory), resident_bytes())
    if protected is not None:
        plain = replace(options, wrap=wrap, method="bicubic")
        interpolated = upscaled_rows(texture, plain, progress.heartbeat(), budget)
        share = upscaled_rows(Texture(protected, "data", wrap), plain, progress.heartbeat(), budget)
        beside = interpolated.bytes_needed + share.bytes_needed
        made = upscaled_rows(texture, replace(options, wrap=wrap), progress, budget._replace(held=budget.held + beside))
        rows = _Protected(made.rows, interpolated.rows, share.rows, texture.encoding == "normal")
        return UpscaledRows(rows, wrap, made.bytes_needed + beside)
    main, extra = _split(texture)
    encoding: Encoding = "srgb" if texture.encoding == "linear" else texture.encoding
    planes = [_Plane(main, encoding, stretched=_is_measured(texture))]
    layout = _Layout()
    if extra is not None and not is_constant(extra):
        planes.append(_Plane(extra, "data"))
        if is_transparency(texture):
            layout = _transparent_planes(texture, planes, wrap, _reach(_operators(encoding, options)))
    sources = [plane.network_input(texture.encoding) for plane in planes]
    chains = [_operators(plane.encoding, plane.options(options)) for plane in planes]
    in_memory = [Chain(c, s.shape[0], s.shape[1], s.shape[2]) for c, s in zip(chains, sources, strict=True)]
    tile = options.tile or largest_tile(in_memory, budget.limit, budget.held)
    if max(texture.height, texture.width) <= _TINY and options.method == "network":
        # Too small to tell anything but these very pixels.
        chains = [operators("data", options.scale, "", "nearest", options.device, options.threads)] * len(chains)
    parts = [(i / len(sources), (i + 1) / len(sources)) for i in range(len(sources))]
    upscaled = [
        _cascade(ArrayRows(source), chain, wrap, tile, progress.part(*part))
        for source, chain, part in zip(sources, chains, parts, strict=True)
    ]
    bounds = [_Bounds(source, wrap, options.scale) for source in sources]
    assembled = _Assembled(texture, planes, bounds, upscaled, extra, layout, options.scale)
    return UpscaledRows(assembled, wrap, bytes_needed(in_memory, tile))


@dataclass
class _Plane:
    """Channels that go through one network.

    Attributes:
        pixels: ``H x W x C``, in the texture's encoding.
        encoding: of the network.
        stretched: bring the numbers to [0, 1] before the network, whatever their range.
        plain: interpolate without a network: light without coverage, which networks have not seen.
        low: what is subtracted before the network.
        span: what is divided by.
    """

    pixels: Pixels
    encoding: Encoding
    stretched: bool = False
    plain: bool = False
    low: float = 0.0
    span: float = 1.0

    def options(self, options: UpscaleOptions) -> UpscaleOptions:
        """Options of the tool for these channels."""
        return replace(options, method="bicubic") if self.plain and options.method != "nearest" else options

    def network_input(self, encoding: Encoding) -> Pixels:
        """Pixels as the network needs them; numbers out of [0, 1], such as meters, are brought there first."""
        if self.plain:
            return np.ascontiguousarray(self.pixels)
        if self.encoding != "data":
            return _network_input(self.pixels, encoding)
        low, high = float(self.pixels.min()), float(self.pixels.max())
        if self.stretched or low < 0 or high > 1:
            self.low, self.span = low, (high - low) or 1.0
            return np.ascontiguousarray((self.pixels - np.float32(low)) / np.float32(self.span))
        return np.ascontiguousarray(self.pixels)


@dataclass
class _Layout:
    """Which planes there are beside color and alpha, by their index; -1 for none.

    Attributes:
        light: light without coverage.
        hidden: color as it is under an alpha of 0.
        matte: that color where it is one and the same.
    """

    light: int = -1
    hidden: int = -1
    matte: Pixels | None = None


def _transparent_planes(texture: Texture, planes: list[_Plane], wrap: str, reach: int) -> _Layout:
    """Color and alpha apart, so that neither what is hidden nor a glow reaches what is seen."""
    alpha = planes[1].pixels
    if is_multiplied(texture):
        apart = coverage(planes[0].pixels, alpha, wrap, reach)
        planes[0].pixels = apart.color
        if apart.light is None:
            return _Layout()
        planes.append(_Plane(apart.light, "data", plain=True))
        return _Layout(light=2)
    hidden = alpha[..., 0] <= 0
    if not hidden.any() or continues_under_alpha(texture):
        return _Layout()
    color = planes[0].pixels
    planes[0].pixels = bled_color(color, alpha, wrap, reach)
    if has_hidden_colors(texture):
        planes.append(_Plane(color, planes[0].encoding))
        return _Layout(hidden=2)
    return _Layout(matte=color[hidden].mean(axis=0, dtype=np.float64).astype(np.float32))


def _is_measured(texture: Texture) -> bool:
    """Whether numbers are of a range of their own, such as heights in meters; their shape must not depend on it."""
    source = texture.source
    if texture.encoding != "data" or source is None:
        return False
    return source.depth in ("half", "float") or source.signed_integers


def texture_wrap(texture: Texture) -> Wrap:
    """Axes on which a texture is measured to repeat; a panorama of the sky never repeats downward."""
    wrap = measured_wrap(texture.color)
    if is_panorama(texture):
        return "x" if "x" in wrap else "none"
    return wrap


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


class _Protected:
    """Rows of a result of which a part is only interpolated; between both they are mixed."""

    def __init__(self, rows: Rows, interpolated: Rows, share: Rows, unit: bool) -> None:
        self._rows, self._interpolated, self._share, self._unit = rows, interpolated, share, unit
        self.height, self.width, self.channels = rows.height, rows.width, rows.channels

    def read(self, start: int, stop: int) -> Pixels:
        """Rows ``start`` to ``stop``."""
        rows = self._rows.read(start, stop)
        share = self._share.read(start, stop)
        if not share.any():
            return rows
        interpolated = self._interpolated.read(start, stop)
        mixed = rows + share * (interpolated - rows)
        if self._unit:
            mixed[..., :3] = unit_normals(mixed[..., :3])
        # Where nothing is to be mixed nothing is rounded.
        mixed = np.where(share <= 0, rows, mixed)
        return np.asarray(np.where(share >= 1, interpolated, mixed), dtype=np.float32)


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

    def __init__(
        self,
        texture: Texture,
        planes: list[_Plane],
        bounds: list[_Bounds],
        upscaled: list[Rows],
        extra: Pixels | None,
        layout: _Layout,
        scale: int,
    ) -> None:
        self._texture, self._planes, self._bounds, self._upscaled = texture, planes, bounds, upscaled
        self._extra, self._layout, self._scale = extra, layout, scale
        self._bright = _bright_places(texture) if texture.encoding == "linear" else None
        self.height, self.width = upscaled[0].height, upscaled[0].width
        self.channels = texture.pixels.shape[2]

    def read(self, start: int, stop: int) -> Pixels:
        """Rows ``start`` to ``stop``."""
        main = self._main(0, start, stop)
        if self._extra is None:
            return np.ascontiguousarray(main, dtype=np.float32)
        if len(self._upscaled) > 1:
            extra = self._numbers(1, start, stop)
        else:
            extra = np.full((stop - start, self.width, 1), self._extra.flat[0], dtype=np.float32)
        layout = self._layout
        if layout.light >= 0:
            stored = main * extra + self._numbers(layout.light, start, stop)
            stored = self._with_means(stored, multiplied_color(self._texture.pixels)[..., :-1], start)
            main = straight_color(np.concatenate([stored, extra], axis=2))[..., :-1]
        elif is_multiplied(self._texture) and len(self._upscaled) > 1:
            main = np.where(extra > 0, main, 0)
        elif layout.hidden >= 0:
            main = np.where(extra < _INVISIBLE, self._main(layout.hidden, start, stop), main)
        elif layout.matte is not None:
            main = np.where(extra < _INVISIBLE, layout.matte, main)
        return np.concatenate([main, extra], axis=2, dtype=np.float32)

    def _main(self, index: int, start: int, stop: int) -> Pixels:
        """Rows of color, normals or numbers in the texture's encoding."""
        texture = self._texture
        main = self._upscaled[index].read(start, stop)
        if texture.encoding == "normal":
            return np.asarray(main / np.maximum(np.linalg.norm(main, axis=2, keepdims=True), 1e-6))
        if texture.encoding == "data":
            return self._numbers(index, start, stop, main)
        main = self._bounds[index].clipped(main, start)
        if texture.color.shape[2] == 1:
            main = main.mean(axis=2, keepdims=True)
        if texture.encoding == "linear":
            main = self._with_energy(linear_from_srgb(main), index, start)
        return main

    def _numbers(self, index: int, start: int, stop: int, rows: Pixels | None = None) -> Pixels:
        """Rows of numbers in their own range."""
        rows = self._upscaled[index].read(start, stop) if rows is None else rows
        plane = self._planes[index]
        clipped = self._bounds[index].clipped(rows, start)
        return clipped * np.float32(plane.span) + np.float32(plane.low) if plane.span != 1 or plane.low else clipped

    def _with_energy(self, light: Pixels, index: int, start: int) -> Pixels:
        """Light whose means over the pixels of the input are theirs, around what is brighter than white.

        The network keeps means as they are displayed, in which a sun of 500 counts as 15.
        """
        bright = self._bright
        if bright is None:
            return light
        return self._with_means(light, self._planes[index].pixels, start, bright)

    def _with_means(self, rows: Pixels, source: Pixels, start: int, where: NDArray[np.bool_] | None = None) -> Pixels:
        """Rows from ``start`` whose means over the pixels of the input are those of ``source``.

        What is too bright is scaled down, what is too dark drawn toward the brightest pixel nearby, so nothing becomes
        brighter than that.
        """
        from scipy.ndimage import maximum_filter

        scale = self._scale
        if start % scale or len(rows) % scale:
            return rows
        top, count = start // scale, len(rows) // scale
        wanted = source[top : top + count]
        above = max(0, top - 1)
        nearby = maximum_filter(source[above : top + count + 1], size=(3, 3, 1), mode="nearest")
        highest = nearby[top - above : top - above + count]
        blocks = rows.reshape(count, scale, wanted.shape[1], scale, rows.shape[2])
        means = blocks.mean(axis=(1, 3))
        dark = wanted > means
        room = np.maximum(highest - means, 1e-6)
        drawn = np.where(dark, ((wanted - means) / room).clip(0, 1), 0)
        factor = np.where(dark | (means < 1e-6), 1, wanted / np.maximum(means, 1e-6))
        if where is not None:
            elsewhere = ~where[top : top + count, :, np.newaxis]
            drawn[np.broadcast_to(elsewhere, drawn.shape)], factor[np.broadcast_to(elsewhere, drawn.shape)] = 0, 1
        drawn, factor, highest = (one[:, np.newaxis, :, np.newaxis] for one in (drawn, factor, highest))
        result = np.where(drawn > 0, blocks + drawn * (highest - blocks), blocks * factor)
        return np.asarray(result.reshape(rows.shape), dtype=np.float32)


def _bright_places(texture: Texture) -> NDArray[np.bool_] | None:
    """Pixels at most two away from one that is brighter than white; None without any."""
    from scipy.ndimage import maximum_filter

    brightest = texture.color.max(axis=2)
    if float(brightest.max()) <= 1:
        return None
    return np.asarray(maximum_filter(brightest, size=5, mode="wrap") > 1)
