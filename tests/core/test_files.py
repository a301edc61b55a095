"""Files appear whole or not at all."""

import errno
import os
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from matshot.errors import MatshotError
from matshot.files import (
    atomic_file,
    atomic_write,
    check_folder,
    free_path,
    is_link,
    move_new,
    os_reason,
    partial_path,
    remove,
    staging_folder,
)
from matshot.image.types import Texture
from matshot.image.writer import write_texture


def test_reason_is_the_end_of_a_sentence():
    assert os_reason(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) == "no space left on device"
    assert os_reason(OSError("Something Else")) == "something else"


def test_partial_names_differ_are_hidden_and_keep_a_suffix(tmp_path):
    first, second = (partial_path(tmp_path / ("x" * 250 + ".png"), ".png") for _ in range(2))
    assert first != second
    assert first.parent == tmp_path
    assert first.name.startswith(".")
    assert first.suffix == ".png"
    assert len(first.name) < 100


@pytest.mark.parametrize("contents", ["größer\n", b"\x00\xff"])
def test_a_file_is_replaced_when_the_new_one_is_whole(tmp_path, contents):
    target = tmp_path / "record.json"
    target.write_text("old")
    atomic_write(target, contents)
    assert target.read_bytes() == (contents.encode() if isinstance(contents, str) else contents)
    assert list(tmp_path.iterdir()) == [target]


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "record.json"
    target.write_text("old")

    def half_written():
        with atomic_file(target) as partial:
            partial.write_text("ha")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_written()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_in_the_way_is_an_error_in_words(tmp_path):
    (tmp_path / "record.json").mkdir()
    with pytest.raises(MatshotError, match=r"record\.json could not be written: \w+"):
        atomic_write(tmp_path / "record.json", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


def test_a_staging_folder_leaves_what_was_moved_up(tmp_path):
    folder = tmp_path / "new" / "material"
    with staging_folder(folder) as aside:
        (aside / "map.png").touch()
        (aside / "left.png").touch()
        (aside / "map.png").rename(folder / "map.png")
    assert [path.name for path in folder.iterdir()] == ["map.png"]


def test_a_staging_folder_takes_a_folder_that_stayed_empty_with_it(tmp_path):
    with staging_folder(tmp_path / "new"):
        pass
    assert not (tmp_path / "new").exists()
    with staging_folder(tmp_path):
        pass
    assert tmp_path.exists()


def test_a_staging_folder_goes_when_a_signal_comes_as_it_is_made(tmp_path, monkeypatch):
    made = Path.mkdir

    def interrupted(self, **options):
        made(self, **options)
        raise SystemExit

    monkeypatch.setattr(Path, "mkdir", interrupted)
    with pytest.raises(SystemExit), staging_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_staging_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MatshotError, match="cannot be created: "), staging_folder(tmp_path / "file" / "folder"):
        pass


def linked(path, target):
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("links need rights here")
    return path


def test_removing_a_link_leaves_what_it_points_to(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "map.png").touch()
    remove(linked(tmp_path / "link", tmp_path / "folder"))
    remove(linked(tmp_path / "broken", tmp_path / "nowhere"))
    remove(tmp_path / "not there")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert (tmp_path / "folder" / "map.png").is_file()
    remove(tmp_path / "folder")
    assert list(tmp_path.iterdir()) == []


def test_a_junction_is_a_link(tmp_path, monkeypatch):
    (tmp_path / "junction").mkdir()
    (tmp_path / "junction" / "map.png").touch()
    real = os.lstat

    def as_windows(path, **options):
        found = real(path, **options)
        return mock.Mock(wraps=found, st_mode=found.st_mode, st_reparse_tag=0xA0000003)

    with monkeypatch.context() as patched:
        patched.setattr(os, "lstat", as_windows)
        assert is_link(tmp_path / "junction")
        remove(tmp_path / "junction")
    assert (tmp_path / "junction" / "map.png").is_file()
    assert not is_link(tmp_path / "junction")
    assert not is_link(tmp_path / "nowhere")


def test_a_free_name_is_not_even_that_of_a_broken_link(tmp_path):
    assert free_path(tmp_path / "wall.png") == tmp_path / "wall.png"
    (tmp_path / "wall.png").touch()
    linked(tmp_path / "wall-2.png", tmp_path / "nowhere")
    assert free_path(tmp_path / "wall.png") == tmp_path / "wall-3.png"


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("taken", ["file", "link", "folder"])
def test_moving_replaces_nothing(tmp_path, monkeypatch, taken, links):
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no links")))
    target = tmp_path / "target.png"
    if taken == "link":
        linked(target, tmp_path / "nowhere")
    elif taken == "folder":
        target.mkdir()
    else:
        target.write_text("theirs")
    source = tmp_path / "source.png"
    source.write_text("ours")
    with pytest.raises(FileExistsError):
        move_new(source, target)
    assert source.read_text() == "ours"
    assert target.is_symlink() if taken == "link" else target.is_dir() if taken == "folder" else target.read_text()
    move_new(source, tmp_path / "free.png")
    assert (tmp_path / "free.png").read_text() == "ours"
    assert not source.exists()


@pytest.mark.parametrize("links", [True, False])
def test_a_name_that_is_taken_at_the_last_moment_stays(tmp_path, monkeypatch, links):
    """Two programs find the same free name."""
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no links")))
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    (tmp_path / "source.png").write_text("ours")
    (tmp_path / "target.png").write_text("theirs")
    with pytest.raises(FileExistsError):
        move_new(tmp_path / "source.png", tmp_path / "target.png")
    assert (tmp_path / "target.png").read_text() == "theirs"
    assert (tmp_path / "source.png").read_text() == "ours"


def _gray():
    return Texture(np.full((4, 4, 3), 0.5, np.float32), "srgb")


@pytest.mark.parametrize("written_by", [check_folder, lambda folder: write_texture(_gray(), folder / "gray.png")])
def test_a_folder_that_cannot_be_written_is_refused_in_the_same_words(tmp_path, monkeypatch, written_by):
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    with pytest.raises(MatshotError) as caught:
        written_by(tmp_path)
    assert caught.value.sentence == f"The folder {tmp_path} cannot be written: permission denied."
