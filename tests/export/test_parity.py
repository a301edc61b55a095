"""A right graph passes on any build and processor; a graph that is wrong anywhere does not."""

import copy
from functools import partial

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from matshot_export import objectives, texture_objective
from matshot_export.networks import SRCAE, SparseCoding, Upscaler
from matshot_export.networks.capture import INPUT_PLANES, CaptureContext, CaptureMaps
from matshot_export.networks.descriptor import TextureDescriptor
from matshot_export.onnx_export import noise, rounded_to_half, traced, with_half_weights
from matshot_export.parity import TOLERANCE, bearing_inputs, check_parity, largest_difference

torch.set_num_threads(1)

#: Graphs that are broken in each way, of one network; drawn, where there are more.
BROKEN = 8


def awakened(network):
    """Every weight counts, and is one that a file can hold."""
    torch.manual_seed(1)
    for parameter in network.requires_grad_(False).parameters():
        if parameter.square().mean() < 1e-3:
            nn.init.normal_(parameter, std=0.1)
    return rounded_to_half(network.eval())


def descriptor(circular=True):
    return awakened(TextureDescriptor((4, 6, 8, 10, 12), circular=circular))


def pictures(planes, unit, seed):
    return {"x": noise(planes, 20, 28, unit=unit, seed=seed)}


def with_context(seed):
    context = torch.randn(2, 96, generator=torch.Generator().manual_seed(seed))
    return {"x": noise(INPUT_PLANES, 32, 16, seed=seed), "context": context}


def of_pictures(network, *, unit=False):
    network, draw = awakened(network), partial(pictures, 3, unit)
    return network, traced(network, {"x": draw(0)["x"][:1, :, :16, :16]}), draw


def of_context():
    network = awakened(CaptureContext(8))
    free = {"x": {0: "n", 2: "height", 3: "width"}, "y": {0: "n"}}
    example = noise(INPUT_PLANES, 32, 32)[:1]
    return network, traced(network, {"x": example}, free), lambda seed: {"x": noise(INPUT_PLANES, 32, 48, seed=seed)}


def of_maps():
    network = awakened(CaptureMaps((8, 8), (1, 1), (1,), full=4))
    free = {"x": {0: "n", 2: "height", 3: "width"}, "context": {0: "n"}, "y": {0: "n", 2: "height", 3: "width"}}
    example = {name: values[:1, ...] for name, values in with_context(0).items()}
    return network, traced(network, example, free), with_context


def of_statistics():
    network = descriptor(circular=False)
    return network, objectives.statistics_model(network), lambda seed: {"x": noise(3, 48, 32, seed=seed)}


def of_refinement():
    wrapping = descriptor()
    draw = partial(objectives.refinement_inputs, descriptor(circular=False))
    return objectives.RefinementObjective(wrapping), objectives.refinement_model(wrapping), draw


def of_features():
    network = texture_objective.TextureFeatures(descriptor())
    draw = partial(texture_objective.example_inputs, network.descriptor, 48, 32)
    return network, texture_objective.features_model(network.descriptor), lambda seed: {"image": draw(seed)["image"]}


def of_objective():
    network = descriptor()
    draw = partial(texture_objective.example_inputs, network, 48, 32)
    return texture_objective.TextureObjective(network), texture_objective.texture_model(network), draw


def of_patches():
    return texture_objective.PatchObjective(), texture_objective.patch_model(), texture_objective.patch_inputs


def of_spectrum():
    return texture_objective.SpectrumObjective(), texture_objective.spectrum_model(), texture_objective.spectrum_inputs


GRAPHS = {
    "upscaler": lambda: of_pictures(Upscaler(2, width=8, blocks=1)),
    "normals": lambda: of_pictures(Upscaler(2, width=8, blocks=1, consistent=False, unit=True), unit=True),
    "auto-encoder": lambda: of_pictures(SRCAE(2, 1, 8)),
    "sparse coding": lambda: of_pictures(SparseCoding(2, 3, atoms=32, steps=2)),
    "context": of_context,
    "maps": of_maps,
    "statistics": of_statistics,
    "refinement": of_refinement,
    "features": of_features,
    "objective": of_objective,
    "patches": of_patches,
    "spectrum": of_spectrum,
}


@pytest.fixture(scope="module", params=GRAPHS)
def graph(request):
    """A graph as it is stored, inputs that bear rounding, and what they give."""
    network, model, draw = GRAPHS[request.param]()
    model = with_half_weights(model)
    inputs, wanted = bearing_inputs(request.param, network, draw)
    assert largest_difference(model, inputs, wanted) < TOLERANCE / 5
    return model, inputs, wanted


def changed(model, number, values):
    """The model with another initializer."""
    broken = copy.deepcopy(model)
    tensor = broken.graph.initializer[number]
    tensor.CopyFrom(numpy_helper.from_array(values.astype(numpy_helper.to_array(tensor).dtype), tensor.name))
    return broken


