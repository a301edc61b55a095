"""What a material folder says of itself: ``material.json`` and, made of the same graph, ``material.mtlx``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from matshot_host.description import DESCRIPTION, DOCUMENT
from matshot_host.graph import graph_of

from ..errors import MatshotError
from ..files import flush, move_files, os_reason, staging_folder
from ..image.formats import stored_depth
from ..image.types import Convention, Depth, FileSource, Texture
from ..image.writer import stored_colorspace
from .claims import WRITTEN, check_unclaimed, digests_of, own_description, written
from .materialx import material_document
from .types import MapKind, Material

#: The files beside the maps, in the order in which they take their places; the description marks completeness.
RECORD = (DOCUMENT, DESCRIPTION)

#: Version of the layout of ``material.json``.
_FORMAT_VERSION = 1


def description_of(
    material: Material, files: Mapping[MapKind, str], convention: Convention = "gl", depth: Depth | None = None
) -> dict[str, Any]:
    """The contents of a material's ``material.json``.

    Args:
        material: whose maps the files hold.
        files: by kind, relative to the folder; a map without one is left out.
        convention: of the normal map's file.
        depth: bits of the files, where they are not those of the maps' sources.
    """
    maps: dict[str, dict[str, Any]] = {}
    for kind, name in files.items():
        texture = material.maps[kind]
        if texture.encoding == "normal":
            texture = with_convention(texture, convention)
        stored = stored_depth(Path(name), depth or (texture.source.depth if texture.source else "uint8"))
        encoding = "srgb" if texture.encoding == "linear" else texture.encoding
        maps[kind] = {"file": name, "encoding": encoding, **storage_of(texture, Path(name), stored)}
    return {
        "matshot": _FORMAT_VERSION,
        "name": material.name,
        "size": [material.width, material.height],
        "wrap": material.wrap,
        "physical_size": [float(side) for side in material.physical_size] if material.physical_size else None,
        "height_scale": None if material.height_scale is None else float(material.height_scale),
        "origin": material.origin,
        "parameters": dict(material.parameters),
        "maps": maps,
        **_raw_of(material),
    }


def _raw_of(material: Material) -> dict[str, Any]:
    raw = material.raw
    if raw is None:
        return {}
    scale = None if raw.height_scale is None else float(raw.height_scale)
    return {"raw": {"maps": list(raw.kinds), "height_scale": scale}}


def storage_of(texture: Texture, path: Path, depth: Depth) -> dict[str, Any]:
    """How :class:`~matshot.image.writer.TextureWriter` stores a texture in a file, in ``material.json``'s words."""
    source, whole = texture.source, depth in ("uint8", "uint16")
    if texture.encoding == "normal":
        signed = source is not None and source.signed and not whole
        return {"convention": source.convention if source else "gl", "signed": signed}
    return {} if texture.encoding == "data" else {"colorspace": stored_colorspace(texture, path, depth)}


def with_convention(texture: Texture, convention: Convention) -> Texture:
    """A normal map that will be written in a convention."""
    source = texture.source or FileSource(Path(), "uint16")
    return replace(texture, source=replace(source, convention=convention))


def write_record(description: Mapping[str, Any], into: Path, folder: Path, fresh: Mapping[str, str]) -> None:
    """Write the files of :data:`RECORD`.

    Args:
        description: to write.
        into: folder for the files, which may be aside for now.
        folder: that they describe, where the maps are or will be.
        fresh: SHA-256 of the maps, by their files' names.

    Raises:
        MatshotError: when they cannot be written.
    """
    document = material_document(graph_of(description, str(folder)), folder)
    try:
        (into / DOCUMENT).write_text(document, encoding="utf-8", errors="backslashreplace")
        write_description(description, into, folder, {**fresh, **digests_of([DOCUMENT], into)})
    except OSError as error:
        raise MatshotError(f"{folder} could not be written: {os_reason(error)}.", repr(error)) from error


def write_description(description: Mapping[str, Any], into: Path, folder: Path, fresh: Mapping[str, str]) -> None:
    """Write ``material.json`` alone, with the notes of which files are Matshot's.

    Args:
        description: to write.
        into: folder for it, which may be aside for now.
        folder: that it describes. What is noted there already stays noted.
        fresh: SHA-256 of files that lie beside it or will, by their names.

    Raises:
        OSError: when it cannot be written.
    """
    noted = {**written(own_description(folder)), **fresh}
    whole = {"matshot": _FORMAT_VERSION, **description, WRITTEN: noted}
    contents = json.dumps(whole, indent=2, ensure_ascii=False, default=_json_value) + "\n"
    # Names of files may hold bytes that are no text; in JSON what replaces them is an escape for the same.
    (into / DESCRIPTION).write_text(contents, encoding="utf-8", errors="backslashreplace")
    flush(into / DESCRIPTION)


def replace_record(description: Mapping[str, Any], folder: Path, fresh: Mapping[str, str]) -> None:
    """Write the files of :data:`RECORD` into the folder that they describe, the description last.

    Args:
        description: to write.
        folder: where the maps are.
        fresh: SHA-256 of maps that Matshot wrote there, by their files' names.

    Raises:
        MatshotError: when they cannot be written, or Matshot did not write what is there; that stays.
    """
    with staging_folder(folder) as aside:
        write_record(description, aside, folder, fresh)
        check_unclaimed(RECORD, folder)
        move_files(RECORD, aside, folder)


def add_files(names: Sequence[str], aside: Path, folder: Path) -> None:
    """Move files beside a material's maps, and note in its ``material.json`` that they are Matshot's.

    Args:
        names: of the files.
        aside: folder on the same disk where they are whole.
        folder: of the material.

    Raises:
        MatshotError: when they cannot be moved, or Matshot did not write what is there; that stays.
    """
    check_unclaimed(names, folder)
    place_files(names, aside, folder)


def place_files(names: Sequence[str], aside: Path, folder: Path) -> None:
    """As :func:`add_files`, in the place of whatever is there.

    Raises:
        MatshotError: when they cannot be moved.
    """
    described = own_description(folder)
    if described is not None:
        try:
            write_description(described, aside, folder, digests_of(names, aside))
        except OSError as error:
            raise MatshotError(f"{folder} could not be written: {os_reason(error)}.", repr(error)) from error
    move_files([*names, *([DESCRIPTION] if described is not None else [])], aside, folder)


def _json_value(value: object) -> object:
    """NumPy's numbers and arrays as Python's, anything else that JSON does not know (a path) as its text."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)
