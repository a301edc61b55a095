"""Reflectance from lumitexels whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matshot.capture.fitting import (
    NO_PRIORS,
    Priors,
    Scale,
    estimated_scale,
    expected_response,
    fitted_surface,
    guided_filter,
    without_specks,
)
from matshot.capture.lumitexels import Lumitexels
from matshot.capture.shading import GuidedSlopes, diffuse_response
from matshot.capture.tiles import Tile
from matshot.errors import Cancelled, MatshotError
from matshot.image.normals import normal_from_height
from matshot.material.planes import normals_of_slopes, slopes
from matshot.progress import Progress
from matshot.shading.brdf import ggx
from matshot.shading.procedural import noise
from matshot.shading.render import Camera, flash, render
from matshot.shading.surface import Surface

CAMERA = Camera(192, 192)
LAMP = flash(CAMERA)
SIDE, COUNT, INTENSITY = 24, 36, 2.5
MASTER = Tile(70, 80, SIDE, SIDE)


def truth(seed=0, metallic=0.0, steep=0.25):
    """Colored bumps of varying roughness, the rougher the brighter."""
    rng = np.random.default_rng(seed)
    grain = noise(SIDE, 1.2, rng)
    height = noise(SIDE, 2.0, rng)
    height *= steep / np.gradient(height)[0].std()
    color = np.exp(0.3 * grain)[..., None] * np.array([0.35, 0.25, 0.15])
    return Surface.of(
        color.clip(0.02, 0.95).astype(np.float32),
        normal_from_height(height.astype(np.float32), "xy"),
        (0.4 + 0.08 * grain).clip(0.2, 0.8).astype(np.float32),
        metallic,
    )


def seen(surface, noise_deviation=0.0, seed=1, intensity=INTENSITY):
    """Lumitexels of a surface: itself, and each pixel in other places all over the photograph."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(0, 192, (2, SIDE, SIDE, 1 + COUNT)).astype(np.int32)
    down, right = np.mgrid[MASTER.rows, MASTER.columns]
    rows[..., 0], columns[..., 0] = down, right
    weight = np.ones(rows.shape, np.float32)
    lumitexels = Lumitexels((MASTER,) * COUNT, np.zeros((*rows.shape, 3), np.float32), rows, columns, weight)
    towards = np.float32(LAMP.position) - lumitexels.positions(CAMERA)
    distance = np.linalg.norm(towards, axis=-1, keepdims=True)
    light = towards / distance
    normal, base, rough, metal, specular = (
        plane[:, :, np.newaxis]
        for plane in (surface.normal, surface.base_color, surface.roughness, surface.metallic, surface.specular)
    )
    cosine = np.maximum((normal * light).sum(axis=-1, keepdims=True), 0)
    values = ggx(normal, light, light, base, rough, metal, specular) * cosine * intensity / distance**2
    values = values * np.exp(noise_deviation * rng.standard_normal(values.shape))
    return replace(lumitexels, values=values.astype(np.float32))


def scale_of(surface, intensity=INTENSITY):
    base = surface.base_color.mean(axis=(0, 1))
    return Scale(intensity, float(surface.metallic.mean()), base, float(surface.roughness.mean()))


def fit(surface, lumitexels, **options):
    options.setdefault("threads", 1)
    return fitted_surface(lumitexels, CAMERA, LAMP, scale_of(surface), surface.base_color, **options)


def degrees(one, other):
    """Between normals, on average."""
    return float(np.degrees(np.arccos(np.clip((one.normal * other.normal).sum(axis=2), -1, 1))).mean())


def color_error(one, other):
    """Median difference of the logarithms of base color."""
    return float(np.median(np.abs(np.log(one.base_color / other.base_color))))


def level(surface):
    """The same without relief."""
    return Surface.of(surface.base_color, None, surface.roughness, surface.metallic)


# Exact lumitexels.


@pytest.fixture(scope="module")
def exact():
    surface = truth()
    return surface, seen(surface)


def test_exact_lumitexels_give_the_exact_surface(exact):
    surface, lumitexels = exact
    found = fit(surface, lumitexels, priors=NO_PRIORS)
    assert color_error(found.surface, surface) < 0.005
    assert float(np.median(np.abs(found.surface.roughness - surface.roughness))) < 0.005
    assert degrees(found.surface, surface) < 0.5
    np.testing.assert_array_equal(found.surface.metallic, 0)
    assert found.residual < 0.01
    assert found.intensity == INTENSITY


def test_exact_lumitexels_of_metal_give_the_exact_metal():
    surface = truth(seed=3, metallic=1.0, steep=0.1)
    found = fit(surface, seen(surface), priors=NO_PRIORS).surface
    assert color_error(found, surface) < 0.02
    assert float(np.median(np.abs(found.roughness - surface.roughness))) < 0.01
    assert degrees(found, surface) < 1
    np.testing.assert_array_equal(found.metallic, 1)


