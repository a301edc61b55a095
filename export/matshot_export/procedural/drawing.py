"""What families of materials are drawn with: noise and cells that wrap around, and colors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Cells:
    """A Voronoi diagram of jittered points, ``H x W`` each.

    Attributes:
        nearest: distance to the nearest point, in mean distances of points.
        border: distance to the cell's border, likewise.
        number: of the cell.
        count: of cells.
        right: way from the nearest point to the right, likewise.
        down: way from it down.
    """

    nearest: torch.Tensor
    border: torch.Tensor
    number: torch.Tensor
    count: int
    right: torch.Tensor
    down: torch.Tensor


class Drawing:
    """A square that wraps around.

    Args:
        size: pixels per side.
        rng: of every choice.
        device: of the pixels.

    Attributes:
        u: columns in [0, 1), ``1 x W``.
        v: rows in [0, 1), ``H x 1``.
    """

    def __init__(self, size: int, rng: np.random.Generator, device: torch.device) -> None:
        self.size, self.rng, self.device = size, rng, device
        middles = (torch.arange(size, device=device) + 0.5) / size
        self.u, self.v = middles[None], middles[:, None]

    def uniform(self, least: float, most: float) -> float:
        """A number of a range."""
        return float(self.rng.uniform(least, most))

    def count(self, least: int, most: int) -> int:
        """A whole number of a range, both ends included."""
        return int(self.rng.integers(least, most + 1))

    def chance(self, share: float) -> bool:
        """Whether something happens that does in a share of cases."""
        return bool(self.rng.random() < share)

    def each(self, count: int) -> torch.Tensor:
        """A number in [0, 1) for each of several things."""
        return torch.from_numpy(self.rng.random(count, dtype=np.float32)).to(self.device)

    def noise(
        self, slope: float, *, least: float = 0.0, most: float = 1.0, across: float = 1.0, down: float = 1.0
    ) -> torch.Tensor:
        """Noise of mean 0 and deviation 1 whose amplitude falls with frequency.

        Args:
            slope: of the fall; 0 is white.
            least: frequency below which there is none, in periods of the square.
            most: period in pixels below which there is none, as a frequency in parts of Nyquist's.
            across: how much longer it is across than high.
            down: how much longer it is down.
        """
        white = torch.from_numpy(self.rng.standard_normal((self.size, self.size), dtype=np.float32)).to(self.device)
        fx = torch.fft.rfftfreq(self.size, 1 / self.size, device=self.device)[None] * across
        fy = torch.fft.fftfreq(self.size, 1 / self.size, device=self.device)[:, None] * down
        frequency = (fx.square() + fy.square()).sqrt()
        amplitude = frequency.clamp(min=1e-3) ** -slope
        amplitude = amplitude * (frequency >= max(least, 1e-3)) * (frequency <= most * self.size / 2)
        field = torch.fft.irfft2(torch.fft.rfft2(white) * amplitude, s=(self.size, self.size))
        return field / field.std().clamp(min=1e-9)

    def blurred(self, plane: torch.Tensor, deviation: float) -> torch.Tensor:
        """Gaussian blur around the edges, deviation in pixels."""
        fx = torch.fft.rfftfreq(self.size, device=self.device)[None]
        fy = torch.fft.fftfreq(self.size, device=self.device)[:, None]
        gain = torch.exp(-2 * (math.pi * deviation) ** 2 * (fx.square() + fy.square()))
        return torch.fft.irfft2(torch.fft.rfft2(plane) * gain, s=(self.size, self.size))

    def cells(
        self, across: int, down: int, jitter: float, warp: tuple[torch.Tensor, torch.Tensor] | None = None
    ) -> Cells:
        """Voronoi cells of one point in each square of a grid (Worley 1996).

        Args:
            across: squares in a row.
            down: rows.
            jitter: how far from the middle points lie, 0 to 1 for anywhere in the square.
            warp: moves of the pixels to the right and down, in parts of the square.
        """
        u, v = (self.u, self.v) if warp is None else (self.u + warp[0], self.v + warp[1])
        x, y = torch.broadcast_tensors(u * across, v * down)
        places = 0.5 + jitter * (self.each(2 * across * down).view(2, down, across) - 0.5)
        column, row = x.floor().long(), y.floor().long()
        unit_x, unit_y = (math.sqrt(across * down) / n for n in (across, down))
        far = torch.full_like(x, 1e9)
        first, second = far, far
        vectors = [torch.zeros_like(x) for _ in range(4)]
        number = torch.zeros_like(column)
        for step in range(25):
            i, j = column + step % 5 - 2, row + step // 5 - 2
            inside = (j % down) * across + i % across
            px = (i + places[0].flatten()[inside] - x) * unit_x
            py = (j + places[1].flatten()[inside] - y) * unit_y
            squared = px.square() + py.square()
            nearer = squared < first
            runner = torch.where(nearer, first, torch.minimum(second, squared))
            moved = ~nearer & (squared < second)
            vectors[2] = torch.where(nearer, vectors[0], torch.where(moved, px, vectors[2]))
            vectors[3] = torch.where(nearer, vectors[1], torch.where(moved, py, vectors[3]))
            vectors[0], vectors[1] = torch.where(nearer, px, vectors[0]), torch.where(nearer, py, vectors[1])
            number = torch.where(nearer, inside, number)
            first, second = torch.where(nearer, squared, first), runner
        ax, ay, bx, by = vectors
        between = ((bx - ax).square() + (by - ay).square()).sqrt().clamp(min=1e-6)
        border = ((ax + bx) * (bx - ax) + (ay + by) * (by - ay)) / (2 * between)
        return Cells(first.sqrt(), border.clamp(min=0), number, across * down, -ax, -ay)

    def of_cell(self, cells: Cells) -> torch.Tensor:
        """A number in [0, 1) for each cell, ``H x W``."""
        return self.each(cells.count)[cells.number]

    def color(self, choices: Sequence[tuple[float, float, float]], vary: float = 0.12) -> torch.Tensor:
        """A scene-linear color near one of several display-encoded ones, ``3 x 1 x 1``.

        Args:
            choices: of which one is taken.
            vary: deviation of the logarithm of its brightness; chroma varies a third of that.
        """
        chosen = np.asarray(choices[int(self.rng.integers(len(choices)))])
        stored = chosen * np.exp(self.rng.normal(0, vary) + self.rng.normal(0, vary / 3, 3))
        stored = stored.clip(0.02, 0.97)
        return torch.from_numpy((stored**2.2).astype(np.float32)).to(self.device)[:, None, None]


def smoothstep(values: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """0 below ``low``, 1 above ``high``, and smooth between."""
    t = ((values - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def rounded(distance: torch.Tensor, width: float | torch.Tensor) -> torch.Tensor:
    """The profile of a quarter circle: 0 at an edge, 1 from ``width`` on."""
    t = (distance / width).clamp(0, 1)
    return (1 - (1 - t).square()).clamp(min=0).sqrt() * smoothstep(t, 0, 0.15)
