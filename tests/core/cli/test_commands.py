"""The command line as a user meets it: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from matshot.cli.batch_reporter import BatchReporter
from matshot.cli.commands import figure_in_words
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.inference.cards import installed_models
from matshot.material.folder import load_material
from matshot_host.tools import TOOLS


def matshot(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    # Only against waiting forever: other tests run beside it, and the demo alone takes half a minute of two cores.
    return subprocess.run(
        [sys.executable, "-m", "matshot", *map(str, arguments)], capture_output=True, text=True, timeout=400
    )


@pytest.fixture
def image(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).random((12, 12, 3)).astype(np.float32)
    return write_texture(Texture(pixels, "srgb"), tmp_path / "a.png")


def test_importing_stays_light() -> None:
    heavy = "('onnxruntime', 'scipy', 'torch')"
    code = f"import sys, matshot, matshot.cli.commands; print([m for m in {heavy} if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said.stdout.strip() == "[]", said.stderr


def test_a_run_with_json(image: Path, tmp_path: Path) -> None:
    done = matshot("upscale", image, "-o", tmp_path / "b.png", "--scale", "2", "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1] == {"event": "summary", "done": 1, "failed": 0}
    assert next(e for e in events if e["event"] == "done")["width"] == 24


def test_a_batch_with_a_bad_file_ends_with_a_summary_and_a_nonzero_exit(image: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("text")
    done = matshot("upscale", image, tmp_path / "bad.png", "-o", tmp_path / "out", "--scale", "2")
    assert done.returncode == 1
    assert "1 done, 1 failed" in done.stderr
    assert (tmp_path / "out" / "a.png").exists()


def test_every_failure_is_one_sentence(image: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    for arguments in (
        ("upscale", tmp_path / "missing.png", "-o", tmp_path / "o.png"),
        ("upscale", "", "-o", tmp_path / "o.png"),
        ("upscale", image, "-o", blocked / "o.png"),
        ("upscale", image, "-o", tmp_path / "o.png", "--look", "nice"),
        ("upscale", image, "-o", tmp_path / "o.png", "--memory", "lots"),
        ("upscale", image, "-o", tmp_path / "o.png", "--device", "cuda", "--memory", "4G"),
    ):
        done = matshot(*arguments)
        assert done.returncode == 1, arguments
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1, done.stderr
        assert not (tmp_path / "o.png").exists()


def test_quiet_says_nothing(image: Path, tmp_path: Path) -> None:
    done = matshot("upscale", image, "-o", tmp_path / "b.png", "--scale", "2", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_models_and_doctor_speak_json() -> None:
    names = [json.loads(line)["name"] for line in matshot("models", "--json").stdout.splitlines()]
    assert "fidelity_x4" in names
    findings = json.loads(matshot("doctor", "--json").stdout)
    assert {"Matshot", "Python", "execution provider in use"} <= {finding["subject"] for finding in findings}


def test_version() -> None:
    from matshot import __version__

    assert matshot("--version").stdout.strip() == f"matshot {__version__}"


def test_demo_goes_the_whole_way(tmp_path: Path) -> None:
    done = matshot("demo", "-o", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    made = {str(path.relative_to(tmp_path / "demo")) for path in (tmp_path / "demo").rglob("*") if path.is_file()}
    maps = ("basecolor", "normal_gl", "roughness", "metallic", "height", "ao")
    about = ("material.json", "material.mtlx", "preview.png")
    folders = ("tile", "multiplied", "material")
    wanted = {f"{folder}/{name}" for folder in folders for name in (*(f"{m}.png" for m in maps), *about)}
    assert made == wanted | {"photographs/flash.png", "photographs/ambient.png", "tile/raw_maps.zip"}
    tile, large = (load_material(tmp_path / "demo" / folder) for folder in ("tile", "material"))
    assert (large.width, large.height) == (2 * tile.width, 2 * tile.height)
    more = load_material(tmp_path / "demo" / "multiplied")
    assert large.wrap == tile.wrap == more.wrap == "xy"
    assert (more.width, more.height) == (512, 512)


@pytest.fixture
def texture(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).random((40, 48, 3)).astype(np.float32)
    return write_texture(Texture(pixels, "srgb"), tmp_path / "ground.png")


def test_multiply_writes_what_was_asked(texture: Path, tmp_path: Path) -> None:
    done = matshot(
        "multiply", texture, "-o", tmp_path / "many", "--size", "32x24", "--count", "2", "--seed", "5", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "many").iterdir()) == ["ground_5.png", "ground_6.png"]
    made = [json.loads(line) for line in done.stdout.splitlines()]
    finished = [event for event in made if event["event"] == "done"]
    assert [event["parameters"]["seed"] for event in finished] == [5, 6]
    assert (finished[0]["width"], finished[0]["height"]) == (32, 24)


def test_octaves_lie_where_they_are_said_to(texture: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    for command in (["multiply", texture, "--size", "64"], ["style", texture, texture]):
        done = matshot(*command, "-o", out, "--octaves", tmp_path / "octaves", "--json")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        shown = [Path(event["path"]) for event in events if event["event"] == "preview"]
        assert shown
        assert all(path.exists() for path in shown)


def test_tile_and_style_run(texture: Path, tmp_path: Path) -> None:
    for arguments in (
        ("tile", texture, "-o", tmp_path / "tiled.png", "--axes", "x"),
        ("style", texture, texture, "-o", tmp_path / "styled.png", "--strength", "0"),
    ):
        done = matshot(*arguments)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "tiled.png").exists()
    assert (tmp_path / "styled.png").exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("multiply", "--size", "abc"), "--size must be text such as 1024x1024"),
        (("multiply", "--variety", "7"), "--variety must be 0 to 1, got 7"),
        (("tile", "--axes", "z"), "Unknown --axes"),
        (("tile", "--band", "0"), "--band must be"),
        (("style", "ground.png", "--strength", "2"), "--strength must be 0 to 1, got 2"),
    ],
)
def test_bad_options_of_synthesis_are_one_sentence(texture: Path, tmp_path: Path, command: tuple, said: str) -> None:
    name, *rest = (str(texture) if part == "ground.png" else part for part in command)
    done = matshot(name, texture, *rest, "-o", tmp_path / "out.png")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.png").exists()


def test_every_tool_is_a_command() -> None:
    from matshot.cli.commands import app

    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert {one.name for one in TOOLS} <= commands


def test_the_worker_is_a_command() -> None:
    asked = '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}\n'
    said = subprocess.run(
        [sys.executable, "-m", "matshot", "worker"], input=asked, capture_output=True, text=True, timeout=60
    )
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout.splitlines()[0])["result"]["name"] == "matshot"


def test_demo_does_not_write_over_photographs(tmp_path: Path) -> None:
    theirs = tmp_path / "photographs" / "flash.png"
    theirs.parent.mkdir()
    theirs.write_text("theirs")
    done = matshot("demo", "-o", tmp_path)
    assert (done.returncode, "choose an empty or new folder" in done.stderr) == (1, True)
    assert theirs.read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["photographs"]


# What a newcomer meets.


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["upscale"], "Error: Missing argument 'IN...'. See: matshot upscale --help"),
        (["nonsense"], "Error: No such command 'nonsense'. See: matshot --help"),
        (["upscal"], "Error: No such command 'upscal'. Did you mean 'upscale'? See: matshot --help"),
        (["upscale", "a", "-o", "b", "--lok", "x"], "Error: No such option: --lok"),
        (["batch", "a", "b", "--workers", "many"], "Error: Invalid value for '--workers'"),
        (["oneshot", "a.png", "-o", "b", "--fov", "3"], "Error: --fov must be 0 or 5 to 150\u00b0, got 3."),
        (["oneshot", "a.png", "-o", "b", "--fov", "x"], "Error: --fov must be a number: 0 or 5 to 150\u00b0, got 'x'."),
        (["upscale", "a.png", "-o", "b", "--kind", "x"], "Error: Unknown --kind 'x'. Choose from: auto, color,"),
        (["upscale", "a.png", "-o", "b.png", "--tile", "1"], "Error: --tile must be 0 or 16 to 16384 px, got 1."),
        (["batch", "", "out"], "Error: An input is empty."),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_one_sentence_with_the_options_name(arguments, sentence) -> None:
    done = matshot(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(sentence), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_help_is_printed_without_arguments() -> None:
    assert "Usage: matshot" in "".join((matshot().stdout, matshot().stderr))


def test_a_scheduler_without_an_address_is_refused(image: Path, tmp_path: Path) -> None:
    done = matshot("batch", image, "-o", tmp_path / "out", "--scheduler", "nonsense")
    assert done.returncode == 1
    assert done.stderr == "Error: Scheduler must be an address such as tcp://farm:8786, got 'nonsense'.\n"


def test_a_folder_is_not_written_into_itself(image: Path) -> None:
    done = matshot("upscale", image.parent, "-o", image.parent)
    assert "would be written into itself; choose another output" in done.stderr
    assert done.returncode == 1


def test_too_little_memory_is_told_in_units_that_can_be_read(image: Path, tmp_path: Path) -> None:
    done = matshot("upscale", image, "-o", tmp_path / "b.png", "--memory", "1K")
    assert "but the limit is 1 KB; raise it" in done.stderr
    assert done.returncode == 1


def test_figures_of_models_are_in_words() -> None:
    for card in installed_models():
        for key, value in card.quality.items():
            assert "_" not in figure_in_words(key, value).split(":")[0]
    assert figure_in_words("psnr_y_db_of_bicubic", 29.49) == "PSNR-Y of bicubic: 29.49 dB"
    assert figure_in_words("mean_angular_error_degrees", 7.5) == "Mean angular error: 7.5\u00b0"
    assert figure_in_words("measured_on", "11 maps") == "On 11 maps"


@pytest.mark.skipif(os.name != "posix", reason="Windows ends processes without a signal")
def test_a_terminated_command_leaves_nothing_half_written(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).random((1200, 1200, 3)).astype(np.float32)
    large, folder = write_texture(Texture(pixels), tmp_path / "large.png"), tmp_path / "out"
    line = [sys.executable, "-m", "matshot", "upscale", str(large), "-o", str(folder), "--method", "lanczos"]
    process = subprocess.Popen([*line, "--memory", "400M"], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(folder.glob(".*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert not folder.exists() or not list(folder.iterdir())


def test_one_worker_is_not_several(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = BatchReporter()
    reporter.cluster("http://127.0.0.1:1/status", 1)
    reporter.cluster("http://127.0.0.1:1/status", 2)
    assert capsys.readouterr().err.splitlines() == [
        "1 worker. Dashboard: http://127.0.0.1:1/status",
        "2 workers. Dashboard: http://127.0.0.1:1/status",
    ]
