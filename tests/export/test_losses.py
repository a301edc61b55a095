"""Losses against values known in advance."""

import math

import pytest
import torch

from matshot_export.losses import LUMA, POINTWISE, WeightedLoss, angular, hfen, l1, lattice, mse, psnr, spectrum


@pytest.fixture
def truth():
    return torch.rand(2, 3, 24, 20, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", sorted(POINTWISE))
def test_gives_a_scalar_that_has_a_finite_gradient_at_the_truth(name, truth):
    result = truth.clone().requires_grad_()
    value = POINTWISE[name](result, truth)
    value.backward()
    assert value.shape == ()
    assert result.grad.isfinite().all()


@pytest.mark.parametrize("name", sorted(POINTWISE))
def test_grows_with_the_error(name, truth):
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(1))
    values = [float(POINTWISE[name](truth + k * noise, truth)) for k in (0.0, 0.01, 0.1)]
    assert values == sorted(values)
    assert values[0] < values[1] < values[2]


def test_of_a_constant_offset(truth):
    assert float(mse(truth + 0.1, truth)) == pytest.approx(0.01, rel=1e-4)
    assert float(l1(truth + 0.1, truth)) == pytest.approx(0.1, rel=1e-4)


def test_psnr_is_the_logarithm_of_the_squared_error():
    truth = torch.zeros(2, 1, 8, 8)
    result = torch.stack([torch.full((1, 8, 8), 0.1), torch.full((1, 8, 8), 0.01)])
    assert float(psnr(result, truth, floor=0)) == pytest.approx(math.log(1e-2) / 2 + math.log(1e-4) / 2, rel=1e-4)


def test_psnr_counts_luma_for_half():
    truth = torch.zeros(1, 3, 8, 8)
    gray, blue = torch.full((1, 3, 8, 8), 0.1), torch.zeros(1, 3, 8, 8)
    blue[:, 2] = 0.1
    assert float(psnr(gray, truth, floor=0)) == pytest.approx(math.log(0.01), rel=1e-4)
    wanted = math.log(0.5 * 0.01 / 3 + 0.5 * (0.1 * LUMA[2]) ** 2)
    assert float(psnr(blue, truth, floor=0)) == pytest.approx(wanted, rel=1e-4)


def test_hfen_is_blind_to_a_constant_and_to_a_ramp(truth):
    ramp = torch.linspace(0, 1, 20).expand_as(truth)
    assert float(hfen(truth + 0.3, truth)) < 1e-6
    assert float(hfen(truth + ramp, truth)) < 1e-6


def test_hfen_sees_fine_detail_before_coarse():
    x = torch.arange(64.0)
    truth = torch.zeros(1, 1, 64, 64)
    fine, coarse = (torch.sin(2 * math.pi * x / period).expand(1, 1, 64, 64) for period in (6, 32))
    assert float(hfen(fine, truth)) > 5 * float(hfen(coarse, truth))


def test_spectrum_asks_how_strong_detail_is_and_not_where():
    truth, other = (torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    blurred = torch.nn.functional.avg_pool2d(truth, 3, stride=1, padding=1)
    assert float(spectrum(truth.roll(20, dims=3), truth)) < float(spectrum(other, truth)) < 0.5
    assert float(spectrum(blurred, truth)) > 3 * float(spectrum(other, truth))


def test_spectrum_sees_grain_of_one_direction():
    truth = torch.rand(4, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.1
    x = torch.arange(64.0)
    grain = 0.02 * torch.sin(math.pi / 2 * (x[:, None] + x))
    across = grain.flip(-1)
    assert float(spectrum(truth + grain, truth)) > 0.02
    assert float(spectrum(truth + grain, truth + across)) > 1.5 * float(spectrum(truth + grain, truth))


def test_lattice_sees_a_canvas_and_hardly_any_other_error():
    truth, noise = (torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    canvas = torch.tensor([0.02, -0.02, 0.0, 0.0]).repeat(16)
    assert float(lattice(truth + canvas, truth)) == pytest.approx(0.01, rel=1e-4)
    assert float(lattice(truth + 0.035 * (noise - 0.5), truth)) < 0.001
    drifting = 0.02 * torch.sin(2 * math.pi * torch.arange(64.0) / 3.8)
    assert float(lattice(truth + drifting, truth)) < 0.003


def test_angular_is_the_angle_of_small_turns():
    angle = 0.01
    truth = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    result = torch.tensor([math.sin(angle), 0.0, math.cos(angle)]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert float(angular(result, truth)) == pytest.approx(angle, rel=1e-2)


def test_weighted_sum(truth):
    total, parts = WeightedLoss({"l1": 2.0, "mse": 3.0})(truth + 0.1, truth)
    assert float(total) == pytest.approx(2 * 0.1 + 3 * 0.01, rel=1e-4)
    assert parts == pytest.approx({"l1": 0.1, "mse": 0.01}, rel=1e-4)


def test_weighted_sum_takes_learned_losses_and_skips_those_without_weight(truth):
    def never(result, truth):
        raise AssertionError

    learned = {"perceptual": lambda result, truth: result.new_tensor(7.0), "adversarial": never}
    total, parts = WeightedLoss({"perceptual": 0.5, "adversarial": 0.0}, learned)(truth, truth)
    assert float(total) == 3.5
    assert list(parts) == ["perceptual"]


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="'sharpness'"):
        WeightedLoss({"sharpness": 1.0})


def test_fourier_loss_of_a_constant_error_is_that_of_one_frequency():
    truth = torch.rand(2, 3, 8, 12)
    assert POINTWISE["fourier"](truth, truth) == 0
    given = float(POINTWISE["fourier"](truth + 0.1, truth))
    assert given == pytest.approx(0.1 * (8 * 12) ** 0.5 / (2 * 8 * 7), rel=1e-3)
