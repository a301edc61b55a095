"""Stone, clay and wood: tiles, planks, cobbles, gravel, cracked ground and plaster."""

from __future__ import annotations

import torch

from .drawing import Drawing, rounded, smoothstep
from .material import ProceduralMaterial

_GLAZES = (
    (0.85, 0.83, 0.78), (0.30, 0.42, 0.45), (0.55, 0.25, 0.18), (0.2, 0.2, 0.22), (0.35, 0.5, 0.38), (0.75, 0.62, 0.42)
)  # fmt: skip
_STONES = ((0.55, 0.53, 0.5), (0.42, 0.4, 0.38), (0.62, 0.56, 0.48), (0.35, 0.36, 0.38), (0.5, 0.42, 0.36))
_EARTHS = ((0.48, 0.38, 0.28), (0.58, 0.48, 0.38), (0.4, 0.33, 0.27), (0.62, 0.55, 0.46))
_WOODS = ((0.5, 0.34, 0.2), (0.62, 0.46, 0.3), (0.33, 0.22, 0.14), (0.72, 0.58, 0.42), (0.45, 0.42, 0.39))
_PAINTS = (
    (0.85, 0.84, 0.8), (0.78, 0.7, 0.55), (0.72, 0.55, 0.45), (0.6, 0.66, 0.7), (0.65, 0.68, 0.58), (0.55, 0.55, 0.55)
)  # fmt: skip
_JOINTS = ((0.6, 0.58, 0.55), (0.4, 0.38, 0.36), (0.75, 0.73, 0.7), (0.3, 0.28, 0.26))


def tiles(draw: Drawing) -> ProceduralMaterial:
    """Tiles or bricks in rows with joints; glazed, or of stone."""
    rows = draw.count(3, 9)
    columns = max(2, round(rows / float(draw.rng.choice([1.0, 1.0, 2.0, 3.0]))))
    rows += rows % 2
    shift = float(draw.rng.choice([0.0, 0.0, 0.5]))
    wobble = draw.uniform(0, 0.004)
    y = (draw.v + wobble * draw.noise(1.8, most=0.1)) * rows
    x = (draw.u + wobble * draw.noise(1.8, most=0.1)) * columns + shift * (y.floor() % 2)
    number = (y.floor().long() % rows) * columns + x.floor().long() % columns
    width, height = draw.size / columns, draw.size / rows
    across, down = x % 1, y % 1
    joint = draw.uniform(0.015, 0.06) * min(width, height)
    radius = joint * draw.uniform(0.5, 3)
    right, below = (torch.minimum(s, 1 - s) * length - joint for s, length in ((across, width), (down, height)))
    corner = ((radius - right).clamp(min=0).square() + (radius - below).clamp(min=0).square()).sqrt()
    inside = torch.where(corner > 0, radius - corner, torch.minimum(right, below).clamp(min=radius))
    face = smoothstep(inside, -1, 1)
    edge = rounded(inside + 1, radius + 1)
    depth = draw.uniform(0.4, 1.1) * max(radius, 2.0)
    values = [draw.each(rows * columns)[number] for _ in range(4)]
    tilt = draw.uniform(0, 0.02) * (
        (across - 0.5) * width * (values[0] - 0.5) + (down - 0.5) * height * (values[1] - 0.5)
    )
    glazed = draw.chance(0.5)
    grain = draw.noise(1.2, least=8) * (0.05 if glazed else draw.uniform(0.1, 0.5))
    waves = draw.noise(2.5, least=2, most=0.1) * draw.uniform(0.2, 0.8)
    level = depth * edge + (tilt + depth * draw.uniform(0, 0.3) * values[2] + waves + grain) * face
    level = level + (1 - face) * draw.noise(1.0, least=16) * draw.uniform(0.2, 0.6)
    color = draw.color(_GLAZES if glazed else _STONES)
    mottled = 0.04 * draw.noise(1.5) if glazed else 0.1 * draw.noise(1.3) + 0.05 * draw.noise(0.5)
    color = color * torch.exp(draw.uniform(0.05, 0.5) * (values[3] - 0.5) + mottled)
    color = torch.lerp(draw.color(_JOINTS) * torch.exp(0.12 * draw.noise(0.8)), color, face)
    own = draw.uniform(0.1, 0.3) if glazed else draw.uniform(0.4, 0.75)
    rough = own + 0.03 * draw.noise(1.5) + draw.uniform(0, 0.1) * (values[3] - 0.5)
    rough = torch.lerp(torch.full_like(rough, draw.uniform(0.75, 0.95)), rough, face)
    return ProceduralMaterial(level, color, rough, torch.zeros_like(level))


