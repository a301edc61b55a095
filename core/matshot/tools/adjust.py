"""The adjust tool: the sliders of a capture, moved after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..capture.adjustments import AdjustOptions, adjusted_material
from ..material.folder import load_material
from ..material.types import Material
from ..progress import Listener
from .convert import ConvertOptions
from .job import OnTexture, ToolWork


def form_of(material: Material) -> ConvertOptions:
    """How a material's maps are stored, so that an adjusted one is stored alike."""
    normal = material.maps.get("normal")
    return ConvertOptions(normal=normal.source.convention if normal is not None and normal.source is not None else "gl")


def adjust_work(inputs: Sequence[Path], parameters: Mapping[str, Any]) -> ToolWork:
    """Work of ``adjust`` on a material folder; arguments as :meth:`~matshot.tools.registry.ToolEntry.work`."""
    options = AdjustOptions(**parameters)
    material = load_material(inputs[0])

    def materials(progress: Listener, on_texture: OnTexture | None) -> Iterator[Material]:
        yield adjusted_material(material, options, progress=progress)

    return ToolWork(inputs[0], materials, form=form_of(material), in_place=True, original=material)
