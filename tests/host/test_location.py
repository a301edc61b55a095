"""Which Python runs the worker, and where Matshot remembers things."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from matshot_host.errors import MatshotError
from matshot_host.location import RECORD, user_folder, worker_command


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MATSHOT_HOME", str(tmp_path))
    return tmp_path


def noted(home: Path, python: str) -> None:
    (home / RECORD).write_text(json.dumps({"python": python, "version": "0.1.0", "installed": {}}))


@pytest.mark.parametrize(
    ("platform", "environment", "folder"),
    [
        ("linux", {"HOME": "/home/ann"}, "/home/ann/.config/matshot"),
        ("linux", {"HOME": "/home/ann", "XDG_CONFIG_HOME": "/x"}, "/x/matshot"),
        ("darwin", {"HOME": "/Users/ann"}, "/Users/ann/Library/Application Support/Matshot"),
        ("win32", {"APPDATA": "C:/Users/ann/AppData/Roaming"}, "C:/Users/ann/AppData/Roaming/Matshot"),
        ("win32", {"USERPROFILE": "C:/Users/ann"}, "C:/Users/ann/AppData/Roaming/Matshot"),
        ("linux", {"MATSHOT_HOME": "/elsewhere"}, "/elsewhere"),
    ],
)
def test_user_folders_of_three_systems(platform: str, environment: dict[str, str], folder: str) -> None:
    assert user_folder(platform, environment).replace(os.sep, "/") == folder


def test_preferences_come_first(home: Path) -> None:
    noted(home, sys.executable)
    other = home / "python"
    other.write_text("")
    found = worker_command(str(other))
    assert found.arguments == (str(other), "-m", "matshot.worker")
    assert found.origin == "the preferences"


def test_then_what_was_installed(home: Path) -> None:
    noted(home, sys.executable)
    found = worker_command("", str(home), ["/bundled"])
    assert found.arguments[0] == sys.executable
    assert "PYTHONPATH" not in found.environment


def test_then_the_hosts_own_with_what_is_bundled(home: Path) -> None:
    found = worker_command("", sys.executable, ["/bundled", "/more"])
    assert found.environment["PYTHONPATH"] == os.pathsep.join(["/bundled", "/more"])
    assert found.origin == "the plug-in"


def test_a_host_that_moved_its_python_falls_back(home: Path) -> None:
    noted(home, str(home / "gone"))
    assert worker_command("", sys.executable).arguments[0] == sys.executable


@pytest.mark.parametrize(
    ("preferred", "recorded", "said"),
    [
        ("/no/python", "", "The Python of the preferences, /no/python, does not exist."),
        ("", "/no/python", "The Python that 'matshot install' noted, /no/python, is gone"),
        ("", "", "No Python with Matshot is known; run 'pip install matshot'"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(home: Path, preferred: str, recorded: str, said: str) -> None:
    if recorded:
        noted(home, recorded)
    with pytest.raises(MatshotError) as caught:
        worker_command(preferred)
    assert caught.value.sentence.startswith(said)


def test_a_damaged_record_is_said(home: Path) -> None:
    (home / RECORD).write_text("{")
    with pytest.raises(MatshotError, match="cannot be read; run 'matshot install' again"):
        worker_command()


def test_the_hosts_python_settings_do_not_reach_the_worker(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH"):
        monkeypatch.setenv(name, "/opt/host")
    environment = worker_command(sys.executable).environment
    assert not {"PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH"} & set(environment)
    assert environment["PATH"] == os.environ["PATH"]
