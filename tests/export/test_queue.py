"""The queue that trains everything: it resumes, it starts from what is shipped, and it exports what became better."""

import json

import pytest
import torch
from typer.testing import CliRunner

from matshot.image.writer import write_texture
from matshot.inference.cards import SHIPPED, Registry, read_card
from matshot.shading.procedural import brick_wall
from matshot_export import queue as queues
from matshot_export import recipes
from matshot_export.cli import GPU, QUEUE, app
from matshot_export.onnx_export import export, measured_quality, run_facts, run_record
from matshot_export.queue import Turn, export_better, read_queue, standing, train_all, write_status
from matshot_export.shipped import is_shipped, shipped_weights
from matshot_export.training import MapTask

torch.set_num_threads(1)

RECIPE = """summary = "a test"
kind = "{kind}"
architecture = "upscaler"
network = {{ scale = 2, planes = {planes}, width = 8, blocks = 1 }}
loss = {{ l1 = 1.0 }}
patch = 16
batch = 2
warmup = 2
log_every = 5
rate = 0.02
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for split, seed in (("train", 1), ("val", 3)):
        for name, texture in brick_wall(128, seed).items():
            write_texture(texture, root / "materials" / split / f"Wall{seed}" / f"{name}.png")
    return root


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Recipes of a tiny network for color and one for data; priority stays as it is."""
    for name, kind, planes in (("bricks", "color", 3), ("heights", "data", 1)):
        (tmp_path / f"{name}.toml").write_text(RECIPE.format(kind=kind, planes=planes))
    monkeypatch.setattr(recipes, "FOLDER", tmp_path)
    monkeypatch.setattr(queues, "lower_priority", lambda: None)
    # Two processes; test_training measures it.
    monkeypatch.setattr("matshot_export.onnx_export.measured_bytes_per_pixel", lambda card: 64)
    return tmp_path


def silent(_):
    pass


@pytest.mark.parametrize("queue", [QUEUE, GPU])
def test_every_turn_of_the_shipped_queues_has_a_recipe_and_a_start(queue):
    turns = read_queue(queue)
    assert {turn.name for turn in turns} >= {"fidelity_x4", "normal_x4", "data_x4", "capture", "srcae_x4", "detail_x2"}
    assert all(is_shipped(turn.name) or is_shipped(turn.start) for turn in turns)
    assert {turn.name: turn.sign for turn in turns}["normal_x4"] == -1
    # Peers are measured on the maps that a network is measured on.
    peers = {turn.name for turn in turns if turn.peer}
    assert peers == {"fidelity_x4", "fidelity_x2", "normal_x4", "data_x4", "srcae_x4"}


def test_a_turn_changes_its_recipe():
    own = recipes.load("fidelity_x4")
    changed = Turn("fidelity_x4", 1.0, rate=0.001, batch=256, patch=64).recipe()
    assert (changed.rate, changed.batch, changed.patch) == (0.001, 256, 64)
    assert Turn("fidelity_x4", 1.0).recipe() == own
    assert Turn("capture", 1.0, batch=48).own_recipe().batch == 48


def test_odd_queues_are_refused(tmp_path, folder):
    (tmp_path / "queue.txt").write_text('[[turns]]\nname = "bricks"\nhours = 1\nmood = 1\n')
    with pytest.raises(ValueError, match=r"queue\.txt is not a queue"):
        read_queue(tmp_path / "queue.txt")
    (tmp_path / "queue.txt").write_text('[[turns]]\nname = "nonesuch"\nhours = 1\n')
    with pytest.raises(FileNotFoundError, match="nonesuch"):
        read_queue(tmp_path / "queue.txt")


