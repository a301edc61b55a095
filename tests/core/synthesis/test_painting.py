"""Results painted by map, and parts that are made anew."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from matshot.errors import MatshotError
from matshot.image.types import Texture
from matshot.material.types import Material
from matshot.synthesis.multiply import MultiplyOptions, multiply
from matshot.synthesis.painting import Painting

RED, GREEN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
SIDE = 32
#: Side of what is painted.
LARGE = 48


def grain(height, width, color, seed):
    noise = np.random.default_rng(seed).normal(0, 0.06, (height, width, 1))
    return (np.array(color) + cv2.GaussianBlur(noise, (0, 0), 0.8)[..., None]).clip(0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def ground():
    """Gray on the left, brown on the right; the height says which."""
    color = np.concatenate([grain(SIDE, SIDE, (0.5, 0.5, 0.5), 0), grain(SIDE, SIDE, (0.5, 0.3, 0.1), 1)], axis=1)
    height = np.where(np.arange(2 * SIDE) < SIDE, 0.2, 0.8).astype(np.float32)[None, :, None].repeat(SIDE, axis=0)
    return Material({"basecolor": Texture(color, "srgb"), "height": Texture(height, "data")}, name="ground")


@pytest.fixture(scope="module")
def source_guide():
    pixels = np.empty((SIDE, 2 * SIDE, 3), dtype=np.float32)
    pixels[:, :SIDE], pixels[:, SIDE:] = RED, GREEN
    return Texture(pixels)


def disk(side=LARGE, radius=14, inside=GREEN, outside=RED):
    pixels = np.empty((side, side, 3), dtype=np.float32)
    pixels[:] = outside
    cv2.circle(pixels, (side // 2, side // 2), radius, inside, -1, cv2.LINE_AA)
    return Texture(pixels)


def mask(material, y, x, side=12):
    pixels = np.zeros((material.height, material.width, 1), dtype=np.float32)
    pixels[y : y + side, x : x + side] = 1
    return Texture(pixels, "data")


def painted(material, painting, **options):
    (made,) = multiply(material, MultiplyOptions(**options), painting=painting)
    return made


@pytest.fixture(scope="module")
def island(ground, source_guide):
    return painted(ground, Painting(source_guide, disk()))


def test_every_pixel_has_the_label_of_the_map_and_maps_stay_aligned(island):
    assert (island.width, island.height, island.wrap) == (LARGE, LARGE, "xy")
    y, x = np.mgrid[:LARGE, :LARGE]
    distance = np.hypot(y - LARGE // 2, x - LARGE // 2) - 14
    brown = island.maps["height"].pixels[..., 0] > 0.5
    assert np.array_equal(brown[np.abs(distance) > 1.5], (distance < 0)[np.abs(distance) > 1.5])
    color = island.maps["basecolor"].pixels
    assert np.array_equal((color[..., 0] - color[..., 2] > 0.2), brown)
    # Nothing is blended across a border.
    assert set(np.unique(island.maps["height"].pixels.round(4))) == {np.float32(0.2), np.float32(0.8)}


def test_a_map_that_does_not_tile_gives_a_result_that_does_not(ground, source_guide):
    pixels = disk().pixels.copy()
    pixels[:20] = GREEN
    painting = Painting(source_guide, Texture(np.ascontiguousarray(pixels[:, 12:-12])))
    assert painted(ground, painting).wrap == "x"
    assert painted(ground, painting, tileable=True).parameters["notes"]


def test_values_choose_what_is_alike(ground):
    """A height of the result takes what has that height in the source."""
    ramp = np.linspace(0, 1, LARGE, dtype=np.float32)[:, None, None].repeat(LARGE, axis=1)
    source = ground.maps["height"]
    made = painted(ground, Painting(source, Texture(ramp, "data")), guide_type="values")
    height = made.maps["height"].pixels[..., 0]
    assert height[:12].mean() < 0.3
    assert height[-12:].mean() > 0.7


def test_thin_lines_of_a_value_keep_it():
    # Paint up to 0.58, steel beyond: a line at 0.66 is steel, though nearly the same value is paint.
    value = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))[..., None]
    color = np.where(value > 0.58, (0.6, 0.6, 0.6), (0.1, 0.2, 0.6)) + grain(48, 64, (0, 0, 0), 3)
    target = np.full((64, 64, 1), 0.2, dtype=np.float32)
    target[30:32], target[:, 20:22] = 0.66, 0.66
    material = Material({"basecolor": Texture(color.astype(np.float32), "srgb")})
    made = painted(material, Painting(Texture(value), Texture(target)), guide_type="values").maps["basecolor"].pixels
    assert (made[30:32, :, 0] > 0.35).mean() > 0.95
    assert (made[:, 20:22, 0] > 0.35).mean() > 0.95


def test_a_source_mask_keeps_out_what_is_black(ground):
    only_gray = np.zeros((SIDE, 2 * SIDE, 1), dtype=np.float32)
    only_gray[:, :SIDE] = 1
    made = painted(ground, Painting(source_mask=Texture(only_gray, "data")), size="40")
    np.testing.assert_allclose(made.maps["height"].pixels, 0.2, atol=1e-6)


def test_outside_the_target_mask_everything_stays(ground):
    where = mask(ground, 10, 8)
    made = painted(ground, Painting(target_mask=where))
    outside = where.pixels[..., 0] == 0
    for kind, texture in ground.maps.items():
        assert np.array_equal(made.maps[kind].pixels[outside], texture.pixels[outside])
    inside = made.maps["basecolor"].pixels[~outside]
    assert np.abs(inside - ground.maps["basecolor"].pixels[~outside]).max() > 0.02
    np.testing.assert_allclose(made.maps["height"].pixels[~outside], 0.2, atol=1e-6)


def test_what_is_in_the_hole_does_not_come_back(ground):
    color = ground.maps["basecolor"].pixels.copy()
    color[12:20, 10:18] = (1, 0, 1)
    spoilt = ground.with_maps({**ground.maps, "basecolor": Texture(color)})
    made = painted(spoilt, Painting(target_mask=mask(ground, 10, 8)))
    hole = made.maps["basecolor"].pixels[10:22, 8:20]
    assert np.abs(hole[..., 0] - hole[..., 1]).max() < 0.1


def test_a_hole_is_filled_from_another_material(ground):
    maps = {
        "basecolor": Texture(grain(24, 24, (0.1, 0.6, 0.2), 2)),
        "height": Texture(np.full((24, 24, 1), 0.4, np.float32), "data"),
    }
    made = painted(ground, Painting(target_mask=mask(ground, 10, 8), fill_from=Material(maps, name="moss")))
    np.testing.assert_allclose(made.maps["height"].pixels[10:22, 8:20], 0.4, atol=1e-6)
    assert made.maps["height"].pixels[9, 7, 0] == ground.maps["height"].pixels[9, 7, 0]
    assert made.name == "ground"


def test_a_hole_follows_a_guide(ground, source_guide):
    target = source_guide.pixels.copy()
    target[10:22, 8:14] = GREEN
    made = painted(ground, Painting(source_guide, Texture(target), target_mask=mask(ground, 10, 8)))
    height = made.maps["height"].pixels[10:22, 8:20, 0]
    np.testing.assert_allclose(height[:, :6], 0.8, atol=1e-6)
    np.testing.assert_allclose(height[:, 6:], 0.2, atol=1e-6)


def test_a_hole_across_the_edge_of_what_tiles(ground):
    pixels = ground.maps["basecolor"].pixels
    tile = Material({"basecolor": Texture(np.ascontiguousarray(pixels[:, :SIDE]), wrap="xy")})
    where = np.zeros((SIDE, SIDE, 1), dtype=np.float32)
    where[:, :4] = where[:, -4:] = 1
    made = painted(tile, Painting(target_mask=Texture(where, "data")), wrap="xy")
    color = made.maps["basecolor"].pixels
    inside = np.abs(np.diff(color, axis=1)).mean()
    assert np.abs(color[:, 0] - color[:, -1]).mean() < 1.3 * inside
    assert made.wrap == "xy"


@pytest.mark.parametrize(
    ("painting", "options", "words"),
    [
        ({"target_guide": disk()}, {}, "needs a source guide as well"),
        ({"target_mask": "mask"}, {"size": "48"}, "leave out the size"),
        ({"fill_from": "ground"}, {}, "needs a target mask"),
        ({"target_mask": "white"}, {}, "white everywhere"),
        ({"target_mask": "noise"}, {}, "target mask is black nowhere, and gray is replaced too, so nothing is left"),
        ({"target_mask": "mask"}, {"engine": "neural"}, "need the patch engine"),
        ({"source_mask": "mask"}, {"engine": "feedforward"}, "need the patch engine, got feedforward"),
        ({"target_mask": "black"}, {}, "target mask is black everywhere"),
        ({"target_mask": "mask"}, {"tileable": True}, "make it seamless first"),
        ({"target_mask": "mask", "fill_from": "image"}, {}, "it has no height"),
        ({"source_guide": "guide", "target_guide": disk(), "source_mask": "left"}, {}, "wants #00ff00"),
        ({"target_guide": disk(), "source_guide": "guide"}, {"size": "48x32"}, "another shape"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(ground, source_guide, painting, options, words):
    white, left = np.ones((SIDE, 2 * SIDE, 1), np.float32), np.zeros((SIDE, 2 * SIDE, 1), np.float32)
    left[:, :SIDE] = 1
    known = {
        "mask": mask(ground, 10, 8), "white": Texture(white, "data"), "black": Texture(0 * white, "data"),
        "left": Texture(left, "data"), "noise": Texture(0.25 + white / 2, "data"), "ground": ground,
        "guide": source_guide,
        "image": Material({"basecolor": ground.maps["basecolor"]}, name="image"),
    }  # fmt: skip
    given = {name: known[value] if isinstance(value, str) else value for name, value in painting.items()}
    with pytest.raises(MatshotError, match=words):
        painted(ground, Painting(**given), **options)


def test_the_same_seed_gives_the_same_result_on_any_number_of_threads(ground, source_guide, island):
    again = painted(ground, Painting(source_guide, disk()), threads=1)
    assert np.array_equal(again.maps["basecolor"].pixels, island.maps["basecolor"].pixels)


def test_labels_outside_a_hole_need_not_be_in_what_fills_it(ground, source_guide):
    maps = {
        kind: Texture(np.ascontiguousarray(one.pixels[:, SIDE:]), one.encoding) for kind, one in ground.maps.items()
    }
    brown = Material(maps, name="brown")
    target = source_guide.pixels.copy()
    target[10:22, 8:20] = GREEN
    own = Texture(np.ascontiguousarray(source_guide.pixels[:, SIDE:]))
    painting = Painting(own, Texture(target), target_mask=mask(ground, 10, 8), fill_from=brown)
    made = painted(ground, painting, guide_type="labels")
    np.testing.assert_allclose(made.maps["height"].pixels[10:22, 8:20], 0.8, atol=1e-6)
