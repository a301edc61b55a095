"""The preview tool: pictures of materials in folders and of images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..material.types import Material
from ..progress import Listener
from ..shading.preview import preview, variations_sheet
from .assets import image_material, read_asset
from .job import OnTexture, ToolWork


def shown_material(path: Path) -> Material:
    """What a preview shows of a path: the material of a folder, or an image, whose wrap is measured.

    Raises:
        MatshotError: for what cannot be read.
    """
    return read_asset(path, wrap=None if path.is_dir() else "auto").material


def preview_work(inputs: Sequence[Path], parameters: Mapping[str, Any]) -> ToolWork:
    """Work of ``preview``: one picture of a material, or of several on one sheet."""
    shown = [shown_material(path) for path in inputs]

    def materials(progress: Listener, on_texture: OnTexture | None) -> Iterator[Material]:
        if len(shown) == 1:
            yield image_material(preview(shown[0], **parameters, progress=progress))
        else:
            yield image_material(variations_sheet(shown, **parameters, progress=progress))

    return ToolWork(inputs[0], materials, image=True, name=shown[0].name, endings=("_preview",), suffix=".png")