def test_the_lit_fit_looks_like_the_surface(exact):
    surface, lumitexels = exact
    found = fit(surface, lumitexels)
    eye = CAMERA.cut(MASTER.rows, MASTER.columns)
    lamp = flash(CAMERA, intensity=found.intensity)
    expected = lumitexels.values[:, :, 0]
    np.testing.assert_allclose(np.median(render(found.surface, eye, [lamp]) / expected), 1, atol=0.02)


def test_maps_are_in_range_and_finite(exact):
    found = fit(*exact).surface
    assert (found.height, found.width) == (SIDE, SIDE)
    for plane in (found.base_color, found.roughness, found.metallic, found.specular):
        assert plane.dtype == np.float32
        assert plane.min() >= 0
        assert np.isfinite(plane).all()
    assert found.roughness.max() <= 1
    np.testing.assert_allclose(np.linalg.norm(found.normal, axis=2), 1, atol=1e-5)


# Noise, false matches and priors.


@pytest.fixture(scope="module")
def noisy():
    surface = truth()
    return surface, seen(surface, 0.2)


def test_with_noise_the_fit_is_better_than_flat(noisy):
    surface, lumitexels = noisy
    found = fit(surface, lumitexels)
    assert degrees(found.surface, surface) < 0.6 * degrees(level(surface), surface)
    assert 0.1 < found.residual < 0.4
    assert color_error(found.surface, surface) < 0.2


def test_priors_keep_noise_out_of_roughness(noisy):
    surface, lumitexels = noisy
    free, held = (fit(surface, lumitexels, priors=priors).surface for priors in (NO_PRIORS, Priors()))
    assert np.abs(held.roughness - surface.roughness).mean() < 0.7 * np.abs(free.roughness - surface.roughness).mean()


def test_false_matches_and_unknown_lumitexels_do_not_decide(exact):
    surface, lumitexels = exact
    values, weight = lumitexels.values.copy(), lumitexels.weight.copy()
    values[:, :, 1:5] = 1e3
    weight[:, :, 1:5] = 0
    values[:, :, 5:8] *= 6
    found = fit(surface, replace(lumitexels, values=values, weight=weight), priors=NO_PRIORS).surface
    assert color_error(found, surface) < 0.05
    assert degrees(found, surface) < 3


def test_guided_slopes_decide_where_lumitexels_do_not(exact):
    surface, _ = exact
    lumitexels = seen(surface, 0.6)
    slopes = surface.normal[..., :2] / surface.normal[..., 2:]
    guided = GuidedSlopes(slopes, 0.03, 1.0)
    with_guide, without = (fit(surface, lumitexels, guided=given).surface for given in (guided, None))
    assert degrees(with_guide, surface) < 0.5 * degrees(without, surface)


def test_the_fit_is_pulled_to_the_initial_surface(exact):
    surface, _ = exact
    lumitexels = seen(surface, 0.6)
    with_guess, without = (fit(surface, lumitexels, initial=given).surface for given in (surface, None))
    assert degrees(with_guess, surface) < 0.6 * degrees(without, surface)
    rough = [np.abs(found.roughness - surface.roughness).mean() for found in (with_guess, without)]
    assert rough[0] < rough[1]


def test_metallic_is_the_initial_surfaces(exact):
    surface, lumitexels = exact
    metallic = np.zeros((SIDE, SIDE, 1), np.float32)
    metallic[:, 12:] = 1
    found = fit(surface, lumitexels, initial=replace(surface, metallic=metallic)).surface
    np.testing.assert_array_equal(found.metallic, metallic)


# Scale.


def test_the_scale_of_a_glossy_dielectric_is_found_from_its_highlight():
    surface = replace(truth(seed=2, steep=0.1), roughness=np.full((SIDE, SIDE, 1), 0.3, np.float32))
    for intensity in (1.0, 4.0):
        found = estimated_scale(seen(surface, 0.02, intensity=intensity), CAMERA, LAMP)
        assert found.metallic == 0
        assert found.intensity == pytest.approx(intensity, rel=0.5)
        assert found.roughness == pytest.approx(0.3, abs=0.06)
        ratio = found.base_color / surface.base_color.mean(axis=(0, 1))
        np.testing.assert_allclose(ratio * found.intensity / intensity, 1, rtol=0.2)


def test_a_metal_is_told_from_a_dielectric():
    surface = truth(seed=3, metallic=1.0, steep=0.1)
    assert estimated_scale(seen(surface, 0.02), CAMERA, LAMP).metallic == 1


