"""The whole application with a window: menu, dialog, progress, Esc, undo, a killed worker.

Skips unless `MATSHOT_BLENDER_APP` is the command of a Blender, 4.2 or later, that sees the same files as the tests,
such as `blender` or a wrapper script. It runs on a virtual screen where there is `Xvfb`. With `MATSHOT_PICTURES`, a
folder, pictures of each step are kept there (`import` of ImageMagick takes them).
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.shading.procedural import brick_wall, wall_photographs

HERE = Path(__file__).parent
BUILD = HERE.parents[2] / "plugins" / "blender" / "build.py"
APP = shlex.split(os.environ.get("MATSHOT_BLENDER_APP", ""))


@pytest.fixture(scope="module")
def screen():
    """A virtual screen, or the one that is there."""
    if shutil.which("Xvfb") is None:
        if not os.environ.get("DISPLAY"):
            pytest.skip("neither Xvfb nor a screen is there")
        yield os.environ["DISPLAY"]
        return
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x900x24", "+extension", "GLX"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as told:
        number = told.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


@pytest.fixture(scope="module")
def driven(screen, tmp_path_factory):
    """What the script in the window did and saw."""
    if not APP:
        pytest.skip("MATSHOT_BLENDER_APP names no Blender application")
    folder = tmp_path_factory.mktemp("window")
    subprocess.run([sys.executable, str(BUILD), "--light", "--into", str(folder)], check=True, timeout=60)
    (archive,) = folder.glob("*.zip")
    zipfile.ZipFile(archive).extractall(folder / "user" / "extensions" / "user_default" / "matshot")
    write_texture(Texture(brick_wall(256)["basecolor"].pixels, "srgb", "xy"), folder / "wall.png")
    write_texture(wall_photographs(320, seed=1)[0], folder / "photo.jpg")
    told = {
        "folder": str(folder),
        "answer": str(folder / "answer.json"),
        "worker": sys.executable,
        "wall": str(folder / "wall.png"),
        "photograph": str(folder / "photo.jpg"),
    }
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {
        "DISPLAY": screen,
        "BLENDER_USER_RESOURCES": str(folder / "user"),
        "MATSHOT_HOME": str(folder / "home"),
    }
    command = [*APP, "--window-geometry", "0", "0", "1600", "900", "--enable-event-simulate", "--python-exit-code", "3"]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [*command, "--python", str(HERE / "window.py"), "--", json.dumps(told)],
            env=environment,
            stdout=log,
            stderr=log,
        )
        until = time.monotonic() + 560
        while process.poll() is None and time.monotonic() < until:
            for wanted in folder.glob("*.wanted"):
                photograph(screen, wanted.stem)
                wanted.unlink()
            time.sleep(0.05)
        process.kill()
    answer = folder / "answer.json"
    assert answer.is_file(), (folder / "log.txt").read_text("utf-8")[-5000:]
    found = json.loads(answer.read_text("utf-8"))
    assert "failed" not in found, found["failed"]
    print(json.dumps(found, indent=1))
    return found


def photograph(screen, name):
    """Take a picture of the screen, where pictures are wanted."""
    folder = os.environ.get("MATSHOT_PICTURES")
    if folder and shutil.which("import"):
        command = ["import", "-display", screen, "-window", "root", str(Path(folder) / f"{name}.png")]
        subprocess.run(command, check=True)


def test_a_menu_upscales_and_one_undo_takes_it_back(driven):
    found = driven["upscale"]
    assert found["shown"] == "wall_upscale"
    assert "wall_upscale" in found["images"]
    assert "wall_upscale" not in found["undone"]
    assert "wall.png" in found["undone"]


def test_the_main_thread_stays_free(driven):
    for job in ("upscale", "oneshot", "textures"):
        assert driven[job]["own"] < 50, job
        # How long it waits for a processor depends on what else the machine does.
        if os.getloadavg()[0] < 1.5 * (os.cpu_count() or 1):
            assert driven[job]["running"] < max(50, 2 * driven["drawing"]), job


def test_esc_ends_a_job_within_a_second(driven):
    assert driven["esc"]["state"] == "cancelled"
    assert driven["esc"]["seconds"] < 1


def test_a_killed_worker_is_a_message(driven):
    assert driven["killed"]["state"] == "failed"
    assert "which is lost" in driven["killed"]["error"]
    assert "wall_upscale" not in driven["killed"]["images"]


def test_a_photograph_becomes_a_wired_material(driven):
    found = driven["oneshot"]
    assert found["new"] != found["old"]
    assert found["undone"] == found["old"]
    assert ["Base Color", "Principled BSDF", "Base Color"] in found["links"]
    assert ["Normal Map", "Principled BSDF", "Normal"] in found["links"]


def test_nodes_stand_apart_as_blender_draws_them(driven):
    boxes = driven["oneshot"]["boxes"]
    for index, (name, left, right, bottom, top) in enumerate(boxes):
        for other in boxes[:index]:
            apart = right <= other[1] or other[2] <= left or top <= other[3] or other[4] <= bottom
            assert apart, (name, other)


def test_textures_are_replaced_in_place_and_come_back_with_undo(driven):
    found = driven["textures"]
    assert set(found["before"].values()).isdisjoint(found["after"].values())
    assert found["undone"] == found["before"]
    assert found["sizes"] == [2 * size for size in found["old sizes"]]


def test_a_result_waits_for_apply_or_discard(driven):
    (waited, applied), (waited_too, discarded) = driven["asked"]
    assert waited
    assert waited_too
    assert applied == ["wall_upscale"]
    assert discarded == []


def test_a_second_job_waits_for_the_first(driven):
    assert driven["two"] == ["running", "waiting"]
    assert len(driven["both"]) >= 2


def test_opening_another_file_ends_a_job(driven):
    assert driven["another file"] == []


def test_the_worker_ends_with_blender(driven):
    time.sleep(1)
    with pytest.raises(ProcessLookupError):
        os.kill(driven["pid at the end"], 0)
    assert not Path(driven["folder at the end"]).exists()
