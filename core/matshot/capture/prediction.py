"""Maps of a surface from photographs of it, by feed-forward networks in exact tiles.

After Deschaintre, Aittala, Durand, Drettakis and Bousseau 2018, "Single-image SVBRDF capture with a rendering-aware
deep network". Two graphs: one sees the whole photograph made small and says what kind of surface and light it is, the
other turns pixels into maps, told so. The second is local, so any size is done in tiles with the result of doing it
whole.

Relief has a network of its own besides: it sees the photograph without its lamp, and how light responds to slopes at
every place, and needs nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import MatshotError
from ..image.color import Mask, Pixels, linear_from_srgb, srgb_from_linear
from ..image.types import Wrap
from ..inference.cards import installed_models
from ..inference.memory import Chain, largest_tile, memory_budget, resident_bytes
from ..inference.session import Device, Network, network
from ..inference.tiling import MirroredRows, Operator, Rows, TiledRows
from ..progress import Progress
from ..shading.render import Camera, Vector
from ..shading.surface import Surface
from .seen_relief import STRENGTHS
from .shading import Response

#: Longer side of what the global track sees, and the multiple its sides must be of.
CONTEXT_SIDE = 128
CONTEXT_GRID = 16
#: Quantile of brightness and the level that a camera exposes it to, of flash and of ambient photographs.
FLASH_LEVEL = (0.99, 0.98)
AMBIENT_LEVEL = (0.995, 0.9)
#: Rows that are made at a time from a band.
_CHUNK = 256
#: Mirrored pixels around a photograph, as many as training leaves unjudged at the edge of a crop.
_SURROUNDINGS = 16
#: Largest side of a tile. The network sees far: tiles of half a photograph of 1024 pixels, each with what it sees
#: around it, have nearly three times as many pixels as one that holds all of it.
_LARGEST_TILE = 1088
#: Most that the network for relief is told of brightness, as a logarithm, in medians of the photograph.
MOST_TONE = 3.0


def predicted_surface(
    flash: Pixels | None,
    ambient: Pixels | None,
    camera: Camera,
    *,
    light: Vector | None = None,
    wrap: Wrap = "none",
    memory: str = "",
    device: Device = "auto",
    threads: int = 0,
    tile: int = 0,
    progress: Progress | None = None,
) -> Surface:
    """What the network sees in one photograph, or in two of the same place.

    Exposure does not matter; base color comes out as bright as such surfaces usually are.

    Args:
        flash: ``H x W x 3``, scene-linear, lit by a flash; or None.
        ambient: likewise, lit evenly; or None. With both, of the same size and registered.
        camera: of the flash photograph, of its size.
        light: where the flash is, in longer sides of the photograph; None for the lens.
        wrap: axes on which the photographs repeat.
        memory: bound on the memory of the process, such as ``2G``; empty for a share of what is free.
        device: where networks run.
        threads: of the CPU; 0 for all.
        tile: side of the tiles in pixels; 0 for the largest that memory allows.
        progress: told after every tile.

    Raises:
        MatshotError: without a photograph, for sizes that differ, too little memory, a model that is missing.
        Cancelled: when the listener says so.
    """
    given = [planes for planes in (flash, ambient) if planes is not None]
    if not given:
        raise MatshotError("At least one photograph is needed.")
    if any(planes.shape != (camera.height, camera.width, 3) for planes in given):
        raise MatshotError("The photographs and the camera differ in size.")
    progress = progress or Progress(None)
    rows = _PhotographRows(
        _encoded(flash, *FLASH_LEVEL), _encoded(ambient, *AMBIENT_LEVEL), camera, light or camera.position
    )
    models = installed_models()
    local, whole = (network(models.require("capture", method), device, threads) for method in ("maps", "context"))
    operator = _Told(local, "context", whole(rows.made_small()))
    out = _in_tiles(rows, operator, wrap, memory, tile, progress)
    # Color is the photograph's, which may have such a grid itself.
    out[..., 3:] = without_grid(out[..., 3:])
    slopes = out[..., 3:5]
    length = np.sqrt(1 + np.square(slopes).sum(axis=2, keepdims=True))
    normal = np.concatenate([slopes, np.ones_like(length)], axis=2) / length
    return Surface.of(linear_from_srgb(out[..., :3]), normal, out[..., 5:6].clip(0, 1), out[..., 6:7].clip(0, 1))


@dataclass(frozen=True)
class Shaded:
    """A flash photograph without its lamp, and how light falls on what it shows.

    Attributes:
        color: ``H x W x 3``, scene-linear; exposure does not matter.
        response: of a level surface to slopes, of the same size.
        known: ``H x W``, where the photograph shows the surface.
        evidence: ``STRENGTHS`` numbers, how strong relief is in the whole photograph, see
            :meth:`~matshot.capture.seen_relief.ShadingEvidence.strengths`; None where nothing tells.
    """

    color: Pixels
    response: Response
    known: Mask
    evidence: NDArray[np.float32] | None


def predicted_slopes(
    shaded: Shaded | None,
    ambient: Pixels | None = None,
    *,
    memory: str = "",
    device: Device = "auto",
    threads: int = 0,
    tile: int = 0,
    progress: Progress | None = None,
) -> Pixels:
    """Slopes of normals that a network for relief alone reads off shading, n_x / n_z and n_y / n_z, ``H x W x 2``.

    Args:
        shaded: flash photograph, or None.
        ambient: ``H x W x 3``, scene-linear, a photograph without flash, registered if there are both; or None.
        memory: bound on the memory of the process, such as ``2G``; empty for a share of what is free.
        device: where networks run.
        threads: of the CPU; 0 for all.
        tile: side of the tiles in pixels; 0 for the largest that memory allows.
        progress: told after every tile.

    Raises:
        MatshotError: without a photograph, for too little memory, or a model that is missing.
        Cancelled: when the listener says so.
    """
    rows = _ToneRows.of(shaded, ambient)
    local = network(installed_models().require("capture", relief_method(shaded is None)), device, threads)
    evidence = None if shaded is None else shaded.evidence
    given = np.zeros(STRENGTHS, np.float32) if evidence is None else evidence
    operator = _Told(local, "evidence", given[np.newaxis])
    return without_grid(_in_tiles(rows, operator, "none", memory, tile, progress or Progress(None)))


def relief_method(evenly_lit: bool) -> str:
    """The method of the network that reads relief: of a photograph without flash alone it is one of its own."""
    return "relief_even" if evenly_lit else "relief"


def without_grid(planes: Pixels) -> Pixels:
    """Planes less the even grid of two pixels that networks leave which enlarge by pixel shuffle.

    Each of the four places in a square of 2 x 2 pixels is made by weights of its own, and so has a mean of its own
    (Odena, Dumoulin and Olah 2016, "Deconvolution and checkerboard artifacts"). Nothing that varies slower changes:
    medians of what differs from the neighborhood are made alike, which edges do not move.

    Args:
        planes: ``H x W x C``.
    """
    out = planes.copy()
    if min(planes.shape[:2]) < 2:
        return out
    places = [(slice(row, None, 2), slice(column, None, 2)) for row in range(2) for column in range(2)]
    for plane in np.moveaxis(out, 2, 0):
        # Of any grid of two pixels the binomial kernel [1 2 1] leaves nothing but the mean.
        fine = plane - cv2.GaussianBlur(plane, (3, 3), 0)
        medians = np.array([np.median(fine[place]) for place in places], np.float32)
        for place, excess in zip(places, medians - medians.mean(), strict=True):
            plane[place] -= excess
    return out


def _in_tiles(rows: Rows, operator: Operator, wrap: Wrap, memory: str, tile: int, progress: Progress) -> Pixels:
    """What a local network makes of planes, ``H x W x C``."""
    # The network was not trained on what it sees of a photograph's edge, so it gets mirrored surroundings.
    sides = zip("yx", (rows.height, rows.width), strict=True)
    down, across = (0 if axis in wrap else min(_SURROUNDINGS, side) for axis, side in sides)
    mirrored = MirroredRows(rows, down, across)
    side = tile or largest_tile(
        [Chain([operator], mirrored.height, mirrored.width, rows.channels)],
        memory_budget(memory),
        resident_bytes(),
        _LARGEST_TILE,
    )
    tiled = TiledRows(mirrored, operator, wrap, side, progress, keep=1)
    out = np.empty((rows.height, rows.width, tiled.channels), dtype=np.float32)
    for start in range(0, rows.height, _CHUNK):
        stop = min(start + _CHUNK, rows.height)
        out[start:stop] = tiled.read(start + down, stop + down)[:, across : across + rows.width]
    return out


def _encoded(planes: Pixels | None, quantile: float, level: float) -> Pixels | None:
    """Display-encoded at the exposure that cameras choose."""
    if planes is None:
        return None
    brightest = planes.max(axis=2)[::4, ::4]
    reached = max(float(np.quantile(brightest, quantile)), 1e-6)
    return srgb_from_linear(np.clip(planes * (level / reached), 0, 1))


@dataclass(frozen=True)
class _PhotographRows:
    """The network's input planes by rows: photographs, tangents of the direction from the lamp, and which there are."""

    flash: Pixels | None
    ambient: Pixels | None
    camera: Camera
    light: Vector

    channels = 10

    @property
    def height(self) -> int:
        return self.camera.height

    @property
    def width(self) -> int:
        return self.camera.width

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width

    def read(self, start: int, stop: int) -> Pixels:
        out = np.zeros((stop - start, self.width, self.channels), dtype=np.float32)
        if self.flash is not None:
            out[..., :3] = self.flash[start:stop]
            out[..., 6:8] = self._tangents(start, stop)
            out[..., 8] = 1
        if self.ambient is not None:
            out[..., 3:6] = self.ambient[start:stop]
            out[..., 9] = 1
        return out

    def _tangents(self, start: int, stop: int) -> NDArray[np.float32]:
        rows = self.camera.cut(slice(start, stop), slice(0, self.width))
        place = np.asarray(self.light[:2], np.float32)
        return ((rows.positions()[..., :2] - place) / self.light[2]).astype(np.float32)

    def made_small(self) -> NDArray[np.float32]:
        """The whole photograph for the global track, ``1 x 10 x h x w``."""
        shrink = CONTEXT_SIDE / max(self.height, self.width)
        sides = [
            max(CONTEXT_GRID, round(side * shrink / CONTEXT_GRID) * CONTEXT_GRID) for side in (self.width, self.height)
        ]
        planes = self.read(0, self.height)
        small = [
            cv2.resize(np.ascontiguousarray(planes[..., i]), sides, interpolation=cv2.INTER_AREA)
            for i in range(self.channels)
        ]
        return np.stack(small)[np.newaxis].astype(np.float32)


