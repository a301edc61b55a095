"""Does a texture wrap? Measured at its edges."""

from __future__ import annotations

import numpy as np

from .color import Pixels
from .texture import Wrap

#: How much rougher than the interior's roughest steps the step across the edge may be.
TOLERANCE = 1.15


def measured_wrap(pixels: Pixels) -> Wrap:
    """Axes on which a texture repeats.

    The step across the edge (last row to first) of a texture that wraps is like its steps inside; that of one that
    does not is like the difference of two rows far apart. The step is compared with the 98th percentile of all steps
    inside and, because smooth gradients have tiny steps everywhere, with what rows far apart differ by.

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
    far = float(np.abs(sample - np.roll(sample, rows // 2, axis=0)).mean())
    inside = float(np.quantile(steps, 0.98))
    if far == 0:
        return True
    return seam <= TOLERANCE * inside and (seam < 0.9 * far or inside >= 0.9 * far)