def test_an_initial_surface_says_what_is_metal(exact):
    surface, lumitexels = exact
    metal = replace(surface, metallic=np.ones_like(surface.metallic))
    assert estimated_scale(lumitexels, CAMERA, LAMP, metal).metallic == 1
    found = estimated_scale(lumitexels, CAMERA, LAMP, surface)
    assert found.metallic == 0
    assert found.intensity == pytest.approx(INTENSITY, rel=0.4)


def test_twice_the_light_is_twice_the_intensity(exact):
    _, lumitexels = exact
    one = estimated_scale(lumitexels, CAMERA, LAMP)
    two = estimated_scale(replace(lumitexels, values=2 * lumitexels.values), CAMERA, LAMP)
    assert two.intensity / one.intensity == pytest.approx(2, rel=1e-3)
    np.testing.assert_allclose(two.base_color, one.base_color, rtol=1e-2)


# The response.


def test_a_rough_surface_responds_nearly_as_a_matt_one():
    found = expected_response(Scale(1.0, 0.0, np.full(3, 0.6, np.float32), 1.0), CAMERA, LAMP)
    matt = diffuse_response(CAMERA, LAMP.position)
    np.testing.assert_allclose(found.along_x, matt.along_x, atol=0.1)
    np.testing.assert_allclose(found.along_y, matt.along_y, atol=0.1)
    assert found.glare.max() < 0.1


def test_response_is_what_the_renderer_says():
    found = expected_response(Scale(1.0, 0.0, np.full(3, 0.3, np.float32), 0.4), CAMERA, LAMP)
    color, tilt = np.full((192, 192, 3), 0.3, np.float32), np.float32(1e-2)
    for axis, along in enumerate((found.along_x, found.along_y)):
        lit = []
        for sign in (-1, 1):
            normal = np.zeros((192, 192, 3), np.float32)
            normal[..., axis], normal[..., 2] = sign * tilt, 1
            normal /= np.linalg.norm(normal, axis=2, keepdims=True)
            lit.append(np.log(render(Surface.of(color, normal, 0.4), CAMERA, [LAMP])[..., 0]))
        np.testing.assert_allclose((lit[1] - lit[0]) / (2 * tilt), along, atol=0.05)
    # The highlight is in the middle.
    assert found.glare[96, 96] > 0.5 > 5 * found.glare[0, 0]


# Contract.


def test_an_initial_surface_of_another_size_is_refused(exact):
    surface, lumitexels = exact
    with pytest.raises(MatshotError, match="24 x 12 pixels and the tile 24 x 24"):
        fit(surface, lumitexels, initial=surface.cut(slice(0, 12), slice(None)))


def test_fit_is_deterministic_with_any_number_of_threads(noisy):
    one, other = (fit(*noisy, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.surface.base_color, other.surface.base_color)
    np.testing.assert_array_equal(one.surface.normal, other.surface.normal)
    np.testing.assert_array_equal(one.surface.roughness, other.surface.roughness)


def test_progress_rises_to_the_end_and_can_cancel(exact):
    heard = []
    fit(*exact, progress=Progress(lambda fraction, stage: heard.append(fraction)))
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1)

    def stop(fraction, stage):
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit(*exact, progress=Progress(stop))


# Averages over like neighbors.


def test_guided_filter_averages_within_and_not_across_edges():
    rng = np.random.default_rng(0)
    guide = np.where(np.arange(48) < 24, -1, 1).astype(np.float32) * np.ones((48, 1), np.float32)
    clean = 0.5 + 0.2 * guide
    smooth = guided_filter(guide, clean + 0.1 * rng.standard_normal(clean.shape).astype(np.float32))
    assert np.abs(smooth - clean).mean() < 0.03
    assert (smooth[:, 24] - smooth[:, 23]).mean() > 0.3


def test_a_pixel_that_stands_out_far_is_no_bump() -> None:
    rng = np.random.default_rng(5)
    steepness = (0.03 * rng.standard_normal((48, 48, 2))).astype(np.float32)
    clean = Surface.of(np.full((48, 48, 3), 0.3, np.float32), normals_of_slopes(steepness), 0.6)
    steepness[20, 30:32] = (1.5, -1.0)
    speckled = replace(clean, normal=normals_of_slopes(steepness))
    found = without_specks(speckled)
    assert np.abs(slopes(found.normal)).max() < 0.2
    # All else is as it was, joints as well.
    np.testing.assert_allclose(found.normal[:10], clean.normal[:10], atol=1e-5)
    steepness[:, 5:7] = (0.8, 0.0)
    joint = slopes(without_specks(replace(clean, normal=normals_of_slopes(steepness))).normal)
    assert joint[:, 5:7, 0].min() > 0.7
