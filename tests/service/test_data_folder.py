"""A service deletes nothing that it did not make."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest import mock

import pytest
from service_double import Running, ThreadEngine, picture

from matshot.errors import MatshotError
from matshot.service.data_folder import DATABASE, MARKER, DataFolder
from matshot.service.inspector import Inspector
from matshot.service.service import Service
from matshot.service.settings import Settings

UUID, SHA256 = "0123456789abcdef" * 2, "0123456789abcdef" * 4


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def project(folder: Path) -> dict[str, bytes]:
    """A project of somebody who has folders of the service's names, too."""
    for name in ("assets/textures/wall.png", f"assets/{SHA256}/wall.png", "jobs/render/shot.exr", "incoming/scan.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"precious " + name.encode())
    return tree(folder)


@pytest.fixture
def run(inspector: Inspector):
    """Starts a service in a folder and closes it again; ``used`` is called with it in between."""
    shared = mock.Mock(wraps=inspector, close=lambda: None)

    def runs(folder: Path, used=lambda service: None) -> None:
        service = Service(Settings(data=folder), ThreadEngine(), shared)
        try:
            service.start()
            used(service)
        finally:
            service.close()

    return runs


def upload(service: Service) -> str:
    arrival = service.assets.begin_upload("image/png", "wall.png", 0)
    arrival.feed(picture())
    arrival.finish()
    asset, _ = service.assets.add(arrival)
    arrival.discard()
    return asset.id


def test_a_folder_with_other_contents_is_refused_and_stays_as_it_was(tmp_path, run):
    before = project(tmp_path)
    with pytest.raises(MatshotError, match="Choose a new or an empty folder with --data"):
        run(tmp_path)
    assert tree(tmp_path) == before


def test_a_database_of_another_program_does_not_make_a_folder_ours(tmp_path, run):
    with sqlite3.connect(tmp_path / "service.db") as database:
        database.execute("CREATE TABLE assets (name TEXT)")
    before = project(tmp_path)
    with pytest.raises(MatshotError, match="do not belong to a Matshot service"):
        run(tmp_path)
    assert tree(tmp_path) == before


def test_new_and_empty_folders_are_taken(tmp_path, run):
    run(tmp_path)
    run(tmp_path / "below" / "new")
    assert (tmp_path / MARKER).is_file()
    assert (tmp_path / "below" / "new" / MARKER).is_file()


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_only_new_folders_get_our_permissions(tmp_path, run):
    there = tmp_path / "there"
    there.mkdir()
    there.chmod(0o755)
    run(there)
    run(tmp_path / "new")
    assert stat.S_IMODE(there.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_folder_of_an_earlier_version_is_adopted(tmp_path, run):
    kept = []
    run(tmp_path, lambda service: kept.append(upload(service)))
    (tmp_path / MARKER).unlink()
    run(tmp_path, lambda service: kept.append(service.assets.get(kept[0]).id))
    assert kept[0] == kept[1]
    assert (tmp_path / MARKER).is_file()


def test_foreign_folders_in_ours_are_left_alone_and_named(tmp_path, run, caplog):
    run(tmp_path)
    foreign = ("assets/textures/wall.png", "jobs/render/shot.exr", "incoming/scan/scan.png", "jobs/notes.txt")
    for name in foreign:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"precious")
    with caplog.at_level(logging.WARNING, "matshot.service"):
        run(tmp_path)
    assert all((tmp_path / name).read_bytes() == b"precious" for name in foreign)
    assert all(Path(name).parts[1] in caplog.text for name in foreign)


def test_with_a_lost_database_everything_goes_to_lost(tmp_path, run, caplog):
    kept = []
    run(tmp_path, lambda service: kept.append(upload(service)))
    for file in tmp_path.glob("service.db*"):
        file.unlink()
    with caplog.at_level(logging.WARNING, "matshot.service"):
        run(tmp_path)
    assert (tmp_path / "lost" / f"assets-{kept[0]}" / "image.png").read_bytes() == picture()
    assert f"Moved 1 folder that the database does not know to {tmp_path / 'lost'}: assets/{kept[0]}." in caplog.text


def test_with_an_older_database_what_it_lacks_goes_to_lost_under_a_free_name(tmp_path, run):
    run(tmp_path)
    for file in tmp_path.glob("service.db*"):
        shutil.copy(file, tmp_path / f"older-{file.name}")
    contents = []
    for _ in range(2):
        job = tmp_path / "jobs" / UUID / "results"
        job.mkdir(parents=True)
        (job / "wall.png").write_bytes(f"result {len(contents)}".encode())
        contents.append((job / "wall.png").read_bytes())
        run(tmp_path)
    found = sorted(path.read_bytes() for path in (tmp_path / "lost").rglob("wall.png"))
    assert found == sorted(contents)


def test_uploads_that_an_ended_process_left_are_removed(tmp_path, run):
    run(tmp_path)
    left = tmp_path / "incoming" / UUID / "parts"
    left.mkdir(parents=True)
    run(tmp_path)
    assert not left.parent.exists()


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_links_are_not_followed(tmp_path, run):
    run(tmp_path / "service")
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "wall.png").write_bytes(b"precious")
    for place, name in (("assets", SHA256), ("jobs", UUID), ("incoming", UUID)):
        (tmp_path / "service" / place / name).symlink_to(precious)
    run(tmp_path / "service")
    data = DataFolder(tmp_path / "service")
    data.remove_asset(SHA256, ["wall.png"])
    data.remove_job(UUID)
    assert (precious / "wall.png").read_bytes() == b"precious"


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
@pytest.mark.parametrize("name", ["run-0123456789ab", "inputs", "results"])
def test_not_even_empty_folders_go_through_a_link(tmp_path, run, name):
    run(tmp_path / "service")
    (tmp_path / "precious" / "empty").mkdir(parents=True)
    job = tmp_path / "service" / "jobs" / UUID
    job.mkdir()
    (job / name).symlink_to(tmp_path / "precious")
    data = DataFolder(tmp_path / "service")
    data.remove_runs(UUID, inputs=True)
    data.remove_job(UUID)
    assert (tmp_path / "precious" / "empty").is_dir()
    assert not job.exists()


