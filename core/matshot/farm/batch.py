"""Whole libraries through one tool: mirrored, resumable, and not stopped by one bad file."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from matshot_host.tools import Tool, tool

from .. import __version__
from ..errors import Cancelled, MatshotError
from ..files import atomic_write, check_folder
from ..tools.job import ToolRequest
from .contact_sheet import Shown, Thumbnails, write_sheets
from .engine import Engine, RunEvent
from .manifest import MEMORY, SUMMARY, Manifest, Stamp, digest, same_contents, stamp, stamped
from .placement import bring, check_places, placed, remove_stale, stage, still_there
from .reading import Examination, Readers
from .units import Library, Unit, listed, slice_of

#: Units whose inputs are read ahead of the work.
_AHEAD = 32
#: Seconds between looks at the workers.
_PACE = 0.2
#: Free bytes below which a failure is taken for that of a full disk.
_FULL = 4 << 20
#: Parameters that do not change results.
_INDIFFERENT = ("memory", "threads")


@dataclass(frozen=True)
class Batch:
    """A library and the tool that all of it goes through.

    Attributes:
        inputs: folders, images, ``name.<UDIM>.exr``.
        output: folder.
        tool: name of the tool.
        parameters: of it; what is left out has its default.
        look: second input of every unit, for ``style``.
        part: (k, n) for the k-th of n slices of the library.
        scheduler: as :class:`~matshot.farm.engine.Engine` takes it.
        workers: likewise.
        memory: likewise.
        seconds: likewise.
        rehash: whether to read inputs whose time stamps say that they are unchanged.
        dashboard: as :class:`~matshot.farm.engine.Engine` takes it.
    """

    inputs: Sequence[Path]
    output: Path
    tool: str = "upscale"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    look: Path | None = None
    part: tuple[int, int] = (1, 1)
    scheduler: str = ""
    workers: int = 0
    memory: str = ""
    seconds: float = 0.0
    rehash: bool = False
    dashboard: bool = False


@dataclass
class BatchResult:
    """What became of a batch.

    Attributes:
        done: units.
        skipped: units that were done before.
        failed: sentences by unit.
        left_out: sentences about files that the tool does not take.
        seconds: that it took.
        sheets: contact sheets.
        summary: file that says all this.
    """

    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    seconds: float = 0.0
    sheets: list[Path] = field(default_factory=list)
    summary: Path = Path()


class Listener(Protocol):
    """Whoever wants to know how a batch goes."""

    def progress(self, fraction: float, stage: str) -> None:
        """RunEvent of the batch as a whole."""

    def cluster(self, dashboard: str, workers: int) -> None:
        """RunEvent when there are workers."""

    def unit(self, state: str, key: str, facts: Mapping[str, Any]) -> None:
        """RunEvent of each unit: ``done``, ``skipped``, ``failed`` or ``again``."""


def run_batch(batch: Batch, listener: Listener) -> BatchResult:
    """Do all that is not done yet.

    Raises:
        MatshotError: when nothing can be done at all, or the disk is full.
        Cancelled: on Ctrl-C and SIGTERM; finished results stay, and rerunning resumes.
    """
    table = tool(batch.tool)
    check_folder(batch.output)
    library = library_of(batch, table)
    with Manifest(batch.output, _part_name(batch, "all")) as manifest, _stoppable():
        try:
            return _Work(batch, table, library, manifest, listener).run()
        except KeyboardInterrupt as interrupt:
            raise Cancelled from interrupt


def target_of(places: Sequence[Path]) -> Sequence[Path]:
    """Places of a command line whose last is where the results go, as :program:`cp` has it.

    Raises:
        MatshotError: when there is only one, or the last may be a library itself.
    """
    last = places[-1]
    if len(places) == 1:
        raise MatshotError(f"Say where the results go: matshot batch {last} OUT")
    empty = not last.exists() or (last.is_dir() and not any(last.iterdir()))
    if empty or (last / MEMORY).is_dir():
        return places
    raise MatshotError(f"{last} holds something else already; if the results are to go there, say so with -o {last}.")


def library_of(batch: Batch, table: Tool) -> Library:
    """The units of a batch's slice.

    Raises:
        MatshotError: for parameters and inputs that the tool does not take.
    """
    table.check(batch.parameters)
    if table.look is not None and batch.look is None:
        raise MatshotError(f"{table.title} needs --look: an image or material folder whose look is applied.")
    if table.look is None and batch.look is not None:
        raise MatshotError(f"{table.title} does not take --look.")
    library = listed(
        batch.inputs, batch.output, table, look=batch.look, form=str(batch.parameters.get("format", "same")),
        kind=str(batch.parameters.get("kind", "auto")),
    )  # fmt: skip
    library.units = slice_of(library.units, batch.part)
    return library


def _part_name(batch: Batch, whole: str) -> str:
    number, count = batch.part
    return f"{number}-of-{count}" if count > 1 else whole


def work_digest(batch: Batch, table: Tool) -> str:
    """Hash of all that a result depends on but its inputs: tool, parameters, Matshot, models."""
    parameters = table.defaults | dict(batch.parameters)
    models: dict[str, str] = {}
    if table.has("device"):
        from ..inference.cards import installed_models

        models = {card.name: card.sha256 for card in installed_models()}
    kept = {name: value for name, value in parameters.items() if name not in _INDIFFERENT}
    return digest({"tool": table.name, "parameters": kept, "matshot": __version__, "models": models})


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM, which a render farm sends, do what Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass
class _Doing:
    """A unit that an engine has."""

    unit: Unit
    number: int
    folder: Path
    inputs: dict[str, Stamp]
    began: float
    fraction: float = 0.0


class _Work:
    """One batch at work; everything but the reading of inputs is done by the thread that calls :meth:`run`."""

    def __init__(self, batch: Batch, table: Tool, library: Library, manifest: Manifest, listener: Listener) -> None:
        self._batch, self._table, self._library = batch, table, library
        self._manifest, self._listener = manifest, listener
        self._work = work_digest(batch, table)
        self._folder = manifest.work
        self._thumbnails = Thumbnails(manifest.folder / "thumbnails", len(library.units))
        self._owners = {name: key for key, one in manifest.entries.items() for name in one.get("outputs", ())}
        self._result = BatchResult(left_out=library.left_out)
        self._inbox: queue.Queue[tuple[str, RunEvent]] = queue.Queue()
        self._doing: dict[str, _Doing] = {}
        self._engine: Engine | None = None
        self._looked, self._room = 0.0, 1

    def run(self) -> BatchResult:
        began = time.monotonic()
        # What a process left that was killed.
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            with ExitStack() as stack:
                self._all(stack)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._result.seconds = time.monotonic() - began
        self._conclude()
        return self._result

    def _all(self, stack: ExitStack) -> None:
        units = iter(enumerate(self._library.units))
        ahead: list[Examination] = []
        readers = Readers(self._examined)
        stack.callback(readers.close)
        while True:
            while len(ahead) < _AHEAD and (following := next(units, None)) is not None:
                ahead.append(readers.examine(*following))
            if not ahead and not self._doing:
                return
            moved = False
            for one in [one for one in ahead if one.ended() or readers.gave_up(one)]:
                if len(self._doing) >= self._window():
                    break
                ahead.remove(one)
                self._begin(one, stack)
                moved = True
            # Where nothing else can be done, there is time to wait.
            wait = 0.0 if moved else 0.02 if ahead and not ahead[0].ended() else _PACE
            with suppress(queue.Empty):
                self._take(*self._inbox.get(timeout=wait) if wait else self._inbox.get_nowait())

    def _window(self) -> int:
        """Units that the engine has at once: enough that no worker waits for this process."""
        if self._engine is not None and time.monotonic() - self._looked > _PACE:
            self._looked = time.monotonic()
            self._room = 2 * len(self._engine.workers) + 2
        return self._room if self._engine is not None else 1

    def _examined(self, unit: Unit) -> dict[str, Stamp] | None:
        """Stamps of a unit's inputs, or None if it is done; called in threads."""
        entry = self._manifest.entries.get(unit.key, {})
        known = entry.get("inputs", {})
        stamps = stamped(unit.files, known, entry.get("at", 0.0), rehash=self._batch.rehash)
        done = entry.get("state") == "done" and entry.get("work") == self._work and same_contents(known, stamps)
        return None if done and still_there(entry["outputs"], self._batch.output) else stamps

    def _begin(self, examination: Examination, stack: ExitStack) -> None:
        unit, number = examination.unit, examination.number
        try:
            if unit.error:
                raise MatshotError(unit.error)
            stamps = examination.stamps()
            if stamps is None:
                self._result.skipped.append(unit.key)
                self._listener.unit("skipped", unit.key, {})
                self._advance(unit.key)
                return
            folder = self._folder / str(number)
            inputs = stage(unit, folder)
        except MatshotError as error:
            self._fail(unit, error.sentence)
            return
        if self._engine is None:
            self._listener.progress(0.0, "starting workers")
            batch = self._batch
            self._engine = stack.enter_context(
                Engine(
                    scheduler=batch.scheduler,
                    workers=batch.workers,
                    memory=batch.memory,
                    seconds=batch.seconds,
                    dashboard=batch.dashboard,
                )
            )
            self._listener.cluster(self._engine.dashboard, len(self._engine.workers))
        self._doing[unit.key] = _Doing(unit, number, folder, stamps, time.monotonic())
        run = ToolRequest(self._table.name, inputs, self._batch.parameters, folder)
        self._engine.submit(unit.key, run, self._noting(unit.key))

    def _noting(self, key: str) -> Callable[[RunEvent], None]:
        return lambda event: self._inbox.put((key, event))

    def _take(self, key: str, event: RunEvent) -> None:
        doing = self._doing[key]
        if event.kind == "started":
            doing.began, doing.fraction = time.monotonic(), 0.0
        elif event.kind == "progress":
            doing.fraction = event.fraction
            self._advance(event.stage if event.stage == "waiting for a worker" else key)
        elif event.kind == "again":
            self._listener.unit("again", key, {"error": event.sentence})
        else:
            del self._doing[key]
            if event.kind == "done" and not event.failures:
                self._deliver(doing, event)
            else:
                self._fail(doing.unit, " ".join(event.failures) or event.sentence or "It was cancelled.", event.cause)
            shutil.rmtree(doing.folder, ignore_errors=True)

    def _deliver(self, doing: _Doing, event: RunEvent) -> None:
        """Bring a unit's results to their place, and remember them."""
        unit, output, manifest = doing.unit, self._batch.output, self._manifest
        seconds = round(time.monotonic() - doing.began, 3)
        entry = manifest.entries.get(unit.key, {})
        before = entry.get("outputs", {})
        try:
            if any(stamp(file)[:2] != doing.inputs[name][:2] for name, file in unit.files.items()):
                raise MatshotError(f"{unit.key} was changed while it was worked on; run the same command again.")
            places = placed(unit, event.results, self._batch.parameters)
            check_places(places, output, unit.key, self._owners, [before, entry.get("meant", {})])
            # Said before they are there, so that after a crash they count as this unit's; moving keeps their stamps.
            meant = {name: stamp(file) for name, file in places.files.items()}
            there = {name: stamp(output / name) for name in places.files if (output / name).exists()}
            manifest.note(unit.key, state="delivering", outputs={**meant, **before, **there}, meant=meant)
            self._owners |= dict.fromkeys(places.files, unit.key)
            outputs = bring(places, output)
            remove_stale(before, outputs, output)
        except MatshotError as error:
            self._fail(unit, error.sentence, error.cause)
            return
        if self._thumbnails.wanted(doing.number) and event.results[0]["preview"]:
            self._thumbnails.keep(unit.key, Path(event.results[0]["preview"]))
        first = event.results[0]
        facts = {
            "targets": [str(output / name) for name in outputs], "width": first["width"], "height": first["height"],
            "wrap": first["wrap"], "seconds": seconds,
            "notes": list(dict.fromkeys(note for one in event.results for note in one["notes"])),
        }  # fmt: skip
        manifest.note(unit.key, state="done", work=self._work, inputs=doing.inputs, outputs=outputs, seconds=seconds)
        self._result.done.append(unit.key)
        self._listener.unit("done", unit.key, facts)
        self._advance(unit.key)

    def _fail(self, unit: Unit, sentence: str, cause: str = "") -> None:
        entry = self._manifest.entries.get(unit.key, {})
        kept = {name: entry[name] for name in ("outputs", "meant") if name in entry}
        self._result.failed[unit.key] = sentence
        self._listener.unit("failed", unit.key, {"error": sentence, "cause": cause})
        self._manifest.note(unit.key, state="failed", error=sentence, **{"outputs": {}, **kept})
        self._advance(unit.key)
        if shutil.disk_usage(self._batch.output).free < _FULL:
            raise MatshotError(
                f"The disk of {self._batch.output} is full. Free some space and rerun to resume.",
                sentence,
            )

    def _advance(self, stage: str) -> None:
        result = self._result
        ended = len(result.done) + len(result.skipped) + len(result.failed)
        under_way = sum(doing.fraction for doing in self._doing.values())
        self._listener.progress(min(1.0, (ended + under_way) / len(self._library.units)), stage)

    def _conclude(self) -> None:
        """Write the summary and the contact sheets."""
        batch, result = self._batch, self._result
        name = "-".join([SUMMARY] + ([_part_name(batch, "")] if batch.part[1] > 1 else []))
        result.summary = batch.output / f"{name}.json"
        shown = [
            Shown(unit.key, None if unit.key in result.failed else self._thumbnails.path(unit.key))
            for number, unit in enumerate(self._library.units)
            if self._thumbnails.wanted(number)
        ]
        facts = f"{len(result.done)} done, {len(result.skipped)} done before, {len(result.failed)} failed"
        result.sheets = write_sheets(shown, batch.output / f"{name}.png", f"matshot batch: {self._table.name}", facts)
        summary = {
            "tool": self._table.name, "parameters": dict(batch.parameters), "matshot": __version__,
            "inputs": [os.fspath(path) for path in batch.inputs], "slice": list(batch.part),
            "units": len(self._library.units), "done": len(result.done), "skipped": len(result.skipped),
            "failed": [{"unit": key, "error": sentence} for key, sentence in sorted(result.failed.items())],
            "left_out": result.left_out, "seconds": round(result.seconds, 3),
            "sheets": [sheet.name for sheet in result.sheets],
        }  # fmt: skip
        atomic_write(result.summary, json.dumps(summary, indent=1) + "\n")
