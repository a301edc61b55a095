"""A batch as an Open Job Description template, run by the reference command line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed")

from matshot.errors import MatshotError
from matshot.farm.batch import Batch
from matshot.farm.openjd import write_template
from matshot.image.reader import read_texture
from matshot.image.writer import write_texture
from matshot.shading.procedural import brick_wall

QUICK = {"scale": 2, "method": "bicubic"}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    for number in range(5):
        write_texture(brick_wall(32)["basecolor"], folder / f"{number}.png")
    return folder


def template(asked: Batch, path: Path, chunk: int) -> dict[str, Any]:
    write_template(asked, path, chunk)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_template_has_a_task_for_every_chunk(library: Path, tmp_path: Path) -> None:
    asked = Batch([library], tmp_path / "out", parameters=QUICK, memory="2G")
    made = template(asked, tmp_path / "job.json", 2)
    defaults = {one["name"]: one.get("default") for one in made["parameterDefinitions"]}
    assert defaults["Slices"] == 3
    assert defaults["Library"] == "library"
    words = made["steps"][0]["script"]["actions"]["onRun"]["args"]
    assert "method=bicubic" in words
    assert "2G" in words
    assert not (tmp_path / "out").exists()


def test_paths_elsewhere_have_to_be_given(library: Path, tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    asked = Batch([library], tmp_path / "out", parameters=QUICK)
    tasks, paths = write_template(asked, tmp_path / "jobs" / "job.json")
    assert tasks == 1
    assert paths == {"Library": str(library), "Output": str(tmp_path / "out")}


def test_a_gpu_is_asked_for_by_device(library: Path, tmp_path: Path) -> None:
    asked = Batch([library], tmp_path / "out", parameters={"device": "cuda"})
    (amount,) = template(asked, tmp_path / "job.json", 2)["steps"][0]["hostRequirements"]["amounts"]
    assert amount == {"name": "amount.worker.gpu", "min": 1}


def test_what_a_template_cannot_say_is_refused(library: Path, tmp_path: Path) -> None:
    odd = tmp_path / "{{odd}}"
    shutil.copytree(library, odd)
    with pytest.raises(MatshotError, match="braces"):
        write_template(Batch([odd], tmp_path / "out"), tmp_path / "job.json")
    with pytest.raises(MatshotError, match="braces"):
        write_template(Batch([library], tmp_path / "out", parameters={"colorspace": "{{x}}"}), tmp_path / "job.json")
    with pytest.raises(MatshotError, match="at least one"):
        write_template(Batch([library], tmp_path / "out"), tmp_path / "job.json", 0)


def test_the_reference_command_line_checks_and_runs_it(library: Path, tmp_path: Path) -> None:
    openjd = Path(sys.executable).with_name("openjd")
    if not openjd.is_file():
        pytest.skip("openjd-cli is not installed")
    output, path = tmp_path / "out", tmp_path / "job.template.json"
    words = ["--set", "scale=2", "--set", "method=bicubic", "--openjd", str(path), "--chunk", "3"]
    subprocess.run([sys.executable, "-m", "matshot", "batch", str(library), "-o", str(output), *words], check=True)
    subprocess.run([openjd, "check", str(path)], check=True, capture_output=True)
    said = subprocess.run(
        [openjd, "run", str(path), "--step", "Batch", "--job-param", f"Python={sys.executable}"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert "openjd_progress: 100.0" in said.stdout
    assert sorted(one.name for one in output.glob("[0-9].png")) == [f"{number}.png" for number in range(5)]
    assert read_texture(output / "4.png").width == 64
    counts = [json.loads((output / f"matshot-batch-{number}-of-2.json").read_text())["done"] for number in (1, 2)]
    assert counts == [3, 2]