def weights(model):
    """Numbers and values of what was learnt or is a kernel."""
    for number, tensor in enumerate(model.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype.kind == "f" and values.size > 1 and values.any():
            yield number, values


def with_changed_weights(model):
    for number, values in weights(model):
        yield changed(model, number, values * 1.25)


def with_flipped_signs(model):
    for number, values in weights(model):
        yield changed(model, number, -values)
    for number, node in enumerate(model.graph.node):
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.t.data_type == onnx.TensorProto.FLOAT:
                values = numpy_helper.to_array(attribute.t)
                # What only keeps a division from failing does not count.
                if values.size == 1 and abs(values.ravel()[0]) > 1e-3:
                    broken = copy.deepcopy(model)
                    broken.graph.node[number].attribute[0].t.CopyFrom(numpy_helper.from_array(-values))
                    yield broken


def with_wrong_indices(model):
    for number, values in weights(model):
        rolled = np.roll(values, 1)
        if np.abs(rolled - values).max() > 0.01 * np.abs(values).max():
            yield changed(model, number, rolled)
    for number, node in enumerate(model.graph.node):
        if node.op_type == "Concat" and len(node.input) == 2 and node.attribute[0].i >= 2:
            broken = copy.deepcopy(model)
            broken.graph.node[number].input[:] = node.input[::-1]
            yield broken


def with_dropped_nodes(model):
    kinds = {"Conv", "Mul", "Add", "Sub", "Div", "MatMul", "LeakyRelu", "Relu", "Sigmoid", "Softplus", "Where", "Sqrt"}
    of_shapes = shape_arithmetic(model)
    for number, node in enumerate(model.graph.node):
        if node.op_type not in kinds or node.output[0] in of_shapes or negligible(model, node):
            continue
        broken = copy.deepcopy(model)
        for other in broken.graph.node:
            other.input[:] = [node.input[0] if name == node.output[0] else name for name in other.input]
        if any(node.output[0] == output.name for output in model.graph.output):
            broken.graph.node[number].CopyFrom(onnx.helper.make_node("Identity", [node.input[0]], [node.output[0]]))
        yield broken


def shape_arithmetic(model):
    """Names of values that come of sizes alone: wrong ones fail, or are the same where sizes are even."""
    found = set()
    for node in model.graph.node:
        if node.op_type in {"Shape", "Constant"} or (node.input and all(name in found for name in node.input if name)):
            found.add(node.output[0])
    return found


def negligible(model, node):
    """Whether a node multiplies by 1, or adds nothing but what keeps a division from failing."""
    constants = {
        other.output[0]: numpy_helper.to_array(other.attribute[0].t)
        for other in model.graph.node
        if other.op_type == "Constant" and other.attribute[0].HasField("t")
    }
    single = [
        float(constants[name].ravel()[0]) for name in node.input if name in constants and constants[name].size == 1
    ]
    return any(value == 1 if node.op_type == "Mul" else node.op_type == "Add" and abs(value) < 1e-3 for value in single)


def refused(model, inputs, wanted):
    """Whether a graph differs, or does not run at all."""
    try:
        return not largest_difference(model, inputs, wanted) <= TOLERANCE
    except Exception as error:
        return type(error).__module__.startswith("onnxruntime")


@pytest.mark.parametrize("broken", [with_changed_weights, with_flipped_signs, with_wrong_indices, with_dropped_nodes])
def test_broken_graphs_are_refused(graph, broken):
    model, inputs, wanted = graph
    before = model.SerializeToString()
    cases = list(broken(model))
    assert model.SerializeToString() == before
    chosen = np.random.default_rng(0).permutation(len(cases))[:BROKEN]
    passed = [int(number) for number in chosen if not refused(cases[number], inputs, wanted)]
    assert not passed, f"of {len(cases)} broken graphs these pass: {passed}"


def test_results_of_another_shape_are_refused(graph):
    model, inputs, wanted = graph
    assert largest_difference(model, inputs, [values[None] for values in wanted]) == np.inf


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("level", ["ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_ALL"])
def test_every_level_of_optimization_passes(graph, monkeypatch, level, threads):
    model, inputs, wanted = graph
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    session = ort.InferenceSession

    def optimized(data, **how):
        return session(data, options, **how)

    monkeypatch.setattr(ort, "InferenceSession", optimized)
    assert largest_difference(model, inputs, wanted) < TOLERANCE


class Kinked(nn.Module):
    """Its result jumps where its inputs are each other's negatives."""

    def forward(self, x):
        return torch.where(x.sum() > 0, 1.0, -1.0)


def test_inputs_at_a_kink_are_passed_over():
    near, far = ({"x": torch.tensor([1.0, other])} for other in (-1.0, 0.5))
    assert bearing_inputs("kinked", Kinked(), lambda seed: far if seed > 1 else near)[0] is far
    with pytest.raises(ArithmeticError, match="kinked: rounding moves"):
        bearing_inputs("kinked", Kinked(), lambda seed: near, draws=9)


def test_results_that_are_no_numbers_are_refused():
    network, model, draw = of_pictures(Upscaler(2, width=8, blocks=1))
    inputs, wanted = bearing_inputs("upscaler", network, draw)
    number = next(weights(model))[0]
    broken = changed(model, number, np.full_like(numpy_helper.to_array(model.graph.initializer[number]), np.nan))
    assert refused(broken, inputs, wanted)


def test_a_difference_names_the_network():
    network, model, draw = of_pictures(Upscaler(2, width=8, blocks=1))
    assert check_parity("brick", network, with_half_weights(model), draw) < TOLERANCE
    network.tail.weight *= 1.01
    with pytest.raises(ArithmeticError, match=r"brick: ONNX Runtime differs from torch by 0\.0"):
        check_parity("brick", network, model, draw)