def planks(draw: Drawing) -> ProceduralMaterial:
    """Boards with grain, rings around knots, and gaps."""
    rows, length = draw.count(3, 8), draw.count(1, 2)
    y = (draw.v * rows).expand(draw.size, draw.size)
    row = y.floor().long() % rows
    offsets = draw.each(rows)
    x = draw.u * length + offsets[row]
    number = row * length + x.floor().long() % length
    count = rows * length
    values = [draw.each(count)[number] for _ in range(4)]
    # Every board is another piece of wood: noise moved by whole pixels.
    stretched = draw.noise(1.6, down=draw.uniform(0.03, 0.12), across=1.0)
    fibers = draw.noise(0.4, across=1.0, down=0.03)
    moved = (torch.arange(draw.size, device=draw.device)[None] + (values[0] * draw.size).long()) % draw.size
    stretched, fibers = stretched.gather(1, moved), fibers.gather(1, moved)
    knot_x, knot_y = (x % 1) - values[1], (y % 1) - 0.2 - 0.6 * values[2]
    aspect = draw.size / length / (draw.size / rows)
    knot = torch.exp(-((knot_x * aspect).square() * 0.6 + knot_y.square()) / (0.01 + 0.03 * values[3]))
    knot = knot * (values[3] > 0.55)
    rings = draw.uniform(6, 14) * (y % 1) + draw.uniform(1.0, 2.5) * stretched + 6 * knot + 20 * values[0]
    late = (rings % 1).square()
    width = draw.size / rows
    gap = draw.uniform(0.8, 2.5)
    ends = torch.minimum(x % 1, 1 - x % 1) * (draw.size / length)
    sides = torch.minimum(y % 1, 1 - y % 1) * width
    inside = torch.minimum(ends, sides) - gap
    edge = rounded(inside + 1, draw.uniform(2, 6))
    face = smoothstep(inside, -1, 1)
    worn = draw.uniform(0.2, 1.0)
    level = draw.uniform(2, 5) * edge + face * worn * (0.5 * late + 0.35 * fibers + 0.8 * knot)
    level = level + face * draw.uniform(0, 0.6) * draw.noise(2.2, least=2, most=0.1)
    level = level + face * (values[1] * draw.uniform(0, 1.5) + (y % 1 - 0.5) * (values[2] - 0.5) * 0.03 * width)
    tone = -0.35 * late - 0.12 * fibers - 1.1 * knot + draw.uniform(0.1, 0.6) * (values[3] - 0.5)
    color = draw.color(_WOODS) * torch.exp(tone * draw.uniform(0.5, 1.2))
    color = color * torch.lerp(torch.full_like(face, 0.15), torch.ones_like(face), face)
    rough = draw.uniform(0.25, 0.7) + 0.06 * late + 0.04 * fibers + 0.03 * draw.noise(1.5)
    return ProceduralMaterial(
        level, color, torch.lerp(torch.full_like(rough, 0.9), rough, face), torch.zeros_like(face)
    )


def cobbles(draw: Drawing) -> ProceduralMaterial:
    """Rounded stones set in sand."""
    many = draw.count(5, 14)
    bend = 0.15 / many
    warp = (bend * draw.noise(1.8, most=0.15), bend * draw.noise(1.8, most=0.15))
    cells = draw.cells(many, max(4, round(many * draw.uniform(0.7, 1.3))), draw.uniform(0.3, 0.8), warp)
    pitch = draw.size / many
    inside = (cells.border - draw.uniform(0.03, 0.09)) * pitch
    dome = rounded(inside, draw.uniform(0.25, 0.45) * pitch)
    stone = smoothstep(inside, 0, 2)
    values = [draw.of_cell(cells) for _ in range(4)]
    depth = draw.uniform(0.12, 0.3) * pitch
    tilt = 0.25 * depth * (cells.right * (values[0] - 0.5) + cells.down * (values[1] - 0.5))
    level = dome * (depth * (0.75 + 0.25 * values[2]) + tilt) + stone * draw.uniform(0.3, 1.2) * draw.noise(
        1.4, least=8
    )
    level = level + (1 - stone) * draw.noise(0.7, least=20) * draw.uniform(0.4, 0.9)
    color = draw.color(_STONES) * torch.exp(
        draw.uniform(0.2, 0.8) * (values[3] - 0.5) + 0.12 * draw.noise(1.0) + 0.08 * draw.noise(0.2)
    )
    tint = torch.stack([values[0] - 0.5, torch.zeros_like(values[0]), 0.5 - values[0]])
    color = color * torch.exp(draw.uniform(0, 0.25) * tint)
    sand = draw.color(_EARTHS) * torch.exp(0.15 * draw.noise(0.3))
    rough = draw.uniform(0.35, 0.75) - 0.08 * dome + 0.05 * draw.noise(1.2)
    return ProceduralMaterial(
        level, torch.lerp(sand, color, stone), torch.lerp(torch.full_like(rough, 0.9), rough, stone),
        torch.zeros_like(level),
    )  # fmt: skip


