"""Assets by their path: whether they exist, where they lie on the disk, saving and removing them."""

from __future__ import annotations

import os
import uuid
from typing import Any, Sequence

import unreal

from matshot_host.errors import MatshotError


def exists(path: str) -> bool:
    """Whether there is an asset at ``/Game/Folder/Name``."""
    return bool(_subsystem().does_asset_exist(path))


def loaded(path: str) -> Any:
    """The asset at a path, None if there is none."""
    return _subsystem().load_asset(path) if exists(path) else None


def check_folder(folder: str) -> None:
    """Refuse a content folder in which nothing can be saved.

    Raises:
        MatshotError: for a path outside of the project's content, and one that cannot be written.
    """
    if folder != "/Game" and not folder.startswith("/Game/"):
        raise MatshotError(f"{folder} is not a folder of the project; choose one that begins with /Game.")
    content = unreal.Paths.convert_relative_path_to_full(unreal.Paths.project_content_dir())
    place = os.path.join(content, *folder.split("/")[2:])
    # Folders are left to Unreal, which makes them when something is saved.
    there = place
    while not os.path.exists(there) and os.path.dirname(there) != there:
        there = os.path.dirname(there)
    probe = os.path.join(there, f"{uuid.uuid4().hex}.matshot")
    try:
        with open(probe, "wb"):
            pass
        os.remove(probe)
    except OSError as error:
        raise MatshotError(f"The project's folder {place} cannot be written: {error.strerror or error}.") from error


def create(name: str, folder: str, kind: Any, factory: Any) -> Any:
    """A new asset.

    Raises:
        MatshotError: when Unreal makes none.
    """
    made = unreal.AssetToolsHelpers.get_asset_tools().create_asset(name, folder, kind, factory)
    if made is None:
        raise MatshotError(f"Unreal did not make {name} in {folder}; see the Output Log.")
    return made


def save(asset: Any) -> None:
    """Write an asset to the disk.

    Raises:
        MatshotError: when that is not possible.
    """
    if not _subsystem().save_loaded_asset(asset, only_if_is_dirty=False):
        raise MatshotError(
            f"{asset.get_name()} could not be saved; look whether the project is read-only or checked in."
        )


def remove(assets: Sequence[Any]) -> None:
    """Take back assets of which not all could be made."""
    for asset in assets:
        _subsystem().delete_loaded_asset(asset)


def path_of(asset: Any) -> str:
    """``/Game/Folder/Name`` of an asset."""
    return str(asset.get_path_name()).partition(".")[0]


def _subsystem() -> Any:
    return unreal.get_editor_subsystem(unreal.EditorAssetSubsystem)
