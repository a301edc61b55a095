"""Matshot: AI texture and material tools, local and exact.

Every tool is one function. It takes a path, a :class:`Texture` or a :class:`Material` and returns the same kind: an
image becomes a texture, a material folder a material.

Example:
    >>> import matshot
    >>> from matshot.shading.procedural import brick_wall
    >>> wall = brick_wall(64)["basecolor"]
    >>> matshot.upscale(wall, scale=2)
    <Texture 128 x 128, 3 channels, srgb, tiles on x and y>

Importing the package is cheap: what a name needs is loaded when the name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from matshot_host import __version__

if TYPE_CHECKING:
    from .api import adjust, convert, multiply, oneshot, preview, style, tile, twoshot, upscale
    from .errors import Cancelled, MatshotError
    from .image.reader import read_texture
    from .image.types import Texture
    from .image.writer import write_texture
    from .material.folder import load_material, save_material
    from .material.types import Material

__all__ = [
    "Cancelled",
    "Material",
    "MatshotError",
    "Texture",
    "__version__",
    "adjust",
    "convert",
    "load_material",
    "multiply",
    "oneshot",
    "preview",
    "read_texture",
    "save_material",
    "style",
    "tile",
    "twoshot",
    "upscale",
    "write_texture",
]

_MODULES = {
    "Cancelled": "errors",
    "Material": "material.types",
    "MatshotError": "errors",
    "Texture": "image.types",
    "adjust": "api",
    "convert": "api",
    "load_material": "material.folder",
    "multiply": "api",
    "oneshot": "api",
    "preview": "api",
    "read_texture": "image.reader",
    "save_material": "material.folder",
    "style": "api",
    "tile": "api",
    "twoshot": "api",
    "upscale": "api",
    "write_texture": "image.writer",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, also those that are not loaded yet."""
    return sorted({*globals(), *__all__})
