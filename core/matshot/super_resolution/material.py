"""Super-resolution of a material in memory: every map by its encoding, all on the same axes."""

from __future__ import annotations

from dataclasses import asdict, replace

from ..image.types import Texture
from ..image.wrap import measured_wrap
from ..material.types import MapKind, Material
from ..progress import Listener, Progress
from .upscale import UpscaleOptions, upscale


def upscaled_material(
    material: Material,
    options: UpscaleOptions | None = None,
    *,
    protect: Texture | None = None,
    progress: Listener | None = None,
) -> Material:
    """A material whose maps are ``scale`` times as high and wide.

    Args:
        material: any maps; packed ones stay packed.
        options: of the tool. With ``wrap="auto"`` the axes that the material states hold; without any they are measured
            on its base color, else on its first map.
        protect: white where pixels of every map are only interpolated; nowhere if not given.
        progress: called with ``(fraction, stage)`` after every tile; may raise ``Cancelled``.

    Returns:
        The material of the same physical size, whose ``parameters`` hold the options under ``upscaled`` beside how it
        was made.

    Raises:
        MatshotError: for too little memory or a missing model.
        Cancelled: when the listener raises it.
    """
    chosen = options or UpscaleOptions()
    if chosen.wrap == "auto":
        leading = material.maps.get("basecolor", next(iter(material.maps.values())))
        chosen = replace(chosen, wrap=material.wrap if material.wrap != "none" else measured_wrap(leading.pixels))
    whole = Progress(progress)
    maps: dict[MapKind, Texture] = {}
    for index, (kind, texture) in enumerate(material.maps.items()):
        part = whole.part(index / len(material.maps), (index + 1) / len(material.maps))
        maps[kind] = upscale(texture, mask=protect, progress=part, **asdict(chosen))
    return replace(material, maps=maps, raw=None, parameters={**material.parameters, "upscaled": asdict(chosen)})
