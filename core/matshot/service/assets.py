"""Assets: images and materials that clients upload and jobs take as inputs."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from matshot_host.description import DESCRIPTION

from .accounts import ADMIN, Account
from .data_folder import DataFolder
from .inspector import Inspector
from .metrics import Metrics
from .models import AssetView, asset_view
from .naming import plain_name, safe_name
from .records import AssetRecord
from .refusal import Refusal
from .settings import Settings
from .store import Store, now
from .upload import Upload, digest_of_files, too_large

_Kept = TypeVar("_Kept")


class Assets:
    """Uploads become assets here; for any thread.

    Args:
        settings: bounds of uploads.
        data: folder of the service.
        store: database of the service.
        inspector: looks into what strangers send.
        metrics: counts uploads.
    """

    def __init__(
        self, settings: Settings, data: DataFolder, store: Store, inspector: Inspector, metrics: Metrics
    ) -> None:
        self._settings, self._data, self._store = settings, data, store
        self._inspector, self._metrics = inspector, metrics
        self._lock = threading.RLock()

    def begin_upload(
        self, content_type: str, name: str, length: int, most_files: int = 0, text_field: str = ""
    ) -> Upload:
        """Begin to take an upload.

        Args:
            content_type: of it.
            name: that it has, empty if only its form knows.
            length: in bytes, 0 for unknown.
            most_files: in its form; 0 for as many as a material may have.
            text_field: of its form, see :class:`~matshot.service.upload.Upload`.

        Raises:
            Refusal: when it is too large, or the disk or the quota is full.
        """
        if length > self._settings.upload:
            raise too_large(self._settings.upload)
        self.check_room(length)
        most_files = most_files or self._settings.files
        return Upload(self._data.incoming, content_type, name, self._settings.upload, most_files, text_field)

    def check_room(self, length: int = 0) -> None:
        """Check that so many bytes more can be stored.

        Raises:
            Refusal: when the quota or the disk is full.
        """
        quota = self._settings.quota
        if quota and self._store.bytes() + length > quota:
            raise Refusal(
                507,
                f"The storage quota of {quota / 2**30:.3g} GB is used up. Delete jobs or assets.",
                code="quota_full",
            )
        if shutil.disk_usage(self._data.path).free < self._settings.spare + length:
            raise Refusal(507, "The service's disk is nearly full. Delete jobs or assets.")

    def _room(self) -> int:
        """Bytes that can be stored."""
        room = shutil.disk_usage(self._data.path).free - self._settings.spare
        quota = self._settings.quota
        return max(0, min(room, quota - self._store.bytes()) if quota else room)

    def take(
        self,
        content_type: str,
        name: str,
        body: bytes,
        add: Callable[[Upload], _Kept],
        most_files: int = 0,
        text_field: str = "",
    ) -> _Kept:
        """Make something of an upload that is here already.

        Args:
            content_type: as of :meth:`begin_upload`.
            name: likewise.
            body: of the upload.
            add: makes it, such as :meth:`add` or :meth:`add_each`.
            most_files: likewise.
            text_field: likewise.

        Raises:
            Refusal: as these do.
        """
        upload = self.begin_upload(content_type, name, len(body), most_files, text_field)
        try:
            upload.feed(body)
            upload.finish()
            return add(upload)
        finally:
            upload.discard()

    def add(self, upload: Upload, digest: str = "", account: Account = ADMIN) -> tuple[AssetRecord, bool]:
        """Make an asset of a complete upload; also whether it is new.

        Args:
            upload: that has finished.
            digest: SHA-256 that the client expects of a single file, empty for none.
            account: whose it becomes.

        Raises:
            Refusal: for what is neither an image nor a material, and when the disk or the quota is full.
        """
        single = len(upload.files) == 1
        if digest and (not single or upload.digests[0] != digest.lower()):
            raise Refusal(400, "The upload was damaged on its way: its SHA-256 differs.")
        if single:
            prepared = self._prepared(upload, 0, upload.name)
        else:
            folder = upload.folder / "material"
            folder.mkdir()
            _name_maps(upload.files, folder)
            prepared = self._prepared_material(folder, upload.name)
        return self._keep([prepared], account)[0]

    def add_each(
        self, upload: Upload, account: Account = ADMIN, *, durable: bool = True
    ) -> list[tuple[AssetRecord, bool]]:
        """Make an asset of each file of a complete upload, of all or of none; also which are new.

        Args:
            upload: that has finished.
            account: whose they become.
            durable: whether their records are on the disk at the end; else they come there with the next that is.

        Raises:
            Refusal: as :meth:`add`, for the first file that is refused.
        """
        prepared = [self._prepared(upload, number) for number in range(len(upload.files))]
        return self._keep(prepared, account, durable=durable)

    def _prepared(self, upload: Upload, number: int, name: str = "") -> tuple[AssetRecord, Path]:
        """The asset that a file of an upload becomes, image or zip of a material, and the folder of its files."""
        sent, file = upload.files[number]
        name = name or sent
        found = self._inspector.image(file, name)
        folder = upload.folder / f"asset-{number}"
        folder.mkdir()
        if found["suffix"] != ".zip":
            return self._prepared_image(file, folder, upload.digests[number], name, found)
        bounds = {"files": self._settings.files, "unpacked": self._settings.unpacked, "room": self._room()}
        self._inspector.unpack(file, folder, bounds)
        return self._prepared_material(folder, name)

    def _prepared_image(
        self, file: Path, folder: Path, digest: str, name: str, found: Mapping[str, Any]
    ) -> tuple[AssetRecord, Path]:
        suffix = found["suffix"]
        stored = file.with_suffix(suffix).rename(folder / f"image{suffix}")
        size = stored.stat().st_size
        width, height = found["width"], found["height"]
        described = {"name": f"image{suffix}", "map": found["map"], "width": width, "height": height, "bytes": size}
        time = now()
        title = plain_name(name) or f"image{suffix}"
        return AssetRecord(digest, "image", title, width, height, size, [described], time, time), folder

    def _prepared_material(self, folder: Path, name: str) -> tuple[AssetRecord, Path]:
        found = self._inspector.material(folder)
        files = [{**one, "bytes": (folder / one["name"]).stat().st_size} for one in found["files"]]
        digest = digest_of_files({one["name"]: folder / one["name"] for one in files})
        title = PurePosixPath(plain_name(name)).stem or plain_name(str(found["name"])) or "material"
        size = sum(one["bytes"] for one in files)
        time = now()
        return AssetRecord(digest, "material", title, found["width"], found["height"], size, files, time, time), folder

    def _keep(
        self, prepared: Sequence[tuple[AssetRecord, Path]], account: Account, *, durable: bool = True
    ) -> list[tuple[AssetRecord, bool]]:
        """Move assets to their places, and record all of them at once; also which are new."""
        for _, folder in prepared:
            _flush(folder)
        kept, new, known = list[tuple[AssetRecord, bool]](), dict[str, AssetRecord](), list[str]()
        with self._lock:
            try:
                for asset, folder in prepared:
                    before = new.get(asset.id) or self._known(asset.id)
                    if before is not None:
                        known.append(asset.id)
                        kept.append((replace(before, name=asset.name), False))
                        continue
                    self.check_room(asset.bytes + sum(one.bytes for one in new.values()))
                    self._data.put_asset(asset.id, folder)
                    new[asset.id] = asset
                    kept.append((asset, True))
                self._store.keep_assets(list(new.values()), known, account.name, durable=durable)
            except BaseException:
                for asset in new.values():
                    self._remove_folder(asset)
                raise
        for asset in new.values():
            self._metrics.count("matshot_uploads_total", "Assets that were uploaded.", kind=asset.kind)
            self._metrics.count("matshot_upload_bytes_total", "Bytes of them.", asset.bytes)
        used_at = self._store.service_time()
        return [(replace(asset, used_at=used_at), is_new) for asset, is_new in kept]

    def _known(self, identifier: str) -> AssetRecord | None:
        """An asset that is here with its files; one without them is forgotten."""
        known = self._store.asset(identifier)
        if known is not None and all((self._data.assets / known.id / one["name"]).is_file() for one in known.files):
            return known
        # Its folder went, but not its record: the process ended between, or the database is older than that.
        if known is not None:
            self._store.remove_asset(identifier)
        return None

    def get(self, identifier: str, account: Account = ADMIN) -> AssetRecord:
        """An asset.

        Args:
            identifier: of the asset.
            account: that asks; what it has not sent itself is unknown to it.

        Raises:
            Refusal: when it is unknown.
        """
        asset = self._store.asset(identifier)
        if asset is None or not (account.owner is None or self._store.owns_asset(identifier, account.name)):
            raise Refusal(404, "Unknown asset; it may have expired. Upload it again.", code="unknown_asset")
        return asset

    def listing(self, account: Account, kind: str, most: int, before: str | None) -> list[AssetRecord]:
        """Assets, newest first; see :meth:`~matshot.service.store.Store.assets`."""
        return self._store.assets(account.owner, kind, most, before)

    def view(self, asset: AssetRecord) -> AssetView:
        """An asset as clients see it now."""
        return asset_view(asset, self._store.expiry(asset.used_at, self._settings.keep_days))

    def file(self, identifier: str, number: int, account: Account = ADMIN) -> tuple[Path, Mapping[str, Any]]:
        """A file of an asset, and what is known of it.

        Raises:
            Refusal: when it is unknown.
        """
        asset = self.get(identifier, account)
        if not 0 <= number < len(asset.files):
            raise Refusal(404, f"Unknown file {number}. The asset has {len(asset.files)}, counted from 0.")
        file = asset.files[number]
        title = {"name": asset.name} if asset.kind == "image" else {}
        return self._data.assets / asset.id / file["name"], {**file, **title}

    def delete(self, identifier: str, account: Account = ADMIN) -> None:
        """Delete an asset, for a user that others share it with from their list alone; jobs have their own copy.

        Raises:
            Refusal: when it is unknown.
        """
        with self._lock:
            asset = self.get(identifier, account)
            if account.owner is not None and self._store.disown_asset(identifier, account.name):
                return
            # The folder first: a row without a folder can be removed later, a folder without a row only by hand.
            self._remove_folder(asset)
            self._store.remove_asset(identifier)

    def _remove_folder(self, asset: AssetRecord) -> None:
        self._data.remove_asset(asset.id, {file["name"] for file in asset.files})

    def link_files(self, folder: Path, names: Mapping[str, str], place: Path) -> None:
        """Link files of an asset or a result into a new folder, under other names; they outlive it.

        Args:
            folder: of the files.
            names: stored name to new name.
            place: the folder.

        Raises:
            Refusal: when they have just been deleted.
        """
        with self._lock:
            place.mkdir(parents=True)
            for source, target in names.items():
                _link(folder / source, place / target)


def _name_maps(files: Sequence[tuple[str, Path]], folder: Path) -> None:
    """Move the files of a material to a folder, with names that are safe and still say which maps they are."""
    for shown, file in files:
        target = folder / (DESCRIPTION if shown == DESCRIPTION else safe_name(shown))
        if target.exists():
            raise Refusal(400, f"Two files are named {target.name}.")
        file.rename(target)


def _link(source: Path, target: Path) -> None:
    """The same file under another name; a copy where the file system has no links."""
    try:
        target.hardlink_to(source)
    except FileNotFoundError as error:
        raise Refusal(404, "An input has just been deleted. Send it again.", code="unknown_asset") from error
    except OSError:
        shutil.copyfile(source, target)


def _flush(folder: Path) -> None:
    """Bring files to the disk, so that an asset that is recorded survives a power cut."""
    for file in folder.iterdir():
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
