"""The texture multiplier."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest

from matshot.errors import Cancelled, MatshotError
from matshot.image.types import Texture
from matshot.material.types import Material
from matshot.shading.procedural import brick_wall
from matshot.synthesis import texture_net
from matshot.synthesis.multiply import MultiplyOptions, multiply, variations
from matshot.synthesis.painting import Painting
from matshot_host.tools import MULTIPLY


@pytest.fixture(scope="module")
def wall():
    maps = brick_wall(96)
    kinds = {"basecolor": "basecolor", "normal_gl": "normal", "roughness": "roughness", "height": "height"}
    return Material({kind: maps[name] for name, kind in kinds.items()}, name="wall", physical_size=(2.0, 2.0))


def image(pixels, encoding="srgb"):
    kind = {"srgb": "basecolor", "linear": "basecolor", "normal": "normal"}[encoding]
    return Material({kind: Texture(np.asarray(pixels, dtype=np.float32), encoding)})


def one(material, **options):
    (made,) = multiply(material, MultiplyOptions(**options))
    return made


def test_table_and_options_have_the_same_parameters_and_defaults():
    reading = {"kind", "normal"}
    known = {field.name: field.default for field in fields(MultiplyOptions)}
    assert {p.name: p.default for p in MULTIPLY.parameters if p.name not in reading} == known


def test_all_maps_come_from_the_same_place():
    y, x = np.mgrid[:64, :64].astype(np.float32) / 64
    noise = np.random.default_rng(0).random((64, 64, 1), dtype=np.float32)
    color = np.concatenate([x[..., None], y[..., None], noise], axis=2)
    material = Material(
        {
            "basecolor": Texture(color, "srgb"),
            "height": Texture(np.ascontiguousarray(color[..., :1]) * 2 + 1, "data"),
            "roughness": Texture(np.ascontiguousarray(color[..., 1:2]), "data"),
        }
    )
    made = one(material, size="80x72", seed=2).maps
    np.testing.assert_allclose(made["height"].pixels, made["basecolor"].pixels[..., :1] * 2 + 1, atol=1e-5)
    np.testing.assert_allclose(made["roughness"].pixels, made["basecolor"].pixels[..., 1:2], atol=1e-6)


def test_a_material_keeps_its_contract(wall):
    made = one(wall, size=(112, 80), tileable=True, seed=4)
    assert (made.width, made.height, made.wrap) == (112, 80, "xy")
    assert list(made.maps) == list(wall.maps)
    np.testing.assert_allclose(np.linalg.norm(made.maps["normal"].pixels, axis=2), 1, atol=1e-5)
    assert made.physical_size == pytest.approx((2.0 * 112 / 96, 2.0 * 80 / 96))
    assert made.parameters["tool"] == "multiply"
    assert made.parameters["seed"] == 4
    assert made.parameters["size"] == [112, 80]
    assert made.parameters["engine"] == "patch"


def test_size_is_twice_the_source_by_default(wall):
    assert (one(wall).width, one(wall).height) == (192, 192)


@pytest.mark.parametrize(
    ("size", "wanted"), [("64x32", (64, 32)), ("64", (64, 64)), (" 64 X 48 ", (64, 48)), ((40, 50), (40, 50))]
)
def test_sizes(size, wanted):
    assert MultiplyOptions(size=size).sides(1, 1) == wanted


@pytest.mark.parametrize(
    "options",
    [
        {"size": "abc"},
        {"size": "0x64"},
        {"size": "64x"},
        {"size": "-5x64"},
        {"size": "99999x99999"},
        {"variety": 1.5},
        {"variety": float("nan")},
        {"count": 0},
        {"seed": -1},
        {"engine": "magic"},
        {"wrap": "z"},
        {"threads": -2},
    ],
)
def test_bad_options_are_refused_in_a_sentence(options):
    with pytest.raises(MatshotError) as caught:
        MultiplyOptions(**options)
    assert caught.value.sentence.endswith(".")


def test_count_gives_seeds_in_a_row_one_by_one(wall):
    made = variations(wall, MultiplyOptions(size="48", count=3, seed=7))
    first = next(made)
    assert first.parameters["seed"] == 7
    rest = list(made)
    assert [material.parameters["seed"] for material in rest] == [8, 9]
    pixels = [material.maps["basecolor"].pixels for material in (first, *rest)]
    assert all(np.abs(a - b).mean() > 0.01 for a, b in pairwise(pixels))
    alone = one(wall, size="48", seed=8)
    np.testing.assert_array_equal(alone.maps["basecolor"].pixels, pixels[1])


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 40, 3), (32, 32, 1)])
def test_one_color_gives_that_color(shape):
    made = one(image(np.full(shape, 0.3)), size="40x24")
    np.testing.assert_array_equal(made.maps["basecolor"].pixels, np.full((24, 40, shape[2]), 0.3, dtype=np.float32))
    assert "a single color" in made.parameters["notes"][0]


def test_a_source_without_a_patch_is_refused():
    with pytest.raises(MatshotError, match="5 x 64 pixels"):
        one(image(np.random.default_rng(0).random((64, 5, 3))), size="64")


def test_too_little_memory_is_said_before_the_work(wall):
    with pytest.raises(MatshotError, match="choose a smaller size"):
        one(wall, size="8000x8000", memory="1M")


@pytest.mark.parametrize(
    ("channels", "encoding"), [(1, "srgb"), (2, "srgb"), (4, "srgb"), (3, "linear"), (3, "normal")]
)
def test_any_kind_of_image(channels, encoding):
    pixels = brick_wall(64)["basecolor"].pixels
    if encoding == "normal":
        pixels = brick_wall(64)["normal_gl"].pixels
    elif encoding == "linear":
        pixels = pixels * 20 - 0.1
    else:
        pixels = np.concatenate([pixels, pixels[..., :1]], axis=2)[..., :channels]
    material = image(pixels, encoding)
    made = next(iter(one(material, size="72", seed=1).maps.values()))
    assert made.pixels.shape == (72, 72, channels)
    assert made.encoding == encoding
    assert made.pixels.min() >= pixels.min() - 1e-5
    assert made.pixels.max() <= pixels.max() * (1 + 1e-6) + 1e-5


def test_what_repeats_is_said_and_kept():
    at = np.arange(120)
    joint = (at % 24 < 3)[:, None] | (at % 24 < 3)[None]
    tones = np.random.default_rng(0).uniform(0.5, 0.8, (5, 5))[np.ix_(at // 24, at // 24)]
    made = one(image(np.repeat(np.where(joint, 0.1, tones)[..., None], 3, axis=2)), size="144", tileable=True)
    assert "repeats every 24.0 pixels down" in made.parameters["notes"][0]
    assert "do not allow smaller ones" in made.parameters["notes"][-1]


def test_pieces_that_may_be_smaller_are_said_to_be_so():
    made = one(image(np.random.default_rng(0).random((64, 64, 3))), size="64", variety=0)
    assert "raise the variety" in made.parameters["notes"][-1]


@pytest.mark.parametrize("engine", ["neural", "feedforward"])
def test_engines_make_new_pixels_of_an_image(wall, engine):
    color = wall.maps["basecolor"].pixels
    made = one(image(color), size="64x80", engine=engine, tileable=True, seed=1, device="cpu")
    assert (made.width, made.height, made.wrap) == (64, 80, "xy")
    assert made.parameters["engine"] == engine
    pixels = made.maps["basecolor"].pixels
    np.testing.assert_allclose(pixels.mean(axis=(0, 1)), color.mean(axis=(0, 1)), atol=0.05)
    known = {tuple(pixel) for pixel in np.rint(color.reshape(-1, 3) * 4095).astype(int)}
    assert np.mean([tuple(pixel) in known for pixel in np.rint(pixels.reshape(-1, 3) * 4095).astype(int)]) < 0.2


def test_a_network_is_fitted_once_for_all_results(wall, monkeypatch):
    fits = []
    fitted = texture_net.fitted_net
    monkeypatch.setattr(texture_net, "_LAYERS", (1, 1))
    monkeypatch.setattr(texture_net, "fitted_net", lambda *given, **more: fits.append(1) or fitted(*given, **more))
    made = multiply(image(wall.maps["basecolor"].pixels), MultiplyOptions(size="64", engine="feedforward", count=2))
    assert len(fits) == 1
    assert np.abs(made[0].maps["basecolor"].pixels - made[1].maps["basecolor"].pixels).mean() > 0.01


@pytest.mark.parametrize("engine", ["neural", "feedforward"])
def test_a_made_picture_leads_all_maps(wall, engine):
    made = one(wall, size="64", engine=engine, seed=1, device="cpu")
    assert list(made.maps) == list(wall.maps)
    np.testing.assert_allclose(np.linalg.norm(made.maps["normal"].pixels, axis=2), 1, atol=1e-5)

    def step(material):
        return np.corrcoef(material.maps["height"].pixels.ravel(), material.maps["roughness"].pixels.ravel())[0, 1]

    assert step(made) == pytest.approx(step(wall), abs=0.1)


def test_octaves_are_shown(wall):
    shown = []
    multiply(wall, MultiplyOptions(size="64x48"), shown=lambda unfinished: shown.append(unfinished()))
    assert [picture.width for picture in shown] == sorted(picture.width for picture in shown)
    assert (shown[-1].width, shown[-1].height) == (64, 48)
    assert all(picture.pixels.shape[2] == 3 for picture in shown)


def test_octaves_have_the_symmetry_of_the_result(wall):
    shown = []
    multiply(wall, MultiplyOptions(size="64", symmetry="mirror_x"), shown=lambda unfinished: shown.append(unfinished()))
    assert len(shown) > 1
    assert all(np.array_equal(picture.pixels, picture.pixels[:, ::-1]) for picture in shown)


def test_octaves_show_the_input_around_what_is_replaced(wall):
    where = np.zeros((wall.height, wall.width, 1), np.float32)
    where[8:24, 8:24] = 1
    shown, before = [], wall.maps["basecolor"].pixels
    painting = Painting(target_mask=Texture(where, "data"))
    multiply(wall, painting=painting, shown=lambda unfinished: shown.append(unfinished()))
    assert shown
    for picture in shown:
        assert np.array_equal(picture.pixels[24:], before[24:])
        assert not np.array_equal(picture.pixels[8:24, 8:24], before[8:24, 8:24])


def test_each_label_of_the_neural_engine_is_shown_in_its_place(wall):
    maps = [np.zeros((64, 64, 3), np.float32) for _ in range(2)]
    maps[0][:, 32:] = maps[1][32:] = 1
    guides = dict(zip(("source_guide", "target_guide"), (Texture(one, "srgb") for one in maps), strict=True))
    color = np.concatenate([np.full((64, 32, 3), (0.8, 0.1, 0.1)), np.full((64, 32, 3), (0.1, 0.1, 0.8))], axis=1)
    noise = 0.1 * np.random.default_rng(0).random((64, 64, 1))
    source = Material({"basecolor": Texture((color + noise).astype(np.float32), "srgb")})
    shown = []
    multiply(
        source,
        MultiplyOptions(engine="neural", device="cpu", threads=1),
        painting=Painting(**guides),
        shown=lambda unfinished: shown.append(unfinished()),
    )
    # One octave for each of the two labels; before it is made, a label has its mean color.
    assert len(shown) == 2
    for picture in shown:
        assert (picture.pixels[:30].mean(axis=(0, 1)) > (0.7, 0, 0)).all()
        assert (picture.pixels[34:].mean(axis=(0, 1)) > (0, 0, 0.7)).all()
    assert shown[0].pixels[40:58].std(axis=(0, 1)).max() < 0.001 < shown[1].pixels[40:58].std(axis=(0, 1)).min()


def test_it_can_be_cancelled(wall):
    def stop(fraction, stage):
        raise Cancelled

    with pytest.raises(Cancelled):
        multiply(wall, MultiplyOptions(size="64"), progress=stop)
