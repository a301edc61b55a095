"""The torch renderer is the one of the core."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from matshot.shading.render import Camera, PointLight, render
from matshot.shading.surface import Surface
from matshot_export.rendering import Maps, camera_distance, plane_positions, under_point_light, under_sky, unit


def _planes(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


@pytest.fixture
def surface() -> Surface:
    rng = np.random.default_rng(3)
    slopes = rng.normal(0, 0.3, (24, 40, 2))
    normal = np.concatenate([slopes, np.ones((24, 40, 1))], axis=2)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    base, roughness, metallic = (
        rng.uniform(0, 1, (24, 40, 3)),
        rng.uniform(0.1, 1, (24, 40, 1)),
        rng.uniform(0, 1, (24, 40, 1)),
    )
    return Surface.of(*(x.astype(np.float32) for x in (base, normal, roughness, metallic)))


@pytest.mark.parametrize("light", [(0.02, 0.03, 0.866), (0.6, 0.0, 0.6), (-0.5, 0.5, 0.2)])
def test_a_point_light_gives_what_the_core_renders(surface: Surface, light: tuple[float, float, float]) -> None:
    camera = Camera(40, 24, 60)
    maps = Maps(*(_planes(getattr(surface, name)) for name in ("base_color", "normal", "roughness", "metallic")))
    eye = torch.tensor([0.0, 0.0, camera_distance(60)]).view(1, 3, 1, 1)
    given = under_point_light(maps, plane_positions(24, 40), eye, torch.tensor(light).view(1, 3, 1, 1), 2.0)
    wanted = render(surface, camera, [PointLight(light, 2.0)])
    np.testing.assert_allclose(given[0].permute(1, 2, 0).numpy(), wanted, rtol=2e-3, atol=1e-4)


def test_positions_are_the_cameras() -> None:
    positions = plane_positions(24, 40)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(positions, Camera(40, 24).positions(), atol=1e-6)


def test_an_even_sky_shows_a_flat_matte_surface_its_own_color() -> None:
    flat = Maps(
        torch.full((1, 3, 4, 4), 0.5),
        unit(torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)),
        torch.ones(1, 1, 4, 4),
        torch.zeros(1, 1, 4, 4),
    )
    up = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1)
    seen = under_sky(flat, up, torch.ones(1, 3, 1, 1), up, torch.zeros(1, 3, 1, 1))
    assert seen.mean().item() == pytest.approx(0.5, abs=0.05)
