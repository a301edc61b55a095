"""The training loop's parts: a loss that is no number is never saved, a GPU computes with a compiled network."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from matshot_export.loop import (
    BEST,
    PLAIN_STEPS,
    Aim,
    Average,
    Schedule,
    compiled,
    descend,
    supports_bfloat16,
    use_processor,
)


class Slope:
    """A network of one number that its loss pushes up; from some step on, the loss is no number."""

    def __init__(self, breaks_at=10**9):
        self.network, self.rng, self.breaks_at, self.step = nn.Linear(1, 1), np.random.default_rng(0), breaks_at, 0

    def loss(self, done):
        self.step += 1
        value = -self.network.weight.sum() * (float("nan") if self.step >= self.breaks_at else 1.0)
        return value, {"term": value.detach()}, 7

    def figures(self, weights, picture):
        return {"value": float(weights["weight"])}

    def state(self):
        return {}

    def load(self, state):
        pass


def schedule(steps, log_every):
    return Schedule(steps, rate=0.01, warmup=1, average=0.9, log_every=log_every)


def silent(_):
    pass


@pytest.mark.parametrize(("breaks_at", "log_every"), [(3, 1000), (15, 10)])
def test_a_loss_that_is_no_number_is_found_before_it_is_saved(tmp_path, breaks_at, log_every):
    with pytest.raises(FloatingPointError, match="stopped being a number"):
        descend(Slope(breaks_at), schedule(200, log_every), tmp_path, report=silent)
    weights = tmp_path / "weights.pt"
    # What was measured before is kept; after that nothing is.
    assert weights.exists() == (breaks_at > log_every)
    if weights.exists():
        assert torch.load(weights, weights_only=True)["weight"].isfinite().all()
        assert torch.load(tmp_path / "checkpoint.pt", weights_only=False)["progress"]["step"] == 10


def test_progress_counts_pixels(tmp_path):
    progress = descend(Slope(), schedule(5, 2), tmp_path, report=silent)
    assert progress.pixels == 35
    assert [point["step"] for point in progress.measured] == [2, 4, 5]


class Hill(Slope):
    """Its figure is best at the third measurement."""

    def figures(self, weights, picture):
        self.measured = getattr(self, "measured", 0) + 1
        return {"value": -((self.measured - 3) ** 2.0)}


@pytest.mark.parametrize(("sign", "kept"), [(1, 6), (-1, 2)])
def test_the_best_weights_are_kept_besides_the_newest(tmp_path, sign, kept):
    plan = replace(schedule(10, 2), aim=Aim("value", sign))
    progress = descend(Hill(), plan, tmp_path, report=silent)
    assert progress.kept_step == kept
    best, newest = (torch.load(tmp_path / name, weights_only=True)["weight"] for name in (BEST, "weights.pt"))
    # The slope pushes up at every step.
    assert best < newest
    assert json.loads((tmp_path / "run.json").read_text())["kept_step"] == kept


def test_without_an_aim_only_the_newest_weights_are_kept(tmp_path):
    assert descend(Hill(), schedule(10, 2), tmp_path, report=silent).kept_step is None
    assert not (tmp_path / BEST).exists()


def test_the_average_follows_the_network():
    network = nn.Linear(2, 2)
    average = Average(network, 0.5)
    before = average.weights["weight"].clone()
    with torch.no_grad():
        network.weight.add_(1.0)
    average.update(network)
    # The first step counts for ten elevenths, since the start is to be forgotten.
    torch.testing.assert_close(average.weights["weight"], before + 10 / 11)


def test_a_gpu_computes_with_a_network_that_is_compiled_once_it_is_worth_it(monkeypatch):
    # The compiler itself takes seconds to load.
    dynamo = SimpleNamespace(config=SimpleNamespace())
    monkeypatch.setattr(torch, "_dynamo", dynamo, raising=False)
    monkeypatch.setattr(torch, "compile", lambda network: lambda x: "compiled")
    network, x = nn.Linear(2, 2), torch.zeros(1, 2)
    assert compiled(network, torch.device("cpu")) is network
    for forward in (compiled(network, torch.device("cuda")), compiled(network, torch.device("cpu"), everywhere=True)):
        assert all(torch.is_tensor(forward(x)) for _ in range(PLAIN_STEPS))
        assert [forward(x), forward(x)] == ["compiled", "compiled"]
    assert dynamo.config.suppress_errors


@pytest.mark.parametrize(
    ("instructions", "half"), [({}, False), ({"avx512_bf16"}, True), ({"amx_tile"}, True)], ids=str
)
def test_bfloat16_is_for_processors_that_compute_in_it(monkeypatch, instructions, half):
    # oneDNN emulates it wherever there is AVX-512, three times slower than single precision.
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    for name in ("avx512_bf16", "amx_tile"):
        monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", lambda name=name: name in instructions)
    assert supports_bfloat16(torch.device("cpu")) is half


def test_numbers_that_a_processor_is_slow_with_count_as_zero():
    tiny = torch.full((4,), 1e-30)
    assert (tiny * 1e-10 > 0).all()
    use_processor(0)
    try:
        assert (tiny * 1e-10 == 0).all()
    finally:
        torch.set_flush_denormal(False)
