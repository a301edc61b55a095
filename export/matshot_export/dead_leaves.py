"""Dead leaves: images of opaque shapes that fall on each other, with edges as sharp as pixels allow.

Lee, Mumford and Huang 2001, "Occlusion models for natural images". Their edges teach a network what photographs stored
as JPEG cannot (Achddou, Gousseau and Ladjal 2021, "Synthetic images as a regularity prior for image restoration neural
networks").
"""

from __future__ import annotations

import numpy as np


def dead_leaves(size: int, colors: np.ndarray, rng: np.random.Generator, shapes: int = 1500) -> np.ndarray:
    """One image.

    Args:
        size: pixels per side.
        colors: ``N x 3`` that the shapes take theirs from, ``uint8``.
        rng: of every choice.
        shapes: that fall, the last on top.

    Returns:
        ``uint8 size x size x 3``, without antialiasing: render it larger and shrink it.
    """
    image = np.empty((size, size, 3), dtype=np.float32)
    image[:] = colors[rng.integers(len(colors))]
    # Radii follow r^-3 between two bounds, which makes the image look alike at every scale.
    least, most = 0.004 * size, 0.25 * size
    radii = (rng.random(shapes) * (most**-2 - least**-2) + least**-2) ** -0.5
    for radius in radii:
        center = rng.random(2) * size
        low = np.maximum(np.floor(center - 1.5 * radius), 0).astype(int)
        high = np.minimum(np.ceil(center + 1.5 * radius) + 1, size).astype(int)
        y = np.arange(low[0], high[0])[:, None] - center[0]
        x = np.arange(low[1], high[1])[None, :] - center[1]
        angle = rng.random() * np.pi
        u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        narrow = rng.uniform(0.15, 1.0)
        if rng.random() < 0.5:
            inside = u**2 + (v / narrow) ** 2 < radius**2
        else:
            inside = np.maximum(np.abs(u), np.abs(v) / narrow) < 0.8 * radius
        color = colors[rng.integers(len(colors))].astype(np.float32)
        fill = np.broadcast_to(color, (*inside.shape, 3))
        if rng.random() < 0.4:
            period = rng.uniform(4, 24)
            other = colors[rng.integers(len(colors))].astype(np.float32)
            fill = np.where((np.floor(u / period) % 2 == 0)[..., None], color, 0.5 * (color + other))
        window = image[low[0] : high[0], low[1] : high[1]]
        window[inside] = fill[inside]
    return image.astype(np.uint8)
