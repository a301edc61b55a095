"""What every network promises the engine: sizes, receptive field, grid; and what each promises of its own."""

import pytest
import torch
import torch.nn.functional as F

from matshot_export.networks import ARCHITECTURES
from matshot_export.networks.discriminator import Discriminator
from matshot_export.networks.resampling import REACH, shrink_kernel
from matshot_export.networks.srcae import SRCAE
from matshot_export.networks.upscaler import Upscaler

SMALL = {
    "upscaler x2": ("upscaler", {"scale": 2, "width": 6, "blocks": 2}),
    "upscaler x4": ("upscaler", {"scale": 4, "width": 6, "blocks": 1}),
    "upscaler x4 without back-projection": ("upscaler", {"scale": 4, "width": 6, "blocks": 2, "consistent": False}),
    "upscaler of one plane": ("upscaler", {"scale": 2, "planes": 1, "width": 6, "blocks": 1}),
    "upscaler of any level": ("upscaler", {"scale": 2, "planes": 1, "width": 6, "blocks": 1, "level_free": True}),
    "upscaler of normals": ("upscaler", {"scale": 2, "width": 6, "blocks": 1, "unit": True}),
    "srcae x2": ("srcae", {"scale": 2, "features": 8}),
    "srcae x4": ("srcae", {"scale": 4, "features": 8}),
    "srcae x8": ("srcae", {"scale": 8, "features": 8, "halvings": 1}),
    "sparse coding x4": ("sparse_coding", {"scale": 4, "atoms": 12, "steps": 3}),
    "sparse coding of one plane": ("sparse_coding", {"scale": 3, "planes": 1, "atoms": 12, "steps": 3}),
}


def awakened(network):
    """The network in double precision, with weights in the layers that begin as nought."""
    for parameter in network.double().parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return network


@pytest.fixture(params=SMALL, ids=lambda name: name.replace(" ", "-"))
def network(request):
    torch.manual_seed(0)
    name, arguments = SMALL[request.param]
    return awakened(ARCHITECTURES[name](**arguments)).eval()


def planes_of(network):
    return getattr(network, "planes", 3)


def noise(network, cells, seed=0):
    side = cells * network.grid
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, planes_of(network), side, side, generator=generator, dtype=torch.double)


