"""Photographs have what a phone gives them, and lose it again as the tools take it out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from matshot_export.capture_data import unit_normals
from matshot_export.flattening import flattened
from matshot_export.photography import Flash, Photograph, linear_from_srgb, srgb, taken
from matshot_export.rendering import Maps, plane_positions

SIDE = 128


def _maps(count: int = 1) -> Maps:
    generator = torch.Generator().manual_seed(0)
    grain = torch.rand(count, 1, SIDE, SIDE, generator=generator)
    return Maps(
        0.2 + 0.2 * grain.expand(-1, 3, -1, -1),
        unit_normals(0.2 * (torch.rand(count, 2, SIDE, SIDE, generator=generator) - 0.5)),
        torch.full((count, 1, SIDE, SIDE), 0.5),
        torch.zeros(count, 1, SIDE, SIDE),
    )


def test_the_lamp_stands_beside_the_lens_and_falls_off() -> None:
    flash = Flash.drawn(200, np.random.default_rng(0), torch.device("cpu"))
    beside = (flash.light - flash.camera)[:, :2].norm(dim=1) / flash.camera[:, 2:].squeeze()[:, None, None]
    assert 1 / 65 < beside.min() < beside.max() < 3 / 19
    assert flash.falloff.min() >= 0
    assert 4 < flash.falloff.median() < flash.falloff.max() < 15


def test_a_coat_is_seen_in_the_highlight_and_in_the_truth() -> None:
    flash = Flash.drawn(1, np.random.default_rng(0), torch.device("cpu"))
    maps, positions = _maps(), plane_positions(SIDE, SIDE)
    parts = {name: getattr(flash, name) for name in ("camera", "light", "falloff", "color")}
    plain, coated = (
        Flash(**parts, coat=torch.full((1, 1, 1, 1), share), gloss=torch.full((1, 1, 1, 1), 0.1))
        for share in (0.0, 1.0)
    )
    before, after = (one.radiance(maps, positions) for one in (plain, coated))
    assert after.max() > 2 * before.max()
    assert coated.coated(maps).roughness.mean() == pytest.approx(0.1)


def test_a_photograph_is_as_bright_as_cameras_make_it_and_says_where_it_is_clipped() -> None:
    noise = torch.Generator().manual_seed(0)
    ramp = torch.linspace(0, 2, SIDE).expand(4, 3, SIDE, SIDE)
    photograph = taken(ramp, 0.9, 0.9, np.random.default_rng(0), noise)
    assert photograph.pixels.min() >= 0
    assert photograph.pixels.max() <= 1
    assert not photograph.clipped[..., : SIDE // 4].any()
    assert photograph.clipped.any()


def test_srgb_is_undone() -> None:
    values = torch.linspace(0, 1, 60)
    assert torch.allclose(linear_from_srgb(srgb(values)), values, atol=1e-5)


def test_a_flattened_photograph_has_no_trend_to_the_highlight_and_all_of_its_texture() -> None:
    rng = np.random.default_rng(3)
    flash, maps, positions = Flash.drawn(2, rng, torch.device("cpu")), _maps(2), plane_positions(SIDE, SIDE)
    light = flash.radiance(maps, positions)
    stored = srgb((light / light.amax((1, 2, 3), keepdim=True)).clamp(0, 1))
    flat = flattened(Photograph(stored, torch.zeros_like(stored, dtype=torch.bool)), flash, maps, positions, rng)
    assert flat.known.min() == 1
    for even, photograph, truth in zip(flat.even, stored, maps.base_color, strict=True):
        rings, before = (
            torch.nn.functional.avg_pool2d(linear_from_srgb(planes)[None], 16)[0, 1].flatten()
            for planes in (even, photograph)
        )
        assert rings.std() / rings.mean() < 0.2 * before.std() / before.mean()
        grain = np.corrcoef(linear_from_srgb(even)[1].flatten().numpy(), truth[1].flatten().numpy())[0, 1]
        assert grain > 0.7


def test_what_has_burnt_out_is_said_to_be_unknown_and_filled() -> None:
    rng = np.random.default_rng(3)
    flash, maps, positions = Flash.drawn(1, rng, torch.device("cpu")), _maps(), plane_positions(SIDE, SIDE)
    light = flash.radiance(maps, positions)
    bright = light * (1.3 / light.mean())
    photograph = Photograph(srgb(bright.clamp(0, 1)), bright > 0.97)
    flat = flattened(photograph, flash, maps, positions, rng)
    assert 0.05 < 1 - flat.known.mean() < 0.9
    assert torch.isfinite(flat.relit).all()
    assert flat.even.min() > 0
