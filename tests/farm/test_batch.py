"""Whole libraries: mirrored, resumable, and not stopped by one bad file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

pytest.importorskip("distributed")

from bench.farm.clusters import DaskCluster, until, workers_below
from matshot.errors import MatshotError
from matshot.farm import batch, placement
from matshot.farm.batch import Batch, BatchResult, library_of, run_batch, target_of
from matshot.farm.manifest import MEMORY, Manifest
from matshot.image.reader import read_texture
from matshot.image.types import Texture
from matshot.image.writer import write_texture
from matshot.material.folder import load_material, save_material
from matshot.material.types import Material
from matshot.shading.procedural import brick_wall
from matshot_host.tools import tool as table_of

QUICK = {"scale": 2, "method": "bicubic"}
Do = Callable[..., BatchResult]


class Listener:
    """Keeps what is told of a batch."""

    def __init__(self) -> None:
        self.units: list[tuple[str, str]] = []
        self.fractions: list[float] = []

    def progress(self, fraction: float, stage: str) -> None:
        self.fractions.append(fraction)

    def cluster(self, dashboard: str, workers: int) -> None:
        assert workers >= 0

    def unit(self, state: str, key: str, told: Mapping[str, Any]) -> None:
        self.units.append((state, key))


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster for all that does not break it."""
    made = DaskCluster(tmp_path_factory.mktemp("cluster"))
    made.start_scheduler()
    made.start_worker("one")
    yield made.address
    made.end()


@pytest.fixture
def done(farm: str) -> Do:
    """Does a batch."""

    def do(library: Path, output: Path, **asked: Any) -> BatchResult:
        given = {"parameters": QUICK, "scheduler": farm, **asked}
        return run_batch(Batch([library], output, **given), Listener())

    return do


def files(folder: Path) -> list[str]:
    """What a batch made, without what it says of itself."""
    found = (one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())
    return sorted(one for one in found if not one.startswith((MEMORY, "matshot-batch")))


def picture(path: Path, size: int = 32) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_texture(brick_wall(size)["basecolor"], path)


