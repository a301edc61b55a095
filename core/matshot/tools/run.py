"""A tool run by its name, on files, into a folder: what the worker and other machines' faces need.

A run writes into a folder of its own. Only when it is whole are its outputs moved to where they are wanted, under
names that are free there, so that nothing is overwritten and nothing half-done is left, whatever ends the run.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from matshot_host.tools import Tool

from ..errors import MatshotError
from ..progress import Listener, Progress
from .job import OnPreview, ToolRequest, ToolResult
from .registry import entry

#: Fraction of the work that is done when outputs are moved.
_MOVING = 0.98


def run(request: ToolRequest, *, progress: Listener | None = None, on_preview: OnPreview | None = None) -> ToolResult:
    """Run a tool.

    Args:
        request: what to do.
        progress: called with ``(fraction, stage)``; may raise ``Cancelled``.
        on_preview: called with the paths of pictures of unfinished work.

    Raises:
        MatshotError: for what the tool refuses, and when outputs cannot be written.
        Cancelled: when ``progress`` raises it.
    """
    tool = entry(request.tool)
    parameters = tool.table.check(request.parameters)
    _check_inputs(tool.table, request.paths)
    from ..files import check_folder
    from .store import make_folder, moved_outputs, written_outputs

    whole = Progress(progress)
    folder = request.folder / "results"
    if os.path.lexists(folder):
        raise MatshotError(f"{folder} exists already; give each run a folder of its own.")
    make_folder(folder)
    if request.output is not None:
        check_folder(request.output)
    part = whole.part(0.0, _MOVING)
    if tool.table.works_on_files:
        result = tool.file_tool().run(request, parameters, folder, part)
    else:
        result = ToolResult(tuple(written_outputs(tool, request, parameters, folder, part, on_preview)))
    if request.output is not None:
        whole(_MOVING, "moving outputs")
        result = replace(result, outputs=tuple(moved_outputs(result.outputs, request.output)))
    whole(1.0)
    return result


def _check_inputs(table: Tool, paths: list[Path]) -> None:
    several = any(one.several for one in table.inputs)
    if not paths or (not several and len(paths) != len(table.inputs)):
        needed = ", ".join(one.title.lower() for one in table.inputs)
        raise MatshotError(f"{table.title} needs {needed}, not {len(paths)} files.")
    for path in paths:
        if not str(path).strip(".") or ("<UDIM>" not in path.name and not path.exists()):
            raise MatshotError(f"{path} does not exist.")
