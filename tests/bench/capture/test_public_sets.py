"""The public test sets' measure, on a surface that is its own truth."""

from __future__ import annotations

import numpy as np
import pytest

from bench.capture.public_sets import as_maps, errors
from bench.capture.scores import rmse
from matshot.shading.surface import Surface


def test_a_surface_errs_by_nothing_from_its_own_maps() -> None:
    rng = np.random.default_rng(3)
    normal = np.concatenate([rng.uniform(-0.3, 0.3, (6, 5, 2)), np.ones((6, 5, 1))], axis=2)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    color = rng.uniform(0.1, 0.9, (6, 5, 3)).astype(np.float32)
    rough, metal = rng.uniform(0.2, 0.9, (2, 6, 5, 1)).astype(np.float32)
    maps = as_maps(Surface.of(color, normal.astype(np.float32), rough, metal))
    assert maps.diffuse.shape == maps.specular.shape == (6, 5, 3)
    assert maps.roughness.shape == (6, 5)
    found = errors(maps, maps)
    assert found.flat > 5
    assert max(found.normals, found.diffuse, found.specular, found.roughness) < 1e-2


def test_maps_of_other_shapes_are_not_compared() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        rmse(np.zeros((4, 4, 1)), np.zeros((4, 4)))
