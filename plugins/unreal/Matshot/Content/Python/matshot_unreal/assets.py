"""Assets by path: existence, place on disk, creation, saving and deletion."""

from __future__ import annotations

import os
import uuid
from typing import Any, Mapping, Sequence

import unreal

from matshot_host.errors import MatshotError


def exists(path: str) -> bool:
    """Whether an asset exists at a path such as ``/Game/Folder/Name``."""
    return bool(_subsystem().does_asset_exist(path))


def loaded(path: str) -> Any:
    """The asset at a path, or None."""
    return _subsystem().load_asset(path) if exists(path) else None


def is_exactly(asset: Any, kind: Any) -> bool:
    """Whether an asset is of a class, not of a class derived from it, such as a light map."""
    return asset is not None and type(asset) is kind


def check_folder(folder: str) -> None:
    """Verify that assets can be saved in a content folder.

    Raises:
        MatshotError: for a path outside the project's content, and one that cannot be written.
    """
    if folder != "/Game" and not folder.startswith("/Game/"):
        raise MatshotError(f"{folder} is outside the project. Choose a folder in /Game.")
    content = unreal.Paths.convert_relative_path_to_full(unreal.Paths.project_content_dir())
    place = os.path.join(content, *folder.split("/")[2:])
    # Unreal creates missing folders when it saves.
    existing = place
    while not os.path.exists(existing) and os.path.dirname(existing) != existing:
        existing = os.path.dirname(existing)
    probe = os.path.join(existing, f"{uuid.uuid4().hex}.matshot")
    try:
        with open(probe, "wb"):
            pass
        os.remove(probe)
    except OSError as error:
        raise MatshotError(f"Cannot write to the project folder {place}: {error.strerror or error}.") from error


def create(name: str, folder: str, kind: Any, factory: Any) -> Any:
    """Create an asset.

    Raises:
        MatshotError: when Unreal does not create it.
    """
    asset = unreal.AssetToolsHelpers.get_asset_tools().create_asset(name, folder, kind, factory)
    if asset is None:
        raise MatshotError(f"Unreal could not create {name} in {folder}. See the Output Log.")
    return asset


def set_properties(target: Any, values: Mapping[str, Any]) -> None:
    """Set editor properties with a single notification, since each one rebuilds a texture or recompiles a material.

    Args:
        target: object to change.
        values: by property, in the order in which they are set.
    """
    modes = unreal.PropertyAccessChangeNotifyMode
    target.modify()
    for index, (name, value) in enumerate(values.items(), start=1):
        # ALWAYS, since the last value may be unchanged.
        target.set_editor_property(name, value, modes.ALWAYS if index == len(values) else modes.NEVER)


def save(asset: Any) -> None:
    """Save an asset.

    Raises:
        MatshotError: when it cannot be saved.
    """
    if not _subsystem().save_loaded_asset(asset, only_if_is_dirty=False):
        raise MatshotError(
            f"Cannot save {asset.get_name()}. Check whether its file is read-only or needs to be checked out."
        )


def check_out(asset: Any) -> None:
    """Check out an existing asset that is to be changed, where the project uses source control.

    Raises:
        MatshotError: when that fails, for instance because somebody else has it.
    """
    if unreal.SourceControl.is_enabled() and not _subsystem().checkout_loaded_asset(asset):
        raise MatshotError(f"{asset.get_name()} could not be checked out, so it was not changed.")


def keep_unsaved(asset: Any) -> None:
    """Keep an asset for this session only, without a question when the editor is closed."""
    _subsystem().set_dirty_flag(asset, False)


def referencers(path: str) -> list[Any]:
    """Assets that use an asset."""
    found = (loaded(str(one).partition(".")[0]) for one in _subsystem().find_package_referencers_for_asset(path))
    return [one for one in found if one is not None]


def remove(assets: Sequence[Any]) -> None:
    """Delete assets of an import that failed halfway."""
    for asset in assets:
        _subsystem().delete_loaded_asset(asset)


def path_of(asset: Any) -> str:
    """``/Game/Folder/Name`` of an asset."""
    return str(asset.get_path_name()).partition(".")[0]


def _subsystem() -> Any:
    return unreal.get_editor_subsystem(unreal.EditorAssetSubsystem)
