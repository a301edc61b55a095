"""The tool's promises: exact, registered, in range, unit, and nothing of the color lost."""

from __future__ import annotations

import numpy as np
import pytest

from matshot.errors import Cancelled, MatshotError
from matshot.image.types import Texture
from matshot.progress import CancelSwitch
from matshot.shading.procedural import brick_wall
from matshot.super_resolution import METHODS, upscale
from matshot.super_resolution.resampling import Downscale, Enlarge, cubic

FAST = {"threads": 1, "device": "cpu"}
EXACT = 1e-4


@pytest.fixture(scope="module")
def wall() -> dict[str, Texture]:
    return {name: shrunk(texture, 2) for name, texture in brick_wall(96, seed=3).items()}


def shrunk(texture: Texture, factor: int) -> Texture:
    class Same:
        scale, planes, outputs, grid, bytes_per_pixel, receptive_field = factor, 1, 1, 1, 4, 0

        def __call__(self, batch: np.ndarray) -> np.ndarray:
            return batch

    batch = texture.pixels.transpose(2, 0, 1)[:, None]
    padded = np.pad(batch, ((0, 0), (0, 0), (16, 16), (16, 16)), mode="wrap")
    pixels = Downscale(Same(), factor)(padded)[:, 0].transpose(1, 2, 0)
    pixels = pixels[16 // factor : -16 // factor, 16 // factor : -16 // factor]
    if texture.encoding == "normal":
        pixels = pixels / np.linalg.norm(pixels, axis=2, keepdims=True)
    else:
        pixels = pixels.clip(0, 1)
    return Texture(np.ascontiguousarray(pixels, dtype=np.float32), texture.encoding, texture.wrap)


@pytest.mark.parametrize("look", ["fidelity", "detail"])
@pytest.mark.parametrize("scale", [2, 4, 8])
def test_every_map_grows_by_the_scale_and_keeps_its_kind(wall: dict[str, Texture], scale: int, look: str) -> None:
    for name, texture in wall.items():
        small = texture.with_pixels(np.ascontiguousarray(texture.pixels[:24, :20]))
        large = upscale(small, scale=scale, look=look, wrap="none", **FAST)
        assert large.pixels.shape == (24 * scale, 20 * scale, small.pixels.shape[2]), name
        assert large.encoding == texture.encoding
        assert np.isfinite(large.pixels).all()


@pytest.mark.parametrize("name", ["basecolor", "normal_gl", "roughness"])
@pytest.mark.parametrize("wrap", ["none", "xy"])
def test_tiles_do_not_show(wall: dict[str, Texture], name: str, wrap: str) -> None:
    whole = upscale(wall[name], wrap=wrap, tile=4096, **FAST)
    for tile in (16, 24):
        tiled = upscale(wall[name], wrap=wrap, tile=tile, **FAST)
        assert np.abs(tiled.pixels - whole.pixels).max() < EXACT


@pytest.mark.parametrize("method", METHODS)
def test_rolling_a_wrapped_input_rolls_the_output(wall: dict[str, Texture], method: str) -> None:
    step = 8  # a multiple of every network's grid
    texture = wall["basecolor"]
    rolled = texture.with_pixels(np.roll(texture.pixels, (step, 2 * step), axis=(0, 1)))
    a = upscale(texture, wrap="xy", method=method, **FAST).pixels
    b = upscale(rolled, wrap="xy", method=method, **FAST).pixels
    assert np.abs(np.roll(a, (4 * step, 8 * step), axis=(0, 1)) - b).max() < EXACT


def test_center_of_nine_equals_the_wrapped_one(wall: dict[str, Texture]) -> None:
    texture = wall["basecolor"]
    nine = texture.with_pixels(np.tile(texture.pixels, (3, 3, 1)))
    size = 4 * texture.height
    center = upscale(nine, wrap="none", **FAST).pixels[size : 2 * size, size : 2 * size]
    assert np.abs(center - upscale(texture, wrap="xy", **FAST).pixels).max() < EXACT


def test_auto_finds_the_wrap_and_says_so(wall: dict[str, Texture]) -> None:
    assert upscale(wall["basecolor"], scale=2, **FAST).wrap == "xy"


@pytest.mark.parametrize("look", ["fidelity", "detail"])
def test_mean_color_stays(wall: dict[str, Texture], look: str) -> None:
    texture = wall["basecolor"]
    large = upscale(texture, look=look, wrap="xy", **FAST)
    shift = np.abs(large.pixels.mean(axis=(0, 1)) - texture.pixels.mean(axis=(0, 1)))
    assert shift.max() * 255 < 0.5


def test_shrunk_again_it_is_the_input(wall: dict[str, Texture]) -> None:
    texture = wall["basecolor"]
    again = shrunk(upscale(texture, wrap="xy", **FAST), 4)
    assert np.sqrt(((again.pixels - texture.pixels) ** 2).mean()) * 255 < 1.0


def test_constant_color_stays_what_it_is() -> None:
    texture = Texture(np.full((20, 20, 3), 0.3, dtype=np.float32), "srgb")
    assert np.abs(upscale(texture, **FAST).pixels - 0.3).max() < 1e-3


@pytest.mark.parametrize("value", [0.0, 0.501, 1.0])
def test_constant_alpha_is_exact(wall: dict[str, Texture], value: float) -> None:
    color = wall["basecolor"].pixels[:16, :16]
    alpha = np.full((16, 16, 1), value, dtype=np.float32)
    large = upscale(Texture(np.concatenate([color, alpha], axis=2), "srgb"), **FAST)
    assert np.unique(large.pixels[..., 3]).tolist() == [np.float32(value)]


def test_color_under_transparent_texels_leaves_no_halo() -> None:
    pixels = np.zeros((32, 32, 4), dtype=np.float32)
    pixels[8:24, 8:24] = (0.8, 0.6, 0.2, 1.0)
    large = upscale(Texture(pixels, "srgb"), wrap="none", **FAST).pixels
    seen = large[large[..., 3] > 0.02][:, :3]
    assert np.abs(seen - [0.8, 0.6, 0.2]).max() < 0.02
    assert large[..., 3].min() >= 0
    assert large[..., 3].max() <= 1


def test_normals_stay_unit(wall: dict[str, Texture]) -> None:
    for scale in (2, 4):
        length = np.linalg.norm(upscale(wall["normal_gl"], scale=scale, **FAST).pixels, axis=2)
        assert np.abs(length - 1).max() < 1e-5


def test_fourth_channel_of_a_normal_map_is_data(wall: dict[str, Texture]) -> None:
    pixels = np.concatenate([wall["normal_gl"].pixels, wall["height"].pixels], axis=2)
    large = upscale(Texture(pixels, "normal", "xy"), wrap="xy", **FAST).pixels
    apart = upscale(wall["height"], wrap="xy", **FAST).pixels
    np.testing.assert_allclose(large[..., 3:], apart, atol=1e-5)


def test_values_outside_the_unit_range_survive() -> None:
    ramp = np.linspace(-2, 30, 32, dtype=np.float32)[None, :, None].repeat(32, axis=0).repeat(3, axis=2)
    large = upscale(Texture(ramp, "linear"), wrap="none", **FAST).pixels
    assert large.max() > 25
    assert large.min() < -1.5


def test_a_lamp_stays_as_bright_as_it_is() -> None:
    pixels = np.full((24, 24, 3), 0.1, dtype=np.float32)
    pixels[8:16, 8:16] = 16.0
    large = upscale(Texture(pixels, "linear"), wrap="none", **FAST).pixels
    assert 15 < large.max() < 16.01
    assert large.min() >= 0


def test_twice_as_bright_comes_out_twice_as_bright(wall: dict[str, Texture]) -> None:
    texture = wall["basecolor"]
    once = upscale(texture, **FAST).pixels
    bright = upscale(texture.with_pixels(texture.pixels * 4), **FAST).pixels
    inside = (once > 0) & (once < 0.25)  # brighter ones are kept to the range of the input nearby
    assert np.abs(bright - 4 * once)[inside].max() < 1e-3


def test_range_of_the_input_is_kept(wall: dict[str, Texture]) -> None:
    for name in ("basecolor", "roughness"):
        large = upscale(wall[name], look="detail", **FAST).pixels
        assert large.min() >= 0
        assert large.max() <= 1


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_channel_count(wall: dict[str, Texture], channels: int) -> None:
    color = wall["basecolor"].pixels[:16, :16]
    pixels = np.concatenate([color, color[..., :1]], axis=2)[..., :channels]
    for encoding in ("srgb", "linear", "data"):
        large = upscale(Texture(np.ascontiguousarray(pixels), encoding), scale=2, **FAST)  # type: ignore[arg-type]
        assert large.pixels.shape == (32, 32, channels)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 2)])
