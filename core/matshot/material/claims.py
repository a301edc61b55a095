"""Which files of a folder Matshot wrote, so that nothing of anybody else is ever replaced.

``material.json`` lists the maps, and the SHA-256 of every file that Matshot put into the folder. A file that is not
listed, or was changed since, is somebody's. Older folders have no SHA-256 of maps; there those that are listed are
Matshot's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from matshot_host.contents import file_digest
from matshot_host.description import DESCRIPTION, RAW_MAPS

from ..errors import MatshotError

#: Key of ``material.json`` with the SHA-256 of files by their names.
WRITTEN = "written"


def check_unclaimed(names: Iterable[str], folder: Path, fresh: Mapping[str, str] | None = None) -> None:
    """Check that files of a material may be written: their names are free, or Matshot wrote what has them.

    Args:
        names: of the files to write.
        folder: that they go to. Matshot wrote the files that have the contents that its ``material.json`` notes there,
            and the maps that it lists without noting any.
        fresh: SHA-256 of files to write; where the same is there already, nothing is lost.

    Raises:
        MatshotError: when Matshot did not write one of them.
    """
    present = [name for name in names if os.path.lexists(folder / name)]
    description = own_description(folder) if present else None
    for name in present:
        digests = {written(description).get(name, ""), (fresh or {}).get(name, "")} - {""}
        listed = description is not None and name in _maps(description) and name not in written(description)
        if not listed and (description is None or not _has_digest(folder / name, digests)):
            raise _claimed(folder / name, noted=name in written(description))


def check_unchanged(folder: Path, names: Iterable[str] | None = None) -> None:
    """Check that nobody changed the maps of a folder since Matshot wrote them.

    Args:
        folder: of a material, or any other; of folders without notes of their maps nothing is known.
        names: of the files; None for the maps that ``material.json`` lists.

    Raises:
        MatshotError: when one was changed.
    """
    description = own_description(folder) or {}
    noted = written(description)
    for name in sorted(_maps(description)) if names is None else names:
        if name in noted and os.path.lexists(folder / name) and not _has_digest(folder / name, {noted[name]}):
            raise _claimed(folder / name, noted=True)


def digests_of(names: Iterable[str], folder: Path) -> dict[str, str]:
    """SHA-256 of files in a folder, by their names."""
    return {name: file_digest(str(folder / name)) for name in names}


def own_description(folder: Path) -> dict[str, Any] | None:
    """What a folder's ``material.json`` holds; None where Matshot wrote none."""
    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return description if isinstance(description, dict) and "matshot" in description else None


def written(description: Mapping[str, Any] | None) -> dict[str, str]:
    """SHA-256 of the files that Matshot put into a material's folder, by their names."""
    noted = (description or {}).get(WRITTEN)
    return {str(name): str(digest) for name, digest in noted.items()} if isinstance(noted, dict) else {}


def _maps(description: Mapping[str, Any]) -> set[str]:
    """Names of the maps that a description lists, raw ones and those of a template too, and of itself."""
    maps, files = description.get("maps"), description.get("files")
    named = {DESCRIPTION, *([RAW_MAPS] if description.get("raw") else [])}
    if isinstance(maps, dict):
        named |= {str(one["file"]) for one in maps.values() if isinstance(one, dict) and "file" in one}
    return named | {str(one) for one in files} if isinstance(files, list) else named


def _has_digest(file: Path, digests: Collection[str]) -> bool:
    # Only of a file: a pipe would never end.
    return bool(digests) and file.is_file() and file_digest(str(file)) in digests


def _claimed(file: Path, *, noted: bool) -> MatshotError:
    changed = ", or was changed since" if noted else ""
    return MatshotError(
        f"{file} exists and was not written by Matshot{changed}; choose another folder, or move the file away."
    )
