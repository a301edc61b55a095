"""A batch on a terminal, and to a machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from ..farm.batch import Outcome
from .reporter import Reporter


class BatchReporter(Reporter):
    """Shows a batch.

    Args:
        as_json: one JSON object a line on standard output: ``cluster``, ``progress``, ``done``, ``skipped``,
            ``again``, ``failed``, ``summary``.
        quiet: nothing but errors.
        openjd: tell an Open Job Description session how far it is, in its own words.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False, openjd: bool = False) -> None:
        super().__init__(as_json=as_json, quiet=quiet)
        self._openjd = openjd
        self._told = 0.0

    def __enter__(self) -> BatchReporter:
        super().__enter__()
        return self

    def progress(self, fraction: float, stage: str) -> None:
        """Show how far the batch is."""
        super().progress(fraction, stage)
        now = time.monotonic()
        if self._openjd and (now - self._told > 1.0 or fraction >= 1.0):
            self._told = now
            print(f"openjd_progress: {100 * fraction:.1f}", flush=True)

    def cluster(self, dashboard: str, workers: int) -> None:
        """Say where the workers can be looked at."""
        if self._json:
            self._emit("cluster", dashboard=dashboard, workers=workers)
        elif not self._quiet and dashboard:
            self._console.print(f"{workers} workers, to be seen at {dashboard}", highlight=False)

    def unit(self, state: str, key: str, told: Mapping[str, Any]) -> None:
        """Show what became of one unit."""
        if self._json:
            self._emit(state, unit=key, **told)
        elif state == "done" and not self._quiet:
            notes = f"  ({'; '.join(told['notes'])})" if told["notes"] else ""
            self._console.print(
                f"[green]done[/] {escape(key)}  {told['width']} x {told['height']}, wrap {told['wrap']}, "
                f"{told['seconds']:.1f} s{escape(notes)}",
                highlight=False,
            )
        elif state == "failed":
            self._console.print(f"[red]Error:[/] {escape(key)}: {escape(told['error'])}", highlight=False)
        elif state == "again" and not self._quiet:
            self._console.print(f"[yellow]again[/] {escape(key)}: {escape(told['error'])}", highlight=False)

    def conclude(self, outcome: Outcome) -> None:
        """Close the batch."""
        counts = {"done": len(outcome.done), "skipped": len(outcome.skipped), "failed": len(outcome.failed)}
        if self._openjd and outcome.failed:
            print(f"openjd_fail: {counts['failed']} of {sum(counts.values())} failed", flush=True)
        if self._json:
            places = {"summary": str(outcome.summary), "sheets": [str(one) for one in outcome.sheets]}
            self._emit("summary", **counts, left_out=len(outcome.left_out), **places)
        elif not self._quiet:
            left = f" {len(outcome.left_out)} files were left out." if outcome.left_out else ""
            seen = " and ".join(escape(str(one)) for one in [outcome.summary, *outcome.sheets[:1]])
            self._console.print(
                f"{counts['done']} done, {counts['skipped']} done before, {counts['failed']} failed.{left} See {seen}.",
                highlight=False,
            )
