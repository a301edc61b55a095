"""Objectives of synthesis: losses and gradients of the graphs are torch's own, at any size."""

import copy
from functools import partial

import numpy as np
import onnxruntime as ort
import pytest
import torch
import torch.nn.functional as F

from matshot.inference.cards import Registry
from matshot.synthesis import texture_loss as run_time
from matshot_export import texture_objective
from matshot_export.networks.descriptor import TextureDescriptor, gram
from matshot_export.parity import bearing_inputs
from matshot_export.texture_objective import (
    CONTENT,
    PATCH,
    SLICED,
    STRIDE,
    PatchObjective,
    SpectrumObjective,
    TextureObjective,
    example_inputs,
    export_texture,
    features_model,
    patch_model,
    spectrum_model,
    texture_model,
    transport,
)

SIZES = [(48, 32), (32, 64)]


@pytest.fixture(scope="module")
def descriptor():
    torch.manual_seed(0)
    return TextureDescriptor(circular=True).requires_grad_(False)


@pytest.fixture(scope="module")
def texture(descriptor):
    return running(texture_model(descriptor))


@pytest.fixture(scope="module")
def patches():
    return running(patch_model())


@pytest.fixture(scope="module")
def spectra():
    return running(spectrum_model())


def running(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def answered(session, given):
    return session.run(None, {name: values.numpy() for name, values in given.items()})


def relative(given, wanted):
    return float((torch.as_tensor(given) - wanted).norm() / wanted.norm())


def quantiles(values, count):
    """Of ascending values ``(K, M)``, read at the middles of equal shares, by linear interpolation."""
    places = (np.arange(count) + 0.5) / count * values.shape[1] - 0.5
    return torch.tensor(
        np.stack([np.interp(places, np.arange(values.shape[1]), row) for row in values.numpy()])
    ).float()


def sliced(projected, values):
    return (projected.sort(dim=1).values - quantiles(values, projected.shape[1])).square().mean()


def bearing(descriptor, *size, draw=example_inputs):
    """Inputs whose gradient does not hang on how a sum is rounded."""
    return bearing_inputs("objective", TextureObjective(descriptor), partial(draw, descriptor, *size))[0]


def directly(descriptor, given):
    """The objective written down plainly and differentiated by torch, in double precision."""
    descriptor = copy.deepcopy(descriptor).double()
    given = {name: values.double() for name, values in given.items()}
    image = given["image"].clone().requires_grad_()
    wanted = given["grams"].split([width * width for width in descriptor.widths], dim=1)
    loss = 0
    for number, features in enumerate(descriptor.features(image)):
        difference = gram(features).flatten(1) - wanted[number]
        loss = loss + given["gram_weights"][number] * difference.square().sum()
        if number == CONTENT:
            loss = loss + given["content_weight"] * F.mse_loss(features, given["content"])
        if number in SLICED:
            projected = given[f"directions_{number}"] @ features.flatten(2)[0]
            loss = loss + given["slice_weights"][SLICED.index(number)] * sliced(projected, given[f"values_{number}"])
    return loss.detach(), torch.autograd.grad(loss, image)[0]


def patch_inputs(height, width, count=6, samples=50):
    generator = torch.Generator().manual_seed(3)
    return {
        "image": torch.rand(1, 3, height, width, generator=generator),
        "directions": torch.randn(count, 3, PATCH, PATCH, generator=generator),
        "values": torch.randn(count, samples, generator=generator).sort(dim=1).values,
    }


def patches_directly(given):
    image = given["image"].clone().requires_grad_()
    over = PATCH - STRIDE
    wrapped = F.pad(image, (0, over, 0, over), mode="circular")
    projected = F.conv2d(wrapped, given["directions"], stride=STRIDE).flatten(2)[0]
    loss = sliced(projected, given["values"])
    return loss.detach(), torch.autograd.grad(loss, image)[0]


def spectrum_inputs(height, width, down=3, across=5):
    generator = torch.Generator().manual_seed(4)
    return {
        "image": torch.rand(1, 3, height, width, generator=generator),
        # Of opposite lags not equal, as those of no image are: the gradient is right all the same.
        "correlations": torch.rand(3, 2 * down + 1, 2 * across + 1, generator=generator) / 20,
        "axes": torch.linalg.qr(torch.randn(3, 3, generator=generator)).Q,
        "weight": torch.tensor(3.0),
    }


def spectrum_directly(given):
    """In double precision, lag by lag."""
    image = given["image"].double().requires_grad_()
    planes = torch.einsum("pc,chw->phw", given["axes"].double(), image[0])
    loss = given["weight"] * (correlations(planes, given["correlations"].shape) - given["correlations"]).square().sum()
    return loss.detach(), torch.autograd.grad(loss, image)[0]


def correlations(planes, shape):
    planes = planes - planes.mean(dim=(1, 2), keepdim=True)
    down, across = (range(-(size // 2), size // 2 + 1) for size in shape[1:])
    products = [(planes * planes.roll((row, column), (1, 2))).mean(dim=(1, 2)) for row in down for column in across]
    return torch.stack(products, dim=1).view(shape)


@pytest.mark.parametrize("size", SIZES)
def test_gradient_is_torchs(descriptor, size):
    given = bearing(descriptor, *size)
    answer = TextureObjective(descriptor)(*given.values())
    assert max(relative(*pair) for pair in zip(answer, directly(descriptor, given), strict=True)) < 1e-4


@pytest.mark.parametrize("size", SIZES)
def test_exported_objective_is_torchs(descriptor, texture, size):
    given = bearing(descriptor, *size)
    assert [result.name for result in texture.get_outputs()] == ["loss", "gradient"]
    answer = answered(texture, given)
    assert max(relative(*pair) for pair in zip(answer, directly(descriptor, given), strict=True)) < 1e-4


def test_exported_gradient_is_that_of_finite_differences(descriptor, texture):
    given = example_inputs(descriptor, 64, 64)
    _, gradient = answered(texture, given)
    direction = torch.tensor(gradient / np.linalg.norm(gradient))
    step = 0.02
    ahead, behind = (
        float(answered(texture, {**given, "image": given["image"] + sign * step * direction})[0]) for sign in (1, -1)
    )
    assert (ahead - behind) / (2 * step) == pytest.approx(float((gradient * direction.numpy()).sum()), rel=0.03)


# Odd sizes too, whose last line no patch begins in.
@pytest.mark.parametrize("size", [(24, 40), (41, 23), (7, 8)])
def test_patches_are_torchs(patches, size):
    given = patch_inputs(*size)
    wanted = patches_directly(given)
    assert max(relative(*pair) for pair in zip(PatchObjective()(**given), wanted, strict=True)) < 1e-4
    assert max(relative(*pair) for pair in zip(answered(patches, given), wanted, strict=True)) < 1e-4


# Odd sizes have no highest frequency; more lags than pixels see some twice.
@pytest.mark.parametrize("size", [(24, 40), (41, 23), (8, 7)])
def test_spectra_are_torchs(spectra, size):
    given = spectrum_inputs(*size)
    wanted = spectrum_directly(given)
    assert max(relative(*pair) for pair in zip(SpectrumObjective()(**given), wanted, strict=True)) < 1e-5
    assert max(relative(*pair) for pair in zip(answered(spectra, given), wanted, strict=True)) < 1e-5
    given = spectrum_inputs(*size, down=7, across=4)
    assert relative(answered(spectra, given)[1], spectrum_directly(given)[1]) < 1e-5


def test_spectra_do_not_see_where_a_picture_begins(spectra):
    given = spectrum_inputs(36, 48)
    loss, gradient = answered(spectra, given)
    shifted = answered(spectra, {**given, "image": given["image"].roll((5, 13), (2, 3))})
    assert float(shifted[0]) == pytest.approx(float(loss), rel=1e-5)
    assert relative(shifted[1], torch.tensor(gradient).roll((5, 13), (2, 3))) < 1e-5
    brighter = answered(spectra, {**given, "image": given["image"] + 0.3})
    assert float(brighter[0]) == pytest.approx(float(loss), rel=1e-5)


def test_nothing_to_do_where_the_spectrum_is_as_wanted(spectra):
    given = spectrum_inputs(36, 48)
    planes = torch.einsum("pc,chw->phw", given["axes"], given["image"][0])
    given["correlations"] = correlations(planes, given["correlations"].shape)
    # Repeated, the image has the same.
    for image in (given["image"], given["image"].tile(1, 1, 2, 1)):
        loss, gradient = answered(spectra, {**given, "image": image})
        assert float(loss) < 1e-9
        assert np.abs(gradient).max() < 1e-7


def test_more_directions_and_samples_than_at_export(descriptor, texture, patches):
    def more(descriptor, height, width, seed):
        generator = torch.Generator().manual_seed(seed)
        given = example_inputs(descriptor, height, width, seed)
        for level in SLICED:
            given[f"directions_{level}"] = torch.randn(9, descriptor.widths[level], generator=generator)
            given[f"values_{level}"] = torch.randn(9, 700, generator=generator).sort(dim=1).values
        return given

    given = bearing(descriptor, 32, 32, draw=more)
    assert relative(answered(texture, given)[1], directly(descriptor, given)[1]) < 1e-4
    given = patch_inputs(32, 32, count=20, samples=999)
    assert relative(answered(patches, given)[1], patches_directly(given)[1]) < 1e-4


def test_nothing_to_do_where_all_is_as_wanted(descriptor, texture):
    given = example_inputs(descriptor, 64, 64)
    levels = list(descriptor.features(given["image"]))
    given["grams"] = torch.cat([gram(level).flatten(1) for level in levels], dim=1)
    given["content"] = levels[CONTENT]
    for level in SLICED:
        given[f"values_{level}"] = (given[f"directions_{level}"] @ levels[level].flatten(2)[0]).sort(dim=1).values
    loss, gradient = answered(texture, given)
    assert float(loss) < 1e-6
    assert np.abs(gradient).max() < 1e-5


def test_shifted_images_have_shifted_gradients(descriptor, texture):
    """What repeats has no border."""
    given = bearing(descriptor, 32, 48)
    given["content_weight"] = torch.tensor(0.0)
    shift = descriptor.grid
    _, gradient = answered(texture, given)
    _, shifted = answered(texture, {**given, "image": given["image"].roll((shift, 2 * shift), (2, 3))})
    assert relative(shifted, torch.tensor(gradient).roll((shift, 2 * shift), (2, 3))) < 1e-3


def test_transport_moves_samples_to_the_wanted_ones():
    projected = torch.tensor([[3.0, 1.0, 2.0]])
    distance, gradient = transport(projected, torch.tensor([[10.0, 20.0, 30.0]]))
    assert float(distance) == pytest.approx((81 + 324 + 729) / 3)
    assert (projected - gradient * 3 / 2).flatten().tolist() == [30, 10, 20]
    # Of another number of samples, the quantiles in between are taken.
    distance, _ = transport(torch.tensor([[0.25, 0.75]]), torch.tensor([[0.125, 0.375, 0.625, 0.875]]))
    assert float(distance) < 1e-12


def test_exported_features_are_torchs(descriptor):
    session = running(features_model(descriptor))
    image = torch.rand(1, 3, 48, 80, generator=torch.Generator().manual_seed(0))
    for given, wanted in zip(answered(session, {"image": image}), descriptor.features(image), strict=True):
        assert relative(given, wanted) < 1e-4


def test_run_time_knows_the_graphs_constants():
    for name in ("PATCH", "STRIDE", "SLICED", "CONTENT"):
        assert getattr(run_time, name) == getattr(texture_objective, name)


def test_files_and_cards_are_what_the_run_time_reads(tmp_path, descriptor):
    weights = tmp_path / "weights.pt"
    torch.save(descriptor.state_dict(), weights)
    cards = export_texture(weights, tmp_path / "models")
    assert {card.name: card for card in Registry(tmp_path / "models")} == {card.name: card for card in cards}
    objectives = run_time.Objectives("cpu", 1, Registry(tmp_path / "models"))
    image = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    # Weights are stored in half precision.
    for given, wanted in zip(objectives.features.results(image=image.numpy()), descriptor.features(image), strict=True):
        assert relative(given, wanted) < 1e-2
