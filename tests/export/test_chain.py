"""Training in calls of bounded length: each resumes, and at the end what is better is exported."""

import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from typer.testing import CliRunner

from matshot.image.writer import write_texture
from matshot.inference.cards import read_card
from matshot.shading.procedural import brick_wall
from matshot_export import queue as queues
from matshot_export import recipes
from matshot_export.chain import train_in_calls
from matshot_export.cli import app, main
from matshot_export.onnx_export import run_record
from matshot_export.packs import write_packs

torch.set_num_threads(1)

RECIPE = """summary = "a test"
kind = "data"
architecture = "upscaler"
network = { scale = 2, planes = 1, width = 8, blocks = 1 }
loss = { l1 = 1.0 }
patch = 16
batch = 2
log_every = 1000000
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Packs, a recipe and a queue of a second of training; priority stays as it is."""
    for split, seed in (("train", 1), ("val", 3)):
        heights = brick_wall(128, seed)["height"]
        write_texture(heights, tmp_path / "data" / "materials" / split / f"Wall{seed}" / "height.png")
    write_packs(tmp_path / "data", tmp_path / "packs")
    (tmp_path / "heights.toml").write_text(RECIPE)
    (tmp_path / "queue.txt").write_text('[[turns]]\nname = "heights"\nhours = 0.0002\nbatch = 4\npatch = 8\n')
    monkeypatch.setattr(recipes, "FOLDER", tmp_path)
    monkeypatch.setattr(queues, "lower_priority", lambda: None)
    # Two processes; test_training measures it.
    monkeypatch.setattr("matshot_export.onnx_export.measured_bytes_per_pixel", lambda card: 64)
    return tmp_path


def test_calls_resume_until_all_budgets_are_spent(folder):
    steps, commands = [0], []

    def run(arguments):
        commands.append(arguments[0])
        done = CliRunner().invoke(app, [*arguments, "--threads", "1"] if arguments[0] == "train-all" else arguments)
        assert done.exit_code == 0, done.output
        steps.append(run_record(folder / "out" / "runs" / "heights")["step"])

    shared = {"minutes": 0.006, "models": folder / "none", "device": "cpu", "run": run, "report": lambda line: None}
    assert not train_in_calls(folder / "queue.txt", folder / "packs", folder / "out", calls=1, **shared)
    assert commands == ["train-all"]
    assert not (folder / "out" / "models").exists()
    assert train_in_calls(folder / "queue.txt", folder / "packs", folder / "out", **shared)
    assert commands == ["train-all"] * (len(commands) - 1) + ["export-better"]
    assert len(commands) > 2
    assert all(before < after for before, after in pairwise(steps[:-1]))
    record = run_record(folder / "out" / "runs" / "heights")
    assert record["done"] == 1
    assert record["pixels"] == 4 * 8 * 8 * record["step"]
    assert read_card(folder / "out" / "models" / "heights.toml").training["steps"] == record["step"]
    assert not (folder / "none").exists()


def test_no_calls_export_what_is_there(folder):
    commands = []
    finished = train_in_calls(
        folder / "queue.txt", folder / "packs", folder / "out", calls=0, run=lambda given: commands.append(given[0])
    )
    assert not finished
    assert commands == ["export-better"]


def test_a_call_is_a_process():
    done = subprocess.run([sys.executable, "-m", "matshot_export", "list"], capture_output=True, text=True, check=True)
    assert "detail_x2" in done.stdout


def test_a_call_that_fails_is_one_sentence(folder, monkeypatch, capsys):
    given = ["chain", "--data", str(folder / "nothing"), "--out", str(folder / "out"), "--calls", "1"]
    monkeypatch.setattr(sys, "argv", ["matshot-export", *given, "--queue", str(folder / "queue.txt")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.strip() == "Error: matshot-export train-all ended with exit code 1"


def test_command_says_that_budgets_are_left(folder, monkeypatch):
    monkeypatch.setattr("matshot_export.chain._process", lambda given: None)
    given = ["--data", str(folder / "packs"), "--out", str(folder / "out"), "--queue", str(folder / "queue.txt")]
    done = CliRunner().invoke(app, ["chain", *given, "--calls", "2"])
    assert done.exit_code == 3
    assert "Call 2 of 9 minutes is over." in done.output
