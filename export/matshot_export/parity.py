"""Whether a graph computes what its network does.

ONNX Runtime is compared with torch in double precision, since two results in single precision differ by both roundings.
What rounding may do is not the same everywhere: a gradient jumps where a leaky ReLU's input changes its sign, and where
two sorted values change places, by far more than rounding itself; and which sums come out as +1e-7 or as -1e-7 depends
on the processor and on the build. So inputs are drawn until rounding cannot matter: inputs and weights are disturbed by
more than single precision rounds, and the result must not move. Then a small tolerance holds on every machine, and a
graph that is wrong anywhere is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import torch
from torch import nn

#: Inputs of a network, by name and in its order.
Inputs = dict[str, torch.Tensor]

#: Largest relative difference between double precision and ONNX Runtime that is accepted.
TOLERANCE = 3e-5
#: Relative size of the disturbance that inputs must bear: sixteen times what single precision rounds off a number.
DISTURBANCE = 2.0**-20
#: Disturbances that inputs must bear, and draws of inputs before giving up.
TRIALS = 4
DRAWS = 400


def check_parity(name: str, network: nn.Module, model: onnx.ModelProto, draw: Callable[[int], Inputs]) -> float:
    """Compare a graph with its network.

    Args:
        name: for the error message.
        network: in evaluation mode, with the weights that the graph holds.
        model: the graph, its inputs by the names of the drawn ones.
        draw: inputs for a seed, such that every input and every term of the result matters.

    Returns:
        :func:`largest_difference`.

    Raises:
        ArithmeticError: when they differ by more than ``TOLERANCE``, or no inputs are found that bear rounding.
    """
    inputs, wanted = bearing_inputs(name, network, draw)
    difference = largest_difference(model, inputs, wanted)
    # Written so that a result that is not a number is refused as well.
    if not difference <= TOLERANCE:
        raise ArithmeticError(f"{name}: ONNX Runtime differs from torch by {difference:.2g}")
    return difference


def bearing_inputs(
    name: str, network: nn.Module, draw: Callable[[int], Inputs], draws: int = DRAWS
) -> tuple[Inputs, list[np.ndarray]]:
    """The first inputs for which sixteen times of rounding cannot move the result by ``TOLERANCE``, and the result.

    Args:
        name: for the error message.
        network: in evaluation mode.
        draw: inputs for a seed.
        draws: before giving up.

    Returns:
        The inputs, in single precision, and the network's results in double precision.

    Raises:
        ArithmeticError: when none are found.
    """
    exact = copy.deepcopy(network).double()
    for seed in range(draws):
        inputs = draw(seed)
        wanted = exact_results(exact, inputs)
        generator = torch.Generator().manual_seed(seed)
        # Most draws fail at the first disturbance, and cost no more.
        if all(_moved(exact, inputs, wanted, generator) < TOLERANCE for _ in range(TRIALS)):
            return inputs, wanted
    raise ArithmeticError(f"{name}: rounding moves the result of all {draws} inputs that were tried")


def exact_results(network: nn.Module, inputs: Inputs) -> list[np.ndarray]:
    """Results of a network in double precision.

    Args:
        network: whose weights are in double precision.
        inputs: in single precision or in double.
    """
    with torch.no_grad(), _doubles():
        results = network(*(values.double() if values.is_floating_point() else values for values in inputs.values()))
    return [result.numpy() for result in ((results,) if isinstance(results, torch.Tensor) else results)]


def largest_difference(model: onnx.ModelProto, inputs: Inputs, wanted: list[np.ndarray]) -> float:
    """Of all results of ONNX Runtime, each in parts of the wanted result's size: ``|given - wanted| / |wanted|``.

    Args:
        model: the graph.
        inputs: by its names.
        wanted: its results.

    Returns:
        The difference; infinite when a result has another shape or is not finite.
    """
    import onnxruntime as ort

    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])  # type: ignore[attr-defined, unused-ignore]
    results = session.run(None, {name: values.numpy() for name, values in inputs.items()})
    given = [np.asarray(result) for result in results]
    return max(_relative(one, other) for one, other in zip(given, wanted, strict=True))


def _moved(network: nn.Module, inputs: Inputs, wanted: list[np.ndarray], generator: torch.Generator) -> float:
    """How far the results move when inputs and weights are disturbed; the network is as before afterwards."""

    def disturbed(values: torch.Tensor) -> torch.Tensor:
        factor = torch.randn(values.shape, generator=generator, dtype=torch.double) * DISTURBANCE + 1
        return values.double() * factor

    weights = {name: values.clone() for name, values in network.state_dict().items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(disturbed(parameter))
    given = exact_results(network, {name: disturbed(values) for name, values in inputs.items()})
    network.load_state_dict(weights)
    return max(_relative(one, other) for one, other in zip(given, wanted, strict=True))


def _relative(given: np.ndarray, wanted: np.ndarray) -> float:
    if given.shape != wanted.shape or not np.isfinite(given).all():
        return float("inf")
    return float(np.linalg.norm(given - wanted) / max(float(np.linalg.norm(wanted)), 1e-30))


@contextmanager
def _doubles() -> Iterator[None]:
    """Constants that a network writes down while it computes are in double precision too."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.double)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
