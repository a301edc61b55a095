"""The other maps of a material whose base color took another material's look.

The look's patches were arranged so that they look like the new base color. The same arrangement of its other maps tells
what belongs where the base color has this color: the look's roughness is mixed in by strength, its relief lies on top
of the content's, and its occlusion darkens what the content's leaves open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..image.types import Texture
from ..material.planes import normals_of_slopes, slopes
from ..material.types import MapKind, Material
from .correspondence import Arrangement

#: Maps that are mixed by strength.
_MIXED: tuple[MapKind, ...] = ("roughness", "gloss", "metallic", "specular")
#: Channel of a packed map that holds occlusion; the others are mixed.
_OCCLUSION = 0
#: Maps that follow the base color.
_FOLLOWING: tuple[MapKind, ...] = (*_MIXED, "normal", "height", "ao", "orm")


@dataclass(frozen=True)
class StyledMaps:
    """A material with the look of another.

    Attributes:
        material: with its maps.
        notes: for the user.
    """

    material: Material
    notes: tuple[str, ...]


def following(content: Material) -> bool:
    """Whether a material has maps that follow its base color."""
    return any(kind in _FOLLOWING for kind in content.maps)


def styled_maps(
    content: Material, look: Material, transfer: Arrangement, strength: float, *, in_range: bool = False
) -> StyledMaps:
    """A material whose maps follow its new base color.

    Roughness, gloss, metallic and specular become the look's by ``strength``; the look's slopes and heights are added
    by ``strength`` to the content's, occlusions are multiplied. Vectors stay where they point: the arrangement moves
    patches but does not turn them. Opacity, emission and anisotropy stay, and so do maps that the look lacks.

    Args:
        content: with its new base color.
        look: whose base color was arranged.
        transfer: of the look's pixels to the content's.
        strength: 0 to 1.
        in_range: whether heights beyond [0, 1] are clipped, so that others keep their values.

    Returns:
        Maps of the content's kinds, encodings and wrap. Normals are unit. Where heights leave [0, 1], they are brought
        into it and the height scale makes up for that, unless ``in_range``.
    """
    content_maps, look_maps = content.maps, look.maps
    maps: dict[MapKind, Texture] = dict(content_maps)
    scale, missing = content.height_scale, []
    for kind, texture in content_maps.items():
        if kind not in _FOLLOWING:
            continue
        other = look_maps.get(kind)
        if other is None or other.pixels.shape[2] < texture.pixels.shape[2]:
            missing.append(kind)
            continue
        own, count = texture.pixels, texture.pixels.shape[2]
        if kind == "normal":
            tilted = slopes(own[..., :3]) + np.float32(strength) * transfer.apply(slopes(other.pixels[..., :3]))
            pixels = np.concatenate([normals_of_slopes(tilted), own[..., 3:]], axis=2)
        elif kind == "height":
            ratio = look.height_scale / content.height_scale if look.height_scale and content.height_scale else 1.0
            relief = transfer.apply(other.pixels[..., :count])
            raised = own + np.float32(strength * ratio) * (relief - relief.mean())
            raised = raised.clip(0, 1) if in_range else raised
            lowest, highest = min(0.0, float(raised.min())), max(1.0, float(raised.max()))
            pixels = (raised - np.float32(lowest)) / np.float32(highest - lowest)
            scale = scale and scale * (highest - lowest)
        else:
            arranged = transfer.apply(other.pixels[..., :count])
            pixels = own + np.float32(strength) * (arranged - own)
            occluded = {"ao": slice(0, 1), "orm": slice(_OCCLUSION, _OCCLUSION + 1)}.get(kind, slice(0, 0))
            open_share = 1 + np.float32(strength) * (arranged[..., occluded] - 1)
            pixels[..., occluded] = own[..., occluded] * open_share
        maps[kind] = texture.with_pixels(np.ascontiguousarray(pixels, dtype=np.float32))
    notes = tuple(f"The {kind} map is unchanged: {look.name} has none." for kind in missing)
    return StyledMaps(replace(content, maps=maps, height_scale=scale, raw=None), notes)
