"""Jobs as clients see them: submitted, followed, cancelled, deleted, and their results."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..capture.camera_formats import CAMERA_SUFFIXES
from ..errors import MatshotError
from ..tools.registry import ToolEntry, entry
from .accounts import ADMIN, Account
from .assets import Assets
from .data_folder import DataFolder
from .models import (
    MOST_STEPS,
    ChainRequest,
    ChainStep,
    Handling,
    JobInput,
    JobOrder,
    JobProgress,
    JobRequest,
    JobView,
    NamedInput,
    ResultInput,
    Step,
)
from .naming import counted, plain_name, safe_name
from .records import LIVE, AssetRecord, JobFilter, JobRecord
from .refusal import Refusal
from .runner import Runner
from .schema import MOST_INPUTS
from .settings import Settings
from .store import Store, now
from .upload import Upload
from .webhooks import check_webhook

#: Seconds after which a client whose job found the queue full may try again.
_RETRY_AFTER = 5
#: Between a user's name and a key, neither of which can hold it.
_APART = "\x1f"
#: Between the key of several jobs and the number of one, neither of which can hold it.
_NUMBERED = "\x1e"
#: Before the number of an input of a later step that is not a result of the one before.
_MORE = "more-"


@dataclass(frozen=True)
class _Source:
    """Where the files of an input come from.

    Attributes:
        record: an asset, or a result as one.
        folder: that its files lie in.
        name: that it gets.
        stated: what else the job remembers of it.
    """

    record: AssetRecord
    folder: Path
    name: str
    stated: Mapping[str, Any]


@dataclass(frozen=True)
class _Order:
    """A job or a chain to take.

    Attributes:
        steps: the job, or the steps of the chain.
        inputs: of the first step.
        request: which says how it is queued.
        digest: of all that was asked for with the key.
        key: of the client's, None for none.
    """

    steps: Sequence[Step]
    inputs: Sequence[JobInput]
    request: JobRequest | ChainRequest
    digest: str
    key: str | None


class Jobs:
    """What clients ask of jobs; for any thread.

    Args:
        settings: bounds of jobs.
        data: folder of the service.
        store: database of the service.
        assets: which jobs take as inputs.
        runner: runs them.
    """

    def __init__(self, settings: Settings, data: DataFolder, store: Store, assets: Assets, runner: Runner) -> None:
        self._settings, self._data, self._store = settings, data, store
        self._assets, self._runner = assets, runner
        runner.on_end, runner.proceed = self.follow, self.proceed

    def submit(self, request: JobRequest, key: str | None, account: Account = ADMIN) -> tuple[JobRecord, bool]:
        """Take a job; also whether it is new.

        Args:
            request: what to do.
            key: of the client's; the same key gives the same job again. None for none.
            account: whose job it becomes.

        Raises:
            Refusal: for what the tool refuses, unknown inputs, a full queue, a full disk, a key of another job.
        """
        kept, new = self._take([_Order([request], request.inputs, request, _digest(request), key)], account)
        return kept[0], new

    def submit_upload(
        self, order: JobOrder, upload: Upload, key: str | None, account: Account = ADMIN
    ) -> tuple[JobRecord, bool]:
        """Take a job with the files that it works on, in one trip to the disk; also whether it is new.

        Args:
            order: what to do.
            upload: that has finished; each of its files becomes an asset, and these are the first inputs.
            key: as of :meth:`submit`.
            account: whose job and assets they become.

        Raises:
            Refusal: as :meth:`submit`, and for files that are neither image nor material.
        """
        # Before the files are kept.
        self._check_webhook(order)
        self._checked_step(order, account)
        count = len(upload.files) + len(order.inputs)
        if count > MOST_INPUTS:
            raise Refusal(422, f"A job takes {MOST_INPUTS} inputs at most, got {count}.")
        self.check_queue()
        assets = self._assets.add_each(upload, account, durable=False)
        files = [NamedInput(asset=asset.id, name=asset.name, kind="", normal="") for asset, _ in assets]
        return self.submit(order.on(files), key, account)

    def check_queue(self) -> None:
        """Check that the queue takes another job.

        Raises:
            Refusal: when it is full.
        """
        if self._store.live_count() >= self._settings.queue:
            raise self._queue_full()

    def _queue_full(self) -> Refusal:
        return Refusal(
            429,
            f"The queue is full with {self._settings.queue} jobs. Try again in a few seconds.",
            headers={"Retry-After": str(_RETRY_AFTER)},
        )

    def submit_chain(self, request: ChainRequest, key: str | None, account: Account = ADMIN) -> tuple[JobRecord, bool]:
        """Take the jobs of a chain, all or none; the first of them, and whether they are new.

        Raises:
            Refusal: as :meth:`submit`.
        """
        kept, new = self._take([_Order(request.steps, request.inputs, request, _digest(request), key)], account)
        return kept[0], new

    def submit_batch(
        self, requests: Sequence[JobRequest], key: str | None, account: Account = ADMIN
    ) -> tuple[list[JobRecord], bool]:
        """Take several jobs, all or none, in one trip to the disk; also whether they are new.

        Raises:
            Refusal: as :meth:`submit`, for the first that is refused.
        """
        digest = _digest(*requests)
        return self._take(
            [
                _Order([one], one.inputs, one, digest, None if key is None else f"{key}{_NUMBERED}{number}")
                for number, one in enumerate(requests)
            ],
            account,
        )

    def _take(self, orders: Sequence[_Order], account: Account) -> tuple[list[JobRecord], bool]:
        """Take jobs and chains, of which those of one step run at once; the jobs, and whether they are new."""
        first = orders[0]
        key = _own_key(first.key, account)
        if key is not None and self._store.job_of_key(key) is not None:
            keys = [own for one in orders if (own := _own_key(one.key, account)) is not None]
            known = [job for own in keys if (job := self._store.job_of_key(own)) is not None]
            return _same(known, first.digest, len(orders)), False
        self._assets.check_room()
        identifiers = [[uuid.uuid4().hex for _ in one.steps] for one in orders]
        every = [identifier for some in identifiers for identifier in some]
        try:
            jobs = [
                job for one, own in zip(orders, identifiers, strict=True) for job in self._prepared(one, own, account)
            ]
            for identifier in every:
                self._data.put_job(identifier)
            kept = self._store.add_jobs(jobs, self._settings.queue)
        except BaseException:
            self._discard(every)
            raise
        if kept is None or kept[0].id != every[0]:
            self._discard(every)
        if kept is None:
            raise self._queue_full()
        if kept[0].id != every[0]:
            return _same(kept, first.digest, len(orders)), False
        ready = [job for job in kept if not job.after]
        for job in ready:
            self._runner.run(job)
        return ready, True

    def _prepared(self, order: _Order, identifiers: Sequence[str], account: Account) -> list[JobRecord]:
        """The jobs of an order, whose inputs are linked into folders in ``incoming``."""
        request = order.request
        self._check_webhook(request)
        jobs = []
        for number, (step, identifier) in enumerate(zip(order.steps, identifiers, strict=True)):
            tool, parameters = self._checked_step(step, account)
            further = order.inputs if number == 0 else step.inputs if isinstance(step, ChainStep) else ()
            sources = [self._source(one, account) for one in further]
            files = self._files(tool, parameters, account)
            if number == 0:
                self._check_inputs(tool, sources, parameters, files)
            else:
                _check_count(tool, len(sources))
            linked = [self._link(identifier, f"{_MORE if number else ''}{place}", source, self._data.incoming)
                      for place, source in enumerate(sources)]  # fmt: skip
            linked += [{**self._link(identifier, name, source, self._data.incoming), "parameter": name}
                       for name, source in files.items()]  # fmt: skip
            if not linked:
                (self._data.incoming / identifier).mkdir()
            jobs.append(
                JobRecord(
                    0, identifier, tool.table.name, linked, parameters,
                    _own_key(order.key, account) if number == 0 else None, order.digest,
                    "waiting", False, False, 0, now(), None, None, owner=account.name, priority=request.priority,
                    tags=request.tags, chain=identifiers[0] if isinstance(request, ChainRequest) else "",
                    after=identifiers[number - 1] if number else "",
                    webhook=request.webhook if number == len(order.steps) - 1 else "",
                )
            )  # fmt: skip
        return jobs

    def _check_webhook(self, request: Handling) -> None:
        if request.webhook:
            check_webhook(request.webhook, self._settings.webhook_hosts)

    def _discard(self, identifiers: Sequence[str]) -> None:
        for identifier in identifiers:
            self._data.discard_job(identifier)

    def _checked_step(self, step: Step, account: Account) -> tuple[ToolEntry, dict[str, Any]]:
        """A step's tool, and its parameters over those of its preset."""
        try:
            tool = entry(step.tool)
        except MatshotError as error:
            raise Refusal(422, error.sentence, error.cause) from error
        parameters = dict(step.parameters)
        if step.preset:
            preset = self._store.preset(account.name, step.preset)
            if preset is None:
                raise Refusal(404, f"Unknown preset {step.preset!r}.", code="unknown_preset")
            if preset.tool != step.tool:
                raise Refusal(422, f"The preset {step.preset!r} is for {preset.tool}, not for {step.tool}.")
            parameters = {**preset.parameters, **parameters}
        try:
            tool.table.check(parameters)
        except MatshotError as error:
            raise Refusal(422, error.sentence, error.cause) from error
        if str(parameters.get("template", "")).lower().endswith(".toml"):
            raise Refusal(422, "Export Template must be the name of a template that comes with Matshot.")
        return tool, parameters

    def _files(self, tool: ToolEntry, parameters: Mapping[str, Any], account: Account) -> dict[str, _Source]:
        """The assets that parameters name which are files; a path of this machine is none."""
        found = {}
        for parameter in tool.table.files:
            value = parameters.get(parameter.name, "")
            if not value:
                continue
            if not re.fullmatch("[0-9a-f]{64}", value):
                raise Refusal(422, f"{parameter.label} must be the id of an asset, got {value!r}.")
            source = self._source(value, account)
            _check_no_camera_file(parameter.label, source)
            if parameter.file != "asset" and source.record.kind != "image":
                raise Refusal(422, f"{parameter.label} needs an image, but {source.name} is a material.")
            found[parameter.name] = source
        return found

    def _source(self, given: JobInput, account: Account) -> _Source:
        """What an input of a request names."""
        if isinstance(given, ResultInput):
            return self._result_source(self.finished(given.job, account), given.result, given.name)
        one = NamedInput(asset=given, name="", kind="", normal="") if isinstance(given, str) else given
        asset = self._assets.get(one.asset, account)
        title = plain_name(one.name) or asset.name
        return _Source(asset, self._data.assets / asset.id, title, {"kind": one.kind, "normal": one.normal})

    def _result_source(self, job: JobRecord, number: int, name: str = "") -> _Source:
        facts = _numbered(job.results, number, "result")
        path = self.results_folder(job.id) / str(facts["path"])
        size = sum(one["bytes"] for one in facts["files"])
        record = AssetRecord(
            "", facts["kind"], facts["name"], facts["width"], facts["height"], size, facts["files"], 0.0, 0.0
        )
        folder = path if facts["kind"] == "material" else path.parent
        stated = {"kind": "", "normal": "", "job": job.id, "result": number}
        return _Source(record, folder, plain_name(name) or str(facts["name"]), stated)

    def _check_inputs(
        self,
        tool: ToolEntry,
        sources: Sequence[_Source],
        parameters: Mapping[str, Any],
        files: Mapping[str, _Source],
    ) -> None:
        table = tool.table
        needs = ", ".join(one.title.lower() for one in table.inputs)
        several = any(one.several for one in table.inputs)
        if not several and len(sources) != len(table.inputs):
            raise Refusal(422, f"{table.title} needs {needs}, got {len(sources)} assets.")
        for number, source in enumerate(sources):
            needed, kind, name = table.inputs[min(number, len(table.inputs) - 1)], source.record.kind, source.name
            if needed.kind == "photo" and kind != "image":
                raise Refusal(422, f"{needed.title} needs an image, but {name} is a material.")
            if needed.kind != "photo":
                _check_no_camera_file(needed.title, source)
            if needed.kind == "material" and kind != "material":
                raise Refusal(422, f"{needed.title} needs a material folder, but {name} is an image.")
        if not table.works_on_files and any(one.stated["kind"] or one.stated["normal"] for one in sources):
            raise Refusal(422, f"Inputs of {table.title} take no kind and no normal convention.")
        areas = {name: one.record.width * one.record.height for name, one in files.items()}
        pixels = self._pixels(tool, [one.record for one in sources], {**table.defaults, **parameters}, areas)
        if pixels > self._settings.result_pixels:
            raise Refusal(
                422,
                f"The result would have {counted(pixels)} pixels; this service's limit is "
                f"{counted(self._settings.result_pixels)} per job.",
            )

    @staticmethod
    def _pixels(
        tool: ToolEntry, assets: Sequence[AssetRecord], parameters: Mapping[str, Any], files: Mapping[str, int]
    ) -> int:
        """Pixels of all maps of all results."""
        areas = [
            sum(one["width"] * one["height"] for one in asset.files if one["map"] or asset.kind == "image")
            for asset in assets
        ]
        if tool.table.works_on_files:
            return tool.pixels(parameters, areas, files)
        single = [asset.width * asset.height for asset in assets]
        # Every map of the first input has its counterpart in each result.
        maps = -(-areas[0] // max(1, single[0])) if tool.table.result != "picture" else 1
        return maps * tool.pixels(parameters, single, files)

    def _link(self, identifier: str, number: str, source: _Source, folder: Path) -> dict[str, Any]:
        """An input of a job's own: the files under its name, which outlive what they come from.

        Args:
            identifier: of the job.
            number: name of the input's folder.
            source: of the files.
            folder: that the job lies in: ``incoming`` until it is complete, so that the next start removes it.
        """
        record = source.record
        place = folder / identifier / "inputs" / number
        if record.kind == "image":
            stored = record.files[0]["name"]
            own = safe_name(source.name, PurePosixPath(stored).suffix)
            names = {stored: own}
        else:
            own = safe_name(source.name, "")
            place = place / own
            names = {file["name"]: file["name"] for file in record.files}
        self._assets.link_files(source.folder, names, place)
        what = record.files[0]["map"] if record.kind == "image" else ""
        facts = {"asset": record.id, "name": source.name, "path": f"inputs/{number}/{own}", "map": what}
        return {**facts, **source.stated}

    def follow(self, job: JobRecord) -> None:
        """Begin, or end, what takes the results of a job that has ended."""
        for one in self._store.following(job.id):
            if one.state == "waiting" and not one.cancelling:
                self.proceed(one, job)

    def proceed(self, job: JobRecord, before: JobRecord) -> None:
        """Run a step of a chain whose predecessor has ended, with its results; without any, end it."""
        if before.state != "done":
            ending = "was cancelled" if before.state == "cancelled" else "failed"
            self._runner.end(job.id, before.state, f"The step before this one {ending}.")
            return
        try:
            if not any(one.get("job") == before.id for one in job.inputs):
                job = self._with_results(job, before)
        except (MatshotError, OSError) as error:
            sentence = error.sentence if isinstance(error, MatshotError) else str(Refusal.of_disk(error))
            self._runner.end(job.id, "failed", sentence)
            return
        self._runner.run(job)

    def _with_results(self, job: JobRecord, before: JobRecord) -> JobRecord:
        """A step whose inputs are the results before it, and those of its own."""
        tool = entry(job.tool)
        several = any(one.several for one in tool.table.inputs)
        count = len(before.results) if several else 1
        if count < len(before.results):
            sentence = f"The step before made {len(before.results)} results; this one takes the first."
            self._runner.write_log(job.id, sentence)
        sources = [self._result_source(before, number) for number in range(count)]
        own = [
            _Source(self._linked_record(job, one), self._data.jobs / job.id, one["name"], {"kind": "", "normal": ""})
            for one in job.inputs
            if not one.get("parameter")
        ]
        files = {
            one["parameter"]: _Source(self._linked_record(job, one), self._data.jobs / job.id, one["name"], {})
            for one in job.inputs
            if one.get("parameter")
        }
        self._check_inputs(tool, [*sources, *own], job.parameters, files)
        self._data.remove_inputs(job.id, [str(number) for number in range(count)])
        linked = [self._link(job.id, str(number), one, self._data.jobs) for number, one in enumerate(sources)]
        self._store.change_job(job.id, inputs=[*linked, *job.inputs], durable=True)
        return replace(job, inputs=[*linked, *job.inputs])

    def _linked_record(self, job: JobRecord, linked: Mapping[str, Any]) -> AssetRecord:
        """What is known of an input that lies in a job's folder."""
        known = self._store.asset(linked["asset"]) if linked["asset"] else None
        if known is not None:
            return known
        path = self._data.jobs / job.id / linked["path"]
        return AssetRecord("", "material" if path.is_dir() else "image", linked["name"], 0, 0, 0, [], 0.0, 0.0)

    def chain(self, identifier: str, account: Account = ADMIN) -> list[JobRecord]:
        """The jobs of a chain, in order.

        Raises:
            Refusal: when it is unknown.
        """
        found = self._store.jobs(JobFilter(owner=account.owner, chain=identifier), MOST_STEPS)
        if not found:
            raise Refusal(404, "Unknown chain; it may have expired.", code="unknown_job")
        return found[::-1]

    def get(self, identifier: str, account: Account = ADMIN) -> JobRecord:
        """A job.

        Args:
            identifier: of the job.
            account: that asks; those of others are unknown to it.

        Raises:
            Refusal: when it is unknown.
        """
        job = self._store.job(identifier)
        if job is None or job.deleted or not account.sees(job.owner):
            raise Refusal(404, "Unknown job; it may have expired.", code="unknown_job")
        return job

    def listing(self, wanted: JobFilter, most: int) -> list[JobRecord]:
        """Jobs, newest first; see :meth:`~matshot.service.store.Store.jobs`."""
        return self._store.jobs(wanted, most)

    def progress(self, identifier: str) -> JobProgress:
        """How far a job is; of one that does not run, nothing yet."""
        return self._runner.progress(identifier)

    def view(self, job: JobRecord) -> JobView:
        """A job as clients see it now."""
        return self._runner.view(job)

    def cancel(self, identifier: str, account: Account = ADMIN) -> JobRecord:
        """Cancel a job; one that has ended stays as it is.

        Raises:
            Refusal: when it is unknown.
        """
        job = self.get(identifier, account)
        if job.state in LIVE and not job.cancelling:
            self._store.change_job(identifier, durable=True, cancelling=1)
            self._runner.cancel(identifier)
        return self.get(identifier)

    def delete(self, identifier: str, account: Account = ADMIN) -> None:
        """Delete a job and its results, after cancelling it if need be.

        Raises:
            Refusal: when it is unknown.
        """
        job = self.get(identifier, account)
        if job.state in LIVE:
            self.cancel(identifier)
        self._store.change_job(identifier, durable=True, deleted=1)
        job = self._store.job(identifier) or job
        # One that is still ending is removed by its end.
        if job.state not in LIVE:
            self.remove(identifier)

    def remove(self, identifier: str) -> None:
        """Remove an ended job's folder, then its record."""
        self._runner.remove(identifier)

    def finished(self, identifier: str, account: Account = ADMIN) -> JobRecord:
        """A job that has results.

        Raises:
            Refusal: when it is unknown, or not done.
        """
        job = self.get(identifier, account)
        if job.state != "done":
            ended = "" if job.state in LIVE else "no_results"
            raise Refusal(409, f"The job has no results: it is {job.state}.", code=ended)
        return job

    def results_folder(self, identifier: str) -> Path:
        """Folder of a job's results."""
        return self._data.jobs / identifier / "results"

    def result(self, identifier: str, number: int, account: Account = ADMIN) -> tuple[Path, Mapping[str, Any]]:
        """A result's file or folder, and what is known of it.

        Raises:
            Refusal: when it is unknown.
        """
        facts = _numbered(self.finished(identifier, account).results, number, "result")
        return self.results_folder(identifier) / facts["path"], facts

    def result_file(
        self, identifier: str, number: int, place: int, account: Account = ADMIN
    ) -> tuple[Path, Mapping[str, Any]]:
        """One file of a result, and what is known of it.

        Raises:
            Refusal: when it is unknown.
        """
        path, facts = self.result(identifier, number, account)
        file = _numbered(facts["files"], place, "file")
        return (path / file["name"] if facts["kind"] == "material" else path), file


def _check_no_camera_file(label: str, source: _Source) -> None:
    """Refuse a photograph as phones and cameras store it, which only the capture tools read."""
    files = source.record.files
    if files and PurePosixPath(files[0]["name"]).suffix.lower() in CAMERA_SUFFIXES:
        raise Refusal(
            422, f"{label} takes no HEIC or raw photographs. Export {source.name} as JPEG, PNG or TIFF first."
        )


def _check_count(tool: ToolEntry, further: int) -> None:
    """Check how many inputs a later step has besides the results before it."""
    table = tool.table
    if not any(one.several for one in table.inputs) and further != len(table.inputs) - 1:
        raise Refusal(
            422, f"{table.title} takes {len(table.inputs) - 1} inputs besides the results before it, got {further}."
        )


def _digest(*requests: JobRequest | ChainRequest) -> str:
    """SHA-256 of what was asked for."""
    return hashlib.sha256("\n".join(one.model_dump_json() for one in requests).encode()).hexdigest()


def _own_key(key: str | None, account: Account) -> str | None:
    """A key as it is stored: each user has keys of their own."""
    return f"{account.name}{_APART}{key}" if key is not None and account.name else key


def _same(jobs: list[JobRecord], digest: str, count: int) -> list[JobRecord]:
    """Jobs that were asked for before with the same key."""
    if any(job.digest != digest for job in jobs):
        raise Refusal(422, "This Idempotency-Key belongs to another job. Use a new one.", code="key_taken")
    if len(jobs) < count or any(job.deleted for job in jobs):
        raise Refusal(404, "The job of this Idempotency-Key was deleted. Use a new one.", code="unknown_job")
    return jobs


def _numbered(items: Sequence[Mapping[str, Any]], number: int, what: str) -> Mapping[str, Any]:
    if not 0 <= number < len(items):
        raise Refusal(404, f"Unknown {what} {number}. The job has {len(items)}, counted from 0.")
    return items[number]