def test_the_smallest_textures(method: str, shape: tuple[int, int]) -> None:
    texture = Texture(np.full((*shape, 3), 0.25, dtype=np.float32), "srgb")
    assert upscale(texture, method=method, **FAST).pixels.shape == (4 * shape[0], 4 * shape[1], 3)


def test_networks_beat_bicubic_on_a_texture_never_seen() -> None:
    truth = brick_wall(192, seed=11)["basecolor"]
    small = shrunk(truth, 4)

    def error(**how: str) -> float:
        return float(((upscale(small, wrap="xy", **how, **FAST).pixels - truth.pixels) ** 2).mean())

    assert error() < 0.9 * error(method="bicubic")


@pytest.mark.parametrize(
    ("option", "value"),
    [("scale", 3), ("look", "sharp"), ("method", "magic"), ("wrap", "z"), ("device", "tpu"), ("tile", -1)],
)
def test_options_that_do_not_exist(option: str, value: object) -> None:
    texture = Texture(np.zeros((4, 4, 3), dtype=np.float32))
    with pytest.raises(MatshotError):
        upscale(texture, **{option: value})


def test_too_little_memory_is_said_before_any_work() -> None:
    texture = Texture(np.zeros((256, 256, 3), dtype=np.float32))
    with pytest.raises(MatshotError, match="memory"):
        upscale(texture, memory="1M", **FAST)


