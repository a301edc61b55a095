"""The renderer against formulas, and what must hold for any picture.

Beside another renderer it stands in tests/bench/shading/test_mitsuba.py.
"""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from matshot.errors import Cancelled, MatshotError
from matshot.progress import Progress
from matshot.shading.brdf import ggx
from matshot.shading.render import (
    SPHERE_SHARE,
    Camera,
    Environment,
    PointLight,
    SoftLight,
    display_picture,
    exposure,
    flash,
    render,
    rendered_sphere,
)
from matshot.shading.surface import Surface

GREY_SKY = Environment((1, 1, 1), (1, 1, 1), (1, 1, 1))
SKY = Environment((0.9, 1.0, 1.2), (0.5, 0.4, 0.3), (0.1, 0.05, 0.2), up=(0.0, 0.6, 0.8))


def plain(width, height, color=(0.7, 0.5, 0.3), **others):
    return Surface.of(np.full((height, width, 3), color, dtype=np.float32), **others)


def varied(width, height, seed=0, anisotropic=False):
    """A surface of noise, with normals up to 50 degrees off."""
    rng = np.random.default_rng(seed)
    tilt = rng.uniform(-0.8, 0.8, (height, width, 2))
    normal = np.dstack([tilt, np.ones((height, width))])
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    scalars = rng.uniform(0, 1, (5, height, width, 1)).astype(np.float32)
    return Surface.of(
        rng.uniform(0, 1, (height, width, 3)).astype(np.float32),
        normal.astype(np.float32),
        *scalars[:3],
        anisotropy=2 * scalars[3] - 1 if anisotropic else 0.0,
        anisotropy_angle=np.pi * scalars[4],
    )


def flipped(surface):
    """Its mirror image, left for right."""
    mirrored = {name: getattr(surface, name)[:, ::-1] for name in ("base_color", "roughness", "metallic", "specular")}
    normal = surface.normal[:, ::-1] * np.array([-1, 1, 1], dtype=np.float32)
    return Surface.of(mirrored.pop("base_color"), normal, **mirrored)


# The camera.


