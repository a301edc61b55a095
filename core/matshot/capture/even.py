"""A surface out of an evenly lit photograph, or of a texture that has no other maps.

Nobody knows where such light came from, so none of it can be divided out. Of its color, what is fine is the
photograph's, and what is broad lies between the photograph and what the network makes of it, whose errors have other
causes. Slopes are those that two networks read.
"""

from __future__ import annotations

import math

import numpy as np

from ..image.color import Pixels
from ..image.types import Wrap
from ..image.wrap import continued
from ..inference.session import Device
from ..material.planes import normals_of_slopes, slopes
from ..progress import Progress
from ..shading.render import Camera
from ..shading.surface import Surface
from .flattening import blurred
from .prediction import predicted_surface
from .relief_reading import read_even_relief, with_even_reading

#: Deviation of what is broad in color, in longer sides of the photograph, and the network's share of it.
_BROAD = 1 / 40
_PREDICTED = np.float32(0.5)
#: Least brightness of which a quotient is taken.
_DARKEST = np.float32(1e-4)


def evenly_lit_surface(
    photograph: Pixels,
    camera: Camera,
    *,
    wrap: Wrap = "none",
    memory: str = "",
    device: Device = "auto",
    threads: int = 0,
    progress: Progress | None = None,
) -> Surface:
    """What two networks and the photograph say of a surface.

    Args:
        photograph: ``H x W x 3``, scene-linear; exposure does not matter.
        camera: of it.
        wrap: axes on which it repeats; the maps then do so too.
        memory: bound on the memory of the process, such as ``2G``; empty for a share of what is free.
        device: where networks run.
        threads: of the CPU; 0 for all.
        progress: told after every tile.

    Raises:
        MatshotError: for too little memory, or a model that is missing.
        Cancelled: when the listener says so.
    """
    whole = progress or Progress(None)
    predicted = predicted_surface(
        None,
        photograph,
        camera,
        wrap=wrap,
        memory=memory,
        device=device,
        threads=threads,
        progress=whole.part(0.0, 0.6, "predicting"),
    )
    read = read_even_relief(
        photograph, wrap, memory=memory, device=device, threads=threads, progress=whole.part(0.6, 1.0, "predicting")
    )
    steepness = with_even_reading(slopes(predicted.normal), read)
    color = even_color(predicted.base_color, photograph, wrap)
    return Surface.of(color, normals_of_slopes(steepness), predicted.roughness, predicted.metallic)


def even_color(predicted: Pixels, photograph: Pixels, wrap: Wrap = "none") -> Pixels:
    """Base color, ``H x W x 3``, scene-linear, as bright on average as it is predicted.

    Args:
        predicted: by the network.
        photograph: that it was predicted from.
        wrap: axes on which both repeat.
    """
    deviation = _BROAD * max(photograph.shape[:2])
    own, other = (each / max(float(each.mean()), float(_DARKEST)) for each in (photograph, predicted))
    broad, broadly_predicted = (np.maximum(_blurred(each, deviation, wrap), _DARKEST) for each in (own, other))
    color = own * (broadly_predicted / broad) ** _PREDICTED * np.float32(predicted.mean())
    return np.asarray(color.clip(0, 1), dtype=np.float32)


def _blurred(planes: Pixels, deviation: float, wrap: Wrap) -> Pixels:
    """Blurred as if what wraps were endless."""
    wide, inside = continued(planes, math.ceil(4 * deviation), wrap)
    return blurred(wide, deviation)[inside]