@dataclass(frozen=True)
class _ToneRows:
    """The input planes of the network for relief by rows: tone, response, highlight, what is known, and a second tone.

    Tones are logarithms of linear color, less their medians.
    """

    height: int
    width: int
    shaded: Shaded | None
    ambient: Pixels | None
    middles: tuple[NDArray[np.float32], NDArray[np.float32]]

    channels = 11

    @classmethod
    def of(cls, shaded: Shaded | None, ambient: Pixels | None) -> _ToneRows:
        """Of the photographs that there are."""
        lit = None if shaded is None else shaded.color
        given = lit if lit is not None else ambient
        if given is None:
            raise MatshotError("At least one photograph is needed.")
        height, width = given.shape[:2]
        return cls(height, width, shaded, ambient, (_middle_of(lit), _middle_of(ambient)))

    def read(self, start: int, stop: int) -> Pixels:
        rows = slice(start, stop)
        out = np.zeros((stop - start, self.width, self.channels), dtype=np.float32)
        if self.shaded is not None:
            out[..., :3] = _tone(self.shaded.color[rows], self.middles[0])
            light = self.shaded.response
            for number, plane in enumerate((light.along_x, light.along_y, light.glare, self.shaded.known)):
                out[..., 3 + number] = plane[rows]
        if self.ambient is not None:
            out[..., 7:10] = _tone(self.ambient[rows], self.middles[1])
            out[..., 10] = 1
        return out


def _tone(color: Pixels, middle: NDArray[np.float32]) -> Pixels:
    return np.asarray(np.log(np.clip(color / middle, math.exp(-MOST_TONE), math.exp(MOST_TONE))), dtype=np.float32)


def _middle_of(color: Pixels | None) -> NDArray[np.float32]:
    """Medians of the channels."""
    if color is None:
        return np.ones(3, np.float32)
    return np.maximum(np.median(color[::4, ::4].reshape(-1, 3), axis=0), 1e-6).astype(np.float32)


class _Told:
    """A local network with what every tile is told of the whole photograph, ``1 x n``, by the name of its input."""

    def __init__(self, local: Network, name: str, values: NDArray[np.float32]) -> None:
        self._local, self._name, self._values = local, name, values
        self.scale, self.planes, self.outputs = local.scale, local.planes, local.outputs
        self.receptive_field, self.grid, self.bytes_per_pixel = local.receptive_field, local.grid, local.bytes_per_pixel

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._local(batch, **{self._name: np.repeat(self._values, len(batch), axis=0)})
