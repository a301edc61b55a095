"""What Matshot put into a plug-in's folder, noted there, so that what somebody changed or added is told from it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import Dict, List, Mapping, Optional, Sequence

from .location import user_folder

#: File in a plug-in's folder with the SHA-256 of every file by its name.
LISTING = "matshot-files.json"
#: What Python, Maya and systems leave in folders.
_CACHES = ("__pycache__",)
_LEFT = (".DS_Store", "Thumbs.db", "desktop.ini")

#: Bytes that are read at a time: scenes of large materials need not fit into memory.
_PIECE = 1 << 20


def note_contents(folder: str, beside: Mapping[str, str]) -> None:
    """Note what a plug-in's folder holds now.

    Args:
        folder: of the plug-in.
        beside: files that will be beside the folder, where they are now by their names.

    Raises:
        OSError: when the folder cannot be read or written.
    """
    digests = {name: file_digest(os.path.join(folder, name)) for name in _files(folder)}
    outer = {name: file_digest(path) for name, path in beside.items()}
    with open(os.path.join(folder, LISTING), "w", encoding="utf-8") as stream:
        json.dump({"files": digests, "beside": outer}, stream, indent=1, sort_keys=True)


def changed_files(folder: str) -> Optional[Dict[str, bool]]:
    """Files in a plug-in's folder that somebody changed or added since Matshot put it there.

    Returns:
        For every name whether the file was added. Links count as added. None where nothing is noted, as in folders of
        older versions.
    """
    noted = _noted(folder).get("files")
    if os.path.islink(folder) or noted is None:
        return None
    digests = {name: file_digest(os.path.join(folder, name)) for name in _files(folder)}
    return {name: name not in noted for name, digest in digests.items() if noted.get(name) != digest}


def is_changed(file: str, folder: str) -> bool:
    """Whether a file beside a plug-in's folder was changed since Matshot put it there; False where nothing is noted."""
    then = _noted(folder).get("beside", {}).get(os.path.basename(file))
    return then is not None and os.path.lexists(file) and then != file_digest(file)


def keep_files(folder: str, fresh: str, changed: Mapping[str, bool], beside: Sequence[str]) -> str:
    """Keep what is not Matshot's when a new plug-in takes the place of an old one.

    What was added is copied into the new folder. What would replace or shadow a file there, and what was changed, is
    copied to Matshot's folder of this user.

    Args:
        folder: of the old plug-in.
        fresh: of the new one.
        changed: as of :func:`changed_files`.
        beside: names of files beside the folder.

    Returns:
        The folder in Matshot's folder of this user, empty where nothing was copied there.

    Raises:
        OSError: when something cannot be copied.
    """
    place, name = os.path.split(folder)
    copies = [one for one in beside if is_changed(os.path.join(place, one), folder)]
    for one, added in changed.items():
        target = os.path.join(fresh, one)
        if added and not one.endswith(".py") and not os.path.lexists(target):
            _copy(os.path.join(folder, one), target)
        else:
            copies.append("/".join((name, one)))
    if not copies:
        return ""
    kept, number = os.path.join(user_folder(), "kept"), 1
    while os.path.lexists(os.path.join(kept, str(number))):
        number += 1
    for one in copies:
        _copy(os.path.join(place, one), os.path.join(kept, str(number), one))
    return os.path.join(kept, str(number))


def _copy(source: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)


def _noted(folder: str) -> Dict[str, Dict[str, str]]:
    try:
        with open(os.path.join(folder, LISTING), encoding="utf-8") as stream:
            said = json.load(stream)
    except (OSError, ValueError):
        return {}
    tables = said.items() if isinstance(said, dict) else ()
    return {name: table for name, table in tables if isinstance(table, dict)}


def _files(folder: str) -> List[str]:
    """Every file below a folder, by its name with ``/``; without caches and the listing itself."""
    found = []
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        folders[:] = [name for name in folders if name not in _CACHES]
        for name in (*names, *links):
            inside = os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/")
            if name not in _LEFT and not name.endswith(".pyc") and inside != LISTING:
                found.append(inside)
    return sorted(found)


def file_digest(path: str) -> str:
    """SHA-256 of a file; empty for links and what cannot be read."""
    if os.path.islink(path):
        return ""
    checksum = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            for piece in iter(lambda: stream.read(_PIECE), b""):
                checksum.update(piece)
        return checksum.hexdigest()
    except OSError:
        return ""
