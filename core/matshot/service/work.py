"""Assets and jobs of a service: taken, kept, run by the engine, told of, and cleared away.

In the service's folder ``service.db`` is what counts: a folder of an asset or a job that it does not know is what an
ended process left, and is removed at the next start. Results lie in a job's folder before the database says that it is
done, and nobody is shown them earlier.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import queue
import shutil
import sqlite3
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from matshot_host.description import DESCRIPTION
from matshot_host.tools import Tool

from ..errors import MatshotError
from ..tools.run import Run, tool_of
from .events import Feeds
from .inspector import Examiner
from .metrics import Metrics
from .models import Asked, JobShape, Live, LogShape, NamedInput, instant, job_shape
from .naming import plain_name, safe_name
from .refusal import Refusal, is_full
from .schema import accepted, pixels_made
from .settings import Settings
from .store import LIVE, AssetRecord, JobRecord, Store, now
from .upload import Arrival, digest_of_files, too_large

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..farm.engine import Engine, Told

#: Seconds between clearing up, and between attempts to write what a full disk refused.
_SWEEP, _AGAIN = 60.0, 1.0
#: Times that a job is begun which ends with the service each time.
_MOST_ATTEMPTS = 3
#: Seconds after which a client whose job found no room may ask again.
_RETRY_AFTER = 5
#: Pixels of a side of a preview, and bounds of those that are asked for.
PREVIEW_SIDE, LEAST_SIDE, MOST_SIDE = 512, 16, 4096
#: Folder, in that of an asset or a job, of pictures for browsers, and seconds that they are kept.
_SHOWN, _PICTURES = ".shown", 3600.0
#: Events that end a job, and what is said of one that ended with the service.
_LAST = ("done", "failed", "cancelled")
_INTERRUPTED = "The service was started anew; the job runs again from its inputs."

_log = logging.getLogger("matshot.service")


class Service:
    """Everything but HTTP; for any thread.

    Args:
        settings: how it runs.
        engine: what runs the jobs; closed with the service.

    Raises:
        MatshotError: when the folder cannot be used.
    """

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings, self.engine = settings, engine
        self.folder = settings.data.absolute()
        self._assets, self._jobs, self._incoming = (self.folder / name for name in ("assets", "jobs", "incoming"))
        try:
            for folder in (self._assets, self._jobs, self._incoming):
                folder.mkdir(parents=True, exist_ok=True)
            if os.name == "posix":
                self.folder.chmod(0o700)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise MatshotError(f"The folder {self.folder} cannot be used for the service: {reason}.") from error
        self.store = Store(self.folder / "service.db")
        self.feeds = Feeds(self.store.begin())
        self.metrics = Metrics()
        self.examiner = Examiner(settings.pixels)
        self._lock = threading.RLock()
        self._live: dict[str, Live] = {}
        self._keys: dict[str, str] = {}
        self._said: queue.Queue[tuple[str, str, Told] | None] = queue.Queue()
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._listen, name="matshot service", daemon=True),
            threading.Thread(target=self._keep_clear, name="matshot clearing", daemon=True),
        ]

    def start(self) -> None:
        """Clear up after the last time, and run again what it did not end."""
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(exist_ok=True)
        _remove_others(self._assets, self.store.asset_ids())
        _remove_others(self._jobs, self.store.job_ids())
        for thread in self._threads:
            thread.start()
        for job in self.store.live_jobs():
            self._take_up(job)

    def close(self) -> None:
        """End; jobs that run are taken up again at the next start."""
        self._closing.set()
        self.feeds.close()
        self.engine.close()
        self._said.put(None)
        self._threads[0].join()
        # They were not to blame for their end.
        for job in self.store.live_jobs():
            if job.state == "running":
                self.store.change_job(job.id, state="waiting", attempts=job.attempts - 1)
        self.examiner.close()
        self.store.close()

    # Assets

    def arrival(self, content_type: str, name: str, length: int) -> Arrival:
        """Begin to take an upload.

        Args:
            content_type: of it.
            name: that it has, empty if only its form knows.
            length: in bytes, 0 for unknown.

        Raises:
            Refusal: when it is too large, or there is no room.
        """
        if length > self.settings.upload:
            raise too_large(self.settings.upload)
        self.check_room(length)
        return Arrival(self._incoming, content_type, name, self.settings.upload, self.settings.files)

    def check_room(self, length: int = 0) -> None:
        """Whether so many bytes more may be kept.

        Raises:
            Refusal: when not.
        """
        quota = self.settings.quota
        if quota and self.store.bytes() + length > quota:
            raise Refusal(
                507, f"The service keeps {quota / 2**30:.3g} GB at most, and that is used; delete jobs or assets."
            )
        if shutil.disk_usage(self.folder).free < self.settings.spare + length:
            raise Refusal(507, "The service's disk is nearly full; delete jobs or assets.")

    def take(self, arrival: Arrival, digest: str = "") -> tuple[AssetRecord, bool]:
        """Make an asset of an upload that has come whole; also whether it is new.

        Args:
            arrival: that has finished.
            digest: SHA-256 that the client expects of a single file, empty for none.

        Raises:
            Refusal: for what is no image and no material, and when there is no room.
        """
        single = len(arrival.files) == 1
        if digest and (not single or arrival.digest != digest.lower()):
            raise Refusal(400, "The upload did not arrive as it was sent: its SHA-256 is another.")
        folder = arrival.folder / "material"
        folder.mkdir()
        if not single:
            _name_maps(arrival.files, folder)
            return self._take_material(folder, arrival.name)
        sent, file = arrival.files[0]
        name = arrival.name or sent
        found = self.examiner.image(file, name)
        if found["suffix"] != ".zip":
            return self._take_image(arrival, name, found)
        self.examiner.unpack(file, folder, {"files": self.settings.files, "unpacked": self.settings.unpacked})
        return self._take_material(folder, name)

    def _take_image(self, arrival: Arrival, name: str, found: Mapping[str, Any]) -> tuple[AssetRecord, bool]:
        suffix = found["suffix"]
        whole = arrival.folder / "image"
        whole.mkdir()
        stored = arrival.files[0][1].with_suffix(suffix).rename(whole / f"image{suffix}")
        size = stored.stat().st_size
        width, height = found["width"], found["height"]
        told = {"name": f"image{suffix}", "map": found["map"], "width": width, "height": height, "bytes": size}
        time = now()
        shown = plain_name(name) or f"image{suffix}"
        return self._keep(AssetRecord(arrival.digest, "image", shown, width, height, size, [told], time, time), whole)

    def _take_material(self, folder: Path, name: str) -> tuple[AssetRecord, bool]:
        found = self.examiner.material(folder)
        files = [{**one, "bytes": (folder / one["name"]).stat().st_size} for one in found["files"]]
        digest = digest_of_files({one["name"]: folder / one["name"] for one in files})
        shown = PurePosixPath(plain_name(name)).stem or plain_name(str(found["name"])) or "material"
        size = sum(one["bytes"] for one in files)
        time = now()
        return self._keep(
            AssetRecord(digest, "material", shown, found["width"], found["height"], size, files, time, time), folder
        )

    def _keep(self, asset: AssetRecord, folder: Path) -> tuple[AssetRecord, bool]:
        """Move an asset to its place, and remember it."""
        _flush(folder)
        with self._lock:
            known = self.store.asset(asset.id)
            if known is not None:
                self.store.use_asset(asset.id)
                return replace(known, name=asset.name), False
            self.check_room(asset.bytes)
            target = self._assets / asset.id
            shutil.rmtree(target, ignore_errors=True)
            folder.rename(target)
            try:
                self.store.add_asset(asset)
            except BaseException:
                shutil.rmtree(target, ignore_errors=True)
                raise
        self.metrics.count("matshot_uploads_total", "Assets that were uploaded.", kind=asset.kind)
        self.metrics.count("matshot_upload_bytes_total", "Bytes of them.", asset.bytes)
        return asset, True

    def asset(self, identifier: str) -> AssetRecord:
        """An asset.

        Raises:
            Refusal: when there is none.
        """
        asset = self.store.asset(identifier)
        if asset is None:
            raise Refusal(404, "There is no such asset here; it may have expired: send it again.")
        return asset

    def asset_file(self, identifier: str, number: int) -> tuple[Path, Mapping[str, Any]]:
        """A file of an asset, and what is known of it.

        Raises:
            Refusal: when there is none.
        """
        asset = self.asset(identifier)
        told = _numbered(asset.files, number, "file")
        shown = {"name": asset.name} if asset.kind == "image" else {}
        return self._assets / asset.id / told["name"], {**told, **shown}

    def asset_preview(self, identifier: str) -> Path:
        """A picture of an asset, made when it is first asked for.

        Raises:
            Refusal: when there is no such asset, or no picture can be made of it.
        """
        asset = self.asset(identifier)
        if asset.kind == "image":
            return self.asset_picture(identifier, 0, PREVIEW_SIDE)
        return self._pictured(self._assets / asset.id, "", PREVIEW_SIDE, self._assets / asset.id / _SHOWN, "preview")

    def asset_picture(self, identifier: str, number: int, side: int) -> Path:
        """A file of an asset as browsers show it.

        Raises:
            Refusal: when there is none, or it cannot be read.
        """
        path, told = self.asset_file(identifier, number)
        return self._pictured(path, told["map"], side, path.parent / _SHOWN, str(number), told)

    def delete_asset(self, identifier: str) -> None:
        """Forget an asset; jobs that use it have their own.

        Raises:
            Refusal: when there is none.
        """
        with self._lock:
            if not self.store.remove_asset(identifier):
                raise Refusal(404, "There is no such asset here.")
            shutil.rmtree(self._assets / identifier, ignore_errors=True)

    # Jobs

    def submit(self, asked: Asked, key: str | None) -> tuple[JobRecord, bool]:
        """Take a job; also whether it is new.

        Args:
            asked: what to do.
            key: of the client's, under which asking again gives the same job; None for none.

        Raises:
            Refusal: for what the tool refuses, unknown assets, a full queue, a full disk, a key with another job.
        """
        digest = hashlib.sha256(asked.model_dump_json().encode()).hexdigest()
        if key is not None and (known := self.store.job_of_key(key)) is not None:
            return _same(known, digest), False
        try:
            tool = tool_of(asked.tool)
            accepted_parameters = accepted(tool, asked.parameters)
        except MatshotError as error:
            raise Refusal(422, error.sentence, error.cause) from error
        inputs = [
            NamedInput(asset=one, name="", kind="", normal="") if isinstance(one, str) else one for one in asked.inputs
        ]
        assets = [self.asset(one.asset) for one in inputs]
        self._check_inputs(tool, inputs, assets, accepted_parameters)
        self.check_room()
        identifier = uuid.uuid4().hex
        try:
            given = self._give(identifier, inputs, assets)
            job = JobRecord(
                0, identifier, tool.name, given, asked.parameters, key, digest, "waiting", False, False, 0,
                now(), None, None,
            )  # fmt: skip
            kept = self.store.add_job(job, self.settings.queue)
        except BaseException:
            shutil.rmtree(self._jobs / identifier, ignore_errors=True)
            raise
        if kept is None or kept.id != identifier:
            shutil.rmtree(self._jobs / identifier, ignore_errors=True)
        if kept is None:
            raise Refusal(
                429,
                f"{self.settings.queue} jobs wait already; ask again in a few seconds.",
                headers={"Retry-After": str(_RETRY_AFTER)},
            )
        if kept.id != identifier:
            return _same(kept, digest), False
        self._carry(kept)
        return kept, True

    def _check_inputs(
        self, tool: Tool, inputs: Sequence[NamedInput], assets: Sequence[AssetRecord], parameters: Mapping[str, Any]
    ) -> None:
        wanted = ", ".join(one.title.lower() for one in tool.inputs)
        several = any(one.several for one in tool.inputs)
        if not several and len(assets) != len(tool.inputs):
            raise Refusal(422, f"{tool.title} needs {wanted}, not {len(assets)} assets.")
        for number, asset in enumerate(assets):
            needed = tool.inputs[min(number, len(tool.inputs) - 1)]
            if needed.kind == "photo" and asset.kind != "image":
                raise Refusal(422, f"{needed.title} is one image, but {asset.name} is a material.")
            if needed.kind == "material" and asset.kind != "material":
                raise Refusal(422, f"{needed.title} is a material, but {asset.name} is one image.")
        if tool.name != "upscale" and any(one.kind or one.normal for one in inputs):
            raise Refusal(422, "Only what is upscaled can be told a kind or a normal convention.")
        made = pixels_made(tool, parameters, [asset.width * asset.height for asset in assets])
        if made > self.settings.result_pixels:
            raise Refusal(
                422,
                f"That would make {made / 1e6:.0f} million pixels; this service makes "
                f"{self.settings.result_pixels / 1e6:.0f} million in one job.",
            )

    def _give(
        self, identifier: str, inputs: Sequence[NamedInput], assets: Sequence[AssetRecord]
    ) -> list[dict[str, Any]]:
        """A job's own inputs: the assets' files under their names, which outlive the assets."""
        given = []
        for number, (one, asset) in enumerate(zip(inputs, assets, strict=True)):
            name = plain_name(one.name) or asset.name
            place = self._jobs / identifier / "inputs" / str(number)
            if asset.kind == "image":
                stored = asset.files[0]["name"]
                own = safe_name(name, PurePosixPath(stored).suffix)
                sources = {stored: own}
            else:
                own = safe_name(name, "")
                place = place / own
                sources = {file["name"]: file["name"] for file in asset.files}
            with self._lock:
                place.mkdir(parents=True)
                for source, target in sources.items():
                    _link(self._assets / asset.id / source, place / target)
            told = {"asset": asset.id, "name": name, "path": f"inputs/{number}/{own}"}
            given.append({**told, "kind": one.kind, "normal": one.normal})
        return given

    def job(self, identifier: str) -> JobRecord:
        """A job.

        Raises:
            Refusal: when there is none.
        """
        job = self.store.job(identifier)
        if job is None or job.deleted:
            raise Refusal(404, "There is no such job here; it may have expired.")
        return job

    def shape(self, job: JobRecord) -> JobShape:
        """A job as it is told now."""
        with self._lock:
            live = self._live.get(job.id, Live()).model_copy()
        position = self.store.jobs_before(job.number) if job.state == "waiting" else 0
        return job_shape(job, live, position, self.store.said(job.id))

    def cancel(self, identifier: str) -> JobRecord:
        """End a job; one that has ended stays as it is.

        Raises:
            Refusal: when there is none.
        """
        job = self.job(identifier)
        if job.state in LIVE and not job.cancelling:
            self.store.change_job(identifier, cancelling=1)
            self._tell_state(identifier)
            with self._lock:
                key = self._keys.get(identifier)
            if key is not None:
                self.engine.cancel(key)
        return self.job(identifier)

    def delete(self, identifier: str) -> None:
        """Forget a job and its results, cancelled first if need be.

        Raises:
            Refusal: when there is none.
        """
        job = self.job(identifier)
        if job.state in LIVE:
            self.cancel(identifier)
        self.store.change_job(identifier, deleted=1)
        # One that still ends is removed then.
        if job.state not in LIVE:
            self._remove(identifier)

    def done_job(self, identifier: str) -> JobRecord:
        """A job that has results.

        Raises:
            Refusal: when there is none, or it has not come to its end.
        """
        job = self.job(identifier)
        if job.state != "done":
            raise Refusal(409, f"The job has no results: it is {job.state}.")
        return job

    def result(self, identifier: str, number: int) -> tuple[Path, Mapping[str, Any]]:
        """A result's file or folder, and what is known of it.

        Raises:
            Refusal: when there is none.
        """
        told = _numbered(self.done_job(identifier).results, number, "result")
        return self._jobs / identifier / "results" / told["path"], told

    def result_file(self, identifier: str, number: int, place: int) -> tuple[Path, Mapping[str, Any]]:
        """One file of a result.

        Raises:
            Refusal: when there is none.
        """
        path, told = self.result(identifier, number)
        file = _numbered(told["files"], place, "file")
        return (path / file["name"] if told["kind"] == "material" else path), file

    def result_preview(self, identifier: str, number: int) -> Path:
        """A small picture of a result.

        Raises:
            Refusal: when there is none.
        """
        _, told = self.result(identifier, number)
        if not told["preview"]:
            raise Refusal(404, "There is no picture of this result.")
        return self._jobs / identifier / "results" / str(told["preview"])

    def result_picture(self, identifier: str, number: int, place: int, side: int) -> Path:
        """A file of a result as browsers show it.

        Raises:
            Refusal: when there is none, or it is no picture.
        """
        path, told = self.result_file(identifier, number, place)
        return self._pictured(path, told["map"], side, self._jobs / identifier / _SHOWN, f"{number}-{place}", told)

    def preview(self, identifier: str) -> Path:
        """The latest picture of a job.

        Raises:
            Refusal: when there is none yet.
        """
        job = self.job(identifier)
        if job.state == "done":
            first = next((number for number, one in enumerate(job.results) if one["preview"]), 0)
            return self.result_preview(identifier, first)
        with self._lock:
            shown = self._live.get(identifier, Live()).preview
        if job.state != "running" or not shown or not Path(shown).is_file():
            raise Refusal(404, "There is no picture of this job yet.")
        return Path(shown)

    def _pictured(
        self, source: Path, map_name: str, side: int, folder: Path, name: str, told: Mapping[str, Any] | None = None
    ) -> Path:
        if told is not None and not told["width"]:
            raise Refusal(415, f"{told['name']} is no picture.")
        target = folder / f"{name}-{side}.png"
        if not target.is_file():
            self.check_room()
            try:
                folder.mkdir(exist_ok=True)
            except FileNotFoundError as error:
                raise Refusal(404, "It has just been removed.") from error
            self.examiner.picture(source, map_name, side, target)
        return target

    # Running

    def _take_up(self, job: JobRecord) -> None:
        """Run again a job that the last service did not end."""
        folder = self._jobs / job.id
        for name in [one.name for one in folder.iterdir() if one.name != "inputs"] if folder.is_dir() else []:
            shutil.rmtree(folder / name, ignore_errors=True)
        if job.cancelling or job.deleted:
            self._end(job.id, state="cancelled")
        elif not all((folder / one["path"]).exists() for one in job.inputs):
            self._end(job.id, state="failed", sentence="The job's inputs are gone from the service's disk.")
        elif job.attempts >= _MOST_ATTEMPTS:
            sentence = f"The service ended {job.attempts} times while this ran; it may be too much for this machine."
            self._end(job.id, state="failed", sentence=sentence)
        else:
            if job.state == "running":
                self.store.change_job(job.id, state="waiting", started=None)
                self._say(job.id, _INTERRUPTED)
            self._carry(job)

    def _carry(self, job: JobRecord) -> None:
        """Give a job to the engine; every attempt has its own key and folder, since an old one may still write."""
        attempt = uuid.uuid4().hex[:12]
        key = f"{job.id}-{attempt}"
        folder = self._jobs / job.id
        inputs: list[str | Mapping[str, str]] = []
        for one in job.inputs:
            path = str(folder / one["path"])
            known = {name: one[name] for name in ("kind", "normal") if one[name]}
            inputs.append({"path": path, **known} if known else path)
        run_folder = folder / f"run-{attempt}"
        run_folder.mkdir(exist_ok=True)
        with self._lock:
            self._live[job.id] = Live()
            self._keys[job.id] = key
        asked = Run(job.tool, inputs, dict(job.parameters), run_folder)
        try:
            self.engine.submit(key, asked, lambda told: self._said.put((job.id, attempt, told)))
        except (MatshotError, ValueError) as error:
            if not self._closing.is_set():
                self._end(job.id, state="failed", sentence=str(error))
            return
        now_known = self.store.job(job.id)
        if now_known is not None and now_known.cancelling:
            self.engine.cancel(key)

    def _listen(self) -> None:
        """Take in what the engine says; the thread of the jobs."""
        while (entry := self._said.get()) is not None:
            identifier, attempt, told = entry
            if told.kind in _LAST and self._closing.is_set() and told.kind != "done":
                continue  # the engine was closed; the next start takes it up
            try:
                self._hear(identifier, attempt, told)
            except Exception:
                _log.exception("job %s", identifier)

    def _hear(self, identifier: str, attempt: str, told: Told) -> None:
        folder = self._jobs / identifier / f"run-{attempt}"
        if told.kind == "started":
            job = self.store.job(identifier)
            if job is not None:
                # A worker's death, after which it starts once more, is the engine's to count.
                attempts = job.attempts + (job.state == "waiting")
                self._persistently(
                    lambda: self.store.change_job(
                        identifier, state="running", started=job.started or now(), attempts=attempts
                    )
                )
            self._tell_state(identifier)
        elif told.kind == "progress":
            self._progress(identifier, folder, told)
        elif told.kind == "again":
            with self._lock:
                self._live[identifier] = Live()
            self._say(identifier, told.sentence or "The worker died; it is tried again.")
        elif told.kind == "done":
            self._finish(identifier, folder, told)
        else:
            sentence = told.sentence if told.kind == "failed" else ""
            # Where things lie on the server is nobody's business.
            hidden = sentence.replace(f"{folder.parent}/", ""), told.cause.replace(f"{self.folder}/", "")
            self._end(identifier, state=told.kind, sentence=hidden[0], cause=hidden[1], failures=list(told.failures))

    def _progress(self, identifier: str, folder: Path, told: Told) -> None:
        with self._lock:
            live = self._live.setdefault(identifier, Live())
            live.fraction = max(live.fraction, min(max(told.fraction, 0.0), 1.0))
            live.stage = told.stage or live.stage
            shown = bool(told.preview) and told.preview != live.preview and _is_within(told.preview, folder)
            if shown:
                live.preview = told.preview
                live.pictures += 1
            now_known = live.model_copy()
        self.feeds.tell(identifier, "progress", {"fraction": now_known.fraction, "stage": now_known.stage})
        if shown:
            self.feeds.tell(identifier, "preview", {"href": f"/v1/jobs/{identifier}/preview?n={now_known.pictures}"})

    def _finish(self, identifier: str, folder: Path, told: Told) -> None:
        job = self.store.job(identifier)
        if job is None:
            return
        try:
            results, size = self._delivered(job, folder, told)
        except (OSError, MatshotError, ValueError, KeyError) as error:
            _log.warning("The results of %s: %r", identifier, error)
            sentence = error.sentence if isinstance(error, MatshotError) else "The results could not be kept."
            if is_full(error):
                sentence = "The results could not be kept; the service's disk is full."
            self._end(identifier, state="failed", sentence=sentence, cause=str(error))
            return
        self._end(identifier, state="done", results=results, failures=list(told.failures), bytes=size)

    def _delivered(self, job: JobRecord, folder: Path, told: Told) -> tuple[list[dict[str, Any]], int]:
        """Move results to where they are kept; what is known of them, and their bytes."""
        if not told.results:
            raise MatshotError("The tool made no results.")
        inside = [Path(one["path"]).resolve().relative_to(folder.resolve()) for one in told.results]
        parts = inside[0].parts[: inside[0].parts.index("results") + 1]
        made = folder.resolve().joinpath(*parts)
        sources = {str(self._jobs / job.id / one["path"]): number for number, one in enumerate(job.inputs)}
        results = []
        for one in told.results:
            results.append(self._described(job, one, made, sources))
        size = sum(file.stat().st_size for file in made.rglob("*") if file.is_file())
        made.rename(self._jobs / job.id / "results")
        return results, size

    def _described(
        self, job: JobRecord, made: Mapping[str, Any], folder: Path, sources: Mapping[str, int]
    ) -> dict[str, Any]:
        path = Path(made["path"]).resolve()
        preview = Path(made["preview"]).resolve() if made["preview"] else None
        size = {"width": made["width"], "height": made["height"]}
        given = sources.get(made["source"], 0 if len(sources) == 1 else None)
        if made["kind"] == "material":
            files = [dict(one) for one in self.examiner.material(path)["files"]]
        else:
            asset = self.store.asset(job.inputs[given]["asset"]) if given is not None else None
            same = asset is not None and asset.kind == "image" and job.tool != "preview"
            files = [{"name": path.name, "map": asset.files[0]["map"] if asset and same else "", **size}]
        for one in files:
            one["bytes"] = (path / one["name"] if made["kind"] == "material" else path).stat().st_size
        return {
            "kind": made["kind"],
            "name": path.name,
            "path": path.relative_to(folder).as_posix(),
            "preview": preview.relative_to(folder).as_posix() if preview is not None and preview.is_file() else "",
            **size,
            "wrap": made["wrap"],
            "input": given,
            "notes": list(made["notes"]),
            "files": files,
        }

    def _end(self, identifier: str, **values: Any) -> None:
        """End a job in the database, tell it, and clear away what it no longer needs."""
        self._persistently(lambda: self.store.change_job(identifier, ended=now(), cancelling=0, **values))
        with self._lock:
            self._live.pop(identifier, None)
            self._keys.pop(identifier, None)
        job = self.store.job(identifier)
        if job is None:
            return
        if job.started is not None and job.ended is not None:
            self.metrics.duration(
                "matshot_job_seconds", "Seconds that jobs ran.", job.ended - job.started, tool=job.tool
            )
        self.metrics.count("matshot_jobs_total", "Jobs that ended.", tool=job.tool, state=job.state)
        for leftover in (self._jobs / identifier).glob("run-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        shutil.rmtree(self._jobs / identifier / "inputs", ignore_errors=True)
        self.feeds.tell(identifier, "state", self.shape(job).model_dump(), last=True)
        if job.deleted:
            self._remove(identifier)

    def _persistently(self, change: Callable[[], None]) -> None:
        """Write to the database, as soon as there is room; what is not written yet is run again if the service dies."""
        while True:
            try:
                change()
                return
            except sqlite3.Error as error:
                if not is_full(error) or self._closing.wait(_AGAIN):
                    raise

    def _remove(self, identifier: str) -> None:
        self.store.remove_job(identifier)
        shutil.rmtree(self._jobs / identifier, ignore_errors=True)

    def _say(self, identifier: str, text: str) -> None:
        with contextlib.suppress(sqlite3.Error):
            time, text = self.store.say(identifier, text)
            self.feeds.tell(identifier, "log", LogShape(time=instant(time), text=text).model_dump())

    def _tell_state(self, identifier: str) -> None:
        job = self.store.job(identifier)
        if job is not None and job.state in LIVE:
            self.feeds.tell(identifier, "state", self.shape(job).model_dump())

    # Clearing up

    def _keep_clear(self) -> None:
        while not self._closing.wait(_SWEEP):
            try:
                self.sweep()
            except Exception:
                _log.exception("clearing up")

    def sweep(self) -> None:
        """Remove what has expired, what was to go and did not, and pictures that can be made again."""
        self._forget_pictures(now() - _PICTURES)
        for identifier in self.store.job_ids(deleted=True):
            self._remove(identifier)
        if not self.settings.keep_days:
            return
        before = now() - self.settings.keep_days * 86400
        for identifier in self.store.job_ids(ended_before=before):
            self._remove(identifier)
        for identifier in self.store.asset_ids(unused_since=before):
            with contextlib.suppress(Refusal):
                self.delete_asset(identifier)

    def _forget_pictures(self, before: float) -> None:
        """Remove pictures for browsers, which no quota counts, when they are old."""
        for places in (self._assets, self._jobs):
            for picture in places.glob(f"*/{_SHOWN}/*.png"):
                # It may go at the same moment with what it shows.
                with contextlib.suppress(FileNotFoundError):
                    if picture.stat().st_mtime < before:
                        picture.unlink()

    # What is told of the service

    def check(self) -> None:
        """Whether it works.

        Raises:
            Refusal: when it does not.
        """
        try:
            self.store.check()
        except sqlite3.Error as error:
            raise Refusal(503, "The service's database does not answer.", str(error)) from error
        if self._closing.is_set() or not self._threads[0].is_alive():
            raise Refusal(503, "The service is ending.")

    def metrics_text(self) -> str:
        """For Prometheus."""
        workers = self.engine.workers
        states: dict[tuple[tuple[str, str], ...], float] = {
            (("state", state),): float(count) for state, count in self.store.counts().items()
        }
        disk = shutil.disk_usage(self.folder)
        gauges: list[tuple[str, str, Mapping[tuple[tuple[str, str], ...], float]]] = [
            ("matshot_jobs", "Jobs that are kept, by state.", states),
            ("matshot_workers", "Workers there are.", {(): float(len(workers))}),
            ("matshot_workers_busy", "Workers that run a job.", {(): float(sum(bool(one["busy"]) for one in workers))}),
            ("matshot_workers_gpu", "Workers with a GPU.", {(): float(sum(bool(one["gpu"]) for one in workers))}),
            ("matshot_listeners", "Connections that follow a job.", {(): float(self.feeds.listeners)}),
            ("matshot_kept_bytes", "Bytes of assets and results.", {(): float(self.store.bytes())}),
            ("matshot_quota_bytes", "Bytes that may be kept; 0 for any.", {(): float(self.settings.quota)}),
            ("matshot_disk_free_bytes", "Bytes free on the disk.", {(): float(disk.free)}),
        ]
        return self.metrics.text(gauges)


def _name_maps(files: Sequence[tuple[str, Path]], folder: Path) -> None:
    """Move the files of a material to a folder, with names that are safe and still say which maps they are."""
    for shown, file in files:
        target = folder / (DESCRIPTION if shown == DESCRIPTION else safe_name(shown))
        if target.exists():
            raise Refusal(400, f"Two files have the name {target.name}.")
        file.rename(target)


def _same(job: JobRecord, digest: str) -> JobRecord:
    if job.digest != digest:
        raise Refusal(422, "This Idempotency-Key was used for another job; take a new one.")
    if job.deleted:
        raise Refusal(404, "The job of this Idempotency-Key was deleted; take a new one.")
    return job


def _numbered(listed: Sequence[Mapping[str, Any]], number: int, what: str) -> Mapping[str, Any]:
    if not 0 <= number < len(listed):
        raise Refusal(404, f"There is no {what} {number}; there are {len(listed)}, counted from 0.")
    return listed[number]


def _is_within(path: str, folder: Path) -> bool:
    return Path(path).resolve().is_relative_to(folder.resolve())


def _link(source: Path, target: Path) -> None:
    """The same file under another name; a copy where the file system has no links."""
    try:
        target.hardlink_to(source)
    except FileNotFoundError as error:
        raise Refusal(404, "An asset has just been removed; send it again.") from error
    except OSError:
        shutil.copyfile(source, target)


def _flush(folder: Path) -> None:
    """See to it that files are on the disk, not only on their way."""
    for file in folder.iterdir():
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())


def _remove_others(folder: Path, known: Sequence[str]) -> None:
    """Remove folders that the database does not know."""
    wanted = set(known)
    for one in folder.iterdir():
        if one.name not in wanted:
            shutil.rmtree(one, ignore_errors=True)
