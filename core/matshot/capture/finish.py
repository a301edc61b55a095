"""What both capture tools do with the reflectance that they found: sliders, relief, a material."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..image.types import Texture, Wrap
from ..inference.session import Device
from ..material.raw import ADJUSTABLE, rounded_raw
from ..material.types import Material, RawMaps
from ..options import ToolOptions
from ..progress import Progress
from ..shading.surface import Surface
from ..synthesis.seams import seamless_surface
from .adjustments import AdjustOptions, Metal, adjusted_maps
from .relief import Relief, relief_of_normals

#: Relief larger than this, in longer sides, is taken for the sum of small errors; see ``relief_of_normals``.
_DRIFT = 1 / 16
#: Largest photograph that is worked on unless asked: phones' pixels beyond it hold little but noise.
LARGEST = 2048


@dataclass(frozen=True)
class CaptureOptions(ToolOptions):
    """Parameters that both capture tools share.

    Attributes:
        seamless: axes to make tileable.
        fov: degrees across the photograph's longer side; 0 takes EXIF's, else 60.
        size: longer side of the photograph as it is worked on; 0 keeps it, up to :data:`LARGEST`.
        width: meters that the photograph's longer side shows; 0 for unknown.
        roughness: shift of roughness, see :func:`~matshot.capture.adjustments.adjusted`.
        normal: strength of the normals.
        height: strength of the height.
        metal: ``auto``, ``on`` or ``off``.
        memory: bound on memory, such as ``2G``; empty for a share of what is free.
        device: where networks run.
        threads: of the CPU; 0 for all.
    """

    seamless: Wrap = "none"
    fov: float = 0.0
    size: int = 0
    width: float = 0.0
    roughness: float = 0.0
    normal: float = 1.0
    height: float = 1.0
    metal: Metal = "auto"
    memory: str = ""
    device: Device = "auto"
    threads: int = 0


def captured_material(
    surface: Surface,
    options: CaptureOptions,
    *,
    wrap: Wrap,
    name: str,
    origin: str,
    span: float,
    parameters: dict[str, Any],
    progress: Progress,
) -> Material:
    """A material of what was found: seams, height and ambient occlusion, then the sliders.

    Its ``parameters`` get ``span``: width and height of what the maps show, in longer sides of the photograph.

    Args:
        surface: as found.
        options: of the tool.
        wrap: axes on which it repeats already.
        name: of the material.
        origin: what it was made of, for the record.
        span: how many of the photograph's longer sides the surface is wide.
        parameters: for the record.
        progress: of this part.

    Raises:
        Cancelled: when the listener says so.
    """
    axes: Wrap = "none"
    for letter in "xy":
        if letter in options.seamless and letter not in wrap:
            axes = _joined(axes, letter)
    if axes != "none":
        before = surface.width
        surface = seamless_surface(surface, axes, wrap=wrap)
        span *= surface.width / before
        wrap = _joined(wrap, axes)
    progress(0.4, "relief")
    relief = relief_of_normals(surface.normal, wrap, drift=_DRIFT)
    # Sliders start from what is stored, then and later.
    raw = {kind: rounded_raw(kind, texture) for kind, texture in surface.textures(wrap).items() if kind in ADJUSTABLE}
    raw["height"] = rounded_raw("height", Texture(relief.height, "data", wrap))
    held = Relief(raw["height"].pixels, relief.scale)
    raw["ao"] = rounded_raw("ao", Texture(held.occlusion(wrap), "data", wrap))
    raw_maps = RawMaps(tuple(raw), raw, None, relief.scale)
    sliders = AdjustOptions(options.roughness, options.normal, options.height, options.metal)
    maps = {**surface.textures(wrap), **adjusted_maps(raw_maps, sliders, [])}
    progress(1.0)
    width = options.width * span if options.width else None
    scale = held.strengthened(options.height).scale
    return Material(
        maps,
        name=name,
        physical_size=(width, width * surface.height / surface.width) if width else None,
        height_scale=width * scale if width else None,
        origin=origin,
        parameters={
            **parameters,
            "span": [span, span * surface.height / surface.width],
            "height_scale_in_widths": scale,
        },
        raw=raw_maps,
    )


def _joined(first: Wrap, second: str) -> Wrap:
    letters: tuple[Wrap, ...] = ("none", "x", "y", "xy")
    return letters[("x" in first or "x" in second) + 2 * ("y" in first or "y" in second)]