@pytest.mark.parametrize(("width", "height"), [(8, 6), (5, 9), (1, 1)])
def test_pixels_lie_where_the_contract_says(width, height):
    points = Camera(width, height).positions()
    assert points.shape == (height, width, 3)
    assert points.dtype == np.float32
    for row, column in ((0, 0), (height - 1, width - 1), (height // 2, width // 3)):
        longer = max(width, height)
        expected = ((column + 0.5 - width / 2) / longer, (height / 2 - row - 0.5) / longer, 0)
        np.testing.assert_allclose(points[row, column], expected, atol=1e-7)


def test_field_of_view_spans_the_longer_side():
    assert Camera(4, 3, fov=90).distance == pytest.approx(0.5)
    assert Camera(3, 4).position == pytest.approx((0, 0, np.sqrt(3) / 2))


def test_cut_of_a_cut_keeps_its_place():
    camera = Camera(20, 12, fov=50)
    part = camera.cut(slice(2, 11), slice(5, 19)).cut(slice(1, 4), slice(3, None))
    assert (part.width, part.height, part.distance) == (11, 3, camera.distance)
    np.testing.assert_array_equal(part.positions(), camera.positions()[3:6, 8:19])


@pytest.mark.parametrize("wrong", [{"width": 0}, {"fov": 0.0}, {"fov": 180.0}])
def test_impossible_cameras_are_refused(wrong):
    with pytest.raises(MatshotError):
        Camera(**{"width": 4, "height": 4, **wrong})


# Light on a plane.


def test_matte_plane_under_a_flash_at_the_lens():
    """View and light are one direction, where a surface without specular is Lambert's."""
    camera = Camera(9, 7)
    surface = plain(9, 7, specular=0.0)
    squared = np.square(camera.positions() - np.array(camera.position)).sum(axis=2, keepdims=True)
    expected = surface.base_color / np.pi * 2.5 * camera.distance / squared**1.5
    np.testing.assert_allclose(render(surface, camera, [flash(camera, intensity=2.5)]), expected, rtol=1e-5)


def test_metal_head_on():
    """D is 1 / (pi alpha^2) and the shadowing 1, so f = F0 / (4 pi alpha^2)."""
    camera = Camera(3, 3)
    picture = render(plain(3, 3, roughness=0.5, metallic=1.0), camera, [flash(camera)])
    expected = np.array([0.7, 0.5, 0.3]) / (4 * np.pi * 0.5**4) / camera.distance**2
    np.testing.assert_allclose(picture[1, 1], expected, rtol=1e-5)


@pytest.mark.parametrize("anisotropic", [False, True])
def test_every_pixel_is_reflectance_times_cosine_over_distance_squared(anisotropic):
    camera, lamp = Camera(16, 12, fov=45), (0.5, -0.4, 0.3)
    surface = varied(16, 12, anisotropic=anisotropic)
    points = camera.positions().astype(np.float64)
    ray = np.array(lamp) - points
    distance = np.linalg.norm(ray, axis=2, keepdims=True)
    view = np.array(camera.position) - points
    view /= np.linalg.norm(view, axis=2, keepdims=True)
    maps = [getattr(surface, name).astype(np.float64) for name in surface.__dataclass_fields__]
    normal = maps.pop(1)
    cosine = np.maximum((normal * ray / distance).sum(axis=2, keepdims=True), 0)
    expected = ggx(normal, view, ray / distance, *maps) * cosine / distance**2
    result = render(surface, camera, [PointLight(lamp)])
    np.testing.assert_allclose(result, expected, rtol=2e-4, atol=1e-4 * expected.max())


def test_mirrored_surface_under_a_mirrored_lamp_is_the_mirrored_picture():
    surface, camera = varied(17, 9), Camera(17, 9)
    left = render(surface, camera, [PointLight((-0.4, 0.1, 0.5))])
    right = render(flipped(surface), camera, [PointLight((0.4, 0.1, 0.5))])
    np.testing.assert_allclose(right, left[:, ::-1], rtol=1e-4, atol=1e-6)


def test_slopes_face_their_lamp():
    """+X is right and +Y up: a normal that leans there is brighter under a lamp from there."""
    camera = Camera(3, 3)
    for lean, lamp in (((0.5, 0), (1, 0, 0.5)), ((0, 0.5), (0, 1, 0.5))):
        normal = np.array([*lean, 1]) / np.linalg.norm([*lean, 1])
        leaning = plain(3, 3, normal=np.broadcast_to(normal, (3, 3, 3)))
        assert (render(leaning, camera, [PointLight(lamp)]) > render(plain(3, 3), camera, [PointLight(lamp)])).all()


def test_lamps_below_the_surface_and_colored_lamps():
    surface, camera = varied(6, 6), Camera(6, 6)
    assert not render(surface, camera, [PointLight((0.2, 0.1, -0.1)), SoftLight((0.1, 0, -1))]).any()
    white = render(surface, camera, [PointLight((0.3, 0.2, 0.6))])
    tinted = render(surface, camera, [PointLight((0.3, 0.2, 0.6), (1.0, 0.5, 0.0))])
    np.testing.assert_allclose(tinted, white * [1, 0.5, 0], rtol=1e-6)


def test_lights_add_up_and_none_is_black():
    surface, camera = varied(8, 8, anisotropic=True), Camera(8, 8)
    lights = [PointLight((0.3, 0.2, 0.6)), SoftLight((1, 1, 2)), SKY]
    together = render(surface, camera, lights)
    np.testing.assert_allclose(together, sum(render(surface, camera, [light]) for light in lights), rtol=1e-5)
    assert not render(surface, camera, []).any()


def test_lens_and_flash_fall_off_with_powers_of_the_cosine():
    surface, camera = varied(9, 9), Camera(9, 9)
    away = np.linalg.norm(camera.positions() - np.array(camera.position), axis=2, keepdims=True)
    cosine = camera.distance / away
    even = render(surface, camera, [flash(camera)])
    lens = render(surface, Camera(9, 9, vignetting=4), [flash(camera)])
    lamp = render(surface, camera, [flash(camera, falloff=2)])
    np.testing.assert_allclose(lens, even * cosine**4, rtol=1e-5)
    np.testing.assert_allclose(lamp, even * cosine**2, rtol=1e-5)


def test_picture_of_a_cut_is_the_cut_of_the_picture():
    """The whole is larger than one band of rows, so bands do not show either."""
    surface, camera = varied(200, 300, anisotropic=True), Camera(200, 300, vignetting=2)
    lights = [flash(camera, (0.02, 0.03), falloff=1), SKY]
    whole = render(surface, camera, lights)
    rows, columns = slice(37, 290), slice(60, 130)
    part = render(surface.cut(rows, columns), camera.cut(rows, columns), lights)
    np.testing.assert_allclose(part, whole[rows, columns], rtol=1e-6)


def test_memory_does_not_grow_with_the_picture():
    surface, camera = plain(1024, 1024), Camera(1024, 1024)
    tracemalloc.start()
    picture = render(surface, camera, [flash(camera)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < picture.nbytes + 2**24


def test_progress_rises_to_one_and_cancels():
    surface, camera = plain(256, 512), Camera(256, 512)
    said = []
    render(surface, camera, [], Progress(lambda fraction, stage: said.append(fraction)))
    assert len(said) > 2
    assert said == sorted(said)
    assert said[-1] == 1

    def cancel(fraction, stage):
        raise Cancelled

    with pytest.raises(Cancelled):
        render(surface, camera, [], Progress(cancel))


def test_maps_of_another_size_are_refused():
    with pytest.raises(MatshotError, match="8 x 6"):
        render(plain(8, 6), Camera(6, 8), [])


# Wide lights.


def hemisphere(steps=200):
    """Directions of equal solid angle, ``steps x 2 steps x 3``, and that angle."""
    cosine, azimuth = np.meshgrid((np.arange(steps) + 0.5) / steps, np.arange(2 * steps) * np.pi / steps, indexing="ij")
    sine = np.sqrt(1 - cosine**2)
    return np.dstack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine]), np.pi / steps**2


def radiance_from(sky, directions):
    zenith, horizon, ground = (np.array(value, dtype=float) for value in (sky.zenith, sky.horizon, sky.ground))
    c = (directions @ np.array(sky.up))[..., np.newaxis]
    return horizon + (zenith - ground) / 2 * c + ((zenith + ground) / 2 - horizon) * c**2


@pytest.mark.parametrize("sky", [GREY_SKY, SKY])
def test_diffuse_light_of_a_sky_is_its_integral(sky):
    directions, angle = hemisphere()
    irradiance = (radiance_from(sky, directions) * directions[..., 2:]).sum(axis=(0, 1)) * angle
    bright, dark = (render(plain(1, 1, (v, v, v), roughness=1.0), Camera(1, 1), [sky]) for v in (1.0, 0.0))
    np.testing.assert_allclose((bright - dark)[0, 0], irradiance / np.pi, rtol=2e-3)


@pytest.mark.parametrize("roughness", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("metallic", [0.0, 1.0])
@pytest.mark.parametrize("lean", [0, 60])
def test_white_sky_reflects_what_ggx_reflects(roughness, metallic, lean):
    """Without a gradient the split sum has no error but its table's."""
    directions, angle = hemisphere()
    view = np.array([np.sin(np.radians(lean)), 0, np.cos(np.radians(lean))])
    color = np.broadcast_to([0.7, 0.5, 0.3], directions.shape)
    reflected = ggx(np.array([0.0, 0.0, 1.0]), view, directions, color, roughness, metallic, 0.5) * directions[..., 2:]
    expected = reflected.sum(axis=(0, 1)) * angle
    # A leaning normal under the lens instead of a leaning view.
    normal = np.array([[view * [-1, 1, 1]]], dtype=np.float32)
    result = render(plain(1, 1, normal=normal, roughness=roughness, metallic=metallic), Camera(1, 1), [GREY_SKY])
    np.testing.assert_allclose(result[0, 0], expected, rtol=0.015)


@pytest.mark.parametrize("roughness", [0.05, 0.4, 1.0])
def test_white_metal_reflects_no_more_than_it_gets(roughness):
    ball = rendered_sphere(plain(1, 1, (1, 1, 1), roughness=roughness, metallic=1.0), 48, [GREY_SKY])
    assert ball[..., :3].max() < 1.005
    assert roughness > 0.05 or ball[ball[..., 3] == 1, :3].min() > 0.97


def test_smooth_metal_mirrors_the_sky():
    surface = plain(1, 1, (1, 1, 1), roughness=0.05, metallic=1.0)
    result = render(surface, Camera(1, 1), [SKY])[0, 0]
    np.testing.assert_allclose(result, radiance_from(SKY, np.array([0.0, 0.0, 1.0])), rtol=0.01)


def test_small_soft_lamp_is_a_point_far_away():
    surface, camera = varied(8, 8, anisotropic=True), Camera(8, 8)
    soft = render(surface, camera, [SoftLight((3, -4, 12), (1.0, 2.0, 3.0), radius=0.0)])
    far = render(surface, camera, [PointLight((3e3, -4e3, 12e3), (13e3**2, 2 * 13e3**2, 3 * 13e3**2))])
    np.testing.assert_allclose(soft, far, rtol=5e-3, atol=1e-3 * far.max())


def test_soft_lamp_widens_a_highlight_and_keeps_matte_light():
    mirror, matte = plain(1, 1, roughness=0.1, metallic=1.0), plain(64, 64, roughness=1.0, specular=0.0)
    small, large = SoftLight((0, 0, 1), radius=1), SoftLight((0, 0, 1), radius=15)
    assert render(mirror, Camera(1, 1), [large]).max() < 0.5 * render(mirror, Camera(1, 1), [small]).max()
    pictures = [render(matte, Camera(64, 64), [light]) for light in (small, large)]
    np.testing.assert_allclose(*pictures, rtol=0.01)


# The sphere.


def test_matte_sphere_lit_from_the_viewer():
    size = 64
    light = SoftLight((0, 0, 1), np.pi, radius=0.0)
    ball = rendered_sphere(plain(1, 1, (0.5, 0.5, 0.5), specular=0.0), size, [light])
    side = ((np.arange(size) + 0.5) / size * 2 - 1) / SPHERE_SHARE
    beside = side[np.newaxis] ** 2 + side[:, np.newaxis] ** 2
    inside = beside < 0.8
    np.testing.assert_allclose(ball[inside, 0], 0.5 * np.sqrt(1 - beside[inside]), rtol=5e-3)
    assert ball.shape == (size, size, 4)
    assert ball.dtype == np.float32


def test_outline_is_a_smooth_circle():
    cover = rendered_sphere(plain(1, 1), 80, [GREY_SKY])[..., 3]
    assert cover.mean() == pytest.approx(np.pi / 4 * SPHERE_SHARE**2, rel=2e-3)
    assert set(np.unique(cover)) == {0, 0.25, 0.5, 0.75, 1}
    np.testing.assert_array_equal(cover, cover.T)


def test_middle_of_the_sphere_shows_the_middle_of_the_maps_upright():
    quarters = np.zeros((64, 64, 3), dtype=np.float32)
    quarters[:32, :32], quarters[:32, 32:], quarters[32:, :32] = (1, 0, 0), (0, 1, 0), (0, 0, 1)
    ball = rendered_sphere(Surface.of(quarters, roughness=1.0, specular=0.0), 64, [SoftLight((0, 0, 1))])
    assert [int(ball[row, column, :3].argmax()) for row, column in ((24, 24), (24, 40), (40, 24))] == [0, 1, 2]
    assert ball[40, 40, :3].max() < 0.05 * ball[24, 24, :3].max()


def test_tiling_repeats_the_maps_along_the_arc():
    """Stripes cross the equator at even angles: sines in the picture."""
    stripes = np.zeros((8, 64, 3), dtype=np.float32)
    stripes[:, 32:] = 1
    size, tiling = 256, 3
    ball = rendered_sphere(Surface.of(stripes, roughness=1.0, specular=0.0), size, [SoftLight((0, 0, 1))], tiling)
    bright = ball[size // 2, :, 0] > 0.5 * ball[size // 2, :, 0].max()
    edges = np.flatnonzero(np.diff(bright.astype(int))) + 1
    position = (edges / size * 2 - 1) / SPHERE_SHARE
    angles = np.degrees(np.arcsin(position[np.abs(position) < 0.7]))
    np.testing.assert_allclose(np.diff(angles), 180 / (2 * tiling), atol=1.5)


@pytest.mark.parametrize("lean", [(0.6, 0, 0.8), (0, 0.6, 0.8), (-0.6, 0, 0.8)])
def test_normals_lean_with_the_sphere(lean):
    """A map that leans right brings the brightest spot under a light from the viewer to the left, and so on."""
    normal = np.array([[lean]], dtype=np.float32)
    ball = rendered_sphere(plain(1, 1, normal=normal, specular=0.0), 64, [SoftLight((0, 0, 1), radius=0.0)])
    brightest = np.unravel_index(np.where(ball[..., 3] == 1, ball[..., 0], 0).argmax(), (64, 64))
    reach = 32 * SPHERE_SHARE
    np.testing.assert_allclose(brightest[::-1], (32 - reach * lean[0], 32 + reach * lean[1]), atol=2)


def test_point_light_meets_the_sphere_at_its_distance():
    """The nearest point is 1 from a lamp at distance 2."""
    ball = rendered_sphere(plain(1, 1, (1, 1, 1), specular=0.0), 101, [PointLight((0, 0, 2), 3.0)])
    assert ball[50, 50, 0] == pytest.approx(3 / np.pi, rel=2e-3)
    # Beyond the lamp's horizon, at 60 degrees, it is dark.
    beyond = round(50.5 + 50.5 * SPHERE_SHARE * 0.92)
    assert ball[50, beyond, 3] == 1
    assert ball[50, beyond, 0] == 0


# For the screen.


def test_exposure_brings_the_percentile_to_its_level():
    radiance = np.random.default_rng(3).uniform(0, 40, (50, 60, 3)).astype(np.float32)
    radiance[7, 9] = 400
    shown = display_picture(radiance)
    assert np.percentile((radiance * exposure(radiance)).max(axis=2), 99) == pytest.approx(0.9, rel=1e-4)
    assert shown.dtype == np.float32
    assert 0 <= shown.min() < 0.3
    assert shown.max() == pytest.approx(1)
    assert display_picture(np.full((2, 2, 3), 0.2140411, np.float32), 1.0) == pytest.approx(0.5, abs=1e-5)


def test_black_stays_black():
    assert exposure(np.zeros((4, 4, 3), np.float32)) == 1
    assert not display_picture(np.zeros((4, 4, 3), np.float32)).any()
