"""The one-shot tool: a material from one photograph."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal, TypedDict

import numpy as np

from matshot_host.tools import ONESHOT

from ..errors import MatshotError
from ..image.types import Texture, Wrap
from ..image.wrap import measured_wrap
from ..inference.session import Device, usable_threads
from ..material.types import Material
from ..progress import Listener, Progress
from ..shading.render import Camera
from ..shading.surface import Surface
from .assumptions import photograph_notes
from .composition import as_lit_from, composed_surface, evened
from .even import evenly_lit_surface
from .filling import filled
from .finish import LARGEST, CaptureOptions, captured_material
from .flattening import flattened
from .lamp import fitted_lamp, is_alike, lamp_notes
from .photograph import Photograph, photograph_file, read_photograph
from .photometric import fitted_exposure
from .prediction import predicted_surface
from .refinement import refined
from .relief_reading import read_relief
from .tiles import Tile, clearest_tile


class _Place(TypedDict):
    """Where networks run."""

    memory: str
    device: Device
    threads: int


@dataclass(frozen=True)
class OneShotOptions(CaptureOptions):
    """Parameters of the tool; names, defaults and meaning are the same in every face.

    Attributes:
        light: ``flash`` at the lens, or ``even``, which also suits textures.
        area: ``photograph`` for maps of all of it, ``tile`` for a seamless tile of a surface that is alike all over,
            ``auto`` for a tile where it is.
        refine: whether the maps are made to match the photograph's texture statistics, by optimization.
        wrap: axes on which an evenly lit texture repeats already; ``auto`` measures it.
    """

    table: ClassVar = ONESHOT

    light: Literal["flash", "even"] = "flash"
    area: Literal["photograph", "tile", "auto"] = "photograph"
    refine: bool = False
    wrap: Wrap | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        """Check the values, and that they go together."""
        super().__post_init__()
        if self.refine and self.light != "flash":
            raise MatshotError("Only a flash photograph can be refined. Turn off Refine, or set Light to flash.")
        if self.area == "tile" and self.light != "flash":
            raise MatshotError(
                "Only a flash photograph becomes a tile. Set Area to photograph and Seamless to xy, or Light to flash."
            )


def oneshot(
    photograph: str | os.PathLike[str] | Texture,
    options: OneShotOptions | None = None,
    *,
    progress: Listener | None = None,
) -> Material:
    """A material from one photograph of a flat surface, seen straight from above.

    Args:
        photograph: file (JPEG, PNG, TIFF, EXR ...), or a texture that was read from one.
        options: see :class:`OneShotOptions`.
        progress: told ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        Maps on the photograph's grid, unless they were made seamless, or of a tile. ``parameters`` holds the options,
        the field of view, ``rectangle`` (column, row, width and height in the photograph of what the maps are of),
        ``exposure`` (of a flash photograph: intensity of a flash at the lens with which the lit maps come closest to
        it), and what the user should be told, ``notes``.

    Raises:
        MatshotError: for a photograph that nothing can be made of.
        Cancelled: when the listener says so.
    """
    chosen = options or OneShotOptions()
    whole = Progress(progress)
    whole(0.0, "reading")
    taken = read_photograph(photograph, chosen.fov or None, largest=chosen.size or LARGEST)
    height, width = taken.pixels.shape[:2]
    camera = Camera(width, height, taken.fov)
    wrap = _wrap(taken, chosen)
    if chosen.light == "flash":
        found = _lit_by_flash(taken, camera, chosen, whole)
    else:
        surface = evenly_lit_surface(
            taken.pixels,
            camera,
            wrap=wrap,
            progress=whole.part(0.05, 0.85, "predicting"),
            **_place(chosen),
        )
        found = _Found(surface)
    surface, shown = found.surface, chosen
    tile = found.tile or Tile(0, 0, height, width)
    if found.tile:
        surface, shown = surface.cut(tile.rows, tile.columns), replace(chosen, seamless="xy")
    parameters = {
        **asdict(chosen),
        "tool": "oneshot",
        "fov": taken.fov,
        "fov_source": taken.fov_source,
        **found.parameters,
        "rectangle": [tile.column, tile.row, tile.width, tile.height],
        "notes": [*taken.notes, *photograph_notes(taken, chosen.light), *found.notes],
    }
    return captured_material(
        surface,
        shown,
        wrap=wrap,
        name=photograph_file(photograph).stem,
        origin=photograph_file(photograph).name,
        span=tile.width / max(width, height),
        parameters=parameters,
        progress=whole.part(0.85, 1.0, "finishing"),
    )


@dataclass(frozen=True)
class _Found:
    """What was made of a photograph.

    Attributes:
        surface: of all of it.
        tile: part of it that becomes a seamless tile; None for all of it as it is.
        parameters: that the material keeps.
        notes: what the user should be told.
    """

    surface: Surface
    tile: Tile | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _lit_by_flash(taken: Photograph, camera: Camera, chosen: OneShotOptions, whole: Progress) -> _Found:
    """What a flash photograph shows: the lamp is found and taken out, then networks and light tell the rest."""
    place = _place(chosen)
    whole(0.02, "finding the lamp")
    lamp = fitted_lamp(taken.pixels, taken.saturated, camera)
    flat = flattened(taken.pixels, taken.saturated, camera, lamp)
    threads = chosen.threads or usable_threads()
    flat = evened(filled(flat, threads=threads, progress=whole.part(0.05, 0.2, "filling what is over-exposed")))
    part = whole.part(0.2, 0.3 if chosen.refine else 0.6, "predicting")
    lit = as_lit_from(lamp.position, flat, lamp, camera)
    predicted = predicted_surface(lit, None, camera, light=lamp.position, progress=part, **place)
    if chosen.refine:
        predicted = refined(
            predicted,
            as_lit_from(camera.position, flat, lamp, camera),
            np.ones(flat.hole.shape, dtype=bool),
            camera,
            device=chosen.device,
            threads=chosen.threads,
            progress=whole.part(0.3, 0.7, "refining"),
        )
    part = whole.part(0.7, 0.8, "predicting")
    evenly = predicted_surface(None, flat.color, camera, light=lamp.position, progress=part, **place)
    part = whole.part(0.8, 0.85, "predicting")
    read = None if lamp.metallic else read_relief(flat, lamp, camera, progress=part, **place)
    composed = composed_surface(predicted, evenly, flat, lamp, camera, read=read)
    tile = None
    if chosen.area == "tile" or (chosen.area == "auto" and is_alike(lamp)):
        tile = clearest_tile(flat.color, flat.hole, composed.visibility)
    exposure = fitted_exposure(composed.surface, camera, taken.pixels, ~taken.saturated)
    return _Found(composed.surface, tile, {"exposure": exposure, "lamp": asdict(lamp)}, lamp_notes(lamp))


def _place(options: OneShotOptions) -> _Place:
    return {"memory": options.memory, "device": options.device, "threads": options.threads}


def _wrap(taken: Photograph, options: OneShotOptions) -> Wrap:
    """A flash photograph never repeats: its light does not."""
    if options.light == "flash":
        return "none"
    return measured_wrap(np.sqrt(taken.pixels)) if options.wrap == "auto" else options.wrap
