"""Mips that look from far away like what they are made of."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.image.color import linear_from_srgb
from matshot.image.types import Texture
from matshot.material.mips import material_mips, mip_sizes
from matshot.material.types import Material
from matshot.shading.procedural import brick_material


def data(values: np.ndarray) -> Texture:
    return Texture(np.asarray(values, np.float32).reshape(*values.shape[:2], -1), "data")


def waves(size: int, slope: float) -> Texture:
    """Normals whose slope along x is ``slope`` times a cosine."""
    along = slope * np.cos(2 * np.pi * np.arange(size) / 8)
    vectors = np.stack([-along, np.zeros(size), np.ones(size)], axis=1)
    row = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return Texture(np.repeat(row[None], size, axis=0).astype(np.float32), "normal")


def test_sizes_halve_down_to_a_pixel():
    assert mip_sizes(8, 4) == [(8, 4), (4, 2), (2, 1), (1, 1)]
    assert mip_sizes(7, 5) == [(7, 5), (3, 2), (1, 1)]


def test_colors_are_averaged_as_light():
    checker = np.indices((8, 8)).sum(0)[..., None].repeat(3, 2) % 2
    mips = material_mips(Material({"basecolor": Texture(checker.astype(np.float32), "srgb")}))
    assert len(mips) == 4
    for mip in mips[1:]:
        np.testing.assert_allclose(linear_from_srgb(mip.maps["basecolor"].pixels), 0.5, atol=1e-4)


@pytest.mark.parametrize("size", [64, 33])
def test_normals_are_unit_vectors_and_means_stay(size):
    brick = brick_material(64)
    cut = {kind: one.with_pixels(np.ascontiguousarray(one.pixels[:size, :size])) for kind, one in brick.maps.items()}
    mips = material_mips(Material(cut))
    height = cut["height"].pixels.mean()
    for mip in mips:
        np.testing.assert_allclose(np.linalg.norm(mip.maps["normal"].pixels, axis=2), 1, atol=1e-5)
        assert mip.maps["height"].pixels.mean() == pytest.approx(height, abs=0.01)


@pytest.mark.parametrize("slope", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("rough", [0.1, 0.4])
def test_lost_slopes_become_roughness(slope, rough):
    maps = {"normal": waves(64, slope), "roughness": data(np.full((64, 64), rough))}
    mip = material_mips(Material(maps))[3].maps["roughness"].pixels  # 8 x 8: one wave in each pixel
    variance = slope**2 / 2
    # Beckmann: the square of alpha is twice the variance of slopes along an axis; only one of two axes is wavy.
    wanted = (rough**4 + variance) ** 0.25
    assert float(mip.mean()) == pytest.approx(wanted, rel=0.1)
    assert float(np.ptp(mip)) < 1e-3


def test_flat_mirrors_stay_mirrors():
    maps = {"normal": waves(64, 0.0), "roughness": data(np.zeros((64, 64)))}
    for mip in material_mips(Material(maps)):
        assert float(mip.maps["roughness"].pixels.max()) < 0.02


def test_gloss_falls_as_roughness_rises():
    gloss = material_mips(Material({"normal": waves(64, 0.4), "gloss": data(np.full((64, 64), 0.8))}))
    rough = material_mips(Material({"normal": waves(64, 0.4), "roughness": data(np.full((64, 64), 0.2))}))
    for one, other in zip(gloss, rough, strict=True):
        np.testing.assert_allclose(one.maps["gloss"].pixels, 1 - other.maps["roughness"].pixels, atol=1e-5)


def test_a_packed_map_is_roughened_too():
    plain = Material({"normal": waves(64, 0.4), "roughness": data(np.full((64, 64), 0.2))})
    packed = np.dstack([np.ones((64, 64)), np.full((64, 64), 0.2), np.zeros((64, 64))])
    mips = material_mips(Material({"normal": waves(64, 0.4), "orm": data(packed)}))
    assert list(mips[2].maps) == ["normal", "orm"]
    expected = material_mips(plain)[2].maps["roughness"].pixels
    np.testing.assert_allclose(mips[2].maps["orm"].pixels[..., 1:2], expected, atol=1e-6)


@pytest.mark.parametrize("as_alpha", [True, False])
def test_cut_outs_keep_their_area(as_alpha):
    # Leaves of a few pixels, which plain means make vanish.
    alpha = (np.random.default_rng(1).random((64, 64, 1)) < 0.2).astype(np.float32)
    color = np.full((64, 64, 3), 0.5, np.float32)
    maps = {"basecolor": Texture(np.concatenate([color, alpha], axis=2), "srgb")}
    if not as_alpha:
        maps = {"basecolor": Texture(color, "srgb"), "opacity": data(alpha)}
    for mip in material_mips(Material(maps))[:5]:
        opacity = mip.maps["basecolor"].alpha if as_alpha else mip.maps["opacity"].pixels
        assert float((opacity >= 0.5).mean()) == pytest.approx(float(alpha.mean()), abs=0.06)


def test_smooth_opacity_is_averaged():
    opacity = np.linspace(0, 1, 64).reshape(1, 64).repeat(64, 0)
    for mip in material_mips(Material({"opacity": data(opacity)})):
        assert float(mip.maps["opacity"].pixels.mean()) == pytest.approx(0.5, abs=0.01)