def gravel(draw: Drawing) -> ProceduralMaterial:
    """Heaped stones of several sizes, the higher ones before the lower."""
    coarse = draw.count(12, 30)
    level = draw.noise(1.5, least=4) * 0.5 - 2.0
    color = draw.color(_EARTHS) * torch.exp(0.2 * draw.noise(0.4))
    rough = torch.full_like(level, 0.92)
    kind = _STONES[draw.count(0, len(_STONES) - 1)]
    palette = torch.stack([draw.color((kind,), 0.25) for _ in range(5)])
    own = draw.uniform(0.5, 0.85)
    for layer in range(4):
        many = round(coarse * (1.8, 1.4, 1.15, 1.0)[layer])
        cells = draw.cells(many, many, 0.9)
        pitch = draw.size / many
        values = [draw.of_cell(cells) for _ in range(6)]
        turn = values[0] * 6.283
        along = cells.right * turn.cos() + cells.down * turn.sin()
        beside = cells.down * turn.cos() - cells.right * turn.sin()
        # Ellipsoids that are a little square, lumpy, and hold half of the cells.
        radius = 0.35 + 0.25 * values[1]
        lumps = 1 + 0.12 * draw.noise(2.0, least=many / 2, most=0.5)
        inside = (
            1 - ((along / radius).abs() ** 2.4 + (beside / (radius * (0.6 + 0.3 * values[2]))).abs() ** 2.4) * lumps
        )
        dome = inside.clamp(min=0) ** 0.45
        top = pitch * (0.3 * dome + 0.12 * values[3] + 0.03 * layer) - 0.1 * pitch
        top = top + 0.25 * draw.noise(1.0, least=30)
        above = (inside > 0) & (values[4] > 0.35) & (top > level)
        stone = palette[(values[5] * 4.99).long()].squeeze(-1).squeeze(-1).movedim(-1, 0)
        stone = stone * torch.exp(0.35 * (values[3] - 0.5) + 0.12 * draw.noise(0.6))
        level = torch.where(above, top, level)
        color = torch.where(above, stone, color)
        rough = torch.where(above, own + 0.15 * (values[2] - 0.5), rough)
    return ProceduralMaterial(draw.blurred(level, 0.6), color, rough, torch.zeros_like(level))


def cracked(draw: Drawing) -> ProceduralMaterial:
    """Dried mud, or paint: plates with curled edges, and finer cracks within."""
    many = draw.count(4, 9)
    bend = 0.12 / many
    warp = (bend * draw.noise(1.4, most=0.4), bend * draw.noise(1.4, most=0.4))
    plates = draw.cells(many, many, 0.85, warp)
    finer = draw.cells(3 * many, 3 * many, 0.9, (0.5 * warp[0], 0.5 * warp[1]))
    pitch = draw.size / many
    distance, fine = plates.border * pitch, finer.border * pitch / 3
    width = draw.uniform(1.0, 0.04 * pitch + 1.5)
    depth = draw.uniform(2.0, 0.08 * pitch + 2)
    values = draw.of_cell(plates), draw.of_cell(finer)
    plate = smoothstep(distance, 0.5 * width, 0.5 * width + 2.5)
    hair = smoothstep(fine + 3 * (values[1] - 0.3), 0.3, 1.8)
    curl = draw.uniform(0, 0.06) * pitch * torch.exp(-distance / (0.15 * pitch))
    level = plate * (depth + curl + depth * 0.3 * values[0]) + plate * hair * draw.uniform(0.5, 1.5)
    level = level + draw.uniform(0.3, 1.0) * draw.noise(1.3, least=6) * (0.4 + 0.6 * plate)
    color = draw.color(_EARTHS + _PAINTS) * torch.exp(
        0.12 * draw.noise(1.3) + 0.06 * draw.noise(0.3) + 0.3 * (values[0] - 0.5) * draw.uniform(0, 1)
    )
    under = draw.color(_EARTHS) * 0.4
    color = torch.lerp(under.expand_as(color), color, plate * (0.6 + 0.4 * hair))
    rough = draw.uniform(0.4, 0.9) + 0.04 * draw.noise(1.0)
    return ProceduralMaterial(
        level, color, torch.lerp(torch.full_like(rough, 0.95), rough, plate), torch.zeros_like(level)
    )


def plaster(draw: Drawing) -> ProceduralMaterial:
    """A wall with strokes of the trowel, lumps and pits."""
    strokes = draw.noise(1.5, least=2, across=draw.uniform(0.2, 1), down=draw.uniform(0.2, 1), most=0.2)
    ridges = -strokes.abs() * draw.uniform(0, 2.5)
    lumps = draw.noise(draw.uniform(0.8, 1.8), least=draw.uniform(4, 40), most=0.7) * draw.uniform(0.4, 2.2)
    pits = smoothstep(draw.noise(0.6, least=20, most=0.35), 1.6, 2.6) * draw.uniform(0, 3)
    level = ridges + lumps - pits + 0.15 * draw.noise(0.2)
    stained = smoothstep(draw.noise(1.9), 0.2, 2.0) * draw.uniform(0, 0.4)
    color = draw.color(_PAINTS) * torch.exp(-stained + 0.03 * draw.noise(0.8) - 0.15 * pits.clamp(max=1))
    rough = (draw.uniform(0.55, 0.95) + 0.02 * draw.noise(1.0)).expand_as(level)
    return ProceduralMaterial(level, color, rough, torch.zeros_like(level))
