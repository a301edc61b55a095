"""Scenes beside a material's maps, for programs that open a scene rather than a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from matshot_host.description import SCENE_BLEND, SCENE_GLB, SCENE_USD
from matshot_host.graph import material_graph

from ..errors import MatshotError
from ..files import os_reason, staging_folder
from .claims import check_unclaimed
from .gltf import glb, left_out
from .record import add_files
from .types import Material
from .usd import usd_document

#: Which scenes are written.
Scene = Literal["none", "usd", "gltf", "both", "blend"]

#: Their files.
_FILES: dict[Scene, tuple[str, ...]] = {
    "none": (),
    "usd": (SCENE_USD,),
    "gltf": (SCENE_GLB,),
    "both": (SCENE_USD, SCENE_GLB),
    "blend": (SCENE_BLEND,),
}


def check_scenes(scene: Scene, folder: str | os.PathLike[str]) -> None:
    """Check that the files of scenes may be written.

    Raises:
        MatshotError: when Matshot did not write one that is there.
    """
    check_unclaimed(_FILES[scene], Path(folder))


def write_scenes(material: Material, folder: str | os.PathLike[str], scene: Scene) -> list[Path]:
    """Write scenes into a material's folder.

    Args:
        material: that the folder holds.
        folder: as :func:`~matshot.material.folder.save_material` wrote it.
        scene: ``usd`` for a plane in ``material.usda``, which uses the folder's maps; ``gltf`` for a plane and a ball
            in ``material.glb``, which has them inside; ``both``; or ``none``. ``blend`` is written by Blender, see
            :mod:`matshot.tools.blender_asset`.

    Returns:
        The files.

    Raises:
        MatshotError: when one cannot be written, or Matshot did not write what is there; nothing is half-written.
    """
    folder, names = Path(folder), [name for name in _FILES[scene] if name != SCENE_BLEND]
    if not names:
        return []
    check_scenes(scene, folder)
    contents = {}
    if SCENE_USD in names:
        graph = material_graph(str(folder))
        contents[SCENE_USD] = usd_document(graph, folder, material.width / material.height).encode()
    if SCENE_GLB in names:
        contents[SCENE_GLB] = glb(material)
    with staging_folder(folder) as aside:
        try:
            for name, data in contents.items():
                (aside / name).write_bytes(data)
        except OSError as error:
            raise MatshotError(f"{folder} could not be written: {os_reason(error)}.", repr(error)) from error
        add_files(names, aside, folder)
    return [folder / name for name in names]


def scene_notes(material: Material, scene: Scene) -> list[str]:
    """Sentences about what scenes will not show of a material."""
    missing = left_out(material)
    if SCENE_GLB not in _FILES[scene] or not missing:
        return []
    return [f"glTF has no place for {' and '.join(missing)}: {SCENE_GLB} is without."]
