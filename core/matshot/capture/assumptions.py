"""Notes on a photograph that is not what the capture tools assume, each with what to do."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from ..image.color import Pixels
from .photograph import Photograph

#: Part of a photograph that is over-exposed from which on the user is told.
_MUCH_CLIPPED = 0.1
#: Strength of detail of one pixel over that of four. Sharp photographs have 0.45 and more, those blurred by 3 pixels at
#: most 0.21.
_BLURRED = 0.2
#: Part of the mean brightness below which logarithms do not count.
_DARK = 0.05


def photograph_notes(photograph: Photograph, light: Literal["flash", "even"]) -> list[str]:
    """What a user should know of a photograph that breaks an assumption.

    Args:
        photograph: as read.
        light: that it is said to be lit by.
    """
    name, notes = photograph.name, []
    if sharpness(photograph.pixels) < _BLURRED:
        notes.append(
            f"{name} is out of focus or shaken, so fine relief is missing. Tap the surface to focus, and hold the "
            "camera still."
        )
    clipped = float(photograph.saturated.mean())
    if light == "flash" and clipped > _MUCH_CLIPPED:
        notes.append(
            f"{name} is over-exposed in {clipped:.0%} of its pixels, which are filled from what surrounds them. Lower "
            "the exposure, or take it from farther away."
        )
    if light == "flash" and photograph.flash_fired is False:
        notes.append(f"EXIF says that {name} was taken without flash. Take it with flash, or set Light to even.")
    if light == "even" and photograph.flash_fired:
        notes.append(f"EXIF says that {name} was taken with flash. Set Light to flash, or take it without.")
    return notes


def sharpness(light: Pixels) -> float:
    """Strength of the finest detail of a photograph over that of detail four times as large.

    Args:
        light: ``H x W x 3``, linear.

    Returns:
        The quotient of the medians of both bands; about 0.1 for a blur of several pixels. 1 without any detail.
    """
    brightness = light.mean(axis=2)
    tone = np.log(brightness + np.float32(_DARK * float(brightness.mean()) + 1e-9))
    blurred = [tone, *(cv2.GaussianBlur(tone, (0, 0), deviation) for deviation in (1, 2, 4))]
    fine, coarse = (float(np.median(np.abs(blurred[at] - blurred[at + 1]))) for at in (0, 2))
    return fine / coarse if coarse > 1e-6 else 1.0
