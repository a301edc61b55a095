"""Objectives: loss and gradient of the graphs are torch's own, at any size, and those of finite differences."""

import copy
from functools import partial

import numpy as np
import onnxruntime as ort
import pytest
import torch
import torch.nn.functional as F

from matshot.inference.cards import Registry
from matshot.inference.session import Network
from matshot_export.networks.descriptor import TextureDescriptor, relative_distances
from matshot_export.objectives import (
    CELL,
    GRAY,
    RefinementObjective,
    StatisticsObjective,
    export_refinement,
    photographed,
    refinement_inputs,
    refinement_model,
    statistics_model,
)
from matshot_export.parity import bearing_inputs

SIZES = [(64, 128), (128, 64)]


@pytest.fixture(scope="module")
def descriptor():
    torch.manual_seed(0)
    return TextureDescriptor(circular=True).requires_grad_(False)


@pytest.fixture(scope="module")
def session(descriptor):
    return running(refinement_model(descriptor))


def running(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def crop(height, width, seed=1):
    """Inputs of the refinement's objective that are as a crop's are."""
    given = refinement_inputs(TextureDescriptor().requires_grad_(False), seed, (height // CELL, width // CELL))
    flash = {"camera": (0.0, 0.0, 0.866), "light": (0.02, 0.03, 0.866)}
    return given | {name: torch.tensor(place).view(1, 3, 1, 1) for name, place in flash.items()}


def bearing(descriptor, *size):
    """Inputs whose gradient does not hang on how a sum is rounded."""
    return bearing_inputs("refinement", RefinementObjective(descriptor), partial(crop, *size))[0]


def direct(descriptor, given):
    """The same, written down plainly and differentiated by torch, in double precision."""
    descriptor = copy.deepcopy(descriptor).double()
    given = {name: values.double() for name, values in given.items()}
    parameters, intensity = (given[name].clone().requires_grad_() for name in ("parameters", "intensity"))
    scene = (given[name] for name in ("positions", "camera", "light"))
    image = photographed(*parameters.split([3, 1, 1, 2], dim=1), intensity, *scene)
    statistics = descriptor(image * (GRAY / image.mean()))
    loss = given["statistics_weight"] * distances(descriptor, statistics, given["statistics"]).mean()
    loss = loss + (given["cell_weights"] * (F.avg_pool2d(image, CELL) - given["cells"]).square()).sum()
    loss = loss + (given["pixel_weights"] * (image - given["pixels"]).square()).sum()
    return loss.detach(), *torch.autograd.grad(loss, (parameters, intensity))


def distances(descriptor, statistics, wanted):
    """The relative distance at each level, ``(levels,)``."""
    sizes = [width * width for width in descriptor.widths]
    pairs = zip(statistics.split(sizes, dim=1), wanted.split(sizes, dim=1), strict=True)
    return torch.stack([relative_distances(torch.cat(pair))[0, 1] for pair in pairs])


def relative(given, wanted):
    return float((torch.as_tensor(given) - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("size", SIZES)
def test_statistics_gradient_is_torchs(descriptor, size):
    descriptor = copy.deepcopy(descriptor).double()
    generator = torch.Generator().manual_seed(0)
    image, other = (torch.rand(1, 3, *size, generator=generator, dtype=torch.double) for _ in range(2))
    image.requires_grad_()
    wanted = descriptor(other**2)
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]).double()
    expected = (weights * distances(descriptor, descriptor(image), wanted)).sum()
    loss, gradient = StatisticsObjective(descriptor)(image.detach(), wanted, weights)
    assert float(loss) == pytest.approx(float(expected.detach()), rel=1e-6)
    assert relative(gradient, torch.autograd.grad(expected, image)[0]) < 1e-6


@pytest.mark.parametrize("size", SIZES)
def test_refinement_is_torchs(descriptor, size):
    given = bearing(descriptor, *size)
    with torch.no_grad():
        answer = RefinementObjective(descriptor)(**given)
    assert max(relative(*pair) for pair in zip(answer, direct(descriptor, given), strict=True)) < 1e-4


@pytest.mark.parametrize("size", SIZES)
def test_exported_refinement_is_torchs(descriptor, session, size):
    given = bearing(descriptor, *size)
    answer = session.run(None, {name: values.numpy() for name, values in given.items()})
    assert [result.name for result in session.get_outputs()] == ["loss", "gradient", "intensity_gradient"]
    assert max(relative(*pair) for pair in zip(answer, direct(descriptor, given), strict=True)) < 1e-4


def test_exported_gradient_is_that_of_finite_differences(session):
    given = {name: values.numpy() for name, values in crop(64, 64).items()}
    _, gradient, by_intensity = session.run(None, given)
    # Along the gradient, where the loss changes by more than single precision rounds off.
    direction = gradient / np.linalg.norm(gradient)

    def loss(name, change):
        return float(session.run(None, {**given, name: given[name] + change})[0])

    step = np.float32(0.05)
    found = (loss("parameters", step * direction) - loss("parameters", -step * direction)) / (2 * step)
    assert found == pytest.approx(float((gradient * direction).sum()), rel=0.03)
    step = np.float32(1e-2)
    found = (loss("intensity", step) - loss("intensity", -step)) / (2 * step)
    assert found == pytest.approx(float(by_intensity.sum()), rel=0.02)


def test_no_loss_and_no_gradient_where_everything_matches(descriptor, session):
    given = crop(64, 64)
    scene = (given[name] for name in ("intensity", "positions", "camera", "light"))
    with torch.no_grad():
        image = photographed(*given["parameters"].split([3, 1, 1, 2], dim=1), *scene)
        given["statistics"] = descriptor(image * (GRAY / image.mean()))
    given["cells"], given["pixels"] = F.avg_pool2d(image, CELL), image
    loss, gradient, _ = session.run(None, {name: values.numpy() for name, values in given.items()})
    assert float(loss) < 1e-6
    assert np.abs(gradient).max() < 1e-5


def test_too_bright_a_rendering_of_a_saturated_photograph_is_told_so(session):
    given = {name: values.numpy() for name, values in crop(64, 64).items()}
    given["statistics_weight"] = np.zeros((), np.float32)
    given["cell_weights"] = np.zeros_like(given["cell_weights"])
    given["pixels"] = np.ones_like(given["pixels"])
    given["pixel_weights"] = np.ones_like(given["pixel_weights"])
    given["intensity"] = np.full((1, 3, 1, 1), 200, np.float32)
    loss, _, by_intensity = session.run(None, given)
    assert float(loss) > 0
    assert (by_intensity > 0).all()


def test_exported_statistics_are_torchs(descriptor):
    mirrored = TextureDescriptor(circular=False)
    mirrored.load_state_dict(descriptor.state_dict())
    session = running(statistics_model(mirrored))
    for size in ((64, 48), (96, 128)):
        images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
        (given,) = session.run(["y"], {"x": images.numpy()})
        with torch.no_grad():
            assert relative(given, mirrored(images)) < 1e-4


def test_files_and_cards_are_what_the_run_time_reads(tmp_path, descriptor):
    weights = tmp_path / "weights.pt"
    torch.save(descriptor.state_dict(), weights)
    cards = {card.method: card for card in export_refinement(weights, tmp_path / "models")}
    assert {card.name: card for card in Registry(tmp_path / "models")} == {card.name: card for card in cards.values()}
    statistics = Network(cards["statistics"], "cpu", 1)
    x = torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(0))
    mirrored = TextureDescriptor(circular=False)
    mirrored.load_state_dict(descriptor.state_dict())
    with torch.no_grad():
        # Weights are stored in half precision.
        assert relative(statistics(x.numpy()), mirrored(x)) < 1e-2
    assert sum(path.stat().st_size for path in (tmp_path / "models").iterdir()) < 2_000_000
