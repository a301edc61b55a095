"""Hard-edged holes in training patches."""

import numpy as np
import torch

from matshot_export.cut_outs import with_cut_outs


def test_no_pixel_is_mixed():
    rng = np.random.default_rng(0)
    images = (torch.arange(60).view(60, 1, 1, 1) + 100).expand(60, 3, 40, 40).byte().contiguous()
    before = images.clone()
    cut = with_cut_outs(images, 0.5, rng)
    assert torch.equal(images, before)
    assert cut.shape == images.shape
    assert cut.dtype == torch.uint8
    behind = set()
    for number, image in enumerate(cut):
        colors = image.flatten(1).unique(dim=1)
        assert colors.shape[1] <= 2
        others = [
            tuple(color.tolist()) for color in colors.T if int(color[0]) != 100 + number or color.unique().numel() > 1
        ]
        behind.update(
            "black" if color == (0, 0, 0) else "image" if len(set(color)) == 1 else "plain" for color in others
        )
    assert behind == {"black", "plain", "image"}
    whole = [torch.equal(a, b) for a, b in zip(cut, images, strict=True)]
    assert 20 <= sum(whole) <= 40


def test_nothing_is_cut_without_share():
    images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    assert with_cut_outs(images, 0.0, np.random.default_rng(0)) is images
