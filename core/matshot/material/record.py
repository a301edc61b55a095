"""What a material folder says of itself: ``material.json`` and, made of the same graph, ``material.mtlx``."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matshot_host.description import DESCRIPTION
from matshot_host.graph import graph_of

from ..errors import MatshotError
from ..image.formats import stored_depth
from ..image.types import Convention, Depth, FileSource, Texture
from .materialx import DOCUMENT, material_document

if TYPE_CHECKING:
    from .types import MapKind, Material

_DESCRIPTION_VERSION = 1


def description_of(
    material: Material, files: Mapping[MapKind, str], convention: Convention = "gl", depth: Depth | None = None
) -> dict[str, Any]:
    """What a material's ``material.json`` says.

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
        maps[kind] = {"file": name, "encoding": encoding, **storage_of(texture, stored)}
    return {
        "matshot": _DESCRIPTION_VERSION,
        "name": material.name,
        "size": [material.width, material.height],
        "wrap": material.wrap,
        "physical_size": [float(side) for side in material.physical_size] if material.physical_size else None,
        "height_scale": None if material.height_scale is None else float(material.height_scale),
        "origin": material.origin,
        "parameters": dict(material.parameters),
        "maps": maps,
    }


def storage_of(texture: Texture, depth: Depth) -> dict[str, Any]:
    """How :class:`~matshot.image.writer.TextureWriter` stores a texture at a depth, as a description says it of a map."""
    source, whole = texture.source, depth in ("uint8", "uint16")
    if texture.encoding == "normal":
        signed = source is not None and source.signed and not whole
        return {"convention": source.convention if source else "gl", "signed": signed}
    if texture.encoding == "data":
        return {}
    if source is not None and source.colorspace and texture.encoding == "linear":
        return {"colorspace": source.colorspace}
    if source is not None and (source.depth in ("uint8", "uint16")) == whole:
        return {"colorspace": texture.encoding}
    return {"colorspace": "srgb" if whole else "linear"}


def with_convention(texture: Texture, convention: Convention) -> Texture:
    """A normal map that is written in a convention."""
    source = texture.source or FileSource(Path(), "uint16")
    return replace(texture, source=replace(source, convention=convention))


def write_record(description: Mapping[str, Any], folder: Path, into: Path | None = None) -> None:
    """Write ``material.json`` and ``material.mtlx`` of a folder, aside first, the description last.

    Args:
        description: to write.
        folder: that it describes; it exists.
        into: an empty folder to leave both files in for now; None to move them to the folder.

    Raises:
        MatshotError: when they cannot be written; what was there stays.
    """
    aside = into or folder / f".{uuid.uuid4().hex}.partial"
    try:
        aside.mkdir(exist_ok=True)
        document = material_document(graph_of(description, str(folder)), folder)
        (aside / DOCUMENT).write_text(document, encoding="utf-8")
        with (aside / DESCRIPTION).open("w", encoding="utf-8") as stream:
            json.dump(description, stream, indent=2, ensure_ascii=False, default=_plain)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        if into is None:
            for name in (DOCUMENT, DESCRIPTION):
                (aside / name).replace(folder / name)
    except OSError as error:
        raise MatshotError(f"{folder} could not be written: {(error.strerror or str(error)).lower()}.") from error
    finally:
        if into is None:
            shutil.rmtree(aside, ignore_errors=True)


def _plain(value: object) -> object:
    """What JSON does not know: NumPy's numbers and arrays as theirs, anything else (a path) as its text."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)
