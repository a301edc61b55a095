"""The tool that makes what is there seamless."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from matshot.errors import Cancelled, MatshotError
from matshot.image.color import linear_from_srgb
from matshot.image.types import FileSource, Texture
from matshot.image.wrap import measured_wrap
from matshot.material.planes import slopes
from matshot.material.types import Material
from matshot.progress import CancelSwitch
from matshot.shading.procedural import brick_wall, noise
from matshot.synthesis.tile import TileOptions, tile
from matshot_host.tools import TILE


def picture(pixels, encoding="srgb", wrap="none"):
    kind = {"srgb": "basecolor", "linear": "basecolor", "normal": "normal"}.get(encoding, "roughness")
    return Material({kind: Texture(np.ascontiguousarray(pixels, dtype=np.float32), encoding, wrap)})


def wall(seed=0, size=192, rows=slice(None), columns=slice(None)):
    """A brick wall that is not said to wrap, or a piece of it that does not."""
    maps = brick_wall(size, seed)
    kinds = {"basecolor": "basecolor", "normal": "normal_gl", "roughness": "roughness", "height": "height"}
    return Material(
        {
            kind: Texture(np.ascontiguousarray(maps[name].pixels[rows, columns]), maps[name].encoding)
            for kind, name in kinds.items()
        }
    )


def piece(seed=0):
    return wall(seed, 256, slice(20, 230), slice(30, 214))


def grain(height, width, seed=0, slope=0.8):
    """Noise that goes on beyond the picture, so that it does not wrap."""
    field = noise(max(height, width) + 40, slope, np.random.default_rng(seed))[:height, :width, None]
    return np.repeat((0.5 + 0.08 * field).astype(np.float32), 3, axis=2)


def tiles(height, width, period, seed=0):
    y, x = np.mgrid[:height, :width]
    joint = ((y % period) < 3) | ((x % period) < 3)
    shade = np.random.default_rng(seed).uniform(0.5, 0.7, (40, 40))[y // period, x // period]
    return np.repeat(np.where(joint, 0.2, shade)[..., None], 3, axis=2).astype(np.float32)


def seam_steps(pixels, axis):
    """Mean steps from each line to the next, the last one to the first."""
    return np.abs(np.roll(pixels, -1, axis) - pixels).mean(axis=(1 - axis, 2))


def changed(before, after):
    """Part of the pixels that differ visibly in any map."""
    different = [
        np.abs(after.maps[kind].pixels - before.maps[kind].pixels).max(axis=2) > 1 / 255 for kind in before.maps
    ]
    return np.mean(np.any(different, axis=0))


# What wraps already.


@pytest.mark.parametrize("seed", range(3))
def test_what_wraps_is_returned_bit_for_bit(seed):
    given = wall(seed)
    result = tile(given)
    assert result.wrap == "xy"
    for kind, texture in given.maps.items():
        assert result.maps[kind].pixels is texture.pixels
    assert len(result.parameters["notes"]) == 2


def test_what_is_said_to_wrap_is_believed():
    given = picture(piece().maps["basecolor"].pixels, wrap="xy")
    assert tile(given).maps["basecolor"].pixels is given.maps["basecolor"].pixels


def test_an_axis_that_wraps_keeps_on_wrapping():
    given = wall(0, 192, columns=slice(0, 150))
    result = tile(given)
    assert (result.width, result.height, result.wrap) == (150, 192, "xy")
    assert "Axis y" in result.parameters["notes"][0]
    color = result.maps["basecolor"].pixels
    assert seam_steps(color, 0)[-1] <= seam_steps(color, 0).max()
    assert measured_wrap(color) == "xy"


def test_a_tone_that_steps_is_not_taken_for_wrapping():
    """Grain hides the step from line to line, not that from region to region."""
    climbing = grain(128, 128, 0, 0.0) + np.linspace(-0.1, 0.1, 128, dtype=np.float32)[None, :, None]
    result = tile(picture(climbing), TileOptions(axes="x"))
    assert not any("already" in note for note in result.parameters["notes"])
    tone = result.maps["basecolor"].pixels.mean(axis=(0, 2))
    assert abs(tone[:16].mean() - tone[-16:].mean()) < 0.03


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (5, 7), (64, 64)])
def test_a_constant_wraps(shape):
    result = tile(picture(np.full((*shape, 3), 0.4)))
    assert (result.height, result.width, result.wrap) == (*shape, "xy")
    np.testing.assert_array_equal(result.maps["basecolor"].pixels, np.float32(0.4))


# What does not.


@pytest.mark.parametrize("size", ["same", "crop"])
@pytest.mark.parametrize("seed", range(2))
def test_a_piece_of_wall_repeats_in_all_its_maps(seed, size):
    given = piece(seed)
    result = tile(given, TileOptions(size=size))
    assert result.wrap == "xy"
    for kind in ("basecolor", "roughness", "height"):
        pixels = result.maps[kind].pixels
        assert measured_wrap(pixels) == "xy", kind
    np.testing.assert_allclose(np.linalg.norm(result.maps["normal"].pixels, axis=2), 1, atol=1e-5)
    assert result.maps["roughness"].pixels.min() >= given.maps["roughness"].pixels.min()


def test_the_size_stays_and_few_pixels_change():
    for seed in range(3):
        given = picture(grain(200, 230, seed))
        result = tile(given, TileOptions(even=False))
        assert (result.width, result.height) == (230, 200)
        assert 0 < changed(given, result) < 0.15
        inside = slice(20, -20)
        np.testing.assert_array_equal(
            result.maps["basecolor"].pixels[inside, inside], given.maps["basecolor"].pixels[inside, inside]
        )


def test_the_border_of_noise_is_like_its_inside():
    """Lines of noise are alike: those at the border are neither rougher nor softer."""
    for seed in range(3):
        pixels = tile(picture(grain(220, 210, seed))).maps["basecolor"].pixels
        for axis in (0, 1):
            steps = seam_steps(pixels, axis)
            inside = steps[20:-20]
            assert abs(steps[-1] - inside.mean()) < 4 * inside.std()
            border = np.concatenate([steps[-9:], steps[:8]]).mean()
            assert border == pytest.approx(inside.mean(), rel=0.08)


def test_a_tileable_wall_with_a_spoilt_border_changes_little():
    given = wall(1, 256)
    shade = np.minimum(1, 0.75 + 0.25 * np.arange(256, dtype=np.float32) / 8)[:, None, None]
    spoilt = given.with_maps(
        {kind: texture.with_pixels(np.ascontiguousarray(texture.pixels)) for kind, texture in given.maps.items()}
    )
    spoilt = spoilt.with_maps(
        {**spoilt.maps, "basecolor": spoilt.maps["basecolor"].with_pixels(given.maps["basecolor"].pixels * shade)}
    )
    result = tile(spoilt)
    assert (result.width, result.height) == (256, 256)
    assert changed(spoilt, result) < 0.15
    steps = seam_steps(result.maps["basecolor"].pixels, 0)
    assert steps[-1] <= steps[:-1].max()


def test_maps_stay_in_step():
    color = piece().maps["basecolor"].pixels
    given = Material({"basecolor": Texture(color), "roughness": Texture(color[..., :1].copy(), "data")})
    result = tile(given, TileOptions(even=False))
    np.testing.assert_allclose(result.maps["roughness"].pixels, result.maps["basecolor"].pixels[..., :1], atol=2e-3)


@pytest.mark.parametrize("axes", ["x", "y"])
def test_one_axis_alone(axes):
    given = picture(grain(120, 140))
    result = tile(given, TileOptions(axes=axes))
    assert result.wrap == axes
    inside = (slice(None), slice(20, -20)) if axes == "x" else (slice(20, -20), slice(None))
    np.testing.assert_array_equal(result.maps["basecolor"].pixels[inside], given.maps["basecolor"].pixels[inside])


# Repetitions.


def test_whole_tiles_are_kept():
    for size in ("same", "crop"):
        result = tile(picture(tiles(212, 230, 40)), TileOptions(size=size))
        assert abs(result.height / 40 - round(result.height / 40)) * 40 <= 2
        assert abs(result.width / 40 - round(result.width / 40)) * 40 <= 2
        pixels = np.tile(result.maps["basecolor"].pixels, (2, 2, 1))
        joints = np.flatnonzero((pixels[..., 0] < 0.35).mean(axis=0) > 0.9)
        gaps = np.diff(joints)[np.diff(joints) > 1]
        assert np.abs(gaps - 38).max() <= 3


def test_a_size_of_whole_tiles_stays():
    """A shade that the first column of tiles lacks is no reason to lose tiles."""
    result = tile(picture(tiles(200, 240, 40)))
    assert (result.width, result.height) == (240, 200)


# Light and slopes.


def test_vignetting_is_taken_off_color_alone():
    y, x = np.mgrid[-1:1:160j, -1:1:180j]
    light = (1 - 0.18 * (np.square(x) + np.square(y)))[..., None].astype(np.float32)
    scalar = grain(160, 180, 1)[..., :1]
    given = Material({"basecolor": Texture(grain(160, 180) * light), "metallic": Texture(scalar * light, "data")})
    result = tile(given)
    color = result.maps["basecolor"].pixels
    blocks = color[:160, :180].reshape(4, 40, 4, 45, 3).mean(axis=(1, 3, 4))
    assert np.ptp(blocks) < 0.12 * blocks.mean()
    assert any("light" in note for note in result.parameters["notes"])
    np.testing.assert_array_equal(
        result.maps["metallic"].pixels[40:120, 40:140], given.maps["metallic"].pixels[40:120, 40:140]
    )
    untouched = tile(given, TileOptions(even=False)).maps["basecolor"].pixels
    np.testing.assert_array_equal(untouched[40:120, 40:140], given.maps["basecolor"].pixels[40:120, 40:140])


def test_a_tilted_surface_is_laid_level():
    tilt = np.array([0.2, -0.1, 0.97], dtype=np.float32)
    normals = np.broadcast_to(tilt / np.linalg.norm(tilt), (64, 64, 3)).astype(np.float32)
    climb = 0.5 + 0.01 * grain(64, 64)[..., :1] + np.linspace(-0.2, 0.2, 64, dtype=np.float32)[None, :, None]
    given = Material(
        {
            "basecolor": Texture(grain(64, 64)),
            "normal": Texture(normals, "normal"),
            "height": Texture(climb.astype(np.float32), "data"),
        }
    )
    result = tile(given)
    np.testing.assert_allclose(slopes(result.maps["normal"].pixels), 0, atol=1e-3)
    across = result.maps["height"].pixels.mean(axis=(0, 2))
    assert np.ptp(across) < 0.05


# Encodings, notes, errors.


def test_sources_alpha_and_encodings_stay():
    rgba = np.concatenate([grain(80, 90), grain(80, 90, 3)[..., :1]], axis=2)
    source = FileSource("a.png", "uint16")
    given = Material({"basecolor": Texture(rgba, "srgb", source=source)})
    result = tile(given).maps["basecolor"]
    assert (result.source, result.encoding, result.pixels.shape) == (source, "srgb", (80, 90, 4))


def test_bright_linear_colors_stay_bright():
    linear = 20 * linear_from_srgb(grain(100, 110))
    result = tile(picture(linear, "linear")).maps["basecolor"].pixels
    assert result.max() > 0.9 * linear.max()
    np.testing.assert_array_equal(result[30:70, 30:70], linear[30:70, 30:70])


def test_the_same_seed_gives_the_same_bits():
    first, second = (tile(piece(), TileOptions(seed=4)) for _ in range(2))
    for kind in first.maps:
        np.testing.assert_array_equal(first.maps[kind].pixels, second.maps[kind].pixels)


def test_parameters_tell_what_was_done():
    result = tile(picture(tiles(212, 230, 40)), TileOptions(seed=3))
    assert result.parameters["tool"] == "tile"
    assert result.parameters["seed"] == 3
    assert any("repeats of 40" in note for note in result.parameters["notes"])


def test_too_small_a_picture_is_refused():
    with pytest.raises(MatshotError, match="too small"):
        tile(picture(np.random.default_rng(0).random((12, 200, 3))))


@pytest.mark.parametrize("options", [{"axes": "z"}, {"size": "larger"}, {"band": 0}, {"band": 3}, {"seed": -1}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(MatshotError):
        TileOptions(**options)


@pytest.mark.parametrize("shape", [(16, 16), (17, 40), (64, 16)])
def test_small_pictures_work(shape):
    result = tile(picture(np.random.default_rng(0).random((*shape, 3)) * np.linspace(0.2, 1, shape[1])[None, :, None]))
    assert result.wrap == "xy"


def test_progress_climbs_and_can_stop_it():
    told = []
    tile(piece(), progress=lambda fraction, stage: told.append(fraction))
    assert told == sorted(told)
    assert told[-1] == 1
    switch = CancelSwitch()
    switch.cancel()
    with pytest.raises(Cancelled):
        tile(piece(), progress=switch)


def test_what_is_protected_stays():
    rng = np.random.default_rng(3)
    light = np.linspace(0.6, 1, 96, dtype=np.float32)[:, None, None]
    pixels = (light * (0.5 + 0.1 * noise(96, 1.0, rng)[..., None])).repeat(3, axis=2).clip(0, 1).astype(np.float32)
    material = Material({"basecolor": Texture(pixels)})
    where = np.zeros((96, 96, 1), np.float32)
    where[40:60, 40:60] = 1
    made = tile(material, TileOptions(wrap="none"), protect=Texture(where, "data")).maps["basecolor"]
    assert np.array_equal(made.pixels[40:60, 40:60], pixels[40:60, 40:60])
    assert not np.array_equal(made.pixels, pixels)
    assert made.wrap == "xy"
    where[:4, 40:60] = 1
    with pytest.raises(MatshotError, match="white within 8 pixels of a border that is closed along y"):
        tile(material, TileOptions(wrap="none", band=16), protect=Texture(where, "data"))
    with pytest.raises(MatshotError, match="cannot be cropped"):
        tile(material, TileOptions(wrap="none", size="crop"), protect=Texture(where, "data"))
    # Also where nothing has to change.
    for mask, words in ((0 * where, "black everywhere"), (where[:40], "another shape")):
        with pytest.raises(MatshotError, match=words):
            tile(material, TileOptions(wrap="xy"), protect=Texture(mask, "data"))


def test_table_and_options_have_the_same_parameters_and_defaults():
    known = {field.name: field.default for field in fields(TileOptions)}
    assert {p.name: p.default for p in TILE.parameters if p.name not in ("kind", "normal")} == known


def test_what_it_is_said_to_repeat_on_is_believed():
    material = picture(brick_wall(96)["basecolor"].pixels[:90, :80])
    kept = tile(material, TileOptions(wrap="xy"))
    np.testing.assert_array_equal(kept.maps["basecolor"].pixels, material.maps["basecolor"].pixels)
    whole = picture(brick_wall(96)["basecolor"].pixels)
    changed = tile(whole, TileOptions(wrap="none"))
    assert not np.array_equal(changed.maps["basecolor"].pixels, whole.maps["basecolor"].pixels)
    with pytest.raises(MatshotError, match="Unknown wrap"):
        TileOptions(wrap="z")


def test_a_photograph_with_dark_borders_does_not_repeat_already():
    at = np.linspace(-1, 1, 128, dtype=np.float32)
    vignette = (1 - 0.35 * at**2)[:, None] * (1 - 0.35 * at**2)
    light = vignette * np.linspace(0.8, 1.2, 128, dtype=np.float32)[:, None]
    photograph = grain(128, 128) * light[..., None]
    result = tile(picture(photograph))
    assert not any("repeats already" in note for note in result.parameters["notes"])
    assert any("light" in note for note in result.parameters["notes"])


def test_a_border_through_tiles_of_other_tones_is_no_repeat():
    period = 24
    shades = np.random.default_rng(3).uniform(0.4, 0.8, (6, 6))
    at = np.arange(5 * period) + period // 2
    tones = shades[np.ix_(at // period, at // period)]
    joint = (at % period < 2)[:, None] | (at % period < 2)[None]
    result = tile(picture(np.repeat(np.where(joint, 0.1, tones)[..., None], 3, axis=2)))
    assert not any("repeats already" in note for note in result.parameters["notes"])
    color = result.maps["basecolor"].pixels
    for axis in (0, 1):
        steps = np.abs(np.roll(color, -1, axis) - color).mean(axis=2)
        edge = steps.take(-1, axis=axis)
        inside = np.quantile(steps, 0.5)
        # Tiles are of one tone now, and what lies on the border is a joint or nothing.
        assert np.median(edge) <= inside + 0.02


def test_blocks_of_jpeg_in_a_rough_map_do_not_hide_that_it_repeats():
    material = wall(2)
    roughness = material.maps["roughness"].pixels.copy()
    # Every eighth row and column is a step, a little larger at the border.
    at = np.arange(192)
    blocks = 0.02 * ((at // 8) % 2)
    blocks[-8:] += 0.008
    roughness += (blocks[:, None] + blocks[None]).astype(np.float32)[..., None]
    maps = {**material.maps, "roughness": Texture(roughness, "data")}
    assert tile(Material(maps)).parameters["notes"] == [
        f"Axis {letter} is tileable already and unchanged." for letter in "xy"
    ]


@pytest.mark.parametrize("seed", [0, 7])
def test_small_noise_that_tiles_is_recognized(seed):
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(seed).standard_normal((64, 64, 3))
    smooth = np.stack([gaussian_filter(noise[..., c], 1.5, mode="wrap") for c in range(3)], axis=2)
    pixels = (0.5 + 0.15 * smooth / smooth.std()).clip(0, 1).astype(np.float32)
    made = tile(Material({"basecolor": Texture(pixels, "srgb")}))
    assert np.array_equal(made.maps["basecolor"].pixels, pixels)
