"""The one-shot tool: a material from one photograph."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from matshot_host.tools import ONESHOT

from ..errors import MatshotError
from ..image.color import Pixels
from ..image.types import Texture, Wrap
from ..image.wrap import measured_wrap
from ..inference.session import usable_threads
from ..material.types import Material
from ..progress import Listener, Progress
from ..shading.render import Camera
from ..shading.surface import Surface
from .assumptions import photograph_notes
from .composition import as_lit_from, composed_surface, evened
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
    lit = chosen.light == "flash"
    wrap = _wrap(taken, chosen)
    seen, lamp, flat = taken.pixels, None, None
    if lit:
        whole(0.02, "finding the lamp")
        lamp = fitted_lamp(taken.pixels, taken.saturated, camera)
        flat = flattened(taken.pixels, taken.saturated, camera, lamp)
        threads = chosen.threads or usable_threads()
        flat = evened(filled(flat, threads=threads, progress=whole.part(0.05, 0.2, "filling what is over-exposed")))
        seen = as_lit_from(lamp.position, flat, lamp, camera)

    def predicted(flash: Pixels | None, even: Pixels | None, part: Progress) -> Surface:
        return predicted_surface(
            flash,
            even,
            camera,
            light=lamp.position if lamp else None,
            wrap=wrap,
            memory=chosen.memory,
            device=chosen.device,
            threads=chosen.threads,
            progress=part,
        )

    part = whole.part(0.2, 0.3 if chosen.refine else 0.6, "predicting")
    surface = predicted(seen if lit else None, None if lit else seen, part)
    if chosen.refine and lamp is not None and flat is not None:
        surface = refined(
            surface,
            as_lit_from(camera.position, flat, lamp, camera),
            np.ones(seen.shape[:2], dtype=bool),
            camera,
            device=chosen.device,
            threads=chosen.threads,
            progress=whole.part(0.3, 0.7, "refining"),
        )
    parameters = {**asdict(chosen), "tool": "oneshot", "fov": taken.fov, "fov_source": taken.fov_source}
    tile, shown = Tile(0, 0, height, width), chosen
    notes = [*taken.notes, *photograph_notes(taken, chosen.light)]
    if lamp is not None and flat is not None:
        evenly = predicted(None, flat.color, whole.part(0.7, 0.8, "predicting"))
        read = None
        if not lamp.metallic:
            read = read_relief(
                flat,
                lamp,
                camera,
                memory=chosen.memory,
                device=chosen.device,
                threads=chosen.threads,
                progress=whole.part(0.8, 0.85, "predicting"),
            )
        composed = composed_surface(surface, evenly, flat, lamp, camera, read=read)
        surface = composed.surface
        parameters["exposure"] = fitted_exposure(surface, camera, taken.pixels, ~taken.saturated)
        parameters["lamp"] = asdict(lamp)
        notes += lamp_notes(lamp)
        if chosen.area == "tile" or (chosen.area == "auto" and is_alike(lamp)):
            tile, shown = clearest_tile(flat.color, flat.hole, composed.visibility), replace(chosen, seamless="xy")
            surface = surface.cut(tile.rows, tile.columns)
    parameters["rectangle"] = [tile.column, tile.row, tile.width, tile.height]
    parameters["notes"] = notes
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


def _wrap(taken: Photograph, options: OneShotOptions) -> Wrap:
    """A flash photograph never repeats: its light does not."""
    if options.light == "flash":
        return "none"
    return measured_wrap(np.sqrt(taken.pixels)) if options.wrap == "auto" else options.wrap