def test_turns_are_trained_exported_and_not_trained_again(data, folder):
    runs, models = folder / "runs", folder / "models"
    turns = [Turn("bricks", 0.0005), Turn("heights", 0.0005)]
    cards = train_all(turns, data, runs, models=models, device="cpu", report=silent)
    assert [card.name for card in cards] == ["bricks", "heights"]
    assert {card.name for card in Registry(models)} == {"bricks", "heights"}
    card = read_card(models / "bricks.toml")
    assert card.training["starts_from"] == "nothing"
    assert (card.training["rate"], card.training["patches"]) == (0.02, "2 of 16 px a step")
    assert card.training["input_pixels"] == 512 * card.training["steps"]
    assert card.training["data"] == ["base color of 1 materials (ambientCG, cgbookcase; CC0)"]
    page = (runs / "status.md").read_text()
    assert "| **" in page
    assert "bricks, by step: " in page
    before = (runs / "bricks" / "run.json").read_text()
    assert train_all(turns, data, runs, models=models, device="cpu", report=silent) == []
    assert (runs / "bricks" / "run.json").read_text() == before
    # A call that was ended before it had exported is made up for.
    (models / "heights.onnx").unlink()
    (runs / "heights" / "judged").unlink()
    assert [card.name for card in train_all(turns, data, runs, models=models, device="cpu", report=silent)] == [
        "heights"
    ]
    assert (models / "heights.onnx").exists()


def test_a_call_that_is_bounded_goes_on_in_the_next_one(data, folder):
    runs = folder / "runs"
    turns = [Turn("bricks", 10.0)]
    lines = []
    for _ in range(2):
        train_all(turns, data, runs, models=folder / "models", minutes=0.02, device="cpu", report=lines.append)
    record = run_record(runs / "bricks")
    assert 0 < record["done"] < 0.01
    assert any("resumed at step" in line for line in lines)
    assert not (folder / "models").exists()
    assert 0 < standing(turns[0], runs).minutes < 0.2


def test_it_starts_from_what_is_shipped_and_nothing_worse_is_exported(data, folder):
    runs, models = folder / "runs", folder / "models"
    recipe = recipes.load("bricks")
    torch.save(recipe.build().state_dict(), folder / "weights.pt")
    export(recipe, folder / "weights.pt", models)
    turn = Turn("bricks", 0.0003)
    train_all([turn], data, runs, models=models, device="cpu", report=silent)
    shipped = runs / "bricks" / "start-shipped bricks.pt"
    given = torch.load(shipped, weights_only=True)
    for name, values in torch.load(folder / "weights.pt", weights_only=True).items():
        torch.testing.assert_close(given[name], values, atol=1e-3, rtol=1e-3)
    assert run_record(runs / "bricks")["start"] == "shipped bricks"
    record = json.loads((runs / "bricks" / "run.json").read_text())
    record["measured"] = [{"step": 1, "value": 0.0}]
    (runs / "bricks" / "run.json").write_text(json.dumps(record))
    lines = []
    now = read_card(models / "bricks.toml").sha256
    assert export_better(turn, data, runs, models=models, report=lines.append) == []
    assert "not better" in lines[0]
    assert read_card(models / "bricks.toml").sha256 == now


def test_a_shipped_model_is_measured_as_it_is_whatever_its_recipe_has_become(data, folder):
    runs, models = folder / "runs", folder / "models"
    recipe = recipes.load("bricks")
    weights = recipe.build().state_dict()
    torch.save(weights, folder / "weights.pt")
    export(recipe, folder / "weights.pt", models)
    task = MapTask(recipe, data, torch.device("cpu"))
    own = task.figures(weights, folder / "own.png")["value"]
    deeper = (folder / "bricks.toml").read_text().replace("blocks = 1", "blocks = 2")
    (folder / "bricks.toml").write_text(deeper)
    train_all([Turn("bricks", 0.0003)], data, runs, models=models, device="cpu", report=silent)
    baseline = json.loads((runs / "bricks" / "baseline.json").read_text())
    assert baseline["shipped"] == pytest.approx(own, abs=0.01)


@pytest.mark.parametrize(("inputs", "shipped"), [(3, 3.0), (2, None)])
def test_a_network_with_a_task_of_its_own_is_measured_if_its_layers_are_those_shipped(
    tmp_path, monkeypatch, inputs, shipped
):
    class OneLayer:
        def __init__(self, *given):
            self.network = torch.nn.Linear(inputs, 1)

        def without(self):
            return 5.0

        def figures(self, weights, picture):
            return {"objective": float(weights["weight"].sum())}

    # A graph has constants besides the weights.
    graph = {"weight": torch.ones(1, 3), "bias": torch.zeros(1), "constant": torch.ones(1)}
    monkeypatch.setattr(queues, "StyleTask", OneLayer)
    monkeypatch.setattr(queues, "shipped_weights", lambda *given: graph)
    turn, lines = Turn("style", 0.1, figure="objective", lower_is_better=True), []
    queues._begin(turn, tmp_path, tmp_path / "runs", SHIPPED, "cpu", lines.append)
    assert standing(turn, tmp_path / "runs").shipped == shipped
    assert any("has other layers" in line for line in lines) == (shipped is None)


