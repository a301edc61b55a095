"""Reflectance models as physics: energy, reciprocity, sampling, derivatives, and the way from one to the other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import least_squares

from matshot.errors import MatshotError
from matshot.shading.brdf import (
    ggx,
    ggx_from_stretched,
    ggx_with_gradient,
    sampled_light,
    sampled_light_density,
    stretched_exponential,
    stretched_exponential_with_gradient,
)

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


def paper_material(seed=2):
    rng = np.random.default_rng(seed)
    return {
        "rho_d": rng.random((POINTS, 3)),
        "rho_s": rng.random((POINTS, 3)),
        "S": matrix_of(rng.uniform(1, 30, POINTS), rng.uniform(1, 30, POINTS), rng.uniform(0, np.pi, POINTS)),
        "alpha": rng.uniform(0.5, 2.5, (POINTS, 1)),
    }


def matrix_of(first, second, angle):
    """S_11, S_12, S_22 of the matrix with the first eigenvalue along the angle."""
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([first * c**2 + second * s**2, (first - second) * c * s, first * s**2 + second * c**2], -1)


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
    for model in (host_material(), paper_material()):
        function = ggx if "roughness" in model else stretched_exponential
        assert (function(normal_of(slopes), view, light, **model) >= 0).all()
    paper = stretched_exponential(normal_of(slopes), view, light, **paper_material())
    np.testing.assert_allclose(
        paper, stretched_exponential(normal_of(slopes), light, view, **paper_material()), rtol=1e-9
    )


@pytest.mark.parametrize("degrees", [90.001, 120.0, 180.0])
def test_nothing_is_reflected_from_or_to_below_the_horizon(degrees):
    below = tilted(degrees)
    for view, light in ((below, UP), (UP, below), (below, below)):
        assert not ggx(UP, view, light, np.ones(3), 0.3, 0.5, 0.5).any()
        assert not ggx(UP, view, light, np.ones(3), 0.3, 0.5, 0.5, 0.5, 1.0).any()
        assert not stretched_exponential(UP, view, light, np.ones(3), np.ones(3), np.array([9.0, 1.0, 9.0]), 1.5).any()
        _, gradient = ggx_with_gradient(UP, view, light, np.ones(3), 0.3, 0.5, 0.5, 0.5, 1.0)
        _, paper = stretched_exponential_with_gradient(
            UP, view, light, np.ones(3), np.ones(3), np.array([1e8, 1.0, 1e8], dtype=np.float64), 4.0
        )
        for derivative in (*vars(gradient).values(), *vars(paper).values()):
            assert not derivative.any()


def test_the_horizon_is_the_shading_normals():
    normal = tilted(60.0)
    low = tilted(40.0, 180.0)
    assert not ggx(normal, UP, low, np.ones(3), 0.5, 0.0, 0.5).any()
    assert ggx(normal, UP, tilted(100.0), np.ones(3), 0.5, 0.0, 0.5).all()


@pytest.mark.parametrize("anisotropy", [0.0, 0.7])
@pytest.mark.parametrize("roughness", [0.05, 0.2, 0.5, 0.8, 1.0])
def test_a_perfect_mirror_of_any_roughness_creates_no_light(roughness, anisotropy):
    rng = np.random.default_rng(0)
    uniform = np.stack([*(rng.permuted(np.arange(20000) + 0.5) / 20000 for _ in range(2)), np.zeros(20000)], -1)
    for degrees in (0.0, 45.0, 80.0):
        view = tilted(degrees, 30.0)
        light = sampled_light(UP, view, roughness, 1.0, uniform, anisotropy)
        reflected = ggx(UP, view, light, np.ones(3), roughness, 1.0, 0.5, anisotropy)
        density = sampled_light_density(UP, view, light, roughness, 1.0, anisotropy)
        energy = (reflected * np.maximum(light[:, 2:], 0) / density).mean()
        assert energy < 1 + 1e-3
        # What single scattering loses grows with roughness, and towards the horizon.
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
def test_mirrors_whiten_towards_the_horizon_as_schlick_says(degrees):
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
    material, paper = host_material(), paper_material()
    angle = 0.7
    normal, turned_normal = normal_of(slopes), turned(normal_of(slopes), angle)
    moved = turned_normal, turned(view, angle), turned(light, angle)
    np.testing.assert_allclose(
        ggx(*moved, **material | {"angle": material["angle"] + angle}),
        ggx(normal, view, light, **material),
        rtol=1e-8,
    )
    first, second, axis = np.full(POINTS, 20.0), np.full(POINTS, 3.0), np.linspace(0, 3, POINTS)
    np.testing.assert_allclose(
        stretched_exponential(*moved, **paper | {"S": matrix_of(first, second, axis + angle)}),
        stretched_exponential(normal, view, light, **paper | {"S": matrix_of(first, second, axis)}),
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
    assert stretched_exponential(UP, UP, lights, np.ones(3), np.ones(3), np.ones(3), 2.0).shape == (7, 1, 1, 3)
    assert ggx(UP, UP, UP, np.ones(3), 0.5, 0.0, 0.5).shape == (3,)


def test_a_color_is_no_roughness():
    slopes, view, light = scene()
    with pytest.raises(MatshotError, match="one channel"):
        ggx(normal_of(slopes), view, light, np.ones(3), np.ones((POINTS, 3)), 0.0, 0.5)
    with pytest.raises(MatshotError, match="one channel"):
        sampled_light(normal_of(slopes), view, np.ones((POINTS, 3)), 0.5, np.zeros((POINTS, 3)))


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
@pytest.mark.parametrize("model", ["anisotropic", "isotropic", "paper"])
def test_derivatives_by_the_normals_slopes(model, axis):
    slopes, view, light = scene()
    material = paper_material() if model == "paper" else host_material()
    function, with_gradient = ggx, ggx_with_gradient
    if model == "paper":
        function, with_gradient = stretched_exponential, stretched_exponential_with_gradient
    elif model == "isotropic":
        material = isotropic(material)
    _, gradient = with_gradient(normal_of(slopes), view, light, **material)

    def moved(step):
        return function(normal_of(slopes + step * np.eye(2)[axis]), view, light, **material)

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


@pytest.mark.parametrize("name", ["rho_d", "rho_s", "s11", "s12", "s22", "alpha"])
def test_derivatives_by_the_papers_parameters(name):
    slopes, view, light = scene()
    material = paper_material()
    value, gradient = stretched_exponential_with_gradient(normal_of(slopes), view, light, **material)
    np.testing.assert_allclose(value, stretched_exponential(normal_of(slopes), view, light, **material), rtol=1e-12)
    entries = ["s11", "s12", "s22"]
    key, unit_step = ("S", np.eye(3)[entries.index(name)]) if name in entries else (name, 1.0)

    def moved(step):
        changed = material | {key: material[key] + step * unit_step}
        return stretched_exponential(normal_of(slopes), view, light, **changed)

    assert_derivative(getattr(gradient, name), moved, 1e-6)


# The two-shot paper's model.


def test_the_papers_peak_is_the_sum_of_its_colours():
    rho_d, rho_s = np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.4, 0.3])
    normal = tilted(35.0, 50.0)
    for alpha in (0.3, 1.0, 2.0):
        value, gradient = stretched_exponential_with_gradient(
            normal, normal, normal, rho_d, rho_s, np.array([80.0, 10.0, 40.0]), alpha
        )
        np.testing.assert_allclose(value, rho_d + rho_s, rtol=1e-4)
        assert all(np.isfinite(part).all() for part in vars(gradient).values())


@pytest.mark.parametrize("alpha", [0.7, 2.0])
@pytest.mark.parametrize("azimuth", [0.0, 25.0])
def test_the_papers_lobe_over_the_slope_of_the_half_vector(alpha, azimuth):
    first, second = 9.0, 25.0
    matrix = matrix_of(first, second, np.radians(azimuth))
    normal = tilted(20.0, 70.0)
    slope = np.linspace(0.01, 1, 20)
    for eigenvalue, axis in ((first, azimuth), (second, azimuth + 90)):
        # In the frame that the shortest rotation of +Z to the normal makes.
        local = unit(np.stack([slope * np.cos(np.radians(axis)), slope * np.sin(np.radians(axis)), np.ones(20)], -1))
        cross = np.cross(UP, normal)
        world = local * normal[2] + np.cross(cross, local) + np.outer(local @ cross, cross) / (1 + normal[2])
        value = stretched_exponential(normal, world, world, np.zeros(3), np.ones(3), matrix, alpha)
        np.testing.assert_allclose(value[:, 0], np.exp(-((eigenvalue * slope**2) ** (alpha / 2))), rtol=1e-6)


def test_the_papers_highlight_rises_as_light_and_viewer_part():
    light, view = tilted(50.0), tilted(-50.0)
    value = stretched_exponential(UP, view, light, np.zeros(3), np.ones(3), np.array([5.0, 0.0, 5.0]), 1.5)
    np.testing.assert_allclose(value, 1 / np.cos(np.radians(50.0)), rtol=1e-9)


# Sampling.

VIEWS = {"from above": (0.0, 0.0), "aslant": (50.0, 40.0), "grazing": (76.0, 200.0)}
MIXTURES = {"diffuse": 0.0, "highlight": 1.0, "both": 0.4}
SURFACES = {
    "smooth": (UP, 0.4, 0.0, 0.0),
    "rough": (UP, 1.0, 0.0, 0.0),
    "brushed": (UP, 0.6, 0.8, 0.5),
    "tilted": (tilted(25.0, 160.0), 0.55, -0.5, 2.0),
}


@pytest.mark.parametrize("mixture", MIXTURES)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("surface", SURFACES)
def test_sampled_directions_follow_their_density(surface, view, mixture):
    normal, roughness, anisotropy, angle = SURFACES[surface]
    mirrored = MIXTURES[mixture]
    eye = tilted(*VIEWS[view])
    if eye @ normal <= 0:
        pytest.skip("behind the surface")
    count, rows, columns, inside = 40000, 16, 24, 20
    uniform = np.random.default_rng(5).random((count, 3))
    light = sampled_light(normal, eye, roughness, mirrored, uniform, anisotropy, angle)
    np.testing.assert_allclose(np.linalg.norm(light, axis=1), 1, rtol=1e-9)

    directions, solid = sphere(rows * inside, columns * inside)
    density = sampled_light_density(normal, eye, directions, roughness, mirrored, anisotropy, angle)[..., 0] * solid
    assert density.sum() == pytest.approx(1, abs=4e-3)
    expected = count * density.reshape(rows, inside, columns, inside).sum((1, 3)).ravel()
    row = np.minimum(np.arccos(light[:, 2]) / np.pi * rows, rows - 1).astype(int)
    column = np.minimum(np.mod(np.arctan2(light[:, 1], light[:, 0]) / (2 * np.pi), 1) * columns, columns - 1).astype(
        int
    )
    observed = np.bincount(row * columns + column, minlength=rows * columns)

    # Bins with few directions are taken together, as the test asks.
    many = expected >= 8
    observed = np.append(observed[many], observed[~many].sum())
    expected = np.append(expected[many], expected[~many].sum())
    statistic = (np.square(observed - expected) / np.maximum(expected, 1)).sum()
    assert stats.chi2.sf(statistic, len(expected) - 1) > 1e-4


def test_sampling_a_highlight_weighs_its_directions_almost_evenly():
    rng = np.random.default_rng(6)
    view = tilted(30.0)
    light = sampled_light(UP, view, 0.1, 1.0, rng.random((2000, 3)))
    weight = ggx(UP, view, light, np.ones(3), 0.1, 1.0, 0.5)[:, 0] * light[:, 2]
    weight /= sampled_light_density(UP, view, light, 0.1, 1.0)[:, 0]
    assert weight.std() < 0.01
    single = sampled_light(UP.astype(np.float32), view.astype(np.float32), 0.1, 0.5, rng.random((10, 3)))
    assert single.dtype == np.float32


# From the paper's model to the hosts'.

FLASH = np.linspace(0, 40, 41)


def flash_fit(values, alpha, roughness):
    """The paper's model fitted to reflectances under a flash at the camera, FLASH degrees off the normal."""
    direction = tilted(FLASH)

    def model(x):
        diffuse, specular, sharpness = np.exp(x)
        matrix = np.array([sharpness, 0, sharpness])
        return stretched_exponential(UP, direction, direction, np.full(3, diffuse), np.full(3, specular), matrix, alpha)

    def difference(x):
        return (np.sqrt(model(x)) - np.sqrt(values))[:, 0]

    start = [values[-1, 0], values[0, 0] - values[-1, 0], 1.4 / roughness**4]
    diffuse, specular, sharpness = np.exp(least_squares(difference, np.log(start)).x)
    return np.full(3, diffuse), np.full(3, specular), np.array([sharpness, 0, sharpness])


