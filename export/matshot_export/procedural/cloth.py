"""Cloth and leather: woven, knitted, grained."""

from __future__ import annotations

import math

import torch

from .drawing import Drawing, rounded, smoothstep
from .material import ProceduralMaterial

_DYES = (
    (0.7, 0.66, 0.58), (0.25, 0.3, 0.42), (0.55, 0.2, 0.18), (0.22, 0.22, 0.24), (0.35, 0.42, 0.3), (0.8, 0.78, 0.74),
    (0.6, 0.5, 0.25), (0.45, 0.45, 0.48),
)  # fmt: skip
_HIDES = ((0.32, 0.2, 0.13), (0.15, 0.13, 0.12), (0.5, 0.33, 0.2), (0.6, 0.55, 0.48), (0.4, 0.12, 0.1))


def weave(draw: Drawing) -> ProceduralMaterial:
    """Threads over and under each other: plain, basket and twill."""
    many = 4 * draw.count(6, 24)
    step = int(draw.rng.choice([1, 1, 2, 3]))
    bend = draw.uniform(0, 0.15) / many
    x = (draw.u + bend * draw.noise(1.6, most=0.3)) * many
    y = (draw.v + bend * draw.noise(1.6, most=0.3)) * many
    column, row = x.floor().long() % many, y.floor().long() % many
    twill = step > 1 and draw.chance(0.6)
    phase = (column + row) % 4 if twill else column // step + row // step
    over = phase < 2 if twill else phase % 2 == 0
    pitch = draw.size / many
    gap = draw.uniform(0.02, 0.2)

    def thread(across: torch.Tensor, along: torch.Tensor, above: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Height of a thread in pitches, and where it is; it dives where it is below."""
        side = (1 - ((across % 1) - 0.5).abs() * 2 / (1 - gap)).clamp(min=0)
        profile = (1 - (1 - side).square()).clamp(min=0).sqrt()
        arch = (
            (math.pi * (along % 1)).sin() if step == 1 and not twill else rounded((0.5 - (along % 1 - 0.5).abs()), 0.35)
        )
        return profile * 0.5 + torch.where(above, arch, -arch) * 0.22, side > 0

    warp, warp_there = thread(x, y, over)
    weft, weft_there = thread(y, x, ~over)
    upper = torch.where(weft_there & (weft > warp) | ~warp_there, False, True)
    hole = ~warp_there & ~weft_there
    level = torch.where(upper, warp, torch.where(hole, -0.3, weft))
    twist = torch.where(upper, x * 2 + y, y * 2 + x) * draw.uniform(1, 2)
    strands = (twist * 2 * math.pi).sin()
    fuzz = draw.noise(0.5, least=many)
    level = pitch * (draw.uniform(0.4, 1.0) * level + 0.03 * strands) + draw.uniform(0.1, 0.5) * fuzz
    colors = [draw.color(_DYES)] * 2 if draw.chance(0.5) else [draw.color(_DYES) for _ in range(2)]
    values = torch.where(upper, draw.each(many)[column], draw.each(many)[row])
    color = torch.where(upper, colors[0], colors[1])
    color = color * torch.exp(0.2 * (values - 0.5) + 0.06 * strands + 0.08 * fuzz)
    color = torch.where(hole, color * 0.25, color)
    rough = draw.uniform(0.6, 0.95) + 0.03 * fuzz
    return ProceduralMaterial(draw.blurred(level, 0.5), color, rough, torch.zeros_like(level))


def knit(draw: Drawing) -> ProceduralMaterial:
    """Columns of stitches, each like a V."""
    columns = draw.count(8, 28)
    rows = round(columns * draw.uniform(1.0, 1.6))
    bend = draw.uniform(0, 0.2) / columns
    x = (draw.u + bend * draw.noise(1.7, most=0.2)) * columns
    y = (draw.v + bend * draw.noise(1.7, most=0.2)) * rows
    across = (x % 1) - 0.5
    ribs = draw.chance(0.3)
    purl = ((x.floor().long() // 2) % 2 == 1) & ribs & (columns % 4 == 0)
    slant = y + across.abs() * draw.uniform(1.2, 1.8) * torch.where(purl, -1.0, 1.0)
    yarn = (1 - ((across.abs() - 0.25) / 0.27).square()).clamp(min=0).sqrt()
    loop = (1 - (((slant % 1) - 0.5) / 0.5).square()).clamp(min=0).sqrt()
    pitch = draw.size / columns
    strands = (2 * math.pi * draw.uniform(2, 3.5) * (slant + 1.5 * across.sign() * across.abs())).sin()
    fuzz = draw.noise(0.4, least=columns)
    body = yarn * (0.4 + 0.6 * loop)
    level = pitch * (draw.uniform(0.22, 0.4) * body * torch.where(purl, 0.7, 1.0) + 0.015 * strands * body)
    level = level + draw.uniform(0.2, 0.7) * fuzz
    stripes = draw.each(rows)[slant.floor().long() % rows]
    color = draw.color(_DYES) * torch.exp(0.15 * (stripes - 0.5) + 0.1 * strands * body + 0.1 * fuzz)
    color = color * (0.35 + 0.65 * smoothstep(body, 0.1, 0.6))
    rough = draw.uniform(0.75, 0.97) + 0.02 * fuzz
    return ProceduralMaterial(draw.blurred(level, 0.5), color, rough, torch.zeros_like(level))


def leather(draw: Drawing) -> ProceduralMaterial:
    """Pebbled grain with creases between, and wrinkles."""
    many = draw.count(25, 80)
    bend = 0.35 / many
    warp = (bend * draw.noise(1.2, most=0.6), bend * draw.noise(1.2, most=0.6))
    cells = draw.cells(many, round(many * draw.uniform(0.7, 1.0)), 0.95, warp)
    pitch = draw.size / many
    pebble = rounded(cells.border, draw.uniform(0.2, 0.4))
    wrinkles = draw.noise(1.5, least=3, most=0.15).abs()
    crease = (1 - smoothstep(wrinkles, 0.0, 0.25)) * draw.uniform(0, 1)
    values = draw.of_cell(cells)
    level = pitch * draw.uniform(0.08, 0.22) * pebble * (0.7 + 0.3 * values) - 1.2 * crease
    level = level + 0.6 * draw.noise(2.0, least=3, most=0.1) + 0.08 * draw.noise(0.3)
    color = draw.color(_HIDES) * torch.exp(
        0.08 * draw.noise(1.6) + 0.12 * (values - 0.5) + draw.uniform(0.1, 0.5) * (pebble - 1) - 0.3 * crease
    )
    rough = draw.uniform(0.25, 0.55) + draw.uniform(0.05, 0.2) * (1 - pebble) + 0.03 * draw.noise(1.2) + 0.1 * crease
    return ProceduralMaterial(level, color, rough, torch.zeros_like(level))