def test_shipped_weights_are_those_of_the_network():
    for name in ("fidelity_x4", "data_x4", "srcae_x4"):
        own = recipes.load(name).build().state_dict()
        given = shipped_weights(name)
        learnt = {key for key, _ in recipes.load(name).build().named_parameters()}
        assert learnt <= set(given)
        assert all(own[key].shape == given[key].shape for key in learnt)


def test_status_of_a_queue_that_has_not_begun(tmp_path):
    turn = Turn("normal_x4", 1.5, peer="SPAN", peer_figure=1.0)
    assert standing(turn, tmp_path).line() == (
        "normal_x4              step       0      0 of 90 min  measured -  bicubic -  shipped -  SPAN 1.000"
    )
    assert "| normal_x4 | 0 | 0 of 90 | - | - | - | 1.0 (SPAN) |" in write_status([turn], tmp_path).read_text()


def test_commands(data, folder):
    queue = folder / "queue.txt"
    queue.write_text('[[turns]]\nname = "bricks"\nhours = 0.0002\n')
    shared = ["--runs", str(folder / "runs"), "--queue", str(queue)]
    of_data = ["--data", str(data), "--models", str(folder / "models")]
    run = CliRunner().invoke(app, ["train-all", *shared, *of_data, "--device", "cpu", "--threads", "1"])
    assert run.exit_code == 0, run.output
    assert "bricks.onnx" in run.output
    status = CliRunner().invoke(app, ["status", *shared])
    assert status.output.startswith("bricks ")
    assert status.output.rstrip().endswith("better")
    again = CliRunner().invoke(app, ["export-better", *shared, *of_data])
    assert "bricks.onnx" in again.output
    own = ["--runs", str(folder / "runs")]
    mixed = CliRunner().invoke(app, ["blend", "mixed", "bricks", "--share", "0.75", *own])
    assert mixed.exit_code == 0, mixed.output
    facts = run_facts(folder / "runs" / "mixed", title="PSNR")
    assert facts["averaged"] == "0.75 of it and 0.25 of nothing"
    alone = CliRunner().invoke(app, ["blend", "again", "mixed", *own])
    assert "does not hold the weights that it started from" in str(alone.exception)
    shape = ["--steps", "2", "--batch", "3", "--patch", "8", "--device", "cpu"]
    large = CliRunner().invoke(app, ["train", "bricks", "--data", str(data), "--runs", str(folder / "large"), *shape])
    assert large.exit_code == 0, large.output
    assert run_record(folder / "large" / "bricks")["pixels"] == 2 * 3 * 8 * 8
    odd = CliRunner().invoke(app, ["export-better", *shared, *of_data, "--only", "walls"])
    assert isinstance(odd.exception, ValueError)
    assert "Choose from: bricks." in str(odd.exception)


def test_the_weights_that_measured_best_are_exported(data, folder):
    runs, models = folder / "runs", folder / "models"
    turn = Turn("bricks", 0.0005)
    train_all([turn], data, runs, models=models, device="cpu", report=silent)
    run = runs / "bricks"
    record = run_record(run)
    best = max(record["measured"], key=lambda point: point["value"])
    assert record["kept_step"] == best["step"] == read_card(models / "bricks.toml").training["kept_step"]
    assert standing(turn, runs).figure == best["value"]
    assert measured_quality(run, run / "best.pt") == {"value": pytest.approx(best["value"], abs=1e-4)}
    assert measured_quality(run, run / "weights.pt") == {
        "value": pytest.approx(record["measured"][-1]["value"], abs=1e-4)
    }
    assert "kept_step" not in run_facts(run, weights=run / "weights.pt")
    exported = shipped_weights("bricks", models)
    for name, values in torch.load(run / "best.pt", weights_only=True).items():
        torch.testing.assert_close(exported[name], values, atol=2e-3, rtol=2e-3)
