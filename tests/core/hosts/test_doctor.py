"""What ``matshot doctor`` says of plug-ins and their Python; the rest of it is met by the tests of the command line."""

from __future__ import annotations

import json
import sys

import pytest

from matshot import __version__
from matshot.hosts import doctor as diagnosis
from matshot.hosts import install as installing
from matshot_host.location import RECORD


@pytest.fixture
def memory(tmp_path, monkeypatch):
    monkeypatch.setenv("MATSHOT_HOME", str(tmp_path / "memory"))
    (tmp_path / "memory").mkdir()
    return tmp_path / "memory" / RECORD


@pytest.fixture
def plugin(tmp_path):
    """The least that an installed plug-in of Blender has."""
    library = tmp_path / "user_default" / "matshot" / "matshot_host"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text(f'__version__ = "{__version__}"\n')
    return library.parent


def note(memory, plugin, python=sys.executable):
    memory.write_text(json.dumps({"python": python, "installed": {"blender": [str(plugin)]}}))


def findings():
    found = list(diagnosis._plugins())
    assert not any(one.needed for one in found)
    return {one.what: one for one in found}


def script(folder, text):
    """A program that stands for a Python."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


def test_nothing_installed_is_fine(memory):
    assert findings()["plug-ins"].fine


def test_a_damaged_record_is_told(memory):
    memory.write_text("{")
    found = findings()["plug-ins"]
    assert not found.fine
    assert "matshot install" in found.mend


needs_sh = pytest.mark.skipif(sys.platform == "win32", reason="a script of the shell stands for a Python")


@needs_sh
def test_what_is_as_it_should_be(memory, plugin, tmp_path):
    note(memory, plugin, script(tmp_path, f"echo {__version__}"))
    found = findings()
    assert found["worker Python"].fine
    assert found["worker Python"].found.endswith(f"with Matshot {__version__}")
    assert found["Blender plug-in"].fine
    assert found["Blender plug-in"].found == f"{__version__} in {plugin}"


@needs_sh
@pytest.mark.parametrize(
    ("text", "said", "mend"),
    [
        ("echo 0.0.1", "with Matshot 0.0.1", "matshot install blender"),
        ("echo no module >&2; exit 1", "has no Matshot", "-m pip install matshot"),
    ],
)
def test_pythons_that_are_not_right(memory, plugin, tmp_path, text, said, mend):
    note(memory, plugin, script(tmp_path, text))
    found = findings()["worker Python"]
    assert not found.fine
    assert said in found.found
    assert mend in found.mend


@needs_sh
def test_a_python_that_never_answers(memory, plugin, tmp_path, monkeypatch):
    monkeypatch.setattr(diagnosis, "_PATIENCE", 0.2)
    note(memory, plugin, script(tmp_path, "exec sleep 20"))
    assert "does not run" in findings()["worker Python"].found


@pytest.mark.parametrize("python", ["/nowhere/python", "", None])
def test_a_python_that_is_gone(memory, plugin, python):
    note(memory, plugin, python)
    found = findings()["worker Python"]
    assert not found.fine
    assert "does not exist" in found.found


def test_plugins_that_are_gone_or_old(memory, plugin):
    note(memory, plugin)
    (plugin / "matshot_host" / "__init__.py").write_text('__version__ = "0.0.1"\n')
    found = findings()["Blender plug-in"]
    assert not found.fine
    assert found.found == f"0.0.1 in {plugin}, and this is {__version__}"
    assert found.mend == "matshot install blender"
    (plugin / "matshot_host" / "__init__.py").unlink()
    assert "is gone" in findings()["Blender plug-in"].found


def test_what_install_writes_is_what_the_doctor_reads(memory, tmp_path, monkeypatch):
    (tmp_path / "source" / "blender" / "matshot").mkdir(parents=True)
    (tmp_path / "place").mkdir()
    monkeypatch.setattr(installing, "_source", lambda host: tmp_path / "source" / host)
    installing.install("blender", into=tmp_path / "place")
    assert findings()["Blender plug-in"].fine
