"""The renderer in torch: what training photographs look like, and what a rendering loss compares.

The model is that of ``matshot.shading.brdf`` and ``matshot.shading.render`` (isotropic GGX, a plane at z = 0, the
longer side of the photograph as unit); a test holds the two together. Planes are ``(N, C, H, W)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

#: Least roughness that is rendered, and the reflectance of dielectrics at normal incidence.
SMOOTHEST = 0.05
DIELECTRIC = 0.04
_EPSILON = 1e-6


@dataclass(frozen=True)
class Maps:
    """Reflectance of a batch of surfaces.

    Attributes:
        base_color: ``(N, 3, H, W)``, linear.
        normal: ``(N, 3, H, W)`` unit vectors, +X right, +Y up.
        roughness: ``(N, 1, H, W)``, perceptual.
        metallic: ``(N, 1, H, W)``.
    """

    base_color: torch.Tensor
    normal: torch.Tensor
    roughness: torch.Tensor
    metallic: torch.Tensor

    def cut(self, rows: slice, columns: slice) -> Maps:
        """A rectangle of every map."""
        return Maps(*(plane[..., rows, columns] for plane in vars(self).values()))


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors along dimension 1, made unit; several times faster than torch's own over a strided dimension."""
    return vectors * (vectors.square().sum(1, keepdim=True) + 1e-12).rsqrt()


def plane_positions(height: int, width: int) -> torch.Tensor:
    """Where every pixel lies on the plane, ``(1, 3, H, W)``."""
    longer = max(height, width)
    x = (torch.arange(width) + 0.5 - width / 2) / longer
    y = (height / 2 - torch.arange(height) - 0.5) / longer
    zero = torch.zeros(height, width)
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width), zero])[None]


def camera_distance(fov: float) -> float:
    """Height of the camera above the plane for a field of view in degrees across the longer side."""
    return 0.5 / math.tan(math.radians(fov) / 2)


def reflected(maps: Maps, view: torch.Tensor, light: torch.Tensor) -> torch.Tensor:
    """BRDF times the cosine of the light, ``(N, 3, H, W)``.

    Args:
        maps: of the surface.
        view: unit vectors to the camera, broadcastable to ``(N, 3, H, W)``.
        light: unit vectors to the light, likewise.
    """
    normal = maps.normal
    half = unit(view + light)
    n_l = (normal * light).sum(1, keepdim=True).clamp(min=0)
    n_v = (normal * view).sum(1, keepdim=True).clamp(min=1e-3)
    n_h = (normal * half).sum(1, keepdim=True).clamp(0, 1)
    v_h = (view * half).sum(1, keepdim=True).clamp(0, 1)
    alpha2 = maps.roughness.clamp(min=SMOOTHEST) ** 4
    # 1 - n_h^2 of unit vectors cancels badly in single precision where highlights are sharp.
    sine2 = (normal - half * n_h).square().sum(1, keepdim=True)
    lobe = alpha2 / (math.pi * (sine2 + alpha2 * n_h.square()).square() + 1e-9)
    # D G / (4 n_l n_v) with height-correlated Smith: no division by the cosines is left.
    shadowing = (
        n_l * (alpha2 + (1 - alpha2) * n_v.square()).sqrt() + n_v * (alpha2 + (1 - alpha2) * n_l.square()).sqrt()
    )
    strength = lobe * 0.5 / (shadowing + _EPSILON)
    normal_incidence = DIELECTRIC * (1 - maps.metallic) + maps.base_color * maps.metallic
    fresnel = normal_incidence + (1 - normal_incidence) * (1 - v_h) ** 5
    diffuse = maps.base_color * ((1 - maps.metallic) / math.pi)
    return torch.where(light[:, 2:] > 0, (diffuse + fresnel * strength) * n_l, 0.0)


def under_point_light(
    maps: Maps, positions: torch.Tensor, camera: torch.Tensor, light: torch.Tensor, intensity: float = 1.0
) -> torch.Tensor:
    """Linear radiance of the plane under a point light.

    Args:
        maps: of the surface.
        positions: ``(1 or N, 3, H, W)`` from :func:`plane_positions`.
        camera: ``(N or 1, 3, 1, 1)``.
        light: ``(N or 1, 3, 1, 1)``.
        intensity: radiant, in units of the photograph.
    """
    to_light = light - positions
    distance2 = to_light.square().sum(1, keepdim=True)
    to_camera = unit(camera - positions)
    return reflected(maps, to_camera, to_light * distance2.rsqrt()) * (intensity / distance2)


def under_sky(
    maps: Maps, view: torch.Tensor, sky: torch.Tensor, sun: torch.Tensor, sunlight: torch.Tensor
) -> torch.Tensor:
    """Linear radiance under an overcast dome and one far light.

    The dome's diffuse light is exact; its reflection is the split-sum fit of Karis 2014, "Physically based shading on
    mobile".

    Args:
        maps: of the surface.
        view: unit vectors to the camera.
        sky: ``(N, 3, 1, 1)`` radiance of the dome.
        sun: ``(N, 3, 1, 1)`` unit vector to the far light.
        sunlight: ``(N, 3, 1, 1)`` its irradiance.
    """
    lit = reflected(maps, view, sun.expand_as(maps.normal)) * sunlight
    open_sky = 0.5 + 0.5 * maps.normal[:, 2:]
    normal_incidence = DIELECTRIC * (1 - maps.metallic) + maps.base_color * maps.metallic
    n_v = (maps.normal * view).sum(1, keepdim=True).clamp(0, 1)
    roughness = maps.roughness
    a, b, c = 1 - roughness, 0.0425 - 0.0275 * roughness, 1.04 - 0.572 * roughness
    d = 0.022 * roughness - 0.04
    grazing = torch.minimum(a.square(), torch.exp2(-9.28 * n_v)) * a + b
    reflection = normal_incidence * (c - 1.04 * grazing).clamp(min=0) + (1.04 * grazing + d)
    return lit + sky * open_sky * (maps.base_color * (1 - maps.metallic) + reflection)
