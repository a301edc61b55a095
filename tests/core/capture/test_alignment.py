"""A handheld pair comes together, the flash's light comes apart from the room's, and a bad pair is one sentence."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from matshot.capture.alignment import _Light, _proven_ratio, aligned
from matshot.capture.photograph import Photograph
from matshot.errors import Cancelled, MatshotError
from matshot.image.color import linear_from_srgb
from matshot.progress import Progress
from matshot.shading.procedural import brick_wall, noise

SIZE = 256
QUIET = Progress(None)
SUN = np.array([-0.5, 0.4, 0.77])


@cache
def lights(seed=0, size=SIZE):
    """A matte brick wall under a flash at the lens of a 60 degree camera, and under an uneven room's light, linear."""
    maps = brick_wall(size, seed)
    color, normal = linear_from_srgb(maps["basecolor"].pixels), maps["normal_gl"].pixels
    x = (np.arange(size) + 0.5 - size / 2) / size
    to_flash = np.stack(np.broadcast_arrays(-x[None, :], x[:, None], 0.5 / np.tan(np.radians(30))), axis=2)
    far = np.linalg.norm(to_flash, axis=2, keepdims=True)
    flash = color * np.maximum((normal * to_flash).sum(axis=2, keepdims=True) / far, 0) / far**2
    room = color * (0.5 + 0.3 * normal[..., 2:] + 0.4 * np.maximum(normal @ SUN, 0)[..., None])
    return 0.8 * flash / flash.max(), 0.8 * room / room.max()


def taken(light, name, seed=1, **facts):
    """Photograph with a camera's noise."""
    noise = np.random.default_rng(seed).normal(0, 1, light.shape) * np.sqrt(2e-4 * light + 4e-6)
    pixels = np.maximum(light + noise, 0).astype(np.float32)
    return Photograph(pixels, (pixels >= 0.955).any(axis=2), name=name, **facts)


def photographs(seed=0):
    flash, room = lights(seed)
    return taken(flash, "flash.jpg"), taken(room, "ambient.jpg", 2)


def upper(photograph):
    """An oblong part of a square photograph."""
    rows = 3 * SIZE // 4
    return replace(photograph, pixels=photograph.pixels[:rows], saturated=photograph.saturated[:rows])


def motion(degrees=0.0, scale=1.0, shift=(0.0, 0.0), tilt=(0.0, 0.0), size=SIZE):
    """Homography about the middle; ``tilt`` is the change of scale over the picture."""
    middle = (size - 1) / 2
    to_middle = np.array([[1, 0, -middle], [0, 1, -middle], [0, 0, 1.0]])
    turned = np.eye(3)
    turned[:2] = cv2.getRotationMatrix2D((0, 0), degrees, scale)
    turned[:2, 2] = shift
    tilted = np.eye(3)
    tilted[2, :2] = np.array(tilt) / size
    return np.linalg.inv(to_middle) @ turned @ tilted @ to_middle


