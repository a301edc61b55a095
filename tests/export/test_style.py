"""The network of styles, what it is trained on, and its graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from matshot.inference.session import Network
from matshot.synthesis.fast_style import look_statistics as statistics_at_run_time
from matshot_export.networks.descriptor import TextureDescriptor
from matshot_export.networks.style import StyleTransfer
from matshot_export.queue import Turn
from matshot_export.style_export import export_style, style_inputs
from matshot_export.style_training import (
    StyleLoss,
    StyleRecipe,
    StyleTask,
    look_statistics,
    shipped_texture_descriptor,
    standard,
    train_style,
    transported,
)

torch.set_num_threads(1)
TINY = StyleRecipe(steps=4, batch=2, side=48, warmup=1, log_every=2)


@pytest.fixture(scope="module")
def network() -> StyleTransfer:
    torch.manual_seed(0)
    return StyleTransfer().eval()


def test_it_is_small(network: StyleTransfer) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) < 1_000_000


def test_nothing_beyond_the_receptive_field_matters(network: StyleTransfer) -> None:
    side = 2 * network.receptive_field + 5 * network.grid
    side = -(-side // network.grid) * network.grid
    inputs = style_inputs(side, side, seed=0)
    for name in ("x", "noise"):
        inputs[name].requires_grad_()
    # Every place on the grid sees differently far.
    middle = slice(side // 2, side // 2 + network.grid)
    network(*inputs.values())[..., middle, middle].abs().sum().backward()
    reached = sum(inputs[name].grad.abs().sum(dim=(0, 1)) for name in ("x", "noise"))  # type: ignore[union-attr]
    places = torch.nonzero(torch.as_tensor(reached))
    low, high = places.min().item(), places.max().item()
    assert middle.start - network.receptive_field <= low
    assert high < middle.stop + network.receptive_field


def test_shifting_by_the_grid_shifts_the_result(network: StyleTransfer) -> None:
    side = 2 * network.receptive_field + 8 * network.grid
    inputs = style_inputs(side, side, seed=1)
    grid, reach = network.grid, network.receptive_field
    moved = {name: torch.roll(values, grid, -1) if values.dim() == 4 else values for name, values in inputs.items()}
    with torch.no_grad():
        first, second = network(*inputs.values()), network(*moved.values())
    inner = slice(reach + grid, side - reach - grid)
    assert torch.allclose(torch.roll(first, grid, -1)[..., inner, inner], second[..., inner, inner], atol=1e-5)


def test_the_look_the_strength_and_noise_matter(network: StyleTransfer) -> None:
    inputs = style_inputs(32, 32, seed=2)
    with torch.no_grad():
        before = network(*inputs.values())
        for name in ("covariances", "means", "sizes", "strength", "noise"):
            changed = {**inputs, name: inputs[name] * 0.5}
            assert not torch.equal(network(*changed.values()), before), name


def test_standard_colors_have_one_mean_and_spread() -> None:
    random = torch.Generator().manual_seed(0)
    mix = torch.tensor([[0.3, 0.1, 0.0], [0.0, 0.2, 0.1], [0.1, 0.0, 0.2]])
    images = (torch.rand(2, 3, 24, 24, generator=random).flatten(2).transpose(1, 2) @ mix).transpose(1, 2)
    planes, palettes = standard(images.reshape(2, 3, 24, 24))
    flat = planes.flatten(2)
    assert torch.allclose(flat.mean(dim=2), torch.full((2, 3), 0.5), atol=1e-5)
    # Hardly correlated: weak axes are not blown up beyond five times.
    covariance = torch.cov(flat[0])
    assert (covariance - torch.diag(torch.diagonal(covariance))).abs().max() < 0.2 * covariance.max()
    back = palettes[0].colored(planes[0].permute(1, 2, 0).numpy())
    assert np.allclose(back, images[0].view(3, 24, 24).permute(1, 2, 0).numpy(), atol=1e-5)


def test_distributions_are_compared_whatever_their_size() -> None:
    values = torch.linspace(0, 1, 64)[torch.randperm(64)].view(1, 1, 64)
    assert transported(values, values.flip(2)).item() == 0
    assert transported(values + 1, values).item() == pytest.approx(1, rel=1e-5)
    assert transported(values, torch.linspace(0, 1, 200).view(1, 1, 200)).item() < 1e-3


def test_a_look_is_nearer_to_itself_than_to_noise() -> None:
    torch.manual_seed(0)
    descriptor = TextureDescriptor().requires_grad_(False)
    look = torch.rand(1, 3, 4, 4).repeat_interleave(16, 2).repeat_interleave(16, 3)
    features = list(descriptor.features(look))
    judge = StyleLoss(descriptor)
    weight = torch.ones(1)
    own = judge(look, look, features, features[2], weight, 0)[0]
    noisy = judge(torch.rand_like(look), look, features, features[2], weight, 0)[0]
    assert own.item() < 1e-5 < 0.5 < noisy.item()


def test_statistics_in_tiles_are_those_of_the_whole() -> None:
    """At run time a look is seen tile by tile; where it wraps, nothing is lost."""
    torch.manual_seed(0)
    descriptor = shipped_texture_descriptor()
    descriptor.circular = True
    look = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        wanted = look_statistics(list(descriptor.features(look)))
    from matshot.inference.cards import installed_models

    features = Network(installed_models().require("synthesis", "features"), "cpu", 1)
    given = statistics_at_run_time(features, look[0].permute(1, 2, 0).numpy(), "xy", tile=32)
    for one, other in zip(vars(given).values(), wanted, strict=True):
        assert np.allclose(one, other.numpy(), rtol=1e-3, atol=2e-3)


def test_training_resumes_and_is_exported(textures, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("matshot_export.onnx_export.measured_bytes_per_pixel", lambda card: 64)
    monkeypatch.setattr("matshot_export.style_training._WATCHED_SIDE", 32)
    run = tmp_path / "run"
    train_style(replace(TINY, steps=2), textures, run, device="cpu", report=lambda line: None)
    lines: list[str] = []
    train_style(TINY, textures, run, device="cpu", resume=True, report=lines.append)
    assert lines[0] == "resumed at step 2"
    assert (run / "step-000004.png").exists()
    card = export_style(run / "weights.pt", tmp_path / "models", run=run)
    assert (card.method, card.grid, card.training["steps"]) == ("style", 8, 4)
    painter = Network(card, "cpu", 1)
    inputs = {name: values.numpy()[:1] for name, values in style_inputs(16, 24, seed=3).items()}
    assert painter(inputs.pop("x"), **inputs).shape == (1, 3, 16, 24)


def test_contents_in_a_looks_colors_are_the_baseline(textures, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("matshot_export.style_training._WATCHED_SIDE", 32)
    task = StyleTask(TINY, textures, torch.device("cpu"))
    # One held-out texture is its own look; only the border, which is not judged, differs.
    assert 0 <= task.without() < 0.5


def test_a_turn_changes_its_recipe() -> None:
    changed = Turn("style", 1.0, rate=0.001, batch=16, patch=192, lower_is_better=True)
    recipe = changed.own_recipe()
    assert (recipe.rate, recipe.batch, recipe.side, changed.sign) == (0.001, 16, 192, -1)