def material(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    maps = {"normal" if name == "normal_gl" else name: texture for name, texture in brick_wall(32).items()}
    return save_material(Material(maps, name=folder.name), folder)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "library"
    picture(root / "walls" / "red.png")
    picture(root / "walls" / "deep" / "red.png")
    material(root / "brick")
    material(root / "brick" / "wet")
    picture(root / "udim" / "hero.1001.png")
    picture(root / "udim" / "hero.1002.png")
    (root / "bad.png").write_bytes(b"no picture")
    return root


GOOD = {"brick/", "brick/wet/", "udim/hero.<UDIM>.png", "walls/deep/red.png", "walls/red.png"}


def test_folders_are_mirrored_and_a_bad_file_stops_nothing(library: Path, tmp_path: Path) -> None:
    output, listener = tmp_path / "out", Listener()
    before = {one: one.read_bytes() for one in library.rglob("*") if one.is_file()}
    outcome = run_batch(Batch([library], output, parameters=QUICK, workers=2), listener)
    assert set(outcome.done) == GOOD
    assert list(outcome.failed) == ["bad.png"]
    sources = [one for one in files(library) if one != "bad.png"]
    assert files(output) == sources
    assert read_texture(output / "walls" / "deep" / "red.png").width == 64
    assert load_material(output / "brick").width == 64
    assert load_material(output / "brick" / "wet").width == 64
    assert sorted(listener.fractions) == listener.fractions
    assert listener.fractions[-1] == 1.0
    assert {one: one.read_bytes() for one in library.rglob("*") if one.is_file()} == before
    assert not (output / MEMORY / "work" / "all").exists()
    said = json.loads((output / "matshot-batch.json").read_text())
    assert (said["done"], said["skipped"], said["units"]) == (5, 0, 6)
    assert said["failed"][0]["unit"] == "bad.png"
    assert read_texture(output / "matshot-batch.png").width > 160


def test_what_is_done_is_skipped_and_what_failed_tried_again(done: Do, library: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done(library, output)
    stamps = {one: (output / one).stat().st_mtime_ns for one in files(output)}
    picture(library / "bad.png")
    again = done(library, output)
    assert set(again.skipped) == GOOD
    assert again.done == ["bad.png"]
    assert {one: (output / one).stat().st_mtime_ns for one in stamps} == stamps


def test_nothing_to_do_starts_no_worker(done: Do, library: Path, tmp_path: Path) -> None:
    (library / "bad.png").unlink()
    done(library, tmp_path / "out")
    began = time.monotonic()
    again = done(library, tmp_path / "out", scheduler="tcp://127.0.0.1:9")
    assert set(again.skipped) == GOOD
    assert time.monotonic() - began < 2


def test_a_changed_input_is_done_again_and_a_touched_one_is_not(done: Do, library: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done(library, output)
    (library / "walls" / "red.png").touch()
    changed = brick_wall(32)["basecolor"]
    write_texture(changed.with_pixels(changed.pixels * 0.5), library / "brick" / "wet" / "basecolor.png")
    again = done(library, output)
    assert again.done == ["brick/wet/"]
    assert "walls/red.png" in again.skipped


def test_contents_of_one_date_and_size_are_told_apart_on_demand(done: Do, tmp_path: Path) -> None:
    library, output = tmp_path / "library", tmp_path / "out"
    source = picture(library / "a.bmp")
    os.utime(source, (1e9, 1e9))
    done(library, output)
    bytes_ = bytearray(source.read_bytes())
    bytes_[-40] ^= 0xFF
    source.write_bytes(bytes(bytes_))
    os.utime(source, (1e9, 1e9))
    assert done(library, output).skipped == ["a.bmp"]
    assert done(library, output, rehash=True).done == ["a.bmp"]


def test_changed_parameters_redo_everything_and_take_old_results_away(done: Do, library: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done(library, output)
    (output / "walls" / "mine.txt").write_text("a note of the artist")
    again = done(library, output, parameters={**QUICK, "format": "tif"})
    assert set(again.done) == GOOD
    made = files(output)
    assert "walls/red.tif" in made
    assert "walls/red.png" not in made
    assert "walls/mine.txt" in made
    assert set(done(library, output, parameters={**QUICK, "format": "tif", "threads": 1}).skipped) == GOOD


def test_a_lost_result_is_made_again_and_a_touched_up_one_stays(done: Do, library: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done(library, output)
    (output / "brick" / "height.png").unlink()
    (output / "walls" / "red.png").write_bytes(b"better than before")
    again = done(library, output)
    assert again.done == ["brick/"]
    assert (output / "walls" / "red.png").read_bytes() == b"better than before"
    assert (output / "brick" / "height.png").is_file()


def test_a_touched_up_result_is_not_written_over_when_its_input_changes(done: Do, tmp_path: Path) -> None:
    library, output = tmp_path / "library", tmp_path / "out"
    picture(library / "a.png")
    done(library, output)
    (output / "a.png").write_bytes(b"touched up by an artist")
    changed = brick_wall(32)["basecolor"]
    write_texture(changed.with_pixels(changed.pixels * 0.5), library / "a.png")
    again = done(library, output)
    assert "was changed since Matshot wrote it" in again.failed["a.png"]
    assert (output / "a.png").read_bytes() == b"touched up by an artist"
    (output / "a.png").unlink()
    assert done(library, output).done == ["a.png"]


def test_files_of_others_are_not_overwritten(done: Do, tmp_path: Path) -> None:
    library, output = tmp_path / "library", tmp_path / "out"
    picture(library / "a.png")
    output.mkdir()
    (output / "a.png").write_bytes(b"somebody else's")
    outcome = done(library, output)
    assert "not of this batch" in outcome.failed["a.png"]
    assert (output / "a.png").read_bytes() == b"somebody else's"


def test_results_of_one_name_are_kept_apart(done: Do, tmp_path: Path) -> None:
    library, output = tmp_path / "library", tmp_path / "out"
    picture(library / "a.png")
    picture(library / "a.tga")
    picture(library / "b.tga")
    outcome = done(library, output, parameters={**QUICK, "format": "png"})
    assert not outcome.failed
    assert files(output) == ["a_png.png", "a_tga.png", "b.png"]


def test_slices_are_together_the_whole(done: Do, library: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    outcomes = [done(library, output, part=(number, 3)) for number in (1, 2, 3)]
    assert sorted(key for one in outcomes for key in one.done) == sorted(GOOD)
    assert set(done(library, output).skipped) == GOOD
    assert (output / "matshot-batch-2-of-3.json").is_file()


def test_two_batches_do_not_share_an_output(done: Do, library: Path, tmp_path: Path) -> None:
    with Manifest(tmp_path / "out", "all"), pytest.raises(MatshotError, match="Another batch is at work"):
        done(library, tmp_path / "out")


def test_a_line_that_was_cut_off_is_as_if_unwritten(done: Do, library: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done(library, output)
    file = output / MEMORY / "all.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]) + lines[-1][: len(lines[-1]) // 2])
    again = done(library, output)
    assert len(again.done) + len(again.skipped) == 5
    assert set(done(library, output).skipped) == GOOD


def test_variations_are_numbered_and_materials_multiplied(done: Do, tmp_path: Path) -> None:
    library, output = tmp_path / "library", tmp_path / "out"
    picture(library / "a.png", 64)
    parameters = {"count": 2, "seed": 3, "size": "64x64", "engine": "patch"}
    assert not done(library, output, tool="multiply", parameters=parameters).failed
    assert files(output) == ["a_3.png", "a_4.png"]


def test_pairs_of_photographs_and_looks(tmp_path: Path) -> None:
    library, output = tmp_path / "library", tmp_path / "out"
    picture(library / "wall_flash.png")
    picture(library / "wall_ambient.png")
    picture(library / "lonely_flash.png")
    picture(library / "other.png")

    found = library_of(Batch([library], output, tool="twoshot"), table_of("twoshot"))
    (unit,) = found.units
    assert [Path(one).name for one in unit.inputs] == ["wall_flash.png", "wall_ambient.png"]
    assert len(found.left_out) == 2
    styled = library_of(Batch([library], output, tool="style", look=library / "other.png"), table_of("style"))
    assert len(styled.units) == 4
    assert all(Path(unit.inputs[1]).name == "other.png" for unit in styled.units)
    assert "look:other.png" in styled.units[0].files
    with pytest.raises(MatshotError, match="--look"):
        library_of(Batch([library], output, tool="style"), table_of("style"))


def test_a_material_is_converted_and_images_left_out(done: Do, library: Path, tmp_path: Path) -> None:
    outcome = done(library, tmp_path / "out", tool="convert", parameters={"normal": "dx"})
    assert set(outcome.done) == {"brick/", "brick/wet/"}
    assert (tmp_path / "out" / "brick" / "wet" / "normal_dx.png").is_file()
    assert len(outcome.left_out) == 5


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["scale=3"], "Unknown --set scale 3. Choose from: 2, 4, 8"),
        (["scale=two"], "Unknown --set scale 'two'"),
        (["size=3"], "Unknown Upscale parameter 'size'"),
        (["scale"], "has no value"),
        (["threads=-1"], "--set threads must be 0 to 1024, got -1"),
    ],
)
def test_parameters_are_refused_once(settings: list[str], sentence: str) -> None:
    with pytest.raises(MatshotError, match=sentence):
        table_of("upscale").parse(settings)


def test_an_empty_library_and_one_within_its_output_are_refused(done: Do, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MatshotError, match="Nothing in"):
        done(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(MatshotError, match="into itself"):
        done(tmp_path / "empty", tmp_path / "empty")
    with pytest.raises(MatshotError, match="does not exist"):
        done(tmp_path / "gone", tmp_path / "out")


# The command, as people and farms run it.


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "matshot", "batch", *map(str, arguments)]


def slow_library(folder: Path) -> Path:
    """Textures that take long enough to be stopped at."""
    for number in range(6):
        picture(folder / f"{number}.png", 256)
    return folder


def test_the_command_tells_a_machine_all(library: Path, tmp_path: Path) -> None:
    words = command(library, "-o", tmp_path / "out", "--set", "scale=2", "--set", "method=bicubic", "--workers", "1")
    said = subprocess.run([*words, "--json"], capture_output=True, text=True)
    assert said.returncode == 1
    events = [json.loads(line) for line in said.stdout.splitlines()]
    assert {event["unit"] for event in events if event["event"] == "done"} == GOOD
    assert events[-1]["event"] == "summary"
    assert events[-1]["failed"] == 1
    assert "Traceback" not in said.stderr
    (library / "bad.png").unlink()
    assert subprocess.run([*words, "--quiet"], capture_output=True).returncode == 0


def test_the_last_place_is_where_the_results_go(tmp_path: Path) -> None:
    picture(tmp_path / "library" / "wall.png")
    words = command(tmp_path / "library", tmp_path / "out", "--tool", "upscale", "--set", "method=bicubic", "--quiet")
    for _ in range(2):
        assert subprocess.run(words).returncode == 0
    assert (tmp_path / "out" / "wall.png").is_file()
    assert target_of([tmp_path / "a", tmp_path / "b"]) == [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(MatshotError, match="Say where the results go"):
        target_of([tmp_path / "library"])
    with pytest.raises(MatshotError, match="library holds something else already"):
        target_of([tmp_path / "out", tmp_path / "library"])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_batch_that_is_stopped_goes_on_where_it_was(done: Do, tmp_path: Path, how: signal.Signals) -> None:
    library, output = slow_library(tmp_path / "library"), tmp_path / "out"
    words = command(library, "-o", output, "--set", "scale=2", "--workers", "1", "--json")
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if '"done"' in line:
                break
        until(lambda: workers_below(process.pid))
        below = workers_below(process.pid)
        if how == signal.SIGKILL:
            process.kill()
        else:
            # As a terminal does it: to all processes of the command.
            os.killpg(process.pid, how)
        process.stdout.read()
        said = process.stderr.read()
        code = process.wait(60)
    assert "Traceback" not in said
    if how != signal.SIGKILL:
        assert code == 130
        assert "Cancelled" in said
    until(lambda: not any(one.is_running() and one.status() != "zombie" for one in below), 60)
    made = files(output)
    assert made
    for name in made:
        assert read_texture(output / name).width == 512
    again = done(library, output, parameters={"scale": 2})
    assert len(again.skipped) >= len(made) - 1
    assert len(again.skipped) + len(again.done) == 6
    assert len(files(output)) == 6


def test_without_dask_there_is_one_sentence(library: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "distributed.py").write_text("raise ImportError('not here')\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(blocked), os.environ.get("PYTHONPATH", "")])}
    words = command(library, "-o", tmp_path / "out", "--scheduler", "tcp://127.0.0.1:9")
    said = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert said.returncode == 1
    assert "pip install 'matshot[farm]'" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_material_in_memory_is_not_needed_for_a_flat_folder(done: Do, tmp_path: Path) -> None:
    library, output = tmp_path / "library", tmp_path / "out"
    picture(library / "rock_diffuse.png")
    normal = brick_wall(32)["normal_gl"]
    write_texture(Texture(normal.pixels, "normal"), library / "rock_normal.png")
    picture(library / "tree.png")
    outcome = done(library, output)
    assert set(outcome.done) == {"library/", "tree.png"}
    shutil.rmtree(output)
    (library / "tree.png").unlink()
    assert done(library, output).done == ["library/"]


def test_a_broken_link_is_not_written_over(done: Do, tmp_path: Path) -> None:
    library, output = tmp_path / "library", tmp_path / "out"
    picture(library / "a.png")
    output.mkdir()
    try:
        (output / "a.png").symlink_to(tmp_path / "offline disk" / "a.png")
    except OSError:
        pytest.skip("links need rights here")
    assert "not of this batch" in done(library, output).failed["a.png"]
    assert (output / "a.png").is_symlink()


class Killed(BaseException):
    """In place of a kill -9."""


def killed_batch(done: Do, library: Path, output: Path, *, moved: bool) -> None:
    """A batch that ends after it has noted what it is about to bring, before or after that is there."""

    def bring(*arguments: Any) -> None:
        if moved:
            placement.bring(*arguments)
        raise Killed

    with mock.patch.object(batch, "bring", bring), pytest.raises(Killed):
        done(library, output)


def test_what_came_after_a_crash_is_not_written_over(done: Do, tmp_path: Path) -> None:
    library, output = tmp_path / "library", tmp_path / "out"
    picture(library / "a.png")
    killed_batch(done, library, output, moved=False)
    (output / "a.png").write_bytes(b"precious")
    assert "was changed since" in done(library, output).failed["a.png"]
    assert (output / "a.png").read_bytes() == b"precious"


@pytest.mark.parametrize("moved", [False, True])
def test_after_any_crashes_the_batch_goes_on(done: Do, tmp_path: Path, moved: bool) -> None:
    library, output = tmp_path / "library", tmp_path / "out"
    picture(library / "a.png")
    done(library, output)
    for size in (48, 64):
        picture(library / "a.png", size)
        killed_batch(done, library, output, moved=moved)
    assert done(library, output).done == ["a.png"]
    assert read_texture(output / "a.png").width == 128


def test_sheets_of_another_batch_are_no_pictures(done: Do, tmp_path: Path) -> None:
    library, first, second = tmp_path / "library", tmp_path / "first", tmp_path / "second"
    picture(library / "a.png")
    done(library, first)
    assert done(first, second).done == ["a.png"]


def test_no_result_takes_the_place_of_a_summary(done: Do, tmp_path: Path) -> None:
    library, output = tmp_path / "library", tmp_path / "out"
    picture(library / "matshot-batch.png")
    picture(library / "a.png")
    outcome = done(library, output)
    assert "rename matshot-batch.png" in outcome.failed["matshot-batch.png"]
    assert outcome.done == ["a.png"]


@pytest.mark.parametrize("name", [MEMORY, f"{MEMORY}/work", f"{MEMORY}/work/all"])
def test_nothing_is_deleted_through_a_link(done: Do, tmp_path: Path, name: str) -> None:
    library, output, precious = tmp_path / "library", tmp_path / "out", tmp_path / "precious"
    picture(library / "a.png")
    for place in ("0", "all/0", "work/all/0"):
        (precious / place).mkdir(parents=True)
        (precious / place / "wall.png").write_bytes(b"precious")
    (output / name).parent.mkdir(parents=True)
    try:
        (output / name).symlink_to(precious, target_is_directory=True)
    except OSError:
        pytest.skip("links need rights here")
    with pytest.raises(MatshotError, match="is a link"):
        done(library, output)
    assert len(list(precious.rglob("wall.png"))) == 3


def test_photographs_of_phones_are_for_the_tools_that_take_photographs(tmp_path: Path) -> None:
    library, output = tmp_path / "library", tmp_path / "out"
    picture(library / "wall.png")
    for name in ("IMG_0001.HEIC", "floor.dng"):
        (library / name).write_bytes(b"a photograph")
    found = library_of(Batch([library], output, tool="oneshot"), table_of("oneshot"))
    assert [unit.name for unit in found.units] == ["IMG_0001", "floor", "wall"]
    assert found.left_out == []
    found = library_of(Batch([library], output), table_of("upscale"))
    assert [unit.name for unit in found.units] == ["wall"]
    assert len(found.left_out) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have no names here")
def test_a_pipe_in_a_library_is_left_out(done: Do, tmp_path: Path) -> None:
    library = tmp_path / "library"
    picture(library / "a.png")
    os.mkfifo(library / "pipe.png")
    outcome = done(library, tmp_path / "out")
    assert outcome.done == ["a.png"]
    assert any("pipe.png: left out, a pipe" in one for one in outcome.left_out)


HUNG = """
import sys, threading
from matshot.farm import batch, reading
real = batch.stamped
def stamped(files, *rest, **more):
    if any("dead" in name for name in files):
        threading.Event().wait()  # as a disk that does not answer
    return real(files, *rest, **more)
batch.stamped = stamped
reading._PATIENCE = float(sys.argv.pop(1))
from matshot.cli.commands import main
main()
"""


def test_a_disk_that_does_not_answer_fails_its_files_alone(tmp_path: Path) -> None:
    for name in ("dead1.png", "dead2.png", "dead3.png", "dead4.png", "dead5.png", "well.png"):
        picture(tmp_path / "library" / name)
    words = [sys.executable, "-c", HUNG, "0.5", *command(tmp_path / "library", "-o", tmp_path / "out")[3:]]
    words += ["--set", "method=bicubic", "--workers", "1", "--json"]
    said = subprocess.run(words, capture_output=True, text=True, timeout=100)
    events = [json.loads(line) for line in said.stdout.splitlines()]
    assert (said.returncode, events[-1]["done"], events[-1]["failed"]) == (1, 1, 5)
    assert any("could not be read within" in event.get("error", "") for event in events)


def test_a_batch_that_waits_for_a_disk_can_be_ended(tmp_path: Path) -> None:
    picture(tmp_path / "library" / "dead.png")
    words = [sys.executable, "-c", HUNG, "1000", *command(tmp_path / "library", "-o", tmp_path / "out")[3:]]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        until(lambda: (tmp_path / "out" / MEMORY).is_dir(), 60)
        time.sleep(0.5)
        process.terminate()
        try:
            assert process.wait(20) == 130
        finally:
            process.kill()
