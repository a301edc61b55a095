"""Reflectance of every pixel of a tile from its lumitexels, by nonlinear least squares.

All pixels take Levenberg-Marquardt steps at once, each with its own small normal equations and its own damping. What couples
them, the priors of Aittala, Weyrich and Lehtinen 2015 ("Two-Shot SVBRDF Capture for Stationary Materials", section 4.3),
alternates with the steps: smoothness, integrable normals and the tile's mean specular are where each pixel is pulled to
in the next round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ..brdf import Values, ggx_with_gradient
from ..color import Pixels
from ..errors import MatshotError
from ..jobs import Progress
from ..normals import height_from_normal
from ..render import Camera, PointLight
from ..surface import DIELECTRIC, Surface
from .lumitexels import Lumitexels

Model: TypeAlias = Literal["stretched", "ggx"]

#: Pixels that are fitted at once.
_BLOCK = 1024


@dataclass(frozen=True)
class Priors:
    """What is expected of a surface, as deviations; infinity expects nothing.

    Attributes:
        slope: of the normal's slopes from level.
        integrable: of the slopes from those of a height field.
        specular: of roughness from the tile's mean.
        smooth: of parameters from the mean of their neighbours.
        initial: of slopes and roughness from a given surface's, and of the logarithm of its base color.
    """

    slope: float = 0.5
    integrable: float = 0.15
    specular: float = 0.15
    smooth: float = 0.5
    initial: float = 0.2


NO_PRIORS = Priors(np.inf, np.inf, np.inf, np.inf, np.inf)


@dataclass(frozen=True)
class Fit:
    """What was fitted.

    Attributes:
        surface: of the tile.
        intensity: of the flash, in the photograph's units: what the renderer is to be given with the surface.
        residual: typical difference of the logarithms of lumitexels and prediction.
    """

    surface: Surface
    intensity: float
    residual: float


class _Rays:
    """Directions and strength of the flash's light for lumitexels ``N x K``."""

    def __init__(self, points: Pixels, camera: Camera, lamp: PointLight) -> None:
        towards = np.asarray(lamp.position, np.float32) - points
        back = np.asarray(camera.position, np.float32) - points
        squared = np.square(towards).sum(axis=-1, keepdims=True)
        self.light = towards / np.sqrt(squared)
        self.view = back / np.sqrt(np.square(back).sum(axis=-1, keepdims=True))
        self.strength = self.light[..., 2:] ** lamp.falloff * self.view[..., 2:] ** camera.vignetting / squared


class _Ggx:
    """Parameters of a pixel: logarithm of base color, slopes of the normal, roughness."""

    count = 6

    def __init__(self, metallic: Pixels, specular: float) -> None:
        self.metallic, self.specular = metallic, specular

    def predicted(self, theta: Values, pixels: Any, rays: _Rays, intensity: float) -> tuple[Values, Values, list[Values]]:
        """Radiance ``n x K x 3`` and derivatives: by each channel's own parameter, and by each shared one."""
        p, q = theta[:, 3], theta[:, 4]
        nz = 1 / np.sqrt(1 + p * p + q * q)
        normal = np.stack([p * nz, q * nz, nz], axis=-1)[:, np.newaxis]
        base = np.exp(theta[:, :3])[:, np.newaxis]
        f, d = ggx_with_gradient(normal, rays.view, rays.light, base, theta[:, 5, None, None], self.metallic[pixels][:, None, None], self.specular)
        nl = (normal * rays.light).sum(axis=-1, keepdims=True)
        scale = rays.strength * np.float32(intensity)
        cosine = np.maximum(nl, 0) * scale
        # dnl/dp = (l_x - n_x (n.l)) n_z
        dp = (rays.light[..., :1] - normal[..., :1] * nl) * nz[:, None, None] * scale
        dq = (rays.light[..., 1:2] - normal[..., 1:2] * nl) * nz[:, None, None] * scale
        return f * cosine, d.base_color * base * cosine, [d.slope_x * cosine + f * dp, d.slope_y * cosine + f * dq, d.roughness * cosine]


@dataclass
class _Problem:
    values: Pixels      # N K 3
    weight: Pixels      # N K
    deviation: Pixels   # K? N K
    points: Pixels
    camera: Camera
    lamp: PointLight
    floor: float


def _irradiance(theta, light):
    p, q = theta[:, 3], theta[:, 4]
    nz = 1 / np.sqrt(1 + p * p + q * q)
    n = np.stack([np.ones_like(p), p * nz, q * nz, nz], axis=1)
    return np.maximum(n @ light, 0.05 * light[[0, 3]].sum(0)), nz


