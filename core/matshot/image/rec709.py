"""Colors under a profile of their own as those that every tool means: sRGB, or linear Rec. 709."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import OpenImageIO as oiio

from .color import srgb_from_linear
from .types import Texture

#: Metadata that says what colors mean.
_COLOR_METADATA = ("ICCProfile", "chromaticities", "CICP")


def rec709_texture(texture: Texture) -> Texture:
    """A texture without a profile: display-encoded colors in sRGB, linear ones in Rec. 709.

    Colors outside Rec. 709 have negative components, and others may be above 1. A note says what was converted.
    """
    source = texture.source
    if source is None or source.profile is None:
        return texture
    light = source.profile.linear(texture.color)
    color = srgb_from_linear(light) if texture.encoding == "srgb" else light
    pixels = color if texture.alpha is None else np.concatenate([color, texture.alpha], axis=2, dtype=np.float32)
    attributes = None
    if source.attributes is not None:
        attributes = oiio.ImageSpec(source.attributes)
        for name in _COLOR_METADATA:
            attributes.erase_attribute(name)
    space = "sRGB" if texture.encoding == "srgb" else "linear Rec. 709"
    note = f"{source.path.name}: colors are converted from {source.profile.name} to {space}."
    plain = replace(source, profile=None, attributes=attributes, derived=True, notes=(*source.notes, note))
    return replace(texture, pixels=np.ascontiguousarray(pixels), source=plain)
