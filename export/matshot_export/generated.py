"""Generated images as files hold images: as sharp as pixels allow, or soft, or sharpened with halos.

What is drawn has edges sharper than any file, since files were made smaller by one filter or another. A network that
learns from such edges alone makes thin dark joints of the wider gray ones that most textures have.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

#: An image of a size, in these colors, ``uint8 size x size x 3``, without antialiasing.
Generator = Callable[[int, np.ndarray, np.random.Generator], np.ndarray]

#: Widest blur: deviation of a Gaussian in pixels of the drawing, which is twice as large as what is learned from.
SOFTEST = 2.0

#: Strongest sharpening, as the share of what a blur of this deviation takes away.
SHARPEST, HALO = 0.8, 3.0


def generated_image(generator: Generator, size: int, colors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An image that is drawn, then blurred and sharpened by chance.

    Args:
        generator: draws it.
        size: pixels per side.
        colors: ``N x 3`` that it takes its colors from, ``uint8``.
        rng: of every choice.

    Returns:
        ``uint8 size x size x 3``, to be shrunk to a half.
    """
    image: np.ndarray = generator(size, colors, rng).astype(np.float32)
    blur, sharpening = SOFTEST * rng.random(), SHARPEST * rng.random() ** 2
    if blur > 0.2:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    sharp = image + sharpening * (image - cv2.GaussianBlur(image, (0, 0), HALO))
    return sharp.round().clip(0, 255).astype(np.uint8)