@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("roughness", [0.15, 0.25, 0.35, 0.5, 0.65])
@pytest.mark.parametrize("base", [0.05, 0.5])
def test_a_dielectric_comes_back_from_the_papers_model(base, roughness, alpha):
    direction = tilted(FLASH)
    photographed = ggx(UP, direction, direction, np.full(3, base), roughness, 0.0, 0.5)
    back = ggx_from_stretched(*flash_fit(photographed, alpha, roughness), alpha)
    assert back.roughness[0] == pytest.approx(roughness, abs=0.025)
    assert back.base_color == pytest.approx(np.full(3, base), abs=0.01)
    assert back.specular[0] == pytest.approx(0.5, abs=0.17)
    assert back.metallic[0] == 0
    assert back.anisotropy[0] == 0


@pytest.mark.parametrize("roughness", [0.35, 0.5, 0.65])
def test_gold_comes_back_as_metal(roughness):
    direction = tilted(FLASH)
    gold = np.array([1.0, 0.77, 0.34])
    grey = np.full(3, gold.mean())
    photographed = ggx(UP, direction, direction, grey, roughness, 1.0, 0.5)
    rho_d, rho_s, matrix = flash_fit(photographed, 1.5, roughness)
    back = ggx_from_stretched(rho_d * gold / grey, rho_s * gold / grey, matrix, 1.5)
    assert back.metallic[0] > 0.95
    assert back.roughness[0] == pytest.approx(roughness, abs=0.02)
    np.testing.assert_allclose(back.base_color, gold, rtol=0.1)


