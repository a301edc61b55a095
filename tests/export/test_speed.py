"""Measuring a training step."""

from types import SimpleNamespace

import torch

from matshot_export import recipes
from matshot_export.loop import LateCompiled
from matshot_export.speed import StepTime, _measured, step_time

torch.set_num_threads(1)


def test_a_step_is_measured_by_its_parts(textures, tmp_path, monkeypatch):
    (tmp_path / "tiny.toml").write_text(
        'summary = "a test"\nkind = "data"\narchitecture = "upscaler"\nloss = { l1 = 1.0 }\n'
        "network = { scale = 2, planes = 1, width = 8, blocks = 1 }\n"
    )
    monkeypatch.setattr(recipes, "FOLDER", tmp_path)
    found = step_time("tiny", textures, torch.device("cpu"), steps=2, batch=3, patch=8)
    assert found.pixels == 3 * 8 * 8
    assert min(found.data, found.backward, found.update) > 0


def test_what_long_runs_compile_is_compiled_before_it_is_measured(monkeypatch):
    network = torch.nn.Linear(1, 1)
    calls = []

    def compiled(module):
        calls.append("compiled")
        return module

    monkeypatch.setattr(torch, "_dynamo", SimpleNamespace(config=SimpleNamespace()), raising=False)
    monkeypatch.setattr(torch, "compile", compiled)
    forward = LateCompiled(network)

    def loss(done):
        calls.append("step")
        return forward(torch.ones(1, 1)).sum(), {}, 1

    task = SimpleNamespace(network=network, forward=forward, source=iter(range(9)), loss=loss)
    _measured(task, 0.1, torch.device("cpu"), 2)
    assert calls == ["compiled", *["step"] * 4]


def test_the_line_says_how_many_steps_a_minute():
    line = StepTime(0.01, 0.02, 0.06, 0.01, 100_000).line()
    assert line == "data 10.0, forward 20.0, backward 60.0, update 10.0 ms; 600 steps and 60.00 million pixels a minute"
