"""ST-LPIPS: as its authors' package measures, with the gradient where it belongs."""

import importlib.util

import pytest
import torch
import torch.nn.functional as F

from matshot_export import perceptual
from matshot_export.perceptual import PerceptualDistance

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("stlpips_pytorch") is None,
    reason="needs the published weights: pip install --no-deps stlpips-pytorch",
)


@pytest.fixture(scope="module")
def distance():
    return PerceptualDistance()


def waves(height, width):
    """Two images that any machine computes alike: color waves, and the same a little bent."""
    y, x = torch.meshgrid(torch.arange(height) / 7, torch.arange(width) / 5, indexing="ij")
    planes = [torch.sin(x * (1 + c / 2) + c) * torch.cos(y * (2 - c / 2)) for c in range(3)]
    truth = 0.5 + 0.4 * torch.stack(planes)[None]
    return (truth + 0.1 * torch.sin(3 * x + 2 * y)).clamp(0, 1), truth


@needs_weights
@pytest.mark.parametrize(("size", "wanted"), [((64, 64), 0.0755572), ((130, 98), 0.0935418), ((33, 47), 0.0498708)])
def test_is_what_the_authors_package_measures(distance, size, wanted):
    # Recorded from stlpips-pytorch 0.0.2, LPIPS(net="vgg", variant="shift_tolerant")(a, b, normalize=True).
    assert float(distance(*waves(*size))) == pytest.approx(wanted, abs=1e-5)


@needs_weights
def test_of_an_image_and_itself_is_nothing(distance):
    assert float(distance(waves(40, 40)[1], waves(40, 40)[1])) == 0


@needs_weights
def test_of_a_batch_is_the_mean_over_its_images(distance):
    (a, b), (c, d) = waves(32, 40), (x.flip(-1) ** 2 for x in waves(32, 40))
    each = distance.per_image(torch.cat([a, c]), torch.cat([b, d]))
    assert each.shape == (2,)
    torch.testing.assert_close(each, torch.stack([distance(a, b), distance(c, d)]))
    torch.testing.assert_close(each.mean(), distance(torch.cat([a, c]), torch.cat([b, d])))


@needs_weights
def test_grows_with_blur(distance):
    truth = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    blurred = [F.avg_pool2d(F.pad(truth, (n,) * 4, mode="reflect"), 2 * n + 1, stride=1) for n in (1, 2, 3)]
    values = [float(distance(x, truth)) for x in blurred]
    assert values == sorted(values)


@needs_weights
def test_gradient_flows_to_the_result_alone(distance):
    result, truth = (x.clone().requires_grad_() for x in waves(32, 32))
    distance(result, truth).backward()
    assert result.grad.abs().max() > 0
    assert truth.grad is None
    assert not any(p.requires_grad for p in distance.parameters())


@needs_weights
def test_gradient_of_flat_images_is_finite(distance):
    black = torch.zeros(1, 3, 32, 32, requires_grad=True)
    distance(black, waves(32, 32)[1]).backward()
    assert black.grad.isfinite().all()


@needs_weights
def test_autocast_around_it_changes_nothing(distance):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = distance(*waves(32, 32))
    assert float(inside) == float(distance(*waves(32, 32)))


@needs_weights
def test_half_precision_is_near(distance):
    half = PerceptualDistance(half=True)
    assert float(half(*waves(64, 64))) == pytest.approx(float(distance(*waves(64, 64))), rel=0.02)


def test_missing_weights_are_one_sentence(monkeypatch):
    monkeypatch.setattr(perceptual.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps stlpips-pytorch"):
        PerceptualDistance()
