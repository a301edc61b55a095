"""Every tool: its entry in the tool table, and the function that does its work.

A tool is a module with one function and an entry here. The function is named, not imported, so that the registry costs
nothing until a tool runs. It comes in two forms:

- ``function(inputs, parameters) -> ToolWork`` for a tool that works on materials in memory: it reads the paths and
  returns work that yields materials. How these are stored, named, previewed and moved is the same for all;
- an object with the methods of :class:`FileTool` for a tool that reads and writes files itself, because they may be
  larger than memory.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from matshot_host.tools import ADJUST, CONVERT, MULTIPLY, ONESHOT, PREVIEW, STYLE, TILE, TWOSHOT, UPSCALE, Tool

from ..errors import unknown_choice

if TYPE_CHECKING:
    from ..progress import Progress
    from .job import ToolRequest, ToolResult, ToolWork
    from .store import Reporter

#: Pixels of one map that a job makes, from its parameters, the pixels of its inputs, and those of the images that
#: parameters name.
PixelCount = Callable[[Mapping[str, Any], Sequence[int], Mapping[str, int]], int]


class FileTool(Protocol):
    """A tool that reads and writes files itself."""

    def run(self, request: ToolRequest, parameters: Mapping[str, Any], folder: Path, progress: Progress) -> ToolResult:
        """Write the outputs of a request into a folder."""

    def deliver(self, inputs: Sequence[str], output: Path, parameters: Mapping[str, Any], reporter: Reporter) -> bool:
        """Write the outputs of a command line; whether all of them could be written."""


def largest_input(parameters: Mapping[str, Any], inputs: Sequence[int], files: Mapping[str, int]) -> int:
    """As many pixels as the largest input has."""
    return max(inputs, default=0)


def _upscaled(parameters: Mapping[str, Any], inputs: Sequence[int], files: Mapping[str, int]) -> int:
    return sum(inputs) * int(parameters["scale"]) ** 2


def _multiplied(parameters: Mapping[str, Any], inputs: Sequence[int], files: Mapping[str, int]) -> int:
    if files.get("target_mask"):
        return inputs[0] * int(parameters["count"])
    if files.get("target_guide") and not parameters["size"]:
        return files["target_guide"] * int(parameters["count"])
    sides = [int(side) for side in re.findall("[0-9]+", parameters["size"])]
    return (sides[0] * sides[-1] if sides else 4 * inputs[0]) * int(parameters["count"])


def _previewed(parameters: Mapping[str, Any], inputs: Sequence[int], files: Mapping[str, int]) -> int:
    # A sheet is about four pictures wide and high.
    return (int(parameters["size"]) * 4) ** 2 * max(1, len(inputs))


@dataclass(frozen=True)
class ToolEntry:
    """A tool.

    Attributes:
        table: its entry in the tool table.
        function: ``module:name`` of what does its work.
        pixels: how many pixels it makes, by which a service refuses what is too large.
        octaves: whether it shows unfinished work, see :class:`~matshot.tools.unfinished.UnfinishedPictures`.
        in_place: whether a command without an output changes its input.
    """

    table: Tool
    function: str
    pixels: PixelCount = largest_input
    octaves: bool = False
    in_place: bool = False

    def work(self, inputs: Sequence[Path], parameters: Mapping[str, Any]) -> ToolWork:
        """The work of a tool in memory, its inputs read.

        Args:
            inputs: paths in the order of the table.
            parameters: checked by the table.

        Raises:
            MatshotError: for inputs that cannot be read, and values that do not go together.
        """
        return cast("ToolWork", self._loaded()(inputs, parameters))

    def file_tool(self) -> FileTool:
        """What reads and writes the files of a tool that ``table.works_on_files``."""
        return cast("FileTool", self._loaded())

    def _loaded(self) -> Any:
        module, _, name = self.function.partition(":")
        return getattr(importlib.import_module(module), name)


ENTRIES: tuple[ToolEntry, ...] = (
    ToolEntry(UPSCALE, "matshot.tools.upscale:UPSCALE_FILES", _upscaled),
    ToolEntry(ONESHOT, "matshot.tools.capture:oneshot_work"),
    ToolEntry(TWOSHOT, "matshot.tools.capture:twoshot_work"),
    ToolEntry(ADJUST, "matshot.tools.adjust:adjust_work", in_place=True),
    ToolEntry(MULTIPLY, "matshot.tools.synthesis:multiply_work", _multiplied, octaves=True),
    ToolEntry(TILE, "matshot.tools.synthesis:tile_work"),
    ToolEntry(STYLE, "matshot.tools.synthesis:style_work", octaves=True),
    ToolEntry(CONVERT, "matshot.tools.convert:convert_work"),
    ToolEntry(PREVIEW, "matshot.tools.preview:preview_work", _previewed),
)


def entry(name: str) -> ToolEntry:
    """The tool of that name.

    Raises:
        MatshotError: for an unknown name.
    """
    for candidate in ENTRIES:
        if candidate.table.name == name:
            return candidate
    raise unknown_choice("tool", name, [one.table.name for one in ENTRIES])
