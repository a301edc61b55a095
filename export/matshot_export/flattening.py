"""Flash photographs without their lamp, as the capture tools hand them to the network; on any device.

The tools fit a lamp and the mean reflectance to a photograph, divide by what they would show, take out what depends on
place or on the distance to the highlight still, make contrast the same in all rings around it, and fill what has burnt
out (``matshot.capture.flattening``). Here the fit is the truth with an error, and the rest is done on coarser cells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from .photography import Flash, Photograph, at_exposure, linear_from_srgb, srgb
from .rendering import Maps, unit

#: What is added before logarithms are taken, in medians of the photograph.
_FLOOR = 0.02
#: Most that a trend takes out of brightness and of chroma.
_MOST_UNEXPLAINED = (0.8, 0.3)
#: Width and number of the rings in which a trend is seen, in longer sides.
_RING = 0.035
_RINGS = 26
#: Slope by which a response is measured.
_STEP = 0.02
#: Pixels of a cell, along a side of it, and of the coarser ones by which place is told.
_CELL = 4
_COARSE = 32
#: Rings of equal area and sectors in which contrast is compared; bands of detail.
_CONTRAST_RINGS = 16
_SECTORS = 8
_BANDS = 5
_GAINS = (0.3, 4.0)
#: Pixels around one that must mostly be burnt for it to be lost, and by which what is lost grows.
_DENSE = 8
_GROWN = 6
#: Exposure of flash photographs and evenly lit ones that the tools choose for the network.
_FLASH_LEVEL = (0.99, 0.98)
_EVEN_LEVEL = (0.995, 0.9)


@dataclass(frozen=True)
class Flattened:
    """A flash photograph as the network gets it.

    Attributes:
        relit: ``(N, 3, H, W)``, display-encoded, as the lamp would have lit it without fall-off.
        even: ``(N, 3, H, W)``, display-encoded, without any lamp.
        tangents: ``(N, 2, H, W)`` of the direction from the lamp.
        known: ``(N, 1, H, W)``, 1 where the photograph had not burnt out.
        response: ``(N, 3, H, W)``, how a level surface of the mean reflectance responds to slopes: change of the
            logarithm of its radiance by a slope along x and y, and the highlight's share of the radiance.
    """

    relit: torch.Tensor
    even: torch.Tensor
    tangents: torch.Tensor
    known: torch.Tensor
    response: torch.Tensor


def flattened(
    photograph: Photograph, flash: Flash, maps: Maps, positions: torch.Tensor, rng: np.random.Generator
) -> Flattened:
    """Photographs without their lamp.

    Args:
        photograph: as stored.
        flash: how it was taken, of which a guess is used.
        maps: of the surfaces, of which means are.
        positions: of the pixels.
        rng: of the guess.
    """
    guess = flash.guessed(rng)
    mean = _mean_maps(flash.coated(maps), rng)
    model = flash_of_mean(guess, mean, positions)
    light = linear_from_srgb(photograph.pixels)
    # The exposure is part of the fit.
    gain = _middle(light) / _middle(model).clamp(min=1e-9)
    model = model * gain
    floor = _FLOOR * torch.maximum(_middle(light), 0.2 * _middle(light).amax(1, keepdim=True))
    left = torch.log((light + floor) / (model + floor))
    half = guess.light[:, :2] / 2
    distance = (positions[:, :2] - half).square().sum(1, keepdim=True).sqrt()
    known = 1 - _hole(photograph.clipped)
    share = torch.from_numpy(rng.uniform(0.6, 1, (len(left), 1, 1, 1)).astype(np.float32)).to(left.device)
    left = left - share * _trend(left, known, distance)
    left = _with_even_contrast(left, known, distance, positions, half)
    color = torch.exp(left) * mean.base_color
    usual = (color * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(min=1)
    color = (color * (mean.base_color / usual.clamp(min=1e-4))).clamp(0.001, 1)
    # Holes get the texture of elsewhere.
    height, width = color.shape[2:]
    moved = color.roll((height // 3, width // 3), (2, 3))
    color = torch.lerp(moved, color, F.avg_pool2d(known, 5, 1, 2, count_include_pad=False))
    straight = Flash(
        guess.camera, guess.light, torch.zeros_like(guess.falloff), guess.color, guess.coat * 0, guess.gloss
    )
    relit = flash_of_mean(straight, mean, positions) * (color / mean.base_color)
    return Flattened(
        srgb(at_exposure(relit, *_FLASH_LEVEL).clamp(0, 1)),
        srgb(at_exposure(color, *_EVEN_LEVEL).clamp(0, 1)),
        ((positions[:, :2] - guess.light[:, :2]) / guess.light[:, 2:]).expand(len(color), -1, -1, -1),
        known,
        response_of_mean(guess, mean, positions),
    )


def evenly_exposed(photograph: Photograph) -> torch.Tensor:
    """A photograph without flash at the exposure that the tools choose, display-encoded."""
    return srgb(at_exposure(linear_from_srgb(photograph.pixels), *_EVEN_LEVEL).clamp(0, 1))


def flash_of_mean(
    flash: Flash, mean: Maps, positions: torch.Tensor, normal: torch.Tensor | None = None
) -> torch.Tensor:
    """What a flash shows of plane surfaces of mean reflectance; level ones, or all with the normal ``(1, 3, 1, 1)``."""
    up = positions.new_tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1) if normal is None else normal
    size = (len(mean.base_color), -1, *positions.shape[2:])
    level = Maps(mean.base_color.expand(size), up.expand(size), mean.roughness.expand(size), mean.metallic.expand(size))
    return flash.radiance(level, positions)


def response_of_mean(flash: Flash, mean: Maps, positions: torch.Tensor) -> torch.Tensor:
    """How level surfaces of mean reflectance respond to slopes, see :class:`Flattened`."""
    # It is smooth, so that coarse places have all of it.
    places = F.avg_pool2d(positions, _CELL)

    def brightness(right: float, up: float, surface: Maps = mean) -> torch.Tensor:
        tilted = unit(places.new_tensor([right, up, 1.0]).view(1, 3, 1, 1))
        return flash_of_mean(flash, surface, places, tilted).mean(1, keepdim=True) + 1e-9

    along = [
        torch.log(brightness(*step) / brightness(-step[0], -step[1])) / (2 * _STEP)
        for step in ((_STEP, 0.0), (0.0, _STEP))
    ]
    # Without a color of its own, what is left of a dielectric is what it mirrors.
    black = replace(mean, base_color=torch.lerp(torch.zeros_like(mean.base_color), mean.base_color, mean.metallic))
    glare = brightness(0, 0, black) / brightness(0, 0)
    return F.interpolate(torch.cat([*along, glare], dim=1), scale_factor=_CELL, mode="bilinear")


def _hole(clipped: torch.Tensor) -> torch.Tensor:
    """1 where the highlight has burnt out, ``(N, 1, H, W)``; single bright specks of a texture are no holes."""
    burnt = (clipped.sum(1, keepdim=True) >= 2).float()
    dense = (F.avg_pool2d(burnt, 2 * _DENSE + 1, 1, _DENSE) > 0.5).float() * burnt
    return F.max_pool2d(dense, 2 * _GROWN + 1, 1, _GROWN)


def _mean_maps(maps: Maps, rng: np.random.Generator) -> Maps:
    """Means ``(N, C, 1, 1)`` as the fit of a highlight finds them: what relief widens it by is in the roughness."""
    over, count = (2, 3), len(maps.normal)
    slopes = (maps.normal[:, :2] / maps.normal[:, 2:].clamp(min=0.2)).clamp(-1.5, 1.5)
    width = maps.roughness.mean(over, keepdim=True) ** 4 + 2 * slopes.square().mean((1, 2, 3), keepdim=True)

    def drawn(deviation: float) -> torch.Tensor:
        factors = np.exp(rng.normal(0, deviation, (count, 1, 1, 1))).astype(np.float32)
        return torch.from_numpy(factors).to(maps.normal.device)

    return Maps(
        (maps.base_color.mean(over, keepdim=True) * drawn(0.25)).clamp(0.005, 1),
        maps.normal[:, :, :1, :1],
        (width**0.25 * drawn(0.1)).clamp(0.06, 0.95),
        (maps.metallic.mean(over, keepdim=True) > 0.5).float(),
    )


def _middle(planes: torch.Tensor) -> torch.Tensor:
    """Medians ``(N, 3, 1, 1)``."""
    return planes[:, :, ::8, ::8].flatten(2).median(dim=2).values[:, :, None, None]


def _trend(left: torch.Tensor, known: torch.Tensor, distance: torch.Tensor) -> torch.Tensor:
    """What depends on the distance to the highlight, or on the place, ``(N, 3, H, W)``; brightness and chroma apart."""
    size = left.shape[2:]
    weight = F.avg_pool2d(known, _CELL)
    cells = F.avg_pool2d(left * known, _CELL) / weight.clamp(min=1e-3)
    bright = cells.mean(1, keepdim=True)
    parts = torch.cat([bright, cells - bright], dim=1)
    number = (F.avg_pool2d(distance, _CELL) / _RING).clamp(max=_RINGS - 1.01)
    below = number.floor()
    ring = below.long().flatten(1)
    upper = (number - below).flatten(1)
    total = parts.new_zeros(len(parts), 5, _RINGS + 1)
    values = torch.cat([parts * weight, weight], dim=1).flatten(2)
    for index, share in ((ring, 1 - upper), (ring + 1, upper)):
        total.scatter_add_(2, index[:, None].expand(-1, 5, -1), values * share[:, None])
    count = total[:, 4:]
    usual = total[:, :4].sum(2, keepdim=True) / count.sum(2, keepdim=True).clamp(min=1)
    # Rings of few pixels lean on the mean.
    rings = (total[:, :4] - usual * count) / (count + 0.02 * weight[0].numel() / _RINGS)
    of_ring = [rings.gather(2, index[:, None].expand(-1, 4, -1)) for index in (ring, ring + 1)]
    found = torch.lerp(of_ring[0], of_ring[1], upper[:, None]).view_as(parts)
    step = _COARSE // _CELL
    many = F.avg_pool2d(weight, step)
    rest = F.avg_pool2d((parts - usual[..., None] - found) * weight, step)
    for _ in range(4):
        rest, many = (F.avg_pool2d(p, 3, 1, 1, count_include_pad=False) for p in (rest, many))
    found = found + F.interpolate(rest / (many + 0.2), size=found.shape[2:], mode="bilinear")
    limits = found.new_tensor([_MOST_UNEXPLAINED[0], *[_MOST_UNEXPLAINED[1]] * 3]).view(1, 4, 1, 1)
    found = limits * torch.tanh(found / limits)
    found = found[:, :1] + found[:, 1:]
    return F.interpolate(found, size=size, mode="bilinear")


def _with_even_contrast(
    left: torch.Tensor, known: torch.Tensor, distance: torch.Tensor, positions: torch.Tensor, middle: torch.Tensor
) -> torch.Tensor:
    """Bands of detail with the same contrast in all rings around the highlight, as far as rings differ by more than
    sectors of one ring do.
    """
    from_middle = positions[:, :2] - middle
    angle = torch.atan2(from_middle[:, 1:], from_middle[:, :1])
    sector = ((angle / (2 * torch.pi) + 0.5) * _SECTORS).long().clamp(max=_SECTORS - 1)
    shares = torch.arange(1, _CONTRAST_RINGS, device=left.device) / _CONTRAST_RINGS
    ring = torch.stack(
        [
            torch.bucketize(plane.contiguous(), torch.quantile(plane[::8, ::8].flatten(), shares))
            for plane in distance[:, 0]
        ]
    )[:, None]
    coarse_ring, coarse_sector = ring[:, :, ::_CELL, ::_CELL], sector[:, :, ::_CELL, ::_CELL]
    bins = (coarse_ring * _SECTORS + coarse_sector).flatten(1)
    weight = F.avg_pool2d(known, _CELL).flatten(1)
    number = _CONTRAST_RINGS * _SECTORS
    count = weight.new_zeros(len(left), number).scatter_add_(1, bins, weight).view(-1, _CONTRAST_RINGS, _SECTORS)
    bright = left.mean(1, keepdim=True)
    rest = torch.cat([bright, left - bright], dim=1)
    result = torch.zeros_like(rest)
    for level in range(_BANDS):
        softer = _soft(rest, level)
        band = rest - softer
        gains = []
        for part in (band[:, :1], band[:, 1:]):
            strength = F.avg_pool2d(part.abs().mean(1, keepdim=True) * known, _CELL).flatten(1)
            total = strength.new_zeros(len(left), number).scatter_add_(1, bins, strength).view_as(count)
            levels = torch.log((total / count.clamp(min=1)).clamp(min=1e-6))
            seen = (count > 8).float()
            each = (levels * seen).sum(2) / seen.sum(2).clamp(min=1)
            there = (seen.sum(2) > 1).float()
            usual = (each * there).sum(1, keepdim=True) / there.sum(1, keepdim=True).clamp(min=1)
            within = ((levels - each[..., None]).square() * seen).sum(2) / seen.sum(2).clamp(min=1).square()
            chance = (within * there).sum(1) / there.sum(1).clamp(min=1)
            spread = ((each - usual).square() * there).sum(1) / there.sum(1).clamp(min=1)
            share = (1 - chance / spread.clamp(min=1e-9)).clamp(min=0)
            gain = torch.exp(share[:, None] * (usual - each) * there).clamp(*_GAINS)
            plane = gain.gather(1, coarse_ring.flatten(1)).view(len(left), 1, *coarse_ring.shape[2:])
            plane = F.avg_pool2d(plane, 9, 1, 4, count_include_pad=False)
            gains.append(F.interpolate(plane, size=left.shape[2:], mode="bilinear"))
        result = result + torch.cat([band[:, :1] * gains[0], band[:, 1:] * gains[1]], dim=1)
        rest = softer
    result = result + rest
    return result[:, :1] + result[:, 1:]


def _soft(planes: torch.Tensor, level: int) -> torch.Tensor:
    """Blurred with a deviation of about 0.8 pixels times 2^level."""
    shrink = 2 ** max(0, level - 1)
    small = F.avg_pool2d(planes, shrink) if shrink > 1 else planes
    for _ in range(1 if level == 0 else 3):
        small = F.avg_pool2d(F.pad(small, (1, 1, 1, 1), mode="reflect"), 3, 1)
    return F.interpolate(small, size=planes.shape[2:], mode="bilinear") if shrink > 1 else small