def test_cancel(wall: dict[str, Texture]) -> None:
    switch = CancelSwitch()
    switch.cancel()
    with pytest.raises(Cancelled):
        upscale(wall["basecolor"], progress=switch, **FAST)


def test_progress_reaches_the_end(wall: dict[str, Texture]) -> None:
    said: list[float] = []
    upscale(wall["basecolor"], scale=8, tile=16, progress=lambda f, _: said.append(f), **FAST)
    assert said == sorted(said)
    assert said[-1] == pytest.approx(1.0)


def test_enlarge_interpolates_a_ramp_exactly() -> None:
    ramp = np.arange(20, dtype=np.float32)[None, None, None, :].repeat(8, axis=2)
    large = Enlarge(cubic, 2, 4)(ramp)
    expected = (np.arange(80) + 0.5) / 4 - 0.5
    np.testing.assert_allclose(large[0, 0, 16, 12:-12], expected[12:-12], atol=1e-5)


@pytest.mark.parametrize("kind", ["basecolor", "normal_gl", "roughness"])
def test_what_is_protected_is_only_interpolated(wall: dict[str, Texture], kind: str) -> None:
    texture = wall[kind]
    where = np.zeros((48, 48, 1), np.float32)
    where[:, :20], where[:, 20:26] = 1, 0.5
    protected = upscale(texture, scale=2, wrap="xy", mask=Texture(where, "data"), **FAST).pixels
    network = upscale(texture, scale=2, wrap="xy", **FAST).pixels
    bicubic = upscale(texture, scale=2, wrap="xy", method="bicubic", **FAST).pixels
    # Bicubic reaches two pixels beyond the borders of the mask.
    assert np.array_equal(protected[:, 4:36], bicubic[:, 4:36])
    assert np.array_equal(protected[:, 56:92], network[:, 56:92])
    between = protected[:, 44:48]
    assert not np.array_equal(between, network[:, 44:48])
    assert np.abs(between - (network + bicubic)[:, 44:48] / 2).max() < 0.06
    if kind == "normal_gl":
        assert np.allclose(np.linalg.norm(protected, axis=2), 1, atol=1e-4)


def test_a_protect_mask_has_to_fit_and_to_select_something(wall: dict[str, Texture]) -> None:
    texture = wall["roughness"]
    with pytest.raises(MatshotError, match="The protect mask is black everywhere"):
        upscale(texture, mask=Texture(np.zeros((48, 48, 1), np.float32), "data"), **FAST)
    with pytest.raises(MatshotError, match="The protect mask has 96 x 48 pixels, which is another shape"):
        upscale(texture, mask=Texture(np.ones((48, 96, 1), np.float32), "data"), **FAST)
