"""The reflectance model as physics: energy, reciprocity, derivatives."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.errors import MatshotError
from matshot.shading.brdf import ggx, ggx_with_gradient

UP = np.array([0.0, 0.0, 1.0])
POINTS = 300


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def tilted(degrees, azimuth=0.0):
    """Unit vectors so many degrees off +Z, in the direction of the azimuth."""
    theta, phi = np.radians(degrees), np.radians(azimuth)
    return np.stack(np.broadcast_arrays(np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)), -1)


def normal_of(slopes):
    return unit(np.concatenate([slopes, np.ones_like(slopes[..., :1])], axis=-1))


def scene(seed=0, spread=0.5):
    """Slopes of normals, and views and lights near +Z."""
    rng = np.random.default_rng(seed)
    view, light = (normal_of(spread * rng.standard_normal((POINTS, 2))) for _ in range(2))
    return 0.3 * rng.standard_normal((POINTS, 2)), view, light


def host_material(seed=1):
    rng = np.random.default_rng(seed)
    return {
        "base_color": rng.random((POINTS, 3)),
        "roughness": rng.uniform(0.1, 1, (POINTS, 1)),
        "metallic": rng.random((POINTS, 1)),
        "specular": rng.random((POINTS, 1)),
        "anisotropy": rng.uniform(-0.9, 0.9, (POINTS, 1)),
        "angle": rng.uniform(-3, 3, (POINTS, 1)),
    }


def isotropic(material):
    return {name: value for name, value in material.items() if name not in ("anisotropy", "angle")}


def turned(vectors, angle):
    c, s = np.cos(angle), np.sin(angle)
    return vectors @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


def sphere(rows=200, columns=400):
    """Directions over the sphere, by rows of equal angle from +Z, and their solid angles."""
    edges = np.linspace(0, np.pi, rows + 1)
    theta, phi = (edges[1:] + edges[:-1])[:, None] / 2, (np.arange(columns) + 0.5) / columns * 2 * np.pi
    solid = -np.diff(np.cos(edges))[:, None] * 2 * np.pi / columns
    return tilted(np.degrees(theta), np.degrees(phi)), np.broadcast_to(solid, (rows, columns))


# GGX.


@pytest.mark.parametrize("roughness", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("metallic", [0.0, 0.4, 1.0])
def test_looking_straight_down_under_the_flash_is_the_formula(roughness, metallic):
    base = np.array([0.5, 0.3, 0.1])
    incidence = 0.08 * 0.6 * (1 - metallic) + base * metallic
    expected = (1 - metallic) * base / np.pi + incidence / (4 * np.pi * roughness**4)
    np.testing.assert_allclose(ggx(UP, UP, UP, base, roughness, metallic, 0.6), expected, rtol=1e-10)


def test_light_and_viewer_may_be_swapped():
    slopes, view, light = scene()
    for material in (host_material(), isotropic(host_material())):
        there = ggx(normal_of(slopes), view, light, **material)
        np.testing.assert_allclose(there, ggx(normal_of(slopes), light, view, **material), rtol=1e-9)
        assert (there >= 0).all()


@pytest.mark.parametrize("degrees", [90.001, 120.0, 180.0])
def test_nothing_is_reflected_from_or_to_below_the_horizon(degrees):
    below = tilted(degrees)
    for view, light in ((below, UP), (UP, below), (below, below)):
        assert not ggx(UP, view, light, np.ones(3), 0.3, 0.5, 0.5).any()
        assert not ggx(UP, view, light, np.ones(3), 0.3, 0.5, 0.5, 0.5, 1.0).any()
        _, gradient = ggx_with_gradient(UP, view, light, np.ones(3), 0.3, 0.5, 0.5, 0.5, 1.0)
        for derivative in vars(gradient).values():
            assert not derivative.any()


def test_the_horizon_is_the_shading_normals():
    normal = tilted(60.0)
    low = tilted(40.0, 180.0)
    assert not ggx(normal, UP, low, np.ones(3), 0.5, 0.0, 0.5).any()
    assert ggx(normal, UP, tilted(100.0), np.ones(3), 0.5, 0.0, 0.5).all()


def half_vectors(roughness, anisotropy, count=200):
    """Half vectors on a grid of equal shares of GGX's distribution over +Z (Walter et al. 2007, eqs. 35 and 36).

    Returns:
        The vectors ``N x 3``, and their density per steradian.
    """
    u, v = (axis.ravel() for axis in np.meshgrid(*[(np.arange(count) + 0.5) / count] * 2))
    radius, azimuth = np.sqrt(u / (1 - u)), 2 * np.pi * v
    widths = roughness**2 * np.array([1 + anisotropy, 1 - anisotropy])
    half = normal_of(np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth)], -1) * widths)
    return half, (1 - u) ** 2 / (np.pi * widths.prod() * half[:, 2] ** 3)


@pytest.mark.parametrize("anisotropy", [0.0, 0.7])
@pytest.mark.parametrize("roughness", [0.05, 0.2, 0.5, 0.8, 1.0])
def test_a_perfect_mirror_of_any_roughness_creates_no_light(roughness, anisotropy):
    half, density = half_vectors(roughness, anisotropy)
    for degrees in (0.0, 45.0, 80.0):
        view = tilted(degrees, 30.0)
        cosine = half @ view
        light = 2 * cosine[:, None] * half - view
        reflected = ggx(UP, view, light, np.ones(3), roughness, 1.0, 0.5, anisotropy)
        weight = np.maximum(light[:, 2], 0) * 4 * np.maximum(cosine, 0) / density
        energy = (reflected * weight[:, None]).mean()
        assert energy < 1 + 1e-3
        # What single scattering loses grows with roughness, and toward the horizon.
        assert energy > 1 - 0.8 * roughness**2 * (1 + anisotropy) / view[2] - 0.002


def test_the_diffuse_part_reflects_the_base_color():
    directions, solid = sphere()
    view = tilted(20.0)
    base = np.array([0.9, 0.5, 0.1])
    both = ggx(UP, view, directions, base, 0.6, 0.0, 0.5)
    black = ggx(UP, view, directions, np.zeros(3), 0.6, 0.0, 0.5)
    energy = ((both - black) * np.maximum(directions[..., 2:], 0) * solid[..., None]).sum((0, 1))
    np.testing.assert_allclose(energy, base, rtol=1e-4)


@pytest.mark.parametrize("degrees", [0.0, 40.0, 70.0, 85.0])
def test_mirrors_whiten_toward_the_horizon_as_schlick_says(degrees):
    there, back = tilted(degrees), tilted(-degrees)
    gold = np.array([1.0, 0.77, 0.34])
    share = ggx(UP, there, back, gold, 0.3, 1.0, 0.5) / ggx(UP, there, back, np.ones(3), 0.3, 1.0, 0.5)
    np.testing.assert_allclose(share, gold + (1 - gold) * (1 - np.cos(np.radians(degrees))) ** 5, rtol=1e-9)


def test_anisotropy_vanishes_smoothly():
    slopes, view, light = scene()
    material = host_material() | {"anisotropy": 1e-9}
    round_one = ggx(normal_of(slopes), view, light, **isotropic(material))
    np.testing.assert_allclose(ggx(normal_of(slopes), view, light, **material), round_one, rtol=1e-6)
    np.testing.assert_array_equal(
        ggx(normal_of(slopes), view, light, **material | {"anisotropy": np.zeros((POINTS, 1))}), round_one
    )


def test_half_a_turn_changes_nothing_and_a_quarter_turns_the_sign():
    slopes, view, light = scene()
    material = host_material()
    value = ggx(normal_of(slopes), view, light, **material)
    half = material | {"angle": material["angle"] + np.pi}
    quarter = material | {"angle": material["angle"] + np.pi / 2, "anisotropy": -material["anisotropy"]}
    np.testing.assert_allclose(ggx(normal_of(slopes), view, light, **half), value, rtol=1e-9)
    np.testing.assert_allclose(ggx(normal_of(slopes), view, light, **quarter), value, rtol=1e-9)


def test_an_anisotropic_highlight_is_wide_along_its_angle():
    def highlight(azimuth):
        direction = tilted(20.0, azimuth)
        return ggx(UP, direction, direction, np.zeros(3), 0.4, 0.0, 0.5, 0.8, np.radians(30.0))[0]

    assert highlight(30.0) > 5 * highlight(120.0)
    assert highlight(210.0) == pytest.approx(highlight(30.0))


def test_turning_everything_about_the_axis_changes_nothing():
    slopes, view, light = scene()
    material = host_material()
    angle = 0.7
    normal, turned_normal = normal_of(slopes), turned(normal_of(slopes), angle)
    moved = turned_normal, turned(view, angle), turned(light, angle)
    np.testing.assert_allclose(
        ggx(*moved, **material | {"angle": material["angle"] + angle}),
        ggx(normal, view, light, **material),
        rtol=1e-8,
    )


def test_single_precision_keeps_sharp_highlights():
    rng = np.random.default_rng(3)
    normal = normal_of(0.2 * rng.standard_normal((POINTS, 2))).astype(np.float32)
    # The flash at the camera and a light aside, both within the highlight.
    view = unit(normal + 0.002 * rng.standard_normal((POINTS, 3))).astype(np.float32)
    light = unit(2 * (normal * view).sum(1, keepdims=True) * normal - view).astype(np.float32)
    base = np.full(3, 0.5, np.float32)
    for extra in ({}, {"anisotropy": 0.5, "angle": 0.3}):
        single = ggx(normal, view, light, base, 0.05, 0.0, 0.5, **extra)
        assert single.dtype == np.float32
        double = ggx(*(unit(v.astype(np.float64)) for v in (normal, view, light)), base, 0.05, 0.0, 0.5, **extra)
        assert double.dtype == np.float64
        np.testing.assert_allclose(single, double, rtol=3e-3)


def test_maps_scalars_and_lights_broadcast():
    rng = np.random.default_rng(4)
    height, width = 12, 900
    normal = normal_of(0.2 * rng.standard_normal((height, width, 2)))
    base, rough = rng.random((height, width, 3)), rng.uniform(0.2, 1, (height, width, 1))
    lights = normal_of(0.4 * rng.standard_normal((7, 1, 1, 2)))
    value = ggx(normal, UP, lights, base, rough, 0.0, 0.5)
    assert value.shape == (7, height, width, 3)
    for index, light in enumerate(lights):
        # Row by row is what all at once is.
        rows = [ggx(normal[i], UP, light[0], base[i], rough[i], np.zeros((width, 1)), 0.5) for i in range(height)]
        np.testing.assert_allclose(value[index], rows, rtol=1e-12)
    _, gradient = ggx_with_gradient(normal, UP, lights, base, rough, 0.0, 0.5)
    assert all(part is None or part.shape == value.shape for part in vars(gradient).values())
    assert ggx(UP, UP, UP, np.ones(3), 0.5, 0.0, 0.5).shape == (3,)


def test_a_color_is_no_roughness():
    slopes, view, light = scene()
    with pytest.raises(MatshotError, match="one channel"):
        ggx(normal_of(slopes), view, light, np.ones(3), np.ones((POINTS, 3)), 0.0, 0.5)


# Derivatives.


def assert_derivative(derivative, function, step):
    """Against central differences, to five digits of the value or of the largest."""
    expected = (function(step) - function(-step)) / (2 * step)
    np.testing.assert_allclose(derivative, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["base_color", "roughness", "metallic", "specular", "anisotropy", "angle"])
def test_derivatives_by_the_hosts_parameters(name):
    slopes, view, light = scene()
    material = host_material()
    for some in (material, isotropic(material)):
        if name in some:
            value, gradient = ggx_with_gradient(normal_of(slopes), view, light, **some)
            np.testing.assert_allclose(value, ggx(normal_of(slopes), view, light, **some), rtol=1e-12)

            def moved(step, some=some):
                return ggx(normal_of(slopes), view, light, **some | {name: some[name] + step})

            assert_derivative(getattr(gradient, name), moved, 1e-6)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("model", ["anisotropic", "isotropic"])
def test_derivatives_by_the_normals_slopes(model, axis):
    slopes, view, light = scene()
    material = host_material() if model == "anisotropic" else isotropic(host_material())
    _, gradient = ggx_with_gradient(normal_of(slopes), view, light, **material)

    def moved(step):
        return ggx(normal_of(slopes + step * np.eye(2)[axis]), view, light, **material)

    assert_derivative((gradient.slope_x, gradient.slope_y)[axis], moved, 1e-6)


def test_an_isotropic_gradient_has_no_angle_and_one_at_zero_anisotropy_does():
    slopes, view, light = scene()
    material = isotropic(host_material())
    _, gradient = ggx_with_gradient(normal_of(slopes), view, light, **material)
    assert gradient.anisotropy is None
    assert gradient.angle is None
    _, gradient = ggx_with_gradient(normal_of(slopes), view, light, **material, anisotropy=0.0)

    def moved(step):
        return ggx(normal_of(slopes), view, light, **material, anisotropy=step)

    assert_derivative(gradient.anisotropy, moved, 1e-6)
    assert np.abs(gradient.angle).max() < 1e-9 * np.abs(gradient.anisotropy).max()


def test_roughness_has_no_effect_where_it_is_clamped():
    for extra in ({}, {"anisotropy": 0.3}):
        value, gradient = ggx_with_gradient(UP, UP, UP, np.ones(3), 0.01, 0.0, 0.5, **extra)
        np.testing.assert_array_equal(value, ggx(UP, UP, UP, np.ones(3), 0.05, 0.0, 0.5, **extra))
        assert not gradient.roughness.any()
