"""Phone photographs of surfaces, as tensors on any device: the lamp beside the lens, the camera, and what it stores.

What real flash photographs have, and ideal ones lack: the lamp stands 1 to 3 cm beside a lens that is 20 to 60 cm above
the surface; reflector and lens fall off with a high power of the cosine, beside the geometry; the phone is tilted;
surfaces are coated; tone curves are not sRGB's; channels clip one by one; there is noise, sharpening and JPEG.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from .degradations import jpeg
from .rendering import Maps, camera_distance, under_point_light, under_sky, unit

#: Share of photographs that have a coated surface.
_COATED = 0.15
#: Variance of noise for each unit of light, and without light.
_SHOT = 2e-4
_READ = 4e-6


@dataclass(frozen=True)
class Flash:
    """Flash photographs' geometry, ``(N, C, 1, 1)`` each, in longer sides of the photograph.

    Attributes:
        camera: place of the lens, 3 channels.
        light: of the lamp, 3 channels.
        falloff: exponent of the cosine to -Z, 1 channel.
        color: of the light, 3 channels.
        coat: share of the surface's coat, 0 for none.
        gloss: roughness of the coat.
    """

    camera: torch.Tensor
    light: torch.Tensor
    falloff: torch.Tensor
    color: torch.Tensor
    coat: torch.Tensor
    gloss: torch.Tensor

    @staticmethod
    def drawn(count: int, rng: np.random.Generator, device: torch.device) -> Flash:
        """As phones take them."""
        known = rng.random(count) < 0.5
        distance = np.array([camera_distance(60.0 if k else rng.uniform(40, 75)) for k in known])
        # A tilted phone is one that is not above the middle; what keystone that adds is less than a pixel or two.
        away = rng.normal(0, 0.035, (count, 2)) * (rng.random((count, 1)) < 0.6) * distance[:, None]
        turn = rng.uniform(0, 2 * np.pi, count)
        # 1 to 3 cm at 20 to 60 cm.
        beside = np.exp(rng.uniform(np.log(1 / 60), np.log(3 / 20), count)) * distance
        lamp = away + beside[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        falloff = np.where(rng.random(count) < 0.3, rng.uniform(0, 4, count), rng.uniform(4, 15, count))
        coated = rng.random(count) < _COATED
        return Flash(
            _channels(np.column_stack([away, distance]), device),
            _channels(np.column_stack([lamp, distance * np.exp(rng.normal(0, 0.01, count))]), device),
            _channels(falloff[:, None], device),
            _channels(np.exp(rng.normal(0, 0.04, (count, 3))), device),
            _channels((coated * rng.uniform(0.5, 1, count))[:, None], device),
            _channels(rng.uniform(0.06, 0.25, count)[:, None], device),
        )

    def radiance(self, maps: Maps, positions: torch.Tensor) -> torch.Tensor:
        """Linear light that reaches the lens, ``(N, 3, H, W)``."""
        seen = under_point_light(maps, positions, self.camera, self.light)
        if bool((self.coat > 0).any()):
            # The varnish has filled what is finest, and mirrors by itself.
            up = maps.normal.new_tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1)
            varnish = Maps(
                torch.zeros_like(maps.base_color),
                unit(torch.lerp(up.expand_as(maps.normal), maps.normal, 0.3)),
                self.gloss.expand_as(maps.roughness),
                torch.zeros_like(maps.metallic),
            )
            mirrored = under_point_light(varnish, positions, self.camera, self.light)
            seen = seen * (1 - 0.08 * self.coat) + mirrored * self.coat
        down = unit(self.light - positions)[:, 2:].clamp(min=1e-3)
        return seen * self.color * down**self.falloff

    def coated(self, maps: Maps) -> Maps:
        """The maps with the roughness that a coat gives to the highlight."""
        return Maps(maps.base_color, maps.normal, torch.lerp(maps.roughness, self.gloss, self.coat), maps.metallic)

    def guessed(self, rng: np.random.Generator) -> Flash:
        """The same as a fit to the photograph finds it: nearly."""
        count, device = len(self.camera), self.camera.device
        straight = torch.cat([torch.zeros_like(self.camera[:, :2]), self.camera[:, 2:]], dim=1)
        moved = rng.normal(0, 0.015, (count, 3)) * [1, 1, 0]
        lamp = torch.cat([self.light[:, :2], self.camera[:, 2:]], dim=1) + _channels(moved, device)
        falloff = (self.falloff + _channels(rng.normal(0, 0.7, (count, 1)), device)).clamp(min=0)
        return Flash(straight, lamp, falloff, torch.ones_like(self.color), self.coat, self.gloss)


def ambient_radiance(
    maps: Maps, openness: torch.Tensor, positions: torch.Tensor, camera: torch.Tensor, rng: np.random.Generator
) -> torch.Tensor:
    """Linear light of an overcast sky and one far light, ``(N, 3, H, W)``.

    Args:
        maps: of surfaces.
        openness: ``(N, 1, H, W)``, what of the sky each point sees.
        positions: of the pixels.
        camera: place of the lens.
        rng: of the light.
    """
    count, device = len(maps.normal), maps.normal.device
    turn, low = rng.uniform(0, 2 * np.pi, count), rng.uniform(0.25, 1.3, count)
    sun = np.column_stack([np.cos(turn) * np.cos(low), np.sin(turn) * np.cos(low), np.sin(low)])
    share = rng.uniform(0, 0.6, count) * np.pi * (rng.random(count) < 0.85)
    sky = _channels(np.exp(rng.normal(0, 0.06, (count, 3))), device)
    sunlight = _channels(np.exp(rng.normal(0, 0.08, (count, 3))) * share[:, None], device)
    view = unit(camera - positions)
    direction = _channels(sun, device)
    dark = torch.zeros_like(sky)
    return under_sky(maps, view, sky, direction, dark) * openness + under_sky(maps, view, dark, direction, sunlight)


@dataclass(frozen=True)
class Photograph:
    """What a camera stored.

    Attributes:
        pixels: ``(N, 3, H, W)``, display-encoded in [0, 1].
        clipped: same shape, where a channel has reached its end.
    """

    pixels: torch.Tensor
    clipped: torch.Tensor


def taken(
    radiance: torch.Tensor, quantile: float, level: float, rng: np.random.Generator, noise: torch.Generator
) -> Photograph:
    """A photograph of linear radiance: exposure, noise, tone curve, sharpening, 8 bits and JPEG.

    Args:
        radiance: ``(N, 3, H, W)``, sides multiples of 16.
        quantile: of the brightest channel that is exposed for.
        level: that it is exposed to.
        rng: of the camera.
        noise: of the sensor, on the device.
    """
    count, device = len(radiance), radiance.device

    def drawn(values: np.ndarray) -> torch.Tensor:
        return _channels(values[:, None], device)

    bright = torch.where(
        drawn(rng.random(count)) < 0.4, drawn(rng.uniform(0.95, 1.5, count)), torch.ones((), device=device)
    )
    signal = at_exposure(radiance, quantile, level) * bright
    strength = drawn(rng.choice([0.5, 1.0, 2.0], count))
    random = torch.randn(signal.shape, generator=noise, device=device)
    signal = signal + strength * random * (signal.clamp(min=0) * _SHOT + _READ).sqrt()
    # A shoulder on some, so that highlights roll off; a power and an S on all.
    knee = torch.where(
        drawn(rng.random(count)) < 0.35, drawn(rng.uniform(0.5, 0.9, count)), torch.full((), 1e3, device=device)
    )
    above = (signal - knee).clamp(min=0)
    rest = (1 - knee).clamp(min=0.05)
    signal = torch.where(signal > knee, knee + rest * (1 - torch.exp(-above / rest)), signal)
    clipped = signal > 0.97
    stored = srgb(signal.clamp(0, 1)) ** drawn(np.exp(rng.normal(0, 0.08, count)))
    bend = drawn(rng.normal(0, 0.25, count).clip(-0.4, 0.6))
    stored = stored + bend * stored * (1 - stored) * (2 * stored - 1)
    # Phones sharpen, lenses blur.
    amount = drawn(rng.uniform(-0.5, 0.6, count) * (rng.random(count) < 0.7))
    soft = F.avg_pool2d(F.pad(stored, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    stored = (stored + amount * (stored - soft)).clamp(0, 1)
    quality = torch.from_numpy(rng.choice([82, 88, 92, 95, 98], count)).to(device)
    return Photograph((jpeg(stored, quality) * 255).round() / 255, clipped)


def at_exposure(radiance: torch.Tensor, quantile: float, level: float) -> torch.Tensor:
    """Light whose brightest channel has a given quantile at a given level."""
    brightest = radiance.amax(1)[:, ::4, ::4].flatten(1)
    return radiance * (level / torch.quantile(brightest, quantile, dim=1).clamp(min=1e-6)).view(-1, 1, 1, 1)


def srgb(linear: torch.Tensor) -> torch.Tensor:
    """The transfer function of IEC 61966-2-1."""
    return torch.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=1e-6) ** (1 / 2.4) - 0.055)


def linear_from_srgb(stored: torch.Tensor) -> torch.Tensor:
    """Its inverse."""
    return torch.where(stored < 0.04045, stored / 12.92, ((stored.clamp(min=0) + 0.055) / 1.055) ** 2.4)


def _channels(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """``N x C`` to ``(N, C, 1, 1)``."""
    return torch.from_numpy(np.asarray(values, dtype=np.float32)).to(device)[:, :, None, None]
