"""Threads of NumPy's linear algebra in processes of Matshot's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

_ENTRIES = ("matshot.cli.commands", "matshot.worker")


def _told(code: str, **environment: str) -> object:
    clean = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("entry", _ENTRIES)
def test_it_is_in_time_since_nothing_loads_numpy_before_main(entry: str) -> None:
    assert _told(f"import json, sys, {entry}; print(json.dumps('numpy' in sys.modules))") is False


@pytest.mark.parametrize("entry", _ENTRIES)
def test_main_asks_for_it(entry: str) -> None:
    # What main calls first is heard, and nothing after it happens.
    code = (
        f"import json, os, sys\nfrom unittest import mock\nimport {entry} as entry\n"
        "def heard():\n    sys.stdout.write(json.dumps('called')); sys.stdout.flush(); os._exit(0)\n"
        "with mock.patch.object(entry, 'on_one_thread', heard):\n    entry.main()\n"
    )
    assert _told(code) == "called"


def test_what_the_user_says_is_kept() -> None:
    code = (
        "import json, os\nfrom matshot.linear_algebra import on_one_thread\n"
        "on_one_thread(); print(json.dumps(os.environ['OPENBLAS_NUM_THREADS']))"
    )
    assert _told(code) == "1"
    assert _told(code, OPENBLAS_NUM_THREADS="3") == "3"
