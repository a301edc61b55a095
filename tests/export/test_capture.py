"""The capture network, its photographs and its training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from matshot.capture.prediction import CONTEXT_SIDE
from matshot.image.color import Pixels
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.shading.procedural import brick_wall
from matshot_export import capture_data
from matshot_export.capture_data import (
    KINDS,
    CaptureSource,
    MaterialLibrary,
    Surfaces,
    encoded,
    linear,
    photographed,
    unit_normals,
)
from matshot_export.capture_export import export_capture
from matshot_export.capture_training import (
    CaptureNetwork,
    CaptureRecipe,
    capture_errors,
    capture_loss,
    random_lights,
    train_capture,
)
from matshot_export.networks.capture import INPUT_PLANES, OUTPUT_PLANES, CaptureContext, CaptureMaps
from matshot_export.rendering import Maps, plane_positions


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small materials to train on and one to watch."""
    root = tmp_path_factory.mktemp("data")
    for number, name in enumerate(("train/wall", "train/other", "val/third")):
        for stem, texture in brick_wall(96, seed=number).items():
            if stem != "height":
                write_texture(texture, root / "materials" / name / f"{stem}.png")
    return root


def test_a_missing_metallic_map_is_no_metal_and_a_material_is_needed(data: Path, tmp_path: Path) -> None:
    library = MaterialLibrary(data / "materials" / "train")
    assert len(library) == 2
    assert library.planes[0].shape == (9, 96, 96)
    assert library.planes[0][7].max() == 0
    with pytest.raises(FileNotFoundError, match="no materials"):
        MaterialLibrary(tmp_path)


def test_maps_of_another_size_are_brought_to_the_colors(data: Path, tmp_path: Path) -> None:
    for stem, texture in brick_wall(64).items():
        pixels: Pixels = texture.pixels[::2, ::2] if stem == "roughness" else texture.pixels
        write_texture(Texture(np.ascontiguousarray(pixels), texture.encoding), tmp_path / "wall" / f"{stem}.png")
    assert MaterialLibrary(tmp_path).planes[0].shape == (9, 64, 64)


def test_batches_are_the_same_for_a_seed_and_unit_where_they_must(data: Path) -> None:
    library = MaterialLibrary(data / "materials" / "train")
    first, second = (next(CaptureSource(library, batch=2, side=64, seed=5, photograph=256)) for _ in range(2))
    assert torch.equal(first.photographs, second.photographs)
    assert first.photographs.shape == (2, INPUT_PLANES, 64, 64)
    assert first.whole.shape == (2, INPUT_PLANES, CONTEXT_SIDE, CONTEXT_SIDE)
    assert torch.allclose(first.truth.normal.norm(dim=1), torch.ones(2, 64, 64), atol=1e-4)
    assert first.photographs[:, :6].min() >= 0
    assert first.photographs[:, :6].max() <= 1


