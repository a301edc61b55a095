"""The synthesis tools on images and material folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from matshot_host.tools import MULTIPLY, STYLE, TILE

from ..material.types import Material
from ..options import ToolOptions
from ..progress import Listener
from ..synthesis.multiply import MultiplyOptions, variations
from ..synthesis.painting import Painting
from ..synthesis.style import StyleOptions, style
from ..synthesis.tile import TileOptions, tile
from .assets import Asset, asset_work, check_exists, painted_image, read_asset
from .job import OnTexture, ToolWork


def multiply_work(inputs: Sequence[Path], parameters: Mapping[str, Any]) -> ToolWork:
    """Work of ``multiply``; arguments as :meth:`~matshot.tools.registry.ToolEntry.work`."""
    options = MultiplyOptions(**_own(MultiplyOptions, parameters))
    asset = _source(inputs[0], MultiplyOptions, parameters)
    painting = painting_of(options)
    # Results tell which files they were made with, but not where those were.
    names: dict[str, Any] = {one.name: Path(getattr(options, one.name)).name for one in MULTIPLY.files}
    options = replace(options, **names)

    def materials(progress: Listener, on_texture: OnTexture | None) -> Iterator[Material]:
        return variations(asset.material, options, painting=painting, progress=progress, shown=on_texture)

    endings = tuple(f"_{options.seed + number}" for number in range(options.count)) if options.count > 1 else ("",)
    return asset_work(asset, inputs[0], materials, endings)


def painting_of(options: MultiplyOptions) -> Painting:
    """Guides and masks read from the files that options name.

    Raises:
        MatshotError: for files that are missing or cannot be read.
    """
    images: dict[str, Any] = {
        name: painted_image(path, MULTIPLY.parameter(name).label)
        for name in ("source_guide", "target_guide", "source_mask", "target_mask")
        if (path := getattr(options, name))
    }
    if not options.fill_from:
        return Painting(**images)
    check_exists(options.fill_from, MULTIPLY.parameter("fill_from").label)
    return Painting(**images, fill_from=read_asset(options.fill_from, wrap="auto").material)


def tile_work(inputs: Sequence[Path], parameters: Mapping[str, Any]) -> ToolWork:
    """Work of ``tile``."""
    options = TileOptions(**_own(TileOptions, parameters))
    asset = _source(inputs[0], TileOptions, parameters)
    protect = painted_image(options.protect, TILE.parameter("protect").label) if options.protect else None
    options = replace(options, protect=Path(options.protect).name)

    def materials(progress: Listener, on_texture: OnTexture | None) -> Iterator[Material]:
        yield tile(asset.material, options, protect=protect, progress=progress)

    return asset_work(asset, inputs[0], materials)


def style_work(inputs: Sequence[Path], parameters: Mapping[str, Any]) -> ToolWork:
    """Work of ``style`` on the content and the look."""
    options = StyleOptions(**_own(StyleOptions, parameters))
    asset = _source(inputs[0], StyleOptions, parameters)
    look = read_asset(inputs[1], wrap="auto").material
    own, other, mask = (
        painted_image(path, STYLE.parameter(name).label) if (path := getattr(options, name)) else None
        for name in ("content_guide", "style_guide", "mask")
    )
    names: dict[str, Any] = {one.name: Path(getattr(options, one.name)).name for one in STYLE.files}
    options = replace(options, **names)

    def materials(progress: Listener, on_texture: OnTexture | None) -> Iterator[Material]:
        yield style(asset.material, look, options, guides=(own, other), mask=mask, progress=progress, shown=on_texture)

    return asset_work(asset, inputs[0], materials)


def _own(options: type[ToolOptions], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the tool's function."""
    return {name: value for name, value in parameters.items() if options.has(name)}


def _source(path: Path, options: type[ToolOptions], parameters: Mapping[str, Any]) -> Asset:
    """What is at a path, read with the parameters that the tool's function does not take."""
    return read_asset(path, **{name: value for name, value in parameters.items() if not options.has(name)})
