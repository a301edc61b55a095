"""Muon: its update is nearly orthogonal, it minimizes, and it goes on from where it was."""

import copy

import pytest
import torch
from torch import nn

from matshot_export.optimizer import Muon, orthogonalized


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("shape", [(8, 8), (6, 40), (40, 6)])
def test_singular_values_are_pulled_to_one(shape):
    values = torch.linalg.svdvals(orthogonalized(torch.randn(shape)))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_directions_are_kept():
    matrix = torch.randn(8, 30)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    inner = left.T @ orthogonalized(matrix) @ right.T
    assert (inner - torch.diag(inner.diagonal())).abs().max() < 1e-3


def test_magnitude_of_the_gradient_does_not_matter():
    matrix = torch.randn(8, 30)
    torch.testing.assert_close(orthogonalized(matrix), orthogonalized(1000 * matrix), rtol=1e-3, atol=1e-3)


def test_the_iteration_on_gram_matrices_is_the_one_on_matrices():
    """Newton-Schulz as Jordan et al. write it, on a stack of matrices, one of them of low rank."""
    matrices = torch.randn(3, 12, 50)
    matrices[1, 6:] = matrices[1, :6]
    a, b, c = 3.4445, -4.7750, 2.0315
    for wide in (matrices, matrices.mT):
        for matrix, found in zip(wide, orthogonalized(wide), strict=True):
            x = matrix.double() / matrix.norm()
            x = x.T if wide.shape[1] > wide.shape[2] else x
            for _ in range(5):
                gram = x @ x.T
                x = a * x + (b * gram + c * gram @ gram) @ x
            expected = x.T if wide.shape[1] > wide.shape[2] else x
            torch.testing.assert_close(found.double(), expected, atol=2e-4, rtol=1e-3)


def task():
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 3, padding=1))
    x = torch.randn(4, 3, 8, 8)
    return network, x, torch.stack([x[:, 0] + x[:, 1].abs(), x[:, 2] - 0.5], dim=1)


def descend(network, optimizer, x, y, steps):
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        value = (network(x) - y).square().mean()
        value.backward()
        optimizer.step()
    return float(value.detach())


def test_minimizes():
    network, x, y = task()
    optimizer = Muon(network.parameters(), lr=0.02)
    before = descend(network, optimizer, x, y, 1)
    assert descend(network, optimizer, x, y, 100) < 0.2 * before


def test_parameters_without_gradient_are_left():
    network, x, y = task()
    unused = nn.Parameter(torch.ones(3, 3))
    descend(network, Muon([*network.parameters(), unused]), x, y, 1)
    assert torch.equal(unused, torch.ones(3, 3))


def test_goes_on_from_its_state():
    network, x, y = task()
    optimizer = Muon(network.parameters(), lr=0.02)
    descend(network, optimizer, x, y, 5)
    other = copy.deepcopy(network)
    again = Muon(other.parameters(), lr=0.02)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert descend(network, optimizer, x, y, 5) == descend(other, again, x, y, 5)
