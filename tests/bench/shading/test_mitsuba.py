"""The renderer is within rounding of Mitsuba's, where both mean the same."""

from __future__ import annotations

import argparse

import numpy as np
import pytest

from bench.shading import mitsuba as render_mitsuba
from matshot.shading.surface import Surface

#: A hundredth of a percent; asked for is one percent.
CLOSE = 1e-4


@pytest.fixture
def small(monkeypatch):
    pytest.importorskip("mitsuba", reason="Mitsuba 3 is not installed")
    monkeypatch.setattr(render_mitsuba, "SIDE", 48)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("light", render_mitsuba.LIGHTS)
@pytest.mark.parametrize("metallic", [0.0, 0.5, 1.0])
def test_brick_wall(light, metallic):
    wall = render_mitsuba.bricks(64)
    surface = Surface.of(wall.base_color, wall.normal, wall.roughness, metallic).cut(slice(0, 48), slice(0, 64))
    same, own, _ = render_mitsuba.plane_errors(surface, render_mitsuba.LIGHTS[light])
    assert same < CLOSE < own < 0.2


@pytest.mark.usefixtures("small")
def test_brushed_metal():
    assert render_mitsuba.brushed_error(render_mitsuba.LIGHTS["side"], 0.5, 0.7, 0.6) < CLOSE


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("metallic", [0.0, 1.0])
def test_sphere(metallic):
    surface = Surface.of(np.full((1, 1, 3), (0.7, 0.5, 0.3), np.float32), None, 0.4, metallic)
    assert render_mitsuba.sphere_error(surface, render_mitsuba.LAMP) < 1e-3


def test_says_when_there_is_nothing_to_compare_with(monkeypatch):
    monkeypatch.setattr(render_mitsuba, "installed", lambda: False)
    assert "not installed" in render_mitsuba.measure(argparse.Namespace()).text