def test_roughness_of_a_scanner_that_takes_bright_for_rough_is_no_law_of_color(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stem, texture in brick_wall(64).items():
        if stem != "height":
            write_texture(texture, tmp_path / "PH_wall" / f"{stem}.png")
    library = MaterialLibrary(tmp_path)
    color, roughness = library.planes[0][:3].float().mean(0), library.planes[0][6].float()
    own = np.sign(np.corrcoef(color.flatten(), roughness.flatten())[0, 1])
    monkeypatch.setattr(capture_data, "_PROCEDURAL", 0.0)
    source = CaptureSource(library, 1, 64, seed=0, photograph=256)
    signs = set()
    for _ in range(8):
        planes, labeled = source._laid()
        assert labeled
        correlation = np.corrcoef(planes[:3].mean(0).flatten(), planes[6].flatten())[0, 1]
        signs.add(int(np.sign(correlation) * own))
    assert signs == {-1, 1}


def _level_surface(side: int) -> Surfaces:
    level = torch.zeros(1, 2, side, side)
    maps = Maps(
        torch.full((1, 3, side, side), 0.4),
        unit_normals(level),
        torch.full((1, 1, side, side), 0.7),
        torch.zeros(1, 1, side, side),
    )
    return Surfaces(maps, torch.ones(1, 1, side, side), torch.ones(1, 1, 1, 1))


def test_a_batch_may_be_larger_than_the_pool(data: Path) -> None:
    library = MaterialLibrary(data / "materials" / "train")
    batch = next(CaptureSource(library, batch=3, side=64, seed=5, pool=2, photograph=128))
    assert len(batch.photographs) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_is_zero_and_said_to_be(kind: str) -> None:
    noise = torch.Generator().manual_seed(0)
    scene = photographed(_level_surface(128), plane_positions(128, 128), np.random.default_rng(0), noise)
    planes = scene.planes(kind)
    there = (int(kind in ("flash", "pair")), int(kind != "flash"))
    assert planes.shape == (1, INPUT_PLANES, 128, 128)
    assert (planes[0, 8].mean(), planes[0, 9].mean()) == there
    assert bool(planes[0, :3].any()) == bool(there[0])
    assert bool(planes[0, 3:6].any()) == bool(there[1])
    assert bool(planes[0, 6:8].any()) == bool(there[0])


def test_encoding_is_undone() -> None:
    values = torch.linspace(0.01, 1, 50)
    assert torch.allclose(linear(encoded(values)), values, atol=1e-3)


def test_the_network_is_local_and_equivariant_on_its_grid() -> None:
    torch.manual_seed(0)
    network = CaptureMaps(widths=(8, 8, 8, 8), before=(1, 1, 1, 1), after=(1, 1, 1), context=4, full=8).eval()
    grid, reach = network.grid, network.receptive_field
    side = 2 * (-(-reach // grid) + 2) * grid
    x, vector = torch.rand(1, INPUT_PLANES, side, side), torch.rand(1, 4)
    other = x.clone()
    other[..., :4, :4] = 0
    with torch.no_grad():
        whole, changed = network(x, vector), network(other, vector)
        shifted = network(x.roll(grid, 3), vector)
    assert whole.shape == (1, OUTPUT_PLANES, side, side)
    assert torch.equal(whole[..., reach + 4 :, reach + 4 :], changed[..., reach + 4 :, reach + 4 :])
    inside = slice(side // 2, side // 2 + grid)
    assert torch.allclose(
        whole[..., inside, inside], shifted[..., inside, side // 2 + grid : side // 2 + 2 * grid], atol=1e-5
    )


def test_the_context_takes_any_size() -> None:
    assert CaptureContext(features=7)(torch.rand(2, INPUT_PLANES, 64, 128)).shape == (2, 7)


def test_the_loss_is_least_for_the_truth(data: Path) -> None:
    batch = next(CaptureSource(MaterialLibrary(data / "materials" / "train"), batch=2, side=64, seed=1, photograph=256))
    truth = batch.truth
    slopes = truth.normal[:, :2] / truth.normal[:, 2:]
    right = torch.cat([encoded(truth.base_color), slopes, truth.roughness, truth.metallic], dim=1)
    lights = random_lights(batch, np.random.default_rng(0))
    least, _ = capture_loss(right, batch, lights)
    for step in (0.1, -0.1):
        wrong, terms = capture_loss(right + step, batch, lights)
        assert wrong.item() > least.item() + 0.5
    assert set(terms) == {"color", "normal", "roughness", "metallic", "lit"}


def test_metal_that_nobody_labeled_and_what_is_burnt_teach_nothing(data: Path) -> None:
    batch = next(CaptureSource(MaterialLibrary(data / "materials" / "train"), batch=2, side=64, seed=1, photograph=256))
    truth = batch.truth
    slopes = truth.normal[:, :2] / truth.normal[:, 2:]
    right = torch.cat([encoded(truth.base_color), slopes, truth.roughness, truth.metallic], dim=1)
    lights = random_lights(batch, np.random.default_rng(0))
    metal = right.clone()
    metal[:, 6] = 1 - metal[:, 6]
    unlabeled = replace(batch, labeled=torch.zeros(2, 1, 1, 1))
    of_right, of_metal = (capture_loss(planes, unlabeled, lights)[1] for planes in (right, metal))
    assert of_right["metallic"] == of_metal["metallic"]
    assert of_right["lit"] == of_metal["lit"]
    half = torch.ones(2, 1, 64, 64)
    half[..., :32] = 0
    burnt = replace(batch, known=half)
    wrong = right.clone()
    wrong[:, 3:6, :, :32] += 0.3
    of_right, of_wrong = (capture_loss(planes, burnt, lights)[1] for planes in (right, wrong))
    assert torch.isclose(of_right["normal"], of_wrong["normal"])
    assert torch.isclose(of_right["roughness"], of_wrong["roughness"])


def test_errors_are_those_of_the_trivial_answer_for_a_flat_one(data: Path) -> None:
    batch = next(CaptureSource(MaterialLibrary(data / "materials" / "train"), batch=1, side=64, seed=1, photograph=256))
    truth = batch.truth
    flat = torch.cat(
        [encoded(truth.base_color) * 0.5, torch.zeros(1, 2, 64, 64), truth.roughness + 0.1, truth.metallic], dim=1
    )
    angle, of_flat, roughness, color = capture_errors(flat, truth)
    assert angle == pytest.approx(of_flat, abs=1e-3)
    assert roughness == pytest.approx(0.1, abs=1e-3)
    assert color < 0.02


def test_training_resumes_and_its_result_is_exported(data: Path, tmp_path: Path) -> None:
    recipe = CaptureRecipe(steps=1, batch=1, side=64, photograph=256, log_every=1)
    lines: list[str] = []
    train_capture(recipe, data, tmp_path / "run", device="cpu", report=lines.append)
    weights = train_capture(
        replace(recipe, steps=2), data, tmp_path / "run", device="cpu", resume=True, report=lines.append
    )
    assert [line.split()[0] for line in lines] == ["step=1", "resumed", "step=2"]
    assert (tmp_path / "run" / "step-000002.png").exists()
    cards = export_capture(weights, tmp_path / "models", run=tmp_path / "run")
    assert [card.method for card in cards] == ["context", "maps"]
    assert cards[1].outputs == OUTPUT_PLANES
    assert cards[1].training["steps"] == 2
    assert CaptureNetwork().maps.receptive_field == cards[1].receptive_field
