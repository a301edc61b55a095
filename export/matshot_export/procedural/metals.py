"""Metals: hammered, brushed and corrugated."""

from __future__ import annotations

import math

import torch

from .drawing import Drawing, smoothstep
from .material import ProceduralMaterial

_METALS = (
    (0.78, 0.78, 0.79), (0.91, 0.92, 0.92), (0.95, 0.78, 0.58), (0.93, 0.84, 0.55), (0.65, 0.63, 0.6), (0.86, 0.62, 0.5)
)  # fmt: skip
_LACQUERS = ((0.2, 0.32, 0.42), (0.5, 0.15, 0.12), (0.75, 0.74, 0.7), (0.25, 0.35, 0.25), (0.6, 0.45, 0.2))
_RUST = ((0.4, 0.22, 0.12), (0.33, 0.18, 0.11), (0.5, 0.3, 0.17))


def hammered(draw: Drawing) -> ProceduralMaterial:
    """Dents of a round hammer beside each other."""
    many = draw.count(8, 30)
    cells = draw.cells(many, many, draw.uniform(0.5, 0.95))
    pitch = draw.size / many
    # Each dent is a part of a sphere; where two meet there is a soft ridge.
    level = draw.blurred(pitch * draw.uniform(0.1, 0.35) * cells.nearest.square(), pitch * draw.uniform(0.02, 0.06))
    level = level + 0.5 * draw.noise(2.0, least=2, most=0.1) + 0.04 * draw.noise(0.2)
    tarnish = smoothstep(draw.noise(1.7), 0.0, 2.5) * draw.uniform(0, 1)
    hollow = draw.uniform(0, 0.4) * smoothstep(cells.border, 0.5, 0.0)
    color = draw.color(_METALS, 0.05) * torch.exp(-0.5 * tarnish - hollow + 0.03 * draw.noise(1.0))
    rough = draw.uniform(0.12, 0.4) + 0.25 * tarnish + 0.02 * draw.noise(1.0) + 0.2 * hollow
    return ProceduralMaterial(level, color, rough, 1 - 0.3 * tarnish)


def brushed(draw: Drawing) -> ProceduralMaterial:
    """Fine scratches in one direction, and a few in any."""
    along = draw.uniform(0.005, 0.03)
    turned = draw.chance(0.5)
    lines = draw.noise(draw.uniform(0.0, 0.5), across=1.0, down=along)
    broad = draw.noise(0.8, across=1.0, down=along, most=0.3)
    scratches = smoothstep(draw.noise(0.3, across=1.0, down=0.01, most=0.8), 2.2, 3.2)
    level = draw.uniform(0.05, 0.25) * lines + draw.uniform(0, 0.15) * broad - draw.uniform(0, 0.5) * scratches
    level = level + draw.uniform(0, 0.8) * draw.noise(2.4, least=1, most=0.05)
    color = draw.color(_METALS, 0.05) * torch.exp(0.03 * lines + 0.03 * broad - 0.1 * scratches)
    smudges = smoothstep(draw.noise(1.6, least=2), 0.5, 2.0)
    rough = draw.uniform(0.18, 0.45) + 0.03 * lines + 0.03 * broad + draw.uniform(0, 0.15) * smudges
    level, rough = (plane.T.contiguous() if turned else plane for plane in (level, rough))
    color = color.transpose(1, 2).contiguous() if turned else color
    return ProceduralMaterial(level, color, rough, torch.ones_like(level))


def corrugated(draw: Drawing) -> ProceduralMaterial:
    """Sheet in waves or in steps, bare or lacquered, with rust."""
    waves = draw.count(4, 16)
    x = draw.u + 0.001 * draw.noise(2.0, most=0.1)
    wave = (2 * math.pi * waves * x).cos()
    if draw.chance(0.4):
        steep = draw.uniform(1.5, 4)
        wave = torch.tanh(steep * wave) / math.tanh(steep)
    pitch = draw.size / waves
    level = pitch * draw.uniform(0.06, 0.2) * wave + 0.8 * draw.noise(2.2, least=2, most=0.1)
    bare = draw.chance(0.5)
    rust = smoothstep(draw.noise(1.4) + 0.5 * draw.noise(0.9, down=0.3) - 0.4 * wave, draw.uniform(0.8, 3), 3.2)
    level = level + 0.05 * draw.noise(0.3) + rust * 0.6 * draw.noise(0.8, least=20)
    sheet = draw.color(_METALS if bare else _LACQUERS, 0.08)
    spangles = 0.08 * (draw.of_cell(draw.cells(40, 40, 0.9)) - 0.5) if bare else 0.04 * draw.noise(1.5)
    dirt = draw.uniform(0, 0.4) * smoothstep(-wave, 0.2, 1.0)
    color = sheet * torch.exp(spangles - dirt + 0.03 * draw.noise(0.8))
    color = torch.lerp(color, draw.color(_RUST) * torch.exp(0.25 * draw.noise(0.8)), rust)
    rough = draw.uniform(0.25, 0.55) + spangles + 0.2 * dirt + 0.03 * draw.noise(1.0)
    metallic = (1 - rust) * float(bare)
    return ProceduralMaterial(level, color, torch.lerp(rough, torch.full_like(rough, 0.88), rust), metallic)
