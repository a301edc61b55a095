"""Colors converted between the spaces of an OCIO configuration."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import OpenImageIO as oiio

from ..errors import MatshotError
from .color import Pixels

#: Scene-linear Rec. 709 under the names that OCIO configurations give it.
_LINEAR_REC709 = ("lin_rec709_scene", "lin_rec709", "Linear Rec.709 (sRGB)", "lin_srgb", "Utility - Linear - sRGB")


@cache
def linear_rec709() -> str:
    """The name that the OCIO configuration has for linear Rec. 709; looking takes a while."""
    config = oiio.ColorConfig()
    if said := config.geterror():
        raise MatshotError(f"The OCIO configuration {os.environ.get('OCIO', '')} cannot be read.", said)
    known = config.getColorSpaceNames()
    for name in _LINEAR_REC709:
        if name in known or config.resolve(name) in known:
            return name
    raise MatshotError("The OCIO configuration names no linear Rec. 709 colour space.")


def converted(pixels: Pixels, from_space: str, to_space: str) -> Pixels:
    """Colour channels from one OCIO space to another; alpha as it is."""
    channels = pixels.shape[2] - (pixels.shape[2] in (2, 4))
    color = np.repeat(pixels[..., :1], 3, axis=2) if channels == 1 else pixels[..., :3]
    result = oiio.ImageBufAlgo.colorconvert(oiio.ImageBuf(np.ascontiguousarray(color)), from_space, to_space)
    if result.has_error:
        known = ", ".join(oiio.ColorConfig().getColorSpaceNames()[:12])
        raise MatshotError(f"The colour space {from_space!r} is not known; there are {known} ...", result.geterror())
    values = np.asarray(result.get_pixels(oiio.FLOAT), dtype=np.float32)[..., :channels]
    return np.concatenate([values, pixels[..., channels:]], axis=2)
