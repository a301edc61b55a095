"""Which files of a folder Matshot wrote, so that nothing of anybody else is ever replaced.

``material.json`` lists the maps, and the SHA-256 of every other file that Matshot put beside them. A file that is not
listed, or was changed since, is somebody's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from matshot_host.contents import file_digest
from matshot_host.description import DESCRIPTION, RAW_MAPS

from ..errors import MatshotError

#: Key of ``material.json`` with the SHA-256 of files by their names.
WRITTEN = "written"


def check_unclaimed(names: Iterable[str], folder: Path) -> None:
    """Check that files of a material may be written: their names are free, or Matshot wrote what has them.

    Args:
        names: of the files to write.
        folder: that they go to. Matshot wrote the maps that its ``material.json`` describes there, and the other files
            that have the contents that are noted there.

    Raises:
        MatshotError: when Matshot did not write one of them.
    """
    present = [name for name in names if os.path.lexists(folder / name)]
    description = own_description(folder) if present else None
    maps = _maps(description or {})
    for name in present:
        if description is None or (name not in maps and not _is_as_written(name, folder, description)):
            changed = ", or was changed since" if name in written(description) else ""
            raise MatshotError(
                f"{folder / name} exists and was not written by Matshot{changed}; "
                "choose another folder, or move the file away."
            )


def own_description(folder: Path) -> dict[str, Any] | None:
    """What a folder's ``material.json`` holds; None where Matshot wrote none."""
    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return description if isinstance(description, dict) and "matshot" in description else None


def written(description: Mapping[str, Any] | None) -> dict[str, str]:
    """SHA-256 of the files that Matshot put beside the maps, by their names."""
    noted = (description or {}).get(WRITTEN)
    return {str(name): str(digest) for name, digest in noted.items()} if isinstance(noted, dict) else {}


def _maps(description: Mapping[str, Any]) -> set[str]:
    """Names of the maps that a description lists, raw ones and those of a template too, and of itself."""
    maps, files = description.get("maps"), description.get("files")
    named = {DESCRIPTION, *([RAW_MAPS] if description.get("raw") else [])}
    if isinstance(maps, dict):
        named |= {str(one["file"]) for one in maps.values() if isinstance(one, dict) and "file" in one}
    return named | {str(one) for one in files} if isinstance(files, list) else named


def _is_as_written(name: str, folder: Path, description: Mapping[str, Any]) -> bool:
    noted, file = written(description).get(name), folder / name
    # Only of a file: a pipe would never end.
    return bool(noted) and file.is_file() and file_digest(str(file)) == noted
