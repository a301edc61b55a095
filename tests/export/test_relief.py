"""The relief network, its photographs and its training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from matshot.capture.lamp import Lamp
from matshot.capture.response import response_of_lamp
from matshot.capture.seen_relief import STRENGTHS
from matshot.image.writer import write_texture
from matshot.shading.procedural import brick_wall
from matshot.shading.render import Camera
from matshot_export.capture_data import CaptureSource, MaterialLibrary, unit_normals
from matshot_export.flattening import response_of_mean
from matshot_export.networks.relief import EVIDENCE, INPUT_PLANES, ReliefNetwork
from matshot_export.photography import Flash
from matshot_export.relief_data import (
    KINDS,
    STORED_PLANES,
    ReliefSource,
    crops_of,
    draw_photographs,
    evidence_of,
    painted,
    painted_evidence,
    stored_planes,
    tone,
    turned,
)
from matshot_export.relief_export import export_relief
from matshot_export.relief_training import RECIPES, ReliefRecipe, relief_loss, train_relief
from matshot_export.rendering import Maps, plane_positions

SMALL = ReliefRecipe(steps=1, batch=2, side=64, photographs=2, photograph=128, log_every=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small material to train on and one to watch."""
    root = tmp_path_factory.mktemp("data")
    for number, name in enumerate(("train/wall", "val/other")):
        for stem, texture in brick_wall(96, seed=number).items():
            if stem != "height":
                write_texture(texture, root / "materials" / name / f"{stem}.png")
    return root


def test_the_response_is_that_of_the_tools() -> None:
    side, camera = 256, Camera(256, 256)
    lamp = Lamp(
        position=(0.08, -0.05, camera.position[2]),
        base_color=(0.4, 0.3, 0.2),
        roughness=0.5,
        metallic=0.0,
        intensity=(1.0, 1.0, 1.0),
        falloff=0.0,
        tilt=(0.0, 0.0),
        anisotropy=(0.0, 0.0),
        metal_evidence=0.0,
        residual=0.0,
    )
    wanted = response_of_lamp(lamp, camera)

    def planes(*values: float) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32)[None, :, None, None]

    mean = Maps(planes(*lamp.base_color), planes(0, 0, 1), planes(lamp.roughness), planes(0))
    flash = Flash(planes(*camera.position), planes(*lamp.position), planes(0), planes(1, 1, 1), planes(0), planes(0.2))
    found = response_of_mean(flash, mean, plane_positions(side, side))[0].numpy()
    inside = slice(8, -8)
    for plane, other in zip(found, (wanted.along_x, wanted.along_y, wanted.glare), strict=True):
        np.testing.assert_allclose(plane[inside, inside], other[inside, inside], atol=0.03)


def test_slopes_turn_with_the_photograph() -> None:
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    height = 0.1 * columns + 0.03 * rows * columns
    planes = torch.zeros(STORED_PLANES, 16, 16)
    planes[0] = height
    planes[3] = planes[10] = -torch.gradient(height, dim=1)[0]
    planes[4] = planes[11] = torch.gradient(height, dim=0)[0]
    for turns in range(4):
        for mirrored in (False, True):
            other = turned(planes, turns, mirrored)
            torch.testing.assert_close(other[10], -torch.gradient(other[0], dim=1)[0])
            torch.testing.assert_close(other[4], torch.gradient(other[0], dim=0)[0])


def test_a_tone_has_no_exposure_and_no_color_of_its_own() -> None:
    photograph = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.4
    found = tone(photograph)
    assert found[:, :, ::4, ::4].flatten(2).median(dim=2).values.abs().max() < 1e-6
    assert tone(torch.zeros(1, 3, 32, 32)).abs().max() == 0


def test_a_missing_photograph_is_zero_and_said_to_be() -> None:
    planes, evidence = torch.rand(STORED_PLANES, 8, 8), torch.rand(EVIDENCE)
    for kind, lit, even in (("flash", 1, 0), ("pair", 1, 1), ("even", 0, 1)):
        crops = crops_of(planes, evidence, kind)
        assert crops.given.shape == (1, INPUT_PLANES, 8, 8)
        assert torch.equal(crops.given[0, :7], planes[:7] * lit)
        assert torch.equal(crops.given[0, 7:10], planes[7:10] * even)
        assert bool((crops.given[0, 10] == even).all())
        assert torch.equal(crops.evidence[0], evidence * lit)
        assert torch.equal(crops.wanted[0], planes[10:12])
        assert torch.equal(crops.known[0], planes[6:7] if lit else torch.ones(1, 8, 8))


