"""The one-shot tool: a material from one photograph."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import MatshotError
from ..image.types import Wrap
from ..image.wrap import measured_wrap
from ..material.types import Material
from ..progress import Listener, Progress
from ..shading.render import Camera
from .finish import LARGEST, CaptureOptions, captured_material
from .photograph import Photograph, read_photograph
from .photometric import explained
from .prediction import predicted_surface
from .refinement import refined


@dataclass(frozen=True)
class OneShotOptions(CaptureOptions):
    """Parameters of the tool; names, defaults and meaning are the same in every face.

    Attributes:
        light: ``flash`` at the lens, or ``even``, which also suits textures.
        refine: whether the maps are made to match the photograph's texture statistics, by optimisation.
        wrap: axes on which an evenly lit texture repeats already; ``auto`` measures it.
    """

    light: Literal["flash", "even"] = "flash"
    refine: bool = False
    wrap: Wrap | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        """Refuse what does not exist, in one sentence."""
        super().__post_init__()
        if self.light not in ("flash", "even"):
            raise MatshotError(f"There is no light {self.light!r}; there are flash, even.")
        if self.wrap not in ("auto", "none", "x", "y", "xy"):
            raise MatshotError(f"There is no wrap {self.wrap!r}; there are auto, none, x, y, xy.")
        if self.refine and self.light != "flash":
            raise MatshotError("Only a flash photograph can be refined: of an even one it is not known how it was lit.")


def oneshot(
    photograph: str | Path, options: OneShotOptions | None = None, *, progress: Listener | None = None
) -> Material:
    """A material from one photograph of a flat surface, seen straight from above.

    Args:
        photograph: file: JPEG, PNG, TIFF, EXR ...
        options: see :class:`OneShotOptions`.
        progress: told ``(fraction, stage)``; may raise ``Cancelled``.

    Returns:
        Maps on the photograph's grid, unless they were made seamless. ``parameters`` holds the options, the field of
        view, ``exposure`` (intensity of a flash at the lens with which the lit maps come closest to the photograph),
        and what the user should be told, ``notes``.

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
    surface = predicted_surface(
        taken.pixels if lit else None,
        None if lit else taken.pixels,
        camera,
        wrap=wrap,
        memory=chosen.memory,
        device=chosen.device,
        threads=chosen.threads,
        progress=whole.part(0.05, 0.2 if chosen.refine else 0.7, "predicting"),
    )
    usable = ~taken.saturated
    if chosen.refine:
        surface = refined(
            surface,
            taken.pixels,
            usable,
            camera,
            device=chosen.device,
            threads=chosen.threads,
            progress=whole.part(0.2, 0.8, "refining"),
        )
    parameters = {**asdict(chosen), "tool": "oneshot", "fov": taken.fov, "fov_source": taken.fov_source}
    if lit:
        found = explained(surface, camera, taken.pixels, usable)
        surface, parameters["exposure"] = found.surface, found.exposure
    parameters["rectangle"] = [0, 0, width, height]
    parameters["notes"] = list(taken.notes)
    return captured_material(
        surface,
        chosen,
        wrap=wrap,
        name=Path(photograph).stem,
        origin=Path(photograph).name,
        span=width / max(width, height),
        parameters=parameters,
        progress=whole.part(0.8, 1.0, "finishing"),
    )


def _wrap(taken: Photograph, options: OneShotOptions) -> Wrap:
    """A flash photograph never repeats: its light does not."""
    if options.light == "flash":
        return "none"
    return measured_wrap(np.sqrt(taken.pixels)) if options.wrap == "auto" else options.wrap