def test_an_upload_does_not_delete_what_lies_in_its_place(tmp_path, run):
    kept = []
    run(tmp_path, lambda service: kept.append(upload(service)))

    def delete_and_send_again(service: Service) -> None:
        service.assets.delete(kept[0])
        (tmp_path / "assets" / kept[0]).mkdir()
        (tmp_path / "assets" / kept[0] / "note.txt").write_bytes(b"precious")
        assert upload(service) == kept[0]

    run(tmp_path, delete_and_send_again)
    assert (tmp_path / "lost" / f"assets-{kept[0]}" / "note.txt").read_bytes() == b"precious"


def write(folder: Path, *names: str) -> dict[Path, bytes]:
    """Files with contents of their own, in folders that are made."""
    files = {folder / name: name.encode() for name in names}
    for file, contents in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(contents)
    return files


def untouched(files: Mapping[Path, bytes]) -> bool:
    return all(file.read_bytes() == contents for file, contents in files.items())


@pytest.mark.parametrize("contents", ["", "[]", '{"name": "mine"}', "\xff"])
def test_a_file_of_the_markers_name_is_not_enough(tmp_path, contents):
    (tmp_path / MARKER).write_bytes(contents.encode("latin-1"))
    with pytest.raises(MatshotError, match="do not belong to a Matshot service"):
        DataFolder(tmp_path)
    assert (tmp_path / MARKER).read_bytes() == contents.encode("latin-1")


def test_what_systems_leave_in_an_empty_folder_does_not_count(tmp_path):
    (tmp_path / "lost+found").mkdir()
    (tmp_path / f".matshot-service.{UUID}.partial").write_text("")
    DataFolder(tmp_path)
    assert (tmp_path / MARKER).is_file()


def test_a_marker_does_not_make_a_foreign_database_ours(tmp_path, run):
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        database.execute("CREATE TABLE jobs (customer TEXT)")
        database.commit()
    (tmp_path / MARKER).write_text('{"matshot_service": 1}')
    before = (tmp_path / DATABASE).read_bytes()
    with pytest.raises(MatshotError, match="is not a service's database"):
        run(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == before


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MatshotError, match="cannot be used for the service"):
        DataFolder(tmp_path / "file")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_what_the_service_makes_in_a_shared_folder_is_private(tmp_path, run):
    tmp_path.chmod(0o755)
    run(tmp_path)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert (modes["jobs"], modes["assets"], modes["incoming"], modes[DATABASE]) == (0o700, 0o700, 0o700, 0o600)
    (tmp_path / "jobs").chmod(0o750)
    run(tmp_path)
    assert stat.S_IMODE((tmp_path / "jobs").stat().st_mode) == 0o750


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
@pytest.mark.parametrize("name", ["assets", "jobs", "incoming", "lost"])
def test_a_link_in_place_of_a_folder_is_refused(tmp_path, name):
    DataFolder(tmp_path / "data")
    files = write(tmp_path / "elsewhere", f"{UUID}/wall.png")
    shutil.rmtree(tmp_path / "data" / name, ignore_errors=True)
    (tmp_path / "data" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MatshotError, match="is a link"):
        DataFolder(tmp_path / "data")
    assert untouched(files)


def finished(running: Running, seed: int = 1) -> str:
    """A job that is done."""
    job = running.upscale(running.send(picture(seed)))
    assert running.wait(job)["state"] == "done"
    return job


