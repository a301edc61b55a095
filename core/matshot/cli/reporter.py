"""What a batch looks like on a terminal, and to a machine."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from ..errors import MatshotError
from ..material.types import Material
from ..upscale import Outcome
from ..upscale.files import Upscaled

#: Seconds between progress lines for machines.
_PACE = 0.2


class Reporter:
    """Shows progress, results and the summary of a batch.

    Args:
        as_json: one JSON object a line on standard output: ``progress``, ``done``, ``failed``, ``summary``.
        quiet: nothing but errors.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self._json, self._quiet = as_json, quiet
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
        self._said = 0.0

    def __enter__(self) -> Reporter:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def progress(self, fraction: float, stage: str) -> None:
        """Show how far the batch is."""
        self._bar.update(self._task, completed=fraction, description=escape(stage))
        now = time.monotonic()
        if self._json and now - self._said > _PACE:
            self._said = now
            self._emit("progress", fraction=round(fraction, 4), stage=stage)

    def report(self, what: Upscaled | tuple[Path, MatshotError]) -> None:
        """Show one file's result or failure."""
        if isinstance(what, Upscaled):
            if self._json:
                shown = {k: str(v) if isinstance(v, Path) else v for k, v in vars(what).items()}
                self._emit("done", **shown)
            elif not self._quiet:
                notes = f"  ({'; '.join(what.notes)})" if what.notes else ""
                self._console.print(
                    f"[green]done[/] {escape(str(what.target))}  {what.width} x {what.height}, wrap {what.wrap}, "
                    f"{what.seconds:.1f} s{escape(notes)}",
                    highlight=False,
                )
            return
        path, error = what
        if self._json:
            self._emit("failed", source=str(path), error=error.sentence)
        else:
            self._console.print(f"[red]Error:[/] {escape(error.sentence)}", highlight=False)

    def pictured(self, path: Path) -> None:
        """Say where a picture is of what is not done yet."""
        if self._json:
            self._emit("preview", path=str(path))

    def delivered(self, material: Material, target: Path, seconds: float) -> None:
        """Show a material or an image that was made."""
        notes = material.parameters.get("notes", [])
        if self._json:
            self._emit(
                "done", target=str(target), width=material.width, height=material.height, wrap=material.wrap,
                maps=sorted(material.maps), notes=notes, seconds=round(seconds, 2),
                parameters=dict(material.parameters),
            )  # fmt: skip
        elif not self._quiet:
            self._console.print(
                f"[green]done[/] {escape(str(target))}  {material.width} x {material.height}, wrap {material.wrap}, "
                f"{', '.join(material.maps)}, {seconds:.1f} s",
                highlight=False,
            )
            for note in notes:
                self._console.print(f"  {escape(note)}", highlight=False)

    def summary(self, outcome: Outcome) -> None:
        """Close the batch."""
        done, failed = len(outcome.done), len(outcome.failed)
        if self._json:
            self._emit("summary", done=done, failed=failed)
        elif not self._quiet and done + failed > 1:
            self._console.print(f"{done} done, {failed} failed.", highlight=False)

    def _emit(self, event: str, **values: Any) -> None:
        print(json.dumps({"event": event, **values}), flush=True)