def reach(network, positive):
    """Radius over which the input changes the output, by the gradient, for every place on the grid."""
    if positive:
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.abs_()
    cells = 2 * (network.receptive_field // network.grid + 2) + 1
    x = noise(network, cells).requires_grad_()
    y = network(x)
    center, scale, found = x.shape[-1] // 2 // network.grid * network.grid, network.scale, 0
    for place in range(center, center + network.grid):
        pixels = y[..., place * scale : (place + 1) * scale, :].square().sum()
        (gradient,) = torch.autograd.grad(pixels, x, retain_graph=True)
        rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
        found = max(found, place - int(rows.min()), int(rows.max()) - place)
    return found


def test_sizes(network):
    grid, scale = network.grid, network.scale
    x = torch.rand(2, planes_of(network), 7 * grid, 9 * grid, dtype=torch.double)
    assert network(x).shape == (2, planes_of(network), 7 * grid * scale, 9 * grid * scale)


def test_nothing_beyond_the_receptive_field_matters(network):
    assert reach(network, positive=False) <= network.receptive_field


def test_shifting_by_the_grid_shifts_the_result(network):
    x = noise(network, 2 * (network.receptive_field // network.grid + 3))
    step, scale = network.grid, network.scale
    shifted = network(x.roll((step, step), dims=(2, 3))).roll((-step * scale, -step * scale), dims=(2, 3))
    border = (network.receptive_field + step) * scale
    inside = (..., slice(border, -border), slice(border, -border))
    assert network(x)[inside].numel()
    torch.testing.assert_close(shifted[inside], network(x)[inside])


def test_gradients_reach_every_parameter(network):
    network(noise(network, 12)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Constant folding")
def test_runs_in_onnx_at_another_size(network, tmp_path):
    ort = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    network = network.float()
    axes = {"x": {0: "n", 2: "h", 3: "w"}, "y": {0: "n", 2: "hs", 3: "ws"}}
    path = tmp_path / "network.onnx"
    x = noise(network, 8).float()
    torch.onnx.export(
        network, (x,), path, input_names=["x"], output_names=["y"], dynamic_axes=axes, opset_version=17, dynamo=False
    )
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    other = noise(network, 11, seed=1).float()[..., : 9 * network.grid, :].repeat(2, 1, 1, 1)
    (result,) = session.run(None, {"x": other.numpy()})
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(result), network(other), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("consistent", [False, True])
@pytest.mark.parametrize("blocks", [1, 3])
def test_receptive_field_of_the_upscaler_is_exact(blocks, consistent):
    network = awakened(Upscaler(2, width=4, blocks=blocks, consistent=consistent))
    assert reach(network, positive=True) == network.receptive_field


@pytest.mark.parametrize(("scale", "halvings"), [(2, 1), (2, 2), (2, 3), (4, 1), (4, 2), (8, 1)])
def test_receptive_field_of_the_auto_encoder_is_exact(scale, halvings):
    network = SRCAE(scale, halvings, features=4, consistent=False).double()
    assert network.grid == 2**halvings
    assert reach(network, positive=True) == network.receptive_field


@pytest.mark.parametrize("name", ["upscaler x2", "upscaler x4", "upscaler of one plane"])
def test_brightness_scales_through_the_upscaler(name):
    torch.manual_seed(0)
    network = awakened(Upscaler(**SMALL[name][1]))
    x = noise(network, 12)
    for k in (0.25, 2.0, 100.0):
        torch.testing.assert_close(network(k * x), k * network(x))


def test_level_passes_through_a_level_free_upscaler():
    torch.manual_seed(0)
    network = awakened(Upscaler(4, 3, width=8, blocks=2, level_free=True))
    x = torch.rand(1, 3, 12, 12, dtype=torch.double)
    level = torch.tensor([0.5, -3.0, 40.0], dtype=torch.double).view(1, 3, 1, 1)
    # The bicubic kernels sum to 1 in single precision.
    torch.testing.assert_close(network(2 * x + level), 2 * network(x) + level, atol=1e-5, rtol=1e-6)
    flat = level.expand(1, 3, 9, 9)
    torch.testing.assert_close(network(flat), level.expand(1, 3, 36, 36), atol=1e-5, rtol=1e-6)


def test_normals_come_out_of_unit_length():
    y = Upscaler(2, width=4, blocks=1, unit=True)(torch.randn(1, 3, 8, 8))
    torch.testing.assert_close(y.norm(dim=1), torch.ones(1, 16, 16))


@pytest.mark.parametrize("scale", [2, 4])
def test_shrinking_the_result_gives_the_input(scale):
    torch.manual_seed(0)
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    texture = torch.stack([torch.sin(x * 0.9 + y * 0.3 * c) for c in range(3)])[None].double()

    def error(consistent):
        network = Upscaler(scale, width=8, blocks=1, consistent=consistent).double()
        torch.nn.init.normal_(network.tail.weight, std=0.03, generator=torch.Generator().manual_seed(1))
        shrunk = F.conv2d(F.pixel_unshuffle(network(texture), scale), shrink_kernel(scale, 3).double())
        return float((shrunk - texture[..., REACH:-REACH, REACH:-REACH]).detach().square().mean().sqrt())

    assert error(consistent=True) < 0.25 * error(consistent=False)


def test_auto_encoder_is_of_the_size_meant():
    count = sum(p.numel() for p in SRCAE().parameters())
    assert 300_000 < count < 600_000


@pytest.mark.parametrize(("scale", "halvings"), [(2, 1), (4, 2), (8, 1)])
def test_receptive_field_with_back_projection_is_hardly_too_large(scale, halvings):
    network = SRCAE(scale, halvings, features=4).double()
    # The outermost taps of the bicubic kernels are 0 for some scales.
    assert network.receptive_field - 2 <= reach(network, positive=True) <= network.receptive_field


def test_auto_encoder_keeps_the_mean_color():
    torch.manual_seed(0)
    smooth = F.interpolate(torch.rand(1, 3, 4, 4), size=(32, 32), mode="bicubic", align_corners=False)

    def drift(consistent):
        torch.manual_seed(1)
        network = SRCAE(consistent=consistent)
        with torch.no_grad():
            return float((network(smooth).mean(dim=(2, 3)) - smooth.mean(dim=(2, 3))).abs().max())

    assert drift(consistent=True) < 0.01
    assert drift(consistent=True) < 0.1 * drift(consistent=False)


def test_auto_encoder_begins_near_gray():
    torch.manual_seed(0)
    y = SRCAE(consistent=False)(torch.rand(1, 3, 16, 16))
    assert (y - 0.5).abs().max() < 0.5


def test_auto_encoder_refuses_other_scales():
    with pytest.raises(ValueError, match="not by 3"):
        SRCAE(scale=3)


def test_discriminator_judges_places_apart():
    torch.manual_seed(0)
    judge = Discriminator().eval()
    x = torch.rand(2, 3, 96, 64)
    assert judge(x).shape == (2, 1, 6, 4)
    changed = x.clone()
    changed[..., :4, :4] = 0
    difference = (judge(changed) - judge(x))[0, 0].abs()
    assert difference[0, 0] > 0
    assert difference[-1, -1] == 0


def test_discriminator_is_bounded_by_its_spectral_norm():
    torch.manual_seed(0)
    judge = Discriminator()
    with torch.no_grad():
        for layer in judge.layers:
            layer.parametrizations.weight.original.mul_(100)
    for _ in range(20):
        judge(torch.rand(1, 3, 32, 32))
    for layer in judge.layers:
        assert float(torch.linalg.matrix_norm(layer.weight.flatten(1).detach(), 2)) == pytest.approx(1, abs=0.1)


def test_discriminator_learns_under_autocast():
    judge = Discriminator(planes=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = judge(torch.rand(1, 1, 64, 64))
    logits.float().mean().backward()
    assert all(p.grad.isfinite().all() for p in judge.parameters())
