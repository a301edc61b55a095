"""Detection of the axes on which a texture wraps, and what it is beyond its edges then."""

from __future__ import annotations

import numpy as np

from .color import Pixels
from .types import Texture, Wrap

#: How much rougher than nearly all steps inside the step across the edge may be.
TOLERANCE = 1.15


def measured_wrap(pixels: Pixels) -> Wrap:
    """Axes on which a texture repeats.

    The step across the edge (last row to first) of a texture that wraps is like its steps inside; that of one that
    does not is like the difference of two rows far apart. So it may be a little rougher than 98 % of the steps inside,
    or as rough as the roughest, for the edge may lie on a joint between bricks. Noise tells nothing either
    way, and nothing is lost by treating it as wrapping.

    Args:
        pixels: ``H x W x C``, any encoding.

    Returns:
        ``none``, ``x``, ``y`` or ``xy``. A constant axis wraps.
    """
    x, y = _repeats(pixels.swapaxes(0, 1)), _repeats(pixels)
    return {(False, False): "none", (True, False): "x", (False, True): "y", (True, True): "xy"}[x, y]  # type: ignore[return-value]


def _repeats(pixels: Pixels) -> bool:
    rows = pixels.shape[0]
    if rows < 4:
        return False
    # A few hundred columns tell as much as all of them.
    sample = pixels[:, :: max(1, pixels.shape[1] // 512)]
    steps = np.abs(np.diff(sample, axis=0)).mean(axis=(1, 2))
    seam = float(np.abs(sample[-1] - sample[0]).mean())
    return seam <= max(TOLERANCE * float(np.quantile(steps, 0.98)), float(steps.max()))


def continued(pixels: Pixels, reach: int, wrap: Wrap) -> tuple[Pixels, tuple[slice, slice]]:
    """Pixels with as many more before and behind them as something reaches, on the axes on which they repeat.

    Args:
        pixels: ``H x W x C``.
        reach: in pixels; it may be longer than a side.
        wrap: axes on which they repeat.

    Returns:
        The larger picture, and the rows and columns of it that are the given one.
    """
    height, width = pixels.shape[:2]
    down, across = (reach if axis in wrap else 0 for axis in "yx")
    wide = np.pad(pixels, ((down, down), (across, across), (0, 0)), mode="wrap")
    return wide, (slice(down, down + height), slice(across, across + width))


def is_panorama(texture: Texture) -> bool:
    """Whether a texture shows all directions (equirectangular): twice as wide as high, and HDR or marked as one."""
    if texture.encoding not in ("srgb", "linear") or texture.width != 2 * texture.height:
        return False
    source = texture.source
    if source is None or source.attributes is None:
        return False
    if source.attributes.get_string_attribute("GPano:ProjectionType") == "equirectangular":
        return True
    return source.depth in ("half", "float") and float(texture.color.max()) > 1
