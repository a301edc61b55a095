"""Jobs as clients see them: submitted, followed, cancelled, deleted, and their results."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import MatshotError
from ..tools.registry import ToolEntry, entry
from .assets import Assets
from .data_folder import DataFolder
from .models import JobProgress, JobRequest, JobView, NamedInput, job_view
from .naming import plain_name, safe_name
from .refusal import Refusal
from .runner import Runner
from .settings import Settings
from .store import LIVE, AssetRecord, JobRecord, Store, now

#: Seconds after which a client whose job found the queue full may try again.
_RETRY_AFTER = 5


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

    def submit(self, request: JobRequest, key: str | None) -> tuple[JobRecord, bool]:
        """Take a job; also whether it is new.

        Args:
            request: what to do.
            key: of the client's; the same key gives the same job again. None for none.

        Raises:
            Refusal: for what the tool refuses, unknown assets, a full queue, a full disk, a key of another job.
        """
        digest = hashlib.sha256(request.model_dump_json().encode()).hexdigest()
        if key is not None and (known := self._store.job_of_key(key)) is not None:
            return _same(known, digest), False
        try:
            tool = entry(request.tool)
            parameters = tool.table.check(request.parameters)
        except MatshotError as error:
            raise Refusal(422, error.sentence, error.cause) from error
        inputs = [
            NamedInput(asset=one, name="", kind="", normal="") if isinstance(one, str) else one
            for one in request.inputs
        ]
        assets = [self._assets.get(one.asset) for one in inputs]
        self._check_inputs(tool, inputs, assets, parameters)
        self._assets.check_room()
        identifier = uuid.uuid4().hex
        try:
            linked = self._link_inputs(identifier, inputs, assets)
            self._data.put_job(identifier)
            job = JobRecord(
                0, identifier, tool.table.name, linked, request.parameters, key, digest, "waiting", False, False, 0,
                now(), None, None,
            )  # fmt: skip
            kept = self._store.add_job(job, self._settings.queue)
        except BaseException:
            self._data.discard_job(identifier)
            raise
        if kept is None or kept.id != identifier:
            self._data.discard_job(identifier)
        if kept is None:
            raise Refusal(
                429,
                f"The queue is full with {self._settings.queue} jobs. Try again in a few seconds.",
                headers={"Retry-After": str(_RETRY_AFTER)},
            )
        if kept.id != identifier:
            return _same(kept, digest), False
        self._runner.run(kept)
        return kept, True

    def _check_inputs(
        self,
        tool: ToolEntry,
        inputs: Sequence[NamedInput],
        assets: Sequence[AssetRecord],
        parameters: Mapping[str, Any],
    ) -> None:
        table = tool.table
        needs = ", ".join(one.title.lower() for one in table.inputs)
        several = any(one.several for one in table.inputs)
        if not several and len(assets) != len(table.inputs):
            raise Refusal(422, f"{table.title} needs {needs}, got {len(assets)} assets.")
        for number, asset in enumerate(assets):
            needed = table.inputs[min(number, len(table.inputs) - 1)]
            if needed.kind == "photo" and asset.kind != "image":
                raise Refusal(422, f"{needed.title} needs an image, but {asset.name} is a material.")
            if needed.kind == "material" and asset.kind != "material":
                raise Refusal(422, f"{needed.title} needs a material folder, but {asset.name} is an image.")
        if not table.works_on_files and any(one.kind or one.normal for one in inputs):
            raise Refusal(422, f"Inputs of {table.title} take no kind and no normal convention.")
        areas = [sum(one["width"] * one["height"] for one in asset.files if one["map"] or asset.kind == "image")
                 for asset in assets]  # fmt: skip
        if table.works_on_files:
            pixels = tool.pixels({**table.defaults, **parameters}, areas)
        else:
            # Every map of the first input has its counterpart in each result.
            single = [asset.width * asset.height for asset in assets]
            maps = -(-areas[0] // max(1, single[0])) if table.result != "picture" else 1
            pixels = maps * tool.pixels({**table.defaults, **parameters}, single)
        if pixels > self._settings.result_pixels:
            raise Refusal(
                422,
                f"The result would have {pixels / 1e6:.0f} million pixels; this service's limit is "
                f"{self._settings.result_pixels / 1e6:.0f} million per job.",
            )

    def _link_inputs(
        self, identifier: str, inputs: Sequence[NamedInput], assets: Sequence[AssetRecord]
    ) -> list[dict[str, Any]]:
        """A job's own inputs: the assets' files under their names, which outlive the assets."""
        linked = []
        for number, (one, asset) in enumerate(zip(inputs, assets, strict=True)):
            name = plain_name(one.name) or asset.name
            # Not complete yet, so where the next start removes it.
            place = self._data.incoming / identifier / "inputs" / str(number)
            if asset.kind == "image":
                stored = asset.files[0]["name"]
                own = safe_name(name, PurePosixPath(stored).suffix)
                names = {stored: own}
            else:
                own = safe_name(name, "")
                place = place / own
                names = {file["name"]: file["name"] for file in asset.files}
            self._assets.link_files(asset, names, place)
            facts = {"asset": asset.id, "name": name, "path": f"inputs/{number}/{own}"}
            linked.append({**facts, "kind": one.kind, "normal": one.normal})
        return linked

    def get(self, identifier: str) -> JobRecord:
        """A job.

        Raises:
            Refusal: when it is unknown.
        """
        job = self._store.job(identifier)
        if job is None or job.deleted:
            raise Refusal(404, "Unknown job; it may have expired.")
        return job

    def listing(self, state: str | None, most: int, before: int | None) -> list[JobRecord]:
        """Jobs, newest first; see :meth:`~matshot.service.store.Store.jobs`."""
        return self._store.jobs(state, most, before)

    def progress(self, identifier: str) -> JobProgress:
        """How far a job is; of one that does not run, nothing yet."""
        return self._runner.progress(identifier)

    def view(self, job: JobRecord) -> JobView:
        """A job as clients see it now."""
        position = self._store.jobs_before(job.number) if job.state == "waiting" else 0
        return job_view(job, self.progress(job.id), position, self._store.log(job.id))

    def cancel(self, identifier: str) -> JobRecord:
        """Cancel a job; one that has ended stays as it is.

        Raises:
            Refusal: when it is unknown.
        """
        job = self.get(identifier)
        if job.state in LIVE and not job.cancelling:
            self._store.change_job(identifier, cancelling=1)
            self._runner.cancel(identifier)
        return self.get(identifier)

    def delete(self, identifier: str) -> None:
        """Delete a job and its results, after cancelling it if need be.

        Raises:
            Refusal: when it is unknown.
        """
        job = self.get(identifier)
        if job.state in LIVE:
            self.cancel(identifier)
        self._store.change_job(identifier, deleted=1)
        # One that is still ending is removed by its end.
        if job.state not in LIVE:
            self.remove(identifier)

    def remove(self, identifier: str) -> None:
        """Remove an ended job's folder, then its record."""
        self._runner.remove(identifier)

    def finished(self, identifier: str) -> JobRecord:
        """A job that has results.

        Raises:
            Refusal: when it is unknown, or not done.
        """
        job = self.get(identifier)
        if job.state != "done":
            raise Refusal(409, f"The job has no results: it is {job.state}.")
        return job

    def results_folder(self, identifier: str) -> Path:
        """Folder of a job's results."""
        return self._data.jobs / identifier / "results"

    def result(self, identifier: str, number: int) -> tuple[Path, Mapping[str, Any]]:
        """A result's file or folder, and what is known of it.

        Raises:
            Refusal: when it is unknown.
        """
        facts = _numbered(self.finished(identifier).results, number, "result")
        return self.results_folder(identifier) / facts["path"], facts

    def result_file(self, identifier: str, number: int, place: int) -> tuple[Path, Mapping[str, Any]]:
        """One file of a result, and what is known of it.

        Raises:
            Refusal: when it is unknown.
        """
        path, facts = self.result(identifier, number)
        file = _numbered(facts["files"], place, "file")
        return (path / file["name"] if facts["kind"] == "material" else path), file


def _same(job: JobRecord, digest: str) -> JobRecord:
    if job.digest != digest:
        raise Refusal(422, "This Idempotency-Key belongs to another job. Use a new one.")
    if job.deleted:
        raise Refusal(404, "The job of this Idempotency-Key was deleted. Use a new one.")
    return job


def _numbered(items: Sequence[Mapping[str, Any]], number: int, what: str) -> Mapping[str, Any]:
    if not 0 <= number < len(items):
        raise Refusal(404, f"Unknown {what} {number}. The job has {len(items)}, counted from 0.")
    return items[number]
