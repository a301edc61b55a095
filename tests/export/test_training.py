"""Short runs on tiny data: from images to a model that the tool could use."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from matshot.image.writer import write_texture
from matshot.inference.cards import Registry, read_card
from matshot.inference.session import Network
from matshot.shading.procedural import brick_wall
from matshot_export.loop import begin_from
from matshot_export.measuring import measure_model
from matshot_export.onnx_export import export, measured_quality, run_facts
from matshot_export.recipes import Recipe
from matshot_export.training import LATE, MapTask, blend, promising, train

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for split, seeds in (("train", (1, 2)), ("val", (3,))):
        for seed in seeds:
            for name, texture in brick_wall(128, seed).items():
                write_texture(texture, root / "materials" / split / f"Wall{seed}" / f"{name}.png")
    return root


def recipe(kind: str = "color", **changes: object) -> Recipe:
    planes = 1 if kind == "data" else 3
    network = {"scale": 2, "planes": planes, "width": 8, "blocks": 1}
    if kind == "normal":
        network |= {"consistent": False, "unit": True}
    loss = {"angular": 1.0} if kind == "normal" else {"l1": 1.0, "hfen": 0.1}
    facts = {"name": "tiny", "summary": "a test", "kind": kind, "architecture": "upscaler", "network": network}
    facts |= {"loss": loss, "steps": 6, "patch": 16, "batch": 2, "warmup": 2, "log_every": 3, "look": "fidelity"}
    return Recipe(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(("done", "half"), [(0.0, True), (LATE, False)])
def test_the_last_part_of_a_schedule_is_not_computed_in_half_precision(
    data: Path, monkeypatch: pytest.MonkeyPatch, done: float, half: bool
) -> None:
    monkeypatch.setattr("matshot_export.training.supports_bfloat16", lambda device: True)
    task = MapTask(recipe(), data, torch.device("cpu"))
    seen: list[bool] = []
    task.network.register_forward_pre_hook(lambda *given: seen.append(torch.is_autocast_enabled("cpu")))
    task.loss(done)
    assert seen == [half]


def silent(_: str) -> None:
    pass


@pytest.mark.parametrize("kind", ["color", "normal", "data"])
def test_from_images_to_a_model(data: Path, tmp_path: Path, kind: str) -> None:
    run, models = tmp_path / "run", tmp_path / "models"
    weights = train(recipe(kind), data, run, report=silent, device="cpu")
    rows = list(csv.DictReader((run / "log.csv").open()))
    assert [int(row["step"]) for row in rows] == [3, 6]
    assert len(list(run.glob("step-*.png"))) == 2
    export(recipe(kind), weights, models, run=run)
    card = read_card(models / "tiny.toml")
    assert card.training["steps"] == 6
    assert card.training["machine"].endswith(", CPU")
    assert card.training["input_pixels"] == 6 * 2 * 16 * 16
    assert card.training["curve_steps"] == [3, 6]
    assert card.training["curve"] == pytest.approx([float(row["value"]) for row in rows], abs=1e-4)
    assert card.training["curve_of"]
    assert "kept_step" not in card.training
    assert card.bytes_per_pixel >= 64
    measured = measure_model("tiny", data, models, silent)
    assert any(key.endswith("of_bicubic") for key in measured.quality)
    low = np.random.default_rng(0).random((1, card.planes, 5, 9)).astype(np.float32)
    assert Network(Registry(models)["tiny"], "cpu", 1)(low).shape == (1, card.planes, 10, 18)


def test_the_same_seed_gives_the_same_weights_and_resuming_changes_nothing(data: Path, tmp_path: Path) -> None:
    def weights(folder: str, **how: object) -> dict[str, torch.Tensor]:
        path = train(recipe(), data, tmp_path / folder, report=silent, device="cpu", **how)  # type: ignore[arg-type]
        return torch.load(path, weights_only=True)  # type: ignore[no-any-return]

    whole = weights("a")
    again = weights("b")

    class Interrupted(Exception):
        pass

    def stop_after_three(line: str) -> None:
        if line.startswith("step=3 "):
            raise Interrupted

    with pytest.raises(Interrupted):
        train(recipe(), data, tmp_path / "c", report=stop_after_three, device="cpu")
    resumed = weights("c", resume=True)
    for key, value in whole.items():
        torch.testing.assert_close(again[key], value)
        torch.testing.assert_close(resumed[key], value)
    assert json.loads((tmp_path / "c" / "run.json").read_text())["step"] == 6


def test_training_brings_the_loss_down(data: Path, tmp_path: Path) -> None:
    long = recipe(steps=60, log_every=20, rate=0.02)
    train(long, data, tmp_path, report=silent, device="cpu")
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert float(rows[-1]["value"]) > float(rows[0]["value"])


def test_adversarial_training_runs_and_resumes(data: Path, tmp_path: Path) -> None:
    hostile = recipe(loss={"l1": 1.0, "adversarial": 0.01}, patch=32)
    train(replace(hostile, steps=3), data, tmp_path, report=silent, device="cpu")
    train(replace(hostile, steps=6), data, tmp_path, report=silent, device="cpu", resume=True)
    assert json.loads((tmp_path / "run.json").read_text())["step"] == 6


def test_a_bound_in_minutes_ends_the_schedule(data: Path, tmp_path: Path) -> None:
    train(recipe(steps=10**6), data, tmp_path, minutes=0.02, report=silent, device="cpu")
    assert 0 < json.loads((tmp_path / "run.json").read_text())["step"] < 10**6


def test_missing_data_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no color maps"):
        train(recipe(), tmp_path, tmp_path / "run", report=silent)


def test_a_loss_that_is_no_number_stops_the_run(data: Path, tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError):
        train(recipe(rate=float("nan")), data, tmp_path, report=silent, device="cpu")


def test_weights_of_other_shapes_are_left_as_they_are(tmp_path: Path) -> None:
    small, large = recipe().build(), recipe(network={"scale": 4, "planes": 3, "width": 8, "blocks": 1}).build()
    torch.save(small.state_dict(), tmp_path / "small.pt")
    taken = begin_from(large, tmp_path / "small.pt")
    assert taken == len([k for k, v in large.state_dict().items() if small.state_dict()[k].shape == v.shape])
    torch.testing.assert_close(large.state_dict()["head.weight"], small.state_dict()["head.weight"])


def test_blending_two_runs(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1)):
        torch.manual_seed(seed)
        (tmp_path / name).mkdir()
        torch.save(recipe().build().state_dict(), tmp_path / name / "weights.pt")
    a, b = (tmp_path / name / "weights.pt" for name in "ab")
    points = [{"step": 5, "value": 1.0}, {"step": 7, "value": 2.0}]
    record = {"step": 7, "seconds": 3600, "kept_step": 5, "measured": points}
    (tmp_path / "b" / "run.json").write_text(json.dumps(record))
    mixed = torch.load(blend(a, b, 0.25, tmp_path / "c"), weights_only=True)
    assert run_facts(tmp_path / "c", title="PSNR") == {
        "steps": 7,
        "hours": 1.0,
        "averaged": "0.25 of it and 0.75 of a",
        "curve_of": "PSNR, before the average",
        "curve_steps": [5, 7],
        "curve": [1.0, 2.0],
    }
    assert measured_quality(tmp_path / "c") == {}
    first, second = (torch.load(path, weights_only=True)["head.weight"] for path in (a, b))
    torch.testing.assert_close(mixed["head.weight"], 0.75 * first + 0.25 * second)
    with pytest.raises(ValueError, match="between 0 and 1"):
        blend(a, b, 2.0, tmp_path / "c")
    torch.save(recipe("data").build().state_dict(), a)
    with pytest.raises(ValueError, match="different networks"):
        blend(a, b, 0.5, tmp_path / "c")


def test_images_without_promise_are_drawn_less(data: Path) -> None:
    from matshot_export.data import find_maps
    from matshot_export.patches import PatchSource, Shrink

    source = PatchSource(find_maps(data, "train", "color"), "color", 16, 2, Shrink(2))
    chances = promising(recipe().build(), source, 1.0, 0.5)
    assert chances.sum() == pytest.approx(1)
    assert (chances > 0).all()
    # Without focus no network is asked.
    alike = promising(torch.nn.Module(), source, 0.0, 0.5)
    np.testing.assert_allclose(alike / alike.max(), 0.5 ** np.array(source.octaves))


def test_a_graph_that_differs_is_not_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = recipe().build()
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    monkeypatch.setattr("matshot_export.parity.largest_difference", lambda *_: 0.5)
    with pytest.raises(ArithmeticError, match="differs"):
        export(recipe(), tmp_path / "weights.pt", tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_half_precision_twin_is_close(tmp_path: Path) -> None:
    import onnxruntime as ort

    torch.manual_seed(0)
    torch.save(recipe().build().state_dict(), tmp_path / "weights.pt")
    card = export(recipe(), tmp_path / "weights.pt", tmp_path)
    x = np.random.default_rng(0).random((1, 3, 12, 10)).astype(np.float32)
    (single,) = ort.InferenceSession(str(card.path()), providers=["CPUExecutionProvider"]).run(None, {"x": x})
    twin = ort.InferenceSession(str(card.path(half=True)), providers=["CPUExecutionProvider"])
    (half,) = twin.run(None, {"x": x.astype(np.float16)})
    assert half.dtype == np.float16
    assert np.abs(single - half).max() < 0.01


def test_a_run_is_not_written_over(data: Path, tmp_path: Path) -> None:
    weights = train(recipe(steps=1), data, tmp_path / "run", report=silent, device="cpu")
    before = {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()}
    for again in (
        lambda: train(recipe(steps=1), data, tmp_path / "run", report=silent, device="cpu"),
        lambda: blend(weights, weights, 0.5, tmp_path / "run"),
    ):
        with pytest.raises(FileExistsError, match="holds a run"):
            again()
    assert {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()} == before
