"""Generated materials: their maps belong together, tile, stay in range, and are one for a seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from matshot.errors import MatshotError
from matshot.image.normals import normal_from_height
from matshot_export.heights import openness, slopes_of_height
from matshot_export.procedural import FAMILIES, REGULAR, ProceduralMaterial, procedural_color, procedural_material

SIZE = 96


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def material(family: str) -> ProceduralMaterial:
    return procedural_material(family, SIZE, np.random.default_rng(1))


def test_normals_are_the_heights(material: ProceduralMaterial) -> None:
    wanted = normal_from_height(material.height.numpy(), "xy", derivative="central")
    given = material.maps.normal[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(given, wanted, atol=1e-4)


def test_maps_are_finite_and_in_range(material: ProceduralMaterial) -> None:
    assert material.height.shape == material.roughness.shape == material.metallic.shape == (SIZE, SIZE)
    assert material.base_color.shape == (3, SIZE, SIZE)
    assert torch.isfinite(material.height).all()
    for plane in (material.base_color, material.roughness, material.metallic, material.ao):
        assert plane.min() >= 0
        assert plane.max() <= 1
    assert material.height.std() > 0.02


def test_maps_tile(material: ProceduralMaterial) -> None:
    for plane in (material.height, material.base_color[1], material.roughness):
        for axis in (0, 1):
            steps = (plane - plane.roll(1, axis)).abs().mean(1 - axis)
            # The step across the border is one of the steps within.
            assert steps[0] <= 1.05 * steps[1:].max() + 1e-4


def test_a_seed_gives_one_material(family: str, material: ProceduralMaterial) -> None:
    again, other = (procedural_material(family, SIZE, np.random.default_rng(seed)) for seed in (1, 2))
    assert torch.equal(again.height, material.height)
    assert torch.equal(again.base_color, material.base_color)
    assert not torch.equal(other.height, material.height)


def test_only_metals_are_metal(family: str) -> None:
    metal = procedural_material(family, 32, np.random.default_rng(1)).metallic.mean()
    assert metal > 0.5 if family in ("hammered", "brushed") else metal < 0.5 or family == "corrugated"


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(MatshotError, match=r"Unknown family 'fur'. Choose from: tiles, planks"):
        procedural_material("fur", 32, np.random.default_rng(0))


def test_a_pit_sees_less_of_the_sky_than_a_knoll() -> None:
    x = torch.arange(64) * (2 * torch.pi / 32)
    height = 6 * (x.cos()[:, None] + x.cos()[None])
    seen = openness(slopes_of_height(height[None, None]))[0, 0]
    assert seen[16, 16] < 0.6
    assert seen[0, 0] == pytest.approx(1, abs=0.01)


def test_color_maps_of_regular_families_are_images() -> None:
    assert set(REGULAR) < set(FAMILIES)
    pixels = procedural_color(32, np.zeros((1, 3), np.uint8), np.random.default_rng(0))
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8
    assert pixels.std() > 2
