"""A batch as an Open Job Description template (2023-09), for render farms that read it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ..errors import MatshotError
from ..tools.run import tool_of
from .batch import Batch, library_of
from .manifest import write_whole

#: Units of one task, unless told otherwise: some minutes of work, which a farm may lose.
CHUNK = 100
#: Seconds that a task has to stop when the farm cancels it.
_NOTICE = 30


def write_template(asked: Batch, path: Path, chunk: int = CHUNK) -> tuple[int, dict[str, str]]:
    """Write a job template whose tasks each run ``matshot batch`` on a slice of the library.

    Args:
        asked: the batch.
        path: of the template.
        chunk: units of one task, at most.

    Returns:
        How many tasks it has, and the paths that a job has to be given by name: templates hold none but those below
        their own folder.

    Raises:
        MatshotError: for parameters and inputs that the tool does not take, and when it cannot be written.
    """
    if chunk < 1:
        raise MatshotError(f"A task has at least one unit, not {chunk}.")
    units = len(library_of(asked, tool_of(asked.tool)).units)
    tasks = -(-units // chunk)
    template = _template(asked, tasks, path.absolute().parent)
    write_whole(path, json.dumps(template, indent=2).encode() + b"\n")
    paths = _paths(asked)
    open_ones = [one["name"] for one in template["parameterDefinitions"] if "default" not in one]
    return tasks, {name: os.path.abspath(paths[name]) for name in open_ones}


def _paths(asked: Batch) -> dict[str, Path]:
    """Paths of a batch by the names of a job's parameters."""
    names = ["Library"] + [f"Library{number}" for number in range(2, len(asked.inputs) + 1)]
    paths = dict(zip(names, asked.inputs, strict=True))
    return paths | ({"Look": asked.look} if asked.look is not None else {}) | {"Output": asked.output}


def _template(asked: Batch, tasks: int, folder: Path) -> dict[str, Any]:
    paths = _paths(asked)
    names = [name for name in paths if name.startswith("Library")]
    settings = [word for name, value in asked.parameters.items() for word in ("--set", f"{name}={_written(value)}")]
    arguments = ["-m", "matshot", "batch", *(f"{{{{Param.{name}}}}}" for name in names), "-o", "{{Param.Output}}"]
    arguments += ["--tool", asked.tool, *map(_plain, settings)]
    arguments += ["--look", "{{Param.Look}}"] if asked.look is not None else []
    arguments += ["--memory", asked.memory] if asked.memory else []
    arguments += ["--time", f"{asked.seconds:g}"] if asked.seconds else []
    arguments += ["--workers", "{{Param.Workers}}", "--slice", "{{Task.Param.Slice}}/{{Param.Slices}}", "--farm"]
    definitions: list[dict[str, Any]] = [_path(name, path, folder) for name, path in paths.items()]
    definitions += [
        {"name": "Slices", "type": "INT", "minValue": 1, "default": tasks, "description": "Tasks of the job."},
        {
            "name": "Workers", "type": "INT", "minValue": 1, "default": max(1, asked.workers),
            "description": "Processes of a task.",
        },
        {
            "name": "Python", "type": "STRING", "default": Path(sys.executable).name,
            "description": "Python with matshot[farm], as the farm's machines call it.",
        },
    ]  # fmt: skip
    step: dict[str, Any] = {
        "name": "Batch",
        "parameterSpace": {
            "taskParameterDefinitions": [{"name": "Slice", "type": "INT", "range": "1-{{Param.Slices}}"}]
        },
        "script": {
            "actions": {
                "onRun": {
                    "command": "{{Param.Python}}",
                    "args": arguments,
                    "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": _NOTICE},
                }
            }
        },
    }
    if asked.parameters.get("device") == "cuda":
        step["hostRequirements"] = {"amounts": [{"name": "amount.worker.gpu", "min": 1}]}
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "name": f"matshot {asked.tool}",
        "parameterDefinitions": definitions,
        "steps": [step],
    }


def _path(name: str, path: Path, folder: Path) -> dict[str, Any]:
    made = {
        "name": name, "type": "PATH", "objectType": "FILE" if path.is_file() else "DIRECTORY",
        "dataFlow": "OUT" if name == "Output" else "IN",
    }  # fmt: skip
    place = Path(os.path.abspath(path))
    return made | ({"default": _plain(str(place.relative_to(folder)))} if place.is_relative_to(folder) else {})


def _written(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _plain(text: str) -> str:
    """A text that a template takes as it is.

    Raises:
        MatshotError: when it cannot.
    """
    if "{{" in text:
        raise MatshotError(f"{text!r} cannot stand in a job template, where braces mean something else.")
    return text
