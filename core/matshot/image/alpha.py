"""Alpha: transparency, color multiplied by it, light without coverage, and colors that transparency hides."""

from __future__ import annotations

import numpy as np

from .color import Pixels
from .types import Texture

#: Deviation of a channel, over all that is transparent, from which on the colors there are somebody's data.
_VARIED = 0.02

#: How many times as large as steps of color inside those across the edge of transparency may be.
_CONTINUOUS = 1.5


def multiplied_color(pixels: Pixels, *, light_stays: bool = True) -> Pixels:
    """Color times alpha, the last of ``H x W x C`` channels.

    Args:
        pixels: straight color with alpha.
        light_stays: whether color without coverage (as of a glow) stays as it is, which undoes :func:`straight_color`;
            else it becomes black.
    """
    alpha = pixels[..., -1:]
    factor = np.where(alpha > 0, alpha, 1) if light_stays else np.maximum(alpha, 0)
    return np.concatenate([pixels[..., :-1] * factor, alpha], axis=-1, dtype=np.float32)


def straight_color(pixels: Pixels) -> Pixels:
    """Color divided by alpha; where alpha is 0 it is light without coverage and stays as it is stored."""
    alpha = pixels[..., -1:]
    divisor = np.where(alpha > 0, alpha, 1)
    return np.concatenate([pixels[..., :-1] / divisor, alpha], axis=-1, dtype=np.float32)


def has_hidden_colors(texture: Texture) -> bool:
    """Whether colors under an alpha of 0 vary, as in maps whose alpha holds smoothness, say, and not transparency."""
    if texture.alpha is None:
        return False
    hidden = texture.alpha[..., 0] <= 0
    return bool(hidden.any()) and float(texture.color[hidden].std(axis=0).max()) > _VARIED


def continues_under_alpha(texture: Texture) -> bool:
    """Whether color under an alpha of 0 continues that beside it, so that alpha is not what hides it.

    A cut-out has a step at its edge, from leaf to background; color with smoothness in alpha has none.
    """
    if not has_hidden_colors(texture):
        return False
    assert texture.alpha is not None
    hidden, color = texture.alpha[..., 0] <= 0, texture.color
    across, inside = [], []
    for axis in (0, 1):
        steps = np.abs(np.diff(color, axis=axis)).mean(axis=2)
        edges = np.diff(hidden.astype(np.int8), axis=axis) != 0
        ahead = np.take(hidden, range(1, hidden.shape[axis]), axis)
        across.append(steps[edges])
        inside.append(steps[~edges & ~ahead])
    edge, seen = np.concatenate(across), np.concatenate(inside)
    if not edge.size or not seen.size:
        return False
    return float(edge.mean()) <= _CONTINUOUS * max(float(seen.mean()), 1 / 255)


def is_multiplied(texture: Texture) -> bool:
    """Whether a texture's color came multiplied by its alpha, so that light without coverage means something."""
    return texture.alpha is not None and texture.source is not None and texture.source.alpha == "associated"


def is_transparency(texture: Texture) -> bool:
    """Whether a color texture's last channel is transparency, as far as its file says."""
    if texture.alpha is None or texture.encoding not in ("srgb", "linear"):
        return False
    return texture.source is None or texture.source.alpha != "data"
