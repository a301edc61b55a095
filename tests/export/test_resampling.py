"""Bicubic matrices and kernels against the definition and against each other."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from matshot_export.networks.resampling import (
    REACH,
    cubic,
    enlarge_kernel,
    enlarge_taps,
    sharpen_kernel,
    shrink_kernel,
    shrink_matrix,
    shrink_taps,
)

SCALES = (2, 3, 4)


def enlarged(plane, scale):
    """Keys' interpolation written out pixel by pixel along the first axis, the edge repeated."""
    rows = []
    for row in range(len(plane) * scale):
        center = (row + 0.5) / scale - 0.5
        near = np.arange(np.floor(center) - 1, np.floor(center) + 3)
        rows.append(cubic(center - near) @ plane[near.astype(int).clip(0, len(plane) - 1)])
    return np.array(rows)


def packed_filter(x, kernel, margin="replicate"):
    return F.conv2d(F.pad(x, (kernel.shape[-1] // 2,) * 4, mode=margin), kernel)


def test_cubic_interpolates():
    np.testing.assert_allclose(cubic(np.array([0.0, 1.0, -1.0, 2.0, 2.5])), [1, 0, 0, 0, 0], atol=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_taps_sum_to_one(scale):
    assert shrink_taps(scale).sum() == pytest.approx(1)
    np.testing.assert_allclose(enlarge_taps(scale).sum(axis=1), 1)
    np.testing.assert_allclose(shrink_matrix(8 * scale, scale).sum(dim=1), 1, atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_taps_are_symmetric(scale):
    np.testing.assert_allclose(shrink_taps(scale), shrink_taps(scale)[::-1])
    np.testing.assert_allclose(enlarge_taps(scale), enlarge_taps(scale)[::-1, ::-1])


@pytest.mark.parametrize("scale", SCALES)
def test_enlarging_is_keys_interpolation(scale):
    x = torch.rand(1, 2, 7, 9)
    result = F.pixel_shuffle(packed_filter(x, enlarge_kernel(scale, 2)), scale)
    for given, plane in zip(result[0].numpy(), x[0].double().numpy(), strict=True):
        np.testing.assert_allclose(given, enlarged(enlarged(plane, scale).T, scale).T, atol=1e-5)


@pytest.mark.parametrize("scale", SCALES)
def test_enlarging_keeps_a_ramp(scale):
    ramp = torch.arange(12.0).view(1, 1, 1, 12).expand(1, 1, 12, 12)
    result = F.pixel_shuffle(packed_filter(ramp, enlarge_kernel(scale, 1)), scale)[0, 0, 0]
    inside = slice(2 * scale, -2 * scale)
    wanted = (torch.arange(12.0 * scale) + 0.5) / scale - 0.5
    torch.testing.assert_close(result[inside], wanted[inside])


@pytest.mark.parametrize("scale", SCALES)
def test_shrink_matrix_and_kernel_agree(scale):
    size = 6 * scale
    x = torch.rand(2, 3, size + 2 * REACH * scale, size + 2 * REACH * scale)
    matrix = shrink_matrix(size, scale)
    by_kernel = F.conv2d(F.pixel_unshuffle(x, scale), shrink_kernel(scale, 3))
    torch.testing.assert_close(matrix @ x @ matrix.T, by_kernel)


@pytest.mark.parametrize("scale", [2, 4])
def test_shrinking_is_pillows(scale):
    image = pytest.importorskip("PIL.Image", reason="compares with Pillow")
    x = np.random.default_rng(0).random((10 * scale, 10 * scale), dtype=np.float32)
    theirs = np.asarray(image.fromarray(x).resize((10, 10), image.Resampling.BICUBIC))
    matrix = shrink_matrix(6 * scale, scale).numpy()
    np.testing.assert_allclose(matrix @ x @ matrix.T, theirs[2:-2, 2:-2], atol=1e-5)


@pytest.mark.parametrize("scale", SCALES)
def test_sharpening_is_two_less_down_of_up(scale):
    x = torch.zeros(1, 1, 21, 21)
    x[..., 10, 10] = 1
    up = packed_filter(x, enlarge_kernel(scale, 1), "constant")
    down = packed_filter(up, shrink_kernel(scale, 1), "constant")
    torch.testing.assert_close(packed_filter(x, sharpen_kernel(scale, 1), "constant"), 2 * x - down)
