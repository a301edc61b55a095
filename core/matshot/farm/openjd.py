"""A batch as an Open Job Description template (2023-09), for render farms that read it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from matshot_host.tools import GPU_DEVICES, tool

from ..errors import MatshotError
from ..files import atomic_write
from .batch import Batch, library_of

#: Units of one task, by default: some minutes of work, which a farm may lose.
CHUNK = 100
#: Seconds that a task has to stop when the farm cancels it.
_NOTICE = 30


def write_template(batch: Batch, path: Path, chunk: int = CHUNK) -> tuple[int, dict[str, str]]:
    """Write a job template whose tasks each run ``matshot batch`` on a slice of the library.

    Args:
        batch: the batch.
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
    units = len(library_of(batch, tool(batch.tool)).units)
    tasks = -(-units // chunk)
    template = _template(batch, tasks, path.absolute().parent)
    atomic_write(path, json.dumps(template, indent=2) + "\n")
    paths = _paths(batch)
    open_ones = [one["name"] for one in template["parameterDefinitions"] if "default" not in one]
    return tasks, {name: os.path.abspath(paths[name]) for name in open_ones}


def _paths(batch: Batch) -> dict[str, Path]:
    """Paths of a batch by the names of a job's parameters."""
    names = ["Library"] + [f"Library{number}" for number in range(2, len(batch.inputs) + 1)]
    paths = dict(zip(names, batch.inputs, strict=True))
    return paths | ({"Look": batch.look} if batch.look is not None else {}) | {"Output": batch.output}


def _template(batch: Batch, tasks: int, folder: Path) -> dict[str, Any]:
    paths = _paths(batch)
    names = [name for name in paths if name.startswith("Library")]
    settings = [word for name, value in batch.parameters.items() for word in ("--set", f"{name}={_written(value)}")]
    arguments = ["-m", "matshot", "batch", *(f"{{{{Param.{name}}}}}" for name in names), "-o", "{{Param.Output}}"]
    arguments += ["--tool", batch.tool, *map(_plain, settings)]
    arguments += ["--look", "{{Param.Look}}"] if batch.look is not None else []
    arguments += ["--memory", batch.memory] if batch.memory else []
    arguments += ["--time", f"{batch.seconds:g}"] if batch.seconds else []
    arguments += ["--workers", "{{Param.Workers}}", "--slice", "{{Task.Param.Slice}}/{{Param.Slices}}", "--farm"]
    definitions: list[dict[str, Any]] = [_path(name, path, folder) for name, path in paths.items()]
    definitions += [
        {"name": "Slices", "type": "INT", "minValue": 1, "default": tasks, "description": "Tasks of the job."},
        {
            "name": "Workers", "type": "INT", "minValue": 1, "default": max(1, batch.workers),
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
    if batch.parameters.get("device") in GPU_DEVICES:
        step["hostRequirements"] = {"amounts": [{"name": "amount.worker.gpu", "min": 1}]}
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "name": f"matshot {batch.tool}",
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
