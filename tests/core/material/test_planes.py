"""Maps side by side, and back."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.image.types import Texture
from matshot.material.planes import anisotropy_of_directions, directions, normals_of_slopes, planes_of, slopes
from matshot.material.types import Material
from matshot.shading.procedural import brick_wall


def wall(**others):
    maps = brick_wall(64)
    known = {"basecolor": maps["basecolor"], "normal": maps["normal_gl"], "roughness": maps["roughness"]}
    return Material({**known, **{kind: Texture(pixels, "data", "xy") for kind, pixels in others.items()}})


def plane(value, size=64):
    return np.full((size, size, 1), value, dtype=np.float32)


def test_a_material_comes_back():
    material = wall(metallic=plane(0.25), height=plane(3.5))
    planes = planes_of(material)
    assert planes.values.shape == (64, 64, 3 + 2 + 1 + 1 + 1)
    assert len(planes.weights) == 8
    back = planes.material(planes.values, "xy")
    assert list(back.maps) == list(material.maps)
    for kind, texture in material.maps.items():
        np.testing.assert_allclose(back.maps[kind].pixels, texture.pixels, atol=2e-6, err_msg=kind)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("encoding", ["srgb", "linear"])
def test_colours_of_any_channels_come_back_over_white_too(channels, encoding):
    pixels = np.random.default_rng(0).random((9, 7, channels), dtype=np.float32) * 3
    planes = planes_of(Material({"basecolor": Texture(pixels, encoding)}))
    assert planes.values.shape[2] == channels
    np.testing.assert_allclose(
        planes.material(planes.values, "none").maps["basecolor"].pixels, pixels, rtol=1e-4, atol=1e-5
    )


def test_a_strong_map_does_not_outweigh_the_colour():
    planes = planes_of(wall(height=plane(0.5) + np.linspace(0, 50, 64, dtype=np.float32)[:, None, None]))
    shares = planes.values.var(axis=(0, 1)) * planes.balanced_weights()
    assert shares[:3].sum() == pytest.approx(1, rel=1e-3)
    assert shares[3:5].sum() == pytest.approx(0.5, rel=1e-3)
    assert shares[6] == pytest.approx(0.5, rel=1e-3)
    # A map that hardly varies is not stretched until it does.
    faint = planes_of(wall(metallic=plane(0) + np.linspace(0, 1e-4, 64, dtype=np.float32)[:, None, None]))
    assert faint.values[..., -1].var() * faint.balanced_weights()[-1] < 0.01


def test_what_has_a_range_stays_in_it():
    material = wall()
    planes = planes_of(material)
    wild = planes.material(planes.values * 9 - 4, "none")
    for kind, texture in material.maps.items():
        if kind == "normal":
            np.testing.assert_allclose(np.linalg.norm(wild.maps[kind].pixels, axis=2), 1, atol=1e-5)
        else:
            assert wild.maps[kind].pixels.min() >= texture.pixels.min()
            assert wild.maps[kind].pixels.max() <= texture.pixels.max()


def test_physical_size_goes_with_the_pixels():
    material = Material(wall().maps, physical_size=(2.0, 2.0))
    planes = planes_of(material)
    assert planes.material(planes.values[:32], "x").physical_size == (2.0, 1.0)


def test_anisotropy_is_a_direction():
    turns = np.linspace(0, 0.499, 64 * 64, dtype=np.float32).reshape(64, 64, 1)
    material = wall(anisotropy=plane(0.5), anisotropy_angle=turns)
    back = planes_of(material).material(planes_of(material).values, "xy")
    np.testing.assert_allclose(back.maps["anisotropy"].pixels, 0.5, atol=1e-6)
    np.testing.assert_allclose(np.mod(back.maps["anisotropy_angle"].pixels - turns + 0.25, 0.5), 0.25, atol=1e-5)
    # An angle and that of half a turn more are one direction, and so is their mean.
    half = np.pi
    size, angle = anisotropy_of_directions(
        (directions(plane(1), plane(0.3)) + directions(plane(1), plane(0.3 + half))) / 2
    )
    np.testing.assert_allclose(size, 1, atol=1e-5)
    np.testing.assert_allclose(angle, 0.3, atol=1e-5)


def test_an_angle_alone_comes_back():
    turns = np.linspace(0, 0.49, 64 * 64, dtype=np.float32).reshape(64, 64, 1)
    material = wall(anisotropy_angle=turns)
    back = planes_of(material).material(planes_of(material).values, "xy").maps["anisotropy_angle"].pixels
    np.testing.assert_allclose(np.mod(back - turns + 0.25, 0.5), 0.25, atol=1e-5)


def test_slopes_are_those_of_the_surface():
    normal = np.array([[[0.6, 0.0, 0.8]]], dtype=np.float32)
    np.testing.assert_allclose(slopes(normal), [[[0.75, 0.0]]])
    np.testing.assert_allclose(normals_of_slopes(slopes(normal)), normal, atol=1e-6)
    horizon = np.array([[[1.0, 0.0, 0.0]]], dtype=np.float32)
    assert np.isfinite(slopes(horizon)).all()