def lose_the_database(data: Path) -> None:
    for file in data.glob(f"{DATABASE}*"):
        file.unlink()


def test_a_killed_folder_of_an_earlier_version_is_adopted(start: Callable[..., Running]):
    first = start(held=True)
    job = first.upscale(first.send(picture()))
    first.kill()
    (first.settings.data / MARKER).unlink()
    second = start()
    assert second.wait(job)["state"] == "done"
    assert (second.settings.data / MARKER).is_file()


def test_a_service_goes_on_with_a_lost_database(start: Callable[..., Running]):
    first = start()
    data = first.settings.data
    job = finished(first)
    first.stop()
    before = [file.read_bytes() for file in sorted((data / "jobs").rglob("results/**/*.png"))]
    lose_the_database(data)
    second = start()
    assert second.client.get(f"/v1/jobs/{job}").status_code == 404
    again = finished(second)
    second.service.sweeper.sweep()
    assert (data / "jobs" / again).is_dir()
    assert [file.read_bytes() for file in sorted((data / "lost" / f"jobs-{job}").rglob("*.png"))] == before


def test_an_older_database_costs_no_result(start: Callable[..., Running], tmp_path: Path):
    """A backup from when one job waited and another did not exist; both are done by now."""
    first = start(held=True)
    data = first.settings.data
    asset = first.send(picture(1))
    waiting = first.upscale(asset)
    first.wait(waiting, "running")
    first.kill()
    shutil.copytree(data, tmp_path / "backup", ignore=shutil.ignore_patterns("assets", "jobs", "incoming"))
    second = start()
    assert second.wait(waiting)["state"] == "done"
    later = finished(second, 2)
    second.client.delete(f"/v1/assets/{asset}")
    second.stop()
    contents = {job: tree(data / "jobs" / job / "results") for job in (waiting, later)}
    assert all(contents.values())
    lose_the_database(data)
    for file in (tmp_path / "backup").glob(f"{DATABASE}*"):
        shutil.copy(file, data)
    third = start()
    assert third.wait(waiting)["state"] == "failed"
    assert tree(data / "lost" / f"results-{waiting}") == contents[waiting]
    assert tree(data / "lost" / f"jobs-{later}" / "results") == contents[later]
    # The database still knows the upload, whose folder has gone.
    assert third.send(picture(1)) == asset
    assert third.wait(third.upscale(asset))["state"] == "done"


def test_folders_that_cannot_be_moved_stay(tmp_path, caplog):
    place = DataFolder(tmp_path)
    files = write(place.jobs / UUID, "inputs/0.png") | write(tmp_path, "lost")
    with caplog.at_level(logging.WARNING, "matshot.service"):
        place.tidy((), ())
    assert untouched(files)
    assert "could not be moved" in caplog.text


def test_an_empty_folder_is_not_worth_keeping(tmp_path):
    place = DataFolder(tmp_path)
    (place.jobs / UUID).mkdir()
    place.tidy((), ())
    assert not place.lost.exists()
    assert list(place.jobs.iterdir()) == []


def test_files_that_others_put_into_our_folders_stay(start: Callable[..., Running]):
    running = start()
    asset = running.send(picture())
    job = running.upscale(asset)
    running.wait(job)
    data = running.settings.data
    files = write(data, f"jobs/{job}/notes.txt", f"assets/{asset}/retouched.psd")
    assert running.client.delete(f"/v1/jobs/{job}").status_code == 204
    assert running.client.delete(f"/v1/assets/{asset}").status_code == 204
    assert untouched(files)
    assert [path.name for path in (data / "jobs" / job).iterdir()] == ["notes.txt"]
    assert [path.name for path in (data / "assets" / asset).iterdir()] == ["retouched.psd"]


def test_only_our_pictures_grow_old(start: Callable[..., Running]):
    running = start()
    asset = running.send(picture())
    assert running.client.get(f"/v1/assets/{asset}/preview").status_code == 200
    data = running.settings.data
    files = write(data, "assets/textures/.shown/0-16.png", f"assets/{asset}/.shown/mine.png")
    for file in data.glob("assets/*/.shown/*"):
        os.utime(file, (0, 0))
    running.service.sweeper.sweep()
    assert untouched(files)
    assert [path.name for path in (data / "assets" / asset / ".shown").iterdir()] == ["mine.png"]


def test_a_job_that_is_not_recorded_leaves_nothing(start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch):
    running = start()
    asset = running.send(picture())
    data = running.settings.data
    monkeypatch.setattr(running.service.store, "add_jobs", lambda *_: 1 / 0)
    request = {"tool": "upscale", "inputs": [asset], "parameters": {"method": "bicubic"}}
    assert running.client.post("/v1/jobs", json=request).status_code == 500
    assert list((data / "jobs").iterdir()) == list((data / "incoming").iterdir()) == []
