"""A service deletes nothing that it did not make."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import stat
from pathlib import Path
from unittest import mock

import pytest
from service_double import ThreadEngine, picture

from matshot.errors import MatshotError
from matshot.service.data_folder import MARKER, DataFolder
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
    assert f"what the database does not know: assets/{kept[0]}." in caplog.text


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
    data.remove_asset(SHA256)
    data.remove_job(UUID)
    assert (precious / "wall.png").read_bytes() == b"precious"


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
