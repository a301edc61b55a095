"""Bare metal in a flash photograph: all that is bright and dark is relief, and next to nothing of it color.

A metal has no matt part, so a facet is bright where it mirrors the lamp. That is the plainest case of shape from
shading: no pattern of color has to be told from it.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..image.color import Pixels
from .flattening import Flattened
from .shading import Response, integrable_slopes

#: Part of the detail of brightness that is color: stains, and what grinding leaves.
_COLORED = 0.2
#: Blur of chroma, in longer sides; linear value from which on a channel has reached its end; the mean's share.
_CHROMA_BLUR = 1 / 400
_END = 0.95
_FAR_SHARE = 1e-2
#: Deviations between which brightness is relief: in pixels, and in longer sides.
_FINE = 1.0
_COARSE = 0.04
#: Most of it, as a logarithm: beyond, light does not answer slopes in proportion.
_STEEPEST = np.float32(1.5)
#: Squared response below which brightness says little, and rounds in which slopes become those of one height field.
_DOUBT = np.float32(8.0)
_ROUNDS = 8


def metal_slopes(flat: Flattened, response: Response) -> Pixels:
    """Slopes of bare metal, ``H x W x 2``, n_x / n_z and n_y / n_z, from its brightness alone.

    The response says which component of slopes a place shows; of the other component, the slopes of a height field are
    all that is possible. Projections on both in turn (Youla and Webb 1982, on convex sets) meet in slopes that satisfy
    both.

    Args:
        flat: the photograph without its lamp, its hole filled.
        response: of a level surface to slopes, as the logarithm of brightness (Pentland 1990).
    """
    toward = np.stack([response.along_x, response.along_y], axis=2)
    share = toward / (np.square(toward).sum(axis=2, keepdims=True) + _DOUBT)
    coarse = max(4 * _FINE, _COARSE * max(flat.hole.shape))
    tone = np.where(flat.burnt, np.log(np.maximum(flat.color, np.float32(1e-3))).mean(axis=2), flat.tone)
    detail = cv2.GaussianBlur(tone, (0, 0), _FINE) - cv2.GaussianBlur(tone, (0, 0), coarse)
    detail = detail.clip(-_STEEPEST, _STEEPEST)
    slopes = np.zeros_like(toward)
    for _ in range(_ROUNDS):
        left = detail - (toward * slopes).sum(axis=2)
        slopes = integrable_slopes(np.asarray(slopes + share * left[..., np.newaxis], dtype=np.float32))
    return slopes


def metal_color(color: Pixels, light: Pixels) -> Pixels:
    """Base color of a metal less its shading and the photograph's noise, ``H x W x 3``, scene-linear.

    How bright a metal is from place to place is mostly its relief and its gloss. Its chroma is a mean around each
    place in which light counts: away from the highlight metal is dark, and its chroma mostly noise.

    Args:
        color: ``H x W x 3``, scene-linear, the photograph without its lamp.
        light: ``H x W``, of the photograph.
    """
    brightness = np.log(np.maximum(color, np.float32(1e-3))).mean(axis=2)
    level = brightness.mean() + np.float32(_COLORED) * (brightness - brightness.mean())
    # A channel at its end tells nothing of chroma.
    seen = color * np.where(color.max(axis=2) < _END, light, 0).astype(np.float32)[..., np.newaxis]
    deviation = _CHROMA_BLUR * max(light.shape)
    around = np.maximum(seen.mean(axis=(0, 1)), np.float32(1e-9)) * np.float32(_FAR_SHARE)
    # Wider where next to nothing is seen near by.
    for widening in (1, 4, 16):
        around = around + np.float32(1 / widening**2) * cv2.GaussianBlur(seen, (0, 0), widening * deviation)
    around = np.log(around)
    chroma = around - around.mean(axis=2, keepdims=True)
    return np.asarray(np.exp(chroma + level[..., np.newaxis]).clip(0, 1), dtype=np.float32)