def two_shot_maps(shape=(24, 24), seed=7):
    rng = np.random.default_rng(seed)
    wide, narrow = np.exp(rng.uniform(np.log(4), np.log(100), (2, *shape)))
    rho_d = 0.3 * rng.random((*shape, 3)) + 0.01
    rho_s = rng.uniform(0.2, 1, (*shape, 1)) * 0.002 * np.sqrt(wide * narrow)[..., None] * np.ones(3)
    return rho_d, rho_s, matrix_of(wide, narrow, rng.uniform(0, np.pi, shape))


@pytest.mark.parametrize("alpha", [1.0, 1.6])
def test_the_stated_error_is_the_difference_under_a_flash(alpha):
    maps = two_shot_maps()
    material = ggx_from_stretched(*maps, alpha)
    flash = np.concatenate([tilted(FLASH, azimuth) for azimuth in (0.0, 45.0, 90.0, 135.0)])[:, None, None]
    ours, paper = ggx(UP, flash, flash, *material[:6]), stretched_exponential(UP, flash, flash, *maps, alpha)
    weight = 1 / paper.mean(-1, keepdims=True)
    missed, whole = ((weight * np.square(values)).sum((0, -1)) for values in (ours - paper, paper))
    stated, actual = material.error[..., 0], np.sqrt(missed / whole)
    assert np.median(stated) < 0.03
    assert np.median(np.abs(stated / actual - 1)) < 0.3
    assert np.corrcoef(np.log(stated).ravel(), np.log(actual).ravel())[0, 1] > 0.9


