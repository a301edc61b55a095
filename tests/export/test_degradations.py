"""JPEG and block compression of batches, and how often each happens."""

import numpy as np
import OpenImageIO as oiio
import pytest
import torch

from matshot_export.degradations import Degradation, block_compressed, jpeg


def smooth(height=32, width=48, channels=3):
    y, x = np.mgrid[:height, :width] / 16
    planes = [0.5 + 0.3 * np.sin(x * (1 + c)) * np.cos(y + c) for c in range(channels)]
    return np.stack(planes, axis=-1)


def of_one(change, image, *settings):
    """What a change of batches makes of one image ``H x W x 3``."""
    batch = torch.from_numpy(image).permute(2, 0, 1)[None]
    return change(batch, *(torch.tensor([setting]) for setting in settings))[0].permute(1, 2, 0).numpy()


def psnr(a, b):
    return -10 * np.log10(np.square(a - b).mean())


def test_jpeg_at_full_quality_leaves_almost_everything():
    image = np.repeat(smooth(channels=1), 3, axis=-1)
    assert psnr(of_one(jpeg, image, 100), image) > 50


def test_jpeg_loses_more_at_lower_quality():
    image = smooth() + 0.05 * np.random.default_rng(0).standard_normal((32, 48, 3))
    image = image.clip(0, 1)
    losses = [psnr(of_one(jpeg, image, quality), image) for quality in (95, 75, 40, 10)]
    assert losses == sorted(losses, reverse=True)


def test_jpeg_keeps_gray_and_its_range():
    assert np.abs(of_one(jpeg, np.full((16, 16, 3), 128 / 255), 75) - 128 / 255).max() < 1e-9
    result = of_one(jpeg, np.random.default_rng(0).integers(0, 2, (16, 16, 3)).astype(float), 20)
    assert result.min() >= 0
    assert result.max() <= 1


@pytest.mark.parametrize("quality", [30, 75, 92])
def test_jpeg_is_what_a_jpeg_file_holds(tmp_path, quality):
    # Of gray images only: decoders differ in how they bring chroma back to full size.
    noise = np.random.default_rng(1).normal(0, 0.05, (32, 48, 1))
    image = np.round((smooth(channels=1) + noise).clip(0, 1) * 255) / 255
    image = np.repeat(image, 3, axis=-1)
    spec = oiio.ImageSpec(48, 32, 3, oiio.UINT8)
    spec.attribute("compression", f"jpeg:{quality}")
    file = oiio.ImageOutput.create("x.jpg")
    assert file.open(str(tmp_path / "x.jpg"), spec)
    assert file.write_image((image * 255).round().astype(np.uint8))
    file.close()
    theirs = oiio.ImageBuf(str(tmp_path / "x.jpg")).get_pixels(oiio.FLOAT)
    # A coefficient halfway between two steps may fall either way, so a few blocks differ; the rest only by rounding.
    error = np.square((of_one(jpeg, image, quality) - theirs) * 255)
    assert np.median(error.reshape(4, 8, 6, 8, 3).mean(axis=(1, 3, 4))) < 0.2


def test_blocks_have_four_colors_of_565_bits():
    image = np.random.default_rng(0).random((16, 24, 3))
    result = of_one(block_compressed, image)
    assert result.shape == image.shape
    for top in range(0, 16, 4):
        for left in range(0, 24, 4):
            assert len(np.unique(result[top : top + 4, left : left + 4].reshape(16, 3), axis=0)) <= 4


def test_blocks_keep_what_they_can_hold():
    ends = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    image = ends[np.random.default_rng(0).integers(0, 2, (8, 8))]
    np.testing.assert_allclose(of_one(block_compressed, image), image, atol=1e-9)
    flat = np.full((8, 8, 3), 0.4)
    assert np.abs(of_one(block_compressed, flat) - flat).max() <= 0.5 / 31 + 1e-9


def batch():
    return torch.from_numpy(np.stack([smooth(16, 16)] * 6)).float().permute(0, 3, 1, 2)


def test_without_chance_nothing_changes():
    result = Degradation(jpeg=0, blocks=0)(batch(), np.random.default_rng(0))
    torch.testing.assert_close(result, batch())


@pytest.mark.parametrize("chances", [{"jpeg": 1.0, "blocks": 0.0}, {"jpeg": 0.0, "blocks": 1.0}])
def test_with_certainty_every_patch_changes(chances):
    result = Degradation(**chances)(batch(), np.random.default_rng(0))
    assert result.shape == batch().shape
    assert ((result - batch()).flatten(1).abs().max(dim=1).values > 1e-3).all()


def test_the_generator_decides():
    first, again = (Degradation(0.5, 0.5)(batch(), np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(first, again)


def test_the_input_is_left_alone():
    x = batch()
    Degradation(1.0, 0.0)(x, np.random.default_rng(0))
    assert torch.equal(x, batch())
