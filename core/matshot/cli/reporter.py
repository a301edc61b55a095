"""Progress and results of a command, for a terminal or for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from matshot_host.tools import Tool

from ..errors import MatshotError
from ..files import replaced_note
from ..material.types import Material
from ..super_resolution import UpscaleResult
from ..super_resolution.files import UpscaledFile
from .option_words import in_options

#: Seconds between progress lines for programs.
_PACE = 0.2


class Reporter:
    """Shows progress, results and the summary of a command.

    Args:
        as_json: one JSON object per line on standard output: ``progress``, ``done``, ``failed``, ``summary``.
        quiet: print errors only.
        tool: whose parameters notes may name; None for none.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False, tool: Tool | None = None) -> None:
        self._json, self._quiet, self._tool = as_json, quiet, tool
        self._console = Console(stderr=True, soft_wrap=True)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=as_json or quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=1.0)
        self._last_progress = 0.0

    def __enter__(self) -> Reporter:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def progress(self, fraction: float, stage: str) -> None:
        """Show how far the work is."""
        self._bar.update(self._task, completed=fraction, description=escape(stage))
        now = time.monotonic()
        if self._json and now - self._last_progress > _PACE:
            self._last_progress = now
            self._emit("progress", fraction=round(fraction, 4), stage=stage)

    def report(self, what: UpscaledFile | tuple[Path, MatshotError]) -> None:
        """Show one file's result or failure."""
        if isinstance(what, UpscaledFile):
            if self._json:
                shown = {k: str(v) if isinstance(v, Path) else v for k, v in vars(what).items()}
                self._emit("done", **{**shown, "notes": self._in_options(what.notes)})
            elif not self._quiet:
                self._print_written(what.target, what.width, what.height, what.wrap, what.seconds)
                self._print_notes(self._in_options(what.notes))
            return
        path, error = what
        (sentence,) = self._in_options([error.sentence])
        if self._json:
            self._emit("failed", source=str(path), error=sentence)
        else:
            self._console.print(f"[red]Error:[/] {escape(sentence)}", highlight=False)

    def pictured(self, path: Path) -> None:
        """Show where a picture of unfinished work is."""
        if self._json:
            self._emit("preview", path=str(path))

    def delivered(self, material: Material, target: Path, seconds: float, *, replaced: bool = False) -> None:
        """Show a material or an image that was written, and whether it replaced a file."""
        notes = self._in_options(material.parameters.get("notes", []))
        if replaced:
            notes.append(replaced_note(target.name))
        if self._json:
            self._emit(
                "done", target=str(target), width=material.width, height=material.height, wrap=material.wrap,
                maps=sorted(material.maps), notes=notes, seconds=round(seconds, 2),
                parameters=dict(material.parameters),
            )  # fmt: skip
        elif not self._quiet:
            self._print_written(target, material.width, material.height, material.wrap, seconds)
            self._print_notes(notes)

    def summary(self, result: UpscaleResult) -> None:
        """Show how many files were written."""
        done, failed = len(result.done), len(result.failed)
        if self._json:
            named = {"left_out": list(result.left_out)} if result.left_out else {}
            self._emit("summary", done=done, failed=failed, **named)
        elif not self._quiet:
            self._print_notes(result.left_out)
            if done + failed > 1:
                self._console.print(f"{done} done, {failed} failed.", highlight=False)

    def _print_written(self, path: object, width: int, height: int, wrap: str, seconds: float) -> None:
        tiles = {"none": "", "x": ", tiles on x", "y": ", tiles on y", "xy": ", tiles on x and y"}[wrap]
        line = f"[green]Wrote[/] {escape(str(path))} ({width} x {height}{tiles}) in {seconds:.1f} s"
        self._console.print(line, highlight=False)

    def _in_options(self, sentences: Iterable[str]) -> list[str]:
        """Sentences that name parameters as options."""
        return [in_options(one, self._tool) if self._tool else one for one in sentences]

    def _print_notes(self, notes: Iterable[str]) -> None:
        for note in notes:
            self._console.print(f"  {escape(note)}", highlight=False)

    def _emit(self, event: str, **values: Any) -> None:
        print(json.dumps({"event": event, **values}), flush=True)
