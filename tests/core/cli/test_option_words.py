"""Sentences in the words of a command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from matshot.cli.batch_reporter import BatchReporter
from matshot.cli.option_words import in_options
from matshot.cli.reporter import Reporter
from matshot.image.types import Texture
from matshot.material.types import Material
from matshot_host.errors import MatshotError, quoted
from matshot_host.tools import CONVERT, MULTIPLY, ONESHOT, TILE

_FLASH = "EXIF says that wall.jpg was taken without flash. Take it with flash, or set Light to even."


def test_labels_become_options() -> None:
    assert in_options(_FLASH, ONESHOT).endswith("or set --light even.")
    refused = "Only a flash photograph becomes a tile. Set Area to photograph and Seamless to xy, or Light to flash."
    assert in_options(refused, ONESHOT).endswith("Set --area photograph and --seamless xy, or --light flash.")
    assert in_options("Turn off Refine, or set Light to flash.", ONESHOT) == (
        "Leave out --refine, or set --light flash."
    )
    assert in_options("It is assumed. Set Field of View if you know it.", ONESHOT).endswith("Set --fov if you know it.")
    assert in_options(_FLASH, CONVERT) == _FLASH
    assert in_options("Target Mask: a.png does not exist.", MULTIPLY) == "--target-mask: a.png does not exist."
    assert in_options("Protect must be an image, but a is a folder.", TILE).startswith("--protect must be an image")


def test_notes_and_errors_name_options(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    gray = Texture(np.zeros((4, 4, 1), np.float32), "data")
    Reporter(as_json=True, tool=ONESHOT).delivered(
        Material({"roughness": gray}, parameters={"notes": [_FLASH]}), tmp_path, 0.0
    )
    assert "--light even" in json.loads(capsys.readouterr().out)["notes"][0]
    Reporter(tool=ONESHOT).report((tmp_path, MatshotError(_FLASH)))
    assert "--light even" in capsys.readouterr().err
    BatchReporter(tool=ONESHOT).unit("failed", "wall.jpg", {"error": _FLASH})
    assert "--light even" in capsys.readouterr().err


def test_an_option_is_named_as_it_is_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from matshot.cli.commands import main

    monkeypatch.setattr("sys.argv", ["matshot", "convert", "wall", "-o", "out", "--source-normal", "up"])
    with pytest.raises(SystemExit):
        main()
    assert "--source-normal 'up'" in capsys.readouterr().err
    assert quoted(3.0) == "3"
    assert quoted(0.5) == "0.5"
