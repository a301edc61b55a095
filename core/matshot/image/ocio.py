"""Conversion between the color spaces of an OCIO configuration."""

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
    """The OCIO configuration's name for linear Rec. 709; cached, since reading a configuration takes a while.

    Raises:
        MatshotError: when the configuration cannot be read, or has no such space.
    """
    config = oiio.ColorConfig()
    if message := config.geterror():
        raise MatshotError(f"The OCIO configuration {os.environ.get('OCIO', '')} cannot be read.", message)
    known = config.getColorSpaceNames()
    for name in _LINEAR_REC709:
        if name in known or config.resolve(name) in known:
            return name
    raise MatshotError("The OCIO configuration has no linear Rec. 709 color space; choose another configuration.")


def colorspace_conversion(pixels: Pixels, from_space: str, to_space: str) -> Pixels:
    """Pixels in another color space.

    Args:
        pixels: ``H x W x C`` in ``from_space``; with 2 or 4 channels the last is alpha and stays as it is.
        from_space: OCIO name.
        to_space: OCIO name.

    Returns:
        Same shape.

    Raises:
        MatshotError: for a space that the configuration does not have.
    """
    channels = pixels.shape[2] - (pixels.shape[2] in (2, 4))
    color = np.repeat(pixels[..., :1], 3, axis=2) if channels == 1 else pixels[..., :3]
    result = oiio.ImageBufAlgo.colorconvert(oiio.ImageBuf(np.ascontiguousarray(color)), from_space, to_space)
    if result.has_error:
        known = ", ".join(oiio.ColorConfig().getColorSpaceNames()[:12])
        raise MatshotError(f"Unknown color space {from_space!r}. Choose from: {known} ...", result.geterror())
    values = np.asarray(result.get_pixels(oiio.FLOAT), dtype=np.float32)[..., :channels]
    return np.concatenate([values, pixels[..., channels:]], axis=2)