def shifted(photograph, homography, size=(SIZE, SIZE)):
    """What the camera sees from elsewhere: ``homography`` says where a place has gone."""
    pixels = cv2.warpPerspective(
        photograph.pixels, homography, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return Photograph(np.maximum(pixels, 0), np.zeros(size[::-1], dtype=bool), name=photograph.name)


def corner_error(found, true, width=SIZE, height=SIZE):
    places = np.array([[[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]], dtype=np.float64)
    away = cv2.perspectiveTransform(places, found) - cv2.perspectiveTransform(places, true)
    return float(np.linalg.norm(away, axis=2).max())


MOTIONS = {
    "none": motion(),
    "shifted": motion(shift=(10, -6)),
    "turned": motion(degrees=2),
    "tilted": motion(tilt=(0.04, -0.03)),
    "all": motion(-4, 1.06, (-9, 7), (-0.03, 0.04)),
}


@pytest.mark.parametrize("name", MOTIONS)
def test_a_handheld_pair_is_aligned_to_under_half_a_pixel(name):
    flash, ambient = photographs()
    pair = aligned(flash, shifted(ambient, MOTIONS[name]), QUIET)
    assert corner_error(pair.homography, MOTIONS[name]) < 0.5
    assert pair.residual < 0.5
    assert np.abs(pair.ambient - ambient.pixels)[pair.valid].mean() < 0.03


def test_what_only_one_photograph_shows_is_not_usable():
    flash, ambient = photographs()
    flash.saturated[100:110, 100:110] = True
    pair = aligned(flash, shifted(ambient, motion(shift=(20, 0))), QUIET)
    # The wall went 20 pixels to the right, so its last columns left the picture.
    assert not pair.valid[:, -19:].any()
    assert pair.valid[:, : SIZE - 22].all()
    assert not pair.mask[100:110, 100:110].any()
    assert pair.mask[120:200, 120:200].all()


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("scale", [0.7, 1.5])
def test_sizes_may_differ(scale):
    flash, ambient = photographs()
    size = round(SIZE * scale)
    other = cv2.resize(ambient.pixels, (size, size), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    pair = aligned(flash, Photograph(other, np.zeros((size, size), dtype=bool), name="ambient.jpg"), QUIET)
    factor = size / SIZE
    true = np.array([[factor, 0, factor / 2 - 0.5], [0, factor, factor / 2 - 0.5], [0, 0, 1]])
    assert pair.ambient.shape == flash.pixels.shape
    assert corner_error(pair.homography, true) < 0.5 * factor


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photograph_that_came_out_turned_is_turned_back(quarters):
    flash, ambient = (upper(photograph) for photograph in photographs())
    pixels = np.ascontiguousarray(np.rot90(ambient.pixels, quarters))
    turned = Photograph(pixels, np.zeros(pixels.shape[:2], dtype=bool), name="ambient.jpg")
    pair = aligned(flash, turned, QUIET)
    assert np.abs(pair.ambient - ambient.pixels)[pair.valid].mean() < 0.03
    width, height = turned.size
    upper_left = cv2.perspectiveTransform(np.zeros((1, 1, 2)), pair.homography)[0, 0]
    expected = {1: (0, height - 1), 2: (width - 1, height - 1), 3: (width - 1, 0)}[quarters]
    np.testing.assert_allclose(upper_left, expected, atol=0.5)


def test_exposures_take_the_rooms_light_away():
    flash, room = lights()
    both = taken(0.7 * flash + 0.2 * room, "flash.jpg", exposure=0.2)
    pair = aligned(both, taken(room, "ambient.jpg", 2, exposure=1.0), QUIET)
    assert pair.ratio == pytest.approx(0.2)
    inside = pair.mask[4:-4, 4:-4]
    assert np.abs(pair.flash_only - 0.7 * flash)[4:-4, 4:-4][inside].mean() < 0.01


def test_what_burnt_out_stays_so_without_the_rooms_light():
    flash, room = lights()
    both = taken(0.7 * flash + 0.2 * room, "flash.jpg", exposure=0.2)
    pixels, saturated = both.pixels.copy(), np.zeros(both.saturated.shape, bool)
    pixels[60:80, 60:80, :2] = 1.0
    saturated[59:81, 59:81] = True
    burnt = replace(both, pixels=pixels, saturated=saturated)
    pair = aligned(burnt, taken(room, "ambient.jpg", 2, exposure=1.0), QUIET)
    assert (pair.flash_only[60:80, 60:80, :2] == 1).all()
    # A channel that has not reached its end tells how bright it is.
    assert (pair.flash_only[60:80, 60:80, 2] < pixels[60:80, 60:80, 2]).all()


def test_a_room_that_was_darker_under_the_flash_is_noticed():
    flash, room = lights()
    pair = aligned(taken(flash, "flash.jpg", exposure=5.0), taken(room, "ambient.jpg", 2, exposure=1.0), QUIET)
    assert pair.ratio == 0
    np.testing.assert_array_equal(pair.flash_only, pair.flash)
    assert any("darker" in note for note in pair.notes)


@pytest.mark.parametrize("part", [0.0, 0.3, 0.6])
def test_without_exif_no_more_is_taken_than_is_there(part):
    flash, room = lights()
    pair = aligned(taken(0.8 * flash + part * room, "flash.jpg"), taken(room, "ambient.jpg", 2), QUIET)
    assert 0 <= pair.ratio <= part + 0.02
    if part > 0.5:
        assert pair.ratio > 0.5 * part
    assert any("EXIF" in note for note in pair.notes)


@pytest.mark.parametrize(("slope", "narrowest"), [(-0.8, 0.9), (0.1, 0.9), (-0.3, 0.5)])
def test_without_exif_a_quotient_that_no_flash_makes_proves_no_room_light(slope, narrowest):
    # What rises outwards is no flash's; and in a narrow picture an uneven room does as much as a flash.
    falloff = np.linspace(narrowest, 1, 64)
    ratio = 1 + slope * (falloff - 1) + np.random.default_rng(0).normal(0, 0.01, 64)
    light = _Light(ratio, falloff, change=0.1, slope=0.0, correlation=0.0)
    assert _proven_ratio(light) < 0.45


def test_one_photograph_twice_is_refused():
    flash, _ = photographs()
    with pytest.raises(MatshotError, match="the same photograph"):
        aligned(flash, flash, QUIET)


def test_two_photographs_without_flash_are_refused():
    _, room = lights()
    with pytest.raises(MatshotError, match="lit alike"):
        aligned(taken(0.9 * room, "a.jpg"), taken(room, "b.jpg", 2), QUIET)


def test_a_swapped_pair_is_refused():
    flash, ambient = photographs()
    with pytest.raises(MatshotError, match=r"swapped: flash\.jpg is the one with the flash"):
        aligned(ambient, flash, QUIET)


def test_exif_tells_a_swapped_pair_too():
    flash, ambient = photographs()
    with pytest.raises(MatshotError, match="swapped"):
        aligned(replace(flash, flash_fired=False), replace(ambient, flash_fired=True), QUIET)


def test_another_surface_is_refused():
    flash = upper(photographs()[0])
    grain = np.random.default_rng(3).random(flash.pixels.shape, dtype=np.float32)
    other = Photograph(cv2.GaussianBlur(grain, (0, 0), 2), np.zeros(grain.shape[:2], dtype=bool), name="ambient.jpg")
    with pytest.raises(MatshotError, match="cannot be aligned"):
        aligned(flash, other, QUIET)


def test_another_wall_of_the_same_kind_is_refused():
    with pytest.raises(MatshotError, match=r"fit only to|cannot be aligned"):
        aligned(upper(photographs(0)[0]), upper(photographs(5)[1]), QUIET)


def test_a_camera_that_moved_too_far_is_refused():
    flash, room = lights(0, 3 * SIZE // 2)
    shows = np.s_[:192, :SIZE], np.s_[:192, -SIZE:]
    with pytest.raises(MatshotError, match=r"moved too far|cannot be aligned"):
        aligned(taken(flash[shows[0]], "flash.jpg"), taken(room[shows[1]], "ambient.jpg", 2), QUIET)


def test_a_surface_that_moved_is_refused():
    flash, ambient = photographs()
    row, column = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    rng = np.random.default_rng(0)
    down, right = (6 * noise(SIZE, 2.0, rng).astype(np.float32) for _ in range(2))
    pixels = cv2.remap(ambient.pixels, column + right, row + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    with pytest.raises(MatshotError, match=r"fit only to|cannot be aligned"):
        aligned(flash, replace(ambient, pixels=pixels), QUIET)


def test_it_can_be_cancelled():
    def stop(fraction, stage):
        assert stage
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        aligned(*photographs(), Progress(stop))
