"""How far pictures are from their source."""

from __future__ import annotations

import numpy as np

from matshot.synthesis.texture_loss import PATCH, patches_at_random


def patch_distance(picture, source):
    """Sliced Wasserstein distance of 7 x 7 patches over random directions."""
    directions = np.random.default_rng(0).standard_normal((64, 3 * PATCH**2)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    places = np.linspace(0, 1, 200)
    quantiles = [
        np.quantile(directions @ patches_at_random(one, 100_000, np.random.default_rng(0)).T, places, axis=1)
        for one in (picture, source)
    ]
    return np.abs(quantiles[0] - quantiles[1]).mean()