def test_the_highlight_keeps_its_direction():
    angle = np.linspace(-1.5, 1.5, 13)
    grey = np.ones((13, 3))
    material = ggx_from_stretched(0.05 * grey, 0.05 * grey, matrix_of(40.0, 10.0, angle + np.pi / 2), 1.5)
    # Wide along the axis of the small eigenvalue.
    np.testing.assert_allclose(material.angle[:, 0], angle, atol=1e-6)
    assert np.ptp(material.anisotropy) < 1e-6
    # Half as wide across as along.
    assert material.anisotropy[0, 0] == pytest.approx(1 / 3, abs=0.04)
    turned_round = ggx_from_stretched(0.05 * grey[0], 0.05 * grey[0], np.array([25.0, 0.0, 25.0]), 1.5)
    assert turned_round.anisotropy[0] == 0
    assert turned_round.angle[0] == 0


def test_a_highlight_too_strong_for_a_dielectric_is_metal():
    grey = np.ones((4, 3))
    strength = np.array([0.03, 0.06, 0.5, 2.0])[:, None]
    material = ggx_from_stretched(0.06 * grey, strength * grey, np.array([20.0, 0.0, 20.0]), 1.5)
    np.testing.assert_array_equal(material.metallic[:2], 0)
    assert (np.diff(material.specular[:2, 0]) > 0).all()
    assert material.metallic[2] > 0.5
    assert material.metallic[3] > material.metallic[2]
    assert (material.error < 0.1).all()


