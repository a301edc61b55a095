"""Pictures for browsers: previews of assets, results and jobs, and small PNGs of their files."""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..files import remove
from .accounts import ADMIN, Account
from .assets import Assets
from .data_folder import PICTURES, DataFolder
from .inspector import Inspector
from .jobs import Jobs
from .refusal import Refusal

#: Failures that are remembered, so that a file that cannot be drawn is tried once.
_REMEMBERED = 1000
#: Statuses of failures that are of the file, not of the moment.
_LASTING = (400, 413, 415)
#: Longest side of a preview, in pixels.
PREVIEW_SIDE = 512
#: Bounds of the longest side that a client may ask for.
LEAST_SIDE = 16
MOST_SIDE = 4096


class Pictures:
    """Draws pictures when they are first asked for, and keeps them for a while; for any thread.

    Args:
        data: folder of the service.
        assets: of the service.
        jobs: of the service.
        inspector: draws them.
    """

    def __init__(self, data: DataFolder, assets: Assets, jobs: Jobs, inspector: Inspector) -> None:
        self._data, self._assets, self._jobs, self._inspector = data, assets, jobs, inspector
        self._failures: collections.OrderedDict[Path, Refusal] = collections.OrderedDict()
        self._lock = threading.Lock()

    def asset_preview(self, identifier: str, account: Account = ADMIN) -> Path:
        """A picture of an asset.

        Raises:
            Refusal: when the asset is unknown, or no picture can be made of it.
        """
        asset = self._assets.get(identifier, account)
        if asset.kind == "image":
            return self.asset_file(identifier, 0, PREVIEW_SIDE, account)
        folder = self._data.assets / asset.id
        return self._drawn(folder, "", PREVIEW_SIDE, folder / PICTURES, "preview")

    def asset_file(self, identifier: str, number: int, side: int, account: Account = ADMIN) -> Path:
        """A file of an asset as browsers show it.

        Raises:
            Refusal: when it is unknown, or cannot be read.
        """
        path, facts = self._assets.file(identifier, number, account)
        _check_is_image(facts)
        return self._drawn(path, facts["map"], side, path.parent / PICTURES, str(number))

    def result_preview(self, identifier: str, number: int, account: Account = ADMIN) -> Path:
        """A small picture of a result.

        Raises:
            Refusal: when the result is unknown or has none.
        """
        _, facts = self._jobs.result(identifier, number, account)
        if not facts["preview"]:
            raise Refusal(404, "This result has no picture.")
        return self._jobs.results_folder(identifier) / str(facts["preview"])

    def result_file(self, identifier: str, number: int, place: int, side: int, account: Account = ADMIN) -> Path:
        """A file of a result as browsers show it.

        Raises:
            Refusal: when it is unknown, or not an image.
        """
        path, facts = self._jobs.result_file(identifier, number, place, account)
        _check_is_image(facts)
        folder = self._data.jobs / identifier / PICTURES
        return self._drawn(path, facts["map"], side, folder, f"{number}-{place}")

    def job_preview(self, identifier: str, account: Account = ADMIN) -> Path:
        """The latest picture of a job: of its first result, or of what is not done yet.

        Raises:
            Refusal: when the job is unknown or has none yet.
        """
        job = self._jobs.get(identifier, account)
        if job.state == "done":
            first = next((number for number, one in enumerate(job.results) if one["preview"]), 0)
            return self.result_preview(identifier, first)
        preview = self._jobs.progress(identifier).preview
        if job.state != "running" or not preview or not Path(preview).is_file():
            raise Refusal(404, "This job has no picture yet.")
        return Path(preview)

    def remove_older(self, before: float) -> None:
        """Remove pictures, which no quota counts, that were drawn before a time in seconds since 1970."""
        for picture in self._data.pictures():
            # It may go at the same moment with what it shows.
            with contextlib.suppress(FileNotFoundError):
                if picture.lstat().st_mtime < before:
                    remove(picture)

    def _drawn(self, source: Path, map_name: str, side: int, folder: Path, name: str) -> Path:
        target = folder / f"{name}-{side}.png"
        if not target.is_file():
            with self._lock:
                failure = self._failures.get(target)
            if failure is not None:
                raise Refusal(*failure.parts)
            self._assets.check_room()
            try:
                folder.mkdir(exist_ok=True)
            except FileNotFoundError as error:
                raise Refusal(404, "It has just been deleted.") from error
            try:
                self._inspector.picture(source, map_name, side, target)
            except Refusal as refusal:
                self._remember(target, refusal)
                raise
        return target

    def _remember(self, target: Path, refusal: Refusal) -> None:
        if refusal.status in _LASTING:
            with self._lock:
                self._failures[target] = refusal
                if len(self._failures) > _REMEMBERED:
                    self._failures.popitem(last=False)


def _check_is_image(facts: Mapping[str, Any]) -> None:
    if not facts["width"]:
        raise Refusal(415, f"{facts['name']} is not an image.")