def _solved(model, problem, theta, intensity, target, precision, iterations, ambient=None, light=None, ambient_deviation=0.05, progress=None):
    """LM. theta N P. target/precision N P."""
    theta = theta.copy()
    cost_all = np.zeros(len(theta), np.float32)
    P = model.count; Q = P - 3
    for start in range(0, len(theta), _BLOCK):
        px = slice(start, min(start + _BLOCK, len(theta)))
        rays = _Rays(problem.points[px], problem.camera, problem.lamp)
        y = np.log(problem.values[px] + problem.floor)
        W = problem.weight[px]; inv = (1 / problem.deviation[px])[..., None]
        tgt, prec = target[px], precision[px]
        ya = None if ambient is None else np.log(ambient[px])
        def evaluate(t):
            v, own, shared = model.predicted(t, px, rays, intensity)
            g = 1 / (v + problem.floor)
            r = (np.log(v + problem.floor) - y) * inv
            rr = np.square(r).mean(axis=-1)
            cost = (W * np.log1p(rr)).sum(1) + (np.square(t - tgt) * prec).sum(1)
            sw = np.sqrt(W / (1 + rr) / 3)[..., None] 
            T = np.empty((3, len(t), Q + 2, rr.shape[1]), np.float32)
            f = g * inv * sw
            for i, plane in enumerate([own * f, *(s * f for s in shared), r * sw]):
                T[:, :, i] = np.moveaxis(plane, -1, 0)
            M = T @ T.swapaxes(-1, -2)
            A = np.zeros((len(t), P, P)); b = np.zeros((len(t), P))
            for c in range(3):
                A[:, c, c] = M[c, :, 0, 0]; A[:, c, 3:] = M[c, :, 0, 1:-1]; A[:, 3:, c] = M[c, :, 1:-1, 0]; b[:, c] = M[c, :, 0, -1]
            A[:, 3:, 3:] = M[:, :, 1:-1, 1:-1].sum(0); b[:, 3:] = M[:, :, 1:-1, -1].sum(0)
            if ya is not None:
                E, nz = _irradiance(t, light)
                ra = (t[:, :3] + np.log(E) - ya) / ambient_deviation; wa = 1 / (1 + np.square(ra).mean(1))
                cost = cost + 3 * np.log1p(np.square(ra).mean(1))
                p, q = t[:, 3], t[:, 4]; n3 = nz**3
                dnp = np.stack([nz - p * p * n3, -p * q * n3, -p * n3], 1); dnq = np.stack([-p * q * n3, nz - q * q * n3, -q * n3], 1)
                Jp, Jq = dnp @ light[1:] / E, dnq @ light[1:] / E
                s = (wa / ambient_deviation**2)[:, None]
                for c in range(3):
                    A[:, c, c] += s[:, 0]; b[:, c] += (s[:, 0] * ambient_deviation * ra[:, c])
                    A[:, c, 3] += s[:, 0] * Jp[:, c]; A[:, 3, c] += s[:, 0] * Jp[:, c]
                    A[:, c, 4] += s[:, 0] * Jq[:, c]; A[:, 4, c] += s[:, 0] * Jq[:, c]
                A[:, 3, 3] += (s * Jp * Jp).sum(1); A[:, 4, 4] += (s * Jq * Jq).sum(1); A[:, 3, 4] += (s * Jp * Jq).sum(1); A[:, 4, 3] += (s * Jp * Jq).sum(1)
                b[:, 3] += (s * ambient_deviation * ra * Jp).sum(1); b[:, 4] += (s * ambient_deviation * ra * Jq).sum(1)
            i = np.arange(P)
            A[:, i, i] += prec; b += prec * (t - tgt)
            return cost, A, b
        t = theta[px]
        cost, A, b = evaluate(t)
        lam = np.full(len(t), 1e-2)
        i = np.arange(P)
        for _ in range(iterations):
            D = A.copy(); D[:, i, i] = D[:, i, i] * (1 + lam[:, None]) + 1e-4
            step = np.clip(np.linalg.solve(D, -b[..., None])[..., 0], -0.7, 0.7)
            new = model.clipped((t + step).astype(np.float32))
            c2, A2, b2 = evaluate(new)
            ok = c2 < cost
            t = np.where(ok[:, None], new, t); cost = np.where(ok, c2, cost); A[ok] = A2[ok]; b[ok] = b2[ok]
            lam = np.where(ok, lam * 0.3, lam * 6)
        theta[px] = t; cost_all[px] = cost
    return theta, cost_all


def _clip(self, t):
    t[:, :3] = np.clip(t[:, :3], np.log(0.002), np.log(1.5)); t[:, 3:5] = np.clip(t[:, 3:5], -3, 3); t[:, 5] = np.clip(t[:, 5], 0.06, 1)
    return t
_Ggx.clipped = _clip