def test_a_coloured_highlight_is_metal_as_far_as_the_base_color_explains_it():
    specular = np.array([[0.05, 0.05, 0.05], [0.08, 0.05, 0.01]])
    material = ggx_from_stretched(np.full((2, 3), 0.001), specular, np.array([20.0, 0.0, 20.0]), 1.5)
    assert material.metallic[0] == 0
    assert material.metallic[1] > 0.5
    np.testing.assert_array_equal(np.argsort(material.base_color[1]), [2, 1, 0])


@pytest.mark.parametrize("diffuse", [0.0, 0.003, 0.02, 0.1])
def test_metal_sets_in_without_a_jump_in_what_is_seen(diffuse):
    grey = np.ones((2000, 3))
    strength = np.geomspace(0.02, 0.8, 2000)[:, None]
    rho_d, rho_s, matrix = diffuse * grey, strength * grey, np.array([20.0, 0.0, 20.0])
    material = ggx_from_stretched(rho_d, rho_s, matrix, 1.5)
    assert material.metallic[0] == 0
    assert material.metallic[-1] > 0.5
    if np.pi * diffuse > 0.1:
        assert np.abs(np.diff(material.metallic, axis=0)).max() < 0.01
    peak = ggx(UP, UP, UP, *material[:6])[:, 0]
    assert np.abs(np.diff(np.log(peak))).max() < 0.04
    assert np.abs(np.log(peak / (rho_d + rho_s)[:, 0])).max() < 0.25


def test_a_surface_without_a_highlight_is_matte():
    diffuse = np.array([0.1, 0.05, 0.2])
    material = ggx_from_stretched(diffuse, np.zeros(3), np.array([500.0, 0.0, 500.0]), 1.5)
    assert material.roughness[0] == pytest.approx(1, abs=1e-3)
    assert material.specular[0] < 0.1
    assert material.metallic[0] == 0
    np.testing.assert_allclose(material.base_color, np.pi * diffuse, atol=0.02)


def test_any_parameters_make_a_valid_material():
    rng = np.random.default_rng(8)
    shape = (20, 30)
    rho_d, rho_s = (np.exp(rng.uniform(-12, 2, (*shape, 3))).astype(np.float32) for _ in range(2))
    matrix = (rng.standard_normal((*shape, 3)) * np.exp(rng.uniform(-5, 15, (*shape, 1)))).astype(np.float32)
    for alpha in (0.2, 1.3, 4.0):
        material = ggx_from_stretched(rho_d, rho_s, matrix, alpha)
        assert all(part.dtype == np.float32 and np.isfinite(part).all() for part in material)
        assert material.base_color.shape == (*shape, 3)
        assert all(part.shape == (*shape, 1) for part in material[1:])
        assert (material.base_color >= 0).all()
        assert material.roughness.min() >= 0.0499
        for part in material[1:5]:
            assert part.min() >= 0
            assert part.max() <= 1
        assert np.abs(material.angle).max() <= np.pi / 2 + 1e-6


def test_an_exponent_is_positive():
    with pytest.raises(MatshotError, match="above zero"):
        ggx_from_stretched(np.ones(3), np.ones(3), np.ones(3), 0.0)
