"""Hard edges: holes as decals, atlases and masked scans have them.

No pixel of such an edge is mixed from both sides, as all pixels of photographed edges are, so a network that has seen
photographs alone leaves them soft.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

#: Pixels of a hole's steps: masks are often of a lower resolution than what they cut.
STEPS = (1, 1, 2, 3, 4)

#: Cells of the noise that holes are cut from, along a side of the image: at least, and fewer than.
CELLS = (3, 24)


def with_cut_outs(images: torch.Tensor, share: float, rng: np.random.Generator) -> torch.Tensor:
    """Some of the images with holes, through which black, a plain color or another of the images shows.

    Args:
        images: ``uint8 (N, C, size, size)``.
        share: of images that get holes.
        rng: of every choice.

    Returns:
        ``uint8``, of the same shape; the images themselves when none was chosen.
    """
    count = rng.binomial(len(images), share)
    if not count:
        return images
    device, size = images.device, images.shape[-1]
    step, cells = int(rng.choice(STEPS)), int(rng.integers(*CELLS))
    noise = torch.from_numpy(rng.random((count, 1, cells, cells), dtype=np.float32)).to(device)
    field = F.interpolate(noise, size=(-(-size // step) + 1,) * 2, mode="bicubic", align_corners=False)
    level = torch.from_numpy(rng.uniform(0.35, 0.65, (count, 1, 1, 1)).astype(np.float32)).to(device)
    top, left = rng.integers(step, size=2)
    holes = (field > level).repeat_interleave(step, 2).repeat_interleave(step, 3)
    holes = holes[..., top : top + size, left : left + size]
    plain = rng.integers(256, size=(count, images.shape[1], 1, 1), dtype=np.uint8)
    seen = rng.integers(3, size=(count, 1, 1, 1))
    behind = torch.from_numpy(np.where(seen == 0, np.uint8(0), plain)).to(device)
    others = torch.from_numpy(seen == 2).to(device)
    cut, rest = images[:count], images[count:]
    shown = torch.where(others, images.roll(1, 0)[:count], behind)
    return torch.cat([torch.where(holes, shown, cut), rest])
