"""Tiling must be invisible: whatever the tiles, the result is that of processing whole."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import correlate

from matshot.errors import Cancelled, MatshotError
from matshot.inference.session import OutOfDeviceMemory
from matshot.inference.tiling import SMALLEST_TILE, ArrayRows, TiledRows, bands, spans
from matshot.progress import CancelSwitch, Progress


class Blur:
    """A 7x7 convolution with zeros outside, enlarged by repetition: local, and wrong at its own border."""

    scale, planes, outputs, receptive_field, grid, bytes_per_pixel = 2, 3, 3, 3, 1, 64

    def __init__(self) -> None:
        self.kernel = np.random.default_rng(0).random((7, 7)).astype(np.float32) / 49
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.seen.append(batch.shape)
        out = correlate(batch, self.kernel[None, None], mode="constant")
        return out.repeat(2, axis=2).repeat(2, axis=3)


class OnGrid(Blur):
    """Averages over cells of four pixels first, so it is shift-equivariant by four only."""

    grid, receptive_field = 4, 7

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        assert batch.shape[2] % 4 == 0
        assert batch.shape[3] % 4 == 0
        n, c, h, w = batch.shape
        cells = batch.reshape(n, c, h // 4, 4, w // 4, 4).mean(axis=(3, 5), keepdims=True)
        flat = np.broadcast_to(cells, (n, c, h // 4, 4, w // 4, 4)).reshape(batch.shape)
        return super().__call__(np.ascontiguousarray(flat))


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).random((height, width, channels)).astype(np.float32)


def processed(pixels: np.ndarray, operator: Blur, wrap: str, tile: int) -> np.ndarray:
    rows = TiledRows(ArrayRows(pixels), operator, wrap, tile)
    return rows.read(0, rows.height)


@pytest.mark.parametrize("wrap", ["none", "x", "y", "xy"])
@pytest.mark.parametrize("operator", [Blur, OnGrid])
@pytest.mark.parametrize("shape", [(40, 56), (41, 37), (9, 120), (1, 1), (5, 3)])
def test_every_tile_size_gives_the_same(wrap: str, operator: type[Blur], shape: tuple[int, int]) -> None:
    pixels = picture(*shape)
    whole = processed(pixels, operator(), wrap, 4096)
    for tile in (16, 24, 33):
        np.testing.assert_allclose(processed(pixels, operator(), wrap, tile), whole, atol=1e-6)


def test_whole_image_without_wrap_is_the_operator_itself() -> None:
    pixels = picture(20, 30)
    operator = Blur()
    direct = operator(pixels.transpose(2, 0, 1)[None])[0].transpose(1, 2, 0)
    np.testing.assert_array_equal(processed(pixels, Blur(), "none", 4096), direct)


@pytest.mark.parametrize(("wrap", "axes"), [("x", (1,)), ("y", (0,)), ("xy", (0, 1))])
def test_rolling_the_input_rolls_the_output(wrap: str, axes: tuple[int, ...]) -> None:
    pixels = picture(32, 40)
    rolled = np.roll(pixels, [5] * len(axes), axis=axes)
    expected = np.roll(processed(pixels, Blur(), wrap, 16), [10] * len(axes), axis=axes)
    np.testing.assert_allclose(processed(rolled, Blur(), wrap, 16), expected, atol=1e-6)


def test_margin_larger_than_the_image_wraps_more_than_once() -> None:
    pixels = picture(2, 2)
    nine = processed(np.tile(pixels, (9, 9, 1)), Blur(), "none", 4096)
    np.testing.assert_allclose(processed(pixels, Blur(), "xy", 4096), nine[16:20, 16:20], atol=1e-6)


def test_one_plane_operator_takes_channels_as_pictures() -> None:
    class Plane(Blur):
        planes = outputs = 1

    pixels = picture(20, 20, 4)
    apart = [processed(pixels[..., c : c + 1], Plane(), "xy", 64) for c in range(4)]
    np.testing.assert_array_equal(processed(pixels, Plane(), "xy", 64), np.concatenate(apart, axis=2))


def test_wrong_channel_count_is_refused() -> None:
    with pytest.raises(MatshotError, match="cannot take 2"):
        TiledRows(ArrayRows(picture(8, 8, 2)), Blur(), "none", 16)


def test_cascade_equals_two_whole_passes() -> None:
    pixels = picture(40, 24)
    first = processed(pixels, Blur(), "xy", 4096)
    expected = processed(first, Blur(), "xy", 4096)
    inner = TiledRows(ArrayRows(pixels), Blur(), "xy", 16)
    outer = TiledRows(inner, Blur(), "xy", 16, keep=1)
    got = np.concatenate(list(bands(outer, 7)))
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_memory_that_runs_out_halves_the_tile() -> None:
    class Small(Blur):
        def __call__(self, batch: np.ndarray) -> np.ndarray:
            if batch.shape[2] * batch.shape[3] > 40 * 40:
                raise OutOfDeviceMemory
            return super().__call__(batch)

    pixels = picture(100, 100)
    operator = Small()
    np.testing.assert_allclose(
        processed(pixels, operator, "none", 512), processed(pixels, Blur(), "none", 512), atol=1e-6
    )
    assert max(shape[2] for shape in operator.seen) <= 40


def test_memory_that_never_suffices_is_an_error() -> None:
    class Hopeless(Blur):
        def __call__(self, batch: np.ndarray) -> np.ndarray:
            raise OutOfDeviceMemory("CUDA out of memory")

    with pytest.raises(MatshotError, match="smallest tile"):
        processed(picture(64, 64), Hopeless(), "none", 512)


def test_bands_are_made_once_when_read_in_order() -> None:
    operator = Blur()
    rows = TiledRows(ArrayRows(picture(64, 64)), operator, "none", 16, keep=1)
    for _ in bands(rows, 5):
        pass
    assert len(operator.seen) == 16


def test_cancel_stops_between_tiles() -> None:
    switch = CancelSwitch()
    operator = Blur()
    rows = TiledRows(ArrayRows(picture(64, 64)), operator, "none", 16, Progress(switch))
    switch.cancel()
    with pytest.raises(Cancelled):
        rows.read(0, 128)
    assert len(operator.seen) == 1


@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize("grid", [1, 4, 8])
@pytest.mark.parametrize("size", [1, 7, 64, 100])
def test_spans_cover_once_and_keep_to_the_grid(size: int, grid: int, wraps: bool) -> None:
    cut = spans(size, 24, 5, grid, wraps)
    assert [span.start for span in cut] == [0, *(span.stop for span in cut[:-1])]
    assert cut[-1].stop == size
    for span in cut:
        assert span.read_start % grid == 0
        assert (span.read_stop - span.read_start) % grid == 0
        if not wraps:
            assert span.read_start >= 0
            assert span.read_stop <= -(-size // grid) * grid


def test_smallest_tile_is_smaller_than_the_largest() -> None:
    from matshot.inference.memory import LARGEST_TILE

    assert SMALLEST_TILE < LARGEST_TILE