def test_a_bright_room_darkens_no_hollows(data: Path) -> None:
    library = MaterialLibrary(data / "materials" / "train")
    dark, bright = (
        CaptureSource(library, 1, 64, seed=3, photograph=128, hollows=share).scenes(1) for share in (1.0, 0.0)
    )
    assert dark.surfaces.openness.min() < 0.99
    assert bright.surfaces.openness.min() == 1


def test_photographs_are_drawn_once_and_depend_on_their_number_alone(data: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    materials = data / "materials" / "train"
    draw_photographs(materials, tmp_path, 2, 1, side=128, report=lines.append)
    first = {path.name: np.load(path) for path in tmp_path.iterdir()}
    assert sorted(first) == ["00000.evidence.npy", "00000.npy", "00001.evidence.npy", "00001.npy"]
    assert first["00000.npy"].shape == (STORED_PLANES, 128, 128)
    (tmp_path / "00000.npy").unlink()
    draw_photographs(materials, tmp_path, 2, 1, side=128, report=lines.append)
    np.testing.assert_array_equal(np.load(tmp_path / "00000.npy"), first["00000.npy"])
    crops = [next(ReliefSource(tmp_path, 3, 64, 5, torch.device("cpu"), dict.fromkeys(KINDS, 1 / 3))) for _ in range(2)]
    shapes = [tuple(getattr(crops[0], name).shape) for name in ("given", "evidence", "wanted", "known")]
    assert shapes == [(3, INPUT_PLANES, 64, 64), (3, EVIDENCE), (3, 2, 64, 64), (3, 1, 64, 64)]
    assert torch.equal(crops[0].given, crops[1].given)
    with pytest.raises(ValueError, match=r"13, 128, 128.*13, 256, 256"):
        draw_photographs(materials, tmp_path, 2, 1, side=256)
    (tmp_path / "00001.npy").unlink()
    assert not draw_photographs(materials, tmp_path, 2, 1, side=128, minutes=0)
    assert draw_photographs(materials, tmp_path, 2, 1, side=128)
    with pytest.raises(FileNotFoundError, match="no photographs"):
        ReliefSource(tmp_path / "none", 3, 64, 5, torch.device("cpu"), {"even": 1.0})


def test_stored_slopes_are_the_surfaces(data: Path) -> None:
    scenes = CaptureSource(MaterialLibrary(data / "materials" / "train"), 1, 64, seed=3, photograph=128).scenes(1)
    planes = stored_planes(scenes)
    slopes = planes[:, 10:12]
    steep = scenes.surfaces.maps.normal[:, 2:] > 0.2
    off = (unit_normals(slopes) - scenes.surfaces.maps.normal).abs() * steep
    assert off.max() < 1e-4
    assert planes[:, 12].max() <= 0
    assert planes[:, 12].min() < 0


def test_the_evidence_is_that_of_the_tools_and_grows_with_relief() -> None:
    side = 256
    rows, columns = torch.meshgrid(torch.arange(side) / 1.0, torch.arange(side) / 1.0, indexing="ij")
    planes = torch.zeros(STORED_PLANES, side, side)
    planes[3], planes[4], planes[6] = columns / side - 0.5, 0.5 - rows / side, 1
    found = []
    for strength in (0.05, 0.5):
        # Waves across the light's direction everywhere.
        slope = strength * torch.sin(columns * 1.3)
        planes[:3] = planes[3] * slope + 0.01 * torch.randn(side, side, generator=torch.Generator().manual_seed(0))
        found.append(evidence_of(planes))
    assert found[0].shape == (EVIDENCE,)
    assert EVIDENCE == STRENGTHS
    assert found[1][: EVIDENCE // 2].max() > found[0][: EVIDENCE // 2].max() + 0.5
    assert not evidence_of(planes[:, :64, :64]).any()


def test_paint_is_in_both_photographs_and_its_evidence_is_what_the_tools_see() -> None:
    generator = torch.Generator().manual_seed(0)
    side = 256
    surfaces = []
    for deviation in (0.05, 0.2):
        planes = torch.zeros(STORED_PLANES, side, side)
        planes[6] = 1
        noise = deviation * torch.randn(1, side, side, generator=generator)
        planes[:3], planes[7:10], planes[10:12] = noise, noise, deviation
        surfaces.append(planes)
    both = painted(*surfaces, 0.5)
    untouched = [3, 4, 5, 6, 10, 11, 12]
    assert torch.equal(both[untouched], surfaces[0][untouched])
    torch.testing.assert_close(both[:3] - both[7:10], surfaces[0][:3] - surfaces[0][7:10])
    assert float(both[0].std()) == pytest.approx(np.hypot(0.05, 0.1), rel=0.03)
    seen, other = (evidence_of(planes) for planes in surfaces)
    told = painted_evidence(seen, other, 0.5)
    assert torch.equal(told[: EVIDENCE // 2], seen[: EVIDENCE // 2])
    torch.testing.assert_close(told[EVIDENCE // 2 :], evidence_of(both)[EVIDENCE // 2 :], atol=0.05, rtol=0)
    assert not painted_evidence(torch.zeros(EVIDENCE), other, 0.5).any()


def test_the_loss_is_least_for_the_truth_and_blind_where_nothing_is_known() -> None:
    wanted = torch.randn(2, 2, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.3
    known = torch.ones(2, 1, 16, 16)
    least, terms = relief_loss(wanted, wanted, known)
    assert set(terms) == {"share", "angle"}
    assert relief_loss(wanted + 0.1, wanted, known)[0] > least + 0.1
    known[..., :8] = 0
    wrong = wanted.clone()
    wrong[..., :8] += 1
    torch.testing.assert_close(relief_loss(wrong, wanted, known)[0], relief_loss(wanted, wanted, known)[0])


def test_the_network_is_local_and_equivariant_on_its_grid() -> None:
    torch.manual_seed(0)
    network = ReliefNetwork(widths=(8, 8, 8), before=(1, 1, 1), after=(1, 1)).eval()
    grid, reach = network.grid, network.receptive_field
    side = 2 * (-(-reach // grid) + 2) * grid
    x, evidence = torch.rand(1, INPUT_PLANES, side, side), torch.randn(1, EVIDENCE)
    other = x.clone()
    other[..., :4, :4] = 0
    with torch.no_grad():
        whole, changed, shifted = (network(each, evidence) for each in (x, other, x.roll(grid, 3)))
    assert whole.shape == (1, 2, side, side)
    assert torch.equal(whole[..., reach + 4 :, reach + 4 :], changed[..., reach + 4 :, reach + 4 :])
    inside, right = (slice(side // 2 + shift, side // 2 + shift + grid) for shift in (0, grid))
    assert torch.allclose(whole[..., inside, inside], shifted[..., inside, right], atol=1e-5)


def test_training_resumes_and_its_result_is_exported(data: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    train_relief(SMALL, data, tmp_path / "run", device="cpu", report=lines.append)
    weights = train_relief(
        replace(SMALL, steps=2), data, tmp_path / "run", device="cpu", resume=True, report=lines.append
    )
    assert [line.split()[0] for line in lines] == ["step=1", "resumed", "step=2"]
    assert all(f"{kind}_normal" in lines[0] for kind in ("flash", "pair"))
    assert "even_normal" not in lines[0]
    card = export_relief(weights, tmp_path / "models", run=tmp_path / "run")
    assert (card.name, card.method, card.outputs) == ("capture_relief", "relief", 2)
    assert card.receptive_field == ReliefNetwork().receptive_field
    assert card.training["steps"] == 2


def test_photographs_without_flash_have_a_network_of_their_own(data: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    recipe = replace(RECIPES["relief_even"], steps=1, batch=2, side=64, photographs=2, photograph=128, log_every=1)
    weights = train_relief(recipe, data, tmp_path / "run", device="cpu", report=lines.append)
    assert all(f"{kind}_normal" in lines[0] for kind in KINDS)
    card = export_relief(weights, tmp_path / "models", run=tmp_path / "run", name="relief_even")
    assert (card.name, card.method) == ("capture_relief_even", "relief_even")
    assert "even_normal" in card.quality
