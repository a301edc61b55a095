"""Progress and results of a batch, for a terminal or for programs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from matshot_host.tools import Tool

from ..farm.batch import BatchResult
from .reporter import Reporter


class BatchReporter(Reporter):
    """Shows progress, results and the summary of a batch.

    Args:
        as_json: one JSON object per line on standard output: ``cluster``, ``progress``, ``done``, ``skipped``,
            ``again``, ``failed``, ``summary``.
        quiet: print errors only.
        openjd: report progress to an Open Job Description session.
        tool: that runs; None for any.
    """

    def __init__(
        self, *, as_json: bool = False, quiet: bool = False, openjd: bool = False, tool: Tool | None = None
    ) -> None:
        super().__init__(as_json=as_json, quiet=quiet, tool=tool)
        self._openjd = openjd
        self._last_openjd = 0.0

    def __enter__(self) -> BatchReporter:
        super().__enter__()
        return self

    def progress(self, fraction: float, stage: str) -> None:
        """Show how far the batch is."""
        super().progress(fraction, stage)
        now = time.monotonic()
        if self._openjd and (now - self._last_openjd > 1.0 or fraction >= 1.0):
            self._last_openjd = now
            print(f"openjd_progress: {100 * fraction:.1f}", flush=True)

    def cluster(self, dashboard: str, workers: int) -> None:
        """Show how many workers run, and where their dashboard is."""
        if self._json:
            self._emit("cluster", dashboard=dashboard, workers=workers)
        elif not self._quiet and dashboard:
            count = "1 worker" if workers == 1 else f"{workers} workers"
            self._console.print(f"{count}. Dashboard: {dashboard}", highlight=False)

    def unit(self, state: str, key: str, facts: Mapping[str, Any]) -> None:
        """Show that a unit is done, failed, or is tried again."""
        said: dict[str, Any] = {}
        if "notes" in facts:
            said["notes"] = self._in_options(facts["notes"])
        if "error" in facts:
            said["error"] = self._in_options([facts["error"]])[0]
        facts = {**facts, **said}
        if self._json:
            self._emit(state, unit=key, **facts)
        elif state == "done" and not self._quiet:
            # A material or a set is many files, and known by its place in the library.
            name = facts["targets"][0] if len(facts["targets"]) == 1 else key
            self._print_written(name, facts["width"], facts["height"], facts["wrap"], facts["seconds"])
            self._print_notes(facts["notes"])
        elif state == "failed":
            self._console.print(f"[red]Error:[/] {escape(key)}: {escape(facts['error'])}", highlight=False)
        elif state == "again" and not self._quiet:
            self._console.print(f"[yellow]Retrying[/] {escape(key)}: {escape(facts['error'])}", highlight=False)

    def conclude(self, result: BatchResult) -> None:
        """Close the batch."""
        counts = {"done": len(result.done), "skipped": len(result.skipped), "failed": len(result.failed)}
        if self._openjd and result.failed:
            print(f"openjd_fail: {counts['failed']} of {sum(counts.values())} failed", flush=True)
        if self._json:
            places = {"summary": str(result.summary), "sheets": [str(one) for one in result.sheets]}
            for sentence in result.left_out:
                self._emit("left_out", reason=sentence)
            self._emit("summary", **counts, left_out=len(result.left_out), **places)
        elif not self._quiet:
            self._print_notes(result.left_out)
            left = f" {len(result.left_out)} files skipped." if result.left_out else ""
            seen = " and ".join(escape(str(one)) for one in [result.summary, *result.sheets[:1]])
            self._console.print(
                f"{counts['done']} done, {counts['skipped']} done before, {counts['failed']} failed.{left} See {seen}.",
                highlight=False,
            )
